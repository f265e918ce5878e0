"""Proofs as tuples of steps: each kind of step, what a proof refuses to be, and that broken steps are seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.proof import GIVEN, SHOWN, check_steps, of_claim
from theorycheck.proof_steps import Kind, Trust, cited, combine, define, enclosed, identity, sampled
from theorycheck.statement import Bound
from theorycheck.theorems import card

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


def test_an_enclosed_step_needs_every_point_of_its_box():
    step = enclosed("e", "", Bound(x, x**2 + sp.Rational(26, 100)), {x: (-2.0, 2.0)})
    assert one(step).trust is Trust.ENCLOSED
    found = one(replace(step, bound=Bound(x, x**2 + sp.Rational(24, 100))))
    assert found.trust is Trust.BROKEN
    assert "x = 0.5" in found.note
    assert one(enclosed("e", "", Bound(x, y + 5), {x: (0.0, 1.0)})).trust is Trust.BROKEN


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


def test_an_attack_that_succeeds_breaks_the_step():
    def norm(seed):
        matrix = np.random.default_rng(seed).standard_normal((3, 3))
        return float(np.linalg.norm(matrix) - np.linalg.norm(matrix, 2)), 1e-12

    assert one(sampled("s", "", Bound(a, b), norm)).trust is Trust.SAMPLED
    found = one(sampled("s", "", Bound(a, b), lambda seed: (-norm(seed)[0], 1e-12)))
    assert found.trust is Trust.BROKEN
    assert "seed 0" in found.note


def test_a_citation_needs_a_source():
    assert one(cited("c", "", Bound(a, b), "Weyl 1912; Horn and Johnson, Theorem 4.3.1")).trust is Trust.CITED
    assert one(cited("c", "", Bound(a, b), "")).trust is Trust.BROKEN


# --- what a proof refuses ----------------------------------------------------------------------------

F = card("chen2022.f")
RATE = next(claim for claim in F.claims if claim.label == "rate")
middle = sp.Symbol("X", real=True)
LINKS = (
    cited("first", "", Bound(RATE.bound.lhs, middle), "somewhere 1"),
    cited("second", "", Bound(middle, RATE.bound.rhs), "somewhere 2"),
    combine("end", "", RATE.bound, {"first": 1, "second": 1}),
)


def proof(*steps, chain=("first", "second")):
    return of_claim(F, "rate", *(steps or LINKS), chain=chain)


def test_a_proof_that_is_one():
    assert [found.trust for found in proof().check()] == [Trust.CITED, Trust.CITED, Trust.SYMBOLIC]
    premise = next(iter(proof().premises))
    assert premise.startswith(GIVEN)


@pytest.mark.parametrize(
    ("steps", "chain", "told"),
    [
        ((LINKS[0], replace(LINKS[1], label="first"), LINKS[2]), (), "twice"),
        ((LINKS[0], LINKS[2], LINKS[1]), (), "not shown before"),
        ((cited("idle", "", Bound(a, b), "here 1"), *LINKS), (), "never used"),
        (LINKS[:2], ("first", "second"), "not what is to be shown"),
        ((*LINKS[:2], replace(LINKS[2], bound=Bound(2 * RATE.bound.lhs, RATE.bound.rhs))), (), "not what is to be shown"),
        (LINKS, ("second", "first"), "gap"), (LINKS, ("third",), "no step"),
        ((define("d", "", F.quantities[0].symbol, a), *LINKS[:2], combine("end", "", RATE.bound, {"d": 0, "first": 1, "second": 1})), (), "not new"),
    ],
)  # fmt: skip
def test_a_proof_that_is_none_does_not_exist(steps, chain, told):
    with pytest.raises(ValueError, match=told):
        of_claim(F, "rate", *steps, chain=chain)


def test_a_proof_without_steps_does_not_exist():
    with pytest.raises(ValueError, match="no step"):
        of_claim(F, "rate")
    with pytest.raises(ValueError, match="no claim"):
        of_claim(F, "pace", *LINKS)


@pytest.mark.parametrize("kind", [Kind.IDENTITY, Kind.COMBINE])
def test_each_kind_is_broken_by_a_coefficient(kind):
    step = {Kind.IDENTITY: identity("s", "", a * b, b * a), Kind.COMBINE: combine("s", "", Bound(a, c), {"f": 1})}[kind]
    facts = {"f": Bound(a, c)}
    assert one(step, **facts).trust is Trust.SYMBOLIC
    for wrong in (Bound(2 * step.bound.lhs, step.bound.rhs), Bound(step.bound.lhs, -step.bound.rhs), Bound(step.bound.lhs**2, step.bound.rhs)):  # fmt: skip
        assert one(replace(step, bound=wrong), **facts).trust is Trust.BROKEN


def test_a_lemma_may_be_used_where_its_premises_are_given():
    lemma = proof()
    path = next(claim for claim in F.claims if claim.label == "path")
    step = cited("end", "", path.bound, "somewhere 3", f"{SHOWN}{lemma.name}")
    assert of_claim(F, "path", step, lemmas=(lemma,)).premises[f"{SHOWN}{lemma.name}"] == lemma.goal
    with pytest.raises(ValueError, match="not shown before"):
        of_claim(F, "path", step)
    other = card("chen2022.movement")
    with pytest.raises(ValueError, match="cannot be used"):
        of_claim(other, "upper", cited("end", "", other.claims[1].bound, "somewhere 4"), lemmas=(lemma,))
