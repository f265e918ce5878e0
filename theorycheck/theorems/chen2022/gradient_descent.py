"""Gradient descent on mean-field networks with an explicit step size (chen2022, section 4.12).

``w_i <- w_i - s m dL/dw_i`` for smooth activations: the residual contracts by ``1 - s lK/(2n)`` a
step, with theorem A's ``lK = lam c_lo^2 K^2 p_hat``, and no preactivation moves further than eta.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import descend
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.chen2022 import measures, steep
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

STEPS = 80

step = sp.Symbol("s", positive=True)
curvature = sp.Symbol("S_2", nonnegative=True)
second, third = sp.symbols("C_2^2 C_3", nonnegative=True)
fallen = sp.Symbol("rho_k", real=True)

#: half of what the flow would take off the residual in a step
_SHRINK = step * t.HELD / (2 * t.n)
CONTRACTION = -2 * sp.log(1 - _SHRINK)
#: the whole path, a geometric series, is at most eta
LABELS = t.ALLOWED_A / 2
#: (I - (s/n) K) is a contraction; the remainder of second order eats half of it at most
STABLE = t.n / (s.Lam * t.slope**2 * second)
TAYLOR = t.HELD * sp.sqrt(t.n) / (curvature * third * t.slope**2 * t.g**2 * t.zeta_0)


def _moved(run: Run) -> Measured:
    """Return the largest movement of a preactivation at the end of the descent."""
    instance = run.instance
    shift = instance.inner * instance.inputs @ (measure.descended(run).network.weights - instance.weights).T
    lost = instance.inner * float(np.linalg.norm(instance.inputs, axis=1).max()) * measures.difference_error(instance)
    return Measured(float(np.abs(shift).max()), 1e-11 * float(np.abs(shift).max()) + lost + 1e-300)


def _mean_power(power: int) -> measure.Measure:
    def read(run: Run) -> Measured:
        return measure.rounded(float(np.mean(np.abs(run.instance.signs) ** power)), run.instance.m)

    return read


QUANTITIES = (
    *s.SIZES[:1],
    *(part for part in s.GEOMETRY if part.symbol in (t.lam, t.g, s.Lam)),
    *s.STEEP, s.RESIDUAL, s.SLOPE, s.C_HIGH,
    Quantity(step, "step size", measure.parameter("step")),
    Quantity(curvature, "sup |s''|", measure.curvature_supremum),
    Quantity(second, "mean of c_i^2", _mean_power(2)),
    Quantity(third, "mean of |c_i|^3", _mean_power(3)),
    Quantity(fallen, "log(L_0/L_k)/k", measure.fallen_per_step),
    Quantity(s.moved, "largest movement of a preactivation at the last step", _moved),
)  # fmt: skip

_POSITIVE = tuple(part for part in steep.A.assumptions if part.label not in ("test",))
_ASSUMED = (
    *_POSITIVE,
    Assumption("labels", "the labels are near enough to the initial output", Bound(t.zeta_0, LABELS)),
    Assumption("stable step", "the step is stable for the linear part", Bound(step, STABLE)),
    Assumption("curvature step", "the remainder of second order is small", Bound(step, TAYLOR)),
)
_GIVEN = tuple(part.label for part in _ASSUMED)


def without(*names: str) -> tuple[str, ...]:
    """Return the premises but those named."""
    return tuple(name for name in _GIVEN if name not in names)


_OWN = ("n", "d", "m", "activation", "kappa", "nu", "mirrored", "level")
_STEP: Mapping[str, tuple[Any, Any]] = {"step": (Annotated[float, "share of the largest step that is allowed"], 0.999)}


def placed(instance: Instance, level: float, share: float, interval: tuple[float, float, float]) -> Instance:
    """Return the instance with its interval, labels at ``level`` of what is allowed and a step at ``share`` of it."""
    # theorem A allows twice the labels
    instance = steep.placed(instance, level / 2, interval, b=False)
    run = Run(instance)
    known = {part.symbol: part.measure(run) for part in QUANTITIES if part.symbol in (STABLE * TAYLOR).free_symbols}
    values = {symbol: float(found.value) for symbol, found in known.items()}
    most = [
        float(expr.subs(values)) if np.all(np.isfinite(list(values.values()))) else 0.0 for expr in (STABLE, TAYLOR)
    ]
    allowed = min((one for one in most if one > 0 and math.isfinite(one)), default=1.0)
    return with_parameters(instance, step=share * allowed)


def _build(flags: dict[str, Any]) -> Instance:
    for name in ("level", "step"):
        s.not_negative(flags, name, "it is a share of what is allowed")
    return placed(s.build(flags), flags["level"], flags["step"] or 0.999, s.interval_of(flags))


def _hard(
    kind: str, n: int, extra: int, width: int, name: str, preset: int, level: float, share: float, weak: bool, seed: int
) -> Instance:
    base = steep.hard(kind, n, extra, width, name, preset, 0.0, weak, seed, 1.0, b=False)
    with np.errstate(all="ignore"):
        interval = tuple(base.parameters[key] for key in ("low", "high", "eta"))
        return placed(base, level, share, (interval[0], interval[1], interval[2]))


def _strategy() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "near_parallel", "sphere", "cluster"]),
        st.integers(1, 3),
        st.integers(0, 2),
        st.sampled_from([2, 8, 40, 200]),
        st.sampled_from(["tanh", "softplus", "sigmoid", "gelu", "erf", "silu"]),
        st.integers(0, 4),
        st.sampled_from([0.999, 0.5, 200.0]),
        st.sampled_from([0.999, 0.5, 30.0, 3.0]),
        st.booleans(),
        st.integers(0, 10_000),
    )


def simulate(instance: Instance) -> Run:
    """Descend for :data:`STEPS` steps."""
    found = descend(instance, step=instance.parameters["step"], steps=STEPS, record=range(STEPS + 1))
    return Run(instance, notes=(found.note,) if found.note else (), descent=found)


_FAST = {"n": 3, "d": 6, "m": 400, "activation": "tanh", "level": 0.999}

DESCENT = Theorem(
    label="chen2022.descent",
    title="Gradient descent on mean-field networks, with an explicit step size",
    reference=Reference("chen2022", "section 4.12", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " A step is w_i <- w_i - s m dL/dw_i.",
    quantities=QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(
        (
            Claim("contraction", "each step takes that share off the loss", Bound(CONTRACTION, fallen), _GIVEN),
            Claim("window", "no preactivation moves further than eta", Bound(s.moved, t.eta), _GIVEN),
        ),
        contraction=14.9, window=31.0,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**{key: s.FLAGS[key] for key in _OWN}, **_STEP, **steep.INTERVAL, **s.DATA}, Instance),
    instances=_strategy,
    simulate=simulate,
    sabotages=(
        Claim("contraction: lambda_min dropped", "as if the inputs were orthogonal", Bound(CONTRACTION / t.lam, fallen), _GIVEN, falsifies="contraction"),
        Claim("contraction: K^2 dropped", "as if the slope were 1", Bound(CONTRACTION / t.steepness**2, fallen), _GIVEN, falsifies="contraction"),
        Claim("contraction: any step", "every step size contracts", Bound(CONTRACTION, fallen), without("stable step", "curvature step"), falsifies="contraction"),
        Claim("window: a thousandth", "almost no movement", Bound(s.moved, t.eta / 1000), _GIVEN, falsifies="window"),
    ),
    showcase=(_FAST, {"data": "breast_cancer", "rows": 6, "m": 200, "activation": "softplus", "level": 0.999}),
)  # fmt: skip
