"""Theorem E of chen2022 and its dichotomy: (H) proved, the rate derived, the floor attained, nothing refuted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from theorycheck.bounds import positive_on
from theorycheck.check import check
from theorycheck.enclose import enclose, ends
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import follow
from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation
from theorycheck.theorems.chen2022 import floor
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.floor import DICHOTOMY, H_0, PATH, RATE, E, alpha, beta, growth, hard, y_least
from theorycheck.theorems.chen2022.naive import CONTROLS

X = sp.Symbol("x", positive=True)


# --- (H) ----------------------------------------------------------------------------------------


def test_softplus_has_alpha_2_log_2_and_beta_1():
    """(H): |s|/|s'| - |u| <= 2 log 2 (errata I8), on both half lines by monotonicity, in x = exp(-|u|)."""
    s_expr = sp.log(1 + sp.exp(Z))
    ratio = s_expr / sp.diff(s_expr, Z)
    # right: u = -log x; it grows with x, up to x = 1
    right = -X * sp.log(X) + (1 + X) * sp.log(1 + X)
    assert sp.simplify(sp.expand_log((ratio - Z).subs(Z, -sp.log(X)) - right, force=True)) == 0
    slope = sp.log(1 + X) - sp.log(X)
    assert sp.simplify(sp.diff(right, X) - slope) == 0
    assert positive_on(slope, {X: (2.0**-60, 1.0)}) is not None  # and below: log(1 + x) > 0 > log x
    # left: u = log x; as -u grows it falls at 2 - log(1 + x)/x, from x = 1 on
    left = (1 + 1 / X) * sp.log(1 + X) + sp.log(X)
    assert sp.simplify(sp.expand_log((ratio + Z).subs(Z, sp.log(X)) - left, force=True)) == 0
    assert sp.simplify(-X * sp.diff(left, X) - (sp.log(1 + X) / X - 2)) == 0
    # 2x - log(1 + x) is 0 at 0 and grows
    assert positive_on(sp.diff(2 * X - sp.log(1 + X), X), {X: (0.0, 1.0)}) is not None
    for end in (right, left):
        assert end.subs(X, 1) == 2 * sp.log(2) == floor.SOFTPLUS[0]


def test_no_smaller_alpha_will_do():
    """At u = 0 softplus has equality."""
    at_zero = ends(enclose(ACTIVATIONS["softplus"].expr / ACTIVATIONS["softplus"].slope, {Z: 0}))
    bound = growth(ACTIVATIONS["softplus"])
    assert bound is not None
    assert at_zero[0] <= bound[0] <= at_zero[1] * (1 + 1e-15)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "max(z, z/2)", "identity", "3*z", "abs(z)"])
def test_what_is_alike_at_all_scales_has_alpha_0_and_beta_1(name):
    assert growth(activation(name)) == (0.0, 1.0)


@pytest.mark.parametrize("name", ["tanh", "gelu", "silu", "elu", "z + 1", "erf"])
def test_others_are_not_on_the_list(name):
    assert growth(activation(name)) is None


# --- the rate ---------------------------------------------------------------------------------


def test_rate_and_path_are_those_of_the_theory():
    below = y_least - t.zeta_0
    spread = sp.exp(-2 * beta * t.zeta_0 * sp.sqrt(t.G_max / t.lam) / below)
    rate = 2 / t.n * t.lam * below**2 / (alpha + beta * H_0) ** 2 * spread
    path = (alpha + beta * H_0) / (beta * sp.sqrt(t.G_max)) * (1 / sp.sqrt(spread) - 1)
    point = {t.n: 3, t.lam: sp.Rational(2, 7), t.G_max: sp.Rational(3, 2), alpha: sp.Rational(5, 4), beta: 1}
    point |= {H_0: sp.Rational(4, 3), y_least: 2, t.zeta_0: sp.Rational(3, 5)}
    for ours, theirs in ((RATE, rate), (PATH, path)):
        low, high = ends(enclose(ours / theirs - 1, point))
        assert low <= 0 <= high
        assert high - low < 1e-12
        assert abs(float((1.1 * ours / theirs - 1).subs(point))) > 0.01


def test_the_longest_path_spends_the_whole_loss():
    """``int_0^D sqrt(r) = 2 sqrt(L_0)`` at the D of the card."""
    below = y_least - t.zeta_0
    values = {t.n: 3, t.lam: 0.3, t.G_max: 1.5, alpha: 1.2, beta: 1, H_0: 1.4, y_least: 2.0, t.zeta_0: 0.6}
    end = float(PATH.subs(values))
    root = sp.lambdify(X, sp.sqrt(floor.rate_at(X, below, H_0)).subs(values))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    spent = end / 2 * sum(w * root(end / 2 * (1 + x)) for x, w in zip(nodes, weights, strict=True))
    assert spent == pytest.approx(2 * math.sqrt(0.6**2 / 6), rel=1e-10)


