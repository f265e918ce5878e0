"""How each kind of step is checked: what is wrong with a step, given what is shown before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import sympy as sp

from theorycheck.proof_checks import difference, known_signs, nonnegative, on_box, positive, survives
from theorycheck.proof_integrals import wrong_integral
from theorycheck.proof_steps import Checked, Kind, Step, Trust
from theorycheck.statement import Bound

#: a fact that every proof has, ``0 < 1``: its weight is whatever is left over and nonnegative by itself
REST = "nonnegative"

_TRUST = {Kind.ENCLOSED: Trust.ENCLOSED, Kind.SAMPLED: Trust.SAMPLED, Kind.CITED: Trust.CITED}


def check_steps(steps: Iterable[Step], facts: Mapping[str, Bound], equations: Iterable[str] = ()) -> list[Checked]:
    """Check steps in order; ``facts`` are what they may use, by name, of which ``equations`` hold both ways."""
    shown, equal, found = {REST: Bound(sp.S.Zero, sp.S.One, strict=True), **facts}, set(equations), []
    for step in steps:
        note = _wrong(step, shown, equal)
        trust = Trust.BROKEN if note else _TRUST.get(step.kind, Trust.SYMBOLIC)
        found.append(Checked(step, trust, note or step.source))
        shown[step.label] = step.bound
        if step.equal:
            equal.add(step.label)
    return found


def _wrong(step: Step, facts: Mapping[str, Bound], equal: Set[str]) -> str:
    """Say what is wrong with a step, or nothing."""
    match step.kind:
        case Kind.DEFINE:
            return _defined(step, facts)
        case Kind.IDENTITY:
            signs = known_signs(facts[name] for name in step.stands_on)
            return difference((step.bound.lhs - step.bound.rhs).xreplace(signs))
        case Kind.COMBINE:
            return _combination(step, facts, equal)
        case Kind.MONOTONE:
            return _monotone(step, facts, equal)
        case Kind.APPLY:
            return _applied(step, facts)
        case Kind.INTEGRAL:
            return wrong_integral(step, facts, equal)
        case Kind.ENCLOSED:
            return on_box(step.bound, step.box)
        case _:
            if step.kind is Kind.CITED and not step.source:
                return "a citation needs a source"
            assert step.draw is not None
            return survives(step.bound, step.draw, step.count)


def _defined(step: Step, facts: Mapping[str, Bound]) -> str:
    """Say why a new symbol's assumed sign is not that of what it stands for."""
    symbol, expr = step.bound.lhs, step.bound.rhs
    told = [facts[name] for name in step.stands_on]
    signs = known_signs(told)
    same = [fact for fact in told if fact.rhs - fact.lhs == expr]
    if symbol.is_positive and not (positive(expr.xreplace(signs)) or any(fact.strict for fact in same)):
        return f"{expr} is not seen to be positive, as {symbol} is"
    if symbol.is_nonnegative and not (nonnegative(expr.xreplace(signs)) or same):
        return f"{expr} is not seen to be nonnegative, as {symbol} is"
    return ""


def _combination(step: Step, facts: Mapping[str, Bound], equal: Set[str]) -> str:
    """Say why a step is not the sum of ``weight * slack`` of what it uses."""
    parts = {name: (weight, facts[name]) for name, weight in step.weights.items()}
    signs = known_signs(fact for _, fact in parts.values())
    slacks = [(fact.rhs - fact.lhs).xreplace(signs) for _, fact in parts.values()]
    for name, (weight, _) in parts.items():
        if name not in equal and not _weighs(weight.xreplace(signs), slacks):
            return f"the weight {weight} of {name!r} is not seen to be nonnegative"
    if step.bound.strict and not any(
        fact.strict and positive(weight.xreplace(signs)) for weight, fact in parts.values()
    ):
        return "the inequality is strict, but no strict one is used with a positive weight"
    total = sum((weight * (fact.rhs - fact.lhs) for weight, fact in parts.values()), sp.S.Zero)
    return difference((step.bound.rhs - step.bound.lhs - total).xreplace(signs))


