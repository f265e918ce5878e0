"""Certified Hermite coefficients, their tails, and duals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from constants_truths import floats, holds
from flint import acb, arb
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck import constants, constants_gauss
from theorycheck.constants import (
    dual_value,
    hermite_coefficients_certified,
    hermite_tail,
)
from theorycheck.constants_complex import on_box
from theorycheck.enclose import ball, evaluator
from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation
from theorycheck.symbolic.hermite import hermite_series

RELU = ACTIVATIONS["relu"].expr
LINE = "the real line"


# --- Hermite coefficients -------------------------------------------------------------------


def relu_square(k):
    """The square of ReLU's k-th coefficient at variance 1."""
    if k == 1:
        return 0.25
    if k % 2:
        return 0.0
    return 1 / (2 * math.pi) if k == 0 else float(sp.factorial2(k - 3) ** 2 / (2 * sp.pi * sp.factorial(k)))


def erf_square(k):
    j = k // 2
    return 0.0 if k % 2 == 0 else 2 / math.pi * math.comb(2 * j, j) / 4**j / k * (2 / 3) ** k


@pytest.mark.parametrize(("name", "square"), [("relu", relu_square), ("erf", erf_square)])
def test_coefficients_of_closed_forms(name, square):
    found = hermite_coefficients_certified(ACTIVATIONS[name].expr, 1, 40)
    for k, certificate in enumerate(found):
        low, high = sorted((abs(certificate.lower), abs(certificate.upper)))
        assert low**2 <= square(k) * (1 + 1e-14) + 1e-30
        assert high**2 >= square(k) * (1 - 1e-14) - 1e-30
        assert high - low <= 1e-15


# tau_W belongs to z H(z)'s slope times z: coefficients of the step, shifted by one degree; tau_a is ReLU's own tail
TAU_W = {4: 0.0908451, 6: 0.0643192, 8: 0.0523826}
TAU_A = {4: 0.0112676, 6: 0.0046361, 8: 0.0026467}


@pytest.mark.parametrize("count", TAU_A)
def test_tails_of_the_arc_cosine_kernels(count):
    tail = hermite_tail(RELU, 1, count)
    assert holds(tail, TAU_A[count], 5e-8)
    assert tail.upper - tail.lower <= 1e-15
    shifted = hermite_tail(sp.Heaviside(Z), Fraction(1), count - 1)
    assert holds(shifted, TAU_W[count], 5e-8)
    exact = 0.5 - sum(relu_square(k) for k in range(count))
    assert holds(tail, exact, 1e-15)
    assert not holds(tail, exact + 1e-12)


@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu", "silu", "sigmoid", "elu", "exponential"])
@pytest.mark.parametrize("variance", [1e-4, 0.3, 1.0, 7.0])
def test_coefficients_against_floats(name, variance):
    series = hermite_series(floats(name), np.array([variance]), 24)
    size = math.sqrt(series.second_moment[0])
    for certificate, number in zip(
        hermite_coefficients_certified(ACTIVATIONS[name].expr, variance, 24), series.coefficients[0], strict=True
    ):
        assert holds(certificate, number, 1e-14 * size)
        assert certificate.upper - certificate.lower <= 1e-15 * size
    assert holds(hermite_tail(ACTIVATIONS[name].expr, variance, 24), series.tail[0], 1e-13 * size**2)


def test_a_kink_that_is_not_at_zero():
    found = hermite_coefficients_certified(activation("max(0, 2*z - 1)").expr, Fraction(1, 4), 2)
    tail, density = math.erfc(1 / math.sqrt(2)) / 2, math.exp(-0.5) / math.sqrt(2 * math.pi)
    assert holds(found[0], density - tail, 1e-16)  # E max(0, g - 1)
    assert holds(found[1], tail, 1e-16)


def test_variance_zero_and_wrong_arguments():
    assert [c.upper for c in hermite_coefficients_certified(ACTIVATIONS["sigmoid"].expr, 0, 3)] == [0.5, 0, 0]
    assert hermite_tail(ACTIVATIONS["sigmoid"].expr, 0.0, 3).upper == 0
    for variance in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="variance"):
            hermite_tail(RELU, variance, 2)
    with pytest.raises(ValueError, match="at least one term"):
        hermite_tail(RELU, 1, 0)
    with pytest.raises(ValueError, match="grows too fast"):
        hermite_tail(sp.exp(Z**2), 1, 2)
    with pytest.raises(ValueError, match="correlation"):
        dual_value(RELU, 1, 1, 1.5)


