"""Simulation: ``follow(instance, times)`` integrates gradient flow and says how well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.bounds import supremum
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow._bound import Suprema
from theorycheck.flow.relu import follow_relu
from theorycheck.flow.relu_both import follow_relu_both
from theorycheck.flow.smooth import follow_smooth
from theorycheck.flow.trajectory import FlowStalled, Trajectory
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.canonical import derivative
from theorycheck.symbolic.suprema import exact_supremum

if TYPE_CHECKING:
    from theorycheck.flow.descent import Descent

__all__ = ["FlowStalled", "Run", "Trajectory", "follow", "horizon_of", "look", "saved_times", "suprema"]


@dataclass(frozen=True, eq=False)
class Run:
    """An instance together with what became of it under gradient flow or descent; neither for a statement about time 0."""

    instance: Instance
    trajectory: Trajectory | None = None
    notes: tuple[str, ...] = field(default=())
    descent: Descent | None = None


#: a run whose residual has parted from its weights by more than this, relatively, proves nothing
DRIFT = 1e-7
#: a supremum that large on |z| <= 2^64 grows with z: the activation has none on the line
UNBOUNDED = 2.0**32


def suprema(activation: Activation) -> tuple[Measured, Measured]:
    """Return ``sup |s'|`` and ``sup |s''|``: exactly where a rule applies, else enclosed.

    The second is infinite for activations with a kink.
    """
    return _supremum(activation, 1), _supremum(activation, 2) if activation.smooth else Measured(np.inf)


def _suprema(activation: Activation) -> Suprema:
    """Return upper ends of the suprema of three derivatives; the third is infinite where the second jumps."""
    found = [*suprema(activation), _supremum(activation, 3) if activation.analytic else Measured(np.inf)]
    return Suprema(*(float(part.value + part.error) for part in found))


@cache
def _supremum(activation: Activation, order: int) -> Measured:
    expr = (activation.slope, activation.curvature, derivative(activation.curvature))[order - 1]
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


def horizon_of(instance: Instance, decades: float = 8.0) -> float:
    """Return the time in which the loss should fall by ``decades`` powers of ten, judged by the initial tangent Gram.

    At least 200 over the largest eigenvalue that the tangent Gram can ever have while the first layer alone is trained
    (``first inner^2 sup|s'|^2 |X|^2 sum outer^2``), so that a loss that stalls is seen to stall.
    """
    _, gram = instance.start
    with np.errstate(all="ignore"):
        values = np.linalg.eigvalsh(gram) if np.all(np.isfinite(gram)) else np.array([np.nan])
        if not values[-1] > 0:
            return 1.0  # nothing moves, or nothing is known: any time will do
        slowest = max(float(values[0]), 1e-12 * float(values[-1]))
        wanted = decades * np.log(10.0) / (2 * slowest)
        net = instance.network
        most = net.first * (net.inner * float(np.linalg.norm(net.inputs, 2))) ** 2 * float(np.sum(net.outer**2))
        if net.second or instance.activation.leak is None or not np.isfinite(200 / most):
            return float(wanted)
        return float(max(wanted, 200 / most))


#: default budgets: kinks met by a (leaky) ReLU flow, its series where both layers move, and evaluations of a smooth one
EVENTS, STEPS, EVALUATIONS = 200_000, 20_000, 60_000
#: the ways to integrate: ``auto`` takes the exact one for (leaky) ReLU and collocation for smooth activations
METHODS = ("auto", "collocation", "explicit", "taylor")


def follow(
    instance: Instance,
    horizon: float | None = None,
    *,
    times: Array | None = None,
    count: int = 120,
    first: float = 1e-3,
    tolerance: float = 1e-9,
    method: str = "auto",
    budget: int | None = None,
    errors: bool = True,
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
        Of the smooth integrators, relative to the residual; ReLU and leaky ReLU are followed exactly between events.
    method
        One of :data:`METHODS`. For smooth activations there are two more, independent ways, good for condition numbers
        up to some hundreds: ``explicit`` (order 8), and ``taylor`` (series of order 24), the slow
        reference.
    budget
        The most evaluations (smooth) or events (ReLU; series where both layers move); a default that ends within minutes
        if None.

    errors
        Whether to find out how large errors are. Without, a smooth flow is integrated once and its stated errors are
        infinite: about twice as fast, and nothing can be concluded from it.

    Raises
    ------
    BadInput
        If the times do not start at 0 and increase, or there is no such method.
    FlowStalled
        If the flow cannot be followed; the message says how far it got.
    """
    if method not in METHODS:
        raise BadInput(f"there is no method {method!r}: take one of {', '.join(METHODS)}")
    if times is None:
        times = saved_times(horizon_of(instance) if horizon is None else horizon, count, first)
    times = np.asarray(times, dtype=float)
    if (
        times.ndim != 1
        or not times.size
        or not np.all(np.isfinite(times))
        or times[0] != 0
        or np.any(np.diff(times) <= 0)
    ):
        raise BadInput("times must be a list of finite numbers that starts at 0 and increases")
    trajectory = _integrate(instance, times, tolerance, method, budget, errors, progress)
    size = float(np.linalg.norm(instance.labels) + np.linalg.norm(instance.start[0]))
    if not trajectory.drift <= DRIFT * size:
        raise FlowStalled(
            f"the tracked residual and that of the final weights differ by {trajectory.drift:.2g}, so nothing is concluded "
            "from this flow: the inputs or labels may be too near the ends of the floating range; rescale them"
        )
    return Run(instance, trajectory, (trajectory.note,) if trajectory.note else ())


def look(run: Run, times: Array, **settings: Any) -> Trajectory:
    """Return the trajectory of a run at other times, increasing from 0: dense output.

    The flow is followed again from its start up to the last of the times, with the keyword parameters of :func:`follow`;
    nothing is interpolated between the old saved times, so errors are those of the new ones.
    """
    found = follow(run.instance, times=times, **settings).trajectory
    assert found is not None
    return found


def _integrate(
    instance: Instance,
    times: Array,
    tolerance: float,
    method: str,
    budget: int | None,
    errors: bool,
    progress: Callable[[float], None] | None,
) -> Trajectory:
    """Choose the integrator."""
    activation, net = instance.activation, instance.network
    leak = activation.leak
    if leak is not None and 0 <= leak < 1 and method == "auto":
        if net.second or net.outputs > 1 or net.shift.any() or not net.first:
            return follow_relu_both(net, instance.labels, times, leak, budget=budget or STEPS, progress=progress)
        # the rate of the only layer that is trained, as a scale of inputs and weights: pre-activations stay the same
        root = float(np.sqrt(net.first))
        arrays = (net.inputs, instance.labels.ravel(), net.weights / root, net.outer[:, 0])
        found = follow_relu(
            *arrays, inner=net.inner * root, times=times, leak=leak, progress=progress, budget=budget or EVENTS
        )
        return replace(found, displacement=root * found.displacement, final_weights=root * found.final_weights)
    if not activation.smooth:
        raise FlowStalled(
            f"cannot follow {activation.name} by {method}: its kinks are not those of a leaky ReLU, and it is not smooth"
        )
    return follow_smooth(
        net,
        instance.labels.reshape(instance.n, -1),
        times,
        _suprema(activation) if errors else None,
        tolerance=tolerance,
        method="collocation" if method == "auto" else method,
        budget=budget or EVALUATIONS,
        progress=progress,
    )
