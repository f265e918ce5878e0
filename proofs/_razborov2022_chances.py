"""Proofs of razborov2022's Lemmas C1, C2 and of the sizes at time 0 (section 4.3, errata A1): matrix Chernoff, Gaussian tails."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import textbook, textbook_tails
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import chernoff as c
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import sizes
from theorycheck.theorems.razborov2022 import statements as t

P_W, P_a, P_F, P_o, P_each = sp.symbols("P_W P_a P_F P_o P_1", nonnegative=True)
truncated, truncated_a = sp.symbols("L_W L_a", real=True)  # least eigenvalues of the truncated sums
cut, mean_kept, summand = sp.symbols("E_cut mu_T s_1", nonnegative=True)
mean_Phi, square_Phi, mean_f = sp.symbols("E_Phi E_Phi2 E_f", nonnegative=True)
_z = sp.Symbol("z", real=True)
_DENSITY = sp.exp(-(_z**2) / 2) / sp.sqrt(2 * sp.pi)
_CHANCE, _INPUT = f"{GIVEN}p a chance", f"{GIVEN}nonzero inputs"
_y = sp.Symbol("y", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in c.CHERNOFF.claims}

# --- C1: the Gram of the first layer --------------------------------------------------------------------


def _network(seed: int, normal: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs ``(n, d)``, gates ``(n, m)`` and output weights ``(m,)``."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 5, 3)
    inputs = rng.standard_normal((n, d)) * 10 ** rng.uniform(-1, 1, (n, 1))
    outer = rng.standard_normal(m) * 2 if normal else rng.choice([-1.0, 1.0], m)
    return inputs, (inputs @ rng.standard_normal((d, m)) > 0).astype(float), outer


def _summand(seed: int, law: o.OutputLaw) -> Mapping[sp.Symbol, float]:
    inputs, gates, outer = _network(seed, law is o.NORMAL)
    cap = float(law.cap)
    one = inputs @ inputs.T * np.outer(gates[:, 0], gates[:, 0]) * min(outer[0] ** 2, cap)
    return {summand: np.linalg.eigvalsh(one)[-1] / (cap * np.linalg.norm(inputs, 2) ** 2)}


def _truncated(seed: int, law: o.OutputLaw) -> Mapping[sp.Symbol, float]:
    inputs, gates, outer = _network(seed, law is o.NORMAL)
    masses = (np.minimum(outer**2, float(law.cap)), outer**2)
    low, high = (np.linalg.eigvalsh(inputs @ inputs.T * ((gates * mass) @ gates.T))[0] for mass in masses)
    return {truncated: low - 1e-12 * abs(high), i.ell_W: high + 1e-12 * np.sum(gates * outer**2) * np.sum(inputs**2)}


def _chernoff(chance: sp.Symbol, size: sp.Expr, expected: sp.Expr, *stands_on: str) -> Step:
    return apply("Chernoff", "the least eigenvalue of a sum of independent matrices keeps half of its mean's", textbook.MATRIX_CHERNOFF.lemma,
        {textbook.chance: chance, textbook.size: size, textbook.expected: expected}, {}, *stands_on, _INPUT)  # fmt: skip


def _mean(law: o.OutputLaw, least: sp.Expr) -> sp.Expr:
    return o.DRAWN * law.kept * least / (law.cap * t.X_norm**2)


def _first(name: str) -> tuple[Proof, Proof]:
    law, label = o.LAWS[name], f"G_W, {name}"
    event = Event("half", Bound(o.floor_W(law), truncated), P_W)
    bounded = sampled("summands", "min(a_j^2, cap) M_j is at most cap |X|^2: divided by it, at most 1", Bound(summand, sp.S.One), lambda seed: _summand(seed, law))  # fmt: skip
    gram = of_claim(
        c.CHERNOFF, label, bounded, _chernoff(P_W, o.n, _mean(law, o.lam_W), "summands"),
        combine("failure", "which is what the width allows", Bound(P_W, o.p), {"Chernoff": 1, f"{GIVEN}width, {name}": 1}),
        sampled("truncation", "the whole sum is above the truncated one", Bound(truncated, i.ell_W), lambda seed: _truncated(seed, law)),
        combine("together", "one after the other", _CLAIMS[label], {f"{EVENT}half": 1, "truncation": 1}),
        events=(event,), failure="failure",
    )  # fmt: skip
    one = f"one sample, {name}"
    chance = c.one_normal if law is o.NORMAL else c.one_signs
    single = of_claim(
        c.CHERNOFF, one, bounded, _chernoff(chance, sp.S.One, _mean(law, t.X_norm**2 / 2), "summands"),
        combine("together", "for one sample, whose limit Gram is |x|^2/2", _CLAIMS[one], {"Chernoff": 1}), chain=("together",),
    )  # fmt: skip
    return gram, single


# --- C2: the Gram of the output weights -------------------------------------------------------------------


def _plane(seed: int) -> Mapping[sp.Symbol, float]:
    """Two inputs in the plane and w = r (cos, sin), r^2 chi-squared: means over the angle on a grid, over r exactly."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((int(rng.integers(1, 3)), 2)) * 10 ** rng.uniform(-1, 1)
    angle = 2 * np.pi * (np.arange(720) + rng.random()) / 720
    rays = np.maximum(inputs @ np.stack([np.cos(angle), np.sin(angle)]), 0)
    squares, above = np.sum(rays**2, axis=0), 1 + rng.exponential(0.7)
    size, norm = np.linalg.norm(inputs), np.linalg.norm(inputs, 2)
    with np.errstate(all="ignore"):
        bar = np.where(squares > 0, (size / np.sqrt(2) + above * norm) ** 2 / squares, np.inf)
        lost = np.where(np.isinf(bar), 0.0, (bar + 2) * np.exp(-bar / 2))
    whole, kept = (np.linalg.eigvalsh((rays * factor) @ rays.T / 720)[0] for factor in (2.0, 2 - lost))
    return {
        o.lam_a: whole, mean_kept: kept, cut: np.mean(squares * lost), o.X_F: size, t.X_norm: norm, o.u_0: above,
    }  # fmt: skip


