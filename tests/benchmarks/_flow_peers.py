"""Every method of ``flow.py``: ours and the peers, each as ``solve(tolerance) -> Solution`` on one problem.

A peer gets the fair best formulation: the first layer in the smaller coordinates, double precision, a right-hand side of
BLAS products and ufuncs, analytic Jacobians or Jacobian-vector products where its interface takes them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from _flow_rhs import Flow, Point, flow_of
from numpy.typing import NDArray

from theorycheck.flow import follow
from theorycheck.model import Instance

Array = NDArray[np.float64]
Solve = Callable[[float], "Solution"]

#: most states for which a dense Jacobian is thought to fit
DENSE = 3000
#: SciPy takes no smaller relative tolerance
LEAST = 2.3e-14
#: how far the residual falls: its tolerance, where it is a state of its own
FALL = 1e-4


@dataclass(frozen=True)
class Solution:
    """The residual at the horizon, evaluations of the right-hand side, and what else was counted.

    ``own_error`` is the method's own bound, relative, where the method is also the reference.
    """

    residual: Array
    evaluations: int
    note: str = ""
    own_error: float = 0.0


@dataclass(frozen=True)
class Method:
    """How a method is made for one problem; ``package`` must be importable; ``dense`` if it needs a dense Jacobian.

    ``start`` is the first tolerance to be tried, ``tightest`` the last; ``kinked`` and ``smooth`` say for which activations.
    """

    make: Callable[[Instance, float], Solve]
    package: str = "scipy"
    dense: bool = False
    start: float = 1e-9
    tightest: float = 1e-14
    kinked: bool = True
    smooth: bool = True


#: no peer says how large its error is; with True ours does, at about twice the time
ERRORS = False


def missing(method: Method) -> bool:
    """Whether the method's package cannot be imported."""
    try:
        importlib.import_module(method.package)
    except ImportError:
        return True
    return False


def _ours(instance: Instance, until: float) -> Solve:
    def solve(tolerance: float) -> Solution:
        fresh = replace(instance)  # nothing that the instance has cached is free
        trajectory = follow(fresh, times=np.array([0.0, until]), tolerance=tolerance, errors=ERRORS).trajectory
        if trajectory.times[-1] < until:
            raise RuntimeError(trajectory.note)
        last = trajectory.residual[-1]
        if fresh.activation.leak is not None:
            own = float(trajectory.residual_error[-1] / np.linalg.norm(last))
            return Solution(last, trajectory.events, f"events, not evaluations; {trajectory.slides} slides", own)
        return Solution(last, int(getattr(trajectory, "evaluations", trajectory.events)))

    return solve


def _scipy(name: str, form: str = "weights") -> Callable[[Instance, float], Solve]:
    def make(instance: Instance, until: float) -> Solve:
        solver_class = getattr(importlib.import_module("scipy.integrate"), name)
        flow = flow_of(instance)
        extra = {"jac": flow.jacobian} if name in ("Radau", "BDF") else {}
        # LSODA's own signature of a Jacobian is the same; it needs one only where it turns stiff
        extra = {"jac": flow.jacobian} if name == "LSODA" else extra

        def solve(tolerance: float) -> Solution:
            flow.count = 0
            speed, first = getattr(flow, form), flow.first(form)
            atol = np.full(len(first), tolerance)
            atol[flow.length :] *= FALL
            solver = solver_class(speed, 0.0, first, until, rtol=max(tolerance, LEAST), atol=atol, **extra)
            while solver.status == "running":
                trouble = solver.step()
            if solver.status != "finished":
                raise RuntimeError(str(trouble))
            return Solution(flow.final(solver.y, form), flow.count)

        return solve

    return make


def _euler(instance: Instance, until: float) -> Solve:
    """Return Euler's method, which does not mind kinks; the tolerance is the step over the horizon."""

    def solve(tolerance: float) -> Solution:
        flow, steps = flow_of(instance), round(1 / tolerance)
        state, speed = flow.first("weights"), np.empty(flow.length)
        for _ in range(steps):
            flow.weights(0.0, state, speed)
            speed *= until / steps
            state += speed
        return Solution(flow.final(state, "weights"), flow.count)

    return solve


def _cvode(family: str, form: str = "weights", preconditioned: bool = False) -> Callable[[Instance, float], Solve]:
    def make(instance: Instance, until: float) -> Solve:
        flow = flow_of(instance)

        def solve(tolerance: float) -> Solution:
            flow.count = flow.products = 0
            solver = _cvode_solver(flow, family, form, tolerance, preconditioned)
            solver.init_step(0.0, flow.first(form))
            found = solver.step(until, tstop=until)
            if not found.success:
                raise RuntimeError(str(found.message))
            return Solution(flow.final(found.y, form), flow.count, f"{flow.products} Jacobian products")

        return solve

    return make


