"""Gradient descent in caron2023's model: runs of a fixed number of steps, and what is measured along them."""

from __future__ import annotations

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import State, descend
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.theorems.caron2023 import setting as s

STEPS, LOOK = 40, 5  # steps, of which every fifth is looked at more closely
STEP_NOTATION = " A step of descent is W <- W - eta dL/dW; k counts steps."

eta = sp.Symbol("eta", positive=True)
fallen = sp.Symbol("rho_k", real=True)
#: the share of the loss that a step takes off: 1 - (L_k/L_0)^(1/k)
TAKEN = 1 - sp.exp(-fallen)

#: (I - eta J J') is a contraction for every Jacobian on the way: |J|^2 <= s_X/d (L1)
STABLE = Assumption("stable step", "half of the step at which the linear part is stable", Bound(eta * s.s_X, s.d / 2))
STABLE_EIGHTFOLD = Assumption(
    "stable step, eightfold", "eight times as large a step (for a sabotage only)", Bound(eta * s.s_X, 8 * s.d / 2)
)


def with_step(instance: Instance, share: float) -> Instance:
    """Return the instance with this share of the largest stable step, ``d/(2 s_X)``."""
    spectral = float(measure.spectral_square(Run(instance)).value)
    stable = instance.d / (2 * spectral) if 0 < spectral < np.inf else 1.0
    return with_parameters(instance, step=share * stable)


def simulate(instance: Instance) -> Run:
    """Descend for :data:`STEPS` steps of the instance's own size."""
    outer = np.abs(instance.outer)

    def least(state: State) -> float:
        looked = state.step % LOOK == 0 and np.all(np.isfinite(state.gram))
        return float(np.linalg.eigvalsh(state.gram)[0]) if looked else np.nan

    def moved(state: State) -> float:
        return (
            np.nan
            if state.step % LOOK
            else float(np.max(np.linalg.norm(state.network.weights - instance.weights, axis=1) / outer))
        )

    found = descend(
        instance,
        step=instance.parameters["step"],
        steps=STEPS,
        record=range(STEPS + 1),
        quantities={"least": least, "moved": moved},
    )
    return Run(instance, notes=(found.note,) if found.note else (), descent=found)


def _least(run: Run) -> Measured:
    value = measure.descended(run).quantities["least"][::LOOK]
    # |J|^2 <= s_X/d bounds the Gram that is rounded
    size = float(np.trace(run.instance.inputs @ run.instance.inputs.T)) / run.instance.d
    return Measured(value, (64 + 4 * run.instance.d) * np.finfo(float).eps * size)


def _moved(run: Run) -> Measured:
    value = measure.descended(run).quantities["moved"][::LOOK]
    lost = np.max(np.linalg.norm(run.instance.weights, axis=1) / np.abs(run.instance.outer))
    return Measured(value, 1e-9 * value + 4 * STEPS * np.finfo(float).eps * float(lost))


PATH = (
    Quantity(eta, "step size", measure.parameter("step")),
    Quantity(fallen, "log(L_0/L_k)/k", measure.fallen_per_step),
    Quantity(s.least, "least eigenvalue of the tangent Gram after k steps", _least),
    Quantity(s.moved, "max_j |w_kj - w_0j|/sqrt(lambda_j)", _moved),
)
