"""heyoka as a peer: Taylor series of the symbolic right-hand side, compact mode, compiled before it is timed."""

from __future__ import annotations

from collections.abc import Callable

import heyoka as hy
import numpy as np
from _flow_peers import Solution, Solve
from _flow_rhs import Flow, flow_of

from theorycheck.model import Instance


def _with(value, slope: Callable):
    return value, slope(value)


def _gelu(h):
    share = 0.5 * (1.0 + hy.erf(h * np.sqrt(0.5)))
    return h * share, share + h * hy.exp(-0.5 * h * h) / np.sqrt(2 * np.pi)


#: value and slope, the slope from the value where that is the shorter
_PAIRS: dict[str, Callable] = {
    "tanh": lambda h: _with(hy.tanh(h), lambda value: 1.0 - value * value),
    "softplus": lambda h: (hy.log(1.0 + hy.exp(h)), 1.0 / (1.0 + hy.exp(-h))),
    "erf": lambda h: (hy.erf(h), 2 / np.sqrt(np.pi) * hy.exp(-h * h)),
    "gelu": _gelu,
}


def _equations(flow: Flow) -> tuple[list, list]:
    """Return states (weights, then residual) and their speeds."""
    (k, m), n = flow.start.shape, len(flow.labels)
    names = [f"w_{a}_{j}" for a in range(k) for j in range(m)] + [f"r_{i}" for i in range(n)]
    variables = hy.make_vars(*names)
    w, r = np.array(variables[: k * m], dtype=object).reshape(k, m), variables[k * m :]
    falling: list[list] = [[] for _ in range(n)]
    speeds = np.empty((k, m), dtype=object)
    for j in range(m):
        slopes = [_PAIRS[flow.name](hy.sum([flow.factor[i, a] * w[a, j] for a in range(k)]))[1] for i in range(n)]
        pulls = [slopes[i] * r[i] for i in range(n)]
        for a in range(k):
            speeds[a, j] = hy.sum([float(flow.factor[i, a] * flow.outer[j]) * pulls[i] for i in range(n)])
        for i in range(n):
            moved = hy.sum([float(flow.factor[i, a] * flow.outer[j]) * speeds[a, j] for a in range(k)])
            falling[i].append(slopes[i] * moved)
    right = [*speeds.ravel(), *(-hy.sum(terms) for terms in falling)]
    return variables, right


def make(instance: Instance, until: float) -> Solve:
    """Return the solver: weights and the residual as states, so that no output has to be differentiated again.

    ``solve.prepare(tolerance)`` compiles; the tolerance sets the order, so every tolerance needs its own code.
    """
    flow = flow_of(instance)
    variables, right = _equations(flow)
    first = flow.first("residual")
    made: dict[float, hy.taylor_adaptive] = {}

    def prepare(tolerance: float) -> None:
        if tolerance not in made:
            made.clear()
            system = list(zip(variables, right, strict=True))
            made[tolerance] = hy.taylor_adaptive(system, first, tol=tolerance, compact_mode=True)

    def solve(tolerance: float) -> Solution:
        integrator = made[tolerance]
        integrator.time = 0.0
        integrator.state[:] = first
        outcome, _, _, steps, *_ = integrator.propagate_until(until)
        if outcome != hy.taylor_outcome.time_limit:
            raise RuntimeError(str(outcome))
        return Solution(integrator.state[flow.length :].copy(), int(steps) * integrator.order, "steps times order")

    solve.prepare = prepare
    return solve
