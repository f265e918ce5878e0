"""Gradient flow by collocation, with Newton's method in the residual alone.

All that is stiff in gradient flow lives in the residual's ``n c`` dimensions: given the residual
on a step as a function of time, every neuron follows it on its own and gently. So a step looks
for the residual's waveform. From a guess, the neurons' slopes at the stages of a Radau IIA
method follow; with slopes frozen, the residual obeys a linear equation whose matrix is the
tangent Gram, solved in the eigenvectors of the Gram in the middle of the step; and the corrected
residual moves the neurons. What Newton leaves out (slopes change as weights move: the
residual-weighted second derivatives) is not stiff, and repeating takes care of it: two or three
sweeps a step, each one evaluation for a stage, whatever the condition number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._chunks import Chunk, Step, chunks, combine, evaluate
from theorycheck.flow._collocation import Collocation, radau
from theorycheck.flow._form import Form, Stage, fall, gram, load, norm, pull
from theorycheck.flow._loops import exchange
from theorycheck.flow.trajectory import FlowStalled

Array = NDArray[np.float64]

#: stages of the method: 8 are of order 15, and dense output of order 9
STAGES = 8
#: sweeps after which a step is tried again at half its length
SWEEPS = 12
#: the first step over the shortest time scale, 1 / lambda_max
FIRST = 0.5
#: residuals below this count as 0: their digits would be lost to underflow
VANISHED = 1e-280
#: rounding of the residual, relative, as seen on ill-conditioned flows
ROUNDING = 4e-15


@dataclass(eq=False)
class _Work:
    """What a march carries along: buffers, the solver of the step at hand, and counts."""

    form: Form
    col: Collocation
    chunks: list[Chunk]
    step: Step
    before: Step  # the last step, for prediction
    us: Array  # coordinates at the stages: fresh pages for an array of that size would cost more than filling it
    axes: Array  # eigenvectors of the Gram that Newton uses
    values: Array
    reach: float  # the root of the largest first inner^2 |x_i|^2
    rate: float = 1.0
    evaluations: int = 1
    known: bool = False
    solver: Any = None


def march(
    form: Form, residual: Array, horizon: float, tolerance: float, budget: int, stages: int = STAGES
) -> Iterator[tuple[Step, int]]:
    """Yield the accepted steps up to ``horizon`` and the evaluations spent so far; each step is good until the next.

    ``residual`` (n, c) belongs to time 0. Errors are relative to the residual's norm at the start of a step. The
    march ends early, without a word, when the budget of evaluations is spent.

    Raises
    ------
    FlowStalled
        If a number is not finite, or steps become shorter than rounding.
    """
    work = _begin(form, residual, stages)
    top = float(work.values[-1])
    time, length = 0.0, min(horizon, FIRST / top)
    while time < horizon and work.evaluations < budget:
        if not length > 1e-14 * max(time, 1e-3 / top):
            raise FlowStalled(
                f"steps of the flow become shorter than rounding at t = {time:.3g}: rescale the data or the weights"
            )
        work.step.start, work.step.length = time, length
        size = norm(work.step.residual[0])
        error = _advance(work, tolerance, size) if size > VANISHED else _rest(work.step)
        factor = 0.9 * (tolerance / error) ** (1 / (stages + 1)) if error > 0 else 3.0
        if not error <= 1.5 * tolerance:
            length *= min(max(0.3, factor), 0.9) if np.isfinite(error) else 0.5
            continue
        end = horizon if horizon - time - length <= 1e-13 * horizon else time + length
        yield work.step, work.evaluations
        _accept(work)
        time, length = end, min(length * min(3.0, factor), horizon - end)


def _begin(form: Form, residual: Array, stages: int) -> _Work:
    n, m, k, c = form.sizes
    trained = form.gain is not None

    def empty() -> Step:
        turns = np.zeros((stages + 1, m, c)) if trained else None
        v = np.zeros((m, c)) if trained else None
        return Step(0.0, 0.0, np.zeros((k, m)), v, np.zeros((stages + 1, k, m)), turns, np.zeros((stages + 1, n, c)))

    step, now = empty(), Stage.empty(form)
    step.residual[0] = residual
    load(form, now, step.u, step.v)
    turn = pull(form, now, residual, step.speeds[0])
    if step.turns is not None:
        step.turns[0] = turn
    values, axes = np.linalg.eigh(gram(form, now))
    reach = float(np.sqrt(np.max(np.diag(form.cross), initial=0.0)))
    return _Work(
        form,
        radau(stages),
        chunks(form, stages),
        step,
        empty(),
        np.empty((stages, k, m)),
        axes,
        values,
        reach,
    )


def _advance(work: _Work, tolerance: float, size: float) -> float:
    """Sweep until the step's waveform has settled; return the step's error relative to the residual, or infinity."""
    _predict(work)
    work.solver, last = None, np.inf
    for sweep in range(SWEEPS):
        change = _sweep(work, size)
        if not np.isfinite(change):
            break
        # contraction seen in this step, or before the second sweep twice that of the last step
        work.rate = change / last if sweep else min(1.0, 2 * work.rate)
        left = change * work.rate / (1 - work.rate) if work.rate < 0.9 else np.inf
        # where sweeps do not contract any more they have met rounding
        stuck = change <= _noise(work) or (work.rate > 0.3 and change <= 10 * _noise(work))
        if left <= 0.1 * tolerance or stuck:
            return _error(work, size)
        if sweep > 3 and work.rate >= 1:
            break
        last = change
    work.rate, work.known = 1.0, work.known and work.before.length > 0
    return np.inf


def _rest(step: Step) -> float:
    """Fill the step of a flow that has arrived; there is no error."""
    step.speeds[...] = 0.0
    step.residual[...] = 0.0
    if step.turns is not None:
        step.turns[...] = 0.0
    return 0.0


def _predict(work: _Work) -> None:
    """Guess speeds and residuals at the stages: from the last step's polynomial, or a linear equation at the start."""
    step, col = work.step, work.col
    if work.known:
        rows = col.at(1 + col.nodes * step.length / work.before.length)
        combine(rows, work.before.speeds, out=step.speeds[1:])
        step.residual[1:] = combine(rows, work.before.residual)
        if step.turns is not None and work.before.turns is not None:
            combine(rows, work.before.turns, out=step.turns[1:])
        return
    modes = work.axes.T @ step.residual[0].ravel()
    decay = np.exp(-np.maximum(work.values, 0.0) * step.length * col.nodes[:, None])
    step.residual[1:] = ((decay * modes) @ work.axes.T).reshape(step.residual[1:].shape)
    now = Stage.empty(work.form)
    load(work.form, now, step.u, step.v)
    for i in range(col.stages):
        turn = pull(work.form, now, step.residual[i + 1], step.speeds[i + 1])
        if step.turns is not None:
            step.turns[i + 1] = turn


