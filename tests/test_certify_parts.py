"""The parts of certificates: elementwise functions, layers in blocks, sums over neurons, knapsacks; against exact arithmetic."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx

from theorycheck.certify import certify
from theorycheck.certify import pieces as piecewise
from theorycheck.certify.checkpoint import instance_of
from theorycheck.certify.gram import residual_norm
from theorycheck.certify.layer import Layer, draw_layer, sha256
from theorycheck.certify.pieces import evaluate, pieces
from theorycheck.certify.problem import Problem, of_instance
from theorycheck.certify.rounding import gamma
from theorycheck.certify.slopes import least_squares, slopes, tail
from theorycheck.certify.sums import products, start
from theorycheck.data import BadInput
from theorycheck.enclose import evaluator
from theorycheck.grams import Array
from theorycheck.model import gaussian_weights, node_scales
from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation
from theorycheck.symbolic.network import ASYMMETRIC, MEAN_FIELD, TWO_LAYER
from theorycheck.theorems import recipe, recipes
from theorycheck.theorems.razborov2022 import knapsack

SMOOTH = ("tanh", "erf", "sigmoid", "softplus", "gelu", "silu", "sine", "identity")


def quiet(fraction: float, stage: str) -> None:
    """Progress that nobody sees."""


def made(inputs: Array, labels: Array, weights: Array, signs: Array, neuron=TWO_LAYER, name: str = "relu") -> Problem:
    layer = Layer(len(weights), inputs.shape[1], signs, np.ones(len(weights)), weights)
    return Problem(neuron, activation(name), inputs, labels, layer, (1.0, 1.0 if neuron == TWO_LAYER else 0.0))


# --- elementwise ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("part", ["expr", "slope"])
def test_pieces_are_within_their_error(name: str, part: str):
    expr = getattr(ACTIVATIONS[name], part)
    found = pieces(expr, 9.0)
    rng = np.random.default_rng(0)
    edges = np.arange(-9 * 16, 9 * 16 + 1) / 16
    points = np.concatenate([rng.uniform(-9, 9, 300), edges, np.nextafter(edges, -9), [0.0, -0.0, 1e-300, 5e-324]])
    values = evaluate(found, points[None, :])[0]
    assert found.error < 1e-12
    with ctx.workprec(200):
        for point, value in zip(points.tolist(), values.tolist(), strict=True):
            assert abs(evaluator({Z: arb(point)})(expr) - arb(value)) <= arb(found.error)


def test_pieces_refuse_what_they_do_not_cover():
    found = pieces(ACTIVATIONS["tanh"].expr, 2.0)
    with pytest.raises(BadInput, match="beyond"):
        evaluate(found, np.array([[found.reach * 1.01]]))
    with pytest.raises(BadInput, match="not a number"):
        evaluate(found, np.array([[np.nan]]))
    with pytest.raises(BadInput, match="none beyond"):
        pieces(ACTIVATIONS["tanh"].expr, 1e9)


@pytest.mark.parametrize("name", ["tanh", "gelu", "silu", "softplus", "sine"])
def test_least_slopes_are_below_the_slopes(name: str):
    table = slopes(ACTIVATIONS[name], 6.0)
    rng = np.random.default_rng(1)
    h, size, rho = rng.uniform(-5, 5, (2, 40)), rng.uniform(0.1, 2, 40), np.array([1e-6, 0.1, 0.7])
    bound = least_squares(table, h, np.full_like(h, 1e-9), size, rho)
    slope = evaluate_at(ACTIVATIONS[name].slope)
    for k, i, j in product(range(3), range(2), range(40)):
        window = np.linspace(h[i, j] - size[j] * rho[k], h[i, j] + size[j] * rho[k], 201)
        true = min(slope(x) ** 2 for x in window[::20])
        assert bound[k, i, j] <= true * (1 + 1e-12)
        if abs(window).max() < 6:
            assert bound[k, i, j] >= min(slope(x) ** 2 for x in window) - 0.02  # not uselessly low
    assert tail(ACTIVATIONS["tanh"], 5.0) == 0.0
    assert 0.99 < tail(ACTIVATIONS["softplus"], 6.0) <= 1.0


def evaluate_at(expr):
    return sp.lambdify(Z, expr, "math")


# --- layers --------------------------------------------------------------------------------------


def test_a_layer_draws_what_an_instance_draws():
    weights, signs = gaussian_weights(5000, 7, 3)
    layer = draw_layer(5000, 7, 3)
    assert np.array_equal(layer.weights, weights)
    assert np.array_equal(layer.signs, signs)
    weights, signs = gaussian_weights(5000, 7, 3, draw=2)
    assert np.array_equal(draw_layer(5000, 7, [3, 2]).signs, signs)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("law", ["signs", "normal signs"])
def test_blocks_are_the_same_numbers_as_all_at_once(monkeypatch: pytest.MonkeyPatch, mirrored: bool, law: str):
    whole = draw_layer(3000, 4, 5, scale=0.5, sign_law=law, sign_scale=2.0, mirrored=mirrored)
    monkeypatch.setattr("theorycheck.certify.layer.BLOCK", 2**9)
    monkeypatch.setattr("theorycheck.certify.layer.HELD", 0)
    parts = draw_layer(3000, 4, 5, scale=0.5, sign_law=law, sign_scale=2.0, mirrored=mirrored)
    assert parts.weights is None
    for _ in range(2):
        assert np.array_equal(np.concatenate([block for _, block in parts.blocks(3)]), whole.weights)
    assert np.array_equal(parts.signs, whole.signs)
    assert parts.hashes == whole.hashes == Layer(3000, 4, whole.signs, whole.scales, whole.weights).hashes
    assert parts.hashes["weights"] == sha256(whole.weights)


# --- sums over neurons ---------------------------------------------------------------------------


def exact(problem: Problem, name: str) -> tuple[list[arb], list[list[arb]], list[list[arb]]]:
    """Output, slope Gram with weights a^2 and value Gram at 300 bits, in plain loops."""
    relu = name == "relu"
    shape = ACTIVATIONS[name]
    n, m = problem.n, problem.m
    inner = problem.inner()
    value, slope = [], []
    for i in range(n):
        dots = [
            sum((arb(float(w)) * arb(float(x)) for w, x in zip(row, problem.inputs[i], strict=True)), arb(0))
            for row in problem.layer.weights
        ]
        if relu:
            value.append([p if p > 0 else arb(0) for p in dots])
            slope.append([arb(1) if p > 0 else arb(0) for p in dots])
        else:
            value.append([evaluator({Z: inner * p})(shape.expr) for p in dots])
            slope.append([evaluator({Z: inner * p})(shape.slope) for p in dots])
    signs = [arb(float(a)) for a in problem.layer.signs]
    output = [sum((signs[j] * value[i][j] for j in range(m)), arb(0)) for i in range(n)]
    slopes_gram = [
        [sum((signs[j] ** 2 * slope[i][j] * slope[k][j] for j in range(m)), arb(0)) for k in range(n)] for i in range(n)
    ]
    values_gram = [[sum((value[i][j] * value[k][j] for j in range(m)), arb(0)) for k in range(n)] for i in range(n)]
    return output, slopes_gram, values_gram


def outside(problem: Problem, name: str) -> int:
    """How many entries of the enclosed sums do not contain the exact ones."""
    signs = problem.layer.signs
    found = start(problem, signs, signs**2, quiet, with_values=True)
    with ctx.workprec(300):
        output, slopes_gram, values_gram = exact(problem, name)
        off = [
            abs(o - arb(float(c))) <= arb(float(r))
            for o, c, r in zip(output, found.output, found.output_radius, strict=True)
        ]
        for i, k in product(range(problem.n), repeat=2):
            off.append(abs(slopes_gram[i][k] - arb(float(found.slopes[i, k]))) <= arb(found.slopes_radius))
            off.append(abs(values_gram[i][k] - arb(float(found.values[i, k]))) <= arb(found.values_radius))
    return sum(not inside for inside in off)


def network(seed: int, name: str) -> Problem:
    rng = np.random.default_rng(seed)
    n, d, m = int(rng.integers(1, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 60))
    scale = 1.0 if name != "relu" or seed % 3 else 10.0 ** rng.integers(-250, 29)
    weights = rng.standard_normal((m, d)) * scale
    if seed % 4 == 0:
        weights[0] = 0.0  # every gate of this neuron is at its kink
    inputs = rng.standard_normal((n, d))
    if seed % 5 == 0 and d > 1:
        weights[-1] = 0.0
        weights[-1, 0], weights[-1, 1] = inputs[0, 1] * scale, -inputs[0, 0] * scale  # a product that cancels
    return made(inputs, np.zeros(n), weights, rng.standard_normal(m), MEAN_FIELD if seed % 2 else TWO_LAYER, name)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "softplus"])
def test_sums_contain_the_exact_sums(name: str):
    assert [outside(network(seed, name), name) for seed in range(12)] == [0] * 12


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_without_the_rounding_bound_sums_are_wrong(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, name: str
):
    """A sabotage: the a-priori bound dropped is seen at once."""
    monkeypatch.setattr("theorycheck.certify.sums.gamma", lambda operations: 0.0)
    monkeypatch.setattr("theorycheck.certify.sums.UNIT", 0.0)
    monkeypatch.setattr("theorycheck.certify.pieces.gamma", lambda operations: 0.0)
    for cached in (piecewise.pieces, piecewise._pieces):
        cached.cache_clear()
        request.addfinalizer(cached.cache_clear)
    assert sum(outside(network(seed, name), name) for seed in range(12)) > 3


def test_products_are_within_their_error():
    problem = network(5, "relu")
    for block in products(problem, quiet, ""):
        with ctx.workprec(300):
            for i, j in product(range(problem.n), range(block.products.shape[1])):
                row = problem.layer.weights[block.place][j]
                dot = sum((arb(float(w)) * arb(float(x)) for w, x in zip(row, problem.inputs[i], strict=True)), arb(0))
                assert abs(dot - arb(float(block.products[i, j]))) <= arb(float(block.error[i, j]))


def test_gamma_bounds_a_sum_that_rounds_against_us():
    total = np.float64(1)
    for _ in range(2**12):
        total += np.float64(2.0**-53)  # lost each time
    exact_sum = 1 + 2.0**-41
    assert 0 < abs(total - exact_sum) / exact_sum <= gamma(2**12 + 1)
    with pytest.raises(ValueError, match="smaller sums"):
        gamma(2**31)


def test_a_residual_that_is_not_finite_is_infinite():
    problem = network(1, "relu")
    found = start(problem, problem.layer.signs, problem.layer.signs**2, quiet)
    found.output[0] = np.nan
    assert residual_norm(problem, found, arb(1)) == np.inf


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


def test_an_optimistic_knapsack_is_seen():
    """A sabotage: greedy without the fraction of the last item, the errata's counterexample (B3)."""
    inputs, weights = np.eye(1), np.sqrt([[0.1], [1.0]])
    problem = made(inputs, np.zeros(1), weights, np.sqrt([0.2, 1.5]))
    true, bound = brute_force(problem, 1.0 + 1e-12), knapsack.flip_mass(problem, 1.0 + 1e-12, quiet)[1]
    assert true == pytest.approx(1.5)
    assert bound >= 1.5
    assert true > 0.2  # what greedy would have said


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
