"""Flags of the cards' examples that are about data: what they mean, and reading the data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput, load
from theorycheck.grams import Array
from theorycheck.model import MEMORY

SYNTHETIC = ("sphere", "gaussian", "orthogonal")

Flags = Mapping[str, tuple[Any, Any]]

#: flags that every card about a network shares: type and help, and default
DATA: Flags = {
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


def keyword_example(build: Callable[[dict[str, Any]], Any], flags: Flags, returns: Any) -> Callable[..., Any]:
    """Return a function of the flags as keyword parameters, with their types, help and defaults."""

    def make(**given: Any) -> Any:
        strangers = set(given) - set(flags)
        if strangers:
            raise TypeError(f"no such flag: {', '.join(sorted(strangers))}")
        with np.errstate(all="ignore"):  # what overflows is measured as unknown, and said so
            return build({name: given.get(name, default) for name, (_, default) in flags.items()})

    kind = inspect.Parameter.KEYWORD_ONLY
    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind, annotation=said, default=default) for name, (said, default) in flags.items()]
    )
    make.__annotations__ = {name: said for name, (said, _) in flags.items()} | {"return": returns}
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
