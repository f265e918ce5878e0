"""Mixtures of Gaussians: the simplified gradient in closed form (R2, errata U8), the constants of R3 and the network of R4.

``G(w, b) = E[y x 1{<w, x> > b}]``. The factors of means and covariances are the derived expressions of
:mod:`theorycheck.symbolic.population`, compiled; a component that is a point in the direction of ``w`` is exact, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.compiled import compile_kernel, specialise
from theorycheck.symbolic.gaussian import MU, MV, QU, QV, RHO
from theorycheck.symbolic.population import ACTIVE, DENSITY, GATE

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Component j has chance ``chances[j]``, mean ``means[j]``, covariance ``covariances[j]`` and label ``labels[j]``.

    Shapes are ``(r,)``, ``(r, d)``, ``(r, d, d)`` and ``(r,)``.
    """

    means: Array
    covariances: Array
    chances: Array
    labels: Array

    def sample(self, count: int, seed: int) -> tuple[Array, Array]:
        """Return ``count`` inputs ``(count, d)`` and their labels."""
        generator = np.random.default_rng(seed)
        which = generator.choice(len(self.chances), count, p=self.chances / self.chances.sum())
        roots = np.array([_root(one) for one in self.covariances])
        noise = np.einsum("nij,nj->ni", roots[which], generator.standard_normal((count, self.means.shape[1])))
        return self.means[which] + noise, self.labels[which]


def isotropic(means: Array, sigmas: Array, chances: Array, labels: Array) -> Mixture:
    """Return the mixture with covariances ``sigma_j^2 I``."""
    identity = np.eye(means.shape[1])
    return Mixture(means, np.asarray(sigmas)[:, None, None] ** 2 * identity, np.asarray(chances), np.asarray(labels))


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _factors_loop(heights: Any, variances: Any, gate: Any, density: Any, active: Any, out: Any) -> None:
    for i in range(heights.shape[0]):
        for j in range(heights.shape[1]):
            u, q = heights[i, j], variances[i, j]
            if q > 0:
                out[0, i, j], out[1, i, j], out[2, i, j] = gate(u, q), density(u, q), active(u, q)
            else:  # all of the component is on one side of the gate, which is strict
                out[0, i, j], out[1, i, j], out[2, i, j] = 1.0 * (u > 0), 0.0, max(u, 0.0)


@cache
def _factors() -> Any:
    parts = {"gate": GATE, "density": DENSITY, "active": ACTIVE.closed_form}
    kernels = {name: compile_kernel(name, (MU, QU), expr) for name, expr in parts.items()}
    return specialise(_factors_loop, kernels, parallel=False)


def _parts(law: Mixture, weights: Array, biases: Array) -> tuple[Array, Array]:
    """Return P(u > 0), density of u at 0 and E max(u, 0) for neurons and components ``(3, m, r)``, and ``Sigma_j w``."""
    spread = np.einsum("jkl,il->ijk", law.covariances, weights)
    heights = np.ascontiguousarray(weights @ law.means.T - np.asarray(biases)[:, None])
    variances = np.ascontiguousarray(np.maximum(np.einsum("ijk,ik->ij", spread, weights), 0.0))
    out = np.empty((3, *heights.shape))
    _factors()(heights, variances, out)
    return out, spread


def simplified_gradient(law: Mixture, weights: Array, biases: Array) -> Array:
    """Return ``G(w_i, b_i)`` for neurons ``(m, d)`` and biases ``(m,)``: ``sum_j p_j y_j (mu_j P(u > 0) + Sigma_j w pdf_u(0))`` (R2)."""
    (gate, density, _), spread = _parts(law, weights, biases)
    mass = law.chances * law.labels
    found: Array = (gate * mass) @ law.means + np.einsum("ij,ijk->ik", density * mass, spread)
    return found


def output_gradient(law: Mixture, weights: Array, biases: Array) -> Array:
    """Return ``E[y max(<w_i, x> - b_i, 0)]``, ``(m,)`` (R2)."""
    found: Array = _parts(law, weights, biases)[0][2] @ (law.chances * law.labels)
    return found


def pair(law: Mixture, j: int, weight: Array, bias: float, direction: Array) -> dict[sp.Symbol, float]:
    """Return the law of ``u = <w, x> - b`` and ``v = <direction, x>`` in component j, as values of the derivation's symbols."""
    cov = law.covariances[j]
    q_u, q_v = float(weight @ cov @ weight), float(direction @ cov @ direction)
    c = float(direction @ cov @ weight)
    rho = float(np.clip(c / np.sqrt(q_u * q_v), -1.0, 1.0))
    return {MU: float(weight @ law.means[j] - bias), MV: float(direction @ law.means[j]), QU: q_u, QV: q_v, RHO: rho}
