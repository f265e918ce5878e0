"""Proofs of chen2022's theorem E and its dichotomy (section 4.7, errata I8): what is put out at a datum needs slopes there.

Two lemmas come first: outputs of at least delta keep q_a up, the less the longer the path is, and so the path stays
short. ``B_0`` stands for alpha + beta H_0, ``delta`` for y_* - |zeta_0|.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import _chen2022_steps as st
import numpy as np
import sympy as sp
from _chen2022_softplus import LEFT, RIGHT, lemma

from theorycheck import textbook
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.chen2022 import floor as fl
from theorycheck.theorems.chen2022 import identities as ids
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

base, below = sp.symbols("B_0 delta", positive=True)
output, size, height, shift, later = sp.symbols("f_T N_q H_q H_D zeta_t", nonnegative=True)
_x = sp.Symbol("x", positive=True)
_y = sp.Symbol("y", nonnegative=True)
_z = sp.Symbol("z", real=True)

# --- outputs need slopes --------------------------------------------------------------------------------

value, steep, point = sp.symbols("s_u s'_u u", nonnegative=True)
_v, _g = sp.symbols("v_1:4", real=True), sp.symbols("g_1:4", real=True)
_e = sp.symbols("e_1:4", nonnegative=True)
_VV, _GG = sum(x**2 for x in _v), sum(x**2 for x in _g)
_CROSS = sum((_v[i] * _g[j] - _v[j] * _g[i]) ** 2 for i in range(3) for j in range(i))
_REACHED = base + fl.beta * sp.sqrt(t.G_max) * st.length
#: r(D) in the lemmas' symbols
FALL = t.PER_HELD * t.lam * below**2 / _REACHED**2
_LAM, _G = st.LAM, f"{GIVEN}G_max positive"
_SIGNS = {_LAM: 0, _G: 0}
SIGNS = {_LAM: Bound(sp.S.Zero, t.lam, strict=True), _G: Bound(sp.S.Zero, t.G_max, strict=True)}
STAY = {"outputs stay": Bound(below, output), "start": Bound(fl.alpha + fl.beta * fl.H_0, base)}
LISTED = {f"{GIVEN}like ReLU": Bound(sp.S.One, fl.known)}

#: s and s' of the activations on the list, with their alpha and beta
_LIST = (
    (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0, 0.0), (lambda u: np.maximum(u, u / 2), lambda u: np.where(u > 0, 1, 0.5), 0.0),
    (lambda u: u, np.ones_like, 0.0), (lambda u: np.logaddexp(0, u), lambda u: 1 / (1 + np.exp(-u)), 2 * np.log(2)),
)  # fmt: skip


def _points(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    u = np.asarray(rng.standard_normal() * 10 ** rng.uniform(-6, 1.5))
    rise, slope, alpha = _LIST[seed % 4]
    return {value: abs(float(rise(u))), steep: float(slope(u)), point: abs(float(u)), fl.alpha: alpha, fl.beta: 1.0}


def _outputs(seed: int) -> Mapping[sp.Symbol, float]:
    """Return a random network's least output and q_a, and the root mean square of alpha + beta |h| there."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 4, 2)
    rise, slope, alpha = _LIST[rng.integers(4)]
    h, c = rng.standard_normal((n, m)) * 10 ** rng.uniform(-2, 1), rng.standard_normal(m)
    steep_at = np.mean(c**2 * slope(h) ** 2, axis=1)
    a = int(np.argmin(steep_at))
    sizes = np.sqrt(np.mean((alpha + np.abs(h)) ** 2, axis=1))
    return {output: np.abs(rise(h) @ c / m).min(), st.q: steep_at[a], size: sizes[a]}


def _shifted(seed: int) -> Mapping[sp.Symbol, float]:
    """Return how far preactivations at one sample move in five steps, some along the sample alone, and the path's length."""
    rng = np.random.default_rng(seed)
    m, d = rng.integers(1, 5, 2)
    x = rng.standard_normal(d)
    steps = (
        rng.standard_normal((5, m, d)) if seed % 2 else rng.exponential(1, (5, 1, 1)) * rng.standard_normal((m, 1)) * x
    )
    moved = np.sqrt(np.mean((steps.sum(axis=0) @ x) ** 2) / d)
    return {shift: moved, t.G_max: x @ x / d, st.length: np.sqrt(np.sum(steps**2, axis=(1, 2)) / m).sum()}


