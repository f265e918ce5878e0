"""Generic over every card: each expression has one value, however it is evaluated, and each closed form is what its definition says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import settings
from test_gaussian import agrees

from theorycheck.compiled import compile_kernel
from theorycheck.enclose import enclose, ends
from theorycheck.symbolic.gaussian import QU, QV, RHO
from theorycheck.symbolic.quadrature import by_panels
from theorycheck.theorems import cards

CARDS = {theorem.label: theorem for theorem in cards()}
NIGHT = settings.default.max_examples >= 1000


def three_ways(
    expr: sp.Expr, args: tuple[sp.Symbol, ...], point: dict, machine: bool = True
) -> tuple[float, float, tuple[float, float]]:
    """SymPy in 50 digits, the kernel (as machine code, or its source as Python), and the ends of the ball."""
    exact = float(expr.subs({s: sp.Rational(v) for s, v in point.items()}).evalf(50))
    kernel = compile_kernel("value", args, expr)
    if not machine:
        kernel = replace(kernel, function=getattr(kernel.function, "py_func", kernel.function))
    compiled = kernel(*(point[s] for s in args))
    return exact, compiled, ends(enclose(expr, point))


def agree(exact: float, compiled: float, ball: tuple[float, float]) -> bool:
    scale = abs(exact) + 1e-300
    inside = ball[0] - 1e-15 * scale <= exact <= ball[1] + 1e-15 * scale
    return inside and abs(compiled - exact) <= 1e-11 * scale and ball[1] - ball[0] <= 1e-12 * scale


def points(args, count=2):
    generator = np.random.default_rng(5)
    for _ in range(count):
        yield {symbol: float(np.round(generator.uniform(0.2, 0.9), 6)) for symbol in args}


@pytest.mark.parametrize("label", CARDS)
def test_every_bound_has_one_value_however_it_is_evaluated(label):
    """By day only the largest becomes machine code, and sabotages wait for the night: a compilation takes half a second."""
    theorem = CARDS[label]
    parts = theorem.assumptions + theorem.claims + (theorem.sabotages if NIGHT else ())
    sides = {side for part in parts for side in (part.bound.lhs, part.bound.rhs) if not side.is_Atom}
    largest = max(sides, key=lambda side: (side.count_ops(), str(side)))
    for expr in sides:
        args = tuple(sorted(expr.free_symbols, key=str))
        for point in points(args):
            assert agree(*three_ways(expr, args, point, NIGHT or expr == largest)), (expr, point)


@pytest.mark.parametrize("label", [label for label, theorem in CARDS.items() if theorem.derivations])
def test_every_derivation_agrees_three_ways_and_with_its_definition(label):
    for derivation in CARDS[label].derivations:
        for point in points(derivation.args, 4):
            assert agree(*three_ways(derivation.closed_form, derivation.args, point))
        assert as_defined(derivation, derivation.closed_form)
        assert not as_defined(derivation, 2 * derivation.closed_form)


def as_defined(derivation, closed):
    """Whether a closed form is what the definition says, by quadrature: of a dual, or of a pair that is not centred."""
    if set(derivation.args) <= {QU, QV, RHO}:
        return agrees(closed, derivation.definition)
    pairs = [
        (float(closed.subs(point)), by_panels(derivation.definition, point)) for point in points(derivation.args, 4)
    ]
    return all(abs(one - other) <= 1e-11 * (1 + abs(other)) for one, other in pairs)


def test_three_evaluators_that_disagree_are_noticed():
    x = sp.Symbol("x", positive=True)
    exact, compiled, ball = three_ways(sp.exp(x) / 3, (x,), {x: 0.5})
    assert agree(exact, compiled, ball)
    assert not agree(exact * (1 + 1e-9), compiled, ball)
    assert not agree(exact, compiled * (1 + 1e-9), ball)
    assert not agree(exact, compiled, (ball[0], ball[1] + 1e-6))
