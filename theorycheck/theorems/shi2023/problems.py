"""Problems on which the end-to-end theorem is run: a finite population, its truth, and what a random neuron's gradient is."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from theorycheck.data import BadInput
from theorycheck.symbolic.thresholds import majority_coefficient
from theorycheck.theorems.shi2023 import parity as promised
from theorycheck.theorems.shi2023.features import Truth
from theorycheck.theorems.shi2023.parities import cube

Array = NDArray[np.float64]
#: bias of the truth's neurons on XOR and parities: small, so that |a*|_1 and T are
KINK = 0.1


@dataclass(frozen=True, eq=False)
class Problem:
    """A population with equally likely rows, and the constants of R8 on it.

    ``length`` is B_G, the length of every hit's gradient; ``bias`` is b~/sigma_w; ``chance`` is p. All biases of the truth have
    one size, so U = 1 (errata W4). ``signs`` says that weights are drawn as signs, not Gaussian; ``gamma`` is 1 less the cosine that
    a hit's gradient has with its direction.
    """

    inputs: Array
    labels: Array
    truth: Truth
    length: float
    bias: float
    chance: float
    signs: bool = False
    gamma: float = 1e-9

    @property
    def size(self) -> float:
        """The size of the truth's biases."""
        return float(np.abs(self.truth.biases).max())


def linear(inputs: Array, labels: Array, bias: float) -> Problem:
    """Return linearly separated data with the truth ``<w*, x>/beta`` of R7a; ``bias`` is b~/sigma_w.

    Raises
    ------
    BadInput
        If the direction of ``E[y x]`` does not separate the data.
    """
    mean = labels @ inputs / len(labels)
    length = float(np.linalg.norm(mean))
    direction = mean / length if length > 0 else mean
    beta = float(np.min(labels * (inputs @ direction)))
    if not beta > 0:
        raise BadInput("the direction of E[y x] does not separate these data: take other rows")
    reach = float(np.max(np.linalg.norm(inputs, axis=1))) * (1 + 1e-12)
    truth = Truth(np.array([direction, -direction]), np.array([1.0, -1.0]) / (2 * beta), np.array([-reach, -reach]))
    return Problem(inputs, labels, truth, length, bias, float(chi2.cdf((bias / reach) ** 2, inputs.shape[1])))


@lru_cache(maxsize=4)
def parity(width: int) -> Problem:
    """Return the parity of the first two of ``width`` uniform signs, an odd number from 3 on, for neurons of signs (R5.2, errata W4).

    With ``t = (x_1 + x_2)/sqrt 2`` and ``u = (x_1 - x_2)/sqrt 2`` one of ``t, -t, u, -u`` is sqrt 2 and the others are 0 or below, so that
    XOR's truth with positive biases does: four neurons instead of the zig-zag's, and no bias is 0.

    Raises
    ------
    BadInput
        If the number is even or too small, or its cube too large to be written out.
    """
    if width % 2 == 0 or not 3 <= width <= 11:
        raise BadInput(f"--d must be odd and in 3, ..., 11 for the parity, not {width}")
    inputs = cube(width)
    directions = np.zeros((4, width))
    directions[:, :2] = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]]) / math.sqrt(2)
    truth = Truth(directions, np.array([1.0, 1.0, -1.0, -1.0]) / (math.sqrt(2) - KINK), np.full(4, KINK))
    at = {promised.outside: width - 2, promised.k: 2, promised.xi: sp.Rational(majority_coefficient(width, 2))}
    # a hit has this cosine and this length exactly (errata U10); any bias below 1 will do
    gamma = float(1 - promised.COSINE.subs(at)) + 1e-9
    return Problem(inputs, inputs[:, 0] * inputs[:, 1], truth, float(promised.LENGTH.subs(at)), 0.5, float(promised.SHARE.subs(at)), True, gamma)  # fmt: skip


def scaled(problem: Problem, times: float) -> Problem:
    """Return the problem with ``times`` its truth: the logistic loss of a correct sign falls with it (errata U5)."""
    truth = problem.truth
    return replace(problem, truth=Truth(truth.directions, times * truth.outer, truth.biases))


@lru_cache(maxsize=8)
def xor(noise: float = 0.0, kink: float = KINK) -> Problem:
    """Return XOR in three dimensions: ``+-e_1`` of one label, ``+-e_2`` of the other, and signs of size ``noise`` along e_3.

    ``kink``, in (0, 1), is the bias of the truth's four neurons: at a small one the theorem asks for fewer steps, as |a*|_1 and
    ``|a~| |W_1|`` are smaller.

    A neuron sees one of the four points, so its gradient is a quarter of it, if it is above the bias there for both signs of the
    noise, and below at the others: ``p >= 2 P(|g_3| <= t) P(g_1 > b + noise t) P(|g_2| < b - noise t)``, for every t.
    """
    points = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=float)
    thirds = [noise, -noise] if noise else [0.0]
    inputs = np.array([[*point, third] for point in points for third in thirds])
    labels = np.repeat([1.0, 1.0, -1.0, -1.0], len(thirds))
    # max(t - kink, 0)/(1 - kink) is 1 at the point, and 0 at the others
    signs = np.array([1.0, 1.0, -1.0, -1.0])
    truth = Truth(np.column_stack([points, np.zeros(4)]), signs / (1 - kink), np.full(4, kink))
    best = (0.0, 1.0)
    for b, t in itertools.product(np.linspace(0.3, 1.5, 25), np.linspace(0.1, 3, 30) if noise else [math.inf]):
        edge = noise * t if noise else 0.0
        inside = 2 * norm.cdf(t) - 1 if noise else 1.0
        best = max(best, (2 * inside * norm.sf(b + edge) * max(2 * norm.cdf(b - edge) - 1, 0.0), float(b)))
    return Problem(inputs, labels, truth, 0.25, best[1], float(best[0]))
