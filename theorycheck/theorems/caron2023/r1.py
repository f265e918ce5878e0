"""Theorems R1 and R1' (caron2023, section 3.3): ReLU, gradient flow, global convergence.

Every constant but the rounded 2^19 follows here from the lemmas L3 to L8, as in section 4.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans, label_plans
from theorycheck.flow import follow
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.setting import (
    FLOOR,
    C,
    d,
    delta,
    gamma,
    kappa,
    label_norm,
    m,
    mean_norm,
    n,
    s_X,
    trace_sigma,
)

_GIVEN = ("nonzero inputs", "unit ball", "not parallel", "ReLU", "gamma positive", "delta below 1", "width")


def flip_width(failure: sp.Expr, reach: sp.Expr) -> sp.Expr:
    """Return the width at which the flip mass exceeds ``ALLOWED`` with probability at most ``failure``.

    L6: ``E T_1 <= (n/d) sqrt(2/pi) c m^(-1/2)`` with ``c`` the reach, then Markov; solved for m.
    """
    mass = (n / d) * sp.sqrt(2 / sp.pi) * reach
    return (mass * s.PER_ALLOWED / failure) ** 2


def _claims(reach: sp.Expr, spread: sp.Expr | None) -> tuple[Claim, ...]:
    chance = 1 - delta
    claims = [
        Claim("a", "the tangent Gram stays above a quarter of gamma kappa_n", Bound(FLOOR, s.least), _GIVEN, chance),
        Claim("b", "the loss decays at least at rate gamma kappa_n / 2", Bound(2 * FLOOR, s.rate), _GIVEN, chance),
        Claim("c", "no weight moves further than a multiple of sqrt(lambda_j)", Bound(s.moved, reach), _GIVEN, chance),
    ]
    if spread is not None:
        bound = spread + 2 * sp.sqrt(spread * n / d)
        claims.append(
            Claim("d", "the tangent Gram changes by at most b + 2 sqrt(b n/d)", Bound(s.change, bound), _GIVEN, chance)
        )
    return tuple(claims)


# --- R1: four events of probability delta/4 each --------------------------------------------

_D = sp.sqrt(C**2 + 1 / (2 * d))
#: L4, Markov: |r_0|^2 <= n D^2 / (delta/4)
_RESIDUAL = sp.sqrt(n * _D**2 / (delta / 4))
REACH = s.reach(n, _RESIDUAL)
#: the second width as the lemmas give it; the theorem rounds its constant up to 2^19
UNROUNDED = flip_width(delta / 4, REACH)
ROUNDED = 2**19 * n**4 * _D**2 / (gamma**2 * kappa**4 * d**3 * delta**3)
WIDTH = sp.Max(s.uniform_part_width(n, delta / 4), ROUNDED)
SPREAD = (n / d) * sp.sqrt(2 / sp.pi) * REACH * s.Lambda_32 / (delta / 4)

_QUANTITIES = (*s.SIZES, s.IS_RELU, s.CHANCE, *s.DATA, s.KAPPA, s.LABEL, s.POWER_32, *s.PATH)
_HIGH = sp.Rational(99, 100)
_FLAGS = ("n", "d", "m", "gamma", "alpha", "delta")
_EXAMPLE = make.example(lambda flags: make.build(flags, WIDTH, _QUANTITIES), *_FLAGS)


def _at_own_width(label: float, delta: float, seed: int, example: Callable[..., Instance]) -> Instance:
    """One input of norm 1: the only size at which the theorem's own width can be simulated."""
    return example(n=1, d=1, m=0, delta=delta, label=label, data="orthogonal", seed=seed)


def _hard(plan: InputPlan, label_plan: LabelPlan, width: int, gamma: float, delta: float, seed: int) -> Instance:
    inputs, labels, about = make.adversarial(plan, label_plan, "relu")
    return make.drawn(
        inputs, labels, width=width, gamma=gamma, alpha=0.5, seed=seed, parameters={"delta": delta}, description=about
    )


def _small(seeds: SearchStrategy[int]) -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        input_plans(sizes=(1, 4), dimensions=(1, 4)),
        label_plans(),
        st.sampled_from([1, 16, 256]),
        st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        st.sampled_from([0.3, 0.9]),
        seeds,
    )


def _instances() -> SearchStrategy[Instance]:
    seeds = st.integers(0, 10_000)
    wide = st.builds(lambda label, seed: _at_own_width(label, 0.99, seed, _EXAMPLE), st.sampled_from([0.1, 0.2]), seeds)
    return st.one_of(wide, _small(seeds))


