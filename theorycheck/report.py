"""Cards for reading: as text, as Markdown and as LaTeX.

A card is turned into sections once; three small writers set them. The formulas are the
card's own SymPy expressions, so what is read is what is checked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sympy

from theorycheck.flags import flags_of
from theorycheck.report_latex import escape, formula
from theorycheck.statement import Assumption, Bound, Claim, Paper, Standing, Theorem

STANDINGS: Mapping[Standing, str] = MappingProxyType(
    {
        Standing.ABSTRACT: "stated in the paper's abstract",
        Standing.DERIVED: "derived here; not quoted from the paper",
        Standing.RESTATED: "as another paper restates it; not checked against the original",
        Standing.UNVERIFIED: "from recollection, checked against nothing; not to be presented as the paper's",
    }
)


@dataclass(frozen=True)
class Item:
    """One entry of a section: a name (words or a symbol), prose, a formula, remarks."""

    name: str | sympy.Symbol
    says: str
    bound: Bound | None = None
    probability: sympy.Expr = sympy.S.One
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading with a paragraph or with items under it."""

    title: str
    lead: str = ""
    items: tuple[Item, ...] = ()


def sections(theorem: Theorem, papers: Sequence[Paper] = ()) -> tuple[Section, ...]:
    """Return the content of a card in the order of reading; sections without content are left out."""
    quantities = tuple(Item(quantity.symbol, quantity.says) for quantity in theorem.quantities)
    flags = tuple(
        Item(f"{flag.option} {flag.type_name}", f"{flag.says} (default: {flag.default_text})".lstrip())
        for flag in flags_of(theorem)
    )
    everything = (
        Section("Standing", f"{theorem.standing.value}: {STANDINGS[theorem.standing]}."),
        Section("Reference", _reference(theorem, papers)),
        Section("Realises", "", _realised(theorem, papers)),
        Section("Notation", theorem.notation),
        Section("Quantities", "", quantities),
        Section("Order of choice", f"{theorem.order[0]}, then {theorem.order[1]}, then {theorem.order[2]}."),
        Section("Assumptions", "", tuple(_assumption(part) for part in theorem.assumptions)),
        Section("Claims", "", tuple(_claim(part) for part in theorem.claims)),
        Section("Sabotages", "False versions, which must be refuted.", tuple(map(_claim, theorem.sabotages))),
        Section("Flags", f"theorycheck check {theorem.label} takes:", flags),
    )
    return tuple(section for section in everything if section.lead or section.items)


def card_text(theorem: Theorem, papers: Sequence[Paper] = (), *, width: int = 80, unicode: bool = True) -> str:
    """Return a card as plain text of the given width, with two-dimensional formulas."""
    lines = [*textwrap.wrap(f"{theorem.label}: {theorem.title}", width), ""]
    for section in sections(theorem, papers):
        lines += [section.title, *_paragraph(section.lead, width, "  ")]
        for item in section.items:
            name = (
                item.name
                if isinstance(item.name, str)
                else sympy.pretty(_named(item.name, unicode), use_unicode=unicode)
            )
            lines += _paragraph(f"{name}: {item.says}", width, "  ", "      ")
            lines += _pretty(item, width, unicode)
            for remark in item.remarks:
                lines += _paragraph(remark, width, "      ", "        ")
        lines.append("")
    return "\n".join(lines)


def card_markdown(theorem: Theorem, papers: Sequence[Paper] = ()) -> str:
    """Return a card as Markdown with formulas between dollar signs."""
    lines = [f"# {markdown_escape(theorem.label)}: {markdown_escape(theorem.title)}", ""]
    for section in sections(theorem, papers):
        lines += [f"## {section.title}", ""]
        lines += [markdown_escape(section.lead), ""] if section.lead else []
        for item in section.items:
            name = f"${formula(item.name)}$" if isinstance(item.name, sympy.Symbol) else f"`{item.name}`"
            lines.append(f"* {name}: {markdown_escape(item.says)}")
            lines += [f"  $${text}$$" for text in _formulas(item)]
            lines += [f"  * {markdown_escape(remark)}" for remark in item.remarks]
        lines += [""] if section.items else []
    return "\n".join(lines)


