"""The table of all papers on one data set: for a terminal, as JSON, and as a bar chart of widths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from theorycheck.compare import Line
from theorycheck.compare_widths import Missing, Needed
from theorycheck.comparison import Comparison
from theorycheck.report_json import surroundings
from theorycheck.report_table import STYLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[tuple[Comparison, Line]]

#: stated widths are dark, tested ones light and hatched: they differ in grey as well
_STATED, _TESTED = "#1b4f8a", "#e6c79a"


def ordered(rows: Rows) -> list[tuple[Comparison, Line]]:
    """Return the lines by width; then those without one, and last those that do not apply at any width."""

    def key(row: tuple[Comparison, Line]) -> tuple[int, float]:
        asks = row[1].needed
        if asks is None:
            return 3, 0.0
        if asks.width is not None:
            return 0, float(asks.width)
        return (2, 0.0) if asks.anywhere else (1, 0.0)

    return sorted(rows, key=key)


# --- the table -------------------------------------------------------------------------------------------


def comparison_table(rows: Rows, about: str) -> Table:
    """Return one row for every theorem: its first column says what it is about, the others what it promises and what is seen."""
    table = Table(
        box=SIMPLE_HEAD, title=f"which guarantee holds for {about}", title_justify="left", padding=(0, 1, 0, 0)
    )
    table.add_column("theorem", overflow="fold", min_width=24)
    for name in ("asks for m", "rate", "share", "rate seen"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for entry, line in rows:
        network = (entry.trains, line.activation, line.start, entry.theorem.standing.value)
        word = line.outcome.value if line.outcome else ""
        seen = "" if line.m is None else f"at {line.m}" + ("" if line.own else "*")
        table.add_row(
            Text.assemble((entry.theorem.label, "bold"), "\n", ", ".join(part for part in network if part)), asked(line),
            _number(line.promised), _number(line.relative), _number(line.observed),
            Text.assemble((word, STYLES.get(word, "")), "\n", seen) if word else "",
        )  # fmt: skip
    return table


def asked(line: Line) -> str:
    """Return the width that is asked for, in words short enough for a cell."""
    asks = line.needed
    if asks is None:
        return "refused"
    if asks.anywhere:
        return "does not\napply"
    if asks.width is None:
        return f"none up to\n{_width(asks.fails)}"
    return _width(asks.width) if asks.kind == "stated" else f"{_width(asks.width)}\n[{_spread(asks)}]"


def _spread(asks: Needed) -> str:
    """Return the least and the largest width that a draw asks for."""
    widths = [width for width in asks.draws if width is not None]
    return f"{_width(min(widths))}, {_width(max(widths))}"


def _width(m: int) -> str:
    return str(m) if m < 10**7 else f"{m:.3g}"


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else ""


def words_below(rows: Rows, limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the columns mean, why theorems do not apply, and the units of the rates."""
    yield (
        "asks for m: the least width at which the theorem's own premises hold; where they test the drawn network, "
        f"of {limits['draws']} draws [the least, the largest]. *: seen at another width than the theorem asks for"
    )
    yield "share: rate over 2 lambda_min(K_0) of the network seen, which makes rates of different papers comparable"
    for why, labels in _grouped((_reason(line), entry.theorem.label) for entry, line in rows if not line.applies):
        yield f"{', '.join(labels)}: {why}"
    known = [(entry.unit, entry.theorem.label) for entry, line in rows if line.m is not None or line.applies]
    for unit, labels in _grouped(known):
        yield f"rate of {', '.join(labels)}: {unit}"
    applying = sum(line.applies for _, line in rows)
    yield f"{applying} of {len(rows)} theorems apply at some width that was found"


def _grouped(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, list[str]]]:
    """Return what theorems have in common, each with their labels, in order."""
    found: dict[str, list[str]] = {}
    for said, label in pairs:
        found.setdefault(said, []).append(label)
    return found.items()


def _reason(line: Line) -> str:
    """Return why there is no width: the first premise that fails and can be measured (others may be its consequences)."""
    asks = line.needed
    if asks is None or not asks.missing:
        return line.why or "no premise is known to fail, but no width was found"
    one = next((one for one in asks.missing if math.isfinite(one.lhs) and math.isfinite(one.rhs)), asks.missing[0])
    where = "does not apply at any width" if asks.anywhere else f"no width up to {_width(asks.fails)} is enough"
    more = [part.label for part in asks.missing if part is not one]
    also = f" (nor: {', '.join(more)})" if more else ""
    return f"{where}, as this fails: {told(one)}{also}"


