"""R8.1 and R8.2: after one step enough neurons are features of the right direction and size, and a second layer on them is the truth.

A *truth* is a network ``f* = sum_k a*_k max(<D_k, x> - b*_k, 0)``. ``S_k`` are the neurons whose bias has the sign of b*_k, whose
weights point at D_k up to gamma and have the length ``b~/|b*_k|`` up to a share eps_1. Errata W4 (U from the lengths of hits) and
I1 (the window's constant) are built in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.symbolic.gaussian import MU, QU
from theorycheck.symbolic.population import GATE

Array = NDArray[np.float64]
#: neurons as indices, one array for each feature
Sets = tuple[NDArray[np.int64], ...]

eps_1, ratio, chance = sp.symbols("epsilon_1 U p", positive=True)
gamma = sp.Symbol("gamma", nonnegative=True)
M_1, outer_size = sp.symbols("M_1 |a*|_1", nonnegative=True)


def _below(z: sp.Expr) -> sp.Expr:
    return GATE.subs({MU: z, QU: 1})


def window(u: sp.Expr, width: sp.Expr) -> sp.Expr:
    """Return ``P(u |g| in [1 - width, 1 + width])`` for a standard normal g."""
    return 2 * (_below((1 + width) / u) - _below((1 - width) / u))


#: the least of window/(eps_1/u) over u >= 1 and eps_1 <= 1, at u = eps_1 = 1 (errata I1): 2 Phi(2) - 1
WINDOW = window(sp.S.One, sp.S.One)
#: p', the chance that one quadruple puts a neuron into S_k (R8.1)
CHANCE = WINDOW * chance * eps_1 / ratio
#: how far a representation by such neurons is from the truth, at most, in the mean (R8.2)
DISTANCE = outer_size * M_1 * (sp.sqrt(2 * gamma) + eps_1)


@dataclass(frozen=True, eq=False)
class Truth:
    """A network to be represented: ``directions`` ``(r, d)`` of length 1, ``outer`` ``(r,)`` and ``biases`` ``(r,)``, none of them 0."""

    directions: Array
    outer: Array
    biases: Array

    def __call__(self, inputs: Array) -> Array:
        """Return the outputs on inputs ``(n, d)``."""
        return np.maximum(inputs @ self.directions.T - self.biases, 0.0) @ self.outer


def first_moment(inputs: Array) -> float:
    """Return a bound on M_1, ``sup_{|u| = 1} E|<u, x>|``: the root of the largest eigenvalue of ``E x x'``."""
    return float(np.linalg.norm(inputs, 2) / np.sqrt(len(inputs)))


def members(truth: Truth, weights: Array, biases: Array, share: float, off: float) -> Sets:
    """Return the sets S_k of neurons after the first step, as indices; ``share`` is eps_1 and ``off`` gamma."""
    lengths = np.linalg.norm(weights, axis=1)
    along = weights @ truth.directions.T
    found = []
    for k, wanted in enumerate(truth.biases):
        sized = np.abs(lengths * abs(wanted) / np.abs(biases) - 1) <= share
        good = (np.sign(biases) == np.sign(wanted)) & sized & (along[:, k] > (1 - off) * lengths)
        found.append(np.flatnonzero(good))
    return tuple(found)


def second_layer(truth: Truth, sets: Sets, biases: Array) -> Array:
    """Return the output weights of R8.2, ``(m,)``: ``a*_k |b*_k|/(|S_k| b~)`` on S_k, summed where sets meet."""
    outer = np.zeros(len(biases))
    for k, chosen in enumerate(sets):
        if len(chosen):
            outer[chosen] += truth.outer[k] * abs(truth.biases[k]) / (len(chosen) * np.abs(biases[chosen]))
    return outer
