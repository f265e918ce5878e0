"""A batch of gradient descent: where it comes from, its loss, and its two passes in buffers that are made once.

Pre-activations are kept neuron by neuron, ``h`` of shape ``(m, n)``. A pass costs its matrix products and
one sweep over ``h``, a block of neurons at a time so that what the sweep touches stays in the cache.
Transcendental functions are NumPy ufuncs (Numba's tanh is ten times slower); all the rest of an
activation and its slope is one compiled loop, which leaves the slopes where the pre-activations were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.linalg import blas
from sympy.codegen.cfunctions import log1p

from theorycheck.compiled import compile_block, compile_kernel, specialise
from theorycheck.data import BadInput
from theorycheck.model import MEMORY, Instance
from theorycheck.network import Network
from theorycheck.symbolic.activations import Activation, Z

Array = NDArray[np.float64]
Schedule = float | Sequence[float] | Array | Callable[[int], float]
Pair = tuple[Schedule, Schedule]
Draw = Callable[[int], tuple[Array, Array]]
Batches = Callable[[int], tuple[ArrayLike, ArrayLike]] | Iterable[tuple[ArrayLike, ArrayLike]]

#: pre-activations in one block: 256 KiB, so that a block and what is made of it stay in the second-level cache
BLOCK = 2**15
# the values of the transcendental functions in an activation and its slope, as symbols
_SLOTS = sp.symbols("t_0:3", real=True)
_UFUNCS: dict[type, Callable[..., Any]] = {
    **{getattr(sp, name): getattr(np, name) for name in ("tanh", "exp", "sin", "cos")},
    **{sp.erf: special.erf, log1p: np.log1p},
}
_U = sp.Wild("u")


@dataclass(frozen=True)
class Loss:
    """A loss of outputs and labels, both ``(n, c)``, summed over all entries.

    ``force`` is minus its derivative by the outputs, ``curvature`` the largest second derivative (None: it has a
    kink), ``signs`` says that labels are -1 or 1.
    """

    value: Callable[[Array, Array], float]
    force: Callable[[Array, Array], Array]
    curvature: float | None = None
    signs: bool = True


LOSSES: Mapping[str, Loss] = {
    "squared": Loss(lambda f, y: float(np.sum((y - f) ** 2)) / 2, lambda f, y: y - f, 1.0, signs=False),
    "logistic": Loss(
        lambda f, y: float(np.sum(np.logaddexp(0.0, -y * f))), lambda f, y: y * special.expit(-y * f), 0.25
    ),
    "hinge": Loss(
        lambda f, y: float(np.sum(np.maximum(0.0, 1.0 - y * f))), lambda f, y: y * np.heaviside(1.0 - y * f, 0.5)
    ),
}


def _floats(name: str, value: ArrayLike) -> Array:
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise BadInput(f"{name} cannot be read as an array of numbers: give floats") from None


def checked(name: str, loss: str, inputs: ArrayLike, labels: ArrayLike, outputs: int) -> tuple[Array, Array]:
    """Return a batch as arrays ``(n, d)`` and ``(n, c)``.

    Raises
    ------
    BadInput
        If shapes do not fit, an entry is not finite, or a class label is neither -1 nor 1.
    """
    x, y = _floats(f"the inputs of {name}", inputs), _floats(f"the labels of {name}", labels)
    if x.ndim != 2 or not len(x) or y.shape not in ([(len(x),), (len(x), 1)] if outputs == 1 else [(len(x), outputs)]):
        raise BadInput(
            f"{name} has inputs of shape {x.shape} and labels of shape {y.shape}: "
            f"give (n, d) and {'(n,)' if outputs == 1 else f'(n, {outputs})'} with n at least 1"
        )
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise BadInput(f"{name} holds NaN or infinite entries: remove those rows")
    if LOSSES[loss].signs and not np.all(np.abs(y) == 1):
        wrong = float(y[np.abs(y) != 1][0])
        raise BadInput(f"{name} has the label {wrong:g}: for the {loss} loss map the two classes to -1 and 1")
    return x, y.reshape(len(x), outputs)


def posed(problem: Instance | Network, labels: ArrayLike | None, loss: str) -> tuple[Network, Array, Array]:
    """Return the network, its labels ``(n, c)``, and the constant columns that an instance's inputs lack, or raise BadInput."""
    if loss not in LOSSES:
        raise BadInput(f"no loss is called {loss!r}: take one of {', '.join(LOSSES)}")
    network = problem.network if isinstance(problem, Instance) else problem
    extra = np.zeros(0)
    if isinstance(problem, Instance):
        labels = problem.labels if labels is None else labels
        extra = network.inputs[0, problem.d :]  # of a trained bias: the same in every row
    if labels is None:
        raise BadInput("a network comes without labels: give them, (n,) or (n, c)")
    return network, checked("the problem", loss, network.inputs, labels, network.outputs)[1], extra


