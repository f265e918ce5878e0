"""Proofs of Theorem R2 and its data-dependent form (caron2023, section 3.3): smooth activations."""

from __future__ import annotations

from collections.abc import Mapping

import _caron2023_chances as ch
import _caron2023_lemmas as of
import _caron2023_widths as w
import numpy as np
import sympy as sp

from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, enclosed, monotone, sampled
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Theorem
from theorycheck.theorems.caron2023 import r0, r2
from theorycheck.theorems.caron2023 import setting as s

_HALF = s.delta / 2
_y = sp.Symbol("y", nonnegative=True)


def _sizes(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs = rng.standard_normal((n, d))
    inputs /= np.maximum(np.linalg.norm(inputs, axis=1), 1)[:, None]
    return {r0.fourth: np.sum(np.linalg.norm(inputs, axis=1) ** 4), s.n: n, r0.mass: rng.dirichlet(np.ones(m)).sum()}


FOURTH = of.lemma("fourth powers", {"unit ball": Bound(s.largest_norm, sp.S.One)}, sampled("norms", "sum_i |x_i|^4 <= n in the unit ball", Bound(r0.fourth, s.n), _sizes, "unit ball"))  # fmt: skip
SCALES = of.lemma("scales", {}, sampled("sum", "the node scales sum to 1", Bound(r0.mass, sp.S.One), _sizes))


def _trace(seed: int) -> Mapping[sp.Symbol, float]:
    """Return tr Sigma for tanh, by quadrature."""
    rng = np.random.default_rng(seed)
    inputs = of.inputs_of(rng, *of.sizes(rng)[:2])
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    value = np.tanh(np.linalg.norm(inputs, axis=1)[:, None] * nodes) ** 2 @ weights
    return {s.trace_sigma: float(np.sum(value) / weights.sum())}


OUTPUT = of.lemma(
    "outputs", {"nonzero inputs": s.NONZERO.bound, "analytic": next(part.bound for part in r2.R2.assumptions if part.label == "analytic")},
    sampled("positive", "tr Sigma > 0: an activation that is not affine is not 0 almost everywhere on a line", Bound(sp.S.Zero, s.trace_sigma, strict=True), _trace, "nonzero inputs", "analytic"),
)  # fmt: skip
POSITIVE_OUTPUT = apply(
    "outputs", "tr Sigma is positive", OUTPUT.lemma, {}, {name: f"{GIVEN}{name}" for name in OUTPUT.premises}
)

_FOURTH = apply("fourth powers", "sum_i |x_i|^4 <= n", FOURTH.lemma, {}, {"unit ball": f"{GIVEN}unit ball"})


def _test(theorem: Theorem, reach: sp.Expr, rounded: sp.Expr, unrounded: sp.Expr, times: int) -> tuple[Step, ...]:
    """Steps to R0's test with ``times`` its radii: at the width, slopes change by at most (1/sqrt 2 - 1/2)^2 kappa_n."""
    per = times**2 * r0.M**2 / (s.m * s.d**2)
    left = times**2 * r0.TEST_SMOOTH.subs(r0.theta, w.THETA)
    most = per * s.n * reach**2
    exact = unrounded == rounded
    steps = [w.width(theorem, rounded, "width for L5")]
    if not exact:
        steps += [
            enclosed("rounding", "the constant of the width is rounded upward", Bound(sp.simplify(unrounded / rounded), sp.S.One), {}),
            combine("unrounded width", "so the unrounded width is reached", Bound(unrounded, s.m), {"rounding": rounded, "width for L5": 1, **w.NONE}),
        ]  # fmt: skip
    return (
        _FOURTH,
        apply("scales", "sum_j lambda_j <= 1", SCALES.lemma, {}, {}),
        monotone("radius squared", "of R0's radius", Bound(w.NEAR**2, reach**2), "radius", sp.Lambda(_y, _y**2), *w.SIGNS),
        combine("slopes", "so slopes change by at most (M^2/(m d^2)) n rho^2", Bound(left, most), {"fourth powers": per * w.NEAR**2 * r0.mass, "scales": per * s.n * w.NEAR**2, "radius squared": per * s.n, **w.NONE}),
        *steps,
        combine("in the width", "which the width keeps below (1/sqrt 2 - 1/2)^2 kappa_n", Bound(most, s.ALLOWED), {steps[-1].label: s.ALLOWED / s.m, **w.NONE, f"{GIVEN}delta below 1": 0}),
        combine("test", "which is (1 - theta)^2 kappa_n/2", Bound(left, r0.TEST_RIGHT.subs(r0.theta, w.THETA)), {"slopes": 1, "in the width": 1, f"{EVENT}uniform part": (1 - w.THETA) ** 2}),
    )  # fmt: skip


def pool(
    theorem: Theorem,
    spectral: sp.Expr,
    lemma: Proof,
    residual: sp.Expr,
    rounded: sp.Expr,
    unrounded: sp.Expr,
    *outputs: Step,
    times: int = 1,
) -> tuple[Step, ...]:
    """Return all steps to R0's radius, its test with ``times`` its radii, and the chances of both events."""
    return (
        *w.positive(True), *w.norms(spectral),
        monotone("residual", "|r_0|, on the event", Bound(r0.r_0, residual), f"{EVENT}residual", sp.Lambda(_y, sp.sqrt(_y)), f"{GIVEN}delta below 1"),
        *w.radius(spectral, residual), *_test(theorem, s.reach(spectral, residual), rounded, unrounded, times),
        *w.uniform(theorem, spectral, _HALF), *outputs, *w.markov_residual(lemma, residual**2, _HALF, *(step.label for step in outputs)),
    )  # fmt: skip


def parts(theorem: Theorem, residual: sp.Expr, pool: tuple[Step, ...]) -> w.Parts:
    """Return what the claims of a theorem share that are proved on the events ``uniform part`` and ``residual``."""
    events = (w.UNIFORM, Event("residual", Bound(r0.r_0**2, residual**2), ch.P_residual))
    fails = w.failure(
        (ch.P_uniform, "chance of the uniform part"), (ch.P_residual, "chance of the residual"), spare=sp.S.Zero
    )
    return w.parts(theorem, events, pool, fails, True)


def change_steps(shared: w.Parts, radius: str, *steps: Step) -> tuple[Step, ...]:
    """Return the steps of claim d; ``radius`` says that R0's radius is at most the theorem's, after ``steps``."""
    near = r0.SPREAD_SMOOTH.subs(r0.theta, w.THETA)
    per = r0.M**2 * s.Lambda_2 / s.d**2
    first = combine(
        "spread",
        "slopes change little, with weights lambda_j",
        Bound(near, r2.SPREAD),
        {"fourth powers": per * w.NEAR**2, "radius squared": per * s.n, **w.NONE},
    )
    return (
        *shared.steps, of.use(shared.radius, "radius"), *steps, _FOURTH,
        monotone("radius squared", "of R0's radius", Bound(w.NEAR**2, r2.REACH**2), radius, sp.Lambda(_y, _y**2), *w.SIGNS),
        *w.gram_moves(r2.SPREAD, near, r0.R0_SMOOTH, "slope at most 1", first),
    )  # fmt: skip


def _change(shared: w.Parts, radius: str, *steps: Step) -> Proof:
    return of_claim(shared.theorem, "d", *change_steps(shared, radius, *steps), events=shared.events, failure="failure")


#: what the claims of R2 share, and R6 with them
SHARED = parts(r2.R2, r2.RESIDUAL, pool(r2.R2, s.n, ch.L4_SMOOTH, r2.RESIDUAL, r2.ROUNDED, r2.UNROUNDED))


def _own() -> list[Proof]:
    return [
        *SHARED.proofs,
        *w.three(SHARED, r0.R0_SMOOTH, "slope at most 1"),
        _change(SHARED, "radius"),
    ]


#: the data-dependent residual is at most that of the unit ball, so that claims c and d hold as they stand
_BALL = (
    *w.norms(s.n),
    apply("ball", "|y|^2 + tr Sigma <= n D_1^2 (L4)", ch.L4_SMOOTH.lemma, {ch.mean_square: s.label_norm**2 + s.trace_sigma}, {"unit ball": f"{GIVEN}unit ball"}),
    monotone("residual on the ball", "the roots, over delta/2", Bound(r2.RESIDUAL_DATA, r2.RESIDUAL), "ball", sp.Lambda(_y, sp.sqrt(_y / _HALF))),
    combine("larger radius", "so the data's radius is at most that of the ball", Bound(s.reach(s.s_X, r2.RESIDUAL_DATA), r2.REACH), {"residual on the ball": sp.sqrt(s.s_X / s.d) / s.FLOOR, "roots of norms": r2.RESIDUAL / sp.sqrt(s.d) / s.FLOOR, f"{GIVEN}gamma positive": 0, "kappa positive": 0}),
)  # fmt: skip
_BOTH = combine(
    "radius on the ball",
    "so R0's radius is at most that of the ball",
    Bound(w.NEAR, r2.REACH),
    {"radius": 1, "larger radius": 1},
)


def _data() -> list[Proof]:
    exact = r2.slope_width(s.s_X, r2.RESIDUAL_DATA)
    shared = parts(
        r2.R2_DATA,
        r2.RESIDUAL_DATA,
        pool(r2.R2_DATA, s.s_X, ch.L4_DATA, r2.RESIDUAL_DATA, exact, exact, POSITIVE_OUTPUT),
    )
    larger = of.part(r2.R2_DATA, (), (*w.positive(True), *_BALL), "larger radius")
    ball = of.use(larger, "larger radius"), _BOTH
    three = w.three(shared, r0.R0_SMOOTH, "slope at most 1", "radius on the ball", ball)
    return [*shared.proofs, larger, *three, _change(shared, "radius on the ball", *ball)]


PROOFS: tuple[Proof, ...] = (FOURTH, SCALES, OUTPUT, *_own(), *_data())

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
