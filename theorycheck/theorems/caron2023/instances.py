"""Instances of caron2023's model: the flags of the command line, data, weights, adversarial draws."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import sympy as sp

from theorycheck.adversary import InputPlan, LabelPlan, build_inputs, build_labels
from theorycheck.data import BadInput, load
from theorycheck.enclose import enclose, ends
from theorycheck.flow import Run
from theorycheck.grams import Array, limit_gram
from theorycheck.model import MEMORY, Instance, gaussian_weights, node_scales
from theorycheck.statement import Quantity
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import ASYMMETRIC

SYNTHETIC = ("sphere", "gaussian", "orthogonal")

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
    "resolution": (Annotated[float, "relative accuracy to which a mean is compared, in (0, 1)"], 0.1),
    "activation": (Annotated[str, "a name (tanh, softplus, ...) or an expression of z"], "tanh"),
    "label": (Annotated[float, "synthetic labels are uniform in [-label, label]"], 1.0),
    "data": (
        Annotated[
            str, "sphere, gaussian or orthogonal; a bundled set (diabetes, wine, ...); a .csv, .npy or .npz file"
        ],
        "sphere",
    ),
    "rows": (Annotated[int, "rows of a data set to use; 0 for all"], 0),
    "columns": (Annotated[str, "columns of a data set to use as inputs, separated by commas; all if empty"], ""),
    "label_column": (Annotated[str, "the column of a file that holds the labels; the last if empty"], ""),
    "inputs_scale": (Annotated[str, "rows (unit rows), max (largest norm 1) or none, for a data set"], "rows"),
    "labels_scale": (Annotated[str, "unit (mean 0, variance 1), norm (largest 1) or none, for a data set"], "unit"),
    "seed": (Annotated[int, "seed of data and weights"], 0),
}
_DATA_FLAGS = ("label", "data", "rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")


def example(build: Callable[[dict[str, Any]], Instance], *own: str) -> Callable[..., Instance]:
    """Return a card's example: keyword parameters from :data:`FLAGS`, the data's flags among them."""
    names = (*own, *_DATA_FLAGS)

    def make(**given: Any) -> Instance:
        strangers = set(given) - set(names)
        if strangers:
            raise TypeError(f"no such flag: {', '.join(sorted(strangers))}")
        with np.errstate(all="ignore"):  # what overflows is measured as unknown, and said so
            return build({name: given.get(name, FLAGS[name][1]) for name in names})

    kind = inspect.Parameter.KEYWORD_ONLY
    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind, annotation=FLAGS[name][0], default=FLAGS[name][1]) for name in names]
    )
    make.__annotations__ = {name: FLAGS[name][0] for name in names} | {"return": Instance}
    return make


def data_of(flags: dict[str, Any]) -> tuple[Array, Array, tuple[str, ...]]:
    """Return inputs, labels and notes for the flags ``n d data rows columns label_column ... seed``.

    Raises
    ------
    BadInput
        If a number is out of range or the data cannot be read.
    """
    for name in ("n", "d"):
        if flags[name] < 1:
            raise BadInput(f"--{name} must be at least 1, not {flags[name]}")
    need = 8 * flags["n"] * (6 * flags["n"] + 2 * flags["d"])
    if flags["data"] in SYNTHETIC and need > MEMORY:
        raise BadInput(
            f"--n {flags['n']} --d {flags['d']} would need about {need / 2**30:.0f} GiB for inputs and Grams, "
            f"more than the {MEMORY / 2**30:.0f} GiB allowed: lower them"
        )
    if flags["m"] < 0:
        raise BadInput(f"--m must be at least 1, or 0 for the width that the theorem asks for, not {flags['m']}")
    if flags["seed"] < 0:
        raise BadInput(f"--seed must not be negative, but {flags['seed']} was given")
    if flags["rows"] < 0:
        raise BadInput(f"--rows must be at least 1, or 0 for all rows, not {flags['rows']}")
    choices = {"inputs_scale": ("rows", "max", "none"), "labels_scale": ("unit", "norm", "none")}
    for name, allowed in choices.items():
        if flags[name] not in allowed:
            raise BadInput(
                f"--{name.replace('_', '-')} must be {', '.join(allowed[:-1])} or {allowed[-1]}, not {flags[name]!r}"
            )
    if flags["data"] in SYNTHETIC:
        for name in ("rows", "columns", "label_column"):
            if flags[name]:
                raise BadInput(
                    f"--{name.replace('_', '-')} is about a data set, but --data is {flags['data']!r}: name a set or a file"
                )
        return _synthetic(flags)
    found = load(
        flags["data"],
        rows=flags["rows"] or None,
        columns=flags["columns"] or None,
        label_column=flags["label_column"] or None,
        inputs_scale=flags["inputs_scale"],
        labels_scale=flags["labels_scale"],
    )
    return found.inputs, found.labels, found.notes


def _synthetic(flags: dict[str, Any]) -> tuple[Array, Array, tuple[str, ...]]:
    if flags["data"] == "orthogonal" and flags["n"] > flags["d"]:
        raise BadInput(f"--data orthogonal needs d >= n, but n = {flags['n']} and d = {flags['d']}")
    if flags["data"] == "orthogonal":
        inputs = np.eye(flags["n"], flags["d"])
    else:
        inputs = build_inputs(InputPlan(flags["data"], flags["n"], flags["d"], flags["seed"], 0))
    if not (np.isfinite(flags["label"]) and flags["label"] >= 0):
        raise BadInput(f"--label must be a finite number of at least 0, not {flags['label']:g}")
    generator = np.random.default_rng([flags["seed"], 1])
    return inputs, flags["label"] * generator.uniform(-1, 1, flags["n"]), ()


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
        "parameters": {name: flags[name] for name in ("delta", "resolution") if name in flags},
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
