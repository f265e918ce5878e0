"""Theorem R2 of razborov2022 (section 3.3): how wide a Gaussian network must be, whatever the labels, for gradient descent.

Two laws of the output weights: random signs, and N(0, 1). Labels are chosen last: they see data *and* weights, and only
their norm is bounded before. Built-in errata: A1 (mirrored pairs), B7 to B12, I2 (joint ball), I3 (``S <= m``).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.flow import Run
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import meta
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import r2_setting as r
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022.examples import FLAGS, sized_data
from theorycheck.theorems.razborov2022.initial import NONZERO
from theorycheck.theorems.razborov2022.r1_descent import moved

#: steps after which the network is looked at
LOOKED = (0, 1, 2, 5, 12)
_SURE = 1 - w.delta
_FAIR = w.delta / w.EVENTS


def simulate(instance: Instance) -> Run:
    """Descend for a few unit steps, looking after :data:`LOOKED` of them; the rates are the step sizes."""
    found = descend(instance, step=1.0, steps=LOOKED[-1], record=LOOKED)
    return Run(instance, notes=(found.note,) if found.note else (), descent=found)


def assumptions(found: w.Conditions) -> tuple[Assumption, ...]:
    """Return R2's premises as inequalities between numbers that are known before the weights are drawn, and |y| <= Y."""
    return (
        s.RELU,
        Assumption("delta below 1", "delta lies strictly between 0 and 1", Bound(sp.S.Zero, w.delta * (1 - w.delta), strict=True)),
        Assumption("c in range", "the Jacobian may move, but descent still gains", dict(t.TESTS_R1["descent"])["c in (0, sqrt 2 - 1)"]),
        NONZERO,
        # without these a count of 6 would promise a floor that no chance pays for
        *(Assumption(f"{use} is 0 or 1", "a Gram is counted, or is not", Bound(use**2 * (1 - use) ** 2, sp.S.Zero)) for use in (w.use_W, w.use_a)),
        Assumption("u_0 at least 1", "features are truncated above their mean", Bound(sp.S.One, o.u_0)),
        Assumption("truncation", "truncated features keep three quarters of lambda_a", Bound(w.use_a * o.TAIL, o.TAIL_ALLOWED)),
        Assumption("Chernoff W", "the first layer's Gram keeps its floor, if it is counted", Bound(found.chance_W, _FAIR)),
        Assumption("Chernoff a", "the last layer's Gram keeps its floor, if it is counted", Bound(found.chance_a, _FAIR)),
        Assumption("definite", "a Gram with a floor is counted", Bound(sp.S.Zero, found.alpha_squared, strict=True)),
        Assumption("step size", "the step is stable for every Jacobian on the way", Bound(sp.S.Zero, found.gain, strict=True)),
        Assumption("path", "P is as long as the path can be", Bound(found.path, w.P)),
        Assumption("width", "flips and moved output weights change the Jacobian by at most c alpha_*", found.width),
        Assumption("labels", "the labels, chosen last, are no larger than was said", Bound(r.label_norm, w.Y)),
    )  # fmt: skip


def _claims(found: w.Conditions, given: tuple[str, ...]) -> tuple[Claim, ...]:
    taken = meta.contraction(found.gain * found.alpha_squared, "q alpha_*^2", given)
    start = tuple(
        name
        for name in given
        if name
        in (
            "delta below 1",
            "use_W is 0 or 1",
            "use_a is 0 or 1",
            "u_0 at least 1",
            "truncation",
            "Chernoff W",
            "Chernoff a",
            "ReLU",
            "nonzero inputs",
        )
    )
    return (
        Claim("floor", "the least eigenvalue of K_0 is at least alpha_*^2", Bound(found.alpha_squared, t.alpha_squared), start, _SURE),
        replace(taken, probability=_SURE),
        Claim("weights", "the first layer moves at most sqrt(eta_W) P", Bound(s.moved_W, sp.sqrt(t.eta_W) * w.P), given, _SURE),
        Claim("outer", "the output weights move at most sqrt(eta_a) P", Bound(s.moved_a, sp.sqrt(t.eta_a) * w.P), given, _SURE),
    )  # fmt: skip


