"""What R2's cards share: choices made before the weights, measures, and instances whose labels are chosen last.

A redraw draws the weights again and then chooses the labels again, as the worst for the new weights; data, rates, the path's
length P and the bound Y on the labels were fixed before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.statement import Quantity
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022 import widths

label_norm = sp.Symbol("|y|", nonnegative=True)

#: the choices: symbols of the conditions and the parameters of an instance that hold them
CHOICES: Mapping[str, sp.Symbol] = {
    "Y": w.Y, "delta": w.delta, "c": t.c, "P": w.P, "use_W": w.use_W, "use_a": w.use_a, "u_0": o.u_0,
}  # fmt: skip
_SAID = {
    "Y": "bound on the norm of the labels", "delta": "allowed probability of failure",
    "c": "share of alpha_* by which the Jacobian may move", "P": "length of the path in the rescaled parameters",
    "use_W": "1 if the first layer's Gram is counted, else 0", "use_a": "1 if the last layer's Gram is counted, else 0",
    "u_0": "where |s(X w)| is truncated, in multiples of |X| above its mean",
}  # fmt: skip


QUANTITIES = (
    *(part for part in s.SHARED if part.symbol not in (t.c, t.r_0)),
    Quantity(o.n, "number of samples", measure.constant(lambda run: run.instance.n)),
    Quantity(o.m, "number of neurons", measure.constant(lambda run: run.instance.m)),
    Quantity(o.X_F, "Frobenius norm of the inputs", i.input_size),
    Quantity(o.lam_W, "least eigenvalue of the limit Gram of the first layer, X X' o E s's''", measure.kappa),
    Quantity(o.lam_a, "least eigenvalue of the limit Gram of the output weights, E s s'", i.limit_values),
    Quantity(label_norm, "|y|", measure.label_norm),
    *(Quantity(symbol, _SAID[name], measure.parameter(name)) for name, symbol in CHOICES.items()),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------

#: how labels are chosen for the drawn weights: against the output, or as an extreme eigenvector of the tangent Gram
TARGETS = ("against", "weak", "top", "own")


def worst(instance: Instance, target: str, size: float) -> Array:
    """Return labels of a norm, the worst for these weights in one of several ways."""
    output, gram = -instance.with_labels(np.zeros(instance.n)).start[0], instance.start[1]
    if target == "against" and np.any(output):
        towards = -output
    elif np.all(np.isfinite(gram)):
        towards = np.linalg.eigh(gram)[1][:, -1 if target == "top" else 0]
    else:
        towards = np.ones(instance.n)
    return np.asarray(size * (1 - 1e-12) * towards / np.linalg.norm(towards))


def drawn(
    inputs: Array, labels: Array, width: int, plan: Mapping[str, Any], seed: int, draw: int = 0, *,
    description: Mapping[str, Any] | None = None, notes: tuple[str, ...] = (),
) -> Instance:  # fmt: skip
    """Return an instance with fresh weights and then labels chosen for them; its ``redraw`` does both again.

    ``plan`` holds what was fixed before: ``law``, ``mirrored``, ``scale``, ``rates``, ``target``, ``size`` (the norm of the
    labels, unless the target is ``own``) and ``parameters``.
    """
    generator = np.random.default_rng([seed, draw, 7])
    rows = width // 2 if plan["mirrored"] else width
    weights = generator.standard_normal((rows, inputs.shape[1]))
    outer = generator.standard_normal(rows) if plan["law"] == "normal" else generator.choice([-1.0, 1.0], rows)
    if plan["mirrored"]:
        weights, outer = np.repeat(weights, 2, axis=0), np.column_stack([outer, -outer]).ravel()

    def redraw(instance: Instance, again: int) -> Instance:
        return drawn(inputs, labels, width, plan, seed, again, description=description, notes=notes)

    made = Instance(
        inputs, labels, weights, outer, np.ones(width), TWO_LAYER, activation("relu"), plan["parameters"],
        {"m": width, "seed": seed, **(description or {})}, notes, redraw, rates=plan["rates"], output_scale=plan["scale"],
    )  # fmt: skip
    return made if plan["target"] == "own" else made.with_labels(worst(made, plan["target"], plan["size"]))


#: the widest network that an example simulates
MOST = 2_000_000


def planned(
    inputs: Array,
    bound: float,
    m: int,
    *,
    law: str,
    mirrored: bool,
    target: str,
    excess: float = 1.0,
    most: int = MOST,
    **chosen: Any,
) -> tuple[int, dict[str, Any]]:
    """Return the width (the theorem's own where ``m`` is 0) and the choices made before the weights.

    ``chosen`` are the keywords of :func:`~.widths.chosen_at`. Labels are ``excess`` times as large as promised.

    Raises
    ------
    BadInput
        If a choice is out of range, or no width will do.
    """
    data = widths.data_of(inputs)
    both: dict[str, Any] = {"law": law, "mirrored": mirrored, **chosen}
    m = m + m % 2 * mirrored or widths.required(data, bound, **both)
    if m > most:
        raise BadInput(f"R2 asks for m = {m:.3g} neurons on these data, too many to be simulated: give --m")
    values = widths.chosen_at(data, bound, m, **both)
    parameters = {name: values[symbol] for name, symbol in CHOICES.items()}
    rates = tuple(rate if math.isfinite(rate) else 0.0 for rate in (values[t.eta_W], values[t.eta_a]))
    plan = {"law": law, "mirrored": mirrored, "scale": values[t.kappa], "rates": rates, "target": target}
    return m, {**plan, "size": excess * bound, "parameters": parameters}
