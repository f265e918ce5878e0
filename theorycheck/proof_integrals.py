"""Whether an integral over all of space equals a closed form, because both change alike and start alike.

Let I be the integral of F and C the closed form, as functions of one variable. If

    times dF - growth F - sum of weight_k F_k = a divergence,    times dC = growth C + sum of weight_k C_k

(d: derivative by the variable), where the integral of each F_k is known to be C_k, then I - C solves times y' = growth y,
so it vanishes on an interval, on which ``times`` is positive, if it vanishes at one point. Price's theorem is of this form.
Without a point to start from, the same is read without d and without growth: integration by parts.

The derivative may be taken inside the integral, and the divergence integrates to 0, because all functions here are a
tempered distribution times a Gaussian density. Kinks, jumps and DiracDeltas are of linear functions of the integration
variables; two of them are multiplied only if they are linearly independent, so that the product is a tensor product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import combinations

import sympy as sp

from theorycheck.proof_checks import points
from theorycheck.proof_signs import nonnegative, positive
from theorycheck.proof_steps import Change, Step
from theorycheck.statement import Bound

#: what an application must name: who shows that the integrands, the closed forms and the two at one point agree
ROLES = ("integrand", "closed form", "start")

#: no rounding error of 15 digits
_MUCH = 1e-6

_SINGULAR = (sp.Heaviside, sp.Max, sp.DiracDelta)
#: bounded on the real line, continuous on it
_BOUNDED = (sp.sin, sp.cos, sp.erf, sp.erfc, sp.atan, sp.tanh)
_CONTINUOUS = (*_BOUNDED, sp.exp, sp.sinh, sp.cosh, sp.acos, sp.asin)

Along = Callable[[sp.Expr], sp.Expr]


def wrong_integral(step: Step, facts: Mapping[str, Bound], equal: Set[str]) -> str:
    """Say why the two sides of a step are not seen to change alike and start alike, or nothing."""
    change = step.change
    assert change is not None
    if missing := [role for role in (ROLES if change.start is not None else ROLES[:2]) if role not in step.using]:
        return f"nobody shows the {missing[0]}"
    if change.start is None and change.growth != 0:
        return "there is no growth where nothing changes"
    if unequal := [name for name in (*step.weights, *step.using.values()) if name not in equal]:
        return f"{unequal[0]!r} is no equation"
    left, right = step.bound.lhs, step.bound.rhs
    parts = [(weight, facts[name]) for name, weight in step.weights.items()]
    over = tuple(change.fields)
    if not _is_path(change, step.bound):
        return f"{change.path} is no path of {change.symbol}: it needs one real symbol of its own, without a sign"
    if not all(_over_space(side, over) for side in (left, *(fact.lhs for _, fact in parts))):
        return f"the integrals are not all over the whole space of {', '.join(map(str, over))}"
    along = _along(change)
    for expr in (change.times, change.growth, *(weight for weight, _ in parts)):
        if expr.has(*over):
            return f"{expr} multiplies an integral, but depends on what is integrated over"
    for expr in (left.function, *change.fields.values(), *(fact.lhs.function for _, fact in parts)):
        if not dies(along(expr), over):
            return f"{expr} is not seen to be a tempered distribution times a Gaussian density"
    if not positive(along(change.times)):
        return f"{change.times} is not seen to be positive"
    for expr in (change.path, right, change.growth):
        if not continuous(along(expr)):
            return f"{expr} is not seen to be continuous"
    return _apart(step, change, facts, parts, along)


def _apart(
    step: Step, change: Change, facts: Mapping[str, Bound], parts: Iterable[tuple[sp.Expr, Bound]], along: Along
) -> str:
    """Say which of the equations that the step stands on is not about its two sides."""
    if change.start is not None and not change.start.is_finite:
        return f"{change.start} is no place to start from"
    left, right = step.bound.lhs, step.bound.rhs
    inside, outside = (facts[step.using[role]] for role in ROLES[:2])
    inner = sp.Add(*[weight * fact.lhs.function for weight, fact in parts], change.growth * left.function)
    divergence = sp.Add(*[sp.diff(field, g) for g, field in change.fields.items()])
    outer = sp.Add(*[weight * fact.rhs for weight, fact in parts], change.growth * right)
    moved = [left.function, right]
    if change.start is not None:
        moved = [sp.diff(expr, change.symbol) for expr in moved]
    pairs = [
        (ROLES[0], inside.lhs, change.times * moved[0] - inner), (ROLES[0], inside.rhs, divergence),
        (ROLES[1], outside.lhs.doit(), change.times * moved[1]), (ROLES[1], outside.rhs, outer),
    ]  # fmt: skip
    if change.start is not None:
        start = facts[step.using[ROLES[2]]]
        at = {change.symbol: change.path.xreplace(dict.fromkeys(change.path.free_symbols, change.start))}
        besides = start.lhs - left.xreplace(at)
        if besides.has(sp.Integral):
            return f"{start.lhs} is not the integral at {change.symbol} = {at[change.symbol]}"
        pairs.append((ROLES[2], start.rhs, right.xreplace(at) + besides))
    for role, mine, needed in pairs:
        if not _same(mine, needed, along):
            return f"{step.using[role]!r} shows another {role}: {mine} is not seen to be {needed}"
    return ""


def _over_space(side: sp.Expr, over: tuple[sp.Symbol, ...]) -> bool:
    whole = {(g, -sp.oo, sp.oo) for g in over}
    return isinstance(side, sp.Integral) and {tuple(limit) for limit in side.limits} == whole


def _is_path(change: Change, goal: Bound) -> bool:
    """Return whether the path is a function of one symbol that runs over the whole real line and means nothing else."""
    symbols = change.path.free_symbols
    taken = goal.symbols - {change.symbol}
    return len(symbols) == 1 and all(
        symbol.is_real and symbol.is_nonnegative is None and symbol.is_nonpositive is None and symbol.is_integer is None
        and symbol not in taken
        for symbol in symbols
    )  # fmt: skip


def _along(change: Change) -> Along:
    """Return what puts the path in, and factors what stands under a root."""

    def put(expr: sp.Expr) -> sp.Expr:
        return expr.xreplace({change.symbol: change.path}).replace(
            lambda e: e.is_Pow and e.base.is_Add and not e.exp.is_Integer, lambda e: sp.factor(e.base) ** e.exp
        )

    return put


def _same(mine: sp.Expr, other: sp.Expr, along: Along) -> bool:
    if mine == other:
        return True
    gap = along(mine) - along(other)
    if gap == 0:
        return True
    # what is off by much at a point is not the same; algebra takes long to say so
    (point,) = points(gap.free_symbols, 1)
    off = gap.xreplace({symbol: sp.Rational(value) for symbol, value in point.items()}).evalf()
    if off.is_number and bool(abs(off) > _MUCH):
        return False
    return bool(sp.expand(sp.numer(sp.together(gap))) == 0)


def continuous(expr: sp.Expr) -> bool:
    """Return whether an expression in real symbols is seen to be continuous: nothing in it jumps or is divided by 0."""
    if expr.is_Symbol or expr.is_number:
        return bool(expr.is_finite)
    if expr.is_Pow and expr.exp.is_Symbol and expr.exp.is_positive and nonnegative(expr.base):
        return continuous(expr.base)
    if expr.is_Pow and not (expr.exp.is_Integer and expr.exp.is_nonnegative):
        if not expr.exp.is_number or not (positive(expr.base) or (expr.exp.is_positive and nonnegative(expr.base))):
            return False
        return continuous(expr.base)
    if isinstance(expr, sp.log):
        return positive(expr.args[0]) and continuous(expr.args[0])
    known = expr.is_Add or expr.is_Mul or expr.is_Pow or isinstance(expr, (*_CONTINUOUS, sp.Max, sp.Min))
    return known and all(continuous(arg) for arg in expr.args)


def dies(expr: sp.Expr, over: tuple[sp.Symbol, ...]) -> bool:
    """Return whether an expression is seen to be a tempered distribution in ``over`` times ``exp(-|over|^2/2)``."""
    if expr == 0:
        return True
    half = sp.Add(*[g**2 for g in over]) / 2
    for term in sp.Add.make_args(expr):
        factors = sp.Mul.make_args(term)
        exponent = sp.Add(*[factor.args[0] for factor in factors if isinstance(factor, sp.exp)])
        rest = [factor for factor in factors if not isinstance(factor, sp.exp)]
        if not (_falls(sp.expand(exponent + half), over) and all(_tempered(factor, over) for factor in rest)):
            return False
    return all(_independent(one, other, over) for one, other in _meetings(expr, over))


def _meetings(expr: sp.Expr, over: tuple[sp.Symbol, ...]) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Yield the arguments of each DiracDelta with those of every other singular function."""
    singular = [part for part in expr.atoms(*_SINGULAR) if part.has(*over)]
    for one, other in combinations(singular, 2):
        if isinstance(one, sp.DiracDelta) or isinstance(other, sp.DiracDelta):
            yield sp.Add(*one.args), sp.Add(*other.args)


