"""The experiments of razborov2022: the descent, dead samples, widths by other means, and the direction of every question."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from theorycheck.experiment import Observation, answers, threshold
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.report_experiment import draw
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import (
    experiments,
    experiments_widths,
    phase,
    phase_outcome,
)

# --- the descent ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rates", "kind"), list(zip(phase.PHI, phase.LABELS, strict=True)))
def test_the_kernel_is_the_packages_own_descent(rates, kind):
    instance = phase.posed(12, 5, 30, rates, kind, 3)
    mine, theirs = phase.walk(instance, 80, enough=0.0), descend(instance, step=1.0, steps=80, record=81)
    assert mine.losses == pytest.approx(theirs.loss, rel=1e-12)
    assert mine.weights == pytest.approx(theirs.network.weights, rel=1e-12, abs=1e-14)
    assert mine.outer == pytest.approx(theirs.network.outer[:, 0], rel=1e-12, abs=1e-14)
    other = descend(instance, step=1.001, steps=80, record=81)
    assert mine.losses != pytest.approx(other.loss, rel=1e-6)


def test_at_a_kink_the_slope_is_the_packages_too():
    instance = phase.posed(4, 3, 5, "equal", "random", 0)
    instance = replace(instance, weights=np.where(np.arange(5)[:, None] < 2, 0.0, instance.weights))
    mine, theirs = phase.walk(instance, 20, enough=0.0), descend(instance, step=1.0, steps=20, record=21)
    assert mine.losses == pytest.approx(theirs.loss, rel=1e-12)
    assert np.any(mine.weights[:2] != 0), "a slope of 1/2 moves what a slope of 0 would leave"


@pytest.mark.parametrize("rates", phase.PHI)
def test_a_point_is_posed_as_its_protocol_says(rates):
    instance = phase.posed(12, 5, 20, rates, "weakest", 1)
    first, second = instance.rates
    assert first / (first + second) == pytest.approx(
        {"first layer": 1, "equal": 0.5, "LeCun": 5 / 25, "last layer": 0}[rates]
    )
    residual, gram = instance.start
    values, vectors = np.linalg.eigh(gram)
    assert values[-1] == pytest.approx(0.5)
    assert np.linalg.norm(residual) == pytest.approx(math.sqrt(12))
    assert abs(vectors[:, 0] @ residual) == pytest.approx(math.sqrt(12)), (
        "the adversary aims the residual, not the label"
    )
    x, a, h = instance.inputs, instance.signs, np.maximum(instance.inputs @ instance.weights.T, 0)
    by_hand = (first * (x @ x.T) * (((h > 0) * a**2) @ (h > 0).T) + second * h @ h.T) / (20 * 5)
    assert gram == pytest.approx(by_hand)
    for kind in ("random", "equal", "spiked"):
        other = phase.posed(12, 5, 20, rates, kind, 1)
        assert np.linalg.norm(other.labels) == pytest.approx(math.sqrt(12))
        assert np.array_equal(other.inputs, x)
        assert np.array_equal(other.weights, instance.weights)
    assert not np.array_equal(phase.posed(12, 5, 20, rates, "random", 2).inputs, x)


# --- how runs end ---------------------------------------------------------------------------------


def made(inputs, weights, signs, labels, rates):
    """A network by hand, with output scale 1."""
    return Instance(
        np.array(inputs, float), np.array(labels, float), np.array(weights, float), np.array(signs, float), np.ones(len(signs)),
        TWO_LAYER, activation("relu"), {}, {}, rates=rates, output_scale=1.0,
    )  # fmt: skip


def ended(instance, steps=3000):
    return phase_outcome.observed(instance, steps)


def test_a_plateau_is_the_loss_of_dead_samples():
    """Three samples, two neurons; the third sample points away from both: k/n = 1/3 for ever."""
    instance = made([[1, 0], [0, 1], [-1, -1]], [[1, 0.1], [0.1, 1]], [1, 1], [1, -1, 1], (0.1, 0.1))
    found = ended(instance)
    assert (found["success"], found["plateau"], found["dead"], found["dead before"]) == (0, 1, 1, 1)
    assert found["loss"] == pytest.approx(1 / 3, abs=2e-4)
    assert found["floor"] == pytest.approx(1 / 3)
    walked = phase.walk(instance, 3000)
    end = np.maximum(instance.inputs @ walked.weights.T, 0) @ walked.outer
    assert end[2] == 0.0, "its residual is its label, to the last bit"
    assert end[:2] == pytest.approx([1, -1], abs=0.02)
    assert len(walked.losses) - 1 >= phase.ASLEEP - 1, "not called dead before its time"


def test_a_dead_sample_with_label_0_costs_nothing():
    instance = made([[1, 0], [0, 1], [-1, -1]], [[1, 0.1], [0.1, 1]], [1, 1], [1, -1, 0], (0.1, 0.1))
    found = ended(instance)
    assert (found["success"], found["plateau"], found["dead before"]) == (1, 0, 1)


def test_a_sample_that_wakes_up_is_not_dead():
    """No gate is open for the second sample at first; fitting the first turns the neuron towards it."""
    instance = made([[1, 0], [-0.5, 1]], [[1, 0.3]], [1], [0.2, 0.5], (0.05, 0.0))
    found = ended(instance, 20_000)
    assert (found["dead before"], found["dead"], found["killed"], found["plateau"]) == (1, 0, -1, 0)


def test_too_few_neurons_are_stuck_and_not_at_a_plateau():
    found = ended(phase.posed(12, 5, 6, "last layer", "random", 1), 20_000)
    assert (found["success"], found["plateau"], found["dead"]) == (0, 0, 0)
    assert found["stuck"] + found["slow"] == 1
    assert found["gram moved"] == found["W moved"] == found["flipped"] == 0
    assert found["a moved"] > 0


def test_a_step_that_is_too_long_diverges():
    instance = phase.posed(12, 5, 30, "last layer", "random", 1)
    wild = replace(instance, rates=(0.0, 8 * instance.rates[1]))
    assert ended(wild)["diverged"] == 1
    assert math.isnan(ended(wild)["gram moved"])
    assert ended(instance)["diverged"] == 0


def test_the_fitted_rate_is_that_of_the_weakest_direction():
    """The last layer alone is linear: the residual along K_0's weakest eigenvector shrinks by 1 - lambda at each step."""
    found = ended(phase.posed(8, 5, 60, "last layer", "weakest", 0), 20_000)
    assert found["success"] == 1
    assert found["rate"] == pytest.approx(-math.log1p(-found["least before"]), rel=1e-6)
    assert found["rate over least"] == pytest.approx(1.0, abs=0.05)
    assert math.isnan(phase_outcome.fitted_rate(np.array([1.0, 0.5, 0.0, 0.0, 0.0, 0.0])))


