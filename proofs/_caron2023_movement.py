"""Proofs of Prop R7 (ii), (iii) and (vii) (caron2023, section 3.5): a node moves, smooth activations; all weights together do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import _caron2023_chances as ch
import _caron2023_lemmas as of
import _caron2023_power_sums as pw
import numpy as np
import sympy as sp

from theorycheck import textbook, textbook_tails
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import movement as mv
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023 import speed as sd
from theorycheck.theorems.caron2023 import total_movement as tm
from theorycheck.theorems.caron2023.means import node_scale

Array = np.ndarray
_GOAL = {claim.label: claim.bound for claim in mv.R7_MOVEMENT.claims}
_z = sp.Symbol("z", nonnegative=True)

bend = sp.Symbol("a_j", nonnegative=True)  # sup_s (E |w_sj''|^2)^(1/2) for s <= t
fourth_mean = sp.Symbol("R_4", nonnegative=True)  # (E |r_0|^4)^(1/2)
mean_square = sp.Symbol("E_T", nonnegative=True)  # E |w_tj - w_0j|^2
mean_fourth = sp.Symbol("E_T2", nonnegative=True)  # E |w_tj - w_0j|^4
half_often = sp.Symbol("P_h", nonnegative=True)  # P(|w_tj - w_0j|^2 >= E .../2)

# --- moments of the initial residual ------------------------------------------------------------------------

_l = sp.symbols("l_1:3", nonnegative=True)
_s = sp.symbols("s_1:3", real=True)
FOURTH_SIGNS = identity(
    "fourth powers", "the mean over signs of (sum_j sqrt(lambda_j) a_j s_j)^4 is sum_j lambda_j^2 s_j^4 + 6 sum_(j<k) lambda_j lambda_k s_j^2 s_k^2; m = 2",
    sum((a * _l[0] * _s[0] + b * _l[1] * _s[1]) ** 4 for a, b in product((-1, 1), repeat=2)) / 4,
    _l[0] ** 4 * _s[0] ** 4 + 6 * _l[0] ** 2 * _l[1] ** 2 * _s[0] ** 2 * _s[1] ** 2 + _l[1] ** 4 * _s[1] ** 4,
)  # fmt: skip


def _fourth(seed: int) -> Mapping[sp.Symbol, float]:
    """Return ``(E |r_0|^4)^(1/2)``, counted out for nodes with two outcomes, and what bounds it."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    scales, labels = rng.dirichlet(np.full(m, rng.choice([0.3, 30]))), rng.standard_normal(n) * 10 ** rng.uniform(-2, 1)
    value, total = rng.standard_normal((2, n)) * rng.choice([1.0, 0.0], (2, 1), p=[0.8, 0.2]), 0.0
    for outcomes in product((0, 1), repeat=m):
        for signs in product((-1.0, 1.0), repeat=m):
            residual = labels - (np.array(signs) * np.sqrt(scales)) @ value[list(outcomes)]
            total += float(residual @ residual) ** 2 / 4**m
    each = (np.abs(labels) + (3 * np.mean(value**4, axis=0)) ** 0.25) ** 2
    return {fourth_mean: np.sqrt(total), mv.fourth: np.sum(each), s.label_norm: np.linalg.norm(labels)}


FOURTH = of.lemma(
    "fourth moment of the residual", {}, FOURTH_SIGNS,
    sampled("Minkowski", "so E f_i^4 <= 3 E s(g_i)^4, and (E |r|^4)^(1/2) <= sum_i (E r_i^4)^(1/2), (E r_i^4)^(1/4) <= |y_i| + (E f_i^4)^(1/4)", Bound(fourth_mean, mv.fourth), _fourth, "fourth powers"),
)  # fmt: skip


def positive(seed: int) -> Mapping[sp.Symbol, float]:
    """Return what :func:`_fourth` does and the scale of a node, far down or not."""
    found = dict(_fourth(seed))
    rng = np.random.default_rng(seed)
    return found | {node_scale: float(rng.uniform(0.01, 1) * (1 + rng.integers(1, 99)) ** -1.2)}


# --- (ii) -----------------------------------------------------------------------------------------------------


