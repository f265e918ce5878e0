"""All cards at a glance: for a terminal, and the table that README keeps between markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rich.padding import Padding
from rich.text import Text

from theorycheck.report import markdown_escape
from theorycheck.statement import Paper, PaperClaim, Theorem

#: claims that have no proof, by card, and why
Unproved = Mapping[str, Mapping[str, str]]

NOBODY = "no card yet"
FALSE = "Known to be false, kept for their counterexamples"


def card_table(
    theorems: Sequence[Theorem],
    papers: Sequence[Paper],
    conjectures: Sequence[Theorem] = (),
    unproved: Unproved = MappingProxyType({}),
) -> list[Text | Padding]:
    """Return the cards paper by paper, under them what the abstract claims and who realises it; at the end what is false.

    ``unproved`` says which claims of a card have no proof, and why.
    """
    shown: list[Text | Padding] = []
    widest = max((len(theorem.label) for theorem in theorems), default=0)
    for paper in papers:
        shown.append(Text(f"{paper.key}: {paper.authors}, {paper.title} ({paper.year})", style="bold"))
        for theorem in theorems:
            if theorem.reference.paper == paper.key:
                shown += [*_card(theorem, widest), _indented(_proofs(theorem, unproved), 6, style="dim")]
        shown += [_indented("The abstract claims:", 2, style="italic")] if paper.claims else []
        for claim in paper.claims:
            shown.append(_indented(f"{claim.label}: {claim.says}", 4))
            shown.append(_indented(_realisers(claim), 8, style="dim"))
        shown.append(Text(""))
    if conjectures:
        shown.append(Text(f"{FALSE}:", style="bold"))
    for theorem in conjectures:
        shown += [*_card(theorem, widest), _indented(f"ask for it by name: theorycheck hunt {theorem.label}", 6)]
    return shown


def _card(theorem: Theorem, widest: int) -> list[Padding]:
    words = f"{theorem.label:{widest}}  {theorem.standing.value:10}  {', '.join(_claim_names(theorem))}"
    return [_indented(words, 2), _indented(theorem.title, 6, style="dim")]


def _indented(text: str, columns: int, style: str = "") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, columns), expand=False)


def _proofs(theorem: Theorem, unproved: Unproved) -> str:
    """Say whether every claim has a proof of checked steps, and why one has none."""
    missing = unproved.get(theorem.label, {})
    if not missing:
        return "every claim has a proof"
    return "without proof: " + "; ".join(f"{label} ({reason})" for label, reason in missing.items())


def card_table_markdown(
    theorems: Sequence[Theorem], papers: Sequence[Paper], unproved: Unproved = MappingProxyType({})
) -> str:
    """Return the cards, and the abstracts' claims with the cards that realise them, as two tables."""
    lines = ["| theorem | says | standing | claims | proved | realises |", "|---|---|---|---|---|---|"]
    for theorem in theorems:
        realised = [claim.label for paper in papers for claim in paper.claims if theorem.label in claim.realised_by]
        cells = (theorem.label, theorem.title, theorem.standing.value, ", ".join(_claim_names(theorem)))
        proved = len(theorem.claims) - len(unproved.get(theorem.label, {}))
        lines.append(_line(*cells, f"{proved} of {len(theorem.claims)}", ", ".join(realised)))
    if any(paper.claims for paper in papers):
        lines += ["", "| paper | the abstract's claim | says | realised by |", "|---|---|---|---|"]
    for paper in papers:
        for claim in paper.claims:
            lines.append(_line(paper.key, claim.label, claim.says, ", ".join(claim.realised_by) or NOBODY))
    return "\n".join(lines) + "\n"


def _realisers(claim: PaperClaim) -> str:
    return f"realised by {', '.join(claim.realised_by)}" if claim.realised_by else NOBODY


def _claim_names(theorem: Theorem) -> list[str]:
    """Return the labels of a card's claims; one that no simulation can confirm is marked."""
    return [claim.label + (" (beyond reach)" if claim.beyond_reach else "") for claim in theorem.claims]


def _line(*cells: str) -> str:
    return "| " + " | ".join(markdown_escape(cell) for cell in cells) + " |"
