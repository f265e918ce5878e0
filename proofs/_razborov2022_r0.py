"""Proofs of R0' (flow) and R0 (descent) for smooth activations: J moves in proportion to the path (razborov2022, 3.1)."""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as descent
import _razborov2022_flow as flow
import numpy as np
import sympy as sp

from theorycheck.proof import Proof
from theorycheck.proof_steps import combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import r0
from theorycheck.theorems.razborov2022 import statements as t

_z, _u = sp.symbols("z u", real=True)
_shift, _size, _far = sp.symbols("h d_j e", nonnegative=True)
SLOPE = identity("slope", "s'(z + h) - s'(z) = int_0^h s''(z + u) du, at most C_s h", sp.Integral(t.curvature, (_u, 0, _shift)), t.curvature * _shift)  # fmt: skip
REACH = combine(
    "preactivation", "h_ij = |(w_j - w_0j) . x_i| <= d_j |x_i| <= d_j x_max, |x_i| = x_max - e",
    Bound(_size * (t.x_max - _far), _size * t.x_max), {REST: _size * _far},
)  # fmt: skip
_W, _A = sp.sqrt(t.eta_W) * flow.length, sp.sqrt(t.eta_a) * flow.length
_FIRST = t.kappa * t.X_norm * (t.slope * _A + t.curvature * t.a_max * t.x_max * _W)
_SECOND = t.kappa * t.slope * t.X_norm * _W
_SQUARE = t.PER_LENGTH**2 * flow.length**2
LAYERS = identity("layers", "eta_W |J_W - J_W0|^2 + eta_a |J_a - J_a0|^2 on the ball of radius p: |W - W_0| <= sqrt(eta_W) p, |a - a_0| <= sqrt(eta_a) p", t.eta_W * _FIRST**2 + t.eta_a * _SECOND**2, _SQUARE)  # fmt: skip


def _perturbed(seed: int) -> Mapping[sp.Symbol, float]:
    """A random tanh network (slope at most 1, curvature at most 4/(3 sqrt 3)), moved within the ball, or along one neuron."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 5, 3)
    inputs, weights, outer = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 0.7, rng.standard_normal(m)
    rates, kappa, path = 10 ** rng.uniform(-1, 1, 2), rng.exponential(1), 10 ** rng.uniform(-2.5, 0.5)
    step = rng.standard_normal((m, d + 1)) * (rng.random((m, 1)) < 0.6) + 1e-9
    step *= path / np.linalg.norm(step)
    later, moved = weights + np.sqrt(rates[0]) * step[:, :d], outer + np.sqrt(rates[1]) * step[:, d]

    def jacobian(w: np.ndarray, a: np.ndarray) -> np.ndarray:
        value = np.tanh(inputs @ w.T)
        first = ((1 - value**2) * a)[:, :, None] * inputs[:, None, :]
        return kappa * np.hstack([np.sqrt(rates[0]) * first.reshape(n, -1), np.sqrt(rates[1]) * value])

    return {
        flow.D_w: np.linalg.norm(jacobian(later, moved) - jacobian(weights, outer), 2), flow.length: path,
        t.kappa: kappa, t.X_norm: np.linalg.norm(inputs, 2), t.eta_W: rates[0], t.eta_a: rates[1], t.slope: 1.0,
        t.curvature: 4 / (3 * np.sqrt(3)), t.a_max: np.abs(outer).max(), t.x_max: np.linalg.norm(inputs, axis=1).max(),
    }  # fmt: skip


CHANGE = flow.lemma(
    "change of a smooth Jacobian", {}, flow.PARTS, SLOPE, REACH, LAYERS,
    sampled("slopes and outer weights", "|J - J_0| on a ball of radius p: moved output weights, and outer weights times moved slopes", Bound(flow.D_w, t.PER_LENGTH * flow.length), _perturbed, "two parts", "slope", "preactivation", "layers"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (CHANGE, *flow.of_flow(r0.R0, CHANGE), *descent.of_descent(r0.R0_DESCENT, CHANGE))

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
