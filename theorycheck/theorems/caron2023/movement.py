"""Prop R7 (ii) and (iii) (caron2023, section 3.5): how far a node moves, smooth activations.

``sqrt(E |w_tj - w_0j|^2)`` is at least half of what the speed at time 0 promises, up to a time that does not depend on the
width; so it does not vanish for a node whose scale does not. Means over networks are measured by drawing many small ones
and following each in steps of Runge and Kutta (Euler's for ReLU); the error adds what half the steps change to five
standard errors.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.enclose import enclose, ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.symbolic.activations import Z
from theorycheck.symbolic.tails import clopper_pearson
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import means
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import ideal_scale, node_scale
from theorycheck.theorems.caron2023.setting import d, gamma, kappa, label_norm, n, s_X, trace_sigma

M = sp.Symbol("M", nonnegative=True)
slope = sp.Symbol("sigma_1", nonnegative=True)
time = sp.Symbol("t", positive=True)
fourth = sp.Symbol("B", nonnegative=True)
moved = sp.Symbol("D_j", nonnegative=True)
often = sp.Symbol("P_j", nonnegative=True)

#: sqrt(E |w_j''|^2) <= sqrt(lambda_j) BEND; ``fourth`` bounds sqrt(E |r_0|^4)
BEND = (M * n * fourth + n ** sp.Rational(3, 2) * sp.sqrt(label_norm**2 + trace_sigma)) / d ** sp.Rational(3, 2)
#: half of the speed at time 0 is left until then
LAST = sp.sqrt(kappa) * label_norm / BEND
#: sqrt(E |w_tj - w_0j|^2) >= this sqrt(lambda_j)
HALF = time / 2 * sp.sqrt(kappa) * label_norm
#: P(|w_tj - w_0j|^2 >= (t^2/8) lambda_j kappa_n |y|^2), Paley and Zygmund
CHANCE = kappa**2 * label_norm**4 * d**2 / (64 * s_X**2 * fourth**2)

#: steps of Runge and Kutta up to the time looked at, and networks followed
_STEPS, _NETWORKS = 6, 1200


@lru_cache(maxsize=8)
def _followed(instance: Instance) -> tuple[Array, Array]:
    """Return ``|w_tj - w_0j|^2`` of a few nodes of many networks, ``(networks, nodes)``, and what half the steps change."""
    found, doubt = [], []
    nodes = means.chosen(instance)
    for weights, signs in means.networks(instance, most=_NETWORKS, effort=40_000, least=60):
        ends = [_march(instance, weights, signs, steps)[:, nodes] for steps in (_STEPS, 2 * _STEPS)]
        squares = [np.sum(end**2, axis=2) for end in ends]
        found.append(squares[1])
        doubt.append(np.abs(squares[1] - squares[0]))
    return np.concatenate(found), np.concatenate(doubt)


def _march(instance: Instance, weights: Array, signs: Array, steps: int) -> Array:
    """Return ``w_tj - w_0j`` at the time looked at, no rounding of the weights in it; for ReLU by Euler's steps, four times as many."""
    slope = compile_block((Z,), instance.activation.slope)
    factor = (signs * np.sqrt(instance.scales))[:, :, None] * instance.inner
    rough = not instance.activation.smooth
    steps = 4 * steps if rough else steps
    step = instance.parameters["time"] / steps

    def field(moved: Array) -> Array:
        before = means.activations(instance, weights + moved)
        push = slope(before) * means.residual(instance, before, signs)[:, None, :]
        return np.asarray(factor * (push @ instance.inputs))

    moved = np.zeros_like(weights)
    for _ in range(steps):
        one = field(moved)
        if rough:  # a gate may slide: a higher order would not be one
            moved = moved + step * one
            continue
        two = field(moved + step / 2 * one)
        three = field(moved + step / 2 * two)
        four = field(moved + step * three)
        moved = moved + step / 6 * (one + 2 * two + 2 * three + four)
    return moved


def _moved(run: Run) -> Measured:
    """Return ``sqrt(E |w_tj - w_0j|^2)``."""
    squares, doubt = _followed(run.instance)
    found = means.mean(squares)
    return means.root(Measured(found.value, found.error + np.mean(doubt, axis=0)))


def _often(run: Run) -> Measured:
    """Return the chance that ``|w_tj - w_0j|^2 >= (t^2/8) lambda_j kappa_n |y|^2``, an exact interval."""
    instance = run.instance
    squares, doubt = _followed(instance)
    values = {symbol: read(run) for symbol, read in ((kappa, measure.kappa), (label_norm, measure.label_norm))}
    if not np.all(np.isfinite(squares)):
        return Measured(np.full(squares.shape[1], np.nan))
    bar = instance.parameters["time"] ** 2 / 8 * instance.scales[means.chosen(instance)]
    low, high = (
        np.prod([np.maximum(one.value + sign * one.error, 0.0) ** power for one, power in zip(values.values(), (1, 2), strict=True)])
        for sign in (-1, 1)
    )  # fmt: skip
    surely = np.sum(squares - doubt > bar * high + means.TINY, axis=0)
    maybe = np.sum(squares + doubt + means.TINY >= bar * low, axis=0)
    pairs = [clopper_pearson(int(a), int(b), len(squares), 1e-2, 1e-6) for a, b in zip(surely, maybe, strict=True)]
    return Measured.between(*np.transpose(pairs))


