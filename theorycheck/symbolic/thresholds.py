"""Fourier coefficients of a threshold of uniform signs, in exact rational arithmetic (shi2023, R5.1).

``xi_k(b) = E[x_1 ... x_k 1{sum x_i > b}]`` for x uniform on {-1, 1}^n. With j minus ones the sum is n - 2j, so the threshold
keeps ``j <= J``. Signed by the first k coordinates, the points with j minus ones are counted by ``[z^j] (1-z)^k (1+z)^(n-k)``;
partial sums divide by ``1 - z``, hence ``2^n xi_k = [z^J] (1-z)^(k-1) (1+z)^(n-k)``.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache


def kept(n: int, b: Fraction | float) -> int:
    """Return J, the most minus ones that the threshold ``sum x_i > b`` lets pass; below 0 if none does."""
    return math.ceil((n - Fraction(b)) / 2) - 1


@cache
def _counts(n: int, k: int) -> tuple[int, ...]:
    """Return the coefficients of ``(1-z)^(k-1) (1+z)^(n-k)``, lowest first, or the partial sums of ``(1+z)^n`` for k = 0."""
    product = [1]
    for sign in [-1] * (k - 1) + [1] * (n - k):
        product = [one + sign * other for one, other in zip([*product, 0], [0, *product], strict=True)]
    if k == 0:
        product = [sum(product[: j + 1]) for j in range(n + 1)]
    return tuple(product)


def threshold_coefficient(n: int, k: int, b: Fraction | float) -> Fraction:
    """Return ``xi_k(b)`` exactly.

    Raises
    ------
    ValueError
        Unless ``0 <= k <= n``, ``n >= 1`` and b is finite.
    """
    if not (n >= 1 and 0 <= k <= n and math.isfinite(b)):
        raise ValueError(f"xi_k(b) is about k = {k} of n = {n} signs and a finite threshold, not {b!r}")
    last, counts = kept(n, b), _counts(n, k)
    # for k > 0 the sum over all points is 0
    number = 0 if last < 0 else counts[last] if last < len(counts) else (2**n if k == 0 else 0)
    return Fraction(number, 2**n)


def majority_coefficient(n: int, k: int) -> Fraction:
    """Return ``|xi_{k-1}(0)|`` for odd n and even k by its product formula."""
    if n % 2 == 0 or k % 2 or not 2 <= k <= n:
        raise ValueError(f"the product formula is for odd n and even k from 2 to n, not n = {n}, k = {k}")
    m = (n - 1) // 2
    return Fraction(math.comb(n - 1, m) * math.comb(m, (k - 2) // 2), 2**n * math.comb(n - 1, k - 2))
