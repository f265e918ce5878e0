"""Exact suprema of |slope| and |second derivative|, where the expression is a polynomial in disguise.

Slopes of tanh, sigmoid and softplus are polynomials in ``t = tanh(c z)``, those of sine in
``cos z`` and ``sin z``, those of leaky ReLU in the gate. Their suprema are found exactly from
the real roots of a derivative, so that a premise such as ``sup |slope| <= 1`` can be met with
equality. Everything else is enclosed by branch and bound.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from theorycheck.symbolic.activations import Z

_T = sp.Symbol("t", real=True)


@cache
def exact_supremum(expr: sp.Expr) -> sp.Expr | None:
    """Return ``sup |expr|`` over the real line as an exact number, or None if no rule applies.

    Parameters
    ----------
    expr
        An expression in the activation's variable ``z``.
    """
    if not expr.has(Z):
        return sp.Abs(expr)
    for polynomial in (_in_tanh(expr), _in_gate(expr), _in_cosine(expr)):
        if polynomial is not None:
            return _supremum_on_interval(*polynomial)
    return None


def _in_tanh(expr: sp.Expr) -> tuple[sp.Expr, int, int] | None:
    """Rewrite as a polynomial in t = tanh(c z), t in [-1, 1]."""
    found = {part for part in expr.atoms(sp.tanh) if part.has(Z)}
    if len(found) != 1:
        return None
    (part,) = found
    rewritten = expr.subs(part, _T)
    # tanh must be the only way in which z enters, and c z must run over the whole line
    if rewritten.has(Z) or not sp.diff(part.args[0], Z).is_nonzero or sp.diff(part.args[0], Z, 2) != 0:
        return None
    return (rewritten, -1, 1) if rewritten.is_polynomial(_T) else None


def _in_gate(expr: sp.Expr) -> tuple[sp.Expr, int, int] | None:
    """Rewrite as a function of the gate H(z) in [0, 1], with the whole interval at the kink."""
    if len({gate.args[0] for gate in expr.atoms(sp.Heaviside)}) != 1:
        return None  # gates at several kinks do not switch together
    rewritten = expr.replace(sp.Heaviside, lambda *_: _T)
    if rewritten.has(Z) or not rewritten.has(_T):
        return None
    return (rewritten, 0, 1) if rewritten.is_polynomial(_T) else None


def _in_cosine(expr: sp.Expr) -> tuple[sp.Expr, int, int] | None:
    """Rewrite an odd or even trigonometric polynomial's square through c = cos z in [-1, 1]."""
    if expr.free_symbols != {Z} or not expr.has(sp.cos, sp.sin):
        return None
    for target in (sp.cos(Z), sp.sin(Z)):
        rewritten = expr.subs(target, _T)
        if not rewritten.has(Z) and rewritten.is_polynomial(_T):
            return rewritten, -1, 1
    return None


def _supremum_on_interval(polynomial: sp.Expr, low: int, high: int) -> sp.Expr | None:
    points: list[sp.Expr] = [sp.Integer(low), sp.Integer(high)]
    derivative = sp.Poly(sp.diff(polynomial, _T), _T)
    if derivative.degree() > 0:
        try:
            points += [root for root in sp.real_roots(derivative) if low < root < high]
        except NotImplementedError:  # irrational coefficients: left to branch and bound
            return None
    values = [sp.radsimp(sp.Abs(polynomial.subs(_T, point))) for point in points]
    return sp.simplify(sp.Max(*values))
