"""The published simulated experiment of caron2023 as its code describes it (sections 5.1, 5.3 and 5.5 of the theory file).

``n = 100`` samples uniform on the unit sphere of ``R^50``, ``y = (5/d) sum_l sin(pi x_l) + N(0, 0.1^2)``, ``m = 2000``
nodes, ``w_j ~ N(0, 2 I)``, signs +-1, first layer trained by full-batch gradient descent on the mean squared error at
rate 1. Its data set is not published and had no seed: data are drawn anew here, once for every seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import zipfian

from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import ASYMMETRIC

SAMPLES, DIMENSION, WIDTH, STEPS, RATE = 100, 50, 2000, 50_000, 1.0
#: standard deviation of the initial weights; the theorems have 1 (errata U12: only the tangent Gram at time 0 is the same)
SIGMA = math.sqrt(2)
NOISE = 0.1

#: the published configurations: gamma (``a`` in the code) and alpha, which is idle where gamma is 1
CONFIGURATIONS: Mapping[str, tuple[float, float]] = {
    "gamma = 1": (1.0, 0.5),
    "gamma = .5, alpha = .7": (0.5, 0.7),
    "gamma = .2, alpha = .5": (0.2, 0.5),
    "gamma = 0, alpha = .4": (0.0, 0.4),
}


class Split(NamedTuple):
    """Inputs ``(k, d)`` and labels ``(k, c)``."""

    inputs: Array
    labels: Array


class Data(NamedTuple):
    """What the protocol needs: training and test samples, and those of a second network on frozen features."""

    train: Split
    test: Split
    second_train: Split
    second_test: Split


def sampled_scales(m: int, gamma: float, alpha: float) -> Array:
    """Return the node scales ``(m,)`` of the published code, whose sampler is off by one.

    It evaluates the Zipf law at ``k = 0 .. m - 1``, but its support is ``1 .. m``: node 0 gets none of the uneven share,
    and what belongs to ``k = m`` is lost, so that the scales sum to ``1 - (1 - gamma) m^(-1/alpha)/H`` instead of 1.
    """
    return gamma / m + (1 - gamma) * np.asarray(zipfian.pmf(np.arange(m), 1 / alpha, m), float)


def simulated(seed: int, n: int = SAMPLES, d: int = DIMENSION) -> Data:
    """Draw the data of a seed: four times ``n`` samples of the law above."""
    generator = np.random.default_rng([seed, 41])

    def drawn() -> Split:
        inputs = generator.standard_normal((n, d))
        inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
        labels = 5 / d * np.sin(np.pi * inputs).sum(axis=1) + NOISE * generator.standard_normal(n)
        return Split(inputs, labels[:, None])

    return Data(drawn(), drawn(), drawn(), drawn())


def posed(train: Split, configuration: str, seed: int, m: int = WIDTH, draw: int = 0) -> Instance:
    """Return the published network on these data; configurations of a seed share their initial weights and signs."""
    gamma, alpha = CONFIGURATIONS[configuration]
    outputs = train.labels.shape[1]
    generator = np.random.default_rng([seed, 42, draw])
    weights = SIGMA * generator.standard_normal((m, train.inputs.shape[1]))
    signs = generator.choice([-1.0, 1.0], (m, outputs))
    return Instance(
        train.inputs, train.labels, weights, signs, sampled_scales(m, gamma, alpha), ASYMMETRIC, activation("relu"),
        {"gamma": gamma, "alpha": alpha}, {"m": m, "seed": seed},
    )  # fmt: skip


def step_size(train: Split, rate: float = RATE) -> float:
    """Return the step on ``|y - f|^2/2`` that is a step of ``rate`` on the mean squared error (errata U14)."""
    return 2 * rate / train.labels.size


#: read off the published figures: mean of 5 runs on one data set, configuration by configuration
FIGURES: Mapping[str, tuple[float, float, float, float]] = {
    "train risk at 1000": (0.0579, 0.0521, 0.0673, 0.0718),
    "train risk at 50000": (1.19e-06, 4.34e-06, 0.000137, 0.00311),
    "least at 0": (0.00375, 0.00314, 0.00161, 0.000336),
}
