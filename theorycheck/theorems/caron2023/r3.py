"""Theorem R3 (caron2023, section 3.4): smooth activations, gradient descent with an explicit step size.

The width is that of R2 with radii twice as large, since all steps together are at most twice as long as the flow's path;
the theorem rounds 512 (1 + sqrt 2)^2 up to 2^12. At that width and with even node scales the second condition on the step
follows from the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.special import zeta

from theorycheck.adversary import input_plans, label_plans
from theorycheck.data import BadInput
from theorycheck.flow import Run
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems.caron2023 import descents, r2
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.descents import TAKEN, eta
from theorycheck.theorems.caron2023.setting import FLOOR, Lambda_2, d, delta, gamma, kappa, m, n, s_X

#: |J(W) - J(W')| <= 2 BEND eta |r| over a step: slopes are Lipschitz, |w_j - w'_j| <= eta sqrt(lambda_j s_X/d) |r|
BEND = r2.M * sp.sqrt(n * s_X * Lambda_2) / (2 * d ** sp.Rational(3, 2))
#: a doubled residual makes radii twice as large
UNROUNDED = r2.slope_width(n, 2 * r2.RESIDUAL)
ROUNDED = 4 * r2.ROUNDED
WIDTH = sp.Max(s.uniform_part_width(n, delta / 2), ROUNDED)
WIDTH_DATA = sp.Max(s.uniform_part_width(s_X, delta / 2), r2.slope_width(s_X, 2 * r2.RESIDUAL_DATA))
REACH = s.reach(n, 2 * r2.RESIDUAL)
REACH_DATA = s.reach(s_X, 2 * r2.RESIDUAL_DATA)
#: the share of the loss that a step takes off
GAIN = eta * FLOOR

_SHARED = tuple(part for part in r2.R2.assumptions if part.label != "width")
_GIVEN = (*(part.label for part in _SHARED), "width", "stable step", "curvature step")
_EIGHTFOLD = tuple(f"{name}, eightfold" if name.endswith("step") else name for name in _GIVEN)


def _curvature(residual: sp.Expr, times: int = 1) -> Bound:
    return Bound(8 * eta * BEND * residual, times * sp.sqrt(gamma * kappa))


def _claims(reach: sp.Expr) -> tuple[Claim, ...]:
    chance = 1 - delta
    return (
        Claim("a", "the tangent Gram stays above a quarter of gamma kappa_n", Bound(FLOOR, s.least), _GIVEN, chance),
        Claim("b", "a step takes off at least eta gamma kappa_n/4 of the loss, 1 - (L_k/L_0)^(1/k)", Bound(GAIN, TAKEN), _GIVEN, chance),
        Claim("c", "no weight moves further than a multiple of sqrt(lambda_j)", Bound(s.moved, reach), _GIVEN, chance),
    )  # fmt: skip


def _sabotages(reach: sp.Expr) -> tuple[Claim, ...]:
    high = sp.Rational(99, 100)
    return (
        Claim("a: four times kappa", "more than the limit has", Bound(4 * kappa, s.least), _GIVEN, high, falsifies="a"),
        Claim("b: twice the flow's", "more than the flow of the limit takes off", Bound(4 * eta * kappa, TAKEN), _GIVEN, high, falsifies="b"),
        Claim("b: step doubled eightfold", "eight times the step still contracts", Bound(GAIN, TAKEN), _EIGHTFOLD, high, falsifies="b"),
        Claim("c: width counted twice", "the movement is of order 1/m", Bound(s.moved, reach / m), _GIVEN, high, falsifies="c"),
    )  # fmt: skip


# --- instances -------------------------------------------------------------------------------

_LARGEST = (d / (2 * s_X), sp.sqrt(gamma * kappa) / (8 * BEND))


def largest_step(values: Mapping[sp.Symbol, float], residual: sp.Expr) -> float:
    """Return the largest step that both conditions allow, 1 if there is none (data of no size, a Gram that vanishes)."""
    known = {symbol: sp.Float(value) for symbol, value in values.items()}
    found = [part.subs(known) for part in (_LARGEST[0], _LARGEST[1] / residual)]
    return min(map(float, found)) if all(one.is_positive and one.is_finite for one in found) else 1.0


def _placed(instance: Instance, share: float, quantities: tuple[Quantity, ...], residual: sp.Expr) -> Instance:
    """Return the instance with a step at this share of the largest that is allowed; it depends on no weights."""
    needed = {symbol for part in (*_LARGEST, residual) for symbol in part.free_symbols}
    with np.errstate(all="ignore"):
        values = {part.symbol: float(part.measure(Run(instance)).value) for part in quantities if part.symbol in needed}
    return with_parameters(instance, step=share * largest_step(values, residual))


def squares_at(instance: Instance) -> Callable[[int], float]:
    """Return ``Lambda_2`` of the instance's node scales as a function of the width, which may be huge."""
    even, power = instance.parameters["gamma"], 1 / instance.parameters["alpha"]

    def at(width: int) -> float:
        first, second = (float(zeta(p) - zeta(p, width + 1.0)) for p in (power, 2 * power))
        return (1 - (1 - even) ** 2) / width + (1 - even) ** 2 * second / first**2

    return at


