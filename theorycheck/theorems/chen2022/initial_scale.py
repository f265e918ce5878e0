"""Corollary 4.5 of chen2022: any labels are fitted if the initial weights are scaled up by a constant.

The slope is steep on a half line from b on, and neurons count from the upper quartile of the least
variable sample on, so that p >= 1/4: the lemma's width is 32 log(n/delta), and theorem B's share 1/8.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.enclose import enclose
from theorycheck.flow import Run, follow
from theorycheck.grams import Array
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import DATA, keyword_example
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import output_scale as c
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.random_init import by_number, hard_inputs, sabotages, symbols_of

#: a number below the upper quartile of N(0, 1), proved to be one: a chance of at least 1/4 lies above it (errata W5)
CHANCE = sp.Rational(1, 4)


def safe_quantile(chance: sp.Rational, digits: int = 4) -> sp.Rational:
    """Return a decimal z with ``P(N(0, 1) > z) >= chance``, the largest of that many digits.

    Raises
    ------
    ArithmeticError
        If it could not be proved in balls.
    """
    scale = 10**digits
    found = sp.Rational(int(sp.floor(scale * sp.sqrt(2) * sp.erfinv(1 - 2 * chance).evalf(30))), scale)
    above = enclose(sp.erfc(found / sp.sqrt(2)) / 2 - chance)
    if not above >= 0:
        raise ArithmeticError(f"{found} is not proved to be below the quantile of {chance}: take fewer digits")
    return found


QUANTILE = safe_quantile(CHANCE)
low = sp.Symbol("b", real=True)
#: 4.5's margin: neurons count from QUANTILE standard deviations of the least variable sample on
MARGIN = QUANTILE * o.nu * sp.sqrt(s.G_min) - low
#: the lemma with p = 1/4, then 1/8 for the share
LIKELY = {t.share: o.KEPT * CHANCE, t.eta: MARGIN}
RATE = c.RATE.subs(LIKELY)
WIDTH = o.width(CHANCE)

_INITIAL = (
    *c.PLAIN,
    o.IS_DELTA,
    Assumption("c_lo positive", "the output weights are not 0", Bound(sp.S.Zero, t.c_low, strict=True)),
    Assumption("width", "enough pairs of neurons are drawn", Bound(WIDTH, o.draws)),
    Assumption("test", "the initial scale is large enough for the labels", Bound(o.label_norm / (c.PER_SCALE.subs(t.share, o.KEPT * CHANCE) / t.eta * t.c_low), MARGIN, strict=True)),
)  # fmt: skip


_QUANTITIES = (
    *c.QUANTITIES,
    Quantity(low, "where the half line begins on which the slope is steep", measure.parameter("low")),
)


# --- instances -------------------------------------------------------------------------------


def large_start(inputs: Array, labels: Array, numbers: dict[str, float], level: float, **more: Any) -> Instance:
    """Return an instance of 4.5: weights of size nu, or of the theorem's own over ``level`` where nu is 0."""
    probe = s.drawn(inputs, labels, width=2, activation=more["activation"], kappa=numbers["kappa"])
    values = c.values_of(
        with_parameters(probe, low=numbers["low"], high=math.inf, eta=1.0, nu=1.0),
        {t.lam, t.G_max, s.G_min, t.steepness, o.label_norm},
    )
    nu, width = numbers["nu"], int(more.pop("width"))
    if not nu:
        need = (_INITIAL[-1].bound.lhs).subs({**values, t.c_low: numbers["kappa"]})
        wanted = (float(need) / level + numbers["low"]) / (float(QUANTILE) * math.sqrt(values[s.G_min])) if need.is_finite and values[s.G_min] > 0 else 1.0  # fmt: skip
        nu = wanted if 0 < wanted < 1e6 else 1.0
    if not width:
        run = Run(with_parameters(probe, delta=numbers["delta"]))
        width = o.own_width(run, float(CHANCE))
    parameters = {"low": numbers["low"], "high": math.inf, "eta": 0.0, "nu": nu, "delta": numbers["delta"]}
    return s.drawn(inputs, labels, width=width, kappa=numbers["kappa"], nu=nu, parameters=parameters, **more)


FLAGS = {
    "m": (Annotated[int, "number of neurons, in mirrored pairs; 0 for the theorem's own"], 0),
    "nu": (Annotated[float, "standard deviation of the initial weights; 0 for the theorem's own"], 0.0),
    "level": c.FLAGS["level"],
    "delta": (Annotated[float, "allowed probability of failure"], 0.5),
    "low": (Annotated[float, "where the half line begins on which the slope is steep"], 0.0),
}


