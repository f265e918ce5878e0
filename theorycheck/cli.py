"""The command line: ``theorycheck list | show | check | hunt | experiment | prove | ledger | certify | recheck``.

Exit status: 0 fine; 1 refuted, broken, not certified or not valid; 2 wrong usage or bad input; 130 stopped by Ctrl-C.
Whatever computes is imported inside the verbs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from theorycheck import __version__
from theorycheck._cli_flags import UsageError, check_signature, named, one_line, only, select, sentence

if TYPE_CHECKING:
    from theorycheck.statement import Theorem

VERBS = ("list", "show", "check", "hunt", "experiment", "prove", "ledger", "certify", "recheck")
JsonFile = Annotated[str | None, Parameter(help="Write JSON to this file; - is standard output.", show_default=False)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    try:
        special = {"check": _check_verb, "certify": _certify_verb}
        return special.get(tokens[0] if tokens else "", _run)(tokens)
    except UsageError as problem:
        print(f"theorycheck: error: {one_line(problem)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("theorycheck: stopped by Ctrl-C; nothing was written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read our output has gone; Python must not complain about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def list_cards(*, markdown: Annotated[bool, Parameter(negative=())] = False, json: JsonFile = None) -> int:
    """List every card: its standing, its claims, and what the paper's abstract claims.

    Parameters
    ----------
    markdown
        Print the table that README carries.
    """
    from theorycheck._cli_show import listing

    return listing(markdown, json)


def show(card: str, /, *, format: Literal["text", "markdown", "latex"] = "text", json: JsonFile = None) -> int:
    """Show one card: its assumptions, its claims, where it comes from and its flags.

    Parameters
    ----------
    card
        Its label, such as caron2023.r1.
    format
        How to write it.
    """
    from theorycheck._cli_show import one

    return one(card, format, json)


def check(card: str | None = None, /, **flags: str) -> None:
    """Hold cards against networks: all of them, a paper's, or one; see check CARD --help."""


def hunt(
    card: str,
    claim: str | None = None,
    /,
    *,
    examples: int = 60,
    seed: int = 0,
    draws: int | None = None,
    json: JsonFile = None,
) -> int:
    """Look among a card's own adversarial instances for the one that hurts a claim most.

    Parameters
    ----------
    card
        Its label, such as chen2022.naive.
    claim
        One of its claims, or of its sabotages (false versions, which must be refuted); every claim without one.
    examples
        How many instances to look at for each claim; a refutation ends the search.
    seed
        Another seed looks at other instances.
    draws
        How many draws of the weights a claim about probability is judged by.
    """
    from theorycheck import theorems
    from theorycheck._cli_hunt import run

    return run(only(theorems.cards(), card, theorems.conjectures()), claim, examples, seed, draws, json)


def experiment(
    name: str | None = None,
    /,
    *,
    seeds: int = 0,
    only: str | None = None,
    picture: str | None = None,
    json: JsonFile = None,
) -> int:
    """Run an experiment: what is seen over many runs where nothing is proved, with intervals.

    Parameters
    ----------
    name
        Its label, such as chen2022.generalisation; theorycheck list names them all.
    seeds
        How often every point is run, at least 2; 0 is the experiment's own number.
    only
        A part of it: FACTOR=VALUE, such as scaling=NTK; a wrong one lists what there is.
    picture
        Draw it to this file: .svg, .png or .pdf.
    """
    from theorycheck._cli_experiment import run

    return run(name, seeds, only, picture, json)


def prove(card: str | None = None, /, *, json: JsonFile = None) -> int:
    """Check the steps of the proofs: each with its trust, and what is broken.

    Parameters
    ----------
    card
        A card or a paper, such as chen2022.a or core; every proof without one.
    """
    from theorycheck import _cli_prove

    return _cli_prove.prove(card, json)


def ledger(card: str, /, *, example: int = 1, json: JsonFile = None) -> int:
    """Say where a theorem loses its constants: the steps of its proof on an instance, the lossy ones first.

    Parameters
    ----------
    card
        Its label, such as chen2022.a.
    example
        Which of the card's own examples, from 1.
    """
    from theorycheck import _cli_prove

    return _cli_prove.ledger(card, example, json)


def certify(card: str | None = None, /, **flags: str) -> None:
    """Prove a theorem's conclusions for one network, for all time; see certify CARD --help."""


