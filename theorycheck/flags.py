"""A card's flags: the keyword parameters of its ``example``, with help, type and default.

The example is the single source: the command line, its help and the rendered card all
read the flags from here, so they cannot disagree with what the example accepts.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol


class HasExample(Protocol):
    """A card, or a theorem that can be certified: both make instances from keyword parameters."""

    @property
    def label(self) -> str:
        """Its name."""

    @property
    def example(self) -> Callable[..., Any]:
        """Keyword parameters -> an instance or a problem."""


@dataclass(frozen=True)
class Flag:
    """One keyword parameter of a card's example.

    Parameters
    ----------
    name
        The parameter's name in Python, with underscores.
    kind
        The annotated type, without its help text.
    says
        The help text, one line.
    default
        The value used when the flag is not given.
    """

    name: str
    kind: Any
    says: str
    default: Any

    @property
    def option(self) -> str:
        """The flag as it is typed: ``--label-column``."""
        return "--" + self.name.replace("_", "-")

    @property
    def type_name(self) -> str:
        """The type in words, such as ``int`` or ``str``; an optional value is not marked."""
        return " or ".join(getattr(kind, "__name__", str(kind)) for kind in plain_types(self.kind))

    @property
    def default_text(self) -> str:
        """The default as it would be typed, or ``none``, or ``empty``."""
        return "none" if self.default is None else str(self.default) or "empty"


def plain_types(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union without ``None``, or the type alone."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return tuple(part for part in typing.get_args(kind) if part is not type(None))
    return (kind,)


def flags_of(theorem: HasExample) -> tuple[Flag, ...]:
    """Return the flags of a card, in the order of its example's parameters.

    Raises
    ------
    ValueError
        If a parameter has no default: a card must run without flags.
    """
    return tuple(
        _flag(theorem.label, parameter)
        for parameter in inspect.signature(theorem.example, eval_str=True).parameters.values()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    )


def _flag(label: str, parameter: inspect.Parameter) -> Flag:
    if parameter.default is parameter.empty:
        raise ValueError(f"{label}: the example's parameter {parameter.name!r} has no default: give it one")
    kind, says = parameter.annotation, ""
    if typing.get_origin(kind) is Annotated:
        kind, *extras = typing.get_args(kind)
        says = next((extra for extra in extras if isinstance(extra, str)), "")
    if kind is parameter.empty:
        kind = str if parameter.default is None else type(parameter.default)
    return Flag(parameter.name, kind, " ".join(says.split()), parameter.default)
