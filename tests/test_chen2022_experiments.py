"""The two experiments of chen2022: their protocols by hand, the direction of their questions, and the movement card."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theorycheck.experiment import Observation, answers
from theorycheck.flow import Run, follow
from theorycheck.theorems.chen2022 import experiments as ex
from theorycheck.theorems.chen2022 import movement as mv
from theorycheck.theorems.chen2022 import setting as s

# --- chen2022 --------------------------------------------------------------------------------------


def test_both_scalings_start_alike():
    plain, _, _ = ex._problem("x1 x2", 3)
    lazy = ex.scaled(plain, ex.NTK)
    assert np.array_equal(plain.weights, lazy.weights)
    assert np.allclose(plain.start[0], lazy.start[0])
    assert np.allclose(plain.start[0], plain.labels), "mirrored neurons: the initial output is 0"
    assert np.allclose(plain.start[1], lazy.start[1])
    assert not np.allclose(plain.outer, lazy.outer)


def test_time_slowed_or_not_the_ntks_path_is_the_same():
    """W does not depend on the time scale, which is why the movement experiment may leave it out."""
    rng = np.random.default_rng(0)
    plain = s.drawn(rng.standard_normal((3, 5)), rng.uniform(-1, 1, 3), width=40, activation="tanh")
    slow = follow(ex.scaled(plain, ex.NTK))
    fast = mv.simulate(s.drawn(plain.inputs, plain.labels, width=40, activation="tanh", kappa=math.sqrt(40)))
    assert float(s.PATH.measure(slow).value) == pytest.approx(float(s.PATH.measure(fast).value), rel=1e-4)


def test_movement_lies_between_its_bounds_and_falls_in_the_ntk_alone():
    wide, narrow = (
        {arm: ex.MOVEMENT.observe({"scaling": arm, "m": m}, 0) for arm in (ex.MEAN_FIELD, ex.NTK)} for m in (400, 100)
    )
    for found in (*wide.values(), *narrow.values()):
        assert found["lower bound"] < found["W"] < found["upper bound"]
    assert narrow[ex.NTK]["W"] / wide[ex.NTK]["W"] == pytest.approx(2.0, rel=0.2)
    assert narrow[ex.MEAN_FIELD]["W"] / wide[ex.MEAN_FIELD]["W"] == pytest.approx(1.0, rel=0.1)


def test_alignment_is_that_of_the_definition():
    """<HKH, yy'>/(|HKH| |Hyy'H|) with H = I - 11'/n, against the features' own formula."""
    rng = np.random.default_rng(1)
    features, labels = rng.standard_normal((7, 3)), rng.standard_normal(7)
    centre = np.eye(7) - 1 / 7
    kernel, target = centre @ features @ features.T @ centre, centre @ np.outer(labels, labels) @ centre
    wanted = np.sum(kernel * target) / (np.linalg.norm(kernel) * np.linalg.norm(target))
    assert ex.alignment(features, labels) == pytest.approx(wanted)
    assert ex.alignment(labels[:, None], labels) == pytest.approx(1.0)


def by_hand(task, scaling, seed, steps):
    """The protocol of GENERALISATION in plain NumPy, sharing with it the initial weights alone."""
    d, target = {
        "x1 x2": (20, lambda x: x[:, 0] * x[:, 1]),
        "|x1|, d = 40": (40, lambda x: abs(x[:, 0]) - (2 / math.pi) ** 0.5),
    }[task]
    rng = np.random.default_rng([seed, 11])
    x, v = rng.standard_normal((700, d)), rng.standard_normal((256, d))
    phi, y = np.maximum(x @ v.T / d**0.5, 0) / 16, target(x)  # 16 = sqrt(256)
    train, test = slice(0, 200), slice(200, 700)
    start = ex._problem(task, seed)[0].weights
    c = np.tile([1.0, -1.0], 64) * (1.0 if scaling == ex.MEAN_FIELD else 128**0.5)
    speed = 128.0 if scaling == ex.MEAN_FIELD else 1.0  # w' = -m dL/dw, or -dL/dw
    size, w = 200 / np.linalg.norm(phi[train], 2) ** 2, start.copy()
    for _ in range(steps):
        h = phi[train] @ w.T
        zeta = np.maximum(h, 0) @ c / 128 - y[train]
        w -= size * speed / 200 / 128 * ((h > 0) * zeta[:, None] * c).T @ phi[train]
    first, last = (np.maximum(phi[test] @ weights.T, 0) for weights in (start, w))

    def cka(f):
        f, z = f - f.mean(axis=0), y[test] - y[test].mean()
        return (z @ f @ f.T @ z) / (np.linalg.norm(f @ f.T) * (z @ z))

    return {
        "train error": np.mean((np.maximum(phi[train] @ w.T, 0) @ c / 128 - y[train]) ** 2),
        "test error": np.mean((last @ c / 128 - y[test]) ** 2), "test variance": np.var(y[test]),
        "alignment before": cka(first), "alignment after": cka(last), "alignment gain": cka(last) - cka(first),
        "movement": np.linalg.norm(w - start) / np.linalg.norm(start),
    }  # fmt: skip


@pytest.mark.parametrize(("task", "scaling"), [("x1 x2", ex.MEAN_FIELD), ("|x1|, d = 40", ex.NTK)])
def test_generalisation_is_the_protocol_by_hand(task, scaling):
    found, wanted = ex.generalise({"task": task, "scaling": scaling}, 1, steps=60), by_hand(task, scaling, 1, 60)
    assert found == pytest.approx(wanted, rel=1e-6)
    assert set(found) == set(ex.GENERALISATION.numbers)
    assert found["test error"] != pytest.approx(found["train error"], rel=0.05)


def faked(experiment, numbers):
    """Observations of three seeds from a law, to hold the questions' directions."""
    rng = np.random.default_rng(0)
    return [
        Observation(
            point, seed, {name: value * math.exp(1e-3 * rng.normal()) for name, value in numbers(point).items()}
        )
        for seed in range(3)
        for point in experiment.points()
    ]