def _sweep(work: _Work, size: float) -> float:
    """Move the neurons by the residual's waveform and correct it; return the relative change of what moves."""
    col, step = work.col, work.step
    moved = step.length * col.matrix
    us = combine(moved, step.speeds[1:], out=work.us)
    us += step.u
    vs = None if step.turns is None or step.v is None else step.v + combine(moved, step.turns[1:])
    falling, residual = np.zeros_like(step.residual[1:]), step.residual[1:]
    for chunk in work.chunks:
        at = (chunk.times, slice(None), chunk.neurons)
        turn = evaluate(chunk, us[at], None if vs is None else vs[chunk.times, chunk.neurons], residual[chunk.times])
        falling[chunk.times] += fall(chunk.form, chunk.stage, chunk.scratch, turn, chunk.force)
    work.evaluations += col.stages
    if work.solver is None:
        work.values, work.axes = _eigen(_middle_gram(work))
        work.solver = np.linalg.inv(np.eye(col.stages) + work.values[:, None, None] * moved)
    gap = step.residual[0] + combine(moved, falling) - step.residual[1:]
    modes = gap.reshape(col.stages, -1) @ work.axes
    change = (np.einsum("ast,ta->sa", work.solver, modes) @ work.axes.T).reshape(gap.shape)
    step.residual[1:] += change
    return norm(change) / size + _settle(work) * step.length * _weigh(work, size)


