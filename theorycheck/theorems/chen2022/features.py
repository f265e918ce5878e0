"""The least eigenvalue of frozen random features (section 4.11 (a), (b), (d), errata W7, I4).

Given the layer below, ``Ghat = (1/M) sum_j v_j v_j'`` with independent ``v_j = s(u_j)``, ``u_j ~ N(0, S)`` in R^n. The
matrix Chernoff bound (Tropp 2012) keeps ``1 - eps`` of the least eigenvalue ``mu`` of the mean, except with
probability ``n exp(-eps^2 M mu/(2R))`` where ``|v_j|^2 <= R``.

*bounded*: ``R = n B^2``, half is kept. *relu*: ``v_j`` is cut off beyond ``R = 4F/lam``, which costs at most
``F/R = lam/4`` of the mean, ``F = E|v|^4``; of the rest two thirds are kept. From ``|s(u)|^2 + |s(-u)|^2 = |u|^2`` and
``u ~ -u``: ``F <= E|u|^4/2 <= 3T^2/2`` with ``T = tr S``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.constants import hermite_coefficients_certified, value_bound
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import Activation
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.tails import EPSILON
from theorycheck.theorems._data import DATA, data_of, keyword_example
from theorycheck.theorems.chen2022 import frozen as f
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.random_init import by_number

hidden, size, trace = sp.symbols("M_phi B T", positive=True)
limit, limit_unit = sp.symbols("lambda_inf lambda_unit", real=True)
bounded, is_relu = sp.symbols("bounded relu", nonnegative=True)
cosine = sp.Symbol("rho", nonnegative=True)
#: how many Hermite coefficients the bound (d) uses
TERMS = 8
HERMITE = sp.symbols(f"a_0:{TERMS}", real=True)


def matrix_width(lost: sp.Expr, mean: sp.Expr, largest: sp.Expr) -> sp.Expr:
    """Return the width at which the matrix Chernoff bound loses a share ``lost``: ``n exp(-M lost^2 mean/(2 largest)) <= delta``."""
    return sp.log(t.n / o.delta) * largest / (EPSILON**2 / 2 * mean).subs(EPSILON, lost)


#: what is kept of the least eigenvalue of the mean
KEPT = limit / 2
WIDTH_BOUNDED = matrix_width(sp.Rational(1, 2), limit, t.n * size**2)
_FOURTH = 3 * trace**2 / 2
_CUT = limit / 4
WIDTH_RELU = matrix_width(sp.Rational(1, 3), limit - _CUT, _FOURTH / _CUT)


def hermite_bound(coefficients: tuple[sp.Expr, ...]) -> sp.Expr:
    """Return ``sum_k a_k^2 max(0, 1 - (n-1) rho^k)`` over the first coefficients (d); for k = 0 the cosine counts as 1.

    Hadamard powers of a correlation matrix are positive semidefinite (Schur), hence the clip (errata W7), and
    diagonally dominant where ``(n-1) rho^k < 1``.
    """
    first = coefficients[0] ** 2 * sp.Max(0, 2 - t.n)
    return sum((a**2 * sp.Max(0, 1 - (t.n - 1) * cosine**k) for k, a in enumerate(coefficients) if k), first)


FROM_HERMITE = hermite_bound(HERMITE)


# --- measures ----------------------------------------------------------------------------------


@cache
def _hermite(activation: Activation) -> tuple[Measured, ...]:
    try:
        found = hermite_coefficients_certified(activation.expr, 1, TERMS)
    except ValueError:  # no certified quadrature for this activation: unknown, and said so
        return (Measured(np.nan),) * TERMS
    return tuple(Measured.between(part.lower, part.upper, rigorous=True) for part in found)


def _coefficient(k: int, run: Run) -> Measured:
    return _hermite(f.last_activation(run))[k]


def largest_value(run: Run) -> Measured:
    """Return ``B = sup |s|`` of the last frozen layer, infinite where there is none."""
    return measure.supremum_of(value_bound(f.last_activation(run)))


def _is_bounded(run: Run) -> Measured:
    return Measured(float(np.isfinite(largest_value(run).value)), 0.0, rigorous=True)


def _is_relu(run: Run) -> Measured:
    return Measured(float(f.last_activation(run).leak == 0.0), 0.0, rigorous=True)


def _least_unit(run: Run) -> Measured:
    return f.least_of_mean(f.below(run), f.last_activation(run), unit=True)


LIMIT = Quantity(limit, "least eigenvalue of the mean Gram of the last frozen layer, given those below", f.least_limit)
SIZE = Quantity(size, "sup |s| of the frozen activation", largest_value)
HIDDEN = Quantity(
    hidden, "number of neurons of the last frozen layer", lambda run: Measured(run.instance.parameters["hidden"])
)
BOUNDED = Quantity(bounded, "1 if the frozen activation is bounded, else 0", _is_bounded)
_QUANTITIES = (
    s.SIZES[0], o.DELTA, LIMIT, SIZE, HIDDEN, BOUNDED, s.GEOMETRY[0],
    Quantity(is_relu, "1 if the frozen activation is ReLU, else 0", _is_relu),
    Quantity(trace, "trace of the Gram that the last frozen layer is drawn on", f.trace),
    Quantity(cosine, "largest |cos| between two samples below the last frozen layer", f.largest_cosine),
    Quantity(limit_unit, "lambda_inf of the samples divided by their norms", _least_unit),
    *(Quantity(a, f"Hermite coefficient {k} of the frozen activation", partial(_coefficient, k)) for k, a in enumerate(HERMITE)),
)  # fmt: skip

IS_BOUNDED = Assumption("bounded", "the frozen activation is bounded", Bound(sp.S.One, bounded))
LIMIT_POSITIVE = Assumption("lambda_inf positive", "the mean Gram of the features is positive definite", Bound(sp.S.Zero, limit, strict=True))  # fmt: skip
WIDE = Assumption("frozen width", "the last frozen layer is wide enough", Bound(WIDTH_BOUNDED, hidden))
_ASSUMED = (
    o.IS_DELTA, IS_BOUNDED, LIMIT_POSITIVE, WIDE,
    Assumption("relu", "the frozen activation is ReLU", Bound(sp.S.One, is_relu)),
    Assumption("frozen width (relu)", "the last frozen layer is wide enough", Bound(WIDTH_RELU, hidden)),
)  # fmt: skip
_ANY = (o.IS_DELTA.label, LIMIT_POSITIVE.label)
_SURE = 1 - o.delta
_HELD = Bound(KEPT, t.lam)
_CLAIMS = (
    Claim("bounded", "half of lambda_inf is kept, for any dimension of the data", _HELD, (*_ANY, "bounded", "frozen width"), _SURE),
    Claim("relu", "the same for ReLU features", _HELD, (*_ANY, "relu", "frozen width (relu)"), _SURE),
    Claim("hermite", "lambda_inf of unit samples, from Hermite coefficients and the largest cosine", Bound(FROM_HERMITE, limit_unit), ()),
)  # fmt: skip
#: sabotages promise this only, so that few draws refute them
_LOW = sp.Rational(1, 2)
_WHOLE = Bound(2 * KEPT, t.lam)
_SABOTAGES = (
    Claim("bounded: any width", "however few frozen neurons", _HELD, (*_ANY, "bounded"), _LOW, falsifies="bounded"),
    Claim("bounded: all of it", "nothing of lambda_inf is lost", _WHOLE, (*_ANY, "bounded", "frozen width"), sp.Rational(99, 100), falsifies="bounded"),
    Claim("relu: any width", "however few frozen neurons", _HELD, (*_ANY, "relu"), _LOW, falsifies="relu"),
    Claim("hermite: n - 1 dropped", "as if there were two samples", Bound(FROM_HERMITE.subs(t.n, 2), limit_unit), (), falsifies="hermite"),
    Claim("hermite: not squared", "|a_k| for a_k^2", Bound(sum((sp.Abs(a) * sp.Max(0, 1 - (t.n - 1) * cosine**k) for k, a in enumerate(HERMITE) if k), sp.S.Zero), limit_unit), (), falsifies="hermite"),
)  # fmt: skip


# --- instances -------------------------------------------------------------------------------

FROZEN: Mapping[str, tuple[Any, Any]] = {
    "frozen": (Annotated[str, "activation of the frozen layers"], "erf"),
    "layers": (Annotated[int, "layers in all, of which the last but one is trained; at least 3"], 3),
    "hidden": (Annotated[int, "neurons of each frozen layer; 0 for the theorem's own width"], 0),
    "delta": (Annotated[float, "allowed probability of failure"], 0.25),
}


def own_hidden(features: Array, activation: Activation, failure: float) -> int:
    """Return the width that the theorem asks for a frozen layer on these features; 2 where it asks for none it can name."""
    found = f.least_of_mean(features, activation)
    values: dict[sp.Symbol, float] = {
        t.n: len(features), o.delta: failure, limit: float(found.value - found.error), trace: float(np.sum(features**2)),
        size: float(value_bound(activation).upper),
    }  # fmt: skip
    if not values[limit] > 0:
        return 2
    expr = WIDTH_RELU if activation.leak == 0.0 else WIDTH_BOUNDED
    wanted = float(expr.subs(values)) * (1 + 1e-9)
    return max(1, math.ceil(wanted)) if wanted < 2.0**40 else 2


def stack_of(inputs: Array, flags: Mapping[str, Any]) -> tuple[tuple[Array, ...], int]:
    """Return the features below the last frozen layer, data first, and that layer's width.

    Raises
    ------
    BadInput
        If ``--layers`` or ``--hidden`` or ``--delta`` is out of range, or a layer does not fit in memory.
    """
    if flags["layers"] < 3:
        raise BadInput(f"--layers must be at least 3, not {flags['layers']}: frozen, trained and output layer")
    if flags["hidden"] < 0:
        raise BadInput(f"--hidden must be at least 1, or 0 for the theorem's own, not {flags['hidden']}")
    if not 0 < flags["delta"] < 1:
        raise BadInput(f"--delta must lie in (0, 1), not {flags['delta']:g}: it is a probability")
    activation = read_activation(flags["frozen"])
    stack: tuple[Array, ...] = (inputs,)
    for number in range(1, flags["layers"] - 2):
        width = flags["hidden"] or own_hidden(stack[-1], activation, flags["delta"])
        stack = (*stack, f.layer(stack[-1], activation, width, (flags["seed"], number)))
    return stack, flags["hidden"] or own_hidden(stack[-1], activation, flags["delta"])


def _build(flags: dict[str, Any]) -> Instance:
    inputs, labels, notes = data_of({**flags, "m": 2})
    stack, width = stack_of(inputs, flags)
    return _drawn(stack, labels, flags["frozen"], width, flags["seed"], flags["delta"], {"data": flags["data"]}, notes)


def _drawn(
    stack: tuple[Array, ...], labels: Array, name: str, width: int, seed: int, failure: float,
    about: Mapping[str, Any], notes: tuple[str, ...] = (),
) -> Instance:  # fmt: skip
    def top(inputs: Array, draw: int) -> Instance:
        made = s.drawn(
            inputs, labels, width=2, draw=draw, activation="tanh", parameters={"delta": failure}, notes=notes
        )
        # two neurons stand above the features; the statement is not about them
        return replace(made, description={**about, "n": len(inputs), "seed": seed})

    return f.deep(top, stack, name, width, seed)


def _hard(kind: str, n: int, d: int, name: str, width: int, layers: int, failure: float, seed: int) -> Instance:
    inputs = build_inputs(InputPlan(kind, n, d, seed, 1))
    flags = {"layers": layers, "hidden": 40 if layers > 3 else 0, "delta": failure, "frozen": name, "seed": seed}
    with np.errstate(all="ignore"):
        stack, own = stack_of(inputs, flags)
        # an instance at its own width may need a million neurons: fewer are a premise that fails
        return _drawn(stack, np.zeros(n), name, width or min(own, 40_000), seed, failure, {"data": kind, "d": d})


#: inputs, n, d, activation, width (0: the theorem's own), layers, delta: both kinds of width, at their own and below
_CASES = (
    ("orthogonal", 2, 3, "relu", 0, 3, 0.5), ("orthogonal", 2, 3, "relu", 0, 3, 0.9), ("orthogonal", 2, 2, "relu", 1, 3, 0.5),
    ("sphere", 3, 2, "sin(3*z)", 0, 3, 0.9), ("near_parallel", 3, 2, "erf", 1, 3, 0.5), ("sphere", 3, 2, "erf", 0, 3, 0.9),
)  # fmt: skip


def _strategy() -> SearchStrategy[Instance]:
    """Fewer dimensions than samples, samples that are almost parallel, the theorem's own width and far fewer neurons."""
    return by_number(
        _numbered, _CASES, ("sphere", "orthogonal", "near_parallel", "gaussian"),
        (3, 2, 5), (2, 3, 8), ("erf", "relu", "sine", "sin(3*z)", "tanh"), (0, 1, 3), (3, 4), (0.9, 0.5),
    )  # fmt: skip


