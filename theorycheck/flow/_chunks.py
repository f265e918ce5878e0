"""A step of the collocation method, and its evaluation in chunks of stages and neurons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._collocation import radau
from theorycheck.flow._form import Form, Stage, load, pull

Array = NDArray[np.float64]

#: numbers in an array of a chunk, so that buffers stay small beside the state of a wide network
CHUNK = 2**19


def combine(rows: Array, stacked: Array, out: Array | None = None) -> Array:
    """Return ``sum_l rows[i, l] stacked[l]``."""
    flat = stacked.reshape(len(stacked), -1)
    if out is None:
        return np.asarray((rows @ flat).reshape(len(rows), *stacked.shape[1:]))
    np.matmul(rows, flat, out=out.reshape(len(rows), -1))
    return out


@dataclass(eq=False)
class Step:
    """An accepted step, good until the next one is asked for: its arrays are buffers.

    Attributes
    ----------
    start, length : float
        Where it begins, and how long it is.
    u, v
        Coordinates at its start.
    speeds, turns
        ``u'`` (s + 1, k, m) and ``v'`` (s + 1, m, c) or None, at its start and at the nodes.
    residual : (s + 1, n, c)
        The residual at its start and at the nodes.
    """

    start: float
    length: float
    u: Array
    v: Array | None
    speeds: Array
    turns: Array | None
    residual: Array

    def at(self, time: float) -> tuple[Array, Array | None, Array]:
        """Return ``u``, ``v`` and the residual at a time in the step, from the collocation polynomial."""
        col = radau(len(self.speeds) - 1)
        place = np.array([(time - self.start) / self.length])
        row = self.length * col.integral(place)
        u = self.u + combine(row, self.speeds[1:])[0]
        v = None if self.v is None or self.turns is None else self.v + combine(row, self.turns[1:])[0]
        return u, v, combine(col.at(place), self.residual)[0]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Stages and neurons that are evaluated at once."""

    times: slice
    neurons: slice
    form: Form
    stage: Stage
    scratch: Array
    h: Array
    force: Array
    seen: tuple[Array, ...]


def chunks(form: Form, stages: int) -> list[Chunk]:
    """Divide stages and neurons, with buffers for each part."""
    n, m, k, _ = form.sizes
    together = max(1, min(stages, CHUNK // (n * m + 1)))
    width = max(16, min(m, CHUNK // n))
    found = []
    for first in range(0, stages, together):
        times = slice(first, min(first + together, stages))
        for left in range(0, m, width):
            neurons = slice(left, min(left + width, m))
            count, some = times.stop - first, neurons.stop - left
            part = form if width >= m else form.block(neurons)
            h, force, scratch = (np.empty((count, rows, some)) for rows in (n, n, k))
            pieces = 0 if form.gates is None else len(form.gates.pieces)
            seen = tuple(np.empty((count, n, some)) for _ in range(pieces))
            found.append(Chunk(times, neurons, part, Stage.empty(part, count), scratch, h, force, seen))
    return found


def evaluate(chunk: Chunk, u: Array, v: Array | None, residual: Array) -> Array | None:
    """Load a chunk and write the speeds for a residual into its scratch; in one fused pass where that is known."""
    form = chunk.form
    if form.gates is None:
        load(form, chunk.stage, u, v)
        return pull(form, chunk.stage, residual, chunk.scratch)
    h = np.matmul(form.left, u, out=chunk.h)
    h += form.base
    force = chunk.scratch if form.right is None else chunk.force
    form.gates(h, form.network.outer[:, 0], residual[..., 0], chunk.stage.slopes, force, chunk.seen)
    if form.right is not None:
        np.matmul(form.right, force, out=chunk.scratch)
    return None
