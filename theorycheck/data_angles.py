"""Which rows are parallel, and how near to parallel the others are.

Two rows are parallel when one is a multiple of the other as the rational numbers they are: this is
decided in whole numbers, never by a tolerance. Angles are those between lines, so that antiparallel
rows count as parallel.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .data_files import BadInput

Array = NDArray[np.float64]
UNIT = 2.0**-53  # the rounding unit
BLOCK = 2**20  # numbers held at once while looking at pairs
SUSPECTS = 200  # pairs looked at in whole numbers by least_sine


def checked(inputs: ArrayLike) -> Array:
    """Return a copy of an array (n, d) of finite floats, n and d at least 1."""
    try:
        if np.iscomplexobj(inputs):
            raise TypeError
        values = np.array(inputs, dtype=float)
    except (TypeError, ValueError):
        raise BadInput("inputs are not an array of numbers: give a 2-D array of floats") from None
    if values.ndim != 2 or not values.size:
        raise BadInput(f"inputs have shape {values.shape}: give a 2-D array with at least one row and one column")
    for i, j in np.argwhere(~np.isfinite(values))[:1]:
        raise BadInput(f"inputs hold {values[i, j]} at row {i}, column {j}: correct it or remove the row")
    return values


def exponents(values: Array, axis: int) -> NDArray[np.intc]:
    """Exponents e with 2^(e-1) <= max |values| < 2^e along an axis, kept for broadcasting."""
    return np.frexp(np.abs(values).max(axis=axis, keepdims=True))[1]


def scaled_norms(values: Array) -> tuple[Array, Array]:
    """Rows (n, d) scaled by powers of two into [-1, 1], and their norms (n, 1), which are in range."""
    scaled = np.ldexp(values, -exponents(values, 1))
    return scaled, np.sqrt(np.sum(scaled**2, axis=1, keepdims=True))


def unit_rows(values: Array) -> Array:
    """Rows of (n, d) divided by their norms, zero rows left alone."""
    scaled, norms = scaled_norms(values)
    return scaled / np.where(norms > 0, norms, 1.0)


def _integers(row: Array) -> list[int]:
    """Return whole numbers exactly proportional (by a power of two) to the floats of a row."""
    ratios = [value.as_integer_ratio() for value in row.tolist()]
    common = max(below for _, below in ratios)
    return [above * (common // below) for above, below in ratios]


def directions(inputs: Array) -> tuple[list[int], list[list[tuple[int, int]]]]:
    """Zero rows, and the classes of two or more exactly parallel rows as (row, sign) lists."""
    largest = inputs[np.arange(len(inputs)), np.abs(inputs).argmax(axis=1)]
    # Division rounds correctly, so equal ratios give equal floats: what differs here is not parallel.
    ratios = inputs / np.where(largest == 0, 1.0, largest)[:, None] + 0.0
    alike: dict[bytes, list[int]] = defaultdict(list)
    exact: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for i in np.flatnonzero(largest).tolist():
        alike[ratios[i].tobytes()].append(i)
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
    values = checked(inputs)
    zero, classes = directions(values)
    found = {(min(i, k), max(i, k), 0) for i in zero for k in range(len(values)) if i != k}
    for group in classes:
        found |= {(i, k, a * b) for place, (i, a) in enumerate(group) for k, b in group[place + 1 :]}
    return sorted(found)


def least_sine(inputs: ArrayLike) -> tuple[float, float]:
    """Measure the least sine of the angle between the lines of any two rows.

    Parameters
    ----------
    inputs
        Array (n, d) of finite floats.

    Returns
    -------
    value, error
        The true number lies within ``error`` of ``value``: (0, 0) exactly when
        :func:`parallel_pairs` finds something, else a positive value; (1, 0) for a single row,
        which has no pair. Beyond :data:`SUSPECTS` pairs that are all parallel up to rounding,
        the value is still an upper bound, but the error reaches down to 0.

    Raises
    ------
    BadInput
        If ``inputs`` is not a finite 2-D array.
    """
    values = checked(inputs)
    if len(values) < 2:
        return 1.0, 0.0
    zero, classes = directions(values)
    if zero or classes:
        return 0.0, 0.0
    units = unit_rows(values)
    # an inner product of computed unit rows is off by less than (2d + 6) units, as is a chord
    slip = 4 * (values.shape[1] + 10) * UNIT
    top = max(float(cosines.max()) for _, cosines in _cosines(units))
    if top < 0.9:
        return math.sqrt((1 - top) * (1 + top)), 3 * slip
    sines, pairs = _smallest(units, top - 2 * slip)
    if sines[0] > 1e-6:
        return float(sines[0]), slip
    suspects = pairs[:SUSPECTS][sines[:SUSPECTS] <= sines[0] + 2 * slip]
    value, error = min(_exact_sine(values[i], values[k]) for i, k in suspects)
    others = sines[SUSPECTS:]
    below = float(others[0]) - slip if len(others) else math.inf
    return value, error if below >= value else max(error, value - max(below, 0.0))


def _cosines(units: Array) -> Iterator[tuple[int, Array]]:
    """Yield (start, \\|cos\\| of rows from ``start`` on against the rows from ``start`` on), pairs i < k, else -1."""
    count = len(units)
    step = max(1, BLOCK // count)
    for start in range(0, count - 1, step):
        cosines = np.abs(units[start : start + step] @ units[start:].T)
        rows, columns = np.ogrid[: len(cosines), : count - start]
        cosines[columns <= rows] = -1.0
        yield start, cosines


def _smallest(units: Array, threshold: float) -> tuple[Array, NDArray[np.intp]]:
    """Sines (k,) in order and pairs (k, 2) of the nearest rows, at most one pair beyond the suspects.

    The inner product loses half the digits near 1, so it only selects; the sine is the product of
    the chords |u - v| and |u + v| over 2 (Kahan), which loses none.
    """
    sines, pairs = np.empty(0), np.empty((0, 2), dtype=np.intp)
    step = max(1, BLOCK // units.shape[1])
    for start, cosines in _cosines(units):
        found = np.argwhere(cosines >= threshold) + start
        for first in range(0, len(found), step):
            part = found[first : first + step]
            u, v = units[part[:, 0]], units[part[:, 1]]
            chords = np.linalg.norm(u - v, axis=1) * np.linalg.norm(u + v, axis=1) / 2
            sines, pairs = np.concatenate([sines, chords]), np.concatenate([pairs, part])
            order = np.argsort(sines, kind="stable")[: SUSPECTS + 1]
            sines, pairs = sines[order], pairs[order]
    return sines, pairs


def _exact_sine(u: Array, v: Array) -> tuple[float, float]:
    """Sine of the angle between two rows that are not parallel, from whole numbers.

    Lagrange: |u|^2 |v|^2 - (u.v)^2 = |u x v|^2 is a whole number of at least 1.
    """
    one, two = _integers(u), _integers(v)
    product = sum(a * a for a in one) * sum(b * b for b in two)
    cross = product - sum(a * b for a, b in zip(one, two, strict=True)) ** 2
    # the shift leaves the root of the quotient with 64 binary digits or more
    shift = max(0, 64 + (product.bit_length() - cross.bit_length()) // 2 + 1)
    root = math.isqrt((cross << 2 * shift) // product)
    value = math.ldexp(float(root), -shift)
    tiny = 5e-324  # below the range of floats the sine is still not 0
    return max(value, tiny), value * 4 * UNIT + tiny
