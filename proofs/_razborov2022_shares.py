"""Proof of what R2 needs of R1 (razborov2022, section 3.3): with bounds in place of what is measured, R1 holds at a smaller share.

R1 for descent is applied with the share c' = c alpha_*/alpha, so that c' alpha = c alpha_* (errata B12): then s' <= s and
Q' >= Q, its path is at most P, and its test follows from the main condition of the width.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as descent
import _razborov2022_flow as flow
import numpy as np
import sympy as sp

from theorycheck.proof import Proof, of_card
from theorycheck.proof_steps import Step, apply, combine, define, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import meta
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import r1_descent as gd
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w

#: alpha_*^2, Lambda_bar, rho_0, and the number of gates of a sample that may flip; Q, and A^2 S
least, top, rho, many = sp.symbols("a_* T_* rho_* B_*", nonnegative=True)
gain, heavy = sp.symbols("q_* M_*", real=True)
#: as drawn: the largest a_j^2, and the most gates of a sample within B/(3m) of their hyperplane
largest, near = sp.symbols("a_max^2 N_tau", nonnegative=True)
#: the smaller share
share = sp.Symbol("c_*", positive=True)
_y, _x = sp.Symbol("y", nonnegative=True), sp.Symbol("x", positive=True)

#: gates that are near, and those that are farther than B/(3m) and so cost more than its square each
REACHED = near + 9 * o.m**2 * t.eta_W * w.P**2 / many**2
_OUTER = t.kappa * t.X_norm * sp.sqrt(t.eta_W * t.eta_a)
_FLIPS = t.kappa * t.X_norm * sp.sqrt(t.eta_W)
_TEST = dict(t.TESTS_R1["descent"])
PREMISES: Mapping[str, Bound] = {
    "ReLU": s.RELU.bound,
    "definite": Bound(sp.S.Zero, least, strict=True),
    "c in range": _TEST["c in (0, sqrt 2 - 1)"],
    "step size": Bound(sp.S.Zero, gain, strict=True),
    "gain": Bound(gain, t.Q.xreplace({t.alpha_squared: least, t.top: top})),
    "path": Bound(2 * (1 + t.c) * rho / (gain * sp.sqrt(least)), w.P),
    "width": Bound(_OUTER * w.P + _FLIPS * sp.sqrt(heavy), t.c * sp.sqrt(least)),
    "some flips": Bound(sp.S.Zero, many, strict=True),
    "floor": Bound(least, t.alpha_squared),
    "top": Bound(t.top, top),
    "residual": Bound(t.r_0, rho),
    "flips": Bound(largest * sp.Min(REACHED, o.m), heavy),
}


def _knapsacks(seed: int) -> Mapping[sp.Symbol, float]:
    """Neurons for a few samples, often all of one weight and just beyond B/(3m); a path that is as long as allowed or less."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 40))
    rate, path, bound = rng.exponential(1), 10 ** rng.uniform(-2, 0.5), m * 10 ** rng.uniform(-2, 0.7)
    bar = bound / (3 * m)
    squares = np.ones(m) if seed % 2 else rng.chisquare(1, m)
    costs = np.full((n, m), bar**2 * (1 + 1e-9)) if seed % 3 == 0 else rng.standard_normal((n, m)) ** 2
    budget = rate * path**2 * rng.choice([1.0, rng.random()])
    return {
        t.mass: max(flow._knapsack(row, squares, budget) for row in costs), largest: squares.max(), o.m: m, many: bound,
        near: (costs <= bar**2).sum(axis=1).max(), t.eta_W: rate, w.P: path,
    }  # fmt: skip


_INTO = {t.c: share}
_GAIN, _PATH = t.Q.xreplace(_INTO), gd.PATH.xreplace(_INTO)
_ROOT, _ROOT_NOW = sp.sqrt(top) + t.c * sp.sqrt(least), sp.sqrt(t.top) + share * t.alpha
_MORE = 4 + 2 * (t.c + share) + _ROOT_NOW**2 * (2 + t.c + share)
_TOP, _ALL = 2 * (1 + share) * t.r_0, 2 * (1 + t.c) * rho
_SIGNS = {"definite": 0, "K_0 definite": 0, "c positive": 0, "step size": 0}
_STANDS = tuple(_SIGNS)


def _without(*names: str) -> dict[str, int]:
    return {name: 0 for name in _SIGNS if name not in names}


