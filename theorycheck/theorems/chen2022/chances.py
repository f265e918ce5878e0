"""The probability lemma of chen2022 (section 4): enough of the neurons start where the slope is steep.

``P(p_hat < p/2) <= n exp(-M p/8)`` for M independent neurons: multiplicative Chernoff at one half
for each sample, and a union bound. The interval is fixed before the weights are drawn (errata U1).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb, ctx, fmpz
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.enclose import ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import DATA, keyword_example
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

tail = sp.Symbol("T", nonnegative=True)
#: beyond this many neurons the exact tail is not summed
MOST = 20_000


@lru_cache(maxsize=256)
def binomial_tail(number: int, low: float, high: float) -> Measured:
    """Enclose ``P(Bin(number, p) < number p/2)`` for a p between ``low`` and ``high``, term by term in balls."""
    if not (0 < low <= high < 1 and number <= MOST):
        return Measured(np.nan)
    with ctx.workprec(128):
        p = arb(low).union(arb(high))
        middle = number * p / 2
        # the counts k < number p/2; where rounding leaves one open it is counted both ways
        last, more = (int(float(middle.lower())) + 1, int(float(middle.upper())) + 1)
        sure = [k for k in range(last + 1) if arb(k) < middle]
        open_ = [k for k in range(len(sure), more + 1) if not arb(k) >= middle]
        terms = [arb(fmpz(math.comb(number, k))) * p**k * (1 - p) ** (number - k) for k in (*sure, *open_)]
        least = sum(terms[: len(sure)], arb(0))
        bottom, top = ends(least)[0], ends(sum(terms[len(sure) :], least))[1]
    return Measured.between(max(bottom, 0.0), top, True)


def _tail(run: Run) -> Measured:
    found = o.chance(run)
    number = o.DRAWS.measure(run)
    return binomial_tail(int(number.value), float(found.value - found.error), float(found.value + found.error))


# --- statement -------------------------------------------------------------------------------

_QUANTITIES = (
    s.SIZES[0], o.CHANCE, o.DRAWS, o.DELTA, next(part for part in s.STEEP if part.symbol == t.share),
    Quantity(tail, "the exact chance that one sample keeps less than p/2: P(Bin(M, p) < M p/2)", _tail),
)  # fmt: skip

_POSITIVE = Assumption("p positive", "some neurons may start inside the interval", Bound(sp.S.Zero, o.p, strict=True))
_WIDTH = Assumption("width", "enough neurons are drawn", Bound(o.width(o.p), o.draws))
_GIVEN = ("delta below 1", "p positive", "width")
_FREE = ("delta below 1", "p positive")
_LOST = o.hoeffding(o.draws)
_SURE = 1 - o.delta

_CLAIMS = (
    Claim("share", "for each sample, half the expected share starts inside", Bound(o.KEPT * o.p, t.share), _GIVEN, _SURE),
    Claim("hoeffding", "at any width, the share is less than expected by little", Bound(o.p - _LOST, t.share), _FREE, _SURE),
    Claim("tail", "the exact binomial chance is below Chernoff's", Bound(tail, sp.exp(-o.COST * o.draws * o.p)), ("p positive",)),
)  # fmt: skip
_SABOTAGES = (
    Claim("share: all of it", "the expected share itself", Bound(o.p, t.share), _GIVEN, _SURE, falsifies="share"),
    Claim("share: width dropped", "however few neurons", Bound(o.KEPT * o.p, t.share), _FREE, _SURE, falsifies="share"),
    Claim("hoeffding: a tenth of the loss", "far less is lost", Bound(o.p - _LOST / 10, t.share), _FREE, _SURE, falsifies="hoeffding"),
    Claim("tail: twice the exponent", "exp(-M p/4)", Bound(tail, sp.exp(-2 * o.COST * o.draws * o.p)), ("p positive",), falsifies="tail"),
)  # fmt: skip


# --- instances -------------------------------------------------------------------------------


def _gaussian(instance: Instance, seed: int, draw: int) -> Instance:
    """Return the instance with output weights kappa N(0, 1) in place of +-kappa, in every draw."""
    inner = instance.redraw
    assert inner is not None
    signs = instance.parameters["kappa"] * np.random.default_rng([seed, draw, 5]).standard_normal(instance.m)

    def redraw(again: Instance, draw: int) -> Instance:
        return _gaussian(inner(again, draw), seed, draw)

    return replace(instance, signs=signs, redraw=redraw)


def _drawn(inputs: Any, labels: Any, seed: int, numbers: dict[str, float], **more: Any) -> Instance:
    """Return an instance of a given width, or of the theorem's own where that is 0."""
    if not 0 < numbers["delta"] < 1:
        raise BadInput(f"--delta must lie in (0, 1), not {numbers['delta']:g}: it is a probability")
    if not numbers["low"] < numbers["high"]:
        raise BadInput(f"--low {numbers['low']:g} must be below --high {numbers['high']:g}: the interval is empty")
    width, make = int(more.pop("width")), partial(s.drawn, kappa=numbers["kappa"], nu=numbers["nu"], activation="tanh")
    if width == 0:
        probe = make(inputs, labels, width=2, mirrored=False, parameters=numbers)
        # the theorem counts pairs: one neuron for each where none are mirrored
        width = o.own_width(Run(probe)) // (1 if more["mirrored"] else 2)
    instance = make(inputs, labels, width=width, seed=seed, parameters=numbers, **more)
    return _gaussian(instance, seed, 0) if numbers["gaussian"] else instance


