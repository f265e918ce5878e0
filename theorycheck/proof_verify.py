"""How each kind of step is checked: what is wrong with a step, given what is shown before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import sympy as sp

from theorycheck.proof_checks import difference, on_box, survives
from theorycheck.proof_integrals import continuous, wrong_integral
from theorycheck.proof_signs import known_signs, nonnegative, positive, undefined
from theorycheck.proof_steps import Checked, Kind, Lemma, Step, Trust
from theorycheck.statement import Bound

#: a fact that every proof has, ``0 < 1``: its weight is whatever is left over and nonnegative by itself
REST = "nonnegative"

_TRUST = {Kind.ENCLOSED: Trust.ENCLOSED, Kind.SAMPLED: Trust.SAMPLED, Kind.CITED: Trust.CITED}
#: what a step of these kinds says holds for every value of a symbol that has no meaning yet
_UNIVERSAL = (Kind.IDENTITY, Kind.COMBINE, Kind.MONOTONE, Kind.APPLY, Kind.INTEGRAL)
#: assumptions of symbols that an application or a definition can check
_KNOWN = {"real", "positive", "nonnegative", "commutative"}


def meant(steps: Iterable[Step], premises: Mapping[str, Bound]) -> set[sp.Symbol]:
    """Return the symbols that premises, definitions, samples, citations or enclosures say something about."""
    found = {symbol for bound in premises.values() for symbol in bound.symbols}
    for step in steps:
        if step.kind not in _UNIVERSAL:
            found |= step.bound.symbols
        elif step.lemma:  # what stands for a measured quantity is one
            found = found.union(*(step.where.get(key, key).free_symbols for key in step.lemma.measured))
    return found


def check_steps(
    steps: Iterable[Step],
    facts: Mapping[str, Bound],
    equations: Iterable[str] = (),
    taken: Set[sp.Symbol] | None = None,
) -> list[Checked]:
    """Check steps in order; ``facts`` are what they may use, by name, of which ``equations`` hold both ways.

    ``taken`` are the symbols that mean something already; by default all of those in the facts.
    """
    shown, equal, found = {REST: Bound(sp.S.Zero, sp.S.One, strict=True), **facts}, set(equations), []
    known = set(meant((), facts) if taken is None else taken)
    for step in steps:
        note = _malformed(step) or _wrong(step, shown, equal, known)
        trust = Trust.BROKEN if note else _TRUST.get(step.kind, Trust.SYMBOLIC)
        found.append(Checked(step, trust, note or step.source))
        shown[step.label] = step.bound
        known |= meant((step,), {})
        if step.equal:
            equal.add(step.label)
    return found


def _malformed(step: Step) -> str:
    """Say what no step may say: an infinity, a rounded number, a strict equation."""
    sides = (step.bound.lhs, step.bound.rhs, *step.weights.values(), *step.where.values())
    for side in map(sp.sympify, sides):
        if side.has(sp.zoo, sp.nan):
            return f"{side} is not defined"
        if side.has(sp.Float):
            return f"{side} has a rounded number: write it as a fraction"
    return "an equation is not strict" if step.equal and step.bound.strict else ""


def _wrong(step: Step, facts: Mapping[str, Bound], equal: Set[str], taken: Set[sp.Symbol]) -> str:
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
            return _monotone(step, facts, equal, taken)
        case Kind.APPLY:
            return _applied(step, facts)
        case Kind.INTEGRAL:
            return wrong_integral(step, facts, equal)
        case Kind.ENCLOSED:
            return _outside(step, facts) or on_box(step.bound, step.box)
        case _:
            if step.kind is Kind.CITED and not step.source:
                return "a citation needs a source"
            assert step.draw is not None
            return survives(step.bound, step.draw, step.count)


def _outside(step: Step, facts: Mapping[str, Bound]) -> str:
    """Say which symbol nobody keeps inside its range: an enclosure is a fact about the box alone."""
    told = [facts[name] for name in step.stands_on]
    for symbol, (low, high) in step.box.items():
        above = [fact.lhs for fact in told if fact.rhs == symbol] + ([sp.S.Zero] if symbol.is_nonnegative else [])
        below = [fact.rhs for fact in told if fact.lhs == symbol]
        if not any(end.is_number and end >= low for end in above):
            return f"nobody shows that {symbol} is at least {low:g}"
        if not any(end.is_number and end <= high for end in below):
            return f"nobody shows that {symbol} is at most {high:g}"
    return ""


def _defined(step: Step, facts: Mapping[str, Bound]) -> str:
    """Say why a new symbol's assumed sign is not that of what it stands for."""
    symbol, expr = step.bound.lhs, step.bound.rhs
    if not symbol.is_Symbol:
        return f"{symbol} is no symbol: only a symbol can be defined"
    told = [facts[name] for name in step.stands_on]
    same = [fact for fact in told if fact.rhs - fact.lhs == expr]
    if same and set(symbol._assumptions_orig) <= _KNOWN and (not symbol.is_positive or any(one.strict for one in same)):
        return ""
    return _unfit(symbol, expr, known_signs(told))


