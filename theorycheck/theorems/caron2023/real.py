"""Pruning and transfer on real data: the published protocol on sets that come with scikit-learn (section 5.1).

The published sets (concrete, energy, airfoil, plant, MNIST, CIFAR-10) are not at hand. As for the UCI sets there: rows are
shuffled and split 40/40/20 into training, transfer and test samples, inputs and labels standardised by the training
samples, the transfer samples halved. As for MNIST: pixels in [0, 1], one output for each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from theorycheck.data import load
from theorycheck.experiment import Point
from theorycheck.grams import Array
from theorycheck.network import Network
from theorycheck.theorems.caron2023 import course as co
from theorycheck.theorems.caron2023 import published as pub
from theorycheck.theorems.caron2023 import uses as us
from theorycheck.theorems.caron2023.published import Data, Split


class Plan(NamedTuple):
    """How a set is trained: ``rate`` and ``steps`` of the first network, width, rate and steps of the second, rows of the Gram."""

    rows: int | None
    classes: int
    rate: float
    steps: int
    width: int
    second_rate: float
    second_steps: int


#: the published rates; of digits 20 times the rate, which its small tangent Gram bears, so that 1000 steps are the time of 20 000
PLANS: Mapping[str, Plan] = {
    "diabetes": Plan(None, 0, 1.0, 5000, 64, 0.1, 5000),
    "breast_cancer": Plan(None, 0, 1.0, 4000, 64, 0.1, 5000),
    "digits": Plan(1000, 10, 20.0, 1000, 128, 1.0, 2000),
}
GRAM_ROWS = 50


@lru_cache(maxsize=4)
def split(name: str, seed: int) -> Data:
    """Return a set's four parts, shuffled by the seed."""
    plan = PLANS[name]
    whole = load(name, rows=plan.rows, inputs_scale="none", labels_scale="none", seed=seed)
    inputs, labels = whole.inputs, whole.labels[:, None]
    n = len(inputs)
    first, second = round(0.4 * n), round(0.8 * n)
    middle = (first + second) // 2
    if plan.classes:
        inputs, labels = inputs / inputs.max(), (labels == np.arange(plan.classes)).astype(float)
    else:
        inputs, labels = (standardised(part, part[:first]) for part in (inputs, labels))
    cut = (slice(0, first), slice(second, n), slice(first, middle), slice(middle, second))
    return Data(*(Split(inputs[part], labels[part]) for part in cut))


def standardised(values: Array, by: Array) -> Array:
    """Return columns with mean 0 and variance 1 over the rows ``by``; a column that is constant there becomes 0 there."""
    deviation = by.std(axis=0)
    return (values - by.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def accuracy(network: Network, part: Split) -> float:
    """Return the share of samples whose largest output is the right one; NaN for one output."""
    if part.labels.shape[1] == 1:
        return float("nan")
    return float(np.mean(co.outputs(network, part.inputs).argmax(axis=1) == part.labels.argmax(axis=1)))


def observe(point: Point, seed: int, share: float = 1.0, m: int = pub.WIDTH) -> Mapping[str, float]:
    """Make one run; ``share`` of the steps of both networks."""
    name = str(point["data"])
    plan, data = PLANS[name], split(name, seed)
    steps = round(share * plan.steps)
    instance = pub.posed(data.train, str(point["configuration"]), seed, m)
    run = co.course(instance, data.test, (0, steps), pub.step_size(data.train, plan.rate), GRAM_ROWS)
    after = {name: float(values[1]) for name, values in run.seen.items()}
    second = {"width": plan.width, "rate": plan.second_rate, "steps": round(share * plan.second_steps)}
    return {
        **after, "least before": float(run.seen["least"][0]), "test accuracy": accuracy(run.network, data.test),
        **us.used(run.network, instance.scales, data, seed, **second),
    }  # fmt: skip
