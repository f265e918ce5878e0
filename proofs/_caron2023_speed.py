"""Proofs of Prop R7 (i) and (v) (caron2023, section 3.5): speeds at time 0, of a node and of the tangent Gram.

Nodes are drawn from a law with two outcomes, so that every mean over nodes and signs is counted out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import _caron2023_power_sums as pw
import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import gram_speed as gs
from theorycheck.theorems.caron2023 import power_sums as ps
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023 import speed as sd
from theorycheck.theorems.caron2023.means import epsilon, ideal_scale, node_scale

Array = np.ndarray
_GOAL = {claim.label: claim.bound for claim in sd.R7_SPEED.claims}
_GRAM = {claim.label: claim.bound for claim in gs.R7_GRAM_SPEED.claims}

# --- random signs ----------------------------------------------------------------------------------------

_l = sp.symbols("l_1:3", nonnegative=True)  # sqrt(lambda_j)
_y = sp.symbols("y_1:3", real=True)
_s = sp.Matrix(2, 2, sp.symbols("s_1:5", real=True))  # node, sample
_SIGNS = list(product((-1, 1), repeat=2))


def _r(signs: tuple[int, int], i: int) -> sp.Expr:
    return _y[i] - sum(signs[j] * _l[j] * _s[j, i] for j in range(2))


SIGNS = identity(
    "random signs", "the mean over signs of r_1 r_2 is y_1 y_2 + sum_j lambda_j s_1j s_2j; m = 2, all cases",
    sum(_r(a, 0) * _r(a, 1) for a in _SIGNS) / 4, _y[0] * _y[1] + sum(_l[j] ** 2 * _s[j, 0] * _s[j, 1] for j in range(2)),
)  # fmt: skip
_x = sp.Matrix(2, 2, sp.symbols("x_1:5", real=True))
_g = sp.symbols("g_1:3", real=True)
_res = sp.symbols("r_1:3", real=True)
SQUARE = identity(
    "square of the velocity", "|sqrt(lambda_j/d) a_j sum_i s'_ij r_i x_i|^2 = lambda_j r' A_j r; n = d = 2",
    sum(sum(_g[i] * _res[i] * _x[i, c] for i in range(2)) ** 2 for c in range(2)),
    sum(_res[i] * _res[k] * _g[i] * _g[k] * (_x[i, :] * _x[k, :].T)[0] for i in range(2) for k in range(2)),
)  # fmt: skip


def _nodes(rng: np.random.Generator, m: int) -> Iterator[tuple[float, tuple[int, ...], Array]]:
    """Yield the chance, the outcomes of the nodes and their signs, for all cases of m nodes."""
    chance = float(rng.uniform(0.1, 0.9))
    for outcomes in product((0, 1), repeat=m):
        for signs in product((-1.0, 1.0), repeat=m):
            yield float(np.prod([chance if one else 1 - chance for one in outcomes])) / 2**m, outcomes, np.array(signs)


def _speed(seed: int) -> Mapping[sp.Symbol, float]:
    """Return ``E |w_1'|^2`` and what its closed form is made of; outcomes have any outputs and slopes."""
    rng = np.random.default_rng(seed)
    n, d, m = (int(k) for k in rng.integers(1, 4, 3))
    inputs, labels = rng.standard_normal((n, d)), rng.standard_normal(n) * 10 ** rng.uniform(-2, 1)
    scales = rng.dirichlet(np.full(m, rng.choice([0.3, 30])))
    value, slope = rng.standard_normal((2, n)), rng.uniform(-1, 1, (2, n))
    gram, total, chances = inputs @ inputs.T / d, 0.0, np.zeros(2)
    for chance, outcomes, signs in _nodes(rng, m):
        residual = labels - (signs * np.sqrt(scales)) @ value[list(outcomes)]
        push = slope[outcomes[0]] * residual
        total += chance * scales[0] * push @ gram @ push
        chances[outcomes[0]] += chance
    theta = gram * (slope.T @ (chances[:, None] * slope))
    second = value.T @ (chances[:, None] * value)
    own = sum(chances[k] * (value[k] * slope[k]) @ gram @ (value[k] * slope[k]) for k in range(2))
    return {
        sd.speed: total, node_scale: scales[0], sd.of_labels: labels @ theta @ labels, sd.of_others: np.sum(theta * second),
        sd.of_itself: own, s.kappa: np.maximum(np.linalg.eigvalsh(theta)[0], 0), s.label_norm: np.linalg.norm(labels),
    }  # fmt: skip


