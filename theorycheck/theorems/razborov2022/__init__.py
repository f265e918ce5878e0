"""razborov2022: both layers of a ReLU network trained at different rates. What the abstract claims."""

from theorycheck.statement import Paper, PaperClaim, Theorem
from theorycheck.theorems.razborov2022.certificates import CERTIFICATES
from theorycheck.theorems.razborov2022.chernoff import CHERNOFF
from theorycheck.theorems.razborov2022.comparisons import COMPARISONS
from theorycheck.theorems.razborov2022.experiments import EXPERIMENTS, PHASE
from theorycheck.theorems.razborov2022.experiments_widths import FIRST, LECUN, ORDERS
from theorycheck.theorems.razborov2022.flip_count import FLIP_COUNT
from theorycheck.theorems.razborov2022.flips import FLIPS
from theorycheck.theorems.razborov2022.gaussian_data import GAUSSIAN_DATA
from theorycheck.theorems.razborov2022.linearised import LINEARISED
from theorycheck.theorems.razborov2022.nguyen_card import NGUYEN
from theorycheck.theorems.razborov2022.normal_form import CONSERVED
from theorycheck.theorems.razborov2022.one_step import ONE_STEP
from theorycheck.theorems.razborov2022.r0 import R0, R0_DESCENT
from theorycheck.theorems.razborov2022.r0_radii import RADII, RADII_DESCENT
from theorycheck.theorems.razborov2022.r0_smooth import R0_SMOOTH
from theorycheck.theorems.razborov2022.r1 import R1
from theorycheck.theorems.razborov2022.r1_descent import R1_DESCENT
from theorycheck.theorems.razborov2022.r2 import R2, R2_GAUSSIAN
from theorycheck.theorems.razborov2022.r2_closed import CLOSED
from theorycheck.theorems.razborov2022.refined_card import REFINED
from theorycheck.theorems.razborov2022.sizes import SIZES
from theorycheck.theorems.razborov2022.spectrum import SPECTRUM

__all__ = [
    "CERTIFICATES",
    "COMPARISONS",
    "EXPERIMENTS",
    "PAPER",
    "THEOREMS",
]

PAPER = Paper(
    key="razborov2022",
    title="Improved Convergence Guarantees for Shallow Neural Networks",
    authors="A. Razborov",
    year=2022,
    url="https://arxiv.org/abs/2212.02323",
    claims=(
        PaperClaim(
            "both layers",
            "depth-2 ReLU networks, quadratic loss, Gaussian data and initialisation, adversarial labels: gradient descent "
            "that trains both layers at different rates converges to a global minimum",
            (R1.label, R1_DESCENT.label, R2.label, R2_GAUSSIAN.label),
        ),
        PaperClaim(
            "improves",
            "this improves on Oymak and Soltanolkotabi 2020 (first layer only) and on Nguyen 2021, section 3.2 (both layers)",
            (LECUN.label, FIRST.label, ORDERS.label),
        ),
        PaperClaim(
            "beyond",
            "synthetic experiments suggest that convergence extends well beyond the NTK regime",
            (PHASE.label,),
        ),
    ),
)

THEOREMS: tuple[Theorem, ...] = (
    CONSERVED,
    ONE_STEP,
    R0,
    R0_DESCENT,
    R0_SMOOTH,
    RADII,
    RADII_DESCENT,
    R1,
    R1_DESCENT,
    LINEARISED,
    SPECTRUM,
    GAUSSIAN_DATA,
    CHERNOFF,
    SIZES,
    FLIPS,
    FLIP_COUNT,
    REFINED,
    R2,
    R2_GAUSSIAN,
    CLOSED,
    NGUYEN,
)
