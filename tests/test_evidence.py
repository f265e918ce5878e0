"""The words of evidence: the truth table, judgements, measured numbers; NaN never passes."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorycheck.evidence import OUTCOMES, Certificate, Judgement, Measured, Outcome, Report, Truth, Verdict

YES, UNSURE, NO = Judgement("y", 1.0, 0.5), Judgement("u", 0.0, 1.0), Judgement("n", -1.0, 0.5)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)

# premises, conclusion, outcome: written out again, from the design and not from the module
TABLE = [
    (YES, YES, "confirmed"),
    (YES, UNSURE, "undecided"),
    (YES, NO, "refuted"),
    (UNSURE, YES, "observed"),
    (UNSURE, UNSURE, "undecided"),
    (UNSURE, NO, "undecided"),
    (NO, YES, "observed"),
    (NO, UNSURE, "vacuous"),
    (NO, NO, "vacuous"),
]


@pytest.mark.parametrize(("premise", "conclusion", "expected"), TABLE)
def test_outcome_follows_the_truth_table(premise, conclusion, expected):
    assert Verdict("t", "c", (premise,), conclusion).outcome.value == expected


def test_truth_table_is_complete_and_only_one_entry_refutes():
    assert set(OUTCOMES) == set(product(Truth, Truth))
    assert [key for key, outcome in OUTCOMES.items() if outcome is Outcome.REFUTED] == [(Truth.YES, Truth.NO)]


def test_truth_table_cannot_be_changed():
    with pytest.raises(TypeError):
        OUTCOMES[Truth.NO, Truth.NO] = Outcome.CONFIRMED


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_premises_are_a_conjunction(count):
    for premises in product((YES, UNSURE, NO), repeat=count):
        expected = Truth.NO if NO in premises else Truth.UNSURE if UNSURE in premises else Truth.YES
        assert Verdict("t", "c", premises, YES).premises_truth is expected


@pytest.mark.parametrize(
    ("slack", "error", "strict", "expected"),
    [
        (1.0, 0.5, False, Truth.YES),
        (0.5, 1.0, False, Truth.UNSURE),
        (-0.5, 1.0, False, Truth.UNSURE),
        (-1.0, 0.5, False, Truth.NO),
        (0.0, 0.0, False, Truth.YES),
        (0.0, 0.0, True, Truth.NO),
        (1.0, 1.0, False, Truth.YES),
        (1.0, 1.0, True, Truth.UNSURE),
        (-1.0, 1.0, False, Truth.UNSURE),
        (-1.0, 1.0, True, Truth.NO),
        (5e-324, 0.0, True, Truth.YES),
        (-5e-324, 0.0, False, Truth.NO),
    ],
)
def test_truth_of_a_judgement(slack, error, strict, expected):
    assert Judgement("a", slack, error, strict).truth is expected


@given(st.sampled_from([math.nan, math.inf, -math.inf]), st.floats(min_value=0), st.booleans())
def test_a_non_finite_slack_is_unsure(slack, error, strict):
    assert Judgement("a", slack, error, strict).truth is Truth.UNSURE


@given(st.floats(), st.sampled_from([math.nan, math.inf]), st.booleans())
def test_a_non_finite_error_is_unsure(slack, error, strict):
    assert Judgement("a", slack, error, strict).truth is Truth.UNSURE


@given(FLOATS, st.floats(0, 1e300), st.booleans(), st.fractions(-1, 1))
def test_a_sure_judgement_agrees_with_every_slack_it_allows(slack, error, strict, place):
    true = Fraction(slack) + Fraction(error) * place
    holds = true > 0 if strict else true >= 0
    truth = Judgement("a", slack, error, strict).truth
    assert truth is not (Truth.NO if holds else Truth.YES)


def test_judgements_refuse_negative_errors_and_name_the_label():
    with pytest.raises(ValueError, match="'width' has -1"):
        Judgement("width", 0.0, -1.0)


def test_nan_premise_never_confirms_and_nan_conclusion_never_refutes():
    unknown = Judgement("x", math.nan, 0.0)
    assert Verdict("t", "c", (YES, unknown), YES).outcome is Outcome.OBSERVED
    assert Verdict("t", "c", (YES,), unknown).outcome is Outcome.UNDECIDED


def test_measured_shapes():
    assert Measured(1.0).value.shape == ()
    assert Measured([1.0, 2.0], 0.5).error.tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="reduce it first"):
        Measured(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="one error, or one per value"):
        Measured([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="one error, or one per value"):
        Measured(1.0, [1.0, 2.0])


def test_measured_errors_are_distances():
    with pytest.raises(ValueError, match="cannot be negative"):
        Measured([1.0, 2.0], [0.0, -1e-300])
    assert Measured(1.0, math.nan).error == math.inf


def test_measured_is_frozen_and_does_not_share_memory():
    source = np.ones(3)
    measured = Measured(source, source)
    with pytest.raises(ValueError, match="read-only"):
        measured.error[0] = 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        measured.rigorous = True
    source[0] = 7.0
    assert measured.error[0] == 1.0


def test_measured_value_does_not_share_memory():
    source = np.ones(3)
    measured = Measured(source)
    source[0] = 7.0
    assert measured.value[0] == 1.0


@given(FLOATS, FLOATS)
def test_between_covers_both_ends_in_exact_arithmetic(a, b):
    low, high = min(a, b), max(a, b)
    measured = Measured.between(low, high)
    centre, radius = float(measured.value), float(measured.error)
    assert not math.isinf(radius)
    assert Fraction(centre) - Fraction(radius) <= Fraction(low)
    assert Fraction(centre) + Fraction(radius) >= Fraction(high)
    assert low != high or (centre, radius) == (low, 0.0)


def test_between_covers_where_the_naive_radius_does_not():
    rng = np.random.default_rng(0)
    naive = sound = 0
    for low, high in np.sort(rng.standard_normal((2000, 2)) * 10.0 ** rng.integers(-3, 4, (2000, 2)), axis=1):
        measured = Measured.between(low, high)
        naive_centre = low + (high - low) / 2
        reach = Fraction(max(high - naive_centre, naive_centre - low))
        naive += Fraction(naive_centre) + reach < Fraction(high) or Fraction(naive_centre) - reach > Fraction(low)
        sound += Fraction(float(measured.value)) + Fraction(float(measured.error)) < Fraction(high)
    assert naive > 0
    assert sound == 0


@pytest.mark.parametrize(("low", "high"), [(-math.inf, 1.0), (0.0, math.inf), (-math.inf, math.inf), (math.nan, 1.0)])
def test_between_infinite_ends_knows_nothing(low, high):
    assert Measured.between(low, high).error == math.inf


def test_between_refuses_swapped_ends():
    with pytest.raises(ValueError, match="swap them"):
        Measured.between([0.0, 2.0], [1.0, 1.0])


@pytest.mark.parametrize("ends", [(1.0, 0.0), (math.nan, 1.0), (0.0, math.nan)])
def test_certificates_enclose_a_number(ends):
    with pytest.raises(ValueError, match="lower end"):
        Certificate("x", "none", *ends)


def test_certificate_evidence_is_a_frozen_copy():
    evidence = {"size": 2}
    certificate = Certificate("x", "none", 0.0, 1.0, evidence)
    evidence["size"] = 3
    assert certificate.evidence["size"] == 2
    with pytest.raises(TypeError):
        certificate.evidence["size"] = 4


def test_report_lists_what_was_refuted():
    good, bad = Verdict("t", "good", (YES,), YES), Verdict("t", "bad", (YES,), NO)
    assert Report("t", {}, (good, bad)).refuted == (bad,)
    assert Report("t", {}, (good,)).refuted == ()
