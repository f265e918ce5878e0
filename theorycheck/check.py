"""Hold a theorem against an instance: premises, conclusion, verdict; and look for the worst instance.

A claim with a probability is judged by its frequency over fresh draws of the weights, with an
exact interval. Refuting is the costlier error, so the upper end is held to one in a million,
the lower end to one in a hundred.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import ctx

from theorycheck.enclose import ends
from theorycheck.evidence import Judgement, Measured, Outcome, Report, Truth, Verdict
from theorycheck.flow import FlowStalled, Run
from theorycheck.judge import BITS, Values, judge, side, tightest
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Claim, Theorem
from theorycheck.symbolic.tails import clopper_pearson, draws_to_confirm

CONFIRM_LEVEL = 1e-2
REFUTE_LEVEL = 1e-6
#: the most draws that `check` chooses by itself
MOST_DRAWS = 500


class Measurements(Mapping[sp.Symbol, Measured]):
    """The theorem's quantities on one instance, each measured once and only when asked for.

    The instance is simulated when the first quantity of its trajectory is asked for; a flow
    that stalls leaves those quantities unknown.
    """

    def __init__(self, theorem: Theorem, instance: Instance) -> None:
        self._measures = {quantity.symbol: quantity.measure for quantity in theorem.quantities}
        self._simulate = theorem.simulate
        self._run = Run(instance)
        self._simulated = False
        self._known: dict[sp.Symbol, Measured] = {}
        self.notes: tuple[str, ...] = ()

    def __getitem__(self, symbol: sp.Symbol) -> Measured:
        if symbol not in self._known:
            self._known[symbol] = self._measured(self._measures[symbol])
        return self._known[symbol]

    def _measured(self, measure: Callable[[Run], Measured]) -> Measured:
        try:
            return measure(self._run)
        except NoTrajectory:
            if self._simulated:
                return Measured(math.nan)
        self._simulated = True
        try:
            self._run = self._simulate(self._run.instance)
            self.notes = self._run.notes
        except FlowStalled as stall:
            self.notes = (str(stall),)
        return self._measured(measure)

    def __iter__(self) -> Iterator[sp.Symbol]:
        return iter(self._measures)

    def __len__(self) -> int:
        return len(self._measures)


def check(
    theorem: Theorem,
    instance: Instance,
    *,
    claims: tuple[Claim, ...] | None = None,
    draws: int | None = None,
    progress: Callable[[float], None] | None = None,
    skip_vacuous: bool = False,
) -> Report:
    """Hold every claim of a theorem against one instance.

    Parameters
    ----------
    claims
        Other claims to judge instead of the theorem's own, for example its sabotages.
    draws
        Fresh weights for claims with a probability; by default as many as can confirm the
        promise (:data:`MOST_DRAWS` at most).
    progress
        Called with the fraction done.
    skip_vacuous
        Do not simulate for claims whose premises surely fail: they are vacuous at best.

    Returns
    -------
    Report
        One verdict per claim; never raises for a flow that stalls (its claims are unsure).
    """
    claims = theorem.claims if claims is None else claims
    with np.errstate(all="ignore"):  # numbers beyond the doubles end as inf or NaN, hence as unsure
        return _checked(theorem, instance, claims, draws, progress, skip_vacuous)


def _checked(
    theorem: Theorem,
    instance: Instance,
    claims: tuple[Claim, ...],
    draws: int | None,
    progress: Callable[[float], None] | None,
    skip_vacuous: bool,
) -> Report:
    started = time.perf_counter()
    first = Measurements(theorem, instance)
    premises = {part.label: judge(part.label, part.bound, first) for part in theorem.assumptions}
    conclusions: dict[str, Judgement] = {}
    for claim in claims:
        if skip_vacuous and any(premises[name].truth is Truth.NO for name in claim.given):
            conclusions[claim.label] = Judgement(claim.label, math.nan, math.inf, note="not looked at: a premise fails")
        elif claim.probability == 1:
            conclusions[claim.label] = judge(claim.label, claim.bound, first)
    chancy = [claim for claim in claims if claim.label not in conclusions]
    notes: tuple[str, ...] = ()
    if chancy:
        extra: tuple[str, ...] = ()
        hopeless = all(any(premises[name].truth is Truth.NO for name in claim.given) for claim in chancy)
        if hopeless and draws is None:
            # nothing can be confirmed or refuted here; a frequency for interest is there for the asking
            draws, extra = 1, ("a premise fails, so one draw of the weights was looked at: ask for more with --draws",)
        found, notes = _frequencies(theorem, instance, chancy, first, draws, progress)
        notes += extra
        conclusions |= found
    notes = tuple(dict.fromkeys((*instance.notes, *first.notes, *notes)))
    verdicts = tuple(
        Verdict(theorem.label, claim.label, tuple(premises[name] for name in claim.given), conclusions[claim.label])
        for claim in claims
    )
    if progress is not None:
        progress(1.0)
    return Report(theorem.label, dict(instance.description), verdicts, notes, time.perf_counter() - started)


def promise(claim: Claim, values: Values) -> float:
    """Return the promised probability as a double, rounded up."""
    with ctx.workprec(BITS):
        (value,) = side(claim.probability, values)
    return ends(value)[1]


def _frequencies(
    theorem: Theorem,
    instance: Instance,
    claims: list[Claim],
    first: Measurements,
    draws: int | None,
    progress: Callable[[float], None] | None,
) -> tuple[dict[str, Judgement], tuple[str, ...]]:
    """Judge claims by their frequency over fresh draws of the weights."""
    promises = {claim.label: promise(claim, first) for claim in claims}
    if any(not 0 < p < math.inf for p in promises.values()):
        return {
            c.label: Judgement(c.label, math.nan, math.inf, note="the promised probability is unknown, or not positive")
            for c in claims
        }, ()
    notes: list[str] = []
    wanted = draws or max(draws_to_confirm(min(p, 1 - 1e-9), CONFIRM_LEVEL) for p in promises.values())
    total = min(wanted, MOST_DRAWS) if draws is None else wanted
    if total < wanted:
        notes.append(
            f"{total} draws of the weights instead of the {wanted} that could confirm the promise: ask for more with --draws"
        )
    if instance.redraw is None and total > 1:
        total = 1
    seen: dict[str, list[Judgement]] = {claim.label: [] for claim in claims}
    values = first
    draw = 0
    while draw < total:
        if draw:
            assert instance.redraw is not None
            values = Measurements(theorem, instance.redraw(instance, draw))
        for claim in claims:
            seen[claim.label].append(judge(claim.label, claim.bound, values))
        notes += values.notes
        draw += 1
        if draws is None and instance.redraw is not None:
            needed, every = _draws_to_refute(promises, seen)
            if draw == total:
                total = max(total, needed)
            elif every and draw == needed:
                break  # missed in every draw, often enough to refute each claim
        if progress is not None:
            progress(draw / total)
    return {claim.label: _frequency(claim, promises[claim.label], seen[claim.label]) for claim in claims}, tuple(notes)


def _draws_to_refute(promises: Mapping[str, float], seen: Mapping[str, list[Judgement]]) -> tuple[int, bool]:
    """Return how many draws could refute the claims missed in every draw so far, and whether those are all claims.

    Few draws confirm a weak promise, but many are needed to refute it. This is one more look
    at the data, so the chance of a false refutation is at most twice ``REFUTE_LEVEL``.
    """
    missed = [promises[label] for label, found in seen.items() if all(one.truth is Truth.NO for one in found)]
    if not missed:
        return 0, False
    needed = math.ceil(math.log(REFUTE_LEVEL) / math.log1p(-min(*missed, 1 - 1e-9))) + 1
    return min(MOST_DRAWS, needed), len(missed) == len(seen)


def _frequency(claim: Claim, promised: float, seen: list[Judgement]) -> Judgement:
    truths = [judgement.truth for judgement in seen]
    yes, no, total = truths.count(Truth.YES), truths.count(Truth.NO), len(truths)
    low, high = clopper_pearson(yes, total - no, total, CONFIRM_LEVEL, REFUTE_LEVEL)
    slack = Measured.between(low - promised, high - promised)
    worst = seen[tightest([(judgement.slack, judgement.error) for judgement in seen])]
    note = f"seen in {yes} of {total} draws" + (f", unsure in {total - yes - no}" if yes + no < total else "")
    note += f"; tightest draw {worst.lhs:.3g} <= {worst.rhs:.3g}" + (f" ({worst.note})" if worst.note else "")
    return Judgement(
        claim.label, float(slack.value), float(slack.error), False, promised, yes / total, note, tightest=worst
    )


@dataclass(frozen=True)
class Find:
    """The worst instance that a hunt came upon, the verdict there, and how many it looked at in all."""

    verdict: Verdict
    instance: Mapping[str, Any]
    looked_at: int


def hunt(
    theorem: Theorem, claim: Claim, *, examples: int = 60, seed: int = 0, draws: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Find:  # fmt: skip
    """Search the theorem's own instances for the one that hurts a claim most.

    Worse is a worse outcome (refuted is worst), then less relative slack. Instances whose premises surely fail are
    skipped without a simulation. Stops at the first refutation.

    ``claim`` is a claim or a sabotage of the theorem, ``examples`` how many instances to look at; ``progress`` is called with
    the fraction done.
    """
    from hypothesis import HealthCheck, Phase, Verbosity, given, settings, target
    from hypothesis import seed as seeded
    from hypothesis.errors import HypothesisWarning

    worst: list[tuple[tuple[int, float], Verdict, Mapping[str, Any]]] = []
    count = 0

    class Found(Exception): ...

    def refuted() -> bool:
        return bool(worst) and worst[0][1].outcome is Outcome.REFUTED

    @seeded(seed)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck), print_blob=False, verbosity=Verbosity.quiet,
    )  # fmt: skip
    @given(theorem.instances())
    def look(instance: Instance) -> None:
        nonlocal count
        if not refuted():  # Hypothesis runs what failed once more: it fails at once
            count += 1
            (verdict,) = check(theorem, instance, claims=(claim,), draws=draws, skip_vacuous=True).verdicts
            score = badness(verdict)
            if score[0] > 0:
                target(max(-1e6, min(1e6, score[1])))
            if not worst or score > worst[0][0]:
                worst[:] = [(score, verdict, dict(instance.description))]
            if progress is not None:
                progress(min(count / examples, 1.0))
        if refuted():
            raise Found

    with suppress(Found), warnings.catch_warnings():
        # what refutes is told by its description, not by Hypothesis, which would print every weight
        warnings.simplefilter("ignore", HypothesisWarning)
        look()
    return Find(*worst[0][1:], count)


_ORDER = (Outcome.VACUOUS, Outcome.OBSERVED, Outcome.UNDECIDED, Outcome.CONFIRMED, Outcome.REFUTED)


def badness(verdict: Verdict) -> tuple[int, float]:
    """Return how much a verdict hurts: its outcome's rank, then ``lhs / rhs`` (1 is the edge)."""
    conclusion = verdict.conclusion
    ratio = conclusion.lhs / conclusion.rhs if conclusion.rhs else math.inf * (conclusion.lhs > 0)
    return _ORDER.index(verdict.outcome), ratio if math.isfinite(ratio) else 0.0
