"""Instances: data, labels, initial weights and parameters, all that a run depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.network import Network, output_and_gram
from theorycheck.symbolic.activations import Activation
from theorycheck.symbolic.network import BIAS, DIMENSION, INNER, NODE_SCALE, OUTPUT_SCALE, OUTPUT_WEIGHT, WIDTH, Neuron

Array = NDArray[np.float64]

#: most memory that the initial weights and their copies may take, in bytes
MEMORY = 8 * 2**30


@dataclass(frozen=True, eq=False, repr=False)
class Instance:
    """One concrete problem: nothing else enters a run.

    Parameters
    ----------
    inputs, labels
        ``(n, d)`` and ``(n,)``, or ``(n, c)`` for ``c`` outputs.
    weights, signs, scales
        First-layer weights ``(m, d)``, output weights ``(m,)`` or ``(m, c)``, and node scales
        lambda ``(m,)`` at time 0.
    neuron, activation
        The node as an expression, and its activation.
    parameters
        Numbers that the theorem's quantities refer to (gamma, delta, ...).
    description
        Flags, seed and sizes, plain enough for JSON.
    notes
        What was done to the data, and which rows break an assumption.
    redraw
        ``redraw(instance, seed)``: the same data (and labels, if they were chosen before
        the weights) with fresh weights; None if the weights are not random.
    biases
        ``(m,)`` at time 0; zeros if None.
    rates
        Rate of the first layer (and of the biases) and of the output weights; what the
        neuron does not train stays frozen whatever its rate. Mean-field time is ``(m, m)``.
    output_scale
        kappa, where the neuron has one.
    frozen
        Of a deep network whose earlier layers are frozen: features of the samples layer by layer, the
        data first, each ``(n, k)``; ``inputs`` are then the last of them up to a factor.
    frozen_activation
        Activation of the last of these layers.
    """

    inputs: Array
    labels: Array
    weights: Array
    signs: Array
    scales: Array
    neuron: Neuron
    activation: Activation
    parameters: Mapping[str, float] = field(default_factory=dict)
    description: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    redraw: Callable[[Instance, int], Instance] | None = None
    biases: Array | None = None
    rates: tuple[float, float] = (1.0, 1.0)
    output_scale: float = 1.0
    frozen: tuple[Array, ...] = ()
    frozen_activation: Activation | None = None

    def __post_init__(self) -> None:
        n, d = np.shape(self.inputs)
        m = len(self.weights)
        if self.biases is None:
            object.__setattr__(self, "biases", np.zeros(m))
        many = np.shape(self.labels)[1:2]  # () for one output
        shapes = {"inputs": (n, d), "labels": (n, *many), "weights": (m, d), "signs": (m, *many), "scales": (m,)}
        for name, shape in {**shapes, "biases": (m,)}.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=float)
            if array.shape != shape:
                raise BadInput(
                    f"{name} has shape {array.shape} where {shape} belongs: n = {n} inputs of dimension d = {d}, m = {m} neurons"
                )
            if array is getattr(self, name):
                array = array.view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        for name in ("inputs", "labels"):
            if not np.all(np.isfinite(getattr(self, name))):
                raise BadInput(f"{name} holds NaN or infinite entries: remove those rows or mend the file")
        if not all(0 <= rate < np.inf for rate in self.rates):
            raise BadInput(f"rates must be finite and at least 0, not {self.rates}: they multiply the speed of a layer")
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        object.__setattr__(self, "description", MappingProxyType(dict(self.description)))

    def __repr__(self) -> str:
        """Return sizes and how it was made; arrays of thousands of weights would bury a message."""
        about = {**self.description, **self.parameters}
        return f"Instance({self.neuron.name}, {self.activation.name}, n={self.n}, d={self.d}, m={self.m}, {about})"

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
        """Number of hidden nodes."""
        return len(self.weights)

    @property
    def inner_expr(self) -> sp.Expr:
        """The exact scale of ``w . x`` inside the activation."""
        return self.neuron.inner.subs({DIMENSION: self.d, WIDTH: self.m})

    @cached_property
    def inner(self) -> float:
        """The scale of ``w . x`` inside the activation, as a double."""
        return float(self.inner_expr)

    @cached_property
    def outer(self) -> Array:
        """The factor in front of each node's activation, ``(m,)``."""
        scales = self.scales if self.signs.ndim == 1 else self.scales[:, None]
        return self._evaluate(self.neuron.outer, scales, self.signs)

    def _evaluate(self, expr: sp.Expr, scales: Array, signs: Array) -> Array:
        function = compile_block((NODE_SCALE, OUTPUT_WEIGHT, DIMENSION, WIDTH, OUTPUT_SCALE), expr)
        found = function(scales, signs, float(self.d), float(self.m), float(self.output_scale))
        return np.array(np.broadcast_to(found, np.broadcast_shapes(scales.shape, signs.shape)))

    @cached_property
    def network(self) -> Network:
        """The network at time 0 in normal form: what a simulator needs, and nothing else."""
        assert self.biases is not None
        trained = self.neuron.trained
        by_bias = sp.diff(self.neuron.argument, BIAS)
        offset = self.neuron.argument.subs(INNER, 0)
        strangers = self.neuron.outer.free_symbols - {NODE_SCALE, OUTPUT_WEIGHT, DIMENSION, WIDTH, OUTPUT_SCALE}
        curved = OUTPUT_WEIGHT in trained and sp.diff(self.neuron.outer, OUTPUT_WEIGHT, 2) != 0
        if sp.expand(offset - by_bias * BIAS) != 0 or (BIAS in trained and INNER not in trained) or strangers or curved:
            raise BadInput(
                f"the neuron {self.neuron.name} has no normal form: its argument must be linear in w . x and the bias, "
                "a bias is trained only together with the weights, and the factor in front must be affine in a trained "
                "output weight and free of the bias"
            )
        by_bias = by_bias.subs({DIMENSION: self.d, WIDTH: self.m})
        inputs, weights = self.inputs, self.weights
        shift = float(by_bias) * self.biases
        if BIAS in trained:
            # a trained bias is a weight of one more input; it moves at the first layer's rate
            inputs = np.column_stack([inputs, np.full(self.n, float(by_bias) / self.inner)])
            weights, shift = np.column_stack([weights, self.biases]), np.zeros(self.m)
        return Network(
            activation=self.activation,
            inputs=inputs,
            weights=weights,
            shift=shift,
            outer=self.outer.reshape(self.m, -1),
            inner=self.inner,
            gain=self._evaluate(sp.diff(self.neuron.outer, OUTPUT_WEIGHT), self.scales, np.ones(self.m)),
            first=self.rates[0] if INNER in trained else 0.0,
            second=self.rates[1] if OUTPUT_WEIGHT in trained else 0.0,
        )

    @cached_property
    def start(self) -> tuple[Array, Array]:
        """Residual ``(n c,)`` and tangent Gram of all that is trained, rates included, ``(n c, n c)``, at time 0."""
        output, gram = output_and_gram(self.network)
        with np.errstate(all="ignore"):
            return (self.labels.reshape(self.n, -1) - output).ravel(), gram

    def with_labels(self, labels: Array) -> Instance:
        """Return the same instance with other labels."""
        return replace(self, labels=labels)


