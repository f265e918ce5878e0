"""chen2022's probability lemma and what follows from it: constants, the exact binomial law, chances by erf."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy.stats import binom, norm

from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.enclose import enclose, ends
from theorycheck.evidence import Outcome
from theorycheck.flow import Run
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.tails import CHERNOFF_EXPONENT, EPSILON
from theorycheck.theorems.chen2022 import initial_scale, odds, output_scale, random_init
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.chances import LEMMA, binomial_tail
from theorycheck.theorems.chen2022.initial_scale import INITIAL_SCALE
from theorycheck.theorems.chen2022.output_scale import SCALE
from theorycheck.theorems.chen2022.random_init import A_RANDOM, B_RANDOM


def same(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions agree at random rational points, in balls."""
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    generator = np.random.default_rng(3)
    for _ in range(4):
        point = {symbol: sp.Rational(int(generator.integers(1, 30)), 31) for symbol in symbols}
        low, high = ends(enclose(left / right - 1, point))
        if not (low <= 0 <= high and high - low < 1e-12):
            return False
    return True


# --- constants -----------------------------------------------------------------------------


def test_the_exponent_is_below_the_exact_chernoff_exponent():
    """exp(-mean/8) is weaker than Chernoff's e^(-eps)/(1-eps)^(1-eps) at one half, whose exponent is .1534."""
    assert sp.Rational(1, 8) == odds.COST
    for eps in (sp.Rational(1, 100), sp.Rational(1, 3), sp.Rational(1, 2), sp.Rational(9, 10)):
        assert ends(enclose((CHERNOFF_EXPONENT - odds.CHERNOFF).subs(EPSILON, eps)))[1] < 0
    exact = ends(enclose(-CHERNOFF_EXPONENT.subs(EPSILON, sp.Rational(1, 2))))
    assert 0.1534 < exact[0] <= exact[1] < 0.1535
    assert same(odds.width(odds.p), 8 / odds.p * sp.log(t.n / odds.delta))
    eps = odds.hoeffding(odds.draws)
    assert same(odds.draws, sp.Max(0, sp.log(t.n / odds.delta)) / (2 * eps**2))


def test_the_rates_and_conditions_of_the_random_versions():
    lam, K, c, n, p = t.lam, t.steepness, t.c_low, t.n, odds.p
    rates = {card.label: card.claims[0].bound.lhs for card in (A_RANDOM, B_RANDOM)}
    assert same(rates["chen2022.a_random"], lam * c**2 * K**2 * p / n)
    assert same(rates["chen2022.b_random"], lam * c**2 * K**2 * p / n * (1 - t.split**2))
    test = next(part.bound for part in A_RANDOM.assumptions if part.label == "test")
    assert same(test.rhs / test.lhs, lam * c**2 * K**2 * p / 2 * t.eta / (c * t.slope * t.g * odds.label_norm))
    # errata I1: up to pi/4 of the labels
    full = next(part.bound for part in B_RANDOM.assumptions if part.label == "test").rhs.subs(t.split, 1)
    assert same(full, sp.pi / 4 * c * K * (p / 2) * t.eta * sp.sqrt(lam / t.G_max))


def test_the_constants_of_the_corollaries():
    """Sections 4.4 and 4.5: with the Chebyshev count 2, 16, 8n and 32; the errata's integral makes 1.56 and 12.4 of two."""
    lam, K, n = t.lam, t.steepness, t.n
    assert same(output_scale.RATE, lam * t.c_low**2 * K**2 * t.share / n)
    assert same(output_scale.PAID, sp.Rational(1, 4) + sp.pi / 8)
    assert ends(enclose(1 / output_scale.PAID))[1] < 1.556  # in place of 2
    scale = next(part.bound.lhs for part in SCALE.assumptions if part.label == "test")
    assert same(scale, odds.label_norm / (output_scale.PAID * K * t.share * t.eta) * sp.sqrt(t.G_max / lam))
    assert same(initial_scale.RATE, lam * t.c_low**2 * K**2 / (8 * n))
    assert same(initial_scale.WIDTH, 32 * sp.log(n / odds.delta))
    need = next(part.bound.lhs for part in INITIAL_SCALE.assumptions if part.label == "test")
    constant = need / (odds.label_norm / (t.c_low * K) * sp.sqrt(t.G_max / lam))
    assert same(constant, 8 / output_scale.PAID)
    assert same(8 / sp.Rational(1, 2), sp.Integer(16))
    low, high = ends(enclose(8 / output_scale.PAID))
    assert 12.44 < low <= high < 12.45


