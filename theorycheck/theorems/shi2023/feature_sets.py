"""Gradient feature sets as objects: a direction D, what is proved of its membership in S_{p, gamma, B_G}, and what drawn neurons say.

``(D, s)`` is in ``S_{p, gamma, B_G}`` if ``|cos(G(w, b), D)| >= 1 - gamma`` and ``|G(w, b)| >= B_G`` with chance at least p over w, given
the sign s and the size of b (section 1.3, errata U4). p, gamma and B_G are the expressions of the cards of R3, R5.2, R6 and R7a.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.stats import chi2

from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.symbolic.tails import clopper_pearson
from theorycheck.symbolic.thresholds import majority_coefficient
from theorycheck.theorems.shi2023 import (
    features,
    hits,
    linear,
    mixture,
    mixture_chance,
    parity,
    structured,
    truth_mixture,
)
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.gaussians import Mixture, isotropic, simplified_gradient
from theorycheck.theorems.shi2023.parities import cube, positive_zigzag, share, uniform_gradient, zigzag
from theorycheck.theorems.shi2023.parities import structured as support

Array = NDArray[np.float64]
#: ``gradients(generator, m, b)``: the simplified gradients of m random neurons with bias b, ``(m, d)``
Gradients = Callable[[np.random.Generator, int, float], Array]
#: neurons whose gradients are formed at once
BLOCK = 2000
#: room for rounding where hits sit on the edge of the set (errata U10), or any gamma will do
ROOM = 1e-9


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """One direction and its set.

    Parameters
    ----------
    direction
        D, a unit vector ``(d,)``.
    bias
        b~, the size of the bias, in units of the deviation of the weights.
    proved
        p for ``s = +1`` and ``s = -1``; 0 where nothing is proved.
    gamma, length
        The set's gamma and B_G.
    doubt
        What a gradient's length may be off by, for rounding.
    gradients
        Draws neurons.
    least_loss
        A proved upper bound on OPT, the least hinge loss of a network on these features; NaN where there is none.
    seen_loss
        The hinge loss of the network that proves it: on the support, or on a sample drawn by the seed.
    """

    direction: Array
    bias: float
    proved: tuple[float, float]
    gamma: float
    length: float
    doubt: float
    gradients: Gradients
    least_loss: float
    seen_loss: Callable[[int], float]

    def hits(self, sign: int, count: int, seed: int) -> tuple[int, int]:
        """Return how many of ``count`` drawn neurons surely hit, and how many may, as far as rounding tells."""
        generator, found = np.random.default_rng([seed, 107]), np.zeros(2, dtype=int)
        for start in range(0, count, BLOCK):
            drawn = self.gradients(generator, min(BLOCK, count - start), sign * self.bias)
            both = hits.hitting(drawn, self.direction, 1 - self.gamma, self.length, np.full(len(drawn), self.doubt))
            found += [int(one.sum()) for one in both]
        return int(found[0]), int(found[1])

    def chance(self, sign: int, count: int, seed: int, level: float = 0.95) -> tuple[float, float, float]:
        """Return the share of hits among drawn neurons, and Clopper and Pearson's interval for the chance."""
        surely, possibly = self.hits(sign, count, seed)
        return surely / count, *clopper_pearson(surely, possibly, count, (1 - level) / 2, (1 - level) / 2)


def _cone(error: float, target: float) -> tuple[float, float]:
    """Return gamma and B_G where the gradient is off a vector of length ``target`` by at most ``error`` (the angle lemma)."""
    ratio = min(error / target, 1.0)
    return 1 - math.sqrt(1 - ratio**2), max(target - error, 0.0)


def _valued(card: Any, instance: Instance, expression: sp.Expr) -> float:
    """Return a card's expression at what the card measures on an instance."""
    run, wanted = Run(instance), expression.free_symbols
    return float(expression.subs({part.symbol: float(part.measure(run).value) for part in card.quantities if part.symbol in wanted}))  # fmt: skip


# --- mixtures of Gaussians (R3, R4) ---------------------------------------------------------------


