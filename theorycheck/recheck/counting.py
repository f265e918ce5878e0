"""Comparisons and counts over all neurons and data.

Doubles decide wherever they are farther from the threshold than a proved bound on their rounding; balls decide the
rest. Sums over patterns of 0 and 1 are sums of integers below 2^53 in doubles, which are exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
_UNIT = 2.0**-53
_LEAST_NORMAL = 2.0**-1022
_MORE_BITS = (192, 512, 4800)  # with the last, products and sums of doubles are exact
_LIMB = 30  # bits
_CUT = 2.0**-360  # of the largest: smaller numbers are bounded together


def products(weights: Array, inputs: Array) -> tuple[Array, Array]:
    """Return ``W X'`` in doubles and a bound on its error, both ``(b, n)``.

    In whatever order a dot product of length d is summed, with or without fused operations, its error is at most
    d u/(1 - d u) |w|.|x|, plus d times the least normal number for underflow, even if that flushes to zero. The
    bound is four times that, which covers its own rounding and that of one comparison. Where a product overflows it
    is infinite or NaN, and decides nothing. Where every single product is zero the dot product is exactly zero: 0.
    """
    dots = weights @ inputs.T
    size = np.abs(weights) @ np.abs(inputs).T
    room = weights.shape[1] + 2
    errors = 4 * room * _UNIT * size + 4 * room * _LEAST_NORMAL
    errors = np.where(np.isfinite(dots) & (size < 1e300), errors, np.inf)
    if not (np.all(weights) and np.all(inputs)):
        shared = (weights != 0).astype(np.float64) @ (inputs != 0).astype(np.float64).T
        dots, errors = np.where(shared == 0, 0.0, dots), np.where(shared == 0, 0.0, errors)
    return dots, errors


def exact_dot(weight: Array, point: Array) -> arb:
    """Return the dot product of two vectors of doubles at the present precision."""
    pairs = zip(weight.tolist(), point.tolist(), strict=True)
    return sum((arb(x) * arb(y) for x, y in pairs if x and y), arb(0))


def gates(weights: Array, inputs: Array, dots: Array, errors: Array) -> Mask:
    """Return ``w_j.x_i > 0`` exactly, ``(b, n)``: at the kink the gate is closed.

    Raises
    ------
    ArithmeticError
        If 4800 bits do not tell a sign, which cannot happen for doubles.
    """
    opened = dots > errors
    open_or_unknown = ~(dots < -errors) & ~opened & ~((errors == 0) & (dots == 0))
    for j, i in np.argwhere(open_or_unknown).tolist():
        opened[j, i] = _sign(weights[j], inputs[i]) > 0
    return np.asarray(opened, dtype=np.bool_)


def _sign(weight: Array, point: Array) -> int:
    for bits in _MORE_BITS:
        with ctx.workprec(bits):
            dot = exact_dot(weight, point)
            if dot > 0 or dot < 0:
                return 1 if dot > 0 else -1
            if dot.is_zero():
                return 0
    raise ArithmeticError("the sign of a preactivation could not be found")


def bracket(left: Array, right: Array) -> tuple[Array, Array]:
    """Return doubles below and above the products ``left_j right_i`` of non-negative numbers, ``(b, n)``.

    Each factor is known to a relative 2^-50. Where a factor or product is near the ends of the doubles' range the
    bracket is the whole line, and balls must decide.
    """
    both = np.multiply.outer(left, right)
    tame = (np.multiply.outer(_is_tame(left), _is_tame(right))) & ((both == 0) | _is_tame(both))
    low = np.where(tame, both * (1 - 2.0**-46), -np.inf)
    return low, np.where(tame, both * (1 + 2.0**-46), np.inf)


def _is_tame(values: Array) -> Mask:
    return np.asarray((values == 0) | ((values > 1e-140) & (values < 1e140)), dtype=np.bool_)


def exceeding(
    values: Array,
    errors: Array,
    threshold: tuple[Array, Array],
    exact: Callable[[int, int], bool | None],
    otherwise: bool,
) -> Mask:
    """Decide for every entry whether it exceeds its threshold.

    Parameters
    ----------
    values, errors
        ``(b, n)``; the true value is within ``errors``.
    threshold
        Doubles below and above the true threshold.
    exact
        Decides one entry in balls at the present precision; None if it cannot. It says whether equality counts.
    otherwise
        The answer where nothing decides: the caller's safe side.
    """
    low, high = threshold
    above, below = values - errors > high, values + errors < low
    for j, i in np.argwhere(~(above | below)).tolist():
        above[j, i] = _decided(exact, j, i, otherwise)
    return np.asarray(above, dtype=np.bool_)


def _decided(exact: Callable[[int, int], bool | None], j: int, i: int, otherwise: bool) -> bool:
    for bits in _MORE_BITS[:2]:
        with ctx.workprec(bits):
            answer = exact(j, i)
        if answer is not None:
            return answer
    return otherwise


def compared(left: arb, right: arb) -> bool | None:
    """Return whether ``left > right``, or None if the balls overlap."""
    return True if left > right else False if left <= right else None


def count(left: Mask, right: Mask) -> Array:
    """Return ``left' right``, ``(n, n)``: how many neurons are in both; exact below 2^53."""
    return left.astype(np.float64).T @ right.astype(np.float64)


