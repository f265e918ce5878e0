"""Prop R0 (caron2023, section 3.2): a deterministic certificate from the initial weights.

The labels may be chosen after the weights. The errata add what the statement needs: the
least eigenvalue of the uniform Gram must be positive (U1), gates at the kink count as flipped
(U2), and any theta that passes gives a valid certificate (W2).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, build_labels, input_plans, label_plans
from theorycheck.data import BadInput
from theorycheck.flow import follow
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.caron2023 import flips as measures
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.setting import gamma, s_X
from theorycheck.theorems.caron2023.thetas import largest_theta, near_output, with_theta

theta = sp.Symbol("theta", real=True)
kappa_hat = sp.Symbol("kappa_hat", nonnegative=True)
r_0 = sp.Symbol("r_0", nonnegative=True)
flips, heavy_flips = sp.symbols("M_F B_F", nonnegative=True)
fourth, mass = sp.symbols("S_4 Lambda_1", nonnegative=True)
M = sp.Symbol("M", nonnegative=True)
slope = sp.Symbol("sigma_1", nonnegative=True)
time = sp.Symbol("t", positive=True)
moved_within = sp.Symbol("D_s", nonnegative=True)

#: the certified floor of the tangent Gram
MU = gamma * theta**2 * kappa_hat
#: |w_tj - w_0j| <= REACH sqrt(lambda_j) (L7)
REACH = sp.sqrt(s_X / s.d) * r_0 / MU


_SHARED = (
    *s.SIZES, s.SPECTRAL, s.RATE, s.LEAST, s.CHANGE,
    Quantity(theta, "how the least singular value is split between rate and movement", measure.parameter("theta")),
    Quantity(kappa_hat, "least eigenvalue of the uniform tangent Gram (1/m) sum_j A_j at time 0", measures.kappa_hat),
    Quantity(r_0, "|r_0|", measure.initial_residual),
    Quantity(time, "time", measure.interval_times),
    Quantity(moved_within, "max_j |w_tj - w_0j|/sqrt(lambda_j) at time t", measure.displacement_within),
)  # fmt: skip
_RELU = (
    *_SHARED,
    s.IS_RELU,
    Quantity(flips, "largest eigenvalue of the flip mass, uniform weights", measures.flips),
    Quantity(heavy_flips, "largest eigenvalue of the flip mass, weights lambda_j", measures.heavy_flips),
)
_SMOOTH = (
    *_SHARED,
    Quantity(fourth, "sum_i |x_i|^4", measures.fourth),
    Quantity(mass, "sum_j lambda_j", s.power_sum(1.0)),
    s.POWER_2,
    Quantity(M, "sup |s''|", measure.curvature_supremum),
    Quantity(slope, "sup |s'|", measure.slope_supremum),
)


# --- statements ------------------------------------------------------------------------------

_GIVEN = ("gamma positive", "theta in (0, 1)", "uniform Gram definite", "test")
_ASSUMED = (
    s.GAMMA,
    Assumption(
        "theta in (0, 1)", "theta leaves something to either side", Bound(sp.S.Zero, theta * (1 - theta), strict=True)
    ),
    Assumption(
        "uniform Gram definite",
        "kappa_hat is positive, not merely a positive float",
        Bound(sp.S.Zero, kappa_hat, strict=True),
    ),
)
TEST_RIGHT = (1 - theta) ** 2 * kappa_hat
#: T = (M^2/(m d^2)) sum |x_i|^4 sum_j rho_j^2 with rho_j = REACH sqrt(lambda_j)
TEST_SMOOTH = M**2 / (s.m * s.d**2) * fourth * REACH**2 * mass
SPREAD_SMOOTH = M**2 / s.d**2 * fourth * REACH**2 * s.Lambda_2


def _claims(spread: sp.Expr, given: tuple[str, ...]) -> tuple[Claim, ...]:
    return (
        Claim("a", "the tangent Gram stays above mu", Bound(MU, s.least), given),
        Claim("b", "the loss decays at least at rate 2 mu", Bound(2 * MU, s.rate), given),
        Claim("c", "node j stays within rho_j (1 - exp(-mu t)), from the first saved time on", Bound(moved_within, REACH * (1 - sp.exp(-MU * time))), given),
        Claim("d", "the tangent Gram changes by at most b + 2 sqrt(b s_X/d)", Bound(s.change, spread + 2 * sp.sqrt(spread * s_X / s.d)), given),
    )  # fmt: skip


def _sabotages(spread: sp.Expr, given: tuple[str, ...]) -> tuple[Claim, ...]:
    untested = tuple(name for name in given if name != "test")
    return (
        Claim(
            "a: gamma dropped",
            "the whole Gram is as stable as its uniform part",
            Bound(theta**2 * kappa_hat, s.least),
            given,
            falsifies="a",
        ),
        Claim(
            "b: rate of the uniform Gram",
            "nothing is lost to movement or scale",
            Bound(4 * kappa_hat, s.rate),
            given,
            falsifies="b",
        ),
        Claim("b: test dropped", "any network converges", Bound(2 * MU, s.rate), untested, falsifies="b"),
        Claim(
            "c: a tenth of the movement",
            "",
            Bound(moved_within, REACH / 10 * (1 - sp.exp(-MU * time))),
            given,
            falsifies="c",
        ),
        Claim("d: first order only", "a change quadratic in b", Bound(s.change, spread**2), given, falsifies="d"),
    )


# --- instances -------------------------------------------------------------------------------


def best_theta(instance: Instance) -> float:
    """Return the largest theta on a grid that passes R0's test, or 1/2 if none does (errata W2)."""
    relu = instance.activation.leak is not None
    quantities, left = (_RELU, flips) if relu else (_SMOOTH, TEST_SMOOTH)
    return largest_theta(instance, quantities, (Bound(left, TEST_RIGHT),))


