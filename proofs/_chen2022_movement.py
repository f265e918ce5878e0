"""Proofs of how far the weights of chen2022's networks move (section 4.10): by what the output did, by what the loss paid for."""

from __future__ import annotations

from collections.abc import Mapping

import _chen2022_steps as st
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run, Trajectory
from theorycheck.measure import NoTrajectory
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.chen2022 import movement as mv
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

changed, shifted = sp.symbols("F_T M_T", nonnegative=True)
scale = sp.Symbol("S", positive=True)
_LAM, _KAPPA = f"{GIVEN}Lambda_max positive", f"{GIVEN}kappa_T positive"

# --- below: the output moved -------------------------------------------------------------------------------

_c, _u = sp.symbols("c_1:4", real=True), sp.symbols("u_1:4", real=True)
_e = sp.symbols("e_1:4", nonnegative=True)
_MEETING = sum(a * b for a, b in zip(_c, _u, strict=True)) ** 2
_SQUARES = sum((_c[i] * _u[j] - _c[j] * _u[i]) ** 2 for i in range(3) for j in range(i))
_LESS = sum(gap * x**2 for gap, x in zip(_e, _u, strict=True))


def _end(run: Run) -> Trajectory:
    if run.trajectory is None:
        raise NoTrajectory("the output's movement belongs to a flow: simulate the instance first")
    return run.trajectory


def _changed(run: Run) -> Measured:
    """Return ``F_T = |f_T - f_0|``."""
    path = _end(run)
    doubt = float(path.residual_error[-1] + path.residual_error[0])
    return Measured(float(np.linalg.norm(path.residual[-1] - path.residual[0])), doubt)


def _shifted(run: Run) -> Measured:
    """Return ``M_T``: the root of the mean over neurons of ``sum_a (h_ia(T) - h_ia(0))^2``."""
    moved = _end(run).final_weights - run.instance.weights
    shift = run.instance.inner * run.instance.inputs @ moved.T
    doubt = float(s.PATH.measure(run).error) * run.instance.inner * float(np.linalg.norm(run.instance.inputs, 2))
    return Measured(float(np.linalg.norm(shift)) / run.instance.m**0.5, doubt)


def _moved(seed: int) -> Mapping[sp.Symbol, float]:
    """Return a random network before and after a movement of its weights; equality for one linear neuron with one sample."""
    rng = np.random.default_rng(seed)
    n, d, m = (1, 1, 1) if seed % 3 == 0 else rng.integers(1, 6, 3)
    inputs, c = rng.standard_normal((n, d)), rng.standard_normal(m)
    before = rng.standard_normal((m, d)) * 10 ** rng.uniform(-3, 0.5)
    after = before + rng.standard_normal((m, d)) * 10 ** rng.uniform(-3, 1)
    value = np.tanh if seed % 2 else np.abs
    shift = inputs @ (after - before).T / np.sqrt(d)
    change = (value(inputs @ after.T / np.sqrt(d)) - value(inputs @ before.T / np.sqrt(d))) @ c / m
    return {
        changed: np.linalg.norm(change), shifted: np.linalg.norm(shift) / np.sqrt(m), t.slope: 1.0, mv.C_2: np.sqrt(np.mean(c**2)),
        s.Lam: np.linalg.norm(inputs, 2) ** 2 / d, s.moved_path: np.linalg.norm(after - before) / np.sqrt(m),
    }  # fmt: skip


_OVER = t.slope * mv.C_2 * sp.sqrt(s.Lam)


def _divided(label: str, says: str, low: sp.Expr, high: sp.Expr, of: str) -> Step:
    """Return the step that both sides of ``of`` are divided by ``L_s C_2 sqrt(Lambda_max)``."""
    return combine(
        label,
        says,
        Bound(low / _OVER, high / _OVER),
        {of: 1 / scale, "scale": -(high - low) / (scale * _OVER), "divisor": 0},
    )


