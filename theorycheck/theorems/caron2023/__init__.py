"""caron2023: asymmetrical node scaling. The abstract's claims, and the cards that realise them."""

from theorycheck.statement import Paper, PaperClaim
from theorycheck.theorems.caron2023.certificates import CERTIFICATES
from theorycheck.theorems.caron2023.comparisons import COMPARISONS
from theorycheck.theorems.caron2023.definite import KAPPA
from theorycheck.theorems.caron2023.experiments import EXPERIMENTS, REAL, RELU, SIMULATED, TANH
from theorycheck.theorems.caron2023.gram_movement import R7_GRAM
from theorycheck.theorems.caron2023.gram_speed import R7_GRAM_SPEED
from theorycheck.theorems.caron2023.lazy import R6_RELU, R6_SMOOTH
from theorycheck.theorems.caron2023.movement import R7_MOVEMENT
from theorycheck.theorems.caron2023.movement_relu import R7_RELU
from theorycheck.theorems.caron2023.power_sums import POWER_SUMS
from theorycheck.theorems.caron2023.r0 import R0, R0_SMOOTH
from theorycheck.theorems.caron2023.r1 import R1, R1_LOG
from theorycheck.theorems.caron2023.r2 import R2, R2_DATA
from theorycheck.theorems.caron2023.r3 import R3, R3_DATA
from theorycheck.theorems.caron2023.r3_relu import R3_RELU
from theorycheck.theorems.caron2023.r4 import R4_COUPLING, R4_VARIANCE
from theorycheck.theorems.caron2023.r8 import R8
from theorycheck.theorems.caron2023.r8_chance import R8_CHANCE, R8_RELU
from theorycheck.theorems.caron2023.r8_start import R8_START, R8_TAIL
from theorycheck.theorems.caron2023.random_limit import R4_LIMIT
from theorycheck.theorems.caron2023.sharp import SHARPENINGS
from theorycheck.theorems.caron2023.speed import R7_SPEED
from theorycheck.theorems.caron2023.total_movement import R7_TOTAL

__all__ = ["CERTIFICATES", "COMPARISONS", "EXPERIMENTS", "PAPER", "SHARPENINGS", "THEOREMS"]

#: time 0 beyond R4 (i), and what moves: lazy for gamma = 1, not for gamma < 1
_DESCENT = (R3, R3_DATA, R3_RELU)
_PRUNED = (R8_START, R8_TAIL, R8, R8_CHANCE, R8_RELU)
_LEARNING = (R4_LIMIT, R6_SMOOTH, R6_RELU, R7_SPEED, R7_MOVEMENT, R7_RELU, R7_GRAM_SPEED, R7_GRAM, R7_TOTAL)

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
        PaperClaim(
            "global convergence, descent",
            "the same for gradient descent",
            tuple(card.label for card in _DESCENT),
        ),
        PaperClaim(
            "feature learning",
            "and can learn features, unlike the NTK parameterisation",
            tuple(card.label for card in (*_LEARNING, RELU, TANH)),
        ),
        PaperClaim(
            "pruning and transfer",
            "experiments show benefits for prunability and transfer learning",
            tuple(card.label for card in (*_PRUNED, REAL, SIMULATED)),
        ),
    ),
)

THEOREMS = (
    KAPPA,
    R4_VARIANCE,
    R4_COUPLING,
    R0,
    R0_SMOOTH,
    R1,
    R1_LOG,
    R2,
    R2_DATA,
    POWER_SUMS,
    *_DESCENT,
    *_LEARNING,
    *_PRUNED,
)
