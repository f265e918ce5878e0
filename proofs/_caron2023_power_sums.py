"""Proofs about the node scales (caron2023, section 1) and the random limit at time 0 (Prop R4 (ii))."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import _caron2023_lemmas as of
import numpy as np
import sympy as sp
from scipy.special import zeta

from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, combine, identity, monotone, sampled
from theorycheck.proof_steps import apply as applied
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import power_sums as ps
from theorycheck.theorems.caron2023 import r4
from theorycheck.theorems.caron2023 import random_limit as rl
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import epsilon, ideal_scale, node_scale

_GOAL = {claim.label: claim.bound for claim in ps.POWER_SUMS.claims}
_LIMIT = {claim.label: claim.bound for claim in rl.R4_LIMIT.claims}

# --- power sums ------------------------------------------------------------------------------------------

_b = sp.Symbol("b", real=True)
_EVEN = identity(
    "cross terms", "sum_j (gamma/m + (1 - gamma) b_j)^2 with sum_j b_j = 1: cross terms add up to 2 gamma (1 - gamma)/m; m = 2",
    (s.gamma / 2 + (1 - s.gamma) * _b) ** 2 + (s.gamma / 2 + (1 - s.gamma) * (1 - _b)) ** 2,
    ps.SQUARES.xreplace({s.m: sp.Integer(2), ps.uneven: _b**2 + (1 - _b) ** 2}),
)  # fmt: skip

_bar = sp.Symbol("zbar_p", nonnegative=True)  # (sum lambda-bar^p)^(1/p)
_root_ideal, _root = ps.ideal_p ** (1 / ps.power), ps.Lambda_p ** (1 / ps.power)


def _scales(seed: int) -> Mapping[sp.Symbol, float]:
    """Return power sums of Zipf's scales and of the node scales, the even and the uneven extremes among them."""
    rng = np.random.default_rng(seed)
    m, share, rate = int(rng.choice([1, 2, 5, 400])), float(rng.choice([0, 1, rng.uniform()])), rng.uniform(0.05, 0.95)
    power = float(rng.choice([1.01, 1.5, 2, 3, 7]))
    terms = np.arange(1, m + 1.0) ** (-1 / rate)
    bar, whole = terms / terms.sum(), zeta(1 / rate)
    lam = share / m + (1 - share) * bar
    ideal = zeta(power / rate) / whole**power
    return {
        s.gamma: share, s.m: m, ps.power: power, ps.alpha: rate, ps.zeta_alpha: whole, ps.tail: zeta(1 / rate, m + 1) / whole,
        ps.Lambda_p: np.sum(lam**power), ps.ideal_p: ideal, s.Lambda_2: np.sum(lam**2), ps.uneven: np.sum(bar**2),
        _bar: np.sum(bar**power) ** (1 / power),
        node_scale: lam[-1], ideal_scale: terms[-1] / whole,
    }  # fmt: skip


SQUARES_ABOVE = of_claim(
    ps.POWER_SUMS, "squares, above", _EVEN,
    sampled("squares", "so Lambda_2 is the closed form", Bound(s.Lambda_2, ps.SQUARES), _scales, "cross terms"),
    sampled("share", "gamma is a share", Bound(s.gamma, sp.S.One), _scales),
    combine("resolution", "less than any resolution", Bound(ps.SQUARES, _GOAL["squares, above"].rhs), {REST: epsilon * s.gamma / s.m + epsilon * (1 - s.gamma) ** 2 * ps.uneven, "share": epsilon * s.gamma / s.m}),
    combine("together", "one after the other", _GOAL["squares, above"], {"squares": 1, "resolution": 1}), chain=("squares", "resolution"),
)  # fmt: skip
SQUARES_BELOW = of_claim(
    ps.POWER_SUMS, "squares, below", _EVEN,
    sampled("squares", "so Lambda_2 is the closed form", Bound(ps.SQUARES, s.Lambda_2), _scales, "cross terms"),
    sampled("share", "gamma is a share", Bound(s.gamma, sp.S.One), _scales),
    combine("resolution", "less than any resolution", Bound(_GOAL["squares, below"].lhs, ps.SQUARES), {REST: epsilon * s.gamma / s.m + epsilon * (1 - s.gamma) ** 2 * ps.uneven, "share": epsilon * s.gamma / s.m}),
    combine("together", "one after the other", _GOAL["squares, below"], {"resolution": 1, "squares": 1}), chain=("resolution", "squares"),
)  # fmt: skip

