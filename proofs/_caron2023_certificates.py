"""Proofs of Prop R0 (caron2023, section 3.2), ReLU and smooth: the certificate from the initial weights.

For smooth slopes the epsilon costs a factor that tends to 1 with it, so what is shown for every epsilon holds without.

Conditional quantities have a ``w`` in their names: they are about the time while every node j stays within rho_j (a little
more, by any epsilon that does not change which gates can flip). The bootstrap then makes them unconditional.
"""

from __future__ import annotations

from dataclasses import replace

import _caron2023_lemmas as of
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run, look
from theorycheck.measure import NoTrajectory
from theorycheck.network import output_and_gram
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import r0 as t
from theorycheck.theorems.caron2023 import setting as s

k_w, k_t, b_w, ell_w, D_w = sp.symbols("k_w k_t b_w ell_w D_w", nonnegative=True)
epsilon = of.spare
#: how far nodes may go, over sqrt(lambda_j), in the bootstrap
_RADIUS = t.REACH + epsilon
KEPT = t.theta**2 * t.kappa_hat
_y = sp.Symbol("y", nonnegative=True)


def given(*names: str) -> dict[str, str]:
    """Return who shows premises that have the same name here."""
    return {name: f"{GIVEN}{name}" for name in names}


_SIGNS = {f"{GIVEN}{name}": 0 for name in ("gamma positive", "theta in (0, 1)", "uniform Gram definite")}
_NAMES = tuple(_SIGNS)


def uniform_least(run: Run) -> Measured:
    """Return the least eigenvalue of the uniform part where the whole Gram's is least; elsewhere unknown.

    Known between the two saved times around that place, from the weights there.
    """
    if run.trajectory is None:
        raise NoTrajectory("the uniform part at a time belongs to a flow: simulate the instance first")
    path, instance = run.trajectory, run.instance
    place = int(np.argmin(path.least[:, 0]))
    even = np.full((instance.m, 1), instance.m**-0.5)
    seen = []
    for index in {max(place - 1, 0), place}:
        weights = look(run, path.times[: index + 1], errors=False).final_weights if index else instance.weights
        found = output_and_gram(replace(instance.network, weights=weights, outer=even))[1]
        seen.append(float(np.linalg.eigvalsh(found)[0]))
    value = np.full(len(path.least), np.nan)
    error = np.full(len(path.least), np.inf)
    value[place], error[place] = (max(seen) + min(seen)) / 2, (max(seen) - min(seen)) / 2 + 1e-12 * max(seen)
    return Measured(value, error)


UNIFORM = Quantity(k_t, "least eigenvalue of the uniform part at time t", uniform_least)


def _unit(theorem: Theorem) -> tuple[tuple[Step, ...], str]:
    """Return who says that slopes are at most 1: a premise, or what ReLU is."""
    if any(part.label == "slope at most 1" for part in theorem.assumptions):
        return (), f"{GIVEN}slope at most 1"
    return (
        combine("slopes of ReLU", "gates are 0 or 1, or between at the kink", Bound(sp.S.One, sp.S.One), {REST: 0}),
    ), "slopes of ReLU"


def _movement(smooth: bool) -> tuple[Step, ...]:
    """Steps to b_w <= (1 - theta)^2 kappa_hat."""
    if smooth:
        first = apply(
            "slopes change little",
            "with rho_j in place of the movement",
            of.L5_SMOOTH.lemma,
            {of.b: b_w, of.reach: t.REACH},
            {},
            *_NAMES,
        )
    else:
        far = combine(
            "within",
            "the radius of the bootstrap below is that of the gates that can flip",
            Bound(_RADIUS, t.REACH + epsilon),
            {REST: 0},
        )
        first = apply(
            "flips",
            "only gates that can flip change",
            of.L5_RELU.lemma,
            {of.b: b_w, of.within: _RADIUS},
            {"radius": "within"},
            *_NAMES,
        )
    return (
        *(() if smooth else (far,)),
        first,
        combine("little movement", "by the test", Bound(b_w, t.TEST_RIGHT), {first.label: 1, f"{GIVEN}test": 1}),
    )


