"""Proofs of chen2022's theorems, part by part. Run it: ``python proofs/chen2022.py``.

What is about every n, m or d is shown for a small size in which all that can happen happens: two samples that meet, two
neurons, quadratic forms in coordinates of their eigenbasis.
"""

from __future__ import annotations

import _chen2022_deep
import _chen2022_descent
import _chen2022_floor
import _chen2022_movement
import _chen2022_orthogonal
import _chen2022_output
import _chen2022_paid
import _chen2022_random
import _chen2022_sandwich
import _chen2022_steep

from theorycheck.proof import Proof
from theorycheck.report_proof import run

#: a part for each place of the theory
PROOFS: tuple[Proof, ...] = (
    *_chen2022_sandwich.PROOFS,  # (3.4), (3.7)
    *_chen2022_steep.PROOFS,  # theorems A and F
    *_chen2022_paid.PROOFS,  # theorems B and C
    *_chen2022_random.PROOFS,  # the probability lemma, A and B with random weights, corollaries 4.4 and 4.5
    *_chen2022_orthogonal.PROOFS,  # theorem D
    *_chen2022_floor.PROOFS,  # theorem E and the dichotomy
    *_chen2022_movement.PROOFS,  # section 4.10
    *_chen2022_deep.PROOFS,  # frozen features and theorem G
    *_chen2022_descent.PROOFS,  # gradient descent
    *_chen2022_output.PROOFS,  # output weights trained as well
)

REASONS = {**_chen2022_deep.REASONS}

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
