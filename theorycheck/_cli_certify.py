"""The work behind ``theorycheck certify``."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from theorycheck._cli_flags import JSON, UsageError, keyword, nearest, one_line
from theorycheck._cli_recheck import bar

if TYPE_CHECKING:
    from theorycheck.certify.problem import Problem
    from theorycheck.certify.recipe import Attempt, Recipe
    from theorycheck.certify.width import Width

#: what ``certify`` takes whatever the theorem
OWN = {
    "dynamics": (str, "", "flow or descent, where the theorem speaks of both; the first by default.", None),
    "checkpoint": (
        float,
        0.0,
        "Follow the flow to this time (descent: this many steps) first, and certify from there.",
        "0: from the start",
    ),
    "out": (str, "", "Write the certificate to this file, and large arrays to an .npz file beside it.", None),
    "find_width": (bool, False, "Look for the least width that is certified, over fresh draws of the weights.", "no"),
    "draws": (int, 20, "With --find-width: draws at the width that was found.", "20"),
    "limit": (int, 1_000_000, "With --find-width: the largest width to try.", "1000000"),
}


def certify_signature(recipe: Recipe | None) -> inspect.Signature:
    """Return the signature of ``certify`` for a theorem: its own parameters and the example's flags."""
    from theorycheck.flags import flags_of

    card = inspect.Parameter(
        "card",
        inspect.Parameter.POSITIONAL_ONLY,
        default=None,
        annotation=Annotated[
            str | None, Parameter(help="The theorem, such as caron2023.r0; all are listed without one.")
        ],
    )
    flags = flags_of(recipe) if recipe else ()
    own = [keyword(name, kind, default, says, shown) for name, (kind, default, says, shown) in OWN.items()]
    own.append(keyword("json", str | None, None, JSON, None))
    return inspect.Signature(
        [card, *(keyword(flag.name, flag.kind, flag.default, flag.says, flag.default_text) for flag in flags), *own]
    )


def chosen(label: str | None) -> Recipe:
    """Return the recipe with this label, or say which there are."""
    from theorycheck.theorems import recipes

    known = {one.label: one for one in recipes()}
    if label in known:
        return known[label]
    if label is None:
        raise UsageError(f"certify needs a theorem: name one of {', '.join(known)}")
    raise UsageError(f"{label!r} cannot be certified: {nearest(label, list(known))}")


def run(recipe: Recipe, given: dict[str, Any], json: str | None) -> int:
    """Certify one network, or look for the least width; print what was found and write the files."""
    from theorycheck._cli_output import json_writer
    from theorycheck.data import BadInput

    asked = {name for name in OWN if name in given}
    own = {name: given.pop(name, OWN[name][1]) for name in OWN}
    write = json_writer(json)
    dynamics = own["dynamics"] or None
    if dynamics is not None and dynamics not in recipe.dynamics:
        raise UsageError(
            f"{recipe.label} speaks of {' and '.join(recipe.dynamics)}: --dynamics {dynamics!r} is neither"
        )
    try:
        _fits(own, asked, given, json)
        return (_width if own["find_width"] else _one)(recipe, given, own, dynamics, write, json)
    except (BadInput, OSError) as problem:
        raise UsageError(f"{recipe.label}: {one_line(problem)}") from None


def _example(recipe: Recipe, given: Mapping[str, Any]) -> Problem:
    """Make the problem; a value that was typed and the example refuses is a usage error."""
    try:
        return recipe.example(**given)
    except (ValueError, OverflowError, MemoryError) as problem:
        raise UsageError(f"{recipe.label}: {one_line(problem)}") from None


