"""Proofs of R2 (razborov2022, section 3.3), for either law of the output weights: union of its events, on which R1 applies.

A Gram is counted (``use`` is 1) or not (0): what is not counted cannot fail. Signs are never large: five events, not seven.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_chances as ch
import _razborov2022_r2_events as ev
import _razborov2022_shares as sh
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import r2, sizes
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022.nguyen_card import NGUYEN

#: the chances that a floor fails where it is counted, and as it is used
P_W, P_a, Q_W, Q_a = sp.symbols("P_W P_a Q_W Q_a", nonnegative=True)
_INPUT, _DELTA = f"{GIVEN}nonzero inputs", f"{GIVEN}delta below 1"
_PER = o.m / (8 * o.TRUNCATED)
_FAIR = w.delta / w.EVENTS
_AT = {o.p: _FAIR, o.copies: sp.S.One}
_NONE = {_INPUT: 0, _DELTA: 0}


def _counted(seed: int) -> Mapping[sp.Symbol, float]:
    """Chances of an event that is there or not."""
    rng = np.random.default_rng(seed)
    use, whole, other = rng.integers(0, 2), rng.random(), rng.random()
    use_a = rng.integers(0, 2)
    return {w.use_W: use, w.use_a: use_a, Q_W: whole, P_W: use * whole, Q_a: other, P_a: use_a * other}


def _kept(seed: int) -> Mapping[sp.Symbol, float]:
    """A mean that keeps three quarters if it is counted, and any mean otherwise."""
    rng = np.random.default_rng(seed)
    use, least, norm, size, above = rng.integers(0, 2), *rng.exponential(1, 4)
    kept = least * (rng.choice([0.75, 0.76, 1.0]) if use else rng.random())
    return {
        w.use_a: use, o.lam_a: least, ch.mean_kept: kept, t.X_norm: norm, o.X_F: norm + size, o.u_0: 1 + above,
        o.m: rng.integers(1, 1000), o.n: rng.integers(1, 9),
    }  # fmt: skip


# --- chances ------------------------------------------------------------------------------------------------


def _chernoff(label: str, chance: sp.Symbol, expected: sp.Expr) -> Step:
    return apply(label, "matrix Chernoff for half the mean (C1, C2)", textbook.MATRIX_CHERNOFF.lemma,
        {textbook.chance: chance, textbook.size: o.n, textbook.expected: expected}, {}, _INPUT)  # fmt: skip


def _part(card: Theorem, label: str, *steps: Step) -> Proof:
    """Return the lemma of a card that ends with these steps, from those of its premises that they use."""
    known = {f"{GIVEN}{one.label}": one.bound for one in card.assumptions}
    premises = {name: known[name] for step in steps for name in step.uses if name in known}
    goal, symbols = steps[-1].bound, frozenset(one.symbol for one in card.quantities)
    return Proof(f"{card.label} {label}", goal, premises, symbols, steps)


def _use(label: str, says: str, proof: Proof) -> Step:
    return apply(label, says, proof.lemma, {}, {name: name for name in proof.premises}, _DELTA)


def _grams(card: Theorem, law: o.OutputLaw) -> tuple[Proof, Proof]:
    """Return the lemmas that the floors of the two Grams fail with a chance of at most delta/7 each."""
    far = o.n * sp.exp(-_PER * sp.Rational(3, 4) * o.lam_a)
    return (
        _part(
            card, "chance of the floor of G_W",
            _chernoff("C1", Q_W, o.m * law.kept * o.lam_W / (law.cap * t.X_norm**2)),
            sampled("W counted", "an event that is not counted cannot fail", Bound(P_W, w.use_W * Q_W), _counted),
            combine("chance W", "which is what the width allows", Bound(P_W, _FAIR), {"W counted": 1, "C1": w.use_W, f"{GIVEN}Chernoff W": 1, **_NONE}),
        ),
        _part(
            card, "chance of the floor of G_a",
            apply("cut", "what truncation loses", ch.CUT.lemma, {}, {"beyond the mean": f"{GIVEN}u_0 at least 1"}),
            sampled("truncated mean", "the least eigenvalue of the truncated mean", Bound(o.lam_a - ch.cut, ch.mean_kept), ch._plane),
            combine("three quarters", "is at least 3/4 lambda_a, if it is counted", Bound(w.use_a * o.lam_a - o.lam_a / 4, w.use_a * ch.mean_kept), {"truncated mean": w.use_a, "cut": w.use_a, f"{GIVEN}truncation": 1}),
            _chernoff("C2", Q_a, o.m * ch.mean_kept / o.TRUNCATED),
            sampled("at three quarters", "the chance falls with the mean", Bound(w.use_a * o.n * sp.exp(-_PER * ch.mean_kept), w.use_a * far), _kept, "three quarters"),
            sampled("a counted", "an event that is not counted cannot fail", Bound(P_a, w.use_a * Q_a), _counted),
            combine("chance a", "which is what the width allows", Bound(P_a, _FAIR), {"a counted": 1, "C2": w.use_a, "at three quarters": 1, f"{GIVEN}Chernoff a": 1, **_NONE}),
        ),
    )  # fmt: skip


def _events(law: o.OutputLaw) -> tuple[Event, ...]:
    """Return R2's events, each with a chance of at most delta/7 to fail; the first two are those of the floors."""
    found = w.conditions(law)
    (flips,) = found.moved.atoms(sp.Max)
    features = ch._FEATURES_EVENT.bound
    large = (
        Event("largest", Bound(sh.largest, found.largest_square), sizes.too_large),
        Event("total", Bound(ev.square_a, o.total(law).xreplace(_AT)), sizes.too_long),
    )
    return (
        Event("W", Bound(w.use_W * o.floor_W(law), i.ell_W), P_W),
        Event("a", Bound(w.use_a * o.FLOOR_A, i.ell_a), P_a),
        Event("features", Bound(features.lhs, features.rhs.xreplace(_AT)), ev.P_F),
        Event("output", Bound(i.output, ch.mean_f + t.kappa * sp.sqrt(2 * o.ell).xreplace(_AT) * i.Phi), ev.P_o),
        Event("near", Bound(sh.near, 2 * flips / 3), ev.P_N),
        *(large if law is o.NORMAL else ()),
    )


