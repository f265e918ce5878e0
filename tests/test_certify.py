"""Certificates end to end: found where the theory says, written, rechecked by other code, rejected when altered."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from certified_cases import KINDS, at_the_edge

from theorycheck.certify import Attempt, certify
from theorycheck.certify.checkpoint import at_checkpoint, instance_of
from theorycheck.certify.document import document, save
from theorycheck.certify.layer import sha256
from theorycheck.certify.problem import of_instance
from theorycheck.certify.width import find_width
from theorycheck.cli import main
from theorycheck.data import BadInput
from theorycheck.evidence import Truth
from theorycheck.recheck import recheck
from theorycheck.statement import Bound
from theorycheck.theorems import card, recipe, recipes
from theorycheck.theorems.caron2023 import certificates as caron
from theorycheck.theorems.caron2023 import r0
from theorycheck.theorems.caron2023 import setting as s


def attempt(label: str, dynamics: str | None = None, **flags: Any) -> Attempt:
    return certify(recipe(label), recipe(label).example(**flags), dynamics=dynamics)


# --- found where the theory files say ------------------------------------------------------------


def test_certificates_are_found_at_the_widths_of_the_theory():
    two = {"n": 2, "d": 2, "data": "orthogonal"}
    assert attempt("caron2023.r0", **two, m=2000, residual=0.5).holds
    assert attempt("caron2023.r0", **two, m=2000, gamma=0.5, alpha=0.7, residual=0.36).holds
    three = {"n": 3, "d": 3, "data": "orthogonal", "residual": 0.5}
    assert attempt("caron2023.r0", **three, m=64_000, gamma=0.7, alpha=0.6).holds
    assert attempt("caron2023.r0", **two, m=400_000).holds  # labels of their own, at most 1
    for dynamics in ("flow", "descent"):
        for signs in ("signs", "normal"):
            assert attempt("razborov2022.r1", dynamics, n=10, d=10, m=20_000, scheme="lecun", signs=signs).holds


def test_the_last_layer_alone_and_lazy_networks_are_certified():
    found = attempt("razborov2022.r1", "flow", scheme="last", m=4000)
    assert found.holds
    assert {one.name: one.value for one in found.conclusions}["weights_moved"] == 0.0
    assert attempt("razborov2022.r1", "descent", scheme="first", m=2000, lazy=1e6, mirrored=True).holds


def test_a_failure_says_by_how_much():
    found = attempt("caron2023.r0", n=3, d=3, m=50)
    assert not found.holds
    assert found.conclusions == ()
    assert [test.label for test in found.missed] == ["test"]
    assert found.missed[0].lhs > found.missed[0].rhs
    with pytest.raises(ValueError, match="no certificate"):
        document(found, "x.npz")


def test_tests_and_conclusions_are_those_of_the_card():
    """With slopes at most 1 and node scales that sum to 1, the certificate says what the card says."""
    for card_label, found in (("caron2023.r0", caron.R0), ("caron2023.r0_smooth", caron.R0_SMOOTH)):
        theorem = card(card_label)
        plain = {r0.slope: 1, r0.mass: 1}
        bounds = {one.label: one.bound for one in theorem.assumptions}
        test = dict(found.tests["flow"])["test"]
        assert sp.simplify(test.lhs.subs(r0.slope, 1) - bounds["test"].lhs) == 0
        assert test.rhs == bounds["test"].rhs
        claims = {one.label: one.bound for one in theorem.claims}
        least, rate, reach, change = (one.expr for one in found.conclusions["flow"])
        assert least == claims["a"].lhs
        assert rate == claims["b"].lhs
        assert sp.simplify(reach.subs(plain) * (1 - sp.exp(-r0.MU * r0.time)) - claims["c"].rhs) == 0
        loose = change.args if isinstance(change, sp.Min) else (change,)
        assert any(sp.simplify(one.subs(plain) - claims["d"].rhs) == 0 for one in loose)
    assert dict(caron.R0.tests["flow"])["gamma positive"] == Bound(sp.S.Zero, s.gamma, strict=True)


# --- files ---------------------------------------------------------------------------------------


@cache
def genuine(kind: int, seed: int) -> tuple[Attempt, str, dict[str, Any]]:
    found = at_the_edge(kind, seed, share=0.9)
    assert found is not None
    content, arrays = document(found, "c.npz")
    if arrays:  # small enough to stand in the text
        for name, array in arrays.items():
            about = content["data"][name]
            content["data"][name] = {
                "shape": about["shape"],
                "sha256": about["sha256"],
                "values": array.ravel().tolist(),
            }
    return found, json.dumps(content), content


def valid(folder: Path, content: dict[str, Any]) -> bool:
    path = folder / "c.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return recheck(path).valid


EACH = [(kind, seed) for kind in range(len(KINDS)) for seed in range(9)]


@pytest.mark.parametrize(("kind", "seed"), EACH)
def test_genuine_certificates_are_valid_and_altered_ones_are_not(tmp_path: Path, kind: int, seed: int):
    """More than 100 genuine certificates are accepted; each is altered once so that it says too much, and rejected."""
    _, text, content = genuine(kind, seed)
    assert valid(tmp_path, content)
    altered = json.loads(text)
    what = alter(altered, np.random.default_rng([kind, seed]), (kind + seed) % 6)
    assert not valid(tmp_path, altered), what


def alter(content: dict[str, Any], rng: np.random.Generator, how: int) -> str:
    """Alter a certificate so that its statement is false or does not follow from its evidence."""
    if how == 0:  # a conclusion that says a little more than follows
        one = content["conclusions"][int(rng.integers(len(content["conclusions"])))]
        size = one["value"] if one["name"] != "contraction" else 1 - one["value"]
        one["value"] += (1 if one["side"] == "at least" else -1) * max(abs(size), 1e-300) * 1e-9
        return str(one)
    if how == 1:  # evidence beyond the truth, and conclusions that say no more than before
        name = "r_0" if "r_0" in content["evidence"] else "zeta_0"
        content["evidence"][name] *= 1 - 1e-3  # a residual of 1e-7 is known to 1e-5 of itself
        return name
    if how == 2:  # a label that is further away; its hash made right again
        labels = np.array(content["data"]["labels"]["values"])
        residual = content["evidence"].get("r_0", content["evidence"].get("zeta_0"))
        labels[0] += 3 * residual
        content["data"]["labels"] |= {"values": labels.tolist(), "sha256": sha256(labels)}
        return "label"
    if how == 3:  # other weights than those that were certified
        for name in ("weights", "signs"):
            about = content["data"][name]
            if "drawn" in about:
                about["drawn"]["seed"] = 12345
            else:
                about["values"][0] += 1.0
        return "seed"
    if how == 4:  # a positive eigenvalue that is too large
        name = next(n for n in ("kappa_hat", "lam", "alpha_squared") if n in content["evidence"])
        content["evidence"][name] *= 1.2  # a gate in doubt costs the certifier up to some percent
        return name
    choices = content["choices"]  # a choice outside its range
    for name, wrong in (("theta", 1.01), ("c", 1.01), ("split", 1.0), ("eta", -0.1)):
        if name in choices:
            choices[name] = wrong
            return name
    choices["rho"][0] = -choices["rho"][0]
    return "rho"


def test_what_is_written_is_read_back_whole(tmp_path: Path):
    found = attempt("razborov2022.r1", n=3, d=4, m=5000)
    (path,) = save(found, tmp_path / "drawn.json")
    assert recheck(path).valid
    moved = at_checkpoint(found.problem, 3.0)
    assert moved.history["checkpoint"]["time"] == 3.0
    later = certify(found.recipe, moved)
    path, arrays = save(later, tmp_path / "moved.json")
    assert arrays.name == "moved.arrays.npz"
    assert recheck(path).valid
    assert "not proved" in json.loads(path.read_text())["history"]["checkpoint"]["simulated"]
    with np.load(arrays) as stored:
        changed = {name: stored[name].copy() for name in stored}
    changed["weights"][0, 0] += 1.0
    np.savez(arrays, **changed)
    failed = recheck(path)
    assert not failed.valid
    assert "weights" in " ".join(line.name for line in failed.lines if not line.ok)
    assert not [name for name in tmp_path.iterdir() if "part" in name.name]


def test_a_checkpoint_certifies_what_the_start_does_not():
    start = recipe("chen2022.c").example(n=3, d=6, m=512, data="orthogonal", label=0.3)
    assert not certify(recipe("chen2022.c"), start).holds
    later = at_checkpoint(start, 6.0)
    assert certify(recipe("chen2022.c"), later).holds
    assert not np.array_equal(later.layer.weights, start.layer.weights)
    with pytest.raises(BadInput, match="positive"):
        at_checkpoint(start, -1.0)


def test_a_checkpoint_of_descent_counts_steps(tmp_path: Path):
    start = recipe("razborov2022.r1").example(n=2, d=6, m=2000, label=12.0)
    before = certify(recipe("razborov2022.r1"), start, dynamics="descent")
    later = certify(recipe("razborov2022.r1"), at_checkpoint(start, 200.0, dynamics="descent"), dynamics="descent")
    assert not before.holds
    assert later.holds
    assert recheck(save(later, tmp_path / "d.json")[0]).valid
    fitted = at_checkpoint(start, 2000.0, dynamics="descent")  # a residual of the size of its own rounding
    assert certify(recipe("razborov2022.r1"), fitted, dynamics="descent").holds
    with pytest.raises(BadInput, match="number of steps"):
        at_checkpoint(start, 2.5, dynamics="descent")


def test_an_instance_in_memory_is_certified_too(tmp_path: Path):
    instance = card("caron2023.r0").example(n=2, d=2, m=2000, data="orthogonal", residual=0.3)
    found = certify(recipe("caron2023.r0"), of_instance(instance))
    assert found.holds
    assert recheck(save(found, tmp_path / "held.json")[0]).valid
    problem = recipe("caron2023.r0").example(n=2, d=2, m=2000, data="orthogonal", residual=0.3)
    assert np.array_equal(instance_of(problem).weights, instance.weights)
    assert np.allclose(problem.labels, instance.labels, rtol=0, atol=1e-14)


# --- sabotages -----------------------------------------------------------------------------------


def rejected(tmp_path: Path, found: Attempt) -> list[str]:
    """The lines of a recheck that fail."""
    return [line.name for line in recheck(save(found, tmp_path / "s.json")[0]).lines if not line.ok]


def test_sabotage_an_optimistic_knapsack_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from theorycheck.theorems.razborov2022 import certificates

    honest = certificates.flip_mass
    monkeypatch.setattr(certificates, "flip_mass", lambda *given: (honest(*given)[0], 0.9 * honest(*given)[1]))
    assert any("mass" in name for name in rejected(tmp_path, attempt("razborov2022.r1", n=3, d=4, m=5000)))


def test_sabotage_rounding_dropped_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("theorycheck.certify.sums.gamma", lambda operations: 0.0)
    monkeypatch.setattr("theorycheck.certify.sums.UNIT", 0.0)
    # the nearest double instead of one that is surely above
    monkeypatch.setattr("theorycheck.certify.gram.above", lambda x: float(x.mid()))
    failed = []
    for seed in range(12):
        found = attempt("caron2023.r0", n=2, d=2, m=2000, data="orthogonal", residual=0.3, seed=seed)
        failed += [name for name in rejected(tmp_path, found) if "r_0" in name]
    assert failed


def test_sabotage_theta_outside_its_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(caron, "THETAS", (1.5,))
    found = attempt("caron2023.r0", n=2, d=2, m=2000, data="orthogonal", residual=0.3)
    assert not found.holds
    assert "theta in (0, 1)" in [test.label for test in found.missed]
    # even if the test is taken away, the recheck knows
    untested = replace(
        caron.R0, tests={"flow": tuple(one for one in caron.R0.tests["flow"] if one[0] != "theta in (0, 1)")}
    )
    monkeypatch.setattr(caron, "R0", untested)
    wrong = certify(untested, recipe("caron2023.r0").example(n=2, d=2, m=2000, data="orthogonal", residual=0.3))
    assert wrong.holds
    assert any("theta" in name for name in rejected(tmp_path, wrong))


# --- how wide ------------------------------------------------------------------------------------


def test_find_width_brackets_the_width():
    flags = {"n": 2, "d": 2, "data": "orthogonal", "residual": 0.3, "gamma": 1.0}
    found = find_width(recipe("caron2023.r0"), flags, draws=12)
    assert found.m is not None
    assert 64 < found.m < 2000
    assert found.low <= found.passed / found.draws <= found.high
    by_width = dict(found.tried)
    assert by_width[found.m]
    assert not by_width[max(m for m, enough in found.tried if not enough)]
    far = find_width(recipe("caron2023.r0"), {**flags, "residual": 50.0}, limit=500)
    assert far.m is None


def test_find_width_chooses_the_setting():
    found = find_width(recipe("razborov2022.r1"), {"n": 3, "d": 6}, draws=3, limit=6000)
    assert found.setting["scheme"] in ("lecun", "he")  # equal rates in normal form need far more
    assert found.m is not None


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


def test_every_recipe_runs_as_it_is_shown():
    """Every theorem's default flags give an answer, and its conclusions are finite where it holds."""
    for one in recipes():
        found = certify(one, one.example(m=512))
        assert all(test.truth in Truth for test in found.tests)
        assert found.holds == bool(found.conclusions)


