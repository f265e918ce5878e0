"""Flow of whole instances: both layers, biases, several outputs, two rates, stiff data; errors held against references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.flow import FlowStalled, _suprema, follow, horizon_of, look, saved_times
from theorycheck.flow.smooth import follow_smooth
from theorycheck.model import Instance
from theorycheck.network import output_and_gram
from theorycheck.symbolic.activations import ACTIVATIONS, Z
from theorycheck.symbolic.network import BIAS, BIASED, DIMENSION, INNER, MEAN_FIELD, OUTPUT_WEIGHT, TWO_LAYER, Neuron

#: the reference's own error, relative
REFERENCE = 1e-11
TRAINED_BIAS = Neuron("trained_bias", OUTPUT_WEIGHT, INNER - BIAS, (INNER, OUTPUT_WEIGHT, BIAS))
NEURONS = {"mean_field": MEAN_FIELD, "two_layer": TWO_LAYER, "biased": BIASED, "trained_bias": TRAINED_BIAS}


def make(
    seed: int, neuron: str = "two_layer", n: int = 4, d: int = 3, m: int = 12, c: int = 1, activation: str = "tanh"
) -> Instance:
    rng = np.random.default_rng(seed)
    many = () if c == 1 else (c,)
    return Instance(
        inputs=rng.standard_normal((n, d)) / np.sqrt(d),
        labels=rng.standard_normal((n, *many)),
        weights=rng.standard_normal((m, d)),
        signs=rng.choice([-1.0, 1.0], (m, *many)) / np.sqrt(m) * (np.sqrt(m) * m if neuron == "mean_field" else 1),
        scales=np.full(m, 1 / m),
        neuron=NEURONS[neuron],
        activation=ACTIVATIONS[activation],
        biases=rng.standard_normal(m),
        rates=(0.7, 1.6),
    )


def plain(instance: Instance, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals, weights and outer weights by DOP853 on the weights, written from the neuron without a normal form."""
    trained, neuron, act = instance.neuron.trained, instance.neuron, instance.activation
    value, slope = (compile_block((Z,), expr) for expr in (act.expr, act.slope))
    x, y, kappa = instance.inputs, instance.labels.reshape(instance.n, -1), instance.output_scale
    shape_w, shape_a = instance.weights.shape, (instance.m, y.shape[1])
    front = {"mean_field": 1 / instance.m, "two_layer": kappa}.get(neuron.name, 1.0)
    inner = 1 / np.sqrt(instance.d) if neuron.name == "mean_field" else 1.0
    sign = 0.0 if neuron.name in ("mean_field", "two_layer") else -1.0
    sizes = np.cumsum([instance.m * instance.d, instance.m * y.shape[1]])

    def parts(flat):
        w, a, b = np.split(flat, sizes)
        w, a = w.reshape(shape_w), a.reshape(shape_a)
        return w, a, b, inner * x @ w.T + sign * b

    def field(_, flat):
        _, a, _, h = parts(flat)
        r = y - front * value(h) @ a
        back = front * slope(h) * (r @ a.T)
        dw = instance.rates[0] * inner * back.T @ x * (INNER in trained)
        da = instance.rates[1] * front * value(h).T @ r * (OUTPUT_WEIGHT in trained)
        db = instance.rates[0] * sign * back.sum(axis=0) * (BIAS in trained)
        return np.concatenate([dw.ravel(), da.ravel(), db])

    first = np.concatenate([instance.weights.ravel(), instance.signs.ravel(), instance.biases])
    out = solve_ivp(field, (0, times[-1]), first, "DOP853", times, rtol=1e-13, atol=1e-14)
    residual = []
    for flat in out.y.T:
        w, a, _, h = parts(flat)
        residual.append((y - front * value(h) @ a).ravel())
    return np.array(residual), w, a


