"""Theorem F of chen2022 (section 4.8): a slope bounded away from 0 on the whole line. Any width, any labels.

The errata's reading (W3): every element of Clarke's derivative counts, not almost every slope.
For |u| slopes are +-1 almost everywhere, but at the kink Clarke's derivative holds 0, and the flow may stop there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb_mat, ctx
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.certify.slopes import least_slope
from theorycheck.constants import slope_bound
from theorycheck.constants_line import line_supremum
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow, horizon_of
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.spectrum import least_eigenvalue
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import Activation
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

C_2, steep_right, gap = sp.symbols("C_2 K_+ lambda_+", nonnegative=True)

#: (3.4) with ``q_a >= K^2 C_2^2``
RATE = 2 / t.n * t.lam * t.steepness**2 * C_2**2
#: (3.5): while the loss falls at a rate r, weights move by at most ``2 sqrt(L_0/r)``, ``L_0 = |zeta_0|^2/(2n)``
PATH = 2 * sp.sqrt(t.zeta_0**2 / (2 * t.n) / RATE)


@lru_cache(maxsize=256)
def least_anywhere(activation: Activation) -> float:
    """Return a number that no element of Clarke's derivative falls below in size, at no point of the line; or 0.

    That is: ``s`` or ``-s`` grows at least at that slope. With ``B = sup |s'|`` it is ``B - sup (B -+ s')``; at a kink
    both one-sided slopes count, so all of Clarke's derivative between them does. An unbounded slope gives 0.
    """
    top = slope_bound(activation)
    if not (math.isfinite(top.upper) and top.evidence["covers"] == "the real line"):
        return 0.0
    found = [0.0]
    for sign in (1, -1):
        below = line_supremum(sp.expand(sp.Rational(top.upper) - sign * activation.slope), "sup (B - s')")
        if below.evidence["covers"] == "the real line":
            found.append(math.nextafter(top.upper - below.upper, -math.inf))
    return max(found)


def _least_slope(run: Run) -> Measured:
    return Measured(least_anywhere(run.instance.activation), 0.0, rigorous=True)


def _right(run: Run) -> Measured:
    return Measured(least_slope(run.instance.activation, 0.0, math.inf), 0.0, rigorous=True)


def _mean_square(run: Run) -> Measured:
    value = float(np.sqrt(np.mean(run.instance.signs**2)))
    return Measured(value, 2.0**-50 * (8 + math.log2(run.instance.m)) * value)


@lru_cache(maxsize=64)
def _gap(data: bytes, shape: tuple[int, int]) -> Measured:
    inputs = np.frombuffer(data).reshape(shape)
    if not np.all(np.isfinite(inputs @ inputs.T)):
        return Measured(np.nan)
    with ctx.workprec(192):
        rows = arb_mat((inputs if shape[0] <= shape[1] else inputs.T).tolist())
        product = rows * rows.transpose()
        size = product.nrows()
        found = least_eigenvalue(arb_mat([[product[i, k] / shape[1] for k in range(size)] for i in range(size)]))
    return Measured.between(found.lower, found.upper, True)


def gap_of(run: Run) -> Measured:
    """Return the least eigenvalue of ``X X'/d`` or of ``X'X/d``, whichever is smaller: G's least that is not 0."""
    return _gap(run.instance.inputs.tobytes(), run.instance.inputs.shape)


#: for a sabotage: what a careless reader takes for lambda_min where there are more samples than dimensions
GAP = Quantity(gap, "least eigenvalue of G that n > d does not force to be 0", gap_of)

QUANTITIES = (
    s.SIZES[0], *(part for part in s.GEOMETRY if part.symbol == t.lam), s.RESIDUAL, s.C_HIGH, s.RATE, s.PATH, GAP,
    Quantity(t.steepness, "a number that no element of Clarke's derivative of s falls below in size", _least_slope),
    Quantity(steep_right, "the same on the right half line", _right),
    Quantity(C_2, "root mean square of the c_i", _mean_square),
)  # fmt: skip

_ASSUMED = (
    Assumption("lambda_min positive", "the inputs are linearly independent", Bound(sp.S.Zero, t.lam, strict=True)),
    Assumption("K positive", "every element of Clarke's derivative is bounded away from 0", Bound(sp.S.Zero, t.steepness, strict=True)),
    Assumption("C_2 positive", "some output weight is not 0", Bound(sp.S.Zero, C_2, strict=True)),
)  # fmt: skip
_GIVEN = tuple(part.label for part in _ASSUMED)


def _without(*labels: str) -> tuple[str, ...]:
    return tuple(label for label in _GIVEN if label not in labels)


