"""Gaussian initial weights and data: what holds with which probability (razborov2022, sections 4.2 to 4.4), in symbols.

Rows of ``W_0`` are N(0, I), output weights random signs or N(0, 1). Each chance is that of *failing*; ``ell`` is
``log(1/p)`` and ``ell_n`` is ``log(n/p)`` for the chance ``p`` that one event may fail with, so that a width condition is
``chance <= p`` solved for ``m``. Constants are the exact ones of which the theory quotes roundings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from theorycheck.statement import Derivation
from theorycheck.theorems.razborov2022.statements import X_norm, kappa

n, d, m = sp.symbols("n d m", positive=True)
#: the chance that one event may fail with
p = sp.Symbol("p", positive=True)
X_F = sp.Symbol("|X|_F", nonnegative=True)
#: least eigenvalues of the limit Grams X X' o Theta^0 and Theta^1 (4.1)
lam_W, lam_a = sp.symbols("lambda_W lambda_a", nonnegative=True)
#: where |s(X w)| is truncated, in multiples of |X| above its mean (4.3, errata B9)
u_0 = sp.Symbol("u_0", positive=True)

ell, ell_n = sp.log(1 / p), sp.log(n / p)

_z = sp.Symbol("z", real=True)
_DENSITY = sp.exp(-(_z**2) / 2) / sp.sqrt(2 * sp.pi)


@dataclass(frozen=True)
class OutputLaw:
    """Law of the output weights at time 0.

    ``kept`` is ``E min(a^2, cap)``, ``cap`` a bound on the truncated ``a^2``; ``largest_square`` bounds ``max_j a_j^2``
    and ``total`` bounds ``|a|^2``, each but with chance p (surely, for signs).
    """

    name: str
    kept: sp.Expr
    cap: sp.Expr
    largest_square: sp.Expr
    total: sp.Expr


_CAP = sp.Integer(4)
_ROOT = sp.sqrt(_CAP)
#: E min(a^2, 4) for a standard normal a: its closed form (by parts), and the integral that defines it
KEPT_NORMAL = Derivation(
    "kept mean",
    (),
    _CAP - (_CAP - 1) * sp.erf(_ROOT / sp.sqrt(2)) - 2 * _ROOT * _DENSITY.subs(_z, _ROOT),
    sp.Integral(_z**2 * _DENSITY, (_z, -_ROOT, _ROOT)) + _CAP * (1 - sp.Integral(_DENSITY, (_z, -_ROOT, _ROOT))),
)

SIGNS = OutputLaw("signs", sp.S.One, sp.S.One, sp.S.One, m)
NORMAL = OutputLaw("normal", KEPT_NORMAL.closed_form, _CAP, 2 * sp.log(2 * m / p), m + 2 * sp.sqrt(m * ell) + 2 * ell)
LAWS: Mapping[str, OutputLaw] = {law.name: law for law in (SIGNS, NORMAL)}

# --- least eigenvalues of the two Grams (C1, C2) -------------------------------------------------------

_HALF = sp.Rational(1, 2)
#: exponent of the matrix Chernoff bound for half the mean, per mean over the largest summand
_PER_MEAN = sp.Rational(1, 8)


def floor_W(law: OutputLaw) -> sp.Expr:
    """Return the floor of the least eigenvalue of G_W (C1)."""
    return _HALF * law.kept * kappa**2 * m * lam_W


def rate_W(law: OutputLaw) -> sp.Expr:
    """Return C1's exponent per neuron: G_W falls below its floor with a chance of at most ``n exp(-m rate)``."""
    return _PER_MEAN * law.kept * lam_W / (law.cap * X_norm**2)


#: the largest |s(X w)|^2 that is counted, and the mean that is thereby lost, which must be at most a quarter of lambda_a
TRUNCATED = (X_F / sp.sqrt(2) + u_0 * X_norm) ** 2
_LOST = sp.Rational(1, 4)
TAIL, TAIL_ALLOWED = sp.Rational(13, 2) * X_F**2 * u_0**2 * sp.exp(-(u_0**2) / 2), _LOST * lam_a
#: C2: floor of the least eigenvalue of G_a, and the exponent per neuron
FLOOR_A = _HALF * (1 - _LOST) * kappa**2 * m * lam_a
RATE_A = _PER_MEAN * (1 - _LOST) * lam_a / TRUNCATED

# --- sizes at time 0 --------------------------------------------------------------------------------------

#: |Phi|_F, Phi = s(X W'), is at most this but with chance p (4.3)
FEATURES = X_F * sp.sqrt(m / 2) + X_norm * sp.sqrt(2 * ell)
#: |f_0| is at most kappa times this, but with chance 2 p
OUTPUT = (1 + sp.sqrt(2 * ell)) * FEATURES

# --- Gaussian data (E3) ------------------------------------------------------------------------------------

#: some |rho_ij|, i != j, is above rho_0 with at most this chance
spread = sp.Symbol("rho_0", nonnegative=True)
LARGE_COSINE = n**2 * sp.exp(-d * spread**2 / 2)
#: |X| is at most this, but with chance p
INPUT_NORM = sp.sqrt(n) + sp.sqrt(d) + sp.sqrt(2 * ell)
#: every |x_i|^2 lies in [d/2, 2 d], but with at most this chance (errata I5)
LENGTHS = d / 2, 2 * d
ODD_LENGTH = n * sp.exp(-d / 16)

# --- flips (P5) ---------------------------------------------------------------------------------------------

#: exponent per ``m tau`` of P(#{j: z_ij <= tau} > 2 m tau), as P(|N(0,1)| <= tau) <= sqrt(2/pi) tau
FLIP_RATE = sp.log(2 * sp.pi) - 2 + sp.sqrt(2 / sp.pi)


def flips(moved: sp.Expr) -> sp.Expr:
    """Return the bound on the number of gates of one sample that weights moving by ``moved`` in all can flip (P5, B7).

    ``moved`` must be fixed before the weights are drawn.
    """
    return 3 * sp.Max((m * moved) ** sp.Rational(2, 3), ell_n / FLIP_RATE)


# --- neurons in pairs of opposite output weights (errata A1) ------------------------------------------------

#: how many neurons share one draw: 1, or 2 where they come in pairs (w, a), (w, -a)
copies = sp.Symbol("h", positive=True)
#: how many neurons are drawn
DRAWN = m / copies


def paired(expr: sp.Expr) -> sp.Expr:
    """Return an expression of the neurons that are drawn: ``m`` becomes ``m/copies``."""
    return expr.xreplace({m: DRAWN})


def total(law: OutputLaw) -> sp.Expr:
    """Return the bound on ``|a|^2`` (but with chance p) where every draw counts ``copies`` times."""
    return copies * paired(law.total)


#: the same for |Phi|_F, and for |f_0| over kappa (but with chance 2 p; f_0 = 0 for pairs)
FEATURES_PAIRED = sp.sqrt(copies) * paired(FEATURES)
OUTPUT_PAIRED = (1 + sp.sqrt(2 * ell)) * FEATURES_PAIRED


def flips_paired(moved: sp.Expr) -> sp.Expr:
    """Return the same where each draw is ``copies`` neurons: they move alike at best, and flip together."""
    return copies * paired(flips(moved / sp.sqrt(copies)))
