"""Theorem D of chen2022: constants from Chernoff's bound, the half line's open end (errata W4), per-sample decay."""

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
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory
from theorycheck.symbolic.tails import CHERNOFF_EXPONENT, EPSILON
from theorycheck.theorems.chen2022 import orthogonal as o
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.orthogonal import D

POINT = {
    o.b: sp.Rational(1, 3), o.nu: 1, s.G_min: sp.Rational(1, 2), t.G_max: 2, t.n: 5, o.delta: sp.Rational(1, 10),
    t.c_low: 1, t.steepness: sp.Rational(1, 2),
}  # fmt: skip


def same(a: sp.Expr, b: sp.Expr) -> bool:
    low, high = ends(enclose(a / b - 1, POINT))
    return low <= 0 <= high and high - low < 1e-12


def test_the_constants_follow_from_chernoff():
    """Section 4.6: m >= (16/p_b) log(2n/delta), r = K^2 p_b G_min/(2n), per sample K^2 p_b/(4n)."""
    assert same(o.WIDTH, 16 / o.P_B * sp.log(2 * t.n / o.delta))
    assert same(o.RATE, t.steepness**2 * o.P_B * s.G_min / (2 * t.n))
    assert same(o.PER_SAMPLE, t.steepness**2 * o.P_B / (4 * t.n))
    assert not same(o.WIDTH, 17 / o.P_B * sp.log(2 * t.n / o.delta))
    # ReLU (b = 0, K = 1): m >= 32 log(2n/delta), r = G_min/(4n); GELU, SiLU, softplus (K = 1/2): G_min/(16n)
    at_zero = {o.b: 0, o.nu: 1, t.c_low: 1}
    assert sp.simplify(o.WIDTH.subs(at_zero) - 32 * sp.log(2 * t.n / o.delta)) == 0
    for steepness, part in ((1, 4), (sp.Rational(1, 2), 16)):
        assert sp.simplify(o.RATE.subs({**at_zero, t.steepness: steepness}) - s.G_min / (part * t.n)) == 0


def test_the_exponent_is_below_chernoffs():
    """exp(-mean/8) at a half is weaker than Chernoff's own (e^(-1/2)/(1/2)^(1/2))^mean."""
    sharp = CHERNOFF_EXPONENT.subs(EPSILON, sp.Rational(1, 2))
    assert float(sharp) == pytest.approx(-0.1534, abs=1e-4)
    assert sharp < -sp.Rational(1, 8)


@pytest.mark.parametrize(("b", "end"), [(0.7, "small"), (-0.7, "large")])
def test_p_b_is_the_chance_of_the_worst_sample(b, end):
    sizes = {s.G_min: sp.Rational(1, 4), t.G_max: sp.Rational(9, 4)}
    found = float(o.P_B.subs({**sizes, o.nu: sp.Rational(3, 2), o.b: sp.Rational(b)}))
    draws = 1.5 * np.random.default_rng(0).standard_normal(400_000)
    seen = [np.mean(root * draws > b) for root in (0.5, 1.0, 1.5)]
    assert found == pytest.approx(min(seen), abs=3e-3)
    assert int(np.argmin(seen)) == (0 if end == "small" else 2)


def test_a_neuron_at_the_kink_does_not_count():
    """Errata W4: n = m = 1, h(0) = 0, c = y = 1 and ReLU: the slope at 0 is no slope beyond 0, so K holds on (0, inf) alone."""
    instance = D.example(n=1, d=1, m=1, seed=0)
    steepness = next(part for part in D.quantities if part.symbol == t.steepness)
    assert float(steepness.measure(Run(instance)).value) == 1.0
    below = replace(instance, parameters={**instance.parameters, "b": -0.001})
    assert float(steepness.measure(Run(below)).value) == 0.0


def test_one_neuron_cannot_fit_labels_of_both_signs():
    """Below the width the theorem is silent, and rightly: c s(h) has one sign."""
    instance = D.example(n=2, d=2, m=1, seed=0).with_labels(np.array([1.0, -1.0]))
    report = check(D, instance, skip_vacuous=True)
    assert {premise.label for premise in report.verdicts[0].premises if premise.truth is Truth.NO} == {"width"}
    run = o.simulate(instance)
    assert np.linalg.norm(run.trajectory.residual[-1]) >= 1 - 1e-9


