"""Sums over neurons with proved errors, in one pass over blocks: memory does not grow with the width.

Every sum is a matrix product in doubles; what rounding can do to it is bounded a priori, so the
results enclose the exact sums of the given binary floating-point weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from flint import ctx
from numpy.typing import NDArray

from theorycheck.certify.layer import LARGEST
from theorycheck.certify.pieces import Pieces, evaluate, pieces
from theorycheck.certify.problem import Problem, Progress, norms
from theorycheck.certify.rounding import OUTWARD, TINY, UNIT, gamma
from theorycheck.constants import curvature_bound, slope_bound
from theorycheck.data import BadInput

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """Products ``w_j . x_i`` of one block of neurons.

    ``products`` is ``(n, b)`` and within ``error`` of the exact ones; ``place`` is where the neurons stand.
    """

    place: slice
    products: Array
    error: Array


def _lengths(weights: Array) -> Array:
    """Return the norms of rows; where their squares would leave the doubles, the larger sum of sizes."""
    found = np.sqrt(np.einsum("jk,jk->j", weights, weights))
    safe = (found > 2.0**-480) & np.isfinite(found)
    return np.asarray(np.where(safe, found, np.abs(weights).sum(axis=1)), float)


@np.errstate(all="ignore")  # an overflow is found in the products
def products(problem: Problem, progress: Progress, stage: str) -> Iterator[Block]:
    """Yield the products of inputs and weights, block by block, with the bound on their rounding."""
    upper = norms(problem)[1]
    loss = gamma(2 * problem.d + 4)
    for place, weights in problem.layer.blocks(problem.n):
        lengths = _lengths(weights) * (1 + gamma(problem.d + 4)) + TINY
        if not lengths.max(initial=0.0) <= LARGEST:
            raise BadInput(f"weights are as large as {lengths.max():.3g}, or not finite: scale the network down")
        # |fl(w.x) - w.x| <= gamma_d sum |w_k||x_k| <= gamma_d |w||x| (Cauchy and Schwarz), and underflow
        error = np.multiply.outer(upper * loss, lengths) + problem.d * TINY
        found = problem.inputs @ weights.T
        if not np.all(np.isfinite(found)):
            raise BadInput("a product of weights and inputs overflows: scale the inputs or the weights down")
        yield Block(place, found, error)
        progress(place.stop / problem.m, stage)


def preactivations(block: Block, inner: float) -> tuple[Array, Array]:
    """Return ``h = inner w . x`` of a block and how far rounding may have moved it, each ``(n, b)``."""
    h = inner * block.products
    return h, (inner * block.error + 4 * UNIT * np.abs(h)) * OUTWARD + TINY


def inner_of(problem: Problem) -> float:
    """Return the scale of ``w . x`` inside the activation, as the nearest double."""
    with ctx.workprec(128):
        return float(problem.inner().mid())


def reach(problem: Problem, inner: float) -> float:
    """Return a bound on every pre-activation.

    Raises
    ------
    BadInput
        If it is not finite.
    """
    longest = max(float(_lengths(w).max()) for _, w in problem.layer.blocks(problem.n))
    found = 1.001 * inner * longest * float(norms(problem)[1].max()) + 1e-3
    if not np.isfinite(found):
        raise BadInput("the weights are not finite, or overflow: scale the inputs or the weights down")
    return found


@dataclass(frozen=True, eq=False)
class Sums:
    """What the network computes at the start, with proved radii.

    Parameters
    ----------
    output, output_radius : (n,)
        ``sum_j signs_j s(h_ij)`` without the factors of the neuron in front that all nodes share.
    slopes, slopes_radius : (n, n) and float
        ``sum_j mass_j s'(h_ij) s'(h_kj)``, entrywise within the radius.
    values, values_radius : (n, n) and float
        ``sum_j s(h_ij) s(h_kj)``, where asked for.
    """

    output: Array
    output_radius: Array
    slopes: Array
    slopes_radius: float
    values: Array
    values_radius: float


@np.errstate(all="ignore")
def start(problem: Problem, factor: Array, mass: Array, progress: Progress, *, with_values: bool = False) -> Sums:
    """Return output, slope Gram and value Gram at the start, enclosed.

    Parameters
    ----------
    factor : (m,)
        What multiplies each activation in the output, known to a relative error of 4 units.
    mass : (m,)
        Nonnegative weights of the slope Gram, known to a relative error of 4 units.
    """
    relu = problem.activation.leak == 0.0
    if problem.activation.leak is not None and not relu:
        raise BadInput("leaky ReLU cannot be certified: take relu or a smooth activation")
    total = _Totals.zeros(problem.n)
    steps = longest = 0
    parts = None if relu else Elementwise.of(problem)
    for block in products(problem, progress, "output and Gram"):
        here, weight = factor[block.place], mass[block.place]
        if parts is None:
            total.add(*_gates(block), here, weight, with_values)
        else:
            total.add(*parts.at(block), here, weight, with_values)
        steps, longest = steps + 1, max(longest, block.products.shape[1])
    return total.close(gamma(longest + steps + 16), problem.m)


def _gates(block: Block) -> tuple[Array, Array, Array, Array]:
    """Return values, their errors, gates, and 1 where a gate is in doubt (a product too close to 0)."""
    doubt = np.abs(block.products) <= block.error
    return np.maximum(block.products, 0.0), block.error, (block.products > 0).astype(float), doubt.astype(float)


@dataclass(frozen=True, eq=False)
class Elementwise:
    """A smooth activation and its slope in certified pieces, and how their arguments' errors reach them."""

    value: Pieces
    slope: Pieces
    inner: float
    steepest: float
    bend: float

    @staticmethod
    def of(problem: Problem) -> Elementwise:
        """Return the pieces that cover every pre-activation of the problem."""
        slope, curvature = slope_bound(problem.activation).upper, curvature_bound(problem.activation).upper
        if not (problem.activation.smooth and np.isfinite(slope) and np.isfinite(curvature)):
            raise BadInput(
                f"{problem.activation.name} cannot be certified: it needs a bounded slope and a bounded second derivative"
            )
        inner = inner_of(problem)
        far = reach(problem, inner)
        activation = problem.activation
        return Elementwise(pieces(activation.expr, far), pieces(activation.slope, far), inner, slope, curvature)

    def at(self, block: Block) -> tuple[Array, Array, Array, Array]:
        """Return values, their errors, slopes, their errors."""
        h, spread = preactivations(block, self.inner)
        return (
            evaluate(self.value, h),
            self.steepest * spread + self.value.error,
            evaluate(self.slope, h),
            self.bend * spread + self.slope.error,
        )


