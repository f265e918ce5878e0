"""Proofs as graphs of what stands on what, coloured by trust: Mermaid text, or a drawing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from theorycheck.proof import Proof
from theorycheck.proof_steps import Checked
from theorycheck.report_proof import weakest

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


def graphs(found: Found) -> list[Graph]:
    """Return a graph for each proof, or one graph of proofs if there are many."""
    return [_steps(proof, checked) for proof, checked in found] if len(found) <= FEW else [_proofs(found)]


def _steps(proof: Proof, checked: Sequence[Checked]) -> Graph:
    nodes = {name: ("premise", name) for name in proof.premises if any(name in one.step.uses for one in checked)}
    edges = []
    for one in checked:
        by = f"\nby {one.step.lemma.name}" if one.step.lemma else ""
        nodes[one.step.label] = (one.trust.value, f"{one.step.label}{by}")
        edges += [(name, one.step.label) for name in one.step.uses if name in nodes]
    return Graph(proof.name, nodes, tuple(edges))


def _proofs(found: Found) -> Graph:
    nodes, edges = {}, []
    for proof, checked in found:
        nodes[proof.name] = (weakest(checked).value, proof.name)
    for proof, _ in found:
        for name in proof.applied:
            nodes.setdefault(name, ("premise", name))
            edges.append((name, proof.name))
    return Graph("proofs, as trusted as their weakest step", nodes, tuple(edges))


# --- Mermaid -----------------------------------------------------------------------------------------------


def mermaid(found: Found) -> str:
    """Return the graphs as one Mermaid flowchart, one subgraph for each."""
    lines = ["flowchart TD"]
    for number, graph in enumerate(graphs(found)):
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


def draw(found: Found, path: Path) -> None:
    """Draw the graphs to a file, whose ending says the format: what is used stands above what uses it."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    shown = graphs(found)
    rows = [layout(graph) for graph in shown]
    width = max(2.2 * max(len(row) for row in levels) for levels in rows)
    heights = [len(levels) for levels in rows]
    figure = Figure(figsize=(max(width, 8), 1.15 * sum(heights) + 0.8), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, graph, levels in zip(axes, shown, rows, strict=True):
        _one(axis, graph, levels)
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


def _one(axes: Axes, graph: Graph, levels: Sequence[Sequence[str]]) -> None:
    widest = max(len(row) for row in levels)
    where = {name: ((k + 0.5) * widest / len(row), -float(depth)) for depth, row in enumerate(levels) for k, name in enumerate(row)}  # fmt: skip
    for tail, head in graph.edges:
        arrow = {"arrowstyle": "-|>", "color": "#777777", "linewidth": 0.8, "shrinkA": 14, "shrinkB": 16}
        axes.annotate("", where[head], where[tail], arrowprops=arrow)
    for name, (look, text) in graph.nodes.items():
        fill, style, thick = _LOOK[look]
        lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 24)]
        box = {
            "boxstyle": "round,pad=0.3",
            "facecolor": fill,
            "edgecolor": "#333333",
            "linestyle": style,
            "linewidth": thick,
        }
        axes.text(*where[name], "\n".join(lines), ha="center", va="center", fontsize=7.5, bbox=box, parse_math=False)
    axes.set(xlim=(0, widest), ylim=(-len(levels) + 0.4, 0.6))
    axes.set_title(graph.title, fontsize=11, loc="left")
    axes.axis("off")
