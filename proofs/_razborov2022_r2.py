"""Proof of R2's floor (razborov2022, section 3.3): at time 0 the tangent Gram is above alpha_*^2, by C1 and C2.

A Gram is counted (``use`` is 1) or not (0): what is not counted cannot fail.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_chances as ch
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import r2
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022.nguyen_card import NGUYEN

#: the chances that a floor fails where it is counted, and as it is used
P_W, P_a, Q_W, Q_a = sp.symbols("P_W P_a Q_W Q_a", nonnegative=True)
_INPUT, _DELTA = f"{GIVEN}nonzero inputs", f"{GIVEN}delta below 1"
_PER = o.m / (8 * o.TRUNCATED)


def _counted(seed: int) -> Mapping[sp.Symbol, float]:
    """Chances of an event that is there or not."""
    rng = np.random.default_rng(seed)
    use, whole, other = rng.integers(0, 2), rng.random(), rng.random()
    use_a = rng.integers(0, 2)
    return {w.use_W: use, w.use_a: use_a, Q_W: whole, P_W: use * whole, Q_a: other, P_a: use_a * other}


def _kept(seed: int) -> Mapping[sp.Symbol, float]:
    """A mean that keeps three quarters if it is counted, and any mean otherwise."""
    rng = np.random.default_rng(seed)
    use, least, norm, size, above = rng.integers(0, 2), *rng.exponential(1, 4)
    kept = least * (rng.choice([0.75, 0.76, 1.0]) if use else rng.random())
    return {
        w.use_a: use, o.lam_a: least, ch.mean_kept: kept, t.X_norm: norm, o.X_F: norm + size, o.u_0: 1 + above,
        o.m: rng.integers(1, 1000), o.n: rng.integers(1, 9),
    }  # fmt: skip


def _sum(seed: int) -> Mapping[sp.Symbol, float]:
    """Two Grams, their rates and their sum."""
    rng = np.random.default_rng(seed)
    one, two = (part @ part.T for part in rng.standard_normal((2, 3, 4)))
    rates = rng.exponential(1, 2) * (rng.random(2) < 0.9)
    least = [np.linalg.eigvalsh(part)[0] for part in (one, two, rates[0] * one + rates[1] * two)]
    return {
        i.ell_W: least[0],
        i.ell_a: least[1],
        t.alpha_squared: least[2] + 1e-12,
        t.eta_W: rates[0],
        t.eta_a: rates[1],
    }


def _chernoff(label: str, chance: sp.Symbol, expected: sp.Expr, *stands_on: str) -> Step:
    return apply(label, "matrix Chernoff for half the mean (C1, C2)", textbook.MATRIX_CHERNOFF.lemma,
        {textbook.chance: chance, textbook.size: o.n, textbook.expected: expected}, {}, *stands_on, _INPUT)  # fmt: skip


def _floor(card: Theorem, law: o.OutputLaw) -> Proof:
    found, fair = w.conditions(law), w.delta / w.EVENTS
    none = {_INPUT: 0, _DELTA: 0}
    far = o.n * sp.exp(-_PER * sp.Rational(3, 4) * o.lam_a)
    return of_claim(
        card, "floor",
        _chernoff("C1", Q_W, o.m * law.kept * o.lam_W / (law.cap * t.X_norm**2)),
        sampled("W counted", "an event that is not counted cannot fail", Bound(P_W, w.use_W * Q_W), _counted),
        combine("chance W", "which is what the width allows", Bound(P_W, fair), {"W counted": 1, "C1": w.use_W, f"{GIVEN}Chernoff W": 1, **none}),
        apply("cut", "what truncation loses", ch.CUT.lemma, {}, {"beyond the mean": f"{GIVEN}u_0 at least 1"}),
        sampled("truncated mean", "the least eigenvalue of the truncated mean", Bound(o.lam_a - ch.cut, ch.mean_kept), ch._plane),
        combine("three quarters", "is at least 3/4 lambda_a, if it is counted", Bound(w.use_a * o.lam_a - o.lam_a / 4, w.use_a * ch.mean_kept), {"truncated mean": w.use_a, "cut": w.use_a, f"{GIVEN}truncation": 1}),
        _chernoff("C2", Q_a, o.m * ch.mean_kept / o.TRUNCATED),
        sampled("at three quarters", "the chance falls with the mean", Bound(w.use_a * o.n * sp.exp(-_PER * ch.mean_kept), w.use_a * far), _kept, "three quarters"),
        sampled("a counted", "an event that is not counted cannot fail", Bound(P_a, w.use_a * Q_a), _counted),
        combine("chance a", "which is what the width allows", Bound(P_a, fair), {"a counted": 1, "C2": w.use_a, "at three quarters": 1, f"{GIVEN}Chernoff a": 1, **none}),
        combine("failure", "two of seven parts", Bound(P_W + P_a, w.delta), {"chance W": 1, "chance a": 1, REST: w.delta - 2 * fair}),
        sampled("sum", "the least eigenvalue of K_0 = eta_W G_W + eta_a G_a", Bound(t.eta_W * i.ell_W + t.eta_a * i.ell_a, t.alpha_squared), _sum),
        combine("floors", "each above its floor, on the events", Bound(found.alpha_squared, t.eta_W * i.ell_W + t.eta_a * i.ell_a), {f"{EVENT}W": t.eta_W, f"{EVENT}a": t.eta_a}),
        combine("together", "one after the other", card.claims[0].bound, {"floors": 1, "sum": 1}),
        events=(Event("W", Bound(w.use_W * o.floor_W(law), i.ell_W), P_W), Event("a", Bound(w.use_a * o.FLOOR_A, i.ell_a), P_a)),
        failure="failure", chain=("floors", "sum"), quantities=(Quantity(i.ell_W, "least eigenvalue of G_W at time 0", i.least_of(True)), Quantity(i.ell_a, "least eigenvalue of G_a at time 0", i.least_of(False))),
    )  # fmt: skip


FLOORS = (_floor(r2.R2, o.SIGNS), _floor(r2.R2_GAUSSIAN, o.NORMAL))
PROOFS: tuple[Proof, ...] = FLOORS

_APART = (
    "its events are proved one by one (C1, C2, sizes at time 0, flips), and on them R1 applies with the share c alpha_*/alpha (errata "
    "B12); the steps that put these together are not written down yet"
)
#: claims without a proof, and why
REASONS = {f"{card.label} {claim.label}": _APART for card in (r2.R2, r2.R2_GAUSSIAN) for claim in card.claims[1:]} | {
    f"{NGUYEN.label} {claim.label}": "restated from the literature; its one-step inequality is not written down as steps yet"
    for claim in NGUYEN.claims
}

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
