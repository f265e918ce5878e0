"""Proofs of chen2022's gradient descent (section 4.12): a step contracts, and the steps together stay in the window.

Directions of the residual are looked at one by one in K's eigenbasis; two neurons stand for those that count and the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import _chen2022_steps as st
import numpy as np
import sympy as sp
from _chen2022_steep import SIZES

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import Descent, descend
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.chen2022 import gradient_descent as gd
from theorycheck.theorems.chen2022 import identities as ids
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

#: how far a step of the linear part alone falls short of all of the residual, halved: 1 - s ell/(2n)
left = sp.Symbol("x_T", positive=True)
slowest = sp.Symbol("rho_1", real=True)
total = sp.Symbol("A_T", nonnegative=True)
size = sp.Symbol("z", positive=True)
linear, error, top = sp.symbols("z_linear e_2 ell_max", nonnegative=True)

#: the least eigenvalue of K over all steps
ELL = 2 * t.n * (1 - left) / gd.step
SHRINK = gd.step * t.HELD / (2 * t.n)
REMAINDER = gd.curvature / 2 * gd.step**2 * gd.third * t.slope**2 * t.g**2 / t.n ** sp.Rational(3, 2)
_LARGEST = s.Lam * t.slope**2 * gd.second
POSITIVE = {f"{GIVEN}{label} positive": 0 for label in ("lambda_min", "c_lo", "K", "p_hat")}


# --- measures -----------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _again(instance: Instance) -> Descent:
    grams = {"gram": lambda state: state.gram}
    return descend(
        instance, step=instance.parameters["step"], steps=gd.STEPS, record=range(gd.STEPS + 1), quantities=grams
    )


def _left(run: Run) -> Measured:
    """Return ``1 - s ell/(2n)`` with ell the least eigenvalue of K over all steps."""
    grams = _again(run.instance).quantities["gram"][:-1]
    least = float(np.linalg.eigvalsh(grams)[:, 0].min())
    return Measured(1 - run.instance.parameters["step"] * least / 2, 1e-12)


def _sizes(run: Run) -> np.ndarray:
    if run.descent is None:
        raise NoTrajectory("the residuals of a descent belong to one: simulate the instance first")
    return np.linalg.norm(run.descent.residual, axis=1)


def _slowest(run: Run) -> Measured:
    """Return the least ``log(L_k/L_(k+1))`` over all steps."""
    sizes = _sizes(run)
    doubt = 1e-13 * (float(np.linalg.norm(run.instance.labels)) + sizes[0]) / sizes
    falls = 2 * np.log(sizes[:-1] / sizes[1:])
    k = int(np.argmin(falls))
    return Measured(falls[k], 4 * (doubt[k] + doubt[k + 1]))


def _total(run: Run) -> Measured:
    """Return ``A_T``: the sum of ``|zeta_k|`` over all steps but the last."""
    value = float(_sizes(run)[:-1].sum())
    return Measured(value, 1e-11 * value)


LEFT = Quantity(left, "1 - s ell/(2n), ell the least eigenvalue of K over all steps", _left)
SLOWEST = Quantity(slowest, "least log(L_k/L_(k+1)) over all steps", _slowest)
TOTAL = Quantity(total, "sum of |zeta_k| over the steps", _total)


# --- random descents ------------------------------------------------------------------------------------


def _edge(net: st.Small, rng: np.random.Generator, eta: float, low: float) -> st.Small:
    """Return the network with neurons that start as near to the interval's end as they may, as light as they may be, or far out."""
    outside = rng.random(net.start.shape) < 0.5
    start = np.where(outside, 9.0, (1 - eta) * rng.choice([-1, 1], net.start.shape))
    return st.Small(net.gram, start, low * np.sign(net.c), net.zeta)


