"""Verdicts as tables, reasons, notes and JSON."""

from __future__ import annotations

import json
import math
import platform
import re

import numpy as np
import pytest
import sympy as sp
import toy_card as toy
from rich.console import Console

from theorycheck.evidence import Judgement, Report, Verdict
from theorycheck.flags import flags_of
from theorycheck.report_json import check_document, dumps, list_document, plain
from theorycheck.report_table import instance_name, notes, number, reasons, sides, summary, verdict_tables
from theorycheck.statement import Bound, Claim

CARD = toy.card("toy.a")
PAPERS = (toy.PAPER,)


def rendered(things: list, width: int) -> str:
    console = Console(width=width, highlight=False, markup=False, color_system=None)
    with console.capture() as captured:
        for thing in things:
            console.print(thing)
    return captured.get()


# --- verdicts -------------------------------------------------------------------------------


def judged(label: str, slack: float, error: float = 1e-9, **more) -> Judgement:
    return toy.judgement(label, slack, error, **more)


def verdict_of(premise: Judgement, conclusion: Judgement) -> Report:
    return Report("toy.a", {"n": 3}, (Verdict("toy.a", "near", (premise,), conclusion),))


MET = judged("wide", 1.0)
MISSED = Judgement("wide", -4e9, 1.0, lhs=4.1e9, rhs=4096.0)
UNSURE = judged("wide", 0.1, 0.5, note="the angle is too small")


