"""Prop R7 (v) (caron2023, section 3.5): how fast the tangent Gram moves at time 0, smooth activations.

``dTheta_ik/dt = sum_j lambda_j^(3/2) a_j c_j . r`` where ``c . r = Psi_ik(r)`` is linear in the residual. The theory file
bounds its second moment below by the part of the labels; here all of it is in closed form, in moments of one node:
the signs leave ``j = k`` and pairs. With ``K = E s c'``, ``q = c . s``, and ``Sigma = E s s'``,

``E (dTheta_ik/dt)^2 = Lambda_3 (E (c . y)^2 + E c' Sigma c) + Lambda_2^2 ((tr K)^2 + tr K^2) + Lambda_4 (rest)``,
``rest = E q^2 - (tr K)^2 - E c' Sigma c - tr K^2``.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement, product

import numpy as np
import sympy as sp

from theorycheck.compiled import compile_block
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.measure import Measure
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.symbolic.activations import Z
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import epsilon
from theorycheck.theorems.caron2023.setting import Lambda_2, gamma

gram_speed = sp.Symbol("V_Theta", nonnegative=True)
Lambda_3, Lambda_4, ideal_3 = sp.symbols("Lambda_3 Lambda_4 Z_3", positive=True)
by_labels, by_others, by_pairs = sp.symbols("P_y P_f P_2", nonnegative=True)
by_itself = sp.Symbol("P_4", nonnegative=True)
smooth = sp.Symbol("A_1", nonnegative=True)

#: E (dTheta_ik/dt)^2; P_2 = (tr K)^2 + tr K^2 and P_4 = E q^2
CLOSED = (
    Lambda_3 * (by_labels + by_others)
    + Lambda_2**2 * by_pairs
    + Lambda_4 * (by_itself - by_others - by_pairs)
)  # fmt: skip

#: entries of the Gram among this many inputs are looked at
_FIRST = 3
#: nodes of Gauss's rule in each direction of the data, for one, two and three of them; in more, batches of random points
_NODES = {0: 1, 1: 80, 2: 48, 3: 26}
_BATCHES, _POINTS = 20, 3000


def _pairs(instance: Instance) -> list[tuple[int, int]]:
    """Return the entries that are looked at: of the first three inputs, those that are not orthogonal, or one of zeros."""
    gram = instance.inputs @ instance.inputs.T
    places = combinations_with_replacement(range(min(instance.n, _FIRST)), 2)
    return [(i, k) for i, k in places if abs(gram[i, k]) > 1e-9 * np.max(np.abs(gram))] or [(0, 0)]


def _tilts(instance: Instance, before: Array) -> tuple[Array, Array]:
    """Return ``s`` ``(..., n)`` and ``c`` ``(..., pairs, n)`` of nodes with pre-activations ``(..., n)``."""
    value, slope, curve = (
        compile_block((Z,), part)(before)
        for part in (instance.activation.expr, instance.activation.slope, instance.activation.curvature)
    )
    gram = instance.inner**2 * (instance.inputs @ instance.inputs.T)
    # d z_i/dt = sqrt(lambda_j) a_j sum_l turn_il r_l
    turn = gram * slope[..., None, :]
    rows = [
        gram[i, k] * (curve[..., i, None] * slope[..., k, None] * turn[..., i, :] + slope[..., i, None] * curve[..., k, None] * turn[..., k, :])
        for i, k in _pairs(instance)
    ]  # fmt: skip
    return value, np.stack(rows, axis=-2)


@lru_cache(maxsize=8)
def _drawn(instance: Instance) -> Measured:
    """Return ``E (dTheta_ik/dt)^2`` at time 0 by drawing networks."""
    found = []
    for weights, signs in means.networks(instance):
        before = means.activations(instance, weights)
        tilts = _tilts(instance, before)[1] @ means.residual(instance, before, signs)[:, None, :, None]
        found.append(np.sum((signs * instance.scales**1.5)[:, :, None] * tilts[..., 0], axis=1) ** 2)
    return means.mean_of_squares(np.concatenate(found))


def _rule(directions: Array, nodes: int) -> tuple[Array, Array]:
    """Return the pre-activations' points ``(g, d)`` and masses ``(g,)`` of Gauss's rule over the span of the data."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    grid = np.array(list(product(points, repeat=len(directions)))).reshape(nodes ** len(directions), -1)
    mass = np.array([np.prod(one) for one in product(weights / weights.sum(), repeat=len(directions))])
    return grid @ directions, mass


def _moments(instance: Instance, weights: Array, mass: Array) -> Array:
    """Return ``(4, pairs)``: E (c . y)^2, E c' Sigma c, (tr K)^2 + tr K^2, E q^2, for nodes with these weights."""
    values, tilts = _tilts(instance, instance.inner * (weights @ instance.inputs.T))
    second = values.T @ (mass[:, None] * values)
    cross = np.einsum("g,gb,gpc->pbc", mass, values, tilts)
    return np.array([
        mass @ (tilts @ instance.labels) ** 2,
        mass @ np.einsum("gpa,ab,gpb->gp", tilts, second, tilts, optimize=True),
        np.trace(cross, axis1=1, axis2=2) ** 2 + np.einsum("pbc,pcb->p", cross, cross),
        mass @ np.einsum("gpa,ga->gp", tilts, values) ** 2,
    ])  # fmt: skip


