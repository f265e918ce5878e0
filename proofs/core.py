"""Proofs of the three lemmas that every convergence theorem stands on. Run it: ``python proofs/core.py``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.measure import NoTrajectory
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, cited, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import setting as s

# three samples stand for any number: fewer are zeros, and no step looks at how many there are
SIZE = 3
r = sp.symbols(f"r_1:{SIZE + 1}", real=True)
gaps = sp.symbols(f"e_1:{SIZE + 1}", nonnegative=True)
square = sum(part**2 for part in r)

# --- Groenwall ---------------------------------------------------------------------------------------

gram = sp.Matrix(SIZE, SIZE, lambda i, k: sp.Symbol(f"G_{min(i, k)}{max(i, k)}", real=True))
falls = sp.Symbol("r_min", nonnegative=True)
speed = -gram * sp.Matrix(r)
_OVER = sum((gap * part**2 for gap, part in zip(gaps, r, strict=True)), sp.S.Zero)


def _instant(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the least eigenvalue of a random Gram, and -L'/L for a random residual."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((3, 4)) * 10 ** rng.uniform(-1, 1, (3, 1))
    residual, matrix = rng.standard_normal(3), root @ root.T
    return {core.mu: np.linalg.eigvalsh(matrix)[0], falls: 2 * residual @ matrix @ residual / (residual @ residual)}


def slowest_fall(run: Run) -> Measured:
    """Return the least -L'/L over a run: at most what is seen at saved times, at least twice the least eigenvalue."""
    if run.trajectory is None:
        raise NoTrajectory("the speed of the loss belongs to a flow: simulate the instance first")
    path = run.trajectory
    squares = np.sum(path.residual**2, axis=1)
    with np.errstate(all="ignore"):
        seen = 2 * np.einsum("ki,kij,kj->k", path.residual, path.gram, path.residual) / squares
    return Measured.between(2 * float(path.least[:, 0].min()), float(np.nanmin(seen)))


GROENWALL = of_claim(
    core.GROENWALL, "rate",
    identity(
        "loss along the flow", "with r' = -G r the loss |r|^2/2 falls at r'G r",
        sum((sp.diff(square / 2, part) * v for part, v in zip(r, speed, strict=True)), sp.S.Zero), -(sp.Matrix([r]) * gram * sp.Matrix(r))[0],
    ),
    combine("Rayleigh", "in G's eigenbasis: eigenvalues mu + e_i make r'G r at least mu |r|^2", Bound(core.mu * square, core.mu * square + _OVER), {REST: _OVER}),
    sampled("at each time", "so -L'/L = 2 r'G r/|r|^2 is at least 2 mu", Bound(2 * core.mu, falls), _instant, "loss along the flow", "Rayleigh", f"{GIVEN}gap"),
    apply("Groenwall", "over an interval of time", textbook.GROENWALL.lemma, {textbook.least_speed: falls, textbook.speed: s.rate}, {}),
    combine("together", "one after the other", core.GROENWALL.claims[0].bound, {"at each time": 1, "Groenwall": 1}),
    chain=("at each time", "Groenwall"), quantities=(Quantity(falls, "least -L'/L over the run", slowest_fall),),
)  # fmt: skip

# --- drift -------------------------------------------------------------------------------------------

area, tau = sp.Symbol("A_t", nonnegative=True), sp.Symbol("tau", positive=True)
u, singular = sp.symbols(f"u_1:{SIZE + 1}", real=True), sp.symbols(f"e_1:{SIZE + 1}", nonnegative=True)
_LEFT = sum((gap * part**2 for gap, part in zip(singular, u, strict=True)), sp.S.Zero)
_ALL = s.s_X * sum(part**2 for part in u)
claim = core.DRIFT.claims[0].bound
STEP = sp.sqrt(s.s_X) / sp.sqrt(s.d)
FALL = sp.Integral(sp.exp(-core.mu * tau), (tau, 0, core.time))


