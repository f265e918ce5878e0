"""Steps that many proofs of chen2022 share: what the flow does, how the loss decays, how many neurons start well.

What is about every n, m or d is shown for two samples in one dimension and two neurons: they may meet, and no step looks
at how many there are. The activation is an undefined function, so every differentiable one.

=====================  ==================================================================================================
``FLOW``               (3.1) h' = -(c/n) G D zeta, for the first neuron and sample
``LOSS``               (3.3) L' = -zeta'K zeta/n^2
``POWER``              (3.3) -L' = (1/m) sum_i |w_i'|^2
``FORCE``              (3.5) |h_ia'|^2 = |G e_a|^2 |force_i|^2 - squares
``PROJECTION``         (3.5) |h_ia'|^2 = G_aa |w_i'|^2 - squares
``ROOT``               (3.5) sqrt(-L') is at most -(2/sqrt r) (sqrt L)' where -L' >= r L
``TRAVEL``             W_T <= D_T: weights move no further than their path is long, D_T = int sqrt(-L')
``SANDWICH``           (3.4) as an inequality between q_T and the least eigenvalue of K
``decay(...)``         from a lower bound of q_T at all times to the rate: the sandwich, then Groenwall's inequality
``enough(...)``        an event with its steps: half of the expected share of neurons starts well, for every sample
``Q KAPPA AREA PATH``  quantities: q_T, least eigenvalue of K/n, A_T = int |zeta|, D_T; symbols ``q kappa area length``
``network follow``     a small random network, and its flow in (3.1)'s closed form, for sampled steps
=====================  ==================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from theorycheck.evidence import Measured
from theorycheck.flow import Run, Trajectory
from theorycheck.grams import Array
from theorycheck.measure import NoTrajectory
from theorycheck.proof import GIVEN, Event, of_card
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import setting as caron
from theorycheck.theorems.chen2022 import identities as ids
from theorycheck.theorems.chen2022 import movement as mv
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.chances import LEMMA, tail
from theorycheck.theorems.chen2022.derivation import identities

ANY = Activation("s", sp.Function("s")(Z))
#: both sides of (3.1) to (3.6), for two samples, two neurons, one dimension
SIDES = identities(ANY, 2, 2, 1)

# --- symbols and how they are measured ----------------------------------------------------------------

q, area, length = sp.symbols("q_T A_T D_T", nonnegative=True)
kappa = mv.least
#: what an earlier quantity is more than its least value over samples, times or neurons
over = sp.Symbol("e", nonnegative=True)
_Y = sp.Symbol("y", real=True)
LAM = f"{GIVEN}lambda_min positive"


def _path(run: Run) -> Trajectory:
    if run.trajectory is None:
        raise NoTrajectory("this quantity belongs to a flow: simulate the instance first")
    return run.trajectory


def least_slopes(run: Run) -> Measured:
    """Return ``q_T``: the least ``(1/m) sum_i c_i^2 s'(h_ia)^2`` over samples and saved times, from the Gram's diagonal."""
    diagonal = np.sum(run.instance.inputs**2, axis=1) / run.instance.d
    values = run.instance.n * np.diagonal(_path(run).gram, axis1=1, axis2=2) / diagonal
    low = values.min(axis=1)
    return Measured(float(low.min()), float(np.abs(np.diff(low)).max(initial=0.0)) + 1e-12 * float(values.max()))


def residual_area(run: Run) -> Measured:
    """Return ``A_T = int_0^T |zeta|``; the residual's norm falls, so that sums from both ends enclose it."""
    path = _path(run)
    size, steps = np.linalg.norm(path.residual, axis=1), np.diff(path.times)
    return Measured.between(float(steps @ size[1:]), float(steps @ size[:-1]))


def path_length(run: Run) -> Measured:
    """Return ``D_T = int_0^T sqrt(-L')`` by trapezia; the error is what every other saved time makes of it."""
    path, n = _path(run), run.instance.n
    speed = np.sqrt(np.maximum(np.einsum("ka,kab,kb->k", path.residual, path.gram, path.residual), 0) / n)
    full = float(np.trapezoid(speed, path.times))
    keep = np.unique(np.append(np.arange(0, len(speed), 2), len(speed) - 1))
    return Measured(full, abs(full - float(np.trapezoid(speed[keep], path.times[keep]))) + 1e-9 * full)


Q = Quantity(q, "least (1/m) sum_i c_i^2 s'(h_ia)^2 over samples and times", least_slopes)
KAPPA = next(part for part in mv.QUANTITIES if part.symbol == kappa)
AREA = Quantity(area, "int_0^T |zeta|", residual_area)
PATH = Quantity(length, "int_0^T sqrt(-L')", path_length)

# --- along the flow -----------------------------------------------------------------------------------

