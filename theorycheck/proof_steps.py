"""The steps of a proof: small statements, each of which checks itself.

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

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from enum import Enum

from sympy import Expr, Symbol, sympify

from theorycheck.proof_checks import combination, difference, known_signs, on_box, survives
from theorycheck.statement import Bound


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


def combine(label: str, says: str, bound: Bound, weights: Mapping[str, Expr]) -> Step:
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
