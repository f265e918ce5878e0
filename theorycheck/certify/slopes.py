"""How small ``|s'|`` can become in a window: certified on cells of the line, then minima over runs of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, ctx
from numba import njit
from numpy.typing import NDArray

from theorycheck.enclose import ends, evaluator
from theorycheck.symbolic.activations import Activation, Z

Array = NDArray[np.float64]

#: cells per unit length
CELLS = 256


@dataclass(frozen=True, eq=False)
class Slopes:
    """Lower bounds of ``|s'|`` on the cells of ``[-reach, reach]``, and of runs of ``2^k`` cells.

    ``runs[k, i]`` bounds cells ``i`` to ``i + 2^k - 1``; beyond the reach nothing is known but 0.
    """

    runs: Array
    reach: float

    def least(self, low: float, high: float) -> float:
        """Return a lower bound of ``|s'|`` on ``[low, high]``; 0 if it leaves the cells."""
        out = np.empty((1, 1, 1))
        middle, half = np.array([[(low + high) / 2]]), np.array([(high - low) / 2])
        _windows(middle, np.full((1, 1), 2.0**-40), np.ones(1), half, self.runs, self.reach, float(CELLS), out)
        return float(np.sqrt(out[0, 0, 0]))


def slopes(activation: Activation, reach: float) -> Slopes:
    """Return lower bounds of ``|s'|`` for pre-activations up to ``reach`` (rounded up to a power of two)."""
    # rounded before the cache is asked: one table serves all that fit into it
    return _slopes(activation, float(2 ** np.ceil(np.log2(max(reach, 1.0)))))


@lru_cache(maxsize=16)
def _slopes(activation: Activation, wide: float) -> Slopes:
    count = int(2 * wide * CELLS)
    expr, bottom = sp.Abs(activation.slope), np.empty(count)
    with ctx.workprec(64):
        for cell in range(count):
            low = -wide + cell / CELLS
            # closed cells: at a kink both sides of the slope count, as Clarke's derivative asks
            ball = arb(low).union(arb(low + 1 / CELLS))
            bottom[cell] = max(ends(evaluator({Z: ball})(expr))[0], 0.0)
    runs = [bottom]
    while 2 ** len(runs) <= count:
        step, last = 2 ** (len(runs) - 1), runs[-1]
        longer = last.copy()
        longer[:-step] = np.minimum(last[:-step], last[step:])
        longer[-step:] = 0.0
        runs.append(longer)
    return Slopes(np.array(runs), wide)


@lru_cache(maxsize=64)
def tail(activation: Activation, start: float) -> float:
    """Return a lower bound of ``|s'|`` on ``[start, 2^1100]``, beyond which no weight in doubles can get."""
    expr, least = sp.Abs(activation.slope), np.inf
    with ctx.workprec(64):
        for k in range(1100):
            ball = arb(start) * arb(2) ** k
            least = min(least, ends(evaluator({Z: ball.union(2 * ball)})(expr))[0])
            if not least > 0:
                return 0.0
    return float(least)


def least_slope(activation: Activation, low: float, high: float, reach: float = 8.0) -> float:
    """Return a lower bound of ``|s'|`` over the open interval ``(low, high)``; an infinite ``high`` means the half line.

    ``reach`` is how far cells are looked at at least; what is steep only far to the left is not looked for.
    """
    if activation.leak is not None:
        # a slope that changes its sign at the kink passes through 0 there (Clarke)
        return 1.0 if low >= 0 else max(activation.leak, 0.0)
    if low == -np.inf:
        return 0.0
    table = slopes(activation, max(reach, abs(low) + 2, abs(high) + 1 if high < np.inf else 0.0))
    end = min(high, table.reach - 1)
    inside = table.least(low, end) * (1 - 2.0**-40)
    return inside if high <= end else min(inside, tail(activation, end))


@njit(cache=True, error_model="numpy")
def _windows(
    h: Any, spread: Any, size: Any, rho: Any, runs: Any, reach: float, per: float, out: Any
) -> None:  # pragma: no cover - compiled
    """Write the square of the least slope in ``[h - size rho, h + size rho]`` for every sample, radius and neuron."""
    last = runs.shape[1] - 1
    for k in range(rho.shape[0]):
        for i in range(h.shape[0]):
            for j in range(h.shape[1]):
                half = size[j] * rho[k] * (1 + 2.0**-50) + spread[i, j]
                first = np.floor((h[i, j] - half + reach) * per - 2.0**-20)
                final = np.floor((h[i, j] + half + reach) * per + 2.0**-20)
                if not (first >= 0 and final <= last):
                    out[k, i, j] = 0.0
                    continue
                a, b = int(first), int(final)
                level = int(np.floor(np.log2(b - a + 1.0)))
                if 2**level > b - a + 1:
                    level -= 1
                found = min(runs[level, a], runs[level, b - 2**level + 1])
                out[k, i, j] = found * found


def least_squares(table: Slopes, h: Array, spread: Array, size: Array, rho: Array) -> Array:
    """Return ``(k, n, b)`` lower bounds of ``inf s'(u)^2`` over ``|u - h_ij| <= size_j rho_k``.

    ``spread`` ``(n, b)`` is what ``h`` may be off.
    """
    out = np.empty((len(rho), *h.shape))
    _windows(np.ascontiguousarray(h), spread, size, rho, table.runs, table.reach, float(CELLS), out)
    return out
