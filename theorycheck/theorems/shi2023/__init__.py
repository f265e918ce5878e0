"""shi2023: feature learning from gradients in two-layer networks. What the abstract claims."""

from theorycheck.experiment import Experiment
from theorycheck.statement import Paper, PaperClaim, Theorem
from theorycheck.theorems.shi2023.batch import BATCH
from theorycheck.theorems.shi2023.coupled import COUPLED
from theorycheck.theorems.shi2023.emergence import EMERGENCE
from theorycheck.theorems.shi2023.end_to_end import END_TO_END
from theorycheck.theorems.shi2023.experiments import ALIGNED, BEYOND, REAL, SETS
from theorycheck.theorems.shi2023.experiments_end import END_TO_END_RUNS
from theorycheck.theorems.shi2023.first_step import FIRST_STEP
from theorycheck.theorems.shi2023.frozen import FROZEN
from theorycheck.theorems.shi2023.kernels import KERNELS
from theorycheck.theorems.shi2023.linear import LINEAR
from theorycheck.theorems.shi2023.mixture import MIXTURE
from theorycheck.theorems.shi2023.mixture_chance import MIXTURE_CHANCE
from theorycheck.theorems.shi2023.mixture_features import MIXTURE_FEATURES
from theorycheck.theorems.shi2023.parity import PARITY
from theorycheck.theorems.shi2023.structured import STRUCTURED
from theorycheck.theorems.shi2023.truth_mixture import TRUTH_MIXTURE

__all__ = ["EXPERIMENTS", "PAPER", "THEOREMS"]

PAPER = Paper(
    key="shi2023",
    title="Provable Guarantees for Neural Networks via Gradient Feature Learning",
    authors="Z. Shi, J. Wei, Y. Liang",
    year=2023,
    url="https://arxiv.org/abs/2310.12408",
    claims=(
        PaperClaim(
            "framework",
            "a unified analysis framework for two-layer networks trained by gradient descent, centred on feature learning from gradients",
            (
                FIRST_STEP.label,
                BATCH.label,
                LINEAR.label,
                EMERGENCE.label,
                COUPLED.label,
                FROZEN.label,
                END_TO_END.label,
                SETS.label,
                REAL.label,
                ALIGNED.label,
            ),
        ),
        PaperClaim(
            "mixtures",
            "it covers mixtures of Gaussians",
            (MIXTURE.label, MIXTURE_CHANCE.label, TRUTH_MIXTURE.label, MIXTURE_FEATURES.label),
        ),
        PaperClaim("parities", "it covers parity functions", (PARITY.label, STRUCTURED.label)),
        PaperClaim(
            "beyond kernels", "it sheds light on feature learning beyond kernels", (KERNELS.label, BEYOND.label)
        ),
        PaperClaim("lottery ticket", "and on the lottery ticket hypothesis", (END_TO_END.label, END_TO_END_RUNS.label)),
    ),
)

THEOREMS: tuple[Theorem, ...] = (
    FIRST_STEP,
    MIXTURE,
    MIXTURE_CHANCE,
    TRUTH_MIXTURE,
    MIXTURE_FEATURES,
    PARITY,
    STRUCTURED,
    LINEAR,
    EMERGENCE,
    COUPLED,
    END_TO_END,
    KERNELS,
    FROZEN,
    BATCH,
)

EXPERIMENTS: tuple[Experiment, ...] = (END_TO_END_RUNS, SETS, BEYOND, REAL, ALIGNED)
