"""Proof of Prop R7 (vi) (caron2023, section 3.5, errata W1): the tangent Gram of a ReLU network moves."""

from __future__ import annotations

from collections.abc import Mapping

import _caron2023_chances as ch
import _caron2023_lemmas as of
import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import apply, combine, define, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import gram_movement as gm
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.movement import time

_y = sp.Symbol("y", positive=True)
left = sp.Symbol("ell", positive=True)  # at most 1 - t s_X/d
own, rest = sp.symbols("rho Q", nonnegative=True)  # |r_0|, and without what two nodes add along x_i
rest_square = sp.Symbol("E_Q", nonnegative=True)
pair_scale = sp.Symbol("lambda_{1j}", nonnegative=True)  # lambda_1 + lambda_j
_r1, _r2 = sp.symbols("rho_1 rho_2", nonnegative=True)

# --- the residual does not depend on two components --------------------------------------------------------


def _without(seed: int) -> Mapping[sp.Symbol, float]:
    """Return ``|r_0|`` and the same with ``w_01 . x_i = w_02 . x_i = 0``, where both gates can flip by time t."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    m += 1
    inputs, scales = of.inputs_of(rng, n, d), rng.dirichlet(np.full(m, 0.5))
    weights, signs, labels = rng.standard_normal((m, d)), rng.choice([-1.0, 1.0], m), rng.standard_normal(n)
    unit = inputs[0] / np.linalg.norm(inputs[0])
    spectral = np.linalg.norm(inputs, 2) ** 2
    end = d / spectral * rng.uniform(0.01, 0.99)
    weights[:2] -= np.outer(weights[:2] @ unit, unit)

    def size(along: np.ndarray) -> float:
        moved = weights.copy()
        moved[:2] += along[:, None] * unit
        return float(
            np.linalg.norm(labels - np.maximum(moved @ inputs.T / np.sqrt(d), 0).T @ (signs * np.sqrt(scales)))
        )

    along = rng.choice([-1, 1], 2) * 1e3
    while np.any(np.abs(along) > end * np.sqrt(scales[:2] * spectral / d) * size(along)):
        along = along / 1.5
    return {own: size(along), rest: size(np.zeros(2)), time: end, s.s_X: spectral, s.d: d, pair_scale: scales[:2].sum()}


_OPEN = {"left": Bound(left, 1 - time * s.s_X / s.d)}
WITHOUT = of.lemma(
    "a residual without two components", _OPEN,
    sampled("Lipschitz", "|r_0| <= Q + sqrt(s_X/d) (sqrt(lambda_1) |N_1| + sqrt(lambda_j) |N_j|), and |N_j| <= t sqrt(lambda_j s_X/d) |r_0| for a gate that can flip", Bound(own, rest + time * s.s_X / s.d * pair_scale * own), _without),
    sampled("scales", "two scales add up to 1 at most", Bound(pair_scale, sp.S.One), _without),
    combine("solved", "so |r_0| (1 - t s_X/d) <= Q", Bound(own * left, rest), {"Lipschitz": 1, "scales": time * s.s_X / s.d * own, "left": own}),
)  # fmt: skip

_ROOT = sp.sqrt(2 / sp.pi)
BAND = of.lemma("one band", {}, *ch.BAND[:-1])
(_rho,) = BAND.goal.symbols
_x = sp.Symbol("x", nonnegative=True)
_P1, _P2 = (sp.erf(one / sp.sqrt(2)) for one in (_r1, _r2))
BANDS = of.lemma(
    "two bands", {},
    apply("first", "of the first node", BAND.lemma, {_rho: _r1}, {}),
    apply("second", "of another node", BAND.lemma, {_rho: _r2}, {}),
    combine("radius", "is nonnegative", Bound(sp.S.Zero, _r1), {REST: _r1}),
    monotone("chance", "is nonnegative", Bound(sp.S.Zero, _P1), "radius", sp.Lambda(_x, sp.erf(_x / sp.sqrt(2)))),
    combine("both", "independent components: the chances are multiplied", Bound(_P1 * _P2, 2 / sp.pi * _r1 * _r2), {"first": _ROOT * _r2, "second": _P1, "chance": 0}),
)  # fmt: skip


# --- both gates flip -------------------------------------------------------------------------------------------


def _both(seed: int) -> Mapping[sp.Symbol, float]:
    """Two nodes, one sample on the sphere: the chance that both gates can flip, on a grid; Q is the label."""
    rng = np.random.default_rng(seed)
    label, end = rng.standard_normal() * 10 ** rng.uniform(-1, 1), rng.uniform(0.01, 0.9)
    scales = np.sort(rng.dirichlet(np.ones(2)))[::-1]
    reach = np.minimum(9.0, 1.01 * end * np.sqrt(scales) * abs(label) / (1 - end))
    one, two = np.meshgrid(*(np.linspace(-far, far, 201) for far in reach), indexing="ij")
    cell = 4 * reach.prod() / 200**2
    density = np.exp(-(one**2 + two**2) / 2) / (2 * np.pi) * cell
    chance = 0.0
    for a in (-1.0, 1.0):
        for b in (-1.0, 1.0):
            size = np.abs(
                label - a * np.sqrt(scales[0]) * np.maximum(one, 0) - b * np.sqrt(scales[1]) * np.maximum(two, 0)
            )
            near = (np.abs(one) <= end * np.sqrt(scales[0]) * size) & (np.abs(two) <= end * np.sqrt(scales[1]) * size)
            chance += 0.25 * float(density[near].sum())
    return {
        gm.both: scales[1] * chance, time: end, s.s_X: 1.0, s.d: 1.0, gm.heaviest: scales[0], s.Lambda_32: np.sum(scales**1.5),
        rest_square: label**2, left: 1 - end,
    }  # fmt: skip


def _gates(seed: int) -> Mapping[sp.Symbol, float]:
    """Changes of gates in [-1, 1], in a few cases that are all there are."""
    rng = np.random.default_rng(seed)
    m, cases = int(rng.integers(1, 5)), 4
    scales = np.sort(rng.dirichlet(np.full(m, 0.5)))[::-1]
    change = rng.choice([-1.0, 0.0, 1.0, rng.uniform(-1, 1)], (cases, m))
    some = change != 0
    return {
        gm.gate: scales[0] * np.mean(np.abs(change[:, 0])), gm.changed: np.mean(np.abs(change @ scales)),
        gm.both: np.mean(some[:, 0] * (some[:, 1:] @ scales[1:])),
    }  # fmt: skip


def _rest(seed: int) -> Mapping[sp.Symbol, float]:
    """Return ``E Q^2`` where two of three nodes are 0 along the only sample, exactly."""
    rng = np.random.default_rng(seed)
    scales, far, label = rng.dirichlet(np.ones(3)), rng.exponential(1), rng.standard_normal()
    return {rest_square: label**2 + scales[2] * far**2 / 2, s.label_norm: abs(label), s.trace_sigma: far**2 / 2}


_CHANCE = 2 / sp.pi * (s.s_X / s.d) * sp.sqrt(gm.heaviest) * s.Lambda_32 * time**2
_SQUARES = s.label_norm**2 + s.trace_sigma
_WHOLE = 1 - time * s.s_X / s.d
TRUE_GATES = of_claim(
    gm.R7_GRAM, "true gates",
    sampled("reverse triangle", "|sum_j lambda_j Delta_j| >= lambda_1 |Delta_1| - sum_(j > 1) lambda_j 1{Delta_1 and Delta_j are not 0}, as |Delta_j| <= 1", Bound(gm.gate, gm.changed + gm.both), _gates, f"{GIVEN}ReLU", f"{GIVEN}nonzero inputs"),
    define("left", "what is left of the residual without two components, at least", left, _WHOLE, f"{GIVEN}early"),
    apply("without", "what is left of it does not depend on these", WITHOUT.lemma, {}, {"left": "left"}),
    apply("bands", "two components of a Gaussian are each near 0", BANDS.lemma, {}, {}),
    sampled("pairs", "rho_j = t sqrt(lambda_j s_X/d) Q/(1 - t s_X/d), given Q; added up over j with lambda_j", Bound(gm.both, _CHANCE * rest_square * left**-2), _both, "bands", "without"),
    sampled("rest", "E Q^2 <= |y|^2 + tr Sigma: fewer terms", Bound(rest_square, _SQUARES), _rest),
    monotone("power of what is left", "", Bound(left**-2, _WHOLE**-2), "left", sp.Lambda(_y, _y**-2)),
    combine("others", "what the others can undo", Bound(gm.changed + gm.both, gm.changed + gm.PAIR), {"pairs": 1, "rest": _CHANCE * left**-2, "power of what is left": _CHANCE * _SQUARES}),
    combine("together", "one after the other", gm.R7_GRAM.claims[0].bound, {"reverse triangle": 1, "others": 1}),
    chain=("reverse triangle", "others"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (WITHOUT, BAND, BANDS, TRUE_GATES)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
