"""Which gates of one neuron cross their kink, and which slide along it.

A gate whose field points at the kink from both sides stays there with a slope between ``leak`` and 1 (Filippov 1988,
section 4; DESIGN rule 6). For one neuron, with cross Gram ``K = X X^T`` and per-sample force ``v = slope * r``, the
pre-activations move by ``z' = gain * K v``; a touching gate must have slope 1 if ``z' > 0``, ``leak`` if ``z' < 0``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._gates import ADMIT, OFF, ON, SLIDE

Array = NDArray[np.float64]


def box_minimum(
    cross: Array, pull: Array, low: Array, high: Array, start: Array, *, slip: float, flat: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Minimise ``v.K v / 2 + pull.v`` over a box by a primal active set.

    A violating variable never depends on the free ones (their gradients vanish, and the gradient lies in the range of
    ``K``), so the free block stays regular even when samples are duplicates.

    Parameters
    ----------
    cross : (s, s)
        Positive semidefinite ``K``, with ``pull`` in its range.
    pull, low, high, start : (s,)
        Linear term, box, and the corner to start from.
    slip : float
        How far outside the box a free variable may end.
    flat : (s,)
        Gradients up to this size count as zero.

    Returns
    -------
    (s,), (s,)
        The minimiser, and which variables are free (neither end holds them).
    """
    value, free = start.copy(), np.zeros(len(start), dtype=bool)
    for _ in range(60 * len(start) + 60):
        slope = cross @ value + pull
        wish = np.where(value >= high, np.maximum(slope, 0), 0) + np.where(value <= low, np.maximum(-slope, 0), 0)
        wish = np.where(free | (low >= high) | (wish <= flat), 0.0, wish / np.sqrt(np.maximum(np.diag(cross), 1e-300)))
        if not wish.any():
            return value, free
        free[int(np.argmax(wish))] = True
        while free.any():
            slope = cross @ value + pull
            step = np.zeros_like(value)
            step[free] = np.linalg.solve(cross[np.ix_(free, free)], -slope[free])
            target = value + step
            end = np.where(target > high + slip, high, np.where(target < low - slip, low, target))
            beyond = free & (end != target)
            if not beyond.any():
                value = target
                break
            share = np.where(beyond, (end - value) / np.where(step == 0, 1.0, step), np.inf)
            first = int(np.argmin(share))
            value = np.where(free, value + max(share[first], 0.0) * step, value)
            value[first], free[first] = end[first], False
    return value, free


def settle(
    cross: Array, modes: NDArray[np.int8], touching: NDArray[np.bool_], residual: Array, *, leak: float, side: float
) -> NDArray[np.int8]:
    """Return the modes with which the touching gates of one neuron go on.

    Touching gates with ``side * r < 0`` are attracted by the kink: their forces minimise ``|X^T v|^2`` over their
    intervals, a convex problem, and a gate that no end of its interval holds slides. Gates with ``side * r > 0`` are
    repelled, where solutions are not unique: they start active, and the worst offender is flipped until all agree.
    The attracted minimum is a convex function of the repelled forces, so each flip increases it and the search ends.
    So the deterministic choice is: a repelled gate becomes active if it can; nothing is held at an unstable kink.

    Parameters
    ----------
    cross : (n, n)
        ``X X^T``.
    modes, touching : (n,)
        Present modes (read for gates off their kink) and which gates are at their kink.
    residual : (n,)
    leak : float
    side : float
        Sign of the outer weight.

    Returns
    -------
    (n,) int8
    """
    size = float(np.linalg.norm(residual))
    force = np.where(modes == ON, residual, leak * residual)
    force[touching] = residual[touching]
    pulled = np.flatnonzero(touching & (side * residual < 0))
    pushed = touching & (side * residual > 0)
    low, high = np.minimum(leak * residual, residual)[pulled], np.maximum(leak * residual, residual)[pulled]
    flat = 1e-14 * np.sqrt(np.diag(cross)) * np.sqrt(np.trace(cross)) * size
    free = np.zeros(len(pulled), dtype=bool)
    for _ in range(1 << min(int(pushed.sum()) + 1, 20)):
        if len(pulled):
            force[pulled] = 0
            pull = cross[pulled] @ force
            force[pulled], free = box_minimum(
                cross[np.ix_(pulled, pulled)], pull, low, high, residual[pulled], slip=ADMIT * size, flat=flat[pulled]
            )
        rate = side * (cross @ force)
        active = force == residual
        offence = np.where(pushed, np.where(active, -rate, rate), 0.0)
        worst = int(np.argmax(offence))
        if offence[worst] <= flat[worst]:
            break
        force[worst] = leak * residual[worst] if active[worst] else residual[worst]
    settled = modes.copy()
    settled[touching] = np.where(rate > 0, ON, OFF)[touching]
    settled[pushed] = np.where(force == residual, ON, OFF)[pushed]
    settled[pulled] = np.where(free, SLIDE, np.where(force[pulled] == residual[pulled], ON, OFF))
    return settled
