"""Proofs of razborov2022's P1 to P5 (section 4.4): how far the Jacobian moves, and how many gates can flip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import textbook, textbook_tails
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import flip_count as fc
from theorycheck.theorems.razborov2022 import flips as f
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t

moved_z, near, P_near = sp.symbols(
    "Z_F N_near P_N", nonnegative=True
)  # |X (W - W_0)'|_F; gates within tau, and a chance
_y = sp.Symbol("y", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in f.FLIPS.claims}


def _knapsack(costs: np.ndarray, gains: np.ndarray, budget: float) -> float:
    """Return the largest gain of neurons within the budget, in parts."""
    order = np.argsort(costs / gains)
    used = np.minimum(
        1.0, np.maximum(0.0, budget - np.concatenate([[0.0], np.cumsum(costs[order])[:-1]])) / costs[order]
    )
    return float(used @ gains[order])


def _moved(seed: int) -> Mapping[sp.Symbol, float]:
    """A network whose weights moved at random, or just across the gates of one sample."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 5, 3)
    inputs, weights, outer = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.standard_normal(m)
    later = weights + rng.standard_normal((m, d)) * 10 ** rng.uniform(-2, 1)
    if seed % 2:
        x = inputs[0]
        chosen = rng.random(m) < 0.5
        later = weights - np.outer(chosen * (1 + 1e-9) * (weights @ x) / (x @ x), x)
    other = outer + rng.standard_normal(m) * 10 ** rng.uniform(-2, 1)
    before, after = (np.where(inputs @ w.T > 0, 1.0, 0.0) for w in (weights, later))
    kappa, rates, gram = rng.exponential(1), rng.exponential(1, 2), inputs @ inputs.T

    def norm(change: np.ndarray) -> float:
        return kappa * np.sqrt(max(np.linalg.eigvalsh(gram * (change @ change.T))[-1], 0.0))

    features = kappa * (np.maximum(inputs @ later.T, 0) - np.maximum(inputs @ weights.T, 0))
    whole = rates[0] * kappa**2 * gram * ((after * other - before * outer) @ (after * other - before * outer).T)
    radius = np.linalg.norm(later - weights)
    costs = (inputs @ weights.T) ** 2 / np.sum(inputs**2, axis=1)[:, None]
    return {
        f.change_a: np.linalg.norm(features, 2), moved_z: np.linalg.norm(inputs @ (later - weights).T), t.R_W: radius,
        t.R_a: np.linalg.norm(other - outer), f.change_outer: norm(after * (other - outer)),
        f.change_flips: norm((after - before) * outer), f.heavy: np.max((after != before) @ outer**2),
        f.change: np.sqrt(max(np.linalg.eigvalsh(whole + rates[1] * features @ features.T)[-1], 0.0)),
        t.mass: max(_knapsack(row, outer**2, radius**2) for row in costs), t.kappa: kappa, t.X_norm: np.linalg.norm(inputs, 2),
        t.eta_W: rates[0], t.eta_a: rates[1],
    }  # fmt: skip


_u, _v = sp.symbols("u v", nonnegative=True)
_FEATURES = (
    combine("contraction", "max(0, u) - max(0, -v) <= u + v, the worst case of |s(u) - s(v)| <= |u - v| by signs", Bound(_u, _u + _v), {REST: _v}),
    sampled("features", "so |J_a - J_a0| <= kappa |X (W - W_0)'|_F", Bound(f.change_a, t.kappa * moved_z), _moved, "contraction"),
    sampled("product", "|X (W - W_0)'|_F <= |X| |W - W_0|_F", Bound(moved_z, t.X_norm * t.R_W), _moved),
    combine("P1", "one after the other", _CLAIMS["P1"], {"features": 1, "product": t.kappa}),
)  # fmt: skip
_OUTER = sampled(
    "P2", "the rows of X o (E_ij) for output weights e_j on gates in [0, 1]: at most |X| |e|", _CLAIMS["P2"], _moved
)
_FLIPS = sampled(
    "P3",
    "the Gram X X' o (E E') is at most |X|^2 times its largest diagonal entry of E E' (Schur)",
    _CLAIMS["P3"],
    _moved,
)
# one item more or less of a fractional knapsack, by duality: for every multiplier tau
_a, _z, _tau = sp.symbols("a z tau", nonnegative=True)
_KNAPSACK = (
    identity("shares", "of an item of worth a^2 and cost z^2, a^2 = tau z^2 + (a^2 - tau z^2), whatever tau", _a**2, _tau * _z**2 + (_a**2 - _tau * _z**2)),
    sampled("P4", "a gate flips only if z_ij <= |w_j - w_0j|, so flips of a sample cost sum z_ij^2 <= R_W^2: at most the knapsack", _CLAIMS["P4"], _moved, "shares"),
)  # fmt: skip


