"""Features are learnt if and only if gamma < 1: movement per node and of the tangent Gram over widths (section 3.5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from theorycheck.experiment import Experiment, Observation, Picture, Point, Question, exponent
from theorycheck.flow.descent import descend
from theorycheck.model import Instance, node_scales
from theorycheck.network import output_and_gram
from theorycheck.statement import Reference, Standing
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import ASYMMETRIC

Statistic = Callable[[Sequence[Observation]], float]
SAMPLES, DIMENSION, ALPHA = 10, 5, 0.5
SCALINGS = {"gamma = 1": 1.0, "gamma = 1/2": 0.5, "gamma = 0": 0.0}
WIDTHS = (100, 1000, 10_000, 100_000)
#: time of the flow, in units of d/s_X (the fastest rate that the tangent Gram may have), and steps for each unit
TIME, STEPS = 50.0, 4


def network(m: int, gamma: float, seed: int, activation: str) -> Instance:
    """Return a network with labels +-1; wider ones of a seed begin with its narrower ones, whatever gamma."""
    data, weights, signs = (np.random.default_rng([seed, 51, k]) for k in range(3))
    inputs = data.standard_normal((SAMPLES, DIMENSION))
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    return Instance(
        inputs, data.choice([-1.0, 1.0], SAMPLES), weights.standard_normal((m, DIMENSION)), signs.choice([-1.0, 1.0], m),
        node_scales(m, gamma, ALPHA), ASYMMETRIC, read_activation(activation), {"gamma": gamma, "alpha": ALPHA}, {"m": m, "seed": seed},
    )  # fmt: skip


def movement(point: Point, seed: int, activation: str = "relu", time: float = TIME) -> Mapping[str, float]:
    """Follow one network for a while and return how far nodes and tangent Gram have moved."""
    instance = network(int(point["m"]), SCALINGS[str(point["scaling"])], seed, activation)
    unit = instance.d / float(np.linalg.norm(instance.inputs, 2)) ** 2
    steps = round(time * STEPS)
    end = descend(instance, step=unit / STEPS, steps=steps, record=[0, steps])
    before, after = instance.start[1], output_and_gram(end.network)[1]
    moved = np.linalg.norm(end.network.weights - instance.weights, axis=1)
    return {
        "farthest": float(moved.max()), "first": float(moved[0]), "typical": float(np.median(moved)),
        "gram change": float(np.linalg.norm(after - before, 2)), "all": float(np.linalg.norm(moved)),
        "loss left": float(end.loss[1] / end.loss[0]),
    }  # fmt: skip


NUMBERS = {
    "farthest": "largest movement of a node", "first": "movement of node 1, the one of the largest scale", "typical": "median movement of the nodes",
    "gram change": "|Theta_t - Theta_0|_2", "all": "|W_t - W_0|_F", "loss left": "L_t/L_0",
}  # fmt: skip


def apart(number: str) -> Statistic:
    """Return the statistic: by how much the exponent of m is larger for gamma = 1/2 than for gamma = 1."""
    of = exponent(number, "m")

    def between(runs: Sequence[Observation]) -> float:
        slopes = [of([run for run in runs if run.point["scaling"] == name]) for name in ("gamma = 1/2", "gamma = 1")]
        return slopes[0] - slopes[1] if all(map(math.isfinite, slopes)) else math.nan

    return between


def _questions(gram: tuple[float, float]) -> tuple[Question, ...]:
    """Return the questions; ``gram`` is where the exponent of the tangent Gram's change lies for gamma = 1."""
    lazy, half, heavy = ({"scaling": name} for name in SCALINGS)
    low, high = gram
    stays = "q between -0.1 and 0.1"
    return (
        Question("node, gamma = 1", "the farthest node's movement vanishes like m^q, q between -0.6 and -0.35", (), exponent("farthest", "m"), -0.6, -0.35, lazy),
        Question("node, gamma = 1/2", f"it stays: {stays}", (), exponent("farthest", "m"), -0.1, 0.1, half),
        Question("node, gamma = 0", f"it stays: {stays}", (), exponent("farthest", "m"), -0.1, 0.1, heavy),
        Question("gram, gamma = 1", f"the tangent Gram's change vanishes like m^q, q between {low:g} and {high:g}", (), exponent("gram change", "m"), low, high, lazy),
        Question("gram, gamma = 1/2", f"it stays: {stays}", (), exponent("gram change", "m"), -0.1, 0.1, half),
        Question("gram, gamma = 0", f"it stays: {stays}", (), exponent("gram change", "m"), -0.1, 0.1, heavy),
        Question("apart, node", "the two exponents of the farthest node differ by more than 0.3", (), apart("farthest"), 0.3),
        Question("apart, gram", "and those of the tangent Gram's change", (), apart("gram change"), 0.3),
        Question("all", "the movement of all nodes together stays in either case: q between -0.15 and 0.15", ("scaling",), exponent("all", "m"), -0.15, 0.15),
        Question("typical", "the median node's movement vanishes in either case, q below -0.4", ("scaling",), exponent("typical", "m"), -math.inf, -0.4),
    )  # fmt: skip


def _over_widths(label: str, activation: str, observe: Callable[[Point, int], Mapping[str, float]], gram: tuple[float, float]) -> Experiment:  # fmt: skip
    return Experiment(
        label=label,
        title=f"Features are learnt if and only if gamma < 1: movement over widths ({activation})",
        reference=Reference("caron2023", "section 3.5", "the abstract's claim, with our protocol"),
        standing=Standing.ABSTRACT,
        protocol=f"n = {SAMPLES} samples on the unit sphere in d = {DIMENSION}, labels +-1, {activation}, weights N(0, 1), node scales gamma/m + (1 - gamma) j^(-2)/H; wider networks "
        f"of a seed begin with its narrower ones. Gradient descent for the time {TIME:g} d/s_X of the flow, {STEPS} steps for each d/s_X.",
        factors={"scaling": tuple(SCALINGS), "m": WIDTHS},
        numbers=NUMBERS,
        observe=observe,
        questions=_questions(gram),
        arms="scaling",
        picture=Picture("curves", "m", "farthest", "scaling", ("gram change",)),
        seeds=10,
    )  # fmt: skip


RELU = _over_widths("caron2023.feature_learning", "relu", movement, (-0.75, -0.35))
TANH = _over_widths("caron2023.feature_learning_smooth", "tanh", partial(movement, activation="tanh"), (-1.1, -0.9))
