"""The work behind ``theorycheck experiment``: many runs on all cores, their means, answers and picture."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, nearest, one_line
from theorycheck._cli_recheck import bar

if TYPE_CHECKING:
    from theorycheck._cli_runs import Keep, Runs
    from theorycheck.experiment import Experiment, Observation, Point


def run(
    label: str | None,
    seeds: int,
    only: str | None,
    picture: str | None,
    json: str | None,
    resume: str | None,
    jobs: int,
) -> int:
    """Run an experiment; print means and answers, write the files. Its exit status is 0: nothing is refuted by it."""
    from theorycheck._cli_output import json_writer, say
    from theorycheck._cli_runs import kept
    from theorycheck.experiment import answers, reproduced
    from theorycheck.report_experiment import answers_table, draw, experiment_document, means_table
    from theorycheck.report_published import published_table

    experiment = _chosen(label)
    points = _points(experiment, only)
    count = _seeds(experiment, seeds)
    path = picture_path(picture)
    write = json_writer(json)
    workers = _workers(jobs)
    done, keep = kept(experiment, resume)
    started = time.perf_counter()
    seen = _observed(experiment, points, range(count), workers, done, keep)
    found, beside, seconds = answers(experiment, seen), reproduced(experiment, seen), time.perf_counter() - started
    if json != "-":
        say([f"{experiment.label}: {experiment.title} ({experiment.standing.value})", experiment.protocol, ""])
        say(
            [
                means_table(experiment, seen),
                *([published_table(beside)] if beside else []),
                answers_table(experiment, found),
            ]
        )
        say([f"observed, not proved: {len(points)} points, {count} seed{'s' * (count > 1)}, {seconds:.1f} s"])
    if path is not None:
        draw(experiment, seen, path)
        if json != "-":
            say([f"picture: {path}"])
    write(experiment_document(experiment, seen, found, seconds, beside))
    return 0


def listing() -> Iterator[str]:
    """Yield a line for every experiment."""
    from theorycheck import theorems

    for one in theorems.experiments():
        yield f"{one.label}  {one.title} ({one.standing.value}; {len(one.points())} points, {one.seeds} seeds)"


def _chosen(label: str | None) -> Experiment:
    from theorycheck import theorems

    known = {one.label: one for one in theorems.experiments(label or "") or theorems.experiments()}
    if label is None:
        raise UsageError(f"experiment needs a name: one of {', '.join(known)}")
    if label not in known:
        raise UsageError(f"there is no experiment {label!r}: {nearest(label, list(known))}")
    return known[label]


def _points(experiment: Experiment, only: str | None) -> list[Point]:
    """Return the grid, or where one factor has one value: ``--only task=|x1|``."""
    if only is None:
        return experiment.points()
    name, equals, text = only.partition("=")
    if name not in experiment.factors or not equals:
        raise UsageError(f"--only takes FACTOR=VALUE with a factor among {', '.join(experiment.factors)}, not {only!r}")
    values = {str(value): value for value in experiment.factors[name]}
    if text not in values:
        raise UsageError(f"--only {only!r}: {name} is one of {', '.join(map(repr, values))}")
    return experiment.points(**{name: values[text]})


def _seeds(experiment: Experiment, seeds: int) -> int:
    if seeds < 0:
        raise UsageError(f"--seeds is {seeds}: give a whole number of at least 1, or 0 for the experiment's own")
    return seeds or experiment.seeds


def picture_path(target: str | None) -> Path | None:
    """Return the file of ``--picture`` once it is known that a picture can be drawn and written there."""
    from theorycheck._cli_output import writable
    from theorycheck.data import BadInput
    from theorycheck.report_experiment import check_picture

    if target is None:
        return None
    try:
        check_picture(Path(target))
    except BadInput as problem:
        raise UsageError(f"--picture {target!r}: {one_line(problem)}") from None
    return writable(target, "--picture")


def _workers(jobs: int) -> int:
    if jobs < 0:
        raise UsageError(f"--jobs is {jobs}: give a number of processes, or 0 for as many as there are cores")
    return jobs or os.cpu_count() or 1


def _observed(
    experiment: Experiment, points: list[Point], seeds: range, workers: int, done: Runs, keep: Keep
) -> list[Observation]:
    """Run every point for every seed in processes of their own; what is in ``done`` is not run again.

    A run knows its point and its seed alone, so that neither the number of processes nor their order shows in it.
    """
    from theorycheck._cli_check import one_thread
    from theorycheck._cli_runs import key
    from theorycheck.experiment import Observation

    wanted = [(dict(point), seed) for seed in seeds for point in points]
    numbers = {k: done[key(*one)] for k, one in enumerate(wanted) if key(*one) in done}
    left = [k for k in range(len(wanted)) if k not in numbers]
    context = multiprocessing.get_context("spawn")
    size = max(1, min(workers, len(left)))
    stage = experiment.label + (f", {experiment.minutes:g} min a run" if experiment.minutes else "")
    with bar() as progress, ProcessPoolExecutor(size, mp_context=context, initializer=one_thread) as pool:
        progress(len(numbers) / len(wanted), stage)
        futures = {pool.submit(elsewhere, experiment.label, *wanted[k]): k for k in left}
        for k, found in _finished(pool, futures):
            numbers[k] = found
            keep(*wanted[k], found)
            progress(len(numbers) / len(wanted), stage)
    return [Observation(point, seed, numbers[k]) for k, (point, seed) in enumerate(wanted)]


def _finished(
    pool: ProcessPoolExecutor, futures: Mapping[Future[Mapping[str, float]], int]
) -> Iterator[tuple[int, Mapping[str, float]]]:
    """Yield runs as they end; where one fails, what was made beside it comes first, then the exception."""
    failure: BaseException | None = None
    try:
        for future in as_completed(futures):
            if future.cancelled():
                continue
            if (problem := future.exception()) is None:
                yield futures[future], future.result()
            else:
                failure = failure or problem
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        pool.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure


def elsewhere(label: str, point: dict[str, Any], seed: int) -> Mapping[str, float]:
    """Make one run in a worker process, which finds the experiment by its label."""
    from theorycheck import theorems

    experiment = next(one for one in theorems.experiments(label) if one.label == label)
    return experiment.observe(point, seed)
