"""Random networks at the edge of what can be certified: the largest residual that still passes, in a hard direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from theorycheck.certify import Attempt, certify
from theorycheck.certify.checkpoint import instance_of
from theorycheck.certify.layer import Layer
from theorycheck.certify.problem import Problem
from theorycheck.grams import Array
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import MEAN_FIELD, TWO_LAYER
from theorycheck.theorems import recipe

SMOOTH = ("tanh", "softplus", "sigmoid", "gelu", "silu", "erf", "sine")
#: theorem, dynamics, flags; each kind is drawn many times
KINDS = (
    ("caron2023.r0", "flow", {"m": 600, "gamma": 1.0}),
    ("caron2023.r0", "flow", {"m": 1500, "gamma": 0.6, "alpha": 0.7}),
    ("caron2023.r0_smooth", "flow", {"m": 120, "gamma": 0.5}),
    ("chen2022.a", "flow", {"m": 60, "mirrored": False}),
    ("chen2022.b", "flow", {"m": 60, "nu": 0.7}),
    ("chen2022.c", "flow", {"m": 50, "kappa": 2.0, "mirrored": False}),
    ("razborov2022.r1", "flow", {"m": 800, "signs": "normal"}),
    ("razborov2022.r1", "descent", {"m": 600, "scheme": "ntk"}),
    ("razborov2022.r0_radii", "flow", {"m": 800}),
    ("razborov2022.r0_radii", "descent", {"m": 600, "signs": "normal"}),
    ("razborov2022.r0", "flow", {"m": 100, "scheme": "ntk"}),
    ("razborov2022.r0", "descent", {"m": 100, "step": 0.3}),
)


def problem(kind: int, seed: int) -> tuple[str, str, Problem]:
    """Return theorem, dynamics and a small random problem; its labels are its output."""
    label, dynamics, flags = KINDS[kind]
    rng = np.random.default_rng([kind, seed])
    n = int(rng.integers(1, 4))
    flags = {**flags, "n": n, "d": n + int(rng.integers(0, 3)), "seed": seed, "residual": 1e-9}
    if label.startswith("chen2022"):
        flags["activation"] = ("relu", *SMOOTH)[seed % 8]
    elif label in ("caron2023.r0_smooth", "razborov2022.r0"):
        flags["activation"] = SMOOTH[seed % 7]
    return label, dynamics, odd(recipe(label).example(**flags), rng)


def odd(found: Problem, rng: np.random.Generator) -> Problem:
    """Make one in two networks unlike any that is drawn: node scales that do not sum to 1, twins, dead neurons, uneven rows."""
    if rng.random() < 0.5:
        return found
    layer, m = found.layer, found.m
    assert layer.weights is not None
    weights, signs, scales = layer.weights.copy(), np.array(layer.signs), np.array(layer.scales)
    weights[m // 2] = 0.0  # at its kink for every sample
    weights[1] = weights[0]
    if found.neuron.name == "asymmetric":
        scales *= rng.choice([0.2, 3.0])
    else:
        signs[m // 3 :: 7] *= rng.choice([0.5, 2.0]) if found.neuron.name == "mean_field" else 0.0
    inputs = found.inputs * rng.uniform(0.5, 1.0, (found.n, 1))
    moved = replace(found, layer=Layer(m, found.d, signs, scales, weights), inputs=inputs)
    return replace(moved, labels=moved.labels - instance_of(moved).start[0])


def direction(found: Problem, seed: int) -> np.ndarray:
    """Return the unit direction of the residual: the least or largest eigenvector of the Gram, or a random one."""
    vectors = np.linalg.eigh(instance_of(found).start[1])[1]
    rng = np.random.default_rng(seed)
    random = rng.standard_normal(found.n)
    return (vectors[:, 0], vectors[:, -1], random / np.linalg.norm(random))[seed % 3]


def at_the_edge(kind: int, seed: int, share: float = 1.0) -> Attempt | None:
    """Return the attempt with (``share`` of) the largest residual that is certified, or None if none is."""
    label, dynamics, start = problem(kind, seed)
    way, best, low, high = direction(start, seed), None, 1e-7, 1e4
    for _ in range(14):
        size = float(np.sqrt(low * high))
        found = certify(recipe(label), replace(start, labels=start.labels + size * way), dynamics=dynamics)
        if found.holds:
            best, low = found, size
        else:
            high = size
    if best is None or share == 1.0:
        return best
    return certify(recipe(label), replace(start, labels=start.labels + share * low * way), dynamics=dynamics)


def conclusion(found: Attempt, name: str) -> float:
    """Return the number of a conclusion."""
    return {one.name: one.value for one in found.conclusions}[name]


def attempt(label: str, dynamics: str | None = None, **flags: Any) -> Attempt:
    """Return what certifying the example of these flags gives."""
    return certify(recipe(label), recipe(label).example(**flags), dynamics=dynamics)


def quiet(fraction: float, stage: str) -> None:
    """Progress that nobody sees."""


def made(inputs: Array, labels: Array, weights: Array, signs: Array, neuron=TWO_LAYER, name: str = "relu") -> Problem:
    layer = Layer(len(weights), inputs.shape[1], signs, np.ones(len(weights)), weights)
    return Problem(neuron, activation(name), inputs, labels, layer, (1.0, 1.0 if neuron == TWO_LAYER else 0.0))


def network(seed: int, name: str) -> Problem:
    rng = np.random.default_rng(seed)
    n, d, m = int(rng.integers(1, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 60))
    scale = 1.0 if name != "relu" or seed % 3 else 10.0 ** rng.integers(-250, 29)
    weights = rng.standard_normal((m, d)) * scale
    if seed % 4 == 0:
        weights[0] = 0.0  # every gate of this neuron is at its kink
    inputs = rng.standard_normal((n, d))
    if seed % 5 == 0 and d > 1:
        weights[-1] = 0.0
        weights[-1, 0], weights[-1, 1] = inputs[0, 1] * scale, -inputs[0, 0] * scale  # a product that cancels
    return made(inputs, np.zeros(n), weights, rng.standard_normal(m), MEAN_FIELD if seed % 2 else TWO_LAYER, name)
