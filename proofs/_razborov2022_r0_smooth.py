"""Proof of R0-smooth for descent at two rates (razborov2022, section 3.1): a = sigma_min(J_0), J is L-Lipschitz on the ball."""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as descent
import _razborov2022_flow as flow
import _razborov2022_r0 as r0
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.razborov2022 import meta
from theorycheck.theorems.razborov2022 import r0_smooth as sm
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t

D_w, L_w, g, g_w, h, h_w, length = flow.D_w, flow.L_w, descent.g, descent.g_w, descent.h, descent.h_w, flow.length
_TESTS = dict(sm.TESTS)
DEFINITE, STEP = "K_0 definite", "step size"
SPEED = t.alpha / 4

_J, _A = (sp.Matrix(2, 2, sp.symbols(f"{name}_11 {name}_12 {name}_21 {name}_22", real=True)) for name in "JA")
_r = sp.Matrix(descent._r)
_v = _J.T * _r
EXPANDED = identity(
    "expanded", "|r - Jm v|^2 = |r|^2 - 2 |v|^2 - 2 ((Jm - J)'r).v + |Jm v|^2, v = J'r",
    descent._squares(tuple(_r - _A * _v)), descent._squares(tuple(_r)) - 2 * descent._squares(tuple(_v)) - 2 * ((_A - _J).T * _r).dot(_v) + descent._squares(tuple(_A * _v)),
)  # fmt: skip
_u, _L, _V = sp.Symbol("u", real=True), sp.Symbol("L", nonnegative=True), sp.Symbol("V", nonnegative=True)
_less, _small, _under = sp.symbols("y_1 y_2 y_3", nonnegative=True)
MEAN = identity("mean", "|Jm - J| <= int_0^1 L u |v| du, Jm the mean of J over a step of length |v|", sp.Integral(_L * _u * _V, (_u, 0, 1)), _L * _V / 2)  # fmt: skip
ENOUGH = combine(
    "enough", "|v|^2 (2 - L |r| - beta^2) >= |v|^2: L |r| = a^2/8 - y_1, beta^2 = 1/2 - y_2, a^2 = 4 beta^2 - y_3",
    Bound(_V, _V * (2 - ((4 * (sp.S.Half - _small) - _under) / 8 - _less) - (sp.S.Half - _small))), {REST: _V * (sp.Rational(1, 4) + 3 * _small / 2 + _under / 8 + _less)},
)  # fmt: skip


def _quadratic(seed: int) -> Mapping[sp.Symbol, float]:
    """One step of a map with J = J_0 + sum_k theta_k H_k, anywhere on the ball where J keeps half of a."""
    rng = np.random.default_rng(seed)
    n, k = (1, 1) if seed % 4 == 0 else sorted(rng.integers(1, 4, 2))
    start = rng.standard_normal((n, k))
    values = np.linalg.svd(start, compute_uv=False)
    start *= np.sqrt(0.5) / (values[0] + values[-1] / 2) * rng.choice([1.0, rng.uniform(0.1, 1)])
    values, curved = np.linalg.svd(start, compute_uv=False), rng.standard_normal((k, n, k))
    bend = np.sqrt(sum(np.linalg.norm(part, 2) ** 2 for part in curved))
    theta = rng.standard_normal(k)
    change = np.tensordot(theta, curved, 1)
    now = start + change * values[-1] / 2 / np.linalg.norm(change, 2) * (-1 if rng.random() < 0.5 else rng.random())
    residual = rng.standard_normal(n)
    residual *= values[-1] ** 2 / (8 * bend) / np.linalg.norm(residual) * rng.choice([1.0, rng.random()])
    step = now.T @ residual
    mean = now + np.tensordot(step, curved, 1) / 2 * rng.choice([-1, 1])
    before, after = np.linalg.norm(residual), np.linalg.norm(residual - mean @ step)
    return {
        t.alpha_squared: values[-1] ** 2,
        g_w: 1 - (after / before) ** 2,
        h_w: (before - after) / np.linalg.norm(step),
    }


_PREMISES = {"little change": Bound(D_w, t.alpha / 2), STEP: _TESTS[STEP], "test": _TESTS["test"], DEFINITE: _TESTS[DEFINITE]}  # fmt: skip
_STANDS = ("expanded", "mean", "enough", "Rayleigh", *_PREMISES)
GAIN = flow.lemma(
    "one smooth step, loss", _PREMISES, EXPANDED, MEAN, ENOUGH, descent.RAYLEIGH,
    sampled("gain", "|r|^2 falls by |v|^2 at least, and |v| = |J'r| >= (a/2)|r|; |r| <= |r_0|, while steps contract", Bound(sm.GAIN, g_w), _quadratic, *_STANDS),
)  # fmt: skip
FALL = flow.lemma(
    "one smooth step, length", _PREMISES, EXPANDED, MEAN, ENOUGH, descent.RAYLEIGH, descent.NORMS,
    sampled("fall", "|r| falls by at least |v|^2/(2 |r|) >= a |v|/4", Bound(SPEED, h_w), _quadratic, *_STANDS, "norms"),
)  # fmt: skip