def test_gates_at_their_kinks_chatter_and_slow_the_descent():
    """With the first layer alone gates are crossed to and fro until the end, and the loss falls slower than at lambda_min."""
    first, lecun = (ended(phase.posed(20, 5, 40, rates, "weakest", 0), 8000) for rates in ("first layer", "LeCun"))
    assert first["success"] == lecun["success"] == 1
    assert first["chatter"] > 5 * lecun["chatter"]
    assert first["rate over least"] < 0.6 < lecun["rate over least"]


# --- thresholds and questions -----------------------------------------------------------------------


def seen(success, **more):
    return [Observation({"x": x}, 0, {"success": value, **more}) for x, value in success.items()]


def test_the_threshold_is_the_middle_of_the_rise():
    of = threshold("success", "x")
    assert of(seen({1: 0, 4: 1})) == pytest.approx(2.0)
    assert of(seen({1: 0, 2: 0, 8: 1, 16: 1})) == pytest.approx(4.0)
    # a fall and a second rise: 2, -4, 8 in octaves add up to 2^((1 - 3 + 5)/2)
    assert of(seen({1: 0, 2: 1, 4: 0, 8: 1})) == pytest.approx(2.0 ** (0.5 - 1.5 + 2.5))
    assert of(seen({1: 1, 4: 1})) == pytest.approx(1.0)
    assert of(seen({1: 0, 4: 0})) == math.inf
    assert of(seen({1: 1, 4: 0})) == math.inf


def test_the_threshold_of_a_known_law_lies_in_its_interval():
    """Logistic success around log 3, 400 seeds: the mean of the threshold's logarithm."""
    rng, grid = np.random.default_rng(0), 3 * 2.0 ** np.arange(-6, 7)
    of = threshold("success", "x")
    logs = []
    for _ in range(400):
        edge = math.log(3) + 0.3 * rng.logistic()
        logs.append(math.log(of(seen({x: float(math.log(x) > edge) for x in grid}))))
    error = np.std(logs, ddof=1) / 20
    assert abs(np.mean(logs) - math.log(3)) < 3 * error
    assert abs(np.mean(logs) - math.log(4)) > 3 * error


