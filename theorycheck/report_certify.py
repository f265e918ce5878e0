"""Certificates and widths as tables and sentences for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from theorycheck.certify.methods import AT_LEAST, meaning, method
from theorycheck.certify.recipe import Attempt, Recipe
from theorycheck.certify.width import Width
from theorycheck.evidence import Judgement

if TYPE_CHECKING:
    from rich.console import RenderableType


#: the loss and the unit of time, by neuron
LOSS = {
    "asymmetric": "loss |y - f|^2/2, first layer trained at rate 1",
    "mean_field": "loss |f - y|^2/(2n), first layer trained in mean-field time: w_j' = -m dL/dw_j",
    "two_layer": "loss |f - y|^2/2, W trained at rate {0:.6g} and a at rate {1:.6g}; t counts in these rates",
}


def attempt_lines(attempt: Attempt, files: Sequence[str], seconds: float) -> Iterator[RenderableType]:
    """Yield what was certified, from which numbers, or what was missing."""
    problem = attempt.problem
    yield f"{attempt.recipe.label}: {attempt.recipe.title}"
    yield f"n = {problem.n}, d = {problem.d}, m = {problem.m}, {problem.activation.name}, gradient {attempt.dynamics}"
    yield LOSS[problem.neuron.name].format(*problem.rates)
    yield from (f"note: {note}" for note in problem.notes)
    if "checkpoint" in problem.history:
        about = problem.history["checkpoint"]
        yield f"simulated, not proved: gradient {attempt.dynamics} from the start to the checkpoint at {about['time']:g}"
        yield "proved: all that follows, for the run that starts at the checkpoint's weights; t counts from there"
    yield ""
    yield _evidence(attempt)
    if not attempt.holds:
        yield from (_missed(test) for test in attempt.missed)
        yield f"NOT certified in {seconds:.1f} s: nothing is claimed. {_hint(attempt)}"
        return
    for one in attempt.conclusions:
        yield f"proved {one.side} {one.value:.10g}: {one.says}"
    written = f", written to {' and '.join(files)}" if files else "; --out FILE writes it down for others to recheck"
    yield f"certified in {seconds:.1f} s{written}"


def _hint(attempt: Attempt) -> str:
    """Return what may help, or that no width does."""
    values = {**attempt.found.evidence}
    least = min((values[name] for name in ("lam", "kappa_hat", "alpha_squared") if name in values), default=1.0)
    if not least > 1e-12:
        about = attempt.problem
        why = (
            f"n = {about.n} > d = {about.d}"
            if "lam" in values and about.n > about.d
            else "inputs that are linearly dependent"
        )
        why = (
            why
            if "lam" in values
            else "two inputs that are (nearly) the same or parallel, or fewer parameters than samples"
        )
        return (
            f"Its least eigenvalue is 0 up to rounding ({why}): no width helps. Scaling by rows or max centres the columns; "
            "--inputs-scale none does not."
        )
    return "Wider, or labels nearer to the initial output, may help; --find-width searches."


def _evidence(attempt: Attempt) -> Table:
    table = Table(box=SIMPLE_HEAD, title="evidence", title_justify="left", title_style="bold")
    for title in ("number", "", "value", "what it is", "how it is known"):
        table.add_column(title, overflow="fold")
    for name, value in attempt.found.choices.items():
        table.add_row(name, "=", _short(value), "chosen", "")
    for name, value in attempt.found.evidence.items():
        side = ">=" if name in AT_LEAST else "<="
        table.add_row(
            name, side, _short(value), meaning(attempt.recipe.label, name), method(attempt.recipe.label, name)
        )
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