def gaussians(components: int, width: int, sigma: float, margin: float, xor: bool) -> FeatureSet:
    """Return the first component of a mixture with means of length 1 at right angles; for XOR each mean has its opposite beside it.

    XOR is R3's chance for the two directions, twice: the cone has two sides. The truth has a neuron for each component, with
    biases ``h = kappa_f sigma`` and kappa_f so that R4's bound is least on a grid.
    """
    made = mixture_chance.MIXTURE_CHANCE.example(n=components, d=width, m=1, sigma=sigma, kappa=margin)
    chance, bias = _valued(mixture_chance.MIXTURE_CHANCE, made, mixture_chance.CHANCE), made.parameters["b"]
    means = np.eye(components, width)
    labels = np.where(np.arange(components) % 2 == 0, 1.0, -1.0)
    if xor:
        means, labels = np.vstack([means, -means]), np.concatenate([labels, labels])
    r = len(means)
    law = isotropic(means, np.full(r, sigma), np.full(r, 1 / r), labels)
    sizes = {mixture.mean_size: 1.0, mixture.deviation: sigma}
    gamma, length = _cone(float(mixture.error_of(sp.Float(margin)).subs(sizes)), 1 / r)
    loss, seen = _truth(law, sigma)

    def gradients(generator: np.random.Generator, m: int, b: float) -> Array:
        return simplified_gradient(law, generator.standard_normal((m, width)), np.full(m, b))

    proved = (2 * chance, 2 * chance) if xor else (chance, 0.0)
    return FeatureSet(means[0], bias, proved, gamma, length, 1e-12, gradients, loss, seen)


def _truth(law: Mixture, sigma: float, samples: int = 20_000) -> tuple[float, Callable[[int], float]]:
    """Return R4's least bound, and the loss of its network on samples."""
    best, chosen = math.inf, (0.0, 1.0)
    opposed = max(int(np.sum(law.labels != sign)) for sign in law.labels)
    for margin in np.arange(0.25, 1 / (2 * sigma), 0.25):
        outer = 1 / (1 - 2 * margin * sigma)
        at = {
            truth_mixture.kappa: margin,
            truth_mixture.c: outer,
            truth_mixture.deviation: sigma,
            truth_mixture.opposed: opposed,
        }
        value = float(truth_mixture.HINGE.subs(at))
        best, chosen = min((best, chosen), (value, (margin * sigma, outer)))
    h, outer = chosen
    truth = features.Truth(law.means, outer * law.labels, np.full(len(law.means), h))

    def seen(seed: int) -> float:
        inputs, labels = law.sample(samples, seed)
        return float(np.mean(np.maximum(0.0, 1 - labels * truth(inputs))))

    return best, seen


# --- parities (R5.2, R6) --------------------------------------------------------------------------


def uniform_parity(n: int, k: int, bias: float) -> FeatureSet:
    """Return ``1_A/sqrt k`` for the parity of the first k of n uniform signs; neurons are signs, and both signs of b do the same."""
    at = {parity.outside: n - k, parity.k: k, parity.xi: sp.Rational(majority_coefficient(n, k))}
    chance = float(parity.SHARE.subs(at))
    gamma, length = 1 - float(parity.COSINE.subs(at)) + ROOM, float(parity.LENGTH.subs(at)) * (1 - ROOM)
    direction = np.where(np.arange(n) < k, 1.0, 0.0) / math.sqrt(k)
    points = cube(n)
    labels, net = np.prod(points[:, :k], axis=1), zigzag(k)

    def gradients(generator: np.random.Generator, m: int, b: float) -> Array:
        return uniform_gradient(generator.choice([-1.0, 1.0], (m, n)), k, b)

    def seen(_: int) -> float:
        return float(np.mean(np.maximum(0.0, 1 - labels * net(points @ direction))))

    return FeatureSet(direction, bias, (chance, chance), gamma, length, 1e-12 * length, gradients, 0.0, seen)


