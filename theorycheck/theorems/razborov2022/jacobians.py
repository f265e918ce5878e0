"""The Jacobian of a two-layer network, rates included, at its weights and along a step of descent (razborov2022, 3.1).

``J = [sqrt(eta_W) J_W, sqrt(eta_a) J_a]`` is the Jacobian in the rescaled parameters ``(W/sqrt(eta_W), a/sqrt(eta_a))``,
in which descent at two rates has steps of size 1.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from theorycheck import measure
from theorycheck.compiled import compile_block
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import Descent, State, descend
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.network import Network
from theorycheck.symbolic.activations import Z


def _nodes(network: Network, later: Network) -> tuple[Array, Array]:
    """Return slopes of secants between two networks' nodes, and their mean values, each ``(n, m)``.

    Where a smooth node hardly moves the slope in the middle stands for a secant: its error is of second order. One of a
    piecewise linear node is needed only where it crosses the kink.
    """
    value, slope = (compile_block((Z,), part) for part in (network.activation.expr, network.activation.slope))
    before, after = (one.inner * (one.inputs @ one.weights.T) for one in (network, later))
    moved = after - before
    near = (before * after > 0) | (moved == 0) if network.activation.leak is not None else np.abs(moved) <= 1e-5
    with np.errstate(all="ignore"):
        secants = np.where(near, slope((before + after) / 2), (value(after) - value(before)) / moved)
    return secants, (value(before) + value(after)) / 2


def jacobian(network: Network, later: Network | None = None) -> Array:
    """Return J ``(n, m (d + 1))`` of a network with one output and no shift.

    With a later network: the mean of J on the way that makes ``F(later) - F = J step`` exact, from mean outer weights
    times slopes of secants, and mean values.
    """
    later = network if later is None else later
    gates, values = _nodes(network, later)
    outer = (network.outer[:, 0] + later.outer[:, 0]) / 2
    first = np.sqrt(network.first) * network.inner * (gates * outer)[:, :, None] * network.inputs[:, None, :]
    return np.hstack([first.reshape(network.n, -1), np.sqrt(network.second) * network.gain * values])


def length(before: Network, after: Network) -> float:
    """Return the length of a step in the rescaled parameters."""
    squares = [float(np.sum((after.weights - before.weights) ** 2)), float(np.sum(((after.outer - before.outer)[:, 0] / before.gain) ** 2))]  # fmt: skip
    return float(np.sqrt(sum(one / rate for one, rate in zip(squares, (before.first, before.second), strict=True) if rate > 0)))  # fmt: skip


@lru_cache(maxsize=4)
def start(instance: Instance) -> Array:
    """Return J at the initial weights."""
    return jacobian(instance.network)


def walk(instance: Instance, steps: int) -> Run:
    """Descend by unit steps and look at J along each: ``looked[k]`` is about step k - 1.

    ``looked`` holds D, the larger of ``|J - J_0|`` and ``|Jm - J_0|``; S, ``|Jm|^2``; and the length of the step.
    """
    last: list[Network] = []

    def look(state: State) -> Array:
        # the walk goes on to change its arrays
        now = replace(state.network, weights=state.network.weights.copy(), outer=state.network.outer.copy())
        before = last.pop() if last else None
        last.append(now)
        if before is None:
            return np.zeros(3)
        mean = jacobian(before, now)
        changes = [float(np.linalg.norm(one - start(instance), 2)) for one in (jacobian(before), mean)]
        return np.array([max(changes), float(np.linalg.norm(mean, 2)) ** 2, length(before, now)])

    found = descend(instance, step=1.0, steps=steps, record=range(steps + 1), quantities={"looked": look})
    return Run(instance, notes=(found.note,) if found.note else (), descent=found)


def lengths(instance: Instance, steps: int) -> Array:
    """Return the lengths of the steps of a descent, without its Jacobians."""
    states: list[Network] = []

    def look(state: State) -> float:
        now = replace(state.network, weights=state.network.weights.copy(), outer=state.network.outer.copy())
        states[:] = [*states[-1:], now]
        return length(*states) if len(states) == 2 else 0.0

    found = descend(instance, step=1.0, steps=steps, record=range(steps + 1), quantities={"length": look})
    return found.quantities["length"]


def _kept(run: Run) -> tuple[Descent, Array, Array, Array]:
    """Return the descent, residual sizes, their relative doubt, and which steps begin above rounding and move."""
    found = measure.descended(run)
    sizes = np.linalg.norm(found.residual, axis=1)
    with np.errstate(all="ignore"):
        doubt = 1e-13 * (float(np.linalg.norm(run.instance.labels)) + sizes[0]) / sizes
    return found, sizes, doubt, (doubt[:-1] < 1e-6) & (found.quantities["looked"][1:, 2] > 0)


def looked(column: int) -> measure.Measure:
    """Return a measure, one value per step, of a column of what :func:`walk` looks at."""

    def read(run: Run) -> Measured:
        found, _, _, kept = _kept(run)
        value, size = found.quantities["looked"][1:, column][kept], float(np.linalg.norm(start(run.instance)))
        # slopes of secants are good to ten digits
        return Measured(value, 1e-10 * (size**2 if column == 1 else size) + 1e-10 * value)

    return read


def gain(run: Run) -> Measured:
    """Return ``1 - L_(k+1)/L_k``, the share of the loss that a step takes off, one per step."""
    _, sizes, doubt, kept = _kept(run)
    left = (sizes[1:][kept] / sizes[:-1][kept]) ** 2
    return Measured(1 - left, 4 * doubt[:-1][kept] * (1 + left))


def fall(run: Run) -> Measured:
    """Return ``(|r_k| - |r_(k+1)|)/|step|``, by how much the residual falls per length of a step, one per step."""
    found, sizes, doubt, kept = _kept(run)
    steps = found.quantities["looked"][1:, 2][kept]
    value = (sizes[:-1] - sizes[1:])[kept] / steps
    # weights are rounded, so a step far below their size is not known well
    lost = 1e-14 * (1 + float(np.linalg.norm(run.instance.weights)) + float(np.linalg.norm(run.instance.signs)))
    return Measured(value, 4 * doubt[:-1][kept] * sizes[:-1][kept] / steps + np.abs(value) * (1e-10 + lost / steps))
