"""Proofs of chen2022 with the output weights trained as well (section 4.13): theorem A, and B for ReLU in a part of its own.

Output weights keep half of their size while preactivations stay where the slope is steep, and these stay as long as the
residual has little time to move them: continuity makes both true for ever, one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import _chen2022_both as both
import _chen2022_output_relu as relu
import _chen2022_steps as st
import numpy as np
import sympy as sp
from _chen2022_steep import FALL, SIZES, speed, stays

from theorycheck import textbook
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.chen2022 import output_trained as ot
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

w, now, more_c, more_s, rest = sp.symbols("w |c_i| e_c e_s rest", nonnegative=True)
q_both, q_window, moved, turned = sp.symbols("q_both q_w H_w C_w", nonnegative=True)
z, v, less = sp.symbols("zeta_1:3", real=True), sp.symbols("s_1:3", real=True), sp.symbols("e_1:3", nonnegative=True)
FLOOR = t.c_low**2 / 4 * t.steepness**2 * t.share
_counted = (t.share + st.over) * (t.c_low**2 / 4 + more_c) * (t.steepness**2 + more_s) + rest
_MOST = 3 * t.c_low / 2
_PER_WINDOW, _PER_TURN = _MOST * t.slope * t.g / t.n, ot.tau * ot.top / sp.sqrt(t.n)
SIGNS = {f"{GIVEN}{label} positive": 0 for label in ("lambda_min", "c_lo", "K", "p_hat")}
_SPEED = (ot.tau / t.n) ** 2 * (z[0] ** 2 + z[1] ** 2) * (v[0] ** 2 + less[0] + v[1] ** 2 + less[1])
_FREE = t.c_low / (2 * (1 + w))


@lru_cache(maxsize=128)
def _both(seed: int) -> dict[sp.Symbol, float]:
    """Follow a tanh network whose output weights are trained, labels just near enough; counted neurons at the edge."""
    rng = np.random.default_rng(seed)
    n, m, edge, low, tau = 1 + seed % 2, 8, rng.uniform(0.2, 1.5), 10 ** rng.uniform(-1, 1), 10 ** rng.uniform(-3, 1)
    eta, steep = edge * rng.uniform(0.05, 0.95), 1 - np.tanh(edge) ** 2
    gram, c = np.diag(rng.uniform(0.3, 3, n)), low * rng.choice([-1, 1], m)
    h, zeta = rng.choice([-1, 1], (n, m)) * (edge - eta), rng.standard_normal(n)
    found = {
        t.n: n,
        t.lam: np.diag(gram).min(),
        t.g: np.diag(gram).max(),
        t.c_low: low,
        t.steepness: steep,
        t.share: 1.0,
        t.slope: 1.0,
        ot.top: 1.0,
        ot.tau: tau,
    }
    held = found[t.lam] * (low * steep / 2) ** 2
    size = 0.999 * min(held * eta / (1.5 * low * found[t.g]), held * low / (2 * tau * np.sqrt(n)))
    zeta, start, first = zeta * size / np.linalg.norm(zeta), h, c
    offset, step = np.tanh(h) @ c / m - zeta, 0.2 * n / (found[t.g] * 4 * low**2 + tau)
    area, far, turn = 0.0, 0.0, 0.0
    for _ in range(30):
        zeta, slope = np.tanh(h) @ c / m - offset, 1 - np.tanh(h) ** 2
        area += step * np.linalg.norm(zeta)
        h, c = h - step / n * gram @ (slope * zeta[:, None]) * c, c - step * tau / n * zeta @ np.tanh(h)
        far, turn = max(far, np.abs(h - start).max()), max(turn, np.abs(c - first).max())
    return found | {t.zeta_0: size, moved: far, turned: turn, s.moved: far, ot.turned: turn, st.area: area}


def _area(seed: int) -> Mapping[sp.Symbol, float]:
    """Return int |zeta| for a residual that falls at rates of at least r/2, piece by piece in closed form."""
    rng = np.random.default_rng(seed)
    lam = 10 ** rng.uniform(-1, 1)
    values = {t.lam: lam, t.c_low: 2.0, t.steepness: 1.0, t.share: 1.0, t.n: 2.0, t.zeta_0: 1.0}
    rates = lam / 2 * (1 + rng.exponential(1, 9) * (rng.random(9) < rng.choice([0, 0.3])))
    pieces = rng.exponential(2, 9) / lam
    starts = np.exp(-np.concatenate([[0], np.cumsum(rates * pieces)[:-1]]))
    return values | {st.area: np.sum(starts * -np.expm1(-rates * pieces) / rates)}


def _turning(seed: int) -> Mapping[sp.Symbol, float]:
    """Return how far an output weight moves in five stretches of time with random residuals and values, and int |zeta|."""
    rng = np.random.default_rng(seed)
    n, tau, size, spans = int(rng.integers(1, 4)), rng.exponential(1), rng.exponential(1), rng.exponential(1, 5)
    zeta = rng.standard_normal((5, n)) * (seed % 2) + rng.exponential(1, (5, 1)) * (seed % 3 > 0)
    values = size * np.where(rng.random((5, n)) < rng.choice([0, 0.3]), rng.uniform(-1, 1, (5, n)), 1.0)
    turn = abs(float(spans @ np.sum(zeta * values, axis=1))) * tau / n
    return {ot.turned: turn, ot.tau: tau, ot.top: size, t.n: n, st.area: float(spans @ np.linalg.norm(zeta, axis=1))}


def _while(seed: int) -> Mapping[sp.Symbol, float]:
    """Return movements of a network, or the largest that speeds and a slowly falling residual allow."""
    if seed % 2:
        return _both(seed)
    values = {**_area(seed), ot.tau: 0.5, ot.top: 2.0, t.slope: 1.5, t.g: 0.7}
    return values | {
        move: float(sp.N((per * st.area).subs(values))) for move, per in ((turned, _PER_TURN), (moved, _PER_WINDOW))
    }


TURNS = (
    identity("turn", "c_i' = -(tau/n) sum_a zeta_a s(h_ia), from the neuron, any activation", both.turn(both.NET)[0], -ot.tau * both.met(both.NET)[0] / both.NET.n),
    combine("speed of turning", "|c_i'|^2 <= (tau/n)^2 |zeta|^2 sum_a s(h_ia)^2 <= (tau B |zeta|)^2/n, s^2 + e = B^2; two samples, Cauchy and Schwarz", Bound((ot.tau / t.n) ** 2 * (z[0] * v[0] + z[1] * v[1]) ** 2, _SPEED), {REST: (ot.tau / t.n) ** 2 * ((z[0] * v[1] - z[1] * v[0]) ** 2 + (z[0] ** 2 + z[1] ** 2) * (less[0] + less[1])), "turn": 0}),
)  # fmt: skip
HEAVY = (
    *SIZES,
    apply("heaviest", "while no output weight has moved by c_lo/2, which is when |c_i(t)| <= |c_i(0)| + c_lo/(2 (1 + w))", textbook.TRIANGLE.lemma, {textbook.both: now, textbook.first: t.c_high, textbook.second: _FREE}, {}, "c_hi is a size", f"{GIVEN}c_lo positive"),
    combine("at most 3 c_lo/2", "as |c_i(0)| <= c_lo", Bound(now, _MOST), {"heaviest": 1, f"{GIVEN}equal output weights": 1, REST: t.c_low / 2 - _FREE, f"{GIVEN}c_lo positive": 0}),
)  # fmt: skip
ROOM = (
    combine("room to turn", "what output weights may move by is less than c_lo/2, by the test", Bound(ot.TURNED, t.c_low / 2, strict=True), {f"{GIVEN}output test": 1 / ot.HELD, **SIGNS}),
    combine("room to move", "what preactivations may move by is less than eta, by the test", Bound(ot.WINDOW, t.eta, strict=True), {f"{GIVEN}window test": 1 / ot.HELD, **SIGNS}),
)  # fmt: skip

RATE = of_claim(
    ot.OUTPUT_TRAINED, "rate", *TURNS, *HEAVY,
    apply("lightest", "and |c_i(0)| <= |c_i(t)| + c_lo/(2 (1 + w)) then", textbook.TRIANGLE.lemma, {textbook.both: t.c_low, textbook.first: now, textbook.second: _FREE}, {}, f"{GIVEN}c_lo positive"),
    combine("at least c_lo/2", "for a neuron that counts", Bound(t.c_low / 2, now), {"lightest": 1, REST: t.c_low / 2 - _FREE, f"{GIVEN}c_lo positive": 0}),
    combine("counted neurons", "a share p_hat + e has c_i^2 >= c_lo^2/4, s'^2 >= K^2: their part of q_a", Bound(FLOOR, _counted), {REST: sp.expand(_counted - FLOOR), "at least c_lo/2": 0, f"{GIVEN}c_lo positive": 0}),
    sampled("while both", "so c_lo^2 K^2 p_hat/4 <= q_both, the least q_a while no output weight has moved by c_lo/2 and no preactivation by eta", Bound(FLOOR, q_both), stays(q_both, 0.5), "counted neurons"),
    st.FORCE, speed(_MOST, "3 c_lo/2"), FALL,
    sampled("turned less", "so |zeta| falls at r/2 and int |zeta| <= 2 |zeta_0|/r: output weights move by at most tau B/sqrt n times that", Bound(turned, ot.TURNED), _while, "turn", "speed of turning", "area", "while both"),
    sampled("moved less", "and preactivations by at most (3 c_lo/2) L_s g/n times that", Bound(moved, ot.WINDOW), _while, "speed", "at most 3 c_lo/2", "area", "while both"),
    *ROOM,
    apply("while preactivations stay", "output weights stay as well: floor <= q_w", textbook.BOOTSTRAP.lemma, {textbook.floor: FLOOR, textbook.seen: q_both, textbook.ever: q_window, textbook.moved: turned, textbook.better: ot.TURNED, textbook.radius: t.c_low / 2}, {"while": "while both", "better": "turned less", "room": "room to turn"}, *SIGNS),
    apply("at all times", "so preactivations do: floor <= q_T", textbook.BOOTSTRAP.lemma, {textbook.floor: FLOOR, textbook.seen: q_window, textbook.ever: st.q, textbook.moved: moved, textbook.better: ot.WINDOW, textbook.radius: t.eta}, {"while": "while preactivations stay", "better": "moved less", "room": "room to move"}, "g is a size", *SIGNS, f"{GIVEN}eta positive"),
    combine("held", "times 2 lambda_min/n", Bound(ot.RATE, t.PER_HELD * t.lam * st.q), {"at all times": t.PER_HELD * t.lam, st.LAM: 0}),
    combine("positive", "the rate is positive", Bound(sp.S.Zero, ot.RATE, strict=True), {**SIGNS, st.LAM: ot.RATE / t.lam}),
    *both.decay("held", "positive"),
    combine("least eigenvalue", "together", Bound(ot.RATE, 2 * st.kappa), {"held": 1, "tangent Gram": 1}),
    combine("together", "one after the other", Bound(ot.RATE, s.rate), {"least eigenvalue": 1, "Groenwall": 1}),
    chain=("least eigenvalue", "Groenwall"), quantities=(st.KAPPA,),
)  # fmt: skip

GIVEN_A = {part.label: f"{GIVEN}{part.label}" for part in ot.OUTPUT_TRAINED.assumptions}


_PAID = (
    FALL,
    apply("rate", "|zeta_t| <= |zeta_0| exp(-r t/2)", of_card(ot.OUTPUT_TRAINED, "rate"), {}, GIVEN_A),
    sampled("decay", "A_T = int_0^T |zeta| <= 2 |zeta_0|/r", Bound(st.area, ot.AREA), _area, "area", "rate"),
)  # fmt: skip
OUTPUT = of_claim(
    ot.OUTPUT_TRAINED, "output", *TURNS,
    sampled("path", "integrated", Bound(ot.turned, _PER_TURN * st.area), _turning, "speed of turning"),
    *_PAID,
    combine("paid", "times the speed", Bound(_PER_TURN * st.area, ot.TURNED), {"decay": _PER_TURN}),
    combine("together", "one after the other", Bound(ot.turned, ot.TURNED), {"path": 1, "paid": 1}),
    chain=("path", "paid"), quantities=(st.AREA,),
)  # fmt: skip
WINDOW = of_claim(
    ot.OUTPUT_TRAINED, "window", *SIZES,
    apply("output", "no output weight moves further than 2 tau B sqrt(n) |zeta_0|/(n r)", of_card(ot.OUTPUT_TRAINED, "output"), {}, GIVEN_A),
    ROOM[0],
    apply("heaviest", "|c_i(t)| <= |c_i(0)| + C_T", textbook.TRIANGLE.lemma, {textbook.both: now, textbook.first: t.c_high, textbook.second: ot.turned}, {}, "c_hi is a size"),
    combine("at most 3 c_lo/2", "as |c_i(0)| <= c_lo and C_T < c_lo/2", Bound(now, _MOST), {"heaviest": 1, f"{GIVEN}equal output weights": 1, "output": 1, "room to turn": 1}),
    st.FORCE, speed(_MOST, "3 c_lo/2"),
    sampled("path", "integrated", Bound(s.moved, _PER_WINDOW * st.area), _both, "speed", "at most 3 c_lo/2"),
    *_PAID,
    combine("paid", "times the speed", Bound(_PER_WINDOW * st.area, ot.WINDOW), {"decay": _PER_WINDOW, "g is a size": 0, f"{GIVEN}c_lo positive": 0}),
    combine("together", "one after the other", Bound(s.moved, ot.WINDOW), {"path": 1, "paid": 1}),
    chain=("path", "paid"), quantities=(st.AREA,),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (RATE, OUTPUT, WINDOW, *relu.PROOFS)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