def _build(flags: dict[str, Any]) -> Instance:
    c.check_level(flags)
    if not 0 < flags["delta"] < 1:
        raise BadInput(f"--delta must lie in (0, 1), not {flags['delta']:g}: it is a probability")
    data = s.build({**flags, "m": 2, "nu": 1.0, "mirrored": True})
    numbers = {name: float(flags[name]) for name in ("kappa", "nu", "delta", "low")}
    return large_start(
        data.inputs, data.labels, numbers, flags["level"], activation=flags["activation"], width=flags["m"],
        seed=flags["seed"], description=dict(data.description), notes=data.notes,
    )  # fmt: skip


# --- the card --------------------------------------------------------------------------------


def _hard(case: tuple[str, int, int, str, float, float, float, float, float], weak: bool, seed: int) -> Instance:
    kind, n, width, name, low, size, level, delta, nu = case
    inputs = hard_inputs(kind, n, n, seed) * math.sqrt(n)
    with np.errstate(all="ignore"):
        direction = np.linalg.eigh(inputs @ inputs.T)[1][:, 0 if weak else -1]
        return large_start(
            inputs, size * (np.ones(n) if kind == "identity" else direction),
            {"nu": nu, "delta": delta, "low": low, "kappa": 1.0}, level, activation=name,
            width=width, seed=seed, description={"data": kind, "level": level, "size": size, "activation": name},
        )  # fmt: skip


#: inputs, n, width (0: the theorem's own), activation, b, |y_a|, level, delta, nu (0: the theorem's own over the level)
_CASES = (
    # samples that one of two neurons must answer to; slopes of at most 1/8; a weak direction; a start far below b
    ("identity", 8, 2, "relu", 0.0, 1.0, 0.9, 0.5, 0.0),
    ("identity", 1, 0, "softplus(z)/8", 0.0, 1.0, 0.9, 0.5, 0.0),
    ("near_parallel", 2, 0, "relu", 0.0, 1.0, 0.9, 0.5, 0.0),
    ("identity", 1, 0, "softplus(4*z - 4)/4", 1.0, 0.001, 0.9, 0.5, 0.05),
)


def _strategy() -> SearchStrategy[Instance]:
    """The theorem's own width and initial scale, and far below either."""
    kinds, names = ("orthogonal", "near_parallel", "sphere"), ("relu", "softplus", "silu")
    lows, sizes, levels = (0.0, 0.5, -0.25), (1.0, 10.0, 0.01), (0.999, 0.3, 50.0)
    return by_number(_hard, _CASES, kinds, (1, 2), (0, 2), names, lows, sizes, levels, (0.8,), (0.0,))


_GIVEN = tuple(part.label for part in _INITIAL)
_SURE = 1 - o.delta
_FEW = tuple(label for label in _GIVEN if label != "width")
_CLAIMS = (Claim("rate", "the loss decays at that rate for all time", Bound(RATE, s.rate), _GIVEN, _SURE),)
_SABOTAGES = (
    *sabotages(RATE, _GIVEN, None, _SURE),
    Claim("rate: width dropped", "however few neurons", Bound(RATE, s.rate), _FEW, _SURE, falsifies="rate"),
)

INITIAL_SCALE = Theorem(
    label="chen2022.initial_scale",
    title="Any labels are fitted by a mean-field network with large enough initial weights",
    reference=Reference("chen2022", "Corollary 4.5 with errata W5, U2 and I1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " |c_i| = c_lo for all i, M = m/2 mirrored pairs; |s'| >= K on the half line from b on.",
    quantities=tuple(part for part in _QUANTITIES if part.symbol in symbols_of(_CLAIMS + _SABOTAGES, _INITIAL)),
    assumptions=_INITIAL,
    claims=with_looseness(_CLAIMS, rate=9.2),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(
        _build, {**{key: s.FLAGS[key] for key in ("n", "d", "kappa")}, "activation": (s.FLAGS["activation"][0], "relu"), **FLAGS, **DATA}, Instance
    ),
    instances=_strategy,
    simulate=partial(follow, count=60),
    sabotages=_SABOTAGES,
    showcase=({"n": 2, "d": 4}, {"activation": "softplus", "label": 5.0}, {"data": "breast_cancer", "rows": 3}),
)  # fmt: skip
