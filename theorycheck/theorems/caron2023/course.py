"""One training run of the published protocol of caron2023, and what is recorded on its way.

Sections 5.1 and 5.5 of the theory file. Risks are mean squared errors; the tangent Gram is the one of one output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow.descent import State, descend
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.network import Network, output_and_gram
from theorycheck.theorems.caron2023.published import Data, Split, step_size

#: what is recorded on the way
COURSE = {
    "train risk": "mean squared error on the training samples", "test risk": "the same on test samples",
    "moved": "movement |w_tj - w_0j| of the node that moves most", "gram change": "|Theta_t - Theta_0|_2",
    "root of gram change": "its square root: what the published figure shows under the norm's name",
    "least": "least eigenvalue of the tangent Gram",
}  # fmt: skip


def outputs(network: Network, inputs: Array, nodes: slice | NDArray[np.intp] = slice(None)) -> Array:
    """Return ``f`` ``(k, c)`` at inputs ``(k, d)``, of some of the nodes only where these are given."""
    return hidden(network, inputs, nodes) @ network.outer[nodes]


def hidden(network: Network, inputs: Array, nodes: slice | NDArray[np.intp] = slice(None)) -> Array:
    """Return the nodes' activations ``s(w_j . x / sqrt d)``, ``(k, nodes)``."""
    return np.asarray(np.maximum(network.inner * inputs @ network.weights[nodes].T, 0.0))


def risk(network: Network, split: Split, nodes: slice | NDArray[np.intp] = slice(None)) -> float:
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


def simulated_course(data: Data, instance: Instance, steps: Sequence[int]) -> Course:
    """Return the published run on simulated data: rate 1 on the mean squared error, tangent Gram of all samples."""
    return course(instance, data.test, steps, step_size(data.train), instance.n)
