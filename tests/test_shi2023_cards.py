"""The cards of shi2023 beyond what every card must do: exact first steps, chances, the end-to-end theorem on XOR, bad input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theorycheck.check import check
from theorycheck.data import BadInput
from theorycheck.evidence import Outcome
from theorycheck.flow.descent import descend
from theorycheck.theorems import card
from theorycheck.theorems.shi2023 import (
    emergence,
    end_to_end,
    first_step,
    hits,
    mixture_features,
    starts,
    structured,
    truth_mixture,
)
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import hyperparameters as hyper
from theorycheck.theorems.shi2023 import linear as linear_card
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.problems import linear

# --- the first step -----------------------------------------------------------------------------------------


def gaps(instance, loss, eta=0.7):
    """How far the first step is from R1, relatively, in both layers."""
    after = descend(instance, step=eta, steps=1, loss=loss, mean=True, decay=1 / eta, record=[1]).network
    gradient, active = s.empirical_gradients(instance)
    factor = eta * float(s.start_slope(loss))
    wanted = factor * instance.signs[:, None] * gradient, factor * active
    found = after.weights, after.outer[:, 0]
    return [np.abs(one - other).max() / np.abs(other).max() for one, other in zip(found, wanted, strict=True)]


@pytest.mark.parametrize("loss", ["hinge", "logistic"])
@pytest.mark.parametrize("data", ["sphere", "gaussian", "breast_cancer"])
def test_the_first_step_is_the_simplified_gradient_to_rounding(data, loss):
    rows = {"rows": 50} if data == "breast_cancer" else {"n": 9}
    instance = card("shi2023.first_step").example(data=data, m=5, **rows)
    assert max(gaps(instance, loss)) < 1e-13


def test_a_start_that_is_not_symmetric_has_another_first_step():
    instance = card("shi2023.first_step").example(m=5)
    lone = replace(instance, signs=np.abs(instance.signs))
    assert max(gaps(lone, "logistic")) > 1e-3


def test_slopes_of_the_losses_come_from_the_losses():
    assert s.start_slope("hinge") == 1
    assert s.start_slope("logistic") == sp.Rational(1, 2)


# --- chances -------------------------------------------------------------------------------------------------


def test_the_interval_of_hits_holds_the_chance_that_neurons_were_drawn_with():
    rng = np.random.default_rng(0)
    for chance in (0.0, 0.01, 0.5, 1.0):
        found = hits.chance(*(2 * [rng.random(4000) < chance]))
        assert abs(float(found.value) - chance) <= float(found.error)
        assert float(found.error) < 0.06
    nothing = hits.hit(np.zeros((10, 2)), np.eye(2)[0], 0.5, 1e-9, np.zeros(10))
    assert float(nothing.value - nothing.error) <= 0


def test_the_chance_of_a_structured_parity_is_that_of_the_theory_where_blocks_are_wide():
    """D = 40, k = 30, kappa = 1 (errata U6): the bound is 2.0e-5 at its best R_0 and h."""
    from scipy.stats import chi2

    args = (structured.kappa, structured.reach, structured.window, structured.k, structured.r, structured.rest)
    chance = sp.lambdify(args, structured.EVENT, ["scipy", "numpy"])
    left = sp.lambdify(args[:-1], structured.LEFT)
    best = 0.0
    for reach in np.linspace(6, 14, 81):
        for window in np.linspace(0.1, 3, 30):
            rest = left(1.0, reach, window, 30, 1)
            best = max(best, float(chance(1.0, reach, window, 30, 1, chi2.cdf(rest, 39))) if rest > 0 else 0.0)
    assert 2.0e-5 <= best <= 2.2e-5  # on a grid finer than the errata's


# --- R8 ------------------------------------------------------------------------------------------------------


def test_the_windows_constant_is_its_least():
    """Errata I1: P(u|g| in [1 - eps, 1 + eps]) u/eps >= 2 Phi(2) - 1 on a grid, with equality at u = eps = 1."""
    u, width = sp.symbols("u w", positive=True)
    window = sp.lambdify((u, width), f.window(u, width) * u / width, ["scipy", "numpy"])
    grid = window(*np.meshgrid(np.linspace(1, 50, 100), np.linspace(1e-3, 1, 100)))
    assert grid.min() == pytest.approx(float(f.WINDOW), rel=1e-12)
    assert float(f.WINDOW) == pytest.approx(0.9545, abs=1e-4)
    assert grid.min() < 1.001 * float(f.WINDOW)


def test_hyper_parameters_use_up_what_is_allowed():
    """Those of the theory, derived; with them each term of R8.3 is a quarter of epsilon, and eta T B_1 <= 1 says alpha beta >= LEAST."""
    alpha, beta, epsilon, b_1, bias = hyper.alpha, hyper.beta, hyper.epsilon, hyper.B_1, hyper.bias
    assert sp.simplify(hyper.BIAS_SQUARED - 16 * sp.E * b_1**2 * alpha**3 * beta / epsilon**2) == 0
    assert sp.simplify(hyper.STEPS - sp.E / 2 * (beta * bias) / (alpha / bias)) == 0
    assert sp.simplify(hyper.START - sp.sqrt(hyper.LENGTH * epsilon) / 2) == 0
    at = {hyper.size: beta * bias, hyper.outer: alpha / bias, hyper.length: hyper.LENGTH, hyper.start: hyper.START, hyper.step: hyper.LENGTH / hyper.STEPS}  # fmt: skip
    for name, term in hyper.TERMS.items():
        used = sp.simplify((term / hyper.ALLOWED).subs(at).subs(bias, sp.sqrt(hyper.BIAS_SQUARED)))
        assert used == 1, name
    assert sp.simplify(hyper.SHORT.subs(hyper.length, hyper.LENGTH) - hyper.LEAST / (alpha * beta)) == 0


def test_the_ticket_alone_has_the_same_first_step():
    """R11: f = 0 at the start for both, so the step of one neuron does not know the others."""
    inputs = np.array([[1.0, 0.3], [1.0, -0.3], [-1.0, 0.2]])
    problem = linear(inputs, np.array([1.0, 1.0, -1.0]), 3.0)
    whole = starts.start(problem, m=20, loss="logistic", epsilon=0.5, excess=0.4, only_ticket=False, more={"task": 0.0, "times": 1.0, "ratio": 3.0, "noise": 0.0})  # fmt: skip
    first = end_to_end.first_step(whole)
    sets = f.members(problem.truth, first.weights, whole.biases, whole.parameters["epsilon_1"], 1e-9)
    kept = starts.ticket(sets, 20)
    assert sum(map(len, sets)) <= len(kept) <= 2 * sum(map(len, sets)) < whole.m
    alone = replace(whole, weights=whole.weights[kept], signs=whole.signs[kept], biases=whole.biases[kept], scales=np.ones(len(kept)))  # fmt: skip
    own = end_to_end.first_step(alone)
    np.testing.assert_allclose(own.weights, first.weights[kept], rtol=1e-9, atol=1e-12 * np.abs(first.weights).max())
    np.testing.assert_allclose(own.outer, first.outer[kept], rtol=1e-9)
    # neurons without their twins of the other sign start with an output, and step elsewhere
    odd = replace(alone, signs=np.abs(alone.signs))
    assert np.abs(end_to_end.first_step(odd).weights - own.weights).max() > 1e-3 * np.abs(own.weights).max()


# --- bad input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "flags", "said"),
    [
        ("first_step", {"loss": "squared"}, "--loss"),
        ("first_step", {"eta": 0.0}, "--eta"),
        ("mixture", {"sigma": 0.0}, "--sigma"),
        ("mixture", {"data": "breast_cancer", "rows": 1}, "deviation"),
        ("mixture_chance", {"n": 4, "d": 4}, "below --d"),
        ("truth_mixture", {"c": -1.0}, "--c"),
        ("parity", {"d": 20}, "--d"),
        ("parity", {"k": 0}, "--k"),
        ("structured", {"blocks": 2}, "odd"),
        ("structured", {"noise": 30}, "points, more than"),
        ("structured", {"variant": "V"}, "--variant"),
        ("linear", {"bias": 0.0}, "--bias"),
        ("emergence", {"epsilon_1": 2.0}, "--epsilon"),
        ("coupled", {"comparator": "best"}, "--comparator"),
        ("end_to_end", {"task": "and"}, "--task"),
        ("end_to_end", {"epsilon": 0.0}, "--epsilon"),
        ("end_to_end", {"data": "orthogonal", "ticket": False, "m": 3000, "epsilon": 0.01}, "steps"),
    ],
)
def test_bad_input_is_one_sentence(label, flags, said):
    with pytest.raises(BadInput, match=said) as caught:
        card(f"shi2023.{label}").example(**flags)
    assert "\n" not in str(caught.value)


def test_what_is_not_known_is_not_confirmed():
    """A mixture whose lemma says nothing: kappa is negative, so the premise fails and the bound is not claimed."""
    theorem = card("shi2023.mixture")
    instance = theorem.example(data="orthogonal", sigma=0.6)
    moved = replace(instance, biases=instance.biases + 0.8)
    outcomes = {verdict.claim: verdict.outcome for verdict in check(theorem, moved).verdicts}
    assert outcomes["near"] not in (Outcome.CONFIRMED, Outcome.REFUTED)
    assert outcomes["closed form"] is Outcome.CONFIRMED
    assert math.isfinite(float(first_step.TAU))


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_data_without_a_mean_feature_refute_and_confirm_nothing_about_it(scale):
    inputs, labels = scale * np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1.0, -1.0])
    numbers = {"eta": 1.0, "loss": 0.0, "epsilon_1": 0.5, "gamma": 1e-9}
    drawn = {
        "linear": linear_card.drawn(inputs, labels, 50, 1.0, 0, 0, {}, ()),
        "emergence": emergence._drawn(inputs, labels, 5, 2.0, numbers, 0, 0, {}, ()),
    }
    for label, instance in drawn.items():
        outcomes = {verdict.outcome for verdict in check(card(f"shi2023.{label}"), instance).verdicts}
        assert not outcomes & {Outcome.CONFIRMED, Outcome.REFUTED}, (label, outcomes)
    with pytest.raises(BadInput, match="does not separate"):
        linear(inputs, labels, 1.0)


# --- sizes and labels that no strategy has -------------------------------------------------------------------


def outcomes_of(label, instance):
    return {verdict.claim: verdict.outcome for verdict in check(card(f"shi2023.{label}"), instance, draws=1).verdicts}


@pytest.mark.parametrize("loss", ["hinge", "logistic"])
def test_an_output_that_is_0_but_for_rounding_refutes_no_first_step(loss):
    """Weights of 1e8 leave an output of 1e-9 where it is 0, and a logistic force that is as much off."""
    instance = first_step._hard("gaussian", 4, {"loss": loss, "bias": 3e7, "eta": 0.5}, (1.0, False, 1e8, 3))
    assert Outcome.REFUTED not in outcomes_of("first_step", instance).values()
    # still more than a start that has an output: weights of 1, no symmetry
    odd = first_step._hard("gaussian", 4, {"loss": loss, "bias": 0.3, "eta": 0.5}, (1.0, True, 1.0, 3))
    assert first_step._doubt(odd)[0] < 1e-12


def test_a_loss_that_no_sample_shows_is_not_known_to_be_0():
    """At kappa = 5 one sample in three millions has a loss: a hundred thousand do not tell whether one in ten millions has."""
    instance = truth_mixture._hard("orthogonal", 1, (0.1, 1.0), 5.0, 0.0, 1)
    for found in truth_mixture._sampled(instance):
        assert float(found.value) == 0
        assert float(found.error) > 1e-5
    assert outcomes_of("truth_mixture", instance)["hinge"] is Outcome.UNDECIDED


def test_a_representation_whose_loss_no_sample_shows_is_not_known_to_lose_nothing():
    """Both components at 20 deviations: no loss in 20000 samples, and R4's own is 3e-7."""
    plan = {"m": 60, "bias": 0.5, "kappa": 5.0, "c": 0.0, "gamma": 0.02, "epsilon_1": 0.1, "seed": 1}
    instance = mixture_features._hard("orthogonal", 2, 30.0, 0.05, plan)
    loss, apart = mixture_features._sampled(instance)
    assert float(loss.value) == 0
    assert float(loss.error) == truth_mixture.SIGMAS**2 / mixture_features.SAMPLES
    assert 0 < float(apart.error) < 0.1 * float(apart.value)
    theorem = card("shi2023.mixture_features")
    nothing = next(claim for claim in theorem.sabotages if claim.label == "loss: nothing lost")
    # an error of 0 would confirm what is false
    (verdict,) = check(theorem, instance, claims=(nothing,)).verdicts
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.conclusion.lhs == 0 < verdict.conclusion.rhs < 1e-6


