"""Least eigenvalues proved in double precision: Rump's verified Cholesky, and Rayleigh quotients.

A floating Cholesky that runs to completion proves a matrix positive definite after an offset
that covers its own rounding (S. M. Rump, *Verification of positive definiteness*, BIT 46 (2006),
Theorem 2.3). Quotients carry a-priori bounds (N. J. Higham, *Accuracy and Stability of Numerical
Algorithms*, section 3.1: ``gamma_k = k u / (1 - k u)``, whatever the order of summation). The
matrices here are scaled to entries of at most 1, so that underflow, even flushed to zero, is a
constant that is added (:data:`TINY`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.linalg
from flint import arb
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNIT = 2.0**-53
#: more than an underflowing operation can lose, also where denormal numbers are flushed to zero
TINY = 2.0**-1020
#: Rump's offset is doubled: a vendor's BLAS sums in another order and may multiply by reciprocals of pivots
RUMP = 2.0
# beyond this size Lanczos is faster than a partial tridiagonal solver
_LANCZOS_SIZE = 300


def gamma(k: int) -> float:
    """Return ``k u / (1 - k u)``, rounded up: it bounds the relative error of k operations in any order.

    Source: N. Higham, *Accuracy and Stability of Numerical Algorithms*, Lemma 3.1.

    Raises
    ------
    ValueError
        If there are so many that nothing is bounded.
    """
    if k * UNIT > 2.0**-24:
        raise ValueError(f"{k} operations in a row are more than rounding bounds allow: use smaller sums")
    return k * UNIT / (1 - k * UNIT) * (1 + 4 * UNIT)


def rump_offset(diagonal: Array) -> float:
    """Return how far the diagonal ``(n,)`` must be lowered for a completed floating Cholesky to be a proof.

    Rump's ``phi tr A`` with ``phi = gamma_(n+1) / (1 - gamma_(n+1))``; three more units cover the rounding of the
    diagonal itself, shifted and lowered.
    """
    n = len(diagonal)
    phi = gamma(n + 4) / (1 - gamma(n + 4))
    trace = float(np.sum(diagonal)) * (1 + 2 * n * UNIT)
    return RUMP * (phi * trace + TINY * n * (2 * (n + 1) + float(diagonal.max()))) * (1 + 8 * UNIT)


def proved_factor(upper: Array, shift: float, slack: float = 0.0) -> Array | None:
    """Prove ``matrix - shift I`` positive definite (strictly) by a floating Cholesky that runs to completion.

    Parameters
    ----------
    upper
        ``(n, n)`` doubles of which the upper triangle counts.
    slack
        The spectral norm of what may be added to the matrix.

    Returns
    -------
    Array or None
        The floating factor, in the layout of LAPACK (for :func:`solve`), or None where nothing is proved.
    """
    diagonal = np.diag(upper) - shift
    if not np.all(np.isfinite(diagonal)) or np.any(diagonal <= 0):
        return None
    return _factor(upper, diagonal - (rump_offset(diagonal) + slack) * (1 + 4 * UNIT))


def _factor(upper: Array, diagonal: Array) -> Array | None:
    if not np.all(diagonal > 0):
        return None
    work = np.array(upper, order="C")
    np.fill_diagonal(work, diagonal)
    # the transposed view has LAPACK's layout: its lower triangle is our upper one, and nothing is copied
    factor, failed = scipy.linalg.lapack.dpotrf(work.T, lower=1, clean=0, overwrite_a=1)
    # NaN or infinity anywhere in the triangle reaches the diagonal
    return factor if failed == 0 and np.all(np.isfinite(np.diag(factor))) else None


def solve(factor: Array, vector: Array) -> Array:
    """Apply the inverse of the factored matrix to ``vector`` ``(n,)``."""
    return np.asarray(scipy.linalg.lapack.dpotrs(factor, vector, lower=1)[0]).ravel()


def quotient(upper: Array, vector: Array) -> arb:
    """Enclose the Rayleigh quotient of ``vector`` ``(n,)`` by a-priori rounding bounds.

    ``|fl(v'(A v)) - v'A v| <= gamma_2n |v|'|A||v|`` and ``|fl(v'v) - v'v| <= gamma_n v'v``
    (Higham); computed bounds are doubled for their own rounding.
    """
    n = len(vector)
    size = float(np.max(np.abs(vector)))
    if not (0 < size < math.inf):
        return arb("nan")
    v = vector / size
    v[np.abs(v) < 2.0**-400] = 0.0  # no product of entries of v may underflow
    magnitude = np.abs(v)
    top = float(v @ _times(upper, v))
    reach = float(magnitude @ _times(np.abs(upper), magnitude))
    square = float(v @ v)
    return arb(top, 2 * gamma(2 * n + 2) * reach + 8 * n * n * TINY) / arb(square, 2 * gamma(n + 2) * square)


def _times(upper: Array, vector: Array) -> Array:
    return np.asarray(scipy.linalg.blas.dsymv(1.0, upper.T, vector, lower=1))


def enclose_least(upper: Array) -> tuple[arb, arb]:
    """Enclose the least eigenvalue of a scaled symmetric matrix in double precision.

    Parameters
    ----------
    upper
        ``(n, n)`` finite doubles of magnitude at most 1 (the upper triangle counts).

    Returns
    -------
    lower, upper
        Exact ends; ``lower`` is minus infinity where nothing was proved.
    """
    flushed = len(upper) * TINY  # what flushing denormal entries to zero may change
    found = quotient(upper, _least_vector(upper))
    if not found.is_finite():
        return arb("-inf"), arb("inf")
    above = (found + flushed).upper()
    middle = float(found.mid())
    room = rump_offset(np.maximum(np.diag(upper) - middle, 0.0))
    # beyond the first try also by units of the quotient itself: a multiple of the identity leaves no other room
    for factor, units in (
        (1.125, 0),
        (2.0, 8),
        (8.0, 64),
        (64.0, 1024),
        (1024.0, 2**14),
        (2.0**20, 2**20),
        (2.0**35, 0),
    ):
        shift = middle - factor * room - units * UNIT * abs(middle)
        if proved_factor(upper, shift) is not None:
            return (arb(shift) - flushed).lower(), above
    return arb("-inf"), above


def _least_vector(upper: Array) -> Array:
    """Return an approximate eigenvector of the least eigenvalue, proved by nobody."""
    n = len(upper)
    try:
        if n <= 64:
            return np.linalg.eigh(upper, UPLO="U")[1][:, 0]
        if n <= _LANCZOS_SIZE:
            return scipy.linalg.eigh(upper, lower=False, subset_by_index=[0, 0], check_finite=False)[1][:, 0]
        return _by_lanczos(upper)
    except np.linalg.LinAlgError:
        return np.ones(n)


def _by_lanczos(upper: Array) -> Array:
    """Return the vector by Lanczos on the matrix, then on the inverse of a shifted Cholesky factorization."""
    n = len(upper)
    diagonal = np.diag(upper)
    room = rump_offset(np.maximum(diagonal - min(0.0, float(diagonal.min())), 0.0))
    start = np.random.default_rng(0).standard_normal(n)
    value, vector, residual = _lanczos(lambda x: -_times(upper, x), start, 30, 0.0)
    value = -value
    # a Gram matrix is factored at a shift just below 0; otherwise the residual says how far below to go
    shifts = [-2 * room] if value > -room else []
    shifts += [value - k * (residual + room) for k in (1.1, 4.0, 16.0, 64.0)]
    for shift in sorted(shifts, reverse=True):
        factor = _factor(upper, diagonal - shift)
        if factor is not None:
            tolerance = 0.02 * room / max(abs(value - shift), room, TINY)
            vector = _lanczos(partial(solve, factor), vector, 60, tolerance)[1]
            # once more: what is left of distant eigenvectors weighs little in the inverse, but much in the quotient
            return solve(factor, vector / np.linalg.norm(vector))
    return vector


def _lanczos(apply: Callable[[Array], Array], start: Array, steps: int, tolerance: float) -> tuple[float, Array, float]:
    """Return the largest Ritz value, its vector and its residual, with full reorthogonalization.

    It stops when the Ritz value moves by less than ``tolerance`` of itself in each of two steps.
    """
    n = len(start)
    steps = min(steps, n)
    basis, alpha, beta = np.zeros((steps, n)), np.zeros(steps), np.zeros(steps)
    basis[0] = start / np.linalg.norm(start)
    value, still = -math.inf, 0
    for k in range(steps):
        image = apply(basis[k])
        alpha[k] = basis[k] @ image
        for _ in range(2):
            image = image - (basis[: k + 1] @ image) @ basis[: k + 1]
        beta[k] = np.linalg.norm(image)
        values, vectors = scipy.linalg.eigh_tridiagonal(alpha[: k + 1], beta[:k])
        still = still + 1 if values[-1] - value <= tolerance * abs(values[-1]) else 0
        value = float(values[-1])
        if still == 2 or k + 1 == steps or beta[k] <= 2.0**-45 * abs(value):
            break
        basis[k + 1] = image / beta[k]
    return value, vectors[:, -1] @ basis[: k + 1], float(beta[k] * abs(vectors[-1, -1]))
