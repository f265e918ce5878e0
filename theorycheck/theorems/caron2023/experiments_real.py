"""Pruning and transfer on real data: the published protocol, with intervals over seeds (sections 5.1 and 5.2)."""

from __future__ import annotations

from theorycheck.experiment import Experiment, Picture, Question
from theorycheck.statement import Reference, Standing
from theorycheck.theorems.caron2023 import course as co
from theorycheck.theorems.caron2023 import published as pub
from theorycheck.theorems.caron2023 import real
from theorycheck.theorems.caron2023 import uses as us
from theorycheck.theorems.caron2023.statistics import HEAVIEST, NTK, least_gain, least_rise, ratio, times

REAL = Experiment(
    label="caron2023.pruning_and_transfer",
    title="Pruning and transfer on real data: NTK against asymmetric node scales",
    reference=Reference("caron2023", "sections 5.1 and 5.2", "the published protocol on other data; shorter runs"),
    standing=Standing.ABSTRACT,
    protocol=f"m = {pub.WIDTH} ReLU nodes, weights N(0, 2), first layer trained by full-batch gradient descent on the mean squared error; node scales as the published code samples them. Every seed shuffles the rows "
    "and splits them 40/40/20 into training, transfer (halved again) and test samples; inputs and labels standardised by the training samples (breast_cancer: its classes as labels), but digits: "
    f"{real.PLANS['digits'].rows} rows, pixels in [0, 1], ten outputs. Steps and rates: {'; '.join(f'{name} {plan.steps} at {plan.rate:g}' for name, plan in real.PLANS.items())} (published: 100000 at 1, MNIST 200000 at 1). "
    f"Pruning: least scales first, no retraining. Transfer: the features of largest scale, frozen, into a new network k - h - h - c. Tangent Gram of the first {real.GRAM_ROWS} samples and output.",
    factors={"data": tuple(real.PLANS), "configuration": tuple(pub.CONFIGURATIONS)},
    numbers={**co.COURSE, "least before": "least eigenvalue of the tangent Gram at time 0", "test accuracy": "share of test samples in the right class", **us.USED},
    observe=real.observe,
    questions=(
        Question("flat", "gamma = 0 keeps its test risk to 5 % where 95 % of the nodes are pruned", ("data",), ratio("test risk, 95 % pruned", "test risk, 0 % pruned"), 0.95, 1.05, {"configuration": HEAVIEST}),
        Question("not flat", "gamma = 1 loses more than 5 % where half of the nodes are pruned", ("data",), ratio("test risk, 50 % pruned", "test risk, 0 % pruned"), 1.05, where={"configuration": NTK}),
        Question("pruned", "where half of the nodes are pruned, every gamma < 1 has a smaller test risk than gamma = 1", ("data",), least_gain("test risk, 50 % pruned")),
        Question("pruned to 5 %", "so it is where 95 % are", ("data",), least_gain("test risk, 95 % pruned")),
        Question("transfer", "from 10 features, every gamma < 1 gives a smaller test risk than gamma = 1", ("data",), least_gain("test risk from 10 features")),
        Question("transfer, 100", "so it is from 100 features", ("data",), least_gain("test risk from 100 features")),
        Question("not pruned", "with all nodes, every gamma < 1 has a smaller test risk than gamma = 1", ("data",), least_gain("test risk")),
        Question("movement", "the farthest node moves farther in every more asymmetric configuration (least rise of the logarithm)", ("data",), least_rise("moved")),
        Question("gram", "the tangent Gram changes more in every more asymmetric configuration", ("data",), least_rise("gram change")),
        Question("least", "the least eigenvalue at time 0 is 5 to 580 times larger for gamma = 1 than for gamma = 0", ("data",), times("least before", NTK, HEAVIEST), 5, 580),
    ),
    arms="configuration",
    picture=Picture("paired", "configuration", "test risk, 50 % pruned", "data"),
    seeds=5,
    shown=(
        "train risk", "test risk", "test accuracy", "test risk, 50 % pruned", "test risk, 95 % pruned",
        "test risk from 10 features", "test risk from 100 features", "moved", "gram change", "least before",
    ),
)  # fmt: skip