R1 = Theorem(
    label="caron2023.r1",
    title="Global convergence of gradient flow for ReLU networks with uneven node scales",
    reference=Reference(
        "caron2023", "Theorem R1, section 3.3; proof in section 4", "derived here; not quoted from the paper"
    ),
    standing=Standing.DERIVED,
    notation=s.NOTATION,
    quantities=_QUANTITIES,
    assumptions=(
        s.NONZERO,
        s.UNIT_BALL,
        s.NOT_PARALLEL,
        s.RELU,
        s.GAMMA,
        s.DELTA,
        Assumption("width", "the network is wide enough", Bound(WIDTH, m), looseness=4096.0),
    ),
    claims=with_looseness(_claims(REACH, SPREAD), a=4.0, b=4.0, c=5.3, d=1360.0),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=_EXAMPLE,
    instances=_instances,
    simulate=follow,
    sabotages=(
        Claim(
            "a: eight times the floor", "with probability 99 %", Bound(8 * FLOOR, s.least), _GIVEN, _HIGH, falsifies="a"
        ),
        Claim(
            "b: eight times the rate", "with probability 99 %", Bound(16 * FLOOR, s.rate), _GIVEN, _HIGH, falsifies="b"
        ),
        Claim(
            "c: width counted twice",
            "the movement is of order 1/m",
            Bound(s.moved, REACH / m),
            _GIVEN,
            _HIGH,
            falsifies="c",
        ),
        Claim(
            "d: width counted twice",
            "the change is of order 1/m",
            Bound(s.change, SPREAD / m),
            _GIVEN,
            _HIGH,
            falsifies="d",
        ),
    ),
    showcase=(
        {"n": 1, "d": 1, "m": 0, "delta": 0.99, "label": 0.1, "data": "orthogonal"},
        {"data": "diabetes", "rows": 1, "columns": "bmi", "m": 0, "delta": 0.99, "labels_scale": "norm"},
        {"data": "diabetes", "rows": 4, "m": 512},
    ),
)


# --- R1': three events of probability delta/3 each -------------------------------------------

_THIRD = delta / 3
#: L4': Gaussian concentration of the initial residual around its mean given the signs
RESIDUAL_LOG = sp.sqrt(
    (label_norm + sp.sqrt(2 * sp.log(4 / _THIRD)) * mean_norm) ** 2 + trace_sigma - mean_norm**2
) + sp.sqrt(2 * s_X * sp.log(2 / _THIRD) / d)
REACH_LOG = s.reach(s_X, RESIDUAL_LOG)
#: L6' twice: its tail exp(-m tau d/(3n)) <= delta/3 at tau = ALLOWED/2, and its mean E T_1 <= tau
TAIL = 3 * n * sp.log(1 / _THIRD) / d * 2 * s.PER_ALLOWED
WIDTH_LOG = sp.Max(s.uniform_part_width(s_X, _THIRD), TAIL, flip_width(sp.Rational(1, 2), REACH_LOG))
_QUANTITIES_LOG = (
    *s.SIZES,
    s.IS_RELU, s.CHANCE, *s.DATA, s.KAPPA, s.SPECTRAL, *s.PATH,
    Quantity(label_norm, "|y|", measure.label_norm),
    Quantity(mean_norm, "|h|, h_i = E s(g_i)", measure.mean_norm),
    Quantity(trace_sigma, "tr Sigma, Sigma = E s(g) s(g)'", measure.output_variance),
)  # fmt: skip


_EXAMPLE_LOG = make.example(lambda flags: make.build(flags, WIDTH_LOG, _QUANTITIES_LOG), *_FLAGS)


def _instances_log() -> SearchStrategy[Instance]:
    seeds = st.integers(0, 10_000)
    wide = st.builds(
        lambda label, seed: _at_own_width(label, 0.05, seed, _EXAMPLE_LOG), st.sampled_from([0.1, 0.3]), seeds
    )
    return st.one_of(wide, _small(seeds))


R1_LOG = Theorem(
    label="caron2023.r1_log",
    title="Global convergence of gradient flow for ReLU networks, with log(1/delta) in the width",
    reference=Reference(
        "caron2023", "Theorem R1', section 3.3; proof in section 4", "derived here; not quoted from the paper"
    ),
    standing=Standing.DERIVED,
    notation=s.NOTATION,
    quantities=_QUANTITIES_LOG,
    assumptions=(
        s.NONZERO,
        s.UNIT_BALL,
        s.NOT_PARALLEL,
        s.RELU,
        s.GAMMA,
        s.DELTA,
        Assumption("width", "the network is wide enough", Bound(WIDTH_LOG, m), looseness=4096.0),
    ),
    claims=with_looseness(_claims(REACH_LOG, None), a=4.0, b=4.0, c=17.0),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=_EXAMPLE_LOG,
    instances=_instances_log,
    simulate=follow,
    sabotages=(
        Claim(
            "a: eight times the floor", "nothing is lost", Bound(8 * FLOOR, s.least), _GIVEN, 1 - delta, falsifies="a"
        ),
        Claim(
            "b: eight times the rate", "nothing is lost", Bound(16 * FLOOR, s.rate), _GIVEN, 1 - delta, falsifies="b"
        ),
        Claim(
            "c: width counted twice",
            "the movement is of order 1/m",
            Bound(s.moved, REACH_LOG / m),
            _GIVEN,
            1 - delta,
            falsifies="c",
        ),
    ),
    showcase=(
        {"n": 1, "d": 1, "m": 0, "delta": 0.5, "label": 1.0, "data": "orthogonal"},
        {"data": "diabetes", "rows": 1, "columns": "bmi", "m": 0, "delta": 0.9, "labels_scale": "norm"},
    ),
)
