"""Proofs of R4 (shi2023): the hinge loss of one neuron for each component, cluster by cluster."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from scipy.special import ndtr

from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, combine, monotone, sampled
from theorycheck.statement import Bound, Quantity
from theorycheck.symbolic.gaussian import MU, QU
from theorycheck.symbolic.population import GATE
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023 import truth_mixture as t

#: P(own neuron is less than 1/c above its bias), c sum E max(., 0) and sum P(> 0) of neurons of the other label
below, harm, others = sp.symbols("P_below E_others P_others", nonnegative=True)
#: of one component: its own neuron's mean height above 1/c, another's below 0, and the deviation of both
above, under = sp.symbols("h_own h_other", real=True)
sigma = sp.Symbol("sigma_i", positive=True)
_z = sp.Symbol("z", real=True)
_CLAIMS = {claim.label: claim.bound for claim in t.TRUTH_MIXTURE.claims}
_LABELS, _OWN, _SILENT = (f"{GIVEN}{part.label}" for part in t.TRUTH_MIXTURE.assumptions)


def _exact(own: Instance) -> Mapping[sp.Symbol, float]:
    """Means over the components of Gaussian chances: heights of neuron j on component i are N(<D_j, mu_i> - h, sigma_i^2)."""
    law = x.law_of(own)
    sigmas = np.sqrt(law.covariances[:, 0, 0])[:, None]
    alpha = (law.means @ own.weights.T - own.parameters["h"]) / sigmas
    against = law.labels[:, None] != law.labels
    mean = sigmas * (alpha * ndtr(alpha) + np.exp(-(alpha**2) / 2) / np.sqrt(2 * np.pi))
    short = ndtr(1 / (own.parameters["c"] * sigmas[:, 0]) - np.diag(alpha))
    return {
        below: float(law.chances @ short), harm: own.parameters["c"] * float(law.chances @ np.sum(against * mean, axis=1)),
        others: float(law.chances @ np.sum(against * ndtr(alpha), axis=1)),
    }  # fmt: skip


def _component(own: Instance, seed: int) -> Mapping[sp.Symbol, float]:
    """Mean heights on one of the components, of its own neuron and of the highest with the other label."""
    law, i = x.law_of(own), seed % own.n
    heights = own.weights @ law.means[i] - own.parameters["h"]
    against = np.where(law.labels != law.labels[i], heights, -np.inf)
    return {
        above: float(heights[i] - 1 / own.parameters["c"]), under: float(-against.max()), sigma: float(np.sqrt(law.covariances[i, 0, 0])),
    }  # fmt: skip


@lru_cache(maxsize=64)
def _allowed(seed: int) -> Mapping[sp.Symbol, float]:
    """A mixture for which the premises hold, often just so; what they say nothing about is left open."""
    rng = np.random.default_rng(seed)
    sigma = (float(rng.choice([1.9, 0.7, 0.1])), float(rng.uniform(0.2, 1)))
    made = t._hard(("orthogonal", "opposite", "any")[seed % 3], 1 + seed % 4, sigma, float(rng.uniform(-0.5, 2.5)), 0.0, seed)  # fmt: skip
    run = Run(made)
    read = {part.symbol: part.measure for part in t.TRUTH_MIXTURE.quantities if part.symbol not in (t.hinge, t.wrong)}
    found = {symbol: float(measure(run).value) for symbol, measure in read.items()}
    found |= _component(made, seed)
    good = min(found[t.near], found[t.far]) >= 0
    return found | (dict(_exact(made)) if good else dict.fromkeys((below, harm, others), np.nan))


@lru_cache(maxsize=64)
def _points(seed: int) -> Mapping[sp.Symbol, float]:
    """The inequalities hold sample by sample, so under any law: here the uniform one on a few."""
    rng = np.random.default_rng(seed)
    made = t._hard("any", 1 + seed % 4, (0.7, 1.0), 1.0, float(rng.uniform(0.2, 5)), seed)
    inputs, labels = made.inputs + rng.standard_normal(made.inputs.shape), made.labels
    heights = np.maximum(inputs @ made.weights.T - s.biases_of(made), 0.0)
    signed, c = labels * (heights @ made.signs), made.parameters["c"]
    against = labels[:, None] != labels
    own = np.diag(heights)
    return {
        t.hinge: float(np.mean(np.maximum(0, 1 - signed))), t.wrong: float(np.mean(signed <= 0)),
        below: float(np.mean(own < 1 / c)), harm: c * float(np.mean(np.sum(against * heights, axis=1))),
        others: float(np.mean(np.sum(against * (heights > 0), axis=1))),
    }  # fmt: skip


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = _exact(run.instance)[symbol]
        return Measured(value, 1e-10 * abs(value) + 1e-14)

    return Quantity(symbol, says, read)


_HARM = t.HINGE - t.TAIL
_REST = (t.components - 1) * t.TAIL
_MEASURED = (
    _measure(below, "chance that the own neuron is less than 1/c above its bias"),
    _measure(harm, "c times the mean height of neurons of the other label"),
    _measure(others, "chance that neurons of the other label fire, added"),
)


def _tail(label: str, least: sp.Symbol, height: sp.Expr, given: str) -> tuple[Step, ...]:
    """Steps to ``Phi(-height/sigma) <= Phi(-kappa)`` for one component from the least room over all."""
    return (
        sampled(f"{label}: room", "the least room is at most that on one component", Bound(least + t.kappa * sigma, height), _allowed),
        combine(f"{label}: margin", "so this is kappa deviations at least", Bound(t.kappa, height / sigma), {f"{label}: room": 1 / sigma, given: 1 / sigma}),
        monotone(f"{label}: tail", "and the tail falls", Bound(GATE.subs({MU: -height / sigma, QU: 1}), t.TAIL), f"{label}: margin", sp.Lambda(_z, GATE.subs({MU: -_z, QU: 1}))),
    )  # fmt: skip


_BELOW = (
    *_tail("own", t.near, above, _OWN),
    sampled("own", "as it is on every component, so it is in the mean", Bound(below, t.TAIL), _allowed, "own: tail", _OWN),
)  # fmt: skip
HINGE = of_claim(
    t.TRUTH_MIXTURE, "hinge",
    sampled("sample by sample", "(1 - y f*)_+ is at most 1 where the own neuron is short, and c max(., 0) for each of the others", Bound(t.hinge, below + harm), _points, _LABELS),
    *_BELOW,
    sampled("others", "they are kappa sigma_i below their bias in the mean: E max(sigma Z - kappa sigma, 0)", Bound(harm, _HARM), _allowed, _SILENT),
    combine("both", "added", Bound(below + harm, t.HINGE), {"own": 1, "others": 1}),
    combine("together", "one after the other", _CLAIMS["hinge"], {"sample by sample": 1, "both": 1}),
    chain=("sample by sample", "both"), quantities=_MEASURED[:2],
)  # fmt: skip
SIGNS = of_claim(
    t.TRUTH_MIXTURE, "signs",
    sampled("sample by sample", "a sign is wrong only if the own neuron is short or another fires", Bound(t.wrong, below + others), _points, _LABELS),
    *_BELOW, *_tail("others", t.far, under, _SILENT),
    sampled("others", "of at most r - 1 components each", Bound(others, _REST), _allowed, "others: tail", _SILENT),
    combine("both", "added", Bound(below + others, t.WRONG), {"own": 1, "others": 1}),
    combine("together", "one after the other", _CLAIMS["signs"], {"sample by sample": 1, "both": 1}),
    chain=("sample by sample", "both"), quantities=(_MEASURED[0], _MEASURED[2]),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (HINGE, SIGNS)
