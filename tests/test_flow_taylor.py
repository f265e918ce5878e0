"""Taylor recurrences against derivatives, and the Taylor flow as an independent reference for collocation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from test_flow import NEURONS, make

from theorycheck.flow import FlowStalled, follow
from theorycheck.flow._collocation import radau
from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation
from theorycheck.symbolic.recurrences import polynomial_system

ANALYTIC = [name for name, found in ACTIVATIONS.items() if found.analytic]
TIMES = np.array([0.0, 0.1, 0.7, 2.0])


@pytest.mark.parametrize("name", [*ANALYTIC, "atan(z)", "log(1 + z**2)", "sqrt(1 + z**2)", "z/(1 + exp(-z))"])
def test_the_system_is_polynomial_and_true(name):
    found = activation(name)
    system = polynomial_system(found)
    back = dict(zip(system.symbols, system.functions, strict=True))
    for function, rule in zip(system.functions, system.derivatives, strict=True):
        assert rule.is_polynomial(Z, *system.symbols)
        assert abs((rule.subs(back) - sp.diff(function, Z)).subs(Z, sp.Rational(37, 100)).evalf(30)) < 1e-25
    assert system.slope.is_polynomial(Z, *system.symbols)
    assert abs((system.slope.subs(back) - found.slope).subs(Z, sp.Rational(-81, 100)).evalf(30)) < 1e-25


@pytest.mark.parametrize("name", ["relu", "elu", "abs"])
def test_breakpoints_have_no_series(name):
    with pytest.raises(ValueError, match="not analytic"):
        polynomial_system(ACTIVATIONS[name])


def test_a_system_that_does_not_close_is_given_up(monkeypatch):
    monkeypatch.setattr("theorycheck.symbolic.recurrences.MOST", 1)
    with pytest.raises(ValueError, match="no polynomial equation"):
        polynomial_system(ACTIVATIONS["gelu"])


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize(("neuron", "name"), list(zip(NEURONS, ["tanh", "gelu", "softplus", "sine"], strict=True)))
def test_collocation_agrees_with_the_series(name, neuron, c):
    instance = make(11, neuron, c=c, activation=name)
    one = follow(instance, times=TIMES, method="taylor", tolerance=1e-15).trajectory
    two = follow(instance, times=TIMES, tolerance=1e-13).trajectory
    scale = np.linalg.norm(one.residual[0])
    assert np.allclose(one.residual, two.residual, rtol=0, atol=2e-13 * scale)
    assert np.allclose(one.final_weights, two.final_weights, rtol=0, atol=1e-12)
    loose = follow(instance, times=TIMES).trajectory
    assert np.all(np.linalg.norm(loose.residual - one.residual, axis=1) <= loose.residual_error + 1e-13 * scale)


def test_a_wrong_recurrence_is_seen(monkeypatch):
    """Negative control: tanh with the derivative 1 - y^2 / 2."""
    right = polynomial_system(ACTIVATIONS["tanh"])
    wrong = replace(right, derivatives=tuple(1 - (1 - rule) / 2 for rule in right.derivatives))
    instance = make(11)
    good = follow(instance, times=TIMES).trajectory
    monkeypatch.setattr("theorycheck.flow._taylor.polynomial_system", lambda _: wrong)
    with pytest.raises(FlowStalled, match="tracked residual"):  # the drift gives it away
        follow(instance, times=TIMES, method="taylor")
    assert good.drift < 1e-10


def test_an_activation_without_a_series_is_refused():
    with pytest.raises(FlowStalled, match="collocation"):
        follow(make(1, activation="elu"), times=TIMES, method="taylor")


@pytest.mark.parametrize("stages", [2, 5, 8, 9])
def test_radau_collocation_has_its_order(stages):
    """Quadrature exact to degree 2 s - 2, stage order s, stiffly accurate; the dense rows integrate and differentiate."""
    col = radau(stages)
    for degree in range(2 * stages - 1):
        assert np.isclose(col.matrix[-1] @ col.nodes**degree, 1 / (degree + 1), atol=1e-14)
    wrong = abs(col.matrix[-1] @ col.nodes ** (2 * stages - 1) - 1 / (2 * stages))
    assert wrong > 1e-14 or stages > 8  # and no more than that
    places = np.array([0.0, 0.3, 0.9])
    for degree in range(stages):
        assert np.allclose(col.matrix @ col.nodes**degree, col.nodes ** (degree + 1) / (degree + 1), atol=1e-13)
        assert np.allclose(col.integral(places) @ col.nodes**degree, places ** (degree + 1) / (degree + 1), atol=1e-12)
        full = np.append(0.0, col.nodes) ** (degree + 1)
        assert np.allclose(col.at(places) @ full, places ** (degree + 1), atol=1e-12)
        assert np.allclose(col.slope(places) @ full, (degree + 1) * places**degree, atol=1e-10)
    values = np.linalg.eigvals(col.matrix)
    assert np.all(values.real > 0)  # the stability function vanishes at infinity: stiff modes die


def test_nodes_are_the_zeros_of_their_shape():
    col = radau(8)
    assert np.allclose(col.shape(np.array([0.0])), 1.0)
    assert np.allclose(col.shape(col.nodes), 0.0)
