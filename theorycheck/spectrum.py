"""Certified least eigenvalues of symmetric matrices.

Two methods, both rigorous: LDL' in balls (Arb) for small matrices and for the last digits,
and Rump's verified floating Cholesky for larger ones (S. M. Rump, *Verification of positive
definiteness*, BIT 46 (2006), Theorem 2.3). Plain ``eigvalsh`` is used only to guess.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.linalg
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from theorycheck.evidence import Certificate, Measured

#: up to this size the balls are used; beyond it, the floating Cholesky
BALL_SIZE = 64
PRECISION = 192
_UNIT = 2.0**-53
_TINY = 2.0**-1074


def least_eigenvalue(matrix: NDArray[np.float64] | arb_mat, radius: float = 0.0) -> Certificate:
    """Enclose the least eigenvalue of a symmetric matrix.

    Parameters
    ----------
    matrix
        ``(n, n)`` doubles, taken exactly (the upper triangle is mirrored), or a matrix of balls.
    radius
        How far each entry of the true matrix may be from ``matrix``; the certificate covers
        every symmetric matrix within it.

    Returns
    -------
    Certificate
        ``lower <= lambda_min <= upper``; infinite ends where nothing could be proved
        (non-finite entries).

    Raises
    ------
    ValueError
        If the matrix is not square or is empty.
    """
    shape = (matrix.nrows(), matrix.ncols()) if isinstance(matrix, arb_mat) else np.shape(matrix)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
        raise ValueError(f"the least eigenvalue needs a square matrix with at least one row, not one of shape {shape}")
    if isinstance(matrix, arb_mat) or shape[0] <= BALL_SIZE:
        with ctx.workprec(PRECISION):
            return _by_balls(_to_balls(matrix, radius))
    return _by_cholesky(np.asarray(matrix, dtype=float), radius)


def measured_least(certificate: Certificate) -> Measured:
    """Return the certificate's number as a rigorous measured value (NaN where nothing was proved)."""
    if not (math.isfinite(certificate.lower) and math.isfinite(certificate.upper)):
        return Measured(math.nan, math.inf)
    return Measured.between(certificate.lower, certificate.upper, rigorous=True)


def _to_balls(matrix: Any, radius: float) -> arb_mat:
    if isinstance(matrix, arb_mat) and radius == 0.0:
        return matrix
    if isinstance(matrix, arb_mat):
        n, spread = matrix.nrows(), arb(0, radius)
        return arb_mat([[matrix[i, k] + spread for k in range(n)] for i in range(n)])
    rows = np.asarray(matrix, dtype=float)
    if not np.all(np.isfinite(rows)):
        return arb_mat([[arb("nan")]])
    n = len(rows)
    entry = (lambda x: arb(x, radius)) if radius else arb
    return arb_mat([[entry(float(rows[min(i, k), max(i, k)])) for k in range(n)] for i in range(n)])


def _is_positive_definite(matrix: arb_mat, shift: arb) -> bool:
    """Prove ``matrix - shift I`` positive definite by LDL' in balls; False proves nothing."""
    n = matrix.nrows()
    rows = [[matrix[i, k] for k in range(n)] for i in range(n)]
    for i in range(n):
        rows[i][i] -= shift
    for k in range(n):
        pivot = rows[k][k]
        if not pivot > 0:
            return False
        for i in range(k + 1, n):
            factor = rows[k][i] / pivot
            for j in range(i, n):
                rows[i][j] -= factor * rows[k][j]
    return True


def _rayleigh(matrix: arb_mat, vector: arb_mat) -> arb:
    """Return the Rayleigh quotient, an upper bound of the least eigenvalue for every vector."""
    image = matrix * vector
    top = (vector.transpose() * image)[0, 0]
    return top / (vector.transpose() * vector)[0, 0]


def _best_quotient(matrix: arb_mat) -> arb:
    """Return a Rayleigh quotient close to the least eigenvalue, by inverse iteration."""
    middle = matrix.mid()
    n = matrix.nrows()
    # scaled in balls: the entries themselves may lie outside the range of doubles
    scale = max((abs(middle[i, i]) for i in range(n)), key=lambda x: x.mid())
    floats = np.array([[float((middle[i, k] / scale).mid()) if scale > 0 else 0.0 for k in range(n)] for i in range(n)])
    vector = arb_mat([[float(x)] for x in np.linalg.eigh(np.nan_to_num(floats))[1][:, 0]])
    best = _rayleigh(matrix, vector)
    for _ in range(4):
        try:
            vector = middle.solve(vector).mid()
        except (ZeroDivisionError, ValueError):
            break
        size = sum((abs(vector[i, 0]) for i in range(n)), arb(0)).mid()
        if not size > 0:
            break
        vector = arb_mat([[(vector[i, 0] / size).mid()] for i in range(n)])
        quotient = _rayleigh(matrix, vector)
        if quotient.is_finite() and quotient.mid() < best.mid():
            best = quotient
    return best