def _floor(theorem: Theorem, smooth: bool) -> tuple[Step, ...]:
    """Steps of claim a: the tangent Gram stays above mu = gamma theta^2 kappa_hat."""
    slopes, unit = _unit(theorem)
    slope = {core.slope: sp.S.One} if slopes else {}
    fall = t.REACH * (1 - sp.exp(-t.MU * core.time))
    return (
        *_movement(smooth),
        apply("kept", "while nodes are within rho_j, the uniform part keeps theta^2 of its least eigenvalue (L5)", of.L5.lemma, {of.b: b_w, of.k: k_w}, {"theta in (0, 1)": f"{GIVEN}theta in (0, 1)", "movement": "little movement"}),
        apply("light", "and the whole Gram gamma times that (L2)", of.L2.lemma, {of.k: k_w, s.least: ell_w}, {}),
        combine("floor", "so the Gram is above mu", Bound(t.MU, ell_w), {"kept": s.gamma, "light": 1}),
        *slopes,
        apply("drift", "then nodes stay within rho_j (1 - exp(-mu t)) (L7)", of.L7.lemma, {of.level: t.MU, s.least: ell_w, core.moved_within: D_w, **slope}, {"floor": "floor", "unit slope": unit}, *_NAMES),
        combine("room", "which is less than rho_j + epsilon", Bound(fall, _RADIUS, strict=True), {REST: epsilon + t.REACH * sp.exp(-t.MU * core.time), **_SIGNS}),
        apply("for ever", "so they never leave (L8)", textbook.BOOTSTRAP.lemma,
            {textbook.floor: KEPT, textbook.seen: k_w, textbook.ever: k_t, textbook.moved: D_w, textbook.better: fall, textbook.radius: _RADIUS},
            {"while": "kept", "better": "drift", "room": "room"}, *_NAMES),
        combine("uniform part", "the uniform part, for ever", Bound(t.MU, s.gamma * k_t), {"for ever": s.gamma}),
        apply("even scales", "and the whole Gram (L2)", of.L2.lemma, {of.k: k_t}, {}),
        combine("together", "one after the other", Bound(t.MU, s.least), {"uniform part": 1, "even scales": 1}),
    )  # fmt: skip


def _proofs(theorem: Theorem, smooth: bool) -> tuple[Proof, ...]:
    claims = {claim.label: claim for claim in theorem.claims}
    stays = apply("the Gram stays", "claim a", of_card(theorem, "a"), {}, given(*claims["a"].given))
    slopes, unit = _unit(theorem)
    slope = {core.slope: sp.S.One} if slopes else {}
    a = of_claim(theorem, "a", *_floor(theorem, smooth), chain=("uniform part", "even scales"), quantities=(UNIFORM,))
    b = of_claim(
        theorem, "b", stays,
        combine("definite", "so the Gram is definite", Bound(sp.S.Zero, s.least, strict=True), {"the Gram stays": 1, REST: t.MU, **_SIGNS}),
        apply("Groenwall", "the loss decays at twice its least eigenvalue", of_card(core.GROENWALL, "rate"), {core.mu: s.least}, {"gap": "definite"}),
        combine("twice", "of mu", Bound(2 * t.MU, 2 * s.least), {"the Gram stays": 2}),
        combine("together", "one after the other", claims["b"].bound, {"twice": 1, "Groenwall": 1}),
    )  # fmt: skip
    c = of_claim(
        theorem, "c", stays, *slopes,
        apply("drift", "a Gram above mu bounds the movement (L7)", of.L7.lemma, {of.level: t.MU, **slope}, {"floor": "the Gram stays", "unit slope": unit}, *_NAMES),
        chain=("drift",),
    )  # fmt: skip
    return a, b, c, _change(theorem, smooth)


