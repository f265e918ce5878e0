"""razborov2022 in the table of all papers (``theorycheck compare``)."""

from theorycheck.comparison import Comparison
from theorycheck.theorems.razborov2022.r1 import R1
from theorycheck.theorems.razborov2022.r1_descent import R1_DESCENT

_MENDS = {
    "K_0 definite": "leave out all but one of the parallel rows",
    "test": "wider networks, or labels nearer to the initial output",
}
_STEPS = "rates such that the largest eigenvalue of K_0 is 0.15, rows of norm sqrt d"

COMPARISONS = (
    Comparison(
        R1, "rate", "both layers, flow", "N(0, 1), signs, LeCun's scaling", f"loss |y - f|^2/2, flow, {_STEPS}", mends=_MENDS
    ),
    Comparison(
        R1_DESCENT, "contraction", "both layers, descent", "N(0, 1), signs, LeCun's scaling",
        f"log of the loss per step, loss |y - f|^2/2, {_STEPS}", mends=_MENDS,
    ),
)  # fmt: skip
