"""More textbook results (:mod:`.textbook`): tails above the mean, caps of a sphere, a chance from two moments."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck.proof import Proof
from theorycheck.proof_steps import cited
from theorycheck.statement import Bound
from theorycheck.textbook import (
    angle,
    both,
    chance,
    count,
    entry,
    excess,
    expected,
    first,
    lipschitz,
    mean,
    root_mean,
    second,
    size,
)


def _count_above(seed: int) -> Mapping[sp.Symbol, float]:
    """A binomial count at random, or one with rare successes."""
    rng = np.random.default_rng(seed)
    m, p, times = int(rng.integers(1, 60)), float(rng.uniform(0, 0.5)), float(rng.uniform(0.5, 4))
    return {
        chance: float(stats.binom.sf(np.ceil(times * m * p) - 1, m, p)), expected: m * p, first: times * m * p,
        angle: float(rng.exponential(1)),
    }  # fmt: skip


LAPLACE_ABOVE = entry(
    "Laplace transform, above", {},
    cited("Laplace", "P(S >= A) <= exp(mu (exp(theta) - 1) - theta A), S a sum of independent indicators with mean at most mu", Bound(chance, sp.exp(expected * (sp.exp(angle) - 1) - angle * first)), "Boucheron, Lugosi, Massart, Concentration Inequalities (2013), section 2.2", _count_above),
)  # fmt: skip


def _chi_squared(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    k, y = float(rng.choice([0.5, 1, 2, 10, 1000])), float(rng.exponential(4))
    return {chance: float(stats.chi2.sf(k + 2 * np.sqrt(k * y) + 2 * y, k)), count: k, excess: y}


CHI_SQUARED = entry(
    "chi-squared", {},
    cited("Laurent, Massart", "P(chi^2_M >= M + 2 sqrt(M u) + 2 u) <= exp(-u)", Bound(chance, sp.exp(-excess)), "Laurent, Massart, Annals of Statistics 28 (2000), Lemma 1", _chi_squared),
)  # fmt: skip


def _sign_norm(seed: int) -> Mapping[sp.Symbol, float]:
    """|V a| for random signs a: all cases counted."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((int(rng.integers(1, 4)), int(rng.integers(1, 9)))) * rng.exponential(1, 1)
    sizes = np.linalg.norm(np.array(list(product((-1, 1), repeat=vectors.shape[1]))) @ vectors.T, axis=1)
    size, above = float(np.linalg.norm(vectors)), float(rng.exponential(0.7))
    return {chance: float(np.mean(sizes >= sizes.mean() + above * size)), lipschitz: size, excess: above * size}


SIGN_NORM = entry(
    "norm of random signs", {},
    cited("bounded differences", "P(|V a| >= E |V a| + u) <= exp(-u^2/(2 |V|_F^2)): a sign changes |V a| by at most 2 |v_j|", Bound(chance, sp.exp(-(excess**2) / (2 * lipschitz**2))), "Boucheron, Lugosi, Massart, Concentration Inequalities (2013), Theorem 6.2", _sign_norm),
)  # fmt: skip


def _cap(seed: int) -> Mapping[sp.Symbol, float]:
    """The exact chance that a coordinate of a point on the sphere is at least some number."""
    rng = np.random.default_rng(seed)
    d, above = int(rng.choice([1, 2, 3, 10, 300])), float(rng.uniform(0, 1.1)) * float(rng.choice([1, 0.1]))
    square = float(stats.beta.sf(above**2, 0.5, (d - 1) / 2)) if d > 1 else float(above <= 1)
    return {chance: square / 2, count: d, first: above}


CAP = entry(
    "spherical cap", {},
    cited("cap", "P(u . e >= r) <= exp(-M r^2/2), u uniform on the unit sphere in M dimensions", Bound(chance, sp.exp(-count * first**2 / 2)), "K. Ball, An elementary introduction to modern convex geometry (1997), Lemma 2.2", _cap),
)  # fmt: skip


def _norm(seed: int) -> Mapping[sp.Symbol, float]:
    """E |G| for one row: the mean of a chi variable; for two: the density of both eigenvalues of G G', on a grid."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 20))
    if seed % 2:
        return {mean: float(stats.chi.mean(d)), size: 1, count: d}
    grid = np.linspace(0, (np.sqrt(d) + 7) ** 2, 1200) + 1e-6
    # l_1 > l_2 have a density in proportion to (l_1 l_2)^((d - 3)/2) exp(-(l_1 + l_2)/2) (l_1 - l_2)
    one = np.exp((d - 3) / 2 * np.log(grid) - grid / 2 - (d - 3) / 2 * np.log(d))
    density = np.outer(one, one) * np.maximum(grid[:, None] - grid[None, :], 0)
    return {mean: float(np.sqrt(grid) @ density.sum(axis=1) / density.sum()), size: 2, count: d}


NORM = entry(
    "norm of a Gaussian matrix", {},
    cited("Gordon", "E |G| <= sqrt n + sqrt M, G of n rows and M columns, standard normal", Bound(mean, sp.sqrt(size) + sp.sqrt(count)), "Davidson, Szarek, Handbook of the Geometry of Banach Spaces 1 (2001), Theorem II.13", _norm, count=16),
)  # fmt: skip


def _product(seed: int) -> Mapping[sp.Symbol, float]:
    """Two vectors, now and then parallel, and their inner product."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, int(rng.integers(1, 5)))) * 10 ** rng.uniform(-2, 2, (2, 1))
    b = a * rng.normal() if seed % 3 == 0 else b
    return {both: float(abs(a @ b)), first: float(np.linalg.norm(a)), second: float(np.linalg.norm(b))}


