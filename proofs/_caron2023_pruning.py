"""Proofs of Prop R8 (caron2023, section 3.6): pruning, at time 0 and along the flow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import _caron2023_certificates as flow
import _caron2023_chances as ch
import _caron2023_lemmas as of
import numpy as np
import sympy as sp
from scipy.special import zeta

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import pruned, r0, r8, r8_start
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.pruned import K, tau

# --- (i): time 0 ---------------------------------------------------------------------------------------


def _counted(seed: int) -> Mapping[sp.Symbol, float]:
    """Up to three pruned nodes whose outputs take two values each, with random signs: all cases counted out."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(0, 4))
    scales, values = rng.dirichlet(np.full(m + 1, 0.5))[1:], rng.standard_normal(2)
    cases = product(product((-1, 1), values), repeat=m)
    total = [(np.sqrt(scales) @ np.array([sign * one for sign, one in case] or np.zeros(0))) ** 2 for case in cases]
    return {r8_start.cost: float(np.mean(total)), tau: scales.sum(), r8_start.second: float(np.mean(values**2))}


_EXACT = tau * r8_start.second
_HIGH, _LOW = (claim.bound for claim in r8_start.R8_START.claims)
AT_MOST = of_claim(
    r8_start.R8_START, "at most", ch.SIGNS,
    sampled("pruned nodes", "over the pruned nodes, y = 0: E (f_0 - f_0^K)^2 = sum_j lambda_j E s(g)^2 = tau_K E s(g)^2", Bound(r8_start.cost, _EXACT), _counted, "random signs"),
    combine("resolution", "less than any resolution", Bound(_EXACT, _HIGH.rhs), {REST: r8_start.epsilon * _EXACT}),
    combine("together", "one after the other", _HIGH, {"pruned nodes": 1, "resolution": 1}), chain=("pruned nodes", "resolution"),
)  # fmt: skip
AT_LEAST = of_claim(
    r8_start.R8_START, "at least", ch.SIGNS,
    sampled("pruned nodes", "over the pruned nodes, y = 0: E (f_0 - f_0^K)^2 = tau_K E s(g)^2", Bound(_EXACT, r8_start.cost), _counted, "random signs"),
    combine("resolution", "less than any resolution", Bound(_LOW.lhs, _EXACT), {REST: r8_start.epsilon * _EXACT}),
    combine("together", "one after the other", _LOW, {"resolution": 1, "pruned nodes": 1}), chain=("resolution", "pruned nodes"),
)  # fmt: skip

# --- (iv): the mass ------------------------------------------------------------------------------------

_kept, _pruned, _beyond = (sp.Symbol(name, positive=True) for name in ("h_K", "h_m", "h_r"))
_x, _e = sp.symbols("x e", positive=True)
_TAIL = {claim.label: claim.bound for claim in r8_start.R8_TAIL.claims}
_MIXED = s.gamma * (1 - K / s.m) + (1 - s.gamma) * r8_start.finite


def _scales(seed: int) -> Mapping[sp.Symbol, float]:
    """Node scales and their tails, K below, at and next to m."""
    rng = np.random.default_rng(seed)
    m, power = int(rng.integers(1, 60)), float(rng.choice([1.01, 1.5, 2.0, 3.3, 20.0]))
    k, even = int(rng.choice([0, 1, m, rng.integers(0, m + 1)])), float(rng.choice([0.0, 1.0, rng.random()]))
    uneven = np.arange(1, m + 1.0) ** -power
    scales = even / m + (1 - even) * uneven / uneven.sum()
    return {
        r8_start.finite: uneven[k:].sum() / uneven.sum(), r8_start.infinite: zeta(power, k + 1) / zeta(power), tau: scales[k:].sum(),
        K: max(k, 1) if k else np.nan, s.m: m, s.gamma: even, r8_start.alpha: 1 / power, r8_start.zipf: zeta(power),
    }  # fmt: skip


