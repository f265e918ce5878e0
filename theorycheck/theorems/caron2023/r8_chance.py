"""Prop R8 (iii) (caron2023, section 3.6): a pruned network's risk along the flow, with a probability.

Markov's inequality at time 0 is added to a theorem that gives the decay and the movement with probability ``1 - delta`` (the
hypotheses are that theorem's: errata U11). For ReLU this is R1, as in the theory file; for smooth activations R2 with its
data-dependent width, which is small enough for several samples.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans, label_plans
from theorycheck.data import BadInput
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import pruned, r0, r1, r2, r8
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.pruned import tau
from theorycheck.theorems.caron2023.r8 import risk, time
from theorycheck.theorems.caron2023.setting import d, delta, n, s_X

delta_p = sp.Symbol("delta_p", positive=True)

#: what is left of the residual
LEFT = sp.exp(-s.FLOOR * time) * r0.r_0
#: Markov for |f_0 - f_0^K|^2, whose mean is tau_K tr Sigma by (i); tr Sigma = sum_i |x_i|^2/(2 d) <= n/(2 d) for ReLU
LEVEL = tau * s.trace_sigma / delta_p
LEVEL_RELU = tau * n / (2 * d * delta_p)
REACH = s.reach(s_X, r2.RESIDUAL_DATA)
GROWS, GROWS_RELU = r8.later(REACH), r8.later(r1.REACH).subs(s_X, n)

_OWN = (
    Assumption("something is pruned", "else f^K is f", Bound(sp.S.Zero, tau, strict=True)),
    Assumption("delta_p below 1", "delta_p lies strictly between 0 and 1", Bound(sp.S.Zero, delta_p * (1 - delta_p), strict=True)),
)  # fmt: skip


def _quantities(base: Theorem) -> tuple[Quantity, ...]:
    return (
        *(part for part in base.quantities if part not in s.PATH),
        *r8.SEEN,
        Quantity(r0.r_0, "|r_0|", measure.initial_residual),
        Quantity(delta_p, "allowed probability that pruning costs more at time 0", measure.parameter("delta_pruned")),
    )


def _example(width: sp.Expr, quantities: tuple[Quantity, ...], *own: str) -> Callable[..., Instance]:
    def build(flags: dict[str, Any]) -> Instance:
        if not 0 < flags["delta_pruned"] < 1:
            raise BadInput(f"--delta-pruned must lie in (0, 1), not {flags['delta_pruned']:g}: it is a probability")
        return pruned.build(flags, width, quantities)

    return make.example(build, "n", "d", "m", "gamma", "alpha", "delta", "delta_pruned", "kept", *own)


def _hard(plan: InputPlan, labels: LabelPlan, width: int, even: float, seed: int, name: str) -> Instance:
    instance = r2.hard(plan, labels, width, even, 0.3, seed, name)
    return with_parameters(instance, delta_pruned=0.1, kept=float(width // 2))


def _instances(own: SearchStrategy[Instance], *names: str) -> SearchStrategy[Instance]:
    """One sample at the theorem's own width, and hard data at small width."""
    hard = st.builds(
        _hard,
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        label_plans(),
        st.sampled_from([1, 16, 256]),
        st.sampled_from([0.1, 1.0]),
        st.integers(0, 10_000),
        st.sampled_from(names),
    )
    return st.one_of(own, hard)


def _card(
    label: str, words: str, base: Theorem, example: Callable[..., Instance], instances: Callable[[], SearchStrategy[Instance]],
    level: sp.Expr, grows: sp.Expr, showcase: tuple[dict[str, object], ...], times: tuple[float, ...], risks: float,
) -> Theorem:  # fmt: skip
    assumed = (*base.assumptions, *_OWN)
    given = tuple(part.label for part in assumed)
    return Theorem(
        label=label,
        title=f"A pruned network's risk along the flow, with a probability: {words}",
        reference=Reference("caron2023", "Prop R8 (iii), section 3.6; proof in section 4", r8.NOTE),
        standing=Standing.DERIVED,
        notation=s.NOTATION + pruned.NOTATION,
        quantities=_quantities(base),
        assumptions=assumed,
        claims=with_looseness(
            (Claim("risk", "what the pruned network misses on the samples", Bound(risk, LEFT + sp.sqrt(level) + grows), given, 1 - delta - delta_p),),
            risk=risks,
        ),
        derivations=(),
        order=("data", "labels", "weights"),
        example=example,
        instances=instances,
        simulate=partial(pruned.simulate, shares=times),
        sabotages=(
            Claim("risk: without tau_K", "the whole network's residual", Bound(risk, LEFT), given, sp.Rational(99, 100), falsifies="risk"),
        ),
        showcase=showcase,
    )  # fmt: skip


_SMOOTH = _example(r2.WIDTH_DATA, _quantities(r2.R2_DATA), "activation")
_RELU = _example(r1.WIDTH, _quantities(r1.R1))


def _smooth() -> SearchStrategy[Instance]:
    own = st.builds(
        lambda kept, even, label, seed, name: _SMOOTH(
            n=1, d=3, m=0, gamma=even, delta=0.8, label=label, kept=kept, seed=seed, activation=name
        ),
        st.sampled_from([300, 10, 0]),
        st.sampled_from([1.0, 0.5]),
        st.sampled_from([0.1, 0.5]),
        st.integers(0, 10_000),
        st.sampled_from(["tanh", "sine"]),
    )
    return _instances(own, "tanh", "softplus", "sine")


def _relu() -> SearchStrategy[Instance]:
    own = st.builds(
        lambda kept, label, seed: _RELU(
            n=1, d=1, m=0, delta=0.95, delta_pruned=0.04, label=label, kept=kept, data="orthogonal", seed=seed
        ),
        st.sampled_from([1_000_000, 0]),
        st.sampled_from([0.1, 0.2]),
        st.integers(0, 10_000),
    )
    return _instances(own, "relu")


R8_CHANCE = _card(
    "caron2023.r8_chance", "smooth activations", r2.R2_DATA, _SMOOTH, _smooth, LEVEL, GROWS,
    (
        {"n": 1, "d": 3, "m": 0, "delta": 0.8, "label": 0.5, "kept": 1000, "gamma": 0.5},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 0, "delta": 0.8, "labels_scale": "norm", "kept": 1000},
    ),
    pruned.TIMES, 18.3,
)  # fmt: skip
R8_RELU = _card(
    "caron2023.r8_relu", "ReLU", r1.R1, _RELU, _relu, LEVEL_RELU, GROWS_RELU,
    (
        {"n": 2, "d": 2, "m": 512, "kept": 100, "data": "orthogonal"},
        {"n": 1, "d": 1, "m": 0, "delta": 0.95, "delta_pruned": 0.04, "label": 0.1, "kept": 1_000_000, "data": "orthogonal"},
        {"data": "diabetes", "rows": 1, "columns": "bmi", "m": 0, "delta": 0.95, "delta_pruned": 0.04, "labels_scale": "norm", "kept": 1_000_000},
    ),
    (0.1, 1.0), 21.0,
)  # fmt: skip
