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
    nguyen,
    orders,
    phase,
    phase_outcome,
    refined,
    widths,
)
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w

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


# --- widths ----------------------------------------------------------------------------------------


def test_nguyens_best_constants_are_the_best():
    """(N1) at C_1, C_2 found by search: the least C_2 for which it holds is the eliminated one."""
    values = {nguyen.alpha_0: 9.0, nguyen.first: 3.0, nguyen.second: 1.5, nguyen.inputs_norm: 1.2, nguyen.loss: 0.7}
    known = [values[one] for one in (nguyen.alpha_0, nguyen.first, nguyen.second, nguyen.inputs_norm, nguyen.loss)]
    alpha, first, second, size, loss = known
    g = 16 * size * math.sqrt(2 * loss) / alpha**2
    assert g < 1

    def holds(c2):
        return any(g * max((second + c2) / c1, (first + c1) / c2) <= 1 for c1 in np.linspace(1e-3, 20, 40_001))

    low, high = 0.0, 20.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    top = second + high
    wanted = max(g, 32 * size**2 * top * math.sqrt(2 * loss) / alpha**3, 16 * size**2 * top**2 / alpha**2)
    assert nguyen.ratio(values) == pytest.approx(wanted, rel=1e-3)
    assert nguyen.ratio({**values, nguyen.alpha_0: 3.0}) == math.inf, "g >= 1: no constants"


def test_streamed_neurons_give_the_dense_networks_test(monkeypatch):
    rng, grid = np.random.default_rng(5), (300, 1000, 40_000)
    inputs, target = rng.standard_normal((3, 30)), rng.choice([-1.0, 1.0], 3)
    monkeypatch.setattr(nguyen, "BLOCK", 170)
    found = dict(nguyen.streamed(inputs, target, orders.rows_of(30, 7), grid))
    rows = orders.rows_of(30, 7).standard_normal((40_000, 31))
    for m in grid:
        first, second = rows[:m, 1:].T / math.sqrt(30), rows[:m, 0] / math.sqrt(m)
        features = np.maximum(inputs @ first, 0)
        at = {
            nguyen.alpha_0: np.linalg.svd(features, compute_uv=False)[2], nguyen.first: np.linalg.norm(first, 2),
            nguyen.second: np.linalg.norm(second), nguyen.inputs_norm: np.linalg.norm(inputs),
            nguyen.loss: float(np.sum((features @ second - target) ** 2) / 2),
        }  # fmt: skip
        assert found[m] == pytest.approx(nguyen.ratio({key: float(value) for key, value in at.items()}), rel=1e-9)
    assert found[300] > 1 > 0.05 * found[40_000]
    few = dict(nguyen.streamed(inputs, target, orders.rows_of(30, 7), (2,)))
    assert few[2] == math.inf, "three samples, two neurons: no least singular value"


def test_r1_certifies_from_the_first_width_on_that_it_says():
    inputs, target = np.random.default_rng(1).standard_normal((2, 12)), np.array([1.0, -1.0])
    grid = tuple(round(100 * 1.5**k) for k in range(12))
    found = orders.certified_width(inputs, target, 0, grid)
    assert grid[0] < found < grid[-1]
    place = grid.index(int(found))
    assert orders.certified_width(inputs, target, 0, grid[place:]) == found, "narrower ones do not change the wider"
    assert orders.certified_width(inputs, target, 0, grid[:place]) == math.inf
    assert orders.certified_width(inputs, 300 * target, 0, grid[: place + 1]) == math.inf, "labels too far away"


def test_promised_certified_observed_in_order(monkeypatch):
    point = {"labels": "weakest", "output weights": "signs"}
    found = orders.chain(point, 0, n=2, d=40, steps=12)
    assert found["observed"] < found["certified"] < found["promised"] < 1
    assert found["R1"] < 1
    assert found["in order"] == 1
    slow = phase.Walked(np.array([1.0, 0.9, 0.9 * 0.9999]), np.zeros((1, 1)), np.zeros(1), np.zeros(1, np.int64))
    monkeypatch.setattr(orders.phase, "walk", lambda *args, **more: slow)
    found = orders.chain(point, 0, n=2, d=40, steps=12)
    assert found["observed"] == pytest.approx(0.9999)
    assert found["in order"] == 0
    assert found["kept below"] < 0


