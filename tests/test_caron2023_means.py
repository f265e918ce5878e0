"""Means over draws of networks (caron2023): what draws cannot tell must not refute a theorem."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck import measure
from theorycheck.check import check
from theorycheck.evidence import Outcome
from theorycheck.flow import Run
from theorycheck.model import with_parameters
from theorycheck.theorems import card
from theorycheck.theorems.caron2023 import gram_speed, means, movement
from theorycheck.theorems.caron2023 import instances as make


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


def test_fourth_powers_in_closed_form():
    """ReLU: E s(g)^4 = 3/2 |x|^4/d^2; softplus near 0 is a constant, for which the 3 of Gaussian sums is needed."""
    one = make.drawn(np.array([[0.6, 0.8]]), np.array([2.0]), width=3, gamma=0.5, alpha=0.5)
    assert means.fourth(Run(one)).value == pytest.approx((2 + 4.5**0.25 / 2**0.5) ** 2)
    flat = make.drawn(np.array([[1e-9]]), np.zeros(1), width=3, gamma=0.5, alpha=0.5, activation="softplus")
    assert means.fourth(Run(flat)).value == pytest.approx(3**0.5 * np.log(2) ** 2)


def test_how_often_a_node_moves_so_far_is_counted_at_the_card_s_threshold():
    one = make.drawn(np.array([[1.0]]), np.ones(1), width=3, gamma=0.5, alpha=0.5, activation="tanh", seed=2)
    one = with_parameters(one, time=0.2)
    kappa, squares = float(measure.kappa(Run(one)).value), movement._followed(one)[0]
    bar, found = 0.2**2 / 8 * one.scales * kappa, movement._often(Run(one))
    inside = [np.abs(np.mean(squares >= times * bar, axis=0) - found.value) <= found.error for times in (1, 10, 0.1)]
    assert np.all(inside[0])
    assert not np.any(inside[1])
    assert not np.any(inside[2])
    assert np.all(found.error < 0.1)


def test_moments_of_one_node_sample_by_sample():
    """R7 (v): E (c.y)^2, E c' Sigma c, (tr K)^2 + tr K^2 and E (c.s)^2 with K = E s c', counted out over three nodes."""
    inputs, mass = np.array([[0.9, 0.1], [-0.4, 0.7]]), np.array([0.5, 0.2, 0.3])
    one = make.drawn(inputs, np.array([1.0, -2.0]), width=2, gamma=0.5, alpha=0.5, activation="softplus")
    weights = np.array([[0.3, -1.0], [1.5, 0.4], [-0.7, 2.0]])
    found = gram_speed._moments(one, weights, mass)
    values, tilts = gram_speed._tilts(one, one.inner * weights @ inputs.T)
    for pair in range(found.shape[1]):
        c = tilts[:, pair]
        sigma = sum(p * np.outer(s, s) for p, s in zip(mass, values, strict=True))
        k = sum(p * np.outer(s, one) for p, s, one in zip(mass, values, c, strict=True))
        assert found[:, pair] == pytest.approx([
            mass @ (c @ one.labels) ** 2, sum(p * row @ sigma @ row for p, row in zip(mass, c, strict=True)),
            np.trace(k) ** 2 + np.trace(k @ k), mass @ np.sum(c * values, axis=1) ** 2,
        ])  # fmt: skip
        assert np.trace(k @ k) != pytest.approx(np.sum(k**2), rel=1e-2)
