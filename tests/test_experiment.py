"""Experiments as data: intervals, paired answers, tables, pictures, the verb; and chen2022's two, on small parts."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from theorycheck import theorems
from theorycheck.cli import main
from theorycheck.experiment import Experiment, Observation, Picture, Question, answers, difference, exponent, interval
from theorycheck.flow import Run, follow
from theorycheck.report_experiment import answers_table, draw, means_table
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.chen2022 import experiments as ex
from theorycheck.theorems.chen2022 import movement as mv
from theorycheck.theorems.chen2022 import setting as s


def toy(point, seed):
    noise = np.random.default_rng(seed).normal()
    return {"error": point["m"] ** -0.5 * (1.0 if point["arm"] == "a" else 2.0) * math.exp(0.01 * noise)}


TOY = Experiment(
    label="toy",
    title="A toy",
    reference=Reference("core", "nowhere"),
    standing=Standing.DERIVED,
    protocol="a known law with little noise",
    factors={"arm": ("a", "b"), "m": (10, 100, 1000)},
    numbers={"error": "an error"},
    observe=toy,
    questions=(
        Question("larger", "b is larger", ("m",), difference("error", "arm", "b", "a")),
        Question("smaller", "b is smaller", ("m",), difference("error", "arm", "a", "b")),
        Question("slope", "it falls like m^(-1/2)", (), exponent("error", "m"), -0.6, -0.4, {"arm": "a"}),
        Question("flat", "it does not fall", (), exponent("error", "m"), -0.1, 0.1, {"arm": "a"}),
    ),
    arms="arm",
    picture=Picture("curves", "m", "error", "arm", ("error",)),
    seeds=4,
)


def seen(experiment, seeds, **chosen):
    points = experiment.points(**chosen)
    return [Observation(point, seed, experiment.observe(point, seed)) for seed in range(seeds) for point in points]


# --- answers ---------------------------------------------------------------------------------------


def test_the_interval_is_students():
    """Mean 2, standard deviation 1, n = 3: 2 -+ 4.302653 / sqrt 3."""
    mean, low, high = interval([1.0, 2.0, 3.0])
    assert (mean, low, high) == pytest.approx((2.0, 2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)))
    assert interval([1.0]) == (1.0, -math.inf, math.inf)
    assert interval([1.0, math.nan])[1] == -math.inf


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = [low <= 0 <= high for _, low, high in (interval(rng.standard_normal(5)) for _ in range(4000))]
    assert abs(np.mean(covered) - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 4000)


def test_questions_are_answered_for_their_groups():
    found = {(one.question, one.group.get("m")): one for one in answers(TOY, seen(TOY, 4))}
    assert {found["larger", m].word for m in (10, 100, 1000)} == {"yes"}
    assert {found["smaller", m].word for m in (10, 100, 1000)} == {"no"}
    assert found["slope", None].word == "yes"
    assert found["slope", None].mean == pytest.approx(-0.5, abs=1e-9)
    assert found["flat", None].word == "no"
    assert found["slope", None].group == {"arm": "a"}


def test_noise_and_single_seeds_leave_a_question_open():
    noisy = replace(
        TOY,
        observe=lambda point, seed: {
            "error": float(np.random.default_rng([seed, len(point["arm"]), point["m"], ord(point["arm"])]).normal())
        },
    )
    words = [one.word for one in answers(noisy, seen(noisy, 6)) if one.question == "larger"]
    assert words.count("open") >= 2
    assert {one.word for one in answers(TOY, seen(TOY, 1))} == {"open"}


def test_a_statistic_is_paired_by_seed():
    """The noise is common to both arms of a seed: unpaired, its spread would hide a small difference."""

    def observe(point, seed):
        return {"error": 100.0 * np.random.default_rng(seed).normal() + (0.1 if point["arm"] == "b" else 0.0)}

    found = answers(replace(TOY, observe=observe), seen(replace(TOY, observe=observe), 5))
    assert {one.word for one in found if one.question == "larger"} == {"yes"}


def test_an_experiment_checks_itself():
    with pytest.raises(ValueError, match="nothing_like_it"):
        replace(TOY, questions=(replace(TOY.questions[0], by=("nothing_like_it",)),))
    with pytest.raises(ValueError, match="nothing_like_it"):
        replace(TOY, picture=Picture("curves", "m", "nothing_like_it", "arm"))
    with pytest.raises(ValueError, match="between low and high"):
        replace(TOY, questions=(replace(TOY.questions[0], low=1.0, high=0.0),))


# --- tables and pictures ---------------------------------------------------------------------------


def test_tables_hold_the_numbers():
    from rich.console import Console

    runs = seen(TOY, 3)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(means_table(TOY, runs))
    console.print(answers_table(TOY, answers(TOY, runs)))
    text = console.export_text()
    mean = np.mean([run.numbers["error"] for run in runs if dict(run.point) == {"arm": "b", "m": 100}])
    assert f"{mean:.3g}" in text
    assert "it falls like m^(-1/2)" in text


@pytest.mark.parametrize("kind", ["curves", "paired"])
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_pictures_are_drawn_and_do_not_change(tmp_path, kind, ending):
    picture = Picture(kind, *(("m", "error", "arm", ("error",)) if kind == "curves" else ("arm", "error", "m")))
    one = replace(TOY, picture=picture)
    first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
    for path in (first, second):
        draw(one, seen(TOY, 3), path)
    assert first.stat().st_size > 5000
    if ending == "png":
        assert first.read_bytes() == second.read_bytes()
        draw(one, seen(TOY, 4), second)
        assert first.read_bytes() != second.read_bytes()


# --- the verb --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "needs a name"), (["chen2022.nothing"], "no experiment"), (["chen2022.generalisation", "--seeds", "1"], "at least 2"),
        (["chen2022.generalisation", "--only", "task"], "FACTOR=VALUE"), (["chen2022.generalisation", "--only", "task=x9"], "is one of"),
        (["chen2022.generalisation", "--picture", "a.gif"], ".svg"), (["chen2022.generalisation", "--picture", "/nowhere/a.svg"], "cannot be written"),
        (["chen2022.generalisation", "--seeds", "-3"], "at least 2"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(capsys, words, told):
    assert main(["experiment", *words]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert err.count("\n") == 1
    assert out == ""


def test_the_verb_runs_prints_and_writes(capsys, tmp_path, monkeypatch):
    """A small part of the movement experiment, in worker processes as ever."""
    target, picture = tmp_path / "runs.json", tmp_path / "movement.svg"
    words = ["experiment", "chen2022.movement_over_widths", "--only", "m=50", "--seeds", "2"]
    assert main([*words, "--json", str(target), "--picture", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "observed, not proved: 2 points, 2 seeds" in out
    document = json.loads(target.read_text(encoding="utf-8"))
    assert len(document["runs"]) == 4
    farther = [one for one in document["answers"] if one["question"] == "farther"]
    assert len(farther) == 1
    assert farther[0]["mean"] > 1
    here = ex.MOVEMENT.observe(document["runs"][0]["point"], document["runs"][0]["seed"])
    assert here["W"] == pytest.approx(document["runs"][0]["numbers"]["W"], rel=1e-9)
    assert "<svg" in picture.read_text(encoding="utf-8")


def test_experiments_are_listed(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for one in theorems.experiments():
        assert one.label in out


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
    assert float(mv.rms_weight(Run(mv.MOVEMENT.example(n=2, d=3, m=16, kappa=0.0))).value) == pytest.approx(4.0)


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
