"""Prop R7 (vi) (caron2023, section 3.5, as corrected by errata W1): how the tangent Gram of a ReLU network moves.

A gate of node j at sample i changes by ``Delta_j = xi_ij(t)^2 - 1{z_ij(0) > 0}``, where ``xi`` is the slope with which the flow
goes on: a fraction while the gate slides along its kink. The theory file counts a sliding gate as one that has changed
wholly, for which its inequality is false; with ``xi`` it is true.

Both sides are seen on the same flows, which are followed exactly: a side of the gates has no error of its own, and the side of
the Gram has five standard errors of the larger of its differences from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans, label_plans
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import FlowStalled, Run, follow
from theorycheck.grams import Array
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.movement import time
from theorycheck.theorems.caron2023.setting import Lambda_32, d, label_norm, s_X, trace_sigma

heaviest = sp.Symbol("lambda_1", positive=True)
changed = sp.Symbol("X", nonnegative=True)
gate, flipped, both = sp.symbols("g_1 f_1 f_12", nonnegative=True)

#: sum_j lambda_j P(Delta_1 and Delta_j are not 0), at most (errata W1)
PAIR = (
    (2 / sp.pi) * (s_X / d) * sp.sqrt(heaviest) * Lambda_32 * time**2 * (label_norm**2 + trace_sigma)
    / (1 - time * s_X / d) ** 2
)  # fmt: skip

#: a pre-activation this small, relative to its weights, is on its kink
_KINK = 1e-9


@dataclass(frozen=True)
class _Flows:
    """One entry per flow, all in units of ``|x_1|^2/d``: of the Gram, and of the gates at the first sample."""

    changed: Array
    gate: Array
    doubt: Array
    flipped: Array
    both: Array


@lru_cache(maxsize=8)
def _flows(instance: Instance) -> _Flows | None:
    assert instance.redraw is not None
    if not np.all(np.isfinite(instance.inputs @ instance.inputs.T)) or not np.any(instance.inputs[0]):
        return None
    rows = []
    for draw in range(int(instance.parameters["draws"])):
        one = instance.redraw(instance, draw + 1)
        try:
            run = follow(one, times=np.array([0.0, instance.parameters["time"]]))
        except FlowStalled:
            return None
        rows.append(_seen(one, run))
    return _Flows(*np.array(rows).T)


def _seen(one: Instance, run: Run) -> tuple[float, ...]:
    """Return what :class:`_Flows` has, of one flow; a gate's slope is what the Gram has beyond those off their kinks."""
    assert run.trajectory is not None
    first, last, scales = one.weights, run.trajectory.final_weights, one.scales
    x = one.inputs[0]
    before = (first @ x > 0).astype(float)
    after = last @ x
    kink = np.abs(after) <= _KINK * np.linalg.norm(x) * (np.linalg.norm(last, axis=1) + 1e-300)
    whole = ((after > 0) & ~kink).astype(float)
    total = float(run.trajectory.gram[-1, 0, 0]) / (one.inner**2 * float(x @ x))
    left = np.clip(total - scales @ whole, 0.0, scales @ kink)  # of the gates on their kinks
    others = float(scales[1:] @ kink[1:])
    low, high = (np.clip(part / scales[0], 0, 1) for part in (left - others, left)) if kink[0] else (whole[0],) * 2
    ends = np.abs(np.array([low, high]) - before[0])
    flips = np.maximum(np.abs(whole - before), kink)  # as the theory file counts: a gate on its kink has changed
    return (
        abs(total - float(scales @ before)), scales[0] * ends.mean(),
        scales[0] * float(np.ptp(ends)) / 2 + 1e-12, scales[0] * flips[0], float(flips[0] * (scales[1:] @ flips[1:])),
    )  # fmt: skip


def _mean(name: str) -> measure.Measure:
    def read(run: Run) -> Measured:
        found = _flows(run.instance)
        return Measured(np.nan) if found is None else Measured(float(np.mean(getattr(found, name))))

    return read


def _changed(run: Run) -> Measured:
    """Return ``E |Theta_11(t) - Theta_11(0)|`` in units of ``|x_1|^2/d``; its error is that of its differences."""
    found = _flows(run.instance)
    if found is None:
        return Measured(np.nan)
    pairs = (found.changed - found.gate, found.changed + found.both - found.flipped)
    error = max(float(means.mean(one).error) for one in pairs)
    return Measured(float(np.mean(found.changed)), error + float(np.mean(found.doubt)))


