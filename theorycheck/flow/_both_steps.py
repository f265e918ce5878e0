"""One step of the flow with both layers trained: a Taylor series, cut at the first event or where it loses accuracy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._both_roots import scan_gates, scan_rows
from theorycheck.flow._both_series import Law, Series, at, expand
from theorycheck.flow._both_state import ROUND, Problem, State, margins
from theorycheck.flow._gates import EPS, LEAVE, SLIDE
from theorycheck.flow.trajectory import FlowStalled

Array = NDArray[np.float64]
ORDER = 20
#: a step no longer than this many times the last: the last coefficients may vanish by chance
GROWTH = 4.0
#: the largest sum of the residual's terms over the residual: more is lost to cancellation
CANCEL = 1e3

#: a step this short in its own unit is expanded again in a better one, at most so many times
TOO_FAR, TRIES = 1e-4, 120


class Step(NamedTuple):
    """A step: its series in powers of ``time / unit``, how many units it lasts, and the neurons that end it."""

    series: Series
    unit: float
    share: float
    caller: NDArray[np.int64]


def next_step(problem: Problem, state: State, room: Series, tolerance: float, stop: float) -> Step:
    """Expand the flow about now, in ``room``, and return how far it can be followed, at most up to time ``stop``."""
    margin = margins(problem, state)
    series, share = _series(problem, state, room, margin, tolerance)
    unit = state.unit
    if np.isfinite(share) and len(series.outer) > ORDER:
        state.unit = unit * share
    share = min(share, (stop - state.time) / unit)
    caller = np.zeros(0, np.int64)
    if problem.network.first:
        share, caller = _events(problem, state, series, margin, share)
    return Step(series, unit, share, caller)


def _series(problem: Problem, state: State, room: Series, margin: Array, tolerance: float) -> tuple[Series, float]:
    """Return the series about now, and how many units it is accurate for; the unit is mended where it is far off."""
    guards = state.guards()
    room.residual[0], room.outer[0], room.height[0] = state.residual, state.outer, state.height
    law = Law(problem.couple * problem.cross, state.slopes, problem.rate, guards.slots, guards.maps)
    wanted = tolerance * float(np.linalg.norm(state.residual[state.live()]))
    for _ in range(TRIES):
        order, share = expand(room, state.unit, law, state.sides, margin, wanted)
        series = Series(*(part[: order + 1] for part in room))
        if not np.isfinite(series.residual).all():
            state.unit *= 1e-6
            continue
        share = _uncancelled(state, series, share)
        if share >= TOO_FAR:
            return series, share
        state.unit *= max(10 * share, 1e-6)
    raise FlowStalled(
        f"the flow has no series at t = {state.time:.6g}, after {state.events} events, because numbers overflow: "
        "rescale inputs, labels or weights"
    )


def _uncancelled(state: State, series: Series, share: float) -> float:
    """Return a share of the unit, at most ``share``, for which the residual is not lost to cancellation."""
    live = state.live()
    terms = np.linalg.norm(series.residual[1:, live], axis=1)
    if not terms.any():
        return share
    share = min(share, GROWTH)
    while np.sum(terms * share ** np.arange(1, len(terms) + 1)) > CANCEL * np.linalg.norm(state.residual[live]):
        share /= 2
    return share


def _events(
    problem: Problem, state: State, series: Series, margin: Array, share: float
) -> tuple[float, NDArray[np.int64]]:
    """Return the share of the unit up to the first event, at most ``share``, and the neurons that have it."""
    found = np.full(len(state.outer), np.inf)
    share = scan_gates(series.height, state.sides, margin, share, found)
    if state.slides:
        guards = state.guards()
        polynomials = guards.rows @ series.residual.T
        polynomials[:, 0] += 0.5 * LEAVE * guards.lever * float(np.linalg.norm(state.residual))
        np.minimum.at(found, guards.owner, scan_rows(polynomials, share))
        slots = guards.slots
        turning = np.ascontiguousarray((state.side[slots] * series.outer[:, slots]).T)
        turning[:, 0] += 0.5 * ROUND * (np.abs(problem.network.outer[slots, 0]) + state.swing[slots])
        np.minimum.at(found, slots, scan_rows(turning, share))
        share = min(share, float(found.min()))
    return share, np.flatnonzero(found <= share * (1 + 4 * EPS))


class Point(NamedTuple):
    """The moving part of the state at one time."""

    time: float
    residual: Array
    outer: Array
    impulse: Array
    height: Array


def inside(problem: Problem, state: State, step: Step, share: float) -> Point:
    """Return the state at ``share`` of the step's unit."""
    height = at(step.series.height, share)
    if state.slides:
        height[state.modes == SLIDE] = 0.0
    residual = at(step.series.residual[:, :, None], share)[:, 0]
    outer = at(step.series.outer[:, :, None], share)[:, 0]
    moved = state.impulse + at(step.series.impulse, share)
    return Point(state.time + share * step.unit, residual, outer, moved, height)


def go(state: State, step: Step, point: Point) -> None:
    """Move the state to the end of a step, and the clocks that bound rounding with it."""
    powers = step.share ** np.arange(1, len(step.series.outer))
    swing = powers @ np.abs(step.series.outer[1:])
    # |r| never grows, so its integral is at most this
    length = step.share * step.unit * float(np.linalg.norm(state.residual))
    state.path += length * (np.abs(state.outer) + swing)
    state.swing += swing
    state.time, state.residual, state.outer = point.time, point.residual, point.outer
    state.impulse, state.height = point.impulse, point.height
    state.steps += 1