FLOW = identity("flow", "(3.1): h_ia' = -(c_i/n) (G D_i zeta)_a, from the neuron, any activation", *SIDES["3.1"][0])
LOSS = identity(
    "loss along the flow", "(3.3): L' = -zeta'K zeta/n^2, from the neuron, any activation", *SIDES["3.3"][0]
)
POWER = identity("power", "(3.3): -L' = (1/m) sum_i |w_i'|^2, from the neuron, any activation", *SIDES["3.3"][1])
PROJECTION = identity("projection", "(3.5): G_aa |w_i'|^2 - |h_ia'|^2 is a sum of squares; here of one neuron in two dimensions", *identities(ANY, 2, 1, 2)["3.5"][0])  # fmt: skip
FORCE = identity("force", "(3.5): |G e_a|^2 |force_i|^2 - |h_ia'|^2 is a sum of squares, force_ia = c_i s'(h_ia) zeta_a/n", *SIDES["3.5"][1])  # fmt: skip
ROOT = identity("root of the loss", "(3.5): -(2/sqrt r) (sqrt L)' = -L'/sqrt(r L), at least sqrt(-L') where -L' >= r L", *SIDES["3.5"][-1])  # fmt: skip


def _travel(seed: int) -> dict[sp.Symbol, float]:
    """Random steps of all weights at once: root mean square of the sum, and the sum of those."""
    rng = np.random.default_rng(seed)
    straight = rng.standard_normal((1, 4, 3)) * (rng.random() < 0.7)
    steps = (straight + 10 ** rng.uniform(-6, 1) * rng.standard_normal((5, 4, 3))) * rng.exponential(1, (5, 1, 1))
    ends, lengths = np.sum(steps.sum(axis=0) ** 2), np.sqrt(np.sum(steps**2, axis=(1, 2)))
    return {s.moved_path: np.sqrt(ends / 4), length: lengths.sum() / 2}


TRAVEL = sampled("travel", "W_T <= int (1/m sum_i |w_i'|^2)^(1/2) = D_T, by Minkowski", Bound(s.moved_path, length), _travel, "power")  # fmt: skip


SANDWICH = apply("sandwich", "(3.4): K's least eigenvalue, n kappa_T when it is least, is at least lambda_min min_a q_a, which is q_T + e then", of_card(ids.SANDWICH, "least"), {ids.steep: q + over, ids.least: t.n * kappa}, {})  # fmt: skip


def decay(held: str, positive: str, lam: str = LAM) -> tuple[Step, ...]:
    """Return the steps from ``held``, which says ``rate <= 2 lambda_min q_T/n``, to ``2 kappa_T <= R_t``.

    ``positive`` is the label of ``0 < rate`` and ``lam`` that of ``0 < lambda_min``. Their sum is the rate; for the chain:
    ``held``, "least eigenvalue", "Groenwall".
    """
    return (
        LOSS,
        SANDWICH,
        combine("least eigenvalue", "so 2 lambda_min q_T/n <= 2 kappa_T", Bound(t.PER_HELD * t.lam * q, 2 * kappa), {"sandwich": t.PER_HELD, REST: t.PER_HELD * t.lam * over, lam: 0}),
        combine("stays definite", "0 < kappa_T", Bound(sp.S.Zero, kappa, strict=True), {positive: sp.S.Half, held: sp.S.Half, "least eigenvalue": sp.S.Half}),
        apply("Groenwall", "L' = -zeta'K zeta/n^2 <= -2 kappa_T L at all times", of_card(core.GROENWALL, "rate"), {core.mu: kappa, caron.rate: s.rate}, {"gap": "stays definite"}, "loss along the flow"),
    )  # fmt: skip


# --- enough neurons start well -------------------------------------------------------------------------

any_sample, one_sample, between = sp.symbols("P_any P_one P_between", nonnegative=True)


def _union(seed: int) -> dict[sp.Symbol, float]:
    """Random events, as many as samples: disjoint ones, where the union bound is sharp, and others."""
    rng = np.random.default_rng(seed)
    n, weights = int(rng.integers(1, 6)), rng.dirichlet(np.full(12, 0.5))
    hit = np.eye(12, dtype=bool)[:n] if rng.random() < 0.5 else rng.random((n, 12)) < rng.random()
    return {any_sample: weights[hit.any(axis=0)].sum(), one_sample: (hit @ weights).max(), t.n: n}


UNION = sampled("union over samples", "the chance that any of n samples fails is at most n times the largest chance of one", Bound(any_sample, t.n * one_sample), _union)  # fmt: skip


@dataclass(frozen=True)
class Enough:
    """The event that ``p/2 <= p_hat``, the steps that bound its chance, and the label of the last: that it fails by delta."""

    event: Event
    steps: tuple[Step, ...]
    failure: str = "failure"