def recheck(file: str, /, *, json: JsonFile = None) -> int:
    """Derive every number of a certificate file again, by other code, and say whether it is valid.

    Parameters
    ----------
    file
        The JSON file that certify --out has written; its .npz file stands beside it.
    """
    from theorycheck._cli_recheck import recheck as again

    return again(file, json)


def _certify_verb(tokens: Sequence[str]) -> int:
    """Parse ``certify`` with the flags of the theorem that the tokens name, then run it."""
    from theorycheck._cli_certify import certify_signature, chosen, listing, run
    from theorycheck.theorems import recipes

    known = {one.label: one for one in recipes()}
    guess = next((token for token in tokens[1:] if token in known), None)

    def verb(*args: Any, **given: Any) -> None:
        """Only parsed, never called."""

    signature = certify_signature(known[guess] if guess else None)
    about = f"{guess}: {known[guess].title}" if guess else f"What can be certified:\n\n{listing(recipes())}"
    verb.__doc__ = f"Prove a theorem's conclusions for one network, for all time.\n\n{about}"
    verb.__name__ = certify.__name__
    verb.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    verb.__signature__ = signature  # type: ignore[attr-defined]
    command, bound = _parse(_application(check, verb), tokens)
    if command.__name__ != certify.__name__:
        return command(*bound.args, **bound.kwargs) or 0
    given = dict(bound.arguments)
    return run(chosen(given.pop("card", None)), given, given.pop("json", None))


def _check_verb(tokens: Sequence[str]) -> int:
    """Parse ``check`` with the flags of the cards that the tokens name, then run it."""
    from theorycheck import theorems

    cards, apart = theorems.cards(), theorems.conjectures()
    guess = named((*cards, *apart), tokens[1:])
    command, bound = _parse_check(select(cards, guess, apart), tokens)
    if command.__name__ != check.__name__:
        return command(*bound.args, **bound.kwargs) or 0
    given = dict(bound.arguments)
    label = given.pop("card", None)
    if label != guess:
        # a flag's value looked like a card's name, or the name is unknown
        given = dict(_parse_check(select(cards, label, apart), tokens)[1].arguments)
        given.pop("card", None)
    return _check(select(cards, label, apart), given.pop("draws", None), given.pop("json", None), given)


def _parse_check(chosen: Sequence[Theorem], tokens: Sequence[str]) -> tuple[Callable[..., Any], inspect.BoundArguments]:
    def verb(*args: Any, **given: Any) -> None:
        """Only parsed, never called."""

    signature = check_signature(chosen)
    title = f"{chosen[0].label}: {chosen[0].title}" if len(chosen) == 1 else f"{len(chosen)} cards"
    verb.__doc__ = f"Hold a theorem against networks. {title}"
    verb.__name__ = check.__name__
    verb.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    verb.__signature__ = signature  # type: ignore[attr-defined]
    return _parse(_application(verb, certify), tokens)


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


def _application(check_verb: Callable[..., int | None], certify_verb: Callable[..., int | None]) -> App:
    app = App(
        name="theorycheck",
        help="Hold convergence theorems about neural networks against accurately simulated gradient flow.",
        version=__version__,
        help_format="plaintext",
        result_action="return_value",
    )
    app.command(list_cards, name="list")
    app.command(show)
    app.command(check_verb, name="check")
    for verb in (hunt, experiment, prove, ledger):
        app.command(verb)
    app.command(certify_verb, name="certify")
    app.command(recheck)
    return app


def _run(tokens: Sequence[str]) -> int:
    command, bound = _parse(_application(check, certify), tokens)
    return command(*bound.args, **bound.kwargs) or 0


def _parse(app: App, tokens: Sequence[str]) -> tuple[Callable[..., Any], inspect.BoundArguments]:
    try:
        command, bound, _ = app.parse_args(_joined(tokens), exit_on_error=False, print_error=False)
    except CycloptsError as problem:
        raise UsageError(sentence(problem, VERBS)) from None
    return command, bound


def _joined(tokens: Sequence[str]) -> list[str]:
    """Write ``--json -`` as ``--json=-``: cyclopts takes a lone hyphen for the start of a flag."""
    words: list[str] = []
    for token in tokens:
        if token == "-" and words and words[-1] == "--json":
            words[-1] = "--json=-"
        else:
            words.append(token)
    return words
