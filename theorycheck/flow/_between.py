"""What a smooth network can do between saved times: proved from how far it can move, given the residual's norm.

The residual's norm never grows, so over an interval its path is at most the length times the norm at the start. With
``D_W`` and ``D_a`` the moves of the two layers in units of the roots of their rates,

``D_W <= p c (|outer| + g D_a)`` and ``D_a <= p g (|S| + c D_W)``,

where ``p`` is the path, ``c = sqrt(first) inner |X| sup|s'|`` and ``g = sqrt(second) max gain``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._form import Form

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Covered:
    """Intervals ``(k, 2)`` that hold between saved times too, as a trajectory has them."""

    least: Array
    change: Array
    moved: Array
    turned: Array | None


def between(
    form: Form, seen: Any, times: Array, size: Array, doubts: tuple[Array, Array, Array], suprema: Any
) -> Covered:
    """Cover what lies between the saved times.

    ``size`` bounds the residual's norm at the saved times; ``doubts`` are the errors there of the Gram (spectral norm),
    of displacements and of the outer weights' moves.
    """
    grams, doubt = np.array(seen.gram), doubts[0] + 1e-14 * np.trace(np.array(seen.gram), axis1=1, axis2=2)
    jump, walk, turn = _reach(form, seen, times, size, suprema)
    moved = _moved_between(np.array(seen.moved), doubts[1], walk)
    turned = _moved_between(np.array(seen.turned), doubts[2], turn) if seen.turned else None
    return Covered(_least(grams, doubt, jump), _change(grams, doubt, jump), moved, turned)


def _reach(form: Form, seen: Any, times: Array, size: Array, suprema: Any) -> tuple[Array, Array, Array]:
    """Bound, for the interval before each saved time, ``|Delta J|``, displacements and moves of outer weights."""
    net = form.network
    path = np.concatenate([[0.0], np.diff(times) * size[:-1]])
    spectral = float(np.linalg.norm(net.inputs, 2))
    fourth = float(np.sqrt(np.sum(np.linalg.norm(net.inputs, axis=1) ** 4)))
    bend = net.first * net.inner**2 * suprema.curvature * fourth
    if form.gain is None:
        outer = np.linalg.norm(net.outer, axis=1)
        speed = net.first * net.inner * suprema.slope * spectral
        walk = np.where(path > 0, speed * path, 0.0) if net.first else 0 * path
        jump = bend / np.sqrt(net.first) * float(np.sqrt(np.sum(outer**4))) * walk if net.first else 0 * path
        return np.where(walk > 0, jump, 0.0), walk, 0 * path
    # a frozen layer stays where it is, however steep the activation
    c = np.sqrt(net.first) * net.inner * spectral * suprema.slope if net.first else 0.0
    bend = bend if net.first else 0.0
    g = np.sqrt(net.second) * float(np.max(np.abs(net.gain)))
    norm, most, values = (np.concatenate([[0.0], np.array(part)[:-1]]) for part in zip(*seen.norms, strict=True))
    loop = 1 - (path * c * g) ** 2
    with np.errstate(all="ignore"):
        first = np.where(loop > 0, path * c * (norm + g * path * g * values) / loop, np.inf)
        second = np.where(loop > 0, path * g * (values + c * first), np.inf)
        jump = bend * (most + g * second) * first + c * g * second + g * c * first
    jump[0] = first[0] = second[0] = 0.0
    return np.where(np.isnan(jump), np.inf, jump), np.sqrt(net.first) * first, np.sqrt(net.second) * second


def _least(grams: Array, doubt: Array, jump: Array) -> Array:
    values = np.linalg.eigvalsh(grams)[:, 0]
    # below 0 only by rounding: then nothing but 0 is known, so that a lower end is never above the truth
    lower, upper = values - doubt, np.maximum(values, 0.0) + doubt
    roots = np.sqrt(np.maximum(lower, 0.0))
    for i in range(1, len(values)):
        # Weyl for singular values, from both ends of the interval: they share the jump
        lower[i] = min(lower[i], max(min(roots[i], (roots[i - 1] + roots[i] - jump[i]) / 2), 0.0) ** 2)
    return np.column_stack([lower, np.minimum(upper, np.concatenate([upper[:1], upper[:-1]]))])


def _change(grams: Array, doubt: Array, jump: Array) -> Array:
    change = np.abs(np.linalg.eigvalsh(grams - grams[0])).max(axis=1)
    later = np.arange(len(change)) > 0
    doubt = np.where(later, doubt, 0.0)  # which may be infinite
    lower = np.maximum.accumulate(np.maximum(change - doubt, 0.0))
    change = change + doubt
    # |J| at the start of each interval
    largest = np.sqrt(np.linalg.eigvalsh(grams)[:, -1] + doubt)
    largest = np.concatenate([largest[:1], largest[:-1]])
    before = np.where(later, np.roll(change, 1), 0.0)
    return np.column_stack([lower, np.maximum.accumulate(np.maximum(change, before) + 2 * largest * jump + jump**2)])


def _moved_between(moved: Array, doubt: Array, path: Array) -> Array:
    """Bound the movement up to each saved time, inside an interval from both of its ends: a triangle's two sides."""
    after = moved + doubt
    before = np.concatenate([after[:1], after[:-1]])
    upper = np.maximum.accumulate(np.maximum(after, (before + after + path) / 2))
    return np.column_stack([np.maximum.accumulate(np.maximum(moved - doubt, 0.0)), upper])
