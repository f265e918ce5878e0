"""Closed forms and series of Gaussian expectations, held against their definitions by quadrature."""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sympy import DiracDelta, Heaviside, Integral, lambdify

from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation
from theorycheck.symbolic.gaussian import QU, QV, RHO, THETA, Q, cross, definition, dual, in_angle, mean
from theorycheck.symbolic.hermite import dual_series, hermite_coefficients, hermite_series

CLOSED = ["relu", "leaky_relu", "abs", "erf", "gelu", "sine", "exponential", "square", "identity"]
OPEN = ["softplus", "tanh", "sigmoid", "silu", "elu"]
PAIRS = [(1.0, 1.0, 0.3), (0.5, 2.0, -0.7), (1.0, 1.0, 0.999), (0.3, 3.0, 0.999), (2.0, 0.7, -0.999), (1.0, 2.0, 0.0)]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


def panels(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights between consecutive edges along the last axis; shapes (..., k) to (..., 20 (k - 1))."""
    half = np.diff(edges)[..., None] / 2
    nodes = edges[..., :-1, None] + half * (1 + NODES)
    return nodes.reshape(*edges.shape[:-1], -1), (half * WEIGHTS).reshape(*edges.shape[:-1], -1)


@cache
def integrand_of(integral: Integral):
    outer, inner = integral.variables
    return lambdify((outer, inner, QU, QV, RHO), integral.function, ["scipy", "numpy"])


def by_quadrature(integral: Integral, qu: float, qv: float, rho: float) -> float:
    """The double integral of a definition, cut at its kinks u = 0 and v = 0 and refined towards u = 0."""
    outer = np.concatenate([[0], 0.5 ** np.arange(8.0, 0, -1), np.arange(1, 15)])
    g1, w1 = panels(np.concatenate([-outer[:0:-1], outer]))
    reach = 14.0
    kink = np.clip(-rho * g1 / np.sqrt(1 - rho**2), -reach, reach)
    split = np.linspace(0, 1, 6)
    g2, w2 = panels(
        np.concatenate(
            [kink[:, None] * split - reach * (1 - split), (kink[:, None] * (1 - split) + reach * split)[:, 1:]], axis=1
        )
    )
    values = integrand_of(integral)(g1[:, None], g2, qu, qv, rho)
    return float(w1 @ (w2 * values).sum(axis=1))


def agrees(closed: sympy.Expr, integral: Integral, tolerance: float = 1e-11) -> bool:
    """Whether a closed form equals its definition at all PAIRS."""
    evaluate = lambdify((QU, QV, RHO), closed, ["scipy", "numpy"])
    pairs = [(float(evaluate(*pair)), by_quadrature(integral, *pair)) for pair in PAIRS]
    return all(abs(a - b) <= tolerance * (1 + abs(b)) for a, b in pairs)


def numpy_of(expr: sympy.Expr):
    return lambdify(Z, expr, ["scipy", "numpy"])


@pytest.mark.parametrize("part", ["expr", "slope"])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_equal_their_definitions(name, part):
    found = dual(getattr(ACTIVATIONS[name], part), f"{name} {part}")
    assert found is not None
    assert found.args == (QU, QV, RHO)
    assert agrees(found.closed_form, found.definition)


@pytest.mark.parametrize("name", OPEN)
def test_what_no_rule_reaches_is_none(name):
    s = ACTIVATIONS[name]
    assert dual(s.expr, name) is None
    assert dual(s.slope, name) is None


def test_a_wrong_closed_form_is_noticed():
    found = dual(ACTIVATIONS["relu"].expr, "relu")
    assert not agrees(found.closed_form * sympy.Rational(1001, 1000), found.definition)
    assert not agrees(found.closed_form.subs(RHO, -RHO), found.definition)
    assert not agrees(found.closed_form, definition(ACTIVATIONS["gelu"].expr, ACTIVATIONS["gelu"].expr))


def same(a: sympy.Expr, b: sympy.Expr) -> bool:
    """Equality at random rational points in 40 digits."""
    points = [{QU: sympy.Rational(3, 7), QV: sympy.Rational(11, 5), RHO: sympy.Rational(k, 9)} for k in (-8, -2, 1, 7)]
    return all(abs((a - b).subs(point).evalf(40)) < 1e-35 for point in points)


def test_the_classical_kernels():
    c = RHO * sympy.sqrt(QU * QV)
    arc_cosine = sympy.sqrt(QU * QV) * (sympy.sqrt(1 - RHO**2) + (sympy.pi - sympy.acos(RHO)) * RHO) / (2 * sympy.pi)
    assert same(cross(Heaviside(Z), Heaviside(Z)), (sympy.pi - sympy.acos(RHO)) / (2 * sympy.pi))
    assert same(dual(ACTIVATIONS["relu"].expr, "").closed_form, arc_cosine)
    arc_sine = 2 / sympy.pi * sympy.asin(2 * c / sympy.sqrt((1 + 2 * QU) * (1 + 2 * QV)))
    assert same(dual(ACTIVATIONS["erf"].expr, "").closed_form, arc_sine)
    assert same(dual(ACTIVATIONS["sine"].expr, "").closed_form, sympy.exp(-(QU + QV) / 2) * sympy.sinh(c))
    assert not same(arc_sine, arc_sine + sympy.Rational(1, 10**30))


@pytest.mark.parametrize("name", CLOSED)
def test_price_links_value_and_slope(name):
    s = ACTIVATIONS[name]
    rate = cross(s.expr, s.expr).diff(RHO)
    assert same(rate, sympy.sqrt(QU * QV) * cross(s.slope, s.slope))


@pytest.mark.parametrize("name", CLOSED)
def test_the_heat_equation_links_mean_and_curvature(name):
    s = ACTIVATIONS[name]
    curvature = s.slope.diff(Z)
    assert same(mean(s.expr).diff(Q).subs(Q, QU), mean(curvature).subs(Q, QU) / 2)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("relu(z)", "erf(z)"),
        ("relu(z)", "exp(0.5*z)"),
        ("erf(2*z)", "z**3"),
        ("gelu(z)", "relu(z)"),
        ("z*sin(z)", "cos(2*z)*z**2"),
        ("exp(-z**2)*z", "z*abs(z)"),
        ("erf(z) + z", "exp(z)*z"),
        ("exp(z)*sin(z)", "cos(z)"),
        ("z**2*erf(z)*exp(-z**2/3)", "z**2 + erf(z/2)*z"),
    ],
)
def test_mixed_products(left, right):
    s, t = activation(left).expr, activation(right).expr
    closed = cross(s, t)
    assert closed is not None
    assert not closed.has(sympy.I)
    assert agrees(closed, definition(s, t), 1e-10)
    assert same(closed, cross(t, s).subs({QU: QV, QV: QU}, simultaneous=True))


@pytest.mark.parametrize(
    "text",
    [
        "exp(z**2/10)",
        "erf(z)**2",
        "relu(z - 1)",
        "sin(z)*relu(z)",
        "sqrt(1 + z**2)",
        "sin(z**2)",
        "(1 + z + z**2)**40",
        "erf(z + 1)",
    ],
)
def test_beyond_the_rules_is_none_quickly(text):
    start = time.perf_counter()
    assert dual(activation(text).expr, text) is None
    assert mean(activation(text).expr) is None
    assert time.perf_counter() - start < 2


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(CLOSED), st.floats(0.01, 4), st.floats(0.01, 4), st.floats(-1, 1))
def test_duals_are_symmetric_and_obey_cauchy_schwarz(name, qu, qv, rho):
    evaluate = lambdify((QU, QV, RHO), dual(ACTIVATIONS[name].expr, name).closed_form, ["scipy", "numpy"])
    value = evaluate(qu, qv, rho)
    assert value == pytest.approx(evaluate(qv, qu, rho), rel=1e-12, abs=1e-14)
    assert abs(value) <= np.sqrt(evaluate(qu, qu, 1.0) * evaluate(qv, qv, 1.0)) * (1 + 1e-12)


@pytest.mark.parametrize("name", CLOSED)
def test_the_angle_replaces_the_correlation(name):
    for expr in (ACTIVATIONS[name].expr, ACTIVATIONS[name].slope):
        closed = cross(expr, expr)
        turned = in_angle(closed)
        assert not turned.has(RHO, sympy.acos)
        assert same(closed, turned.subs(THETA, sympy.acos(RHO)))


def test_the_angle_keeps_the_digits_that_the_correlation_loses():
    closed = cross(ACTIVATIONS["abs"].slope, ACTIVATIONS["abs"].slope)
    theta = 1e-9
    gap = 1 - lambdify(THETA, in_angle(closed))(theta)
    assert gap == pytest.approx(2 * theta / np.pi, rel=1e-6)
    assert 1 - lambdify(RHO, closed, "numpy")(np.cos(theta)) == 0


def test_every_derivation_is_quick():
    for name in (*CLOSED, *OPEN):
        start = time.perf_counter()
        dual(3 * ACTIVATIONS[name].expr, name)  # the factor keeps the cache out of it
        dual(3 * ACTIVATIONS[name].slope, name)
        assert time.perf_counter() - start < 2


def test_a_dirac_has_a_mean():
    assert mean(DiracDelta(Z)) == 1 / sympy.sqrt(2 * sympy.pi * Q)


# --- series -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["erf", "sine", "gelu", "exponential"])
@pytest.mark.parametrize("part", ["expr", "slope"])
def test_series_agree_with_closed_forms_within_their_error(name, part):
    expr = getattr(ACTIVATIONS[name], part)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 5))
    x[1] = x[0] + 1e-5 * x[1]
    variances = (x**2).sum(axis=1) / 5
    correlations = np.clip(x @ x.T / 5 / np.sqrt(np.multiply.outer(variances, variances)), -1, 1)
    np.fill_diagonal(correlations, 1)
    value, error = dual_series(numpy_of(expr), variances, correlations)
    exact = lambdify((QU, QV, RHO), cross(expr, expr), ["scipy", "numpy"])(variances[:, None], variances, correlations)
    assert (np.abs(value - exact) <= error + 4e-16 * np.abs(exact)).all()
    assert error.max() <= 1e-12 * np.abs(exact).max()


@pytest.mark.parametrize("part", ["expr", "slope"])
@pytest.mark.parametrize("name", OPEN)
def test_series_agree_with_quadrature_within_their_error(name, part):
    expr = getattr(ACTIVATIONS[name], part)
    integral = definition(expr, expr)
    for qu, qv, rho in PAIRS:
        value, error = dual_series(numpy_of(expr), np.array([qu, qv]), np.array([[1, rho], [rho, 1]]))
        reference = by_quadrature(integral, qu, qv, rho)
        assert abs(value[0, 1] - reference) <= error[0, 1] + 1e-12 * (1 + abs(reference))
        if name != "elu":
            assert error.max() <= 1e-12 * value.max()


def test_gauss_hermite_with_25_nodes_is_trapped_and_the_series_is_not():
    q, rho = 10.0, 0.9999
    integral = definition(sympy.tanh(Z), sympy.tanh(Z))
    reference = by_quadrature(integral, q, q, rho)
    nodes, weights = np.polynomial.hermite_e.hermegauss(25)
    u, v = np.sqrt(q) * nodes[:, None], np.sqrt(q) * (rho * nodes[:, None] + np.sqrt(1 - rho**2) * nodes)
    trapped = weights @ (np.tanh(u) * np.tanh(v)) @ weights / (2 * np.pi)
    value, error = dual_series(np.tanh, np.array([q, q]), np.array([[1, rho], [rho, 1]]))
    assert abs(trapped - reference) > 1e-5
    assert abs(value[0, 1] - reference) <= error[0, 1] + 1e-13
    assert error[0, 1] < 1e-5


def test_slow_series_say_so():
    relu = numpy_of(ACTIVATIONS["relu"].expr)
    rho = 0.9999
    value, error = dual_series(relu, np.ones(2), np.array([[1, rho], [rho, 1]]))
    exact = float(cross(ACTIVATIONS["relu"].expr, ACTIVATIONS["relu"].expr).subs({QU: 1, QV: 1, RHO: rho}))
    assert 1e-12 < abs(value[0, 1] - exact) <= error[0, 1]


@pytest.mark.parametrize("q", [0.3, 1.1, 2.0, 25.0, 400.0])
def test_a_kink_away_from_zero_is_not_hidden(q):
    variances = np.array([q])
    series = hermite_series(lambda z: np.clip(z, -1, 1), variances, 4)
    r = np.sqrt(q)
    first = r * special.erf(1 / np.sqrt(2 * q))  # c_1 = sqrt(q) P(|sqrt(q) g| < 1), by Stein
    assert abs(series.coefficients[0, 1] - first) <= series.error[0]
    assert series.error[0] > 1e-9


def test_a_series_without_its_tail_is_refuted():
    series = hermite_series(np.tanh, np.array([4.0]), 8)
    rho = 0.95
    powers = rho ** np.arange(8)
    value = float(series.coefficients[0] ** 2 @ powers)
    reference = by_quadrature(definition(sympy.tanh(Z), sympy.tanh(Z)), 4.0, 4.0, rho)
    assert abs(value - reference) > 100 * series.error[0]
    assert abs(value - reference) <= series.tail[0] * rho**8


def test_coefficients_of_known_functions():
    variances = np.array([0.0, 0.25, 2.0])
    factorial = special.factorial(np.arange(20))
    grown = np.exp(variances / 2)[:, None] * np.sqrt(variances)[:, None] ** np.arange(20) / np.sqrt(factorial)
    assert hermite_coefficients(np.exp, variances, 20) == pytest.approx(grown, rel=1e-12, abs=1e-14)
    cubes = hermite_coefficients(lambda z: z**3, variances, 6)
    assert cubes[2] == pytest.approx(np.array([0, 3, 0, np.sqrt(6), 0, 0]) * 2**1.5, abs=1e-12)
    assert hermite_coefficients(np.cos, variances, 1).shape == (3, 1)


def test_series_refuse_nonsense():
    one = np.ones((1, 1))
    for variances in (np.array([-1.0]), np.array([np.nan]), np.ones((2, 2))):
        with pytest.raises(ValueError, match="variances must be"):
            hermite_series(np.tanh, variances, 4)
    with pytest.raises(ValueError, match="at least one term"):
        hermite_series(np.tanh, np.ones(1), 0)
    with pytest.raises(ValueError, match="lie in"):
        dual_series(np.tanh, np.ones(1), 1.1 * one)
    with pytest.raises(ValueError, match="shape"):
        dual_series(np.tanh, np.ones(2), one)
    with pytest.raises(ValueError, match="not finite"):
        hermite_series(lambda z: np.exp(z**4), np.array([9.0]), 4)
    with pytest.raises(ValueError, match="grows too fast"):
        hermite_series(lambda z: np.exp(0.3 * z**2), np.ones(1), 4)
