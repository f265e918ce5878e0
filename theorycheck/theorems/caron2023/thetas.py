"""What the certificates of caron2023 choose for an instance: theta, and labels near the initial output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from theorycheck.evidence import Truth
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.judge import judge
from theorycheck.model import Instance
from theorycheck.statement import Bound, Quantity

GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.58, 0.6, 2 / 3, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98)


@np.errstate(all="ignore")  # huge labels overflow to inf, which passes no test
def largest_theta(instance: Instance, quantities: Sequence[Quantity], tests: Sequence[Bound]) -> float:
    """Return the largest theta on :data:`GRID` that passes all tests, or 1/2 if none does (errata W2)."""
    symbols = {symbol for test in tests for symbol in test.symbols}
    for value in reversed(GRID):
        run = Run(with_theta(instance, value))
        values = {part.symbol: part.measure(run) for part in quantities if part.symbol in symbols}
        if all(judge("test", test, values).truth is Truth.YES for test in tests):
            return value
    return 0.5


def with_theta(instance: Instance, value: float) -> Instance:
    """Return the instance with this theta."""
    return replace(instance, parameters={**instance.parameters, "theta": value})


@np.errstate(all="ignore")
def near_output(instance: Instance, direction: Array, size: float) -> Instance:
    """Put the labels at distance ``size`` from the initial output, along ``direction`` ``(n,)``: they may look at the weights."""
    output = instance.labels - instance.start[0]
    length = float(np.linalg.norm(direction))
    return instance.with_labels(output + size * (direction / length if length > 0 else direction))