LOWER = of_claim(
    mv.MOVEMENT, "lower",
    sampled("divisor", "s is not constant and the c_i are not all 0: else the left side is no number", Bound(sp.S.Zero, _OVER, strict=True), _moved, _LAM),
    define("scale", "what the output's movement is divided by", scale, _OVER, "divisor"),
    apply("triangle", "|zeta_0| <= |zeta_T| + |f_T - f_0|, zeta = f - y", textbook.TRIANGLE.lemma, {textbook.both: t.zeta_0, textbook.first: mv.left, textbook.second: changed}, {}),
    combine("consumed", "so |zeta_0| - |zeta_T| <= |f_T - f_0|", Bound(mv.CONSUMED, changed), {"triangle": 1}),
    identity("Cauchy and Schwarz", "(sum_i c_i u_i)^2 <= sum_i c_i^2 sum_i u_i^2: the difference is a sum of squares; three neurons", sum(x**2 for x in _c) * sum(x**2 for x in _u) - _MEETING, _SQUARES),
    sampled("Lipschitz", "|f_T(x_a) - f_0(x_a)| <= (1/m) sum_i |c_i| L_s |h_ia(T) - h_ia(0)|, root mean squares over neurons, summed over samples", Bound(changed, t.slope * mv.C_2 * shifted), _moved, "Cauchy and Schwarz"),
    combine("Rayleigh", "|X v|^2/d <= Lambda_max |v|^2, in the eigenbasis of X'X/d with eigenvalues Lambda_max - e_k", Bound(s.Lam * sum(x**2 for x in _u) - _LESS, s.Lam * sum(x**2 for x in _u)), {REST: _LESS}),
    sampled("samples", "for v = w_i(T) - w_i(0), the mean over neurons", Bound(shifted, sp.sqrt(s.Lam) * s.moved_path), _moved, "Rayleigh"),
    combine("preactivations", "times L_s C_2", Bound(t.slope * mv.C_2 * shifted, _OVER * s.moved_path), {"samples": t.slope * mv.C_2}),
    _divided("output", "the output moved", mv.CONSUMED, changed, "consumed"),
    _divided("slope", "so preactivations did", changed, t.slope * mv.C_2 * shifted, "Lipschitz"),
    _divided("weights", "so weights did", t.slope * mv.C_2 * shifted, _OVER * s.moved_path, "preactivations"),
    combine("together", "one after the other", Bound(mv.LOWER, s.moved_path), {"output": 1, "slope": 1, "weights": 1, _LAM: 0}),
    chain=("output", "slope", "weights"),
    quantities=(Quantity(changed, "|f_T - f_0|", _changed), Quantity(shifted, "root mean square over neurons of |h_i(T) - h_i(0)|", _shifted)),
)  # fmt: skip

# --- above: the loss paid for it -----------------------------------------------------------------------------

_z1 = sp.Symbol("z_1", positive=True)
_z2 = sp.Symbol("z_2", real=True)
_y = sp.Symbol("y", nonnegative=True)
_LOSS = (_z1**2 + _z2**2) / (2 * t.n)
_FALL = ((mv.least + _e[0]) * _z1**2 + (mv.least + _e[1]) * _z2**2) / t.n
_RATE = 2 * mv.least


def _paid(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the path int sqrt(-L') for a loss that falls at rates of at least 2 kappa, piece by piece in closed form."""
    rng = np.random.default_rng(seed)
    kappa, n = 10 ** rng.uniform(-1, 1), rng.integers(1, 6)
    rates = 2 * kappa * (1 + rng.exponential(1, 8) * (rng.random(8) < rng.choice([0, 0.3])))
    ends = np.exp(-np.concatenate([[0], np.cumsum(rates * rng.exponential(0.3, 8))]) / 2)
    pieces = 2 / np.sqrt(rates) * -np.diff(ends) / np.sqrt(2 * n)
    return {st.length: pieces.sum(), mv.least: kappa, t.n: n, t.zeta_0: ends[0], mv.left: ends[-1]}


UPPER = of_claim(
    mv.MOVEMENT, "upper", st.LOSS, st.POWER, st.TRAVEL,
    combine("Rayleigh", "-L' = zeta'(K/n) zeta/n >= 2 kappa_T L, in the eigenbasis of K/n with eigenvalues kappa_T + e_k; two directions", Bound(_RATE * _LOSS, _FALL), {REST: (_e[0] * _z1**2 + _e[1] * _z2**2) / t.n}),
    monotone("roots", "sqrt(r L) <= sqrt(-L') with r = 2 kappa_T", Bound(sp.sqrt(_RATE) * sp.sqrt(_LOSS), sp.sqrt(_FALL)), "Rayleigh", sp.Lambda(_y, sp.sqrt(_y)), _KAPPA),
    combine("speed", "so sqrt(-L') <= -L'/sqrt(r L)", Bound(sp.sqrt(_FALL), _FALL / (sp.sqrt(_RATE) * sp.sqrt(_LOSS))), {"roots": sp.sqrt(_FALL) / (sp.sqrt(_RATE) * sp.sqrt(_LOSS)), _KAPPA: 0}),
    st.ROOT,
    sampled("paid", "which is -(2/sqrt r) (sqrt L)': integrated, sqrt L = |zeta|/sqrt(2n)", Bound(st.length, mv.UPPER), _paid, "loss along the flow", "speed", st.ROOT.label, _LAM),
    combine("together", "one after the other", Bound(s.moved_path, mv.UPPER), {"travel": 1, "paid": 1}),
    chain=("travel", "paid"), quantities=(st.PATH,),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (LOWER, UPPER)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
