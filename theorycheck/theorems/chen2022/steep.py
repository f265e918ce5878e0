"""Theorems A and B of chen2022 (sections 4.1 and 4.2): enough neurons stay where the slope is steep.

A: no retained neuron leaves the interval. B: some may, but movement is paid for by loss (the errata's
self-consistent form, I1). Both are deterministic given the initial weights, so labels may look at them.
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
from theorycheck.certify.problem import of_instance
from theorycheck.certify.recipe import Conclusion, Tests
from theorycheck.evidence import Truth
from theorycheck.flow import Run, follow
from theorycheck.judge import judge
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.intervals import candidates

INTERVAL: Mapping[str, tuple[Any, Any]] = {
    "low": (Annotated[float, "lower end of the interval where the slope is steep"], 0.0),
    "high": (Annotated[float, "upper end of it; inf for a half line"], 0.0),
    "eta": (Annotated[float, "how far inside it neurons must start; 0 searches interval and margin"], 0.0),
}


def _searched(instance: Instance, power: int) -> tuple[float, float, float]:
    """Return the interval and margin with the largest threshold (``steepness^power share eta``)."""
    found = candidates(of_instance(instance), lambda fraction, stage: None)
    if not len(found.eta):
        return 0.0, math.inf, 1.0
    k = int(np.argmax(found.steepness**power * found.share * found.eta))
    return float(found.low[k]), float(found.high[k]), float(found.eta[k])


def placed(instance: Instance, level: float, interval: tuple[float, float, float], *, b: bool) -> Instance:
    """Return the instance with its interval, and labels at ``level`` times the theorem's threshold (0: as they are)."""
    low, high, eta = interval if interval[2] else _searched(instance, 1 if b else 2)
    c_low = float(np.abs(instance.signs).min())
    instance = with_parameters(instance, low=low, high=high, eta=eta, c_low=c_low)
    threshold = _measured(t.ALLOWED_B if b else t.ALLOWED_A, instance)
    if level and threshold > 0:
        instance = s.with_residual(instance, level * threshold)
    instance = replace(instance, notes=(*instance.notes, *s.left_as_they_are(level, threshold)))
    return with_parameters(instance, split=_split(instance)) if b else instance


def _measured(expr: sp.Expr, instance: Instance) -> float:
    run, zero = Run(instance), sp.S.Zero
    values = {part.symbol: part.measure(run) for part in QUANTITIES if part.symbol in expr.free_symbols}
    found = judge("threshold", Bound(zero, expr), values)
    return found.rhs if found.truth is Truth.YES else 0.0


def _split(instance: Instance) -> float:
    """Return a split just above the least one at which theorem B's test passes."""
    run = Run(instance)
    values = {part.symbol: float(part.measure(run).value) for part in QUANTITIES if part.symbol in _NEEDED}
    # measured numbers have errors, which the judgement counts
    return min(t.least_split(t.TESTS_B[-1][1], values) * (1 + 1e-6), 1 - 2.0**-20)


QUANTITIES = (
    *s.SIZES, *s.GEOMETRY, *s.STEEP, s.RESIDUAL, s.SLOPE, s.C_HIGH, s.RATE, s.WINDOW, s.PATH,
    Quantity(t.split, "share of the margin that movement may use up", measure.parameter("split")),
)  # fmt: skip
_NEEDED = t.TESTS_B[-1][1].symbols - {t.split}

_WORDS = {
    "lambda_min positive": "the inputs are linearly independent",
    "eta positive": "neurons start inside the interval",
    "c_lo positive": "the output weights that count are bounded away from 0",
    "K positive": "the slope is bounded away from 0 on the interval",
    "p_hat positive": "some neurons start there, for every sample",
    "G_max positive": "the inputs are not all 0",
    "split in (0, 1)": "movement uses up part of the margin",
    "test": "the labels are near enough to the initial output",
}


def _sabotages(rate: sp.Expr, moved: Claim, given: tuple[str, ...], b: bool) -> tuple[Claim, ...]:
    untested = tuple(name for name in given if name != "test")
    lost = moved.bound.rhs / (1000 if b else 200)
    return (
        Claim("rate: lambda_min dropped", "as if the inputs were orthogonal", Bound(rate / t.lam, s.rate), given, falsifies="rate"),
        Claim("rate: K^2 dropped", "as if the slope were 1 on the interval", Bound(rate / t.steepness**2, s.rate), given, falsifies="rate"),
        Claim("rate: labels anywhere", "any label is fitted", Bound(rate, s.rate), untested, falsifies="rate"),
        Claim(f"{moved.label}: far less", "almost no movement", Bound(moved.bound.lhs, lost), given, falsifies=moved.label),
    )  # fmt: skip


# --- instances -------------------------------------------------------------------------------

