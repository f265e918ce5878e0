"""What the cards of shi2023 share: the network of section 1, its losses, data with labels -1 and 1.

``f(x) = sum_i a_i max(<w_i, x> - b_i, 0)``, biases frozen. A population is either a finite support (the instance's rows,
equally likely, repeated where they are likelier) or a law with parameters; a card says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import BIASED
from theorycheck.theorems._data import DATA, SYNTHETIC, data_of

Array = NDArray[np.float64]
#: weights ``(4 m, d)``, output weights and biases ``(4 m,)``
Quadruples = tuple[Array, Array, Array]

NOTATION = (
    "f(x) = sum_i a_i max(<w_i, x> - b_i, 0): the bias has a minus sign and is never trained. G(w, b) = E[y x 1{<w, x> > b}] is "
    "the simplified gradient; c_0 = -l'(0) of the loss l, 1 for the hinge and 1/2 for the natural logistic loss."
)
MADE_HERE = "derived here from the abstract's model; not quoted from the paper"

_z = sp.Symbol("z", real=True)
#: the losses l(y f) of the paper, as functions of the margin z = y f
LOSS: Mapping[str, sp.Expr] = {"hinge": sp.Max(0, 1 - _z), "logistic": sp.log(1 + sp.exp(-_z))}


def start_slope(loss: str) -> sp.Expr:
    """Return c_0, minus the slope of the loss where the output is 0."""
    return sp.simplify(-sp.diff(LOSS[loss], _z).subs(_z, 0))


def biases_of(instance: Instance) -> Array:
    """Return the biases ``(m,)``, which an instance always has once it is made."""
    assert instance.biases is not None
    return instance.biases


unsigned = sp.Symbol("e_y", nonnegative=True)
#: for the cards whose bounds are about labels of size 1 and whose measures would take others
UNSIGNED = Quantity(
    unsigned, "largest ||y| - 1|", measure.constant(lambda run: float(np.max(np.abs(np.abs(run.instance.labels) - 1))))
)
SIGNS = Assumption("labels", "labels are -1 or 1", Bound(unsigned, sp.S.Zero))


# --- gradients of a finite population ------------------------------------------------------------------------


def gate_margin(inputs: Array, weights: Array, biases: Array) -> Measured:
    """Return ``min |<w_i, x> - b_i|`` over samples and neurons: at 0 a sample sits on a kink."""
    with np.errstate(all="ignore"):
        heights = inputs @ weights.T - biases
        size = np.linalg.norm(inputs, axis=1)[:, None] * np.linalg.norm(weights, axis=1) + np.abs(biases)
    doubt = (inputs.shape[1] + 4) * np.finfo(float).eps * size
    return Measured.between(max(float(np.min(np.abs(heights) - doubt)), 0.0), float(np.min(np.abs(heights) + doubt)))


def empirical_gradients(instance: Instance) -> tuple[Array, Array]:
    """Return ``G(w_i, b_i)`` ``(m, d)`` and ``E[y max(<w_i, x> - b_i, 0)]`` ``(m,)`` of the instance's rows, equally likely."""
    heights = instance.inputs @ instance.weights.T - biases_of(instance)
    signed = instance.labels[:, None] * (heights > 0)
    n = instance.n
    return signed.T @ instance.inputs / n, np.sum(signed * heights, axis=0) / n


# --- instances -----------------------------------------------------------------------------------------------


def network(
    inputs: Array, labels: Array, weights: Array, outer: Array, biases: Array, *,
    parameters: Mapping[str, float] | None = None, description: Mapping[str, Any] | None = None, notes: tuple[str, ...] = (),
    redraw: Callable[[Instance, int], Instance] | None = None,
) -> Instance:  # fmt: skip
    """Return an instance of the paper's network with these weights."""
    about = {"n": len(inputs), "d": inputs.shape[1], "m": len(weights), **(description or {})}
    return Instance(
        inputs, labels, weights, outer, np.ones(len(weights)), BIASED, activation("relu"),
        parameters or {}, about, notes, redraw, np.asarray(biases, dtype=float),
    )  # fmt: skip


def quadruples(weights: Array, outer: Array, bias: float) -> Quadruples:
    """Return weights, output weights and biases of the symmetric initialisation (section 1.2): four neurons from each of m.

    ``(a, w, b), (-a, w, b), (-a, -w, -b), (a, -w, -b)``, block by block, so that the output is 0.
    """
    biases = np.full(len(outer), float(bias))
    return (
        np.vstack([weights, weights, -weights, -weights]),
        np.concatenate([outer, -outer, -outer, outer]),
        np.concatenate([biases, biases, -biases, -biases]),
    )


def classes(flags: dict[str, Any]) -> tuple[Array, Array, tuple[str, ...]]:
    """Return inputs, labels -1 or 1 (above or below their mean) and notes, as the data's flags say."""
    inputs, labels, notes = data_of({"label": 1.0, "n": 2, "d": 2, "m": 1, **flags})
    signs = np.where(labels > np.mean(labels), 1.0, -1.0)
    told = () if flags["data"] in SYNTHETIC else ("labels are -1 and 1: below and above their mean",)
    return inputs, signs, (*notes, *told)


def rows(flags: dict[str, Any]) -> tuple[Array, tuple[str, ...]]:
    """Return inputs and notes where labels are not asked for, and nothing is to be said of them."""
    inputs, _, notes = data_of({"label": 1.0, "n": 2, "d": 2, "m": 1, **flags})
    return inputs, tuple(note for note in notes if "label" not in note)


#: the data's flags without the size of synthetic labels, which are signs
CLASS_DATA = {name: said for name, said in DATA.items() if name != "label"}
SIZES = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 6),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 4),
    "m": (Annotated[int, "number of neurons that are drawn"], 8),
}
