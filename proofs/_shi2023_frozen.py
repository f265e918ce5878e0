"""Proofs of R9 (shi2023): gradient descent of a smooth convex loss, in the form that holds for every comparator (errata W2, W3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import Proof, of_claim
from theorycheck.proof_steps import apply, combine, monotone, sampled
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import frozen as r9

#: sum over t = 2 ... T of the empirical loss of a_t above that of u, as far as it is positive; |u|; largest |a_t - u|
total = sp.Symbol("sum_gap", real=True)
u, most = sp.symbols("|u| d_most", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in r9.FROZEN.claims}
_y = sp.Symbol("y", nonnegative=True)


@lru_cache(maxsize=256)
def _run(own: Instance) -> Mapping[sp.Symbol, float]:
    """The same descent as the card's, with what the steps speak of."""
    found, given = r9.descended(own), own.parameters
    chosen = np.random.default_rng([int(given["seed"]), int(given["draw"]), 107]).integers(0, own.n, int(given["samples"]))  # fmt: skip
    signed, best, a = r9._signed(own)[chosen], r9._best(own)[0], own.signs.copy()
    gaps, distances = [], []
    for _ in range(int(given["T"])):
        gaps.append(r9._loss(signed @ a) - found["other"])
        distances.append(float(np.linalg.norm(a - best)))
        a = a - (r9._slope(signed, a) / found["L"] if found["L"] else 0.0)
    # the sum up to the t at which (t - 1) times the gap is largest
    at = 1 + int(np.argmax((np.arange(len(gaps)) * gaps)[1:]))
    return {
        total: float(np.sum(gaps[1 : at + 1])), most: max(distances), u: float(np.linalg.norm(best)), r9.gap: found["gap"],
        r9.far: found["far"], r9.L: found["L"], r9.norm_most: found["most"], r9.other_loss: found["other"], r9.B: given["B"],
        r9.start: float(np.linalg.norm(own.signs)), r9.T: given["T"],
    }  # fmt: skip


@lru_cache(maxsize=64)
def _hard(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    plan = {
        "B": float(10 ** rng.uniform(-1, 1)), "delta": 0.5, "samples": int(rng.integers(1, 8)), "steps": int(rng.integers(2, 20)),
        "m": int(rng.integers(1, 5)), "outer": float(rng.choice([0, 1, 10])), "seed": seed,
    }  # fmt: skip
    found = _run(r9._hard(("one", "sphere", "gaussian", "duplicate")[seed % 4], plan))
    return found if found[r9.L] > 0 else dict.fromkeys(found, np.nan)


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = _run(run.instance)[symbol]
        return Measured(value, 1e-9 * abs(value) + 1e-12)

    return Quantity(symbol, says, read)


_RATE = of_claim(
    r9.FROZEN, "rate",
    sampled("falling", "steps of 1/L make the loss fall, so t - 1 times the last gap is at most their sum", Bound(r9.gap, total), _hard),
    sampled("telescoped", "|a_(t+1) - u|^2 <= |a_t - u|^2 - (2/L) (L~(a_(t+1)) - L~(u)), for every u; summed", Bound(2 * total / r9.L, r9.far**2), _hard),
    combine("added", "times L/2", Bound(total, r9.RATE), {"telescoped": r9.L / 2}),
    combine("together", "one after the other", _CLAIMS["rate"], {"falling": 1, "added": 1}),
    quantities=(_measure(total, "sum of the gaps"),),
)  # fmt: skip
#: |a_1 - u| is at most D_1
BALL = (
    apply("triangle", "|a_1 - u| is at most the sum", textbook.TRIANGLE.lemma, {textbook.both: r9.far, textbook.first: r9.start, textbook.second: u}, {}),
    sampled("ball", "u is in the ball", Bound(u, r9.B), _hard),
    combine("start", "together", Bound(r9.far, r9.D_1), {"triangle": 1, "ball": 1}),
    monotone("squared", "squared", Bound(r9.far**2, r9.D_1**2), "start", sp.Lambda(_y, _y**2)),
)  # fmt: skip
_INNER = r9.far**2 + 2 * (r9.T - 1) * r9.other_loss / r9.L
_ROOM = r9.D_1**2 + 2 * (r9.T - 1) * r9.other_loss / r9.L
_NORM = of_claim(
    r9.FROZEN, "norm",
    sampled("grown", "the same inequality with a loss of at least 0, T - 1 times", Bound(most**2, _INNER), _hard),
    *BALL,
    combine("grown far", "together", Bound(most**2, _ROOM), {"grown": 1, "squared": 1}),
    monotone("root", "its root", Bound(most, sp.sqrt(_ROOM)), "grown far", sp.Lambda(_y, sp.sqrt(_y))),
    sampled("from u", "|a_t| <= |u| + |a_t - u|", Bound(r9.norm_most, u + most), _hard),
    combine("both", "added", Bound(u + most, r9.NORM), {"ball": 1, "root": 1}),
    combine("together", "one after the other", _CLAIMS["norm"], {"from u": 1, "both": 1}),
    chain=("from u", "both"), quantities=(_measure(u, "|u|"), _measure(most, "largest |a_t - u|")),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (_RATE, _NORM)