def _independent(one: sp.Expr, other: sp.Expr, over: tuple[sp.Symbol, ...]) -> bool:
    rows = sp.Matrix([[line.diff(g) for g in over] for line in (one, other)])
    minors = (sp.factor(rows.extract([0, 1], list(columns)).det()) for columns in combinations(range(len(over)), 2))
    return any(positive(minor) or positive(-minor) for minor in minors)


def _tempered(expr: sp.Expr, over: tuple[sp.Symbol, ...]) -> bool:
    """Return whether what is left of the Gaussian density is tempered, or grows like an exponential at most."""
    if not expr.has(*over) or expr.is_Symbol:
        return True
    if expr.is_Add or expr.is_Mul:
        return all(_tempered(arg, over) for arg in expr.args)
    if expr.is_Pow:
        return bool(expr.exp.is_Integer and expr.exp.is_positive) and _tempered(expr.base, over)
    if isinstance(expr, sp.exp):
        return _falls(expr.args[0], over)
    inside = [arg for arg in expr.args if arg.has(*over)]
    once = len(inside) == 1 and not (isinstance(expr, sp.DiracDelta) and len(expr.args) > 1)
    linear = all(arg.is_polynomial(*over) and sp.Poly(arg, *over).total_degree() == 1 for arg in inside)
    return linear and once and isinstance(expr, (*_BOUNDED, *_SINGULAR))


def _falls(exponent: sp.Expr, over: tuple[sp.Symbol, ...]) -> bool:
    """Return whether an exponent is a quadratic polynomial that is not seen to curve upwards anywhere."""
    if not exponent.is_polynomial(*over) or sp.Poly(exponent, *over).total_degree() > 2:
        return False
    curved = -sp.hessian(exponent, over)
    rows = [list(some) for size in range(1, len(over) + 1) for some in combinations(range(len(over)), size)]
    return all(nonnegative(sp.factor(curved.extract(some, some).det())) for some in rows)
