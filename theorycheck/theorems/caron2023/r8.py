"""Prop R8 (ii) (caron2023, section 3.6): what pruning costs along the flow.

It holds for any network whose weights move by at most ``c sqrt(lambda_j)``; c is what was seen, or what R0 certifies. The
change of all pruned nodes on the samples is at most ``c tau_K sqrt(s_X/d)``, which is better than the ``sqrt(n/d)`` of the
theory file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, build_labels, input_plans, label_plans
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import pruned, r0
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.pruned import tau
from theorycheck.theorems.caron2023.setting import d, s_X
from theorycheck.theorems.caron2023.thetas import near_output, with_theta

time = r0.time
grown, moved = sp.symbols("G_t c_t", nonnegative=True)
risk, cost = sp.symbols("R_K P_0", nonnegative=True)

SEEN = (
    pruned.MASS,
    Quantity(time, "time", pruned.times_seen),
    Quantity(risk, "|y - f_t^K| on the samples", pruned.pruned_residual),
)
NOTE = "derived here; not quoted from the paper"


def later(reach: sp.Expr) -> sp.Expr:
    """Return how much pruning may cost beyond time 0 on all samples, if weights move by at most reach sqrt(lambda_j)."""
    return reach * tau * sp.sqrt(s_X / d)


# --- (ii) --------------------------------------------------------------------------------------

_CERTIFIED = tuple(part for part in r0.R0.assumptions if part.label != "loose test")
GIVEN = tuple(part.label for part in _CERTIFIED)
_SLOPE = ("slope at most 1",)
ANY, SURE = moved * tau / sp.sqrt(d), r0.REACH * tau / sp.sqrt(d)
DECAYS = sp.exp(-r0.MU * time) * r0.r_0

_CLAIMS = (
    Claim("moved", "at any x, pruning costs at most c |x| tau_K/sqrt(d) more than at time 0, c the movement so far", Bound(grown, ANY), _SLOPE),
    Claim("certified", "the same with R0's radius for c", Bound(grown, SURE), GIVEN),
    Claim("risk", "what the pruned network misses: the rest of the residual, the cost at time 0, and what it grows by", Bound(risk, DECAYS + cost + later(r0.REACH)), GIVEN),
)  # fmt: skip
_SABOTAGES = (
    Claim("moved: without tau_K", "pruning costs what it did at time 0", Bound(grown, 0), _SLOPE, falsifies="moved"),
    Claim("moved: tau_K squared", "as if scales were outer weights", Bound(grown, moved * tau**2 / sp.sqrt(d)), _SLOPE, falsifies="moved"),
    Claim("certified: tau_K squared", "the same with R0's radius", Bound(grown, r0.REACH * tau**2 / (10 * sp.sqrt(d))), GIVEN, falsifies="certified"),
    Claim("risk: without tau_K", "the whole network's residual", Bound(risk, DECAYS), GIVEN, falsifies="risk"),
)  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    return pruned.checked(r0.build(flags))


def _hard(
    plan: InputPlan, labels: LabelPlan, width: int, even: float, size: int, share: float, seed: int, name: str
) -> Instance:
    inputs, own, about = make.adversarial(plan, labels, name)
    instance = make.drawn(
        inputs, own, width=width, gamma=even, alpha=0.5, activation=name, seed=seed, description=about
    )
    with np.errstate(all="ignore"):
        gram = instance.start[1]
        if np.all(np.isfinite(gram)):
            instance = near_output(instance, build_labels(labels, inputs, gram), 10.0**-size)
    return with_parameters(with_theta(instance, 0.5), kept=float(round(share * width)))


def _instances() -> SearchStrategy[Instance]:
    """Networks that R0 certifies, and hard data on small ones; all, some and no nodes kept."""
    seeds, shares = st.integers(0, 10_000), st.sampled_from([0.5, 0.1, 0.0, 0.9, 1.0])
    wide = st.builds(
        lambda n, even, residual, share, seed: _build(
            {name: default for name, (_, default) in make.FLAGS.items()}
            | {"n": n, "d": n, "m": 500, "gamma": even, "residual": residual, "theta": 0.5, "seed": seed}
            | {"data": "orthogonal", "activation": "relu", "kept": round(500 * share)}
        ),
        st.sampled_from([2, 1]),
        st.sampled_from([0.5, 1.0]),
        st.sampled_from([0.1, 0.01]),
        shares,
        seeds,
    )
    hard = st.builds(
        _hard,
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        label_plans(),
        st.sampled_from([1, 8, 64]),
        st.sampled_from([0.02, 0.3, 1.0]),
        st.integers(-1, 4),
        shares,
        seeds,
        st.sampled_from(["relu", "tanh", "softplus"]),
    )
    return st.one_of(wide, hard)


R8 = Theorem(
    label="caron2023.r8",
    title="Pruning along the flow costs at most its mass times the movement",
    reference=Reference("caron2023", "Prop R8 (ii), section 3.6; proof in section 4", NOTE),
    standing=Standing.DERIVED,
    notation=s.NOTATION + pruned.NOTATION,
    quantities=(
        *(part for part in r0.R0.quantities if part.symbol not in (s.rate, s.least, s.change, time, r0.moved_within)),
        *SEEN,
        Quantity(r0.slope, "sup |s'|", measure.slope_supremum),
        Quantity(moved, "max_j |w_tj - w_0j|/sqrt(lambda_j)", pruned.movement),
        Quantity(grown, "largest (|f_t - f_t^K| - |f_0 - f_0^K|)(x)/|x|, samples and other x", pruned.growth),
        Quantity(cost, "|f_0 - f_0^K| on the samples", pruned.cost_at_start),
    ),
    assumptions=(*_CERTIFIED, Assumption("slope at most 1", "sup |s'| <= 1", Bound(r0.slope, sp.S.One))),
    claims=with_looseness(_CLAIMS, moved=2.8, certified=4.9, risk=1.47),
    derivations=(),
    order=("data", "weights", "labels"),
    example=make.example(_build, "n", "d", "m", "gamma", "alpha", "theta", "residual", "kept"),
    instances=_instances,
    simulate=pruned.simulate,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 2, "d": 2, "m": 2000, "data": "orthogonal", "residual": 0.3, "kept": 500},
        {"n": 2, "d": 2, "m": 4000, "gamma": 0.5, "data": "orthogonal", "residual": 0.1, "kept": 100},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 4000, "residual": 0.1, "kept": 1000},
    ),
)  # fmt: skip
