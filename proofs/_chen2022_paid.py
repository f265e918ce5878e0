"""Proofs of chen2022's theorems B and C: movement that the loss has to pay for, so that slopes are not lost.

B: the path ``D_t = int sqrt(-L')``. At most a share ``G_max D^2/eta^2`` of the neurons has left the interval (Chebyshev), so
the loss falls at least at ``r(D)``, ``(sqrt L)' <= -(1/2) sqrt(r(D)) D'``: the path that ``sqrt L_0`` pays for is a quarter
of an ellipse, whence pi/4. C: the window ``rho_t = L_s g/n int |zeta|``, with ``r = 2 lambda_min Q(rho)/n``.
"""

from __future__ import annotations

import _chen2022_steps as st
import numpy as np
import sympy as sp
from _chen2022_steep import PER_SLOPE, Case, given, speed
from _chen2022_steps import LAM, SANDWICH, Small, area, decay, follow, length, over, q
from scipy.optimize import brentq

from theorycheck.grams import Array
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep import B
from theorycheck.theorems.chen2022.window import C

_X = sp.Symbol("x", nonnegative=True)
SIGNS_B = given("lambda_min positive", "eta positive", "c_lo positive", "K positive", "p_hat positive", "G_max positive", "split in (0, 1)")  # fmt: skip
RATE_B, SPENT = (part.expr for part in t.CONCLUSIONS_B)
TEST_B = t.TESTS_B[-1][1]

# --- B: who has left ------------------------------------------------------------------------------------

gone, far, beyond, near = sp.symbols("gone e_f e_eta e_h", nonnegative=True)
#: the mean square of h_ia's movement: a share gone + e_f has moved by at least eta
_SQUARE = (gone + far) * (t.eta**2 + beyond) + near
#: of the counted share p_hat + e, what has not gone
_STAY = t.share + over - gone
_LEFT = t.share - t.G_max * length**2 / t.eta**2
_KEPT = t.c_low**2 * t.steepness**2 * _LEFT


def _wandering(seed: int) -> Case:
    """Neurons at any place after any movement; in half of the cases as many have left as can, just far enough, to where tanh is flat."""
    rng = np.random.default_rng(seed)
    edge, m = rng.uniform(1, 2), int(rng.integers(4, 40))
    eta, low = rng.uniform(0.3, 0.9) * edge, 10 ** rng.uniform(-1, 0)
    inner, steep = edge - eta, 1 - np.tanh(edge) ** 2
    start, c = rng.choice([-1, 1], (2, m)) * inner, rng.choice([-1, 1], m) * low
    if seed % 2:
        start, c = rng.normal(0, edge, (2, m)), c * rng.exponential(1, m) * 2
        moves = rng.standard_normal((2, m)) * 10 ** rng.uniform(-2, 0)
    else:
        moves = np.sign(start) * eta * (1 + 1e-9) * (np.arange(m) < rng.integers(0, m))
    # beyond the interval the slope may be anything: here nothing
    slope = np.where(np.abs(start + moves) <= edge, 1 - np.tanh(start + moves) ** 2, 0.0)
    if not seed % 2:
        slope = np.where(slope > 0, steep, 0.0)
    return {
        t.share: np.mean((np.abs(start) <= inner) & (np.abs(c) >= low), axis=1).min(), t.c_low: low, t.steepness: steep,
        t.G_max: 2.0, t.eta: eta, length: np.sqrt(np.mean(moves**2, axis=1).max() / 2.0), q: np.mean(c**2 * slope**2, axis=1).min(),
    }  # fmt: skip


LEAVING = (
    st.POWER, st.PROJECTION,
    combine("Chebyshev", "neurons that moved by eta or more are at most a share (mean square)/eta^2: at least p_hat less that stays", Bound(t.share - _SQUARE / t.eta**2, _STAY), {REST: over + far + ((gone + far) * beyond + near) / t.eta**2, **given("eta positive")}),
    sampled("kept", "(mean square) <= G_max D_T^2, so q_T >= c_lo^2 K^2 (p_hat - G_max D_T^2/eta^2)", Bound(_KEPT, q), _wandering, "power", "projection", "Chebyshev"),
)  # fmt: skip

