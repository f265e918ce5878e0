"""Steps for chen2022 with the output weights trained as well (section 4.13): both layers along the flow.

The output weights only make the loss fall faster, ``K + tau K_c >= K``. Two samples in one dimension and two neurons.
"""

from __future__ import annotations

from collections.abc import Mapping

import _chen2022_steps as st
import numpy as np
import sympy as sp

from theorycheck.proof import of_card
from theorycheck.proof_steps import Step, apply, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import Z
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import setting as caron
from theorycheck.theorems.chen2022 import identities as ids
from theorycheck.theorems.chen2022 import output_trained as ot
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.derivation import Network

NET = Network(st.ANY, 2, 2, 1)
#: of the sum over neurons, one term
ONE = Network(st.ANY, 2, 1, 1)


def turn(net: Network) -> list[sp.Expr]:
    """Return ``c_i' = -tau m dL/dc_i``."""
    return [-ot.tau * net.m * sp.diff(net.loss, c) for c in net.c]


def met(net: Network) -> sp.Matrix:
    """Return ``sum_a zeta_a s(h_ia)`` for each neuron."""
    return net.zeta.T * (net.x * net.w.T / sp.sqrt(net.d)).applyfunc(lambda h: st.ANY.expr.subs(Z, h))


def fall(net: Network) -> sp.Expr:
    """Return L' with both layers trained."""
    return net.by_time(net.loss) + sum(sp.diff(net.loss, c) * v for c, v in zip(net.c, turn(net), strict=True))


_LOST = (NET.zeta.T * NET.tangent * NET.zeta)[0] / NET.n**2
_BY_OUTPUT = ot.tau * sum(part**2 for part in met(NET)) / (NET.n**2 * NET.m)
_u, _z, _e = sp.symbols("u_1:3", real=True), sp.symbols("zeta_1:3", real=True), sp.symbols("e_1:3", nonnegative=True)
_ADDED = sum(e * z**2 for e, z in zip(_e, _z, strict=True)) + ot.tau * sum(part**2 for part in _u) / 2
#: the least eigenvalue of K
width = sp.Symbol("ell_w", nonnegative=True)
LOSS = identity("loss along the flow", "L' = -zeta'K zeta/n^2 - (tau/m) sum_i (sum_a zeta_a s(h_ia))^2/n^2 with both layers trained, from the neuron, any activation", fall(NET), -_LOST - _BY_OUTPUT)  # fmt: skip
PSD = combine("output adds", "zeta'(K + tau K_c) zeta = sum_a (ell_w + e_a) zeta_a^2 + tau (1/m) sum_i u_i^2 >= ell_w |zeta|^2, in K's eigenbasis; two neurons", Bound(width * sum(z**2 for z in _z), width * sum(z**2 for z in _z) + _ADDED), {REST: _ADDED, "loss along the flow": 0})  # fmt: skip
SANDWICH = apply("sandwich", "(3.4): ell_w, K's least eigenvalue, is at least lambda_min min_a q_a, which is q_T + e", of_card(ids.SANDWICH, "least"), {ids.steep: st.q + st.over, ids.least: width}, {})  # fmt: skip


def _added(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the least eigenvalues of K and of (K + tau K_c)/n, for random slopes and values."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 4, 2)
    x, rows = rng.standard_normal((n, n)), rng.standard_normal((n, m))
    values = rng.standard_normal((n, m)) * 10 ** rng.uniform(-6, 1)
    own = (x @ x.T) * (rows @ rows.T) / m
    both = own + values @ values.T / m
    least = [float(np.linalg.eigvalsh(part)[0]) for part in (own, both)]
    return {width: max(least[0], 0.0), st.kappa: least[1] / n + 1e-14 * np.trace(both), t.n: n}


LARGER = sampled("both layers", "so the least eigenvalue of K + tau K_c, n kappa_T when it is least, is no smaller", Bound(width, t.n * st.kappa), _added, "output adds")  # fmt: skip


def decay(held: str, positive: str) -> tuple[Step, ...]:
    """Return the steps from ``held``, a rate of at most ``2 lambda_min q_T/n``, to ``rate <= 2 kappa_T <= R_t``."""
    return (
        LOSS, PSD, SANDWICH, LARGER,
        combine("tangent Gram", "2 lambda_min q_T/n <= 2 kappa_T", Bound(t.PER_HELD * t.lam * st.q, 2 * st.kappa), {"sandwich": t.PER_HELD, "both layers": t.PER_HELD, REST: t.PER_HELD * t.lam * st.over, st.LAM: 0}),
        combine("stays definite", "0 < kappa_T", Bound(sp.S.Zero, st.kappa, strict=True), {positive: sp.S.Half, held: sp.S.Half, "tangent Gram": sp.S.Half}),
        apply("Groenwall", "L' <= -2 kappa_T L at all times", of_card(core.GROENWALL, "rate"), {core.mu: st.kappa, caron.rate: s.rate}, {"gap": "stays definite"}, "loss along the flow"),
    )  # fmt: skip
