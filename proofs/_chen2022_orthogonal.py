"""Proofs of chen2022's theorem D (section 4.6, errata W4): orthogonal samples decouple, and neurons that push stay useful.

Two samples along two axes and two neurons stand for any number. Of the chances, one is for each sample and each sign of
its residual: the sign is that of f_0 - y, which may depend on the weights, so that both signs are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

import _chen2022_steps as st
import numpy as np
import sympy as sp
from scipy.special import erfc

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.chen2022 import measures
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import orthogonal as d
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.chances import LEMMA, tail
from theorycheck.theorems.chen2022.derivation import Network

right, either = sp.symbols("p_right P_either", nonnegative=True)
variance, likely = sp.symbols("G_aa p_b", positive=True)
size, more_c, more_s, rest, lost = sp.symbols("c e_c e_s rest |zeta_a|", nonnegative=True)
_far, _v = sp.Symbol("b_+", nonnegative=True), sp.Symbol("v", positive=True)
_y = sp.Symbol("y", real=True)

# --- what the flow does --------------------------------------------------------------------------------

NET = Network(st.ANY, 2, 2, 2)
AXES = {NET.x[0, 1]: 0, NET.x[1, 0]: 0}
_Q = [sum((NET.c[i] * NET.slope[a, i]) ** 2 for i in range(2)) / 2 for a in range(2)]
_ALONE = [NET.gram[a, a] / NET.n * _Q[a] for a in range(2)]
_MOVED = (NET.x * NET.speed.T / sp.sqrt(2))[0, 0]
_time = sp.Symbol("t", real=True)
_SPENT, _FIRST = sp.Function("Q")(_time), sp.Symbol("zeta_a(0)", real=True)
_KEEPS = _FIRST * sp.exp(-variance / t.n * _SPENT)
_counted = (right + st.over) * (t.c_low**2 + more_c) * (t.steepness**2 + more_s) + rest
FLOOR = t.c_low**2 * t.steepness**2 * right


def _pushed(seed: int) -> Mapping[sp.Symbol, float]:
    """Follow one sample of a ReLU or softplus network, labels near or so far that all neurons of the wrong sign are lost."""
    rng = np.random.default_rng(seed)
    m, b = int(rng.integers(2, 12)), 0.0 if seed % 2 else rng.normal()
    c, h = rng.choice([-1, 1], m) * rng.uniform(0.5, 1), b + rng.standard_normal(m) * 10 ** rng.uniform(-2, 0.5)
    relu = (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0)
    value, slope = relu if seed % 2 else (lambda u: np.logaddexp(0, u), lambda u: 1 / (1 + np.exp(-u)))
    y, gram, least = rng.standard_normal() * 10 ** rng.uniform(-2, 2), rng.exponential(1), np.inf
    for _ in range(60):
        zeta = np.mean(c * value(h)) - y
        least = min(least, float(np.mean((c * slope(h)) ** 2)))
        h = h - 0.3 * c * slope(h) * zeta / np.mean(c**2)
    start = b + np.random.default_rng(seed).standard_normal(0).sum()
    return {st.q: least, t.steepness: float(slope(np.asarray(b + 1e-300))), t.c_low: np.abs(c).min(), variance: gram, right: 0.0 * start}


