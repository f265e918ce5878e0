"""The width that a theorem asks for on given data, and what stands in its way.

The width that a theorem asks for is found in one of two ways, which the card itself decides:

* *stated*: every number in its premises is the same for all draws of the weights and constant in ``m`` or a power of it
  (checked at three widths and two draws), or the entry says what it is at a width. Then the premises are the card's own
  expressions as functions of ``m``, and the least ``m`` at which all of them surely hold is found by doubling and
  bisection, however large it is.
* *tested*: the premises speak of the drawn network (a test of the initial weights). Then networks are drawn, twice as wide
  each time, until all premises surely hold, and the interval over a few draws is reported.

A premise that fails whatever the width is a reason why the theorem does not apply to these data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import sympy as sp

from theorycheck.comparison import Comparison
from theorycheck.evidence import Judgement, Measured, Truth
from theorycheck.flow import Run
from theorycheck.judge import judge
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Theorem

#: ``make(m, draw)``: the theorem's network on the data, of that width and with fresh weights for every draw
Make = Callable[[int, int], Instance]
Progress = Callable[[float, str], None]
#: a number as a function of m: its value at :data:`MIDDLE`, and the power of m that it grows by
Laws = Mapping[sp.Symbol, tuple[Measured, float]]

#: what the premises speak of, at a width
AtWidth = Callable[[int], dict[sp.Symbol, Measured]]

#: widths and draws at which a number must follow one power of m to be called stated
PROBES = ((64, 0), (128, 0), (256, 0), (128, 1))
MIDDLE = 128
#: a stated width beyond this is no width
BEYOND = 10**60
#: bisection over drawn networks stops when the ends are this close, as a ratio
CLOSE = 1.05
#: a few steps of descent are as fast as a flow on a network narrower by this
FASTER = 10
#: the first width that a test is tried at
START = 16


@dataclass(frozen=True)
class Missing:
    """A premise that does not surely hold: its two sides, and the least change that would make it hold (or empty)."""

    label: str
    says: str
    lhs: float
    rhs: float
    sure: bool
    mend: str = ""


@dataclass(frozen=True)
class Needed:
    """The width that a theorem asks for on these data.

    Parameters
    ----------
    kind
        ``stated`` or ``tested``.
    width
        The least width at which all premises hold; of the draws of a test, the largest such. None if there is none.
    fails
        The largest width at which a premise was seen not to hold, below ``width`` (0 if none was).
    draws
        For a test, the least width of each draw, None where no width up to the cap was enough.
    missing
        What does not hold, where ``width`` is None.
    anywhere
        Whether that surely fails at every width (known for what is stated): the theorem does not apply to these data.
    draw
        For a test, the draw that asks for the largest width.
    """

    kind: Literal["stated", "tested"]
    width: int | None
    fails: int = 0
    draws: tuple[int | None, ...] = ()
    missing: tuple[Missing, ...] = ()
    anywhere: bool = False
    draw: int = 0


# --- premises ------------------------------------------------------------------------------------------------


def given(entry: Comparison) -> tuple[Assumption, ...]:
    """Return the premises of the claim that promises the rate."""
    return tuple(part for part in entry.theorem.assumptions if part.label in entry.promise.given)


def measured(theorem: Theorem, symbols: Iterable[sp.Symbol], instance: Instance) -> dict[sp.Symbol, Measured]:
    """Return quantities of the card at time 0; what belongs to a trajectory is unknown."""
    run, found = Run(instance), {}
    measures = {part.symbol: part.measure for part in theorem.quantities}
    for symbol in symbols:
        try:
            found[symbol] = measures[symbol](run)
        except NoTrajectory:
            found[symbol] = Measured(math.nan)
    return found


def laws(theorem: Theorem, symbols: Iterable[sp.Symbol], make: Make) -> Laws:
    """Return those quantities that do not depend on the draw and are constant in m or follow a power of it."""
    symbols = tuple(symbols)
    at = [measured(theorem, symbols, make(m, draw)) for m, draw in PROBES]
    found = {}
    for symbol in symbols:
        seen = [one[symbol].value for one in at]
        if any(value.ndim for value in seen):
            continue
        power = _power(*(float(value) for value in seen))
        if power is not None:
            found[symbol] = (at[1][symbol], power)
    return found


def _power(low: float, middle: float, high: float, again: float) -> float | None:
    """Return the power of m between widths that double, None if there is none or the draw matters."""
    if not all(map(math.isfinite, (low, middle, high, again))):
        return None
    if low == middle == high == again:
        return 0.0
    if not math.isclose(middle, again, rel_tol=1e-12) or not low * middle > 0 or not middle * high > 0:
        return None
    power = round(math.log2(high / low), 9) / 2
    return power if math.isclose(middle / low, 2**power, rel_tol=1e-9) else None


def at_width(found: Laws, m: int) -> dict[sp.Symbol, Measured]:
    """Return the quantities at a width, by their laws."""
    factor = m / MIDDLE
    return {
        symbol: Measured(one.value * factor**power, one.error * factor**power) if power else one
        for symbol, (one, power) in found.items()
    }


def _missing(
    entry: Comparison, premises: Iterable[Assumption], values: Mapping[sp.Symbol, Measured]
) -> tuple[Missing, ...]:
    """Return the premises that do not surely hold at these values."""
    found = []
    for part in premises:
        judged = judge(part.label, part.bound, values)
        if judged.truth is not Truth.YES:
            sure = judged.truth is Truth.NO
            found.append(Missing(part.label, part.says, judged.lhs, judged.rhs, sure, _mend(entry, judged)))
    return tuple(found)


def _mend(entry: Comparison, judged: Judgement) -> str:
    """Return the least change that would make a premise hold, empty if none is known."""
    known = entry.mends.get(judged.label, "")
    if "{ratio" in known and not (judged.rhs > 0 and 0 < judged.lhs / judged.rhs < math.inf):
        return ""
    return known.format(ratio=judged.lhs / judged.rhs if judged.rhs else math.inf)


# --- the width that is asked for -----------------------------------------------------------------------------


def needed(
    entry: Comparison, make: Make, *, draws: int = 3, cap: int = 30_000, progress: Progress = lambda fraction, stage: None
) -> Needed:  # fmt: skip
    """Return the width that a theorem asks for on these data.

    Parameters
    ----------
    draws
        For a test: draws of the weights.
    cap
        For a test: the largest network that is drawn.
    """
    premises = given(entry)
    symbols = {symbol for part in premises for symbol in part.bound.symbols}
    numbers = planned(entry, symbols, make)
    values = numbers(MIDDLE)
    # what the plan speaks of may look like a power of m at small widths and be none
    known = laws(entry.theorem, symbols - set(values), make)
    fixed = [part for part in premises if all(known.get(one, (None, 1.0))[1] == 0 for one in part.bound.symbols)]
    values |= at_width(known, MIDDLE)
    broken = _missing(entry, fixed, values)
    if set(values) == symbols:
        if broken:
            return Needed("stated", None, missing=broken, anywhere=True)
        moving = [part for part in premises if part not in fixed]
        return _stated(entry, moving, lambda m: numbers(m) | at_width(known, m))
    if broken:
        # nothing says that this is about the data alone, so the widest network has the last word
        widest = even(cap, entry.multiple)
        wide = _missing(entry, premises, measured(entry.theorem, symbols, make(widest, 0)))
        if {one.label for one in wide} & {one.label for one in broken}:
            return Needed("tested", None, widest, missing=wide)
    return _tested(entry, make, symbols, draws, cap, progress)


def even(m: int, multiple: int) -> int:
    return max(m // multiple, 1) * multiple


def planned(entry: Comparison, symbols: set[sp.Symbol], make: Make) -> AtWidth:
    """Return the numbers of the entry's own plan that are among these symbols, as functions of the width."""
    if entry.at is None:
        return lambda m: {}
    plan = entry.at(make(MIDDLE, 0))
    return lambda m: {symbol: Measured(value) for symbol, value in plan(m).items() if symbol in symbols}


