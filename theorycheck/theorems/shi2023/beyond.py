"""Beyond kernels, on one scale: N features fixed before the parity is chosen, and the N neurons of a network after one gradient step.

All are scaled to mean square 1 on the cube and get the best second layer with ``|w| <= B``, so that R10's bound is about each
kind of fixed features. The network is section 1.2's; its first step sees the whole population (R1). Random ReLU features are its
own neurons before that step, with the lengths that they have after it. A kernel of size N is the N parities with the largest
eigenvalues of the arc-cosine kernel on the cube; spread features correlate equally with all parities, R10's best case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.gaussian import QU, QV, RHO, dual
from theorycheck.theorems.shi2023 import fixed, kernels
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import cube
from theorycheck.theorems.shi2023.parities import structured as support

Array = NDArray[np.float64]
#: values of features on points: ``(n, D) -> (n, N)``
Features = Callable[[Array], Array]


@dataclass(frozen=True)
class Task:
    """Parities of k among D signs: with chance p_o uniform (``copies`` 0: always), else the k signs are all equal. B bounds |w|."""

    width: int
    size: int
    copies: int
    radius: float


TASKS: Mapping[str, Task] = {"2 of 13": Task(13, 2, 0, 1.0), "5 of 11": Task(11, 5, 4, 1.5)}
KINDS = ("one step", "both trained", "random ReLU", "kernel", "spread")
#: b~, and the steps after the first one, of size ``STEP/N``
BIAS, STEPS, STEP = 0.5, 500, 4.0


@lru_cache(maxsize=4)
def data(task: Task) -> tuple[Array, Array]:
    """Return the population, equally likely rows and labels, A being the first k signs."""
    if task.copies:
        law = support(1, task.size, task.width - task.size, filled=False, copies=task.copies, uniform=True)
        return law.points, law.labels
    points = cube(task.width)
    return points, np.prod(points[:, : task.size], axis=1)


def start(task: Task, count: int, seed: int) -> Instance:
    """Return the network at time 0: ``count`` neurons in quadruples, weights of signs, output weights N(0, 1)."""
    generator = np.random.default_rng([seed, 113])
    signs = generator.choice([-1.0, 1.0], (count // 4, task.width))
    return s.network(*data(task), *s.quadruples(signs, generator.standard_normal(count // 4), BIAS))


def first_step(net: Instance) -> Instance:
    """Return the network after one step whose decay forgets the start, with a rate at which hits have length ``b~ |a|`` (R8.1)."""
    lengths = np.linalg.norm(s.empirical_gradients(net)[0], axis=1)
    rate = BIAS / float(np.median(lengths[lengths > 0]))
    found = descend(net, step=rate, steps=1, loss="hinge", mean=True, decay=1 / rate, record=[1]).network
    return s.network(net.inputs, net.labels, found.weights, found.outer[:, 0], s.biases_of(net))


# --- features -------------------------------------------------------------------------------------


def neurons(weights: Array, biases: Array) -> Features:
    """Return ReLU neurons as features."""
    return lambda points: np.maximum(points @ weights.T - biases, 0.0)


@lru_cache(maxsize=4)
def largest_eigenfunctions(width: int, count: int) -> tuple[NDArray[np.int64], Array]:
    """Return the ``count`` parities with the largest eigenvalues of the arc-cosine kernel on the cube, as indices, and these."""
    known = dual(ACTIVATIONS["relu"].expr, "relu")
    assert known is not None
    form = known.closed_form.subs({QU: 1, QV: 1})
    inner = np.clip(cube(width).mean(axis=1), -1.0, 1.0)
    values = fixed.walsh(np.asarray(sp.lambdify(RHO, form)(inner), dtype=float)[:, None])[:, 0]
    # parities of one size share their eigenvalue: what rounding makes of it must not choose among them
    order = np.argsort(-np.round(values, 12), kind="stable")[:count]
    return order.astype(np.int64), values[order]


def fixed_features(task: Task, kind: str, count: int, seed: int) -> Features:
    """Return features that do not know A."""
    if kind == "random ReLU":
        net = start(task, count, seed)
        weights = net.weights * (BIAS * np.abs(net.signs) / math.sqrt(task.width))[:, None]
        return neurons(weights, s.biases_of(net))
    if kind == "kernel":
        indices = largest_eigenfunctions(task.width, count)[0]
        return lambda points: np.column_stack([fixed.parity_of(points, int(index)) for index in indices])
    dummy = np.zeros((count, task.width))
    return lambda points: fixed.features(2, points, dummy, np.zeros(count), task.size, seed)


def turned(features: Features, task: Task, index: int) -> Features:
    """Return features that see A where the given ones see the set ``index``: coordinates change places."""
    inside = [one for one in range(task.width) if index >> (task.width - 1 - one) & 1]
    order = np.argsort([*inside, *(one for one in range(task.width) if one not in inside)])
    return lambda points: features(points[:, order])


# --- one run --------------------------------------------------------------------------------------


def _loss(task: Task, features: Features) -> tuple[float, float, float]:
    """Return the hinge loss of the best second layer that was found, its share of wrong signs (zeros count half), and ``|w|``."""
    points, labels = data(task)
    lengths = np.sqrt(np.mean(features(cube(task.width)) ** 2, axis=0))
    signed = labels[:, None] * features(points) / np.where(lengths > 0, lengths, 1.0)
    found, w = fixed.best_in_ball(signed, np.full(len(labels), 1 / len(labels)), task.radius)
    output = signed @ w
    wrong = float(np.mean(output < -1e-12) + np.mean(np.abs(output) <= 1e-12) / 2)
    return float(found.value + found.error), wrong, float(np.linalg.norm(w))


def _trained(task: Task, count: int, seed: int) -> dict[str, float]:
    """Train both layers of the network after its first step; |w| is that of the output weights over features of size 1."""
    net = first_step(start(task, count, seed))
    end = descend(
        net, step=STEP / count, steps=STEPS, loss="hinge", mean=True, record=17, until=lambda state: state.loss == 0
    )
    lengths = np.sqrt(np.mean(neurons(end.network.weights, s.biases_of(net))(cube(task.width)) ** 2, axis=0))
    heights = neurons(end.network.weights, s.biases_of(net))(net.inputs) @ end.network.outer[:, 0]
    wrong = float(np.mean(net.labels * heights <= 0))
    size = float(np.linalg.norm(lengths * end.network.outer[:, 0]))
    return {"hinge": float(end.loss[-1]), "any": float(end.loss[-1]), "error": wrong, "|w|": size}


def promised(task: Task, count: int) -> dict[str, float]:
    """Return R10's lower bounds for any N fixed features: on the hinge loss of one parity, and on the mean of squares."""
    points, _ = data(task)
    at: dict[Any, float] = {
        kernels.N: count, kernels.B: task.radius, kernels.parities: math.comb(task.width, task.size),
        kernels.uniform: 2**task.width / len(points),
    }  # fmt: skip
    average = next(claim for claim in kernels.KERNELS.claims if claim.label == "average").bound.lhs
    return {"bound": max(float(kernels.HINGE.subs(at)), 0.0), "bound on squares": max(float(average.subs(at)), 0.0)}


