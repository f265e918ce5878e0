"""Instances of caron2023's model: the flags of the command line, data, weights, adversarial draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import sympy as sp

from theorycheck.adversary import InputPlan, LabelPlan, build_inputs, build_labels
from theorycheck.data import BadInput
from theorycheck.enclose import enclose, ends
from theorycheck.flow import Run
from theorycheck.grams import Array, limit_gram
from theorycheck.model import Instance, gaussian_weights, node_scales
from theorycheck.statement import Quantity
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import ASYMMETRIC
from theorycheck.theorems._data import DATA, SYNTHETIC, data_of, keyword_example

__all__ = ["DATA", "FLAGS", "SYNTHETIC", "adversarial", "build", "data_of", "described", "drawn", "example"]

#: every flag of these cards: type and help, and default
FLAGS: Mapping[str, tuple[Any, Any]] = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 5),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 5),
    "m": (Annotated[int, "number of hidden nodes; 0 for the least width that the theorem asks for"], 4096),
    "gamma": (Annotated[float, "share of the node scale that is spread evenly, in [0, 1]"], 1.0),
    "alpha": (Annotated[float, "uneven node scales fall like j^(-1/alpha), alpha in (0, 1)"], 0.5),
    "delta": (Annotated[float, "allowed probability of failure, in (0, 1)"], 0.5),
    "theta": (Annotated[float, "split of the certificate, in (0, 1); 0 searches the best"], 0.0),
    "residual": (Annotated[float, "labels this far from the initial output; 0 for labels of their own"], 0.0),
    "step": (Annotated[float, "step of gradient descent, as a share of the largest one that is allowed"], 0.999),
    "kept": (Annotated[int, "number of nodes that are kept: those with the largest scales"], 50),
    "delta_pruned": (Annotated[float, "allowed probability that pruning costs more at time 0, in (0, 1)"], 0.1),
    "resolution": (Annotated[float, "relative accuracy to which a mean is compared, in (0, 1)"], 0.1),
    "power": (Annotated[float, "power p of the node scales, above 1"], 2.0),
    "time": (
        Annotated[float, "flow time at which a node is looked at; 0 for the longest that the theorem allows"],
        0.0,
    ),
    "activation": (Annotated[str, "a name (tanh, softplus, ...) or an expression of z"], "tanh"),
    **DATA,
}


def example(build: Callable[[dict[str, Any]], Instance], *own: str, **defaults: Any) -> Callable[..., Instance]:
    """Return a card's example: keyword parameters from :data:`FLAGS`, the data's flags among them.

    ``defaults`` are this card's own, where they differ.
    """
    names = (*own, *DATA)
    return keyword_example(
        build, {name: (FLAGS[name][0], defaults.get(name, FLAGS[name][1])) for name in names}, Instance
    )


def drawn(
    inputs: Array,
    labels: Array,
    *,
    width: int,
    gamma: float,
    alpha: float,
    activation: str = "relu",
    seed: int = 0,
    draw: int = 0,
    parameters: dict[str, float] | None = None,
    description: dict[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Instance:
    """Return an instance with fresh Gaussian weights; its ``redraw`` keeps data and labels.

    Raises
    ------
    BadInput
        If gamma, alpha or delta is out of range or the weights would not fit in memory.
    """
    delta = (parameters or {}).get("delta", 0.5)
    if not 0 < delta < 1:
        raise BadInput(f"--delta must lie in (0, 1), not {delta:g}: it is the allowed probability of failure")
    if width < 1:
        raise BadInput(f"--m must be at least 1, not {width}")
    weights, signs = gaussian_weights(width, inputs.shape[1], seed, draw)
    about = {"n": len(inputs), "d": inputs.shape[1], "m": width, "seed": seed, **(description or {})}

    def redraw(instance: Instance, draw: int) -> Instance:
        return drawn(
            inputs, labels, width=width, gamma=gamma, alpha=alpha, activation=activation,
            seed=seed, draw=draw, parameters=parameters, description=description, notes=notes,
        )  # fmt: skip

    return Instance(
        inputs,
        labels,
        weights,
        signs,
        node_scales(width, gamma, alpha),
        ASYMMETRIC,
        read_activation(activation),
        {"gamma": gamma, "alpha": alpha, **(parameters or {})},
        about,
        notes,
        redraw,
    )


def described(flags: dict[str, Any]) -> dict[str, Any]:
    """Return what a report says of the flags: the data's name and every flag."""
    return {"data": flags["data"], "flags": dict(flags)}


#: no simulation is wider than this by default: beyond it a run takes minutes
WIDEST = 60_000_000


def build(flags: dict[str, Any], asks: sp.Expr, quantities: tuple[Quantity, ...]) -> Instance:
    """Build an instance from flags; ``asks`` is the width condition, used when the flag m is 0.

    Raises
    ------
    BadInput
        If a flag is out of range, or the width asked for is beyond :data:`WIDEST`.
    """
    inputs, labels, notes = data_of(flags)
    common: dict[str, Any] = {
        "gamma": flags["gamma"],
        "alpha": flags["alpha"],
        "activation": flags.get("activation", "relu"),
        "seed": flags["seed"],
        "parameters": {name: flags[name] for name in ("delta", "delta_pruned", "kept", "resolution") if name in flags},
        "description": {"data": flags["data"], "flags": dict(flags)},
        "notes": notes,
    }
    width = int(flags["m"])
    if width == 0:
        probe = Run(drawn(inputs, labels, width=1, **common))
        values = {
            part.symbol: float(part.measure(probe).value) for part in quantities if part.symbol in asks.free_symbols
        }
        needed = ends(enclose(asks, values))[1]
        if not needed <= WIDEST:
            raise BadInput(
                f"the theorem asks for m = {needed:.3g} nodes on these data, more than can be simulated here: "
                "give --m, and the verdict will say what is missing"
            )
        width = int(np.ceil(needed * (1 + 1e-9)))
    return drawn(inputs, labels, width=width, **common)


def adversarial(plan: InputPlan, label_plan: LabelPlan, activation: str) -> tuple[Array, Array, dict[str, Any]]:
    """Build hard inputs, and labels that look at the data and the limit Gram but not at the weights."""
    inputs = build_inputs(plan)
    # the Gram of the directions: that of huge or tiny inputs would leave the doubles
    gram = limit_gram(
        read_activation(activation), inputs / (np.max(np.abs(inputs)) or 1.0), inputs.shape[1] ** -0.5
    ).matrix
    labels = build_labels(label_plan, inputs, gram)
    return inputs, labels, {"data": plan.kind, "inputs": vars(plan).copy(), "labels": vars(label_plan).copy()}
