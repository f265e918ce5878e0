"""R0'' of razborov2022 (section 3.1): the meta-theorem in the form of Oymak and Soltanolkotabi, for the first layer of a ReLU network.

``sigma_min(J_0) = 2 alpha``, J changes by at most ``alpha/3`` on the ball of radius ``R = 4 |r_0|/alpha``, ``eta |J|^2 <= 1/2``: then
a step takes ``eta alpha^2/2`` off the loss. J is that of W alone, without the rate; flips bound its change (R1's knapsack at R).
Derived here, not quoted from them: their own width, of order n^4/d^3, is unverified (:mod:`.oymak`), and networks in their
normalisation for which this test passes have some 10^8 neurons for one sample, so labels are placed where it does.
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
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import meta, r1_descent
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS

mass = sp.Symbol("M_R", nonnegative=True)
#: half of the least singular value of the Jacobian of W at time 0, and the radius of the ball
ALPHA = t.alpha / (2 * sp.sqrt(t.eta_W))
RADIUS = 4 * t.r_0 / ALPHA
#: sup |J|^2 on the ball, times the rate
LARGEST = (sp.sqrt(t.top) + t.OYMAK_C * t.alpha) ** 2
#: what a step takes off the loss: as they state it, and as R0 gives it
STATED = t.eta_W * ALPHA**2 / 2
GAIN = t.OYMAK_GAIN * t.eta_W * ALPHA**2
PATH = t.OYMAK_PATH * t.r_0 / ALPHA

_ASSUMED = (
    s.RELU,
    Assumption("first layer", "output weights are not trained", Bound(t.eta_a, sp.S.Zero)),
    Assumption("K_0 definite", "the tangent Gram at time 0 is definite", Bound(sp.S.Zero, t.alpha_squared, strict=True)),
    Assumption("step", "the rate times sup |J|^2 on the ball is at most 1/2", Bound(LARGEST, t.OYMAK_S)),
    Assumption("change", "flips change the Jacobian by at most alpha/3 on the ball", Bound(t.change_relu(mass, sp.S.Zero), t.OYMAK_C * t.alpha)),
)  # fmt: skip
_GIVEN = tuple(part.label for part in _ASSUMED)
_UNTESTED = tuple(name for name in _GIVEN if name not in ("step", "change"))
_CLAIMS = (
    meta.contraction(STATED, "eta alpha^2/2", _GIVEN),
    Claim("derived", "by R0 it takes off at least 43/18 eta alpha^2", Bound(GAIN, meta.TAKEN), _GIVEN),
    Claim("weights", "the first layer moves at most 84/43 |r_0|/alpha", Bound(s.moved_W, PATH), _GIVEN),
)
_SABOTAGES = (
    Claim("contraction: times forty", "far more than the flow would", Bound(40 * STATED, meta.TAKEN), _GIVEN, falsifies="contraction"),
    Claim("contraction: any step", "every step size, and any labels", Bound(STATED, meta.TAKEN), _UNTESTED, falsifies="contraction"),
    Claim("derived: times eight", "twice the flow's", Bound(8 * GAIN, meta.TAKEN), _GIVEN, falsifies="derived"),
    Claim("weights: a tenth", "the path is far shorter", Bound(s.moved_W, PATH / 10), _GIVEN, falsifies="weights"),
)  # fmt: skip


def _mass(run: Run) -> Measured:
    instance = run.instance
    if s.neurons(instance).share < 1:
        return Measured(np.nan)  # too many to be sorted: a sample of them bounds nothing
    least, size, rate = s.alpha_squared(run), measure.initial_residual(run), math.sqrt(instance.rates[0])
    ends = []
    for sign in (-1, 1):
        low = float(least.value - sign * least.error)
        radius = 8 * rate * float(size.value + sign * size.error) / math.sqrt(low) if low > 0 else math.inf
        ends.append(s.flip_mass(instance, radius * (1 + sign * 1e-9)) if math.isfinite(radius) else math.inf)
    return (
        Measured.between(ends[0] * (1 - 1e-9), max(ends) * (1 + 1e-9)) if math.isfinite(max(ends)) else Measured(np.nan)
    )


def ratio(instance: Instance, size: float) -> float:
    """Return the left side of the test of the change over the right one, for a residual of this size."""
    least = float(s.alpha_squared(Run(instance)).value)
    if not (math.isfinite(least) and least > 0):
        return math.inf
    found = s.flip_mass(instance, 8 * math.sqrt(instance.rates[0]) * size / math.sqrt(least))
    norm = float(s.input_norm(Run(instance)).value)
    return instance.output_scale * norm * math.sqrt(instance.rates[0] * found) / (float(t.OYMAK_C) * math.sqrt(least))


def _placed(instance: Instance, level: float, direction: Any = None) -> Instance:
    return s.put(instance, level * (s.allowed(partial(ratio, instance)) or 1.0), direction)


def _build(flags: dict[str, Any]) -> Instance:
    if flags["level"] < 0:
        raise BadInput(f"--level must be at least 0, not {flags['level']:g}")
    made = s.build({**flags, "level": 0.0, "c": float(t.OYMAK_C)}, "descent")
    made = replace(made, description={"data": flags["data"], "flags": dict(flags)})
    return _placed(made, flags["level"]) if flags["level"] else made


def _hard(scheme: int, share: float, level: float, **drawn: Any) -> Instance:
    """As for R1's descent, with labels just below, at or far above the edge of this test."""
    made = r1_descent.hard(scheme=scheme, share=share, c=float(t.OYMAK_C), level=0.3, **drawn)
    with np.errstate(all="ignore"):
        gram = made.start[1]
        return (
            _placed(made, level, np.linalg.eigh(gram)[1][:, 0 if drawn["weak"] else -1])
            if np.all(np.isfinite(gram))
            else made
        )


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        scheme=st.sampled_from([3, 3, 3, 0]),
        share=st.sampled_from([0.2, 0.4, 0.02, 2.5]),
        level=st.sampled_from([0.999, 0.3, 200.0]),
        kind=st.sampled_from(["orthogonal", "sphere", "near_parallel", "cluster"]),
        n=st.integers(1, 3),
        width=st.sampled_from([4, 20]),
        lazy=st.sampled_from([1.0, 30.0]),
        weak=st.booleans(),
        seed=st.integers(0, 10_000),
    )


