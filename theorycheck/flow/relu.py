"""Gradient flow of a network with (leaky) ReLU gates whose first layer alone is trained, followed event by event.

Between events the gates are constant and ``r' = -G r`` with ``G`` constant, so the residual is a sum of exponentials and
nothing is discretised; at a kink a gate crosses or slides (Filippov 1988; DESIGN rule 6). What is left is rounding.
Only neurons that can meet a kink are watched; the others are known through their gate patterns alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.flow._events import PATH, STAGE
from theorycheck.flow._screen import forward, impulses, moved_weights
from theorycheck.flow._segments import Flow, Problem, error_now, gram, run_until, see_segment, start
from theorycheck.flow.trajectory import FlowStalled, Trajectory

Array = NDArray[np.float64]


def follow_relu(
    inputs: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike,
    outer: ArrayLike,
    *,
    inner: float,
    times: ArrayLike,
    leak: float = 0.0,
    budget: int = 200_000,
    progress: Callable[[float], object] | None = None,
    screening: bool = True,
) -> Trajectory:
    """Follow ``w_j' = inner outer_j sum_i slope_ij x_i r_i`` for ``f_i = sum_j outer_j s(inner w_j . x_i)``.

    Where the differential inclusion has several solutions (a gate at its kink that is pushed away from it), the gate
    becomes active if it can; see :func:`theorycheck.flow._sliding.settle`.

    Parameters
    ----------
    inputs, labels : (n, d), (n,)
    weights, outer : (m, d), (m,)
        Trained first layer, and fixed outer weights.
    inner : float
        Factor on every pre-activation, positive.
    times : (k,)
        Increasing, starting at 0.
    leak : float
        Slope for negative arguments, in ``[0, 1)``; 0 is ReLU.
    budget : int
        Largest number of events; if it runs out the trajectory is cut at the last saved time, with a note.
    progress : callable, optional
        Called with the fraction of the time that is done, now and then.
    screening : bool
        Whether to watch only neurons at risk; the result is the same.

    Raises
    ------
    ValueError
        If shapes or ranges do not fit.
    FlowStalled
        If a number overflows, or the budget ends before the first positive saved time.
    """
    problem = _problem(inputs, labels, weights, outer, float(inner), times, float(leak), screening)
    flow = start(problem)
    saved = []
    note = ""
    for time in problem.times:
        reached = run_until(problem, flow, float(time), budget)
        if not reached:
            now = flow.segment.start + float(flow.clocks[STAGE])
            note = f"stopped at t = {now:.6g} after {flow.events} events, the budget: allow more events, ask for less time, or look for gates that hover at their kinks"
            break
        saved.append(_snapshot(problem, flow))
        if progress is not None and problem.times[-1] > 0:
            progress(float(time / problem.times[-1]))
    if note and len(saved) < 2:
        raise FlowStalled(note)
    return _assemble(problem, flow, saved, note)


def _problem(
    inputs: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike,
    outer: ArrayLike,
    inner: float,
    times: ArrayLike,
    leak: float,
    screening: bool,
) -> Problem:
    """Check and freeze the arguments."""
    x, y, w, a, t = (np.ascontiguousarray(v, dtype=float) for v in (inputs, labels, weights, outer, times))
    if (
        x.ndim != 2
        or w.ndim != 2
        or y.shape != x.shape[:1]
        or a.shape != w.shape[:1]
        or x.shape[1] != w.shape[1]
        or not x.size
        or not w.size
    ):
        raise ValueError(
            f"inputs (n, d), labels (n,), weights (m, d), outer (m,) do not fit: {x.shape}, {y.shape}, {w.shape}, {a.shape}"
        )
    if t.ndim != 1 or not t.size or t[0] != 0 or np.any(np.diff(t) <= 0):
        raise ValueError("times must be a list that starts at 0 and increases")
    if not (0 < inner < np.inf and 0 <= leak < 1):
        raise ValueError(f"inner must be positive and leak in [0, 1), but inner = {inner:g} and leak = {leak:g}")
    if not all(np.isfinite(v).all() for v in (x, y, w, a, t)):
        raise FlowStalled(
            "an input, label, weight or time is not finite at time 0, after 0 events: look for overflow in what made them"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        cross = x @ x.T
        if not np.isfinite(np.linalg.norm(cross) * inner**2 * np.sum(a**2) * np.linalg.norm(y)):
            raise FlowStalled(
                "the first gradient overflows at time 0, after 0 events: rescale inputs, labels or outer weights"
            )
    operator = float(np.sqrt(np.linalg.eigvalsh(cross)[-1].clip(0)))
    return Problem(x, y, w, a, inner, leak, t, screening, cross, operator, np.sqrt(np.diag(cross)) * operator)


def _snapshot(problem: Problem, flow: Flow) -> dict[str, Any]:
    """Return what is kept of one saved time, and start a new interval."""
    see_segment(problem, flow, actual=True)
    now = gram(problem, flow)
    impulse = impulses(problem.cross, flow.watched, problem.leak, flow.state[2])
    far = 0.0
    for block in (impulse, flow.patterns * flow.state[2]):
        if len(block):
            far = max(far, problem.inner * float(np.linalg.norm(block @ problem.inputs, axis=1).max()))
    kept = {
        "residual": flow.state[0].copy(), "error": error_now(flow), "gram": now, "least": tuple(flow.least),
        "change": tuple(flow.change), "far": far, "path": float(flow.clocks[PATH]),
        "impulse": impulse, "index": flow.watched.neuron, "integral": flow.state[2].copy(),
    }  # fmt: skip
    # the next interval begins where this one ends
    flow.least = [max(float(flow.segment.rates[0]) - flow.rounding, 0.0), max(float(np.linalg.eigvalsh(now)[0]), 0.0)]
    return kept


def _final_weights(problem: Problem, last: dict[str, Any]) -> Array:
    """Return the weights at the last saved time, shape (m, d)."""
    final = moved_weights(problem.inputs, problem.weights, problem.outer, problem.inner, problem.leak, last["integral"])
    index = last["index"]
    final[index] = problem.weights[index] + (problem.inner * problem.outer[index])[:, None] * (
        last["impulse"] @ problem.inputs
    )
    return final


def _assemble(problem: Problem, flow: Flow, saved: list[dict[str, Any]], note: str) -> Trajectory:
    """Put the saved times together."""
    table = {
        key: np.array([kept[key] for kept in saved])
        for key in ("residual", "error", "gram", "least", "change", "far", "path")
    }
    far, path = table["far"], np.diff(table["path"])
    # between two saved times nobody is farther from both than the path allows: the mean of the two bounds
    between = (far[1:] + far[:-1] + problem.inner * problem.operator * path) / 2 * (1 + 1e-12)
    upper = np.maximum.accumulate(np.concatenate([far[:1], np.maximum(far[1:], between)]))
    final = _final_weights(problem, saved[-1])
    output, _ = forward(problem.inputs, final, problem.outer, problem.inner, problem.leak)
    drift = float(np.abs(table["residual"][-1] - (problem.labels - output)).max())
    return Trajectory(
        times=problem.times[: len(saved)].copy(), residual=table["residual"], residual_error=table["error"], gram=table["gram"],
        least=table["least"], gram_change=table["change"], displacement=np.stack([np.maximum.accumulate(far), upper], axis=1),
        final_weights=final, drift=drift, events=flow.events, slides=flow.slides, note=note,
    )  # fmt: skip
