"""Proofs of Theorems R1, R1' and R2 (caron2023, section 3.3): Prop R0 on events that a wide network makes likely.

R0 is applied with theta^2 = 1/2: on the event that the uniform part keeps half of kappa_n at time 0, this is the floor
gamma kappa_n/4 of the theorems, and R0's test follows from a flip mass (ReLU) or a width (smooth) that the events allow.
"""

from __future__ import annotations

from dataclasses import dataclass

import _caron2023_chances as ch
import _caron2023_lemmas as of
import sympy as sp

from theorycheck import measure, textbook
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, monotone
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import definite, flips, r0
from theorycheck.theorems.caron2023 import setting as s

THETA = 1 / sp.sqrt(2)
_w = sp.Symbol("w", positive=True)
_y = sp.Symbol("y", nonnegative=True)
_r = sp.Symbol("r", real=True)

UNIFORM = Event("uniform part", Bound(s.kappa / 2, r0.kappa_hat), ch.P_uniform)
_MU = r0.MU.subs(r0.theta, THETA)
NEAR = r0.REACH.subs(r0.theta, THETA)  # R0's radius
SIGNS = (f"{GIVEN}gamma positive", "kappa positive", "kappa_hat positive")
NONE = dict.fromkeys(SIGNS, 0)
#: chances are bounded without the events, so without the sign of kappa_hat
SURE = SIGNS[:2]
EXTRA = (
    Quantity(r0.kappa_hat, "least eigenvalue of the uniform tangent Gram at time 0", flips.kappa_hat),
    Quantity(r0.r_0, "|r_0|", measure.initial_residual),
    s.SPECTRAL,
)


def width(theorem: Theorem, need: sp.Expr, label: str, *signs: str) -> Step:
    """Return the step that the width premise contains one of its terms."""
    width = next(part.bound.lhs for part in theorem.assumptions if part.label == "width")
    return combine(
        label,
        "one term of the width",
        Bound(need, s.m),
        {f"{GIVEN}width": 1, REST: width - need, **dict.fromkeys((*SURE, *signs), 0)},
    )


def norms(spectral: sp.Expr) -> tuple[Step, ...]:
    """Steps to ``sqrt(s_X) <= sqrt(spectral)``, spectral = n or s_X itself."""
    if spectral == s.s_X:
        return ()
    return (
        apply("norms", "s_X <= n in the unit ball (L1)", of.L1.lemma, {}, {"inputs in the unit ball": f"{GIVEN}unit ball"}),
        monotone("roots of norms", "their roots", Bound(sp.sqrt(s.s_X), sp.sqrt(spectral)), "norms", sp.Lambda(_y, sp.sqrt(_y))),
    )  # fmt: skip


def positive(analytic: bool) -> tuple[Step, ...]:
    """Steps to ``0 < kappa_n`` (Prop kappa) and ``0 < kappa_hat``."""
    affine = "analytic" if analytic else "ReLU"
    return (
        apply("kappa positive", "Prop kappa", of_card(definite.KAPPA, "definite"), {definite.curved: s.relu} if not analytic else {},
            {"nonzero inputs": f"{GIVEN}nonzero inputs", "not parallel": f"{GIVEN}not parallel", "not affine": f"{GIVEN}{affine}"}),
        combine("kappa_hat positive", "on the event", Bound(sp.S.Zero, r0.kappa_hat, strict=True), {f"{EVENT}uniform part": 1, "kappa positive": sp.Rational(1, 2)}),
    )  # fmt: skip


def uniform(theorem: Theorem, spectral: sp.Expr, failure: sp.Expr, *signs: str) -> tuple[Step, ...]:
    """Steps to ``P_1 <= failure`` (L3)."""
    need = s.uniform_part_width(spectral, failure)
    tail = s.n * sp.exp(-_w * s.d * s.kappa / (8 * spectral))
    wide = tail.subs(_w, s.m)
    with_norms = s.n * sp.exp(-s.m * s.d * s.kappa / (8 * _w))
    steps = [apply("L3", "matrix Chernoff for the uniform part", ch.L3.lemma, {}, {})]
    if spectral != s.s_X:
        steps.append(
            monotone(
                "L3 with norms",
                "with s_X <= n",
                Bound(with_norms.subs(_w, s.s_X), wide),
                "norms",
                sp.Lambda(_w, with_norms),
            )
        )
    return (
        *steps, width(theorem, need, "width for L3", *signs),
        monotone("tail of L3", "which is what the width allows", Bound(wide, failure), "width for L3", sp.Lambda(_r, tail.subs(_w, _r)), "kappa positive", f"{GIVEN}delta below 1"),
        combine("chance of the uniform part", "together", Bound(ch.P_uniform, failure), {step.label: 1 for step in steps} | {"tail of L3": 1}),
    )  # fmt: skip


