"""How much output weight can sit on gates that flip, when the weights move by R in all: a knapsack per sample.

A gate ``(i, j)`` flips only if ``|w_j - w_j0| >= z_ij``, so the flipped set obeys ``sum z_ij^2 <= R^2``, and its
mass ``sum a_j^2`` is at most the fractional knapsack's value. By duality that is at most
``tau R^2 + sum_j (a_j^2 - tau z_ij^2)_+`` for *every* ``tau >= 0``: a bound that needs no sorting to be checked.
Neurons with ``z_ij > R`` cannot flip and are left out (errata I3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb, ctx

from theorycheck.certify.problem import Problem, Progress, norms
from theorycheck.certify.rounding import OUTWARD, UNIT, above
from theorycheck.certify.sums import Block, products
from theorycheck.grams import Array

#: bins of the histogram of log2(a^2/z^2), and their number per octave
_OCTAVES, _PER = 80, 16
#: neurons that are sorted to choose a radius; more are judged by a sample
SAMPLE = 2**22


@dataclass(frozen=True, eq=False)
class Sample:
    """The first k neurons of m, for each of n samples in the order of ``z^2/a^2``.

    ``distances`` and ``masses`` ``(n, k)`` are ``z^2`` and ``a^2``, ``share`` is ``k/m``.
    """

    distances: Array
    masses: Array
    share: float


def sample(problem: Problem, progress: Progress) -> Sample:
    """Return a sample of the neurons, or all of them if they are few."""
    most = max(1, SAMPLE // problem.n)
    parts: list[Array] = []
    count = 0
    for block in products(problem, progress, "flips, a first look"):
        parts.append(_distances(problem, block)[:, : most - count])
        count += parts[-1].shape[1]
        if count >= most:
            break
    distances = np.concatenate(parts, axis=1) ** 2
    masses = np.broadcast_to(problem.layer.signs[:count] ** 2, distances.shape)
    order = np.argsort(distances / np.where(masses > 0, masses, 1e-300), axis=1)
    return Sample(
        np.take_along_axis(distances, order, axis=1), np.take_along_axis(masses, order, axis=1), count / problem.m
    )


def estimate(found: Sample, radius: float) -> float:
    """Return about the largest mass of flips over the samples, for weights that move by ``radius``."""
    if not math.isfinite(radius):
        return math.inf
    budget, worst = radius**2 * found.share, 0.0
    for distances, masses in zip(found.distances, found.masses, strict=True):
        near = distances <= radius**2
        cost, gain = distances[near], masses[near]
        spent = np.cumsum(cost)
        whole = int(np.searchsorted(spent, budget, side="right"))
        value = float(gain[:whole].sum())
        if whole < len(spent) and cost[whole] > 0:
            left = budget - (spent[whole - 1] if whole else 0.0)
            value += float(gain[whole] * left / cost[whole])
        worst = max(worst, value)
    return worst / found.share


def _distances(problem: Problem, block: Block) -> Array:
    """Return lower bounds of ``z_ij = |w_j . x_i|/|x_i|``, ``(n, b)``."""
    lengths = norms(problem)[1][:, None]
    return np.maximum(np.abs(block.products) - block.error, 0.0) / lengths * (1 - 8 * UNIT)


def flip_mass(problem: Problem, radius: float, progress: Progress) -> tuple[list[float], float]:
    """Return multipliers ``tau`` ``(n,)`` and a proved bound on every sample's mass of flips."""
    tried = _multipliers(problem, radius, progress)
    totals = np.zeros(tried.shape)
    reach = radius * (1 + 4 * UNIT)
    for block in products(problem, progress, "flips"):
        near = _distances(problem, block)
        masses = problem.layer.signs[block.place] ** 2 * (1 + 4 * UNIT)
        squares = np.where(near <= reach, near * near * (1 - 4 * UNIT), np.inf)
        for k, tau in enumerate(tried):
            with np.errstate(invalid="ignore"):
                cost = np.where(np.isinf(squares), np.inf, tau[:, None] * squares)
            totals[k] += np.maximum(masses - cost, 0.0).sum(axis=1)
    with ctx.workprec(128):
        budget = arb(radius) ** 2
        bounds = np.array(
            [[above(arb(float(tau)) * budget + arb(float(rest) * OUTWARD)) for tau, rest in zip(*row, strict=True)] for row in np.stack([tried, totals], axis=1)]
        )  # fmt: skip
    best = np.argmin(bounds, axis=0)
    every = np.arange(problem.n)
    return tried[best, every].tolist(), float(bounds[best, every].max())


def _multipliers(problem: Problem, radius: float, progress: Progress) -> Array:
    """Return multipliers near the best, ``(3, n)``: the ratio ``a^2/z^2`` at which the budget is spent, and beside it."""
    n, bins = problem.n, 2 * _OCTAVES * _PER
    costs = np.zeros((n, bins))
    rows = np.arange(n)[:, None] * bins
    for block in products(problem, progress, "flips, sorted"):
        near = _distances(problem, block)
        masses = problem.layer.signs[block.place] ** 2
        with np.errstate(all="ignore"):  # 0/0 is left out below
            ratio = np.log2(masses) - 2 * np.log2(near)
        kept = (near <= radius) & (masses > 0) & (near > 0)
        place = np.clip(np.floor((np.where(kept, ratio, 0.0) + _OCTAVES) * _PER), 0, bins - 1).astype(np.int64) + rows
        costs += np.bincount(place[kept], weights=(near * near)[kept], minlength=n * bins).reshape(n, bins)
    spent = np.cumsum(costs[:, ::-1], axis=1)
    found = np.zeros((3, n))
    for i in range(n):
        k = int(np.searchsorted(spent[i], radius**2, side="right"))
        if k < bins:
            edge = (bins - 1 - k) / _PER - _OCTAVES
            found[:, i] = [2.0**edge, 2.0 ** (edge + 0.5 / _PER), 2.0 ** (edge + 1 / _PER)]
    return found if math.isfinite(radius) else np.zeros((3, n))
