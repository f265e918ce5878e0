"""Proof of Prop R7 (iv) (caron2023, section 3.5, in the form of errata I1b): a node of a ReLU network moves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import _caron2023_chances as ch
import _caron2023_lemmas as of
import _caron2023_movement as mp
import _caron2023_power_sums as pw
import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import movement as mv
from theorycheck.theorems.caron2023 import movement_relu as mr
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023 import speed as sd
from theorycheck.theorems.caron2023.means import node_scale

_GOAL = {claim.label: claim.bound for claim in mr.R7_RELU.claims}
_z = sp.Symbol("z", nonnegative=True)
_root = sp.sqrt(node_scale)

flipped = sp.Symbol("E_F", nonnegative=True)  # sum_i E |r_0|^2 1{gate i of node j can flip by t}
third = sp.Symbol("E_3", nonnegative=True)  # E Q_i^3, the largest of all i
own = sp.Symbol("rho", nonnegative=True)  # |r_0|
left = sp.Symbol("ell", positive=True)  # at most 1 - t lambda_j s_X/d
rest = sp.Symbol("Q", nonnegative=True)  # |r_0| without what node j adds along x_i


# --- a residual and the gates that can flip ------------------------------------------------------------------


def _without(seed: int) -> Mapping[sp.Symbol, float]:
    """Return ``|r_0|`` and the same with ``w_0j . x_i = 0``, where gate i of node j can flip by time t."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs, scales = of.inputs_of(rng, n, d), rng.dirichlet(np.full(m, 0.5))
    weights, signs, labels = rng.standard_normal((m, d)), rng.choice([-1.0, 1.0], m), rng.standard_normal(n)
    unit = inputs[0] / np.linalg.norm(inputs[0])
    spectral = np.linalg.norm(inputs, 2) ** 2
    end = d / (scales[0] * spectral) * rng.uniform(0.01, 0.99)

    def size(along: float) -> float:
        moved = weights.copy()
        moved[0] += (along - moved[0] @ unit) * unit
        return float(
            np.linalg.norm(labels - np.maximum(moved @ inputs.T / np.sqrt(d), 0).T @ (signs * np.sqrt(scales)))
        )

    bar, along = end * np.sqrt(scales[0] * spectral / d), rng.choice([-1, 1]) * 1e3
    while abs(along) > bar * size(along):
        along /= 1.5
    return {own: size(along), rest: size(0.0), mv.time: end, node_scale: scales[0], s.s_X: spectral, s.d: d}


_OPEN = {"left": Bound(left, mr.LEFT)}
WITHOUT = of.lemma(
    "a residual without one component", _OPEN,
    sampled("Lipschitz", "|r_0| <= Q + sqrt(lambda_j s_X/d) |N_i|, and |N_i| <= t sqrt(lambda_j s_X/d) |r_0| for a gate that can flip", Bound(own, rest + mv.time * node_scale * s.s_X / s.d * own), _without),
    combine("solved", "so |r_0| (1 - t lambda_j s_X/d) <= Q", Bound(own * left, rest), {"Lipschitz": 1, "left": own}),
)  # fmt: skip


def _gates(seed: int) -> Mapping[sp.Symbol, float]:
    """One node, ReLU, one sample on the sphere: ``E |r_0|^2 1{flip}`` by quadrature."""
    rng = np.random.default_rng(seed)
    label, end, d = rng.standard_normal() * 10 ** rng.uniform(-1, 1), rng.uniform(0.01, 0.95), 1.0
    reach = min(12.0, 1.01 * end * abs(label) / (1 - end))  # no gate further away can flip
    grid = np.linspace(-reach, reach, 20_001)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi) * (grid[1] - grid[0])
    total = sum(
        0.5 * float(np.sum(density * size**2 * (np.abs(grid) <= end * np.abs(size))))
        for size in (label - sign * np.maximum(grid, 0) for sign in (-1.0, 1.0))
    )
    return {
        flipped: total * (1 - 1e-3), third: abs(label) ** 3, s.n: 1.0, s.d: d, s.s_X: 1.0, node_scale: 1.0, mv.time: end, left: 1 - end,
    }  # fmt: skip


_BAND = mv.time * sp.sqrt(node_scale * s.s_X / s.d)


def _third(seed: int) -> Mapping[sp.Symbol, float]:
    """Return ``E Q^3`` for a sum of Gaussian ReLU nodes (one sample), by quadrature, and B."""
    rng = np.random.default_rng(seed)
    label, scale = rng.standard_normal() * 10 ** rng.uniform(-1, 1), rng.uniform()
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    value = np.sqrt(scale) * np.maximum(nodes, 0)
    total = sum(0.5 * np.abs(label - sign * value) ** 3 @ weights / weights.sum() for sign in (-1, 1))
    return {third: total, mv.fourth: (abs(label) + (3 * 1.5) ** 0.25) ** 2}


