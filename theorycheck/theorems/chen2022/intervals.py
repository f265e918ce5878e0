"""Where the slope is surely steep and which share of the neurons sits there: the search of theorems A and B."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from theorycheck.certify.problem import Problem, Progress
from theorycheck.certify.slopes import least_slope
from theorycheck.certify.sums import inner_of, preactivations, products, reach
from theorycheck.grams import Array
from theorycheck.symbolic.activations import Activation

#: bins of the histogram of preactivations per unit length; interval ends lie on their edges
BINS = 64
#: edges of intervals that are tried, per unit length, and how far out
_EDGES, _FAR = 8, 4
_ETAS = tuple(k / BINS for k in (2, 4, 6, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 96))


@dataclass(frozen=True, eq=False)
class Intervals:
    """Open intervals ``(low, high)`` with their margins, and what holds in them; arrays of one length.

    ``share`` of the neurons with ``|c| >= c_low`` starts at least ``eta`` inside, for every
    sample; ``steepness`` bounds ``|s'|`` from below on the whole interval.
    """

    low: Array
    high: Array
    eta: Array
    c_low: Array
    share: Array
    steepness: Array

    @property
    def held(self) -> Array:
        """What is left of the tangent Gram per unit of ``lambda_min(G)`` (3.4)."""
        return self.c_low**2 * self.steepness**2 * self.share


def candidates(problem: Problem, progress: Progress) -> Intervals:
    """Return intervals with their shares, counted in one pass over the neurons."""
    size = np.abs(problem.layer.signs)
    floors = sorted({float(x) for x in np.quantile(size, (0.0, 0.25, 0.5, 0.75), method="lower")} - {0.0})
    counts, far = _histograms(problem, floors, size, progress)
    low, high, steepness = steep_intervals(problem.activation, far)
    columns: list[tuple[Array, ...]] = []
    for floor, cumulated in zip(floors, counts, strict=True):
        for eta in _ETAS:
            share = _shares(cumulated, far, low + eta, high - eta) / problem.m * (1 - 2.0**-50)
            kept = share > 0
            same = np.ones(int(kept.sum()))
            columns.append((low[kept], high[kept], eta * same, floor * same, share[kept], steepness[kept]))
    parts = [np.concatenate(each) for each in zip(*columns, strict=True)] if columns else [np.zeros(0)] * 6
    return Intervals(*parts)


@lru_cache(maxsize=16)
def steep_intervals(activation: Activation, far: float) -> tuple[Array, Array, Array]:
    """Return the intervals on the grid of edges whose slope is bounded away from 0, and that bound."""
    edges = [k / _EDGES for k in range(-_FAR * _EDGES, _FAR * _EDGES + 1)]
    rows = []
    for low in edges:
        for high in (*edges, math.inf):
            if high > low and (bound := least_slope(activation, low, high, far)) > 0:
                rows.append((low, high, bound))
    found = np.array(rows).reshape(-1, 3).T
    return found[0], found[1], found[2]


def _histograms(problem: Problem, floors: list[float], size: Array, progress: Progress) -> tuple[list[Array], float]:
    """Return, for each floor of ``|c|``, counts ``(n, bins + 1)`` of the preactivations surely below each edge."""
    inner = inner_of(problem)
    far = float(math.ceil(min(reach(problem, inner), 2.0**10)) + 1)
    bins = int(2 * far * BINS)
    found = [np.zeros((problem.n, bins)) for _ in floors]
    rows = np.arange(problem.n)[:, None] * bins
    for block in products(problem, progress, "preactivations"):
        h, spread = preactivations(block, inner)
        # the sums themselves are rounded, by far less than a millionth of a bin
        first = np.floor((h - spread + far) * BINS - 2.0**-20)
        final = np.floor((h + spread + far) * BINS + 2.0**-20)
        # a preactivation that rounding may put on either side of an edge is not counted
        sure = (first == final) & (first >= 0) & (final < bins)
        places = np.where(sure, first, 0).astype(np.int64) + rows
        for k, floor in enumerate(floors):
            kept = sure & (size[block.place] >= floor)
            found[k] += np.bincount(places[kept], minlength=problem.n * bins).reshape(problem.n, bins)
    return [np.concatenate([np.zeros((problem.n, 1)), counts.cumsum(axis=1)], axis=1) for counts in found], far


def _shares(cumulated: Array, far: float, low: Array, high: Array) -> Array:
    """Return the least count over the samples between pairs of edges."""
    bins = cumulated.shape[1] - 1
    first = np.clip(np.round((low + far) * BINS), 0, bins).astype(int)
    final = np.clip(np.round((np.minimum(high, far) + far) * BINS), 0, bins).astype(int)
    return np.asarray((cumulated[:, np.maximum(final, first)] - cumulated[:, first]).min(axis=0), float)