def _cvode_solver(flow: Flow, family: str, form: str, tolerance: float, preconditioned: bool):
    """Return CVODE with GMRES and analytic Jacobian-vector products."""
    cvode = importlib.import_module("sksundae.cvode")
    point: dict[str, Point] = {}
    speed = getattr(flow, form)
    atol = np.full(len(flow.first(form)), tolerance)
    atol[flow.length :] *= FALL

    def setup(_time: float, state: Array, _speed: Array) -> None:
        point["at"] = flow.linearise(state, form)

    def times(_time: float, _state: Array, _speed: Array, vector: Array, out: Array) -> None:
        flow.product(point["at"], vector, out)

    options = {"precond": _gauss_newton(flow, cvode, form)} if preconditioned else {}
    return cvode.CVODE(
        lambda time, state, out: (speed(time, state, out), None)[1],
        method=family, rtol=max(tolerance, 1e-15), atol=atol, linsolver="gmres", max_num_steps=10**9,
        krylov_dim=min(len(flow.labels) + 5, 40), jactimes=cvode.CVODEJacTimes(setup, times), **options,
    )  # fmt: skip


def _gauss_newton(flow: Flow, cvode, form: str):
    """Return a preconditioner: the Gauss-Newton part of ``I - gamma J``, inverted through an n x n system."""
    kept: dict[str, Array] = {}
    cut, n = flow.length, len(flow.labels)

    def setup(_time: float, state: Array, _speed: Array, fresh: bool, renewed: list, _gamma: float) -> None:
        renewed[0] = int(not fresh)
        if not fresh:
            slope = kept["slope"] = flow.linearise(state, form).slope
            kept["gram"] = (flow.factor @ flow.factor.T) * (slope @ slope.T)

    def solve(_time, _state, _speed, right: Array, out: Array, gamma: float, _delta: float, _side: int) -> None:
        slope = kept["slope"]
        system = np.eye(n) / gamma + kept["gram"]
        if form == "residual":
            falling = np.linalg.solve(system, right[cut:] / gamma)
            out[cut:] = falling
            falling = -gamma * falling
        else:
            fallen = np.sum(slope * (flow.factor @ right.reshape(flow.start.shape)), axis=1)
            falling = np.linalg.solve(system, fallen)
        out[:cut] = right[:cut] - ((flow.factor * falling[:, None]).T @ slope).ravel()

    return cvode.CVODEPrecond(setup, solve)


def _later(module: str, *arguments: object) -> Callable[[Instance, float], Solve]:
    """Import a peer's own module only where it is used."""

    def make(instance: Instance, until: float) -> Solve:
        return importlib.import_module(module).make(instance, until, *arguments)

    return make


METHODS = {
    "ours": Method(_ours, "theorycheck", tightest=1e-13),
    "DOP853": Method(_scipy("DOP853"), start=1e-11),
    "DOP853, residual": Method(_scipy("DOP853", "residual"), start=1e-9),
    "LSODA": Method(_scipy("LSODA"), dense=True, start=1e-11),
    "Radau": Method(_scipy("Radau"), dense=True, start=1e-10),
    "BDF": Method(_scipy("BDF"), dense=True, start=1e-10),
    "Euler": Method(_euler, smooth=False, start=1e-4, tightest=1e-7),
    "diffrax Dopri8": Method(_later("_flow_diffrax", "Dopri8"), "diffrax", start=1e-11),
    "diffrax Kvaerno5": Method(_later("_flow_diffrax", "Kvaerno5"), "diffrax", dense=True, start=1e-10, kinked=False),
    "heyoka": Method(_later("_flow_heyoka"), "heyoka", start=1e-12, kinked=False),
    "CVODE Adams": Method(_cvode("Adams"), "sksundae", start=1e-13),
    "CVODE Adams, residual": Method(_cvode("Adams", "residual"), "sksundae", start=1e-11),
    "CVODE BDF": Method(_cvode("BDF"), "sksundae", start=1e-13),
    "CVODE BDF, residual": Method(_cvode("BDF", "residual"), "sksundae", start=1e-11),
    "CVODE BDF, residual, Gauss-Newton": Method(_cvode("BDF", "residual", True), "sksundae", start=1e-11),
}
