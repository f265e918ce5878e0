"""Frozen random layers and theorem G of chen2022: laws, limit Grams, constants of (a), (b), (d), errata W6, W7, I4, I7."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sympy as sp

from theorycheck.check import check
from theorycheck.constants import hermite_coefficients_certified
from theorycheck.data import BadInput
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import Run
from theorycheck.grams import dual_matrix
from theorycheck.symbolic.activations import activation
from theorycheck.theorems import card
from theorycheck.theorems.chen2022 import features as fe
from theorycheck.theorems.chen2022 import frozen as f
from theorycheck.theorems.chen2022 import measures
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import partially_trained as g
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.features import FEATURES
from theorycheck.theorems.chen2022.orthogonal import off_diagonal
from theorycheck.theorems.chen2022.partially_trained import G

TWO = np.array([[1.0, 0.0], [math.cos(0.7), math.sin(0.7)], [-0.6, 0.8]])


def premise(report, label):
    return next(part for verdict in report.verdicts for part in verdict.premises if part.label == label)


@cache
def coefficients(name, count):
    found = hermite_coefficients_certified(activation(name).expr, 1, count)
    return [0.5 * (part.lower + part.upper) for part in found]


# --- the layers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["erf", "relu", "tanh", "sin(3*z)"])
def test_a_layers_gram_has_the_mean_that_the_dual_activation_says(name):
    """E Ghat = Gamma(S), and the spread of one draw falls like 1/sqrt(width): |z| < 5 over all entries and 400 draws."""
    act = activation(name)
    wanted = dual_matrix(act.expr, TWO, 1.0).matrix
    features = [f.layer(TWO, act, 50, (0, draw)) for draw in range(400)]
    drawn = np.array([one @ one.T for one in features])
    z = (drawn.mean(axis=0) - wanted) / (drawn.std(axis=0) / 20 + 1e-12)
    assert np.abs(z).max() < 5
    off = (drawn.mean(axis=0) - wanted * 1.2) / (drawn.std(axis=0) / 20 + 1e-12)
    assert np.abs(off).max() > 5
    wide = f.layer(TWO, act, 400 * 50, (0, 0))
    assert np.abs(wide @ wide.T - wanted).max() < 5 * drawn.std(axis=0).max() / 20


def test_the_recursion_is_the_limit_of_wide_layers():
    act = (activation("erf"), activation("relu"), activation("tanh"))
    limits, below = f.limit_grams(TWO, act), TWO
    for number, (one, limit) in enumerate(zip(act, limits, strict=True)):
        below = f.layer(below, one, 400_000, (7, number))
        assert np.abs(below @ below.T - limit).max() < 8e-3 * limit.max()
    assert np.abs(limits[0] - limits[2]).max() > 0.01


def test_coordinates_keep_the_gram_and_nothing_else_matters():
    features = np.random.default_rng(0).standard_normal((3, 1000))
    square = f.coordinates(features)
    assert square.shape == (3, 3)
    assert np.allclose(square @ square.T, features @ features.T, rtol=1e-13)
    assert np.array_equal(f.coordinates(features[:, :2])[:, :2], features[:, :2])


def test_the_mean_gram_is_enclosed_where_a_closed_form_exists():
    found = f.least_of_mean(TWO, activation("erf"))
    assert found.rigorous
    assert float(found.value) == pytest.approx(
        np.linalg.eigvalsh(dual_matrix(activation("erf").expr, TWO, 1.0).matrix)[0]
    )
    assert not f.least_of_mean(TWO, activation("tanh")).rigorous


def test_a_redraw_keeps_what_is_below_the_last_frozen_layer():
    instance = G.example(n=3, d=2, frozen="erf", layers=5, hidden=40, m=20)
    other = instance.redraw(instance, 1)
    assert len(instance.frozen) == 4
    for a, b in zip(instance.frozen[:-1], other.frozen[:-1], strict=True):
        assert np.array_equal(a, b)
    assert not np.array_equal(instance.frozen[-1], other.frozen[-1])
    assert np.array_equal(instance.labels, other.labels)
    gram = instance.frozen[-1] @ instance.frozen[-1].T
    assert float(measures.geometry("lam", Run(instance)).value) == pytest.approx(np.linalg.eigvalsh(gram)[0], rel=1e-9)


# --- constants ------------------------------------------------------------------------------------


def test_the_widths_are_those_of_the_theory():
    """(a) 8 n B^2/lam log(n/delta); (b) 144 (T/lam)^2 log(n/delta), errata I4."""
    log = sp.log(t.n / o.delta)
    assert sp.simplify(fe.WIDTH_BOUNDED - 8 * t.n * fe.size**2 / fe.limit * log) == 0
    assert sp.simplify(fe.WIDTH_RELU - 144 * (fe.trace / fe.limit) ** 2 * log) == 0
    # both keep half: 1 - 1/2 of the mean, and 1 - 1/3 of the three quarters that the cut leaves
    assert (1 - sp.Rational(1, 3)) * (fe.limit - fe.limit / 4) == fe.KEPT


def test_theorem_g_is_theorem_b_on_the_features():
    """r = lam_inf c^2 K^2 p/(4n) at the split that leaves half; the label range is above section 4.11's."""
    half = {t.split: 1 / sp.sqrt(2)}
    assert sp.simplify(g.RATE.subs(half) - fe.limit * t.c_low**2 * t.steepness**2 * o.p / (4 * t.n)) == 0
    stated = t.c_low * t.steepness * o.p * t.eta / 4 * sp.sqrt(fe.limit / (2 * fe.size**2))
    ratio = sp.simplify(g.deep(t.TESTS_B[-1][1].rhs).subs(half) / stated)
    assert ratio == sp.simplify(sp.Rational(1, 2) + sp.pi / 4)
    assert sp.simplify(g.ALLOWED / stated) == sp.pi / 2


