"""What the experiments of caron2023 ask of the runs of one seed: its configurations, from gamma = 1 to gamma = 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from theorycheck.experiment import Observation
from theorycheck.theorems.caron2023.published import CONFIGURATIONS

Statistic = Callable[[Sequence[Observation]], float]
NTK, *ASYMMETRIC = CONFIGURATIONS
#: the most asymmetric configuration
HEAVIEST = ASYMMETRIC[-1]


def _values(runs: Sequence[Observation], number: str) -> dict[str, float]:
    return {str(run.point["configuration"]): run.numbers[number] for run in runs}


def _rises(number: str, end: Callable[[np.ndarray[Any, Any]], Any]) -> Statistic:
    def of(runs: Sequence[Observation]) -> float:
        values = _values(runs, number)
        if set(values) != set(CONFIGURATIONS):
            return np.nan
        return float(end(np.diff(np.log([values[name] for name in CONFIGURATIONS]))))

    return of


def least_rise(number: str) -> Statistic:
    """Return the statistic: the least rise of a number's logarithm, from one configuration to the next, more asymmetric one."""
    return _rises(number, np.min)


def largest_rise(number: str) -> Statistic:
    """Return the statistic: the largest such rise."""
    return _rises(number, np.max)


def least_gain(number: str) -> Statistic:
    """Return the statistic: by how much the number of gamma = 1 is above that of every asymmetric configuration, at least."""

    def of(runs: Sequence[Observation]) -> float:
        values = _values(runs, number)
        if set(values) != set(CONFIGURATIONS):
            return np.nan
        return values[NTK] - max(values[name] for name in ASYMMETRIC)

    return of


def mean_of(number: str) -> Statistic:
    """Return the statistic: the mean of a number over the seed's runs."""
    return lambda runs: float(np.mean([run.numbers[number] for run in runs]))


def ratio(above: str, below: str) -> Statistic:
    """Return the statistic: the mean over the seed's runs of one number over another."""
    return lambda runs: float(np.mean([run.numbers[above] / run.numbers[below] for run in runs]))


def times(number: str, above: str, below: str) -> Statistic:
    """Return the statistic: a number in one configuration over that in another."""

    def of(runs: Sequence[Observation]) -> float:
        values = _values(runs, number)
        return values[above] / values[below] if {above, below} <= set(values) else np.nan

    return of