@lru_cache
def _flow(seed: int) -> Mapping[sp.Symbol, float]:
    """Follow three small tanh networks, which are all there are: how node 1 moves, and how its velocity changes."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs = rng.standard_normal((n, d))
    inputs /= np.maximum(np.linalg.norm(inputs, axis=1), rng.choice([1e-9, 1.0]))[:, None]
    labels, scales = rng.standard_normal(n) * 10 ** rng.uniform(-1, 1), rng.dirichlet(np.full(m, 0.5))
    start, signs = rng.standard_normal((3, m, d)), rng.choice([-1.0, 1.0], (3, m))
    end = 10 ** rng.uniform(-2, 0.5) / (1 + np.linalg.norm(labels))
    factor, steps = (signs * np.sqrt(scales))[:, :, None] / np.sqrt(d), 40

    def state(weights: Array) -> tuple[Array, Array, Array, Array]:
        value = np.tanh(weights @ inputs.T / np.sqrt(d))
        slope, residual = 1 - value**2, labels - np.sum(factor * np.sqrt(d) * value, axis=1)
        return value, slope, residual, factor * ((slope * residual[:, None, :]) @ inputs)

    def bent(weights: Array) -> float:
        value, slope, residual, velocity = state(weights)
        turning = velocity @ inputs.T / np.sqrt(d)
        falls = -np.sum(factor * np.sqrt(d) * slope * turning, axis=1)
        push = -2 * value * slope * turning * residual[:, None, :] + slope * falls[:, None, :]
        return float(np.sqrt(np.mean(np.sum((factor * (push @ inputs))[:, 0] ** 2, axis=1))))

    weights, most, step = start, bent(start), end / steps
    for _ in range(steps):
        half = weights + step / 2 * state(weights)[3]
        weights = weights + step * state(half)[3]
        most = max(most, bent(weights))
    sizes = np.sum(state(start)[2] ** 2, axis=1)
    squares = np.sum((weights - start)[:, 0] ** 2, axis=1)
    return {
        mv.time: end, mv.moved: np.sqrt(np.mean(squares)), sd.speed: np.mean(np.sum(state(start)[3][:, 0] ** 2, axis=1)),
        bend: most * (1 + 1e-3), fourth_mean: np.sqrt(np.mean(sizes**2)), ch.mean_square: np.mean(sizes), node_scale: scales[0],
        mv.M: 4 / (3 * np.sqrt(3)), s.n: n, s.d: d, mean_square: np.mean(squares), mean_fourth: np.mean(squares**2),
        s.s_X: np.linalg.norm(inputs, 2) ** 2,
    }  # fmt: skip


_PER = s.d ** sp.Rational(-3, 2)
_TURN = sp.sqrt(node_scale) * _PER * (mv.M * s.n * sp.sqrt(node_scale) * fourth_mean + s.n ** sp.Rational(3, 2) * sp.sqrt(ch.mean_square))  # fmt: skip
_p, _q, _p1, _q1 = sp.symbols("p q p_1 q_1", real=True)
_BALL = {
    "unit ball": s.UNIT_BALL.bound,
    "slope at most 1": next(one.bound for one in mv.R7_MOVEMENT.assumptions if one.label == "slope at most 1"),
}
_time = sp.Symbol("tau", real=True)
BEND = of.lemma(
    "how a velocity changes", _BALL,
    identity("product rule", "w_j'' = sqrt(lambda_j/d) a_j sum_i (s''(z_ij) z_ij' r_i + s'(z_ij) r_i') x_i; one sample", sp.diff((_p + _p1 * _time) * (_q + _q1 * _time), _time).subs(_time, 0), _p1 * _q + _p * _q1),
    sampled("in the mean", "|z_ij'| <= sqrt(lambda_j n) |r|/d, |r'| <= (n/d) |r|, and the residual never grows", Bound(bend, _TURN), _flow, "product rule", "unit ball", "slope at most 1"),
    apply("fourth moment", "of the residual at time 0", FOURTH.lemma, {}, {}),
    apply("second moment", "of the residual at time 0 (L4)", ch.L4_DATA.lemma, {}, {}),
    monotone("its root", "", Bound(sp.sqrt(ch.mean_square), sp.sqrt(s.label_norm**2 + s.trace_sigma)), "second moment", sp.Lambda(_z, sp.sqrt(_z))),
    sampled("share", "the scales sum to 1", Bound(node_scale, sp.S.One), positive),
    monotone("root of the scale", "", Bound(sp.sqrt(node_scale), sp.S.One), "share", sp.Lambda(_z, sp.sqrt(_z))),
    combine("bend", "one after the other", Bound(bend, sp.sqrt(node_scale) * mv.BEND), {
        "in the mean": 1, "fourth moment": node_scale * _PER * mv.M * s.n, "root of the scale": sp.sqrt(node_scale) * _PER * mv.M * s.n * mv.fourth,
        "its root": sp.sqrt(node_scale) * _PER * s.n ** sp.Rational(3, 2),
    }),
)  # fmt: skip

_EARLY = {f"{GIVEN}early": mv.BEND / 2, f"{GIVEN}labels not zero": 0}
_HALVED = mv.time * sp.sqrt(node_scale) * (sp.sqrt(s.kappa) * s.label_norm - mv.time / 2 * mv.BEND)
_CURVED = mv.time * sp.sqrt(sd.speed) - mv.time**2 / 2 * bend
MEAN = of_claim(
    mv.R7_MOVEMENT, "mean",
    apply("floor", "the speed at time 0", of_card(sd.R7_SPEED, "floor"), {}, {}),
    monotone("root", "", Bound(sp.sqrt(node_scale * s.kappa * s.label_norm**2), sp.sqrt(sd.speed)), "floor", sp.Lambda(_z, sp.sqrt(_z))),
    apply("bend", "how the velocity changes", BEND.lemma, {}, {name: f"{GIVEN}{name}" for name in _BALL}),
    sampled("Taylor", "w_t - w_0 = t w_0' + int (t - s) w_s'' ds, in the norm (E |.|^2)^(1/2)", Bound(_CURVED, mv.moved), _flow),
    combine("early", "the speed has not yet halved", Bound(mv.time / 2 * mv.BEND, sp.sqrt(s.kappa) * s.label_norm / 2), _EARLY),
    combine("half is left", "so half of the speed is left", Bound(_GOAL["mean"].lhs, _HALVED), {"early": mv.time * sp.sqrt(node_scale)}),
    combine("moves", "and carries the node", Bound(_HALVED, mv.moved), {"Taylor": 1, "root": mv.time, "bend": mv.time**2 / 2}),
    combine("together", "one after the other", _GOAL["mean"], {"half is left": 1, "moves": 1}), chain=("half is left", "moves"),
)  # fmt: skip
_SAME = {name: f"{GIVEN}{name}" for name in mv.R7_MOVEMENT.claims[0].given}
ANY_WIDTH = of_claim(
    mv.R7_MOVEMENT, "any width",
    apply("scale", "the root of the scale", pw.ROOT_SCALE.lemma, {}, {}),
    apply("mean", "at this width", of_card(mv.R7_MOVEMENT, "mean"), {}, _SAME),
    combine("share of the scales", "times half of the speed", Bound(_GOAL["any width"].lhs, _GOAL["mean"].lhs), {"scale": mv.HALF}),
    combine("together", "one after the other", _GOAL["any width"], {"share of the scales": 1, "mean": 1}), chain=("share of the scales", "mean"),
)  # fmt: skip

# --- (iii) ----------------------------------------------------------------------------------------------------


def _chance(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the chances that a random square reaches half its mean, and a smaller threshold."""
    rng = np.random.default_rng(seed)
    squares, weights = rng.exponential(1, 6) ** 2, rng.dirichlet(np.ones(6))
    half = float(weights @ squares) / 2
    bar = half * rng.uniform()
    return {half_often: weights[squares >= half].sum(), mv.often: weights[squares >= bar].sum()}