@pytest.mark.parametrize("method", ["collocation", "explicit"])
@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("sizes", [(4, 3), (3, 5)])
def test_every_neuron_against_plain_weights(neuron, sizes, c, method):
    instance = make(1, neuron, *sizes, c=c, activation="gelu" if c == 1 else "tanh")
    times = np.array([0.0, 0.1, 0.7, 2.0, 5.0])
    found = follow(instance, times=times, method=method).trajectory
    residual, weights, outer = plain(instance, times)
    true = np.linalg.norm(found.residual - residual, axis=1)
    assert np.all(true <= found.residual_error + REFERENCE)
    assert np.all(found.residual_error <= 1e-5 * np.linalg.norm(residual[0]))
    assert np.allclose(found.final_weights[:, : instance.d], weights, atol=1e-7)
    if OUTPUT_WEIGHT in instance.neuron.trained:
        assert np.allclose(found.final_outer, outer, atol=1e-7)
        moved = np.max(np.abs(outer - instance.signs.reshape(outer.shape)))
        assert found.outer_moved[-1, 0] <= moved + 1e-6
        assert found.outer_moved[-1, 1] >= moved - 1e-9
    else:
        assert found.final_outer is None
        assert found.outer_moved is None


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("neuron", NEURONS)
def test_the_gram_is_what_the_residual_obeys(neuron, c):
    """The tangent Gram by finite differences of the output in every trained weight, rates included."""
    instance = make(3, neuron, c=c)
    _, gram = instance.start
    step, columns = 1e-6, []
    fields = [("weights", instance.rates[0]), ("signs", instance.rates[1]), ("biases", instance.rates[0])]
    symbols = (INNER, OUTPUT_WEIGHT, BIAS)
    for (name, rate), symbol in zip(fields, symbols, strict=True):
        if symbol not in instance.neuron.trained:
            continue
        base = np.array(getattr(instance, name))
        for index in np.ndindex(base.shape):
            ends = []
            for sign in (1, -1):
                moved = base.copy()
                moved[index] += sign * step
                ends.append(replace(instance, **{name: moved}).start[0])
            columns.append(np.sqrt(rate) * (ends[1] - ends[0]) / (2 * step))
    jacobian = np.array(columns).T
    assert np.allclose(jacobian @ jacobian.T, gram, atol=1e-7)


def pair(angle: float, seed: int = 0, m: int = 300, activation: str = "tanh") -> Instance:
    """Two samples at an angle among three, mean-field free: the Gram's condition is about 4 / angle^2."""
    rng = np.random.default_rng(seed)
    inputs = np.array([[1.0, 0, 0, 0], [np.cos(angle), np.sin(angle), 0, 0], [0, 0, 1, 0]])
    return Instance(
        inputs, rng.standard_normal(3), rng.standard_normal((m, 4)), rng.choice([-1.0, 1.0], m) / np.sqrt(m),
        np.ones(m), TWO_LAYER, ACTIVATIONS[activation], rates=(1.0, 0.0),
    )  # fmt: skip


@pytest.mark.parametrize("angle", [0.3, 0.03, 0.003])
def test_ill_conditioned_flows_cost_little_more_and_stay_accurate(angle):
    instance = pair(angle)
    values = np.linalg.eigvalsh(instance.start[1])
    assert values[-1] / values[0] > angle**-2
    horizon = horizon_of(instance)
    times = np.array([0.0, 0.5, 1.0]) * horizon
    found = follow(instance, times=times).trajectory
    tight = follow(instance, times=times, tolerance=1e-13).trajectory
    size = np.linalg.norm(tight.residual, axis=1)
    assert size[-1] < 1e-2 * size[0]
    # the tolerance is that of a step, so errors add up
    assert np.all(
        np.linalg.norm(found.residual - tight.residual, axis=1) <= np.minimum(found.residual_error, 1e-8 * size)
    )
    assert np.all(found.residual_error <= 1e-7 * size)
    assert found.drift < 1e-9
    assert found.events < 15_000  # two runs; an explicit method would need millions at the smallest angle


def test_the_explicit_method_gives_up_where_collocation_does_not():
    """Negative control of the claim above."""
    instance = pair(0.003)
    with pytest.raises(FlowStalled, match="budget"):
        follow(instance, times=np.array([0.0, horizon_of(instance)]), method="explicit", budget=6000)


def test_two_methods_agree_on_a_mildly_conditioned_flow():
    instance = pair(0.3)
    one, two = (follow(instance, method=method).trajectory for method in ("collocation", "explicit"))
    apart = np.linalg.norm(one.residual - two.residual, axis=1)
    assert np.all(apart <= one.residual_error + two.residual_error)
    assert apart.max() > 0


