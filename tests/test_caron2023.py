"""caron2023's own numbers: constants from the lemmas, widths, and the counterexamples of the errata."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.enclose import enclose, ends
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import Run, saved_times
from theorycheck.model import Instance, node_scales
from theorycheck.theorems import card, papers
from theorycheck.theorems.caron2023 import flips, r0, r1, r2, thetas
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s

R2_ROOT = sp.sqrt(2)


def same(a: sp.Expr, b: sp.Expr) -> bool:
    """Whether two positive expressions agree at random rational points, in balls."""
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    generator = np.random.default_rng(3)
    for _ in range(5):
        point = {symbol: sp.Rational(int(generator.integers(1, 50)), 37) for symbol in symbols}
        low, high = ends(enclose(a / b - 1, point))
        if not (low <= 0 <= high and high - low < 1e-12):
            return False
    return True


def test_the_constants_follow_from_the_lemmas():
    """Section 3.3 of the theory file, constant by constant, against what the cards derive from L3 to L8."""
    n, d, kappa, gamma, delta, C = s.n, s.d, s.kappa, s.gamma, s.delta, s.C
    D2 = C**2 + 1 / (2 * d)
    assert same(s.uniform_part_width(n, delta / 4), 8 * n * sp.log(4 * n / delta) / (d * kappa))
    assert same(r1.UNROUNDED, 2**15 * (1 + R2_ROOT) ** 4 / sp.pi * n**4 * D2 / (gamma**2 * kappa**4 * d**3 * delta**3))
    assert same(r1.REACH, 8 * n * sp.sqrt(D2) / (gamma * kappa * sp.sqrt(d * delta)))
    spread = (
        32 * sp.sqrt(2 / sp.pi) * n**2 * sp.sqrt(D2) * s.Lambda_32 / (gamma * kappa * (d * delta) ** sp.Rational(3, 2))
    )
    assert same(r1.SPREAD, spread)
    assert same(r1.REACH_LOG, 4 / (gamma * kappa) * sp.sqrt(s.s_X / d) * r1.RESIDUAL_LOG)
    last = 2**11 / sp.pi * (1 + R2_ROOT) ** 4 * n**2 * s.s_X * r1.RESIDUAL_LOG**2 / (gamma**2 * kappa**4 * d**3)
    assert any(same(part, last) for part in r1.WIDTH_LOG.args)
    tail = 24 * (1 + R2_ROOT) ** 2 * n * sp.log(3 / delta) / (d * kappa)
    assert any(same(part, tail) for part in r1.WIDTH_LOG.args)
    D1 = C**2 + (r2.start + 1 / sp.sqrt(d)) ** 2
    assert same(r2.UNROUNDED, 128 * (1 + R2_ROOT) ** 2 * n**3 * r2.M**2 * D1 / (d**3 * gamma**2 * kappa**3 * delta))
    assert same(r2.REACH, 2 ** sp.Rational(5, 2) * n * sp.sqrt(D1) / (gamma * kappa * sp.sqrt(d * delta)))
    assert same(r2.SPREAD, 32 * n**3 * r2.M**2 * D1 * s.Lambda_2 / (d**3 * gamma**2 * kappa**2 * delta))
    assert not same(r2.SPREAD, 33 * n**3 * r2.M**2 * D1 * s.Lambda_2 / (d**3 * gamma**2 * kappa**2 * delta))


@pytest.mark.parametrize(
    ("unrounded", "rounded"), [(r1.UNROUNDED, r1.ROUNDED), (r2.UNROUNDED, r2.ROUNDED)], ids=["R1: 2^19", "R2: 2^10"]
)
def test_rounded_constants_are_rounded_upwards(unrounded, rounded):
    low, high = ends(enclose(sp.simplify(unrounded / rounded)))
    assert 0.5 < low <= high < 1


def test_the_numeric_constants_of_the_checklist():
    half = sp.Rational(1, 2)
    assert same((1 / R2_ROOT - half) ** 2, (R2_ROOT - 1) ** 2 / 4)
    assert same((1 + R2_ROOT) ** 4, 17 + 12 * R2_ROOT)
    for smaller, larger in (
        (2**15 * (17 + 12 * R2_ROOT) / sp.pi, 2**19),
        (128 * (1 + R2_ROOT) ** 2, 2**10),
        (512 * (1 + R2_ROOT) ** 2, 2**12),
    ):
        assert ends(enclose(smaller / larger))[1] < 1


def asked(width: sp.Expr, quantities, instance: Instance) -> float:
    values = {
        part.symbol: float(part.measure(Run(instance)).value)
        for part in quantities
        if part.symbol in width.free_symbols
    }
    return ends(enclose(width, values))[1]


def one_input(label: float, *, gamma: float, delta: float) -> Instance:
    return make.drawn(np.ones((1, 1)), np.array([label]), width=1, gamma=gamma, alpha=0.5, parameters={"delta": delta})


def test_the_widths_of_the_errata():
    """U19 (R1', exact constant) and W6 (R1 at its own width, both constants)."""
    log = card("caron2023.r1_log").quantities
    assert asked(r1.WIDTH_LOG, log, one_input(0.3, gamma=1, delta=0.3)) == pytest.approx(5_526_926.48, abs=0.02)
    assert asked(r1.WIDTH_LOG, log, one_input(0.3, gamma=0.7, delta=0.3)) == pytest.approx(11_279_441.79, abs=0.02)
    plain = card("caron2023.r1").quantities
    assert math.ceil(asked(r1.WIDTH, plain, one_input(0.1, gamma=1, delta=0.99))) == 4_409_147
    assert asked(r1.UNROUNDED, plain, one_input(0.1, gamma=1, delta=0.99)) == pytest.approx(2.98e6, rel=2e-3)


def test_r1_log_at_eleven_million_nodes():
    """gamma = 0.7, alpha = 0.5: the other width at which the theory file saw all conclusions hold."""
    theorem = card("caron2023.r1_log")
    instance = make.drawn(
        np.ones((1, 1)), np.array([0.3]), width=11_279_442, gamma=0.7, alpha=0.5, parameters={"delta": 0.3}
    )
    sure = tuple(replace(claim, probability=sp.Integer(1)) for claim in theorem.claims)
    report = check(theorem, instance, claims=sure)
    assert {verdict.outcome for verdict in report.verdicts} == {Outcome.CONFIRMED}


def test_the_flip_mass_need_not_be_semidefinite():
    """U3: |G| of a semidefinite unit Gram has a negative eigenvalue, so no code may assume it."""
    a = 1 / math.sqrt(2)
    gram = np.array([[1, a, 0, -a], [a, 1, a, 0], [0, a, 1, a], [-a, 0, a, 1]])
    assert np.linalg.eigvalsh(gram)[0] > -1e-12
    assert np.linalg.eigvalsh(np.abs(gram))[0] == pytest.approx(1 - math.sqrt(2))
    assert np.linalg.eigvalsh(np.abs(gram))[-1] <= np.trace(gram)


def tiny_relu(w: float, y: float, theta: float) -> Instance:
    base = make.drawn(np.ones((1, 1)), np.array([y]), width=1, gamma=1.0, alpha=0.5)
    return replace(base, weights=np.array([[w]]), signs=np.ones(1), parameters={**base.parameters, "theta": theta})


@pytest.mark.parametrize(
    ("theta", "passes"), [(0.3, False), (0.5, False), (0.55, False), (0.58, True), (0.7, True), (0.95, True)]
)
def test_one_half_is_not_the_best_theta(theta, passes):
    """W2: n = d = m = 1, w_0 = .3, y = .2: the test passes exactly for theta > 1/sqrt 3."""
    report = check(r0.R0, tiny_relu(0.3, 0.2, theta))
    test = next(premise for premise in report.verdicts[0].premises if premise.label == "test")
    assert (test.truth is Truth.YES) == passes
    assert not report.refuted


def test_the_search_finds_the_theta_that_one_half_misses():
    assert r0.best_theta(tiny_relu(0.3, 0.2, 0.5)) == max(thetas.GRID)


def test_a_vanishing_uniform_gram_never_passes():
    """U1: with kappa_hat = 0 the flip radii are infinite or 0/0, and a comparison with NaN must not pass."""
    dead = tiny_relu(-0.3, 0.2, 0.5)
    for instance in (dead, dead.with_labels(np.zeros(1))):
        report = check(r0.R0, instance)
        assert {verdict.premises_truth for verdict in report.verdicts} <= {Truth.NO, Truth.UNSURE}
        assert not any(verdict.outcome is Outcome.CONFIRMED for verdict in report.verdicts)


def test_a_gate_at_the_kink_counts_as_flipped():
    """U2: w_0 . x = 0 is in F for every radius, whatever the convention for the slope there."""
    base = make.drawn(np.eye(2), np.array([0.2, 0.2]), width=2, gamma=1.0, alpha=0.5)
    weights = np.array([[1.0, 0.0], [1.0, 1.0]])
    instance = replace(base, weights=weights, signs=np.ones(2), parameters={**base.parameters, "theta": 0.5})
    still = instance.with_labels(instance.labels - instance.start[0])  # r_0 = 0: every radius is 0
    # one of four gates sits at 0, and it carries 1/(m d) = 1/4
    assert float(flips.flips(Run(still)).value) == pytest.approx(0.25)


@pytest.mark.parametrize(("gamma", "alpha", "passing", "failing"), [(1.0, 0.5, 0.5, 0.75), (0.5, 0.7, 0.3, 0.5)])
def test_how_near_the_labels_must_be_at_two_thousand_nodes(gamma, alpha, passing, failing):
    """U15: X = I, m = 2000, theta = 1/2: passes only for |r_0| up to .55 to .65 (gamma = 1), .36 to .40 (gamma = .5)."""
    for size, passes in ((passing, True), (failing, False)):
        instance = r0.R0.example(
            n=2, d=2, m=2000, data="orthogonal", residual=size, theta=0.5, gamma=gamma, alpha=alpha
        )
        test = next(p for p in check(r0.R0, instance).verdicts[0].premises if p.label == "test")
        assert (test.truth is Truth.YES) == passes


def test_scales_of_nodes():
    scales = node_scales(1000, 0.3, 0.5)
    assert scales.sum() == pytest.approx(1, abs=1e-14)
    even = np.sum((np.arange(1, 1001) ** -2.0 / np.sum(np.arange(1, 1001) ** -2.0)) ** 2)
    exact = (1 - 0.7**2) / 1000 + 0.7**2 * even  # Lambda_2 of section 1
    assert np.sum(scales**2) == pytest.approx(exact, rel=1e-13)
    assert np.all(node_scales(7, 1.0, 0.5) == 1 / 7)
    for gamma, alpha in ((-0.1, 0.5), (1.1, 0.5), (0.5, 0.0), (0.5, 1.0), (math.nan, 0.5)):
        with pytest.raises(BadInput):
            node_scales(5, gamma, alpha)


@pytest.mark.parametrize(
    "flags", [{"n": 0}, {"d": 0}, {"m": -1}, {"gamma": 2.0}, {"delta": 1.0}, {"rows": -1}, {"seed": -1}]
)
def test_flags_out_of_range_are_refused_in_one_sentence(flags):
    with pytest.raises(BadInput) as caught:
        card("caron2023.r1").example(**flags)
    assert "\n" not in str(caught.value)
    assert next(iter(flags)) in str(caught.value)


def test_sizes_that_do_not_fit_are_refused_before_anything_is_drawn():
    with pytest.raises(BadInput, match="GiB"):
        card("caron2023.r1").example(n=10**8)
    with pytest.raises(BadInput, match="GiB"):
        card("caron2023.r1").example(m=10**12)
    with pytest.raises(BadInput, match="asks for"):
        card("caron2023.r1").example(n=5, d=5, m=0)


def test_the_abstract_is_not_claimed_to_be_covered_beyond_what_is():
    (paper,) = (paper for paper in papers() if paper.key == "caron2023")
    covered = {claim.label: bool(claim.realised_by) for claim in paper.claims}
    assert covered["global convergence, flow"]
    assert covered["global convergence, descent"]
    assert covered["pruning and transfer"]
    assert covered["feature learning"]
    labels = {theorem.label for theorem in map(card, paper.claims[0].realised_by)}
    assert labels == set(paper.claims[0].realised_by)


def test_saved_times_start_at_zero_and_grow():
    times = saved_times(3.0)
    assert times[0] == 0
    assert times[-1] == 3.0
    assert np.all(np.diff(times) > 0)
