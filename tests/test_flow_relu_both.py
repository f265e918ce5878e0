"""The flow with both layers trained against closed forms, independent integrators, the older flow, and its invariants."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from theorycheck.data_files import BadInput
from theorycheck.flow import _both_state, relu_both
from theorycheck.flow._both_roots import first_root, value
from theorycheck.flow.relu import follow_relu
from theorycheck.flow.relu_both import follow_relu_both
from theorycheck.flow.trajectory import FlowStalled, Trajectory
from theorycheck.network import Network, output_and_gram
from theorycheck.symbolic.activations import ACTIVATIONS, Activation, Z

TIMES = np.linspace(0, 8, 6)


@cache
def leaky(leak: float) -> Activation:
    return Activation(f"leaky {leak}", sp.Max(Z, sp.nsimplify(leak) * Z)) if leak else ACTIVATIONS["relu"]


def network(inputs, weights, outer, leak=0.0, *, inner=1.0, shift=None, gain=None, first=1.0, second=1.0) -> Network:
    inputs, weights, outer = (np.asarray(v, dtype=float) for v in (inputs, weights, outer))
    m = len(weights)
    shift, gain = np.zeros(m) if shift is None else np.asarray(shift), np.ones(m) if gain is None else np.asarray(gain)
    return Network(leaky(leak), inputs, weights, shift, outer.reshape(m, 1), inner, gain, first, second)


def small(seed: int, leak: float = 0.0, m: int = 6, **rest) -> tuple[Network, np.ndarray]:
    """A random small problem whose gates cross and slide, and whose outer weights change sign."""
    rng = np.random.default_rng(100 + seed)
    n, d = 3, 2
    inputs, labels = rng.standard_normal((n, d)), 2 * rng.standard_normal(n)
    weights, outer = 0.5 * rng.standard_normal((m, d)), 0.4 * rng.standard_normal(m)
    shift = 0.3 * rng.standard_normal(m) if seed % 2 else np.zeros(m)
    given = {"inner": 0.8, "shift": shift, "gain": rng.uniform(0.5, 1.5, m), "first": 1.3, "second": 0.7} | rest
    return network(inputs, weights, outer, leak, **given), labels


# A sliding neuron whose outer weight changes sign on the way: its gate is pulled to the kink, then pushed away.
TURNING = network([[1.0, 0.0], [-0.8, 0.6]], [[0.0, 2.0]], [0.6]), np.array([-2.0, -1.0])


def field(net: Network, labels: np.ndarray, leak: float, width: float):
    """The equations of motion with the gate's slope a ramp of the given half-width (0: a jump), on flat weights."""
    m, d = net.weights.shape

    def rate(_: float, flat: np.ndarray) -> np.ndarray:
        weights, outer = flat[: m * d].reshape(m, d), flat[m * d :]
        h = net.inner * weights @ net.inputs.T + net.shift[:, None]
        slope = np.where(h > 0, 1.0, leak)
        active = slope * h
        if width:
            slope = leak + (1 - leak) * np.clip((h + width) / (2 * width), 0, 1)
            inside = leak * h + (1 - leak) * (h + width) ** 2 / (4 * width)
            active = np.where(np.abs(h) < width, inside, active)
        r = labels - outer @ active
        moving = net.first * net.inner * outer[:, None] * ((slope * r) @ net.inputs)
        return np.concatenate([moving.ravel(), net.second * net.gain**2 * (active @ r)])

    return rate


def residual_of(net: Network, labels: np.ndarray, leak: float, flat: np.ndarray) -> np.ndarray:
    m, d = net.weights.shape
    h = net.inner * flat[: m * d].reshape(m, d) @ net.inputs.T + net.shift[:, None]
    return labels - flat[m * d :] @ np.where(h > 0, h, leak * h)


