"""The proofs in ``proofs/``: nothing is broken, each step is seen when it is broken by hand, files run on their own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import sympy as sp
from hypothesis import settings

from theorycheck import report_proof
from theorycheck.proof_files import behind, files, load, proofs, reasons, unproved
from theorycheck.proof_steps import Checked, Kind, Trust
from theorycheck.proof_verify import check_steps, meant
from theorycheck.statement import Bound
from theorycheck.theorems import cards

FILES = files()
PROOFS = proofs()
CHECKABLE = {Kind.IDENTITY, Kind.COMBINE, Kind.MONOTONE, Kind.APPLY, Kind.INTEGRAL, Kind.ENCLOSED}
#: steps that several proofs share are broken once
NIGHT = settings.default.max_examples >= 1000
STEPS = {id(step): (proof, step.label) for proof in PROOFS for step in proof.steps if step.kind in CHECKABLE}


def wrong(bound: Bound, kind: Kind) -> list[Bound]:
    """A coefficient, a sign, an exponent, a constant; for an enclosure, whose slack has room, the sides the wrong way round."""
    left, right = bound.lhs, bound.rhs
    if kind is Kind.ENCLOSED:
        return [replace(bound, lhs=right, rhs=left)]
    side = right if right != 0 else left
    mutants = [2 * side, -side, side**2 if side not in (0, 1) else side + 1, side - sp.Rational(1, 3)]
    return [replace(bound, rhs=one) if right != 0 else replace(bound, lhs=one) for one in mutants]


@pytest.mark.parametrize(("proof", "label"), STEPS.values(), ids=lambda part: getattr(part, "name", part))
def test_breaking_a_step_is_reported_as_broken_at_that_step(proof, label):
    place = next(k for k, step in enumerate(proof.steps) if step.label == label)
    step = proof.steps[place]
    facts = dict(proof.premises) | {one.label: one.bound for one in proof.steps[:place]}
    equations = [one.label for one in proof.steps[:place] if one.equal]
    taken = meant(proof.steps[:place], proof.premises)
    # unbroken it holds, as the files are run below; by day each step is broken in one way, the ways taken in turn
    mutants = wrong(step.bound, step.kind)
    if not NIGHT:
        turn = len(proof.name) + place
        # SymPy is slow to see that a wrong identity between distributions is none
        mutants = mutants[:1] if proof.name.startswith("dual_kernels ") else [mutants[turn % len(mutants)]]
    for bound in mutants:
        (found,) = check_steps((replace(step, bound=bound),), facts, equations, taken)
        assert found.trust is Trust.BROKEN, (found.step.bound, found.trust)
        assert found.note


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_runs_on_its_own_from_any_directory_and_nothing_is_broken(path, tmp_path):
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "BROKEN" not in done.stdout
    assert "symbolic or enclosed" in done.stdout


def test_at_least_two_thirds_of_all_steps_are_symbolic_or_enclosed():
    """Counted by kind, which says the trust of a step that is not broken."""
    kinds = [step.kind for step in {id(step): step for proof in PROOFS for step in proof.steps}.values()]
    assert sum(kind not in (Kind.SAMPLED, Kind.CITED) for kind in kinds) >= 2 / 3 * len(kinds)
    # textbook results are cited in their own file, and nowhere else but by the lemma that is one
    elsewhere = [proof.name for proof in PROOFS for step in proof.steps if step.kind is Kind.CITED]
    assert {name for name in elsewhere if not name.startswith("textbook ")} <= {"core.weyl singular value"}


def test_every_claim_of_every_card_has_a_proof_or_a_reason():
    told = {name for path in FILES for name in reasons(path)}
    claims = {f"{card.label} {claim.label}" for card in cards() for claim in card.claims}
    proved = {proof.name for proof in PROOFS}
    assert claims <= proved | told
    assert not proved & told, "a claim that has a proof needs no reason"
    assert told <= claims, "a reason for a claim that does not exist"
    missing = {f"{label} {claim}" for label, found in unproved(cards()).items() for claim in found}
    assert missing == claims - proved


def test_what_is_applied_has_a_proof_and_there_is_no_circle():
    """``behind`` raises for a lemma without a proof; a proof that stands on itself would be among what is behind it."""
    known = {proof.name: proof for proof in PROOFS}
    assert len(known) == len(PROOFS)
    for proof in PROOFS:
        assert proof.name not in {name for one in behind((proof,)) for name in one.applied}, proof.name


def test_a_statement_that_is_applied_is_the_one_that_was_proved():
    known = {proof.name: proof for proof in PROOFS}
    for proof in PROOFS:
        for step in proof.steps:
            if step.lemma:
                shown = known[step.lemma.name]
                assert step.lemma.goal == shown.goal
                premises = {name.removeprefix("given: "): bound for name, bound in shown.premises.items()}
                mine = {name.removeprefix("given: "): bound for name, bound in step.lemma.premises.items()}
                assert mine == premises
                assert not shown.events


def test_a_broken_proof_ends_in_status_1(capsys):
    proof = next(proof for proof in PROOFS if proof.name == "core.groenwall rate")
    broken = replace(proof.steps[0], bound=Bound(proof.steps[0].bound.lhs + 1, proof.steps[0].bound.rhs))
    changed = replace(proof, steps=(broken, *proof.steps[1:]))
    assert report_proof.run((proof,)) == 0
    assert report_proof.run((changed,)) == 1
    assert "BROKEN: off by" in capsys.readouterr().out


def test_parts_are_no_files_of_their_own():
    assert [path for path in FILES if path.name.startswith("_")] == []
    assert all(load(path) for path in FILES)


def test_the_readme_tells_the_counts():
    """By kind, which is the trust of a step that is not broken: what ``theorycheck prove`` prints at its end."""
    trust = {Kind.ENCLOSED: Trust.ENCLOSED, Kind.SAMPLED: Trust.SAMPLED, Kind.CITED: Trust.CITED}
    found = [Checked(step, trust.get(step.kind, Trust.SYMBOLIC)) for proof in PROOFS for step in proof.steps]
    text = (FILES[0].parent.parent / "README.md").read_text(encoding="utf-8")
    told = text.split("<!-- counts -->")[1].split("<!-- end -->", maxsplit=1)[0].strip()
    assert told == f"Today: {len(PROOFS)} proofs, {report_proof.counts(found)}."
