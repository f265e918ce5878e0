"""Gradient descent against explicit loops, differences, closed forms, and the gradient flow that it discretises."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.adversary import INPUT_KINDS, build_labels, data_sets, label_plans
from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.flow import _batches, _small, follow
from theorycheck.flow._batches import Batch, split
from theorycheck.flow.descent import descend
from theorycheck.flow.trajectory import FlowStalled
from theorycheck.model import Instance
from theorycheck.network import Network, output_and_gram
from theorycheck.symbolic.activations import ACTIVATIONS, Activation, Z
from theorycheck.symbolic.network import ASYMMETRIC, BIAS, BIASED, INNER, OUTPUT_WEIGHT, TWO_LAYER, Neuron

SCALARS = {
    "relu": (lambda z: max(z, 0.0), lambda z: 1.0 if z > 0 else 0.5 if z == 0 else 0.0),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
    "softplus": (lambda z: math.log1p(math.exp(z)), lambda z: 1 / (1 + math.exp(-z))),
    "identity": (lambda z: z, lambda z: 1.0),
}
FORCES = {
    "squared": lambda f, y: y - f,
    "logistic": lambda f, y: y / (1 + math.exp(y * f)),
    "hinge": lambda f, y: y * (1.0 if y * f < 1 else 0.5 if y * f == 1 else 0.0),
}
LOSSES = {
    "squared": lambda f, y: (y - f) ** 2 / 2,
    "logistic": lambda f, y: math.log1p(math.exp(-y * f)),
    "hinge": lambda f, y: max(0.0, 1 - y * f),
}


def network(name: str = "tanh", seed: int = 0, n: int = 5, d: int = 3, m: int = 7, c: int = 1, **rest) -> Network:
    """A random small network, every part of the normal form in play."""
    rng = np.random.default_rng(seed)
    gain = rng.uniform(0.3, 1.2, m)
    parts = {
        "inputs": rng.standard_normal((n, d)),
        "weights": rng.standard_normal((m, d)),
        "shift": rng.standard_normal(m) / 2,
        "outer": gain[:, None] * rng.standard_normal((m, c)),
        "inner": d**-0.5,
        "gain": gain,
        "first": 0.7,
        "second": 0.4,
    }
    return Network(ACTIVATIONS[name], **{**parts, **rest})


def classes(n: int, c: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([7, seed]).choice([-1.0, 1.0], (n, c))


def naive(given: Network, labels, steps, *, step, loss="squared", mean=False, decay=(0.0, 0.0), batches=None):
    """The slow, obvious twin: the formulas, one number at a time; ``step`` and ``decay`` are pairs of functions."""
    value, slope = SCALARS[given.activation.name]
    w, outer = given.weights.tolist(), given.outer.tolist()
    m, c, losses = given.m, given.outputs, []
    for t in range(steps):
        x, y = (given.inputs, labels) if batches is None else batches(t)
        n, d, y = len(x), len(x[0]), np.reshape(y, (len(x), c))
        share = 1 / n if mean else 1.0
        h = [
            [given.inner * sum(x[i][k] * w[j][k] for k in range(d)) + given.shift[j] for j in range(m)]
            for i in range(n)
        ]
        f = [[sum(outer[j][e] * value(h[i][j]) for j in range(m)) for e in range(c)] for i in range(n)]
        losses.append(share * sum(LOSSES[loss](f[i][e], y[i, e]) for i in range(n) for e in range(c)))
        r = [[share * FORCES[loss](f[i][e], y[i, e]) for e in range(c)] for i in range(n)]
        new_w, new_outer = [row[:] for row in w], [row[:] for row in outer]
        for j in range(m):
            for k in range(d):
                speed = sum(
                    r[i][e] * outer[j][e] * slope(h[i][j]) * given.inner * x[i][k] for i in range(n) for e in range(c)
                )
                new_w[j][k] += step[0](t) * given.first * (speed - decay[0] * w[j][k])
            for e in range(c):  # in a: a += step second (gain sum R s - decay a), outer = gain a
                a = outer[j][e] / given.gain[j]
                speed = given.gain[j] * sum(r[i][e] * value(h[i][j]) for i in range(n))
                new_outer[j][e] = given.gain[j] * (a + step[1](t) * given.second * (speed - decay[1] * a))
        w, outer = new_w, new_outer
    return np.array(w), np.array(outer), np.array(losses)


CASES = [
    ("tanh", 1, {}, "squared", False, (0.0, 0.0)),
    ("relu", 1, {}, "squared", False, (0.3, 0.1)),
    ("relu", 3, {}, "squared", True, (0.0, 0.2)),
    ("tanh", 2, {"second": 0.0}, "squared", False, (0.0, 0.0)),
    ("softplus", 1, {"first": 0.0}, "squared", False, (5.0, 0.1)),  # a frozen layer does not decay either
    ("relu", 1, {}, "hinge", True, (0.05, 0.0)),
    ("relu", 2, {}, "logistic", True, (0.0, 0.0)),
    ("tanh", 2, {"shift": np.zeros(7)}, "hinge", False, (0.1, 0.1)),
]


@pytest.mark.parametrize(("name", "c", "parts", "loss", "mean", "decay"), CASES)
def test_it_is_the_formulas_one_number_at_a_time(name, c, parts, loss, mean, decay):
    given, labels, steps = network(name, c=c, **parts), classes(5, c), 12
    weights, outer, losses = naive(given, labels, steps, step=2 * (lambda t: 0.1,), loss=loss, mean=mean, decay=decay)
    found = descend(given, labels, step=0.1, steps=steps, loss=loss, mean=mean, decay=decay, record=range(steps))
    np.testing.assert_allclose(found.network.weights, weights, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.network.outer, outer, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.loss, losses, rtol=1e-12, atol=1e-14)
    # negative control: one step of another size is told apart
    other = naive(given, labels, steps, step=2 * (lambda t: 0.1 + 1e-9 * (t == 3),), loss=loss, mean=mean, decay=decay)
    assert not np.allclose(found.network.weights, other[0], rtol=1e-12, atol=1e-14) or not given.first


@pytest.mark.parametrize(("loss", "m"), [("squared", 9), ("logistic", 9), ("hinge", 9), ("hinge", 3), ("logistic", 3)])
def test_the_compiled_loop_of_a_small_network_is_the_passes_of_a_large_one(loss, m, monkeypatch):
    """With more neurons than samples, and with fewer, where the loop makes other products."""
    given, labels = network("relu", m=m), classes(5)
    options = {"step": (0.1, lambda t: 0.2 * (t != 3)), "steps": 30, "loss": loss, "mean": True, "decay": 0.1, "record": [0, 3, 7, 30]}  # fmt: skip
    looks = {"quantities": {"outer": lambda state: state.network.outer}}
    loop, looked = descend(given, labels, **options), descend(given, labels, **options, **looks)
    assert _small.fits(given)
    assert np.array_equal(loop.loss, looked.loss)  # whether somebody looks or not
    assert np.array_equal(loop.network.weights, looked.network.weights)
    monkeypatch.setattr(_small, "WORK", 0)
    assert not _small.fits(given)
    passes = descend(given, labels, **options, **looks)
    for one, other in ((loop, passes), (looked, passes)):
        np.testing.assert_allclose(one.loss, other.loss, rtol=1e-12)
        np.testing.assert_allclose(one.residual, other.residual, rtol=1e-12)
        np.testing.assert_allclose(one.output, other.output, rtol=1e-12)
        np.testing.assert_allclose(one.network.weights, other.network.weights, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(one.network.outer, other.network.outer, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(looked.quantities["outer"], passes.quantities["outer"], rtol=1e-12, atol=1e-14)
    less = descend(given, labels, **{**options, "decay": 0.1 + 1e-9})
    assert not np.allclose(less.network.weights, loop.network.weights, rtol=1e-12, atol=1e-14)


def test_both_layers_move_from_the_same_old_weights():
    given, labels = network(), classes(5)
    found = descend(given, labels, step=0.5, steps=1).network
    apart = [
        descend(replace(given, **{frozen: 0.0}), labels, step=0.5, steps=1).network for frozen in ("second", "first")
    ]
    assert np.array_equal(found.weights, apart[0].weights)
    assert np.array_equal(found.outer, apart[1].outer)
    assert np.array_equal(apart[0].outer, given.outer)
    assert np.array_equal(apart[1].weights, given.weights)


@pytest.mark.parametrize("c", [1, 2])
def test_schedules_may_be_numbers_arrays_functions_and_pairs(c):
    given, labels, steps = network("relu", c=c), classes(5, c), 6
    first, second = (lambda t: 0.3 / (1 + t), lambda t: 0.05 * (t > 1))
    weights, outer, _ = naive(given, labels, steps, step=(first, second), decay=(0.2, 0.0))
    arrays = [np.array([part(t) for t in range(steps)]) for part in (first, second)]
    for step in ((first, second), (arrays[0], second), tuple(map(list, arrays))):
        found = descend(given, labels, step=step, steps=steps, decay=(lambda t: 0.2, 0.0)).network
        np.testing.assert_allclose(found.weights, weights, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found.outer, outer, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("c", [1, 2])
def test_a_layer_may_freeze_and_thaw_on_the_way(c):
    # shi2023, warm-up: the first layer stands still, so its activations are used again; then it moves once more
    given, labels = network("tanh", c=c), classes(5, c)
    first = [0.2, 0.0, 0.0, 0.0, 0.2, 0.2, 0.0]
    weights, outer, losses = naive(given, labels, 7, step=(lambda t: first[t], lambda t: 0.1))
    found = descend(given, labels, step=(first, 0.1), steps=7, record=range(7))
    np.testing.assert_allclose(found.network.weights, weights, rtol=1e-12)
    np.testing.assert_allclose(found.network.outer, outer, rtol=1e-12)
    np.testing.assert_allclose(found.loss, losses, rtol=1e-12)


@pytest.mark.parametrize(("loss", "first"), [("squared", 0.7), ("logistic", 0.7), ("hinge", 0.7), ("squared", 0.0)])
def test_fresh_batches_of_any_size(loss, first):
    given, held, steps = network("relu", first=first), classes(5), 8

    def batches(t):
        rng = np.random.default_rng([3, t])
        size = 2 + t // 2 % 3  # twice the same, and then another
        return rng.standard_normal((size, 3)), classes(size, seed=t)[:, 0]

    options = {"loss": loss, "mean": True, "decay": (0.1, 0.2)}
    weights, outer, _ = naive(given, held, steps, step=2 * (lambda t: 0.1,), batches=batches, **options)
    drawn = []
    generator = (drawn.append(t) or batches(t) for t in range(steps))
    for source in (batches, generator):
        found = descend(given, held, step=0.1, steps=steps, batches=source, record=2, **options)
        np.testing.assert_allclose(found.network.weights, weights, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found.network.outer, outer, rtol=1e-12, atol=1e-14)
    assert drawn == list(range(steps))  # none is drawn only to be looked at
    # what is recorded is about the network's own inputs, whatever it was trained on
    output = output_and_gram(found.network)[0]
    expected = [FORCES[loss](float(f), float(y)) for f, y in zip(output[:, 0], held[:, 0], strict=True)]
    np.testing.assert_allclose(found.residual[-1], expected, rtol=1e-10, atol=1e-14)


def test_neurons_are_taken_in_blocks_and_the_last_block_is_short(monkeypatch):
    given, labels = network("tanh", m=11, c=2), classes(5, 2)
    whole = descend(given, labels, step=0.1, steps=5).network
    monkeypatch.setattr(_batches, "BLOCK", 15)  # three neurons of five samples
    found = descend(given, labels, step=0.1, steps=5).network
    np.testing.assert_allclose(found.weights, whole.weights, rtol=1e-13)
    np.testing.assert_allclose(found.outer, whole.outer, rtol=1e-13)


def trained_bias() -> Instance:
    rng = np.random.default_rng(5)
    neuron = Neuron("trained", OUTPUT_WEIGHT, INNER / 2 - BIAS, (INNER, OUTPUT_WEIGHT, BIAS))
    return Instance(
        rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal((6, 3)), rng.standard_normal(6), np.ones(6),
        neuron, ACTIVATIONS["tanh"], biases=rng.standard_normal(6), rates=(0.8, 0.3),
    )  # fmt: skip


def test_a_trained_bias_moves_at_the_first_layers_rate_in_batches_too():
    instance, eta = trained_bias(), 0.2
    x, y, w, a, b = instance.inputs, instance.labels, instance.weights, instance.signs, instance.biases
    for _ in range(5):
        h = x @ w.T / 2 - b
        force = (y - np.tanh(h) @ a)[:, None] * (1 - np.tanh(h) ** 2) * a
        speed = np.tanh(h).T @ (y - np.tanh(h) @ a)
        w, b, a = w + eta * 0.8 * force.T @ x / 2, b - eta * 0.8 * force.sum(axis=0), a + eta * 0.3 * speed
    for source in (None, lambda t: (x, y)):  # the batch comes without the column of the bias
        found = descend(instance, step=eta, steps=5, batches=source).network
        np.testing.assert_allclose(found.weights, np.column_stack([w, b]), rtol=1e-12)
        np.testing.assert_allclose(found.outer[:, 0], a, rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("mean", [False, True])
def test_one_step_of_size_one_is_minus_the_gradient_by_differences(loss, mean):
    given, labels, decay = network("softplus", c=2, first=1.0, second=1.0, gain=np.ones(7)), classes(5, 2), 0.3
    moved = descend(given, labels, step=1.0, steps=1, loss=loss, mean=mean, decay=decay).network

    def at(shift: float, directions) -> float:
        there = replace(given, weights=given.weights + shift * directions[0], outer=given.outer + shift * directions[1])
        plain = descend(there, labels, step=0.0, steps=0, loss=loss, mean=mean).loss[0]
        return plain + decay / 2 * (np.sum(there.weights**2) + np.sum(there.outer**2))

    rng = np.random.default_rng(1)
    for _ in range(4):
        directions = rng.standard_normal(given.weights.shape), rng.standard_normal(given.outer.shape)
        difference = (at(1e-4, directions) - at(-1e-4, directions)) / 2e-4
        found = -np.sum((moved.weights - given.weights) * directions[0]) - np.sum(
            (moved.outer - given.outer) * directions[1]
        )
        assert found == pytest.approx(difference, rel=1e-6)


def test_two_rates_are_one_point_of_the_normal_form():
    # razborov2022, lemma 1.1: w = s w~, a = t a~ with kappa and rates changed is the same run, step by step
    rng = np.random.default_rng(2)
    x, y, w, a = (
        rng.standard_normal((12, 7)),
        rng.standard_normal(12),
        rng.standard_normal((40, 7)),
        rng.standard_normal(40),
    )
    s, t, kappa, rates = 0.4, 0.15, 0.5, (0.02, 0.05)
    rest = (np.ones(40), TWO_LAYER, ACTIVATIONS["relu"])
    plain = Instance(x, y, s * w, t * a, *rest, rates=rates, output_scale=kappa)
    normal = Instance(x, y, w, a, *rest, rates=(rates[0] / s**2, rates[1] / t**2), output_scale=kappa * s * t)
    runs = [descend(instance, step=1.0, steps=200, record=20).residual for instance in (plain, normal)]
    assert np.linalg.norm(runs[0][-1]) < 0.2 * np.linalg.norm(runs[0][0])
    np.testing.assert_allclose(*runs, atol=1e-12)


def test_small_steps_approach_the_gradient_flow_at_first_order():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4, 5))
    instance = Instance(
        x, rng.standard_normal(4), rng.standard_normal((20, 5)), rng.choice([-1.0, 1.0], 20), np.full(20, 0.05),
        ASYMMETRIC, ACTIVATIONS["tanh"],
    )  # fmt: skip
    flow = follow(instance, times=np.array([0.0, 1.0, 2.0])).trajectory.residual[-1]
    errors = [
        np.linalg.norm(descend(instance, step=2.0 / steps, steps=steps, record=1).residual[-1] - flow)
        for steps in (50, 100, 200)
    ]
    assert np.linalg.norm(flow) > 10 * errors[0] > 0
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 2.0, rtol=0.03)


def linear(n: int = 4, c: int = 2) -> tuple[Network, np.ndarray, np.ndarray, np.ndarray]:
    """``f = X W' outer``: the Gram is constant; with its initial residual and its eigenvalues."""
    given = network("identity", n=n, d=6, c=c, second=0.0, shift=np.zeros(7))
    labels = np.random.default_rng(9).standard_normal((n, c))
    output, gram = output_and_gram(given)
    return given, labels, (labels - output).ravel(), gram


