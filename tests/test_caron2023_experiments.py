"""caron2023 over widths and on real data: what the runs record, and the direction of every question."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from theorycheck.experiment import Observation, answers
from theorycheck.grams import limit_gram
from theorycheck.model import node_scales
from theorycheck.network import output_and_gram
from theorycheck.symbolic.activations import activation
from theorycheck.theorems import caron2023
from theorycheck.theorems.caron2023 import experiments_real as er
from theorycheck.theorems.caron2023 import experiments_widths as ew
from theorycheck.theorems.caron2023 import published as pub
from theorycheck.theorems.caron2023 import r1, real
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023 import uses as us

NAMES = list(pub.CONFIGURATIONS)


# --- over widths ------------------------------------------------------------------------------------------


def words(experiment, law, label, seeds=3):
    rng = np.random.default_rng(0)
    seen = [
        Observation(point, seed, {name: value * math.exp(1e-3 * rng.normal()) for name, value in law(point).items()})
        for seed in range(seeds)
        for point in experiment.points()
    ]
    return {one.word for one in answers(experiment, seen) if one.question == label}


@pytest.mark.parametrize("true", [True, False])
@pytest.mark.parametrize(("experiment", "power"), [(ew.RELU, -0.5), (ew.TANH, -1.0)])
def test_the_questions_about_widths_have_the_right_direction(experiment, power, true):
    """The false law is the sabotage "gamma = 1 also moves", with everything else turned round too."""

    def law(point):
        m, lazy = float(point["m"]), (point["scaling"] == "gamma = 1") == true
        return {
            "farthest": m**-0.5 if lazy else 3.0, "first": 1.0, "gram change": m**power if lazy else 0.1,
            "typical": m**-0.5 if true else 1.0, "all": 10.0 if true else m**0.5, "loss left": 0.1,
        }  # fmt: skip

    for question in experiment.questions:
        assert words(experiment, law, question.label) == {"yes" if true else "no"}, question.label


@pytest.mark.parametrize("experiment", [ew.RELU, ew.TANH])
def test_a_short_run_tells_vanishing_from_staying(experiment):
    """Widths 100 and 3000 for a third of the time: the exponent of gamma = 1 is near -1/2, that of gamma = 1/2 near 0."""
    activation = "tanh" if experiment is ew.TANH else "relu"
    for gamma, low, high in (("gamma = 1", -0.65, -0.35), ("gamma = 1/2", -0.15, 0.15)):
        pairs = [
            [ew.movement({"m": m, "scaling": gamma}, seed, activation, 15.0) for m in (100, 3000)] for seed in range(3)
        ]
        slopes = {
            name: np.mean([math.log(wide[name] / thin[name]) for thin, wide in pairs]) / math.log(30)
            for name in ("farthest", "gram change", "all")
        }
        assert low < slopes["farthest"] < high
        assert (slopes["gram change"] < -0.25) == (gamma == "gamma = 1")
        assert abs(slopes["all"]) < 0.15
    assert set(pairs[0][0]) == set(experiment.numbers)


def test_wider_networks_begin_with_narrower_ones():
    thin, wide, other = (ew.network(m, gamma, 4, "relu") for m, gamma in ((20, 1.0), (50, 1.0), (50, 0.0)))
    assert np.array_equal(thin.weights, wide.weights[:20])
    assert np.array_equal(thin.signs, wide.signs[:20])
    assert np.array_equal(wide.weights, other.weights)
    assert np.array_equal(thin.labels, wide.labels)
    assert np.array_equal(other.scales, node_scales(50, 0.0, ew.ALPHA)), "the theorems' scales, not the code's"


# --- real data --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(real.PLANS))
def test_sets_are_split_without_a_common_row(name):
    data, again, other = real.split(name, 0), real.split(name, 0), real.split(name, 1)
    sizes = [len(part.inputs) for part in data]
    total = sum(sizes)
    assert sizes[0] == round(0.4 * total)
    assert abs(sizes[1] - 0.2 * total) <= 1
    assert abs(sizes[2] - sizes[3]) <= 1
    assert np.array_equal(data.train.inputs, again.train.inputs)
    assert not np.array_equal(data.train.inputs, other.train.inputs)
    rows = [tuple(row) for part in data for row in np.round(np.hstack(part), 9)]
    assert len(set(rows)) > 0.99 * total
    if name == "digits":
        assert (data.train.inputs.min(), data.train.inputs.max()) == (0.0, 1.0)
        assert data.test.labels.shape[1] == 10
        assert np.all(data.test.labels.sum(axis=1) == 1)
    else:
        assert data.train.inputs.mean(axis=0) == pytest.approx(0.0, abs=1e-9)
        assert data.train.labels.std() == pytest.approx(1.0)
        assert abs(data.test.inputs.mean(axis=0)).max() > 1e-3, "test samples do not enter the statistics"


def test_columns_that_are_constant_in_training_do_not_divide_by_0():
    found = real.standardised(np.array([[1.0, 2.0], [1.0, 4.0], [3.0, 6.0]]), np.array([[1.0, 2.0], [1.0, 4.0]]))
    assert found.tolist() == [[0.0, -1.0], [0.0, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize("name", list(real.PLANS))
def test_a_run_records_what_the_experiment_says(name):
    point = {"data": name, "configuration": NAMES[1]}
    assert point in er.REAL.points()
    found = real.observe(point, 0, share=0.002, m=100)
    assert set(found) == set(er.REAL.numbers)
    assert math.isnan(found["test accuracy"]) == (name != "digits")
    assert found["test risk, 0 % pruned"] == pytest.approx(found["test risk"])
    assert found["test risk, 95 % pruned"] != pytest.approx(found["test risk"], rel=1e-6)
    assert found["moved"] > 0


def test_both_networks_are_trained_as_the_plan_says(monkeypatch):
    seen, course = [], real.co.course

    def watched(instance, test, steps, step, rows):
        seen.append((max(steps), step * instance.labels.size / 2, rows))
        return course(instance, test, (0, 1), step, rows)

    monkeypatch.setattr(real.co, "course", watched)
    monkeypatch.setattr(real.us, "used", lambda *_, **second: seen.append(tuple(second.values())) or {})
    for name, plan in real.PLANS.items():
        real.observe({"data": name, "configuration": NAMES[0]}, 0, m=20)
        assert seen[-2] == (plan.steps, pytest.approx(plan.rate), real.GRAM_ROWS)
        assert seen[-1] == (plan.width, plan.second_rate, plan.second_steps)
    assert {plan.rate for plan in real.PLANS.values()} == {1.0, 20.0}


def test_standardised_inputs_leave_the_unit_ball_and_scale_as_the_theory_says():
    """5.5, fourth finding: x -> c x multiplies f by c and the tangent Gram by c^2; and errata U12: weights times sqrt 2 leave the Gram alone."""
    train = real.split("diabetes", 0).train
    largest = np.linalg.norm(train.inputs, axis=1).max()
    assert largest > 2, "outside assumption 2.1(a)"
    whole = pub.posed(train, NAMES[1], 0, 60)
    small = pub.posed(pub.Split(train.inputs / largest, train.labels), NAMES[1], 0, 60)
    unit = replace(whole, weights=whole.weights / pub.SIGMA)
    (first, gram), (second, other), (third, same) = (output_and_gram(one.network) for one in (whole, small, unit))
    assert first == pytest.approx(largest * second)
    assert gram == pytest.approx(largest**2 * other)
    assert gram == pytest.approx(same)
    assert first == pytest.approx(math.sqrt(2) * third)


def test_accuracy_counts_right_classes():
    data = real.split("digits", 0)
    instance = pub.posed(data.train, NAMES[0], 0, 50)
    untrained = real.accuracy(instance.network, data.test)
    output = np.maximum(instance.network.inner * data.test.inputs @ instance.weights.T, 0) @ instance.network.outer
    assert untrained == np.mean([row.argmax() == label.argmax() for row, label in zip(output, data.test.labels, strict=True)])  # fmt: skip
    assert untrained < 0.4


@pytest.mark.parametrize("true", [True, False])
def test_the_questions_about_real_data_have_the_right_direction(true):
    def law(point):
        k = NAMES.index(point["configuration"])
        better = 1.0 if (k == 0) == true else 0.5
        rise = 2.0**k if true else 2.0**-k
        return {
            "test risk": better, "test risk, 0 % pruned": 1.0, "moved": rise, "gram change": rise, "least before": 1 / rise**1.2,
            "test risk, 50 % pruned": (1.5 if k == 0 else 1.0) if true else (1.0 if k == 0 else 1.5),
            "test risk, 95 % pruned": (2.0 if k == 0 else 1.0) if true else (1.0 if k == 0 else 1.5),
            "test risk from 10 features": better, "test risk from 100 features": better,
        }  # fmt: skip

    for question in er.REAL.questions:
        assert words(er.REAL, law, question.label) == {"yes" if true else "no"}, question.label


def test_the_experiments_are_found_and_realise_the_abstract():
    labels = {one.label for one in caron2023.EXPERIMENTS}
    assert labels == {
        "caron2023.published",
        "caron2023.published_start",
        "caron2023.pruning_and_transfer",
        ew.RELU.label,
        ew.TANH.label,
    }
    claim = next(one for one in caron2023.PAPER.claims if one.label == "pruning and transfer")
    assert {"caron2023.published", "caron2023.pruning_and_transfer"} <= set(claim.realised_by)
    assert us.PRUNED[-1] == 0.95


# --- how far the theorems are (5.5, fifth finding; errata W5) ---------------------------------------------


def test_the_published_width_is_far_below_what_r1_asks_for():
    train = pub.simulated(0).train
    kappa = float(np.linalg.eigvalsh(limit_gram(activation("relu"), train.inputs, 50**-0.5).matrix)[0])
    assert 0.0035 < kappa < 0.0039
    largest = float(np.abs(train.labels).max())
    sizes = {s.n: 100, s.d: 50, s.kappa: kappa, s.gamma: 1}
    labels = {s.delta: 0.5, s.C: largest}
    first = float(s.uniform_part_width(s.n, s.delta / 4).subs({**sizes, **labels}))
    assert first == pytest.approx(2.86e4, rel=0.05)
    floor = float(r1.ROUNDED.subs({**sizes, s.delta: 1, s.C: 0}))
    assert 1.5e16 < floor < 3e16, "ten times the size that the theory file first gave"
    asked = float(r1.WIDTH.subs({**sizes, **labels}))
    assert asked > 1e18 > 1e14 * pub.WIDTH