def test_one_neuron_moves_as_far_as_the_path_allows():
    """n = m = 1 near the labels: the movement bound is sharp."""
    instance = hard("orthogonal", 1, 0, 1, "relu", 0.01, True, False, "positive", 1)
    path = next(verdict for verdict in check(E, instance).verdicts if verdict.claim == "path")
    assert path.outcome is Outcome.CONFIRMED
    assert path.conclusion.rhs / path.conclusion.lhs < 1.02


# --- the floor ----------------------------------------------------------------------------------


def chain(nu, width, seed):
    """The ReLU chain of section 4.9: neurons that datum 1 switches on are switched off on it by datum 3."""
    case = CONTROLS["chain"]
    return s.drawn(case.inputs, case.labels, width=width, activation="relu", nu=nu, mirrored=False, seed=seed)


@pytest.mark.parametrize("start", [0, 1])
def test_the_floor_is_attained(start):
    """Errata W1b: at nu = .003 no neuron is active on datum 1 and the loss stalls at exactly y_1^2/(2n)."""
    instance = chain(0.003, 100, start)
    run = follow(instance, 411.0)
    assert np.sum(run.trajectory.residual[-1] ** 2) / 6 == pytest.approx(0.1**2 / 6, rel=1e-9)
    h = instance.inner * instance.inputs @ run.trajectory.final_weights.T
    assert not np.any(h[0] > 1e-12)
    # the other horn of the dichotomy: above the floor it promises nothing
    (verdict,) = check(DICHOTOMY, instance).verdicts
    assert verdict.outcome is Outcome.CONFIRMED
    assert verdict.conclusion.lhs == 0


def test_a_larger_start_falls_below_the_floor_and_goes_on():
    """Errata W1b: at nu = .03, L(411) < y_1^2/(4n); the dichotomy then promises a rate, and it is seen."""
    instance = chain(0.03, 400, 1)
    run = follow(instance, 411.0, count=30)
    assert np.sum(run.trajectory.residual[-1] ** 2) / 6 < 0.1**2 / 12
    (verdict,) = check(DICHOTOMY, instance).verdicts
    assert verdict.outcome is Outcome.CONFIRMED
    assert verdict.conclusion.lhs > 0


def test_a_label_of_0_says_nothing():
    """Errata U10: with y_* = 0 the floor is 0."""
    instance = hard("orthogonal", 2, 0, 8, "relu", 0.5, True, False, "positive", 1)
    (verdict,) = check(DICHOTOMY, instance.with_labels(np.array([0.0, 1.0]))).verdicts
    assert verdict.premises_truth is Truth.NO


def test_mirrored_neurons_never_start_below_the_floor():
    """Errata U10: f_0 = 0 means |zeta_0| = |y| >= y_*."""
    inputs = np.eye(3) * math.sqrt(3)
    instance = s.drawn(inputs, np.array([1.0, -2.0, 0.5]), width=10, activation="relu", mirrored=True, seed=0)
    (verdict, _) = check(E, instance, skip_vacuous=True).verdicts
    assert "below the floor" in {premise.label for premise in verdict.premises if premise.truth is Truth.NO}


def test_the_dichotomy_on_200_adversarial_networks():
    outcomes = []

    @seed(7)
    @settings(max_examples=200, phases=["generate"], deadline=None, database=None)
    @given(
        st.builds(
            hard,
            st.sampled_from(["gaussian", "orthogonal", "sphere"]),
            st.integers(1, 2),
            st.just(0),
            st.sampled_from([1, 2, 5, 12]),
            st.sampled_from(["relu", "relu", "relu", "softplus"]),
            st.sampled_from([0.5, 0.95, 1.2, 30.0]),
            st.booleans(),
            st.booleans(),
            st.sampled_from(["positive", "random"]),
            st.integers(0, 10_000),
        )
    )
    def never(instance):
        (verdict,) = check(DICHOTOMY, instance, skip_vacuous=True).verdicts
        assert verdict.outcome is not Outcome.REFUTED, dict(instance.description)
        outcomes.append((verdict.outcome, verdict.conclusion.lhs > 0))

    never()
    # both horns are seen: exponential decay, and a floor
    assert outcomes.count((Outcome.CONFIRMED, True)) > 20
    assert outcomes.count((Outcome.CONFIRMED, False)) > 20
