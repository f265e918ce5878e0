"""razborov2022 on drawn data: E3's exact chances, fresh data in every draw, F2, and R0'' in the form of Oymak and Soltanolkotabi."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import Run
from theorycheck.theorems.razborov2022 import gaussian_data as g
from theorycheck.theorems.razborov2022 import initial, oymak_card, r1_descent, refined, refined_card
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t

CARDS = (g.GAUSSIAN_DATA, refined_card.REFINED)


@pytest.mark.parametrize("theorem", CARDS, ids=lambda card: card.label)
def test_a_redraw_draws_the_data_again_and_keeps_what_was_fixed_before(theorem):
    made = theorem.example(n=3, d=20)
    assert made.redraw is not None
    one, again, two = made.redraw(made, 1), made.redraw(made, 1), made.redraw(made, 2)
    for name in ("inputs", "weights"):
        assert np.array_equal(getattr(one, name), getattr(again, name))
        assert not np.array_equal(getattr(one, name), getattr(two, name))
        assert not np.array_equal(getattr(one, name), getattr(made, name))
    assert one.parameters == made.parameters
    assert one.redraw is not None
    assert np.array_equal(one.redraw(one, 2).inputs, two.inputs)


@pytest.mark.parametrize("theorem", CARDS, ids=lambda card: card.label)
def test_of_a_real_set_only_the_shape_is_used_and_that_is_said(theorem):
    made = theorem.example(data="digits", rows=3)
    assert made.inputs.shape == (3, 64)
    assert any("nothing is said" in note for note in made.notes)
    assert np.array_equal(made.inputs, theorem.example(n=3, d=64).inputs)
    assert not theorem.example(n=3, d=64).notes
    with pytest.raises(BadInput):
        theorem.example(p=1.0)


def quantity(theorem, symbol, made):
    return next(one for one in theorem.quantities if one.symbol == symbol).measure(Run(made))


@pytest.mark.parametrize(("n", "d", "spread"), [(1, 2, 0.3), (4, 1, 0.9), (4, 1, 1.1), (7, 30, 0.4), (2, 400, 0.1)])
def test_exact_chances_are_those_of_scipy(n, d, spread):
    made = g.GAUSSIAN_DATA.example(n=n, d=d, spread=spread)
    seen = {symbol: quantity(g.GAUSSIAN_DATA, symbol, made) for symbol in (g.apart, g.odd)}
    pair = stats.beta.sf(spread**2, 0.5, (d - 1) / 2) if d > 1 else float(spread < 1)
    each = stats.chi2.cdf(d / 2, d) + stats.chi2.sf(2 * d, d)
    assert float(seen[g.apart].value) == pytest.approx(pair, rel=1e-9, abs=1e-300)
    assert float(seen[g.odd].value) == pytest.approx(-math.expm1(n * math.log1p(-each)), rel=1e-9)
    assert all(one.rigorous for one in seen.values())


def test_half_of_the_lengths_exponent_is_needed_and_its_double_is_too_much():
    """exp(-d/16) for both sides together (errata I5), for every d; exp(-d/8) fails, exp(-d/32) would be loose."""
    d = np.arange(1, 2000)
    each = stats.chi2.cdf(d / 2, d) + stats.chi2.sf(2 * d, d)
    assert np.all(each <= np.exp(-d / 16))
    assert np.any(each > np.exp(-d / 8))
    assert o.ODD_LENGTH.subs({o.n: 5, o.d: 32}) == 5 * sp.exp(-2)


def test_the_largest_cosine_leaves_out_the_diagonal():
    made = g.GAUSSIAN_DATA.example(n=3, d=4)
    units = made.inputs / np.linalg.norm(made.inputs, axis=1)[:, None]
    found = float(quantity(g.GAUSSIAN_DATA, g.cosine, made).value)
    assert found == pytest.approx(max(abs(units[i] @ units[j]) for i in range(3) for j in range(i)))
    assert float(quantity(g.GAUSSIAN_DATA, g.cosine, g.GAUSSIAN_DATA.example(n=1, d=4)).value) == 0


def test_f2_of_the_card_is_that_of_r3():
    """One expression: R3 reads it with A = 1, R_W = sqrt(eta_W) P and a seventh of the chance for each event."""
    at = {t.a_max: 1, t.R_W: sp.sqrt(t.eta_W) * refined.w.P, o.p: refined.w.delta / 7}
    assert refined.CHANGE.subs(at) == refined.F2
    numbers = {o.n: 3.0, o.m: 20.0, o.d: 400.0, o.p: 0.1, t.kappa: 1.0, t.a_max: 1.0, t.R_W: 10.0}
    log = 1 + math.log(3)
    by_hand = 15 * log * (400 * 20 + math.sqrt(960 * log) * 3 * math.sqrt(20 / 400) * 10)
    assert float(refined_card.BOUND.subs(numbers)) == pytest.approx(by_hand)
    assert float(refined.CHANCE.subs(numbers)) == pytest.approx(0.3 + 20 * math.exp(-25))


def test_in_too_few_dimensions_f2_promises_nothing():
    made = refined_card.REFINED.example(n=2, d=10, m=50)
    (verdict,) = check(refined_card.REFINED, made).verdicts
    assert verdict.outcome is not Outcome.CONFIRMED
    assert "promised probability" in verdict.conclusion.note


def test_r0_in_their_form_is_stricter_than_r1_and_says_less():
    """Where the card's premises hold, so do R1's at c = 1/6, and R1's promise is no smaller."""
    made = oymak_card.OYMAK.example(n=3, d=10, m=500, level=0.9)
    mine = check(oymak_card.OYMAK, made).verdicts
    theirs = check(r1_descent.R1_DESCENT, made).verdicts
    assert {premise.truth for verdict in (*mine, *theirs) for premise in verdict.premises} == {Truth.YES}
    stated, derived = (next(v for v in mine if v.claim == name).conclusion.lhs for name in ("contraction", "derived"))
    assert stated < derived <= next(v for v in theirs if v.claim == "contraction").conclusion.lhs
    wide = oymak_card.OYMAK.example(n=3, d=10, m=500, level=1.1)
    assert {p.label for v in check(oymak_card.OYMAK, wide).verdicts for p in v.premises if p.truth is Truth.NO} == {
        "change"
    }


