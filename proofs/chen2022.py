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
from theorycheck.proof import GIVEN, REST, SHOWN, Proof, of_claim
from theorycheck.proof_steps import cited, combine, identity, sampled
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
SANDWICH = combine(
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

_STEEP = combine(
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
    BELOW_KAPPA, DECAY, combine("together", "one after the other", Bound(ev.RATE, s.rate), {"held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("held", "least eigenvalue", "Groenwall"), quantities=(Q, KAPPA),
)  # fmt: skip

# --- A: retained neurons stay -----------------------------------------------------------------------

RATE_A = t.CONCLUSIONS_A[0].expr
_HALF = mean([(t.c_low**2 + c) * (t.steepness**2 + e) for c, e in zip(weights[:2], slopes[:2], strict=True)]) / 2
_COUNTED = combine(
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
_STAYS = combine("no neuron leaves", "movement is below eta, by the test", Bound(t.WINDOW_A, t.eta, strict=True), {f"{GIVEN}test": 1 / t.HELD, **_SIGNS})  # fmt: skip


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
    BELOW_KAPPA, DECAY, combine("together", "one after the other", Bound(RATE_A, s.rate), {"held": 1, "least eigenvalue": 1, "Groenwall": 1}),
    chain=("held", "least eigenvalue", "Groenwall"), quantities=(Q, KAPPA),
)  # fmt: skip

area = sp.Symbol("A_T", nonnegative=True)


def _speed(seed: int) -> tuple[float, float]:
    """Return ``c_hi L_s g |zeta|/n - max_ia |h_ia'|`` from (3.1), for random networks."""
    rng = np.random.default_rng(seed)
    gram, steep, c = _network(rng)
    zeta = rng.standard_normal(len(gram))
    speeds = np.abs(gram @ (steep * zeta[:, None]) * c).max() / len(gram)
    most = np.abs(c).max() * np.abs(steep).max() * np.linalg.norm(gram, axis=0).max() * np.linalg.norm(zeta) / len(gram)
    return float(most - speeds), 1e-12 * float(most)


def _residual_area(run: Run) -> Measured:
    """Return ``A_T = int_0^T |zeta|`` by trapezia; the residual's norm is decreasing, so that they have two ends."""
    if run.trajectory is None:
        raise NoTrajectory("the area under the residual belongs to a flow: simulate the instance first")
    size, steps = np.linalg.norm(run.trajectory.residual, axis=1), np.diff(run.trajectory.times)
    return Measured.between(float(steps @ size[1:]), float(steps @ size[:-1]))


def _under(seed: int) -> tuple[float, float]:
    """Return ``2/r - int |zeta|/|zeta_0|`` for residuals that fall at random rates of at least r; a sum from above."""
    rng = np.random.default_rng(seed)
    rate, times = 10 ** rng.uniform(-2, 1), np.linspace(0, 1, 400)
    times = times * rng.uniform(0.1, 10) / rate
    rates = rate * (1 + rng.exponential(1, 400) * (rng.random(400) < 0.2))
    step = times[1]
    # the residual is decreasing: its later value in each interval is the least it can be there
    return float(2 / rate - step * np.sum(np.exp(-rates * times / 2)[1:])), 1e-12 / rate


A_WINDOW = of_claim(
    A, "window", _LAGRANGE,
    sampled("speed", "(3.5): |h_ia'| <= |c_i| L_s g |zeta|/n, integrated", Bound(s.moved, t.c_high * t.slope * t.g * area / t.n), _speed, "Cauchy and Schwarz"),
    _AREA,
    sampled("decay", "|zeta_t| <= |zeta_0| exp(-r t/2) at all times, integrated", Bound(t.c_high * t.slope * t.g * area / t.n, t.c_high * t.slope * t.g * 2 * t.zeta_0 / RATE_A / t.n), _under, "area", f"{SHOWN}chen2022.a rate"),
    combine("together", "one after the other", Bound(s.moved, t.WINDOW_A), {"speed": 1, "decay": 1}),
    chain=("speed", "decay"), lemmas=(A_RATE,), quantities=(Quantity(area, "int_0^T |zeta|", _residual_area),),
)  # fmt: skip

# --- 4.10: movement -----------------------------------------------------------------------------------

turned = sp.Symbol("F_T", nonnegative=True)
_POWER = identity("power", "(3.3): -L' = (1/m) sum_i |w_i'|^2, from the neuron, any activation", *_SIDES["3.3"][1])
_ROOT = identity("root of the loss", "(3.5): sqrt(-L') <= -(2/sqrt r)(sqrt L)' where -L' >= r L", *_SIDES["3.5"][-1])


def _minkowski(seed: int) -> tuple[float, float]:
    """Return ``sum |v_k| - |sum v_k|`` for random steps of all weights at once."""
    steps = np.random.default_rng(seed).standard_normal((5, 7)) * 10 ** np.random.default_rng(seed).uniform(
        -2, 2, (5, 1)
    )
    return float(np.linalg.norm(steps, axis=1).sum() - np.linalg.norm(steps.sum(axis=0))), 1e-12


UPPER = mv.MOVEMENT.claims[1].bound
M_UPPER = of_claim(
    mv.MOVEMENT, "upper", _POWER, _ROOT,
    sampled(
        "path", "movement is at most the path's length, int sqrt(-L') <= (2/sqrt r)(sqrt L_0 - sqrt L_T)", UPPER, _minkowski,
        "power", "root of the loss", f"{GIVEN}Lambda_max positive", f"{GIVEN}kappa_T positive",
    ),
    chain=("path",),
)  # fmt: skip


def _lipschitz(seed: int) -> tuple[float, float]:
    """Return ``L_s C_2 sqrt(Lambda_max) W - |f_T - f_0|`` for random weights before and after; tanh."""
    rng = np.random.default_rng(seed)
    n, d, m = rng.integers(1, 6, 3)
    inputs, c = rng.standard_normal((n, d)), rng.standard_normal(m)
    before, after = rng.standard_normal((2, m, d))
    change = (np.tanh(inputs @ after.T / np.sqrt(d)) - np.tanh(inputs @ before.T / np.sqrt(d))) @ c / m
    most = np.sqrt(np.mean(c**2) * np.mean(np.sum((after - before) ** 2, axis=1)) * np.linalg.norm(inputs, 2) ** 2 / d)
    return float(most - np.linalg.norm(change)), 1e-12


def _output_moved(run: Run) -> Measured:
    """Return ``F_T = |f_T - f_0|``."""
    if run.trajectory is None:
        raise NoTrajectory("the output's movement belongs to a flow: simulate the instance first")
    path = run.trajectory
    return Measured(
        float(np.linalg.norm(path.residual[-1] - path.residual[0])),
        float(path.residual_error[-1] + path.residual_error[0]),
    )


_PER = t.slope * mv.C_2 * sp.sqrt(s.Lam)
M_LOWER = of_claim(
    mv.MOVEMENT, "lower",
    cited("triangle", "|zeta_0| - |zeta_T| <= |f_T - f_0|", Bound(mv.LOWER, turned / _PER), "the triangle inequality; Rudin, Principles of Mathematical Analysis, Theorem 1.37"),
    sampled("Lipschitz", "|f_T - f_0| <= L_s C_2 sqrt(Lambda_max) W_T, by Cauchy and Schwarz over neurons", Bound(turned / _PER, s.moved_path), _lipschitz, f"{GIVEN}Lambda_max positive"),
    combine("together", "one after the other", Bound(mv.LOWER, s.moved_path), {"triangle": 1, "Lipschitz": 1}),
    chain=("triangle", "Lipschitz"), quantities=(Quantity(turned, "|f_T - f_0|", _output_moved),),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (F_RATE, A_RATE, A_WINDOW, M_LOWER, M_UPPER)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
