"""Prop R4 (caron2023, section 3.1): the tangent Gram at time 0, its variance and its limit.

Means over the weights are measured by drawing them many times; the error is an interval of
five standard errors of the mean, an estimate. An identity between means can be confirmed only
to a resolution epsilon, so (i) is stated as two inequalities that it implies.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.special import zeta

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans
from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run, suprema
from theorycheck.grams import Array, dual_matrix, limit_gram
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.means import mean, mean_of_squares, saturated
from theorycheck.theorems.caron2023.setting import Lambda_2, d, gamma, kappa, m, n

epsilon = sp.Symbol("epsilon", positive=True)
slope = sp.Symbol("sigma_1", nonnegative=True)
C_0 = sp.Symbol("C_0", nonnegative=True)
deviation = sp.Symbol("V_m", nonnegative=True)
coupling, tail = sp.symbols("Q_m tau_m", nonnegative=True)
limit_least = sp.Symbol("ell_infty", real=True)

#: most pre-activations drawn for one mean
EFFORT = 4_000_000
#: nodes of the infinite network that are drawn; the rest is replaced by its mean
_NODES = 3000


def slope_draws(instance: Instance, nodes: int, effort: int = EFFORT) -> Iterator[Array]:
    """Yield slopes ``(draws, n, nodes)`` of fresh nodes, in chunks that fit in memory."""
    slope = compile_block((Z,), instance.activation.slope)
    total = int(np.clip(effort // (nodes * instance.n), 40, 20_000))
    chunk = max(1, EFFORT // 8 // (nodes * max(instance.n, instance.d)))
    generator = np.random.default_rng([int(instance.description.get("seed", 0)), 4])
    for start in range(0, total, chunk):
        weights = generator.standard_normal((min(chunk, total - start), nodes, instance.d))
        yield slope(instance.inner * np.swapaxes(weights @ instance.inputs.T, 1, 2))


def input_product(instance: Instance) -> Array:
    """Return ``X X'/d``."""
    return instance.inner**2 * (instance.inputs @ instance.inputs.T)


@lru_cache(maxsize=8)
def variance_at_start(instance: Instance, effort: int = EFFORT) -> Measured:
    """Return E |Theta_m - Theta*|_F^2 over draws of the weights."""
    if saturated(instance) or not np.isfinite(suprema(instance.activation)[0].value):
        return Measured(np.nan)  # a mean of unbounded samples has no error that could be trusted
    centre = limit_gram(instance.activation, instance.inputs, instance.inner).matrix
    samples = []
    for slopes in slope_draws(instance, instance.m, effort):
        grams = input_product(instance) * ((slopes * instance.scales) @ np.swapaxes(slopes, 1, 2))
        samples.append(np.sum((grams - centre) ** 2, axis=(1, 2)))
    return mean_of_squares(np.concatenate(samples))


def _squared_slope(activation: Activation) -> sp.Expr:
    """Return s'^2; the square of a gate is the gate."""
    return sp.expand(activation.slope**2).replace(
        lambda part: isinstance(part, sp.Pow) and isinstance(part.base, sp.Heaviside), lambda part: part.base
    )


def variance_constant(run: Run) -> Measured:
    """Return C_0 = sum_ik (x_i.x_k/d)^2 Var(s'(g_i) s'(g_k))."""
    instance = run.instance
    second = dual_matrix(_squared_slope(instance.activation), instance.inputs, instance.inner)
    first = dual_matrix(instance.activation.slope, instance.inputs, instance.inner)
    weight = input_product(instance) ** 2
    value = float(np.sum(weight * (second.matrix - first.matrix**2)))
    return Measured(value, float(np.sum(weight)) * (second.error + 2.1 * first.error) + 1e-13 * abs(value))


@lru_cache(maxsize=8)
def coupled(instance: Instance, effort: int = EFFORT) -> tuple[Measured, Measured]:
    """Return E |Theta_m - Theta_infinity|_F and the least eigenvalue of Theta_infinity over draws.

    Theta_infinity is a sum over infinitely many nodes; beyond ``_NODES`` each A_j is replaced
    by its mean, whose error is at most 2 (n/d) times the scales left out.
    """
    even, power = instance.parameters["gamma"], 1 / instance.parameters["alpha"]
    nodes = max(_NODES, 2 * instance.m)
    ideal = np.arange(1, nodes + 1, dtype=float) ** -power / zeta(power)
    left = float(zeta(power, nodes + 1) / zeta(power))
    centre = limit_gram(instance.activation, instance.inputs, instance.inner).matrix
    product, distances, least = input_product(instance), [], []
    if not np.all(np.isfinite(centre)):
        return Measured(np.nan), Measured(np.nan)
    for slopes in slope_draws(instance, nodes, effort):
        finite = product * (
            (slopes[:, :, : instance.m] * instance.scales) @ np.swapaxes(slopes[:, :, : instance.m], 1, 2)
        )
        uneven = product * ((slopes * ideal) @ np.swapaxes(slopes, 1, 2))
        limit = even * centre + (1 - even) * (uneven + left * centre)
        distances.append(np.sqrt(np.sum((finite - limit) ** 2, axis=(1, 2))))
        # without the mean put in for the far nodes: a lower bound, since each A_j is PSD
        least.append(np.linalg.eigvalsh(even * centre + (1 - even) * uneven)[:, 0])
    steepest = float(suprema(instance.activation)[0].value)
    cut = 2 * (1 - even) * left * steepest**2 * float(np.trace(np.abs(product)))
    distance = mean(np.concatenate(distances))
    lowest = float(np.min(np.concatenate(least)))
    return Measured(distance.value, distance.error + cut), Measured.between(lowest - 1e-13, lowest + cut + 1e-13)


