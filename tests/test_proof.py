"""Proofs as tuples of steps: each kind of step, what a proof refuses to be, and that broken steps are seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.proof_steps import (
    Kind,
    Lemma,
    Trust,
    apply,
    cited,
    combine,
    define,
    enclosed,
    identity,
    monotone,
    sampled,
)
from theorycheck.proof_verify import REST, check_steps
from theorycheck.statement import Bound

a, b, c = sp.symbols("a b c", nonnegative=True)
x, y = sp.symbols("x y", real=True)
p = sp.Symbol("p", positive=True)


def one(step, **facts):
    """Check a step, given inequalities by name."""
    return check_steps((step,), facts)[0]


# --- the kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((x + y) ** 2, x**2 + 2 * x * y + y**2),
        (sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.S.One),
        (sp.Integral(sp.exp(-p * x), (x, 0, sp.oo)).doit(), 1 / p),
        (sp.sqrt(a**2 * b), a * sp.sqrt(b)),
        (sp.exp(x + y), sp.exp(x) * sp.exp(y)),
    ],
)
def test_identities_hold_and_false_ones_are_located(left, right):
    assert one(identity("i", "", left, right)).trust is Trust.SYMBOLIC
    for wrong in (2 * right, -right, right + sp.Rational(1, 10**9)):
        found = one(identity("i", "", left, wrong))
        assert found.trust is Trust.BROKEN
        assert "off by" in found.note


def test_an_identity_about_every_function_is_looked_at_for_one():
    """The chain rule holds for any s; a false one is located with a cubic in its place, quickly."""
    f, z = sp.Function("s"), sp.Symbol("z", real=True)
    left, right = sp.diff(f(z**2), z), 2 * z * sp.Subs(sp.Derivative(f(x), x), x, z**2)
    assert one(identity("i", "", left, right)).trust is Trust.SYMBOLIC
    assert "off by" in one(identity("i", "", left, 3 * right)).note
    assert "off by" in one(identity("i", "", f(z) ** 2, f(z))).note


def test_an_identity_that_holds_only_somewhere_is_broken():
    """sqrt(x^2) = x for x >= 0 only: the symbol's assumption decides."""
    assert one(identity("i", "", sp.sqrt(a**2), a)).trust is Trust.SYMBOLIC
    found = one(identity("i", "", sp.sqrt(x**2), x))
    assert found.trust is Trust.BROKEN
    assert "x = -" in found.note


def test_an_enclosed_step_needs_every_point_of_its_box_and_someone_who_keeps_the_symbol_there():
    inside = {"low": Bound(-2, x), "high": Bound(x, 2)}
    step = enclosed("e", "", Bound(x, x**2 + sp.Rational(26, 100)), {x: (-2.0, 2.0)}, "low", "high")
    assert one(step, **inside).trust is Trust.ENCLOSED
    found = one(replace(step, bound=Bound(x, x**2 + sp.Rational(24, 100))), **inside)
    assert found.trust is Trust.BROKEN
    assert "x = 0.5" in found.note
    assert "nobody shows that x is at most 2" in one(replace(step, stands_on=("low",)), **inside).note
    assert "nobody shows that x is at least -2" in one(replace(step, stands_on=("high",)), **inside).note
    assert one(step, low=Bound(-3, x), high=inside["high"]).trust is Trust.BROKEN
    assert "no range for y" in one(replace(step, bound=Bound(x, y + 5)), **inside).note


def test_an_enclosed_step_between_numbers_needs_no_box():
    assert one(enclosed("e", "", Bound(3, sp.pi), {})).trust is Trust.ENCLOSED
    assert "slack -0.14" in one(enclosed("e", "", Bound(sp.pi, 3), {})).note


def test_a_combination_is_its_weights():
    """a <= b and b <= c give a <= c; a <= b and x <= y give a x <= b y where all are nonnegative."""
    facts = {"first": Bound(a, b), "second": Bound(b, c)}
    assert one(combine("c", "", Bound(a, c), {"first": 1, "second": 1}), **facts).trust is Trust.SYMBOLIC
    assert one(combine("c", "", Bound(a, c), {"first": 1}), **facts).trust is Trust.BROKEN
    assert one(combine("c", "", Bound(a * b, b * c), {"first": b, "second": b}), **facts).trust is Trust.SYMBOLIC
    found = one(combine("c", "", Bound(c, a), {"first": -1, "second": -1}), **facts)
    assert found.trust is Trust.BROKEN
    assert "nonnegative" in found.note


def test_a_premise_about_a_sign_makes_a_weight_nonnegative():
    facts = {"sign": Bound(sp.S.Zero, x, strict=True), "less": Bound(a, b)}
    assert one(combine("c", "", Bound(a * x, b * x), {"less": x, "sign": 0}), **facts).trust is Trust.SYMBOLIC
    assert one(combine("c", "", Bound(a * x, b * x), {"less": x}), less=facts["less"]).trust is Trust.BROKEN


