"""Simulation: ``follow(instance, times)`` integrates gradient flow and says how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.bounds import supremum
from theorycheck.compiled import compile_block
from theorycheck.evidence import Measured
from theorycheck.flow.relu import follow_relu
from theorycheck.flow.smooth import follow_smooth
from theorycheck.flow.trajectory import FlowStalled, Trajectory
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.suprema import exact_supremum

__all__ = ["FlowStalled", "Run", "Trajectory", "follow", "horizon_of", "saved_times", "suprema"]


@dataclass(frozen=True, eq=False)
class Run:
    """An instance together with what became of it: its trajectory, or None for a statement about time 0."""

    instance: Instance
    trajectory: Trajectory | None = None
    notes: tuple[str, ...] = field(default=())


#: a supremum that large on |z| <= 2^64 grows with z: the activation has none on the line
UNBOUNDED = 2.0**32


def suprema(activation: Activation) -> tuple[Measured, Measured]:
    """Return ``sup |s'|`` and ``sup |s''|``: exactly where a rule applies, else enclosed.

    The second is infinite for activations with a kink.
    """
    return _supremum(activation, 1), _supremum(activation, 2) if activation.smooth else Measured(np.inf)


def _supremum(activation: Activation, order: int) -> Measured:
    expr = activation.slope if order == 1 else activation.curvature
    exact = exact_supremum(expr)
    if exact is not None:
        value = float(exact)
        return Measured(value, 0.0 if sp.Rational(value) == exact else np.spacing(value), rigorous=True)
    certificate = supremum(expr, Z)
    if not certificate.upper < UNBOUNDED:
        return Measured(np.inf)
    return Measured.between(certificate.lower, certificate.upper, rigorous=True)


def saved_times(horizon: float, count: int = 120, first: float = 1e-3) -> NDArray[np.float64]:
    """Return 0 and ``count`` times up to ``horizon``: geometric up to a tenth of it, then even.

    ``first`` is the first saved time over the horizon. What happens between saved times is
    covered by errors, which shrink as ``count`` grows.
    """
    if not (np.isfinite(horizon) and horizon > 0):
        raise FlowStalled(
            f"the horizon of the flow must be a positive number, not {horizon:g}: the Gram of the data may be singular"
        )
    early = np.geomspace(first, 0.1, count // 2, endpoint=False)
    return horizon * np.concatenate([[0.0], early, np.linspace(0.1, 1.0, count - count // 2)])


def horizon_of(instance: Instance, decades: float = 8.0, stiffness: float = 400.0) -> float:
    """Return a time by which the loss has fallen by about ``decades`` powers of ten at the initial rate.

    Smooth activations are followed no further than ``stiffness`` times the fastest time
    scale, where an explicit method is still cheap; ReLU is followed exactly however stiff.
    """
    _, gram = instance.start
    with np.errstate(all="ignore"):
        values = np.linalg.eigvalsh(gram) if np.all(np.isfinite(gram)) else np.array([np.nan])
    if not values[-1] > 0:
        return 1.0  # nothing moves, or nothing is known: any time will do
    slowest = max(float(values[0]), 1e-12 * float(values[-1]))
    wanted = decades * np.log(10.0) / (2 * slowest)
    return wanted if instance.activation.leak is not None else min(wanted, stiffness / float(values[-1]))


def follow(
    instance: Instance,
    horizon: float | None = None,
    *,
    times: Array | None = None,
    count: int = 120,
    first: float = 1e-3,
    tolerance: float = 1e-9,
    progress: Callable[[float], None] | None = None,
) -> Run:
    """Integrate the gradient flow of ``|y - f|^2 / 2`` from the instance's initial weights.

    Parameters
    ----------
    horizon
        The last time; by default :func:`horizon_of`. Ignored if ``times`` is given.
    times
        Saved times, increasing from 0; by default :func:`saved_times` with ``count`` and ``first``.
    tolerance
        Of the smooth integrator; ReLU and leaky ReLU are followed exactly between events.

    Raises
    ------
    FlowStalled
        If the flow cannot be followed; the message says how far it got.
    """
    if times is None:
        times = saved_times(horizon_of(instance) if horizon is None else horizon, count, first)
    activation = instance.activation
    arrays = (instance.inputs, instance.labels, instance.weights, instance.outer)
    if activation.leak is not None:
        trajectory = follow_relu(*arrays, inner=instance.inner, times=times, leak=activation.leak, progress=progress)
    elif activation.smooth:
        slope, curvature = suprema(activation)
        trajectory = follow_smooth(
            *arrays,
            inner=instance.inner,
            value=compile_block((Z,), activation.expr),
            slope=compile_block((Z,), activation.slope),
            times=times,
            slope_bound=float(slope.value + slope.error),
            curvature_bound=float(curvature.value + curvature.error),
            tolerance=tolerance,
            progress=progress,
        )
    else:
        raise FlowStalled(
            f"cannot follow {activation.name}: its kinks are not those of a leaky ReLU, and it is not smooth"
        )
    return Run(instance, trajectory, (trajectory.note,) if trajectory.note else ())
