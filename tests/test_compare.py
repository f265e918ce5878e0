"""One table of all papers: widths are where premises flip, what is broken never applies, the data are the user's."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import toy_card as toy

from theorycheck import compare
from theorycheck import compare_widths as widths
from theorycheck.evidence import Measured, Outcome, Truth
from theorycheck.judge import judge
from theorycheck.statement import Bound
from theorycheck.theorems import cards, comparisons

ENTRIES = {entry.theorem.label: entry for entry in comparisons()}
GOOD = {"X": np.array([[1.0, 0, 0, 0], [0.6, 0.8, 0, 0], [0.5, -0.1, 0.8, 0]]), "y": np.array([0.7, -0.4, 0.5])}


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    toy.plain_terminal(monkeypatch)


@pytest.fixture
def flags(tmp_path):
    """Write inputs and labels to a file; return the flags that name it."""

    def write(X=GOOD["X"], y=GOOD["y"]):
        np.savez(tmp_path / "data.npz", X=X, y=y)
        return {"data": str(tmp_path / "data.npz"), "inputs_scale": "none", "labels_scale": "none", "seed": 0}

    return write


def holds(entry, instance):
    """Whether every premise of the promised rate holds on this very network, by the card's own expressions."""
    premises = widths.given(entry)
    symbols = {symbol for part in premises for symbol in part.bound.symbols}
    values = widths.measured(entry.theorem, symbols, instance)
    return all(judge(part.label, part.bound, values).truth is Truth.YES for part in premises)


# --- widths ----------------------------------------------------------------------------------------------

STATED = ["chen2022.initial_scale", "caron2023.r2_data", "caron2023.r2", "razborov2022.r2"]


@pytest.mark.parametrize("label", STATED)
def test_a_stated_width_is_where_the_premises_flip_on_drawn_networks(flags, label):
    make = compare.maker(ENTRIES[label], flags(np.eye(2, 3), np.array([0.3, -0.2])))
    found = widths.needed(ENTRIES[label], make)
    assert found.kind == "stated"
    assert found.width - found.fails == ENTRIES[label].multiple
    assert found.width < 3_000_000
    assert holds(ENTRIES[label], make(found.width, 0))
    assert not holds(ENTRIES[label], make(found.fails, 0))


@pytest.mark.parametrize("label", ["chen2022.initial_scale", "caron2023.r2_data", "razborov2022.r2"])
def test_a_stated_width_is_the_one_that_the_cards_own_example_takes(flags, label):
    data = flags(np.eye(2, 3), np.array([0.3, -0.2]))
    entry = ENTRIES[label]
    found = widths.needed(entry, compare.maker(entry, data))
    assert -1 <= entry.theorem.example(**data, m=0).m - found.width <= 2
    # half the allowed chance of failure asks for more
    assert widths.needed(entry, compare.maker(entry, {**data, "delta": 0.25})).width > found.width


@pytest.mark.parametrize("label", ["razborov2022.r1", "chen2022.e", "chen2022.scale"])
def test_a_tested_width_is_where_the_test_of_the_drawn_network_flips(flags, label):
    entry = ENTRIES[label]
    y = np.array([0.4, 0.4, 0.38]) if label == "chen2022.e" else GOOD["y"]
    make = compare.maker(entry, flags(y=y))
    found = widths.needed(entry, make, draws=2, cap=8000)
    assert found.kind == "tested"
    assert len(found.draws) == 2
    assert found.width == max(found.draws) == found.draws[found.draw]
    for number, width in enumerate(found.draws):
        assert holds(entry, make(width, number))
    if found.fails:
        assert not holds(entry, make(found.fails, found.draw))
        assert found.width <= max(widths.CLOSE * found.fails, found.fails + entry.multiple)


def test_a_test_that_no_draw_passes_has_no_width(flags):
    entry = ENTRIES["caron2023.r0"]
    found = widths.needed(entry, compare.maker(entry, flags()), draws=2, cap=300)
    assert (found.width, found.fails, found.draws) == (None, 300, (None, None))
    assert [one.label for one in found.missing] == ["test"]
    assert found.missing[0].lhs > found.missing[0].rhs


def test_laws_tell_powers_of_m_from_numbers_of_the_draw():
    assert widths._power(3.0, 3.0, 3.0, 3.0) == 0
    assert widths._power(2.0, 4.0, 8.0, 4.0) == 1
    assert widths._power(2**0.5, 1.0, 2**-0.5, 1.0) == -0.5
    for numbers in [(2.0, 4.0, 8.0, 4.1), (2.0, 4.0, 6.0, 4.0), (1.0, -1.0, 1.0, -1.0), (1.0, math.nan, 1.0, 1.0)]:
        assert widths._power(*numbers) is None


def test_a_premise_whose_two_sides_both_depend_on_m_is_solved_for_m(flags):
    """m^(3/2) >= 1000 m^(1/2) m^0 with the card's own symbol: the law of m is known, so any expression in it is."""
    entry = ENTRIES["caron2023.r2"]
    (width,) = (part for part in entry.theorem.assumptions if part.label == "width")
    m = width.bound.rhs
    bound = Bound(1000 * sp.sqrt(m) + 7, m ** sp.Rational(3, 2))
    parts = tuple(replace(part, bound=bound) if part is width else part for part in entry.theorem.assumptions)
    implicit = replace(entry, theorem=replace(entry.theorem, assumptions=parts))
    found = widths.needed(implicit, compare.maker(implicit, flags(np.eye(2, 3), np.array([0.3, -0.2]))))
    assert (found.fails, found.width) == (1000, 1001)