def test_the_questions_of_generalisation_have_the_right_direction():
    def better(point):
        mean_field = point["scaling"] == ex.MEAN_FIELD
        return {
            "test error": 1.0 if mean_field else 2.0,
            "alignment gain": 0.3 if mean_field else 0.1,
            "movement": 2.0 if mean_field else 0.2,
        }

    def worse(point):
        return better({"scaling": ex.NTK if point["scaling"] == ex.MEAN_FIELD else ex.MEAN_FIELD})

    for law, word in ((better, "yes"), (worse, "no")):
        found = answers(ex.GENERALISATION, faked(ex.GENERALISATION, law))
        assert {(one.question, one.word) for one in found} == {
            (name, word) for name in ("test error", "alignment", "movement")
        }


@pytest.mark.parametrize(
    ("lazy", "active", "words"),
    [
        (-0.5, 0.0, {"NTK": "yes", "mean field": "yes"}),
        (-0.8, 0.2, {"NTK": "no", "mean field": "no"}),
        (0.0, -0.5, {"NTK": "no", "mean field": "no"}),
    ],
)
def test_the_questions_of_movement_have_the_right_windows(lazy, active, words):
    def law(point):
        return {"W": float(point["m"]) ** (lazy if point["scaling"] == ex.NTK else active)}

    found = {one.question: one.word for one in answers(ex.MOVEMENT, faked(ex.MOVEMENT, law)) if one.question in words}
    assert found == words


def test_the_movement_experiments_data_are_not_its_weights():
    """[seed, 0] and seed are one stream: the first neurons used to be the samples themselves."""
    from unittest import mock

    made = []
    with mock.patch.object(
        ex.s, "drawn", side_effect=lambda *args, **more: made.append((args, s_drawn(*args, **more))) or made[-1][1]
    ):
        ex.MOVEMENT.observe({"scaling": ex.MEAN_FIELD, "m": 50}, 3)
    (inputs, _), instance = made[0]
    cosines = (
        inputs @ instance.weights.T / np.outer(np.linalg.norm(inputs, axis=1), np.linalg.norm(instance.weights, axis=1))
    )
    assert np.abs(cosines).max() < 0.9


s_drawn = s.drawn


def test_the_movement_card_needs_a_run():
    instance = mv.MOVEMENT.example(n=2, d=3, m=20)
    with pytest.raises(ValueError, match="simulate"):
        mv.final_residual(Run(instance))
    ntk = Run(mv.MOVEMENT.example(n=2, d=3, m=16, kappa=0.0))
    size = next(part for part in mv.QUANTITIES if part.symbol == mv.C_2).measure(ntk)
    assert float(size.value) == pytest.approx(4.0), "kappa = 0 stands for sqrt m"


def test_the_bounds_are_sharp_for_one_linear_neuron():
    """n = m = 1, identity: |w(T) - w(0)| = (|zeta_0| - |zeta_T|)/(|c| |x|/sqrt d), both bounds at once."""
    instance = s.drawn(np.array([[1.5]]), np.array([2.0]), width=1, activation="identity", mirrored=False)
    run = mv.simulate(instance)
    values = {part.symbol: float(np.asarray(part.measure(run).value)) for part in mv.QUANTITIES}
    moved = values[s.moved_path]
    assert float(mv.LOWER.subs(values)) == pytest.approx(moved, rel=1e-6)
    assert float(mv.UPPER.subs(values)) == pytest.approx(moved, rel=1e-6)


@pytest.mark.parametrize("slope", [1, 2])
def test_the_bounds_are_sharp_for_two_orthogonal_samples_and_any_slope(slope):
    """n = 2, m = 1, s(z) = slope z, equal residuals: n and L_s stand where they belong."""
    inputs = math.sqrt(2) * np.eye(2)
    instance = s.drawn(inputs, np.zeros(2), width=1, activation=f"{slope}*z", mirrored=False)
    instance = instance.with_labels(instance.labels - instance.start[0] + np.array([1.0, 1.0]))
    run = mv.simulate(instance)
    values = {part.symbol: float(np.asarray(part.measure(run).value)) for part in mv.QUANTITIES}
    for bound in (mv.LOWER, mv.UPPER):
        assert float(bound.subs(values)) == pytest.approx(values[s.moved_path], rel=1e-6)