_SHARE = sampled("share", "the scales sum to 1", Bound(node_scale, sp.S.One), _speed)
#: what the closed form is made of, each with a weight that is seen to be nonnegative
_LEFT = node_scale * sd.of_labels + node_scale**2 * sd.of_itself
_UP = sampled("closed form", "given w_j, with the other nodes' outputs averaged", Bound(sd.speed, sd.CLOSED), _speed, "random signs", "square of the velocity")  # fmt: skip
_DOWN = sampled("closed form", "given w_j, with the other nodes' outputs averaged", Bound(sd.CLOSED, sd.speed), _speed, "random signs", "square of the velocity")  # fmt: skip
_SPARE = {REST: epsilon * _LEFT, "share": epsilon * node_scale * sd.of_others}
AT_MOST = of_claim(
    sd.R7_SPEED, "at most", SIGNS, SQUARE, _UP, _SHARE,
    combine("resolution", "less than any resolution", Bound(sd.CLOSED, _GOAL["at most"].rhs), _SPARE),
    combine("together", "one after the other", _GOAL["at most"], {"closed form": 1, "resolution": 1}), chain=("closed form", "resolution"),
)  # fmt: skip
AT_LEAST = of_claim(
    sd.R7_SPEED, "at least", SIGNS, SQUARE, _DOWN, _SHARE,
    combine("resolution", "less than any resolution", Bound(_GOAL["at least"].lhs, sd.CLOSED), _SPARE),
    combine("together", "one after the other", _GOAL["at least"], {"resolution": 1, "closed form": 1}), chain=("resolution", "closed form"),
)  # fmt: skip
FLOOR = of_claim(
    sd.R7_SPEED, "floor", SIGNS, SQUARE, _DOWN, _SHARE,
    sampled("Rayleigh", "kappa_n is the least eigenvalue of Theta*", Bound(s.kappa * s.label_norm**2, sd.of_labels), _speed),
    combine("of the labels", "times the scale", Bound(_GOAL["floor"].lhs, node_scale * sd.of_labels), {"Rayleigh": node_scale}),
    combine("the others", "add what is nonnegative", Bound(node_scale * sd.of_labels, sd.CLOSED), {"share": node_scale * sd.of_others, REST: node_scale**2 * sd.of_itself}),
    combine("together", "one after the other", _GOAL["floor"], {"of the labels": 1, "the others": 1, "closed form": 1}),
    chain=("of the labels", "the others", "closed form"),
)  # fmt: skip
_PER = s.kappa * s.label_norm**2
ANY_WIDTH = of_claim(
    sd.R7_SPEED, "any width",
    apply("scale", "lambda_j >= (1 - gamma) lambda~_j", pw.NODE_SCALE.lemma, {}, {}),
    apply("floor", "the floor", of_card(sd.R7_SPEED, "floor"), {}, {}),
    combine("share of the scales", "times kappa_n |y|^2", Bound((1 - s.gamma) * ideal_scale * _PER, node_scale * _PER), {"scale": _PER}),
    combine("together", "one after the other", _GOAL["any width"], {"share of the scales": 1, "floor": 1}), chain=("share of the scales", "floor"),
)  # fmt: skip

# --- the tangent Gram ----------------------------------------------------------------------------------------

_c = sp.Matrix(2, 2, sp.symbols("c_1:5", real=True))  # c_j . s_k
_cy = sp.symbols("b_1:3", real=True)  # c_j . y
_ONCE = sum(_l[j] ** 6 * _cy[j] ** 2 for j in range(2))
_DIAGONAL = sum(_l[j] ** 4 * _c[j, j] for j in range(2))
_CROSS = _l[0] ** 3 * _l[1] * _c[0, 1] + _l[1] ** 3 * _l[0] * _c[1, 0]


def _rate(signs: tuple[int, int]) -> sp.Expr:
    return sum(signs[j] * _l[j] ** 3 * (_cy[j] - sum(signs[k] * _l[k] * _c[j, k] for k in range(2))) for j in range(2))


PAIRS = identity(
    "signs and pairs", "the mean over signs of (sum_j lambda_j^(3/2) a_j c_j . r)^2: labels are odd in the signs, outputs even; m = 2, all cases",
    sum(_rate(a) ** 2 for a in _SIGNS) / 4, _ONCE + _DIAGONAL**2 + _CROSS**2,
)  # fmt: skip
_h, _w = sp.symbols("s_1:3", real=True), sp.symbols("t_1:3", real=True)
_e, _q = sp.symbols("c_1:3", real=True), sp.symbols("e_1:3", real=True)
_t = sp.Symbol("t", real=True)
TRACE = identity(
    "pairs", "(c_1 . s_2)(c_2 . s_1) = sum_ab (s_1a c_1b)(s_2b c_2a), whose mean is tr K^2; n = 2",
    sum(_e[a] * _w[a] for a in range(2)) * sum(_q[b] * _h[b] for b in range(2)),
    sum(_h[a] * _e[b] * _w[b] * _q[a] for a in range(2) for b in range(2)),
)  # fmt: skip
PRODUCT = identity(
    "product rule", "d/dt of s'(z_i) s'(z_k), z_i' = sqrt(lambda_j) a_j u_i, is linear in the residual",
    sp.diff((_h[0] + _t * _e[0]) * (_h[1] + _t * _e[1]), _t).subs(_t, 0),
    _e[0] * _h[1] + _h[0] * _e[1],
)  # fmt: skip


