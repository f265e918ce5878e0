"""Means over draws of networks (caron2023): what draws cannot tell must not refute a theorem."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.check import check
from theorycheck.evidence import Outcome
from theorycheck.flow import Run
from theorycheck.model import with_parameters
from theorycheck.theorems import card
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means, movement


@pytest.mark.parametrize(
    ("label", "claim", "activation", "size"),
    [("r7_speed", "floor", "tanh", 3e4), ("r4_limit", "spread", "erf", 1e6)],
)
def test_a_saturated_activation_refutes_nothing(label, claim, activation, size):
    """Its slope is almost always 0, so that what the mean is made of is not drawn: mean and spread are too small alike."""
    theorem, outcomes = card(f"caron2023.{label}"), []
    claims = tuple(one for one in theorem.claims if one.label == claim)
    for norm in (size, 1.0):
        instance = make.drawn(
            np.array([[norm]]), np.ones(1), width=3, gamma=0.0, alpha=0.5, activation=activation, seed=3,
            parameters={"resolution": 0.25},
        )  # fmt: skip
        outcomes += [one.outcome for one in check(theorem, instance, claims=claims).verdicts]
    assert outcomes == [Outcome.UNDECIDED, Outcome.CONFIRMED]


def test_a_mean_of_few_samples_that_matter_is_not_known():
    """Fourth powers of a rectified Gaussian, mean 3/2: of 60 samples, five standard errors miss it in one case of 20."""
    rng, missed = np.random.default_rng(0), 0
    for _ in range(300):
        samples = np.maximum(rng.standard_normal(60), 0) ** 4
        plain, found = means.mean(samples), means.mean_of_squares(samples)
        missed += bool(plain.value + plain.error < 1.5)
        assert np.isnan(found.value)
    assert missed > 5
    samples = np.maximum(rng.standard_normal((6000, 1)), 0) ** np.array([4, 2, 0])
    found = means.mean_of_squares(samples * np.array([1.0, 1e-200, 0.0]))
    assert np.isnan(found.value).tolist() == [False, False, True], "zeros alone say nothing"
    assert abs(found.value[0] - 1.5) < found.error[0] < 0.75


def test_wide_networks_are_drawn_often_enough_or_as_often_as_there_is_time():
    assert means.how_many(50) == 8000
    assert means.how_many(20_000) == means.LEAST
    assert 60 < means.how_many(100_000) < means.LEAST
    assert means.how_many(10_000_000) == 60


def test_a_movement_below_the_rounding_of_the_weights_is_still_seen():
    """At t = 1e-14 a node moves by 1e-14 of its speed at time 0: less than doubles tell of a weight."""
    for activation in ("relu", "tanh"):
        one = make.drawn(np.array([[0.3]]), np.array([1e-3]), width=4, gamma=0.5, alpha=0.5, activation=activation, seed=1)  # fmt: skip
        speeds = [
            movement.MOVED.measure(Run(with_parameters(one, time=time))).value / time for time in (1e-4, 1e-14, 1e-30)
        ]
        assert speeds[1] == pytest.approx(speeds[0], rel=1e-3)
        assert speeds[2] == pytest.approx(speeds[0], rel=1e-3)
