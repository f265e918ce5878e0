"""razborov2022: both layers of a ReLU network trained at different rates. What the abstract claims."""

from theorycheck.statement import Paper, PaperClaim, Theorem
from theorycheck.theorems.razborov2022.certificates import CERTIFICATES
from theorycheck.theorems.razborov2022.chernoff import CHERNOFF
from theorycheck.theorems.razborov2022.flip_count import FLIP_COUNT
from theorycheck.theorems.razborov2022.flips import FLIPS
from theorycheck.theorems.razborov2022.r1 import R1
from theorycheck.theorems.razborov2022.r1_descent import R1_DESCENT
from theorycheck.theorems.razborov2022.sizes import SIZES
from theorycheck.theorems.razborov2022.spectrum import SPECTRUM

__all__ = ["CERTIFICATES", "PAPER", "THEOREMS"]

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
            (R1.label, R1_DESCENT.label),
        ),
        PaperClaim(
            "improves",
            "this improves on Oymak and Soltanolkotabi 2020 (first layer only) and on Nguyen 2021, section 3.2 (both layers)",
            (),
        ),
        PaperClaim("beyond", "synthetic experiments suggest that convergence extends well beyond the NTK regime", ()),
    ),
)

THEOREMS: tuple[Theorem, ...] = (R1, R1_DESCENT, CHERNOFF, SIZES, FLIPS, FLIP_COUNT, SPECTRUM)
