"""The event-driven ReLU flow against closed forms, a smoothed-gate reference, and its own invariants."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from theorycheck.flow import _segments
from theorycheck.flow._sliding import OFF, ON, SLIDE, settle
from theorycheck.flow.relu import follow_relu
from theorycheck.flow.trajectory import FlowStalled, Trajectory

# A gate that slides by a known amount: the kink of x_1 is reached at finite time, with force from both sides.
SLIDING = {"inputs": [[1.0, 0.0], [0.8, 0.6]], "labels": [2.0, -1.0], "outer": [1.0], "inner": 2**-0.5}


def small(seed: int, n: int = 3, m: int = 8, d: int = 2, size: float = 2.0) -> dict[str, np.ndarray]:
    """A random small problem, large enough labels for gates to switch and slide."""
    rng = np.random.default_rng(seed)
    return {
        "inputs": rng.standard_normal((n, d)),
        "labels": size * rng.standard_normal(n),
        "weights": rng.standard_normal((m, d)),
        "outer": rng.choice([-1.0, 1.0], m) * rng.uniform(0.3, 1.5, m) / np.sqrt(m),
    }


def output(problem: dict, weights: np.ndarray, inner: float, leak: float) -> np.ndarray:
    heights = inner * weights @ np.asarray(problem["inputs"]).T
    return np.asarray(problem["outer"]) @ np.where(heights > 0, heights, leak * heights)


def smoothed(problem: dict, inner: float, leak: float, times: np.ndarray, width: float) -> np.ndarray:
    """The slow, obvious twin: the gate's slope is a ramp of the given half-width, the rest is a stiff ODE solver's.

    It converges to a Filippov solution like ``width`` (sliding gates) and ``width^2`` (crossing ones).
    """
    x, y, a = (np.asarray(problem[key]) for key in ("inputs", "labels", "outer"))
    shape = np.shape(problem["weights"])

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        z = inner * flat.reshape(shape) @ x.T
        ramp = np.clip((z + width) / (2 * width), 0, 1)
        value = np.where(
            np.abs(z) < width, leak * z + (1 - leak) * (z + width) ** 2 / (4 * width), np.where(z > 0, z, leak * z)
        )
        residual = y - a @ value
        return (inner * a[:, None] * (((leak + (1 - leak) * ramp) * residual) @ x)).ravel()

    out = solve_ivp(
        field, (0, times[-1]), np.ravel(problem["weights"]).astype(float), "LSODA", times, rtol=1e-9, atol=1e-12
    )
    assert out.success
    return np.array([y - output(problem, w.reshape(shape), inner, leak) for w in out.y.T])


def crossing_rule(cross, modes, touching, residual, *, leak, side):
    """A wrong rule, for the negative control: every arrival crosses."""
    flipped = modes.copy()
    flipped[touching] = np.where(modes[touching] == ON, OFF, ON)
    return flipped


def check_invariants(trajectory: Trajectory, labels: np.ndarray, tolerance: float = 1e-9) -> None:
    assert trajectory.drift <= tolerance * (1 + np.max(np.abs(labels)))
    norms = np.linalg.norm(trajectory.residual, axis=1)
    assert np.all(np.diff(norms) <= 1e-12 * (norms[0] + 1e-300))
    for ends in (trajectory.least, trajectory.gram_change, trajectory.displacement):
        assert np.all(ends[:, 0] <= ends[:, 1])
    assert np.all(np.isfinite(trajectory.residual_error))


def test_one_neuron_against_the_closed_form():
    times = np.array([0.0, 0.5, 1.0, 5.0, 50.0])
    up = follow_relu([[2.0]], [3.0], [[0.5]], [0.7], inner=0.5, times=times)
    rate = (0.7 * 0.5 * 2.0) ** 2
    start = 3.0 - 0.7 * 0.5
    assert np.allclose(up.residual[:, 0], start * np.exp(-rate * times), rtol=1e-13, atol=0)
    assert np.allclose(up.log_loss, np.log(start**2 / 2) - 2 * rate * times, rtol=1e-13)
    assert up.events == 0


def test_one_neuron_stops_at_its_kink_for_ever():
    times = np.array([0.0, 0.1, 1.0, 100.0])
    down = follow_relu([[1.0]], [-2.0], [[0.5]], [1.0], inner=1.0, times=times)
    arrival = np.log(2.5 / 2.0)
    assert np.allclose(down.residual[:, 0], [-2.5, -2.5 * np.exp(-0.1), -2.0, -2.0], rtol=1e-14)
    assert times[1] < arrival < times[2]
    assert (down.events, down.slides) == (1, 1)
    assert abs(down.final_weights[0, 0]) < 1e-14
    assert np.array_equal(down.gram[:, 0, 0], [1, 1, 0, 0])
    assert np.array_equal(down.least[2:], np.zeros((2, 2)))


def test_leaky_neuron_crosses_at_the_known_time():
    times = np.array([0.0, 1.0, 4.0])
    leak = 0.3
    down = follow_relu([[1.0]], [-2.0], [[0.5]], [1.0], inner=1.0, times=times, leak=leak)
    arrival = np.log(2.5 / 2.0)
    assert np.allclose(down.residual[1:, 0], -2.0 * np.exp(-(leak**2) * (times[1:] - arrival)), rtol=1e-13)
    assert (down.events, down.slides) == (1, 0)


def test_orthogonal_data_decouple():
    rng = np.random.default_rng(3)
    n, m = 3, 5
    weights, outer = rng.standard_normal((m, n)), rng.choice([-1.0, 1.0], m)
    labels = np.array([0.3, -4.0, 2.0])
    times = np.linspace(0, 20, 9)
    together = follow_relu(np.eye(n), labels, weights, outer, inner=0.6, times=times)
    for i in range(n):
        alone = follow_relu([[1.0]], labels[i : i + 1], weights[:, i : i + 1], outer, inner=0.6, times=times)
        assert np.allclose(together.residual[:, i], alone.residual[:, 0], rtol=1e-10, atol=1e-13)
    check_invariants(together, labels)


@pytest.mark.parametrize("leak", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_against_the_smoothed_gate(seed, leak):
    problem = small(seed)
    times = np.linspace(0, 12, 7)
    exact = follow_relu(**problem, inner=0.8, times=times, leak=leak)
    coarse, fine = (smoothed(problem, 0.8, leak, times, width) for width in (4e-5, 1e-5))
    distance = np.abs(fine - exact.residual).max()
    assert distance < 3e-4  # the reference's own accuracy: a small multiple of its width times the rates
    assert distance < 0.6 * np.abs(coarse - exact.residual).max() + 1e-6
    check_invariants(exact, problem["labels"], 1e-12)


def test_seeds_of_the_comparison_slide_and_cross():
    runs = [follow_relu(**small(seed), inner=0.8, times=[0, 12.0]) for seed in range(5)]
    assert sum(run.slides for run in runs) >= 3
    assert sum(run.events - run.slides for run in runs) >= 3


def test_a_wrong_sliding_rule_is_caught(monkeypatch):
    times = np.linspace(0, 8, 5)
    problem = SLIDING | {"weights": [[0.1, 0.5]]}
    reference = smoothed(problem, problem["inner"], 0.0, times, 1e-5)
    right = follow_relu(**problem, times=times)
    assert np.abs(right.residual - reference).max() < 1e-4
    monkeypatch.setattr(_segments, "settle", crossing_rule)
    try:
        wrong = follow_relu(**problem, times=times, budget=300)
    except FlowStalled:
        return
    assert wrong.note or np.abs(wrong.residual - reference).max() > 1e-2


def test_known_sliding_is_one_event_not_chatter():
    times = np.linspace(0, 30, 7)
    run = follow_relu(**SLIDING, weights=[[0.1, 0.5]], times=times)
    assert (run.events, run.slides) == (1, 1)
    # while sample 2 slides, w moves only orthogonally to x_2: r_1' = -(1/2)(1 - 0.8^2) r_1, and r_2 stands still
    late = run.residual[1:]
    assert np.allclose(late[1:, 0] / late[:-1, 0], np.exp(-0.5 * 0.36 * 5.0), rtol=1e-12)
    assert np.all(late[:, 1] == pytest.approx(-1.0, abs=1e-13))
    slope = -0.8 * late[:, 0] / late[:, 1]  # the multiplier over the residual
    assert np.allclose(run.gram[1:, 1, 1], 0.5 * slope**2, rtol=1e-10)


def test_between_events_the_residual_is_a_matrix_exponential():
    problem = small(11, n=4, m=40, d=3)
    times = np.linspace(0, 3, 400)
    run = follow_relu(**problem, inner=0.6, times=times)
    still = [
        i
        for i in range(1, 400)
        if np.array_equal(run.gram[i], run.gram[i - 1]) and run.least[i, 0] == pytest.approx(run.least[i, 1], rel=1e-9)
    ]
    assert len(still) > 50
    for i in still[::20]:
        step = expm(-run.gram[i] * (times[i] - times[i - 1])) @ run.residual[i - 1]
        assert np.allclose(step, run.residual[i], rtol=0, atol=1e-13 * np.linalg.norm(run.residual[0]))


@pytest.mark.parametrize("seed", range(6))
def test_velocity_lies_in_the_inclusion(seed):
    problem, inner, leak, step = small(seed, n=3, m=6), 0.8, 0.1 * (seed % 2), 1e-6
    for time in np.random.default_rng(seed).uniform(0.05, 10, 8):
        here, there = (follow_relu(**problem, inner=inner, times=[0, t], leak=leak) for t in (time, time + step))
        if here.events != there.events:
            continue
        velocity = (there.final_weights - here.final_weights) / step
        heights = inner * here.final_weights @ problem["inputs"].T
        for j in range(6):
            at_kink = np.abs(heights[j]) < 1e-12
            slope = np.where(heights[j] > 0, 1.0, leak)
            basis = inner * problem["outer"][j] * problem["inputs"].T * here.residual[1]
            missing = velocity[j] - basis[:, ~at_kink] @ slope[~at_kink]
            if at_kink.sum() == 1:
                column = basis[:, at_kink][:, 0]
                share = column @ missing / (column @ column)
                assert leak - 1e-4 <= share <= 1 + 1e-4
                missing = missing - share * column
            if at_kink.sum() <= 1:
                assert np.linalg.norm(missing) < 1e-5 * (1 + np.linalg.norm(problem["labels"]))


@pytest.mark.parametrize("leak", [0.0, 0.25])
def test_starts_at_the_kink(leak):
    inputs = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    weights = np.array([[0.0, 1.0], [0.0, 0.0], [0.5, 0.0], [-0.3, -0.2], [0.0, 0.0]])
    outer = np.array([1.0, -0.5, 0.7, -1.2, 0.0])
    labels = np.array([1.0, -0.4, 0.8, -1.5, 0.6])
    frozen = weights.copy()
    run = follow_relu(inputs, labels, weights, outer, inner=0.7, times=np.linspace(0, 40, 11), leak=leak)
    check_invariants(run, labels, 1e-12)
    assert np.array_equal(weights, frozen)
    assert np.all(run.residual[:, 4] == 0.6)  # a zero input is never fitted
    assert np.array_equal(run.final_weights[4], [0, 0])


def test_nothing_moves_where_nothing_is_missing():
    run = follow_relu(
        [[1.0], [-2.0]], [0.0, 0.0], [[0.0], [0.0]], [1.0, -1.0], inner=1.0, times=[0.0, 5.0], leak=0.5, budget=10
    )
    assert run.events == 0
    assert np.all(run.residual == 0)
    assert np.all(run.log_loss == -np.inf)


def test_all_weights_zero_leaves_if_it_can():
    run = follow_relu([[1.0]], [1.0], [[0.0]], [1.0], inner=1.0, times=[0.0, 2.0])
    assert run.residual[1, 0] == pytest.approx(np.exp(-2.0), rel=1e-13)
    stuck = follow_relu([[1.0]], [-1.0], [[0.0]], [1.0], inner=1.0, times=[0.0, 2.0])
    assert stuck.residual[1, 0] == -1.0


def test_settle_against_all_modes():
    """Enumeration of all modes is the obvious twin: what is chosen must be among the consistent ones."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        n, leak = int(rng.integers(1, 5)), float(rng.choice([0.0, 0.3]))
        x, r, side = rng.standard_normal((n, 3)), rng.standard_normal(n), float(rng.choice([-1.0, 1.0]))
        if rng.random() < 0.3 and n > 1:
            x[1] = x[0] * rng.choice([1.0, -1.0, 2.0])
        touching = rng.random(n) < 0.8
        modes = rng.integers(0, 2, n).astype(np.int8)
        chosen = settle(x @ x.T, modes, touching, r, leak=leak, side=side)
        assert np.array_equal(chosen[~touching], modes[~touching])
        assert is_consistent(x @ x.T, chosen, touching, r, leak, side)
        pushed = touching & (side * r > 0)
        assert not np.any(chosen[pushed] == SLIDE)
        wrong = crossing_rule(x @ x.T, chosen, chosen == SLIDE, r, leak=leak, side=side)
        if np.any(chosen == SLIDE) and leak == 0.3:
            assert not is_consistent(x @ x.T, wrong, touching, r, leak, side)
    found = {
        settle(np.eye(1), np.ones(1, np.int8), np.ones(1, bool), np.array([r]), leak=leak, side=1.0)[0]
        for r, leak in itertools.product((1.0, -1.0), (0.0, 0.3))
    }
    assert found == {OFF, ON, SLIDE}


