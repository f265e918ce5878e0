"""``theorycheck prove`` and ``theorycheck ledger``: output, status, pictures, bad input, JSON."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from test_report import latex_faults
from toy_card import run

from theorycheck import _cli_prove, proof_files
from theorycheck.report_graph import graphs, layout, mermaid
from theorycheck.report_proof import latex
from theorycheck.statement import Bound

README = " ".join((Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8").split())


def test_the_proofs_of_a_paper_are_printed_with_their_trust(capsys, tmp_path):
    target = tmp_path / "proofs.json"
    status, out, _ = run(capsys, "prove", "core", "--json", str(target))
    assert status == 0
    assert "core.groenwall rate" in out
    assert "[symbolic]" in out
    assert "symbolic or enclosed" in out
    # what it applies is told with the trust of its weakest step
    assert "stands on textbook Groenwall (cited)" in out
    document = json.loads(target.read_text(encoding="utf-8"))
    names = [proof["name"] for proof in document["proofs"]]
    assert names == ["core.groenwall rate", "core.drift drift", "core.weyl singular value"]
    assert {step["trust"] for step in document["proofs"][0]["steps"]} == {"symbolic", "sampled"}
    assert document["stands_on"][0]["name"] == "textbook Groenwall"


def test_a_card_brings_the_lemmas_of_its_paper(capsys):
    status, out, _ = run(capsys, "prove", "caron2023.r0_smooth c")
    assert status == 0
    assert "caron2023 L7" in out
    assert "core.drift drift (sampled)" in out


def test_a_broken_proof_is_status_1(capsys, monkeypatch):
    good = next(proof for proof in proof_files.proofs("core") if proof.name == "core.groenwall rate")
    first = good.steps[0]
    broken = replace(good, steps=(replace(first, bound=Bound(first.bound.lhs + 1, first.bound.rhs)), *good.steps[1:]))
    monkeypatch.setattr(_cli_prove, "proofs", lambda: (broken,))
    status, out, _ = run(capsys, "prove")
    assert status == 1
    assert "BROKEN: off by" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prove", "chen2022.nothing"), "no proof"), (("ledger", "chen2022"), "paper"), (("ledger",), "needs a card"),
        (("ledger", "chen2022.a", "--example", "9"), "numbered from 1"), (("ledger", "chen2022.a", "--claim", "speed"), "no claim"),
        (("ledger", "chen2022.a", "--example", "1", "--n", "3"), "two things"), (("ledger", "chen2022.a", "--theta", "1"), "no flag"),
        (("ledger", "chen2022.a", "--n", "-3"), "--n"), (("ledger", "caron2023.r0", "--claim", "d"), "no chain"),
        (("prove", "core", "--graph", "g.txt"), "ends in .svg"), (("prove", "core", "--format", "html"), "is one of text"),
        (("ledger", "chen2022.a", "--picture", "nowhere/w.svg"), "No such file"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(capsys, words, told):
    status, out, err = run(capsys, *words)
    assert status == 2
    assert told in err
    assert err.count("\n") == 1
    assert out == ""


def test_the_ledger_multiplies_to_the_whole(capsys, tmp_path):
    target, picture = tmp_path / "ledger.json", tmp_path / "waterfall.svg"
    words = ("--n", "3", "--d", "4", "--m", "500", "--seed", "2", "--picture", str(picture), "--json", str(target))
    status, out, _ = run(capsys, "ledger", "chen2022.a", *words)
    assert status == 0
    assert "loose by a factor of" in out
    assert "--m 500" in out
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    document = json.loads(target.read_text(encoding="utf-8"))
    assert document["flags"]["seed"] == 2
    for one in document["ledgers"]:
        assert math.prod(step["ratio"] for step in one["steps"]) == pytest.approx(one["whole"], rel=1e-9)
        shares = [step["share"] for step in one["steps"]]
        assert sum(shares) == pytest.approx(1.0)


def test_a_package_without_its_proofs_says_so(capsys, monkeypatch):
    monkeypatch.setattr(proof_files, "FOLDERS", ("nowhere",))
    for words in (("prove",), ("list",), ("ledger", "chen2022.a")):
        status, _, err = run(capsys, *words)
        assert status == 2
        assert "no folder of proofs" in err


# --- graphs and LaTeX ------------------------------------------------------------------------------------


def checked(name):
    return [(proof, proof.check()) for proof in proof_files.proofs("caron2023") if proof.name == name]


def test_the_graph_has_an_edge_for_everything_that_a_step_stands_on():
    (graph,) = graphs(found := checked("caron2023.r0 a"))
    proof = found[0][0]
    assert ("flips", "little movement") in graph.edges
    assert ("given: test", "little movement") in graph.edges
    wanted = {(name, step.label) for step in proof.steps for name in step.uses if name != "nonnegative"}
    assert set(graph.edges) == wanted
    rows = layout(graph)
    depth = {name: k for k, row in enumerate(rows) for name in row}
    assert sorted(depth) == sorted(graph.nodes)
    assert all(depth[tail] < depth[head] for tail, head in graph.edges)


def test_many_proofs_are_one_graph_of_proofs_as_trusted_as_the_weakest_step_behind_them():
    found = [(proof, proof.check()) for proof in proof_files.proofs("textbook")]
    (graph,) = graphs(found)
    assert graph.nodes["textbook Markov"][0] == "cited"
    # its own steps are symbolic and enclosed, but it applies what is cited
    assert graph.nodes["textbook matrix Chernoff, one half"][0] == "cited"
    alone = [one for one in found if one[0].name != "textbook matrix Laplace transform"]
    assert graphs(alone)[0].nodes["textbook matrix Chernoff, one half"][0] == "enclosed"
    assert ("textbook matrix Laplace transform", "textbook matrix Chernoff, one half") in graph.edges


def test_mermaid_escapes_and_colours(capsys, tmp_path):
    text = mermaid(checked("caron2023.r0 c"))
    assert text.startswith("flowchart TD\n")
    assert ":::premise" in text
    assert "classDef sampled" in text
    picture = tmp_path / "graph.svg"
    status, out, _ = run(capsys, "prove", "core.weyl", "--format", "mermaid", "--graph", str(picture))
    assert status == 0
    assert ":::cited" in out
    assert picture.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("name", ["caron2023.r1 c", "caron2023 r1_log, failure", "caron2023 L2"])
def test_the_latex_of_a_whole_proof_has_no_faults_and_every_step(name):
    text = latex(found := checked(name))
    head, body = text.split(r"\begin{document}")
    assert r"\newcommand{\fit}" in head
    # \fit sets its argument in math mode
    inline = re.sub(r"\\fit\{(.*)\}\\smallskip", r"$\1$", body)
    assert r"\fit" not in inline
    assert latex_faults(r"\begin{document}" + inline) == []
    assert text.count(r"\item") == len(found[0][0].steps)
    assert text.rstrip().endswith(r"\end{document}")


# --- the README's figures ----------------------------------------------------------------------------------


def test_the_readmes_figures_are_the_ledgers(capsys, tmp_path):
    target = tmp_path / "ledger.json"
    assert run(capsys, "ledger", "chen2022.a", "--example", "3", "--json", str(target))[0] == 0
    found = next(
        one for one in json.loads(target.read_text(encoding="utf-8"))["ledgers"] if one["name"] == "chen2022.a rate"
    )
    ratios = {step["step"]: step["ratio"] for step in found["steps"]}
    assert f"theorem A's rate is {found['whole']:.0f} times below what is seen" in README
    assert f"a factor {ratios['held']:.1f} because neurons" in README
    assert f"{ratios['least eigenvalue']:.1f} in the sandwich" in README
    assert f"{ratios['Groenwall']:.1f} because the loss" in README


def test_the_readmes_ladder_is_what_sharpen_prints(capsys, tmp_path):
    target = tmp_path / "ladder.json"
    words = ("--n", "3", "--d", "3", "--delta", "0.1", "--data", "orthogonal", "--draws", "0", "--json", str(target))
    assert run(capsys, "sharpen", "caron2023.r1", *words)[0] == 0
    widths = [rung["width"] for rung in json.loads(target.read_text(encoding="utf-8"))["ladder"]]
    for width in widths[:-1]:
        mantissa, exponent = f"{width:.1e}".split("e+")
        assert f"| {mantissa}e{int(exponent)} |" in README, width
    assert f"| {math.ceil(widths[-1])} |" in README
