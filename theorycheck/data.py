"""Real data as arrays, with everything that was done to them said.

:func:`load` reads a bundled set or a file, scales it and names the rows that break the usual
assumptions (no zero row, no two parallel rows, norms at most 1). Parallel rows are decided in
exact arithmetic on the floats as used, never by a tolerance. Rows are counted from 0.
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .data_files import SETS, BadInput, nearest, read

__all__ = ["SETS", "BadInput", "DataSet", "least_sine", "load", "parallel_pairs"]

Array = NDArray[np.float64]
UNIT = 2.0**-53  # the rounding unit
BLOCK = 2**20  # numbers held at once while looking at pairs
SUSPECTS = 200  # pairs of rows looked at in exact arithmetic by least_sine
SEARCHED = 5000  # rows up to which load() measures the least angle, which takes n^2 d steps


@dataclass(frozen=True, eq=False)
class DataSet:
    """Inputs and labels as used, both read-only, and how they came to be.

    Parameters
    ----------
    name
        The name of the bundled set or of the file.
    inputs, labels
        Arrays (n, d) and (n,) of finite floats; they are copied.
    notes
        One sentence for each thing that was done and each row that breaks an assumption.

    Attributes
    ----------
    sha256
        Of the shape and the little-endian bytes of the arrays as used.

    Raises
    ------
    BadInput
        If the shapes do not fit or an entry is not finite.
    """

    name: str
    inputs: Array
    labels: Array
    notes: tuple[str, ...] = ()
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        inputs = _checked(self.inputs)
        labels = np.array(self.labels, dtype=float)
        if labels.shape != (len(inputs),) or not np.isfinite(labels).all():
            raise BadInput(f"labels have shape {labels.shape} for {len(inputs)} inputs: give one finite label for each row")
        digest = hashlib.sha256(repr(inputs.shape).encode())
        for name, values in (("inputs", inputs), ("labels", labels)):
            digest.update(values.astype("<f8").tobytes())
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        object.__setattr__(self, "sha256", digest.hexdigest())


def load(
    source: str | PathLike[str],
    *,
    rows: int | None = None,
    columns: str | None = None,
    label_column: str | None = None,
    inputs_scale: str = "rows",
    labels_scale: str = "unit",
    seed: int | None = None,
) -> DataSet:
    """Load a bundled set or a file, scale it, keep some rows, and say what was done.

    All scaling uses the statistics of *all* rows of the source, so a row has the same values
    however many are kept, and a single row can be standardised.

    Parameters
    ----------
    source
        diabetes, wine, breast_cancer, digits, iris, linnerud, or a .csv, .tsv, .npy, .npz file.
    rows
        How many rows to keep: the first ones, after a shuffle if ``seed`` is given.
    columns, label_column
        Names or indices of the input columns (separated by commas) and of the label.
    inputs_scale
        ``"rows"``: columns standardised, then each row divided by its norm; ``"max"``: columns
        standardised, then all divided by the largest norm; ``"none"``. After the first two
        every norm is at most 1, as a real number and as computed in floats.
    labels_scale
        ``"unit"``: mean 0 and variance 1; ``"norm"``: divided by max |y|; ``"none"``.

    Raises
    ------
    BadInput
        With one sentence that names the argument at fault and the mend.
    """
    _one_of("inputs_scale", inputs_scale, ("rows", "max", "none"))
    _one_of("labels_scale", labels_scale, ("unit", "norm", "none"))
    _whole("rows", rows, 1)
    _whole("seed", seed, 0)
    table = read(source, columns, label_column)
    inputs, done = _scale_inputs(table.inputs, table.columns, inputs_scale)
    labels, labelled = _scale_labels(table.labels, labels_scale)
    kept, selected = _select(len(labels), rows, seed)
    inputs, labels = inputs[kept], labels[kept]
    notes = (*table.notes, *done, *labelled, *selected, *_broken(inputs, labels))
    return DataSet(table.name, inputs, labels, notes)


def _one_of(argument: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadInput(f"{argument} is {value!r}: choose one of {nearest(str(value), choices)}")


def _whole(argument: str, value: int | None, least: int) -> None:
    try:
        good = value is None or operator.index(value) >= least
    except TypeError:
        good = False
    if not good:
        raise BadInput(f"{argument} is {value!r}: give a whole number of at least {least}, or leave it out")


def _select(total: int, rows: int | None, seed: int | None) -> tuple[NDArray[np.intp], list[str]]:
    """Return the indices of the rows kept, and notes."""
    if rows is not None and rows > total:
        raise BadInput(f"rows is {rows}, but the source has {total}: ask for at most {total}")
    order = np.arange(total) if seed is None else np.random.default_rng(seed).permutation(total)
    notes = [] if seed is None else [f"rows shuffled with seed {seed}"]
    if rows is not None and rows < total:
        notes.append(f"the first {rows} of {total} rows kept")
    return order[:rows], notes


def _exponents(values: Array, axis: int) -> NDArray[np.intc]:
    """Exponents e with 2^(e-1) <= max |values| < 2^e along an axis, kept for broadcasting."""
    return np.frexp(np.abs(values).max(axis=axis, keepdims=True))[1]


def _standardise(values: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Columns of (n, d) with mean 0 and variance 1, and which were constant (then exactly 0).

    Scaling by powers of two keeps 1e300 and 1e-300 in range; subtracting the first row before
    the mean keeps the digits of columns that vary little around a large value.
    """
    small = np.ldexp(values, -_exponents(values, 0))
    shifted = small - small[0]
    shifted = np.ldexp(shifted, -_exponents(shifted, 0))
    centred = shifted - shifted.mean(axis=0)
    constant = np.all(values == values[0], axis=0)
    centred[:, constant] = 0.0
    deviation = np.sqrt(np.mean(centred**2, axis=0))
    return centred / np.where(constant, 1.0, deviation), constant


