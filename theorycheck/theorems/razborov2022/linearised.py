"""How far descent is from the linearised run ``(I - K_0)^k r_0`` (razborov2022, section 4.7).

A step takes r to ``(I - Jm J')r``, and ``|Jm J' - K_0| <= eps = 2 D sqrt(Lambda) + D^2`` if J and Jm are within D of J_0. So the
distance grows by at most ``eps |r_k|`` a step while what is there shrinks by ``1 - alpha^2`` at least. The theory's form has
``D = c alpha``, and the contraction of R0 for both.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import jacobians, one_step
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS_SMOOTH

STEPS = 30
change = sp.Symbol("D_k", nonnegative=True)
apart = sp.Symbol("E_k", nonnegative=True)
worst, step = sp.symbols("rho k", positive=True)

#: how far Jm J' is from K_0
MOVED = 2 * change * sp.sqrt(t.top) + change**2
DISTANCE = MOVED * step * worst ** (step - 1) * t.r_0


@lru_cache(maxsize=4)
def _linear(instance: Instance, steps: int) -> Array:
    """Return ``(I - K_0)^k r_0`` for k = 0 to steps."""
    residual, gram = instance.start
    rows = [residual]
    for _ in range(steps):
        rows.append(rows[-1] - gram @ rows[-1])
    return np.array(rows)


def _apart(run: Run) -> Measured:
    """Return ``|r_k - (I - K_0)^k r_0|`` for k = 1, 2, ..."""
    found = measure.descended(run)
    value = np.linalg.norm(found.residual - _linear(run.instance, found.taken), axis=1)[1:]
    scale = float(np.linalg.norm(run.instance.labels)) + float(np.linalg.norm(found.residual[0]))
    return Measured(value, 1e-13 * scale * found.steps[1:])


def _steps(run: Run) -> Measured:
    return Measured(measure.descended(run).steps[1:].astype(float), 0.0, rigorous=True)


def _change(run: Run) -> Measured:
    """Return the largest ``|J - J_0|`` and ``|Jm - J_0|`` over the first k steps, for k = 1, 2, ..."""
    found = measure.descended(run)
    value, size = (
        np.maximum.accumulate(found.quantities["looked"][1:, 0]),
        float(np.linalg.norm(jacobians.start(run.instance))),
    )
    return Measured(value, 1e-10 * (value + size))


def _worst(run: Run) -> Measured:
    """Return the most that a step leaves of the residual, of the run or of the linearised one."""
    found = measure.descended(run)
    with np.errstate(all="ignore"):
        sizes = np.linalg.norm(found.residual, axis=1)
        doubt = 1e-13 * (float(np.linalg.norm(run.instance.labels)) + sizes[0]) / sizes
        # what is left of rounding says nothing, and what is left of it may be as large
        seen = np.where(doubt[:-1] < 1e-6, sizes[1:] / sizes[:-1], 0.0)
    values = np.linalg.eigvalsh(run.instance.start[1])
    value = max(float(seen.max(initial=0.0)), float(np.max(np.abs(1 - values))))
    return Measured(value, 1e-6 * float(np.any(doubt[:-1] >= 1e-6)) + 1e-11 * (1 + value))


_ASSUMED = (
    Assumption("contracts", "a step of the run, and one of the linearised run, leave at most rho < 1 of the residual", Bound(worst, sp.S.One, strict=True)),
)  # fmt: skip


LINEARISED = Theorem(
    label="razborov2022.linearised",
    title="Descent at two rates stays near the linearised run, as far as its Jacobian stays near its start",
    reference=Reference("razborov2022", "section 4.7", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " J: the Jacobian by (W/sqrt(eta_W), a/sqrt(eta_a)); Jm: its mean over a step. Lambda_max: the largest "
    "eigenvalue of K_0. rho is at most sqrt(1 - q alpha^2) under R0.",
    quantities=(
        Quantity(t.top, "largest eigenvalue of the tangent Gram at time 0", s.largest),
        Quantity(t.r_0, "|y - f| at time 0", measure.initial_residual),
        Quantity(change, "the largest |J - J_0| and |Jm - J_0| over k steps", _change),
        Quantity(worst, "most that a step leaves of |r|, of the run or the linearised run", _worst),
        Quantity(step, "number of steps", _steps),
        Quantity(apart, "|r_k - (I - K_0)^k r_0|", _apart),
    ),
    assumptions=_ASSUMED,
    claims=with_looseness(
        (Claim("distance", "the runs are at most (2 D_k sqrt(Lambda) + D_k^2) k rho^(k-1) |r_0| apart", Bound(apart, DISTANCE), ("contracts",)),),
        distance=25.6,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(one_step.build, FLAGS_SMOOTH, Instance),
    instances=one_step.instances,
    simulate=partial(jacobians.walk, steps=STEPS),
    sabotages=(
        Claim("distance: half", "half as far", Bound(apart, DISTANCE / 2), ("contracts",), falsifies="distance"),
        Claim("distance: second order only", "as if only D^2 counted", Bound(apart, change**2 * step * worst ** (step - 1) * t.r_0), ("contracts",), falsifies="distance"),
        Claim("distance: no growth", "as if it did not add up", Bound(apart, MOVED * worst ** (step - 1) * t.r_0), ("contracts",), falsifies="distance"),
    ),
    showcase=({"n": 3, "d": 10, "m": 300, "label": 0.3}, {"data": "breast_cancer", "rows": 4, "m": 300, "residual": 0.1}),
)  # fmt: skip