def test_the_fourth_moment_of_relu_features_is_at_most_three_halves_of_the_trace_squared():
    """Errata I4: S = [[1, .9], [.9, 1]] gives 5.61 of 6."""
    factor = np.linalg.cholesky(np.array([[1.0, 0.9], [0.9, 1.0]]))
    values = np.maximum(factor @ np.random.default_rng(0).standard_normal((2, 2_000_000)), 0)
    fourth = float(np.mean(np.sum(values**2, axis=0) ** 2))
    assert fourth == pytest.approx(5.61, abs=0.06)
    assert 4.0 < fourth < 1.5 * 2**2


@cache
def _hermite_of_relu():
    """Return the bound as a function: SymPy's own substitution would compare the arguments of a hundred Max, in vain."""
    bound = fe.hermite_bound(tuple(sp.Float(a) for a in coefficients("relu", 100)))
    return sp.lambdify((t.n, fe.cosine), bound, "math")


@pytest.mark.parametrize(
    ("n", "rho", "clipped", "true"), [(3, 0.5, 0.0501, 0.1955), (10, 0.3, 0.0258, 0.2586), (100, 0.1, 0.0119, 0.3150)]
)
def test_hermite_bounds_of_errata_w7(n, rho, clipped, true):
    """Equicorrelated unit samples and ReLU; the first 100 coefficients."""
    relu, values = activation("relu"), coefficients("relu", 100)
    assert _hermite_of_relu()(n, rho) == pytest.approx(clipped, abs=2e-4)
    factor = np.linalg.cholesky(np.full((n, n), rho) + (1 - rho) * np.eye(n))
    assert float(f.least_of_mean(factor, relu).value) == pytest.approx(true, abs=1e-4)
    unclipped = sum(a**2 * (1 - (n - 1) * rho**k) for k, a in enumerate(values))
    assert unclipped < 0


def test_hermite_coefficients_of_erf_are_those_of_the_theory():
    """a_{2j+1}^2 = (2/pi) binom(2j, j) 4^-j/(2j+1) (2/3)^(2j+1)."""
    for k, value in enumerate(coefficients("erf", 8)):
        j = (k - 1) // 2
        wanted = 2 / math.pi * math.comb(2 * j, j) * 4.0**-j / (2 * j + 1) * (2 / 3) ** k if k % 2 else 0.0
        assert value**2 == pytest.approx(wanted, abs=1e-12)


def test_positive_definite_or_not_errata_w6_w7():
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert float(f.least_of_mean(opposite, activation("erf")).value) == pytest.approx(0.0, abs=1e-12)
    assert float(f.least_of_mean(opposite, activation("relu")).value) == pytest.approx(0.5)
    # a polynomial of degree 1 is enough for orthogonal samples: "only if" is false
    assert float(f.least_of_mean(np.eye(2), activation("identity")).value) == pytest.approx(1.0)


def test_theorem_d_does_not_carry_over():
    """Errata W6: features of orthogonal samples are not orthogonal."""
    instance = G.example(n=2, d=2, data="orthogonal", frozen="relu", hidden=50, m=20)
    assert float(off_diagonal(Run(instance)).value) > 0.05


# --- verdicts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [3, 4, 6])
def test_more_samples_than_dimensions_at_any_depth(layers):
    instance = G.example(n=4, d=2, frozen="sin(3*z)", layers=layers, level=0.9, seed=1)
    assert instance.description["d"] == 2 < instance.n
    report = check(G, instance)
    assert {verdict.outcome for verdict in report.verdicts} == {Outcome.CONFIRMED}