def _tail(run: Run) -> Measured:
    """Return sum_{j > m} of the normalised Zipf scales (Hurwitz zeta)."""
    power = 1 / run.instance.parameters["alpha"]
    value = float(zeta(power, run.instance.m + 1) / zeta(power))
    return Measured(value, 1e-13 * value)


_QUANTITIES = (
    *s.SIZES, s.POWER_2, s.KAPPA,
    s.DATA[0],
    Quantity(slope, "sup |s'|", measure.slope_supremum),
    Quantity(epsilon, "resolution of the comparison of means", measure.parameter("resolution")),
    Quantity(C_0, "sum_ik (x_i.x_k/d)^2 Var(s'(g_i) s'(g_k))", variance_constant),
)  # fmt: skip
_VARIANCE = (
    *_QUANTITIES,
    Quantity(deviation, "E |Theta_m - Theta*|_F^2 at time 0", lambda run: variance_at_start(run.instance)),
)
_COUPLING = (
    *_QUANTITIES,
    Quantity(coupling, "E |Theta_m - Theta_infinity|_F at time 0, same nodes", lambda run: coupled(run.instance)[0]),
    Quantity(limit_least, "least eigenvalue of Theta_infinity over the draws", lambda run: coupled(run.instance)[1]),
    Quantity(tail, "sum over j > m of the normalised scales", _tail),
)

UNIT_SLOPE = Assumption("slope at most 1", "sup |s'| <= 1", Bound(slope, sp.S.One))
_RESOLUTION = Assumption("resolution below 1", "the comparison says something", Bound(epsilon, sp.S.One, strict=True))


def _build(flags: dict[str, object]) -> Instance:
    if not 0 < float(str(flags["resolution"])) < 1:
        raise BadInput(f"--resolution must lie in (0, 1), not {flags['resolution']}")
    if flags["m"] == 0:
        raise BadInput("--m must be at least 1: this theorem holds at every width")
    return make.build(flags, sp.S.One, ())


def _hard(plan: InputPlan, width: int, gamma: float, alpha: float, seed: int, name: str) -> Instance:
    inputs, labels, about = make.adversarial(plan, LabelPlan("zero", 0, 0), name)
    parameters = {"resolution": 0.25}
    return make.drawn(
        inputs,
        labels,
        width=width,
        gamma=gamma,
        alpha=alpha,
        activation=name,
        seed=seed,
        parameters=parameters,
        description=about,
    )


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        input_plans(sizes=(1, 3), dimensions=(1, 4)),
        st.sampled_from([1, 3, 30, 300]),
        st.sampled_from([0.0, 0.3, 1.0]),
        st.sampled_from([0.4, 0.7]),
        st.integers(0, 10_000),
        st.sampled_from(["relu", "tanh", "softplus", "sine"]),
    )


_FLAGS = ("n", "d", "m", "gamma", "alpha", "activation", "resolution")
_SHOW = (
    {"n": 3, "d": 3, "m": 50, "gamma": 0.5, "activation": "relu"},
    {"data": "iris", "rows": 4, "m": 50, "gamma": 0.3, "activation": "tanh"},
)

R4_VARIANCE = Theorem(
    label="caron2023.r4_variance",
    title="The variance of the tangent Gram at time 0 is C_0 Lambda_2",
    reference=Reference("caron2023", "Prop R4 (i), section 3.1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " The identity is checked to the resolution epsilon, from both sides.",
    quantities=_VARIANCE,
    assumptions=(_RESOLUTION,),
    claims=(
        Claim("at most", "the identity, from above", Bound(deviation, (1 + epsilon) * C_0 * Lambda_2), ("resolution below 1",), looseness=1.09),
        Claim("at least", "the identity, from below", Bound((1 - epsilon) * C_0 * Lambda_2, deviation), ("resolution below 1",), looseness=1.11),
    ),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(_build, *_FLAGS),
    instances=_instances,
    simulate=Run,
    sabotages=(
        Claim("at most: gamma dropped", "as if all scales were 1/m", Bound(deviation, (1 + epsilon) * C_0 / m), ("resolution below 1",), falsifies="at most"),
        Claim("at least: first power", "Lambda_2 replaced by Lambda_1 = 1", Bound((1 - epsilon) * C_0, deviation), ("resolution below 1",), falsifies="at least"),
    ),
    showcase=_SHOW,
)  # fmt: skip

_RIGHT = gamma * sp.sqrt(C_0 / m) + 2 * (1 - gamma) * (n / d) * tail

R4_COUPLING = Theorem(
    label="caron2023.r4_coupling",
    title="The tangent Gram at time 0 tends to a random limit, definite if gamma > 0",
    reference=Reference("caron2023", "Prop R4 (ii), section 3.1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " Theta_infinity = gamma Theta* + (1 - gamma) sum_j lambda~_j A_j with the same nodes, sum lambda~ = 1.",
    quantities=_COUPLING,
    assumptions=(s.UNIT_BALL, UNIT_SLOPE),
    claims=(
        Claim("distance", "the mean distance from the limit", Bound(coupling, _RIGHT), ("unit ball", "slope at most 1"), looseness=1.64),
        Claim("floor", "the limit is at least gamma kappa_n", Bound(gamma * kappa, limit_least), (), looseness=1.15),
    ),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(_build, *_FLAGS),
    instances=_instances,
    simulate=Run,
    sabotages=(
        Claim("distance: variance for deviation", "C_0/m in place of its root", Bound(coupling, gamma * C_0 / m + _RIGHT - gamma * sp.sqrt(C_0 / m)), ("unit ball", "slope at most 1"), falsifies="distance"),
        Claim("floor: gamma dropped", "the limit is as definite as its mean", Bound(kappa, limit_least), (), falsifies="floor"),
    ),
    showcase=_SHOW,
)  # fmt: skip
