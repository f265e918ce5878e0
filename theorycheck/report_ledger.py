"""The ledger of slack and the ladder of widths: tables for a terminal, a waterfall for a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from theorycheck.ledger import Ledger, largest_first
from theorycheck.report_experiment import check_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from theorycheck.sharpen import Rung

__all__ = ["check_picture", "draw", "ladder_table", "ledger_document", "ledger_table"]

#: the claim's left side is dark and hatched, its right side light: they differ in grey as well
_STEP, _ENDS, _UP = "#d98b3a", ("#1b4f8a", "#9aa5b1"), "#4a8f5b"


def ledger_table(found: Ledger) -> Table:
    """Return the steps, the one that loses most first."""
    table = Table(box=SIMPLE_HEAD, title=f"{found.name}: loose by {_times(found.whole.ratio)}", title_justify="left")
    for name in ("step", "says", "left", "right", "ratio", "share"):
        table.add_column(name, justify="left" if name in ("step", "says") else "right", overflow="fold")
    for one in largest_first(found):
        share = f"{one.share:.0%}" if math.isfinite(one.share) else ""
        ratio = f"{one.ratio:.4g} ± {one.ratio * one.error:.1g}" if math.isfinite(one.ratio) else "any"
        table.add_row(one.label, one.says, f"{one.lhs:.4g}", f"{one.rhs:.4g}", ratio, share)
    return table


def _times(ratio: float) -> str:
    return f"a factor of {ratio:.4g}" if math.isfinite(ratio) else "any factor, as a side is 0"


def ledger_document(found: Ledger) -> dict[str, Any]:
    """Return a ledger as plain data for JSON; what is not finite is null."""
    rows = [
        {
            "step": one.label,
            "says": one.says,
            "left": _plain(one.lhs),
            "right": _plain(one.rhs),
            "ratio": _plain(one.ratio),
            "share": _plain(one.share),
        }
        for one in found.entries
    ]
    return {"name": found.name, "whole": _plain(found.whole.ratio), "steps": rows}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def ladder_table(label: str, rungs: Sequence[Rung]) -> Table:
    """Return the widths, rung by rung."""
    table = Table(box=SIMPLE_HEAD, title=f"{label}: the width that its proof asks for", title_justify="left")
    for name in ("constant", "says", "width", "factor"):
        table.add_column(name, justify="left" if name in ("constant", "says") else "right", overflow="fold")
    for number, rung in enumerate(rungs):
        factor = f"{rungs[number - 1].width / rung.width:.3g}" if number and rung.width else ""
        table.add_row(rung.label, rung.says, f"{rung.width:.4g}", factor)
    return table


# --- the waterfall ---------------------------------------------------------------------------------------


def draw(ledgers: Sequence[Ledger], path: Path) -> None:
    """Draw ledgers to a file, whose ending says the format: one panel each, from the proved side to the measured one.

    Raises
    ------
    ValueError
        If no ledger has two positive, finite sides.
    """
    from matplotlib.figure import Figure

    shown = [one for one in ledgers if one.whole.lhs > 0 and math.isfinite(one.whole.ratio)]
    if not shown:
        raise ValueError("a side of every inequality is 0 or unknown here: there is no waterfall to draw")
    heights = [len(one.entries) + 2 for one in shown]
    figure = Figure(figsize=(9, 1.1 + 0.42 * sum(heights) + 0.5 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, one in zip(axes, shown, strict=True):
        waterfall(axis, one)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def waterfall(axes: Axes, found: Ledger) -> None:
    """Draw one ledger: a bar for each step from its left side to its right one, in the order of the proof."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    names = ["the claim's left side", *(one.label for one in found.entries), "the claim's right side"]
    first, last = found.whole.lhs, found.whole.rhs
    low = min(first, last, *(one.lhs for one in found.entries), *(one.rhs for one in found.entries)) / 1.6
    axes.barh(0, first - low, left=low, color=_ENDS[0], hatch="//", edgecolor="white")
    for row, one in enumerate(found.entries, 1):
        colour = _STEP if one.rhs >= one.lhs else _UP
        axes.barh(row, abs(one.rhs - one.lhs), left=min(one.lhs, one.rhs), color=colour, edgecolor="black", linewidth=0.6)  # fmt: skip
        axes.annotate(f" ×{one.ratio:.3g}", (max(one.lhs, one.rhs), row), va="center", fontsize=9)
        axes.plot([one.lhs, one.lhs], [row - 1, row + 0.4], color="#555555", linewidth=0.8)
    axes.barh(len(names) - 1, last - low, left=low, color=_ENDS[1], edgecolor="black")
    axes.set(xscale="log", xlim=(low, max(first, last) * 3), xlabel="value of each side (logarithmic)")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(names)), labels=names)
    axes.invert_yaxis()
    axes.set_title(f"{found.name}: loose by {_times(found.whole.ratio)}", fontsize=10, loc="left")
    axes.grid(alpha=0.3, axis="x", which="both")
