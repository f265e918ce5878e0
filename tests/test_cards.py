"""Generic over every card: what holds for any theorem that is data.

No adversarial instance refutes a claim; the showcase confirms each claim on synthetic and on
real data; every sabotage is caught; every expression has one value, however it is evaluated;
every constant is where its recorded looseness says it is.
"""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import Verbosity, find, given, seed, settings
from hypothesis.errors import HypothesisWarning, NoSuchExample

from theorycheck.check import check, hunt
from theorycheck.evidence import Outcome
from theorycheck.theorems import cards
from theorycheck.theorems.caron2023.instances import SYNTHETIC

CARDS = {theorem.label: theorem for theorem in cards()}
NIGHT = settings.default.max_examples >= 1000
CLAIMS = [(label, claim.label) for label, theorem in CARDS.items() for claim in theorem.claims]
# r1 has the same instances and sabotages at a fifth of the cost; r1_log's, with six million neurons, are for the night
# (`theorycheck check`, the README's main command, runs its showcase); so are r8_relu's, of which r8_chance is the smooth twin, and
# r6_relu's, which is r1 at equal scales
NIGHTLY = {"caron2023.r1_log", "caron2023.r6_relu", "caron2023.r8_relu"} if not NIGHT else set()
# hunts of ten seconds and more, for the night: their claims have other sabotages that are caught by day
SLOW = {
    ("caron2023.r2", "b: not parallel dropped"),
    ("caron2023.r2_data", "b: not parallel dropped"),
    ("chen2022.d", "rate: any inputs"),
    ("chen2022.d", "rate: p_b dropped"),
    ("chen2022.d", "per sample: any inputs"),
    ("chen2022.g", "rate: labels anywhere"),
    ("chen2022.initial_scale", "rate: width dropped"),
    ("chen2022.a_random", "rate: lambda_min dropped"),
    ("razborov2022.r1", "rate: test dropped"),
}
SABOTAGES = [
    (label, claim.label)
    for label, theorem in CARDS.items()
    if label not in NIGHTLY
    for claim in theorem.sabotages
    if (label, claim.label) not in (() if NIGHT else SLOW)
]
# one instance at its own width is millions of nodes: fewer of them say as much
EXAMPLES = {
    "core.groenwall": 15,
    "core.drift": 15,
    "core.weyl": 15,
    "caron2023.r1": 4,
    "caron2023.r1_log": 3,
    "caron2023.r2": 6,
    "caron2023.r2_data": 6,
    "caron2023.r3": 6,
    "caron2023.r3_data": 6,
    "caron2023.r8_chance": 6,
    "caron2023.r8_relu": 3,
    "caron2023.r6_smooth": 6,
    "caron2023.r7_gram": 5,
    "caron2023.r4_limit": 12,
    "caron2023.r7_speed": 15,
    "caron2023.r7_gram_speed": 15,
    "caron2023.r7_movement": 15,
    "caron2023.r7_relu": 15,
}
# with delta = .05 six draws refute (.05^6 < 1e-6), where confirming takes ninety
DRAWS = {"caron2023.r1_log": 6}
# four refute a promise of 99 %
DRAWS_OF_SABOTAGE = {
    **{
        f"caron2023.{name}": 4 for name in ("r1", "r2", "r2_data", "r3", "r3_data", "r6_smooth", "r8_chance", "r8_relu")
    },
    "caron2023.r1_log": 6,
}


def of(theorem, label):
    return next(claim for claim in theorem.claims + theorem.sabotages if claim.label == label)


@pytest.mark.parametrize("label", [label for label in CARDS if label not in NIGHTLY])
def test_no_adversarial_instance_refutes_a_claim(label):
    theorem = CARDS[label]
    share = settings.default.max_examples / 30

    @seed(1)
    @settings(max_examples=max(2, round(EXAMPLES.get(label, 25) * share)), phases=["generate", "target"])
    @given(theorem.instances())
    def holds(instance):
        report = check(theorem, instance, draws=DRAWS.get(label), skip_vacuous=True)
        assert not report.refuted, (report.instance, report.refuted)

    holds()


def test_every_claim_has_a_sabotage_that_is_hunted_by_day():
    sabotages = {(label, one.label): one.falsifies for label, theorem in CARDS.items() for one in theorem.sabotages}
    assert set(sabotages) >= SLOW
    by_day = {(label, falsified) for (label, name), falsified in sabotages.items() if (label, name) not in SLOW}
    assert by_day == {(label, falsified) for (label, _), falsified in sabotages.items()}


def test_no_claim_is_beyond_reach_today():
    """So the showcase has to confirm every one of them; the first that is must bring its sibling's test."""
    assert not [claim for theorem in CARDS.values() for claim in theorem.claims if claim.beyond_reach]


class Caught(Exception):
    """Every sabotage of a card is caught."""


def look_together(theorem, sabotages, examples=120):
    """Return the sabotages that no instance refutes, all of them held against the same instances: a simulation serves them all."""
    left = {claim.label: claim for claim in sabotages}

    @seed(3)
    @settings(max_examples=examples, phases=["generate"], print_blob=False, verbosity=Verbosity.quiet)
    @given(theorem.instances())
    def look(instance):
        if left:
            claims, draws = tuple(left.values()), DRAWS_OF_SABOTAGE.get(theorem.label)
            for verdict in check(theorem, instance, claims=claims, draws=draws, skip_vacuous=True).refuted:
                left.pop(verdict.claim, None)
        if not left:
            raise Caught

    with suppress(Caught), warnings.catch_warnings():
        # what is caught is told by its name: Hypothesis would print every weight
        warnings.simplefilter("ignore", HypothesisWarning)
        look()
    return list(left.values())


