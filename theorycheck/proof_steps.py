"""The steps of a proof: small statements, each of which checks itself.

What a step says is an inequality (or an equation) between expressions in the symbols of a card. How it is known is its
*kind*; whether it holds is computed, never written down:

========  ===========================================  =====================================================  ========
kind      says                                         is checked by                                          trust
========  ===========================================  =====================================================  ========
define    a new symbol stands for an expression        the symbol is new, and its assumed sign is seen        symbolic
identity  two expressions are equal                    balls at rational points, then SymPy                   symbolic
combine   an inequality follows from earlier ones      its slack is a nonnegative combination of theirs       symbolic
monotone  a function is applied to both sides          the sign of its derivative                             symbolic
apply     another proof's statement, with other        its premises, so read, have been shown                 symbolic
          symbols put in
integral  an integral equals a closed form             both change alike and start alike                      symbolic
enclosed  an inequality on a box                       branch and bound in balls                              enclosed
sampled   an inequality about matrices, chances, runs  random cases on which it is evaluated                  sampled
cited     a textbook result                            a reference with a number, and random cases as well    cited
========  ===========================================  =====================================================  ========
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from sympy import Expr, Integer, Lambda, Symbol, sympify

from theorycheck.statement import Bound

#: ``draw(seed)`` makes a random case and measures every symbol of the step's inequality on it
Draw = Callable[[int], Mapping[Symbol, float]]


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
    COMBINE = "combine"
    MONOTONE = "monotone"
    APPLY = "apply"
    INTEGRAL = "integral"
    ENCLOSED = "enclosed"
    SAMPLED = "sampled"
    CITED = "cited"


@dataclass(frozen=True)
class Link:
    """An inequality on the way from one side of a statement to the other, for the ledger of slack."""

    label: str
    says: str
    bound: Bound


@dataclass(frozen=True)
class Lemma:
    """What a proof has shown: its goal, an inequality or an equation, from premises by name; and its chain's links."""

    name: str
    premises: Mapping[str, Bound]
    goal: Bound
    equation: bool = False
    links: tuple[Link, ...] = ()
    #: symbols that are measured (a chance, a mean, a least eigenvalue): only symbols can stand for them
    measured: frozenset[Symbol] = frozenset()
    #: symbols that it holds for in a range only, so that nothing else can stand for them
    fixed: frozenset[Symbol] = frozenset()


@dataclass(frozen=True)
class Change:
    """How an integral changes with a variable, see :mod:`.proof_integrals`.

    Parameters
    ----------
    symbol, path
        The variable, and all values for which something is shown, as a function of a real symbol.
    start
        The value of that symbol at which the two sides are compared; None if nothing is differentiated.
    fields
        For each integration variable the component of the field whose divergence integrates to 0.
    growth, times
        The multiple of both sides that their derivatives contain, once these are multiplied by ``times``.
    """

    symbol: Symbol
    path: Expr
    start: Expr | None
    fields: Mapping[Symbol, Expr]
    growth: Expr = Integer(0)
    times: Expr = Integer(1)


@dataclass(frozen=True)
class Step:
    """One step; made by the functions below, one for each kind.

    Parameters
    ----------
    bound
        ``lhs <= rhs``; of a definition or an identity, both ways.
    weights
        For a combination: what each earlier step's slack is multiplied by.
    box
        For an enclosure: the range of every symbol.
    draw, count
        For what is sampled or cited: random cases, and how many of them are looked at.
    source
        Where a textbook result stands.
    function
        Of a monotone step.
    lemma, where, using
        Of an application: what is applied, what its symbols stand for, and which step shows each of its premises.
    change
        Of an integral: how it changes; ``weights`` are then those of other integrals in its derivative.
    stands_on
        Further steps or premises that are used: those that a sample is about, or that tell the sign of a symbol.
    """

    label: str
    says: str
    kind: Kind
    bound: Bound
    weights: Mapping[str, Expr] = field(default_factory=dict)
    box: Mapping[Symbol, tuple[float, float]] = field(default_factory=dict)
    draw: Draw | None = None
    count: int = 0
    source: str = ""
    function: Lambda | None = None
    lemma: Lemma | None = None
    where: Mapping[Symbol, Expr] = field(default_factory=dict)
    using: Mapping[str, str] = field(default_factory=dict)
    change: Change | None = None
    stands_on: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both sides are the same, so that the step may be used either way."""
        if self.kind is Kind.APPLY:
            return self.lemma is not None and self.lemma.equation
        return self.kind in (Kind.DEFINE, Kind.IDENTITY, Kind.INTEGRAL)

    @property
    def uses(self) -> tuple[str, ...]:
        """The labels of what the step stands on, each once."""
        return tuple(dict.fromkeys((*self.weights, *self.using.values(), *self.stands_on)))


def links(step: Step) -> tuple[Link, ...]:
    """Return what the ledger evaluates for a step: the chain of the lemma that it applies, or the step itself."""
    if step.lemma is None or not step.lemma.links:
        return (Link(step.label, step.says, step.bound),)
    into = dict(step.where)
    return tuple(
        Link(one.label, one.says, Bound(one.bound.lhs.xreplace(into), one.bound.rhs.xreplace(into), one.bound.strict))
        for one in step.lemma.links
    )


@dataclass(frozen=True)
class Checked:
    """A step's trust, and of a broken one by how much and where."""

    step: Step
    trust: Trust
    note: str = ""


