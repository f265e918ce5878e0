"""Membership in a gradient feature set: the chance p that a random neuron's gradient is long and points at D, estimated by drawing neurons.

``(D, s)`` is in ``S_{p, gamma, B_G}`` if ``|cos(G(w, b), D)| >= 1 - gamma`` and ``|G(w, b)| >= B_G`` with chance at least p
over w, given ``sign b = s`` and ``|b| = b~`` (errata U4). A hit may sit on the edge ``1 - gamma`` exactly (errata U10), so the
cone is closed here. Each of an instance's neurons is one draw; what is measured is an exact binomial interval.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theorycheck.evidence import Measured
from theorycheck.symbolic.tails import clopper_pearson
from theorycheck.theorems.shi2023.parities import margins

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: the chances that the interval lies above (below) the truth: those with which claims about frequencies are confirmed and refuted
TOO_HIGH, TOO_LOW = 1e-2, 1e-6

#: neurons drawn for the chance
DRAWN = 20_000


def chance(surely: Flags, possibly: Flags) -> Measured:
    """Return the chance of a hit from independent draws, ``(m,)`` each: which hit surely, and which may, as far as rounding tells."""
    low, high = clopper_pearson(int(np.sum(surely)), int(np.sum(possibly)), len(surely), TOO_HIGH, TOO_LOW)
    return Measured.between(low, high)


def hitting(gradients: Array, direction: Array, least_cosine: float, least_length: float, doubt: Array) -> tuple[Flags, Flags]:  # fmt: skip
    """Return which gradients surely, and which possibly, are at least so long and so close to ``+-direction`` (a unit vector).

    ``gradients`` is ``(m, d)``, each row known up to ``doubt`` ``(m,)``.
    """
    lengths = np.linalg.norm(gradients, axis=1)
    along = np.abs(gradients @ direction)
    # |along| - least_cosine |G| changes by at most twice the change of G
    slack = np.minimum(along - least_cosine * lengths - 2 * doubt, lengths - least_length - doubt)
    loose = np.minimum(along - least_cosine * lengths + 2 * doubt, lengths - least_length + doubt)
    return slack >= 0, (loose >= 0) & np.isfinite(loose)


def hit(gradients: Array, direction: Array, least_cosine: float, least_length: float, doubt: Array) -> Measured:
    """Return the chance of :func:`hitting` from independent rows."""
    return chance(*hitting(gradients, direction, least_cosine, least_length, doubt))


def event_chance(blocks: int, size: int, width: int, margin: float, length: float, filled: bool, seed: int) -> Measured:
    """Return, from drawn neurons, the chance of one component of a structured mixture (R6) firing with every margin at least ``margin`` noise lengths, and ``b >= 2 margin |w|``."""
    weights = np.random.default_rng([seed, 43]).standard_normal((DRAWN, width))
    b = 2 * margin * length
    heights, noise = margins(weights, blocks, size, np.full(DRAWN, b), filled)
    sharp = np.all(np.abs(heights) >= margin * noise, axis=1) & (b >= 2 * margin * np.linalg.norm(weights, axis=1))
    found = sharp & (np.sum(heights > 0, axis=1) == 1)
    return chance(found, found)
