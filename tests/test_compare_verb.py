"""The verb ``theorycheck compare``: the user's file, the picture, workers, mistakes, the README's session."""

from __future__ import annotations

import json
import pickle
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import toy_card as toy
from sklearn import datasets
from toy_card import run

from theorycheck import _cli_compare, compare
from theorycheck._cli_compare import _refuse_degenerate
from theorycheck._cli_flags import UsageError
from theorycheck.compare_widths import Needed
from theorycheck.report_compare import draw
from theorycheck.theorems import comparisons

ENTRIES = {entry.theorem.label: entry for entry in comparisons()}
GOOD = {"X": np.array([[1.0, 0, 0, 0], [0.6, 0.8, 0, 0], [0.5, -0.1, 0.8, 0]]), "y": np.array([0.7, -0.4, 0.5])}


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    toy.plain_terminal(monkeypatch)


# --- the verb --------------------------------------------------------------------------------------------

QUICK = ("--only", "chen2022.initial_scale,chen2022.d,caron2023.r1", "--m", "0")


def documented(capsys, target, *words):
    status, out, err = run(capsys, "compare", *words, "--json", str(target))
    assert (status, err) == (0, "")
    return out, json.loads(target.read_text(encoding="utf-8"))


def test_a_csv_file_says_what_the_bundled_set_says(capsys, tmp_path):
    bunch = datasets.load_diabetes()
    whole = np.column_stack([bunch.data, bunch.target])

    def lines(name, table):
        (tmp_path / name).write_text("\n".join(",".join(map(repr, row)) for row in table.tolist()))
        words = ("--data", str(tmp_path / name), "--rows", "4", *QUICK)
        return documented(capsys, tmp_path / "out.json", *words)[1]["lines"]

    out, document = documented(capsys, tmp_path / "own.json", "--data", "diabetes", "--rows", "4", *QUICK)

    def figures(rows):
        return [{key: value for key, value in row.items() if key != "command"} for row in rows]

    assert figures(lines("points.csv", whole)) == figures(document["lines"])
    whole[1, 2] += 0.02
    assert figures(lines("other.csv", whole)) != figures(document["lines"])
    assert "diabetes: n = 4 rows, d = 10" in out
    assert "chen2022.d: does not apply at any width, as this fails: G is diagonal" in out
    assert "2 of 3 theorems apply" in out
    # the table is in order of width, what does not apply comes last
    assert [row["theorem"] for row in document["lines"]] == ["chen2022.initial_scale", "caron2023.r1", "chen2022.d"]
    first, second, third = document["lines"]
    assert first["verdict"] == "confirmed"
    assert first["width"] == first["m"]
    assert second["m"] is None
    assert second["width"] > 10**9
    assert (third["applies"], third["at_any_width"]) == (False, False)
    # the command shows the same network again
    assert run(capsys, *shlex.split(first["command"])[1:], "--json", str(tmp_path / "again.json"))[0] == 0
    again = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))["verdicts"]
    rate = next(one for one in again if one["claim"] == "rate")
    assert rate["outcome"] == "confirmed"
    assert rate["instance"]["m"] == first["m"]


def test_the_picture_has_a_bar_for_every_kind(tmp_path):
    entry = ENTRIES["chen2022.d"]
    kinds = [Needed("stated", 10**9), Needed("tested", 60, 58, (60, 40)), Needed("tested", None, 90), Needed("stated", None, anywhere=True)]  # fmt: skip
    sizes = []
    for shown in (kinds, kinds[:1]):
        draw([(entry, compare.Line(asks)) for asks in shown], tmp_path / "widths.svg", 90)
        drawing = (tmp_path / "widths.svg").read_text(encoding="utf-8")
        sizes.append(drawing.count("<path"))
        # text is drawn as glyphs, and the SVG says in comments which
        assert ("does not apply" in drawing) == ("[40, 60]" in drawing) == (len(shown) == 4)
        assert "1e+09" in drawing
    assert sizes[0] > sizes[1]


def test_many_theorems_are_shared_out_to_workers(monkeypatch):
    """As in processes of their own: what goes there and comes back is pickled, and the order is kept."""

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers, mp_context, initializer):
            super().__init__(workers)

        def submit(self, work, *arguments):
            return super().submit(lambda: pickle.loads(pickle.dumps(work(*pickle.loads(pickle.dumps(arguments))))))

    monkeypatch.setattr(_cli_compare, "ProcessPoolExecutor", Pool)
    lines = {}
    monkeypatch.setattr(_cli_compare, "_line", lambda entry, *rest: lines.setdefault(entry.theorem.label, compare.Line(None, why=entry.theorem.label)))  # fmt: skip
    some = list(ENTRIES.values())[3:9]
    found = _cli_compare._lines(some, {}, {})
    assert [line.why for line in found] == [entry.theorem.label for entry in some] == list(lines)


def test_a_theorem_that_breaks_does_not_stop_the_others(capsys, monkeypatch):
    def line(entry, *rest):
        if entry.theorem.label == "chen2022.d":
            raise ZeroDivisionError("oh")
        return compare.Line(Needed("stated", 7))

    monkeypatch.setattr(_cli_compare, "_line", line)
    status, out, err = run(capsys, "compare", "--only", "chen2022.d,chen2022.f")
    assert status == 1
    assert "chen2022.d: broken: ZeroDivisionError: oh" in out
    assert "1 of 2 theorems apply" in out
    assert "Traceback" in err


WRONG = [
    (("--data", "none.csv"), "does not exist"), (("--data", "nan.csv"), "not a finite number"), (("--data", "one.csv"), "row 0 is zero"),
    (("--data", "same.csv"), "rows 0 and 2 are the same"), (("--only", "caron"), "caron2023"), (("--cap", "1"), "--cap is 1"),
    (("--delta", "2"), "--delta"), (("--picture", "a.jpg"), ".svg"), (("--activation", "zz"), "--activation"), (("--rows", "3"), "--rows"),
    (("--theta", "1"), "no flag --theta"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_bad_input_is_one_sentence(capsys, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    Path("nan.csv").write_text("a,b,y\n1,2,3\n4,nan,6\n")
    Path("one.csv").write_text("a,b,y\n1,2,3\n")
    Path("same.csv").write_text("a,b,y\n1,2,3\n4,1,6\n1,2,0\n")
    status, out, err = run(capsys, "compare", *words)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_opposite_and_nearly_equal_rows_are_not_refused():
    _refuse_degenerate(np.array([[1.0, 0], [-1.0, 0], [1.0, 1e-9]]), "")
    with pytest.raises(UsageError, match="rows 0 and 2"):
        _refuse_degenerate(np.array([[1.0, 0], [-1.0, 0], [1.0, 1e-13]]), "")


def test_help_names_every_flag(capsys):
    status, out, _ = run(capsys, "compare", "--help")
    assert status == 0
    for word in (
        "--data",
        "--rows",
        "--label-column",
        "--widest",
        "--cap",
        "--draws",
        "--picture",
        "--json",
        "stated",
        "tested",
    ):
        assert word in out


def test_the_session_of_the_readme_is_what_is_printed(capsys, monkeypatch):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^theorycheck (compare [^#\n]*--only[^#\n]*)$", readme, flags=re.MULTILINE)
    (said,) = re.findall(r"```text\n(which guarantee holds .*?)```", readme, flags=re.DOTALL)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(_cli_compare, "MANY", 99)  # the same in this process
    status, out, _ = run(capsys, *command.split())
    assert status == 0
    assert out.rsplit("\n", 2)[0].strip() == said.strip()
    assert said.strip() != out.strip(), "the last line is the time that it took"