def blocks(count: int, size: int, noise: int, margin: float, reach: float, window: float, filled: bool, asked: tuple[float, float] | None = None) -> FeatureSet:  # fmt: skip
    """Return the first block of a structured parity mixture without a uniform part, so that it can be enumerated.

    On R6's event every gate that should be closed or open is so by at least ``margin`` noise lengths, and the gate of the opposite
    sign by five times that (errata U6). Where that leaves more error than there is gradient nothing is proved; ``asked`` then says
    which gamma, and what share of the gradient's limit, is looked for.
    """
    law = support(count, size, noise, filled=filled, copies=1, uniform=False)
    exponents = np.array([1.0, 25.0] + [1.0] * (2 * count - 2)) * margin**2 / 2
    at = {
        structured.k: size, structured.r: count, structured.chance: float(law.chance), structured.root_uniform: math.exp(-(margin**2)),
        structured.part: float(share(count, filled)), structured.tails: float(np.exp(-exponents).sum()),
        structured.root_tails: float(np.exp(-exponents / 2).sum()), structured.kappa: margin, structured.reach: reach, structured.window: window,
    }  # fmt: skip
    error, target = (float(one.subs(at)) for one in (structured.ERROR, structured.TARGET))
    left = float(structured.LEFT.subs(at))
    chance = float(
        structured.EVENT.subs(
            {**at, structured.rest: float(chi2.cdf(left, law.points.shape[1] - count)) if left > 0 else 0.0}
        )
    )
    gamma, length = _cone(error, target)
    if error >= target:
        gamma, length = (asked[0], asked[1] * target) if asked else (gamma, length)
        chance = 0.0
    d = law.points.shape[1]
    direction = np.where(np.arange(d) < size, 1.0, 0.0) / math.sqrt(size)
    net, means = (
        positive_zigzag(size),
        law.points[:, : count * size].reshape(-1, count, size).sum(axis=2) / math.sqrt(size),
    )

    def gradients(generator: np.random.Generator, m: int, b: float) -> Array:
        fires = law.points @ generator.standard_normal((m, d)).T > b
        return np.asarray((law.labels[:, None] * fires).T @ law.points / len(law.points))

    def seen(_: int) -> float:
        return float(np.mean(np.maximum(0.0, 1 - law.labels * np.sum(net(means) - net(-means), axis=1))))

    # G(-w, -b) is E[y x] - G(w, b), which for one block is the other sign's (errata W1)
    proved = (chance, chance if count == 1 else 0.0)
    return FeatureSet(direction, 2 * margin * reach, proved, gamma, length, 1e-12, gradients, 0.0, seen)


# --- linear data (R7a) ----------------------------------------------------------------------------


def separated(n: int, d: int, seed: int = 0) -> FeatureSet:
    """Return w* for n pairs of points whose parts at right angles to w* cancel; the bias puts half of all neurons always on."""
    generator = np.random.default_rng([seed, 109])
    aside = 0.5 * generator.standard_normal((n, d))
    aside[:, 0] = generator.uniform(0.5, 1.5, n)
    mirrored = aside * np.where(np.arange(d) == 0, 1.0, -1.0)
    signs = np.repeat(np.where(np.arange(n) % 2 == 0, 1.0, -1.0), 2)
    inputs = signs[:, None] * np.stack([aside, mirrored], axis=1).reshape(2 * n, d)
    bias = float(np.sqrt(chi2.median(d)) * np.max(np.linalg.norm(inputs, axis=1)))
    made = linear.drawn(inputs, signs, 1, bias, seed, 0, {}, ())
    direction, size, _ = linear.feature(made)
    chance = float(linear.always_on(made).value)

    def gradients(drawing: np.random.Generator, m: int, b: float) -> Array:
        weights = drawing.standard_normal((m, d))
        return s.empirical_gradients(s.network(inputs, signs, weights, np.ones(m), np.full(m, b)))[0]

    def seen(_: int) -> float:
        along, net = linear.truth(made)
        heights = inputs @ along
        output = net.weights @ np.maximum(np.stack([heights, -heights]) - net.biases[:, None], 0.0)
        return float(np.mean(np.maximum(0.0, 1 - signs * output)))

    return FeatureSet(direction, bias, (0.0, chance), ROOM, size * (1 - ROOM), 1e-12, gradients, 0.0, seen)
