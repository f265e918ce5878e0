"""Prop R3' (caron2023, section 3.4): a certificate for gradient descent on ReLU networks, from the initial weights.

R0's test with radii twice as large (all steps together are at most twice as long as the flow's path), and a second one: the
gates that can flip, weighted by the node scales, are so few that a step may cross kinks. With uneven scales that mass does
not vanish with the width, so only labels near the initial output pass; without the certificate nothing is claimed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, LabelPlan, build_labels, input_plans, label_plans
from theorycheck.data import BadInput
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.caron2023 import descents, r0
from theorycheck.theorems.caron2023 import flips as measures
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.descents import TAKEN, eta
from theorycheck.theorems.caron2023.r0 import MU, TEST_RIGHT, flips, heavy_flips
from theorycheck.theorems.caron2023.thetas import largest_theta, near_output, with_theta

#: all steps together over the path of the flow: eta/(1 - sqrt(1 - eta mu)) <= 2/mu
TWICE = 2
REACH = TWICE * r0.REACH
GAIN = eta * MU
#: |J - J_k|^2 <= mu/16 for the gates of a step: a quarter of the least singular value
HEAVY_RIGHT = MU / 16

_OWN = {flips: measures.flips_within(TWICE), heavy_flips: measures.heavy_flips_within(TWICE)}
_QUANTITIES = (
    *(
        Quantity(part.symbol, part.says, _OWN.get(part.symbol, part.measure))
        for part in r0.R0.quantities
        if part.symbol not in (s.rate, s.least, s.change, r0.time, r0.moved_within)
    ),
    *descents.PATH,
)
_ASSUMED = (
    *(part for part in r0.R0.assumptions if part.label != "loose test"),
    Assumption(
        "weighted test", "few gates can flip, weighted by the node scales as well", Bound(heavy_flips, HEAVY_RIGHT)
    ),
    descents.STABLE,
)
_GIVEN = tuple(part.label for part in _ASSUMED)
_EIGHTFOLD = (*(name for name in _GIVEN if name != "stable step"), "stable step, eightfold")
_UNTESTED = tuple(name for name in _GIVEN if "test" not in name)

_CLAIMS = (
    Claim("a", "the tangent Gram stays above mu", Bound(MU, s.least), _GIVEN),
    Claim("b", "a step takes off at least eta mu of the loss, 1 - (L_k/L_0)^(1/k)", Bound(GAIN, TAKEN), _GIVEN),
    Claim("c", "node j stays within rho_j, twice R0's radius", Bound(s.moved, REACH), _GIVEN),
)
_SABOTAGES = (
    Claim("a: gamma dropped", "the whole Gram keeps all of its uniform part", Bound(r0.kappa_hat, s.least), _GIVEN, falsifies="a"),
    Claim("b: twice the flow's", "more than the flow takes off", Bound(4 * eta * r0.kappa_hat, TAKEN), _GIVEN, falsifies="b"),
    Claim("b: tests dropped", "any network converges", Bound(GAIN, TAKEN), _UNTESTED, falsifies="b"),
    Claim("b: step doubled eightfold", "eight times the step still contracts", Bound(GAIN, TAKEN), _EIGHTFOLD, falsifies="b"),
    Claim("c: a tenth of the movement", "", Bound(s.moved, REACH / 10), _GIVEN, falsifies="c"),
)  # fmt: skip


# --- instances -------------------------------------------------------------------------------


def best_theta(instance: Instance) -> float:
    """Return the largest theta on a grid that passes both tests, or 1/2 if none does."""
    return largest_theta(instance, _QUANTITIES, (Bound(flips, TEST_RIGHT), Bound(heavy_flips, HEAVY_RIGHT)))


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 <= flags["theta"] < 1:
        raise BadInput(f"--theta must lie in (0, 1), or be 0 to search the best, not {flags['theta']:g}")
    if not flags["step"] > 0:
        raise BadInput(f"--step must be positive, not {flags['step']:g}: it is a share of the largest step")
    if flags["m"] == 0:
        raise BadInput("--m must be at least 1: this theorem tests a given width instead of asking for one")
    instance = make.build(flags, sp.S.One, ())
    if flags["residual"]:
        instance = near_output(instance, np.ones(instance.n), flags["residual"])
    return descents.with_step(with_theta(instance, flags["theta"] or best_theta(instance)), flags["step"])


def _hard(
    plan: InputPlan, labels: LabelPlan, width: int, even: float, size: int, theta: float, share: float, seed: int
) -> Instance:
    inputs, own, about = make.adversarial(plan, labels, "relu")
    instance = make.drawn(inputs, own, width=width, gamma=even, alpha=0.5, seed=seed, description=about)
    with np.errstate(all="ignore"):
        gram = instance.start[1]
        if labels.kind != "huge" and np.all(np.isfinite(gram)):
            instance = near_output(instance, build_labels(labels, inputs, gram), 10.0**-size)
        return descents.with_step(with_theta(instance, theta), share)


def _instances() -> SearchStrategy[Instance]:
    """Networks that pass both tests, with the largest step and eight times as large a one; hard data; nodes that die."""
    seeds = st.integers(0, 10_000)

    def wide(*shares: float) -> SearchStrategy[Instance]:
        return st.builds(
            lambda n, even, residual, share, seed: _build(
                {name: default for name, (_, default) in make.FLAGS.items()}
                | {"n": n, "d": n, "m": 600, "gamma": even, "residual": residual, "theta": 0.85, "step": share}
                | {"data": "orthogonal", "seed": seed, "activation": "relu"}
            ),
            st.sampled_from([2, 1]),
            st.sampled_from([0.3, 1.0]),
            st.sampled_from([1e-3, 0.01]),
            st.sampled_from(shares),
            seeds,
        )

    hard = st.builds(
        _hard,
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        label_plans(),
        st.sampled_from([1, 8, 64, 512]),
        st.sampled_from([0.02, 0.3, 0.9, 1.0]),
        st.integers(-1, 6),
        st.sampled_from([0.9, 0.5]),
        st.sampled_from([0.999, 0.1]),
        seeds,
    )
    stalling = st.builds(
        lambda width, size, seed: descents.with_step(r0.stalling(width, size, 0.5, seed, "relu"), 0.999),
        st.sampled_from([1, 2]), st.sampled_from([3.0, -3.0]), seeds,
    )  # fmt: skip
    return st.one_of(wide(0.999, 0.1), wide(7.99), hard, stalling)


R3_RELU = Theorem(
    label="caron2023.r3_relu",
    title="A certificate from the initial weights: gradient descent on ReLU networks",
    reference=Reference("caron2023", "Prop R3', section 3.4; proof in section 4", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=r0.R0.notation + descents.STEP_NOTATION + " At a kink any slope in [0, 1], but always the same one (here 1/2).",
    quantities=_QUANTITIES,
    assumptions=(*_ASSUMED, descents.STABLE_EIGHTFOLD),
    claims=with_looseness(_CLAIMS, a=1.16, b=2.16, c=2.47),
    derivations=(),
    order=("data", "weights", "labels"),
    example=make.example(_build, "n", "d", "m", "gamma", "alpha", "theta", "residual", "step"),
    instances=_instances,
    simulate=descents.simulate,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 2, "d": 2, "m": 20_000, "data": "orthogonal", "residual": 0.1},
        {"n": 2, "d": 2, "m": 4000, "gamma": 0.5, "data": "orthogonal", "residual": 0.01},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 20_000, "gamma": 0.9, "residual": 0.01},
    ),
)  # fmt: skip
