"""Proofs of R3' and R3 (caron2023, section 3.4): gradient descent.

Both stand on one certificate: while node j stays within ``2 REACH sqrt(lambda_j)``, a step takes ``eta mu`` off the loss and
all steps together are no longer than that. Descent runs along a polygon, a continuous path; ``w`` in a name as for R0.
"""

from __future__ import annotations

from collections.abc import Mapping

import _caron2023_certificates as flow
import _caron2023_chances as ch
import _caron2023_lemmas as of
import _caron2023_smooth as smooth
import _caron2023_steps as one
import _caron2023_widths as w
import numpy as np
import sympy as sp

from theorycheck import measure, textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import EVENT, GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems.caron2023 import descents, r0, r2, r3, r3_relu
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.descents import TAKEN, eta
from theorycheck.theorems.caron2023.r0 import MU

REACH = r3_relu.REACH
_RADIUS = REACH + of.spare
_DOUBLED = {r0.r_0: r3_relu.TWICE * r0.r_0}
_y = sp.Symbol("y", nonnegative=True)
_NAMES, _SIGNS = flow._NAMES, flow._SIGNS

CURVATURE = Bound(4 * eta * r3.BEND * r0.r_0, sp.sqrt(MU))
#: premises of the certificate for smooth activations, by the names that steps use
PREMISES = {
    f"{GIVEN}{name}": bound
    for name, bound in {
        **{part.label: part.bound for part in r3_relu.R3_RELU.assumptions if f"{GIVEN}{part.label}" in _NAMES},
        "unit ball": s.UNIT_BALL.bound,
        "slope at most 1": Bound(r0.slope, sp.S.One),
        "test": Bound(r3_relu.TWICE**2 * r0.TEST_SMOOTH, r0.TEST_RIGHT),
        "stable step": descents.STABLE.bound,
        "curvature": CURVATURE,
    }.items()
}

# --- the certificate ----------------------------------------------------------------------------------


def _falls(seed: int) -> Mapping[sp.Symbol, float]:
    """Shares that steps take off, none less than g, and what they take off on average."""
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0, 0.9) + rng.random(7) * 0.1 * (rng.random(7) < 0.7)
    some = shares[: rng.integers(1, 8)]
    kept = float(np.sqrt(np.prod(1 - some)))
    return {
        one.g: shares.min(),
        one.g_w: shares.min(),
        descents.fallen: -np.log1p(-some).mean(),
        one.r_w: kept,
        r0.r_0: 1.0,
    }


def _few_changes(is_smooth: bool) -> tuple[Step, ...]:
    """Steps to ``|A - J| <= sqrt(mu)/4`` over a step."""
    if is_smooth:
        by = one.eta * r3.BEND
        return (
            apply("bend", "over a step the Jacobian moves by at most H eta |r|", one.BEND.lemma, {}, {"unit ball": f"{GIVEN}unit ball", "unit slope": f"{GIVEN}slope at most 1"}),
            sampled("smaller", "and |r| was never larger than at the start: every step so far took something off", Bound(one.r_w, r0.r_0), _falls),
            combine("few changes", "by the condition on the step", Bound(one.jump, sp.sqrt(MU) / 4), {"bend": 1, "smaller": by, f"{GIVEN}curvature": sp.Rational(1, 4), **_SIGNS}),
        )  # fmt: skip
    return (
        apply("crossed", "a step changes only gates that can flip, by at most 1: both ends are within rho_j", flow.FLIP_HEAVY.lemma, {of.spread: one.jump**2}, {}, *_NAMES, "within"),
        combine("by the weighted test", "at most mu/16", Bound(one.jump**2, MU / 16), {"crossed": 1, f"{GIVEN}weighted test": 1}),
        monotone("few changes", "the root of both", Bound(one.jump, sp.sqrt(MU) / 4), "by the weighted test", sp.Lambda(_y, sp.sqrt(_y)), *_NAMES),
    )  # fmt: skip


def _movement(is_smooth: bool) -> tuple[Step, ...]:
    """Steps to ``b_w <= (1 - theta)^2 kappa_hat`` with radii twice as large."""
    if is_smooth:
        first = apply("Jacobian at time 0", "with rho_j in place of the movement", of.L5_SMOOTH.lemma, {of.b: flow.b_w, of.reach: REACH}, {}, *_NAMES)  # fmt: skip
        before: tuple[Step, ...] = ()
    else:
        within = combine("within", "the radius of the bootstrap below is that of the gates that can flip", Bound(_RADIUS, REACH + of.spare), {REST: 0})  # fmt: skip
        before = (within,)
        first = apply("Jacobian at time 0", "only gates that can flip change", of.L5_RELU.lemma, {of.b: flow.b_w, of.within: _RADIUS, **_DOUBLED}, {"radius": "within"}, *_NAMES)  # fmt: skip
    return (*before, first, combine("little movement", "by the test", Bound(flow.b_w, r0.TEST_RIGHT), {"Jacobian at time 0": 1, f"{GIVEN}test": 1}))  # fmt: skip