def test_the_quantile_is_on_the_safe_side():
    """Errata W5: .6745 is too large by 3e-6 of probability."""
    assert sp.Rational(6744, 10_000) == initial_scale.QUANTILE
    assert ends(enclose(sp.erfc(initial_scale.QUANTILE / sp.sqrt(2)) / 2))[0] > 0.25
    assert ends(enclose(sp.erfc(sp.Rational(6745, 10_000) / sp.sqrt(2)) / 2))[1] < 0.25
    assert initial_scale.safe_quantile(sp.Rational(1, 4), 8) == sp.Rational(67448975, 10**8)
    assert initial_scale.safe_quantile(sp.Rational(1, 10), 3) == sp.Rational(1281, 1000)


# --- the exact law -------------------------------------------------------------------------

GRID = [(number, p) for number in (1, 7, 10, 30, 60, 100, 400) for p in (0.02, 0.1, 0.3, 0.632, 0.9, 0.99)]


@pytest.mark.parametrize(("number", "p"), GRID)
def test_the_exact_binomial_chance_is_below_the_bound(number, p):
    exact = binomial_tail(number, p, p)
    # the double 0.1 is above 1/10: the count 3 of 60 is below its half
    reference = binom.cdf(math.ceil(number * Fraction(p) / 2) - 1, number, p)
    assert abs(float(exact.value) - reference) <= 1e-9 * reference + 1e-300
    assert float(exact.error) <= 1e-12 * float(exact.value) + 1e-300
    assert float(exact.value) < math.exp(-number * p / 8)


def test_how_much_the_bound_gives_away():
    """The least ratio of bound and exact chance on the grid, and the exponents far out: 1/8 against .1534."""
    ratio = {pair: math.exp(-pair[0] * pair[1] / 8) / float(binomial_tail(*pair, pair[1]).value) for pair in GRID}
    assert min(ratio, key=ratio.get) == (1, 0.02)
    assert 1.017 < min(ratio.values()) < 1.018
    # section 4's table: n = 10, p = .632; bounds 1, .93, .087, .0037
    bounds = [10 * math.exp(-number * 0.632 / 8) for number in (10, 30, 60, 100)]
    assert np.allclose(bounds, [4.54, 0.935, 0.0874, 0.00371], rtol=5e-3)
    far = -math.log(float(binomial_tail(20_000, 0.01, 0.01).value)) / 200
    assert 0.1534 < far < 0.18
    assert far > 1 / 8


def test_a_count_at_the_very_half_is_not_below_it():
    """P(Bin(4, 1/2) < 1) = 1/16, and with p not known to the last digit the count 1 is left open."""
    assert float(binomial_tail(4, 0.5, 0.5).value) == 1 / 16
    loose = binomial_tail(4, 0.5 - 1e-9, 0.5 + 1e-9)
    assert float(loose.value - loose.error) <= 1 / 16 <= float(loose.value + loose.error)
    assert float(loose.value + loose.error) >= 5 / 16 - 1e-6
    assert np.isnan(binomial_tail(4, 0.0, 0.5).value)


# --- measures and choices --------------------------------------------------------------------


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize(("low", "high", "eta"), [(-1.0, 1.0, 0.25), (0.5, math.inf, 0.25), (-0.2, 0.2, 0.3)])
def test_the_chance_is_that_of_the_normal_law(gaussian, low, high, eta):
    flags = {"data": "gaussian", "low": low, "high": high, "eta": eta, "nu": 0.7, "kappa": 2.0, "c_low": 1.5}
    instance = LEMMA.example(**flags, gaussian=gaussian, mirrored=False, m=4, inputs_scale="none")
    found = odds.chance(Run(instance))
    spread = 0.7 * np.linalg.norm(instance.inputs, axis=1) / instance.d**0.5
    p = np.maximum(norm.cdf((high - eta) / spread) - norm.cdf((low + eta) / spread), 0).min()
    p *= 2 * norm.sf(0.75) if gaussian else 1.0
    assert found.rigorous
    assert float(found.error) <= 1e-14
    assert abs(float(found.value) - p) < 1e-13


