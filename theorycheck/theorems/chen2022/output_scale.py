"""Corollary 4.4 of chen2022: any labels are fitted if the output is scaled up by a constant.

It is theorem B (errata I1) at the split that leaves half of the rate: what the labels may be is then
``PAID = 1/4 + pi/8`` of ``|c_i| K p_hat eta sqrt(lam/G_max)``, where the Chebyshev count of section 4.2
gives 1/2. The scale does not depend on the width.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.certify.problem import of_instance
from theorycheck.data import BadInput
from theorycheck.flow import Run, follow
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import DATA, keyword_example
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.intervals import candidates
from theorycheck.theorems.chen2022.random_init import sabotages, symbols_of

#: half of theorem B's rate is left: the errata's r(D*) with D*^2 = share eta^2/(2 G_max)
SPLIT = 1 / sp.sqrt(2)
RATE = t.CONCLUSIONS_B[0].expr.subs(t.split, SPLIT)
PATH = t.CONCLUSIONS_B[1].expr.subs(t.split, SPLIT)
#: theorem B's largest residual at that split, over |c_i|: the output scale must exceed the labels over this
PER_SCALE = sp.simplify(t.TESTS_B[-1][1].rhs.subs(t.split, SPLIT) / t.c_low)
#: its constant, (1/4 + pi/8) in place of the 1/2 of section 4.2
PAID = PER_SCALE.subs(dict.fromkeys(PER_SCALE.free_symbols, 1))

_TESTS = {name: bound for name, bound in t.TESTS_B if name in ("lambda_min positive", "K positive", "G_max positive")}
PLAIN = (
    Assumption("lambda_min positive", "the inputs are linearly independent", _TESTS["lambda_min positive"]),
    Assumption("K positive", "the slope is bounded away from 0 on the interval", _TESTS["K positive"]),
    Assumption("G_max positive", "the inputs are not all 0", _TESTS["G_max positive"]),
    o.IS_MIRRORED,
)
_SCALE = (
    *PLAIN,
    Assumption("p_hat positive", "some neurons start inside the interval, for every sample", Bound(sp.S.Zero, t.share, strict=True)),
    Assumption("eta positive", "neurons start inside the interval", Bound(sp.S.Zero, t.eta, strict=True)),
    Assumption("test", "the output scale is large enough for the labels", Bound(o.label_norm / PER_SCALE, t.c_low, strict=True)),
)  # fmt: skip


QUANTITIES = (
    *s.SIZES, *s.GEOMETRY, *(part for part in s.STEEP if part.symbol != t.c_low), o.SIZE, o.DRAWS, o.DELTA,
    o.LABEL_NORM, o.MIRRORED, o.NU, s.RATE, s.PATH,
)  # fmt: skip


# --- instances -------------------------------------------------------------------------------


def _scaled(instance: Instance, kappa: float) -> Instance:
    """Return the instance with output weights of that size; nothing else changes."""
    signs = kappa * np.sign(instance.signs)
    return with_parameters(replace(instance, signs=signs, redraw=None), c_low=kappa)


def values_of(instance: Instance, wanted: set[sp.Symbol]) -> dict[sp.Symbol, float]:
    run = Run(instance)
    return {part.symbol: float(part.measure(run).value) for part in QUANTITIES if part.symbol in wanted}


def large_output(instance: Instance, interval: tuple[float, float, float], kappa: float, level: float) -> Instance:
    """Return the instance with an interval, and |c_i| = kappa, or that of 4.4 over ``level`` where kappa is 0."""
    if not interval[2]:
        found = candidates(of_instance(instance), lambda fraction, stage: None)
        score = found.steepness * found.share * found.eta
        k = int(np.argmax(score)) if len(score) else 0
        interval = (float(found.low[k]), float(found.high[k]), float(found.eta[k])) if len(score) else (0.0, math.inf, 1.0)  # fmt: skip
    instance = with_parameters(instance, **dict(zip(("low", "high", "eta"), interval, strict=True)), c_low=0.0)
    if not kappa:
        values = values_of(instance, (PER_SCALE.free_symbols | {o.label_norm}))
        most = float(PER_SCALE.subs(values)) if all(map(math.isfinite, values.values())) else 0.0
        kappa = values[o.label_norm] / most / level if most > 0 and values[o.label_norm] > 0 else 1.0
    return _scaled(instance, kappa if 0 < kappa < 1e9 else 1.0)


FLAGS = {
    "kappa": (Annotated[float, "size |c_i| of the output weights; 0 for the theorem's own"], 0.0),
    "level": (Annotated[float, "the theorem's own scale is divided by this"], 0.999),
    "low": (Annotated[float, "lower end of the interval where the slope is steep"], 0.0),
    "high": (Annotated[float, "upper end of it; inf for a half line"], 0.0),
    "eta": (Annotated[float, "how far inside it neurons must start; 0 searches interval and margin"], 0.0),
}


def _build(flags: dict[str, Any]) -> Instance:
    check_level(flags)
    instance = s.build({**flags, "kappa": 1.0, "mirrored": True})
    return large_output(instance, s.interval_of(flags), flags["kappa"], flags["level"])


def check_level(flags: dict[str, Any]) -> None:
    """Refuse a level that is not positive."""
    if not flags["level"] > 0:
        raise BadInput(f"--level must be positive, not {flags['level']:g}: the theorem's own scale is divided by it")


# --- the card --------------------------------------------------------------------------------


def _hard(kind: str, n: int, width: int, name: str, level: float, size: float, weak: bool, seed: int) -> Instance:
    inputs = build_inputs(InputPlan(kind, n, n + 1, seed, 1)) * math.sqrt(n + 1)
    with np.errstate(all="ignore"):
        labels = size * np.linalg.eigh(inputs @ inputs.T)[1][:, 0 if weak else -1]
        instance = s.drawn(
            inputs, labels, width=width, activation=name, seed=seed,
            description={"data": kind, "level": level, "size": size, "activation": name},
        )  # fmt: skip
        return large_output(instance, (0.0, 0.0, 0.0), 0.0, level)


def _strategy() -> SearchStrategy[Instance]:
    """Output scales just above the theorem's own, and far below it; labels of any size in hard directions."""
    return st.builds(
        _hard,
        st.sampled_from(["near_parallel", "orthogonal", "sphere"]),
        st.sampled_from([2, 1, 3]),
        st.sampled_from([40, 8, 100]),
        st.sampled_from(["sigmoid", "relu", "tanh", "softplus", "gelu"]),
        st.sampled_from([0.999, 0.3, 500.0]),
        st.sampled_from([1.0, 30.0, 0.01]),
        st.booleans(),
        st.integers(0, 10_000),
    )


