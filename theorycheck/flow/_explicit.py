"""Gradient flow by Dormand and Prince's explicit pair of order 8 (SciPy's DOP853): the second, independent integrator.

It takes over where asked for. Its steps are limited by the largest eigenvalue of the tangent Gram, so it suits mild
conditioning; the error weights shrink with the residual, as in the collocation method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

from theorycheck.flow._form import Form, Stage, fall, gram, load, norm, pull
from theorycheck.flow.trajectory import FlowStalled

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Landing:
    """The state at one saved time."""

    form: Form
    start: float
    length: float
    state: Array

    def at(self, _time: float) -> tuple[Array, Array | None, Array]:
        """Return ``u``, ``v`` and the residual at the end."""
        return _unpack(self.form, self.state)


def march_explicit(
    form: Form, residual: Array, times: Array, tolerance: float, budget: int
) -> Iterator[tuple[Landing, int]]:
    """Yield the states at the saved times, and the evaluations spent so far.

    The method lands on every saved time: where its steps are limited by stability its interpolant, which no step control
    sees, was wrong by a thousand tolerances.
    """
    n, m, k, c = form.sizes
    trained = form.gain is not None
    stage = Stage.empty(form)
    load(form, stage, np.zeros((k, m)), None)
    top = float(np.linalg.eigvalsh(gram(form, stage))[-1])

    def speed(_time: float, state: Array) -> Array:
        u, v, r = _unpack(form, state)
        load(form, stage, u, v)
        moving = np.empty((k, m))
        turning = pull(form, stage, r, moving)
        falling = fall(form, stage, moving, turning)
        parts = [moving, falling] if turning is None else [moving, turning, falling]
        return np.concatenate([part.ravel() for part in parts])

    def weights(state: Array) -> Array:
        # SciPy averages squares over all numbers: the root of their count keeps few residuals from drowning
        size = norm(state[-n * c :]) + 1e-290
        unit = np.linalg.norm(form.left, 2) if form.right is None else 1.0
        own = np.full(k * m, np.sqrt(np.sum(form.network.outer**2) / m) * size / np.sqrt(top * max(unit, 1e-300)))
        outer = np.full(m * c if trained else 0, size / top)
        return tolerance * np.concatenate([own, outer, np.full(n * c, size / np.sqrt(len(state)))]) + 1e-300

    state = np.concatenate([np.zeros(k * m + (m * c if trained else 0)), residual.ravel()])
    spent, step = 0, None
    for begin, end in pairwise(times):
        solver = DOP853(speed, begin, state, end, rtol=3e-14, atol=weights(state), first_step=step)
        while solver.status == "running":
            solver.step()
            if not np.all(np.isfinite(solver.y)):
                raise FlowStalled(
                    f"the flow is not finite beyond t = {solver.t_old:.3g}: scale the data or the weights down"
                )
            if spent + solver.nfev > budget:
                return
            solver.atol = weights(solver.y)
        spent, state = spent + solver.nfev, solver.y
        step = None if end == times[-1] else min(solver.h_abs, float(times[times > end][0] - end))
        yield Landing(form, begin, end - begin, state), spent


def _unpack(form: Form, state: Array) -> tuple[Array, Array | None, Array]:
    n, m, k, c = form.sizes
    v = None if form.gain is None else state[k * m : k * m + m * c].reshape(m, c)
    return state[: k * m].reshape(k, m), v, state[-n * c :].reshape(n, c)
