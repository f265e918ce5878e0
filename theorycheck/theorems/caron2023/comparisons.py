"""caron2023 in the table of all papers (``theorycheck compare``)."""

from theorycheck.comparison import Comparison
from theorycheck.statement import Theorem
from theorycheck.theorems.caron2023.r0 import R0, R0_SMOOTH
from theorycheck.theorems.caron2023.r1 import R1, R1_LOG
from theorycheck.theorems.caron2023.r2 import R2, R2_DATA

_MENDS = {
    "unit ball": "--inputs-scale rows or max, which the other theorems allow as well",
    "not parallel": "leave out all but one of the parallel rows",
    "slope at most 1": "--activation tanh, softplus or another one with |s'| <= 1",
    "analytic": "--activation tanh, softplus or another analytic one; caron2023.r1 speaks of ReLU",
    "delta below 1": "--delta between 0 and 1",
    "test": "wider networks, or labels nearer to the initial output",
}


def _compared(theorem: Theorem) -> Comparison:
    return Comparison(
        theorem, "b", "first layer, flow", "N(0, 1), signs, even node scales",
        "loss |y - f|^2/2, flow at rate 1, f = sum_j sqrt(lambda_j) a_j s(w_j . x/sqrt d)", mends=_MENDS,
    )  # fmt: skip


COMPARISONS = tuple(map(_compared, (R0, R0_SMOOTH, R1, R1_LOG, R2, R2_DATA)))
