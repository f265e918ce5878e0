"""Proofs of chen2022's theorems A and F: where the slope is steep, the tangent Gram stays definite.

Neurons come in kinds, each a share of all: those that count for a sample, and the others. A size of at most M is
``M/(1 + e)``, e >= 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import sympy as sp
from _chen2022_steps import AREA, FLOW, FORCE, KAPPA, LAM, Q, Small, area, decay, follow, kappa, over, q

from theorycheck import textbook
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.chen2022 import movement as mv
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022 import steep_everywhere as ev
from theorycheck.theorems.chen2022.steep import A

Case = Mapping[sp.Symbol, float]

#: what q_a is multiplied by in the rate
PER_SLOPE = t.PER_HELD * t.lam
more_c, more_s, rest = sp.symbols("e_c e_s rest", nonnegative=True)


def given(*labels: str) -> dict[str, int]:
    """Return premises that only tell signs."""
    return {f"{GIVEN}{label}": 0 for label in labels}


# --- how fast preactivations move ------------------------------------------------------------------------

_less, _zeta = sp.symbols("e_1 e_2", nonnegative=True), sp.symbols("zeta_1 zeta_2", real=True)


def speed(weight: sp.Expr, name: str) -> Step:
    """Return (3.5) for one neuron and two samples: ``|G e_a| |c_i| |s'(h_ia)| = g weight L_s/(1 + e_a)``."""
    most = (weight * t.slope * t.g / t.n) ** 2
    own = most * sum(z**2 / (1 + e) ** 2 for e, z in zip(_less, _zeta, strict=True))
    lost = most * sum(z**2 * (2 * e + e**2) / (1 + e) ** 2 for e, z in zip(_less, _zeta, strict=True))
    return combine("speed", f"|h_ia'|^2 <= |G e_a|^2 |force_i|^2 <= ({name} L_s g |zeta|/n)^2: |c_i| <= {name}, |s'| <= L_s, |G e_a| <= g", Bound(own, most * (_zeta[0] ** 2 + _zeta[1] ** 2)), {REST: lost, "force": 0})  # fmt: skip


def _moves(seed: int) -> Case:
    """A flow of tanh, in half of the cases with one neuron that starts where it is steepest."""
    rng = np.random.default_rng(seed)
    n, m = (1, 1) if seed % 2 else (int(rng.integers(1, 4)), int(rng.integers(1, 9)))
    inputs = rng.standard_normal((n, n + 1))
    c, zeta = rng.standard_normal(m), rng.standard_normal(n) * 10 ** rng.uniform(-3, 0)
    net = Small(inputs @ inputs.T / (n + 1), rng.standard_normal((n, m)) * (seed % 4 > 1), c, zeta)
    run = follow(net)
    return {
        s.moved: np.abs(run.h[-1] - run.h[0]).max(), t.c_high: np.abs(c).max(), t.slope: 1.0, t.n: n,
        t.g: np.linalg.norm(net.gram, axis=0).max(), area: run.area,
    }  # fmt: skip


def _falling(seed: int) -> Case:
    """A residual that falls at half the theorem's rate or faster, piece by piece in closed form."""
    rng = np.random.default_rng(seed)
    values = {t.c_low: 1.0, t.steepness: 1.0, t.share: 1.0, t.n: 2.0, t.lam: 10 ** rng.uniform(-2, 2), t.zeta_0: 1.0}
    rate = values[t.lam]
    pieces, faster = rng.exponential(3, 12), (rng.random(12) < 0.3) * (rng.random() < 0.7)
    rates = rate / 2 * (1 + rng.exponential(1, 12) * faster)
    starts = np.exp(-np.concatenate([[0], np.cumsum(rates * pieces / rate)[:-1]]))
    return {**values, area: np.sum(starts * -np.expm1(-rates * pieces / rate) / rates)}


# --- A: retained neurons stay --------------------------------------------------------------------------

