"""Oymak and Soltanolkotabi 2020 (arXiv:1902.04674), the first layer alone: what razborov2022 improves on (section 3.5).

Only orders of their widths are known here, restated by others; the full text was not at hand. What is computed is our R2 in
their normalisation, which has the same order and constants of its own: a statement of ours, not of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp

from theorycheck.certify.recipe import Dynamics
from theorycheck.data import BadInput
from theorycheck.grams import Array
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022.widths import Scheme, required


@dataclass(frozen=True)
class Order:
    """The order of a width, logarithms and constants aside, and where it is from."""

    width: sp.Expr
    standing: Standing
    reference: Reference


#: number of neurons k for n unit rows of dimension d, ``d <= n``
ORDERS: Mapping[str, Order] = {
    "smooth": Order(
        o.n**2 / o.d, Standing.RESTATED, Reference("razborov2022", "section 3.5", "sqrt(k d) of order n; as their abstract is restated")
    ),
    "relu": Order(
        o.n**4 / o.d**3, Standing.UNVERIFIED, Reference("razborov2022", "section 3.5", "sqrt(k d) of order n^2/d; weakly restated, order derived again in 3.3")
    ),
}  # fmt: skip


def normalisation(label_norm: float, n: int) -> Scheme:
    """Return their network in our normal form: ``kappa = |y|/sqrt(m n)``, output weights signs, only the first layer trained."""
    return lambda m, d: (label_norm / math.sqrt(m * n), 1.0, 0.0)


def required_first(
    inputs: Array, label_norm: float, *, p: float = 0.01, dynamics: Dynamics = "descent", closed: bool = False
) -> int:
    """Return the width that R2 asks for in Oymak and Soltanolkotabi's normalisation: unit rows, first layer alone.

    Parameters
    ----------
    inputs
        ``(n, d)``; the rows are scaled to norm 1.
    label_norm
        ``|y|``, which is also in the output scale; the width does not depend on it.

    Raises
    ------
    BadInput
        If a row or ``|y|`` is 0.

    Source: section 3.5, "Our R2 with kappa = |y|/sqrt(kn)": order ``n |X|^6/lambda^4``, n^4/d^3 for generic data with d <= n.
    """
    norms = np.linalg.norm(inputs, axis=1)
    if not (np.all(norms > 0) and label_norm > 0):
        raise BadInput(
            "rows of norm 1 and labels that are not all 0 are needed: a zero row or zero labels have no direction"
        )
    scheme = normalisation(label_norm, len(inputs))
    return required(
        inputs / norms[:, None],
        label_norm,
        scheme=scheme,
        p=p,
        dynamics=dynamics,
        closed=closed,
    )
