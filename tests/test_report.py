"""Cards and verdicts as text, Markdown, LaTeX and JSON."""

from __future__ import annotations

import re

import pytest
import sympy as sp
import toy_card as toy

from theorycheck import report
from theorycheck.report_latex import escape, formula
from theorycheck.report_list import card_table_markdown
from theorycheck.statement import Assumption, Bound, Claim, Quantity

CARD = toy.card("toy.a")
PAPERS = (toy.PAPER,)


# --- cards ----------------------------------------------------------------------------------


def test_text_card_says_everything():
    text = " ".join(report.card_text(CARD, PAPERS).split())
    for words in (
        "toy.a: Global convergence, a toy",
        "derived here; not quoted from the paper",
        "A. Author, Toys | and theorems, 2024, https://example.org; in our derivation: our Prop. 1",
        "global: wide networks converge (claimed in the abstract)",
        "κₙ: least eigenvalue",
        "data, then labels, then weights",
        "looseness seen: a factor of 3.5",
        "given: wide",
        "with probability at least 1 - δ",
        "beyond reach of a simulation: m is 1e12",
        "false version of rate",
        "--label-column str: the column of the labels (default: none)",
        "--gamma float: share of the uniform part, in [0, 1] (default: 0.5)",
    ):
        assert words in text


@pytest.mark.parametrize("width", [60, 80, 140])
def test_text_card_fits_its_width(width):
    long = toy.card("toy.long", title="A title of many words " * 12)
    assert max(map(len, report.card_text(long, PAPERS, width=width).splitlines())) <= width


def test_text_card_draws_the_cards_own_expression():
    claim = Claim("rate", "", Bound(toy.gamma**7, toy.rate, strict=True), ())
    changed = toy.card("toy.a", claims=(claim, CARD.claims[1]))
    assert "7" not in report.card_text(CARD).partition("Claims")[2].partition("near:")[0]
    drawn = report.card_text(changed).partition("Claims")[2].partition("near:")[0]
    assert "7" in drawn
    assert "γ  < rate" in drawn


def test_text_card_without_unicode_has_ascii_formulas():
    drawn = report.card_text(CARD, unicode=False).partition("Assumptions")[2].partition("Sabotages")[0]
    assert drawn.isascii()
    assert not report.card_text(CARD).partition("Assumptions")[2].partition("Sabotages")[0].isascii()


def test_text_card_splits_a_maximum_and_draws_ell():
    ell, m = sp.symbols("ell_t m")
    width = Assumption("wide", "", Bound(sp.Max(toy.kappa**2, 3 * ell), m + ell))
    quantities = (*CARD.quantities, Quantity(ell, "least", print), Quantity(m, "width", print))
    drawn = report.card_text(toy.card("toy.a", assumptions=(width,), quantities=quantities[:3] + quantities[4:]))
    assert "3⋅ℓₜ ≤ m + ℓₜ" in drawn
    assert "Max" not in drawn
    assert r"\max" in report.card_latex(
        toy.card("toy.a", assumptions=(width,), quantities=quantities[:3] + quantities[4:])
    )


def test_markdown_card():
    text = report.card_markdown(CARD, PAPERS)
    assert r"$$\frac{\gamma \kappa_{n}}{2} \le \mathrm{rate}$$" in text
    assert r"$$\mathrm{moved} < \frac{8}{\gamma \kappa_{n}}$$" in text
    assert r"Toys \| and theorems" in text
    assert "* `--n int`: number of points, at least 1 (default: 5)" in text


def latex_faults(text: str) -> list[str]:
    """Return what would stop pdfLaTeX: a letter, a brace, an environment, a bare special character."""
    faults = [f"not ASCII: {char}" for char in set(text) if not char.isascii()]
    bare = re.sub(r"\\[\\{}%&#$_^~'\"`=.]", "", text)
    if bare.count("{") != bare.count("}"):
        faults.append("braces")
    stack: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "end" and (not stack or stack.pop() != name):
            faults.append(f"environment {name}")
        elif kind == "begin":
            stack.append(name)
    outside = re.sub(r"\\\[.*?\\\]|\$.*?\$|\\ensuremath\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}", "", text, flags=re.S)
    outside = re.sub(r"\\[%&#$_^~]", "", outside)
    faults += [f"bare {char}" for char in "%&#$_^" if char in outside]
    return faults + [f"open {name}" for name in stack]


def test_latex_card_has_no_faults_and_all_formulas():
    text = report.card_latex(CARD, PAPERS)
    assert latex_faults(text) == []
    assert r"\[ \frac{\gamma \kappa_{n}}{2} \le \mathrm{rate} \]" in text
    assert r"100\% stays" in text
    assert r"\text{with probability at least } 1 - \delta" in text


@pytest.mark.parametrize("text", ["100% κ", r"\begin{a}", "{", "a_b", r"$a$ & b", r"\end{b}"])
def test_latex_faults_are_seen(text):
    assert latex_faults(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b & 5% #1 $", r"a\_b \& 5\% \#1 \$"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("κ ≤ ½", r"\ensuremath{\kappa} \ensuremath{\le} \ensuremath{\tfrac12}"),
        ("Müller, Paweł", r"M\"{u}ller, Pawe\l{}"),
        ("Θ̂", r"\ensuremath{\hat{\Theta}}"),
        ("x₀²", r"x\ensuremath{{}_{0}}\ensuremath{{}^{2}}"),
        ("☃", r"\ensuremath{\text{snowman}}"),
    ],
)
def test_escape(text, written):
    assert escape(text) == written
    assert latex_faults(escape(text)) == []


def test_formula_sets_words_upright_and_letters_not():
    assert formula(sp.Symbol("rate_seen") * sp.Symbol("x")) == r"\mathrm{rate}_{seen} x"
    assert formula(sp.Symbol("κ")).strip() == r"\kappa"
    assert formula(sp.Symbol("Lambda_{3/2}")) == r"\Lambda_{3/2}"


def test_list_as_markdown_is_a_table():
    text = card_table_markdown((CARD, toy.card("toy.b")), PAPERS, {"toy.a": {"near": "not written down"}})
    assert "| toy.a | Global convergence, a toy | derived | rate, near (beyond reach) | 1 of 2 | global |" in text
    assert "| toy | features | they learn features | no card yet |" in text
    for table in text.split("\n\n"):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}) == 1
