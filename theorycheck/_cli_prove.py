"""The work behind ``theorycheck prove``: the proofs that stand in files of their own, checked, drawn, typeset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck._cli_flags import UsageError, nearest, one_line

if TYPE_CHECKING:
    from theorycheck.proof import Proof


def proofs(paper: str | None = None) -> tuple[Proof, ...]:
    """Return every proof, or those of a paper's file.

    Raises
    ------
    UsageError
        If there is no folder of proofs beside the package.
    """
    from theorycheck import proof_files

    try:
        return proof_files.proofs(paper)
    except proof_files.NoProofs as problem:
        raise UsageError(str(problem)) from None


def prove(label: str | None, form: str, graph: str | None, json: str | None) -> int:
    """Check the proofs of a card, of a paper, or all; status 1 if a step is broken."""
    from theorycheck._cli_output import json_writer, say_text
    from theorycheck._cli_recheck import bar
    from theorycheck.proof_steps import Trust
    from theorycheck.report_graph import draw, mermaid
    from theorycheck.report_ledger import check_picture
    from theorycheck.report_proof import counts, latex, proof_document, proof_lines

    chosen = _chosen(label)
    write = json_writer(json)
    try:
        if graph:
            check_picture(Path(graph))
        found = []
        with bar() as progress:
            for number, proof in enumerate(chosen):
                progress(number / len(chosen), proof.name)
                found.append((proof, proof.check()))
                if json != "-" and form == "text":
                    say_text("\n".join(proof_lines(*found[-1])) + "\n\n")
        if graph:
            draw(found, Path(graph))
    except (ValueError, OSError) as problem:
        raise UsageError(one_line(problem)) from None
    every = [one for _, checked in found for one in checked]
    if json != "-":
        say_text({"text": lambda: f"{len(chosen)} proofs, {counts(every)}", "latex": lambda: latex(found), "mermaid": lambda: mermaid(found)}[form]())
    write({"proofs": [proof_document(proof, checked) for proof, checked in found]})
    return 1 if any(one.trust is Trust.BROKEN for one in every) else 0


def _chosen(label: str | None) -> tuple[Proof, ...]:
    """Return the proofs of a card (``chen2022.a``) or a paper (``chen2022``); all without a label."""
    if label is None:
        return proofs()
    near = proofs(label.split(" ")[0].partition(".")[0])
    found = tuple(one for one in near if label in (_card(one), _card(one).partition(".")[0], one.name))
    if not found:
        raise UsageError(
            f"there is no proof of {label!r} yet: {nearest(label, sorted({_card(one) for one in proofs()}))}"
        )
    return found


def _card(proof: Proof) -> str:
    return proof.name.split()[0]
