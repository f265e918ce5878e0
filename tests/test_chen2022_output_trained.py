"""Section 4.13 of chen2022: both layers trained. Constants from the proof, each test by itself, measures held to the ODE."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory, value_supremum
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import MEAN_FIELD
from theorycheck.theorems.chen2022 import measures
from theorycheck.theorems.chen2022 import output_trained as o
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.output_trained import OUTPUT_TRAINED as CARD

SABOTAGES = {claim.label: claim for claim in CARD.sabotages}
NARROW = {"low": -0.75, "high": 0.75, "eta": 0.25}
SMALL = {"n": 2, "d": 3, "m": 8, "nu": 0.3, "kappa": 2.0, **NARROW}


#: lK of the section, written out
HELD = t.lam * (t.c_low / 2) ** 2 * t.steepness**2 * t.share


def test_the_constants_are_those_of_the_section():
    """lK = lam (c_0/2)^2 K^2 p_hat; |zeta_0| < min{lK eta/(1.5 c_0 L_s g), lK c_0/(2 tau B sqrt n)}; L_t <= L_0 e^(-2 lK t/n)."""
    assert sp.simplify(o.HELD - HELD) == 0
    assert sp.simplify(o.RATE - 2 * HELD / t.n) == 0
    window, output = o.ALLOWED
    assert sp.simplify(window - HELD * t.eta / (sp.Rational(3, 2) * t.c_low * t.slope * t.g)) == 0
    assert sp.simplify(output - HELD * t.c_low / (2 * o.tau * o.top * sp.sqrt(t.n))) == 0


def test_movements_are_speeds_times_the_area_under_the_residual():
    time, decay = sp.symbols("time decay", positive=True)
    area = sp.integrate(t.zeta_0 * sp.exp(-decay * time), (time, 0, sp.oo))  # |zeta| falls at half of the loss' rate
    assert sp.simplify(area.subs(decay, o.RATE / 2) - o.AREA) == 0
    # |c_i'| <= (tau/n) B sqrt n |zeta|, and |h_ia'| <= (3/2) c_0 L_s g |zeta|/n
    assert sp.simplify(o.TURNED - o.tau * o.top / sp.sqrt(t.n) * o.AREA) == 0
    assert sp.simplify(o.WINDOW - sp.Rational(3, 2) * t.c_low * t.slope * t.g / t.n * o.AREA) == 0
    # at the edge of each test, the movement is just what the proof allows
    window, output = o.ALLOWED
    assert sp.simplify(o.WINDOW.subs(t.zeta_0, window) - t.eta) == 0
    assert sp.simplify(o.TURNED.subs(t.zeta_0, output) - t.c_low / 2) == 0


@pytest.mark.parametrize(("tau", "binds"), [(0.01, "window test"), (100.0, "output test")])
def test_just_below_either_threshold_the_conclusions_hold_and_just_above_its_test_fails(tau, binds):
    flags = {**SMALL, "tau": tau}
    report = check(CARD, CARD.example(**flags, level=0.999))
    assert {verdict.outcome for verdict in report.verdicts} == {Outcome.CONFIRMED}
    above = check(CARD, CARD.example(**flags, level=1.001), skip_vacuous=True).verdicts[0]
    assert {part.label for part in above.premises if part.truth is Truth.NO} == {binds}


def test_what_the_proof_loses_and_no_more():
    """Few labels, a steady slope, slow output weights: 4 for c_0/2, 3/2 more for 3 c_0/2, and B/s(0) = 2 for sigmoid."""
    instance = CARD.example(
        n=1,
        d=1,
        m=2,
        activation="sigmoid",
        nu=0.01,
        tau=1e-4,
        level=1e-3,
        low=-0.1,
        high=0.1,
        eta=0.05,
        data="orthogonal",
    )
    ratio = {}
    for verdict in check(CARD, instance).verdicts:
        assert verdict.outcome is Outcome.CONFIRMED
        ratio[verdict.claim] = verdict.conclusion.rhs / verdict.conclusion.lhs
    for claim, lost in (("rate", 4), ("window", 6), ("output", 8)):
        assert lost <= ratio[claim] < 1.05 * lost, ratio


def test_output_weights_of_different_sizes_are_no_instance():
    instance = CARD.example(**SMALL)
    uneven = replace(instance, signs=instance.signs * np.linspace(1.0, 1.1, 8))
    premises = check(CARD, uneven, skip_vacuous=True).verdicts[0].premises
    assert next(part for part in premises if part.label == "equal output weights").truth is Truth.NO


# --- the flow and the measures --------------------------------------------------------------------


def by_hand(instance, tau, horizon, steps=4000):
    """Runge and Kutta on the section's own equations, ``w' = -m dL/dw`` and ``c' = -tau m dL/dc`` with tanh."""
    x, y, d = instance.inputs, instance.labels, instance.d
    n, m = instance.n, instance.m

    def speed(state):
        w, c = state[:, :d], state[:, d]
        h = w @ x.T / math.sqrt(d)
        zeta = c @ np.tanh(h) / m - y
        back = (1 - np.tanh(h) ** 2) * zeta
        return np.column_stack([-c[:, None] / n * (back @ x) / math.sqrt(d), -tau / n * np.tanh(h) @ zeta])

    state, dt, far = np.column_stack([instance.weights, instance.signs]), horizon / steps, 0.0
    for _ in range(steps):
        one = speed(state)
        two = speed(state + dt / 2 * one)
        three = speed(state + dt / 2 * two)
        state = state + dt / 6 * (one + 2 * two + 2 * three + speed(state + dt * three))
        far = max(far, float(np.abs(state[:, d] - instance.signs).max()))
    w, c = state[:, :d], state[:, d]
    shift = float(np.abs((w - instance.weights) @ x.T / math.sqrt(d)).max())
    zeta = c @ np.tanh(w @ x.T / math.sqrt(d)) / m - y
    return shift, far, float(np.linalg.norm(zeta))


