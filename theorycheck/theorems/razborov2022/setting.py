"""What the cards of razborov2022 share: measures of the two-rate tangent Gram, instances, labels at the edge of a test.

Model (section 1): ``f = kappa sum_j a_j s(w_j . x)``, both layers trained at rates eta_W and eta_a, loss ``|f - y|^2/2``.
Labels are chosen after data *and* weights: the adversary sees everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.certify.checkpoint import instance_of
from theorycheck.certify.problem import of_instance
from theorycheck.certify.recipe import Dynamics
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance, with_parameters
from theorycheck.spectrum import least_eigenvalue, measured_least
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.certificates import guess, search_r0, search_r1
from theorycheck.theorems.razborov2022.examples import problem as problem_of_flags
from theorycheck.theorems.razborov2022.knapsack import Sample, estimate, sample

NOTATION = (
    "n samples, d dimensions, m neurons. f = kappa sum_j a_j s(w_j . x), both layers trained, W at rate eta_W and a at rate "
    "eta_a; loss |f - y|^2/2. K_0: the tangent Gram at time 0 with the rates in it, alpha^2 its least eigenvalue. c: the "
    "share of alpha by which the Jacobian may move. M: the most output weight, squared, on gates of one sample that can flip."
)

relu = t.relu
rate, moved_W, moved_a = sp.symbols("R_t W_T a_T", nonnegative=True)
least = sp.Symbol("ell_t", real=True)


# --- measures ------------------------------------------------------------------------------------------


def _start_gram(instance: Instance) -> tuple[Array, float]:
    """Return the tangent Gram at time 0 and a bound on its rounding."""
    gram = instance.start[1]
    with np.errstate(all="ignore"):
        return gram, (16 + 4 * (instance.d + instance.m)) * np.finfo(float).eps * float(np.trace(gram))


@lru_cache(maxsize=16)
def extremes(instance: Instance) -> tuple[Measured, Measured]:
    """Return the least and the largest eigenvalue of the tangent Gram at time 0, rates included."""
    gram, doubt = _start_gram(instance)
    if not (np.all(np.isfinite(gram)) and math.isfinite(doubt)):
        return Measured(np.nan), Measured(np.nan)
    found = measured_least(least_eigenvalue(gram, doubt))
    top = float(np.linalg.eigvalsh(gram)[-1])
    # never below 0: it is a Gram
    low = max(float(found.value - found.error), 0.0)
    return Measured.between(low, max(float(found.value + found.error), low)), Measured(top, doubt + 1e-13 * abs(top))


@lru_cache(maxsize=8)
def neurons(instance: Instance) -> Sample:
    """Return the neurons of an instance (a sample, if they are many), for each input in the order of z^2/a^2."""
    return sample(of_instance(instance), lambda fraction, stage: None)


def flip_mass(instance: Instance, radius: float) -> float:
    """Return M: the most mass ``sum a_j^2`` of gates of one sample that weights moving by ``radius`` can flip."""
    return estimate(neurons(instance), radius)


def mass_at(dynamics: Dynamics) -> measure.Measure:
    """Return a measure of M at the radius ``sqrt(eta_W)`` times the path's length."""

    def read(run: Run) -> Measured:
        instance = run.instance
        if neurons(instance).share < 1:
            return Measured(np.nan)  # too many to be sorted: a sample of them bounds nothing
        low, top = (found(run) for found in (alpha_squared, largest))
        values = {
            t.alpha_squared: low, t.top: top, t.r_0: measure.initial_residual(run), t.c: Measured(instance.parameters["c"]),
        }  # fmt: skip
        ends = []
        for sign in (-1, 1):
            # a longer path where alpha is less and the rest more
            at = {
                symbol: float(one.value + (-sign if symbol == t.alpha_squared else sign) * one.error)
                for symbol, one in values.items()
            }
            with np.errstate(all="ignore"):
                path = guess(t.PATH[dynamics], at)
            ends.append(
                flip_mass(instance, math.sqrt(instance.rates[0]) * path * (1 + sign * 1e-9)) if path > 0 else math.inf
            )
        if not all(map(math.isfinite, ends)):
            return Measured(np.nan)
        return Measured.between(ends[0] * (1 - 1e-9), max(ends) * (1 + 1e-9))

    return read


