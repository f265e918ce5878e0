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
from theorycheck.textbook import angle, chance, count, entry, excess, expected, first, lipschitz, mean, root_mean, size


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

PROOFS: tuple[Proof, ...] = (LAPLACE_ABOVE, CHI_SQUARED, SIGN_NORM, CAP, NORM, PALEY_ZYGMUND)