def test_the_linear_network_in_closed_form():
    given, labels, start, gram = linear()
    values, vectors = np.linalg.eigh(gram)
    eta = 1.9 / values[-1]
    found = descend(given, labels, step=eta, steps=300, record=range(0, 301, 50))
    for t, residual, loss in zip(found.steps, found.residual, found.loss, strict=True):
        expected = vectors @ ((1 - eta * values) ** t * (vectors.T @ start))
        np.testing.assert_allclose(residual, expected, atol=1e-12)
        assert loss == pytest.approx(residual @ residual / 2, rel=1e-13)


@pytest.mark.parametrize("place", [0, 3, 7])
def test_the_quadratic_rate_is_attained_by_eigenvectors(place):
    # |r_t| <= max |1 - eta lambda|^t |r_0|, with equality for the extreme eigenvectors at the best step
    given, labels, _, gram = linear()
    values, vectors = np.linalg.eigh(gram)
    eta = 2 / (values[0] + values[-1])
    rate = (values[-1] - values[0]) / (values[-1] + values[0])
    labels = output_and_gram(given)[0] + vectors[:, place].reshape(labels.shape)
    found = descend(given, labels, step=eta, steps=40, record=range(41))
    sizes = np.linalg.norm(found.residual, axis=1)
    bounds = rate ** np.arange(41)
    assert np.all(sizes <= bounds + 1e-13)
    np.testing.assert_allclose(sizes, abs(1 - eta * values[place]) ** np.arange(41), atol=1e-13)
    assert (place == 3) == (sizes[10] < 0.9 * bounds[10])


