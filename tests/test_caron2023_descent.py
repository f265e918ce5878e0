"""R3 and R3' of caron2023: constants, step sizes, what the certificate refuses, and the plan for the table of all papers."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from test_caron2023 import same, tiny_relu

from theorycheck import measure
from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.enclose import enclose, ends
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import Run
from theorycheck.model import node_scales, with_parameters
from theorycheck.proof_files import folder
from theorycheck.theorems.caron2023 import descents, flips, r2, r3, r3_relu
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s

ONE = {"n": 1, "d": 3, "m": 0, "delta": 0.9, "label": 0.3}


def test_the_constants_follow_from_the_lemmas():
    """Section 3.4: H, 2^12 and 2^(7/2), against what the card derives."""
    n, d, kappa, gamma, delta = s.n, s.d, s.kappa, s.gamma, s.delta
    D1 = s.C**2 + (r2.start + 1 / sp.sqrt(d)) ** 2
    second = n**3 * r2.M**2 * D1 / (d**3 * gamma**2 * kappa**3 * delta)
    assert same(r3.UNROUNDED, 512 * (1 + sp.sqrt(2)) ** 2 * second)
    assert same(r3.ROUNDED, 2**12 * second)
    low, high = ends(enclose(sp.simplify(r3.UNROUNDED / r3.ROUNDED)))
    assert 0.5 < low <= high < 1
    assert same(r3.REACH, 2 ** sp.Rational(7, 2) * n * sp.sqrt(D1) / (gamma * kappa * sp.sqrt(d * delta)))
    assert same(r3.BEND, r2.M / 2 * sp.sqrt(n * s.s_X) * d ** sp.Rational(-3, 2) * sp.sqrt(s.Lambda_2))
    assert not same(r3.REACH, 2**3 * n * sp.sqrt(D1) / (gamma * kappa * sp.sqrt(d * delta)))


def test_with_even_scales_the_second_condition_on_the_step_follows_from_the_first():
    """At the width their ratio is 16 sqrt 2 s_X/(d kappa_n) sqrt(n/(gamma s_X)), where kappa_n <= s_X/d and s_X <= n."""
    curvature = sp.sqrt(s.gamma * s.kappa) / (8 * r3.BEND * r2.RESIDUAL)
    ratio = (curvature / (s.d / (2 * s.s_X))).subs(s.Lambda_2, 1 / s.m).subs(s.m, r3.ROUNDED)
    assert same(ratio, 16 * sp.sqrt(2) * s.s_X / (s.d * s.kappa) * sp.sqrt(s.n / (s.gamma * s.s_X)))


def test_a_step_eight_times_too_large_makes_the_loss_grow_and_the_allowed_one_does_not():
    """The sabotage's instance: a share of the loss below 1 is promised; in fact the residual grows until tanh saturates."""
    ends_at = {}
    for share in (0.999, 7.99):
        run = descents.simulate(r3.R3_DATA.example(**ONE, step=share))
        sizes = np.linalg.norm(measure.descended(run).residual, axis=1)
        step, kappa = run.instance.parameters["step"], float(measure.kappa(run).value)
        assert step * kappa / 4 < 1
        ends_at[share] = sizes / sizes[0]
    assert np.all(np.diff(ends_at[0.999][:10]) < 0)
    assert ends_at[7.99][:4].max() > 1.5


def test_what_is_seen_on_the_way_is_known_well_enough_to_refute():
    run = descents.simulate(r3.R3_DATA.example(**{**ONE, "m": 500}, step=0.5))
    for part in descents.PATH[1:]:
        found = part.measure(run)
        assert np.max(found.error) < 1e-7 * np.max(np.abs(found.value)), part.says


def test_the_step_is_what_the_premises_allow():
    """A hair more, and a premise fails; an uneven network takes the smaller of both steps."""
    for flags in (ONE, {**ONE, "gamma": 0.05, "alpha": 0.4, "m": 2000, "activation": "sine"}):
        for share, truth in ((0.999, Truth.YES), (1.001, Truth.NO)):
            (verdict, *_) = check(r3.R3, r3.R3.example(**flags, step=share), draws=1).verdicts
            steps = {one.label: one.truth for one in verdict.premises if "step" in one.label}
            assert all(one is Truth.YES for one in steps.values()) == (truth is Truth.YES), steps
    assert steps["stable step"] is Truth.YES, "here the curvature decides"


