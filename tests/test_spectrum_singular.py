"""Largest eigenvalues, spectral norms and least singular values, and what all certificates do at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from test_spectrum_many import rotated, wrong_singular

from theorycheck.spectrum import (
    extreme_singular_values,
    largest_eigenvalue,
    least_eigenvalue,
    least_singular_value,
    spectral_norm,
)


@pytest.mark.parametrize("n", [1, 6, 40, 70, 320])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_is_minus_the_least_of_minus_and_tight(n, sign):
    matrix = sign * rotated(np.linspace(1, 2, n), np.random.default_rng(n))
    found, other = largest_eigenvalue(matrix), least_eigenvalue(-matrix)
    assert (found.lower, found.upper) == (-other.upper, -other.lower)
    assert "lambda_max" in found.says
    assert found.upper - found.lower <= 1e-9
    assert found.lower - 1e-9 <= np.linalg.eigvalsh(matrix)[-1] <= found.upper + 1e-9


@pytest.mark.parametrize("spread", [1.0, 1e-9])
def test_lanczos_finds_clusters_indefinite_and_singular_ones(spread):
    n, rng = 301, np.random.default_rng(0)
    for values in (1 + spread * rng.random(n), spread * rng.standard_normal(n), np.maximum(rng.standard_normal(n), 0)):
        matrix = rotated(values, rng)
        size, plain = np.abs(values).max(), np.linalg.eigvalsh(matrix)
        for found, guess in ((least_eigenvalue(matrix), plain[0]), (largest_eigenvalue(matrix), plain[-1])):
            assert "Cholesky" in found.method
            assert found.lower - 1e-13 * size <= guess <= found.upper + 1e-13 * size
            assert found.upper - found.lower <= 1e-9 * size


def test_the_least_singular_value_is_the_nth_and_zero_if_there_are_fewer_columns():
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert np.linalg.svd(matrix, compute_uv=False)[-1] > 0.9  # what plain svd calls the least
    least, largest = extreme_singular_values(matrix)
    assert (least.lower, least.upper) == (0.0, 0.0)
    assert largest.lower <= math.sqrt(3) <= largest.upper
    assert least_singular_value(matrix.T).lower == pytest.approx(1.0)
    assert least_singular_value(matrix, 0.1).upper == 0.0  # whatever the entries are


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3), (20, 30), (70, 75), (75, 70), (4, 3000)])
def test_singular_values_are_enclosed(shape):
    matrix = np.random.default_rng(0).standard_normal(shape)
    plain = np.linalg.svd(matrix, compute_uv=False)
    least, largest = extreme_singular_values(matrix)
    assert wrong_singular(matrix, least, 1) == []
    assert wrong_singular(matrix, largest, -1) == []
    assert largest.upper - largest.lower <= 1e-9 * plain[0]
    if shape[0] <= shape[1]:
        assert least.upper - least.lower <= 1e-6 * plain[-1]


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (70, 80)])
def test_the_radius_covers_every_rectangle_within_it(shape):
    rng, radius = np.random.default_rng(0), 1e-3
    matrix = rng.standard_normal(shape)
    least, largest = least_singular_value(matrix, radius), spectral_norm(matrix, radius)
    left, values, right = np.linalg.svd(matrix)
    missed = 0
    for k in (0, min(shape) - 1):
        for sign in (1, -1):
            moved = np.linalg.svd(matrix + sign * radius * np.sign(np.outer(left[:, k], right[k])), compute_uv=False)
            assert largest.lower <= moved[0] <= largest.upper
            missed += not spectral_norm(matrix).lower <= moved[0] <= spectral_norm(matrix).upper
            if shape[0] <= shape[1]:
                assert least.lower <= moved[-1] <= least.upper
    assert missed >= 2
    with ctx.workprec(192):
        balls = arb_mat([[arb(x, radius) for x in row] for row in matrix.tolist()])
    assert spectral_norm(balls).lower <= values[0] - radius <= values[0] + radius <= spectral_norm(balls).upper


def test_the_two_ends_of_the_largest_move_by_the_radius():
    for n in (5, 70):
        matrix = rotated(np.linspace(1, 2, n), np.random.default_rng(n))
        sharp, found = largest_eigenvalue(matrix), largest_eigenvalue(matrix, 1e-3)
        assert found.lower == pytest.approx(sharp.lower - n * 1e-3)
        assert found.upper == pytest.approx(sharp.upper + n * 1e-3)


def test_asymmetric_balls_count_by_their_upper_triangle():
    with ctx.workprec(192):
        matrix = arb_mat([[arb(2), arb(1, 1e-3)], [arb(7), arb(2)]])
    found = least_eigenvalue(matrix)
    assert 0.99 < found.lower <= 0.999
    assert 1.001 <= found.upper < 1.01


@pytest.mark.parametrize("value", [5e-324, 1e-310, 1e-160, 1.7e308])
@pytest.mark.parametrize("n", [2, 66])
def test_the_ends_of_the_range_of_doubles(value, n):
    matrix = np.full((n, n), value)
    for found, truth in (
        (least_eigenvalue(matrix), arb(0)),
        (largest_eigenvalue(matrix), n * arb(value)),
        (least_singular_value(matrix), arb(0)),
        (spectral_norm(matrix), n * arb(value)),
    ):
        assert arb(found.lower) <= truth <= arb(found.upper)
        assert found.lower > -math.inf


@pytest.mark.parametrize("function", [largest_eigenvalue, spectral_norm, least_singular_value])
def test_nothing_is_proved_of_what_is_not_finite(function):
    for n in (3, 70):
        matrix = np.eye(n)
        matrix[0, 1] = math.nan
        for found in (function(matrix), function(np.eye(n), math.inf), function(np.eye(n), math.nan)):
            assert (found.lower, found.upper) == (-math.inf, math.inf)


@pytest.mark.parametrize("function", [least_eigenvalue, largest_eigenvalue, spectral_norm, least_singular_value])
def test_what_is_no_matrix_or_no_radius_is_refused(function):
    with pytest.raises(ValueError, match="at least one row"):
        function(np.zeros((0, 0)))
    with pytest.raises(ValueError, match="cannot be negative"):
        function(np.eye(2), -1e-3)


@pytest.mark.parametrize("n", [1, 5, 65, 301])
@pytest.mark.parametrize("value", [1.0, -3.0, 1e308, 1e-300])
def test_multiples_of_the_identity(n, value):
    matrix = value * np.eye(n)
    for found, truth in (
        (least_eigenvalue(matrix), value),
        (largest_eigenvalue(matrix), value),
        (least_singular_value(matrix), abs(value)),
        (spectral_norm(matrix), abs(value)),
    ):
        assert found.lower <= truth <= found.upper
        assert found.upper - found.lower <= 1e-9 * abs(value)


@pytest.mark.parametrize("n", [66, 310])
def test_sparse_and_degenerate_large_matrices(n):
    corner, ones = np.zeros((n, n)), np.ones((n, n))
    corner[0, -1] = corner[-1, 0] = 1.0
    steps = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    angle = math.pi / (n + 1)
    for matrix, least, largest in (
        (corner, -1.0, 1.0),
        (ones, 0.0, n),
        (ones + np.eye(n), 1.0, n + 1),
        (-ones, -n, 0.0),
        (steps, 2 - 2 * math.cos(angle), 2 + 2 * math.cos(angle)),
    ):
        for found, truth in ((least_eigenvalue(matrix), least), (largest_eigenvalue(matrix), largest)):
            assert found.lower - 1e-14 <= truth <= found.upper + 1e-14
            assert found.upper - found.lower <= 1e-9 * n
