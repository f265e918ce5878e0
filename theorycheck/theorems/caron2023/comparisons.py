"""caron2023 in the table of all papers (``theorycheck compare``)."""

from functools import partial
from typing import Any

import sympy as sp

from theorycheck.comparison import Comparison
from theorycheck.statement import Theorem
from theorycheck.theorems.caron2023.r0 import R0, R0_SMOOTH
from theorycheck.theorems.caron2023.r1 import R1, R1_LOG
from theorycheck.theorems.caron2023.r2 import R2, R2_DATA, RESIDUAL, RESIDUAL_DATA
from theorycheck.theorems.caron2023.r3 import R3, R3_DATA, planned
from theorycheck.theorems.caron2023.r3_relu import R3_RELU

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


def _descended(theorem: Theorem, residual: sp.Expr | None = None) -> Comparison:
    more: dict[str, Any] = {"at": partial(planned, theorem.quantities, residual)} if residual is not None else {}
    return Comparison(
        theorem, "b", "first layer, descent", "N(0, 1), signs, even node scales",
        "log of the loss per step of the theorem's own size, loss |y - f|^2/2, f = sum_j sqrt(lambda_j) a_j s(w_j . x/sqrt d)",
        mends={**_MENDS, "weighted test": _MENDS["test"]}, step="step", **more,
    )  # fmt: skip


COMPARISONS = (
    *map(_compared, (R0, R0_SMOOTH, R1, R1_LOG, R2, R2_DATA)),
    _descended(R3, RESIDUAL),
    _descended(R3_DATA, RESIDUAL_DATA),
    _descended(R3_RELU),
)
