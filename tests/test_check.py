"""Verdicts of claims with a probability, and the guards around a run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck import check as module
from theorycheck.check import _frequency, check, promise
from theorycheck.evidence import Judgement, Measured, Outcome, Truth
from theorycheck.flow import FlowStalled, Run, follow
from theorycheck.model import Instance
from theorycheck.statement import Bound, Claim
from theorycheck.symbolic.tails import clopper_pearson, draws_to_confirm
from theorycheck.theorems import card
from theorycheck.theorems.caron2023 import instances as make

CLAIM = Claim("c", "", Bound(sp.Integer(0), sp.Integer(1)), ())


def seen(yes: int, no: int, unsure: int = 0) -> list[Judgement]:
    slacks = [1.0] * yes + [-1.0] * no + [math.nan] * unsure
    return [Judgement("c", slack, 0.1, lhs=0, rhs=slack) for slack in slacks]


@pytest.mark.parametrize(
    ("yes", "no", "unsure", "promised", "truth"),
    [
        (7, 0, 0, 0.5, Truth.YES),
        (6, 0, 0, 0.5, Truth.UNSURE),  # .01^(1/6) = .464 is below the promise
        (13, 0, 0, 0.7, Truth.YES),
        (12, 0, 0, 0.7, Truth.UNSURE),
        (0, 20, 0, 0.5, Truth.NO),  # 1 - 1e-6^(1/20) = .4988
        (0, 19, 0, 0.5, Truth.UNSURE),
        (7, 0, 1, 0.5, Truth.UNSURE),  # an unsure draw is not a success
        (0, 0, 30, 0.5, Truth.UNSURE),  # nor a failure
        (0, 5, 0, 0.95, Truth.NO),
        (0, 4, 0, 0.95, Truth.UNSURE),
    ],
)
def test_frequencies_are_judged_by_exact_intervals(yes, no, unsure, promised, truth):
    assert _frequency(CLAIM, promised, seen(yes, no, unsure)).truth is truth


def test_the_interval_is_that_of_clopper_and_pearson():
    """Against the binomial tails themselves."""
    low, high = clopper_pearson(3, 5, 10, 0.05, 0.01)
    tail = sum(math.comb(10, k) * low**k * (1 - low) ** (10 - k) for k in range(3, 11))
    assert tail == pytest.approx(0.05)
    tail = sum(math.comb(10, k) * high**k * (1 - high) ** (10 - k) for k in range(6))
    assert tail == pytest.approx(0.01)
    assert clopper_pearson(0, 10, 10, 0.05, 0.05) == (0.0, 1.0)
    for wrong in ((3, 2, 5), (-1, 2, 5), (1, 6, 5), (0, 0, 0)):
        with pytest.raises(ValueError, match="cannot count"):
            clopper_pearson(*wrong, 0.05, 0.05)


def test_as_many_draws_as_can_confirm():
    for p in (0.01, 0.1, 0.5, 0.7, 0.95):
        count = draws_to_confirm(p, module.CONFIRM_LEVEL)
        assert _frequency(CLAIM, p, seen(count, 0)).truth is Truth.YES
        assert count == 1 or _frequency(CLAIM, p, seen(count - 1, 0)).truth is not Truth.YES


def test_a_promise_is_rounded_up():
    delta = sp.Symbol("delta", positive=True)
    value = promise(replace(CLAIM, probability=1 - delta), {delta: Measured(0.3, 0.0)})
    assert sp.Rational(value) >= 1 - sp.Rational(0.3)
    assert value == pytest.approx(0.7, rel=1e-12)


def test_an_absurd_claim_of_even_odds_is_refuted():
    """Seven draws confirm a promise of one half but cannot refute it: the check goes on drawing."""
    theorem = card("caron2023.r2_data")
    instance = theorem.example(n=1, d=1, m=0, delta=0.5, label=0.3, data="orthogonal")
    absurd = replace(theorem.claims[0], bound=Bound(sp.Integer(10**6), theorem.claims[0].bound.rhs))
    (verdict,) = check(theorem, instance, claims=(absurd,)).verdicts
    assert verdict.outcome is Outcome.REFUTED
    assert "0 of 21 draws" in verdict.conclusion.note


def test_every_draw_has_weights_of_its_own():
    instance = card("caron2023.r1").example(n=2, d=2, m=5)
    drawn = (
        [instance]
        + [instance.redraw(instance, k) for k in (1, 2)]
        + [card("caron2023.r1").example(n=2, d=2, m=5, seed=7919)]
    )
    for i, one in enumerate(drawn):
        for other in drawn[i + 1 :]:
            assert not np.any(one.weights == other.weights)
    assert np.array_equal(instance.redraw(instance, 1).weights, drawn[1].weights)


def tiny(scale: float, activation: str) -> Instance:
    base = make.drawn(np.full((1, 1), scale), np.array([-1.0]), width=1, gamma=1.0, alpha=0.5, activation=activation)
    return replace(base, weights=np.ones((1, 1)), signs=np.ones(1))


@pytest.mark.parametrize("scale", [1e-82, 1e-147])
def test_inputs_at_the_ends_of_the_range_are_never_refuted_or_confirmed_wrongly(scale):
    """There the event-by-event integrator loses its digits; the drift says so, and nothing is concluded."""
    report = check(card("core.drift"), tiny(scale, "relu"))
    assert {verdict.outcome for verdict in report.verdicts} <= {Outcome.UNDECIDED, Outcome.VACUOUS, Outcome.OBSERVED}


@pytest.mark.parametrize("scale", [1e-90, 1e-150])
def test_smooth_flows_keep_their_digits_at_the_ends_of_the_range(scale):
    """w' = -1e-90 s'(z) r with z = 1e-90 w: in z the same flow as with scale 1, at another speed."""
    run, usual = follow(tiny(scale, "tanh")), follow(tiny(1.0, "tanh"))
    assert run.trajectory.drift < 1e-10
    assert np.isclose(run.trajectory.residual[-1, 0], -0.1323, atol=1e-4)
    assert usual.trajectory.drift < 1e-10
    assert check(card("core.drift"), tiny(scale, "tanh")).verdicts[0].outcome is not Outcome.REFUTED


def test_a_run_that_parts_from_its_weights_proves_nothing():
    with pytest.raises(FlowStalled, match="rescale"):
        follow(tiny(1e-82, "relu"))


def test_a_stiff_flow_is_followed_to_its_end():
    """Condition about 1e3: the loss falls by the eight decades that the horizon promises, within the default budget."""
    angle = 0.03
    inputs = np.array([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    run = follow(make.drawn(inputs, np.array([1.0, -1.0]), width=50, gamma=1.0, alpha=0.5, activation="tanh"))
    assert run.notes == ()
    assert run.trajectory.log_loss[-1] - run.trajectory.log_loss[0] < -6 * math.log(10)


def test_a_loss_that_stalls_is_seen_to_stall():
    """n = d = 1, m = 2, gamma = .02: the one live node dies, the loss stays; a rate without the test must be refuted."""
    theorem = card("caron2023.r0")
    base = make.drawn(np.ones((1, 1)), np.array([-3.0]), width=2, gamma=0.02, alpha=0.5)
    instance = replace(
        base, weights=np.array([[1.0], [-1.0]]), signs=np.ones(2), parameters={**base.parameters, "theta": 0.5}
    )
    (sabotage,) = (one for one in theorem.sabotages if one.label == "b: test dropped")
    (verdict,) = check(theorem, instance, claims=(sabotage,)).verdicts
    assert verdict.outcome is Outcome.REFUTED


@pytest.mark.parametrize("theta", [-2.0, -0.5, 0.0, 1.0, 1.5])
def test_theta_outside_its_range_fails_the_premise(theta):
    base = make.drawn(np.eye(2), np.array([3.0, -2.0]), width=40, gamma=1.0, alpha=0.5)
    report = check(card("caron2023.r0"), replace(base, parameters={**base.parameters, "theta": theta}))
    assert not report.refuted
    assert not any(verdict.outcome is Outcome.CONFIRMED for verdict in report.verdicts)


@pytest.mark.parametrize(
    ("label", "flags"),
    [
        ("core.drift", {"activation": "gelu", "n": 1, "d": 1, "m": 50, "label": 3.0}),
        ("core.drift", {"activation": "3*z", "n": 1, "d": 1, "m": 50}),
        ("caron2023.r4_coupling", {"activation": "6*tanh(z)", "n": 1, "d": 1, "m": 1, "gamma": 0.0, "alpha": 0.9}),
        ("caron2023.r4_variance", {"activation": "exp(3*z)", "n": 1, "d": 1, "m": 3}),
    ],
)
def test_steep_activations_refute_nothing(label, flags):
    """Each of these was refuted once, for want of a premise about sup |s'|."""
    theorem = card(label)
    assert not check(theorem, theorem.example(**flags)).refuted


