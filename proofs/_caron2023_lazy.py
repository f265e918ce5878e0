"""Proofs of Prop R6 (caron2023, section 3.5): Theorems R1 and R2 at equal scales, gamma = 1, on the same events."""

from __future__ import annotations

from collections.abc import Mapping

import _caron2023_lemmas as of
import _caron2023_r1 as relu
import _caron2023_smooth as smooth
import _caron2023_widths as w
import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Step, combine, identity, monotone, sampled
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Theorem
from theorycheck.theorems.caron2023 import lazy as lz
from theorycheck.theorems.caron2023 import r0, r1, r2
from theorycheck.theorems.caron2023 import setting as s

_EVEN = f"{GIVEN}{lz.EVEN.label}"
_x = sp.Symbol("x", positive=True)
_z = sp.Symbol("z", nonnegative=True)
_b = sp.Symbol("b", real=True)


def _even(seed: int) -> Mapping[sp.Symbol, float]:
    """Return power sums of equal scales, and how far the nodes of a made-up path are, over the roots of their scales or not."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 50))
    scales, moved = np.full(m, 1 / m), rng.exponential(1, m)
    return {
        s.m: m, s.Lambda_2: np.sum(scales**2), s.Lambda_32: np.sum(scales**1.5), lz.node_moved: moved.max(),
        s.moved: np.max(moved / np.sqrt(scales)),
    }  # fmt: skip


SCALES = identity("equal scales", "lambda_j = gamma/m + (1 - gamma) lambda-bar_j is 1/m at gamma = 1", (s.gamma / s.m + (1 - s.gamma) * _b).subs(s.gamma, 1), 1 / s.m)  # fmt: skip


def _node(theorem: Theorem, before: Theorem, shared: w.Parts, card: Theorem, own: str, reach: sp.Expr) -> Proof:
    """R1's or R2's claim c, times the root of 1/m."""
    per = 1 / sp.sqrt(s.m)
    steps, _ = w.conclusions(before, card, own, "radius")["c"]
    return of_claim(
        theorem, "node", *shared.steps, of.use(shared.radius, "radius"), *steps, SCALES,
        sampled("even scales", "all nodes have the scale 1/m", Bound(lz.node_moved, s.moved * per), _even, "equal scales", _EVEN),
        combine("movement", "as the theorem says", Bound(s.moved * per, reach * per), {"together": per}),
        monotone("gamma", "falling in gamma, which is at least 1", Bound(reach * per, reach.subs(s.gamma, 1) * per), _EVEN, sp.Lambda(_x, reach.subs(s.gamma, _x) * per), *w.SURE, f"{GIVEN}delta below 1"),
        combine("in all", "one after the other", theorem.claims[0].bound, {"even scales": 1, "movement": 1, "gamma": 1}),
        events=shared.events, failure="failure", chain=("even scales", "movement", "gamma"),
    )  # fmt: skip


def _gram(
    theorem: Theorem,
    steps: tuple[Step, ...],
    events: tuple[Event, ...],
    spread: sp.Expr,
    total: sp.Symbol,
    even: sp.Expr,
) -> Proof:
    """R1's or R2's claim d, with the power sum of even scales."""
    known = dict.fromkeys((*w.SURE, f"{GIVEN}delta below 1"), 0)
    at, one = spread.subs(total, even), spread.subs({total: even, s.gamma: 1})
    return of_claim(
        theorem, "gram", *steps, SCALES,
        sampled("power sum", "of equal scales", Bound(total, even), _even, "equal scales", _EVEN),
        combine("spread, even", "in b", Bound(spread, at), {"power sum": spread / total, **known}),
        monotone("spread, gamma", "falling in gamma, which is at least 1", Bound(at, one), _EVEN, sp.Lambda(_x, at.subs(s.gamma, _x)), *known),
        combine("less", "so b is at most this", Bound(spread, one), {"spread, even": 1, "spread, gamma": 1}),
        monotone("rises", "rising in b", Bound(lz.change_bound(spread), lz.change_bound(one)), "less", sp.Lambda(_z, lz.change_bound(_z)), *known),
        combine("in all", "one after the other", theorem.claims[1].bound, {"together": 1, "rises": 1}),
        events=events, failure="failure",
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = (
    _node(lz.R6_SMOOTH, r2.R2, smooth.SHARED, r0.R0_SMOOTH, "slope at most 1", r2.REACH),
    _gram(lz.R6_SMOOTH, smooth.change_steps(smooth.SHARED, "radius"), smooth.SHARED.events, r2.SPREAD, s.Lambda_2, lz.EVEN_2),
    _node(lz.R6_RELU, r1.R1, relu.SHARED, r0.R0, "ReLU", r1.REACH),
    _gram(lz.R6_RELU, relu.CHANGE, relu.CHANGE_EVENTS, r1.SPREAD, s.Lambda_32, lz.EVEN_32),
)  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
