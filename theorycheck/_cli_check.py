"""The work behind ``theorycheck check``: which instances to run, and running them."""

from __future__ import annotations

import math
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, one_line, split

if TYPE_CHECKING:
    from theorycheck.evidence import Report
    from theorycheck.statement import Theorem


@dataclass(frozen=True)
class Job:
    """One card on one instance; ``asked`` if the flags were typed, so that a mistake is the user's."""

    theorem: Theorem
    flags: Mapping[str, Any]
    asked: bool


def plan(theorems: Sequence[Theorem], given: Mapping[str, Any]) -> tuple[list[Job], list[str]]:
    """Return the jobs, and a note for every card that does not have a flag that was given.

    Without flags a card runs its showcase; with flags it runs once, on the flags it has.
    """
    jobs: list[Job] = []
    notes: list[str] = []
    for theorem in theorems:
        if not given:
            jobs += [Job(theorem, flags, asked=False) for flags in theorem.showcase]
            continue
        flags, missing = split(theorem, given)
        jobs.append(Job(theorem, flags, asked=True))
        notes += [f"{theorem.label} has no {', '.join(missing)}: it ran without"] if missing else []
    return jobs, notes


def run(jobs: Sequence[Job], draws: int | None) -> tuple[list[Report], list[dict[str, Any]]]:
    """Run the jobs in order, with a progress bar; return the reports and what broke.

    A job that breaks does not stop the others.
    """
    reports: list[Report] = []
    broken: list[dict[str, Any]] = []
    with _bar(len(jobs)) as advance:
        if len(jobs) > 1:
            # a flag that one card refuses must be known before the others have worked for minutes
            for job in jobs:
                if job.asked:
                    advance(0.0, "preparing")
                    _instance(job)
        for job, result in (_together if len(jobs) >= MANY else _in_turn)(jobs, draws, advance):
            try:
                reports.append(result())
            except UsageError:
                raise
            except Exception as problem:
                traceback.print_exception(problem, file=sys.stderr)
                error = f"{type(problem).__name__}: {one_line(problem)}"
                broken.append({"theorem": job.theorem.label, "flags": dict(job.flags), "error": error})
    return reports, broken


#: from this many jobs on, starting worker processes pays
MANY = 6

Result = Iterator[tuple[Job, "Callable[[], Report]"]]


def _in_turn(jobs: Sequence[Job], draws: int | None, advance: Callable[[float, str], None]) -> Result:
    """Yield each job with a function that runs it here."""
    for index, job in enumerate(jobs):
        advance(index, job.theorem.label)
        yield job, partial(_report, job, draws, partial(_moved, advance, index, job.theorem.label))


def _together(jobs: Sequence[Job], draws: int | None, advance: Callable[[float, str], None]) -> Result:
    """Yield each job, in order, with a function that gives its result from one of several processes."""
    workers = max(1, min(os.cpu_count() or 1, len(jobs)))
    context = multiprocessing.get_context("spawn")  # a fork would inherit locks of BLAS threads
    with ProcessPoolExecutor(workers, mp_context=context, initializer=one_thread) as pool:
        try:
            futures = [pool.submit(_elsewhere, job.theorem.label, dict(job.flags), draws) for job in jobs]
            for done, future in enumerate(as_completed(futures), start=1):
                advance(done, jobs[futures.index(future)].theorem.label)
            for job, future in zip(jobs, futures, strict=True):
                yield job, future.result
        finally:
            pool.shutdown(cancel_futures=True)


def one_thread() -> None:
    """Leave the cores to the processes: a BLAS of its own threads would only get in their way."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _elsewhere(label: str, flags: dict[str, Any], draws: int | None) -> Report:
    """Run one job in a worker process, which finds the card by its label: cards hold functions."""
    from theorycheck import theorems

    return _report(Job(theorems.card(label), flags, asked=False), draws, lambda fraction: None)


def _moved(advance: Callable[[float, str], None], index: int, label: str, fraction: float) -> None:
    advance(index + min(max(fraction, 0.0), 1.0), label)


def _report(job: Job, draws: int | None, moved: Callable[[float], None]) -> Report:
    from theorycheck.check import check
    from theorycheck.data import BadInput
    from theorycheck.flow import FlowStalled

    instance = _instance(job)
    try:
        return check(job.theorem, instance, draws=draws, progress=moved)
    except FlowStalled as stalled:
        return _stalled(job, one_line(stalled))
    except BadInput as problem:
        if not job.asked:
            raise
        raise _blamed(job, problem) from None


def _instance(job: Job) -> Any:
    """Make the instance; a value that the user typed and the example refuses is a usage error."""
    from theorycheck.data import BadInput

    try:
        return job.theorem.example(**job.flags)
    except (BadInput, ValueError, OSError, MemoryError, OverflowError) as problem:
        if not job.asked:
            raise
        raise _blamed(job, problem) from None


def _blamed(job: Job, problem: Exception) -> UsageError:
    """Return the problem as a usage error that names the flag whose value the message is about."""
    text = one_line(problem)
    words = {name: value for name, value in job.flags.items() if isinstance(value, str)}
    about = [name for name, value in words.items() if repr(value) in text or repr(Path(value).name) in text]
    flag = next((f"--{name.replace('_', '-')}: " for name in about if name not in text), "")
    return UsageError(f"{job.theorem.label}: {flag}{text}")


def _stalled(job: Job, why: str) -> Report:
    """Return a report in which every claim is undecided, because its run came to a halt."""
    from theorycheck.evidence import Judgement, Report, Verdict

    label = job.theorem.label
    verdicts = (
        Verdict(label, claim.label, (), Judgement(claim.label, math.nan, math.inf, note=why))
        for claim in job.theorem.claims
    )
    return Report(label, {"flags": dict(job.flags)}, tuple(verdicts), (why,))


@contextmanager
def _bar(total: int) -> Iterator[Callable[[float, str], None]]:
    """Yield ``advance(done, label)``; nothing is shown unless standard error is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<16}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    words = (TextColumn("elapsed,"), Remaining(), TextColumn("left"))
    with Progress(*columns, *words, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=total)

        def advance(done: float, label: str) -> None:
            fresh = progress.tasks[0].description != label
            progress.update(task, completed=done, description=label, refresh=fresh)

        yield advance