_CAN = s.n * sp.sqrt(2 / sp.pi) * _BAND * left**-3
FLIPPED = of.lemma(
    "the residual where gates flip", _OPEN,
    *ch.BAND[:-1],
    apply("without", "what is left of the residual does not depend on that component", WITHOUT.lemma, {}, {"left": "left"}),
    sampled("gates", "P(|N_i| <= t sqrt(lambda_j s_X/d) Q/(1 - t lambda_j s_X/d)) given Q, which is independent of N_i; over all i", Bound(flipped, _CAN * third), _gates, "band", "without"),
    sampled("third moment", "E Q^3 <= (E Q^4)^(3/4) <= B^(3/2)", Bound(third, mv.fourth ** sp.Rational(3, 2)), _third),
    combine("in the mean", "one after the other", Bound(flipped, _CAN * mv.fourth ** sp.Rational(3, 2)), {"gates": 1, "third moment": _CAN}),
)  # fmt: skip

# --- (iv) --------------------------------------------------------------------------------------------------


@lru_cache
def _flow(seed: int) -> Mapping[sp.Symbol, float]:
    """Follow three small ReLU networks, which are all there are, by Euler's steps; what the velocity of node 1 can lose."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs = rng.standard_normal((n, d))
    inputs /= np.maximum(np.linalg.norm(inputs, axis=1), rng.choice([1e-9, 1.0]))[:, None]
    labels, scales = rng.standard_normal(n) * 10 ** rng.uniform(-1, 1), rng.dirichlet(np.full(m, 0.5))
    start, signs = rng.standard_normal((3, m, d)), rng.choice([-1.0, 1.0], (3, m))
    spectral, weight = np.linalg.norm(inputs, 2) ** 2, signs * np.sqrt(scales)
    end = d / spectral * 10 ** rng.uniform(-2, 0)

    def residual(weights: np.ndarray) -> np.ndarray:
        return labels - np.sum(weight[:, :, None] * np.maximum(weights @ inputs.T / np.sqrt(d), 0), axis=1)

    def velocity(weights: np.ndarray) -> np.ndarray:
        gates = weights @ inputs.T > 0
        return weight[:, :, None] / np.sqrt(d) * ((gates * residual(weights)[:, None, :]) @ inputs)

    weights = start
    for _ in range(300):
        weights = weights + end / 300 * velocity(weights)
    sizes = np.linalg.norm(residual(start), axis=1)
    near = (
        np.abs(start[:, 0] @ inputs.T)
        <= np.linalg.norm(inputs, axis=1) * (end * np.sqrt(scales[0] * spectral / d) * sizes)[:, None]
    )
    return {
        mv.time: end, mv.moved: np.sqrt(np.mean(np.sum((weights - start)[:, 0] ** 2, axis=1))), node_scale: scales[0],
        sd.speed: np.mean(np.sum(velocity(start)[:, 0] ** 2, axis=1)), ch.mean_square: np.mean(sizes**2), s.n: n, s.d: d,
        s.s_X: spectral, flipped: np.mean(np.sum(near, axis=1) * sizes**2),
    }  # fmt: skip


_AWAY = mv.time / 2 * sp.sqrt(s.n) * s.s_X * s.d ** sp.Rational(-3, 2)
_LOST = sp.sqrt(s.n * sp.sqrt(2 / sp.pi) * _BAND * mv.fourth ** sp.Rational(3, 2) / s.d)
_POWER = sp.Rational(-3, 2)
_y = sp.Symbol("y", positive=True)
_LEFT = (
    define("left", "what is left of the residual without one component, at least", left, mr.LEFT, f"{GIVEN}gates"),
    monotone("power of what is left", "", Bound(left**_POWER, mr.LEFT**_POWER), "left", sp.Lambda(_y, _y**_POWER)),
)
MEAN = of_claim(
    mr.R7_RELU, "mean",
    apply("floor", "the speed at time 0", of_card(sd.R7_SPEED, "floor"), {}, {}),
    monotone("root", "", Bound(sp.sqrt(node_scale * s.kappa * s.label_norm**2), sp.sqrt(sd.speed)), "floor", sp.Lambda(_z, sp.sqrt(_z))),
    sampled("velocity", "|w_j'(s) - w_j'(0)| <= sqrt(lambda_j/d) (sum_i |r_i(s) - r_i(0)| + sum_i |r_i(0)| 1{gate i can flip}), in the norm (E |.|^2)^(1/2)",
        Bound(mv.time * sp.sqrt(sd.speed) - mv.time * _root * (_AWAY * sp.sqrt(ch.mean_square) + sp.sqrt(flipped / s.d)), mv.moved), _flow, f"{GIVEN}unit ball", f"{GIVEN}ReLU", count=30),
    apply("second moment", "of the residual at time 0 (L4)", ch.L4_DATA.lemma, {}, {}),
    monotone("its root", "", Bound(sp.sqrt(ch.mean_square), sp.sqrt(s.label_norm**2 + s.trace_sigma)), "second moment", sp.Lambda(_z, sp.sqrt(_z))),
    *_LEFT,
    apply("flips", "the residual where gates flip", FLIPPED.lemma, {}, {"left": "left"}),
    monotone("root of the flips", "", Bound(sp.sqrt(flipped / s.d), _LOST * left**_POWER), "flips", sp.Lambda(_z, sp.sqrt(_z / s.d))),
    combine("together", "one after the other", _GOAL["mean"], {
        "velocity": 1, "root": mv.time, "its root": mv.time * _root * _AWAY, "root of the flips": mv.time * _root, "power of what is left": mv.time * _root * _LOST,
    }),
)  # fmt: skip


_START = sp.sqrt(s.kappa) * s.label_norm
_FIRST = s.d / (4 * s.s_X)
_SECOND = next(one for one in mr.LAST.args if one.has(s.trace_sigma))
_THIRD = next(one for one in mr.LAST.args if one.has(mv.fourth))
_PER_TIME = sp.sqrt(
    s.n * s.d ** sp.Rational(-3, 2) * sp.sqrt(2 / sp.pi) * sp.sqrt(s.s_X) * mv.fourth ** sp.Rational(3, 2)
)
_WHOLE = 8 / (3 * sp.sqrt(3))
_OTHERS = ("ReLU", "nonzero inputs", "unit ball")


def _before(label: str, last: sp.Expr) -> Step:
    """Return the step that the time is before one of those whose least is the last."""
    signs = dict.fromkeys(("fourth positive", f"{GIVEN}labels not zero"), 0)
    return combine(label, "one of the times", Bound(mv.time, last), {f"{GIVEN}early": 1, REST: last - mr.LAST, **signs})


ANY_WIDTH = of_claim(
    mr.R7_RELU, "any width",
    sampled("share", "the scales sum to 1", Bound(node_scale, sp.S.One), _flow, count=30),
    sampled("fourth positive", "B >= |y|^2", Bound(sp.S.Zero, mv.fourth, strict=True), mp.positive, f"{GIVEN}labels not zero"),
    _before("first time", _FIRST),
    combine("three quarters", "are left", Bound(sp.Rational(3, 4), mr.LEFT), {"first time": s.s_X / s.d, "share": mv.time * s.s_X / s.d}),
    combine("gates", "so few gates have flipped", Bound(sp.S.Zero, mr.LEFT, strict=True), {"three quarters": 1, REST: sp.Rational(3, 4)}),
    define("left", "what is left", left, mr.LEFT, "gates"),
    combine("no more is left", "one way", Bound(left, mr.LEFT), {"left": 1}),
    monotone("power of what is left", "", Bound(mr.LEFT**_POWER, left**_POWER), "no more is left", sp.Lambda(_y, _y**_POWER)),
    combine("enough is left", "by another name", Bound(sp.Rational(3, 4), left), {"three quarters": 1, "left": -1}),
    monotone("power of three quarters", "", Bound(left**_POWER, _WHOLE), "enough is left", sp.Lambda(_y, _y**_POWER)),
    _before("second time", _SECOND),
    combine("residual", "a quarter of the speed is lost to the residual", Bound(mr.CHANGED, _START / 4), {"second time": mr.CHANGED / mv.time, f"{GIVEN}labels not zero": 0}),
    _before("third time", _THIRD),
    monotone("its root", "", Bound(sp.sqrt(mv.time), sp.sqrt(_THIRD)), "third time", sp.Lambda(_z, sp.sqrt(_z)), "fourth positive"),
    monotone("root of the scale", "", Bound(node_scale ** sp.Rational(1, 4), sp.S.One), "share", sp.Lambda(_z, _z ** sp.Rational(1, 4))),
    combine("flips", "and an eighth to gates, before what is left", Bound(mr.FLIPPED, _START / 8), {"root of the scale": _PER_TIME * sp.sqrt(mv.time), "its root": _PER_TIME, "fourth positive": 0}),
    apply("mean", "at this width", of_card(mr.R7_RELU, "mean"), {}, {"gates": "gates", **{name: f"{GIVEN}{name}" for name in _OTHERS}}),
    combine("half", "half of the speed is left", Bound(mv.HALF * _root, mr.FLOOR), {
        "residual": mv.time * _root, "flips": mv.time * _root * left**_POWER, "power of what is left": mv.time * _root * mr.FLIPPED, "power of three quarters": mv.time * _root * _START / 8,
        REST: mv.time * _root * _START * (sp.Rational(1, 4) - _WHOLE / 8),
    }),
    apply("scale", "the root of the scale", pw.ROOT_SCALE.lemma, {}, {}),
    combine("share of the scales", "times half of the speed", Bound(_GOAL["any width"].lhs, mv.HALF * _root), {"scale": mv.HALF}),
    combine("together", "one after the other", _GOAL["any width"], {"share of the scales": 1, "half": 1, "mean": 1}), chain=("share of the scales", "half", "mean"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (WITHOUT, FLIPPED, MEAN, ANY_WIDTH)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
