"""The work behind ``theorycheck ledger``: where a theorem loses its constants, on the user's instance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, one_line

if TYPE_CHECKING:
    from theorycheck.proof import Proof
    from theorycheck.statement import Theorem

#: what ``ledger`` takes whatever the card
OWN = {
    "claim": (str, "", "One claim of the card; all whose proof is a chain of inequalities without it.", None),
    "example": (int, 0, "One of the card's own examples, from 1, in place of flags.", "1 if there are no flags"),
    "picture": (str, "", "Draw a waterfall of the steps to this file: .svg, .png or .pdf.", None),
}


def ledger(theorem: Theorem, given: dict[str, Any]) -> int:
    """Print the ledger of a card's proofs on one instance."""
    from theorycheck._cli_output import json_writer, say
    from theorycheck._cli_recheck import bar
    from theorycheck.ledger import ledgers
    from theorycheck.report_ledger import check_picture, draw, ledger_document, ledger_table

    own = {name: given.pop(name, default) for name, (_, default, _, _) in OWN.items()}
    json = given.pop("json", None)
    proofs = _proofs(theorem, own["claim"])
    flags = _flags(theorem, own["example"], given)
    picture = Path(own["picture"]) if own["picture"] else None
    write = json_writer(json)
    try:
        if picture:
            check_picture(picture)
        with bar() as progress:
            progress(0.0, "making the instance")
            instance = theorem.example(**flags)
            progress(0.1, "simulating and measuring")
            found = ledgers(theorem, proofs, instance)
        if picture:
            draw(found, picture)
    except (ValueError, OverflowError, MemoryError, OSError) as problem:
        raise UsageError(f"{theorem.label}: {one_line(problem)}") from None
    if json != "-":
        words = ", ".join(f"--{key.replace('_', '-')} {value}" for key, value in flags.items())
        say([f"on {words or 'the default example'}", "", *(part for one in found for part in (ledger_table(one), ""))])
    write({"card": theorem.label, "flags": flags, "ledgers": [ledger_document(one) for one in found]})
    return 0


def _proofs(theorem: Theorem, claim: str) -> list[Proof]:
    """Return the proofs that have a chain; refuse an unknown claim."""
    from theorycheck._cli_prove import proofs

    labels = [one.label for one in theorem.claims]
    if claim and claim not in labels:
        raise UsageError(f"{theorem.label} has no claim {claim!r}: choose one of {', '.join(labels)}")
    names = {f"{theorem.label} {label}" for label in labels if claim in ("", label)}
    chosen = [proof for proof in proofs(theorem.label.partition(".")[0]) if proof.name in names and proof.chain]
    if not chosen:
        about = f"the proof of {theorem.label} {claim}" if claim else f"no proof of {theorem.label}"
        raise UsageError(
            f"{about} {'has no' if claim else 'has a'} chain of inequalities: there is nothing to share out"
        )
    return chosen


def _flags(theorem: Theorem, example: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags of the instance: those typed, or one of the card's own examples."""
    if given and example:
        raise UsageError(f"--example {example} and flags of your own say two things: give one of them")
    if given:
        return dict(given)
    number = example or 1
    if not 1 <= number <= len(theorem.showcase):
        raise UsageError(f"--example {number}: {theorem.label} has {len(theorem.showcase)}, numbered from 1")
    return dict(theorem.showcase[number - 1])
