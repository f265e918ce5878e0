"""The state of a ReLU network with both layers trained: its gates, and how they go on at an event.

A gate is open, closed or slides along its kink; between events none changes, and every neuron's forces are a fixed linear
map of the residual. The direction of a neuron's field is that of ``outer_j``, so its sliding gates are looked at again
when ``outer_j`` crosses 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from theorycheck.flow._gates import EPS, ON, SLIDE, force, parts_of
from theorycheck.flow._sliding import settle
from theorycheck.network import Network

Array = NDArray[np.float64]
#: roundings by which a pre-activation or an outer weight may miss 0
ROUND = 32 * EPS


@dataclass(frozen=True)
class Problem:
    """What does not change: the network at the start, the labels, and what is derived from them."""

    network: Network
    labels: Array  # (n,)
    leak: float
    times: Array
    cross: Array  # (n, n) X X'
    factor: Array  # (n, k) with factor factor' = cross
    operator: float  # |X|, spectral
    norms: Array  # (n,) |x_i|
    start: Array  # (n, m) pre-activations at time 0

    @property
    def couple(self) -> float:
        """``first inner^2``."""
        return self.network.first * self.network.inner**2

    @property
    def rate(self) -> Array:
        """``second gain^2``, shape (m,)."""
        return self.network.second * self.network.gain**2


@dataclass
class Slide:
    """One neuron with sliding gates: ``v = force r``, and what stays positive while they slide: ``rows r``."""

    force: Array  # (n, n)
    rows: Array  # (2 s, n)
    lever: Array  # (2 s,) |row| + 1
    parts: Array  # (4, n, n): see _gates.parts_of, per square of the outer weight


class Guards(NamedTuple):
    """All ``q`` neurons with sliding gates: maps (q, n, n) to forces, and the rows (a, n) that guard their multipliers."""

    slots: NDArray[np.int64]  # (q,)
    maps: Array  # (q, n, n)
    owner: NDArray[np.int64]  # (a,) neuron of each row
    rows: Array  # (a, n)
    lever: Array  # (a,)
    parts: Array  # (q, 4, n, n)


@dataclass
class State:
    """What changes: the weights through their impulses, the residual, the gates, and the counters."""

    time: float
    unit: float  # of the next step's series
    residual: Array  # (n,)
    height: Array  # (n, m)
    outer: Array  # (m,)
    impulse: Array  # (n, m): w_j has moved by first inner X' impulse_j
    modes: NDArray[np.int8]  # (n, m)
    slopes: Array  # (n, m); 0 at sliding gates
    sides: NDArray[np.int8]  # (n, m) sign that a pre-activation keeps; 0 where it cannot move or slides
    side: Array  # (m,) direction of a sliding neuron's field
    path: Array  # (m,) integral of |outer_j| |r|
    swing: Array  # (m,) path of outer_j
    slides: dict[int, Slide] = field(default_factory=dict)
    events: int = 0
    bundle: Guards | None = None
    begun: int = 0  # gates that began to slide
    steps: int = 0

    def guards(self) -> Guards:
        """Return all sliding neurons' maps in one piece; made when first asked for after a change."""
        if self.bundle is None:
            n, slots = len(self.residual), sorted(self.slides)
            kept = [self.slides[j] for j in slots]
            self.bundle = Guards(
                np.array(slots, dtype=np.int64),
                np.array([slide.force for slide in kept]).reshape(-1, n, n),
                np.repeat(np.array(slots, dtype=np.int64), [len(slide.rows) for slide in kept]),
                np.concatenate([np.zeros((0, n)), *(slide.rows for slide in kept)]),
                np.concatenate([np.zeros(0), *(slide.lever for slide in kept)]),
                np.array([slide.parts for slide in kept]).reshape(-1, 4, n, n),
            )
        return self.bundle

    def live(self) -> NDArray[np.bool_]:
        """Return which samples can move anything, (n,): a sample that every neuron ignores keeps its residual."""
        return np.asarray(self.slopes.any(axis=1))


