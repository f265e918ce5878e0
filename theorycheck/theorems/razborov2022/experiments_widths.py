"""Experiments on the widths that razborov2022's theorems ask for: orders, certificates by draws, R2 => R1 => observed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from theorycheck.experiment import Experiment, Observation, Picture, Question, difference, exponent
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.razborov2022 import orders, refined

Statistic = Callable[[Sequence[Observation]], float]


def mean_of(number: str) -> Statistic:
    """Return the statistic: the mean of ``number`` over the seed's runs."""
    return lambda runs: float(np.mean([run.numbers[number] for run in runs]))


def widest(statistic: Statistic, least: float) -> Statistic:
    """Return a statistic of the runs with n at least so large."""
    return lambda runs: statistic([run for run in runs if float(run.point["n"]) >= least])


def _place(section: str) -> Reference:
    return Reference("razborov2022", section, "derived here; not quoted from the paper")


LECUN = Experiment(
    label="razborov2022.lecun_width",
    title="R2's width for LeCun initialisation along n = d: linear in n, where Nguyen's is quadratic",
    reference=_place("section 3.3"),
    standing=Standing.DERIVED,
    protocol="Gaussian data with n = d, LeCun's rates, labels up to norm sqrt n, failure at most 1 %, c = 1/5, s = 1/4: the least width at "
    "which R2's main condition holds, and the one of its closed form (I), (II), (III), with the data's own norms and eigenvalues.",
    factors={"output weights": tuple(orders.LAWS), "n": (40, 80, 160, 320)},
    numbers={
        "width": "least width at which R2's conditions hold",
        "closed form": "the same by the closed form (I), (II), (III)",
        "looser": "closed form over main condition",
    },
    observe=orders.along_the_diagonal,
    questions=(
        Question("order", "R2's width grows like n^q with q between 0.7 and 1.2", ("output weights",), exponent("width", "n"), 0.7, 1.2),
        Question("closed", "so does the closed form's", ("output weights",), exponent("closed form", "n"), 0.7, 1.2),
        Question("last", "in the last doubling q lies between 0.85 and 1.15", ("output weights",), widest(exponent("width", "n"), 160), 0.85, 1.15),
        Question("looser", "the closed form asks for less than twice as much", ("output weights",), mean_of("looser"), 1.0, 2.0),
    ),
    arms="output weights",
    picture=Picture("curves", "n", "width", "output weights", ("closed form",)),
    seeds=10,
)  # fmt: skip


FIRST = Experiment(
    label="razborov2022.first_widths",
    title="The width at which R1 certifies a draw, and the one at which Nguyen's test first passes",
    reference=_place("sections 3.2 and 3.6, errata A8 and A9"),
    standing=Standing.DERIVED,
    protocol="Gaussian data with n = d, labels +-1 at random, Gaussian weights in both layers in LeCun's scaling; wider networks of a seed "
    f"begin with its narrower ones. Widths a quarter of an octave apart, from {orders.GRID[0]} to {orders.GRID[-1]}, which stands where a "
    "test has not passed yet. R1 for gradient descent: c = 1/5, and the step at which (sqrt Lambda_max + c alpha)^2 is 1/4. "
    "Nguyen's: (N1) to (N3) at the best constants (restated by others), with the draw's own singular values.",
    factors={"n": (10, 20), "test": ("R1", "Nguyen")},
    numbers={
        "width": "least width at which the test passes", "log10 width": "its decimal logarithm",
        "not yet": "share of draws on which it does not pass on the grid",
    },
    observe=orders.first_width,
    questions=(
        Question("R1", "R1 certifies from a width between 5 000 and 30 000 on", (), mean_of("width"), 5e3, 3e4, {"n": 10, "test": "R1"}),
        Question("Nguyen", "Nguyen's test first passes between 10^5.5 and 10^6.5", (), mean_of("log10 width"), 5.5, 6.5, {"n": 10, "test": "Nguyen"}),
        Question("times", "Nguyen's test needs more than ten times the width of R1 (difference of log10)", ("n",), difference("log10 width", "test", "Nguyen", "R1"), 1.0),
    ),
    arms="test",
    picture=Picture("curves", "n", "width", "test"),
    seeds=20,
)  # fmt: skip


