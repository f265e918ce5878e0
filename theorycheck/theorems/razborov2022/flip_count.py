"""How many gates can flip (razborov2022, P5): with Gaussian weights at most of the order (m R_W)^(2/3) for every sample.

The radius R_W is fixed before the weights are drawn (errata B7); the weights then move in the worst way.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import moved as v
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS

reached = sp.Symbol("S_max", nonnegative=True)
BOUND = o.flips_paired(t.R_W)


def _reached(run: Run) -> Measured:
    radius = run.instance.parameters["radius"]
    low, high = (v.most_flips(run.instance, radius * (1 + sign * 1e-9)) for sign in (-1, 1))
    return Measured.between(low, high)


_GIVEN = ("p a chance", "no zero input", "moves")
_LEAST = sp.Symbol("|x|^2", nonnegative=True)
_CLAIMS = (
    Claim("flips", "the most gates of one sample that can flip", Bound(reached, BOUND), _GIVEN, 1 - o.p),
)  # fmt: skip
_SABOTAGES = (
    Claim("flips: a fourth", "constant 3/4", Bound(reached, BOUND / 4), _GIVEN, 1 - o.p, falsifies="flips"),
    Claim("flips: as for smooth activations", "of the order m R_W^2", Bound(reached, o.m * t.R_W**2), _GIVEN, 1 - o.p, falsifies="flips"),
)  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 < flags["p"] < 1:
        raise BadInput(f"--p must lie in (0, 1), not {flags['p']:g}: it is a probability")
    if not 0 <= flags["radius"] < math.inf:
        raise BadInput(f"--radius must be a finite number of at least 0, not {flags['radius']:g}")
    return i.build(flags, "p", "radius")


def _hard(kind: str, n: int, m: int, radius: float, mirrored: bool, p: float, seed: int) -> Instance:
    inputs = build_inputs(InputPlan(kind, n, 4, seed, 1))
    return i.drawn(
        inputs, m, mirrored=mirrored, seed=seed, parameters={"p": p, "radius": radius}, description={"data": kind, "radius": radius, "p": p}
    )  # fmt: skip


def _instances() -> SearchStrategy[Instance]:
    """Few and many neurons, alone and in pairs, radii at which no gate and all gates can flip."""
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "sphere", "near_parallel", "duplicate", "zero_row"]),
        st.sampled_from([1, 4, 2]),
        st.sampled_from([1200, 2, 30]),
        st.sampled_from([0.1, 1.0, 0.0, 1e-3, 30.0]),
        st.booleans(),
        st.sampled_from([0.5, 0.1]),
        st.integers(0, 10_000),
    )


_NAMES = ("n", "d", "scheme", "lazy", "signs", "mirrored", "draw", "label", "data", "rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")  # fmt: skip
FLIP_COUNT = Theorem(
    label="razborov2022.flip_count",
    title="How many gates of a sample can flip, with Gaussian initial weights",
    reference=Reference("razborov2022", "P5, section 4.4, with errata A1 and B7", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " R_W: how far the first layer moves, fixed before the weights are drawn. p: the chance of failing.",
    quantities=(
        *i.SIZES[:4],
        Quantity(t.R_W, "how far the first layer may move", measure.parameter("radius")),
        Quantity(_LEAST, "least squared norm of an input", measure.least_norm_squared),
        Quantity(reached, "most gates of one sample that can flip", _reached),
    ),
    assumptions=(i.IS_CHANCE, Assumption("no zero input", "no input is zero", Bound(sp.S.Zero, _LEAST, strict=True)), Assumption("moves", "the first layer may move", Bound(sp.S.Zero, t.R_W, strict=True))),
    claims=with_looseness(_CLAIMS, flips=2.02),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(
        _build,
        {
            **{name: FLAGS[name] for name in _NAMES},
            "m": (Annotated[int, "number of neurons"], 1000),
            "p": (Annotated[float, "chance that the bound may fail with"], 0.5),
            "radius": (Annotated[float, "how far the first layer moves in all"], 0.1),
        },
        Instance,
    ),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 3, "d": 6},
        {"n": 3, "d": 6, "mirrored": True},
        {"data": "breast_cancer", "rows": 4},
    ),
)  # fmt: skip
