"""Quantities on a run: each function takes a :class:`~theorycheck.flow.Run` and returns a Measured.

A quantity over time has one entry per interval between saved times, and its error covers
what happens inside the interval: a minimum over saved times is not a minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import sympy as sp

from theorycheck.constants import curvature_bound, slope_bound, value_bound
from theorycheck.data_angles import least_sine, parallel_pairs
from theorycheck.evidence import Certificate, Measured
from theorycheck.flow import UNBOUNDED, Run, Trajectory
from theorycheck.flow.descent import Descent
from theorycheck.grams import Array, dual_matrix, least_of_limit, mean_output
from theorycheck.symbolic.activations import Activation

_EPS = float(np.finfo(float).eps)

Measure = Callable[[Run], Measured]


def constant(read: Callable[[Run], float]) -> Measure:
    """Return a measure for a number that the instance states exactly (n, m, gamma, delta)."""
    return lambda run: Measured(read(run), 0.0, rigorous=True)


def parameter(name: str) -> Measure:
    """Return a measure for one of the instance's parameters."""
    return constant(lambda run: float(run.instance.parameters[name]))


# --- the data -------------------------------------------------------------------------


def rounded(value: float, operations: int) -> Measured:
    """Return a sum of nonnegative terms with its a-priori rounding bound."""
    # the second term covers squares that underflow
    return Measured(value, (operations + 4) * (_EPS * abs(value) + 2.0**-1074), rigorous=bool(np.isfinite(value)))


def _squared_norms(run: Run) -> Array:
    with np.errstate(all="ignore"):
        return np.sum(run.instance.inputs**2, axis=1)


def largest_norm_squared(run: Run) -> Measured:
    """Return ``max_i |x_i|^2``; exact for rows whose squares do not round."""
    value = float(np.max(_squared_norms(run)))
    return _exact_if_simple(run, value) or rounded(value, run.instance.d)


def least_norm_squared(run: Run) -> Measured:
    """Return ``min_i |x_i|^2``; exactly 0 for a zero row."""
    if np.any(np.all(run.instance.inputs == 0, axis=1)):
        return Measured(0.0, 0.0, rigorous=True)
    value = float(np.min(_squared_norms(run)))
    # a tiny row may underflow to 0: then its size is unknown, not zero
    return Measured(value, np.inf) if value == 0 else rounded(value, run.instance.d)


def _exact_if_simple(run: Run, value: float) -> Measured | None:
    """A row of one nonzero power of two has an exact norm, so |x| <= 1 can be met with equality."""
    inputs = run.instance.inputs
    if 0 < value < 2.0**-1022 or (value == 0 and np.any(inputs)):
        return None  # the square underflowed
    simple = np.all(np.frexp(np.where(inputs == 0, 1.0, inputs))[0] == np.where(inputs < 0, -0.5, 0.5))
    return Measured(value, 0.0, rigorous=True) if simple and np.all(np.count_nonzero(inputs, axis=1) <= 1) else None


def least_line_sine(run: Run) -> Measured:
    """Return the least sine of the angle between two inputs as lines; exactly 0 if two are parallel; 1 for n = 1."""
    if run.instance.n == 1:
        return Measured(0.0 if not np.any(run.instance.inputs) else 1.0, 0.0, rigorous=True)
    value, error = least_sine(run.instance.inputs)
    return Measured(value, error, rigorous=True)


def spectral_square(run: Run) -> Measured:
    """Return ``s_X = |X|^2``, the squared spectral norm of the inputs."""
    with np.errstate(all="ignore"):
        gram = run.instance.inputs @ run.instance.inputs.T
    if not np.all(np.isfinite(gram)):
        return Measured(np.nan)
    value = float(np.linalg.eigvalsh(gram)[-1])
    return Measured(value, 8 * (run.instance.n + run.instance.d) * _EPS * float(np.trace(gram)))


def trace_of_gram(run: Run) -> Measured:
    """Return ``tr X X'``."""
    return rounded(float(np.sum(_squared_norms(run))), run.instance.n + run.instance.d)


def largest_label(run: Run) -> Measured:
    """Return ``max_i |y_i|``, which is exact."""
    return Measured(float(np.max(np.abs(run.instance.labels))), 0.0, rigorous=True)