def test_a_slack_is_a_nonnegative_weight():
    facts = {"less": Bound(a, b), "share": Bound(x, sp.S.One)}
    product = combine("c", "", Bound(a * (1 - x), b * (1 - x)), {"less": 1 - x, "share": 0})
    assert one(product, **facts).trust is Trust.SYMBOLIC
    assert one(replace(product, weights={"less": 1 - x}), **facts).trust is Trust.BROKEN
    assert (
        one(replace(product, bound=Bound(b * (1 - x), a * (1 - x)), weights={"less": x - 1, "share": 0}), **facts).trust
        is Trust.BROKEN
    )


def test_a_strict_conclusion_needs_a_strict_fact():
    facts = {"strict": Bound(a, b, strict=True), "weak": Bound(b, c)}
    both = combine("c", "", Bound(a, c, strict=True), {"strict": 1, "weak": 1})
    assert one(both, **facts).trust is Trust.SYMBOLIC
    assert one(both, strict=Bound(a, b), weak=facts["weak"]).trust is Trust.BROKEN


def test_equations_may_be_used_either_way():
    z = sp.Symbol("z", real=True)
    steps = (define("d", "", z, a * b), combine("c", "", Bound(a * b, z), {"d": -1}))
    assert [found.trust for found in check_steps(steps, {})] == [Trust.SYMBOLIC] * 2
    assert one(combine("c", "", Bound(b, a), {"d": -1}), d=Bound(a, b)).trust is Trust.BROKEN


def drawn(seed):
    """Norms of a random matrix: spectral, Frobenius."""
    matrix = np.random.default_rng(seed).standard_normal((3, 3))
    return {a: np.linalg.norm(matrix, 2), b: np.linalg.norm(matrix)}


def test_a_definition_gives_no_sign_away():
    new = sp.Symbol("q", nonnegative=True)
    assert one(define("d", "", new, a + b)).trust is Trust.SYMBOLIC
    assert "nonnegative" in one(define("d", "", new, b - a)).note
    assert one(define("d", "", new, b - a, "less"), less=Bound(a, b)).trust is Trust.SYMBOLIC
    assert one(define("d", "", sp.Symbol("q", positive=True), b - a, "less"), less=Bound(a, b)).trust is Trust.BROKEN
    assert one(define("d", "", sp.Symbol("q", real=True), b - a)).trust is Trust.SYMBOLIC


def test_random_cases_evaluate_the_inequality_itself():
    assert one(sampled("s", "", Bound(a, b), drawn)).trust is Trust.SAMPLED
    for wrong in (Bound(b, a), Bound(2 * a, b), Bound(a, b**2 / 10), Bound(a, -b)):
        found = one(sampled("s", "", wrong, drawn))
        assert found.trust is Trust.BROKEN
        assert "at seed" in found.note


def test_random_cases_must_measure_every_symbol_and_decide():
    assert "does not measure c" in one(sampled("s", "", Bound(a, b + c), drawn)).note
    assert "decide" in one(sampled("s", "", Bound(a, b), lambda seed: {a: np.nan, b: 1.0})).note
    assert one(sampled("s", "", Bound(a, b), lambda seed: {a: np.inf, b: np.inf})).trust is Trust.BROKEN


def test_a_citation_needs_a_source_and_random_cases():
    source = "Weyl 1912; Horn and Johnson, Theorem 4.3.1"
    assert one(cited("c", "", Bound(a, b), source, drawn)).trust is Trust.CITED
    assert one(cited("c", "", Bound(a, b), "", drawn)).trust is Trust.BROKEN
    assert "at seed" in one(cited("c", "", Bound(b, a), source, drawn)).note


def test_a_monotone_function_of_both_sides():
    fact = {"less": Bound(a, b)}
    root = monotone("m", "", Bound(sp.sqrt(a), sp.sqrt(b)), "less", sp.Lambda(a, sp.sqrt(a)))
    assert one(root, **fact).trust is Trust.SYMBOLIC
    falls = monotone("m", "", Bound(sp.exp(-p * b), sp.exp(-p * a)), "less", sp.Lambda(x, sp.exp(-p * x)))
    assert one(falls, **fact).trust is Trust.SYMBOLIC
    assert one(replace(falls, bound=Bound(sp.exp(-p * a), sp.exp(-p * b))), **fact).trust is Trust.BROKEN
    # x^2 rises only where x is nonnegative: the domain is what the variable's assumptions say
    square = monotone("m", "", Bound(x**2, y**2), "less", sp.Lambda(x, x**2))
    assert "derivative" in one(square, less=Bound(x, y)).note
    on_half = replace(square, function=sp.Lambda(a, a**2))
    assert "nonnegative" in one(on_half, less=Bound(x, y)).note
    assert one(on_half, less=Bound(x, y), sign=Bound(sp.S.Zero, x)).trust is Trust.BROKEN  # nobody stands on the sign
    stands = replace(on_half, stands_on=("less", "sign"))
    assert one(stands, less=Bound(x, y), sign=Bound(sp.S.Zero, x)).trust is Trust.SYMBOLIC