_E = sp.exp(-(o.u_0**2) / 2)
_MILLS = sp.sqrt(sp.pi / 2) * sp.erfc(o.u_0 / sp.sqrt(2))
_LAYERS = o.TRUNCATED * _E + 2 * t.X_norm * (o.X_F / sp.sqrt(2) * _MILLS + t.X_norm * _E)
_AT_F = (sp.sqrt(2) * o.X_F * (o.u_0 + 1 / o.u_0) + (o.u_0**2 + 2) * (o.X_F + t.X_norm)) * _E
CUT = Proof(
    "razborov2022 what truncation loses", Bound(cut, o.TAIL), {"beyond the mean": Bound(sp.S.One, o.u_0)}, frozenset({cut, *o.TAIL.free_symbols}),
    (
        identity("first moment", "int_u0^oo u exp(-u^2/2) du", sp.Integral(_z * sp.exp(-(_z**2) / 2), (_z, o.u_0, sp.oo)), _E),
        sampled("layers", "g = |s(Xw)| is |X|-Lipschitz with E g <= |X|_F/sqrt 2, so P(g >= |X|_F/sqrt 2 + u |X|) <= exp(-u^2/2): integrated", Bound(cut, _LAYERS), _plane, "first moment"),
        sampled("Mills", "int_u0^oo exp(-u^2/2) du <= exp(-u0^2/2)/u0", Bound(_MILLS, _E / o.u_0), lambda seed: {o.u_0: float(np.random.default_rng(seed).exponential(2))}),
        combine("by Mills", "put in", Bound(_LAYERS, _LAYERS - sp.sqrt(2) * o.X_F * t.X_norm * (_MILLS - _E / o.u_0)), {"Mills": sp.sqrt(2) * o.X_F * t.X_norm}),
        sampled("norms", "|X| <= |X|_F", Bound(t.X_norm, o.X_F), _plane),
        combine("at |X|_F", "a quadratic in |X|/|X|_F <= 1 and u_0 >= 1, (11/2) u^2 - sqrt 2 (u + 1/u) - 5/2 >= 0",
            Bound(_LAYERS - sp.sqrt(2) * o.X_F * t.X_norm * (_MILLS - _E / o.u_0), o.TAIL),
            {"norms": _AT_F, "beyond the mean": o.X_F**2 * _E * (4 + sp.Rational(3, 2) / o.u_0 + sp.Rational(11, 2) * o.u_0), REST: o.X_F**2 * _E * (sp.Rational(3, 2) - sp.sqrt(2)) * (o.u_0 + 1 / o.u_0)}),
        combine("together", "one after the other", Bound(cut, o.TAIL), {"layers": 1, "by Mills": 1, "at |X|_F": 1}),
    ),
)  # fmt: skip


