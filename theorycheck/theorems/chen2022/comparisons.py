"""chen2022 in the table of all papers (``theorycheck compare``).

Theorems A, B and C bound the labels. The lines of the table that fit any labels are those of the corollaries, which choose
a scale for them: of the output weights (:data:`SCALE`) or of the initial weights (:data:`INITIAL_SCALE`).
"""

from typing import Any

from theorycheck.comparison import Comparison
from theorycheck.statement import Theorem
from theorycheck.theorems.chen2022.floor import E
from theorycheck.theorems.chen2022.gradient_descent import DESCENT
from theorycheck.theorems.chen2022.initial_scale import INITIAL_SCALE
from theorycheck.theorems.chen2022.orthogonal import D
from theorycheck.theorems.chen2022.output_scale import SCALE
from theorycheck.theorems.chen2022.output_trained import OUTPUT_TRAINED
from theorycheck.theorems.chen2022.output_trained_relu import RELU_TRAINED
from theorycheck.theorems.chen2022.partially_trained import G
from theorycheck.theorems.chen2022.random_init import A_RANDOM, B_RANDOM
from theorycheck.theorems.chen2022.steep_everywhere import F
from theorycheck.theorems.chen2022.window import C

_LABELS = "labels about {ratio:.3g} times smaller, or chen2022.scale, which takes any"
_MENDS = {
    "lambda_min positive": "linearly independent rows: at most d of them (--rows), or chen2022.g, which takes any d",
    "orthogonal": "orthogonal rows; its own example makes them so with --orthogonalise",
    "delta below 1": "--delta between 0 and 1",
    "delta below 1/2": "--delta below 1/2",
    "lambda_inf positive": "leave out all but one of the rows that are equal or opposite",
    "like ReLU": "ReLU or another homogeneous activation",
}
_SMALL = {**_MENDS, **dict.fromkeys(("test", "labels", "window test", "output test"), _LABELS)}
_UNIT = "loss |f - y|^2/(2n), flow in the mean field's time, rows of norm sqrt d"
_FIRST, _PAIRS = "first layer, flow", "N(0, {nu:.3g}^2), +-{size:.3g} in mirrored pairs"


def _compared(
    theorem: Theorem, trains: str = _FIRST, start: str = _PAIRS, unit: str = _UNIT, **more: Any
) -> Comparison:
    claim = "contraction" if theorem is DESCENT else "rate"
    mends = _MENDS if theorem in (SCALE, INITIAL_SCALE) else _SMALL  # these two choose a scale for any labels
    return Comparison(theorem, claim, trains, start, unit, multiple=2, mends=mends, **more)


COMPARISONS = (
    *map(_compared, (A_RANDOM, B_RANDOM, C, SCALE, INITIAL_SCALE)),
    _compared(D, start="N(0, {nu:.3g}^2), signs"),
    _compared(E, start="N(0, {nu:.3g}^2), all +{size:.3g}", flags={"level": 0.0}),  # its example would place the labels
    _compared(F),
    _compared(G, "last hidden layer, flow", "frozen erf features, N(0, 1), +-{size:.3g} in mirrored pairs"),
    _compared(OUTPUT_TRAINED, "both layers, flow"),
    _compared(RELU_TRAINED, "both layers, flow"),
    _compared(DESCENT, "first layer, descent", unit="log of the loss per step of the theorem's own size", step="step"),
)
