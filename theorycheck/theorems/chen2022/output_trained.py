"""The output weights trained as well (chen2022, section 4.13): ``c_i' = -tau m dL/dc_i`` beside ``w_i' = -m dL/dw_i``.

The output weights only add to the tangent Gram, ``K + tau K_c``, so it is enough that they keep half of their size and
that preactivations stay where the slope is steep; theorem A then holds with ``c_lo/2`` for the least and ``3 c_lo/2``
for the largest output weight. Both movements are at most speed times ``int |zeta| <= n |zeta_0|/lK``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.certify.problem import of_instance
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.network import INNER, MEAN_FIELD, OUTPUT_WEIGHT
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022 import steep
from theorycheck.theorems.chen2022.intervals import candidates

#: f = (1/m) sum_i c_i s(w_i . x/sqrt d), both layers trained
BOTH = replace(MEAN_FIELD, name="mean_field_both", trained=(INNER, OUTPUT_WEIGHT))

tau = sp.Symbol("tau", nonnegative=True)
top = sp.Symbol("B", nonnegative=True)
turned = sp.Symbol("C_T", nonnegative=True)

#: output weights keep to ``[c_lo/2, 3 c_lo/2]`` in size
_KEPT = {t.c_low: t.c_low / 2, t.c_high: 3 * t.c_low / 2}
#: lK of section 4.13, what is held of the tangent Gram
HELD = t.HELD.subs(_KEPT, simultaneous=True)
RATE = t.PER_HELD * HELD
#: ``int |zeta| dt``: the residual decays at half of the loss' rate
AREA = t.zeta_0 / (RATE / 2)
#: ``|c_i'| <= (tau/n) sum_a |zeta_a| |s(h_ia)| <= tau B |zeta|/sqrt n``
TURNED = tau * top / sp.sqrt(t.n) * AREA
#: theorem A's movement (3.5)
WINDOW = t.WINDOW_A.subs(_KEPT, simultaneous=True)

_TEST_A = t.TESTS_A[-1][1]
#: ``WINDOW < eta`` without its divisor
WINDOW_TEST = Bound(_TEST_A.lhs.subs(_KEPT, simultaneous=True), _TEST_A.rhs.subs(_KEPT, simultaneous=True), strict=True)
#: ``TURNED < c_lo/2`` without its divisor
OUTPUT_TEST = Bound(TURNED * HELD, HELD * t.c_low / 2, strict=True)
#: the largest |zeta_0| that each of them allows
ALLOWED = tuple(test.rhs / (test.lhs / t.zeta_0) for test in (WINDOW_TEST, OUTPUT_TEST))


# --- measures --------------------------------------------------------------------------------


def output_movement(run: Run) -> Measured:
    """Return ``max_i |c_i(t) - c_i(0)|``, its supremum over the whole run."""
    if run.trajectory is None:
        raise NoTrajectory("movement belongs to a flow: simulate the instance first")
    if run.trajectory.outer_moved is None:
        return Measured(0.0, 0.0, rigorous=True)  # tau = 0: they are frozen
    low, high = run.trajectory.outer_moved[-1]
    return Measured.between(low, high)


QUANTITIES = (
    *s.SIZES[:1],
    *(part for part in s.GEOMETRY if part.symbol in (t.lam, t.g)),
    *s.STEEP, s.RESIDUAL, s.SLOPE, s.C_HIGH, s.RATE, s.WINDOW,
    Quantity(tau, "how much faster the output weights move", measure.parameter("tau")),
    Quantity(top, "sup |s|", measure.value_supremum),
    Quantity(turned, "largest movement of an output weight during the run", output_movement),
)  # fmt: skip

_ASSUMED = (
    *(part for part in steep.A.assumptions if part.label != "test"),
    Assumption("equal output weights", "no |c_i(0)| is above c_lo", Bound(t.c_high, t.c_low)),
    Assumption("window test", "the labels are near enough for preactivations to stay within eta", WINDOW_TEST),
    Assumption("output test", "the labels are near enough for output weights to keep half of their size", OUTPUT_TEST),
)
_GIVEN = tuple(part.label for part in _ASSUMED)


def without(*names: str) -> tuple[str, ...]:
    """Return the premises but those named."""
    return tuple(name for name in _GIVEN if name not in names)


# --- instances -------------------------------------------------------------------------------


def _searched(instance: Instance, speed: float) -> tuple[float, float, float]:
    """Return the interval and margin with the largest threshold; the instance's output weights are still frozen."""
    found = candidates(of_instance(instance), lambda fraction, stage: None)
    if not len(found.eta):
        return 0.0, math.inf, 1.0
    known = values_of(instance, speed)
    # both thresholds are proportional to K^2 p_hat, the first to eta as well
    each = [expr.subs(dict.fromkeys((t.steepness, t.share, t.eta), 1)).subs(known) for expr in ALLOWED]
    most = [float(value) if value.is_finite else math.inf for value in each]
    score = found.steepness**2 * found.share * np.minimum(most[0] * found.eta, most[1])
    k = int(np.argmax(score))
    return float(found.low[k]), float(found.high[k]), float(found.eta[k])


