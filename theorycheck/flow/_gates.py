"""One neuron's gates: its forces, its share of the Grams, and how fast its pre-activations can move.

With cross Gram ``K = X X^T`` and per-sample forces ``v`` (slope times residual), neuron ``j`` has ``z' = gain K v``. The
forces of sliding gates are the multipliers that keep ``z'`` at 0: ``v_S = -K_SS^{-1} K_SN v_N``, linear in the residual.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
OFF, ON, SLIDE = 0, 1, 2
EPS = 2.220446049250313e-16
# A sliding gate leaves when its force is outside its interval by LEAVE * |r|, and is admitted within ADMIT * |r|: the
# gap between the two is what keeps rounding from making a gate leave and return for ever.
LEAVE, ADMIT = 1e-13, 2e-14


class Watched(NamedTuple):
    """The ``q`` neurons that may meet a kink; every array is updated in place. Anchors are at a neuron's last event."""

    neuron: NDArray[np.int64]  # (q,) which neuron
    gain: Array  # (q,) inner^2 outer
    height: Array  # (q, n) inner w.x at the anchor
    impulse: Array  # (q, n) integral of the forces up to the anchor
    mark: Array  # (q, n) integral of r at the anchor
    modes: NDArray[np.int8]  # (q, n)
    lever: Array  # (q, n) largest |z'| per |r|; sliding: |slope of (v - leak r)| per |r|
    twin: Array  # (q, n) sliding: |slope of (r - v)| per |r|
    path_key: Array  # (q,) clock P at which to look again
    turn_key: Array  # (q,) clock Q at which to look again
    time_key: Array  # (q,) time at which to look again
    stage_key: Array  # (q,) stage of this segment at which to look again; inf when the clocks decide
    looked: NDArray[np.int64]  # (q,) segment in which it was last looked at


@njit(cache=True, error_model="numpy")
def solve_positive(matrix: Array, value: Array) -> None:
    """Solve ``matrix x = value`` in place for positive semidefinite ``matrix``; dependent rows get ``x = 0``."""
    size = value.size
    scale = np.empty(size)
    for p in range(size):
        scale[p] = matrix[p, p]
    for p in range(size):
        if matrix[p, p] <= 1e-13 * scale[p]:
            matrix[p, p] = 0.0
            continue
        for i in range(p + 1, size):
            factor = matrix[i, p] / matrix[p, p]
            for k in range(p, size):
                matrix[i, k] -= factor * matrix[p, k]
            value[i] -= factor * value[p]
    for p in range(size - 1, -1, -1):
        if matrix[p, p] == 0.0:
            value[p] = 0.0
            continue
        for k in range(p + 1, size):
            value[p] -= matrix[p, k] * value[k]
        value[p] /= matrix[p, p]


@njit(cache=True, error_model="numpy")
def force(cross: Array, modes: NDArray[np.int8], leak: float, residual: Array, out: Array) -> None:
    """Write the per-sample forces of one neuron, linear in ``residual`` (n,), into ``out`` (n,)."""
    size = residual.size
    count = 0
    for i in range(size):
        if modes[i] == SLIDE:
            out[i] = 0.0
            count += 1
        else:
            out[i] = residual[i] if modes[i] == ON else leak * residual[i]
    if count == 0:
        return
    where = np.empty(count, dtype=np.int64)
    value = np.empty(count)
    c = 0
    for i in range(size):
        if modes[i] == SLIDE:
            where[c] = i
            total = 0.0
            for k in range(size):
                total += cross[i, k] * out[k]
            value[c] = -total
            c += 1
    if count == 1:
        out[where[0]] = value[0] / cross[where[0], where[0]]
        return
    matrix = np.empty((count, count))
    for a in range(count):
        for b in range(count):
            matrix[a, b] = cross[where[a], where[b]]
    solve_positive(matrix, value)
    for a in range(count):
        out[where[a]] = value[a]