def test_the_residual_keeps_relative_accuracy_over_hundreds_of_e_folds():
    """Late in the flow the Gram stands still: the last ratio of residuals is that of a linear equation."""
    instance = pair(1.0)
    times = np.linspace(0, 560 / np.linalg.eigvalsh(instance.start[1])[0], 25)
    found = follow(instance, times=times).trajectory
    size = np.max(np.abs(found.residual), axis=1)
    assert size[-1] < 1e-200 * size[0]
    values, axes = np.linalg.eigh(found.gram[-1])
    for k in (5, 10, 15):
        linear = axes @ (np.exp(-values * (times[k + 1] - times[k])) * (axes.T @ found.residual[k]))
        # exp(-lambda t) with lambda t about 50, so rounding of lambda costs two digits
        assert np.max(np.abs(found.residual[k + 1] - linear)) <= 1e-9 * size[k + 1]
        assert found.residual_error[k] <= 1e-7 * size[k]
    assert found.note == ""


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6), neuron=st.sampled_from(sorted(NEURONS)), c=st.integers(1, 2),
    n=st.integers(1, 5), d=st.integers(1, 5), activation=st.sampled_from(["tanh", "erf", "softplus", "sine"]),
)  # fmt: skip
def test_reported_intervals_hold_between_saved_times(seed, neuron, c, n, d, activation):
    """A dense second run never leaves what the coarse one's rows allow."""
    instance = make(seed, neuron, n, d, 8, c, activation)
    times = np.array([0.0, 0.05, 0.2, 1.0])
    found = follow(instance, times=times).trajectory
    dense = np.unique(np.concatenate([times, np.linspace(0, 1, 61)]))
    seen = follow(instance, times=dense, tolerance=1e-12).trajectory
    least = np.linalg.eigvalsh(seen.gram)[:, 0]
    slack = 1e-9 * (1 + np.trace(seen.gram[0]))
    for k in range(1, len(times)):
        inside = (dense >= times[k - 1]) & (dense <= times[k])
        assert found.least[k, 0] <= least[inside].min() + slack
        assert found.least[k, 1] >= least[inside].min() - slack
        assert found.displacement[k, 1] >= seen.displacement[dense <= times[k], 0].max() - slack
        assert found.displacement[k, 0] <= seen.displacement[dense <= times[k], 1].max() + slack
        if found.outer_moved is not None:
            assert found.outer_moved[k, 1] >= seen.outer_moved[dense <= times[k], 0].max() - slack


@pytest.mark.parametrize("part", range(5))
def test_the_bound_is_never_below_the_true_error(part):
    """150 small flows (500 at night), wide and narrow, gentle and huge labels.

    The reference is the same method at 1e-12, which other tests hold against plain weights and against Taylor series.
    """
    seen, count = 0, 100 if settings.default.max_examples >= 1000 else 30
    for seed in range(100 * part, 100 * part + count):
        rng = np.random.default_rng(seed)
        n, d, m = (int(v) for v in rng.integers([1, 1, 2], [5, 5, 30]))
        activation = ("tanh", "softplus", "sine", "erf", "gelu")[seed % 5]
        instance = replace(make(seed, "mean_field", n, d, m, activation=activation), rates=(m * 1.0, 0.0))
        instance = instance.with_labels(instance.labels * 10 ** rng.uniform(-2, 0.7))
        times = np.array([0.0, 0.03, 0.2, 0.8]) * rng.uniform(0.3, 2)
        found = follow(instance, times=times).trajectory
        tight = follow_smooth(
            instance.network, instance.labels[:, None], times, _suprema(instance.activation), tolerance=1e-12,
            second_run=False,
        )  # fmt: skip
        true = np.linalg.norm(found.residual - tight.residual, axis=1)
        rounding = 1e-13 * np.linalg.norm(tight.residual[0])
        assert np.all(true <= found.bound[:, 0] + rounding), seed
        assert np.all(true <= found.residual_error + rounding), seed
        moved = np.linalg.norm(found.final_weights - tight.final_weights) / np.sqrt(m)
        assert moved <= found.bound[-1, 1] + 1e-13 * np.linalg.norm(tight.final_weights), seed
        seen += bool(np.isfinite(found.bound[-1, 0]) and found.bound[-1, 0] < 1e-5 * np.linalg.norm(found.residual[0]))
    assert seen > 0.85 * count  # and it says something


def test_the_drift_is_that_of_the_final_weights():
    instance = make(5, "biased", c=2)
    found = follow(instance, horizon=3.0).trajectory
    final = replace(instance.network, weights=found.final_weights, outer=found.final_outer)
    output, gram = output_and_gram(final)
    assert np.isclose(found.drift, np.max(np.abs(found.residual[-1] - (instance.labels - output).ravel())), atol=1e-14)
    assert np.allclose(gram, found.gram[-1], atol=1e-12)


def test_a_frozen_network_does_not_move():
    instance = replace(make(2, "two_layer"), rates=(0.0, 0.0))
    found = follow(instance, times=np.array([0.0, 1.0, 2.0])).trajectory
    assert np.array_equal(found.residual[0], found.residual[-1])
    assert not found.displacement.any()


def test_a_frozen_first_layer_stands_still_however_steep_the_activation():
    found = follow(replace(make(4, activation="square"), rates=(0.0, 1.0)), horizon=0.02).trajectory
    assert not np.isnan(found.displacement).any()
    assert found.displacement[-1, 1] == 0


