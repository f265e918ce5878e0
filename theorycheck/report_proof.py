"""Proofs as text and as LaTeX: every step with its trust, the counts, and what is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from theorycheck.proof import Proof
from theorycheck.proof_steps import Checked, Trust
from theorycheck.report_latex import escape, formula

#: the two kinds of trust that a machine gives by itself
PROVED = (Trust.SYMBOLIC, Trust.ENCLOSED)


def proof_lines(
    proof: Proof, checked: Sequence[Checked], trust: Mapping[str, Trust] = MappingProxyType({})
) -> Iterator[str]:
    """Yield the steps of a proof: label, trust, what it says in words and in symbols, what it stands on.

    ``trust`` is that of what is applied, by name (:func:`trusts`): a step that applies a lemma is shown as symbolic, since
    that is how the application is checked.
    """
    yield proof.name
    for event in proof.events:
        yield f"  on an event that fails with probability {event.chance}: {event.bound.lhs} <= {event.bound.rhs}"
    for number, found in enumerate(checked, 1):
        step = found.step
        relation = "=" if step.equal else "<" if step.bound.strict else "<="
        yield f"  {number}. {step.label} [{found.trust.value}] {step.says}"
        yield f"       {step.bound.lhs} {relation} {step.bound.rhs}"
        if step.lemma:
            put = ", ".join(f"{symbol} = {expr}" for symbol, expr in step.where.items() if symbol != expr)
            name = step.lemma.name
            yield f"       by {name}{f' ({trust[name].value})' if name in trust else ''}{f' with {put}' if put else ''}"
        if step.uses:
            yield f"       from {', '.join(step.uses)}"
        if found.note:
            yield f"       {'BROKEN: ' if found.trust is Trust.BROKEN else ''}{found.note}"


def counts(checked: Sequence[Checked]) -> str:
    """Return how many steps there are of each trust, and the share that a machine proves."""
    numbers = Counter(found.trust for found in checked)
    told = ", ".join(f"{numbers[trust]} {trust.value}" for trust in Trust if numbers[trust])
    share = sum(numbers[trust] for trust in PROVED) / max(1, len(checked))
    return f"{len(checked)} steps: {told}; {share:.0%} symbolic or enclosed"


#: from the weakest: a proof is as trusted as its weakest step
_WEAKEST = (Trust.BROKEN, Trust.SAMPLED, Trust.CITED, Trust.ENCLOSED, Trust.SYMBOLIC)


def weakest(checked: Sequence[Checked]) -> Trust:
    """Return the trust of a proof's weakest step."""
    return next(trust for trust in _WEAKEST if any(one.trust is trust for one in checked))


def trusts(found: Sequence[tuple[Proof, Sequence[Checked]]]) -> dict[str, Trust]:
    """Return every proof's trust: that of its weakest step, or of the weakest that it applies, if that is weaker.

    What is applied and not among the proofs does not count.
    """
    known = {proof.name: (proof, checked) for proof, checked in found}
    told: dict[str, Trust] = {}

    def of(name: str) -> Trust:
        if name not in told:
            proof, checked = known[name]
            told[name] = weakest(checked)  # a circle would stop here
            applied = [of(one) for one in proof.applied if one in known]
            told[name] = min([told[name], *applied], key=_WEAKEST.index)
        return told[name]

    return {name: of(name) for name in known}


def behind_line(others: Sequence[Proof], trust: Mapping[str, Trust]) -> str:
    """Say what else some proofs stand on, each as trusted as the weakest step behind it."""
    return "stands on " + ", ".join(f"{proof.name} ({trust[proof.name].value})" for proof in others)


def proof_document(proof: Proof, checked: Sequence[Checked]) -> dict[str, Any]:
    """Return a proof and what its check found as plain data for JSON."""
    steps = [
        {
            "label": found.step.label, "says": found.step.says, "kind": found.step.kind.value, "trust": found.trust.value,
            "lhs": str(found.step.bound.lhs), "rhs": str(found.step.bound.rhs), "strict": found.step.bound.strict,
            "uses": list(found.step.uses), "note": found.note,
        }
        for found in checked
    ]  # fmt: skip
    return {"name": proof.name, "chain": list(proof.chain), "steps": steps}


def run(proofs: Sequence[Proof]) -> int:
    """Check proofs, print them and the counts; return 1 if a step is broken, else 0."""
    every: list[Checked] = []
    for proof in proofs:
        checked = proof.check()
        every += checked
        print("\n".join(proof_lines(proof, checked)), end="\n\n")
    print(f"{len(proofs)} proofs, {counts(every)}")
    return 1 if any(found.trust is Trust.BROKEN for found in every) else 0


# --- LaTeX -------------------------------------------------------------------------------------------------

_HEAD = r"""\documentclass{article}
\usepackage{amsmath,graphicx}
\usepackage[margin=25mm]{geometry}
\newsavebox{\fitbox}
% a formula that is wider than the line is shrunk to it
\newcommand{\fit}[1]{\sbox{\fitbox}{$\displaystyle #1$}\ifdim\wd\fitbox>\linewidth
  \resizebox{\linewidth}{!}{\usebox{\fitbox}}\else\usebox{\fitbox}\fi}
\begin{document}
"""


def latex(found: Sequence[tuple[Proof, Sequence[Checked]]]) -> str:
    """Return a LaTeX document with every step of the proofs; it needs amsmath, graphicx and geometry."""
    return _HEAD + "\n".join(_latex(proof, checked) for proof, checked in found) + "\\end{document}\n"


def _latex(proof: Proof, checked: Sequence[Checked]) -> str:
    lines = [rf"\section*{{{escape(proof.name)}}}"]
    for name, bound in proof.premises.items():
        if any(name in one.step.uses for one in checked):
            lines.append(rf"\par\noindent\emph{{{escape(name)}}}: {_display(bound.lhs, '<' if bound.strict else chr(92) + 'le', bound.rhs)}")  # fmt: skip
    lines.append(r"\begin{enumerate}")
    for one in checked:
        step = one.step
        relation = "=" if step.equal else "<" if step.bound.strict else r"\le"
        lines.append(rf"\item \textbf{{{escape(step.label)}}} (\emph{{{one.trust.value}}}): {escape(step.says)}.")
        lines.append(_display(step.bound.lhs, relation, step.bound.rhs))
        behind = [step.lemma.name] if step.lemma else []
        if behind + list(step.uses):
            lines.append(rf"\par\noindent from {escape(', '.join([*behind, *step.uses]))}")
        if one.note:
            lines.append(rf"\par\noindent {escape(one.note)}")
    return "\n".join([*lines, r"\end{enumerate}", ""])


def _display(left: object, relation: str, right: object) -> str:
    return rf"\par\smallskip\noindent\fit{{{formula(left)} {relation} {formula(right)}}}\smallskip"
