"""From sums over neurons to what theorems speak of: residual norms and extreme eigenvalues, proved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from theorycheck.certify.problem import Problem, norms
from theorycheck.certify.rounding import OUTWARD, TINY, UNIT, above, gamma
from theorycheck.certify.sums import Sums
from theorycheck.spectrum import largest_eigenvalue, least_eigenvalue

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Enclosed:
    """A symmetric matrix ``(n, n)`` known entrywise to a radius."""

    matrix: Array
    radius: float

    def least(self) -> float:
        """Return a double below the least eigenvalue (minus infinity if nothing is proved)."""
        return least_eigenvalue(self.matrix, self.radius).lower if self.finite else -math.inf

    def largest(self) -> float:
        """Return a double above the largest eigenvalue."""
        return largest_eigenvalue(self.matrix, self.radius).upper if self.finite else math.inf

    @property
    def finite(self) -> bool:
        """Whether every entry and the radius are numbers."""
        return bool(np.all(np.isfinite(self.matrix)) and math.isfinite(self.radius))

    def times(self, factor: float) -> Enclosed:
        """Return the matrix times a positive factor that is known to a relative error of 4 units."""
        size = float(np.max(np.abs(self.matrix), initial=0.0))
        with np.errstate(all="ignore"):
            return Enclosed(factor * self.matrix, (factor * self.radius + 8 * UNIT * factor * size) * OUTWARD + TINY)

    def plus(self, other: Enclosed) -> Enclosed:
        """Return the sum of two enclosed matrices."""
        with np.errstate(all="ignore"):
            found = self.matrix + other.matrix
        size = float(np.max(np.abs(found), initial=0.0))
        return Enclosed(found, (self.radius + other.radius + UNIT * size) * OUTWARD)


@np.errstate(all="ignore")
def with_inputs(problem: Problem, matrix: Array, radius: float, *, absolute: bool = False) -> Enclosed:
    """Return ``(X X') o matrix``, entry by entry; with ``absolute``, ``|X X'| o matrix``."""
    product = problem.inputs @ problem.inputs.T
    product = np.abs(product) if absolute else (product + product.T) / 2
    largest = float(norms(problem)[1].max()) ** 2 * (1 + 4 * UNIT)
    size = float(np.max(np.abs(matrix), initial=0.0))
    loss = largest * (radius + gamma(problem.d + 16) * (size + radius)) * OUTWARD
    return Enclosed(product * matrix, loss + (problem.d + 1) * TINY * (1 + size + radius))


def residual_norm(problem: Problem, sums: Sums, scale: arb) -> float:
    """Return a double at least ``|y - f|``, where ``f`` is ``scale`` times the output of the sums."""
    with ctx.workprec(128):
        total = arb(0)
        for label, output, radius in zip(problem.labels, sums.output, sums.output_radius, strict=True):
            if not (math.isfinite(output) and math.isfinite(radius)):
                return math.inf
            total += (arb(float(label)) - scale * arb(float(output), float(radius))) ** 2
        return above(total.abs_upper().sqrt())  # of the upper end: the ball may reach below 0


def sum_above(values: Array, power: int = 1) -> float:
    """Return a double above ``sum_j values_j^power`` of nonnegative doubles, at most 2^100 each."""
    with np.errstate(all="ignore"):
        total = math.fsum(values**power) if power != 1 else math.fsum(values)
    # fsum is correctly rounded; a power of doubles is off by less than `power` units, or by what underflows
    return total + total * (2 * power + 2) * UNIT + len(values) * TINY