_NUMBERS = ("low", "high", "eta", "c_low", "delta", "kappa", "nu", "gaussian")


def _build(flags: dict[str, Any]) -> Instance:
    data = s.build({**flags, "m": 2, "activation": "tanh"})
    if flags["gaussian"] and flags["mirrored"]:
        raise BadInput("--gaussian output weights are drawn for each neuron by itself: use --no-mirrored")
    return _drawn(
        data.inputs, data.labels, flags["seed"], {name: float(flags[name]) for name in _NUMBERS},
        width=flags["m"], mirrored=flags["mirrored"], description=dict(data.description), notes=data.notes,
    )  # fmt: skip


def _hard(
    kind: str, n: int, width: int, place: tuple[float, float, float], delta: float, nu: float, gaussian: bool, seed: int
) -> Instance:
    inputs = build_inputs(InputPlan(kind, n, 8, seed, 1))
    low, high, eta = place
    numbers = {"low": low, "high": high, "eta": eta, "c_low": 1.0, "delta": delta, "kappa": 1.0, "nu": nu}
    return _drawn(
        inputs * 8**0.5, np.zeros(n), seed, {**numbers, "gaussian": float(gaussian)}, width=width,
        mirrored=not gaussian and seed % 2 == 0, description={"data": kind, "place": place, "delta": delta},
    )  # fmt: skip


def _strategy() -> SearchStrategy[Instance]:
    """Independent samples (orthogonal inputs) at the theorem's own width, and at widths that are far too small."""
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "sphere", "gaussian", "near_parallel", "zero_row"]),
        st.sampled_from([8, 1, 3]),
        st.sampled_from([0, 2, 20, 400, 4000]),
        st.sampled_from([(0.0, math.inf, 0.25), (-1.0, 1.0, 0.25), (0.0, math.inf, 1.75), (-1.0, 1.0, 0.9)]),
        st.sampled_from([0.5, 0.3]),
        st.sampled_from([1.0, 0.5, 4.0]),
        st.booleans(),
        st.integers(0, 10_000),
    )


FLAGS = {
    "m": (Annotated[int, "number of neurons, 0 for the theorem's own"], 0),
    "low": (Annotated[float, "lower end of the interval where the slope is steep"], -1.0),
    "high": (Annotated[float, "upper end of it; inf for a half line"], 1.0),
    "eta": (Annotated[float, "how far inside it neurons must start"], 0.25),
    "c_low": (Annotated[float, "least |c_i| that counts"], 1.0),
    "delta": (Annotated[float, "allowed probability of failure"], 0.5),
    "gaussian": (Annotated[bool, "output weights kappa N(0, 1) instead of +-kappa"], False),
}

LEMMA = Theorem(
    label="chen2022.lemma",
    title="Enough neurons start where the slope is steep",
    reference=Reference("chen2022", "probability lemma, section 4", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " p = min_a P(|c| >= c_lo) P(N(0, nu^2 G_aa) is eta inside the interval).",
    quantities=_QUANTITIES,
    assumptions=(o.IS_DELTA, _POSITIVE, _WIDTH),
    claims=with_looseness(_CLAIMS, share=1.5, hoeffding=1.1, tail=30.0),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(
        _build, {**{key: s.FLAGS[key] for key in ("n", "d", "kappa", "nu", "mirrored")}, **FLAGS, **DATA}, Instance
    ),
    instances=_strategy,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"n": 6, "d": 6, "gaussian": True, "mirrored": False}, {"data": "breast_cancer", "rows": 6, "low": 0.0, "high": math.inf}),
)  # fmt: skip
