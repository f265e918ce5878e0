"""Numeric inequalities of the cards and the errata, proved; false ones refused."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from constants_truths import holds

from theorycheck.constants import (
    hermite_tail,
    inequality,
)
from theorycheck.enclose import ball
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import ACTIVATIONS

RELU = ACTIVATIONS["relu"].expr
LINE = "the real line"


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
