"""Core: the three lemmas on which every convergence theorem here stands.

Groenwall (a spectral gap of the tangent Gram gives a rate), Weyl for singular values (a
Jacobian that moves little keeps its least singular value), drift (a rate bounds how far the
weights move). They hold for every network and are held against flows like any other card.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans, label_plans
from theorycheck.compiled import compile_block
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.grams import Array
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Paper, Quantity, Reference, Standing, Theorem
from theorycheck.symbolic.activations import Z
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s

PAPER = Paper("core", "Lemmas shared by all papers", "textbook", 2026, "")

mu = sp.Symbol("mu", real=True)
slope = sp.Symbol("sigma_1", nonnegative=True)
r_0 = sp.Symbol("r_0", nonnegative=True)
time = sp.Symbol("t", positive=True)
moved_within = sp.Symbol("D_s", nonnegative=True)
least_start, least_end, jump = sp.symbols("sigma_0 sigma_T J", nonnegative=True)


def _jacobian(instance: Instance, weights: Array) -> Array:
    """Return ``J`` ``(n, m d)``: block j, row i is ``outer_j s'(z_ij) inner x_i``."""
    slope = compile_block((Z,), instance.activation.slope)
    gates = slope(instance.inner * (instance.inputs @ weights.T)) * instance.outer
    return (instance.inner * gates[:, :, None] * instance.inputs[:, None, :]).reshape(instance.n, -1)


def _singular(run: Run, end: bool) -> Measured:
    if run.trajectory is None:
        raise NoTrajectory("the Jacobian at the end needs a simulation")
    matrix = _jacobian(run.instance, run.trajectory.final_weights if end else run.instance.weights)
    values = np.linalg.svd(matrix, compute_uv=False)
    value = float(values[-1]) if len(values) == run.instance.n else 0.0
    return Measured(value, 1e-13 * float(values[0]))


def _level(run: Run) -> Measured:
    """Return a number just below the proved lower end: the lemmas hold for every such level."""
    found = measure.least_overall(run)
    low = float(found.value - found.error)
    return Measured(low * (1 - 1e-6) if low > 0 else low)


def _jump(run: Run) -> Measured:
    if run.trajectory is None:
        raise NoTrajectory("the Jacobian at the end needs a simulation")
    change = _jacobian(run.instance, run.trajectory.final_weights) - _jacobian(run.instance, run.instance.weights)
    value = float(np.linalg.norm(change, 2))
    return Measured(value, 1e-13 * (value + 1e-300))


_QUANTITIES = (
    s.SPECTRAL, s.RATE, s.SIZES[1],
    Quantity(mu, "a level that the least eigenvalue of the tangent Gram surely never falls below", _level),
    Quantity(r_0, "|r_0|", measure.initial_residual),
    Quantity(time, "time", measure.interval_times),
    Quantity(moved_within, "max_j |w_tj - w_0j|/sqrt(lambda_j) at time t", measure.displacement_within),
    Quantity(least_start, "least singular value of the Jacobian at time 0", lambda run: _singular(run, False)),
    Quantity(least_end, "least singular value of the Jacobian at the end", lambda run: _singular(run, True)),
    Quantity(jump, "|J_T - J_0|_2", _jump),
    Quantity(slope, "sup |s'|", measure.slope_supremum),
)  # fmt: skip

# the drift and its bound agree to first order at t = 0 (see Prop R0), so saved times are dense
_SIMULATE = partial(follow, count=480, first=1e-2)
_FLAGS = ("n", "d", "m", "gamma", "alpha", "activation")


def _hard(plan: InputPlan, labels: LabelPlan, width: int, gamma: float, seed: int, name: str) -> Instance:
    inputs, own, about = make.adversarial(plan, labels, name)
    return make.drawn(inputs, own, width=width, gamma=gamma, alpha=0.5, activation=name, seed=seed, description=about)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        input_plans(sizes=(1, 3), dimensions=(1, 3)),
        label_plans(),
        st.sampled_from([1, 2, 8, 64]),
        st.sampled_from([0.3, 1.0]),
        st.integers(0, 10_000),
        st.sampled_from(["relu", "tanh", "softplus", "gelu", "3*z"]),
    )


