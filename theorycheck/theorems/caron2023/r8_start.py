"""Prop R8 (i) and (iv) (caron2023, section 3.6): what pruning costs at time 0, and the mass that is pruned (Zipf's law).

The errata add K >= 1 to the tail's bound (W4): with K = 0 everything is pruned and tau_0 = 1 whatever gamma is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans
from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import Z
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means, pruned
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.pruned import K, tau
from theorycheck.theorems.caron2023.r4 import epsilon
from theorycheck.theorems.caron2023.setting import gamma, m

cost = sp.Symbol("E_K", nonnegative=True)
second = sp.Symbol("v_i", nonnegative=True)
alpha, zipf = sp.symbols("alpha zeta_alpha", positive=True)
finite, infinite = sp.symbols("t_m t_infty", nonnegative=True)

#: most pre-activations drawn for the means, and draws
_EFFORT, _DRAWS = 1_000_000, 5_000

_REFERENCE = "derived here; not quoted from the paper"


# --- (i): time 0 -----------------------------------------------------------------------------


def _cost(run: Run) -> Measured:
    """Return ``E (f_0 - f_0^K)^2`` at every sample over draws of weights and signs: five standard errors, an estimate."""
    instance = run.instance
    left = instance.m - pruned.kept(instance)
    if left == 0:
        return Measured(np.zeros(instance.n))
    value, root = compile_block((Z,), instance.activation.expr), np.sqrt(instance.scales[-left:])
    draws = means.how_many(left * instance.n, _EFFORT, _DRAWS)
    rng = np.random.default_rng([int(instance.description.get("seed", 0)), 5])
    squares = np.empty((draws, instance.n))
    chunk = max(1, _EFFORT // (left * instance.n))
    for k in range(0, draws, chunk):
        weights = rng.standard_normal((len(squares[k : k + chunk]), left, instance.d))
        signs = rng.choice([-1.0, 1.0], weights.shape[:2])
        nodes = value(instance.inner * (weights @ instance.inputs.T))
        squares[k : k + chunk] = np.einsum("kj,kji->ki", signs * root, nodes) ** 2
    return means.mean_of_squares(squares)


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 < flags["resolution"] < 1:
        raise BadInput(f"--resolution must lie in (0, 1), not {flags['resolution']:g}")
    return pruned.build(flags)


def _hard(plan: InputPlan, width: int, even: float, power: float, share: float, seed: int, name: str) -> Instance:
    inputs, labels, about = make.adversarial(plan, LabelPlan("zero", 0, 0), name)
    return make.drawn(
        inputs, labels, width=width, gamma=even, alpha=power, activation=name, seed=seed, description=about,
        parameters={"resolution": 0.25, "kept": float(round(share * width))},
    )  # fmt: skip


def _instances(name: SearchStrategy[str], least: float) -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        st.sampled_from([100, 1, 2, 500]),
        st.sampled_from([0.3, 0.0, 1.0]),
        st.sampled_from([0.5, 0.3, 0.9]),
        st.sampled_from([0.1, least, 0.5, 1.0]),
        st.integers(0, 10_000),
        name,
    )


_RESOLVED = ("resolution below 1",)
_RIGHT = tau * second

R8_START = Theorem(
    label="caron2023.r8_start",
    title="Pruning costs tau_K E s(g)^2 in mean square at time 0",
    reference=Reference("caron2023", "Prop R8 (i), section 3.6", _REFERENCE),
    standing=Standing.DERIVED,
    notation=s.NOTATION + pruned.NOTATION + " At every sample; to the resolution epsilon, from both sides.",
    quantities=(
        pruned.MASS,
        Quantity(epsilon, "resolution of the comparison of means", measure.parameter("resolution")),
        Quantity(cost, "E (f_0 - f_0^K)^2 at a sample, over weights and signs", _cost),
        Quantity(second, "E s(g_i)^2 at a sample, g = X w/sqrt d", pruned.second_moments),
    ),
    assumptions=(
        Assumption("resolution below 1", "the comparison says something", Bound(epsilon, sp.S.One, strict=True)),
    ),
    claims=with_looseness(
        (
            Claim("at most", "the identity, from above", Bound(cost, (1 + epsilon) * _RIGHT), _RESOLVED),
            Claim("at least", "the identity, from below", Bound((1 - epsilon) * _RIGHT, cost), _RESOLVED),
        ),
        at_most=1.2, at_least=1.24,
    ),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(_build, "n", "d", "m", "gamma", "alpha", "kept", "activation", "resolution", m=100, kept=25, resolution=0.2),
    instances=lambda: _instances(st.sampled_from(["relu", "tanh", "softplus", "sine"]), 0.0),
    simulate=Run,
    sabotages=(
        Claim("at most: tau_K squared", "as if scales were outer weights", Bound(cost, (1 + epsilon) * tau**2 * second), _RESOLVED, falsifies="at most"),
        Claim("at least: without tau_K", "whatever is pruned costs as much", Bound((1 - epsilon) * second, cost), _RESOLVED, falsifies="at least"),
    ),
    showcase=(
        {"n": 3, "d": 3, "m": 100, "kept": 25, "gamma": 0.5, "activation": "relu", "resolution": 0.2},
        {"data": "iris", "rows": 4, "m": 100, "kept": 10, "gamma": 0.3, "activation": "tanh", "resolution": 0.2},
    ),
)  # fmt: skip


# --- (iv): the mass --------------------------------------------------------------------------

#: the integral of x^(-1/alpha) from K on, over zeta(1/alpha)
ZIPF = alpha * K ** (1 - 1 / alpha) / ((1 - alpha) * zipf)
EVEN = gamma * (1 - K / m)
_KEPT = ("K at least 1", "alpha below 1")

R8_TAIL = Theorem(
    label="caron2023.r8_tail",
    title="The mass that pruning leaves out: gamma times the share of nodes, and a tail of Zipf's law",
    reference=Reference("caron2023", "Prop R8 (iv), section 3.6", _REFERENCE),
    standing=Standing.DERIVED,
    notation=s.NOTATION + pruned.NOTATION
    + " Pruning a share p < 1 of all nodes, m to infinity: tau_K tends to gamma p by the last two claims, to 0 if and only if gamma = 0.",
    quantities=(
        *s.SIZES[2:], pruned.KEPT, pruned.MASS,
        Quantity(alpha, "uneven node scales fall like j^(-1/alpha)", measure.parameter("alpha")),
        Quantity(zipf, "zeta(1/alpha)", pruned.zipf_sum),
        Quantity(finite, "share of K < j <= m in the uneven scales", pruned.finite_tail),
        Quantity(infinite, "share of j > K in the uneven scales of infinitely many nodes", pruned.infinite_tail),
    ),
    assumptions=(
        Assumption("K at least 1", "some node is kept", Bound(sp.S.One, K)),
        Assumption("alpha below 1", "the uneven scales have a finite sum", Bound(alpha, sp.S.One, strict=True)),
        Assumption("K at most m", "no more nodes are kept than there are", Bound(K, m)),
    ),
    claims=with_looseness(
        (
            Claim("finite", "a finite network prunes less of Zipf's law than an infinite one", Bound(finite, infinite), ("K at most m", "alpha below 1")),
            Claim("zipf", "the tail of Zipf's law is at most its integral", Bound(infinite, ZIPF), _KEPT),
            Claim("mass", "all that is pruned", Bound(tau, EVEN + (1 - gamma) * ZIPF), (*_KEPT, "K at most m")),
            Claim("even part", "the even scales lose their share", Bound(EVEN, tau), ("K at most m",)),
        ),
        finite=1.004, zipf=1.005, mass=1.0, even_part=1.001,
    ),
    derivations=(),
    order=("data", "labels", "weights"),
    example=make.example(pruned.build, "n", "d", "m", "gamma", "alpha", "kept"),
    instances=lambda: _instances(st.just("relu"), 0.0),
    simulate=Run,
    sabotages=(
        Claim("finite: half", "half of it", Bound(finite, infinite / 2), ("K at most m", "alpha below 1"), falsifies="finite"),
        Claim("zipf: one power less", "the order of a single scale", Bound(infinite, ZIPF / K), _KEPT, falsifies="zipf"),
        Claim("mass: gamma dropped", "the even scales cost nothing", Bound(tau, (1 - gamma) * ZIPF), (*_KEPT, "K at most m"), falsifies="mass"),
        Claim("even part: gamma dropped", "pruning costs its share whatever gamma", Bound(1 - K / m, tau), ("K at most m",), falsifies="even part"),
    ),
    showcase=(
        {"n": 1, "d": 1, "m": 2000, "kept": 50, "gamma": 0.5, "alpha": 0.4},
        {"data": "iris", "rows": 2, "m": 1000, "kept": 100, "gamma": 0.2, "alpha": 0.5},
    ),
)  # fmt: skip
