"""Which theorem applies to these data, at what width, with what rate, and what is seen: one line for every theorem.

Widths are those of :mod:`.compare_widths`; rates are the card's own claim on a network of the width, or of a smaller one.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from theorycheck.check import check
from theorycheck.compare_widths import (
    FASTER,
    MIDDLE,
    Make,
    Needed,
    Progress,
    at_width,
    even,
    laws,
    measured,
    needed,
    planned,
)  # fmt: skip
from theorycheck.comparison import Comparison
from theorycheck.data import BadInput
from theorycheck.evidence import Judgement, Measured, Outcome
from theorycheck.judge import side
from theorycheck.model import Instance
from theorycheck.statement import Bound


@dataclass(frozen=True)
class Line:
    """One theorem on these data. Rates are in the entry's own unit; ``relative`` is the promised one over ``2 lambda_min(K_0)``.

    ``lambda_min(K_0)`` belongs to the network that was simulated, of width ``m``, in the same unit of time; ``promised`` is
    the rate at the width that is asked for. What is not known is NaN; ``why`` says what stood in the way (``broken``: an
    error of the program), ``own`` whether ``m`` is the theorem's own width, ``start`` the initial weights with their scales.
    """

    needed: Needed | None
    start: str = ""
    activation: str = ""
    promised: float = math.nan
    m: int | None = None
    observed: float = math.nan
    relative: float = math.nan
    outcome: Outcome | None = None
    note: str = ""
    why: str = ""
    own: bool = False
    broken: bool = False

    @property
    def refuted(self) -> bool:
        """Whether the theorem failed."""
        return self.outcome is Outcome.REFUTED

    @property
    def applies(self) -> bool:
        """Whether the theorem asks for a width that these data have."""
        return self.needed is not None and self.needed.width is not None


# --- rates ---------------------------------------------------------------------------------------------------


def _is_gain(bound: Bound) -> bool:
    """Whether a bound is on what a step takes off the loss, ``1 - exp(-rho)``; it is told as the rate rho."""
    return isinstance(1 - bound.rhs, sp.exp)


def promised(entry: Comparison, values: Mapping[sp.Symbol, Measured]) -> float:
    """Return the rate that the theorem promises at measured values, NaN if it is not known."""
    bound = entry.promise.bound
    expr = -sp.log(1 - bound.lhs) if _is_gain(bound) else bound.lhs
    if not expr.free_symbols <= set(values):
        return math.nan
    with np.errstate(all="ignore"):
        (found,) = side(expr, values)
    return float(found.mid())


def _seen(entry: Comparison, conclusion: Judgement) -> float:
    """Return the observed rate of a conclusion, where it was tightest."""
    one = conclusion.tightest or conclusion
    if not _is_gain(entry.promise.bound):
        return one.rhs
    return -math.log1p(-one.rhs) if one.rhs < 1 else math.nan


def maker(entry: Comparison, flags: Mapping[str, Any]) -> Make:
    """Return what makes the theorem's networks: the flags that its example has, its own ones first.

    The draw is added to the seed, so the data must not depend on it: name a file, as ``theorycheck compare`` does.
    """
    own = set(inspect.signature(entry.theorem.example).parameters)
    common = {**{name: value for name, value in flags.items() if name in own}, **entry.flags}
    seed = int(flags.get("seed", 0))
    return lambda m, draw: entry.theorem.example(**{**common, "m": m, "seed": seed + draw})


def line(
    entry: Comparison, make: Make, *, draws: int = 3, cap: int = 30_000, widest: int = 20_000, other: int = 1000,
    progress: Progress = lambda fraction, stage: None,
) -> Line:  # fmt: skip
    """Return the theorem's line: its width on these data, what it promises there, and what is seen.

    Parameters
    ----------
    draws, cap
        As for :func:`needed`.
    widest
        The theorem's own width is simulated up to this one (up to :data:`FASTER` times as much for descent).
    other
        The width that is simulated where the theorem asks for more (then its premise is not met), 0 for none.
    """
    try:
        with np.errstate(all="ignore"):
            asks = needed(entry, make, draws=draws, cap=cap, progress=progress)
            if asks.anywhere:
                return _described(entry, make(MIDDLE, 0), asks)
            own = asks.width is not None and asks.width <= widest * (FASTER if entry.descends else 1)
            m = asks.width if own else even(other, entry.multiple) if other else None
            return _observed(entry, make, asks, m, own, progress)
    except BadInput as problem:
        return Line(None, why=" ".join(str(problem).split()))


def _described(entry: Comparison, instance: Instance, asks: Needed) -> Line:
    size = float(np.abs(instance.signs).max())
    start = entry.start.format(**{"nu": 1.0, **instance.parameters, "size": size})
    return Line(asks, start, instance.activation.name)


def _observed(entry: Comparison, make: Make, asks: Needed, m: int | None, own: bool, progress: Progress) -> Line:
    instance = make(m or MIDDLE, asks.draw)
    found = replace(_described(entry, instance, asks), promised=_promised_there(entry, make, asks))
    if m is None:
        return found
    progress(0.0, f"{entry.theorem.label} m = {m}, simulated")
    (verdict,) = check(entry.theorem, instance, claims=(entry.promise,), draws=None if own else 1).verdicts
    observed = _seen(entry, verdict.conclusion)
    least = float(np.linalg.eigvalsh(instance.start[1])[0]) * float(
        instance.parameters[entry.step] if entry.step else 1
    )
    # at another width the steps, and so the unit of time, may be others
    relative = found.promised / (2 * least) if own and least > 0 else math.nan
    return replace(
        found, m=m, own=own, observed=observed, relative=relative, outcome=verdict.outcome, note=verdict.conclusion.note
    )


def _promised_there(entry: Comparison, make: Make, asks: Needed) -> float:
    """Return the rate that is promised at the width that is asked for, NaN where none is."""
    if asks.width is None:
        return math.nan
    bound = entry.promise.bound
    symbols = set(bound.lhs.free_symbols)
    values = planned(entry, symbols, make)(asks.width)
    values |= at_width(laws(entry.theorem, symbols - set(values), make), asks.width)
    if set(values) == symbols:
        return promised(entry, values)
    return promised(entry, measured(entry.theorem, symbols, make(asks.width, asks.draw)))
