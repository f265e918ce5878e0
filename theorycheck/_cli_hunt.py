"""The work behind ``theorycheck hunt``: the worst instance of each claim, as text and as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, nearest
from theorycheck._cli_recheck import bar

if TYPE_CHECKING:
    from theorycheck.check import Find
    from theorycheck.evidence import Judgement
    from theorycheck.statement import Claim, Theorem


def run(theorem: Theorem, label: str | None, examples: int, seed: int, draws: int | None, json: str | None) -> int:
    """Hunt for the worst instance of one claim, or of each; print what was found and write the file."""
    from theorycheck._cli_output import json_writer, say
    from theorycheck.check import hunt
    from theorycheck.evidence import Outcome
    from theorycheck.report_json import hunt_document

    _in_range(examples, seed, draws)
    claims = _chosen(theorem, label)
    write = json_writer(json)
    started = time.perf_counter()
    finds: list[Find] = []
    with bar() as progress:
        for k, claim in enumerate(claims):

            def moved(fraction: float, done: int = k, about: str = claim.label) -> None:
                progress((done + fraction) / len(claims), about)

            moved(0.0)
            finds.append(hunt(theorem, claim, examples=examples, seed=seed, draws=draws, progress=moved))
    seconds = time.perf_counter() - started
    if json != "-":
        for claim, find in zip(claims, finds, strict=True):
            say(lines(theorem, claim, find))
        say([f"{len(finds)} claim{'s' * (len(finds) != 1)} of {theorem.label}, {seconds:.1f} s"])
    write(hunt_document(theorem, finds, seconds))
    return 1 if any(find.verdict.outcome is Outcome.REFUTED for find in finds) else 0


def _in_range(examples: int, seed: int, draws: int | None) -> None:
    if examples < 1:
        raise UsageError(f"--examples is {examples}: give a whole number of at least 1")
    if seed < 0:
        raise UsageError(f"--seed is {seed}: give a whole number of at least 0")
    if draws is not None and draws < 1:
        raise UsageError(f"--draws is {draws}: give a whole number of at least 1")


def _chosen(theorem: Theorem, label: str | None) -> tuple[Claim, ...]:
    """Return the claim or the sabotage with this label; every claim without one."""
    if label is None:
        return theorem.claims
    known = {claim.label: claim for claim in theorem.claims + theorem.sabotages}
    if label not in known:
        claims, false = ([repr(one.label) for one in part] for part in (theorem.claims, theorem.sabotages))
        raise UsageError(
            f"{theorem.label} has no claim {label!r}: {nearest(label, list(known))} "
            f"(its claims are {', '.join(claims)}; its sabotages {', '.join(false)})"
        )
    return (known[label],)


def lines(theorem: Theorem, claim: Claim, find: Find) -> Iterator[str]:
    """Yield what a hunt found: the outcome, the instance, and both sides of the inequality there."""
    from theorycheck.evidence import Outcome, Truth

    verdict = find.verdict
    yield f"{verdict.outcome.value}: {theorem.label} {claim.label}: {' '.join(claim.says.split())}"
    looked = f"looked at {find.looked_at} instance{'s' * (find.looked_at != 1)}"
    if verdict.outcome is Outcome.VACUOUS:
        yield f"  {looked}; none of them met the premises, so nothing is said: raise --examples. One of them:"
    else:
        yield f"  {looked}; the one that hurts most:"
    for key, value in plain(find.instance).items():
        yield f"    {key} {value}"
    for word, truth in (("not met", Truth.NO), ("unsure", Truth.UNSURE)):
        yield from (f"  premise {word}: {one.label}: {_sides(one)}" for one in verdict.premises if one.truth is truth)
    conclusion = verdict.conclusion
    if verdict.outcome is Outcome.VACUOUS:
        pass  # nothing was looked at
    elif conclusion.tightest is None:
        yield f"  {_sides(conclusion)}"
    else:
        seen = f"promised with probability {conclusion.lhs:.6g}, {conclusion.note.partition(';')[0]}"
        yield f"  {seen}: {conclusion.truth.value}, {_slack(conclusion)} by the exact interval"
        yield f"  the draw that came closest to failing: {_sides(conclusion.tightest)}"
    yield ""


def _sides(found: Judgement) -> str:
    note = f" ({' '.join(found.note.split())})" if found.note else ""
    relation = "<" if found.strict else "<="
    return f"{found.lhs:.6g} {relation} {found.rhs:.6g}: {found.truth.value}, {_slack(found)}{note}"


def _slack(found: Judgement) -> str:
    return f"slack {found.slack:.3g} ± {found.error:.1g}"


def plain(instance: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with what is nested laid flat; of two entries of one name the outer is shown."""
    outer = {key: value for key, value in instance.items() if not isinstance(value, Mapping)}
    for value in instance.values():
        if isinstance(value, Mapping):
            outer |= {name: part for name, part in plain(value).items() if name not in outer}
    return outer
