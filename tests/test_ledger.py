"""The ledger of slack: on instances, the links of a proof's chain multiply to the whole, and the lossy one is found."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.evidence import Measured
from theorycheck.ledger import largest_first, ledger, ledgers
from theorycheck.proof import Proof
from theorycheck.proof_files import proofs
from theorycheck.proof_steps import combine
from theorycheck.proof_verify import REST
from theorycheck.report_ledger import draw, ledger_document, ledger_table
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems import card, cards

OWN = {one.label: [proof for proof in proofs() if proof.name.startswith(f"{one.label} ")] for one in cards()}
#: of every card that has a proof; test_proofs wants a reason for the others
CHAINS = {label: [proof for proof in own if proof.chain] for label, own in OWN.items() if own}


@pytest.mark.parametrize("label", list(CHAINS))
def test_the_links_multiply_to_the_whole_for_every_theorem(label):
    theorem = card(label)
    assert CHAINS[label], "no proof of this card has a chain"
    for found in ledgers(theorem, CHAINS[label], theorem.example(**theorem.showcase[0])):
        assert found.whole.ratio >= 1 - found.whole.error
        # no link is violated by more than its error
        assert all(one.ratio >= 1 - one.error for one in found.entries), found
        if math.isfinite(found.whole.ratio):
            assert math.prod(one.ratio for one in found.entries) == pytest.approx(found.whole.ratio, rel=1e-9)
        else:
            assert found.whole.lhs == 0
        if abs(found.whole.ratio - 1) > 1e-9 and math.isfinite(found.whole.ratio):
            assert sum(one.share for one in found.entries) == pytest.approx(1.0, rel=1e-6)


def chain_of(label, claim):
    return next(one for one in CHAINS[label] if one.name == f"{label} {claim}")


def test_a_link_that_loses_a_factor_is_found():
    """The same chain with 1000 lost in one link and given back in the next: both are seen, the whole is not changed."""
    proof = chain_of("chen2022.a", "rate")
    theorem = card("chen2022.a")
    instance = theorem.example(**theorem.showcase[0])
    steps = {step.label: step for step in proof.steps}
    first, second = (steps[label] for label in proof.chain[:2])
    lost = {
        first.label: replace(first, bound=Bound(first.bound.lhs, 1000 * first.bound.rhs)),
        second.label: replace(second, bound=Bound(1000 * second.bound.lhs, second.bound.rhs)),
    }
    changed = replace(proof, steps=tuple(lost.get(step.label, step) for step in proof.steps))
    before, after = ledger(theorem, proof, instance), ledger(theorem, changed, instance)
    assert after.whole.ratio == pytest.approx(before.whole.ratio)
    assert largest_first(after)[0].label == first.label
    assert after.entries[0].ratio == pytest.approx(1000 * before.entries[0].ratio)
    assert after.entries[1].ratio < 1 - after.entries[1].error, "a link that is false on the instance shows"


def test_the_chain_of_a_lemma_stands_in_its_place():
    """R1's radius is a lemma with three links; the ledger shows them, read with the theorem's symbols."""
    theorem, proof = card("caron2023.r1"), chain_of("caron2023.r1", "c")
    assert proof.chain == ("for ever", "radius")
    labels = [link.label for link in proof.links]
    assert labels == ["for ever", "radius: norms", "radius: residual", "radius: half of kappa"]
    assert proof.links[0].bound.rhs == proof.links[1].bound.lhs
    assert proof.links[-1].bound.rhs == proof.goal.rhs
    found = ledger(theorem, proof, theorem.example(n=1, d=1, m=2000, data="orthogonal"))
    assert [one.label for one in found.entries] == labels


def test_what_is_over_time_is_taken_where_the_goal_is_tightest():
    """Bounds 1 <= x_t <= y_t = (8, 3, 9): the ledger is about the second time, with x = 2 there and not min x = 1."""
    x, y = sp.symbols("x y", nonnegative=True)
    steps = (
        combine("one", "", Bound(sp.S.One, x), {REST: x - 1}),
        combine("two", "", Bound(x, y), {REST: y - x}),
        combine("end", "", Bound(sp.S.One, y), {"one": 1, "two": 1}),
    )
    over_time = (
        Quantity(x, "x", lambda run: Measured(np.array([1.0, 2.0, 4.0]), np.zeros(3))),
        Quantity(y, "y", lambda run: Measured(np.array([8.0, 3.0, 9.0]), np.zeros(3))),
    )
    proof = Proof("toy", Bound(sp.S.One, y), {}, frozenset({x, y}), steps, ("one", "two"), over_time)
    theorem = card("core.weyl")
    found = ledger(theorem, proof, theorem.example(n=1, d=1, m=1))
    assert [one.ratio for one in found.entries] == [2.0, 1.5]
    short = replace(proof, quantities=(over_time[0], replace(over_time[1], measure=lambda run: Measured(np.ones(2), np.zeros(2)))))  # fmt: skip
    with pytest.raises(ValueError, match="same times"):
        ledger(theorem, short, theorem.example(n=1, d=1, m=1))


def test_without_a_chain_there_is_nothing_to_share_out():
    proof = next(proof for proof in proofs() if not proof.chain)
    with pytest.raises(ValueError, match="no chain"):
        ledger(card("chen2022.a"), proof, None)


def test_a_side_that_is_0_is_loose_by_any_factor(tmp_path):
    theorem = card("caron2023.kappa")
    found = ledger(theorem, chain_of("caron2023.kappa", "definite"), theorem.example(n=3, d=3))
    assert "any factor" in str(ledger_table(found).title)
    assert ledger_document(found)["whole"] is None
    with pytest.raises(ValueError, match="no waterfall"):
        draw([found], tmp_path / "none.svg")
    assert not list(tmp_path.iterdir())


def test_the_waterfall_is_drawn_twice_alike(tmp_path):
    theorem = card("chen2022.a")
    found = ledgers(theorem, CHAINS["chen2022.a"], theorem.example(**theorem.showcase[0]))
    for name in ("one.svg", "two.svg"):
        draw(found, tmp_path / name)
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert (tmp_path / "one.svg").stat().st_size == (tmp_path / "two.svg").stat().st_size
