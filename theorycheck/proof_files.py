"""The proofs that stand in files of their own, in ``proofs/``: finding and loading them.

Each file has a tuple ``PROOFS`` and runs on its own; files whose name begins with ``_`` are parts of others. A claim that
has no proof may have a reason there, in ``REASONS``.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from theorycheck.proof import Proof
from theorycheck.statement import Theorem

#: beside the package in a checkout, and what a wheel calls that folder
FOLDERS = ("proofs", "theorycheck_proofs")


class NoProofs(Exception):
    """There is no folder of proofs beside the package."""


def folder() -> Path:
    """Return the folder of proofs.

    Raises
    ------
    NoProofs
        If there is none beside the package.
    """
    root = Path(__file__).resolve().parent.parent
    found = next((root / name for name in FOLDERS if (root / name).is_dir()), None)
    if found is None:
        raise NoProofs(f"no folder of proofs stands beside the package in {str(root)!r}: install it with its proofs")
    return found


def files() -> list[Path]:
    """Return the files that run on their own."""
    return sorted(folder().glob("[!_]*.py"))


@cache
def load(path: Path) -> tuple[Proof, ...]:
    """Return the proofs of one file; its parts stand beside it."""
    spec = importlib.util.spec_from_file_location(f"theorycheck_proof_files.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return tuple(module.PROOFS)


def proofs(paper: str | None = None) -> tuple[Proof, ...]:
    """Return every proof, file by file; with a paper's key those of its file alone, if there is one.

    Raises
    ------
    NoProofs
        If there is no folder of proofs.
    """
    own = [path for path in files() if path.stem == paper]
    return tuple(proof for path in own or files() for proof in load(path))


def unproved(theorems: Iterable[Theorem]) -> dict[str, dict[str, str]]:
    """Return, by card, the claims that have no proof, and why: a file's own ``REASONS``, or that there is none yet.

    Raises
    ------
    NoProofs
        If there is no folder of proofs.
    """
    cards = list(theorems)
    papers = {card.label.partition(".")[0] for card in cards}
    own = [path for path in files() if path.stem in papers]
    names = {proof.name for path in own for proof in load(path)}
    told = {name: reason for path in own for name, reason in reasons(path).items()}
    return {
        card.label: {
            claim.label: told.get(f"{card.label} {claim.label}", "no proof yet")
            for claim in card.claims
            if f"{card.label} {claim.label}" not in names
        }
        for card in cards
    }


def reasons(path: Path) -> dict[str, str]:
    """Return why claims have no proof, by ``card claim``, as a file of proofs says."""
    load(path)
    return dict(getattr(sys.modules[f"theorycheck_proof_files.{path.stem}"], "REASONS", {}))


def behind(chosen: Iterable[Proof]) -> tuple[Proof, ...]:
    """Return the proofs of what some proofs apply, and of what those apply, without the chosen ones.

    Raises
    ------
    KeyError
        If what is applied has no proof.
    """
    found: dict[str, Proof] = {}
    first = list(chosen)
    left = [name for proof in first for name in proof.applied]
    while left:
        name = left.pop(0)
        if name not in found:
            found[name] = _named(name)
            left += found[name].applied
    own = {proof.name for proof in first}
    return tuple(proof for name, proof in found.items() if name not in own)


def _named(name: str) -> Proof:
    """Return the proof of this name, from the file that its first word names."""
    known = {proof.name: proof for proof in proofs(name.split(maxsplit=1)[0].partition(".")[0])}
    return known[name]
