"""How large normal output weights are at time 0 (razborov2022, R2's events with errata A1): exact chances.

``|a|^2`` is ``h`` times a chi-squared variable with ``m/h`` degrees of freedom, ``h`` the neurons that share one draw.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb, ctx
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.data import BadInput
from theorycheck.enclose import ends, evaluator
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022.examples import FLAGS

too_long, too_long_single, too_large = sp.symbols("P_t P_1 P_m", nonnegative=True)


def _at(run: Run, expr: sp.Expr) -> arb:
    """Return an expression of m, h and p at the instance, as a ball."""
    numbers = {o.m: run.instance.m, o.copies: run.instance.parameters["copies"], o.p: run.instance.parameters["p"]}
    return evaluator({symbol: arb(float(value)) for symbol, value in numbers.items()})(expr)


def _between(chance: arb) -> Measured:
    low, high = ends(chance)
    return Measured.between(max(low, 0.0), min(high, 1.0), True) if np.isfinite(high) else Measured(np.nan)


def longer(bound: sp.Expr) -> Any:
    """Return a measure of the exact chance that ``|a|^2`` is above a bound."""

    def read(run: Run) -> Measured:
        with ctx.workprec(192):
            return _between((_at(run, bound / o.copies) / 2).gamma_upper(_at(run, o.DRAWN) / 2, 1))

    return read


def _larger(run: Run) -> Measured:
    """Enclose ``P(max_j a_j^2 > largest_square)`` over the neurons that are drawn."""
    with ctx.workprec(192):
        each = (_at(run, sp.sqrt(o.NORMAL.largest_square / 2))).erfc()
        return _between(-((_at(run, o.DRAWN) * (-each).log1p()).expm1()))


_GIVEN = ("p a chance", "normal")
_CLAIMS = (
    Claim("total", "the exact chance that |a|^2 is above its bound", Bound(too_long, o.p), _GIVEN),
    Claim("largest", "the exact chance that some a_j^2 is above its bound", Bound(too_large, o.p), _GIVEN),
)
_SABOTAGES = (
    Claim("total: as if drawn one by one", "the bound for independent neurons, also for pairs", Bound(too_long_single, o.p), _GIVEN, falsifies="total"),
    Claim("total: a tenth of the chance", "fails ten times more rarely", Bound(too_long, o.p / 10), _GIVEN, falsifies="total"),
    Claim("largest: a thirtieth of the chance", "fails thirty times more rarely", Bound(too_large, o.p / 30), _GIVEN, falsifies="largest"),
)  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 < flags["p"] < 1:
        raise BadInput(f"--p must lie in (0, 1), not {flags['p']:g}: it is a probability")
    return i.build({**flags, "signs": "normal"}, "p")


def _hard(m: int, mirrored: bool, normal: bool, p: float) -> Instance:
    return i.drawn(np.eye(1), m, normal=normal, mirrored=mirrored, parameters={"p": p}, description={"p": p})


def _instances() -> SearchStrategy[Instance]:
    """Few and many neurons, alone and in pairs; chances from nearly 1 to those of R2's events and far below."""
    return st.builds(
        _hard,
        st.sampled_from([2, 10, 2000, 10_000]),
        st.booleans(),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([0.01, 0.3, 0.9, 1e-4, 1e-12]),
    )


_NAMES = ("n", "d", "scheme", "lazy", "mirrored", "draw", "label", "data", "rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")  # fmt: skip
SIZES = Theorem(
    label="razborov2022.sizes",
    title="Gaussian initial weights: how large the output weights are, alone and in pairs",
    reference=Reference("razborov2022", "Theorem R2 (d), (e), section 3.3, with errata A1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " h: neurons that share one draw, 2 for pairs (w, a), (w, -a). p: the chance that each bound may fail with.",
    quantities=(
        *(part for part in i.SIZES if part.symbol != o.n),
        Quantity(too_long, "exact chance that |a|^2 is above its bound", longer(o.total(o.NORMAL))),
        Quantity(too_long_single, "exact chance that |a|^2 is above the bound for neurons drawn one by one", longer(o.NORMAL.total)),
        Quantity(too_large, "exact chance that some a_j^2 is above its bound", _larger),
    ),
    assumptions=(i.IS_CHANCE, i.NORMAL),
    claims=with_looseness(_CLAIMS, total=7.06, largest=11.7),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(
        _build,
        {**{name: FLAGS[name] for name in _NAMES}, "m": (Annotated[int, "number of neurons"], 100), "p": (Annotated[float, "chance that each bound may fail with"], 0.01)},
        Instance,
    ),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"m": 100}, {"m": 1000, "mirrored": True}, {"data": "breast_cancer", "rows": 3, "m": 1000, "p": 0.1}),
)  # fmt: skip
