"""The meta-theorems of razborov2022 (R0 and its forms): matrices, constants, and what the errata ask for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.check import Measurements, check
from theorycheck.evidence import Outcome, Truth
from theorycheck.flow.descent import descend
from theorycheck.judge import judge
from theorycheck.model import Instance, with_parameters
from theorycheck.proof_checks import survives
from theorycheck.proof_files import files, load
from theorycheck.proof_steps import Kind
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import jacobians, one_step, r0, r0_radii, r0_smooth, r1
from theorycheck.theorems.razborov2022 import linearised as lin
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t

SPLITS = [(0.2, 0.25), (0.125, 0.5), (1 / 6, 0.5), (0.05, 1.5), (0.35, 0.1)]


def q(c, largest):
    return t.gain(c, largest)


def matrices(c, largest, seed):
    """J_0, J and Jm within c alpha of it, no larger than allowed; r; random, or shrunk and turned against J_0'r."""
    rng = np.random.default_rng(seed)
    n, k = sorted(rng.integers(1, 5, 2))
    start = rng.standard_normal((n, k))
    start *= (
        rng.choice([1.0, rng.uniform(0.1, 1)])
        * np.sqrt(largest)
        / (np.linalg.norm(start, 2) + c * np.linalg.svd(start, compute_uv=False)[-1])
    )
    residual, alpha = rng.standard_normal(n), np.linalg.svd(start, compute_uv=False)[-1]
    change = -np.outer(residual, start.T @ residual) if seed % 2 else rng.standard_normal((n, k))
    other = change if seed % 3 else rng.standard_normal((n, k))
    return start, *(start + c * alpha * one / np.linalg.norm(one, 2) for one in (change, other)), residual


def room(c, largest, seed, gain):
    start, now, mean, residual = matrices(c, largest, seed)
    after = residual - mean @ (now.T @ residual)
    return 1 - gain * np.sum((start.T @ residual) ** 2) / np.sum(residual**2) - np.sum(after**2) / np.sum(residual**2)


@pytest.mark.parametrize(("c", "largest"), SPLITS)
def test_one_step_on_thousands_of_matrices(c, largest):
    gain = q(c, largest)
    rooms = [room(c, largest, seed, max(gain, 0)) for seed in range(800)]
    assert gain < 0 or min(rooms) > -1e-12
    # without what the change of J costs, it is false
    assert min(room(c, largest, seed, max(2 - largest, 1.0)) for seed in range(300)) < -1e-4


def test_the_form_of_oymak_and_soltanolkotabi_follows():
    assert (sp.Rational(43, 18), sp.Rational(84, 43)) == (t.OYMAK_GAIN, t.OYMAK_PATH)
    assert 2.38 < t.OYMAK_GAIN < 2.39
    assert t.OYMAK_PATH < 1.96
    assert 3.34 < 4 * t.gain(sp.Rational(1, 8), sp.S.Half) < 3.35
    assert float(t.gain(sp.Rational(1, 5), sp.Rational(1, 4))) == pytest.approx(0.76)


def test_a_last_step_fits_into_the_ball_though_alpha_is_above_the_norm():
    """Errata B5 and I1: for a fixed J_0 only (1 - c) alpha <= sqrt s holds; still sqrt s alpha <= C_p, any s with q > 0."""
    ratios = []
    for c in np.linspace(0.001, np.sqrt(2) - 1, 25):
        for largest in np.linspace(1e-3, 2, 40):
            if (gain := q(c, largest)) > 0:
                ratios.append(np.sqrt(largest) * np.sqrt(largest) / (1 - c) * gain / (2 * (1 + c)))
    assert max(ratios) < 0.5
    start = np.array([[1.0]])  # alpha = 1 > |J| = sqrt s = 0.9
    assert np.linalg.norm(0.9 * start, 2) < np.linalg.svd(start, compute_uv=False)[-1]


def premises(theorem, instance):
    values = Measurements(theorem, instance)
    return {part.label: judge(part.label, part.bound, values).truth for part in theorem.assumptions}