def with_parameters(instance: Instance, **values: float) -> Instance:
    """Return the instance with more parameters; its ``redraw`` keeps them."""
    inner = instance.redraw

    def redraw(again: Instance, draw: int) -> Instance:
        assert inner is not None
        return with_parameters(inner(again, draw), **values)

    return replace(instance, parameters={**instance.parameters, **values}, redraw=redraw if inner else None)


def node_scales(m: int, gamma: float, alpha: float) -> Array:
    """Return ``lambda_j = gamma/m + (1 - gamma) j^(-1/alpha)/H``, which sums to 1 (caron2023, section 1).

    Raises
    ------
    BadInput
        If gamma is outside [0, 1], alpha outside (0, 1), or m < 1.
    """
    if not 0 <= gamma <= 1:
        raise BadInput(
            f"gamma must lie in [0, 1], not {gamma:g}: it is the share of the node scale that is spread evenly"
        )
    if not 0 < alpha < 1:
        raise BadInput(f"alpha must lie in (0, 1), not {alpha:g}: the node scales fall like j^(-1/alpha)")
    even = np.full(m, gamma / m)
    if gamma == 1:
        return even
    uneven = np.arange(1, m + 1, dtype=float) ** (-1 / alpha)
    return even + (1 - gamma) * uneven / uneven.sum()


def gaussian_weights(m: int, d: int, seed: int, draw: int = 0) -> tuple[Array, Array]:
    """Return ``W_0 ~ N(0, I)`` ``(m, d)`` and signs ``a`` ``(m,)`` uniform on {-1, 1}, drawn in this order.

    Raises
    ------
    BadInput
        If they would not fit in memory; said before anything is allocated.
    """
    need = 8 * m * (2 * d + 4)
    if need > MEMORY:
        raise BadInput(
            f"m = {m} neurons of dimension {d} would need about {need / 2**30:.0f} GiB, more than the {MEMORY / 2**30:.0f} GiB allowed: lower m"
        )
    generator = np.random.default_rng([seed, draw] if draw else seed)
    weights = generator.standard_normal((m, d))
    return weights, np.asarray(generator.integers(0, 2, m) * 2.0 - 1.0, dtype=float)
