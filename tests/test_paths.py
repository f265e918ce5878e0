"""Quantities over time on a trajectory made by hand, where lower and upper ends differ."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from theorycheck import measure
from theorycheck.enclose import enclose, ends
from theorycheck.flow import Run, Trajectory
from theorycheck.symbolic.activations import activation
from theorycheck.theorems import card
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means, r0, r2
from theorycheck.theorems.caron2023 import setting as s

INSTANCE = make.drawn(np.eye(2), np.ones(2), width=3, gamma=1.0, alpha=0.5)
PATH = Trajectory(
    times=np.array([0.0, 1.0, 2.0, 4.0]),
    residual=np.array([[4.0, 0], [2, 0], [1, 0], [0.5, 0]]),
    residual_error=np.zeros(4),
    gram=np.zeros((4, 2, 2)),
    least=np.array([[0.5, 0.6], [0.3, 0.5], [0.2, 0.4], [0.1, 0.3]]),
    gram_change=np.array([[0.0, 0.1], [0.2, 0.5], [0.3, 0.7], [0.4, 1.0]]),
    displacement=np.array([[0.0, 0.1], [1.0, 2.0], [1.5, 3.0], [2.0, 4.0]]),
    final_weights=np.zeros((3, 2)),
    drift=0.0,
)
RUN = Run(INSTANCE, PATH)


def interval(measured) -> tuple[list[float], list[float]]:
    return list(np.atleast_1d(measured.value - measured.error)), list(np.atleast_1d(measured.value + measured.error))


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (measure.least_along, [0.5, 0.3, 0.2, 0.1], [0.6, 0.5, 0.4, 0.3]),
        (measure.least_overall, [0.1], [0.3]),
        (measure.gram_change, [0.0, 0.2, 0.3, 0.4], [0.1, 0.5, 0.7, 1.0]),
        (measure.displacement, [0.0, 1.0, 1.5, 2.0], [0.1, 2.0, 3.0, 4.0]),
        # over the interval (t_1, t_2] the movement may be as small as at its start, as large as allowed at its end
        (measure.displacement_within, [1.0, 1.5], [3.0, 4.0]),
        (measure.interval_times, [1.0, 2.0], [2.0, 4.0]),
    ],
)
def test_both_ends_are_kept(function, low, high):
    below, above = interval(function(RUN))
    assert below == pytest.approx(low, abs=1e-9)
    assert above == pytest.approx(high, abs=1e-9)


def test_the_rate_is_the_least_over_each_interval():
    log2 = np.log(2.0)
    below, above = interval(measure.decay_rate(RUN))
    # from the least eigenvalue inside the first interval; later from the worse of both ends
    assert below == pytest.approx(
        [0.6, min(2 * log2, (2 * log2 + 0.4) / 2), min(2 * log2, (4 * log2 + 0.4) / 4)], rel=1e-9
    )
    assert above == pytest.approx([2 * log2, 2 * log2, 6 * log2 / 4], rel=1e-9)


def test_means_over_draws_are_covered_by_their_error():
    """The variance constant is known exactly (Prop R4 (i)): the interval of the mean must contain it, and be small."""
    theorem = card("caron2023.r4_variance")
    quantities = {str(part.symbol): part.measure for part in theorem.quantities}
    misses = 0
    for seed in range(12):
        run = Run(theorem.example(n=2, d=2, m=5, gamma=0.5, activation="relu", seed=seed))
        seen, exact = (
            quantities["V_m"](run),
            quantities["C_0"](run).value
            * quantities["Lambda_{2}" if "Lambda_{2}" in quantities else "Lambda_2"](run).value,
        )
        assert 0 < seen.error < 0.2 * exact
        misses += abs(seen.value - exact) > seen.error
    assert misses == 0
    assert means.STANDARD_ERRORS >= 4


def value(expr: sp.Expr, **values: float) -> float:
    by_name = {str(symbol): symbol for symbol in expr.free_symbols}
    return ends(enclose(expr, {by_name[name]: number for name, number in values.items() if name in by_name}))[1]


def test_the_constants_of_the_smooth_statements():
    """By hand, from sections 3.2 and 3.3 of the theory file, at one point."""
    n, d, m, gamma, theta, kappa, M, delta = 3.0, 2.0, 500.0, 0.5, 0.6, 0.07, 0.77, 0.4
    s_X, R, S4, L1, L2, Y, V = 1.7, 0.9, 2.2, 1.0, 0.03, 1.1, 0.4
    mu = gamma * theta**2 * kappa
    rho_squared = s_X / d * R**2 / mu**2 * L1  # sum_j rho_j^2
    named = {"n": n, "d": d, "m": m, "gamma": gamma, "theta": theta, "kappa_hat": kappa, "kappa_n": kappa, "M": M}
    named |= {"delta": delta, "s_X": s_X, "r_0": R, "S_4": S4, "Lambda_1": L1, "Lambda_2": L2, "Y": Y, "V": V}
    assert value(r0.TEST_SMOOTH, **named) == pytest.approx(M**2 / (m * d**2) * S4 * rho_squared)
    assert value(r0.TEST_RIGHT, **named) == pytest.approx((1 - theta) ** 2 * kappa)
    assert value(r0.SPREAD_SMOOTH, **named) == pytest.approx(M**2 / d**2 * S4 * s_X / d * R**2 / mu**2 * L2)
    squared = 2 * (Y**2 + V) / delta
    second = 64 * (1 + 2**0.5) ** 2 * n * s_X * M**2 * squared / (d**3 * gamma**2 * kappa**3)
    assert value(r2.slope_width(s.s_X, r2.RESIDUAL_DATA), **named) == pytest.approx(second)
    first = 8 * s_X * np.log(2 * n / delta) / (d * kappa)
    assert value(r2.WIDTH_DATA, **named) == pytest.approx(max(first, second))


def test_the_curvature_of_tanh_is_the_one_of_the_theory_file():
    from theorycheck.flow import suprema

    slope, curvature = suprema(activation("tanh"))
    assert (float(slope.value), float(slope.error)) == (1.0, 0.0)
    assert float(curvature.value) == pytest.approx(4 / (3 * 3**0.5), abs=1e-15)
    assert np.isinf(suprema(activation("square"))[0].value)