_FIRST = f.change_flips + f.change_outer
_A, _B = t.kappa * t.X_norm * (sp.sqrt(t.mass) + t.R_a), t.kappa * t.X_norm * t.R_W
_INSIDE = t.eta_W * _FIRST**2 + t.eta_a * f.change_a**2
_SQUARES = t.eta_W * _A**2 + t.eta_a * _B**2
TOGETHER = of_claim(
    f.FLIPS, "together", *_FEATURES, _OUTER, _FLIPS, *_KNAPSACK,
    monotone("root of the mass", "the root of the flipped mass", Bound(sp.sqrt(f.heavy), sp.sqrt(t.mass)), "P4", sp.Lambda(_y, sp.sqrt(_y))),
    combine("first layer", "flips and moved output weights", Bound(_FIRST, _A), {"P2": 1, "P3": 1, "root of the mass": t.kappa * t.X_norm}),
    monotone("first layer, squared", "squared", Bound(_FIRST**2, _A**2), "first layer", sp.Lambda(_y, _y**2)),
    monotone("features, squared", "squared", Bound(f.change_a**2, _B**2), "P1", sp.Lambda(_y, _y**2)),
    combine("squares", "with their rates", Bound(_INSIDE, _SQUARES), {"first layer, squared": t.eta_W, "features, squared": t.eta_a}),
    monotone("roots", "the root", Bound(sp.sqrt(_INSIDE), sp.sqrt(_SQUARES)), "squares", sp.Lambda(_y, sp.sqrt(_y))),
    sampled("two layers", "J J' is the sum of both layers', and a D - a_0 D_0 = (a - a_0) D + a_0 (D - D_0)", Bound(f.change, sp.sqrt(_INSIDE)), _moved),
    combine("all", "one after the other", _CLAIMS["together"], {"two layers": 1, "roots": 1}),
)  # fmt: skip

# --- P5: how many gates can flip ----------------------------------------------------------------------------

_C = sp.sqrt(2 / sp.pi)
_THETA = sp.log(2 / _C)
_rho = sp.Symbol("rho", nonnegative=True)
_h = sp.Symbol("h_0", real=True)
_BAND = _C * _rho - sp.erf(_rho / sp.sqrt(2))
BAND = (
    combine("radius", "rho is nonnegative", Bound(sp.S.Zero, _rho**2 / 2), {REST: _rho**2 / 2}),
    monotone("density", "exp(-rho^2/2) <= 1", Bound(sp.exp(-(_rho**2) / 2), sp.S.One), "radius", sp.Lambda(_h, sp.exp(-_h))),
    combine("slope", "times sqrt(2/pi)", Bound(sp.S.Zero, sp.diff(_BAND, _rho)), {"density": _C}),
    combine("from 0", "rho is nonnegative", Bound(sp.S.Zero, _rho), {REST: _rho}),
    monotone("band", "P(|N| <= rho) = erf(rho/sqrt 2) <= sqrt(2/pi) rho: the difference rises from 0", Bound(sp.S.Zero, _BAND), "from 0", sp.Lambda(_rho, _BAND), "slope"),
)  # fmt: skip


P_one = sp.Symbol("P_1", nonnegative=True)
_MOVES, _CHANCE = f"{GIVEN}moves", f"{GIVEN}p a chance"
#: gates within this distance of their sample's hyperplane are counted, those beyond cost more than its square
TAU = fc.BOUND / (3 * o.m)
(_TERMS,) = fc.BOUND.atoms(sp.Max)
_LONG = (o.m * t.R_W) ** sp.Rational(2, 3) / o.copies
_LOG = o.ell_n / o.FLIP_RATE
_EXPONENT = o.FLIP_RATE * _TERMS


