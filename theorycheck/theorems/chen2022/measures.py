"""Measures of chen2022's quantities: the geometry of the inputs, the neurons that are steep, how far they move."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from theorycheck.certify.slopes import least_slope
from theorycheck.enclose import ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.spectrum import largest_eigenvalue, least_eigenvalue

_EPS = float(np.finfo(float).eps)


@lru_cache(maxsize=64)
def _geometry(data: bytes, shape: tuple[int, int]) -> dict[str, Measured]:
    """Return lam, Lam, g, G_max and G_min of ``G = X X'/d``, enclosed."""
    inputs = np.frombuffer(data).reshape(shape)
    n, d = shape
    with ctx.workprec(192):
        rows = arb_mat(inputs.tolist())
        product = rows * rows.transpose()
        gram = arb_mat([[product[i, k] / d for k in range(n)] for i in range(n)])
        least, largest = least_eigenvalue(gram), largest_eigenvalue(gram)
        columns = [ends(sum((gram[i, k] ** 2 for k in range(n)), arb(0)).abs_upper().sqrt()) for i in range(n)]
        diagonal = [ends(gram[i, i]) for i in range(n)]
    between = Measured.between
    return {
        # more inputs than dimensions: exactly singular
        "lam": between(least.lower, least.upper, True) if n <= d else Measured(0.0, 0.0, rigorous=True),
        "Lam": between(largest.lower, largest.upper, True),
        "g": between(max(low for low, _ in columns), max(high for _, high in columns), True),
        "G_max": between(max(low for low, _ in diagonal), max(high for _, high in diagonal), True),
        "G_min": between(min(low for low, _ in diagonal), min(high for _, high in diagonal), True),
    }


def geometry(name: str, run: Run) -> Measured:
    """Return ``lam``, ``Lam``, ``g``, ``G_max`` or ``G_min`` of ``G = X X'/d`` (section 1)."""
    inputs = run.instance.inputs
    if not np.all(np.isfinite(inputs @ inputs.T)):
        return Measured(np.nan)
    return _geometry(inputs.tobytes(), inputs.shape)[name]


def preactivations(instance: Instance) -> Array:
    """Return ``h_ia = w_i . x_a/sqrt d`` at time 0, ``(n, m)``."""
    return instance.inner * (instance.inputs @ instance.weights.T)


def rounding(instance: Instance) -> Array:
    """Return a bound on the rounding of :func:`preactivations`, ``(n, m)``."""
    sizes = np.linalg.norm(instance.inputs, axis=1)[:, None] * np.linalg.norm(instance.weights, axis=1)
    return (instance.d + 8) * _EPS * instance.inner * sizes


def inside(instance: Instance) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which ``h_ia`` surely start ``eta`` inside the interval, and which may, rounding considered; ``(n, m)``."""
    low, high, eta = (instance.parameters[name] for name in ("low", "high", "eta"))
    h, spread = preactivations(instance), rounding(instance)
    sure = (h - spread >= low + eta) & (h + spread <= high - eta)
    return sure, (h + spread >= low + eta) & (h - spread <= high - eta)


def share(run: Run) -> Measured:
    """Return ``p_hat = min_a (1/m) #{i : |c_i| >= c_low, low + eta <= h_ia <= high - eta}``, both ends of rounding."""
    heavy = np.abs(run.instance.signs) >= run.instance.parameters["c_low"]
    sure, maybe = (counted & heavy for counted in inside(run.instance))
    return Measured.between(sure.mean(axis=1).min(), maybe.mean(axis=1).min())


def steepness(run: Run) -> Measured:
    """Return ``K``, a number that ``|s'|`` is proved not to fall below on the open interval ``(low, high)``.

    Any such number will do in the theorems, so it is one that is known exactly.
    """
    low, high = (run.instance.parameters[name] for name in ("low", "high"))
    return Measured(least_slope(run.instance.activation, low, high), 0.0, rigorous=True)


def _end(run: Run) -> Array:
    if run.trajectory is None:
        raise NoTrajectory("movement belongs to a flow: simulate the instance first")
    return run.trajectory.final_weights - run.instance.weights


def difference_error(instance: Instance) -> float:
    """Return what rounding may change of all weights' movement: two weights differ by as much as they are rounded."""
    return 2 * _EPS * float(np.linalg.norm(instance.weights))


def _known(run: Run, moved: Array) -> float:
    """Return how far the final weights may be off: proved where a bound is at hand, else estimated."""
    path = run.trajectory
    size, lost = float(np.linalg.norm(moved)), difference_error(run.instance)
    if path is not None and path.bound is not None and np.isfinite(path.bound[-1, 1]):
        return float(path.bound[-1, 1]) + 1e-13 * size + lost
    return 1e-6 * size + lost + 1e-300


def window(run: Run) -> Measured:
    """Return ``max_ia |h_ia(T) - h_ia(0)|`` at the end of the run."""
    moved = _end(run)
    reach = run.instance.inner * float(np.linalg.norm(run.instance.inputs, axis=1).max())
    return Measured(float(np.abs(run.instance.inner * run.instance.inputs @ moved.T).max()), reach * _known(run, moved))


def window_per_weight(run: Run) -> Measured:
    """Return ``max_ia |h_ia(T) - h_ia(0)|/|c_i|`` at the end of the run."""
    moved, size = _end(run), np.abs(run.instance.signs)
    reach = run.instance.inner * float(np.linalg.norm(run.instance.inputs, axis=1).max())
    seen = np.abs(run.instance.inner * run.instance.inputs @ moved.T)
    ratio = np.where(seen > 0, seen / np.where(size > 0, size, np.inf), 0.0)
    return Measured(float(ratio.max()), reach * _known(run, moved) / float(size.min()))


def path(run: Run) -> Measured:
    """Return ``((1/m) sum_i |w_i(T) - w_i(0)|^2)^(1/2)`` at the end of the run."""
    moved = _end(run)
    root = float(np.sqrt(run.instance.m))
    return Measured(float(np.linalg.norm(moved)) / root, _known(run, moved) / root)
