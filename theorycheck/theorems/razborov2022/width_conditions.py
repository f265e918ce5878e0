"""The a-priori width theorem R2 (razborov2022, section 3.3) in symbols, for either law of the output weights.

R1's test with what holds of Gaussian weights but with a chance of ``delta`` (:mod:`.odds`, seven events of ``delta/7`` each)
in place of what is measured: ``alpha_*^2`` for the least eigenvalue of ``K_0``, ``Lambda_bar`` for its largest, ``rho_0`` for
``|r_0|`` and ``A^2 S`` for the mass of flipped gates. ``P`` is the length of the path, fixed before the weights (errata B7).
The ball is the joint one of both layers (errata I2). Mirrored: neurons in pairs of equal rows and opposite output weights,
so that ``f_0 = 0`` and half of the rows are independent (errata A1, with its corrected ``Lambda_bar``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sympy as sp

from theorycheck.certify.recipe import Dynamics
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t

#: a bound on the norm of the labels, fixed before the weights are drawn (errata B8)
Y = sp.Symbol("Y", nonnegative=True)
#: allowed probability of failure, and the number of events that share it
delta = sp.Symbol("delta", positive=True)
EVENTS = 7
#: 1 if that Gram's floor is used, else 0
use_W, use_a = sp.symbols("use_W use_a", nonnegative=True)
#: length of the path in the rescaled parameters
P = sp.Symbol("P", nonnegative=True)

_EACH = {o.p: delta / EVENTS}


@dataclass(frozen=True)
class Conditions:
    """R2 for one law and one dynamics.

    Attributes
    ----------
    alpha_squared, top, residual
        alpha_*^2, Lambda_bar and rho_0: bounds of the extreme eigenvalues of ``K_0`` and of ``|r_0|``.
    chance_W, chance_a
        Chances that the floors of the two Grams that are used fail: must be at most ``delta/7``.
    path
        What P must at least be.
    largest_square, moved, rare
        ``A^2`` and the number S of gates of a sample that flip, and what it is where weights hardly move.
    outer, flipped
        The two parts of the Jacobian's change: moved output weights, and flips.
    closed
        The closed form (I), (II), (III) by name (errata A2): each must be at most m, which implies the main condition at
        the least P. They depend on m as well.
    """

    law: o.OutputLaw
    mirrored: bool
    dynamics: Dynamics
    alpha_squared: sp.Expr
    top: sp.Expr
    residual: sp.Expr
    chance_W: sp.Expr
    chance_a: sp.Expr
    path: sp.Expr
    largest_square: sp.Expr
    moved: sp.Expr
    rare: sp.Expr
    outer: sp.Expr
    flipped: sp.Expr
    closed: Mapping[str, sp.Expr]

    @property
    def width(self) -> Bound:
        """The main condition: flips and moved output weights change the Jacobian by at most ``c alpha_*``."""
        return Bound(self.outer + self.flipped, t.c * sp.sqrt(self.alpha_squared))

    @property
    def gain(self) -> sp.Expr:
        """What a step gains at least, per ``alpha_*^2`` (R0's q); must be positive."""
        return t.Q.xreplace({t.alpha_squared: self.alpha_squared, t.top: self.top})


def _outer(path: sp.Expr) -> sp.Expr:
    return t.change_relu(sp.S.Zero, path)


def _flipped(mass: sp.Expr) -> sp.Expr:
    return t.change_relu(mass, sp.S.Zero)


# --- the closed form: each part at most half of c alpha_*, solved for m at fixed Lambda, rho_0 and A ----------------------

CLOSED_IN = _LAMBDA, _RHO, _A2, _PER_RHO, _RARE = sp.symbols("Lambda rho_0 A^2 C_p N_0", positive=True)
_C = sp.Symbol("c", positive=True)


def _closed_form() -> Mapping[str, sp.Expr]:
    """Return the three widths, in Lambda, rho_0, A^2, P alpha_*/rho_0, and the number of flips where few can happen."""
    # so that powers combine
    positive = {old: sp.Symbol(old.name, positive=True) for old in (t.kappa, t.X_norm, t.eta_W, t.eta_a)}
    alpha = sp.sqrt(t.kappa**2 * o.m * _LAMBDA)
    path = _PER_RHO * _RHO / alpha
    parts = {
        # each part over half of c alpha_* falls like m to minus one over the power
        "I": (_outer(path), 1),
        "II": (_flipped(_A2 * 3 * (o.m * sp.sqrt(t.eta_W) * path) ** sp.Rational(2, 3)), 3),
        "III": (_flipped(_A2 * _RARE), 2),
    }
    found = {}
    for name, (part, power) in parts.items():
        solved = sp.powdenest(sp.simplify((o.m * (2 * part / (_C * alpha)) ** power).xreplace(positive)), force=True)
        if o.m in solved.free_symbols:
            raise ArithmeticError(f"({name}) is not solved for m: {solved}")
        found[name] = solved.xreplace({new: old for old, new in positive.items()} | {_C: t.c})
    return found


CLOSED: Mapping[str, sp.Expr] = _closed_form()


def _inside(expr: sp.Expr) -> sp.Expr:
    """Return a positive multiple of a maximum as the maximum of multiples: the form in which its parts can be compared."""
    factor, rest = expr.as_coeff_Mul()
    return sp.Max(*(factor * part for part in rest.args)) if isinstance(rest, sp.Max) else expr


@cache
def conditions(law: o.OutputLaw, mirrored: bool = False, dynamics: Dynamics = "descent") -> Conditions:
    """Return R2's expressions for a law of the output weights, iid or in mirrored pairs, for descent or flow (I7)."""
    drawn = {o.copies: sp.Integer(2 if mirrored else 1), **_EACH}
    features = o.FEATURES_PAIRED.xreplace(drawn)
    alpha_squared = use_W * t.eta_W * o.floor_W(law) + use_a * t.eta_a * o.FLOOR_A
    top = t.kappa**2 * (t.eta_W * t.X_norm**2 * o.total(law).xreplace(drawn) + t.eta_a * features**2)
    residual = Y if mirrored else Y + t.kappa * o.OUTPUT_PAIRED.xreplace(drawn)
    path = t.PATH[dynamics].xreplace({t.alpha_squared: alpha_squared, t.top: top, t.r_0: residual})
    largest_square = o.paired(law.largest_square).xreplace(drawn)
    moved = sp.Min(_inside(o.flips_paired(sp.sqrt(t.eta_W) * P).xreplace(drawn)), o.m)
    rare, rows = _inside(o.flips_paired(sp.S.Zero).xreplace(drawn)), o.DRAWN.xreplace(drawn)
    into = {
        _LAMBDA: alpha_squared / (t.kappa**2 * o.m), _RHO: residual, _A2: largest_square, _RARE: rare,
        _PER_RHO: path * sp.sqrt(alpha_squared) / residual,
    }  # fmt: skip
    return Conditions(
        law, mirrored, dynamics, alpha_squared, top, residual,
        use_W * o.n * sp.exp(-rows * o.rate_W(law)), use_a * o.n * sp.exp(-rows * o.RATE_A),
        path, largest_square, moved, rare, _outer(P), _flipped(largest_square * moved),
        {name: expr.xreplace(into) for name, expr in CLOSED.items()},
    )  # fmt: skip