def _counts(seed: int) -> Mapping[sp.Symbol, float]:
    """The chance, exactly, that more than 2 M tau of M gates start within tau, over n independent samples; and the flips."""
    rng = np.random.default_rng(seed)
    drawn, h, n, radius = (
        int(rng.integers(1, 200)),
        int(rng.integers(1, 3)),
        int(rng.integers(1, 5)),
        10 ** rng.uniform(-3, 0),
    )
    m, p = drawn * h, rng.uniform(0.01, 1)
    close = max((m * radius) ** (2 / 3), h * np.log(n / p) / float(o.FLIP_RATE)) / m
    one = float(stats.binom.sf(np.floor(2 * drawn * close), drawn, 2 * stats.norm.cdf(close) - 1))
    costs = np.sort(np.repeat(np.abs(rng.standard_normal(drawn)), h)) ** 2
    return {
        P_near: -np.expm1(n * np.log1p(-min(one, 1 - 1e-16))), P_one: one, o.n: n, o.m: m, o.copies: h, o.p: p, t.R_W: radius,
        fc.reached: np.sum(np.cumsum(costs) <= radius**2), near: np.sum(costs <= close**2),
    }  # fmt: skip


_LAPLACE = {
    textbook.chance: P_one,
    textbook.expected: o.DRAWN * _C * TAU,
    textbook.first: 2 * o.DRAWN * TAU,
    textbook.angle: _THETA,
}
_TAIL = sp.exp(o.DRAWN * _C * TAU * (sp.exp(_THETA) - 1) - 2 * _THETA * o.DRAWN * TAU)
COUNT = of_claim(
    fc.FLIP_COUNT, "flips", *BAND,
    combine("long", "one term of the bound", Bound(_LONG, _TERMS), {REST: _TERMS - _LONG, _MOVES: 0}),
    combine("positive", "the bound is positive", Bound(sp.S.Zero, _TERMS, strict=True), {_MOVES: _LONG / t.R_W, "long": 1}),
    combine("logarithm", "the other", Bound(_LOG, _TERMS), {REST: _TERMS - _LOG, _MOVES: 0, _CHANCE: 0}),
    monotone("cubes", "cubed", Bound((o.m * t.R_W) ** 2 / o.copies**3, _TERMS**3), "long", sp.Lambda(_y, _y**3), _MOVES),
    combine("far", "R_W^2/tau^2 <= m tau", Bound(t.R_W**2 / TAU**2, o.m * TAU), {"cubes": o.copies / _TERMS**2, "positive": 0, _MOVES: 0}),
    apply("Laplace", "tau is a third of the bound over m; theta = log(2/sqrt(2/pi)), for one sample", textbook_tails.LAPLACE_ABOVE.lemma, _LAPLACE, {}, "band", _MOVES),
    identity("exponent", "which is the exponent", _TAIL, sp.exp(-_EXPONENT), _MOVES),
    sampled("union", "over the samples; gates that share a draw count together", Bound(P_near, o.n * P_one), _counts),
    monotone("exponentials", "at most p/n", Bound(sp.exp(-_EXPONENT), sp.exp(-o.ell_n)), "logarithm", sp.Lambda(_h, sp.exp(-_h * o.FLIP_RATE))),
    combine("failure", "together", Bound(P_near, o.p), {"union": 1, "Laplace": o.n, "exponent": o.n, "exponentials": o.n}),
    sampled("near and far", "flips farther than tau cost more than tau^2 each", Bound(fc.reached, near + t.R_W**2 / TAU**2), _counts),
    combine("together", "one after the other", fc.FLIP_COUNT.claims[0].bound, {"near and far": 1, "far": 1, f"{EVENT}near": 1, "positive": 0, _MOVES: 0}),
    events=(Event("near", Bound(near, 2 * o.m * TAU), P_near),), failure="failure", chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (
    of_claim(f.FLIPS, "P1", *_FEATURES), of_claim(f.FLIPS, "P2", _OUTER, chain=("P2",)), of_claim(f.FLIPS, "P3", _FLIPS), of_claim(f.FLIPS, "P4", *_KNAPSACK), TOGETHER, COUNT,
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