def _gram_speed(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the second moment of ``sum_j lambda_j^(3/2) a_j c_j . r`` and what its closed form is made of."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    scales, labels = rng.dirichlet(np.full(m, rng.choice([0.3, 30]))), rng.standard_normal(n) * 10 ** rng.uniform(-2, 1)
    value, tilt = rng.standard_normal((2, n)), rng.standard_normal((2, n))
    total, chances = 0.0, np.zeros(2)
    for chance, outcomes, signs in _nodes(rng, m):
        residual = labels - (signs * np.sqrt(scales)) @ value[list(outcomes)]
        total += chance * float((signs * scales**1.5) @ tilt[list(outcomes)] @ residual) ** 2
        chances[outcomes[0]] += chance
    second, cross = (one.T @ (chances[:, None] * other) for one, other in ((value, value), (value, tilt)))
    return {
        gs.gram_speed: total, gs.Lambda_3: np.sum(scales**3), gs.Lambda_4: np.sum(scales**4), s.Lambda_2: np.sum(scales**2),
        gs.by_labels: chances @ (tilt @ labels) ** 2, gs.by_others: chances @ np.sum(tilt @ second * tilt, axis=1),
        gs.by_pairs: np.trace(cross) ** 2 + np.trace(cross @ cross), gs.by_itself: chances @ np.sum(tilt * value, axis=1) ** 2,
    }  # fmt: skip


_HOW = ("signs and pairs", "pairs", "product rule")
_GRAM_UP = sampled("closed form", "averaged over the nodes, which are independent", Bound(gs.gram_speed, gs.CLOSED), _gram_speed, *_HOW)  # fmt: skip
_GRAM_DOWN = sampled("closed form", "averaged over the nodes, which are independent", Bound(gs.CLOSED, gs.gram_speed), _gram_speed, *_HOW)  # fmt: skip
_OUTPUTS = sampled("outputs", "the part of the outputs is a second moment too", Bound(gs.Lambda_3 * gs.by_labels, gs.CLOSED), _gram_speed, *_HOW)  # fmt: skip
_TIMES = {"outputs": epsilon, REST: epsilon * gs.Lambda_3 * gs.by_labels}


def _resolved(label: str, form: Step) -> Proof:
    goal, above = _GRAM[label], _GRAM[label].lhs == gs.gram_speed
    bound = Bound(gs.CLOSED, goal.rhs) if above else Bound(goal.lhs, gs.CLOSED)
    steps = (
        _OUTPUTS, combine("resolution", "less than any resolution", bound, _TIMES),
        combine("together", "one after the other", goal, {"closed form": 1, "resolution": 1}),
    )  # fmt: skip
    chain = ("closed form", "resolution") if above else ("resolution", "closed form")
    return of_claim(gs.R7_GRAM_SPEED, label, PAIRS, TRACE, PRODUCT, form, *steps, chain=chain)


GRAM_LABELS = of_claim(
    gs.R7_GRAM_SPEED, "labels", PAIRS, TRACE, PRODUCT, _GRAM_DOWN, _OUTPUTS,
    combine("together", "one after the other", _GRAM["labels"], {"outputs": 1, "closed form": 1}), chain=("outputs", "closed form"),
)  # fmt: skip
GRAM_ANY_WIDTH = of_claim(
    gs.R7_GRAM_SPEED, "any width",
    combine("p = 3", "a power above 1", Bound(sp.S.One, sp.Integer(3), strict=True), {REST: 2}),
    apply("cubes", "Lambda_3 is at least its limit", of_card(ps.POWER_SUMS, "limit, below"), {ps.power: sp.Integer(3), ps.ideal_p: gs.ideal_3, ps.Lambda_p: gs.Lambda_3}, {"p above 1": "p = 3"}),
    apply("labels", "the part of the labels", of_card(gs.R7_GRAM_SPEED, "labels"), {}, {"smooth": f"{GIVEN}smooth"}),
    combine("at the limit", "times the part of the labels", Bound(_GRAM["any width"].lhs, gs.Lambda_3 * gs.by_labels), {"cubes": gs.by_labels}),
    combine("together", "one after the other", _GRAM["any width"], {"at the limit": 1, "labels": 1}), chain=("at the limit", "labels"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (
    AT_MOST, AT_LEAST, FLOOR, ANY_WIDTH, _resolved("at most", _GRAM_UP), _resolved("at least", _GRAM_DOWN), GRAM_LABELS, GRAM_ANY_WIDTH,
)  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
