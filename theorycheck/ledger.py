"""The ledger of slack: on an instance, how much each inequality step of a proof loses.

A proof's chain leads from the left side of its goal to the right one. Evaluated on an instance, the ratios of its links
multiply to the ratio of the whole: a theorem that is loose by 10^6 says where. What is over time is evaluated at one
time: where the goal is tightest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flint import arb
from sympy import Symbol

from theorycheck.check import Measurements
from theorycheck.evidence import Measured
from theorycheck.judge import judge, side
from theorycheck.model import Instance
from theorycheck.proof import Proof
from theorycheck.statement import Bound, Theorem


@dataclass(frozen=True)
class Entry:
    """One link: both sides on the instance, their ratio, and its share of the total looseness.

    ``share`` is ``log(ratio)/log(whole)``; NaN where the whole is 1 or unknown. ``error`` is the relative error of the
    ratio, infinite where a side may be 0.
    """

    label: str
    says: str
    lhs: float
    rhs: float
    ratio: float
    error: float
    share: float


@dataclass(frozen=True)
class Ledger:
    """The links of a proof's chain, and the whole: the goal's own two sides."""

    name: str
    entries: tuple[Entry, ...]
    whole: Entry


def ledger(theorem: Theorem, proof: Proof, instance: Instance) -> Ledger:
    """Evaluate a proof's chain on an instance.

    Raises
    ------
    ValueError
        If the proof has no chain, or its quantities are not measured at the same times.
    """
    return ledgers(theorem, (proof,), instance)[0]


def ledgers(theorem: Theorem, proofs: Sequence[Proof], instance: Instance) -> tuple[Ledger, ...]:
    """Evaluate the chains of several proofs of one card on an instance, which is simulated once; see :func:`ledger`."""
    for proof in proofs:
        if not proof.chain:
            raise ValueError(f"the proof of {proof.name} has no chain of inequalities: there is nothing to share out")
    parts = {part.symbol: part for proof in proofs for part in proof.quantities}
    parts |= {part.symbol: part for part in theorem.quantities}
    values = Measurements(replace(theorem, quantities=tuple(parts.values())), instance)
    return tuple(_ledger(proof, values) for proof in proofs)


def _ledger(proof: Proof, values: Mapping[Symbol, Measured]) -> Ledger:
    needed = proof.goal.symbols.union(*(link.bound.symbols for link in proof.links))
    at = _at_one_time({symbol: values[symbol] for symbol in needed}, proof)
    whole = _entry("the whole", proof.name, proof.goal, at, math.nan)
    total = math.log(whole.ratio) if whole.ratio > 0 and math.isfinite(whole.ratio) else math.nan
    found = [_entry(link.label, link.says, link.bound, at, total) for link in proof.links]
    return Ledger(proof.name, tuple(found), whole)


def _at_one_time(values: Mapping[Symbol, Measured], proof: Proof) -> dict[Symbol, Measured]:
    """Return the values where the goal is tightest; what is not over time stays as it is."""
    left, right = side(proof.goal.lhs, values), side(proof.goal.rhs, values)
    count = max(len(left), len(right))
    ratios = [_ratio(left[k % len(left)], right[k % len(right)]) for k in range(count)]
    best = min(range(count), key=ratios.__getitem__)

    def entry(found: Measured) -> Measured:
        if found.value.ndim == 0:
            return found
        if found.value.size != count:
            raise ValueError(
                f"the quantities of the proof of {proof.name} have {found.value.size} and {count} entries: "
                "measure them at the same times"
            )
        return Measured(found.value.ravel()[best], found.error.ravel()[best], found.rigorous)

    return {symbol: entry(found) for symbol, found in values.items()}


def _ratio(left: arb, right: arb) -> float:
    low, high = float(left.mid()), float(right.mid())
    return high / low if low > 0 and math.isfinite(low) and math.isfinite(high) else math.inf


def _entry(label: str, says: str, bound: Bound, values: Mapping[Symbol, Measured], total: float) -> Entry:
    seen = judge(label, bound, values)
    ratio = seen.rhs / seen.lhs if seen.lhs else math.inf
    # the slack's error, as seen from the smaller side: what the ratio may be off
    error = seen.error / abs(seen.lhs) / ratio if seen.lhs and ratio > 0 else math.inf
    share = math.log(ratio) / total if ratio > 0 and math.isfinite(ratio) and total else math.nan
    return Entry(label, says, seen.lhs, seen.rhs, ratio, error, share)


def largest_first(found: Ledger) -> Sequence[Entry]:
    """Return the links, the one that loses most first."""
    return sorted(found.entries, key=lambda one: -one.ratio if math.isfinite(one.ratio) else -math.inf)