# --- the measure of the slowest sample -------------------------------------------------------------


def diagonal(activation="relu", labels=(1.0, -2.0, 0.0)):
    instance = D.example(n=3, d=3, m=100, activation=activation, mirrored=True)
    return replace(instance, inputs=instance.inputs * np.array([[1.0], [0.5], [2.0]]), labels=np.array(labels))


def by_hand(run, kept):
    path, sizes = run.trajectory, np.sum(run.instance.inputs**2, axis=1) / run.instance.d
    size = np.abs(path.residual)
    with np.errstate(divide="ignore"):
        return np.min([np.log(size[0, a] / size[1:, a]) / path.times[1:] / sizes[a] for a in kept], axis=0)


def test_the_slowest_sample_is_enclosed_and_zeros_are_left_out():
    instance = diagonal()
    run = follow(instance, 40.0)
    assert run.trajectory.residual[0, 2] == 0  # mirrored: f_0 = 0, and y_3 = 0
    found = o.slowest_sample(run)
    truth = by_hand(run, (0, 1))
    assert np.all(found.value - found.error <= truth * (1 + 1e-9))
    assert np.all(truth <= (found.value + found.error) * (1 + 1e-9))
    assert np.max((found.error / found.value)[1:]) < 0.1
    # a time between two saved ones has its truth in the interval too
    dense = follow(instance, times=np.concatenate([[0.0], np.geomspace(0.05, 40.0, 500)]))
    truth = by_hand(dense, (0, 1))
    for when, rate in zip(dense.trajectory.times[1:], truth, strict=True):
        place = int(np.searchsorted(run.trajectory.times[1:], when))
        assert found.value[place] - found.error[place] <= rate * (1 + 1e-6)


def test_samples_that_all_start_at_0_say_nothing():
    run = follow(diagonal(labels=(0.0, 0.0, 0.0)), 1.0)
    assert np.all(np.isinf(o.slowest_sample(run).value))


def test_inputs_that_are_not_orthogonal_leave_an_unknown_entry():
    instance = D.example(n=2, d=2, m=100, data="sphere")
    found = o.slowest_sample(follow(instance, 5.0))
    assert np.isnan(found.value[-1])
    assert np.all(np.isfinite(found.value[:-1]))


def test_decay_needs_a_trajectory():
    with pytest.raises(NoTrajectory):
        o.slowest_sample(Run(diagonal()))


# --- real data --------------------------------------------------------------------------------


def test_orthogonalised_rows_are_orthogonal_exactly():
    instance = D.example(data="digits", rows=3, orthogonalise=True, m=100)
    product = instance.inputs @ instance.inputs.T
    assert np.array_equal(product, np.diag(np.diag(product)))
    assert np.all(np.diag(product) > 0)
    assert any("orthogonal rows" in note for note in instance.notes)
    assert float(o.off_diagonal(Run(instance)).value) == 0.0
    plain = D.example(data="digits", rows=3, m=100)
    (verdict, _) = check(D, plain, skip_vacuous=True).verdicts
    assert "orthogonal" in {premise.label for premise in verdict.premises if premise.truth is Truth.NO}


def test_the_factor_of_a_qr_decomposition_is_not_orthogonal_enough():
    inputs = np.linalg.qr(np.random.default_rng(0).normal(size=(9, 3)))[0].T
    instance = replace(D.example(n=3, d=9, m=4), inputs=inputs)
    assert 0 < float(o.off_diagonal(Run(instance)).value) < 1e-15


def test_flags_out_of_range_are_refused():
    for flags, word in (
        ({"delta": 1.0}, "delta"),
        ({"b": math.inf}, "--b"),
        ({"orthogonalise": True}, "orthogonalise"),
    ):
        with pytest.raises(BadInput, match=word):
            D.example(**flags)


def test_a_fixed_label_condition_is_not_needed():
    """Labels of any size: the theorem has no label condition, unlike A, B and E."""
    for label in (0.01, 100.0):
        report = check(D, D.example(n=2, d=2, m=100, label=label, delta=0.9), draws=2)
        assert not report.refuted
        assert report.verdicts[0].conclusion.truth is Truth.YES or report.verdicts[0].outcome is Outcome.UNDECIDED
