"""R0'' of razborov2022, the form of Oymak and Soltanolkotabi, from R0 (section 3.1): its constants are q(1/6, 1/2) and rounded.

``alpha`` is half of ``sigma_min(J_0)``; J, without the rate, changes by at most ``alpha/3`` on the ball and ``eta |J|^2 <= 1/2``.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as descent
import _razborov2022_flow as flow
import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, enclosed, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import oymak_card as card
from theorycheck.theorems.razborov2022 import r1_descent as gd
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t

_c, _S, _alpha, _r = sp.symbols("c_1 S alpha r_0", nonnegative=True)
_eta, _half, _q, _z = sp.symbols("eta a_1 q x", positive=True)
_LEAST = t.gain(t.OYMAK_C, t.OYMAK_S)
_PREMISES = {"slack": Bound(_c, t.OYMAK_C), "step": Bound(_S, t.OYMAK_S)}

Q = flow.lemma(
    "q(1/6, 1/2)", _PREMISES,
    combine("q falls with c and S", "q(c, S) - q(1/6, 1/2) = (1/2 - S)(1 + c)^2 + (1/6 - c)(5 + (5/2)(1/6 + c))", Bound(_LEAST, t.gain(_c, _S)), {"step": (1 + _c) ** 2, "slack": 5 + sp.Rational(5, 2) * (t.OYMAK_C + _c)}),
)  # fmt: skip
RATE = flow.lemma(
    "R0'' rate", _PREMISES,
    apply("q", "q is at least 43/72", Q.lemma, {}, {"slack": "slack", "step": "step"}),
    enclosed("rounded", "2.38 < 43/18", Bound(sp.Rational(238, 100), t.OYMAK_GAIN), {}),
    combine("rate", "R0's q (2 sqrt(eta) alpha)^2 is at least 2.38 eta alpha^2", Bound(sp.Rational(238, 100) * _eta * _alpha**2, t.gain(_c, _S) * (2 * sp.sqrt(_eta) * _alpha) ** 2), {"rounded": _eta * _alpha**2, "q": 4 * _eta * _alpha**2}),
    combine("half", "so at least half of eta alpha^2", Bound(_eta * _alpha**2 / 2, t.gain(_c, _S) * (2 * sp.sqrt(_eta) * _alpha) ** 2), {"rate": 1, REST: sp.Rational(188, 100) * _eta * _alpha**2}),
)  # fmt: skip
PATH = flow.lemma(
    "R0'' path", {"q": Bound(_LEAST, _q), "slack": _PREMISES["slack"]},
    monotone("at the least", "sqrt(eta) 2 (1 + c)|r_0|/(q 2 sqrt(eta) alpha), q at least 43/72", Bound((1 + _c) * _r / (_q * _half), (1 + _c) * _r / (_LEAST * _half)), "q", sp.Lambda(_z, (1 + _c) * _r / (_z * _half))),
    combine("at the largest c", "and c at most 1/6", Bound((1 + _c) * _r / (_LEAST * _half), t.OYMAK_PATH * _r / _half), {"slack": _r / (_LEAST * _half)}),
    enclosed("rounded", "84/43 < 1.96", Bound(t.OYMAK_PATH, sp.Rational(196, 100)), {}),
    combine("within the ball", "at most 1.96 |r_0|/alpha, inside the ball of radius 4 |r_0|/alpha", Bound((1 + _c) * _r / (_q * _half), sp.Rational(196, 100) * _r / _half), {"at the least": 1, "at the largest c": 1, "rounded": _r / _half}),
)  # fmt: skip

# --- the card: R1 for descent at c = 1/6, with no rate for the output weights ---------------------------------------------

_y = sp.Symbol("y", nonnegative=True)
_PROVED = {proof.name: proof for proof in descent.PROOFS}
_AT = {t.c: t.OYMAK_C, t.eta_a: sp.S.Zero}
_RANGE = dict(t.TESTS_R1["descent"])[descent.RANGE].rhs.xreplace(_AT)
_DEFINITE, _MOVED = f"{GIVEN}K_0 definite", sp.sqrt(t.eta_W) * t.PATH["descent"].xreplace(_AT)
_ON_BALL = t.Q.xreplace(_AT)


def _within(seed: int) -> Mapping[sp.Symbol, float]:
    """What flips within a budget, and within one that is no smaller."""
    rng = np.random.default_rng(seed)
    costs, masses = np.sort(rng.exponential(1, 6)) ** 2, rng.exponential(1, 6)
    budget = float(rng.exponential(3)) + costs[0]
    near, far = (float(masses[np.cumsum(costs) <= part].sum()) for part in (budget * rng.choice([1, 0.9]), budget))
    return {t.mass: near, card.mass: far}


#: what R1 asks for, from what the card is given
_READ = (
    combine("slack", "c = 1/6", Bound(t.OYMAK_C, t.OYMAK_C), {REST: sp.S.Zero}),
    apply("q", "q is at least 43/72", Q.lemma, {_c: t.OYMAK_C, _S: card.LARGEST}, {"slack": "slack", "step": f"{GIVEN}step"}),
    combine("positive", "so it is positive", Bound(sp.S.Zero, _ON_BALL, strict=True), {"q": 1, REST: _LEAST}),
    combine("range", "1/6 < sqrt 2 - 1", Bound(sp.S.Zero, _RANGE, strict=True), {REST: _RANGE}),
    monotone("path", "R0's path, for the weights, at q = 43/72", Bound(_MOVED, card.PATH), "q", sp.Lambda(_z, 2 * (1 + t.OYMAK_C) * sp.sqrt(t.eta_W) * t.r_0 / (_z * t.alpha)), _DEFINITE),
    combine("inside", "is within the ball of radius 4 |r_0|/alpha", Bound(_MOVED, card.RADIUS), {"path": 1, REST: (4 - t.OYMAK_PATH) * t.r_0 * 2 * sp.sqrt(t.eta_W) / t.alpha, _DEFINITE: 0}),
    sampled("mass", "so that no more can flip than within that ball", Bound(t.mass, card.mass), _within, "inside"),
    monotone("root", "the root", Bound(sp.sqrt(t.mass), sp.sqrt(card.mass)), "mass", sp.Lambda(_y, sp.sqrt(_y))),
    combine("test", "which is R1's test", Bound(t.change_relu(t.mass, sp.S.Zero), t.OYMAK_C * t.alpha), {"root": t.kappa * t.X_norm * sp.sqrt(t.eta_W), f"{GIVEN}change": 1}),
)  # fmt: skip
_USING = {
    f"{GIVEN}ReLU": f"{GIVEN}ReLU", _DEFINITE: _DEFINITE, f"{GIVEN}{descent.RANGE}": "range",
    f"{GIVEN}{descent.STEP}": "positive", f"{GIVEN}test": "test",
}  # fmt: skip


def _r1(claim: str, words: str) -> Step:
    lemma = _PROVED[f"{gd.R1_DESCENT.label} {claim}"].lemma
    return apply("R1", words, lemma, _AT, _USING, f"{GIVEN}first layer")


_GAIN = (
    *_READ, _r1("contraction", "a step takes off q lambda_min(K_0)"),
    combine("least", "q is at least 43/72", Bound(card.GAIN, t.alpha_squared * _ON_BALL), {"q": t.alpha_squared}),
)  # fmt: skip
CARD = (
    of_claim(
        card.OYMAK, "contraction", *_GAIN,
        combine("rounded down", "1/8 < 43/72", Bound(card.STATED, card.GAIN), {REST: card.GAIN - card.STATED}),
        combine("together", "one after the other", Bound(card.STATED, gd.meta.TAKEN), {"rounded down": 1, "least": 1, "R1": 1}), chain=("rounded down", "least", "R1"),
        quantities=_PROVED[f"{gd.R1_DESCENT.label} contraction"].quantities,
    ),
    of_claim(
        card.OYMAK, "derived", *_GAIN,
        combine("together", "one after the other", Bound(card.GAIN, gd.meta.TAKEN), {"least": 1, "R1": 1}), chain=("together",),
    ),
    of_claim(
        card.OYMAK, "weights", *_READ, _r1("weights", "the path"),
        combine("together", "one after the other", Bound(s.moved_W, card.PATH), {"R1": 1, "path": 1}), chain=("together",),
    ),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (Q, RATE, PATH, *CARD)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