def test_a_derivative_whose_sign_another_step_tells():
    fall = (1 - sp.exp(-p)) / p
    facts = {"less": Bound(p, 2 * p), "sign": Bound(sp.S.Zero, -sp.diff(fall, p))}
    step = monotone("m", "", Bound(fall.subs(p, 2 * p), fall), "less", sp.Lambda(p, fall), "sign")
    assert check_steps((step,), facts, taken=set())[0].trust is Trust.SYMBOLIC
    assert "derivative" in check_steps((replace(step, stands_on=("less",)),), facts, taken=set())[0].note
    # where p means something, what is known of it does not hold for every argument of the function
    assert "derivative" in check_steps((step,), facts, taken={p})[0].note


def test_what_is_applied_needs_its_premises_and_its_signs():
    lemma = Lemma("L", {"less": Bound(a, b), "sign": Bound(sp.S.Zero, p, strict=True)}, Bound(a * p, b * p))
    z = sp.Symbol("z", real=True)
    facts = {"mine": Bound(a + 1, 3 * b), "positive": Bound(sp.S.Zero, z, strict=True), "weak": Bound(sp.S.Zero, z)}
    step = apply("s", "", lemma, {a: a + 1, b: 3 * b, p: z}, {"less": "mine", "sign": "positive"})
    assert step.bound == Bound((a + 1) * z, 3 * b * z)
    assert one(step, **facts).trust is Trust.SYMBOLIC
    assert one(replace(step, using={"less": "mine", "sign": "weak"}), **facts).trust is Trust.BROKEN
    assert "nobody shows 'less'" in one(replace(step, using={"sign": "positive"}), **facts).note
    assert one(replace(step, bound=Bound(a * z, 3 * b * z)), **facts).trust is Trust.BROKEN
    assert one(replace(step, where={a: a + 1, b: 2 * b, p: z}), **facts).trust is Trust.BROKEN
    assert "nonnegative" in one(replace(step, where={a: x, b: 3 * b, p: z}), **facts).note
    # only symbols stand for something else: sqrt(x) read as x + 7 would show x + 7 <= x + 1
    free = Lemma("free", {}, Bound(sp.sqrt(a), a + 1))
    assert "no symbol" in one(apply("s", "", free, {sp.sqrt(a): a + 7}, {})).note


def test_premises_that_place_a_symbol():
    """sqrt((1 - x)^2) = 1 - x for x in (0, 1), p <= 1, and the argument of a maximum."""
    inside = {"in": Bound(sp.S.Zero, x * (1 - x), strict=True)}
    assert one(identity("i", "", sp.sqrt((1 - x) ** 2), 1 - x, "in"), **inside).trust is Trust.SYMBOLIC
    assert one(identity("i", "", sp.sqrt((1 - x) ** 2), 1 - x), **inside).trust is Trust.BROKEN
    assert one(identity("i", "", sp.sqrt((1 - 2 * x) ** 2), 1 - 2 * x, "in"), **inside).trust is Trust.BROKEN
    share = {"share": Bound(p, sp.S.One), "less": Bound(a, b)}
    weight = combine("c", "", Bound(a * (1 - p), b * (1 - p)), {"less": 1 - p, "share": 0})
    assert one(weight, **share).trust is Trust.SYMBOLIC
    assert one(replace(weight, weights={"less": 1 - p}), **share).trust is Trust.BROKEN
    falls = combine("c", "", Bound(a * (1 - sp.exp(-p)), b * (1 - sp.exp(-p))), {"less": 1 - sp.exp(-p)})
    assert one(falls, less=share["less"]).trust is Trust.SYMBOLIC
    assert one(replace(falls, weights={"less": sp.exp(-p) - 1}), less=share["less"]).trust is Trust.BROKEN
    most = {"width": Bound(sp.Max(a, b), c)}
    assert one(combine("c", "", Bound(a, c), {"width": 1, REST: sp.Max(a, b) - a}), **most).trust is Trust.SYMBOLIC
    assert (
        one(combine("c", "", Bound(2 * a, c), {"width": 1, REST: sp.Max(a, b) - 2 * a}), **most).trust is Trust.BROKEN
    )


@pytest.mark.parametrize("kind", [Kind.IDENTITY, Kind.COMBINE])
def test_each_kind_is_broken_by_a_coefficient(kind):
    step = {Kind.IDENTITY: identity("s", "", a * b, b * a), Kind.COMBINE: combine("s", "", Bound(a, c), {"f": 1})}[kind]
    facts = {"f": Bound(a, c)}
    assert one(step, **facts).trust is Trust.SYMBOLIC
    for wrong in (Bound(2 * step.bound.lhs, step.bound.rhs), Bound(step.bound.lhs, -step.bound.rhs), Bound(step.bound.lhs**2, step.bound.rhs)):  # fmt: skip
        assert one(replace(step, bound=wrong), **facts).trust is Trust.BROKEN
