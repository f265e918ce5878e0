"""R8.3: both layers descend, and the mean loss is nearly that of any second layer on the first layer's start.

``(1/T) sum_t L(a_t, W_t) <= L(a~, W_1) + B_1 |a~| mean|W_t - W_1|_F + |a_1 - a~|^2/(2 eta T) + (eta/2) mean|grad_a|^2`` for every a~,
and, if ``eta T B_1 <= 1``, ``|W_t - W_1|_F <= e eta T B_1 S_1`` and ``|grad_a| <= e B_1 S_1`` with ``S_1 = |a_1| + |W_1|_F + |b|/B_1``.
The population is finite and every step sees all of it (errata U1).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import LOSSES as RULES
from theorycheck.flow.descent import State, descend
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.shi2023 import setting as s

eta, steps, B_1 = sp.symbols("eta T B_1", positive=True)
mean_loss, other_loss, moved, moved_most, slope_squared, slope_most = sp.symbols("L_mean L_~ W_mean W_max g_mean^2 g_max", nonnegative=True)  # fmt: skip
start, first_layer, biases, other, apart = sp.symbols("|a_1| |W_1| |b| |a~| |a_1-a~|", nonnegative=True)
LOSSES = tuple(s.LOSS)

#: how far the first layer's movement carries a~ off
COUPLING = B_1 * other * moved
BOUND = other_loss + COUPLING + apart**2 / (2 * eta * steps) + eta / 2 * slope_squared
SIZE = start + first_layer + biases / B_1
MOVED = sp.E * eta * steps * B_1 * SIZE
SLOPE = sp.E * B_1 * SIZE


# --- the run -------------------------------------------------------------------------------------------------


def gradient_of_outer(state: State) -> float:
    """Return ``|grad_a L|`` of the mean loss at a state."""
    net = state.network
    heights = np.maximum(net.inputs @ net.weights.T + net.shift, 0.0)
    return float(np.linalg.norm(heights.T @ state.residual / net.n))


def simulate(instance: Instance) -> Run:
    """Descend from the instance's weights with a constant step and no decay; T states, T - 1 updates (errata U11)."""
    given = instance.parameters
    weights = instance.network.weights

    def away(state: State) -> float:
        return float(np.linalg.norm(state.network.weights - weights))

    count = int(given["T"])
    found = descend(
        instance, step=given["eta"], steps=count - 1, loss=LOSSES[int(given["loss"])], mean=True, record=range(count),
        quantities={"moved": away, "slope": gradient_of_outer},
    )  # fmt: skip
    return Run(instance, descent=found)


def _descent(run: Run) -> Any:
    if run.descent is None:
        raise NoTrajectory("this belongs to a descent: simulate the instance first")
    return run.descent


def _mean(values: s.Array) -> Measured:
    value = float(np.mean(values))
    return Measured(value, 1e-12 * float(np.mean(np.abs(values))) + 1e-300)


def comparator(instance: Instance) -> s.Array:
    """Return a~: the start, 0, or a second layer fitted to the labels on the first layer's start by ridge regression."""
    kind = int(instance.parameters["comparator"])
    if kind == 0:
        return instance.signs
    if kind == 1:
        return np.zeros(instance.m)
    values = np.maximum(instance.inputs @ instance.weights.T - s.biases_of(instance), 0.0)
    scale = float(np.sum(values**2)) or 1.0
    return np.asarray(
        np.linalg.solve(values.T @ values + 1e-3 * scale * np.eye(instance.m), values.T @ instance.labels)
    )


@lru_cache(maxsize=8)
def _compared(instance: Instance) -> tuple[float, float, float]:
    """Return the loss of a~ on the first layer's start, |a~| and |a_1 - a~|."""
    found = comparator(instance)
    values = np.maximum(instance.inputs @ instance.weights.T - s.biases_of(instance), 0.0)
    rule = RULES[LOSSES[int(instance.parameters["loss"])]]
    loss = rule.value((values @ found)[:, None], instance.labels[:, None]) / instance.n
    return loss, float(np.linalg.norm(found)), float(np.linalg.norm(instance.signs - found))


