"""Functions as sums of terms whose Gaussian expectations are known, and the results written for people and floats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy
from sympy import Add, DiracDelta, Expr, Heaviside, I, Integer, Max, Mul, Poly, Symbol, erf, exp, pi

from theorycheck.symbolic.canonical import Z, canonical

RHO = Symbol("rho", real=True)
W = Symbol("w", positive=True)  # 1 - rho^2 while deriving: one symbol, so that no expansion makes it cancel

MOST_TERMS = 24
HIGHEST_POWER = 24


class NoRule(Exception):
    """No rule reaches this function."""


@dataclass(frozen=True)
class Factor:
    """``z^n exp(a z + b z^2) atom(z)``; the atom is 1, Heaviside(z), DiracDelta(z) or erf(k z)."""

    n: int
    a: Expr
    b: Expr
    atom: Expr


ONE = Factor(0, Integer(0), Integer(0), Integer(1))


@cache
def terms(expr: Expr) -> tuple[tuple[Expr, Factor], ...]:
    """Return ``expr`` as terms (coefficient, factor)."""
    plain = expr if expr.has(DiracDelta) else canonical(expr)
    plain = plain.replace(Max, lambda *args: Add(*args) * Heaviside(Add(*args)))
    plain = plain.replace(
        lambda e: isinstance(e, (sympy.sin, sympy.cos, sympy.sinh, sympy.cosh)), lambda e: e.rewrite(exp)
    )
    plain = sympy.expand(plain, power_base=False, log=False, trig=False)
    summands = Add.make_args(plain)
    if len(summands) > MOST_TERMS:
        raise NoRule
    return tuple(_term(term) for term in summands if term != 0)


def _term(term: Expr) -> tuple[Expr, Factor]:
    coefficient, rest = term.as_independent(Z, as_Add=False)
    n, exponent, atoms = 0, Integer(0), set()
    for factor in Mul.make_args(rest):
        base, power = factor.as_base_exp() if not isinstance(factor, exp) else (factor, Integer(1))
        if base == 1:
            continue
        if isinstance(base, exp):
            exponent += base.args[0]
        elif base == Z and power.is_Integer and 0 <= power <= HIGHEST_POWER:
            n += int(power)
        elif _is_atom(base) and (power == 1 or (base.func is Heaviside and power.is_Integer and power > 0)):
            atoms.add(base)
        else:
            raise NoRule
    if len(atoms) > 1 or not exponent.is_polynomial(Z) or sympy.degree(exponent, Z) > 2:
        raise NoRule
    b, a, constant = (Poly(exponent, Z).nth(k) for k in (2, 1, 0))
    return coefficient * exp(constant), Factor(n, a, b, atoms.pop() if atoms else Integer(1))


def _is_atom(base: Expr) -> bool:
    return base in (Heaviside(Z), DiracDelta(Z)) or (isinstance(base, erf) and not (base.args[0] / Z).has(Z))


def tidy(total: Expr) -> Expr:
    """Return the sum written for people and for floats: real, with few cancellations, common factors taken out."""
    if total.has(exp):
        total = _paired(sympy.expand_mul(total))
    if total.has(I):
        total = sympy.expand(total, complex=True)
    angle = sympy.acos(RHO)
    if total.has(angle):
        expanded = sympy.expand_mul(total)
        factor = expanded.coeff(angle)
        total = sympy.factor_terms(expanded - factor * angle + pi * factor) - factor * (pi - angle)
    return sympy.factor_terms(total).xreplace({W: 1 - RHO**2})


def _paired(total: Expr) -> Expr:
    """Return a sum of exponentials with those of opposite covariance paired to sinh and cosh."""
    found: dict[Expr, Expr] = {}
    for term in Add.make_args(total):
        weight, exponential = term.as_independent(exp)
        exponent = sympy.expand(exponential.args[0]) if isinstance(exponential, exp) else Integer(0)
        found[exponent] = found.get(exponent, Integer(0)) + (weight if exponent != 0 else term)
    pieces = []
    for exponent in list(found):
        if exponent not in found:
            continue
        weight = found.pop(exponent)
        odd = exponent.coeff(RHO, 1) * RHO
        even = exponent - odd
        mirrored = found.pop(even - odd, None) if odd != 0 else None
        if mirrored is None:
            pieces.append(weight * exp(exponent))
        else:
            pieces.append((weight + mirrored) * exp(even) * sympy.cosh(odd))
            pieces.append((weight - mirrored) * exp(even) * sympy.sinh(odd))
    return Add(*[sympy.expand_mul(piece, deep=False) for piece in pieces])
