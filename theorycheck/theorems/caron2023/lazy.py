"""Prop R6 (caron2023, section 3.5): with even node scales (gamma = 1) no node moves far, and the tangent Gram hardly changes.

Theorems R1 and R2 at ``lambda_j = 1/m``, where ``Lambda_p = m^(1 - p)``. What is small is meant as errata U10 says: with
probability ``1 - delta``, at every width that R1 or R2 asks for, with a constant that does not depend on the width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import r1, r2
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.setting import C, Lambda_2, Lambda_32, d, delta, gamma, kappa, m, n

node_moved = sp.Symbol("N_t", nonnegative=True)

#: the power sums of even scales
EVEN_2, EVEN_32 = 1 / m, 1 / sp.sqrt(m)


def _node_moved(run: Run) -> Measured:
    """Return ``max_j |w_tj - w_0j|`` up to each time, for nodes with equal scales."""
    found, scales = measure.displacement(run), np.sqrt(run.instance.scales)
    low = np.maximum(found.value - found.error, 0.0) * scales.min()
    return Measured.between(low, (found.value + found.error) * scales.max() * (1 + 1e-14))


_NODE = Quantity(node_moved, "max_j |w_tj - w_0j| up to time t", _node_moved)
EVEN = Assumption("gamma is 1", "all of the node scale is spread evenly", Bound(sp.S.One, gamma))


def change_bound(spread: sp.Expr) -> sp.Expr:
    """Return ``b + 2 sqrt(b n/d)``."""
    return spread + 2 * sp.sqrt(spread * n / d)


def _claims(reach: sp.Expr, spread: sp.Expr, given: tuple[str, ...]) -> tuple[Claim, ...]:
    chance = 1 - delta
    return (
        Claim("node", "no node moves further than a multiple of m^(-1/2)", Bound(node_moved, reach / sp.sqrt(m)), given, chance),
        Claim("gram", "the tangent Gram changes by a bound that falls with the width", Bound(s.change, change_bound(spread)), given, chance),
    )  # fmt: skip


def _sabotages(reach: sp.Expr, spread: sp.Expr, given: tuple[str, ...]) -> tuple[Claim, ...]:
    high = sp.Rational(99, 100)
    return (
        Claim("node: gamma = 1 also moves", "some node moves by a length that does not depend on the width", Bound(kappa * C, node_moved), given, high, falsifies="node"),
        Claim("node: of order 1/m^(3/2)", "the width counted twice", Bound(node_moved, reach / m ** sp.Rational(3, 2)), given, high, falsifies="node"),
        Claim("gram: width counted twice", "b divided by m once more", Bound(s.change, spread / m), given, high, falsifies="gram"),
    )  # fmt: skip


def _narrow(build: Callable[..., Instance], width: int, gamma: float, seed: int, **flags: Any) -> Instance:
    """An instance that misses a premise: too narrow, or uneven."""
    return build(n=2, d=3, m=width, gamma=gamma, delta=0.9, seed=seed, **flags)


def _card(
    theorem: Theorem,
    label: str,
    title: str,
    width: sp.Expr,
    sides: tuple[sp.Expr, sp.Expr],
    own: dict[str, Any],
    showcase: tuple[dict[str, Any], ...],
    **looseness: float,
) -> Theorem:
    quantities = (*theorem.quantities, _NODE)
    given = (*theorem.claims[0].given, EVEN.label)
    flags = ("n", "d", "m", "gamma", "alpha", "delta", *(("activation",) if "activation" in own else ()))
    example = make.example(lambda found: make.build(found, width, quantities), *flags)

    def instances() -> SearchStrategy[Instance]:
        seeds = st.integers(0, 10_000)
        wide = st.builds(
            lambda label, seed: example(**own, m=0, label=label, seed=seed), st.sampled_from([0.1, 0.2]), seeds
        )
        return st.one_of(
            wide, st.builds(_narrow, st.just(example), st.sampled_from([1, 64]), st.sampled_from([1.0, 0.5]), seeds)
        )

    return Theorem(
        label=label,
        title=title,
        reference=Reference("caron2023", "Prop R6, section 3.5; errata U10", "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=s.NOTATION,
        quantities=quantities,
        assumptions=(*theorem.assumptions, EVEN),
        claims=with_looseness(_claims(*sides, given), **looseness),
        derivations=(),
        order=("data", "labels", "weights"),
        example=example,
        instances=instances,
        simulate=follow,
        sabotages=_sabotages(*sides, given),
        showcase=showcase,
    )


R6_SMOOTH = _card(
    r2.R2,
    "caron2023.r6_smooth",
    "Even scales are lazy: smooth activations",
    r2.WIDTH,
    (r2.REACH.subs(gamma, 1), r2.SPREAD.subs({gamma: 1, Lambda_2: EVEN_2})),
    {"n": 1, "d": 3, "delta": 0.9, "data": "orthogonal", "activation": "tanh"},
    (
        {"n": 2, "d": 3, "m": 0, "delta": 0.9, "label": 0.5, "data": "orthogonal"},
        {"data": "diabetes", "rows": 1, "columns": "bp,s2", "m": 0, "delta": 0.9, "labels_scale": "norm"},
    ),
    node=9.5,
    gram=600.0,
)
R6_RELU = _card(
    r1.R1,
    "caron2023.r6_relu",
    "Even scales are lazy: ReLU",
    r1.WIDTH,
    (r1.REACH.subs(gamma, 1), r1.SPREAD.subs({gamma: 1, Lambda_32: EVEN_32})),
    {"n": 1, "d": 1, "delta": 0.99, "data": "orthogonal"},
    (
        {
            "n": 1,
            "d": 1,
            "m": 512,
            "delta": 0.99,
            "label": 0.1,
            "data": "orthogonal",
        },  # too narrow: how tight each step is
        {"n": 1, "d": 1, "m": 0, "delta": 0.99, "label": 0.1, "data": "orthogonal"},
        {"data": "diabetes", "rows": 1, "columns": "bmi", "m": 0, "delta": 0.99, "labels_scale": "norm"},
    ),
    node=5.3,
    gram=1360.0,
)
