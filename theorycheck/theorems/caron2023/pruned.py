"""What pruning leaves out (caron2023, section 3.6): the nodes but the K with the largest scales, and measures of them.

``f - f^K``, the pruned part, is ``sum_{j > K} sqrt(lambda_j) a_j s(w_j . x / sqrt d)``; its mass is ``tau_K = sum_{j > K} lambda_j``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from scipy.special import zeta

from theorycheck import measure
from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import FlowStalled, Run, follow, horizon_of
from theorycheck.grams import Array, dual_matrix
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Quantity
from theorycheck.symbolic.activations import Z
from theorycheck.theorems.caron2023 import instances as make

K = sp.Symbol("K", nonnegative=True)
tau = sp.Symbol("tau_K", nonnegative=True)

NOTATION = (
    " f^K: the network of the K nodes with the largest scales, nothing retrained; tau_K: the sum of the other scales."
)
#: times that are looked at, over the horizon of the flow
TIMES = (1e-3, 1e-2, 0.1, 1.0)
#: the longest horizon, over that of the largest eigenvalue of the tangent Gram
LONGEST = 50.0
#: other places than the samples at which the pruned part is looked at
_ELSEWHERE = 6


def kept(instance: Instance) -> int:
    """Return K."""
    return int(instance.parameters["kept"])


def build(flags: dict[str, Any], asks: sp.Expr = sp.S.One, quantities: tuple[Quantity, ...] = ()) -> Instance:
    """Build an instance as :func:`.instances.build` does.

    Raises
    ------
    BadInput
        Also if K is below 0 or above m, or the width is left to a theorem that asks for none.
    """
    if flags["m"] == 0 and not quantities:
        raise BadInput("--m must be at least 1: this theorem holds at every width")
    return checked(make.build(flags, asks, quantities))


def checked(instance: Instance) -> Instance:
    """Return an instance whose K is a number of its nodes.

    Raises
    ------
    BadInput
        If it is not.
    """
    if not 0 <= kept(instance) <= instance.m:
        raise BadInput(f"--kept must lie between 0 and m = {instance.m}, not {kept(instance)}")
    return instance


def _tau(run: Run) -> Measured:
    left = run.instance.scales[kept(run.instance) :]
    if not len(left):
        return Measured(0.0, 0.0, rigorous=True)
    return measure.rounded(float(np.sum(left)), 8 * int(np.log2(len(left)) + 2))


KEPT = Quantity(K, "number of nodes kept", measure.constant(lambda run: float(kept(run.instance))))
MASS = Quantity(tau, "sum of the scales of the nodes pruned", _tau)


def pruned_part(instance: Instance, weights: Array, points: Array) -> Array:
    """Return ``f - f^K`` at points ``(k, d)`` for weights ``(m, d)``, and what its rounding is relative to: ``(2, k)``."""
    first = kept(instance)
    value = compile_block((Z,), instance.activation.expr)
    nodes = value(instance.inner * (points @ weights[first:].T)) if first < instance.m else np.zeros((len(points), 0))
    outer = instance.outer[first:]
    return np.array([nodes @ outer, np.abs(nodes) @ np.abs(outer)])


# --- time 0 ----------------------------------------------------------------------------------


def second_moments(run: Run) -> Measured:
    """Return ``E s(g_i)^2`` for every sample, ``(n,)``."""
    instance = run.instance
    found = [dual_matrix(instance.activation.expr, row[None, :], instance.inner) for row in instance.inputs]
    value = np.array([float(one.matrix[0, 0]) for one in found])
    return Measured(value, np.array([one.error for one in found]) + 1e-13 * np.abs(value))


def cost_at_start(run: Run) -> Measured:
    """Return ``|f_0 - f_0^K|`` on the samples."""
    part, size = pruned_part(run.instance, run.instance.weights, run.instance.inputs)
    return Measured(float(np.linalg.norm(part)), 1e-13 * float(np.linalg.norm(size)))


# --- along the flow ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """The flow at a few times: ``(k,)`` times, first-layer weights, and the error of all weights together."""

    times: Array
    weights: tuple[Array, ...]
    error: Array


def simulate(instance: Instance, shares: tuple[float, ...] = TIMES) -> Run:
    """Follow the flow, to be looked at at these shares of its horizon; a Gram that is nearly singular is not waited for."""
    with np.errstate(all="ignore"):
        largest = float(np.trace(instance.start[1]))
    horizon = horizon_of(instance)
    if 0 < largest < np.inf:
        horizon = min(horizon, LONGEST / largest)
    return follow(instance, times=np.array([0.0, *(share * horizon for share in shares)]))


@lru_cache(maxsize=2)
def seen(run: Run) -> Seen:
    """Return the weights at the saved times after 0.

    Raises
    ------
    NoTrajectory
        If nothing was simulated yet, or the flow to one of these times stalls.
    """
    if run.trajectory is None:
        raise NoTrajectory("what is pruned along the flow belongs to a simulation: simulate the instance first")
    times = run.trajectory.times
    try:
        found = [follow(run.instance, times=np.array([0.0, time])).trajectory for time in times[1:-1]]
    except FlowStalled as stalled:  # another end, other steps: the flow to the last time may have gone through
        raise NoTrajectory(str(stalled)) from stalled
    paths = [*(one for one in found if one is not None), run.trajectory]
    size = float(np.linalg.norm(run.instance.weights))
    lost = [1e-12 * size + (0.0 if path.bound is None else float(path.bound[-1, 1])) for path in paths]
    return Seen(times[1:], tuple(path.final_weights for path in paths), np.array(lost))


def times_seen(run: Run) -> Measured:
    """Return the times."""
    return Measured(seen(run).times)


def movement(run: Run) -> Measured:
    """Return ``max_j |w_tj - w_0j|/sqrt(lambda_j)`` at those times."""
    instance, found = run.instance, seen(run)
    root = np.sqrt(instance.scales)
    value = [float(np.max(np.linalg.norm(weights - instance.weights, axis=1) / root)) for weights in found.weights]
    return Measured(np.array(value), found.error / root.min())


def _points(instance: Instance) -> Array:
    """Return the samples whose norm is not 0 in doubles, and some places far and near."""
    rng = np.random.default_rng([int(instance.description.get("seed", 0)), 8])
    elsewhere = rng.standard_normal((_ELSEWHERE, instance.d)) * 10 ** rng.uniform(-2, 2, (_ELSEWHERE, 1))
    return np.concatenate([instance.inputs[np.linalg.norm(instance.inputs, axis=1) > 0], elsewhere])


def growth(run: Run) -> Measured:
    """Return the largest ``(|f_t - f_t^K| - |f_0 - f_0^K|)(x)/|x|`` over some x, at those times."""
    instance, found, points = run.instance, seen(run), _points(run.instance)
    norms = np.linalg.norm(points, axis=1)
    before, rough = pruned_part(instance, instance.weights, points)
    value, error = [], []
    for weights, lost in zip(found.weights, found.error, strict=True):
        after, size = pruned_part(instance, weights, points)
        value.append(np.max((np.abs(after) - np.abs(before)) / norms))
        # the part is Lipschitz in the weights, with a constant below |x|
        error.append(lost * (kept(instance) < instance.m) + 1e-13 * np.max((size + rough) / norms))
    return Measured(np.array(value), np.array(error))


def pruned_residual(run: Run) -> Measured:
    """Return ``|y - f_t^K|`` on the samples at those times."""
    instance, found = run.instance, seen(run)
    value, error = [], []
    for weights, lost in zip(found.weights, found.error, strict=True):
        nodes = compile_block((Z,), instance.activation.expr)(instance.inner * (instance.inputs @ weights.T))
        left = slice(0, kept(instance))
        output = nodes[:, left] @ instance.outer[left]
        value.append(float(np.linalg.norm(instance.labels - output)))
        size = float(np.linalg.norm(np.abs(instance.labels) + np.abs(nodes) @ np.abs(instance.outer)))
        error.append(lost * float(np.linalg.norm(instance.inputs)) + 1e-13 * size)
    return Measured(np.array(value), np.array(error))


# --- Zipf's law --------------------------------------------------------------------------------


def zipf_sum(run: Run) -> Measured:
    """Return ``zeta(1/alpha)``."""
    value = float(zeta(1 / run.instance.parameters["alpha"]))
    return Measured(value, 1e-13 * value)


def finite_tail(run: Run) -> Measured:
    """Return the share of ``K < j <= m`` in ``sum_{j <= m} j^(-1/alpha)``."""
    uneven = np.arange(1, run.instance.m + 1, dtype=float) ** (-1 / run.instance.parameters["alpha"])
    value = float(uneven[kept(run.instance) :].sum() / uneven.sum())
    return Measured(value, 1e-12 * value)


def infinite_tail(run: Run) -> Measured:
    """Return the share of ``j > K`` in ``sum_j j^(-1/alpha)`` (Hurwitz's zeta)."""
    power = 1 / run.instance.parameters["alpha"]
    value = float(zeta(power, kept(run.instance) + 1) / zeta(power))
    return Measured(value, 1e-12 * value)
