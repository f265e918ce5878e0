"""The verbs certify and recheck on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from theorycheck.certify import certify
from theorycheck.certify.checkpoint import at_checkpoint
from theorycheck.certify.document import save
from theorycheck.cli import main
from theorycheck.theorems import recipe

# --- the command line ----------------------------------------------------------------------------


def test_certify_and_recheck_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = str(tmp_path / "cert.json")
    flags = ["--n", "2", "--d", "2", "--data", "orthogonal", "--m", "2000", "--residual", "0.3"]
    assert main(["certify", "caron2023.r0", *flags, "--out", out]) == 0
    text = capsys.readouterr().out
    assert "proved at least" in text
    assert "written to cert.json" in text
    assert main(["recheck", out]) == 0
    assert "valid: caron2023.r0" in capsys.readouterr().out
    content = json.loads(Path(out).read_text())
    content["conclusions"][1]["value"] *= 2
    Path(out).write_text(json.dumps(content))
    assert main(["recheck", out]) == 1
    assert "NOT valid: conclusion rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["certify"], "needs a theorem"),
        (["certify", "caron2023.r1"], "cannot be certified"),
        (["certify", "caron2023.r0", "--dynamics", "descent"], "speaks of flow"),
        (["certify", "caron2023.r0", "--theta", "1.5"], "--theta must lie"),
        (["certify", "caron2023.r0", "--m", "0"], "--m must be at least 1"),
        (["certify", "chen2022.a", "--m", "7"], "must be even"),
        (["certify", "razborov2022.r1", "--scheme", "xavier"], "--scheme must be one of"),
        (["certify", "caron2023.r0", "--wiidth", "3"], "there is no flag"),
        (["certify", "caron2023.r0", "--out", "no/such/folder/c.json"], "cannot be written"),
        (["certify", "caron2023.r0", "--find-width", "--draws", "0"], "at least 1"),
        (["certify", "caron2023.r0", "--find-width", "--out", "c.json"], "leave out --out"),
        (["certify", "caron2023.r0", "--draws", "3"], "belongs to --find-width"),
        (["certify", "caron2023.r0", "--out", "c.npz"], "is a JSON file"),
        (["certify", "caron2023.r0", "--out", "c.json", "--json", "c.json"], "name another file"),
        (["certify", "caron2023.r0", "--m", "1000000000000"], "lower m"),
        (["certify", "caron2023.r0", "--draw", "-1"], "at least 0"),
        (["certify", "caron2023.r0", "--residual", "-1"], "at least 0"),
        (["certify", "chen2022.c", "--activation", "tahn"], "did you mean tanh"),
        (["certify", "chen2022.c", "--activation", "1/z"], "not a finite real function"),
        (["certify", "chen2022.c", "--activation", "z*tanh(z)", "--out", "c.json"], "not written"),
        (["recheck", "no-such-file.json"], "no file"),
    ],
)
def test_wrong_usage_is_one_sentence(words: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_what_is_not_certified_is_status_1(capsys: pytest.CaptureFixture[str]):
    assert main(["certify", "caron2023.r0", "--m", "50"]) == 1
    assert "NOT certified" in capsys.readouterr().out
    assert main(["certify", "caron2023.r0", "--m", "50", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["certified"] is False


def test_find_width_on_the_command_line(capsys: pytest.CaptureFixture[str]):
    words = ["--n", "1", "--d", "2", "--residual", "0.1", "--gamma", "1", "--data", "orthogonal"]
    assert main(["certify", "caron2023.r0", *words, "--find-width", "--draws", "4"]) == 0
    assert "exact 95 % interval" in capsys.readouterr().out


def test_certify_does_not_need_the_current_folder(tmp_path: Path):
    words = ["certify", "caron2023.r0", "--n", "1", "--d", "1", "--m", "512", "--residual", "0.1", "--out", "a.json"]
    done = subprocess.run(
        [sys.executable, "-m", "theorycheck", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.json").exists()


def test_no_width_helps_where_the_inputs_are_dependent(capsys: pytest.CaptureFixture[str]):
    assert main(["certify", "chen2022.c", "--n", "4", "--d", "2", "--m", "64"]) == 1
    assert "n = 4 > d = 2" in capsys.readouterr().out


def test_a_recheck_tells_what_it_does_not_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    start = recipe("chen2022.c").example(n=3, d=6, m=64, data="orthogonal", label=0.01)
    path = save(certify(recipe("chen2022.c"), at_checkpoint(start, 1.0)), tmp_path / "k.json")[0]
    assert main(["recheck", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "not proved" in shown
    assert "not checked" in shown
    assert "Q at" in shown
