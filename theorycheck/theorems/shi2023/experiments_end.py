"""R8.4 and R11 as an experiment: eight runs with the theorem's own hyper-parameters, both sides of the bound beside each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from theorycheck.evidence import Truth
from theorycheck.experiment import Experiment, Observation, Picture, Point, Question, difference
from theorycheck.judge import judge
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.shi2023 import end_to_end as e
from theorycheck.theorems.shi2023 import setting as s

#: epsilon, the features' excess and the multiple of the truth; hinge bounds are below 1 = l(0), and that on linear data with
#: the logistic loss is below log 2 = l(0)
PLANS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("linear", "hinge"): {"epsilon": 0.6, "excess": 0.35, "times": 1.0},
    ("linear", "logistic"): {"epsilon": 0.3, "excess": 0.24, "times": 2.0},
    ("xor", "hinge"): {"epsilon": 0.6, "excess": 0.35, "times": 1.0},
    ("xor", "logistic"): {"epsilon": 0.6, "excess": 0.35, "times": 1.0},
}
DATA = {"data": "orthogonal", "n": 2, "d": 2}


def run(point: Point, seed: int, m: int = 0) -> Mapping[str, float]:
    """Make one run; ``m`` quadruples are drawn, 0 for as many as the theorem asks for."""
    task, loss = str(point["task"]), str(point["loss"])
    instance = e.END_TO_END.example(
        **DATA, task=task, loss=loss, ticket=point["network"] == "ticket", m=m, seed=seed, **PLANS[task, loss]
    )
    seen = e.simulate(instance)
    values = {part.symbol: part.measure(seen) for part in e.END_TO_END.quantities}
    bounds = {part.label: part.bound for part in e.END_TO_END.assumptions} | {part.label: part.bound for part in e.END_TO_END.claims}  # fmt: skip
    found = {label: judge(label, bound, values) for label, bound in bounds.items()}
    mean, given = found["loss"], instance.parameters
    return {
        "mean loss": mean.lhs, "least loss": found["best"].lhs, "bound": mean.rhs, "room": mean.rhs - mean.lhs,
        "right": found["signs"].rhs, "steps": given["T"], "neurons": float(instance.m), "features": found["emerged"].rhs,
        "confirmed": float(all(one.truth is Truth.YES for one in found.values())),
    }  # fmt: skip


def mean_of(number: str) -> Callable[[Sequence[Observation]], float]:
    """Return the statistic: the mean of ``number`` over the seed's runs."""
    return lambda runs: float(np.mean([one.numbers[number] for one in runs]))


_ALL = ("task", "loss", "network")
END_TO_END_RUNS = Experiment(
    label="shi2023.end_to_end_runs",
    title="Both layers trained with the theorem's own hyper-parameters: linear data and XOR, hinge and logistic, all neurons and the ticket",
    reference=Reference("shi2023", "R8.4 and R11, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    protocol="Two orthogonal samples of opposite labels, or XOR in three dimensions; m = (8/p') log(r/0.1) quadruples of neurons, every step, "
    "length and scale as R8.4 says, whose descent sees the whole population. Epsilon, the features' excess and the multiple of the truth: "
    + "; ".join(f"{' '.join(name)} {plan['epsilon']}, {plan['excess']}, {plan['times']:g}" for name, plan in PLANS.items())
    + ". The ticket keeps the neurons that are features after the first step, and their twins.",
    factors={"task": ("linear", "xor"), "loss": e.LOSSES, "network": ("whole", "ticket")},
    numbers={
        "mean loss": "mean loss over the theorem's T steps", "least loss": "least loss", "bound": "the theorem's bound on the mean loss",
        "room": "bound less mean loss", "right": "share of right signs at the best step", "steps": "T", "neurons": "neurons that are trained",
        "features": "neurons in the smallest S_k", "confirmed": "share of runs in which all premises and claims hold",
    },
    observe=run,
    questions=(
        Question("bound", "the mean loss is below the bound", _ALL, mean_of("room")),
        Question("hinge", "the hinge bounds are below 1, the loss of the output 0", ("task", "network"), mean_of("bound"), 0.0, 1.0, {"loss": "hinge"}),
        Question("logistic", "the logistic bound on linear data is below log 2", ("network",), mean_of("bound"), 0.0, math.log(2), {"loss": "logistic", "task": "linear"}),
        Question("fewer steps", "the ticket needs fewer steps than the whole network", ("task", "loss"), difference("steps", "network", "whole", "ticket")),
    ),
    arms="network",
    picture=Picture("paired", "network", "mean loss", "task", ("bound",)),
    seeds=5,
    shown=("mean loss", "least loss", "bound", "right", "steps", "neurons", "features", "confirmed"),
)  # fmt: skip
