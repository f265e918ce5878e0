"""What the checks of proof steps are made of; every check returns what is wrong, with a place, or an empty text."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Mapping, Set
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, ctx
from scipy.integrate import quad
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
        stated, expr = expr, expr.doit()  # so that balls can look at it
        if note := _quadrature(stated, expr):
            return note
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


def _quadrature(stated: sp.Expr, found: sp.Expr) -> str:
    """Say where SymPy's value of integrals is not that of quadrature: its antiderivatives may jump."""
    integrals = stated.atoms(sp.Integral)
    if not integrals or any(len(one.limits) != 1 or len(one.limits[0]) != 3 for one in integrals):
        return ""
    if stated.has(sp.DiracDelta, AppliedUndef) or any(one.function.has(sp.Integral) for one in integrals):
        return ""
    for point in points(stated.free_symbols, 2):
        at = {symbol: sp.Rational(value.numerator, value.denominator) for symbol, value in point.items()}
        with (
            suppress(TypeError, NotImplementedError, NameError),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            numbers = {one: _quad(one.subs(at)) for one in integrals}
            if not all(map(math.isfinite, numbers.values())):
                return "quadrature does not see the integral"
            values = {one: sp.Float(value) for one, value in numbers.items()}
            seen, told = (complex(sp.N(side.xreplace(values).subs(at))) for side in (stated, found))
            if abs(seen - told) > 1e-6 * (1 + abs(seen) + abs(told)):
                return f"SymPy's integral differs from quadrature: {told:.6g} for {seen:.6g}"
    return ""


def _quad(integral: sp.Integral) -> float:
    """Return an integral by quadrature, NaN where it fails; exponentials together, so that none overflows."""
    ((variable, low, high),) = integral.limits
    function = sp.lambdify(variable, sp.powsimp(sp.expand(integral.function)), modules=["scipy", "numpy"])
    try:
        return float(quad(function, float(low), float(high), limit=200)[0])
    except (ZeroDivisionError, OverflowError, ValueError):
        return math.nan


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
    if note := next(
        (
            f"{base} is not seen to be positive on the box"
            for base in _delicate(slack)
            if positive_on(base, box) is None
        ),
        "",
    ):
        return note
    if positive_on(slack, box) is not None:
        return ""
    worst = min(_grid(box), key=lambda point: _value(slack, point))
    return f"slack {_value(slack, worst):.6g} at {', '.join(f'{s} = {v:g}' for s, v in worst.items())}"


def _delicate(expr: sp.Expr) -> list[sp.Expr]:
    """Return what must be positive for an expression to be defined: bases of roots, arguments of logarithms."""
    found = [part.base for part in expr.atoms(sp.Pow) if not part.exp.is_integer or part.exp.is_negative]
    found += [part.args[0] for part in expr.atoms(sp.log)]
    found += [1 - part.args[0] ** 2 for part in expr.atoms(sp.acos, sp.asin)]
    return [base for base in found if base.free_symbols]


def _grid(box: Mapping[sp.Symbol, tuple[float, float]], per: int = 9) -> list[dict[sp.Symbol, float]]:
    grid: list[dict[sp.Symbol, float]] = [{}]
    for symbol, (low, high) in box.items():
        grid = [{**point, symbol: low + (high - low) * k / (per - 1)} for point in grid for k in range(per)]
    return grid


def _value(expr: sp.Expr, point: Mapping[sp.Symbol, float]) -> float:
    with ctx.workprec(_BITS):
        return ends(evaluator({symbol: arb(value) for symbol, value in point.items()})(expr))[0]


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
        if left == math.inf and right != math.inf:
            return f"the left side is infinite at seed {seed}"
        if right == -math.inf:
            return f"the right side is -oo at seed {seed}"
        if not (math.isfinite(left) and math.isfinite(right)):
            continue
        decided += 1
        if left - right > ROUGH * (abs(left) + abs(right)):
            return f"{left:.8g} is not at most {right:.8g} at seed {seed}"
    return "" if 2 * decided >= count else f"only {decided} of {count} random cases decide"


@lru_cache(maxsize=512)
def _compiled(bound: Bound, symbols: tuple[sp.Symbol, ...]) -> Any:
    return sp.lambdify(symbols, [bound.lhs, bound.rhs], modules=["scipy", "numpy"])
