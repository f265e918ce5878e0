"""The meta-theorems R0, R0', R0''' and the certificate R1 of razborov2022 as tests and conclusions in symbols.

Model: ``f = kappa sum_j a_j s(w_j . x)``, both layers trained, ``W`` at rate ``eta_W`` and ``a`` at
rate ``eta_a``, loss ``|f - y|^2/2``. ``K_0 = J J'`` is the tangent Gram with the rates in it,
``alpha^2`` a lower bound of its least eigenvalue, ``c alpha`` the allowed change of ``J``. Errata
that are built in: A3 and B2 (``alpha > 0``), B4 (flow takes any ``c`` below 1), I1 (no ``s < 1``),
I2 (one ball for both layers), I3 (only neurons within reach flip), I7 (radii of the flow).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from theorycheck.certify.recipe import Conclusion, Dynamics, Tests
from theorycheck.statement import Bound

alpha_squared, top, r_0, X_norm = sp.symbols("alpha^2 Lambda_max r_0 |X|", nonnegative=True)
kappa, eta_W, eta_a = sp.symbols("kappa eta_W eta_a", nonnegative=True)
c = sp.Symbol("c", real=True)
mass, a_max, x_max = sp.symbols("M a_max x_max", nonnegative=True)
slope, curvature = sp.symbols("L_s C_s", nonnegative=True)
#: 1 if the activation is max(0, z), else 0
relu = sp.Symbol("A_0", nonnegative=True)
R_W, R_a, beta_W, beta_a = sp.symbols("R_W R_a beta_W beta_a", nonnegative=True)

alpha = sp.sqrt(alpha_squared)

# --- the two ways to follow the loss: R0 for descent, R0' for flow ------------------------------


def gain(split: sp.Expr, largest: sp.Expr) -> sp.Expr:
    """Return q: what a step takes off ``|r|^2`` per ``|J_0' r|^2``, for a share of change c and the largest ``|J|^2`` (R0)."""
    return 2 * (1 - 2 * split - split**2) - largest * (1 + split) ** 2


#: with the largest |J|^2 on the ball
Q = gain(c, (sp.sqrt(top) + c * alpha) ** 2)

#: R0'' (the form of Oymak and Soltanolkotabi: sigma_min(J_0) >= 2 alpha, |J - J_0| <= alpha/3, eta |J|^2 <= 1/2) is R0 with
#: alpha -> 2 sqrt(eta) alpha, c = 1/6 and s = 1/2: |r|^2 loses this times eta alpha^2 a step, the path is this times r_0/alpha
OYMAK_C, OYMAK_S = sp.Rational(1, 6), sp.Rational(1, 2)
OYMAK_GAIN = 4 * gain(OYMAK_C, OYMAK_S)
OYMAK_PATH = (1 + OYMAK_C) / gain(OYMAK_C, OYMAK_S)

#: length of the path, in the rescaled parameters
PATH: Mapping[Dynamics, sp.Expr] = {
    "flow": r_0 / ((1 - c) * alpha),
    "descent": 2 * (1 + c) * r_0 / (Q * alpha),
}
#: the time integral (sum over steps) of |r|, for R0'''
_TOTAL: Mapping[Dynamics, sp.Expr] = {
    "flow": r_0 / ((1 - c) ** 2 * alpha_squared),
    "descent": 2 * r_0 / (Q * alpha_squared),
}
_RANGE: Mapping[Dynamics, Tests] = {
    "flow": (("c in (0, 1)", Bound(sp.S.Zero, c * (1 - c), strict=True)),),
    "descent": (
        ("c in (0, sqrt 2 - 1)", Bound(sp.S.Zero, c * (sp.sqrt(2) - 1 - c), strict=True)),
        ("step size", Bound(sp.S.Zero, Q, strict=True)),
    ),
}
_DECAY: Mapping[Dynamics, Conclusion] = {
    "flow": Conclusion(
        "rate", "rate: loss(t) <= exp(-rate t) loss(0) for all t >= 0", "at least", 2 * (1 - c) ** 2 * alpha_squared
    ),
    "descent": Conclusion(
        "contraction", "contraction: loss(k+1) <= contraction loss(k) for every step k >= 0", "at most",
        1 - Q * alpha_squared,
    ),
}  # fmt: skip


