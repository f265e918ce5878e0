"""Published figures beside our own, and series as pictures: what an experiment says of somebody else's numbers."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from theorycheck import theorems
from theorycheck.cli import main
from theorycheck.experiment import Experiment, Observation, Picture, Published, Question, Series, exponent, reproduced
from theorycheck.report_experiment import draw
from theorycheck.report_published import published_table
from theorycheck.statement import Reference, Standing

SOURCE = Reference("core", "a figure")


def observe(point, seed):
    return {"error": 1.0 + seed if point["arm"] == "a" else 5.0, "late": 1.0}


TOY = Experiment(
    label="toy.published",
    title="A toy",
    reference=Reference("core", "nowhere"),
    standing=Standing.DERIVED,
    protocol="1, 2, 3 in arm a, 5 in arm b",
    factors={"arm": ("a", "b"), "m": (10,)},
    numbers={"error": "an error", "late": "an error later"},
    observe=observe,
    questions=(Question("slope", "it falls", (), exponent("error", "m"), -2.0, 0.0),),
    arms="arm",
    picture=Picture("series", "arm", "error", "arm"),
    seeds=3,
    published=(
        Published("error", {"arm": "a"}, 2.5, SOURCE),
        Published("error", {"arm": "a", "m": 10}, 18.6, SOURCE, 3),
        Published("error", {"arm": "b"}, 5.0, SOURCE),
    ),
    series=(
        Series("error", "time", {0.0: "error", 1.0: "late"}),
        Series("upright", "time", {0.0: "error"}, logarithmic=False),
    ),
)


def seen(seeds, **chosen):
    return [Observation(point, seed, observe(point, seed)) for seed in range(seeds) for point in TOY.points(**chosen)]


def test_a_figure_is_held_against_the_standard_error_of_the_difference():
    """Mean 2, standard deviation 1, three runs: 0.5/sqrt(1/3 + 1) and 16.6/sqrt(1/3 + 1/3) standard errors away."""
    first, second, third = reproduced(TOY, seen(3))
    assert (first.mean, first.spread, first.seeds) == pytest.approx((2.0, 1.0, 3))
    assert (first.apart, first.word) == (pytest.approx(-0.5 / math.sqrt(4 / 3)), "yes")
    assert (second.apart, second.word) == (pytest.approx(-16.6 / math.sqrt(2 / 3)), "no")
    # 3 standard errors of a known spread are 19.2 of one from three runs: Student's law with two degrees of freedom
    assert first.limit == pytest.approx(19.206, abs=0.01)
    assert (third.mean, third.word) == (5.0, "open"), "without a spread there is no standard error"
    assert math.isnan(third.apart)
    wider = replace(TOY, published=(replace(TOY.published[1], within=3.1),))
    assert reproduced(wider, seen(3))[0].word == "yes"


def test_a_true_figure_is_refused_as_rarely_as_promised():
    """Five runs, a figure that is a mean of five: 2 standard errors are passed in 4.55 % of cases, though the spread is estimated."""
    rng, count, refused, literal = np.random.default_rng(0), 1500, 0, 0
    one = replace(TOY, published=(Published("error", {"arm": "b"}, 0.0, SOURCE, 5, 2.0),))
    for _ in range(count):
        values = rng.normal(size=5) - rng.normal(0, 5**-0.5)
        (found,) = reproduced(
            one, [Observation({"arm": "b", "m": 10}, k, {"error": float(values[k])}) for k in range(5)]
        )
        refused, literal = refused + (found.word == "no"), literal + (abs(found.apart) > 2)
    assert abs(refused / count - 0.0455) < 4 * math.sqrt(0.0455 * 0.9545 / count)
    assert literal / count > 0.09, "the limit of a known spread would refuse more than twice as often"


def test_one_run_leaves_it_open_and_no_run_leaves_it_out():
    assert [one.word for one in reproduced(TOY, seen(1))] == ["open"] * 3
    assert [one.mean for one in reproduced(TOY, seen(2, arm="b"))] == [5.0]
    assert reproduced(TOY, []) == []


def test_what_is_published_must_be_measured():
    for wrong, told in (
        (Published("mistake", {"arm": "a"}, 1.0, SOURCE), "mistake"),
        (Published("error", {"leg": "a"}, 1.0, SOURCE), "leg"),
        (Published("error", {"arm": "c"}, 1.0, SOURCE), "not on the grid"),
    ):
        with pytest.raises(ValueError, match=told):
            replace(TOY, published=(wrong,))
    with pytest.raises(ValueError, match="unheard"):
        replace(TOY, series=(Series("error", "time", {0.0: "unheard of"}),))


def test_the_table_has_both_figures():
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(published_table(reproduced(TOY, seen(3))))
    text = console.export_text()
    rows = [line.split() for line in text.splitlines()]
    assert ["error", "a", "2.5", "2", "(1)", "-0.4", "yes", "(19)"] in rows
    assert ["a,", "10", "18.6", "2", "(1)", "-20.3", "no", "(19)"] in rows
    assert "standard deviation" in text
    console.print(published_table(reproduced(TOY, seen(1))))
    text = console.export_text()
    assert ["error", "a", "2.5", "1", "0.40"] in [line.split() for line in text.splitlines()]
    assert "one run" in text
    assert not {"standard", "apart", "within", "open"} & set(text.replace(",", " ").split())


def test_the_verb_prints_and_writes_them(capsys, tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from theorycheck import _cli_experiment

    class Threads(ThreadPoolExecutor):
        def __init__(self, workers, mp_context, initializer):
            super().__init__(workers)

    monkeypatch.setattr(_cli_experiment, "ProcessPoolExecutor", Threads)
    monkeypatch.setattr(theorems, "experiments", lambda *about: (TOY,))
    target = tmp_path / "runs.json"
    assert main(["experiment", TOY.label, "--json", str(target)]) == 0
    assert "-20.3" in capsys.readouterr().out
    found = json.loads(target.read_text(encoding="utf-8"))["published"]
    assert [one["within"] for one in found] == ["yes", "no", "open"]
    assert found[0]["published"] == 2.5
    assert found[2]["standard_errors_apart"] is None
    monkeypatch.setattr(theorems, "experiments", lambda *about: (replace(TOY, published=()),))
    assert main(["experiment", TOY.label, "--json", str(target)]) == 0
    assert "published" not in json.loads(target.read_text(encoding="utf-8"))


def test_one_seed_is_run_and_stays_open(capsys, tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from theorycheck import _cli_experiment

    monkeypatch.setattr(
        _cli_experiment, "ProcessPoolExecutor", lambda workers, mp_context, initializer: ThreadPoolExecutor(workers)
    )
    monkeypatch.setattr(theorems, "experiments", lambda *about: (replace(TOY, minutes=2.0),))
    target = tmp_path / "runs.json"
    assert main(["experiment", TOY.label, "--seeds", "1", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert "2 points, 1 seed," in out
    assert "needs at least 2 seeds" in out
    document = json.loads(target.read_text(encoding="utf-8"))
    assert [one["within"] for one in document["published"]] == ["open"] * 3
    assert {(one["answer"], one["low"], one["high"]) for one in document["answers"]} == {("open", None, None)}


def test_series_are_drawn(tmp_path):
    files, four = [tmp_path / f"{k}.png" for k in range(3)], [f"panel {k}" for k in range(4)]
    many = replace(TOY, series=tuple(Series(name, "time", {0.0: "error", 1.0: "late"}, k > 0) for k, name in enumerate(four)))  # fmt: skip
    for file, one, runs in zip(files, (TOY, TOY, many), (seen(3), seen(3), seen(1, arm="a")), strict=True):
        draw(one, runs, file)
    first, second, third = (file.read_bytes() for file in files)
    assert first == second != third
    assert len(first) > 5000
