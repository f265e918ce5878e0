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
from scipy.stats import norm as normal
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
class Published:
    """A published figure for a number: what ours is held against.

    Parameters
    ----------
    number, point
        Which number it is, and the values of factors at which.
    runs
        How many independent runs its mean is of.
    within
        How many standard errors of the difference it may be away, where the spread is known.
    """

    number: str
    point: Point
    value: float
    reference: Reference
    runs: int = 1
    within: float = 3.0


@dataclass(frozen=True)
class Series:
    """Numbers of one run that belong to one curve: ``numbers[x]`` is the name of the one at ``x``."""

    label: str
    axis: str
    numbers: Mapping[float, str]
    logarithmic: bool = True


@dataclass(frozen=True)
class Picture:
    """How to draw an experiment: ``x`` against ``number``, one arm beside the other, a map of both, or its series.

    Parameters
    ----------
    kind
        ``"curves"`` on logarithmic axes (upright only from a decade on), ``"paired"``, ``"map"``: means written into cells, a row for every
        arm; or ``"series"``: a panel for each of the experiment's series, a curve for every value of ``by``.
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
    of them if that is empty). A number may be NaN where it does not exist; means leave it out. ``minutes`` is about how long a
    run takes on an idle core, where that is long enough to be told beforehand.

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
    published: tuple[Published, ...] = ()
    series: tuple[Series, ...] = ()
    minutes: float = 0.0

    def __post_init__(self) -> None:
        factors = {name for question in self.questions for name in (*question.by, *question.where)}
        factors |= {self.picture.x, self.picture.by, *(name for one in self.published for name in one.point)}
        if strangers := factors - set(self.factors):
            raise ValueError(f"{self.label}: {sorted(strangers)} is no factor of the experiment")
        if empty := [question.label for question in self.questions if not question.low < question.high]:
            raise ValueError(f"{self.label}: nothing lies between low and high of the question {empty[0]!r}")
        shown = {self.picture.number, *self.picture.bounds, *self.shown, *(one.number for one in self.published)}
        if strangers := (shown | {name for one in self.series for name in one.numbers.values()}) - set(self.numbers):
            raise ValueError(f"{self.label}: picture or table show {sorted(strangers)}, which is not measured")
        if lost := [one.number for one in self.published if not self.points(**one.point)]:
            raise ValueError(f"{self.label}: {lost[0]!r} is published for a point that is not on the grid")

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


@dataclass(frozen=True)
class Reproduced:
    """Our mean over ``seeds`` runs beside a published figure, and how many standard errors of their difference it is above it.

    ``word`` is ``yes`` where that is at most ``limit``, else ``no``; ``open`` for fewer than two runs.
    """

    figure: Published
    mean: float
    spread: float
    seeds: int
    apart: float
    limit: float
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


def reproduced(experiment: Experiment, seen: Sequence[Observation]) -> list[Reproduced]:
    """Return our means beside the published figures, as far as their points were run.

    Our runs' standard deviation ``s`` stands for that of both: the standard error of the difference of a mean of k runs and a
    published mean of ``runs`` is ``s sqrt(1/k + 1/runs)``. As ``s`` comes from k runs, the limit is Student's: passed as rarely
    as ``within`` standard errors are where the spread is known. Where published runs share a draw (of data), ``no`` is too frequent.
    """
    found = []
    for figure in experiment.published:
        here = [run for run in seen if all(run.point[name] == value for name, value in figure.point.items())]
        if not here:
            continue
        values = np.array([run.numbers[figure.number] for run in here])
        mean, spread = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else math.nan
        error = spread * math.sqrt(1 / len(values) + 1 / figure.runs)
        apart = (mean - figure.value) / error if error > 0 else math.nan
        limit = float(student.isf(normal.sf(figure.within), len(values) - 1)) if len(values) > 1 else math.nan
        word = "open" if math.isnan(apart) else "yes" if abs(apart) <= limit else "no"
        found.append(Reproduced(figure, mean, spread, len(values), apart, limit, word))
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
    A single value says on which side of it the threshold is, not where: NaN.
    """

    def of(runs: Sequence[Observation]) -> float:
        values = sorted({float(run.point[factor]) for run in runs})
        share = [float(np.mean([run.numbers[number] for run in runs if run.point[factor] == x])) for x in values]
        if not share or share[-1] < 1:
            return math.inf
        if len(values) == 1:
            return math.nan
        logs = np.log(values)
        return float(np.exp(share[0] * logs[0] + np.diff(share) @ (logs[1:] + logs[:-1]) / 2))

    return of
