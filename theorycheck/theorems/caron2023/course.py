"""One training run of the published protocol: what is recorded on its way, and what its final network is used for.

Sections 5.1 and 5.5 of the theory file. Risks are mean squared errors; the tangent Gram is the one of one output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theorycheck.flow.descent import State, descend
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.network import Network, output_and_gram
from theorycheck.theorems.caron2023.published import Data, Split, step_size

#: shares of the nodes that are pruned
PRUNED = tuple(k / 20 for k in range(20))
#: numbers of features that a second network gets
FEATURES = (10, 20, 50, 100)


def outputs(network: Network, inputs: Array, nodes: slice | Array = slice(None)) -> Array:
    """Return ``f`` ``(k, c)`` at inputs ``(k, d)``, of some of the nodes only where these are given."""
    return hidden(network, inputs, nodes) @ network.outer[nodes]


def hidden(network: Network, inputs: Array, nodes: slice | Array = slice(None)) -> Array:
    """Return the nodes' activations ``s(w_j . x / sqrt d)``, ``(k, nodes)``."""
    return np.asarray(np.maximum(network.inner * inputs @ network.weights[nodes].T, 0.0))


def risk(network: Network, split: Split, nodes: slice | Array = slice(None)) -> float:
    """Return the mean squared error, over samples and outputs."""
    return float(np.mean((split.labels - outputs(network, split.inputs, nodes)) ** 2))


def gram_of(network: Network, rows: int) -> Array:
    """Return the tangent Gram of the first output at the first ``rows`` samples."""
    return output_and_gram(replace(network, inputs=network.inputs[:rows], outer=network.outer[:, :1]))[1]


@dataclass(frozen=True, eq=False)
class Course:
    """A training run: the recorded steps, what was seen there, the final network, and how far each node moved."""

    steps: tuple[int, ...]
    seen: Mapping[str, Array]
    network: Network
    moved: Array


def course(instance: Instance, test: Split, steps: Sequence[int], step: float, rows: int = 100) -> Course:
    """Descend to the last of ``steps`` and look at each of them; the tangent Gram is that of the first ``rows`` samples.

    ``moved`` is, at each step, the movement of the node that has moved most at the end: what the published figures show.
    """
    start = np.array(instance.weights)
    train = Split(np.asarray(instance.inputs), np.asarray(instance.labels).reshape(instance.n, -1))
    first = gram_of(instance.network, rows)

    def gram(state: State) -> tuple[float, float]:
        present = gram_of(state.network, rows)
        return float(np.linalg.norm(present - first, 2)), float(np.linalg.eigvalsh(present)[0])

    found = descend(
        instance, step=step, steps=max(steps), record=steps,
        quantities={
            "train risk": lambda state: float(np.mean((train.labels - state.output) ** 2)),
            "test risk": lambda state: risk(state.network, test),
            "moved": lambda state: np.linalg.norm(state.network.weights - start, axis=1),
            "gram": gram,
        },
    )  # fmt: skip
    moved = found.quantities["moved"]
    change, least = found.quantities["gram"].T
    farthest = int(np.argmax(moved[-1]))
    seen = {
        "train risk": found.quantities["train risk"], "test risk": found.quantities["test risk"],
        "moved": moved[:, farthest], "gram change": change, "root of gram change": np.sqrt(change), "least": least,
    }  # fmt: skip
    return Course(tuple(int(one) for one in found.steps), seen, found.network, moved[-1])


# --- what the final network is used for -------------------------------------------------------------


def ranked(scales: Array) -> Array:
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
    pairs = zip(sizes[:-1], sizes[1:], strict=True)
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


def simulated_course(data: Data, instance: Instance, steps: Sequence[int]) -> Course:
    """Return the published run on simulated data: rate 1 on the mean squared error, tangent Gram of all samples."""
    return course(instance, data.test, steps, step_size(data.train), instance.n)