_LONGEST = (mv.time**2 * node_scale * s.s_X * mv.fourth / s.d) ** 2
_REACHED = (mv.time**2 * node_scale * s.kappa * s.label_norm**2 / 4) ** 2
_WIDE = 1 / (4 * _LONGEST)
_SIGN = {"scale positive": 0, "fourth positive": 0}
IN_PROBABILITY = of_claim(
    mv.R7_MOVEMENT, "in probability",
    sampled("scale positive", "Zipf's scales and even ones are positive", Bound(sp.S.Zero, node_scale, strict=True), positive),
    sampled("fourth positive", "B >= |y|^2", Bound(sp.S.Zero, mv.fourth, strict=True), positive, f"{GIVEN}labels not zero"),
    apply("mean", "how far a node moves in the mean", of_card(mv.R7_MOVEMENT, "mean"), {}, _SAME),
    monotone("mean square", "to the fourth power", Bound(_REACHED, mv.moved**4), "mean", sp.Lambda(_z, _z**4)),
    sampled("its square", "D_j^2 is the mean of the square", Bound(mv.moved**4, mean_square**2), _flow),
    apply("Paley and Zygmund", "P(T >= E T/2) >= (E T)^2/(4 E T^2)", textbook_tails.PALEY_ZYGMUND.lemma, {textbook.chance: half_often, textbook.mean: mean_square, textbook.root_mean: mean_fourth}, {}),
    sampled("never further", "|w_tj - w_0j| <= t sqrt(lambda_j s_X/d) |r_0|: the residual never grows", Bound(mean_fourth, (mv.time**2 * node_scale * s.s_X * fourth_mean / s.d) ** 2), _flow, f"{GIVEN}slope at most 1"),
    apply("fourth moment", "of the residual at time 0", FOURTH.lemma, {}, {}),
    monotone("longest", "so E |w_tj - w_0j|^4 is bounded", Bound((mv.time**2 * node_scale * s.s_X * fourth_mean / s.d) ** 2, _LONGEST), "fourth moment", sp.Lambda(_z, (mv.time**2 * node_scale * s.s_X * _z / s.d) ** 2)),
    sampled("smaller threshold", "half the mean square is at least (t^2/8) lambda_j kappa_n |y|^2", Bound(half_often, mv.often), _chance, "mean"),
    combine("chance", "divided by E T^2", Bound(mv.CHANCE, half_often), {
        "mean square": _WIDE, "its square": _WIDE, "Paley and Zygmund": _WIDE, "never further": 4 * half_often * _WIDE, "longest": 4 * half_often * _WIDE, **_SIGN,
    }),
    combine("together", "one after the other", _GOAL["in probability"], {"chance": 1, "smaller threshold": 1}),
)  # fmt: skip

