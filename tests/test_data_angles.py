"""Exactly parallel rows and least angles, held against slow twins in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from theorycheck import data_angles
from theorycheck.data import BadInput, least_sine, parallel_pairs


def parallel_obviously(inputs):
    """The slow twin of parallel_pairs: every 2 x 2 minor of every pair, in rationals."""
    rows = [[Fraction(x) for x in row] for row in np.asarray(inputs, float).tolist()]
    found = []
    for (i, u), (k, v) in combinations(enumerate(rows), 2):
        if all(u[a] * v[b] == u[b] * v[a] for a, b in combinations(range(len(u)), 2)):
            inner = sum(x * y for x, y in zip(u, v, strict=True))
            found.append((i, k, (inner > 0) - (inner < 0)))
    return found


small = st.integers(-3, 3)
factors = st.sampled_from([1.0, -1.0, 0.5, 3.0, -7.0, 1e-300, 1 / 3])


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda d: st.lists(st.tuples(st.lists(small, min_size=d, max_size=d), factors), min_size=1, max_size=7)
    )
)
@example([([1, 3], 1 / 3), ([1, 3], 1.0)])
def test_parallel_pairs_agrees_with_its_obvious_twin(rows):
    inputs = np.array([np.array(row, float) * factor for row, factor in rows])
    found = parallel_pairs(inputs)
    assert found == parallel_obviously(inputs)
    value, error = least_sine(inputs)
    if len(inputs) > 1:
        assert (value == 0) == bool(found)
        assert (value, error) == (0, 0) or value > 0


def test_parallel_means_exactly_parallel():
    third = np.array([[1.0, 3.0], [1 / 3, 1.0]])
    assert parallel_pairs(third) == []  # 1/3 is rounded
    assert third[0, 0] / third[0, 1] == third[1, 0] / third[1, 1]  # and floats alone would not see it
    assert parallel_pairs([[1e300, 3e300], [0, 0]]) == [(0, 1, 0)]
    assert parallel_pairs([[1.5, 3], [-0.5, -1], [2, 4]]) == [(0, 1, -1), (0, 2, 1), (1, 2, -1)]
    assert parallel_pairs([[2**53, 1], [2**53 - 1, 1]]) == []
    assert parallel_pairs([[0.0, 1.0], [-0.0, 2.0]]) == [(0, 1, 1)]


@pytest.mark.parametrize("k", [1, 3, 5, 8, 12, 15])
@pytest.mark.parametrize("sign", [1, -1])
def test_least_sine_of_a_known_angle(k, sign):
    rng = np.random.default_rng(k)
    rows = np.eye(12)[:6] + 0.01 * rng.normal(size=(6, 12))
    u, v = rows[0], np.zeros(12)
    u[:] = 0.0
    u[0] = 3.0
    v[:2] = 5.0, 5.0 * 10.0**-k  # at the angle arctan 10^-k, whatever the scales
    value, error = least_sine(np.vstack([rows, sign * v]))
    assert abs(value - 10.0**-k / np.sqrt(1 + 10.0 ** (-2 * k))) <= error + 1e-15 * 10.0**-k
    assert error <= max(1e-12 * value, 2e-13 if k < 6 else 0)


def test_least_sine_error_bound_against_whole_numbers():
    rng = np.random.default_rng(5)
    for spread in (1.0, 1e-2, 1e-5, 1e-7, 1e-14):
        rows = rng.normal(size=(1, 5)) + spread * rng.normal(size=(30, 5))
        exact = min(data_angles._exact_sine(u, v)[0] for u, v in combinations(rows, 2))
        value, error = least_sine(rows)
        assert abs(value - exact) <= error + 1e-15 * exact
        assert value > 0
        assert error < 1e-6 * value or spread == 1e-14


def test_arccos_would_have_seen_nothing():
    u, v = np.array([3.0, 1.0]), np.array([3.0, 1.0 + 1e-9])
    naive = np.sqrt(max(0.0, 1 - (u @ v / np.linalg.norm(u) / np.linalg.norm(v)) ** 2))
    value, error = least_sine([u, v])
    truth = (3 * (1 + 1e-9) - 3) / 10
    assert abs(value - truth) < 1e-6 * truth
    assert error < 1e-12 * value
    assert abs(naive - truth) > 0.01 * truth


def test_least_sine_is_never_zero_by_rounding():
    for rows in ([[1e300, 0], [1e300, 1e-300]], [[1, 0], [1, 1e-310]], [[1, 1], [-1, -1 - 2**-52]]):
        value, error = least_sine(rows)
        assert value > 0
        assert error <= value
    assert least_sine([[1, 0], [2, 0]]) == (0, 0)
    assert least_sine([[1, 0], [0, 0]]) == (0, 0)
    assert least_sine([[1, 2, 3]]) == (1, 0)
    assert least_sine(np.eye(4))[0] == 1


def test_many_pairs_parallel_up_to_rounding_leave_an_honest_error():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1, 30)) + 1e-15 * rng.normal(size=(60, 30))
    exact = min(data_angles._exact_sine(u, v)[0] for u, v in combinations(rows, 2))
    value, error = least_sine(rows)
    assert value > 0
    assert value - error <= exact <= value + error


def test_blocks_do_not_change_the_answer(monkeypatch):
    rows = np.random.default_rng(1).normal(size=(40, 3))
    rows = np.vstack([rows, rows[3] + 1e-5])
    whole = least_sine(rows)
    monkeypatch.setattr(data_angles, "BLOCK", 90)
    assert np.isclose(least_sine(rows)[0], whole[0], rtol=1e-7)
    assert whole[0] < 1e-4


def test_two_thousand_rows_are_fine():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(2000, 20))
    assert parallel_pairs(rows) == []
    rows[1999] = -4 * rows[7]
    assert parallel_pairs(rows) == [(7, 1999, -1)]
    rows[1999, 0] *= 1 + 1e-9
    value, error = least_sine(rows)
    assert 0 < value < 1e-8
    assert error < 1e-12 * value


@pytest.mark.parametrize(
    "inputs", [[1.0, 2.0], [[np.nan, 1.0]], [["a"]], [[1j, 2]], [[1.0], [1.0, 2.0]], np.ones((0, 2))]
)
def test_angles_refuse_what_is_no_finite_table(inputs):
    for function in (parallel_pairs, least_sine):
        with pytest.raises(BadInput):
            function(inputs)
