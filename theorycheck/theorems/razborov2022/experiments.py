"""The experiments of razborov2022: convergence beyond the NTK regime (section 5 of the theory)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from theorycheck.experiment import Experiment, Observation, Picture, Point, Question, exponent, threshold
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.razborov2022 import phase, phase_outcome
from theorycheck.theorems.razborov2022.experiments_widths import CHAIN, FIRST, LECUN, ORDERS

SAMPLES, DIMENSION, STEPS = 40, 10, 20_000
DENSITIES = (0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 100)


def diagram(point: Point, seed: int, steps: int = STEPS) -> Mapping[str, float]:
    """Make one run of the phase diagram: n = 40, d = 10, and the width that ``md/n`` says."""
    m = round(float(point["md/n"]) * SAMPLES / DIMENSION)
    return phase_outcome.observed(
        phase.posed(SAMPLES, DIMENSION, m, str(point["rates"]), str(point["labels"]), seed), steps
    )


# --- statistics -----------------------------------------------------------------------------------


def at_success(number: str) -> Callable[[Sequence[Observation]], float]:
    """Return the statistic: ``number`` at the least md/n at which the seed's run succeeded, averaged over labels."""

    def of(runs: Sequence[Observation]) -> float:
        first: dict[str, Observation] = {}
        for run in sorted(runs, key=lambda run: float(run.point["md/n"])):
            if run.numbers["success"]:
                first.setdefault(str(run.point["labels"]), run)
        return float(np.mean([run.numbers[number] for run in first.values()])) if first else math.nan

    return of


def typical(number: str) -> Callable[[Sequence[Observation]], float]:
    """Return the statistic: the median of ``number`` over the seed's runs where it exists."""

    def of(runs: Sequence[Observation]) -> float:
        values = [run.numbers[number] for run in runs if math.isfinite(run.numbers[number])]
        return float(np.median(values)) if values else math.nan

    return of


def from_density(
    statistic: Callable[[Sequence[Observation]], float], least: float
) -> Callable[[Sequence[Observation]], float]:
    """Return a statistic of the runs with ``md/n`` at least so large."""
    return lambda runs: statistic([run for run in runs if float(run.point["md/n"]) >= least])


def share(number: str, of_those: Callable[[Observation], bool]) -> Callable[[Sequence[Observation]], float]:
    """Return the statistic: the mean of ``number`` over the seed's runs that are such; NaN without one."""

    def of(runs: Sequence[Observation]) -> float:
        values = [run.numbers[number] for run in runs if of_those(run)]
        return float(np.mean(values)) if values else math.nan

    return of


_OURS = Reference(
    "razborov2022",
    "section 5 of the theory file",
    "our protocol, after the abstract's claim; the paper's settings are not known",
)
_LAZY = from_density(exponent("gram moved", "md/n"), 8)
PHASE = Experiment(
    label="razborov2022.phase",
    title="Beyond the NTK regime: where gradient descent fits adversarial labels, for four ratios of the rates",
    reference=_OURS,
    standing=Standing.ABSTRACT,
    protocol=f"n = {SAMPLES} Gaussian samples in d = {DIMENSION} dimensions, Gaussian weights in both layers, kappa = 1/sqrt(m d), ReLU; rates "
    "phi : 1 - phi with phi = 1 (first layer), 1/2 (equal), d/(m + d) (LeCun), 0 (last layer); steps such that the largest "
    f"eigenvalue of the tangent Gram K_0 is 1/2; at most {STEPS} steps of full-batch gradient descent. Labels of norm sqrt n: random "
    "signs, all equal, all in one sample (spiked), or chosen after the weights so that the residual is K_0's weakest eigenvector. "
    "Success: 2L/n at most 1e-4. Thresholds: Spearman and Karber, in the logarithm of md/n.",
    factors={"rates": tuple(phase.PHI), "labels": phase.LABELS, "md/n": DENSITIES},
    numbers=phase_outcome.NUMBERS,
    observe=diagram,
    questions=(
        Question("threshold", "runs succeed from some md/n below 4 on: a few weights for every sample", ("rates", "labels"), threshold("success", "md/n"), 0.0, 4.0),
        Question("last layer", "the last layer alone needs as many neurons as samples: md/n at least d = 10", ("labels",), threshold("success", "md/n"), float(DIMENSION), math.inf, {"rates": "last layer"}),
        Question("not lazy", "where runs begin to succeed, the tangent Gram moves by more than a tenth of itself", ("rates",), at_success("gram moved"), 0.1),
        Question("lazy, first layer", "with the first layer alone the tangent Gram's movement falls like (md/n)^q, q between -0.7 and -0.3, from md/n = 8 on", (), _LAZY, -0.7, -0.3, {"labels": "random", "rates": "first layer"}),
        Question("lazy, equal", "and so with equal rates", (), _LAZY, -0.7, -0.3, {"labels": "random", "rates": "equal"}),
        Question("lazy, LeCun", "and faster, q below -0.8, with LeCun's rates, whose first layer slows down like 1/m", (), _LAZY, -math.inf, -0.8, {"labels": "random", "rates": "LeCun"}),
        Question("rate", "in the end the loss falls at the rate of K_T's least eigenvalue, to a factor of 2", ("rates", "labels"), typical("rate over least"), 0.5, 2.0),
        Question("chatter", "in the end more than 1 % of the gates flip at every step: they slide along their kinks", ("rates", "labels"), typical("chatter"), 0.01),
    ),
    arms="rates",
    picture=Picture("map", "md/n", "success", "labels", ("plateau",)),
    seeds=10,
    shown=("success", "plateau", "loss", "gram moved"),
)  # fmt: skip


FEW, MANY_DIMENSIONS = 20, 40


def narrow(point: Point, seed: int, steps: int = STEPS) -> Mapping[str, float]:
    """Make one run with fewer samples than dimensions and few neurons, where samples die."""
    return phase_outcome.observed(
        phase.posed(FEW, MANY_DIMENSIONS, int(point["m"]), str(point["rates"]), str(point["labels"]), seed), steps
    )


DEAD = Experiment(
    label="razborov2022.dead_samples",
    title="Plateaus of few neurons: the loss that is left is that of samples without an open gate",
    reference=_OURS,
    standing=Standing.DERIVED,
    protocol=f"n = {FEW} Gaussian samples in d = {MANY_DIMENSIONS} dimensions, else as in razborov2022.phase. A sample is dead where all its gates were "
    f"closed at each of the last {phase.ASLEEP} steps: its output was 0 and its residual constant all that time. A run whose other "
    "samples are fitted to 1e-4 is at a plateau, 2L/n = k/n for k dead samples; it did not fail to converge.",
    factors={"rates": tuple(phase.PHI), "labels": ("random", "equal"), "m": (1, 2, 3, 4, 6, 8, 12, 16)},
    numbers=phase_outcome.NUMBERS,
    observe=narrow,
    questions=(
        Question("plateau", "of the runs that do not succeed, nine in ten end at the loss of their dead samples", ("rates",), share("plateau", lambda run: not run.numbers["success"]), 0.9),
        Question("dead", "training makes more samples dead than the draw did", ("rates",), share("killed", lambda run: True)),
    ),
    arms="rates",
    picture=Picture("map", "m", "success", "labels", ("plateau",)),
    seeds=10,
    shown=("success", "plateau", "dead before", "dead", "loss"),
)  # fmt: skip

EXPERIMENTS = (PHASE, DEAD, LECUN, FIRST, CHAIN, ORDERS)
