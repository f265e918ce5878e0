"""Proof of the best one-step inequality (razborov2022, R0), and that the theorem's q is never above it.

Scalars: ``|r| = 1``, ``p = |J_0'r|`` and ``rho = |v|``; ``alpha = D + beta``, ``p = alpha + z_2`` (Rayleigh), ``rho = p - D + z``
(v within D of u), ``(1 - S) beta = D + y`` (in range); all of these letters are nonnegative.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as gd
import _razborov2022_flow as flow
import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import one_step as one
from theorycheck.theorems.razborov2022 import statements as t

D, S = one.change, one.norm_squared
_k, _beta = sp.symbols("k beta", positive=True)
_y, _z, _more, _a, _b, _rho = sp.symbols("y z z_2 a b rho", nonnegative=True)
_V, _W = gd._V, gd._W

POLAR = identity(
    "polar", "2 u.v = |v|^2 + |u|^2 - |e|^2, v = u + e", 2 * gd._dot(gd._u, _V), gd._squares(_V) + gd._UU - gd._EE
)
CAUCHY = combine(
    "Cauchy and Schwarz", "w.v - u.v = f.v >= -(|f|^2/k + k |v|^2)/2, which is -D |v| at k = D/|v|",
    Bound(-(gd._FF / _k + _k * gd._squares(_V)) / 2, gd._dot(gd._f, _V)),
    {REST: gd._squares(tuple(a + _k * b for a, b in zip(gd._f, _V, strict=True))) / (2 * _k)},
)  # fmt: skip


def _parabola(p: sp.Expr, rho: sp.Expr, stable: sp.Expr) -> sp.Expr:
    """Return what 2 w.v - S |v|^2 is at least, ``stable`` being 1 - S."""
    return stable * rho**2 - 2 * D * rho + p**2 - D**2


_STABLE = (D + _y) / _beta
_P, _RHO = D + _beta + _more, _beta + _more + _z
LEAST = combine(
    "least", "2 w.v - S |v|^2 >= (1 - S) rho^2 - 2 D rho + p^2 - D^2 rises from rho = p - D on, where it is (2 - S)(p - D)^2",
    Bound((1 + _STABLE) * _beta**2, _parabola(_P, _RHO, _STABLE)),
    {REST: _z**2 * _STABLE + 2 * _z * (_y + _STABLE * _more) + (1 + _STABLE) * _more * (2 * _beta + _more)},
)  # fmt: skip
MEANS = combine(
    "means", "a^2 rho^2 + b^2 >= 2 a b rho, a^2 = 1 - S, b^2 = p^2 - D^2: so it is at least 2 (a b - D) rho",
    Bound(2 * (_a * _b - D) * _rho, _a**2 * _rho**2 - 2 * D * _rho + _b**2), {REST: (_a * _rho - _b) ** 2},
)  # fmt: skip


def _seen(seed: int) -> Mapping[sp.Symbol, float]:
    start, now, mean, residual, _ = gd.near(seed)
    step = now.T @ residual
    after, before = np.linalg.norm(residual - mean @ step), np.linalg.norm(residual)
    alpha, size = np.linalg.svd(start, compute_uv=False)[-1], np.linalg.norm(mean, 2) ** 2
    jump = max(np.linalg.norm(now - start, 2), np.linalg.norm(mean - start, 2))
    holds = jump < alpha and size * (alpha - jump) <= alpha - 2 * jump
    return {
        t.alpha_squared: alpha**2, D: jump, S: size,
        one.gain: 1 - (after / before) ** 2 if holds else np.nan, one.fall: (before - after) / np.linalg.norm(step) if size <= 1 else np.nan,
    }  # fmt: skip


GAIN = of_claim(
    one.ONE_STEP, "gain", gd.EXPANDED, POLAR, CAUCHY, LEAST, gd.RAYLEIGH,
    sampled("gain", "so a step takes off (2 - S)(alpha - D)^2 of |r|^2 at least", Bound(one.GAIN, one.gain), _seen, "expanded", "polar", "Cauchy and Schwarz", "least", "Rayleigh", f"{GIVEN}in range", f"{GIVEN}below alpha", f"{GIVEN}K_0 definite", count=120),
    chain=("gain",),
)  # fmt: skip
FALL = of_claim(
    one.ONE_STEP, "fall", gd.EXPANDED, POLAR, CAUCHY, MEANS, gd.RAYLEIGH, gd.NORMS,
    sampled("fall", "so |r| falls by (2 w.v - S |v|^2)/(2 |r|), and the step is |v| long; p >= alpha |r|", Bound(one.FALL, one.fall), _seen, "expanded", "polar", "Cauchy and Schwarz", "means", "Rayleigh", "norms", f"{GIVEN}below 1", f"{GIVEN}below alpha", f"{GIVEN}K_0 definite", count=120),
    chain=("fall",),
)  # fmt: skip

# --- the constants of R0, with D = c alpha ----------------------------------------------------------------

_c, _S = sp.symbols("c S", nonnegative=True)
_Q = 2 * (1 - 2 * _c - _c**2) - _S * (1 + _c) ** 2
CONSTANTS = flow.lemma(
    "q of R0", {},
    combine("square dropped", "without its -c^2 the q of R0 is larger", Bound(_Q, _Q + 2 * _c**2), {REST: 2 * _c**2}),
    combine("product of two", "and still below 2 (1 - c)^2 - S (1 + c)^2, the least of both parts", Bound(_Q + 2 * _c**2, 2 * (1 - _c) ** 2 - _S * (1 + _c) ** 2), {REST: 2 * _c**2}),
    combine("both at once", "which is below the least of their difference", Bound(2 * (1 - _c) ** 2 - _S * (1 + _c) ** 2, (2 - _S) * (1 - _c) ** 2), {REST: 4 * _c * _S}),
    combine("together", "so q is valid, and so it is without its -c^2", Bound(_Q, (2 - _S) * (1 - _c) ** 2), {"square dropped": 1, "product of two": 1, "both at once": 1}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (GAIN, FALL, CONSTANTS)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
