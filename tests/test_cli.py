"""The command line: verbs, exit status, and what is imported when."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import toy_card as toy
from toy_card import run

from theorycheck import __version__
from theorycheck.cli import main
from theorycheck.theorems import cards

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    toy.plain_terminal(monkeypatch)


@pytest.fixture
def use(monkeypatch):
    """Replace the registry and the check by toys; ``use(report_maker)`` chooses the answer."""
    put = partial(toy.install, monkeypatch)
    put()
    return put


# --- list and show --------------------------------------------------------------------------


@pytest.mark.usefixtures("use")
def test_list(capsys):
    status, out, err = run(capsys, "list")
    assert (status, err) == (0, "")
    for words in (
        "toy.a",
        "derived",
        "near (beyond reach)",
        "they learn features",
        "no card yet",
        "rate (no proof yet)",
    ):
        assert words in out


@pytest.mark.usefixtures("use")
def test_list_as_markdown_and_json(capsys, tmp_path):
    target = tmp_path / "list.json"
    status, out, _ = run(capsys, "list", "--markdown", "--json", str(target))
    assert status == 0
    assert out.startswith("| theorem |")
    assert [card["label"] for card in json.loads(target.read_text())["cards"]] == ["toy.a", "toy.b", "toy.c"]
    assert [path.name for path in tmp_path.iterdir()] == ["list.json"]


@pytest.mark.usefixtures("use")
@pytest.mark.parametrize(
    ("form", "words"), [("text", "γ⋅κₙ"), ("markdown", r"$$\frac"), ("latex", r"\begin{description}")]
)
def test_show(capsys, form, words):
    status, out, _ = run(capsys, "show", "toy.a", "--format", form)
    assert status == 0
    assert words in out


@pytest.mark.usefixtures("use")
@pytest.mark.parametrize("verb", [["list"], ["show", "toy.a"], ["check", "toy.a"]])
def test_json_on_standard_output_is_alone(capsys, monkeypatch, verb):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for spelled in (["--json", "-"], ["--json=-"]):
        status, out, _ = run(capsys, *verb, *spelled)
        assert status == 0
        assert json.loads(out)["schema"] == "theorycheck/1"


# --- check ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("use")
def test_check_runs_every_showcase(capsys):
    status, out, err = run(capsys, "check")
    assert (status, err) == (0, "")
    assert "10 verdicts on 5 instances: 10 confirmed" in out
    assert out.count("diabetes") >= 2


@pytest.mark.usefixtures("use")
def test_check_one_card_with_flags_runs_once(capsys, tmp_path):
    target = tmp_path / "a.json"
    flags = ["--n", "1e1", "--gamma", "1e-1", "--label-column=-y", "--centre"]
    status, out, _ = run(capsys, "check", "toy.a", *flags, "--json", str(target))
    assert status == 0
    assert "on 1 instance:" in out
    instance = json.loads(target.read_text())["verdicts"][0]["instance"]
    assert instance["n"] == 10
    assert instance["flags"] == {"gamma": 0.1, "label_column": "-y", "centre": True}


@pytest.mark.usefixtures("use")
def test_flags_may_come_before_the_card(capsys):
    status, out, _ = run(capsys, "check", "--m", "7", "toy.a")
    assert status == 0
    assert "m=7" in out
    assert "toy.b" not in out


@pytest.mark.usefixtures("use")
def test_a_papers_flags_go_where_they_exist(capsys):
    status, out, _ = run(capsys, "check", "toy", "--m", "7", "--n", "3")
    assert status == 0
    assert "on 3 instances" in out
    assert "note: toy.c has no --m: it ran without" in out


def test_refuted_is_status_1_with_a_reason(capsys, use):
    use(lambda theorem, instance: toy.report(theorem, instance, wide=1.0, rate=-0.5, near=1.0))
    status, out, _ = run(capsys, "check", "toy.c")
    assert status == 1
    assert "refuted: toy.c rate (n=2): rate not met" in out
    assert "1 refuted" in out


def test_undecided_and_vacuous_are_status_0(capsys, use):
    use(lambda theorem, instance: toy.report(theorem, instance, wide=-1.0, rate=-0.5, near=float("nan")))
    status, out, _ = run(capsys, "check", "toy.c")
    assert status == 0
    assert "undecided: toy.c near" in out
    assert "1 vacuous" in out


def test_a_stalled_flow_is_undecided_and_the_job_goes_on(capsys, use):
    use(toy.stalls)
    status, out, _ = run(capsys, "check", "--n", "3")
    assert status == 0
    assert "undecided: toy.a rate (n=3): rate unsure: slack – ± inf (the flow stalled at t = 2: a gate chatters)" in out
    assert "4 confirmed" in out


def test_a_broken_card_is_status_1_and_the_job_goes_on(capsys, use):
    def breaks(theorem, instance):
        if theorem.label == "toy.a":
            raise KeyError("a bug")
        return toy.confirmed(theorem, instance)

    use(breaks)
    status, out, err = run(capsys, "check", "toy", "--n", "3")
    assert status == 1
    assert "broken: toy.a" in out
    assert "KeyError" in err
    assert "4 confirmed" in out


@pytest.mark.usefixtures("use")
def test_the_bar_is_shown_on_a_terminal_only(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, _, err = run(capsys, "check", "toy.c")
    assert "toy.c" in err
    monkeypatch.delenv("FORCE_COLOR")
    assert run(capsys, "check", "toy.c")[2] == ""


def test_ctrl_c_is_status_130_and_keeps_the_old_file(capsys, use, tmp_path):
    def stop(theorem, instance):
        raise KeyboardInterrupt

    use(stop)
    target = tmp_path / "a.json"
    target.write_text("old")
    status, out, err = run(capsys, "check", "toy.c", "--json", str(target))
    assert (status, out) == (130, "")
    assert err.count("\n") == 1
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.usefixtures("use")
def test_json_replaces_the_file_behind_a_link_and_spares_devices(capsys, tmp_path):
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    assert run(capsys, "list", "--json", str(link))[0] == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())["cards"]
    assert target.stat().st_mode & 0o777 == 0o640
    assert run(capsys, "list", "--json", os.devnull)[0] == 0
    assert Path(os.devnull).is_char_device()


@pytest.mark.usefixtures("use")
def test_help_of_a_card_is_its_example(capsys):
    status, out, _ = run(capsys, "check", "toy.a", "--help")
    assert status == 0
    for words in ("--label-column", "share of the uniform part, in [0, 1] [default: 0.5]", "--draws", "--json"):
        assert words in out
    assert "--gamma" not in run(capsys, "check", "toy.c", "--help")[1]
    assert "--gamma" in run(capsys, "check", "--help")[1]


# --- what is imported when ------------------------------------------------------------------

HEAVY = """
import sys
from theorycheck.cli import main
status = main(sys.argv[1:])
heavy = {"sympy", "numba", "scipy", "numpy", "flint", "sklearn", "hypothesis"}
heavy |= {name for name in sys.modules if name.startswith("theorycheck.theorems") and name.count(".") < 3}
print(status, *sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


def python(*arguments: str, **more) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, check=False, **more)