def test_a_step_above_two_over_lambda_max_is_named():
    given, labels, _, gram = linear()
    limit = 2 / float(np.linalg.eigvalsh(gram)[-1])
    with pytest.raises(FlowStalled, match=r"not finite after \d+ of 100000 steps") as caught:
        descend(given, labels, step=1.2 * limit, steps=100_000)
    assert f"above 2/lambda_max = {limit:.6g}" in str(caught.value)
    assert f"size up to {1.2 * limit:.6g}" in str(caught.value)
    found = descend(given, labels, step=0.95 * limit, steps=1_000, record=2)  # negative control
    assert found.loss[-1] < found.loss[0]
    batch = np.full((3, 6), 0.1), np.ones((3, 2))
    _, gram = output_and_gram(replace(given, inputs=batch[0]))
    with pytest.raises(
        FlowStalled, match=f"= {2 / np.linalg.eigvalsh(gram)[-1]:.6g} of the initial"
    ):  # of what it is fed
        descend(given, labels, step=1e4, steps=1_000, batches=lambda t: batch)
    with pytest.raises(FlowStalled) as caught:  # the same network in other units
        descend(replace(given, first=given.first / 5), labels, step=(6.0 * 4 * limit, 1.0), steps=100_000, mean=True)
    assert f"times n = {5 * 4 * limit:.6g}" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"step": 1e200}, "above 2/lambda_max"),
        ({"step": [0.01] * 200, "decay": [300.0] * 200}, "Step times decay is above 2"),
        ({"step": 1e200, "loss": "hinge"}, "too large"),
        ({"step": 1e200, "loss": "logistic", "decay": 1e-250}, r"above 2/lambda_max / 0.25"),
        ({"step": 1e200, "batches": lambda t: (np.ones((3, 3)), np.ones(3))}, "above 2/lambda_max"),
        ({"step": 0.0, "batches": lambda t: (np.full((3, 3), 1e300), np.ones(3))}, "nothing has moved yet: rescale"),
    ],
)
def test_a_divergence_says_why(options, cause):
    with pytest.raises(FlowStalled, match=cause):
        descend(network("relu"), classes(5), steps=200, **options)


