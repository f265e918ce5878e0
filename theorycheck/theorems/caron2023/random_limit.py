"""Prop R4 (ii), the random limit (caron2023, section 3.1): how fast the tangent Gram comes near it, and that it stays random.

The even part of the scales averages out at ``m^(-1/2)``; the uneven part is cut off at node m, which costs the tail of Zipf's
scales. What is left, ``(1 - gamma)^2 C_0 sum_j lambda~_j^2``, is the variance of the limit, and no width is below it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import sympy as sp
from scipy.special import zeta

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run, suprema
from theorycheck.grams import limit_gram
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means, r4
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import epsilon
from theorycheck.theorems.caron2023.power_sums import TAIL, alpha, zeta_alpha, zeta_of
from theorycheck.theorems.caron2023.r4 import C_0, coupling, deviation
from theorycheck.theorems.caron2023.setting import d, gamma, m, n

ideal_2 = sp.Symbol("Z_2", positive=True)
limit_spread = sp.Symbol("V_infty", nonnegative=True)

#: E |Theta_infinity - Theta*|_F^2
SPREAD = (1 - gamma) ** 2 * C_0 * ideal_2
#: E |Theta_m - Theta_infinity|_F
RATE = gamma * sp.sqrt(C_0 / m) + 2 * (1 - gamma) * (n / d) * TAIL
#: nodes of the infinite network that are drawn, and pre-activations drawn for a mean
_NODES, _EFFORT = 100, 600_000


@lru_cache(maxsize=8)
def _limit_spread(instance: Instance) -> Measured:
    """Return ``E |Theta_infinity - Theta*|_F^2``; nodes that are not drawn add at most their squared scales."""
    steepest = float(suprema(instance.activation)[0].value)
    if instance.parameters["gamma"] == 1.0:
        return Measured(0.0, 0.0)
    if means.saturated(instance) or not np.isfinite(steepest):
        return Measured(np.nan)
    uneven, rate = 1 - instance.parameters["gamma"], 1 / instance.parameters["alpha"]
    ideal = np.arange(1, _NODES + 1, dtype=float) ** -rate / zeta(rate)
    product, samples = r4.input_product(instance), []
    centre = limit_gram(instance.activation, instance.inputs, instance.inner).matrix
    for slopes in r4.slope_draws(instance, _NODES, _EFFORT):
        grams = product * ((slopes * ideal) @ np.swapaxes(slopes, 1, 2))
        samples.append(np.sum((uneven * (grams - ideal.sum() * centre)) ** 2, axis=(1, 2)))
    found = means.mean_of_squares(np.concatenate(samples))
    left = float(zeta(2 * rate, _NODES + 1) / zeta(rate) ** 2)
    most = uneven**2 * left * steepest**4 * float(np.sum(product**2))
    return Measured(found.value + most / 2, found.error + most / 2)


_RANGE = Assumption("alpha in (0, 1)", "the scales can be summed", Bound(sp.S.Zero, alpha * (1 - alpha), strict=True))
_SURE = ("unit ball", "slope at most 1", "alpha in (0, 1)")


R4_LIMIT = Theorem(
    label="caron2023.r4_limit",
    title="The limit of the tangent Gram at time 0 is random if gamma < 1, and how fast it is reached",
    reference=Reference("caron2023", "Prop R4 (ii), section 3.1; errata U16", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " Theta_infinity = gamma Theta* + (1 - gamma) sum_j lambda~_j A_j with the same nodes.",
    quantities=(
        *s.SIZES, s.DATA[0], means.RESOLUTION,
        Quantity(r4.slope, "sup |s'|", measure.slope_supremum),
        Quantity(C_0, "sum_ik (x_i.x_k/d)^2 Var(s'(g_i) s'(g_k))", r4.variance_constant),
        Quantity(alpha, "uneven scales fall like j^(-1/alpha)", measure.parameter("alpha")),
        Quantity(zeta_alpha, "zeta(1/alpha)", zeta_of),
        Quantity(ideal_2, "sum_j lambda~_j^2 over infinitely many nodes", means.ideal_power_sum(2.0)),
        Quantity(coupling, "E |Theta_m - Theta_infinity|_F at time 0, same nodes", lambda run: r4.coupled(run.instance, _EFFORT)[0]),
        Quantity(deviation, "E |Theta_m - Theta*|_F^2 at time 0", lambda run: r4.variance_at_start(run.instance, _EFFORT)),
        Quantity(limit_spread, "E |Theta_infinity - Theta*|_F^2", lambda run: _limit_spread(run.instance)),
    ),
    assumptions=(s.UNIT_BALL, r4.UNIT_SLOPE, _RANGE, means.RESOLVED),
    claims=(
        Claim("rate", "at distance gamma (C_0/m)^(1/2) and the tail of the scales", Bound(coupling, RATE), _SURE, looseness=1.69),
        Claim("spread", "from draw to draw, the Gram of no width varies less than the limit", Bound(SPREAD, deviation), (), looseness=1.2),
        Claim("limit, above", "the variance of the limit, from above", Bound(limit_spread, (1 + epsilon) * SPREAD), ("resolution below 1",), looseness=1.2),
        Claim("limit, below", "the variance of the limit, from below", Bound((1 - epsilon) * SPREAD, limit_spread), ("resolution below 1",), looseness=1.25),
    ),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(means.build, "n", "d", "m", "gamma", "alpha", "activation", "resolution", gamma=0.5, m=means.WIDTH, resolution=0.3),
    instances=lambda: means.adversarial(("relu", "tanh", "softplus"), (1, 3, 30, 300)),
    simulate=Run,
    sabotages=(
        Claim("rate: 1/m", "as if the even part averaged out at once", Bound(coupling, RATE + gamma * sp.sqrt(C_0) * (1 / m - 1 / sp.sqrt(m))), _SURE, falsifies="rate"),
        Claim("rate: the tail squared", "as if it were a variance", Bound(coupling, gamma * sp.sqrt(C_0 / m) + 2 * (1 - gamma) * (n / d) * TAIL**2), _SURE, falsifies="rate"),
        Claim("spread: gamma = 1 also varies", "1 - gamma dropped", Bound(C_0 * ideal_2, deviation), (), falsifies="spread"),
        Claim("limit, above: one more 1 - gamma", "", Bound(limit_spread, (1 + epsilon) * (1 - gamma) * SPREAD), ("resolution below 1",), falsifies="limit, above"),
        Claim("limit, below: 1 - gamma to the first power", "", Bound((1 - epsilon) * (1 - gamma) * C_0 * ideal_2, limit_spread), ("resolution below 1",), falsifies="limit, below"),
    ),
    showcase=(
        {"n": 2, "d": 2, "m": 30, "gamma": 0.5, "activation": "relu", "resolution": 0.2},
        {"data": "iris", "rows": 3, "m": 30, "gamma": 0.4, "activation": "tanh", "resolution": 0.3},
    ),
)  # fmt: skip
