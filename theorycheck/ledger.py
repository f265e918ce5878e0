"""The ledger of slack: on an instance, how much each inequality step of a proof loses.

A proof's chain leads from the left side of its goal to the right one. Evaluated on an instance, the ratios of its links
multiply to the ratio of the whole: a theorem that is loose by 10^6 says where.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from theorycheck.check import Measurements
from theorycheck.judge import judge
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
        If the proof has no chain.
    """
    if not proof.chain:
        raise ValueError(f"the proof of {proof.name} has no chain of inequalities: there is nothing to share out")
    known = {part.symbol for part in theorem.quantities}
    extra = tuple(part for part in proof.quantities if part.symbol not in known)
    values = Measurements(replace(theorem, quantities=(*theorem.quantities, *extra)), instance)
    steps = {step.label: step for step in proof.steps}
    whole = _entry("the whole", proof.name, proof.goal, values, math.nan)
    total = math.log(whole.ratio) if whole.ratio > 0 and math.isfinite(whole.ratio) else math.nan
    found = [_entry(label, steps[label].says, steps[label].bound, values, total) for label in proof.chain]
    return Ledger(proof.name, tuple(found), whole)


def _entry(label: str, says: str, bound: Bound, values: Measurements, total: float) -> Entry:
    seen = judge(label, bound, values)
    ratio = seen.rhs / seen.lhs if seen.lhs else math.inf
    # the slack's error, as seen from the smaller side: what the ratio may be off
    error = seen.error / abs(seen.lhs) / ratio if seen.lhs and ratio > 0 else math.inf
    share = math.log(ratio) / total if ratio > 0 and math.isfinite(ratio) and total else math.nan
    return Entry(label, says, seen.lhs, seen.rhs, ratio, error, share)


def largest_first(found: Ledger) -> Sequence[Entry]:
    """Return the links, the one that loses most first."""
    return sorted(found.entries, key=lambda one: -one.ratio if math.isfinite(one.ratio) else -math.inf)