@pytest.mark.parametrize(("even", "alpha"), [(1.0, 0.5), (0.3, 0.4), (0.0, 0.9)])
def test_the_power_sum_at_any_width(even, alpha):
    instance = make.drawn(np.ones((1, 1)), np.zeros(1), width=3, gamma=even, alpha=alpha)
    for m in (1, 7, 1000):
        assert r3.squares_at(instance)(m) == pytest.approx(np.sum(node_scales(m, even, alpha) ** 2), rel=1e-9)


def test_the_steps_that_the_proof_draws_are_as_bold_as_its_premises_allow(monkeypatch):
    """One step, sampled: no draw breaks a premise, and each premise is met with equality, so that none could be weaker."""
    monkeypatch.syspath_prepend(folder())
    one = importlib.import_module("_caron2023_steps")

    draws = [one._step(seed) for seed in range(60)]
    for name, premise in one.GAIN.lemma.premises.items():
        sides = [[float(side.subs(draw)) for side in (premise.lhs, premise.rhs)] for draw in draws]
        share = np.array([low / high for low, high in sides])
        assert 1 - 1e-9 < share.max() < 1 + 1e-9, name
    gains = [float(draw[one.g_w] / (draw[one.eta] * draw[one.level])) for draw in draws]
    assert 1 <= np.nanmin(gains) < 2


# --- R3' ---------------------------------------------------------------------------------------


def test_a_vanishing_uniform_gram_never_passes():
    """U1: as for R0."""
    dead = with_parameters(tiny_relu(-0.3, 0.2, 0.5), step=0.5)
    for instance in (dead, dead.with_labels(np.zeros(1))):
        assert Outcome.CONFIRMED not in {verdict.outcome for verdict in check(r3_relu.R3_RELU, instance).verdicts}


def test_radii_are_twice_those_of_the_flow_and_kinks_count():
    """U2: |w_0 x| <= rho |x|, with equality and at the kink; ."""
    # n = d = m = 1, w_0 = .3, a = 1: mu = theta^2, rho = |r_0|/theta^2
    wide, narrow = flips.flips_within(2.0), flips.flips_within(1.0)
    for y, twice, once in ((0.32, 0, 0), (0.4, 1, 0), (0.5, 1, 1)):
        run = Run(tiny_relu(0.3, y, 0.7))
        assert (float(wide(run).value), float(narrow(run).value)) == (pytest.approx(twice), pytest.approx(once))
    kink = Run(replace(tiny_relu(0.0, 0.0, 0.7), labels=np.array([1e-12])))
    assert float(wide(kink).value) == pytest.approx(1.0)


def test_the_card_counts_flips_within_twice_the_radii():
    """n = d = m = 1, w_0 = .3, y = .4: the gate is within twice the radius only."""
    run = Run(tiny_relu(0.3, 0.4, 0.7))
    measures = {one.symbol: one.measure for one in r3_relu.R3_RELU.quantities}
    for symbol in (r3_relu.flips, r3_relu.heavy_flips):
        assert float(measures[symbol](run).value) == pytest.approx(1.0)


def test_the_weighted_test_is_what_uneven_scales_fail():
    """gamma = .5: the heavy node alone fails it where the even count passes; near enough to the output both pass."""
    verdicts = {}
    for residual in (0.2, 0.003):
        flags = {"n": 1, "d": 1, "m": 20_000, "gamma": 0.5, "data": "orthogonal", "residual": residual, "theta": 0.6}
        for seed in range(4):
            (verdict, *_) = check(r3_relu.R3_RELU, r3_relu.R3_RELU.example(**flags, seed=seed)).verdicts
            tests = {one.label: one.truth for one in verdict.premises if "test" in one.label}
            verdicts.setdefault(residual, set()).add((tests["test"], tests["weighted test"]))
    assert (Truth.YES, Truth.NO) in verdicts[0.2]
    assert (Truth.YES, Truth.YES) in verdicts[0.003]


@pytest.mark.parametrize("flags", [{"step": 0.0}, {"theta": 1.0}, {"m": 0}, {"step": -1.0}])
def test_bad_flags_are_one_sentence(flags):
    with pytest.raises(BadInput, match="--"):
        r3_relu.R3_RELU.example(**{"n": 1, "d": 1, "m": 10, **flags})