def _sabotages(found: w.Conditions, claims: tuple[Claim, ...], given: tuple[str, ...]) -> tuple[Claim, ...]:
    floor, contraction, weights, outer = claims
    free = tuple(name for name in given if name != "labels")
    narrow = tuple(name for name in given if name not in ("path", "width", "Chernoff W", "Chernoff a"))
    start = tuple(name for name in floor.given if not name.startswith("Chernoff"))
    faster = Bound(12 * found.alpha_squared, meta.TAKEN)
    return (
        Claim("floor: five times", "nothing is lost to chance", Bound(5 * found.alpha_squared, t.alpha_squared), floor.given, _SURE, falsifies="floor"),
        Claim("floor: width dropped", "however few neurons", floor.bound, start, _SURE, falsifies="floor"),
        Claim("contraction: twelve times the floor", "far more than the limit Gram gives", faster, given, _SURE, falsifies="contraction"),
        Claim("contraction: width dropped", "however few neurons", contraction.bound, narrow, _SURE, falsifies="contraction"),
        Claim("contraction: any labels", "their norm does not matter", contraction.bound, free, _SURE, falsifies="contraction"),
        Claim("weights: any labels", "their norm does not matter", weights.bound, free, _SURE, falsifies="weights"),
        Claim("outer: any labels", "their norm does not matter", outer.bound, free, _SURE, falsifies="outer"),
        Claim("outer: single rate", "as if both layers had the rate of the first", Bound(s.moved_a, sp.sqrt(t.eta_W) * w.P / 30), given, _SURE, falsifies="outer"),
    )  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------

MINE: dict[str, tuple[Any, Any]] = {
    "m": (Annotated[int, "number of neurons, 0 for the theorem's own"], 0),
    "delta": (Annotated[float, "allowed probability of failure, in (0, 1)"], 0.5),
    "c": (Annotated[float, "share of alpha_* by which the Jacobian may move, in (0, 0.41)"], 0.2),
    "step": (Annotated[float, "bound on the squared norm of the Jacobian times the step; sets the rates"], 0.25),
    "target": (Annotated[str, "labels: own (of the data), or chosen for the weights: against, weak or top"], "own"),
}
_SHARED_FLAGS = {name: part for name, part in FLAGS.items() if name not in ("residual", "signs", "mirrored", "draw")}


def _build(law: str, mirrored: bool, flags: dict[str, Any]) -> Instance:
    if flags["target"] not in r.TARGETS:
        raise BadInput(f"--target must be one of {', '.join(r.TARGETS)}, not {flags['target']!r}")
    inputs, labels, notes = sized_data(flags)
    bound = float(np.linalg.norm(labels)) * (1 + 1e-9)
    width, plan = r.planned(
        inputs, bound, flags["m"], law=law, mirrored=mirrored, target=flags["target"], scheme=flags["scheme"],
        p=flags["delta"], c=flags["c"], s=flags["step"], lazy=flags["lazy"],
    )  # fmt: skip
    about = {"data": flags["data"], "flags": dict(flags)}
    return r.drawn(inputs, labels, width, plan, flags["seed"], description=about, notes=notes)


def mixed(share: float, m: int, d: int) -> tuple[float, float, float]:
    return 1 / math.sqrt(m * d), float(d) ** share, float(m) ** share