def test_a_gram_that_grows_on_the_way_is_told_from_a_step_that_is_too_large():
    given = network(
        "square", first=1.0, second=1.0, weights=np.full((7, 3), 0.01), shift=np.zeros(7), outer=np.full((7, 1), 0.01)
    )
    with pytest.raises(FlowStalled, match="Gram has grown on the way"):
        descend(given, 30 * classes(5), step=0.5, steps=2000)


def test_only_what_is_asked_for_is_recorded():
    given, labels, looked, shares = network(m=3), classes(5), [], []

    def weights(state):
        looked.append(state.step)
        with pytest.raises(ValueError, match="read-only"):
            state.network.weights[0] = 0.0
        return state.network.weights

    wanted = [0, 7, 300, 1000]
    found = descend(
        given, labels, step=0.05, steps=1000, record=wanted, progress=shares.append,
        quantities={"weights": weights, "least": lambda state: np.linalg.eigvalsh(state.gram)[0]},
    )  # fmt: skip
    assert looked == found.steps.tolist() == wanted
    assert found.residual.shape == (4, 5)
    assert found.quantities["weights"].shape == (4, 3, 3)
    assert np.array_equal(found.quantities["weights"][0], given.weights)  # a copy: the weights went on
    assert np.array_equal(found.quantities["weights"][-1], found.network.weights)
    assert found.quantities["least"][0] == pytest.approx(np.linalg.eigvalsh(output_and_gram(given)[1])[0])
    assert len(shares) == 100
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert descend(given, labels, step=0.05, steps=1000, record=3).steps.tolist() == [0, 500, 1000]
    assert descend(given, labels, step=0.05, steps=10, record=1).steps.tolist() == [10]
    nothing = descend(given, labels, step=0.05, steps=10, record=[])
    assert nothing.residual.shape == (0, 5)
    assert nothing.taken == 10