def _other(run: Run, index: int) -> Measured:
    value = _compared(run.instance)[index]
    return Measured(value, 1e-12 * value + 1e-14)


def mean_norm(run: Run) -> Measured:
    """Return ``B_1 = E|x|``."""
    value = float(np.mean(np.linalg.norm(run.instance.inputs, axis=1)))
    return Measured(value, 1e-14 * run.instance.d * value)


def _norm(read: Any) -> measure.Measure:
    def found(run: Run) -> Measured:
        value = float(np.linalg.norm(read(run.instance)))
        return Measured(value, 1e-14 * run.instance.m * run.instance.d * value)

    return found


_QUANTITIES = (
    Quantity(eta, "step size", measure.parameter("eta")),
    Quantity(steps, "number of states that are averaged", measure.parameter("T")),
    Quantity(B_1, "E|x|", mean_norm),
    Quantity(mean_loss, "mean loss over the states", lambda run: _mean(_descent(run).loss)),
    Quantity(moved, "mean of |W_t - W_1|_F", lambda run: _mean(_descent(run).quantities["moved"])),
    Quantity(moved_most, "largest |W_t - W_1|_F", lambda run: _mean(np.max(_descent(run).quantities["moved"], keepdims=True))),
    Quantity(slope_squared, "mean of |grad_a L|^2", lambda run: _mean(_descent(run).quantities["slope"] ** 2)),
    Quantity(slope_most, "largest |grad_a L|", lambda run: _mean(np.max(_descent(run).quantities["slope"], keepdims=True))),
    Quantity(other_loss, "loss of a~ on the first layer's start", lambda run: _other(run, 0)),
    Quantity(other, "|a~|", lambda run: _other(run, 1)),
    Quantity(apart, "|a_1 - a~|", lambda run: _other(run, 2)),
    Quantity(start, "|a_1|", _norm(lambda instance: instance.signs)),
    Quantity(first_layer, "|W_1|_F", _norm(lambda instance: instance.weights)),
    Quantity(biases, "|b|", _norm(s.biases_of)),
)  # fmt: skip
_SHORT = Assumption("short", "eta T B_1 <= 1", Bound(eta * steps * B_1, sp.S.One))
_CLAIMS = (
    Claim("coupled", "the mean loss is little above that of any a~ on the start", Bound(mean_loss, BOUND), ()),
    Claim("movement", "the first layer stays near its start", Bound(moved_most, MOVED), (_SHORT.label,)),
    Claim("slope", "the gradient stays small", Bound(slope_most, SLOPE), (_SHORT.label,)),
)
_SABOTAGES = (
    Claim("coupled: no coupling", "as if the first layer did not move", Bound(mean_loss, BOUND - COUPLING), (), falsifies="coupled"),
    Claim("coupled: no start", "as if a~ were where the descent starts", Bound(mean_loss, BOUND.subs(apart, 0)), (), falsifies="coupled"),
    Claim("movement: output weights", "as if |a_1| moved nothing", Bound(moved_most, MOVED.subs(start, 0)), (_SHORT.label,), falsifies="movement"),
    Claim("movement: any time", "however long", Bound(moved_most, sp.E * SIZE), (), falsifies="movement"),
    Claim("slope: any time", "however long", Bound(slope_most, SLOPE), (), falsifies="slope"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _made(inputs: s.Array, labels: s.Array, plan: dict[str, Any], notes: tuple[str, ...] = (), about: dict[str, Any] | None = None) -> Instance:  # fmt: skip
    generator = np.random.default_rng([plan["seed"], 79])
    weights = plan["first"] * generator.standard_normal((plan["m"], inputs.shape[1]))
    outer = plan["outer"] * generator.standard_normal(plan["m"])
    numbers = {"eta": plan["eta"], "T": float(plan["steps"]), "loss": float(LOSSES.index(plan["loss"])), "comparator": float(plan["comparator"])}  # fmt: skip
    return s.network(inputs, labels, weights, outer, np.full(plan["m"], plan["bias"]), parameters=numbers, description=about or plan, notes=notes)  # fmt: skip


#: more states than this are not simulated
MOST_STEPS = 400_000
_COMPARATORS = ("start", "zero", "fitted")


def _build(flags: dict[str, Any]) -> Instance:
    if flags["loss"] not in LOSSES or flags["comparator"] not in _COMPARATORS:
        raise BadInput(f"--loss must be {' or '.join(LOSSES)} and --comparator {', '.join(_COMPARATORS)}, not {flags['loss']!r} and {flags['comparator']!r}")  # fmt: skip
    if flags["steps"] > MOST_STEPS:
        raise BadInput(f"--steps is {flags['steps']}, more than {MOST_STEPS}: every state of the descent is kept")
    if not (0 < flags["eta"] < math.inf and flags["steps"] >= 1 and flags["m"] >= 1):
        raise BadInput(f"--eta, --steps and --m must be positive, not {flags['eta']:g}, {flags['steps']} and {flags['m']}")  # fmt: skip
    inputs, labels, notes = s.classes(flags)
    plan = {**flags, "comparator": _COMPARATORS.index(flags["comparator"])}
    return _made(inputs, labels, plan, notes, {"data": flags["data"], "flags": dict(flags)})


def _hard(kind: str, n: int, plan: dict[str, Any]) -> Instance:
    if kind == "trap":
        # one wrong label in nine moves a neuron with a large output weight so far that no sample sees it again
        found = _made(np.ones((9, 1)), np.where(np.arange(9), 1.0, -1.0), {**plan, "m": 1, "bias": 0.0, "kind": kind})
        return replace(found, weights=np.array([[0.011]]), signs=np.array([100.0]))
    inputs = build_inputs(InputPlan(kind, n, 2, plan["seed"], 1))
    labels = np.random.default_rng([plan["seed"], 3]).choice([-1.0, 1.0], n)
    return _made(inputs, labels, {**plan, "kind": kind})


def _instances() -> SearchStrategy[Instance]:
    plans = st.fixed_dictionaries(
        {
            "loss": st.sampled_from(LOSSES), "bias": st.sampled_from([0.0, -0.5, 0.5]), "comparator": st.sampled_from([0, 2, 1]),
            "eta": st.sampled_from([0.5, 0.01, 300.0, 1e-4]), "steps": st.sampled_from([20, 1, 2, 60]), "m": st.sampled_from([1, 4, 12]),
            "first": st.sampled_from([0.01, 0.3, 3.0]), "outer": st.sampled_from([30.0, 1.0, 0.0]), "seed": st.integers(0, 10_000),
        }
    )  # fmt: skip
    return st.builds(_hard, st.sampled_from(["sphere", "gaussian", "duplicate", "antiparallel", "zero_row", "trap"]), st.sampled_from([4, 2, 1, 8]), plans)  # fmt: skip


_FLAGS = {
    **s.SIZES,
    "m": (Annotated[int, "number of neurons"], 40),
    "bias": (Annotated[float, "bias of every neuron"], 0.1),
    "first": (Annotated[float, "deviation of the first layer's start"], 1.0),
    "outer": (Annotated[float, "deviation of the output weights' start"], 0.1),
    "eta": (Annotated[float, "step size"], 0.005),
    "steps": (Annotated[int, "T, number of states that are averaged"], 200),
    "loss": (Annotated[str, "hinge or logistic"], "hinge"),
    "comparator": (Annotated[str, "a~: start, zero, or fitted to the labels on the first layer's start"], "fitted"),
}
COUPLED = Theorem(
    label="shi2023.coupled",
    title="Both layers descend: the mean loss is nearly that of any second layer on the first layer's start",
    reference=Reference("shi2023", "R8.3, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " The instance's rows are the population, every step sees all of them; t = 1 is the start given here.",
    quantities=_QUANTITIES,
    assumptions=(_SHORT,),
    claims=with_looseness(_CLAIMS, coupled=1.5, movement=240.0, slope=28.0),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=({}, {"loss": "logistic"}, {"data": "breast_cancer", "rows": 40}),
)