def feed(batches: Batches, loss: str, network: Network, extra: Array, steps: int) -> Draw:
    """Return a function that draws the batch of a step, or raises BadInput; ``extra`` are constant columns to append."""
    items = None if callable(batches) else iter(batches)

    def draw(step: int) -> tuple[Array, Array]:
        try:
            inputs, labels = batches(step) if callable(batches) else next(items)  # type: ignore[arg-type]
        except StopIteration:
            raise BadInput(f"the batches ended at step {step} of {steps}: give one for each step") from None
        x, y = checked(f"the batch of step {step}", loss, inputs, labels, network.outputs)
        x = np.hstack([x, np.broadcast_to(extra, (len(x), len(extra)))]) if len(extra) else x
        if x.shape[1] != network.inputs.shape[1]:
            raise BadInput(
                f"the batch of step {step} has {x.shape[1] - len(extra)} columns "
                f"where {network.inputs.shape[1] - len(extra)} belong, as in the network's inputs"
            )
        return x, y

    return draw


def schedule(name: str, value: Schedule | Pair, steps: int) -> Array:
    """Return the values at each step for the two layers, ``(steps, 2)``; BadInput if there are none such."""
    parts: tuple[Schedule, ...] = value if isinstance(value, tuple) else (value, value)
    if len(parts) != 2:
        raise BadInput(f"{name} is a tuple of {len(parts)}: a tuple is a pair, first layer and output weights")
    columns = np.empty((steps, 2))
    for k, part in enumerate(parts):
        column = _floats(name, [part(t) for t in range(steps)] if callable(part) else part)
        if column.shape not in ((), (steps,)):
            raise BadInput(f"{name} has shape {column.shape}: give a number, or ({steps},), one for each step")
        columns[:, k] = column
    bad = ~(np.isfinite(columns) & (columns >= 0)).all(axis=1)
    if bad.any():
        first = int(bad.argmax())
        raise BadInput(f"{name} must be finite and at least 0, not {columns[first]} (two layers) at step {first}")
    return columns


def _sweep_loop(
    heights: Any, functions: Any, outer: Any, values: Any, part: Any, output: Any, value: Any, slope: Any
) -> None:
    (rows, n), (kept, _), outputs = heights.shape, values.shape, len(output)
    part[:] = 0.0  # of the output: a sum of sums of blocks rounds less than one long sum
    for j in range(rows):
        k = min(j, kept - 1)
        # with one output its weight multiplies the slope at once; with several they wait for the forces
        factor = outer[j, 0] if outputs == 1 else 1.0
        for i in range(n):
            z, t, u, v = heights[j, i], functions[0, j, i], functions[1, j, i], functions[2, j, i]
            values[k, i] = value(z, t, u, v)
            heights[j, i] = factor * slope(z, t, u, v)
        for e in range(outputs):
            for i in range(n):
                part[e, i] += outer[j, e] * values[k, i]
    output += part


@cache
def split(activation: Activation) -> tuple[tuple[sp.Expr, ...], sp.Expr, sp.Expr]:
    """Return the transcendental functions in an activation and its slope, and both with symbols in their place.

    ``1 - tanh(z)**2`` becomes ``1 - t_0**2``: what the two share is evaluated once.
    """
    found: list[sp.Expr] = []

    def named(expr: sp.Expr) -> sp.Expr:
        if isinstance(expr, sp.Function) and not isinstance(expr, sp.Heaviside) and expr.has(Z):
            if expr not in found:
                found.append(expr)
            return sp.Symbol(f"t_{found.index(expr)}", real=True)
        return expr.func(*map(named, expr.args)) if expr.args else expr

    whole = activation.expr, activation.slope
    # softplus without overflow, six times faster than NumPy's logaddexp
    stable = sp.Max(0, _U) + log1p(sp.exp(-sp.Abs(_U)))
    parts = [named(expr.replace(sp.log(1 + sp.exp(_U)), stable)) for expr in whole]
    # sin(z)/z has its value at 0 only as a whole; and functions in great number are no cheaper one by one
    if len(found) > len(_SLOTS) or any(expr.subs(Z, 0) is sp.nan for expr in whole):
        return whole, _SLOTS[0], _SLOTS[1]
    return tuple(found), parts[0], parts[1]


