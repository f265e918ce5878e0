"""Taylor series of the flow with both layers trained, gates fixed: everything is a polynomial recurrence.

With ``u = slope h`` the network is ``f = sum_j outer_j u_j``; with the neuron's forces ``v_j`` (linear in the residual),
``h_j' = first inner^2 outer_j K v_j``, ``outer_j' = second gain_j^2 r . u_j`` and ``r' = -f'``. Coefficients are in units
of a step ``unit``, so that they neither overflow nor underflow. Those of ``r`` beyond the first are sums of products with
``r``, never differences of labels and outputs: so the residual keeps its relative accuracy however small it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


LOW = 5  # least order of a step
AHEAD = 1.5  # how far beyond the next kink, as guessed, a series should be accurate


class Law(NamedTuple):
    """The equations of motion while no gate changes."""

    kernel: Array  # (n, n): first inner^2 X X'
    slopes: Array  # (n, m); 0 where a gate slides
    rate: Array  # (m,): second gain^2
    slots: NDArray[np.int64]  # (q,) neurons with sliding gates
    maps: Array  # (q, n, n): their forces per residual


class Series(NamedTuple):
    """Taylor coefficients of one step, order ``p``, in powers of ``time / unit``."""

    residual: Array  # (p+1, n)
    outer: Array  # (p+1, m)
    impulse: Array  # (p+1, n, m): w_j moves by first inner X' impulse_j; the constant term is 0
    height: Array  # (p+1, n, m)
    active: Array  # (p+1, n, m): slope * height


def new_series(order: int, n: int, m: int) -> Series:
    """Return room for the coefficients of ``n`` samples and ``m`` neurons."""
    wide = (order + 1, n, m)
    return Series(np.zeros((order + 1, n)), np.zeros((order + 1, m)), np.zeros(wide), np.zeros(wide), np.zeros(wide))


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _sums(series: Series, k: int, pull: Array, fall: Array) -> None:
    """Write ``(r . u)_k`` per neuron into ``pull`` (m,), and ``f_{k+1}`` but for two terms into ``fall`` (n,)."""
    for j in range(pull.size):
        pull[j] = 0.0
    for i in range(fall.size):
        total = 0.0
        for level in range(k + 1):
            share = series.residual[k - level, i]
            if level == 0:
                for j in range(pull.size):
                    pull[j] += share * series.active[0, i, j]
            else:
                for j in range(pull.size):
                    pull[j] += share * series.active[level, i, j]
                    total += series.active[level, i, j] * series.outer[k + 1 - level, j]
        fall[i] = total


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _push(series: Series, k: int, unit: float, flow: Law, mixed: Array) -> None:
    """Fill in order ``k + 1`` of the impulses; ``mixed`` (n, m) is room for the coefficients of ``outer_j r_i``."""
    n, m = mixed.shape
    for i in range(n):
        for j in range(m):
            mixed[i, j] = 0.0
        for level in range(k + 1):
            share = series.residual[k - level, i]
            for j in range(m):
                mixed[i, j] += share * series.outer[level, j]
        for j in range(m):
            series.impulse[k + 1, i, j] = unit * flow.slopes[i, j] * mixed[i, j] / (k + 1)
    for q in range(flow.slots.size):
        j = flow.slots[q]
        for i in range(n):
            total = 0.0
            for other in range(n):
                total += flow.maps[q, i, other] * mixed[other, j]
            series.impulse[k + 1, i, j] = unit * total / (k + 1)


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _raise(series: Series, k: int, unit: float, flow: Law, mixed: Array, pull: Array, fall: Array) -> None:
    """Fill in the coefficients of order ``k + 1`` from those up to ``k``; the last three are room."""
    n, m = mixed.shape
    _push(series, k, unit, flow, mixed)
    for i in range(n):
        for j in range(m):
            mixed[i, j] = 0.0
        for other in range(n):
            share = flow.kernel[i, other]
            for j in range(m):
                mixed[i, j] += share * series.impulse[k + 1, other, j]
        for j in range(m):
            series.height[k + 1, i, j] = mixed[i, j]
            series.active[k + 1, i, j] = flow.slopes[i, j] * mixed[i, j]
    _sums(series, k, pull, fall)
    for j in range(m):
        series.outer[k + 1, j] = unit * flow.rate[j] * pull[j] / (k + 1)
    for i in range(n):
        total = fall[i]
        for j in range(m):
            total += series.active[0, i, j] * series.outer[k + 1, j] + series.active[k + 1, i, j] * series.outer[0, j]
        series.residual[k + 1, i] = -total


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})
def size_of(series: Series, k: int) -> float:
    """Return how far order ``k`` of the weights can move the output, without help from cancellation."""
    outer, active = series.outer, series.active
    square = 0.0
    for i in range(active.shape[1]):
        total = 0.0
        for j in range(active.shape[2]):
            total += abs(outer[0, j] * active[k, i, j]) + abs(outer[k, j] * active[0, i, j])
        square += total * total + series.residual[k, i] ** 2
    return float(np.sqrt(square))


@njit(cache=True, error_model="numpy")
def _next_kink(series: Series, sides: NDArray[np.int8], margin: Array) -> float:
    """Return a guess, in units, of when the next gate meets its kink: by straight lines."""
    least = np.inf
    for i in range(sides.shape[0]):
        for j in range(sides.shape[1]):
            pace = -sides[i, j] * series.height[1, i, j]
            slack = sides[i, j] * series.height[0, i, j] + 0.5 * margin[i, j]
            if pace > 0.0 and slack < least * pace:
                least = max(slack / pace, 0.0)
    return least


@njit(cache=True, error_model="numpy")
def expand(
    series: Series, unit: float, flow: Law, sides: NDArray[np.int8], margin: Array, wanted: float
) -> tuple[int, float]:
    """Fill in coefficients from the constant ones; return the order and how many units the series is accurate for.

    The last two terms stay below ``wanted``, the residual's error. If gates, with ``sides`` and ``margin`` (n, m) as in
    :func:`theorycheck.flow._both_roots.scan_gates`, should meet their kinks soon, a low order is enough until then; this guess costs nothing but time if it is wrong.
    """
    n, m = flow.slopes.shape
    mixed, pull, fall = np.empty((n, m)), np.empty(m), np.empty(n)
    for i in range(n):
        for j in range(m):
            series.active[0, i, j] = flow.slopes[i, j] * series.height[0, i, j]
    order = series.outer.shape[0] - 1
    before, soon = np.inf, np.inf
    for k in range(1, order + 1):
        _raise(series, k - 1, unit, flow, mixed, pull, fall)
        if k == 1:
            soon = AHEAD * _next_kink(series, sides, margin)
        if k >= LOW - 1:
            size = size_of(series, k)
            share = np.inf if size == 0.0 else (wanted / size) ** (1 / k)
            if k >= LOW and (k == order or min(share, before) >= soon):
                return k, min(share, before)
            before = share
    return order, before


@njit(cache=True, error_model="numpy")
def at(coefficients: Array, share: float) -> Array:
    """Return the polynomials with these coefficients (p+1, a, b) at ``share`` of the unit, shape (a, b)."""
    out = coefficients[-1].copy()
    for k in range(coefficients.shape[0] - 2, -1, -1):
        row = coefficients[k]
        for a in range(out.shape[0]):
            for b in range(out.shape[1]):
                out[a, b] = out[a, b] * share + row[a, b]
    return out


@njit(cache=True, error_model="numpy")
def lengths(series: Series, first: float, weights: Array) -> tuple[Array, Array]:
    """Return sizes of the coefficients, constant ones left out.

    First, (p+1, m): those of the first-layer weights, ``first impulse . height`` being their square. Second, (p+1, 2):
    ``sum_j outer_j^2`` and ``sum_j weights_j |active_j|^2``.
    """
    order, n, m = series.impulse.shape[0] - 1, series.impulse.shape[1], series.impulse.shape[2]
    path, mass = np.zeros((order + 1, m)), np.zeros((order + 1, 2))
    for k in range(1, order + 1):
        for i in range(n):
            for j in range(m):
                path[k, j] += first * series.impulse[k, i, j] * series.height[k, i, j]
                mass[k, 1] += weights[j] * series.active[k, i, j] ** 2
        for j in range(m):
            path[k, j] = np.sqrt(max(path[k, j], 0.0))
            mass[k, 0] += series.outer[k, j] ** 2
    return path, mass
