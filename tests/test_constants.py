"""Certified constants: suprema on the line, Hermite coefficients and tails, duals, numeric inequalities of the cards."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import acb, arb
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck import constants, constants_gauss, constants_line
from theorycheck.constants import (
    curvature_bound,
    dual_value,
    hermite_coefficients_certified,
    hermite_tail,
    inequality,
    slope_bound,
)
from theorycheck.constants_complex import on_box
from theorycheck.constants_far import NoBound, far
from theorycheck.enclose import ball, evaluator
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation
from theorycheck.symbolic.hermite import hermite_series

RELU = ACTIVATIONS["relu"].expr
LINE = "the real line"


def holds(certificate, truth, slip=0.0):
    """Whether a certificate encloses a number that is itself known up to ``slip``."""
    return certificate.lower <= truth + slip and truth - slip <= certificate.upper


def floats(name):
    return sp.lambdify(Z, activation(name).expr, ["scipy", "numpy"])


# --- suprema ------------------------------------------------------------------------------


def _steepest_silu() -> float:
    with mpmath.workdps(40):

        def slope(z):
            return mpmath.diff(lambda t: t / (1 + mpmath.exp(-t)), z)

        return float(slope(mpmath.findroot(lambda z: mpmath.diff(slope, z), 2.4)))


_ROOT2 = math.sqrt(2)
SUPREMA = {
    "relu": (1, math.inf),
    "leaky_relu": (1, math.inf),
    "softplus": (1, 0.25),
    "tanh": (1, 4 / (3 * math.sqrt(3))),
    "erf": (2 / math.sqrt(math.pi), 2 * _ROOT2 / math.sqrt(math.pi * math.e)),
    "sigmoid": (0.25, 1 / (6 * math.sqrt(3))),
    # the slope Phi(z) + z phi(z) is steepest at sqrt 2
    "gelu": ((1 + math.erf(1)) / 2 + 1 / (math.sqrt(math.pi) * math.e), math.sqrt(2 / math.pi)),
    "silu": (_steepest_silu(), 0.5),
    "elu": (1, 1),
    "sine": (1, 1),
    "abs": (1, math.inf),
    "identity": (1, 0),
    "square": (math.inf, 2),
    "exponential": (math.inf, math.inf),
    "z/sqrt(1 + z**2)": (1, 48 / (25 * math.sqrt(5))),
    "z/(1 + abs(z))": (1, 2),
    "sin(z)*exp(-abs(z))": (1, 2),
    "sin(z/2)*cos(2*z)": (1.8805502655475, 4.25),
    "max(0, tanh(z) - 1/3)": (8 / 9, math.inf),
    "atan(z)": (1, 3 * math.sqrt(3) / 8),
    "cos(z)*tanh(z)": (1, 1.8834313175671),
}


@pytest.mark.parametrize("name", SUPREMA)
@pytest.mark.parametrize("order", [1, 2])
def test_suprema_are_tight_on_the_whole_line(name, order):
    found = (slope_bound, curvature_bound)[order - 1](activation(name))
    known = SUPREMA[name][order - 1]
    assert found.evidence["covers"] == LINE
    if math.isinf(known):
        assert found.upper == math.inf
        assert found.lower > 1e300
        return
    assert holds(found, known, 1e-12 * known)
    assert found.upper <= known * (1 + 1e-9)
    assert found.lower >= known * (1 - 1e-9)


def test_every_activation_has_a_known_supremum():
    assert set(ACTIVATIONS) <= set(SUPREMA)


@pytest.mark.parametrize("name", ["relu", "elu", "softplus", "tanh", "sine"])
def test_a_slope_of_one_is_exactly_one(name):
    assert (slope_bound(activation(name)).lower, slope_bound(activation(name)).upper) == (1.0, 1.0)


@pytest.mark.parametrize("name", ["tanh", "softplus", "sigmoid", "sine"])
@pytest.mark.parametrize("order", [1, 2])
def test_branch_and_bound_agrees_with_the_exact_rules(monkeypatch, name, order):
    expr = (ACTIVATIONS[name].slope, ACTIVATIONS[name].curvature)[order - 1]
    monkeypatch.setattr(constants_line, "exact_supremum", lambda expr: None)
    found = constants_line.line_supremum(expr, "s'")
    assert not found.method.startswith("exact")
    assert holds(found, SUPREMA[name][order - 1], 1e-16)
    assert found.upper - found.lower <= 1e-10


def test_without_the_half_lines_a_supremum_at_infinity_is_missed(monkeypatch):
    monkeypatch.setattr(constants_line, "exact_supremum", lambda expr: None)
    late = activation("log(1 + exp(z/50))").slope  # it climbs to 1/50 at infinity
    assert holds(constants_line.line_supremum(late, "s'"), 1 / 50, 1e-17)
    monkeypatch.setattr(constants_line, "_half_line", lambda expr, origin: (64.0, (0.0, 0.0, True)))
    assert constants_line.line_supremum(late, "s'").upper < 0.9 / 50


def test_a_reach_that_is_not_the_line_is_said(monkeypatch):
    def unknown(expr, start):
        raise NoBound("no rule")

    monkeypatch.setattr(constants_line, "far", unknown)
    found = constants_line.line_supremum(activation("gelu").slope, "s'")
    assert found.evidence["covers"] == "|z| <= 2^64"
    assert found.says.endswith("over |z| <= 2^64 only, for |" + found.evidence["expression"] + "|")


FAR = ["gelu", "silu", "elu", "softplus", "tanh(z**2 - 3*z)", "z/sqrt(1 + z**2)", "log(1 + z**2)", "exp(sin(z))/(2 + z**2)",
       "atan(z)*z", "z*tanh(log(1 + exp(z)))", "exp(z)*tanh(z)", "sqrt(3 + z**4)", "cosh(z)/(3 + tanh(z))", "erf(2 - z)*z"]  # fmt: skip


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("side", [1, -1])
def test_the_form_far_out_holds(name, side):
    expr = constants_line.pieces(activation(name).expr)[-1 if side > 0 else 0].expr.subs(Z, side * Z)
    form = far(expr, 8.0)
    for point in (8.0, 9.5, 16.0, 40.0, 300.0):
        x = arb(point)
        allowed = sum((k * x ** ball(a) * (-ball(r) * x).exp() for (a, r), k in form.rest.items()), arb(0))
        rest = abs(evaluator({Z: x})(expr) - evaluator({Z: x})(form.polynomial))
        assert not rest > allowed
        # and a thousandth of it would be refuted, or the remainder is at rounding level
        assert rest > allowed / 1000 or allowed < 1e-10 or name in {"tanh(z**2 - 3*z)", "exp(sin(z))/(2 + z**2)", "log(1 + z**2)"}  # fmt: skip


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


# --- inequalities -----------------------------------------------------------------------------

_S = 1 + sp.sqrt(2)
_C, _STEP = sp.symbols("c s", positive=True)
_Q = 2 * (1 - 2 * _C - _C**2) - _STEP * (1 + _C) ** 2
_PATH = 2 * (1 + _C) / _Q
# E min(a^2, 4), standard normal: the part in [-2, 2] by parts, and four times the rest
_CUT_SQUARE = sp.erf(sp.sqrt(2)) - 4 * sp.exp(-2) / sp.sqrt(2 * sp.pi) + 4 * sp.erfc(sp.sqrt(2))
_TAU_W4 = sp.Rational(1, 4) - 1 / (2 * sp.pi)
_TAU_A4 = sp.Rational(1, 4) - 3 / (4 * sp.pi)
# Chernoff: P(Bin > twice its mean bound sqrt(2/pi) tau m) <= exp(-h tau m)
_CHERNOFF = sp.log(2 * sp.pi) - 2 + sp.sqrt(2 / sp.pi)
# E[g^2; g > 1/sqrt(2) + 1] for g = 1/sqrt(2) + u, P(u > x) <= exp(-x^2/2), in units of exp(-1/2)
_TRUNCATED = (1 / sp.sqrt(2) + 1) ** 2 + 2 + sp.sqrt(sp.pi) * sp.erfc(1 / sp.sqrt(2)) * sp.exp(sp.Rational(1, 2))


def _decimal(text):
    return sp.Rational(text)


# (smaller, larger): rounded constants of the cards, and what the errata of the derivations confirm
TRUE = {
    "R1 width": (2**15 * (17 + 12 * sp.sqrt(2)) / sp.pi, 2**19),
    "R1 width rounded": (2**15 * (17 + 12 * sp.sqrt(2)) / sp.pi, 354326),
    "R1' tail": (24 * _S**2, _decimal("139.9")),
    "R1' flips": (2**11 / sp.pi * _S**4, _decimal("22145.4")),
    "R2 width": (128 * _S**2, 2**10),
    "R3 width": (512 * _S**2, 2**12),
    "cut square": (_decimal("0.9205"), _CUT_SQUARE),
    "C_p(1/6, 1/2)": (_PATH.subs({_C: sp.Rational(1, 6), _STEP: sp.Rational(1, 2)}), _decimal("3.907")),
    "C_p(1/5, 1/4)": (_PATH.subs({_C: sp.Rational(1, 5), _STEP: sp.Rational(1, 4)}), _decimal("3.158")),
    "C_p(1/8, 1/2)": (_PATH.subs({_C: sp.Rational(1, 8), _STEP: sp.Rational(1, 2)}), _decimal("2.692")),
    "rate 2.38": (_decimal("2.38"), 4 * _Q.subs({_C: sp.Rational(1, 6), _STEP: sp.Rational(1, 2)})),
    "lambda_W": (_decimal("0.0227"), _TAU_W4 / 4),
    "lambda_a": (_decimal("0.0028"), _TAU_A4 / 4),
    "lemma C1": (_decimal("0.02877"), _decimal("0.9205") / 8 * (1 - _decimal("0.46") / _decimal("0.9205")) ** 2),
    "lemma C2": (_TRUNCATED, _decimal("5.85")),
    "P5": (_decimal("0.6357"), _CHERNOFF),
    "flip bound": (1 / _CHERNOFF, _decimal("1.573")),
    "flip bound, four": (4 / _CHERNOFF, _decimal("6.293")),
    "F2": (8 * sp.sqrt(18), 34),
    "F2 sharper": (8 * sp.sqrt(15), 31),
    "width (II)": (8 * sp.sqrt(27), _decimal("41.6")),
    "width (II) squared": ((8 * sp.sqrt(27)) ** 2, 1728),
    "width (a), Gaussian": (32 / _decimal("0.9205"), _decimal("34.8")),
    "width (III)": (12 * _decimal("1.573"), _decimal("18.88")),
}
FALSE = {
    "R1 width": (2**15 * (17 + 12 * sp.sqrt(2)) / sp.pi, 354325),
    "R1' tail": (24 * _S**2, _decimal("139.88")),
    "R1' flips": (2**11 / sp.pi * _S**4, 22145),
    "R2 width": (128 * _S**2, 2**9),
    "cut square": (_decimal("0.92054"), _CUT_SQUARE),
    "C_p(1/8, 1/2)": (_PATH.subs({_C: sp.Rational(1, 8), _STEP: sp.Rational(1, 2)}), _decimal("2.69")),
    "lambda_W": (_decimal("0.02272"), _TAU_W4 / 4),
    "lemma C1": (_decimal("0.0288"), _CUT_SQUARE / 32),
    "P5": (_decimal("0.6358"), _CHERNOFF),
    "width (II)": (8 * sp.sqrt(27), _decimal("41.56")),
}


@pytest.mark.parametrize("sides", TRUE.values(), ids=TRUE.keys())
def test_constants_are_rounded_the_safe_way(sides):
    proved = inequality(Bound(*sides))
    slack = sp.N(sides[1] - sides[0], 30)
    assert holds(proved, float(slack), 1e-14 * float(abs(sides[1])))
    assert proved.lower >= 0


@pytest.mark.parametrize("sides", FALSE.values(), ids=FALSE.keys())
def test_false_constants_are_refused(sides):
    with pytest.raises(ValueError, match="is false: the left side is"):
        inequality(Bound(*sides))


def test_the_formulas_behind_the_constants():
    with mpmath.workdps(25):
        cut = mpmath.quad(lambda a: min(a * a, 4) * mpmath.npdf(a), [-mpmath.inf, -2, 0, 2, mpmath.inf])
        beyond = mpmath.quad(lambda u: 2 * (1 / mpmath.sqrt(2) + u) * mpmath.exp((1 - u * u) / 2), [1, mpmath.inf])
    assert float(_CUT_SQUARE) == pytest.approx(float(cut), rel=1e-14)
    assert float(_TRUNCATED) == pytest.approx(float((1 / mpmath.sqrt(2) + 1) ** 2 + beyond), rel=1e-13)
    assert holds(hermite_tail(RELU, 1, 4), float(_TAU_A4), 1e-16)


def test_inequalities_with_values():
    x, y = sp.symbols("x y")
    assert inequality(Bound(x**2, y), {x: Fraction(1, 3), y: 0.2}).lower > 0.08
    # for all numbers of a ball: exp(-e)/(1-e)^(1-e) <= exp(-e^2/2)
    chernoff = Bound(sp.exp(-x) / (1 - x) ** (1 - x), sp.exp(-(x**2) / 2))
    assert inequality(chernoff, {x: ball(0.5, 0.005)}).lower > 0
    with pytest.raises(ValueError, match="not decided"):
        inequality(chernoff, {x: ball(0.5, 0.4)})
    with pytest.raises(ValueError, match="no value for x, y"):
        inequality(Bound(x, y))
    with pytest.raises(ValueError, match="undefined"):
        inequality(Bound(sp.log(x), 3), {x: -1})


def test_equalities_are_proved_only_if_they_are_exact():
    x = sp.Symbol("x")
    assert inequality(Bound(x, sp.Rational(1, 2)), {x: 0.5}).lower == 0
    with pytest.raises(ValueError, match="is false"):
        inequality(Bound(x, sp.Rational(1, 2), strict=True), {x: 0.5})
    hidden = sp.sqrt(3 + 2 * sp.sqrt(2))  # = 1 + sqrt 2, which balls cannot know
    with pytest.raises(ValueError, match="not decided at 1024 bits"):
        inequality(Bound(hidden, 1 + sp.sqrt(2)))
