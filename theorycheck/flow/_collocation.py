"""Radau IIA collocation with any number of stages, and the polynomials that go through its stages.

Everything is written in shifted Legendre polynomials, whose Vandermonde matrices are well
conditioned: with powers of the time, eight stages would already lose six digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.special import roots_jacobi

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Collocation:
    """The method with ``s`` stages on [0, 1] (Hairer and Wanner, Solving ODEs II, section IV.5).

    Attributes
    ----------
    nodes : (s,)
        Right Radau points; the last is 1.
    matrix : (s, s)
        ``integral_0^{c_i}`` of the Lagrange polynomials of the nodes: order ``2 s - 1`` at 1.
    coefficients : (s, s)
        Legendre coefficients of the polynomial through the nodes.
    fit : (s + 1, s + 1)
        Legendre coefficients of the polynomial through 0 and the nodes.
    falling : (s, s + 1)
        Legendre coefficients of its derivative.
    """

    nodes: Array
    matrix: Array
    coefficients: Array
    fit: Array
    falling: Array

    @property
    def stages(self) -> int:
        """Number of stages ``s``."""
        return len(self.nodes)

    def at(self, places: Array) -> Array:
        """Return the matrix ``(len(places), s + 1)`` that evaluates the polynomial through 0 and the nodes."""
        return _basis(places, self.stages) @ self.fit

    def integral(self, places: Array) -> Array:
        """Return the matrix ``(len(places), s)`` of integrals from 0 of the polynomial through the nodes: dense output."""
        return _integrals(places, self.stages - 1) @ self.coefficients

    def derivative(self, places: Array) -> Array:
        """Return the matrix ``(len(places), s)`` that evaluates the polynomial through the nodes."""
        return _basis(places, self.stages - 1) @ self.coefficients

    def slope(self, places: Array) -> Array:
        """Return the matrix ``(len(places), s + 1)`` of derivatives of the polynomial through 0 and the nodes."""
        return _basis(places, self.stages - 1) @ self.falling

    @property
    def leading(self) -> Array:
        """Return the row ``(s + 1,)`` that gives the last Legendre coefficient of the polynomial through 0 and the nodes."""
        return np.asarray(self.fit[-1])

    def shape(self, places: Array) -> Array:
        """Return ``prod_i (1 - x / c_i)``: what the defect of a collocation polynomial looks like, 1 at 0."""
        return np.asarray(np.prod(1 - np.asarray(places)[:, None] / self.nodes, axis=1))


@cache
def radau(stages: int) -> Collocation:
    """Return Radau IIA with ``stages`` stages (at least 2); L-stable, of order ``2 stages - 1``."""
    inner, _ = roots_jacobi(stages - 1, 1, 0)
    nodes = np.append((inner + 1) / 2, 1.0)
    # Radau quadrature integrates products of two Legendre polynomials of degree < s exactly, so
    # the coefficients of an interpolant are inner products: no linear system, no lost digits
    values = _basis(nodes, stages - 1)
    weights = np.linalg.solve(values.T, np.eye(stages)[0])
    coefficients = (2 * np.arange(stages)[:, None] + 1) * (values.T * weights)
    matrix = _integrals(nodes, stages - 1) @ coefficients
    fit = np.linalg.inv(_basis(np.append(0.0, nodes), stages))
    return Collocation(*map(np.asarray, (nodes, matrix, coefficients, fit, 2 * legendre.legder(fit))))


def _basis(places: Array, degree: int) -> Array:
    """Return ``P_k(2 x - 1)`` for ``k <= degree``; NumPy's own ``legvander`` costs more than a step of a small flow."""
    x = 2 * np.asarray(places, dtype=float) - 1
    found = np.ones((degree + 1, len(x)))
    if degree:
        found[1] = x
    for k in range(1, degree):
        found[k + 1] = ((2 * k + 1) * x * found[k] - k * found[k - 1]) / (k + 1)
    return found.T


def _integrals(places: Array, degree: int) -> Array:
    """Return ``integral_0^x P_k(2 t - 1) dt`` for ``k <= degree``: ``(P_{k+1} - P_{k-1}) / (2 (2 k + 1))``."""
    values = _basis(places, degree + 1)
    found = np.empty((len(values), degree + 1))
    found[:, 0] = places
    for k in range(1, degree + 1):
        found[:, k] = (values[:, k + 1] - values[:, k - 1]) / (2 * (2 * k + 1))
    return found