@pytest.mark.parametrize("tau", [0.3, 20.0])
def test_movements_and_loss_are_those_of_the_sections_equations(tau):
    instance = CARD.example(**SMALL, tau=tau, label=2.0)
    run = follow(instance, 3.0)
    shift, far, left = by_hand(instance, tau, 3.0)
    for found, truth in ((measures.window(run), shift), (o.output_movement(run), far)):
        assert abs(float(found.value) - truth) <= float(found.error) + 1e-7 * truth
        assert float(found.error) < 0.1 * truth
    assert float(np.linalg.norm(run.trajectory.residual[-1])) == pytest.approx(left, rel=1e-6)
    # another speed of the output weights is another flow
    other_shift, other_far, _ = by_hand(instance, 1.1 * tau, 3.0)
    assert abs(other_shift - shift) > float(measures.window(run).error)
    assert abs(other_far - far) > float(o.output_movement(run).error)


def test_without_speed_the_output_weights_are_frozen():
    frozen = CARD.example(**SMALL, tau=0.0, level=0.999)
    run = follow(frozen)
    assert float(o.output_movement(run).value) == 0.0
    plain = follow(replace(frozen, neuron=MEAN_FIELD))
    assert np.array_equal(run.trajectory.final_weights, plain.trajectory.final_weights)
    assert {verdict.outcome for verdict in check(CARD, frozen).verdicts} == {Outcome.CONFIRMED}


@pytest.mark.parametrize("measure", [measures.window, o.output_movement])
def test_movement_needs_a_trajectory(measure):
    with pytest.raises(NoTrajectory):
        measure(Run(CARD.example(**SMALL)))


@pytest.mark.parametrize(
    ("name", "truth"),
    [("tanh", 1.0), ("sigmoid", 1.0), ("erf", 1.0), ("sine", 1.0), ("z*exp(-z**2)", (2 * math.e) ** -0.5)],
)
def test_the_supremum_of_an_activation_is_enclosed(name, truth):
    found = value_supremum(Run(replace(CARD.example(**SMALL), activation=activation(name))))
    assert found.rigorous
    assert abs(float(found.value) - truth) <= float(found.error) + 1e-15
    assert not abs(float(found.value) - 0.999 * truth) <= float(found.error)


def test_an_unbounded_activation_is_promised_nothing():
    instance = CARD.example(**{**SMALL, "activation": "softplus"}, level=0.999)
    assert float(value_supremum(Run(instance)).value) == math.inf
    premises = check(CARD, instance).verdicts[0].premises
    assert next(part for part in premises if part.label == "output test").truth is Truth.UNSURE


# --- each test is needed ---------------------------------------------------------------------------


def test_a_starved_neuron_loses_its_output_weight():
    """Only the output test fails: the output weight falls to a hundredth, and the loss falls too slowly."""
    instance = o.starved("tanh", 1)
    (verdict,) = check(CARD, instance, claims=(SABOTAGES["rate: output weights anywhere"],)).verdicts
    assert verdict.outcome is Outcome.REFUTED
    assert {part.label for part in check(CARD, instance).verdicts[0].premises if part.truth is Truth.NO} == {
        "output test"
    }
    last = follow(instance, 1e5).trajectory.final_outer
    assert abs(float(last[0, 0])) < 0.02 * abs(instance.signs[0])


# --- flags -----------------------------------------------------------------------------------------


def test_flags_out_of_range_are_refused():
    for flags, word in (
        ({"tau": -1.0}, "--tau"),
        ({"tau": math.inf}, "--tau"),
        ({"level": -0.5}, "--level"),
        ({"level": math.nan}, "--level"),
        ({"low": 1.0, "high": 0.5, "eta": 0.1}, "--low"),
        ({"kappa": 0.0}, "--kappa"),
    ):
        with pytest.raises(BadInput, match=word):
            CARD.example(**{"m": 8, **flags})
