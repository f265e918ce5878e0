"""Population gradients of shi2023: closed forms against their definitions, against drawn samples, and in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import sympy as sp

from theorycheck.compiled import compile_kernel
from theorycheck.symbolic.multi_index import BETA, polynomial_gradient, threshold_hermite
from theorycheck.symbolic.population import ACTIVE, GATED
from theorycheck.symbolic.quadrature import by_panels
from theorycheck.symbolic.thresholds import majority_coefficient, threshold_coefficient
from theorycheck.theorems.shi2023.gaussians import Mixture, isotropic, output_gradient, pair, simplified_gradient
from theorycheck.theorems.shi2023.parities import (  # fmt: skip
    block_labels,
    cube,
    positive_zigzag,
    share,
    structured,
    uniform_gradient,
    zigzag,
)

#: a closed form is off by fewer standard errors of its Monte Carlo estimate than this
MOST_Z = 4.0
SAMPLES = 100_000


def z_scores(terms, closed):
    """The distance of the terms' mean from a closed form, in standard errors; where nothing varies, in rounding."""
    error = terms.std(axis=0) / len(terms) ** 0.5
    return (terms.mean(axis=0) - closed) / np.maximum(error, 1e-12 * (1 + np.abs(closed)))


# --- Gaussian mixtures (R2) -------------------------------------------------------------------------------


def mixture(seed):
    """Equal, opposite and far means; tiny, huge and singular covariances; real labels."""
    rng = np.random.default_rng(seed)
    r, d = 1 + seed % 4, 1 + seed % 5
    roots = rng.standard_normal((r, d, d)) * 10.0 ** rng.uniform(-2, 1, (r, 1, 1))
    if seed % 3 == 0:
        roots[0, :, : (d + 1) // 2] = 0  # a component that is flat, or a point
    means = 3 * rng.standard_normal((r, d))
    means[-1] = -means[0] if seed % 2 else means[0]
    chances = rng.uniform(0.1, 1, r)
    return Mixture(means, roots @ roots.transpose(0, 2, 1), chances / chances.sum(), rng.uniform(-1, 1, r))


def neurons(law, seed):
    rng = np.random.default_rng([seed, 1])
    d = law.means.shape[1]
    weights = rng.standard_normal((4, d)) * np.array([[1.0], [100.0], [0.01], [1.0]])
    spread = np.sqrt(np.einsum("id,dk,ik->i", weights, law.covariances[-1], weights))
    level = np.array([0.0, 0.7, -0.7, 4.0])  # three gates through the last component, one in its tail
    return weights, weights @ law.means[-1] + level * spread + 0.05 * np.linalg.norm(weights, axis=1)


@pytest.mark.parametrize("seed", range(1, 12))
def test_gradients_of_mixtures_agree_with_samples(seed):
    law = mixture(seed)
    weights, biases = neurons(law, seed)
    inputs, labels = law.sample(SAMPLES, seed)
    seen = 0
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        height = inputs @ weight - bias
        if min(np.sum(height > 0), np.sum(height <= 0)) < 200:
            continue  # too few to know a standard error: such neurons are held against the integrals below
        seen += 1
        first = z_scores(labels[:, None] * inputs * (height > 0)[:, None], simplified_gradient(law, weights, biases)[i])
        second = z_scores(labels * np.maximum(height, 0), output_gradient(law, weights, biases)[i])
        assert max(np.abs(first).max(), abs(second)) < MOST_Z, (i, first, second)
    assert seen >= 2


def test_a_gradient_without_its_density_would_be_noticed():
    law = isotropic(np.eye(2), np.ones(2), np.array([0.5, 0.5]), np.array([1.0, -1.0]))
    weights, biases = np.array([[1.0, 2.0]]), np.array([0.5])
    inputs, labels = law.sample(SAMPLES, 1)
    height = inputs @ weights[0] - biases[0]
    # GATE alone: the means times the chances that they pass
    alpha = (weights @ law.means.T - biases) / np.sqrt(5)
    passed = np.array([0.5 * (1 + sp.erf(a / sp.sqrt(2)).evalf()) for a in alpha[0]], dtype=float)
    flat = (law.chances * law.labels * passed) @ law.means
    assert np.abs(z_scores(labels[:, None] * inputs * (height > 0)[:, None], flat)).max() > 8
    assert np.abs(z_scores(labels[:, None] * inputs * (height > 0)[:, None], simplified_gradient(law, weights, biases)[0])).max() < MOST_Z  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 4, 5, 7, 8])
def test_gradients_of_mixtures_are_the_integrals_that_define_them(seed):
    law = mixture(seed)
    weights, biases = neurons(law, seed)
    direction = np.random.default_rng([seed, 2]).standard_normal(law.means.shape[1])
    mass = law.chances * law.labels
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        at = [pair(law, j, weight, float(bias), direction) for j in range(len(mass))]
        first = mass @ [by_panels(GATED.definition, one) for one in at]
        second = mass @ [by_panels(ACTIVE.definition, one) for one in at]
        scale = 1e-11 * (1 + np.abs(law.means).max() + np.abs(law.covariances).max())
        assert abs(first - simplified_gradient(law, weights, biases)[i] @ direction) < scale
        assert abs(second - output_gradient(law, weights, biases)[i]) < scale * (1 + np.linalg.norm(weight) + abs(bias))


