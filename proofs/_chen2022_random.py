"""Proofs of chen2022's probability lemma and of its corollaries: A and B with random weights, output scale, initial scale.

Everything but the weights is chosen before they are drawn. On the event that half of the expected share of neurons starts
well, for every sample, these are theorems A and B; the event fails with probability delta at most.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from _chen2022_steep import SIZES, Case, given
from _chen2022_steps import ANY, UNION, any_sample, between, enough, one_sample, over, own_chance
from scipy.special import ndtr

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, enclosed, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems.chen2022 import chances as ch
from theorycheck.theorems.chen2022 import initial_scale as start
from theorycheck.theorems.chen2022 import measures
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import output_scale as scale
from theorycheck.theorems.chen2022 import random_init as rand
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.derivation import Network
from theorycheck.theorems.chen2022.steep import A, B

SHARE = "event: share"
_Y, _X = sp.Symbol("y", real=True), sp.Symbol("x", positive=True)
_P = f"{GIVEN}p positive"
REALISED = next(part for part in s.STEEP if part.symbol == t.share)


def _goal(card: Theorem, label: str) -> Bound:
    return next(claim.bound for claim in card.claims if claim.label == label)


def _using(card: Theorem, label: str, **own: str) -> Mapping[str, str]:
    """Return who shows each premise of a card's claim: the premise of the same name, unless ``own`` names a step."""
    premises = next(claim.given for claim in card.claims if claim.label == label)
    return {name: own.get(name.replace(" ", "_"), f"{GIVEN}{name}") for name in premises}


# --- the probability lemma ------------------------------------------------------------------------------


def _least_chance(seed: int) -> Case:
    """The least chance, over some variances, that a normal number falls into an interval, now and then the whole line."""
    rng = np.random.default_rng(seed)
    low, high = np.sort(rng.normal(0, 2, 2)) if seed % 3 else (-np.inf, np.inf)
    spread = rng.exponential(1, 3)
    return {o.p: np.min(ndtr(high / spread) - ndtr(low / spread))}


at_half = sp.Symbol("P_half", nonnegative=True)
TAIL = of_claim(
    ch.LEMMA, "tail",
    define("at most half", "the chance of M p/2 counts at most: of fewer, or of just as many", at_half, ch.tail + between),
    sampled("p is a chance", "so it is at most 1", Bound(o.p, sp.S.One), _least_chance),
    apply("Chernoff", "P(Bin(M, p) <= M p/2) <= exp(-M p/8)", textbook.CHERNOFF.lemma, {textbook.chance: at_half, textbook.count: o.draws, textbook.share: o.p}, {"share": "p is a chance"}, _P),
    combine("together", "one after the other", _goal(ch.LEMMA, "tail"), {"at most half": -1, "Chernoff": 1, REST: between}),
    chain=("together",),
)  # fmt: skip

_LEMMA = enough(o.p, o.p + over, _P)
SHARES = of_claim(
    ch.LEMMA, "share", *own_chance(o.p, _P), *_LEMMA.steps,
    combine("together", "on the event", _goal(ch.LEMMA, "share"), {SHARE: 1}),
    chain=("together",), events=(_LEMMA.event,), failure=_LEMMA.failure,
)  # fmt: skip