def _unfit(symbol: sp.Symbol, expr: sp.Expr, signs: Mapping[sp.Symbol, sp.Expr]) -> str:
    """Say why an expression cannot be what a symbol with these assumptions stands for."""
    if symbol == expr:
        return ""
    value = expr.xreplace(signs)
    if strange := sorted(set(symbol._assumptions_orig) - _KNOWN):
        return f"{symbol} is assumed to be {strange[0]}, which is not checked: leave that assumption out"
    if note := undefined(value):
        return note
    if symbol.is_positive:
        return "" if positive(value) else f"{expr} is not seen to be positive, as {symbol} is"
    if symbol.is_nonnegative:
        return "" if nonnegative(value) else f"{expr} is not seen to be nonnegative, as {symbol} is"
    if symbol.is_real and not (value.is_real or _real(value)):
        return f"{expr} is not seen to be real, as {symbol} is"
    return ""


def _real(expr: sp.Expr) -> bool:
    """Return whether a defined expression is made of real symbols by functions that keep to the real line."""
    return not expr.has(sp.I, sp.acos, sp.asin) and all(symbol.is_real for symbol in expr.free_symbols)


def _combination(step: Step, facts: Mapping[str, Bound], equal: Set[str]) -> str:
    """Say why a step is not the sum of ``weight * slack`` of what it uses."""
    parts = {name: (weight, facts[name]) for name, weight in step.weights.items()}
    signs = known_signs(fact for _, fact in parts.values())
    slacks = [(fact.rhs - fact.lhs).xreplace(signs) for _, fact in parts.values()]
    # a strict fact says that its slack is positive, whatever it is made of
    above = [(fact.rhs - fact.lhs).xreplace(signs) for _, fact in parts.values() if fact.strict]
    for name, (weight, _) in parts.items():
        if note := undefined(weight.xreplace(signs), above):
            return f"the weight of {name!r}: {note}"
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
    if nonnegative(weight):
        return True
    ratios = (sp.cancel(weight / slack) for slack in slacks if slack != 0)
    return any(not undefined(ratio) and nonnegative(ratio) for ratio in ratios)


def _monotone(step: Step, facts: Mapping[str, Bound], equal: Set[str], taken: Set[sp.Symbol]) -> str:
    """Say why a step is not a monotone function of both sides of the first that it stands on."""
    assert step.function is not None
    of, *rest = step.stands_on
    fact, signs = facts[of], known_signs(facts[name] for name in step.stands_on)
    (x,) = step.function.variables
    if not x.is_real or set(x._assumptions_orig) - _KNOWN:
        return f"the domain of the function is not told by the assumptions of {x}: real, nonnegative or positive"
    # a variable of its own: what premises say about a symbol of this name does not hold for every argument
    fresh = sp.Dummy(str(x), **{str(key): value for key, value in x._assumptions_orig.items()})
    around = {symbol: one for symbol, one in signs.items() if symbol != x}
    body = step.function.expr.xreplace({x: fresh}).xreplace(around)
    if not continuous(body):
        return f"{step.function.expr} is not seen to be continuous on its domain"
    # inside the domain is enough, since the function is continuous up to its end
    inside = sp.Dummy("x", positive=True) if x.is_nonnegative else fresh
    told = [facts[name] for name in rest if x not in taken]
    rising = _sign(sp.diff(body, fresh).xreplace({fresh: inside}), told, {**around, x: inside})
    if not rising:
        return f"the sign of the derivative {sp.diff(step.function.expr, x)} is not seen"
    if note := _unfit(x, fact.lhs, signs) or (undefined(fact.rhs.xreplace(signs))):
        return f"outside the domain: {note}"
    if step.bound.strict:
        return "a monotone step is not strict"
    ends = (fact.lhs, fact.rhs) if rising > 0 or of in equal else (fact.rhs, fact.lhs)
    sides = zip((step.bound.lhs, step.bound.rhs), ends, strict=True)
    return next((note for side, end in sides if (note := _differs(side, step.function(end), signs))), "")


