"""The verbs whose flags are those of the card that is asked for: check, ledger, sharpen and certify; and compare, for all."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, card_signature, check_signature, named, only, select

if TYPE_CHECKING:
    from theorycheck.statement import Theorem

Parse = Callable[[Callable[..., Any], Sequence[str]], tuple[Callable[..., Any], inspect.BoundArguments]]


def run(tokens: Sequence[str], parse: Parse) -> int:
    """Run one of these verbs; ``parse`` reads the tokens with a signature that is made here."""
    verbs = {"check": _check_verb, "compare": _compare_verb, "ledger": _ledger_verb, "sharpen": _sharpen_verb, "certify": _certify_verb}  # fmt: skip
    return verbs[tokens[0]](tokens, parse)


def _verb(name: str, says: str, signature: inspect.Signature) -> Callable[..., Any]:
    """Return a function with this signature and help; it is only parsed, never called."""

    def verb(*args: Any, **given: Any) -> None:
        """Only parsed."""

    verb.__doc__, verb.__name__ = says, name
    verb.__annotations__ = {key: parameter.annotation for key, parameter in signature.parameters.items()}
    verb.__signature__ = signature  # type: ignore[attr-defined]
    return verb


def _certify_verb(tokens: Sequence[str], parse: Parse) -> int:
    from theorycheck._cli_certify import certify_signature, chosen, listing, run
    from theorycheck.theorems import recipes

    known = {one.label: one for one in recipes()}
    guess = next((token for token in tokens[1:] if token in known), None)
    about = f"{guess}: {known[guess].title}" if guess else f"What can be certified:\n\n{listing(recipes())}"
    says = f"Prove a theorem's conclusions for one network, for all time.\n\n{about}"
    command, bound = parse(_verb("certify", says, certify_signature(known[guess] if guess else None)), tokens)
    if command.__name__ != "certify":
        return command(*bound.args, **bound.kwargs) or 0
    given = dict(bound.arguments)
    return run(chosen(given.pop("card", None)), given, given.pop("json", None))


def _ledger_verb(tokens: Sequence[str], parse: Parse) -> int:
    from theorycheck import _cli_ledger, theorems

    cards = theorems.cards()
    guess = next((token for token in tokens[1:] if token in {card.label for card in cards}), None)
    theorem = only(cards, guess) if guess else None
    about = f"{guess}: {theorem.title}" if theorem else "Name a card, such as chen2022.a."
    says = f"Say where a theorem loses its constants: the steps of its proof on an instance, the lossy ones first.\n\n{about}"
    command, bound = parse(_verb("ledger", says, card_signature(theorem, _cli_ledger.OWN)), tokens)
    if command.__name__ != "ledger":
        return command(*bound.args, **bound.kwargs) or 0
    given = dict(bound.arguments)
    label = given.pop("card", None)
    if label is None:
        raise UsageError("the ledger needs a card: name one, such as chen2022.a")
    return _cli_ledger.ledger(only(cards, label), given)


def _sharpen_verb(tokens: Sequence[str], parse: Parse) -> int:
    from theorycheck import _cli_sharpen, theorems

    known = {one.theorem.label: one for one in theorems.sharpenings()}
    guess = next((token for token in tokens[1:] if token in known), None)
    theorem = known[guess].theorem if guess else None
    listed = "\n".join(f"  {one.theorem.label:<16} {one.theorem.title}" for one in known.values())
    about = f"{guess}: {theorem.title}" if theorem else f"What can be sharpened:\n\n{listed}"
    says = f"Replace a theorem's worst-case constants by those of your data: what width is left.\n\n{about}"
    command, bound = parse(_verb("sharpen", says, card_signature(theorem, _cli_sharpen.OWN)), tokens)
    if command.__name__ != "sharpen":
        return command(*bound.args, **bound.kwargs) or 0
    given = dict(bound.arguments)
    return _cli_sharpen.sharpen(_cli_sharpen.chosen(known, given.pop("card", None)), given)


def _compare_verb(tokens: Sequence[str], parse: Parse) -> int:
    from theorycheck import _cli_compare

    command, bound = parse(_verb("compare", _COMPARE, _cli_compare.signature()), tokens)
    if command.__name__ != "compare":
        return command(*bound.args, **bound.kwargs) or 0
    return _cli_compare.compare(dict(bound.arguments))


_COMPARE = """Say which theorem of which paper applies to your data, at what width, with what rate, and what is seen.

One table of all papers, least width first. A width is *stated* (the theorem's own expression, solved for m on your data) or
*tested* (networks are drawn, ever wider, until the theorem's test of the initial weights passes). Under the table stands why
a theorem does not apply, and the least change that would help. theorycheck compare --data points.csv --label-column y
"""


def _check_verb(tokens: Sequence[str], parse: Parse) -> int:
    from theorycheck import theorems

    cards, apart = theorems.cards(*tokens[1:]), theorems.conjectures(*tokens[1:])
    guess = named((*cards, *apart), tokens[1:])
    if guess is None or guess != tokens[1]:
        # without a card all are meant, and what looks like one may be a flag's value
        cards, apart = theorems.cards(), theorems.conjectures()
    command, bound = _parse_check(select(cards, guess, apart), tokens, parse)
    if command.__name__ != "check":
        return command(*bound.args, **bound.kwargs) or 0
    given = dict(bound.arguments)
    label = given.pop("card", None)
    if label != guess:
        # a flag's value looked like a card's name, or the name is unknown
        given = dict(_parse_check(select(cards, label, apart), tokens, parse)[1].arguments)
        given.pop("card", None)
    return _check(select(cards, label, apart), given.pop("draws", None), given.pop("json", None), given)


def _parse_check(
    chosen: Sequence[Theorem], tokens: Sequence[str], parse: Parse
) -> tuple[Callable[..., Any], inspect.BoundArguments]:
    title = f"{chosen[0].label}: {chosen[0].title}" if len(chosen) == 1 else f"{len(chosen)} cards"
    return parse(_verb("check", f"Hold a theorem against networks. {title}", check_signature(chosen)), tokens)


def _check(theorems: Sequence[Theorem], draws: int | None, json: str | None, given: dict[str, Any]) -> int:
    from theorycheck._cli_check import plan, run
    from theorycheck._cli_output import json_writer, say, width
    from theorycheck.report_json import check_document
    from theorycheck.report_table import notes, reasons, summary, verdict_tables

    if draws is not None and draws < 1:
        raise UsageError(f"--draws is {draws}: give a whole number of at least 1")
    started = time.perf_counter()
    write = json_writer(json)
    jobs, without = plan(theorems, given)
    reports, broken = run(jobs, draws)
    seconds = time.perf_counter() - started
    if json != "-":
        lines = [f"broken: {item['theorem']} ({item['flags']}): {item['error']}" for item in broken]
        lines += reasons(reports, theorems)
        lines += [*(f"note: {note}" for note in without), *notes(reports, theorems)]
        say([*verdict_tables(reports, theorems, width()), "", *lines, summary(reports, len(broken), seconds)])
    # last, so that a full disk does not cost the table
    write(check_document(theorems, reports, broken=broken, notes=without, seconds=seconds))
    return 1 if broken or any(report.refuted for report in reports) else 0