@pytest.fixture
def fresh():
    """Run without remembered series, so that what is patched is used."""
    caches = (constants._series, constants._moment, constants_gauss._rule)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_without_the_gaussian_tails_the_truth_is_missed(monkeypatch):
    kept = constants_gauss._beyond
    monkeypatch.setattr(constants_gauss, "_beyond", lambda *given: (arb(3), arb(0)))
    assert not holds(hermite_coefficients_certified(RELU, 1, 1)[0], math.sqrt(relu_square(0)), 1e-15)
    # the same cut with its bound is wide, but right
    monkeypatch.setattr(constants_gauss, "CUTS", (3,))
    monkeypatch.setattr(constants_gauss, "_beyond", kept)
    constants._series.cache_clear()
    constants._moment.cache_clear()
    wide = hermite_coefficients_certified(RELU, 1, 1)[0]
    assert holds(wide, math.sqrt(relu_square(0)))
    assert wide.upper - wide.lower > 1e-4


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("dropped", [True, False])
def test_without_the_error_of_the_panels_the_truth_is_missed(monkeypatch, dropped):
    plan = constants_gauss._plan

    def few(*given):
        nodes, error = plan(*given)
        if not error.is_finite():
            return nodes, error
        fewer = max(2, nodes // 8)
        known = 0.0 if dropped else 9.0 ** (nodes - fewer)
        return fewer, error * known

    monkeypatch.setattr(constants_gauss, "_RATIOS", (3,))
    monkeypatch.setattr(constants_gauss, "_plan", few)
    found = hermite_coefficients_certified(ACTIVATIONS["tanh"].expr, 1, 8)
    truth = hermite_series(np.tanh, np.array([1.0]), 8).coefficients[0]
    missed = [not holds(certificate, number, 1e-14) for certificate, number in zip(found, truth, strict=True)]
    assert any(missed) == dropped


def test_a_pole_or_a_cut_in_the_box_is_seen():
    near = constants_gauss._largest(sp.tanh(Z), arb(1), (arb(0), arb(1), arb(1.5)))
    assert near.is_finite()
    assert not constants_gauss._largest(sp.tanh(Z), arb(1), (arb(0), arb(1), arb(1.6))).is_finite()
    for expr, edge in ((sp.log(1 + sp.exp(Z)), math.pi), (sp.atan(Z), 1), (sp.sqrt(1 + Z**2), 1), (1 / (1 + Z**2), 1)):
        for share, finite in ((0.9, True), (1.1, False)):
            box = (arb(0), arb(0.25), arb(edge * share))
            assert constants_gauss._largest(expr, arb(1), box).is_finite() == finite


@given(st.sampled_from(["tanh", "softplus", "gelu", "silu", "atan(z)", "z/sqrt(1 + z**2)"]), st.floats(-20, 20))
@settings(max_examples=60, deadline=None)
def test_boxes_agree_with_the_real_line(name, point):
    expr = activation(name).expr
    assert on_box(expr, acb(point)).real.overlaps(evaluator({Z: ball(point)})(expr))


# --- duals ------------------------------------------------------------------------------------


def by_quadrants(function, q, r, rho):
    """E s(u) s(v) with Gauss-Legendre panels that do not cross the axes."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(-10, 10, 21)
    half = np.diff(edges)[:, None] / 2
    x = ((edges[:-1, None] + edges[1:, None]) / 2 + half * nodes).ravel()
    w = (half * weights).ravel()
    u, v = np.meshgrid(x, x)
    density = np.exp(-(u**2 - 2 * rho * u * v + v**2) / (2 * (1 - rho**2))) / (2 * np.pi * np.sqrt(1 - rho**2))
    return float(w @ (density * function(np.sqrt(q) * u) * function(np.sqrt(r) * v)) @ w)


LAWS = [(1.0, 1.0, 0.5), (0.3, 1.7, 0.9), (4.0, 0.5, -0.8), (1.0, 2.0, 0.0)]


@pytest.mark.parametrize("name", ["tanh", "softplus", "sigmoid", "gelu", "silu", "elu", "relu", "erf", "sine"])
@pytest.mark.parametrize("law", LAWS)
def test_duals_against_double_integrals(name, law):
    found = dual_value(ACTIVATIONS[name].expr, *law)
    truth = by_quadrants(floats(name), *law)
    assert holds(found, truth, 1e-12)
    assert not holds(found, truth + 1e-9, 1e-12)
    assert found.upper - found.lower <= 1e-10 * max(abs(truth), 1e-6)


@pytest.mark.parametrize("name", ["relu", "erf", "gelu", "sine", "abs", "max(0, z)*z"])
@pytest.mark.parametrize("rho", [-1, -0.95, -0.3, 0.6, 0.95, 1])
def test_series_and_integral_agree_with_the_closed_form(monkeypatch, name, rho):
    law = (Fraction(1, 2), Fraction(3, 2), Fraction(rho))
    closed = dual_value(activation(name).expr, *law)
    assert closed.method.startswith("closed form")
    monkeypatch.setattr(constants, "_closed", lambda *given: None)
    other = dual_value(activation(name).expr, *law)
    assert other.method.startswith("one-dimensional" if abs(rho) == 1 else "Hermite series")
    assert other.lower <= closed.upper
    assert closed.lower <= other.upper


def test_duals_at_correlation_one_are_second_moments():
    for name in ("tanh", "elu"):
        moment = dual_value(ACTIVATIONS[name].expr, 2.0, 2.0, 1.0)
        series = hermite_series(floats(name), np.array([2.0]), 4)
        assert holds(moment, series.second_moment[0], 1e-14)
    odd = dual_value(ACTIVATIONS["tanh"].expr, 2.0, 2.0, -1.0)
    even = dual_value(ACTIVATIONS["tanh"].expr, 2.0, 2.0, 1.0)
    assert holds(odd, -even.lower, 1e-15)
    assert dual_value(RELU, 0, 3.0, 1).upper == 0


def test_without_the_cauchy_schwarz_tail_the_truth_is_missed(monkeypatch):
    bent = activation("max(0, z - 1)").expr
    truth = dual_value(bent, 1, 1, 0.9)
    monkeypatch.setattr(constants, "MOST_TERMS", 32)
    short = dual_value(bent, 1, 1, 0.9)
    assert short.lower <= truth.lower <= truth.upper <= short.upper
    monkeypatch.setattr(constants, "_tail", lambda *given: arb(0))
    bare = dual_value(bent, 1, 1, 0.9)
    assert not (bare.lower <= truth.upper and truth.lower <= bare.upper)
