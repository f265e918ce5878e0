"""What is seen of a flow with both layers trained: Grams, movements, and bounds of both between two looks.

Between two looks the Jacobian moves by no more than the sum of its Taylor terms; Weyl's inequality for singular values and
the triangle's for norms then bound everything in between. Slopes of gates at their kink may be anything there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._both_series import lengths
from theorycheck.flow._both_state import Problem, State, touching_of
from theorycheck.flow._both_steps import Point, Step, inside
from theorycheck.flow._gates import EPS, SLIDE, parts_of
from theorycheck.flow._segments import positive_norm, spectral

Array = NDArray[np.float64]
#: share of the least singular value, if that is not below a thirtieth of the largest, that the Jacobian may move between
#: two looks, and the most looks in a step
FINE, LOOKS = 0.04, 8


class Grams(NamedTuple):
    """Tangent Grams, (n, n): of the residual's equation, the middle and spread over touching slopes, the actual one."""

    evolution: Array
    middle: Array
    spread: Array
    actual: Array


class Look(NamedTuple):
    """What one time says: least eigenvalue for all slopes, change and size of the Gram at most, and movements."""

    least: float
    change: float
    top: float
    far: Array  # (m,) |w_j - w_j(0)|
    swung: Array  # (m,) |outer_j - outer_j(0)|


def grams(problem: Problem, state: State, outer: Array, height: Array, residual: Array) -> Grams:
    """Return the tangent Grams with the gates of ``state``; the evolution matrix is at most that of any slopes."""
    guards = state.guards()
    slots = guards.slots
    fixed = state.slopes.copy()
    fixed[:, slots] = 0.0
    active = state.slopes * height
    square = outer**2
    kernel = problem.couple * problem.cross
    base = kernel * ((fixed * square) @ fixed.T) + (active * problem.rate) @ active.T
    if not len(slots):
        return Grams(base, base, np.zeros_like(base), base)
    parts = np.tensordot(square[slots], guards.parts, axes=1)
    slopes = actual_slopes(state, residual, problem.leak)
    return Grams(
        base + problem.couple * parts[1],
        base + kernel * parts[2],
        np.abs(kernel) * np.maximum(parts[3], 0.0),
        base + kernel * ((slopes * square[slots]) @ slopes.T),
    )


def actual_slopes(state: State, residual: Array, leak: float) -> Array:
    """Return the slopes of the gates of neurons where some slide, those with their multipliers, (n, q)."""
    guards = state.guards()
    whole = residual[:, None]
    share = np.divide(
        (guards.maps @ residual).T, whole, out=np.full((len(residual), len(guards.slots)), leak), where=whole != 0
    )
    return np.where(state.modes[:, guards.slots] == SLIDE, np.clip(share, leak, 1.0), state.slopes[:, guards.slots])


