"""Gradient descent of a small network with one output on a fixed batch: many steps in one compiled loop.

Below :data:`WORK` multiplications a step's matrix products take less time than calling them does. The activation must be
free of transcendental functions (ReLU and its like): those are NumPy's, see :mod:`._batches`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.codegen.cfunctions import log1p

from theorycheck.compiled import compile_kernel, specialise
from theorycheck.flow._batches import split
from theorycheck.network import Network
from theorycheck.symbolic.activations import Activation, Z

Array = NDArray[np.float64]

#: ``m n d`` up to which the loop is faster than the products of a library
WORK = 2**16
_F, _Y = sp.symbols("f y", real=True)
_MARGIN = _Y * _F
#: value and force (minus the derivative by the output) of each loss; the hinge's force at its kink is the mean of its sides
_LOSSES: Mapping[str, tuple[sp.Expr, sp.Expr]] = {
    "squared": ((_Y - _F) ** 2 / 2, _Y - _F),
    "logistic": (log1p(sp.exp(-sp.Abs(_MARGIN))) + sp.Max(0, -_MARGIN), _Y / (1 + sp.exp(_MARGIN))),
    "hinge": (sp.Max(0, 1 - _MARGIN), _Y * sp.Heaviside(1 - _MARGIN, sp.Rational(1, 2))),
}


def fits(network: Network) -> bool:
    """Whether a network is descended by the compiled loop."""
    small = network.outputs == 1 and network.n * network.m * network.inputs.shape[1] <= WORK
    return small and not split(network.activation)[0]


@cache
def _loop(activation: Activation, loss: str) -> Callable[..., int]:
    _, value, slope = split(activation)
    kernels = {"value": compile_kernel("value", (Z,), value), "slope": compile_kernel("slope", (Z,), slope)}
    kernels |= {name: compile_kernel(name, (_F, _Y), expr) for name, expr in zip(("lost", "push"), _LOSSES[loss], strict=True)}  # fmt: skip
    return specialise(_steps, kernels, parallel=False)


def _steps(
    first_layer: Any, outer: Any, rows: Any, labels: Any, shift: Any, mass: Any, size: Any, shrink: Any, share: Any,
    start: Any, stop: Any, wanted: Any, outputs: Any, losses: Any, value: Any, slope: Any, lost: Any, push: Any,
) -> int:  # fmt: skip
    # neurons are next to each other in memory, so that what is done to all is done to several at once
    (n, d), m = rows.shape, len(outer)
    heights, values, output, change, seen = np.zeros((n, m)), np.empty((n, m)), np.empty(n), np.empty(m), 0

    def add(into: Any, factor: Any, what: Any, shrunk: Any) -> None:
        for j in range(m):
            into[j] = shrunk * into[j] + factor * what[j]

    for step in range(start, stop + 1):
        total = 0.0
        for i in range(n):
            add(heights[i], 1.0, shift, 0.0)
            for e in range(d):
                add(heights[i], rows[i, e], first_layer[e], 1.0)
            for j in range(m):
                values[i, j] = value(heights[i, j])
            output[i] = np.dot(values[i], outer)
            total += lost(output[i], labels[i]) + 0.0 * output[i]  # not finite if either is not
        if not math.isfinite(total):
            return -step - 1
        if wanted[step]:
            outputs[seen], losses[seen] = output, total * share
            seen += 1
        if step == stop:
            break
        change[:] = 0.0
        # a layer that stands still does not decay
        keep = shrink[step, 0] if size[step, 0] != 0.0 else 1.0
        for i in range(n):
            force = share * push(output[i], labels[i])
            first = size[step, 0] * force
            add(change, size[step, 1] * force, values[i], 1.0)
            for j in range(m):
                heights[i, j] = first * outer[j] * slope(heights[i, j])
            for e in range(d):
                add(first_layer[e], rows[i, e], heights[i], keep if i == 0 else 1.0)
        if size[step, 1] != 0.0:
            for j in range(m):
                outer[j] = shrink[step, 1] * outer[j] + mass[j] * change[j]
    return stop


def stride(
    network: Network, weights: Array, outer: Array, labels: Array, loss: str, mean: bool, size: Array, shrink: Array,
    span: tuple[int, int], wanted: NDArray[np.bool_],
) -> tuple[int, Array, Array]:  # fmt: skip
    """Go from step ``span[0]`` to step ``span[1]``, moving ``weights`` ``(m, d)`` and ``outer`` ``(m, 1)`` in place.

    Returns the step reached, or ``-1 - step`` where loss or output ceased to be finite, and the outputs ``(k, n)`` and losses
    ``(k,)`` of the ``k`` wanted steps in the span, both ends included. ``size`` and ``shrink`` are ``(steps, 2)``.
    """
    count = int(np.count_nonzero(wanted[span[0] : span[1] + 1]))
    outputs, losses = np.empty((count, network.n)), np.empty(count)
    scaled, mean_of = network.inner * network.inputs, 1.0 / network.n if mean else 1.0
    first_layer, own = np.ascontiguousarray(weights.T), outer[:, 0].copy()
    reached = _loop(network.activation, loss)(
        first_layer, own, scaled, labels[:, 0].copy(), network.shift, network.gain**2, size, shrink,
        mean_of, span[0], span[1], wanted, outputs, losses,
    )  # fmt: skip
    weights[...], outer[:, 0] = first_layer.T, own
    return int(reached), outputs, losses
