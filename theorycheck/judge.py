"""One inequality at measured values: slack and error, enclosed in balls."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import sympy as sp
from flint import arb, ctx

from theorycheck.enclose import ball, ends, evaluator
from theorycheck.evidence import Judgement, Measured
from theorycheck.statement import Bound

#: working precision; measured errors are far above its rounding
BITS = 128

Values = Mapping[sp.Symbol, Measured]


def judge(label: str, bound: Bound, values: Values) -> Judgement:
    """Return the judgement of ``lhs <= rhs`` at measured values, enclosed in balls.

    Quantities over time are compared entry by entry; the judgement is of the entry that is
    surely violated most, or else of the one with the least certain slack.
    """
    with ctx.workprec(BITS):
        left, right = side(bound.lhs, values), side(bound.rhs, values)
        count = max(len(left), len(right))
        if not {len(left), len(right)} <= {1, count}:
            raise ValueError(f"{label}: the sides have {len(left)} and {len(right)} entries: measure at the same times")
        entries = [(left[k % len(left)], right[k % len(right)]) for k in range(count)]
        slacks = [_centre(high - low) for low, high in entries]
    index = tightest(slacks, bound.strict)
    slack, error = slacks[index]
    note = f"tightest at entry {index + 1} of {count}" if count > 1 else ""
    if not (math.isfinite(slack) and math.isfinite(error)):
        note = _why_unknown(bound, values)
    return Judgement(
        label, slack, error, bound.strict, float(entries[index][0].mid()), float(entries[index][1].mid()), note
    )


def side(expr: sp.Expr, values: Values) -> list[arb]:
    """Return the balls of an expression at measured values, one per entry (one if nothing is over time).

    Raises
    ------
    ValueError
        If the quantities over time do not have the same number of entries.
    """
    needed = {symbol: values[symbol] for symbol in expr.free_symbols}
    sizes = {measured.value.size for measured in needed.values() if measured.value.ndim}
    if len(sizes) > 1:
        raise ValueError(f"the quantities of {expr} have {sorted(sizes)} entries: measure them at the same times")
    balls = {
        symbol: [ball(float(v), float(e)) for v, e in zip(m.value.ravel(), m.error.ravel(), strict=True)]
        for symbol, m in needed.items()
    }
    count = sizes.pop() if sizes else 1
    if count == 0:
        return [arb("nan")]  # a run that was cut short has no interval to speak of
    return [evaluator({s: column[k % len(column)] for s, column in balls.items()})(expr) for k in range(count)]


def _centre(x: arb) -> tuple[float, float]:
    low, high = ends(x)
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan, math.inf
    found = Measured.between(low, high)
    return float(found.value), float(found.error)


def tightest(slacks: list[tuple[float, float]], strict: bool = False) -> int:
    """Return the index of the pair (slack, error) that decides: most surely violated, or least certain."""
    violated = [k for k, (slack, error) in enumerate(slacks) if slack < -error or (strict and slack == -error)]
    if violated:
        return min(violated, key=lambda k: slacks[k][0] + slacks[k][1])
    return min(range(len(slacks)), key=lambda k: -math.inf if math.isnan(slacks[k][0]) else slacks[k][0] - slacks[k][1])


def _why_unknown(bound: Bound, values: Values) -> str:
    unknown = [
        str(s)
        for s in sorted(bound.symbols, key=str)
        if not values[s].value.size or not np.all(np.isfinite(values[s].value) & np.isfinite(values[s].error))
    ]
    if unknown:
        return f"{', '.join(unknown)} could not be measured to a finite number"
    return "a side of the inequality is not a finite number here (a division by something that may be 0)"
