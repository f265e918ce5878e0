"""Theorem G of chen2022 (section 4.11): frozen random layers make theorem B hold for every dimension of the data.

With probability at least ``1 - 2 delta``: half of ``lambda_inf`` is the least eigenvalue of the frozen features' Gram
(:mod:`.features`), whose diagonal lies in ``[lambda_inf/2, B^2]``; and half of ``p`` of the neurons start where the
slope is steep (:mod:`.odds`), for every such diagonal. Then theorem B (errata I1) with these numbers in it.

It holds given the layers below the last frozen one, so that it may be applied to networks of any depth, layer by
layer: the width of each frozen layer is chosen after those below it are drawn (errata U8).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache, partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb, ctx
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.enclose import ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.grams import Array
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.theorems._data import DATA, data_of, keyword_example
from theorycheck.theorems.chen2022 import features as fe
from theorycheck.theorems.chen2022 import frozen as f
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.random_init import LIKELY, by_number, symbols_of
from theorycheck.theorems.chen2022.steep_everywhere import briefly

#: the event of the features, in theorem B: what G's least eigenvalue and largest entry are replaced by
ON_FEATURES = {t.lam: fe.KEPT, t.G_max: fe.size**2}


def deep(expr: sp.Expr) -> sp.Expr:
    """Return a bound of theorem B for the trained layer of a partially trained network."""
    return expr.subs({**LIKELY, **ON_FEATURES}, simultaneous=True)


RATE = deep(t.CONCLUSIONS_B[0].expr)
PATH = deep(t.CONCLUSIONS_B[1].expr)
#: the largest labels, over |c_i|
ALLOWED = deep(t.ALLOWED_B)


@lru_cache(maxsize=256)
def _chance(
    limit: tuple[float, float], size: tuple[float, float], place: tuple[float, float], spread: float
) -> Measured:
    with ctx.workprec(128):
        found = []
        # monotone or unimodal in the variance: the least is at an end (errata I7)
        for low, high in ((limit[0] / 2, limit[1] / 2), (size[0] ** 2, size[1] ** 2)):
            variance = arb(low).union(arb(high))
            found.append(ends(o.normal(*place, arb(spread) * variance.sqrt())))
    return Measured.between(max(min(low for low, _ in found), 0.0), min(high for _, high in found), True)


def chance(run: Run) -> Measured:
    """Return ``p``: the least chance, over the variances ``nu^2 s^2`` with ``s^2`` in ``[lambda_inf/2, B^2]``, that a neuron counts."""
    values, limit, size = run.instance.parameters, fe.LIMIT.measure(run), fe.SIZE.measure(run)
    if not (float(limit.value - limit.error) > 0 and math.isfinite(size.value)):
        return Measured(np.nan)
    low, high, eta = (float(values[name]) for name in ("low", "high", "eta"))
    # the sums are rounded: one double inward for the lower end, one outward for the upper
    inner = (math.nextafter(low + eta, math.inf), math.nextafter(high - eta, -math.inf))
    outer = (math.nextafter(low + eta, -math.inf), math.nextafter(high - eta, math.inf))
    both = [(float(part.value - part.error), float(part.value + part.error)) for part in (limit, size)]
    least, most = (_chance(*both, place, float(values["nu"])) for place in (inner, outer))
    return Measured.between(max(float(least.value - least.error), 0.0), float(most.value + most.error), True)


QUANTITIES = (
    *s.SIZES, fe.LIMIT, fe.SIZE, fe.HIDDEN, fe.BOUNDED, *(part for part in s.STEEP if part.symbol in (t.eta, t.steepness)),
    Quantity(o.p, "least chance that a neuron starts eta inside the interval, for variances nu^2 v, v in [lambda_inf/2, B^2]", chance),
    o.SIZE, o.DRAWS, o.DELTA, o.LABEL_NORM, o.MIRRORED, s.RATE, s.PATH,
    Quantity(t.split, "share of the margin that movement may use up", measure.parameter("split")),
)  # fmt: skip

_WORDS = {
    "eta positive": "neurons start inside the interval",
    "c_lo positive": "the output weights are not 0",
    "K positive": "the slope is bounded away from 0 on the interval",
    "p_hat positive": "some neurons may start there, for every sample",
    "split in (0, 1)": "movement uses up part of the margin",
    "test": "the labels are small enough",
}
#: two events, each with probability delta: above one half the theorem would promise nothing
HALF_DELTA = Assumption(
    "delta below 1/2",
    "delta lies strictly between 0 and 1/2",
    Bound(sp.S.Zero, o.delta * (1 - 2 * o.delta), strict=True),
)
ASSUMED = (
    HALF_DELTA, o.IS_MIRRORED, fe.IS_BOUNDED, fe.LIMIT_POSITIVE, fe.WIDE,
    *(
        Assumption(label.replace("p_hat", "p"), _WORDS[label], Bound(deep(bound.lhs), deep(bound.rhs), bound.strict))
        for label, bound in t.TESTS_B
        if label in _WORDS
    ),
    Assumption("width", "enough pairs of neurons are drawn", Bound(o.width(o.p), o.draws)),
)  # fmt: skip
_GIVEN = tuple(part.label for part in ASSUMED)
_SURE = 1 - 2 * o.delta
_CLAIMS = (
    Claim(
        "rate", "the loss decays at that rate for all time, whatever the dimension", Bound(RATE, s.rate), _GIVEN, _SURE
    ),
    Claim("path", "the root mean square movement of the weights stays below", Bound(s.moved_path, PATH), _GIVEN, _SURE),
)
#: sabotages promise this only, so that a few draws that all miss refute them
_LOW = sp.Rational(1, 2)


def _false(of: str, what: str, says: str, bound: Bound, without: str = "") -> Claim:
    given = tuple(name for name in _GIVEN if name != without)
    return Claim(f"{of}: {what}", says, bound, given, _LOW, falsifies=of)


_SABOTAGES = (
    _false("rate", "lambda_inf dropped", "as if the features were orthogonal", Bound(RATE / fe.limit, s.rate)),
    _false("rate", "K^2 dropped", "as if the slope were 1 on the interval", Bound(RATE / t.steepness**2, s.rate)),
    _false("rate", "labels anywhere", "any label is fitted", Bound(RATE, s.rate), "test"),
    _false("rate", "any frozen width", "d < n with one frozen neuron", Bound(RATE, s.rate), "frozen width"),
    _false("rate", "any width", "one pair of trained neurons", Bound(RATE, s.rate), "width"),
    _false("path", "far less", "almost no movement", Bound(s.moved_path, PATH / 1000)),
)


# --- instances -------------------------------------------------------------------------------

FLAGS: Mapping[str, tuple[Any, Any]] = {
    **fe.FROZEN,
    "m": (Annotated[int, "number of trained neurons, in mirrored pairs; 0 for the theorem's own"], 0),
    "low": (Annotated[float, "lower end of the interval where the slope is steep"], 0.0),
    "high": (Annotated[float, "upper end of it; inf for a half line"], 0.0),
    "eta": (Annotated[float, "how far inside it neurons must start; 0 chooses interval and margin"], 0.0),
}
_OWN = ("n", "d", "activation", "kappa", "nu", "level")


def _numbers(run: Run, wanted: AbstractSet[sp.Symbol]) -> dict[sp.Symbol, float]:
    return {part.symbol: float(part.measure(run).value) for part in QUANTITIES if part.symbol in wanted}


def place(
    inputs: Array, labels: Array, flags: Mapping[str, Any], notes: tuple[str, ...] = (), about: Mapping[str, Any] | None = None
) -> Instance:  # fmt: skip
    """Return an instance at ``level`` times the largest labels that the theorem allows (0: as they are).

    Everything but the last frozen and the trained layer is chosen before these are drawn.
    """
    stack, hidden = fe.stack_of(inputs, flags)
    numbers = {name: float(flags[name]) for name in ("delta", "low", "high", "eta", "kappa", "nu")}
    numbers |= {"c_low": numbers["kappa"], "split": 0.5}
    make = partial(
        s.drawn, activation=flags["activation"], kappa=numbers["kappa"], nu=numbers["nu"], seed=flags["seed"]
    )
    probe = f.deep(
        lambda features, draw: make(features, labels, width=2, parameters=numbers), stack, flags["frozen"], 1, 0
    )
    if not numbers["eta"]:
        known = _numbers(Run(probe), {fe.limit, fe.size})
        ends_of = np.array(
            [max(known[fe.limit], 1e-300) / 2, known[fe.size] ** 2 if known[fe.size] < math.inf else 1.0]
        )
        chosen = o.population(read_activation(flags["activation"]), ends_of, numbers["nu"], 1)
        numbers |= dict(zip(("low", "high", "eta"), chosen, strict=True))
    run = Run(with_parameters(probe, **numbers))
    test = Bound(*(deep(side) for side in (t.TESTS_B[-1][1].lhs, t.TESTS_B[-1][1].rhs)))
    values = _numbers(run, test.symbols | {o.p, t.c_low})
    most, size = float(ALLOWED.subs(values)), float(np.linalg.norm(labels))
    if flags["level"] and most > 0 and size > 0:
        labels = labels * (flags["level"] * most / size)
    fitted = {
        key: value for key, value in {**values, o.label_norm: float(np.linalg.norm(labels))}.items() if key != t.split
    }
    notes = (*notes, *s.left_as_they_are(flags["level"], most))
    numbers["split"] = min(t.least_split(test, fitted) * (1 + 1e-6), 1 - 2.0**-20)
    width = flags["m"] or o.own_width(run, values[o.p])

    def top(features: Array, draw: int) -> Instance:
        return make(features, labels, width=width, draw=draw, parameters=numbers, description=about, notes=notes)

    return f.deep(top, stack, flags["frozen"], hidden, flags["seed"])


def _build(flags: dict[str, Any]) -> Instance:
    s.not_negative(flags, "level")
    if not 0 < flags["delta"] < 0.5:
        raise BadInput(
            f"--delta must lie in (0, 1/2), not {flags['delta']:g}: the theorem's probability is 1 - 2 delta"
        )
    s.interval_of(flags)
    inputs, labels, notes = data_of(dict(flags))
    return place(inputs, labels, flags, notes, {"data": flags["data"], "flags": dict(flags)})


#: two samples that enclose a small angle: lambda_inf is about 1/200
NARROW = np.array([[1.0, 0.0], [math.cos(0.15), math.sin(0.15)]])
#: inputs, n, d, frozen activation, frozen width (0: the theorem's own), m, trained activation, level, delta
_CASES = (
    # labels out of reach of a bounded activation; a weak direction; a small slope
    ("sphere", 3, 2, "sin(3*z)", 0, 0, "tanh", 3000.0, 0.2),
    ("narrow", 2, 2, "erf", 0, 0, "relu", 0.05, 0.2),
    ("narrow", 2, 2, "erf", 0, 0, "relu", 0.999, 0.2),
    ("narrow", 2, 2, "erf", 0, 0, "sigmoid", 0.05, 0.2),
    # one pair of neurons, to which some of eight samples do not answer
    ("identity", 8, 8, "sin(3*z)", 0, 2, "relu", 0.05, 0.2),
    # one frozen neuron: the features of two samples are parallel
    ("narrow", 2, 2, "erf", 1, 0, "tanh", 0.9, 0.2),
    ("sphere", 3, 2, "sin(3*z)", 1, 0, "relu", 0.5, 0.2),
)


def _hard(case: tuple[str, int, int, str, int, int, str, float, float], weak: bool, seed: int) -> Instance:
    """Return a small network with fewer dimensions than samples, labels in the weakest (or strongest) direction."""
    kind, n, d, frozen, hidden, width, name, level, failure = case
    flags = {
        "frozen": frozen, "layers": 3, "hidden": hidden, "delta": failure, "m": width, "low": 0.0, "high": 0.0, "eta": 0.0,
        "activation": name, "kappa": 1.0, "nu": 1.0, "level": level, "seed": seed % 1000,
    }  # fmt: skip
    known = {"narrow": NARROW, "identity": np.eye(n, d)}
    inputs = known[kind] if kind in known else build_inputs(InputPlan(kind, n, d, seed % 1000, 1))
    with np.errstate(all="ignore"):
        if not hidden:  # an instance at its own width may need a million neurons: fewer are a premise that fails
            flags["hidden"] = min(fe.own_hidden(inputs, read_activation(frozen), failure), 20_000)
        gram = f.limit_grams(inputs, (read_activation(frozen),))[0]
        labels = (
            np.linalg.eigh(gram)[1][:, 0 if weak else -1]
            if np.all(np.isfinite(gram)) and kind != "identity"
            else np.ones(n)
        )
        return place(
            inputs, labels, flags, about={"data": kind, "frozen width": hidden, "activation": name, "level": level}
        )


def simulate(instance: Instance) -> Run:
    """Follow the flow for a while: a claim with a probability needs many runs, and features may be all but parallel."""
    return follow(instance, briefly(instance, 3000.0), count=40, tolerance=1e-6)


def _strategy() -> SearchStrategy[Instance]:
    return by_number(
        _hard, _CASES, ("sphere", "orthogonal", "near_parallel"), (2, 3), (1, 2, 3), ("erf", "sin(3*z)", "tanh"), (0, 0, 1),
        (0, 2), ("tanh", "relu", "softplus"), (0.999, 0.05), (0.2, 0.45),
    )  # fmt: skip


_REAL = {"data": "iris", "rows": 6, "frozen": "sin(3*z)", "level": 0.9}
_CLASSIFIED = {"data": "breast_cancer", "rows": 3, "level": 0.9}
_SYMBOLS = symbols_of((*_CLAIMS, *_SABOTAGES), ASSUMED)

G = Theorem(
    label="chen2022.g",
    title="Partially trained deep networks: linear convergence for data of any dimension",
    reference=Reference("chen2022", "Theorem G, section 4.11, errata I1, I7, U2, U8", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation="n samples x_a of any dimension d, frozen layers phi^(l) = s_l(W_l phi^(l-1))/sqrt(M_l), phi^(0) = x, W_l ~ N(0, 1), M_phi "
    "neurons in the last of them, |s_l| <= B there; Ghat: Gram of its features phi. Above it m trained neurons, "
    "f = (1/m) sum_i c_i s(h_i), h_i = w_i . phi, w_i ~ N(0, nu^2), |c_i| = c_lo, in M = m/2 mirrored pairs. Loss |zeta|^2/(2n), "
    "zeta = f - y, w_i' = -m dL/dw_i. lambda_inf: least eigenvalue of E[s_l(u) s_l(u)'], u ~ N(0, S), S the Gram of what the last frozen "
    "layer is drawn on. On an interval (--low, --high), or one that is chosen, |s'| >= K; a neuron counts if h_i starts eta inside it, "
    "p: least chance of that over all variances nu^2 v with v between lambda_inf/2 and B^2. Y = |y|. Drawn anew: the last frozen layer "
    "(delta) and the trained weights (delta); all below is given.",
    quantities=tuple(part for part in QUANTITIES if part.symbol in _SYMBOLS),
    assumptions=ASSUMED,
    claims=with_looseness(_CLAIMS, rate=113.0, path=7.5),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(_build, {**{key: s.FLAGS[key] for key in _OWN}, **FLAGS, **DATA}, Instance),
    instances=_strategy,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 3, "d": 2, "frozen": "sin(3*z)", "level": 0.9},
        {"n": 4, "d": 3, "frozen": "sin(3*z)", "layers": 5, "activation": "softplus", "level": 0.9},
        _REAL,
        _CLASSIFIED,
        {"data": "digits", "rows": 4, "level": 0.9},
    ),
)  # fmt: skip
