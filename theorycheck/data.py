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
from numpy.typing import NDArray

from .data_angles import UNIT, checked, directions, exponents, least_sine, parallel_pairs, scaled_norms, unit_rows
from .data_files import SETS, BadInput, nearest, read

__all__ = ["SETS", "BadInput", "DataSet", "least_sine", "load", "parallel_pairs"]

Array = NDArray[np.float64]
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
        inputs = checked(self.inputs)
        labels = np.array(self.labels, dtype=float)
        if labels.shape != (len(inputs),) or not np.isfinite(labels).all():
            raise BadInput(
                f"labels have shape {labels.shape} for {len(inputs)} inputs: give one finite label for each row"
            )
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
        A text file has a header if no cell of its first line is a number; a .npz file holds X and y.
    rows
        How many rows to keep: the first ones, after a shuffle if ``seed`` is given.
    columns, label_column
        Names or indices of the input columns (separated by commas) and of the label; by default
        the label is the (first) target of a bundled set and the last column of a file.
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


def _standardise(values: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Columns of (n, d) with mean 0 and variance 1, and which were constant (then exactly 0).

    Scaling by powers of two keeps 1e300 and 1e-300 in range; subtracting the first row before
    the mean keeps the digits of columns that vary little around a large value.
    """
    small = np.ldexp(values, -exponents(values, 0))
    shifted = small - small[0]
    shifted = np.ldexp(shifted, -exponents(shifted, 0))
    centred = shifted - shifted.mean(axis=0)
    constant = np.all(values == values[0], axis=0)
    centred[:, constant] = 0.0
    deviation = np.sqrt(np.mean(centred**2, axis=0))
    return centred / np.where(constant, 1.0, deviation), constant


def _scale_inputs(values: Array, names: tuple[str, ...], scale: str) -> tuple[Array, list[str]]:
    """Scale inputs (n, d) as :func:`load` says, with notes."""
    count, width = values.shape
    if scale == "none":
        norms = scaled_norms(values)[1]
        with np.errstate(over="ignore"):
            largest = float(np.ldexp(norms, exponents(values, 1)).max())
        above = largest > 1 + (width + 8) * UNIT
        size = f"up to {largest:.3g}" if math.isfinite(largest) else "above 1.79e+308"
        return values, [
            "inputs not scaled",
            *([f"row norms are {size}, above the 1 that most theorems allow"] if above else []),
        ]
    standard, constant = _standardise(values)
    notes = [f"columns standardised over all {count} rows"]
    if constant.any():
        which = [names[j] for j in np.flatnonzero(constant)]
        more = f" and {len(which) - 5} more" if len(which) > 5 else ""
        notes.append(f"constant columns, centred to 0: {', '.join(which[:5])}{more}")
    # rounding moves a norm by less than (d + 8) units, once here and once more when somebody measures it
    shrink = 1.0 - max(2.0**-40, 2 * (width + 8) * UNIT)
    if scale == "rows":
        return unit_rows(standard) * shrink, [*notes, "rows divided by their norms"]
    largest = float(np.sqrt(np.sum(standard**2, axis=1)).max())
    return standard * (shrink / largest if largest > 0 else 1.0), [
        *notes,
        f"inputs divided by the largest norm of all {count} rows",
    ]


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
    zero, classes = directions(inputs)
    yield from _listed([f"row {i} is zero" for i in zero], "rows are zero")
    pairs = [(group[0], other) for group in classes for other in group[1:]]
    said = defaultdict(list)
    for (i, first), (k, sign) in pairs:
        same = np.array_equal(inputs[i], inputs[k])
        word = "duplicates" if same else "parallel" if sign == first else "antiparallel"
        said[word].append(f"rows {i} and {k} are {word}")
    for word, sentences in sorted(said.items()):
        yield from _listed(sentences, f"pairs of rows that are {word}")
    if len(inputs) > SEARCHED:
        yield f"least angle between rows not measured, as there are more than {SEARCHED}"
    elif not zero and not pairs and (sine := least_sine(inputs)[0]) < 1e-12:
        yield f"some rows are parallel up to rounding (least sine {sine:.1e})"
    if not labels.any():
        yield "all labels are 0"
    elif len(labels) > 1 and np.all(labels == labels[0]):
        yield f"all labels are {labels[0]:.6g}; a seed mixes the rows before the first are kept"


def _listed(sentences: list[str], more: str) -> list[str]:
    return sentences[:5] + ([f"and {len(sentences) - 5} more {more}"] if len(sentences) > 5 else [])