def build(flags: dict[str, Any]) -> Instance:
    """Build an instance from flags; theta is searched and the labels are put near the output if the flags say so."""
    if not 0 <= flags["theta"] < 1:
        raise BadInput(f"--theta must lie in (0, 1), or be 0 to search the best, not {flags['theta']:g}")
    if flags["m"] == 0:
        raise BadInput("--m must be at least 1: this theorem tests a given width instead of asking for one")
    instance = make.build(flags, sp.S.One, ())  # without an activation flag: ReLU
    if flags["residual"]:
        instance = near_output(instance, np.ones(instance.n), flags["residual"])
    return with_theta(instance, flags["theta"] or best_theta(instance))


def _hard(
    plan: InputPlan, labels: LabelPlan, width: int, gamma: float, size: int, theta: float, seed: int, name: str
) -> Instance:
    inputs, own, about = make.adversarial(plan, labels, name)
    instance = make.drawn(
        inputs, own, width=width, gamma=gamma, alpha=0.5, activation=name, seed=seed, description=about
    )
    with np.errstate(all="ignore"):
        gram = instance.start[1]
        if labels.kind != "huge" and np.all(np.isfinite(gram)):
            instance = near_output(instance, build_labels(labels, inputs, gram), 10.0**-size)
    return with_theta(instance, theta or best_theta(instance))


def _strategy(names: tuple[str, ...]) -> SearchStrategy[Instance]:
    """Hard data on small networks, and orthogonal data on networks wide enough for the test."""
    hard = st.builds(
        _hard,
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        label_plans(),
        st.sampled_from([1, 8, 64, 512]),
        st.sampled_from([0.02, 0.3, 0.9, 1.0]),
        st.integers(-1, 6),
        st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9]),
        st.integers(0, 10_000),
        st.sampled_from(names),
    )
    wide = st.builds(
        lambda n, gamma, residual, theta, seed, name: build(
            {**_DEFAULTS, "n": n, "d": n, "m": 2000, "gamma": gamma, "residual": residual, "theta": theta}
            | {"data": "orthogonal", "seed": seed, "activation": name}
        ),
        st.sampled_from([1, 2]),
        st.sampled_from([0.5, 1.0]),
        st.sampled_from([0.01, 0.1, 0.3]),
        st.sampled_from([0.0, 0.5]),
        st.integers(0, 10_000),
        st.sampled_from(names),
    )
    stuck = st.builds(
        stalling,
        st.sampled_from([1, 2]),
        st.sampled_from([3.0, -3.0]),
        st.sampled_from([0.3, 0.5]),
        st.integers(0, 10_000),
        st.sampled_from(names),
    )
    return st.one_of(wide, hard, stuck)


