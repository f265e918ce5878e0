"""Counterexamples to shi2023's false statements (errata W1 to W7, U6, U10), each beside what is true instead."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from theorycheck.symbolic.thresholds import majority_coefficient, threshold_coefficient
from theorycheck.theorems.shi2023 import batch, emergence, frozen, linear, parity, structured
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import cube, positive_zigzag, share, uniform_gradient, zigzag
from theorycheck.theorems.shi2023.parities import structured as mixture_of

# --- W1: parities of r blocks, and the signs of biases ------------------------------------------------------------


def blocks(r, k):
    """The directions D_j of r blocks of k signs, as rows."""
    return np.kron(np.eye(r), np.ones(k)) / k**0.5


@pytest.mark.parametrize(("r", "k", "most"), [(3, 3, 0.81650), (5, 1, 0.70711)])
def test_w1_a_negative_bias_does_not_see_one_block_alone(r, k, most):
    """Without noise all margins are decided: |cos| <= 2/root(r + 3) for b < 0, attained; neurons with b > 0 see a block alone."""
    law = mixture_of(r, k, 0, filled=False, copies=1, uniform=False)
    rng = np.random.default_rng(0)
    heights = rng.standard_normal((2000, r)) * 10 ** rng.uniform(-1, 1, (2000, r))
    weights = heights @ blocks(r, k) + 0.1 * rng.standard_normal((2000, r * k))
    sizes, found = 10 ** rng.uniform(-1, 1, 2000), {}
    for sign in (-1, 1):
        gradients = s.empirical_gradients(s.network(law.points, law.labels, weights, np.ones(2000), sign * sizes))[0]
        lengths = np.linalg.norm(gradients, axis=1)
        seen = lengths > 1e-12
        found[sign] = float((np.abs(gradients @ blocks(r, k).T)[seen] / lengths[seen, None]).max())
    assert found[-1] == pytest.approx(2 / math.sqrt(r + 3), rel=1e-12) == pytest.approx(most, abs=1e-5)
    assert found[1] == pytest.approx(1.0, rel=1e-12)


def network_of(r, k, kinks):
    """f* with features +-D_j: g(t_j) - g(-t_j) on every block."""
    features = np.vstack([blocks(r, k), -blocks(r, k)])
    outer = np.repeat(np.concatenate([np.ones(r), -np.ones(r)]), len(kinks.weights)) * np.tile(kinks.weights, 2 * r)
    return f.Truth(np.repeat(features, len(kinks.weights), axis=0), outer, np.tile(kinks.biases, 2 * r))


@pytest.mark.parametrize("k", [1, 3, 5, 7, 9, 11])
def test_w1_the_network_with_positive_biases_only_is_the_parity(k):
    kinks, along = positive_zigzag(k), (2 * np.arange(k + 1) - k) / k**0.5
    wanted = (-1.0) ** (k - np.arange(k + 1))
    np.testing.assert_allclose(kinks(along) - kinks(-along), wanted, atol=1e-13)
    # the original's zig-zag is the parity too, by negative biases among others
    np.testing.assert_allclose(zigzag(k)(along), wanted, atol=1e-13)
    assert np.sum(zigzag(k).biases < 0) == (k + 1) // 2 + 1
    for r in (1, 3):
        truth = network_of(r, k, kinks)
        assert len(truth.outer) == r * (k + 3)
        assert np.sum(np.abs(truth.outer)) == pytest.approx(2 * r * k**0.5 * (k + 4))
        assert truth.biases.min() == pytest.approx(1 / (2 * k**0.5))
        assert truth.biases.max() <= k**0.5 * (1 + 1e-15)
        # a kink at (k + 1)/root k never acts
        assert along.max() < (k + 1) / k**0.5


@pytest.mark.parametrize("filled", [False, True])
def test_w1_that_network_has_no_loss_on_three_blocks(filled):
    law = mixture_of(3, 3, 1, filled=filled, copies=1, uniform=True)
    truth = network_of(3, 3, positive_zigzag(3))
    output = truth(law.points[:, :9])
    assert np.min(law.labels * output) >= 1 - 1e-12
    # without the copies that look along -D_j there is loss
    one_sided = f.Truth(truth.directions[:9], truth.outer[:9], truth.biases[:9])
    assert np.min(law.labels * one_sided(law.points[:, :9])) < 0.5


# --- W2, W3: the descent of output weights -------------------------------------------------------------------------


def test_w2_a_descent_on_random_labels_is_far_above_the_original_bound_on_it():
    """B = 0 and a_1 = 0, so OPT = ln 2 and R = 0: the original has every a_t below 0.959."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((400, 10))

    def signed(count):
        labels = rng.choice([-1.0, 1.0], count)
        return labels[:, None] * np.maximum(rng.standard_normal((count, 10)) @ hidden.T, 0.0)

    sample, fresh, a = signed(50), signed(2000), np.zeros(400)
    smooth = np.linalg.norm(sample, 2) ** 2 / 200
    for _ in range(500):
        a = a - frozen._slope(sample, a) / smooth
    original = math.log(2) + 2 * math.log(2) * math.sqrt(math.log(4 / 0.1) / 100)
    assert original == pytest.approx(0.959, abs=1e-3)
    assert frozen._loss(fresh @ a) > 1.2 > original
    # corrected: as far as it went there is room for that
    longest = float(frozen.NORM.subs({frozen.B: 0, frozen.start: 0, frozen.T: 501, frozen.L: smooth, frozen.other_loss: math.log(2)}))  # fmt: skip
    assert 0 < np.linalg.norm(a) <= longest


