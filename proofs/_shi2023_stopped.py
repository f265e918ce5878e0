"""Proof of R9's second version (shi2023): the descent that stops where the empirical loss is that of u stays in a ball known before the sample."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from _shi2023_frozen import BALL, u
from _shi2023_risk import chances, events, hidden, later, mean_hidden, most_loss, worst

from theorycheck import textbook, textbook_tails
from theorycheck.model import Instance
from theorycheck.proof import EVENT, GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, monotone, sampled
from theorycheck.statement import Bound
from theorycheck.theorems.shi2023 import frozen as r9

#: of the stopped descent: its empirical loss, its length, how far it is from u
seen, length, last = sp.symbols("L~_stop |a_s| d_s", nonnegative=True)
_y = sp.Symbol("y", nonnegative=True)
_CLAIM = next(claim.bound for claim in r9.FROZEN.claims if claim.label == "stopped")
_STEP, _FEATURE = f"{GIVEN}a step", f"{GIVEN}a feature"
_RADIUS = sp.lambdify((r9.B, r9.start, r9.size, r9.zero), r9.STOPPED)


def _case(own: Instance) -> Mapping[sp.Symbol, float]:
    """The card's stopped descent, with its losses on the sample."""
    found, given, whole = r9.descended(own), own.parameters, r9._signed(own)
    chosen = np.random.default_rng([int(given["seed"]), int(given["draw"]), 107]).integers(0, own.n, int(given["samples"]))  # fmt: skip
    signed, best, a = whole[chosen], r9._best(own)[0], own.signs.copy()
    size, start, zero = float(r9._size(own).value), float(np.linalg.norm(own.signs)), float(np.log(2))
    for _ in range(int(given["T"]) - 1):
        if r9._loss(signed @ a) <= found["other"]:
            break
        a = a - 4 / size**2 * r9._slope(signed, a)
    # losses are convex in a: the largest of one sample is at the edge, along its features
    edge = _RADIUS(given["B"], start, size, zero) * np.linalg.norm(whole, axis=1)
    value = r9._loss(signed @ a)
    return {
        seen: value, hidden: r9._loss(whole @ a) - value, worst: float(np.logaddexp(0, edge).max()), r9.zero: zero, r9.B: given["B"], r9.size: size,
        r9.stopped: found["stopped"], r9.other_loss: found["other"], r9.far: found["far"], r9.T: given["T"], r9.start: start,
        length: float(np.linalg.norm(a)), last: float(np.linalg.norm(a - best)), u: float(np.linalg.norm(best)),
    }  # fmt: skip


@lru_cache(maxsize=64)
def _drawn(seed: int) -> Mapping[sp.Symbol, float]:
    """Descents that stop soon, that only just do not stop, and that begin far away."""
    rng = np.random.default_rng(seed)
    plan = {
        "B": float(10 ** rng.uniform(-1, 1)), "delta": 0.5, "samples": int(rng.integers(1, 8)), "steps": int(rng.choice([2, 3, 40])),
        "m": int(rng.integers(1, 5)), "outer": float(rng.choice([0, 1, 10])), "seed": seed,
    }  # fmt: skip
    return _case(r9._hard(("one", "sphere", "gaussian", "duplicate")[seed % 4], plan))


#: a last step that leads away from u does so by this at most, squared
_AWAY, _MOST = 2 * r9.other_loss / r9.SMOOTH, most_loss(r9.INSIDE)
_ROOM = r9.D_1**2 + 2 * _MOST / r9.SMOOTH
_STAYS: tuple[Step, ...] = (
    *BALL,
    sampled("away", "|a_(t+1) - u|^2 <= |a_t - u|^2 - (2/L) (L~(a_(t+1)) - L~(u)) with L = C^2/4, at least the sample's: only the last step may lead away", Bound(last**2, r9.far**2 + _AWAY), _drawn, _FEATURE),
    sampled("u's loss", "l is 1-Lipschitz and u in the ball", Bound(r9.other_loss, _MOST), _drawn),
    combine("bounded", "together", Bound(last**2, _ROOM), {"away": 1, "u's loss": 2 / r9.SMOOTH, "squared": 1, _FEATURE: 0}),
    monotone("root", "its root", Bound(last, sp.sqrt(_ROOM)), "bounded", sp.Lambda(_y, sp.sqrt(_y)), _FEATURE),
    sampled("from u", "|a_s| <= |u| + |a_s - u|", Bound(length, u + last), _drawn),
    combine("stays", "in a ball that does not depend on the sample", Bound(length, r9.STOPPED), {"from u": 1, "ball": 1, "root": 1, _FEATURE: 0}),
)  # fmt: skip
_SPARE = r9.SMOOTH * (r9.D_1**2 - r9.far**2) / 2
_OPTIMISATION = r9.OPTIMISATION.subs(r9.L, r9.SMOOTH)
_ON_SAMPLE: tuple[Step, ...] = (
    define("steps", "T - 1", later, r9.T - 1, _STEP),
    sampled("rate", "it stops at a loss of at most u's, or descends T - 1 times", Bound(seen, r9.other_loss + r9.SMOOTH * r9.far**2 / (2 * (r9.T - 1))), _drawn, _STEP),
    combine("started", "which is at most D_1 from u", Bound(r9.SMOOTH * r9.far**2 / (2 * (r9.T - 1)), _OPTIMISATION), {"squared": r9.SMOOTH / (2 * later), "steps": -_SPARE / (later * (r9.T - 1)), _STEP: 0}),
    combine("empirical", "so little is lost on the sample", Bound(seen, r9.other_loss + _OPTIMISATION), {"rate": 1, "started": 1}),
    apply("Rademacher", "the mean of the supremum", textbook_tails.UNIFORM.lemma, {textbook.mean: mean_hidden, textbook.first: r9.STOPPED, textbook.second: r9.size, textbook.count: r9.n}, {}, _FEATURE),
    sampled("in the ball", "the loss is the empirical one and what is hidden there", Bound(r9.stopped, seen + hidden), _drawn, "stays"),
    combine("risk", "all together", _CLAIM, {"in the ball": 1, "empirical": 1, f"{EVENT}uniform": 1, f"{EVENT}u": 1, "Rademacher": 1, _FEATURE: 0}),
)  # fmt: skip
STOPPED = of_claim(
    r9.FROZEN, "stopped", *chances(r9.STOPPED, _drawn, _FEATURE), *_STAYS, *_ON_SAMPLE,
    chain=("risk",), events=events(r9.STOPPED), failure="failure",
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (STOPPED,)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
