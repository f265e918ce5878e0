"""The parts of certificates: elementwise functions, layers in blocks, sums over neurons, knapsacks; against exact arithmetic."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy as sp
from certified_cases import network, quiet
from flint import arb, ctx

from theorycheck.certify import pieces as piecewise
from theorycheck.certify.gram import residual_norm
from theorycheck.certify.layer import Layer, draw_layer, sha256
from theorycheck.certify.pieces import evaluate, pieces
from theorycheck.certify.problem import Problem
from theorycheck.certify.rounding import gamma
from theorycheck.certify.slopes import least_squares, slopes, tail
from theorycheck.certify.sums import products, start
from theorycheck.data import BadInput
from theorycheck.enclose import evaluator
from theorycheck.model import gaussian_weights
from theorycheck.symbolic.activations import ACTIVATIONS, Z

SMOOTH = ("tanh", "erf", "sigmoid", "softplus", "gelu", "silu", "sine", "identity")


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
    piecewise._pieces.cache_clear()
    request.addfinalizer(piecewise._pieces.cache_clear)
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
