"""Gradient flow of smooth activations to a stated tolerance: steps, what is kept of them, and how well it is known.

The residual is a state of its own (``r' = -G r`` beside the weights), so the loss keeps relative accuracy while it falls;
its drift from ``y - f(W)`` is a reported invariant. Steps come from :mod:`theorycheck.flow._waveform` (collocation, whatever
the condition number) or :mod:`theorycheck.flow._explicit`.

Two statements about the error: a bound from the defect and a logarithmic norm (:mod:`theorycheck.flow._bound`), and the
difference from a second run at :data:`COARSE` times the tolerance, which is made where the bound says too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._between import between
from theorycheck.flow._bound import Comparison, Suprema, comparison, grow
from theorycheck.flow._explicit import march_explicit
from theorycheck.flow._form import Form, Stage, gram, load, make_form, norm
from theorycheck.flow._taylor import march_taylor
from theorycheck.flow._waveform import march
from theorycheck.flow.trajectory import FlowStalled, Trajectory
from theorycheck.network import Network

Array = NDArray[np.float64]

#: the second run's tolerance over the first's
COARSE = 30.0
#: what the interpolant may add at a saved time inside a step, in units of the tolerance
INTERPOLANT = 3.0
#: a bound up to this many tolerances says enough: no second run
ENOUGH = 300.0


@dataclass(eq=False)
class Seen:
    """What was seen at the saved times that were reached, and the last coordinates."""

    residual: list[Array] = field(default_factory=list)
    gram: list[Array] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    turned: list[float] = field(default_factory=list)
    norms: list[tuple[float, float, float]] = field(default_factory=list)
    bound: list[tuple[float, float]] = field(default_factory=list)
    last: tuple[Array, Array | None] | None = None
    evaluations: int = 0


def follow_smooth(
    network: Network,
    labels: Array,
    times: Array,
    suprema: Suprema | None,
    *,
    tolerance: float = 1e-9,
    method: str = "collocation",
    second_run: bool = True,
    budget: int = 60_000,
    progress: Callable[[float], None] | None = None,
) -> Trajectory:
    """Follow the gradient flow of ``|y - f|^2 / 2`` for a network in normal form.

    Parameters
    ----------
    labels
        ``(n, c)``.
    times
        ``(k,)``, increasing from 0.
    suprema
        Of the activation's derivatives: they bound what happens between saved times, and the error. None: the bare
        integration, with infinite errors.
    tolerance
        Error per step, relative to the residual.
    method
        ``"collocation"``, ``"explicit"`` or ``"taylor"``.
    second_run
        Whether the error is also estimated by a second run, where the bound says too little; if not, the bound
        stands, however large.
    budget
        The most evaluations of the right-hand side, in each of the two runs.

    Raises
    ------
    FlowStalled
        If the budget runs out before the first saved time, or a number is not finite.
    """
    with np.errstate(all="ignore"):
        form = make_form(network, labels)
        start = labels - form.value(form.base) @ network.outer
        fine = _run(form, start, times, tolerance, method, budget, suprema, progress)
        if suprema is None:
            unknown = np.full(len(fine.residual), np.inf)
            nothing = Suprema(np.inf, np.inf, np.inf)
            return _trajectory(form, fine, times, Doubts(unknown, unknown, unknown, unknown), nothing)
        known = comparison(form, suprema)
        size = _norms(fine.residual)
        enough = np.array(fine.bound)[:, 0] <= ENOUGH * tolerance * size + 1e-300
        if not second_run or np.all(enough):
            return _trajectory(form, fine, times, _by_bound(fine, known), suprema)
        reached = times[: len(fine.residual)]
        other = _run(form, start, reached, COARSE * tolerance, method, budget, None, None)
        return _trajectory(form, fine, times, _by_difference(fine, other, reached, tolerance), suprema, other)


@dataclass(frozen=True)
class Doubts:
    """Errors at saved times ``(k,)``: of the residual's norm, the Gram, displacements and moves of outer weights."""

    residual: Array
    gram: Array
    moved: Array
    turned: Array


def _norms(rows: list[Array]) -> Array:
    return np.array([norm(row) for row in rows])


def _by_bound(fine: Seen, known: Comparison) -> Doubts:
    """Take the proved bounds of residual and weights, and what they allow the Gram and displacements."""
    bound, moved = np.array(fine.bound), np.array(fine.moved)
    weights = known.turning * bound[:, 1]
    return Doubts(
        bound[:, 0], 2 * known.jacobian * weights + weights**2, known.longest * bound[:, 1] + 1e-14 * moved, 0 * moved
    )


def _by_difference(fine: Seen, other: Seen, times: Array, tolerance: float) -> Doubts:
    """Estimate errors by the difference of two runs; nothing is known where the second has not come."""
    # the interpolant is not part of the step control: as much again as a step may be off
    floor = 1e-14 + INTERPOLANT * tolerance * (times > 0)

    def apart(one: list[Any], two: list[Any], scale: Array) -> Array:
        found = np.full(len(scale), np.inf)
        met = min(len(one), len(two), len(scale))
        found[:met] = [norm(np.atleast_1d(a - b)) for a, b in zip(one[:met], two[:met], strict=True)]
        return found + floor[: len(scale)] * scale

    bound, traces = np.array(fine.bound)[:, 0], np.trace(np.array(fine.gram), axis1=1, axis2=2)
    return Doubts(
        residual=np.minimum(bound, apart(fine.residual, other.residual, _norms(fine.residual))),
        gram=apart(fine.gram, other.gram, traces),
        moved=apart(fine.moved, other.moved, np.array(fine.moved)),
        turned=apart(fine.turned, other.turned, np.array(fine.turned)),
    )


