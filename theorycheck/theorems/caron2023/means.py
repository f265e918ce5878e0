"""Means over the weights and signs at time 0, by drawing networks: what caron2023's statements about time 0 are held against.

The error of a mean is an interval of five standard errors, an estimate. Nodes with equal scales are alike, so that of each
network a few nodes are looked at: the heaviest, the middle one and the lightest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.special import zeta

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans, label_plans
from theorycheck.compiled import compile_block
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.measure import Measure
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.symbolic.activations import Z
from theorycheck.theorems.caron2023 import instances as make

#: half-width of the intervals, in standard errors of the mean
STANDARD_ERRORS = 5.0
#: what underflows is not known better than this
TINY = 1e-280
#: pre-activations drawn for one mean, and most networks; for wide networks more, so that there are :data:`LEAST` of them
EFFORT, NETWORKS = 400_000, 20_000
LEAST, MOST_EFFORT = 1000, 30_000_000
#: samples that a mean of squares must be made up of: fewer, and rare large ones may be missing
FEWEST = 100.0

#: width that a card takes by default whose networks are drawn many times
WIDTH = 50
#: Gaussians with a larger deviation make smooth activations too steep for quadrature
LONGEST = 4.0

epsilon = sp.Symbol("epsilon", positive=True)
node_scale, ideal_scale = sp.symbols("lambda_j lambda~_j", nonnegative=True)


def mean(samples: Array) -> Measured:
    """Return the mean of independent samples ``(k,)`` or ``(k, e)``, one per column, with its error."""
    spread = np.std(samples, axis=0, ddof=1) / np.sqrt(len(samples))
    largest = np.max(np.abs(samples), axis=0, initial=0.0)
    return Measured(np.mean(samples, axis=0), STANDARD_ERRORS * spread + 1e-12 * largest + TINY)


def mean_of_squares(samples: Array) -> Measured:
    """Return the mean of nonnegative samples as :func:`mean` does, NaN where too few of them make it up.

    Rare large samples that were not drawn are missing from the mean and from its spread alike (a saturated activation, a
    few wide networks). ``(sum x)^2/sum x^2`` counts the samples that matter; zeros alone say nothing either.
    """
    found, largest = mean(samples), np.max(samples, axis=0, initial=0.0)
    shares = samples / np.where(largest > 0, largest, 1.0)
    matter = np.sum(shares, axis=0) ** 2 >= FEWEST * np.sum(shares**2, axis=0)
    return Measured(np.where(matter & (largest > 0), found.value, np.nan), found.error)


def how_many(wide: int, effort: int = EFFORT, most: int = NETWORKS, least: int = LEAST) -> int:
    """Return how many networks of so many pre-activations are drawn: ``least`` as far as :data:`MOST_EFFORT` allows."""
    return int(np.clip(effort // wide, min(least, max(60, MOST_EFFORT // wide)), most))


def root(found: Measured) -> Measured:
    """Return the square root of a nonnegative quantity; its error at 0 is that of the root."""
    low, high = np.maximum(found.value - found.error, 0.0), found.value + found.error
    bad = ~np.isfinite(high)
    ends = Measured.between(np.sqrt(np.where(bad, 0.0, low)), np.sqrt(np.where(bad, 0.0, high)))
    return Measured(np.where(bad, np.nan, ends.value), ends.error)


def estimate(value: Any, error: Any) -> Measured:
    """Return a nonnegative number with its rounding; what underflows is not known better than :data:`TINY`."""
    return Measured(np.maximum(value, 0.0), np.abs(error) + TINY)


def chosen(instance: Instance) -> Array:
    """Return the places of the heaviest node, the middle one and the lightest, each once."""
    return np.unique([0, instance.m // 2, instance.m - 1])


def networks(
    instance: Instance, most: int = NETWORKS, effort: int = EFFORT, least: int = LEAST
) -> Iterator[tuple[Array, Array]]:
    """Yield weights ``(k, m, d)`` and signs ``(k, m)`` of fresh networks, in chunks that fit in memory."""
    wide = instance.m * max(instance.n, instance.d)
    total, chunk = how_many(wide, effort, most, least), max(1, EFFORT // 2 // wide)
    generator = np.random.default_rng([int(instance.description.get("seed", 0)), 7])
    for begin in range(0, total, chunk):
        count = min(chunk, total - begin)
        weights = generator.standard_normal((count, instance.m, instance.d))
        yield weights, np.asarray(generator.integers(0, 2, (count, instance.m)) * 2.0 - 1.0, dtype=float)


def residual(instance: Instance, before: Array, signs: Array) -> Array:
    """Return ``y - f`` ``(k, n)`` from pre-activations ``(k, m, n)`` and signs ``(k, m)``."""
    value = compile_block((Z,), instance.activation.expr)
    weight = signs * np.sqrt(instance.scales)
    return instance.labels - (weight[:, None, :] @ value(before))[:, 0, :]


def saturated(instance: Instance) -> bool:
    """Say whether pre-activations are so large that a smooth activation's slope is seldom what its mean is made of."""
    largest = instance.inner * np.max(np.linalg.norm(instance.inputs, axis=1))
    return instance.activation.leak is None and not largest <= LONGEST