def planned(
    quantities: tuple[Quantity, ...], residual: sp.Expr, instance: Instance
) -> Callable[[int], dict[sp.Symbol, float]]:
    """Return the step and ``Lambda_2`` at a width, which follow no power of it: for the table of all papers."""
    needed = {symbol for part in (*_LARGEST, residual) for symbol in part.free_symbols}
    values = {part.symbol: float(part.measure(Run(instance)).value) for part in quantities if part.symbol in needed}
    squares, share = squares_at(instance), float(instance.description["flags"]["step"])

    def at(width: int) -> dict[sp.Symbol, float]:
        there = {**values, Lambda_2: squares(width), m: float(width)}
        return {Lambda_2: there[Lambda_2], eta: share * largest_step(there, residual)}

    return at


def _instances(
    example: Callable[..., Instance], place: Callable[[Instance, float], Instance]
) -> SearchStrategy[Instance]:
    """One sample at the theorem's own width, with the largest step and eight times as large a one; hard data at small width."""

    def own(*shares: float) -> SearchStrategy[Instance]:
        return st.builds(
            lambda even, label, share, seed, name: example(
                n=1, d=3, m=0, gamma=even, delta=0.9, label=label, step=share, seed=seed, activation=name
            ),
            st.sampled_from([1.0, 0.5]),
            st.sampled_from([0.1, 0.5]),
            st.sampled_from(shares),
            st.integers(0, 10_000),
            st.sampled_from(["tanh", "sine"]),
        )

    hard = st.builds(
        lambda share, *drawn: place(r2.hard(*drawn), share),
        st.sampled_from([0.999, 0.1]),
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        label_plans(),
        st.sampled_from([1, 16, 256]),
        st.sampled_from([0.0, 0.1, 1.0]),
        st.sampled_from([0.3, 0.9]),
        st.integers(0, 10_000),
        st.sampled_from(["tanh", "softplus", "sine", "gelu", "elu"]),
    )
    return st.one_of(own(0.999, 0.1), own(7.99), hard)


_FLAGS = ("n", "d", "m", "gamma", "alpha", "delta", "step", "activation")


def _assumed(width: sp.Expr, residual: sp.Expr) -> tuple[Assumption, ...]:
    return (
        *_SHARED,
        Assumption("width", "the network is wide enough", Bound(width, m), looseness=64.0),
        descents.STABLE,
        Assumption("curvature step", "the Jacobian changes little over a step", _curvature(residual)),
        descents.STABLE_EIGHTFOLD,
        Assumption("curvature step, eightfold", "eight times as large a step (for a sabotage only)", _curvature(residual, 8)),
    )  # fmt: skip


def _card(
    label: str, title: str, base: Theorem, width: sp.Expr, residual: sp.Expr, reach: sp.Expr,
    showcase: tuple[dict[str, object], ...], **looseness: float,
) -> Theorem:  # fmt: skip
    own = (*(part for part in base.quantities if part not in s.PATH and part != s.SPECTRAL), s.SPECTRAL)

    def place(instance: Instance, share: float) -> Instance:
        return _placed(instance, share, own, residual)

    def build(flags: dict[str, Any]) -> Instance:
        if not flags["step"] > 0:
            raise BadInput(f"--step must be positive, not {flags['step']:g}: it is a share of the largest step")
        return place(make.build(flags, width, own), flags["step"])

    example = make.example(build, *_FLAGS)
    return Theorem(
        label=label,
        title=title,
        reference=Reference("caron2023", "Theorem R3, section 3.4; proof in section 4", "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=s.NOTATION + descents.STEP_NOTATION,
        quantities=(*own, *descents.PATH),
        assumptions=_assumed(width, residual),
        claims=with_looseness(_claims(reach), **looseness),
        derivations=(),
        order=("data", "labels", "weights"),
        example=example,
        instances=lambda: _instances(example, place),
        simulate=descents.simulate,
        sabotages=_sabotages(reach),
        showcase=showcase,
    )  # fmt: skip


R3 = _card(
    "caron2023.r3", "Global convergence of gradient descent for smooth activations", r2.R2, WIDTH, r2.RESIDUAL, REACH,
    (
        {"n": 2, "d": 3, "m": 0, "delta": 0.9, "label": 0.5, "data": "orthogonal"},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 0, "delta": 0.9, "labels_scale": "norm"},
    ),
    a=4.0, b=6.7, c=18.0,
)  # fmt: skip
R3_DATA = _card(
    "caron2023.r3_data", "Gradient descent for smooth activations, with a data-dependent width", r2.R2_DATA, WIDTH_DATA,
    r2.RESIDUAL_DATA, REACH_DATA,
    (
        {"n": 2, "d": 3, "m": 0, "gamma": 0.5, "delta": 0.9, "label": 0.5, "data": "orthogonal"},
        {"data": "diabetes", "rows": 2, "columns": "bp,s2", "m": 0, "delta": 0.9, "labels_scale": "norm"},
    ),
    a=4.0, b=7.0, c=14.5,
)  # fmt: skip
