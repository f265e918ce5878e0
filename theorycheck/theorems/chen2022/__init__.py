"""chen2022: feature learning with global convergence in the mean-field scaling. What the abstract claims."""

from theorycheck.experiment import Experiment
from theorycheck.statement import Paper, PaperClaim, Theorem
from theorycheck.theorems.chen2022.certificates import CERTIFICATES
from theorycheck.theorems.chen2022.chances import LEMMA
from theorycheck.theorems.chen2022.comparisons import COMPARISONS
from theorycheck.theorems.chen2022.experiments import GENERALISATION
from theorycheck.theorems.chen2022.experiments import MOVEMENT as MOVEMENT_OVER_WIDTHS
from theorycheck.theorems.chen2022.features import FEATURES
from theorycheck.theorems.chen2022.floor import DICHOTOMY, E
from theorycheck.theorems.chen2022.gradient_descent import DESCENT
from theorycheck.theorems.chen2022.identities import OUTPUTS, SANDWICH
from theorycheck.theorems.chen2022.initial_scale import INITIAL_SCALE
from theorycheck.theorems.chen2022.movement import MOVEMENT
from theorycheck.theorems.chen2022.naive import NAIVE
from theorycheck.theorems.chen2022.orthogonal import D
from theorycheck.theorems.chen2022.output_scale import SCALE
from theorycheck.theorems.chen2022.output_trained import OUTPUT_TRAINED
from theorycheck.theorems.chen2022.output_trained_relu import RELU_TRAINED
from theorycheck.theorems.chen2022.partially_trained import G
from theorycheck.theorems.chen2022.random_init import A_RANDOM, B_RANDOM
from theorycheck.theorems.chen2022.steep import A, B
from theorycheck.theorems.chen2022.steep_everywhere import F
from theorycheck.theorems.chen2022.window import C

__all__ = ["CERTIFICATES", "COMPARISONS", "CONJECTURES", "EXPERIMENTS", "PAPER", "THEOREMS"]

PAPER = Paper(
    key="chen2022",
    title="On Feature Learning in Neural Networks with Global Convergence Guarantees",
    authors="Z. Chen, E. Vanden-Eijnden, J. Bruna",
    year=2022,
    url="https://arxiv.org/abs/2204.10782",
    claims=(
        PaperClaim(
            "shallow",
            "wide shallow networks in the mean-field scaling, general activations, d >= n: under gradient flow the loss decays linearly to 0",
            tuple(card.label for card in (A_RANDOM, B_RANDOM, C, D, E, F, SCALE, INITIAL_SCALE)),
        ),
        PaperClaim(
            "partially trained",
            "the same for every d for wide multi-layer networks with random untrained earlier layers, only the second-to-last layer trained",
            (FEATURES.label, G.label),
        ),
        PaperClaim(
            "feature learning",
            "unlike in the NTK regime the multi-layer model learns features, and can generalise better than its NTK counterpart",
            (MOVEMENT.label, MOVEMENT_OVER_WIDTHS.label, GENERALISATION.label),
        ),
    ),
)

THEOREMS: tuple[Theorem, ...] = (
    SANDWICH, OUTPUTS, LEMMA, A, A_RANDOM, B, B_RANDOM, C, SCALE, INITIAL_SCALE, D, E, DICHOTOMY, F, MOVEMENT, FEATURES, G,
    DESCENT, OUTPUT_TRAINED, RELU_TRAINED,
)  # fmt: skip
#: observed, not proved
EXPERIMENTS: tuple[Experiment, ...] = (MOVEMENT_OVER_WIDTHS, GENERALISATION)
#: false, kept for its counterexamples: not among the theorems
CONJECTURES: tuple[Theorem, ...] = (NAIVE,)
