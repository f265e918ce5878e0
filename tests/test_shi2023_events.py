"""Events of shi2023 whose chances are promised: drawn, they are as likely as that, and what is concluded from them holds on each."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from theorycheck.flow import Run
from theorycheck.theorems.shi2023 import features, mixture, mixture_chance, structured
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import margins

COUNT = 200_000


def z_score(found, chance):
    return (np.mean(found) - chance) / np.sqrt(chance * (1 - chance) / len(found))


@pytest.mark.parametrize("case", range(4))
def test_the_event_of_a_mixture_is_as_likely_as_promised_and_every_neuron_of_it_sees_one_component(case):
    """R3: on the event kappa is what was asked for, so its chance is one of a hit; others are silent on either side of 0."""
    cases = [(1, 3, 2.0, 2.0, 0.8), (2, 5, 1.0, 2.8, 0.6), (3, 5, 1.3, 3.0, 1.6), (2, 9, 1.0, 3.6, 0.8)]
    r, d, own, reach, bias = cases[case]
    sigmas, margin, window = np.array([0.2, 0.1, 0.3])[:r], 1.0, 0.9
    means = np.eye(r, d) * np.array([[own], [1.4], [1.7]])[:r]
    numbers = {"kappa": margin, "b": bias, "R_0": reach, "h": window}
    law = means, sigmas, np.full(r, 1 / r), np.ones(r)
    own_case = mixture_chance._drawn(law, 1, numbers, 0, 0, {}, ())
    values = mixture_chance._values(own_case)
    low, most = (float(one.subs(values)) for one in (mixture_chance.A, mixture_chance.B))
    left = float(mixture_chance.LEFT.subs(values))
    chance = float(
        mixture_chance.CHANCE.subs(values).subs(mixture_chance.rest, mixture_chance._rest(Run(own_case)).value).evalf()
    )
    assert most > 0
    assert 0.002 < chance < 0.5
    weights = np.random.default_rng(case).standard_normal((COUNT, d))
    event = (weights[:, 0] >= low) & (weights[:, 0] <= low + window) & np.all(np.abs(weights[:, 1:r]) <= most, axis=1)
    event &= np.sum(weights[:, r:] ** 2, axis=1) <= left
    assert abs(z_score(event, chance)) < 4
    assert abs(z_score(event, 1.3 * chance)) > 4
    chosen = weights[event][:2000]
    instance = s.network(means, np.ones(r), chosen, np.ones(len(chosen)), np.full(len(chosen), bias), parameters=mixture.components(np.full(r, 1 / r), sigmas))  # fmt: skip
    assert mixture._seen(instance)["kappa"].min() >= margin - 1e-9


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("case", range(3))
def test_the_event_of_a_structured_parity_is_as_likely_as_promised_and_has_its_exponents(case, filled):
    """R6: on the event one component fires, all margins are kappa noise lengths at least, and b is 2 kappa |w| at least."""
    r, size, noise, kappa, scale = [(1, 3, 4, 0.3, 1.2), (3, 3, 2, 0.25, 1.2), (3, 5, 0, 0.3, 1.1)][case]
    d, window = r * size + noise, 1.1
    reach = scale * np.sqrt(d)
    values = {
        structured.kappa: kappa,
        structured.reach: reach,
        structured.window: window,
        structured.k: size,
        structured.r: r,
    }
    low, most = (float(one.subs(values)) for one in (structured.A, structured.C))
    left = float(structured.LEFT.subs(values))
    numbers = {"kappa": kappa, "R_0": reach, "h": window, "seed": 0.0}
    lone = structured._made((r, size, noise, filled, 1, False), np.ones((1, d)), np.ones(1), numbers, {})
    chance = float(structured.EVENT.subs(values).subs(structured.rest, structured._rest(Run(lone)).value).evalf())
    assert 0.002 < chance < 0.5
    weights = np.random.default_rng([case, 5]).standard_normal((COUNT, d))
    heights = weights[:, : r * size].reshape(-1, r, size).sum(axis=2) / np.sqrt(size)
    rest = np.sum(weights**2, axis=1) - np.sum(heights**2, axis=1)
    first = np.abs(heights[:, 0])
    event = (low <= first) & (first <= low + window) & np.all(np.abs(heights[:, 1:]) <= most, axis=1) & (rest <= left)
    assert abs(z_score(event, chance)) < 4
    assert abs(z_score(event, 1.3 * chance)) > 4
    chosen, b = weights[event], 2 * kappa * reach
    sums, lengths = margins(chosen, r, size, np.full(len(chosen), b), filled)
    assert np.all(np.sum(sums > 0, axis=1) == 1)
    assert np.all(np.abs(sums) >= kappa * lengths)
    assert np.all(b >= 2 * kappa * np.linalg.norm(chosen, axis=1))
    # no wider: where the window begins or a block is loudest, margins are kappa R_0
    assert np.abs(sums).min() == pytest.approx(kappa * reach, rel=0.02)


def test_the_distance_of_a_feature_is_that_of_its_cosine_and_its_length():
    """R8.2: |w - D| <= sqrt(2 gamma) + eps_1, with equality where one of them is 0; the cards' gamma is too small to be seen."""
    per_unit = sp.lambdify((features.gamma, features.eps_1), features.DISTANCE / features.outer_size / features.M_1)
    for gamma in (1e-9, 0.01, 0.3, 0.9):
        turned = np.array([1 - gamma, np.sqrt(1 - (1 - gamma) ** 2)])
        assert np.linalg.norm(turned - [1, 0]) == pytest.approx(per_unit(gamma, 0.0), rel=1e-6)
        for share in (0.2, 1.0):
            assert per_unit(0.0, share) == share
            assert max(np.linalg.norm(c * turned - [1, 0]) for c in (1 - share, 1 + share)) <= per_unit(gamma, share)


@pytest.mark.parametrize("size", [1, 7])
def test_one_sign_of_noise_that_decides_a_component_needs_both_parts_of_its_error(size):
    """R6 with one block, no uniform part: the neuron misses half of its component, by a margin just below one noise length."""
    numbers = {"kappa": 0.1, "R_0": 1.0, "h": 1.0, "seed": 0.0}
    weights = np.array([[3 / size] * size + [1.0001]])
    instance = structured._made((1, size, 1, False, 1, False), weights, np.array([2.0]), numbers, {})
    found = structured._found(instance)
    off = np.linalg.norm(found["gradient"] - found["target"])
    assert off == pytest.approx(0.5 * np.sqrt(size + 1) / 2)
    tails, roots = float(found["tails"][0]), float(found["root_tails"][0])
    error = structured.ERROR.subs({structured.chance: sp.Rational(1, 2), structured.k: size, structured.r: 1, structured.tails: tails, structured.root_tails: roots})  # fmt: skip
    assert off <= error
    # with noise of one sign and a block of one the block's part is too little; with a wide block the block's part has to grow
    assert off > (0.5 * tails if size == 1 else 0.5 * (tails + roots))