def _sign(slope: sp.Expr, told: Iterable[Bound], signs: Mapping[sp.Symbol, sp.Expr]) -> int:
    """Return 1 or -1 for a derivative of that sign (or 0), 0 if it is not seen."""
    slacks = [(fact.rhs - fact.lhs).xreplace(signs) for fact in told]
    # what a fact says word for word needs no search
    for sign in (1, -1):
        if any(sp.expand(slack - sign * slope) == 0 for slack in slacks):
            return sign
    if nonnegative(slope):
        return 1
    if nonnegative(-slope):
        return -1
    for slack in slacks:
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
    if note := _put_in(step, lemma):
        return note
    for symbol, expr in step.where.items():
        if note := _unfit(symbol, expr, signs):
            return f"{note} of {lemma.name}"
    if missing := sorted(set(lemma.premises) - set(step.using)):
        return f"nobody shows {missing[0]!r} of {lemma.name}"
    if step.bound.strict != lemma.goal.strict:
        return f"{lemma.name} is {'' if lemma.goal.strict else 'not '}strict"
    needed = [(facts[shown], lemma.premises[name]) for name, shown in step.using.items()]
    needed.append((step.bound, lemma.goal))
    for have, need in needed:
        if need.strict and not have.strict:
            return f"{have.lhs} < {have.rhs} is needed, strictly, for {lemma.name}"
        for mine, its in ((have.lhs, need.lhs), (have.rhs, need.rhs)):
            if note := _differs(mine, its.xreplace(step.where), signs):
                return f"{mine} stands where {lemma.name} has {its}: {note}"
    return ""


_BINDERS = (sp.Integral, sp.Sum, sp.Derivative, sp.Limit, sp.Subs)


def _bound(symbol: sp.Symbol, part: sp.Expr) -> bool:
    """Return whether a symbol is the variable of an integral, a sum, a derivative, a limit or a substitution."""
    if isinstance(part, sp.Derivative):
        return symbol in part.variables
    if isinstance(part, sp.Limit):
        return symbol == part.args[1]
    return symbol in part.bound_symbols


def _put_in(step: Step, lemma: Lemma) -> str:
    """Say which symbol cannot stand for something else, or for that."""
    bounds = (lemma.goal, *lemma.premises.values())
    binders = {part for bound in bounds for side in (bound.lhs, bound.rhs) for part in side.atoms(*_BINDERS)}
    over = {
        symbol for part in binders for symbol in (part.free_symbols | part.atoms(sp.Symbol)) if _bound(symbol, part)
    }
    for key, expr in step.where.items():
        if not key.is_Symbol:
            return f"{key} is no symbol: only symbols can stand for something else"
        if key != expr and key in lemma.fixed:
            return f"{lemma.name} holds for {key} in a range: nothing else can stand for it"
        if key in lemma.measured and not all(part.is_Symbol for part in sp.Add.make_args(expr)):
            return f"{key} of {lemma.name} is a measured quantity: only symbols can stand for it, not {expr}"
        if key in over or expr.free_symbols & over:
            return f"{key} = {expr} meets a variable of an integral of {lemma.name}: rename that one"
    return ""
