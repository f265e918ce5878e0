"""The flip knapsack against all subsets, and what certificates refuse."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from certified_cases import made, network, quiet

from theorycheck.certify import certify
from theorycheck.certify.checkpoint import instance_of
from theorycheck.certify.layer import Layer, draw_layer
from theorycheck.certify.problem import Problem, of_instance
from theorycheck.data import BadInput
from theorycheck.model import node_scales
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import ASYMMETRIC, TWO_LAYER
from theorycheck.theorems import recipe, recipes
from theorycheck.theorems.razborov2022 import knapsack

SMOOTH = ("tanh", "erf", "sigmoid", "softplus", "gelu", "silu", "sine", "identity")


# --- the knapsack --------------------------------------------------------------------------------


def brute_force(problem: Problem, radius: float) -> float:
    """The largest mass of a set of neurons that may flip together, over the samples; all subsets are tried."""
    worst = 0.0
    distance = np.abs(problem.inputs @ problem.layer.weights.T) / np.linalg.norm(problem.inputs, axis=1)[:, None]
    for row in distance:
        for chosen in product([False, True], repeat=problem.m):
            kept = np.array(chosen)
            if np.sum(row[kept] ** 2) <= radius**2:
                worst = max(worst, float(np.sum(problem.layer.signs[kept] ** 2)))
    return worst


def small(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 9))
    signs = rng.standard_normal(m) * (rng.random(m) > 0.2)
    weights = rng.standard_normal((m, 2))
    if seed % 3 == 0:
        weights[0] = 0.0  # at its kink, flips for free
    return made(rng.standard_normal((n, 2)), np.zeros(n), weights, signs)


def test_the_knapsack_bound_is_never_below_the_best_set():
    for seed in range(120):
        problem, radius = small(seed), float(np.random.default_rng(seed).uniform(0, 2))
        tau, bound = knapsack.flip_mass(problem, radius, quiet)
        assert bound >= brute_force(problem, radius) * (1 - 1e-12)
        assert min(tau) >= 0
        # the estimate that choices rest on is the fractional knapsack itself: duality closes the gap but for the bins
        whole = knapsack.estimate(knapsack.sample(problem, quiet), radius)
        assert whole <= bound * (1 + 1e-9)
        assert bound <= whole * 1.05 + 1e-9


def greedy(problem: Problem, radius: float) -> float:
    """The optimistic version: whole neurons in the order of z^2/a^2, without the fraction of the last."""
    found = knapsack.sample(problem, quiet)
    kept = np.cumsum(found.distances, axis=1) <= radius**2
    return float((found.masses * kept).sum(axis=1).max())


def test_an_optimistic_knapsack_is_seen():
    """A sabotage: greedy without the fraction of the last item is below the best set; the errata's counterexample (B3) first."""
    problem = made(np.eye(1), np.zeros(1), np.sqrt([[0.1], [1.0]]), np.sqrt([0.2, 1.5]))
    radius = 1.0 + 1e-12
    assert greedy(problem, radius) == pytest.approx(0.2)
    assert brute_force(problem, radius) == pytest.approx(1.5)
    assert knapsack.flip_mass(problem, radius, quiet)[1] >= 1.5
    short = [greedy(small(seed), 0.7) < brute_force(small(seed), 0.7) * (1 - 1e-9) for seed in range(40)]
    assert any(short)


# --- guards --------------------------------------------------------------------------------------


def test_wrong_problems_are_refused_with_a_sentence():
    problem = network(1, "relu")
    for one in recipes():
        if one.label.startswith("caron2023"):
            with pytest.raises(BadInput, match=r"speaks of|about"):
                certify(one, problem)
    with pytest.raises(BadInput, match="take"):
        certify(recipe("caron2023.r0"), recipe("caron2023.r0_smooth").example(m=8))
    with pytest.raises(BadInput, match="leaky"):
        certify(recipe("chen2022.c"), recipe("chen2022.c").example(m=8, activation="leaky_relu"))
    with pytest.raises(BadInput, match="bounded"):
        certify(recipe("chen2022.c"), recipe("chen2022.c").example(m=8, activation="square"))
    with pytest.raises(ValueError, match="speaks of flow"):
        certify(recipe("chen2022.c"), recipe("chen2022.c").example(m=8), dynamics="descent")


def test_nothing_is_certified_where_nothing_can_be_fitted():
    """Errata B1, B2, U1: a singular Gram, dead networks and frozen layers give no certificate."""
    inputs = np.array([[1.0], [2.0], [-1.0]])
    dead = made(inputs, np.full(3, 1e-9), np.array([[1.0], [-1.0]]), np.ones(2))
    for label in ("razborov2022.r1", "razborov2022.r0_radii"):
        for dynamics in ("flow", "descent"):
            assert not certify(recipe(label), dead, dynamics=dynamics).holds
    twice = np.array([[1.0, 0.0], [1.0, 0.0]])
    layer = draw_layer(500, 2, 0, nodes={"law": "asymmetric", "gamma": 1.0, "alpha": 0.5})
    same = Problem(ASYMMETRIC, activation("relu"), twice, np.zeros(2), layer)
    assert not certify(recipe("caron2023.r0"), same).holds
    heavy = draw_layer(500, 2, 0, nodes={"law": "asymmetric", "gamma": 0.0, "alpha": 0.5})
    assert np.array_equal(heavy.scales, node_scales(500, 0.0, 0.5))


def test_descent_with_too_large_a_step_is_not_certified():
    """Errata A3: n = m = d = 1 with K_0 = 3 diverges, though nothing can flip; the flow converges."""
    one = np.ones((1, 1))
    problem = Problem(
        TWO_LAYER, activation("relu"), one, np.array([0.5]), Layer(1, 1, np.ones(1), np.ones(1), one), (0.0, 3.0)
    )
    assert certify(recipe("razborov2022.r1"), problem, dynamics="flow").holds
    assert not certify(recipe("razborov2022.r1"), problem, dynamics="descent").holds


def test_an_instance_with_another_time_scale_is_refused():
    problem = recipe("chen2022.c").example(m=64)
    instance = instance_of(problem)
    assert of_instance(instance).rates == (1.0, 0.0)
    with pytest.raises(BadInput, match="rates="):
        of_instance(replace(instance, rates=(2.0, 0.0)))
    with pytest.raises(BadInput, match="one output"):
        of_instance(replace(instance, biases=np.ones(64)))
