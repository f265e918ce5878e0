"""Textbook results that the proofs apply, with what can be derived of them. Run it: ``python proofs/textbook.py``."""

from __future__ import annotations

from theorycheck import textbook, textbook_tails
from theorycheck.proof import Proof
from theorycheck.report_proof import run

PROOFS: tuple[Proof, ...] = (*textbook.PROOFS, *textbook_tails.PROOFS)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
