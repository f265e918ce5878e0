"""Proofs of razborov2022's theorems. Run it: ``python proofs/razborov2022.py``.

Each part says what it proves: R1 for flow and for descent; one step of descent; what flow conserves; R0 in its forms; the
linearised run; limit Grams; chances of Gaussian data and weights; flips; the width theorem R2 and its closed form; Nguyen's
theorem.
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
import _razborov2022_nguyen_card
import _razborov2022_one_step
import _razborov2022_oymak
import _razborov2022_r0
import _razborov2022_r0_smooth
import _razborov2022_r2
import _razborov2022_radii
import _razborov2022_refined
import _razborov2022_widths

from theorycheck.proof import Proof
from theorycheck.report_proof import run

PROOFS: tuple[Proof, ...] = (
    *_razborov2022_flow.PROOFS,
    *_razborov2022_descent.PROOFS,
    *_razborov2022_one_step.PROOFS,
    *_razborov2022_conserved.PROOFS,
    *_razborov2022_r0.PROOFS,
    *_razborov2022_r0_smooth.PROOFS,
    *_razborov2022_radii.PROOFS,
    *_razborov2022_linearised.PROOFS,
    *_razborov2022_oymak.PROOFS,
    *_razborov2022_grams.PROOFS,
    *_razborov2022_data.PROOFS,
    *_razborov2022_chances.PROOFS,
    *_razborov2022_flips.PROOFS,
    *_razborov2022_widths.PROOFS,
    *_razborov2022_r2.PROOFS,
    *_razborov2022_nguyen_card.PROOFS,
    *_razborov2022_refined.PROOFS,
)

#: claims without a proof, and why
REASONS = {
    "razborov2022.refined change": "its constants, its exponent and its last sum are proved (lemmas F2), P5 by itself; the unions over subsets and neurons are not written down as steps"
}

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
