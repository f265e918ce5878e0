"""Where gradient descent succeeds beyond the NTK regime: one descent of the phase diagram (section 5 of the theory).

Model of section 1: ``x ~ N(0, I_d)``, ``W_0, a_0 ~ N(0, 1)``, ``kappa = 1/sqrt(m d)``, loss ``|f - y|^2/2``, both layers
trained at rates ``phi : 1 - phi``, in steps such that the largest eigenvalue of ``K_0`` is 1/2. Labels have norm
``sqrt n``, so that ``2 L/n`` is 1 where nothing is fitted, and ``k/n`` where all but k samples of labels +-1 are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER

#: the loss at which a run has succeeded, as a share of the loss of the output 0
ENOUGH = 1e-4
#: as many steps without an open gate make a sample dead
ASLEEP = 1000
#: the loss, as a share of the loss of the output 0, at which a run has diverged
LOST = 1e8
#: largest eigenvalue of the tangent Gram at time 0, steps included
TOP = 0.5

#: rate of the first layer as a share of both rates
PHI: Mapping[str, Callable[[int, int], float]] = {
    "first layer": lambda m, d: 1.0,
    "equal": lambda m, d: 0.5,
    "LeCun": lambda m, d: d / (m + d),
    "last layer": lambda m, d: 0.0,
}
LABELS = ("random", "equal", "spiked", "weakest")


def labels(kind: str, instance: Instance, generator: np.random.Generator) -> Array:
    """Return labels ``(n,)`` of norm ``sqrt n``; the adversary's are such that the *residual* is.

    ``random`` signs, all ``equal`` to 1, all in one sample (``spiked``), or chosen after the weights so that the
    residual is the eigenvector of the tangent Gram's least eigenvalue (``weakest``).
    """
    n = instance.n
    if kind == "random":
        return generator.choice([-1.0, 1.0], n)
    if kind == "equal":
        return np.ones(n)
    if kind == "spiked":
        return math.sqrt(n) * np.eye(n)[0]
    residual, gram = instance.start  # y - f for the labels 0 of now
    return -residual + math.sqrt(n) * np.linalg.eigh(gram)[1][:, 0]


def posed(n: int, d: int, m: int, rates: str, kind: str, seed: int) -> Instance:
    """Return a network with Gaussian data and weights; data are shared by all points of a seed, weights by all of a width.

    ``rates`` is a name of PHI, ``kind`` one of LABELS. Where the tangent Gram is 0, rates stay 0: nothing can move.
    """
    data, weights = np.random.default_rng([seed, 21]), np.random.default_rng([seed, 22, m])
    inputs, signs = data.standard_normal((n, d)), data.choice([-1.0, 1.0], n)
    phi = PHI[rates](m, d)
    instance = Instance(
        inputs, np.zeros(n), weights.standard_normal((m, d)), weights.standard_normal(m), np.ones(m), TWO_LAYER,
        activation("relu"), {}, {"m": m, "seed": seed}, rates=(phi, 1 - phi), output_scale=1 / math.sqrt(m * d),
    )  # fmt: skip
    top = float(np.linalg.eigvalsh(instance.start[1])[-1])
    step = TOP / top if top > 0 else 0.0
    instance = replace(instance, rates=(step * phi, step * (1 - phi)))
    return instance.with_labels(signs if kind == "random" else labels(kind, instance, data))


# --- the descent ----------------------------------------------------------------------------------


class Rule(NamedTuple):
    """When a descent ends: losses as such, not as shares."""

    steps: int
    enough: float  # loss of the samples that are not dead
    lost: float
    asleep: int  # steps without an open gate that make a sample dead


@njit(cache=True, error_model="numpy")
def _pass(
    heights: Array, outer: Array, target: Array, residual: Array, sleep: NDArray[np.int64], asleep: int
) -> tuple[float, float]:
    """Write ``y - f`` and the steps since a gate was open; return the loss, and that of samples not dead."""
    m, n = heights.shape
    for i in range(n):
        residual[i] = target[i]
    opened = np.zeros(n, dtype=np.bool_)
    for j in range(m):
        for i in range(n):
            if heights[j, i] >= 0.0:  # at the kink the slope is 1/2: not closed
                residual[i] -= outer[j] * heights[j, i]
                opened[i] = True
    loss = living = 0.0
    for i in range(n):
        sleep[i] = 0 if opened[i] else sleep[i] + 1
        loss += 0.5 * residual[i] ** 2
        if sleep[i] < asleep:
            living += 0.5 * residual[i] ** 2
    return loss, living


@njit(cache=True, error_model="numpy")
def march(
    inputs: Array, target: Array, weights: Array, outer: Array, first: float, second: float, rule: Rule, losses: Array
) -> tuple[int, NDArray[np.int64]]:
    """Descend from ``weights`` (m, d) and ``outer`` (m,), which carries the output scale, in place.

    Parameters
    ----------
    first, second
        Rates of the two layers in the normal form of :mod:`theorycheck.network`, ``second`` times the squared gain.
    losses : (rule.steps + 1,)
        Gets the loss before every step, and after the last.

    Returns
    -------
    tuple
        The steps taken, and for how many steps each sample had no open gate, the last one included.
    """
    (m, d), n = weights.shape, len(target)
    across = np.ascontiguousarray(inputs.T)
    heights, change, residual = np.empty((m, n)), np.empty((m, d)), np.empty(n)
    sleep = np.zeros(n, dtype=np.int64)
    for step in range(rule.steps + 1):
        np.dot(weights, across, heights)
        losses[step], living = _pass(heights, outer, target, residual, sleep, rule.asleep)
        if living <= rule.enough or not losses[step] < rule.lost or step == rule.steps:
            return step, sleep
        for j in range(m):
            factor, moved = first * outer[j], 0.0
            for i in range(n):
                height = heights[j, i]
                if height > 0.0:
                    moved += residual[i] * height
                slope = 1.0 if height > 0.0 else (0.5 if height == 0.0 else 0.0)
                heights[j, i] = factor * slope * residual[i]
            outer[j] += second * moved
        np.dot(heights, inputs, change)
        for j in range(m):
            for k in range(d):
                weights[j, k] += change[j, k]
    return rule.steps, sleep


@dataclass(frozen=True, eq=False)
class Walked:
    """A descent: the losses from the start, the network at its end, and how long each sample has had no open gate."""

    losses: Array
    weights: Array
    outer: Array
    sleep: NDArray[np.int64]


def walk(instance: Instance, steps: int, *, enough: float = ENOUGH, asleep: int = ASLEEP) -> Walked:
    """Descend by at most so many steps; the end is there when the samples that are not dead are fitted."""
    network = instance.network
    weights, outer = np.array(network.weights, order="C"), np.array(network.outer[:, 0])
    unit, losses = instance.n / 2, np.empty(steps + 1)
    gain = float(network.gain[0]) ** 2
    rule = Rule(steps, enough * unit, LOST * unit, asleep)
    inputs, target = np.ascontiguousarray(network.inputs), np.array(instance.labels, float)
    taken, sleep = march(inputs, target, weights, outer, network.first, network.second * gain, rule, losses)
    return Walked(losses[: taken + 1], weights, outer, sleep)
