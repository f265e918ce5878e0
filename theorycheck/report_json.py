"""Cards and reports as JSON: the stable schema ``theorycheck/1``.

Every document has

``schema``
    ``"theorycheck/1"``. Keys may be added under this name; none changes its meaning.
``versions``
    The version of theorycheck, python and the libraries that compute; ``null`` if absent.
``platform``
    ``system``, ``machine`` and ``cores``; never a host name or a path.

``theorycheck list`` adds ``cards``, ``conjectures`` (known to be false) and ``papers``; ``theorycheck show`` adds ``card``. A card is

    {"label", "title", "standing", "reference": {"paper", "place", "note"}, "notation", "order",
     "quantities": [{"symbol", "says"}],
     "assumptions": [{"label", "says", "lhs", "rhs", "strict", "looseness"}],
     "claims": [{"label", "says", "lhs", "rhs", "strict", "given", "probability",
                 "beyond_reach", "looseness"}],
     "sabotages": [the same keys, and "falsifies"],
     "flags": [{"flag", "type", "default", "help"}], "showcase": [flags],
     "proof": null, "realises": [labels of the abstract's claims]}

and a paper is ``{"key", "title", "authors", "year", "url", "claims": [{"label", "says",
"realised_by"}]}``. Expressions are written as SymPy prints them.

``theorycheck check`` adds

    {"claims": [{"theorem", "claim", "beyond_reach"}],
     "verdicts": [{"theorem", "claim", "instance", "outcome", "premises": [judgement],
                   "conclusion": judgement}],
     "broken": [{"theorem", "flags", "error"}], "notes": [sentences], "seconds"}

``theorycheck hunt`` adds

    {"theorem", "seconds", "finds": [the keys of a verdict, and "looked_at": number of instances]}

where ``instance`` is the report's own description (flags, seed, sizes, scaling), and a judgement is
``{"label", "truth", "slack", "error", "strict", "lhs", "rhs", "note", "certificate", "tightest"}``;
``certificate`` is ``null`` or ``{"says", "method", "lower", "upper"}``, ``tightest`` is ``null`` or, for a claim
with a probability, the judgement of the draw that came closest to failing.

JSON knows no infinities, so a number that is not finite is one of the strings ``"inf"``,
``"-inf"`` and ``"nan"``.
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from theorycheck import __version__
from theorycheck.evidence import Judgement, Report, Verdict
from theorycheck.flags import flags_of
from theorycheck.statement import Assumption, Claim, Paper, Theorem

if TYPE_CHECKING:
    from theorycheck.check import Find

SCHEMA = "theorycheck/1"
LIBRARIES = ("numpy", "scipy", "sympy", "numba", "python-flint", "hypothesis", "scikit-learn")


def dumps(document: Mapping[str, Any]) -> str:
    """Return valid JSON text, with non-finite numbers as strings."""
    return json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)


def plain(thing: Any) -> Any:
    """Return ``thing`` in JSON's own types; NumPy numbers and arrays become numbers and lists."""
    if thing is None or isinstance(thing, (bool, int, str)):
        return thing
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else str(float(thing))
    if isinstance(thing, Mapping):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, Iterable) and not hasattr(thing, "tolist"):
        return [plain(part) for part in thing]
    # NumPy's scalars and arrays; anything else (an expression, a path) is told by its text
    return plain(thing.tolist()) if hasattr(thing, "tolist") else str(thing)


