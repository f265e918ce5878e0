"""Gradient flow of a (leaky) ReLU network with both layers trained, or only the second, followed event by event.

Between events the gates are constant and the equations bilinear: a Taylor series of order 20 is followed as far as it is
accurate, and is itself the dense output. At a kink a gate crosses or slides (Filippov 1988; DESIGN rule 6). Where the
differential inclusion has several solutions, a gate becomes active if it can (see ``_sliding.settle``).

With ``f = sum_j outer_j s(h_j)``, ``second gain_j^2 |w_j|^2 - first outer_j^2`` is constant along the flow where there is
no shift, through events and sliding: both terms move at ``2 first second gain_j^2 outer_j sum_i r_i s(h_ij)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.data_files import BadInput
from theorycheck.flow._both_calm import calm_down, rest
from theorycheck.flow._both_seen import Watch, grams, rounding_of
from theorycheck.flow._both_series import new_series
from theorycheck.flow._both_state import Problem, State, settle_neuron, start, touching_of
from theorycheck.flow._both_steps import ORDER, Point, Step, go, inside, next_step
from theorycheck.flow._gates import EPS
from theorycheck.flow.trajectory import FlowStalled, Trajectory
from theorycheck.network import Network

Array = NDArray[np.float64]
#: the second run's tolerance over the first's: their difference is the stated error
COARSE = 100.0
#: bytes that a step's series may fill
ROOM = 6e9
#: steps between attempts to finish the flow in closed form
PATIENCE = 4


def follow_relu_both(
    network: Network,
    labels: ArrayLike,
    times: ArrayLike,
    leak: float = 0.0,
    tolerance: float = 1e-12,
    budget: int = 20_000,
    progress: Callable[[float], object] | None = None,
) -> Trajectory:
    """Follow ``w_j' = first inner outer_j sum_i s'_ij r_i x_i``, ``outer_j' = second gain_j^2 sum_i r_i s(h_ij)``.

    Here ``h = inner X W' + shift``, ``r = y - f`` and ``s`` is the (leaky) ReLU. A rate of 0 freezes its layer.

    Parameters
    ----------
    network
        Where the flow starts; one output, and the leaky ReLU with slope ``leak`` as its activation.
    labels : (n,) or (n, 1)
    times : (k,)
        Increasing, starting at 0.
    leak
        Slope for negative arguments, in ``[0, 1)``; 0 is ReLU.
    tolerance
        Largest last term of a step's series, relative to the residual.
    budget
        Largest number of steps of one run (an event ends a step); if it runs out, the trajectory is cut at the last saved
        time, with a note.
    progress
        Called with the fraction of the time that is done.

    Returns
    -------
    Trajectory
        ``residual_error`` is the difference from a second run at 100 times the tolerance, plus rounding: an estimate.

    Raises
    ------
    BadInput
        If shapes, ranges or the activation do not fit, there are several outputs, or the series would not fit in memory.
    FlowStalled
        If a number overflows, or the budget ends before the first positive saved time.
    """
    problem = _problem(network, labels, times, float(leak))
    if not 0 < tolerance < 1e-3:
        raise BadInput(f"tolerance must be between 0 and 1e-3, not {tolerance:g}")
    rough = _run(problem, COARSE * tolerance, budget, None, None)
    state = start(problem)
    first = grams(problem, state, state.outer, state.height, state.residual)
    watch = Watch(problem, first.actual, rounding_of(first.actual))
    fine = _run(problem, tolerance, budget, watch, progress)
    if fine.note and len(fine.residuals) < 2:
        raise FlowStalled(fine.note)
    return _assemble(problem, watch, fine, rough, tolerance)


def _problem(network: Network, labels: ArrayLike, times: ArrayLike, leak: float) -> Problem:
    """Check and freeze the arguments."""
    x, w = np.asarray(network.inputs, dtype=float), np.asarray(network.weights, dtype=float)
    y, t = np.asarray(labels, dtype=float), np.asarray(times, dtype=float)
    if y.shape == (len(x), 1):
        y = y[:, 0]
    _check(network, y, t, leak)
    with np.errstate(all="ignore"):
        cross, h = x @ x.T, network.inner * (x @ w.T) + network.shift
        size = np.linalg.norm(cross) * network.inner**2 * network.first * np.sum(network.outer**2)
        size += network.second * np.sum((network.gain * h) ** 2)
        if not np.isfinite(size * (np.linalg.norm(y) + np.linalg.norm(h) * np.linalg.norm(network.outer))):
            raise FlowStalled(
                "the first gradient overflows at time 0, after 0 events: rescale inputs, labels or weights"
            )
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    norms = np.linalg.norm(x, axis=1)
    return Problem(network, y, leak, t, cross, left * singular, float(singular[0]), norms, np.ascontiguousarray(h))


def _check(network: Network, labels: Array, times: Array, leak: float) -> None:
    """Raise if the flow of this network cannot be followed."""
    if network.outputs != 1:
        raise BadInput(f"the flow of both layers is followed for one output, but the network has {network.outputs}")
    if network.activation.leak != leak:
        raise BadInput(f"the activation {network.activation.name} is not a leaky ReLU with slope leak = {leak:g}")
    x, w = network.inputs, network.weights
    if labels.shape != x.shape[:1] or w.shape[1:] != x.shape[1:] or not x.size or not w.size:
        raise BadInput(
            f"inputs (n, d), labels (n,) and weights (m, d) do not fit: {x.shape}, {labels.shape}, {w.shape}"
        )
    if times.ndim != 1 or not times.size or times[0] != 0 or np.any(np.diff(times) <= 0):
        raise BadInput("times must be a list that starts at 0 and increases")
    if not (0 < network.inner < np.inf and 0 <= leak < 1 and network.first >= 0 and network.second >= 0):
        raise BadInput(
            f"inner must be positive, rates at least 0 and leak in [0, 1), but inner = {network.inner:g}, "
            f"first = {network.first:g}, second = {network.second:g}, leak = {leak:g}"
        )
    need = 24.0 * (ORDER + 1) * network.n * network.m
    if need > ROOM:
        raise BadInput(f"{network.n} samples and {network.m} neurons need {need / 1e9:.0f} GB: use fewer")
    rates = np.array([network.first, network.second])
    arrays = (x, labels, w, times, network.shift, network.outer, network.gain, rates)
    if not all(np.isfinite(v).all() for v in arrays):
        raise FlowStalled("a number is not finite at time 0, after 0 events: look for overflow in what made it")


class _Run(NamedTuple):
    """One run: residuals at the saved times it reached, doubts from its closed end, where it stopped, and why."""

    residuals: list[Array]
    doubt: Array
    state: State
    last: Point
    note: str


def _run(
    problem: Problem, tolerance: float, budget: int, watch: Watch | None, progress: Callable[[float], object] | None
) -> _Run:
    """Follow the flow through all saved times, or as far as the budget allows."""
    state, times = start(problem), problem.times
    _set_clocks(problem, state)
    series = new_series(ORDER, *state.height.shape)
    last = Point(0.0, state.residual, state.outer, state.impulse, state.height)
    residuals, doubt = [state.residual.copy()], np.zeros(len(times))
    if watch is not None:
        watch.keep(state, last)
    while len(residuals) < len(times):
        if state.steps % PATIENCE == 0:
            found = grams(problem, state, state.outer, state.height, state.residual)
            calm = calm_down(problem, state, found, tolerance)
            if calm is not None:
                ahead, doubt[len(residuals) :], last = rest(problem, state, calm, watch, times[len(residuals) :])
                residuals += ahead
                if progress is not None:
                    progress(1.0)
                break
        if state.steps >= budget:
            return _Run(residuals, doubt, state, last, _spent(problem, state))
        step = next_step(problem, state, series, tolerance, float(times[-1]))
        last = _pass(problem, state, step, watch, residuals, last)
        if progress is not None:
            progress(state.time / float(times[-1]))
        for j in step.caller:
            meet(problem, state, int(j), watch)
    return _Run(residuals, doubt, state, last, "")


def _pass(
    problem: Problem, state: State, step: Step, watch: Watch | None, residuals: list[Array], last: Point
) -> Point:
    """Go through one step and its saved times; return the state at the last saved time so far."""
    times = problem.times
    end = inside(problem, state, step, step.share)
    if state.time + step.share * step.unit >= times[-1] * (1 - 4 * EPS):
        end = end._replace(time=float(times[-1]))
    reached = times[len(residuals) :][times[len(residuals) :] <= end.time]
    shares = [min(max(float(t - state.time) / step.unit, 0.0), step.share) for t in reached]
    if watch is not None:
        watch.step(state, step, shares)
    for share in shares:
        last = inside(problem, state, step, share)
        residuals.append(last.residual)
    go(state, step, end)
    return last


def meet(problem: Problem, state: State, j: int, watch: Watch | None) -> None:
    """Let neuron ``j`` go through its event."""
    if watch is not None:
        watch.touch(state, j)
    settle_neuron(problem, state, j, touching_of(problem, state, j))
    state.events += 1


def _set_clocks(problem: Problem, state: State) -> None:
    """Set the first step's unit, and let margins begin with a hundredth of it: they are shares of the path so far."""
    found = grams(problem, state, state.outer, state.height, state.residual)
    size = float(np.linalg.norm(state.residual))
    network = problem.network
    bend = np.sqrt(network.first * network.second) * network.inner * problem.operator * np.abs(network.gain).max()
    rate = float(np.linalg.norm(found.actual)) + float(bend) * size
    state.unit = 1 / rate if rate > 0 else max(float(problem.times[-1]), 1.0)
    span = 0.01 * min(state.unit, float(problem.times[-1]))
    pull = problem.rate * np.abs(state.residual @ (state.slopes * state.height))
    state.path += span * size * (np.abs(state.outer) + span * pull)
    state.swing += span * pull


