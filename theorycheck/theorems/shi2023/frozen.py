"""R9: the first layer stands still; the output weights descend the logistic loss of one sample of size n (errata W2, W3, I3).

Three versions of the bound on how far they go, of which the first is about every step: (i) ``|a_t| <= B + root(D_1^2 + 2 (t-1) L~(u)/L)``
for every comparator u with ``|u| <= B``, ``D_1 = |a_1| + B``; (ii) stopped where the empirical loss is that of u, or at T; (iii) projected
on the ball of radius B. Steps are 1/L, of (ii) ``4/C^2``: how far it may go must be known before the sample is, as what the sample
may hide is bounded for a ball that is. The population is finite, the instance's rows; a draw takes n of them, with repetition.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.special import expit

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.shi2023 import setting as s

L, B, n, T, delta = sp.symbols("L B n T delta", positive=True)
start, size, other_loss, zero = sp.symbols("|a_1| C L~_u l_0", nonnegative=True)
far, norm_most, norm_last = sp.symbols("A_T a_most |a_T|", nonnegative=True)
best, projected, stopped, free, wrong = sp.symbols("OPT L_proj L_stop L_free P_wrong", nonnegative=True)
gap, gap_from_first = sp.symbols("g_T g_T+1", real=True)

#: the start is at most this far from any u in the ball
D_1 = start + B
#: what t - 1 steps of size 1/L leave of the empirical loss above that of u, times t - 1
RATE = L * far**2 / 2
#: (i): how far T - 1 steps go
NORM = B + sp.sqrt(D_1**2 + 2 * (T - 1) * other_loss / L)


def deviation(radius: sp.Expr) -> sp.Expr:
    """Return what the sample may hide: twice the Rademacher average of the ball, and two sides of a bounded difference."""
    return 2 * radius * size / sp.sqrt(n) + 2 * (zero + radius * size) * sp.sqrt(sp.log(2 / delta) / (2 * n))


OPTIMISATION = RATE.subs(far, D_1) / (T - 1)
#: (iii) and (ii): how far the weights may go; no sample's L is above C^2/4, and only the last step leads away from u
INSIDE = B
SMOOTH = size**2 / 4
STOPPED = NORM.subs({T: 2, other_loss: zero + B * size, L: SMOOTH})
TAU = sp.Rational(1, 10**9)


# --- the descent ---------------------------------------------------------------------------------------------


def _loss(margins: s.Array) -> float:
    return float(np.mean(np.logaddexp(0.0, -margins)))


def _signed(instance: Instance) -> s.Array:
    """Return ``y max(<w, x> - b, 0)`` of the population, ``(N, m)``."""
    heights = np.maximum(instance.inputs @ instance.weights.T - s.biases_of(instance), 0.0)
    return np.asarray(instance.labels[:, None] * heights)


def _into(a: s.Array, radius: float) -> s.Array:
    length = float(np.linalg.norm(a))
    return a if length <= radius else a * (radius / length)


def _slope(signed: s.Array, a: s.Array) -> s.Array:
    return np.asarray(-(expit(-(signed @ a)) @ signed) / len(signed))


@lru_cache(maxsize=64)
def _optimum(signed_bytes: bytes, shape: tuple[int, int], radius: float) -> tuple[s.Array, Measured]:
    """Return u, nearly the best of the population in the ball, and an interval for OPT by the Frank-Wolfe gap there."""
    signed = np.frombuffer(signed_bytes).reshape(shape)
    a, extra, momentum = np.zeros(shape[1]), np.zeros(shape[1]), 1.0
    smooth = float(np.linalg.norm(signed, 2)) ** 2 / (4 * shape[0])
    for _ in range(400 if smooth > 0 else 0):
        new = _into(extra - _slope(signed, extra) / smooth, radius)
        after = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        a, extra, momentum = new, new + (momentum - 1) / after * (new - a), after
    slope, value = _slope(signed, a), _loss(signed @ a)
    duality = float(slope @ a + radius * np.linalg.norm(slope))
    return a, Measured.between(value - max(duality, 0.0) - 1e-12, value + 1e-12)


def _best(instance: Instance) -> tuple[s.Array, Measured]:
    signed = np.ascontiguousarray(_signed(instance))
    return _optimum(signed.tobytes(), signed.shape, instance.parameters["B"])


@lru_cache(maxsize=16)
def descended(instance: Instance) -> dict[str, float]:
    """Return what all descents on the sample of this draw say."""
    given, whole = instance.parameters, _signed(instance)
    count, radius = max(int(given["T"]), 1), given["B"]
    chosen = np.random.default_rng([int(given["seed"]), int(given["draw"]), 107]).integers(0, instance.n, int(given["samples"]))  # fmt: skip
    signed, a_1 = whole[chosen], instance.signs
    smooth = float(np.linalg.norm(signed, 2)) ** 2 / (4 * len(signed)) * (1 + 1e-12)
    step = 1 / smooth if smooth > 0 else 0.0
    u = _best(instance)[0]
    wanted = _loss(signed @ u)
    a, ball, early = a_1.copy(), _into(a_1, radius), a_1.copy()
    short, far_off, gaps, norms = 4 / float(_size(instance).value) ** 2 if step else 0.0, True, [], []
    for _ in range(count):
        gaps.append(_loss(signed @ a) - wanted)
        norms.append(float(np.linalg.norm(a)))
        # what it is after the last state is not asked for: the descents are a step ahead
        last, last_ball, last_early = a, ball, early
        far_off = far_off and _loss(signed @ early) > wanted
        early = early - short * _slope(signed, early) if far_off else early
        a = a - step * _slope(signed, a)
        ball = _into(ball - step * _slope(signed, ball), radius)
    after = np.arange(count)
    return {
        "L": smooth, "other": wanted, "far": float(np.linalg.norm(a_1 - u)), "gap": float(np.max((after * gaps)[1:])) if count > 1 else math.nan,
        "gap_from_first": float(np.max((after + 1) * gaps)), "most": max(norms), "projected": _loss(whole @ last_ball),
        "wrong": float(np.mean(whole @ last_ball <= 0)), "stopped": _loss(whole @ last_early), "free": _loss(whole @ last), "u": float(np.linalg.norm(u)),
    }  # fmt: skip


def _read(name: str) -> measure.Measure:
    def read(run: Run) -> Measured:
        value = descended(run.instance)[name]
        return Measured(value, 1e-10 * abs(value) + 1e-13)

    return read


def _size(instance: Instance) -> Measured:
    """Return C, which bounds the features' length on every input."""
    longest = float(np.max(np.linalg.norm(instance.inputs, axis=1)))
    value = math.sqrt(2 * (float(np.sum(instance.weights**2)) * longest**2 + float(np.sum(s.biases_of(instance) ** 2))))
    return Measured(value, 1e-12 * value)