def told(one: Missing) -> str:
    """Return a premise that does not hold, its sides, and the least change that would help."""
    how = "is not so" if one.sure else "cannot be told"
    mend = f"; would help: {one.mend}" if one.mend else ""
    return f"{one.says} ({one.label}: {one.lhs:.3g} <= {one.rhs:.3g} {how}){mend}"


# --- JSON ------------------------------------------------------------------------------------------------


def comparison_document(rows: Rows, flags: Mapping[str, Any], notes: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return the lines as plain data for JSON; what is not finite or not known is null."""
    return {
        **surroundings(), "flags": dict(flags), "notes": list(notes), "seconds": seconds,
        "lines": [_row(entry, line, flags) for entry, line in rows],
    }  # fmt: skip


def _row(entry: Comparison, line: Line, flags: Mapping[str, Any]) -> dict[str, Any]:
    asks, card = line.needed, entry.theorem
    return {
        "theorem": card.label, "paper": card.reference.paper, "title": card.title, "standing": card.standing.value,
        "place": card.reference.place, "trains": entry.trains, "activation": line.activation, "start": line.start,
        "applies": line.applies, "kind": asks.kind if asks else None, "width": asks.width if asks else None,
        "fails_at": asks.fails if asks else None, "draws": list(asks.draws) if asks else [],
        "at_any_width": not asks.anywhere if asks else None,
        "missing": [vars(one) | {"lhs": _finite(one.lhs), "rhs": _finite(one.rhs)} for one in asks.missing] if asks else [],
        "refused": line.why, "rate": _finite(line.promised), "unit": entry.unit, "share": _finite(line.relative),
        "m": line.m, "own_width": line.own, "rate_seen": _finite(line.observed),
        "verdict": line.outcome.value if line.outcome else None, "note": line.note,
        "command": command(entry, line, flags),
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def command(entry: Comparison, line: Line, flags: Mapping[str, Any]) -> str | None:
    """Return the command that shows this network again, None where none was simulated."""
    import inspect
    import shlex

    if line.m is None or line.needed is None:
        return None
    own = set(inspect.signature(entry.theorem.example).parameters)
    told = {**{name: value for name, value in flags.items() if name in own}, **entry.flags, "m": line.m}
    if line.needed.draw:
        told["seed"] = int(flags.get("seed", 0)) + line.needed.draw
    words = [word for name, value in told.items() for word in ("--" + name.replace("_", "-"), str(value))]
    return shlex.join(["theorycheck", "check", entry.theorem.label, *words])


# --- the picture -----------------------------------------------------------------------------------------


def draw(rows: Rows, path: Path, cap: int) -> None:
    """Draw the widths to a file, whose ending says the format: a bar for every theorem, on a logarithmic axis.

    Stated widths are solid and dark, tested ones light and hatched with a whisker over the draws; a dotted bar reaches as
    far as a test was tried in vain.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(9, 1.6 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, (_, line) in enumerate(rows):
        _bar(axes, place, line)
    axes.set(xscale="log", xlabel="width m that the theorem asks for on these data (logarithmic)")
    most = max((line.needed.width or line.needed.fails for _, line in rows if line.needed), default=1)
    axes.set_xlim(0.8, 40.0 * max(most, 10))  # room for the numbers beside the bars
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), labels=[entry.theorem.label for entry, _ in rows])
    axes.invert_yaxis()
    axes.grid(alpha=0.3, axis="x")
    keys = [
        Patch(facecolor=_STATED, edgecolor="black", label="stated: solved for m"),
        Patch(facecolor=_TESTED, edgecolor="black", hatch="///", label="tested: draws that pass"),
        Patch(facecolor="white", edgecolor="black", linestyle=":", label=f"tested in vain up to {cap}"),
    ]
    figure.legend(handles=keys, loc="outside upper center", ncols=3, fontsize=9)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _bar(axes: Axes, place: int, line: Line) -> None:
    asks = line.needed
    if asks is None or asks.anywhere or (asks.width is None and asks.kind == "stated"):
        axes.annotate("does not apply", (1, place), va="center", fontsize=9, color="#555555")
    elif asks.width is None:
        axes.barh(place, asks.fails, color="white", edgecolor="black", linestyle=":")
    elif asks.kind == "stated":
        axes.barh(place, asks.width, color=_STATED, edgecolor="black")
        axes.annotate(f" {_width(asks.width)}", (asks.width, place), va="center", fontsize=9)
    else:
        axes.barh(place, asks.width, color=_TESTED, edgecolor="black", hatch="///")
        least = min(width for width in asks.draws if width is not None)
        axes.plot([least, asks.width], [place, place], color="black", linewidth=2, marker="|")
        axes.annotate(f"  [{_spread(asks)}]", (asks.width, place), va="center", fontsize=9)
