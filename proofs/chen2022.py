"""Proofs of chen2022's theorems, as far as they are written down. Run it: ``python proofs/chen2022.py``.

What is about every n, m or d is shown for a small size in which all that can happen happens: two samples that meet, two
neurons, quadratic forms in three coordinates of their eigenbasis.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.measure import NoTrajectory
from theorycheck.proof import GIVEN, REST, Proof, cited, following, identity, of_claim, sampled
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.theorems.chen2022 import movement as mv
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022 import steep_everywhere as ev
from theorycheck.theorems.chen2022.derivation import identities
from theorycheck.theorems.chen2022.steep import A

GROENWALL = "T. H. Gronwall, Annals of Mathematics 20 (1919), 292-296; Teschl, ODEs and Dynamical Systems, Lemma 2.7"
ANY = Activation("s", sp.Function("s")(Z))
_SIDES = identities(ANY, 2, 2, 1)

q = sp.Symbol("q_T", nonnegative=True)
u = sp.symbols("u_1:4", real=True)
gaps = sp.symbols("e_1:4", nonnegative=True)
weights = sp.symbols("C_1:4", nonnegative=True)
slopes = sp.symbols("S_1:4", nonnegative=True)


def mean(values: list[sp.Expr]) -> sp.Expr:
    """Return the mean over neurons."""
    return sum(values, sp.S.Zero) / len(values)


def least_slopes(run: Run) -> Measured:
    """Return ``q_T``: the least ``(1/m) sum_i c_i^2 s'(h_ia)^2`` over samples and saved times, from the Gram's diagonal."""
    if run.trajectory is None:
        raise NoTrajectory("the slopes during a run belong to a flow: simulate the instance first")
    diagonal = np.sum(run.instance.inputs**2, axis=1) / run.instance.d
    values = run.instance.n * np.diagonal(run.trajectory.gram, axis1=1, axis2=2) / diagonal
    low = values.min(axis=1)
    return Measured(float(low.min()), float(np.abs(np.diff(low)).max(initial=0.0)) + 1e-12 * float(values.max()))


Q = Quantity(q, "least (1/m) sum_i c_i^2 s'(h_ia)^2 over samples and times", least_slopes)
KAPPA = next(part for part in mv.QUANTITIES if part.symbol == mv.least)

# --- steps that many proofs share ------------------------------------------------------------------

LOSS = identity(
    "loss along the flow", "(3.3): L' = -zeta'K zeta/n^2, from the neuron, any activation", *_SIDES["3.3"][0]
)
SANDWICH = following(
    "sandwich", "(3.4) neuron by neuron: u'G u >= lambda_min |u|^2 for u = D_i v, in G's eigenbasis",
    Bound(t.lam * sum(x**2 for x in u), sum((t.lam + e) * x**2 for e, x in zip(gaps, u, strict=True))),
    {REST: sum((e * x**2 for e, x in zip(gaps, u, strict=True)), sp.S.Zero)},
)  # fmt: skip
DECAY = cited(
    "Groenwall", "L' <= -2 kappa_T L at all times", Bound(2 * mv.least, s.rate), GROENWALL, "loss along the flow"
)


def _network(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return G, slopes ``(n, m)`` and output weights ``(m,)``, at random."""
    n, m = rng.integers(1, 5, 2)
    inputs = rng.standard_normal((n, n + rng.integers(0, 3))) * 10 ** rng.uniform(-1, 1, (n, 1))
    return inputs @ inputs.T / inputs.shape[1], rng.uniform(-1, 1, (n, m)), rng.standard_normal(m)


def _sandwich(seed: int) -> tuple[float, float]:
    """Return ``lambda_min(K) - lambda_min(G) min_a q_a`` for random slopes."""
    gram, steep, c = _network(np.random.default_rng(seed))
    tangent = gram * ((steep * c**2) @ steep.T) / len(c)
    least, own = np.linalg.eigvalsh(tangent)[0], np.linalg.eigvalsh(gram)[0]
    return float(least - own * np.mean(c**2 * steep**2, axis=1).min()), 1e-12 * float(
        np.trace(tangent) + np.trace(gram)
    )


BELOW_KAPPA = sampled("least eigenvalue", "K >= lambda_min diag(q), at all times", Bound(t.PER_HELD * t.lam * q, 2 * mv.least), _sandwich, "sandwich")  # fmt: skip

# --- F: slope bounded away from 0 --------------------------------------------------------------------