def test_until_stops_at_a_recorded_step_and_a_descent_can_be_continued():
    given, labels = network(), classes(5)
    options = {"step": 0.1, "record": range(0, 401, 50)}
    whole = descend(given, labels, steps=400, **options)
    part = descend(given, labels, steps=400, until=lambda state: state.step >= 150, **options)
    assert part.taken == part.steps[-1] == 150
    assert "stopped after 150 of 400 steps" in part.note
    assert not whole.note
    rest = descend(part.network, labels, step=0.1, steps=250)
    assert np.array_equal(rest.network.weights, whole.network.weights)
    assert np.array_equal(rest.network.outer, whole.network.outer)


@pytest.mark.parametrize(("loss", "slope"), [("hinge", 1.0), ("logistic", 0.5)])
@pytest.mark.parametrize("eta", [49.0, 0.1, 3.7])  # 49 * (1 / 49) is not 1 in floats
def test_a_full_decay_in_the_first_step_forgets_a_symmetric_initialisation(loss, slope, eta):
    # shi2023, R1: w = eta c0 a G(w0, b), a = eta c0 E[y s(w0 . x - b)], with frozen biases of both signs
    rng = np.random.default_rng(8)
    a, w, b = rng.standard_normal(6), rng.standard_normal((6, 4)), np.full(6, 0.25)
    x, y = rng.standard_normal((30, 4)), classes(30)[:, 0]

    def started(size: float) -> Instance:
        return Instance(
            x, y, size * np.concatenate([w, w, -w, -w]), np.concatenate([a, -a, -a, a]), np.ones(24), BIASED,
            ACTIVATIONS["relu"], biases=size * np.concatenate([b, b, -b, -b]),
        )  # fmt: skip

    options = {"steps": 1, "loss": loss, "mean": True, "step": eta}
    found, other = (descend(started(size), decay=1 / eta, **options).network for size in (1.0, 4.0))
    # G(w, b) is scale-free, so nothing of w0 is left: to the last bit, but that the logistic slope sees f = 0 rounded
    np.testing.assert_allclose(found.weights, other.weights, rtol=0, atol=0 if loss == "hinge" else 1e-14 * eta)
    start = started(1.0)
    h = x @ start.weights.T - start.biases
    gradient = ((h > 0) * y[:, None]).T @ x / 30
    np.testing.assert_allclose(found.weights, eta * slope * start.signs[:, None] * gradient, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.outer[:, 0], eta * slope * np.maximum(h, 0).T @ y / 30, rtol=1e-12, atol=1e-13)
    almost = descend(start, decay=(1 - 1e-9) / eta, **options).network  # negative control
    assert not np.allclose(almost.weights - found.weights, 0.0, atol=1e-11)


