"""Theorems A, B and C of chen2022 (sections 4.1 to 4.3) as tests and conclusions in symbols.

Model: ``f(x) = (1/m) sum_i c_i s(w_i . x/sqrt d)``, first layer trained in mean-field time, loss
``|zeta|^2/(2n)`` with ``zeta = f - y``, ``G = X X'/d``. B is the errata's self-consistent form
(I1): the constant is pi/4 instead of 1/2 as ``split`` tends to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import sympy as sp

from theorycheck.certify.recipe import Conclusion, Tests, passes
from theorycheck.statement import Bound

n = sp.Symbol("n", positive=True)
lam, g, G_max = sp.symbols("lambda_min g G_max", real=True)
zeta_0 = sp.Symbol("zeta_0", nonnegative=True)
slope, steepness = sp.symbols("L_s K", nonnegative=True)
c_high, c_low = sp.symbols("c_hi c_lo", real=True)
share = sp.Symbol("p_hat", nonnegative=True)
eta, split = sp.symbols("eta split", real=True)
area, last, window = sp.symbols("I_Q Q_K rho_K", real=True)

#: the certified part of the tangent Gram's least eigenvalue, without what movement costs (3.4)
HELD = lam * c_low**2 * steepness**2 * share
PER_HELD = sp.Integer(2) / n
RATE_SAYS = "rate: loss(t) <= exp(-rate t) loss(0) for all t >= 0"

_POSITIVE = tuple(
    (f"{symbol} positive", Bound(sp.S.Zero, symbol, strict=True)) for symbol in (lam, eta, c_low, steepness, share)
)

#: how far a preactivation moves while the rate holds (3.5)
WINDOW_A = c_high * slope * g * zeta_0 / HELD
TESTS_A: Tests = (*_POSITIVE, ("test", Bound(c_high * slope * g * zeta_0, HELD * eta, strict=True)))
CONCLUSIONS_A = (
    Conclusion("rate", RATE_SAYS, "at least", PER_HELD * HELD),
    Conclusion(
        "window",
        "window: every preactivation stays within it of its initial value, for all t >= 0",
        "at most",
        WINDOW_A,
    ),
)

#: int_0^D sqrt(p - G_max x^2/eta^2) dx with D = split eta sqrt(p/G_max)
_BUDGET = eta * share / (2 * sp.sqrt(G_max)) * (split * sp.sqrt(1 - split**2) + sp.asin(split))
TESTS_B: Tests = (
    *_POSITIVE,
    ("G_max positive", Bound(sp.S.Zero, G_max, strict=True)),
    ("split in (0, 1)", Bound(sp.S.Zero, split * (1 - split), strict=True)),
    ("test", Bound(zeta_0, c_low * steepness * sp.sqrt(lam) * _BUDGET)),
)
CONCLUSIONS_B = (
    Conclusion("rate", RATE_SAYS, "at least", PER_HELD * HELD * (1 - split**2)),
    Conclusion(
        "path", "path: the root mean square of |w_j(t) - w_j(0)| over the neurons, for all t >= 0", "at most",
        split * eta * sp.sqrt(share / G_max),
    ),
)  # fmt: skip


def least_split(test: Bound, values: Mapping[sp.Symbol, float]) -> float:
    """Return the least split at which theorem B's test holds, which gives the best rate; 1/2 if it holds at none."""
    low, high = 0.0, 1 - 2.0**-20
    tests = (("test", test),)
    if not all(map(math.isfinite, values.values())) or not passes(tests, {**values, split: high}):
        return 0.5
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if passes(tests, {**values, split: middle}) else (middle, high)
    return high


#: the largest |zeta_0| that A and B allow, from their own tests
ALLOWED_A = TESTS_A[-1][1].rhs / (TESTS_A[-1][1].lhs / zeta_0)
ALLOWED_B = TESTS_B[-1][1].rhs.subs(split, 1)

TESTS_C: Tests = (
    ("lambda_min positive", Bound(sp.S.Zero, lam, strict=True)),
    ("Q positive", Bound(sp.S.Zero, last, strict=True)),
    ("test", Bound(slope * g * zeta_0 / lam, area, strict=True)),
)
CONCLUSIONS_C = (
    Conclusion("rate", RATE_SAYS, "at least", PER_HELD * lam * last),
    Conclusion(
        "window",
        "window: preactivation h_ij stays within |c_j| window of its initial value, for all t >= 0",
        "at most",
        window,
    ),
)