SLOPES = lemma(
    "slopes", {**SIGNS, **LISTED, **STAY},
    identity("homogeneous", "(leaky) ReLU and the identity are s(u) = p u on each half line, so u s'(u) = s(u)", _z * sp.diff(_x * _z, _z), _x * _z),
    apply("softplus, right", "softplus for u >= 0", RIGHT.lemma, {}, {}),
    apply("softplus, left", "and for u <= 0", LEFT.lemma, {}, {}),
    sampled("(H)", "|s(u)| <= |s'(u)| (alpha + beta |u|) on the list", Bound(value, steep * (fl.alpha + fl.beta * point)), _points, "homogeneous", "softplus, right", "softplus, left", f"{GIVEN}like ReLU"),
    combine("Cauchy and Schwarz", "f = (1/m) sum_i v_i g_i, v_i = c_i s'(h_i), g_i^2 + e_i = (alpha + beta |h_i|)^2; three neurons", Bound(sum(a * b for a, b in zip(_v, _g, strict=True)) ** 2 / 9, _VV / 3 * (_GG + sum(_e)) / 3), {REST: (_CROSS + _VV * sum(_e)) / 9}),
    sampled("output", "so |f(x_a)| is at most sqrt(q_a) times the root mean square of alpha + beta |h_ia|, where q_a is least", Bound(output, sp.sqrt(st.q) * size), _outputs, "(H)", "Cauchy and Schwarz"),
    apply("offset", "which is at most alpha + beta times that of h_ia: Minkowski over neurons", textbook.TRIANGLE.lemma, {textbook.both: size, textbook.first: fl.alpha, textbook.second: fl.beta * height}, {}),
    apply("from the start", "h_ia(t) = h_ia(0) and what it moved", textbook.TRIANGLE.lemma, {textbook.both: height, textbook.first: fl.H_0, textbook.second: shift}, {}),
    st.PROJECTION,
    sampled("shift", "(3.5): |h_ia'|^2 <= G_aa |w_i'|^2, a mean over neurons, integrated", Bound(shift, sp.sqrt(t.G_max) * st.length), _shifted, "projection"),
    combine("reached", "together delta <= sqrt(q_T) (B_0 + beta sqrt(G_max) D_T)", Bound(below, sp.sqrt(st.q) * _REACHED), {"outputs stay": 1, "output": 1, "offset": sp.sqrt(st.q), "from the start": sp.sqrt(st.q) * fl.beta, "shift": sp.sqrt(st.q) * fl.beta, "start": sp.sqrt(st.q)}),
    monotone("squares", "both are positive", Bound(below**2, st.q * _REACHED**2), "reached", sp.Lambda(_y, _y**2), _G),
    combine("held", "r(D_T) <= 2 lambda_min q_T/n", Bound(FALL, t.PER_HELD * t.lam * st.q), {"squares": t.PER_HELD * t.lam / _REACHED**2, **_SIGNS}),
)  # fmt: skip

# --- the path stays short ---------------------------------------------------------------------------------

_z1 = sp.Symbol("z_1", positive=True)
_z2 = sp.Symbol("z_2", real=True)
_a, _c = sp.symbols("a c", positive=True)
_LOSS = (_z1**2 + _z2**2) / (2 * t.n)
_LOST = ((st.kappa + _e[0]) * _z1**2 + (st.kappa + _e[1]) * _z2**2) / t.n
_CURVE = fl.beta * sp.sqrt(t.G_max)
_STEEP = sp.sqrt(2 * t.lam / t.n) * below
_EXPONENT = _CURVE * t.zeta_0 / (sp.sqrt(t.lam) * below)
#: the longest path, and r there, in the lemmas' symbols
LONGEST = base / _CURVE * (sp.exp(_EXPONENT) - 1)
LEAST = t.PER_HELD * t.lam * below**2 / base**2 * sp.exp(-2 * _EXPONENT)


