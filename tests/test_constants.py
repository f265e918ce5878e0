"""Certified suprema of slopes and curvatures, on the whole line."""

from __future__ import annotations

import math

import mpmath
import pytest
from constants_truths import holds
from flint import arb

from theorycheck import constants_line
from theorycheck.constants import (
    curvature_bound,
    slope_bound,
)
from theorycheck.constants_far import NoBound, far
from theorycheck.enclose import ball, evaluator
from theorycheck.symbolic.activations import ACTIVATIONS, Z, activation

RELU = ACTIVATIONS["relu"].expr
LINE = "the real line"


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