# --- B: what the path costs -----------------------------------------------------------------------------

_root_rate, _root_loss, _faster, _now = *sp.symbols("sqrt(r) sqrt(L)", positive=True), sp.Symbol("e_L", nonnegative=True), sp.Symbol("t", real=True)  # fmt: skip
_POWER = _root_rate * _root_loss + _faster
_LOSS = sp.Function("L", positive=True)(_now)
_BUDGET = TEST_B.rhs / (t.c_low * t.steepness * sp.sqrt(t.lam))
_AXES = t.eta * sp.sqrt(t.share / t.G_max)


def _budget(v: float) -> float:
    return float(v * np.sqrt(1 - v**2) + np.arcsin(v))


def _spending(seed: int) -> Case:
    """The slowest fall that is allowed, at a test that just passes; or a flow of tanh that passes it."""
    rng = np.random.default_rng(seed)
    split, part = rng.uniform(0.01, 0.99), 1 - 10 ** rng.uniform(-6, 0)
    if seed % 3:
        # a path of v axes costs what the ellipse up to v has; all of sqrt L_0 is spent in the end
        v = brentq(lambda x: _budget(x) - part * _budget(split), 0, split)
        return {t.split: split, t.share: 1, t.eta: 1, t.G_max: 1, length: v * (1 - 1e-9)}
    edge, gram, m = rng.uniform(0.3, 2), np.diag(rng.uniform(0.5, 2, 2)), 10
    eta, steep, c = edge * rng.uniform(0.1, 0.9), 1 - np.tanh(edge) ** 2, rng.choice([-1, 1], m)
    zeta, start = rng.standard_normal(2), rng.uniform(-1, 1, (2, m)) * (edge - eta)
    case = {t.share: 1, t.eta: eta, t.G_max: gram.max(), t.split: split}
    size = part * steep * np.sqrt(np.diag(gram).min() / gram.max()) * eta / 2 * _budget(split)
    run = follow(Small(gram, start, c, zeta * size / np.linalg.norm(zeta)))
    power = np.sum(run.zeta**2 * run.q * np.diag(gram), axis=1) / 4
    return {**case, length: np.trapezoid(np.sqrt(power), run.times)}


PAYING = (
    SANDWICH,
    identity("fall of the root", "(sqrt L)' = L'/(2 sqrt L)", sp.diff(sp.sqrt(_LOSS), _now), sp.diff(_LOSS, _now) / (2 * sp.sqrt(_LOSS))),
    combine("price", "with -L' >= r L: sqrt L falls at least at sqrt(r)/2 times the path's speed sqrt(-L')", Bound(_root_rate * _POWER / 2, _POWER**2 / (2 * _root_loss)), {REST: _POWER * _faster / (2 * _root_loss)}),
    identity("ellipse", "the budget is the integral of sqrt(p_hat - G_max x^2/eta^2) over x = v eta sqrt(p_hat/G_max), v <= split: so is its derivative", sp.diff(_BUDGET, t.split), sp.sqrt(t.share * (1 - t.split**2)) * _AXES, *SIGNS_B),
    combine("affordable", "sqrt L_0 pays for no more than the path D*, by the test", Bound(t.zeta_0 / sp.sqrt(2 * t.n), sp.sqrt(PER_SLOPE) * t.c_low * t.steepness / 2 * _BUDGET), {f"{GIVEN}test": 1 / sp.sqrt(2 * t.n), **SIGNS_B}),
    sampled("spent", "so D_T <= D* = split eta sqrt(p_hat/G_max)", Bound(length, SPENT), _spending, "kept", "sandwich", "fall of the root", "price", "ellipse", "affordable"),
)  # fmt: skip

