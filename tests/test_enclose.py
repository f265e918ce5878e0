"""Balls contain the truth: every function against 60 digits, kinks, the edges of domains, proved suprema."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from theorycheck import enclose as enclose_module
from theorycheck.bounds import positive_on, supremum
from theorycheck.enclose import ball, enclose, ends, evaluator
from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation
from theorycheck.symbolic.suprema import exact_supremum

X, Y = sp.Symbol("x", real=True), sp.Symbol("y", real=True)


def exactly(number) -> Fraction:
    """A 60-digit mpmath number as the rational it is."""
    with mpmath.workdps(60):
        sign, mantissa, exponent, _ = mpmath.mpf(number)._mpf_
    return (-1) ** sign * Fraction(int(mantissa)) * Fraction(2) ** exponent


def contains(found: arb, number) -> bool:
    """Whether the ball contains a 60-digit number, whose own last digits are forgiven."""
    with ctx.workprec(400):
        value = exactly(number)
        slack = abs(value) / 10**50 + Fraction(1, 10**60)
        return bool(found.overlaps(ball(value - slack).union(ball(value + slack))))


FUNCTIONS = {
    "exp": (sp.exp(X), mpmath.exp, (-700, 700)),
    "log": (sp.log(X), mpmath.log, (1e-300, 1e300)),
    "sin": (sp.sin(X), mpmath.sin, (-1e6, 1e6)),
    "cos": (sp.cos(X), mpmath.cos, (-1e6, 1e6)),
    "tan": (sp.tan(X), mpmath.tan, (-1.5, 1.5)),
    "tanh": (sp.tanh(X), mpmath.tanh, (-50, 50)),
    "sinh": (sp.sinh(X), mpmath.sinh, (-50, 50)),
    "cosh": (sp.cosh(X), mpmath.cosh, (-50, 50)),
    "atan": (sp.atan(X), mpmath.atan, (-1e9, 1e9)),
    "asin": (sp.asin(X), mpmath.asin, (-1, 1)),
    "acos": (sp.acos(X), mpmath.acos, (-1, 1)),
    "erf": (sp.erf(X), mpmath.erf, (-6, 6)),
    "erfc": (sp.erfc(X), mpmath.erfc, (-6, 20)),
    "zeta": (sp.zeta(X), mpmath.zeta, (1.01, 40)),
    "abs": (sp.Abs(X), abs, (-5, 5)),
    "sqrt": (sp.sqrt(X), mpmath.sqrt, (0, 1e10)),
    "root": (X ** sp.Rational(1, 3), mpmath.cbrt, (1e-9, 1e10)),
    "power": (X**-3 + X**4, lambda x: x**-3 + x**4, (-9, 9)),
    "half power": (X ** sp.Rational(-3, 2), lambda x: x ** (-mpmath.mpf(3) / 2), (1e-3, 9)),
    "sign": (sp.sign(X), mpmath.sign, (-3, 3)),
    "heaviside": (sp.Heaviside(X), lambda x: mpmath.mpf(x > 0), (-3, 3)),
    "max": (sp.Max(X, X**2, 0), lambda x: max(x, x**2, mpmath.mpf(0)), (-3, 3)),
    "min": (sp.Min(X, X**2, 1), lambda x: min(x, x**2, mpmath.mpf(1)), (-3, 3)),
    "constants": (sp.pi * X + sp.E, lambda x: mpmath.pi * x + mpmath.e, (-3, 3)),
    "float": (X + sp.Float(0.1), lambda x: x + mpmath.mpf(0.1), (-3, 3)),
}


@pytest.mark.parametrize(("expr", "truth", "interval"), FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_balls_contain_sixty_digits(expr, truth, interval):
    rng = np.random.default_rng(0)
    for point in map(float, rng.uniform(*interval, 40)):
        with mpmath.workdps(60):
            true = truth(mpmath.mpf(point))
        found = enclose(expr, {X: point})
        assert contains(found, true)
        assert found.rel_accuracy_bits() >= 50
        wide = enclose(expr, {X: ball(point, 1e-3 * abs(point))})
        assert not wide.is_finite() or contains(wide, true)
        with mpmath.workdps(60):
            false = true + (1 + abs(true)) / 10**9
        assert not contains(found, false)  # the test can fail


def test_every_supported_function_is_tested():
    tested = {type(part) for expr, *_ in FUNCTIONS.values() for part in sp.preorder_traversal(expr)}
    assert set(enclose_module._FUNCTIONS) <= tested


HUBER = sp.Piecewise((X**2 / 2, sp.Abs(X) <= 1), (sp.Abs(X) - sp.Rational(1, 2), True))


def test_piecewise_across_a_kink_is_the_union():
    found = evaluator({X: ball(1.0, 0.5)})(HUBER)
    for point in (0.5, 0.75, 1.0, 1.25, 1.5):
        assert found.contains(enclose(HUBER, {X: point}))
    assert enclose(HUBER, {X: 3.0}).contains(arb("2.5"))
    assert not enclose(HUBER, {X: 3.0}).contains(arb("4.5"))


def test_piecewise_with_a_gap_is_undefined_in_it():
    half = sp.Piecewise((sp.Integer(1), X > 0), evaluate=False)
    assert enclose(half, {X: 1.0}) == 1
    assert not evaluator({X: ball(0.0, 1.0)})(half).is_finite()
    assert not enclose(half, {X: -1.0}).is_finite()
    assert positive_on(half, {X: (-1.0, 1.0)}) is None
    both = sp.Piecewise((sp.Integer(1), X > 0), (sp.Integer(2), X <= 0))
    assert positive_on(both, {X: (-1.0, 1.0)}) is not None


@pytest.mark.parametrize("edge", [1.0, -1.0])
def test_acos_at_the_edges_of_its_domain(edge):
    for radius in (0.0, 1e-40, 1e-20, 1e-3, 0.5, 3.0):
        with ctx.workprec(192):
            found = evaluator({X: ball(edge, radius)})(sp.acos(X))
        for inside in (edge, edge * (1 - min(radius, 1) / 2)):
            with mpmath.workdps(60):
                true = mpmath.acos(inside)
            assert contains(found, true)
        assert ends(found)[1] < 3.15
        if radius <= 1e-3:
            assert float(found.rad()) <= 2 * math.sqrt(2 * radius) + 1e-9


@pytest.mark.parametrize("outside", [2.0, -2.0, math.nextafter(1.0, 2), math.nan, math.inf])
@pytest.mark.parametrize("function", [sp.acos, sp.asin])
def test_acos_surely_outside_its_domain_is_undefined(function, outside):
    assert not enclose(function(X), {X: outside}).is_finite()


def test_sqrt_at_the_edge_of_its_domain():
    assert enclose(sp.sqrt(X), {X: 0}).is_zero()
    touching = evaluator({X: ball(0.0, 1e-20)})(sp.sqrt(X))
    assert touching.contains(0)
    assert ends(touching)[1] >= 1e-10
    assert not enclose(sp.sqrt(X), {X: -1.0}).is_finite()
    assert not enclose(1 / sp.sqrt(X), {X: 0}).is_finite()


@pytest.mark.parametrize("power", [2, 3, 4, 5])
def test_integer_powers_of_a_ball_around_zero(power):
    low, high = ends(evaluator({X: ball(0.25, 0.75)})(X**power))
    assert low == pytest.approx(0.0 if power % 2 == 0 else (-0.5) ** power, abs=1e-8)
    assert high == pytest.approx(1.0, abs=1e-8)
    assert not evaluator({X: ball(0.25, 0.75)})(X**-power).is_finite()
    assert not evaluator({X: ball(math.nan)})(X**power).is_finite()
    assert enclose(X**power, {X: 0}).is_zero()


def test_the_gate_at_its_kink():
    assert enclose(sp.Heaviside(X), {X: 0}) == 0.5
    assert enclose(sp.Heaviside(X, 0), {X: 0}) == 0
    straddling = evaluator({X: ball(0.0, 1e-9)})(sp.Heaviside(X))
    assert straddling.contains(0)
    assert straddling.contains(1)


@given(st.floats(-1e300, 1e300), st.floats(0, 1e300))
def test_ends_round_outward(middle, radius):
    with ctx.workprec(200):
        exact = ball(middle, radius) * arb.pi()
        low, high = ends(exact)
        assert exact.overlaps(arb(middle) * arb.pi())
        assert arb(low) <= exact.lower()
        assert arb(high) >= exact.upper()
        # and no further than the next double
        assert arb(math.nextafter(low, math.inf)) > exact.lower()
        assert arb(math.nextafter(high, -math.inf)) < exact.upper()


def test_ends_beyond_the_doubles():
    with ctx.workprec(200):
        huge, tiny = arb(10) ** 400, arb(10) ** -400
        assert ends(huge) == (math.nextafter(math.inf, 0), math.inf)
        assert ends(-huge) == (-math.inf, -math.nextafter(math.inf, 0))
        assert ends(tiny) == (0.0, 5e-324)
        assert ends(arb("nan")) == (-math.inf, math.inf)


def test_a_non_finite_number_is_the_whole_line():
    for value, error in ((math.nan, 0.0), (math.inf, 0.0), (1.0, math.inf), (1.0, math.nan)):
        assert not ball(value, error).is_finite()


def test_unknown_functions_conditions_and_symbols_are_refused():
    with pytest.raises(ValueError, match="no ball arithmetic for gamma"):
        enclose(sp.gamma(X), {X: 0.5})
    with pytest.raises(ValueError, match="no value for y"):
        enclose(X + Y, {X: 1.0})
    odd = sp.Piecewise((X, sp.Or(X > 3, X < -3)), (sp.Integer(0), True))
    with pytest.raises(ValueError, match="condition"):
        enclose(odd, {X: 1.0})


SUPREMA = {
    "tanh": (1, 4 / (3 * math.sqrt(3))),
    "softplus": (1, 1 / 4),
    "sigmoid": (1 / 4, 1 / (6 * math.sqrt(3))),
    "sine": (1, 1),
    "gelu": (1.1289045, math.sqrt(2 / math.pi)),
    "silu": (1.0998393, 1 / 2),
    "erf": (2 / math.sqrt(math.pi), 2 * math.sqrt(2) / math.sqrt(math.pi * math.e)),
}


@pytest.mark.parametrize("name", SUPREMA)
@pytest.mark.parametrize("order", [1, 2])
def test_suprema_against_known_values(name, order):
    expr = ACTIVATIONS[name].slope if order == 1 else ACTIVATIONS[name].curvature
    known = SUPREMA[name][order - 1]
    found = supremum(expr, Z)
    close = 1e-7 if name in ("gelu", "silu") else 1e-12
    assert found.lower <= known * (1 + close)
    assert found.upper >= known * (1 - close)
    assert found.upper - found.lower <= 2e-6 * known
    dense = np.abs(sp.lambdify(Z, expr, ["scipy", "numpy"])(np.linspace(-9, 9, 20001)))
    assert np.max(dense) <= found.upper * (1 + 1e-12)
    exact = exact_supremum(expr)
    assert exact is None or found.lower - 1e-12 <= float(exact) <= found.upper + 1e-12


def test_exact_rules_cover_the_cards_premises():
    for name in ("tanh", "sine", "softplus", "relu"):
        assert exact_supremum(ACTIVATIONS[name].slope) == 1


def test_gates_at_several_kinks_do_not_switch_together():
    bent = activation("max(0, z) - max(0, z - 1)/2 - max(0, z - 2)/4")
    assert exact_supremum(bent.slope) is None  # a single gate for all would say 1/4
    assert supremum(bent.slope, Z).lower >= 1
    assert exact_supremum(activation("abs(z)").slope) == 1


def test_irrational_coefficients_are_left_to_branch_and_bound():
    slope = activation("sqrt(2)*tanh(z)").slope
    exact = exact_supremum(slope)
    assert exact is None or sp.simplify(exact - sp.sqrt(2)) == 0
    assert supremum(slope, Z).upper == pytest.approx(math.sqrt(2), rel=1e-5)


def test_a_supremum_with_few_pieces_is_still_above():
    slope = ACTIVATIONS["gelu"].slope
    for pieces in (1, 10, 200):
        assert supremum(slope, Z, pieces=pieces).upper >= 1.12890


def test_positive_on_proves_and_refuses():
    box = {X: (0.0, 2.0), Y: (-1.0, 1.0)}
    proved = positive_on((X - Y) ** 2 + sp.Rational(1, 100), box)
    assert proved is not None
    assert 0 < proved.lower <= 0.01
    assert positive_on((X - Y) ** 2, box) is None  # 0 on the diagonal
    assert positive_on(X - sp.Rational(1, 10**6), {X: (0.0, 1.0)}) is None  # negative near one end
    assert positive_on(sp.log(X), {X: (0.0, 1.0)}, pieces=50) is None


CARDS = [
    (2**15 * (17 + 12 * sp.sqrt(2)) / sp.pi, 2**19),
    (128 * (1 + sp.sqrt(2)) ** 2, 2**10),
]


@pytest.mark.parametrize(("lhs", "rhs"), CARDS)
def test_constants_of_the_cards_are_rounded_upward(lhs, rhs):
    assert positive_on(rhs - lhs, {X: (0.0, 1.0)}) is not None
    assert enclose(rhs - lhs) > 0
    assert not enclose(sp.Rational(rhs, 2) - lhs) > 0  # the next smaller power of two would be wrong
