"""Gradient flow of smooth activations, first layer trained, to a stated tolerance.

The residual is a state of its own (``r' = -G r`` beside the weights), so the loss keeps
relative accuracy while it falls; its drift from ``y - f(W)`` is a reported invariant. Weights
move only in the row space of the inputs, so the state has ``min(n, d) m + n`` numbers.

Method: Dormand and Prince's pair of order 8 (SciPy's ``DOP853``) with error weights that shrink
with the residual. The error estimate is the difference from a second run at 30 times the
tolerance: by the order of the method it is far above the error of the first; a multiple of the
tolerance is added, because at a single saved time the two may agree by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

from theorycheck.flow.trajectory import FlowStalled, Trajectory

Array = NDArray[np.float64]

#: the second run's tolerance over the first's
COARSE = 30.0
#: what the interpolant may add at a saved time inside a step, in units of the tolerance
INTERPOLANT = 3.0


@dataclass(frozen=True)
class _Problem:
    """The flow in displacement coordinates: ``h = h0 + inner A u`` with ``X = A B``, ``B B' = I``."""

    inputs: Array
    labels: Array
    weights: Array
    outer: Array
    inner: float
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    factor: Array  # A, (n, k)
    basis: Array  # B, (k, d)
    start: Array  # h0, (n, m)

    @property
    def length(self) -> int:
        """Number of displacement coordinates, k m."""
        return self.factor.shape[1] * len(self.outer)

    def unpack(self, state: Array) -> tuple[Array, Array, Array]:
        """Return displacement ``(k, m)``, residual ``(n,)`` and pre-activations ``(n, m)``."""
        moved = state[: self.length].reshape(self.factor.shape[1], -1)
        return moved, state[self.length :], self.start + self.inner * (self.factor @ moved)

    def speed(self, _time: float, state: Array) -> Array:
        """Return the time derivative of displacement and residual."""
        _, residual, h = self.unpack(state)
        slopes = self.slope(h)
        moving: Array = self.inner * self.outer * (self.factor.T @ (slopes * residual[:, None]))
        falling: Array = -(slopes * (self.inner * (self.factor @ moving))) @ self.outer
        return np.concatenate([moving.ravel(), falling])

    def observe(self, state: Array) -> tuple[Array, Array, float]:
        """Return residual, tangent Gram and ``max_j |w_j - w_0j| / |outer_j|``: all that is kept of a state."""
        live = self.outer != 0
        lengths = np.linalg.norm(self.unpack(state)[0][:, live], axis=0) / np.abs(self.outer[live])
        return state[self.length :].copy(), self.gram(state), float(np.max(lengths, initial=0.0))

    def gram(self, state: Array) -> Array:
        """Return the tangent Gram ``(n, n)``."""
        slopes = self.slope(self.unpack(state)[2])
        return self.inner**2 * (self.inputs @ self.inputs.T) * ((slopes * self.outer**2) @ slopes.T)


