"""ReLU flow with both layers trained: special starts, symmetries, reported intervals, budgets, roots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relu_both_twins import check_invariants, network, small, smoothed

from theorycheck.data_files import BadInput
from theorycheck.flow import relu_both
from theorycheck.flow._both_roots import first_root, value
from theorycheck.flow.relu_both import follow_relu_both
from theorycheck.flow.trajectory import FlowStalled
from theorycheck.network import output_and_gram

TIMES = np.linspace(0, 8, 6)


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
