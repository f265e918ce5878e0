"""The command line: verbs, exit status, bad input, and what is imported when."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import toy_card as toy
from test_report import latex_faults

import theorycheck
from theorycheck import __version__
from theorycheck.cli import main
from theorycheck.flags import flags_of

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def use(monkeypatch):
    """Replace the registry and the check by toys; ``use(report_maker)`` chooses the answer."""

    def put(make=toy.confirmed):
        cards = (toy.card("toy.a"), toy.card("toy.b"), toy.card("toy.c", toy.small_example))
        for name, module in (("theorems", toy.registry(*cards)), ("check", toy.checker(make))):
            monkeypatch.setitem(sys.modules, f"theorycheck.{name}", module)
            monkeypatch.setattr(theorycheck, name, module, raising=False)

    put()
    return put


def run(capsys, *tokens: str) -> tuple[int, str, str]:
    status = main(list(tokens))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


# --- list and show --------------------------------------------------------------------------


@pytest.mark.usefixtures("use")
def test_list(capsys):
    status, out, err = run(capsys, "list")
    assert (status, err) == (0, "")
    for words in ("toy.a", "derived", "near (beyond reach)", "they learn features", "no card yet"):
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


# --- wrong usage and bad input --------------------------------------------------------------

WRONG = [
    ("chek", ["'chek'", "nearest is check"]),
    ("--bogus", ["'--bogus'"]),
    ("list --markdwn", ["--markdwn", "--markdown"]),
    ("show", ["CARD is missing"]),
    ("show toy", ["'toy' is a paper", "toy.a"]),
    ("show toy.a --format pdf", ["--format", "pdf"]),
    ("show tyo.a", ["'tyo.a'", "toy.a"]),
    ("check toy.z", ["'toy.z'", "nearest is", "toy.a"]),
    ("check qqq", ["'qqq'", "choose one of", "toy.a"]),
    ("check toy.a toy.b", ["'toy.b'", "too many"]),
    ("check toy.a --gama 1", ["--gama", "nearest is --gamma"]),
    ("check toy.c --gamma 1", ["--gamma"]),
    ("check toy.a --n five", ["--n takes a whole number", "'five'"]),
    ("check toy.a --n 2.5", ["--n takes a whole number", "'2.5'"]),
    ("check toy.a --n 1e400", ["--n takes a whole number"]),
    ("check toy.a --gamma much", ["--gamma takes a number", "'much'"]),
    ("check toy.a --n", ["--n needs a value"]),
    ("check toy.a --n 1 --n 2", ["--n is given more than once"]),
    ("check toy.a --centre=maybe", ["--centre takes true or false"]),
    ("check toy.a --draws 0", ["--draws is 0"]),
    ("check toy.a --n 0", ["toy.a: n is 0"]),
    ("check toy --gamma 2", ["toy.a: gamma is 2.0"]),
    ("check toy.a --gamma nan", ["gamma is nan"]),
    ("check toy.a --data none.csv", ["--data", "none.csv", "does not exist"]),
    ("check toy.a --activation swirl", ["'swirl'"]),
    ("check toy.a --activation z.__class__", ["z.__class__"]),
    ("check toy.a --activation __import__('os').getcwd()", ["--activation"]),
    ("check --json", ["--json needs a value"]),
    ("check --json no/such/folder/a.json", ["--json 'no/such/folder/a.json' cannot be written"]),
    ("check --json .", ["--json '.' cannot be written", "directory"]),
]


@pytest.fixture
def _no_work(use, tmp_path, monkeypatch):
    def never(theorem, instance):
        raise AssertionError("the work began")

    use(never)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[line for line, _ in WRONG])
@pytest.mark.usefixtures("_no_work")
def test_wrong_usage_is_one_sentence(capsys, tmp_path, line, words):
    target = [] if "--json" in line or not line.startswith("check") else ["--json", "out.json"]
    status, out, err = run(capsys, *line.split(" "), *target)
    assert (status, out) == (2, "")
    assert err.startswith("theorycheck: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["a,b,y\n1,2,3\n4,nan,6\n", "a,b,y\n1,2,3\n4,inf,6\n", "", "a,b,y\n1,2\n3\n", "a,y\n1,x\n"]
)
@pytest.mark.usefixtures("use")
def test_bad_files_are_one_sentence(capsys, tmp_path, text):
    source = tmp_path / "points.csv"
    source.write_text(text)
    status, out, err = run(capsys, "check", "toy.a", "--data", str(source))
    assert (status, out) == (2, "")
    assert err.startswith("theorycheck: error: toy.a: --data: source 'points.csv'")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("use")
def test_a_good_file_is_no_error(capsys, tmp_path):
    source = tmp_path / "points.csv"
    source.write_text("a,b,y\n1,2,3\n4,-5,6\n7,8,1\n")
    status, out, _ = run(capsys, "check", "toy.a", "--data", str(source), "--label-column", "y")
    assert status == 0
    assert "n=3" in out


# --- what is imported when ------------------------------------------------------------------

HEAVY = """
import sys
from theorycheck.cli import main
status = main(sys.argv[1:])
heavy = {"sympy", "numba", "scipy", "numpy", "flint", "sklearn", "hypothesis", "theorycheck.theorems", "theorycheck.statement"}
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
    done = python("-c", HEAVY, "list")
    assert done.stderr.startswith("0 ")
    assert "sympy" in done.stderr


