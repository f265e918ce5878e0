"""The proofs in ``proofs/``: nothing is broken, each step is seen when it is broken by hand, files run on their own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from theorycheck import report_proof
from theorycheck.proof import check_steps
from theorycheck.proof_steps import Kind, Trust
from theorycheck.statement import Bound

FOLDER = Path(__file__).resolve().parent.parent / "proofs"
FILES = sorted(FOLDER.glob("[!_]*.py"))


def load(path):
    spec = importlib.util.spec_from_file_location(f"proofs_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PROOFS


PROOFS = [proof for path in FILES for proof in load(path)]
CHECKABLE = {Kind.IDENTITY, Kind.COMBINE, Kind.ENCLOSED}
STEPS = [(proof, step.label) for proof in PROOFS for step in proof.steps if step.kind in CHECKABLE]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_no_step_is_broken(proof):
    assert not [(found.step.label, found.note) for found in proof.check() if found.trust is Trust.BROKEN]


def wrong(bound: Bound, kind: Kind) -> list[Bound]:
    """A coefficient, a sign, an exponent; for an enclosure, whose slack has room, the sides the wrong way round."""
    left, right = bound.lhs, bound.rhs
    if kind is Kind.ENCLOSED:
        return [replace(bound, lhs=right, rhs=left)]
    side = right if right != 0 else left
    mutants = [2 * side, -side, side**2 if side not in (0, 1) else side + 1]
    return [replace(bound, rhs=one) if right != 0 else replace(bound, lhs=one) for one in mutants]


@pytest.mark.parametrize(("proof", "label"), STEPS, ids=lambda part: getattr(part, "name", part))
def test_breaking_a_step_is_reported_as_broken_at_that_step(proof, label):
    step = next(step for step in proof.steps if step.label == label)
    for bound in wrong(step.bound, step.kind):
        steps = [replace(one, bound=bound) if one is step else one for one in proof.steps]
        before = steps[: steps.index(next(one for one in steps if one.label == label)) + 1]
        found = check_steps(before, proof.premises)[-1]
        assert found.trust is Trust.BROKEN, (found.step.bound, found.trust)
        assert found.note


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_runs_on_its_own_from_any_directory(path, tmp_path):
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "symbolic or enclosed" in done.stdout


def test_a_broken_proof_ends_in_status_1(capsys):
    proof = PROOFS[0]
    broken = replace(proof.steps[0], bound=Bound(proof.steps[0].bound.lhs + 1, proof.steps[0].bound.rhs))
    changed = replace(proof, steps=(broken, *proof.steps[1:]))
    assert report_proof.run((proof,)) == 0
    assert report_proof.run((changed,)) == 1
    assert "BROKEN: off by" in capsys.readouterr().out
