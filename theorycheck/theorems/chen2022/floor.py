"""Theorem E of chen2022 (section 4.7): ReLU-like activations below a floor of the loss, and what follows from it.

(H): ``|s(u)| <= |s'(u)| (alpha + beta |u|)``. A network that outputs something at a datum has slopes there, and
below ``y_*^2/(2n)`` it outputs something at every datum. Deterministic, for every width and all output weights.
The dichotomy: the loss tends to 0 exponentially, or never falls below ``y_*^2/(2n)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.enclose import enclose, ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import ACTIVATIONS, Activation, Z
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.chen2022 import measures
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep_everywhere import GAP, briefly, gap, hard_direction, simulate, uneven

alpha, beta, H_0, H_half = sp.symbols("alpha beta H_0 H_h", nonnegative=True)
y_least = sp.Symbol("y_*", nonnegative=True)
zeta_half, left = sp.symbols("zeta_h delta_h", nonnegative=True)
known = sp.Symbol("A_H", nonnegative=True)

#: (alpha, beta) of (H): s is alike at all scales (ReLU, leaky, linear), or softplus (proved in the tests)
HOMOGENEOUS = (sp.S.Zero, sp.S.One)
SOFTPLUS = (2 * sp.log(2), sp.S.One)


def rate_at(moved: sp.Expr, below: sp.Expr, height: sp.Expr) -> sp.Expr:
    """Return r(D) in ``L' <= -r(D) L`` after a path of length D: ``(2/n) lam min q_a``.

    ``below = y_* - |zeta|`` bounds ``|f(x_a)|`` from below, and by Cauchy and Schwarz with (H)
    ``f(x_a)^2 <= q_a (alpha + beta (H_0 + sqrt(G_max) D))^2``.
    """
    return 2 / t.n * t.lam * below**2 / (alpha + beta * (height + sp.sqrt(t.G_max) * moved)) ** 2


def reach(residual: sp.Expr, below: sp.Expr, height: sp.Expr) -> sp.Expr:
    """Return the D with ``int_0^D sqrt(r) = 2 sqrt(L_0)``: no path is longer, as ``(sqrt L)' <= -sqrt(r) D'/2``.

    ``sqrt r = a/(b + c x)`` integrates to ``(a/c) log(1 + c D/b)``.
    """
    a, b, c = sp.sqrt(2 * t.lam / t.n) * below, alpha + beta * height, beta * sp.sqrt(t.G_max)
    return b / c * (sp.exp(c / a * 2 * residual / sp.sqrt(2 * t.n)) - 1)


def rate(residual: sp.Expr, below: sp.Expr, height: sp.Expr) -> sp.Expr:
    """Return the rate for all time: r at the longest path."""
    return sp.factor(rate_at(reach(residual, below, height), below, height))


RATE = rate(t.zeta_0, y_least - t.zeta_0, H_0)
PATH = reach(t.zeta_0, y_least - t.zeta_0, H_0)
#: theorem E from half the time on; nothing is promised above the floor
LATER = sp.Piecewise((rate(zeta_half, left, H_half), left > 0), (sp.S.Zero, True))
_SEEN = sp.Piecewise((s.rate, left > 0), (sp.S.Zero, True))


# --- measures ----------------------------------------------------------------------------------


@cache
def growth(activation: Activation) -> tuple[float, float] | None:
    """Return alpha and beta of (H), rounded up, or None for an activation that is not on the list."""
    homogeneous = activation.leak is not None or (activation.affine and activation.expr.subs(Z, 0) == 0)
    if homogeneous or activation.expr == ACTIVATIONS["softplus"].expr:
        first, second = (ends(enclose(part))[1] for part in (HOMOGENEOUS if homogeneous else SOFTPLUS))
        return first, second
    return None


def _growth(place: int, run: Run) -> Measured:
    found = growth(run.instance.activation)
    return Measured(found[place] if found else math.nan, 0.0, rigorous=found is not None)


def _is_known(run: Run) -> Measured:
    return Measured(float(growth(run.instance.activation) is not None), 0.0, rigorous=True)


def least_label(run: Run) -> Measured:
    """Return ``y_* = min_a |y_a|``, which is exact."""
    return Measured(float(np.abs(run.instance.labels).min()), 0.0, rigorous=True)


def height(run: Run) -> Measured:
    """Return ``H_0 = max_a ((1/m) sum_i h_ia(0)^2)^(1/2)``."""
    h, off = measures.preactivations(run.instance), measures.rounding(run.instance)
    root = math.sqrt(run.instance.m)
    sizes, doubt = np.linalg.norm(h, axis=1) / root, np.linalg.norm(off, axis=1) / root
    doubt = doubt + (run.instance.m + 8) * 2.0**-53 * sizes
    return Measured.between(max(float((sizes - doubt).max()), 0.0), float((sizes + doubt).max()))


def _below(run: Run) -> Measured:
    """Return a number that ``y_* - |zeta|`` is surely at least, 0 if it may be negative: any such number will do."""
    size = measure.initial_residual(run)
    return Measured(max(float(least_label(run).value - size.value - size.error), 0.0), 0.0)


def _later(read: Callable[[Run], Measured]) -> Callable[[Run], Measured]:
    """Return a measure of the network at half the time, which is the instance of the second half of a run."""

    def at_half(run: Run) -> Measured:
        if run.trajectory is None:
            raise NoTrajectory("the network at half the time belongs to a flow: simulate the instance first")
        return read(run)

    return at_half


def second_half(instance: Instance) -> Run:
    """Follow the flow to half its horizon, then, as a new instance, from the weights there on.

    What is said of the second half is said of the flow that starts at the simulated weights (errata U5).
    """
    half = briefly(instance, 2000.0) / 2
    first = follow(instance, half, count=8).trajectory
    assert first is not None
    return follow(replace(instance, weights=first.final_weights, redraw=None), half, count=60)


_SHARED = (
    s.SIZES[0], *(part for part in s.GEOMETRY if part.symbol in (t.lam, t.G_max)), s.RATE, GAP,
    Quantity(known, "1 if alpha and beta are known: (leaky) ReLU, linear, softplus", _is_known),
    Quantity(alpha, "alpha in |s(u)| <= |s'(u)| (alpha + beta |u|)", partial(_growth, 0)),
    Quantity(beta, "beta there", partial(_growth, 1)),
    Quantity(y_least, "least |y_a|", least_label),
)  # fmt: skip
_AT_START = (
    s.RESIDUAL, s.PATH,
    Quantity(H_0, "largest root mean square of the preactivations, over the samples", height),
)  # fmt: skip
_AT_HALF = (
    Quantity(zeta_half, "|zeta| at half the time", _later(measure.initial_residual)),
    Quantity(left, "a number that y_* - |zeta| is surely at least at half the time, or 0", _later(_below)),
    Quantity(H_half, "H_0 at half the time", _later(height)),
)  # fmt: skip

_LIKE_RELU = Assumption("like ReLU", "|s(u)| <= |s'(u)| (alpha + beta |u|) for Clarke's s'", Bound(sp.S.One, known))
_INDEPENDENT = Assumption("lambda_min positive", "no input depends on others", Bound(sp.S.Zero, t.lam, strict=True))
_MOVING = Assumption("G_max positive", "the inputs are not all 0", Bound(sp.S.Zero, t.G_max, strict=True))
_BELOW = Assumption("below the floor", "the initial loss is below y_*^2/(2n)", Bound(t.zeta_0, y_least, strict=True))
_LABELLED = Assumption("labels not 0", "no label is 0", Bound(sp.S.Zero, y_least, strict=True))


# --- instances -------------------------------------------------------------------------------

_OWN = ("n", "d", "m", "activation", "kappa", "nu", "level")
_DEFAULTS: Mapping[str, Any] = {"activation": "relu", "level": 0.5, "m": 200}
_POSITIVE = {"positive": (Annotated[bool, "all output weights are +kappa, so that ReLU outputs are not 0"], True)}


def placed(instance: Instance, direction: np.ndarray, level: float) -> Instance:
    """Return the instance with labels ``f + size direction`` such that ``|zeta_0| = level y_*`` where that can be.

    For every sample ``size <= level |f_a + size v_a|``. From level 1 on (above the floor) ``size = level min |f_a|``.
    """
    output = instance.labels - instance.start[0]
    per_size = 1 / level - np.sign(output) * direction
    least = np.abs(output)
    size = level * least.min() if level >= 1 or per_size.min() <= 0 else (least / per_size).min()
    return instance.with_labels(output + float(size) * direction)


def _build(flags: dict[str, Any]) -> Instance:
    s.not_negative(flags, "level")
    instance = s.build({**flags, "mirrored": False})
    if flags["positive"]:
        instance = replace(instance, signs=np.abs(instance.signs), redraw=None)
    residual = instance.start[0]
    length = float(np.linalg.norm(residual))
    if not flags["level"] or not length > 0:
        return instance
    return placed(instance, residual / length, flags["level"])


def hard(
    kind: str, n: int, extra: int, width: int, name: str, level: float, weak: bool, turned: bool, signs: str, seed: int
) -> Instance:
    """Return a small network with hard inputs and labels off its output along its weakest (or strongest) direction."""
    d = max(1, n + extra)
    inputs = build_inputs(InputPlan(kind, n, d, seed, 1)) * math.sqrt(d)
    about = {"data": kind, "level": level, "activation": name, "signs": signs}
    instance = s.drawn(inputs, np.zeros(n), width=width, activation=name, seed=seed, mirrored=False, description=about)
    if signs == "positive":
        instance = replace(instance, signs=np.abs(instance.signs), redraw=None)
    elif signs == "uneven":
        instance = uneven(instance, seed)
    return placed(instance, hard_direction(instance, weak) * (-1 if turned else 1), level)


def _strategy(levels: tuple[float, ...]) -> SearchStrategy[Instance]:
    return st.builds(
        hard,
        st.sampled_from(["near_parallel", "gaussian", "orthogonal", "cluster"]),
        st.sampled_from([2, 3, 1]),
        st.sampled_from([-1, 0, 2]),
        st.sampled_from([1, 2, 8, 40]),
        st.sampled_from(["relu", "softplus", "max(z, z/2)", "identity", "tanh"]),
        st.sampled_from(levels),
        st.sampled_from([True, True, False]),
        st.booleans(),
        st.sampled_from(["positive", "uneven", "random"]),
        st.integers(0, 10_000),
    )


# --- the cards ---------------------------------------------------------------------------------


def _card(
    name: str, title: str, place: str, quantities: tuple[Quantity, ...], assumptions: tuple[Assumption, ...],
    claims: tuple[Claim, ...], sabotages: tuple[Claim, ...], levels: tuple[float, ...], run: Callable[[Instance], Run],
    showcase: tuple[dict[str, Any], ...],
) -> Theorem:  # fmt: skip
    table = {key: s.FLAGS[key] for key in _OWN} | _POSITIVE | dict(s.DATA)
    flags = {key: (said, _DEFAULTS.get(key, value)) for key, (said, value) in table.items()}
    return Theorem(
        label=f"chen2022.{name}",
        title=title,
        reference=Reference("chen2022", place, "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=s.NOTATION,
        quantities=quantities,
        assumptions=assumptions,
        claims=claims,
        derivations=(),
        order=("data", "weights", "labels"),
        example=keyword_example(_build, flags, Instance),
        instances=partial(_strategy, levels),
        simulate=run,
        sabotages=sabotages,
        showcase=showcase,
    )


def _given(*assumptions: Assumption) -> tuple[str, ...]:
    return tuple(part.label for part in assumptions)


_COMMON = (_LIKE_RELU, _INDEPENDENT, _MOVING)
_E, _EITHER = _given(*_COMMON, _BELOW), _given(*_COMMON, _LABELLED)
_SHOWCASE: tuple[dict[str, Any], ...] = (
    {"n": 3, "d": 6, "m": 200, "activation": "relu", "level": 0.5},
    {"n": 2, "d": 4, "m": 100, "activation": "softplus", "level": 0.1},
    {"data": "breast_cancer", "rows": 3, "m": 200, "activation": "relu", "level": 0.1},
)

E = _card(
    "e", "Mean-field networks like ReLU: below a floor of the loss it decays exponentially", "Theorem E, section 4.7",
    (*_SHARED, *_AT_START), (*_COMMON, _BELOW),
    with_looseness((
        Claim("rate", "the loss decays at that rate for all time", Bound(RATE, s.rate), _E),
        Claim("path", "the root mean square movement of the weights stays below", Bound(s.moved_path, PATH), _E),
    ), rate=5.0, path=2.3),
    (
        Claim("rate: lambda_min dropped", "as if the inputs were orthogonal", Bound(RATE / t.lam, s.rate), _E, falsifies="rate"),
        Claim("rate: labels anywhere", "the same from above the floor", Bound(rate(t.zeta_0, sp.Abs(y_least - t.zeta_0), H_0), s.rate), _given(*_COMMON), falsifies="rate"),
        Claim("rate: more samples than dimensions", "lambda_min replaced by the least eigenvalue that is not 0", Bound(RATE.subs(t.lam, gap), s.rate), _given(_LIKE_RELU, _MOVING, _BELOW), falsifies="rate"),
        Claim("path: half", "half the movement", Bound(s.moved_path, PATH / 2), _E, falsifies="path"),
    ),
    (30.0, 0.5, 0.01, 0.999), simulate, _SHOWCASE,
)  # fmt: skip

_HIGHER = sp.Max(sp.sqrt(2) * y_least - zeta_half, 0)

DICHOTOMY = _card(
    "e_dichotomy", "Mean-field networks like ReLU: the loss tends to 0, or stays above y_*^2/(2n)", "corollary of theorem E, section 4.7 and errata U10",
    (*_SHARED, *_AT_HALF), (*_COMMON, _LABELLED),
    with_looseness((
        Claim("either", "if the loss is below y_*^2/(2n) at half the time, it decays at theorem E's rate from there on", Bound(LATER, _SEEN), _EITHER),
    ), either=3.0),
    (
        Claim("either: a floor twice as high", "as if the loss could only stall at y_*^2/n", Bound(sp.Piecewise((rate(zeta_half, _HIGHER, H_half), sp.sqrt(2) * y_least > zeta_half), (0, True)), s.rate), _EITHER, falsifies="either"),
        Claim("either: lambda_min dropped", "as if the inputs were orthogonal", Bound(LATER / t.lam, s.rate), _EITHER, falsifies="either"),
        Claim("either: always to 0", "the loss never stalls", Bound(sp.Rational(1, 1000) * t.lam / t.n, s.rate), _EITHER, falsifies="either"),
    ),
    (0.5, 30.0, 5.0, 0.999), second_half, _SHOWCASE,
)  # fmt: skip
