"""Weights that moved, and what their Jacobian did: measures for the perturbation lemmas of razborov2022 (section 4.4).

The weights are moved by an adversary who sees everything: towards the gates of one sample, cheapest or heaviest first; at
random; or by gradient descent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from theorycheck.evidence import Measured
from theorycheck.flow import FlowStalled, Run
from theorycheck.flow.descent import descend
from theorycheck.grams import Array
from theorycheck.measure import Measure
from theorycheck.model import Instance
from theorycheck.theorems.razborov2022 import setting as s

#: how weights move: the parameter ``way`` is a place in this tuple
WAYS = ("cheapest", "heaviest", "random", "descent")
STEPS = 20


def _towards(instance: Instance, order: NDArray[np.intp], row: int, budget: float) -> Array:
    """Return weights moved just across the gates of one sample, in an order, as long as the budget lasts."""
    x = instance.inputs[row]
    size = float(np.linalg.norm(x))
    weights = instance.weights.copy()
    if size == 0:
        return weights
    distance = weights @ x / size
    for j in order:
        step = -distance[j] - math.copysign(1e-9, distance[j]) * max(abs(distance[j]), 1e-3)
        if step**2 <= budget:
            budget -= step**2
            weights[j] += step * x / size
    return weights


@lru_cache(maxsize=16)
def moved(instance: Instance) -> tuple[Array, Array]:
    """Return the moved ``W`` and ``a`` of an instance; its parameters are ``way``, ``radius`` and ``row``."""
    way, radius = WAYS[int(instance.parameters["way"])], instance.parameters["radius"]
    generator = np.random.default_rng([int(instance.parameters["row"]), instance.m])
    if way == "descent":
        try:
            last = descend(instance, step=1.0, steps=STEPS, record=(STEPS,)).network
        except FlowStalled:  # it diverged
            return np.full_like(instance.weights, np.nan), np.full_like(instance.signs, np.nan)
        return np.asarray(last.weights), np.asarray(last.outer[:, 0] / instance.output_scale)
    shift = generator.standard_normal(instance.m)
    outer = instance.signs + radius * shift / np.linalg.norm(shift)
    if way == "random":
        step = generator.standard_normal(instance.weights.shape)
        return instance.weights + radius * step / np.linalg.norm(step), outer
    row = int(instance.parameters["row"]) % instance.n
    x, masses = instance.inputs[row], instance.signs**2
    with np.errstate(all="ignore"):
        costs = (instance.weights @ x) ** 2 / (x @ x)
        order = np.argsort(costs / np.maximum(masses, 1e-300) if way == "cheapest" else -masses)
    return _towards(instance, order, row, radius**2), outer


def _gates(instance: Instance, weights: Array) -> Array:
    return (instance.inputs @ weights.T > 0).astype(float)


def _norm(gram: Array, doubt: float) -> Measured:
    """Return the root of the largest eigenvalue of a Gram whose entries may be off by ``doubt``."""
    if not np.all(np.isfinite(gram)):
        return Measured(np.nan)
    top, room = float(np.linalg.eigvalsh(gram)[-1]), len(gram) * doubt + 1e-12 * float(np.trace(gram))
    return Measured.between(math.sqrt(max(top - room, 0.0)), math.sqrt(max(top + room, 0.0)))


def _of_gates(instance: Instance, factors: Array) -> Array:
    """Return ``kappa^2 X X' o (E E')`` for the change E ``(n, m)`` of output weights times gates."""
    return instance.output_scale**2 * (instance.inputs @ instance.inputs.T) * (factors @ factors.T)


def by_flips(run: Run) -> Measured:
    """Return ``|J_W(W, a_0) - J_W(W_0, a_0)|``."""
    instance = run.instance
    change = _gates(instance, moved(instance)[0]) - _gates(instance, instance.weights)
    return _norm(_of_gates(instance, change * instance.signs), 0.0)


def by_outer(run: Run) -> Measured:
    """Return ``|J_W(W, a) - J_W(W, a_0)|``."""
    weights, outer = moved(run.instance)
    return _norm(_of_gates(run.instance, _gates(run.instance, weights) * (outer - run.instance.signs)), 0.0)


def _features_gram(instance: Instance) -> tuple[Array, float]:
    weights = moved(instance)[0]
    values = [np.maximum(instance.inputs @ one.T, 0) for one in (weights, instance.weights)]
    change = values[0] - values[1]
    slip = 4e-16 * (instance.d + 4) * float(np.linalg.norm(instance.inputs) * (np.linalg.norm(weights) + np.linalg.norm(instance.weights)))  # fmt: skip
    factor = instance.output_scale**2
    return factor * (change @ change.T), factor * slip * (2 * float(np.linalg.norm(change)) + slip)


def by_features(run: Run) -> Measured:
    """Return ``|J_a(W) - J_a(W_0)|``."""
    return _norm(*_features_gram(run.instance))


def altogether(run: Run) -> Measured:
    """Return how far the Jacobian of both layers moved, each times the root of its rate."""
    instance = run.instance
    weights, outer = moved(instance)
    change = _gates(instance, weights) * outer - _gates(instance, instance.weights) * instance.signs
    second, doubt = _features_gram(instance)
    first = _of_gates(instance, change)
    return _norm(instance.rates[0] * first + instance.rates[1] * second, instance.rates[1] * doubt)


def flipped(run: Run) -> Measured:
    """Return the largest ``sum a_0j^2`` over the gates of one sample that flipped."""
    instance = run.instance
    change = _gates(instance, moved(instance)[0]) != _gates(instance, instance.weights)
    value = float((change @ instance.signs**2).max())
    return Measured(value, 1e-14 * instance.m * value)


def distance(first: bool) -> Measure:
    """Return a measure of how far the first layer, or the output weights, moved."""

    def read(run: Run) -> Measured:
        weights, outer = moved(run.instance)
        change = weights - run.instance.weights if first else outer - run.instance.signs
        value = float(np.linalg.norm(change))
        size = float(np.linalg.norm(run.instance.weights if first else run.instance.signs))
        return Measured(value, 1e-14 * value + 1e-15 * size)

    return read


def mass(count: Callable[[Instance, float], float]) -> Measure:
    """Return a measure of what a knapsack gives at the distance that the first layer moved."""

    def read(run: Run) -> Measured:
        radius = float(distance(True)(run).value)
        low, high = (count(run.instance, radius * (1 + sign * 1e-9)) for sign in (-1, 1))
        return Measured.between(low * (1 - 1e-12), high * (1 + 1e-12))

    return read


def where_known(measure: Measure) -> Measure:
    """Return a measure that knows nothing of weights that diverged."""
    return lambda run: measure(run) if np.all(np.isfinite(moved(run.instance)[0])) else Measured(np.nan)


# --- wrong knapsacks, for sabotages --------------------------------------------------------------------


def by_count(instance: Instance, radius: float) -> float:
    """Return the most gates that fit, nearest first, times the mean ``a_j^2``: wrong where heavy weights are far."""
    return most_flips(instance, radius) * float(np.mean(instance.signs**2))


def greedy(instance: Instance, radius: float) -> float:
    """Return the knapsack without the item that fits only in part (errata B3): no upper bound."""
    found = s.neurons(instance)
    fits = np.cumsum(found.distances, axis=1) <= radius**2
    return float((found.masses * fits).sum(axis=1).max())


def most_flips(instance: Instance, radius: float) -> float:
    """Return the most gates of one sample that weights moving by ``radius`` in all can reach: the nearest ones."""
    costs = np.sort(s.neurons(instance).distances, axis=1)
    return float((np.cumsum(costs, axis=1) <= radius**2).sum(axis=1).max())
