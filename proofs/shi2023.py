"""Proofs of shi2023's cards that are written down as steps, and why the others are not.

Run: ``python proofs/shi2023.py``.
"""

from __future__ import annotations

import _shi2023_angles as angles
import _shi2023_batch as batch
import _shi2023_chances as chances
import _shi2023_coupled as coupled
import _shi2023_emergence as emergence
import _shi2023_end as end
import _shi2023_first as first
import _shi2023_frozen as frozen
import _shi2023_kernels as kernels
import _shi2023_linear as linear
import _shi2023_mixture as mixture
import _shi2023_mixture_features as mixture_features
import _shi2023_parity as parity
import _shi2023_risk as risk
import _shi2023_stopped as stopped
import _shi2023_structured as structured
import _shi2023_truth as truth
import _shi2023_window as window

from theorycheck.proof import Proof
from theorycheck.report_proof import run
from theorycheck.theorems import shi2023

PROOFS: tuple[Proof, ...] = (
    *first.PROOFS,
    *angles.PROOFS,
    *mixture.PROOFS,
    *chances.PROOFS,
    *truth.PROOFS,
    *parity.PROOFS,
    *structured.PROOFS,
    *linear.PROOFS,
    *coupled.PROOFS,
    *window.PROOFS,
    *emergence.PROOFS,
    *mixture_features.PROOFS,
    *end.PROOFS,
    *kernels.PROOFS,
    *frozen.PROOFS,
    *risk.PROOFS,
    *stopped.PROOFS,
    *batch.PROOFS,
)

#: claims without a proof, and why
_PROVED = {proof.name for proof in PROOFS}
REASONS = {
    name: "its derivation is not written down as steps yet"
    for name in (f"{card.label} {claim.label}" for card in shi2023.THEOREMS for claim in card.claims)
    if name not in _PROVED
}

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