def _by_balls(matrix: arb_mat) -> Certificate:
    method = f"LDL' in balls at {PRECISION} bits, Rayleigh quotient"
    n = matrix.nrows()
    finite = all(matrix[i, k].is_finite() for i in range(n) for k in range(n))
    if not finite:
        return _certificate(-math.inf, math.inf, method, n)
    quotient = _best_quotient(matrix)
    upper = _up(quotient)
    guess, spread = quotient.mid(), abs(quotient.mid()) + quotient.rad()
    size = max(
        (abs(matrix[i, k]).mid() + matrix[i, k].rad() for i in range(n) for k in range(n)), key=lambda x: x.mid()
    )
    # From the most ambitious shift to the most modest: first relative to the eigenvalue
    # itself, then relative to the matrix (which always succeeds before the last).
    shifts = [guess - spread * arb(2) ** -k for k in (44, 34, 20, 8, 2)]
    shifts += [guess - size * n * arb(2) ** -k for k in (150, 120, 90, 60, 52, 45, 40, 30, 20, 10, 0)]
    shifts.append(-(arb(2) ** -1000))  # an exact zero matrix has no scale of its own
    for shift in sorted(shifts, key=lambda x: x.mid(), reverse=True):
        if _is_positive_definite(matrix, shift.mid()):
            return _certificate(min(_down(shift.mid()), upper), upper, method, n)
    return _certificate(-math.inf, upper, method, n)


def _by_cholesky(matrix: NDArray[np.float64], radius: float) -> Certificate:
    n = len(matrix)
    method = "Rump's verified floating Cholesky, Rayleigh quotient"
    symmetric = np.triu(matrix) + np.triu(matrix, 1).T
    if not (np.all(np.isfinite(symmetric)) and math.isfinite(radius)):
        return _certificate(-math.inf, math.inf, method, n)
    values, vectors = scipy.linalg.eigh(symmetric, subset_by_index=[0, 0])
    with ctx.workprec(PRECISION):
        vector = arb_mat([[float(x)] for x in vectors[:, 0]])
        upper = _up(_rayleigh(arb_mat(symmetric.tolist()), vector) + n * arb(radius))
    with np.errstate(over="ignore"):
        # the trace bounds the norm of the shifted matrix only; an indefinite one may have trace 0
        slip = 4 * n * _UNIT * (float(np.trace(np.abs(symmetric))) + n * abs(float(values[0]))) + 2.0**-1000
    for factor in (1.0, 4.0, 64.0, 1024.0, 2.0**20, 2.0**40):
        shift = float(values[0]) - factor * slip
        if _cholesky_proves(symmetric, shift):
            lower = math.nextafter(shift - math.nextafter(n * radius, math.inf), -math.inf)
            return _certificate(min(lower, upper), upper, method, n)
    return _certificate(-math.inf, upper, method, n)


def _cholesky_proves(matrix: NDArray[np.float64], shift: float) -> bool:
    """Prove ``matrix - shift I`` positive semidefinite: a floating Cholesky that runs to completion.

    Rump (2006): with ``c`` at least ``gamma tr A + 4 eta n (2(n+1) + max a_ii)``, where
    ``gamma = (n+1)u/(1-(n+1)u)``, completion on ``A - c I`` (diagonal rounded down) proves
    it. ``c`` is doubled for vendor BLAS, whose order of summation is not ours.
    """
    n = len(matrix)
    diagonal = np.nextafter(np.diag(matrix) - shift, -np.inf)
    if not np.all(np.isfinite(diagonal)) or np.any(diagonal <= 0):
        return False
    gamma = (n + 1) * _UNIT / (1 - (n + 1) * _UNIT)
    trace = float(np.sum(diagonal)) * (1 + n * _UNIT)
    offset = 2 * (gamma * trace + 4 * _TINY * n * (2 * (n + 1) + float(diagonal.max()))) * (1 + 8 * _UNIT)
    shifted = matrix.copy()
    np.fill_diagonal(shifted, np.nextafter(diagonal - offset, -np.inf))
    if np.any(np.diag(shifted) <= 0):
        return False
    try:
        factor = scipy.linalg.cholesky(shifted, lower=True, check_finite=False)
    except scipy.linalg.LinAlgError:
        return False
    return bool(np.all(np.isfinite(factor)))


def _certificate(lower: float, upper: float, method: str, n: int) -> Certificate:
    return Certificate(f"{lower!r} <= lambda_min <= {upper!r}", method, lower, upper, {"size": n})


def _up(x: arb) -> float:
    """Return a double above every number of the ball."""
    value = float(x.upper()) if x.is_finite() else math.inf
    return value if arb(value) >= x.upper() or value == math.inf else math.nextafter(value, math.inf)


def _down(x: arb) -> float:
    """Return a double below every number of the ball."""
    return -_up(-x)
