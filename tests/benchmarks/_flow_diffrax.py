"""diffrax as a peer: the residual as a state of its own, jitted, double precision, compiled before it is timed.

The residual is kept in units of what is left of it, because diffrax takes one absolute tolerance for all states.
"""

from __future__ import annotations

from collections.abc import Callable

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from _flow_peers import FALL, Solution, Solve
from _flow_rhs import flow_of
from jax import Array
from jax.scipy import special

from theorycheck.model import Instance

jax.config.update("jax_enable_x64", True)

_SLOPES: dict[str, Callable[[Array], Array]] = {
    "tanh": lambda h: 1 - jnp.tanh(h) ** 2,
    "softplus": jax.nn.sigmoid,
    "erf": lambda h: 2 / np.sqrt(np.pi) * jnp.exp(-h * h),
    "gelu": lambda h: special.ndtr(h) + h * jnp.exp(-0.5 * h * h) / np.sqrt(2 * np.pi),
    "relu": lambda h: (h > 0).astype(h.dtype),
}
#: evaluations of the right-hand side in one step (the last of Dopri8 is the first of the next)
_STAGES = {"Dopri8": 13}


def make(instance: Instance, until: float, name: str) -> Solve:
    """Return the solver; the first call compiles, and warms up on a billionth of the time."""
    flow = flow_of(instance)
    factor, outer, slope = jnp.asarray(flow.factor), jnp.asarray(flow.outer), _SLOPES[flow.name]

    def speed(_time: Array, state: tuple[Array, Array], _args: None) -> tuple[Array, Array]:
        w, r = state[0], state[1] * FALL
        slopes = slope(factor @ w)
        moving = ((factor * r[:, None]).T @ slopes) * outer
        return moving, ((factor @ moving) * slopes) @ outer / -FALL

    first = flow.first("residual")
    start = (jnp.asarray(flow.start), jnp.asarray(first[flow.length :] / FALL))

    @jax.jit
    def run(tolerance: Array, end: Array) -> tuple[Array, Array, Array]:
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(speed), getattr(diffrax, name)(), 0.0, end, None, start, max_steps=None, throw=False,
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
        )  # fmt: skip
        return found.ys[1][-1], found.stats["num_steps"], found.result == diffrax.RESULTS.successful

    run(jnp.asarray(1e-6), jnp.asarray(1e-9 * until))[0].block_until_ready()

    def solve(tolerance: float) -> Solution:
        residual, steps, success = run(jnp.asarray(tolerance), jnp.asarray(until))
        if not bool(success):
            raise RuntimeError("diffrax did not finish")
        note = "" if name in _STAGES else "steps counted, not evaluations"
        return Solution(np.asarray(residual) * FALL, int(steps) * _STAGES.get(name, 1), note)

    return solve