_MINKOWSKI = s.gamma * s.m ** (1 / ps.power - 1) + (1 - s.gamma) * _bar
_SUM = s.gamma * s.m ** (1 / ps.power - 1) + (1 - s.gamma) * _root_ideal / (1 - ps.tail)
_x = sp.Symbol("x", nonnegative=True)
ABOVE = of_claim(
    ps.POWER_SUMS, "limit, above",
    sampled("share", "gamma is a share", Bound(s.gamma, sp.S.One), _scales),
    sampled("left over", "the first m nodes have some of Zipf's scales, and not all", Bound(sp.S.Zero, ps.tail * (1 - ps.tail), strict=True), _scales),
    sampled("Minkowski", "Lambda_p^(1/p) <= gamma (sum_j m^-p)^(1/p) + (1 - gamma) (sum_j lambda-bar_j^p)^(1/p)", Bound(_root, _MINKOWSKI), _scales, f"{GIVEN}p above 1"),
    sampled("cut off", "lambda-bar_j = lambda~_j/(1 - tau_m), and fewer terms", Bound(_bar * (1 - ps.tail), _root_ideal), _scales),
    combine("with the tail", "divided by 1 - tau_m", Bound(_MINKOWSKI, _SUM), {"cut off": (1 - s.gamma) / (1 - ps.tail), "share": 0, "left over": 0}),
    combine("roots", "one after the other", Bound(_root, _SUM), {"Minkowski": 1, "with the tail": 1}),
    monotone("powers", "to the power p", Bound(ps.Lambda_p, ps.ABOVE), "roots", sp.Lambda(_x, _x**ps.power), "left over", "share"),
    chain=("powers",),
)  # fmt: skip

_t, _f = sp.symbols("t_1 f", nonnegative=True)
_ONE_MORE = sp.Symbol("e", positive=True)
BELOW = of_claim(
    ps.POWER_SUMS, "limit, below",
    identity("last terms", "with lambda~_m = f: sum_(j<=m) lambda~_j^p >= f^(p-1) (1 - tau) and sum_(j>m) lambda~_j^p <= f^(p-1) tau, so the cut scales' power sum has room: (1/(1 - tau) - 1) f^(p-1) (1 - tau) = f^(p-1) tau; tau = t/(1 + t)",
        (1 / (1 - _t / (1 + _t)) - 1) * _f * (1 - _t / (1 + _t)), _f * _t / (1 + _t)),
    sampled("cut off", "(1 - tau)^-p >= 1/(1 - tau), so cutting Zipf's scales off after m nodes concentrates them", Bound(_root_ideal, _bar), _scales, "last terms", f"{GIVEN}p above 1"),
    sampled("node by node", "lambda_j >= (1 - gamma) lambda-bar_j, to the power p", Bound(ps.BELOW, ps.Lambda_p), _scales, "cut off"),
    chain=("node by node",),
)  # fmt: skip

_l1, _l2 = sp.symbols("l_1 l_2", nonnegative=True)
EVEN = of_claim(
    ps.POWER_SUMS, "even",
    identity("convex", "(l_1^2 + l_2^2)/2 - ((l_1 + l_2)/2)^2 is a square; p = m = 2", (_l1**2 + _l2**2) / 2 - ((_l1 + _l2) / 2) ** 2, ((_l1 - _l2) / 2) ** 2),
    sampled("power means", "the mean of lambda_j^p is at least m^-p, and the scales sum to 1", _GOAL["even"], _scales, "convex", f"{GIVEN}p above 1"),
    chain=("power means",),
)  # fmt: skip

_k, _a = sp.Symbol("k", positive=True), sp.Symbol("c", positive=True)
TAIL = of_claim(
    ps.POWER_SUMS, "tail",
    identity("antiderivative", "d/dx of x^(1 - 1/alpha)/(1 - 1/alpha) is x^(-1/alpha); alpha = 1/(1 + c)", sp.diff(_k ** (-_a) / (-_a), _k), _k ** (-1 - _a)),
    sampled("integral", "j^(-1/alpha) is at most the integral of x^(-1/alpha) over [j - 1, j]; added up over j > m", _GOAL["tail"], _scales, "antiderivative", f"{GIVEN}alpha in (0, 1)"),
    chain=("integral",),
)  # fmt: skip

_tau = sp.Symbol("t_0", nonnegative=True)
NODE_SCALE = of.lemma(
    "scale of a node", {},
    identity("parts", "gamma/m + (1 - gamma) l/(1 - tau) - (1 - gamma) l, tau = t/(1 + t), is a sum of nonnegative terms", s.gamma / s.m + (1 - s.gamma) * _f / (1 - _tau / (1 + _tau)) - (1 - s.gamma) * _f, s.gamma / s.m + (1 - s.gamma) * _f * _tau),
    sampled("at least", "so lambda_j >= (1 - gamma) lambda~_j", Bound((1 - s.gamma) * ideal_scale, node_scale), _scales, "parts"),
)  # fmt: skip
ROOT_SCALE = of.lemma(
    "root of the scale of a node", {},
    applied("scale", "lambda_j >= (1 - gamma) lambda~_j", NODE_SCALE.lemma, {}, {}),
    sampled("root", "and the roots", Bound(sp.sqrt((1 - s.gamma) * ideal_scale), sp.sqrt(node_scale)), _scales, "scale"),
)  # fmt: skip

# --- the random limit ----------------------------------------------------------------------------------------