@pytest.mark.parametrize("label", dict.fromkeys(label for label, _ in SABOTAGES))
def test_every_sabotage_is_caught(label):
    """By day on shared instances first; ``hunt``, which steers its search, has to find what is left, and at night all."""
    theorem = CARDS[label]
    sabotages = [of(theorem, name) for own, name in SABOTAGES if own == label]
    for claim in sabotages if NIGHT else look_together(theorem, sabotages):
        found = hunt(theorem, claim, examples=120, seed=3, draws=DRAWS_OF_SABOTAGE.get(label))
        assert found.verdict.outcome is Outcome.REFUTED, found


def test_a_true_claim_is_not_caught():
    theorem = CARDS["caron2023.power_sums"]
    assert [claim.label for claim in look_together(theorem, theorem.claims)] == [
        claim.label for claim in theorem.claims
    ]


LABELS_FIRST = [
    label for label, theorem in CARDS.items() if theorem.order.index("labels") < theorem.order.index("weights")
]


@pytest.mark.parametrize("label", LABELS_FIRST)
def test_labels_do_not_look_at_weights_that_are_drawn_after_them(label):
    theorem = CARDS[label]

    def peeks(instance):
        other = instance.redraw(instance, 1)
        # of a network with frozen layers, the inputs of the trained one are drawn; the data is below them
        data, again = (one.frozen[0] if one.frozen else one.inputs for one in (instance, other))
        same = np.array_equal(other.labels, instance.labels) and np.array_equal(data, again)
        return not same or np.array_equal(other.weights, instance.weights)

    with pytest.raises(NoSuchExample):
        find(theorem.instances(), peeks, settings=settings(max_examples=5, database=None, deadline=None))


# --- how far a constant may move ---------------------------------------------------------------


ONE = " (one draw)"


def showcase(theorem):
    """Yield whether the data is real and the verdicts, of the claims and of each on one draw, for every showcase."""
    one = tuple(replace(claim, label=claim.label + ONE, probability=sp.Integer(1)) for claim in theorem.claims)
    wanted = {(claim.label, real) for claim in theorem.claims if not claim.beyond_reach for real in (False, True)}
    for flags in theorem.showcase:
        real = flags.get("data", "sphere") not in SYNTHETIC
        # draws cost: once confirmed on this kind of data, one draw is enough
        claims = (*(claim for claim in theorem.claims if (claim.label, real) in wanted), *one)
        report = check(theorem, theorem.example(**flags), claims=claims)
        wanted -= {(verdict.claim, real) for verdict in report.verdicts if verdict.outcome is Outcome.CONFIRMED}
        yield real, report


def looseness(reports) -> dict[str, float]:
    """The least rhs/lhs that the showcase shows where the premises hold: it moves with every constant of the bound."""
    least: dict[str, float] = {}
    for _, report in reports:
        for verdict in report.verdicts:
            sides, label = verdict.conclusion, verdict.claim.removesuffix(ONE)
            if verdict.outcome is Outcome.CONFIRMED and sides.lhs > 0 and label != verdict.claim:
                least[label] = min(least.get(label, math.inf), sides.rhs / sides.lhs)
    return least


def inside(recorded: float | None, measured: float) -> bool:
    return recorded is not None and recorded / 1.9 < measured < recorded * 1.9


@pytest.mark.parametrize("label", [label for label in CARDS if label not in NIGHTLY])
def test_the_showcase_confirms_each_claim_and_each_constant_is_where_its_looseness_says(label):
    """On synthetic and on real data. A constant wrong by a factor 4 moves the looseness out of its window."""
    theorem = CARDS[label]
    reports = list(showcase(theorem))
    # one draw of weights may miss what is promised with a probability; its frequency may not
    chancy = {claim.label + ONE for claim in theorem.claims if claim.probability != 1}
    assert not [verdict for _, report in reports for verdict in report.refuted if verdict.claim not in chancy]
    confirmed = {(v.claim, real) for real, report in reports for v in report.verdicts if v.outcome is Outcome.CONFIRMED}
    for claim in theorem.claims:
        for real in (False, True):
            assert claim.beyond_reach or (claim.label, real) in confirmed, (
                claim.label,
                "real" if real else "synthetic",
            )
    measured = looseness(reports)
    for claim in theorem.claims:
        if claim.bound.lhs != 0:  # a statement of sign has no constant
            assert inside(claim.looseness, measured[claim.label]), (claim.label, measured)
            assert not inside(claim.looseness, measured[claim.label] / 4)


@pytest.mark.parametrize("label", [f"caron2023.{name}" for name in ("r1", "r1_log", "r2", "r2_data", "r3", "r3_data")])
def test_a_width_may_be_relaxed_by_its_looseness_before_anything_is_refuted(label):
    """The recorded reason why no instance refutes a width that is wrong by a factor 4."""
    theorem = CARDS[label]
    width = next(part for part in theorem.assumptions if part.label == "width")
    assert width.looseness is not None
    assert width.looseness >= 4
    flags = theorem.showcase[0]
    narrow = max(1, int(theorem.example(**flags).m / width.looseness))
    relaxed = tuple(
        replace(claim, given=tuple(name for name in claim.given if name != "width"), probability=sp.Integer(1))
        for claim in theorem.claims
        if claim.label in "ab"
    )
    report = check(theorem, theorem.example(**{**flags, "m": narrow}), claims=relaxed)
    assert {verdict.outcome for verdict in report.verdicts} == {Outcome.CONFIRMED}
