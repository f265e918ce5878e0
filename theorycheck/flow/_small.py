"""Gradient descent of a small network with one output on a fixed batch: many steps in one compiled loop.

Below :data:`WORK` multiplications a step's matrix products take less time than calling them does. The activation must be
free of transcendental functions (ReLU and its like): those are NumPy's, see :mod:`._batches`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
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


def work(network: Network) -> int:
    """Return ``m n d``, the multiplications of a pass through the first layer."""
    return network.n * network.m * network.inputs.shape[1]


def fits(network: Network) -> bool:
    """Whether a network is descended by the compiled loop."""
    small = network.outputs == 1 and 0 < work(network) <= WORK
    return small and not split(network.activation)[0]


@cache
def _loop(activation: Activation, loss: str) -> Callable[..., int]:
    _, value, slope = split(activation)
    kernels = {"value": compile_kernel("value", (Z,), value), "slope": compile_kernel("slope", (Z,), slope)}
    kernels |= {name: compile_kernel(name, (_F, _Y), expr) for name, expr in zip(("lost", "push"), _LOSSES[loss], strict=True)}  # fmt: skip
    return specialise(_steps, kernels, parallel=False)


def _steps(
    first_layer: Any, outer: Any, rows: Any, labels: Any, shift: Any, mass: Any, size: Any, shrink: Any, share: Any,
    start: Any, stop: Any, wanted: Any, losses: Any, forces: Any, outputs: Any, value: Any, slope: Any, lost: Any, push: Any,
) -> int:  # fmt: skip
    # neurons are next to each other in memory, so that what is done to all is done to several at once; where there are fewer
    # neurons than samples, samples are, and a library's products of whole matrices are faster
    (n, d), m = rows.shape, len(outer)
    narrow, columns, moved, change = m < n, np.ascontiguousarray(rows.T), np.empty((m, d)), np.zeros(m)
    shape = (m, n) if narrow else (n, m)
    heights, values = np.empty(shape), np.empty(shape)
    output, force, seen = np.empty(n), np.empty(n), 0

    def add(into: Any, factor: Any, what: Any, shrunk: Any) -> None:
        for j in range(m):
            into[j] = shrunk * into[j] + factor * what[j]

    def forward() -> None:
        if narrow:
            np.dot(first_layer.T, columns, heights)
            for j in range(m):
                for i in range(n):
                    heights[j, i] += shift[j]
                    values[j, i] = value(heights[j, i])
            np.dot(outer, values, output)
            return
        for i in range(n):
            for j in range(m):
                heights[i, j] = shift[j] + rows[i, 0] * first_layer[0, j]
            for e in range(1, d):
                add(heights[i], rows[i, e], first_layer[e], 1.0)
            for j in range(m):
                values[i, j] = value(heights[i, j])
            output[i] = np.dot(values[i], outer)

    def backward(first: Any, keep: Any) -> None:
        if narrow:
            np.dot(values, force, change)
            for j in range(m):
                for i in range(n):
                    heights[j, i] = first * force[i] * outer[j] * slope(heights[j, i])
            np.dot(heights, rows, moved)
            for e in range(d):
                add(first_layer[e], 1.0, moved[:, e], keep)
            return
        for i in range(n):
            add(change, force[i], values[i], 1.0 if i else 0.0)
            for j in range(m):
                heights[i, j] = first * force[i] * outer[j] * slope(heights[i, j])
            for e in range(d):
                add(first_layer[e], rows[i, e], heights[i], keep if i == 0 else 1.0)

    for step in range(start, stop + 1):
        forward()
        total = 0.0
        for i in range(n):
            total += lost(output[i], labels[i]) + 0.0 * output[i]  # not finite if either is not
            force[i] = push(output[i], labels[i])
        if not math.isfinite(total):
            return -step - 1
        if wanted[step]:
            losses[seen], forces[seen], outputs[seen] = total * share, force, output
            seen += 1
        if step == stop:
            break
        force *= share
        # a layer that stands still does not decay
        backward(size[step, 0], shrink[step, 0] if size[step, 0] != 0.0 else 1.0)
        if size[step, 1] != 0.0:
            for j in range(m):
                outer[j] = shrink[step, 1] * outer[j] + size[step, 1] * mass[j] * change[j]
    return stop


def strides(
    network: Network, weights: Array, outer: Array, labels: Array, loss: str, mean: bool, size: Array, shrink: Array,
    wanted: NDArray[np.bool_], ends: Iterable[int],
) -> Iterator[tuple[int, NDArray[np.int64], Array, Array, Array]]:  # fmt: skip
    """Go from one of ``ends`` to the next, moving ``weights`` ``(m, d)`` and ``outer`` ``(m, 1)`` in place.

    Yields the step reached, or ``-1 - step`` where loss or output ceased to be finite, and of the ``k`` wanted steps since the
    last end, this one included, the steps, losses ``(k,)``, forces and outputs ``(k, n)``. ``size`` and ``shrink`` are ``(steps, 2)``.
    """
    flags, start = wanted.copy(), 0
    scaled, mean_of = np.ascontiguousarray(network.inner * network.inputs), 1.0 / network.n if mean else 1.0
    for stop in ends:
        found = np.flatnonzero(flags[start : stop + 1]) + start
        losses, (forces, outputs) = np.empty(len(found)), np.empty((2, len(found), network.n))
        first_layer, own = np.ascontiguousarray(weights.T), outer[:, 0].copy()
        reached = _loop(network.activation, loss)(
            first_layer, own, scaled, labels[:, 0].copy(), network.shift, network.gain**2, size, shrink,
            mean_of, start, stop, flags, losses, forces, outputs,
        )  # fmt: skip
        weights[...], outer[:, 0] = first_layer.T, own
        yield int(reached), found, losses, forces, outputs
        flags[stop], start = False, stop
