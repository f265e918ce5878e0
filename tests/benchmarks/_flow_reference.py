"""The true residual at the horizon, to about 1e-13: what the errors in ``flow.py`` are measured against.

The code shares nothing with theorycheck's: Radau collocation on panels, order 23. Within a panel the path of displacement
and residual is iterated: the slopes at the nodes from the path, the linear collocation problem ``r' = -G r`` with these
slopes, the displacement by quadrature. The residual is a state of its own. A panel is as long as the iteration converges
and the polynomial has ended; a second run of order 19 says how well the first is known. The peers check it once more:
``flow.py`` prints how near the most accurate of them came.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from _flow_rhs import PAIRS, Flow, flow_of
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve
from scipy.special import roots_jacobi

from theorycheck.flow import follow
from theorycheck.model import Instance

Array = NDArray[np.float64]

#: larger collocation problems are solved by iteration with the mean Gram
DENSE = 800
#: the last two Legendre coefficients of a panel's residual, relative to it
TAIL = 1e-11
#: collocation points of the two runs
POINTS = (12, 10)
#: Euler steps of the two runs for ReLU
EULER = (80_000, 320_000)
#: change of the weights in the last iteration
CLOSED = 3e-15


@dataclass(frozen=True)
class Rule:
    """Radau collocation on [0, 1]: nodes (the last is 1), integration matrix, and values to Legendre coefficients."""

    nodes: Array
    integral: Array
    coefficients: Array

    def next(self, values: Array, ratio: float) -> Array:
        """Extrapolate the polynomial through values at the nodes to the nodes of a next panel, ``ratio`` times as long."""
        ahead = legendre.legvander(2 * (1 + ratio * self.nodes) - 1, len(self.nodes) - 1) @ self.coefficients
        return np.tensordot(ahead, values, 1)


@cache
def rule(points: int) -> Rule:
    """Return the rule with that many points."""
    nodes = np.append((roots_jacobi(points - 1, 1, 0)[0] + 1) / 2, 1.0)
    inverse = np.linalg.inv(legendre.legvander(2 * nodes - 1, points - 1))
    antiderivatives = [legendre.legint(row, lbnd=-1) / 2 for row in np.eye(points)]
    sums = np.column_stack([legendre.legval(2 * nodes - 1, series) for series in antiderivatives])
    return Rule(nodes, sums @ inverse, inverse)


class Panels:
    """The march: displacement ``u`` and residual ``r`` at time ``now``."""

    def __init__(self, flow: Flow, points: int) -> None:
        self.flow, self.rule = flow, rule(points)
        self.begin = flow.factor @ flow.start
        self.cross = flow.factor @ flow.factor.T
        self.u = np.zeros(flow.start.shape)
        self.value, self.slope = np.empty_like(self.begin), np.empty_like(self.begin)
        PAIRS[flow.name](self.begin, self.value, self.slope)
        self.r = flow.labels - self.value @ flow.outer
        self.now, self.evaluations = 0.0, 0
        self.length = 0.3 / np.linalg.eigvalsh(self._gram(self.slope))[-1]
        self.guess: tuple[Array, float] | None = None  # path of the last panel, and its length

    def _gram(self, slope: Array) -> Array:
        return self.cross * ((slope * self.flow.outer**2) @ slope.T)

    def _slopes(self, path: Array) -> Array:
        slopes = np.empty((len(path), *self.begin.shape))
        for u, slope in zip(path, slopes, strict=True):
            PAIRS[self.flow.name](self.begin + self.flow.factor @ u, self.value, slope)
        self.evaluations += len(path)
        return slopes

    def _residuals(self, slopes: Array, length: float, path: Array) -> Array:
        """Solve ``R_i = r - length sum_k Q_ik G_k R_k``, refined with ``G r = J (J' r)``.

        A Gram that has been formed is off by rounding of its largest entries, at every time by the same: its least
        eigenvalue has lost as many digits as the condition has. The products have lost half as many.
        """
        grams = np.array([self._gram(slope) for slope in slopes])
        weights = length * self.rule.integral
        solve = self._dense(grams, weights) if path.size <= DENSE else self._split(grams, weights)
        for _ in range(60):
            falling = np.array([self._product(slope, r) for slope, r in zip(slopes, path, strict=True)])
            change = solve(self.r - weights @ falling - path)
            path = path + change
            size = float(np.linalg.norm(change) / np.linalg.norm(path))
            if size < 1e-15 or (size < 1e-12 and path.size <= DENSE):
                break
        return path

    def _product(self, slope: Array, residual: Array) -> Array:
        """Return the tangent Gram times a vector, by two products with the Jacobian."""
        moving = (self.flow.factor * residual[:, None]).T @ slope * self.flow.outer**2
        return np.einsum("ij,ij->i", self.flow.factor @ moving, slope)

    @staticmethod
    def _dense(grams: Array, weights: Array) -> Callable[[Array], Array]:
        k, n = grams.shape[:2]
        factors = lu_factor(np.einsum("ik,kab->iakb", weights, grams).reshape(k * n, k * n) + np.eye(k * n))
        return lambda defect: lu_solve(factors, defect.ravel()).reshape(k, n)

    @staticmethod
    def _split(grams: Array, weights: Array) -> Callable[[Array], Array]:
        """Return the inverse for the mean Gram, in its eigenvectors: nearly that for all of them."""
        values, vectors = np.linalg.eigh(grams.mean(axis=0))
        inverses = np.linalg.inv(np.eye(len(grams)) + values[:, None, None] * weights)
        return lambda defect: np.einsum("aik,ka->ia", inverses, defect @ vectors) @ vectors.T

    def _panel(self, length: float) -> tuple[Array, Array, bool]:
        """Iterate one panel's path; say whether it converged and whether its polynomial has ended."""
        k, flow = len(self.rule.nodes), self.flow
        if self.guess is None:
            path = np.repeat(self.u[None], k, axis=0)
        else:
            path = self.rule.next(self.guess[0], length / self.guess[1])
        residuals = np.repeat(self.r[None], k, axis=0)
        before, stalled = np.inf, 0
        for _ in range(25):
            slopes = self._slopes(path)
            residuals = self._residuals(slopes, length, residuals)
            speed = np.array([(flow.factor * r[:, None]).T @ s for r, s in zip(residuals, slopes, strict=True)])
            new = self.u + length * np.tensordot(self.rule.integral, speed * flow.outer, 1)
            change = float(np.abs(new - path).max())
            path = new
            stalled += change > 0.3 * before
            before = change
            if change < CLOSED * max(1.0, float(np.abs(path).max())) or stalled > 2:
                break
        ends = self.rule.coefficients[-2:] @ residuals
        fine = change < 30 * CLOSED and np.linalg.norm(ends) < TAIL * np.linalg.norm(self.r)
        return path, residuals, bool(fine)

    def step(self, until: float) -> None:
        """Advance by one panel."""
        for _ in range(60):
            length = min(self.length, until - self.now)
            path, residuals, fine = self._panel(length)
            if fine:
                break
            self.length = length / 2
        else:
            raise RuntimeError("the reference does not converge")
        self.u, self.r, self.guess = path[-1], residuals[-1], (path, length)
        self.now += length
        self.length *= 1.6


@dataclass(frozen=True)
class Reference:
    """The residual at the horizon, how far the second run is from it (relative), and how it was found."""

    residual: Array
    doubt: float
    method: str


def _march(flow: Flow, until: float, points: int) -> Array:
    panels = Panels(flow, points)
    while panels.now < until:
        panels.step(until)
    return panels.r


def _folder() -> Path:
    chosen = os.environ.get("THEORYCHECK_BENCH_CACHE")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / "theorycheck_flow_references"


def reference(instance: Instance, until: float) -> Reference:
    """Return the reference of a problem, from the cache folder if it has been computed before."""
    flow = flow_of(instance)
    stamp = hashlib.sha256(f"2 {flow.name} {until} {POINTS} {TAIL} {CLOSED}".encode())
    for array in (flow.factor, flow.outer, flow.labels, flow.start):
        stamp.update(np.ascontiguousarray(array).tobytes())
    path = _folder() / f"{stamp.hexdigest()[:24]}.npz"
    if path.exists():
        with np.load(path) as kept:
            return Reference(kept["residual"], float(kept["doubt"]), str(kept["method"]))
    found = _relu(instance, until) if flow.name == "relu" else _smooth(flow, until)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}_{path.name}")
    np.savez(temporary, residual=found.residual, doubt=found.doubt, method=found.method)
    temporary.replace(path)
    return found


def _smooth(flow: Flow, until: float) -> Reference:
    first, second = (_march(flow, until, points) for points in POINTS)
    doubt = float(np.linalg.norm(first - second) / np.linalg.norm(first))
    return Reference(first, doubt, "Radau collocation, orders 23 and 19")


def _relu(instance: Instance, until: float) -> Reference:
    """Return the event-driven flow, and how far Euler's method with two step lengths, extrapolated, is from it."""
    exact = np.asarray(follow(instance, times=np.array([0.0, until])).trajectory.residual[-1])
    coarse, fine = (_euler(flow_of(instance), until, steps) for steps in EULER)
    extrapolated = fine + (fine - coarse) / (EULER[1] / EULER[0] - 1)
    doubt = float(min(np.linalg.norm(exact - guess) for guess in (fine, extrapolated)) / np.linalg.norm(exact))
    return Reference(exact, doubt, "event by event (ours); doubt: Euler's method, steps to 0")


def _euler(flow: Flow, until: float, steps: int) -> Array:
    state = flow.first("weights")
    for _ in range(steps):
        state += until / steps * flow.weights(0.0, state)
    return flow.final(state, "weights")