SHARED = (
    *descent.signs(named="c in range"),
    combine("K_0 definite", "by its floor", Bound(sp.S.Zero, t.alpha_squared, strict=True), {"definite": 1, "floor": 1}),
    monotone("root of the floor", "alpha_* <= alpha", Bound(sp.sqrt(least), t.alpha), "floor", sp.Lambda(_y, sp.sqrt(_y))),
    define("share", "c' = c alpha_*/alpha (errata B12)", share, t.c * sp.sqrt(least) / t.alpha, "definite", "K_0 definite", "c positive"),
    combine("smaller share", "c' is at most c", Bound(share, t.c), {"share": 1, "root of the floor": t.c / t.alpha, **_without()}),
    combine("share in range", "c' is in range", Bound(sp.S.Zero, share * (sp.sqrt(2) - 1 - share), strict=True), {"c below": share, "smaller share": share}),
    monotone("root of the top", "the largest singular value of J_0", Bound(sp.sqrt(t.top), sp.sqrt(top)), "top", sp.Lambda(_y, sp.sqrt(_y))),
    combine("gain kept", "Q' >= Q: 1 - 2c - c^2 falls with c, s' <= s",
        Bound(gain, _GAIN), {"gain": 1, "smaller share": _MORE, "root of the top": (_ROOT + _ROOT_NOW) * (1 + t.c) ** 2, "share": (_ROOT + _ROOT_NOW) * (1 + t.c) ** 2 * t.alpha, **_without()}),
    combine("stable", "so the step is stable", Bound(sp.S.Zero, _GAIN, strict=True), {"gain kept": 1, "step size": 1}),
    combine("further", "r_0 <= rho_0, c' <= c", Bound(_TOP, _ALL), {"residual": 2 * (1 + t.c), "smaller share": 2 * t.r_0, "c positive": 0}),
    monotone("at the gain", "a smaller gain, a longer path", Bound(_PATH, _TOP / (gain * t.alpha)), "gain kept", sp.Lambda(_x, _TOP / (_x * t.alpha)), *_STANDS),
    combine("at the floor", "as long as P allows", Bound(_TOP / (gain * t.alpha), w.P), {"path": 1, "further": 1 / (gain * t.alpha), "root of the floor": _ALL / (gain * sp.sqrt(least) * t.alpha), **_without()}),
    combine("shorter path", "one after the other", Bound(_PATH, w.P), {"at the gain": 1, "at the floor": 1}),
    sampled("knapsack", "gates of a sample that flip within a path of P: those near, and others at more than (B/(3m))^2 each; no more than all", Bound(t.mass, largest * sp.Min(REACHED, o.m)), _knapsacks, "shorter path", "some flips"),
    combine("heavy", "which is nonnegative", Bound(sp.S.Zero, heavy), {"flips": 1, REST: largest * sp.Min(REACHED, o.m), "some flips": 0}),
    combine("mass", "is what the width allows for", Bound(t.mass, heavy), {"knapsack": 1, "flips": 1}),
    monotone("root of the mass", "its root", Bound(sp.sqrt(t.mass), sp.sqrt(heavy)), "mass", sp.Lambda(_y, sp.sqrt(_y)), "heavy"),
    combine("test", "R1's test at c'", Bound(t.CHANGE_R1["descent"].xreplace(_INTO), share * t.alpha),
        {"width": 1, "shorter path": _OUTER, "root of the mass": _FLIPS, "share": -t.alpha, "heavy": 0, **_without("step size")}),
)  # fmt: skip
_USING = {"ReLU": "ReLU", "K_0 definite": "K_0 definite", "c in (0, sqrt 2 - 1)": "share in range", "step size": "stable", "test": "test"}  # fmt: skip


def _r1(label: str) -> Step:
    return apply("R1", "at the share c'", of_card(gd.R1_DESCENT, label), _INTO, _USING)


def _of(label: str, *steps: Step) -> Proof:
    goal = steps[-1].bound
    known = frozenset().union(*(one.symbols for one in PREMISES.values()), goal.symbols)
    return Proof(f"razborov2022 R1 at a smaller share, {label}", goal, PREMISES, known, (*SHARED, _r1(label), *steps))


def _moved(label: str, layer: sp.Symbol, rate: sp.Symbol) -> Proof:
    return _of(label, combine("together", "a longer path", Bound(layer, sp.sqrt(rate) * w.P), {"R1": 1, "shorter path": sp.sqrt(rate)}))  # fmt: skip


LEMMAS: Mapping[str, Proof] = {
    "contraction": _of(
        "contraction",
        combine("at least", "q alpha_*^2 <= Q' alpha^2", Bound(gain * least, _GAIN * t.alpha_squared), {"gain kept": t.alpha_squared, "floor": gain, "step size": 0}),
        combine("together", "one after the other", Bound(gain * least, meta.TAKEN), {"R1": 1, "at least": 1}),
    ),
    "weights": _moved("weights", s.moved_W, t.eta_W),
    "outer": _moved("outer", s.moved_a, t.eta_a),
}  # fmt: skip
PROOFS: tuple[Proof, ...] = tuple(LEMMAS.values())

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
