"""Recheck one certificate file: form, data, evidence, tests, conclusions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flint import arb, ctx

from theorycheck.recheck import caron, chen, razborov
from theorycheck.recheck.arrays import Array, BadArray, Source, rows_of, source_of, whole
from theorycheck.recheck.form import ARRAYS, FORMS, problem_of
from theorycheck.recheck.reading import read
from theorycheck.recheck.results import Line, Rechecked, Undecided, not_looked_at, shown
from theorycheck.recheck.stream import Network

_BITS = (192, 512)
_HASHED = 0.1  # of the work: the first pass over the weights


def recheck(path: str | os.PathLike[str], progress: Callable[[float], None] | None = None) -> Rechecked:
    """Derive every number of a certificate again and say whether it is valid.

    Parameters
    ----------
    path
        The certificate (JSON); an NPZ file that it names must stand beside it.
    progress
        Called with the fraction done, from 0 to 1.

    Returns
    -------
    Rechecked
        One line for each thing looked at; valid only if all of them were proved.

    Raises
    ------
    BadCertificate
        If the file cannot be read as a certificate at all.
    """
    path = Path(path)
    doc = read(path)
    report = _rising(progress)
    with np.errstate(all="ignore"):
        lines = _lines(doc, path.parent, report)
    report(1.0)
    theorem = doc.get("theorem")
    return Rechecked(theorem if isinstance(theorem, str) else "", all(line.ok for line in lines), tuple(lines))


def _rising(progress: Callable[[float], None] | None) -> Callable[[float], None]:
    """Return a report that never goes back, although a second try with more bits starts again."""
    most = 0.0

    def report(part: float) -> None:
        nonlocal most
        most = max(most, part)
        if progress:
            progress(most)

    return report


def _lines(doc: dict[str, Any], folder: Path, report: Callable[[float], None]) -> list[Line]:
    problem = problem_of(doc)
    if problem:
        return [Line("structure", False, problem), *not_looked_at(["data", "evidence", "tests", "conclusions"])]
    lines = [Line("structure", True, "the keys, kinds and ranges are those of the format")]
    arrays, found = _data(doc, folder, report)
    lines += found
    if not all(line.ok for line in found):
        return lines + not_looked_at(["evidence", "tests", "conclusions"])
    for bits in _BITS:
        with ctx.workprec(bits):
            try:
                numbers = _numbers(doc, arrays, report)
            except BadArray as changed:  # the file changed between two readings
                return [*lines, Line("data", False, str(changed)), *not_looked_at(["evidence"])]
        if not any(isinstance(line, Undecided) for line in numbers):
            break
    return lines + [Line(line.name, line.ok, line.says) for line in numbers]


def _data(doc: dict[str, Any], folder: Path, report: Callable[[float], None]) -> tuple[dict[str, Any], list[Line]]:
    """Read every array against its hash; the weights stay a source."""
    n, d, m = (doc["model"][key] for key in "ndm")
    shapes = {"inputs": (n, d), "labels": (n,), "weights": (m, d), "signs": (m,), "scales": (m,)}
    arrays: dict[str, Any] = {}
    lines = []
    for name in ARRAYS:
        try:
            source = source_of(name, doc["data"][name], shapes[name], doc["data"], folder)
            arrays[name] = _hashed(source, report) if name == "weights" else whole(source)
            lines.append(Line(f"data {name}", True, f"{name}: sha256 agrees"))
        except BadArray as problem:
            lines.append(Line(f"data {name}", False, str(problem)))
    if all(line.ok for line in lines):
        problem_found = _condition_broken(doc, arrays)
        lines.append(Line("data", not problem_found, problem_found or "the data are as the model asks"))
    return arrays, lines


def _hashed(source: Source, report: Callable[[float], None]) -> Source:
    done = 0
    for chunk in rows_of(source, max(2, 2**20 // source.shape[1])):
        done += len(chunk)
        report(_HASHED * done / source.shape[0])
    return source


def _condition_broken(doc: dict[str, Any], arrays: dict[str, Array]) -> str:
    """Return which condition of the model the data break; empty if none."""
    neuron = doc["model"]["neuron"]
    if neuron == "asymmetric":
        if not np.all(np.abs(arrays["signs"]) == 1):
            return "asymmetric neurons need signs +1 or -1"
        return "" if np.all(arrays["scales"] > 0) else "asymmetric neurons need positive scales"
    if not np.all(arrays["scales"] == 1):
        return f"{neuron} neurons need scales that are all 1"
    if neuron == "two_layer" and doc["model"]["activation"] == "relu" and not np.all(np.any(arrays["inputs"], axis=1)):
        return "no input may be zero"
    return ""


def _numbers(doc: dict[str, Any], arrays: dict[str, Any], report: Callable[[float], None]) -> list[Line]:
    """Return the lines of evidence, tests and conclusions at the present precision."""
    model, choices, raw = doc["model"], doc["choices"], doc["evidence"]
    theorem, dynamics = doc["theorem"], doc["dynamics"]
    n, d, m = (model[key] for key in "ndm")
    net = Network(
        model["neuron"],
        model["activation"],
        **arrays,
        kappa=model["output_scale"],
        progress=lambda part: report(_HASHED + (1 - _HASHED) * part),
    )
    settings = {"kappa": model["output_scale"], "eta_W": model["rates"][0], "eta_a": model["rates"][1]}
    flat = {key: value for key, value in (settings | choices | raw).items() if isinstance(value, int | float)}
    given = {key: arb(value) for key, value in flat.items()}
    if theorem.startswith("caron"):
        lines = caron.evidence(theorem, net, given, raw) + caron.tests(theorem, given, m, d)
        formulas: dict[str, Any] = caron.formulas(theorem, given, d)
    elif theorem.startswith("chen"):
        lines = chen.evidence(theorem, net, choices, raw) + chen.tests(theorem, given, choices, raw)
        formulas = chen.formulas(theorem, given, choices, raw, n)
    else:
        lines = razborov.evidence(theorem, net, given, choices, raw, dynamics)
        lines += razborov.tests(theorem, dynamics, given)
        formulas = razborov.formulas(theorem, dynamics, given)
    return lines + _conclusions(doc, formulas)


def _conclusions(doc: dict[str, Any], formulas: dict[str, Any]) -> list[Line]:
    lines = []
    for item, (name, side, _) in zip(
        doc["conclusions"], FORMS[doc["theorem"]].conclusions[doc["dynamics"]], strict=True
    ):
        either = formulas[name] if isinstance(formulas[name], list) else [formulas[name]]
        tried = [_conclusion(name, side, item["value"], formula) for formula in either]
        lines.append(next((line for line in tried if line.ok), tried[0]))
    return lines


def _conclusion(name: str, side: str, value: float, formula: arb) -> Line:
    """Judge one conclusion's value against its formula."""
    claimed = arb(value)
    proved = bool(claimed <= formula) if side == "at least" else bool(claimed >= formula)
    refuted = bool(claimed > formula) if side == "at least" else bool(claimed < formula)
    if proved:
        return Line(f"conclusion {name}", True, f"{name} {side} {value!r}: proved")
    if refuted:
        text = f"{name}: claimed {side} {value!r}, but it is {shown(formula, value)}"
        return Line(f"conclusion {name}", False, text)
    return Undecided(f"conclusion {name}", False, f"{name} {side} {value!r}: could not be proved")