_STEEP = following(
    "slopes", "c_i^2 s'(h_ia)^2 >= K^2 c_i^2, averaged over neurons",
    Bound(t.steepness**2 * mean(list(weights)), mean([c * (t.steepness**2 + e) for c, e in zip(weights, slopes, strict=True)])),
    {REST: mean([c * e for c, e in zip(weights, slopes, strict=True)])},
)  # fmt: skip


def _everywhere(seed: int) -> tuple[float, float]:
    """Return ``min_a q_a - K^2 C_2^2`` for slopes of at least K in size."""
    rng = np.random.default_rng(seed)
    least, c = rng.uniform(0, 1), rng.standard_normal(rng.integers(1, 9))
    steep = (least + rng.exponential(1, (3, len(c)))) * rng.choice([-1, 1], (3, len(c)))
    return float(np.mean(c**2 * steep**2, axis=1).min() - least**2 * np.mean(c**2)), 1e-12


F_RATE = of_claim(
    ev.F, "rate", LOSS, SANDWICH, _STEEP,
    sampled("held", "so q_a >= K^2 C_2^2 at all times", Bound(ev.RATE, t.PER_HELD * t.lam * q), _everywhere, "slopes", f"{GIVEN}K positive"),
    BELOW_KAPPA, DECAY, following("together", "one after the other", Bound(ev.RATE, s.rate), {"held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("held", "least eigenvalue", "Groenwall"), quantities=(Q, KAPPA),
)  # fmt: skip

# --- A: retained neurons stay -----------------------------------------------------------------------

RATE_A = t.CONCLUSIONS_A[0].expr
_HALF = mean([(t.c_low**2 + c) * (t.steepness**2 + e) for c, e in zip(weights[:2], slopes[:2], strict=True)]) / 2
_COUNTED = following(
    "counted neurons", "two of four neurons count: c_i^2 s'^2 >= c_lo^2 K^2 for these, and >= 0 for the others",
    Bound(t.c_low**2 * t.steepness**2 / 2, _HALF + weights[2] * slopes[2] / 4),
    {REST: (_HALF + weights[2] * slopes[2] / 4 - t.c_low**2 * t.steepness**2 / 2).expand()},
)  # fmt: skip
_rate, _time = sp.symbols("r tau", positive=True)
_AREA = identity(
    "area", "int_0^oo |zeta| <= |zeta_0| int_0^oo exp(-r t/2) dt = 2 |zeta_0|/r",
    sp.Integral(sp.exp(-_rate * _time / 2), (_time, 0, sp.oo)), 2 / _rate,
)  # fmt: skip
_LAGRANGE = identity(
    "Cauchy and Schwarz", "|h_ia'|^2 <= |G e_a|^2 |force_i|^2: the difference is a sum of squares", *_SIDES["3.5"][1]
)
_SIGNS = {f"{GIVEN}{label}": 0 for label in ("lambda_min positive", "c_lo positive", "K positive", "p_hat positive")}
_STAYS = following("no neuron leaves", "movement is below eta, by the test", Bound(t.WINDOW_A, t.eta, strict=True), {f"{GIVEN}test": 1 / t.HELD, **_SIGNS})  # fmt: skip


def _retained(seed: int) -> tuple[float, float]:
    """Return ``min_a q_a - c_lo^2 K^2 p_hat`` after every preactivation moved by less than eta; tanh on (-1, 1)."""
    rng = np.random.default_rng(seed)
    h, c, eta = rng.standard_normal((3, 40)), rng.standard_normal(40), rng.uniform(0.05, 0.9)
    low, least = rng.uniform(0, 1), 1 - np.tanh(1.0) ** 2
    share = np.mean((np.abs(h) <= 1 - eta) & (np.abs(c) >= low), axis=1).min()
    later = h + rng.uniform(-eta, eta, h.shape)
    return float(np.mean(c**2 * (1 - np.tanh(later) ** 2) ** 2, axis=1).min() - low**2 * least**2 * share), 1e-12


A_RATE = of_claim(
    A, "rate", LOSS, SANDWICH, _COUNTED, _AREA, _LAGRANGE, _STAYS,
    sampled("held", "so q_a >= c_lo^2 K^2 p_hat at all times", Bound(RATE_A, t.PER_HELD * t.lam * q), _retained, "counted neurons", "area", "Cauchy and Schwarz", "no neuron leaves", f"{GIVEN}eta positive"),
    BELOW_KAPPA, DECAY, following("together", "one after the other", Bound(RATE_A, s.rate), {"held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("held", "least eigenvalue", "Groenwall"), quantities=(Q, KAPPA),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (F_RATE, A_RATE)


if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
