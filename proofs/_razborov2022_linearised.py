"""Proof of the distance between descent and the linearised run (razborov2022, section 4.7), by induction over steps."""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as descent
import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import combine, identity, sampled
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import linearised as lin
from theorycheck.theorems.razborov2022 import statements as t

gram = sp.Symbol("G", nonnegative=True)


def _matrix(name: str) -> sp.Matrix:
    return sp.Matrix(2, 2, sp.symbols(f"{name}_11 {name}_12 {name}_21 {name}_22", real=True))


_K, _M, _J, _A, _B = (_matrix(name) for name in "KMJAB")
_r, _l = (sp.Matrix(sp.symbols(f"{name}_1:3", real=True)) for name in "rl")
APART = identity("one step apart", "(I - M) r - (I - K) l = (I - K)(r - l) - (M - K) r, M = Jm J'; the first of two samples", ((_r - _M * _r) - (_l - _K * _l))[0], ((_r - _l) - _K * (_r - _l) - (_M - _K) * _r)[0])  # fmt: skip
PARTS = identity("three parts", "Jm J' - J_0 J_0' = A J_0' + J_0 B' + A B', A = Jm - J_0, B = J - J_0", ((_J + _A) * (_J + _B).T - _J * _J.T)[0, 1], (_A * _J.T + _J * _B.T + _A * _B.T)[0, 1])  # fmt: skip
ADDED = identity(
    "added up", "rho E_k + G rho^k |r_0| with E_k = G k rho^(k-1) |r_0| is what it says for k + 1",
    lin.worst * gram * lin.step * lin.worst ** (lin.step - 1) * t.r_0 + gram * lin.worst**lin.step * t.r_0,
    gram * (lin.step + 1) * lin.worst**lin.step * t.r_0,
)  # fmt: skip


def _moved(seed: int) -> Mapping[sp.Symbol, float]:
    start, now, mean, _, _ = descent.near(seed)
    return {
        gram: np.linalg.norm(mean @ now.T - start @ start.T, 2), t.top: np.linalg.norm(start, 2) ** 2,
        lin.change: max(np.linalg.norm(mean - start, 2), np.linalg.norm(now - start, 2)),
    }  # fmt: skip


def _runs(seed: int) -> Mapping[sp.Symbol, float]:
    """Two runs from one start: I - K, and I - K and a change of size G that is new in each step; rho as small as it may be."""
    rng = np.random.default_rng(seed)
    size, steps = int(rng.integers(1, 4)), int(rng.integers(1, 7))
    root = rng.standard_normal((size, size))
    linear = np.eye(size) - root @ root.T * rng.uniform(0, 2) / np.linalg.norm(root, 2) ** 2
    bound, residual = rng.uniform(0, 0.3), rng.standard_normal(size)
    exact, worst, first = residual.copy(), np.linalg.norm(linear, 2), np.linalg.norm(residual)
    for _ in range(steps):
        change = rng.standard_normal((size, size)) if seed % 2 else np.outer(linear @ exact, residual) + 1e-9
        after = residual @ linear + bound * change / np.linalg.norm(change, 2) @ residual
        worst = max(worst, np.linalg.norm(after) / np.linalg.norm(residual))
        exact, residual = linear @ exact, after
    return {lin.apart: np.linalg.norm(residual - exact), lin.step: steps, lin.worst: worst, t.r_0: first, gram: bound}


_TIMES = lin.step * lin.worst ** (lin.step - 1) * t.r_0
DISTANCE = of_claim(
    lin.LINEARISED, "distance", PARTS,
    sampled("moved Gram", "G = |Jm J' - K_0| at most: |J_0| = sqrt(Lambda_max), |A| and |B| at most D_k", Bound(gram, lin.MOVED), _moved, "three parts"),
    APART, ADDED,
    sampled("induction", "so E_(k+1) <= rho E_k + G rho^k |r_0|", Bound(lin.apart, gram * _TIMES), _runs, "one step apart", "added up", f"{GIVEN}contracts"),
    combine("moved", "G for what bounds it", Bound(gram * _TIMES, lin.DISTANCE), {"moved Gram": _TIMES}),
    combine("together", "one after the other", Bound(lin.apart, lin.DISTANCE), {"induction": 1, "moved": 1}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (DISTANCE,)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