def label_norm(run: Run) -> Measured:
    """Return ``|y|``."""
    labels = run.instance.labels
    if not labels.any():
        return Measured(0.0)
    exponent = int(np.frexp(np.max(np.abs(labels)))[1])  # scaled by a power of two, so that no square underflows
    with np.errstate(over="ignore"):
        return rounded(float(np.ldexp(np.linalg.norm(np.ldexp(labels, -exponent)), exponent)), run.instance.n)


# --- the limit: means over the weights ---------------------------------------------------


def kappa(run: Run) -> Measured:
    """Return ``kappa_n``, the least eigenvalue of the limit Gram; exactly 0 where a null vector is known.

    Source: caron2023, section 2.4 and Prop kappa.
    """
    instance = run.instance
    return _kappa(instance.inputs.tobytes(), instance.inputs.shape, instance.activation, instance.inner_expr**2)


@lru_cache(maxsize=64)
def _kappa(data: bytes, shape: tuple[int, int], activation: Activation, inner_squared: sp.Expr) -> Measured:
    inputs = np.frombuffer(data).reshape(shape)
    if _has_known_null_vector(inputs, activation):
        return Measured(0.0, 0.0, rigorous=True)
    return least_of_limit(activation, inputs, inner_squared)[0]


def _has_known_null_vector(inputs: Array, activation: Activation) -> bool:
    """Whether two rows of the limit Gram are surely proportional.

    A zero row; two equal inputs, for every activation; two positively parallel ones, for a
    slope that is constant along rays.
    """
    if not np.all(np.any(inputs != 0, axis=1)):
        return True
    for i, k, sign in parallel_pairs(inputs) if len(inputs) > 1 else []:
        if np.array_equal(inputs[i], inputs[k]) or (activation.leak is not None and sign > 0):
            return True
    return False


def mean_norm(run: Run) -> Measured:
    """Return ``|h|``, ``h_i = E s(g_i)``, the mean output of a node at the inputs."""
    instance = run.instance
    value = mean_output(instance.activation, instance.inputs, instance.inner)
    return Measured(float(np.linalg.norm(value)), 1e-13 * float(np.linalg.norm(value)))


def output_variance(run: Run) -> Measured:
    """Return ``tr Sigma``, ``Sigma = E s(g) s(g)'``, the summed second moments of a node's output."""
    instance = run.instance
    total, error = 0.0, 0.0
    for row in instance.inputs:
        found = dual_matrix(instance.activation.expr, row[None, :], instance.inner)
        total, error = total + float(found.matrix[0, 0]), error + found.error
    return Measured(total, error + instance.n * _EPS * abs(total))


def value_supremum(run: Run) -> Measured:
    """Return ``sup |s|``, infinite where the activation has none."""
    return supremum_of(value_bound(run.instance.activation))


def slope_supremum(run: Run) -> Measured:
    """Return ``sup |s'|``."""
    return supremum_of(slope_bound(run.instance.activation))


def curvature_supremum(run: Run) -> Measured:
    """Return ``sup |s''|``; infinite (so that nothing can be concluded) at a kink."""
    return supremum_of(curvature_bound(run.instance.activation))


def supremum_of(found: Certificate) -> Measured:
    """Return an enclosed supremum over the real line; infinite where nothing bounds it."""
    # so large a supremum on |z| <= 2^64 grows with z: there is none on the line
    return Measured.between(found.lower, found.upper, rigorous=True) if found.upper < UNBOUNDED else Measured(np.inf)


# --- the trajectory ------------------------------------------------------------------------


class NoTrajectory(ValueError):
    """A quantity of the flow was asked of a run that has none."""


def _path(run: Run) -> Trajectory:
    if run.trajectory is None:
        raise NoTrajectory(
            "this quantity belongs to a flow, but the run has no trajectory: simulate the instance first"
        )
    return run.trajectory


def interval_times(run: Run) -> Measured:
    """Return time itself, one interval between saved times per entry, from the second saved time on."""
    times = _path(run).times
    return Measured.between(times[1:-1], times[2:], rigorous=True)


