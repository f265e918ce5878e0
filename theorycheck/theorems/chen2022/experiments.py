"""The two experiments of chen2022: feature movement over widths (4.10), and generalisation (section 5 of the theory).

Mean field and NTK are the same network: ``kappa = sqrt m`` for 1 and time slowed by 1/m (section 1). Initial weights,
initial output (0, neurons being mirrored) and initial tangent Gram are equal, so one step size serves both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from theorycheck.experiment import Experiment, Picture, Point, Question, difference, exponent
from theorycheck.flow import follow
from theorycheck.flow.descent import descend
from theorycheck.grams import Array
from theorycheck.judge import judge
from theorycheck.model import Instance
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.chen2022 import movement as mv
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022.steep_everywhere import briefly

MEAN_FIELD, NTK = "mean field", "NTK"


def scaled(instance: Instance, scaling: str) -> Instance:
    """Return a mean-field instance in one of the two scalings: the same initial weights, output and tangent Gram.

    The instance must start at output 0.
    """
    if scaling == MEAN_FIELD:
        return instance
    first, second = instance.rates
    return replace(
        instance, signs=instance.signs * math.sqrt(instance.m), rates=(first / instance.m, second), redraw=None
    )


# --- 4.10: how far the weights move ---------------------------------------------------------------


def _movement(point: Point, seed: int) -> Mapping[str, float]:
    # a stream of its own: the weights' is [seed, 0], which is the same as seed
    generator = np.random.default_rng([seed, 12])
    inputs, labels = generator.standard_normal((6, 30)), generator.uniform(-1, 1, 6)
    m = int(point["m"])
    # the NTK in mean-field time: another time scale, the same path
    kappa = 1.0 if point["scaling"] == MEAN_FIELD else math.sqrt(m)
    instance = s.drawn(inputs, labels, width=m, activation="tanh", kappa=kappa, seed=seed)
    # many saved times: between them the tangent Gram's least eigenvalue is only bounded
    run = follow(instance, briefly(instance), count=1500)
    values = {part.symbol: part.measure(run) for part in mv.QUANTITIES}
    lower, upper = (judge(claim.label, claim.bound, values) for claim in mv.MOVEMENT.claims)
    return {"W": lower.rhs, "lower bound": lower.lhs, "upper bound": upper.rhs}


MOVEMENT = Experiment(
    label="chen2022.movement_over_widths",
    title="Feature movement over widths: it stays in the mean field, and falls like m^(-1/2) in the NTK's scaling",
    reference=Reference("chen2022", "section 4.10", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    protocol="n = 6 Gaussian samples in d = 30 dimensions, labels uniform in [-1, 1], tanh, mirrored neurons, |c_i| = 1 "
    "(mean field) or sqrt m (NTK); flow until the loss is gone. Lines: the bounds of the card chen2022.movement.",
    factors={"scaling": (MEAN_FIELD, NTK), "m": (50, 200, 800, 3200)},
    numbers={
        "W": "root mean square movement of the weights",
        "lower bound": "proved: what the output's movement asks for",
        "upper bound": "proved: what the loss consumed pays for",
    },
    observe=_movement,
    questions=(
        Question("NTK", "the movement falls like m^q with q between -0.6 and -0.4", (), exponent("W", "m"), -0.6, -0.4, {"scaling": NTK}),
        Question("mean field", "the movement stays: m^q with q between -0.05 and 0.05", (), exponent("W", "m"), -0.05, 0.05, {"scaling": MEAN_FIELD}),
        Question("farther", "weights move farther in the mean field", ("m",), difference("W", "scaling", MEAN_FIELD, NTK)),
    ),
    arms="scaling",
    picture=Picture("curves", "m", "W", "scaling", ("lower bound", "upper bound")),
    seeds=5,
)  # fmt: skip


# --- generalisation -------------------------------------------------------------------------------

TRAIN, TEST, HIDDEN, WIDTH, STEPS = 200, 500, 256, 128, 3000
_ABS = math.sqrt(2 / math.pi)
TASKS: Mapping[str, tuple[int, Callable[[Array], Array]]] = {
    "|x1|": (20, lambda x: np.abs(x[:, 0]) - _ABS),
    "x1 x2": (20, lambda x: x[:, 0] * x[:, 1]),
    "sin 2 x1": (20, lambda x: np.sin(2 * x[:, 0])),
    "|x1|, d = 40": (40, lambda x: np.abs(x[:, 0]) - _ABS),
}


def alignment(features: Array, labels: Array) -> float:
    """Return the centred alignment of the kernel ``features features'`` with ``y y'``, in [0, 1]."""
    features, labels = features - features.mean(axis=0), labels - labels.mean()
    product = features.T @ labels
    return float(product @ product / (np.linalg.norm(features.T @ features) * (labels @ labels)))


@lru_cache(maxsize=4)
def _problem(task: str, seed: int) -> tuple[Instance, Array, Array]:
    """Return the mean-field network on ReLU features of the training data, test features, test labels."""
    d, target = TASKS[task]
    generator = np.random.default_rng([seed, 11])
    data, frozen = generator.standard_normal((TRAIN + TEST, d)), generator.standard_normal((HIDDEN, d))
    features, labels = np.maximum(data @ frozen.T / math.sqrt(d), 0.0), target(data)
    # phi/sqrt M: the instance divides by the root of its dimension, M
    instance = s.drawn(features[:TRAIN], labels[:TRAIN], width=WIDTH, activation="relu", seed=seed)
    return instance, features[TRAIN:], labels[TRAIN:]


def generalise(point: Point, seed: int, steps: int = STEPS) -> Mapping[str, float]:
    """Train one network by full-batch gradient descent and return its errors and kernel alignments on test data."""
    plain, features, labels = _problem(str(point["task"]), seed)
    instance = scaled(plain, str(point["scaling"]))
    # n/Lambda_max: section 4.12's first condition for slopes of at most 1, in mean-field time
    step = instance.n / float(np.linalg.norm(plain.inputs * plain.inner, 2)) ** 2
    end = descend(instance, step=step, steps=steps, record=1).network.weights

    def hidden(inputs: Array, weights: Array) -> Array:
        return np.asarray(np.maximum(instance.inner * inputs @ weights.T, 0.0))

    before, after = hidden(features, instance.weights), hidden(features, end)
    outer = instance.outer.ravel()
    moved = float(np.linalg.norm(end - instance.weights) / np.linalg.norm(instance.weights))
    train = float(np.mean((hidden(instance.inputs, end) @ outer - instance.labels) ** 2))
    first, last = alignment(before, labels), alignment(after, labels)
    return {
        "train error": train, "test error": float(np.mean((after @ outer - labels) ** 2)), "test variance": float(np.var(labels)),
        "alignment before": first, "alignment after": last, "alignment gain": last - first, "movement": moved,
    }  # fmt: skip


GENERALISATION = Experiment(
    label="chen2022.generalisation",
    title="Three layers, the middle one trained: mean field against NTK on unseen data",
    reference=Reference("chen2022", "section 5 of the theory file", "our protocol, after the abstract's claim; the paper's data are not known"),
    standing=Standing.ABSTRACT,
    protocol=f"x ~ N(0, I), {TRAIN} training and {TEST} test samples; {HIDDEN} frozen ReLU features, {WIDTH} trained ReLU neurons in "
    f"mirrored pairs, output weights frozen; {STEPS} steps of full-batch gradient descent at n/Lambda_max. Both scalings share "
    "data, initial weights, initial output 0, initial tangent Gram and step size.",
    factors={"task": tuple(TASKS), "scaling": (MEAN_FIELD, NTK)},
    numbers={
        "train error": "mean squared error on the training data",
        "test error": "mean squared error on test data",
        "test variance": "what predicting the mean would cost",
        "alignment before": "centred alignment of the trained layer's kernel with y y' on test data, at the start",
        "alignment after": "the same at the end",
        "alignment gain": "their difference",
        "movement": "|W_T - W_0| / |W_0|",
    },
    observe=generalise,
    questions=(
        Question("test error", "the mean field has the smaller test error", ("task",), difference("test error", "scaling", NTK, MEAN_FIELD)),
        Question("alignment", "the mean field's kernel gains more alignment with the labels", ("task",), difference("alignment gain", "scaling", MEAN_FIELD, NTK)),
        Question("movement", "the mean field's weights move farther", ("task",), difference("movement", "scaling", MEAN_FIELD, NTK)),
    ),
    arms="scaling",
    picture=Picture("paired", "scaling", "test error", "task", ("test variance",)),
    seeds=10,
)  # fmt: skip
