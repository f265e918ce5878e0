"""What chen2022's abstract must not be taken to say: false, and the hunt finds out; its three controls, with real flows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from theorycheck import theorems
from theorycheck.check import check, hunt
from theorycheck.evidence import Measured, Outcome, Truth
from theorycheck.flow import Run, follow
from theorycheck.theorems.chen2022 import naive, random_init
from theorycheck.theorems.chen2022.naive import CHAIN_GRAM, CONTROLS, NAIVE, adversarial

TO_0, RATE = NAIVE.claims
NUMBERS = st.integers(0, 2**31 - 1)


def loss(run: Run) -> np.ndarray:
    """The paper's ``|zeta|^2/(2n)`` at the saved times."""
    return np.sum(run.trajectory.residual**2, axis=1) / (2 * run.instance.n)


# --- the card -----------------------------------------------------------------------------------


def test_it_is_no_theorem_and_says_so():
    assert NAIVE in theorems.conjectures()
    assert NAIVE not in theorems.cards()
    assert theorems.card("chen2022.naive") is NAIVE
    assert NAIVE.title.startswith("FALSE")
    assert "refuted" in NAIVE.reference.note
    realised = {label for paper in theorems.papers() for claim in paper.claims for label in claim.realised_by}
    assert NAIVE.label not in realised


def test_it_is_theorem_a_without_its_condition_on_labels():
    a = random_init.A_RANDOM
    assert {part.label for part in a.assumptions} - {part.label for part in NAIVE.assumptions} == {"test"}
    assert set(NAIVE.assumptions) <= set(a.assumptions)
    assert random_init.WIDTH in NAIVE.assumptions
    assert RATE.bound == a.claims[0].bound
    for claim in NAIVE.claims:
        assert set(claim.given) == {part.label for part in NAIVE.assumptions}
        assert claim.probability == a.claims[0].probability


# --- the hunt ------------------------------------------------------------------------------------


# a hunt takes seconds: one start by day, three at night
NIGHT = settings.default.max_examples >= 1000


@pytest.mark.parametrize("start", [1, 2, 3] if NIGHT else [1])
def test_the_hunt_refutes_the_weakest_reading_without_being_told(start):
    found = hunt(NAIVE, TO_0, examples=60, seed=start)
    assert found.verdict.outcome is Outcome.REFUTED, found
    assert found.verdict.premises_truth is Truth.YES
    # it is not one of the controls
    assert found.instance["number"] >= 0


@pytest.mark.parametrize(
    "sabotage", [one for one in NAIVE.sabotages if NIGHT or "width" not in one.label], ids=lambda claim: claim.label
)
def test_what_is_falser_still_is_refuted_too(sabotage):
    assert hunt(NAIVE, sabotage, examples=60, seed=1).verdict.outcome is Outcome.REFUTED


def test_the_same_strategy_does_not_refute_theorem_a():
    """The labels as they are, mostly beyond A's condition; and the same instances with labels that A allows."""
    rate = random_init.A_RANDOM.claims[0]
    same = replace(random_init.A_RANDOM, instances=NAIVE.instances)
    assert hunt(same, rate, examples=60, seed=0).verdict.outcome is not Outcome.REFUTED
    allowed = replace(
        same, simulate=NAIVE.simulate, instances=lambda: st.builds(partial(adversarial, level=0.9), NUMBERS)
    )
    assert hunt(allowed, rate, examples=8, seed=0).verdict.outcome is Outcome.CONFIRMED
    # there the naive statement is true
    small = replace(NAIVE, instances=allowed.instances)
    assert hunt(small, TO_0, examples=8, seed=0).verdict.outcome is Outcome.CONFIRMED


def test_a_refuted_instance_can_be_made_again_from_its_number():
    first, again = adversarial(187), adversarial(187)
    assert np.array_equal(first.weights, again.weights)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.weights, adversarial(188).weights)


# --- the controls of section 4.9 ------------------------------------------------------------------


def verdict(claim=TO_0, **flags):
    return check(NAIVE, NAIVE.example(**flags), claims=(claim,)).verdicts[0]


