"""The thresholds of A, B and C: the errata's table, closed forms, and networks at 99.9 % of them."""

from __future__ import annotations

import math

import pytest
import sympy as sp

from theorycheck.certify.slopes import least_slope
from theorycheck.check import check
from theorycheck.evidence import Outcome
from theorycheck.flow import Run
from theorycheck.symbolic.activations import ACTIVATIONS, activation
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022 import steep, window
from theorycheck.theorems.chen2022.thresholds import relu_window_threshold, steep_threshold, window_threshold

#: theory file 4.3 and errata I1 (B times pi/2), I2: theta_A, theta_B, theta_C
TABLE = {
    "tanh": (0.0390, 0.0415 * math.pi / 2, 0.21327),
    "erf": (0.0406, 0.0398 * math.pi / 2, 0.20871),
    "sigmoid": (0.0368, 0.0369 * math.pi / 2, 0.17529),
    "softplus": (0.0448, 0.0696 * math.pi / 2, 0.30606),
    "relu": (0.1700, 0.0850 * math.pi / 2, 0.39894),
    "elu": (0.1700, 0.0949 * math.pi / 2, 0.73299),
    "gelu": (0.0546, 0.0430 * math.pi / 2, 0.2917),
    "silu": (0.0425, 0.0440 * math.pi / 2, 0.2683),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_thresholds(name: str):
    a, b, c = TABLE[name]
    shape = ACTIVATIONS[name]
    assert steep_threshold(shape, b=False).value == pytest.approx(a, rel=3e-3)
    assert steep_threshold(shape, b=True).value == pytest.approx(b, rel=4e-3)
    assert window_threshold(shape).value == pytest.approx(c, rel=8e-3)
    assert steep_threshold(shape, b=False).value != pytest.approx(1.05 * a, rel=3e-3)


def test_closed_forms_and_infinite_thresholds():
    nu = sp.Symbol("nu", positive=True)
    assert sp.simplify(relu_window_threshold() - nu / sp.sqrt(2 * sp.pi)) == 0
    assert window_threshold(ACTIVATIONS["relu"], nu=2.0).value == pytest.approx(2 * 0.39894, rel=8e-3)
    assert window_threshold(ACTIVATIONS["leaky_relu"]).value == math.inf
    assert window_threshold(ACTIVATIONS["identity"]).value == math.inf


NAMES = ("tanh", "erf", "sigmoid", "softplus", "relu", "gelu", "silu")
DATA = ({"n": 3, "d": 6, "data": "orthogonal"}, {"n": 2, "d": 30, "data": "sphere", "seed": 4})


@pytest.mark.parametrize("data", DATA, ids=["orthogonal", "sphere"])
@pytest.mark.parametrize("name", NAMES)
def test_at_its_threshold_each_theorem_holds_and_c_reaches_twice_as_far(name: str, data: dict):
    """28 cases: 7 activations, 2 data sets, A and B, with labels at 99.9 % of the threshold."""
    flags = {**data, "m": 600, "activation": name}
    allowed = []
    for card in (steep.A, steep.B):
        instance = card.example(**flags, level=0.999)
        report = check(card, instance)
        assert {verdict.outcome for verdict in report.verdicts} == {Outcome.CONFIRMED}
        allowed.append(reached(instance) / 0.999)
        beyond = check(card, card.example(**flags, level=1.001), skip_vacuous=True)
        assert not any(verdict.outcome is Outcome.CONFIRMED for verdict in beyond.verdicts)
    furthest = window.C.example(**flags, level=0.95)
    assert {verdict.outcome for verdict in check(window.C, furthest).verdicts} == {Outcome.CONFIRMED}
    assert reached(furthest) / 0.95 >= 2 * max(allowed)  # its threshold, by a lower sum of 64 steps


def reached(instance) -> float:
    """The norm of the initial residual."""
    return float(s.RESIDUAL.measure(Run(instance)).value)


def test_b_is_the_erratas_constant_and_a_special_case_of_nothing_typed():
    budget = t.TESTS_B[-1][1].rhs
    at = {t.split: 1, t.eta: 0.7, t.share: 0.3, t.G_max: 1.3, t.lam: 0.6, t.c_low: 1.1, t.steepness: 0.8}
    allowed = budget
    erratas = sp.pi / 4 * t.c_low * t.steepness * t.share * t.eta * sp.sqrt(t.lam / t.G_max)
    assert float(allowed.subs(at)) == pytest.approx(float(erratas.subs(at)), rel=1e-14)
    assert budget.subs(t.split, 1) == t.ALLOWED_B
    assert sp.simplify(t.ALLOWED_A - t.ALLOWED_A.subs(t.eta, 1) * t.eta) == 0
    x = sp.Symbol("x", positive=True)
    assert sp.integrate(sp.sqrt(1 - x**2), (x, 0, 1)) == sp.pi / 4


def test_a_kink_that_turns_back_is_not_steep():
    """Clarke's derivative of |z| at 0 is [-1, 1]."""
    assert least_slope(activation("abs"), -1.0, math.inf) == 0.0
    assert least_slope(activation("abs"), 0.0, math.inf) == 1.0
    assert least_slope(activation("leaky_relu"), -1.0, 1.0) == 0.01
    assert least_slope(activation("relu"), -1.0, 1.0) == 0.0