def is_consistent(cross, modes, touching, residual, leak, side) -> bool:
    slides = modes == SLIDE
    force = np.where(modes == ON, residual, leak * residual)
    force[slides] = 0
    if slides.any():
        force[slides] = -np.linalg.lstsq(cross[np.ix_(slides, slides)], cross[slides] @ force, rcond=None)[0]
    rate = side * cross @ force
    ends = np.sort([leak * residual, residual], axis=0)
    fits = np.where(
        slides,
        (force >= ends[0] - 1e-12) & (force <= ends[1] + 1e-12),
        np.where(modes == ON, rate >= -1e-12, rate <= 1e-12),
    )
    return bool(np.all(fits[touching]))


@pytest.mark.parametrize("seed", range(8))
def test_screening_changes_nothing(seed):
    problem = small(seed, n=3, m=200, d=4)
    times = np.linspace(0, 6, 5)
    quick, plain = (follow_relu(**problem, inner=0.5, times=times, screening=flag) for flag in (True, False))
    assert (quick.events, quick.slides) == (plain.events, plain.slides)
    for name in ("residual", "gram", "least", "gram_change", "final_weights"):
        assert np.allclose(getattr(quick, name), getattr(plain, name), rtol=1e-11, atol=1e-11), name
    assert np.allclose(quick.displacement[:, 0], plain.displacement[:, 0], rtol=1e-11, atol=1e-11)
    # the upper end adds a bound on the path, which depends on when the flow was looked at
    assert np.allclose(quick.displacement[:, 1], plain.displacement[:, 1], rtol=1e-2)


