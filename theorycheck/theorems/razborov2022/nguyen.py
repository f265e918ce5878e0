"""Nguyen 2021, Theorem 2.2 for two layers, as a test of a drawn network (section 3.6; restated by others, not quoted).

``f = s(X W_1) W_2``, all layers trained at one rate. The constants ``C_1, C_2 > 0`` are free; the best ones make (N1) an
equality and exist where ``g < 1`` (errata B16), so they are eliminated here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import sympy as sp

from theorycheck.grams import Array
from theorycheck.theorems.razborov2022.certificates import guess

alpha_0, first, second, inputs_norm, loss = sp.symbols("alpha_0 |W_1| |W_2| |X|_F Phi_0", positive=True)
_C1, _C2 = sp.symbols("C_1 C_2", positive=True)

#: (N1) is g max{(|W_2| + C_2)/C_1, (|W_1| + C_1)/C_2} <= 1
g = 16 * inputs_norm * sp.sqrt(2 * loss) / alpha_0**2
_G = sp.Symbol("g", positive=True)
_BEST = sp.solve([_G * (second + _C2) - _C1, _G * (first + _C1) - _C2], [_C1, _C2], dict=True)[0]
#: the best C_1 and C_2, positive where g < 1
BEST = tuple(sp.factor(_BEST[one]).xreplace({_G: g}) for one in (_C1, _C2))
_TOP = second + BEST[1]
#: left side over right side of each test at the best constants
TESTS: Mapping[str, sp.Expr] = {
    "N1": g,
    "N2": 32 * inputs_norm**2 * _TOP * sp.sqrt(2 * loss) / alpha_0**3,
    "N3": 16 * inputs_norm**2 * _TOP**2 / alpha_0**2,
}
#: neurons that are drawn at once
BLOCK = 2**15


def ratio(values: Mapping[sp.Symbol, float]) -> float:
    """Return the largest of the tests' ratios; inf where no constants will do (``g >= 1``) or alpha_0 is 0."""
    if not (values[alpha_0] > 0 and guess(TESTS["N1"], dict(values)) < 1):
        return math.inf
    return max(guess(one, dict(values)) for one in TESTS.values())


def streamed(
    inputs: Array, target: Array, generator: np.random.Generator, grid: tuple[int, ...]
) -> Iterator[tuple[int, float]]:
    """Yield each width of an increasing grid with the tests' ratio, in LeCun's normalisation.

    A neuron is ``d + 1`` numbers of the generator, its output weight first, in normal form; neurons stream by, so that memory
    does not grow with m, and wider networks begin with narrower ones.
    """
    n, d = inputs.shape
    values, weights, output, square = np.zeros((n, n)), np.zeros((d, d)), np.zeros(n), 0.0
    done = 0
    for m in grid:
        while done < m:
            rows = generator.standard_normal((min(BLOCK, m - done), d + 1))
            hidden = np.maximum(inputs @ rows[:, 1:].T, 0.0)
            values, weights = values + hidden @ hidden.T, weights + rows[:, 1:].T @ rows[:, 1:]
            output, square = output + hidden @ rows[:, 0], square + float(rows[:, 0] @ rows[:, 0])
            done += len(rows)
        # W_1 ~ N(0, 1/d), W_2 ~ N(0, 1/m); the n-th singular value of the features (errata B1)
        least = max(float(np.linalg.eigvalsh(values)[0]), 0.0) / d
        residual = output / math.sqrt(m * d) - target
        yield m, ratio({
            alpha_0: math.sqrt(least), first: math.sqrt(float(np.linalg.eigvalsh(weights)[-1]) / d),
            second: math.sqrt(square / m), inputs_norm: float(np.linalg.norm(inputs)), loss: float(residual @ residual) / 2,
        })  # fmt: skip