RATE_A = t.CONCLUSIONS_A[0].expr
SIGNS_A = given("lambda_min positive", "c_lo positive", "K positive", "p_hat positive")
FLOOR = t.c_low**2 * t.steepness**2 * t.share
_counted = (t.share + over) * (t.c_low**2 + more_c) * (t.steepness**2 + more_s) + rest
q_while, moved_while, faster = sp.symbols("q_w H_w e_r", nonnegative=True)
_PER_AREA = t.c_high * t.slope * t.g / t.n
_size = sp.Symbol("|zeta|", nonnegative=True)
_PAYS = 2 / RATE_A * (RATE_A / 2 * _size + faster)
_tau, _falls = sp.symbols("tau r", positive=True)
FALL = identity("area", "int_0^oo exp(-r tau/2) dtau = 2/r", sp.Integral(sp.exp(-_falls * _tau / 2), (_tau, 0, sp.oo)), 2 / _falls)  # fmt: skip


def _retained(seed: int) -> Case:
    """Flows of tanh just below the test's threshold, counted neurons at the edge and pushed outward."""
    rng = np.random.default_rng(seed)
    n, m, edge = 1 + int(rng.random() < 0.3), 12, 10 ** rng.uniform(-1.7, 0.2)
    eta, steep, low = edge * rng.uniform(0.05, 0.95), 1 - np.tanh(edge) ** 2, 10 ** rng.uniform(-1, 0)
    gram = np.diag(10 ** rng.uniform(-1, 1, n)) + rng.uniform(0, 0.03) * (1 - np.eye(n))
    c, zeta = low * (1 + rng.exponential(1, m) * (seed % 2)) * rng.choice([-1, 1], m), rng.standard_normal(n)
    start = -np.sign(np.outer(zeta, c)) * (edge - eta) * (1 - 1e-9)
    start[:, int(rng.integers(1, 2 * m)) :] = 6.0
    case = {
        t.c_low: low, t.steepness: steep, t.slope: 1.0, t.share: np.mean(np.abs(start) <= edge - eta, axis=1).min(),
        t.lam: np.linalg.eigvalsh(gram)[0], t.g: np.linalg.norm(gram, axis=0).max(), t.c_high: np.abs(c).max(),
    }  # fmt: skip
    size = 0.999 * eta * case[t.lam] * (low * steep) ** 2 * case[t.share] / (case[t.c_high] * case[t.g])
    run = follow(Small(gram, start, c, zeta * size / np.linalg.norm(zeta)))
    return {**case, t.zeta_0: size, moved_while: np.abs(run.h - start).max()}


def _largest(seed: int) -> Case:
    """Output weights of which some count."""
    sizes = np.random.default_rng(seed).exponential(1, 1 + seed % 4)
    return {t.c_high: sizes.max(), t.c_low: np.random.default_rng(seed + 1).choice(sizes)}


