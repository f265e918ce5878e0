"""Least eigenvalues of small matrices to the last digit, in balls (Arb).

With approximate eigenvectors V in balls, ``A - s I`` is positive definite if the congruent
``V'(A - s I) V = (T - q N) + (q - s) N`` is, where ``T = V'A V`` and ``N = V'V``. That matrix
is computed without cancellation and is nearly diagonal: scaled to a unit diagonal it is so well
conditioned that Rump's floating Cholesky decides it, however small the eigenvalue.
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from theorycheck.spectrum_cholesky import TINY, proved_factor, solve

Array = NDArray[np.float64]

_ROUNDS = 8
# shifts 2^k below a quotient are looked for between these k, for entries of magnitude at most 1
_NEAREST, _FARTHEST = -800, 10
# bits of the eigenvalue that are enough
_ENOUGH = 56


def enclose_least(matrix: arb_mat, vectors: Array | None) -> tuple[arb, arb]:
    """Enclose the least eigenvalue of an exact symmetric matrix with entries of magnitude at most 1.

    Parameters
    ----------
    matrix
        ``(n, n)`` balls, symmetric; wide balls are better moved into a perturbation bound.
    vectors
        ``(n, n)`` approximate eigenvectors, columns; they decide how tight the ends are, not whether they hold.
        None: those of the matrix rounded to doubles.

    Returns
    -------
    lower, upper
        Exact ends; ``lower`` is minus infinity where nothing was proved.
    """
    n = matrix.nrows()
    frame = arb_mat((_float_vectors(matrix) if vectors is None else vectors).tolist())
    turned, metric = symmetric(frame.transpose() * (matrix * frame)), symmetric(frame.transpose() * frame)
    lower, upper, best = arb("-inf"), arb("inf"), math.inf
    for _ in range(_ROUNDS):
        quotients = [turned[i, i] / metric[i, i] for i in range(n)]
        if not all(x.is_finite() for x in quotients):
            break
        first = min(range(n), key=lambda i: quotients[i].mid())
        middle = quotients[first].mid()
        upper = min(upper, quotients[first].upper())
        distance, column = _nearest_shift(turned - metric * middle, metric, middle)
        lower = max(lower, (middle - arb(distance)).lower())
        if column is None or distance >= best / 2 or arb(distance) <= abs(middle) * arb(2) ** (1 - _ENOUGH):
            break
        best = distance
        # the least vector alone decides how near a shift can come: only its row and column are made anew
        better = (frame * arb_mat([[float(x)] for x in column])).mid()
        for i in range(n):
            frame[i, first] = better[i, 0]
        _replace(turned, first, frame.transpose() * (matrix * better))
        _replace(metric, first, frame.transpose() * better)
    return lower, upper


def symmetric(matrix: arb_mat) -> arb_mat:
    """Return equal balls on both sides of the diagonal; a product's may differ, although the numbers in them do not."""
    return (matrix + matrix.transpose()) * arb(0.5)


def _replace(matrix: arb_mat, k: int, column: arb_mat) -> None:
    for i in range(matrix.nrows()):
        matrix[i, k] = matrix[k, i] = column[i, 0]


def _float_vectors(matrix: arb_mat) -> Array:
    """Return approximate eigenvectors ``(n, n)``, columns, of a matrix of balls with entries of magnitude at most 1."""
    n = matrix.nrows()
    try:
        return np.linalg.eigh(np.array([float(x) for x in matrix.entries()]).reshape(n, n))[1]
    except np.linalg.LinAlgError:
        return np.eye(n)


def _nearest_shift(residual: arb_mat, metric: arb_mat, middle: arb) -> tuple[float, Array | None]:
    """Find a small ``d`` with ``T - q N + d N`` proved definite, by bisection.

    Parameters
    ----------
    residual, metric, middle
        ``T - q N``, ``N`` and ``q``.

    Returns
    -------
    distance, column
        ``d`` (infinite if nothing was proved) and the coefficients of a better vector, by inverse iteration.
    """
    system = (*_floats(residual), *_floats(metric))
    size = abs(float(middle))
    low = max(_NEAREST, math.frexp(size)[1] - _ENOUGH if size > 0 else _NEAREST)
    found, distance = _proved(system, math.ldexp(1.0, low)), math.ldexp(1.0, low)
    step = float(_FARTHEST - low)
    exponent = float(_FARTHEST)
    if found is None:
        found, distance = _proved(system, 2.0**exponent), 2.0**exponent
        while found is not None and step > 0.1:
            step /= 2
            closer = _proved(system, 2.0 ** (exponent - step))
            if closer is not None:
                exponent -= step
                found, distance = closer, 2.0**exponent
    return (math.inf, None) if found is None else (distance, _inverse_iteration(*found))


def _inverse_iteration(factor: Array, scale: Array) -> Array | None:
    column = np.ones(len(scale))
    with np.errstate(all="ignore"):
        for _ in range(12):
            column = scale * solve(factor, scale * column)
            column /= np.max(np.abs(column))
    return column if np.all(np.isfinite(column)) else None


def _proved(system: tuple[Array, Array, Array, Array], distance: float) -> tuple[Array, Array] | None:
    """Prove ``T - q N + d N`` positive definite in floats, scaled to a unit diagonal by powers of two.

    ``system`` holds the two matrices ``(n, n)``, each followed by bounds ``(n,)`` of its errors, summed over rows.
    """
    floats, errors, gram, gram_errors = system
    total = floats + distance * gram
    diagonal = np.diag(total)
    if not np.all(diagonal > 2.0**-900):
        return None
    scale = np.ldexp(1.0, -(np.frexp(diagonal)[1] // 2))
    with np.errstate(all="ignore"):
        scaled = (scale[:, None] * total) * scale
        # conversion, product and sum: each errs by at most a unit in the last place of what is summed
        wrong = 2.0**-50 * (np.abs(floats) + distance * np.abs(gram)) + TINY
        rows = scale * (wrong @ scale + (errors + distance * gram_errors) * np.max(scale))
        # the norm of a symmetric error matrix is at most its largest row sum
        slack = float(np.max(rows)) * (1 + 2.0**-40)
        factor = proved_factor(scaled, 0.0, slack) if math.isfinite(slack) else None
    return None if factor is None else (factor, scale)


def _floats(matrix: arb_mat) -> tuple[Array, Array]:
    """Return the midpoints of a matrix of balls as doubles ``(n, n)`` and the radii summed over rows ``(n,)``."""
    n = matrix.nrows()
    values = np.array([float(x) for x in matrix.entries()]).reshape(n, n)
    sums = (matrix - matrix.mid()) * arb_mat([[1]] * n)
    return values, np.array([float(sums[i, 0].rad()) for i in range(n)]) * (1 + 2.0**-40) + TINY