def _numbered(case: tuple[str, int, int, str, int, int, float], weak: bool, seed: int) -> Instance:
    return _hard(*case, seed=seed % 10_000)


FEATURES = Theorem(
    label="chen2022.features",
    title="Frozen random features are linearly independent, whatever the dimension of the data",
    reference=Reference("chen2022", "section 4.11 (a), (b), (d), errata W7 and I4", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation="n samples, M_phi neurons in the last frozen layer, s its activation; Ghat: Gram of its features, lambda_min its least eigenvalue. "
    "lambda_inf: least eigenvalue of E[s(u) s(u)'], u ~ N(0, S), S the Gram of what that layer is drawn on.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, bounded=1.7, relu=2.0, hermite=2.6),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(_build, {**{key: s.FLAGS[key] for key in ("n", "d")}, **FROZEN, **DATA}, Instance),
    instances=_strategy,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 4, "d": 3},
        {"n": 3, "d": 2, "frozen": "relu"},
        {"n": 4, "d": 3, "frozen": "sin(3*z)", "layers": 4},
        {"data": "iris", "rows": 6, "frozen": "sin(3*z)"},
        {"data": "digits", "rows": 4, "frozen": "relu"},
        {"data": "breast_cancer", "rows": 4},
    ),
)  # fmt: skip
