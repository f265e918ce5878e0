"""The cards, one module or package per paper; the folder listing is the registry."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from theorycheck.certify.recipe import Recipe
from theorycheck.comparison import Comparison
from theorycheck.experiment import Experiment
from theorycheck.sharpen import Sharpening
from theorycheck.statement import Paper, Theorem


@cache
def _modules() -> tuple[object, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    # what every paper uses comes first
    names.sort(key=lambda name: name != "core")
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


def papers() -> tuple[Paper, ...]:
    """Return every paper, core first."""
    return tuple(module.PAPER for module in _modules())  # type: ignore[attr-defined]


def cards() -> tuple[Theorem, ...]:
    """Return every card, paper by paper, in the paper's order."""
    return tuple(theorem for module in _modules() for theorem in module.THEOREMS)  # type: ignore[attr-defined]


def conjectures() -> tuple[Theorem, ...]:
    """Return the statements that are known to be false, kept for their counterexamples; none of them is a card of the list."""
    return tuple(theorem for module in _modules() for theorem in getattr(module, "CONJECTURES", ()))


def card(label: str) -> Theorem:
    """Return the card, or the conjecture, with this label.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {theorem.label: theorem for theorem in (*cards(), *conjectures())}[label]


def experiments() -> tuple[Experiment, ...]:
    """Return every experiment, paper by paper."""
    return tuple(one for module in _modules() for one in getattr(module, "EXPERIMENTS", ()))


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
