"""What a recheck says: one line for each thing looked at, and whether all of them hold."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, ctx


class BadCertificate(ValueError):
    """The file cannot be read as a certificate at all."""


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What was looked at, for example ``evidence kappa_hat``.
    ok
        True only if it was proved.
    says
        One sentence for people.
    """

    name: str
    ok: bool
    says: str


class Undecided(Line):
    """A line that is not ok only because the balls were too wide to tell: worth another try with more bits."""


@dataclass(frozen=True)
class Rechecked:
    """The answer: ``valid`` only if every line is ok.

    Attributes
    ----------
    theorem
        Label of the theorem, as the certificate names it (empty if that could not be read).
    valid
        True only if every line is ok, and none is missing.
    lines
        What was looked at, in order.
    """

    theorem: str
    valid: bool
    lines: tuple[Line, ...]


def shown(number: arb, beside: float | None = None) -> str:
    """Return a ball's middle with as few digits as tell it from ``beside``."""
    if not number.is_finite():
        return "not a finite number"
    texts = [str(number.mid().str(digits, radius=False)) for digits in (6, 12, 24, 48)]
    if beside is None:
        return texts[0]
    for digits, text in zip((6, 12, 24, 48), texts, strict=True):
        if text != str(arb(beside).str(digits, radius=False)):
            return text
    return texts[-1]


def short(name: str) -> str:
    """Return a line's last word, the number's name."""
    return name.rsplit(maxsplit=1)[-1]


def judged(name: str, statement: str, proved: bool, refuted: bool, truth: str) -> Line:
    """Return the line of a statement that was proved, refuted, or neither."""
    if proved:
        return Line(name, True, f"{statement}: proved")
    if refuted:
        return Line(name, False, truth)
    return Undecided(name, False, f"{statement}: could not be proved with {ctx.prec} bits")


def at_least(name: str, claimed: float, truth: arb) -> Line:
    """Judge ``truth >= claimed``; comparisons of balls are true only if proved, so NaN never passes."""
    what = short(name)
    said = f"{what}: claimed at least {claimed!r}, but it is {shown(truth, claimed)}"
    return judged(name, f"{what} >= {claimed!r}", bool(truth >= claimed), bool(truth < claimed), said)


def at_most(name: str, claimed: float, truth: arb) -> Line:
    """Judge ``truth <= claimed``."""
    what = short(name)
    said = f"{what}: claimed at most {claimed!r}, but it is {shown(truth, claimed)}"
    return judged(name, f"{what} <= {claimed!r}", bool(truth <= claimed), bool(truth > claimed), said)


def norm_at_most(name: str, claimed: float, square: arb) -> Line:
    """Judge ``sqrt(square) <= claimed`` without a root, so that equality can be proved."""
    what, said = short(name), f"claimed at most {claimed!r}, but it is {shown(square.sqrt(), claimed)}"
    proved = claimed >= 0 and bool(square <= arb(claimed) * arb(claimed))
    refuted = claimed < 0 or bool(square > arb(claimed) * arb(claimed))
    return judged(name, f"{what} <= {claimed!r}", proved, refuted, f"{what}: {said}")


def none_above(name: str, claimed: float, lines: list[Line]) -> Line:
    """Return the first line that is not ok, or one line for all of them (a maximum is at most the claim)."""
    bad = [line for line in lines if not line.ok]
    refuted = [line for line in bad if not isinstance(line, Undecided)]
    return (refuted or bad or [Line(name, True, f"{short(name)} <= {claimed!r}: proved")])[0]


def tested(statement: str, left: arb, sign: str, right: arb) -> Line:
    """Judge one test; ``sign`` is one of ``<``, ``<=``, ``>``, ``>=``."""
    if sign in (">", ">="):
        proved = bool(left > right) if sign == ">" else bool(left >= right)
        refuted = bool(left <= right) if sign == ">" else bool(left < right)
    else:
        proved = bool(left < right) if sign == "<" else bool(left <= right)
        refuted = bool(left >= right) if sign == "<" else bool(left > right)
    said = f"{statement}: it fails, {shown(left)} is not {sign} {shown(right)}"
    return judged(f"test {statement}", statement, proved, refuted, said)


def not_looked_at(names: list[str]) -> list[Line]:
    """Return lines for things that would be meaningless after a failure."""
    return [Line(name, False, f"{name}: not looked at") for name in names]
