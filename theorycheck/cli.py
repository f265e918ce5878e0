"""The command line: ``theorycheck list | show | check | compare | hunt | experiment | prove | ledger | sharpen | certify | recheck``.

Exit status: 0 fine; 1 refuted, broken, not certified or not valid; 2 wrong usage or bad input; 130 stopped by Ctrl-C.
Whatever computes is imported inside the verbs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from theorycheck import __version__
from theorycheck._cli_flags import UsageError, one_line, only, sentence

VERBS = ("list", "show", "check", "compare", "hunt", "experiment", "prove", "ledger", "sharpen", "certify", "recheck")
JsonFile = Annotated[str | None, Parameter(help="Write JSON to this file; - is standard output.", show_default=False)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    try:
        return (_typed if tokens and tokens[0] in TYPED else _run)(tokens)
    except UsageError as problem:
        print(f"theorycheck: error: {one_line(problem)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        resumes = any(token.partition("=")[0] == "--resume" for token in tokens)
        kept = (
            "the runs made so far are in the file of --resume, so that the same command goes on"
            if resumes
            else "nothing was written"
        )
        print(f"theorycheck: stopped by Ctrl-C; {kept}", file=sys.stderr)
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


def compare(**flags: str) -> None:
    """Say which theorem of which paper applies to your data, at what width and rate; see compare --help."""


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

    return run(only(theorems.cards(card), card, theorems.conjectures(card)), claim, examples, seed, draws, json)


def experiment(
    name: str | None = None,
    /,
    *,
    seeds: int = 0,
    only: str | None = None,
    picture: str | None = None,
    json: JsonFile = None,
    resume: str | None = None,
    jobs: int = 0,
) -> int:
    """Run an experiment: what is seen over many runs where nothing is proved, with intervals.

    Parameters
    ----------
    name
        Its label, such as chen2022.generalisation; theorycheck list names them all.
    seeds
        How often every point is run; 0 is the experiment's own number. One seed has no interval: its answers stay open.
    only
        A part of it: FACTOR=VALUE, such as scaling=NTK; a wrong one lists what there is.
    picture
        Draw it to this file: .svg, .png or .pdf.
    resume
        Keep every run in this file of JSON lines, and make only those that it does not hold yet.
    jobs
        How many processes; 0 is as many as there are cores. The results do not depend on it.
    """
    from theorycheck._cli_experiment import run

    return run(name, seeds, only, picture, json, resume, jobs)


def prove(
    card: str | None = None,
    /,
    *,
    format: Literal["text", "latex", "mermaid"] = "text",
    graph: str | None = None,
    json: JsonFile = None,
) -> int:
    """Check the steps of the proofs: each with its trust, and what is broken.

    Parameters
    ----------
    card
        A card, a claim in quotes or a paper, such as chen2022.a, "chen2022.a rate" or core; every proof without one.
    format
        How to write the proofs: as text, as a LaTeX document, or as a Mermaid graph of what stands on what.
    graph
        Draw that graph to this file, coloured by trust: .svg, .png or .pdf.
    """
    from theorycheck import _cli_prove

    return _cli_prove.prove(card, format, graph, json)


def ledger(card: str | None = None, /, **flags: str) -> None:
    """Say where a theorem loses its constants, step by step of its proof; see ledger CARD --help."""


def sharpen(card: str | None = None, /, **flags: str) -> None:
    """Replace a theorem's worst-case constants by those of your data: what width is left; see sharpen CARD --help."""


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


def _typed(tokens: Sequence[str]) -> int:
    """Parse a verb with the flags of the card that the tokens name, then run it."""
    from theorycheck import _cli_verbs

    def parse(verb: Callable[..., Any], words: Sequence[str]) -> tuple[Callable[..., Any], inspect.BoundArguments]:
        return _parse(_application({verb.__name__: verb}), words)

    return _cli_verbs.run(tokens, parse)


#: verbs whose flags are those of the card that is asked for, or of all cards
TYPED = ("check", "compare", "ledger", "sharpen", "certify")


def _application(typed: Mapping[str, Callable[..., int | None]]) -> App:
    app = App(
        name="theorycheck",
        help="Hold convergence theorems about neural networks against accurately simulated gradient flow.",
        version=__version__,
        help_format="plaintext",
        result_action="return_value",
    )
    app.command(list_cards, name="list")
    for verb in (show, check, compare, hunt, experiment, prove, ledger, sharpen, certify, recheck):
        app.command(typed.get(verb.__name__, verb), name=verb.__name__)
    return app


def _run(tokens: Sequence[str]) -> int:
    command, bound = _parse(_application({}), tokens)
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
