"""The problems of ``flow.py``: ``problem(name)`` builds the instance, ``horizon(name)`` says how far it is followed.

``f(x) = sum_j outer_j s(w_j . x / sqrt d)`` with ``outer = +-1/sqrt m``, Gaussian weights, first layer trained, squared
loss. Rows have length ``sqrt d``, so that pre-activations are of size 1. Labels are the initial output plus a random unit
vector: ``|r(0)| = 1``. At the horizon the residual has fallen 10^4 times, the loss 10^8 times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from theorycheck.model import Instance, gaussian_weights, node_scales
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.network import ASYMMETRIC

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """What makes an instance, and the time at which its residual has fallen 10^4 times.

    ``condition`` is that of the initial tangent Gram; None leaves the rows as they are drawn. With ``pair`` it is reached by
    turning the second row towards the first, from inputs of condition 15. ``horizon`` was found once with the reference
    integrator (``_flow_reference.py``; the exact flow for ReLU, the linearised flow for widths and sample counts) and is
    typed in, so that every run solves the same problem.
    """

    n: int
    d: int
    m: int
    horizon: float
    activation: str = "tanh"
    condition: float | None = 15.0
    pair: bool = False
    seed: int = 0


PROBLEMS = {
    "tanh-15": Problem(20, 20, 1000, 79.3),
    "tanh-1e3": Problem(20, 20, 1000, 4380.0, condition=1e3, pair=True),
    "tanh-1e5": Problem(20, 20, 1000, 623600.0, condition=1e5, pair=True),
    "samples-200": Problem(200, 20, 2000, 152.6, condition=None),
    "million": Problem(50, 100, 10_000, 66.7),
    "softplus": Problem(20, 20, 1000, 130.8, "softplus"),
    "erf": Problem(20, 20, 1000, 62.35, "erf"),
    "gelu": Problem(20, 20, 1000, 80.6, "gelu"),
    "relu-sliding": Problem(20, 10, 1024, 81.0, "relu", condition=None),
    "small-1e3": Problem(10, 10, 200, 5487.0, condition=1e3, pair=True),
}
#: cost against the width: the inputs of tanh-15, the same horizon for all
WIDTHS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
#: cost against the number of samples, d = n, m = 1000, condition 15: samples and horizon
SAMPLES = {5: 100.1, 10: 81.2, 20: 79.3, 50: 73.3, 100: 63.6, 200: 67.5, 500: 67.8}
PROBLEMS |= {f"m-{m}": Problem(20, 20, m, 79.3) for m in WIDTHS}
PROBLEMS |= {f"n-{n}": Problem(n, n, 1000, time) for n, time in SAMPLES.items()}


@cache
def problem(name: str) -> Instance:
    """Return the instance of that name."""
    made = PROBLEMS[name]
    rng = np.random.default_rng([made.seed, 7])
    inputs = _inputs(made, rng)
    direction = rng.standard_normal(made.n)
    instance = _instance(made, inputs, made.m)
    output = instance.labels - instance.start[0]
    return instance.with_labels(output + direction / np.linalg.norm(direction))


def horizon(name: str) -> float:
    """Return the time up to which the problem is followed."""
    return PROBLEMS[name].horizon


def condition(instance: Instance) -> float:
    """Return the condition number of the initial tangent Gram."""
    values = np.linalg.eigvalsh(instance.start[1])
    return float(values[-1] / values[0])


def _instance(made: Problem, inputs: Array, width: int) -> Instance:
    weights, signs = gaussian_weights(width, made.d, made.seed)
    scales = node_scales(width, 1.0, 0.5)
    activation = ACTIVATIONS[made.activation]
    return Instance(inputs, np.zeros(made.n), weights, signs, scales, ASYMMETRIC, activation)


def _inputs(made: Problem, rng: np.random.Generator) -> Array:
    """Return rows of length ``sqrt d`` for which the initial tangent Gram has the condition that is asked for."""
    if made.condition is None:
        return _rows(rng.standard_normal((made.n, made.d)))
    width = min(
        made.m, 1000
    )  # the condition hardly depends on more neurons, and the inputs are the same for every width
    frames = [np.linalg.qr(rng.standard_normal((size, made.n)))[0] for size in (made.n, made.d)]

    def spread(decay: float) -> Array:
        singular = np.exp(-0.5 * decay * np.linspace(0.0, 1.0, made.n))
        return _rows(frames[0] * singular @ frames[1].T)

    def at(rows: Array) -> float:
        return condition(_instance(made, rows, width))

    base = spread(_bisect(lambda decay: at(spread(decay)), 0.0, 12.0, 15.0 if made.pair else made.condition))
    if not made.pair:
        return base
    first = base[0] / np.linalg.norm(base[0])
    away = base[1] - (base[1] @ first) * first
    away /= np.linalg.norm(away)

    def turned(log_angle: float) -> Array:
        rows = base.copy()
        angle = np.exp(-log_angle)
        rows[1] = (np.cos(angle) * first + np.sin(angle) * away) * np.sqrt(made.d)
        return rows

    return turned(_bisect(lambda log_angle: at(turned(log_angle)), 0.0, 12.0, made.condition))


def _rows(matrix: Array) -> Array:
    """Scale every row to the length ``sqrt d``."""
    return matrix / np.linalg.norm(matrix, axis=1)[:, None] * np.sqrt(matrix.shape[1])


def _bisect(function: Callable[[float], float], low: float, high: float, target: float) -> float:
    """Return where a growing function meets the target."""
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < target else (low, middle)
    return (low + high) / 2
