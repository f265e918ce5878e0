"""What many runs are asked where nothing is proved: an experiment as data, its answers with intervals.

An experiment varies *factors* over a grid and repeats every point over seeds; runs of one seed share their data and
initial weights, so that a question's statistic is paired. An answer is never more than observed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import t as student

from theorycheck.statement import Reference, Standing

Point = Mapping[str, Any]
LEVEL = 0.95


@dataclass(frozen=True)
class Observation:
    """The numbers of one run: the factors' values, the seed, what was measured."""

    point: Point
    seed: int
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Question:
    """What is asked of the runs of each seed.

    Parameters
    ----------
    by
        The factors whose values are asked about one by one; a statistic sees all other points at once.
    statistic
        Of one seed's observations, a number.
    low, high
        ``says`` is true where the mean of the statistic lies strictly between them.
    where
        Only runs with these values of factors are looked at.
    """

    label: str
    says: str
    by: tuple[str, ...]
    statistic: Callable[[Sequence[Observation]], float]
    low: float = 0.0
    high: float = math.inf
    where: Mapping[str, Any] = field(default_factory=dict)

    def asks(self, run: Observation) -> bool:
        """Whether a run is looked at."""
        return all(run.point[name] == value for name, value in self.where.items())


@dataclass(frozen=True)
class Picture:
    """How to draw an experiment: ``x`` against ``number``, one arm beside the other, or a map of both.

    Parameters
    ----------
    kind
        ``"curves"`` on logarithmic axes (upright only from a decade on), ``"paired"``, or ``"map"``: means written into cells, a row for every arm.
    x
        The factor along the axis: numbers for curves and maps, two arms for pairs.
    number
        What is drawn; in a map, what is grey: between 0 and 1.
    by
        The factor that tells the curves, or the panels, apart.
    bounds
        At most two numbers that are drawn as lines: proved lower and upper bounds, or something to compare with. In a
        map one, which is written below the first where it is not 0.
    """

    kind: str
    x: str
    number: str
    by: str
    bounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """An experiment as data; ``observe(point, seed)`` returns a number for each name in ``numbers``.

    ``arms`` is the factor whose values are compared: the columns of the table, whose rows are the numbers ``shown`` (all
    of them if that is empty). A number may be NaN where it does not exist; means leave it out.

    Raises
    ------
    ValueError
        If a question or the picture speaks of a factor or a number that is not there.
    """

    label: str
    title: str
    reference: Reference
    standing: Standing
    protocol: str
    factors: Mapping[str, tuple[Any, ...]]
    numbers: Mapping[str, str]
    observe: Callable[[Point, int], Mapping[str, float]]
    questions: tuple[Question, ...]
    arms: str
    picture: Picture
    seeds: int = 10
    shown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        factors = {name for question in self.questions for name in (*question.by, *question.where)} | {
            self.picture.x,
            self.picture.by,
        }
        if strangers := factors - set(self.factors):
            raise ValueError(f"{self.label}: {sorted(strangers)} is no factor of the experiment")
        if empty := [question.label for question in self.questions if not question.low < question.high]:
            raise ValueError(f"{self.label}: nothing lies between low and high of the question {empty[0]!r}")
        if strangers := {self.picture.number, *self.picture.bounds, *self.shown} - set(self.numbers):
            raise ValueError(f"{self.label}: picture or table show {sorted(strangers)}, which is not measured")

    def points(self, **chosen: Any) -> list[Point]:
        """Return the grid, or the part of it where the factors have the values ``chosen``."""
        grid = (dict(zip(self.factors, values, strict=True)) for values in product(*self.factors.values()))
        return [point for point in grid if all(point[name] == value for name, value in chosen.items())]


@dataclass(frozen=True)
class Answer:
    """The mean of a question's statistic over the seeds of a group, with its interval.

    ``word`` is ``yes`` where the whole interval lies where ``says`` is true, ``no`` where none of it does, else ``open``.
    """

    question: str
    group: Point
    mean: float
    low: float
    high: float
    seeds: int
    word: str


def interval(values: Iterable[float], level: float = LEVEL) -> tuple[float, float, float]:
    """Return the mean of independent values and Student's interval for it; infinite ends for fewer than two."""
    sample = np.array(list(values), float)
    mean = float(sample.mean()) if sample.size else math.nan
    if sample.size < 2 or not np.all(np.isfinite(sample)):
        return mean, -math.inf, math.inf
    half = float(student.ppf((1 + level) / 2, sample.size - 1)) * float(sample.std(ddof=1)) / math.sqrt(sample.size)
    return mean, mean - half, mean + half


def answers(experiment: Experiment, seen: Sequence[Observation]) -> list[Answer]:
    """Return an answer for every question and every group of points that was observed."""
    found = []
    for question in experiment.questions:
        groups: dict[tuple[Any, ...], dict[int, list[Observation]]] = {}
        for one in filter(question.asks, seen):
            key = tuple(one.point[name] for name in question.by)
            groups.setdefault(key, {}).setdefault(one.seed, []).append(one)
        for key, seeds in groups.items():
            mean, low, high = interval(question.statistic(runs) for runs in seeds.values())
            word = "yes" if low > question.low and high < question.high else "open"
            if high <= question.low or low >= question.high:
                word = "no"
            group = {**question.where, **dict(zip(question.by, key, strict=True))}
            found.append(Answer(question.label, group, mean, low, high, len(seeds), word))
    return found


# --- statistics ----------------------------------------------------------------------------------


def difference(number: str, factor: str, larger: Any, smaller: Any) -> Callable[[Sequence[Observation]], float]:
    """Return the statistic ``number`` at ``factor = larger`` less that at ``factor = smaller``, of the same seed."""

    def of(runs: Sequence[Observation]) -> float:
        values = {run.point[factor]: run.numbers[number] for run in runs}
        return values[larger] - values[smaller] if {larger, smaller} <= set(values) else math.nan

    return of


def exponent(number: str, factor: str) -> Callable[[Sequence[Observation]], float]:
    """Return the statistic: the slope of ``log number`` over ``log factor``, by least squares over one seed's runs."""

    def of(runs: Sequence[Observation]) -> float:
        x = np.log([float(run.point[factor]) for run in runs])
        with np.errstate(all="ignore"):
            y = np.log([run.numbers[number] for run in runs])
        if len(set(x)) < 2 or not np.all(np.isfinite(y)):
            return math.nan
        return float(np.polyfit(x, y, 1)[0])

    return of


def threshold(number: str, factor: str) -> Callable[[Sequence[Observation]], float]:
    """Return the statistic: the value of ``factor`` at which ``number``, between 0 and 1, becomes 1.

    Spearman and Karber's estimate in ``log factor``: each rise between two neighbours counts with their middle, so that the
    mean over seeds estimates the mean of the threshold's law, whatever the law. It is at most the first value where the
    number is 1 from there on, and infinite where the last value's is not 1; runs of one value of the factor are averaged.
    """

    def of(runs: Sequence[Observation]) -> float:
        values = sorted({float(run.point[factor]) for run in runs})
        share = [float(np.mean([run.numbers[number] for run in runs if run.point[factor] == x])) for x in values]
        if not share or share[-1] < 1:
            return math.inf
        logs = np.log(values)
        return float(np.exp(share[0] * logs[0] + np.diff(share) @ (logs[1:] + logs[:-1]) / 2))

    return of
