"""How far the weights move (chen2022, section 4.10): in the mean field they must, in the NTK's scaling they need not.

``W_T`` is the root mean square of ``|w_i(T) - w_i(0)|``. Below: the output moved by at least ``|zeta_0| - |zeta_T|``, and
``|f_T - f_0| <= L_s C_2 sqrt(Lambda_max) W_T``. Above: (3.5), movement is bounded by the loss consumed, with the least
eigenvalue that the tangent Gram K/n had during the run. ``C_2^2 = (1/m) sum c_i^2`` is 1 for ``|c_i| = 1`` and m in the
NTK's scaling, so that the movement does not vanish with the width, or does like ``m^(-1/2)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep_everywhere import C_2, briefly, hard_direction, uneven
from theorycheck.theorems.chen2022.steep_everywhere import QUANTITIES as EVERYWHERE

left = sp.Symbol("zeta_T", nonnegative=True)
least = sp.Symbol("kappa_T", real=True)

CONSUMED = t.zeta_0 - left
LOWER = CONSUMED / (t.slope * C_2 * sp.sqrt(s.Lam))
#: ``D_T <= (2/sqrt r)(sqrt L_0 - sqrt L_T)`` with ``L = |zeta|^2/(2n)`` and ``r = 2 kappa_T``
UPPER = 2 / sp.sqrt(2 * least) * CONSUMED / sp.sqrt(2 * t.n)


def final_residual(run: Run) -> Measured:
    """Return ``|zeta_T|`` at the end of the run."""
    if run.trajectory is None:
        raise NoTrajectory("the residual at the end belongs to a flow: simulate the instance first")
    return Measured(float(np.linalg.norm(run.trajectory.residual[-1])), float(run.trajectory.residual_error[-1]))


QUANTITIES = (
    *s.SIZES[:1],
    *(part for part in s.GEOMETRY if part.symbol == s.Lam),
    s.SLOPE, s.RESIDUAL, s.PATH,
    *(part for part in EVERYWHERE if part.symbol == C_2),
    Quantity(left, "|zeta_T| at the end of the run", final_residual),
    Quantity(least, "least eigenvalue of the tangent Gram K/n during the run", measure.least_overall),
)  # fmt: skip

_ASSUMED = (
    Assumption("Lambda_max positive", "the inputs are not all 0", Bound(sp.S.Zero, s.Lam, strict=True)),
    Assumption("kappa_T positive", "the tangent Gram stayed positive definite", Bound(sp.S.Zero, least, strict=True)),
)
_SOME, _BOTH = ("Lambda_max positive",), ("Lambda_max positive", "kappa_T positive")
_CLAIMS = (
    Claim("lower", "the weights must move by as much as the output did", Bound(LOWER, s.moved_path), _SOME),
    Claim("upper", "the weights move by no more than the loss consumed pays for", Bound(s.moved_path, UPPER), _BOTH),
)
_SABOTAGES = (
    Claim("lower: C_2 dropped", "the weights of the NTK move as far", Bound(LOWER * C_2, s.moved_path), _SOME, falsifies="lower"),
    Claim("lower: twice", "twice as far", Bound(2 * LOWER, s.moved_path), _SOME, falsifies="lower"),
    Claim("upper: half", "half as far", Bound(s.moved_path, UPPER / 2), _BOTH, falsifies="upper"),
    Claim("upper: the rate for its root", "r for sqrt r", Bound(s.moved_path, UPPER / sp.sqrt(2 * least)), _BOTH, falsifies="upper"),
)  # fmt: skip


def simulate(instance: Instance) -> Run:
    """Follow the flow until the loss is gone, or for a while where the Gram is singular."""
    return follow(instance, briefly(instance))


def _hard(
    kind: str, n: int, extra: int, width: int, name: str, level: float, weak: bool, kappa: float, seed: int
) -> Instance:
    """Return a small network in either scaling; labels in the weakest (or strongest) direction of its Gram."""
    d = max(1, n + extra)
    inputs = build_inputs(InputPlan(kind, n, d, seed, 1)) * math.sqrt(d)
    about = {"data": kind, "level": level, "activation": name, "kappa": kappa}
    instance = s.drawn(inputs, np.zeros(n), width=width, activation=name, seed=seed, kappa=kappa or math.sqrt(width), mirrored=False, description=about)  # fmt: skip
    if seed % 3 == 0:
        instance = uneven(instance, seed)
    return instance.with_labels(instance.labels - instance.start[0] + level * hard_direction(instance, weak))


def _strategy() -> SearchStrategy[Instance]:
    """One neuron and one sample, where both bounds are sharp, and more; mean field, NTK (kappa 0) and between."""
    return st.builds(
        _hard,
        st.sampled_from(["gaussian", "orthogonal", "near_parallel", "sphere"]),
        st.sampled_from([1, 2, 3]),
        st.sampled_from([0, -1, 2]),
        st.sampled_from([1, 8, 40]),
        st.sampled_from(["identity", "tanh", "softplus", "relu", "leaky_relu"]),
        st.sampled_from([0.01, 1.0, 10.0]),
        st.booleans(),
        st.sampled_from([1.0, 0.0, 30.0]),
        st.integers(0, 10_000),
    )


def _build(flags: dict[str, Any]) -> Instance:
    """Build an instance; kappa = 0 stands for the NTK's scaling, sqrt m."""
    return s.build({**flags, "kappa": flags["kappa"] or math.sqrt(max(flags["m"], 1))})


MOVEMENT = Theorem(
    label="chen2022.movement",
    title="Weights move in the mean field, and hardly in the NTK's scaling",
    reference=Reference("chen2022", "section 4.10 and (3.5), errata U13", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " kappa = 0 stands for the NTK's scaling, kappa = sqrt m.",
    quantities=QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, lower=2.2, upper=1.3),
    derivations=(),
    order=("data", "weights", "labels"),
    example=s.example(_build, "n", "d", "m", "activation", "kappa", "nu", "mirrored"),
    instances=_strategy,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 3, "d": 6, "m": 200, "activation": "tanh"},
        {"n": 3, "d": 6, "m": 200, "activation": "tanh", "kappa": 0.0},
        {"data": "digits", "rows": 3, "m": 100, "activation": "softplus"},
    ),
)