def test_a_component_without_spread_is_on_one_side_of_the_gate():
    """Errata U8: 0/0 in the formula. The gate is strict: a point on it does not pass."""
    means = np.array([[1.0, 0.0], [0.0, 2.0]])
    law = isotropic(means, np.zeros(2), np.array([0.25, 0.75]), np.array([1.0, -1.0]))
    weights, biases = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 0.5, -1.0])
    whole = np.array([0.25, -1.5])
    np.testing.assert_array_equal(simplified_gradient(law, weights, biases), [[0, -1.5], whole, whole])
    np.testing.assert_array_equal(output_gradient(law, weights, biases), [-0.75, 0.25 * 0.5 - 0.75 * 1.5, 0.25 - 0.75])


# --- thresholds of signs (R5.1) -----------------------------------------------------------------------------


def counted(n):
    """For each k, the signed number of points of the cube with j minus ones: by looking at every point."""
    points = cube(n).astype(np.int64)
    minus = np.sum(points < 0, axis=1)
    products = np.column_stack([np.ones(len(points), dtype=np.int64), np.cumprod(points, axis=1)])
    return np.array([[int(products[minus == j, k].sum()) for j in range(n + 1)] for k in range(n + 1)])


@pytest.mark.parametrize("n", range(1, 16))
def test_threshold_coefficients_have_no_mismatch_in_exact_arithmetic(n):
    table = counted(n)
    thresholds = [Fraction(b, 3) for b in range(-3 * n - 4, 3 * n + 5)]  # ties are among them
    for b in thresholds:
        passing = [j for j in range(n + 1) if n - 2 * j > b]
        for k in range(n + 1):
            found = threshold_coefficient(n, k, b)
            assert found == Fraction(sum(int(table[k, j]) for j in passing), 2**n)
    assert threshold_coefficient(n, 1, 0) != 2 * threshold_coefficient(n, 1, 0)


@pytest.mark.parametrize("n", range(3, 40, 2))
def test_majority_coefficients_and_their_ratio(n):
    for k in range(2, n, 2):
        inside, outside = (threshold_coefficient(n, j, Fraction(1, 2)) for j in (k - 1, k + 1))
        assert abs(inside) == majority_coefficient(n, k)
        assert np.sign(inside) == (-1) ** (k // 2 - 1)  # errata W5
        assert outside == -Fraction(k - 1, n - k) * inside
        assert threshold_coefficient(n, k - 1, -1) == inside  # errata U10: [-1, 1)


def test_coefficients_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="finite threshold"):
        threshold_coefficient(3, 4, 0)
    with pytest.raises(ValueError, match="odd n and even k"):
        majority_coefficient(4, 2)


# --- parities (R5.2 to R5.4, R6) ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 8))
def test_gradients_of_parities_are_those_of_the_whole_cube(n):
    points = cube(n)
    for k in range(1, n + 1):
        signed = np.prod(points[:, :k], axis=1)[:, None] * points
        for bias in (-n - 1, -2, -1.5, -1, -0.5, 0, 0.5, 1, 2, n):
            enumerated = (points @ points.T > bias).astype(float) @ signed / len(points)
            np.testing.assert_allclose(uniform_gradient(points, k, bias), enumerated, rtol=0, atol=1e-15)


@pytest.mark.parametrize("k", range(1, 12))
def test_zigzag_networks_are_parities(k):
    points = cube(k)
    along, wanted = points.sum(axis=1) / k**0.5, np.prod(points, axis=1)
    network = zigzag(k)
    np.testing.assert_allclose(network(along), wanted, atol=1e-13)
    assert len(network.weights) == k + 2
    assert np.sum(np.abs(network.weights)) == pytest.approx(k**0.5 * (2 * k + 3))
    assert np.all(network.biases != 0) == (k % 2 == 1)
    assert np.abs(np.diff(network(np.linspace(-(k**0.5), k**0.5, 1001)))).max() <= k**0.5 * 2 * k**0.5 / 1000 * 1.001
    if k % 2:
        two_sided = positive_zigzag(k)
        np.testing.assert_allclose(two_sided(along) - two_sided(-along), wanted, atol=1e-13)
        assert two_sided(np.zeros(1)) == 0
        assert 2 * len(two_sided.weights) == k + 3
        assert 2 * np.sum(np.abs(two_sided.weights)) == pytest.approx(2 * k**0.5 * (k + 4))
        assert two_sided.biases.min() == pytest.approx(1 / (2 * k**0.5))


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize(
    ("blocks", "size", "noise"), [(1, 1, 3), (1, 3, 2), (3, 3, 0), (3, 3, 2), (1, 5, 1), (5, 1, 2)]
)
def test_structured_parities_have_the_stated_means_and_a_network_without_loss(blocks, size, noise, filled):
    found = structured(blocks, size, noise, filled=filled, copies=3, uniform=True)
    assert 0 < found.chance <= Fraction(1, 2 * blocks)
    mean = found.labels @ found.points / len(found.points)
    if size > 1 or not filled:  # the uniform part has mean 0 but for blocks of one sign
        beside = 0 if size > 1 or blocks > 1 else float(1 - 2 * blocks * found.chance)
        inside = 2 * float(found.chance * share(blocks, filled)) + beside
        if size > 1 or blocks == 1:
            np.testing.assert_allclose(mean, np.where(np.arange(len(mean)) < blocks * size, inside, 0.0), atol=1e-15)
    network = zigzag(size)
    along = found.points[:, : blocks * size].reshape(-1, blocks, size).sum(axis=2) / size**0.5
    two_sided = positive_zigzag(size)
    for output in (network(along), two_sided(along) - two_sided(-along)):
        # hinge loss 0: R5.4 and, with positive biases only, errata W1
        assert np.min(found.labels * output.sum(axis=1)) >= 1 - 1e-12
    np.testing.assert_array_equal(found.labels, block_labels(found.points, blocks, size))