@lru_cache(maxsize=128)
def _descent(seed: int) -> dict[sp.Symbol, float]:
    """Descend a tanh network for 30 steps, labels and step as large as is allowed or less; slope at least K on (-1, 1)."""
    rng = np.random.default_rng(seed)
    eta, low, steep = rng.uniform(0.05, 0.9), rng.uniform(0.1, 1), 1 - np.tanh(1.0) ** 2
    net = st.network(rng, m=12)
    if seed % 2:
        net = _edge(net, rng, eta, low)
    n, c, gram = len(net.gram), net.c, net.gram
    share = np.mean((np.abs(net.start) <= 1 - eta + 1e-15) & (np.abs(c) >= low), axis=1).min()
    found = {
        t.n: n, t.lam: np.linalg.eigvalsh(gram)[0], s.Lam: np.linalg.eigvalsh(gram)[-1], t.g: np.linalg.norm(gram, axis=0).max(),
        t.slope: 1.0, gd.curvature: 4 / (3 * np.sqrt(3)), t.c_high: np.abs(c).max(), t.c_low: low, t.steepness: steep, t.share: share,
        t.eta: eta, gd.second: np.mean(c**2), gd.third: np.mean(np.abs(c) ** 3),
    }  # fmt: skip
    held = found[t.lam] * low**2 * steep**2 * share
    zeta = net.zeta / np.linalg.norm(net.zeta) * held * eta / (2 * found[t.c_high] * found[t.g]) * rng.choice([1, 0.3])
    found[t.zeta_0] = np.linalg.norm(zeta)
    taylor = held * np.sqrt(n) / (found[gd.curvature] * found[gd.third] * found[t.g] ** 2 * max(found[t.zeta_0], 1e-9))
    found[gd.step] = min(n / (found[s.Lam] * found[gd.second]), taylor) * rng.choice([1, 0.3])
    return found | _walk(net, zeta, found[gd.step])


def _walk(net: st.Small, zeta: np.ndarray, step: float) -> dict[sp.Symbol, float]:
    """Return what happens in 30 steps of (3.1): movement, residuals, slopes."""
    n, m = net.start.shape
    h, offset, sizes, slopes = net.start, np.tanh(net.start) @ net.c / m - zeta, [], []
    for _ in range(30):
        zeta, steep = np.tanh(h) @ net.c / m - offset, 1 - np.tanh(h) ** 2
        sizes.append(np.linalg.norm(zeta))
        slopes.append(np.mean(net.c**2 * steep**2, axis=1).min())
        h = h - step / n * net.gram @ (steep * zeta[:, None]) * net.c
    return {s.moved: np.abs(h - net.start).max(), total: sum(sizes), size: max(sizes), st.q: min(slopes)}


def _taken(seed: int) -> dict[sp.Symbol, float]:
    """Return both parts of one step of a tanh network: that of first order, and what is left."""
    rng = np.random.default_rng(seed)
    net = st.network(rng, m=int(rng.integers(1, 6)))
    n, m = net.start.shape
    steep, zeta = 1 - np.tanh(net.start) ** 2, net.zeta * 10 ** rng.uniform(-1, 1)
    step = 10 ** rng.uniform(-2, 1)
    moved = -step / n * net.gram @ (steep * zeta[:, None]) * net.c
    tangent = net.gram * ((steep * net.c**2) @ steep.T) / m
    rest = (np.tanh(net.start + moved) - np.tanh(net.start) - steep * moved) @ net.c / m
    values = np.linalg.eigvalsh(tangent)
    stable = min(step, n / values[-1])
    return {
        error: np.linalg.norm(rest), size: np.linalg.norm(zeta), t.n: n, gd.curvature: 4 / (3 * np.sqrt(3)), gd.third: np.mean(np.abs(net.c) ** 3),
        t.slope: 1.0, t.g: np.linalg.norm(net.gram, axis=0).max(), s.Lam: np.linalg.eigvalsh(net.gram)[-1], gd.second: np.mean(net.c**2),
        top: values[-1], gd.step: step, linear: np.linalg.norm(zeta - stable / n * tangent @ zeta), left: 1 - stable * values[0] / (2 * n),
    }  # fmt: skip


