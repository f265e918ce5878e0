"""Theorem D of chen2022 (section 4.6, errata W4): orthogonal inputs need no condition on labels or scale.

The samples decouple, so every residual keeps its sign, and a neuron beyond ``b`` whose output weight has the right
sign is pushed further out for ever. Width: Chernoff's bound at a half, over both signs and all samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb_mat, ctx
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.certify.slopes import least_slope
from theorycheck.data import BadInput
from theorycheck.enclose import ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.tails import EPSILON
from theorycheck.theorems._data import SYNTHETIC, data_of, keyword_example
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep_everywhere import briefly

b = sp.Symbol("b", real=True)
nu, delta = sp.symbols("nu delta", positive=True)
off, slowest = sp.symbols("G_off rho_t", nonnegative=True)


def beyond(variance: sp.Expr) -> sp.Expr:
    """Return ``P(N(0, nu^2 variance) > b)``."""
    return sp.erfc(b / (nu * sp.sqrt(2 * variance))) / 2


#: monotone in the variance, so the least over the samples is at an end
P_B = sp.Min(beyond(s.G_min), beyond(t.G_max))
#: the right sign halves the chance of a neuron, and so many of their mean number are kept
_SHARE = P_B / 2
_KEPT = 1 - EPSILON
#: multiplicative Chernoff: P(fewer than ``(1 - eps)`` of the mean) <= exp(-eps^2/2 mean); mean m _SHARE
_EXPONENT = EPSILON**2 / 2 * _SHARE
_HALF = {EPSILON: sp.Rational(1, 2)}
#: two signs and n samples: ``2 n exp(-m _EXPONENT) <= delta``, solved for m
WIDTH = (sp.log(2 * t.n / delta) / _EXPONENT).subs(_HALF)
#: ``zeta_a' = -(G_aa/n) q_a zeta_a`` with ``q_a >= c_lo^2 K^2 (1 - eps) p_b/2``
PER_SAMPLE = (t.c_low**2 * t.steepness**2 * _KEPT * _SHARE / t.n).subs(_HALF)
RATE = 2 * s.G_min * PER_SAMPLE


# --- measures ----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _off(data: bytes, shape: tuple[int, int]) -> Measured:
    inputs = np.frombuffer(data).reshape(shape)
    if not np.all(np.isfinite(inputs @ inputs.T)):
        return Measured(np.nan)
    with ctx.workprec(192):
        rows = arb_mat(inputs.tolist())
        product = rows * rows.transpose()
        found = [ends(abs(product[i, k]) / shape[1]) for i in range(shape[0]) for k in range(i)] or [(0.0, 0.0)]
    return Measured.between(max(low for low, _ in found), max(high for _, high in found), True)


def off_diagonal(run: Run) -> Measured:
    """Return the largest ``|G_ab|`` with ``a != b``; exactly 0 for rows that share no column."""
    return _off(run.instance.inputs.tobytes(), run.instance.inputs.shape)


def _steepness(run: Run) -> Measured:
    value = least_slope(run.instance.activation, float(run.instance.parameters["b"]), math.inf)
    return Measured(value, 0.0, rigorous=True)


def _least_weight(run: Run) -> Measured:
    return Measured(float(np.abs(run.instance.signs).min()), 0.0, rigorous=True)


def slowest_sample(run: Run) -> Measured:
    """Return ``min_a log(|zeta_a(0)|/|zeta_a(t)|)/(t G_aa)``, its least value over each interval of saved times.

    Samples that start at 0 are left out: they stay there. For orthogonal inputs each sample falls at its own diagonal
    entry of the tangent Gram, at least at its least eigenvalue. Other inputs: at saved times alone, and one unknown
    entry for what lies between. No sample falls faster than ``sup s'^2 C_2^2 G_aa/n``.
    """
    path = run.trajectory
    if path is None:
        raise NoTrajectory("the decay of a sample belongs to a flow: simulate the instance first")
    instance = run.instance
    moving = path.residual[0] != 0
    diagonal = np.sum(instance.inputs**2, axis=1)[moving] / instance.d
    if not moving.any() or not np.all(diagonal > 0):
        return Measured(np.full(len(path.times) - 1, np.inf if not moving.any() else np.nan))
    slope = measure.slope_supremum(run)
    fastest = float(slope.value + slope.error) ** 2 * float(np.mean(instance.signs**2)) / instance.n * (1 + 1e-12)
    size, doubt, times = np.abs(path.residual[:, moving]), path.residual_error[:, None], path.times[1:, None]
    with np.errstate(all="ignore"):
        top = np.log(np.maximum(size[0] - doubt[0], 0.0)) - np.log(size + doubt)  # how far it has surely fallen
        most = np.log(size[0] + doubt[0]) - np.log(np.maximum(size - doubt, 0.0))
        at_end = np.minimum(most[1:] / (times * diagonal), fastest)
        least = path.least[1:, :1] / diagonal
        before = path.times[:-1, None]
        low_start = np.where(before > 0, top[:-1] / (np.where(before > 0, before, 1.0) * diagonal), least)
        low_end = (top[:-1] + path.least[1:, :1] * (times - before)) / (times * diagonal)
        low = np.asarray(np.minimum(low_start, low_end), float)
    if off_diagonal(run).value != 0:
        low = np.minimum(top[1:] / (times * diagonal), at_end)
    low, high = low.min(axis=1), np.maximum(at_end, low).min(axis=1)
    bad = ~(np.isfinite(low) & np.isfinite(high))
    found = Measured.between(np.where(bad, 0.0, low), np.where(bad, 0.0, high))
    value, error = np.where(bad, np.nan, found.value), found.error
    if off_diagonal(run).value != 0:
        value, error = np.append(value, np.nan), np.append(error, np.inf)
    return Measured(value, error)


QUANTITIES = (
    *s.SIZES, *(part for part in s.GEOMETRY if part.symbol in (t.G_max, s.G_min)), s.RATE,
    Quantity(off, "largest entry of G off its diagonal, in size", off_diagonal),
    Quantity(b, "where the half line begins on which the slope is steep", measure.parameter("b")),
    Quantity(nu, "standard deviation of the initial weights", measure.parameter("nu")),
    Quantity(delta, "allowed probability of failure", measure.parameter("delta")),
    Quantity(t.c_low, "least |c_i|", _least_weight),
    Quantity(t.steepness, "a number that |s'| does not fall below beyond b", _steepness),
    Quantity(slowest, "min_a log(|zeta_a(0)|/|zeta_a(t)|)/(t G_aa) over the a with zeta_a(0) != 0", slowest_sample),
)  # fmt: skip

_ASSUMED = (
    Assumption("orthogonal", "G is diagonal", Bound(off, sp.S.Zero)),
    Assumption("G_min positive", "no input is 0", Bound(sp.S.Zero, s.G_min, strict=True)),
    Assumption("K positive", "the slope is bounded away from 0 beyond b", Bound(sp.S.Zero, t.steepness, strict=True)),
    Assumption("delta below 1", "delta lies strictly between 0 and 1", Bound(sp.S.Zero, delta * (1 - delta), strict=True)),
    Assumption("width", "the network is wide enough: m >= (16/p_b) log(2n/delta)", Bound(WIDTH, s.m)),
)  # fmt: skip
_GIVEN = tuple(part.label for part in _ASSUMED)


def _without(label: str) -> tuple[str, ...]:
    return tuple(name for name in _GIVEN if name != label)


_CLAIMS = (
    Claim("rate", "the loss decays at that rate for all time", Bound(RATE, s.rate), _GIVEN, 1 - delta),
    Claim("per sample", "each residual decays at G_aa K^2 p_b/(4n)", Bound(PER_SAMPLE, slowest), _GIVEN, 1 - delta),
)
#: sabotages promise this only, so that a few draws that all miss refute them
_LOW = sp.Rational(1, 2)


def _false(of: str, what: str, says: str, bound: Bound, given: tuple[str, ...] = _GIVEN) -> Claim:
    return Claim(f"{of}: {what}", says, bound, given, _LOW, falsifies=of)


_SABOTAGES = (
    _false("rate", "K^2 dropped", "as if the slope were 1 beyond b", Bound(RATE / t.steepness**2, s.rate)),
    _false("rate", "p_b dropped", "as if all neurons were beyond b", Bound(RATE / P_B, s.rate)),
    _false("rate", "any width", "one neuron will do", Bound(RATE, s.rate), _without("width")),
    _false("rate", "any inputs", "orthogonality dropped", Bound(RATE, s.rate), _without("orthogonal")),
    _false("per sample", "p_b dropped", "as if all neurons were beyond b", Bound(PER_SAMPLE / P_B, slowest)),
    _false("per sample", "any inputs", "orthogonality dropped", Bound(PER_SAMPLE, slowest), _without("orthogonal")),
)


# --- instances -------------------------------------------------------------------------------

_OWN = ("n", "d", "m", "activation", "kappa", "nu", "mirrored")
_DEFAULTS: Mapping[str, Any] = {"activation": "relu", "mirrored": False, "data": "orthogonal"}
_HALF_LINE = {
    "b": (Annotated[float, "where the half line begins on which the slope is steep"], 0.0),
    "delta": (Annotated[float, "allowed probability of failure, in (0, 1)"], 0.5),
    "orthogonalise": (Annotated[bool, "give each column of a data set to the row where it is largest"], False),
}


def disjoint(inputs: np.ndarray) -> np.ndarray:
    """Return the rows, each with the columns alone in which it is the largest: exactly orthogonal, in doubles too.

    The orthogonal factor of a QR decomposition is orthogonal up to rounding only, which is not what the theorem asks.
    """
    kept = np.argmax(np.abs(inputs), axis=0)
    return np.where(kept == np.arange(len(inputs))[:, None], inputs, 0.0)


def _instance(inputs: np.ndarray, labels: np.ndarray, *, b: float, delta: float, nu: float, **more: Any) -> Instance:
    if not 0 < delta < 1:
        raise BadInput(f"--delta must lie in (0, 1), not {delta:g}: it is the allowed probability of failure")
    if not math.isfinite(b):
        raise BadInput(f"--b must be a finite number, not {b:g}")
    root = math.sqrt(inputs.shape[1])
    return s.drawn(inputs * root, labels, nu=nu, parameters={"b": b, "delta": delta, "nu": nu}, **more)


def _build(flags: dict[str, Any]) -> Instance:
    inputs, labels, notes = data_of(dict(flags))
    if flags["orthogonalise"]:
        if flags["data"] in SYNTHETIC:
            raise BadInput("--orthogonalise is about a data set: take --data orthogonal, or name a set or a file")
        inputs = disjoint(inputs)
        notes = (*notes, "every column given to the row where it is largest and 0 in the others: orthogonal rows")
    return _instance(
        inputs, labels, b=flags["b"], delta=flags["delta"], nu=flags["nu"], width=int(flags["m"]),
        activation=flags["activation"], kappa=flags["kappa"], mirrored=flags["mirrored"], seed=flags["seed"],
        description={"data": flags["data"], "flags": dict(flags)},
        notes=(*notes, "inputs multiplied by sqrt d: unit rows give G a unit diagonal"),
    )  # fmt: skip


#: activation, b: the steep softplus has its bend at 1.25, beyond most neurons
_HALF_LINES = (
    ("relu", 0.0), ("softplus(8*z - 10)/8", -0.5), ("softplus(8*z - 10)/8", 1.5), ("softplus", 0.0), ("gelu", 0.0),
)  # fmt: skip


def _hard(
    kind: str, n: int, own: bool, half_line: tuple[str, float], size: float, chance: float, spread: float,
    mirrored: bool, seed: int,
) -> Instance:  # fmt: skip
    """Return one neuron, or the theorem's own width up to 400; labels of both signs, or in the weak direction."""
    width = 1
    inputs = np.eye(n)[::-1] if kind == "equal" else np.diag(0.5 ** np.arange(n))
    labels = 1.0 - 2.0 * (np.arange(n) % 2)
    if kind == "near_parallel":
        inputs = build_inputs(InputPlan(kind, n, n, seed, 2))
        labels = np.linalg.eigh(inputs @ inputs.T)[1][:, 0]
    if own:
        variances = np.sum(inputs**2, axis=1)
        asked = {t.n: n, b: half_line[1], nu: spread, delta: chance, s.G_min: variances.min(), t.G_max: variances.max()}
        width = 2 * math.ceil(min(float(WIDTH.subs(asked)), 400.0) / 2)
    about = {"data": kind, "size": size, "activation": half_line[0], "b": half_line[1]}
    return _instance(
        inputs, size * labels, b=half_line[1], delta=chance, nu=spread, width=width, activation=half_line[0],
        seed=seed, mirrored=mirrored and own, description=about,
    )  # fmt: skip