def test_certify_does_not_need_the_current_folder(tmp_path: Path):
    words = ["certify", "caron2023.r0", "--n", "1", "--d", "1", "--m", "512", "--residual", "0.1", "--out", "a.json"]
    done = subprocess.run(
        [sys.executable, "-m", "theorycheck", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.json").exists()


@pytest.mark.parametrize("shape", [[600], [600, "a"], [600, None], 7, [600, 10**9], [10**12, 2], []])
def test_a_shape_that_is_none_is_a_failed_line(tmp_path: Path, shape: object):
    """An attack: signs are drawn after weights, and how many those are must not be believed."""
    content = document(attempt("caron2023.r0", n=2, d=2, m=600, residual=0.01, data="orthogonal"), "c.npz")[0]
    assert valid(tmp_path, content)
    content["data"]["weights"]["shape"] = shape
    assert not valid(tmp_path, content)


def test_nothing_that_is_no_certificate_is_replaced(tmp_path: Path):
    found = attempt("caron2023.r0", n=1, d=1, m=512, residual=0.1)
    for name in ("c.json", "c.arrays.npz"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
        with pytest.raises(BadInput, match="not replaced"):
            save(found, tmp_path / "c.json")
        assert (tmp_path / name).read_text(encoding="utf-8") == "mine"
        (tmp_path / name).unlink()
    assert save(found, tmp_path / "c.json") == save(found, tmp_path / "c.json")  # its own kind it does replace


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
