"""Proof of Theorem R1' (caron2023, section 3.3): as R1, with tails that fall exponentially in place of Markov's."""

from __future__ import annotations

import _caron2023_chances as ch
import _caron2023_lemmas as of
import _caron2023_widths as w
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import EVENT, GIVEN, Event, Proof
from theorycheck.proof_steps import Step, apply, combine, monotone
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import r0, r1
from theorycheck.theorems.caron2023 import setting as s

CARD = r1.R1_LOG
_PART = s.delta / 3
P_signs = sp.Symbol("P_5", nonnegative=True)
_v = sp.Symbol("v", nonnegative=True)
_w = sp.Symbol("w", positive=True)
_BELOW = f"{GIVEN}delta below 1"
#: what tells the sign of the residual's bound
SIGNS = ("variance", _BELOW)

#: what |sum_j sqrt(lambda_j) a_j| exceeds with probability delta/6, and |r_0| its mean given the signs
MOST = sp.sqrt(2 * sp.log(4 / _PART))
EXCESS = sp.sqrt(2 * s.s_X * sp.log(2 / _PART) / s.d)
_EVENTS = (
    w.UNIFORM,
    Event("signs", Bound(ch.sign_sum, MOST), P_signs),
    Event("residual", Bound(r0.r_0, ch.given_signs + EXCESS), ch.P_residual),
    Event("flip mass", Bound(ch.mass, s.ALLOWED), ch.P_flips),
)


def _root(beta: sp.Expr) -> sp.Expr:
    return sp.sqrt((s.label_norm + beta * s.mean_norm) ** 2 + s.trace_sigma - s.mean_norm**2)


RESIDUAL = (
    apply("variance", "|h|^2 <= tr Sigma", ch.VARIANCE.lemma, {}, {}),
    monotone("signs", "the larger the sum of the signs, the larger", Bound(_root(ch.sign_sum), _root(MOST)), f"{EVENT}signs", sp.Lambda(_v, _root(_v)), "variance", _BELOW),
    apply("given the signs", "the mean of |r_0| given the signs (L4')", ch.GIVEN_SIGNS.lemma, {}, {}),
    combine("residual", "so |r_0| is at most what the theorem says", Bound(r0.r_0, r1.RESIDUAL_LOG), {f"{EVENT}residual": 1, "given the signs": 1, "signs": 1}),
)  # fmt: skip


def _chance(label: str, symbol: sp.Symbol, applied: Step, allowed: sp.Expr) -> tuple[Step, ...]:
    return applied, combine(label, "by the choice of the level", Bound(symbol, allowed), {applied.label: 1, _BELOW: 0})


def _flips() -> tuple[Step, ...]:
    """Steps to ``P_3 <= delta/3`` (L6'): the mean flip mass is at most half of what is allowed, and Chernoff."""
    mean = ch.LIGHT_MASS.subs(of.reach, r1.REACH_LOG)
    need = r1.flip_width(sp.Rational(1, 2), r1.REACH_LOG)
    count = _w * s.d * s.ALLOWED / (2 * s.n)
    return (
        w.width(CARD, need, "width for L6", *SIGNS),
        monotone("mean in the width", "at that width the mean is half of what is allowed", Bound(mean, s.ALLOWED / 2), "width for L6", sp.Lambda(_w, mean.subs(s.m, _w)), *w.SURE, *SIGNS),
        apply("L6", "the mean flip mass", ch.L6.lemma, {of.reach: r1.REACH_LOG}, {"unit ball": f"{GIVEN}unit ball"}, *w.SURE, *SIGNS),
        combine("mean", "so E T_1 is at most half of what is allowed", Bound(ch.mean_mass, s.ALLOWED / 2), {"L6": 1, "mean in the width": 1}),
        apply("Chernoff for the flips", "m T_1 d/n is a sum over nodes of m independent variables in [0, 1], of mean at most m d/n times half of what is allowed", textbook.CHERNOFF_ABOVE.lemma, {textbook.chance: ch.P_flips, textbook.expected: count.subs(_w, s.m)}, {}, "mean", f"{GIVEN}unit ball"),
        w.width(CARD, r1.TAIL, "width for the tail", *SIGNS),
        monotone("tail in the width", "which is what the width allows", Bound(sp.exp(-count.subs(_w, s.m) / 3), _PART), "width for the tail", sp.Lambda(_w, sp.exp(-count / 3)), "kappa positive", _BELOW),
        combine("chance of the flips", "together", Bound(ch.P_flips, _PART), {"Chernoff for the flips": 1, "tail in the width": 1}),
    )  # fmt: skip


_POOL = (
    *w.positive(False), *RESIDUAL, *w.radius(s.s_X, r1.RESIDUAL_LOG, *SIGNS), *w.relu_test(r1.REACH_LOG, *SIGNS),
    *w.uniform(CARD, s.s_X, _PART, *SIGNS),
    *_chance("chance of the signs", P_signs, apply("Hoeffding", "P(|beta| >= v) <= 2 exp(-v^2/2)", textbook.SIGNS.lemma, {textbook.chance: P_signs, textbook.excess: MOST}, {}, _BELOW), _PART / 2),
    *_chance("chance of the residual", ch.P_residual, apply("concentration", "W -> |r_0| has Lipschitz constant sqrt(s_X/d) (L1)", textbook.GAUSSIAN.lemma, {textbook.chance: ch.P_residual, textbook.lipschitz: sp.sqrt(s.s_X / s.d), textbook.excess: EXCESS}, {}, _BELOW), _PART / 2),
    *_flips(),
)  # fmt: skip
_FAILS = w.failure(
    (ch.P_uniform, "chance of the uniform part"), (P_signs, "chance of the signs"),
    (ch.P_residual, "chance of the residual"), (ch.P_flips, "chance of the flips"), spare=sp.S.Zero,
)  # fmt: skip
_R1_LOG = w.parts(CARD, _EVENTS, _POOL, _FAILS, False)
PROOFS: tuple[Proof, ...] = (*_R1_LOG.proofs, *w.three(_R1_LOG, r0.R0, "ReLU"))

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
