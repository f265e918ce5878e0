"""The work behind ``theorycheck sharpen``: a theorem's width on the user's data, constant by constant."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, nearest, one_line

if TYPE_CHECKING:
    from theorycheck.sharpen import Rung, Sharpening, Trial

#: what ``sharpen`` takes whatever the theorem
OWN = {
    "draws": (int, 5, "Fresh draws of the weights that are certified at the sharpened width; 0 for none.", "5"),
    "limit": (int, 3_000_000, "No draws are certified above this width.", "3000000"),
}


def chosen(known: Mapping[str, Sharpening], label: str | None) -> Sharpening:
    """Return what sharpens this card, or say which there are."""
    if label is None:
        raise UsageError(f"sharpen needs a card: name one of {', '.join(known)}")
    if label not in known:
        raise UsageError(f"{label!r} cannot be sharpened: {nearest(label, list(known))}")
    return known[label]


def sharpen(one: Sharpening, given: dict[str, Any]) -> int:
    """Print the ladder of widths, and how often networks of the sharpened width are certified; status 1 if none is."""
    from theorycheck._cli_output import json_writer, say
    from theorycheck._cli_recheck import bar
    from theorycheck.report_ledger import ladder_table
    from theorycheck.sharpen import tried

    own = {name: given.pop(name, default) for name, (_, default, _, _) in OWN.items()}
    write = json_writer(json := given.pop("json", None))
    if own["draws"] < 0 or own["limit"] < 1:
        raise UsageError("--draws must be at least 0 and --limit at least 1: give whole numbers")
    flags = {name: value for name, value in given.items() if name != "m"}
    trial: Trial | None = None
    try:
        with bar() as progress:
            progress(0.0, "sharpening")
            rungs = one.ladder(one.theorem.example(**{**flags, "m": 1}))
            last = rungs[-1].width
            if own["draws"] and last <= own["limit"]:
                trial = tried(one, flags, math.ceil(last), own["draws"], progress)
    except (ValueError, OverflowError, MemoryError) as problem:
        raise UsageError(f"{one.theorem.label}: {one_line(problem)}") from None
    if json != "-":
        say([ladder_table(one.theorem.label, rungs), "", *_lines(one, rungs, trial, own, flags)])
    write(_document(one, rungs, trial, flags))
    return 1 if trial is not None and not trial.passed else 0


def _lines(
    one: Sharpening, rungs: tuple[Rung, ...], trial: Trial | None, own: Mapping[str, Any], flags: Mapping[str, Any]
) -> list[str]:
    first, last = rungs[0].width, rungs[-1].width
    found = [f"m = {first:.4g} as stated, {math.ceil(last)} for these data: {first / last:.3g} times less"]
    if trial is None:
        return [*found, f"no network was certified at that width (--limit {own['limit']}, --draws {own['draws']})"]
    words = "".join(f" --{name.replace('_', '-')} {value}" for name, value in flags.items() if name != "delta")
    return [
        *found,
        f"at m = {trial.m}, {trial.passed} of {trial.draws} fresh draws are certified with the theorem's own floor "
        f"(95 % interval [{trial.low:.2f}, {trial.high:.2f}]); to write one down:",
        f"  theorycheck certify {one.recipe.label}{words} --m {trial.m} --out certificate.json",
    ]


def _document(
    one: Sharpening, rungs: tuple[Rung, ...], trial: Trial | None, flags: Mapping[str, Any]
) -> dict[str, Any]:
    ladder = [
        {"rung": rung.label, "says": rung.says, "width": rung.width if math.isfinite(rung.width) else None}
        for rung in rungs
    ]
    certified = None if trial is None else {"m": trial.m, "passed": trial.passed, "draws": trial.draws, "interval": [trial.low, trial.high]}  # fmt: skip
    return {"card": one.theorem.label, "flags": dict(flags), "ladder": ladder, "certified": certified}