@pytest.mark.parametrize("theorem", [r0_radii.RADII, r0_radii.RADII_DESCENT], ids=lambda one: one.label)
def test_radii_are_made_larger_and_looked_at_again(theorem):
    """Errata B15: iteration from 0 stays below the fixed point, so its last pair is none."""
    made = theorem.example(n=3, d=10, m=800, level=0.5)
    found = made.parameters
    assert set(premises(theorem, made).values()) == {Truth.YES}
    short = premises(theorem, with_parameters(made, R_W=0.99 * found["R_W"], R_a=0.99 * found["R_a"]))
    assert Truth.NO in (short["radius of W"], short["radius of a"])
    wide = premises(theorem, with_parameters(made, R_W=100 * found["R_W"], R_a=100 * found["R_a"]))
    assert wide["test"] is Truth.NO


def test_beta_has_no_rate_in_it():
    """Errata B15: beta_W is |J_W| at theta_0, unscaled."""
    made = r0_radii.RADII.example(n=3, d=10, m=100, level=0.5)
    whole = jacobians.start(made)
    first = whole[:, : made.m * made.d] / np.sqrt(made.rates[0])
    assert float(r0_radii.jacobian_norm(made, True).value) == pytest.approx(np.linalg.norm(first, 2), rel=1e-9)
    last = whole[:, made.m * made.d :] / np.sqrt(made.rates[1])
    assert float(r0_radii.jacobian_norm(made, False).value) == pytest.approx(np.linalg.norm(last, 2), rel=1e-9)


def test_a_gate_at_its_kink_is_paid_for():
    """Errata B6: z_ij = 0 costs nothing, so its mass counts at any radius; whatever slope the kink has."""
    made = Instance(
        np.array([[1.0, 0.0]]), np.zeros(1), np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([3.0, 1.0]), np.ones(2),
        TWO_LAYER, activation("relu"),
    )  # fmt: skip
    assert s.flip_mass(made, 1e-6) == pytest.approx(9.0)
    assert s.flip_mass(made, 2.0) == pytest.approx(10.0)


def test_a_mean_loss_divides_the_rate():
    """Errata B14: for |r|^2/(2n) the rate is eta/n, for |r|^2/n it is 2 eta/n."""
    made = r0.R0_DESCENT.example(n=3, d=10, m=50, level=0.5)
    mean = descend(made, step=1.0, steps=20, mean=True, record=2)
    divided = descend(replace(made, rates=tuple(rate / 3 for rate in made.rates)), step=1.0, steps=20, record=2)
    np.testing.assert_allclose(mean.residual, divided.residual, rtol=1e-12)
    assert np.abs(mean.residual[-1] - descend(made, step=1.0, steps=20, record=2).residual[-1]).max() > 1e-6


def test_no_card_certifies_what_cannot_be_fitted():
    """Errata B2: two equal inputs with different labels, last layer only; K_0 is singular and R_W = 0 * oo."""
    inputs, ones = np.ones((2, 2)), np.ones(5)
    weights = np.random.default_rng(0).standard_normal((5, 2))
    made = Instance(inputs, np.array([0.0, 1e-3]), weights, ones, ones, TWO_LAYER, activation("relu"), {"c": 0.2}, rates=(0.0, 0.01))  # fmt: skip
    smooth = replace(made, activation=activation("tanh"))
    for theorem, instance in ((r1.R1, made), (r0.R0, smooth), (r0.R0_DESCENT, smooth), (r0_smooth.R0_SMOOTH, smooth)):
        assert premises(theorem, instance)["K_0 definite"] is not Truth.YES
        assert Outcome.CONFIRMED not in {verdict.outcome for verdict in check(theorem, instance).verdicts}