_QUANTITIES = (
    *s.SIZES, s.IS_RELU, s.DATA[1], s.SPECTRAL, s.POWER_32,
    Quantity(heaviest, "lambda_1, the largest scale", means.constant_of(lambda one: float(one.scales[0]))),
    Quantity(time, "the time looked at", measure.parameter("time")),
    Quantity(label_norm, "|y|", measure.label_norm),
    Quantity(trace_sigma, "tr Sigma, Sigma = E s(g) s(g)'", measure.output_variance),
    Quantity(changed, "E |Theta_11(t) - Theta_11(0)| d/|x_1|^2", _changed),
    Quantity(gate, "lambda_1 E |Delta_1|", _mean("gate")),
    Quantity(flipped, "lambda_1 P(z_11 is on its kink or has changed its sign)", _mean("flipped")),
    Quantity(both, "sum_(j > 1) lambda_j P(z_11 and z_1j are on their kinks or have changed their signs)", _mean("both")),
)  # fmt: skip

_EARLY = Assumption("early", "t s_X/d < 1", Bound(time * s_X / d, sp.S.One, strict=True))
_GIVEN = ("ReLU", "nonzero inputs", "early")


def _at(instance: Instance, share: float, draws: int) -> Instance:
    with np.errstate(all="ignore"):
        end = float(share * instance.d / np.asarray(measure.spectral_square(Run(instance)).value))
    return with_parameters(instance, time=end if np.isfinite(end) and end > 0 else 1.0, draws=draws)


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 <= flags["time"] < np.inf:
        raise BadInput(
            f"--time must be positive, or 0 for three tenths of what the theorem allows, not {flags['time']:g}"
        )
    instance = means.build(flags)
    return with_parameters(instance, time=flags["time"], draws=60) if flags["time"] else _at(instance, 0.3, 60)


def _hard(plan: InputPlan, labels: LabelPlan, width: int, gamma: float, share: float, seed: int) -> Instance:
    inputs, own, about = make.adversarial(plan, labels, "relu")
    return _at(make.drawn(inputs, own, width=width, gamma=gamma, alpha=0.5, seed=seed, description=about), share, 12)


def _sliding(seed: int) -> Instance:
    """The counterexample of errata W1: one node, whose gate at the first input slides where the second pushes it back."""
    inputs, labels = np.array([[1.0, 0.0], [0.8, 0.6]]), np.array([20.0, -20.0])
    return _at(make.drawn(inputs, labels, width=1, gamma=1.0, alpha=0.5, seed=seed), 0.9, 160)


def _instances() -> SearchStrategy[Instance]:
    hard = st.builds(
        _hard,
        input_plans(sizes=(1, 2), dimensions=(1, 2)),
        label_plans(),
        st.sampled_from([1, 2, 5]),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.sampled_from([0.9, 0.5, 0.1]),
        st.integers(0, 10_000),
    )
    return st.one_of(st.builds(_sliding, st.integers(0, 1)), hard)


R7_GRAM = Theorem(
    label="caron2023.r7_gram",
    title="The tangent Gram moves: ReLU",
    reference=Reference("caron2023", "Prop R7 (vi), section 3.5, as corrected in errata W1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " Delta_j = xi_1j(t)^2 - 1{z_1j(0) > 0}, xi the slope with which the flow goes on (Filippov). Entry (1, 1) of the Gram.",
    quantities=_QUANTITIES,
    assumptions=(s.RELU, s.NONZERO, _EARLY),
    claims=(
        Claim("true gates", "the gate of the heaviest node, less what the others can undo", Bound(gate, changed + PAIR), _GIVEN, looseness=7.0),
    ),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(_build, "n", "d", "m", "gamma", "alpha", "time", gamma=0.5, m=means.WIDTH),
    instances=_instances,
    simulate=Run,
    sabotages=(
        Claim("true gates: a sliding gate counts as changed", "the theory file before errata W1", Bound(flipped, changed + both), _GIVEN, falsifies="true gates"),
    ),
    showcase=(
        {"n": 2, "d": 2, "m": 6, "gamma": 0.5, "data": "orthogonal", "label": 4.0},
        {"data": "diabetes", "rows": 2, "columns": "bmi,bp,s5", "m": 6, "gamma": 0.5},
    ),
)  # fmt: skip
