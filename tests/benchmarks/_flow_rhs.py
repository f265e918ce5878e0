"""Right-hand sides for the peers, as fast as NumPy makes them: BLAS products, ufuncs into arrays that are kept.

The state is the first layer in the smaller coordinates: ``H = factor @ w`` with ``w`` of shape ``(min(n, d), m)``; weights
move only in the row space of the inputs. ``Flow.weights`` computes the residual from the weights, ``Flow.residual`` has
it as a state of its own behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from theorycheck.model import Instance

Array = NDArray[np.float64]


def _tanh(h: Array, value: Array, slope: Array) -> None:
    np.tanh(h, out=value)
    np.multiply(value, value, out=slope)
    np.subtract(1.0, slope, out=slope)


def _softplus(h: Array, value: Array, slope: Array) -> None:
    np.exp(np.negative(np.abs(h, out=slope), out=slope), out=slope)
    np.log1p(slope, out=value)
    value += np.maximum(h, 0.0)
    special.expit(h, out=slope)


def _erf(h: Array, value: Array, slope: Array) -> None:
    special.erf(h, out=value)
    np.multiply(h, h, out=slope)
    np.exp(np.negative(slope, out=slope), out=slope)
    slope *= 2 / np.sqrt(np.pi)


def _gelu(h: Array, value: Array, slope: Array) -> None:
    special.ndtr(h, out=value)
    np.multiply(h, h, out=slope)
    slope *= -0.5
    np.exp(slope, out=slope)
    slope *= h
    slope /= np.sqrt(2 * np.pi)
    slope += value
    value *= h


def _relu(h: Array, value: Array, slope: Array) -> None:
    np.greater(h, 0.0, out=slope, casting="unsafe")
    np.multiply(h, slope, out=value)


#: value and slope at once
PAIRS: dict[str, Callable[[Array, Array, Array], None]] = {
    "tanh": _tanh,
    "softplus": _softplus,
    "erf": _erf,
    "gelu": _gelu,
    "relu": _relu,
}
#: second derivatives, from the pre-activation, the value and the slope
CURVATURES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "tanh": lambda h, value, slope: -2 * value * slope,
    "softplus": lambda h, value, slope: slope * (1 - slope),
    "erf": lambda h, value, slope: -2 * h * slope,
    "gelu": lambda h, value, slope: (2 - h * h) * np.exp(-0.5 * h * h) / np.sqrt(2 * np.pi),
    "relu": lambda h, value, slope: np.zeros_like(h),
}


@dataclass(frozen=True)
class Point:
    """A linearisation: slopes and second derivatives times outer weights, residual, and (residual form) ``h'``."""

    slope: Array
    bend: Array
    residual: Array
    moving: Array | None