_SHOW = (
    {"n": 4, "d": 4, "m": 400, "activation": "tanh"},
    {"data": "diabetes", "rows": 6, "m": 1000, "activation": "relu"},
)


def _card(
    label: str,
    title: str,
    place: str,
    claims: tuple[Claim, ...],
    sabotages: tuple[Claim, ...],
    assumptions: tuple[Assumption, ...] = (),
) -> Theorem:
    bounds = [part.bound for part in claims + sabotages] + [part.bound for part in assumptions]
    symbols = {symbol for bound in bounds for symbol in bound.symbols}
    return Theorem(
        label=f"core.{label}",
        title=title,
        reference=Reference("core", place, "textbook; stated here for gradient flow of |r|^2/2"),
        standing=Standing.DERIVED,
        notation=s.NOTATION,
        quantities=tuple(quantity for quantity in _QUANTITIES if quantity.symbol in symbols),
        assumptions=assumptions,
        claims=claims,
        derivations=(),
        order=("data", "labels", "weights"),
        example=make.example(lambda flags: make.build(flags, sp.S.One, ()), *_FLAGS),
        instances=_instances,
        simulate=_SIMULATE,
        sabotages=sabotages,
        showcase=_SHOW,
    )  # fmt: skip


_POSITIVE = Assumption("gap", "the tangent Gram stays definite", Bound(sp.S.Zero, mu, strict=True))

GROENWALL = _card(
    "groenwall",
    "A tangent Gram above mu makes the loss decay at rate 2 mu",
    "Groenwall's inequality for L' = -r' G r <= -2 mu L",
    (Claim("rate", "the loss decays at least at rate 2 mu", Bound(2 * mu, s.rate), ("gap",), looseness=2.3),),
    (
        Claim("rate: of the loss for the residual", "4 mu", Bound(4 * mu, s.rate), ("gap",), falsifies="rate"),
        Claim("rate: gap dropped", "some rate, whatever the Gram", Bound(sp.Rational(1, 1000), s.rate), (), falsifies="rate"),
    ),
    (_POSITIVE,),
)  # fmt: skip

_SHRINK = sp.sqrt(s.s_X) * r_0 * (1 - sp.exp(-mu * time)) / (sp.sqrt(s.d) * mu)

DRIFT = _card(
    "drift",
    "While the tangent Gram is above mu, weights move at most a multiple of sqrt(lambda_j)",
    "L7 of caron2023, section 4",
    (Claim("drift", "|w_tj - w_0j| <= sqrt(lambda_j s_X/d) |r_0| (1 - exp(-mu t))/mu, from the first saved time on", Bound(moved_within, _SHRINK), ("gap", "unit slope"), looseness=1.41),),
    (
        Claim("drift: a tenth", "ten times less", Bound(moved_within, _SHRINK / 10), ("gap", "unit slope"), falsifies="drift"),
        Claim("drift: saturates at once", "as if all movement took place by time 1/s_X", Bound(moved_within, _SHRINK * mu), ("gap", "unit slope"), falsifies="drift"),
    ),
    (_POSITIVE, Assumption("unit slope", "sup |s'| <= 1", Bound(slope, sp.S.One))),
)  # fmt: skip

WEYL = _card(
    "weyl",
    "A Jacobian that moves little keeps its least singular value",
    "Weyl's inequality for singular values",
    (Claim("singular value", "sigma(J_T) >= sigma(J_0) - |J_T - J_0|", Bound(least_start - jump, least_end), (), looseness=1.1),),
    (
        Claim("singular value: half the change", "half of it is lost", Bound(least_start - jump / 2, least_end), (), falsifies="singular value"),
        Claim("singular value: of the Gram", "the change squared", Bound(least_start - jump**2, least_end), (), falsifies="singular value"),
    ),
)  # fmt: skip

THEOREMS = (GROENWALL, WEYL, DRIFT)