_LOG, _LOST, _tiny = sp.log(t.n / o.delta), o.hoeffding(o.draws), sp.Symbol("e_0", positive=True)
_EXPONENT = 2 * o.draws * (_LOST + _tiny) ** 2
HOEFFDING = of_claim(
    ch.LEMMA, "hoeffding",
    apply("Hoeffding", "counts are whole numbers: some e_0 > 0 more changes nothing, so P_one + P_between <= exp(-2 M (u + e_0)^2)", textbook.HOEFFDING.lemma, {textbook.chance: one_sample + between, textbook.count: o.draws, textbook.excess: _LOST + _tiny}, {}),
    combine("margin", "2 M u^2 <= 2 M (u + e_0)^2", Bound(2 * o.draws * _LOST**2, _EXPONENT), {REST: 4 * o.draws * _LOST * _tiny + 2 * o.draws * _tiny**2}),
    combine("margin solved", "log(n/delta) <= 2 M u^2", Bound(_LOG, 2 * o.draws * _LOST**2), {REST: sp.Max(0, _LOG) - _LOG}),
    combine("exponent", "log(n/delta) <= 2 M (u + e_0)^2", Bound(_LOG, _EXPONENT), {"margin": 1, "margin solved": 1}),
    monotone("tail", "exp(-2 M (u + e_0)^2) <= delta/n", Bound(sp.exp(-_EXPONENT), o.delta / t.n), "exponent", sp.Lambda(_Y, sp.exp(-_Y))),
    UNION,
    combine("failure", "n times that is at most delta", Bound(any_sample, o.delta), {"union over samples": 1, "Hoeffding": t.n, REST: t.n * between, "tail": t.n}),
    combine("together", "on the event", _goal(ch.LEMMA, "hoeffding"), {SHARE: 1}),
    chain=("together",), events=(Event("share", _goal(ch.LEMMA, "hoeffding"), any_sample),), failure="failure",
)  # fmt: skip

# --- A with random weights ------------------------------------------------------------------------------

_PAIR = Network(ANY, 1, 2, 1)
#: two neurons of equal weights and opposite output weights
MIRRORED = identity(
    "initial output", "a pair (w, c), (w, -c) adds nothing: zeta_0 = -y, |zeta_0| = Y, from the neuron, any activation",
    _PAIR.zeta[0].subs({_PAIR.c[1]: -_PAIR.c[0], _PAIR.w[1]: _PAIR.w[0]}), -sp.Symbol("y_0_0", real=True), f"{GIVEN}mirrored",
)  # fmt: skip
_SIGNS = given("lambda_min positive", "eta positive", "c_lo positive", "K positive", "p positive")
_FORCE = t.c_low * t.slope * t.g * o.label_norm
_HELD_A = t.HELD.subs(t.c_high, t.c_low)
_ENOUGH = enough(o.p, o.p + over, "p is positive")
_LUCK = (
    combine("p is positive", "0 < p", Bound(sp.S.Zero, o.p, strict=True), {_P: 2}),
    *own_chance(o.p, "p is positive"), *_ENOUGH.steps,
    combine("p_hat is positive", "on the event", Bound(sp.S.Zero, t.share, strict=True), {SHARE: 1, _P: 1}),
    MIRRORED,
)  # fmt: skip
_A_TEST = combine("test of A", "p/2 <= p_hat in it", Bound(_FORCE, _HELD_A * t.eta, strict=True), {**_SIGNS, f"{GIVEN}test": 1, SHARE: t.HELD / t.share * t.eta})  # fmt: skip


def _on_event(card: Theorem, label: str, says: str, where: Mapping[sp.Symbol, sp.Expr], **own: str) -> Step:
    """Return theorem A or B with the realised share, and labels for the residual."""
    using = _using(card, label, p_hat_positive="p_hat is positive", **own)
    return apply(f"theorem {card.label[-1].upper()}", says, of_card(card, label), {t.zeta_0: o.label_norm, **where}, using, "initial output")  # fmt: skip