def observe(point: Mapping[str, Any], seed: int) -> Mapping[str, float]:
    """Measure one kind of features at one size: on the parity that is hardest for them, and on any one."""
    task, kind, count = TASKS[point["task"]], str(point["features"]), int(point["N"])
    found = {**promised(task, count), "squares": math.nan}
    if kind == "both trained":
        return {**found, **_trained(task, count, seed)}
    if kind == "one step":
        # weights and data have no preferred coordinate, so any parity is as hard as any other
        net = first_step(start(task, count, seed))
        hinge, wrong, size = _loss(task, neurons(net.weights, s.biases_of(net)))
        transform = fixed.walsh(neurons(net.weights, s.biases_of(net))(cube(task.width)))
        own = fixed.sets(task.width, task.size)[:1]
        return {
            **found,
            "hinge": hinge,
            "any": hinge,
            "error": wrong,
            "|w|": size,
            "squares": 1 - fixed.explained(transform, own),
        }
    features, chosen = fixed_features(task, kind, count, seed), fixed.sets(task.width, task.size)
    values = features(cube(task.width))
    lengths = np.sqrt(np.mean(values**2, axis=0))
    transform = fixed.walsh(values / np.where(lengths > 0, lengths, 1.0))
    hardest = int(chosen[np.argmin(np.sum(transform[chosen] ** 2, axis=1))])
    hinge, wrong, size = _loss(task, turned(features, task, hardest))
    other = int(np.random.default_rng([seed, 127]).choice(chosen))
    squares = 1 - fixed.explained(transform, chosen) / len(chosen)
    return {
        **found,
        "hinge": hinge,
        "any": _loss(task, turned(features, task, other))[0],
        "error": wrong,
        "|w|": size,
        "squares": squares,
    }