def _weighs(weight: sp.Expr, slacks: Iterable[sp.Expr]) -> bool:
    """Return whether a weight is nonnegative: by itself, or as a nonnegative multiple of another fact's slack."""
    return nonnegative(weight) or any(slack != 0 and nonnegative(sp.cancel(weight / slack)) for slack in slacks)


def _monotone(step: Step, facts: Mapping[str, Bound], equal: Set[str]) -> str:
    """Say why a step is not a monotone function of both sides of the first that it stands on."""
    assert step.function is not None
    of, *rest = step.stands_on
    fact, signs = facts[of], known_signs(facts[name] for name in step.stands_on)
    (x,) = step.function.variables
    # inside the domain is enough: the functions here are continuous up to its end
    inside = {x: sp.Dummy("x", positive=True)} if x.is_nonnegative else {}
    slope = sp.diff(step.function.expr, x).xreplace({**signs, **inside})
    told = [facts[name] for name in rest]
    rising = _sign(slope, told, {**signs, **inside})
    if not rising:
        return f"the sign of the derivative {slope} is not seen"
    low = fact.lhs.xreplace(signs)
    if x.is_positive and not positive(low):
        return f"{fact.lhs} is not seen to be positive, as the function needs"
    if x.is_nonnegative and not nonnegative(low):
        return f"{fact.lhs} is not seen to be nonnegative, as the function needs"
    if not x.is_real:
        return f"the domain of the function is not told by the assumptions of {x}"
    if step.bound.strict:
        return "a monotone step is not strict"
    ends = (fact.lhs, fact.rhs) if rising > 0 or of in equal else (fact.rhs, fact.lhs)
    sides = zip((step.bound.lhs, step.bound.rhs), ends, strict=True)
    return next((note for side, end in sides if (note := _differs(side, step.function(end), signs))), "")


def _sign(slope: sp.Expr, told: Iterable[Bound], signs: Mapping[sp.Symbol, sp.Expr]) -> int:
    """Return 1 or -1 for a derivative of that sign (or 0), 0 if it is not seen."""
    if nonnegative(slope):
        return 1
    if nonnegative(-slope):
        return -1
    for fact in told:
        slack = (fact.rhs - fact.lhs).xreplace(signs)
        for sign in (1, -1):
            if not difference(slack - sign * slope):
                return sign
    return 0


def _differs(side: sp.Expr, other: sp.Expr, signs: Mapping[sp.Symbol, sp.Expr]) -> str:
    return "" if side == other else difference((side - other).xreplace(signs))


def _applied(step: Step, facts: Mapping[str, Bound]) -> str:
    """Say why another proof's goal does not hold with the symbols put in."""
    lemma = step.lemma
    assert lemma is not None
    signs = known_signs(facts[name] for name in step.uses)
    if strangers := [key for key in step.where if not key.is_Symbol]:
        return f"{strangers[0]} is no symbol: only symbols can stand for something else"
    for symbol, expr in step.where.items():
        if symbol.is_nonnegative and not nonnegative(expr.xreplace(signs)):
            return f"{expr}, which stands for {symbol} of {lemma.name}, is not seen to be nonnegative"
        if symbol.is_positive and not positive(expr.xreplace(signs)):
            return f"{expr}, which stands for {symbol} of {lemma.name}, is not seen to be positive"
    if missing := sorted(set(lemma.premises) - set(step.using)):
        return f"nobody shows {missing[0]!r} of {lemma.name}"
    needed = [(facts[shown], lemma.premises[name]) for name, shown in step.using.items()]
    needed.append((step.bound, lemma.goal))
    for have, need in needed:
        if need.strict and not have.strict:
            return f"{have.lhs} < {have.rhs} is needed, strictly, for {lemma.name}"
        for mine, its in ((have.lhs, need.lhs), (have.rhs, need.rhs)):
            if note := _differs(mine, its.xreplace(step.where), signs):
                return f"{mine} stands where {lemma.name} has {its}: {note}"
    return ""