CHAIN = Experiment(
    label="razborov2022.promised_certified_observed",
    title="R2 promises, R1 certifies, descent does: at R2's own width",
    reference=_place("section 3.3"),
    standing=Standing.DERIVED,
    protocol="n = 8 Gaussian samples in d = 60 dimensions, LeCun's rates, the width that R2 asks for on these data (failure 1 %, c = 1/5, "
    "s = 1/4, labels up to norm sqrt n) and its step; labels random signs, or sqrt n times K_0's weakest eigenvector. Shares of the loss "
    "that a step leaves: promised by R2, certified by R1 for this draw, and the largest of the first 60 steps.",
    factors={"labels": ("random", "weakest"), "output weights": tuple(orders.LAWS)},
    numbers={
        "m": "R2's width", "R1": "left side of R1's test over its right one: it certifies where that is at most 1",
        "observed": "largest share of the loss that a step left", "certified": "R1's bound on it", "promised": "R2's",
        "taken": "least share of the loss that a step took", "taken, certified": "R1's bound on it", "taken, promised": "R2's",
        "kept below": "certified less observed", "certified below": "promised less certified",
        "in order": "share of draws with R1 certified and observed <= certified <= promised",
    },
    observe=orders.chain,
    questions=(
        Question("R2 => R1", "R1's test passes at R2's width", ("output weights", "labels"), mean_of("R1"), 0.0, 1.0),
        Question("observed", "what is observed lies below what R1 certified", ("output weights", "labels"), mean_of("kept below")),
        Question("certified", "what R1 certified lies below what R2 promised", ("output weights", "labels"), mean_of("certified below")),
    ),
    arms="output weights",
    picture=Picture("paired", "output weights", "taken", "labels", ("taken, certified", "taken, promised")),
    seeds=20,
    shown=("m", "R1", "observed", "certified", "promised", "in order"),
)  # fmt: skip


ORDERS = Experiment(
    label="razborov2022.first_layer_orders",
    title="First layer alone, n = d^q: the exponents of n in the widths of R2 and R3",
    reference=_place("sections 3.3 to 3.5"),
    standing=Standing.DERIVED,
    protocol="Stated, logarithms aside: n^4/d^3 for R2, which is Oymak and Soltanolkotabi's, and max{n, n^(5/2)/d^(9/4)} for R3. Formulas alone, no network is drawn: least widths of R2 and R3 for output weights +-1 on idealised Gaussian data, |X| = sqrt n + "
    "sqrt d and least eigenvalues as 4.2 bounds them; exponent of n by least squares over three dimensions near 1e20 to 1e27, where "
    "logarithms have faded (and, for comparison, near 1e3 to 1e6). Every seed multiplies the dimensions by a number in [1, 10).",
    factors={"q": (1.2, 1.5, 1.8), "theorem": tuple(refined.STATED)},
    numbers={
        "exponent": "exponent of n in the width", "stated": "the exponent that is stated, without logarithms",
        "excess": "their difference", "near": "exponent of n for dimensions near 1e3 to 1e6", "log10 width": "decimal logarithm of the width there",
    },
    observe=refined.ordered,
    questions=(
        Question("R2", "R2's exponent is 4 - 3/q to a tenth (n^4/d^3)", ("q",), mean_of("excess"), -0.1, 0.1, {"theorem": "R2"}),
        Question("R3", "R3's exponent is max(1, 5/2 - 9/(4 q)) to a tenth", ("q",), mean_of("excess"), -0.1, 0.1, {"theorem": "R3"}),
        Question("near", "between d = 1e3 and 1e6, R3's width is smaller than R2's (difference of log10)", ("q",), difference("log10 width", "theorem", "R3", "R2"), -math.inf, 0.0),
    ),
    arms="theorem",
    picture=Picture("curves", "q", "exponent", "theorem", ("stated",)),
    seeds=10,
)  # fmt: skip