def test_w3_the_first_state_is_not_one_step_away():
    """One feature, one sample, a_1 = 0 and u = 1: 0.380 at t = 1, where 1/(2 t) allows 0.125."""
    gap = frozen._loss(np.zeros(1)) - frozen._loss(np.ones(1))
    allowed = frozen.RATE.subs({frozen.L: sp.Rational(1, 4), frozen.far: 1})
    assert gap == pytest.approx(0.380, abs=1e-3)
    assert allowed == sp.Rational(1, 8)
    assert gap > allowed


# --- W4, W5: uniform parities --------------------------------------------------------------------------------------


def test_w4_the_batch_grows_like_n_to_the_k_only_if_u_does_not_have_the_mean_input():
    """k = 2, ten times the signs: with U = root(n) B_b/(B_G B_eps) ten times the neurons and a thousand times the batch."""
    m, failure = sp.symbols("m_0 f", positive=True)
    needed = sp.solve(batch.FAILURE.subs(batch.neurons, 4 * m) - failure, batch.n)[0]
    (width,) = sp.solve(emergence.EXPECTED - 1, emergence.draws)
    found = {}
    for signs in (1001, 10001):
        at = {parity.outside: signs - 2, parity.k: 2, parity.xi: float(majority_coefficient(signs, 2))}
        size = float(parity.LENGTH.subs(at))
        for name, ratio in (("original", signs**0.5 / size), ("corrected", 1.0)):
            neurons = float(width.subs({f.ratio: ratio, f.chance: 0.5, f.eps_1: 0.1}))
            ask = {m: neurons, batch.B_2: signs, batch.length: size, batch.zeta: 0.1, failure: 0.1}
            found[name, signs] = neurons, float(needed.subs(ask))
    grown = {name: np.divide(found[name, 10001], found[name, 1001]) for name in ("original", "corrected")}
    np.testing.assert_allclose(grown["original"], [10, 1000], rtol=5e-3)
    np.testing.assert_allclose(grown["corrected"], [1, 100], rtol=5e-3)


def test_w5_without_its_sign_the_direction_is_wrong_for_half_of_all_neurons():
    """n = 7, k = 2, all 128 neurons of signs (a draw of 32 has 23 of them now and then)."""
    patterns = cube(7)
    gradients = uniform_gradient(patterns, 2, 0.5)
    units = gradients / np.linalg.norm(gradients, axis=1)[:, None]
    wanted = np.where(np.arange(7) < 2, patterns, 0.0) / 2**0.5
    signs = np.prod(patterns[:, :2], axis=1)
    allowed = float(parity.OFF.subs({parity.k: 2, parity.outside: 5}))
    assert allowed == pytest.approx(1 / math.sqrt(2 * 5))
    assert np.sum(np.linalg.norm(units - wanted, axis=1) > allowed) == 64
    assert np.all(np.linalg.norm(signs[:, None] * units - wanted, axis=1) <= allowed)


# --- W6, W7: edges -------------------------------------------------------------------------------------------------


