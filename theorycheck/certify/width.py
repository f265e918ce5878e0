"""How wide? The least width at which a certificate goes through on given data, by bisection over fresh draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from theorycheck.certify.problem import Progress
from theorycheck.certify.recipe import Dynamics, Recipe, certify
from theorycheck.symbolic.tails import clopper_pearson

#: bisection stops when the ends are this close, as a ratio
CLOSE = 1.05
#: draws that decide whether a width is enough, by majority
VOTES = 5


@dataclass(frozen=True)
class Width:
    """The answer: a width, how often its certificate went through, and the setting it is for.

    ``m`` is None if no width up to the limit was enough. ``low`` and ``high`` are the ends of the
    exact (Clopper-Pearson) 95 % interval of the frequency over fresh draws.
    """

    m: int | None
    passed: int
    draws: int
    low: float
    high: float
    setting: Mapping[str, Any]
    tried: tuple[tuple[int, bool], ...]


def find_width(
    recipe: Recipe, flags: Mapping[str, Any], *, dynamics: Dynamics | None = None, draws: int = 20,
    limit: int = 4_000_000, progress: Progress = lambda fraction, stage: None,
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
    for setting in _settings(recipe, flags):
        found = _search(recipe, {**flags, **setting}, setting, dynamics, best.m if best and best.m else limit, progress)
        if best is None or (found.m is not None and (best.m is None or found.m < best.m)):
            best = found
    assert best is not None
    if best.m is None:
        return best
    fresh = count(10_001)
    passed = sum(_passes(recipe, {**flags, **best.setting}, best.m, next(fresh), dynamics) for _ in range(draws))
    low, high = clopper_pearson(passed, passed, draws, 0.025, 0.025)
    return Width(best.m, passed, draws, low, high, best.setting, best.tried)


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

    def enough(m: int) -> bool:
        progress(0.0, f"m = {m}" + "".join(f", {name} = {value}" for name, value in setting.items()))
        tried.append((m, _majority(lambda: _passes(recipe, flags, m, next(fresh), dynamics))))
        return tried[-1][1]

    low, high = 1, 64
    while not enough(min(high, limit)):
        if high >= limit:
            return Width(None, 0, 0, 0.0, 1.0, dict(setting), tuple(tried))
        low, high = high, 2 * high
    high = min(high, limit)
    while high > low * CLOSE and high - low > 2:
        middle = 2 * (round((low * high) ** 0.5) // 2)  # even: mirrored neurons come in pairs
        if middle in (low, high) or not enough(middle):
            low = max(middle, low + 1)
        else:
            high = middle
    return Width(high, 0, 0, 0.0, 1.0, dict(setting), tuple(tried))


def _majority(vote: Callable[[], bool]) -> bool:
    ayes = noes = 0
    while max(ayes, noes) <= VOTES // 2:
        if vote():
            ayes += 1
        else:
            noes += 1
    return ayes > noes


def _passes(recipe: Recipe, flags: Mapping[str, Any], m: int, draw: int, dynamics: Dynamics | None) -> bool:
    return certify(recipe, recipe.example(**{**flags, "m": m, "draw": draw}), dynamics=dynamics).holds