_RATE_A, _WINDOW_A = _goal(rand.A_RANDOM, "rate"), _goal(rand.A_RANDOM, "window")
A_RANDOM = of_claim(
    rand.A_RANDOM, "rate", *_LUCK, _A_TEST,
    _on_event(A, "rate", "with the share that there is", {t.c_high: t.c_low}, test="test of A"),
    combine("half the share", "p/2 <= p_hat in the rate", Bound(_RATE_A.lhs, t.PER_HELD * t.HELD), {**_SIGNS, SHARE: t.PER_HELD * t.HELD / t.share}),
    combine("together", "one after the other", _RATE_A, {"half the share": 1, "theorem A": 1}),
    chain=("half the share", "theorem A"), quantities=(REALISED,), events=(_ENOUGH.event,), failure=_ENOUGH.failure,
)  # fmt: skip
_MOVED_A = _on_event(A, "window", "with the share that there is", {t.c_high: t.c_low}, test="test of A")
A_RANDOM_WINDOW = of_claim(
    rand.A_RANDOM, "window", *_LUCK, _A_TEST, _MOVED_A, *SIZES[1::2],
    monotone("half the share", "p/2 <= p_hat in the window, which falls with the share", Bound(_MOVED_A.bound.rhs, _WINDOW_A.rhs), SHARE, sp.Lambda(_X, _MOVED_A.bound.rhs.subs(t.share, _X)), *_SIGNS, "g is a size"),
    combine("together", "one after the other", _WINDOW_A, {"theorem A": 1, "half the share": 1}),
    chain=("theorem A", "half the share"), quantities=(REALISED,), events=(_ENOUGH.event,), failure=_ENOUGH.failure,
)  # fmt: skip

# --- B with random weights ------------------------------------------------------------------------------

#: with more neurons than p/2 the same path is a smaller share of the margin
_ROOT = sp.sqrt(2 * t.share / o.p)
_SPLIT = t.split / _ROOT
_SIGNS_B = _SIGNS | given("G_max positive", "split in (0, 1)")
_Z = sp.Symbol("z", nonnegative=True)
_TEST_B = t.TESTS_B[-1][1]
_AT = {t.share: o.p * t.split**2 / 2 * (1 + _Z) ** 2, t.split: 1 / (1 + _Z)}
#: theorem B's budget for one path, as a function of 1/split - 1
_BUDGET = sp.Lambda(_Z, _TEST_B.rhs.subs(_AT, simultaneous=True))
_B_STEPS = (
    combine("more than half", "1 <= 2 p_hat/p", Bound(sp.S.One, 2 * t.share / o.p), {SHARE: 2 / o.p, "p is positive": 0}),
    monotone("its root", "1 <= sqrt(2 p_hat/p)", Bound(sp.S.One, _ROOT), "more than half", sp.Lambda(_Z, sp.sqrt(_Z)), "p is positive"),
    combine("smaller split", "the split for the same path, split sqrt(p/(2 p_hat)), lies in (0, 1)", Bound(sp.S.Zero, _SPLIT * (1 - _SPLIT), strict=True), {**_SIGNS_B, "p_hat is positive": 0, f"{GIVEN}split in (0, 1)": 1 / _ROOT**2, "its root": t.split / _ROOT**2}),
    combine("inverse split", "its inverse less 1 is larger", Bound(1 / t.split - 1, 1 / _SPLIT - 1), {**_SIGNS_B, "p_hat is positive": 0, "its root": 1 / t.split}),
    monotone("more share, more budget", "the path costs more, so that more labels are allowed: the derivative is a positive multiple of asin", Bound(rand.likely(_TEST_B.rhs), _TEST_B.rhs.subs(t.split, _SPLIT)), "inverse split", _BUDGET, *_SIGNS_B, "p_hat is positive"),
    combine("test of B", "|y| is within that", Bound(o.label_norm, _TEST_B.rhs.subs(t.split, _SPLIT)), {f"{GIVEN}test": 1, "more share, more budget": 1}),
)  # fmt: skip
_NAMED_B = {"test": "test of B", "split_in_(0,_1)": "smaller split"}
_RATE_B, _PATH_B = _goal(rand.B_RANDOM, "rate"), _goal(rand.B_RANDOM, "path")
_DECAY_B = _on_event(B, "rate", "with the share that there is, for the same path", {t.split: _SPLIT}, **_NAMED_B)
B_RANDOM = of_claim(
    rand.B_RANDOM, "rate", *_LUCK, *_B_STEPS, _DECAY_B,
    combine("half the share", "p/2 <= p_hat in the rate", Bound(_RATE_B.lhs, _DECAY_B.bound.lhs), {**_SIGNS_B, "p_hat is positive": 0, SHARE: t.PER_HELD * t.HELD / t.share}),
    combine("together", "one after the other", _RATE_B, {"half the share": 1, "theorem B": 1}),
    chain=("half the share", "theorem B"), quantities=(REALISED,), events=(_ENOUGH.event,), failure=_ENOUGH.failure,
)  # fmt: skip
_MOVED_B = _on_event(B, "path", "with the share that there is, for the same path", {t.split: _SPLIT}, **_NAMED_B)
B_RANDOM_PATH = of_claim(
    rand.B_RANDOM, "path", *_LUCK, *_B_STEPS, _MOVED_B,
    identity("same path", "its split was chosen so", _MOVED_B.bound.rhs, _PATH_B.rhs, *_SIGNS_B, "p_hat is positive"),
    combine("together", "one after the other", _PATH_B, {"theorem B": 1, "same path": 1}),
    chain=("together",), events=(_ENOUGH.event,), failure=_ENOUGH.failure,
)  # fmt: skip

