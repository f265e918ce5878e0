"""How far labels may be at infinite width: theta_A, theta_B, theta_C of each activation (chen2022, section 4.3).

With ``h ~ N(0, nu^2)`` and ``|c| = 1``, A allows ``|zeta_0| < theta_A lam/g``, B ``theta_B sqrt(lam/G_max)``
(the errata's constant pi/4) and C ``theta_C lam/g``. The interval and the margin of A and B are optimised; C
has none to choose. Nothing is typed in: slopes, suprema and probabilities come from the activation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.special import ndtr

from theorycheck.compiled import compile_block
from theorycheck.constants import slope_bound
from theorycheck.grams import Array
from theorycheck.symbolic.activations import Activation, Z

#: grid of the line on which infima are taken, and how far out the Gaussian reaches
_STEP, _FAR = 1 / 256, 12.0


@dataclass(frozen=True)
class Threshold:
    """A threshold with the interval ``(low, high)`` and the margin it is attained at; C has none."""

    value: float
    low: float = math.nan
    high: float = math.nan
    eta: float = math.nan


def _slopes(activation: Activation) -> tuple[Array, Array]:
    line = np.arange(-_FAR, _FAR + _STEP / 2, _STEP)
    size = np.abs(compile_block((Z,), activation.slope)(line))
    # at a kink the smaller side counts (Clarke); the mean that the expression has there is between the two
    for kink in activation.kinks:
        size[np.abs(line - float(kink)) < _STEP / 2] = 0.0 if activation.leak == 0.0 else abs(activation.leak or 0.0)
    return line, np.broadcast_to(size, line.shape).copy()


def _intervals(activation: Activation, line: Array, size: Array) -> Iterator[tuple[float, int, Array]]:
    """Yield ``(low, place, infima)`` for lower ends on a coarse grid; ``infima[k]`` is over the next ``k`` steps."""
    kinks = {float(kink) for kink in activation.kinks}
    for first in range(0, len(line) - 1, 16):
        # the interval is open, so that a kink at its end does not count
        own = math.inf if line[first] in kinks else size[first]
        yield line[first], first, np.minimum.accumulate(np.append(own, size[first + 1 :]))


def steep_threshold(activation: Activation, *, b: bool, nu: float = 1.0) -> Threshold:
    """Return theta_A or theta_B, optimised over interval and margin on a grid of width 1/64 and less."""
    line, size = _slopes(activation)
    supremum = slope_bound(activation).upper
    etas = np.arange(1, 192) / 64
    best = Threshold(0.0)
    for low, first, infima in _intervals(activation, line, size):
        if not -4 <= low <= 4:
            continue
        ends = np.append(line[first + 16 :: 16], math.inf)
        floors = np.append(infima[16::16], infima[-1])
        inside = ndtr((ends[:, None] - etas) / nu) - ndtr((low + etas) / nu)
        power = floors[:, None] if b else floors[:, None] ** 2 / supremum
        found = power * np.maximum(inside, 0.0) * etas * (math.pi / 4 if b else 1.0)
        place = np.unravel_index(np.argmax(found), found.shape)
        if found[place] > best.value:
            best = Threshold(float(found[place]), float(low), float(ends[place[0]]), float(etas[place[1]]))
    return best


def window_threshold(activation: Activation, nu: float = 1.0) -> Threshold:
    """Return ``theta_C = (1/L_s) int_0^inf E[inf_{|u - h| <= rho} s'(u)^2] d rho``, ``h ~ N(0, nu^2)``."""
    line, size = _slopes(activation)
    weights = np.exp(-((line / nu) ** 2) / 2) * _STEP / (nu * math.sqrt(2 * math.pi))
    least, total = size**2, 0.0
    before = float(weights @ least)
    for _ in range(len(line)):  # until every window holds the whole line
        # one step wider on both sides: beyond the grid the slope counts as at its end
        least = np.minimum(least, np.minimum(np.append(least[1:], least[-1]), np.insert(least[:-1], 0, least[0])))
        after = float(weights @ least)
        total += _STEP * (before + after) / 2
        before = after
    if before > 1e-6:
        return Threshold(math.inf)  # a slope that never vanishes: every label is fitted (theorem F)
    return Threshold(total / slope_bound(activation).upper)


def relu_window_threshold() -> sp.Expr:
    """Return ReLU's theta_C in closed form: ``int_0^inf P(h > rho) d rho = E max(h, 0) = nu/sqrt(2 pi)``."""
    nu, h = sp.symbols("nu h", positive=True)
    density = sp.exp(-(h**2) / (2 * nu**2)) / (nu * sp.sqrt(2 * sp.pi))
    return sp.simplify(sp.integrate(h * density, (h, 0, sp.oo)))
