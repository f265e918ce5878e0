"""The work behind ``theorycheck prove`` and ``theorycheck ledger``: the proofs that stand in files of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, nearest, one_line

if TYPE_CHECKING:
    from rich.table import Table

    from theorycheck.ledger import Ledger
    from theorycheck.proof import Proof


def proofs() -> tuple[Proof, ...]:
    """Return every proof, file by file.

    Raises
    ------
    UsageError
        If there is no folder of proofs beside the package.
    """
    from theorycheck import proof_files

    try:
        return proof_files.proofs()
    except proof_files.NoProofs as problem:
        raise UsageError(str(problem)) from None


def prove(label: str | None, json: str | None) -> int:
    """Check the proofs of a card, of a paper, or all; status 1 if a step is broken."""
    from theorycheck._cli_output import json_writer, say_text
    from theorycheck._cli_recheck import bar
    from theorycheck.proof_steps import Checked, Trust
    from theorycheck.report_proof import counts, proof_document, proof_lines

    chosen = _chosen(label)
    write = json_writer(json)
    every: list[Checked] = []
    documents = []
    with bar() as progress:
        for number, proof in enumerate(chosen):
            progress(number / len(chosen), proof.name)
            checked = proof.check()
            every += checked
            documents.append(proof_document(proof, checked))
            if json != "-":
                say_text("\n".join(proof_lines(proof, checked)) + "\n\n")
    if json != "-":
        say_text(f"{len(chosen)} proofs, {counts(every)}")
    write({"proofs": documents})
    return 1 if any(found.trust is Trust.BROKEN for found in every) else 0


def _chosen(label: str | None) -> tuple[Proof, ...]:
    """Return the proofs of a card (``chen2022.a``) or a paper (``chen2022``); all without a label."""
    if label is None:
        return proofs()
    found = tuple(one for one in proofs() if label in (_card(one), _card(one).partition(".")[0], one.name))
    if not found:
        raise UsageError(
            f"there is no proof of {label!r} yet: {nearest(label, sorted({_card(one) for one in proofs()}))}"
        )
    return found


def _card(proof: Proof) -> str:
    return proof.name.split()[0]


def ledger(label: str, number: int, json: str | None) -> int:
    """Print where a card's proofs lose their constants, on its example number ``number`` (from 1)."""
    from theorycheck import theorems
    from theorycheck._cli_flags import only
    from theorycheck._cli_output import json_writer, say
    from theorycheck.ledger import ledger as of

    theorem = only(theorems.cards(), label)
    chosen = [proof for proof in _chosen(label) if proof.chain]
    if not chosen:
        raise UsageError(f"no proof of {label} has a chain of inequalities: there is nothing to share out")
    if not 1 <= number <= len(theorem.showcase):
        raise UsageError(
            f"--example {number}: {label} has {len(theorem.showcase)}, so give 1 to {len(theorem.showcase)}"
        )
    write = json_writer(json)
    flags = dict(theorem.showcase[number - 1])
    try:
        found = [of(theorem, proof, theorem.example(**flags)) for proof in chosen]
    except ValueError as problem:
        raise UsageError(f"{label}: {one_line(problem)}") from None
    if json != "-":
        say([f"on {', '.join(f'--{key} {value}' for key, value in flags.items()) or 'the default example'}", ""])
        for one in found:
            say([*_lines(one), ""])
    write({"card": label, "flags": flags, "ledgers": [_document(one) for one in found]})
    return 0


def _lines(found: Ledger) -> Iterator[Table | str]:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from theorycheck.ledger import largest_first

    table = Table(
        box=SIMPLE_HEAD, title=f"{found.name}: loose by a factor of {found.whole.ratio:.4g}", title_justify="left"
    )
    for name in ("step", "says", "left", "right", "ratio", "share"):
        table.add_column(name, justify="left" if name in ("step", "says") else "right", overflow="fold")
    for one in largest_first(found):
        share = f"{one.share:.0%}" if math.isfinite(one.share) else ""
        table.add_row(
            one.label,
            one.says,
            f"{one.lhs:.4g}",
            f"{one.rhs:.4g}",
            f"{one.ratio:.4g} ± {one.ratio * one.error:.1g}",
            share,
        )
    yield table


def _document(found: Ledger) -> dict[str, Any]:
    def plain(value: float) -> float | None:
        return value if math.isfinite(value) else None

    rows = [
        {
            "step": one.label,
            "left": plain(one.lhs),
            "right": plain(one.rhs),
            "ratio": plain(one.ratio),
            "share": plain(one.share),
        }
        for one in found.entries
    ]
    return {"name": found.name, "whole": plain(found.whole.ratio), "steps": rows}
