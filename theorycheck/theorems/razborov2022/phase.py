"""Where gradient descent succeeds beyond the NTK regime: one run of the phase diagram (section 5 of the theory).

Model of section 1: ``x ~ N(0, I_d)``, ``W_0, a_0 ~ N(0, 1)``, ``kappa = 1/sqrt(m d)``, loss ``|f - y|^2/2``, both layers
trained at rates ``phi : 1 - phi``, in steps such that the largest eigenvalue of ``K_0`` is 1/2. Labels have norm
``sqrt n``, so that ``2 L/n`` is 1 where nothing is fitted, and ``k/n`` where all but k samples of labels +-1 are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.network import output_and_gram
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


# --- what is recorded -----------------------------------------------------------------------------

NUMBERS: Mapping[str, str] = {
    "success": "share of runs with 2L/n at most 1e-4",
    "plateau": "share of runs that fitted all but their dead samples, to 1e-4: a plateau, and as low as it can be",
    "dead": "samples without an open gate in the last 1000 steps: their output stayed 0, their residual constant",
    "dead before": "samples without an open gate at the start", "killed": "dead at the end less dead at the start",
    "floor": "share of 2L/n that belongs to dead samples: k/n for k of them with labels +-1",
    "diverged": "share of runs whose loss left all bounds",
    "stuck": "share of the other failures where r'Kr/r'r is below 1e-6: no gradient, not slowness",
    "slow": "share of the rest: still on the way after the last step",
    "steps": "steps taken",
    "loss": "2L/n at the end",
    "loss at 10": "2L/n after 10 steps, or at the end if that came before",
    "loss at 100": "the same after 100", "loss at 1000": "after 1000", "loss at 10000": "after 10000",
    "rate": "-log(L)/2 per step, fitted over the last third of a successful run's steps",
    "least before": "least eigenvalue of K_0, steps included", "least after": "least eigenvalue of K_T",
    "rate over least": "fitted rate over the least eigenvalue of K_T",
    "gram moved": "|K_T - K_0|_F/|K_0|_F",
    "flipped": "share of gates that flipped",
    "W moved": "|W_T - W_0|_F/|W_0|_F", "a moved": "|a_T - a_0|/|a_0|",
}  # fmt: skip
_STUCK = 1e-6


def outcome(walked: Walked, unit: float, asleep: int = ASLEEP) -> dict[str, float]:
    """Return how a descent ended, and the losses on its way, as shares of the loss ``unit`` of the output 0.

    A sample is *dead* where every gate was closed at each of the last ``asleep`` steps. Its output was 0 all that
    time, so its residual did not change; and where the rest is fitted nothing moves any more, so it never will.
    """
    loss, dead = walked.losses[-1] / unit, walked.sleep >= asleep
    return {
        "success": float(loss <= ENOUGH), "dead": float(dead.sum()), "diverged": float(not loss < LOST),
        "steps": float(len(walked.losses) - 1), "loss": float(loss),
        **{f"loss at {k}": float(walked.losses[min(k, len(walked.losses) - 1)] / unit) for k in (10, 100, 1000, 10_000)},
    }  # fmt: skip


def fitted_rate(losses: Array) -> float:
    """Return half the slope of ``-log L`` over the last third of the steps, NaN for fewer than 4 steps."""
    last = losses[-max(2, len(losses) // 3) :]
    if len(losses) < 5 or not np.all(last > 0):
        return math.nan
    return float(-np.polyfit(np.arange(len(last)), np.log(last), 1)[0] / 2)


def observed(instance: Instance, steps: int) -> Mapping[str, float]:
    """Descend once and return NUMBERS."""
    walked, unit, network = walk(instance, steps), instance.n / 2, instance.network
    found = outcome(walked, unit)
    floor = float(np.sum(instance.labels[walked.sleep >= ASLEEP] ** 2) / 2 / unit)
    plateau = not found["success"] and found["loss"] - floor <= ENOUGH
    end = replace(network, weights=walked.weights, outer=walked.outer[:, None])
    finite = not found["diverged"]
    output, gram = output_and_gram(end) if finite else (np.zeros((instance.n, 1)), np.eye(instance.n))
    push = _push(gram, instance.labels - output[:, 0], walked.sleep < ASLEEP)
    failed = finite and not found["success"] and not plateau
    closed = ~np.any(network.inputs @ network.weights.T >= 0, axis=1)
    return {
        **found, "floor": floor, "dead before": float(closed.sum()),
        "killed": found["dead"] - float(closed.sum()), "plateau": float(plateau),
        "stuck": float(failed and push < _STUCK), "slow": float(failed and push >= _STUCK),
        **_moved(instance, end, gram, found, walked.losses),
    }  # fmt: skip


def _push(gram: Array, residual: Array, living: NDArray[np.bool_]) -> float:
    """Return ``r'Kr/r'r`` over the living samples: the share of their loss, halved, that one small step takes."""
    left = np.where(living, residual, 0.0)
    size = float(left @ left)
    return float(left @ gram @ left) / size if size > 0 else 0.0


def _moved(instance: Instance, end: Any, gram: Array, found: Mapping[str, float], losses: Array) -> dict[str, float]:
    start, before = instance.network, instance.start[1]
    if found["diverged"]:
        return dict.fromkeys(
            ("rate", "least before", "least after", "rate over least", "gram moved", "flipped", "W moved", "a moved"), math.nan
        )  # fmt: skip
    first, last = (float(np.linalg.eigvalsh(one)[0]) for one in (before, gram))
    rate = fitted_rate(losses) if found["success"] else math.nan
    gates = [start.inputs @ one.weights.T > 0 for one in (start, end)]
    size = float(np.linalg.norm(before))
    return {
        "rate": rate, "least before": max(first, 0.0), "least after": max(last, 0.0),
        "rate over least": rate / last if last > 0 else math.nan,
        "gram moved": float(np.linalg.norm(gram - before)) / size if size > 0 else 0.0,
        "flipped": float(np.mean(gates[0] != gates[1])),
        "W moved": float(np.linalg.norm(end.weights - start.weights) / np.linalg.norm(start.weights)),
        "a moved": float(np.linalg.norm(end.outer - start.outer) / np.linalg.norm(start.outer)),
    }  # fmt: skip
