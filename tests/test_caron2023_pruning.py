"""R8 of caron2023: the mass that is pruned, the ends K = 0 and K = m, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import zeta

from theorycheck import measure
from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow import FlowStalled, Run
from theorycheck.model import with_parameters
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import pruned, r8, r8_chance, r8_start

SMALL = {"n": 2, "d": 2, "m": 400, "data": "orthogonal", "residual": 0.1, "theta": 0.5}


def tail_of(m: int, kept: int, even: float, alpha: float):
    instance = make.drawn(np.ones((1, 1)), np.zeros(1), width=m, gamma=even, alpha=alpha)
    return Run(with_parameters(instance, kept=float(kept)))


def value(found: measure.Measured) -> float:
    return float(found.value)


@pytest.mark.parametrize(
    ("alpha", "infinite", "finite"),
    [(0.4, 1.0151, 1.019), (0.5, 1.010033, 1.036), (0.7, 1.0043, 1.227), (0.9, 1.0011, 1.78)],
)
def test_how_tight_the_tail_is(alpha, infinite, finite):
    """W4b of the errata, K = 50 and m = 2000; the sharp factor is ((K + 1/2)/K)^(1/alpha - 1)."""
    run = tail_of(2000, 50, 0.5, alpha)
    integral = alpha * 50 ** (1 - 1 / alpha) / (1 - alpha) / zeta(1 / alpha)
    assert integral / value(pruned.infinite_tail(run)) == pytest.approx(infinite, abs=1e-4)
    assert integral / value(pruned.finite_tail(run)) == pytest.approx(finite, rel=3e-3)
    assert infinite == pytest.approx(1.01 ** (1 / alpha - 1), abs=2e-4)


@pytest.mark.parametrize("even", [0.0, 0.3, 1.0])
def test_a_share_of_all_nodes_costs_gamma_times_the_share(even):
    """W4: for 0 < p < 1 the mass tends to gamma p, to 0 if and only if gamma = 0; for p = 1 it is 1 whatever gamma is."""
    share, far = 0.5, []
    for m in (100, 10_000):
        far.append(abs(value(pruned.MASS.measure(tail_of(m, m - int(share * m), even, 0.5))) - even * share))
        assert value(pruned.MASS.measure(tail_of(m, 0, even, 0.5))) == pytest.approx(1.0)
    assert far[1] < 1e-3
    assert even == 1.0 or far[1] < far[0] / 50


def test_where_nothing_is_kept_the_tail_says_nothing():
    report = check(r8_start.R8_TAIL, r8_start.R8_TAIL.example(n=1, d=1, m=20, kept=0, gamma=0.5))
    found = {verdict.claim: verdict.outcome for verdict in report.verdicts}
    assert Outcome.CONFIRMED not in (found["zipf"], found["mass"])
    assert found["even part"] is Outcome.CONFIRMED


def test_the_ends_all_nodes_kept_and_none():
    """K = m: f^K is f and pruning costs nothing, exactly; K = 0: f^K is 0 and the risk is |y|."""
    whole = pruned.simulate(r8.R8.example(**SMALL, kept=400))
    assert not pruned.growth(whole).value.any()
    assert not pruned.growth(whole).error.any()
    left = np.linalg.norm(whole.trajectory.residual[1:], axis=1)
    np.testing.assert_allclose(pruned.pruned_residual(whole).value, left, atol=1e-9)
    none = pruned.simulate(r8.R8.example(**SMALL, kept=0))
    np.testing.assert_allclose(pruned.pruned_residual(none).value, np.linalg.norm(none.instance.labels))


def test_what_is_seen_along_the_flow_is_what_the_trajectory_says():
    run = pruned.simulate(r8.R8.example(**SMALL, kept=100))
    moved = run.trajectory.displacement[1:]
    found = pruned.movement(run).value
    assert np.all(np.diff(run.trajectory.times) > 0)
    assert np.all(found <= moved[:, 1] * (1 + 1e-9))
    assert found[-1] == pytest.approx(moved[-1, 0], rel=1e-6)
    # the pruned part and the rest are the network
    rest = run.instance.labels - run.instance.start[0]
    part = pruned.pruned_part(run.instance, run.instance.weights, run.instance.inputs)[0]
    kept = with_parameters(run.instance, kept=0.0)
    np.testing.assert_allclose(pruned.pruned_part(kept, kept.weights, kept.inputs)[0], rest, atol=1e-12)
    assert np.linalg.norm(part) == pytest.approx(value(pruned.cost_at_start(run)))


def test_what_is_seen_is_known_well_enough_to_refute():
    run = pruned.simulate(r8.R8.example(**SMALL, kept=100))
    for read in (pruned.growth, pruned.movement, pruned.pruned_residual):
        found = read(run)
        assert np.max(found.error) < 1e-8 * np.max(np.abs(found.value)), read


def test_a_flow_that_stalls_on_the_way_to_an_earlier_time_leaves_the_claims_undecided(monkeypatch):
    instance, follow = r8.R8.example(**SMALL, kept=100), pruned.follow

    def stalls(instance, *, times):
        if len(times) == 2:
            raise FlowStalled("it stalls")
        return follow(instance, times=times)

    monkeypatch.setattr(pruned, "follow", stalls)
    (verdict,) = check(r8.R8, instance, claims=r8.R8.claims[:1]).verdicts
    assert verdict.outcome is Outcome.UNDECIDED


def test_pruned_mass_squared_is_refuted_where_the_bound_holds():
    """A negative control of the measure itself, on one network: with tau_K the bound holds at every K, with its square not."""
    for kept in (10, 200, 390):
        instance = r8.R8.example(**{**SMALL, "residual": 0.3}, kept=kept)
        claims = (r8.R8.claims[0], next(one for one in r8.R8.sabotages if one.label == "moved: tau_K squared"))
        truths = [verdict.conclusion.truth for verdict in check(r8.R8, instance, claims=claims).verdicts]
        assert truths[0] is Truth.YES
    assert truths[1] is Truth.NO


@pytest.mark.parametrize("flags", [{"kept": 11}, {"kept": -1}, {"m": 0}])
def test_bad_flags_are_one_sentence(flags):
    for card in (r8_start.R8_TAIL, r8_start.R8_START, r8.R8):
        with pytest.raises(BadInput, match="--"):
            card.example(**{"n": 1, "d": 1, "m": 10, "kept": 5, **flags})
    with pytest.raises(BadInput, match="--delta-pruned"):
        r8_chance.R8_CHANCE.example(n=1, d=1, m=10, kept=5, delta_pruned=1.0)
