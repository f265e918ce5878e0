"""ReLU networks with the output weights trained as well: theorem B of chen2022 (section 4.13 with errata W8 and I1).

For ``s(u) = u s'(u)`` the flow keeps ``c_i^2 - tau |w_i|^2``, so a neuron that starts with ``c_i^2 - tau |w_i|^2 >= c_lo^2``
has ``|c_i| >= c_lo`` for ever, without any condition on the labels. Movement of the weights is at most the path
``int sqrt(-L')``, to which the output weights only add, so theorem B holds as it stands. Theorem A needs an upper bound of
``|c_i|`` as well, which there is none of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow, horizon_of
from theorycheck.grams import Array
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.chen2022 import measures, steep
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.output_trained import BOTH, tau

homogeneous = sp.Symbol("s/us'", nonnegative=True)
least_kept, least_start = sp.symbols("c_T c_0", nonnegative=True)
#: longest time, over the fastest one of the start, and most steps
_FAR, _STEPS = 1e4, 2000
_EPS = float(np.finfo(float).eps)


# --- measures --------------------------------------------------------------------------------


def _reserve(instance: Instance) -> tuple[Array, Array]:
    """Return ``c_i^2 - tau |w_i|^2`` at time 0 and what rounding may change of it."""
    c, w = instance.signs**2, instance.parameters["tau"] * np.sum(instance.weights**2, axis=1)
    return c - w, (instance.d + 8) * _EPS * (c + w)


def share(run: Run) -> Measured:
    """Return ``min_a (1/m) #{i : c_i^2 - tau |w_i|^2 >= c_low^2, h_ia in I_eta}`` at time 0, both ends of rounding."""
    instance, (kept, doubt) = run.instance, _reserve(run.instance)
    least = instance.parameters["c_low"] ** 2
    doubt = doubt + 4 * _EPS * least
    sure, maybe = measures.inside(instance)
    found = sure & (kept - doubt >= least), maybe & (kept + doubt >= least)
    return Measured.between(*(counted.mean(axis=1).min() for counted in found))


def _outer(run: Run) -> tuple[Array, float]:
    """Return the output weights at the end of the run and how far they may be off."""
    if run.trajectory is None:
        raise NoTrajectory("movement belongs to a flow: simulate the instance first")
    final = run.trajectory.final_outer
    if final is None:
        return run.instance.signs, 0.0
    c = final[:, 0] * run.instance.m
    return c, 1e-7 * float(np.abs(c - run.instance.signs).max()) + 8 * _EPS * float(np.abs(c).max())


def kept_weight(run: Run) -> Measured:
    """Return the least ``|c_i|`` at the end of the run, over the neurons that surely start with the reserve ``c_low^2``."""
    c, doubt = _outer(run)
    kept, rounding = _reserve(run.instance)
    counted = kept - rounding >= run.instance.parameters["c_low"] ** 2
    return Measured(float(np.abs(c[counted]).min()), doubt) if counted.any() else Measured(np.inf)


def first_weight(run: Run) -> Measured:
    """Return the same at time 0."""
    kept, rounding = _reserve(run.instance)
    counted = kept - rounding >= run.instance.parameters["c_low"] ** 2
    return Measured(float(np.abs(run.instance.signs[counted]).min())) if counted.any() else Measured(np.inf)


def _is_homogeneous(run: Run) -> float:
    return float(run.instance.activation.leak is not None)


QUANTITIES = (
    *s.SIZES[:1],
    *(part for part in s.GEOMETRY if part.symbol in (t.lam, t.G_max)),
    *(part for part in s.STEEP if part.symbol != t.share),
    Quantity(t.share, "least share of the neurons, over the samples, with c_i^2 - tau |w_i|^2 >= c_lo^2 and eta inside", share),
    Quantity(t.split, "share of the margin that movement may use up", measure.parameter("split")),
    Quantity(tau, "how much faster the output weights move", measure.parameter("tau")),
    Quantity(homogeneous, "1 if s(u) = u s'(u), else 0", measure.constant(_is_homogeneous)),
    s.RESIDUAL, s.RATE, s.PATH,
    Quantity(least_kept, "least |c_i(T)| of the neurons with c_i^2 - tau |w_i|^2 >= c_lo^2 at time 0", kept_weight),
    Quantity(least_start, "least |c_i(0)| of the same neurons", first_weight),
)  # fmt: skip

_SAYS = "the activation is a (leaky) ReLU, s(u) = u s'(u)"
_ASSUMED = (*steep.B.assumptions, Assumption("homogeneous", _SAYS, Bound(sp.S.One, homogeneous)))
_GIVEN = tuple(part.label for part in _ASSUMED)
#: with some neuron that counts
_LAW = ("c_lo positive", "p_hat positive", "homogeneous")
RATE, PATH = (conclusion.expr for conclusion in t.CONCLUSIONS_B)


def simulate(instance: Instance) -> Run:
    """Follow the flow, not to the end of a direction in which nothing moves: its horizon is beyond all measure."""
    largest = float(np.linalg.eigvalsh(instance.start[1])[-1]) if np.all(np.isfinite(instance.start[1])) else 0.0
    most = _FAR / largest if largest > 0 else math.inf
    return follow(instance, min(horizon_of(instance), most), count=60, budget=_STEPS)


# --- instances -------------------------------------------------------------------------------


def _searched(instance: Instance) -> tuple[float, float]:
    """Return the margin and the least output weight with the largest threshold, on the half line (0, inf)."""
    kept = _reserve(instance)[0]
    lowest = measures.preactivations(instance)
    floors = np.sqrt(np.quantile(kept[kept > 0], (0.0, 0.25, 0.5, 0.75), method="lower")) if np.any(kept > 0) else [0.0]
    best = (0.0, 1.0, 0.0)
    for floor in floors:
        for eta in np.quantile(np.abs(lowest), np.linspace(0.05, 0.95, 19)):
            found = ((kept >= floor**2) & (lowest >= eta)).mean(axis=1).min() * floor * eta
            best = max(best, (float(found), float(eta) * (1 - 1e-9), float(floor) * (1 - 1e-9)))
    return best[1], best[2]


