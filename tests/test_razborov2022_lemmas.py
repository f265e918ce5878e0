"""razborov2022's lemmas: constants against quadrature and exact laws, series, knapsacks against brute force."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, stats

from theorycheck.data import BadInput
from theorycheck.flow import Run
from theorycheck.theorems.razborov2022 import (
    chernoff,
    flip_count,
    flips,
    initial,
    moved,
    odds,
    setting,
    sizes,
    spectrum,
)
from theorycheck.theorems.razborov2022 import statements as t


def at(expr: sp.Expr, **values: float) -> float:
    names = {
        "m": odds.m,
        "n": odds.n,
        "p": odds.p,
        "h": odds.copies,
        "R": t.R_W,
        "X": t.X_norm,
        "F": odds.X_F,
        "u": odds.u_0,
    }
    return float(expr.subs({names[name]: value for name, value in values.items()}))


# --- constants ------------------------------------------------------------------------------


def test_the_constants_that_the_theory_quotes():
    assert (
        abs(
            float(odds.NORMAL.kept)
            - integrate.quad(lambda z: min(z * z, 4) * stats.norm.pdf(z), -12, 12, points=[-2, 2])[0]
        )
        < 1e-8
    )
    per_mean = at(odds.rate_W(odds.NORMAL).subs(odds.lam_W, 1), X=1)
    assert abs(per_mean - 0.028766) < 1e-5  # errata I4: at half of .9205, not at .46
    assert abs(float(odds.FLIP_RATE) - 0.635762) < 1e-6
    assert abs(1 / float(odds.FLIP_RATE) - 1.572917) < 1e-6


def test_pairs_have_the_constants_of_errata_a1():
    m, p = 100, 0.01
    ell = math.log(1 / p)
    assert math.isclose(at(odds.total(odds.NORMAL), m=m, p=p, h=2), m + 2 * math.sqrt(2 * m * ell) + 4 * ell)
    assert math.isclose(
        at(odds.FEATURES_PAIRED, m=m, p=p, h=2, X=3, F=5), 5 * math.sqrt(m / 2) + 3 * math.sqrt(4 * ell)
    )
    assert math.isclose(
        at(odds.flips_paired(t.R_W), m=4, n=3, p=p, h=2, R=1e-6), 3 * 2 * 1.572917 * math.log(3 / p), rel_tol=1e-6
    )
    for expr, single in ((odds.total(odds.NORMAL), odds.NORMAL.total), (odds.flips_paired(t.R_W), odds.flips(t.R_W))):
        assert math.isclose(at(expr, m=7, n=3, p=p, h=1, R=2), at(single, m=7, n=3, p=p, R=2))


QUOTED = {
    "W": (0.25, 0.0908451, 0.0643192, 0.0523826),
    "a": (0.0908451, 0.0112676, 0.0046361, 0.0026467),
}  # fmt: skip


@pytest.mark.parametrize("layer", "Wa")
def test_tails_and_coefficients_are_the_quoted_ones(layer):
    assert np.allclose([float(spectrum.tail(layer, k)) for k in (2, 4, 6, 8)], QUOTED[layer], atol=5e-8)
    arcsin = [sp.binomial(2 * k, k) / (4**k * (2 * k + 1)) for k in range(4)]
    for k, number in enumerate(arcsin):
        degree = 2 * k + 2
        expected = number / (2 * sp.pi) / (1 if layer == "W" else degree)
        assert sp.simplify(spectrum.coefficient(layer, degree) - expected) == 0
        assert spectrum.coefficient(layer, degree + 1) == 0
    # the series up to degree 8 is the kernel, up to what its tail allows
    rho = 0.4
    kernel = float(spectrum.KERNELS[layer].subs(spectrum.RHO, rho))
    partial = sum(float(spectrum.coefficient(layer, k)) * rho**k for k in range(10))
    assert 0 < kernel - partial <= float(spectrum.tail(layer, 10)) * rho**10


def test_tails_approach_their_asymptotes_from_above():
    """.127/sqrt(K) and .0423 K^(-3/2) are limits, not values (errata B19): at K = 8 .148 and .0599."""
    assert abs(float(spectrum.tail("W", 8)) * math.sqrt(8) - 0.148) < 5e-4
    assert abs(float(spectrum.tail("a", 8)) * 8**1.5 - 0.0599) < 5e-5
    half = [math.comb(2 * k, k) / 4**k / (2 * k + 1) / (2 * math.pi) for k in range(400)]
    degree = 800
    far = {
        "W": 0.25 - sum(half),
        "a": 0.5 - 0.25 - 1 / (2 * math.pi) - sum(b / (2 * k + 2) for k, b in enumerate(half)),
    }
    assert abs((far["W"]) * math.sqrt(degree + 2) - 0.127) < 1e-3
    assert abs(far["a"] * (degree + 2) ** 1.5 - 0.0423) < 1e-3


# --- exact chances ------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 17, 256])
@pytest.mark.parametrize("law", odds.LAWS.values(), ids=odds.LAWS)
def test_the_exact_chance_of_one_sample_is_that_of_a_mixture_of_chi_squared_laws(number, law):
    found = chernoff.gated_tail(number, law.kept)
    k = np.arange(1, number + 1)
    bar = float(law.kept) * number / 4
    expected = (1 + np.sum([math.comb(number, int(j)) * stats.chi2.cdf(bar, j) for j in k])) / 2.0**number
    assert abs(float(found.value) - expected) <= float(found.error) + 1e-11 * expected


def test_chernoff_without_truncation_is_false_from_some_width_on():
    """exp(-m/16) for half the mean of a_j^2 1[..]: true at 32 neurons, false at 64; the truncated one holds at all."""
    chances = {number: float(chernoff.gated_tail(number, sp.S.One).value) for number in (32, 64, 256)}
    assert chances[32] < math.exp(-2)
    assert chances[64] > math.exp(-4)
    assert chances[256] > 80 * math.exp(-16)
    for number in (1, 32, 256):
        rate = float(odds.NORMAL.kept) / 64
        assert float(chernoff.gated_tail(number, odds.NORMAL.kept).value) < math.exp(-number * rate)


def test_sizes_of_output_weights_have_the_chances_of_scipy():
    for pairs, drawn in ((False, 100), (True, 50)):
        run = Run(initial.drawn(np.eye(1), 100, normal=True, mirrored=pairs, parameters={"p": 1e-3}))
        bound = at(odds.total(odds.NORMAL), m=100, p=1e-3, h=100 // drawn)
        found = sizes.longer(odds.total(odds.NORMAL))(run)
        assert math.isclose(float(found.value), stats.chi2.sf(bound * drawn / 100, drawn), rel_tol=1e-9)
        single = float(sizes.longer(odds.NORMAL.total)(run).value)
        assert (single > 1e-3) == pairs  # errata A1: 2.2 times too often


# --- measures ------------------------------------------------------------------------------------


def test_both_grams_and_their_limits_are_those_of_a_large_network():
    inputs = np.array([[1.0, 0.5, 0.0], [-0.3, 1.0, 2.0]])
    run = Run(initial.drawn(inputs, 40_000, normal=True, seed=3))
    for part, limit in ((True, setting.measure.kappa), (False, initial.limit_values)):
        seen, mean = float(initial.least_of(part)(run).value) / 40_000, float(limit(run).value)
        assert abs(seen / mean - 1) < 0.06
    repeated = Run(initial.drawn(np.array([[1.0, 2.0], [2.0, 4.0]]), 4))
    assert float(initial.limit_values(repeated).value) == 0
    opposite = Run(initial.drawn(np.array([[1.0, 2.0], [-1.0, -2.0]]), 4))
    assert float(initial.limit_values(opposite).value) > 0.5


def test_the_truncation_is_the_root_beyond_sqrt_2():
    run = Run(initial.drawn(np.eye(3), 4))
    low, found = float(initial.limit_values(run).value), float(initial.truncation(run).value)
    assert found > math.sqrt(2)
    assert math.isclose(at(odds.TAIL, F=math.sqrt(3), u=found), low / 4, rel_tol=1e-6)


def test_redraws_are_fresh_weights_of_the_same_law():
    for flags in ({}, {"mirrored": True}, {"signs": "normal"}):
        first = chernoff.CHERNOFF.example(n=2, d=8, m=40, **flags)
        again = first.redraw(first, 1)
        assert not np.array_equal(first.weights, again.weights)
        assert np.array_equal(first.inputs, again.inputs)
        assert np.array_equal(again.weights, first.redraw(first, 1).weights)
        assert (np.abs(again.signs).max() > 1) == (flags.get("signs") == "normal")
        assert (abs(again.signs.sum()) < 1e-12 and len(np.unique(again.weights[:, 0])) == 20) == bool(
            flags.get("mirrored")
        )


# --- flips ---------------------------------------------------------------------------------------


def _small(seed: int):
    made = initial.drawn(np.array([[1.0, 0.0], [0.6, 0.8]]), 7, normal=True, seed=seed)
    return replace(made, parameters={"way": 0, "radius": 1.0, "row": 0}, redraw=None)


def test_the_knapsack_is_above_every_set_of_gates_and_the_wrong_ones_are_not():
    below = {"count": 0, "greedy": 0}
    for seed in range(60):
        made = _small(seed)
        costs, masses, radius = made.weights[:, 0] ** 2, made.signs**2, 0.8
        best = max(
            float(np.dot(chosen, masses)) for chosen in product((0, 1), repeat=7) if np.dot(chosen, costs) <= radius**2
        )
        one = replace(made, inputs=made.inputs[:1], labels=made.labels[:1])
        assert best <= setting.flip_mass(one, radius) * (1 + 1e-12)
        below["count"] += moved.by_count(one, radius) < best * (1 - 1e-9)
        below["greedy"] += moved.greedy(one, radius) < best * (1 - 1e-9)
        most = max(sum(chosen) for chosen in product((0, 1), repeat=7) if np.dot(chosen, costs) <= radius**2)
        assert moved.most_flips(one, radius) == most
    assert below["count"] > 5
    assert below["greedy"] > 2


@pytest.mark.parametrize("way", moved.WAYS)
def test_weights_move_within_the_radius_and_flip_gates(way):
    made = flips.FLIPS.example(n=3, d=6, signs="normal", way=way, radius=1.0, label=30.0, step=0.5)
    run = Run(made)
    if way != "descent":
        assert 0 < float(moved.distance(True)(run).value) <= 1 + 1e-9
    assert float(moved.flipped(run).value) > 0
    whole, parts = (float(f(run).value) for f in (moved.altogether, moved.by_features))
    assert whole >= math.sqrt(made.rates[1]) * parts * (1 - 1e-9)


def test_the_bound_on_flips_is_a_factor_of_the_true_order():
    """(6/pi)^(1/3) = 1.24 (m R)^(2/3) is the truth for many neurons, in place of 3."""
    made = flip_count.FLIP_COUNT.example(n=2, d=4, m=40_000, radius=0.2)
    found = moved.most_flips(made, 0.2)
    assert abs(found / (40_000 * 0.2) ** (2 / 3) - 1.24) < 0.06


@pytest.mark.parametrize(
    ("card", "flags", "says"),
    [
        (chernoff.CHERNOFF, {"p": 0.0}, "probability"),
        (sizes.SIZES, {"p": 1.0}, "probability"),
        (flips.FLIPS, {"way": "up"}, "way"),
        (flips.FLIPS, {"radius": -1.0}, "radius"),
        (flip_count.FLIP_COUNT, {"radius": math.inf}, "radius"),
        (flip_count.FLIP_COUNT, {"p": 2.0}, "probability"),
    ],
)
def test_flags_out_of_range_are_refused(card, flags, says):
    with pytest.raises(BadInput, match=says):
        card.example(**flags)


def test_neurons_in_pairs_are_even():
    with pytest.raises(BadInput, match="even"):
        initial.drawn(np.eye(2), 3, mirrored=True)


def test_the_kept_mean_of_truncated_squares_is_the_integral_that_defines_it():
    """Its closed form is typed, because SymPy's own integral would cost every start of the program two seconds."""
    found = odds.KEPT_NORMAL
    assert abs(found.closed_form.evalf(30) - found.definition.evalf(30)) < 1e-20
    assert abs((found.closed_form + sp.Rational(1, 10**6)).evalf(30) - found.definition.evalf(30)) > 1e-7