def _column(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((2, 3)) if seed % 2 else np.linalg.qr(rng.standard_normal((3, 2)))[0].T
    gram = inputs @ inputs.T / 3
    return {t.lam: np.linalg.eigvalsh(gram)[0], t.g: np.linalg.norm(gram, axis=0).max()}


#: c_hi and g are sizes: that they are not negative
SIZES = (
    sampled("some weight counts", "c_hi >= c_lo, as some neuron counts", Bound(t.c_low, t.c_high), _largest, f"{GIVEN}p_hat positive"),
    sampled("column", "|G e_a| >= e_a'G e_a >= lambda_min", Bound(t.lam, t.g), _column),
    combine("c_hi is a size", "so it is not negative", Bound(sp.S.Zero, t.c_high), {"some weight counts": 1, f"{GIVEN}c_lo positive": 1}),
    combine("g is a size", "so it is not negative", Bound(sp.S.Zero, t.g), {"column": 1, LAM: 1}),
)  # fmt: skip


def stays(symbol: sp.Symbol, kept: float) -> Callable[[int], Mapping[sp.Symbol, float]]:
    """Return a draw of the least q_a of a tanh network after preactivations moved outward by at most eta.

    Output weights have shrunk to the share ``kept``.
    """

    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        rng = np.random.default_rng(seed)
        eta, low = float(rng.uniform(0.05, 0.9)), float(rng.uniform(0.1, 1))
        h = (
            rng.standard_normal((2, 30))
            if seed % 3
            else rng.choice([-1, 1], (2, 30)) * np.where(rng.random((2, 30)) < 0.5, 1 - eta, 9.0)
        )
        c = rng.standard_normal(30) if seed % 2 else np.full(30, low)
        share = np.mean((np.abs(h) <= 1 - eta) & (np.abs(c) >= low), axis=1).min()
        later = h + eta * np.sign(h) * (1.0 if seed % 3 == 0 else rng.random(h.shape))
        slopes = 1 - np.tanh(later) ** 2
        return {
            symbol: np.mean((kept * c) ** 2 * slopes**2, axis=1).min(),
            t.c_low: low,
            t.steepness: 1 - np.tanh(1.0) ** 2,
            t.share: share,
        }

    return draw


A_RATE = of_claim(
    A, "rate", FLOW, FORCE, speed(t.c_high, "c_hi"),
    combine("counted neurons", "a share p_hat + e of neurons has |c_i| >= c_lo and |s'| >= K: their part of q_a", Bound(FLOOR, _counted), {REST: sp.expand(_counted - FLOOR), **given("c_lo positive")}),
    sampled("while", "so c_lo^2 K^2 p_hat <= q_w, the least q_a while no preactivation has moved by eta", Bound(FLOOR, q_while), stays(q_while, 1.0), "counted neurons"),
    combine("paid", "|zeta|' <= -(r/2)|zeta| then, so |h_ia'| <= -(2/r) (c_hi L_s g/n) |zeta|'", Bound((_PER_AREA * _size) ** 2, (_PER_AREA * _PAYS) ** 2), {REST: sp.expand(_PER_AREA**2 * (2 / RATE_A) ** 2 * (RATE_A * _size * faster + faster**2)), "while": 0, **SIGNS_A}),
    sampled("better", "integrated: H_w, the largest movement while that holds, is at most (2/r) (c_hi L_s g/n) |zeta_0|", Bound(moved_while, t.WINDOW_A), _retained, "flow", "speed", "while", "paid", count=30),
    combine("room", "that is less than eta, by the test", Bound(t.WINDOW_A, t.eta, strict=True), {f"{GIVEN}test": 1 / t.HELD, **SIGNS_A}),
    *SIZES,
    apply("at all times", "so no neuron ever leaves: q_T >= c_lo^2 K^2 p_hat", textbook.BOOTSTRAP.lemma, {textbook.floor: FLOOR, textbook.seen: q_while, textbook.ever: q, textbook.moved: moved_while, textbook.better: t.WINDOW_A, textbook.radius: t.eta}, {"while": "while", "better": "better", "room": "room"}, "c_hi is a size", "g is a size", *SIGNS_A, f"{GIVEN}eta positive"),
    combine("held", "c_lo^2 K^2 p_hat <= q_T, times 2 lambda_min/n", Bound(RATE_A, PER_SLOPE * q), {"at all times": PER_SLOPE, LAM: 0}),
    combine("positive", "the rate is positive", Bound(sp.S.Zero, RATE_A, strict=True), {**SIGNS_A, LAM: RATE_A / t.lam}),
    *decay("held", "positive"),
    combine("together", "one after the other", Bound(RATE_A, s.rate), {"held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("held", "least eigenvalue", "Groenwall"), quantities=(Q, KAPPA),
)  # fmt: skip

A_WINDOW = of_claim(
    A, "window", FLOW, FORCE, speed(t.c_high, "c_hi"),
    sampled("path", "integrated: A_T = int_0^T |zeta|", Bound(s.moved, _PER_AREA * area), _moves, "flow", "speed", count=30),
    FALL,
    apply("rate", "|zeta_t| <= |zeta_0| exp(-r t/2)", of_card(A, "rate"), {}, {label: f"{GIVEN}{label}" for label, _ in t.TESTS_A}),
    sampled("decay", "integrated, to infinity", Bound(area, t.zeta_0 * 2 / RATE_A), _falling, "area", "rate"),
    *SIZES,
    combine("paid", "times the speed", Bound(_PER_AREA * area, t.WINDOW_A), {"decay": _PER_AREA, "c_hi is a size": 0, "g is a size": 0}),
    combine("together", "one after the other", Bound(s.moved, t.WINDOW_A), {"path": 1, "paid": 1}),
    chain=("path", "paid"), quantities=(AREA,),
)  # fmt: skip

# --- F: slope bounded away from 0 ------------------------------------------------------------------------

_weights, _more = sp.symbols("C_a C_b", nonnegative=True), sp.symbols("e_a e_b", nonnegative=True)
_MEAN = sum(w * (t.steepness**2 + e) for w, e in zip(_weights, _more, strict=True)) / 2
_SURE = sum(w * e for w, e in zip(_weights, _more, strict=True)) / 2


def _everywhere(seed: int) -> Case:
    """Output weights of any size, slopes of at least K in size, in half of the cases no larger."""
    rng = np.random.default_rng(seed)
    least, c = rng.uniform(0, 1), rng.standard_normal(int(rng.integers(1, 9))) * 10 ** rng.uniform(-3, 3)
    steep = (least + (seed % 2) * rng.exponential(1, (3, len(c)))) * rng.choice([-1, 1], (3, len(c)))
    return {t.steepness: least, ev.C_2: np.sqrt(np.mean(c**2)), q: np.mean(c**2 * steep**2, axis=1).min()}


_OTHERS = given("K positive", "C_2 positive")
_HELD = (
    combine("slopes", "c_i^2 s'(h_ia)^2 >= K^2 c_i^2, averaged over neurons", Bound(t.steepness**2 * sum(_weights) / 2, _MEAN), {REST: _SURE}),
    sampled("at all times", "so q_T >= K^2 C_2^2", Bound(t.steepness**2 * ev.C_2**2, q), _everywhere, "slopes"),
    combine("held", "K^2 C_2^2 <= q_T, times 2 lambda_min/n", Bound(ev.RATE, PER_SLOPE * q), {"at all times": PER_SLOPE, LAM: 0}),
    combine("positive", "the rate is positive", Bound(sp.S.Zero, ev.RATE, strict=True), {**_OTHERS, LAM: ev.RATE / t.lam}),
)  # fmt: skip
F_RATE = of_claim(
    ev.F, "rate", *_HELD, *decay("held", "positive"),
    combine("together", "one after the other", Bound(ev.RATE, s.rate), {"held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("held", "least eigenvalue", "Groenwall"), quantities=(Q, KAPPA),
)  # fmt: skip

_x, spread = sp.Symbol("x", positive=True), sp.Symbol("e_Lambda", nonnegative=True)
_LEFT = mv.UPPER.subs(mv.left, 0)
F_PATH = of_claim(
    ev.F, "path", *_HELD, *decay("held", "positive")[1:4],
    define("largest eigenvalue", "Lambda_max is lambda_min and something more", s.Lam, t.lam + spread, LAM),
    combine("inputs", "so G is not 0", Bound(sp.S.Zero, s.Lam, strict=True), {"largest eigenvalue": -1, LAM: 1, REST: spread}),
    apply("consumed", "4.10: movement is bounded by the loss consumed", of_card(mv.MOVEMENT, "upper"), {}, {"Lambda_max positive": "inputs", "kappa_T positive": "stays definite"}),
    combine("all of it", "no more than all the loss is consumed", Bound(mv.UPPER, _LEFT), {REST: _LEFT - mv.UPPER, "stays definite": 0}),
    combine("half the rate", "r/2 <= kappa_T", Bound(ev.RATE / 2, kappa), {"held": sp.S.Half, "least eigenvalue": sp.S.Half}),
    monotone("at that rate", "2 sqrt(L_0/r), with 2 kappa_T >= r", Bound(_LEFT, ev.PATH), "half the rate", sp.Lambda(_x, _LEFT.subs(kappa, _x)), LAM, *_OTHERS),
    combine("together", "one after the other", Bound(s.moved_path, ev.PATH), {"consumed": 1, "all of it": 1, "at that rate": 1}),
    chain=("consumed", "all of it", "at that rate"), quantities=(KAPPA, next(part for part in mv.QUANTITIES if part.symbol == mv.left)),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (A_RATE, A_WINDOW, F_RATE, F_PATH)