def simulate(instance: Instance) -> Run:
    """Follow the flow for a while: a claim with a probability needs many runs."""
    return follow(instance, briefly(instance, 300.0), count=40, tolerance=1e-6)


def _strategy() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["equal", "uneven", "near_parallel"]),
        st.sampled_from([2, 1]),
        st.sampled_from([False, True, True]),
        st.sampled_from(_HALF_LINES),
        st.sampled_from([1.0, 0.01]),
        st.sampled_from([0.9, 0.5]),
        st.sampled_from([1.0, 2.0]),
        st.booleans(),
        st.integers(0, 10_000),
    )


_TABLE = {key: s.FLAGS[key] for key in _OWN} | _HALF_LINE | dict(s.DATA)

D = Theorem(
    label="chen2022.d",
    title="Mean-field networks on orthogonal inputs: any labels, any scale",
    reference=Reference("chen2022", "Theorem D, section 4.6 and errata W4", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION,
    quantities=QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, rate=1.8, per_sample=1.8),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(
        _build, {key: (said, _DEFAULTS.get(key, value)) for key, (said, value) in _TABLE.items()}, Instance
    ),
    instances=_strategy,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 3, "d": 3, "m": 100, "activation": "relu", "label": 3.0},
        {"n": 2, "d": 3, "m": 100, "activation": "softplus", "label": 3.0},
        {"data": "digits", "rows": 3, "orthogonalise": True, "m": 100, "activation": "relu"},
    ),
)
