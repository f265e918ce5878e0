"""Gradient flow by Taylor series of order 24: the independent reference that other methods are held against.

The coefficients come from the recurrences that :mod:`theorycheck.symbolic.recurrences` derives from the activation. It
is a slow way: a step ends near the radius of convergence (five time scales of tanh, early on) or at the limit of explicit
stability (about nine), and its products of series touch memory some 600 times a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.compiled import compile_block
from theorycheck.flow._form import Form, norm
from theorycheck.flow.trajectory import FlowStalled
from theorycheck.symbolic.activations import Z
from theorycheck.symbolic.recurrences import PolynomialSystem, polynomial_system

Array = NDArray[np.float64]

#: coefficients of a step
ORDER = 24


@dataclass(frozen=True, eq=False)
class Series:
    """One step: Taylor coefficients in time of ``u``, ``v`` and the residual, at ``start``."""

    start: float
    length: float
    u: Array
    v: Array
    residual: Array

    def ends(self, time: float) -> tuple[Array, Array, Array]:
        """Return the coordinates at a time, by Horner's rule."""
        past = time - self.start
        return _horner(self.u, past), _horner(self.v, past), _horner(self.residual, past)

    def at(self, time: float) -> tuple[Array, Array | None, Array]:
        """Return ``u``, ``v`` (None where the outer weights are frozen) and the residual at a time in the step."""
        u, v, residual = self.ends(time)
        return u, v if v.size else None, residual


def march_taylor(
    form: Form, residual: Array, horizon: float, tolerance: float, budget: int
) -> Iterator[tuple[Series, int]]:
    """Yield steps and coefficients computed so far, as :func:`theorycheck.flow._waveform.march` does.

    Raises
    ------
    FlowStalled
        If the activation has no Taylor recurrences, or a number is not finite.
    """
    try:
        system = polynomial_system(form.network.activation)
    except ValueError as error:
        raise FlowStalled(f"{error}; follow it by collocation") from error
    _, m, k, c = form.sizes
    u, v = np.zeros((k, m)), np.zeros((m, c if form.gain is not None else 0))
    r, time, spent = residual, 0.0, 0
    while time < horizon and spent < budget:
        us, vs, rs = _coefficients(form, system, u, v, r)
        spent += ORDER
        step = Series(time, min(_length(form, us, vs, rs, tolerance), horizon - time), us, vs, rs)
        end = horizon if horizon - time - step.length <= 1e-13 * horizon else time + step.length
        u, v, r = step.ends(end)
        if not np.all(np.isfinite(r)):
            raise FlowStalled(f"the flow is not finite beyond t = {time:.3g}: scale the data or the weights down")
        yield step, spent
        time = end


def _coefficients(form: Form, system: PolynomialSystem, u: Array, v: Array, r: Array) -> tuple[Array, Array, Array]:
    """Return the Taylor coefficients ``(ORDER + 1, ...)`` of coordinates and residual at one time."""
    left, trained = form.left, form.gain is not None
    outer = form.network.outer
    gain = np.zeros(0) if form.gain is None else form.gain
    us, rs, vs = (np.zeros((ORDER + 1, *part.shape)) for part in (u, r, v))
    us[0], vs[0], rs[0] = u, v, r
    outers = np.zeros((ORDER + 1, *outer.shape))
    outers[0] = outer + gain[:, None] * v if trained else outer
    z = np.zeros((ORDER + 1, *form.base.shape))
    z[0] = form.base + left @ u
    ys = [np.zeros_like(z) for _ in system.symbols]
    for y, function in zip(ys, system.functions, strict=True):
        y[0] = compile_block((Z,), function)(z[0])
    values = np.zeros_like(z)
    values[0] = compile_block((Z,), form.network.activation.expr)(z[0])
    algebra = _Algebra(dict(zip((Z, *system.symbols), (z, *ys), strict=True)), z.shape)
    for k in range(ORDER):
        slope = algebra.series(system.slope, k)
        force = sum((rs[i] @ outers[k - i].T for i in range(k + 1) if trained or i == k), np.zeros_like(z[0]))
        algebra.forces[k] = force
        back = _product(slope, algebra.forces, k)
        us[k + 1] = (back if form.right is None else form.right @ back) / (k + 1)
        z[k + 1] = left @ us[k + 1]
        if trained:
            vs[k + 1] = sum(values[i].T @ rs[k - i] for i in range(k + 1)) / (k + 1)
            outers[k + 1] = gain[:, None] * vs[k + 1]
        values[k + 1] = _chain(slope, z, k)
        for y, rule in zip(ys, system.derivatives, strict=True):
            y[k + 1] = _chain(algebra.series(rule, k), z, k)
        rs[k + 1] = -sum(values[i] @ outers[k + 1 - i] for i in range(k + 2) if trained or i == k + 1)
    return us, vs, rs


class _Algebra:
    """Power series of polynomials in known series, one more coefficient at a time, each product computed once."""

    def __init__(self, known: dict[sp.Symbol, Array], shape: tuple[int, ...]) -> None:
        self.known, self.shape = known, shape
        self.made: dict[sp.Expr, Array] = {}
        self.forces = np.zeros(shape)

    def series(self, expr: sp.Expr, k: int) -> Array:
        """Return the series of a polynomial, good up to order ``k``, given its variables up to that order."""
        if expr in self.known:
            return self.known[expr]
        out = self.made.setdefault(expr, np.zeros(self.shape))
        if not expr.args or not expr.free_symbols:
            out[0] = float(expr)
        elif expr.is_Add:
            out[k] = sum(self.series(arg, k)[k] for arg in expr.args)
        elif expr.is_Pow:
            rest = self.series(expr.base ** (expr.exp - 1), k)
            out[k] = _product(self.series(expr.base, k), rest, k)
        else:
            first, rest = expr.as_two_terms()
            if not first.free_symbols:
                out[k] = float(first) * self.series(rest, k)[k]
            else:
                out[k] = _product(self.series(first, k), self.series(rest, k), k)
        return out


def _product(a: Array, b: Array, k: int) -> Array:
    return np.asarray(np.einsum("i...,i...->...", a[: k + 1], b[k::-1] if k else b[:1]))


def _chain(slope: Array, z: Array, k: int) -> Array:
    """Coefficient ``k + 1`` of ``s(z)`` from ``s' = slope z'``."""
    weights = np.arange(1, k + 2, dtype=float).reshape(-1, *([1] * (z.ndim - 1)))
    return np.asarray(np.einsum("i...,i...->...", slope[k::-1] if k else slope[:1], weights * z[1 : k + 2]) / (k + 1))


def _length(form: Form, us: Array, vs: Array, rs: Array, tolerance: float) -> float:
    """Return how far the series is good for: where its last two terms reach the tolerance, relative to the residual."""
    size = norm(rs[0])
    lengths = [np.inf]
    for part, unit in ((us, np.sqrt(np.max(np.diag(form.cross)))), (vs, 1.0), (rs, 1.0)):
        for k in (ORDER - 1, ORDER):
            last = norm(part[k]) * unit
            if last > 0:
                lengths.append(float((tolerance * size / last) ** (1 / k)))
    return min(lengths)


def _horner(coefficients: Array, time: float) -> Array:
    total = coefficients[-1]
    for row in coefficients[-2::-1]:
        total = total * time + row
    return np.asarray(total)
