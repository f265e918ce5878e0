"""Feature learning (caron2023, R4 (ii), R6, R7): the measures behind the cards against other ways to the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from test_caron2023 import same

from theorycheck.data import BadInput
from theorycheck.evidence import Truth
from theorycheck.flow import Run, follow
from theorycheck.judge import judge
from theorycheck.model import node_scales, with_parameters
from theorycheck.statement import Bound
from theorycheck.theorems import card, papers
from theorycheck.theorems.caron2023 import gram_movement, gram_speed, lazy, means, movement, movement_relu, power_sums
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import node_scale

DATA = np.array([[0.6, 0.2], [-0.3, 0.7]])


def small(activation="tanh", gamma=0.5, width=4, time=0.5, **parameters):
    instance = make.drawn(
        DATA, np.array([1.0, -2.0]), width=width, gamma=gamma, alpha=0.5, activation=activation, seed=3
    )
    return with_parameters(instance, time=time, **parameters)


@pytest.mark.parametrize(("activation", "error"), [("tanh", 1e-6), ("relu", 2e-3)])
def test_the_steps_of_movement_follow_the_flow(activation, error):
    instance = small(activation)
    found = instance.weights + movement._march(instance, instance.weights[None], instance.signs[None], 12)[0]
    true = follow(instance, times=np.array([0.0, 0.25, 0.5])).trajectory
    assert np.max(np.abs(found - true.final_weights)) <= error
    half = movement._march(small(activation, time=0.25), instance.weights[None], instance.signs[None], 12)[0]
    assert np.max(np.abs(instance.weights + half - true.final_weights)) > 10 * error


def test_a_tilt_is_the_velocity_of_the_gram():
    """d Theta/dt at time 0, against a difference of tangent Grams along the flow."""
    instance = small()
    before = means.activations(instance, instance.weights[None])
    tilts = (
        gram_speed._tilts(instance, before)[1]
        @ means.residual(instance, before, instance.signs[None])[:, None, :, None]
    )
    found = np.sum((instance.signs * instance.scales**1.5)[:, None] * tilts[0, ..., 0], axis=0)
    step = 1e-5
    grams = follow(instance, times=np.array([0.0, step, 2 * step])).trajectory.gram
    change = (4 * grams[1] - grams[2] - 3 * grams[0]) / (2 * step)
    assert found == pytest.approx(change[[0, 0, 1], [0, 1, 1]], rel=1e-4)
    assert found != pytest.approx(2 * change[[0, 0, 1], [0, 1, 1]], rel=1e-4)


def closed_speeds(gamma: float, width: int) -> np.ndarray:
    """The closed form of (v) with the power sums of these scales."""
    run = Run(small(gamma=gamma, width=width))
    lam = {s.Lambda_2: 2, gram_speed.Lambda_3: 3, gram_speed.Lambda_4: 4}
    values = {symbol: float(np.sum(run.instance.scales**power)) for symbol, power in lam.items()}
    parts = {
        q.symbol: np.asarray(q.measure(run).value)
        for q in gram_speed.R7_GRAM_SPEED.quantities
        if str(q.symbol)[0] == "P"
    }
    return np.array(sp.lambdify([*values, *parts], gram_speed.CLOSED)(*values.values(), *parts.values()))


def test_the_gram_s_speed_vanishes_like_1_over_m_for_gamma_1_only():
    even = closed_speeds(1.0, 30) / closed_speeds(1.0, 300)
    assert np.all(np.abs(even - 100) < 2)
    uneven = closed_speeds(0.3, 30) / closed_speeds(0.3, 300)
    assert np.all(uneven < 1.5)


@pytest.mark.parametrize(("gamma", "alpha", "squares", "roots"), [(0.5, 0.7, 0.0383, 0.122), (0.2, 0.5, 0.2563, 0.410), (0.0, 0.4, 0.5762, 0.709)])  # fmt: skip
def test_power_sums_of_the_published_configurations(gamma, alpha, squares, roots):
    """Section 5.5, item 2: m = 2000."""
    scales = node_scales(2000, gamma, alpha)
    assert np.sum(scales**2) == pytest.approx(squares, abs=6e-5)
    assert np.sum(scales**1.5) == pytest.approx(roots, abs=6e-4)


def test_the_last_times_are_where_the_corrections_are_as_large_as_the_proofs_say():
    start = sp.sqrt(s.kappa) * s.label_norm
    quarter = next(one for one in movement_relu.LAST.args if one.has(s.trace_sigma))
    eighth = next(one for one in movement_relu.LAST.args if one.has(movement.fourth))
    assert same(movement_relu.CHANGED.subs(movement.time, quarter), start / 4)
    assert same(movement_relu.FLIPPED.subs({movement.time: eighth, node_scale: 1}), start / 8)
    assert not same(movement_relu.FLIPPED.subs({movement.time: eighth, node_scale: 1}), start / 4)
    assert same((movement.time / 2 * movement.BEND).subs(movement.time, movement.LAST), start / 2)


def test_lazy_bounds_fall_with_the_width_as_the_theory_says():
    """(c) of R1 and R2 at gamma = 1 over sqrt m; b of R2 falls like 1/m, b of R1 like 1/sqrt m."""
    wider = {s.m: 4 * s.m}
    node = [one.claims[0].bound.rhs for one in (lazy.R6_SMOOTH, lazy.R6_RELU)]
    assert all(same(rhs.subs(wider, simultaneous=True), rhs / 2) for rhs in node)
    assert not same(node[0].subs(wider, simultaneous=True), node[0] / 4)
    assert not any(rhs.has(s.gamma) for rhs in node)
    assert same(node[1], 8 * s.n * sp.sqrt(s.C**2 + 1 / (2 * s.d)) / (s.kappa * sp.sqrt(s.d * s.delta * s.m)))


def test_a_sliding_gate_is_seen_by_its_slope():
    """The counterexample of errata W1, one node: |Delta_1| is what the Gram has changed, less than a whole gate."""
    instance = gram_movement._sliding(0)
    rows = np.array([gram_movement._seen(one := instance.redraw(instance, k), follow(one, times=np.array([0.0, 0.9]))) for k in range(40)])  # fmt: skip
    changed, gate, flipped = rows[:, 0], rows[:, 1], rows[:, 3]
    assert changed == pytest.approx(gate, abs=1e-9)
    assert np.all(changed <= flipped + 1e-9)
    assert np.any((changed > 0.01) & (changed < flipped - 0.01))


def test_what_underflows_is_unsure():
    found = card("caron2023.r7_speed")
    floor, truths = found.claims[2].bound, []
    for size in (1e-170, 1.0):
        one = make.drawn(np.full((1, 1), size), np.ones(1), width=3, gamma=1.0, alpha=0.5)
        values = {q.symbol: q.measure(Run(one)) for q in found.quantities if q.symbol in floor.symbols}
        truths.append(judge("floor", floor, values).truth)
    assert truths == [Truth.UNSURE, Truth.YES]
    assert judge("floor", Bound(floor.lhs + 10, floor.rhs), values).truth is Truth.NO


@pytest.mark.parametrize(
    ("label", "flags", "message"),
    [
        ("power_sums", {"power": 1.0}, "--power must lie in"),
        ("r7_movement", {"time": -1.0}, "--time must be positive"),
        ("r7_gram", {"time": float("inf")}, "--time must be positive"),
        ("r7_speed", {"resolution": 1.5}, "--resolution must lie in"),
        ("r7_total", {"m": 0}, "--m must be at least 1"),
    ],
)
def test_flags_out_of_range_are_refused(label, flags, message):
    with pytest.raises(BadInput, match=message):
        card(f"caron2023.{label}").example(**flags)


def test_feature_learning_is_realised_by_these_cards():
    claim = next(
        one for paper in papers() if paper.key == "caron2023" for one in paper.claims if one.label == "feature learning"
    )
    assert {f"caron2023.r7_{name}" for name in ("speed", "movement", "relu", "gram_speed", "gram", "total")} <= set(
        claim.realised_by
    )
    assert power_sums.POWER_SUMS.label not in claim.realised_by
