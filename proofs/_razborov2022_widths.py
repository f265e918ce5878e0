"""Proofs about R2's widths (razborov2022, section 3.3): the closed form (I), (II), (III) implies the main condition (A2)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import r2_closed
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w

_A, _rho, _N = sp.symbols("A rho N_0", nonnegative=True)
_G = sp.Symbol("q", real=True)
_x = sp.Symbol("x", nonnegative=True)
_THIRD = sp.Rational(1, 3)
_HALF = t.c * sp.sqrt(_A) / 2
_PATH = 2 * (1 + t.c) * _rho / (_G * sp.sqrt(_A))
_LAMBDA, _RHO, _A2, _PER_RHO, _RARE = w.CLOSED_IN
_INTO = {_LAMBDA: _A / (t.kappa**2 * o.m), _RHO: _rho, _A2: sp.S.One, _PER_RHO: 2 * (1 + t.c) / _G, _RARE: _N}
_WIDTHS = {name: part.xreplace(_INTO) for name, part in w.CLOSED.items()}

_RANGE = Bound(sp.S.Zero, t.c * (sp.sqrt(2) - 1 - t.c), strict=True)
_SHARED = {
    "definite": Bound(sp.S.Zero, _A, strict=True), "step size": Bound(sp.S.Zero, _G, strict=True), "c in range": _RANGE,
    "path": Bound(w.P, _PATH),
}  # fmt: skip
_SIGNS = ("definite", "step size", "c")
_NONE = dict.fromkeys(_SIGNS, 0)
_WIDE = sp.sqrt(2) - 1
_IN_RANGE = combine(
    "c", "c is positive and below sqrt 2 - 1", Bound(sp.S.Zero, t.c * (1 - t.c / _WIDE), strict=True), {"c in range": 1 / _WIDE}
)  # fmt: skip


def _lemma(name: str, widths: tuple[str, ...], *steps: Step) -> Proof:
    premises = {**_SHARED, **{f"({one})": Bound(_WIDTHS[one], o.m) for one in widths}}
    goal = steps[-1].bound
    return Proof(
        f"razborov2022 {name}",
        goal,
        premises,
        frozenset().union(*(one.symbols for one in premises.values()), goal.symbols),
        steps,
    )


_TIMES = t.kappa * t.X_norm * sp.sqrt(t.eta_W * t.eta_a)
MOVED = _lemma(
    "moved output weights", ("I",), _IN_RANGE,
    combine("scaled", "moved output weights over a longer path", Bound(_TIMES * w.P, _TIMES * _PATH), {"path": _TIMES, **_NONE}),
    combine("(I) read", "(I) times c alpha_*/(2 m)", Bound(_TIMES * _PATH, _HALF), {"(I)": _HALF / o.m, **_NONE}),
    combine("together", "one after the other", Bound(_TIMES * w.P, _HALF), {"scaled": 1, "(I) read": 1}),
)  # fmt: skip

_E, _B, _Z, _Y = sp.symbols("E B Z Y", nonnegative=True)


def _two(seed: int) -> Mapping[sp.Symbol, float]:
    """Two numbers whose multiples are at most a third one, one of them often equal to it."""
    rng = np.random.default_rng(seed)
    top, times = rng.exponential(1), rng.exponential(1) * (rng.random() < 0.9)
    shares = rng.choice([1.0, 0.999, 0.3], 2)
    one, two = (share * top / times if times else rng.exponential(1) for share in shares)
    return {_Z: one, _Y: two, _E: times, _B: top * (1 + 1e-12)}


MOST = Proof(
    "razborov2022 maximum", Bound(_E * sp.Max(_Z, _Y), _B), {"one": Bound(_E * _Z, _B), "other": Bound(_E * _Y, _B)},
    frozenset((_E, _B, _Z, _Y)),
    (sampled("maximum", "what bounds two numbers bounds their maximum", Bound(_E * sp.Max(_Z, _Y), _B), _two, "one", "other"),),
)  # fmt: skip
ROOT = Proof(
    "razborov2022 cube root", Bound(3 * _E * _Z ** (2 * _THIRD), _B), {"cubes": Bound(27 * _E**3 * _Z**2, _B**3)}, frozenset((_E, _B, _Z)),
    (monotone("cube root", "x^(1/3) on both sides", Bound(3 * _E * _Z ** (2 * _THIRD), _B), "cubes", sp.Lambda(_x, _x**_THIRD)),),
)  # fmt: skip

#: the squares of what flips do to the Jacobian, per flipped gate
_EACH = t.kappa**2 * t.X_norm**2 * t.eta_W
_MANY = 3 * (o.m * sp.sqrt(t.eta_W) * _x) ** (2 * _THIRD)
_SQUARE = _HALF**2
_FAR = o.m * sp.sqrt(t.eta_W) * _PATH
_ALL = sp.Max(_MANY.subs(_x, w.P), _N)
_MOVED = sp.Min(_ALL, o.m)
_FEW, _OFTEN = _EACH * _N, _EACH * _MANY.subs(_x, w.P)
FLIPS = _lemma(
    "flips", ("II", "III"), _IN_RANGE,
    monotone("longer", "more gates flip over a longer path", Bound(_OFTEN, _EACH * _MANY.subs(_x, _PATH)), "path", sp.Lambda(_x, _EACH * _MANY), *_SIGNS),
    monotone("(II) squared", "the square of (II)", Bound(_WIDTHS["II"] ** 2, o.m**2), "(II)", sp.Lambda(_x, _x**2), *_SIGNS),
    combine("cubes", "times c^6 alpha_*^6/(64 m^2)", Bound(27 * _EACH**3 * _FAR**2, _SQUARE**3), {"(II) squared": _SQUARE**3 / o.m**2, **_NONE}),
    apply("(II) read", "its cube root", ROOT.lemma, {_E: _EACH, _Z: _FAR, _B: _SQUARE}, {"cubes": "cubes"}, *_SIGNS),
    combine("many", "where many gates flip", Bound(_OFTEN, _SQUARE), {"longer": 1, "(II) read": 1}),
    combine("few", "where few can flip: (III) times c^2 alpha_*^2/(4 m)", Bound(_FEW, _SQUARE), {"(III)": _SQUARE / o.m, **_NONE}),
    apply("either", "whichever is more", MOST.lemma, {_E: _EACH, _Z: _MANY.subs(_x, w.P), _Y: _N, _B: _SQUARE}, {"one": "many", "other": "few"}, *_SIGNS),
    combine("at most m", "no more gates flip than there are", Bound(_EACH * _MOVED, _EACH * _ALL), {REST: _EACH * (_ALL - _MOVED)}),
    combine("squared", "one after the other", Bound(_EACH * _MOVED, _SQUARE), {"at most m": 1, "either": 1}),
    monotone("root", "its root", Bound(t.kappa * t.X_norm * sp.sqrt(t.eta_W * _MOVED), _HALF), "squared", sp.Lambda(_x, sp.sqrt(_x)), *_SIGNS),
)  # fmt: skip
# --- the card ---------------------------------------------------------------------------------------------

_CARD = r2_closed.CLOSED
_FOUND = w.conditions(o.SIGNS, mirrored=True)
_STANDS = tuple(f"{GIVEN}{name}" for name in ("delta below 1", "definite", "step size"))
_READ = {
    _A: _FOUND.alpha_squared, _G: _FOUND.gain, _rho: _FOUND.residual,
}  # fmt: skip


def _applied(label: str, says: str, lemma: Proof, more: Mapping[sp.Symbol, sp.Expr]) -> Step:
    return apply(
        label, says, lemma.lemma, {**_READ, **more}, {name: f"{GIVEN}{name}" for name in lemma.premises}, *_STANDS
    )


_CLAIMS = {claim.label: claim.bound for claim in _CARD.claims}
CLOSED_MOVED = of_claim(_CARD, "moved", _applied("moved", "by (I)", MOVED, {}), chain=("moved",))
CLOSED_FLIPS = of_claim(
    _CARD, "flips", _applied("flips", "by (II) and (III)", FLIPS, {_N: _FOUND.rare}), chain=("flips",)
)  # fmt: skip


def _half(label: str) -> Step:
    claim = next(one for one in _CARD.claims if one.label == label)
    return apply(
        label, "half of c alpha_*", of_card(_CARD, label), {}, {name: f"{GIVEN}{name}" for name in claim.given}
    )


CLOSED_MAIN = of_claim(
    _CARD, "main", _half("moved"), _half("flips"),
    combine("together", "the two halves", _CLAIMS["main"], {"moved": 1, "flips": 1}), chain=("together",),
)  # fmt: skip
PROOFS = (MOST, ROOT, MOVED, FLIPS, CLOSED_MOVED, CLOSED_FLIPS, CLOSED_MAIN)
if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
