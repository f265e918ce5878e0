"""Proofs of caron2023's theorems on convergence and on time 0. Run it: ``python proofs/caron2023.py``.

Its parts: lemmas L1 to L8, what is random at time 0, the certificate R0, the theorems R1, R1' and R2,
gradient descent (R3, R3'), pruning (R8), node scales and the random limit, speeds and movements (R7), equal scales (R6).
"""

from __future__ import annotations

import _caron2023_certificates
import _caron2023_chances
import _caron2023_descent
import _caron2023_gram
import _caron2023_initial
import _caron2023_lazy
import _caron2023_log
import _caron2023_movement
import _caron2023_movement_relu
import _caron2023_power_sums
import _caron2023_pruned_chance
import _caron2023_pruning
import _caron2023_r1
import _caron2023_smooth
import _caron2023_speed

from theorycheck.proof import Proof
from theorycheck.report_proof import run

PROOFS: tuple[Proof, ...] = (
    *_caron2023_initial.PROOFS,
    *_caron2023_certificates.PROOFS,
    *_caron2023_chances.PROOFS,
    *_caron2023_r1.PROOFS,
    *_caron2023_log.PROOFS,
    *_caron2023_smooth.PROOFS,
    *_caron2023_descent.PROOFS,
    *_caron2023_pruning.PROOFS,
    *_caron2023_pruned_chance.PROOFS,
    *_caron2023_power_sums.PROOFS,
    *_caron2023_speed.PROOFS,
    *_caron2023_movement.PROOFS,
    *_caron2023_movement_relu.PROOFS,
    *_caron2023_gram.PROOFS,
    *_caron2023_lazy.PROOFS,
)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
