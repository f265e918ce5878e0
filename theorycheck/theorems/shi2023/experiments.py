"""The experiments of shi2023: feature sets, what is beyond kernels, and real data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from theorycheck.experiment import Experiment, Observation, Picture, Point, Question, difference
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.shi2023 import beyond, feature_sets, real

Statistic = Callable[[Sequence[Observation]], float]


def _place(section: str) -> Reference:
    return Reference("shi2023", section, "our protocol; the paper's experiments are not known")


def _of(read: Callable[[Mapping[str, float]], float]) -> Statistic:
    """Return the statistic: the mean of a function of the numbers over the seed's runs."""
    return lambda runs: float(np.mean([read(run.numbers) for run in runs]))


# --- gradient feature sets ------------------------------------------------------------------------

#: what each law's set is made by; a block of 49 signs is the shortest for which R6 promises more than one neuron in a thousand
LAWS: Mapping[str, Callable[[], feature_sets.FeatureSet]] = {
    "mixture": lambda: feature_sets.gaussians(3, 8, 0.1, 2.0, xor=False),
    "XOR": lambda: feature_sets.gaussians(2, 8, 0.1, 2.0, xor=True),
    "parity": lambda: feature_sets.uniform_parity(9, 2, 0.5),
    "1 block": lambda: feature_sets.blocks(1, 49, 6, 0.8, 8.0, 0.5, filled=False),
    "3 blocks, Z": lambda: feature_sets.blocks(3, 101, 4, 2.3, 19.0, 0.1, filled=False),
    "3 blocks, U": lambda: feature_sets.blocks(3, 3, 1, 0.3, 3.3, 1.0, filled=True, asked=(0.2, 0.5)),
    "linear": lambda: feature_sets.separated(20, 5),
}
SIGNS = {"+": 1, "-": -1}
DRAWN = 20_000


@lru_cache(maxsize=len(LAWS))
def feature_set(law: str) -> feature_sets.FeatureSet:
    """Return the set of one of :data:`LAWS`."""
    return LAWS[law]()


def membership(point: Point, seed: int) -> Mapping[str, float]:
    """Draw neurons for one law and one sign of the bias."""
    found, sign = feature_set(str(point["law"])), SIGNS[str(point["s"])]
    seen, low, high = found.chance(sign, DRAWN, seed)
    promised = found.proved[0 if sign > 0 else 1]
    return {
        "p, proved": promised, "p, drawn": seen, "from": low, "to": high, "share": promised / seen if seen else math.nan,
        "gamma": found.gamma, "B_G": found.length, "OPT, proved": found.least_loss, "OPT, seen": found.seen_loss(seed),
    }  # fmt: skip


SETS = Experiment(
    label="shi2023.feature_sets",
    title="Gradient feature sets: the chance that is proved, and what drawn neurons say",
    reference=_place("R3, R4, R5.2, R6, R7a"),
    standing=Standing.DERIVED,
    protocol=f"(D, s) is in S if a random neuron's simplified gradient is as near to +-D as gamma says and at least B_G long, with chance p at a bias of "
    f"sign s. {DRAWN} neurons per run, 95 % intervals of Clopper and Pearson. Mixture: 3 means of length 1 at right angles, d = 8, sigma = 0.1, D the first; XOR: "
    "2 and their opposites. Parity: 2 of 9 uniform signs, neurons of signs. 1 block: 49 signs that are all equal, 6 signs of noise. 3 blocks, Z: of 101 "
    "signs, other blocks 0. 3 blocks, U: of 3 signs, other blocks uniform, where R6 proves nothing: gamma = 0.2 and half of the limit's length. "
    "Blocks without a uniform part, so that gradients are enumerated. Linear: 40 points, half of the neurons always on. p, proved is 0 where nothing is proved.",
    factors={"law": tuple(LAWS), "s": tuple(SIGNS)},
    numbers={
        "p, proved": "proved lower bound on p", "p, drawn": "share of hits among drawn neurons", "from": "lower end of its interval", "to": "upper end of its interval",
        "share": "proved over drawn", "gamma": "1 less the least cosine", "B_G": "least length",
        "OPT, proved": "proved upper bound on the least hinge loss of a network on these features (R4, R5.3, W1, R7a)", "OPT, seen": "hinge loss of that network",
    },
    observe=membership,
    questions=(
        Question("bound", "p is not below what is proved: so much of the interval is above", ("law", "s"), _of(lambda numbers: numbers["to"] - numbers["p, proved"])),
        Question("tight", "what is proved is more than half of what is drawn", ("law", "s"), _of(lambda numbers: numbers["share"]), 0.5, 2.0),
        Question("OPT", "the network's hinge loss is not above what is proved, up to its sampling: 0.001 at most", ("law",), _of(lambda numbers: numbers["OPT, seen"] - numbers["OPT, proved"]), -1.0, 1e-3),
    ),
    arms="s",
    picture=Picture("paired", "s", "p, drawn", "law", ("p, proved", "to")),
    seeds=5,
    shown=("p, proved", "p, drawn", "from", "to", "gamma", "B_G", "OPT, proved", "OPT, seen"),
)  # fmt: skip


