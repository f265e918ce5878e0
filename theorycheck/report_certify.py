"""Certificates, widths and rechecks as tables and sentences for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from theorycheck.certify.methods import method
from theorycheck.certify.recipe import Attempt, Recipe
from theorycheck.certify.width import Width
from theorycheck.evidence import Judgement
from theorycheck.recheck import Rechecked

if TYPE_CHECKING:
    from rich.console import RenderableType


def attempt_lines(attempt: Attempt, files: Sequence[str], seconds: float) -> Iterator[RenderableType]:
    """Yield what was certified, from which numbers, or what was missing."""
    problem = attempt.problem
    yield f"{attempt.recipe.label}: {attempt.recipe.title}"
    yield f"n = {problem.n}, d = {problem.d}, m = {problem.m}, {problem.activation.name}, gradient {attempt.dynamics}"
    yield from (f"note: {note}" for note in problem.notes)
    if "checkpoint" in problem.history:
        about = problem.history["checkpoint"]
        yield f"simulated, not proved: gradient {attempt.dynamics} from the start to the checkpoint at {about['time']:g}"
        yield "proved: all that follows, for the run that starts at the checkpoint's weights; t counts from there"
    yield ""
    yield _evidence(attempt)
    if not attempt.holds:
        yield from (_missed(test) for test in attempt.missed)
        yield f"NOT certified in {seconds:.1f} s: nothing is claimed. Wider, or labels nearer to the initial output, may help; --find-width searches."
        return
    for one in attempt.conclusions:
        yield f"proved {one.side} {one.value:.10g}: {one.says}"
    written = f", written to {' and '.join(files)}" if files else "; --out FILE writes it down for others to recheck"
    yield f"certified in {seconds:.1f} s{written}"


def _evidence(attempt: Attempt) -> Table:
    table = Table(box=SIMPLE_HEAD, title="evidence", title_justify="left", title_style="bold")
    table.add_column("number")
    table.add_column("value", overflow="fold")
    table.add_column("how it is known", overflow="fold")
    for name, value in attempt.found.choices.items():
        table.add_row(name, _short(value), "chosen")
    for name, value in attempt.found.evidence.items():
        table.add_row(name, _short(value), method(attempt.recipe.label, name))
    return table


def _short(value: object) -> str:
    if isinstance(value, (list, tuple)):
        ends = f"{value[0]:.6g} ... {value[-1]:.6g}" if value else "none"
        return f"{len(value)} numbers, {ends}"
    if value is None:
        return "unbounded"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _missed(test: Judgement) -> str:
    if not (math.isfinite(test.lhs) and math.isfinite(test.rhs)):
        return f"missed: {test.label}: {test.note or 'a side is not a finite number here'}"
    times = f", {test.lhs / test.rhs:.3g} times too large" if test.rhs > 0 and test.lhs > test.rhs else ""
    return (
        f"missed: {test.label}: {test.lhs:.6g} should be {'below' if test.strict else 'at most'} {test.rhs:.6g}{times}"
    )


def width_lines(recipe: Recipe, found: Width, limit: int) -> Iterator[RenderableType]:
    """Yield the least width, how often it is enough, and the widths that were tried."""
    yield f"{recipe.label}: {recipe.title}"
    table = Table(box=SIMPLE_HEAD, title="widths tried", title_justify="left", title_style="bold")
    table.add_column("m", justify="right")
    table.add_column("most draws certified")
    for m, enough in sorted(found.tried):
        table.add_row(str(m), "yes" if enough else "no")
    yield table
    setting = "".join(f", {name} = {value}" for name, value in found.setting.items())
    if len(found.settings) > 1:
        for each, least, most in found.settings:
            width = f"m = {least}" if least else f"more than {most}"
            yield f"{', '.join(f'{name} = {value}' for name, value in each.items())}: {width}"
    if found.m is None:
        yield f"no width up to {limit} was enough: raise --limit, or take labels nearer to the initial output"
        return
    yield f"least width: m = {found.m}{setting}"
    yield (
        f"certified on {found.passed} of {found.draws} fresh draws: between {found.low:.3g} and {found.high:.3g} "
        "of all draws (exact 95 % interval)"
    )


def recheck_lines(found: Rechecked, seconds: float) -> Iterator[RenderableType]:
    """Yield every line of a recheck, and the answer."""
    table = Table(box=SIMPLE_HEAD, show_header=False)
    for name, ratio in (("", None), ("name", None), ("says", 1)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for line in found.lines:
        table.add_row("ok" if line.ok else "FAILS", line.name, line.says)
    yield table
    failed = [line.name for line in found.lines if not line.ok]
    yield (
        f"valid: {found.theorem}, every number derived again ({seconds:.1f} s)"
        if found.valid
        else (f"NOT valid: {', '.join(failed)} ({seconds:.1f} s)")
    )
