"""Gradient flow by Dormand and Prince's explicit pair of order 8 (SciPy's DOP853): the second, independent integrator.

It takes over where asked for. Its steps are limited by the largest eigenvalue of the tangent Gram, so it suits mild
conditioning; the error weights shrink with the residual, as in the collocation method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

from theorycheck.flow._form import Form, Stage, fall, gram, load, pull
from theorycheck.flow.trajectory import FlowStalled

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExplicitStep:
    """An accepted step with its interpolant of order 7."""

    form: Form
    start: float
    length: float
    solver: DOP853

    def at(self, time: float) -> tuple[Array, Array | None, Array]:
        """Return ``u``, ``v`` and the residual at a time in the step."""
        return _unpack(self.form, self.solver.y if time == self.solver.t else self.solver.dense_output()(time))


def march_explicit(
    form: Form, residual: Array, horizon: float, tolerance: float, budget: int
) -> Iterator[tuple[ExplicitStep, int]]:
    """Yield the accepted steps and the evaluations spent so far, as :func:`theorycheck.flow._waveform.march` does."""
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
        size = float(np.linalg.norm(state[-n * c :])) + 1e-290
        unit = np.linalg.norm(form.left, 2) if form.right is None else 1.0
        own = np.full(k * m, np.sqrt(np.sum(form.network.outer**2) / m) * size / np.sqrt(top * max(unit, 1e-300)))
        outer = np.full(m * c if trained else 0, size / top)
        return tolerance * np.concatenate([own, outer, np.full(n * c, size / np.sqrt(len(state)))]) + 1e-300

    first = np.concatenate([np.zeros(k * m + (m * c if trained else 0)), residual.ravel()])
    solver = DOP853(speed, 0.0, first, horizon, rtol=3e-14, atol=weights(first))
    while solver.status == "running" and solver.nfev <= budget:
        solver.step()
        if not np.all(np.isfinite(solver.y)):
            raise FlowStalled(
                f"the flow is not finite beyond t = {solver.t_old:.3g}: scale the data or the weights down"
            )
        solver.atol = weights(solver.y)
        yield ExplicitStep(form, solver.t_old, solver.t - solver.t_old, solver), solver.nfev


def _unpack(form: Form, state: Array) -> tuple[Array, Array | None, Array]:
    n, m, k, c = form.sizes
    v = None if form.gain is None else state[k * m : k * m + m * c].reshape(m, c)
    return state[: k * m].reshape(k, m), v, state[-n * c :].reshape(n, c)
