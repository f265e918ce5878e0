"""Help for the examples of recipes: labels near what the network computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from theorycheck.certify.problem import Problem
from theorycheck.certify.sums import start
from theorycheck.data import BadInput

Array = NDArray[np.float64]


def near_output(problem: Problem, distance: float, factor: Array, scale: float = 1.0) -> Problem:
    """Return the problem with labels at that distance from the output, or with its own for a distance of 0.

    The labels are doubles like any others: a rounded output is as good as the exact one.
    """
    if not distance:
        return problem
    if not distance > 0:
        raise BadInput(
            f"--residual must be at least 0, not {distance:g}: it is the distance of the labels from the output"
        )
    sums = start(problem, factor, np.zeros(problem.m), lambda fraction, stage: None)
    with ctx.workprec(64):
        inner = float((problem.inner() if problem.activation.leak == 0.0 else arb(1)).mid())
    labels = scale * inner * sums.output + distance / np.sqrt(problem.n)
    return replace(problem, labels=labels)
