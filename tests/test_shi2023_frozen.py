"""R9 of shi2023: the corrected bounds on the descent of a frozen network, and the counterexamples to the false ones (errata W2, W3)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck import textbook
from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.evidence import Outcome
from theorycheck.flow.descent import descend
from theorycheck.theorems import cards
from theorycheck.theorems.shi2023 import frozen
from theorycheck.theorems.shi2023 import setting as s

FROZEN = next(card for card in cards() if card.label == "shi2023.frozen")
PLAN = {"B": 1.0, "delta": 0.5, "samples": 1, "steps": 2, "m": 1, "outer": 0.0, "seed": 0}


def test_one_sample_and_one_feature_contradict_the_original():
    """W3: at t = 1 the loss is ln 2 above what 1/t allows; W2: the second step is at 2 (with L = 1/4), beyond |a_1| + 2 B for B < 1."""
    one = frozen.descended(frozen._hard("one", PLAN))
    assert one["gap_from_first"] == pytest.approx(math.log(2) - math.log1p(math.exp(-1)))
    assert one["gap_from_first"] > 0.25 / 2 * 1.0 >= one["gap"]
    small = frozen.descended(frozen._hard("one", {**PLAN, "B": 0.9}))
    assert small["most"] == pytest.approx(2.0)
    assert small["most"] > 2 * 0.9


def test_it_descends_as_the_simulator_does():
    instance = FROZEN.example(n=5, samples=400, steps=6, m=4)
    chosen = np.random.default_rng([0, 0, 107]).integers(0, 5, 400)
    counts = np.bincount(chosen, minlength=5)
    sample = replace(
        instance, inputs=np.repeat(instance.inputs, counts, axis=0), labels=np.repeat(instance.labels, counts)
    )
    found = frozen.descended(instance)
    states = descend(sample, step=(0.0, 1 / found["L"]), steps=5, loss="logistic", mean=True, record=range(6), quantities={"norm": lambda state: np.linalg.norm(state.network.outer)})  # fmt: skip
    assert found["most"] == pytest.approx(states.quantities["norm"].max(), rel=1e-9)
    # a draw later the sample is another
    assert frozen.descended(instance.redraw(instance, 1))["L"] != found["L"]


def test_opt_is_enclosed():
    instance = FROZEN.example(n=20, m=2, B=0.7)
    signed = frozen._signed(instance)
    angles = np.linspace(0, 2 * np.pi, 2001)
    ball = [r * np.array([np.cos(t), np.sin(t)]) for r in (0.2, 0.5, 0.7) for t in angles]
    least = min(float(np.mean(np.logaddexp(0, -(signed @ a)))) for a in ball)
    found = frozen._best(instance)[1]
    assert float(found.value - found.error) <= least <= float(found.value + found.error) + 1e-4
    assert float(found.error) < 1e-6


def test_overfitting_breaks_the_original_and_not_the_corrected_bounds():
    instance = frozen._hard("noise", {**PLAN, "delta": 0.5})
    found = frozen.descended(instance)
    assert found["free"] > 1.5 * math.log(2)  # fits 25 random labels and none of the others
    assert found["projected"] < 1.01 * math.log(2)
    claims = (*FROZEN.claims, next(one for one in FROZEN.sabotages if one.label == "projected: any radius"))
    outcomes = {verdict.claim: verdict.outcome for verdict in check(FROZEN, instance, claims=claims).verdicts}
    assert outcomes.pop("projected: any radius") is Outcome.REFUTED
    assert set(outcomes.values()) == {Outcome.CONFIRMED}


def test_what_a_sample_may_hide_is_put_together_from_its_parts():
    """Two bounded differences of range l(0) + R C, each missed with chance delta/2, around twice the Rademacher average R C/root(n)."""
    radius = sp.Symbol("R", positive=True)
    spread = frozen.deviation(radius).subs(frozen.delta, 2)  # log 1: nothing but the mean
    assert sp.simplify(spread - 2 * radius * frozen.size / sp.sqrt(frozen.n)) == 0
    share = (frozen.deviation(radius) - spread) / 2 / (frozen.zero + radius * frozen.size)
    tail = textbook.HOEFFDING.lemma.goal.rhs.subs({textbook.count: frozen.n, textbook.excess: share})
    assert sp.simplify(2 * tail - frozen.delta) == 0


def test_features_may_be_as_long_as_their_bound():
    instance = s.network(np.ones((2, 1)), np.ones(2), np.ones((1, 1)), np.ones(1), -np.ones(1), parameters={"B": 1.0})
    assert (
        np.abs(frozen._signed(instance)).max() == 2.0 == pytest.approx(float(frozen._size(instance).value), rel=1e-12)
    )


def test_how_far_the_stopped_descent_may_go_is_known_before_the_sample():
    """The deviation is bounded for a ball that does not depend on the sample, so neither may the radius: L does."""
    bounds = {claim.label: claim.bound.rhs for claim in FROZEN.claims}
    assert frozen.L not in bounds["stopped"].free_symbols
    assert frozen.STOPPED.free_symbols <= {frozen.B, frozen.start, frozen.size, frozen.zero}
    instance = frozen._hard("sphere", {**PLAN, "samples": 3, "steps": 40, "m": 5, "outer": 10.0})
    for draw in range(5):
        sample = instance.redraw(instance, draw)
        assert frozen.descended(sample)["L"] <= float(frozen._size(sample).value) ** 2 / 4


@pytest.mark.parametrize("change", [{"delta": 1.0}, {"delta": 2.5}, {"T": 1.0}, {"T": 0.0}])
def test_without_a_chance_or_a_step_nothing_is_judged(change):
    """No flag asks for that, but an instance may: log(2/delta) and T - 1 are under a root and under a line."""
    base = frozen._hard("sphere", {**PLAN, "samples": 3, "steps": 20, "m": 5, "outer": 1.0})
    outcomes = [
        {verdict.claim: verdict.outcome for verdict in check(FROZEN, instance).verdicts}
        for instance in (base, replace(base, parameters={**base.parameters, **change}))
    ]
    assert set(outcomes[0].values()) == {Outcome.CONFIRMED}
    assert {outcomes[1][claim] for claim in ("projected", "stopped", "signs")} == {Outcome.VACUOUS}
    assert outcomes[1]["rate"] is (Outcome.UNDECIDED if "T" in change else Outcome.CONFIRMED)


def test_without_a_feature_there_is_no_step_of_its_size():
    base = frozen._hard("sphere", {**PLAN, "samples": 3, "steps": 20, "m": 5})
    outcomes = {
        verdict.claim: verdict.outcome for verdict in check(FROZEN, replace(base, weights=0 * base.weights)).verdicts
    }
    assert outcomes["stopped"] is Outcome.VACUOUS
    # the projected descent stays where it starts, and nowhere is better
    assert outcomes["projected"] is Outcome.CONFIRMED


@pytest.mark.parametrize(
    ("flags", "said"), [({"B": 0.0}, "--B"), ({"delta": 1.0}, "--delta"), ({"steps": 1}, "--steps"), ({"samples": 0}, "--samples")]
)  # fmt: skip
def test_bad_input_is_one_sentence(flags, said):
    with pytest.raises(BadInput, match=said) as caught:
        FROZEN.example(**flags)
    assert "\n" not in str(caught.value)
