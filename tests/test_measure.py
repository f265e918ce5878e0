"""Measured quantities cover the truth: between saved times, at exact zeros, under rounding; and judging them."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from theorycheck import measure
from theorycheck.evidence import Measured, Truth
from theorycheck.flow import Run, follow
from theorycheck.judge import judge
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.network import ASYMMETRIC

X, Y = sp.Symbol("x", real=True), sp.Symbol("y", real=True)
TIMES = np.array([0.0, 0.2, 0.7, 2.0, 6.0])


def instance(inputs, name="tanh", m=12, seed=0) -> Instance:
    rng = np.random.default_rng(seed)
    rows = np.atleast_2d(np.asarray(inputs, float))
    n, d = rows.shape
    signs = rng.choice([-1.0, 1.0], m)
    return Instance(
        rows,
        rng.standard_normal(n),
        rng.standard_normal((m, d)),
        signs,
        np.full(m, 1 / m),
        ASYMMETRIC,
        ACTIVATIONS[name],
    )


def still(inputs, name="relu") -> Run:
    return Run(instance(inputs, name))


def exact_norms(run: Run) -> list[Fraction]:
    return [sum((Fraction(float(x)) ** 2 for x in row), Fraction(0)) for row in run.instance.inputs]


def covers(found: Measured, true: Fraction) -> bool:
    return abs(Fraction(float(found.value)) - true) <= Fraction(float(found.error))


@pytest.mark.parametrize("name", ["tanh", "softplus", "relu"])
@pytest.mark.parametrize("seed", range(3))
def test_decay_rate_covers_what_happens_between_saved_times(name, seed):
    given = instance(np.random.default_rng(seed).standard_normal((3, 3)), name, seed=seed)
    dense = np.unique(np.concatenate([TIMES, np.linspace(0, TIMES[-1], 241)]))
    loss = follow(given, times=dense).trajectory.log_loss
    found = measure.decay_rate(follow(given, times=TIMES))
    assert found.value.shape == (len(TIMES) - 1,)
    for k in range(len(TIMES) - 1):
        inside = (dense > TIMES[k]) & (dense <= TIMES[k + 1])
        least = np.min((loss[0] - loss[inside]) / dense[inside])
        if TIMES[k] > 0:
            least = min(least, (loss[0] - loss[dense == TIMES[k]][0]) / TIMES[k])
        assert found.value[k] - found.error[k] <= least + 1e-7
        assert found.value[k] + found.error[k] >= least - 1e-7


def test_decay_rate_knows_its_own_error():
    run = follow(instance(np.eye(3)), times=TIMES)
    path = run.trajectory
    spoiled = replace(path, residual_error=np.linalg.norm(path.residual, axis=1) * np.array([0, 0.5, 0.9, 1.0, 2.0]))
    found = measure.decay_rate(Run(run.instance, spoiled))
    # half of |r| in doubt: the loss may be smaller by the factor 1/4
    assert found.value[0] + found.error[0] >= (path.log_loss[0] - path.log_loss[1] + 2 * math.log(2)) / TIMES[1] * 0.999
    assert np.all(np.isnan(found.value[2:]))  # the residual may be 0: nothing is known
    judgement = judge("rate", Bound(0, X), {X: found})
    assert judgement.truth is Truth.UNSURE
    assert "x could not be measured" in judgement.note


def test_a_rate_at_saved_times_only_would_be_too_high():
    """A loss that stalls after the first saved time: the end of the interval is where the rate is least."""
    run = follow(instance(np.eye(2), seed=1), times=TIMES)
    rate = measure.decay_rate(run)
    seen = (run.trajectory.log_loss[0] - run.trajectory.log_loss[1:]) / TIMES[1:]
    assert np.all(rate.value - rate.error <= seen)
    assert np.any(rate.value + rate.error < np.maximum.accumulate(seen) + 1e-9)


@pytest.mark.parametrize("name", ["relu", "tanh", "softplus", "gelu"])
def test_kappa_is_exactly_zero_for_duplicates_and_zero_rows(name):
    for inputs in ([[0.1, 0.7], [0.3, 0.2], [0.1, 0.7]], [[0.0, 0.0], [1.0, 2.0]]):
        found = measure.kappa(still(inputs, name))
        assert (float(found.value), float(found.error), found.rigorous) == (0.0, 0.0, True)


def test_kappa_of_parallel_rows_depends_on_the_activation():
    rows = [[1.0, 0.5], [2.0, 1.0]]
    assert float(measure.kappa(still(rows, "relu")).value) == 0.0
    assert float(measure.kappa(still(rows, "leaky_relu")).value) == 0.0
    smooth = measure.kappa(still(rows, "tanh"))
    assert smooth.value - smooth.error > 0


def test_largest_norm_squared_is_exact_for_unit_vectors():
    found = measure.largest_norm_squared(still(np.eye(3)))
    assert (float(found.value), float(found.error), found.rigorous) == (1.0, 0.0, True)
    assert judge("unit", Bound(X, 1), {X: found}).truth is Truth.YES
    rounded = measure.largest_norm_squared(still([[0.6, 0.8]]))
    assert judge("unit", Bound(X, 1), {X: rounded}).truth is Truth.UNSURE  # 0.6 and 0.8 are not what they seem


SIZES = st.sampled_from([-600, -538, -511, -300, -20, 0, 20, 300])


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4), SIZES)
def test_norms_are_never_wrong_by_rounding(seed, n, d, power):
    rng = np.random.default_rng(seed)
    inputs = np.ldexp(rng.choice([0.0, 1.0, 0.1, 3.0], (n, d)) * rng.choice([1.0, -1.0]), power)
    run = still(inputs)
    norms = exact_norms(run)
    assert covers(measure.largest_norm_squared(run), max(norms))
    assert covers(measure.trace_of_gram(run), sum(norms))
    least = measure.least_norm_squared(run)
    assert not np.isfinite(least.error) or covers(least, min(norms))


@given(st.integers(0, 10**6), st.sampled_from([-1060, -600, 0, 600, 1000]))
def test_the_label_norm_is_never_wrong_by_rounding(seed, power):
    labels = np.ldexp(np.random.default_rng(seed).standard_normal(4), power)
    run = Run(replace(instance(np.eye(4)), labels=labels))
    found = measure.label_norm(run)
    low, high = (max(Fraction(0), Fraction(float(found.value)) + s * Fraction(float(found.error))) for s in (-1, 1))
    assert low**2 <= sum(Fraction(float(y)) ** 2 for y in labels) <= high**2


def test_a_square_that_underflows_is_not_zero():
    tiny = measure.largest_norm_squared(still([[2.0**-600]]))
    assert tiny.error > 0
    assert judge("zero", Bound(X, 0), {X: tiny}).truth is Truth.UNSURE
    assert float(measure.largest_norm_squared(still([[0.0]])).error) == 0.0


def test_least_line_sine():
    assert float(measure.least_line_sine(still([[1.0, 0.0]])).value) == 1.0
    for parallel in ([[1.0, 2.0], [-2.0, -4.0]], [[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0]]):
        found = measure.least_line_sine(still(parallel))
        assert (float(found.value), float(found.error)) == (0.0, 0.0)
    near = measure.least_line_sine(still([[1.0, 0.0], [1.0, 1e-9]]))
    assert near.value - near.error > 0
    assert abs(near.value - 1e-9) <= near.error + 1e-17


@pytest.mark.parametrize(
    "name",
    [
        "decay_rate",
        "least_along",
        "least_overall",
        "displacement",
        "displacement_within",
        "gram_change",
        "interval_times",
    ],
)
def test_quantities_of_a_flow_need_a_trajectory(name):
    with pytest.raises(NoTrajectory, match="simulate the instance first"):
        getattr(measure, name)(still([[1.0]]))


def test_intervals_agree_in_number():
    run = follow(instance(np.eye(2)), times=TIMES)
    times, moved = measure.interval_times(run), measure.displacement_within(run)
    assert times.value.shape == moved.value.shape == (len(TIMES) - 2,)
    for k in range(len(TIMES) - 2):
        assert times.value[k] - times.error[k] <= TIMES[k + 1]
        assert times.value[k] + times.error[k] >= TIMES[k + 2]


def test_a_surely_violated_entry_wins():
    found = judge("b", Bound(X, 1), {X: Measured([0.0, 1.5, 3.0, 9.0], [0.0, 5.0, 0.1, 20.0])})
    assert found.truth is Truth.NO
    assert found.note == "tightest at entry 3 of 4"
    assert found.slack == pytest.approx(-2.0)


def test_a_violated_entry_wins_over_an_unknown_one():
    assert judge("b", Bound(X, 1), {X: Measured([math.nan, 3.0], 0.0)}).truth is Truth.NO


def test_an_unknown_entry_is_unsure_and_named():
    found = judge("b", Bound(X, Y), {X: Measured([0.0, math.nan]), Y: Measured(1.0)})
    assert found.truth is Truth.UNSURE
    assert found.note == "x could not be measured to a finite number"
    division = judge("b", Bound(0, 1 / X), {X: Measured(0.0, 1.0)})
    assert division.truth is Truth.UNSURE
    assert "division" in division.note


def test_strict_bounds_at_equality_are_violated_whatever_the_other_entries():
    found = judge("b", Bound(X, 1, strict=True), {X: Measured([1.0, 0.5], [0.0, 1.0])})
    assert found.truth is Truth.NO
    assert judge("b", Bound(X, 1), {X: Measured([1.0, 0.5], 0.0)}).truth is Truth.YES


def test_an_uncertain_entry_beats_a_certain_one():
    found = judge("b", Bound(X, 1), {X: Measured([0.9, 0.5], [0.0, 0.6])})
    assert found.truth is Truth.UNSURE
    assert found.note == "tightest at entry 2 of 2"


@pytest.mark.parametrize("bound", [Bound(X + Y, 1), Bound(X, Y)], ids=["within one side", "between the sides"])
def test_entries_at_different_times_are_not_compared(bound):
    with pytest.raises(ValueError, match="same times"):
        judge("b", bound, {X: Measured([0.0, 0.0]), Y: Measured([1.0, 1.0, 1.0])})


def test_no_entry_at_all_is_unsure():
    found = judge("b", Bound(X, 1), {X: Measured(np.empty(0))})
    assert found.truth is Truth.UNSURE
    assert "x could not be measured" in found.note


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3), st.fractions(-1, 1))
def test_the_slack_covers_every_value_the_measurement_allows(value, error, place):
    found = judge("b", Bound(X**2, 3 * X + 1), {X: Measured(value, error)})
    true = Fraction(value) + Fraction(error) * place
    slack = 3 * true + 1 - true**2
    assert abs(slack - Fraction(found.slack)) <= Fraction(found.error)
    if found.truth is not Truth.UNSURE:
        assert (slack >= 0) == (found.truth is Truth.YES)