_p = sp.Symbol("p_1", nonnegative=True)
_u, _w = sp.symbols("u w", real=True)
_lam = sp.symbols("lambda_1:3", nonnegative=True)
_M1 = _p * _u + (1 - _p) * _w
_INDEPENDENT = identity(
    "independent nodes", "E (sum_j lambda_j (A_j - E A))^2 = sum_j lambda_j^2 Var A: cross terms vanish; two nodes, two values",
    sum(pu * pv * (_lam[0] * (a - _M1) + _lam[1] * (b - _M1)) ** 2 for (a, pu), (b, pv) in product(((_u, _p), (_w, 1 - _p)), repeat=2)),
    (_lam[0] ** 2 + _lam[1] ** 2) * _p * (1 - _p) * (_u - _w) ** 2,
)  # fmt: skip


def _counted(seed: int) -> Mapping[sp.Symbol, float]:
    """Gates on two orthogonal inputs, all draws of a few nodes counted out; three nodes stand for infinitely many."""
    rng = np.random.default_rng(seed)
    squares, share = rng.exponential(1, 2), float(rng.choice([0, 1, rng.uniform()]))
    ideal = np.sort(rng.dirichlet(np.full(3, 0.5)))[::-1]
    m = int(rng.integers(1, 4))
    lam = share / m + (1 - share) * ideal[:m] / ideal[:m].sum()
    spread = limit = 0.0
    for gates in product((0.0, 1.0), repeat=6):
        each = np.array(gates).reshape(3, 2) - 0.5
        spread += np.sum((squares * (lam @ each[:m])) ** 2) / 64
        limit += np.sum((squares * (1 - share) * (ideal @ each)) ** 2) / 64
    return {
        r4.deviation: spread, rl.limit_spread: limit, r4.C_0: np.sum(squares**2) / 4, s.Lambda_2: lam @ lam, s.gamma: share,
        rl.ideal_2: ideal @ ideal, s.m: m,
    }  # fmt: skip


_TWO = combine("p = 2", "a power above 1", Bound(sp.S.One, sp.Integer(2), strict=True), {REST: 1})
SPREAD = of_claim(
    rl.R4_LIMIT, "spread", _INDEPENDENT,
    _TWO,
    applied("squares", "Lambda_2 is at least its limit", of_card(ps.POWER_SUMS, "limit, below"), {ps.power: sp.Integer(2), ps.ideal_p: rl.ideal_2, ps.Lambda_p: s.Lambda_2}, {"p above 1": "p = 2"}),
    combine("times C_0", "times the variance of one node", Bound(rl.SPREAD, r4.C_0 * s.Lambda_2), {"squares": r4.C_0}),
    sampled("variance", "E |Theta_m - Theta*|^2 = C_0 Lambda_2", Bound(r4.C_0 * s.Lambda_2, r4.deviation), _counted, "independent nodes"),
    combine("together", "one after the other", _LIMIT["spread"], {"times C_0": 1, "variance": 1}), chain=("times C_0", "variance"),
    quantities=(s.POWER_2,),
)  # fmt: skip
_TAIL_PART = 2 * (1 - s.gamma) * s.n / s.d
RATE = of_claim(
    rl.R4_LIMIT, "rate",
    applied("distance", "the distance at this width", of_card(r4.R4_COUPLING, "distance"), {}, {name: f"{GIVEN}{name}" for name in ("unit ball", "slope at most 1")}),
    applied("tail", "how much of the scales is cut off", of_card(ps.POWER_SUMS, "tail"), {}, {"alpha in (0, 1)": f"{GIVEN}alpha in (0, 1)"}),
    sampled("share", "gamma is a share", Bound(s.gamma, sp.S.One), _counted),
    combine("together", "one after the other", _LIMIT["rate"], {"distance": 1, "tail": _TAIL_PART, "share": 0}),
)  # fmt: skip


def _limit(label: str, both: Bound, rest: sp.Expr) -> Proof:
    goal = _LIMIT[label]
    above = goal.lhs == rl.limit_spread
    steps: tuple[Step, ...] = (
        sampled("variance", "E |Theta_infinity - Theta*|^2 = (1 - gamma)^2 C_0 sum_j lambda~_j^2", both, _counted, "independent nodes"),
        combine("resolution", "less than any resolution", Bound(rl.SPREAD, goal.rhs) if above else Bound(goal.lhs, rl.SPREAD), {REST: rest}),
    )  # fmt: skip
    order = ("variance", "resolution") if above else ("resolution", "variance")
    last = combine("together", "one after the other", goal, {"variance": 1, "resolution": 1})
    return of_claim(rl.R4_LIMIT, label, _INDEPENDENT, *steps, last, chain=order)


LIMIT_ABOVE = _limit("limit, above", Bound(rl.limit_spread, rl.SPREAD), epsilon * rl.SPREAD)
LIMIT_BELOW = _limit("limit, below", Bound(rl.SPREAD, rl.limit_spread), epsilon * rl.SPREAD)

PROOFS: tuple[Proof, ...] = (
    SQUARES_ABOVE, SQUARES_BELOW, ABOVE, BELOW, EVEN, TAIL, NODE_SCALE, ROOT_SCALE, SPREAD, RATE, LIMIT_ABOVE, LIMIT_BELOW,
)  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