def _norms(values: Array) -> tuple[Array, Array]:
    """Rows (n, d) scaled by powers of two into [-1, 1], and their norms (n, 1), which are in range."""
    scaled = np.ldexp(values, -_exponents(values, 1))
    return scaled, np.sqrt(np.sum(scaled**2, axis=1, keepdims=True))


def _unit_rows(values: Array) -> Array:
    """Rows of (n, d) divided by their norms, zero rows left alone."""
    scaled, norms = _norms(values)
    return scaled / np.where(norms > 0, norms, 1.0)


def _scale_inputs(values: Array, names: tuple[str, ...], scale: str) -> tuple[Array, list[str]]:
    """Scale inputs (n, d) as :func:`load` says, with notes."""
    count, width = values.shape
    if scale == "none":
        scaled, norms = _norms(values)
        with np.errstate(over="ignore"):
            largest = float(np.ldexp(norms, _exponents(values, 1)).max())
        above = largest > 1 + (width + 8) * UNIT
        size = f"up to {largest:.3g}" if math.isfinite(largest) else "above 1.79e+308"
        return values, ["inputs not scaled", *([f"row norms are {size}, above the 1 that most theorems allow"] if above else [])]
    standard, constant = _standardise(values)
    notes = [f"columns standardised over all {count} rows"]
    if constant.any():
        which = [names[j] for j in np.flatnonzero(constant)]
        more = f" and {len(which) - 5} more" if len(which) > 5 else ""
        notes.append(f"constant columns, centred to 0: {', '.join(which[:5])}{more}")
    # rounding moves a norm by less than (d + 8) units, once here and once more when somebody measures it
    shrink = 1.0 - max(2.0**-40, 2 * (width + 8) * UNIT)
    if scale == "rows":
        return _unit_rows(standard) * shrink, [*notes, "rows divided by their norms"]
    largest = float(np.sqrt(np.sum(standard**2, axis=1)).max())
    return standard * (shrink / largest if largest > 0 else 1.0), [*notes, f"inputs divided by the largest norm of all {count} rows"]


def _scale_labels(labels: Array, scale: str) -> tuple[Array, list[str]]:
    """Scale labels (n,) as :func:`load` says, with notes."""
    largest = float(np.abs(labels).max())
    if scale == "none":
        return labels, ["labels not scaled"]
    if scale == "norm":
        return labels / largest if largest > 0 else labels, [f"labels divided by max |y| = {largest:.6g}"]
    standard, constant = _standardise(labels[:, None])
    if constant[0]:
        return standard[:, 0], [f"labels are all {labels[0]:.6g}: centred to 0, as their variance is 0"]
    return standard[:, 0], [f"labels standardised to mean 0 and variance 1 over all {len(labels)} rows"]


