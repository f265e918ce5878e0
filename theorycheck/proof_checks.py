"""How the steps of a proof are checked; every function returns what is wrong, with a place, or an empty text."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Set
from fractions import Fraction

import sympy as sp
from flint import arb, ctx
from sympy.core.function import AppliedUndef

from theorycheck.bounds import positive_on
from theorycheck.enclose import ends, evaluator
from theorycheck.statement import Bound

#: rational points at which an identity is looked at, the bits there, and how large a difference rounding explains
POINTS = 12
_BITS = 256
_TINY = 2.0**-160
#: cases that an attack looks at
ATTACKS = 60


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
    for attempt in (sp.expand, sp.simplify, lambda e: sp.simplify(sp.expand(e.rewrite(sp.exp))), sp.radsimp):
        found = attempt(expr)
        if found == 0:
            return True
    return bool(sp.expand(sp.powdenest(sp.expand_power_base(sp.together(expr), force=False))) == 0)


def on_box(bound: Bound, box: Mapping[sp.Symbol, tuple[float, float]]) -> str:
    """Say where ``lhs < rhs`` is not proved on a box, or nothing."""
    slack = bound.rhs - bound.lhs
    if missing := slack.free_symbols - set(box):
        return f"no range for {', '.join(sorted(map(str, missing)))}"
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


def combination(bound: Bound, parts: Mapping[str, tuple[sp.Expr, Bound]], equal: Set[str]) -> str:
    """Say why ``bound`` is not the sum of ``weight * slack`` of the parts, or nothing.

    Parameters
    ----------
    parts
        Weight and inequality by name.
    equal
        Those that are equations, whose weights may have any sign.
    """
    signs = known_signs(fact for _, fact in parts.values())
    for name, (weight, _) in parts.items():
        if name not in equal and not weight.xreplace(signs).is_nonnegative:
            return f"the weight {weight} of {name!r} is not seen to be nonnegative"
    if bound.strict and not any(fact.strict and weight.xreplace(signs).is_positive for weight, fact in parts.values()):
        return "the inequality is strict, but no strict one is used with a positive weight"
    total = sum((weight * (fact.rhs - fact.lhs) for weight, fact in parts.values()), sp.S.Zero)
    return difference(bound.rhs - bound.lhs - total)


def known_signs(facts: Iterable[Bound]) -> dict[sp.Symbol, sp.Symbol]:
    """Return stand-ins for the symbols that a fact ``0 <= symbol`` or ``0 < symbol`` speaks of."""
    found: dict[sp.Symbol, sp.Symbol] = {}
    for fact in facts:
        if fact.lhs == 0 and fact.rhs.is_Symbol:
            found[fact.rhs] = sp.Dummy(str(fact.rhs), **({"positive": True} if fact.strict else {"nonnegative": True}))
    return found


def survives(attack: Callable[[int], tuple[float, float]], count: int = ATTACKS) -> str:
    """Say at which seed an attack breaks an inequality, or nothing."""
    for seed in range(count):
        slack, error = attack(seed)
        if slack < -error:
            return f"slack {slack:.6g} ± {error:.2g} at seed {seed}"
    return ""