def placed(instance: Instance, speed: float, level: float) -> Instance:
    """Return the instance with its output weights trained, the best margin, and labels at ``level`` times the threshold."""
    rates = (instance.rates[0], speed * instance.rates[0])
    instance = with_parameters(replace(instance, neuron=BOTH, rates=rates, redraw=None), tau=speed)
    eta, c_low = _searched(instance)
    instance = with_parameters(instance, low=0.0, high=math.inf, eta=eta, c_low=c_low, split=0.5)
    values = _values(instance)
    allowed = (
        float(t.ALLOWED_B.subs(values)) if all(map(math.isfinite, values.values())) and values[t.G_max] > 0 else 0.0
    )
    if level and 0 < allowed < math.inf:
        instance = s.with_residual(instance, level * allowed)
    split = t.least_split(t.TESTS_B[-1][1], _values(instance)) if allowed > 0 else 0.5
    return with_parameters(instance, split=min(split * (1 + 1e-6), 1 - 2.0**-20))


def _values(instance: Instance) -> dict[sp.Symbol, float]:
    run, wanted = Run(instance), t.TESTS_B[-1][1].symbols - {t.split}
    return {part.symbol: float(part.measure(run).value) for part in QUANTITIES if part.symbol in wanted}


def _build(flags: dict[str, Any]) -> Instance:
    s.not_negative(flags, "level")
    s.not_negative(flags, "tau", "with 0 the output weights are frozen")
    return placed(s.build(flags), flags["tau"], flags["level"])


def hard(
    kind: str, n: int, extra: int, width: int, level: float, speed: float, nu: float, weak: bool, seed: int
) -> Instance:
    """Return a small ReLU network with hard inputs, and labels in the weakest (or strongest) direction of its Gram."""
    inputs = build_inputs(InputPlan(kind, n, n + extra, seed, 1)) * math.sqrt(n + extra)
    about = {"kind": kind, "level": level, "tau": speed, "nu": nu, "weak": weak}
    with np.errstate(all="ignore"):
        instance = s.drawn(
            inputs,
            np.zeros(n),
            width=width,
            activation="relu",
            nu=nu,
            mirrored=seed % 2 == 0,
            seed=seed,
            description=about,
        )
        residual, gram = instance.start
        instance = instance.with_labels(np.linalg.eigh(gram)[1][:, 0 if weak else -1] - residual)
        return placed(instance, speed, level)


def _strategy() -> SearchStrategy[Instance]:
    """Labels just below and far beyond the threshold; reserves that are positive, just so, and negative."""
    return st.builds(
        hard,
        st.sampled_from(["near_parallel", "orthogonal", "sphere", "cluster"]),
        st.integers(1, 3),
        st.integers(0, 2),
        st.sampled_from([8, 2, 40]),
        st.sampled_from([0.999, 0.5, 100.0]),
        st.sampled_from([1.0, 0.01, 0.1, 10.0]),
        st.sampled_from([0.3, 0.05, 1.0]),
        st.booleans(),
        st.integers(0, 10_000),
    )


# --- the card --------------------------------------------------------------------------------

_OWN = ("n", "d", "m", "kappa", "nu", "mirrored", "level")
_MORE: Mapping[str, tuple[Any, Any]] = {
    "activation": (Annotated[str, "relu, leaky_relu or an expression of z"], "relu"),
    "tau": (Annotated[float, "how much faster the output weights move"], 0.1),
}

RELU_TRAINED = Theorem(
    label="chen2022.output_trained_b",
    title="Mean-field ReLU networks with the output weights trained as well",
    reference=Reference("chen2022", "section 4.13 with errata W8 and I1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " The output weights are trained too, c_i' = -tau m dL/dc_i.",
    quantities=QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(
        (
            Claim("rate", "the loss decays at that rate for all time", Bound(RATE, s.rate), _GIVEN),
            Claim("path", "the root mean square movement of the weights stays below", Bound(s.moved_path, PATH), _GIVEN),
            Claim("kept", "neurons with a reserve keep their output weight above c_lo, whatever the labels", Bound(t.c_low, least_kept), _LAW),
        ),
        rate=5.4, path=1.6, kept=1.0,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**{key: s.FLAGS[key] for key in _OWN}, **_MORE, **s.DATA}, Instance),
    instances=_strategy,
    simulate=simulate,
    sabotages=(
        Claim("rate: lambda_min dropped", "as if the inputs were orthogonal", Bound(RATE / t.lam, s.rate), _GIVEN, falsifies="rate"),
        Claim("rate: labels anywhere", "any label is fitted", Bound(RATE, s.rate), tuple(name for name in _GIVEN if name != "test"), falsifies="rate"),
        Claim("path: far less", "almost no movement", Bound(s.moved_path, PATH / 50), _GIVEN, falsifies="path"),
        Claim("kept: all of it", "as if output weights never shrank", Bound(least_start, least_kept), _LAW, falsifies="kept"),
    ),
    showcase=(
        {"n": 3, "d": 6, "m": 40, "nu": 0.3, "level": 0.9},
        {"n": 2, "d": 4, "m": 40, "nu": 0.3, "tau": 0.01, "level": 0.9, "data": "orthogonal"},
        {"data": "digits", "rows": 3, "m": 40, "nu": 0.05, "tau": 0.1, "level": 0.9},
    ),
)  # fmt: skip