def start(problem: Problem) -> State:
    """Return the state at time 0, gates at their kinks settled."""
    network, leak = problem.network, problem.leak
    height, outer = problem.start.copy(), network.outer[:, 0].copy()
    modes = (height > 0).astype(np.int8)
    residual = problem.labels - np.where(height > 0, height, leak * height) @ outer
    n, m = height.shape
    state = State(
        0.0, 0.0, residual, height, outer, np.zeros((n, m)), modes, np.where(modes == ON, 1.0, leak),
        np.zeros((n, m), np.int8), np.sign(outer), np.zeros(m), np.zeros(m),
    )  # fmt: skip
    if network.first:
        state.sides = (np.where(modes == ON, 1, -1) * (problem.norms > 0)[:, None]).astype(np.int8)
        for j in np.flatnonzero((height == 0).any(axis=0)):
            settle_neuron(problem, state, int(j), touching_of(problem, state, int(j)))
    return state


def margins(problem: Problem, state: State) -> Array:
    """Return how far each pre-activation may miss its kink by rounding, (n, m)."""
    reach = problem.norms * problem.operator * problem.couple
    return ROUND * (np.abs(problem.start) + np.outer(reach, state.path))


def touching_of(problem: Problem, state: State, j: int) -> NDArray[np.bool_]:
    """Return which gates of one neuron are at their kink or past it, (n,)."""
    reach = problem.norms * problem.operator * problem.couple
    margin = ROUND * (np.abs(problem.start[:, j]) + reach * state.path[j])
    near = state.sides[:, j] * state.height[:, j] <= 2 * margin
    return np.asarray((near | (state.modes[:, j] == SLIDE)) & (problem.norms > 0))


def settle_neuron(problem: Problem, state: State, j: int, touching: NDArray[np.bool_]) -> None:
    """Decide how the touching gates of neuron ``j`` go on, and put everything that depends on it in order."""
    cross, leak = problem.cross, problem.leak
    state.height[touching, j] = 0.0
    state.side[j] = _side(problem, state, j, touching)
    old = state.modes[:, j]
    new = settle(cross, old.copy(), touching, state.residual, leak=leak, side=float(state.side[j]))
    state.begun += int(np.sum((new == SLIDE) & (old != SLIDE)))
    state.modes[:, j] = new
    state.slopes[:, j] = np.where(new == SLIDE, 0.0, np.where(new == ON, 1.0, leak))
    state.sides[:, j] = np.where((new == SLIDE) | (problem.norms == 0), 0, np.where(new == ON, 1, -1))
    if state.slides.pop(j, None) is not None or (new == SLIDE).any():
        state.bundle = None
    if (new == SLIDE).any():
        state.slides[j] = _slide(problem, np.ascontiguousarray(new), float(state.side[j]))


def _side(problem: Problem, state: State, j: int, touching: NDArray[np.bool_]) -> float:
    """Return the sign of neuron ``j``'s outer weight from now on; one that is 0 up to rounding becomes 0 and turns."""
    margin = ROUND * (abs(float(problem.network.outer[j, 0])) + state.swing[j])
    if abs(state.outer[j]) > 2 * margin or not problem.rate[j]:
        return float(np.sign(state.outer[j]))
    state.outer[j] = 0.0
    active = np.where(touching, 0.0, np.where(state.height[:, j] > 0, 1.0, problem.leak) * state.height[:, j])
    return float(np.sign(state.residual @ active))


def _slide(problem: Problem, modes: NDArray[np.int8], side: float) -> Slide:
    """Return the maps of a neuron with sliding gates: their multipliers stay between ``leak r`` and ``r``."""
    cross, leak, n = problem.cross, problem.leak, len(modes)
    matrix = force_map(cross, modes, leak)
    where = np.flatnonzero(modes == SLIDE)
    unit = np.eye(n)[where]
    rows = -side * np.concatenate([matrix[where] - leak * unit, unit - matrix[where]])
    parts = np.empty((4, n, n))
    parts_of(cross, modes, leak, 1.0, 1.0, parts)
    return Slide(matrix, rows, 1.0 + np.linalg.norm(rows, axis=1), parts)


@njit(cache=True, error_model="numpy")
def force_map(cross: Array, modes: NDArray[np.int8], leak: float) -> Array:
    """Return the matrix (n, n) of one neuron's forces as a map of the residual."""
    n = modes.size
    out, unit, column = np.empty((n, n)), np.zeros(n), np.empty(n)
    for k in range(n):
        unit[k] = 1.0
        force(cross, modes, leak, unit, column)
        unit[k] = 0.0
        for i in range(n):
            out[i, k] = column[i]
    return out
