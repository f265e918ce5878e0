"""The ledger of slack: on instances, the links of a proof's chain multiply to the whole, and the lossy one is found."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from test_proofs import PROOFS

from theorycheck.ledger import largest_first, ledger
from theorycheck.statement import Bound
from theorycheck.theorems import card

CHAINS = [proof for proof in PROOFS if proof.chain]


def of(proof):
    return card(proof.name.split()[0])


@pytest.mark.parametrize("proof", CHAINS, ids=lambda proof: proof.name)
def test_the_links_multiply_to_the_whole(proof):
    theorem = of(proof)
    found = ledger(theorem, proof, theorem.example(**theorem.showcase[0]))
    assert found.whole.ratio >= 1
    assert math.prod(one.ratio for one in found.entries) == pytest.approx(found.whole.ratio, rel=1e-9)
    assert sum(one.share for one in found.entries) == pytest.approx(1.0, rel=1e-9)
    # no link is violated by more than its error
    assert all(one.ratio >= 1 - one.error for one in found.entries)


def test_a_link_that_loses_a_factor_is_found():
    """The same chain with 1000 lost in one link and given back in the next: both are seen, the whole is not changed."""
    proof = next(proof for proof in CHAINS if proof.name == "chen2022.a rate")
    theorem = of(proof)
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


def test_without_a_chain_there_is_nothing_to_share_out():
    proof = next(proof for proof in PROOFS if not proof.chain)
    with pytest.raises(ValueError, match="no chain"):
        ledger(of(proof), proof, None)
