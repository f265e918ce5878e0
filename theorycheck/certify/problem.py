"""What is certified: a network with its data, from given weights on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from theorycheck.certify.layer import LEAST, Layer, within
from theorycheck.certify.rounding import above, below
from theorycheck.data import BadInput
from theorycheck.enclose import evaluator
from theorycheck.model import Instance
from theorycheck.spectrum import spectral_norm
from theorycheck.symbolic.activations import Activation
from theorycheck.symbolic.network import DIMENSION, INNER, MEAN_FIELD, NODE_SCALE, OUTPUT_WEIGHT, Neuron

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Problem:
    """A shallow network with one output, its data, and how fast its layers are trained.

    Parameters
    ----------
    neuron, activation
        The node as an expression (one of ``symbolic.network.NEURONS``) and its activation.
    inputs, labels
        ``(n, d)`` and ``(n,)`` doubles, taken exactly.
    layer
        The hidden layer at the time from which on everything is proved.
    rates
        Rates of the first layer and of the output weights.
    output_scale
        kappa, where the neuron has one.
    history
        How the weights came about; for a checkpoint, what was simulated and is not proved.
    fixed
        Choices of the certificate that are not to be searched, by name.
    made
        The flags it was made with; for information.
    """

    neuron: Neuron
    activation: Activation
    inputs: Array
    labels: Array
    layer: Layer
    rates: tuple[float, float] = (1.0, 0.0)
    output_scale: float = 1.0
    history: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("inputs", "labels"):
            array = np.ascontiguousarray(getattr(self, name), dtype=float)  # bounds on rounding are those of doubles
            if not np.all(np.isfinite(array)):
                raise BadInput(f"{name} hold NaN or infinite entries: remove those rows or mend the file")
            object.__setattr__(self, name, array)
        if self.inputs.ndim != 2 or self.labels.shape != self.inputs.shape[:1] or self.layer.d != self.inputs.shape[1]:
            raise BadInput(
                f"labels {self.labels.shape} and weights of dimension {self.layer.d} do not fit inputs {self.inputs.shape}"
            )
        within("the largest entries of the inputs", np.abs(self.inputs).max(axis=1, initial=0.0))
        within("labels", self.labels, least=0.0)
        within("the output scale", np.array([self.output_scale]))
        within("rates", np.array(self.rates), least=LEAST**2)
        if not self.output_scale > 0 or min(self.rates) < 0:
            raise BadInput(
                f"the output scale must be positive and rates at least 0, not {self.output_scale} and {self.rates}"
            )
        if OUTPUT_WEIGHT not in self.neuron.trained and (self.rates != (1.0, 0.0) or self.output_scale != 1.0):
            raise BadInput(
                f"theorems about {self.neuron.name} networks speak of rates (1, 0) and output scale 1: scale time and weights"
            )
        if NODE_SCALE not in self.neuron.outer.free_symbols and np.any(self.layer.scales != 1.0):
            raise BadInput(f"{self.neuron.name} networks have no node scales: leave them 1")

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.inputs)

    @property
    def d(self) -> int:
        """Dimension of the inputs."""
        return int(self.inputs.shape[1])

    @property
    def m(self) -> int:
        """Number of neurons."""
        return self.layer.m

    def inner(self) -> arb:
        """Return the exact scale of ``w . x`` inside the activation, as a ball at the present precision."""
        return evaluator({DIMENSION: arb(self.d)})(self.neuron.inner)


def of_instance(instance: Instance) -> Problem:
    """Return the problem of an instance in memory: its weights, labels and rates as they are.

    Raises
    ------
    BadInput
        If it has several outputs or biases, for which nothing is certified yet, or another time scale than the
        theorems about its neuron: ``|r|^2/2`` at rate 1, or mean-field time, which is a rate of ``m/n``.
    """
    if instance.labels.ndim != 1 or (instance.biases is not None and np.any(instance.biases)):
        raise BadInput("certificates are for networks with one output and without biases")
    trained = instance.neuron.trained
    rates = (instance.rates[0] if INNER in trained else 0.0, instance.rates[1] if OUTPUT_WEIGHT in trained else 0.0)
    if OUTPUT_WEIGHT not in trained:
        unit = instance.m / instance.n if instance.neuron == MEAN_FIELD else 1.0
        if rates[0] != unit:
            raise BadInput(
                f"the theorems about {instance.neuron.name} networks speak of rates=({'m/n' if unit != 1 else '1'}, 0), here {unit:g}, not of {rates[0]:g}"
            )
        rates = (1.0, 0.0)
    scaled = NODE_SCALE in instance.neuron.outer.free_symbols
    scales = instance.scales if scaled else np.broadcast_to(np.float64(1.0), (instance.m,))
    layer = Layer(instance.m, instance.d, instance.signs, scales, instance.weights)
    return Problem(
        instance.neuron, instance.activation, instance.inputs, instance.labels, layer,
        rates, instance.output_scale, made=dict(instance.description), notes=instance.notes,
    )  # fmt: skip


def norms(problem: Problem) -> tuple[Array, Array]:
    """Return doubles below and above the norms of the inputs, each ``(n,)``."""
    with ctx.workprec(128):
        exact = [sum((arb(x) ** 2 for x in row), arb(0)).sqrt() for row in problem.inputs.tolist()]
        return np.array([below(x) for x in exact]), np.array([above(x) for x in exact])


def squared_spectral_norm(problem: Problem) -> float:
    """Return a double at least ``|X|_2^2``."""
    found = spectral_norm(problem.inputs).upper
    with ctx.workprec(128):
        return above(arb(found) ** 2)


def input_gram(problem: Problem) -> arb_mat:
    """Return the exact ``X X'`` in balls at the present precision."""
    rows = arb_mat(problem.inputs.tolist())
    return rows * rows.transpose()