# --- the scale of the output ----------------------------------------------------------------------------

_TEST = f"{GIVEN}test"
_SIGNS_S = given("lambda_min positive", "K positive", "G_max positive", "p_hat positive", "eta positive")
_AT_SPLIT = {t.split: scale.SPLIT, t.zeta_0: o.label_norm}
_SCALED = (
    enclosed("half of the rate", "the split that leaves half of the rate lies in (0, 1)", Bound(sp.S.Zero, scale.SPLIT * (1 - scale.SPLIT), strict=True), {}),
    combine("c_lo is positive", "by the test", Bound(sp.S.Zero, t.c_low, strict=True), {_TEST: 1, REST: o.label_norm / scale.PER_SCALE, **_SIGNS_S}),
    combine("test of B", "B's budget at that split", Bound(o.label_norm, _TEST_B.rhs.subs(t.split, scale.SPLIT)), {**_SIGNS_S, _TEST: scale.PER_SCALE}),
    MIRRORED,
)  # fmt: skip


def _scaled(label: str) -> Proof:
    own = {"test": "test of B", "split_in_(0,_1)": "half of the rate", "c_lo_positive": "c_lo is positive"}
    goal = _goal(scale.SCALE, label)
    return of_claim(
        scale.SCALE, label, *_SCALED,
        apply("theorem B", "at that split", of_card(B, label), _AT_SPLIT, _using(B, label, **own), "initial output"),
        combine("together", "in the corollary's form", goal, {"theorem B": 1, **_SIGNS_S}), chain=("together",),
    )  # fmt: skip


# --- the scale of the initial weights -------------------------------------------------------------------


def _beyond(run: Run) -> Measured:
    """Return ``p_hat``: the least share of the neurons, over the samples, that start beyond the upper quartile."""
    instance = run.instance
    bar = float(start.QUANTILE) * instance.parameters["nu"] * float(np.sqrt(measures.geometry("G_min", run).value))
    h, spread = measures.preactivations(instance), measures.rounding(instance) + 1e-12 * bar
    return Measured.between((h - spread >= bar).mean(axis=1).min(), (h + spread >= bar).mean(axis=1).min())


own = sp.Symbol("p_a", nonnegative=True)
_BAR = start.QUANTILE / sp.sqrt(2)
_FAR = sp.erfc(_BAR * sp.sqrt(s.G_min / (s.G_min + over))) / 2
_POS = sp.Symbol("g", positive=True)


