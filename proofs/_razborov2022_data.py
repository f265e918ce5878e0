"""Proofs of razborov2022's Lemma E3 (section 4.2, errata I5): caps of the sphere, chi-squared tails, Gordon, and E1."""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_grams as grams
import numpy as np
import sympy as sp
from scipy import stats

from theorycheck import textbook, textbook_tails
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import gaussian_data as g
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import spectrum as e
from theorycheck.theorems.razborov2022 import statements as t

P_cap, P_any, P_each, P_odd, P_X, mean_X = sp.symbols("P_cap P_any P_1 P_odd P_X E_X", nonnegative=True)
_y = sp.Symbol("y", nonnegative=True)
_CHANCE = f"{GIVEN}p a chance"
_CLAIMS = {claim.label: claim.bound for claim in g.GAUSSIAN_DATA.claims}
_R = e.R[g.DEGREE]


def _angles(seed: int) -> Mapping[sp.Symbol, float]:
    """The exact chance of a large cosine of two samples."""
    rng = np.random.default_rng(seed)
    d, p = int(rng.choice([2, 3, 10, 300])), float(rng.uniform(0.01, 0.99))
    both = float(stats.beta.sf(min(2 * np.log(4 / p) / d, 1.0), 0.5, (d - 1) / 2))
    return {g.apart: both, P_cap: both / 2, P_any: both, o.n: 2}


def _row(seed: int) -> Mapping[sp.Symbol, float]:
    """Cosines of a few samples, in few dimensions, and their powers added up; or three in a plane, alike."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((int(rng.integers(1, 6)), int(rng.choice([2, 3, 10]))))
    if seed % 3 == 0:
        rows = np.array([[np.cos(angle), np.sin(angle)] for angle in 2 * np.pi * np.arange(3) / 3])
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    seen = np.abs(rows @ rows.T)
    np.fill_diagonal(seen, 0.0)
    return {o.n: len(rows), g.cosine: seen.max() + 1e-15, _R: np.sum(seen**g.DEGREE, axis=1).max()}


def _lengths(seed: int) -> Mapping[sp.Symbol, float]:
    """The exact chance that a chi-squared variable is below half or above twice its degrees of freedom, for n of them."""
    rng = np.random.default_rng(seed)
    d, n = int(rng.integers(1, 9) if seed % 2 else rng.integers(1, 400)), int(rng.integers(1, 9))
    each = float(stats.chi2.cdf(d / 2, d) + stats.chi2.sf(2 * d, d))
    some = -np.expm1(n * np.log1p(-each))
    return {P_each: each, g.odd: some, P_odd: some, o.n: n, o.d: d}


_CAP = (
    apply("cap", "given one direction, another is uniform: its chance of a cosine above rho_0", textbook_tails.CAP.lemma,
    {textbook.chance: P_cap, textbook.count: o.d, textbook.first: o.spread}, {}),
)  # fmt: skip
PAIR = of_claim(
    g.GAUSSIAN_DATA, "one pair", *_CAP,
    sampled("two caps", "of either sign", Bound(g.apart, 2 * P_cap), _angles),
    combine("together", "one after the other", _CLAIMS["one pair"], {"two caps": 1, "cap": 2}), chain=("together",),
)  # fmt: skip
_APART = (
    *_CAP,
    sampled("pairs", "n (n - 1)/2 pairs, two caps each", Bound(P_any, o.n * (o.n - 1) * P_cap), _angles),
    combine("chance of angles", "n^2 caps at most", Bound(P_any, o.LARGE_COSINE), {"pairs": 1, "cap": o.n**2, REST: o.n * P_cap}),
)  # fmt: skip
_ANGLES = Event("angles", Bound(g.cosine, o.spread), P_any)
ANGLES = of_claim(
    g.GAUSSIAN_DATA, "angles", *_APART, combine("together", "on the event", _CLAIMS["angles"], {f"{EVENT}angles": 1}),
    events=(_ANGLES,), failure="chance of angles",
)  # fmt: skip


def _odd(chance: sp.Symbol) -> tuple[Step, ...]:
    return (
        sampled("one sample", "|x|^2 is chi-squared: the tails below d/2 and above 2 d add up to less than exp(-d/16) (errata I5)", Bound(P_each, sp.exp(-o.d / 16)), _lengths),
        sampled("samples", "over n of them", Bound(chance, o.n * P_each), _lengths),
        combine("chance of lengths", "one after the other", Bound(chance, o.ODD_LENGTH), {"samples": 1, "one sample": o.n}),
    )  # fmt: skip


LENGTHS = of_claim(g.GAUSSIAN_DATA, "lengths", *_odd(g.odd), chain=("chance of lengths",))
NORM = of_claim(
    g.GAUSSIAN_DATA, "norm",
    apply("Gaussian", "|X| is Lipschitz in its entries, with constant 1", textbook.GAUSSIAN.lemma,
        {textbook.chance: P_X, textbook.lipschitz: sp.S.One, textbook.excess: sp.sqrt(2 * o.ell)}, {}, _CHANCE),
    combine("failure", "at this excess", Bound(P_X, o.p), {"Gaussian": 1, _CHANCE: 0}),
    apply("mean", "and E |X| <= sqrt n + sqrt d", textbook_tails.NORM.lemma, {textbook.mean: mean_X, textbook.size: o.n, textbook.count: o.d}, {}),
    combine("together", "on the event", _CLAIMS["norm"], {f"{EVENT}norm": 1, "mean": 1}),
    events=(Event("norm", Bound(t.X_norm, mean_X + sp.sqrt(2 * o.ell)), P_X),), failure="failure",
)  # fmt: skip


def _least(layer: str, e1: Proof) -> Proof:
    part, left = e.tail(layer, g.DEGREE), e.left(g.DEGREE)
    low = _CLAIMS[f"lambda_{layer}"].rhs
    return of_claim(
        g.GAUSSIAN_DATA, f"lambda_{layer}", *_APART, *_odd(P_odd),
        combine("failure", "both chances", Bound(P_any + P_odd, o.LARGE_COSINE + o.ODD_LENGTH), {"chance of angles": 1, "chance of lengths": 1}),
        apply("E1", "any data", e1.lemma, {}, {}),
        sampled("row", "n - 1 cosines in a row", Bound(_R, (o.n - 1) * g.cosine**g.DEGREE), _row),
        monotone("powers", "each to the power 4", Bound(g.cosine**g.DEGREE, o.spread**g.DEGREE), f"{EVENT}angles", sp.Lambda(_y, _y**g.DEGREE)),
        combine("half", "so that half is left", Bound(_R, sp.Rational(1, 2)), {"row": 1, "powers": o.n, f"{GIVEN}few samples": 1, REST: g.cosine**g.DEGREE}),
        combine("kept", "and no sample is short", Bound(_CLAIMS[f"lambda_{layer}"].lhs, e.by_power(layer, g.DEGREE)),
            {"half": part * e.x_min, f"{EVENT}lengths": part / 2, REST: part * e.x_min * (left - (1 - _R))}),
        combine("together", "one after the other", Bound(_CLAIMS[f"lambda_{layer}"].lhs, low), {"kept": 1, "E1": 1}),
        events=(_ANGLES, Event("lengths", Bound(o.LENGTHS[0], e.x_min), P_odd)), failure="failure",
    )  # fmt: skip


_E1 = {proof.name: proof for proof in grams.PROOFS}
PROOFS: tuple[Proof, ...] = (
    PAIR, ANGLES, LENGTHS, NORM, *(_least(layer, _E1[f"{e.SPECTRUM.label} {layer}, K = 4"]) for layer in ("W", "a")),
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
