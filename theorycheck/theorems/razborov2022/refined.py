"""Lemma F2 and the width of Theorem R3 (razborov2022, section 3.4): flips on Gaussian data, in symbols, and their orders.

R3 is R2 with F2's bound on flips in place of ``|X|^2 S``. Only its orders are read here, on idealised Gaussian data: norms
and least eigenvalues as 4.2 bounds them, and R2's chances, which leave out F2's own events (they change logarithms alone).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import sympy as sp

from theorycheck.experiment import Point
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022.certificates import guess
from theorycheck.theorems.razborov2022.spectrum import tail
from theorycheck.theorems.razborov2022.widths import Data, ratio, values_at

#: the most gates of one sample that flip (P5)
S = sp.Symbol("S", nonnegative=True)
_MOST = 1e250
_EACH = {o.p: w.delta / w.EVENTS}

# --- Lemma F2 -------------------------------------------------------------------------------------

#: log(e n), and the constant of |X_T|^2 <= 15 L max(|T|, d') (errata I4)
_L = sp.log(sp.E * o.n)
_UNION = 15
#: mean share of |N(0, 1)| <= t/(4 n) among n, per t; Chernoff's exponent per t that it is t/2 instead
_MEAN = sp.sqrt(2 / sp.pi) / 4
_RATE = sp.log(1 / (2 * _MEAN)) / 2 - sp.Rational(1, 2) + _MEAN
#: t_0: with so many flips each neuron's small products are few, but with chance p
_T_0 = sp.log(o.m / (o.p * (1 - sp.exp(-_RATE)))) / _RATE
_D_PRIME = sp.Max(o.d, _T_0, 2 * o.ell_n)
#: |J_W(W, a_0) - J_W(W_0, a_0)|^2 is at most this for weights that moved by R_W in all, |a_0j| <= a_max
CHANGE = t.kappa**2 * t.a_max**2 * _UNION * _L * (
    _D_PRIME * S + sp.sqrt(64 * _UNION * _L) * o.n * sp.sqrt(S / o.d) * t.R_W
)  # fmt: skip
#: but with this chance, over data and weights (its three events of chance p are the flips', |X_T|'s and the small products')
CHANCE = 3 * o.p + o.m * sp.exp(-o.d / 16)
#: as R3 uses it: one of seven events each, random signs, R_W = sqrt(eta_W) P
F2 = CHANGE.xreplace({t.a_max: sp.S.One, t.R_W: sp.sqrt(t.eta_W) * w.P, **_EACH})


def refined_ratio(values: Mapping[sp.Symbol, float], found: w.Conditions, d: int) -> float:
    """Return R3's main condition's left side over its right one, output weights signs (A = 1); inf for NaN."""
    at = dict(values)
    if not math.isfinite(at[w.P]):
        return math.inf
    at |= {o.d: float(d), S: guess(found.moved, at)}
    change = guess(found.outer, at) + math.sqrt(at[t.eta_W] * guess(F2, at))
    return change / guess(found.width.rhs, at)


# --- widths on idealised Gaussian data -------------------------------------------------------------


def idealised(n: int, d: int) -> Data:
    """Return what Gaussian data are like for ``d <= n <= d^2/6``: 4.2's norms, and its least eigenvalues for K = 4."""
    kept_W, kept_a = (float(tail(layer, 4)) / 4 for layer in ("W", "a"))
    return Data(n, d, math.sqrt(n) + math.sqrt(d), math.sqrt(n * d), kept_W * d, kept_a * d)


def required_order(data: Data, theorem: str) -> float:
    """Return the least width, to a thousandth, that R2 or R3 asks of the first layer alone; labels up to norm sqrt n."""
    found = w.conditions(o.LAWS["signs"], False, "descent")

    def passes(m: float) -> bool:
        at = values_at(data, math.sqrt(data.n), int(m), scheme="first")
        return (ratio(at, found) if theorem == "R2" else refined_ratio(at, found, data.d)) <= 1

    high = 2.0
    while not passes(high):
        high *= 4
        if high > _MOST:
            return math.inf
    low = high / 4
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


#: the exponent of n that 3.3 and 3.4 state, logarithms aside, along n = d^q for the first layer alone
STATED: Mapping[str, Callable[[float], float]] = {
    "R2": lambda q: 4 - 3 / q,  # n^4/d^3
    "R3": lambda q: max(1.0, 5 / 2 - 9 / (4 * q)),  # max{n, n^(5/2)/d^(9/4)}
}
_FAR, _NEAR = (1e20, 1e23, 1e26), (1e3, 1e4, 1e5)


def ordered(point: Point, seed: int) -> Mapping[str, float]:
    """Return the exponent of n in a theorem's width along ``n = d^q``; every seed has its own dimensions."""
    q, theorem = float(point["q"]), str(point["theorem"])
    shift = float(np.random.default_rng([seed, 37]).uniform(1, 10))
    slopes, width = [], math.nan
    for dimensions in (_FAR, _NEAR):
        d = [round(one * shift) for one in dimensions]
        n = [round(one**q) for one in d]
        found = [required_order(idealised(*pair), theorem) for pair in zip(n, d, strict=True)]
        width = float(np.mean(np.log10(found)))
        slopes.append(float(np.polyfit(np.log(np.array(n, float)), np.log(found), 1)[0]))
    stated = STATED[theorem](q)
    return {
        "exponent": slopes[0],
        "near": slopes[1],
        "stated": stated,
        "excess": slopes[0] - stated,
        "log10 width": width,
    }
