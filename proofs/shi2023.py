"""Proofs of shi2023's cards: none is written down as steps yet, and why.

Run: ``python proofs/shi2023.py``.
"""

from __future__ import annotations

from theorycheck.proof import Proof
from theorycheck.report_proof import run
from theorycheck.theorems import shi2023

PROOFS: tuple[Proof, ...] = ()

#: claims without a proof, and why
REASONS = {f"{card.label} {claim.label}": "its derivation is not written down as steps yet" for card in shi2023.THEOREMS for claim in card.claims}  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