def test_the_slope_at_a_kink_is_the_mean_of_its_sides():
    given = Network(
        ACTIVATIONS["relu"], np.array([[1.0]]), np.array([[0.0]]), np.zeros(1), np.array([[2.0]]), 1.0, np.ones(1)
    )
    assert descend(given, [3.0], step=1.0, steps=1).network.weights[0, 0] == 3.0 * 2.0 * 0.5
    at_margin = replace(given, weights=np.array([[0.5]]))
    assert descend(at_margin, [1.0], step=1.0, steps=1, loss="hinge").network.weights[0, 0] == 0.5 + 2.0 * 0.5


GENTLE = tuple(
    kind for kind in INPUT_KINDS if kind not in ("huge", "tiny")
)  # squares of these leave the floating range


@given(
    data_sets(kinds=GENTLE),
    label_plans(kinds=("gaussian", "least", "top", "equal")),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_the_loss_falls_for_steps_below_one_over_the_smoothness(data, plan, seed, classify):
    _, x = data
    given = network("tanh", seed, inputs=x, n=len(x), d=x.shape[1], shift=np.zeros(7), first=1.0, second=0.0)
    output, gram = output_and_gram(given)
    y = np.sign(output[:, 0] * 1e3 - 1e-3) if classify else build_labels(plan, x, gram)
    # |J|^2 <= inner^2 |X|^2 sum outer^2, and |sum r f''| <= inner^2 max |outer| sup |s''| sum |r_i| |x_i|^2,
    # where |r_i| <= |y_i| + sum |outer| at all weights because |tanh| <= 1
    residual = 1.0 if classify else np.abs(y) + np.abs(given.outer).sum()
    smoothness = given.inner**2 * (
        (0.25 if classify else 1.0) * np.linalg.norm(x, 2) ** 2 * np.sum(given.outer**2)
        + np.abs(given.outer).max() * 4 / (3 * 3**0.5) * np.sum(residual * np.sum(x**2, axis=1))
    )
    if not smoothness > 1e-200:
        return
    steps = 6
    found = descend(
        given, np.where(y == 0, 1.0, y) if classify else y, step=1 / smoothness, steps=steps,
        loss="logistic" if classify else "squared", record=range(steps + 1),
        quantities={"square": lambda state: state.residual.ravel() @ state.gram @ state.residual.ravel()},
    )  # fmt: skip
    promised = found.quantities["square"][:-1] / (2 * smoothness)  # of the descent lemma: |grad|^2 / (2 L)
    assert np.all(np.diff(found.loss) <= -promised + 1e-11 * found.loss[0])


@given(data_sets(), label_plans(), st.sampled_from(["relu", "tanh"]), st.sampled_from([1e-300, 0.1, 1e6, 1e300]))
def test_every_descent_ends_in_finite_numbers_or_says_why_not(data, plan, name, step):
    _, x = data
    given = network(name, inputs=x, n=len(x), d=x.shape[1])
    with np.errstate(all="ignore"):
        y = build_labels(plan, x, np.nan_to_num(output_and_gram(given)[1]))
    said, found = "", None
    try:
        found = descend(given, y, step=step, steps=4)
    except FlowStalled as stalled:
        said = str(stalled)
    if found is None:
        assert "lower" in said or "rescale" in said
    else:
        assert np.all(np.isfinite(found.loss))
        assert np.all(np.isfinite(found.network.weights))


def test_a_step_far_above_the_smoothness_lets_the_loss_grow():
    given, labels, _, gram = linear()
    found = descend(given, labels, step=3 / np.linalg.eigvalsh(gram)[-1], steps=6, record=range(7))
    assert found.loss[-1] > found.loss[0]


ODD = {
    "a removable singularity": sp.sin(Z) / Z,
    "too many functions": sp.tanh(Z) + sp.sin(Z) + sp.exp(-(Z**2)) + sp.cos(3 * Z),
    "no ufunc of its own": sp.log(1 + Z**2),
    "a function under a kink": sp.Max(Z, sp.tanh(3 * Z)),
}
EVERY = {**ACTIVATIONS, **{name: Activation(name, expr) for name, expr in ODD.items()}}


@pytest.mark.parametrize("name", EVERY)
def test_an_activation_is_its_parts_put_together(name):
    found = EVERY[name]
    functions, value, slope = split(found)
    back = dict(zip(_batches._SLOTS, functions, strict=False))
    whole = name in ("a removable singularity", "too many functions")
    assert (functions == (found.expr, found.slope)) == (whole or name == "sine")
    if not whole:
        assert not any(part.has(Z) and part.has(sp.tanh, sp.exp, sp.erf, sp.sin, sp.log) for part in (value, slope))
    assert value.xreplace(back) == found.expr or name == "softplus"  # rewritten, so that it is fast
    assert slope.xreplace(back) == found.slope
    grid = np.concatenate([[0.0, -0.0], np.linspace(-7, 7, 41)])
    for part, whole in ((value, found.expr), (slope, found.slope)):
        pieces = [compile_block((Z,), function)(grid) for function in functions]
        joined = compile_block((Z, *_batches._SLOTS[: len(functions)]), part)(grid, *pieces)
        np.testing.assert_allclose(joined, compile_block((Z,), whole)(grid), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", ["gelu", "leaky_relu", "a removable singularity"])
def test_a_pass_is_output_and_slopes(name):
    given = replace(network(c=1), activation=EVERY[name])
    batch = Batch(given, keep=True)
    batch.load(given.inputs)
    output = batch.forward(given.weights, given.outer, slopes=True)
    h = given.inner * given.inputs @ given.weights.T + given.shift
    slopes = compile_block((Z,), given.activation.slope)(h)
    values = compile_block((Z,), given.activation.expr)(h)
    np.testing.assert_allclose(output, values @ given.outer, rtol=1e-13, atol=1e-14)
    force = np.arange(1.0, 6.0)[:, None]
    np.testing.assert_allclose(batch.second(force), values.T @ force, rtol=1e-13)
    weights, expected = given.weights.copy(), given.inner * (slopes * force * given.outer[:, 0]).T @ given.inputs
    batch.move(weights, 0.5, force, given.outer)
    np.testing.assert_allclose(weights, given.weights / 2 + expected, rtol=1e-12)


BAD = [
    ({"loss": "cubic"}, "no loss is called 'cubic': take one of squared, logistic, hinge"),
    ({"labels": None}, "without labels"),
    ({"labels": [1.0, 2.0]}, r"labels of shape \(2,\): give \(n, d\) and \(n,\)"),
    ({"labels": "none"}, "cannot be read as an array of numbers"),
    ({"labels": np.full(5, np.nan)}, "NaN or infinite"),
    ({"labels": [0, 1, 0, 1, 1], "loss": "hinge"}, "label 0: for the hinge loss map the two classes to -1 and 1"),
    ({"step": -0.1}, "step must be finite and at least 0"),
    ({"step": [0.1, 0.2]}, r"step has shape \(2,\)"),
    ({"step": (0.1, 0.1, 0.1)}, "a tuple is a pair"),
    ({"step": lambda t: 1 / t if t else np.inf}, "at step 0"),
    ({"decay": "much"}, "decay cannot be read"),
    ({"steps": 10.5}, "whole number"),
    ({"steps": -1}, "steps = -1"),
    ({"record": 0}, "at least one step"),
    ({"record": [0, 11]}, "between 0 and steps = 10"),
    ({"record": 2.5}, "whole numbers"),
    ({"quantities": {"odd": lambda state: np.zeros(state.step)}}, "'odd' has shapes"),
    ({"batches": [(np.ones((2, 3)), np.ones(2))]}, "ended at step 1 of 10"),
    ({"batches": lambda t: (np.ones((2, 4)), np.ones(2))}, "has 4 columns where 3 belong"),
    ({"batches": lambda t: (np.ones((0, 3)), np.ones(0))}, "n at least 1"),
    ({"batches": lambda t: (np.ones((2, 3)), np.zeros(2)), "loss": "logistic"}, "batch of step 0 has the label 0"),
]


@pytest.mark.parametrize(("options", "said"), BAD)
def test_bad_arguments_are_named_with_the_mend(options, said):
    arguments = {"labels": classes(5), "step": 0.1, "steps": 10, **options}
    with pytest.raises(BadInput, match=said):
        descend(network(), **arguments)


def test_a_batch_that_would_not_fit_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(_batches, "MEMORY", 100)
    with pytest.raises(BadInput, match="give smaller batches"):
        descend(network(), classes(5), step=0.1, steps=1)