def _moved(weights: sp.Expr, outer: sp.Expr) -> tuple[Conclusion, Conclusion]:
    return (
        Conclusion("weights_moved", "the Frobenius norm of W(t) - W(0), at all times", "at most", weights),
        Conclusion("outer_moved", "the Euclidean norm of a(t) - a(0), at all times", "at most", outer),
    )


_DEFINITE = ("K_0 definite", Bound(sp.S.Zero, alpha_squared, strict=True))


def _tests(dynamics: Dynamics, change: sp.Expr, more: Sequence[tuple[str, Bound]] = ()) -> Tests:
    return (_DEFINITE, *_RANGE[dynamics], ("test", Bound(change, c * alpha)), *more)


# --- how far the Jacobian can move ---------------------------------------------------------------


def change_relu(flipped: sp.Expr, path: sp.Expr) -> sp.Expr:
    """Return the bound on the Jacobian's change for ReLU on the joint ball: flipped mass, and moved output weights (I2)."""
    return kappa * X_norm * sp.sqrt(eta_W) * (sp.sqrt(flipped) + sp.sqrt(eta_a) * path)


#: how far J moves per length of the path, smooth activations: ``|J_W - J_W0| <= kappa |X| (L_s R_a + C_s max|a_j| max|x_i| R_W)``
#: and ``|J_a - J_a0| <= kappa L_s |X| R_W`` with ``R_W = sqrt(eta_W) p``, ``R_a = sqrt(eta_a) p``
PER_LENGTH = kappa * X_norm * sp.sqrt(
    eta_W * (slope * sp.sqrt(eta_a) + curvature * a_max * x_max * sp.sqrt(eta_W)) ** 2 + eta_a * (slope * sp.sqrt(eta_W)) ** 2
)  # fmt: skip

_EPS_W = kappa * X_norm * (sp.sqrt(mass) + R_a)
_EPS_A = kappa * X_norm * R_W
#: the same on the product of two balls (R0''')
CHANGE_RADII = sp.sqrt(eta_W * _EPS_W**2 + eta_a * _EPS_A**2)


def _radii_needed(dynamics: Dynamics) -> tuple[sp.Expr, sp.Expr]:
    """Return what ``R_W`` and ``R_a`` must at least be (R0''')."""
    path, total = PATH[dynamics], _TOTAL[dynamics]
    return (
        sp.Min(sp.sqrt(eta_W) * path, eta_W * (beta_W + _EPS_W) * total),
        sp.Min(sp.sqrt(eta_a) * path, eta_a * (beta_a + _EPS_A) * total),
    )


BOTH: tuple[Dynamics, Dynamics] = ("flow", "descent")
RADII_NEEDED: Mapping[Dynamics, tuple[sp.Expr, sp.Expr]] = {one: _radii_needed(one) for one in BOTH}


def _radii_tests(dynamics: Dynamics) -> Tests:
    weights, outer = RADII_NEEDED[dynamics]
    return _tests(dynamics, CHANGE_RADII, (("radius of W", Bound(weights, R_W)), ("radius of a", Bound(outer, R_a))))


def _on_the_ball(dynamics: Dynamics) -> tuple[Conclusion, ...]:
    return (_DECAY[dynamics], *_moved(sp.sqrt(eta_W) * PATH[dynamics], sp.sqrt(eta_a) * PATH[dynamics]))


CHANGE_R1: Mapping[Dynamics, sp.Expr] = {one: change_relu(mass, PATH[one]) for one in BOTH}
CHANGE_SMOOTH: Mapping[Dynamics, sp.Expr] = {one: PER_LENGTH * PATH[one] for one in BOTH}
TESTS_R1: Mapping[Dynamics, Tests] = {one: _tests(one, CHANGE_R1[one]) for one in BOTH}
TESTS_R0: Mapping[Dynamics, Tests] = {one: _tests(one, CHANGE_SMOOTH[one]) for one in BOTH}
TESTS_RADII: Mapping[Dynamics, Tests] = {one: _radii_tests(one) for one in BOTH}
CONCLUSIONS: Mapping[Dynamics, tuple[Conclusion, ...]] = {one: _on_the_ball(one) for one in BOTH}
CONCLUSIONS_RADII: Mapping[Dynamics, tuple[Conclusion, ...]] = {one: (_DECAY[one], *_moved(R_W, R_a)) for one in BOTH}