def test_module_and_version():
    done = python("-m", "theorycheck", "--version")
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")
    assert python("-m", "theorycheck", "chek").returncode == 2


def test_a_reader_that_leaves_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "theorycheck", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
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


# --- the real cards -------------------------------------------------------------------------


def test_every_card_can_be_shown_and_asked_for_its_flags(capsys):
    from theorycheck import theorems

    for card in theorems.cards():
        for form in ("text", "markdown", "latex"):
            status, out, _ = run(capsys, "show", card.label, "--format", form)
            assert (status, card.title.split()[0] in out) == (0, True)
            faults = latex_faults(out) if form == "latex" else []
            assert faults == [], card.label
        status, out, _ = run(capsys, "check", card.label, "--help")
        assert status == 0
        for flag in flags_of(card):
            assert flag.option in out


def test_every_showcase_uses_flags_of_its_card():
    from theorycheck import theorems

    for card in theorems.cards():
        known = {flag.name for flag in flags_of(card)}
        assert [set(flags) - known for flags in card.showcase if set(flags) - known] == []


REAL = [
    ("--n 0", ["--n"]),
    ("--d 0", ["--d"]),
    ("--gamma 2", ["gamma", "[0, 1]"]),
    ("--gamma nan", ["gamma"]),
    ("--data none.csv", ["--data", "does not exist"]),
    ("--data nan.csv", ["nan.csv", "'nan' is not a finite number"]),
    ("--data diabets", ["diabetes"]),
    ("--m 100000000000", ["m = 100000000000", "lower m"]),
]


@pytest.mark.parametrize(("line", "words"), REAL, ids=[line for line, _ in REAL])
def test_bad_input_to_a_real_card(capsys, tmp_path, monkeypatch, line, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nan.csv").write_text("a,b,y\n1,2,3\n4,nan,6\n")
    status, out, err = run(capsys, "check", "caron2023.r1", *line.split(), "--json", "out.json")
    assert (status, out) == (2, "")
    assert err.startswith("theorycheck: error: caron2023.r1: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert [path.name for path in tmp_path.iterdir()] == ["nan.csv"]


def test_a_real_check_end_to_end(capsys, tmp_path):
    target = tmp_path / "weyl.json"
    status, out, err = run(capsys, "check", "core.weyl", "--n", "2", "--m", "32", "--json", str(target))
    assert (status, err) == (0, "")
    assert "m=32" in out
    (record,) = json.loads(target.read_text())["verdicts"]
    assert record["instance"]["m"] == 32
    assert record["outcome"] in out
