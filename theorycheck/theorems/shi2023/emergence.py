"""R8.1 and R8.2 on linearly separated data (R7a): features emerge in one step with R8.1's chance, and represent the truth."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import linear
from theorycheck.theorems.shi2023 import setting as s

draws = sp.Symbol("m", positive=True)
count, products = sp.symbols("N_S A_b", nonnegative=True)
distance, outer_found, bias = sp.symbols("E_f |a~| b", nonnegative=True)
beta = linear.beta
#: two features, w* and -w*
FEATURES = 2
LOSSES = tuple(s.LOSS)

EXPECTED = draws * f.CHANCE
#: R8.1: Chernoff at half the mean for each feature
PROBABILITY = 1 - FEATURES * sp.exp(-EXPECTED / 8)
#: R8.2: |a~| is at most this, where every S_k has at least N_S neurons
OUTER = products / (bias * sp.sqrt(count))


def truth_of(instance: Instance) -> f.Truth:
    """Return f* of R7a as a network."""
    direction, kinks = linear.truth(instance)
    return f.Truth(np.array([direction, -direction]), kinks.weights, kinks.biases)


@lru_cache(maxsize=8)
def _stepped(instance: Instance) -> tuple[s.Array, f.Sets]:
    """Return the first layer after the first step, made by descent, and the sets S_k."""
    given = instance.parameters
    after = descend(
        instance, step=given["eta"], steps=1, loss=LOSSES[int(given["loss"])], mean=True, decay=1 / given["eta"], record=[1]
    ).network.weights  # fmt: skip
    return after, f.members(truth_of(instance), after, s.biases_of(instance), given["epsilon_1"], given["gamma"])


def _where_separated(read: measure.Measure) -> measure.Measure:
    """Return a measure that is unknown where w* does not separate the data, so that there is no f*."""

    def found(run: Run) -> Measured:
        return read(run) if linear.feature(run.instance)[2] > 0 else Measured(math.nan)

    return found


def _count(run: Run) -> Measured:
    return Measured(float(min(len(one) for one in _stepped(run.instance)[1])))


def _second(instance: Instance) -> s.Array:
    return f.second_layer(truth_of(instance), _stepped(instance)[1], s.biases_of(instance))


def _outer(run: Run) -> Measured:
    value = float(np.linalg.norm(_second(run.instance)))
    return Measured(value, 1e-12 * value)


def _distance(run: Run) -> Measured:
    own = run.instance
    heights = np.maximum(own.inputs @ _stepped(own)[0].T - s.biases_of(own), 0.0)
    found, wanted = heights @ _second(own), truth_of(own)(own.inputs)
    rounding = 1e-13 * own.d * float(np.max(heights @ np.abs(_second(own)) + np.abs(wanted)))
    return Measured(float(np.mean(np.abs(found - wanted))), rounding)


def _first_moment(run: Run) -> Measured:
    value = f.first_moment(run.instance.inputs)
    return Measured(value, 1e-13 * run.instance.d * value)


def _outer_size(run: Run) -> Measured:
    value = float(np.sum(np.abs(truth_of(run.instance).outer)))
    return Measured(value, 1e-12 * value)


def _products(run: Run) -> Measured:
    truth = truth_of(run.instance)
    value = float(np.abs(truth.outer) @ np.abs(truth.biases))
    return Measured(value, 1e-12 * value)


_QUANTITIES = (
    next(part for part in linear.LINEAR.quantities if part.symbol == beta),
    Quantity(draws, "number of quadruples of neurons", measure.constant(lambda run: run.instance.m // 4)),
    Quantity(count, "neurons in the smallest S_k", _where_separated(_count)),
    Quantity(f.chance, "p = P(chi_d < b~/B_x)", lambda run: linear.always_on(run.instance)),
    Quantity(f.eps_1, "eps_1, share by which a feature's length may be off", measure.parameter("epsilon_1")),
    Quantity(f.gamma, "gamma, 1 less the cosine that a feature has at least", measure.parameter("gamma")),
    Quantity(f.ratio, "U: all hits have |G| = rho and both biases of f* the same size", measure.constant(lambda run: 1.0)),
    Quantity(f.M_1, "root of the largest eigenvalue of E[x x'], at least M_1", _first_moment),
    Quantity(f.outer_size, "sum_k |a*_k|", _where_separated(_outer_size)),
    Quantity(products, "sum_k |a*_k b*_k|", _where_separated(_products)),
    Quantity(bias, "b~", measure.parameter("b")),
    Quantity(distance, "E|f~ - f*|, f~ the representation by the S_k", _where_separated(_distance)),
    Quantity(outer_found, "|a~|", _where_separated(_outer)),
)  # fmt: skip
_ASSUMED = (
    Assumption("separated", "w* separates the data: beta > 0", Bound(sp.S.Zero, beta, strict=True)),
    Assumption("p positive", "a neuron may be a feature", Bound(sp.S.Zero, f.chance, strict=True)),
    Assumption("a share", "eps_1 is at most 1, so that the window is as wide as promised", Bound(f.eps_1, sp.S.One)),
    Assumption("a chance", "R8.1's probability is positive", Bound(sp.S.Zero, PROBABILITY, strict=True)),
    Assumption("emerged", "every S_k has a neuron", Bound(sp.S.One, count)),
)
_CHANCY = ("separated", "p positive", "a share", "a chance")
_SURE = ("separated", "emerged")
_CLAIMS = (
    Claim("emergence", "every S_k has half its expected number of neurons", Bound(EXPECTED / 2, count), _CHANCY, PROBABILITY),
    Claim("representation", "the S_k represent f* in the mean", Bound(distance, f.DISTANCE), _SURE),
    Claim("second layer", "with small output weights", Bound(outer_found, OUTER), _SURE),
)  # fmt: skip
_DOUBLED = EXPECTED.subs(f.chance, 2 * f.chance)
_SABOTAGES = (
    Claim("emergence: window twice", "twice the chance of the window", Bound(_DOUBLED / 2, count), _CHANCY, PROBABILITY, falsifies="emergence"),
    Claim("representation: M_1 = 1", "as if inputs had variance 1", Bound(distance, f.DISTANCE.subs(f.M_1, 1)), _SURE, falsifies="representation"),
    Claim("second layer: average", "1/|S_k| for its root", Bound(outer_found, OUTER / sp.sqrt(count)), _SURE, falsifies="second layer"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _drawn(inputs: s.Array, labels: s.Array, m: int, bias_size: float, numbers: dict[str, float], seed: int, draw: int, about: dict[str, Any], notes: tuple[str, ...]) -> Instance:  # fmt: skip
    generator = np.random.default_rng([seed, draw, 67])
    weights, outer = generator.standard_normal((m, inputs.shape[1])), generator.standard_normal(m)
    size = float(np.linalg.norm(labels @ inputs / len(labels)))
    longest = float(np.max(np.linalg.norm(inputs, axis=1)))
    slope = float(s.start_slope(LOSSES[int(numbers["loss"])]))
    # R8.1: eta c_0 sigma_a = b~/(B_G B_eps), B_G = rho and B_eps = B_x
    unit = size * longest * numbers["eta"] * slope
    sigma = bias_size / unit if unit > 0 else 1.0  # without a mean feature nothing is promised

    def redraw(again: Instance, draw: int) -> Instance:
        return _drawn(inputs, labels, m, bias_size, numbers, seed, draw, about, notes)

    start = s.quadruples(weights, sigma * outer, bias_size)
    return s.network(
        inputs, labels, *start,
        parameters={"b": bias_size, **numbers}, description=about, notes=notes, redraw=redraw,
    )  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if flags["m"] < 1 or not 0 < flags["bias"] < np.inf or not 0 < flags["epsilon_1"] <= 1:
        raise BadInput(f"--m must be at least 1, --bias positive and --epsilon-1 in (0, 1], not {flags['m']}, {flags['bias']:g} and {flags['epsilon_1']:g}")  # fmt: skip
    if flags["loss"] not in LOSSES:
        raise BadInput(f"--loss must be {' or '.join(LOSSES)}, not {flags['loss']!r}")
    inputs, labels, notes = linear.separated(flags)
    numbers = {"eta": 1.0, "loss": float(LOSSES.index(flags["loss"])), "epsilon_1": flags["epsilon_1"], "gamma": 1e-9}
    size = float(np.max(np.linalg.norm(inputs, axis=1))) * math.sqrt(inputs.shape[1])
    about = {"data": flags["data"], "flags": dict(flags)}
    return _drawn(inputs, labels, flags["m"], flags["bias"] * size, numbers, flags["seed"], 0, about, notes)


def _hard(kind: str, size: tuple[int, int], bias_size: float, share: float, scale: float, loss: str, seed: int) -> Instance:  # fmt: skip
    inputs, labels = linear.hard_data(kind, 4, size[0], seed)
    inputs = inputs * scale
    numbers = {"eta": 0.5, "loss": float(LOSSES.index(loss)), "epsilon_1": share, "gamma": 1e-9}
    about = {"kind": kind, "d": size[0], "m": size[1], "b": bias_size, "eps_1": share, "scale": scale, "loss": loss, "seed": seed}  # fmt: skip
    longest = float(np.max(np.linalg.norm(inputs, axis=1)))
    return _drawn(inputs, labels, size[1], bias_size * (longest or 1.0) * math.sqrt(size[0]), numbers, seed, 0, about, ())  # fmt: skip


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["antipodal", "sphere", "cluster"]),
        st.tuples(st.integers(1, 3), st.sampled_from([24, 10, 30])),
        st.sampled_from([4.0, 1.0, 1.5]),
        st.sampled_from([1.0, 0.5, 0.2]),
        st.sampled_from([1.0, 100.0, 0.01]),
        st.sampled_from(LOSSES),
        st.integers(0, 10_000),
    )


_OWN = {
    **linear.FLAGS,
    "m": (Annotated[int, "quadruples of neurons that are drawn"], 60),
    "bias": (Annotated[float, "size of the bias, over sqrt(d) times the longest input"], 1.3),
    "epsilon_1": (Annotated[float, "share by which a feature's length may be off, in (0, 1]"], 0.5),
    "loss": (Annotated[str, "hinge or logistic"], "hinge"),
}
EMERGENCE = Theorem(
    label="shi2023.emergence",
    title="After one step enough neurons are features of the truth, and a small second layer on them represents it (linear data)",
    reference=Reference("shi2023", "R8.1 and R8.2 with R7a, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " The instance's rows are the population; quadruples (+-a, +-w, +-b~) with w ~ N(0, I), a ~ N(0, sigma_a^2), "
    "eta c_0 sigma_a = b~/(B_G B_eps). S_k: neurons that after the first step point at D_k up to gamma and have the length b~/|b*_k| up to a share eps_1.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, emergence=2.2, representation=8.0, second_layer=1.4),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(_build, {**_OWN, **{**s.CLASS_DATA, "data": (s.CLASS_DATA["data"][0], "orthogonal")}}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"data": "orthogonal"}, {"data": "orthogonal", "loss": "logistic"}, {"data": "breast_cancer", "columns": "0,1,2,3,4,5", "rows": 60}),
)  # fmt: skip
