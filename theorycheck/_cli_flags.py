"""From cards to command-line flags and back, and one clear sentence for each mistake.

``theorycheck check`` has no flags of its own for instances: its signature is put together
from the examples of the cards that were asked for.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args

from cyclopts import CycloptsError, Parameter, Token
from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

if TYPE_CHECKING:
    from theorycheck.flags import Flag
    from theorycheck.statement import Theorem

OWN = ("card", "draws", "json")  # what `check` takes whatever the card
KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


class UsageError(Exception):
    """A wrong command line or bad input: one sentence that names the argument and the mend."""


def check_signature(theorems: Sequence[Theorem]) -> inspect.Signature:
    """Return the signature of ``check`` for these cards: its own parameters and their flags."""
    from theorycheck.flags import flags_of

    found: dict[str, list[Flag]] = {}
    for theorem in theorems:
        for flag in flags_of(theorem):
            if flag.name in OWN:
                raise ValueError(
                    f"{theorem.label}: the example's parameter {flag.name!r} is taken by `check`: rename it"
                )
            found.setdefault(flag.name, []).append(flag)
    card = inspect.Parameter(
        "card",
        inspect.Parameter.POSITIONAL_ONLY,
        default=None,
        annotation=Annotated[str | None, Parameter(help="A card or a paper; everything if left out.")],
    )
    own = [keyword("draws", int | None, None, DRAWS, None), keyword("json", str | None, None, JSON, None)]
    cards = [keyword(name, same[0].kind, same[0].default, same[0].says, _default(same)) for name, same in found.items()]
    return inspect.Signature([card, *cards, *own])


def card_signature(theorem: Theorem | None, own: Mapping[str, tuple[Any, Any, str, str | None]]) -> inspect.Signature:
    """Return the signature of a verb about one card: the card, the verb's own flags, and those of the card's example."""
    from theorycheck.flags import flags_of

    card = inspect.Parameter(
        "card",
        inspect.Parameter.POSITIONAL_ONLY,
        default=None,
        annotation=Annotated[str | None, Parameter(help="A card, such as caron2023.r1.")],
    )
    flags = flags_of(theorem) if theorem else ()
    return inspect.Signature(
        [
            card,
            *(keyword(flag.name, flag.kind, flag.default, flag.says, flag.default_text) for flag in flags),
            *(keyword(name, kind, default, says, shown) for name, (kind, default, says, shown) in own.items()),
            keyword("json", str | None, None, JSON, None),
        ]
    )


DRAWS = "How many draws of the weights a claim about probability is judged by."
JSON = "Write the result as JSON to this file; - writes it, and nothing else, to standard output."


def keyword(name: str, kind: Any, default: Any, says: str, shown: str | None) -> inspect.Parameter:
    """Return a flag as a keyword parameter; ``shown`` is the default as the help shows it."""
    option = "--" + name.replace("_", "-")
    help_text = f"{says} [default: {shown}]" if shown is not None else says
    converter = {"converter": _whole} if _is_whole(kind) else {}
    spelled = Parameter(name=option, help=help_text, show_default=False, **converter)  # type: ignore[arg-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, spelled])


def _default(same: Sequence[Flag]) -> str | None:
    """Return the default to show; cards that were asked for together may differ."""
    texts = {flag.default_text for flag in same}
    return texts.pop() if len(texts) == 1 else "depends on the card"


def _is_whole(kind: Any) -> bool:
    from theorycheck.flags import plain_types

    return plain_types(kind) == (int,)


def _whole(kind: Any, tokens: Sequence[Token]) -> int:
    """Read a whole number; 2.5 is refused, not cut off, and 1e4 is what it says."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        value = float(text)
        if len(text) > 20 or not value.is_integer():
            raise ValueError("not whole") from None
        return int(value)