_FAIR_CHANCE = combine("fair chance", "delta/7 is a chance", Bound(sp.S.Zero, _FAIR * (1 - _FAIR), strict=True), {_DELTA: sp.Rational(1, w.EVENTS), REST: _FAIR**2 * (w.EVENTS - 1)})  # fmt: skip


def _failure(card: Theorem, law: o.OutputLaw, grams: tuple[Proof, Proof]) -> Proof:
    """Return the lemma that the chances of all events are at most delta together."""
    (flips,) = w.conditions(law).moved.atoms(sp.Max)
    rare = (3 * o.ell_n / o.FLIP_RATE).xreplace(_AT)
    chance = {ev.CHANCE: "fair chance"}
    steps = [
        _FAIR_CHANCE, _use("W", "C1", grams[0]), _use("a", "C2", grams[1]),
        apply("features", "Gaussian concentration", ev.CHANCE_FEATURES.lemma, _AT, {**chance, ev.INPUT: _INPUT}, _DELTA),
        apply("output", "given the features", ev.CHANCE_OUTPUT[law.name].lemma, {o.p: _FAIR}, chance, _DELTA),
        combine("rare", "one of the two numbers of flips", Bound(rare, flips), {REST: flips - rare, _DELTA: 0}),
        apply("near", "P5", ev.CHANCE_NEAR.lemma, {o.p: _FAIR, sh.many: flips}, {**chance, "logarithm": "rare"}, _DELTA),
    ]  # fmt: skip
    if law is o.NORMAL:
        into, using = {**_AT, i.normal: sp.S.One}, {"p a chance": "fair chance", "normal": "normal"}
        steps += [
            combine("normal", "output weights are normal", Bound(sp.S.One, sp.S.One), {REST: 0}),
            *(apply(label, "its exact chance", of_card(sizes.SIZES, label), into, using) for label in ("largest", "total")),
        ]  # fmt: skip
    events = _events(law)
    spare = w.delta - len(events) * _FAIR
    together = {event.label: 1 for event in events} | ({REST: spare} if spare != 0 else {})
    total = sp.Add(*(event.chance for event in events))
    return _part(card, "failure", *steps, combine("failure", f"{len(events)} of seven parts", Bound(total, w.delta), together))  # fmt: skip


# --- the floor ------------------------------------------------------------------------------------------------


def _floor(card: Theorem, law: o.OutputLaw, grams: tuple[Proof, Proof]) -> Proof:
    found = w.conditions(law)
    return of_claim(
        card, "floor", _use("chance W", "C1", grams[0]), _use("chance a", "C2", grams[1]),
        combine("failure", "two of seven parts", Bound(P_W + P_a, w.delta), {"chance W": 1, "chance a": 1, REST: w.delta - 2 * _FAIR}),
        ev.SUM,
        combine("floors", "each above its floor, on the events", Bound(found.alpha_squared, t.eta_W * i.ell_W + t.eta_a * i.ell_a), {f"{EVENT}W": t.eta_W, f"{EVENT}a": t.eta_a}),
        combine("together", "one after the other", card.claims[0].bound, {"floors": 1, "sum": 1}),
        events=_events(law)[:2], failure="failure", chain=("floors", "sum"),
        quantities=(Quantity(i.ell_W, "least eigenvalue of G_W at time 0", i.least_of(True)), Quantity(i.ell_a, "least eigenvalue of G_a at time 0", i.least_of(False))),
    )  # fmt: skip


# --- R1 on the events -------------------------------------------------------------------------------------------