MOVED = Quantity(moved, "sqrt(E |w_tj - w_0j|^2) over weights and signs", _moved)
QUANTITIES = (
    *s.SIZES, s.KAPPA, s.DATA[0], s.SPECTRAL, means.SCALE, means.IDEAL,
    Quantity(label_norm, "|y|", measure.label_norm),
    Quantity(trace_sigma, "tr Sigma, Sigma = E s(g) s(g)'", measure.output_variance),
    Quantity(fourth, "sum_i (|y_i| + (3 E s(g_i)^4)^(1/4))^2, at least sqrt(E |r_0|^4)", means.fourth),
    Quantity(time, "the time looked at", measure.parameter("time")),
)  # fmt: skip
_SMOOTH = (
    *QUANTITIES,
    Quantity(M, "sup |s''|", measure.curvature_supremum),
    Quantity(slope, "sup |s'|", measure.slope_supremum),
    MOVED,
    Quantity(often, "P(|w_tj - w_0j|^2 >= (t^2/8) lambda_j kappa_n |y|^2)", _often),
)

LABELS = Assumption("labels not zero", "some label is not 0", Bound(sp.S.Zero, label_norm, strict=True))
_GIVEN = ("unit ball", "slope at most 1", "labels not zero", "early")
_ASSUMED = (
    s.UNIT_BALL,
    Assumption("slope at most 1", "sup |s'| <= 1", Bound(slope, sp.S.One)),
    LABELS,
    Assumption("early", "the speed has not yet halved", Bound(time, LAST)),
)


def at_time(instance: Instance, last: sp.Expr, quantities: tuple[Quantity, ...], share: float) -> Instance:
    """Return the instance with the time at which it is looked at, a share of the last time that a theorem allows."""
    probe = Run(instance)
    values = {part.symbol: float(part.measure(probe).value) for part in quantities if part.symbol in last.free_symbols}
    found = share * ends(enclose(last, values))[0] if np.all(np.isfinite(list(values.values()))) else np.nan
    return with_parameters(instance, time=found if np.isfinite(found) and found > 0 else 1.0)


def build(flags: dict[str, Any], last: sp.Expr, quantities: tuple[Quantity, ...]) -> Instance:
    """Build an instance that is looked at at the flag's time, or just before the last that a theorem allows.

    Raises
    ------
    BadInput
        If a flag is out of range.
    """
    if not 0 <= flags["time"] < np.inf:
        raise BadInput(f"--time must be positive, or 0 for the longest that the theorem allows, not {flags['time']:g}")
    instance = means.build(flags)
    return (
        with_parameters(instance, time=flags["time"]) if flags["time"] else at_time(instance, last, quantities, 0.999)
    )


def _hard(share: float, instance: Instance) -> Instance:
    with np.errstate(all="ignore"):
        return at_time(instance, LAST, _SMOOTH, share)


def _instances() -> SearchStrategy[Instance]:
    shares = st.sampled_from([0.999, 0.3, 0.01, 3.0])
    return st.builds(_hard, shares, means.adversarial(("tanh", "softplus", "sine"), (1, 3, 30)))


R7_MOVEMENT = Theorem(
    label="caron2023.r7_movement",
    title="A node moves: smooth activations",
    reference=Reference("caron2023", "Prop R7 (ii) and (iii), section 3.5; proof in section 4", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " D_j = sqrt(E |w_tj - w_0j|^2); B >= sqrt(E |r_0|^4). No time here depends on the width.",
    quantities=_SMOOTH,
    assumptions=_ASSUMED,
    claims=(
        Claim("mean", "half of what the speed at time 0 promises", Bound(HALF * sp.sqrt(node_scale), moved), _GIVEN, looseness=5.9),
        Claim("any width", "which stays, however wide the network, if gamma < 1", Bound(HALF * sp.sqrt((1 - gamma) * ideal_scale), moved), _GIVEN, looseness=23.0),
        Claim("in probability", "it happens with a chance that does not depend on the width", Bound(CHANCE, often), _GIVEN, looseness=1.8e5),
    ),
    derivations=(),
    order=("data", "labels", "weights"),
    example=make.example(lambda flags: build(flags, LAST, _SMOOTH), "n", "d", "m", "gamma", "alpha", "activation", "time", gamma=0.5, m=means.WIDTH),
    instances=_instances,
    simulate=Run,
    sabotages=(
        Claim("mean: lambda_j dropped", "as if no node were light", Bound(HALF, moved), _GIVEN, falsifies="mean"),
        Claim("any width: gamma = 1 also moves", "1 - gamma dropped", Bound(HALF * sp.sqrt(ideal_scale), moved), _GIVEN, falsifies="any width"),
        Claim("in probability: surely", "in 999 draws of 1000", Bound(sp.Rational(999, 1000), often), _GIVEN, falsifies="in probability"),
    ),
    showcase=(
        {"n": 2, "d": 2, "m": 20, "gamma": 0.5, "activation": "tanh"},
        {"data": "diabetes", "rows": 2, "columns": "bmi,bp,s5", "m": 20, "gamma": 0.3, "activation": "tanh"},
    ),
)  # fmt: skip