def select(theorems: Sequence[Theorem], label: str | None, apart: Sequence[Theorem] = ()) -> tuple[Theorem, ...]:
    """Return the cards that a label or a paper's key names; all of them without one.

    Those ``apart`` (statements known to be false) are found by their own label only.
    """
    if label is None:
        return tuple(theorems)
    alone = tuple(theorem for theorem in apart if label == theorem.label)
    chosen = alone or tuple(
        theorem for theorem in theorems if label in (theorem.label, theorem.label.partition(".")[0])
    )
    if not chosen:
        names = [theorem.label for theorem in (*theorems, *apart)]
        raise UsageError(f"there is no card or paper {label!r}: {nearest(label, names)}")
    return chosen


def only(theorems: Sequence[Theorem], label: str, apart: Sequence[Theorem] = ()) -> Theorem:
    """Return the one card with this label; a paper's key is refused."""
    chosen = select(theorems, label, apart)
    if chosen[0].label != label:
        raise UsageError(f"{label!r} is a paper: name one of its cards, {', '.join(one.label for one in chosen)}")
    return chosen[0]


def named(theorems: Iterable[Theorem], tokens: Sequence[str]) -> str | None:
    """Return the first word of a command line that is the name of a card or of a paper."""
    labels = {theorem.label for theorem in theorems}
    labels |= {label.partition(".")[0] for label in labels}
    return next((token for token in tokens if token in labels), None)


def split(theorem: Theorem, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the flags that the card's example has, and the options that it does not have."""
    from theorycheck.flags import flags_of

    known = {flag.name for flag in flags_of(theorem)}
    missing = ["--" + name.replace("_", "-") for name in given if name not in known]
    return {name: value for name, value in given.items() if name in known}, missing


def sentence(error: CycloptsError, verbs: Sequence[str]) -> str:
    """Return what is wrong with a command line, and the mend, as one sentence."""
    told: Mapping[type, Callable[[Any], str]] = {
        CoercionError: _wrong_type,
        UnknownOptionError: _unknown_flag,
        UnknownCommandError: lambda e: f"there is no verb {e.unused_tokens[0]!r}: {nearest(e.unused_tokens[0], verbs)}",
        UnusedCliTokensError: lambda e: f"{e.unused_tokens[0]!r} is one word too many: a flag's value follows its flag",
        MissingArgumentError: _no_value,
        RepeatArgumentError: lambda e: f"{e.token.keyword} is given more than once: give it once",
    }
    for kind, tell in told.items():
        if isinstance(error, kind):
            return tell(error)
    return one_line(error)


def one_line(error: BaseException) -> str:
    """Return an exception's text on one line, or its name if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _wrong_type(error: CoercionError) -> str:
    text = error.token.value if error.token else ""
    if choices := [str(one) for one in get_args(error.target_type) if isinstance(one, str)]:
        return f"{_option_of(error)} is one of {', '.join(choices)}, not {text!r}: choose one of them"
    kind = getattr(error.target_type, "__name__", str(error.target_type))
    return f"{_option_of(error)} takes {KINDS.get(kind, kind)}, not {text!r}: give {KINDS.get(kind, kind)}"


def _option_of(error: CycloptsError) -> str:
    argument = getattr(error, "argument", None)
    return str(argument.name) if argument is not None else "a flag"


def _no_value(error: MissingArgumentError) -> str:
    name = _option_of(error)
    return f"{name} needs a value: give one after it" if name.startswith("-") else f"{name} is missing: name one"


def _unknown_flag(error: UnknownOptionError) -> str:
    word = str(error.token.keyword or error.token.value)
    options = [name for argument in error.argument_collection for name in argument.names if name.startswith("--")]
    return f"there is no flag {word} here: {nearest(word, [*options, '--help'])}"


def nearest(word: str, names: Sequence[str]) -> str:
    """Say which of the names is nearest to a word, or list them."""
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.4)
    return f"the nearest is {' or '.join(near)}" if near else f"choose one of {', '.join(names)}"
