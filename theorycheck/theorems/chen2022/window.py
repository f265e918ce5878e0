"""Theorem C of chen2022 (section 4.3): the window that the loss can pay for; sharpest, and computable from the weights.

``Q(rho) = min_a (1/m) sum_i c_i^2 inf s'^2`` over the windows ``|u - h_ia(0)| <= |c_i| rho`` falls
with rho. The theorem holds for every function below it, so Q and its integral are measured by
proved lower bounds, which are exact numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.certify.problem import of_instance
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.grams import Array
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.certificates import areas, search_c, window_floors

#: steps of the lower sum
_STEPS = 64
start = sp.Symbol("Q_0", real=True)


def _silent(fraction: float, stage: str) -> None:
    """Report progress to nobody."""


@lru_cache(maxsize=8)
def _floors(instance: Instance) -> tuple[Array, Array]:
    grid = instance.parameters["rho"] * np.arange(1, _STEPS + 1) / _STEPS
    return grid, window_floors(of_instance(instance), grid, _silent)


def _area(run: Run) -> Measured:
    return Measured(float(areas(*_floors(run.instance))[-1]), 0.0, rigorous=True)


def _last(run: Run) -> Measured:
    return Measured(float(_floors(run.instance)[1][-1]), 0.0, rigorous=True)


def _first(run: Run) -> Measured:
    tiny = np.array([run.instance.parameters["rho"] * 1e-9])
    return Measured(float(window_floors(of_instance(run.instance), tiny, _silent)[0]), 0.0, rigorous=True)


QUANTITIES = (
    s.SIZES[0],
    *(part for part in s.GEOMETRY if part.symbol in (t.lam, t.g)),
    s.RESIDUAL, s.SLOPE, s.RATE, s.WINDOW_EACH,
    Quantity(t.window, "the window rho", measure.parameter("rho")),
    Quantity(t.area, "a lower bound of the integral of Q from 0 to rho", _area),
    Quantity(t.last, "a lower bound of Q(rho)", _last),
    Quantity(start, "Q near 0", _first),
)  # fmt: skip

_WORDS = {
    "lambda_min positive": "the inputs are linearly independent",
    "Q positive": "the slope is bounded away from 0 in the window, for enough neurons",
    "test": "the loss can pay for the whole window",
}
_GIVEN = tuple(label for label, _ in t.TESTS_C)
_UNTESTED = tuple(label for label in _GIVEN if label != "test")
_RATE, _WINDOW = t.CONCLUSIONS_C[0].expr, t.CONCLUSIONS_C[1].expr


# --- instances -------------------------------------------------------------------------------


def placed(instance: Instance, level: float) -> Instance:
    """Return the instance with labels at ``level`` times the largest residual that is allowed, and the least window."""
    size = float(np.median(np.abs(instance.signs)))
    far = with_parameters(instance, rho=6.0 * max(1.0, float(np.std(s.measures.preactivations(instance)))) / size)
    run = Run(far)
    values = {
        part.symbol: float(part.measure(run).value)
        for part in QUANTITIES
        if part.symbol in (t.lam, t.g, t.slope, t.area)
    }
    allowed = values[t.area] * values[t.lam] / (values[t.slope] * values[t.g]) if values[t.g] > 0 else 0.0
    if not math.isfinite(allowed):
        return far
    near = s.with_residual(far, min(level, 0.95) * allowed) if level and allowed > 0 else far
    found = search_c(of_instance(near), "flow", _silent).values
    # beyond the threshold: the window of labels that are near enough, and labels that are not
    near = s.with_residual(near, level * allowed) if level > 0.95 and allowed > 0 else near
    return with_parameters(near, rho=float(found[t.window]))


_OWN = ("n", "d", "m", "activation", "kappa", "nu", "mirrored", "level")


def _build(flags: Mapping[str, Any]) -> Instance:
    s.not_negative(flags, "level")
    return placed(s.build(flags), flags["level"])


def _hard(
    kind: str, n: int, extra: int, width: int, name: str, level: float, weak: bool, seed: int, kappa: float
) -> Instance:
    with np.errstate(all="ignore"):
        return placed(s.hard(kind, n, extra, width, name, weak, seed, kappa, {"level": level}), level)


def _strategy() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "near_parallel", "sphere", "gaussian", "cluster"]),
        st.integers(1, 3),
        st.integers(0, 2),
        st.sampled_from([2, 8, 40, 200]),
        st.sampled_from(["tanh", "relu", "softplus", "sigmoid", "gelu", "erf", "silu"]),
        st.sampled_from([0.95, 0.5, 100.0, 2.0]),
        st.booleans(),
        st.integers(0, 10_000),
        st.sampled_from([1.0, 3.0]),
    )


C = Theorem(
    label="chen2022.c",
    title="Mean-field networks: the window that the loss pays for",
    reference=Reference("chen2022", "Theorem C, section 4.3", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " Q(rho): least mean over the neurons of c_i^2 s'^2 when no preactivation leaves |c_i| rho.",
    quantities=QUANTITIES,
    assumptions=s.assumptions(t.TESTS_C, _WORDS),
    claims=with_looseness(
        (
            Claim("rate", "the loss decays at the rate of the far end of the window", Bound(_RATE, s.rate), _GIVEN),
            Claim("window", "no preactivation leaves |c_i| rho", Bound(s.moved_each, _WINDOW), _GIVEN),
        ),
        rate=3.1, window=1.5,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**{key: s.FLAGS[key] for key in _OWN}, **s.DATA}, Instance),
    instances=_strategy,
    simulate=follow,
    sabotages=(
        Claim("rate: lambda_min dropped", "as if the inputs were orthogonal", Bound(_RATE / t.lam, s.rate), _GIVEN, falsifies="rate"),
        Claim("rate: of the start", "no slope is lost to movement", Bound(_RATE * start / t.last, s.rate), _GIVEN, falsifies="rate"),
        Claim("rate: labels anywhere", "any label is fitted", Bound(_RATE, s.rate), _UNTESTED, falsifies="rate"),
        Claim("window: a hundredth", "almost no movement", Bound(s.moved_each, _WINDOW / 100), _GIVEN, falsifies="window"),
    ),
    showcase=(
        {"n": 3, "d": 6, "m": 400, "activation": "tanh", "level": 0.95},
        {"n": 2, "d": 4, "m": 200, "activation": "relu", "data": "orthogonal", "level": 0.95},
        {"data": "breast_cancer", "rows": 6, "m": 200, "activation": "softplus", "level": 0.95},
    ),
)  # fmt: skip
