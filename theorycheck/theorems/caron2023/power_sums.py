"""Power sums of the node scales (caron2023, section 1; errata U16): exact, bounded at every width, and their limits.

``lambda_j = gamma/m + (1 - gamma) lambda-bar_j`` with Zipf's ``lambda-bar_j = lambda~_j/sum_(k<=m) lambda~_k``. Identities are
stated as two inequalities with a resolution, as for means.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.special import zeta

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.measure import Measure
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import epsilon
from theorycheck.theorems.caron2023.setting import Lambda_2, gamma, m

power = sp.Symbol("p", positive=True)
alpha = sp.Symbol("alpha", positive=True)
zeta_alpha = sp.Symbol("zeta_alpha", positive=True)
Lambda_p, ideal_p = sp.symbols("Lambda_p Z_p", positive=True)
uneven = sp.Symbol("Zbar_2", positive=True)
tail = sp.Symbol("tau_m", nonnegative=True)

#: Lambda_2, exactly
SQUARES = (1 - (1 - gamma) ** 2) / m + (1 - gamma) ** 2 * uneven
#: sum_(j > m) lambda~_j <= alpha m^(1 - 1/alpha)/((1 - alpha) zeta(1/alpha)), by the integral of x^(-1/alpha)
TAIL = alpha * m ** (1 - 1 / alpha) / ((1 - alpha) * zeta_alpha)
#: by Minkowski, and lambda-bar_j <= lambda~_j/(1 - tau_m)
ABOVE = (gamma * m ** (1 / power - 1) + (1 - gamma) * ideal_p ** (1 / power) / (1 - tail)) ** power
BELOW = (1 - gamma) ** power * ideal_p


def power_of(run: Run) -> float:
    """Return p."""
    return float(run.instance.parameters["power"])


def _uneven(run: Run) -> Measured:
    """Return ``sum_j lambda-bar_j^2``."""
    rate = 1 / run.instance.parameters["alpha"]
    terms = np.arange(1, run.instance.m + 1, dtype=float) ** -rate
    value = float(np.sum((terms / terms.sum()) ** 2))
    return Measured(value, 1e-13 * value)


def zeta_of(run: Run) -> Measured:
    """Return zeta(1/alpha)."""
    value = float(zeta(1 / run.instance.parameters["alpha"]))
    return Measured(value, 1e-13 * value)


def zipf_tail(run: Run) -> Measured:
    """Return ``sum_(j > m) lambda~_j`` of the normalised Zipf scales (Hurwitz zeta)."""
    rate = 1 / run.instance.parameters["alpha"]
    value = float(zeta(rate, run.instance.m + 1) / zeta(rate))
    return Measured(value, 1e-13 * value)


def _of_power(measure_at: Callable[[float], Measure], run: Run) -> Measured:
    return measure_at(power_of(run))(run)


QUANTITIES = (
    *s.SIZES, s.POWER_2, means.RESOLUTION,
    Quantity(power, "the power p", measure.constant(power_of)),
    Quantity(alpha, "uneven scales fall like j^(-1/alpha)", measure.parameter("alpha")),
    Quantity(zeta_alpha, "zeta(1/alpha)", zeta_of),
    Quantity(uneven, "sum_j lambda-bar_j^2", _uneven),
    Quantity(Lambda_p, "sum_j lambda_j^p", partial(_of_power, s.power_sum)),
    Quantity(ideal_p, "sum_j lambda~_j^p over infinitely many nodes", partial(_of_power, means.ideal_power_sum)),
    Quantity(tail, "sum over j > m of the normalised scales", zipf_tail),
)  # fmt: skip

_ABOVE_ONE = Assumption("p above 1", "the power is above 1", Bound(sp.S.One, power, strict=True))
_RANGE = Assumption("alpha in (0, 1)", "the scales can be summed", Bound(sp.S.Zero, alpha * (1 - alpha), strict=True))


def _build(flags: dict[str, Any]) -> Instance:
    if not 1 < flags["power"] <= 16:
        raise BadInput(f"--power must lie in (1, 16], not {flags['power']:g}: it is the power of the node scales")
    return with_parameters(means.build(flags), power=flags["power"])


def _hard(width: int, gamma: float, alpha: float, power: float) -> Instance:
    parameters = {"resolution": 1e-6, "power": power}
    return make.drawn(np.ones((1, 1)), np.ones(1), width=width, gamma=gamma, alpha=alpha, parameters=parameters)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from([1, 2, 3, 10, 1000]),
        st.sampled_from([0.5, 0.0, 0.01, 0.99, 1.0]),
        st.sampled_from([0.5, 0.05, 0.4, 0.7, 0.9]),
        st.sampled_from([1.5, 1.01, 2.0, 3.0]),
    )


_RESOLVED = ("resolution below 1",)
_POWER = ("p above 1",)

POWER_SUMS = Theorem(
    label="caron2023.power_sums",
    title="Power sums of the node scales: their limits, and how far they are from them",
    reference=Reference("caron2023", "section 1; errata U16", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " lambda~_j = j^(-1/alpha)/zeta(1/alpha), lambda-bar_j the same over their sum for j <= m.",
    quantities=QUANTITIES,
    assumptions=(means.RESOLVED, _ABOVE_ONE, _RANGE),
    claims=(
        Claim("squares, above", "Lambda_2 in closed form, from above", Bound(Lambda_2, (1 + epsilon) * SQUARES), _RESOLVED, looseness=1.0),
        Claim("squares, below", "Lambda_2 in closed form, from below", Bound((1 - epsilon) * SQUARES, Lambda_2), _RESOLVED, looseness=1.0),
        Claim("limit, above", "Lambda_p is at most a sum that tends to (1 - gamma)^p Z_p", Bound(Lambda_p, ABOVE), _POWER, looseness=1.05),
        Claim("limit, below", "and at least this limit, at every width", Bound(BELOW, Lambda_p), _POWER, looseness=1.02),
        Claim("even", "and at least what even scales have, m^(1 - p)", Bound(m ** (1 - power), Lambda_p), _POWER, looseness=5.3),
        Claim("tail", "what the first m nodes leave of Zipf's scales", Bound(tail, TAIL), ("alpha in (0, 1)",), looseness=1.0),
    ),
    derivations=(),
    order=("data", "labels", "weights"),
    example=make.example(_build, "n", "d", "m", "gamma", "alpha", "resolution", "power", gamma=0.5),
    instances=_instances,
    simulate=Run,
    sabotages=(
        Claim("squares, above: gamma^2 for 1 - (1 - gamma)^2", "the cross term left out", Bound(Lambda_2, (1 + epsilon) * (gamma**2 / m + (1 - gamma) ** 2 * uneven)), _RESOLVED, falsifies="squares, above"),
        Claim("squares, below: 1 - gamma to the first power", "", Bound((1 - epsilon) * ((1 - (1 - gamma) ** 2) / m + (1 - gamma) * uneven), Lambda_2), _RESOLVED, falsifies="squares, below"),
        Claim("limit, above: the even part left out", "as if it were the limit already", Bound(Lambda_p, ((1 - gamma) * ideal_p ** (1 / power) / (1 - tail)) ** power), _POWER, falsifies="limit, above"),
        Claim("limit, below: 1 - gamma to the first power", "", Bound((1 - gamma) * ideal_p, Lambda_p), _POWER, falsifies="limit, below"),
        Claim("limit, below: gamma = 1 also", "1 - gamma dropped", Bound(ideal_p, Lambda_p), _POWER, falsifies="limit, below"),
        Claim("even: one power less", "m^(2 - p)", Bound(m ** (2 - power), Lambda_p), _POWER, falsifies="even"),
        Claim("tail: without 1/(1 - alpha)", "as if the terms fell faster", Bound(tail, TAIL * (1 - alpha)), ("alpha in (0, 1)",), falsifies="tail"),
    ),
    showcase=(
        {"n": 1, "d": 1, "m": 1000, "gamma": 0.5, "alpha": 0.6, "power": 1.5, "resolution": 1e-6},
        {"data": "diabetes", "rows": 1, "columns": "bmi", "m": 200, "gamma": 0.3, "alpha": 0.5, "power": 3.0, "resolution": 1e-6},
    ),
)  # fmt: skip
