"""Proofs for Gaussian mixtures (shi2023, R3): a neuron that sees one component has its mean as the gradient, up to eps_kappa."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from scipy.special import ndtr

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, define, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023.gaussians import isotropic, simplified_gradient

#: what R2's gates lose of the mean seen and let through of the others, and what their densities add
gates, densities = sp.symbols("G_gates G_dens", nonnegative=True)
_y = sp.Symbol("y", nonnegative=True)
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
        x.kappa: max(float(kappa), 0.0) if kappa < 6 else np.nan, gates: lost, densities: added, x.off: float(np.linalg.norm(gradient - mean)),
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
    sampled("gates", "Phi(-alpha_j) and all other Phi(alpha_i) are at most Phi(-kappa)", Bound(gates, _TAIL * x.mean_size), _neuron, _SEEN),
    sampled("densities", "the density falls, and all |alpha_i| are at least kappa >= 0", Bound(densities, _DENSITY), _neuron, _SEEN),
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


def _angle(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    vector, other = rng.standard_normal((2, 3)) * 10 ** rng.uniform(-2, 1, (2, 1))
    near = vector + other
    lengths = np.linalg.norm(near), np.linalg.norm(vector)
    return {
        x.length: float(lengths[0]), x.target: float(lengths[1]), x.off: float(np.linalg.norm(other)),
        x.cosine: float(abs(near @ vector) / lengths[0] / lengths[1]),
    }  # fmt: skip


q = sp.Symbol("q", nonnegative=True)
_ROOT = x.cosine_of(x.ERROR)
_L, _T = x.length, x.target


def _clear(seed: int) -> Mapping[sp.Symbol, float]:
    """eps_kappa below |v|, often almost as large."""
    rng = np.random.default_rng(seed)
    margin, size, spread = rng.exponential(1), rng.exponential(1), rng.exponential(1)
    error = ndtr(-margin) * size + np.exp(-(margin**2) / 2) / np.sqrt(2 * np.pi) * spread
    target = error * (1 + 10 ** rng.uniform(-3, 2))
    return {x.kappa: margin, x.mean_size: size, x.deviation: spread, _T: target, q: np.sqrt(1 - (error / target) ** 2)}


COSINE = of_claim(
    x.MIXTURE, "cosine", _NEAR,
    apply("length", "G is long", of_card(x.MIXTURE, "length"), {}, {"one component seen": _SEEN, "clear": _CLEAR}),
    combine("v", "v is not 0", Bound(sp.S.Zero, _T, strict=True), {_CLEAR: 1, "near": 1, REST: x.off}),
    combine("G", "nor is G", Bound(sp.S.Zero, _L, strict=True), {"length": 1, _CLEAR: 1}),
    define("q", "the cosine promised", q, _ROOT, "v"),
    monotone("squares", "what is off, squared", Bound(x.off**2, x.ERROR**2), "near", sp.Lambda(_y, _y**2)),
    sampled("right triangle", "|v|^2 q^2 is |v|^2 - eps^2 where eps < |v|", Bound(_T**2 * q**2, _T**2 - x.ERROR**2), _clear, _CLEAR, "q"),
    sampled("law of cosines", "of the triangle of G, v and what is off", Bound(_L**2 + _T**2 - x.off**2, 2 * _L * _T * x.cosine), _angle),
    combine("means", "arithmetic and geometric", Bound(2 * _L * _T * q, _L**2 + _T**2 * q**2), {REST: (_L - _T * q) ** 2}),
    combine("times 2 |G| |v|", "added", Bound(2 * _L * _T * q, 2 * _L * _T * x.cosine), {"means": 1, "law of cosines": 1, "squares": 1, "right triangle": 1}),
    combine("divided", "by 2 |G| |v|", Bound(q, x.cosine), {"times 2 |G| |v|": 1 / (2 * _L * _T), "v": 0, "G": 0}),
    combine("together", "which is what is promised", _CLAIMS["cosine"], {"divided": 1, "q": -1}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (NEAR, LENGTH, COSINE)