def _middle_gram(work: _Work) -> Array:
    """Return the tangent Gram of the stage in the middle."""
    middle, found = work.col.stages // 2, np.zeros(())
    for chunk in work.chunks:
        if chunk.times.start <= middle < chunk.times.stop:
            found = found + gram(chunk.form, chunk.stage.part(middle - chunk.times.start))
    return found


def _settle(work: _Work) -> float:
    """Take the speeds that belong to the corrected residual; return by how much they changed, in weights."""
    form, step = work.form, work.step
    parts, unit = [], float(np.sqrt(_unit(form)))
    scale = norm(step.residual[0])
    for chunk in work.chunks:
        old = step.speeds[1:][chunk.times, :, chunk.neurons]
        if chunk.form.gates is not None and chunk.form.right is None:
            residual = step.residual[1:][chunk.times, :, 0]
            parts.append(unit * scale * exchange(chunk.stage.slopes, residual, old, scale))
            continue
        turn = pull(chunk.form, chunk.stage, step.residual[1:][chunk.times], chunk.scratch, chunk.force)
        old -= chunk.scratch
        parts.append(unit * norm(old))
        old[...] = chunk.scratch
        if step.turns is not None and chunk.form.gain is not None and turn is not None:
            turns = step.turns[1:][chunk.times, chunk.neurons]
            parts.append(norm(np.sqrt(chunk.form.gain)[:, None] * (turn - turns)))
            turns[...] = turn
    return norm(np.array(parts)) / float(np.sqrt(work.col.stages))


def _unit(form: Form) -> float:
    """Squared norm of a coordinate's effect on the weights, at most."""
    return float(np.trace(form.left)) if form.right is None else 1.0


def _weigh(work: _Work, size: float) -> float:
    """What an error of the weights counts: by its effect on outputs over the residual, or on pre-activations over 1."""
    return max(float(np.sqrt(work.values[-1])) / size, work.reach)


def _noise(work: _Work) -> float:
    """What rounding of the residual in its fastest direction does to the weights in a step: no step size avoids it."""
    return ROUNDING * work.step.length * float(work.values[-1])


def _eigen(matrix: Array) -> tuple[Array, Array]:
    if not np.all(np.isfinite(matrix)):
        raise FlowStalled("the tangent Gram is not finite: scale the data or the weights down")
    values, axes = np.linalg.eigh(matrix)
    return np.maximum(values, 0.0), axes


def _error(work: _Work, size: float) -> float:
    """Return what the polynomial through the nodes misses: its defect at the start, as an error of the residual."""
    form, step, row = work.form, work.step, work.col.leading[None, :]
    error = norm(combine(row, step.residual)) / size
    moved = np.sqrt(_unit(form)) * norm(combine(row, step.speeds))
    if step.turns is not None and form.gain is not None:
        moved += norm(np.sqrt(form.gain)[:, None] * combine(row, step.turns)[0])
    moved *= step.length * _weigh(work, size) / (2 * work.col.stages)
    return max(error, moved - _noise(work))


def _accept(work: _Work) -> None:
    """Let the end of the step be the start of the next; the buffers change places."""
    step, spare = work.step, work.before
    row = step.length * work.col.matrix[-1:]
    spare.u = step.u + combine(row, step.speeds[1:])[0]
    spare.speeds[0], spare.residual[0] = step.speeds[-1], step.residual[-1]
    if step.turns is not None and spare.turns is not None and step.v is not None:
        spare.v = step.v + combine(row, step.turns[1:])[0]
        spare.turns[0] = step.turns[-1]
    work.step, work.before, work.known = spare, step, True
