"""Fixed features on the cube {-1, 1}^D: their correlations with all parities, and the best network of bounded size on them (R10).

Minima over a ball ``|w| <= B`` come as intervals: a feasible w above, below what convexity says of it.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from theorycheck.evidence import Measured

Array = NDArray[np.float64]
#: the kinds of features, see :func:`features`
KINDS = ("relu", "parities", "spread")
#: width of the rounding of the hinge's kink: the minimum is known to half of it
SMOOTHING = 1e-3


def walsh(values: Array) -> Array:
    """Return ``E[chi_A v]`` for all A: ``(2^D, N)`` from values on :func:`~.parities.cube`; bit l of A's index, first bit first, says that l is in A."""
    found = np.array(values, dtype=float)
    size = len(found)
    for i in range(size.bit_length() - 1):
        pair = found.reshape(2**i, 2, -1)
        found = np.stack([pair[:, 0] + pair[:, 1], pair[:, 0] - pair[:, 1]], axis=1)
    return np.asarray(found.reshape(np.shape(values)) / size)


def sets(width: int, size: int) -> NDArray[np.int64]:
    """Return the indices in :func:`walsh` of all sets of ``size`` coordinates, in lexical order."""
    chosen = itertools.combinations(range(width), size)
    return np.array([sum(2 ** (width - 1 - one) for one in each) for each in chosen], dtype=np.int64)


def parity_of(points: Array, index: int) -> Array:
    """Return chi_A on points ``(n, D)`` for an index of :func:`walsh`."""
    width = points.shape[1]
    inside = [k for k in range(width) if index >> (width - 1 - k) & 1]
    return np.asarray(np.prod(points[:, inside], axis=1))


def features(kind: int, points: Array, weights: Array, biases: Array, size: int, seed: int) -> Array:
    """Return ``(n, N)`` features of points, none of which knows A.

    Kind 0: ``max(<w_i, x> - b_i, 0)``. Kind 1: the product of the signs where w_i is positive. Kind 2: the sum of all parities
    of ``size`` signs with random signs, over the root of their number, which correlates equally with all of them.
    """
    if kind == 0:
        return np.maximum(points @ weights.T - biases, 0.0)
    if kind == 1:
        return np.column_stack([np.prod(np.where(one > 0, points, 1.0), axis=1) for one in weights])
    chosen = sets(points.shape[1], size)
    signs = np.random.default_rng([seed, 97]).choice([-1.0, 1.0], (len(chosen), len(weights)))
    parities = np.column_stack([parity_of(points, int(index)) for index in chosen])
    return np.asarray(parities @ signs / math.sqrt(len(chosen)))


def least_hinge(signed: Array, chances: Array, radius: float) -> Measured:
    """Return the least mean hinge loss of :func:`best_in_ball`."""
    return best_in_ball(signed, chances, radius)[0]


def best_in_ball(signed: Array, chances: Array, radius: float) -> tuple[Measured, Array]:
    """Return the least mean of ``max(0, 1 - <w, v_i>)`` with chances ``(n,)`` over ``|w| <= radius``, and a w that is nearly so good.

    ``signed`` ``(n, N)`` are ``y_i Psi(x_i)``; the upper end of the interval is the loss of w.

    Weights ``alpha_i`` in [0, p_i] say that it is at least ``sum alpha - radius |sum alpha_i v_i|``. Those of the hinge with a
    rounded kink are nearly the best; all of them at once are what R10 uses.
    """
    count = signed.shape[1]

    def rounded(w: Array) -> tuple[float, Array]:
        gap = 1 - signed @ w
        alpha = np.clip(gap / SMOOTHING, 0.0, 1.0)
        value = np.where(gap > SMOOTHING, gap - SMOOTHING / 2, alpha * gap / 2)
        return float(chances @ value), -(chances * alpha) @ signed

    def lower(alpha: Array) -> float:
        return float(alpha.sum() - radius * np.linalg.norm(alpha @ signed))

    pull = chances @ signed
    length = float(np.linalg.norm(pull))
    starts = [np.zeros(count), radius * pull / length if length > 0 else np.zeros(count)]
    best = min(starts, key=lambda w: rounded(w)[0])
    high = float(chances @ np.maximum(0.0, 1 - signed @ best))
    low = max(lower(chances), 0.0)
    if high - low > 1e-9 and radius > 0:
        ball = {"type": "ineq", "fun": lambda w: radius**2 - w @ w, "jac": lambda w: -2 * w}
        w = minimize(rounded, 0.99 * best, jac=True, method="SLSQP", constraints=[ball], options={"maxiter": 200, "ftol": 1e-10}).x  # fmt: skip
        size = float(np.linalg.norm(w))
        w = w if size <= radius else w * (radius / size)
        found = float(chances @ np.maximum(0.0, 1 - signed @ w))
        high, best = (found, w) if found < high else (high, best)
        low = max(low, lower(chances * np.clip((1 - signed @ w) / SMOOTHING, 0.0, 1.0)))
    rounding = 1e-13 * (1 + radius * float(np.abs(signed).max(initial=0.0))) * max(count, 1)
    # not cut at the upper end: a lower end above it is a mistake, which has to be seen
    return Measured.between(low - rounding, high + rounding), best


def explained(transform: Array, chosen: NDArray[np.int64]) -> float:
    """Return ``sum_A |E chi_A Q|^2`` over the chosen A, Q an orthonormal basis of the features with this Walsh transform.

    Parities are orthonormal, so the transform is the features in such coordinates.
    """
    if not transform.size:
        return 0.0
    left, lengths, _ = np.linalg.svd(transform, full_matrices=False)
    kept = lengths > 1e-10 * max(float(lengths[0]), 1e-300)
    return float(np.sum(left[np.ix_(chosen, np.flatnonzero(kept))] ** 2))