def test_a_shallow_network_on_the_same_data_is_not_spoken_of():
    """d < n: lambda_min(G) = 0 without the frozen layer, which is why it is there."""
    instance = G.example(n=4, d=2, frozen="sin(3*z)", level=0.9)
    shallow = replace(
        instance, inputs=np.pad(instance.frozen[0], ((0, 0), (0, 2)))[:, :3], weights=instance.weights[:, :3]
    )
    assert float(measures.geometry("lam", Run(shallow)).value) == 0.0


def test_unbounded_features_and_narrow_layers_are_no_premise_met():
    report = check(G, G.example(n=3, d=2, frozen="relu", hidden=60, m=20, level=0.0), draws=1)
    assert premise(report, "bounded").truth is Truth.NO
    report = check(G, G.example(n=3, d=2, frozen="erf", hidden=60, m=20), draws=1)
    assert premise(report, "frozen width").truth is Truth.NO
    report = check(FEATURES, FEATURES.example(n=3, d=2, frozen="erf", hidden=60), draws=1)
    outcomes = {verdict.claim: verdict.outcome for verdict in report.verdicts}
    assert outcomes["hermite"] is Outcome.CONFIRMED
    assert Outcome.CONFIRMED not in {outcomes["bounded"], outcomes["relu"]}


def test_p_is_the_least_over_all_variances_between_the_ends():
    """Errata I7: against a fine grid of variances, for intervals on one side of 0 and around it."""
    base = G.example(n=3, d=2, frozen="sin(3*z)", level=0.9)
    for low, high in ((-1.0, 1.0), (0.1, 0.9), (0.5, math.inf)):
        instance = replace(base, parameters={**base.parameters, "low": low, "high": high, "eta": 0.05})
        run = Run(instance)
        limit, size = (float(part.measure(run).value) for part in (fe.LIMIT, fe.SIZE))
        roots = np.sqrt(np.linspace(limit / 2, size**2, 2001))
        cdf = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))
        grid = (cdf((high - 0.05) / roots) if high < math.inf else 1.0) - cdf((low + 0.05) / roots)
        found = g.chance(run)
        assert float(found.value) == pytest.approx(grid.min(), rel=1e-6)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ({"layers": 2}, "--layers"), ({"hidden": -1}, "--hidden"), ({"delta": 1.5}, "--delta"), ({"level": -1.0}, "--level"),
        ({"low": 2.0, "high": 1.0, "eta": 0.5}, "empty"), ({"frozen": "nonsense("}, "nonsense"), ({"hidden": 10**12}, "memory|GiB"),
    ],
)  # fmt: skip
def test_bad_flags_are_one_sentence(flags, word):
    with pytest.raises(ValueError, match=word):
        G.example(**{"n": 3, "d": 2, "frozen": "sin(3*z)", **flags})


INTERVAL_CARDS = ("a", "b", "a_random", "scale", "descent", "output_trained", "g")


@pytest.mark.parametrize("name", INTERVAL_CARDS)
@pytest.mark.parametrize(
    ("flags", "word"),
    [({"low": 1.0}, "need --eta"), ({"low": 2.0, "high": 1.0}, "need --eta"), ({"eta": -1.0}, "--eta must"), ({"eta": 0.1}, "needs --low")],
)  # fmt: skip
def test_an_interval_is_given_whole_or_not_at_all(name, flags, word):
    """Half an interval used to be dropped silently, while the heading showed it."""
    with pytest.raises(BadInput, match=word):
        card(f"chen2022.{name}").example(**flags)


def test_a_given_interval_is_the_one_that_is_used():
    instance = G.example(n=3, d=2, frozen="sin(3*z)", low=-1.0, high=1.0, eta=0.3)
    assert (instance.parameters["low"], instance.parameters["high"], instance.parameters["eta"]) == (-1.0, 1.0, 0.3)


def test_a_probability_below_0_is_not_promised():
    with pytest.raises(BadInput, match="1/2"):
        G.example(n=3, d=2, frozen="sin(3*z)", delta=0.6)
    instance = G.example(n=3, d=2, frozen="sin(3*z)", level=0.9, delta=0.4)
    beyond = replace(instance, parameters={**instance.parameters, "delta": 0.6})
    assert premise(check(G, beyond, draws=1), "delta below 1/2").truth is Truth.NO


def test_labels_that_no_level_can_place_are_told():
    report = check(G, G.example(n=3, d=2, frozen="relu", hidden=40, m=20, level=0.5), draws=1)
    assert any("left as they are" in note for note in report.notes)
    assert not any("left as they are" in note for note in G.example(n=3, d=2, frozen="sin(3*z)", level=0.5).notes)


def test_equal_samples_have_a_singular_gram_for_sure():
    twice = np.array([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0]])
    found = f.least_of_mean(twice, activation("erf"))
    assert (float(found.value), float(found.error)) == (0.0, 0.0)