def _signs(seed: int) -> Mapping[sp.Symbol, float]:
    """Random signs."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], seed % 30 + 1)
    return {sh.largest: (signs**2).max(), ev.square_a: signs @ signs, o.m: len(signs)}


def _sizes(law: o.OutputLaw) -> tuple[tuple[Step, ...], dict[str, str]]:
    """Return what bounds the output weights: events, or that they are signs."""
    if law is o.NORMAL:
        return (), {name: f"{EVENT}{name}" for name in ("largest", "total")}
    return (
        sampled("largest", "signs have square 1", Bound(sh.largest, sp.S.One), _signs),
        sampled("total", "and add up to m", Bound(ev.square_a, o.m), _signs),
    ), {name: name for name in ("largest", "total")}


def _on_the_events(law: o.OutputLaw) -> tuple[Step, ...]:
    """Return the steps from the events to the premises of R1 at a smaller share."""
    found = w.conditions(law)
    (flips,) = found.moved.atoms(sp.Max)
    own, outer = _sizes(law)
    features = o.FEATURES_PAIRED.xreplace(_AT)
    often = 3 * (o.m * sp.sqrt(t.eta_W) * w.P) ** sp.Rational(2, 3)
    some = sp.log(w.EVENTS * o.n / w.delta)
    size = {ev.features: features}
    return (
        _FAIR_CHANCE,
        apply("features", "the features at time 0", ev.FEATURES.lemma, _AT, {f"{EVENT}features": f"{EVENT}features", ev.CHANCE: "fair chance", ev.INPUT: _INPUT}, _DELTA),
        *own,
        apply("floor", "the floor of K_0", ev.FLOOR.lemma, {ev.floor_W: w.use_W * o.floor_W(law), ev.floor_a: w.use_a * o.FLOOR_A}, {"W": f"{EVENT}W", "a": f"{EVENT}a"}),
        apply("top", "the largest eigenvalue of K_0", ev.TOP.lemma, {**size, ev.most_a: o.total(law).xreplace(_AT)}, {"features": "features", "total": outer["total"]}, _DELTA),
        apply("residual", "whatever the labels", ev.RESIDUAL.lemma, {**size, ev.spread: sp.sqrt(2 * o.ell).xreplace(_AT)}, {"features": "features", "output": f"{EVENT}output", "labels": f"{GIVEN}labels"}, _DELTA),
        apply("logarithm", "some gates may flip", ev.SOME.lemma, {}, {"delta below 1": _DELTA}),
        combine("some flips", "in any case", Bound(sp.S.Zero, flips, strict=True), {"logarithm": 3 / o.FLIP_RATE, REST: flips - 3 * some / o.FLIP_RATE, _DELTA: 0}),
        combine("long", "one of the two numbers of flips", Bound(often, flips), {REST: flips - often, _DELTA: 0}),
        apply("flips", "the mass of flipped gates", ev.MASS.lemma, {sh.many: flips, ev.highest: found.largest_square}, {"largest": outer["largest"], "near": f"{EVENT}near", "long": "long", "some flips": "some flips"}, _DELTA),
        combine("gain", "Q at the bounds", Bound(found.gain, t.Q.xreplace({t.alpha_squared: found.alpha_squared, t.top: found.top})), {REST: 0}),
    )  # fmt: skip


_GIVEN = ("ReLU", "definite", "c in range", "step size", "path", "width")
_SHOWN = ("gain", "some flips", "floor", "top", "residual", "flips")


def _claims(card: Theorem, law: o.OutputLaw, failure: Proof) -> tuple[Proof, ...]:
    found, steps = w.conditions(law), _on_the_events(law)
    (flips,) = found.moved.atoms(sp.Max)
    into = {
        sh.least: found.alpha_squared, sh.top: found.top, sh.rho: found.residual, sh.gain: found.gain,
        sh.heavy: found.largest_square * found.moved, sh.many: flips,
    }  # fmt: skip
    using = {name: f"{GIVEN}{name}" for name in _GIVEN} | {name: name for name in _SHOWN}
    shown = _use("failure", "the chances of the events together", failure)
    return tuple(
        of_claim(
            card, label, shown, *steps, apply("R1", "R1 at a smaller share", lemma.lemma, into, using, _DELTA),
            events=_events(law), failure="failure",
        )
        for label, lemma in sh.LEMMAS.items()
    )  # fmt: skip


def _of(card: Theorem, law: o.OutputLaw) -> tuple[Proof, ...]:
    grams = _grams(card, law)
    failure = _failure(card, law, grams)
    return *grams, failure, _floor(card, law, grams), *_claims(card, law, failure)


PROOFS: tuple[Proof, ...] = (*sh.PROOFS, *ev.PROOFS, *_of(r2.R2, o.SIGNS), *_of(r2.R2_GAUSSIAN, o.NORMAL))

#: claims without a proof, and why
REASONS = {
    f"{NGUYEN.label} {claim.label}": "restated from the literature; its one-step inequality is not written down as steps yet"
    for claim in NGUYEN.claims
}

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