# --- beyond kernels -------------------------------------------------------------------------------


def _least_room(runs: Sequence[Observation]) -> float:
    """Return the statistic: the least of hinge loss less R10's bound, over N."""
    return min(run.numbers["hinge"] - run.numbers["bound"] for run in runs)


BEYOND = Experiment(
    label="shi2023.beyond_kernels",
    title="Beyond kernels: fixed features, and one gradient step",
    reference=_place("R10 with R5.2 and R6"),
    standing=Standing.DERIVED,
    protocol="y is the parity of k of D signs. 2 of 13: x is uniform; 5 of 11: it is structured, the 5 signs are all equal with chance 1/5. N features of mean square 1 on the cube and the best second "
    "layer with |w| <= B (1; for 5 of 11, 1.5), hinge loss. One step: neurons of signs after a step that forgets the start. Both trained: from there "
    f"{beyond.STEPS} steps of size {beyond.STEP:g}/N of both layers, |w| not bounded. Fixed features get the parity that is hardest for them: random ReLU are the "
    "network's neurons before the step, with their later lengths; kernel: the N largest eigenfunctions of the arc-cosine kernel; spread: equally correlated with all "
    "parities, R10's best case. The whole population is enumerated.",
    factors={"task": tuple(beyond.TASKS), "features": beyond.KINDS, "N": (8, 16, 32, 64)},
    numbers={
        "hinge": "hinge loss", "bound": "R10's lower bound for any N fixed features with |w| <= B", "any": "hinge loss on a parity drawn at random",
        "error": "share of wrong signs, 0 counts half", "|w|": "norm of the second layer", "squares": "least E(y - <w, Psi>)^2, any w: mean over all parities (fixed), of its own (one step)",
        "bound on squares": "R10's lower bound on that for fixed features",
    },
    observe=beyond.observe,
    questions=(
        Question("R10", "at every N the hinge loss is above R10's bound for fixed features", ("task", "features"), _least_room),
        Question("beyond", "a network of N neurons is better after one step than any N fixed features", ("task", "N"), _of(lambda numbers: numbers["bound"] - numbers["hinge"]), where={"features": "one step"}),
        Question("learnt", "with 64 neurons one step leaves a hinge loss below 0.1", ("task",), _of(lambda numbers: numbers["hinge"]), -1.0, 0.1, {"features": "one step", "N": 64}),
        Question("not learnt", "64 random ReLU features leave more than 0.5", ("task",), _of(lambda numbers: numbers["hinge"]), 0.5, where={"features": "random ReLU", "N": 64}),
    ),
    arms="features",
    picture=Picture("map", "N", "hinge", "task", ("bound",)),
    seeds=6,
    shown=("hinge", "bound", "any", "error", "squares"),
)  # fmt: skip


# --- real data ------------------------------------------------------------------------------------

