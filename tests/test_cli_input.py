"""Wrong usage and bad input are one sentence and status 2; the real cards on the command line."""

from __future__ import annotations

import json
from functools import partial

import pytest
import toy_card as toy
from test_report import latex_faults
from toy_card import run

from theorycheck.flags import flags_of


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    toy.plain_terminal(monkeypatch)


@pytest.fixture
def use(monkeypatch):
    """Replace the registry and the check by toys; ``use(report_maker)`` chooses the answer."""
    put = partial(toy.install, monkeypatch)
    put()
    return put


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


def test_a_choice_lists_its_choices(capsys):
    status, _, err = run(capsys, "show", "core.weyl", "--format", "html")
    assert status == 2
    assert "is one of text, markdown, latex" in err