@lru_cache(maxsize=8)
def _of_one_node(instance: Instance) -> tuple[Measured, ...]:
    if not np.max(np.abs(instance.inputs)) <= means.LONGEST:
        return (Measured(np.full(len(_pairs(instance)), np.nan)),) * 4
    _, sizes, directions = np.linalg.svd(instance.inputs, full_matrices=False)
    directions = directions[sizes > 1e-13 * max(float(sizes[0]), 1e-300)]
    if len(directions) not in _NODES:
        generator = np.random.default_rng([int(instance.description.get("seed", 0)), 8])
        draws = generator.standard_normal((_BATCHES, _POINTS, instance.d))
        found = np.array([_moments(instance, one, np.full(_POINTS, 1 / _POINTS)) for one in draws])
        return tuple(means.mean(found[:, place]) for place in range(4))
    nodes = _NODES[len(directions)]
    fine, coarse = (_moments(instance, *_rule(directions, count)) for count in (nodes, max(nodes - 6, 1)))
    return tuple(
        Measured(one, 4 * np.abs(one - other) + 1e-12 * np.abs(one) + means.TINY)
        for one, other in zip(fine, coarse, strict=True)
    )


def _moment(place: int) -> Measure:
    return lambda run: _of_one_node(run.instance)[place]


_GIVEN = ("smooth",)
_BOTH = ("smooth", "resolution below 1")
_SMALLEST = (1 - gamma) ** 3 * ideal_3 * by_labels
_CLAIMS = (
    Claim("at most", "the closed form, from above", Bound(gram_speed, (1 + epsilon) * CLOSED), _BOTH, looseness=1.29),
    Claim("at least", "the closed form, from below", Bound((1 - epsilon) * CLOSED, gram_speed), _BOTH, looseness=1.41),
    Claim("labels", "it is at least the part of the labels", Bound(Lambda_3 * by_labels, gram_speed), _GIVEN, looseness=1.88),
    Claim("any width", "which stays, however wide the network, if gamma < 1", Bound(_SMALLEST, gram_speed), _GIVEN, looseness=2.77),
)  # fmt: skip

R7_GRAM_SPEED = Theorem(
    label="caron2023.r7_gram_speed",
    title="The speed of the tangent Gram at time 0, which does not vanish with the width if gamma < 1",
    reference=Reference("caron2023", "Prop R7 (v), section 3.5", "derived here, in full closed form; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " V_Theta = E (dTheta_ik/dt)^2 at time 0, one entry per pair i <= k; d Theta_ik/dt = sum_j lambda_j^(3/2) a_j c_j . r.",
    quantities=(
        *s.SIZES, means.RESOLUTION, s.POWER_2,
        Quantity(Lambda_3, "sum_j lambda_j^3", s.power_sum(3.0)),
        Quantity(Lambda_4, "sum_j lambda_j^4", s.power_sum(4.0)),
        Quantity(ideal_3, "sum_j lambda~_j^3 over infinitely many nodes", means.ideal_power_sum(3.0)),
        Quantity(gram_speed, "E (dTheta_ik/dt)^2 over weights and signs", lambda run: _drawn(run.instance)),
        Quantity(by_labels, "E (c . y)^2", _moment(0)),
        Quantity(by_others, "E c' Sigma c, Sigma = E s s'", _moment(1)),
        Quantity(by_pairs, "(tr K)^2 + tr K^2, K = E s c'", _moment(2)),
        Quantity(by_itself, "E (c . s)^2", _moment(3)),
        Quantity(smooth, "1 if the activation is analytic, else 0", means.constant_of(lambda one: one.activation.analytic)),
    ),
    assumptions=(means.RESOLVED, Assumption("smooth", "the activation is analytic", Bound(sp.S.One, smooth))),
    claims=_CLAIMS,
    derivations=(),
    order=("data", "labels", "weights"),
    example=make.example(means.build, "n", "d", "m", "gamma", "alpha", "activation", "resolution", gamma=0.5, m=means.WIDTH, resolution=0.3),
    instances=lambda: means.adversarial(("tanh", "softplus", "sine")),
    simulate=Run,
    sabotages=(
        Claim("at most: the labels alone", "as if the output at time 0 were 0", Bound(gram_speed, (1 + epsilon) * Lambda_3 * by_labels), _BOTH, falsifies="at most"),
        Claim("at least: Lambda_2 for Lambda_3", "one power less", Bound((1 - epsilon) * Lambda_2 * by_labels, gram_speed), _BOTH, falsifies="at least"),
        Claim("labels: Lambda_2 for Lambda_3", "one power less", Bound(Lambda_2 * by_labels, gram_speed), _GIVEN, falsifies="labels"),
        Claim("any width: gamma = 1 also moves", "1 - gamma dropped", Bound(ideal_3 * by_labels, gram_speed), _GIVEN, falsifies="any width"),
    ),
    showcase=(
        {"n": 2, "d": 2, "m": 10, "gamma": 0.5, "activation": "tanh", "resolution": 0.3},
        {"data": "diabetes", "rows": 2, "columns": "bmi,bp,s5", "m": 10, "gamma": 0.3, "activation": "tanh", "resolution": 0.3},
    ),
)  # fmt: skip