@pytest.mark.parametrize("tokens", [["--help"], ["--version"], ["list", "--help"], ["show", "--help"], []])
def test_help_imports_nothing_heavy(tokens):
    done = python("-c", HEAVY, *tokens)
    assert done.stderr == "0\n"
    assert done.stdout


def test_verbs_import_what_they_need():
    """Deriving the expressions of another paper would take seconds."""
    done = python("-c", HEAVY, "show", "caron2023.r0")
    assert done.stderr.startswith("0 ")
    assert "sympy" in done.stderr
    assert "theorycheck.theorems " in done.stderr + " "
    assert "razborov2022" not in done.stderr
    assert {one.label.partition(".")[0] for one in cards("shi2023.linear", "core")} == {"core", "shi2023"}
    assert cards("nobody.a") == cards()


def test_module_and_version():
    done = python("-m", "theorycheck", "--version")
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")
    assert python("-m", "theorycheck", "chek").returncode == 2


def test_a_reader_that_leaves_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "theorycheck", "show", "chen2022.a"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as job:
        assert job.stdout is not None
        assert job.stderr is not None
        job.stdout.close()
        assert job.stderr.read() == b""
        assert job.wait(60) == 141


@pytest.mark.usefixtures("use")
def test_ascii_output_is_readable(monkeypatch):
    for tokens, words in ((["check", "toy.c"], "0.25 +/- 1e-09"), (["show", "toy.a"], "gamma*kappa_n")):
        page = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", page)
        assert main(tokens) == 0
        page.flush()
        assert words in page.buffer.getvalue().decode("ascii")