def test_a_window_wider_than_a_length_is_not_judged():
    """R8.1 with eps_1 = 10: p' would be above 1, and more neurons promised than there are."""
    theorem = card("shi2023.emergence")
    instance = emergence._hard("sphere", (1, 24), 4.0, 10.0, 1.0, "hinge", 3)
    claim = next(one for one in theorem.claims if one.label == "emergence")
    anyway = replace(claim, given=tuple(name for name in claim.given if name != "a share"))
    kept, dropped = check(theorem, instance, claims=(claim, anyway), draws=1).verdicts
    assert (kept.outcome, dropped.outcome) == (Outcome.VACUOUS, Outcome.REFUTED)


@pytest.mark.parametrize(
    ("label", "flags", "claims"),
    [
        ("mixture", {"data": "orthogonal"}, ("near", "length", "cosine")),
        ("truth_mixture", {"data": "orthogonal"}, ("hinge", "signs")),
        ("batch", {"bias": -100.0}, ("spread", "all near")),
        ("frozen", {"steps": 3, "samples": 5, "n": 8}, ("projected", "stopped", "signs")),
    ],
)
def test_labels_that_are_not_signs_are_not_judged(label, flags, claims):
    instance = card(f"shi2023.{label}").example(**flags)
    for times in (0.5, 3.0):
        found = outcomes_of(label, replace(instance, labels=times * instance.labels))
        assert not {found[claim] for claim in claims} & {Outcome.CONFIRMED, Outcome.REFUTED}, found


def test_a_sample_on_a_kink_but_for_rounding_may_be_on_it():
    """0.1 + 0.2 is 0.3 and another double."""
    on = s.gate_margin(np.array([[0.1, 0.2]]), np.ones((1, 2)), np.array([0.3]))
    assert float(on.value - on.error) <= 0 < float(on.value + on.error) < 1e-14
    off = s.gate_margin(np.array([[0.1, 0.2]]), np.ones((1, 2)), np.array([0.3 + 1e-14]))
    assert float(off.value - off.error) > 0
