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
from theorycheck.grams import output_and_slopes
from theorycheck.symbolic.activations import Activation
from theorycheck.symbolic.network import DIMENSION, NODE_SCALE, OUTPUT_WEIGHT, WIDTH, Neuron

Array = NDArray[np.float64]

#: most memory that the initial weights and their copies may take, in bytes
MEMORY = 8 * 2**30


@dataclass(frozen=True, eq=False)
class Instance:
    """One concrete problem: nothing else enters a run.

    Parameters
    ----------
    inputs, labels
        ``(n, d)`` and ``(n,)``.
    weights, signs, scales
        First-layer weights ``(m, d)``, output weights ``(m,)`` and node scales lambda
        ``(m,)`` at time 0.
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

    def __post_init__(self) -> None:
        n, d = np.shape(self.inputs)
        m = len(self.weights)
        for name, shape in {"inputs": (n, d), "labels": (n,), "weights": (m, d), "signs": (m,), "scales": (m,)}.items():
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
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        object.__setattr__(self, "description", MappingProxyType(dict(self.description)))

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
        function = compile_block((NODE_SCALE, OUTPUT_WEIGHT, DIMENSION, WIDTH), self.neuron.outer)
        return function(self.scales, self.signs, float(self.d), float(self.m))

    @cached_property
    def start(self) -> tuple[Array, Array]:
        """Residual ``(n,)`` and tangent Gram ``(n, n)`` at time 0."""
        return residual_and_gram(self)

    def with_labels(self, labels: Array) -> Instance:
        """Return the same instance with other labels."""
        return replace(self, labels=labels)


def residual_and_gram(instance: Instance, mass: Array | None = None) -> tuple[Array, Array]:
    """Return ``r = y - f`` ``(n,)`` and the tangent Gram of the first layer ``(n, n)`` at the initial weights.

    ``mass`` replaces the node scales ``outer^2`` (for the uniform Gram of Prop R0: ``1/m``).
    """
    outer = instance.outer
    output, slopes = output_and_slopes(
        instance.activation,
        instance.inputs,
        instance.weights,
        outer,
        outer**2 if mass is None else mass,
        instance.inner,
    )
    with np.errstate(all="ignore"):
        return instance.labels - output, instance.inner**2 * (instance.inputs @ instance.inputs.T) * slopes


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