def _run_down(seed: int) -> Mapping[sp.Symbol, float]:
    """Return a path along which the loss falls at rates of at least r(D): the rate of each piece is that of its start."""
    rng = np.random.default_rng(seed)
    n, lam, big, low, start = (
        rng.integers(1, 5),
        rng.exponential(1),
        rng.exponential(1),
        rng.exponential(1),
        rng.exponential(1),
    )
    grid = np.linspace(0, 10 ** rng.uniform(-2, 1), 400)
    rates = 2 * lam * low**2 / (n * (start + np.sqrt(big) * grid[:-1]) ** 2)
    rates = rates * (1 + rng.exponential(1, 399) * (rng.random(399) < rng.choice([0, 0.2])))
    root = rng.exponential(0.1) * (seed % 2) + np.sum(np.sqrt(rates) * np.diff(grid)) / 2
    return {
        t.n: n,
        t.lam: lam,
        t.G_max: big,
        below: low,
        base: start,
        fl.beta: 1.0,
        st.length: grid[-1],
        t.zeta_0: root * np.sqrt(2 * n),
    }


_ONE = {"beta": Bound(sp.S.One, fl.beta)}
SHORT = lemma(
    "short path", {**SIGNS, **LISTED, **STAY, **_ONE},
    apply("slopes", "at every time r(D) <= 2 lambda_min min_a q_a/n", SLOPES.lemma, {}, {name: name for name in (*SIGNS, *LISTED, *STAY)}),
    st.LOSS,
    apply("sandwich", "(3.4): n kappa, K's least eigenvalue at that time, is at least lambda_min min_a q_a", of_card(ids.SANDWICH, "least"), {ids.steep: st.q, ids.least: t.n * st.kappa}, {}),
    combine("least eigenvalue", "so r(D) <= 2 kappa", Bound(FALL, 2 * st.kappa), {"slopes": 1, "sandwich": t.PER_HELD}),
    combine("definite", "0 < kappa", Bound(sp.S.Zero, st.kappa, strict=True), {"least eigenvalue": sp.S.Half, REST: FALL / 2, **_SIGNS}),
    combine("Rayleigh", "-L' = zeta'K zeta/n^2 >= 2 kappa L >= r(D) L, in K/n's eigenbasis with eigenvalues kappa + e_k; two directions", Bound(FALL * _LOSS, _LOST), {"least eigenvalue": _LOSS, REST: (_e[0] * _z1**2 + _e[1] * _z2**2) / t.n, "loss along the flow": 0}),
    monotone("roots", "the root of both", Bound(sp.sqrt(FALL) * sp.sqrt(_LOSS), sp.sqrt(_LOST)), "Rayleigh", sp.Lambda(_y, sp.sqrt(_y)), *SIGNS),
    combine("pays", "with D' = sqrt(-L'): sqrt(r(D)) D'/2 <= -L'/(2 sqrt L) = -(sqrt L)'", Bound(sp.sqrt(FALL) * sp.sqrt(_LOST) / 2, _LOST / (2 * sp.sqrt(_LOSS))), {"roots": sp.sqrt(_LOST) / (2 * sp.sqrt(_LOSS)), "definite": 0, **_SIGNS}),
    identity("integral", "int_0^D a/(b + c x) dx = (a/c) log(1 + c D/b)", sp.Integral(_a / (base + _c * _x), (_x, 0, st.length)), _a / _c * sp.log(1 + _c * st.length / base)),
    sampled("integrated", "so int_0^D sqrt(r(x)) dx <= 2 sqrt(L_0)", Bound(_STEEP / _CURVE * sp.log(1 + _CURVE * st.length / base), 2 * t.zeta_0 / sp.sqrt(2 * t.n)), _run_down, "pays", "integral"),
    combine("beta positive", "0 < beta", Bound(sp.S.Zero, fl.beta, strict=True), {"beta": 1, REST: 1}),
    combine("logarithm", "over a/c", Bound(sp.log(1 + _CURVE * st.length / base), _EXPONENT), {"integrated": _CURVE / _STEEP, "beta positive": 0, **_SIGNS}),
    monotone("exponential", "exp of both", Bound(1 + _CURVE * st.length / base, sp.exp(_EXPONENT)), "logarithm", sp.Lambda(_z, sp.exp(_z)), *SIGNS),
    combine("solved", "for D", Bound(st.length, LONGEST), {"exponential": base / _CURVE, "beta positive": 0, **_SIGNS}),
)  # fmt: skip