def alpha_squared(run: Run) -> Measured:
    """Return the least eigenvalue of the tangent Gram at time 0."""
    return extremes(run.instance)[0]


def largest(run: Run) -> Measured:
    """Return the largest eigenvalue of the tangent Gram at time 0."""
    return extremes(run.instance)[1]


def input_norm(run: Run) -> Measured:
    """Return ``|X|``, the spectral norm of the inputs."""
    found = measure.spectral_square(run)
    value = math.sqrt(max(float(found.value), 0.0))
    return Measured(value, float(found.error) / value if value > 0 else math.sqrt(float(found.error)))


def longest(run: Run) -> Measured:
    """Return ``max_i |x_i|``."""
    found = measure.largest_norm_squared(run)
    value = math.sqrt(float(found.value))
    return Measured(value, float(found.error) / value if value > 0 else 0.0)


def weights_moved(run: Run) -> Measured:
    """Return ``|W_T - W_0|_F`` at the last time."""
    if run.trajectory is None:
        raise NoTrajectory("movement belongs to a flow: simulate the instance first")
    value = float(np.linalg.norm(run.trajectory.final_weights - run.instance.weights))
    scale = float(np.linalg.norm(run.instance.weights))
    return Measured(value, 1e-8 * value + 1e-12 * scale)


def outer_moved(run: Run) -> Measured:
    """Return ``|a_T - a_0|`` at the last time."""
    if run.trajectory is None:
        raise NoTrajectory("movement belongs to a flow: simulate the instance first")
    if run.trajectory.final_outer is None:
        return Measured(0.0, 0.0, rigorous=True)
    # the outer weights of the normal form carry the output scale
    change = (run.trajectory.final_outer[:, 0] - run.instance.network.outer[:, 0]) / run.instance.output_scale
    value, scale = float(np.linalg.norm(change)), float(np.linalg.norm(run.instance.signs))
    return Measured(value, 1e-8 * value + 1e-12 * scale)


SHARED = (
    Quantity(t.alpha_squared, "least eigenvalue of the tangent Gram at time 0", alpha_squared),
    Quantity(t.r_0, "|y - f| at time 0", measure.initial_residual),
    Quantity(t.X_norm, "spectral norm of the inputs", input_norm),
    Quantity(t.kappa, "output scale", measure.constant(lambda run: float(run.instance.output_scale))),
    Quantity(t.eta_W, "rate of the first layer", measure.constant(lambda run: run.instance.rates[0])),
    Quantity(t.eta_a, "rate of the output weights", measure.constant(lambda run: run.instance.rates[1])),
    Quantity(t.c, "share of alpha by which the Jacobian may move", measure.parameter("c")),
    Quantity(relu, "1 if the activation is max(0, z), else 0", measure.constant(lambda run: run.instance.activation.leak == 0.0)),
)  # fmt: skip
FLOW = (
    Quantity(rate, "log(L_0/L_t)/t", measure.decay_rate),
    Quantity(least, "least eigenvalue of the tangent Gram at time t", measure.least_along),
    Quantity(moved_W, "Frobenius norm of W_T - W_0", weights_moved),
    Quantity(moved_a, "Euclidean norm of a_T - a_0", outer_moved),
)

SMOOTH = (
    Quantity(t.slope, "sup |s'|", measure.slope_supremum),
    Quantity(t.curvature, "sup |s''|", measure.curvature_supremum),
    Quantity(t.a_max, "largest |a_j| at time 0", measure.constant(lambda run: float(np.abs(run.instance.signs).max()))),
    Quantity(t.x_max, "largest norm of an input", longest),
)  # fmt: skip

RELU = Assumption("ReLU", "the activation is max(0, z)", Bound(sp.S.One, relu))


# --- instances -----------------------------------------------------------------------------------------