def weighted(left: Mask, right: Mask, weights: Array, power: int = 1) -> arb_mat:
    """Return ``sum_j left_ji right_jk |weights_j|^power`` in balls that are exact but for numbers below the cut.

    The doubles are cut into limbs of 30 bits; with up to 2^22 neurons in a chunk every sum is below 2^53. Squares
    are sums of exact products of three pieces of at most 18 bits.
    """
    shape = (left.shape[1], right.shape[1])
    top = float(np.max(np.abs(weights), initial=0.0))
    if top == 0:
        return arb_mat(*shape)
    exponent = int(np.frexp(top)[1])
    scaled = np.ldexp(np.abs(weights), -exponent)
    small = (scaled < (_CUT if power == 1 else 2.0**-180)) & (weights != 0)
    scaled = np.where(small, 0.0, scaled)
    total = arb_mat(*shape)
    for piece in [scaled] if power == 1 else _squared(scaled):
        total += _limbs(left, right, piece)
    if np.any(small):
        bound = arb(2) ** -360 * len(weights)
        total += arb_mat([[(bound / 2) + arb(0, 1) * (bound / 2)] * shape[1]] * shape[0])
    return total * arb(2) ** (exponent * power)


def _squared(values: Array) -> list[Array]:
    """Return arrays whose exact sum is ``values**2``: each is a product of pieces of at most 18 bits."""
    pieces, rest = [], values
    for _ in range(3):
        mantissa, exponent = np.frexp(rest)
        piece = np.ldexp(np.floor(np.ldexp(mantissa, 18)), exponent - 18)
        pieces.append(piece)
        rest = rest - piece
    first, second, third = pieces
    return [first**2, 2 * first * second, second**2 + 0.0, 2 * first * third, 2 * second * third, third**2]


def _limbs(left: Mask, right: Mask, values: Array) -> arb_mat:
    """Sum non-negative doubles below 1 exactly over the pattern."""
    total, rest, shift = arb_mat(left.shape[1], right.shape[1]), values, 0
    flat = left.astype(np.float64).T
    while np.any(rest):
        rest = rest * 2.0**_LIMB
        limb = np.floor(rest)
        rest, shift = rest - limb, shift + _LIMB
        if np.any(limb):
            sums = flat @ (right * limb[:, None])
            total += arb_mat(*sums.shape, sums.ravel().tolist()) * arb(2) ** -shift
    return total


def doubles(balls: list[arb]) -> Array:
    """Return the balls' middles as doubles, NaN where a ball is wide or far from 1: ``bracket`` then decides nothing."""
    return np.array([_double(x) for x in balls])


def _double(x: arb) -> float:
    if x.is_zero():
        return 0.0
    known = x.is_finite() and x.rel_accuracy_bits() > 60
    return float(x.mid()) if known and abs(x) > 1e-300 and abs(x) < 1e300 else np.nan


def roots(values: Array) -> Array:
    """Return square roots in doubles, to a relative 2^-52 for normal numbers."""
    return np.asarray(np.sqrt(values), dtype=np.float64)