def _spent(problem: Problem, state: State) -> str:
    return (
        f"stopped at t = {state.time:.6g} of {problem.times[-1]:.6g} after {state.steps} steps and {state.events} events, "
        "the budget: the tangent Gram is ill conditioned or gates hover at their kinks; allow more steps or ask for less time"
    )


def _assemble(problem: Problem, watch: Watch, fine: _Run, rough: _Run, tolerance: float) -> Trajectory:
    """Put the saved times together."""
    network, count = problem.network, min(len(fine.residuals), len(watch.rows))
    table = {key: np.array([row[key] for row in watch.rows[:count]]) for key in watch.rows[0]}
    residual = table["residual"]
    final = network.weights + network.first * network.inner * (fine.last.impulse.T @ network.inputs)
    outer = fine.last.outer
    height = network.inner * (network.inputs @ final.T) + network.shift
    output = np.where(height > 0, height, problem.leak * height) @ outer
    trained = network.second > 0
    return Trajectory(
        times=problem.times[:count].copy(), residual=residual, residual_error=_error(problem, fine, rough, residual, tolerance),
        gram=table["gram"], least=table["least"], gram_change=np.maximum(table["change"], 0.0), displacement=table["far"],
        final_weights=final, drift=float(np.abs(residual[-1] - (problem.labels - output)).max()),
        events=fine.state.events, slides=fine.state.begun, note=fine.note or rough.note,
        final_outer=outer[:, None].copy() if trained else None, outer_moved=table["swung"] if trained else None,
    )  # fmt: skip


def _error(problem: Problem, fine: _Run, rough: _Run, residual: Array, tolerance: float) -> Array:
    """Return the estimated error of ``|r|`` at the saved times: the two runs' difference, rounding, and the closed end's."""
    size = np.linalg.norm(residual, axis=1)
    other = np.array(rough.residuals[: len(residual)])
    gap = np.full(len(residual), np.nan)
    gap[: len(other)] = np.linalg.norm(residual[: len(other)] - other, axis=1)
    # where the second run did not get that far, its last difference stands for the rest
    gap[len(other) :] = gap[len(other) - 1]
    output = np.abs(problem.start) @ np.abs(problem.network.outer[:, 0]) + np.abs(problem.labels)
    first = 8 * EPS * (1 + problem.network.inputs.shape[1] / 4) * float(np.linalg.norm(output))
    start = first * (size / size[0] if size[0] > 0 else 1.0)
    floor = tolerance * np.where(problem.times[: len(residual)] > 0, size, 0.0)
    return np.asarray(gap + start + floor + fine.doubt[: len(residual)])
