"""What the checks of proof steps are made of; every check returns what is wrong, with a place, or an empty text."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Set
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, ctx
from sympy.core.function import AppliedUndef

from theorycheck.bounds import positive_on
from theorycheck.enclose import ends, evaluator
from theorycheck.proof_steps import Draw
from theorycheck.statement import Bound

#: rational points at which an identity is looked at, the bits there, and how large a difference rounding explains
POINTS = 12
_BITS = 256
_TINY = 2.0**-160
#: relative error of a side that is evaluated in floating point on a random case
ROUGH = 1e-9


def points(symbols: Set[sp.Symbol], count: int = POINTS) -> list[dict[sp.Symbol, Fraction]]:
    """Return rational points that obey the symbols' assumptions, always the same ones."""
    rng = random.Random(7)
    found = []
    for _ in range(count):
        point = {}
        for symbol in sorted(symbols, key=str):
            size = Fraction(rng.randint(1, 4000), 1000 + rng.randint(0, 30))
            if symbol.is_integer:
                size = Fraction(rng.randint(1, 6))
            point[symbol] = size if symbol.is_nonnegative or rng.random() < 0.5 else -size
        found.append(point)
    return found


def difference(expr: sp.Expr) -> str:
    """Say by how much an expression that should vanish does not, and where; or that SymPy cannot tell.

    Balls look first, so that a false identity has a place; then SymPy has to bring it to 0.
    """
    if expr.has(sp.Integral, sp.Sum, sp.Derivative, sp.Subs):
        expr = expr.doit()  # so that balls can look at it
    defined, shown = 0, _concrete(expr)
    for point in points(shown.free_symbols):
        with ctx.workprec(_BITS):
            try:
                value = evaluator({s: arb(int(v.numerator)) / int(v.denominator) for s, v in point.items()})(shown)
            except (ValueError, TypeError, NotImplementedError, KeyError):
                break  # nothing that balls know (an integral, a sum): SymPy alone decides
            if not value.is_finite():
                continue  # outside the domain of a root or a logarithm
            defined += 1
            low, high = ends(value)
        if low > _TINY or high < -_TINY:
            where = ", ".join(f"{symbol} = {number}" for symbol, number in point.items()) or "everywhere"
            return f"off by {float(value.mid()):.6g} at {where}"
    return "" if _vanishes(expr) else f"not seen to vanish by SymPy ({defined} points agree in balls)"


def _concrete(expr: sp.Expr) -> sp.Expr:
    """Return the expression with a cubic for every undefined function: what is true of all is true of this one."""
    names = {found.func for found in expr.atoms(AppliedUndef)}
    for name in sorted(names, key=str):
        z = sp.Dummy("z")
        expr = expr.subs(name, sp.Lambda(z, 1 + z / 7 + 2 * z**2 / 5 + z**3 / 3)).doit()
    return expr


def _vanishes(expr: sp.Expr) -> bool:
    expr = expr.doit()
    for attempt in (
        sp.expand,
        lambda e: sp.expand(sp.numer(sp.together(e))),
        sp.simplify,
        lambda e: sp.simplify(sp.expand(e.rewrite(sp.exp))),
        sp.radsimp,
    ):
        found = attempt(expr)
        if found == 0:
            return True
    return bool(sp.expand(sp.powdenest(sp.expand_power_base(sp.together(expr), force=False))) == 0)


def on_box(bound: Bound, box: Mapping[sp.Symbol, tuple[float, float]]) -> str:
    """Say where ``lhs < rhs`` is not proved on a box, or nothing."""
    slack = bound.rhs - bound.lhs
    if missing := slack.free_symbols - set(box):
        return f"no range for {', '.join(sorted(map(str, missing)))}"
    if not slack.free_symbols:
        with ctx.workprec(_BITS):
            low, _ = ends(evaluator({})(slack))
        return "" if low > 0 else f"slack {low:.6g}"
    if positive_on(slack, box) is not None:
        return ""
    worst = min(_grid(box), key=lambda point: _value(slack, point))
    return f"slack {_value(slack, worst):.6g} at {', '.join(f'{s} = {v:g}' for s, v in worst.items())}"


def _grid(box: Mapping[sp.Symbol, tuple[float, float]], per: int = 9) -> list[dict[sp.Symbol, float]]:
    grid: list[dict[sp.Symbol, float]] = [{}]
    for symbol, (low, high) in box.items():
        grid = [{**point, symbol: low + (high - low) * k / (per - 1)} for point in grid for k in range(per)]
    return grid


def _value(expr: sp.Expr, point: Mapping[sp.Symbol, float]) -> float:
    with ctx.workprec(_BITS):
        return ends(evaluator({symbol: arb(value) for symbol, value in point.items()})(expr))[0]


