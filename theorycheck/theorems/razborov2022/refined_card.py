"""Lemma F2 (razborov2022, section 3.4, errata I4, B7 and B10): on Gaussian data flips change the Jacobian less than |X| allows.

Data and weights are drawn, then the weights move as far as was said before, in the worst way that is known here. Of a real
data set only the number of rows and columns is used.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import moved as v
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import refined
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS
from theorycheck.theorems.razborov2022.flips import change_flips

WAYS = v.WAYS[:3]  # descent would need labels
BOUND = refined.CHANGE.xreplace({refined.S: sp.Min(o.flips(t.R_W), o.m)})
_GIVEN = (i.IS_CHANCE.label,)
_SURE = 1 - refined.CHANCE


def _radius(run: Run) -> Measured:
    return Measured(run.instance.parameters["radius"], 0.0, rigorous=True)


_QUANTITIES = (
    *i.SIZES[:3],
    Quantity(o.d, "dimension of the inputs", measure.constant(lambda run: run.instance.d)),
    i.SCALE,
    next(part for part in s.SMOOTH if part.symbol == t.a_max),
    Quantity(t.R_W, "how far the first layer may move", _radius),
    Quantity(change_flips, "change of the Jacobian in W by flipped gates", v.by_flips),
)
_CLAIMS = (
    Claim("change", "the change of the Jacobian by flips, squared", Bound(change_flips**2, BOUND), _GIVEN, _SURE),
)
_SABOTAGES = (
    Claim("change: a fiftieth", "a fiftieth of it", Bound(change_flips**2, BOUND / 50), _GIVEN, _SURE, falsifies="change"),
    Claim("change: as for smooth activations", "of the order n R_W^2", Bound(change_flips**2, t.kappa**2 * t.a_max**2 * o.n * t.R_W**2), _GIVEN, _SURE, falsifies="change"),
)  # fmt: skip


def _drawn(
    n: int, d: int, m: int, way: str, radius: float, p: float, scale: float, normal: bool, seed: int, **more: Any
) -> Instance:
    parameters = {"way": float(WAYS.index(way)), "radius": radius, "row": 0.0, "p": p}
    return i.drawn_with_data(n, d, m, seed=seed, scale=scale, normal=normal, parameters=parameters, **more)


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 < flags["p"] < 1:
        raise BadInput(f"--p must lie in (0, 1), not {flags['p']:g}: it is a probability")
    if flags["way"] not in WAYS:
        raise BadInput(f"--way must be {', '.join(WAYS[:-1])} or {WAYS[-1]}, not {flags['way']!r}")
    if not 0 <= flags["radius"] < math.inf:
        raise BadInput(f"--radius must be a finite number of at least 0, not {flags['radius']:g}")
    if flags["signs"] not in ("normal", "signs"):
        raise BadInput(f"--signs must be normal or signs, not {flags['signs']!r}")
    if flags["m"] < 1:
        raise BadInput(f"--m must be at least 1, not {flags['m']}")
    n, d, notes = i.shape_of(flags)
    return _drawn(
        n, d, flags["m"], flags["way"], flags["radius"], flags["p"], 1 / math.sqrt(flags["m"] * d), flags["signs"] == "normal", flags["seed"],
        notes=notes, description={"data": flags["data"], "n": n, "d": d, "flags": dict(flags)},
    )  # fmt: skip


def _hard(n: int, d: int, m: int, way: str, radius: float, p: float, normal: bool, seed: int) -> Instance:
    about = {"data": "normal", "n": n, "d": d, "way": way, "radius": radius, "p": p}
    made = _drawn(n, d, m, way, radius, p, 1.0, normal, seed, description=about)
    return replace(made, description={**made.description, "m": m})


def _instances() -> SearchStrategy[Instance]:
    """One sample and a few, radii at which no gate and all gates of a sample flip, and dimensions too few for the promise."""
    return st.builds(
        _hard,
        st.sampled_from([1, 3, 8]),
        st.sampled_from([200, 400, 20]),
        st.sampled_from([20, 1, 60]),
        st.sampled_from(WAYS),
        st.sampled_from([1.0, 0.1, 10.0, 0.0]),
        st.sampled_from([0.1, 0.2]),
        st.booleans(),
        st.integers(0, 10_000),
    )


REFINED = Theorem(
    label="razborov2022.refined",
    title="Gaussian data: how far flipped gates move the Jacobian of the first layer",
    reference=Reference("razborov2022", "Lemma F2, section 3.4, with errata I4, B7 and B10", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " Inputs and W_0 are drawn from N(0, I). R_W: how far the first layer moves, fixed before; a_max: the largest "
    "|a_j|. p: the chance of each of three events, besides which a neuron may be short, |w_j|^2 < d/2.",
    quantities=_QUANTITIES,
    assumptions=(i.IS_CHANCE,),
    claims=with_looseness(_CLAIMS, change=20.0),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(
        _build,
        {
            **{name: FLAGS[name] for name in ("n", "d", "label", "signs")},
            "m": (Annotated[int, "number of neurons"], 20),
            "p": (Annotated[float, "chance of each of three events"], 0.1),
            "way": (Annotated[str, f"how the weights move: {', '.join(WAYS)}"], "cheapest"),
            "radius": (Annotated[float, "how far the first layer moves in all"], 10.0),
            "data": (Annotated[str, "normal, or a data set or file, of which only the number of rows and columns is used"], "normal"),
            **{name: FLAGS[name] for name in ("rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")},
        },
        Instance,
    ),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"n": 3, "d": 400}, {"n": 3, "d": 400, "way": "heaviest", "signs": "normal", "radius": 1.0}, {"data": "digits", "rows": 3, "m": 2}, {"data": "digits", "rows": 3, "m": 2, "way": "random"}),
)  # fmt: skip