def own_chance(p: sp.Expr, positive: str) -> tuple[Step, ...]:
    """Return that a sample's own chance, ``p + e``, is positive and at least p; ``positive`` is the label of ``0 < p``."""
    return (
        combine("own chance", "0 < p + e", Bound(sp.S.Zero, p + over, strict=True), {positive: 1, REST: over}),
        combine("least chance", "p is the least over the samples: p <= p + e", Bound(p, p + over), {REST: over}),
    )  # fmt: skip


def enough(p: sp.Expr, own: sp.Expr, positive: str, width: str = f"{GIVEN}width") -> Enough:
    """Return the event that half of ``p`` starts well, for every sample, whose ``own`` chance is at least p.

    Steps before it: "own chance" is ``0 < own``, "least chance" is ``p <= own``. ``positive`` tells the sign of p, ``width``
    is the label of ``8 log(n/delta)/p <= M``. Steps after it may use "event: share".
    """
    exponent = o.COST * o.draws * p
    return Enough(
        Event("share", Bound(o.KEPT * p, t.share), any_sample),
        (
            apply("tail", "fewer than M p/2 counted are fewer than M p_a/2: P_one + P_between <= exp(-M p_a/8)", of_card(LEMMA, "tail"), {tail: one_sample + between, o.p: own}, {"p positive": "own chance"}),
            combine("larger exponent", "M p/8 <= M p_a/8", Bound(exponent, o.COST * o.draws * own), {"least chance": o.COST * o.draws}),
            monotone("smaller tail", "exp(-M p_a/8) <= exp(-M p/8)", Bound(sp.exp(-o.COST * o.draws * own), sp.exp(-exponent)), "larger exponent", sp.Lambda(_Y, sp.exp(-_Y))),
            UNION,
            combine("width solved", "log(n/delta) <= M p/8", Bound(sp.log(t.n / o.delta), exponent), {width: o.COST * p, positive: 0}),
            monotone("width in the tail", "exp(-M p/8) <= delta/n", Bound(sp.exp(-exponent), o.delta / t.n), "width solved", sp.Lambda(_Y, sp.exp(-_Y))),
            combine("failure", "n times that is at most delta", Bound(any_sample, o.delta), {"union over samples": 1, "tail": t.n, REST: t.n * between, "smaller tail": t.n, "width in the tail": t.n}),
        ),
    )  # fmt: skip


# --- small networks for sampled steps ------------------------------------------------------------------


@dataclass(frozen=True)
class Small:
    """A network at time 0: G ``(n, n)``, preactivations ``(n, m)``, output weights ``(m,)``, residual ``(n,)``; tanh."""

    gram: Array
    start: Array
    c: Array
    zeta: Array


def network(rng: np.random.Generator, m: int) -> Small:
    """Return a random network with a definite G, of random condition."""
    n = int(rng.integers(1, 4))
    inputs = rng.standard_normal((n, n + 1)) * 10 ** rng.uniform(-0.5, 0.5, (n, 1))
    return Small(inputs @ inputs.T / (n + 1), rng.normal(0, 10 ** rng.uniform(-1, 0.3), (n, m)), rng.standard_normal(m), rng.standard_normal(n))  # fmt: skip


@dataclass(frozen=True)
class Followed:
    """A flow, step by step: times ``(k,)``, preactivations ``(k, n, m)``, residuals ``(k, n)``, ``q_a`` ``(k, n)``."""

    times: Array
    h: Array
    zeta: Array
    q: Array

    @property
    def area(self) -> float:
        """``int |zeta|``, by trapezia."""
        return float(np.trapezoid(np.linalg.norm(self.zeta, axis=1), self.times))


def follow(net: Small, steps: int = 120) -> Followed:
    """Follow (3.1) with tanh by Heun's rule, ``zeta`` by its own output; the step is a fraction of the fastest time."""
    n, m = net.start.shape
    offset = np.tanh(net.start) @ net.c / m - net.zeta

    def speed(h: Array) -> tuple[Array, Array]:
        zeta = np.tanh(h) @ net.c / m - offset
        return -(net.gram @ ((1 - np.tanh(h) ** 2) * zeta[:, None])) * net.c / n, zeta

    top = np.linalg.norm(net.gram, 2) * np.mean(net.c**2) / n
    step, h, found = 0.3 / top, net.start, []
    for _ in range(steps):
        first, zeta = speed(h)
        found.append((h, zeta, np.mean(net.c**2 * (1 - np.tanh(h) ** 2) ** 2, axis=1)))
        h = h + step / 2 * (first + speed(h + step * first)[0])
    hs, zetas, qs = (np.array(part) for part in zip(*found, strict=True))
    return Followed(step * np.arange(steps), hs, zetas, qs)