def decay_rate(run: Run) -> Measured:
    """Return ``log(L_0 / L_t) / t``, its least value over each interval ``(t_{i-1}, t_i]``.

    Between saved times the loss falls at least at twice the least eigenvalue of the Gram, so
    the rate at t is at least ``(log(L_0/L_{i-1}) + 2 least (t - t_{i-1})) / t``, which is
    monotone in t.
    """
    path = _path(run)
    if not np.any(path.residual[0]):
        return Measured(np.full(len(path.times) - 1, np.inf))  # the loss is 0 from the start
    with np.errstate(all="ignore"):
        size = np.linalg.norm(path.residual, axis=1)
        # log(|r| +- e): infinite where the error is as large as the residual
        doubt = -2 * np.log1p(-np.minimum(path.residual_error / size, 1.0)) + 4 * _EPS * (1 + np.abs(path.log_loss))
        fallen = path.log_loss[0] - path.log_loss
        doubt = doubt + doubt[0]
        times, before = path.times[1:], path.times[:-1]
        at_end = (fallen[1:] + doubt[1:]) / times
        from_start = 2 * path.least[1:, 0]
        low_end = (fallen[:-1] - doubt[:-1] + from_start * (times - before)) / times
        low_start = np.where(before > 0, (fallen[:-1] - doubt[:-1]) / np.where(before > 0, before, 1.0), from_start)
    low = np.minimum(low_end, low_start)
    bad = ~(np.isfinite(low) & np.isfinite(at_end))
    low, high = np.where(bad, 0.0, low), np.where(bad, 0.0, np.maximum(at_end, low))
    found = Measured.between(low, high)
    return Measured(np.where(bad, np.nan, found.value), found.error)


def least_along(run: Run) -> Measured:
    """Return the least eigenvalue of the tangent Gram, its minimum over each interval."""
    least = _path(run).least
    return _between(least[:, 0], least[:, 1])


def least_overall(run: Run) -> Measured:
    """Return the minimum of the least eigenvalue of the tangent Gram over the whole run."""
    least = _path(run).least
    return _between(np.asarray(least[:, 0].min()), np.asarray(least[:, 1].min()))


def displacement(run: Run) -> Measured:
    """Return ``max_j |w_tj - w_0j| / |outer_j|``, its running maximum at the end of each interval."""
    moved = _path(run).displacement
    return _between(moved[:, 0], moved[:, 1])


def displacement_within(run: Run) -> Measured:
    """Return ``max_j |w_tj - w_0j| / |outer_j|`` over the intervals of :func:`interval_times`."""
    moved = _path(run).displacement
    return _between(moved[1:-1, 0], moved[2:, 1])


def gram_change(run: Run) -> Measured:
    """Return the running supremum of ``|G(t) - G(0)|_2``."""
    change = _path(run).gram_change
    return _between(change[:, 0], change[:, 1])


def initial_residual(run: Run) -> Measured:
    """Return ``|r_0|``."""
    residual = run.instance.start[0]
    value = float(np.linalg.norm(residual))
    return Measured(value, 1e-13 * (value + float(np.linalg.norm(run.instance.labels - residual))))


# --- gradient descent ------------------------------------------------------------------------


def descended(run: Run) -> Descent:
    """Return the descent of a run."""
    if run.descent is None:
        raise NoTrajectory("this quantity belongs to a descent: simulate the instance first")
    return run.descent


def fallen_per_step(run: Run) -> Measured:
    """Return ``log(L_0/L_k)/k`` for each step k, while the residual is above its own rounding."""
    found = descended(run)
    sizes = np.linalg.norm(found.residual, axis=1)
    doubt = 1e-13 * (float(np.linalg.norm(run.instance.labels)) + sizes[0]) / np.maximum(sizes, 1e-300)
    kept = (found.steps > 0) & (doubt < 1e-4)
    with np.errstate(all="ignore"):
        value = 2 * np.log(sizes[0] / sizes[kept]) / found.steps[kept]
    return Measured(value, 4 * (doubt[kept] + doubt[0]) / found.steps[kept])


def _between(low: Array, high: Array) -> Measured:
    slip = 1e-12 * np.abs(high)
    return Measured.between(low - slip, high + slip)
