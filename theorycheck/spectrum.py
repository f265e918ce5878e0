"""Certified extreme eigenvalues and singular values.

Matrices of doubles are first tried in double precision (Rump's verified Cholesky, Rayleigh
quotients with a-priori rounding bounds); small ones that need more digits, and matrices of
balls, are enclosed in balls (Arb). A certificate says which it was. Plain ``eigh`` and ``svd``
are used only to guess.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from theorycheck import spectrum_balls, spectrum_cholesky
from theorycheck.evidence import Certificate, Measured

Array = NDArray[np.float64]

#: up to this size the balls are used where doubles do not reach :data:`ENOUGH`
BALL_SIZE = 64
PRECISION = 192
#: the relative width at which double precision is enough for a small matrix
ENOUGH = 1e-9
# a Gram matrix is formed in balls up to this many products
_BALL_PRODUCTS = 2**20
_FLOATING = "Rump's verified floating Cholesky, Rayleigh quotient"
_NOTHING = (arb("-inf"), arb("inf"))


def least_eigenvalue(matrix: Array | arb_mat, radius: float = 0.0) -> Certificate:
    """Enclose the least eigenvalue of a symmetric matrix.

    Parameters
    ----------
    matrix
        ``(n, n)`` doubles, taken exactly, or a matrix of balls; the upper triangle is mirrored.
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
        If the matrix is not square or is empty, or the radius is negative.
    """
    low, high, method = _least(_square(matrix, "least", radius), radius)
    return _certificate(low, high, "lambda_min", method, matrix, radius)


def largest_eigenvalue(matrix: Array | arb_mat, radius: float = 0.0) -> Certificate:
    """Enclose the largest eigenvalue of a symmetric matrix ``(n, n)``, as :func:`least_eigenvalue` does the least."""
    low, high, method = _least(-_square(matrix, "largest", radius), radius)
    with ctx.workprec(PRECISION):
        return _certificate(-high, -low, "lambda_max", method, matrix, radius)


def spectral_norm(matrix: Array | arb_mat, radius: float = 0.0) -> Certificate:
    """Enclose the spectral norm (the largest singular value) of a real matrix.

    Parameters
    ----------
    matrix
        ``(n, N)`` doubles, taken exactly, or a matrix of balls.
    radius
        How far each entry of the true matrix may be from ``matrix``.

    Returns
    -------
    Certificate
        ``lower <= |matrix| <= upper``.

    Raises
    ------
    ValueError
        If the matrix has no rows or no columns, or the radius is negative.
    """
    n, columns = _rectangle(matrix, radius)
    if columns < n:
        matrix = matrix.transpose()  # the smaller of the two Gram matrices
    low, high, method = _least_of_gram(matrix, -1)
    with ctx.workprec(PRECISION):
        return _singular(-high, -low, "sigma_max", method, matrix, radius)


def least_singular_value(matrix: Array | arb_mat, radius: float = 0.0) -> Certificate:
    """Enclose the ``n``-th singular value ``sqrt(lambda_min(A A'))`` of a matrix ``A`` of shape ``(n, N)``.

    It measures how far the ``n`` rows are from being dependent, and is exactly 0 if ``N < n``:
    then it is not the last of the ``N`` numbers that ``svd`` returns. Parameters and errors are those
    of :func:`spectral_norm`.
    """
    n, columns = _rectangle(matrix, radius)
    if columns < n:
        # whatever the entries are: more rows than columns are dependent
        return _certificate(arb(0), arb(0), "sigma_min", "more rows than columns", matrix, 0.0)
    low, high, method = _least_of_gram(matrix, 1)
    return _singular(low, high, "sigma_min", method, matrix, radius)


def extreme_singular_values(matrix: Array | arb_mat, radius: float = 0.0) -> tuple[Certificate, Certificate]:
    """Return :func:`least_singular_value` (the ``n``-th of ``(n, N)``, 0 if ``N < n``) and :func:`spectral_norm`."""
    return least_singular_value(matrix, radius), spectral_norm(matrix, radius)


def measured_least(certificate: Certificate) -> Measured:
    """Return the certificate's number as a rigorous measured value (NaN where nothing was proved)."""
    if not (math.isfinite(certificate.lower) and math.isfinite(certificate.upper)):
        return Measured(math.nan, math.inf)
    return Measured.between(certificate.lower, certificate.upper, rigorous=True)


def _square(matrix: Any, which: str, radius: float) -> Any:
    shape = _shape(matrix)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
        raise ValueError(
            f"the {which} eigenvalue needs a square matrix with at least one row, not one of shape {shape}"
        )
    _rectangle(matrix, radius)
    return matrix if isinstance(matrix, arb_mat) else np.asarray(matrix, dtype=float)


def _rectangle(matrix: Any, radius: float) -> tuple[int, int]:
    shape = _shape(matrix)
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"singular values need a matrix with at least one row and one column, not shape {shape}")
    if radius < 0:
        raise ValueError(f"a radius is a distance and cannot be negative, but {radius!r} was given")
    return shape[0], shape[1]


def _shape(matrix: Any) -> tuple[int, ...]:
    return (matrix.nrows(), matrix.ncols()) if isinstance(matrix, arb_mat) else np.shape(matrix)


def _least(matrix: Any, radius: float) -> tuple[arb, arb, str]:
    """Enclose the least eigenvalue of a square matrix and say how."""
    n = _shape(matrix)[0]
    with ctx.workprec(PRECISION):
        spread = n * _radius(radius)  # the spectral norm of a matrix with entries up to the radius
        if isinstance(matrix, arb_mat):
            rows = [[matrix[min(i, k), max(i, k)] for k in range(n)] for i in range(n)]
            low, high, method = _by_balls(arb_mat(rows))
            return low - spread, high + spread, method
        upper = np.triu(matrix)
        low, high, method = _by_floats(upper, 0.0)
        if n <= BALL_SIZE and not _tight(low, high) and np.all(np.isfinite(upper)):
            low, high, method = _by_balls(arb_mat((upper + np.triu(upper, 1).T).tolist()))
        return low - spread, high + spread, method


def _least_of_gram(matrix: Any, sign: int) -> tuple[arb, arb, str]:
    """Enclose the least eigenvalue of ``sign A A'``; for balls, of every matrix within them."""
    n, columns = _shape(matrix)
    with ctx.workprec(PRECISION):
        if not isinstance(matrix, arb_mat):
            rows = np.asarray(matrix, dtype=float)
            low, high, method = _gram_by_floats(rows, sign)
            small = n <= BALL_SIZE and n * n * columns <= _BALL_PRODUCTS
            if _tight(low, high) or not small or not np.all(np.isfinite(rows)):
                return low, high, method
            vectors = _left_vectors(rows)
            matrix = arb_mat(rows.tolist())
        else:
            vectors = None
        return _by_balls(spectrum_balls.symmetric(matrix * matrix.transpose() * sign), vectors)


def _left_vectors(rows: Array) -> Array | None:
    try:
        return np.asarray(np.linalg.svd(rows / (np.max(np.abs(rows)) or 1.0), full_matrices=False)[0])
    except np.linalg.LinAlgError:
        return None


def _by_floats(upper: Array, slack: float) -> tuple[arb, arb, str]:
    """Enclose the least eigenvalue of every matrix within ``slack`` (spectral norm) of the doubles."""
    scaled, power = _scaled(upper)
    if scaled is None:
        return *_NOTHING, _FLOATING
    if not np.any(scaled):
        return arb(-slack), arb(slack), "the zero matrix"
    scale = arb(2) ** power
    low, high = spectrum_cholesky.enclose_least(scaled)
    return low * scale - slack, high * scale + slack, _FLOATING


def _gram_by_floats(rows: Array, sign: int) -> tuple[arb, arb, str]:
    scaled, power = _scaled(rows)
    if scaled is None:
        return *_NOTHING, _FLOATING
    n, columns = scaled.shape
    gram = scaled @ scaled.T
    # |fl(S S') - S S'| <= gamma_N |S||S|' entry by entry, and the norm of |S||S|' is at most |S|_F^2
    energy = float(np.trace(gram)) * (1 + 2 * spectrum_cholesky.gamma(n + columns))
    slack = spectrum_cholesky.gamma(columns) * energy + 8 * n * columns * spectrum_cholesky.TINY
    low, high, method = _by_floats(sign * gram, slack * (1 + 2.0**-40) if np.any(rows) else 0.0)
    scale = arb(2) ** (2 * power)
    return low * scale, high * scale, method


def _scaled(matrix: Array) -> tuple[Array | None, int]:
    """Return the matrix divided by a power of two, largest entry in [1/2, 1), and the power; None if not finite."""
    size = max(float(matrix.max()), -float(matrix.min()))
    if not math.isfinite(size):
        return None, 0
    power = math.frexp(size)[1]
    if power == 0:
        return matrix, 0
    # two factors, because 2^-power itself may overflow; what underflows is part of TINY
    return (matrix * 2.0 ** (-(power // 2))) * 2.0 ** (power // 2 - power), power


def _by_balls(matrix: arb_mat, vectors: Array | None = None) -> tuple[arb, arb, str]:
    """Enclose the least eigenvalue of every symmetric matrix within the balls, which are themselves symmetric."""
    method = f"congruence in balls at {PRECISION} bits, Rump's verified Cholesky, Rayleigh quotient"
    n = matrix.nrows()
    middle, ones = matrix.mid(), arb_mat([[1]] * n)
    if not all(x.is_finite() for x in (matrix * ones).entries()):  # as sums, because entries are slow to look at
        return *_NOTHING, method
    # Weyl: the radii move every eigenvalue by at most their largest row sum
    spread = max((x.rad() for x in ((matrix - middle) * ones).entries()), key=arb.upper)
    power = _power(middle)
    scale = arb(2) ** power
    middle = middle * (1 / scale)
    low, high = spectrum_balls.enclose_least(middle, vectors)
    return low * scale - spread, high * scale + spread, method


def _power(matrix: arb_mat) -> int:
    """Return a power of two above every entry's magnitude, and not far above the largest."""
    size = max(abs(float(x)) for x in matrix.entries())
    if 1e-290 < size < 1e290:
        return math.frexp(size)[1] + 1
    bits = ((x.man_exp()) for x in matrix.entries() if not x.is_zero())
    return max((int(exponent) + int(mantissa).bit_length() for mantissa, exponent in bits), default=0)


def _tight(low: arb, high: arb) -> bool:
    return bool(low.is_finite() and high - low <= ENOUGH * min(abs(low), abs(high)))


def _radius(radius: float) -> arb:
    return arb("inf") if math.isnan(radius) else arb(radius)


def _singular(low: arb, high: arb, name: str, method: str, matrix: Any, radius: float) -> Certificate:
    """Turn the ends of an eigenvalue of the Gram matrix into those of a singular value."""
    n, columns = _shape(matrix)
    with ctx.workprec(PRECISION):
        spread = arb(n * columns).sqrt() * _radius(radius)
        if not (high.is_finite() and spread.is_finite()):
            return _certificate(*_NOTHING, name, method, matrix, radius)
        below = arb(0) if not low > 0 else low.sqrt() - spread
        above = arb(0) if not high > 0 else high.sqrt()
        return _certificate(below if below > 0 else arb(0), above + spread, name, method, matrix, radius)


def _certificate(low: arb, high: arb, name: str, method: str, matrix: Any, radius: float) -> Certificate:
    with ctx.workprec(PRECISION):
        lower, upper = _down(low), _up(high)
    evidence = {"shape": _shape(matrix), "size": _shape(matrix)[0], "radius": radius}
    return Certificate(f"{lower!r} <= {name} <= {upper!r}", method, lower, upper, evidence)


def _up(x: arb) -> float:
    """Return a double above every number of the ball."""
    value = float(x.upper()) if x.is_finite() else math.inf
    return value if arb(value) >= x.upper() or value == math.inf else math.nextafter(value, math.inf)


def _down(x: arb) -> float:
    """Return a double below every number of the ball."""
    return 0.0 - _up(-x)