def frame(is_smooth: bool) -> tuple[Step, ...]:
    """Return what holds while all nodes are within their radii, and that they then stay within less."""
    unit = () if is_smooth else (combine("slopes of ReLU", "gates are 0 or 1, or between at the kink", Bound(sp.S.One, sp.S.One), {REST: 0}),)  # fmt: skip
    slope = {} if is_smooth else {r0.slope: sp.S.One}
    using = {"few changes": "few changes", "floor": "floor", "stable step": f"{GIVEN}stable step"}
    using["unit slope"] = f"{GIVEN}slope at most 1" if is_smooth else "slopes of ReLU"
    return (
        *_movement(is_smooth),
        apply("kept", "while nodes are within rho_j, the uniform part keeps theta^2 of its least eigenvalue (L5)", of.L5.lemma, {of.b: flow.b_w, of.k: flow.k_w}, {"theta in (0, 1)": f"{GIVEN}theta in (0, 1)", "movement": "little movement"}),
        apply("light", "and the whole Gram gamma times that (L2)", of.L2.lemma, {of.k: flow.k_w, s.least: flow.ell_w}, {}),
        combine("floor", "so the Gram is above mu", Bound(MU, flow.ell_w), {"kept": s.gamma, "light": 1}),
        *_few_changes(is_smooth), *unit,
        apply("gain", "so a step takes eta mu off the loss", one.GAIN.lemma, {of.level: MU, s.least: flow.ell_w, **slope}, using, *_NAMES),
        sampled("share", "no step takes off more than all", Bound(one.g_w, sp.S.One), _falls),
        apply("path", "and all steps together are at most twice R0's radius", one.PATH.lemma, {of.level: MU, one.g: one.g_w}, {"gain": "gain", "share": "share"}, *_NAMES),
        combine("room", "which leaves room", Bound(REACH, _RADIUS, strict=True), {REST: of.spare, **_SIGNS}),
    )  # fmt: skip


def _for_ever(floor: sp.Expr, seen: sp.Symbol, ever: sp.Symbol, held: str) -> Step:
    return apply(
        "for ever", "so they never leave, and what was said holds for ever", textbook.BOOTSTRAP.lemma,
        {textbook.floor: floor, textbook.seen: seen, textbook.ever: ever, textbook.moved: one.moved, textbook.better: REACH, textbook.radius: _RADIUS},
        {"while": held, "better": "path", "room": "room"}, *_NAMES,
    )  # fmt: skip


def ends(is_smooth: bool) -> dict[str, tuple[tuple[Step, ...], tuple[str, ...]]]:
    """Return all steps of claims a, b and c, with their chains."""
    gain = _for_ever(eta * MU, one.g_w, one.g, "gain")
    pool = frame(is_smooth)
    return {
        "a": (
            (*pool, _for_ever(flow.KEPT, flow.k_w, flow.k_t, "kept"),
                combine("uniform part", "the uniform part, for ever", Bound(MU, s.gamma * flow.k_t), {"for ever": s.gamma}),
                apply("even scales", "and the whole Gram (L2)", of.L2.lemma, {of.k: flow.k_t}, {}),
                combine("together", "one after the other", Bound(MU, s.least), {"uniform part": 1, "even scales": 1})),
            (),
        ),
        "b": (
            (*pool, gain,
                sampled("all steps", "1 - (L_k/L_0)^(1/k): the geometric mean of what steps leave is at most 1 - g", Bound(one.g, TAKEN), _falls),
                combine("together", "one after the other", Bound(eta * MU, TAKEN), {"for ever": 1, "all steps": 1})),
            ("for ever", "all steps"),
        ),
        "c": (
            (*pool, gain,
                sampled("share of every step", "no step takes off more than all", Bound(one.g, sp.S.One), _falls),
                apply("whole path", "any number of steps", one.PATH.lemma, {of.level: MU, one.moved: s.moved}, {"gain": "for ever", "share": "share of every step"}, *_NAMES)),
            ("whole path",),
        ),
    }  # fmt: skip


def least_gain(found: Run) -> Measured:
    """Return the least ``1 - L_(k+1)/L_k`` over the steps that begin above rounding."""
    sizes = np.linalg.norm(measure.descended(found).residual, axis=1)
    doubt = 1e-13 * (float(np.linalg.norm(found.instance.labels)) + sizes[0]) / np.maximum(sizes, 1e-300)
    kept = doubt[1:] < 1e-4
    left = (sizes[1:][kept] / sizes[:-1][kept]) ** 2
    k = int(np.argmax(left))
    return Measured(1 - left[k], 8 * doubt[1:][kept][k])


LEAST_GAIN = Quantity(one.g, "least share of the loss that a step takes off", least_gain)


