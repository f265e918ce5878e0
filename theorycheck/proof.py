"""A proof as an ordered tuple of steps (:mod:`.proof_steps`), which ends in the statement that is to be shown.

A statement that holds with a probability is proved on *events*: what steps may use besides the premises, each with a
symbol for the chance that it fails. The chances together are what the statement may fail with: this sum, the union bound,
is part of what a proof is, and no step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from sympy import Add, Expr, Integer, Symbol

from theorycheck.proof_steps import Checked, Kind, Lemma, Link, Step, links
from theorycheck.proof_verify import REST, check_steps, meant
from theorycheck.statement import Bound, Claim, Derivation, Quantity, Theorem

GIVEN, EVENT = "given: ", "event: "


@dataclass(frozen=True)
class Event:
    """An inequality that holds off a set of small probability; ``chance`` stands for that probability."""

    label: str
    bound: Bound
    chance: Symbol


@dataclass(frozen=True)
class Proof:
    """The proof of one statement: its premises, then steps, the last of which is the statement; see :func:`of_claim`.

    Parameters
    ----------
    name
        What is proved, such as ``chen2022.f rate``.
    goal
        The statement.
    premises
        What steps may use without proof, by the names ``given: label`` and ``event: label``.
    symbols
        Those that have a meaning already.
    chain
        Labels of inequality steps that lead from the goal's left side to its right one, each beginning where the one
        before ends: what the ledger of slack is made of.
    quantities
        How the symbols are measured that the card does not have, for the ledger.
    events, failure, allowed
        What holds with a probability, the label of the step that bounds the sum of their chances, and by what: the
        probability with which the statement may fail.

    Raises
    ------
    ValueError
        If labels repeat, a step uses what is not shown yet, a step or an event is never used, a definition's symbol is
        not new, the last step does not say what the claim says, the chances of the events are not bounded by what the
        claim may fail with, or the chain is none.
    """

    name: str
    goal: Bound
    premises: Mapping[str, Bound]
    symbols: frozenset[Symbol]
    steps: tuple[Step, ...]
    chain: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    events: tuple[Event, ...] = ()
    failure: str = ""
    allowed: Expr = Integer(0)
    equation: bool = False
    measured: frozenset[Symbol] = frozenset()

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError(f"the proof of {self.name} has no step: add one")
        labels = [step.label for step in self.steps]
        if repeated := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"the proof of {self.name} uses the label {sorted(repeated)[0]!r} twice: rename one step")
        if self.name in self.applied:
            raise ValueError(f"the proof of {self.name} applies what it is to show")
        self._check_uses()
        self._check_symbols()
        self._check_end()
        self._check_chances()
        self._check_chain()

    def _check_uses(self) -> None:
        shown, used = {REST, *self.premises}, {*self.chain, self.failure}
        for step in self.steps:
            if early := [label for label in step.uses if label not in shown]:
                raise ValueError(
                    f"step {step.label!r} of the proof of {self.name} uses {early[0]!r}, which is not shown before it"
                )
            shown.add(step.label)
            used |= set(step.uses)
        if idle := [step.label for step in self.steps[:-1] if step.label not in used]:
            raise ValueError(f"step {idle[0]!r} of the proof of {self.name} is never used: use it or leave it out")
        if unused := [event.label for event in self.events if f"{EVENT}{event.label}" not in used]:
            raise ValueError(f"event {unused[0]!r} of the proof of {self.name} is never used: use it or leave it out")

    def _check_symbols(self) -> None:
        known = {*self.symbols, *self.goal.symbols, *(event.chance for event in self.events)}
        known |= {symbol for bound in self.premises.values() for symbol in bound.symbols}
        for step in self.steps:
            if step.kind is Kind.DEFINE:
                symbol = step.bound.lhs
                if symbol in known or symbol in step.bound.rhs.free_symbols:
                    raise ValueError(
                        f"step {step.label!r} of the proof of {self.name} defines {symbol}, which is not new"
                    )
            known |= step.bound.symbols

    def _check_end(self) -> None:
        last = self.steps[-1]
        if last.bound != self.goal or (self.equation and not last.equal):
            raise ValueError(
                f"the proof of {self.name} ends in {last.bound.lhs} <= {last.bound.rhs}, which is not what is to be shown"
            )

    def _check_chances(self) -> None:
        if not self.events and self.allowed == 0:
            return
        total = Add(*(event.chance for event in self.events))
        bounded = next((step.bound for step in self.steps if step.label == self.failure), None)
        if not self.events or bounded is None or bounded != Bound(total, self.allowed):
            raise ValueError(
                f"the proof of {self.name} must show, as its failure, that {total} <= {self.allowed}: "
                "the chances that its events fail, and what the statement may fail with"
            )
        if leaning := sorted(label for label in self._behind(self.failure) if label.startswith(EVENT)):
            raise ValueError(
                f"the failure of {self.name} leans on {leaning[0]!r}: a chance must be bounded without the events"
            )

    def _behind(self, label: str) -> set[str]:
        """Return everything that a step stands on, and what that stands on."""
        steps = {step.label: step for step in self.steps}
        found: set[str] = set()
        left = [label]
        while left:
            one = left.pop()
            if one not in found:
                found.add(one)
                left += steps[one].uses if one in steps else ()
        return found

    def _check_chain(self) -> None:
        if not self.chain:
            return
        steps = {step.label: step.bound for step in self.steps}
        if strangers := [label for label in self.chain if label not in steps]:
            raise ValueError(f"the chain of {self.name} names {strangers[0]!r}, which is no step")
        bounds = [steps[label] for label in self.chain]
        inner = [(before.rhs, after.lhs) for before, after in pairwise(bounds)]
        ends = [(self.goal.lhs, bounds[0].lhs), *inner, (bounds[-1].rhs, self.goal.rhs)]
        if gap := next((pair for pair in ends if pair[0] != pair[1]), None):
            raise ValueError(f"the chain of {self.name} has a gap between {gap[0]} and {gap[1]}")

    @property
    def lemma(self) -> Lemma:
        """What this proof has shown, for other proofs to apply.

        Raises
        ------
        ValueError
            If it holds with a probability only.
        """
        if self.events:
            raise ValueError(f"{self.name} holds with a probability: prove what is needed on its events instead")
        return Lemma(self.name, self.premises, self.goal, self.equation, self.links, self.measured, self.fixed)

    @property
    def links(self) -> tuple[Link, ...]:
        """The chain, with the chains of lemmas that it applies in their place."""
        steps = {step.label: step for step in self.steps}
        return tuple(link for label in self.chain for link in links(steps[label]))

    @property
    def fixed(self) -> frozenset[Symbol]:
        """The symbols that it holds for in a range only: those along which an integral was followed, here or in a lemma."""
        own = {step.change.symbol for step in self.steps if step.change}
        return frozenset(own.union(*(step.lemma.fixed for step in self.steps if step.lemma)))

    @property
    def applied(self) -> tuple[str, ...]:
        """The names of the proofs whose statements it applies."""
        return tuple(dict.fromkeys(step.lemma.name for step in self.steps if step.lemma))

    def check(self) -> list[Checked]:
        """Check the steps one by one."""
        return check_steps(self.steps, self.premises, taken=meant((), self.premises))


def of_claim(
    theorem: Theorem, label: str, *steps: Step, chain: tuple[str, ...] = (), quantities: tuple[Quantity, ...] = (),
    events: tuple[Event, ...] = (), failure: str = "",
) -> Proof:  # fmt: skip
    """Return the proof of one claim of a card; its premises are what the claim is given, and its events.

    Raises
    ------
    ValueError
        If the theorem has no such claim, or the steps are no proof of it.
    """
    claim = _claim(theorem, label)
    bounds = {part.label: part.bound for part in theorem.assumptions}
    symbols = {part.symbol for part in (*theorem.quantities, *quantities)} | {event.chance for event in events}
    premises = {f"{GIVEN}{name}": bounds[name] for name in claim.given}
    premises |= {f"{EVENT}{event.label}": event.bound for event in events}
    return Proof(
        f"{theorem.label} {label}", claim.bound, premises, frozenset(symbols), steps, chain, quantities, events, failure,
        1 - claim.probability,
    )  # fmt: skip


def of_card(theorem: Theorem, label: str) -> Lemma:
    """Return what a sure claim of a card says, for the proofs of other cards to apply.

    Raises
    ------
    ValueError
        If the theorem has no such claim, or it holds with a probability only.
    """
    claim = _claim(theorem, label)
    if claim.probability != 1:
        raise ValueError(
            f"{theorem.label} {label} holds with a probability: it cannot be applied like a sure statement"
        )
    bounds = {part.label: part.bound for part in theorem.assumptions}
    return Lemma(f"{theorem.label} {label}", {name: bounds[name] for name in claim.given}, claim.bound)


def _claim(theorem: Theorem, label: str) -> Claim:
    claim = next((claim for claim in theorem.claims if claim.label == label), None)
    if claim is None:
        raise ValueError(
            f"{theorem.label} has no claim {label!r}: it has {', '.join(claim.label for claim in theorem.claims)}"
        )
    return claim


def of_derivation(derivation: Derivation, *steps: Step) -> Proof:
    """Return the proof that a closed form is what its definition says; the last step must be an equation.

    Raises
    ------
    ValueError
        If the steps are no proof of it.
    """
    goal = Bound(derivation.definition, derivation.closed_form)
    return Proof(f"dual_kernels {derivation.name}", goal, {}, frozenset(derivation.args), steps, equation=True)
