"""Proofs of razborov2022's theorem R1, gradient flow.

Rescaled parameters W/sqrt(eta_W), a/sqrt(eta_a) turn two rates into one: J is their Jacobian, K = J J'. Quantities with a
``w`` in their names are about the time while the path is no longer than the theorem says (a little more, by any epsilon).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theorycheck import measure, textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.measure import NoTrajectory
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems import core
from theorycheck.theorems.razborov2022 import r1
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t

k, k_w, D_w, L_w, length, ell_min = sp.symbols("k k_w D_w L_w L_T ell_min", nonnegative=True)
epsilon = sp.Symbol("epsilon", positive=True)
_x, _y = sp.Symbol("x", positive=True), sp.Symbol("y", nonnegative=True)
_IN, _DEFINITE = f"{GIVEN}c in (0, 1)", f"{GIVEN}K_0 definite"
SIGNS = (_IN, _DEFINITE)
NONE = dict.fromkeys(SIGNS, 0)
KEPT = (1 - t.c) * t.alpha


def lemma(name: str, premises: Mapping[str, Bound], *steps: Step) -> Proof:
    """Return a lemma that no card states by itself."""
    goal = steps[-1].bound
    return Proof(f"razborov2022 {name}", goal, premises, goal.symbols, steps)


# --- how far the Jacobian moves (4.4) -----------------------------------------------------------------

_a, _b, _g, _h = sp.symbols("a a_0 g g_0", real=True)
_M, _P = sp.symbols("m_1 p_1", nonnegative=True)
PARTS = identity(
    "two parts", "a_j g_ij - a_0j g_0ij = (a_j - a_0j) g_ij + a_0j (g_ij - g_0ij): moved output weights, and flips",
    _a * _g - _b * _h, (_a - _b) * _g + _b * (_g - _h),
)  # fmt: skip
_OUTER, _ALL = sp.sqrt(t.eta_a) * _P, t.eta_W * (_M + sp.sqrt(t.eta_a) * _P) ** 2
_USED = t.eta_W * (_M + _OUTER * (1 - _y)) ** 2 + t.eta_a * t.eta_W * _P**2 * (2 * _y - _y**2)
JOINT = combine(
    "one ball", "eta_W (M' + sqrt(eta_a) p (1 - y))^2 + eta_a eta_W p^2 (1 - (1 - y)^2) is largest at y = 0 (errata I2)",
    Bound(_USED, _ALL), {REST: sp.expand(_ALL - _USED)},
)  # fmt: skip


def _knapsack(costs: np.ndarray, gains: np.ndarray, budget: float) -> float:
    """Return the fractional knapsack of the neurons that can flip within the budget."""
    near = costs <= budget
    order = np.argsort(costs[near] / gains[near])
    cost, gain = costs[near][order], gains[near][order]
    left, value = budget, 0.0
    for price, worth in zip(cost, gain, strict=True):
        share = 1.0 if price <= left else left / price
        value, left = value + share * worth, left - share * price
        if share < 1:
            break
    return value


def _jacobian(
    inputs: np.ndarray, weights: np.ndarray, outer: np.ndarray, gates: np.ndarray, rates: np.ndarray, kappa: float
) -> np.ndarray:
    first = (kappa * np.sqrt(rates[0]) * (gates * outer)[:, :, None] * inputs[:, None, :]).reshape(len(inputs), -1)
    return np.hstack([first, kappa * np.sqrt(rates[1]) * np.maximum(inputs @ weights.T, 0)])


def _perturbed(seed: int) -> Mapping[sp.Symbol, float]:
    """A random ReLU network, moved within the ball of the path; kinks on the way count as any gate in [0, 1]."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 5, 3)
    inputs, weights, outer = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.standard_normal(m)
    rates, kappa, path = 10 ** rng.uniform(-1, 1, 2), rng.exponential(1), 10 ** rng.uniform(-1.5, 0.5)
    step = rng.standard_normal(m * d + m)
    step *= path / np.linalg.norm(step)
    later, moved = weights + np.sqrt(rates[0]) * step[: m * d].reshape(m, d), outer + np.sqrt(rates[1]) * step[m * d :]
    before, after = (np.where(inputs @ w.T > 0, 1.0, 0.0) for w in (weights, later))
    distances = (np.abs(inputs @ weights.T) / np.linalg.norm(inputs, axis=1)[:, None]) ** 2
    mass = max(_knapsack(row, outer**2, rates[0] * path**2) for row in distances)
    change = _jacobian(inputs, later, moved, after, rates, kappa) - _jacobian(
        inputs, weights, outer, before, rates, kappa
    )
    return {
        D_w: np.linalg.norm(change, 2), t.kappa: kappa, t.X_norm: np.linalg.norm(inputs, 2), t.eta_W: rates[0], t.eta_a: rates[1],
        t.mass: mass, length: path,
    }  # fmt: skip


