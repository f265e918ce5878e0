"""``--resume`` and ``--jobs``: runs in a file, damaged lines, and results that do not depend on the number of processes."""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from theorycheck import _cli_experiment, theorems
from theorycheck._cli_runs import kept, key
from theorycheck.cli import main
from theorycheck.experiment import Experiment, Picture, Question, exponent
from theorycheck.statement import Reference, Standing

CALLS = []


def observe(point, seed):
    CALLS.append((point["m"], point["arm"], seed))
    return {"error": seed + 1 / point["m"], "odd": math.nan if point["arm"] == "a" else math.inf}


TOY = Experiment(
    label="toy.runs",
    title="A toy",
    reference=Reference("core", "nowhere"),
    standing=Standing.DERIVED,
    protocol="a law",
    factors={"arm": ("a", "b"), "m": (10, 0.3)},
    numbers={"error": "an error", "odd": "not a number, or infinite"},
    observe=observe,
    questions=(Question("slope", "it falls", (), exponent("error", "m"), -2.0, 0.0),),
    arms="arm",
    picture=Picture("curves", "m", "error", "arm"),
    seeds=3,
)
WORDS = ["experiment", "toy.runs"]


@pytest.fixture
def here(monkeypatch):
    """Runs in threads of this process, so that they can be counted; test_experiment has processes."""

    class Threads(ThreadPoolExecutor):
        def __init__(self, workers, mp_context, initializer):
            super().__init__(workers)

    monkeypatch.setattr(_cli_experiment, "ProcessPoolExecutor", Threads)
    monkeypatch.setattr(theorems, "experiments", lambda *about: (TOY,))
    CALLS.clear()


def runs_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["runs"]


def test_a_run_comes_back_from_the_file_as_it_was(tmp_path):
    file = str(tmp_path / "runs.jsonl")
    numbers = {"error": 0.1 + 0.2, "odd": math.nan}
    kept(TOY, file)[1](TOY.points()[1], 2, numbers)
    kept(TOY, file)[1](TOY.points()[2], 0, {"error": 1e-320, "odd": -math.inf})
    found, _ = kept(TOY, file)
    assert set(found) == {key(TOY.points()[1], 2), key(TOY.points()[2], 0)}
    back = found[key(TOY.points()[1], 2)]
    assert back["error"] == numbers["error"]
    assert math.isnan(back["odd"])
    assert found[key(TOY.points()[2], 0)] == {"error": 1e-320, "odd": -math.inf}
    assert kept(TOY, None)[0] == {}


def test_a_rerun_goes_on_from_what_is_there(here, tmp_path, capsys):
    file, whole, again = (tmp_path / name for name in ("runs.jsonl", "whole.json", "again.json"))
    assert main([*WORDS, "--only", "arm=b", "--seeds", "2", "--resume", str(file)]) == 0
    assert len(CALLS) == 4
    CALLS.clear()
    assert main([*WORDS, "--resume", str(file), "--json", str(again), "--jobs", "3"]) == 0
    assert len(CALLS) == 12 - 4
    assert not {("b", 0), ("b", 1)} & {(arm, seed) for _, arm, seed in CALLS}
    CALLS.clear()
    assert main([*WORDS, "--resume", str(file)]) == 0
    assert CALLS == []
    assert main([*WORDS, "--json", str(whole), "--jobs", "1"]) == 0
    assert len(CALLS) == 12
    assert runs_of(whole) == runs_of(again)
    assert capsys.readouterr().err == ""


def test_an_interrupted_experiment_keeps_what_was_done(here, tmp_path, monkeypatch):
    file = tmp_path / "runs.jsonl"

    def breaks(label, point, seed):
        if seed == 1:
            raise RuntimeError("as if the power had gone")
        return observe(point, seed)

    with monkeypatch.context() as patch:
        patch.setattr(_cli_experiment, "elsewhere", breaks)
        with pytest.raises(RuntimeError):
            _cli_experiment.run("toy.runs", 0, None, None, None, str(file), 1)
    done = len(kept(TOY, str(file))[0])
    assert 0 < done <= 8
    CALLS.clear()
    assert main([*WORDS, "--resume", str(file)]) == 0
    assert len(CALLS) == 12 - done


