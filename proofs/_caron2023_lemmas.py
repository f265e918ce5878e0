"""Lemmas L1 to L8 of caron2023's proofs (section 4), each for networks of any width, in symbols of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_card
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Theorem
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import r0
from theorycheck.theorems.caron2023 import setting as s

Array = np.ndarray

k = sp.Symbol("k", nonnegative=True)  # least eigenvalue of the uniform part
b = sp.Symbol("b", nonnegative=True)  # |J - J_0|^2 of the uniform part
level = sp.Symbol("mu_0", positive=True)  # a floor of the tangent Gram
reach = sp.Symbol("c_rho", nonnegative=True)  # rho_j = c_rho sqrt(lambda_j)
spread = sp.Symbol("b_lambda", nonnegative=True)  # |J - J_0|^2, weights lambda_j


def lemma(name: str, premises: Mapping[str, Bound], *steps: Step, chain: tuple[str, ...] = ()) -> Proof:
    """Return a lemma of the paper that no card states by itself."""
    goal = steps[-1].bound
    return Proof(f"caron2023 {name}", goal, premises, goal.symbols, steps, chain)


def part(
    theorem: Theorem, events: Iterable[Event], pool: Iterable[Step], label: str, chain: tuple[str, ...] = ()
) -> Proof:
    """Return the lemma that ends in the step ``label`` of a pool of steps: what it needs of them, and its premises."""
    steps, needed, used = {step.label: step for step in pool}, [label], set[str]()
    while needed:
        one = needed.pop()
        used.add(one)
        needed += [name for name in steps[one].uses if name in steps and name not in used] if one in steps else []
    known = {f"{GIVEN}{one.label}": one.bound for one in theorem.assumptions} | {
        f"{EVENT}{one.label}": one.bound for one in events
    }
    chosen = [step for step in steps.values() if step.label in used]
    premises = {name: known[name] for step in chosen for name in step.uses if name in known}
    own = theorem.label.partition(".")[2]
    return lemma(f"{own}, {label}", premises, *chosen, chain=chain)


def use(proof: Proof, label: str) -> Step:
    """Return the step that applies a lemma whose premises are known here by the same names."""
    return apply(label, "by its lemma", proof.lemma, {}, {name: name for name in proof.premises})


def sizes(rng: np.random.Generator) -> tuple[int, int, int]:
    """Return n, d, m."""
    return tuple(int(size) for size in rng.integers(1, 5, 3))  # type: ignore[return-value]


def inputs_of(rng: np.random.Generator, n: int, d: int) -> Array:
    """Return inputs of sizes between 0.1 and 10."""
    return rng.standard_normal((n, d)) * 10 ** rng.uniform(-1, 1, (n, 1))


def tangent(inputs: Array, slopes: Array, scales: Array) -> Array:
    """Return ``sum_j lambda_j D_j G D_j / d``; slopes are ``(m, n)``."""
    return inputs @ inputs.T * ((slopes.T * scales) @ slopes) / inputs.shape[1]


# --- L2: the even part of the scales -----------------------------------------------------------------

_even = sp.Symbol("gamma", nonnegative=True)
_zipf = sp.symbols("l_1:3", nonnegative=True)
_x = sp.Matrix(2, 2, sp.symbols("x_1:5", real=True))
_slopes = sp.Matrix(2, 2, sp.symbols("s_1:5", real=True))
_v = sp.Matrix(sp.symbols("v_1:3", real=True))
_WHOLE = sum((_even / 2 + (1 - _even) * _zipf[j]) * ((_x.T * sp.diag(*_slopes[j, :]) * _v).T * (_x.T * sp.diag(*_slopes[j, :]) * _v))[0] for j in range(2))  # fmt: skip
_PART = sum(sp.Rational(1, 2) * ((_x.T * sp.diag(*_slopes[j, :]) * _v).T * (_x.T * sp.diag(*_slopes[j, :]) * _v))[0] for j in range(2))  # fmt: skip
_REST = sum(_zipf[j] * sum((_x[:, c].T * sp.diag(*_slopes[j, :]) * _v)[0] ** 2 for c in range(2)) for j in range(2))


def _decomposed(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    n, d, m = sizes(rng)
    even, inputs, slopes = rng.uniform(0, 1), inputs_of(rng, n, d), rng.uniform(-1, 1, (m + n, n))
    zipf = rng.dirichlet(np.full(m + n, 0.3))
    whole = tangent(inputs, slopes, even / (m + n) + (1 - even) * zipf)
    part = tangent(inputs, slopes, np.full(m + n, 1 / (m + n)))
    return {
        s.gamma: even,
        k: np.linalg.eigvalsh(part)[0],
        s.least: np.linalg.eigvalsh(whole)[0],
    }


L2 = lemma(
    "L2", {},
    identity("sum of squares", "v'Theta v - gamma v'Theta_1 v = (1 - gamma) sum_j lambda-bar_j |X'D_j v|^2/d; n = m = d = 2", _WHOLE - _even * _PART, (1 - _even) * _REST),
    sampled("even part", "so the least eigenvalue of Theta is at least gamma times that of its even part Theta_1", Bound(s.gamma * k, s.least), _decomposed, "sum of squares"),
)  # fmt: skip

# --- L1: norms ----------------------------------------------------------------------------------------


def _norms(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    n, d, _ = sizes(rng)
    inputs = inputs_of(rng, n, d if rng.random() < 0.5 else 1)
    return {s.s_X: np.linalg.norm(inputs, 2) ** 2, s.n: n, s.largest_norm: np.sum(inputs**2, axis=1).max()}


L1 = lemma(
    "L1", {"inputs in the unit ball": Bound(s.largest_norm, sp.S.One)},
    sampled("trace", "s_X <= tr X X' = sum_i |x_i|^2 <= n max_i |x_i|^2", Bound(s.s_X, s.n * s.largest_norm), _norms),
    combine("unit ball", "and no input is longer than 1", Bound(s.s_X, s.n), {"trace": 1, "inputs in the unit ball": s.n}),
)  # fmt: skip

# --- L5: a Jacobian that moves little -----------------------------------------------------------------

theta, kappa_hat = r0.theta, r0.kappa_hat
_IN = {"theta in (0, 1)": Bound(sp.S.Zero, theta * (1 - theta), strict=True)}
_y = sp.Symbol("y", nonnegative=True)
_LEFT = (1 - theta) * sp.sqrt(kappa_hat)
L5 = lemma(
    "L5", {**_IN, "movement": Bound(b, r0.TEST_RIGHT)},
    monotone("roots", "the root of both sides", Bound(sp.sqrt(b), _LEFT), "movement", sp.Lambda(_y, sp.sqrt(_y)), "theta in (0, 1)"),
    apply("Weyl", "the least singular value, from time 0 on", of_card(core.WEYL, "singular value"), {core.least_start: sp.sqrt(kappa_hat), core.least_end: sp.sqrt(k), core.jump: sp.sqrt(b)}, {}),
    combine("left", "theta of it is left", Bound(theta * sp.sqrt(kappa_hat), sp.sqrt(k)), {"Weyl": 1, "roots": 1}),
    monotone("squares", "squared: an eigenvalue again", Bound(theta**2 * kappa_hat, k), "left", sp.Lambda(_y, _y**2), "theta in (0, 1)"),
)  # fmt: skip

_w = sp.Matrix(sp.symbols("w_1:4", real=True))
_z = sp.Matrix(sp.symbols("x_1:4", real=True))
LAGRANGE = identity(
    "Cauchy and Schwarz", "|w.x|^2 <= |w|^2 |x|^2: the difference is a sum of squares",
    (_w.T * _w)[0] * (_z.T * _z)[0] - (_w.T * _z)[0] ** 2, sum((_w[i] * _z[j] - _w[j] * _z[i]) ** 2 for i in range(3) for j in range(i)),
)  # fmt: skip


def _flipped(seed: int) -> Mapping[sp.Symbol, float]:
    """Return |J - J_0|^2 for gates in [0, 1] that changed only where they could, and the largest that M_F says."""
    rng = np.random.default_rng(seed)
    n, d, m = sizes(rng)
    inputs, weights = inputs_of(rng, n, d), rng.standard_normal((m, d))
    radius = rng.exponential(1, m)
    can = np.abs(weights @ inputs.T) <= radius[:, None] * np.linalg.norm(inputs, axis=1)
    change = np.where(can, rng.choice([-1, 0, 1, rng.uniform()], (m, n)), 0.0)
    mass = np.abs(inputs @ inputs.T) * (can.T.astype(float) @ can) / (m * d)
    return {
        b: np.linalg.eigvalsh(tangent(inputs, change, np.full(m, 1 / m)))[-1],
        r0.flips: np.linalg.eigvalsh(mass)[-1],
    }


within, spare = sp.Symbol("rho_w", nonnegative=True), sp.Symbol("epsilon", positive=True)
#: M_F is about radii of REACH sqrt(lambda_j), and as much more as changes no gate that can flip
FLIPS_WITHIN = {"radius": Bound(within, r0.REACH + spare)}
L5_RELU = lemma(
    "L5 for gates", FLIPS_WITHIN,
    LAGRANGE,
    sampled("dominated", "a gate can change only if |w_0j.x_i| <= rho_j |x_i|; entry by entry |sum_j D_e G D_e| <= sum_j 1_F 1_F' o |G| (Perron and Frobenius)", Bound(b, r0.flips), _flipped, "Cauchy and Schwarz", "radius"),
)  # fmt: skip


def _bent(seed: int) -> Mapping[sp.Symbol, float]:
    """Return |J - J_0|^2 of a tanh network whose nodes move by rho_j, and what enters its bound."""
    rng = np.random.default_rng(seed)
    n, d, m = sizes(rng)
    inputs, weights = inputs_of(rng, n, d), rng.standard_normal((m, d)) * 10 ** rng.uniform(-1, 0.5)
    scales, far = rng.dirichlet(np.ones(m)), rng.exponential(1)
    step = rng.standard_normal((m, d))
    later = weights + step * (far * np.sqrt(scales) / np.linalg.norm(step, axis=1))[:, None]
    change = np.tanh(later @ inputs.T / np.sqrt(d)) ** 2 - np.tanh(weights @ inputs.T / np.sqrt(d)) ** 2
    return {
        b: np.linalg.eigvalsh(tangent(inputs, change, np.full(m, 1 / m)))[-1], r0.M: 4 / (3 * np.sqrt(3)), r0.mass: 1.0,
        reach: far, s.m: m, s.d: d, r0.fourth: np.sum(np.linalg.norm(inputs, axis=1) ** 4),
    }  # fmt: skip


_squares = sp.symbols("n_1:3", nonnegative=True)
_kept = sp.symbols("g_1:5", nonnegative=True)
_scales = sp.symbols("lambda_1:3", nonnegative=True)
_EACH = [[r0.M**2 * reach**2 * _scales[j] * _squares[i] / s.d for i in range(2)] for j in range(2)]
_MASS = sum(_EACH[j][i] * _squares[i] for j in range(2) for i in range(2)) / (2 * s.d)
_SLACK = sum(_kept[2 * j + i] * _squares[i] for j in range(2) for i in range(2)) / (2 * s.d)
BENT = r0.M**2 * r0.fourth * reach**2 * r0.mass / (s.m * s.d**2)
L5_SMOOTH = lemma(
    "L5 for smooth slopes", {},
    LAGRANGE,
    combine("Frobenius", "(1/(m d)) sum_ij e_ij^2 |x_i|^2 with e_ij^2 <= M^2 rho_j^2 |x_i|^2/d; n = m = 2", Bound(_MASS - _SLACK, _MASS), {REST: _SLACK}),
    identity("factors", "which is a product of sums", _MASS, r0.M**2 * reach**2 * sum(_scales) * sum(q**2 for q in _squares) / (2 * s.d**2)),
    sampled("dominated", "the spectral norm is at most Frobenius's", Bound(b, BENT), _bent, "Cauchy and Schwarz", "Frobenius", "factors"),
)  # fmt: skip

# --- L7: a floor of the Gram bounds the movement --------------------------------------------------------

ell, time = sp.Symbol("ell", positive=True), core.time
_x1 = sp.Symbol("x", positive=True)
_FALL = (1 - sp.exp(-_x1 * time)) / _x1
STEP = sp.sqrt(s.s_X / s.d) * core.r_0
L7 = lemma(
    "L7", {"floor": Bound(level, s.least), "unit slope": Bound(core.slope, sp.S.One)},
    combine("positive", "the Gram is definite", Bound(sp.S.Zero, s.least, strict=True), {"floor": 1, REST: level}),
    apply("drift", "while the Gram is above its least eigenvalue", of_card(core.DRIFT, "drift"), {core.mu: s.least}, {"gap": "positive", "unit slope": "unit slope"}),
    apply("convex", "1 + x t <= exp(x t)", textbook.EXPONENTIAL.lemma, {textbook.x: _x1 * time}, {}),
    combine("falls", "so (1 - exp(-x t))/x falls in x", Bound(sp.S.Zero, -sp.diff(_FALL, _x1)), {"convex": sp.exp(-_x1 * time) / _x1**2}),
    monotone("less", "at the floor it is larger", Bound(_FALL.subs(_x1, s.least), _FALL.subs(_x1, level)), "floor", sp.Lambda(_x1, _FALL), "falls"),
    combine("together", "one after the other", Bound(core.moved_within, STEP / level * (1 - sp.exp(-level * time))), {"drift": 1, "less": STEP}),
)  # fmt: skip

# --- the change of the Gram ------------------------------------------------------------------------------


def _changed(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    n, w = rng.integers(1, 5, 2)
    before, change = rng.standard_normal((n, w)), rng.standard_normal((n, w)) * 10 ** rng.uniform(-2, 1)
    later = before + change
    most = np.linalg.norm(before, 2) ** 2
    return {
        s.change: np.linalg.norm(later @ later.T - before @ before.T, 2),
        spread: np.linalg.norm(change, 2) ** 2,
        s.s_X: most,
        s.d: 1.0,
    }


_a, _e = sp.MatrixSymbol("J_0", 2, 2), sp.MatrixSymbol("E", 2, 2)
_J, _E = sp.Matrix(_a), sp.Matrix(_e)
CHANGE = lemma(
    "change of the Gram", {},
    identity("product", "J J' - J_0 J_0' = E E' + J_0 E' + E J_0' with J = J_0 + E; one entry, n = 2", ((_J + _E) * (_J + _E).T - _J * _J.T)[0, 1], (_E * _E.T + _J * _E.T + _E * _J.T)[0, 1]),
    sampled("norms", "so |J J' - J_0 J_0'| <= |E|^2 + 2 |E| |J_0|, |J_0|^2 <= s_X/d", Bound(s.change, spread + 2 * sp.sqrt(spread * s.s_X / s.d)), _changed, "product"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (L1, L2, L5, L5_RELU, L5_SMOOTH, L7, CHANGE)

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
