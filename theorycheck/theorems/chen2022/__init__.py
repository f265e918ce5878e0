"""chen2022: feature learning with global convergence in the mean-field scaling. What the abstract claims."""

from theorycheck.statement import Paper, PaperClaim, Theorem
from theorycheck.theorems.chen2022.certificates import CERTIFICATES
from theorycheck.theorems.chen2022.chances import LEMMA
from theorycheck.theorems.chen2022.gradient_descent import DESCENT
from theorycheck.theorems.chen2022.identities import OUTPUTS, SANDWICH
from theorycheck.theorems.chen2022.naive import NAIVE
from theorycheck.theorems.chen2022.output_scale import SCALE
from theorycheck.theorems.chen2022.steep import A, B
from theorycheck.theorems.chen2022.window import C

__all__ = ["CERTIFICATES", "CONJECTURES", "PAPER", "THEOREMS"]

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
            tuple(card.label for card in (A, B, C, SCALE)),
        ),
        PaperClaim(
            "partially trained",
            "the same for every d for wide multi-layer networks with random untrained earlier layers, only the second-to-last layer trained",
            (),
        ),
        PaperClaim(
            "feature learning",
            "unlike in the NTK regime the multi-layer model learns features, and can generalise better than its NTK counterpart",
            (),
        ),
    ),
)

THEOREMS: tuple[Theorem, ...] = (SANDWICH, OUTPUTS, LEMMA, A, B, C, SCALE, DESCENT)
#: false, kept for its counterexamples: not among the theorems
CONJECTURES: tuple[Theorem, ...] = (NAIVE,)