def _diagonal(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the least eigenvalue and the least and largest diagonal entry of a random Gram."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((3, 4)) * 10 ** rng.uniform(-1, 1, (3, 1)) * (np.eye(3, 4) if seed % 3 == 0 else 1)
    gram = root @ root.T
    return {t.lam: np.linalg.eigvalsh(gram)[0], s.G_min: gram.diagonal().min(), t.G_max: gram.diagonal().max()}


_QUARTER = enough(start.CHANCE, own, "own chance")
_SIGNS_I = given("lambda_min positive", "K positive", "G_max positive", "c_lo positive")
_RATE_I, _KEPT = _goal(start.INITIAL_SCALE, "rate"), o.KEPT * start.CHANCE
_NEEDED = next(part.bound for part in start.INITIAL_SCALE.assumptions if part.label == "test").lhs
INITIAL = of_claim(
    start.INITIAL_SCALE, "rate",
    enclosed("quartile", "a standard normal number is beyond it with a chance of at least 1/4", Bound(start.CHANCE, sp.erfc(_BAR) / 2, strict=True), {}),
    combine("variance", "G_aa = G_min + e", Bound(s.G_min, s.G_min + over), {REST: over}),
    sampled("diagonal", "G_aa >= lambda_min: the least eigenvalue is at most any entry of the diagonal", Bound(t.lam, s.G_min), _diagonal),
    combine("some variance", "so G_min is positive", Bound(sp.S.Zero, s.G_min, strict=True), {"diagonal": 1, f"{GIVEN}lambda_min positive": 1}),
    monotone("more variance", "so a neuron starts beyond the bar of the least variable sample at least as often", Bound(sp.erfc(_BAR) / 2, _FAR), "variance", sp.Lambda(_POS, sp.erfc(_BAR * sp.sqrt(s.G_min / _POS)) / 2), "some variance"),
    combine("some chance", "which is positive", Bound(sp.S.Zero, _FAR, strict=True), {"quartile": 1, "more variance": 1, REST: start.CHANCE}),
    define("sample's chance", "p_a = P(N(0, nu^2 G_aa) is beyond it)", own, _FAR, "some chance"),
    combine("own chance", "0 < p_a", Bound(sp.S.Zero, own, strict=True), {"some chance": 1, "sample's chance": -1}),
    combine("least chance", "1/4 <= p_a", Bound(start.CHANCE, own), {"quartile": 1, "more variance": 1, "sample's chance": -1}),
    *_QUARTER.steps,
    combine("p_hat is positive", "on the event", Bound(sp.S.Zero, t.share, strict=True), {SHARE: 1, "quartile": sp.S.Half, REST: _KEPT - (sp.erfc(_BAR) / 2 - start.CHANCE) / 2}),
    define("margin", "the bar lies eta inside the half line", t.eta, start.MARGIN),
    combine("eta is positive", "by the test", Bound(sp.S.Zero, t.eta, strict=True), {_TEST: 1, "margin": -1, REST: _NEEDED, **_SIGNS_I}),
    combine("test of 4.4", "1/8 <= p_hat in it", Bound(o.label_norm / scale.PER_SCALE, t.c_low, strict=True), {**_SIGNS_I, "eta is positive": 0, "p_hat is positive": 0, _TEST: t.c_low / t.eta, "margin": -t.c_low / t.eta, SHARE: o.label_norm / scale.PER_SCALE / _KEPT}),
    apply("corollary 4.4", "with the share that there is", of_card(scale.SCALE, "rate"), {}, _using(scale.SCALE, "rate", p_hat_positive="p_hat is positive", eta_positive="eta is positive", test="test of 4.4")),
    combine("an eighth", "1/8 <= p_hat in the rate", Bound(_RATE_I.lhs, scale.RATE), {**_SIGNS_I, SHARE: scale.RATE / t.share}),
    combine("together", "one after the other", _RATE_I, {"an eighth": 1, "corollary 4.4": 1}),
    chain=("an eighth", "corollary 4.4"), quantities=(Quantity(t.share, "least share of the neurons, over the samples, that start beyond the upper quartile", _beyond),),
    events=(_QUARTER.event,), failure=_QUARTER.failure,
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (
    TAIL, SHARES, HOEFFDING, A_RANDOM, A_RANDOM_WINDOW, B_RANDOM, B_RANDOM_PATH, _scaled("rate"), _scaled("path"), INITIAL,
)  # fmt: skip