_OWN = ("n", "d", "m", "activation", "kappa", "nu", "mirrored", "level")


def _build(flags: dict[str, Any], *, b: bool) -> Instance:
    s.not_negative(flags, "level")
    return placed(s.build(flags), flags["level"], s.interval_of(flags), b=b)


#: wide intervals, where the slope at the ends is far below that inside, and narrow ones
_PRESETS = ((0.0, 0.0, 0.0), (-3.0, 3.0, 0.25), (-0.75, 0.75, 0.25), (0.0, math.inf, 0.5), (-2.0, 4.0, 1.0))
_NAMES = ("tanh", "softplus", "sigmoid", "gelu", "silu", "erf", "relu")


def hard(
    kind: str, n: int, extra: int, width: int, name: str, preset: int, level: float, weak: bool, seed: int, kappa: float,
    *, b: bool,
) -> Instance:  # fmt: skip
    """Return a small network with hard inputs and labels in the weakest (or strongest) direction of its Gram."""
    about = {"level": level, "preset": preset}
    with np.errstate(all="ignore"):
        return placed(s.hard(kind, n, extra, width, name, weak, seed, kappa, about), level, _PRESETS[preset], b=b)


def strategy(*, b: bool) -> SearchStrategy[Instance]:
    """Labels just below, at and far beyond the threshold, in hard directions of hard data."""
    return st.builds(
        partial(hard, b=b),
        st.sampled_from(["orthogonal", "near_parallel", "sphere", "gaussian", "cluster"]),
        st.integers(1, 3),
        st.integers(0, 2),
        st.sampled_from([2, 8, 40, 200]),
        st.sampled_from(_NAMES),
        st.integers(0, len(_PRESETS) - 1),
        st.sampled_from([0.999, 0.5, 100.0, 1.5]),
        st.booleans(),
        st.integers(0, 10_000),
        st.sampled_from([1.0, 3.0]),
    )


def _card(
    name: str, title: str, place: str, tests: Tests, conclusions: tuple[Conclusion, ...], moved: Claim,
    showcase: tuple[dict[str, Any], ...], **looseness: float,
) -> Theorem:  # fmt: skip
    given = tuple(label for label, _ in tests)
    rate, b = conclusions[0].expr, name == "b"
    claims = (Claim("rate", "the loss decays at that rate for all time", Bound(rate, s.rate), given), moved)
    symbols = {symbol for claim in claims for symbol in claim.bound.symbols}
    symbols |= {symbol for _, bound in tests for symbol in bound.symbols}
    table = {key: s.FLAGS[key] for key in _OWN} | dict(INTERVAL)
    return Theorem(
        label=f"chen2022.{name}",
        title=title,
        reference=Reference("chen2022", place, "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=s.NOTATION,
        quantities=tuple(part for part in QUANTITIES if part.symbol in symbols),
        assumptions=s.assumptions(tests, _WORDS),
        claims=with_looseness(claims, **looseness),
        derivations=(),
        order=("data", "weights", "labels"),
        example=keyword_example(partial(_build, b=b), {**table, **s.DATA}, Instance),
        instances=partial(strategy, b=b),
        simulate=follow,
        sabotages=_sabotages(rate, moved, given, b),
        showcase=showcase,
    )


_REAL = {"data": "breast_cancer", "rows": 6, "m": 200, "activation": "softplus", "level": 0.999}
_GIVEN_A = tuple(label for label, _ in t.TESTS_A)
_GIVEN_B = tuple(label for label, _ in t.TESTS_B)

A = _card(
    "a", "Mean-field networks: retained neurons stay where the slope is steep", "Theorem A, section 4.1",
    t.TESTS_A, t.CONCLUSIONS_A,
    Claim("window", "no preactivation moves further", Bound(s.moved, t.WINDOW_A), _GIVEN_A),
    ({"n": 3, "d": 6, "m": 400, "activation": "tanh", "level": 0.999}, {"n": 2, "d": 4, "m": 200, "activation": "relu", "data": "orthogonal", "level": 0.999}, _REAL),
    rate=1.5, window=1.7,
)  # fmt: skip
B = _card(
    "b", "Mean-field networks: few neurons leave the interval, because movement costs loss", "Theorem B, section 4.2 and errata I1",
    t.TESTS_B, t.CONCLUSIONS_B,
    Claim("path", "the root mean square movement of the weights stays below", Bound(s.moved_path, t.CONCLUSIONS_B[1].expr), _GIVEN_B),
    ({"n": 3, "d": 6, "m": 400, "activation": "tanh", "level": 0.9}, {"n": 2, "d": 4, "m": 200, "activation": "relu", "data": "orthogonal", "level": 0.9}, {**_REAL, "level": 0.9}),
    rate=4.7, path=1.5,
)  # fmt: skip
