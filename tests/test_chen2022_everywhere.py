"""Theorem F of chen2022: K by Clarke, exact cases, and the counterexample |u| of the errata (W3)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck import measure
from theorycheck.check import check
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import Run, follow
from theorycheck.symbolic.activations import activation
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep_everywhere import C_2, PATH, RATE, F, gap_of, least_anywhere, uneven


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("identity", 1.0),
        ("-z", 1.0),
        ("leaky_relu", 0.01),
        ("max(z, z/5)", 0.2),
        ("z + tanh(z)/2", 1.0),  # not attained: the limit far out
        ("z + sin(z)/2", 0.5),
        ("max(z, z/5) + tanh(z)", 0.2),
        ("relu", 0.0),
        ("softplus", 0.0),
        ("tanh", 0.0),
        ("abs(z)", 0.0),
        ("max(z, -z/2)", 0.0),
        ("z + z**3", 0.0),  # an unbounded slope: 0 is what is known
    ],
)
def test_k_is_the_least_of_clarkes_derivative(name, least):
    found = least_anywhere(activation(name))
    assert found <= least
    assert least - found < 1e-9


def test_the_absolute_value_is_vacuous():
    """|u| has slopes of size 1 almost everywhere; n = m = 1, c = 1, y = -1 stalls at the kink, since f >= 0."""
    instance = s.drawn(np.ones((1, 1)), np.array([-1.0]), width=1, activation="abs(z)", mirrored=False, seed=0)
    report = check(F, replace(instance, signs=np.ones(1)))
    assert all(verdict.outcome is Outcome.VACUOUS for verdict in report.verdicts)
    failing = {
        premise.label for verdict in report.verdicts for premise in verdict.premises if premise.truth is Truth.NO
    }
    assert failing == {"K positive"}
    # read almost everywhere K would be 1, and the rate 2 (n = G = C_2 = 1)
    assert RATE.subs({t.n: 1, t.lam: 1, t.steepness: 1, C_2: 1}) == 2


def test_the_linear_rate_and_path_are_exact():
    """One sample, identity: ``zeta' = -C_2^2 G zeta``, so both bounds hold with equality."""
    instance = s.drawn(np.full((1, 1), 1.5), np.array([2.0]), width=8, activation="identity", mirrored=False, seed=1)
    instance = uneven(instance, 1)
    square = float(np.mean(instance.signs**2))
    run = follow(instance, 8.0)
    rate = measure.decay_rate(run)
    assert np.all(np.abs(rate.value - 2 * 2.25 * square) <= rate.error + 1e-6)
    values = {
        t.n: 1.0,
        t.lam: 2.25,
        t.steepness: 1.0,
        C_2: math.sqrt(square),
        t.zeta_0: abs(float(instance.start[0][0])),
    }
    moved = np.linalg.norm(run.trajectory.final_weights - instance.weights) / math.sqrt(8)
    assert moved == pytest.approx(float(PATH.subs(values)), rel=1e-6)


def test_the_path_follows_from_the_rate():
    """2 sqrt(L_0/r) with L_0 = |zeta_0|^2/(2n) is |zeta_0|/(K C_2 sqrt lam)."""
    expected = t.zeta_0 / (t.steepness * C_2 * sp.sqrt(t.lam))
    values = {t.n: 3, t.lam: sp.Rational(1, 7), t.steepness: sp.Rational(2, 3), C_2: 5, t.zeta_0: 11}
    assert sp.simplify((PATH - expected).subs(values)) == 0


def test_more_samples_than_dimensions_conserve_the_kernel():
    """Section 4.9: linear activation, d < n: L_t >= |P_ker zeta_0|^2/(2n), while the least nonzero eigenvalue is not 0."""
    inputs = np.array([[1.0], [2.0]])
    instance = s.drawn(inputs, np.array([1.0, -3.0]), width=4, activation="identity", mirrored=False, seed=2)
    report = check(F, instance)
    assert all(verdict.premises_truth is Truth.NO for verdict in report.verdicts)
    kernel = np.array([2.0, -1.0]) / math.sqrt(5)
    run = follow(instance, 200.0)
    assert kernel @ run.trajectory.residual[-1] == pytest.approx(kernel @ instance.start[0], rel=1e-9)
    assert np.linalg.norm(run.trajectory.residual[-1]) == pytest.approx(abs(kernel @ instance.start[0]), rel=1e-6)
    assert float(gap_of(Run(instance)).value) == pytest.approx(5.0)


def test_the_gap_is_the_least_eigenvalue_where_there_are_dimensions_enough():
    instance = F.example(n=3, d=5, m=4)
    values = {part.symbol: part.measure(Run(instance)) for part in F.quantities if part.symbol in (t.lam,)}
    assert float(gap_of(Run(instance)).value) == pytest.approx(float(values[t.lam].value), rel=1e-12)
