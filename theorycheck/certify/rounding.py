"""A-priori bounds on floating-point rounding: what a sum over ten million neurons may be off.

``gamma(k) = k u / (1 - k u)`` bounds the relative error of k operations in any order (N. Higham,
*Accuracy and Stability of Numerical Algorithms*, Lemma 3.1 and section 3.1). It holds for every
matrix product that sums products of entries, with or without fused operations, in whatever
order; it does not hold for algorithms of Strassen's kind, which no BLAS uses for doubles unasked.
"""

from __future__ import annotations

from typing import Any

from theorycheck.enclose import ends
from theorycheck.spectrum_cholesky import UNIT, gamma

__all__ = ["OUTWARD", "TINY", "UNIT", "above", "below", "gamma"]

#: covers what is lost by gradual underflow in one product
TINY = 2.0**-1070
#: radii are sums of nonnegative floats with fewer than 2^24 operations: this factor covers their own rounding
OUTWARD = 1.0 + 2.0**-28


def above(value: Any) -> float:
    """Return the double at the upper end of a ball."""
    return ends(value)[1]


def below(value: Any) -> float:
    """Return the double at the lower end of a ball."""
    return ends(value)[0]
