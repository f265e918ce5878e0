"""A recipe is the part of a theorem that can be certified: evidence, tests, conclusions, as data.

The *evidence* are proved bounds on numbers of one concrete network; the *tests* are inequalities
in them; where all tests hold, the *conclusions* hold for that network for all time. Tests and
conclusions are expressions, enclosed in balls; nothing is decided in floating point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sympy as sp
from flint import arb, ctx

from theorycheck.certify.problem import Problem, Progress
from theorycheck.enclose import ball, ends, evaluator
from theorycheck.evidence import Judgement, Measured, Truth
from theorycheck.judge import judge
from theorycheck.statement import Bound, Reference, Standing

Side = Literal["at least", "at most"]
Dynamics = Literal["flow", "descent"]
Tests = Sequence[tuple[str, Bound]]


@dataclass(frozen=True)
class Conclusion:
    """What holds for all time: a number that a quantity never falls below, or never exceeds."""

    name: str
    says: str
    side: Side
    expr: sp.Expr


@dataclass(frozen=True)
class Found:
    """What a search found for one network.

    ``choices`` and ``evidence`` are written to the file, by name; ``values`` gives every symbol
    of tests and conclusions its double.
    """

    choices: Mapping[str, Any]
    evidence: Mapping[str, Any]
    values: Mapping[sp.Symbol, float]


@dataclass(frozen=True)
class Recipe:
    """A theorem that can be certified on one network from its weights.

    Parameters
    ----------
    label, title, reference, standing
        As on a card.
    tests, conclusions
        By dynamics (``flow`` or ``descent``).
    search
        ``search(problem, dynamics, progress)`` gathers evidence with the best choices it can find.
    example
        Keyword parameters -> a problem; they become the flags of the command line.
    knobs
        For ``find_width``: settings to try, by name of a flag.
    """

    label: str
    title: str
    reference: Reference
    standing: Standing
    tests: Mapping[Dynamics, Tests]
    conclusions: Mapping[Dynamics, Sequence[Conclusion]]
    search: Callable[[Problem, Dynamics, Progress], Found]
    example: Callable[..., Problem]
    knobs: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def dynamics(self) -> tuple[Dynamics, ...]:
        """The dynamics that the theorem speaks of."""
        return tuple(self.tests)


@dataclass(frozen=True)
class Stated:
    """A conclusion with its number."""

    name: str
    says: str
    side: Side
    value: float


@dataclass(frozen=True)
class Attempt:
    """The outcome of certifying one network; it is a certificate only if :attr:`holds`."""

    recipe: Recipe
    problem: Problem
    dynamics: Dynamics
    found: Found
    tests: tuple[Judgement, ...]
    conclusions: tuple[Stated, ...]

    @property
    def holds(self) -> bool:
        """Whether every test surely holds and every conclusion is a finite number."""
        sure = all(test.truth is Truth.YES for test in self.tests)
        return sure and bool(self.conclusions) and all(math.isfinite(one.value) for one in self.conclusions)

    @property
    def missed(self) -> tuple[Judgement, ...]:
        """The tests that did not surely hold."""
        return tuple(test for test in self.tests if test.truth is not Truth.YES)


def _silent(fraction: float, stage: str) -> None:
    """Report progress to nobody."""


def certify(
    recipe: Recipe, problem: Problem, *, dynamics: Dynamics | None = None, progress: Progress = _silent
) -> Attempt:
    """Try to prove a theorem's conclusions for one network, for all time.

    Parameters
    ----------
    dynamics
        ``flow`` or ``descent``; the recipe's first by default.
    progress
        Called with a fraction and the name of the stage.

    Raises
    ------
    BadInput
        If the problem is not one that the recipe speaks of.
    ValueError
        If the theorem does not speak of these dynamics.
    """
    chosen = recipe.dynamics[0] if dynamics is None else dynamics
    if chosen not in recipe.tests:
        raise ValueError(f"{recipe.label} speaks of {' and '.join(recipe.dynamics)}, not of {chosen}: leave it out")
    found = recipe.search(problem, chosen, progress)
    values = {symbol: Measured(value, 0.0, rigorous=True) for symbol, value in found.values.items()}
    tests = tuple(judge(label, bound, values) for label, bound in recipe.tests[chosen])
    attempt = Attempt(recipe, problem, chosen, found, tests, ())
    if attempt.missed:
        return attempt
    stated = tuple(_state(conclusion, found.values) for conclusion in recipe.conclusions[chosen])
    return Attempt(recipe, problem, chosen, found, tests, stated)


def _state(conclusion: Conclusion, values: Mapping[sp.Symbol, float]) -> Stated:
    with ctx.workprec(128):
        low, high = ends(evaluate(conclusion.expr, values))
    value = low if conclusion.side == "at least" else high
    return Stated(conclusion.name, conclusion.says, conclusion.side, value)


def evaluate(expr: sp.Expr, values: Mapping[sp.Symbol, float]) -> arb:
    """Return the ball of an expression at doubles taken exactly, at the present precision."""
    return evaluator({symbol: ball(value) for symbol, value in values.items()})(expr)


def passes(bounds: Tests, values: Mapping[sp.Symbol, float]) -> bool:
    """Whether every test surely holds at these doubles."""
    with ctx.workprec(128):
        for _, bound in bounds:
            slack = evaluate(bound.rhs, values) - evaluate(bound.lhs, values)
            if not (slack > 0 if bound.strict else slack >= 0):
                return False
    return True


def named(values: Mapping[sp.Symbol, float], names: Mapping[str, sp.Symbol]) -> dict[str, float]:
    """Return the values of some symbols under the names that a file gives them."""
    return {name: values[symbol] for name, symbol in names.items()}
