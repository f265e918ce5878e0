"""Examples of razborov2022's model: initialisation schemes, data, and the size of the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from theorycheck.certify import build
from theorycheck.certify.gram import Enclosed, with_inputs
from theorycheck.certify.layer import draw_layer
from theorycheck.certify.problem import Problem
from theorycheck.certify.sums import start
from theorycheck.data import BadInput
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems._data import DATA, data_of, keyword_example
from theorycheck.theorems.razborov2022.normal_form import normal_form

_NORMAL = ("normal", "N(0, I), which the theorem speaks of")

_OWN: Mapping[str, tuple[Any, Any]] = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 10),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 10),
    "m": (Annotated[int, "number of neurons"], 20_000),
    "scheme": (
        Annotated[str, "rates and output scale: lecun, he, ntk, ntk_unscaled, first (layer only) or last"],
        "lecun",
    ),
    "lazy": (Annotated[float, "output scale times this, rates divided by its square"], 1.0),
    "step": (Annotated[float, "largest eigenvalue of the tangent Gram times the step; 0 leaves the rates"], 0.15),
    "residual": (Annotated[float, "labels this far from the initial output; 0 for labels of their own"], 0.0),
}
_ACTIVATION: Mapping[str, tuple[Any, Any]] = {
    "activation": (Annotated[str, "tanh, erf, sigmoid, softplus, gelu, silu or sine"], "tanh")
}
_REST: Mapping[str, tuple[Any, Any]] = {
    "signs": (Annotated[str, "output weights: normal, or signs for 1 and -1"], "signs"),
    "mirrored": (Annotated[bool, "neurons in pairs of opposite output weights: the initial output is 0"], False),
    "draw": (Annotated[int, "which draw of the weights, from 0"], 0),
}
_DATA: Mapping[str, tuple[Any, Any]] = {
    **DATA,
    "data": (Annotated[str, f"normal (rows {_NORMAL[1]}), or as for other cards: {DATA['data'][0].__metadata__[0]}"], "normal"),
}  # fmt: skip


def sized_data(flags: dict[str, Any]) -> tuple[Any, Any, tuple[str, ...]]:
    """Return inputs of norm about sqrt d, labels and notes."""
    if flags["data"] == "normal":
        inputs, labels, notes = data_of({**flags, "data": "gaussian"})
        generator = np.random.default_rng([flags["seed"], 2])
        return generator.standard_normal(inputs.shape), np.sign(labels) * flags["label"], notes
    inputs, labels, notes = data_of(flags)
    return (
        inputs * math.sqrt(inputs.shape[1]),
        labels,
        (*notes, "inputs multiplied by sqrt d, the size of Gaussian rows"),
    )


def problem(flags: dict[str, Any]) -> Problem:
    """Return the problem of an example's flags.

    Raises
    ------
    BadInput
        If a flag is out of range.
    """
    if flags["signs"] not in ("normal", "signs"):
        raise BadInput(f"--signs must be normal or signs, not {flags['signs']!r}")
    if flags["m"] < 1:
        raise BadInput(f"--m must be at least 1, not {flags['m']}")
    if not (0 < flags["lazy"] < math.inf and 0 <= flags["step"] < 2):
        raise BadInput("--lazy must be positive and --step lie in [0, 2): beyond 2 no step converges")
    inputs, labels, notes = sized_data(flags)
    seed = [flags["seed"], flags["draw"]] if flags["draw"] else flags["seed"]
    law = "normal signs" if flags["signs"] == "normal" else "signs"
    layer = draw_layer(flags["m"], inputs.shape[1], seed, sign_law=law, mirrored=flags["mirrored"])
    kappa, first, second = normal_form(flags["scheme"], flags["m"], inputs.shape[1])
    found = Problem(
        TWO_LAYER, read_activation(flags.get("activation", "relu")), inputs, labels, layer,
        (first / flags["lazy"] ** 2, second / flags["lazy"] ** 2), kappa * flags["lazy"],
        made={"flags": flags}, notes=notes,
    )  # fmt: skip
    found = build.near_output(found, flags["residual"], layer.signs, found.output_scale)
    return _stepped(found, flags["step"]) if flags["step"] else found


def _stepped(problem: Problem, step: float) -> Problem:
    """Return the problem with rates such that the largest eigenvalue of the tangent Gram is ``step``."""
    signs, kappa = problem.layer.signs, problem.output_scale
    sums = start(problem, signs, signs**2, lambda fraction, stage: None, with_values=True)
    whole = (
        with_inputs(problem, sums.slopes, 0.0).times(problem.rates[0])
        .plus(Enclosed(sums.values, 0.0).times(problem.rates[1])).times(kappa * kappa)
    )  # fmt: skip
    if not whole.finite:
        raise BadInput("the tangent Gram overflows: scale the inputs down")
    largest = float(np.linalg.eigvalsh(whole.matrix)[-1])
    if not largest > 0:
        raise BadInput("the tangent Gram is zero, so nothing is learned: check inputs and rates")
    return replace(problem, rates=(problem.rates[0] * step / largest, problem.rates[1] * step / largest))


#: every flag but the activation: type and help, and default
FLAGS: Mapping[str, tuple[Any, Any]] = {**_OWN, **_DATA, **_REST}
EXAMPLE = keyword_example(problem, FLAGS, Problem)
#: with the activation
FLAGS_SMOOTH: Mapping[str, tuple[Any, Any]] = {**_OWN, **_ACTIVATION, **_DATA, **_REST}
EXAMPLE_SMOOTH = keyword_example(problem, FLAGS_SMOOTH, Problem)
KNOBS = {"scheme": ("lecun", "he", "ntk")}  # those that train both layers