CAUCHY = entry(
    "Cauchy and Schwarz", {},
    cited("Cauchy and Schwarz", "|<a, b>| <= |a| |b|", Bound(both, first * second), "Rudin, Principles of Mathematical Analysis, Theorem 1.35", _product),
)  # fmt: skip


def _signs_above(seed: int) -> Mapping[sp.Symbol, float]:
    """A sum of random signs with squared weights that add up to 1, on one side: all cases counted."""
    rng = np.random.default_rng(seed)
    weights = np.sqrt(rng.dirichlet(np.full(rng.integers(1, 9), 0.7)))
    sums = np.array(list(product((-1, 1), repeat=len(weights)))) @ weights
    bar = float(rng.choice([rng.exponential(1), sums.max() - 1e-12]))
    return {chance: float(np.mean(sums >= bar)), excess: bar}


SIGNS_ABOVE = entry(
    "random signs, one side", {},
    cited("Hoeffding", "P(sum v_j a_j >= u) <= exp(-u^2/2), |v| = 1", Bound(chance, sp.exp(-(excess**2) / 2)), "Hoeffding, JASA 58 (1963), Theorem 2", _signs_above),
)  # fmt: skip


def _mean_above(seed: int) -> Mapping[sp.Symbol, float]:
    """The mean of M independent variables that are 0 or L: each changes it by L/M."""
    rng = np.random.default_rng(seed)
    m, p, length, above = int(rng.integers(1, 60)), float(rng.uniform(0, 1)), float(rng.exponential(2)), float(rng.uniform(0, 0.6))  # fmt: skip
    return {
        chance: float(stats.binom.sf(np.ceil(m * (p + above)) - 1, m, p)), count: m, excess: length * above,
        lipschitz: length,
    }  # fmt: skip


BOUNDED_DIFFERENCES = entry(
    "bounded differences", {},
    cited("McDiarmid", "P(F >= E F + u) <= exp(-2 M u^2/L^2), F a function of M independent variables, each of which changes it by at most L/M", Bound(chance, sp.exp(-2 * count * excess**2 / lipschitz**2)), "Boucheron, Lugosi, Massart, Concentration Inequalities (2013), Theorem 6.2", _mean_above),
)  # fmt: skip


def _uniform(seed: int) -> Mapping[sp.Symbol, float]:
    """Logistic losses of one feature, two or three points: all samples counted, the supremum taken over a grid."""
    rng = np.random.default_rng(seed)
    points, m = int(rng.integers(2, 4)), int(rng.integers(1, 5))
    signed, radius = rng.choice([-1.0, 1.0], points) * rng.uniform(0.2, 1, points), float(10 ** rng.uniform(-1, 1))
    losses = np.logaddexp(0, -np.outer(np.linspace(-radius, radius, 41), signed))
    samples = np.array(list(product(range(points), repeat=m)))
    gaps = losses.mean(axis=1)[:, None] - losses[:, samples].mean(axis=2)
    return {mean: float(gaps.max(axis=0).mean()), first: radius, second: float(np.abs(signed).max()), count: m}


UNIFORM = entry(
    "uniform convergence", {},
    cited("Rademacher", "E sup (E l(<a, x>) - its mean over M samples) <= 2 R C/M^(1/2), |a| <= R, |x| <= C, l 1-Lipschitz", Bound(mean, 2 * first * second / sp.sqrt(count)), "Mohri, Rostamizadeh, Talwalkar, Foundations of Machine Learning (2018), proof of Theorem 3.3, Lemma 5.7 and Theorem 5.10", _uniform),
)  # fmt: skip


def _half_mean(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the chance that a nonnegative variable reaches half its mean, for random laws and rare large values."""
    rng = np.random.default_rng(seed)
    values, weights = rng.exponential(1, 5) ** 3, rng.dirichlet(np.full(5, 0.3))
    if seed % 2:  # one large value, rarely: nearly equal for a chance of 1/4 and less
        values, weights = np.array([0.0, 1.0]), np.array([1.0, 0.0]) + rng.uniform() * np.array([-1.0, 1.0])
    mass = float(weights @ values)
    return {chance: float(weights[values >= mass / 2].sum()), mean: mass, root_mean: float(weights @ values**2)}


PALEY_ZYGMUND = entry(
    "Paley and Zygmund", {},
    cited("Paley, Zygmund", "(E T)^2 <= 4 P(T >= E T/2) E T^2 for T >= 0", Bound(mean**2, 4 * chance * root_mean), "Kallenberg, Foundations of Modern Probability, 2nd ed. (2002), Lemma 4.1", _half_mean),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (
    LAPLACE_ABOVE, CHI_SQUARED, SIGN_NORM, CAP, NORM, CAUCHY, SIGNS_ABOVE, BOUNDED_DIFFERENCES, UNIFORM, PALEY_ZYGMUND,
)  # fmt: skip