def test_budget_cuts_with_a_note_or_stalls_with_a_reason():
    problem, times = small(0, m=40), np.linspace(0, 10, 200)
    whole = follow_relu(**problem, inner=0.8, times=times)
    assert whole.events > 3
    assert not whole.note
    cut = follow_relu(**problem, inner=0.8, times=times, budget=3)
    assert "3 events" in cut.note
    assert 2 <= len(cut.times) < 200
    assert np.array_equal(cut.residual, whole.residual[: len(cut.times)])
    assert cut.drift < 1e-12
    with pytest.raises(FlowStalled, match="budget"):
        follow_relu(**problem, inner=0.8, times=[0, 10.0], budget=0)
    with pytest.raises(FlowStalled, match="not finite"):
        follow_relu([[1.0]], [np.inf], [[1.0]], [1.0], inner=1.0, times=[0, 1.0])
    with pytest.raises(FlowStalled, match="overflow"):
        follow_relu([[1e200]], [1e200], [[1.0]], [1.0], inner=1.0, times=[0, 1.0])


@pytest.mark.parametrize("seed", range(6))
def test_reported_ends_bracket_a_dense_sampling(seed):
    problem, inner, leak = small(seed, m=5), 0.8, 0.1 * (seed % 2)
    coarse = follow_relu(**problem, inner=inner, times=np.linspace(0, 10, 6), leak=leak)
    dense = follow_relu(**problem, inner=inner, times=np.linspace(0, 10, 2001), leak=leak)
    least = np.linalg.eigvalsh(dense.gram)[:, 0]
    change = np.abs(np.linalg.eigvalsh(dense.gram - dense.gram[0])).max(axis=1)
    for i in range(1, 6):
        inside = slice(400 * (i - 1) + 1, 400 * i + 1)
        assert coarse.least[i, 0] <= least[inside].min() + 1e-12
        assert coarse.least[i, 1] >= dense.least[inside, 0].min() - 1e-12
        assert coarse.gram_change[i, 1] >= change[: 400 * i + 1].max() - 1e-12
        assert coarse.gram_change[i, 0] <= dense.gram_change[400 * i, 1] + 1e-12
        assert coarse.displacement[i, 0] <= dense.displacement[400 * i, 0] + 1e-12
        assert coarse.displacement[i, 1] >= dense.displacement[400 * i, 0] - 1e-12


def test_two_hundred_random_cases_keep_their_invariants():
    rng = np.random.default_rng(2026)
    slides = 0
    for _ in range(200):
        n, m, d = int(rng.integers(1, 5)), int(rng.integers(1, 31)), int(rng.integers(1, 4))
        inputs = rng.standard_normal((n, d))
        if rng.random() < 0.3:
            inputs = np.round(inputs)  # duplicates, antiparallel pairs, zeros
        weights = np.round(rng.standard_normal((m, d))) if rng.random() < 0.3 else rng.standard_normal((m, d))
        labels = rng.standard_normal(n) * 10.0 ** rng.uniform(-3, 3)
        outer = rng.standard_normal(m) / np.sqrt(m)
        leak = float(rng.choice([0.0, 0.0, 0.05, 0.5]))
        times = np.concatenate([[0.0], np.geomspace(1e-3, 10.0 ** rng.uniform(0, 4), 5)])
        run = follow_relu(inputs, labels, weights, outer, inner=d**-0.5, times=times, leak=leak)
        assert not run.note
        check_invariants(run, labels)
        slides += run.slides
    assert slides > 100
