"""Elementwise functions with a proved error: piecewise polynomials, certified by series of balls.

The C library says little about the error of its ``tanh``. Here each cell of the line gets the
Taylor polynomial of the activation, with the remainder enclosed in balls (Lagrange), so the error
of an evaluation in doubles is bounded for any analytic activation that can be written down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, arb_series, ctx
from numba import njit
from numpy.typing import NDArray

from theorycheck.certify.rounding import OUTWARD, gamma
from theorycheck.data import BadInput
from theorycheck.enclose import ball, ends, evaluator
from theorycheck.symbolic.activations import Z

Array = NDArray[np.float64]

#: cells per unit length, a power of two so that their middles are doubles
CELLS = 16
DEGREE = 12
#: pre-activations beyond this are not enclosed
REACH = 256.0


@dataclass(frozen=True, eq=False)
class Pieces:
    """A function on ``[-reach, reach]`` as polynomials ``(cells, DEGREE + 1)``, with the error of evaluating them.

    ``error`` bounds the distance between :func:`evaluate` and the function, everywhere.
    """

    table: Array
    reach: float
    error: float


def pieces(expr: sp.Expr, reach: float) -> Pieces:
    """Return certified pieces of an analytic expression in z on ``[-reach, reach]``.

    Raises
    ------
    BadInput
        If ``reach`` is beyond :data:`REACH`, or the expression has no series in balls.
    """
    if not reach <= REACH:
        raise BadInput(
            f"pre-activations may be as large as {reach:.3g}, and none beyond {REACH:g} are enclosed: scale the inputs or weights down"
        )
    whole = float(2 ** math.ceil(math.log2(max(reach, 1.0))))
    return _pieces(expr, whole)


@lru_cache(maxsize=32)
def _pieces(expr: sp.Expr, reach: float) -> Pieces:
    cells = int(2 * reach * CELLS)
    table, worst = np.empty((cells, DEGREE + 1)), 0.0
    half = 0.5 / CELLS
    with ctx.workprec(128):
        for cell in range(cells):
            middle = -reach + (2 * cell + 1) * half
            coefficients, error = _cell(expr, middle, half)
            table[cell] = coefficients
            worst = max(worst, error)
    if not math.isfinite(worst):
        raise BadInput(f"{expr} has no finite enclosure on [-{reach:g}, {reach:g}]: it cannot be certified")
    return Pieces(table, reach, worst)


def _cell(expr: sp.Expr, middle: float, half: float) -> tuple[list[float], float]:
    """Return Taylor coefficients as doubles, and a bound on all that they and their evaluation miss."""
    order, before = DEGREE + 2, ctx.cap
    ctx.cap = order
    try:
        exact = _coefficients(series(expr, arb_series([arb(middle), arb(1)])), order)
        about = _coefficients(series(expr, arb_series([arb(middle, half * (1 + 2.0**-20)), arb(1)])), order)
    finally:
        ctx.cap = before
    rounded = [float(c.mid()) for c in exact[: DEGREE + 1]]
    width = arb(half * (1 + 2.0**-20))  # a point at a cell's edge may be given to its neighbour by rounding
    missed = abs(about[DEGREE + 1]) * width ** (DEGREE + 1)  # Lagrange, over the whole cell
    for k, (c, r) in enumerate(zip(exact, rounded, strict=False)):
        missed += abs(c - arb(r)) * width**k
    size = sum((abs(arb(r)) * width**k for k, r in enumerate(rounded)), arb(0))
    # Horner: 2 operations per degree, and the offset from the middle is rounded once, to the k-th power
    missed += size * arb(gamma(4 * DEGREE + 8))
    return rounded, ends(missed)[1] * OUTWARD


def _coefficients(found: arb_series, order: int) -> list[arb]:
    given = list(found.coeffs())
    return given + [arb(0)] * (order - len(given))


def series(expr: sp.Expr, z: arb_series) -> arb_series:
    """Return the power series of an expression in z at a series, in balls.

    Raises
    ------
    BadInput
        If a function has no series here.
    """
    if expr == Z:
        return z
    if not expr.has(Z):  # constants such as sqrt(2/pi)
        return arb_series([evaluator({})(expr)])
    if isinstance(expr, sp.Add):
        return sum((series(part, z) for part in expr.args[1:]), series(expr.args[0], z))
    if isinstance(expr, sp.Mul):
        return math.prod((series(part, z) for part in expr.args[1:]), start=series(expr.args[0], z))
    if isinstance(expr, sp.Pow):
        return _power(series(expr.base, z), expr.exp)
    if isinstance(expr, sp.exp):
        return series(expr.args[0], z).exp()
    if isinstance(expr, sp.tanh):
        return _tanh(series(expr.args[0], z))
    for kind, function in _SERIES.items():
        if isinstance(expr, kind):
            return function(series(expr.args[0], z))
    raise BadInput(
        f"{expr.func.__name__} cannot be certified yet: take an activation of exp, log, tanh, erf, sin and cos"
    )


def _tanh(inner: arb_series) -> arb_series:
    # written with the exponential that does not overflow
    if inner.coeffs() and inner.coeffs()[0] < 0:
        return -_tanh(-inner)
    small = (arb_series([ball(-2)]) * inner).exp()
    one = arb_series([arb(1)])
    return (one - small) / (one + small)


def _power(base: arb_series, exponent: sp.Expr) -> arb_series:
    if exponent.is_Integer:
        size = abs(int(exponent))
        found = math.prod([base] * (size - 1), start=base)
        return found if exponent > 0 else found.inv()
    if exponent == sp.Rational(1, 2):
        return base.sqrt()
    if exponent == -sp.Rational(1, 2):
        return base.rsqrt()
    raise BadInput(f"a power of {exponent} cannot be certified yet")


_SERIES: dict[Any, Any] = {
    sp.log: arb_series.log,
    sp.sin: arb_series.sin,
    sp.cos: arb_series.cos,
    sp.erf: arb_series.erf,
    sp.erfc: arb_series.erfc,
    sp.atan: arb_series.atan,
}


@njit(cache=True, error_model="numpy")
def _horner(z: Any, table: Any, reach: float, per: float, out: Any) -> bool:  # pragma: no cover - compiled
    last, degree, inside = table.shape[0] - 1, table.shape[1] - 1, True
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            x = z[i, j]
            if not abs(x) <= reach:
                inside = False
                out[i, j] = np.nan
                continue
            cell = min(int((x + reach) * per), last)
            t = x - (-reach + (cell + 0.5) / per)
            value = table[cell, degree]
            for k in range(degree - 1, -1, -1):
                value = value * t + table[cell, k]
            out[i, j] = value
    return inside


def evaluate(function: Pieces, z: Array) -> Array:
    """Return the function at ``z`` ``(n, b)``, within ``function.error``.

    Raises
    ------
    BadInput
        If an entry is beyond the reach.
    """
    out = np.empty_like(z)
    if not _horner(np.ascontiguousarray(z), function.table, function.reach, float(CELLS), out):
        raise BadInput(
            f"a pre-activation is beyond {function.reach:g} or not a number: scale the inputs or weights down"
        )
    return out
