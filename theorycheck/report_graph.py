"""Proofs as graphs of what stands on what, coloured by trust: Mermaid text, or a drawing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from theorycheck.proof import Proof
from theorycheck.proof_steps import Checked, Trust
from theorycheck.report_proof import trusts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Found = Sequence[tuple[Proof, Sequence[Checked]]]

#: up to so many proofs are drawn step by step; more of them as one node each
FEW = 6
#: fill, and a border that tells them apart in grey
_LOOK: Mapping[str, tuple[str, str, float]] = {
    "symbolic": ("#cfe3f7", "solid", 1.0), "enclosed": ("#d8efd8", "solid", 2.2), "sampled": ("#fde8c8", "dashed", 1.2),
    "cited": ("#efe0f5", "dotted", 1.6), "broken": ("#f4b6b6", "solid", 3.0), "premise": ("#ffffff", "solid", 0.6),
}  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """Nodes by name, each with a look and a text; edges from what is used to what uses it."""

    title: str
    nodes: Mapping[str, tuple[str, str]]
    edges: tuple[tuple[str, str], ...]


def graphs(found: Found, trust: Mapping[str, Trust] = MappingProxyType({})) -> list[Graph]:
    """Return a graph for each proof, or one graph of proofs if there are many.

    A step that applies a lemma, and a proof, are coloured by the weakest step behind them, as far as ``trust`` tells.
    """
    known = {**trusts(found), **trust}
    return [_steps(proof, checked, known) for proof, checked in found] if len(found) <= FEW else [_proofs(found, known)]


def _steps(proof: Proof, checked: Sequence[Checked], trust: Mapping[str, Trust]) -> Graph:
    nodes = {name: ("premise", name) for name in proof.premises if any(name in one.step.uses for one in checked)}
    edges = []
    for one in checked:
        by = f"\nby {one.step.lemma.name}" if one.step.lemma else ""
        look = (
            trust.get(one.step.lemma.name, one.trust) if one.step.lemma and one.trust is not Trust.BROKEN else one.trust
        )
        nodes[one.step.label] = (look.value, f"{one.step.label}{by}")
        edges += [(name, one.step.label) for name in one.step.uses if name in nodes]
    return Graph(proof.name, nodes, tuple(edges))


def _proofs(found: Found, trust: Mapping[str, Trust]) -> Graph:
    nodes, edges = {proof.name: (trust[proof.name].value, proof.name) for proof, _ in found}, []
    for proof, _ in found:
        for name in proof.applied:
            nodes.setdefault(name, (trust[name].value if name in trust else "premise", name))
            edges.append((name, proof.name))
    return Graph("proofs, as trusted as the weakest step behind them", nodes, tuple(edges))


# --- Mermaid -----------------------------------------------------------------------------------------------


def mermaid(found: Found, trust: Mapping[str, Trust] = MappingProxyType({})) -> str:
    """Return the graphs as one Mermaid flowchart, one subgraph for each."""
    lines = ["flowchart TD"]
    for number, graph in enumerate(graphs(found, trust)):
        names = {name: f"p{number}s{k}" for k, name in enumerate(graph.nodes)}
        lines.append(f'  subgraph p{number}["{_quoted(graph.title)}"]')
        for name, (look, text) in graph.nodes.items():
            lines.append(f'    {names[name]}["{_quoted(text)}"]:::{look}')
        lines += [f"    {names[tail]} --> {names[head]}" for tail, head in graph.edges]
        lines.append("  end")
    for look, (fill, style, width) in _LOOK.items():
        dash = {"solid": "", "dashed": ",stroke-dasharray:6 4", "dotted": ",stroke-dasharray:2 3"}[style]
        lines.append(f"  classDef {look} fill:{fill},stroke:#333333,stroke-width:{width}px,color:#000000{dash}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Escape what would end a Mermaid text: quotes, and what it reads as HTML."""
    for bad, good in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"), ("\n", "<br/>")):
        text = text.replace(bad, good)
    return text


# --- drawing -----------------------------------------------------------------------------------------------


def draw(found: Found, path: Path, trust: Mapping[str, Trust] = MappingProxyType({})) -> None:
    """Draw the graphs to a file, whose ending says the format: what is used stands above what uses it."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    shown = graphs(found, trust)
    rows = [layout(graph) for graph in shown]
    width = max(2.2 * max(len(row) for row in levels) for levels in rows)
    heights = [len(levels) for levels in rows]
    figure = Figure(figsize=(max(width, 8), 1.15 * sum(heights) + 0.8), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, graph, levels in zip(axes, shown, rows, strict=True):
        draw_on(axis, graph, levels)
    used = {look for graph in shown for look, _ in graph.nodes.values()}
    patches = [Patch(facecolor=fill, edgecolor="#333333", linestyle=style, linewidth=thick, label=look) for look, (fill, style, thick) in _LOOK.items() if look in used]  # fmt: skip
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=9)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def layout(graph: Graph) -> list[list[str]]:
    """Return the nodes level by level, each below everything that it stands on, ordered to keep edges short."""
    depth: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((level(tail) for tail, head in graph.edges if head == name), default=-1)
        return depth[name]

    rows: list[list[str]] = [[] for _ in range(1 + max(map(level, graph.nodes)))]
    for name in graph.nodes:
        below = [depth[head] for tail, head in graph.edges if tail == name]
        # a premise stands just above its first use
        rows[min(below) - 1 if depth[name] == 0 and below else depth[name]].append(name)
    rows = [row for row in rows if row]
    for _ in range(4):
        for above, row in pairwise(rows):
            _sort(row, above, graph.edges)
    return rows


def _sort(row: list[str], above: Sequence[str], edges: Iterable[tuple[str, str]]) -> None:
    """Sort a row by the mean place of what its nodes stand on."""
    place = {name: k / max(1, len(above) - 1) for k, name in enumerate(above)}
    means = {}
    for k, name in enumerate(row):
        seen = [place[tail] for tail, head in edges if head == name and tail in place]
        means[name] = sum(seen) / len(seen) if seen else k / max(1, len(row) - 1)
    row.sort(key=means.__getitem__)


def draw_on(axes: Axes, graph: Graph, levels: Sequence[Sequence[str]] = ()) -> None:
    """Draw one graph into axes."""
    levels = levels or layout(graph)
    widest = max(len(row) for row in levels)
    where = {
        name: ((k + 0.5) * widest / len(row), -float(depth))
        for depth, row in enumerate(levels)
        for k, name in enumerate(row)
    }
    texts = {
        name: [line for part in text.split("\n") for line in textwrap.wrap(part, 24)]
        for name, (_, text) in graph.nodes.items()
    }
    # boxes are about this high on either side of their middle
    half = {name: 0.08 + 0.065 * len(lines) for name, lines in texts.items()}
    for tail, head in graph.edges:
        start, end = where[tail], where[head]
        arrow = {"arrowstyle": "-|>", "color": "#777777", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (end[0], end[1] + half[head]), (start[0], start[1] - half[tail]), arrowprops=arrow)
    for name, (look, _) in graph.nodes.items():
        fill, style, thick = _LOOK[look]
        box: dict[str, str | float] = {"boxstyle": "round,pad=0.3", "facecolor": fill, "edgecolor": "#333333"}
        box |= {"linestyle": style, "linewidth": thick}
        axes.text(
            *where[name], "\n".join(texts[name]), ha="center", va="center", fontsize=7.5, bbox=box, parse_math=False
        )
    axes.set(xlim=(0, widest), ylim=(-len(levels) + 0.4, 0.6))
    axes.set_title(graph.title, fontsize=11, loc="left")
    axes.axis("off")