_BOUND = t.kappa * t.X_norm * sp.sqrt(t.eta_W) * (sp.sqrt(t.mass) + sp.sqrt(t.eta_a) * length)
CHANGE = lemma(
    "change of the Jacobian", {}, PARTS, JOINT,
    sampled("flips and outer weights", "|J - J_0| on a ball of radius p: a gate flips only if |w_0j.x_i| <= |x_i| |w_j - w_0j|, so flipped gates of a sample cost sum z_ij^2 <= eta_W p^2, the knapsack M", Bound(D_w, _BOUND), _perturbed, "two parts", "one ball"),
)  # fmt: skip

# --- the length of the path (R0') --------------------------------------------------------------------

_r, _e = sp.symbols("r_1:4", real=True), sp.symbols("e_1:4", nonnegative=True)
_SQUARE, _OVER = sum(part**2 for part in _r), sum((gap * part**2 for gap, part in zip(_e, _r, strict=True)), sp.S.Zero)
_rho, _v = sp.Symbol("rho", positive=True), sp.Symbol("v", nonnegative=True)


def _travelled(seed: int) -> Mapping[sp.Symbol, float]:
    """|r| falls at v^2/|r| where the parameters move at v >= sqrt(k) |r|: pieces of constant ratio, in closed form."""
    rng = np.random.default_rng(seed)
    floor = 10 ** rng.uniform(-1, 1)
    speeds = floor * (1 + rng.exponential(1, 6) * (rng.random(6) < 0.4))
    cuts = np.concatenate([[1.0], np.cumprod(rng.uniform(0.2, 0.9, 6))])
    return {length: np.sum((cuts[:-1] - cuts[1:]) / speeds), t.r_0: 1.0, k: floor**2}


PATH = lemma(
    "path", {"gap": Bound(r1.FLOOR, k), "c in (0, 1)": dict(t.TESTS_R1["flow"])["c in (0, 1)"], "K_0 definite": dict(t.TESTS_R1["flow"])["K_0 definite"]},
    combine("Rayleigh", "|J'r|^2 = r'K r >= k |r|^2, in K's eigenbasis with eigenvalues k + e_i", Bound(k * _SQUARE, k * _SQUARE + _OVER), {REST: _OVER}),
    sampled("length", "so -d|r| = |J'r|^2/|r| >= sqrt(k) |J'r|, the speed of the parameters; integrated", Bound(length, t.r_0 / sp.sqrt(k)), _travelled, "Rayleigh"),
    monotone("at the floor", "and k is at least (1 - c)^2 alpha^2", Bound(t.r_0 / sp.sqrt(k), r1.PATH), "gap", sp.Lambda(_x, t.r_0 / sp.sqrt(_x)), "c in (0, 1)", "K_0 definite"),
    combine("together", "one after the other", Bound(length, r1.PATH), {"length": 1, "at the floor": 1}),
)  # fmt: skip

# --- a card about flow ---------------------------------------------------------------------------------


def _bound(card: Theorem, label: str) -> Bound:
    return next(claim.bound for claim in card.claims if claim.label == label)


def _path(label: str, gap: str, gram: sp.Symbol, path: sp.Symbol) -> Step:
    return apply(
        label,
        "a path of the parameters is at most |r_0|/((1 - c) alpha)",
        PATH.lemma,
        {k: gram, length: path},
        {"gap": gap, "c in (0, 1)": _IN, "K_0 definite": _DEFINITE},
        *SIGNS,
    )


