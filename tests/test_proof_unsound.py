"""False statements that look like proofs: each is refused, and a true neighbour of it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.proof import GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_checks import points
from theorycheck.proof_signs import known_signs, nonnegative, positive

from theorycheck.proof_steps import Lemma, Link, Trust, apply, cited, combine, define, enclosed, identity, links, monotone, sampled  # isort: skip  # fmt: skip
from theorycheck.proof_verify import REST, check_steps
from theorycheck.statement import Bound
from theorycheck.textbook import MARKOV, chance, level, mean
from theorycheck.theorems import card

a, b, c = sp.symbols("a b c", nonnegative=True)
x, y, z = sp.symbols("x y z", real=True)
p, q = sp.symbols("p q", positive=True)
ZERO, ONE = sp.S.Zero, sp.S.One
FALSE = Bound(ONE, ZERO)


def one(step, **facts):
    """Check a step, given inequalities by name."""
    return check_steps((step,), facts)[0]


def holds(step, **facts):
    """Return whether a step is accepted."""
    return one(step, **facts).trust is not Trust.BROKEN


def last(*steps, facts=None, taken=frozenset()):
    """Check steps of which all but the last are right; return the last."""
    found = check_steps(steps, facts or {}, taken=taken)
    assert all(step.trust is not Trust.BROKEN for step in found[:-1])
    return found[-1]


def test_no_weight_divides_by_zero():
    zero = define("d", "", z, ZERO)
    assert "divided by" in last(zero, combine("c", "", FALSE, {"d": 1 / z})).note
    assert "divided by" in one(combine("c", "", FALSE, {"f": 1 / a}), f=Bound(a, 0)).note
    assert holds(combine("c", "", Bound(1, 2 / p), {"f": 1 / p}), f=Bound(p, 2))
    half = define("d", "", z, p / 2)
    assert last(half, combine("c", "", Bound(z / p, sp.Rational(1, 2)), {"d": 1 / p})).trust is Trust.SYMBOLIC


def test_a_strict_conclusion_needs_weight_on_a_strict_fact():
    facts = {"strict": Bound(a, b, strict=True), "weak": Bound(a, b)}
    step = combine("c", "", Bound(a, b, strict=True), {"strict": 0, "weak": 1})
    assert "strict" in one(step, **facts).note
    assert holds(replace(step, weights={"strict": ONE, "weak": ZERO}), **facts)
    assert not holds(replace(step, bound=Bound(a * a, a * b, strict=True), weights={"strict": a}), **facts)


def test_only_equations_may_be_used_backwards():
    def draw(seed):
        return {a: 1.0, b: 1.0}

    back = combine("c", "", Bound(b, a), {"s": -1})
    for step in (cited("s", "", Bound(a, b), "here 1", draw), sampled("s", "", Bound(a, b), draw), apply("s", "", Lemma("L", {}, Bound(a, b)), {}, {})):  # fmt: skip
        assert "nonnegative" in last(step, back).note
    assert last(apply("s", "", Lemma("L", {}, Bound(a, b), equation=True), {}, {}), back).trust is Trust.SYMBOLIC


@pytest.mark.parametrize(
    ("symbol", "expr", "events"),
    [(a, c, ()), (b, c, ()), (z, c, ()), (q, ONE, (Event("e", Bound(a, b), q),)), (x, x + 1, ())],
)
def test_a_defined_symbol_is_new(symbol, expr, events):
    """It stands in a premise, the goal, an earlier step, for the chance of an event, or in its own definition."""
    premises = {"given: less": Bound(a, c)} | {f"event: {event.label}": event.bound for event in events}
    used = {"given: less": 1, "first": 0, "d": 0} | dict.fromkeys([f"event: {event.label}" for event in events], 0)
    steps = (define("first", "", z, a), define("d", "", symbol, expr), combine("end", "", Bound(a, c + b), {**used, REST: b}))  # fmt: skip
    with pytest.raises(ValueError, match="not new"):
        Proof("n", Bound(a, c + b), premises, frozenset(), steps, events=events)
    fine = (steps[0], define("d", "", y, c), steps[2])
    assert all(
        found.trust is Trust.SYMBOLIC for found in Proof("n", fine[2].bound, premises, frozenset(), fine).check()
    )
    # only symbols are
    for what in (ONE, a + b, 2 * a):
        assert "no symbol" in one(define("d", "", what, ZERO)).note


def test_what_stands_for_a_real_symbol_is_real():
    lemma = Lemma("L", {}, Bound(0, x**2))
    for expr, told in ((sp.sqrt(y), "root"), (sp.I, "real"), (sp.log(y), "logarithm"), (sp.acos(y), "real"), (1 / y, "divided")):  # fmt: skip
        assert told in one(apply("s", "", lemma, {x: expr}, {})).note
        assert not holds(define("d", "", z, expr))
    for expr in (sp.sqrt(a), sp.log(p), 1 / p, y**3 - 1):
        assert holds(apply("s", "", lemma, {x: expr}, {}))
        assert holds(define("d", "", z, expr))


def test_other_assumptions_are_not_checked_and_so_refused():
    n = sp.Symbol("n", integer=True)
    lemma = Lemma("L", {}, Bound(sp.sin(sp.pi * n) ** 2, 0))
    assert "integer" in one(apply("s", "", lemma, {n: x}, {})).note
    assert "integer" in one(define("d", "", n, sp.Rational(1, 2))).note
    assert holds(apply("s", "", Lemma("L", {}, Bound(n, n + 1)), {n: n}, {}))


def test_a_weak_sign_is_not_a_strict_one():
    weak, strict = Bound(0, x), Bound(0, x, strict=True)
    for expr in (x, 2 * x):
        assert "positive" in one(define("d", "", q, expr, "sign"), sign=weak).note
        assert holds(define("d", "", q, expr, "sign"), sign=strict)
    assert [positive(x.xreplace(known_signs([fact]))) for fact in (weak, strict)] == [False, True]


def test_what_a_fact_tells_of_a_symbol():
    two, root = Bound(p, 2), Bound(x**2, y)
    assert nonnegative((2 - p).xreplace(known_signs([two])))
    assert not nonnegative((sp.Rational(3, 2) - p).xreplace(known_signs([two])))
    # what is at most 1 may be 0 or negative
    assert "off by" in one(identity("i", "", sp.sqrt(x**2), x, "f"), f=Bound(x, 1)).note
    assert not holds(define("d", "", q, a, "f"), f=Bound(a, 1))
    assert nonnegative((y - x**2).xreplace(known_signs([root])))
    assert not nonnegative((y - 2 * x**2).xreplace(known_signs([root])))
    assert "off by" in one(identity("i", "", y, x**2, "f"), f=root).note
    assert nonnegative(a - sp.Min(a, b))
    assert not nonnegative(sp.Min(a, b) - a)
    assert nonnegative(1 - sp.exp(-a))
    assert not nonnegative(1 - sp.exp(a))
    assert not nonnegative(1 - sp.exp(-x))


def test_a_sign_of_a_symbol_is_not_one_of_every_argument():
    """x = 3 makes x^2 rise at 3, not on [-2, 1]."""
    three, sign = define("three", "", x, sp.Integer(3)), combine("sign", "", Bound(0, x), {"three": -1, REST: 3})
    less = combine("less", "", Bound(-2, 1), {REST: 3})
    for extra in ((), ("sign",)):
        wrong = monotone("m", "", Bound(4, 1), "less", sp.Lambda(x, x**2), *extra)
        assert "derivative" in last(three, sign, less, wrong).note
    twice = combine("twice", "", Bound(0, 2 * x), {"sign": 2})  # the derivative itself
    wrong = monotone("m", "", Bound(4, 1), "less", sp.Lambda(x, x**2), "twice")
    assert "derivative" in last(three, sign, less, twice, wrong).note
    assert "derivative" in one(wrong, less=less.bound, twice=twice.bound).note
    # what is shown of every x, with nothing known of it, does tell
    every = combine("every", "", Bound(0, 3 * x**2 + sp.sin(x) ** 2), {REST: 3 * x**2 + sp.sin(x) ** 2})
    cube = sp.Lambda(x, x**3 + x / 2 - sp.sin(2 * x) / 4)
    assert last(less, every, monotone("m", "", Bound(cube(-2), cube(1)), "less", cube, "every")).trust is Trust.SYMBOLIC


@pytest.mark.parametrize(
    "body", [sp.acot(x), sp.atan(1 / x), sp.Piecewise((x, x < 0), (x - 9, True)), -1 / x, x - 9 * sp.Heaviside(x), sp.tan(x), sp.floor(x)]
)  # fmt: skip
def test_a_function_that_jumps_is_not_monotone(body):
    wrong = sp.Lambda(x, body)
    less = {"less": Bound(-1, 1)}
    for bound in (Bound(wrong(-1), wrong(1)), Bound(wrong(1), wrong(-1))):
        assert "continuous" in one(monotone("m", "", bound, "less", wrong), **less).note
    assert holds(monotone("m", "", Bound(sp.atan(-1), sp.atan(1)), "less", sp.Lambda(x, sp.atan(x))), **less)


def test_a_monotone_function_is_used_on_its_domain():
    def falls(of, variable, low, high):
        f = sp.Lambda(variable, of(variable))
        return one(monotone("m", "", Bound(f(low), f(high)), "less", f), less=Bound(low, high)).note

    assert "nonnegative" in falls(lambda t: t**2, a, x, y)
    assert "domain" in falls(lambda t: t**2, a, -3 * p, p)
    assert "positive" in falls(sp.log, p, a, b)
    assert "domain" in falls(lambda t: t**3, sp.Symbol("t"), x, y)
    assert "domain" in falls(lambda t: t**3, sp.Symbol("t", integer=True), x, y)
    assert falls(lambda t: t**2, a, b, c) == falls(sp.log, p, p, q) == falls(lambda t: t**3, z, x, y) == ""
    strict = monotone("m", "", Bound(x**3, y**3, strict=True), "less", sp.Lambda(z, z**3))
    assert "not strict" in one(strict, less=Bound(x, y)).note


def test_a_box_is_a_fact_about_the_symbols_in_it():
    step = enclosed("e", "", Bound(x**2, 2), {x: (-1.0, 1.0)})
    facts = {"low": Bound(-1, x), "high": Bound(x, 1)}
    assert "at least -1" in one(step, **facts).note
    assert "at most 1" in one(replace(step, stands_on=("low",)), **facts).note
    assert "at most 1" in one(replace(step, stands_on=("low", "high")), low=facts["low"], high=Bound(x, 2)).note
    inside = replace(step, stands_on=("low", "high"))
    assert one(inside, **facts).trust is Trust.ENCLOSED
    proof = Proof("n", step.bound, {}, frozenset({x}), (step,))
    assert [found.trust for found in proof.check()] == [Trust.BROKEN]
    assert "positive on the box" in one(replace(inside, bound=Bound(sp.sqrt(x), 2)), **facts).note
    assert "slack" in one(replace(inside, bound=Bound(x**2, sp.Rational(1, 2))), **facts).note
    # between numbers no box is needed
    assert "slack" in one(enclosed("e", "", Bound(sp.exp(1), sp.Rational(271, 100)), {})).note
    assert one(enclosed("e", "", Bound(sp.exp(1), sp.Rational(272, 100)), {})).trust is Trust.ENCLOSED


def test_integrals_are_what_they_are():
    """An antiderivative that jumps, and an integration variable that is not free to be put in."""
    odd = sp.Integral(x * sp.sqrt(1 + 1 / x**2), (x, -1, 2))
    assert "quadrature" in one(identity("i", "", odd, odd.doit())).note
    half = Lemma("L", {}, Bound(y / 2, sp.Integral(y * x, (x, 0, 1))), equation=True)
    assert "variable of an integral" in one(apply("s", "", half, {y: x}, {})).note
    assert holds(apply("s", "", half, {y: z}, {}))
    assert holds(identity("i", "", half.goal.lhs, half.goal.rhs))


def test_an_identity_at_the_points_that_are_looked_at_only():
    zeros = sp.prod(x - sp.Rational(point[x]) for point in points({x}))
    assert "not seen to vanish" in one(identity("i", "", zeros, ZERO)).note


def test_a_measured_quantity_is_no_number():
    using = {"level": "positive"}
    fact = {"positive": MARKOV.premises["level"]}
    for number in (sp.Integer(5), 2 * a, a**2, a + 1):
        assert "measured" in one(apply("s", "", MARKOV.lemma, {chance: number}, using), **fact).note
    assert "measured" in one(apply("s", "", MARKOV.lemma, {mean: ZERO}, using), **fact).note
    assert holds(apply("s", "", MARKOV.lemma, {chance: a, mean: b + c}, using), **fact)


def test_a_proof_does_not_apply_its_own_claim():
    theorem = card("chen2022.f")
    lemma = of_card(theorem, "rate")
    circle = apply("end", "", lemma, {}, {name: f"{GIVEN}{name}" for name in lemma.premises})
    with pytest.raises(ValueError, match="applies what it is to show"):
        of_claim(theorem, "rate", circle)


def test_what_a_lemma_needs():
    assert "not strict" in one(replace(identity("i", "", a, a), bound=Bound(a, a, strict=True))).note
    lemma = Lemma("L", {"less": Bound(a, b, strict=True)}, Bound(a, b))
    step = apply("s", "", lemma, {}, {"less": "f"})
    assert holds(step, f=Bound(a, b, strict=True))
    assert "not strict" in one(replace(step, bound=Bound(a, b, strict=True)), f=Bound(a, b, strict=True)).note
    assert "strictly" in one(step, f=Bound(a, b)).note
    # both sides of a premise are compared
    step = apply("s", "", Lemma("L", {"less": Bound(a, b)}, Bound(a**2, b**2)), {}, {"less": "f"})
    assert holds(step, f=Bound(a, b))
    for wrong in (Bound(a - 1, b), Bound(a, b + 1), Bound(b, a)):
        assert "stands where L has" in one(step, f=wrong).note


def test_numbers_are_exact_and_finite():
    for number in (sp.Float("0.5"), 0.1):
        assert "rounded number" in one(combine("c", "", Bound(number * a, b), {"f": 1}), f=Bound(a, b)).note
        assert "rounded number" in one(combine("c", "", Bound(a, b), {"f": number}), f=Bound(a, b)).note
    assert "not defined" in one(combine("c", "", Bound(a, sp.zoo), {"f": 1}), f=Bound(a, b)).note
    assert "not defined" in one(combine("c", "", Bound(a, b), {"f": sp.zoo}), f=Bound(a, b)).note


def test_random_cases_that_do_not_decide():
    def draw(left, share=0):
        return lambda seed: {a: left if seed % 10 < share else 1.0, b: 2.0}

    assert "infinite" in one(sampled("s", "", Bound(a, b), draw(np.inf, 1))).note
    assert "decide" in one(sampled("s", "", Bound(a, b), draw(np.nan, 6))).note
    assert one(sampled("s", "", Bound(a, b), draw(np.nan, 5))).trust is Trust.SAMPLED


def test_the_links_of_a_lemma_are_read_in_the_symbols_of_whom_applies_it():
    inner = (Link("one", "", Bound(a, b)), Link("two", "", Bound(b, c, strict=True)))
    lemma = Lemma("L", {}, Bound(a, c), links=inner)
    step = apply("s", "", lemma, {a: p, b: a, c: b + q}, {})
    assert links(step) == (Link("one", "", Bound(p, a)), Link("two", "", Bound(a, b + q, strict=True)))
    proof = Proof("n", step.bound, {}, frozenset(), (step,), chain=("s",))
    assert proof.links == links(step) == proof.lemma.links


# --- what a second look found ---------------------------------------------------------------------------


def chances_without_a_value():
    """Markov's P <= mu/a is not shown of every P, but taken for the sign of a derivative by P."""
    rate = mean / level
    f = sp.Lambda(chance, rate * chance - chance**2 / 2)
    less = combine("less", "", Bound(2 * rate, 3 * rate), {REST: rate})
    markov = apply("Markov", "", MARKOV.lemma, {}, {"level": "level"})
    return markov, less, monotone("m", "", Bound(f(2 * rate), f(3 * rate)), "less", f, "Markov")


