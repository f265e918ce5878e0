"""Proof of Theorem R1 (caron2023, section 3.3): ReLU, four events of probability delta/4 each, by Markov."""

from __future__ import annotations

from dataclasses import replace

import _caron2023_chances as ch
import _caron2023_lemmas as of
import _caron2023_widths as w
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, enclosed, monotone
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Theorem
from theorycheck.theorems.caron2023 import r0, r1
from theorycheck.theorems.caron2023 import setting as s

_w = sp.Symbol("w", positive=True)
_y = sp.Symbol("y", nonnegative=True)


def flip_chance(
    theorem: Theorem, reach: sp.Expr, failure: sp.Expr, rounded: sp.Expr, unrounded: sp.Expr
) -> tuple[Step, ...]:
    """Steps to ``P_3 <= failure`` by Markov (L6) for ``T_1 <= ALLOWED``."""
    mean = ch.LIGHT_MASS.subs(of.reach, reach)
    in_width = mean.subs(s.m, _w) / s.ALLOWED
    return (
        apply("L6", "the mean flip mass", ch.L6.lemma, {of.reach: reach}, {"unit ball": f"{GIVEN}unit ball"}, *w.SURE),
        combine("room for L6", "what is allowed is positive", Bound(sp.S.Zero, s.ALLOWED, strict=True), {"kappa positive": s.ALLOWED / s.kappa}),
        apply("Markov for L6", "P(T_1 > a) <= E T_1/a", textbook.MARKOV.lemma, {textbook.chance: ch.P_flips, textbook.mean: ch.mean_mass, textbook.level: s.ALLOWED}, {"level": "room for L6"}, "kappa positive"),
        w.width(theorem, rounded, "width for L6"),
        enclosed("rounding", "the constant of the width is rounded upward", Bound(sp.simplify(unrounded / rounded), sp.S.One), {}),
        combine("unrounded width", "so the unrounded width is reached", Bound(unrounded, s.m), {"rounding": rounded, "width for L6": 1, **dict.fromkeys(w.SURE, 0)}),
        monotone("tail of L6", "which is what the width allows", Bound(mean / s.ALLOWED, failure), "unrounded width", sp.Lambda(_w, in_width), *w.SURE, f"{GIVEN}delta below 1"),
        combine("chance of the flips", "together", Bound(ch.P_flips, failure), {"Markov for L6": 1, "L6": 1 / s.ALLOWED, "tail of L6": 1, **dict.fromkeys(w.SURE, 0)}),
    )  # fmt: skip


_SQUARE = s.n * (s.C**2 + 1 / (2 * s.d)) / (s.delta / 4)
EVENTS = (
    w.UNIFORM,
    Event("residual", Bound(r0.r_0**2, _SQUARE), ch.P_residual),
    Event("flip mass", Bound(ch.mass, s.ALLOWED), ch.P_flips),
)


def pool(theorem: Theorem) -> tuple[Step, ...]:
    """Return all steps to R0's radius and test, and the chances of the three events, for a theorem with R1's width."""
    return (
        *w.positive(False), *w.norms(s.n),
        monotone("residual", "|r_0|, on the event", Bound(r0.r_0, sp.sqrt(_SQUARE)), f"{EVENT}residual", sp.Lambda(_y, sp.sqrt(_y))),
        *w.radius(s.n, sp.sqrt(_SQUARE)), *w.relu_test(r1.REACH),
        *w.uniform(theorem, s.n, s.delta / 4), *w.markov_residual(ch.L4, _SQUARE, s.delta / 4),
        *flip_chance(theorem, r1.REACH, s.delta / 4, r1.ROUNDED, r1.UNROUNDED),
    )  # fmt: skip


_POOL = pool(r1.R1)
CHANCES = (
    (ch.P_uniform, "chance of the uniform part"),
    (ch.P_residual, "chance of the residual"),
    (ch.P_flips, "chance of the flips"),
)
FAILS = w.failure(*CHANCES, spare=sp.Rational(1, 4))


def change_steps(shared: w.Parts) -> tuple[Proof, tuple[Step, ...], tuple[Event, ...]]:
    """Return the union of the four chances, the steps of claim d, and its events: one more, and one more chance."""
    heavy = Event("heavy flips", Bound(ch.heavy, r1.SPREAD), ch.P_heavy)
    signs = dict.fromkeys(w.SURE, 0)
    chance = (
        apply("L6, weights lambda_j", "its mean", ch.L6_HEAVY.lemma, {of.reach: r1.REACH}, {"unit ball": f"{GIVEN}unit ball"}, *w.SURE),
        combine("room for heavy flips", "the level of the event is positive", Bound(sp.S.Zero, r1.SPREAD, strict=True), {REST: r1.SPREAD, **signs}),
        apply("Markov for heavy flips", "P(T_lambda > a) <= E T_lambda/a", textbook.MARKOV.lemma, {textbook.chance: ch.P_heavy, textbook.mean: ch.mean_heavy, textbook.level: r1.SPREAD}, {"level": "room for heavy flips"}, *w.SURE),
        combine("chance of heavy flips", "together", Bound(ch.P_heavy, s.delta / 4), {"Markov for heavy flips": 1, "L6, weights lambda_j": 1 / r1.SPREAD, **signs}),
    )  # fmt: skip
    all_four = replace(
        w.failure(*CHANCES, (ch.P_heavy, "chance of heavy flips"), spare=sp.S.Zero), label="all four chances"
    )
    chances = of.part(r1.R1, (), (*_POOL, *chance, all_four), all_four.label)
    first = combine(
        "on the event",
        "so B_F is at most what the theorem says",
        Bound(r0.heavy_flips, r1.SPREAD),
        {"heavy trace": 1, f"{EVENT}heavy flips": 1},
    )
    steps = (
        *shared.signs, w.INSIDE, of.use(shared.test, "test"), of.use(chances, "failure"), of.use(shared.radius, "radius"),
        apply("heavy trace", "B_F <= T_lambda (L5)", ch.TRACE_HEAVY.lemma, {ch.near: w.NEAR, of.reach: r1.REACH}, {"radius": "radius"}, *w.SIGNS),
        *w.gram_moves(r1.SPREAD, r0.heavy_flips, r0.R0, "ReLU", first),
    )  # fmt: skip
    return chances, steps, (*shared.events, heavy)


#: what the claims of R1 share, and R6 with them
SHARED = w.parts(r1.R1, EVENTS, _POOL, FAILS, False)
_FOUR, CHANGE, CHANGE_EVENTS = change_steps(SHARED)
PROOFS: tuple[Proof, ...] = (
    *SHARED.proofs, *w.three(SHARED, r0.R0, "ReLU"), _FOUR, of_claim(r1.R1, "d", *CHANGE, events=CHANGE_EVENTS, failure="failure"),
)  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
