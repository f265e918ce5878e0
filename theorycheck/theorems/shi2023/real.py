"""Real data: where the gradients of random neurons point, how training keeps that, and what R8 promises on the empirical distribution.

The population is the data set itself, rows of length 1, equally likely. Nobody knows a truth here: D is the direction of
``E[y x]``, and the truth that R8 is compared with is ``f* = c (max(<D, x> - b*, 0) - max(-<D, x> - b*, 0))`` with the best c.
For ``b* = -1`` it is linear.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.data import load
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.symbolic.tails import clopper_pearson
from theorycheck.theorems.shi2023 import end_to_end, features, hits
from theorycheck.theorems.shi2023 import hyperparameters as hyper
from theorycheck.theorems.shi2023 import setting as s

Array = NDArray[np.float64]
SETS = ("breast_cancer", "digits 0/1")
TIMES = ("start", "one step", "end")
#: bias over the deviation of <w, x>, which is 1; "on": always above
NEURONS: Mapping[str, float] = {"always on": -math.inf, "b = -1": -1.0, "b = -1/2": -0.5, "b = 1/2": 0.5, "b = 2": 2.0}
#: room for rounding at the edge of a set
ROOM = 1e-9
#: neurons that are drawn for a feature set, and for a network (quadruples), and its steps after the first one
DRAWN, QUADRUPLES, STEPS = 2000, 20, 600
#: sizes of the truth's positive biases, factors c; what lengths and descent may cost each, and the chance that features do not emerge
KINKS, FACTORS, ALLOWED, DELTA = (0.02, 0.05, 0.1, 0.2), np.geomspace(0.1, 40, 80), 0.1, 0.1


@lru_cache(maxsize=4)
def data(name: str) -> tuple[Array, Array]:
    """Return rows of length 1 and labels -1 and 1; of digits the first two."""
    found = load(name.split(maxsplit=1)[0], labels_scale="none")
    kept = found.labels <= 1
    return found.inputs[kept], np.where(found.labels[kept] > 0.5, 1.0, -1.0)


@lru_cache(maxsize=4)
def directions(name: str) -> tuple[Array, Array]:
    """Return the direction of ``E[y x]``, ``(d,)``, and those of the two classes' means, ``(2, d)``."""
    inputs, labels = data(name)
    means = np.array([labels @ inputs, *(inputs[labels == sign].sum(axis=0) for sign in (1.0, -1.0))])
    units = means / np.linalg.norm(means, axis=1)[:, None]
    return units[0], units[1:]


def cosines(vectors: Array, wanted: Array) -> Array:
    """Return ``|cos|`` of the angles between rows ``(m, d)`` and unit vectors ``(k, d)``; 0 for a row of zeros."""
    lengths = np.linalg.norm(vectors, axis=1)[:, None]
    return np.asarray(np.abs(vectors @ wanted.T) / np.where(lengths > 0, lengths, 1.0))


# --- the empirical feature set, and R8's bound ----------------------------------------------------


@lru_cache(maxsize=32)
def gradients(name: str, neurons: str, seed: int) -> Array:
    """Return the simplified gradients of neurons ``w ~ N(0, I)``, ``(DRAWN, d)``."""
    inputs, labels = data(name)
    weights = np.random.default_rng([seed, 131]).standard_normal((DRAWN, inputs.shape[1]))
    bias = max(NEURONS[neurons], -1 - float(np.linalg.norm(weights, axis=1).max()))
    return s.empirical_gradients(s.network(inputs, labels, weights, np.ones(DRAWN), np.full(DRAWN, bias)))[0]


def best_truth(name: str, positive: bool, per_factor: float) -> tuple[float, float, float, float]:
    """Return c, ``|b*|``, ``|a*|_1`` and the hinge loss of the truth for which the loss and ``per_factor |a*|_1`` are least together."""
    inputs, labels = data(name)
    along = inputs @ directions(name)[0]
    best = (math.inf, 0.0, 1.0, 0.0, 1.0)
    for kink in KINKS if positive else (-1.0,):
        shape = labels * (np.maximum(along - kink, 0.0) - np.maximum(-along - kink, 0.0))
        for c in FACTORS * (1.0 if positive else 0.5):
            loss = float(np.mean(np.maximum(0.0, 1 - c * shape)))
            best = min(best, (loss + 2 * c * per_factor, float(c), abs(kink), float(2 * c), loss))
    return best[1:]


def feature_set(point: Mapping[str, Any], seed: int) -> Mapping[str, float]:
    """Measure where gradients point, take gamma at their median and B_G at a tenth of the hits' lengths, and evaluate R8 with them."""
    name, neurons = str(point["data"]), str(point["neurons"])
    direction, classes = directions(name)
    drawn = gradients(name, neurons, seed)
    along, lengths = cosines(drawn, direction[None])[:, 0], np.linalg.norm(drawn, axis=1)
    # one half of the neurons chooses the set, the other one counts its hits
    half = DRAWN // 2
    gamma = max(1 - float(np.median(along[:half])), 0.0) + ROOM
    near = lengths[:half][along[:half] >= 1 - gamma]
    least = float(np.quantile(near, 0.1)) * (1 - ROOM)
    surely, possibly = (
        int(one.sum()) for one in hits.hitting(drawn[half:], direction, 1 - gamma, least, np.full(half, 1e-12))
    )
    low, high = clopper_pearson(surely, possibly, half, 0.025, 0.025)
    ratio = float(np.max(lengths)) / least if least > 0 else math.inf
    found = {f"cos {round(100 * level)} %": float(np.quantile(along, level)) for level in (0.05, 0.5, 0.95)}
    found["class"] = float(np.median(cosines(drawn, classes).max(axis=1)))
    positive = NEURONS[neurons] > 0
    numbers = {
        **promised(name, positive, gamma, low, ratio),
        "bound, gamma 0": promised(name, positive, 0.0, low, ratio)["bound"],
    }
    return {
        **found,
        "gamma": gamma,
        "B_G": least,
        "p": surely / half,
        "p low": low,
        "p high": high,
        **numbers,
        "trivial": 1.0,
    }


