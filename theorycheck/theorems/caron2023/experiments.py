"""The experiments of caron2023: the published simulated one, run again beside its published figures (sections 5.1, 5.3, 5.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from theorycheck.experiment import Experiment, Observation, Picture, Point, Published, Question, Series, difference
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.caron2023 import course as co
from theorycheck.theorems.caron2023 import published as pub

Statistic = Callable[[Sequence[Observation]], float]
NTK, *ASYMMETRIC = pub.CONFIGURATIONS
#: the most asymmetric configuration
HEAVIEST = ASYMMETRIC[-1]
#: recorded steps
LOOKS = (0, 1000, 2000, *range(5000, pub.STEPS + 1, 5000))

COURSE = {
    "train risk": "mean squared error on the training samples", "test risk": "the same on test samples",
    "moved": "movement |w_tj - w_0j| of the node that moves most", "gram change": "|Theta_t - Theta_0|_2",
    "root of gram change": "its square root: what the published figure shows under the norm's name",
    "least": "least eigenvalue of the tangent Gram",
}  # fmt: skip


def share(value: float) -> str:
    """Return a share in words, such as ``95 %``."""
    return f"{100 * value:g} %"


def used(network: co.Network, scales: co.Array, data: pub.Data, seed: int, **second: float) -> dict[str, float]:
    """Return what pruning leaves and what a second network makes of the top features: risks, by name."""
    return {
        **{f"train risk, {share(k)} pruned": value for k, value in co.pruned(network, scales, data.train).items()},
        **{f"test risk, {share(k)} pruned": value for k, value in co.pruned(network, scales, data.test).items()},
        **{f"test risk from {k} features": co.transferred(network, scales, data, k, seed, **second) for k in co.FEATURES},  # type: ignore[arg-type]
    }  # fmt: skip


USED = {
    **{f"{of} risk, {share(k)} pruned": f"{of} risk without the {share(k)} of nodes with the least scales" for of in ("train", "test") for k in co.PRUNED},
    **{f"test risk from {k} features": f"test risk of a second network on the {k} frozen features of largest scale" for k in co.FEATURES},
}  # fmt: skip


def again(point: Point, seed: int, looks: Sequence[int] = LOOKS, m: int = pub.WIDTH) -> Mapping[str, float]:
    """Make one run of the published experiment, with data and weights of the seed."""
    data = pub.simulated(seed)
    instance = pub.posed(data.train, str(point["configuration"]), seed, m)
    run = co.simulated_course(data, instance, looks)
    on_the_way = {
        f"{name} at {step}": float(value) for name in COURSE for step, value in zip(run.steps, run.seen[name], strict=True)
    }  # fmt: skip
    lost = 1 - float(np.sum(instance.scales))
    return {**on_the_way, **used(run.network, instance.scales, data, seed), "scale lost": lost}


# --- statistics -----------------------------------------------------------------------------------


def _values(runs: Sequence[Observation], number: str) -> dict[str, float]:
    return {str(run.point["configuration"]): run.numbers[number] for run in runs}


def least_rise(number: str, logarithm: bool = True) -> Statistic:
    """Return the statistic: the least rise of a number, or its logarithm, from one configuration to the next, more asymmetric one."""

    def of(runs: Sequence[Observation]) -> float:
        values = _values(runs, number)
        if set(values) != set(pub.CONFIGURATIONS):
            return np.nan
        along = np.array([values[name] for name in pub.CONFIGURATIONS])
        return float(np.min(np.diff(np.log(along) if logarithm else along)))

    return of


def least_gain(number: str) -> Statistic:
    """Return the statistic: by how much the number of gamma = 1 is above that of every asymmetric configuration, at least."""

    def of(runs: Sequence[Observation]) -> float:
        values = _values(runs, number)
        if set(values) != set(pub.CONFIGURATIONS):
            return np.nan
        return values[NTK] - max(values[name] for name in ASYMMETRIC)

    return of


def mean_of(number: str) -> Statistic:
    """Return the statistic: the mean of a number over the seed's runs."""
    return lambda runs: float(np.mean([run.numbers[number] for run in runs]))


def ratio(above: str, below: str) -> Statistic:
    """Return the statistic: the mean over the seed's runs of one number over another."""
    return lambda runs: float(np.mean([run.numbers[above] / run.numbers[below] for run in runs]))


def times(number: str, above: str, below: str) -> Statistic:
    """Return the statistic: a number in one configuration over that in another."""

    def of(runs: Sequence[Observation]) -> float:
        values = _values(runs, number)
        return values[above] / values[below] if {above, below} <= set(values) else np.nan

    return of


# --- the experiment -------------------------------------------------------------------------------

END = pub.STEPS
_FIGURES = Reference("caron2023", "section 5.3", "read off the published figures")
SIMULATED = Experiment(
    label="caron2023.published",
    title="The published simulated experiment, run again: four node scalings from NTK to heavy",
    reference=Reference("caron2023", "sections 5.1 to 5.5", "protocol of the published code; its data set is not published"),
    standing=Standing.ABSTRACT,
    protocol=f"n = {pub.SAMPLES} samples uniform on the unit sphere in d = {pub.DIMENSION}, y = (5/d) sum_l sin(pi x_l) + N(0, 0.1^2), m = {pub.WIDTH} ReLU nodes, weights N(0, 2), "
    f"first layer trained by {pub.STEPS} full-batch steps at rate 1 on the mean squared error, in doubles; node scales as the code samples them. Data are drawn anew for every seed (the published ones are lost: 5 runs on one data "
    "set), so that the spread holds the draw of data too. Pruning: least scales first, no retraining. Transfer (the code's protocol for real data, on fresh samples of the same law): features "
    "of largest scale, frozen; a network k - 64 - 64 - 1 trained on them, 5000 steps at rate 0.1.",
    factors={"configuration": tuple(pub.CONFIGURATIONS)},
    numbers={
        **{f"{name} at {step}": f"{says}, after {step} steps" for name, says in COURSE.items() for step in LOOKS},
        **USED, "scale lost": "1 - sum_j lambda_j: what the sampler loses",
    },
    observe=again,
    questions=(
        Question("movement", "the farthest node moves farther in every more asymmetric configuration (least rise of the logarithm)", (), least_rise(f"moved at {END}")),
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
    shown=(
        "train risk at 1000", f"train risk at {END}", f"test risk at {END}", f"moved at {END}", f"gram change at {END}", f"root of gram change at {END}", "least at 0", f"least at {END}",
        "test risk, 50 % pruned", "test risk, 95 % pruned", "test risk from 10 features", "test risk from 100 features",
    ),
    published=tuple(
        Published(number, {"configuration": name}, value, _FIGURES, 5)
        for number, row in pub.FIGURES.items()
        for name, value in zip(pub.CONFIGURATIONS, row, strict=True)
    ),
    series=(
        *(Series(name, "step", {step: f"{name} at {step}" for step in LOOKS}, name != "test risk") for name in COURSE),
        Series("test risk, pruned", "share of nodes pruned", {k: f"test risk, {share(k)} pruned" for k in co.PRUNED}, False),
        Series("test risk, second network", "features", {k: f"test risk from {k} features" for k in co.FEATURES}, False),
    ),
)  # fmt: skip

EXPERIMENTS = (SIMULATED,)
