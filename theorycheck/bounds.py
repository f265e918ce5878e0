"""Certified suprema and positivity, by branch and bound in balls."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import sympy as sp
from flint import arb, ctx

from theorycheck.enclose import ends, evaluator
from theorycheck.evidence import Certificate

# The half line beyond 2^64 holds no pre-activation of a network with finite loss in
# double precision; a supremum is certified on [-REACH, REACH].
REACH = 2.0**64


def supremum(
    expr: sp.Expr,
    variable: sp.Symbol,
    *,
    tolerance: float = 1e-6,
    pieces: int = 20_000,
    interval: tuple[float, float] = (-REACH, REACH),
) -> Certificate:
    """Enclose the supremum of ``|expr|`` over an interval, by default ``|variable| <= 2^64``, by branch and bound.

    Parameters
    ----------
    tolerance
        Stop when upper and lower end agree to this, relatively.
    pieces
        The most intervals to look at; the enclosure is sound however few.
    interval
        Finite ends ``low <= high``, taken exactly.

    Returns
    -------
    Certificate
        ``lower <= sup |expr| <= upper``.
    """
    over, at = _bounds_of(expr, variable)
    with ctx.workprec(192):
        cells = [(-over(low, high), low, high) for low, high in _cells(*interval)]
        lower, upper, looked_at = _refine(over, at, cells, _climb(at, *interval), tolerance, pieces)
    where = f"|{variable}| <= 2^64" if interval == (-REACH, REACH) else f"[{interval[0]!r}, {interval[1]!r}]"
    return Certificate(
        says=f"{lower!r} <= sup |{expr}| <= {upper!r} over {where}",
        method=f"branch and bound in balls, {looked_at} intervals at 192 bits",
        lower=lower,
        upper=upper,
        evidence={"expression": str(expr), "interval": interval},
    )


def _refine(
    over: Callable[[float, float], float],
    at: Callable[[float], float],
    queue: list[tuple[float, float, float]],
    lower: float,
    tolerance: float,
    pieces: int,
) -> tuple[float, float, int]:
    """Halve the cell with the largest bound until the ends agree; return both and how many cells were looked at."""
    heapq.heapify(queue)
    looked_at = len(queue)
    while looked_at < pieces and -queue[0][0] > lower * (1 + tolerance) + 1e-12:
        _, left, right = heapq.heappop(queue)
        middle = left + (right - left) / 2
        lower = max(lower, at(middle))
        for low, high in ((left, middle), (middle, right)):
            heapq.heappush(queue, (-over(low, high), low, high))
        looked_at += 2
    return lower, -queue[0][0], looked_at


def _cells(low: float, high: float) -> list[tuple[float, float]]:
    """Cut an interval at 0 and at the powers of two from 1/16 on."""
    powers = [2.0**k for k in range(-4, 65)]
    inside = [cut for cut in (*(-p for p in reversed(powers)), 0.0, *powers) if low < cut < high]
    return list(pairwise([low, *inside, high]))


def _climb(at: Callable[[float], float], low: float, high: float) -> float:
    """Return a large value of ``at``, from a grid on the part of [-10, 10] in [low, high] and a local search from there."""
    left, right = (min(max(end, low), high) for end in (-10.0, 10.0))

    def kept(point: float) -> float:
        return min(max(point, left), right)

    point, step = max((kept(left + k * (right - left) / 320) for k in range(321)), key=at), (right - left) / 320
    for _ in range(20):
        step /= 3
        point = max((kept(point + k * step) for k in range(-3, 4)), key=at)
    return at(point)


def _bounds_of(expr: sp.Expr, variable: sp.Symbol) -> tuple[Callable[[float, float], float], Callable[[float], float]]:
    """Return an upper bound of ``|expr|`` on an interval and a lower bound of it at a point."""
    derivative = sp.diff(expr, variable)
    if any(not power.exp.is_Integer for power in derivative.atoms(sp.Pow) if power.base.has(variable)):
        derivative = sp.factor(derivative)  # terms of a root that cancel far out hide the sign from the balls
    # The centred form f(c) + f'(I)(I - c) is far sharper near a maximum; it needs a
    # derivative that is bounded, which a jump is not.
    smooth = not expr.has(sp.Heaviside, sp.sign, sp.Piecewise, sp.Abs, sp.Max, sp.Min)

    def size(point: float) -> arb:
        return abs(evaluator({variable: arb(point)})(expr))

    def at(point: float) -> float:
        return max(0.0, ends(size(point))[0])

    def over(low: float, high: float) -> float:
        cell = {variable: arb(low).union(arb(high))}
        bound = ends(abs(evaluator(cell)(expr)))[1]
        if not smooth:
            return bound
        slope = evaluator(cell)(derivative)
        if slope > 0 or slope < 0:  # monotone: the ends decide, and a ball around a point is sharp
            bound = min(bound, max(ends(size(end))[1] for end in (low, high)))
        elif high - low <= 1:
            middle = low + (high - low) / 2
            reach = max(arb(high) - arb(middle), arb(middle) - arb(low), key=arb.upper)
            bound = min(bound, ends(size(middle) + abs(slope) * reach.upper())[1])
        return bound

    return over, at


def positive_on(
    expr: sp.Expr, box: Mapping[sp.Symbol, tuple[float, float]], *, pieces: int = 20_000
) -> Certificate | None:
    """Prove ``expr > 0`` on a box by branch and bound in balls, or return None if it cannot.

    The certificate's ``lower`` end is a positive lower bound of ``expr`` on the box.
    """
    symbols = list(box)
    waiting = [tuple(box[symbol] for symbol in symbols)]
    least, looked_at = math.inf, 0
    with ctx.workprec(128):
        while waiting:
            cell = waiting.pop()
            looked_at += 1
            values = {s: arb(low).union(arb(high)) for s, (low, high) in zip(symbols, cell, strict=True)}
            low_end = ends(evaluator(values)(expr))[0]
            if low_end > 0:
                least = min(least, low_end)
                continue
            widths = [high - low for low, high in cell]
            widest = max(range(len(cell)), key=widths.__getitem__)
            if looked_at >= pieces or widths[widest] < 1e-12:
                return None
            low, high = cell[widest]
            middle = low + (high - low) / 2
            for half in ((low, middle), (middle, high)):
                waiting.append((*cell[:widest], half, *cell[widest + 1 :]))
    return Certificate(
        says=f"{expr} >= {least!r} > 0 on {dict(box)}",
        method=f"branch and bound in balls, {looked_at} boxes at 128 bits",
        lower=least,
        upper=math.inf,
        evidence={"expression": str(expr)},
    )
