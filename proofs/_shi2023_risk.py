"""Proofs of R9's risk (shi2023): the projected descent is nearly the best in the ball, on two events of chance delta/2 each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from _shi2023_frozen import BALL

from theorycheck import textbook, textbook_tails
from theorycheck.model import Instance
from theorycheck.proof import EVENT, Event, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.shi2023 import frozen as r9

#: empirical loss of the projected descent; largest loss in the ball above the empirical one, and its mean; largest loss in the ball
seen, hidden, worst = sp.Symbol("L~_proj", nonnegative=True), sp.Symbol("sup_gap", real=True), sp.Symbol("l_max", nonnegative=True)  # fmt: skip
mean_hidden, missed, missed_u = sp.symbols("E_sup P_sup P_u", nonnegative=True)
later = sp.Symbol("t", positive=True)
_CLAIMS = {claim.label: claim.bound for claim in r9.FROZEN.claims}
#: the bounded difference of one side, and the range of the loss, as the card's deviation has them
_ROOT = r9.deviation(r9.INSIDE).subs(r9.size, 0) / (2 * r9.zero)
_RANGE = r9.zero + r9.INSIDE * r9.size
_SIDE = _RANGE * _ROOT


@lru_cache(maxsize=128)
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


def _drawn(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    plan = {
        "B": float(10 ** rng.uniform(-1, 1)), "delta": 0.5, "samples": int(rng.integers(1, 8)), "steps": int(rng.integers(2, 20)),
        "m": int(rng.integers(1, 5)), "outer": float(rng.choice([0, 1, 10])), "seed": seed,
    }  # fmt: skip
    return _case(r9._hard(("one", "sphere", "gaussian", "duplicate")[seed % 4], plan))


def _numbers(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    return {r9.T: float(rng.integers(2, 50)), r9.delta: float(rng.uniform(0, 1))}


def _tail(label: str, says: str, chance: sp.Symbol) -> Step:
    at = {textbook.chance: chance, textbook.count: r9.n, textbook.lipschitz: _RANGE, textbook.excess: _SIDE}
    return apply(label, says, textbook_tails.BOUNDED_DIFFERENCES.lemma, at, {}, "range", "l(0)", "delta")


_EXPONENT = textbook_tails.BOUNDED_DIFFERENCES.goal.rhs.xreplace({textbook.count: r9.n, textbook.lipschitz: _RANGE, textbook.excess: _SIDE})  # fmt: skip
_EVENTS = (
    Event("uniform", Bound(hidden, mean_hidden + _SIDE), missed),
    Event("u", Bound(r9.other_loss, r9.best + _SIDE), missed_u),
)
_CHANCES: tuple[Step, ...] = (
    sampled("delta", "is below 1, or nothing is said", Bound(r9.delta, sp.S.One, strict=True), _numbers),
    sampled("half", "l(0) = log 2", Bound(sp.Rational(1, 2), r9.zero), _drawn),
    combine("l(0)", "is not 0", Bound(sp.S.Zero, r9.zero, strict=True), {"half": 1, REST: sp.Rational(1, 2)}),
    sampled("range", "l is at least 0 and 1-Lipschitz: in the ball at most l(0) + B C", Bound(worst, _RANGE), _drawn),
    _tail("McDiarmid", "a sample changes the supremum over the ball by the range over n", missed),
    _tail("McDiarmid for u", "and the loss of u, whose mean is OPT", missed_u),
    identity("half each", "by the choice of the deviation", _EXPONENT, r9.delta / 2, "l(0)", "delta"),
    combine("failure", "delta in all", Bound(missed + missed_u, r9.delta), {"McDiarmid": 1, "McDiarmid for u": 1, "half each": 2}),
)  # fmt: skip
_SPARE = r9.L * (r9.D_1**2 - r9.far**2) / 2
_ON_SAMPLE: tuple[Step, ...] = (
    *BALL,
    sampled("T", "there is a step", Bound(sp.S.One, r9.T, strict=True), _numbers),
    define("steps", "T - 1", later, r9.T - 1, "T"),
    sampled("rate", "as for the free descent: a projection on a ball that holds u brings no point farther from u", Bound(seen, r9.other_loss + r9.L * r9.far**2 / (2 * (r9.T - 1))), _drawn),
    combine("started", "which is at most D_1 from u", Bound(r9.L * r9.far**2 / (2 * (r9.T - 1)), r9.OPTIMISATION), {"squared": r9.L / (2 * later), "steps": -_SPARE / (later * (r9.T - 1)), "T": 0}),
    combine("empirical", "so little is lost on the sample", Bound(seen, r9.other_loss + r9.OPTIMISATION), {"rate": 1, "started": 1}),
    apply("Rademacher", "the mean of the supremum", textbook_tails.UNIFORM.lemma, {textbook.mean: mean_hidden, textbook.first: r9.INSIDE, textbook.second: r9.size, textbook.count: r9.n}, {}),
    sampled("in the ball", "the loss is the empirical one and what is hidden there", Bound(r9.projected, seen + hidden), _drawn),
    combine("risk", "all together", _CLAIMS["projected"], {"in the ball": 1, "empirical": 1, f"{EVENT}uniform": 1, f"{EVENT}u": 1, "Rademacher": 1}),
)  # fmt: skip
PROJECTED = of_claim(r9.FROZEN, "projected", *_CHANCES, *_ON_SAMPLE, chain=("risk",), events=_EVENTS, failure="failure")
SIGNS = of_claim(
    r9.FROZEN, "signs", *_CHANCES, *_ON_SAMPLE,
    sampled("at least l(0)", "where y f <= 0, as l falls and is at least 0", Bound(r9.zero * r9.wrong, r9.projected), _drawn),
    combine("together", "divided", _CLAIMS["signs"], {"at least l(0)": 1 / r9.zero, "risk": 1 / r9.zero, "l(0)": 0}),
    chain=("together",), events=_EVENTS, failure="failure",
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (PROJECTED, SIGNS)
REASONS = {
    "shi2023.frozen stopped": "its radius has the smoothness L of the drawn sample in it, so that uniform convergence over a fixed ball says nothing of it"
}

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