def values_of(instance: Instance, speed: float) -> dict[sp.Symbol, float]:
    """Return what the thresholds need that is not about the interval."""
    run, wanted = Run(instance), (t.n, t.lam, t.g, t.slope, top)
    known = {part.symbol: float(part.measure(run).value) for part in QUANTITIES if part.symbol in wanted}
    return {**known, tau: speed, t.c_low: float(np.abs(instance.signs).min())}


def thresholds(instance: Instance) -> tuple[float, float]:
    """Return the largest |zeta_0| that each of the tests allows; 0 where it is none or unknown, infinite for any."""
    run, known = Run(instance), values_of(instance, instance.parameters["tau"])
    known |= {part.symbol: float(part.measure(run).value) for part in s.STEEP}
    if not all(map(math.isfinite, known.values())) or not known[t.g] * known[t.slope] > 0:
        return 0.0, 0.0
    first, second = (expr.subs(known) for expr in ALLOWED)
    return max(float(first), 0.0), max(float(second), 0.0) if second.is_finite else math.inf


def placed(instance: Instance, speed: float, level: float, interval: tuple[float, float, float]) -> Instance:
    """Return the instance with its output weights trained, its interval, and labels at ``level`` times the threshold."""
    low, high, eta = interval if interval[2] else _searched(instance, speed)
    rates = (instance.rates[0], speed * instance.rates[0])
    instance = replace(instance, neuron=BOTH, rates=rates, redraw=None)
    c_low = float(np.abs(instance.signs).min())
    instance = with_parameters(instance, low=low, high=high, eta=eta, c_low=c_low, tau=speed)
    allowed = min(thresholds(instance))
    return s.with_residual(instance, level * allowed) if level and allowed else instance


def _build(flags: dict[str, Any]) -> Instance:
    s.not_negative(flags, "level")
    s.not_negative(flags, "tau", "with 0 the output weights are frozen")
    return placed(s.build(flags), flags["tau"], flags["level"], s.interval_of(flags))


#: (low, high, eta): a narrow interval, one with flat ends, and one between
_PRESETS = ((-0.75, 0.75, 0.25), (-3.0, 3.0, 0.25), (-1.5, 1.5, 0.75))


#: kinds that fix more than their inputs: labels so far away that only the window test fails; output weights that move
#: most of the way; a slope far below 1
_FIXED: Mapping[str, Mapping[str, Any]] = {
    "saturated": {"name": "tanh", "preset": 0, "tau": 0.01, "kappa": 3.0, "nu": 0.3, "weak": False},
    "fast": {"n": 1, "level": 0.999, "preset": 0, "tau": 100.0, "kappa": 10.0, "nu": 0.3},
    "flat": {"name": "sigmoid", "preset": 0, "tau": 0.01},
}


def hard(kind: str, **drawn: Any) -> Instance:
    """Return a small network with hard inputs and the residual in the weakest (or strongest) direction of its Gram."""
    if kind == "starved":
        return starved(drawn["name"], drawn["seed"])
    plan = {**drawn, **_FIXED.get(kind, {})}
    n, d, seed = plan["n"], plan["n"] + plan["extra"], plan["seed"]
    inputs = build_inputs(InputPlan("orthogonal" if kind in _FIXED else kind, n, d, seed, 1)) * math.sqrt(d)
    with np.errstate(all="ignore"):
        instance = s.drawn(
            inputs, np.zeros(n), width=plan["width"], activation=plan["name"], kappa=plan["kappa"], nu=plan["nu"],
            mirrored=seed % 2 == 0, seed=seed, description={"kind": kind, **plan},
        )  # fmt: skip
        instance = placed(instance, plan["tau"], 0.0, _PRESETS[plan["preset"]])
        residual, gram = instance.start
        instance = instance.with_labels(np.linalg.eigh(gram)[1][:, 0 if plan["weak"] else -1] - residual)
        first, second = thresholds(instance)
        size = 0.9 * second if kind == "saturated" else plan["level"] * min(first, second)
        return s.with_residual(instance, size) if 0 < size < math.inf else instance


