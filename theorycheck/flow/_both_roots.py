"""The first root of a polynomial on a step, never jumped: Bernstein coefficients, halved until they decide.

A polynomial whose Bernstein coefficients are all positive is positive on the interval; with one change of sign it has
exactly one root. The conversion is a sum with coefficients between 0 and 1, so it adds no more than rounding.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
DEEP = 46  # halvings after which what is left of a step is rounding


@njit(cache=True, error_model="numpy")
def bernstein(power: Array, out: Array) -> None:
    """Write the Bernstein coefficients on [0, 1] of the polynomial with these power coefficients, both (p+1,)."""
    order = power.size - 1
    for i in range(order + 1):
        share, out[i] = 1.0, 0.0  # C(i, k) / C(order, k)
        for k in range(i + 1):
            out[i] += share * power[k]
            share *= (i - k) / max(order - k, 1)


@njit(cache=True, error_model="numpy")
def value(power: Array, time: float) -> float:
    """Return the polynomial's value (Horner)."""
    total = 0.0
    for k in range(power.size - 1, -1, -1):
        total = total * time + power[k]
    return total


@njit(cache=True, error_model="numpy")
def _halve(stack: Array, top: int) -> None:
    """Split row ``top`` at its middle (de Casteljau): the right half stays, the left one goes above."""
    order = stack.shape[1] - 1
    for i in range(order + 1):
        stack[top + 1, i] = stack[top, i]
    for level in range(1, order + 1):
        for i in range(order, level - 1, -1):
            stack[top + 1, i] = 0.5 * (stack[top + 1, i] + stack[top + 1, i - 1])
        stack[top, order - level] = stack[top + 1, order]


@njit(cache=True, error_model="numpy")
def first_root(power: Array) -> float:
    """Return a point of (0, 1] just past the first root, or inf; a polynomial that is not positive at 0 gives 0."""
    if not power[0] > 0.0:
        for k in range(power.size):
            if power[k] != 0.0:
                return 0.0
        return np.inf
    stack = np.empty((DEEP + 2, power.size))
    starts, levels = np.empty(DEEP + 2), np.empty(DEEP + 2, dtype=np.int64)
    bernstein(power, stack[0])
    starts[0], levels[0] = 0.0, 0
    top = 0
    while top >= 0:
        start, level = starts[top], levels[top]
        changes, low = 0, np.inf
        for i in range(power.size):
            low = min(low, stack[top, i])
            if i and (stack[top, i] > 0.0) != (stack[top, i - 1] > 0.0):
                changes += 1
        width = 2.0 ** (-level)
        if low > 0.0:
            top -= 1
        elif level >= DEEP:
            return start + width
        elif changes == 1 and stack[top, 0] > 0.0:
            return _bisect(power, start, start + width)
        else:
            # the left half goes on top: the first root is wanted
            _halve(stack, top)
            starts[top + 1], starts[top] = start, start + 0.5 * width
            levels[top] = levels[top + 1] = level + 1
            top += 1
    return np.inf


@njit(cache=True, error_model="numpy")
def _bisect(power: Array, low: float, high: float) -> float:
    """Return the right end of the narrowest bracket of the one root between ``low`` and ``high``."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if value(power, middle) > 0.0:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True, error_model="numpy")
def scan_gates(height: Array, sides: NDArray[np.int8], margin: Array, share: float, found: Array) -> float:
    """Write each neuron's first kink on ``[0, share]`` of the unit into ``found`` (m,); return the first of all.

    ``height`` (p+1, n, m) are the gates' polynomials, ``sides`` (n, m) where they should stay (0: not watched), and a gate
    may be past its kink by half its ``margin`` (n, m). Later kinks than the first may be left out.
    """
    order, n, m = height.shape[0] - 1, height.shape[1], height.shape[2]
    power, bound = np.empty(order + 1), np.empty(m)
    for i in range(n):
        # |h_0| above the sum of all other terms: no root. This dismisses almost every gate.
        bound[:] = 0.0
        for k in range(order, 0, -1):
            for j in range(m):
                bound[j] = (bound[j] + abs(height[k, i, j])) * share
        for j in range(m):
            if sides[i, j] == 0 or sides[i, j] * height[0, i, j] + 0.5 * margin[i, j] > bound[j]:
                continue
            scale = 1.0
            for k in range(order + 1):
                power[k] = sides[i, j] * height[k, i, j] * scale
                scale *= share
            power[0] += 0.5 * margin[i, j]
            root = first_root(power) * share
            found[j] = min(found[j], root)
            share = min(share, root)
    return share


@njit(cache=True, error_model="numpy")
def scan_rows(rows: Array, share: float) -> Array:
    """Return the first root on ``[0, share]`` of every row's polynomial (a, p+1), inf where there is none."""
    found = np.full(rows.shape[0], np.inf)
    power = np.empty(rows.shape[1])
    for a in range(rows.shape[0]):
        scale, bound = 1.0, 0.0
        for k in range(power.size):
            power[k] = rows[a, k] * scale
            bound += abs(power[k])
            scale *= share
        if power[0] <= bound - abs(power[0]) or power[0] <= 0.0:
            found[a] = first_root(power) * share
    return found
