"""Proofs of the three lemmas that every convergence theorem stands on. Run it: ``python proofs/core.py``."""

from __future__ import annotations

import numpy as np
import sympy as sp

from theorycheck.proof import GIVEN, REST, SHOWN, Proof, of_claim
from theorycheck.proof_steps import cited, combine, identity, sampled
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import setting as s

# three samples stand for any number: fewer are zeros, and no step looks at how many there are
SIZE = 3
r = sp.symbols(f"r_1:{SIZE + 1}", real=True)
gaps = sp.symbols(f"e_1:{SIZE + 1}", nonnegative=True)
square = sum(part**2 for part in r)

# --- Groenwall ---------------------------------------------------------------------------------------

gram = sp.Matrix(SIZE, SIZE, lambda i, k: sp.Symbol(f"G_{min(i, k)}{max(i, k)}", real=True))
speed = -gram * sp.Matrix(r)
quadratic = sum(((core.mu + gap) * part**2 for gap, part in zip(gaps, r, strict=True)), sp.S.Zero)

GROENWALL = of_claim(
    core.GROENWALL,
    "rate",
    identity(
        "loss along the flow", "with r' = -G r the loss |r|^2/2 falls at r'G r",
        sum((sp.diff(square / 2, part) * v for part, v in zip(r, speed, strict=True)), sp.S.Zero),
        -(sp.Matrix([r]) * gram * sp.Matrix(r))[0],
    ),
    combine(
        "Rayleigh", "in G's eigenbasis: eigenvalues mu + e_i make r'G r at least mu |r|^2",
        Bound(core.mu * square, quadratic), {REST: sum((gap * part**2 for gap, part in zip(gaps, r, strict=True)), sp.S.Zero)},
    ),
    cited(
        "Groenwall", "L' <= -2 mu L at all times makes log(L_0/L_t)/t at least 2 mu", Bound(2 * core.mu, s.rate),
        "T. H. Gronwall, Annals of Mathematics 20 (1919), 292-296; Teschl, ODEs and Dynamical Systems, Lemma 2.7",
        "loss along the flow", "Rayleigh", f"{GIVEN}gap",
    ),
)  # fmt: skip

# --- drift -------------------------------------------------------------------------------------------

area, elapsed = sp.Symbol("A_t", nonnegative=True), sp.Symbol("tau", positive=True)
u, singular = sp.symbols(f"u_1:{SIZE + 1}", real=True), sp.symbols(f"e_1:{SIZE + 1}", nonnegative=True)
slack = sum((gap * part**2 for gap, part in zip(singular, u, strict=True)), sp.S.Zero)
claim = core.DRIFT.claims[0].bound
STEP = sp.sqrt(s.s_X) / sp.sqrt(s.d)


def _speed(seed: int) -> tuple[float, float]:
    """Return ``sqrt(s_X/d) |r| - |w_j'|/sqrt(lambda_j)``, least over the nodes of a random network with |s'| <= 1."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 6, 3)
    inputs, residual = rng.standard_normal((n, d)) * 10 ** rng.uniform(-2, 2), rng.standard_normal(n)
    slopes = np.clip(rng.normal(0.5, 1.0, (m, n)), -1, 1)
    speeds = np.linalg.norm((slopes * residual) @ inputs, axis=1) / np.sqrt(d)
    most = np.linalg.norm(inputs, 2) * np.linalg.norm(residual) / np.sqrt(d)
    return float(most - speeds.max()), 1e-12 * float(most)


def decay_attack(seed: int) -> tuple[float, float]:
    """Return ``int exp(-mu tau) - int |r_tau|/|r_0|`` for residuals that fall at random rates of at least 2 mu."""
    rng = np.random.default_rng(seed)
    mu, times = 10 ** rng.uniform(-2, 1), np.linspace(0, rng.uniform(0.1, 5), 400)
    rates = 2 * mu * (1 + rng.exponential(1, 400) * (rng.random(400) < 0.2))
    step = times[1]
    return float(step * np.sum(np.exp(-mu * times) - np.exp(-rates * times / 2))), 1e-12


DRIFT = of_claim(
    core.DRIFT,
    "drift",
    combine(
        "Cauchy and Schwarz", "|X'u|^2 <= s_X |u|^2, in the eigenbasis of X X' with eigenvalues s_X - e_i",
        Bound(s.s_X * sum(part**2 for part in u) - slack, s.s_X * sum(part**2 for part in u)), {REST: slack},
    ),
    sampled(
        "speed", "|w_j'| <= sqrt(lambda_j s_X/d) |r| as |s'| <= 1, integrated: A_t = int_0^t |r|",
        Bound(claim.lhs, STEP * area), _speed, "Cauchy and Schwarz", f"{GIVEN}unit slope",
    ),
    sampled(
        "decay", "a rate of at least 2 mu at all times keeps |r_tau| below exp(-mu tau) |r_0|; integrated",
        Bound(area, core.r_0 * sp.Integral(sp.exp(-core.mu * elapsed), (elapsed, 0, core.time))), decay_attack, f"{SHOWN}core.groenwall rate",
    ),
    identity(
        "integral", "int_0^t exp(-mu tau) dtau, mu > 0", sp.Integral(sp.exp(-core.mu * elapsed), (elapsed, 0, core.time)),
        (1 - sp.exp(-core.mu * core.time)) / core.mu, f"{GIVEN}gap",
    ),
    combine("together", "one after the other", claim, {"speed": 1, "decay": STEP, "integral": STEP * core.r_0}),
    lemmas=(GROENWALL,),
)  # fmt: skip

# --- Weyl --------------------------------------------------------------------------------------------


def _weyl(seed: int) -> tuple[float, float]:
    """Return ``sigma_min(A + B) - sigma_min(A) + |B|_2`` for random matrices."""
    rng = np.random.default_rng(seed)
    n, k = sorted(rng.integers(1, 6, 2))
    a, b = rng.standard_normal((n, k)), rng.standard_normal((n, k)) * 10 ** rng.uniform(-3, 1)
    least = [np.linalg.svd(matrix, compute_uv=False)[-1] for matrix in (a + b, a)]
    return float(least[0] - least[1] + np.linalg.norm(b, 2)), 1e-12 * float(np.linalg.norm(a, 2) + np.linalg.norm(b, 2))


weyl = core.WEYL.claims[0].bound
WEYL = of_claim(
    core.WEYL,
    "singular value",
    sampled("attack", "random matrices do not break it", weyl, _weyl),
    cited(
        "Weyl", "singular values are 1-Lipschitz in the spectral norm", weyl,
        "H. Weyl, Math. Annalen 71 (1912); Horn and Johnson, Matrix Analysis, Corollary 7.3.5", "attack",
    ),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (GROENWALL, DRIFT, WEYL)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