def surroundings() -> dict[str, Any]:
    """Return schema, versions and platform: what every document begins with."""
    versions: dict[str, str | None] = {"theorycheck": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = None
    machine = {"system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count()}
    return {"schema": SCHEMA, "versions": versions, "platform": machine}


def list_document(
    theorems: Sequence[Theorem],
    papers: Sequence[Paper],
    conjectures: Sequence[Theorem] = (),
    unproved: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the document of ``theorycheck list``; ``unproved`` says which claims of a card have no proof, and why."""
    return {
        **surroundings(),
        "cards": [card_record(theorem, papers) for theorem in theorems],
        "conjectures": [card_record(theorem, papers) for theorem in conjectures],
        "papers": [_paper_record(paper) for paper in papers],
        "without_proof": {label: dict(missing) for label, missing in unproved.items() if missing},
    }


def show_document(theorem: Theorem, papers: Sequence[Paper]) -> dict[str, Any]:
    """Return the document of ``theorycheck show``."""
    return {**surroundings(), "card": card_record(theorem, papers)}


def check_document(
    theorems: Sequence[Theorem],
    reports: Sequence[Report],
    *,
    broken: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
    seconds: float = 0.0,
) -> dict[str, Any]:
    """Return the document of ``theorycheck check``."""
    claims = [
        {"theorem": theorem.label, "claim": claim.label, "beyond_reach": claim.beyond_reach}
        for theorem in theorems
        for claim in theorem.claims
    ]
    verdicts = [_verdict_record(verdict, report.instance) for report in reports for verdict in report.verdicts]
    told = list(dict.fromkeys([*notes, *(f"{report.theorem}: {note}" for report in reports for note in report.notes)]))
    return {
        **surroundings(),
        "claims": claims,
        "verdicts": verdicts,
        "broken": list(broken),
        "notes": told,
        "seconds": seconds,
    }


def hunt_document(theorem: Theorem, finds: Sequence[Find], seconds: float = 0.0) -> dict[str, Any]:
    """Return the document of ``theorycheck hunt``."""
    found = [{**_verdict_record(find.verdict, find.instance), "looked_at": find.looked_at} for find in finds]
    return {**surroundings(), "theorem": theorem.label, "finds": found, "seconds": seconds}


def card_record(theorem: Theorem, papers: Sequence[Paper]) -> dict[str, Any]:
    """Return one card as a JSON object."""
    reference = theorem.reference
    return {
        "label": theorem.label,
        "title": theorem.title,
        "standing": theorem.standing.value,
        "reference": {"paper": reference.paper, "place": reference.place, "note": reference.note},
        "notation": theorem.notation,
        "order": list(theorem.order),
        "quantities": [{"symbol": str(quantity.symbol), "says": quantity.says} for quantity in theorem.quantities],
        "assumptions": [_bound_record(assumption) for assumption in theorem.assumptions],
        "claims": [_claim_record(claim) for claim in theorem.claims],
        "sabotages": [{**_claim_record(sabotage), "falsifies": sabotage.falsifies} for sabotage in theorem.sabotages],
        "flags": [
            {"flag": flag.option, "type": flag.type_name, "default": flag.default, "help": flag.says}
            for flag in flags_of(theorem)
        ],
        "showcase": [dict(flags) for flags in theorem.showcase],
        "proof": None,
        "realises": [claim.label for paper in papers for claim in paper.claims if theorem.label in claim.realised_by],
    }


def _bound_record(part: Assumption | Claim) -> dict[str, Any]:
    bound = part.bound
    return {
        "label": part.label,
        "says": part.says,
        "lhs": str(bound.lhs),
        "rhs": str(bound.rhs),
        "strict": bound.strict,
        "looseness": part.looseness,
    }


def _claim_record(claim: Claim) -> dict[str, Any]:
    own = {"given": list(claim.given), "probability": str(claim.probability), "beyond_reach": claim.beyond_reach}
    return {**_bound_record(claim), **own}


def _paper_record(paper: Paper) -> dict[str, Any]:
    claims = [
        {"label": claim.label, "says": claim.says, "realised_by": list(claim.realised_by)} for claim in paper.claims
    ]
    own = {"key": paper.key, "title": paper.title, "authors": paper.authors, "year": paper.year, "url": paper.url}
    return {**own, "claims": claims}


def _verdict_record(verdict: Verdict, instance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "theorem": verdict.theorem,
        "claim": verdict.claim,
        "instance": dict(instance),
        "outcome": verdict.outcome.value,
        "premises": [_judgement_record(premise) for premise in verdict.premises],
        "conclusion": _judgement_record(verdict.conclusion),
    }


def _judgement_record(judgement: Judgement) -> dict[str, Any]:
    certificate = judgement.certificate
    held = certificate and {
        "says": certificate.says,
        "method": certificate.method,
        "lower": certificate.lower,
        "upper": certificate.upper,
    }
    names = ("label", "slack", "error", "strict", "lhs", "rhs", "note")
    record = {name: getattr(judgement, name) for name in names}
    closest = judgement.tightest and _judgement_record(judgement.tightest)
    return {**record, "truth": judgement.truth.value, "certificate": held, "tightest": closest}
