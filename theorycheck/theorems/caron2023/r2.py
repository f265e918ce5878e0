"""Theorem R2 (caron2023, section 3.3): smooth activations, and its data-dependent form.

The constants follow from L3, L4, L5 (deterministic for smooth activations), L7 and L8 with
two events of probability delta/2 each; the theorem rounds 128 (1 + sqrt 2)^2 up to 2^10.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans, label_plans
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import Z
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.setting import (
    FLOOR,
    C,
    Lambda_2,
    d,
    delta,
    gamma,
    kappa,
    label_norm,
    m,
    n,
    s_X,
    trace_sigma,
)

M = sp.Symbol("M", nonnegative=True)
slope = sp.Symbol("sigma_1", nonnegative=True)
start = sp.Symbol("sigma_0", nonnegative=True)
analytic = sp.Symbol("A", nonnegative=True)

_HALF = delta / 2
_D1 = sp.sqrt(C**2 + (start + 1 / sp.sqrt(d)) ** 2)
#: L4, Markov: |r_0|^2 <= n D_1^2 / (delta/2); data-dependent: (|y|^2 + tr Sigma) / (delta/2)
RESIDUAL = sp.sqrt(n * _D1**2 / _HALF)
RESIDUAL_DATA = sp.sqrt((label_norm**2 + trace_sigma) / _HALF)


def slope_width(spectral: sp.Expr, residual: sp.Expr) -> sp.Expr:
    """Return the width at which ``(M^2/(m d^2)) sum |x_i|^4 sum rho_j^2 <= ALLOWED`` (L5), ``sum |x_i|^4 <= n``."""
    return M**2 * n * s.reach(spectral, residual) ** 2 / d**2 * s.PER_ALLOWED


UNROUNDED = slope_width(n, RESIDUAL)
ROUNDED = 2**10 * n**3 * M**2 * _D1**2 / (d**3 * gamma**2 * kappa**3 * delta)
WIDTH = sp.Max(s.uniform_part_width(n, _HALF), ROUNDED)
WIDTH_DATA = sp.Max(s.uniform_part_width(s_X, _HALF), slope_width(s_X, RESIDUAL_DATA))
REACH = s.reach(n, RESIDUAL)
SPREAD = M**2 * n * REACH**2 * Lambda_2 / d**2


def _value_at_zero(run: Run) -> Measured:
    value = abs(float(run.instance.activation.expr.subs(Z, 0)))
    return Measured(value, 1e-16 * value, rigorous=True)


def _analytic(run: Run) -> Measured:
    activation = run.instance.activation
    return Measured(float(activation.analytic and not activation.affine), 0.0, rigorous=True)


_COMMON = (
    *s.SIZES, s.CHANCE, *s.DATA, s.KAPPA, *s.PATH,
    Quantity(M, "sup |s''|", measure.curvature_supremum),
    Quantity(slope, "sup |s'|", measure.slope_supremum),
    Quantity(start, "|s(0)|", _value_at_zero),
    Quantity(analytic, "1 if the activation is analytic and not affine, else 0", _analytic),
    s.POWER_2,
    s.LABEL,
)  # fmt: skip
_DATA = (
    *_COMMON, s.SPECTRAL,
    Quantity(label_norm, "|y|", measure.label_norm),
    Quantity(trace_sigma, "tr Sigma, Sigma = E s(g) s(g)'", measure.output_variance),
)  # fmt: skip

_GIVEN = (
    "nonzero inputs",
    "unit ball",
    "not parallel",
    "gamma positive",
    "delta below 1",
    "analytic",
    "slope at most 1",
    "width",
)
_ASSUMED = (
    s.NONZERO, s.UNIT_BALL, s.NOT_PARALLEL, s.GAMMA, s.DELTA,
    Assumption("analytic", "the activation is analytic and not affine", Bound(sp.S.One, analytic)),
    Assumption("slope at most 1", "sup |s'| <= 1", Bound(slope, sp.S.One)),
)  # fmt: skip


def _claims() -> tuple[Claim, ...]:
    chance = 1 - delta
    return (
        Claim("a", "the tangent Gram stays above a quarter of gamma kappa_n", Bound(FLOOR, s.least), _GIVEN, chance),
        Claim("b", "the loss decays at least at rate gamma kappa_n / 2", Bound(2 * FLOOR, s.rate), _GIVEN, chance),
        Claim("c", "no weight moves further than a multiple of sqrt(lambda_j)", Bound(s.moved, REACH), _GIVEN, chance),
        Claim("d", "the tangent Gram changes by at most b + 2 sqrt(b n/d)", Bound(s.change, SPREAD + 2 * sp.sqrt(SPREAD * n / d)), _GIVEN, chance),
    )  # fmt: skip


# without it kappa_n may vanish, and with it the width condition says nothing
_NO_ANGLE = tuple(name for name in _GIVEN if name not in ("not parallel", "width"))


def _sabotages() -> tuple[Claim, ...]:
    high = sp.Rational(99, 100)
    return (
        Claim("a: four times kappa", "more than the limit has", Bound(4 * kappa, s.least), _GIVEN, high, falsifies="a"),
        Claim("a: gamma dropped", "twice kappa, whatever is spread evenly", Bound(2 * kappa, s.least), _GIVEN, high, falsifies="a"),
        Claim("b: eight times kappa", "more than the limit gives", Bound(8 * kappa, s.rate), _GIVEN, high, falsifies="b"),
        Claim("b: not parallel dropped", "a certain rate, whatever the data", Bound(sp.Rational(1, 100), s.rate), _NO_ANGLE, high, falsifies="b"),
        Claim("c: width counted twice", "the movement is of order 1/m", Bound(s.moved, REACH / m), _GIVEN, high, falsifies="c"),
        Claim("d: width counted twice", "the change is of order 1/m^2", Bound(s.change, SPREAD / m), _GIVEN, high, falsifies="d"),
    )  # fmt: skip


_FLAGS = ("n", "d", "m", "gamma", "alpha", "delta", "activation")


def hard(plan: InputPlan, labels: LabelPlan, width: int, gamma: float, delta: float, seed: int, name: str) -> Instance:
    """Hard data at a small width."""
    inputs, own, about = make.adversarial(plan, labels, name)
    parameters = {"delta": delta}
    return make.drawn(
        inputs,
        own,
        width=width,
        gamma=gamma,
        alpha=0.5,
        activation=name,
        seed=seed,
        parameters=parameters,
        description=about,
    )


def _instances(example: Callable[..., Instance]) -> SearchStrategy[Instance]:
    """Mostly instances at the theorem's own width, some hard data at small width."""
    own = st.builds(
        lambda n, gamma, label, seed, name: example(
            n=n, d=3, m=0, gamma=gamma, delta=0.9, label=label, data="orthogonal", seed=seed, activation=name
        ),
        st.sampled_from([1, 2]),
        st.sampled_from([1.0, 0.5]),
        st.sampled_from([0.1, 0.5]),
        st.integers(0, 10_000),
        st.sampled_from(["tanh", "softplus", "sine"]),
    )
    small = st.builds(
        hard,
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        label_plans(),
        st.sampled_from([1, 16, 256]),
        st.sampled_from([0.0, 0.1, 1.0]),
        st.sampled_from([0.3, 0.9]),
        st.integers(0, 10_000),
        st.sampled_from(["tanh", "softplus", "sine", "gelu", "elu"]),
    )
    return st.one_of(own, small)