def test_a_sample_of_zeros_counts_where_zero_does():
    inside = LEMMA.example(m=4, data="orthogonal")
    zero = random_init.s.drawn(
        0 * inside.inputs, inside.labels, width=4, activation="tanh", parameters=inside.parameters
    )
    assert float(odds.chance(Run(zero)).value) == 1
    away = {**inside.parameters, "low": 1.0, "high": 2.0}
    zero = random_init.s.drawn(0 * inside.inputs, inside.labels, width=4, activation="tanh", parameters=away)
    assert float(odds.chance(Run(zero)).value) == 0


def test_only_one_of_a_pair_is_drawn():
    mirrored, single = (LEMMA.example(m=40, mirrored=kind) for kind in (True, False))
    assert [float(odds.DRAWS.measure(Run(one)).value) for one in (mirrored, single)] == [20, 40]
    assert odds.is_mirrored(mirrored)
    assert not odds.is_mirrored(single)


@pytest.mark.parametrize("card", [LEMMA, A_RANDOM, B_RANDOM, INITIAL_SCALE], ids=lambda card: card.label)
def test_the_theorems_own_width_is_the_least_that_passes(card):
    own = card.example()
    (verdict,) = check(card, own, claims=card.claims[:1], draws=1).verdicts
    assert {part.label: part.truth.value for part in verdict.premises}["width"] == "yes"
    (verdict,) = check(card, card.example(m=own.m - 2), claims=card.claims[:1], draws=1).verdicts
    assert {part.label: part.truth.value for part in verdict.premises}["width"] == "no"


def test_the_interval_is_chosen_from_the_data_alone():
    """Near the best of section 4.3's table: ReLU (0, inf) with eta .76, tanh +-.77 with eta .40."""
    one = np.ones(1)
    assert odds.population(activation("relu"), one, 1.0, 2) == (0.0, math.inf, 0.75)
    low, high, eta = odds.population(activation("tanh"), one, 1.0, 2)
    assert low == -high == -0.75
    assert abs(eta - 0.40) < 0.05


@pytest.mark.parametrize("level", [0.999, 1.001])
def test_the_own_scales_are_at_the_edge_of_their_conditions(level):
    for card, flags in ((SCALE, {"m": 100}), (INITIAL_SCALE, {}), (A_RANDOM, {}), (B_RANDOM, {})):
        (verdict,) = check(card, card.example(**flags, level=level), claims=card.claims[:1], draws=1).verdicts
        truths = {part.label: part.truth.value for part in verdict.premises}
        assert truths.pop("test") == ("yes" if level < 1 else "no"), card.label
        assert set(truths.values()) == {"yes"}


def test_any_labels_are_fitted_by_a_large_enough_output():
    """4.4 at labels of size 100, and its rate; the same network with kappa = 1 is far from its promise."""
    flags = {"n": 2, "d": 3, "m": 60, "label": 100.0}
    assert check(SCALE, SCALE.example(**flags)).verdicts[0].outcome is Outcome.CONFIRMED
    instance = SCALE.example(**flags, kappa=1.0)
    (verdict,) = check(SCALE, instance, claims=SCALE.claims[:1]).verdicts
    assert {part.label: part.truth.value for part in verdict.premises}["test"] == "no"
    assert verdict.outcome is Outcome.VACUOUS


@pytest.mark.parametrize(
    ("card", "flags", "says"),
    [
        (LEMMA, {"delta": 0.0}, "delta"),
        (LEMMA, {"low": 2.0}, "empty"),
        (LEMMA, {"gaussian": True}, "no-mirrored"),
        (A_RANDOM, {"delta": 1.0}, "delta"),
        (A_RANDOM, {"level": -1.0}, "level"),
        (B_RANDOM, {"low": 2.0, "high": 1.0, "eta": 0.5}, "empty"),
        (SCALE, {"level": 0.0}, "level"),
        (INITIAL_SCALE, {"delta": 2.0}, "delta"),
    ],
)
def test_flags_out_of_range_are_refused(card, flags, says):
    with pytest.raises(BadInput, match=says):
        card.example(**flags)