def activations(instance: Instance, weights: Array) -> Array:
    """Return pre-activations ``(k, m, n)``."""
    return instance.inner * (weights @ instance.inputs.T)


def scales(run: Run) -> Measured:
    """Return lambda_j of the nodes looked at."""
    found = run.instance.scales[chosen(run.instance)]
    return Measured(found, 1e-14 * found)


def ideal_scales(run: Run) -> Measured:
    """Return lambda~_j, the Zipf scales of infinitely many nodes, which sum to 1."""
    power = 1 / run.instance.parameters["alpha"]
    found = (chosen(run.instance) + 1.0) ** -power / zeta(power)
    return Measured(found, 1e-13 * found)


def ideal_power_sum(power: float) -> Measure:
    """Return a measure of ``sum_j lambda~_j^p`` over infinitely many nodes."""

    def read(run: Run) -> Measured:
        rate = 1 / run.instance.parameters["alpha"]
        value = float(zeta(power * rate) / zeta(rate) ** power)
        return Measured(value, 1e-13 * value)

    return read


def constant_of(read: Callable[[Instance], float]) -> Measure:
    """Return a measure for a number that the instance states exactly."""
    return measure.constant(lambda run: float(read(run.instance)))


def fourth(run: Run) -> Measured:
    """Return ``sum_i (|y_i| + (3 E s(g_i)^4)^(1/4))^2``, at least ``sqrt(E |r_0|^4)`` at every width (errata I1b)."""
    instance, found = run.instance, []
    deviations = instance.inner * np.linalg.norm(instance.inputs, axis=1)
    if saturated(instance):
        return Measured(np.nan)
    value = compile_block((Z,), instance.activation.expr)
    for count in (120, 90):  # exact for ReLU: the rule is symmetric
        nodes, weights = np.polynomial.hermite_e.hermegauss(count)
        powers = value(deviations[:, None] * nodes) ** 4 @ (weights / weights.sum())
        found.append(np.sum((np.abs(instance.labels) + (3 * powers) ** 0.25) ** 2))
    return estimate(found[0], 4 * np.abs(found[0] - found[1]) + 1e-12 * found[0])


RESOLUTION = Quantity(epsilon, "resolution of the comparison of means", measure.parameter("resolution"))
RESOLVED = Assumption("resolution below 1", "the comparison says something", Bound(epsilon, sp.S.One, strict=True))
SCALE = Quantity(node_scale, "lambda_j, of the heaviest node, the middle one and the lightest", scales)
IDEAL = Quantity(ideal_scale, "lambda~_j, the scale that node j of infinitely many has if gamma = 0", ideal_scales)


def build(flags: dict[str, Any]) -> Instance:
    """Build an instance of a statement that holds at every width.

    Raises
    ------
    BadInput
        If a flag is out of range.
    """
    if "resolution" in flags and not 0 < float(flags["resolution"]) < 1:
        raise BadInput(f"--resolution must lie in (0, 1), not {flags['resolution']}")
    if flags["m"] == 0:
        raise BadInput("--m must be at least 1: this theorem holds at every width")
    return make.build(flags, sp.S.One, ())


def hard(
    plan: InputPlan,
    labels: LabelPlan,
    width: int,
    gamma: float,
    alpha: float,
    seed: int,
    name: str,
    **parameters: float,
) -> Instance:
    """Build an adversarial instance, its resolution a quarter."""
    inputs, own, about = make.adversarial(plan, labels, name)
    return make.drawn(
        inputs, own, width=width, gamma=gamma, alpha=alpha, activation=name, seed=seed,
        parameters={"resolution": 0.25, **parameters}, description=about,
    )  # fmt: skip


def adversarial(names: tuple[str, ...], widths: tuple[int, ...] = (1, 3, 30, 200)) -> SearchStrategy[Instance]:
    """Return hard data and labels on networks that are narrow and wide, even and uneven."""
    others = (
        st.sampled_from(widths),
        st.sampled_from([0.0, 0.3, 1.0]),
        st.sampled_from([0.4, 0.7]),
        st.integers(0, 10_000),
        st.sampled_from(names),
    )
    # one input, whose speed is as small as the theorem says: wide networks in the first place
    one = st.builds(
        hard,
        st.builds(InputPlan, st.just("sphere"), st.just(1), st.just(2), st.integers(0, 9)),
        st.builds(LabelPlan, st.just("equal"), st.sampled_from([0, 1])),
        st.sampled_from(widths[::-1]),
        st.sampled_from([1.0, 0.0, 0.3]),
        *others[2:],
    )
    return st.one_of(one, st.builds(hard, input_plans(sizes=(1, 3), dimensions=(1, 3)), label_plans(), *others))
