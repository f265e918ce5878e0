"""An experiment's means, answers and picture: tables for a terminal, a figure for a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from theorycheck.data import BadInput
from theorycheck.experiment import LEVEL, Answer, Experiment, Observation, Reproduced
from theorycheck.report_json import surroundings
from theorycheck.report_published import published_document

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: dark and light enough to be told apart in grey; solid for the first arm, dashed for the second
_INK = ("#1b4f8a", "#d98b3a", "#4a8f5b", "#8a4f9e")
_MARKS = ("o", "s", "^", "D")
FORMATS = (".svg", ".png", ".pdf")


def means_table(experiment: Experiment, seen: Sequence[Observation]) -> Table:
    """Return mean and standard deviation over the seeds: a row for every number, a column for every arm."""
    from rich.box import SIMPLE_HEAD

    arms = [
        arm for arm in experiment.factors[experiment.arms] if any(run.point[experiment.arms] == arm for run in seen)
    ]
    others = [name for name in experiment.factors if name != experiment.arms]
    title = "mean (standard deviation) over seeds" if len({run.seed for run in seen}) > 1 else "one seed"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for name in (*others, "number", *map(str, arms)):
        table.add_column(name, justify="right" if name in map(str, arms) else "left")
    rows = {tuple(run.point[name] for name in others): None for run in seen}
    for row in rows:
        here = [run for run in seen if tuple(run.point[name] for name in others) == row]
        shown = experiment.shown or tuple(experiment.numbers)
        for k, number in enumerate(shown):
            groups = ([run.numbers[number] for run in here if run.point[experiment.arms] == arm] for arm in arms)
            head = map(str, row) if k == 0 else [""] * len(row)
            table.add_row(*head, number, *map(_spread, groups), end_section=k + 1 == len(shown))
    return table


def _spread(values: Sequence[float]) -> str:
    values = [value for value in values if not math.isnan(value)]
    if not values:
        return ""
    with np.errstate(invalid="ignore"):  # of infinities
        mean = f"{np.mean(values):.3g}"
    spread = len(values) > 1 and all(map(math.isfinite, values))
    return f"{mean} ({np.std(values, ddof=1):.2g})" if spread else mean


def answers_table(experiment: Experiment, found: Sequence[Answer]) -> Table:
    """Return the answers with their intervals, question by question; of a single seed with the reason why they are open."""
    from rich.box import SIMPLE_HEAD

    title = f"paired over seeds, {LEVEL:.0%} intervals (Student)"
    if found and max(one.seeds for one in found) < 2:
        title = "one seed: a value and no interval, so that every answer is open (an interval needs at least 2 seeds)"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for name in ("question", "mean", "interval", "answer"):
        table.add_column(name, overflow="fold", justify="right" if name in ("mean", "interval") else "left")
    for question in experiment.questions:
        table.add_row(question.says, "", "", "")
        for one in (one for one in found if one.question == question.label):
            where = ", ".join(f"{key} = {value}" for key, value in one.group.items())
            interval = f"[{one.low:.3g}, {one.high:.3g}]" if one.seeds > 1 else ""
            table.add_row(f"  {where}", f"{one.mean:.3g}", interval, one.word)
    return table


def experiment_document(
    experiment: Experiment,
    seen: Sequence[Observation],
    found: Sequence[Answer],
    seconds: float,
    beside: Sequence[Reproduced] = (),
) -> dict[str, Any]:
    """Return the runs and the answers as plain data for JSON; infinite ends of intervals are null."""
    return {
        **surroundings(),
        "experiment": experiment.label, "title": experiment.title, "protocol": experiment.protocol,
        "standing": experiment.standing.value, "numbers": dict(experiment.numbers), "seconds": seconds, "level": LEVEL,
        "runs": [{"point": dict(run.point), "seed": run.seed, "numbers": dict(run.numbers)} for run in seen],
        "answers": [
            {"question": one.question, "group": dict(one.group), "mean": _finite(one.mean), "low": _finite(one.low),
             "high": _finite(one.high), "seeds": one.seeds, "answer": one.word}
            for one in found
        ],
        **({"published": published_document(beside)} if beside else {}),
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# --- pictures ------------------------------------------------------------------------------------


def check_picture(path: Path) -> None:
    """Refuse a picture that could not be drawn, before anything is run.

    Raises
    ------
    BadInput
        If the ending names no format, or matplotlib is not installed.
    """
    if path.suffix not in FORMATS:
        raise BadInput(
            f"a picture's file ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {path.suffix or 'nothing'!r}"
        )
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise BadInput(
            'pictures need matplotlib: pip install "theorycheck[notebook]", or leave out the picture'
        ) from None


def draw(experiment: Experiment, seen: Sequence[Observation], path: Path) -> None:
    """Draw the experiment's picture to a file, whose ending says the format."""
    from matplotlib.figure import Figure

    kind = {"curves": _curves, "paired": _paired, "map": _map, "series": _series}[experiment.picture.kind]
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    kind(figure, experiment, seen)
    figure.suptitle(experiment.title, fontsize=11)
    # no date, so that the same runs give the same file
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _curves(figure: Any, experiment: Experiment, seen: Sequence[Observation]) -> None:
    plan, axes = experiment.picture, figure.subplots()
    for k, arm in enumerate(experiment.factors[plan.by]):
        runs = [run for run in seen if run.point[plan.by] == arm]
        x = sorted({float(run.point[plan.x]) for run in runs})
        rows = {name: _columns(runs, plan.x, name, x) for name in (plan.number, *plan.bounds)}
        middle, spread = rows[plan.number]
        axes.errorbar(
            x,
            middle,
            spread,
            fmt=_MARKS[k],
            color=_INK[k],
            capsize=3,
            label=f"{arm}: mean ± standard deviation",
        )
        for bound, dash in zip(plan.bounds, ("--", ":"), strict=False):
            axes.plot(x, rows[bound][0], dash, color=_INK[k], label=f"{arm}: {bound}, mean")
    axes.set(xscale="log", yscale="log", xlabel=_named(plan.x), ylabel=experiment.numbers[plan.number])
    low, high = axes.get_ylim()
    if high < 10 * low:  # a logarithmic axis would have hardly a tick
        axes.set_yscale("linear")
    axes.set_xticks(list(experiment.factors[plan.x]), labels=[f"{value:g}" for value in experiment.factors[plan.x]])
    axes.minorticks_off()
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.grid(alpha=0.3, which="both")