def _card(
    label: str,
    title: str,
    width: sp.Expr,
    quantities: tuple[Quantity, ...],
    showcase: tuple[dict[str, object], ...],
    **looseness: float,
) -> Theorem:
    example = make.example(lambda flags: make.build(flags, width, quantities), *_FLAGS)
    return Theorem(
        label=label,
        title=title,
        reference=Reference(
            "caron2023", "Theorem R2, section 3.3; proof in section 4", "derived here; not quoted from the paper"
        ),
        standing=Standing.DERIVED,
        notation=s.NOTATION,
        quantities=quantities,
        assumptions=(*_ASSUMED, Assumption("width", "the network is wide enough", Bound(width, m), looseness=64.0)),
        claims=with_looseness(_claims(), **looseness),
        derivations=(),
        order=("data", "labels", "weights"),
        example=example,
        instances=lambda: _instances(example),
        simulate=follow,
        sabotages=_sabotages(),
        showcase=showcase,
    )


R2 = _card(
    "caron2023.r2",
    "Global convergence of gradient flow for smooth activations",
    WIDTH,
    _COMMON,
    (
        {"n": 2, "d": 3, "m": 0, "delta": 0.9, "label": 0.5, "data": "orthogonal"},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 0, "delta": 0.9, "labels_scale": "norm"},
    ),
    a=4.0,
    b=4.0,
    c=17.0,
    d=884.0,
)
R2_DATA = _card(
    "caron2023.r2_data",
    "Global convergence for smooth activations, with a data-dependent width",
    WIDTH_DATA,
    _DATA,
    (
        {"n": 2, "d": 3, "m": 0, "gamma": 0.5, "delta": 0.9, "label": 0.5, "data": "orthogonal"},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 0, "delta": 0.5, "labels_scale": "norm"},
    ),
    a=4.0,
    b=4.2,
    c=41.0,
    d=4680.0,
)