def _least(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the squared least singular value of a random Jacobian, and the least eigenvalue of its Gram."""
    jacobian = np.random.default_rng(seed).standard_normal((3, 5))
    return {
        k: np.linalg.svd(jacobian, compute_uv=False)[-1] ** 2,
        s.least: np.linalg.eigvalsh(jacobian @ jacobian.T)[0],
    }


ROOM = combine("room", "which leaves room", Bound(r1.PATH, r1.PATH + epsilon, strict=True), {REST: epsilon, **NONE})


def gram(card: Theorem, change: Proof) -> Proof:
    """Return the proof of a card's claim ``gram`` from a lemma that bounds the change of J on a ball of radius ``length``."""
    return of_claim(
        card, "gram",
        apply("change", "while the path is no longer than that", change.lemma, {length: r1.PATH}, {}, *SIGNS),
        combine("little change", "by the test", Bound(D_w, t.c * t.alpha), {"change": 1, f"{GIVEN}test": 1}),
        apply("Weyl", "the least singular value of J", of_card(core.WEYL, "singular value"), {core.least_start: t.alpha, core.least_end: sp.sqrt(k_w), core.jump: D_w}, {}),
        combine("kept", "keeps a share 1 - c", Bound(KEPT, sp.sqrt(k_w)), {"Weyl": 1, "little change": 1}),
        monotone("squares", "squared: an eigenvalue of K", Bound(r1.FLOOR, k_w), "kept", sp.Lambda(_y, _y**2), *SIGNS),
        _path("path", "squares", k_w, L_w),
        ROOM,
        apply("for ever", "so it is never longer", textbook.BOOTSTRAP.lemma,
            {textbook.floor: r1.FLOOR, textbook.seen: k_w, textbook.ever: k, textbook.moved: L_w, textbook.better: r1.PATH, textbook.radius: r1.PATH + epsilon},
            {"while": "squares", "better": "path", "room": "room"}, *SIGNS),
        sampled("Gram", "k, the squared least singular value of J, is the least eigenvalue of K = J J'", Bound(k, s.least), _least),
        combine("together", "one after the other", _bound(card, "gram"), {"for ever": 1, "Gram": 1}),
    )  # fmt: skip


def _gram(card: Theorem, at: sp.Symbol) -> Step:
    given = next(claim.given for claim in card.claims if claim.label == "gram")
    return apply(
        "gram", "at all times", of_card(card, "gram"), {s.least: at}, {name: f"{GIVEN}{name}" for name in given}
    )


POSITIVE = combine("positive", "so the tangent Gram is definite", Bound(sp.S.Zero, ell_min, strict=True), {"gram": 1, REST: r1.FLOOR, **NONE})  # fmt: skip


def rate(card: Theorem) -> Proof:
    """Return the proof of a card's claim ``rate`` from its claim ``gram``."""
    return of_claim(
        card, "rate", _gram(card, ell_min), POSITIVE,
        apply("Groenwall", "the loss decays at twice its least eigenvalue over time", of_card(core.GROENWALL, "rate"), {core.mu: ell_min, sp.Symbol("R_t", nonnegative=True): s.rate}, {"gap": "positive"}),
        combine("twice", "at least twice the floor", Bound(r1.RATE, 2 * ell_min), {"gram": 2}),
        combine("together", "one after the other", _bound(card, "rate"), {"twice": 1, "Groenwall": 1}),
        chain=("twice", "Groenwall"), quantities=(Quantity(ell_min, "least eigenvalue of the tangent Gram over the run", measure.least_overall),),
    )  # fmt: skip


def travelled(run: Run) -> Measured:
    """Return the path's length, int sqrt(r'K r), between its lower and upper sums."""
    if run.trajectory is None:
        raise NoTrajectory("the path belongs to a flow: simulate the instance first")
    path = run.trajectory
    speed = np.sqrt(np.maximum(np.einsum("ki,kij,kj->k", path.residual, path.gram, path.residual), 0.0))
    steps, ends = np.diff(path.times), np.stack([speed[:-1], speed[1:]])
    return Measured.between(float(steps @ ends.min(axis=0)), float(steps @ ends.max(axis=0)))


def _layer(moved: sp.Symbol, rate: sp.Symbol) -> object:
    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        """A polygon in the rescaled parameters: each layer moves at most sqrt(rate) times its length."""
        rng = np.random.default_rng(seed)
        steps, share = rng.standard_normal((5, 4)) * 10 ** rng.uniform(-1, 1, (5, 1)), 10 ** rng.uniform(-2, 1)
        if rng.random() < 0.3:
            steps[:, 2:] = 0
            steps[1:] = np.abs(rng.standard_normal((4, 1))) * steps[0]
        return {
            moved: np.sqrt(share) * np.linalg.norm(steps[:, :2].sum(axis=0)),
            rate: share,
            length: np.linalg.norm(steps, axis=1).sum(),
        }

    return draw


def moved(card: Theorem, label: str, layer: sp.Symbol, rate: sp.Symbol) -> Proof:
    """Return the proof of a card's claim that a layer moves at most sqrt(its rate) times the path."""
    return of_claim(
        card, label, _gram(card, k), _path("path", "gram", k, length),
        sampled("layer", "a layer moves at most sqrt(its rate) times the path of the rescaled parameters", Bound(layer, sp.sqrt(rate) * length), _layer(layer, rate)),
        combine("scaled", "times sqrt(its rate)", Bound(sp.sqrt(rate) * length, sp.sqrt(rate) * r1.PATH), {"path": sp.sqrt(rate)}),
        combine("together", "one after the other", _bound(card, label), {"layer": 1, "scaled": 1}),
        chain=("layer", "scaled"), quantities=(Quantity(length, "length of the path of the rescaled parameters", travelled),),
    )  # fmt: skip


def of_flow(card: Theorem, change: Proof) -> tuple[Proof, ...]:
    """Return the proofs of a card about flow whose Jacobian changes as a lemma says."""
    return (
        gram(card, change), rate(card), moved(card, "weights", s.moved_W, t.eta_W), moved(card, "outer", s.moved_a, t.eta_a),
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = (CHANGE, PATH, *of_flow(r1.R1, CHANGE))

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