def _columns(
    runs: Sequence[Observation], factor: str, number: str, x: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of a number at each x."""
    groups = [[run.numbers[number] for run in runs if float(run.point[factor]) == value] for value in x]
    return [float(np.mean(group)) for group in groups], [
        float(np.std(group, ddof=1)) if len(group) > 1 else 0.0 for group in groups
    ]


def _named(factor: str) -> str:
    return {"m": "number of neurons m", "n": "number of samples n"}.get(factor, factor)


def _paired(figure: Any, experiment: Experiment, seen: Sequence[Observation]) -> None:
    plan = experiment.picture
    panels = [value for value in experiment.factors[plan.by] if any(run.point[plan.by] == value for run in seen)]
    arms = experiment.factors[plan.x]
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        runs = [run for run in seen if run.point[plan.by] == panel]
        _one_panel(
            axes,
            {arm: {run.seed: run.numbers[plan.number] for run in runs if run.point[plan.x] == arm} for arm in arms},
        )
        for bound, dash in zip(plan.bounds, ("--", ":"), strict=False):
            _level(axes, [[run.numbers[bound] for run in runs if run.point[plan.x] == arm] for arm in arms], dash)
        axes.set(xticks=range(len(arms)), xlim=(-0.5, len(arms) - 0.5), title=str(panel), ylim=(0, None))
        axes.set_xticklabels(list(arms))
    figure.supylabel(experiment.numbers[plan.number], fontsize=10)
    lines = "".join(
        f"; {dash}: {experiment.numbers[bound]}" for bound, dash in zip(plan.bounds, ("dashed", "dotted"), strict=False)
    )
    figure.supxlabel(f"one thin line per seed; black: mean over seeds{lines}", fontsize=9)


def _level(axes: Axes, groups: Sequence[Sequence[float]], dash: str) -> None:
    """Draw the mean of a bound: one line, or one for each arm where arms have bounds of their own."""
    means = [float(np.mean(group)) if group else math.nan for group in groups]
    known = [mean for mean in means if not math.isnan(mean)]
    style: dict[str, Any] = {"linestyle": dash, "color": "#555555", "linewidth": 1}
    if np.ptp(known) <= 1e-9 * np.max(np.abs(known)):
        axes.axhline(known[0], **style)
        return
    for k, mean in enumerate(means):
        axes.plot([k - 0.4, k + 0.4], [mean, mean], **style)


def _map(figure: Any, experiment: Experiment, seen: Sequence[Observation]) -> None:
    """Draw a panel for every value of ``by``: arms down, ``x`` along, the mean of the number as grey and in figures."""
    plan = experiment.picture
    panels = [value for value in experiment.factors[plan.by] if any(run.point[plan.by] == value for run in seen)]
    arms = [
        arm for arm in experiment.factors[experiment.arms] if any(run.point[experiment.arms] == arm for run in seen)
    ]
    along = [x for x in experiment.factors[plan.x] if any(run.point[plan.x] == x for run in seen)]
    figure.set_size_inches(2.5 + 0.75 * len(along), 1.6 + (0.7 + 0.42 * len(arms)) * len(panels))
    image = None
    for axes, panel in zip(np.atleast_1d(figure.subplots(len(panels), 1, sharex=True)), panels, strict=True):
        grid = np.full((1 + len(plan.bounds), len(arms), len(along)), np.nan)
        for row, arm in enumerate(arms):
            for column, x in enumerate(along):
                where = {plan.by: panel, experiment.arms: arm, plan.x: x}
                runs = [run for run in seen if all(run.point[name] == value for name, value in where.items())]
                for k, number in enumerate((plan.number, *plan.bounds)):
                    grid[k, row, column] = np.mean([run.numbers[number] for run in runs]) if runs else np.nan
        image = axes.imshow(grid[0], cmap="gray", vmin=0, vmax=1, aspect="auto")
        _figures(axes, grid)
        axes.set(yticks=range(len(arms)), xticks=range(len(along)), title=f"{_named(plan.by)}: {panel}")
        axes.set_yticklabels(list(map(str, arms)))
        axes.set_xticklabels([f"{x:g}" for x in along])
        axes.set_ylabel(_named(experiment.arms))
    axes.set_xlabel(_named(plan.x))
    below = "".join(f"; small, in italics: {experiment.numbers[bound]}" for bound in plan.bounds)
    figure.colorbar(image, ax=figure.axes, label=experiment.numbers[plan.number], shrink=0.6)
    figure.supxlabel(f"mean over seeds{below}", fontsize=8, wrap=True)


def _series(figure: Any, experiment: Experiment, seen: Sequence[Observation]) -> None:
    """Draw a panel for each series: means over seeds, a band of one standard deviation to either side."""
    by, rows = experiment.picture.by, (len(experiment.series) + 2) // 3
    figure.set_size_inches(12, 0.6 + 3.2 * rows)
    panels = np.atleast_1d(figure.subplots(rows, min(3, len(experiment.series)))).ravel()
    for axes, one in zip(panels, experiment.series, strict=False):
        for k, arm in enumerate(experiment.factors[by]):
            runs = [run for run in seen if run.point[by] == arm]
            if not runs:
                continue
            values = np.array([[run.numbers[name] for name in one.numbers.values()] for run in runs])
            middle, spread = values.mean(axis=0), values.std(axis=0, ddof=1) if len(runs) > 1 else 0 * values[0]
            x, ink = list(one.numbers), _INK[k % len(_INK)]
            axes.plot(x, middle, color=ink, label=str(arm), marker=_MARKS[k % len(_MARKS)], markersize=3)
            low = np.maximum(middle - spread, values.min(axis=0)) if one.logarithmic else middle - spread
            axes.fill_between(x, low, middle + spread, color=ink, alpha=0.2, linewidth=0)
        axes.set(title=one.label, xlabel=one.axis, yscale="log" if one.logarithmic else "linear")
        axes.grid(alpha=0.3)
    for axes in panels[len(experiment.series) :]:
        axes.set_axis_off()
    panels[0].legend(fontsize=8)
    many = len({run.seed for run in seen}) > 1
    figure.supxlabel("mean over seeds, band of one standard deviation" if many else "one seed", fontsize=8)


def _figures(axes: Axes, grid: Any) -> None:
    """Write the cells' means, black on light and white on dark; what is below the first stands below it if it is not 0."""
    for row, column in np.ndindex(grid.shape[1:]):
        first, *rest = grid[:, row, column]
        if math.isnan(first):
            continue
        ink, low = ("black" if first > 0.5 else "white"), [f"{value:.2g}" for value in rest if value > 0]
        style: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
        axes.text(column, row - (0.17 if low else 0.0), f"{first:.2g}", fontsize=8, **style)
        if low:
            axes.text(column, row + 0.25, low[0], fontsize=6.5, style="italic", **style)


def _one_panel(axes: Axes, columns: Mapping[Any, Mapping[int, float]]) -> None:
    """Draw one thin line per seed from arm to arm, and the means."""
    for seed in sorted({seed for column in columns.values() for seed in column}):
        found = [(k, column[seed]) for k, column in enumerate(columns.values()) if seed in column]
        axes.plot(*zip(*found, strict=True), color="#9aa5b1", linewidth=0.8, marker=".", markersize=4, zorder=1)
    for k, column in enumerate(columns.values()):
        if column:
            axes.plot(
                [k],
                [np.mean(list(column.values()))],
                color="black",
                marker="_",
                markersize=26,
                markeredgewidth=3,
                zorder=2,
            )
    axes.grid(alpha=0.3, axis="y")
