"""Hermite coefficients of activations, and duals as series with a bounded tail.

With ``h_k = He_k / sqrt(k!)`` orthonormal under the standard normal law and ``c_k(q) = E[s(sqrt(q) g) h_k(g)]``, Mehler's
formula gives ``E[s(u) s(v)] = sum_k c_k(q_u) c_k(q_v) rho^k``. By Cauchy and Schwarz what follows after K terms is at
most ``sqrt(T(q_u) T(q_v)) |rho|^K`` with ``T = E[s^2] - sum_{k<K} c_k^2``: the series knows its own error. Where no
closed form exists (tanh, softplus, elu, ...) it replaces Gauss-Hermite quadrature, which near rho = 1 is off by 1e-4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

MOST_TERMS = 512
_EPS = float(np.finfo(np.float64).eps)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


@dataclass(frozen=True)
class HermiteSeries:
    """The first coefficients of one function at n variances.

    Parameters
    ----------
    coefficients
        (n, count): ``c_k(q_i)`` in the orthonormal Hermite functions.
    second_moment
        (n,): ``E[s(sqrt(q_i) g)^2]``, by the same quadrature.
    tail
        (n,): ``second_moment - sum_k c_k^2``, not below its own rounding error.
    error
        (n,): the estimated Euclidean error of a row of ``coefficients``, and of the root of ``second_moment``.
    """

    coefficients: Array
    second_moment: Array
    tail: Array
    error: Array


def hermite_coefficients(function: Function, variances: Array, count: int) -> Array:
    """Return ``E[s(sqrt(q) g) He_k(g)] / sqrt(k!)`` for each variance q and k < count, an array (n, count).

    See :func:`hermite_series` for the parameters, the method and the errors raised.
    """
    return hermite_series(function, variances, count).coefficients


def hermite_series(function: Function, variances: Array, count: int) -> HermiteSeries:
    """Return the first ``count`` Hermite coefficients of ``s(sqrt(q) g)`` for each variance, with their error.

    Parameters
    ----------
    function
        The function s, vectorised over NumPy arrays of any shape.
    variances
        (n,): the variances q >= 0.
    count
        How many coefficients, at least 1.

    Notes
    -----
    The integral over the line is cut where the Gaussian has put out the integrand, and split into panels of 24
    Gauss-Legendre nodes, ever shorter towards 0 on both sides; all are halved until two levels agree. So a kink at 0 costs nothing (a trapezoidal rule would lose it), nor does a function that varies on the scale
    1/sqrt(q). The difference between two levels is the error stated, so an unresolved kink elsewhere is not hidden.

    Raises
    ------
    ValueError
        If a variance is negative or not finite, ``count < 1``, or the function is not finite or grows too fast.
    """
    roots = np.sqrt(_checked_variances(variances))
    if count < 1:
        raise ValueError(f"a series has at least one term, not {count}: raise count")
    reach = _reach(function, roots)
    parts, coarse = 1, _integrate(function, roots, count, reach, 1)
    while True:
        parts *= 2
        fine = _integrate(function, roots, count, reach, parts)
        norm = np.sqrt(fine[1])
        change = np.linalg.norm(fine[0] - coarse[0], axis=1) + np.abs(fine[1] - coarse[1]) / np.maximum(norm, 1e-300)
        if parts >= 8 or (change <= 64 * _EPS * norm).all():
            break
        coarse = fine
    error = change + 8 * _EPS * norm
    remainder = np.maximum(fine[1] - np.sum(fine[0] ** 2, axis=1), 0)
    return HermiteSeries(fine[0], fine[1], remainder + 4 * error * norm, error)


def dual_series(
    function: Function, variances: Array, correlations: Array, tolerance: float = 1e-13
) -> tuple[Array, Array]:
    """Return ``E[s(u_i) s(u_l)]`` for all pairs of centred Gaussians, with an error for each.

    Parameters
    ----------
    function
        The function s, vectorised over NumPy arrays of any shape.
    variances
        (n,): ``Var u_i``.
    correlations
        (n, n): the correlations of u_i and u_l, in [-1, 1]; where the diagonal is 1, the second moment is taken.
    tolerance
        The error wanted, relative to the largest second moment; terms are doubled from 32 until it is met, up to 512.

    Returns
    -------
    value, error
        (n, n) each. The error contains the tail, the quadrature's error (estimated) and rounding. It is honest about
        functions whose series converges slowly (elu's slope near |rho| = 1), not small for them.

    Raises
    ------
    ValueError
        If the shapes do not fit, a correlation lies outside [-1, 1], or :func:`hermite_series` cannot start.
    """
    variances = _checked_variances(variances)
    correlations = _checked_correlations(correlations, variances.size)
    distinct, where = np.unique(variances, return_inverse=True)
    count = 32
    while True:
        series = hermite_series(function, distinct, count)
        parts = (series.coefficients, series.second_moment, series.tail, series.error)
        value, error = _summed(HermiteSeries(*(part[where] for part in parts)), correlations)
        if count >= MOST_TERMS or error.max() <= tolerance * series.second_moment.max():
            return value, error
        count *= 2


def _summed(series: HermiteSeries, correlations: Array) -> tuple[Array, Array]:
    """Return the sum over k by Horner's rule, and its error: tail + quadrature + rounding."""
    c = series.coefficients
    count = c.shape[1]
    value = np.zeros_like(correlations)
    for k in range(count - 1, -1, -1):
        value *= correlations
        value += np.multiply.outer(c[:, k], c[:, k])
    tail = np.sqrt(np.multiply.outer(series.tail, series.tail)) * np.abs(correlations) ** count
    norm = np.sqrt(series.second_moment)
    quadrature = np.multiply.outer(series.error, norm + series.error)
    # Horner multiplies term k by 2k + 2 roundings at most; Cauchy and Schwarz bounds the sum of their sizes.
    weighted = np.sqrt((c**2 * (2 * np.arange(count) + 4)).sum(axis=1))
    error = tail + quadrature + quadrature.T + _EPS * np.multiply.outer(weighted, weighted)
    diagonal = np.flatnonzero(np.diag(correlations) == 1)
    value[diagonal, diagonal] = series.second_moment[diagonal]
    error[diagonal, diagonal] = (2 * series.error * norm + series.error**2 + _EPS * series.second_moment)[diagonal]
    return value, error


def _integrate(function: Function, roots: Array, count: int, reach: float, parts: int) -> tuple[Array, Array]:
    """Return the coefficients (n, count) and second moments (n,) by panels on [-reach, reach], each in so many parts."""
    panels = np.concatenate([[0.0], 0.5 ** np.arange(8, 0, -1), np.arange(1, reach + 1)])
    # Every panel is cut, also the short ones: a level that left some alone could not doubt them.
    edges = np.interp(np.arange(parts * (panels.size - 1) + 1) / parts, np.arange(panels.size), panels)
    half = np.diff(edges)[:, None] / 2
    right = (edges[:-1, None] + half * (1 + _NODES)).ravel()
    x = np.concatenate([-right[::-1], right])
    weights = (half * _WEIGHTS).ravel()
    # The root of the Gaussian density goes to the Hermite function and the other root to the values: both stay tame.
    root_density = np.exp(-(x**2) / 4) / (2 * np.pi) ** 0.25
    values = _values(function, np.multiply.outer(roots, x)) * root_density
    weighted = values * np.concatenate([weights[::-1], weights])
    basis = _hermite_functions(x, root_density, count)
    return weighted @ basis.T, (weighted * values).sum(axis=1)


def _hermite_functions(x: Array, root_density: Array, count: int) -> Array:
    """Return ``h_k(x) sqrt(density(x))`` for k < count, (count, x.size), by the stable three-term recurrence."""
    basis = np.empty((count, x.size))
    basis[0] = root_density
    if count > 1:
        basis[1] = x * root_density
    for k in range(1, count - 1):
        basis[k + 1] = (x * basis[k] - np.sqrt(k) * basis[k - 1]) / np.sqrt(k + 1)
    return basis


def _reach(function: Function, roots: Array) -> float:
    """Return where to cut: beyond, the function times the root of the density is below 1e-18 of its largest value.

    The Hermite functions are bounded, so it is the other root of the density and not their turning point that decides.
    """
    for reach in (13.0, 16.0, 20.0, 26.0, 34.0, 44.0):
        x = np.linspace(-reach, reach, 401)
        values = np.abs(_values(function, np.multiply.outer(roots, x))) * np.exp(-(x**2) / 4)
        ends = np.maximum(values[:, 0], values[:, -1])
        if (ends <= 1e-18 * np.maximum(values.max(axis=1), 1e-290)).all():
            return reach
    raise ValueError(
        f"the function grows too fast for a Gaussian of variance {roots.max() ** 2:.3g}: use smaller variances"
    )


def _values(function: Function, points: Array) -> Array:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        values = np.asarray(np.broadcast_to(function(points), points.shape), dtype=float)
    if not np.isfinite(values).all():
        where = points[~np.isfinite(values)][0]
        raise ValueError(
            f"the function is not finite at {where:.3g}: smaller variances or another form of it are needed"
        )
    return values


def _checked_variances(variances: Array) -> Array:
    variances = np.asarray(variances, dtype=float)
    if variances.ndim != 1 or not (np.isfinite(variances) & (variances >= 0)).all():
        raise ValueError("variances must be a vector of finite numbers that are not negative")
    return variances


def _checked_correlations(correlations: Array, n: int) -> Array:
    correlations = np.asarray(correlations, dtype=float)
    if correlations.shape != (n, n):
        raise ValueError(f"correlations must have shape ({n}, {n}), not {correlations.shape}")
    if not (np.abs(correlations) <= 1 + 1e-12).all():
        raise ValueError(
            "correlations must lie in [-1, 1] and be numbers: divide covariances by both standard deviations"
        )
    return np.clip(correlations, -1, 1)