@dataclass(eq=False)
class _Totals:
    """Running sums; ``sizes`` are sums of absolute values, which rounding is relative to."""

    output: Array
    output_size: Array
    output_error: Array
    slopes: Array
    slopes_size: float
    slopes_error: float
    values: Array
    values_size: float
    values_error: float

    @classmethod
    def zeros(cls, n: int) -> _Totals:
        one, two = np.zeros(n), np.zeros((n, n))
        return cls(one, one.copy(), one.copy(), two, 0.0, 0.0, two.copy(), 0.0, 0.0)

    def add(
        self, value: Array, value_error: Array, slope: Array, slope_error: Array,
        factor: Array, mass: Array, with_values: bool,
    ) -> None:  # fmt: skip
        size = np.abs(factor)
        self.output += value @ factor
        self.output_size += np.abs(value) @ size
        self.output_error += value_error @ size
        self.slopes += (slope * mass) @ slope.T
        # |s_i s_k - t_i t_k| <= |s_i| e_k + |s_k| e_i + e_i e_k, each at most its largest over the samples
        wide, off = np.abs(slope).max(axis=0), slope_error.max(axis=0)
        self.slopes_size += float(mass @ (wide * wide))
        self.slopes_error += float(mass @ (off * (2 * wide + off)))
        if with_values:
            self.values += value @ value.T
            wide, off = np.abs(value).max(axis=0), value_error.max(axis=0)
            self.values_size += float(wide @ wide)
            self.values_error += float(off @ (2 * wide + off))

    def close(self, loss: float, neurons: int) -> Sums:
        """Return the sums with their radii; ``loss`` bounds the relative rounding of a sum over all neurons."""
        loss = 2 * loss + 16 * UNIT
        lost = 8 * neurons * TINY  # by gradual underflow, whatever the size
        return Sums(
            self.output,
            (self.output_error + loss * self.output_size) * OUTWARD + lost,
            (self.slopes + self.slopes.T) / 2,
            (self.slopes_error + loss * self.slopes_size) * OUTWARD + lost,
            (self.values + self.values.T) / 2,
            (self.values_error + loss * self.values_size) * OUTWARD + lost,
        )
