"""Certificates end to end: found where the theory says, sabotaged, and how wide they ask for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp
from certified_cases import attempt

from theorycheck.certify import Attempt, certify
from theorycheck.certify.document import document, save
from theorycheck.certify.width import find_width
from theorycheck.recheck import recheck
from theorycheck.statement import Bound
from theorycheck.theorems import card, recipe, recipes
from theorycheck.theorems.caron2023 import certificates as caron
from theorycheck.theorems.caron2023 import r0
from theorycheck.theorems.caron2023 import setting as s

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


def test_every_recipe_answers_for_its_own_flags():
    """At its defaults a small network is not certified; with labels near the output a wide one is."""
    for one in recipes():
        for dynamics in one.dynamics:
            assert not certify(one, one.example(m=512), dynamics=dynamics).holds
            assert certify(one, one.example(m=20_000, residual=1e-4), dynamics=dynamics).holds
