"""dL/dt = -r' G r for every model, confirmed in balls at random rational points; factors against differences."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from theorycheck.enclose import enclose
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.network import (
    ASYMMETRIC,
    BIAS,
    DIMENSION,
    INNER,
    NEURONS,
    NODE_SCALE,
    OUTPUT_SCALE,
    OUTPUT_WEIGHT,
    TWO_LAYER,
    WIDTH,
    Neuron,
    loss_derivative,
)
from theorycheck.theorems import cards

SIZES = [(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (2, 2, 2)]


def rational(rng: np.random.Generator, symbol: sp.Symbol) -> Fraction:
    """A random rational, positive where the symbol is a scale or a size."""
    value = Fraction(int(rng.integers(1, 60)), int(rng.integers(7, 40)))
    return value if symbol.is_nonnegative else value * int(rng.choice([-1, 1]))


def is_zero(expr: sp.Expr, points: int = 4) -> bool:
    """Whether every one of some balls at random rational points contains 0, and is small enough to mean it."""
    rng = np.random.default_rng(0)
    for _ in range(points):
        values = {symbol: rational(rng, symbol) for symbol in sorted(expr.free_symbols, key=str)}
        found = enclose(expr, values)
        if not (found.contains(0) and float(found.rad()) < 1e-15):
            return False
    return True


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
@pytest.mark.parametrize("name", ["tanh", "relu"])
@pytest.mark.parametrize(("n", "m", "d"), SIZES)
def test_the_loss_falls_by_the_tangent_gram(neuron, name, n, m, d):
    by_chain_rule, by_gram = loss_derivative(neuron, ACTIVATIONS[name], n, m, d)
    assert is_zero(by_chain_rule - by_gram)
    assert not is_zero(by_chain_rule + by_gram)  # the wrong sign


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
def test_a_gram_without_the_inner_product_of_the_inputs_is_told_apart(neuron, monkeypatch):
    right = Neuron.tangent_entry

    def without(self, activation, p, q, product):
        return right(self, activation, p, q, sp.S.One)

    monkeypatch.setattr(Neuron, "tangent_entry", without)
    by_chain_rule, by_gram = loss_derivative(neuron, ACTIVATIONS["tanh"], 2, 1, 2)
    assert not is_zero(by_chain_rule - by_gram)


def test_freezing_a_trained_layer_is_told_apart():
    half = Neuron("half", TWO_LAYER.outer, TWO_LAYER.argument, (INNER,))
    both = loss_derivative(TWO_LAYER, ACTIVATIONS["tanh"], 1, 1, 1)[0]
    assert not is_zero(both - loss_derivative(half, ACTIVATIONS["tanh"], 1, 1, 1)[1])


VALUES = {
    OUTPUT_WEIGHT: Fraction(-3, 7),
    BIAS: Fraction(2, 11),
    NODE_SCALE: Fraction(5, 13),
    DIMENSION: Fraction(3),
    WIDTH: Fraction(17),
    OUTPUT_SCALE: Fraction(4, 9),
}


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu", "relu"])
def test_factors_are_the_derivatives_of_the_output(neuron, name):
    activation, h = ACTIVATIONS[name], Fraction(1, 2**20)
    for parameter in (INNER, *neuron.trained):
        for point in (Fraction(13, 10), Fraction(-9, 10)):
            values = {**VALUES, INNER: point}
            needed = {s: v for s, v in values.items() if s in neuron.output(activation).free_symbols | {parameter}}
            ends = [
                enclose(neuron.output(activation), {**needed, parameter: needed[parameter] + sign * h})
                for sign in (1, -1)
            ]
            difference = float((ends[0] - ends[1]).mid()) / (2 * float(h))
            factor = float(enclose(neuron.factor(activation, parameter) + 0 * INNER, needed).mid())
            assert factor == pytest.approx(difference, abs=1e-8)


def test_the_slope_at_a_kink_is_the_activations_own():
    slope = ASYMMETRIC.factor(ACTIVATIONS["relu"]).subs({INNER: 0, NODE_SCALE: 1, OUTPUT_WEIGHT: 1, DIMENSION: 1})
    assert slope == sp.Rational(1, 2)


def test_inner_scales():
    assert ASYMMETRIC.inner == 1 / sp.sqrt(DIMENSION)
    assert TWO_LAYER.inner == 1


@pytest.mark.parametrize("argument", [INNER**2, sp.Integer(1), BIAS, sp.sin(INNER)])
def test_the_argument_of_a_neuron_must_be_affine(argument):
    with pytest.raises(ValueError, match="affine"):
        Neuron("odd", OUTPUT_WEIGHT, argument)


def test_an_instance_is_told_in_one_line_however_wide_it_is():
    instance = cards()[0].example(n=5, m=900)
    text = repr(instance)
    assert "n=5" in text
    assert "m=900" in text
    assert len(text) < 400