def card_latex(theorem: Theorem, papers: Sequence[Paper] = ()) -> str:
    r"""Return a card as a LaTeX fragment that needs ``amsmath`` and nothing else."""
    lines = [rf"\section*{{{escape(theorem.label)}: {escape(theorem.title)}}}"]
    for section in sections(theorem, papers):
        lines += [rf"\subsection*{{{escape(section.title)}}}"]
        lines += [escape(section.lead)] if section.lead else []
        lines += [r"\begin{description}"] if section.items else []
        for item in section.items:
            name = f"${formula(item.name)}$" if isinstance(item.name, sympy.Symbol) else escape(item.name)
            lines.append(rf"\item[{{{name}}}] {escape(item.says)}")
            lines += [rf"\[ {text} \]" for text in _formulas(item)]
            lines += [escape(_sentence(remark)) for remark in item.remarks]
        lines += [r"\end{description}"] if section.items else []
    return "\n".join(lines) + "\n"


def markdown_escape(text: str) -> str:
    """Return prose in which no character has a meaning in Markdown, tables included."""
    return "".join("\\" + char if char in "\\`*_{}[]<>|#$" else char for char in " ".join(text.split()))


def _reference(theorem: Theorem, papers: Sequence[Paper]) -> str:
    reference = theorem.reference
    paper = next((paper for paper in papers if paper.key == reference.paper), None)
    source = f"{paper.authors}, {paper.title}, {paper.year}, {paper.url}" if paper else reference.paper
    # the place is in our derivation, whose numbering is not the paper's
    place = (
        f"in our derivation: {reference.place}"
        if theorem.standing is Standing.DERIVED and paper and paper.url
        else reference.place
    )
    return "; ".join(part for part in (source, place, reference.note) if part)


def _realised(theorem: Theorem, papers: Sequence[Paper]) -> tuple[Item, ...]:
    claims = [claim for paper in papers for claim in paper.claims if theorem.label in claim.realised_by]
    return tuple(Item(claim.label, f"{claim.says} (claimed in the abstract)") for claim in claims)


def _assumption(part: Assumption) -> Item:
    return Item(part.label, part.says, part.bound, remarks=_loose(part.looseness))


def _claim(part: Claim) -> Item:
    remarks = [f"false version of {part.falsifies}"] if part.falsifies else []
    remarks += [f"given: {', '.join(part.given) or 'nothing'}"]
    remarks += [f"beyond reach of a simulation: {part.beyond_reach}"] if part.beyond_reach else []
    return Item(part.label, part.says, part.bound, part.probability, (*remarks, *_loose(part.looseness)))


def _loose(looseness: float | None) -> tuple[str, ...]:
    return () if looseness is None else (f"looseness seen: a factor of {looseness:.3g}",)


def _formulas(item: Item) -> list[str]:
    if item.bound is None:
        return []
    relation = "<" if item.bound.strict else r"\le"
    texts = [f"{formula(item.bound.lhs)} {relation} {formula(item.bound.rhs)}"]
    if item.probability != 1:
        texts.append(rf"\text{{with probability at least }} {formula(item.probability)}")
    return texts


def _pretty(item: Item, width: int, unicode: bool) -> list[str]:
    """Return the bound, and the probability if it is not 1, as lines of two-dimensional text."""
    if item.bound is None:
        return []
    relate: Callable[..., Any] = sympy.StrictLessThan if item.bound.strict else sympy.LessThan
    lhs, rhs = item.bound.lhs, item.bound.rhs
    # a maximum is below a number if all its parts are: shorter lines, and the same statement
    parts = sorted(lhs.args, key=sympy.default_sort_key) if isinstance(lhs, sympy.Max) else [lhs]
    drawn: list[str] = []
    for part in parts:
        drawn += ["      and"] if drawn else []
        drawn += _drawn(relate(_named(part, unicode), _named(rhs, unicode), evaluate=False), width, unicode)
    if item.probability != 1:
        drawn += ["      with probability at least", *_drawn(item.probability, width, unicode)]
    return drawn


def _named(expression: sympy.Expr, unicode: bool) -> sympy.Expr:
    """Return the expression with names that SymPy can draw: ``max`` as a function, ell as a letter."""
    for kind, name in ((sympy.Max, "max"), (sympy.Min, "min")):
        expression = expression.replace(kind, sympy.Function(name))
    ells = {symbol for symbol in expression.atoms(sympy.Symbol) if unicode and symbol.name.split("_")[0] == "ell"}
    return expression.xreplace({symbol: sympy.Symbol(symbol.name.replace("ell", "ℓ", 1)) for symbol in ells})


def _drawn(expression: Any, width: int, unicode: bool) -> list[str]:
    indent = " " * 10
    drawn = sympy.pretty(expression, use_unicode=unicode, num_columns=max(width - len(indent), 30))
    return [(indent + line).rstrip() for line in drawn.splitlines()]


def _paragraph(text: str, width: int, first: str, later: str | None = None) -> list[str]:
    later = first if later is None else later
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