def _broken(inputs: Array, labels: Array) -> Iterator[str]:
    """Name what breaks the usual assumptions, at most five rows of each kind."""
    zero, classes = _directions(inputs)
    yield from _listed([f"row {i} is zero" for i in zero], "rows are zero")
    pairs = [(group[0], other) for group in classes for other in group[1:]]
    said = defaultdict(list)
    for (i, first), (k, sign) in pairs:
        same = np.array_equal(inputs[i], inputs[k])
        said["duplicates" if same else "parallel" if sign == first else "antiparallel"].append(f"rows {i} and {k} are ")
    for word, starts in sorted(said.items()):
        yield from _listed([start + word for start in starts], f"rows are {word} of earlier ones" if word == "duplicates" else f"rows are {word} to earlier ones")
    if len(inputs) > SEARCHED:
        yield f"least angle between rows not measured, as there are more than {SEARCHED}"
    elif not len(zero) and not pairs and least_sine(inputs)[0] < 1e-12:
        yield f"some rows are parallel up to rounding (least sine {least_sine(inputs)[0]:.1e})"
    if not labels.any():
        yield "all labels are 0"


def _listed(sentences: list[str], more: str) -> list[str]:
    return sentences[:5] + ([f"and {len(sentences) - 5} more {more}"] if len(sentences) > 5 else [])


def _checked(inputs: ArrayLike) -> Array:
    """Return a copy of an array (n, d) of finite floats, n and d at least 1."""
    try:
        values = np.array(inputs, dtype=float)
    except (TypeError, ValueError):
        raise BadInput("inputs are not an array of numbers: give a 2-D array of floats") from None
    if values.ndim != 2 or not values.size:
        raise BadInput(f"inputs have shape {values.shape}: give a 2-D array with at least one row and one column")
    for i, j in np.argwhere(~np.isfinite(values))[:1]:
        raise BadInput(f"inputs hold {values[i, j]} at row {i}, column {j}: correct it or remove the row")
    return values


def _integers(row: Array) -> list[int]:
    """Return whole numbers exactly proportional (by a power of two) to the floats of a row."""
    ratios = [value.as_integer_ratio() for value in row.tolist()]
    common = max(below for _, below in ratios)
    return [above * (common // below) for above, below in ratios]


def _directions(inputs: Array) -> tuple[list[int], list[list[tuple[int, int]]]]:
    """Zero rows, and the classes of two or more exactly parallel rows as (row, sign) lists."""
    largest = inputs[np.arange(len(inputs)), np.abs(inputs).argmax(axis=1)]
    # Division rounds correctly, so equal ratios give equal floats: what differs here is not parallel.
    ratios = inputs / np.where(largest == 0, 1.0, largest)[:, None] + 0.0
    alike, exact = defaultdict(list), defaultdict(list)
    for i in np.flatnonzero(largest):
        alike[ratios[i].tobytes()].append(int(i))
    for i in (i for group in alike.values() if len(group) > 1 for i in group):
        sign = 1 if largest[i] > 0 else -1
        whole = _integers(inputs[i])
        common = math.gcd(*whole) * sign
        exact[tuple(number // common for number in whole)].append((i, sign))
    return np.flatnonzero(largest == 0).tolist(), [group for group in exact.values() if len(group) > 1]


def parallel_pairs(inputs: ArrayLike) -> list[tuple[int, int, int]]:
    """Find all pairs of exactly parallel rows, decided in whole numbers.

    Parameters
    ----------
    inputs
        Array (n, d) of finite floats.

    Returns
    -------
    list of (i, k, sign)
        With i < k, in order; sign is 1 for a positive multiple, -1 for a negative one, and 0
        where one of the rows is zero, which is parallel to every row.

    Raises
    ------
    BadInput
        If ``inputs`` is not a finite 2-D array.
    """
    values = _checked(inputs)
    zero, classes = _directions(values)
    found = {(min(i, k), max(i, k), 0) for i in zero for k in range(len(values)) if i != k}
    for group in classes:
        found |= {(i, k, a * b) for place, (i, a) in enumerate(group) for k, b in group[place + 1 :]}
    return sorted(found)