@pytest.mark.parametrize("seed", range(6))
def test_the_jacobian_is_lipschitz_on_the_ball_and_the_bound_is_of_its_size(seed):
    made = r0_smooth.R0_SMOOTH.example(n=3, d=4, m=8, level=0.9, seed=seed)
    values = Measurements(r0_smooth.R0_SMOOTH, made)
    numbers = {symbol: float(values[symbol].value) for symbol in (r0_smooth.LIPSCHITZ * t.r_0).free_symbols}
    constant, radius = float(r0_smooth.LIPSCHITZ.subs(numbers)), float(r0_smooth.PATH.subs(numbers))
    rng = np.random.default_rng(seed)
    ratios = []
    for _ in range(30):
        ends = []
        for _ in range(2):
            step = rng.standard_normal((made.m, made.d + 1)) * (rng.random((made.m, 1)) < 0.4) + 1e-9
            step *= radius / np.linalg.norm(step)
            weights = made.weights + np.sqrt(made.rates[0]) * step[:, :-1]
            outer = made.network.outer + made.output_scale * np.sqrt(made.rates[1]) * step[:, -1:]
            ends.append((step, jacobians.jacobian(replace(made.network, weights=weights, outer=outer))))
        ratios.append(np.linalg.norm(ends[0][1] - ends[1][1], 2) / np.linalg.norm(ends[0][0] - ends[1][0]) / constant)
    assert 0.01 < max(ratios) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_under_r0_the_linearised_run_is_as_near_as_the_theory_says(seed):
    """Section 4.7 with D = c alpha and rho = sqrt(1 - q alpha^2); and rho is what the card measures, at most."""
    made = r0.R0_DESCENT.example(n=3, d=10, m=300, level=0.9, seed=seed)
    assert set(premises(r0.R0_DESCENT, made).values()) == {Truth.YES}
    run = jacobians.walk(made, 20)
    values = {
        symbol: float(measure(run).value)
        for symbol, measure in ((t.alpha_squared, s.alpha_squared), (t.top, s.largest))
    }
    values |= {t.c: made.parameters["c"]}
    kept = np.sqrt(1 - float((t.Q * t.alpha_squared).subs(values)))
    seen = {one.symbol: one.measure(run).value for one in lin.LINEARISED.quantities}
    assert seen[lin.worst] <= kept + 1e-12
    assert np.all(seen[lin.change] <= values[t.c] * np.sqrt(values[t.alpha_squared]))
    moved = float(lin.MOVED.subs({lin.change: values[t.c] * np.sqrt(values[t.alpha_squared]), t.top: values[t.top]}))
    steps = seen[lin.step]
    assert np.all(seen[lin.apart] <= moved * steps * kept ** (steps - 1) * seen[t.r_0])
    assert np.all(seen[lin.apart][1:] > 1e-7 * seen[t.r_0])  # far above rounding


PATH = next(path for path in files() if path.name == "razborov2022.py")
SAMPLED = {
    f"{proof.name}: {step.label}": step for proof in load(PATH) for step in proof.steps if step.kind is Kind.SAMPLED
}


@pytest.mark.parametrize("name", SAMPLED)
def test_random_cases_of_the_proofs_notice_a_wrong_constant(name):
    """Twice the left side (where it is not negative, else the right one) is broken by some of the cases."""
    step = SAMPLED[name]
    assert not survives(step.bound, step.draw, step.count)
    doubled = [Bound(2 * step.bound.lhs, step.bound.rhs), Bound(step.bound.lhs, step.bound.rhs / 2)]
    assert any("is not at most" in survives(one, step.draw, step.count) for one in doubled)


def test_the_one_step_card_says_more_than_r0():
    """(2 - S)(alpha - D)^2 against q alpha^2 on R0's own example."""
    made = r0.R0_DESCENT.example(n=3, d=10, m=300, level=0.9)
    report = check(one_step.ONE_STEP, made)
    assert {verdict.outcome for verdict in report.verdicts} == {Outcome.CONFIRMED}
    own = next(v for v in check(r0.R0_DESCENT, made).verdicts if v.claim == "contraction")
    assert next(v for v in report.verdicts if v.claim == "gain").conclusion.lhs > 1.2 * own.conclusion.lhs