# --- few directions of a Gaussian (R7b) -------------------------------------------------------------------------

X, U = sp.symbols("x_1:4", real=True), sp.symbols("u_1:4", real=True)
POLYNOMIALS = (X[0] * X[1], X[0] ** 2 - 1, X[0] ** 3 - 3 * X[0], X[0] ** 2 * X[1] - 2 * X[0] * X[1] + X[2] ** 3 + 1, sp.Integer(1), X[1])  # fmt: skip


@cache
def gradient_of(label):
    """The coordinates as functions of beta and u; those of the first polynomial are compiled."""
    found = polynomial_gradient(label, X, U)
    if label == POLYNOMIALS[0]:
        return [compile_kernel("gradient", (BETA, *U), one) for one in found]
    return [sp.lambdify((BETA, *U), one, "scipy") for one in found]


@pytest.mark.parametrize("beta", [-2.0, 0.0, 0.3, 3.0])
@pytest.mark.parametrize("label", POLYNOMIALS, ids=str)
def test_gradients_of_polynomials_are_their_gaussian_integrals(label, beta):
    """By Gauss-Hermite in coordinates turned so that u is the first one, along which panels end at the threshold."""
    direction = np.random.default_rng(3).standard_normal(3)
    direction /= np.linalg.norm(direction)
    frame = np.linalg.qr(np.column_stack([direction, np.eye(3)[:, :2]]))[0]
    frame[:, 0] = direction
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    half, panel = np.polynomial.legendre.leggauss(80)
    ends = (beta, 12.0)
    t = (ends[1] + ends[0]) / 2 + (ends[1] - ends[0]) / 2 * half
    density = panel * (ends[1] - ends[0]) / 2 * np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)
    grid = np.stack(np.meshgrid(t, nodes, nodes, indexing="ij"), axis=-1) @ frame.T
    mass = density[:, None, None] * weights[:, None] * weights / (2 * np.pi)
    value = np.broadcast_to(sp.lambdify(X, label)(*np.moveaxis(grid, -1, 0)), mass.shape)
    integral = np.einsum("abc,abc,abcd->d", mass, value, grid)
    closed = [one(beta, *direction) for one in gradient_of(label)]
    np.testing.assert_allclose(closed, integral, atol=1e-12)


def test_gradients_of_polynomials_agree_with_samples():
    rng = np.random.default_rng(5)
    direction = rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    inputs = rng.standard_normal((SAMPLES, 3))
    label = POLYNOMIALS[3]
    value = sp.lambdify(X, label)(*inputs.T)[:, None] * inputs * (inputs @ direction > 0.3)[:, None]
    closed = np.array([one(0.3, *direction) for one in gradient_of(label)])
    assert np.abs(z_scores(value, closed)).max() < MOST_Z
    assert np.abs(z_scores(value, 1.5 * closed)).max() > MOST_Z


@pytest.mark.parametrize("k", range(1, 7))
def test_threshold_coefficients_of_hermite_polynomials(k):
    density = sp.exp(-(BETA**2) / 2) / sp.sqrt(2 * sp.pi)
    assert sp.simplify(threshold_hermite(k) - density * sp.hermite_prob(k - 1, BETA)) == 0


def test_a_quadratic_of_two_directions_has_its_gradient_in_their_span_up_to_the_neuron():
    """C_0 = C_1 = 0: G = pdf(beta) (H u + u He_2(beta) u'Hu/2), to all orders for a quadratic."""
    label = X[0] * X[1]
    hessian = sp.Matrix(3, 3, lambda i, j: sp.diff(label, X[i], X[j]))
    u = sp.Matrix(U)
    density = sp.exp(-(BETA**2) / 2) / sp.sqrt(2 * sp.pi)
    stated = density * (hessian * u + u * (BETA**2 - 1) / 2 * (u.T * hessian * u)[0])
    assert all(sp.simplify(one - other) == 0 for one, other in zip(polynomial_gradient(label, X, U), stated, strict=True))  # fmt: skip
