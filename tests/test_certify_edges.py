"""Networks made so that one forgotten term of a bound makes a certificate false: each was found by an attack on the code."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from certified_cases import made, quiet
from flint import arb, ctx

from theorycheck.certify import certify
from theorycheck.certify.document import save
from theorycheck.certify.gram import Enclosed, sum_above, with_inputs
from theorycheck.certify.layer import Layer
from theorycheck.certify.problem import Problem
from theorycheck.certify.slopes import slopes
from theorycheck.certify.sums import _lengths, products
from theorycheck.data import BadInput
from theorycheck.recheck import recheck
from theorycheck.symbolic.activations import ACTIVATIONS, activation
from theorycheck.symbolic.network import ASYMMETRIC, MEAN_FIELD, TWO_LAYER
from theorycheck.theorems import recipe
from theorycheck.theorems.caron2023 import certificates as caron
from theorycheck.theorems.chen2022 import intervals
from theorycheck.theorems.chen2022.certificates import window_floors
from theorycheck.theorems.razborov2022 import knapsack


def one(neuron, name, inputs, labels, weights, signs, scales=None, rates=(1.0, 0.0), kappa=1.0) -> Problem:
    weights = np.array(weights, float)
    scales = np.ones(len(weights)) if scales is None else np.array(scales, float)
    layer = Layer(len(weights), np.shape(inputs)[1], np.array(signs, float), scales, weights)
    return Problem(neuron, activation(name), np.array(inputs, float), np.array(labels, float), layer, rates, kappa)


# --- sizes that leave the normal doubles ------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"inputs": [[1e-100]], "labels": [10.0]},
        {"inputs": [[1e60]]},
        {"scales": [1e-170]},
        {"signs": [1e-162], "neuron": MEAN_FIELD},
        {"kappa": 1.55e-161, "neuron": TWO_LAYER},
        {"kappa": -1.0, "neuron": TWO_LAYER, "rates": (0.1, 0.1)},
        {"rates": (-1.0, 0.0), "neuron": TWO_LAYER},
        {"rates": (0.5, 0.0)},
        {"rates": (0.5, 0.0), "neuron": MEAN_FIELD},
        {"scales": [0.5], "neuron": MEAN_FIELD},
        {"scales": [0.5], "neuron": TWO_LAYER},
        {"kappa": 0.5, "neuron": MEAN_FIELD},
        {"labels": [np.nan]},
        {"weights": [[np.inf]]},
    ],
)
def test_what_no_bound_covers_is_refused(given):
    usual = {
        "neuron": ASYMMETRIC,
        "name": "tanh",
        "inputs": [[1.0]],
        "labels": [0.3],
        "weights": [[0.3]],
        "signs": [1.0],
    }
    assert one(**usual).m == 1
    with pytest.raises(BadInput):
        one(**{**usual, **given})


def test_weights_that_are_too_large_are_refused():
    with pytest.raises(BadInput, match="scale the network down"):
        certify(recipe("razborov2022.r1"), one(TWO_LAYER, "relu", [[1.0]], [0.0], [[1e40]], [1.0], rates=(1.0, 1.0)))


def test_arrays_of_other_types_become_doubles():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((5, 2)).astype(np.float32)
    layer = Layer(5, 2, np.ones(5, dtype=np.int8), np.ones(5, dtype=np.float32), weights)
    problem = Problem(TWO_LAYER, activation("relu"), np.eye(2, dtype=np.float32), np.zeros(2), layer, (1.0, 1.0))
    for array in (problem.inputs, problem.labels, layer.weights, layer.signs, layer.scales):
        assert array.dtype == np.float64


def test_sums_of_powers_cover_underflow():
    assert sum_above(np.array([1e-100]), 4) > 0
    with ctx.workprec(200):
        assert arb(1000) * arb(0.1) ** 2 <= arb(sum_above(np.full(1000, 0.1), 2))
    assert sum_above(np.full(1000, 0.1), 2) < 10.0001


# --- enclosed matrices ------------------------------------------------------------------------------


def holds(found: Enclosed, exact: arb, i: int = 0, k: int = 0) -> bool:
    return bool(abs(exact - arb(float(found.matrix[i, k]))) <= arb(found.radius))


def test_enclosed_matrices_keep_every_error():
    with ctx.workprec(200):
        third = Enclosed(np.array([[0.1]]), 0.0).times(1 / 3)
        assert holds(third, arb(0.1) / 3)
        both = Enclosed(np.array([[1.0]]), 1e-3).plus(Enclosed(np.array([[2.0]]), 2e-3))
        assert holds(both, arb(3) + arb(0.003))
        rng = np.random.default_rng(3)
        inputs = rng.standard_normal((4, 50)) * np.array([[1e-6], [1.0], [1e3], [1.0]])
        problem = made(inputs, np.zeros(4), rng.standard_normal((2, 50)), np.ones(2))
        matrix = rng.standard_normal((4, 4))
        found = with_inputs(problem, matrix + matrix.T, 0.0)
        for i in range(4):
            for k in range(4):
                dot = sum((arb(float(x)) * arb(float(z)) for x, z in zip(inputs[i], inputs[k], strict=True)), arb(0))
                assert holds(found, dot * arb(float((matrix + matrix.T)[i, k])), i, k)


def test_products_cover_underflow_and_cancellation():
    for scale in (1e-170, 1e-300, 1.0):
        weights = np.array([[1.0, 1 / 3, -1.0]]) * scale
        inputs = np.array([[1 / 3, -1.0, 1e-25]])
        problem = made(inputs, np.zeros(1), weights, np.ones(1))
        (block,) = products(problem, quiet, "")
        with ctx.workprec(2500):
            dot = sum((arb(float(w)) * arb(float(x)) for w, x in zip(weights[0], inputs[0], strict=True)), arb(0))
            assert abs(dot - arb(float(block.products[0, 0]))) <= arb(float(block.error[0, 0]))
    tiny = np.full((1, 3), 1e-170)
    assert _lengths(tiny)[0] >= math.sqrt(3) * 1e-170


# --- thresholds that are touched --------------------------------------------------------------------


def touching() -> tuple[Problem, float]:
    """A neuron whose distance to the kink is, in floats, a little more than the exact one."""
    rng = np.random.default_rng(0)
    while True:
        weights, inputs = rng.standard_normal((1, 3)), rng.standard_normal((1, 3))
        with ctx.workprec(200):
            exact = abs(
                sum((arb(float(w)) * arb(float(x)) for w, x in zip(weights[0], inputs[0], strict=True)), arb(0))
            )
            size = sum((arb(float(x)) ** 2 for x in inputs[0]), arb(0)).sqrt()
            reach = float((exact / size).upper()) * (1 + 2.0**-52)
        if abs(float((inputs @ weights.T)[0, 0])) / float(np.linalg.norm(inputs)) > reach:
            return one(ASYMMETRIC, "relu", inputs, [0.0], weights, [1.0], [1.0]), reach


def test_a_gate_at_the_edge_of_the_flip_set_is_counted():
    problem, reach = touching()
    ((even, heavy),) = caron.flip_masses(problem, [reach], quiet)
    assert even.matrix[0, 0] > 0
    assert heavy.matrix[0, 0] > 0
    ((far, _),) = caron.flip_masses(problem, [reach * (1 - 1e-9)], quiet)
    assert far.matrix[0, 0] == 0


def test_a_neuron_at_the_knapsacks_radius_is_counted():
    problem, reach = touching()
    problem = made(problem.inputs, np.zeros(1), problem.layer.weights, np.ones(1))
    assert knapsack.flip_mass(problem, reach, quiet)[1] >= 1.0
    assert knapsack.flip_mass(problem, reach * 0.5, quiet)[1] < 1.0


def test_preactivations_at_an_edge_are_not_counted_inside():
    """An attack: a preactivation just below an edge was counted above it, because h + far was rounded."""
    h = 0.5 - 5e-14
    weights = [[h]] * 4 + [[-1000.0]]
    problem = one(MEAN_FIELD, "relu", [[1.0]], [-4e-14], weights, [2.0] * 4 + [1e-6])
    found = intervals.candidates(problem, quiet)
    half = (found.low == 0.0) & (found.eta == 0.5) & np.isinf(found.high)
    assert not half.any()
    clear = replace(problem, layer=Layer(5, 1, problem.layer.signs, np.ones(5), np.array([[0.51]] * 4 + [[-1000.0]])))
    found = intervals.candidates(clear, quiet)
    assert found.share[(found.low == 0.0) & (found.eta == 0.5) & np.isinf(found.high)].max() == pytest.approx(0.8)


def test_a_window_that_touches_the_kink_does_not_count():
    problem = one(MEAN_FIELD, "relu", [[1.0]], [0.1], [[0.25]], [1.0])
    assert window_floors(problem, np.array([0.24, 0.25, 0.26]), quiet).tolist() == pytest.approx([1.0, 0.0, 0.0])


def test_slopes_know_nothing_beyond_their_cells():
    table = slopes(ACTIVATIONS["softplus"], 1.0)
    assert np.all(table.runs[-1][-(2 ** (len(table.runs) - 2)) :] == 0)
    assert table.least(0.0, table.reach + 1) == 0.0
    assert table.least(0.2, 0.4) > 0.5


def test_a_slope_that_falls_far_out_is_not_steep_on_a_half_line():
    found = intervals.steep_intervals(activation("tanh(z)"), 4.0)
    assert not np.isinf(found[1]).any()
    found = intervals.steep_intervals(activation("softplus(z)"), 4.0)
    assert np.isinf(found[1]).any()


# --- node scales that do not sum to 1, slopes above 1 -------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "3*tanh(z)"])
def test_the_smooth_test_counts_mass_and_slope(tmp_path, name):
    """Nine times the node scale is nine times the movement: what holds at mass 1 does not at mass 9."""
    rng = np.random.default_rng(1)
    weights, signs = rng.standard_normal((400, 2)), rng.choice([-1.0, 1.0], 400)
    for mass in (1.0, 9.0):
        base = one(ASYMMETRIC, name, np.eye(2), [0.0, 0.0], weights, signs, np.full(400, mass / 400))
        output = certify(recipe("caron2023.r0_smooth"), base)
        values = {str(symbol): value for symbol, value in output.found.values.items()}
        reach = values["sigma_1"] * math.sqrt(values["s_X"] / 2) * values["r_0"]
        reach /= values["gamma"] * values["theta"] ** 2 * values["kappa_hat"]
        left = values["M"] ** 2 / (400 * 4) * values["S_4"] * reach**2 * values["Lambda_1"]
        assert output.tests[-1].lhs == pytest.approx(left, rel=1e-12)
        assert values["Lambda_1"] == pytest.approx(mass)
        if name == "tanh":
            assert output.holds
            assert recheck(save(output, tmp_path / "m.json")[0]).valid
