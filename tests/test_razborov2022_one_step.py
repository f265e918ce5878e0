"""One step of descent (razborov2022, R0): its best constants, mean Jacobians, and the hypotheses that the errata ask for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from theorycheck.check import Measurements, check
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow.descent import descend
from theorycheck.judge import judge
from theorycheck.model import Instance, with_parameters
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import jacobians, one_step
from theorycheck.theorems.razborov2022.r1_descent import R1_DESCENT

#: for |r| = |u| = 1 and |e|, |f| <= c: what is claimed of the least of 2 v.w - S |v|^2
CLAIMED = {
    "q of R0": lambda c, s: 2 * (1 - 2 * c - c**2) - s * (1 + c) ** 2,
    "q without -c^2": lambda c, s: 2 * (1 - 2 * c) - s * (1 + c) ** 2,
    "q without (1 + c)^2": lambda c, s: 2 * (1 - 2 * c - c**2) - s,
    "product at its least": lambda c, s: 2 * (1 - c) ** 2 - s * (1 + c) ** 2,
    "both at once": lambda c, s: (2 - s) * (1 - c) ** 2,
}
FALSE = {
    "q without -2c": lambda c, s: 2 * (1 - c**2) - s * (1 + c) ** 2,
    "q with -2c halved": lambda c, s: 2 * (1 - c - c**2) - s * (1 + c) ** 2,
    "J at rest": lambda c, s: 2 - s,
    "S dropped": lambda c, s: 2 * (1 - c) ** 2,
}


def least(seed: int) -> tuple[float, float, float, float]:
    """Return c, S, the value of 2 v.w - S |v|^2 and |v| for random e, and the f that is worst for it."""
    rng = np.random.default_rng(seed)
    c, s, size = rng.uniform(0, 0.5), rng.uniform(0, 1), rng.integers(1, 4)
    s = s * max(0.0, (1 - 2 * c) / (1 - c))  # the range in which the last form is claimed
    u, e = np.eye(size)[0], rng.standard_normal(size)
    v = u + (e * c / np.linalg.norm(e) * (rng.random() if seed % 2 else 1) if seed % 3 else -c * u)
    w = u - c * v / np.linalg.norm(v)
    return c, s, 2 * v @ w - s * v @ v, float(np.linalg.norm(v))


CASES = [least(seed) for seed in range(6000)]


@pytest.mark.parametrize("name", CLAIMED)
def test_no_pair_of_vectors_gains_less(name):
    assert min(value - CLAIMED[name](c, s) for c, s, value, _ in CASES) > -1e-12


def test_the_last_form_is_attained_and_the_others_are_below_it():
    assert max(abs(value - CLAIMED["both at once"](c, s)) for c, s, value, _ in CASES[::3]) < 1e-12
    for c, s, _, _ in CASES:
        forms = [CLAIMED[name](c, s) for name in ("q of R0", "q without -c^2", "product at its least", "both at once")]
        assert forms == sorted(forms)


@pytest.mark.parametrize("name", FALSE)
def test_false_forms_are_seen(name):
    assert min(value - FALSE[name](c, s) for c, s, value, _ in CASES) < -0.1


def test_what_falls_per_length_is_least_at_the_mean():
    room = [value / (2 * size) - (np.sqrt((1 - s) * (1 - c**2)) - c) for c, s, value, size in CASES]
    assert min(room) > -1e-12
    assert min(room) < 1e-3
    assert min(value / (2 * size) - np.sqrt((1 - s) * (1 - c**2)) for c, s, value, size in CASES) < -0.1


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh", "softplus", "3*z"])
@pytest.mark.parametrize("share", [1e-6, 1.0])
def test_the_mean_jacobian_makes_a_step_exact(name, share):
    made = one_step.hard(3, 30, 1.0, 0.8 * share, 0.5, 0, name, 3)
    found = descend(made, step=1.0, steps=1, record=range(2))
    before, after = made.network, found.network
    moved = np.concatenate([
        ((after.weights - before.weights) / np.sqrt(before.first)).ravel(),
        (after.outer - before.outer)[:, 0] / np.sqrt(before.second),
    ])  # fmt: skip
    change = found.residual[0] - found.residual[1]
    error = np.linalg.norm(jacobians.jacobian(before, after) @ moved - change)
    assert error <= 1e-10 * np.linalg.norm(change) + 1e-14 * (1 + np.linalg.norm(made.start[0]))
    if share == 1.0:  # the Jacobian at the start alone does not
        assert np.linalg.norm(jacobians.start(made) @ moved - change) > 1e-4 * np.linalg.norm(change)
    np.testing.assert_allclose(jacobians.start(made).T @ found.residual[0], moved, rtol=1e-6, atol=1e-12)


def premise(theorem, instance, label):
    part = next(part for part in theorem.assumptions if part.label == label)
    return judge(label, part.bound, Measurements(theorem, instance)).truth


def test_fewer_parameters_than_samples_are_never_definite():
    """Errata B1: numpy's least singular value is .22 here, that of the n by n Gram is 0."""
    inputs, ones = np.array([[1.0], [2.0], [-1.0]]), np.ones(2)
    made = Instance(inputs, np.zeros(3), np.array([[1.0], [-1.0]]), ones, ones, TWO_LAYER, activation("relu"), rates=(0.05, 0.0))  # fmt: skip
    assert np.linalg.svd(jacobians.start(made)[:, :2], compute_uv=False)[-1] > 0.2
    made = with_parameters(made.with_labels(np.array([1.0, 2.1, 0.0])), c=0.2)
    for theorem in (one_step.ONE_STEP, R1_DESCENT):
        assert premise(theorem, made, "K_0 definite") is not Truth.YES
    report = check(R1_DESCENT, made)
    assert Outcome.CONFIRMED not in {verdict.outcome for verdict in report.verdicts}


def test_the_last_layer_alone_needs_a_step_size():
    """Errata A3: K_0 = 3 > 0 and J never moves, but a step takes r to -2 r."""
    one = np.ones(1)
    made = Instance(one[:, None], 1.5 * one, one[:, None], one, one, TWO_LAYER, activation("relu"), {"c": 0.01}, rates=(0.0, 3.0))  # fmt: skip
    assert premise(R1_DESCENT, made, "K_0 definite") is Truth.YES
    assert premise(R1_DESCENT, made, "step size") is Truth.NO
    assert premise(one_step.ONE_STEP, made, "in range") is Truth.NO
    assert Outcome.REFUTED not in {verdict.outcome for verdict in check(R1_DESCENT, made).verdicts}
    assert premise(R1_DESCENT, replace(made, rates=(0.0, 1.7)), "step size") is Truth.YES  # s above 1: errata I1
    report = check(R1_DESCENT, replace(made, rates=(0.0, 1.7)))
    assert {v.outcome for v in report.verdicts if v.claim == "contraction"} == {Outcome.CONFIRMED}