def test_a_bias_in_the_scale_of_the_inputs():
    odd = Neuron("scaled", OUTPUT_WEIGHT, (INNER + BIAS) / sp.sqrt(DIMENSION), (INNER, BIAS))
    plain_bias = Neuron("plain", OUTPUT_WEIGHT, INNER + BIAS, (INNER, BIAS))
    base = make(2, d=4)
    one, two = replace(base, neuron=odd), replace(base, neuron=plain_bias)
    assert one.network.inputs.shape == (4, 5)
    halved = replace(two, weights=two.weights / 2, biases=two.biases / 2)
    assert np.allclose(one.start[0], halved.start[0])  # sqrt(d) = 2
    assert np.allclose(4 * one.start[1], halved.start[1])


def test_only_the_outer_weights_trained_is_a_linear_equation():
    instance = replace(make(4, "two_layer"), rates=(0.0, 2.0))
    found = follow(instance, times=np.array([0.0, 0.5, 3.0])).trajectory
    start, gram = instance.start
    values, axes = np.linalg.eigh(gram)
    for time, residual in zip(found.times, found.residual, strict=True):
        assert np.allclose(residual, axes @ (np.exp(-values * time) * (axes.T @ start)), atol=1e-9)
    assert np.all(found.gram_change[:, 0] <= 1e-12)


def test_other_times_and_minima_over_spans():
    run = follow(make(8, "mean_field"), horizon=2.0)
    dense = look(run, np.linspace(0, 2, 301))
    values = np.linalg.eigvalsh(dense.gram)[:, 0]
    lower, upper = run.trajectory.least_over(0.5, 1.5)
    inside = (dense.times >= 0.5) & (dense.times <= 1.5)
    assert lower <= values[inside].min() + 1e-12
    assert upper >= values[inside].min() - 1e-9
    assert run.trajectory.least_over(0.0, 2.0)[0] <= lower
    with pytest.raises(ValueError, match="two saved times"):
        run.trajectory.least_over(0.5, 0.5001)


def test_a_bare_integration_concludes_nothing():
    bare, full = (follow(make(1, "mean_field"), times=np.array([0.0, 1.0]), errors=e).trajectory for e in (False, True))
    assert np.array_equal(bare.residual, full.residual)
    assert np.all(np.isinf(bare.residual_error))
    assert np.all(bare.least[1:, 0] <= 0)
    assert np.all(np.isinf(bare.displacement[1:, 1]))
    assert not np.any(np.isnan(bare.displacement))
    assert not np.any(np.isnan(bare.gram_change))


def test_bad_requests_are_refused():
    with pytest.raises(BadInput, match="no method"):
        follow(make(1), method="euler")
    for times in ([], [0.5, 1.0], [-1.0, 0.0], [0.0, 1.0, 0.5], [0.0, np.nan]):
        with pytest.raises(BadInput, match="starts at 0 and increases"):
            follow(make(1), times=np.array(times))
    for outer, argument in ((OUTPUT_WEIGHT**2, INNER), (OUTPUT_WEIGHT * (1 + BIAS), INNER), (OUTPUT_WEIGHT, INNER + 1)):
        with pytest.raises(BadInput, match="no normal form"):
            _ = replace(make(1), neuron=Neuron("odd", outer, argument, (INNER, OUTPUT_WEIGHT))).network
    with pytest.raises(BadInput, match="rates"):
        replace(make(1), rates=(-1.0, 1.0))
    with pytest.raises(FlowStalled, match="horizon"):
        saved_times(0.0)
    with pytest.raises(FlowStalled, match="kinks"):
        follow(replace(make(1), activation=ACTIVATIONS["abs"]))


@pytest.mark.parametrize("neuron", ["mean_field", "two_layer", "trained_bias"])
def test_relu_flows_of_every_kind_are_followed(neuron):
    """Against small explicit steps; rates, biases and both layers included."""
    instance = make(21, neuron, activation="relu")
    times = np.array([0.0, 0.2, 0.5])
    found = follow(instance, times=times).trajectory
    net, labels, steps = instance.network, instance.labels[:, None], 20_000
    weights, outer = net.weights.copy(), net.outer.copy()
    for _ in range(steps):
        h = net.inner * net.inputs @ weights.T + net.shift
        residual = labels - np.maximum(h, 0) @ outer
        back = (h > 0) * (residual @ outer.T)
        turn = net.second * net.gain[:, None] ** 2 * (np.maximum(h, 0).T @ residual)
        weights += times[-1] / steps * net.first * net.inner * back.T @ net.inputs
        outer += times[-1] / steps * turn
    # first order, and gates that slide chatter at the size of a step
    assert np.allclose(found.residual[-1], residual[:, 0], atol=3e-3)
    assert np.allclose(found.final_weights, weights, atol=3e-3)
    assert found.drift < 1e-10
    assert np.allclose(found.gram[0], instance.start[1], atol=1e-12)
