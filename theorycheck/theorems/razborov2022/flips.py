"""Perturbation of the Jacobian (razborov2022, P1 to P4): wherever the weights moved, by flips and by lengths.

The flipped gates of a sample cost ``sum z_ij^2 <= R_W^2``: their mass ``sum a_0j^2`` is at most a fractional knapsack.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import moved as v
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS

change_a, change_outer, change_flips, change, heavy = sp.symbols("D_a D_o D_f D_J F", nonnegative=True)
by_count, greedy = sp.symbols("M_c M_g", nonnegative=True)

_GIVEN = ("ReLU",)
_LENGTH = t.kappa * t.X_norm * t.R_W
_HEAVY = t.kappa * t.X_norm * sp.sqrt(heavy)
_CLAIMS = (
    Claim("P1", "features move no further than preactivations", Bound(change_a, _LENGTH), _GIVEN),
    Claim("P2", "moved output weights", Bound(change_outer, t.kappa * t.X_norm * t.R_a), _GIVEN),
    Claim("P3", "flips of gates, by the heaviest sample", Bound(change_flips, _HEAVY), _GIVEN),
    Claim("P4", "the flipped mass is at most the knapsack", Bound(heavy, t.mass), _GIVEN),
    Claim("together", "the change of the whole Jacobian, rates included", Bound(change, t.CHANGE_RADII), _GIVEN),
)
_SABOTAGES = (
    Claim("P1: a third", "a third of the movement", Bound(change_a, _LENGTH / 3), _GIVEN, falsifies="P1"),
    Claim("P2: a third", "a third of the movement", Bound(change_outer, t.kappa * t.X_norm * t.R_a / 3), _GIVEN, falsifies="P2"),
    Claim("P3: half", "half of the flips' root", Bound(change_flips, _HEAVY / 2), _GIVEN, falsifies="P3"),
    Claim("P4: by count", "the nearest gates, times the mean a_j^2", Bound(heavy, by_count), _GIVEN, falsifies="P4"),
    Claim("P4: without the last item", "the knapsack without the item that fits in part", Bound(heavy, greedy), _GIVEN, falsifies="P4"),
    Claim("together: no flips", "as if no gate flipped", Bound(change, t.CHANGE_RADII.xreplace({t.mass: sp.S.Zero})), _GIVEN, falsifies="together"),
)  # fmt: skip

_QUANTITIES = (
    *(part for part in s.SHARED if part.symbol in (t.X_norm, t.kappa, t.eta_W, t.eta_a, s.relu)),
    Quantity(t.R_W, "how far the first layer moved, |W - W_0|_F", v.where_known(v.distance(True))),
    Quantity(t.R_a, "how far the output weights moved, |a - a_0|", v.where_known(v.distance(False))),
    Quantity(change_a, "change of the Jacobian in a", v.where_known(v.by_features)),
    Quantity(change_outer, "change of the Jacobian in W by moved output weights", v.where_known(v.by_outer)),
    Quantity(change_flips, "change of the Jacobian in W by flipped gates", v.where_known(v.by_flips)),
    Quantity(change, "change of the Jacobian of both layers, each times the root of its rate", v.where_known(v.altogether)),
    Quantity(heavy, "largest sum of a_0j^2 over gates of one sample that flipped", v.where_known(v.flipped)),
    Quantity(t.mass, "largest sum of a_0j^2 over gates of a sample that can flip (fractional knapsack)", v.where_known(v.mass(s.flip_mass))),
    Quantity(by_count, "most gates that can flip, times the mean a_0j^2", v.where_known(v.mass(v.by_count))),
    Quantity(greedy, "the knapsack without the item that fits in part", v.where_known(v.mass(v.greedy))),
)  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if flags["way"] not in v.WAYS:
        raise BadInput(f"--way must be {', '.join(v.WAYS[:-1])} or {v.WAYS[-1]}, not {flags['way']!r}")
    if not 0 <= flags["radius"] < math.inf:
        raise BadInput(f"--radius must be a finite number of at least 0, not {flags['radius']:g}")
    own = {name: value for name, value in flags.items() if name not in ("way", "radius")}
    made = s.build({**own, "residual": 0.0, "level": 0.0, "c": 0.2}, "descent")
    return replace(made, parameters={"way": v.WAYS.index(flags["way"]), "radius": flags["radius"], "row": 0})


def _hard(kind: str, n: int, m: int, way: str, radius: float, far: bool, rates: int, seed: int) -> Instance:
    """Samples that repeat or are parallel; heavy output weights far from their gates; kinks; a rate that is 0."""
    inputs = build_inputs(InputPlan(kind, n, 3, seed, 1)) * 2
    made = i.drawn(inputs, m, normal=True, seed=seed, description={"data": kind, "way": way, "radius": radius})
    weights, outer = made.weights.copy(), made.signs.copy()
    if far:
        # along the first sample: a heavy neuron just within reach, a light one near, that is cheaper by mass, and others
        along = inputs[0] / max(float(np.linalg.norm(inputs[0])), 1e-300)
        first = np.arange(m) == 0
        place = np.where(first, 0.99, np.where(np.arange(m) == 1, 0.3, 0.5 + 0.01 * np.arange(m))) * radius
        weights += np.outer(place - weights @ along, along)
        outer = np.sign(outer) * np.sqrt(np.where(first, 1.5, np.where(np.arange(m) == 1, 0.2, 0.09)))
    elif seed % 3 == 0:
        weights[0] = 0  # a gate at its kink for every sample
    made = replace(made, weights=weights, signs=outer, rates=((1.0, 1.0), (1.0, 0.0), (0.0, 1.0))[rates])
    step = 0.2 / max(float(np.linalg.eigvalsh(made.start[1])[-1]), 1.0)
    return replace(
        made, labels=np.ones(n) * (seed % 7), redraw=None, rates=(made.rates[0] * step, made.rates[1] * step), parameters={"way": v.WAYS.index(way), "radius": radius, "row": 0},
    )  # fmt: skip


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "duplicate", "sphere", "near_parallel", "lattice", "zero_row"]),
        st.sampled_from([2, 1, 4]),
        st.sampled_from([6, 1, 30]),
        st.sampled_from(["heaviest", "cheapest", "random", "descent"]),
        st.sampled_from([1.0, 0.1, 10.0, 0.0]),
        st.sampled_from([True, False]),
        st.integers(0, 2),
        st.integers(0, 10_000),
    )


FLIPS = Theorem(
    label="razborov2022.flips",
    title="How far the Jacobian of a ReLU network moves with its weights",
    reference=Reference("razborov2022", "P1 to P4, section 4.4, with errata B3", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " (W, a): weights that moved in any way; a gate flips where 1[w_j . x_i > 0] changes.",
    quantities=_QUANTITIES,
    assumptions=(s.RELU,),
    claims=with_looseness(_CLAIMS, P1=1.25, P2=1.11, P3=1.48, P4=1.14, together=1.78),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(
        _build,
        {
            **{name: FLAGS[name] for name in FLAGS if name not in ("residual", "m")},
            "m": (Annotated[int, "number of neurons"], 200),
            "way": (Annotated[str, f"how the weights move: {', '.join(v.WAYS)}"], "heaviest"),
            "radius": (Annotated[float, "how far the adversary may move the first layer"], 1.0),
        },
        Instance,
    ),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 3, "d": 6, "signs": "normal"},
        {"n": 3, "d": 6, "signs": "normal", "way": "cheapest", "radius": 0.3},
        {"data": "breast_cancer", "rows": 4, "signs": "normal", "way": "cheapest"},
        {"data": "breast_cancer", "rows": 4, "way": "descent", "m": 20, "step": 0.5},
    ),
)  # fmt: skip
