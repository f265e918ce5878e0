"""Verdicts and lists of cards as tables for a terminal, and the README's table.

Nothing here prints: every function returns text or something that rich can print. Colour
only repeats what a word already says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sympy
from rich.table import Table
from rich.text import Text

from theorycheck.evidence import Judgement, Outcome, Report, Truth, Verdict
from theorycheck.flags import flags_of
from theorycheck.statement import Bound, Theorem

STYLES: Mapping[str, str] = MappingProxyType(
    {"confirmed": "green", "observed": "cyan", "undecided": "yellow", "vacuous": "dim", "refuted": "bold red"}
    | {"yes": "green", "unsure": "yellow", "no": "magenta"}
)
WIDE = 110  # columns from which there is room for what a claim says
SIZES = ("n", "d", "m")


@dataclass(frozen=True)
class Row:
    """One line of a table: a claim, or under the claims a premise that is not met."""

    name: str
    says: str
    word: str
    slack: str
    asks: str
    was: str


def instance_name(instance: Mapping[str, Any], card: Theorem | None = None) -> str:
    """Return the shortest description that tells the instances of one job apart.

    Flags that have the default of the card's example are left out.
    """
    flat = _flat(instance)
    data = str(flat.pop("data", "") or "")
    if flat.get("rows") == flat.get("n"):
        flat.pop("rows", None)
    sizes = " ".join(f"{size}={flat.pop(size)}" for size in SIZES if size in flat)
    usual = {flag.name: flag.default for flag in flags_of(card)} if card else {}
    told = " ".join(f"{key}={number(value)}" for key, value in flat.items() if key not in usual or usual[key] != value)
    return ", ".join(part for part in (data, sizes, told) if part) or "default instance"


def verdict_tables(reports: Sequence[Report], theorems: Iterable[Theorem], width: int) -> list[Text | Table]:
    """Return a heading and a table for every report; the columns of all tables line up."""
    cards = {theorem.label: theorem for theorem in theorems}
    groups = [_rows(report, cards.get(report.theorem)) for report in reports]
    head = Row("claim", "says", "outcome", "slack ± error", "asks for", "was there")
    every = [head, *(row for rows in groups for row in rows)]
    fixed = [max(len(getattr(row, part)) for row in every) for part in ("word", "slack", "asks", "was")]
    free = max(width - sum(fixed) - 2 * len(fixed) - 4, 12)
    shown: list[Text | Table] = [_table([head], fixed, free, wide=width >= WIDE)] if reports else []
    for report, rows in zip(reports, groups, strict=True):
        heading = Text(report.theorem, style="bold")
        heading.append(f"  {instance_name(report.instance, cards.get(report.theorem))}", style="not bold")
        shown += [heading, _table(rows, fixed, free, wide=width >= WIDE)]
    return shown


def reasons(reports: Sequence[Report], theorems: Iterable[Theorem]) -> list[str]:
    """Return one line for each refuted or undecided claim, refuted first, saying why."""
    cards = {theorem.label: theorem for theorem in theorems}
    lines = []
    for outcome in (Outcome.REFUTED, Outcome.UNDECIDED):
        for report in reports:
            for verdict in report.verdicts:
                if verdict.outcome is outcome:
                    card = cards.get(report.theorem)
                    place = f"{verdict.theorem} {verdict.claim} ({instance_name(report.instance, card)})"
                    lines.append(f"{outcome.value}: {place}: {_why(verdict, card)}")
    return lines


def notes(reports: Sequence[Report], theorems: Iterable[Theorem]) -> list[str]:
    """Return one line for each instance that has notes, naming the theorems that ran on it."""
    cards = {theorem.label: theorem for theorem in theorems}
    places: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for report in reports:
        if report.notes:
            name = instance_name(report.instance, cards.get(report.theorem))
            places.setdefault((name, report.notes), []).append(report.theorem)
    return [
        f"note: {', '.join(dict.fromkeys(labels))} ({name}): {'; '.join(dict.fromkeys(told))}"
        for (name, told), labels in places.items()
    ]


def summary(reports: Sequence[Report], broken: int, seconds: float) -> str:
    """Return the last line: how many verdicts of each kind, and how long it took."""
    counts = Counter(verdict.outcome for report in reports for verdict in report.verdicts)
    total = sum(counts.values())
    kinds = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome]
    kinds += [f"{broken} broken"] if broken else []
    return f"{_many(total, 'verdict')} on {_many(len(reports), 'instance')}: {', '.join(kinds)}; {seconds:.1f} s"


def number(value: Any) -> str:
    """Return a value in at most four figures; an unknown number is a dash."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return str(value)
    return "–" if math.isnan(value) else f"{value:.4g}"