def faked(experiment, law):
    rng = np.random.default_rng(0)
    return [
        Observation(point, seed, {name: v * math.exp(1e-3 * rng.normal()) if v not in (0, 1) else v for name, v in law(point).items()})
        for seed in range(3)
        for point in experiment.points()
    ]  # fmt: skip


def words(experiment, law, label):
    return {one.word for one in answers(experiment, faked(experiment, law)) if one.question == label}


@pytest.mark.parametrize(("edge", "wanted"), [(1.7, {"yes"}), (20.0, {"no"})])
def test_the_questions_of_the_phase_diagram_have_the_right_direction(edge, wanted):
    def law(point):
        density = float(point["md/n"])
        power = {"first layer": -0.5, "equal": -0.5, "LeCun": -1.0, "last layer": -0.5}[point["rates"]]
        if edge > 2:
            power = {-0.5: -1.0, -1.0: -0.5}[power]
        good = edge < 2
        return {
            "success": float(density > edge), "gram moved": (2.0 if good else 0.01) * density**power if good else 0.01 * (density / 30) ** power,
            "rate over least": 1.1 if good else 4.0, "chatter": 0.02 if good else 0.001,
        }  # fmt: skip

    labels = ("threshold", "not lazy", "lazy, first layer", "lazy, equal", "lazy, LeCun", "rate", "chatter")
    assert {label: words(experiments.PHASE, law, label) for label in labels} == dict.fromkeys(labels, wanted)
    assert words(experiments.PHASE, law, "last layer") == {"no" if wanted == {"yes"} else "yes"}


@pytest.mark.parametrize(("dead", "wanted"), [(1, {"yes"}), (0, {"no"})])
def test_the_questions_about_dead_samples_have_the_right_direction(dead, wanted):
    def law(point):
        return {
            "success": float(point["m"] > 8),
            "plateau": float(dead and point["m"] <= 8),
            "killed": 2.0 * dead - 0.5,
        }

    for label in ("plateau", "dead"):
        assert words(experiments.DEAD, law, label) == wanted


@pytest.mark.parametrize("true", [True, False])
def test_the_questions_about_widths_have_the_right_direction(true):
    word, ew = ({"yes"} if true else {"no"}), experiments_widths
    laws = [
        (ew.LECUN, lambda p: {"width": p["n"] ** (1.0 if true else 2.0), "closed form": p["n"] ** (1.0 if true else 2.0), "looser": 1.5 if true else 3.0}),
        (ew.FIRST, lambda p: {"width": 1.5e4 if true else 1e5, "log10 width": (4.0 if p["test"] == "R1" else 6.0) if true else 5.0}),
        (ew.CHAIN, lambda p: {"R1": 0.2 if true else 1.5, "kept below": 0.1 if true else -0.1, "certified below": 0.1 if true else -0.1}),
        (ew.ORDERS, lambda p: {"excess": 0.02 if true else 0.3, "log10 width": (1.0 if true else -1.0) * (3.0 if p["theorem"] == "R2" else 2.0)}),
    ]  # fmt: skip
    for experiment, law in laws:
        for question in experiment.questions:
            assert words(experiment, law, question.label) == word, (experiment.label, question.label)


def test_every_experiment_measures_what_it_says():
    for one, point in (
        (experiments.PHASE, {"rates": "LeCun", "labels": "random", "md/n": 4}),
        (experiments.DEAD, {"rates": "equal", "labels": "equal", "m": 3}),
        (experiments_widths.ORDERS, {"theorem": "R2", "q": 1.8}),
        (experiments_widths.FIRST, {"n": 10, "test": "R1"}),
    ):
        assert point in one.points()
        assert set(one.observe(point, 0)) == set(one.numbers)


# --- the picture -----------------------------------------------------------------------------------


def test_the_map_shows_every_cell(tmp_path):
    one, files = experiments.DEAD, [tmp_path / f"{k}.png" for k in range(3)]
    runs = [
        Observation(point, 0, {"success": 1.0, "plateau": 0.0}) for point in one.points(labels="random", rates="LeCun")
    ]
    for file in files[:2]:
        draw(one, runs, file)
    runs[-1] = replace(runs[-1], numbers={"success": 1.0, "plateau": 0.25})
    draw(one, runs, files[2])
    first, second, third = (file.read_bytes() for file in files)
    assert first == second
    assert first != third
