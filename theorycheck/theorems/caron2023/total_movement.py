"""Prop R7 (vii) (caron2023, section 3.5): all weights together move, whatever gamma and the width.

``W -> f(X; W)`` is Lipschitz with constant ``sqrt(s_X/d)`` (L1), so a residual that has shrunk has cost as much movement. Both
sides are those of the first and the last weights, so that the error of the integration does not enter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans, label_plans
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow, horizon_of
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.setting import d, s_X

r_0, r_t = sp.symbols("r_0 r_t", nonnegative=True)
moved = sp.Symbol("D_F", nonnegative=True)
slope = sp.Symbol("sigma_1", nonnegative=True)

#: relative rounding of norms of weights and of residuals
_WEIGHTS, _RESIDUALS = 1e-15, 1e-12


def _last(run: Run) -> np.ndarray:
    if run.trajectory is None:
        raise NoTrajectory("the last weights need a simulation")
    return run.trajectory.final_weights


def _moved(run: Run) -> Measured:
    """Return ``|W_t - W_0|_F`` for the last weights of the run."""
    last, first = _last(run), run.instance.weights
    value = float(np.linalg.norm(last - first))
    return Measured(value, _WEIGHTS * (value + float(np.linalg.norm(first))) + means.TINY)


def _residual(run: Run) -> Measured:
    """Return ``|y - f|`` of the last weights of the run."""
    instance = run.instance
    residual = replace(instance, weights=_last(run)).start[0]
    size = float(np.linalg.norm(instance.labels)) + float(np.linalg.norm(residual))
    return Measured(float(np.linalg.norm(residual)), _RESIDUALS * size + means.TINY)


def _simulate(instance: Instance) -> Run:
    """Follow the flow for a while: the statement is about any two times, and about no error of what is saved."""
    _, gram = instance.start
    size = float(np.trace(gram))
    soon = 20 / size if np.isfinite(size) and size > 0 else 1.0
    return follow(instance, min(soon, horizon_of(instance, 2.0)), count=8, errors=False)


def _hard(plan: InputPlan, labels: LabelPlan, width: int, gamma: float, seed: int, name: str) -> Instance:
    inputs, own, about = make.adversarial(plan, labels, name)
    return make.drawn(inputs, own, width=width, gamma=gamma, alpha=0.5, activation=name, seed=seed, description=about)


def _instances() -> SearchStrategy[Instance]:
    names = st.sampled_from(["relu", "tanh", "softplus"])
    widths, shares, seeds = st.sampled_from([1, 4, 40]), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 10_000)
    one = st.builds(InputPlan, st.just("orthogonal"), st.just(1), st.just(1), st.integers(0, 9))
    near = st.builds(
        _hard, one, st.builds(LabelPlan, st.just("equal"), st.sampled_from([0, 1])), widths, shares, seeds, names
    )
    hard = st.builds(_hard, input_plans(sizes=(1, 3), dimensions=(1, 3)), label_plans(), widths, shares, seeds, names)
    return st.one_of(near, hard)


_AT_LEAST = sp.sqrt(d / s_X) * (r_0 - r_t)

R7_TOTAL = Theorem(
    label="caron2023.r7_total",
    title="All weights together move: a residual that shrinks costs movement",
    reference=Reference("caron2023", "Prop R7 (vii), section 3.5", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " D_F = |W_t - W_0|_F; the difference that gamma makes is per node.",
    quantities=(
        *s.SIZES, s.SPECTRAL, s.DATA[1],
        Quantity(r_0, "|r_0|", measure.initial_residual),
        Quantity(r_t, "|r_t| at the end of the run", _residual),
        Quantity(moved, "|W_t - W_0|_F at the end of the run", _moved),
        Quantity(slope, "sup |s'|", measure.slope_supremum),
    ),
    assumptions=(Assumption("slope at most 1", "sup |s'| <= 1", Bound(slope, sp.S.One)), s.NONZERO),
    claims=(Claim("moved", "|W_t - W_0|_F >= sqrt(d/s_X) (|r_0| - |r_t|)", Bound(_AT_LEAST, moved), ("slope at most 1", "nonzero inputs"), looseness=2.4),),
    derivations=(),
    order=("data", "labels", "weights"),
    example=make.example(means.build, "n", "d", "m", "gamma", "alpha", "activation"),
    instances=_instances,
    simulate=_simulate,
    sabotages=(
        Claim("moved: twice as far", "the constant is not sharp", Bound(2 * _AT_LEAST, moved), ("slope at most 1", "nonzero inputs"), falsifies="moved"),
        Claim("moved: square of the norm", "s_X for its root", Bound(_AT_LEAST * sp.sqrt(d / s_X), moved), ("slope at most 1", "nonzero inputs"), falsifies="moved"),
    ),
    showcase=(
        {"n": 3, "d": 3, "m": 400, "activation": "tanh"},
        {"data": "diabetes", "rows": 4, "m": 400, "activation": "relu", "gamma": 0.5},
    ),
)  # fmt: skip
