"""The form of a certificate: which keys, kinds and ranges each theorem asks for, and what it may conclude."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

ACTIVATIONS = ("relu", "tanh", "erf", "sigmoid", "softplus", "gelu", "silu", "sine", "identity")
ARRAYS = ("inputs", "labels", "weights", "signs", "scales")
LARGEST_INT = 2**53  # up to here an int and a double say the same
_TOP = {"format", "program", "theorem", "dynamics", "model", "data", "choices", "evidence", "conclusions"}
_TOP |= {"history", "made"}
_MODEL = {"neuron", "activation", "n", "d", "m", "rates", "output_scale"}
_MOST = {"n": 2000, "d": 100_000, "m": 100_000_000}
_MOST_ENTRIES = 10**10  # of a table over the neurons
_MOST_INPUTS = 4 * 10**6  # numbers in the inputs, which stay in memory

_RATE = "rate: loss(t) <= exp(-rate t) loss(0) for all t >= 0"
_CARON = (
    ("least", "at least", "the least eigenvalue of the tangent Gram, at all times t >= 0"),
    ("rate", "at least", _RATE),
    ("reach", "at most", "reach: |w_j(t) - w_j(0)| <= reach sqrt(lambda_j) for all j and t >= 0"),
    ("change", "at most", "the spectral norm of the tangent Gram's change, at all times t >= 0"),
)
_MOVED = (
    ("weights_moved", "at most", "the Frobenius norm of W(t) - W(0), at all times"),
    ("outer_moved", "at most", "the Euclidean norm of a(t) - a(0), at all times"),
)
_FLOW = (("rate", "at least", _RATE), *_MOVED)
_STEPS = "contraction: loss(k+1) <= contraction loss(k) for every step k >= 0"
_DESCENT = (("contraction", "at most", _STEPS), *_MOVED)
_STAYS = "window: every preactivation stays within it of its initial value, for all t >= 0"
_PATH = "path: the root mean square of |w_j(t) - w_j(0)| over the neurons, for all t >= 0"
_SCALED = "window: preactivation h_ij stays within |c_j| window of its initial value, for all t >= 0"

Sayings = tuple[tuple[str, str, str], ...]  # name, side, text
_BOTH: dict[str, Sayings] = {"flow": _FLOW, "descent": _DESCENT}


class Form(NamedTuple):
    """What one theorem asks for; ``relu`` is None where every activation will do.

    ``choices`` and ``evidence`` map a name to its kind: ``number``, ``end`` (a number or null), ``numbers``.
    """

    neuron: str
    relu: bool | None
    choices: dict[str, str]
    evidence: dict[str, str]
    conclusions: dict[str, Sayings]


def _numbers(text: str) -> dict[str, str]:
    return dict.fromkeys(text.split(), "number")


_INTERVAL = {"low": "end", "high": "end", "eta": "number", "c_low": "number"}
FORMS: dict[str, Form] = {
    "caron2023.r0": Form(
        "asymmetric",
        True,
        _numbers("theta"),
        _numbers("gamma kappa_hat r_0 s_X mass flips heavy_flips"),
        {"flow": _CARON},
    ),
    "caron2023.r0_smooth": Form(
        "asymmetric",
        False,
        _numbers("theta"),
        _numbers("gamma kappa_hat r_0 s_X mass mass_2 fourth slope curvature"),
        {"flow": _CARON},
    ),
    "chen2022.a": Form(
        "mean_field",
        None,
        _INTERVAL,
        _numbers("lam g zeta_0 slope steepness c_high share"),
        {"flow": (("rate", "at least", _RATE), ("window", "at most", _STAYS))},
    ),
    "chen2022.b": Form(
        "mean_field",
        None,
        {**_INTERVAL, "split": "number"},
        _numbers("lam zeta_0 steepness share G_max"),
        {"flow": (("rate", "at least", _RATE), ("path", "at most", _PATH))},
    ),
    "chen2022.c": Form(
        "mean_field",
        None,
        {"rho": "numbers"},
        {**_numbers("lam g zeta_0 slope"), "Q": "numbers"},
        {"flow": (("rate", "at least", _RATE), ("window", "at most", _SCALED))},
    ),
    "razborov2022.r1": Form(
        "two_layer",
        True,
        {"c": "number", "tau": "numbers"},
        _numbers("alpha_squared top r_0 X_norm mass"),
        _BOTH,
    ),
    "razborov2022.r0": Form(
        "two_layer",
        False,
        _numbers("c"),
        _numbers("alpha_squared top r_0 X_norm slope curvature a_max x_max"),
        _BOTH,
    ),
    "razborov2022.r0_radii": Form(
        "two_layer",
        True,
        {"c": "number", "tau": "numbers", "R_W": "number", "R_a": "number"},
        _numbers("alpha_squared top r_0 X_norm mass beta_W beta_a"),
        _BOTH,
    ),
}


def problem_of(doc: dict[str, Any]) -> str:
    """Return what is wrong with a certificate's form, in one sentence; empty if nothing is."""
    for check in (_top, _model, _arrays_named, _choices_and_evidence, _ranges, _conclusions):
        problem = check(doc)
        if problem:
            return problem
    return ""


def wrong_keys(found: Any, wanted: set[str], where: str) -> str:
    """Say which key is missing or unknown, or that this is not an object."""
    if not isinstance(found, dict):
        return f"{where} must be an object"
    for key in sorted(wanted - set(found)):
        return f"{where} lacks the key {key!r}"
    for key in sorted(set(found) - wanted):
        return f"{where} has the unknown key {key!r}"
    return ""


