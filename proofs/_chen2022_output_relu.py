"""Proofs of chen2022's theorem B for ReLU networks with the output weights trained as well (section 4.13, errata W8 and I1).

The flow keeps ``c_i^2 - tau |w_i|^2``, so that neurons which start with c_lo^2 of it have ``|c_i| >= c_lo`` for ever. The
rest is theorem B: the path ``D_t = int sqrt(-L')`` only gets longer by what the output weights move.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import _chen2022_both as both
import _chen2022_steps as st
import numpy as np
import sympy as sp
from _chen2022_paid import LEAVING, PAYING, RATE_B, SIGNS_B, SPENT

from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.chen2022 import output_trained as ot
from theorycheck.theorems.chen2022 import output_trained_relu as rt
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

reserve, grown, more = sp.symbols("Q_0 |w_i|^2 e_Q", nonnegative=True)
_p, _o = sp.symbols("p_1:3", real=True), sp.symbols("o_1:3", real=True)
_x, _w, _c = (
    both.NET.x.col_insert(1, sp.Matrix(sp.symbols("x_0_1 x_1_1", real=True))),
    sp.Matrix(sp.symbols("w_1:3", real=True)),
    sp.Symbol("c_1", real=True),
)
#: one neuron of a (leaky) ReLU network, at each sample with the slope p_a there; o_a is what the others put out less y_a
_ZETA = [_c * _p[a] * (_x[a, :] * _w)[0] / sp.sqrt(2) / both.NET.m + _o[a] for a in range(2)]
_L = sum(part**2 for part in _ZETA) / (2 * both.NET.n)
_GAINED = 2 * _c * (-ot.tau * both.NET.m * sp.diff(_L, _c))
_SPENT = ot.tau * sum(2 * part * (-both.NET.m * sp.diff(_L, part)) for part in _w)


@lru_cache(maxsize=128)
def _relu(seed: int) -> dict[sp.Symbol, float]:
    """Follow a ReLU network with both layers trained; labels near, or so far that output weights fall to their reserve."""
    rng = np.random.default_rng(seed)
    n, m, d, tau = rng.integers(1, 4), 6, 3, 10 ** rng.uniform(-2, 0.5)
    x, weights = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 10 ** rng.uniform(-2, 0)
    c, y = rng.choice([-1, 1], m) * 1.0, rng.standard_normal(n) * 10 ** rng.uniform(-1, 1)
    kept = c**2 - tau * np.sum(weights**2, axis=1)
    low = np.sqrt(max(kept.min(), 0)) if seed % 2 else np.sqrt(np.median(np.maximum(kept, 0)))
    counted = kept >= low**2
    for _ in range(100):
        h = x @ weights.T / np.sqrt(d)
        zeta = np.maximum(h, 0) @ c / m - y
        rate = 2e-3 / (1e-3 + np.abs(zeta).max() * (1 + np.abs(x).max() ** 2) * (1 + tau))
        step = -rate / n * ((h > 0) * zeta[:, None] * c).T @ x / np.sqrt(d)
        weights, c = weights + step, c - rate * tau / n * zeta @ np.maximum(h, 0)
    least = np.abs(c[counted]).min() if counted.any() else np.inf
    return {t.c_low: low, reserve: kept[counted].min() if counted.any() else np.inf, rt.least_kept: least * (1 + 1e-5)}


def _reserve(run: Run) -> Measured:
    """Return Q_0: the least ``c_i^2 - tau |w_i|^2`` at time 0 of the neurons that surely have c_lo^2 of it."""
    instance = run.instance
    c, moved = instance.signs**2, instance.parameters["tau"] * np.sum(instance.weights**2, axis=1)
    doubt = (instance.d + 8) * 2.0**-52 * (c + moved)
    counted = (c - moved) - doubt >= instance.parameters["c_low"] ** 2
    if not counted.any():
        return Measured(np.inf)
    return Measured.between(float((c - moved - doubt)[counted].min()), float((c - moved + doubt)[counted].min()))


_y = sp.Symbol("y", nonnegative=True)
KEPT = of_claim(
    rt.RELU_TRAINED, "kept",
    identity("conserved", "(c_i^2)' = tau (|w_i|^2)' where s(h) = p h with p = s'(h) at each sample, from the neuron; two samples, two dimensions", _GAINED, _SPENT, f"{GIVEN}homogeneous"),
    sampled("counted", "a neuron that counts has c_i^2 - tau |w_i|^2 >= c_lo^2, and some neuron counts", Bound(t.c_low**2, reserve), _relu, f"{GIVEN}p_hat positive"),
    monotone("at the start", "roots", Bound(t.c_low, sp.sqrt(reserve)), "counted", sp.Lambda(_y, sp.sqrt(_y)), f"{GIVEN}c_lo positive"),
    combine("nothing less", "c_i(T)^2 = Q + tau |w_i(T)|^2 >= Q_0", Bound(reserve, reserve + more + ot.tau * grown), {REST: more + ot.tau * grown, "conserved": 0}),
    sampled("conservation", "so c_T^2 >= Q_0", Bound(reserve, rt.least_kept**2), _relu, "nothing less"),
    monotone("at the end", "roots", Bound(sp.sqrt(reserve), rt.least_kept), "conservation", sp.Lambda(_y, sp.sqrt(_y))),
    combine("together", "one after the other", Bound(t.c_low, rt.least_kept), {"at the start": 1, "at the end": 1}),
    chain=("at the start", "at the end"), quantities=(Quantity(reserve, "least c_i^2 - tau |w_i|^2 of the neurons that count, at time 0", _reserve),),
)  # fmt: skip

LAW = {label: f"{GIVEN}{label}" for label in ("c_lo positive", "p_hat positive", "homogeneous")}
_POWER = -sum(part**2 for part in both.ONE.speed) - sum(part**2 for part in both.turn(both.ONE)) / ot.tau
STAYS = (
    apply("output weights", "neurons that count have |c_i| >= c_lo for ever", of_card(rt.RELU_TRAINED, "kept"), {}, LAW),
    identity("power", "-L' = (1/m) sum_i (|w_i'|^2 + c_i'^2/tau), at least (1/m) sum_i |w_i'|^2: movement of the weights is at most the path int sqrt(-L'); one neuron of the sum", both.fall(both.ONE), _POWER, "output weights"),
    *(step for step in LEAVING if step.label != "power"), both.LOSS, both.PSD, both.SANDWICH, both.LARGER,
    *(replace(step, stands_on=(*step.stands_on, "both layers")) if step.label == "spent" else step for step in PAYING if step.label not in ("sandwich", both.LOSS.label)),
)  # fmt: skip
_SHARE = next(step for step in LEAVING if step.label == "kept").bound.lhs
_WORTH = t.PER_HELD * t.lam * _SHARE
RATE_RELU = of_claim(
    rt.RELU_TRAINED, "rate", *STAYS,
    monotone("spent, squared", "D_T^2 <= split^2 eta^2 p_hat/G_max", Bound(st.length**2, SPENT**2), "spent", sp.Lambda(_y, _y**2), *SIGNS_B),
    combine("share left", "at least p_hat (1 - split^2) stays", Bound(RATE_B, _WORTH), {"spent, squared": t.PER_HELD * t.lam * t.c_low**2 * t.steepness**2 * t.G_max / t.eta**2, **SIGNS_B}),
    combine("held", "c_lo^2 K^2 (p_hat - G_max D_T^2/eta^2) <= q_T, times 2 lambda_min/n", Bound(_WORTH, t.PER_HELD * t.lam * st.q), {"kept": t.PER_HELD * t.lam, st.LAM: 0}),
    combine("positive", "the rate is positive", Bound(sp.S.Zero, _WORTH, strict=True), {"share left": 1, **SIGNS_B, st.LAM: RATE_B / t.lam}),
    *both.decay("held", "positive")[4:],
    combine("least eigenvalue", "together", Bound(_WORTH, 2 * st.kappa), {"held": 1, "tangent Gram": 1}),
    combine("together", "one after the other", Bound(RATE_B, s.rate), {"share left": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("share left", "least eigenvalue", "Groenwall"), quantities=(st.KAPPA, st.PATH),
)  # fmt: skip
PATH_RELU = of_claim(
    rt.RELU_TRAINED, "path", *STAYS, st.TRAVEL,
    combine("together", "one after the other", Bound(s.moved_path, SPENT), {"travel": 1, "spent": 1}),
    chain=("travel", "spent"), quantities=(st.PATH,),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (KEPT, RATE_RELU, PATH_RELU)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
