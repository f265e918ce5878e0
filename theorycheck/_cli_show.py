"""The work behind ``theorycheck list`` and ``theorycheck show``."""

from __future__ import annotations


def listing(markdown: bool, json: str | None) -> int:
    """Print every card, conjecture and experiment, or the table that README carries."""
    from theorycheck import proof_files, theorems
    from theorycheck._cli_experiment import listing as experiments
    from theorycheck._cli_flags import UsageError
    from theorycheck._cli_output import json_writer, say, say_text
    from theorycheck.report_json import list_document
    from theorycheck.report_list import card_table, card_table_markdown

    write = json_writer(json)
    cards, papers = theorems.cards(), theorems.papers()
    try:
        missing = proof_files.unproved(cards)
    except proof_files.NoProofs as problem:
        raise UsageError(str(problem)) from None
    write(list_document(cards, papers, theorems.conjectures(), missing))
    if markdown and json != "-":
        say_text(card_table_markdown(cards, papers, missing))
    elif json != "-":
        say(card_table(cards, papers, theorems.conjectures(), missing))
        heading = "Experiments, observed and not proved (theorycheck experiment NAME):"
        say(["", heading, *(f"  {line}" for line in experiments())])
    return 0


def one(label: str, form: str, json: str | None) -> int:
    """Print one card as text, Markdown or LaTeX."""
    from theorycheck import report, theorems
    from theorycheck._cli_flags import only
    from theorycheck._cli_output import has_unicode, json_writer, say_text, width
    from theorycheck.report_json import show_document

    # what core says may be a part of any paper
    papers = theorems.papers(*([] if label.startswith("core") else [label]))
    chosen = only(theorems.cards(label), label, theorems.conjectures(label))
    json_writer(json)(show_document(chosen, papers))
    if json == "-":
        return 0
    if form == "text":
        say_text(report.card_text(chosen, papers, width=width(), unicode=has_unicode()))
    else:
        say_text((report.card_markdown if form == "markdown" else report.card_latex)(chosen, papers))
    return 0
