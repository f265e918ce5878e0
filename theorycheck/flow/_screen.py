"""Blocked loops over all neurons: the network's output, and which neurons can meet a kink at all."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from theorycheck.flow._gates import Watched, force

Array = NDArray[np.float64]
TABLE = 12  # up to this many samples, all 2^n gate patterns are tabulated
BLOCK = 1024


@njit(cache=True, error_model="numpy")
def heights(inputs: Array, weights: Array, inner: float, neuron: int, out: Array) -> None:
    """Write ``inner w_j . x_i`` for one neuron into ``out`` (n,)."""
    for i in range(inputs.shape[0]):
        total = 0.0
        for c in range(inputs.shape[1]):
            total += inputs[i, c] * weights[neuron, c]
        out[i] = inner * total


@njit(cache=True, error_model="numpy")
def forward(inputs: Array, weights: Array, outer: Array, inner: float, leak: float) -> Array:
    """Return the outputs and the sums of absolute terms, shape (2, n); sums are blocked and compensated."""
    size = inputs.shape[0]
    total, lost, part, row = np.zeros((2, size)), np.zeros((2, size)), np.zeros((2, size)), np.empty(size)
    for neuron in range(weights.shape[0]):
        heights(inputs, weights, inner, neuron, row)
        for i in range(size):
            term = outer[neuron] * (row[i] if row[i] > 0.0 else leak * row[i])
            part[0, i] += term
            part[1, i] += abs(term)
        if neuron % BLOCK == BLOCK - 1 or neuron == weights.shape[0] - 1:
            for a in range(2):
                for i in range(size):
                    new = total[a, i] + part[a, i]
                    # Neumaier: what the larger summand could not take
                    lost[a, i] += (
                        (total[a, i] - new) + part[a, i]
                        if abs(total[a, i]) >= abs(part[a, i])
                        else (part[a, i] - new) + total[a, i]
                    )
                    total[a, i] = new
                    part[a, i] = 0.0
    return total + lost


@njit(cache=True, error_model="numpy")
def screen(
    inputs: Array,
    weights: Array,
    outer: Array,
    inner: float,
    reach: Array,
    limit: float,
    watched: NDArray[np.bool_],
    risk: NDArray[np.bool_],
    codes: NDArray[np.int64],
    table: Array,
) -> None:
    """Mark in ``risk`` (m,) the unwatched neurons with a gate that a path of length ``limit`` can bring to its kink.

    The others never switch. Their ``outer^2`` are summed by gate pattern into ``table`` (2^n, 2: sum and count), or, if
    ``table`` is empty, their patterns are written into ``codes`` (m,); -1 means watched, at risk or ``outer = 0``.
    """
    size = inputs.shape[0]
    row = np.empty(size)
    part = np.zeros(table.shape[0])
    for neuron in range(weights.shape[0]):
        if codes.size:
            codes[neuron] = -1
        if not watched[neuron] and outer[neuron] != 0.0:
            heights(inputs, weights, inner, neuron, row)
            pattern = 0
            bound = inner * inner * abs(outer[neuron]) * limit * (1 + 1e-9)
            for i in range(size):
                if reach[i] > 0.0 and abs(row[i]) <= bound * reach[i]:
                    risk[neuron] = True
                if row[i] > 0.0:
                    pattern |= 1 << i
            if not risk[neuron] and table.shape[0]:
                part[pattern] += outer[neuron] ** 2
                table[pattern, 1] += 1
            elif not risk[neuron] and codes.size:
                codes[neuron] = pattern
        if neuron % (4 * BLOCK) == 4 * BLOCK - 1 or neuron == weights.shape[0] - 1:
            table[:, 0] += part
            part[:] = 0.0


@njit(cache=True, error_model="numpy")
def impulses(cross: Array, watched: Watched, leak: float, integral: Array) -> Array:
    """Return the force integrals of all watched neurons now, shape (q, n)."""
    out = np.empty_like(watched.impulse)
    for slot in range(watched.gain.size):
        force(cross, watched.modes[slot], leak, integral - watched.mark[slot], out[slot])
        out[slot] += watched.impulse[slot]
    return out


@njit(cache=True, error_model="numpy")
def moved_weights(inputs: Array, weights: Array, outer: Array, inner: float, leak: float, integral: Array) -> Array:
    """Return ``w_j + inner outer_j X^T (slope_j * integral)`` with every neuron's initial slopes, shape (m, d)."""
    out = weights.copy()
    row = np.empty(inputs.shape[0])
    for neuron in range(weights.shape[0]):
        heights(inputs, weights, inner, neuron, row)
        for i in range(inputs.shape[0]):
            pull = inner * outer[neuron] * integral[i] * (1.0 if row[i] > 0.0 else leak)
            for c in range(inputs.shape[1]):
                out[neuron, c] += pull * inputs[i, c]
    return out
