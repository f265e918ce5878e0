"""What a trained network of caron2023 is used for: pruning, and transfer of its top features (section 5.1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.grams import Array
from theorycheck.network import Network
from theorycheck.theorems.caron2023.course import hidden, risk
from theorycheck.theorems.caron2023.published import Data, Split

#: shares of the nodes that are pruned
PRUNED = tuple(k / 20 for k in range(20))
#: numbers of features that a second network gets
FEATURES = (10, 20, 50, 100)


def ranked(scales: Array) -> NDArray[np.intp]:
    """Return the nodes by falling scale: the code's pruning score is the scale, and ties stay in the nodes' order."""
    return np.argsort(-scales, kind="stable")


def pruned(network: Network, scales: Array, split: Split, shares: Iterable[float] = PRUNED) -> dict[float, float]:
    """Return the risk where a share of the nodes is removed, those of the least scales first, nothing trained again."""
    order, m = ranked(scales), len(scales)
    return {share: risk(network, split, order[: m - round(share * m)]) for share in shares}


def top_features(network: Network, scales: Array, inputs: Array, count: int) -> Array:
    """Return the features ``sqrt(lambda_j) s(z_j)`` of the ``count`` nodes of largest scale, ``(k, count)``."""
    nodes = ranked(scales)[:count]
    return hidden(network, inputs, nodes) * np.sqrt(scales[nodes])


def transferred(
    network: Network, scales: Array, data: Data, count: int, seed: int, *, width: int = 64, rate: float = 0.1, steps: int = 5000
) -> float:  # fmt: skip
    """Return the test risk of a second network that is trained on the frozen top features of the first.

    A network ``count - width - width - c`` with biases, ReLU, weights and biases uniform up to ``1/sqrt(fan in)``
    (torch's own), full-batch gradient descent on the mean squared error, all layers.
    """
    train, test = (
        (top_features(network, scales, split.inputs, count), split.labels)
        for split in (data.second_train, data.second_test)
    )
    layers = dense(np.random.default_rng([seed, 43, count]), (count, width, width, train[1].shape[1]))
    for _ in range(steps):
        dense_step(layers, *train, rate)
    return float(np.mean((test[1] - dense_values(layers, test[0])[-1]) ** 2))


Layers = list[tuple[Array, Array]]


def dense(generator: np.random.Generator, sizes: Sequence[int]) -> Layers:
    """Return weights ``(in, out)`` and biases ``(out,)`` of a dense network, uniform up to ``1/sqrt(in)``."""
    pairs = itertools.pairwise(sizes)
    return [(generator.uniform(-1, 1, (a, b)) / a**0.5, generator.uniform(-1, 1, b) / a**0.5) for a, b in pairs]


def dense_values(layers: Layers, inputs: Array) -> list[Array]:
    """Return the inputs and every layer's values, ReLU between the layers."""
    values = [inputs]
    for k, (weights, biases) in enumerate(layers):
        value = values[-1] @ weights + biases
        values.append(np.maximum(value, 0.0) if k + 1 < len(layers) else value)
    return values


def dense_step(layers: Layers, inputs: Array, labels: Array, rate: float) -> None:
    """Make one step of gradient descent on the mean squared error, in place."""
    values = dense_values(layers, inputs)
    force = 2 / labels.size * (values[-1] - labels)
    for k in reversed(range(len(layers))):
        weights, biases = layers[k]
        back = (force @ weights.T) * (values[k] > 0) if k else force
        weights -= rate * values[k].T @ force
        biases -= rate * force.sum(axis=0)
        force = back


def share(value: float) -> str:
    """Return a share in words, such as ``95 %``."""
    return f"{100 * value:g} %"


def used(network: Network, scales: Array, data: Data, seed: int, **second: Any) -> dict[str, float]:
    """Return what pruning leaves and what a second network makes of the top features: risks, by name."""
    return {
        **{f"train risk, {share(k)} pruned": value for k, value in pruned(network, scales, data.train).items()},
        **{f"test risk, {share(k)} pruned": value for k, value in pruned(network, scales, data.test).items()},
        **{f"test risk from {k} features": transferred(network, scales, data, k, seed, **second) for k in FEATURES},
    }  # fmt: skip


USED = {
    **{f"{of} risk, {share(k)} pruned": f"{of} risk without the {share(k)} of nodes with the least scales" for of in ("train", "test") for k in PRUNED},
    **{f"test risk from {k} features": f"test risk of a second network on the {k} frozen features of largest scale" for k in FEATURES},
}  # fmt: skip