def _stated(entry: Comparison, premises: list[Assumption], numbers: AtWidth) -> Needed:
    """Return the least width at which the premises hold, all their numbers being functions of the width."""

    def fails(k: int) -> tuple[Missing, ...]:
        return _missing(entry, premises, numbers(k * entry.multiple))

    low, high = 0, 1
    while missing := fails(high):
        low, high = high, 2 * high
        if high > BEYOND:
            return Needed("stated", None, low * entry.multiple, missing=missing)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return Needed("stated", high * entry.multiple, low * entry.multiple)


def _tested(
    entry: Comparison, make: Make, symbols: Iterable[sp.Symbol], draws: int, cap: int, progress: Progress
) -> Needed:
    """Return the least width at which every draw passes, by doubling and bisection over drawn networks."""
    symbols, premises, multiple = tuple(symbols), given(entry), entry.multiple
    last: tuple[Missing, ...] = ()

    def misses(m: int, draw: int) -> tuple[Missing, ...]:
        progress(draw / draws, f"{entry.theorem.label} m = {m}")
        return _missing(entry, premises, measured(entry.theorem, symbols, make(m, draw)))

    largest = even(cap, multiple)

    def search(draw: int) -> tuple[int, int | None]:
        """Return a width that fails and the least one that passes, or None."""
        nonlocal last
        low, high = 0, min(START, largest)
        while missing := misses(high, draw):
            if high == largest:
                last = missing
                return largest, None
            # what is missed falls no faster than 1/m, so a miss by 20 times is worth a leap
            low, high = high, min(largest, 2 * even(round(high * _leap(missing)), multiple))
        while high > max(low * CLOSE, low + multiple):
            middle = even(round(math.sqrt(max(low, 1) * high)), multiple)
            middle = min(max(middle, low + multiple), high - multiple)
            low, high = (middle, high) if misses(middle, draw) else (low, middle)
        return low, high

    found = [search(0)]
    for draw in range(1, draws):
        # where the first draw found nothing, the others are asked at the largest width only, unless they pass there
        hopeless = found[0][1] is None and misses(largest, draw)
        found.append((largest, None) if hopeless else search(draw))
    widths = tuple(width for _, width in found)
    if None in widths:
        return Needed("tested", None, largest, widths, last)
    most = max(range(draws), key=lambda draw: widths[draw] or 0)
    return Needed("tested", widths[most], found[most][0], widths, draw=most)


def _leap(missing: tuple[Missing, ...]) -> float:
    ratios = [one.lhs / one.rhs for one in missing if one.rhs > 0]
    return max(1.0, min(max((one for one in ratios if math.isfinite(one)), default=1.0) / 4, 32.0))
