"""A-priori bounds on floating-point rounding: what a sum over ten million neurons may be off.

``gamma(k) = k u / (1 - k u)`` bounds the relative error of k operations in any order (N. Higham,
*Accuracy and Stability of Numerical Algorithms*, Lemma 3.1 and section 3.1). It holds for every
matrix product that sums products of entries, with or without fused operations, in whatever
order; it does not hold for algorithms of Strassen's kind, which no BLAS uses for doubles unasked.
"""

from __future__ import annotations

from typing import Any

from theorycheck.enclose import ends

UNIT = 2.0**-53
#: covers what is lost by gradual underflow in one product
TINY = 2.0**-1070
#: radii are sums of nonnegative floats with fewer than 2^24 operations: this factor covers their own rounding
OUTWARD = 1.0 + 2.0**-28


def gamma(operations: int) -> float:
    """Return a bound on the relative error of that many floating-point operations.

    Raises
    ------
    ValueError
        If there are so many that nothing is bounded.
    """
    if operations * UNIT > 2.0**-24:
        raise ValueError(f"{operations} operations in a row are more than rounding bounds allow: use smaller sums")
    return operations * UNIT / (1 - operations * UNIT) * (1 + 4 * UNIT)


def above(value: Any) -> float:
    """Return the double at the upper end of a ball."""
    return ends(value)[1]


def below(value: Any) -> float:
    """Return the double at the lower end of a ball."""
    return ends(value)[0]
