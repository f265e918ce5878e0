"""Proofs of R0''' (razborov2022, section 3.1, errata B15): a radius for each layer, for flow and for descent.

Symbols with a ``w`` are about the time while both layers are in their balls (a little more, by any epsilon: a layer is
strictly inside as long as |r| is not 0). Both bounds on how far a layer moves hold at once, so the smaller one does. What
is bootstrapped on are the two overshoots together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import _razborov2022_descent as descent
import _razborov2022_flow as flow
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.certify.recipe import Dynamics
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, monotone, sampled
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems import core
from theorycheck.theorems.razborov2022 import meta, r1
from theorycheck.theorems.razborov2022 import r0_radii as card
from theorycheck.theorems.razborov2022 import r1_descent as gd
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.certificates import guess

k, k_w, D_w, L_w, epsilon = flow.k, flow.k_w, flow.D_w, flow.L_w, flow.epsilon
#: how far the layers are, how far their Jacobians are, the integral of |r|, overshoots, and exp(-distance)
x, z, E_W, E_a, total, p, q_a, u, u_w = sp.symbols("x_w z_w E_W E_a T_w p_w q_w u u_w", nonnegative=True)
_a, _b, _c = sp.symbols("a_0 b_0 c_0", nonnegative=True)
_x, _y, _v = sp.Symbol("x", positive=True), sp.Symbol("y", nonnegative=True), sp.Symbol("v", real=True)


def _smaller(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    size = rng.exponential(1)
    return {_a: size, _b: size * rng.choice([1, 1 + rng.exponential(1)]), _c: size * rng.choice([1, 1 + rng.exponential(1)])}  # fmt: skip


SMALLER = flow.lemma(
    "the smaller of two bounds", {"one": Bound(_a, _b), "other": Bound(_a, _c)},
    sampled("minimum", "what is below two numbers is below the smaller one", Bound(_a, sp.Min(_b, _c)), _smaller, "one", "other"),
)  # fmt: skip


def _perturbed(seed: int) -> Mapping[sp.Symbol, float]:
    """A random ReLU network, moved within a ball for each layer, often all the way; kinks count as any gate in [0, 1]."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 5, 3)
    inputs, weights, outer = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.standard_normal(m)
    rates, kappa, radii = 10 ** rng.uniform(-1, 1, 2), rng.exponential(1), 10 ** rng.uniform(-1.5, 0.5, 2)
    first, last = rng.standard_normal((m, d)), rng.standard_normal(m)
    if seed % 2:  # towards the gates of one sample
        first = -np.outer(weights @ inputs[0], inputs[0]) * (rng.random((m, 1)) < 0.5) + 1e-9
    later = weights + radii[0] * first / np.linalg.norm(first)
    moved = outer + radii[1] * rng.choice([1, rng.random()]) * last / np.linalg.norm(last)
    before, after = (np.where(inputs @ w.T > 0, 1.0, 0.0) for w in (weights, later))
    distances = (np.abs(inputs @ weights.T) / np.linalg.norm(inputs, axis=1)[:, None]) ** 2
    change = [
        flow._jacobian(inputs, later, moved, after, one, kappa) - flow._jacobian(inputs, weights, outer, before, one, kappa)
        for one in (rates, np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    ]  # fmt: skip
    return {
        **dict(zip((D_w, E_W, E_a), (np.linalg.norm(one, 2) for one in change), strict=True)), t.kappa: kappa,
        t.X_norm: np.linalg.norm(inputs, 2), t.eta_W: rates[0], t.eta_a: rates[1], t.R_W: radii[0], t.R_a: radii[1],
        t.mass: max(flow._knapsack(row, outer**2, radii[0] ** 2) for row in distances),
    }  # fmt: skip


CHANGE = flow.lemma(
    "change of the Jacobian on two balls", {}, flow.PARTS,
    sampled("flips and outer weights", "flipped gates of a sample cost sum z_ij^2 <= R_W^2, the knapsack M; and moved output weights, and features", Bound(D_w, t.CHANGE_RADII), _perturbed, "two parts"),
)  # fmt: skip
CHANGES = {
    one: flow.lemma(f"change of {name} on two balls", {}, flow.PARTS, sampled("change", "as before, without rates (errata B15)", Bound(one, bound), _perturbed, "two parts"))
    for one, bound, name in ((E_W, t._EPS_W, "J_W"), (E_a, t._EPS_A, "J_a"))
}  # fmt: skip


def _driven(layer: sp.Symbol, rate: sp.Symbol, beta: sp.Symbol, changed: sp.Symbol) -> Callable[[int], Mapping[sp.Symbol, float]]:  # fmt: skip
    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        """Pieces of a path, each its rate times J'r; J at a distance from J_0."""
        rng = np.random.default_rng(seed)
        start, share = rng.standard_normal((2, 3)), 10 ** rng.uniform(-2, 1)
        changes = rng.standard_normal((4, 2, 3)) * 10 ** rng.uniform(-3, 0)
        residuals = rng.standard_normal((4, 2)) * rng.exponential(1, (4, 1))
        if seed % 2:  # along the largest singular vector, all the time
            left, _, right = np.linalg.svd(start)
            changes = np.broadcast_to(np.outer(left[:, 0], right[0]) * rng.random(), (4, 2, 3))
            residuals = left[:, 0] * rng.exponential(1, (4, 1))
        moved = sum((start + one).T @ r for one, r in zip(changes, residuals, strict=True))
        return {
            layer: share * np.linalg.norm(moved), rate: share, beta: np.linalg.norm(start, 2),
            changed: max(np.linalg.norm(one, 2) for one in changes), total: np.linalg.norm(residuals, axis=1).sum(),
        }  # fmt: skip

    return draw


def _over(layer: sp.Symbol, radius: sp.Symbol, by: sp.Symbol) -> Callable[[int], Mapping[sp.Symbol, float]]:
    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        far, bar = np.random.default_rng(seed).exponential(1, 2)
        return {layer: far, radius: bar, by: max(0.0, far - bar)}

    return draw


def _either(name: str, layer: sp.Symbol, path: sp.Expr, whole: sp.Expr, dynamics: Dynamics) -> Step:
    """Return the step that both bounds hold at once; SymPy does not see that descent's are defined, so that one is sampled."""
    label, says, using = (
        f"{name} by either",
        "so by the smaller of the two",
        (f"{name} by the path", f"{name} by the residual"),
    )
    if dynamics == "flow":
        return apply(
            label,
            says,
            SMALLER.lemma,
            {_a: layer, _b: path, _c: whole},
            dict(zip(("one", "other"), using, strict=True)),
            *flow.SIGNS,
        )

    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        rng = np.random.default_rng(seed)
        low, high = np.sort(rng.uniform(0.01, 0.4, 2))
        others = (t.kappa, t.X_norm, t.eta_W, t.eta_a, t.r_0, t.mass, t.R_W, t.R_a, t.beta_W, t.beta_a)
        at = {
            t.c: rng.uniform(0.01, 0.2),
            t.alpha_squared: low,
            t.top: high,
            **dict(zip(others, rng.exponential(1, 10), strict=True)),
        }
        return {**at, layer: min(guess(path, at), guess(whole, at)) * rng.choice([1, rng.random()])}

    return sampled(label, says, Bound(layer, sp.Min(path, whole)), draw, *using)


def _stays(name: str, layer: sp.Symbol, by: sp.Symbol, dynamics: Dynamics) -> tuple[Step, ...]:
    """Steps to a layer staying in its ball, from ``path`` and ``total``."""
    first = name == "W"
    rate, beta, radius = (t.eta_W, t.beta_W, t.R_W) if first else (t.eta_a, t.beta_a, t.R_a)
    changed, bound = (E_W, t._EPS_W) if first else (E_a, t._EPS_A)
    path, whole = sp.sqrt(rate) * t.PATH[dynamics], rate * (beta + bound) * t._TOTAL[dynamics]
    raw = rate * (beta + changed) * total
    label = "radius of W" if first else "radius of a"
    return (
        sampled(f"{name} on the path", "at most sqrt(its rate) times the path of the rescaled parameters", Bound(layer, sp.sqrt(rate) * L_w), lambda seed: _renamed(layer, rate, seed)),
        combine(f"{name} by the path", "which has a bound", Bound(layer, path), {f"{name} on the path": 1, "path": sp.sqrt(rate)}),
        apply(f"change of J_{name}", "while in the balls", CHANGES[changed].lemma, {}, {}),
        sampled(f"{name} is driven", "at its rate by J'r, |J| <= beta + E", Bound(layer, raw), _driven(layer, rate, beta, changed)),
        combine(f"{name} by the residual", "its integral has a bound, too", Bound(layer, whole), {f"{name} is driven": 1, f"change of J_{name}": rate * total, "total": rate * (beta + bound)}),
        _either(name, layer, path, whole, dynamics),
        combine(f"{name} inside", "which the radius allows", Bound(layer, radius), {f"{name} by either": 1, f"{GIVEN}{label}": 1}),
        sampled(f"overshoot of {name}", "p = max(0, distance - radius): either p or p - (distance - radius) is 0", Bound(by**2, by * (layer - radius)), _over(layer, radius, by)),
        combine(f"{name} over", "its square is nothing", Bound(by**2, sp.S.Zero), {f"overshoot of {name}": 1, f"{name} inside": by}),
        monotone(f"no overshoot of {name}", "its root", Bound(by, sp.S.Zero), f"{name} over", sp.Lambda(_y, sp.sqrt(_y))),
    )  # fmt: skip


def _renamed(layer: sp.Symbol, rate: sp.Symbol, seed: int) -> Mapping[sp.Symbol, float]:
    found = flow._layer(layer, rate)(seed)
    return {**found, L_w: found[flow.length]}


def _inside(dynamics: Dynamics) -> tuple[Step, ...]:
    return (
        *_stays("W", x, p, dynamics), *_stays("a", z, q_a, dynamics),
        combine("no overshoot", "of either layer", Bound(p + q_a, sp.S.Zero), {"no overshoot of W": 1, "no overshoot of a": 1}),
        combine("room", "which leaves room", Bound(sp.S.Zero, epsilon, strict=True), {"nonnegative": epsilon}),
    )  # fmt: skip


def _ever(floor: sp.Expr, seen: sp.Symbol, ever: sp.Symbol, held: str, *signs: str) -> Step:
    return apply(
        "for ever", "so neither layer leaves its ball, and what was said holds for ever", textbook.BOOTSTRAP.lemma,
        {textbook.floor: floor, textbook.seen: seen, textbook.ever: ever, textbook.moved: p + q_a, textbook.better: sp.S.Zero, textbook.radius: epsilon},
        {"while": held, "better": "no overshoot", "room": "room"}, *signs,
    )  # fmt: skip


# --- flow -----------------------------------------------------------------------------------------------------


def _integral(seed: int) -> Mapping[sp.Symbol, float]:
    """|r| falls at a rate of at least k: pieces of constant rate, the last one cut off."""
    rng = np.random.default_rng(seed)
    least = 10 ** rng.uniform(-1, 1)
    rates = least * (1 + rng.exponential(1, 6) * (rng.random(6) < 0.4))
    ends = np.concatenate([[1.0], np.cumprod(rng.uniform(0.05, 0.9, 6))])
    return {total: np.sum((ends[:-1] - ends[1:]) / rates), t.r_0: 1.0, k_w: least}


_FLOW = (
    apply("change", "while both layers are in their balls", CHANGE.lemma, {}, {}),
    combine("little change", "by the test", Bound(D_w, t.c * t.alpha), {"change": 1, f"{GIVEN}test": 1}),
    apply("Weyl", "the least singular value of J", of_card(core.WEYL, "singular value"), {core.least_start: t.alpha, core.least_end: sp.sqrt(k_w), core.jump: D_w}, {}),
    combine("kept", "keeps a share 1 - c", Bound(flow.KEPT, sp.sqrt(k_w)), {"Weyl": 1, "little change": 1}),
    monotone("squares", "squared: an eigenvalue of K", Bound(r1.FLOOR, k_w), "kept", sp.Lambda(_y, _y**2), *flow.SIGNS),
    flow._path("path", "squares", k_w, L_w),
    sampled("integral", "|r| falls at a rate of at least k, so that int |r| <= |r_0|/k", Bound(total, t.r_0 / k_w), _integral),
    monotone("at the floor", "and k is at least its floor", Bound(t.r_0 / k_w, t._TOTAL["flow"]), "squares", sp.Lambda(_x, t.r_0 / _x), *flow.SIGNS),
    combine("total", "together", Bound(total, t._TOTAL["flow"]), {"integral": 1, "at the floor": 1}),
    *_inside("flow"),
)  # fmt: skip


def _last(layer: sp.Symbol, seen: sp.Symbol) -> Callable[[int], Mapping[sp.Symbol, float]]:
    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        """exp(-distance) where that is largest, and the distance somewhere on the way."""
        far = np.random.default_rng(seed).exponential(1, 4)
        return {layer: far[seed % 4] if seen == u else far.max(), seen: float(np.exp(-far.max()))}

    return draw


def _ball(label: str, of: Theorem, steps: tuple[Step, ...]) -> Proof:
    """Return the proof that a layer stays in its ball: exp(-distance) is what is bootstrapped."""
    name, layer, measured, radius = ("W", x, s.moved_W, t.R_W) if label == "weights" else ("a", z, s.moved_a, t.R_a)
    return of_claim(
        of, label, *steps,
        monotone("closeness", "exp(-distance) is at least that at the radius", Bound(sp.exp(-radius), sp.exp(-layer)), f"{name} inside", sp.Lambda(_v, sp.exp(-_v))),
        sampled("where farthest", "the least of exp(-distance)", Bound(sp.exp(-layer), u_w), _last(layer, u_w)),
        combine("close", "while in the balls", Bound(sp.exp(-radius), u_w), {"closeness": 1, "where farthest": 1}),
        _ever(sp.exp(-radius), u_w, u, "close"),
        sampled("at any time", "no farther than where it is farthest", Bound(u, sp.exp(-measured)), _last(measured, u)),
        combine("closeness for ever", "one after the other", Bound(sp.exp(-radius), sp.exp(-measured)), {"for ever": 1, "at any time": 1}),
        monotone("together", "minus the logarithm", Bound(measured, radius), "closeness for ever", sp.Lambda(_x, -sp.log(_x))),
    )  # fmt: skip


_GRAM = of_claim(
    card.RADII, "gram", *_FLOW, _ever(r1.FLOOR, k_w, k, "squares", *flow.SIGNS),
    sampled("Gram", "k, the squared least singular value of J, is the least eigenvalue of K = J J'", Bound(k, s.least), flow._least),
    combine("together", "one after the other", Bound(r1.FLOOR, s.least), {"for ever": 1, "Gram": 1}),
)  # fmt: skip

# --- descent ---------------------------------------------------------------------------------------------------

_g, _g_w, _h_w, _q = descent.g, descent.g_w, descent.h_w, descent.q


def _summed(seed: int) -> Mapping[sp.Symbol, float]:
    """Residuals whose squares fall by a share of at least g, often by no more; the step under way begins at the last."""
    rng = np.random.default_rng(seed)
    least = rng.uniform(0.001, 0.99)
    shares = least + (1 - least) * rng.random(60) * (rng.random(60) < 0.2)
    return {total: np.concatenate([[1.0], np.cumprod(np.sqrt(1 - shares))]).sum(), t.r_0: 1.0, _g_w: min(shares.min(), 1.0)}  # fmt: skip


_NEAR = {name: f"{GIVEN}{name}" for name in (descent.RANGE, descent.DEFINITE)}
_LITTLE = {"little change": "little change", "q": "q", **_NEAR}
_SURE = ("c positive", "c below", f"{GIVEN}{descent.DEFINITE}")
_TOTAL_Q = 2 * t.r_0 / (_q * t.alpha_squared)
_DESCENT = (
    *descent.OF_CARD, descent.DEFINED, descent.CARDS_PATH,
    apply("change", "while both layers are in their balls", CHANGE.lemma, {}, {}),
    combine("little change", "by the test", Bound(D_w, t.c * t.alpha), {"change": 1, f"{GIVEN}test": 1}),
    apply("gain", "a step takes q alpha^2 of the loss", descent.GAIN.lemma, {}, _LITTLE),
    apply("fall", "and q alpha/(2 (1 + c)) of the residual per length", descent.FALL.lemma, {}, _LITTLE),
    apply("polygon", "so that the path is at most 2 (1 + c) |r_0|/(q alpha)", descent.LENGTH.lemma, {descent.h: _h_w, flow.length: L_w}, {"fall": "fall", "q": "q", **_NEAR}),
    combine("path", "with q for what it stands for", Bound(L_w, t.PATH["descent"]), {"polygon": 1, "card's path": 1}),
    sampled("sum", "a geometric series, sum |r| <= |r_0|/(1 - sqrt(1 - g)) <= 2 |r_0|/g", Bound(total, 2 * t.r_0 / _g_w), _summed),
    monotone("at the gain", "and g is at least q alpha^2", Bound(2 * t.r_0 / _g_w, _TOTAL_Q), "gain", sp.Lambda(_x, 2 * t.r_0 / _x), *_SURE),
    monotone("card's total", "with q for what it stands for", Bound(_TOTAL_Q, t._TOTAL["descent"]), "q", sp.Lambda(_x, 2 * t.r_0 / (_x * t.alpha_squared)), *_SURE),
    combine("total", "together", Bound(total, t._TOTAL["descent"]), {"sum": 1, "at the gain": 1, "card's total": 1}),
    *_inside("descent"),
)  # fmt: skip
_CONTRACTION = of_claim(
    card.RADII_DESCENT, "contraction", *_DESCENT, _ever(_q * t.alpha_squared, _g_w, _g, "gain"),
    combine("each step", "with q for what it stands for", Bound(gd.GAIN, _g), {"for ever": 1, "q": -t.alpha_squared}),
    sampled("all steps", "1 - (L_k/L_0)^(1/k): the geometric mean of what steps leave is at most 1 - g", Bound(_g, meta.TAKEN), descent._falls),
    combine("together", "one after the other", Bound(gd.GAIN, meta.TAKEN), {"each step": 1, "all steps": 1}),
    chain=("each step", "all steps"), quantities=(Quantity(_g, "least share of the loss that a step takes off", descent.least_gain),),
)  # fmt: skip

_LABELS = ("weights", "outer")
PROOFS: tuple[Proof, ...] = (
    SMALLER, CHANGE, *CHANGES.values(), _GRAM, flow.rate(card.RADII), *(_ball(label, card.RADII, _FLOW) for label in _LABELS),
    _CONTRACTION, *(_ball(label, card.RADII_DESCENT, _DESCENT) for label in _LABELS),
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