_OWN = {
    "scheme": (FLAGS["scheme"][0], "first"),
    "level": (Annotated[float, "labels at this share of the residual that the test allows; 0 for labels of their own"], 0.0),
}  # fmt: skip
OYMAK = Theorem(
    label="razborov2022.oymak",
    title="The first layer of a ReLU network trained by gradient descent, in the form of Oymak and Soltanolkotabi",
    reference=Reference("razborov2022", "Corollary R0'', section 3.1", "derived here; their own theorem is not quoted"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + r1_descent.STEP + " Only W is trained (eta_a = 0), eta = eta_W. alpha here: half the least singular value of "
    "the Jacobian at time 0 without the rate, so that alpha^2 = lambda_min(K_0)/(4 eta). M_R: as M, within R = 4 |r_0|/alpha.",
    quantities=(
        *(one for one in s.SHARED if one.symbol is not t.c),
        *(one for one in r1_descent.DESCENT if one.symbol is not s.moved_a),
        Quantity(mass, "largest sum of a_j^2 over gates of a sample that can flip within R (fractional knapsack)", _mass),
    ),
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, contraction=15.3, derived=3.2, weights=3.9),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**FLAGS, **_OWN}, Instance),
    instances=_instances,
    simulate=r1_descent.simulate,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 3, "d": 10, "m": 2000, "level": 0.9},
        {"data": "breast_cancer", "rows": 4, "m": 4000, "level": 0.9},
    ),
)  # fmt: skip
