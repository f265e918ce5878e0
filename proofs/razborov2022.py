"""Proofs of razborov2022's theorems. Run it: ``python proofs/razborov2022.py``.

Each part says what it proves: R1 for flow and for descent; one step of descent; what flow conserves; R0 in its forms; the
linearised run; limit Grams; chances of Gaussian weights; flips; the width theorem R2 and its closed form.
"""

from __future__ import annotations

import _razborov2022_chances
import _razborov2022_conserved
import _razborov2022_data
import _razborov2022_descent
import _razborov2022_flips
import _razborov2022_flow
import _razborov2022_grams
import _razborov2022_linearised
import _razborov2022_one_step
import _razborov2022_oymak
import _razborov2022_r0
import _razborov2022_r0_smooth
import _razborov2022_r2
import _razborov2022_widths

from theorycheck.proof import Proof
from theorycheck.report_proof import run
from theorycheck.theorems.razborov2022.r0_radii import RADII, RADII_DESCENT

PROOFS: tuple[Proof, ...] = (
    *_razborov2022_flow.PROOFS,
    *_razborov2022_descent.PROOFS,
    *_razborov2022_one_step.PROOFS,
    *_razborov2022_conserved.PROOFS,
    *_razborov2022_r0.PROOFS,
    *_razborov2022_r0_smooth.PROOFS,
    *_razborov2022_linearised.PROOFS,
    *_razborov2022_oymak.PROOFS,
    *_razborov2022_grams.PROOFS,
    *_razborov2022_data.PROOFS,
    *_razborov2022_chances.PROOFS,
    *_razborov2022_flips.PROOFS,
    *_razborov2022_widths.PROOFS,
    *_razborov2022_r2.PROOFS,
)

#: claims without a proof, and why
REASONS = {
    f"{card.label} {claim.label}": "the bootstrap on two balls at once, with the smaller of two bounds for each, is not written down as steps"
    for card in (RADII, RADII_DESCENT)
    for claim in card.claims
} | _razborov2022_r2.REASONS

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
