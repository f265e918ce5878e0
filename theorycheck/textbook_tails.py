"""More textbook results (:mod:`.textbook`): tails above the mean, of counts, chi-squared variables and norms of random signs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck.proof import Proof
from theorycheck.proof_steps import cited
from theorycheck.statement import Bound
from theorycheck.textbook import angle, chance, count, entry, excess, expected, first, lipschitz


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

PROOFS: tuple[Proof, ...] = (LAPLACE_ABOVE, CHI_SQUARED, SIGN_NORM)
