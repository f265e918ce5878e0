"""Theorem R1 of razborov2022 (section 3.2): both layers of a ReLU network, a certificate for the instance, gradient flow.

The card is the certificate's own test and conclusions (:mod:`.statements`), held against flows. Built-in errata: alpha > 0
(A3, B2), any c below 1 for flow (B4), the fractional knapsack with its last item (B3), one ball for both layers (I2), only
neurons within reach flip (I3).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.flow import follow
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import meta
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS

RATE, FLOOR, PATH = meta.RATE, meta.FLOOR, t.PATH["flow"]
TEST = {"test": "flips and moved output weights change the Jacobian by at most c alpha"}

_ASSUMED = (s.RELU, *meta.premises(t.TESTS_R1["flow"], TEST))
_GIVEN = tuple(part.label for part in _ASSUMED)
_UNTESTED = tuple(name for name in _GIVEN if name != "test")

OWN = {
    "c": (Annotated[float, "share of alpha by which the Jacobian may move, in (0, 1); 0 searches the best"], 0.0),
    "level": (Annotated[float, "labels at this share of the residual that the test allows; 0 for labels of their own"], 0.0),
}  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    return s.build(flags, "flow")


def hard(
    kind: str,
    n: int,
    width: int,
    scheme: int,
    lazy: float,
    c: float,
    level: float,
    weak: bool,
    seed: int,
    name: str = "relu",
) -> Instance:
    """Small networks with hard inputs, rates of either order, and labels just below, at or far above the test's edge."""
    inputs = build_inputs(InputPlan(kind, n, n + 1, seed, 1)) * math.sqrt(n + 1)
    rates = ((1.0, 1.0), (1.0, 0.01), (0.01, 1.0), (1.0, 0.0))[scheme]
    scale = lazy / math.sqrt(width * (n + 1))
    with np.errstate(all="ignore"):
        made = s.network(
            inputs,
            width,
            (rates[0] / scale**2 / width, rates[1] / scale**2 / width),
            scale,
            seed,
            {"kind": kind, "activation": name},
            name,
        )
        made = with_parameters(made, c=c)
        direction = np.linalg.eigh(made.start[1])[1][:, 0 if weak else -1]
        return s.placed(made, "flow", level, direction) if level else made


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        hard,
        st.sampled_from(["orthogonal", "sphere", "near_parallel", "cluster"]),
        st.integers(1, 3),
        st.sampled_from([4, 20]),
        st.integers(0, 3),
        st.sampled_from([1.0, 30.0]),
        st.sampled_from([0.2, 0.5, 0.02, 0.9]),
        st.sampled_from([0.999, 0.3, 200.0]),
        st.booleans(),
        st.integers(0, 10_000),
    )


R1 = Theorem(
    label="razborov2022.r1",
    title="Both layers of a ReLU network trained by gradient flow at different rates: a test of the initial network",
    reference=Reference("razborov2022", "Theorem R1 with R0', sections 3.1 and 3.2", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION,
    quantities=(
        *s.SHARED, *s.FLOW,
        Quantity(t.mass, "largest sum of a_j^2 over gates of a sample that can flip (fractional knapsack)", s.mass_at("flow")),
    ),
    assumptions=_ASSUMED,
    claims=with_looseness((*meta.speed("flow", _GIVEN), *meta.moved(PATH, _GIVEN)), gram=1.56, rate=1.56, weights=1.71, outer=1.26),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**FLAGS, **OWN}, Instance),
    instances=_instances,
    simulate=partial(follow, count=80),
    sabotages=(
        *meta.false_speed("flow", _GIVEN, _UNTESTED),
        Claim("weights: single rate", "as if both layers had the rate of the output weights", Bound(s.moved_W, sp.sqrt(t.eta_a) * PATH), _GIVEN, falsifies="weights"),
        Claim("outer: single rate", "as if both layers had the rate of the first layer", Bound(s.moved_a, sp.sqrt(t.eta_W) * PATH / 30), _GIVEN, falsifies="outer"),
    ),
    showcase=(
        {"n": 3, "d": 10, "m": 2000, "level": 0.9},
        {"n": 3, "d": 10, "m": 2000, "level": 0.9, "scheme": "ntk"},
        {"data": "breast_cancer", "rows": 4, "m": 4000, "level": 0.9},
    ),
)  # fmt: skip
