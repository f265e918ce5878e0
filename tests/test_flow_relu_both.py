"""The flow with both layers trained against closed forms, independent integrators, the older flow, and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
from relu_both_twins import TURNING, check_invariants, field, network, residual_of, restarted, small, smoothed
from scipy.integrate import solve_ivp

from theorycheck.flow import _both_state
from theorycheck.flow.relu import follow_relu
from theorycheck.flow.relu_both import follow_relu_both
from theorycheck.flow.trajectory import FlowStalled
from theorycheck.network import output_and_gram

TIMES = np.linspace(0, 8, 6)


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
