"""Certificates from a checkpoint: follow the flow for a while, then prove the rest from the weights it has reached.

The trajectory up to the checkpoint is numerical; nothing about it is proved. What is proved is about the flow
that *starts* at the checkpoint's weights, as doubles (chen2022, checkpoint corollary and errata U5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from theorycheck.certify.layer import Layer
from theorycheck.certify.problem import Problem
from theorycheck.certify.recipe import Dynamics
from theorycheck.data import BadInput
from theorycheck.flow import follow
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.symbolic.network import MEAN_FIELD, OUTPUT_WEIGHT

Array = NDArray[np.float64]


def instance_of(problem: Problem) -> Instance:
    """Return the problem as an instance that can be followed; its weights must be in memory.

    Mean-field time (``w' = -m grad`` of ``|zeta|^2/(2n)``) is a rate of ``m/n`` for the loss ``|r|^2/2``.

    Raises
    ------
    BadInput
        If the weights are drawn block by block because they are too many.
    """
    layer = problem.layer
    if layer.weights is None:
        raise BadInput(f"m = {problem.m} neurons are too many to be followed: a checkpoint needs them in memory")
    rates = (problem.m / problem.n, 0.0) if problem.neuron == MEAN_FIELD else problem.rates
    return Instance(
        problem.inputs, problem.labels, layer.weights, layer.signs, np.array(layer.scales),
        problem.neuron, problem.activation, rates=rates, output_scale=problem.output_scale,
    )  # fmt: skip


def at_checkpoint(
    problem: Problem, time: float, *, dynamics: Dynamics = "flow", progress: Callable[[float], None] | None = None
) -> Problem:
    """Return the problem with the weights that simulated gradient flow reaches at ``time``.

    Parameters
    ----------
    time
        Flow time (mean-field time for mean-field networks); for descent the number of steps.

    Raises
    ------
    BadInput
        If the time is not positive and finite (for descent: a whole number), or the flow stopped before it.
    """
    if not 0 < time < np.inf or (dynamics == "descent" and not float(time).is_integer()):
        raise BadInput(
            f"the checkpoint must be a positive {'time' if dynamics == 'flow' else 'number of steps'}, not {time:g}"
        )
    instance = instance_of(problem)
    weights, signs, error = (_flowed if dynamics == "flow" else _descended)(instance, time, progress)
    layer = Layer(problem.m, problem.d, signs, problem.layer.scales, weights, _fixed(problem))
    checkpoint = {
        "time": time,
        "simulated": f"gradient {dynamics} from the initial weights to this time, numerically: not proved",
        "proved": "everything stated is about the run that starts at the checkpoint's weights, with t counted from there",
        "estimated error of the residual": error,
    }
    return replace(problem, layer=layer, history={**problem.history, "checkpoint": checkpoint})


def _flowed(instance: Instance, time: float, progress: Callable[[float], None] | None) -> tuple[Array, Array, float]:
    run = follow(instance, times=np.array([0.0, time]), progress=progress).trajectory
    assert run is not None  # `follow` always has one
    if run.times[-1] < time:
        raise BadInput(f"the flow was not followed to {time:g}: {run.note}")
    moved = OUTPUT_WEIGHT in instance.neuron.trained and run.final_outer is not None
    outer = run.final_outer[:, 0] / instance.network.gain if moved and run.final_outer is not None else instance.signs
    return run.final_weights, np.array(outer), float(run.residual_error[-1])


def _descended(instance: Instance, time: float, progress: Callable[[float], None] | None) -> tuple[Array, Array, float]:
    run = descend(instance, step=1.0, steps=int(time), progress=progress)
    outer = (
        run.network.outer[:, 0] / instance.network.gain if OUTPUT_WEIGHT in instance.neuron.trained else instance.signs
    )
    return np.array(run.network.weights), np.array(outer), 0.0


def _fixed(problem: Problem) -> dict[str, dict[str, object]]:
    """Return the laws of what the flow has not changed; output weights go with the weights they were drawn after."""
    return {"scales": dict(problem.layer.laws["scales"])} if "scales" in problem.layer.laws else {}