_GIVEN = tuple(part.label for part in _SCALE)
_PATH = Claim("path", "the root mean square movement of the weights stays below", Bound(s.moved_path, PATH), _GIVEN)
_CLAIMS = (Claim("rate", "the loss decays at that rate for all time", Bound(RATE, s.rate), _GIVEN), _PATH)
_SABOTAGES = sabotages(RATE, _GIVEN, _PATH, sp.S.One)
_OWN = {key: s.FLAGS[key] for key in ("n", "d", "m", "activation", "nu")}

SCALE = Theorem(
    label="chen2022.scale",
    title="Any labels are fitted by a mean-field network with a constant, large enough output scale",
    reference=Reference("chen2022", "Corollary 4.4 with errata I1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " |c_i| = c_lo for all i, mirrored neurons, so zeta_0 = -y with |y| = Y.",
    quantities=tuple(part for part in QUANTITIES if part.symbol in symbols_of(_CLAIMS + _SABOTAGES, _SCALE)),
    assumptions=_SCALE,
    claims=with_looseness(_CLAIMS, rate=3.3, path=1.45),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_OWN, **FLAGS, **DATA}, Instance),
    instances=_strategy,
    simulate=partial(follow, count=60),
    sabotages=_SABOTAGES,
    showcase=({"m": 200}, {"n": 2, "d": 4, "m": 200, "activation": "relu", "data": "orthogonal", "label": 10.0}, {"data": "breast_cancer", "rows": 3, "m": 200, "activation": "softplus"}),
)  # fmt: skip