def markov_residual(lemma: Proof, square: sp.Expr, failure: sp.Expr, *signs: str) -> tuple[Step, ...]:
    """Steps to ``P_2 <= failure`` for ``|r_0|^2 <= square`` by Markov (L4)."""
    premises = {"unit ball": f"{GIVEN}unit ball"} if lemma.premises else {}
    return (
        apply("L4", "the mean square of the initial residual", lemma.lemma, {}, premises),
        combine("room for L4", "the level of the event is positive", Bound(sp.S.Zero, square, strict=True), {REST: square, **dict.fromkeys(signs, 0)}),
        apply("Markov for L4", "P(|r_0|^2 > a) <= E |r_0|^2/a", textbook.MARKOV.lemma, {textbook.chance: ch.P_residual, textbook.mean: ch.mean_square, textbook.level: square}, {"level": "room for L4"}, *signs),
        combine("chance of the residual", "together", Bound(ch.P_residual, failure), {"Markov for L4": 1, "L4": 1 / square, **dict.fromkeys(signs, 0)}),
    )  # fmt: skip


def radius(spectral: sp.Expr, residual: sp.Expr, *signs: str) -> tuple[Step, ...]:
    """Steps to ``sqrt(s_X/d) |r_0|/mu <= reach``: R0's radius is below the one that the events speak of."""
    known, per = {**NONE, **dict.fromkeys(signs, 0)}, 2 / (sp.sqrt(s.d) * s.gamma)
    path = [
        NEAR,
        per * sp.sqrt(spectral) * r0.r_0 / r0.kappa_hat,
        per * sp.sqrt(spectral) * residual / r0.kappa_hat,
        s.reach(spectral, residual),
    ]
    steps = [
        combine("radius: residual", "the residual at its most", Bound(path[1], path[2]), {"residual": per * sp.sqrt(spectral) / r0.kappa_hat, **known}),
        combine("radius: half of kappa", "the uniform part at its least", Bound(path[2], path[3]), {"half": per * sp.sqrt(spectral) * residual, **known}),
    ]  # fmt: skip
    if spectral != s.s_X:
        steps.insert(
            0,
            combine(
                "radius: norms",
                "the norm of the inputs at its most",
                Bound(path[0], path[1]),
                {"roots of norms": per * r0.r_0 / r0.kappa_hat, **known},
            ),
        )
    return (
        monotone("half", "kappa_hat is at least kappa_n/2", Bound(1 / r0.kappa_hat, 2 / s.kappa), f"{EVENT}uniform part", sp.Lambda(_w, 1 / _w), "kappa positive"),
        *steps,
        combine("radius", "so R0's radius is at most the theorem's", Bound(NEAR, path[3]), {step.label: 1 for step in steps}),
    )  # fmt: skip


RADIUS = ("radius: norms", "radius: residual", "radius: half of kappa")


def relu_test(reach: sp.Expr, *signs: str) -> tuple[Step, ...]:
    """Steps to R0's test: M_F <= T_1 <= (1/sqrt 2 - 1/2)^2 kappa_n <= kappa_hat (1 - theta)^2."""
    return (
        apply("trace", "M_F <= T_1 (L5)", ch.TRACE.lemma, {ch.near: NEAR, of.reach: reach}, {"radius": "radius"}, *SIGNS, *signs),
        combine("test", "at most (1/sqrt 2 - 1/2)^2 kappa_n, on the event, which is (1 - theta)^2 kappa_n/2", Bound(r0.flips, r0.TEST_RIGHT.subs(r0.theta, THETA)), {"trace": 1, f"{EVENT}flip mass": 1, f"{EVENT}uniform part": (1 - THETA) ** 2}),
    )  # fmt: skip


# --- what R0 gives on the events -----------------------------------------------------------------------

INSIDE = combine(
    "theta",
    "theta = 1/sqrt 2 lies in (0, 1)",
    Bound(sp.S.Zero, THETA * (1 - THETA), strict=True),
    {REST: THETA * (1 - THETA)},
)


def certificate(card: Theorem, label: str, own: str, where: dict[sp.Symbol, sp.Expr] | None = None) -> Step:
    """Return the step that applies a claim of R0, with theta^2 = 1/2."""
    using = {name: f"{GIVEN}{name}" for name in (own, "gamma positive")}
    using |= {"theta in (0, 1)": "theta", "uniform Gram definite": "kappa_hat positive", "test": "test"}
    return apply(
        "certificate", f"Prop R0 ({label})", of_card(card, label), {r0.theta: THETA, **(where or {})}, using, *SIGNS
    )