def _scales_any(seed: int) -> Mapping[sp.Symbol, float]:
    """The same for any K, 0 among them."""
    found = dict(_scales(seed))
    return found if found[K] == found[K] else found | {K: 0.0}


_SHARE = sampled("share", "gamma is a share", Bound(s.gamma, sp.S.One), _scales)
_ALPHA = {f"{GIVEN}alpha below 1": 0}
_KEEPS = {name: f"{GIVEN}{name}" for name in ("K at least 1", "alpha below 1")}
FINITE = of_claim(
    r8_start.R8_TAIL, "finite",
    combine("larger sums", "t/(h + t) <= (t + e)/(h + t + e), h: what is kept", Bound(_pruned / (_kept + _pruned), (_pruned + _beyond) / (_kept + _pruned + _beyond)),
        {REST: _kept * _beyond / ((_kept + _pruned) * (_kept + _pruned + _beyond))}),
    sampled("finite", "e: the scales of the nodes beyond m", _TAIL["finite"], _scales_any, "larger sums", f"{GIVEN}K at most m", f"{GIVEN}alpha below 1"),
    chain=("finite",),
)  # fmt: skip
ZIPF = of_claim(
    r8_start.R8_TAIL, "zipf",
    identity("integral", "the integral of x^(-1 - e) from K on", sp.Integral(_x ** (-1 - _e), (_x, _kept, sp.oo)), _kept**-_e / _e),
    sampled("falling", "j^(-1/alpha) is at most the integral over (j - 1, j), e = 1/alpha - 1", _TAIL["zipf"], _scales, "integral", f"{GIVEN}K at least 1", f"{GIVEN}alpha below 1"),
    chain=("falling",),
)  # fmt: skip
MASS = of_claim(
    r8_start.R8_TAIL, "mass", _SHARE,
    sampled("scales", "tau_K = gamma (m - K)/m + (1 - gamma) times the uneven share", Bound(tau, _MIXED), _scales_any),
    apply("finite", "an infinite network's tail", of_card(r8_start.R8_TAIL, "finite"), {}, {name: f"{GIVEN}{name}" for name in ("K at most m", "alpha below 1")}),
    apply("zipf", "and its integral", of_card(r8_start.R8_TAIL, "zipf"), {}, _KEEPS),
    combine("uneven part", "put in", Bound(_MIXED, _TAIL["mass"].rhs), {"finite": 1 - s.gamma, "zipf": 1 - s.gamma, "share": 0}),
    combine("together", "one after the other", _TAIL["mass"], {"scales": 1, "uneven part": 1}), chain=("scales", "uneven part"),
)  # fmt: skip
EVEN = of_claim(
    r8_start.R8_TAIL, "even part", _SHARE,
    combine("uneven part", "the uneven part is no less than nothing", Bound(r8_start.EVEN, _MIXED), {REST: (1 - s.gamma) * r8_start.finite, "share": 0}),
    sampled("scales", "tau_K = gamma (m - K)/m + (1 - gamma) times the uneven share", Bound(_MIXED, tau), _scales_any, f"{GIVEN}K at most m"),
    combine("together", "one after the other", _TAIL["even part"], {"uneven part": 1, "scales": 1}), chain=("uneven part", "scales"),
)  # fmt: skip

# --- (ii): along the flow ------------------------------------------------------------------------------

r_t, P_t = sp.symbols("r_t P_t", nonnegative=True)  # |r_t| and |f_t - f_t^K| on the samples
ROOT = sp.sqrt(s.s_X / s.d)
_L = sp.symbols("lambda_1:3", nonnegative=True)
_MOVES = sp.symbols("m_1:3", nonnegative=True)


