"""Theorems R0' (flow) and R0 (descent) of razborov2022 for smooth activations: a test of the initial network.

Slopes move by curvature times the moved preactivations, so J moves in proportion to the path; else as R1.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.certify.recipe import Dynamics
from theorycheck.flow import follow
from theorycheck.model import Instance
from theorycheck.statement import Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import meta, r1, r1_descent
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS_SMOOTH

TEST = {"test": "moved slopes and output weights change the Jacobian by at most c alpha"}

DRAWN: dict[str, SearchStrategy[Any]] = {
    "kind": st.sampled_from(["orthogonal", "sphere", "near_parallel", "cluster"]),
    "n": st.integers(1, 3),
    "width": st.sampled_from([4, 20]),
    "scheme": st.integers(0, 3),
    "lazy": st.sampled_from([1.0, 30.0]),
    "level": st.sampled_from([0.999, 0.3, 200.0]),
    "weak": st.booleans(),
    "seed": st.integers(0, 10_000),
    "name": st.sampled_from(["tanh", "softplus", "erf"]),
}


def _instances(dynamics: Dynamics) -> SearchStrategy[Instance]:
    if dynamics == "flow":
        return st.builds(r1.hard, c=st.sampled_from([0.2, 0.5, 0.02, 0.9]), **DRAWN)
    return st.builds(
        r1_descent.hard, c=st.sampled_from([0.2, 0.02, 0.35]), share=st.sampled_from([0.2, 0.8, 0.02, 2.5]), **DRAWN
    )


def _card(
    label: str, dynamics: Dynamics, place: str, notation: str, quantities: tuple[Any, ...], simulate: Any, showcase: Any, **looseness: float
) -> Theorem:  # fmt: skip
    assumed = meta.premises(t.TESTS_R0[dynamics], TEST)
    given = tuple(part.label for part in assumed)
    untested = tuple(name for name in given if name not in ("test", "step size"))
    return Theorem(
        label=f"razborov2022.{label}",
        title=f"Both layers trained by gradient {dynamics} at different rates, smooth activations: a test of the initial network",
        reference=Reference("razborov2022", f"{place}, section 3.1", "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=notation + " L_s, C_s: the largest slope and curvature of the activation.",
        quantities=(*(one for one in s.SHARED if one.symbol is not s.relu), *s.SMOOTH, *quantities),
        assumptions=assumed,
        claims=with_looseness((*meta.speed(dynamics, given), *meta.moved(t.PATH[dynamics], given)), **looseness),
        derivations=(),
        order=("data", "weights", "labels"),
        example=keyword_example(partial(s.build, dynamics=dynamics), {**FLAGS_SMOOTH, **r1.OWN}, Instance),
        instances=partial(_instances, dynamics),
        simulate=simulate,
        sabotages=(*meta.false_speed(dynamics, given, untested), *meta.false_moved(t.PATH[dynamics], given, 10)),
        showcase=showcase,
    )


_SHOW = (
    {"n": 3, "d": 10, "m": 300, "level": 0.9},
    {"n": 3, "d": 10, "m": 300, "level": 0.9, "scheme": "ntk"},
    {"data": "breast_cancer", "rows": 4, "m": 300, "level": 0.9},
)
R0 = _card("r0", "flow", "Theorem R0'", s.NOTATION, s.FLOW, partial(follow, count=60), _SHOW, gram=1.48, rate=1.54, weights=1.48, outer=1.3)  # fmt: skip
R0_DESCENT = _card("r0_descent", "descent", "Theorem R0", s.NOTATION + r1_descent.STEP, r1_descent.DESCENT, r1_descent.simulate, _SHOW, contraction=2.27, weights=3.42, outer=2.97)  # fmt: skip