_WORTH = PER_SLOPE * _KEPT
B_RATE = of_claim(
    B, "rate", *LEAVING, *PAYING,
    monotone("spent, squared", "D_T^2 <= split^2 eta^2 p_hat/G_max", Bound(length**2, t.split**2 * t.eta**2 * t.share / t.G_max), "spent", sp.Lambda(_X, _X**2), *SIGNS_B),
    combine("share left", "at least p_hat (1 - split^2) stays", Bound(RATE_B, _WORTH), {"spent, squared": PER_SLOPE * t.c_low**2 * t.steepness**2 * t.G_max / t.eta**2, **SIGNS_B}),
    combine("held", "c_lo^2 K^2 (p_hat - G_max D_T^2/eta^2) <= q_T, times 2 lambda_min/n", Bound(_WORTH, PER_SLOPE * q), {"kept": PER_SLOPE, LAM: 0}),
    combine("positive", "the rate is positive", Bound(sp.S.Zero, _WORTH, strict=True), {"share left": 1, **SIGNS_B, LAM: RATE_B / t.lam}),
    *(step for step in decay("held", "positive") if step is not SANDWICH),
    combine("together", "one after the other", Bound(RATE_B, s.rate), {"share left": 1, "held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("share left", "held", "least eigenvalue", "Groenwall"), quantities=(st.Q, st.KAPPA, st.PATH),
)  # fmt: skip
B_PATH = of_claim(
    B, "path", *LEAVING, *PAYING, st.TRAVEL,
    combine("together", "one after the other", Bound(s.moved_path, SPENT), {"travel": 1, "spent": 1}),
    chain=("travel", "spent"), quantities=(st.PATH,),
)  # fmt: skip

# --- C: the window --------------------------------------------------------------------------------------

RATE_C = t.CONCLUSIONS_C[0].expr
TEST_C = t.TESTS_C[-1][1]
_floor, _root = sp.symbols("Q sqrt(L)", positive=True)
_fall = 2 * t.lam / t.n * _floor * _root**2 + _faster
_WIDENS = t.slope * t.g * sp.sqrt(2 / t.n) * _root
_WINDOW = t.slope * t.g * area / t.n


def _tanh_floor(h: Array, c: Array, rho: Array) -> Array:
    """Return ``Q(rho)`` of tanh, whose slope is least at an end of every window."""
    reach = np.abs(h)[:, :, None] + np.abs(c)[:, None] * rho
    return np.mean(c[:, None] ** 2 * (1 - np.tanh(reach) ** 2) ** 2, axis=1).min(axis=0)


def _widening(seed: int) -> Case:
    """The slowest fall that a falling Q of steps allows, at a test that just passes; or a flow of tanh that passes it."""
    rng = np.random.default_rng(seed)
    part, size = 1 - 10 ** rng.uniform(-6, 0), 10 ** rng.uniform(-2, 1)
    if seed % 3:
        levels, steps = np.sort(rng.exponential(1, 6))[::-1], rng.exponential(1, 6)
        paid = np.concatenate([[0], np.cumsum(levels * steps)])
        reached = np.interp(part * paid[-1], paid, np.concatenate([[0], np.cumsum(steps)]))
        return {t.window: steps.sum(), t.slope: 1, t.g: size, t.n: 3, area: reached * 3 / size}
    n, m = int(rng.integers(1, 3)), int(rng.integers(1, 9))
    inputs, h, c = rng.standard_normal((n, n + 1)), rng.normal(0, 0.5, (n, m)), rng.standard_normal(m)
    gram = inputs @ inputs.T / (n + 1)
    least, g, rho = np.linalg.eigvalsh(gram)[0], np.linalg.norm(gram, axis=0).max(), size * np.arange(1, 200) / 199
    allowed = part * least * np.mean(_tanh_floor(h, c, rho)) * size / g
    zeta = rng.standard_normal(n)
    run = follow(Small(gram, h, c, zeta * allowed / np.linalg.norm(zeta)))
    return {t.window: size, t.slope: 1, t.g: g, t.n: n, area: run.area}


def _each(seed: int) -> Case:
    """A flow of tanh; in half of the cases one neuron that starts where it is steepest."""
    rng = np.random.default_rng(seed)
    n, m = (1, 1) if seed % 2 else (int(rng.integers(1, 4)), int(rng.integers(1, 9)))
    inputs, c = rng.standard_normal((n, n + 1)), rng.standard_normal(m)
    gram = inputs @ inputs.T / (n + 1)
    run = follow(
        Small(
            gram,
            rng.standard_normal((n, m)) * (seed % 4 > 1),
            c,
            rng.standard_normal(n) * 10 ** rng.uniform(-3, 0) * min(abs(c)),
        )
    )
    return {
        s.moved_each: (np.abs(run.h[-1] - run.h[0]) / np.abs(c)).max(), t.slope: 1, t.g: np.linalg.norm(gram, axis=0).max(), t.n: n,
        area: run.area,
    }  # fmt: skip


def _inside(seed: int) -> Case:
    """Slopes of tanh after any movement within the windows; in half of the cases to their ends."""
    rng = np.random.default_rng(seed)
    h, c, rho = rng.standard_normal((3, 8)), rng.standard_normal(8), 10 ** rng.uniform(-2, 0.5)
    part = rng.uniform(-1, 1, h.shape) if seed % 2 else np.sign(h)
    slopes = 1 - np.tanh(h + part * np.abs(c) * rho) ** 2
    return {t.last: _tanh_floor(h, c, np.array([rho]))[0], q: np.mean(c**2 * slopes**2, axis=1).min()}


C_WINDOW = of_claim(
    C, "window", st.FLOW, st.FORCE, speed(sp.Symbol("|c_i|", nonnegative=True), "|c_i|"),
    sampled("path", "integrated: |h_ia(T) - h_ia(0)| <= |c_i| rho_T, rho_T = L_s g A_T/n", Bound(s.moved_each, _WINDOW), _each, "flow", "speed", count=30),
    SANDWICH,
    combine("fall of the root", "-L' >= (2/n) lambda_min Q(rho) L while the window is rho, so sqrt L falls at least at lambda_min Q(rho) sqrt(L)/n", Bound(t.lam / t.n * _floor * _root, _fall / (2 * _root)), {REST: _faster / (2 * _root), "sandwich": 0, "path": 0}),
    identity("price", "which is lambda_min/(L_s g sqrt(2 n)) Q(rho) rho', as rho' = L_s g sqrt(2/n) sqrt L", t.lam / t.n * _floor * _root, t.lam / (t.slope * t.g * sp.sqrt(2 * t.n)) * _floor * _WIDENS),
    combine("not affordable", "|zeta_0| = sqrt(2 n L_0) does not pay for the whole window, by the test", Bound(t.slope * t.g * t.zeta_0, t.lam * t.area, strict=True), {f"{GIVEN}test": t.lam, LAM: 0}),
    sampled("paid", "so the window never gets wider than rho_K", Bound(_WINDOW, t.window), _widening, "fall of the root", "price", "not affordable"),
    combine("together", "one after the other", Bound(s.moved_each, t.window), {"path": 1, "paid": 1}),
    chain=("path", "paid"), quantities=(st.AREA,),
)  # fmt: skip
C_RATE = of_claim(
    C, "rate",
    apply("window", "no preactivation leaves |c_i| rho_K", of_card(C, "window"), {}, {label: f"{GIVEN}{label}" for label, _ in t.TESTS_C}),
    sampled("at all times", "so q_T >= Q(rho_K)", Bound(t.last, q), _inside, "window"),
    combine("held", "Q(rho_K) <= q_T, times 2 lambda_min/n", Bound(RATE_C, PER_SLOPE * q), {"at all times": PER_SLOPE, LAM: 0}),
    combine("positive", "the rate is positive", Bound(sp.S.Zero, RATE_C, strict=True), {LAM: 0, f"{GIVEN}Q positive": PER_SLOPE}),
    *decay("held", "positive"),
    combine("together", "one after the other", Bound(RATE_C, s.rate), {"held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("held", "least eigenvalue", "Groenwall"), quantities=(st.Q, st.KAPPA),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (B_RATE, B_PATH, C_WINDOW, C_RATE)