@dataclass
class Watch:
    """Running ends of all that is reported, and the rows of the saved times."""

    problem: Problem
    gram_start: Array
    rounding: float
    least: list[float] = field(default_factory=lambda: [np.inf, np.inf])
    change: list[float] = field(default_factory=lambda: [0.0, 0.0])
    far: list[float] = field(default_factory=lambda: [0.0, 0.0])
    swung: list[float] = field(default_factory=lambda: [0.0, 0.0])
    rows: list[dict[str, Any]] = field(default_factory=list)
    last: Grams | None = None  # at the end of the last step, until a gate changes

    def look(self, state: State, point: Point) -> tuple[Look, Grams]:
        """Look at one time; lower ends of maxima and upper ends of minima are what is seen."""
        found = grams(self.problem, state, point.outer, point.height, point.residual)
        self.rounding = max(self.rounding, rounding_of(found.middle))
        least = max(float(np.linalg.eigvalsh(found.evolution)[0]) - self.rounding, 0.0)
        change = size = spectral(found.middle - self.gram_start)
        real = least + self.rounding
        radius = 0.0
        if state.slides:
            radius = positive_norm(found.spread)
            real = max(float(np.linalg.eigvalsh(found.actual)[0]), 0.0)
            size = spectral(found.actual - self.gram_start)
        far = self.problem.network.first * self.problem.network.inner * _rows(point.impulse.T @ self.problem.factor)
        swung = np.abs(point.outer - self.problem.network.outer[:, 0])
        self.least = [min(self.least[0], least), min(self.least[1], real)]
        self.change[0] = max(self.change[0], size - self.rounding)
        self.change[1] = max(self.change[1], change + radius + (self.rounding if point.time > 0 else 0.0))
        self._moved(far, swung, 0)
        return Look(least, change + radius, spectral(found.middle) + radius, far, swung), found

    def _moved(self, far: Array, swung: Array, end: int) -> None:
        """Count movements in; ``end`` 0 for what was seen (which raises both ends), 1 for bounds."""
        start = np.abs(self.problem.network.outer[:, 0])
        if self.problem.network.second:
            length = float(far.max())
        else:
            length = float(np.max(far[start > 0] / start[start > 0], initial=0.0))
        gain = np.abs(self.problem.network.gain)
        turned = float(np.max(swung[gain > 0] / gain[gain > 0], initial=0.0))
        for e in range(end, 2):
            self.far[e] = max(self.far[e], length * (1 + e * 1e-12))
            self.swung[e] = max(self.swung[e], turned * (1 + e * 1e-12))

    def between(self, one: Look, two: Look, turn: float, way: Array, swing: Array) -> None:
        """Bound what happens between two looks: the Jacobian's path is at most ``turn``, those of weights ``way, swing``."""
        low, high = sorted((np.sqrt(one.least), np.sqrt(two.least)))
        root = max(min(low, (low + high - turn) / 2), 0.0)
        self.least[0] = min(self.least[0], root**2)
        top = np.sqrt(max(one.top, two.top)) + turn
        middle = (one.change + two.change) / 2 + top * turn
        self.change[1] = max(self.change[1], middle + (self.rounding if turn else 0.0))
        self._moved((one.far + two.far + way) / 2, (one.swung + two.swung + swing) / 2, 1)

    def touch(self, state: State, j: int) -> None:
        """Look at the instant of an event, when the slopes of neuron ``j``'s touching gates may be anything."""
        problem, n = self.problem, len(state.residual)
        found = self.last or grams(problem, state, state.outer, state.height, state.residual)
        self.last = None
        old, new = np.empty((2, 4, n, n))
        modes = np.ascontiguousarray(state.modes[:, j])
        during = np.where(touching_of(problem, state, j), np.int8(SLIDE), modes)
        for which, out in ((modes, old), (during, new)):
            parts_of(problem.cross, which, problem.leak, 1.0, 1.0, out)
        step = state.outer[j] ** 2 * problem.couple * (new - old)
        least = float(np.linalg.eigvalsh(found.evolution + problem.cross * step[0] + step[1])[0])
        self.least[0] = min(self.least[0], max(least - self.rounding, 0.0))
        middle = found.middle + problem.cross * (step[0] + step[2]) - self.gram_start
        radius = positive_norm(np.maximum(found.spread + np.abs(problem.cross) * step[3], 0.0))
        self.change[1] = max(self.change[1], spectral(middle) + radius + self.rounding)

    def keep(self, state: State, point: Point) -> None:
        """Make the row of a saved time, and start a new interval there."""
        look, found = self.look(state, point)
        self.rows.append({
            "residual": point.residual.copy(), "gram": found.actual, "least": tuple(self.least),
            "change": tuple(self.change), "far": tuple(self.far), "swung": tuple(self.swung),
        })  # fmt: skip
        self.least = [look.least, max(float(np.linalg.eigvalsh(found.actual)[0]), 0.0)]

    def step(self, state: State, step: Step, saved: list[float]) -> None:
        """Look at one step, from the state at its start to its end, with rows at the shares ``saved`` of the unit."""
        problem = self.problem
        path, mass = lengths(step.series, problem.network.first, problem.rate)
        turns = np.sqrt(problem.couple * problem.operator**2 * mass[:, 0] + mass[:, 1])
        swings = np.abs(step.series.outer)
        powers = np.arange(len(turns))
        here, _ = self.look(state, inside(problem, state, step, 0.0))
        whole = float(turns @ step.share**powers)
        scale = max(np.sqrt(here.least), np.sqrt(here.top) / 30)
        count = int(np.clip(whole / (FINE * scale + 1e-300), 1, LOOKS))
        before = (powers == 0).astype(float)
        for share in np.unique(np.concatenate([step.share * np.arange(1, count + 1) / count, saved])):
            point, now = inside(problem, state, step, float(share)), share**powers
            there, self.last = self.look(state, point)
            # the length of the path between two times is at most the growth of the sum of the terms' sizes
            grown = np.maximum(now - before, 0.0)
            self.between(here, there, float(turns[1:] @ grown[1:]), grown[1:] @ path[1:], grown[1:] @ swings[1:])
            for _ in range(saved.count(float(share))):  # two saved times may round to one
                self.keep(state, point)
            here, before = there, now


def _rows(matrix: Array) -> Array:
    """Return the rows' Euclidean norms."""
    return np.asarray(np.sqrt(np.sum(matrix**2, axis=1)))


def rounding_of(matrix: Array) -> float:
    """Return what rounding may do to eigenvalues of matrices of this size."""
    return 8 * len(matrix) * EPS * float(np.trace(matrix))