def _heavy(seed: int) -> dict[sp.Symbol, float]:
    """Return |J - J_0|^2 with weights lambda_j for gates that changed only where they could."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs, weights, scales = of.inputs_of(rng, n, d), rng.standard_normal((m, d)), rng.dirichlet(np.full(m, 0.3))
    radius = rng.exponential(1, m)
    can = np.abs(weights @ inputs.T) <= radius[:, None] * np.linalg.norm(inputs, axis=1)
    change = np.where(can, rng.choice([-1, 0, 1, rng.uniform()], (m, n)), 0.0)
    mass = np.abs(inputs @ inputs.T) * ((can.T * scales) @ can) / d
    return {
        of.spread: np.linalg.eigvalsh(of.tangent(inputs, change, scales))[-1],
        t.heavy_flips: np.linalg.eigvalsh(mass)[-1],
    }


def _bent(seed: int) -> dict[sp.Symbol, float]:
    """Return |J - J_0|^2 with weights lambda_j for a tanh network whose nodes move by rho_j."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs, weights, scales, far = (
        of.inputs_of(rng, n, d),
        rng.standard_normal((m, d)),
        rng.dirichlet(np.ones(m)),
        rng.exponential(1),
    )
    step = rng.standard_normal((m, d))
    later = weights + step * (far * np.sqrt(scales) / np.linalg.norm(step, axis=1))[:, None]
    change = np.tanh(later @ inputs.T / np.sqrt(d)) ** 2 - np.tanh(weights @ inputs.T / np.sqrt(d)) ** 2
    return {
        of.spread: np.linalg.eigvalsh(of.tangent(inputs, change, scales))[-1], t.M: 4 / (3 * np.sqrt(3)), s.Lambda_2: np.sum(scales**2),
        of.reach: far, s.d: d, t.fourth: np.sum(np.linalg.norm(inputs, axis=1) ** 4),
    }  # fmt: skip


BENT_HEAVY = of.lemma("L5 for smooth slopes, weights lambda_j", {}, of.LAGRANGE, sampled("Frobenius", "e_ij^2 <= M^2 rho_j^2 |x_i|^2/d, summed with weights lambda_j/d", Bound(of.spread, t.M**2 * t.fourth * of.reach**2 * s.Lambda_2 / s.d**2), _bent, "Cauchy and Schwarz"))  # fmt: skip
FLIP_HEAVY = of.lemma("L5 for gates, weights lambda_j", {}, of.LAGRANGE, sampled("dominated", "as for the uniform part", Bound(of.spread, t.heavy_flips), _heavy, "Cauchy and Schwarz"))  # fmt: skip


def _change(theorem: Theorem, smooth: bool) -> Proof:
    """Claim d: the tangent Gram changes little. By claims a and c no node leaves its rho_j."""
    goal = next(claim.bound for claim in theorem.claims if claim.label == "d")
    where = {of.reach: t.REACH} if smooth else {}
    names = next(claim.given for claim in theorem.claims if claim.label == "c")
    return of_claim(
        theorem, "d",
        apply("no node leaves", "claim c", of_card(theorem, "c"), {}, given(*names)),
        combine("within", "rho_j (1 - exp(-mu t)) is less than rho_j", Bound(core.moved_within, t.REACH), {"no node leaves": 1, REST: t.REACH * sp.exp(-t.MU * core.time), **_SIGNS}),
        apply("slopes change little", "with weights lambda_j", (BENT_HEAVY if smooth else FLIP_HEAVY).lemma, where, {}, "within", *_NAMES),
        apply("change", "|J J' - J_0 J_0'|", of.CHANGE.lemma, {}, {}),
        monotone("more", "b + 2 sqrt(b s_X/d) rises with b", Bound(_of_b(of.spread), goal.rhs), "slopes change little", sp.Lambda(_y, _of_b(_y)), *_NAMES),
        combine("together", "one after the other", goal, {"change": 1, "more": 1}),
    )  # fmt: skip


def _of_b(b: sp.Expr) -> sp.Expr:
    return b + 2 * sp.sqrt(b * s.s_X / s.d)


PROOFS: tuple[Proof, ...] = (*of.PROOFS, BENT_HEAVY, FLIP_HEAVY, *_proofs(t.R0, False), *_proofs(t.R0_SMOOTH, True))

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
