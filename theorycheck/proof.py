"""A proof as an ordered tuple of steps (:mod:`.proof_steps`), which ends in the statement that is to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from sympy import Integer, Symbol

from theorycheck.proof_steps import Checked, Kind, Step, check_step
from theorycheck.statement import Bound, Quantity, Theorem

GIVEN = "given: "
#: what another proof has shown
SHOWN = "shown: "
#: what another proof has shown
SHOWN = "shown: "
#: a fact that every proof has, ``0 <= 1``: its weight is whatever is left over and nonnegative by itself
REST = "nonnegative"


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
        What steps may use without proof, by the names ``given: label``.
    symbols
        Those that have a meaning already.
    chain
        Labels of inequality steps that lead from the goal's left side to its right one, each beginning where the one
        before ends: what the ledger of slack is made of.
    quantities
        How the symbols are measured that the card does not have, for the ledger.

    Raises
    ------
    ValueError
        If labels repeat, a step uses what is not shown yet, a step is never used, a definition's symbol is not new, the
        last step does not say what the claim says, or the chain is none.
    """

    name: str
    goal: Bound
    premises: Mapping[str, Bound]
    symbols: frozenset[Symbol]
    steps: tuple[Step, ...]
    chain: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError(f"the proof of {self.name} has no step: add one")
        labels = [step.label for step in self.steps]
        if repeated := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"the proof of {self.name} uses the label {sorted(repeated)[0]!r} twice: rename one step")
        self._check_uses(self.name)
        self._check_symbols(self.name)
        last = self.steps[-1].bound
        if last != self.goal:
            raise ValueError(
                f"the proof of {self.name} ends in {last.lhs} <= {last.rhs}, which is not what is to be shown"
            )
        self._check_chain(self.name)

    def _check_uses(self, name: str) -> None:
        shown, used = {REST, *self.premises}, set(self.chain)
        for step in self.steps:
            if early := [label for label in step.uses if label not in shown]:
                raise ValueError(
                    f"step {step.label!r} of the proof of {name} uses {early[0]!r}, which is not shown before it"
                )
            shown.add(step.label)
            used |= set(step.uses)
        if idle := [step.label for step in self.steps[:-1] if step.label not in used]:
            raise ValueError(f"step {idle[0]!r} of the proof of {name} is never used: use it or leave it out")

    def _check_symbols(self, name: str) -> None:
        known = set(self.symbols)
        for step in self.steps:
            if step.kind is Kind.DEFINE:
                symbol = step.bound.lhs
                if symbol in known or symbol in step.bound.rhs.free_symbols:
                    raise ValueError(f"step {step.label!r} of the proof of {name} defines {symbol}, which is not new")
                known.add(symbol)

    def _check_chain(self, name: str) -> None:
        if not self.chain:
            return
        steps = {step.label: step.bound for step in self.steps}
        if strangers := [label for label in self.chain if label not in steps]:
            raise ValueError(f"the chain of {name} names {strangers[0]!r}, which is no step")
        links = [steps[label] for label in self.chain]
        inner = [(before.rhs, after.lhs) for before, after in pairwise(links)]
        ends = [(self.goal.lhs, links[0].lhs), *inner, (links[-1].rhs, self.goal.rhs)]
        if gap := next((pair for pair in ends if pair[0] != pair[1]), None):
            raise ValueError(f"the chain of {name} has a gap between {gap[0]} and {gap[1]}")

    def check(self) -> list[Checked]:
        """Check the steps one by one."""
        return check_steps(self.steps, self.premises)


def of_claim(
    theorem: Theorem, label: str, *steps: Step, chain: tuple[str, ...] = (), quantities: tuple[Quantity, ...] = (),
    lemmas: tuple[Proof, ...] = (),
) -> Proof:  # fmt: skip
    """Return the proof of one claim of a card; its premises are what the claim is given.

    What ``lemmas`` prove may be used as well, as ``shown: name``; what they are given, this claim must be given too.

    Raises
    ------
    ValueError
        If the theorem has no such claim, or the steps are no proof of it.
    """
    claim = next((claim for claim in theorem.claims if claim.label == label), None)
    if claim is None:
        raise ValueError(
            f"{theorem.label} has no claim {label!r}: it has {', '.join(claim.label for claim in theorem.claims)}"
        )
    bounds = {part.label: part.bound for part in theorem.assumptions}
    symbols = frozenset(part.symbol for part in (*theorem.quantities, *quantities))
    premises = {f"{GIVEN}{name}": bounds[name] for name in claim.given}
    for lemma in lemmas:
        if missing := sorted(name for name in lemma.premises if name.startswith(GIVEN) and name not in premises):
            raise ValueError(
                f"{lemma.name} is {missing[0]!r}, which {theorem.label} {label} is not: it cannot be used there"
            )
        premises[f"{SHOWN}{lemma.name}"] = lemma.goal
    for lemma in lemmas:
        own = {name for name in lemma.premises if name.startswith(GIVEN)}
        if missing := sorted(own - set(premises)):
            raise ValueError(
                f"{lemma.name} is {missing[0]}, which {theorem.label} {label} is not: it cannot be used there"
            )
        premises[f"{SHOWN}{lemma.name}"] = lemma.goal
    return Proof(f"{theorem.label} {label}", claim.bound, premises, symbols, steps, chain, quantities)


def check_steps(steps: Iterable[Step], facts: Mapping[str, Bound]) -> list[Checked]:
    """Check steps in order; ``facts`` are the premises that they may use, by name."""
    shown, equal, found = {REST: Bound(Integer(0), Integer(1)), **facts}, set[str](), []
    for step in steps:
        found.append(check_step(step, shown, equal))
        shown[step.label] = step.bound
        if step.equal:
            equal.add(step.label)
    return found