def _run(
    form: Form,
    start: Array,
    times: Array,
    tolerance: float,
    method: str,
    budget: int,
    suprema: Suprema | None,
    progress: Callable[[float], None] | None,
) -> Seen:
    """Follow the flow once and keep what is seen at the saved times."""
    _, m, k, c = form.sizes
    seen, stage = Seen(), Stage.empty(form)
    u, v = np.zeros((k, m)), (None if form.gain is None else np.zeros((m, c)))
    if not np.all(np.isfinite(start)):
        raise FlowStalled("the network's output at time 0 is not finite: scale the data or the weights down")
    _observe(form, stage, seen, u, v, start, (0.0, 0.0))
    if not np.all(np.isfinite(seen.gram[0])):
        raise FlowStalled("the tangent Gram at time 0 is not finite: scale the data or the weights down")
    if norm(start) == 0 or not np.linalg.eigvalsh(seen.gram[0])[-1] > 0:
        for _ in times[1:]:  # nothing moves: an exact equilibrium of the flow
            _observe(form, stage, seen, u, v, start, (0.0, 0.0))
        return seen
    for step, spent, bounds in _steps(form, start, times, tolerance, method, budget, suprema):
        seen.evaluations = spent
        end = step.start + step.length
        while len(seen.residual) < len(times) and times[len(seen.residual)] <= end * (1 + 1e-13):
            u, v, residual = step.at(min(float(times[len(seen.residual)]), end))
            _observe(form, stage, seen, u, v, residual, bounds)
        if progress is not None:
            progress(min(1.0, end / float(times[-1])))
    if len(seen.residual) < 2 <= len(times):
        raise FlowStalled(
            f"the flow was followed to no saved time within {budget} evaluations: ask for a shorter horizon, "
            "raise the budget, or look at the conditioning of the tangent Gram"
        )
    return seen


def _steps(
    form: Form, start: Array, times: Array, tolerance: float, method: str, budget: int, suprema: Suprema | None
) -> Iterator[tuple[Any, int, tuple[float, float]]]:
    """Yield steps, evaluations spent, and bounds of the errors of residual and weights on the step."""
    known = comparison(form, suprema) if suprema is not None and method == "collocation" else None
    weights = at_end = on_step = 0.0 if known is not None and known.useful and form.gain is None else np.inf
    if method == "explicit":
        for step, spent in march_explicit(form, start, times, tolerance, budget):
            yield step, spent, (on_step, weights)
        return
    if method == "taylor":
        for series, spent in march_taylor(form, start, float(times[-1]), tolerance, budget):
            yield series, spent, (on_step, weights)
        return
    for waveform, spent in march(form, start, float(times[-1]), tolerance, budget):
        if known is not None and np.isfinite(weights):
            weights, on_step, at_end = grow(form, known, waveform, (weights, at_end))
        yield waveform, spent, (on_step, weights)


def _observe(
    form: Form, stage: Stage, seen: Seen, u: Array, v: Array | None, residual: Array, bounds: tuple[float, float]
) -> None:
    load(form, stage, u, v)
    seen.residual.append(residual.ravel().copy())
    seen.gram.append(gram(form, stage))
    lengths, outer = form.displacement(u), np.linalg.norm(form.network.outer, axis=1)
    if form.gain is None:
        lengths = lengths[outer > 0] / outer[outer > 0]
    seen.moved.append(float(np.max(lengths, initial=0.0)))
    if v is not None:
        turned = form.network.second * np.abs(form.network.gain[:, None] * v)
        seen.turned.append(float(np.max(turned, initial=0.0)))
        assert stage.values is not None
        rows = np.linalg.norm(stage.outer, axis=1)
        seen.norms.append((float(np.linalg.norm(rows)), float(rows.max()), float(np.linalg.norm(stage.values))))
    seen.bound.append(bounds)
    seen.last = u, v


def _trajectory(
    form: Form, fine: Seen, times: Array, doubts: Doubts, suprema: Suprema, other: Seen | None = None
) -> Trajectory:
    reached = len(fine.residual)
    assert fine.last is not None
    grams, residual = np.array(fine.gram), np.array(fine.residual)
    if not np.all(np.isfinite(grams)):
        raise FlowStalled("the tangent Gram is not finite: scale the inputs down")
    used = fine.evaluations + (other.evaluations if other is not None else 0)
    note = ""
    if reached < len(times):
        note = f"stopped at t = {times[reached - 1]:.3g} of {times[-1]:.3g} after {used} evaluations"
    size = _norms(fine.residual) + doubts.residual
    covered = between(form, fine, times[:reached], size, (doubts.gram, doubts.moved, doubts.turned), suprema)
    u, v = fine.last
    final = form.weights(u)
    outer = form.network.outer if v is None or form.gain is None else form.network.outer + form.gain[:, None] * v
    h = form.network.inner * (form.network.inputs @ final.T) + form.network.shift
    output = form.value(h) @ outer
    return Trajectory(
        times=times[:reached],
        residual=residual,
        residual_error=doubts.residual,
        gram=grams,
        least=covered.least,
        gram_change=covered.change,
        displacement=covered.moved,
        final_weights=final,
        drift=float(np.max(np.abs(residual[-1] - (form.labels - output).ravel()))),
        events=used,
        note=note,
        final_outer=None if v is None else outer,
        outer_moved=covered.turned,
        bound=np.array(fine.bound),
    )