def test_w6_a_neuron_of_just_the_length_is_off_at_one_point():
    """w = (1, 0), b~ = 2, x = (-2, 0): <w, x> = b, and max(., 0) has slope 0 there."""
    inputs, labels = np.array([[-2.0, 0.0]]), np.array([-1.0])
    weights = np.array([[1.0, 0.0], [1 - 1e-9, 0.0]])
    instance = s.network(inputs, labels, weights, np.ones(2), np.full(2, -2.0), parameters={"b": 2.0})
    edge, shorter = s.empirical_gradients(instance)[0]
    np.testing.assert_array_equal(edge, 0)
    np.testing.assert_array_equal(shorter, [2.0, 0.0])
    np.testing.assert_array_equal(linear._short(instance), [False, True])


def test_w7_a_loss_counts_wrong_signs_only_if_it_is_not_negative():
    """P(y f <= 0) <= E l/l(0) for the paper's losses; l(z) = -z has l(0) = 0, and l(z) = 1 - z has E l < 0 with half of the signs wrong."""
    z = s._z
    losses = {**s.LOSS, "linear": -z, "shifted": 1 - z}
    margins = np.array([-1.0, 9.0])
    at_0 = {name: float(loss.subs(z, 0)) for name, loss in losses.items()}
    mean = {name: float(np.mean([loss.subs(z, margin) for margin in margins])) for name, loss in losses.items()}
    for name in s.LOSS:
        assert at_0[name] > 0
        assert np.mean(margins <= 0) <= mean[name] / at_0[name]
    assert at_0["linear"] == 0
    assert mean["shifted"] / at_0["shifted"] == -3 < np.mean(margins <= 0)
    # both are on the list of what was allowed: convex, and c_0 = -l'(0) is positive
    assert all(sp.diff(losses[name], z) == -1 for name in ("linear", "shifted"))


# --- U6, U10: where a premise is needed ----------------------------------------------------------------------------


def test_u6_blocks_of_at_most_9_kappa_squared_are_never_hit():
    at = {structured.k: 9 * structured.kappa**2, structured.r: 1}
    assert sp.simplify(structured.LEFT.subs(at) + structured.window * (structured.window + 2 * structured.reach)) == 0
    wider = structured.LEFT.subs({structured.k: 18, structured.kappa: 1, structured.r: 1, structured.reach: 1})
    assert wider.subs(structured.window, sp.Rational(1, 10)) > 0
    # D = 40, k = 30, kappa = 1: the heuristic is a hundred times the bound (2.0e-5)
    assert math.exp(-4.5 * 40 / 30) == pytest.approx(2.5e-3, rel=0.01)


def test_u6_with_one_exponent_for_all_components_small_blocks_have_more_error_than_gradient():
    """h = exp(-kappa^2/2) on all 2 r components, kappa^2 = k/9 at most, and no uniform part: the least k with a gradient."""
    names = (structured.k, structured.r, structured.chance, structured.part, structured.tails, structured.root_tails)
    room = sp.lambdify(names, (structured.TARGET - structured.ERROR).subs(structured.root_uniform, 0))

    def least(r, filled):
        sizes = np.arange(1, 200, 2)
        h = np.exp(-sizes / 18)
        left = room(sizes, r, 1 / (2 * r), float(share(r, filled)), 2 * r * h, 2 * r * np.sqrt(h))
        return sizes[np.argmax(left > 0)]

    found = {(r, filled): least(r, filled) for r in (1, 3, 5) for filled in (False, True)}
    assert found == {(1, False): 19, (1, True): 19, (3, False): 41, (3, True): 55, (5, False): 51, (5, True): 71}


def test_u10_a_bias_of_1_is_another_threshold_and_one_of_minus_1_is_not():
    inside = threshold_coefficient(7, 1, Fraction(1, 2))
    assert threshold_coefficient(7, 1, -1) == inside
    assert threshold_coefficient(7, 1, 1) != inside
    lengths = [np.linalg.norm(uniform_gradient(cube(7), 2, bias), axis=1) for bias in (-1.0, 0.5, 1.0)]
    least = float(parity.LENGTH.subs({parity.k: 2, parity.outside: 5, parity.xi: sp.Rational(majority_coefficient(7, 2))}))  # fmt: skip
    # hits have this length exactly, so that "longer than B_G" has none
    np.testing.assert_allclose(lengths[0], least, rtol=1e-14)
    np.testing.assert_allclose(lengths[1], least, rtol=1e-14)
    assert np.all(np.abs(lengths[2] / least - 1) > 0.05)
