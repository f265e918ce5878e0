"""Limit and tangent Grams against Monte Carlo, quadrature, 60-digit arithmetic and known least eigenvalues."""

from __future__ import annotations

import math
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb

from theorycheck.enclose import ends
from theorycheck.grams import (
    blocks,
    dual_matrix,
    least_of_limit,
    limit_gram,
    limit_gram_balls,
    mean_output,
    output_and_slopes,
)
from theorycheck.symbolic.activations import ACTIVATIONS, Z

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)


def numeric(expr: sp.Expr):
    return sp.lambdify(Z, expr, ["scipy", "numpy"])


def sample_gram(name: str, inputs: np.ndarray, inner: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The Monte Carlo mean of the tangent Gram and its standard error."""
    rng = np.random.default_rng(0)
    slopes = np.broadcast_to(
        numeric(ACTIVATIONS[name].slope)(inner * rng.standard_normal((count, inputs.shape[1])) @ inputs.T),
        (count, len(inputs)),
    )
    product = inner**2 * inputs @ inputs.T
    mean, square = slopes.T @ slopes / count, (slopes**2).T @ slopes**2 / count
    return product * mean, np.abs(product) * np.sqrt(np.maximum(square - mean**2, 0) / count)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "softplus", "gelu", "sine"])
def test_limit_gram_against_monte_carlo(name):
    inputs = np.random.default_rng(1).standard_normal((5, 3))
    mean, spread = sample_gram(name, inputs, 3**-0.5, 100_000)
    found = limit_gram(ACTIVATIONS[name], inputs, 3**-0.5).matrix
    assert np.all(np.abs(found - mean) <= 5 * spread + 1e-12)
    assert np.array_equal(found, found.T)
    wrong = limit_gram(ACTIVATIONS[name], inputs, 2**-0.5).matrix
    assert np.any(np.abs(wrong - mean) > 5 * spread + 1e-12)  # another normalisation is told apart


@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu"])
def test_limit_gram_against_quadrature(name):
    inputs = np.array([[0.6, 0.2], [-0.3, 0.5], [0.4, 0.1]])
    slope = numeric(ACTIVATIONS[name].slope)
    g1, g2 = np.meshgrid(NODES, NODES, indexing="ij")
    weight = np.multiply.outer(WEIGHTS, WEIGHTS) / (2 * np.pi)
    found = limit_gram(ACTIVATIONS[name], inputs, 1.0)
    for i in range(3):
        for k in range(3):
            values = slope(inputs[i, 0] * g1 + inputs[i, 1] * g2) * slope(inputs[k, 0] * g1 + inputs[k, 1] * g2)
            assert found.matrix[i, k] == pytest.approx(inputs[i] @ inputs[k] * np.sum(weight * values), abs=1e-11)


def exact_relu_entry(u: np.ndarray, v: np.ndarray) -> mpmath.mpf:
    with mpmath.workdps(60):
        x, y = ([mpmath.mpf(float(c)) for c in row] for row in (u, v))
        dot = mpmath.fdot(x, y)
        cosine = dot / mpmath.sqrt(mpmath.fdot(x, x) * mpmath.fdot(y, y))
        return dot * (mpmath.pi - mpmath.acos(max(min(cosine, mpmath.mpf(1)), mpmath.mpf(-1)))) / (2 * mpmath.pi)


@pytest.mark.parametrize("angle", [10.0**-k for k in range(1, 9)])
@pytest.mark.parametrize("sign", [1, -1])
def test_near_parallel_pairs_keep_their_digits(angle, sign):
    rows = np.array([[1.3, -0.4, 0.2], [0.0, 0.0, 0.0]])
    rows[1] = sign * 1.7 * (rows[0] + angle * np.array([0.4, 1.3, 0.0]))
    entry = limit_gram(ACTIVATIONS["relu"], rows, 1.0).matrix[0, 1]
    with mpmath.workdps(60):
        error = abs(mpmath.mpf(float(entry)) - exact_relu_entry(*rows))
    assert error <= 2e-15 * abs(rows[0] @ rows[1])
    least, certificate = least_of_limit(ACTIVATIONS["relu"], rows, sp.Integer(1))
    assert certificate.lower <= certificate.upper
    assert least.rigorous
    naive = np.arccos(np.clip(rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1]), -1, 1))
    true = float(np.pi - 2 * np.pi * exact_relu_entry(*rows) / (rows[0] @ rows[1]))
    if angle < 1e-6:
        assert abs(naive - true) > 1e-13  # the trap: half the digits are gone


UNIT = {
    "orthogonal": [[1, 0], [0, 1]],
    "one antiparallel pair": [[1, 0], [-1, 0]],
    "two antiparallel pairs": [[1, 0], [-1, 0], [0, 1], [0, -1]],
    "three antiparallel pairs": [[1, 0], [-1, 0], [0, 1], [0, -1], [3 / 5, 4 / 5], [-3 / 5, -4 / 5]],
    "line": [[1], [0.5]],
}
KAPPA = [
    ("relu", "orthogonal", 1 / 4, 1e-15),
    ("relu", "one antiparallel pair", 1 / 4, 1e-15),
    ("relu", "two antiparallel pairs", 1 / 4, 1e-15),
    ("relu", "three antiparallel pairs", 0.0, 1e-15),
    ("relu", "line", 0.0, 1e-15),
    ("tanh", "line", 9.75e-3, 5e-6),
    ("softplus", "line", 1.45e-3, 5e-6),
    ("softplus", "one antiparallel pair", 0.0254, 5e-5),
    ("tanh", "one antiparallel pair", 0.0, 1e-12),
]


@pytest.mark.parametrize(("name", "rows", "known", "digits"), KAPPA)
def test_known_least_eigenvalues(name, rows, known, digits):
    inputs = np.array(UNIT[rows], float)
    found, certificate = least_of_limit(ACTIVATIONS[name], inputs, sp.Rational(1, inputs.shape[1]))
    assert float(found.value) == pytest.approx(known, abs=digits)
    assert certificate.lower - digits <= known <= certificate.upper + digits
    assert found.rigorous == (name == "relu")


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "gelu", "sine"])
def test_balls_contain_the_floats_and_are_tiny(name):
    inputs = np.random.default_rng(2).standard_normal((6, 3))
    inputs[4], inputs[5] = inputs[0], -2 * inputs[1]
    balls = limit_gram_balls(ACTIVATIONS[name], inputs, sp.Rational(1, 3))
    floats = limit_gram(ACTIVATIONS[name], inputs, 3**-0.5)
    for i in range(6):
        for k in range(6):
            low, high = ends(balls[i, k])
            assert low - floats.error <= floats.matrix[i, k] <= high + floats.error
            assert float(balls[i, k].rad()) <= 1e-24 * (1 + abs(floats.matrix[i, k]))
    assert floats.error <= 1e-11 * np.max(floats.matrix)


def test_activations_without_a_closed_form_have_no_balls():
    assert limit_gram_balls(ACTIVATIONS["tanh"], np.eye(2), sp.Integer(1)) is None


def test_duplicates_and_zero_rows():
    inputs = np.array([[0.3, 0.4], [0.3, 0.4], [0.0, 0.0]])
    for name in ("relu", "tanh"):
        found = limit_gram(ACTIVATIONS[name], inputs, 1.0).matrix
        assert found[0, 1] == pytest.approx(found[0, 0], rel=1e-14)
        assert not found[2].any()
        least, _ = least_of_limit(ACTIVATIONS[name], inputs, sp.Integer(1))
        assert abs(float(least.value)) <= 1e-12
    exact = limit_gram_balls(ACTIVATIONS["relu"], inputs, sp.Integer(1))
    assert exact[0, 1].overlaps(exact[0, 0])
    assert exact[2, 0] == arb(0)


@pytest.mark.parametrize("size", [1e-200, 1e-120, 1e120, 1e200])
@pytest.mark.parametrize("name", ["relu", "gelu", "tanh"])
def test_huge_and_tiny_inputs_do_not_crash(name, size):
    inputs = size * np.array([[1.0, 0.5], [-0.3, 1.0]])
    found, certificate = least_of_limit(ACTIVATIONS[name], inputs, sp.Rational(1, 2))
    assert certificate.lower <= certificate.upper
    assert np.isnan(found.value) or found.value - found.error <= (size * 1.2) ** 2
    gram = limit_gram(ACTIVATIONS[name], inputs, 0.5)
    assert gram.matrix.shape == (2, 2)
    if name == "relu" and size == 1e120:
        assert float(found.value) > 1e238


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "softplus"])
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (3, 7, 2), (5, 200, 4)])
def test_output_and_slopes_against_plain_numpy(name, n, m, d):
    rng = np.random.default_rng(n)
    inputs, weights, outer = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.standard_normal(m)
    mass = rng.uniform(0, 1, m)
    z = d**-0.5 * inputs @ weights.T
    value, slope = (numeric(expr)(z) for expr in (ACTIVATIONS[name].expr, ACTIVATIONS[name].slope))
    slope = np.broadcast_to(slope, z.shape)
    output, gates = output_and_slopes(ACTIVATIONS[name], inputs, weights, outer, mass, d**-0.5)
    assert np.allclose(output, value @ outer, rtol=1e-12, atol=1e-12)
    assert np.allclose(gates, (slope * mass) @ slope.T, rtol=1e-12, atol=1e-12)
    assert not np.allclose(gates, (slope * mass**2) @ slope.T)


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_tangent_grams_converge_to_the_limit_gram(name):
    rng = np.random.default_rng(0)
    inputs, m = rng.standard_normal((4, 3)), 40_000
    gates = output_and_slopes(
        ACTIVATIONS[name], inputs, rng.standard_normal((m, 3)), np.ones(m), np.full(m, 1 / m), 3**-0.5
    )[1]
    limit = limit_gram(ACTIVATIONS[name], inputs, 3**-0.5).matrix
    assert np.allclose(inputs @ inputs.T / 3 * gates, limit, atol=5 * np.max(limit) / math.sqrt(m))


def test_blocks_cover_every_neuron_once():
    for m, n in ((1, 1), (10, 2**21), (2**21 + 3, 3), (5, 0)):
        covered = [j for part in list(blocks(m, n))[:4] for j in (part.start, part.stop)]
        assert covered[0] == 0
        parts = list(blocks(m, n))
        assert parts[-1].stop == m
        assert all(a.stop == b.start for a, b in pairwise(parts))


@pytest.mark.parametrize("name", ["relu", "softplus", "tanh", "gelu"])
def test_mean_output(name):
    inputs = np.array([[0.6, 0.8], [1.5, 0.0]])
    found = mean_output(ACTIVATIONS[name], inputs, 0.5)
    z = np.random.default_rng(0).standard_normal(400_000)
    for norm, value in zip((1.0, 1.5), found, strict=True):
        values = numeric(ACTIVATIONS[name].expr)(0.5 * norm * z)
        assert value == pytest.approx(np.mean(values), abs=5 * np.std(values) / math.sqrt(z.size))


def test_dual_of_an_odd_function_is_odd():
    found = dual_matrix(ACTIVATIONS["tanh"].expr, np.array([[1.0, 0.2], [-1.0, -0.2]]), 1.0).matrix
    assert found[0, 1] == pytest.approx(-found[0, 0], abs=1e-12)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 128, 200])
def test_every_tile_of_the_gram_is_filled(n):
    inputs = np.random.default_rng(n).standard_normal((n, 3))
    units = inputs / np.linalg.norm(inputs, axis=1)[:, None]
    expected = inputs @ inputs.T * (np.pi - np.arccos(np.clip(units @ units.T, -1, 1))) / (2 * np.pi)
    found = limit_gram(ACTIVATIONS["relu"], inputs, 1.0).matrix
    assert np.allclose(found, expected, atol=1e-7 * np.max(expected))
    assert np.array_equal(found, found.T)
