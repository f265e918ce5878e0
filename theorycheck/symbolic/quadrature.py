"""Integrals of the derivations by Gauss-Legendre panels: a second way to a number that a closed form gives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import sympy as sp

#: where the Gaussian densities of the definitions are cut off, and the panels up to there
REACH, PANELS, NODES = 12.0, 12, 16


@cache
def _integrand(integral: sp.Integral, args: tuple[sp.Symbol, ...]) -> tuple[object, list[object]]:
    variables = [limit[0] for limit in integral.limits]
    function = sp.lambdify((*variables, *args), integral.function, ["scipy", "numpy"])
    return function, [sp.lambdify(args, limit[1:], ["scipy", "numpy"]) for limit in integral.limits]


def by_panels(integral: sp.Integral, values: Mapping[sp.Symbol, float]) -> float:
    """Return an integral of a smooth integrand against Gaussian densities, to about 1e-13 of its size.

    Parameters
    ----------
    integral
        Unevaluated, over one or two standard normal variables; ends beyond :data:`REACH` are cut there.
    values
        A number for each of its free symbols.
    """
    args = tuple(sorted(values, key=str))
    function, limits = _integrand(integral, args)
    at = [float(values[symbol]) for symbol in args]
    axes = [_axis(*(float(end) for end in limit(*at))) for limit in limits]  # type: ignore[operator]
    grid = np.meshgrid(*(nodes for nodes, _ in axes), indexing="ij")
    inside = np.broadcast_to(function(*grid, *at), grid[0].shape)  # type: ignore[operator]
    for _, weights in axes:
        inside = np.tensordot(weights, inside, axes=(0, 0))
    return float(inside)


def _axis(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = max(low, -REACH), min(high, REACH)
    if not low < high:
        return np.zeros(1), np.zeros(1)
    ends = np.linspace(low, high, PANELS + 1)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half, middle = np.diff(ends)[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()