def _hard(
    law: str, mirrored: bool, place: tuple[str, int, int, int], scheme: Any, size: float, excess: float, target: str, seed: int
) -> Instance:  # fmt: skip
    """At the theorem's own width or far below it; labels as large as promised, or a million times that."""
    kind, n, d, width = place
    if width:  # too narrow: what hurts there are large labels along a direction that is not learned
        size, excess, target = 100.0, 1.0, "weak"
    inputs = build_inputs(InputPlan(kind, n, d, seed, 1)) * math.sqrt(d)
    given: dict[str, Any] = {
        "law": law,
        "mirrored": mirrored,
        "target": target,
        "scheme": scheme,
        "excess": excess,
        "p": 0.5,
    }
    try:
        m, plan = r.planned(inputs, size, width, most=_CHEAP, **given)
    except BadInput:  # no width will do, or none that is cheap
        m, plan = r.planned(inputs, size, 20, **given)
    about = {"data": kind, "n": n, "d": d, "own width": not width, "target": target, "size": size, "excess": excess}
    return r.drawn(inputs, np.zeros(n), m, plan, seed, description=about)


#: the widest network that the adversary simulates
_CHEAP = 12_000
#: kind, n, d and width of the data, 0 for the theorem's own
_PLACES = (
    ("sphere", 1, 1, 0),
    ("orthogonal", 8, 8, 2),
    ("sphere", 2, 6, 0),
    ("near_parallel", 2, 2, 0),
    ("duplicate", 8, 2, 2),
)


def _instances(law: str, mirrored: bool, sizes: tuple[float, ...]) -> SearchStrategy[Instance]:
    return st.builds(
        partial(_hard, law, mirrored),
        place=st.sampled_from(_PLACES),
        scheme=st.sampled_from(["lecun", partial(mixed, 1.1), "last"]),
        size=st.sampled_from(sizes),
        excess=st.sampled_from([1.0, 1e6]),
        target=st.sampled_from(["weak", "against"]),
        seed=st.integers(0, 10_000),
    )


def card(
    label: str,
    title: str,
    law: str,
    mirrored: bool,
    sizes: tuple[float, ...],
    showcase: tuple[dict[str, Any], ...],
    **looseness: float,
) -> Theorem:
    """Return R2's card for a law of the output weights."""
    found = w.conditions(o.LAWS[law], mirrored)
    assumed = assumptions(found)
    given = tuple(part.label for part in assumed)
    claims = _claims(found, given)
    return Theorem(
        label=label,
        title=title,
        reference=Reference("razborov2022", "Theorem R2, section 3.3", "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=NOTATION,
        quantities=(
            *r.QUANTITIES,
            Quantity(meta.fallen, "log(L_0/L_k)/k", measure.fallen_per_step),
            Quantity(s.moved_W, "Frobenius norm of W_k - W_0 at the last step", moved(True)),
            Quantity(s.moved_a, "Euclidean norm of a_k - a_0 at the last step", moved(False)),
        ),
        assumptions=assumed,
        claims=with_looseness(claims, **looseness),
        derivations=(),
        order=("data", "weights", "labels"),
        example=keyword_example(partial(_build, law, mirrored), {**_SHARED_FLAGS, **MINE}, Instance),
        instances=partial(_instances, law, mirrored, sizes),
        simulate=simulate,
        sabotages=_sabotages(found, claims, given),
        showcase=showcase,
    )


NOTATION = (
    s.NOTATION
    + " W_0 has rows N(0, I). alpha_*^2 = kappa^2 m Lambda: what the least eigenvalue of K_0 is at least, but with a "
    "small chance; P, Y, c and which Grams are counted are chosen before the weights, the labels after them."
)
_SHOWN = ({"n": 2, "d": 10, "target": "weak"}, {"data": "diabetes", "rows": 2, "columns": "bmi,s5"})
R2 = card(
    "razborov2022.r2", "Wide enough networks with random signs are fitted by gradient descent, whatever the labels",
    "signs", False, (1.0, 100.0), _SHOWN, floor=2.65, contraction=6.9, weights=1300.0, outer=50.0,
)  # fmt: skip
R2_GAUSSIAN = card(
    "razborov2022.r2_gaussian", "Wide enough networks with Gaussian output weights are fitted by gradient descent, whatever the labels",
    "normal", False, (1.0, 100.0), _SHOWN, floor=2.65, contraction=6.9, weights=1300.0, outer=50.0,
)  # fmt: skip