def test_an_absolute_value_cannot_be_followed_and_says_so():
    theorem = card("core.drift")
    report = check(theorem, theorem.example(activation="max(z,-z)", n=2, d=2, m=10))
    assert any("cannot follow" in note for note in report.notes)
    assert {verdict.outcome for verdict in report.verdicts} <= {Outcome.UNDECIDED, Outcome.VACUOUS}


def test_a_run_without_a_simulation_has_no_path():
    from theorycheck.measure import NoTrajectory, decay_rate

    with pytest.raises(NoTrajectory):
        decay_rate(Run(tiny(1.0, "relu")))


@pytest.mark.parametrize("promised", [0, sp.Rational(-1, 5)])
def test_a_promise_that_is_not_positive_confirms_nothing(promised):
    """Theorem G promises 1 - 2 delta: at delta = 1/2 this divided by 0, beyond it anything was confirmed."""
    theorem = card("chen2022.a_random")
    claim = replace(theorem.claims[0], probability=sp.sympify(promised))
    instance = theorem.example(level=0.9)
    (verdict,) = check(theorem, instance, claims=(claim,), draws=2).verdicts
    assert verdict.outcome is Outcome.UNDECIDED
    assert "not positive" in verdict.conclusion.note
    (sound,) = check(theorem, instance, claims=(theorem.claims[0],)).verdicts
    assert sound.outcome is Outcome.CONFIRMED
