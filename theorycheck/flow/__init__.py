"""Simulation: ``follow(instance, times)`` integrates gradient flow and says how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

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


#: a run whose residual has parted from its weights by more than this, relatively, proves nothing
DRIFT = 1e-7
#: a supremum that large on |z| <= 2^64 grows with z: the activation has none on the line
UNBOUNDED = 2.0**32


def suprema(activation: Activation) -> tuple[Measured, Measured]:
    """Return ``sup |s'|`` and ``sup |s''|``: exactly where a rule applies, else enclosed.

    The second is infinite for activations with a kink.
    """
    return _supremum(activation, 1), _supremum(activation, 2) if activation.smooth else Measured(np.inf)


@cache
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


def horizon_of(instance: Instance, decades: float = 8.0, stiffness: float = 2000.0) -> tuple[float, float]:
    """Return a horizon, and which share it is of the time in which the loss should fall by ``decades`` powers of ten.

    That time is judged by the least eigenvalue of the initial Gram. ReLU is followed exactly
    however stiff, and at least to 200 over the largest eigenvalue that the tangent Gram can
    ever have (``inner^2 sup|s'|^2 |X|^2 sum outer^2``), so that a loss that stalls is seen to
    stall. Smooth activations are followed no further than ``stiffness`` over that eigenvalue:
    an explicit method takes steps of its size however the Gram grows on the way.
    """
    _, gram = instance.start
    with np.errstate(all="ignore"):
        values = np.linalg.eigvalsh(gram) if np.all(np.isfinite(gram)) else np.array([np.nan])
        if not values[-1] > 0:
            return 1.0, 1.0  # nothing moves, or nothing is known: any time will do
        slowest = max(float(values[0]), 1e-12 * float(values[-1]))
        wanted = decades * np.log(10.0) / (2 * slowest)
        most = instance.inner**2 * float(np.linalg.norm(instance.inputs, 2)) ** 2 * float(np.sum(instance.outer**2))
        if instance.activation.leak is not None:
            return max(wanted, 200 / most) if np.isfinite(200 / most) else wanted, 1.0
        most *= float(suprema(instance.activation)[0].value) ** 2
        limit = stiffness / (most if np.isfinite(most) else 5 * float(values[-1]))
        return min(wanted, limit), min(1.0, limit / wanted)


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
    notes: tuple[str, ...] = ()
    if times is None:
        if horizon is None:
            horizon, share = horizon_of(instance)
            if share < 1:
                notes = (f"stiff flow followed to t = {horizon:.3g}, {share:.1%} of what the initial rate asks for",)
        times = saved_times(horizon, count, first)
    activation = instance.activation
    arrays = (instance.inputs, instance.labels, instance.weights, instance.outer)
    if activation.leak is not None and 0 <= activation.leak < 1:
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
    size = float(np.linalg.norm(instance.labels) + np.linalg.norm(instance.start[0]))
    if not trajectory.drift <= DRIFT * size:
        raise FlowStalled(
            f"the tracked residual and that of the final weights differ by {trajectory.drift:.2g}, so nothing is concluded "
            "from this flow: the inputs or labels may be too near the ends of the floating range; rescale them"
        )
    return Run(instance, trajectory, (*notes, trajectory.note) if trajectory.note else notes)