def _speed(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the speed of the fastest node of a random network with |s'| <= 1, over one unit of time."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 6, 3)
    inputs, residual = rng.standard_normal((n, d)) * 10 ** rng.uniform(-2, 2), rng.standard_normal(n)
    slopes = np.sign(rng.standard_normal((m, n))) * np.minimum(1, rng.exponential(2, (m, n)))
    speeds = np.linalg.norm((slopes * residual) @ inputs, axis=1) / np.sqrt(d)
    return {
        core.moved_within: speeds.max(),
        s.s_X: np.linalg.norm(inputs, 2) ** 2,
        s.d: d,
        area: np.linalg.norm(residual),
    }


def _area(seed: int) -> Mapping[sp.Symbol, float]:
    """Return int |r| for a residual that falls at rates of at least mu, piece by piece in closed form."""
    rng = np.random.default_rng(seed)
    mu, pieces = 10 ** rng.uniform(-1, 1), rng.exponential(0.3, 8)
    rates = mu * (1 + rng.exponential(1, 8) * (rng.random(8) < 0.3))
    starts = np.exp(-np.concatenate([[0], np.cumsum(rates * pieces)[:-1]]))
    return {
        area: np.sum(starts * -np.expm1(-rates * pieces) / rates),
        core.r_0: 1.0,
        core.mu: mu,
        core.time: pieces.sum(),
    }


def residual_area(run: Run) -> Measured:
    """Return ``int_0^t |r|``, one interval between saved times per entry, from the second one on; the norm falls."""
    if run.trajectory is None:
        raise NoTrajectory("the area under the residual belongs to a flow: simulate the instance first")
    size, steps = np.linalg.norm(run.trajectory.residual, axis=1), np.diff(run.trajectory.times)
    return Measured.between(np.cumsum(steps * size[1:])[:-1], np.cumsum(steps * size[:-1])[1:])


DRIFT = of_claim(
    core.DRIFT, "drift",
    combine("Cauchy and Schwarz", "|X'u|^2 <= s_X |u|^2, in the eigenbasis of X X' with eigenvalues s_X - e_i", Bound(_ALL - _LEFT, _ALL), {REST: _LEFT}),
    sampled("speed", "|w_j'| <= sqrt(lambda_j s_X/d) |r| as |s'| <= 1; integrated: A_t = int_0^t |r|", Bound(claim.lhs, STEP * area), _speed, "Cauchy and Schwarz", f"{GIVEN}unit slope"),
    apply("rate", "|r_tau| <= exp(-mu tau) |r_0| at every time tau", of_card(core.GROENWALL, "rate"), {}, {"gap": f"{GIVEN}gap"}),
    sampled("decay", "integrated", Bound(area, core.r_0 * FALL), _area, "rate"),
    identity("integral", "int_0^t exp(-mu tau) dtau, mu > 0", FALL, (1 - sp.exp(-core.mu * core.time)) / core.mu, f"{GIVEN}gap"),
    combine("after", "times the speed", Bound(STEP * area, claim.rhs), {"decay": STEP, "integral": STEP * core.r_0}),
    combine("together", "one after the other", claim, {"speed": 1, "after": 1}),
    chain=("speed", "after"), quantities=(Quantity(area, "int_0^t |r|", residual_area),),
)  # fmt: skip

# --- Weyl --------------------------------------------------------------------------------------------


def _weyl(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    n, k = sorted(rng.integers(1, 6, 2))
    a, b = rng.standard_normal((n, k)), rng.standard_normal((n, k)) * 10 ** rng.uniform(-3, 1)
    least = [np.linalg.svd(matrix, compute_uv=False)[-1] for matrix in (a, a + b)]
    return {core.least_start: least[0], core.least_end: least[1], core.jump: np.linalg.norm(b, 2)}


WEYL = of_claim(
    core.WEYL, "singular value",
    cited("Weyl", "singular values are 1-Lipschitz in the spectral norm", core.WEYL.claims[0].bound, "H. Weyl, Math. Annalen 71 (1912); Horn and Johnson, Matrix Analysis, Corollary 7.3.5", _weyl),
    chain=("Weyl",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (GROENWALL, DRIFT, WEYL)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