def ratio(instance: Instance, dynamics: Dynamics, split: float, size: float) -> float:
    """Return the left side of R1's test (R0's if the activation is smooth) over the right one, for a residual of this size."""
    run = Run(instance)
    values = {
        t.alpha_squared: float(alpha_squared(run).value), t.top: float(largest(run).value), t.r_0: size, t.c: split,
        t.X_norm: float(input_norm(run).value), t.kappa: instance.output_scale, t.eta_W: instance.rates[0], t.eta_a: instance.rates[1],
    }  # fmt: skip
    if not all(map(math.isfinite, values.values())) or not values[t.alpha_squared] > 0:
        return math.inf
    if dynamics == "descent" and not guess(t.Q, values) > 0:
        return math.inf
    if instance.activation.leak == 0.0:
        path = guess(t.PATH[dynamics], values)
        values[t.mass] = flip_mass(instance, math.sqrt(instance.rates[0]) * path) if math.isfinite(path) else math.inf
        change = t.CHANGE_R1[dynamics]
    else:
        values |= {one.symbol: float(one.measure(run).value) for one in SMOOTH}
        change = t.CHANGE_SMOOTH[dynamics]
    return guess(change, values) / (split * math.sqrt(values[t.alpha_squared]))


def best_split(instance: Instance, dynamics: Dynamics) -> float:
    """Return the split that the certificate would choose: the least that passes, else the one that comes closest."""
    search = search_r1 if instance.activation.leak == 0.0 else search_r0
    return float(search(of_instance(instance), dynamics, lambda fraction, stage: None).choices["c"])


def allowed(excess: Callable[[float], float]) -> float:
    """Return about the largest residual at which a test passes (its left side at most 1 of the right), 0 if there is none."""
    low, high = 0.0, 1e-6
    if not excess(high) <= 1:
        return 0.0
    while excess(high) <= 1 and high < 1e12:
        low, high = high, 4 * high
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if excess(middle) <= 1 else (low, middle)
    return low


def build(flags: dict[str, Any], dynamics: Dynamics) -> Instance:
    """Make an instance of a certificate's example: both layers, split ``c`` (0 searches the best)."""
    if not 0 <= flags["c"] < 1:
        raise BadInput(f"--c must lie in (0, 1), or be 0 to search the best, not {flags['c']:g}")
    if flags["level"] < 0:
        raise BadInput(f"--level must be at least 0, not {flags['level']:g}")
    own = {name: value for name, value in flags.items() if name not in ("c", "level")}
    found = problem_of_flags(own)
    instance = replace(instance_of(found), description={"data": flags["data"], "flags": dict(flags)}, notes=found.notes)
    split = flags["c"] or (0.2 if flags["level"] else best_split(instance, dynamics))
    instance = with_parameters(instance, c=split)
    return placed(instance, dynamics, flags["level"]) if flags["level"] else instance


def placed(instance: Instance, dynamics: Dynamics, level: float, direction: Array | None = None) -> Instance:
    """Put the labels at ``level`` times the residual that R1's (R0's) test allows, in a direction (the Gram's weakest one)."""
    return put(
        instance, level * (allowed(partial(ratio, instance, dynamics, instance.parameters["c"])) or 1.0), direction
    )


def put(instance: Instance, size: float, direction: Array | None = None) -> Instance:
    """Put the labels at a distance from the initial output, in a direction (the Gram's weakest one)."""
    towards = np.linalg.eigh(instance.start[1])[1][:, 0] if direction is None else direction
    return instance.with_labels(instance.labels - instance.start[0] + size * towards / np.linalg.norm(towards))


def network(
    inputs: Array,
    m: int,
    rates: tuple[float, float],
    scale: float,
    seed: int,
    about: dict[str, Any],
    name: str = "relu",
) -> Instance:
    """Return a network with Gaussian weights, signs for output weights, and labels 0."""
    generator = np.random.default_rng([seed, 5])
    weights, signs = generator.standard_normal((m, inputs.shape[1])), generator.choice([-1.0, 1.0], m)
    return Instance(
        inputs, np.zeros(len(inputs)), weights, signs, np.ones(m), TWO_LAYER, activation(name),
        {}, {"m": m, "seed": seed, **about}, rates=rates, output_scale=scale,
    )  # fmt: skip