_CLAIMS = (
    Claim("rate", "the loss decays at that rate for all time", Bound(RATE, s.rate), _GIVEN),
    Claim("path", "the root mean square movement of the weights stays below", Bound(s.moved_path, PATH), _GIVEN),
)
_SABOTAGES = (
    Claim("rate: lambda_min dropped", "as if the inputs were orthogonal", Bound(RATE / t.lam, s.rate), _GIVEN, falsifies="rate"),
    Claim("rate: K^2 dropped", "as if the slope were 1", Bound(RATE / t.steepness**2, s.rate), _GIVEN, falsifies="rate"),
    Claim("rate: largest c_i", "as if all output weights were as large", Bound(RATE * (t.c_high / C_2) ** 2, s.rate), _GIVEN, falsifies="rate"),
    Claim("rate: more samples than dimensions", "lambda_min replaced by the least eigenvalue that is not 0", Bound(RATE.subs(t.lam, gap), s.rate), _without("lambda_min positive"), falsifies="rate"),
    Claim("rate: steep on a half line", "ReLU with K = 1", Bound(RATE.subs(t.steepness, steep_right), s.rate), _without("K positive"), falsifies="rate"),
    Claim("path: half", "half the movement", Bound(s.moved_path, PATH / 2), _GIVEN, falsifies="path"),
)  # fmt: skip


# --- instances -------------------------------------------------------------------------------

#: a run lasts at most this many times ``1/top eigenvalue`` of the initial tangent Gram
LONGEST = 1e4


def briefly(instance: Instance, longest: float = LONGEST) -> float:
    """Return the horizon of a run: where the tangent Gram is singular the usual one would be endless."""
    with np.errstate(all="ignore"):
        gram = instance.start[1]
        top = float(np.linalg.eigvalsh(gram)[-1]) if np.all(np.isfinite(gram)) else math.nan
    usual = horizon_of(instance)
    return min(usual, longest / top) if top > 0 else usual


def simulate(instance: Instance) -> Run:
    """Follow the flow for that long."""
    return follow(instance, briefly(instance))


_NAMES = ("leaky_relu", "identity", "z + tanh(z)/2", "max(z, z/2)", "relu", "z + sin(z)/2", "softplus")


def uneven(instance: Instance, seed: int) -> Instance:
    """Return the instance with output weights of very different sizes."""
    sizes = np.exp(np.random.default_rng([seed, 2]).normal(size=instance.m))
    return replace(instance, signs=instance.signs * sizes, redraw=None)


def hard_direction(instance: Instance, weak: bool) -> Array:
    """Return the weakest (or strongest) direction of the tangent Gram and, of those it leaves alone, of G."""
    gram = instance.start[1]
    with np.errstate(all="ignore"):
        both = gram / max(np.trace(gram), 1e-300) + 1e-3 * instance.inputs @ instance.inputs.T / instance.d
    return np.asarray(np.linalg.eigh(np.nan_to_num(both))[1][:, 0 if weak else -1], float)


def _hard(
    kind: str, n: int, extra: int, width: int, name: str, level: float, weak: bool, same: bool, seed: int
) -> Instance:
    """Return a small network with hard inputs and labels in the weakest (or strongest) direction of its Gram."""
    d = max(1, n + extra)
    inputs = build_inputs(InputPlan(kind, n, d, seed, 1)) * math.sqrt(d)
    about = {"data": kind, "level": level, "activation": name}
    instance = s.drawn(inputs, np.zeros(n), width=width, activation=name, seed=seed, mirrored=False, description=about)
    if not same:
        instance = uneven(instance, seed)
    direction = hard_direction(instance, weak)
    return instance.with_labels(instance.labels - instance.start[0] + level * direction)


def _strategy() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["near_parallel", "gaussian", "orthogonal", "sphere", "cluster"]),
        st.sampled_from([2, 3, 1]),
        st.sampled_from([-1, 0, 2]),
        st.sampled_from([1, 2, 8, 40]),
        st.sampled_from(_NAMES),
        st.sampled_from([1.0, 0.01, 30.0]),
        st.booleans(),
        st.booleans(),
        st.integers(0, 10_000),
    )


_DEFAULTS: Mapping[str, Any] = {"activation": "z + tanh(z)/2", "m": 200}

F = Theorem(
    label="chen2022.f",
    title="Mean-field networks with a slope bounded away from 0: any width, any labels",
    reference=Reference("chen2022", "Theorem F, section 4.8 and errata W3", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION,
    quantities=QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, rate=2.5, path=1.7),
    derivations=(),
    order=("data", "weights", "labels"),
    example=s.example(s.build, "n", "d", "m", "activation", "kappa", "nu", "mirrored", **_DEFAULTS),
    instances=_strategy,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 3, "d": 6, "m": 200, "activation": "z + tanh(z)/2"},
        {"n": 3, "d": 6, "m": 100, "activation": "max(z, z/2)"},
        {"data": "breast_cancer", "rows": 3, "m": 200, "activation": "z + tanh(z)/2"},
    ),
)