def _zero(run: Run) -> Measured:
    return Measured(math.log(2), 1e-16)


_QUANTITIES = (
    s.UNSIGNED,
    Quantity(L, "smoothness of the empirical loss in a: a quarter of the largest eigenvalue of the features' second moments", _read("L")),
    Quantity(B, "bound on |u|", measure.parameter("B")),
    Quantity(n, "size of the sample", measure.parameter("samples")),
    Quantity(T, "number of states", measure.parameter("T")),
    Quantity(delta, "chance of a bad sample", measure.parameter("delta")),
    Quantity(start, "|a_1|", measure.constant(lambda run: float(np.linalg.norm(run.instance.signs)))),
    Quantity(size, "C = root(2 (|W|_F^2 B_x^2 + |b|^2)), at least the length of all features", lambda run: _size(run.instance)),
    Quantity(zero, "l(0)", _zero),
    Quantity(other_loss, "empirical loss of u, the best of the population in the ball", _read("other")),
    Quantity(far, "|a_1 - u|", _read("far")),
    Quantity(gap, "largest (t - 1) times the empirical loss of a_t above that of u", _read("gap")),
    Quantity(gap_from_first, "the same, t for t - 1", _read("gap_from_first")),
    Quantity(norm_most, "largest |a_t|", _read("most")),
    Quantity(best, "OPT: least loss in the ball: interval", lambda run: _best(run.instance)[1]),
    Quantity(projected, "loss of the projected descent at T", _read("projected")),
    Quantity(wrong, "P(y f <= 0) of the projected descent at T", _read("wrong")),
    Quantity(stopped, "loss of the stopped descent", _read("stopped")),
    Quantity(free, "loss of the descent at T", _read("free")),
)  # fmt: skip
_ASSUMED = (
    s.SIGNS,
    Assumption("confidence", "delta is below 1", Bound(delta, sp.S.One, strict=True)),
    Assumption("a step", "there are two states at least", Bound(sp.S.One, T, strict=True)),
    Assumption("a feature", "not all weights and biases are 0", Bound(sp.S.Zero, size, strict=True)),
)
_SIGNS, _CHANCE = ("labels", "confidence", "a step"), 1 - delta
_STOPPED = (*_SIGNS, "a feature")
_RISK = best + OPTIMISATION + deviation(INSIDE)
_RISK_STOPPED = best + OPTIMISATION.subs(L, SMOOTH) + deviation(STOPPED)
_CLAIMS = (
    Claim("rate", "the empirical loss falls to that of any u like 1/(t - 1)", Bound(gap, RATE), ()),
    Claim("norm", "and the weights go no farther than this", Bound(norm_most, NORM), ()),
    Claim(
        "projected", "so the projected descent is nearly the best in the ball", Bound(projected, _RISK), _SIGNS, _CHANCE
    ),
    Claim(
        "signs",
        "and few of its signs are wrong: l is at least l(0) where one is",
        Bound(wrong, _RISK / zero),
        _SIGNS,
        _CHANCE,
    ),
    Claim("stopped", "and so is the stopped one", Bound(stopped, _RISK_STOPPED), _STOPPED, _CHANCE),
)
_ORIGINAL = best + L * D_1**2 / (2 * T) + deviation(start + 2 * B)
_SABOTAGES = (
    Claim("rate: from the first", "1/t for 1/(t - 1)", Bound(gap_from_first, RATE), (), falsifies="rate"),
    Claim("norm: nonincreasing", "as if the distance to u never grew", Bound(norm_most, start + 2 * B), (), falsifies="norm"),
    Claim("projected: any radius", "without projection, as if the weights stayed within |a_1| + 2 B", Bound(free, _ORIGINAL), _SIGNS, _CHANCE, falsifies="projected"),
    Claim("projected: the sample is all", "as if the sample hid nothing", Bound(projected, best + OPTIMISATION), _SIGNS, _CHANCE, falsifies="projected"),
    Claim("signs: OPT alone", "as if the descent were the best", Bound(wrong, best / 3), _SIGNS, _CHANCE, falsifies="signs"),
    Claim("stopped: never", "not stopped, as if the sample hid nothing", Bound(free, best + OPTIMISATION), _STOPPED, _CHANCE, falsifies="stopped"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _drawn(blank: Instance, draw: int) -> Instance:
    """Return the instance with the sample of this draw; the rest stays."""

    def redraw(again: Instance, draw: int) -> Instance:
        return _drawn(again, draw)

    return replace(blank, parameters={**blank.parameters, "draw": float(draw)}, redraw=redraw)


def _build(flags: dict[str, Any]) -> Instance:
    if not (0 < flags["B"] < math.inf and 0 < flags["delta"] < 1 and flags["samples"] >= 1 and flags["steps"] >= 2 and flags["m"] >= 1):  # fmt: skip
        raise BadInput(f"--B must be positive, --delta in (0, 1), --samples and --m at least 1 and --steps at least 2, not {flags['B']:g}, {flags['delta']:g}, {flags['samples']}, {flags['m']}, {flags['steps']}")  # fmt: skip
    inputs, labels, notes = s.classes(flags)
    generator = np.random.default_rng([flags["seed"], 109])
    draws = generator.standard_normal((flags["m"], inputs.shape[1]))
    blank = s.network(inputs, labels, draws, np.zeros(len(draws)), np.full(len(draws), flags["bias"]))
    # the first layer after the first step on the population, of which the sample is independent, its rate such that lengths are 1 in the mean
    first = s.empirical_gradients(blank)[0]
    first /= float(np.mean(np.linalg.norm(first, axis=1))) or 1.0
    numbers = {"B": flags["B"], "delta": flags["delta"], "samples": float(flags["samples"]), "T": float(flags["steps"]), "seed": float(flags["seed"])}  # fmt: skip
    made = s.network(inputs, labels, first, flags["outer"] * generator.standard_normal(len(draws)), np.full(len(draws), flags["bias"]), parameters=numbers, description={"data": flags["data"], "flags": dict(flags)}, notes=notes)  # fmt: skip
    return _drawn(made, 0)


def _hard(kind: str, plan: dict[str, Any]) -> Instance:
    generator = np.random.default_rng([plan["seed"], 113])
    if kind == "one":  # one sample, one feature: errata W2, W3
        inputs, labels, weights = np.ones((1, 1)), np.ones(1), np.ones((1, 1))
    elif kind == "noise":  # random labels, more features than samples
        inputs, labels = generator.standard_normal((150, 6)), generator.choice([-1.0, 1.0], 150)
        weights = generator.standard_normal((60, 6))
    else:
        inputs = build_inputs(InputPlan(kind, 6, 2, plan["seed"], 1))
        labels, weights = generator.choice([-1.0, 1.0], 6), generator.standard_normal((plan["m"], 2))
    noise = kind == "noise"
    outer = np.zeros(len(weights)) if noise else plan["outer"] * generator.standard_normal(len(weights))
    numbers = {
        "B": 1e-3 if noise else plan["B"], "delta": plan["delta"], "samples": 25.0 if noise else float(plan["samples"]),
        "T": 1500.0 if noise else float(plan["steps"]), "seed": float(plan["seed"]),
    }  # fmt: skip
    made = s.network(inputs, labels, weights, outer, np.zeros(len(weights)), parameters=numbers, description={"kind": kind, **plan})  # fmt: skip
    return _drawn(made, 0)


def _instances() -> SearchStrategy[Instance]:
    plans = st.fixed_dictionaries(
        {
            "B": st.sampled_from([1.0, 0.1, 5.0]), "delta": st.sampled_from([0.5, 0.9]), "samples": st.sampled_from([1, 3, 30]),
            "steps": st.sampled_from([2, 10, 40]), "m": st.sampled_from([1, 5]), "outer": st.sampled_from([0.0, 1.0, 10.0]),
            "seed": st.integers(0, 10_000),
        }
    )  # fmt: skip
    return st.builds(_hard, st.sampled_from(["one", "noise", "sphere", "duplicate", "gaussian", "antiparallel"]), plans)


_FLAGS = {
    "n": (Annotated[int, "rows of the population (synthetic data)"], 60),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 3),
    "m": (Annotated[int, "number of neurons"], 12),
    "bias": (Annotated[float, "bias of every neuron"], 0.05),
    "outer": (Annotated[float, "deviation of the output weights' start"], 0.1),
    "B": (Annotated[float, "radius of the ball of output weights"], 2.0),
    "samples": (Annotated[int, "size of the sample"], 200),
    "steps": (Annotated[int, "T, number of states"], 50),
    "delta": (Annotated[float, "chance of a bad sample"], 0.5),
}
FROZEN = Theorem(
    label="shi2023.frozen",
    title="A frozen first layer: output weights that descend on one sample come near the best of their size",
    reference=Reference("shi2023", "R9, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " Logistic loss; the instance's rows are the population, its first layer is W^(1), independent of the sample of n rows; a_1 is the start, "
    "a_t after t - 1 steps of size 1/L. OPT is the least loss of |a| <= B on the population, attained by u.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, rate=6.4, norm=8.7, projected=5.0, stopped=11.6, signs=7.7),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"data": "breast_cancer", "columns": "0,1,2,3,4", "rows": 100}),
)
