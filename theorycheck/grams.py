"""Limit Grams, tangent Grams and outputs, in blocks: memory does not grow with n times m.

The *limit Gram* is the mean of the tangent Gram over the initial weights, ``inner^2 (X X') o
E[s'(u) s'(v)]``; the *tangent Gram* belongs to concrete weights. Activations that are
piecewise linear run in compiled loops; tanh, exp and erf run as NumPy ufuncs on blocks,
which is about ten times faster than Numba's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat, ctx
from numba import prange
from numpy.typing import NDArray

from theorycheck.compiled import compile_block, compile_kernel, specialise
from theorycheck.enclose import evaluator
from theorycheck.evidence import Certificate, Measured
from theorycheck.spectrum import BALL_SIZE, PRECISION, least_eigenvalue, measured_least
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.gaussian import QU, QV, RHO, THETA, Q, dual, in_angle, mean
from theorycheck.symbolic.hermite import dual_series, hermite_coefficients

Array = NDArray[np.float64]

#: numbers held at once by a block of neurons
BLOCK = 2**20
# cosines beyond this lose digits of the angle: Kahan's formula takes over
_NEAR = 0.99


@dataclass(frozen=True)
class Gram:
    """A symmetric matrix ``(n, n)`` with a bound or estimate of the error of its entries."""

    matrix: Array
    error: float
    rigorous: bool = False


def _angle_loop(units: Any, variances: Any, cosines: Any, out: Any, near: float, entry: Any) -> None:
    n, tile = len(variances), 64  # square tiles, so that the mirrored entries stay in the cache
    count = (n + tile - 1) // tile
    for b in prange(2 * ((count + 1) // 2)):
        # short and long rows of tiles alternate: every worker gets the same share of the triangle
        block = b // 2 if b % 2 == 0 else count - 1 - b // 2
        if b % 2 == 1 and block == b // 2:
            continue
        for i in range(tile * block, min(n, tile * (block + 1))):
            for k in range(i + 1):
                cosine = cosines[i, k]
                if i == k:
                    angle = 0.0
                elif abs(cosine) < near:
                    angle = math.acos(cosine)
                else:  # Kahan: the half angle from the sum and the difference of the unit vectors
                    minus = plus = 0.0
                    for c in range(units.shape[1]):
                        minus += (units[i, c] - units[k, c]) ** 2
                        plus += (units[i, c] + units[k, c]) ** 2
                    angle = 2.0 * math.atan2(math.sqrt(minus), math.sqrt(plus))
                out[i, k] = entry(variances[i], variances[k], angle)
        for k in range(tile * (block + 1)):
            for i in range(max(k + 1, tile * block), min(n, tile * (block + 1))):
                out[k, i] = out[i, k]


def _units(inputs: Array) -> tuple[Array, Array]:
    """Return unit rows (zero rows stay zero) and norms, without overflow."""
    scale = np.max(np.abs(inputs), axis=1, keepdims=True)
    safe = np.where(scale > 0, scale, 1.0)
    shrunk = inputs / safe
    norms = np.linalg.norm(shrunk, axis=1)
    with np.errstate(over="ignore", under="ignore"):
        return shrunk / np.where(norms > 0, norms, 1.0)[:, None], norms * safe[:, 0]


@lru_cache(maxsize=256)
def _closed_form(expr: sp.Expr) -> sp.Expr | None:
    found = dual(expr, "dual")
    return None if found is None else found.closed_form


def dual_matrix(expr: sp.Expr, inputs: Array, inner: float) -> Gram:
    """Return ``E[s(g_i) s(g_k)]`` for ``g = inner X w``, ``w ~ N(0, I)``.

    Parameters
    ----------
    expr
        ``s`` as an expression of the activation's variable z.
    inputs
        ``(n, d)``.
    inner
        The scale of ``w . x`` inside the activation.

    Returns
    -------
    Gram
        From the closed form where one exists, else from the Hermite series with its
        bounded tail.
    """
    units, norms = _units(np.asarray(inputs, float))
    return _dual(expr, units, inner * norms, _cosines(units))


def _cosines(units: Array) -> Array:
    found = units @ units.T
    return np.clip(found, -1.0, 1.0, out=found)


def _dual(expr: sp.Expr, units: Array, roots: Array, cosines: Array) -> Gram:
    with np.errstate(over="ignore", under="ignore"):
        variances = roots**2
    if not np.all(np.isfinite(variances)):  # beyond the doubles: unknown, and said so
        return Gram(np.full_like(cosines, np.nan), np.inf)
    closed = _closed_form(expr)
    if closed is None:
        value, error = dual_series(compile_block((Z,), expr), variances, cosines)
        return Gram(value, float(np.max(error, initial=0.0)))
    kernel = compile_kernel("entry", (QU, QV, THETA), in_angle(closed))
    out = np.empty_like(cosines)
    specialise(_angle_loop, {"entry": kernel})(units, variances, cosines, out, _NEAR)
    # a few ulps per operation; an estimate, the proved version is `limit_gram_balls`. By Cauchy and
    # Schwarz no entry exceeds the largest of the diagonal.
    return Gram(out, 64 * np.finfo(float).eps * float(np.max(np.diag(out), initial=0.0)))


def limit_gram(activation: Activation, inputs: Array, inner: float) -> Gram:
    """Return the mean tangent Gram ``inner^2 (X X') o E[s' s']`` of unit total node scale.

    Source: caron2023, section 2.4.
    """
    units, norms = _units(np.asarray(inputs, float))
    roots, matrix = inner * norms, _cosines(units)
    slopes = _dual(activation.slope, units, roots, matrix)
    with np.errstate(all="ignore"):  # in place: at n = 2000 every copy costs as much as the product itself
        matrix *= np.multiply.outer(roots, roots)  # one product, so that the result is symmetric to the last bit
        matrix *= slopes.matrix
        largest = float(np.max(roots, initial=0.0) ** 2)
        rounding = (inputs.shape[1] + 12) * np.finfo(float).eps * float(np.max(np.diag(matrix), initial=0.0))
        return Gram(matrix, largest * slopes.error + rounding)


def dual_balls(expr: sp.Expr, covariance: arb_mat) -> arb_mat | None:
    """Return ``E[s(u_i) s(u_k)]``, ``u ~ N(0, covariance)``, as a matrix of balls, or None without a closed form.

    Parameters
    ----------
    expr
        ``s`` as an expression of the activation's variable z.
    covariance
        ``(n, n)``; entries of a row whose variance is exactly 0 are NaN.
    """
    closed = _closed_form(expr)
    if closed is None:
        return None
    n = covariance.nrows()
    with ctx.workprec(PRECISION):
        out = [[arb("nan")] * n for _ in range(n)]
        for i in range(n):
            for k in range(i + 1):
                u, v = covariance[i, i], covariance[k, k]
                if not (u.is_zero() or v.is_zero()):
                    cosine = arb(1) if i == k else covariance[i, k] / (u * v).sqrt()
                    out[i][k] = out[k][i] = evaluator({QU: u, QV: v, RHO: cosine})(closed)
        return arb_mat(out)


def limit_gram_balls(activation: Activation, inputs: Array, inner_squared: sp.Expr) -> arb_mat | None:
    """Return the limit Gram of the exact binary inputs as a matrix of balls, or None without a closed form."""
    with ctx.workprec(PRECISION):
        rows = arb_mat(inputs.tolist())
        covariance = rows * rows.transpose() * evaluator({})(inner_squared)
        slopes = dual_balls(activation.slope, covariance)
        if slopes is None:
            return None
        n = range(len(inputs))
        zero = [covariance[i, i].is_zero() for i in n]
        # a row of zeros: its inner product 0 is multiplied by a finite value, whatever that is
        entries = [[arb(0) if zero[i] or zero[k] else covariance[i, k] * slopes[i, k] for k in n] for i in n]
        return arb_mat(entries)


def least_of_limit(activation: Activation, inputs: Array, inner_squared: sp.Expr) -> tuple[Measured, Certificate]:
    """Return kappa, the least eigenvalue of the limit Gram, with its certificate.

    Proved in balls for up to 64 inputs and activations with a closed form; otherwise the
    entries' error is an estimate and ``rigorous`` is False.
    """
    exact = limit_gram_balls(activation, inputs, inner_squared) if len(inputs) <= BALL_SIZE else None
    if exact is not None:
        certificate = least_eigenvalue(exact)
        return measured_least(certificate), certificate
    gram = limit_gram(activation, inputs, float(sp.sqrt(inner_squared)))
    if not np.all(np.isfinite(gram.matrix)):
        return Measured(np.nan), Certificate("not finite", "none", -np.inf, np.inf)
    certificate = least_eigenvalue(gram.matrix, gram.error)
    found = measured_least(certificate)
    return Measured(found.value, found.error), certificate


def mean_output(activation: Activation, inputs: Array, inner: float) -> Array:
    """Return ``h_i = E s(g_i)``, ``g = inner X w``, from the closed form or by quadrature, shape ``(n,)``."""
    with np.errstate(over="ignore", under="ignore"):
        variances = (inner * _units(inputs)[1]) ** 2
    if not np.all(np.isfinite(variances)):
        return np.full(len(inputs), np.nan)
    closed = mean(activation.expr)
    if closed is None:
        return hermite_coefficients(compile_block((Z,), activation.expr), variances, 1)[:, 0]
    return compile_block((Q,), closed)(variances)


def blocks(m: int, n: int) -> Iterator[slice]:
    """Yield slices of neurons, at most :data:`BLOCK` pre-activations each."""
    step = max(1, BLOCK // max(n, 1))
    for start in range(0, m, step):
        yield slice(start, min(start + step, m))


def _gate_loop(
    inputs: Any, weights: Any, outer: Any, mass: Any, inner: float, parts: Any, out: Any, value: Any, slope: Any
) -> None:
    n, d = inputs.shape
    m = len(weights)
    workers = len(parts)
    for b in prange(workers):
        slopes = np.empty(n)
        for j in range(b * m // workers, (b + 1) * m // workers):
            for i in range(n):
                z = 0.0
                for c in range(d):
                    z += inputs[i, c] * weights[j, c]
                z *= inner
                out[b, i] += outer[j] * value(z)
                slopes[i] = slope(z)
            for i in range(n):
                if slopes[i] != 0.0:
                    for k in range(i + 1):
                        parts[b, i, k] += mass[j] * slopes[i] * slopes[k]


def output_and_slopes(
    activation: Activation, inputs: Array, weights: Array, outer: Array, mass: Array, inner: float
) -> tuple[Array, Array]:
    """Return the output ``sum_j outer_j s(z_ij)`` ``(n,)`` and ``sum_j mass_j s'(z_ij) s'(z_kj)`` ``(n, n)``.

    ``z = inner X W'``; the tangent Gram of the first layer is ``inner^2 (X X')`` times the
    second, entry by entry, with ``mass = outer^2``.
    """
    n = len(inputs)
    if activation.leak is not None:
        workers = max(2, min(64, 2**26 // (n * n + 1)))  # a Gram for each: bounded memory
        parts, out = np.zeros((workers, n, n)), np.zeros((workers, n))
        kernels = {
            "value": compile_kernel("value", (Z,), activation.expr),
            "slope": compile_kernel("slope", (Z,), activation.slope),
        }
        loop = specialise(_gate_loop, kernels)
        loop(*map(np.ascontiguousarray, (inputs, weights, outer, mass)), inner, parts, out)
        lower = parts.sum(axis=0)
        return out.sum(axis=0), lower + np.tril(lower, -1).T
    value, slope = compile_block((Z,), activation.expr), compile_block((Z,), activation.slope)
    total, gates = np.zeros(n), np.zeros((n, n))
    with np.errstate(all="ignore"):
        for block in blocks(len(weights), n):
            z = inner * (inputs @ weights[block].T)
            total += value(z) @ outer[block]
            slopes = slope(z)
            gates += (slopes * mass[block]) @ slopes.T
    return total, gates