def damage(lines, how):
    """Return a file's lines with the third one, a run, damaged."""
    if how == "cut off":
        lines[2] = lines[2][:40]
    elif how == "a digit":
        lines[2] = re.sub(r'"error": \d', '"error": 7', lines[2])
    elif how == "a point":
        lines[2] = re.sub(r'"arm": "."', '"arm": "c"', lines[2])
    elif how == "not a run":
        lines[2] = '{"seed": 0}'
    else:
        lines[2] = "\x00\ufffd pickle"
    return lines


@pytest.mark.parametrize("how", ["cut off", "a digit", "a point", "not a run", "bytes"])
def test_a_damaged_line_is_named_and_its_run_made_again(here, tmp_path, capsys, how):
    file = tmp_path / "runs.jsonl"
    assert main([*WORDS, "--resume", str(file), "--jobs", "1"]) == 0
    lines = damage(file.read_text(encoding="utf-8").splitlines(), how)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    CALLS.clear()
    capsys.readouterr()
    assert main([*WORDS, "--resume", str(file)]) == 0
    assert len(CALLS) == 1
    told = capsys.readouterr().err
    assert "line 3 is damaged" in told
    assert told.count("\n") == 1


def test_a_last_line_without_an_end_is_damage_and_the_next_one_is_whole(here, tmp_path, capsys):
    """What an interruption in the middle of a write leaves."""
    file = tmp_path / "runs.jsonl"
    assert main([*WORDS, "--seeds", "2", "--resume", str(file)]) == 0
    file.write_text(file.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    CALLS.clear()
    assert main([*WORDS, "--seeds", "2", "--resume", str(file)]) == 0
    assert len(CALLS) == 1
    assert "line 9 is damaged" in capsys.readouterr().err
    assert len(kept(TOY, str(file))[0]) == 8


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a letter\n", "not a file of runs"),
        ('{"schema": "theorycheck-runs/1", "experiment": "toy.other"}\n', "runs of toy.other"),
        (
            '{"schema": "theorycheck-runs/1", "experiment": "toy.runs", "protocol": "another law"}\n',
            "its protocol differ",
        ),
    ],
)
def test_another_file_is_refused_and_left_alone(here, tmp_path, capsys, content, told):
    file = tmp_path / "runs.jsonl"
    file.write_text(content, encoding="utf-8")
    assert main([*WORDS, "--resume", str(file)]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert (out, err.count("\n"), CALLS) == ("", 1, [])
    assert file.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    ("words", "told"), [(["--jobs", "-1"], "--jobs is -1"), (["--resume", "/nowhere/r"], "--resume")]
)
def test_bad_flags_are_one_sentence(here, capsys, words, told):
    assert main([*WORDS, *words]) == 2
    _, err = capsys.readouterr()
    assert told in err
    assert err.count("\n") == 1


def test_a_run_that_looks_at_the_others_would_be_seen(here, tmp_path, monkeypatch):
    """The control of the comparison above: what depends on the order of the runs differs when only some are made."""
    restless = replace(TOY, observe=lambda point, seed: {**observe(point, seed), "error": float(len(CALLS))})
    monkeypatch.setattr(theorems, "experiments", lambda *about: (restless,))
    file, first, second = (str(tmp_path / name) for name in ("runs.jsonl", "first.json", "second.json"))
    assert main([*WORDS, "--only", "arm=b", "--resume", file, "--jobs", "1"]) == 0
    assert main([*WORDS, "--resume", file, "--json", first, "--jobs", "1"]) == 0
    CALLS.clear()
    assert main([*WORDS, "--json", second, "--jobs", "1"]) == 0
    assert runs_of(tmp_path / "first.json") != runs_of(tmp_path / "second.json")
