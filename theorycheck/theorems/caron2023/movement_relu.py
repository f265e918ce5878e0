"""Prop R7 (iv) (caron2023, section 3.5, in the form of errata I1b): how far a node of a ReLU network moves.

The velocity at time s differs from that at time 0 by what the residual has changed and by the gates that have flipped. A gate
flips only if ``|w_0j . x_i|/|x_i| <= t sqrt(lambda_j s_X/d) |r_0|``, and the residual without the node's own component
along ``x_i`` does not depend on that component.
"""

from __future__ import annotations

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Reference, Standing, Theorem
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means, movement
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import ideal_scale, node_scale
from theorycheck.theorems.caron2023.movement import HALF, LABELS, fourth, moved, time
from theorycheck.theorems.caron2023.setting import d, gamma, kappa, label_norm, n, s_X, trace_sigma

_START = sp.sqrt(kappa) * label_norm
#: what the residual has changed, over sqrt(lambda_j) t
CHANGED = time / 2 * sp.sqrt(n) * s_X / d ** sp.Rational(3, 2) * sp.sqrt(label_norm**2 + trace_sigma)
#: what gates that flip take away, over sqrt(lambda_j) t
FLIPPED = sp.sqrt((n / d) * sp.sqrt(2 / sp.pi) * fourth ** sp.Rational(3, 2) * time * sp.sqrt(node_scale * s_X / d))
LEFT = 1 - time * node_scale * s_X / d
FLOOR = time * sp.sqrt(node_scale) * (_START - CHANGED - FLIPPED * LEFT ** sp.Rational(-3, 2))

#: the first correction is a quarter of the speed then, the second (at lambda_j = 1) an eighth, and LEFT >= 3/4
_QUARTER = time * _START / (4 * CHANGED)
_EIGHTH = time * (_START / (8 * FLIPPED.subs(node_scale, 1))) ** 2
LAST = sp.Min(d / (4 * s_X), sp.simplify(_QUARTER), sp.simplify(_EIGHTH))

_QUANTITIES = (*movement.QUANTITIES, movement.MOVED, s.IS_RELU)
_ASSUMED = (
    s.RELU,
    s.NONZERO,
    s.UNIT_BALL,
    LABELS,
    Assumption("gates", "few gates can have flipped", Bound(sp.S.Zero, LEFT, strict=True)),
    Assumption("early", "at least half of the speed is left", Bound(time, LAST)),
)


def _hard(share: float, instance: Instance) -> Instance:
    with np.errstate(all="ignore"):
        return movement.at_time(instance, LAST, _QUANTITIES, share)


def _instances() -> SearchStrategy[Instance]:
    shares = st.sampled_from([0.999, 0.1, 8.0])
    return st.builds(_hard, shares, means.adversarial(("relu",), (1, 3, 30)))


R7_RELU = Theorem(
    label="caron2023.r7_relu",
    title="A node moves: ReLU",
    reference=Reference("caron2023", "Prop R7 (iv), section 3.5; errata I1b", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " D_j = sqrt(E |w_tj - w_0j|^2), for any measurable choice of solutions of the inclusion; B >= sqrt(E |r_0|^4).",
    quantities=(*_QUANTITIES, s.DATA[1]),
    assumptions=_ASSUMED,
    claims=(
        Claim("mean", "the speed at time 0, less what the residual and the gates have changed", Bound(FLOOR, moved), ("ReLU", "nonzero inputs", "unit ball", "gates"), looseness=1.5),
        Claim("any width", "half of the speed, however wide the network, if gamma < 1", Bound(HALF * sp.sqrt((1 - gamma) * ideal_scale), moved), ("ReLU", "nonzero inputs", "unit ball", "labels not zero", "early"), looseness=6.5),
    ),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(lambda flags: movement.build({**flags, "activation": "relu"}, LAST, _QUANTITIES), "n", "d", "m", "gamma", "alpha", "time", gamma=0.5, m=means.WIDTH),
    instances=_instances,
    simulate=Run,
    sabotages=(
        Claim("mean: lambda_j dropped", "as if no node were light", Bound(FLOOR / sp.sqrt(node_scale), moved), ("ReLU", "nonzero inputs", "unit ball", "gates"), falsifies="mean"),
        Claim("any width: gamma = 1 also moves", "1 - gamma dropped", Bound(HALF * sp.sqrt(ideal_scale), moved), ("ReLU", "nonzero inputs", "unit ball", "labels not zero", "early"), falsifies="any width"),
    ),
    showcase=(
        {"n": 2, "d": 2, "m": 20, "gamma": 0.5},
        {"data": "diabetes", "rows": 2, "columns": "bmi,bp,s5", "m": 20, "gamma": 0.3},
    ),
)  # fmt: skip