_COSINES = {
    "cos 5 %": "|cos| with the mean direction, 5 % quantile",
    "cos 50 %": "|cos| of a neuron with the mean direction, median",
    "cos 95 %": "95 % quantile",
}
REAL = Experiment(
    label="shi2023.real_features",
    title="Real data: the empirical feature set of the mean direction, and R8's bound on the empirical distribution",
    reference=_place("R8.1, R8.2, R8.4"),
    standing=Standing.DERIVED,
    protocol=f"Rows of length 1, the population is the data set. G(w, b) of {real.DRAWN} neurons, w ~ N(0, I): half of them choose gamma (at the median of |cos| with "
    "E[y x]) and B_G (a tenth of those are shorter), the other half counts hits. R8: L(f*) + |a*|_1 M_1 (sqrt(2 gamma) + eps_1) + epsilon for the f* along the mean direction, linear "
    f"where b < 0, for which it is least; lengths and descent cost {real.ALLOWED:g} each. At 1 or more it is vacuous: the network 0 is as good. m are quadruples, at chance {1 - real.DELTA:g}.",
    factors={"data": real.SETS, "neurons": tuple(real.NEURONS)},
    numbers={
        **_COSINES, "class": "|cos| with the nearer class mean, median", "gamma": "1 less the least cosine", "B_G": "least length", "p": "share of hits", "p low": "lower end of its 95 % interval", "p high": "upper end",
        "OPT": "hinge loss of f*", "direction": "|a*|_1 M_1 sqrt(2 gamma)", "length": "|a*|_1 M_1 eps_1", "descent": "epsilon", "bound": "R8's bound on the mean hinge loss", "vacuous": "1 if that is 1 or more",
        "bound, gamma 0": "the bound if gamma were 0", "trivial": "loss of the network 0", "log10 m": "log10 of the width", "log10 T": "log10 of the number of steps",
    },
    observe=real.feature_set,
    questions=(
        Question("not vacuous", "R8's bound is below 1", ("data", "neurons"), _of(lambda numbers: numbers["bound"]), -1.0, 1.0),
        Question("direction", "without gamma it would be less than half", ("data", "neurons"), _of(lambda numbers: 1 - numbers["bound, gamma 0"] / numbers["bound"]), 0.5),
    ),
    arms="data",
    picture=Picture("paired", "neurons", "bound", "data", ("bound, gamma 0", "trivial")),
    seeds=5,
    shown=("cos 5 %", "cos 50 %", "cos 95 %", "class", "gamma", "B_G", "p", "OPT", "direction", "bound", "bound, gamma 0", "log10 m", "log10 T"),
)  # fmt: skip

ALIGNED = Experiment(
    label="shi2023.real_alignment",
    title="Real data: neurons turn to the mean direction in one step, and training leaves them there",
    reference=_place("R1, R8.3"),
    standing=Standing.DERIVED,
    protocol=f"{4 * real.QUADRUPLES} neurons in quadruples, w ~ N(0, I), |b| = 1/2, a ~ N(0, 1), hinge loss on the whole set. The first step forgets the start, at a rate that gives a neuron the length |a|/2 "
    f"in the median; then {real.STEPS} steps of size 1/{4 * real.QUADRUPLES} of both layers.",
    factors={"data": real.SETS, "time": real.TIMES},
    numbers={**_COSINES, "weighted": "mean |cos|, neurons weighted by |a| |w|", "class": "|cos| with the nearer class mean, median", "loss": "hinge loss", "error": "share of wrong signs"},
    observe=real.alignment,
    questions=(
        Question("one step", "one step turns the median neuron by more than 0.5 in |cos|", ("data",), difference("cos 50 %", "time", "one step", "start"), 0.5),
        Question("kept", "the rest of the training changes it by less than 0.05", ("data",), difference("cos 50 %", "time", "end", "one step"), -0.05, 0.05),
        Question("learnt", "at the end the hinge loss is below half of that of the network 0", ("data",), _of(lambda numbers: numbers["loss"]), -1.0, 0.5, {"time": "end"}),
    ),
    arms="time",
    picture=Picture("paired", "time", "cos 50 %", "data"),
    seeds=5,
)  # fmt: skip
