"""The experiments of caron2023: the published simulated one, run again beside its published figures (sections 5.1, 5.3, 5.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from theorycheck.experiment import Experiment, Picture, Point, Published, Question, Series, difference
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.caron2023 import course as co
from theorycheck.theorems.caron2023 import published as pub
from theorycheck.theorems.caron2023 import uses as us
from theorycheck.theorems.caron2023.experiments_real import REAL
from theorycheck.theorems.caron2023.experiments_widths import RELU, TANH
from theorycheck.theorems.caron2023.statistics import (
    HEAVIEST,
    NTK,
    largest_rise,
    least_gain,
    least_rise,
    mean_of,
    ratio,
    times,
)

#: recorded steps
LOOKS = (0, 1000, 2000, *range(5000, pub.STEPS + 1, 5000))


def again(
    point: Point, seed: int, looks: Sequence[int] = LOOKS, m: int = pub.WIDTH, **second: int
) -> Mapping[str, float]:
    """Make one run of the published experiment, with data and weights of the seed; ``second`` is for the second network."""
    data = pub.simulated(seed)
    instance = pub.posed(data.train, str(point["configuration"]), seed, m)
    run = co.simulated_course(data, instance, looks)
    on_the_way = {
        f"{name} at {step}": float(value) for name in co.COURSE for step, value in zip(run.steps, run.seen[name], strict=True)
    }  # fmt: skip
    lost = 1 - float(np.sum(instance.scales))
    return {**on_the_way, **us.used(run.network, instance.scales, data, seed, **second), "scale lost": lost}


def begin(point: Point, seed: int, m: int = pub.WIDTH) -> Mapping[str, float]:
    """Make the first thousand steps of one run."""
    data = pub.simulated(seed)
    seen = co.simulated_course(data, pub.posed(data.train, str(point["configuration"]), seed, m), (0, EARLY)).seen
    last = {f"{name} at {EARLY}": float(seen[name][1]) for name in ("train risk", "test risk")}
    return {"least at 0": float(seen["least"][0]), **last}


EARLY, END = 1000, pub.STEPS
#: 0 at the start, where a logarithmic axis cannot show them
_FROM_ZERO = ("moved", "gram change", "root of gram change")
#: titles of the picture's panels
_PANELS = {
    "train risk": "train risk", "test risk": "test risk", "moved": "movement of the node that moves most",
    "gram change": "change of the tangent Gram, operator norm", "root of gram change": "its square root (the published figure)",
    "least": "least eigenvalue of the tangent Gram",
}  # fmt: skip
_FIGURES = Reference("caron2023", "section 5.3", "read off the published figures")


def _published(*numbers: str) -> tuple[Published, ...]:
    """Return the published figures of some numbers."""
    return tuple(
        Published(number, {"configuration": name}, value, _FIGURES, 5)
        for number in numbers
        for name, value in zip(pub.CONFIGURATIONS, pub.FIGURES[number], strict=True)
    )


SIMULATED = Experiment(
    label="caron2023.published",
    title="The published simulated experiment, run again: four node scalings from NTK to heavy",
    reference=Reference("caron2023", "sections 5.1 to 5.5", "protocol of the published code; its data set is not published"),
    standing=Standing.ABSTRACT,
    protocol=f"n = {pub.SAMPLES} samples uniform on the unit sphere in d = {pub.DIMENSION}, y = (5/d) sum_l sin(pi x_l) + N(0, 0.1^2), m = {pub.WIDTH} ReLU nodes, weights N(0, 2), "
    f"first layer trained by {pub.STEPS} full-batch steps at rate 1 on the mean squared error, in doubles; node scales as the code samples them. Data are drawn anew for every seed (the published ones are lost: 5 runs on one data "
    "set), so that the spread holds the draw of data too; that of the published mean is at least the error that it is held against (its data set is one draw), so that yes says more than no. Pruning: least scales first, no retraining. Transfer (the code's protocol for real data, on fresh samples of the same law): features "
    "of largest scale, frozen; a network k - 64 - 64 - 1 trained on them, 5000 steps at rate 0.1.",
    factors={"configuration": tuple(pub.CONFIGURATIONS)},
    numbers={
        **{f"{name} at {step}": f"{says}, after {step} steps" for name, says in co.COURSE.items() for step in LOOKS},
        **us.USED, "scale lost": "1 - sum_j lambda_j: what the sampler loses",
    },
    observe=again,
    questions=(
        Question("movement", "the farthest node moves farther in every more asymmetric configuration (least rise of the logarithm)", (), least_rise(f"moved at {END}")),
        Question("26 times", "the farthest node of gamma = 0 moves 26 times as far as that of gamma = 1 (read off the figures), to a quarter", (), times(f"moved at {END}", HEAVIEST, NTK), 0.75 * 26, 1.25 * 26),
        Question("gram", "the tangent Gram changes more in every more asymmetric configuration", (), least_rise(f"gram change at {END}")),
        Question("slower", "training is slower in every more asymmetric configuration: the final train risk is larger", (), least_rise(f"train risk at {END}")),
        Question("test", "asymmetry costs test risk here: gamma = 0 less gamma = 1", (), difference(f"test risk at {END}", "configuration", HEAVIEST, NTK)),
        Question("least", "the least eigenvalue at time 0 is 5 to 580 times larger for gamma = 1 than for gamma = 0", (), times("least at 0", NTK, HEAVIEST), 5, 580),
        Question("flat", "gamma = 0 keeps its test risk to 5 % where 95 % of the nodes are pruned", (), ratio("test risk, 95 % pruned", "test risk, 0 % pruned"), 0.95, 1.05, {"configuration": HEAVIEST}),
        Question("pruned", "where half of the nodes are pruned, every gamma < 1 has a smaller test risk than gamma = 1", (), least_gain("test risk, 50 % pruned")),
        Question("transfer", "from 10 features, every gamma < 1 gives a smaller test risk than gamma = 1", (), least_gain("test risk from 10 features")),
        Question("root", "what the published figure shows is more than twice the norm that its axis names", ("configuration",), ratio(f"root of gram change at {END}", f"gram change at {END}"), 2.0),
        Question("lost", "the sampler is off by one: node scales sum to less than 1, by less than 1e-5 (by 0 for gamma = 1)", ("configuration",), mean_of("scale lost"), 1e-12, 1e-5),
    ),
    arms="configuration",
    picture=Picture("series", "configuration", f"train risk at {END}", "configuration"),
    seeds=5,
    minutes=2.0,
    shown=(
        "train risk at 1000", f"train risk at {END}", f"test risk at {END}", f"moved at {END}", f"gram change at {END}", f"root of gram change at {END}", "least at 0", f"least at {END}",
        "test risk, 50 % pruned", "test risk, 95 % pruned", "test risk from 10 features", "test risk from 100 features",
    ),
    published=_published(*pub.FIGURES),
    series=(
        *(Series(_PANELS[name], "step", {step: f"{name} at {step}" for step in (LOOKS[1:] if name in _FROM_ZERO else LOOKS)}, name != "test risk") for name in co.COURSE),
        Series("test risk, pruned", "share of nodes pruned", {k: f"test risk, {us.share(k)} pruned" for k in us.PRUNED}, False),
        Series("test risk, second network", "features", {k: f"test risk from {k} features" for k in us.FEATURES}, False),
    ),
)  # fmt: skip

START = Experiment(
    label="caron2023.published_start",
    title="The first thousand steps of the published simulated experiment, over many draws",
    reference=SIMULATED.reference,
    standing=SIMULATED.standing,
    protocol=f"As caron2023.published, but {EARLY} steps, so that the spread over data and weights is known better.",
    factors=SIMULATED.factors,
    numbers={name: SIMULATED.numbers[name] for name in ("least at 0", f"train risk at {EARLY}", f"test risk at {EARLY}")},
    observe=begin,
    questions=(
        Question("least", "the least eigenvalue falls with every more asymmetric configuration (largest rise of the logarithm)", (), largest_rise("least at 0"), -np.inf, 0.0),
        Question("slower", "after so few steps gamma = 0 has the larger train risk than gamma = 1", (), difference(f"train risk at {EARLY}", "configuration", HEAVIEST, NTK)),
    ),
    arms="configuration",
    picture=Picture("paired", "configuration", "least at 0", "configuration"),
    seeds=20,
    published=_published(f"train risk at {EARLY}", "least at 0"),
)  # fmt: skip

EXPERIMENTS = (SIMULATED, START, REAL, RELU, TANH)