def _relu() -> list[Proof]:
    return [
        of_claim(r3_relu.R3_RELU, label, *steps, chain=chain, quantities=(LEAST_GAIN,))
        for label, (steps, chain) in ends(False).items()
    ]


def _certificate(label: str, steps: tuple[Step, ...]) -> Proof:
    goal = steps[-1].bound
    return Proof(f"caron2023 smooth descent, {label}", goal, PREMISES, goal.symbols, steps)


SMOOTH = {label: _certificate(label, steps) for label, (steps, _) in ends(True).items()}

# --- R3: the certificate on events ---------------------------------------------------------------------

_ROOT = sp.sqrt(s.FLOOR)
_AT = {r0.theta: w.THETA}


def _curvature(residual: sp.Expr) -> tuple[Step, ...]:
    """Steps to the certificate's condition on the curvature, with theta^2 = 1/2."""
    mu = MU.subs(_AT)
    return (
        combine("half of kappa", "the floor of the theorem is at most that of the certificate, on the event", Bound(s.FLOOR, mu), {f"{EVENT}uniform part": s.gamma / 2}),
        monotone("root of the floor", "their roots", Bound(_ROOT, sp.sqrt(mu)), "half of kappa", sp.Lambda(_y, sp.sqrt(_y)), *w.SIGNS),
        combine("curvature", "so the condition on the step is that of the certificate", Bound(CURVATURE.lhs, CURVATURE.rhs.subs(_AT)),
            {f"{GIVEN}curvature step": sp.Rational(1, 2), "residual": 4 * eta * r3.BEND, "root of the floor": 1, **w.NONE, f"{GIVEN}delta below 1": 0}),
    )  # fmt: skip


def _ends_on_events(theorem: Theorem, reach: sp.Expr) -> dict[str, tuple[Step, ...]]:
    goal = {claim.label: claim.bound for claim in theorem.claims}
    using = {name: name for name in PREMISES} | {
        f"{GIVEN}theta in (0, 1)": "theta",
        f"{GIVEN}uniform Gram definite": "kappa_hat positive",
        f"{GIVEN}test": "test",
        f"{GIVEN}curvature": "curvature",
    }

    def certificate(label: str) -> Step:
        return apply("certificate", f"the certificate ({label})", SMOOTH[label].lemma, _AT, using, *w.SIGNS)

    return {
        "a": (certificate("a"), combine("together", "one after the other", goal["a"], {"half of kappa": 1, "certificate": 1})),
        "b": (
            certificate("b"),
            combine("gain", "with the floor of the theorem", Bound(goal["b"].lhs, eta * MU.subs(_AT)), {"half of kappa": eta}),
            combine("together", "one after the other", goal["b"], {"gain": 1, "certificate": 1}),
        ),
        "c": (
            certificate("c"),
            combine("twice the radius", "of the events", Bound(REACH.subs(_AT), reach), {"radius": 2}),
            combine("together", "one after the other", goal["c"], {"certificate": 1, "twice the radius": 1}),
        ),
    }  # fmt: skip


_CHAINS = {
    "a": ("half of kappa", "certificate"),
    "b": ("gain", "certificate"),
    "c": ("certificate", "twice the radius"),
}


def _on_events(theorem: Theorem, residual: sp.Expr, reach: sp.Expr, pool: tuple[Step, ...]) -> list[Proof]:
    shared = smooth.parts(theorem, residual, pool)
    found = []
    for label, steps in _ends_on_events(theorem, reach).items():
        known = {step.label: step for step in pool}
        first = (*shared.steps[:-1], known["residual"], *_curvature(residual), shared.steps[-1])
        more = (of.use(shared.radius, "radius"),) if label == "c" else ()
        found.append(
            of_claim(
                theorem, label, *first, *more, *steps, events=shared.events, failure="failure", chain=_CHAINS[label],
                quantities=w.EXTRA,
            )
        )  # fmt: skip
    return [*shared.proofs, *found]


def _smooth() -> list[Proof]:
    data = r2.slope_width(s.s_X, 2 * r2.RESIDUAL_DATA)
    own = smooth.pool(r3.R3, s.n, ch.L4_SMOOTH, r2.RESIDUAL, r3.ROUNDED, r3.UNROUNDED, times=2)
    sharp = smooth.pool(r3.R3_DATA, s.s_X, ch.L4_DATA, r2.RESIDUAL_DATA, data, data, smooth.POSITIVE_OUTPUT, times=2)
    return [
        *_on_events(r3.R3, r2.RESIDUAL, r3.REACH, own),
        *_on_events(r3.R3_DATA, r2.RESIDUAL_DATA, r3.REACH_DATA, sharp),
    ]


PROOFS: tuple[Proof, ...] = (*one.PROOFS, *_relu(), *SMOOTH.values(), *_smooth())

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