def is_number(value: Any) -> bool:
    """Tell whether this is a finite number, taken exactly: a double, or an int that a double holds; no boolean."""
    if isinstance(value, bool):
        return False
    return math.isfinite(value) if isinstance(value, float) else isinstance(value, int) and abs(value) <= LARGEST_INT


def is_count(value: Any) -> bool:
    """Tell whether this is a positive int."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _top(doc: dict[str, Any]) -> str:
    problem = wrong_keys(doc, _TOP, "the certificate")
    if problem:
        return problem
    for key in ("program", "theorem", "dynamics"):
        if not isinstance(doc[key], str):
            return f"{key} must be text"
    for key in ("history", "made"):
        if not isinstance(doc[key], dict):
            return f"{key} must be an object"
    if doc["theorem"] not in FORMS:
        return f"theorem {doc['theorem']!r} is not one of {', '.join(FORMS)}"
    if doc["dynamics"] not in FORMS[doc["theorem"]].conclusions:
        return f"theorem {doc['theorem']} says nothing about dynamics {doc['dynamics']!r}"
    return ""


def _model(doc: dict[str, Any]) -> str:
    model, form = doc["model"], FORMS[doc["theorem"]]
    problem = wrong_keys(model, _MODEL, "model")
    if problem:
        return problem
    for key, most in _MOST.items():
        if not is_count(model[key]) or model[key] > most:
            return f"model {key} must be an int from 1 to {most}"
    if max(model["n"], model["d"]) * model["m"] > _MOST_ENTRIES or model["n"] * model["d"] > _MOST_INPUTS:
        return f"the model is too large: n d <= {_MOST_INPUTS}, n m and d m <= {_MOST_ENTRIES} can be checked"
    if model["neuron"] != form.neuron:
        return f"theorem {doc['theorem']} is about {form.neuron} neurons, not {model['neuron']!r}"
    if model["activation"] not in ACTIVATIONS:
        return f"activation {model['activation']!r} is not one of {', '.join(ACTIVATIONS)}"
    if form.relu is not None and form.relu != (model["activation"] == "relu"):
        return f"theorem {doc['theorem']} is not about the activation {model['activation']}"
    return _rates(model)


def _rates(model: dict[str, Any]) -> str:
    rates, scale = model["rates"], model["output_scale"]
    if not (isinstance(rates, list) and len(rates) == 2 and all(map(is_number, rates)) and is_number(scale)):
        return "model rates must be a list of two numbers, and output_scale a number"
    if model["neuron"] != "two_layer":
        return "" if rates == [1, 0] and scale == 1 else "this neuron needs rates [1.0, 0.0] and output_scale 1.0"
    if min(rates) < 0 or max(rates) <= 0 or scale <= 0:
        return "two_layer needs rates >= 0, not both 0, and output_scale > 0"
    return ""


def _arrays_named(doc: dict[str, Any]) -> str:
    return wrong_keys(doc["data"], set(ARRAYS), "data")


def _choices_and_evidence(doc: dict[str, Any]) -> str:
    form = FORMS[doc["theorem"]]
    for part, kinds in (("choices", form.choices), ("evidence", form.evidence)):
        problem = wrong_keys(doc[part], set(kinds), part)
        if problem:
            return problem
        for key, kind in kinds.items():
            if not _is_of_kind(doc[part][key], kind):
                return f"{part} {key} must be {'a list of finite numbers' if kind == 'numbers' else 'a finite number'}"
    return ""


def _is_of_kind(value: Any, kind: str) -> bool:
    if kind == "numbers":
        return isinstance(value, list) and len(value) >= 1 and all(map(is_number, value))
    return (kind == "end" and value is None) or is_number(value)


def _ranges(doc: dict[str, Any]) -> str:
    choices, evidence = doc["choices"], doc["evidence"]
    if "tau" in choices and len(choices["tau"]) != doc["model"]["n"]:
        return "choices tau must have n numbers"
    if min(choices.get("tau", [0])) < 0 or choices.get("R_W", 0) < 0 or choices.get("R_a", 0) < 0:
        return "choices tau, R_W and R_a must not be negative"
    if "rho" in choices:
        ends = [0, *choices["rho"]]
        if any(not x < y for x, y in itertools.pairwise(ends)):
            return "choices rho must be positive and increasing"
        if len(evidence["Q"]) != len(choices["rho"]) or min(evidence["Q"]) < 0:
            return "evidence Q must have as many numbers as rho, none negative"
    return ""


def _conclusions(doc: dict[str, Any]) -> str:
    wanted = FORMS[doc["theorem"]].conclusions[doc["dynamics"]]
    found = doc["conclusions"]
    if not isinstance(found, list) or len(found) != len(wanted):
        return f"conclusions must be a list of {len(wanted)}: {', '.join(name for name, _, _ in wanted)}"
    for item, (name, side, says) in zip(found, wanted, strict=True):
        problem = wrong_keys(item, {"name", "says", "side", "value"}, f"conclusion {name}")
        if problem:
            return problem
        if (item["name"], item["side"]) != (name, side) or item["says"] != says:
            return f"conclusion {name} must stand here, {side} its value, and say: {says}"
        if not is_number(item["value"]):
            return f"conclusion {name} must have a finite number as its value"
    return ""