def _below(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    values = np.maximum(rng.standard_normal((2, 5)), 0)
    kept = values * (np.sum(values**2, axis=0) <= rng.exponential(2))
    return {truncated_a: np.linalg.eigvalsh(kept @ kept.T)[0], i.ell_a: np.linalg.eigvalsh(values @ values.T)[0]}


_PER = o.paired(o.m) / (8 * o.TRUNCATED)
_FEATURES_GRAM = of_claim(
    c.CHERNOFF, "G_a",
    apply("cut", "what truncation loses", CUT.lemma, {}, {"beyond the mean": f"{GIVEN}beyond the mean"}),
    sampled("truncated mean", "the least eigenvalue of the truncated mean", Bound(o.lam_a - cut, mean_kept), _plane),
    combine("three quarters", "is at least 3/4 lambda_a", Bound(sp.Rational(3, 4) * o.lam_a, mean_kept), {"truncated mean": 1, "cut": 1, f"{GIVEN}truncation": 1}),
    _chernoff(P_a, o.n, o.DRAWN * mean_kept / o.TRUNCATED),
    monotone("at three quarters", "the chance falls with the mean", Bound(o.n * sp.exp(-_PER * mean_kept), o.n * sp.exp(-_PER * sp.Rational(3, 4) * o.lam_a)), "three quarters", sp.Lambda(_z, o.n * sp.exp(-_PER * _z)), _INPUT),
    combine("failure", "which is what the width allows", Bound(P_a, o.p), {"Chernoff": 1, "at three quarters": 1, f"{GIVEN}width, features": 1, _INPUT: 0}),
    sampled("truncation", "the whole sum is above the truncated one", Bound(truncated_a, i.ell_a), _below),
    combine("together", "one after the other", _CLAIMS["G_a"], {"three quarters": t.kappa**2 * o.m / 2, f"{EVENT}half": 1, "truncation": 1}),
    events=(Event("half", Bound(t.kappa**2 * o.m * mean_kept / 2, truncated_a), P_a),), failure="failure",
)  # fmt: skip

# --- sizes at time 0 ----------------------------------------------------------------------------------------

_ABOVE = sp.sqrt(2 * o.copies * o.ell) * t.X_norm
_FEATURES_EVENT = Event("features", Bound(i.Phi, mean_Phi + _ABOVE), P_F)
_FEATURES = (
    apply("Gaussian", "|s(X W')|_F is Lipschitz in the rows that are drawn, with constant |X| sqrt(h)", textbook.GAUSSIAN.lemma,
        {textbook.chance: P_F, textbook.lipschitz: sp.sqrt(o.copies) * t.X_norm, textbook.excess: _ABOVE}, {}, _CHANCE, _INPUT),
    combine("chance of features", "at this excess", Bound(P_F, o.p), {"Gaussian": 1, _CHANCE: 0, _INPUT: 0}),
    identity("half a Gaussian", "E max(0, g)^2 = 1/2", sp.Integral(_z**2 * _DENSITY, (_z, 0, sp.oo)), sp.Rational(1, 2)),
    define("second moment", "E |Phi|_F^2 = m |X|_F^2/2", square_Phi, o.m * o.X_F**2 / 2, "half a Gaussian"),
    apply("Jensen", "E |Phi|_F is at most its root", textbook.JENSEN.lemma, {textbook.mean: mean_Phi, textbook.root_mean: square_Phi}, {}),
    monotone("root", "the root", Bound(sp.sqrt(square_Phi), sp.sqrt(o.m * o.X_F**2 / 2)), "second moment", sp.Lambda(_y, sp.sqrt(_y))),
    combine("size", "on the event", Bound(i.Phi, o.FEATURES_PAIRED), {f"{EVENT}features": 1, "Jensen": 1, "root": 1, _CHANCE: 0, _INPUT: 0}),
)  # fmt: skip
FEATURES = of_claim(c.CHERNOFF, "features", *_FEATURES, events=(_FEATURES_EVENT,), failure="chance of features")


def _mean_output(seed: int) -> Mapping[sp.Symbol, float]:
    """E |Phi a| for random signs, counted out, or for a Gaussian of one dimension."""
    from itertools import product

    rng = np.random.default_rng(seed)
    values, scale = np.maximum(rng.standard_normal((int(rng.integers(1, 4)), 5)), 0), rng.exponential(1)
    signs = np.array(list(product((-1, 1), repeat=5)))
    mean = np.linalg.norm(signs @ values.T, axis=1).mean()
    if len(values) == 1:
        mean = max(mean, np.sqrt(2 / np.pi) * np.linalg.norm(values))
    return {mean_f: scale * mean, t.kappa: scale, i.Phi: np.linalg.norm(values)}


_TIMES = t.kappa * (1 + sp.sqrt(2 * o.ell))


def _output(name: str, lemma: Proof) -> Proof:
    at = t.kappa * i.Phi
    return of_claim(
        c.CHERNOFF, f"output, {name}", *_FEATURES,
        *_deviation(lemma),
        combine("failure", "both chances", Bound(P_F + P_o, 2 * o.p), {"chance of features": 1, "chance of output": 1}),
        sampled("mean", "E |Phi a| <= |Phi|_F, as E a a' = I", Bound(mean_f, at), _mean_output),
        combine("at the features", "on the event, the features at their most", Bound(_TIMES * i.Phi, _TIMES * o.FEATURES_PAIRED), {"size": _TIMES, _CHANCE: 0}),
        combine("together", "one after the other", _CLAIMS[f"output, {name}"], {f"{EVENT}output": 1, "mean": 1, "at the features": 1, _CHANCE: 0}),
        events=(_FEATURES_EVENT, Event("output", Bound(i.output, mean_f + t.kappa * sp.sqrt(2 * o.ell) * i.Phi), P_o)), failure="failure",
    )  # fmt: skip


def _deviation(lemma: Proof) -> tuple[Step, ...]:
    """Steps to ``P_o <= p``: relative to its Lipschitz constant kappa |Phi|_F, which cancels, the excess is sqrt(2 log(1/p))."""
    return (
        apply("relative", "given W: f_0/(kappa |Phi|_F) has Lipschitz constant 1 in a", lemma.lemma,
            {textbook.chance: P_o, textbook.lipschitz: sp.S.One, textbook.excess: sp.sqrt(2 * o.ell)}, {}, _CHANCE),
        combine("chance of output", "at this excess", Bound(P_o, o.p), {"relative": 1, _CHANCE: 0}),
    )  # fmt: skip


# --- exact chances of sizes -----------------------------------------------------------------------------------


def _largest(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    m, p = int(rng.integers(1, 1000)), 10 ** rng.uniform(-6, 0)
    h = int(rng.integers(1, 3))
    each = 2 * stats.norm.sf(np.sqrt(2 * np.log(2 * m / p)))
    return {P_each: each, o.m: m, o.p: p, sizes.too_large: -np.expm1(m / h * np.log1p(-each))}


TOTAL = of_claim(
    sizes.SIZES, "total",
    apply("chi-squared", "|a|^2 = h chi^2 with m/h degrees of freedom", textbook_tails.CHI_SQUARED.lemma, {textbook.chance: sizes.too_long, textbook.count: o.DRAWN, textbook.excess: o.ell}, {}, _CHANCE),
    combine("together", "at u = log(1/p)", Bound(sizes.too_long, o.p), {"chi-squared": 1}), chain=("chi-squared",),
)  # fmt: skip
LARGEST = of_claim(
    sizes.SIZES, "largest",
    sampled("each", "P(a_j^2 > b) <= 2 exp(-b/2)", Bound(P_each, 2 * sp.exp(-o.NORMAL.largest_square / 2)), _largest),
    sampled("union", "over at most m neurons", Bound(sizes.too_large, o.m * P_each), _largest),
    combine("together", "one after the other", Bound(sizes.too_large, o.p), {"union": 1, "each": o.m}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (
    *_first("signs"), *_first("normal"), CUT, _FEATURES_GRAM, FEATURES,
    _output("signs", textbook_tails.SIGN_NORM), _output("normal", textbook.GAUSSIAN), TOTAL, LARGEST,
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