def starved(name: str, seed: int) -> Instance:
    """Return one fast neuron that sees two samples, with labels at a right angle to its values there.

    Its output weight falls to near 0, where the output is nearest to the labels, and with it the speed of the weights.
    """
    name = {"sigmoid": "tanh"}.get(name, name)  # an odd function: the values are as small as the weights
    instance = s.drawn(
        math.sqrt(2) * np.eye(2), np.zeros(2), width=1, activation=name, kappa=0.005, nu=0.002, mirrored=False,
        seed=seed, description={"kind": "starved", "activation": name},
    )  # fmt: skip
    value = -instance.start[0]
    return placed(instance.with_labels(0.3 * np.array([-value[1], value[0]])), 100.0, 0.0, (-0.1, 0.1, 0.03))


def _strategy() -> SearchStrategy[Instance]:
    """Labels just below, at and far beyond the thresholds, with output weights that are slow or fast."""
    return st.builds(
        hard,
        st.sampled_from(["near_parallel", "orthogonal", "sphere", "cluster", "starved", *_FIXED]),
        n=st.integers(1, 3),
        extra=st.integers(0, 2),
        width=st.sampled_from([8, 2, 40]),
        name=st.sampled_from(["tanh", "sigmoid", "erf", "sine"]),
        preset=st.integers(0, 2),
        level=st.sampled_from([0.999, 0.5, 300.0]),
        tau=st.sampled_from([1.0, 0.01, 100.0]),
        weak=st.booleans(),
        seed=st.integers(0, 10_000),
        kappa=st.sampled_from([1.0, 10.0, 0.3]),
        nu=st.sampled_from([0.3, 1.0]),
    )


# --- the card --------------------------------------------------------------------------------

_OWN = ("n", "d", "m", "activation", "kappa", "nu", "mirrored", "level")
_TAU: Mapping[str, tuple[Any, Any]] = {"tau": (Annotated[float, "how much faster the output weights move"], 1.0)}
_NARROW = dict(zip(("low", "high", "eta"), _PRESETS[0], strict=True))

OUTPUT_TRAINED = Theorem(
    label="chen2022.output_trained",
    title="Mean-field networks with the output weights trained as well",
    reference=Reference("chen2022", "section 4.13", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " The output weights are trained too, c_i' = -tau m dL/dc_i; |c_i(0)| = c_lo for all i.",
    quantities=QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(
        (
            Claim("rate", "the loss decays at that rate for all time", Bound(RATE, s.rate), _GIVEN),
            Claim("window", "no preactivation moves further, which is less than eta", Bound(s.moved, WINDOW), _GIVEN),
            Claim("output", "no output weight moves further, which is less than c_lo/2", Bound(turned, TURNED), _GIVEN),
        ),
        rate=11.2, window=17.1, output=26.2,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**{key: s.FLAGS[key] for key in _OWN}, **_TAU, **steep.INTERVAL, **s.DATA}, Instance),
    instances=_strategy,
    simulate=partial(follow, count=60),
    sabotages=(
        Claim("rate: lambda_min dropped", "as if the inputs were orthogonal", Bound(RATE / t.lam, s.rate), _GIVEN, falsifies="rate"),
        Claim("rate: K^2 dropped", "as if the slope were 1 on the interval", Bound(RATE / t.steepness**2, s.rate), _GIVEN, falsifies="rate"),
        Claim("rate: labels anywhere", "any label is fitted at that rate", Bound(RATE, s.rate), without("window test", "output test"), falsifies="rate"),
        Claim("rate: saturation allowed", "it is enough that output weights keep their size", Bound(RATE, s.rate), without("window test"), falsifies="rate"),
        Claim("rate: output weights anywhere", "it is enough that preactivations stay", Bound(RATE, s.rate), without("output test"), falsifies="rate"),
        Claim("window: far less", "almost no movement", Bound(s.moved, WINDOW / 40), _GIVEN, falsifies="window"),
        Claim("output: far less", "almost no movement", Bound(turned, TURNED / 40), _GIVEN, falsifies="output"),
        Claim("output: tau dropped", "as if output weights moved no faster than the others", Bound(turned, TURNED / tau), _GIVEN, falsifies="output"),
    ),
    showcase=(
        {"n": 3, "d": 6, "m": 40, "nu": 0.3, "level": 0.999},
        {"n": 2, "d": 4, "m": 40, "nu": 0.3, "tau": 0.01, "level": 0.999, "data": "orthogonal", **_NARROW},
        {"data": "digits", "rows": 3, "m": 40, "activation": "sigmoid", "nu": 0.3, "tau": 10.0, "level": 0.999, **_NARROW},
    ),
)  # fmt: skip
