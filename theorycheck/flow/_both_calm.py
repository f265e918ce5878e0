"""The end of a flow with both layers trained: once the weights can no longer move enough to matter, it is linear.

If the Jacobian can move by ``delta`` only, ``r' = -G r`` with ``G`` constant up to ``g = 2 |J| delta + delta^2``, and the
residual is a sum of exponentials up to ``2 g t exp(-rate t)`` relative to now. With one layer frozen ``delta = 0``. A last
stretch of any length costs nothing, and the loss may fall to 1e-300.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._both_seen import Grams, Watch
from theorycheck.flow._both_state import Problem, State, margins
from theorycheck.flow._both_steps import Point
from theorycheck.flow._gates import EPS, SLIDE

Array = NDArray[np.float64]
#: beyond this many times the slowest rate, nothing is left of a double
UNDERFLOW = 745.0


class Calm(NamedTuple):
    """A flow without further events: modes of the live samples, and how much the Gram may still change."""

    live: NDArray[np.bool_]
    rates: Array
    basis: Array
    amplitude: Array
    turn: float  # how far the Jacobian may still move
    change: float  # of the Gram, for the residual's error


def calm_down(problem: Problem, state: State, found: Grams, tolerance: float) -> Calm | None:
    """Return the rest of the flow if no event can come and its Gram is constant up to ``tolerance``, else None."""
    live = state.live()
    rates, basis = np.linalg.eigh(found.evolution[np.ix_(live, live)])
    rates = np.maximum(rates, 0.0)
    amplitude = basis.T @ state.residual[live]
    left = float(problem.times[-1]) - state.time
    slow, fast = rates.min(initial=np.inf), float(rates.max(initial=0.0))
    with np.errstate(divide="ignore"):
        length = float(np.abs(amplitude) @ np.minimum(1 / rates, left))
        path = float(np.abs(amplitude) @ np.minimum(1 / np.sqrt(rates), np.sqrt(rates) * left))
        lasts, decay = min(left, float(UNDERFLOW / slow)), min(left, float(1 / slow))
    network, size = problem.network, float(np.linalg.norm(amplitude))
    # |Delta J| <= bend |Delta theta| with weights in units of the roots of their rates
    bend = np.sqrt(network.first * network.second) * network.inner * problem.operator * np.abs(network.gain).max()
    turn = 2 * bend * path
    change = 2 * np.sqrt(fast) * turn + turn**2
    # what the change adds to the path must not exceed the path again, and the residual's error not the tolerance
    if bend and not (
        2 * change * lasts <= tolerance
        and (2 * np.sqrt(fast) * change * decay**2 + 2 * turn * decay) * size <= path + 1e-300
    ):
        return None
    if _gates_move(problem, state, 2 * length if bend else length) or _guards_fail(state, live, basis, amplitude):
        return None
    return Calm(live, rates, basis, amplitude, float(turn), float(change))


def _gates_move(problem: Problem, state: State, length: float) -> bool:
    """Return whether a path ``integral of |r|`` of this length could bring a gate, or a sliding neuron's weight, to 0."""
    if not problem.network.first or not length:
        return False
    active = state.slopes * state.height
    swing = problem.rate * np.linalg.norm(active, axis=0) * length
    lever = np.where(state.slopes.any(axis=0), np.abs(state.outer) + swing, 0.0)
    move = problem.couple * problem.operator * np.outer(problem.norms, lever) * length
    risky = (np.abs(state.height) <= move + 2 * margins(problem, state)) & (state.sides != 0) & (move > 0)
    slots = list(state.slides)
    return bool(risky.any() or np.any(np.abs(state.outer[slots]) <= swing[slots]))


def _guards_fail(state: State, live: NDArray[np.bool_], basis: Array, amplitude: Array) -> bool:
    """Return whether a sliding gate's multiplier is not sure to stay in its interval for ever.

    A sum of exponentials is positive if all its partial sums are, slowest first (Abel); dead samples do not decay at all.
    """
    rows = state.guards().rows
    waves = (rows[:, live] @ basis) * amplitude
    still = rows[:, ~live] @ state.residual[~live]
    return bool(np.any(np.cumsum(np.column_stack([still, waves]), axis=1) < 0))


def later(problem: Problem, state: State, calm: Calm, time: float) -> Point:
    """Return the state at a later time of a calm flow."""
    span = time - state.time
    fall = np.exp(-calm.rates * span)
    held = _grown(calm.rates, span)
    residual, integral = state.residual.copy(), state.residual * span
    residual[calm.live] = calm.basis @ (calm.amplitude * fall)
    integral[calm.live] = calm.basis @ (calm.amplitude * held)
    pushed = state.slopes * integral[:, None]
    for j, slide in state.slides.items():
        pushed[:, j] = slide.force @ integral
    pushed *= state.outer
    height = state.height + problem.couple * (problem.cross @ pushed)
    height[state.modes == SLIDE] = 0.0
    outer = state.outer + problem.rate * (integral @ (state.slopes * state.height))
    return Point(time, residual, outer, state.impulse + pushed, height)


class Paths(NamedTuple):
    """Lengths of the paths of every neuron's weights per unit of every mode's time integral, (m, q) each."""

    far: Array
    swung: Array


def paths(problem: Problem, state: State, calm: Calm) -> Paths:
    """Return at most how far each mode moves each neuron; twice as much where the Gram still changes."""
    network, m = problem.network, len(state.outer)
    far, swung = np.empty((2, m, len(calm.rates)))
    active, basis, guards = state.slopes * state.height, np.zeros(len(state.residual)), state.guards()
    safety = 2.0 if calm.turn else 1.0
    for k in range(len(calm.rates)):
        basis[calm.live] = calm.basis[:, k]
        pushed = state.slopes * basis[:, None]
        pushed[:, guards.slots] = (guards.maps @ basis).T
        speed = np.sqrt(np.sum((pushed.T @ problem.factor) ** 2, axis=1))
        far[:, k] = safety * network.first * network.inner * np.abs(state.outer) * speed
        swung[:, k] = safety * problem.rate * np.abs(basis @ active)
    return Paths(far, swung)


def rest(
    problem: Problem, state: State, calm: Calm, watch: Watch | None, times: Array
) -> tuple[list[Array], Array, Point]:
    """Return residuals and what the change of the Gram may add to them at ``times``, and the state at the last one."""
    slow = float(calm.rates.min(initial=np.inf))
    point = later(problem, state, calm, state.time)
    if watch is not None:
        look, lever = watch.look(state, point)[0], paths(problem, state, calm)
    residuals, errors = [], np.zeros(len(times))
    for k, time in enumerate(times):
        before, point = point, later(problem, state, calm, float(time))
        residuals.append(point.residual)
        span = float(time) - state.time
        if np.isfinite(slow):
            doubt = 2 * calm.change * span + 8 * EPS * (1 + float(calm.rates.max()) * span)
            errors[k] = doubt * np.exp(-slow * span) * float(np.linalg.norm(calm.amplitude))
        if watch is not None:
            here, look = look, watch.look(state, point)[0]
            size = np.abs(calm.basis.T @ before.residual[calm.live]) * _grown(calm.rates, float(time) - before.time)
            watch.between(here, look, calm.turn, lever.far @ size, lever.swung @ size)
            watch.keep(state, point)
    return residuals, errors, point


def _grown(rates: Array, span: float) -> Array:
    """Return the integrals of ``exp(-rate s)`` over ``[0, span]``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rates * span > 1e-290, -np.expm1(-rates * span) / rates, span)
