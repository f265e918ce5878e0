"""A paper with three small cards, and a `check` that returns what a test wants to see."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pytest
import sympy as sp

import theorycheck
from theorycheck.cli import main
from theorycheck.data import BadInput, load
from theorycheck.evidence import Judgement, Report, Verdict
from theorycheck.statement import (
    Assumption,
    Bound,
    Claim,
    Paper,
    PaperClaim,
    Quantity,
    Reference,
    Standing,
    Theorem,
)
from theorycheck.symbolic.activations import activation as known_activation

kappa, gamma, rate, width, moved, delta = sp.symbols("kappa_n gamma rate m moved delta", positive=True)


def example(
    *,
    n: Annotated[int, "number of points, at least 1"] = 5,
    m: Annotated[int, "width"] = 64,
    gamma: Annotated[float, "share of the uniform part, in [0, 1]"] = 0.5,
    data: Annotated[str, "gaussian, a bundled set, or a file"] = "gaussian",
    rows: Annotated[int | None, "how many rows to keep"] = None,
    label_column: Annotated[str | None, "the column of the labels"] = None,
    activation: Annotated[str, "a name or an expression of x"] = "relu",
    centre: Annotated[bool, "subtract the mean"] = False,
) -> dict[str, Any]:
    """Return a description; the toys do not compute."""
    if n < 1:
        raise BadInput(f"n is {n}: give a whole number of at least 1")
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma is {gamma}: give a number between 0 and 1")
    known_activation(activation)
    if data != "gaussian":
        n = len(load(data, rows=rows, label_column=label_column).labels)
    flags = {"gamma": gamma, "label_column": label_column, "centre": centre}
    return {"data": data, "n": n, "d": 3, "m": m, "flags": flags, "seed": 0}


def small_example(*, n: Annotated[int, "number of points"] = 2) -> dict[str, Any]:
    """Return a description for the card that has one flag only."""
    return {"n": n}


def card(label: str, make: Callable[..., Any] = example, **changes: Any) -> Theorem:
    """Return a toy theorem with one claim in reach and one beyond."""
    claims = (
        Claim("rate", "The loss decays at the promised rate.", Bound(gamma * kappa / 2, rate), ("wide",), 1 - delta),
        Claim(
            "near",
            "No weight moves far & 100% stays.",
            Bound(moved, 8 / (gamma * kappa), True),
            (),
            beyond_reach="m is 1e12",
        ),
    )
    symbols = {kappa: "least eigenvalue κ_n", gamma: "share", rate: "rate seen", width: "width"}
    symbols |= {moved: "distance ‖w_t − w_0‖", delta: "failure probability"}
    fields: dict[str, Any] = {
        "label": label,
        "title": "Global convergence, a toy",
        "reference": Reference("toy", "our Prop. 1", "after the authors' code"),
        "standing": Standing.DERIVED,
        "notation": "L = ½|r|²; their η is our 2η/n.",
        "quantities": tuple(Quantity(symbol, says, lambda run: run) for symbol, says in symbols.items()),
        "assumptions": (Assumption("wide", "The network is wide.", Bound(sp.log(1 / delta) / kappa**4, width), 3.5),),
        "claims": claims,
        "derivations": (),
        "order": ("data", "labels", "weights"),
        "example": make,
        "instances": lambda: None,
        "simulate": lambda instance: instance,
        "sabotages": (
            Claim("fast", "Twice the rate.", Bound(gamma * kappa, rate), ("wide",), falsifies="rate"),
            Claim("still", "Nothing moves.", Bound(moved, sp.Integer(0)), (), falsifies="near"),
        ),
        "showcase": ({}, {"data": "diabetes", "rows": 40}) if make is example else ({},),
    }
    return Theorem(**(fields | changes))


PAPER = Paper(
    "toy",
    "Toys | and theorems",
    "A. Author",
    2024,
    "https://example.org",
    (PaperClaim("global", "wide networks converge", ("toy.a",)), PaperClaim("features", "they learn features", ())),
)


def judgement(label: str, slack: float, error: float = 1e-9, **more: Any) -> Judgement:
    """Return a judgement whose sides differ by its slack."""
    return Judgement(label, slack, error, lhs=1.0, rhs=1.0 + slack, **more)


def confirmed(theorem: Theorem, instance: dict[str, Any]) -> Report:
    """Return a report in which everything holds."""
    return report(theorem, instance, wide=0.5, rate=0.25, near=np.float64(2.0))


def report(theorem: Theorem, instance: dict[str, Any], *, wide: float, rate: float, near: float, **more: Any) -> Report:
    """Return a report with these slacks."""
    premise = judgement("wide", wide, **more)
    verdicts = (
        Verdict(theorem.label, "rate", (premise,), judgement("rate", rate, note="tightest at t = 3")),
        Verdict(theorem.label, "near", (), judgement("near", near, strict=True)),
    )
    return Report(theorem.label, instance, verdicts, ("rows 3 and 7 are parallel",), 0.1)


def registry(*cards: Theorem) -> types.SimpleNamespace:
    """Return what `theorycheck.theorems` offers, with these cards."""
    return types.SimpleNamespace(
        cards=lambda *about: cards,
        conjectures=lambda *about: (),
        experiments=lambda *about: (),
        papers=lambda *about: (PAPER,),
        card=lambda label: {c.label: c for c in cards}[label],
    )


def checker(make: Callable[[Theorem, Any], Report]) -> types.SimpleNamespace:
    """Return what `theorycheck.check` offers, answering with ``make``."""

    def check(theorem: Theorem, instance: Any, *, draws: int | None = None, progress: Any = None) -> Report:
        for fraction in (0.0, 0.5, 1.0):
            progress(fraction)
        return make(theorem, instance)

    return types.SimpleNamespace(check=check)


def stalls(theorem: Theorem, instance: Any) -> Report:
    """Stall on one card, answer on the others."""
    from theorycheck.flow import FlowStalled

    if theorem.label == "toy.a":
        raise FlowStalled("the flow stalled at t = 2: a gate chatters")
    return confirmed(theorem, instance)


def install(monkeypatch: pytest.MonkeyPatch, make: Callable[[Theorem, Any], Report] = confirmed) -> None:
    """Replace the registry and the check by toys."""
    cards = (card("toy.a"), card("toy.b"), card("toy.c", small_example))
    for name, module in (("theorems", registry(*cards)), ("check", checker(make))):
        monkeypatch.setitem(sys.modules, f"theorycheck.{name}", module)
        monkeypatch.setattr(theorycheck, name, module, raising=False)


def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what would colour or reshape the output."""
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")


def run(capsys: pytest.CaptureFixture[str], *tokens: str) -> tuple[int, str, str]:
    """Run the command line in this process; return status, standard output and standard error."""
    status = main(list(tokens))
    captured = capsys.readouterr()
    return status, captured.out, captured.err