def stalling(width: int, size: float, theta: float, seed: int, name: str) -> Instance:
    """One input whose few nodes die or saturate long before they reach the label: only the test forbids it."""
    instance = make.drawn(np.ones((1, 1)), np.zeros(1), width=width, gamma=1.0, alpha=0.5, activation=name, seed=seed)
    return with_theta(near_output(instance, np.ones(1), size), theta)


_DEFAULTS = {name: default for name, (_, default) in make.FLAGS.items()}
# Movement and its bound agree to first order at t = 0 (both are |r_0| sqrt(s_X/d) t), so claim
# (c) can be seen only from some time on; the saved times are dense there.
_SIMULATE = partial(follow, count=480, first=1e-2)
_FLAGS = ("n", "d", "m", "gamma", "alpha", "theta", "residual")

_GIVEN_RELU = ("ReLU", *_GIVEN)

R0 = Theorem(
    label="caron2023.r0",
    title="A certificate from the initial weights: ReLU",
    reference=Reference("caron2023", "Prop R0, section 3.2", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " The test bounds the gates that can flip while node j stays within rho_j.",
    quantities=_RELU,
    assumptions=(
        *_ASSUMED,
        s.RELU,
        Assumption("test", "few gates can flip", Bound(flips, TEST_RIGHT)),
        Assumption("loose test", "four times as many (for a sabotage only)", Bound(flips, 4 * TEST_RIGHT)),
    ),
    claims=with_looseness(_claims(heavy_flips, _GIVEN_RELU), a=1.2, b=1.3, c=1.02, d=79.0),
    derivations=s.RELU_DUALS,
    order=("data", "weights", "labels"),
    example=make.example(build, *_FLAGS),
    instances=lambda: _strategy(("relu",)),
    simulate=_SIMULATE,
    sabotages=(
        *_sabotages(heavy_flips, _GIVEN_RELU),
        Claim(
            "b: test four times looser",
            "the constant of the test is not sharp",
            Bound(2 * MU, s.rate),
            ("ReLU", *_GIVEN[:-1], "loose test"),
            falsifies="b",
        ),
    ),
    showcase=(
        {"n": 2, "d": 2, "m": 2000, "data": "orthogonal", "residual": 0.3},
        {"n": 3, "d": 3, "m": 64_000, "gamma": 0.7, "alpha": 0.6, "data": "orthogonal", "residual": 0.5},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 100_000, "labels_scale": "norm"},
    ),
)

_GIVEN_SMOOTH = (*_GIVEN, "slope at most 1")

R0_SMOOTH = Theorem(
    label="caron2023.r0_smooth",
    title="A certificate from the initial weights: smooth activations",
    reference=Reference("caron2023", "Prop R0, section 3.2", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION,
    quantities=_SMOOTH,
    assumptions=(
        *_ASSUMED,
        Assumption("slope at most 1", "sup |s'| <= 1", Bound(slope, sp.S.One)),
        Assumption("test", "the slopes can change little", Bound(TEST_SMOOTH, TEST_RIGHT)),
    ),
    claims=with_looseness(_claims(SPREAD_SMOOTH, _GIVEN_SMOOTH), a=4.0, b=4.0, c=1.03, d=80.0),
    derivations=(),
    order=("data", "weights", "labels"),
    example=make.example(build, *_FLAGS, "activation"),
    instances=lambda: _strategy(("tanh", "softplus", "sine")),
    simulate=_SIMULATE,
    sabotages=_sabotages(SPREAD_SMOOTH, _GIVEN_SMOOTH),
    showcase=(
        {"n": 2, "d": 2, "m": 2000, "data": "orthogonal", "residual": 0.5, "theta": 0.5},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 8000, "theta": 0.5, "labels_scale": "norm"},
    ),
)