def test_the_constants_of_their_form():
    at = {t.alpha_squared: 4 * 0.3 * 0.7**2, t.eta_W: 0.3, t.r_0: 5.0}
    assert float(oymak_card.ALPHA.subs(at)) == pytest.approx(0.7)
    assert float(oymak_card.RADIUS.subs(at)) == pytest.approx(4 * 5 / 0.7)
    assert float(oymak_card.STATED.subs(at)) == pytest.approx(0.3 * 0.49 / 2)
    assert float(oymak_card.GAIN.subs(at)) == pytest.approx(2.3889 * 0.3 * 0.49, rel=1e-4)
    assert float(oymak_card.PATH.subs(at)) == pytest.approx(1.9535 * 5 / 0.7, rel=1e-4)
    assert sp.simplify(oymak_card.LARGEST - (sp.sqrt(t.top) + sp.sqrt(t.eta_W) * oymak_card.ALPHA / 3) ** 2) == 0


def test_in_their_normalisation_one_sample_asks_for_some_hundred_million_neurons():
    """kappa = |y|/sqrt(m), |x| = 1: k gates within reach cost (pi/6) k^3/m^2 <= R^2 and must be at most m/72."""
    residual = math.sqrt(1.5)  # |y| = 1 and an output of variance 1/2
    radius = 4 * residual / (math.sqrt(0.5) / 2)
    width = 72**3 * 6 * radius**2 / math.pi
    assert 5e7 < width < 5e8
    rng = np.random.default_rng(0)
    m = 400_000
    costs = np.cumsum(np.sort(rng.standard_normal(m) ** 2))
    found = int(np.sum(costs <= radius**2))
    assert found == pytest.approx((6 * m**2 * radius**2 / math.pi) ** (1 / 3), rel=0.05)
    assert found > m / 72


def test_one_symbol_for_one_thing():
    """A_0 says ReLU; the law of the output weights has a name of its own."""
    assert str(s.relu) == "A_0"
    assert s.relu is t.relu
    assert str(initial.normal) != str(s.relu)
