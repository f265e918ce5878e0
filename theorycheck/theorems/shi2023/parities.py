"""Parities: populations as finite supports, the first-step gradient on them (R5.2, errata W5, U10), and networks that equal them (R5.3, I2, W1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
from numpy.typing import NDArray

from theorycheck.data import BadInput
from theorycheck.symbolic.thresholds import threshold_coefficient

Array = NDArray[np.float64]

#: the largest support that is written out, in points
MOST_POINTS = 2**17


def cube(n: int) -> Array:
    """Return the ``2^n`` points of {-1, 1}^n as rows, all different."""
    if not 0 <= n <= 16:
        raise BadInput(f"{n} signs have 2^{n} patterns, more than can be written out: take at most 16")
    return np.array(list(product((1.0, -1.0), repeat=n)), dtype=float).reshape(2**n, n)


def uniform_gradient(signs: Array, k: int, bias: float) -> Array:
    """Return ``G(w_i, b)`` for sign patterns ``(m, n)``, x uniform on the cube and y the product of the first k signs (R5.2).

    The coefficients are exact fractions, rounded once.
    """
    n = signs.shape[1]
    inside, outside = (threshold_coefficient(n, j, Fraction(bias)) if j <= n else Fraction(0) for j in (k - 1, k + 1))
    factor = np.where(np.arange(n) < k, float(inside), float(outside))
    return np.asarray(np.prod(signs[:, :k], axis=1)[:, None] * factor * signs)


# --- structured mixtures: blocks that are all of one sign (R6) --------------------------------------------


@dataclass(frozen=True, eq=False)
class Structured:
    """A structured parity mixture as a list of equally likely points, some of them repeated.

    ``points`` ``(N, D)`` and ``labels`` ``(N,)``; ``chance`` is p_A, that of each component with one block all of one sign.
    """

    points: Array
    labels: Array
    chance: Fraction
    blocks: int
    size: int
    filled: bool


def block_labels(points: Array, blocks: int, size: int) -> Array:
    """Return the sign of the sum of the products over the blocks, the first ``blocks * size`` coordinates."""
    products = np.prod(points[:, : blocks * size].reshape(len(points), blocks, size), axis=2)
    return np.asarray(np.sign(products.sum(axis=1)))


def structured(blocks: int, size: int, noise: int, *, filled: bool, copies: int, uniform: bool) -> Structured:
    """Return the mixture of ``X_{j,+-}`` (each written ``copies`` times) and, if ``uniform``, of the whole cube.

    Variant U (``filled``): the other blocks of ``X_{j,+-}`` are uniform signs, as the noise is; variant Z: they are 0.

    Raises
    ------
    BadInput
        If blocks or size are even, or the support has more than :data:`MOST_POINTS` points.
    """
    if blocks % 2 == 0 or size % 2 == 0 or min(blocks, size, copies) < 1 or noise < 0:
        raise BadInput(f"--blocks and --size must be odd and positive, --copies at least 1 and --noise at least 0, not {blocks}, {size}, {copies} and {noise}")  # fmt: skip
    d = blocks * size + noise
    free = d - size if filled else noise
    total = 2 * blocks * copies * 2**free + (2**d if uniform else 0)
    if total > MOST_POINTS:
        raise BadInput(f"this mixture has {total} points, more than {MOST_POINTS}: lower blocks, size, noise or copies")
    parts = [cube(d)] if uniform else []
    for j, sign in product(range(blocks), (1.0, -1.0)):
        points = np.zeros((2**free, d))
        own = slice(j * size, (j + 1) * size)
        others = np.ones(d, dtype=bool)
        others[own] = False
        if not filled:
            others[: blocks * size] = False
        points[:, others] = cube(free)
        points[:, own] = sign
        parts += [points] * copies
    points = np.vstack(parts)
    return Structured(
        points, block_labels(points, blocks, size), Fraction(copies * 2**free, total), blocks, size, filled
    )


def share(blocks: int, filled: bool) -> Fraction:
    """Return c_r: how much of the block's direction is in ``E[y x]`` given that block j is all of one sign (R6; size >= 2 if filled)."""
    return Fraction(math.comb(blocks - 1, (blocks - 1) // 2), 2 ** (blocks - 1)) if filled else Fraction(1)


def margins(weights: Array, blocks: int, size: int, biases: Array, filled: bool) -> tuple[Array, Array]:
    """Return margins ``m_{j,s}`` and lengths ``nu_j``, both ``(m, 2 blocks)``: s = 1 first, then s = -1."""
    sums = weights[:, : blocks * size].reshape(len(weights), blocks, size).sum(axis=2)
    noise = np.sum(weights[:, blocks * size :] ** 2, axis=1)[:, None]
    if filled:
        squares = np.sum(weights[:, : blocks * size].reshape(len(weights), blocks, size) ** 2, axis=2)
        noise = noise + squares.sum(axis=1)[:, None] - squares
    lengths = np.sqrt(np.maximum(np.broadcast_to(noise, sums.shape), 0.0))
    return np.hstack([sums - biases[:, None], -sums - biases[:, None]]), np.hstack([lengths, lengths])


# --- networks that equal a parity ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Kinks:
    """A piecewise linear function ``sum_i weights[i] max(t - biases[i], 0)`` of one variable."""

    weights: Array
    biases: Array

    def __call__(self, t: Array) -> Array:
        """Return the function's values."""
        return np.maximum(np.asarray(t)[..., None] - self.biases, 0.0) @ self.weights


def zigzag(k: int) -> Kinks:
    """Return the parity of k signs as a function of ``t = <1/sqrt k, x>`` by ``k + 2`` neurons (R5.3 with errata I2)."""
    root = math.sqrt(k)
    steps = np.arange(k + 1)
    weights = np.concatenate([[(-1) ** k * root], -2 * root * (-1.0) ** (k - steps)])
    return Kinks(weights, np.concatenate([[-(k + 1) / root], (2 * steps - k) / root]))


def positive_zigzag(k: int) -> Kinks:
    """Return ``g`` with ``g(t) - g(-t)`` the parity of k signs (k odd) and 0 at t = 0, all biases positive (errata W1)."""
    if k % 2 == 0:
        raise BadInput(f"the two-sided network is for an odd number of signs, not {k}")
    root, sign = math.sqrt(k), (-1.0) ** ((k - 1) // 2)
    more = range(1, (k - 1) // 2 + 1)
    weights: Sequence[float] = [2 * sign, -3 * sign, *(2 * (-1.0) ** (i + 1) * sign for i in more)]
    return Kinks(root * np.array(weights), np.array([0.5, 1.0, *(2 * i + 1.0 for i in more)]) / root)