def test_linear_with_more_inputs_than_dimensions_keeps_its_kernel():
    """``P_ker G zeta`` is conserved, so ``L_t >= |P_ker G zeta_0|^2/(2n)``: lambda_min = 0 and nothing is promised."""
    instance = NAIVE.example(control="kernel")
    gram = instance.inputs @ instance.inputs.T / instance.d
    values, vectors = np.linalg.eigh(gram)
    kernel = vectors[:, values < 1e-12]
    assert kernel.shape[1] == instance.n - instance.d == 1
    run = follow(instance, 200.0, count=40)
    start = run.trajectory.residual[0] @ kernel
    assert np.linalg.norm(start) > 1
    assert np.allclose(run.trajectory.residual @ kernel, start, rtol=0, atol=1e-8)
    floor = np.sum(start**2) / (2 * instance.n)
    assert np.all(loss(run) >= floor * (1 - 1e-8))
    assert loss(run)[-1] == pytest.approx(floor, rel=1e-6)
    found = verdict(control="kernel")
    assert found.outcome is Outcome.VACUOUS
    assert [part.label for part in found.premises if part.truth is not Truth.YES] == ["lambda_min positive"]


def test_without_a_kernel_the_linear_network_converges():
    """The negative control: the first two of the three inputs."""
    instance = NAIVE.example(control="kernel")
    two = naive.place(
        instance.inputs[:2], instance.labels[:2], "identity", {"delta": 0.5, "kappa": 1.0, "nu": 0.003}, seed=0
    )
    assert loss(follow(two, 200.0, count=40))[-1] < 1e-12
    assert check(NAIVE, two, claims=(TO_0,)).verdicts[0].outcome is Outcome.CONFIRMED


def test_tanh_cannot_reach_a_label_of_2():
    instance = NAIVE.example(control="out of reach")
    run = follow(instance, 2000.0, count=20, tolerance=1e-6)
    assert np.all(loss(run) > 1 / 6)  # (2 - 1)^2/(2n)
    found = verdict(control="out of reach")
    assert found.outcome is Outcome.REFUTED
    assert found.conclusion.rhs == 0  # in no draw
    # within reach of a larger output weight it is true
    assert verdict(control="out of reach", kappa=10.0).outcome is Outcome.CONFIRMED


@pytest.mark.parametrize("start", [0, 1])
def test_the_chain_of_relu_stalls_at_its_own_width(start):
    """Errata W1: no neuron is left active on datum 1, and the loss stays at exactly y_1^2/(2n)."""
    instance = NAIVE.example(control="chain", seed=start)
    assert np.allclose(instance.inputs @ instance.inputs.T / instance.d, CHAIN_GRAM, rtol=0, atol=1e-15)
    run = follow(instance, 2000.0, count=10)
    assert loss(run)[-1] == pytest.approx(0.1**2 / 6, rel=1e-9)
    h = instance.inner * instance.inputs @ run.trajectory.final_weights.T
    assert not np.any(h[0] > 1e-12)
    assert np.any(instance.inner * instance.inputs[0] @ instance.weights.T > 0)  # at the start some were


def test_the_chain_refutes_and_at_a_larger_start_it_does_not():
    found = verdict(control="chain")
    assert found.outcome is Outcome.REFUTED
    assert found.premises_truth is Truth.YES
    assert verdict(control="chain", nu=1.0).outcome is Outcome.CONFIRMED


def test_the_width_is_no_remedy():
    """Errata W1: not m nu but a Gaussian tail decides: 40 times as many neurons stall as well."""
    wide = NAIVE.example(control="chain", m=40 * NAIVE.example(control="chain").m)
    assert loss(follow(wide, 400.0, count=4))[-1] == pytest.approx(0.1**2 / 6, rel=1e-6)


def test_unknown_controls_are_refused():
    with pytest.raises(ValueError, match="--control must be one of kernel, out of reach, chain"):
        NAIVE.example(control="chian")
    assert list(CONTROLS) == ["kernel", "out of reach", "chain"]


# --- how far the loss falls -------------------------------------------------------------------------


def test_how_far_is_counted_with_its_errors():
    run = follow(NAIVE.example(control="chain", nu=1.0), 30.0, count=10)
    path = run.trajectory
    seen = naive.how_far(run)
    assert abs(float(seen.value) - float(path.log_loss[0] - path.log_loss[-1])) <= float(seen.error) < 1e-6
    # a residual that is all doubt tells nothing below the count's end
    doubtful = replace(run, trajectory=replace(path, residual_error=np.linalg.norm(path.residual, axis=1)))
    assert isinstance(naive.how_far(doubtful), Measured)
    assert not float(naive.how_far(doubtful).error) < 1
    # what has left the doubles counts as a little more than is asked, and so does a loss that is 0 from the start
    gone = replace(run, trajectory=replace(path, residual=path.residual * np.append(np.ones(10), 0.0)[:, None], residual_error=0 * path.residual_error))  # fmt: skip
    nothing = replace(run, trajectory=replace(path, residual=0 * path.residual))
    for far in (gone, nothing):
        assert float(naive.how_far(far).value) == naive.COUNTED > float(naive.ASKED)
