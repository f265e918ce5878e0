"""A proof as an ordered tuple of small steps, each of which checks itself.

What a step says is an inequality (or an equation) between expressions in the symbols of a card. How it is known is its
*kind*; whether it holds is computed, never written down:

========  ======================================  ==========================================================  =========
kind      says                                    is checked by                                               trust
========  ======================================  ==========================================================  =========
define    a new symbol stands for an expression   nothing to check; the symbol must be new                    symbolic
identity  two expressions are equal               SymPy, then balls at rational points                        symbolic
enclosed  an inequality on a box                  branch and bound in balls                                   enclosed
combine   an inequality follows from earlier ones its slack is a nonnegative combination of theirs            symbolic
sampled   an inequality about matrices, chances   an attack that fails to break it                            sampled
cited     a textbook result                       a reference with a number                                   cited
========  ======================================  ==========================================================  =========
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from sympy import Expr, Integer, Symbol, sympify

from theorycheck.proof_checks import combination, difference, known_signs, on_box, survives
from theorycheck.statement import Bound, Quantity, Theorem


class Trust(Enum):
    """How a step is known."""

    SYMBOLIC = "symbolic"
    ENCLOSED = "enclosed"
    SAMPLED = "sampled"
    CITED = "cited"
    BROKEN = "broken"


class Kind(Enum):
    """How a step is checked."""

    DEFINE = "define"
    IDENTITY = "identity"
    ENCLOSED = "enclosed"
    COMBINE = "combine"
    SAMPLED = "sampled"
    CITED = "cited"


@dataclass(frozen=True)
class Step:
    """One step; made by :func:`define`, :func:`identity`, :func:`enclosed`, :func:`combine`, :func:`sampled`, :func:`cited`.

    Parameters
    ----------
    bound
        ``lhs <= rhs``; of a definition or an identity, both ways.
    weights
        For a combination: what each earlier step's slack is multiplied by, premises as ``given: label``.
    box
        For an enclosure: the range of every symbol.
    attack
        For a sample: ``attack(seed)`` returns slack and error of the inequality for something drawn at random.
    source
        Where a textbook result stands.
    stands_on
        For what is cited or sampled: the earlier steps that it is applied to.
    """

    label: str
    says: str
    kind: Kind
    bound: Bound
    weights: Mapping[str, Expr] = field(default_factory=dict)
    box: Mapping[Symbol, tuple[float, float]] = field(default_factory=dict)
    attack: Callable[[int], tuple[float, float]] | None = None
    source: str = ""
    stands_on: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both sides are the same, so that the step may be used either way."""
        return self.kind in (Kind.DEFINE, Kind.IDENTITY)

    @property
    def uses(self) -> tuple[str, ...]:
        """The labels of what the step stands on."""
        return (*self.weights, *self.stands_on)


@dataclass(frozen=True)
class Checked:
    """A step's trust, and of a broken one by how much and where."""

    step: Step
    trust: Trust
    note: str = ""


# --- the kinds of step -------------------------------------------------------------------------


def define(label: str, says: str, symbol: Symbol, expr: Expr) -> Step:
    """Return the step that lets a new symbol stand for an expression."""
    return Step(label, says, Kind.DEFINE, Bound(symbol, expr))


def identity(label: str, says: str, left: Expr, right: Expr, *stands_on: str) -> Step:
    """Return the step that two expressions are equal wherever their symbols' assumptions hold.

    Premises of the form ``0 < symbol`` that it stands on count as such assumptions.
    """
    return Step(label, says, Kind.IDENTITY, Bound(left, right), stands_on=stands_on)


def enclosed(label: str, says: str, bound: Bound, box: Mapping[Symbol, tuple[float, float]]) -> Step:
    """Return the step that ``lhs < rhs`` on a box, strictly, so that balls can see it."""
    return Step(label, says, Kind.ENCLOSED, bound, box=dict(box))


def combine(label: str, says: str, bound: Bound, **weights: Expr) -> Step:
    """Return the step that an inequality follows from earlier ones; see :func:`following` for labels that are no names."""
    return following(label, says, bound, weights)


def following(label: str, says: str, bound: Bound, weights: Mapping[str, Expr]) -> Step:
    """Return the step whose slack is the sum of ``weight * slack`` of the steps (or ``given: premise``) named.

    Weights must be nonnegative by their symbols' assumptions, except those of equations.
    """
    return Step(label, says, Kind.COMBINE, bound, weights={name: sympify(weight) for name, weight in weights.items()})


def sampled(label: str, says: str, bound: Bound, attack: Callable[[int], tuple[float, float]], *stands_on: str) -> Step:
    """Return the step that is only attacked: ``attack(seed)`` draws a case and returns the slack and its error there."""
    return Step(label, says, Kind.SAMPLED, bound, attack=attack, stands_on=stands_on)


def cited(label: str, says: str, bound: Bound, source: str, *stands_on: str) -> Step:
    """Return the step that is a textbook result, with a reference that names its number or page."""
    return Step(label, says, Kind.CITED, bound, source=source, stands_on=stands_on)


# --- proofs --------------------------------------------------------------------------------------

GIVEN = "given: "
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
    theorem: Theorem, label: str, *steps: Step, chain: tuple[str, ...] = (), quantities: tuple[Quantity, ...] = ()
) -> Proof:
    """Return the proof of one claim of a card; its premises are what the claim is given.

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


def check_step(step: Step, facts: Mapping[str, Bound], equal: Set[str]) -> Checked:
    """Check one step, given what is shown before it."""
    if step.kind is Kind.DEFINE:
        return Checked(step, Trust.SYMBOLIC)
    if step.kind is Kind.IDENTITY:
        signs = known_signs(facts[name] for name in step.stands_on)
        note = difference((step.bound.lhs - step.bound.rhs).xreplace(signs))
        return Checked(step, Trust.BROKEN if note else Trust.SYMBOLIC, note)
    if step.kind is Kind.ENCLOSED:
        note = on_box(step.bound, step.box)
        return Checked(step, Trust.BROKEN if note else Trust.ENCLOSED, note)
    if step.kind is Kind.COMBINE:
        free = {name for name in step.weights if name in equal}
        note = combination(step.bound, {name: (weight, facts[name]) for name, weight in step.weights.items()}, free)
        return Checked(step, Trust.BROKEN if note else Trust.SYMBOLIC, note)
    if step.kind is Kind.SAMPLED:
        assert step.attack is not None
        note = survives(step.attack)
        return Checked(step, Trust.BROKEN if note else Trust.SAMPLED, note)
    return Checked(step, Trust.CITED if step.source else Trust.BROKEN, step.source or "a citation needs a source")
