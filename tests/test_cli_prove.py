"""``theorycheck prove`` and ``theorycheck ledger``: output, status, bad input, JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from toy_card import run

from theorycheck import _cli_prove
from theorycheck.statement import Bound


def test_the_proofs_of_a_paper_are_printed_with_their_trust(capsys, tmp_path):
    target = tmp_path / "proofs.json"
    status, out, _ = run(capsys, "prove", "core", "--json", str(target))
    assert status == 0
    assert "core.groenwall rate" in out
    assert "[symbolic]" in out
    assert "symbolic or enclosed" in out
    document = json.loads(target.read_text(encoding="utf-8"))
    assert [proof["name"] for proof in document["proofs"]] == [
        "core.groenwall rate",
        "core.drift drift",
        "core.weyl singular value",
    ]
    assert {step["trust"] for step in document["proofs"][0]["steps"]} == {"symbolic", "cited"}


def test_a_broken_proof_is_status_1(capsys, monkeypatch):
    good = _cli_prove.proofs()[0]
    first = good.steps[0]
    broken = replace(good, steps=(replace(first, bound=Bound(first.bound.lhs + 1, first.bound.rhs)), *good.steps[1:]))
    monkeypatch.setattr(_cli_prove, "proofs", lambda: (broken,))
    status, out, _ = run(capsys, "prove")
    assert status == 1
    assert "BROKEN: off by" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prove", "chen2022.nothing"), "no proof"), (("ledger", "chen2022"), "paper"), (("ledger", "core.weyl"), "has a chain"),
        (("ledger", "chen2022.a", "--example", "9"), "give 1 to 3"), (("ledger", "chen2022.features"), "no proof"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(capsys, words, told):
    status, out, err = run(capsys, *words)
    assert status == 2
    assert told in err
    assert err.count("\n") == 1
    assert out == ""


def test_the_ledger_multiplies_to_the_whole(capsys, tmp_path):
    target = tmp_path / "ledger.json"
    status, out, _ = run(capsys, "ledger", "chen2022.a", "--example", "2", "--json", str(target))
    assert status == 0
    assert "loose by a factor of" in out
    for one in json.loads(target.read_text(encoding="utf-8"))["ledgers"]:
        assert math.prod(step["ratio"] for step in one["steps"]) == pytest.approx(one["whole"], rel=1e-9)
        shares = [step["share"] for step in one["steps"]]
        assert sum(shares) == pytest.approx(1.0)


def test_a_package_without_its_proofs_says_so(capsys, monkeypatch):
    monkeypatch.setattr(_cli_prove, "FOLDERS", ("nowhere",))
    _cli_prove.proofs.cache_clear()
    status, _, err = run(capsys, "prove")
    _cli_prove.proofs.cache_clear()
    assert status == 2
    assert "no folder of proofs" in err


def test_the_readmes_figures_are_the_ledgers(capsys, tmp_path):
    target = tmp_path / "ledger.json"
    assert run(capsys, "ledger", "chen2022.a", "--example", "3", "--json", str(target))[0] == 0
    found = next(
        one for one in json.loads(target.read_text(encoding="utf-8"))["ledgers"] if one["name"] == "chen2022.a rate"
    )
    ratios = {step["step"]: step["ratio"] for step in found["steps"]}
    text = " ".join((Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8").split())
    assert f"theorem A's rate is {found['whole']:.0f} times below what is seen" in text
    assert f"a factor {ratios['Groenwall']:.0f} because" in text
    assert f"{ratios['held']:.0f} because neurons" in text
    assert f"{ratios['least eigenvalue']:.1f} in the sandwich" in text