def _pruned_nodes(seed: int) -> Mapping[sp.Symbol, float]:
    """A few pruned nodes before and after a movement: at one place along x, and on samples; often all moved alike."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs, scales = of.inputs_of(rng, n, d), rng.dirichlet(np.ones(m))
    weights, outer = rng.standard_normal((m, d)), np.sqrt(scales) * rng.choice([-1, 1], m)
    x, far = inputs[0], rng.exponential(1)
    step = np.sign(outer)[:, None] * x if seed % 2 else rng.standard_normal((m, d))
    later = weights + step * (far * np.sqrt(scales) / np.maximum(np.linalg.norm(step, axis=1), 1e-300))[:, None]

    def part(at: np.ndarray) -> np.ndarray:
        value = inputs @ at.T / np.sqrt(d)
        return (value if seed % 3 == 0 else np.maximum(value, 0)) @ outer

    before, after = part(weights), part(later)
    return {
        r8.grown: (abs(after[0]) - abs(before[0])) / np.linalg.norm(x), r8.moved: far, tau: scales.sum(), s.d: d,
        r8.cost: np.linalg.norm(before), P_t: np.linalg.norm(after), s.s_X: np.linalg.norm(inputs, 2) ** 2,
    }  # fmt: skip


_NODES = combine(
    "nodes", "node j changes by at most sqrt(lambda_j) |x| m_j/sqrt d; where m_j = c sqrt(lambda_j) - e_j: c lambda_j |x|/sqrt d; m = 2",
    Bound(sum(_L[j] * r8.moved - sp.sqrt(_L[j]) * _MOVES[j] for j in range(2)), r8.moved * sum(_L)), {REST: sum(sp.sqrt(_L[j]) * _MOVES[j] for j in range(2))},
)  # fmt: skip
MOVED = of_claim(
    r8.R8, "moved", of.LAGRANGE, _NODES,
    sampled("pruned part", "|f_t - f_t^K|(x) - |f_0 - f_0^K|(x) <= sum_{j > K} sqrt(lambda_j) |(w_tj - w_0j).x|/sqrt d, slopes at most 1",
        r8.R8.claims[0].bound, _pruned_nodes, "Cauchy and Schwarz", "nodes", f"{GIVEN}slope at most 1"),
    chain=("pruned part",),
)  # fmt: skip
SAMPLES = of.lemma(
    "pruned part on the samples", {}, of.LAGRANGE, _NODES,
    sampled("triangle", "|f_t - f_t^K| <= |f_0 - f_0^K| + sum_{j > K} sqrt(lambda_j) |X (w_tj - w_0j)|/sqrt d <= ... + c tau_K sqrt(s_X/d)",
        Bound(P_t, r8.cost + r8.moved * tau * ROOT), _pruned_nodes, "Cauchy and Schwarz", "nodes"),
)  # fmt: skip

_GIVEN = {name: f"{GIVEN}{name}" for name in r8.GIVEN}
_CARD_0 = {claim.label: claim for claim in r0.R0.claims}
_NAMES, _SIGNS = flow._NAMES, flow._SIGNS


def _within(reach: sp.Expr, certificate: Step, signs: Mapping[str, int]) -> tuple[Step, ...]:
    """Return the steps that nodes stay within a radius at all times."""
    left = reach - certificate.bound.rhs
    return certificate, combine(
        "for ever", "at all times", Bound(r8.moved, reach), {certificate.label: 1, REST: left, **signs}
    )


def _r0(label: str, **where: sp.Expr) -> Step:
    using = {name: f"{GIVEN}{name}" for name in _CARD_0[label].given}
    into = {core.moved_within: r8.moved} if label == "c" else {}
    return apply(f"certificate {label}", f"Prop R0 ({label})", of_card(r0.R0, label), into, using, *_NAMES)


_UNIT = combine("slopes of ReLU", "gates are 0 or 1, or between at the kink", Bound(sp.S.One, sp.S.One), {REST: 0})
CERTIFIED = of_claim(
    r8.R8, "certified", *_within(r0.REACH, _r0("c"), _SIGNS), _UNIT,
    apply("any", "claim moved", of_card(r8.R8, "moved"), {r0.slope: sp.S.One}, {"slope at most 1": "slopes of ReLU"}),
    combine("radius", "R0's radius for the movement", Bound(r8.ANY, r8.SURE), {"for ever": tau / sp.sqrt(s.d)}),
    combine("together", "one after the other", r8.R8.claims[1].bound, {"any": 1, "radius": 1}), chain=("any", "radius"),
)  # fmt: skip


def _residuals(seed: int) -> Mapping[sp.Symbol, float]:
    """A residual that has decayed, and a pruned part that is subtracted, often along it."""
    rng = np.random.default_rng(seed)
    start, end = rng.standard_normal((2, int(rng.integers(1, 5)))) * rng.exponential(1, (2, 1))
    time = rng.exponential(1)
    part = end * rng.random() if seed % 2 else rng.standard_normal(len(end))
    return {
        r_t: np.linalg.norm(end), r0.r_0: np.linalg.norm(start), r8.time: time,
        s.rate: 2 * np.log(np.linalg.norm(start) / np.linalg.norm(end)) / time, r8.risk: np.linalg.norm(end + part), P_t: np.linalg.norm(part),
    }  # fmt: skip


def decay(rate: sp.Expr, by: str, *signs: str) -> tuple[Step, ...]:
    """Return the steps to ``|y - f_t^K| <= exp(-rate t) |r_0| + |f_t - f_t^K|``; the step ``by`` says ``2 rate <= log(L_0/L_t)/t``."""
    x = sp.Symbol("x", real=True)
    shrink = r0.r_0 * sp.exp(-x * r8.time / 2)
    return (
        sampled("rate", "the rate is that of the loss |r|^2/2", Bound(r_t, shrink.subs(x, s.rate)), _residuals),
        monotone("decay", "which is at least that of the theorem", Bound(shrink.subs(x, s.rate), shrink.subs(x, 2 * rate)), by, sp.Lambda(x, shrink), *signs),
        apply("triangle", "y - f_t^K = r_t + (f_t - f_t^K)", textbook.TRIANGLE.lemma, {textbook.both: r8.risk, textbook.first: r_t, textbook.second: P_t}, {}),
    )  # fmt: skip


def _cost(run: Run) -> Measured:
    found = pruned.seen(run)
    parts = [pruned.pruned_part(run.instance, weights, run.instance.inputs) for weights in found.weights]
    return Measured(np.array([np.linalg.norm(part) for part, _ in parts]), np.array([1e-12 * np.linalg.norm(size) for _, size in parts]) + found.error)  # fmt: skip


def _left(run: Run) -> Measured:
    found = pruned.seen(run)
    assert run.trajectory is not None
    sizes = np.linalg.norm(run.trajectory.residual[1:], axis=1)
    return Measured(sizes, run.trajectory.residual_error[1:] + found.error)


SEEN = (
    Quantity(r_t, "|r_t|", _left),
    Quantity(P_t, "|f_t - f_t^K| on the samples", _cost),
    Quantity(r8.moved, "max_j |w_tj - w_0j|/sqrt(lambda_j)", pruned.movement),
)
RISK = of_claim(
    r8.R8, "risk", *_within(r0.REACH, _r0("c"), _SIGNS), _r0("b"), *decay(r0.MU, "certificate b"),
    apply("samples", "what is pruned, on the samples", SAMPLES.lemma, {}, {}),
    combine("residual", "the residual of the whole network", Bound(r_t + P_t, r8.DECAYS + P_t), {"rate": 1, "decay": 1}),
    combine("pruned part", "and R0's radius for the movement", Bound(r8.DECAYS + P_t, r8.R8.claims[2].bound.rhs), {"samples": 1, "for ever": tau * ROOT}),
    combine("together", "one after the other", r8.R8.claims[2].bound, {"triangle": 1, "residual": 1, "pruned part": 1}),
    chain=("triangle", "residual", "pruned part"), quantities=SEEN,
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (AT_MOST, AT_LEAST, FINITE, ZIPF, MASS, EVEN, SAMPLES, MOVED, CERTIFIED, RISK)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
