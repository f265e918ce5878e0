"""The work behind ``theorycheck prove``: the proofs that stand in files of their own, checked, drawn, typeset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck._cli_flags import UsageError, nearest, one_line

if TYPE_CHECKING:
    from theorycheck.proof import Proof
    from theorycheck.proof_steps import Checked


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
    """Check the proofs of a card, of a paper, or all, and what they apply; status 1 if a step is broken."""
    from theorycheck._cli_output import json_writer, say_text
    from theorycheck.proof_steps import Trust
    from theorycheck.report_graph import draw, mermaid
    from theorycheck.report_ledger import check_picture
    from theorycheck.report_proof import behind_line, counts, latex, proof_document, proof_lines, trusts

    write = json_writer(json)
    try:
        if graph:
            check_picture(Path(graph))
        found, others = _checked(*_chosen(label))
        trust = trusts([*found, *others])
        if graph:
            draw(found, Path(graph), trust)
    except (ValueError, OSError) as problem:
        raise UsageError(one_line(problem)) from None
    every = [one for _, checked in found for one in checked]
    if json != "-" and form == "text":
        say_text("".join("\n".join(proof_lines(*one, trust)) + "\n\n" for one in found))
        say_text(f"{len(found)} proofs, {counts(every)}")
        if missing := _without(label):
            say_text(missing)
        if others:
            say_text(behind_line([proof for proof, _ in others], trust))
    elif json != "-":
        say_text(latex(found) if form == "latex" else mermaid(found, trust))
    write({"proofs": [proof_document(*one) for one in found], "stands_on": [proof_document(*one) for one in others]})
    return 1 if any(one.trust is Trust.BROKEN for _, checked in (*found, *others) for one in checked) else 0


Found = list[tuple["Proof", list["Checked"]]]


def _without(label: str | None) -> str:
    """Return a line for the claims of what was asked for that have no proof, empty if there are none."""
    from theorycheck import theorems
    from theorycheck.proof_files import unproved

    asked = [
        one for one in theorems.cards() if label is None or one.label == label or one.label.startswith(f"{label}.")
    ]
    missing = [f"{card} {claim}" for card, found in unproved(asked).items() for claim in found]
    return f"without proof: {', '.join(missing)} (theorycheck list says why)" if missing else ""


def _checked(chosen: tuple[Proof, ...], others: tuple[Proof, ...]) -> tuple[Found, Found]:
    """Check proofs with a progress bar."""
    from theorycheck._cli_recheck import bar

    found = []
    with bar() as progress:
        for number, proof in enumerate((*chosen, *others)):
            progress(number / (len(chosen) + len(others)), proof.name)
            found.append((proof, proof.check()))
    return found[: len(chosen)], found[len(chosen) :]


def _chosen(label: str | None) -> tuple[tuple[Proof, ...], tuple[Proof, ...]]:
    """Return the proofs of a card (``chen2022.a``), a claim or a paper with the lemmas of their own, and what else they
    stand on; all proofs without a label."""
    from theorycheck.proof_files import behind

    if label is None:
        return proofs(), ()
    paper = label.split(" ")[0].partition(".")[0]
    every = proofs(paper)
    found = tuple(one for one in every if label in (_card(one), _card(one).partition(".")[0], one.name))
    if not found:
        names = sorted({_card(one) for one in every})
        raise UsageError(f"there is no proof of {label!r}: {nearest(label, names)}")
    rest = behind(found)
    # a lemma of the paper that no card states is part of the proof
    own = tuple(one for one in rest if _card(one) == _card(found[0]).partition(".")[0])
    return (*own, *found), tuple(one for one in rest if one not in own)


def _card(proof: Proof) -> str:
    return proof.name.split()[0]
