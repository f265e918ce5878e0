"""Theorem R1 of razborov2022 (section 3.2) for gradient descent: R0's contraction on the ball of its path."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.statement import Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import meta, r1
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS

STEPS = 120
STEP = " A step is W <- W - eta_W dL/dW, a <- a - eta_a dL/da. Lambda_max: the largest eigenvalue of K_0."
fallen, GAIN, PATH = meta.fallen, meta.GAIN, t.PATH["descent"]


def moved(first: bool) -> Any:
    def read(run: Run) -> Measured:
        """Return how far a layer is from its start at the last step."""
        instance, last = run.instance, measure.descended(run).network
        if first:
            change, size = last.weights - instance.weights, instance.weights
        else:
            change, size = (last.outer - instance.network.outer) / instance.output_scale, instance.signs
        value = float(np.linalg.norm(change))
        return Measured(value, 1e-9 * value + 1e-13 * STEPS * float(np.linalg.norm(size)))

    return read


DESCENT = (
    Quantity(t.top, "largest eigenvalue of the tangent Gram at time 0", s.largest),
    Quantity(fallen, "log(L_0/L_k)/k", measure.fallen_per_step),
    Quantity(s.moved_W, "Frobenius norm of W_k - W_0 at the last step", moved(True)),
    Quantity(s.moved_a, "Euclidean norm of a_k - a_0 at the last step", moved(False)),
)  # fmt: skip
_ASSUMED = (s.RELU, *meta.premises(t.TESTS_R1["descent"], r1.TEST))
_GIVEN = tuple(part.label for part in _ASSUMED)
_UNTESTED = tuple(name for name in _GIVEN if name not in ("step size", "test"))


def _build(flags: dict[str, Any]) -> Instance:
    return s.build(flags, "descent")


def hard(scheme: int, share: float, **drawn: Any) -> Instance:
    """As for the flow, with a step at a share of the largest one at which Q is positive."""
    made = r1.hard(scheme=scheme, **{**drawn, "level": 0.0})
    top = float(np.linalg.eigvalsh(made.start[1])[-1])
    if not 0 < top < math.inf:
        return made
    made = replace(made, rates=(made.rates[0] * share / top, made.rates[1] * share / top))
    with np.errstate(all="ignore"):
        direction = np.linalg.eigh(made.start[1])[1][:, 0 if drawn["weak"] else -1]
        return s.placed(made, "descent", drawn["level"], direction)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        hard,
        scheme=st.integers(0, 3),
        share=st.sampled_from([0.2, 0.8, 0.02, 2.5]),
        kind=st.sampled_from(["orthogonal", "sphere", "near_parallel", "cluster"]),
        n=st.integers(1, 3),
        width=st.sampled_from([4, 20]),
        lazy=st.sampled_from([1.0, 30.0]),
        c=st.sampled_from([0.2, 0.02, 0.35]),
        level=st.sampled_from([0.999, 0.3, 200.0]),
        weak=st.booleans(),
        seed=st.integers(0, 10_000),
    )


def simulate(instance: Instance) -> Run:
    """Descend for :data:`STEPS` unit steps; the rates are the step sizes."""
    found = descend(instance, step=1.0, steps=STEPS, record=range(STEPS + 1))
    return Run(instance, notes=(found.note,) if found.note else (), descent=found)


R1_DESCENT = Theorem(
    label="razborov2022.r1_descent",
    title="Both layers of a ReLU network trained by gradient descent at different rates: a test of the initial network",
    reference=Reference("razborov2022", "Theorem R1 with R0, sections 3.1 and 3.2", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + STEP,
    quantities=(
        *s.SHARED,
        *DESCENT,
        Quantity(t.mass, "largest sum of a_j^2 over gates of a sample that can flip (fractional knapsack)", s.mass_at("descent")),
    ),
    assumptions=_ASSUMED,
    claims=with_looseness(
        (*meta.speed("descent", _GIVEN), *meta.moved(PATH, _GIVEN)),
        contraction=2.25, weights=3.93, outer=2.85,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**FLAGS, **r1.OWN}, Instance),
    instances=_instances,
    simulate=simulate,
    sabotages=(
        *meta.false_speed("descent", _GIVEN, _UNTESTED),
        *meta.false_moved(PATH, _GIVEN, 10),
    ),
    showcase=(
        {"n": 3, "d": 10, "m": 2000, "level": 0.9},
        {"n": 3, "d": 10, "m": 2000, "level": 0.9, "scheme": "ntk"},
        {"data": "breast_cancer", "rows": 4, "m": 4000, "level": 0.9},
    ),
)  # fmt: skip
