"""Section 4.13 of chen2022 for ReLU, errata W8: what the flow conserves, and theorem B with the output weights trained."""

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
from theorycheck.measure import NoTrajectory
from theorycheck.theorems.chen2022 import output_trained_relu as o
from theorycheck.theorems.chen2022.output_trained_relu import RELU_TRAINED as CARD

SMALL = {"n": 2, "d": 3, "m": 8, "nu": 0.3}


def test_the_reserve_is_conserved_because_s_is_homogeneous():
    """``(c^2)' = 2 c c' = -(2 tau/n) c zeta s(h)`` and ``(tau |w|^2)' = -(2 tau/n) c zeta s'(h) h``, each sample by itself."""
    c, h, zeta, n, tau = sp.symbols("c h zeta n tau", positive=True)
    for value, slope, same in ((h, 1, True), (sp.tanh(h), 1 - sp.tanh(h) ** 2, False)):
        by_c, by_w = 2 * c * (-tau / n * zeta * value), 2 * tau * h * (-c / n * zeta * slope)
        assert (sp.simplify(by_c - by_w) == 0) is same


def changed(instance, sign):
    """Return ``max_i |Delta(c_i^2 + sign tau |w_i|^2)|`` over a run, relative to ``max_i (c_i^2 + tau |w_i|^2)``."""
    path, tau = follow(instance).trajectory, instance.parameters["tau"]
    pairs = ((instance.signs, instance.weights), (path.final_outer[:, 0] * instance.m, path.final_weights))
    first, last = (c**2 + sign * tau * np.sum(w**2, axis=1) for c, w in pairs)
    return float(np.abs(last - first).max() / (pairs[0][0] ** 2 + tau * np.sum(pairs[0][1] ** 2, axis=1)).max())


@pytest.mark.parametrize(("name", "tau"), [("relu", 0.1), ("leaky_relu", 3.0)])
def test_the_reserve_is_conserved_along_a_flow(name, tau):
    instance = CARD.example(**SMALL, activation=name, tau=tau)
    assert changed(instance, -1.0) < 1e-9
    assert changed(instance, 1.0) > 1e-3, "the sum is not"


def test_tanh_does_not_conserve_the_reserve():
    instance = CARD.example(**SMALL, activation="tanh", tau=1.0)
    assert changed(instance, -1.0) > 1e-3
    premises = check(CARD, instance).verdicts[0].premises
    assert next(part for part in premises if part.label == "homogeneous").truth is Truth.NO


@pytest.mark.parametrize("level", [0.999, 0.5])
def test_below_the_threshold_the_conclusions_hold_and_above_the_test_fails(level):
    outcomes = {verdict.outcome for verdict in check(CARD, CARD.example(**SMALL, level=level)).verdicts}
    assert outcomes == {Outcome.CONFIRMED}
    above = check(CARD, CARD.example(**SMALL, level=1.001), skip_vacuous=True).verdicts[0]
    assert {part.label for part in above.premises if part.truth is Truth.NO} == {"test"}


def test_a_neuron_without_reserve_is_not_counted():
    """tau |w|^2 above c^2: nothing is promised, and the share is 0."""
    instance = CARD.example(**SMALL, tau=0.1)
    fast = replace(instance, parameters={**instance.parameters, "tau": 1e3})
    assert float(o.share(Run(instance)).value) > 0
    assert float(o.share(Run(fast)).value) == 0


def test_one_output_weight_without_reserve_passes_through_0():
    """n = m = 1, h = c = 1, tau = 4, y = -1: c^2 - tau h^2 < 0, and c changes its sign, so |c| >= c_lo cannot be had."""
    base = CARD.example(n=1, d=1, m=1, mirrored=False, data="orthogonal")
    instance = replace(
        base,
        inputs=np.ones((1, 1)),
        labels=np.array([-1.0]),
        weights=np.ones((1, 1)),
        signs=np.ones(1),
        rates=(1.0, 4.0),
    )
    path = follow(instance, 50.0).trajectory
    assert path.final_outer[0, 0] < 0
    # the reserve 1 - 4 is kept all the same
    assert path.final_outer[0, 0] ** 2 - 4 * path.final_weights[0, 0] ** 2 == pytest.approx(-3.0, rel=1e-9)


@pytest.mark.parametrize("measure", [o.kept_weight])
def test_movement_needs_a_trajectory(measure):
    with pytest.raises(NoTrajectory):
        measure(Run(CARD.example(**SMALL)))


def test_flags_out_of_range_are_refused():
    for flags, word in (({"tau": -1.0}, "--tau"), ({"tau": math.inf}, "--tau"), ({"level": -0.5}, "--level")):
        with pytest.raises(BadInput, match=word):
            CARD.example(**{"m": 8, **flags})


def test_the_kept_weight_is_the_least_of_the_counted_ones():
    instance = CARD.example(**{**SMALL, "m": 8}, tau=0.01)
    instance = replace(
        instance, signs=instance.signs * np.linspace(1.0, 3.0, 8), parameters={**instance.parameters, "c_low": 0.5}
    )
    assert float(o.first_weight(Run(instance)).value) == pytest.approx(np.abs(instance.signs).min())
    run = follow(instance, 0.1)
    ends = 8 * np.abs(run.trajectory.final_outer)  # c_i from c_i/m
    assert float(o.kept_weight(run).value) == pytest.approx(float(ends.min()), rel=1e-6)
    assert ends.max() > 1.5 * ends.min()