def test_r2s_width_on_the_diagonal_is_the_search_of_widths():
    found = orders.along_the_diagonal({"n": 16, "output weights": "Gaussian"}, 0)
    inputs = np.random.default_rng([0, 31, 16, 16]).standard_normal((16, 16))
    assert found["width"] == widths.required(inputs, 4.0, law="normal")
    assert found["closed form"] == widths.required(inputs, 4.0, law="normal", closed=True)
    assert found["width"] != orders.along_the_diagonal({"n": 16, "output weights": "signs"}, 0)["width"]


# --- F2 and R3 -------------------------------------------------------------------------------------


def test_f2_is_the_theorys_bound_with_its_better_constants():
    """By hand with 15 and 31 (errata I4) for 18 and 34, and 6.293 log(6.81 m/p) for t_0."""
    n, d, m, p = 500, 60, 10_000, 0.01 / 7
    at = {
        t.kappa: 0.3,
        t.eta_W: 0.2,
        o.n: float(n),
        o.m: float(m),
        w.P: 2.5,
        w.delta: 0.01,
        o.d: float(d),
        refined.S: 77.0,
    }
    found = float(refined.F2.subs(at))
    big, t_0 = math.log(math.e * n), 6.293 * math.log(6.81 * m / p)
    moved = math.sqrt(0.2) * 2.5
    wanted = (
        0.09
        * 15
        * big
        * (max(d, t_0, 2 * math.log(n / p)) * 77 + 30.98 * math.sqrt(big) * n * math.sqrt(77 / d) * moved)
    )
    assert found == pytest.approx(wanted, rel=1e-3)
    theirs = (
        0.09 * 18 * big * (max(d, t_0, 2 * math.log(n / p)) * 77 + 34 * math.sqrt(big) * n * math.sqrt(77 / d) * moved)
    )
    assert found < theirs


def test_f2_bounds_the_jacobians_change_by_flips():
    """Gaussian data and weights, weights moved to flip as much as they can: far below the bound, which flips nothing at 0."""
    rng, n, d, m, p = np.random.default_rng(2), 40, 30, 400, 0.07
    inputs, weights = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    heights = inputs @ weights.T
    moved = -1.001 * heights[0] / (inputs[0] @ inputs[0])  # what flips sample 0, cheapest first
    order = np.argsort(np.abs(moved))[:60]
    change = np.zeros((m, d))
    change[order] = moved[order, None] * inputs[0]
    flips = (inputs @ (weights + change).T > 0) ^ (heights > 0)
    gram = (inputs @ inputs.T) * (flips.astype(float) @ flips.T)
    radius, count = float(np.linalg.norm(change)), int(flips.sum(axis=1).max())
    at = {t.kappa: 1.0, t.eta_W: 1.0, o.n: float(n), o.m: float(m), w.P: radius, w.delta: p, o.d: float(d)}
    bound = float(refined.F2.subs({**at, refined.S: float(count)}))
    found = float(np.linalg.eigvalsh(gram)[-1])
    assert count == 60
    assert 0 < found < bound
    assert float(refined.F2.subs({**at, refined.S: 0.0})) == 0.0


@pytest.mark.parametrize(("theorem", "q", "wanted"), [("R2", 1.8, 7 / 3), ("R3", 1.8, 1.25), ("R3", 1.2, 1.0)])
def test_orders_are_those_that_are_stated(theorem, q, wanted):
    found = refined.ordered({"theorem": theorem, "q": q}, 0)
    assert found["stated"] == pytest.approx(wanted)
    assert abs(found["excess"]) < 0.1
    assert abs(found["exponent"] - (4 - 3 / q if theorem == "R3" else 1.25)) > 0.3


def test_idealised_data_are_like_drawn_ones():
    drawn = widths.data_of(np.random.default_rng(3).standard_normal((120, 60)))
    ideal = refined.idealised(120, 60)
    assert ideal.norm == pytest.approx(drawn.norm, rel=0.1)
    assert ideal.frobenius == pytest.approx(drawn.frobenius, rel=0.05)
    for bound, truth in ((ideal.least_W, drawn.least_W), (ideal.least_a, drawn.least_a)):
        assert 1 < truth / bound < 80


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