def _into(expr: sp.Expr) -> Callable[[Array, Array], None]:
    """Return a function that writes ``expr`` at its first argument into its second."""
    ufunc, inner = (_UFUNCS[type(expr)], expr.args[0]) if type(expr) in _UFUNCS else (np.positive, expr)
    inside = None if inner == Z else compile_block((Z,), inner)

    def fill(heights: Array, out: Array) -> None:
        ufunc(heights if inside is None else inside(heights), out=out)

    return fill


@cache
def _sweep(activation: Activation) -> tuple[tuple[Callable[[Array, Array], None], ...], Callable[..., None]]:
    functions, value, slope = split(activation)
    args = (Z, *_SLOTS)
    kernels = {"value": compile_kernel("value", args, value), "slope": compile_kernel("slope", args, slope)}
    return tuple(map(_into, functions)), specialise(_sweep_loop, kernels, parallel=False)


class Batch:
    """One batch of samples, and the buffers in which a network's passes over it are made.

    Parameters
    ----------
    network
        Activation, scales and frozen shifts; its weights are not looked at.
    keep
        Whether the values of the activation are kept for the output weights' gradient.

    Raises
    ------
    BadInput
        From :meth:`load`, if the buffers would not fit in memory; said before anything is allocated.
    """

    def __init__(self, network: Network, *, keep: bool) -> None:
        self._fills, self._loop = _sweep(network.activation)
        self._inner, self._keep = network.inner, keep
        self._shift = network.shift[:, None] if network.shift.any() else None
        self._heights = np.empty((network.m, 0))
        self._current = False  # whether the kept values belong to the present first layer

    def load(self, inputs: Array) -> None:
        """Take the samples ``(n, d)`` of the next passes; buffers are made anew only if ``n`` changes."""
        m, n = len(self._heights), len(inputs)
        self.inputs, self._current = np.ascontiguousarray(inputs), False
        if self._heights.shape[1] == n:
            return
        if (need := 8 * m * n * (1 + self._keep)) > MEMORY:
            raise BadInput(
                f"a batch of {n} samples through {m} neurons would need about {need / 2**30:.0f} GiB, "
                f"more than the {MEMORY / 2**30:.0f} GiB allowed: give smaller batches"
            )
        rows = min(m, max(1, BLOCK // n))
        self._blocks = [slice(start, min(start + rows, m)) for start in range(0, m, rows)]
        self._heights = np.empty((m, n))
        self._values = np.empty((m if self._keep else 1, n))
        self._functions = np.empty((len(_SLOTS), rows, n))

    def forward(self, weights: Array, outer: Array, *, slopes: bool) -> Array:
        """Return the output ``(n, c)``.

        ``slopes=False`` says that the first layer will not be moved by this pass; then kept values
        that still belong to these weights are used again.
        """
        if self._current and not slopes:
            return self._values.T @ outer
        output, part = np.zeros((2, outer.shape[1], len(self.inputs)))
        _product(self._inner, weights, self.inputs.T, 0.0, self._heights)
        for block in self._blocks:
            heights = self._heights[block]
            if self._shift is not None:
                heights += self._shift[block]
            for fill, out in zip(self._fills, self._functions, strict=False):
                fill(heights, out[: len(heights)])
            values = self._values[block] if self._keep else self._values
            self._loop(heights, self._functions, outer[block], values, part, output)
        self._current = self._keep
        return output.T

    def move(self, weights: Array, shrink: float, force: Array, outer: Array) -> None:
        """Make ``w_j`` into ``shrink w_j + inner sum_i s'(h_ij) (sum_c force_ic outer_jc) x_i``; once per forward pass."""
        self._current = False
        if outer.shape[1] == 1:
            _product(self._inner, self._heights, force * self.inputs, shrink, weights)
            return
        for block in self._blocks:
            self._heights[block] *= outer[block] @ force.T
        _product(self._inner, self._heights, self.inputs, shrink, weights)

    def second(self, force: Array) -> Array:
        """Return ``sum_i force_ic s(h_ij)``, ``(m, c)``; needs ``keep``."""
        return self._values @ force


def _product(scale: float, left: Array, right: Array, shrink: float, out: Array) -> None:
    """Make ``out`` into ``shrink out + scale left right``; BLAS forgets ``out`` where ``shrink`` is 0."""
    # BLAS is written for columns; the transposes of C-contiguous arrays are such, and `out` must be one to be written
    flip = right.flags.f_contiguous and not right.flags.c_contiguous
    blas.dgemm(scale, right if flip else right.T, left.T, shrink, out.T, trans_a=flip, overwrite_c=True)
