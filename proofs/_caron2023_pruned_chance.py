"""Proofs of Prop R8 (iii) (caron2023, section 3.6): R0's conclusions on events, and Markov's inequality for what is pruned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import _caron2023_chances as ch
import _caron2023_lemmas as of
import _caron2023_pruning as pruning
import _caron2023_r1 as relu
import _caron2023_smooth as smooth
import _caron2023_widths as w
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Theorem
from theorycheck.theorems import core
from theorycheck.theorems.caron2023 import r0, r1, r2, r8
from theorycheck.theorems.caron2023 import r8_chance as card
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.pruned import tau

P_cost = sp.Symbol("P_5", nonnegative=True)  # the chance that pruning costs more at time 0
mean_cost = sp.Symbol("E_0", nonnegative=True)  # E |f_0 - f_0^K|^2 on the samples
_y = sp.Symbol("y", nonnegative=True)


def _costs(seed: int) -> Mapping[sp.Symbol, float]:
    """The mean square of pruned ReLU nodes on some samples, which is exact; often in the unit ball."""
    rng = np.random.default_rng(seed)
    inputs = of.inputs_of(rng, *of.sizes(rng)[:2])
    if seed % 2:
        inputs /= np.linalg.norm(inputs, axis=1)[:, None]
    n, d = inputs.shape
    scales = rng.dirichlet(np.ones(4))[1:]
    trace = float(np.sum(inputs**2)) / (2 * d)
    return {
        mean_cost: float(np.sum([one * trace for one in scales])), tau: scales.sum(), s.trace_sigma: trace, s.n: n, s.d: d,
        s.largest_norm: np.sum(inputs**2, axis=1).max() * (1 - 1e-12),
    }  # fmt: skip


MEAN = of.lemma("R8 (i) on the samples", {}, ch.SIGNS, sampled("samples", "E |f_0 - f_0^K|^2 = tau_K tr Sigma, sample by sample", Bound(mean_cost, tau * s.trace_sigma), _costs, "random signs"))  # fmt: skip
_TRACE = sampled("trace", "tr Sigma = sum_i |x_i|^2/(2 d) for ReLU", Bound(s.trace_sigma, s.n * s.largest_norm / (2 * s.d)), _costs, "half a Gaussian")  # fmt: skip
MEAN_RELU = of.lemma(
    "R8 (i) on the samples, ReLU in the unit ball", {"unit ball": s.UNIT_BALL.bound}, ch.HALF, _TRACE,
    apply("mean", "the mean square of what is pruned", MEAN.lemma, {}, {}),
    combine("together", "at most tau_K n/(2 d)", Bound(mean_cost, tau * s.n / (2 * s.d)), {"mean": 1, "trace": tau, "unit ball": tau * s.n / (2 * s.d)}),
)  # fmt: skip


def _chance_of_cost(mean: Proof, level: sp.Expr, *signs: str) -> tuple[Step, ...]:
    """Steps to ``P_5 <= delta_p`` by Markov."""
    signed = dict.fromkeys(signs, 0)
    return (
        apply("mean cost", "the mean square of what is pruned", mean.lemma, {}, {name: f"{GIVEN}{name}" for name in mean.premises}),
        combine("room for the cost", "the level of the event is positive", Bound(sp.S.Zero, level, strict=True), {REST: level, **signed}),
        apply("Markov for the cost", "P(P_0^2 > a) <= E P_0^2/a", textbook.MARKOV.lemma, {textbook.chance: P_cost, textbook.mean: mean_cost, textbook.level: level}, {"level": "room for the cost"}, *signs),
        combine("chance of the cost", "together", Bound(P_cost, card.delta_p), {"Markov for the cost": 1, "mean cost": 1 / level, **signed}),
    )  # fmt: skip


_PRUNED = f"{GIVEN}something is pruned"


def _failure(*chances: tuple[sp.Symbol, str], spare: sp.Expr) -> Step:
    total = sp.Add(*(symbol for symbol, _ in chances), P_cost)
    return combine(
        "all chances", "the chances together", Bound(total, s.delta + card.delta_p),
        {label: 1 for _, label in chances} | {"chance of the cost": 1, REST: s.delta * spare},
    )  # fmt: skip


def _conclusions(theorem: Theorem, of_r0: Theorem, own: str, level: sp.Expr, reach: sp.Expr) -> tuple[Step, ...]:
    """The last steps: what R0 says on the events, and what is pruned."""
    goal = theorem.claims[0].bound
    at, rest = {r0.theta: w.THETA}, goal.rhs - card.LEFT - sp.sqrt(level)
    grows = (
        combine("grown", "with the theorem's radius", Bound(r8.moved * tau * pruning.ROOT, reach * tau * pruning.ROOT), {"movement": tau * pruning.ROOT}),
        combine("with norms", "and s_X <= n", Bound(reach * tau * pruning.ROOT, rest), {"roots of norms": reach * tau / sp.sqrt(s.d), **dict.fromkeys(w.SURE, 0), f"{GIVEN}delta below 1": 0}),
    )  # fmt: skip
    used = grows if own == "ReLU" else grows[:1]
    return (
        w.certificate(of_r0, "b", own),
        combine("floor", "half of kappa_n, on the event", Bound(2 * s.FLOOR, s.rate), {"certificate": 1, f"{EVENT}uniform part": s.gamma}),
        *pruning.decay(s.FLOOR, "floor"),
        replace(w.certificate(of_r0, "c", own, {core.moved_within: r8.moved}), label="certificate c"),
        combine("for ever", "at all times", Bound(r8.moved, w.NEAR), {"certificate c": 1, REST: w.NEAR * sp.exp(-r0.MU.subs(at) * r8.time), **w.NONE}),
        combine("movement", "within the theorem's radius", Bound(r8.moved, reach), {"for ever": 1, "radius": 1}),
        apply("samples", "what is pruned, on the samples", pruning.SAMPLES.lemma, {}, {}),
        monotone("cost", "its cost at time 0, on the event", Bound(r8.cost, sp.sqrt(level)), f"{EVENT}cost", sp.Lambda(_y, sp.sqrt(_y)), _PRUNED),
        *used,
        combine("residual", "the residual of the whole network", Bound(pruning.r_t + pruning.P_t, card.LEFT + pruning.P_t), {"rate": 1, "decay": 1}),
        combine("pruned part", "and the bounds of what is pruned", Bound(card.LEFT + pruning.P_t, goal.rhs), {"samples": 1, "cost": 1, **{step.label: 1 for step in used}}),
        combine("together", "one after the other", goal, {"triangle": 1, "residual": 1, "pruned part": 1}),
    )  # fmt: skip


def _risk(theorem: Theorem, shared: w.Parts, chances: Proof, level: sp.Expr, last: tuple[Step, ...], *before: Step) -> list[Proof]:  # fmt: skip
    events = (*shared.events, Event("cost", Bound(r8.cost**2, level), P_cost))
    steps = (*shared.signs, w.INSIDE, of.use(shared.test, "test"), of.use(chances, "failure"), of.use(shared.radius, "radius"), *before, *last)  # fmt: skip
    found = of_claim(
        theorem, "risk", *steps, events=events, failure="failure", chain=("triangle", "residual", "pruned part"),
        quantities=(*pruning.SEEN[:2], *w.EXTRA),
    )  # fmt: skip
    return [shared.radius, shared.test, chances, found]


def _smooth() -> list[Proof]:
    theorem, exact = card.R8_CHANCE, r2.slope_width(s.s_X, r2.RESIDUAL_DATA)
    pool = smooth.pool(theorem, s.s_X, ch.L4_DATA, r2.RESIDUAL_DATA, exact, exact, smooth.POSITIVE_OUTPUT)
    shared = smooth.parts(theorem, r2.RESIDUAL_DATA, pool)
    fails = _failure((ch.P_uniform, "chance of the uniform part"), (ch.P_residual, "chance of the residual"), spare=sp.S.Zero)  # fmt: skip
    cost = _chance_of_cost(MEAN, card.LEVEL, _PRUNED, "outputs")
    chances = of.part(theorem, (), (*pool, *cost, fails), fails.label)
    last = _conclusions(theorem, r0.R0_SMOOTH, "slope at most 1", card.LEVEL, card.REACH)
    return _risk(theorem, shared, chances, card.LEVEL, last)


def _relu() -> list[Proof]:
    theorem = card.R8_RELU
    pool = relu.pool(theorem)
    shared = w.parts(theorem, relu.EVENTS, pool, relu.FAILS, False)
    cost = _chance_of_cost(MEAN_RELU, card.LEVEL_RELU, _PRUNED)
    fails = _failure(*relu.CHANCES, spare=sp.Rational(1, 4))
    chances = of.part(theorem, (), (*pool, *cost, fails), fails.label)
    last = _conclusions(theorem, r0.R0, "ReLU", card.LEVEL_RELU, r1.REACH)
    return _risk(theorem, shared, chances, card.LEVEL_RELU, last, *w.norms(s.n))


PROOFS: tuple[Proof, ...] = (MEAN, MEAN_RELU, *_smooth(), *_relu())

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