def conclusions(
    theorem: Theorem, card: Theorem, own: str, radius: str
) -> dict[str, tuple[tuple[Step, ...], tuple[str, ...]]]:
    """Return the last steps of claims a, b and c, with their chains."""
    goal = {claim.label: claim.bound for claim in theorem.claims}
    moved = certificate(card, "c", own, {core.moved_within: s.moved})
    found = {
        label: (
            (
                certificate(card, label, own),
                combine("half of kappa", "at least half of kappa_n, on the event", Bound(goal[label].lhs, times * s.gamma * r0.kappa_hat / 2), {f"{EVENT}uniform part": times * s.gamma / 2}),
                combine("together", "one after the other", goal[label], {"half of kappa": 1, "certificate": 1}),
            ),
            ("half of kappa", "certificate"),
        )
        for label, times in (("a", 1), ("b", 2))
    }  # fmt: skip
    left = NEAR - moved.bound.rhs
    found["c"] = (
        (moved, combine("for ever", "at all times", Bound(s.moved, NEAR), {"certificate": 1, REST: left, **NONE}),
            combine("together", "one after the other", goal["c"], {"for ever": 1, radius: 1})),
        ("for ever", radius),
    )  # fmt: skip
    return found


def failure(*parts: tuple[sp.Symbol, str], spare: sp.Expr) -> Step:
    """Return the union bound: the chances together are at most delta; ``spare`` of it is not used."""
    total = sp.Add(*(symbol for symbol, _ in parts))
    return combine(
        "failure",
        "the chances together",
        Bound(total, s.delta),
        {label: 1 for _, label in parts} | {REST: s.delta * spare},
    )


def gram_moves(spread: sp.Expr, of_spread: sp.Expr, card: Theorem, own: str, first: Step) -> tuple[Step, ...]:
    """Last steps of claim d: b + 2 sqrt(b s_X/d) rises with b and s_X; ``first`` shows ``of_spread <= spread``."""
    rise = _y + 2 * sp.sqrt(_y * s.s_X / s.d)
    wide = spread + 2 * sp.sqrt(spread * _y / s.d)
    return (
        certificate(card, "d", own), first,
        monotone("more flips", "rising in b", Bound(rise.subs(_y, of_spread), rise.subs(_y, spread)), first.label, sp.Lambda(_y, rise), *SIGNS),
        norms(s.n)[0],
        monotone("larger norm", "rising in s_X", Bound(wide.subs(_y, s.s_X), wide.subs(_y, s.n)), "norms", sp.Lambda(_y, wide), *SIGNS),
        combine("together", "one after the other", Bound(s.change, wide.subs(_y, s.n)), {"certificate": 1, "more flips": 1, "larger norm": 1}),
    )  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What the claims of one theorem share: R0's test, its radius, the union of the chances, and who is positive."""

    theorem: Theorem
    events: tuple[Event, ...]
    test: Proof
    radius: Proof
    failure: Proof
    signs: tuple[Step, ...]

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The lemmas."""
        return self.radius, self.test, self.failure

    @property
    def steps(self) -> tuple[Step, ...]:
        """What every claim begins with."""
        return *self.signs, INSIDE, of.use(self.test, "test"), of.use(self.failure, "failure")


def parts(theorem: Theorem, events: tuple[Event, ...], pool: tuple[Step, ...], fails: Step, analytic: bool) -> Parts:
    """Return the lemmas of a theorem from all the steps that its claims need; the test uses the radius as a lemma."""
    links = tuple(label for label in RADIUS if any(step.label == label for step in pool))
    reach = of.part(theorem, events, pool, "radius", links)
    rest = [of.use(reach, "radius") if step.label == "radius" else step for step in pool]
    test, chances = of.part(theorem, events, rest, "test"), of.part(theorem, events, (*pool, fails), fails.label)
    return Parts(theorem, events, test, reach, chances, positive(analytic))


def three(shared: Parts, card: Theorem, own: str, radius: str = "radius", only_c: tuple[Step, ...] = ()) -> list[Proof]:
    """Return the proofs of claims a, b and c; ``only_c`` are steps that c alone needs, for its ``radius``."""
    found = []
    for label, (steps, chain) in conclusions(shared.theorem, card, own, radius).items():
        more = (of.use(shared.radius, "radius"), *only_c) if label == "c" else ()
        found.append(
            of_claim(
                shared.theorem,
                label,
                *shared.steps,
                *more,
                *steps,
                events=shared.events,
                failure="failure",
                chain=chain,
                quantities=EXTRA,
            )
        )
    return found
