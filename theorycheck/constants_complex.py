"""Analytic expressions on boxes of the complex plane, in balls: a finite answer proves that they are analytic there.

Boxes that overlap agree, because each function stands for one fixed branch that is real on the real line; so boxes that
cover a region prove that the expression is analytic on all of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import sympy as sp
from flint import acb, arb

from theorycheck.enclose import evaluator
from theorycheck.symbolic.activations import Z


def on_box(expr: sp.Expr, z: acb) -> acb:
    """Enclose an analytic expression on a box, infinite where it may fail to be analytic."""
    if expr == Z:
        return z
    if not expr.has(Z):
        return acb(evaluator({})(expr))
    if isinstance(expr, sp.Add):
        return sum((on_box(part, z) for part in expr.args), acb(0))
    if isinstance(expr, sp.Mul):
        return math.prod((on_box(part, z) for part in expr.args), start=acb(1))
    if isinstance(expr, sp.log) and isinstance(expr.args[0] - 1, sp.exp):
        u = on_box((expr.args[0] - 1).args[0], z)
        # continued to the right, where e^u winds around 0 but e^-u is small; the two meet between -i pi and i pi
        if u.real > 0:
            return u + ((-u).exp() + 1).log(analytic=True)
        return (u.exp() + 1).log(analytic=True) if u.real < 0 or abs(u.imag) < arb.pi() else acb("nan")
    inner = on_box(expr.args[0], z)
    if isinstance(expr, sp.Pow):
        if expr.exp.is_Integer:  # repeated products: a power of a box around 0 may be undefined
            product = math.prod([inner] * abs(int(expr.exp)), start=acb(1))
            return product if expr.exp > 0 else 1 / product
        return inner.pow(acb(evaluator({})(expr.exp)), analytic=True)
    if expr.func not in _COMPLEX:
        raise ValueError(f"no certified quadrature for {expr.func.__name__}")
    return _COMPLEX[expr.func](inner)


def _tanh(u: acb) -> acb:
    if u.real > 0 or u.real < 0:  # e^(2u) winds around 0 on a wide box far out; its reciprocal is small
        small = (-2 * u if u.real > 0 else 2 * u).exp()
        return (1 - small) / (1 + small) if u.real > 0 else (small - 1) / (1 + small)
    return u.tanh()


def _off_cut(function: Callable[[acb], acb], along: Callable[[acb], tuple[arb, arb]]) -> Callable[[acb], acb]:
    """Refuse boxes that may meet the cuts from +-i outward."""

    def evaluate(u: acb) -> acb:
        across, up = along(u)
        return acb("nan") if across.contains(0) and not abs(up) < 1 else function(u)

    return evaluate


_COMPLEX: dict[type, Callable[[acb], acb]] = {
    sp.exp: acb.exp,
    sp.log: lambda u: u.log(analytic=True),
    sp.sin: acb.sin,
    sp.cos: acb.cos,
    sp.tan: acb.tan,
    sp.sinh: acb.sinh,
    sp.cosh: acb.cosh,
    sp.tanh: _tanh,
    sp.erf: acb.erf,
    sp.erfc: acb.erfc,
    sp.atan: _off_cut(acb.atan, lambda u: (u.real, u.imag)),
    sp.asinh: _off_cut(acb.asinh, lambda u: (u.real, u.imag)),
}
