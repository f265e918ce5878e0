"""Proof that gradient flow at two rates conserves ``eta_a |w_j|^2 - eta_W a_j^2`` (razborov2022, Lemma 1.1), and what follows.

One neuron, two samples in two dimensions; a gate g_i is any number in [0, 1] at a kink, so ``max(0, z) = g z``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.symbolic.network import INNER, OUTPUT_WEIGHT, TWO_LAYER
from theorycheck.theorems.razborov2022 import normal_form as nf

_gates, _r = sp.symbols("g_1:3", nonnegative=True), sp.symbols("r_1:3", real=True)
_w, _x = sp.symbols("w_1:3", real=True), sp.Matrix(2, 2, sp.symbols("x_11 x_12 x_21 x_22", real=True))
_a = OUTPUT_WEIGHT
_p = [sum((_x[i, k] * _w[k] for k in range(2)), sp.S.Zero) for i in range(2)]
_PIECE = [TWO_LAYER.outer * gate * TWO_LAYER.argument for gate in _gates]


def _by(parameter: sp.Symbol, i: int) -> sp.Expr:
    """Return the derivative of the neuron's output at sample i, with its gate held."""
    return sp.diff(_PIECE[i], parameter).subs(INNER, _p[i])


_OUTPUT = [piece.subs(INNER, p) for piece, p in zip(_PIECE, _p, strict=True)]
#: the flow: w' = eta_W sum_i r_i df_i/dw, a' = eta_a sum_i r_i df_i/da
_W_SPEED = [nf.eta_W * sum((_r[i] * _by(INNER, i) * _x[i, k] for i in range(2)), sp.S.Zero) for k in range(2)]
_A_SPEED = nf.eta_a * sum((_r[i] * _by(_a, i) for i in range(2)), sp.S.Zero)

INNER_EULER = identity("Euler, first layer", "w . df/dw = f: the neuron is homogeneous of degree one in w", sum((_w[k] * _by(INNER, 0) * _x[0, k] for k in range(2)), sp.S.Zero), _OUTPUT[0])  # fmt: skip
OUTER_EULER = identity("Euler, output weight", "a df/da = f: and in a", _a * _by(_a, 0), _OUTPUT[0])
STILL = identity(
    "no change", "eta_a (|w|^2)' = 2 eta_a eta_W sum_i r_i f_i = eta_W (a^2)'",
    2 * nf.eta_a * sum((_w[k] * _W_SPEED[k] for k in range(2)), sp.S.Zero), 2 * nf.eta_W * _a * _A_SPEED, "Euler, first layer", "Euler, output weight",
)  # fmt: skip


def _closed(seed: int) -> Mapping[sp.Symbol, float]:
    """One active sample at a time, in closed form: along x, w and a turn into each other by hyperbolic functions."""
    rng = np.random.default_rng(seed)
    weights, outer, rates = rng.standard_normal(2), rng.standard_normal(), 10 ** rng.uniform(-1, 1, 2)
    found = {nf.inner_0: weights @ weights, nf.outer_0: outer**2, nf.eta_W: rates[0], nf.eta_a: rates[1]}
    for _ in range(3):
        direction, time = rng.standard_normal(2), rng.normal()
        size, fast = np.linalg.norm(direction), np.sqrt(rates[0] * rates[1])
        along, across = weights @ direction / size, weights - (weights @ direction) * direction / size**2
        turn, ratio = np.clip(fast * size * time, -1, 1), np.sqrt(rates[0] / rates[1])
        along, outer = along * np.cosh(turn) + ratio * outer * np.sinh(turn), outer * np.cosh(turn) + along / ratio * np.sinh(turn)  # fmt: skip
        weights = across + along * direction / size
    return found | {nf.inner_T: weights @ weights, nf.outer_T: outer**2}


def _claim(label: str) -> Bound:
    return next(claim.bound for claim in nf.CONSERVED.claims if claim.label == label)


def _proof(label: str, kept: Bound, more: sp.Expr, draw: Callable[[int], Mapping[sp.Symbol, float]]) -> Proof:
    return of_claim(
        nf.CONSERVED, label, INNER_EULER, OUTER_EULER, STILL,
        sampled("conserved", "so eta_a |w|^2 - eta_W a^2 is what it was, an absolutely continuous function of time", kept, draw, "no change", f"{GIVEN}ReLU"),
        combine("together", "and a square is not negative", _claim(label), {"conserved": 1, REST: more}),
        chain=("together",),
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = (
    _proof("inner", Bound(nf.BEFORE, nf.AFTER), nf.eta_W * nf.outer_T, _closed),
    _proof("outer", Bound(nf.AFTER, nf.BEFORE), nf.eta_a * nf.inner_T, _closed),
)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
