"""The verb ``hunt``: what it prints, its exit status, bad input, JSON; and the example of the README."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import toy_card as toy
from toy_card import run

from theorycheck import _cli_hunt, check, theorems

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch):
    toy.plain_terminal(monkeypatch)


# --- a theorem, and its sabotage ----------------------------------------------------------------


def test_a_theorem_is_status_0_and_every_claim_is_hunted(capsys):
    status, out, err = run(capsys, "hunt", "core.weyl", "--examples", "3")
    claims = theorems.card("core.weyl").claims
    assert (status, err) == (0, "")
    for claim in claims:
        assert f": core.weyl {claim.label}: " in out
    assert out.count("  looked at 3 instances; the one that hurts most:") == len(claims)
    assert "refuted" not in out
    assert re.search(r"^    n \d+$", out, flags=re.MULTILINE)
    assert re.search(r"^  \S+ <=? \S+: yes, slack \S+ ± \S+", out, flags=re.MULTILINE)
    assert f"{len(claims)} claim of core.weyl, " in out


def test_a_sabotage_is_refuted_with_status_1(capsys, tmp_path):
    card, target = theorems.card("core.weyl"), tmp_path / "hunt.json"
    label = card.sabotages[0].label
    status, out, _ = run(capsys, "hunt", "core.weyl", label, "--examples", "100", "--json", str(target))
    assert status == 1
    assert out.startswith(f"refuted: core.weyl {label}: ")
    (found,) = json.loads(target.read_text())["finds"]
    assert (found["claim"], found["outcome"]) == (label, "refuted")
    assert found["conclusion"]["truth"] == "no"
    assert found["conclusion"]["slack"] < -found["conclusion"]["error"]
    assert 1 <= found["looked_at"] <= 100
    assert f"looked at {found['looked_at']} instance" in out
    # what is printed is what was found
    for key, value in _cli_hunt.plain(found["instance"]).items():
        assert f"    {key} {value}\n" in out
    assert f"  {found['conclusion']['lhs']:.6g} <= {found['conclusion']['rhs']:.6g}: no, " in out


def test_json_on_standard_output_is_alone(capsys):
    status, out, _ = run(capsys, "hunt", "core.weyl", "--examples", "1", "--json", "-")
    document = json.loads(out)
    assert status == 0
    assert document["schema"] == "theorycheck/1"
    assert document["theorem"] == "core.weyl"
    assert [found["looked_at"] for found in document["finds"]] == [1]


def test_seed_and_draws_reach_the_hunt(capsys, monkeypatch):
    asked = []
    real = check.hunt

    def told(theorem, claim, **given):
        asked.append({name: given[name] for name in ("examples", "seed", "draws")})
        return real(theorem, claim, **(given | {"examples": 1, "draws": 1}))

    monkeypatch.setattr(check, "hunt", told)
    run(capsys, "hunt", "core.weyl", "--examples", "5", "--seed", "7", "--draws", "3")
    assert asked == [{"examples": 5, "seed": 7, "draws": 3}]


def test_progress_grows_to_the_end():
    fractions = []
    card = theorems.card("core.weyl")
    found = check.hunt(card, card.claims[0], examples=4, progress=fractions.append)
    assert found.looked_at == 4
    assert fractions == [0.25, 0.5, 0.75, 1.0]


def test_the_bar_is_shown_on_a_terminal_only(capsys, monkeypatch):
    assert run(capsys, "hunt", "core.weyl", "--examples", "1")[2] == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert theorems.card("core.weyl").claims[0].label in run(capsys, "hunt", "core.weyl", "--examples", "1")[2]


def test_of_two_entries_of_one_name_the_outer_is_told():
    assert _cli_hunt.plain({"n": 2, "flags": {"n": 3, "nu": {"nu": 1.0}}}) == {"n": 2, "nu": 1.0}


# --- wrong usage and bad input ---------------------------------------------------------------------

WRONG = [
    ("hunt", ["CARD is missing"]),
    ("hunt chen2022.naiv", ["no card or paper 'chen2022.naiv'", "nearest is chen2022.naive"]),
    ("hunt chen2022", ["'chen2022' is a paper", "chen2022.a"]),
    ("hunt core.weyl nonsense", ["no claim 'nonsense'", "'singular value'"]),
    ("hunt core.weyl singular", ["no claim 'singular'", "nearest is", "singular value"]),
    ("hunt core.weyl --examples 0", ["--examples is 0", "at least 1"]),
    ("hunt core.weyl --examples many", ["--examples takes a whole number", "'many'"]),
    ("hunt core.weyl --draws 0", ["--draws is 0", "at least 1"]),
    ("hunt core.weyl --seed=-1", ["--seed is -1", "at least 0"]),
    ("hunt core.weyl --example 3", ["--example", "nearest is --examples"]),
    ("hunt core.weyl --json no/such/folder/a.json", ["cannot be written"]),
    ("hont core.weyl", ["'hont'", "nearest is hunt"]),
]


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_usage_is_one_sentence(capsys, monkeypatch, tmp_path, line, words):
    def never(*args, **more):
        raise AssertionError("the work began")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "hunt", never)
    status, out, err = run(capsys, *line.split())
    assert (status, out) == (2, "")
    assert err.startswith("theorycheck: error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert list(tmp_path.iterdir()) == []


# --- what is known to be false -----------------------------------------------------------------------


def test_conjectures_are_listed_apart(capsys):
    status, out, _ = run(capsys, "list")
    table, _, false = out.partition("Known to be false, kept for their counterexamples:")
    assert status == 0
    assert "chen2022.naive" in false
    assert "chen2022.naive" not in table
    assert "chen2022.naive" not in run(capsys, "list", "--markdown")[1]
    document = json.loads(run(capsys, "list", "--json", "-")[1])
    assert [card["label"] for card in document["conjectures"]] == ["chen2022.naive"]
    assert "chen2022.naive" not in [card["label"] for card in document["cards"]]


def test_a_conjecture_is_shown_and_checked_by_its_name_only(capsys, monkeypatch):
    status, out, _ = run(capsys, "show", "chen2022.naive")
    assert status == 0
    assert "FALSE" in out
    status, out, _ = run(capsys, "check", "chen2022.naive", "--control", "chain", "--draws", "20")
    assert status == 1
    assert "refuted: chen2022.naive to 0" in out
    ran = []
    monkeypatch.setattr("theorycheck._cli_check.run", lambda jobs, draws: (ran.extend(jobs), ([], []))[1])
    for tokens in (["check"], ["check", "chen2022"]):
        assert run(capsys, *tokens)[0] == 0
    labels = {job.theorem.label for job in ran}
    assert "chen2022.a" in labels
    assert "chen2022.naive" not in labels


def _skeleton(text: str) -> list[str]:
    """The first line, the keys of the instance, and the other lines without their numbers."""
    first, *others = text.strip().splitlines()
    return [first, *(re.sub(r"^(    \S+) .*|[-+]?\d[\d.e+-]*", r"\1", line) for line in others)]


def test_the_example_of_the_readme_runs_and_prints_what_it_says(capsys):
    (line,) = re.findall(r"^theorycheck (hunt [^#\n]*)", README, flags=re.MULTILINE)
    (said,) = re.findall(r"```text\n(refuted: .*?)```", README, flags=re.DOTALL)
    status, out, _ = run(capsys, *shlex.split(line))
    assert status == 1
    assert _skeleton(out) == _skeleton(said)
    assert _skeleton(out.replace("refuted", "confirmed")) != _skeleton(said)


def test_where_no_instance_meets_the_premises_it_says_so(capsys):
    """It used to call the last of them the one that hurts most, with nan on both sides."""
    status, out, _ = run(capsys, "hunt", "chen2022.g", "rate", "--examples", "1", "--seed", "0")
    assert status == 0
    assert "vacuous" in out
    assert "none of them met the premises" in out
    assert "nan" not in out
