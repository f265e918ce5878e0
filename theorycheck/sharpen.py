"""Sharpened widths: a theorem's proof with its worst-case constants replaced by the user's data, one after the other.

A ladder begins at the width that the theorem states. Every rung replaces one more constant of the proof (a bound of a norm
by the norm, Markov's inequality by a tail, a fixed split by the best one) and says what width is left. The lowest rung is
a theorem of its own about these data; certificates of fresh draws at that width are the check that goes with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from theorycheck.certify.problem import Progress
from theorycheck.certify.recipe import Attempt, Recipe, certify
from theorycheck.model import Instance
from theorycheck.statement import Theorem
from theorycheck.symbolic.tails import clopper_pearson


@dataclass(frozen=True)
class Rung:
    """One replacement: what it is, and the least width that the proof asks for after it."""

    label: str
    says: str
    width: float


@dataclass(frozen=True)
class Sharpening:
    """How a theorem's width is sharpened.

    Parameters
    ----------
    theorem
        The card.
    ladder
        The rungs on an instance of the card (of which the weights are not looked at), the stated width first.
    recipe
        What certifies one network, and ``enough(attempt, instance)``: whether it proves what the theorem promises.
    """

    theorem: Theorem
    ladder: Callable[[Instance], tuple[Rung, ...]]
    recipe: Recipe
    enough: Callable[[Attempt, Instance], bool]


@dataclass(frozen=True)
class Trial:
    """How often fresh draws at a width were certified, with the exact (Clopper-Pearson) 95 % interval."""

    m: int
    passed: int
    draws: int
    low: float
    high: float


def tried(
    sharpening: Sharpening, flags: Mapping[str, Any], m: int, draws: int,
    progress: Progress = lambda fraction, stage: None,
) -> Trial:  # fmt: skip
    """Certify fresh draws of the weights at a width.

    Parameters
    ----------
    flags
        Of the card's example; the recipe takes those that it has as well.

    Raises
    ------
    BadInput
        If the recipe refuses the flags.
    """
    own = set(inspect.signature(sharpening.recipe.example).parameters)
    common = {name: value for name, value in flags.items() if name in own}
    instance = sharpening.theorem.example(**{**flags, "m": 1})
    passed = 0
    for draw in range(draws):
        progress(draw / draws, f"draw {draw + 1} of {draws} at m = {m}")
        attempt = certify(sharpening.recipe, sharpening.recipe.example(**{**common, "m": m, "draw": draw}))
        passed += attempt.holds and sharpening.enough(attempt, instance)
    low, high = clopper_pearson(passed, passed, draws, 0.025, 0.025)
    return Trial(m, passed, draws, low, high)
