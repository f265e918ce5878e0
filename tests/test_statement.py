"""Cards check themselves when they are made: every way to be incomplete is refused with a hint."""

from __future__ import annotations

import dataclasses

import pytest
import sympy as sp

from theorycheck.statement import (
    Assumption,
    Bound,
    Claim,
    Derivation,
    Quantity,
    Reference,
    Standing,
    Theorem,
)

X, Y, STRANGER = sp.symbols("x y stranger", real=True)


def nothing(*_):
    return None


def claim(label="decay", bound=None, given=("premise",), **rest):
    return Claim(label, "says", bound or Bound(X, Y), given, **rest)


def card(**changes):
    parts = {
        "label": "toy",
        "title": "A toy",
        "reference": Reference("paper2000", "section 1"),
        "standing": Standing.DERIVED,
        "notation": "",
        "quantities": (Quantity(X, "x", nothing), Quantity(Y, "y", nothing)),
        "assumptions": (Assumption("premise", "x is positive", Bound(0, X)),),
        "claims": (claim(),),
        "derivations": (),
        "order": ("data", "labels", "weights"),
        "example": nothing,
        "instances": nothing,
        "simulate": nothing,
        "sabotages": (claim("false", Bound(Y, X), falsifies="decay"),),
    }
    return Theorem(**{**parts, **changes})


def test_a_complete_card_exists_and_is_frozen():
    made = card()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.claims = ()


DEFECTS = {
    "missing quantity in a claim": ({"claims": (claim(bound=Bound(X, STRANGER)),)}, "'stranger'.*no quantity"),
    "missing quantity in an assumption": (
        {"assumptions": (Assumption("premise", "", Bound(0, STRANGER)),)},
        "'premise' uses 'stranger'",
    ),
    "missing quantity in a sabotage": (
        {"sabotages": (claim("false", Bound(STRANGER, X), falsifies="decay"),)},
        "'false' uses 'stranger'",
    ),
    "missing quantity in a probability": ({"claims": (claim(probability=1 - STRANGER),)}, "'stranger'.*no quantity"),
    "unknown given": ({"claims": (claim(given=("premise", "wish")),)}, "'wish'.*no assumption"),
    "unknown given of a sabotage": (
        {"sabotages": (claim("false", given=("wish",), falsifies="decay"),)},
        "'wish'.*no assumption",
    ),
    "repeated quantity": (
        {"quantities": (Quantity(X, "x", nothing), Quantity(X, "again", nothing), Quantity(Y, "y", nothing))},
        "quantities share the label 'x'",
    ),
    "repeated assumption": (
        {"assumptions": (Assumption("premise", "", Bound(0, X)), Assumption("premise", "", Bound(0, Y)))},
        "assumptions share the label 'premise'",
    ),
    "repeated claim": (
        {"sabotages": (claim("decay", Bound(Y, X), falsifies="decay"),)},
        "claims and sabotages share the label 'decay'",
    ),
    "no claim": ({"claims": (), "sabotages": ()}, "add a claim"),
    "claim without sabotage": ({"sabotages": ()}, "'decay' has no sabotage"),
    "sabotage that falsifies nothing": (
        {"sabotages": (claim("false", falsifies="decay"), claim("other"))},
        "must say in `falsifies`",
    ),
    "sabotage of an unknown claim": (
        {"sabotages": (claim("false", falsifies="decay"), claim("other", falsifies="no such"))},
        "'no such' is none",
    ),
    "incomplete order": ({"order": ("data", "weights")}, "'labels'"),
    "order that repeats": ({"order": ("data", "labels", "weights", "data")}, "once each"),
    "order with a stranger": ({"order": ("data", "labels", "noise")}, "once each"),
}


@pytest.mark.parametrize(("changes", "message"), DEFECTS.values(), ids=DEFECTS.keys())
def test_an_incomplete_card_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        card(**changes)


def test_the_order_of_choice_is_free():
    assert card(order=("data", "weights", "labels")).order == ("data", "weights", "labels")


def test_a_derivation_lists_its_symbols():
    integral = sp.Integral(sp.cos(Y), (Y, 0, X))
    assert Derivation("sine", (X,), sp.sin(X), integral).definition is integral  # kept unevaluated
    with pytest.raises(ValueError, match="'stranger'"):
        Derivation("sine", (X,), sp.sin(X) + STRANGER, integral)
    with pytest.raises(ValueError, match="'x'"):
        Derivation("sine", (), sp.Integer(1), integral)


def test_a_bound_keeps_both_sides_where_a_relation_evaluates_itself_away():
    left = sp.exp(-X)
    assert sp.Ge(left, 0) == sp.true  # the trap
    bound = Bound(0, left)
    assert (bound.lhs, bound.rhs, bound.strict) == (sp.Integer(0), left, False)
    assert bound.symbols == {X}
    assert Bound(X, X).symbols == {X}
    assert Bound(1, 2).symbols == frozenset()


def test_plain_numbers_become_exact_expressions():
    assert isinstance(Bound(1, X).lhs, sp.Integer)
    assert Claim("a", "", Bound(0, X), (), probability=1).probability is sp.S.One