@dataclass
class Flow:
    """One problem as ODE; ``count`` counts evaluations, ``products`` Jacobian-vector products."""

    factor: Array  # (n, k), the inner scale included
    outer: Array
    labels: Array
    start: Array  # w at time 0, (k, m)
    name: str
    count: int = 0
    products: int = 0
    _kept: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, m = len(self.labels), len(self.outer)
        for key in ("h", "value", "slope", "work"):
            self._kept[key] = np.full((n, m), np.nan)

    @cached_property
    def _moved(self) -> Array:
        return np.empty((2, *self._kept["h"].shape))

    @property
    def length(self) -> int:
        """Number of weights in the state."""
        return self.start.size

    def first(self, form: str) -> Array:
        """Return the state at time 0."""
        state = self.start.ravel().copy()
        return state if form == "weights" else np.concatenate([state, self.final(state, "weights")])

    def final(self, state: Array, form: str) -> Array:
        """Return the residual of a state."""
        return state[self.length :].copy() if form == "residual" else self._forward(state)

    def _forward(self, state: Array) -> Array:
        kept = self._kept
        np.matmul(self.factor, state[: self.length].reshape(self.start.shape), out=kept["h"])
        PAIRS[self.name](kept["h"], kept["value"], kept["slope"])
        return self.labels - kept["value"] @ self.outer

    def weights(self, _time: float, state: Array, out: Array | None = None) -> Array:
        """Return the speed of the weights, the residual computed from them."""
        self.count += 1
        out = np.empty(self.length) if out is None else out
        residual = self._forward(state)
        speed = out.reshape(self.start.shape)
        np.matmul((self.factor * residual[:, None]).T, self._kept["slope"], out=speed)
        speed *= self.outer
        return out

    def residual(self, _time: float, state: Array, out: Array | None = None) -> Array:
        """Return the speed of weights and residual."""
        self.count += 1
        kept = self._kept
        out = np.empty(len(state)) if out is None else out
        np.matmul(self.factor, state[: self.length].reshape(self.start.shape), out=kept["h"])
        PAIRS[self.name](kept["h"], kept["value"], kept["slope"])
        speed = out[: self.length].reshape(self.start.shape)
        np.matmul((self.factor * state[self.length :, None]).T, kept["slope"], out=speed)
        speed *= self.outer
        np.matmul(self.factor, speed, out=kept["work"])
        kept["work"] *= kept["slope"]
        out[self.length :] = -(kept["work"] @ self.outer)
        return out

    def linearise(self, state: Array, form: str) -> Point:
        """Return what Jacobian-vector products need at a state; its pre-activations are known if it was the last one."""
        kept = self._kept
        seen = np.array_equal(self.factor @ state[: self.length].reshape(self.start.shape), kept["h"])
        residual = self.labels - kept["value"] @ self.outer if seen else self._forward(state)
        slope = kept["slope"] * self.outer
        bend = CURVATURES[self.name](kept["h"], kept["value"], kept["slope"]) * self.outer
        if form == "weights":
            return Point(slope, bend, residual, None)
        residual = state[self.length :].copy()
        return Point(slope, bend, residual, self.factor @ ((self.factor * residual[:, None]).T @ slope))

    def product(self, point: Point, vector: Array, out: Array) -> None:
        """Write the Jacobian times a vector; the point says in which form."""
        self.products += 1
        moved, bent = self._moved
        speed = out[: self.length].reshape(self.start.shape)
        np.matmul(self.factor, vector[: self.length].reshape(self.start.shape), out=moved)
        np.multiply(point.bend, moved, out=bent)
        fallen = vector[self.length :] if point.moving is not None else -np.einsum("ij,ij->i", point.slope, moved)
        np.matmul((self.factor * point.residual[:, None]).T, bent, out=speed)
        speed += (self.factor * fallen[:, None]).T @ point.slope
        if point.moving is not None:
            np.matmul(self.factor, speed, out=moved)
            fallen = np.einsum("ij,ij->i", bent, point.moving) + np.einsum("ij,ij->i", point.slope, moved)
            np.negative(fallen, out=out[self.length :])

    def jacobian(self, _time: float, state: Array) -> Array:
        """Return the dense Jacobian of :meth:`weights`."""
        point = self.linearise(state, "weights")
        k, m = self.start.shape
        rows = (self.factor[:, :, None] * point.slope[:, None, :]).reshape(-1, k * m)
        dense = -(rows.T @ rows)
        bend = point.bend * point.residual[:, None]
        blocks = np.einsum("ia,ib,ij->jab", self.factor, self.factor, bend, optimize=True)
        index = np.arange(m)
        dense.reshape(k, m, k, m)[:, index, :, index] += blocks
        return dense


def flow_of(instance: Instance) -> Flow:
    """Return the instance's flow in the smaller coordinates."""
    inputs, weights = instance.inputs, instance.weights
    if instance.n < instance.d:
        left, singular, basis = np.linalg.svd(inputs, full_matrices=False)
        inputs, weights = left * singular, weights @ basis.T
    start = np.ascontiguousarray(weights.T)
    factor = np.ascontiguousarray(inputs * instance.inner)
    return Flow(factor, instance.outer, instance.labels, start, instance.activation.name)