def promised(name: str, positive: bool, gamma: float, chance: float, ratio: float) -> dict[str, float]:
    """Return R8's bound, term by term, and the width and the steps that it asks for; ``ratio`` is U (errata W4), 1/p enters the width.

    What lengths and descent cost is fixed at :data:`ALLOWED` each, which fixes eps_1 and epsilon.
    """
    inputs, _ = data(name)
    moment, r = features.first_moment(inputs), 2
    per_factor = moment * math.sqrt(2 * gamma)
    c, kink, size, loss = best_truth(name, positive, per_factor)
    at = {features.outer_size: size, features.M_1: moment, features.gamma: gamma, features.eps_1: min(1.0, ALLOWED / (size * moment)), hyper.epsilon: ALLOWED, end_to_end.truth_loss: loss}  # fmt: skip
    total = float(end_to_end.BOUND.subs(at))
    hit = (
        float(features.CHANCE.subs({**at, features.chance: chance, features.ratio: ratio}))
        if math.isfinite(ratio)
        else 0.0
    )
    width = math.ceil(8 / hit * math.log(r / DELTA)) if hit > 0 else math.inf
    terms = {
        "OPT": loss,
        "direction": size * per_factor,
        "length": size * moment * float(at[features.eps_1]),
        "descent": ALLOWED,
    }
    steps = _steps(width, hit, 2 * c * kink, ratio, kink, float(np.mean(np.linalg.norm(inputs, axis=1))))
    return {
        **terms, "bound": total, "vacuous": float(total >= 1), "log10 m": math.log10(width) if math.isfinite(width) else math.inf, "log10 T": steps,
    }  # fmt: skip


def _steps(width: float, hit: float, products: float, ratio: float, kink: float, b_1: float) -> float:
    """Return log10 of the T that is known before the weights are drawn (errata U2): alpha and beta from m, p' and ``|a^(0)| <= 2 (root m + ...)``."""
    if not math.isfinite(width):
        return math.inf
    first = ratio / kink * 2 * (math.sqrt(width) + math.sqrt(2 * math.log(1 / DELTA)))
    beta = (first + math.sqrt(4 * width) / b_1) / (1 - float(hyper.START_SHARE))
    at = {
        hyper.alpha: products / math.sqrt(math.ceil(width * hit / 2)),
        hyper.beta: beta,
        hyper.epsilon: ALLOWED,
        hyper.B_1: b_1,
    }
    return math.log10(float(hyper.STEPS.subs(hyper.bias, sp.sqrt(hyper.BIAS_SQUARED)).subs(at)))


# --- training -------------------------------------------------------------------------------------


def start(name: str, seed: int) -> Instance:
    """Return the symmetric network at time 0; the size of its biases is half the deviation of ``<w, x>``."""
    inputs, labels = data(name)
    generator = np.random.default_rng([seed, 137])
    parts = s.quadruples(
        generator.standard_normal((QUADRUPLES, inputs.shape[1])), generator.standard_normal(QUADRUPLES), 0.5
    )
    return s.network(inputs, labels, *parts)


@lru_cache(maxsize=16)
def trained(name: str, seed: int) -> Mapping[str, tuple[Array, Array]]:
    """Return first layer and output weights at each of :data:`TIMES`: the first step forgets the start, small steps follow."""
    net = start(name, seed)
    lengths = np.linalg.norm(s.empirical_gradients(net)[0], axis=1)
    rate = 0.5 / float(np.median(lengths))
    after = descend(net, step=rate, steps=1, loss="hinge", mean=True, decay=1 / rate, record=[1]).network
    again = s.network(net.inputs, net.labels, after.weights, after.outer[:, 0], s.biases_of(net))
    end = descend(again, step=1 / net.m, steps=STEPS, loss="hinge", mean=True, record=[STEPS]).network
    return {
        "start": (net.weights, net.signs),
        "one step": (after.weights, after.outer[:, 0]),
        "end": (end.weights, end.outer[:, 0]),
    }


def alignment(point: Mapping[str, Any], seed: int) -> Mapping[str, float]:
    """Measure how far the weights of a network point at the mean and at the classes' means, at one time."""
    name = str(point["data"])
    net = start(name, seed)
    weights, outer = trained(name, seed)[str(point["time"])]
    direction, classes = directions(name)
    along = cosines(weights, direction[None])[:, 0]
    output = np.maximum(net.inputs @ weights.T - s.biases_of(net), 0.0) @ outer
    mass = np.abs(outer) * np.linalg.norm(weights, axis=1)
    return {
        **{f"cos {round(100 * level)} %": float(np.quantile(along, level)) for level in (0.05, 0.5, 0.95)},
        "weighted": float(mass @ along / mass.sum()), "class": float(np.median(cosines(weights, classes).max(axis=1))),
        "loss": float(np.mean(np.maximum(0.0, 1 - net.labels * output))), "error": float(np.mean(net.labels * output < 0) + np.mean(output == 0) / 2),
    }  # fmt: skip