# --- theorem E ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def _below(seed: int) -> dict[sp.Symbol, float]:
    """Follow a small network from below the floor for 25 steps; residuals of all sizes below it."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 4, 2)
    rise, slope, alpha = _LIST[rng.integers(4)]
    x = rng.standard_normal((n, n + 1))
    gram, c = x @ x.T / (n + 1), np.abs(rng.standard_normal(m))
    h = np.abs(rng.standard_normal((n, m)))
    first = rise(h) @ c / m
    zeta = rng.standard_normal(n)
    zeta *= rng.uniform(0, 0.6) * np.abs(first).min() / np.linalg.norm(zeta)
    labels, rms = first - zeta, np.sqrt(np.mean(h**2, axis=1)).max()
    step = 0.2 * n / (np.linalg.norm(gram, 2) * np.mean(c**2))
    sizes = []
    for _ in range(25):
        zeta = rise(h) @ c / m - labels
        sizes.append(np.linalg.norm(zeta))
        h = h - step / n * gram @ (slope(h) * zeta[:, None]) * c
    return {
        fl.y_least: np.abs(labels).min(),
        t.zeta_0: sizes[0],
        later: max(sizes),
        fl.H_0: rms,
        fl.alpha: alpha,
        fl.beta: 1.0,
    }


_ROOM = fl.y_least - t.zeta_0
_HEIGHT = fl.alpha + fl.beta * fl.H_0
_TOP = _HEIGHT + fl.beta * sp.sqrt(t.G_max) * st.length
_FLOOR = f"{GIVEN}below the floor"
_BASE = (
    define("delta", "how far below the floor the loss is", below, _ROOM, _FLOOR),
    sampled("something is put out", "0 < |f_0(x_a)| <= sqrt(q_a) (alpha + beta H_0)", Bound(sp.S.Zero, _HEIGHT, strict=True), _below, f"{GIVEN}like ReLU", _FLOOR),
    define("B_0", "at the start", base, _HEIGHT, "something is put out"),
    combine("start", "so it is at most B_0", Bound(_HEIGHT, base), {"B_0": -1}),
    st.POWER,
    sampled("falls", "L' = -(1/m) sum_i |w_i'|^2 is not positive, so |zeta_t| <= |zeta_0|", Bound(later, t.zeta_0), _below, "power"),
    apply("labels", "y_* <= |y_a| <= |f_t(x_a)| + |zeta_t|", textbook.TRIANGLE.lemma, {textbook.both: fl.y_least, textbook.first: output, textbook.second: later}, {}),
    combine("outputs stay", "so |f_t(x_a)| >= delta for every sample", Bound(below, output), {"labels": 1, "falls": 1, "delta": 1}),
    sampled("beta", "on the list beta is 1", Bound(sp.S.One, fl.beta), _points, f"{GIVEN}like ReLU"),
    combine("beta positive", "so 0 < beta", Bound(sp.S.Zero, fl.beta, strict=True), {"beta": 1, REST: 1}),
    apply("short path", "D_T is at most the D at which int_0^D sqrt(r) = 2 sqrt(L_0)", SHORT.lemma, {}, {name: name for name in SHORT.premises}),
)  # fmt: skip
_AT_BASE = LONGEST.subs(below, _ROOM)
#: what tells that alpha + beta H_0 and y_* - |zeta_0| are positive
_OUT = {"something is put out": 0, _FLOOR: 0}

PATH = of_claim(
    fl.E, "path", *_BASE, st.TRAVEL,
    monotone("in delta", "delta = y_* - |zeta_0|", Bound(LONGEST, _AT_BASE), "delta", sp.Lambda(_x, LONGEST.subs(below, _x)), *SIGNS, "beta positive"),
    combine("paid", "and B_0 = alpha + beta H_0", Bound(st.length, fl.PATH), {"short path": 1, "in delta": 1, "B_0": _AT_BASE / base, "beta positive": 0, **_OUT, **_SIGNS}),
    combine("together", "one after the other", Bound(s.moved_path, fl.PATH), {"travel": 1, "paid": 1}),
    chain=("travel", "paid"), quantities=(st.PATH,),
)  # fmt: skip

_CARD = fl.rate_at(st.length, _ROOM, fl.H_0)
_MIXED = LEAST.subs(below, _ROOM)
#: what the definitions make of FALL, which is r(D_T) in the lemmas' symbols, and of MIXED
_WORDS = {"delta": (below + _ROOM) * t.PER_HELD * t.lam / _REACHED**2, "B_0": -_CARD * (_REACHED + _TOP) / _REACHED**2}
_BACK = {name: -weight for name, weight in _WORDS.items()}
RATE = of_claim(
    fl.E, "rate", *_BASE,
    monotone("slower", "r falls with D: r(D_T) is at least r at the longest path", Bound(LEAST, FALL), "short path", sp.Lambda(_y, t.PER_HELD * t.lam * below**2 / (base + _CURVE * _y) ** 2), *SIGNS, "beta positive"),
    monotone("in delta", "delta = y_* - |zeta_0|", Bound(-LEAST, -_MIXED), "delta", sp.Lambda(_x, -LEAST.subs(below, _x)), *SIGNS),
    combine("in B_0", "B_0 = alpha + beta H_0", Bound(fl.RATE, _MIXED), {"B_0": _MIXED * (base + _HEIGHT) / _HEIGHT**2, "beta positive": 0, **_OUT, **_SIGNS}),
    combine("longest path", "together, in the card's symbols", Bound(fl.RATE, _CARD), {"slower": 1, "in delta": 1, "in B_0": 1, **_WORDS, "beta positive": 0, **_OUT, **_SIGNS}),
    apply("slopes", "at every time", SLOPES.lemma, {}, {name: name for name in SLOPES.premises}),
    combine("held", "r(D_T) <= 2 lambda_min q_T/n", Bound(_CARD, t.PER_HELD * t.lam * st.q), {"slopes": 1, **_BACK, "beta positive": 0, **_OUT, **_SIGNS}),
    combine("r positive", "r(D_T) > 0", Bound(sp.S.Zero, FALL, strict=True), {REST: FALL, **_SIGNS}),
    *st.decay("slopes", "r positive"),
    combine("together", "one after the other", Bound(fl.RATE, s.rate), {"longest path": 1, "held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("longest path", "held", "least eigenvalue", "Groenwall"), quantities=(st.Q, st.KAPPA, st.PATH),
)  # fmt: skip

# --- the dichotomy --------------------------------------------------------------------------------------------

room = sp.Symbol("e", positive=True)
_LATER = {t.zeta_0: fl.zeta_half, fl.y_least: fl.zeta_half + room, fl.H_0: fl.H_half}


def _halves(seed: int) -> Mapping[sp.Symbol, float]:
    """Return one linear neuron with one sample, whose flow is known, below the floor or not."""
    rng = np.random.default_rng(seed)
    gram, c, h = rng.exponential(1), rng.exponential(1), rng.exponential(1)
    zeta = c * h * rng.choice([rng.uniform(-3, 3), 1e-3, -1e-6])
    return {
        fl.zeta_half: abs(zeta), fl.left: max(abs(c * h - zeta) - abs(zeta), 0), t.lam: gram, t.G_max: gram, t.n: 1,
        fl.alpha: 0.0, fl.beta: 1.0, fl.H_half: h, s.rate: 2 * gram * c**2,
    }  # fmt: skip


EITHER = of_claim(
    fl.DICHOTOMY, "either",
    combine("below", "let y_* be |zeta| + e at half the time, with e > 0: the loss is below the floor then", Bound(fl.zeta_half, fl.zeta_half + room, strict=True), {REST: room, f"{GIVEN}labels not 0": 0}),
    apply("theorem E", "from half the time on", of_card(fl.E, "rate"), _LATER, {**{name.removeprefix(GIVEN): name for name in (*SIGNS, *LISTED)}, "below the floor": "below"}),
    sampled("either", "for e = delta_h where that is positive; else the loss is at or above the floor, and nothing is said", Bound(fl.LATER, fl.DICHOTOMY.claims[0].bound.rhs), _halves, "theorem E"),
    chain=("either",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (RIGHT, LEFT, SLOPES, SHORT, PATH, RATE, EITHER)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
