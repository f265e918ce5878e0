"""Proofs of R9's risk (shi2023): the projected descent is nearly the best in the ball, on two events of chance delta/2 each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from _shi2023_frozen import BALL

from theorycheck import textbook, textbook_tails
from theorycheck.model import Instance
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Draw, Step, apply, combine, define, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.shi2023 import frozen as r9

#: empirical loss of the projected descent; largest loss in the ball above the empirical one, and its mean; largest loss in the ball
seen, hidden, worst = sp.Symbol("L~_proj", nonnegative=True), sp.Symbol("sup_gap", real=True), sp.Symbol("l_max", nonnegative=True)  # fmt: skip
mean_hidden, missed, missed_u = sp.symbols("E_sup P_sup P_u", nonnegative=True)
later = sp.Symbol("t", positive=True)
_CLAIMS = {claim.label: claim.bound for claim in r9.FROZEN.claims}
#: the bounded difference of one side, as the card's deviation has it
_ROOT = r9.deviation(r9.INSIDE).subs(r9.size, 0) / (2 * r9.zero)
_BELOW_1, _STEP = f"{GIVEN}confidence", f"{GIVEN}a step"


def most_loss(radius: sp.Expr) -> sp.Expr:
    """Return the largest loss of weights in the ball, which is also the range of the losses there."""
    return r9.zero + radius * r9.size


def _case(own: Instance) -> Mapping[sp.Symbol, float]:
    """The card's projected descent, with its losses on the sample."""
    found, given, whole = r9.descended(own), own.parameters, r9._signed(own)
    chosen = np.random.default_rng([int(given["seed"]), int(given["draw"]), 107]).integers(0, own.n, int(given["samples"]))  # fmt: skip
    signed, ball = whole[chosen], r9._into(own.signs, given["B"])
    for _ in range(int(given["T"]) - 1):
        ball = r9._into(ball - (r9._slope(signed, ball) / found["L"] if found["L"] else 0.0), given["B"])
    # losses are convex in a: the largest of one sample is at the edge, along its features
    edge = float(np.logaddexp(0, given["B"] * np.linalg.norm(whole, axis=1)).max())
    value = r9._loss(signed @ ball)
    return {
        seen: value, hidden: found["projected"] - value, worst: edge, r9.zero: float(np.log(2)), r9.B: given["B"], r9.size: float(r9._size(own).value),
        r9.projected: found["projected"], r9.wrong: found["wrong"], r9.other_loss: found["other"], r9.far: found["far"], r9.L: found["L"] or np.nan, r9.T: given["T"],
    }  # fmt: skip


@lru_cache(maxsize=64)
def _drawn(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    plan = {
        "B": float(10 ** rng.uniform(-1, 1)), "delta": 0.5, "samples": int(rng.integers(1, 8)), "steps": int(rng.integers(2, 20)),
        "m": int(rng.integers(1, 5)), "outer": float(rng.choice([0, 1, 10])), "seed": seed,
    }  # fmt: skip
    return _case(r9._hard(("one", "sphere", "gaussian", "duplicate")[seed % 4], plan))


def events(radius: sp.Expr) -> tuple[Event, ...]:
    """Return what the risk in a ball is proved on: no loss there is much above the empirical one, and that of u is not below."""
    side = most_loss(radius) * _ROOT
    return Event("uniform", Bound(hidden, mean_hidden + side), missed), Event("u", Bound(r9.other_loss, r9.best + side), missed_u)  # fmt: skip


def chances(radius: sp.Expr, draw: Draw, *given: str) -> tuple[Step, ...]:
    """Return the steps to ``failure``: both events together fail with chance delta; ``given`` says where the radius is defined."""
    at = {textbook.count: r9.n, textbook.lipschitz: most_loss(radius), textbook.excess: most_loss(radius) * _ROOT}
    tail, known = textbook_tails.BOUNDED_DIFFERENCES.lemma, ("l(0)", _BELOW_1, *given)
    return (
        sampled("half", "l(0) = log 2", Bound(sp.Rational(1, 2), r9.zero), draw),
        combine("l(0)", "is not 0", Bound(sp.S.Zero, r9.zero, strict=True), {"half": 1, REST: sp.Rational(1, 2)}),
        sampled("range", "l is at least 0 and 1-Lipschitz: in the ball at most l(0) + R C", Bound(worst, most_loss(radius)), draw),
        apply("McDiarmid", "a sample changes the supremum over the ball by the range over n", tail, {**at, textbook.chance: missed}, {}, "range", *known),
        apply("McDiarmid for u", "and the loss of u, whose mean is OPT", tail, {**at, textbook.chance: missed_u}, {}, "range", *known),
        identity("half each", "by the choice of the deviation", tail.goal.rhs.xreplace(at), r9.delta / 2, *known),
        combine("failure", "delta in all", Bound(missed + missed_u, r9.delta), {"McDiarmid": 1, "McDiarmid for u": 1, "half each": 2}),
    )  # fmt: skip


_SPARE = r9.L * (r9.D_1**2 - r9.far**2) / 2
_ON_SAMPLE: tuple[Step, ...] = (
    *BALL,
    define("steps", "T - 1", later, r9.T - 1, _STEP),
    sampled("rate", "as for the free descent: a projection on a ball that holds u brings no point farther from u", Bound(seen, r9.other_loss + r9.L * r9.far**2 / (2 * (r9.T - 1))), _drawn),
    combine("started", "which is at most D_1 from u", Bound(r9.L * r9.far**2 / (2 * (r9.T - 1)), r9.OPTIMISATION), {"squared": r9.L / (2 * later), "steps": -_SPARE / (later * (r9.T - 1)), _STEP: 0}),
    combine("empirical", "so little is lost on the sample", Bound(seen, r9.other_loss + r9.OPTIMISATION), {"rate": 1, "started": 1}),
    apply("Rademacher", "the mean of the supremum", textbook_tails.UNIFORM.lemma, {textbook.mean: mean_hidden, textbook.first: r9.INSIDE, textbook.second: r9.size, textbook.count: r9.n}, {}),
    sampled("in the ball", "the loss is the empirical one and what is hidden there", Bound(r9.projected, seen + hidden), _drawn),
    combine("risk", "all together", _CLAIMS["projected"], {"in the ball": 1, "empirical": 1, f"{EVENT}uniform": 1, f"{EVENT}u": 1, "Rademacher": 1}),
)  # fmt: skip
_EVENTS, _CHANCES = events(r9.INSIDE), chances(r9.INSIDE, _drawn)
PROJECTED = of_claim(r9.FROZEN, "projected", *_CHANCES, *_ON_SAMPLE, chain=("risk",), events=_EVENTS, failure="failure")
SIGNS = of_claim(
    r9.FROZEN, "signs", *_CHANCES, *_ON_SAMPLE,
    sampled("at least l(0)", "where y f <= 0, as l falls and is at least 0", Bound(r9.zero * r9.wrong, r9.projected), _drawn),
    combine("together", "divided", _CLAIMS["signs"], {"at least l(0)": 1 / r9.zero, "risk": 1 / r9.zero, "l(0)": 0}),
    chain=("together",), events=_EVENTS, failure="failure",
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (PROJECTED, SIGNS)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