# --- (vii) ----------------------------------------------------------------------------------------------------

output_moved = sp.Symbol("F", nonnegative=True)  # |f(X; W_t) - f(X; W_0)|


def _two(seed: int) -> Mapping[sp.Symbol, float]:
    """Two sets of weights of a ReLU or tanh network, near and far."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs, scales = of.inputs_of(rng, n, d), rng.dirichlet(np.full(m, 0.3))
    first = rng.standard_normal((m, d))
    last = first + rng.standard_normal((m, d)) * 10 ** rng.uniform(-3, 1)
    value, signs = (lambda z: np.maximum(z, 0)) if seed % 2 else np.tanh, rng.choice([-1.0, 1.0], m)
    change = value(inputs @ last.T / np.sqrt(d)) - value(inputs @ first.T / np.sqrt(d))
    return {
        output_moved: np.linalg.norm(change @ (signs * np.sqrt(scales))), tm.moved: np.linalg.norm(last - first), s.d: d,
        s.s_X: np.linalg.norm(inputs, 2) ** 2,
    }  # fmt: skip


_LENGTH = sp.sqrt(s.d / s.s_X)
TOTAL = of_claim(
    tm.R7_TOTAL, "moved",
    sampled("Lipschitz", "|J|^2 <= s_X/d along the segment (L1), so |f(W_t) - f(W_0)| <= sqrt(s_X/d) |W_t - W_0|", Bound(output_moved, sp.sqrt(s.s_X / s.d) * tm.moved), _two, f"{GIVEN}slope at most 1", f"{GIVEN}nonzero inputs"),
    apply("triangle", "|r_0| <= |f(W_t) - f(W_0)| + |r_t|", textbook.TRIANGLE.lemma, {textbook.both: tm.r_0, textbook.first: output_moved, textbook.second: tm.r_t}, {}),
    combine("together", "times sqrt(d/s_X)", tm.R7_TOTAL.claims[0].bound, {"triangle": _LENGTH, "Lipschitz": _LENGTH}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (FOURTH, BEND, MEAN, ANY_WIDTH, IN_PROBABILITY, TOTAL)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
