"""The closed form (I), (II), (III) of R2 implies its main condition (razborov2022, section 3.3 with errata A2).

An inequality between numbers that are known before any weights are drawn: nothing is simulated, and the width is a number.
Stated for mirrored pairs of random signs, where ``rho_0`` can be so small that few gates can flip at all: there (I) and (II)
alone are not enough.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import r2, widths
from theorycheck.theorems.razborov2022 import r2_setting as r
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022.examples import FLAGS, sized_data

_FOUND = w.conditions(o.SIGNS, mirrored=True)
_KEPT = ("delta below 1", "c in range", "definite", "step size")
_PATH = Assumption("path", "P is no longer than the path can be", Bound(w.P, _FOUND.path))
_PARTS = tuple(
    Assumption(f"({name})", f"the width is at least ({name}) of the closed form", Bound(width, o.m))
    for name, width in _FOUND.closed.items()
)
_ASSUMED = (*(part for part in r2.assumptions(_FOUND) if part.label in _KEPT), _PATH, *_PARTS)
_GIVEN = tuple(part.label for part in _ASSUMED)
_CLAIMS = (
    Claim("moved", "moved output weights take at most half of c alpha_*", Bound(_FOUND.outer, _FOUND.width.rhs / 2), (*_KEPT, "path", "(I)")),
    Claim("flips", "flips take at most the other half", Bound(_FOUND.flipped, _FOUND.width.rhs / 2), (*_KEPT, "path", "(II)", "(III)")),
    Claim("main", "so the main condition of R2 holds", _FOUND.width, _GIVEN),
)  # fmt: skip


def _without(name: str) -> tuple[str, ...]:
    return tuple(label for label in _GIVEN if label != name)


_SABOTAGES = (
    Claim("main: (I) dropped", "moved output weights do not count", _FOUND.width, _without("(I)"), falsifies="main"),
    Claim("main: (II) dropped", "flips do not count", _FOUND.width, _without("(II)"), falsifies="main"),
    Claim("main: (III) dropped", "as printed, before errata A2", _FOUND.width, _without("(III)"), falsifies="main"),
    Claim("moved: a quarter", "half of that", Bound(_FOUND.outer, _FOUND.width.rhs / 4), _CLAIMS[0].given, falsifies="moved"),
    Claim("flips: (III) dropped", "as printed, before errata A2", _CLAIMS[1].bound, (*_KEPT, "path", "(II)"), falsifies="flips"),
)  # fmt: skip


def _stated(
    inputs: np.ndarray, bound: float, m: int, scheme: Any, p: float, factor: float = 1.0, *, description: dict[str, Any],
    notes: tuple[str, ...] = (), **chosen: float,
) -> Instance:  # fmt: skip
    """Return an instance that holds the numbers of R2 at a width (0: ``factor`` times the closed form's own).

    Its two neurons are there for the form only.
    """
    data = widths.data_of(inputs)
    given: dict[str, Any] = {"law": "signs", "mirrored": True, "scheme": scheme, "p": p, **chosen}
    if not data.least_W > 0:
        m = m or 100
    width = m or max(int(factor * widths.required(data, bound, closed=True, **given)), 2)
    values = widths.values_at(data, bound, width, used=(True, True), **given)
    # a hair shorter than the path, which its own slack made a hair longer
    values[w.P] *= 1 - 3e-9
    parameters = {name: values[symbol] for name, symbol in r.CHOICES.items()} | {"m": float(width)}
    rates = tuple(rate if math.isfinite(rate) else 0.0 for rate in (values[t.eta_W], values[t.eta_a]))
    plan = {
        "law": "signs",
        "mirrored": True,
        "scale": values[t.kappa],
        "rates": rates,
        "target": "own",
        "parameters": parameters,
    }
    made = r.drawn(inputs, np.zeros(len(inputs)), 2, plan, 0, description={"width": width, **description}, notes=notes)
    return replace(made, redraw=None)


def _build(flags: dict[str, Any]) -> Instance:
    inputs, labels, notes = sized_data(flags)
    size = float(np.linalg.norm(labels)) * flags["size"]
    about = {"data": flags["data"], "flags": dict(flags)}
    return _stated(
        inputs, size, flags["m"], flags["scheme"], flags["delta"], description=about, notes=notes, c=flags["c"], s=flags["step"],
        lazy=flags["lazy"],
    )  # fmt: skip


_FLAGS = {
    name: part
    for name, part in {**FLAGS, **r2.MINE}.items()
    if name not in ("residual", "signs", "mirrored", "draw", "target")
}
_FLAGS["size"] = (Annotated[float, "labels are multiplied by this"], 1.0)


def _hard(
    place: tuple[int, int], scheme: Any, size: float, p: float, c: float, factor: float, width: int, seed: int
) -> Instance:
    n, d = place
    inputs = build_inputs(InputPlan("gaussian", n, d, seed, 1)) * math.sqrt(d)
    about = {"n": n, "d": d, "scheme": str(scheme), "size": size, "p": p, "c": c, "factor": factor}
    return _stated(inputs, size, width, scheme, p, factor, c=c, description=about)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        place=st.sampled_from([(4, 30), (2, 6), (1, 1)]),
        scheme=st.sampled_from(["first", "lecun", "ntk", partial(r2.mixed, 2.0)]),
        size=st.sampled_from([1e-6, 1.0, 1e-3, 1e3]),
        p=st.sampled_from([0.05, 0.5]),
        c=st.sampled_from([0.2, 0.02]),
        factor=st.sampled_from([1.01, 1e-4]),
        width=st.sampled_from([0, 1000]),
        seed=st.integers(0, 100),
    )


CLOSED = Theorem(
    label="razborov2022.closed",
    title="Three explicit widths imply the condition under which wide networks are fitted by gradient descent",
    reference=Reference("razborov2022", "closed form of R2, section 3.3, with errata A2", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=r2.NOTATION + " Neurons come in mirrored pairs of random signs. m: a width, of a network that need not be there.",
    quantities=tuple(
        Quantity(o.m, "the width", measure.parameter("m")) if part.symbol == o.m else part for part in r.QUANTITIES
    ),
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, moved=3.5, flips=1.0, main=2.0),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, _FLAGS, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"n": 4, "d": 30}, {"n": 4, "d": 30, "scheme": "first"}, {"data": "breast_cancer", "rows": 6, "size": 1e-3}),
)  # fmt: skip