#: random cases that a sampled or cited step is evaluated on
COUNT = 60


def define(label: str, says: str, symbol: Symbol, expr: Expr, *stands_on: str) -> Step:
    """Return the step that lets a new symbol stand for an expression.

    A symbol that is assumed nonnegative or positive needs an expression that is seen to be, or a step that it stands on
    whose slack is the expression.
    """
    return Step(label, says, Kind.DEFINE, Bound(symbol, expr), stands_on=stands_on)


def identity(label: str, says: str, left: Expr, right: Expr, *stands_on: str) -> Step:
    """Return the step that two expressions are equal wherever their symbols' assumptions hold.

    Premises that tell a sign, ``0 < symbol`` or ``0 < symbol (1 - symbol)``, count as assumptions if it stands on them.
    """
    return Step(label, says, Kind.IDENTITY, Bound(left, right), stands_on=stands_on)


def combine(label: str, says: str, bound: Bound, weights: Mapping[str, Expr]) -> Step:
    """Return the step whose slack is the sum of ``weight * slack`` of the steps and premises named.

    Weights must be nonnegative by their symbols' assumptions or by premises named here (with weight 0, if need be), except
    those of equations.
    """
    return Step(label, says, Kind.COMBINE, bound, weights={name: sympify(weight) for name, weight in weights.items()})


def monotone(label: str, says: str, bound: Bound, of: str, function: Lambda, *stands_on: str) -> Step:
    """Return the step that applies a monotone function to both sides of the step ``of``.

    The function's variable carries the domain in its assumptions. Where SymPy cannot see the sign of its derivative, a
    step that this one stands on must say it: its slack is the derivative, or its negative.
    """
    return Step(label, says, Kind.MONOTONE, bound, function=function, stands_on=(of, *stands_on))


def apply(
    label: str, says: str, lemma: Lemma, where: Mapping[Symbol, Expr], using: Mapping[str, str], *stands_on: str
) -> Step:
    """Return the step that another proof's goal holds with ``where`` put in; ``using`` names who shows each premise."""
    into = {symbol: sympify(expr) for symbol, expr in where.items()}
    bound = Bound(lemma.goal.lhs.xreplace(into), lemma.goal.rhs.xreplace(into), lemma.goal.strict)
    return Step(label, says, Kind.APPLY, bound, lemma=lemma, where=into, using=dict(using), stands_on=stands_on)


def integrated(
    label: str, says: str, left: Expr, right: Expr, change: Change, weights: Mapping[str, Expr], using: Mapping[str, str],
    *stands_on: str,
) -> Step:  # fmt: skip
    """Return the step that an integral equals a closed form, because both change alike and start alike.

    ``using`` names the equations between the derivatives of the integrand (``integrand``) and of the closed form
    (``closed form``) and what they are, and that at the start (``start``); ``weights`` those of the integrals in them.
    """
    times = {name: sympify(weight) for name, weight in weights.items()}
    return Step(
        label, says, Kind.INTEGRAL, Bound(left, right), weights=times, using=dict(using), change=change, stands_on=stands_on
    )  # fmt: skip


def enclosed(label: str, says: str, bound: Bound, box: Mapping[Symbol, tuple[float, float]], *stands_on: str) -> Step:
    """Return the step that ``lhs < rhs`` on a box, strictly, so that balls can see it.

    Steps or premises that it stands on must keep every symbol in its range, ``low <= symbol`` and ``symbol <= high``.
    """
    return Step(label, says, Kind.ENCLOSED, bound, box=dict(box), stands_on=stands_on)


def sampled(label: str, says: str, bound: Bound, draw: Draw, *stands_on: str, count: int = COUNT) -> Step:
    """Return the step that is only evaluated, on ``count`` random cases that try to break it."""
    return Step(label, says, Kind.SAMPLED, bound, draw=draw, stands_on=stands_on, count=count)


def cited(label: str, says: str, bound: Bound, source: str, draw: Draw, *stands_on: str, count: int = COUNT) -> Step:
    """Return the step that is a textbook result, with a reference that names its number or page; also evaluated."""
    return Step(label, says, Kind.CITED, bound, source=source, draw=draw, stands_on=stands_on, count=count)