def sides(judgement: Judgement, bound: Bound | None) -> tuple[str, str]:
    """Return what an inequality asks for, and what was there.

    Either side can be read as the demand. The side that is a formula of the statement is,
    and the bare symbol (a width, an eigenvalue, a distance) is what was there.
    """
    lesser = bound is not None and _is_demand(bound)
    asked, found = (judgement.rhs, judgement.lhs) if lesser else (judgement.lhs, judgement.rhs)
    relation = ("<" if judgement.strict else "≤") if lesser else (">" if judgement.strict else "≥")
    return (f"{relation} {number(asked)}" if not math.isnan(asked) else "–", number(found))


def _is_demand(bound: Bound) -> bool:
    """Whether the right-hand side is the demand: a limit that the left must stay below."""
    if bound.rhs.is_number or bound.lhs.is_number:
        return bool(bound.rhs.is_number)
    return bool(bound.lhs.is_Symbol and not bound.rhs.is_Symbol)


def _rows(report: Report, card: Theorem | None) -> list[Row]:
    says = {part.label: part.says for part in (card.claims + card.assumptions if card else ())}
    bounds = _bounds(card)
    own = {claim.label: claim.bound for claim in card.claims} if card else {}
    rows = []
    for verdict in report.verdicts:
        told = _numbers(verdict.conclusion, bounds)
        rows.append(Row(verdict.claim, says.get(verdict.claim, ""), verdict.outcome.value, *told))
        closest = verdict.conclusion.tightest
        if closest is not None:  # the frequency above says how often, this says by how much
            rows.append(Row("  tightest draw", "", closest.truth.value, *_numbers(closest, own)))
    # a premise is measured once for all claims of a report, so it is shown once
    missed = {p.label: p for verdict in report.verdicts for p in verdict.premises if p.truth is not Truth.YES}
    for label, premise in missed.items():
        row = Row(f"  premise {label}", says.get(label, ""), premise.truth.value, *_numbers(premise, bounds))
        rows.append(row)
    return rows


def _bounds(card: Theorem | None) -> dict[str, Bound]:
    """Return the inequality that each judgement is about.

    A claim with a probability is judged by it: promised on the left, seen on the right.
    """
    if card is None:
        return {}
    bounds = {part.label: part.bound for part in card.assumptions}
    seen = sympy.Symbol("seen")
    return bounds | {c.label: c.bound if c.probability == 1 else Bound(c.probability, seen) for c in card.claims}


def _numbers(judgement: Judgement, bounds: Mapping[str, Bound]) -> tuple[str, str, str]:
    slack, error = judgement.slack, judgement.error
    # one figure tells how large an error is, but where it decides the truth it takes all of them
    close = math.isfinite(error) and error > abs(slack) / 10
    told = number(error) if close else f"{error:.1g}"
    return (f"{number(slack)} ± {told}", *sides(judgement, bounds.get(judgement.label)))


def _table(rows: Sequence[Row], fixed: Sequence[int], free: int, *, wide: bool) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    label = min(free, 26) if wide else free
    table.add_column(width=label, overflow="fold")
    if wide:
        table.add_column(width=max(free - label - 2, 8), no_wrap=True, overflow="ellipsis")
    table.add_column(width=fixed[0])
    for size in fixed[1:]:
        table.add_column(width=size, justify="right")
    for row in rows:
        words = [Text("  " + row.name), *([Text(row.says, style="dim")] if wide else [])]
        table.add_row(*words, Text(row.word, style=STYLES.get(row.word, "")), row.slack, row.asks, row.was)
    return table


def _why(verdict: Verdict, card: Theorem | None) -> str:
    bounds = _bounds(card)
    unsure = [premise for premise in verdict.premises if premise.truth is Truth.UNSURE]
    parts = [_told("premise ", premise, bounds) for premise in unsure]
    if verdict.outcome is Outcome.REFUTED or verdict.conclusion.truth is Truth.UNSURE or not parts:
        parts.append(_told("", verdict.conclusion, bounds))
    return "; ".join(parts)


def _told(kind: str, judgement: Judgement, bounds: Mapping[str, Bound]) -> str:
    slack, asked, found = _numbers(judgement, bounds)
    word = {Truth.UNSURE: "unsure", Truth.NO: "not met", Truth.YES: "met"}[judgement.truth]
    numbers = [f"asks for {asked}, was {found}"] if "–" not in (asked, found) else []
    numbers += [f"slack {slack}"]
    note = f" ({' '.join(judgement.note.split())})" if judgement.note else ""
    return f"{kind}{judgement.label} {word}: {', '.join(numbers)}{note}"


def _flat(instance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain entries of a description; an outer entry wins over an inner one of its name."""
    flat: dict[str, Any] = {}
    for key, value in instance.items():
        if isinstance(value, Mapping):
            flat = _flat(value) | flat
        elif isinstance(value, (str, int, float)) and value != "":
            flat[key] = value
    return flat


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