def follow_smooth(
    inputs: Array,
    labels: Array,
    weights: Array,
    outer: Array,
    *,
    inner: float,
    value: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    times: Array,
    slope_bound: float,
    curvature_bound: float,
    tolerance: float = 1e-9,
    budget: int = 60_000,
    progress: Callable[[float], None] | None = None,
) -> Trajectory:
    """Follow the flow ``w_j' = inner outer_j sum_i s'(z_ij) x_i r_i``, ``z = inner X W'``.

    Parameters
    ----------
    inputs, labels, weights, outer
        ``(n, d)``, ``(n,)``, ``(m, d)``, ``(m,)``.
    value, slope
        The activation and its slope on arrays.
    times
        ``(k,)``, increasing from 0.
    slope_bound, curvature_bound
        Upper bounds of ``sup |s'|`` and ``sup |s''|``: they bound what the Gram does between
        saved times.
    tolerance
        Error per step, relative to the residual.
    budget
        The most evaluations of the right-hand side, both runs together.

    Raises
    ------
    FlowStalled
        If the budget runs out before the first saved time, or a number is not finite.
    """
    factor, basis = _row_space(inputs)
    start = inner * (inputs @ weights.T)
    problem = _Problem(inputs, labels, weights, outer, inner, value, slope, factor, basis, start)
    with np.errstate(all="ignore"):
        first = np.concatenate([np.zeros(problem.length), labels - value(start) @ outer])
    coarse, spent, _ = _march(problem, first, times, COARSE * tolerance, budget // 2, None)
    fine, used, last = _march(problem, first, times[: len(coarse)], tolerance, budget - spent, progress)
    reached = min(len(fine), len(coarse))
    if reached < 2 and len(times) > 1:
        raise FlowStalled(
            f"the flow was followed to no saved time within {budget} evaluations: the tangent Gram is too ill "
            "conditioned for an explicit method over this horizon; ask for a shorter one or raise the budget"
        )
    note = ""
    if reached < len(times):
        note = f"stopped at t = {times[reached - 1]:.3g} of {times[-1]:.3g} after {spent + used} evaluations"
    # the method's interpolant is not part of its step control: as much again as a step may be off
    floor = np.where(times[:reached] > 0, INTERPOLANT * tolerance, 0.0)
    seen = _Seen(times[:reached], fine[:reached], coarse[:reached], last, floor)
    return _trajectory(problem, seen, slope_bound, curvature_bound, used + spent, note)


@dataclass(frozen=True)
class _Seen:
    """What the two runs saw at the saved times, and the last state of the finer one."""

    times: Array
    fine: list[tuple[Array, Array, float]]
    coarse: list[tuple[Array, Array, float]]
    last: Array
    floor: Array


def _row_space(inputs: Array) -> tuple[Array, Array]:
    left, singular, basis = np.linalg.svd(inputs, full_matrices=False)
    return left * singular, basis


def _march(
    problem: _Problem,
    first: Array,
    times: Array,
    tolerance: float,
    budget: int,
    progress: Callable[[float], None] | None,
) -> tuple[list[tuple[Array, Array, float]], int, Array]:
    """Return what was observed at the saved times reached, the evaluations spent and the last state."""
    if not np.all(np.isfinite(first)):
        raise FlowStalled("the network's output at time 0 is not finite: scale the data or the weights down")
    with np.errstate(all="ignore"):
        seen = [problem.observe(first)]
    if len(times) == 1:
        return seen, 0, first
    with np.errstate(all="ignore"):
        if not np.all(np.isfinite(seen[0][1])):
            raise FlowStalled("the tangent Gram at time 0 is not finite: scale the data or the weights down")
        top = float(np.linalg.eigvalsh(seen[0][1])[-1])
        if np.linalg.norm(first[problem.length :]) == 0 or not top > 0:
            # nothing moves: an exact equilibrium of the flow
            return seen * len(times), 1, first
        solver = DOP853(problem.speed, 0.0, first, times[-1], rtol=3e-14, atol=_weights(problem, first, top, tolerance))
        last = first
        while len(seen) < len(times) and solver.status == "running" and solver.nfev <= budget:
            solver.step()
            if not np.all(np.isfinite(solver.y)):
                raise FlowStalled(
                    f"the flow is not finite beyond t = {solver.t_old:.3g}: scale the data or the weights down"
                )
            solver.atol = _weights(problem, solver.y, top, tolerance)
            # saved times inside the step come from the method's own interpolant, of order 7
            inside = solver.dense_output() if times[len(seen)] <= solver.t else None
            while inside is not None and len(seen) < len(times) and times[len(seen)] <= solver.t:
                last = inside(times[len(seen)])
                seen.append(problem.observe(last))
            if progress is not None:
                progress(len(seen) / len(times))
    return seen, solver.nfev, last


def _weights(problem: _Problem, state: Array, top: float, tolerance: float) -> Array:
    """Return absolute error weights that shrink with the residual.

    SciPy averages squares over all numbers; the factor sqrt(N) keeps a few residuals from
    drowning among many weights. A displacement's weight is what moves the output by the
    tolerance.
    """
    k, total = problem.factor.shape[1], len(state)
    size = float(np.linalg.norm(state[problem.length :])) + 1e-290
    move = problem.inner * np.linalg.norm(problem.factor, 2) * size / top
    own = np.broadcast_to(np.abs(problem.outer) * move, (k, len(problem.outer))).ravel()
    residual = np.full(len(problem.labels), size / np.sqrt(total))
    return tolerance * np.concatenate([own + 1e-30 * move, residual]) + 1e-300


def _trajectory(problem: _Problem, seen: _Seen, slope: float, curvature: float, used: int, note: str) -> Trajectory:
    residual = np.array([part[0] for part in seen.fine])
    grams = np.array([part[1] for part in seen.fine])
    if not np.all(np.isfinite(grams)):
        raise FlowStalled("the tangent Gram is not finite: scale the inputs down")
    moved = np.array([part[2] for part in seen.fine])
    # how well Grams and displacements are known: as for the residual, from the second run
    doubt = np.linalg.norm(grams - np.array([part[1] for part in seen.coarse]), axis=(1, 2))
    doubt += seen.floor * np.trace(grams, axis1=1, axis2=2)
    moved_doubt = np.abs(moved - np.array([part[2] for part in seen.coarse])) + (1e-14 + seen.floor) * moved
    size = np.linalg.norm(residual, axis=1)
    error = np.linalg.norm(residual - np.array([part[0] for part in seen.coarse]), axis=1) + (1e-14 + seen.floor) * size
    jump, path = _between(problem, seen.times, size + error, slope, curvature)
    final = problem.weights + problem.unpack(seen.last)[0].T @ problem.basis
    output = problem.value(problem.inner * (problem.inputs @ final.T)) @ problem.outer
    speed = problem.inner * slope * np.linalg.norm(problem.factor, 2)
    return Trajectory(
        times=seen.times,
        residual=residual,
        residual_error=error,
        gram=grams,
        least=_least(grams, doubt, jump),
        gram_change=_change(grams, doubt, jump, problem, slope),
        displacement=_moved_between(moved, moved_doubt, speed * path),
        final_weights=final,
        drift=float(np.max(np.abs(residual[-1] - (problem.labels - output)))),
        events=used,
        slides=0,
        note=note,
    )


def _between(problem: _Problem, times: Array, size: Array, slope: float, curvature: float) -> tuple[Array, Array]:
    """Bound what the Jacobian and the weights do between saved times.

    Over an interval the residual's norm never grows, so the path of the residual is at most
    its length times the norm at its start; each ``|w_j'| <= inner |outer_j| sup|s'| |X| |r|``,
    and ``|Delta J|_F^2 <= inner^4 sup|s''|^2 sum_i |x_i|^4 sum_j outer_j^2 |Delta w_j|^2``.
    """
    path = np.concatenate([[0.0], np.diff(times) * size[:-1]])
    spectral = np.linalg.norm(problem.factor, 2)
    fourth = np.sqrt(np.sum(np.linalg.norm(problem.inputs, axis=1) ** 4))
    mass = np.sqrt(np.sum(problem.outer**4))
    return problem.inner**3 * curvature * slope * fourth * spectral * mass * path, path


def _least(grams: Array, doubt: Array, jump: Array) -> Array:
    values = np.linalg.eigvalsh(grams)[:, 0]
    doubt = doubt + 1e-14 * np.trace(grams, axis1=1, axis2=2)
    # below 0 only by rounding: then nothing but 0 is known, so that a lower end is never above the truth
    lower, upper = values - doubt, np.maximum(values, 0.0) + doubt
    roots = np.sqrt(np.maximum(lower, 0.0))
    for i in range(1, len(values)):
        # Weyl for singular values, from both ends of the interval: they share the jump
        lower[i] = min(lower[i], max(min(roots[i], (roots[i - 1] + roots[i] - jump[i]) / 2), 0.0) ** 2)
    return np.column_stack([lower, np.minimum(upper, np.concatenate([upper[:1], upper[:-1]]))])


def _change(grams: Array, doubt: Array, jump: Array, problem: _Problem, slope: float) -> Array:
    change = np.abs(np.linalg.eigvalsh(grams - grams[0])).max(axis=1)
    doubt = doubt + 1e-14 * np.trace(grams, axis1=1, axis2=2) * (np.arange(len(change)) > 0)
    lower = np.maximum.accumulate(np.maximum(change - doubt, 0.0))
    change = change + doubt
    largest = problem.inner * slope * np.linalg.norm(problem.factor, 2) * np.sqrt(np.sum(problem.outer**2))
    upper = np.maximum.accumulate(
        np.maximum(change, np.roll(change, 1) * (np.arange(len(change)) > 0)) + 2 * largest * jump + jump**2
    )
    return np.column_stack([lower, upper])


def _moved_between(moved: Array, doubt: Array, path: Array) -> Array:
    """Bound the movement up to each saved time, inside an interval from both of its ends: a triangle's two sides."""
    after = moved + doubt
    before = np.concatenate([after[:1], after[:-1]])
    upper = np.maximum.accumulate(np.maximum(after, (before + after + path) / 2))
    return np.column_stack([np.maximum.accumulate(np.maximum(moved - doubt, 0.0)), upper])