def smoothed(net: Network, labels: np.ndarray, leak: float, times: np.ndarray, width: float) -> np.ndarray:
    """The slow, obvious twin: a stiff solver on smoothed gates, converging like the width."""
    start = np.concatenate([net.weights.ravel(), net.outer[:, 0]])
    out = solve_ivp(field(net, labels, leak, width), (0, times[-1]), start, "LSODA", times, rtol=1e-9, atol=1e-12)
    assert out.success
    return np.array([residual_of(net, labels, leak, flat) for flat in out.y.T])


def restarted(net: Network, labels: np.ndarray, leak: float, times: np.ndarray) -> np.ndarray:
    """Another method, for flows whose gates only cross: DOP853 at 1e-13, restarted with new gates at every crossing."""
    m, d = net.weights.shape
    state, now, out = np.concatenate([net.weights.ravel(), net.outer[:, 0]]), 0.0, []

    def height(flat: np.ndarray) -> np.ndarray:
        return net.inner * flat[: m * d].reshape(m, d) @ net.inputs.T + net.shift[:, None]

    modes = height(state) > 0
    while len(out) < len(times):
        slope = np.where(modes, 1.0, leak)

        def rate(_: float, flat: np.ndarray, slope: np.ndarray = slope) -> np.ndarray:
            active = slope * height(flat)
            r = labels - flat[m * d :] @ active
            moving = net.first * net.inner * flat[m * d :, None] * ((slope * r) @ net.inputs)
            return np.concatenate([moving.ravel(), net.second * net.gain**2 * (active @ r)])

        def kink(_: float, flat: np.ndarray, modes: np.ndarray = modes) -> float:
            return float(np.where(modes, height(flat), -height(flat)).min()) + 1e-13

        kink.terminal, kink.direction = True, -1
        ahead = times[len(out) :]
        found = solve_ivp(
            rate, (now, times[-1]), state, "DOP853", ahead, events=kink, rtol=1e-13, atol=1e-15, max_step=0.05
        )
        out += [labels - flat[m * d :] @ (slope * height(flat)) for flat in np.transpose(found.y)]
        if found.status == 1:
            state, now = found.y_events[0][0], found.t_events[0][0]
            gate = np.unravel_index(np.argmin(np.where(modes, height(state), -height(state))), modes.shape)
            modes = modes.copy()
            modes[gate] = not modes[gate]
        else:
            break
    return np.array(out)