LATER = {
    "8: SymPy's wrong integral, singular where quadrature looks": ((identity("i", "", sp.Integral(x * sp.sqrt(1 + 1 / x**2), (x, -1, 1)), sp.log(1 + sp.sqrt(2)) + sp.sqrt(2)),), {}),
    "1: a pole that is no power": ((define("d", "", c, ZERO), combine("c", "", FALSE, {"d": sp.gamma(c) / sp.gamma(c + 1)})), {}),
    "1: a power whose exponent may be negative": ((combine("c", "", Bound(a ** (y + 1), 0), {"zero": a**y}),), {"zero": Bound(a, 0)}),
    "3: acosh is not real": ((apply("s", "", Lemma("L", {}, Bound(0, x**2)), {x: sp.acosh(y)}, {}),), {}),
    "3: atanh is not real": ((define("d", "", z, sp.atanh(y)),), {}),
    "3: infinity is no real number": ((apply("s", "", Lemma("L", {}, Bound(x, x + 1, strict=True)), {x: sp.oo}, {}),), {}),
    "4: a measured chance in a derivative": (chances_without_a_value(), {"level": MARKOV.premises["level"]}),
    "7: the variable of a derivative": ((apply("s", "", Lemma("L", {}, Bound(y, sp.Derivative(y * x, x)), equation=True), {y: x}, {}),), {}),
    "7: the variable of a limit": ((apply("s", "", Lemma("L", {}, Bound(y, sp.Limit(y + x, x, 0)), equation=True), {y: x}, {}),), {}),
    "7: the variable of a substitution": ((apply("s", "", Lemma("L", {}, Bound(y, sp.Subs(y * x, x, 1)), equation=True), {y: x}, {}),), {}),
    "12: a right side of -oo": ((sampled("s", "", Bound(a, x), lambda seed: {a: 1.0, x: 2.0 if seed % 10 else -np.inf}),), {}),
}  # fmt: skip


@pytest.mark.parametrize("hole", LATER)
def test_what_should_be_refused(hole):
    steps, facts = LATER[hole]
    assert check_steps(steps, facts)[-1].trust is Trust.BROKEN