@njit(cache=True, error_model="numpy")
def parts_of(cross: Array, modes: NDArray[np.int8], leak: float, inner: float, outer: float, out: Array) -> None:
    """Write one neuron's share of the Grams into ``out`` (4, n, n).

    ``out[0]``: ``outer^2 slope slope^T`` if nothing slides, else 0. ``out[1]``: its evolution matrix if something slides
    (the Schur complement, at most the Gram for every slope of the sliding gates). ``out[2] +- out[3]``: the range of
    ``outer^2 slope slope^T`` over those slopes.
    """
    size = modes.size
    out[:] = 0.0
    square = outer * outer
    any_slide = False
    for i in range(size):
        any_slide |= modes[i] == SLIDE
    low = np.empty(size)
    high = np.empty(size)
    for i in range(size):
        low[i] = 1.0 if modes[i] == ON else leak
        high[i] = leak if modes[i] == OFF else 1.0
    if not any_slide:
        for i in range(size):
            for k in range(size):
                out[0, i, k] = square * low[i] * low[k]
        return
    rest = cross.copy()
    for p in range(size):
        if modes[p] == SLIDE and rest[p, p] > 1e-13 * cross[p, p]:
            pivot = rest[p].copy()
            for i in range(size):
                for k in range(size):
                    rest[i, k] -= pivot[i] * pivot[k] / pivot[p]
    for i in range(size):
        for k in range(size):
            most, least = square * high[i] * high[k], square * low[i] * low[k]
            out[2, i, k] = 0.5 * (most + least)
            out[3, i, k] = 0.5 * (most - least)
            if modes[i] != SLIDE and modes[k] != SLIDE:
                out[1, i, k] = square * inner * inner * low[i] * low[k] * rest[i, k]


@njit(cache=True, error_model="numpy")
def set_levers(cross: Array, watched: Watched, first: int, last: int, leak: float) -> None:
    """Fill in how fast each pre-activation, and each sliding force, of some neurons can move per ``|r|``."""
    size = cross.shape[0]
    unit, out = np.zeros(size), np.empty(size)
    for slot in range(first, last):
        modes, lever, twin = watched.modes[slot], watched.lever[slot], watched.twin[slot]
        lever[:] = 0.0
        twin[:] = 0.0
        for wave in range(size):
            unit[wave] = 1.0
            force(cross, modes, leak, unit, out)
            unit[wave] = 0.0
            for i in range(size):
                if modes[i] == SLIDE:
                    lever[i] += (out[i] - (leak if i == wave else 0.0)) ** 2
                    twin[i] += ((1.0 if i == wave else 0.0) - out[i]) ** 2
                else:
                    total = 0.0
                    for k in range(size):
                        if out[k] != 0.0:
                            total += cross[i, k] * out[k]
                    lever[i] += (watched.gain[slot] * total) ** 2
        for i in range(size):
            lever[i] = np.sqrt(lever[i]) * (1 + 1e-12)
            twin[i] = np.sqrt(twin[i]) * (1 + 1e-12)


@njit(cache=True, error_model="numpy")
def sum_parts(cross: Array, watched: Watched, leak: float, inner: float, outer: Array) -> Array:
    """Return :func:`parts_of` summed over the watched neurons, shape (4, n, n)."""
    total = np.zeros((4, cross.shape[0], cross.shape[0]))
    one = np.empty_like(total)
    for slot in range(watched.gain.size):
        parts_of(cross, watched.modes[slot], leak, inner, outer[watched.neuron[slot]], one)
        total += one
    return total


@njit(cache=True, error_model="numpy")
def sliding_gram(
    cross: Array, watched: Watched, slots: NDArray[np.int64], leak: float, outer: Array, residual: Array
) -> Array:
    """Return the sum of ``outer^2 slope slope^T`` over ``slots``, with the actual slopes of sliding gates, (n, n)."""
    size = residual.size
    total, slope = np.zeros((size, size)), np.empty(size)
    for slot in slots:
        force(cross, watched.modes[slot], leak, residual, slope)
        for i in range(size):
            if watched.modes[slot, i] == SLIDE:
                share = slope[i] / residual[i] if residual[i] != 0.0 else leak
                slope[i] = min(max(share, leak), 1.0)
            else:
                slope[i] = 1.0 if watched.modes[slot, i] == ON else leak
        weight = outer[watched.neuron[slot]] ** 2
        for i in range(size):
            for k in range(size):
                total[i, k] += weight * slope[i] * slope[k]
    return total
