"""razborov2022 in the table of all papers (``theorycheck compare``)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from theorycheck.comparison import Comparison
from theorycheck.model import Instance
from theorycheck.statement import Theorem
from theorycheck.theorems.razborov2022 import widths
from theorycheck.theorems.razborov2022.nguyen_card import NGUYEN
from theorycheck.theorems.razborov2022.oymak_card import OYMAK
from theorycheck.theorems.razborov2022.r1 import R1
from theorycheck.theorems.razborov2022.r1_descent import R1_DESCENT
from theorycheck.theorems.razborov2022.r2 import R2, R2_GAUSSIAN

_MENDS = {
    "K_0 definite": "leave out all but one of the parallel rows",
    "test": "wider networks, or labels nearer to the initial output",
}
_STEPS = "rates such that the largest eigenvalue of K_0 is 0.15, rows of norm sqrt d"


def _planned(law: str, instance: Instance) -> Callable[[int], Mapping[sp.Symbol, float]]:
    """Return what R2's example would choose on an instance's data at a width: rates, P, and which Grams are counted."""
    data, size = widths.data_of(instance.inputs), float(np.linalg.norm(instance.labels)) * (1 + 1e-9)
    flags = instance.description["flags"]
    chosen: dict[str, Any] = {
        "law": law, "p": flags["delta"], "c": flags["c"], "s": flags["step"], "scheme": flags["scheme"], "lazy": flags["lazy"],
    }  # fmt: skip

    return partial(widths.chosen_at, data, size, **chosen)


def _wide(theorem: Theorem, law: str, start: str) -> Comparison:
    return Comparison(
        theorem, "contraction", "both layers, descent", start,
        "log of the loss per step, loss |y - f|^2/2, the theorem's own step, rows of norm sqrt d", at=partial(_planned, law),
        mends={"definite": "leave out all but one of the parallel rows", "delta below 1": "--delta between 0 and 1"},
    )  # fmt: skip


COMPARISONS = (
    Comparison(
        R1, "rate", "both layers, flow", "N(0, 1), signs, LeCun's scaling", f"loss |y - f|^2/2, flow, {_STEPS}", mends=_MENDS,
    ),
    Comparison(
        R1_DESCENT, "contraction", "both layers, descent", "N(0, 1), signs, LeCun's scaling",
        f"log of the loss per step, loss |y - f|^2/2, {_STEPS}", mends=_MENDS,
    ),
    _wide(R2, "signs", "N(0, 1), signs, LeCun's scaling"),
    _wide(R2_GAUSSIAN, "normal", "N(0, 1), N(0, 1), LeCun's scaling"),
    Comparison(
        NGUYEN, "contraction", "both layers, descent", "N(0, 1/d), +-{size:.3g}, LeCun's scaling",
        "log of the loss per step, loss |y - f|^2/2, the theorem's own step, rows of norm sqrt d",
        flags={"level": 0.0, "last": 1.0}, mends={**_MENDS, **dict.fromkeys(("N1", "N2", "N3"), _MENDS["test"])},
    ),
    Comparison(
        OYMAK, "contraction", "first layer, descent", "N(0, 1), signs, LeCun's scaling",
        f"log of the loss per step, loss |y - f|^2/2, {_STEPS}", mends={**_MENDS, "change": _MENDS["test"], "step": "a smaller step"},
    ),
)  # fmt: skip
