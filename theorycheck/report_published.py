"""Published figures beside our own: a table for a terminal, plain data for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from theorycheck.experiment import Reproduced


def published_table(found: Sequence[Reproduced]) -> Table:
    """Return every published figure beside our mean, and how many standard errors of their difference lie between them.

    One run of ours has no spread, and so no distance in standard errors: it stands there with its ratio alone.
    """
    from rich.box import SIMPLE_HEAD

    sources = sorted({one.figure.reference.place for one in found})
    runs = sorted({one.figure.runs for one in found})
    title = f"published ({'; '.join(sources)}; mean of {', '.join(map(str, runs))} runs) beside ours"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    many = max(one.seeds for one in found) > 1
    columns = ("ours (standard deviation)", "apart, s.e.", "within") if many else ("ours, one run", "ours / published")
    for name in ("number", "", "published", *columns):
        table.add_column(name, justify="left" if name in ("number", "", "within") else "right")
    last = ""
    for one in found:
        figure, place = one.figure, ", ".join(map(str, one.figure.point.values()))
        ours = f"{one.mean:.3g} ({one.spread:.2g})" if not math.isnan(one.spread) else f"{one.mean:.3g}"
        apart = "" if math.isnan(one.apart) else f"{one.apart:+.1f}"
        word = one.word if math.isnan(one.limit) else f"{one.word} ({one.limit:.2g})"
        beside = (apart, word) if many else (f"{one.mean / figure.value:.2f}" if figure.value else "",)
        table.add_row("" if figure.number == last else figure.number, place, f"{figure.value:.3g}", ours, *beside)
        last = figure.number
    return table


def published_document(found: Sequence[Reproduced]) -> list[Mapping[str, Any]]:
    """Return the same as plain data; what does not exist is null."""
    return [
        {
            "number": one.figure.number, "point": dict(one.figure.point), "published": one.figure.value,
            "source": f"{one.figure.reference.paper}, {one.figure.reference.place}", "published_runs": one.figure.runs,
            "mean": one.mean, "standard_deviation": None if math.isnan(one.spread) else one.spread, "seeds": one.seeds,
            "standard_errors_apart": None if math.isnan(one.apart) else one.apart, "tolerance": one.figure.within,
            "limit": None if math.isnan(one.limit) else one.limit, "within": one.word,
        }
        for one in found
    ]  # fmt: skip