# --- what does not apply ---------------------------------------------------------------------------------

DEPENDENT = {"X": np.array([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]]), "y": GOOD["y"]}
PARALLEL = {"X": np.array([[1.0, 0, 0], [0.5, 0, 0], [0, 0.8, 0]]), "y": GOOD["y"]}
BIG = {"X": 1.5 * np.eye(3), "y": GOOD["y"]}


@pytest.mark.parametrize(
    ("data", "premises"),
    [
        (DEPENDENT, {"lambda_min positive", "orthogonal"}), (PARALLEL, {"lambda_min positive", "not parallel", "K_0 definite"}),
        (BIG, {"unit ball"}),
    ],
    ids=["dependent", "parallel", "big"],
)  # fmt: skip
def test_what_the_data_break_never_applies(flags, data, premises):
    fixed, seen = flags(**data), 0
    for entry in ENTRIES.values():
        if premises & {part.label for part in widths.given(entry)}:
            line = compare.line(entry, compare.maker(entry, fixed), draws=1, cap=64, widest=0, other=0)
            assert not line.applies, entry.theorem.label
            assert math.isnan(line.promised)
            assert premises & {one.label for one in line.needed.missing}
            seen += 1
    assert seen >= 4


@pytest.mark.parametrize(
    "label", ["caron2023.r1", "caron2023.r2", "chen2022.a_random", "chen2022.b_random", "chen2022.d", "chen2022.f", "chen2022.descent"]
)  # fmt: skip
def test_the_same_theorems_apply_where_nothing_is_broken(flags, label):
    """The control of the test above: on good rows and small labels they do."""
    make = compare.maker(ENTRIES[label], flags(np.eye(3), np.array([1e-4, -1e-4, 2e-4])))
    assert compare.line(ENTRIES[label], make, draws=1, cap=512, widest=0, other=0).applies


def test_the_least_change_that_is_named_is_one_that_helps(flags):
    entry = ENTRIES["chen2022.a_random"]
    (missing,) = widths.needed(entry, compare.maker(entry, flags())).missing
    ratio = missing.lhs / missing.rhs
    assert f"{ratio:.3g} times smaller" in missing.mend
    for factor, applies in ((1.01, True), (0.99, False)):
        make = compare.maker(entry, flags(y=GOOD["y"] / (factor * ratio)))
        assert (widths.needed(entry, make).width is not None) is applies


# --- data and lines --------------------------------------------------------------------------------------


def test_no_example_alters_the_users_labels(flags):
    fixed = flags()
    for entry in ENTRIES.values():
        np.testing.assert_array_equal(compare.maker(entry, fixed)(64, 1).labels, GOOD["y"])
    # without its flag this one would
    altered = replace(ENTRIES["chen2022.e"], flags={})
    assert not np.array_equal(compare.maker(altered, fixed)(64, 1).labels, GOOD["y"])


def test_a_line_tells_what_was_promised_and_seen(flags):
    entry = ENTRIES["chen2022.initial_scale"]
    make = compare.maker(entry, flags())
    line = compare.line(entry, make)
    assert (line.outcome, line.own, line.m) == (Outcome.CONFIRMED, True, line.needed.width)
    assert 0 < line.promised < line.observed
    least = np.linalg.eigvalsh(make(line.m, 0).start[1])[0]
    assert line.relative == pytest.approx(line.promised / (2 * least))
    assert line.relative < 1
    narrow = compare.line(entry, make, widest=line.m - 2, other=6)
    assert (narrow.m, narrow.own) == (6, False)
    assert narrow.outcome in (Outcome.OBSERVED, Outcome.VACUOUS)
    assert narrow.promised == line.promised


def test_every_card_that_states_a_width_for_a_rate_is_in_the_table():
    def states(card):
        rates = [claim for claim in card.claims if claim.label in ("rate", "b", "contraction")]
        return rates and any(part.label == "width" for part in card.assumptions)

    wanted = {card.label for card in cards() if states(card)}
    assert len(wanted) >= 8
    assert wanted <= set(ENTRIES)
    with pytest.raises(ValueError, match="no claim 'speed'"):
        replace(ENTRIES["caron2023.r1"], claim="speed")


def test_what_a_step_takes_off_is_told_as_a_rate():
    """The card bounds ``1 - L_(k+1)/L_k``; the table says the logarithm per step, as for every theorem on descent."""
    entry = ENTRIES["razborov2022.r1_descent"]
    bound = entry.promise.bound
    values = {symbol: Measured(0.01) for symbol in bound.lhs.free_symbols}
    share = float(bound.lhs.subs(dict.fromkeys(bound.lhs.free_symbols, 0.01)))
    assert share > 0
    assert compare.promised(entry, values) == pytest.approx(-math.log1p(-share), rel=1e-12)
    assert compare.promised(entry, values) != pytest.approx(share, rel=1e-4)
