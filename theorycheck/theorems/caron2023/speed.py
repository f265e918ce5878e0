"""Prop R7 (i) (caron2023, section 3.5): how fast a node moves at time 0.

``|w_j'|^2 = lambda_j r' A_j r`` with ``A_j = D_j G D_j/d``. Given ``w_j``, the mean of ``r r'`` over the signs and the other
nodes is ``y y' + (1 - lambda_j) Sigma + lambda_j s_j s_j'``, hence a closed form. The speed is bounded below whatever the
width, for a node whose scale does not vanish: for gamma < 1 every node of Zipf's, for gamma = 1 none.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.compiled import compile_block
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import dual_matrix, limit_gram
from theorycheck.model import Instance
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.symbolic.activations import Z
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import epsilon, ideal_scale, node_scale
from theorycheck.theorems.caron2023.setting import gamma, kappa, label_norm

speed = sp.Symbol("v_j", nonnegative=True)
of_labels, of_others, of_itself = sp.symbols("Q_y Q_f Q_j", nonnegative=True)

#: E |w_j'(0)|^2
CLOSED = node_scale * (of_labels + (1 - node_scale) * of_others + node_scale * of_itself)


@lru_cache(maxsize=8)
def _speeds(instance: Instance) -> Measured:
    """Return ``E |w_j'(0)|^2`` of a few nodes by drawing networks."""
    slope, nodes, found = compile_block((Z,), instance.activation.slope), means.chosen(instance), []
    for weights, signs in means.networks(instance):
        before = means.activations(instance, weights)
        push = slope(before[:, nodes]) * means.residual(instance, before, signs)[:, None, :]
        found.append(instance.scales[nodes] * np.sum((instance.inner * push @ instance.inputs) ** 2, axis=2))
    return means.mean_of_squares(np.concatenate(found))


def _of_labels(run: Run) -> Measured:
    """Return ``y' Theta* y``."""
    instance = run.instance
    gram, labels = limit_gram(instance.activation, instance.inputs, instance.inner), instance.labels
    doubt = gram.error + 1e-14 * np.max(np.abs(gram.matrix))
    return means.estimate(labels @ gram.matrix @ labels, doubt * np.sum(np.abs(labels)) ** 2)


def _of_others(run: Run) -> Measured:
    """Return ``tr(Theta* Sigma)``."""
    instance = run.instance
    gram = limit_gram(instance.activation, instance.inputs, instance.inner)
    second = dual_matrix(instance.activation.expr, instance.inputs, instance.inner)
    sizes = np.sum(np.abs(gram.matrix)), np.sum(np.abs(second.matrix))
    doubt = gram.error * sizes[1] + second.error * sizes[0] + 1e-13 * sizes[0] * sizes[1]
    return means.estimate(np.sum(gram.matrix * second.matrix), doubt)


def _of_itself(run: Run) -> Measured:
    """Return ``E s_j' A_j s_j = sum_ik (x_i . x_k/d) E (s s')(g_i) (s s')(g_k)``."""
    instance = run.instance
    both = dual_matrix(sp.expand(instance.activation.expr * instance.activation.slope), instance.inputs, instance.inner)
    product = instance.inner**2 * (instance.inputs @ instance.inputs.T)
    doubt = both.error + 1e-13 * np.max(np.abs(both.matrix))
    return means.estimate(np.sum(product * both.matrix), np.sum(np.abs(product)) * doubt)


_CLAIMS = (
    Claim("at most", "the closed form, from above", Bound(speed, (1 + epsilon) * CLOSED), ("resolution below 1",), looseness=1.09),
    Claim("at least", "the closed form, from below", Bound((1 - epsilon) * CLOSED, speed), ("resolution below 1",), looseness=1.11),
    Claim("floor", "E |w_j'(0)|^2 >= lambda_j kappa_n |y|^2", Bound(node_scale * kappa * label_norm**2, speed), (), looseness=2.0),
    Claim("any width", "however wide the network is, node j has its share of the scales that are not spread evenly", Bound((1 - gamma) * ideal_scale * kappa * label_norm**2, speed), (), looseness=68.0),
)  # fmt: skip

_WITHOUT = node_scale * (of_labels + of_others + node_scale * of_itself)

R7_SPEED = Theorem(
    label="caron2023.r7_speed",
    title="The speed of a node at time 0, which does not vanish with the width if gamma < 1",
    reference=Reference("caron2023", "Prop R7 (i), section 3.5", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " v_j = E |w_j'(0)|^2. The closed form is checked to the resolution epsilon, from both sides.",
    quantities=(
        *s.SIZES, s.KAPPA, means.RESOLUTION, means.SCALE, means.IDEAL,
        Quantity(label_norm, "|y|", measure.label_norm),
        Quantity(speed, "E |w_j'(0)|^2 over weights and signs", lambda run: _speeds(run.instance)),
        Quantity(of_labels, "y' Theta* y", _of_labels),
        Quantity(of_others, "tr(Theta* Sigma), Sigma = E s(g) s(g)'", _of_others),
        Quantity(of_itself, "E s_j' A_j s_j: what a node adds to its own speed", _of_itself),
    ),
    assumptions=(means.RESOLVED,),
    claims=_CLAIMS,
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(means.build, "n", "d", "m", "gamma", "alpha", "activation", "resolution", gamma=0.5, m=means.WIDTH, resolution=0.3),
    instances=lambda: means.adversarial(("relu", "tanh", "softplus", "sine")),
    simulate=Run,
    sabotages=(
        Claim("at most: the node's own share left out", "lambda_j E s_j' A_j s_j dropped", Bound(speed, (1 + epsilon) * node_scale * (of_labels + (1 - node_scale) * of_others)), ("resolution below 1",), falsifies="at most"),
        Claim("at least: without 1 - lambda_j", "as if the node's own output were counted twice", Bound((1 - epsilon) * _WITHOUT, speed), ("resolution below 1",), falsifies="at least"),
        Claim("floor: lambda_j dropped", "as if no node were light", Bound(kappa * label_norm**2, speed), (), falsifies="floor"),
        Claim("any width: gamma = 1 also moves", "1 - gamma dropped", Bound(ideal_scale * kappa * label_norm**2, speed), (), falsifies="any width"),
    ),
    showcase=(
        {"n": 3, "d": 3, "m": 20, "gamma": 0.5, "activation": "relu", "resolution": 0.1},
        {"data": "diabetes", "rows": 3, "columns": "bmi,bp,s5", "m": 20, "gamma": 0.3, "activation": "tanh", "resolution": 0.1},
    ),
)  # fmt: skip
