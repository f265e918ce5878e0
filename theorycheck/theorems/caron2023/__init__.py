"""caron2023: asymmetrical node scaling. The abstract's claims, and the cards that realise them."""

from theorycheck.statement import Paper, PaperClaim
from theorycheck.theorems.caron2023.certificates import CERTIFICATES
from theorycheck.theorems.caron2023.comparisons import COMPARISONS
from theorycheck.theorems.caron2023.definite import KAPPA
from theorycheck.theorems.caron2023.experiments import EXPERIMENTS, REAL, SIMULATED
from theorycheck.theorems.caron2023.r0 import R0, R0_SMOOTH
from theorycheck.theorems.caron2023.r1 import R1, R1_LOG
from theorycheck.theorems.caron2023.r2 import R2, R2_DATA
from theorycheck.theorems.caron2023.r4 import R4_COUPLING, R4_VARIANCE
from theorycheck.theorems.caron2023.sharp import SHARPENINGS

__all__ = ["CERTIFICATES", "COMPARISONS", "EXPERIMENTS", "PAPER", "SHARPENINGS", "THEOREMS"]

PAPER = Paper(
    key="caron2023",
    title="Over-parameterised Shallow Neural Networks with Asymmetrical Node Scaling: Global Convergence Guarantees and Feature Learning",
    authors="F. Caron, F. Ayed, P. Jung, H. Lee, J. Lee, H. Yang",
    year=2023,
    url="https://arxiv.org/abs/2302.01002",
    claims=(
        PaperClaim(
            "global convergence, flow",
            "for large networks, with high probability, gradient flow converges to a global minimum",
            tuple(card.label for card in (R0, R0_SMOOTH, R1, R1_LOG, R2, R2_DATA)),
        ),
        PaperClaim("global convergence, descent", "the same for gradient descent", ()),
        PaperClaim("feature learning", "and can learn features, unlike the NTK parameterisation", ()),
        PaperClaim(
            "pruning and transfer",
            "experiments show benefits for prunability and transfer learning",
            (REAL.label, SIMULATED.label),
        ),
    ),
)

THEOREMS = (KAPPA, R4_VARIANCE, R4_COUPLING, R0, R0_SMOOTH, R1, R1_LOG, R2, R2_DATA)
