"""Proofs for Gaussian mixtures (shi2023, R3): a neuron that sees one component has its mean as the gradient, up to eps_kappa."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from _shi2023_angles import ANGLE, error
from scipy.special import ndtr

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.symbolic.gaussian import MU, MV, QU, QV, RHO
from theorycheck.symbolic.population import DENSITY, GATE, GATED
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023.gaussians import isotropic, simplified_gradient

#: what R2's gates lose of the mean seen and let through of the others, and what their densities add
gates, densities = sp.symbols("G_gates G_dens", nonnegative=True)
_y, _z = sp.Symbol("y", nonnegative=True), sp.Symbol("z", real=True)
#: of one component: alpha_j of the one that is seen, or -alpha_i
alpha_1 = sp.Symbol("alpha", real=True)
_CLAIMS = {claim.label: claim.bound for claim in x.MIXTURE.claims}
_SEEN, _CLEAR = (f"{GIVEN}{part.label}" for part in x.MIXTURE.assumptions)
_TAIL, _DENSITY = x.ERROR.coeff(x.mean_size), x.ERROR.subs(x.mean_size, 0)


def _parts(means: np.ndarray, sigmas: np.ndarray, chances: np.ndarray, alpha: np.ndarray) -> tuple[float, float]:
    own = int(np.argmax(alpha))
    wrong = np.where(np.arange(len(alpha)) == own, ndtr(-alpha), ndtr(alpha))
    density = np.exp(-(alpha**2) / 2) / np.sqrt(2 * np.pi)
    return float(chances @ (np.linalg.norm(means, axis=1) * wrong)), float(chances @ (sigmas * density))


def _neuron(seed: int) -> Mapping[sp.Symbol, float]:
    """A mixture and a neuron that sees one component, now and then alone, at right angles to its mean, or all but blind."""
    rng = np.random.default_rng(seed)
    r, d = int(rng.integers(1, 4)), int(rng.integers(2, 5))
    means, sigmas = rng.standard_normal((r, d)) * 10 ** rng.uniform(-1, 1), 10 ** rng.uniform(-1.5, 0.5, r)
    chances, labels = rng.dirichlet(np.ones(r)), rng.choice([-1.0, 1.0], r)
    weight = rng.standard_normal(d)
    if seed % 3 == 0:
        weight = weight - means[0] * (weight @ means[0]) / (means[0] @ means[0])
    margin = float(rng.exponential(1.5)) * (seed % 4 > 0)
    bias = x.middle_bias(means, sigmas, weight, margin)
    alpha = (means @ weight - bias) / (sigmas * np.linalg.norm(weight))
    own = int(np.argmax(alpha))
    kappa = min(alpha[own], *(-alpha[i] for i in range(r) if i != own)) if r > 1 else alpha[own]
    gradient = simplified_gradient(isotropic(means, sigmas, chances, labels), weight[None], np.array([bias]))[0]
    mean = chances[own] * labels[own] * means[own]
    lost, added = _parts(means, sigmas, chances, alpha)
    return {
        # beyond that the tails are below rounding
        x.kappa: max(float(kappa), 0.0) if kappa < 6 else np.nan, alpha_1: float(alpha[own] if seed % 2 or r == 1 else -np.delete(alpha, own)[0]), gates: lost, densities: added, x.off: float(np.linalg.norm(gradient - mean)),
        x.mean_size: float(chances @ np.linalg.norm(means, axis=1)), x.deviation: float(chances @ sigmas),
    }  # fmt: skip


def _measured(index: int) -> Quantity:
    def read(run: Run) -> Measured:
        own: Instance = run.instance
        law = x.law_of(own)
        sigmas = np.sqrt(law.covariances[:, 0, 0])
        alpha = (own.weights @ law.means.T - own.biases[:, None]) / (
            np.linalg.norm(own.weights, axis=1)[:, None] * sigmas
        )  # type: ignore[index]
        values = [_parts(law.means, sigmas, law.chances, one)[index] for one in alpha]
        return Measured(values, 1e-12 * np.abs(values))

    return Quantity((gates, densities)[index], "what the gates lose and let through" if index == 0 else "what their densities add", read)  # fmt: skip


NEAR = of_claim(
    x.MIXTURE, "near",
    sampled("subtract", "R2 less p_j y_j mu_j, term by term: |y| = 1 and unit directions", Bound(x.off, gates + densities), _neuron),
    sampled("margin", "kappa is the least of alpha_j and of all other -alpha_i", Bound(x.kappa, alpha_1), _neuron),
    monotone("tail", "the tail falls", Bound(x.error_of(alpha_1).coeff(x.mean_size), _TAIL), "margin", sp.Lambda(_z, x.error_of(_z).coeff(x.mean_size))),
    monotone("density", "and so does the density, as kappa >= 0", Bound(x.error_of(alpha_1).subs(x.mean_size, 0), _DENSITY), "margin", sp.Lambda(_y, x.error_of(_y).subs(x.mean_size, 0)), _SEEN),
    sampled("gates", "so Phi(-alpha_j) and all other Phi(alpha_i), in the mean", Bound(gates, _TAIL * x.mean_size), _neuron, "tail", _SEEN),
    sampled("densities", "and all densities", Bound(densities, _DENSITY), _neuron, "density", _SEEN),
    combine("both", "added", Bound(gates + densities, x.ERROR), {"gates": 1, "densities": 1}),
    combine("together", "one after the other", _CLAIMS["near"], {"subtract": 1, "both": 1}),
    chain=("subtract", "both"), quantities=(_measured(0), _measured(1)),
)  # fmt: skip

_NEAR = apply("near", "G is near p_j y_j mu_j", of_card(x.MIXTURE, "near"), {}, {"one component seen": _SEEN})
LENGTH = of_claim(
    x.MIXTURE, "length", _NEAR,
    apply("triangle", "p_j y_j mu_j is G and what is off", textbook.TRIANGLE.lemma, {textbook.first: x.length, textbook.second: x.off, textbook.both: x.target}, {}),
    combine("together", "one after the other", _CLAIMS["length"], {"near": 1, "triangle": 1}),
    chain=("together",),
)  # fmt: skip


COSINE = of_claim(
    x.MIXTURE, "cosine", _NEAR,
    apply("together", "a vector that is off by less than its length", ANGLE.lemma, {error: x.ERROR}, {"near": "near", "clear": _CLEAR}),
    chain=("together",),
)  # fmt: skip

# --- R2: the closed form ------------------------------------------------------------------------------------

_G1, _G2 = (limits[0] for limits in GATED.definition.limits)
_a, _p, _q = sp.symbols("a p q", real=True)


def _normal(g: sp.Symbol) -> sp.Expr:
    return sp.exp(-(g**2) / 2) / sp.sqrt(2 * sp.pi)


def _at(moment: sp.Expr) -> sp.Expr:
    """Return a factor of R2 for a pre-activation with mean a and variance 1."""
    return moment.subs({MU: _a, QU: 1})


@lru_cache(maxsize=32)
def _any_neuron(seed: int) -> Mapping[sp.Symbol, float]:
    """A neuron anywhere, and its gradient along itself by quadrature of the definition."""
    kind, aim = ("orthogonal", "any", "opposite", "equal")[seed % 4], ("across", "mean", "any", "near")[seed // 4 % 4]
    rng = np.random.default_rng(seed)
    own = x._hard(kind, 1 + seed % 3, (aim, float(rng.exponential(1))), (float(10 ** rng.uniform(-1, 0.5)), 0.3), seed)
    run = Run(own)
    return {part.symbol: float(np.ravel(part.measure(run).value)[0]) for part in x.MIXTURE.quantities if part.symbol in (x.length, x.whole)}  # fmt: skip


_MEAN, _SIDE = MV + sp.sqrt(QV) * RHO * _G1, sp.sqrt(QV) * sp.sqrt(1 - RHO**2)
_FORMULA = (
    identity("law", "what is integrated: a coordinate is a + b g_2, given g_1", GATED.definition.function, (_MEAN + _SIDE * _G2) * _normal(_G1) * _normal(_G2)),
    identity("regression", "so its mean given g_1 is a: m_v + rho sqrt(q_v) g_1", sp.Integral((_p + _q * _G2) * _normal(_G2), (_G2, -sp.oo, sp.oo)), _p),
    identity("gate", "P(g_1 > -a)", sp.Integral(_normal(_G1), (_G1, 0, sp.oo)) + sp.Integral(_normal(_G1), (_G1, 0, _a)), _at(GATE)),
    identity("density", "E g_1 1{g_1 > -a}", sp.Integral(_G1 * _normal(_G1), (_G1, 0, sp.oo)) + sp.Integral(_G1 * _normal(_G1), (_G1, -_a, 0)), _at(DENSITY)),
    identity("together for one", "the closed form, with a = m_u/sqrt(q_u)", sum(factor * _at(moment).subs(_a, MU / sp.sqrt(QU)) for factor, moment in ((MV, GATE), (RHO * sp.sqrt(QV), DENSITY))), GATED.closed_form),
)  # fmt: skip
_NAMES = tuple(step.label for step in _FORMULA)
DEFINITION = of_claim(
    x.MIXTURE, "definition", *_FORMULA,
    sampled("components", "so G, summed over components, is as long as the integrals along G/|G|", Bound(x.length, x.whole), _any_neuron, *_NAMES, count=16),
    combine("together", "with room for rounding", _CLAIMS["definition"], {"components": 1, REST: x.TAU * x.length}),
    chain=("together",),
)  # fmt: skip
CLOSED = of_claim(
    x.MIXTURE, "closed form", *_FORMULA,
    sampled("components", "so G, summed over components, is as long as the integrals along G/|G|", Bound(x.whole, x.length), _any_neuron, *_NAMES, count=16),
    combine("together", "with room for rounding", _CLAIMS["closed form"], {"components": 1, REST: x.TAU * x.length}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (DEFINITION, CLOSED, NEAR, LENGTH, COSINE)
