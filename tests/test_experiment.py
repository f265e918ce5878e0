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
from theorycheck.report_experiment import answers_table, draw, means_table
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.chen2022 import experiments as ex


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
        ([], "needs a name"), (["chen2022.nothing"], "no experiment"), (["chen2022.generalisation", "--seeds", "-1"], "at least 1"),
        (["chen2022.generalisation", "--only", "task"], "FACTOR=VALUE"), (["chen2022.generalisation", "--only", "task=x9"], "is one of"),
        (["chen2022.generalisation", "--picture", "a.gif"], ".svg"), (["chen2022.generalisation", "--picture", "/nowhere/a.svg"], "cannot be written"),
        (["chen2022.generalisation", "--jobs", "-3"], "number of processes"),
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
    words = ["experiment", "chen2022.movement_over_widths", "--only", "m=50", "--seeds", "2", "--jobs", "2"]
    assert main([*words, "--json", str(target), "--picture", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "observed, not proved: 2 points, 2 seeds" in out
    document = json.loads(target.read_text(encoding="utf-8"))
    assert len(document["runs"]) == 4
    farther = [one for one in document["answers"] if one["question"] == "farther"]
    assert len(farther) == 1
    assert farther[0]["mean"] > 1
    for run in document["runs"]:  # one process in the place of two, and no other run before it
        here = ex.MOVEMENT.observe(run["point"], run["seed"])
        assert here["W"] == pytest.approx(run["numbers"]["W"], rel=1e-9)
    assert len({run["numbers"]["W"] for run in document["runs"]}) == 4
    assert "<svg" in picture.read_text(encoding="utf-8")


def test_one_seed_has_no_interval_and_says_so():
    from rich.console import Console

    console = Console(width=110, record=True, file=io.StringIO())
    for count in (1, 2):
        console.print(means_table(TOY, seen(TOY, count)))
        console.print(answers_table(TOY, answers(TOY, seen(TOY, count))))
        text = console.export_text(clear=True)
        assert ("needs at least 2 seeds" in text) == (text.count("one seed") == 2) == (count == 1)
        assert ("inf" in text, "[" in text) == (False, count > 1)


def test_experiments_are_listed(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for one in theorems.experiments():
        assert one.label in out