def known_signs(facts: Iterable[Bound]) -> dict[sp.Symbol, sp.Expr]:
    """Return stand-ins for the symbols that a fact places.

    Facts that place one: ``0 < k symbol`` and ``0 <= k symbol``; ``0 < symbol (1 - k symbol)``, which lies in (0, 1/k) and
    so is ``1/(k (1 + e))`` with e > 0; for a positive symbol ``symbol <= k``, with e >= 0; and ``other^k <= symbol``, which
    is ``other^k + e``.
    """
    facts = tuple(facts)
    found: dict[sp.Symbol, sp.Expr] = {}
    for fact in facts:
        factor, rest = fact.rhs.as_coeff_Mul()
        if fact.lhs == 0 and rest.is_Symbol and factor.is_positive:
            sign = {"positive": True} if fact.strict else {"nonnegative": True}
            if rest not in found or fact.strict:
                found[rest] = sp.Dummy(str(rest), **sign)
    for fact in facts:
        symbols = fact.lhs.free_symbols | fact.rhs.free_symbols
        if fact.lhs.is_Pow and fact.lhs.base.is_Symbol and fact.rhs.is_Symbol and len(symbols) == 2:
            found[fact.rhs] = fact.lhs.xreplace(found) + sp.Dummy(f"e_{fact.rhs}", nonnegative=True)
        if len(symbols) != 1:
            continue
        (symbol,) = symbols
        top, low = _top(fact, symbol, found.get(symbol, symbol))
        if top is not None:
            found[symbol] = 1 / (top * (1 + low))
    return found


def _top(fact: Bound, symbol: sp.Symbol, known: sp.Expr) -> tuple[sp.Expr | None, sp.Expr]:
    """Return 1/k for a fact that keeps a positive symbol below k, and the stand-in for what is left."""
    if fact.lhs == 0 and fact.strict:
        inverse = sp.expand(1 - fact.rhs / symbol) / symbol
        if inverse.is_number and inverse.is_positive:
            return inverse, sp.Dummy(f"e_{symbol}", positive=True)
    if fact.lhs == symbol and fact.rhs.is_number and fact.rhs.is_positive and known.is_positive:
        return 1 / fact.rhs, sp.Dummy(f"e_{symbol}", nonnegative=True)
    return None, symbol


def nonnegative(expr: sp.Expr) -> bool:
    """Return whether an expression is seen to be nonnegative wherever its symbols' assumptions hold."""
    if any(_product(form(expr)) for form in (sp.sympify, sp.factor_terms, sp.expand)):
        return True
    # a maximum is each of its arguments and something more; a minimum is something less
    for kind, sign in ((sp.Max, 1), (sp.Min, -1)):
        for part in expr.atoms(kind):
            more = sign * sp.Dummy("e", nonnegative=True)
            forms = (sp.expand(expr.xreplace({part: one + more})) for one in part.args)
            if any(nonnegative(form) for form in sorted(forms, key=sp.count_ops)):
                return True
    # exp(-y) lies in (0, 1] for y >= 0, and so is 1/(1 + e) with e >= 0
    if small := [part for part in expr.atoms(sp.exp) if (-part.args[0]).is_nonnegative]:
        within = {part: 1 / (1 + sp.Dummy("e", nonnegative=True)) for part in small}
        if nonnegative(sp.together(expr.xreplace(within))):
            return True
    return any(_product(form(expr)) for form in (sp.factor, sp.simplify))


def _product(expr: sp.Expr) -> bool:
    """Return whether every factor is nonnegative; a root in a denominator is positive wherever it is defined."""
    return all(
        part.is_nonnegative or (part.is_Pow and part.exp.is_real and part.base.is_nonnegative)
        for part in sp.Mul.make_args(expr)
    )


def positive(expr: sp.Expr) -> bool:
    """Return whether an expression is seen to be positive wherever its symbols' assumptions hold."""
    return any(form(expr).is_positive for form in (sp.sympify, sp.expand, sp.factor))


def survives(bound: Bound, draw: Draw, count: int) -> str:
    """Say at which random case an inequality is broken, or that too few cases decide; or nothing."""
    symbols = sorted(bound.symbols, key=str)
    sides = _compiled(bound, tuple(symbols))
    decided = 0
    for seed in range(count):
        values = draw(seed)
        if missing := [str(symbol) for symbol in symbols if symbol not in values]:
            return f"a random case does not measure {missing[0]}"
        with np.errstate(all="ignore"):
            left, right = (float(side) for side in sides(*(float(values[symbol]) for symbol in symbols)))
        if not (math.isfinite(left) and math.isfinite(right)):
            continue
        decided += 1
        if left - right > ROUGH * (abs(left) + abs(right)):
            return f"{left:.8g} is not at most {right:.8g} at seed {seed}"
    return "" if 2 * decided >= count else f"only {decided} of {count} random cases decide"


@lru_cache(maxsize=512)
def _compiled(bound: Bound, symbols: tuple[sp.Symbol, ...]) -> Any:
    return sp.lambdify(symbols, [bound.lhs, bound.rhs], modules=["scipy", "numpy"])
