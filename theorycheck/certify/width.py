"""How wide? The least width at which a certificate goes through on given data, by bisection over fresh draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from theorycheck.certify.problem import Progress
from theorycheck.certify.recipe import Dynamics, Recipe, certify
from theorycheck.symbolic.tails import clopper_pearson

#: bisection stops when the ends are this close, as a ratio
CLOSE = 1.05
#: draws that decide whether a width is enough, by majority
VOTES = 5
#: a miss by more than this factor is no accident of the draw
FAR = 4.0


@dataclass(frozen=True)
class Width:
    """The answer: a width, how often its certificate went through, and the setting it is for.

    ``m`` is None if no width up to the limit was enough. ``low`` and ``high`` are the ends of the
    exact (Clopper-Pearson) 95 % interval of the frequency over fresh draws. ``settings`` lists every
    setting with its least width, or None and the width up to which it was looked at.
    """

    m: int | None
    passed: int
    draws: int
    low: float
    high: float
    setting: Mapping[str, Any]
    tried: tuple[tuple[int, bool], ...]
    settings: tuple[tuple[Mapping[str, Any], int | None, int], ...] = ()


def find_width(
    recipe: Recipe, flags: Mapping[str, Any], *, dynamics: Dynamics | None = None, draws: int = 20,
    limit: int = 1_000_000, progress: Progress = lambda fraction, stage: None,
) -> Width:  # fmt: skip
    """Return the least width at which most draws of the weights are certified, over the recipe's settings.

    A setting (gamma, a scheme of rates, an output scale) that the flags fix is left as it is; otherwise the
    recipe's values are tried, and the one with the least width is taken.

    Parameters
    ----------
    flags
        Of the recipe's example; ``m`` and ``draw`` are chosen here.
    draws
        Fresh draws at the width that was found, for its frequency.
    limit
        The largest width that is tried.

    Raises
    ------
    BadInput
        If the flags are wrong.
    """
    best: Width | None = None
    settings: list[tuple[Mapping[str, Any], int | None, int]] = []
    for setting in _settings(recipe, flags):
        most = best.m if best and best.m else limit  # a setting that needs more than the best is not looked at further
        found = _search(recipe, {**flags, **setting}, setting, dynamics, most, progress)
        settings.append((setting, found.m, most))
        if best is None or (found.m is not None and (best.m is None or found.m < best.m)):
            best = found
    assert best is not None
    if best.m is None:
        return replace(best, settings=tuple(settings))
    fresh = count(10_001)
    passed = sum(not _missed(recipe, {**flags, **best.setting}, best.m, next(fresh), dynamics) for _ in range(draws))
    low, high = clopper_pearson(passed, passed, draws, 0.025, 0.025)
    return replace(best, passed=passed, draws=draws, low=low, high=high, settings=tuple(settings))


def _settings(recipe: Recipe, flags: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    free = [(name, values) for name, values in recipe.knobs.items() if name not in flags]
    if not free:
        yield {}
        return
    (name, values), *_ = free
    for value in values:
        yield {name: value}


def _search(
    recipe: Recipe, flags: Mapping[str, Any], setting: Mapping[str, Any], dynamics: Dynamics | None, limit: int,
    progress: Progress,
) -> Width:  # fmt: skip
    fresh, tried = count(1), []

    def enough(m: int) -> float:
        """Return 0 if most draws pass, else by how much a draw missed."""
        progress(0.0, f"m = {m}" + "".join(f", {name} = {value}" for name, value in setting.items()))
        missed = _majority(lambda: _missed(recipe, flags, m, next(fresh), dynamics))
        tried.append((m, not missed))
        return missed

    low, high = 1, min(64, limit)
    while missed := enough(high):
        if high >= limit:
            return Width(None, 0, 0, 0.0, 1.0, dict(setting), tuple(tried))
        # what is missed falls no faster than 1/m, so a miss by 20 times is worth a leap
        low, high = high, min(limit, 2 * round(high * min(max(1.0, missed / 4), 32.0)))
    while high > low * CLOSE and high - low > 2:
        middle = 2 * (round((low * high) ** 0.5) // 2)  # even: mirrored neurons come in pairs
        if middle in (low, high) or enough(middle):
            low = max(middle, low + 1)
        else:
            high = middle
    return Width(high, 0, 0, 0.0, 1.0, dict(setting), tuple(tried))


def _majority(vote: Callable[[], float]) -> float:
    """Return 0 if most of the votes are 0, else one that is not; a miss by far settles it at once."""
    ayes, noes, missed = 0, 0, 0.0
    while max(ayes, noes) <= VOTES // 2:
        found = vote()
        if found > FAR:
            return found
        if found:
            noes, missed = noes + 1, found
        else:
            ayes += 1
    return missed if noes > ayes else 0.0


def _missed(recipe: Recipe, flags: Mapping[str, Any], m: int, draw: int, dynamics: Dynamics | None) -> float:
    """Return 0 if a draw is certified, else the largest ratio of a missed test's sides (at least 1)."""
    found = certify(recipe, recipe.example(**{**flags, "m": m, "draw": draw}), dynamics=dynamics)
    if found.holds:
        return 0.0
    ratios = [test.lhs / test.rhs for test in found.missed if test.rhs > 0 and test.lhs / test.rhs < math.inf]
    return max(1.0, *ratios, 1.0)