def _travelled(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    values, lengths = {t.alpha_squared: rng.exponential(1)}, rng.exponential(1, 6)
    least = float(SPEED.subs(values))
    falls = lengths * least * (1 + rng.exponential(1, 6) * (rng.random(6) < 0.3))
    left = rng.choice([0.0, rng.exponential(1)])
    return {**values, length: lengths.sum() + left / least * rng.choice([1, rng.random()]), t.r_0: falls.sum() + left}


LENGTH = flow.lemma(
    "smooth polygon", {"fall": Bound(SPEED, h), STEP: _TESTS[STEP], DEFINITE: _TESTS[DEFINITE]},
    combine("last step", "a step is at most beta |r|, beta = sqrt(Lambda_max) + a/2, which is no more than |r| allows: a beta <= 2 beta^2 <= 1", Bound(t.alpha * sm.LARGEST, sp.Integer(4)), {STEP: 1, REST: 3 + 2 * sm.LARGEST * sp.sqrt(t.top)}),
    sampled("length", "all steps added up are at most 4 (|r_0| - |r_t|)/a, and the one under way at most |r_t| over the same", Bound(length, sm.PATH), _travelled, "fall", "last step", DEFINITE),
)  # fmt: skip

# --- the card ---------------------------------------------------------------------------------------------

_ON = {name: f"{GIVEN}{name}" for name in (STEP, "test", DEFINITE)}
_LENGTH = {name: f"{GIVEN}{name}" for name in (STEP, DEFINITE)}
_SURE = f"{GIVEN}{DEFINITE}"
LITTLE = (
    apply("change", "J is Lipschitz on the ball, where output weights are at most max |a_j| + sqrt(eta_a) P", r0.CHANGE.lemma, {length: sm.PATH, t.a_max: t.a_max + sp.sqrt(t.eta_a) * sm.PATH}, {}, _SURE),
    combine("little change", "so it keeps half of a, by the test", Bound(D_w, t.alpha / 2), {"change": 1, f"{GIVEN}test": 1 / (2 * t.alpha), _SURE: 0}),
)  # fmt: skip
ROOM = combine("room", "which leaves room", Bound(sm.PATH, sm.PATH + flow.epsilon, strict=True), {REST: flow.epsilon, _SURE: 0})  # fmt: skip
TO_LENGTH = (
    apply("fall", "and a/4 of the residual per length", FALL.lemma, {}, {"little change": "little change", **_ON}),
    apply("path", "so that the path is at most 4 |r_0|/a", LENGTH.lemma, {h: h_w, length: L_w}, {"fall": "fall", **_LENGTH}),
    ROOM,
)  # fmt: skip


def _for_ever(bound: sp.Expr, seen: sp.Symbol, ever: sp.Symbol, held: str) -> Step:
    return apply(
        "for ever", "so it is never longer, and what was said holds for ever", textbook.BOOTSTRAP.lemma,
        {textbook.floor: bound, textbook.seen: seen, textbook.ever: ever, textbook.moved: L_w, textbook.better: sm.PATH, textbook.radius: sm.PATH + flow.epsilon},
        {"while": held, "better": "path", "room": "room"}, _SURE,
    )  # fmt: skip


CONTRACTION = of_claim(
    sm.R0_SMOOTH, "contraction", *LITTLE,
    apply("gain", "a step takes off a^2/4 of the loss", GAIN.lemma, {}, {"little change": "little change", **_ON}),
    *TO_LENGTH, _for_ever(sm.GAIN, g_w, g, "gain"),
    sampled("all steps", "1 - (L_k/L_0)^(1/k): the geometric mean of what steps leave is at most 1 - g", Bound(g, meta.TAKEN), descent._falls),
    combine("together", "one after the other", Bound(sm.GAIN, meta.TAKEN), {"for ever": 1, "all steps": 1}),
    chain=("for ever", "all steps"), quantities=(Quantity(g, "least share of the loss that a step takes off", descent.least_gain),),
)  # fmt: skip


def _moved(label: str, layer: sp.Symbol, rate: sp.Symbol) -> Proof:
    return of_claim(
        sm.R0_SMOOTH, label, *LITTLE, *TO_LENGTH, _for_ever(SPEED, h_w, h, "fall"),
        apply("whole path", "a path of any number of steps", LENGTH.lemma, {}, {"fall": "for ever", **_LENGTH}),
        sampled("layer", "a layer moves at most sqrt(its rate) times the path of the rescaled parameters", Bound(layer, sp.sqrt(rate) * length), flow._layer(layer, rate)),
        combine("scaled", "times sqrt(its rate)", Bound(sp.sqrt(rate) * length, sp.sqrt(rate) * sm.PATH), {"whole path": sp.sqrt(rate)}),
        combine("together", "one after the other", Bound(layer, sp.sqrt(rate) * sm.PATH), {"layer": 1, "scaled": 1}),
        chain=("layer", "scaled"), quantities=(Quantity(length, "length of the path of the rescaled parameters", descent.travelled),),
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = (
    GAIN, FALL, LENGTH, CONTRACTION, _moved("weights", s.moved_W, t.eta_W), _moved("outer", s.moved_a, t.eta_a),
)  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
