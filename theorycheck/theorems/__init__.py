"""The cards, one module or package per paper; the folder listing is the registry.

A paper's expressions take a second or so to be derived. Who knows the paper gives its key, or any label that begins with it, and the
other papers are not imported.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from theorycheck.certify.recipe import Recipe
from theorycheck.comparison import Comparison
from theorycheck.experiment import Experiment
from theorycheck.sharpen import Sharpening
from theorycheck.statement import Paper, Theorem


@cache
def _names() -> tuple[str, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    # what every paper uses comes first
    return tuple(sorted(names, key=lambda name: name != "core"))


def _modules(about: Iterable[str] = ()) -> tuple[object, ...]:
    """Return the papers that these words begin with, in order; every paper if they begin with none."""
    named = {word.partition(".")[0] for word in about}
    chosen = [name for name in _names() if name in named] or _names()
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in chosen)


def papers(*about: str) -> tuple[Paper, ...]:
    """Return every paper, core first, or those that these words begin with."""
    return tuple(module.PAPER for module in _modules(about))  # type: ignore[attr-defined]


def cards(*about: str) -> tuple[Theorem, ...]:
    """Return every card, paper by paper, in the paper's order, or those of the papers that these words begin with."""
    return tuple(theorem for module in _modules(about) for theorem in module.THEOREMS)  # type: ignore[attr-defined]


def conjectures(*about: str) -> tuple[Theorem, ...]:
    """Return the statements that are known to be false, kept for their counterexamples; none of them is a card of the list."""
    return tuple(theorem for module in _modules(about) for theorem in getattr(module, "CONJECTURES", ()))


def card(label: str) -> Theorem:
    """Return the card, or the conjecture, with this label.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {theorem.label: theorem for theorem in (*cards(label), *conjectures(label))}[label]


def experiments(*about: str) -> tuple[Experiment, ...]:
    """Return every experiment, paper by paper, or those of the papers that these words begin with."""
    return tuple(one for module in _modules(about) for one in getattr(module, "EXPERIMENTS", ()))


def sharpenings() -> tuple[Sharpening, ...]:
    """Return every theorem whose width can be sharpened on given data, paper by paper."""
    return tuple(one for module in _modules() for one in getattr(module, "SHARPENINGS", ()))


def comparisons() -> tuple[Comparison, ...]:
    """Return every line of the table that compares all papers on given data, paper by paper."""
    return tuple(one for module in _modules() for one in getattr(module, "COMPARISONS", ()))


def recipes() -> tuple[Recipe, ...]:
    """Return every theorem that can be certified on one network, paper by paper."""
    return tuple(recipe for module in _modules() for recipe in getattr(module, "CERTIFICATES", ()))


def recipe(label: str) -> Recipe:
    """Return what certifies the theorem with this label.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {one.label: one for one in recipes()}[label]