@pytest.mark.parametrize("width", [80, 140])
def test_table_fits_and_carries_every_word(width):
    reports = [toy.confirmed(CARD, toy.example()), verdict_of(MISSED, judged("near", -2.0))]
    text = rendered(verdict_tables(reports, (CARD,), width), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    for words in (
        "claim",
        "outcome",
        "slack ± error",
        "asks for",
        "was there",
        "toy.a  gaussian, n=5 d=3 m=64",
        "confirmed",
    ):
        assert words in text
    assert re.search(r"near .* vacuous", text)
    assert re.search(r"premise wide .* no +-4e\+09 ± 1 +≥ 4.1e\+09 +4096", text)
    assert ("The loss decays" in text) == (width == 140)


def test_premises_that_hold_have_no_row():
    assert "premise" not in rendered(verdict_tables([verdict_of(MET, judged("near", 1.0))], (CARD,), 80), 80)


def test_a_demand_is_the_side_with_the_formula():
    seen = Judgement("x", 1.0, 0.0, lhs=2.0, rhs=3.0)
    x, y = sp.symbols("x y")
    assert sides(seen, Bound(x**2, y)) == ("≥ 2", "3")
    assert sides(seen, Bound(x, y**2)) == ("≤ 3", "2")
    assert sides(seen, Bound(0, y**2)) == ("≥ 2", "3")
    assert sides(seen, Bound(y**2, 3)) == ("≤ 3", "2")
    assert sides(seen, None) == ("≥ 2", "3")
    assert sides(Judgement("x", 1.0, 0.0, True, 2.0, 3.0), Bound(x, y**2)) == ("< 3", "2")
    assert sides(Judgement("x", 1.0, 0.0), None) == ("–", "–")


def test_a_claim_with_a_probability_asks_for_the_probability():
    chancy = toy.card(
        "toy.a", claims=(Claim("near", "", Bound(toy.moved, 8 / toy.kappa), (), sp.Rational(1, 2)), CARD.claims[0])
    )
    shown = Judgement("near", 0.4, 0.1, lhs=0.5, rhs=1.0)
    assert "≥ 0.5" in rendered(verdict_tables([verdict_of(MET, shown)], (chancy,), 80), 80)
    assert "< 1" in rendered(
        verdict_tables([verdict_of(MET, Judgement("near", 0.4, 0.1, True, 0.5, 1.0))], (CARD,), 80), 80
    )


def test_reasons_name_what_is_wrong():
    reports = [
        verdict_of(UNSURE, judged("near", -1.0)),
        verdict_of(MET, judged("near", -1.0, note="tightest at t = 3")),
        verdict_of(MET, Judgement("near", math.nan, math.inf, note="the flow stalled")),
        verdict_of(MET, judged("near", 1.0)),
        verdict_of(MISSED, judged("near", -1.0)),
    ]
    refuted, unsure, stalled = reasons(reports, (CARD,))
    assert (
        refuted == "refuted: toy.a near (n=3): near not met: asks for ≤ 0, was 1, slack -1 ± 1e-09 (tightest at t = 3)"
    )
    assert "undecided: toy.a near (n=3): premise wide unsure:" in unsure
    assert "(the angle is too small)" in unsure
    assert "near unsure: slack – ± inf (the flow stalled)" in stalled


def test_summary_counts():
    reports = [toy.confirmed(CARD, {}), verdict_of(MISSED, judged("near", -1.0))]
    line = summary(reports, 1, 2.345)
    assert (
        line == "3 verdicts on 2 instances: 2 confirmed, 0 observed, 0 undecided, 1 vacuous, 0 refuted, 1 broken; 2.3 s"
    )
    assert summary([], 0, 0.0).startswith("0 verdicts on 0 instances")


def test_notes_are_told_once_with_their_place():
    same = toy.confirmed(CARD, {"n": 3})
    other = Report("toy.b", {"n": 3}, same.verdicts, same.notes)
    assert notes([same, other, same], (CARD,)) == ["note: toy.a, toy.b (n=3): rows 3 and 7 are parallel"]
    assert notes([Report("toy.a", {}, ())], (CARD,)) == []


def test_instance_name_leaves_out_defaults_and_inner_duplicates():
    told = {"n": 10, "d": 2, "m": 64, "data": "diabetes", "flags": {"n": 5, "gamma": 0.5, "rows": 10, "m": 0}}
    assert instance_name(told, CARD) == "diabetes, n=10 d=2 m=64"
    assert instance_name(told | {"n": 9}, CARD) == "diabetes, n=9 d=2 m=64, rows=10"
    assert "gamma=0.5" in instance_name(told)
    assert instance_name({}) == "default instance"


def test_an_error_that_decides_is_told_in_full():
    near = verdict_of(MET, Judgement("near", 0.06003, 0.05984, True, 1.0, 2.0))
    far = verdict_of(MET, Judgement("near", 0.06003, 0.00123, True, 1.0, 2.0))
    assert "0.06003 ± 0.05984" in rendered(verdict_tables([near], (CARD,), 80), 80)
    assert "0.06003 ± 0.001 " in rendered(verdict_tables([far], (CARD,), 80), 80)


def test_numbers():
    assert [number(value) for value in (4096, 0.123456, math.nan, math.inf, True, "x")] == [
        "4096",
        "0.1235",
        "–",
        "inf",
        "True",
        "x",
    ]


# --- JSON -----------------------------------------------------------------------------------


def test_plain_makes_valid_json():
    thing = {
        "a": np.float64(math.inf),
        "b": (np.int64(3), np.nan),
        "c": np.array([1.0, -math.inf]),
        "d": toy.kappa,
        "e": None,
    }
    assert json.loads(dumps(thing)) == {"a": "inf", "b": [3, "nan"], "c": [1.0, "-inf"], "d": "kappa_n", "e": None}
    with pytest.raises(ValueError):
        json.dumps({"a": math.nan}, allow_nan=False)
    assert plain(True) is True


def test_check_document_follows_the_schema():
    verdict = verdict_of(MET, Judgement("near", math.nan, math.inf, note="stalled"))
    document = json.loads(dumps(check_document((CARD,), [verdict], seconds=1.0)))
    assert document["schema"] == "theorycheck/1"
    assert {"theorycheck", "python", "numpy", "sympy", "numba", "python-flint", "hypothesis"} <= set(
        document["versions"]
    )
    assert document["claims"][1] == {"theorem": "toy.a", "claim": "near", "beyond_reach": "m is 1e12"}
    (record,) = document["verdicts"]
    assert set(record) == {"theorem", "claim", "instance", "outcome", "premises", "conclusion"}
    assert record["outcome"] == "undecided"
    assert record["conclusion"]["slack"] == "nan"
    assert record["conclusion"]["error"] == "inf"
    assert record["premises"][0]["truth"] == "yes"


def test_documents_name_no_host():
    text = dumps(list_document((CARD,), PAPERS))
    node = platform.node()
    assert not node or node not in json.loads(text)["platform"].values()
    assert "/root" not in text
    assert "/home" not in text


def test_list_document_follows_the_schema():
    card = json.loads(dumps(list_document((CARD,), PAPERS)))["cards"][0]
    assert card["realises"] == ["global"]
    assert card["proof"] is None
    assert card["claims"][0]["lhs"] == "gamma*kappa_n/2"
    assert card["claims"][0]["probability"] == "1 - delta"
    assert card["sabotages"][0]["falsifies"] == "rate"
    assert {"flag": "--rows", "type": "int", "default": None, "help": "how many rows to keep"} in card["flags"]


def test_flags_need_defaults():
    def example(*, n: int):
        return n

    with pytest.raises(ValueError, match="'n' has no default"):
        flags_of(toy.card("toy.a", example))