def _fits(own: Mapping[str, Any], asked: set[str], given: Mapping[str, Any], json: str | None) -> None:
    """Refuse flags that do not go together, and files that would be lost."""
    from theorycheck._cli_output import writable
    from theorycheck.certify.document import files

    if own["find_width"] and (clash := asked & {"out", "checkpoint"}):
        raise UsageError(
            f"--find-width looks at many networks: leave out --{clash.pop()}, and certify the width it finds"
        )
    if not own["find_width"] and (clash := asked & {"draws", "limit"}):
        raise UsageError(f"--{clash.pop()} belongs to --find-width: give both")
    if "out" in asked:
        writable(own["out"], "--out")
        files(own["out"])
    same = [
        name
        for name in (own["out"], given.get("data"))
        if json not in (None, "-") and name and Path(name) == Path(str(json))
    ]
    if same:
        raise UsageError(f"--json {json!r} would replace {same[0]!r}: name another file")


Write = Callable[[dict[str, Any]], None]


def _one(
    recipe: Recipe, given: Mapping[str, Any], own: Mapping[str, Any], dynamics: Any, write: Write, json: str | None
) -> int:
    from theorycheck._cli_output import say
    from theorycheck.certify.checkpoint import at_checkpoint
    from theorycheck.certify.document import document, rechecked, save
    from theorycheck.certify.recipe import certify
    from theorycheck.report_certify import attempt_lines

    started = time.perf_counter()
    with bar() as progress:
        progress(0.0, "drawing the network")
        problem = _example(recipe, given)
        if own["out"]:
            rechecked(problem)
        if own["checkpoint"]:
            problem = at_checkpoint(
                problem, own["checkpoint"], dynamics=dynamics or recipe.dynamics[0],
                progress=lambda fraction: progress(fraction, "following the run"),
            )  # fmt: skip
        attempt = certify(recipe, problem, dynamics=dynamics, progress=progress)
    written = save(attempt, own["out"]) if attempt.holds and own["out"] else ()
    if json != "-":
        say(attempt_lines(attempt, [path.name for path in written], time.perf_counter() - started))
    write(_as_json(attempt, document))
    return 0 if attempt.holds else 1


def _as_json(attempt: Attempt, document: Callable[..., Any]) -> dict[str, Any]:
    if attempt.holds:
        return {"certified": True, "certificate": document(attempt, "arrays.npz")[0]}
    tests = [{"test": one.label, "lhs": one.lhs, "rhs": one.rhs, "truth": one.truth.value} for one in attempt.tests]
    return {"certified": False, "theorem": attempt.recipe.label, "dynamics": attempt.dynamics, "tests": tests}


def _width(
    recipe: Recipe, given: Mapping[str, Any], own: Mapping[str, Any], dynamics: Any, write: Write, json: str | None
) -> int:
    from theorycheck._cli_output import say
    from theorycheck.certify.width import find_width
    from theorycheck.report_certify import width_lines

    for name in ("draws", "limit"):
        if own[name] < 1:
            raise UsageError(f"--{name} is {own[name]}: give a whole number of at least 1")
    _example(recipe, {**given, "m": 2})  # flags that are wrong are said at once
    with bar() as progress:
        found = find_width(
            recipe, {name: value for name, value in given.items() if name not in ("m", "draw")},
            dynamics=dynamics, draws=own["draws"], limit=own["limit"], progress=progress,
        )  # fmt: skip
    if json != "-":
        say(width_lines(recipe, found, own["limit"]))
    write(_width_json(recipe, found))
    return 0 if found.m is not None else 1


def _width_json(recipe: Recipe, found: Width) -> dict[str, Any]:
    return {
        "theorem": recipe.label, "m": found.m, "passed": found.passed, "draws": found.draws,
        "interval": [found.low, found.high], "setting": dict(found.setting),
        "tried": [{"m": m, "enough": enough} for m, enough in found.tried],
        "settings": [{"setting": dict(each), "m": least, "limit": most} for each, least, most in found.settings],
    }  # fmt: skip


def listing(recipes: Sequence[Recipe]) -> str:
    """Return the theorems that can be certified, one to a line."""
    return "\n".join(f"  {one.label:<24} {one.title} ({' or '.join(one.dynamics)})" for one in recipes)