def conserved(net: Network, weights: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """``second gain^2 |w|^2 - first outer^2``: constant per neuron without a shift."""
    return net.second * net.gain**2 * np.sum(weights**2, axis=1) - net.first * outer[:, 0] ** 2


def check_invariants(net: Network, labels: np.ndarray, run: Trajectory, tolerance: float = 1e-10) -> None:
    size = 1 + np.max(np.abs(labels))
    assert run.drift <= tolerance * size
    norms = np.linalg.norm(run.residual, axis=1)
    assert np.all(np.diff(norms) <= 1e-11 * norms[0])
    outer = net.outer if run.final_outer is None else run.final_outer
    if not net.shift.any():
        before, after = conserved(net, net.weights, net.outer), conserved(net, run.final_weights, outer)
        scale = net.second * net.gain**2 * np.sum(run.final_weights**2, axis=1) + net.first * outer[:, 0] ** 2
        assert np.all(np.abs(after - before) <= tolerance * (1 + np.abs(before) + scale))
    for ends in (run.least, run.gram_change, run.displacement, run.outer_moved):
        if ends is not None:
            assert np.all(np.isfinite(ends))
            assert np.all(ends[:, 0] <= ends[:, 1])
    assert np.all(np.isfinite(run.residual_error))


@pytest.mark.parametrize("seed", [6, 8, 13, 21, 25])
@pytest.mark.parametrize("leak", [0.0, 0.2])
def test_against_the_smoothed_gate(seed, leak):
    net, labels = small(seed, leak)
    run = follow_relu_both(net, labels, TIMES, leak=leak)
    assert run.events
    coarse, fine = (np.abs(smoothed(net, labels, leak, TIMES, w) - run.residual).max() for w in (1e-4, 2e-5))
    assert fine < 5e-4
    assert fine < 0.4 * coarse + 1e-7  # it converges to this flow, at its own rate
    check_invariants(net, labels, run)


def test_the_comparison_slides_crosses_and_turns():
    runs = [(small(seed), follow_relu_both(*small(seed), TIMES)) for seed in (6, 8, 13, 21, 25)]
    assert sum(run.slides for _, run in runs) >= 5
    assert sum(run.events - run.slides for _, run in runs) >= 5
    assert sum(np.sum(run.final_outer * net.outer < 0) for (net, _), run in runs) >= 5


@pytest.mark.parametrize(("seed", "leak"), [(4, 0.0), (5, 0.0), (17, 0.0), (11, 0.3), (16, 0.3), (12, 0.5)])
def test_against_a_restarted_integrator_where_gates_cross(seed, leak):
    net, labels = small(seed, leak)
    run = follow_relu_both(net, labels, TIMES, leak=leak)
    assert run.slides == 0
    other = restarted(net, labels, leak, TIMES)
    assert np.abs(run.residual - other).max() < 3e-11
    assert np.all(np.linalg.norm(run.residual - other, axis=1) <= 10 * run.residual_error + 1e-11)


@pytest.mark.parametrize("seed", range(8))
def test_first_layer_alone_is_the_older_flow(seed):
    leak = 0.2 * (seed % 2)
    net, labels = small(seed, leak, shift=np.zeros(6), first=1.0, second=0.0)
    new = follow_relu_both(net, labels, TIMES, leak=leak)
    old = follow_relu(net.inputs, labels, net.weights, net.outer[:, 0], inner=net.inner, times=TIMES, leak=leak)
    assert (new.events, new.slides) == (old.events, old.slides)
    for name in ("residual", "gram", "final_weights"):
        assert np.allclose(getattr(new, name), getattr(old, name), rtol=1e-10, atol=1e-10), name
    assert np.allclose(new.displacement[:, 0], old.displacement[:, 0], rtol=1e-9)
    assert np.all(new.displacement[:, 1] >= old.displacement[:, 0] - 1e-10)
    assert np.allclose(new.least[:, 1], old.least[:, 1], atol=1e-9)
    assert new.final_outer is None
    assert new.outer_moved is None


def test_an_integrator_that_ignores_sliding_is_seen_to_fail():
    """The negative control: plain DOP853 on the jumping field crawls through a sliding stretch, or leaves it."""
    net = network([[1.0, 0.0], [0.8, 0.6]], [[0.1, 0.5]], [1.0], inner=2**-0.5, second=0.1)
    labels, times = np.array([2.0, -1.0]), np.linspace(0, 4, 5)
    run = follow_relu_both(net, labels, times)
    assert run.slides == 1
    rate, calls = field(net, labels, 0.0, 0.0), 0

    def counted(time: float, flat: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > 4000:
            raise TimeoutError
        return rate(time, flat)

    try:
        out = solve_ivp(counted, (0, 4), [0.1, 0.5, 1.0], "DOP853", times, rtol=1e-12, atol=1e-12)
    except TimeoutError:
        return
    naive = np.array([residual_of(net, labels, 0.0, flat) for flat in out.y.T])
    assert not out.success or np.abs(naive - run.residual).max() > 1e-6


def test_a_wrong_sliding_rule_is_caught(monkeypatch):
    net, labels = TURNING

    def crossing(cross, modes, touching, residual, *, leak, side):
        """Every arrival crosses."""
        return np.where(touching, 1 - np.minimum(modes, 1), modes).astype(np.int8)

    reference = smoothed(net, labels, 0.0, TIMES, 1e-5)
    assert np.abs(follow_relu_both(net, labels, TIMES).residual - reference).max() < 1e-3
    monkeypatch.setattr(_both_state, "settle", crossing)
    try:
        wrong = follow_relu_both(net, labels, TIMES, budget=300)
    except FlowStalled:
        return
    assert wrong.note or np.abs(wrong.residual - reference).max() > 1e-2


def test_a_sliding_neurons_outer_weight_changes_sign():
    net, labels = TURNING
    run = follow_relu_both(net, labels, TIMES)
    assert (run.events, run.slides) == (1, 1)  # it slides from the start; the one event is the sign
    assert net.outer[0, 0] > 0 > run.final_outer[0, 0]
    early = follow_relu_both(net, labels, [0.0, 0.1, 0.2])
    assert np.all(early.residual[:, 0] == -2.0)  # the held sample feels nothing
    assert early.events == 0
    check_invariants(net, labels, run, 1e-11)


def test_one_neuron_second_layer_alone_is_linear():
    """Frozen features: ``r(t) = exp(-G t) r(0)`` with ``G = second A diag(gain^2) A'``."""
    rng = np.random.default_rng(1)
    net = network(rng.standard_normal((4, 3)), rng.standard_normal((7, 3)), rng.standard_normal(7), 0.1,
                  shift=rng.standard_normal(7), gain=rng.uniform(0.2, 2, 7), first=0.0, second=0.6)  # fmt: skip
    labels, times = rng.standard_normal(4), np.array([0.0, 0.1, 1.0, 30.0])
    run = follow_relu_both(net, labels, times, leak=0.1)
    output, gram = output_and_gram(net)
    values, basis = np.linalg.eigh(gram)
    start = basis.T @ (labels - output[:, 0])
    assert np.allclose(run.residual, (np.exp(-np.outer(times, values)) * start) @ basis.T, rtol=1e-11, atol=1e-13)
    assert run.events == 0
    assert np.array_equal(run.final_weights, net.weights)
    assert np.allclose(run.gram, gram, rtol=1e-12)
    assert np.allclose(run.least, values[0], rtol=1e-9)
    moved = np.abs(run.final_outer - net.outer)[:, 0] / net.gain
    assert run.outer_moved[-1, 0] == pytest.approx(moved.max(), rel=1e-9)
    assert np.array_equal(run.displacement, np.zeros((4, 2)))
    assert run.drift < 1e-12


def test_one_neuron_one_sample_against_the_closed_form():
    """``w = u, outer = u`` with equal rates stays on the diagonal: ``f = u^2``, ``f' = 2 f (y - f)``, a logistic."""
    times = np.linspace(0, 3, 7)
    run = follow_relu_both(network([[1.0]], [[0.1]], [0.1]), [4.0], times)
    output = 4.0 / (1 + (4.0 / 0.01 - 1) * np.exp(-8.0 * times))
    late = np.exp(-8.0 * times) * (4.0 / 0.01 - 1) * output  # y - f without cancellation
    assert np.allclose(run.residual[:, 0], late, rtol=1e-10, atol=0)
    assert run.final_weights[0, 0] == pytest.approx(run.final_outer[0, 0], rel=1e-12)


def test_the_residual_keeps_its_relative_accuracy_far_below_rounding():
    times = np.linspace(0, 40, 9)
    run = follow_relu_both(network([[1.0]], [[0.1]], [0.1]), [4.0], times)
    exact = 4.0 * (399.0 * np.exp(-8.0 * times)) / (1 + 399.0 * np.exp(-8.0 * times))
    assert exact[-1] < 1e-130
    assert np.allclose(run.residual[:, 0], exact, rtol=1e-9, atol=0)
    assert np.all(np.abs(run.residual[:, 0] - exact) <= run.residual_error)
    assert np.all(run.residual_error[1:] <= 1e-7 * run.residual[1:, 0])
    net, labels = small(2, m=12)
    slowest = follow_relu_both(net, labels, [0.0, 9.0, 10.0]).least[-1, 1]
    deep = follow_relu_both(net, labels, [0.0, *(np.array([80.0, 120.0, 200.0]) / slowest)])
    norms = np.linalg.norm(deep.residual, axis=1)
    assert 0 < norms[-1] < 1e-60
    rates = -np.diff(np.log(norms[1:])) / [40.0, 80.0]
    assert np.allclose(rates * slowest, slowest, rtol=1e-6)  # the slowest rate and nothing else


@pytest.mark.parametrize("leak", [0.0, 0.25])
def test_starts_at_kinks_duplicates_and_zeros(leak):
    """Gates at exactly 0, duplicate and antiparallel samples (simultaneous events), a zero sample, zero weights."""
    inputs = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    weights = np.array([[0.0, 1.0], [0.0, 0.0], [0.5, 0.0], [-0.3, -0.2], [0.0, 0.0]])
    net = network(inputs, weights, [1.0, -0.5, 0.7, -1.2, 0.0], leak, inner=0.7)
    labels = np.array([1.0, -0.4, 0.8, -1.5, 0.6])
    run = follow_relu_both(net, labels, np.linspace(0, 10, 6), leak=leak)
    check_invariants(net, labels, run)
    assert np.all(run.residual[:, 4] == 0.6)  # a zero input is never fitted
    assert np.array_equal(run.final_weights[4], [0, 0])  # w = outer = 0 is an equilibrium
    assert run.final_outer[4, 0] == 0
    width = np.abs(smoothed(net, labels, leak, run.times, 1e-5) - run.residual).max()
    assert width < 1e-2 or leak == 0.0  # where a gate may leave its kink or stay, the two may choose differently


def test_permutations_and_signs_are_symmetries():
    net, labels = small(6)
    run = follow_relu_both(net, labels, TIMES)
    order, samples = np.random.default_rng(0).permutation(6), [2, 0, 1]
    shuffled = replace(
        net, inputs=net.inputs[samples], weights=net.weights[order], outer=net.outer[order], gain=net.gain[order]
    )
    other = follow_relu_both(shuffled, labels[samples], TIMES)
    assert np.allclose(other.residual, run.residual[:, samples], rtol=0, atol=1e-10)
    assert np.allclose(other.final_weights, run.final_weights[order], rtol=0, atol=1e-10)
    negative = follow_relu_both(replace(net, outer=-net.outer), -labels, TIMES)
    assert np.allclose(negative.residual, -run.residual, rtol=0, atol=1e-12)


def test_dead_neurons_are_a_plateau():
    net = network([[1.0, 0.0], [0.0, 1.0]], [[-1.0, -1.0], [-0.5, -2.0]], [1.0, -1.0])
    run = follow_relu_both(net, [1.0, -1.0], [0.0, 1.0, 1e6])
    assert np.array_equal(run.residual, [[1.0, -1.0]] * 3)
    assert np.array_equal(run.final_weights, net.weights)
    assert np.array_equal(run.least, np.zeros((3, 2)))
    assert run.events == 0


def test_a_bias_is_a_column_of_the_inputs_and_a_shift_is_its_frozen_twin():
    net, labels = small(4)
    biased = replace(
        net, inputs=np.column_stack([net.inputs, np.ones(3)]), weights=np.column_stack([net.weights, np.full(6, 0.2)])
    )
    run = follow_relu_both(biased, labels, TIMES)
    assert np.abs(run.final_weights[:, 2] - 0.2).max() > 0.01
    assert np.abs(smoothed(biased, labels, 0.0, TIMES, 1e-5) - run.residual).max() < 1e-3
    frozen = replace(net, shift=np.full(6, 0.8 * 0.2))
    start, twin = follow_relu_both(frozen, labels, [0.0]), follow_relu_both(biased, labels, [0.0])
    assert np.allclose(start.residual, twin.residual, rtol=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_reported_ends_bracket_a_dense_sampling(seed):
    leak = 0.1 * (seed % 2)
    first, second = [(1.0, 1.0), (1.0, 0.0), (2.0, 0.5)][seed % 3]
    net, labels = small(seed, leak, first=first, second=second)
    coarse = follow_relu_both(net, labels, np.linspace(0, 5, 6), leak=leak)
    dense = follow_relu_both(net, labels, np.linspace(0, 5, 501), leak=leak)
    assert np.allclose(dense.residual[::100], coarse.residual, rtol=0, atol=1e-12)
    least = np.linalg.eigvalsh(dense.gram)[:, 0]
    change = np.abs(np.linalg.eigvalsh(dense.gram - dense.gram[0])).max(axis=1)
    for i in range(1, 6):
        within, before = slice(100 * (i - 1) + 1, 100 * i + 1), slice(0, 100 * i + 1)
        assert coarse.least[i, 0] <= least[within].min() + 1e-12
        assert coarse.least[i, 1] >= dense.least[within, 0].min() - 1e-12
        assert coarse.gram_change[i, 0] <= dense.gram_change[100 * i, 1] + 1e-12
        assert coarse.gram_change[i, 1] >= change[before].max() - 1e-12
        for name in ("displacement", "outer_moved"):
            rough, fine = getattr(coarse, name), getattr(dense, name)
            if rough is not None:
                assert rough[i, 0] <= fine[100 * i, 1] + 1e-12
                assert rough[i, 1] >= fine[100 * i, 0] - 1e-12


@pytest.mark.parametrize("seed", [6, 9])
def test_the_loss_falls_at_the_rate_of_the_gram(seed):
    net, labels = small(seed)
    step = 1e-5
    for time in (0.3, 1.1, 2.7):
        run = follow_relu_both(net, labels, [0.0, time - step, time, time + step])
        rate = (run.log_loss[3] - run.log_loss[1]) / (2 * step)
        r = run.residual[2]
        assert rate == pytest.approx(-2 * r @ run.gram[2] @ r / (r @ r), rel=1e-5, abs=1e-8)


def test_the_final_gram_is_that_of_the_final_network():
    net, labels = small(4)
    run = follow_relu_both(net, labels, TIMES)
    final = replace(net, weights=run.final_weights, outer=run.final_outer)
    output, gram = output_and_gram(final)
    assert np.allclose(run.gram[-1], gram, rtol=1e-10, atol=1e-12)
    assert np.allclose(run.residual[-1], labels - output[:, 0], rtol=0, atol=1e-11)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 4), m=st.integers(1, 6), d=st.integers(1, 3), seed=st.integers(0, 10**6),
    leak=st.sampled_from([0.0, 0.05, 0.5]), grid=st.booleans(), scale=st.sampled_from([1e-3, 0.3, 5.0]),
    rates=st.sampled_from([(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.1, 3.0)]), shifted=st.booleans(),
)  # fmt: skip
def test_structured_problems_keep_their_invariants(n, m, d, seed, leak, grid, scale, rates, shifted):
    """Rounded data make duplicates, antiparallel pairs, zeros and gates that start at their kinks."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for shape in ((n, d), (m, d), (m,))]
    inputs, weights, outer = (np.round(v) if grid else v for v in arrays)
    shift = np.round(rng.standard_normal(m)) if shifted else np.zeros(m)
    net = network(inputs, weights, outer, leak, inner=d**-0.5, shift=shift, first=rates[0], second=rates[1])
    labels = scale * rng.standard_normal(n)
    times = [0.0, 0.01, 0.3, 2.0]
    run = follow_relu_both(net, labels, times, leak=leak, budget=3000)
    assert not run.note
    check_invariants(net, labels, run, 1e-9)
    # time is measured by the rates: twice as fast is half as long
    fast = replace(net, first=2 * net.first, second=2 * net.second)
    quick = follow_relu_both(fast, labels, np.array(times) / 2, leak=leak, budget=3000)
    assert np.allclose(quick.residual, run.residual, rtol=0, atol=1e-8 * (1 + np.abs(run.residual[0]).max()))


@pytest.mark.parametrize("seed", [6, 16])
def test_positive_homogeneity(seed):
    """``w -> c w, outer -> outer / c`` with rates ``c^2 first, second / c^2`` is the same network for ever."""
    net, labels = small(seed)
    run, c = follow_relu_both(net, labels, TIMES), 3.0
    scaled = replace(
        net, weights=c * net.weights, outer=net.outer / c, first=c**2 * net.first, second=net.second / c**2
    )
    other = follow_relu_both(scaled, labels, TIMES)
    assert (other.events, other.slides) == (run.events, run.slides)
    assert np.allclose(other.residual, run.residual, rtol=0, atol=1e-10)
    assert np.allclose(other.final_weights, c * run.final_weights, rtol=0, atol=1e-9)
    assert np.allclose(other.gram, run.gram, rtol=1e-8, atol=1e-8)


def test_what_cannot_be_followed_says_why():
    net, labels = small(6)
    with pytest.raises(BadInput, match="one output"):
        follow_relu_both(replace(net, outer=np.ones((6, 2))), labels, TIMES)
    with pytest.raises(BadInput, match="slope leak"):
        follow_relu_both(net, labels, TIMES, leak=0.3)
    with pytest.raises(BadInput, match="increases"):
        follow_relu_both(net, labels, [0.0, 2.0, 1.0])
    with pytest.raises(BadInput, match="do not fit"):
        follow_relu_both(net, labels[:2], TIMES)
    with pytest.raises(FlowStalled, match="not finite"):
        follow_relu_both(net, [np.inf, 0, 0], TIMES)
    with pytest.raises(FlowStalled, match="overflow"):
        follow_relu_both(network([[1e200]], [[1.0]], [1.0]), [1e200], TIMES)
    with pytest.raises(FlowStalled, match="budget"):
        follow_relu_both(net, labels, [0.0, 8.0], budget=3)
    whole = follow_relu_both(net, labels, np.linspace(0, 8, 200))
    cut = follow_relu_both(net, labels, np.linspace(0, 8, 200), budget=12)
    assert "12 steps" in cut.note
    assert 2 <= len(cut.times) < 200
    assert np.allclose(cut.residual, whole.residual[: len(cut.times)], rtol=0, atol=1e-13)
    assert cut.drift < 1e-11


def test_saved_times_that_round_to_one_keep_their_rows():
    close = 1.0 + np.arange(3) * 2.3e-16
    run = follow_relu_both(*small(6), [0.0, *np.unique(close), 2.0])
    assert len(run.times) == len(run.residual) == len(run.gram) == len(run.least)
    assert np.allclose(run.residual[1], run.residual[2], rtol=1e-13)
    assert np.linalg.norm(run.residual[-1] - run.residual[-2]) > 1e-3


def test_progress_increases_to_one():
    seen: list[float] = []
    follow_relu_both(*small(6), TIMES, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[0] > 0
    assert seen[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(20))
def test_the_first_root_is_never_jumped(seed):
    """Against all roots by NumPy, pairs close together included; the point returned is at or just past the first."""
    rng = np.random.default_rng(seed)
    for _ in range(50):
        roots = rng.uniform(-0.5, 1.5, 5)
        if rng.random() < 0.5:
            roots[1] = roots[0] + 10.0 ** rng.uniform(-7, -2)
        power = np.polynomial.polynomial.polyfromroots(roots) * rng.choice([-1.0, 1.0])
        if power[0] <= 0:
            power = -power
        inside = np.sort(roots[(roots > 0) & (roots <= 1)])
        found = first_root(power)
        if len(inside) > 1 and abs(value(power, inside[:2].mean())) < 1e-14:
            continue  # a pair that rounding cannot tell from a touch
        if len(inside):
            assert found == pytest.approx(inside[0], abs=1e-7)
        else:
            assert found == np.inf
            assert all(value(power, t) > 0 for t in np.linspace(0, 1, 20))
    assert first_root(np.array([-1.0, 0.0, 1.0])) == 0.0
    assert first_root(np.zeros(3)) == np.inf


def test_the_closed_end_changes_nothing(monkeypatch):
    """With and without the closed form for the end of the flow, the residuals are the same to many digits."""
    net, labels = small(2, m=12)
    times = np.linspace(0, 40, 6)
    quick = follow_relu_both(net, labels, times)
    monkeypatch.setattr(relu_both, "calm_down", lambda *_: None)
    slow = follow_relu_both(net, labels, times)
    assert np.allclose(quick.residual, slow.residual, rtol=1e-8, atol=0)
    assert np.allclose(quick.final_weights, slow.final_weights, rtol=0, atol=1e-11)