def _falls(seed: int) -> dict[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    falls = rng.exponential(1, 7) * (rng.random(7) < 0.7) + rng.exponential(1)
    return {slowest: falls.min(), gd.fallen: falls[: rng.integers(1, 8)].mean()}


# --- the contraction ------------------------------------------------------------------------------------

_c, _e, _other, _b, _a = sp.symbols("c e C b a", nonnegative=True)
_z, _d, _w = sp.symbols("z_1 d w", real=True)
_x = sp.Symbol("x", positive=True)
_HALF = (t.c_low**2 + _c) * (t.steepness**2 + _e) / 2 + _other / 2
_S = sp.Function("s")
_R = _S(_d) - _S(_w) - (_d - _w) * sp.diff(_S(_w), _w)
COUNTED = combine(
    "counted neurons", "one of two neurons counts: c_i^2 s'^2 >= c_lo^2 K^2 there, and >= 0 for the other",
    Bound(t.c_low**2 * t.steepness**2 / 2, _HALF), {REST: sp.expand(_HALF - t.c_low**2 * t.steepness**2 / 2)},
)  # fmt: skip
_STAYS = 2 * t.c_high * t.slope * t.g * t.zeta_0 / t.HELD
STAYS = combine(
    "no neuron leaves", "while steps contract, all movement is at most s c_hi L_s g |zeta_0|/n over s lK/(2n): eta at most, by the labels",
    Bound(_STAYS, t.eta), {f"{GIVEN}labels": 2 * t.c_high * t.slope * t.g / t.HELD, "c_hi is a size": 0, "g is a size": 0, **POSITIVE},
)  # fmt: skip

CONTRACTION = of_claim(
    gd.DESCENT, "contraction", *SIZES, STAYS, COUNTED,
    sampled("retained", "so neurons that count are still inside at every step, c_lo^2 K^2 p_hat <= q_T", Bound(t.c_low**2 * t.steepness**2 * t.share, st.q), _descent, "counted neurons", "no neuron leaves", f"{GIVEN}eta positive", f"{GIVEN}stable step", f"{GIVEN}curvature step"),
    apply("sandwich", "(3.4): ell = 2n (1 - x_T)/s is at least lambda_min min_a q_a, which is q_T + e then", of_card(ids.SANDWICH, "least"), {ids.steep: st.q + st.over, ids.least: ELL}, {}),
    combine("least eigenvalue", "ell >= lK, so x_T <= 1 - s lK/(2n)", Bound(left, 1 - SHRINK), {"sandwich": gd.step / (2 * t.n), "retained": gd.step * t.lam / (2 * t.n), REST: gd.step * t.lam * st.over / (2 * t.n), **POSITIVE}),
    monotone("held", "-2 log of both", Bound(gd.CONTRACTION, -2 * sp.log(left)), "least eigenvalue", sp.Lambda(_x, -2 * sp.log(_x))),
    identity("first order", "(3.2): zeta' = -K zeta/n, so that a step takes zeta to (I - s K/n) zeta and what is of second order", *st.SIDES["3.2"][0]),
    apply("sandwich above", "(3.4): K <= Lambda_max diag(q)", of_card(ids.SANDWICH, "upper"), {}, {}),
    sampled("largest eigenvalue", "and q_a <= L_s^2 C_2^2", Bound(top, _LARGEST), _taken, "sandwich above"),
    combine("stable", "the step keeps (s/n) K below 1", Bound(gd.step * top / t.n, sp.S.One), {"largest eigenvalue": gd.step / t.n, f"{GIVEN}stable step": _LARGEST / t.n}),
    combine("direction", "an eigenvalue k of K: 0 <= b = 1 - s k/n <= 1 - s ell/n = b + a, so (b z)^2 <= ((b + a) z)^2", Bound(_b**2 * _z**2, (_b + _a) ** 2 * _z**2), {REST: (_a**2 + 2 * _a * _b) * _z**2}),
    sampled("linear part", "|(I - s K/n) zeta| <= (1 - s ell/n) |zeta|, 1 - s ell/n = 2 x_T - 1", Bound(linear, (2 * left - 1) * size), _taken, "first order", "direction", "stable"),
    identity("Taylor", "R(w) = s(d) - s(w) - s'(w) (d - w) has R' = -(d - w) s''(w), any activation", sp.diff(_R, _w), -(_d - _w) * sp.diff(_S(_w), _w, 2)),
    identity("remainder", "R(d) = 0, so |R(0)| <= S_2 int_0^d (d - w) dw = S_2 d^2/2", sp.Integral(gd.curvature * (_d - _w), (_w, 0, _d)), gd.curvature * _d**2 / 2),
    st.FORCE,
    sampled("second order", "|d_ia| <= s |c_i| L_s g |zeta|/n, so what is left is at most (S_2/2) s^2 C_3 L_s^2 g^2 |zeta|^2/n^(3/2)", Bound(error, REMAINDER * size**2), _taken, "Taylor", "remainder", "force"),
    sampled("so far", "no residual is larger than the first, while steps contract", Bound(size, t.zeta_0), _descent, "no neuron leaves"),
    combine("curvature pays", "that is at most s lK/(2n) |zeta|, by the step", Bound(REMAINDER * size**2, SHRINK * size), {"so far": REMAINDER * size, f"{GIVEN}curvature step": REMAINDER * t.zeta_0 * size / gd.step}),
    apply("triangle", "|zeta_(k+1)| = exp(-rho_1/2) |zeta_k| at the step that takes off least", textbook.TRIANGLE.lemma, {textbook.both: sp.exp(-slowest / 2) * size, textbook.first: linear, textbook.second: error}, {}),
    combine("contracted", "both parts together", Bound(sp.exp(-slowest / 2), left), {"triangle": 1 / size, "linear part": 1 / size, "second order": 1 / size, "curvature pays": 1 / size, "least eigenvalue": 1}),
    monotone("one step", "-2 log of both", Bound(-2 * sp.log(left), slowest), "contracted", sp.Lambda(_x, -2 * sp.log(_x))),
    sampled("all steps", "log(L_0/L_k)/k is the mean of what the steps take off", Bound(slowest, gd.fallen), _falls),
    combine("together", "one after the other", Bound(gd.CONTRACTION, gd.fallen), {"held": 1, "one step": 1, "all steps": 1}),
    chain=("held", "one step", "all steps"), quantities=(LEFT, SLOWEST),
)  # fmt: skip

# --- the window -----------------------------------------------------------------------------------------

_share = sp.Symbol("x", real=True)
_SERIES = sum((1 - _share) ** k for k in range(4))
_PER = gd.step * t.c_high * t.slope * t.g / t.n


def _series(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the sum of residuals that lose at least a share in each of 40 steps."""
    rng = np.random.default_rng(seed)
    values: dict[sp.Symbol, float] = {
        t.n: float(rng.integers(1, 9)),
        t.lam: rng.exponential(1),
        t.c_low: rng.exponential(1),
        t.steepness: 1.0,
        t.share: rng.uniform(0.1, 1),
    }
    share = rng.uniform(0.05, 1)
    values[gd.step] = share / float(
        np.prod([values[x] for x in (t.lam, t.share)]) * values[t.c_low] ** 2 / (2 * values[t.n])
    )
    kept = (1 - share) * np.where(rng.random(40) < 0.3, rng.random(40), 1.0) if seed % 2 else np.full(40, 1 - share)
    return values | {t.zeta_0: 2.0, total: 2 * np.sum(np.cumprod(np.append(1, kept)))}


WINDOW = of_claim(
    gd.DESCENT, "window", *SIZES, st.FORCE,
    sampled("movement", "(3.5): a step moves h_ia by at most s |c_i| L_s g |zeta_k|/n; added up", Bound(s.moved, _PER * total), _descent, "force"),
    apply("contraction", "every step takes off a share s lK/(2n) of the residual at least", of_card(gd.DESCENT, "contraction"), {}, {part.label: f"{GIVEN}{part.label}" for part in gd.DESCENT.assumptions}),
    identity("geometric series", "x (1 + (1 - x) + ... + (1 - x)^3) = 1 - (1 - x)^4; four steps", _share * _SERIES, 1 - (1 - _share) ** 4),
    combine("at most 1", "even powers are not negative", Bound(_share * _SERIES, sp.S.One), {"geometric series": 1, REST: (1 - _share) ** 4}),
    sampled("residuals", "so the residuals add up to at most |zeta_0| over that share", Bound(total, t.zeta_0 / SHRINK), _series, "contraction", "at most 1"),
    combine("summed", "times what moves per residual", Bound(_PER * total, _PER * t.zeta_0 / SHRINK), {"residuals": _PER, "c_hi is a size": 0, "g is a size": 0}),
    combine("labels", "at most eta, by the labels", Bound(_PER * t.zeta_0 / SHRINK, t.eta), {f"{GIVEN}labels": 2 * t.c_high * t.slope * t.g / t.HELD, "c_hi is a size": 0, "g is a size": 0, **POSITIVE}),
    combine("together", "one after the other", Bound(s.moved, t.eta), {"movement": 1, "summed": 1, "labels": 1}),
    chain=("movement", "summed", "labels"), quantities=(TOTAL,),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (CONTRACTION, WINDOW)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
