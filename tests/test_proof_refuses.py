"""What a proof refuses to be: labels, uses, symbols, ends, chains; chances and events; what may be applied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.proof import GIVEN, Event, of_card, of_claim
from theorycheck.proof_steps import Trust, cited, combine, define
from theorycheck.statement import Bound
from theorycheck.theorems import card

a, b, c = sp.symbols("a b c", nonnegative=True)


def drawn(seed):
    """Norms of a random matrix: spectral, Frobenius."""
    matrix = np.random.default_rng(seed).standard_normal((3, 3))
    return {a: np.linalg.norm(matrix, 2), b: np.linalg.norm(matrix)}


F = card("chen2022.f")
RATE = next(claim for claim in F.claims if claim.label == "rate")
middle = sp.Symbol("X", real=True)


def known(seed):
    """One chain of numbers at which both links hold."""
    return dict.fromkeys(RATE.bound.symbols, 1.0) | {RATE.bound.rhs: 3.0, middle: 2.5}


LINKS = (
    cited("first", "", Bound(RATE.bound.lhs, middle), "somewhere 1", known),
    cited("second", "", Bound(middle, RATE.bound.rhs), "somewhere 2", known),
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
        ((cited("idle", "", Bound(a, b), "here 1", drawn), *LINKS), (), "never used"),
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


def test_a_card_s_sure_claim_can_be_applied_and_a_random_one_cannot():
    lemma = of_card(F, "rate")
    assert lemma.goal == RATE.bound
    assert set(lemma.premises) == set(RATE.given)
    with pytest.raises(ValueError, match="probability"):
        of_card(card("chen2022.lemma"), "share")
    with pytest.raises(ValueError, match="no claim"):
        of_card(F, "pace")


# --- chances --------------------------------------------------------------------------------------------

RANDOM = card("chen2022.lemma")
SHARE = next(claim for claim in RANDOM.claims if claim.label == "share")
one_chance, two_chance = sp.symbols("P_1 P_2", nonnegative=True)
EVENTS = (
    Event("half", Bound(SHARE.bound.lhs, middle), one_chance),
    Event("rest", Bound(middle, SHARE.bound.rhs), two_chance),
)
ON_EVENTS = combine("end", "", SHARE.bound, {"event: half": 1, "event: rest": 1})


def chances(top, events=EVENTS, failure="both"):
    # the chances are cited here, so that a proof exists
    step = cited("both", "", Bound(sum(event.chance for event in events), top), "nowhere 1", drawn)
    return of_claim(RANDOM, "share", step, ON_EVENTS, events=events, failure=failure)


def test_a_claim_with_a_probability_needs_what_it_may_fail_with():
    allowed = 1 - SHARE.probability
    assert [found.trust for found in chances(allowed).check()][-1] is Trust.SYMBOLIC
    for wrong in (2 * allowed, allowed / 2, sp.S.One):
        with pytest.raises(ValueError, match="as its failure"):
            chances(wrong)
    with pytest.raises(ValueError, match="never used"):
        chances(allowed, failure="")
    with pytest.raises(ValueError, match="as its failure"):
        of_claim(RANDOM, "share", cited("end", "", SHARE.bound, "nowhere 2", drawn))
    idle = (*EVENTS, Event("idle", Bound(a, b), c))
    with pytest.raises(ValueError, match="never used"):
        chances(allowed, events=idle)


def test_a_chance_is_bounded_without_the_events():
    """P <= delta on the event itself would be a circle."""
    allowed = 1 - SHARE.probability
    half = cited("half", "", Bound(one_chance, allowed / 2), "nowhere 1", drawn, "event: half")
    rest = cited("rest", "", Bound(two_chance, allowed / 2), "nowhere 2", drawn)
    both = combine("both", "", Bound(one_chance + two_chance, allowed), {"half": 1, "rest": 1})
    with pytest.raises(ValueError, match="without the events"):
        of_claim(RANDOM, "share", half, rest, both, ON_EVENTS, events=EVENTS, failure="both")
    assert of_claim(RANDOM, "share", replace(half, stands_on=()), rest, both, ON_EVENTS, events=EVENTS, failure="both")


def test_what_holds_with_a_probability_is_no_lemma():
    with pytest.raises(ValueError, match="probability"):
        _ = chances(1 - SHARE.probability).lemma
    assert proof().lemma.goal == RATE.bound
