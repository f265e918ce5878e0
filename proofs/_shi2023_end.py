"""Proof of R8.4 (shi2023): the four terms that R8.3 leaves are a quarter of epsilon each, and R8.2 is what a~ is good for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import LOSSES
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Lemma, apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import coupled as c
from theorycheck.theorems.shi2023 import end_to_end as e
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import hyperparameters as hyper
from theorycheck.theorems.shi2023 import setting as s

other_loss, moved, moved_most, slope_squared, slope_most, apart, distance = sp.symbols("L_~ W_mean W_max g_mean^2 g_max |a_1-a~| E_f", nonnegative=True)  # fmt: skip
first_layer, biases = sp.symbols("|W_1| |b|", nonnegative=True)
_y = sp.Symbol("y", nonnegative=True)
_GOALS = {claim.label: claim.bound for claim in e.END_TO_END.claims}
_SUM = hyper.start + first_layer + biases / hyper.B_1
#: R8.3's symbols, on this card: T is h over eta
_INTO = {
    c.eta: hyper.step, c.steps: hyper.length / hyper.step, c.B_1: hyper.B_1, c.mean_loss: e.mean_loss, c.other_loss: other_loss,
    c.moved: moved, c.moved_most: moved_most, c.slope_squared: slope_squared, c.slope_most: slope_most, c.other: hyper.outer,
    c.apart: apart, c.start: hyper.start, c.first_layer: first_layer, c.biases: biases,
}  # fmt: skip


def _into(label: str) -> Mapping[sp.Symbol, sp.Expr]:
    lemma = of_card(c.COUPLED, label)
    known = lemma.goal.symbols.union(*(bound.symbols for bound in lemma.premises.values()))
    return {symbol: value for symbol, value in _INTO.items() if symbol in known}


@lru_cache(maxsize=64)
def _features(instance: Instance) -> Mapping[sp.Symbol, float]:
    """The representation by the S_k, its distance from f* and its loss, and the sizes that they are bounded by."""
    given, problem, net = instance.parameters, e.problem_of(instance), e.first_step(instance)
    sets = f.members(problem.truth, net.weights, s.biases_of(instance), given["epsilon_1"], given["gamma"])
    outer = f.second_layer(problem.truth, sets, s.biases_of(instance))
    found = np.maximum(instance.inputs @ net.weights.T - s.biases_of(instance), 0.0) @ outer
    wanted, rule = problem.truth(instance.inputs), LOSSES[e.LOSSES[int(given["loss"])]]
    emerged = min(len(one) for one in sets) > 0

    def loss(output: np.ndarray) -> float:
        return rule.value(output[:, None], instance.labels[:, None]) / instance.n

    return {
        other_loss: loss(found), e.truth_loss: loss(wanted), distance: float(np.mean(np.abs(found - wanted))) if emerged else np.nan,
        f.outer_size: float(np.abs(problem.truth.outer).sum()), f.M_1: f.first_moment(instance.inputs), f.gamma: given["gamma"],
        f.eps_1: given["epsilon_1"],
    }  # fmt: skip


@lru_cache(maxsize=64)
def _start(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    plan = {
        "m": int(rng.integers(5, 40)), "loss": ("hinge", "logistic")[seed % 2], "epsilon": 0.5, "excess": float(rng.uniform(0.1, 2)),
        "times": float(rng.uniform(0.5, 3)), "ticket": bool(seed % 3), "share": 1.0, "seed": seed,
    }  # fmt: skip
    return _features(e._hard(1 + seed % 2, plan, float(rng.uniform(1, 2)), float(10 ** rng.uniform(-1, 1))))


def _mean_and_most(seed: int) -> Mapping[sp.Symbol, float]:
    values = np.random.default_rng(seed).exponential(1, 1 + seed % 9)
    return {moved: values.mean(), moved_most: values.max(), slope_squared: (values**2).mean(), slope_most: values.max()}


def _sizes(seed: int) -> Mapping[sp.Symbol, float]:
    """S_1 is this sum by its definition."""
    one, two, three, four = np.random.default_rng(seed).exponential(1, 4)
    return {hyper.start: one, first_layer: two, biases: three, hyper.B_1: four, hyper.size: one + two + three / four}


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = float(_features(run.instance)[symbol])
        return Measured(value, 1e-9 * abs(value) + 1e-12)

    return Quantity(symbol, says, read)


_SHORT = {"short": f"{GIVEN}short"}
_FAR, _START = hyper.TERMS["distance"], hyper.TERMS["start"]
_MOVES, _STEPS = hyper.TERMS["movement"], hyper.TERMS["step"]
_GRADIENT = sp.E * hyper.B_1 * hyper.size
_ALL = sum(hyper.TERMS.values(), sp.S.Zero)
LOSS = of_claim(
    e.END_TO_END, "loss",
    sampled("Lipschitz", "l is 1-Lipschitz", Bound(other_loss, e.truth_loss + distance), _start, f"{GIVEN}emerged", count=12),
    sampled("R8.2", "the S_k represent f*: |c w - D| <= eps_1 + sqrt(2 gamma), E|<v, x>| <= M_1 |v|", Bound(distance, f.DISTANCE), _start, f"{GIVEN}emerged", count=12),
    apply("R8.3", "the mean loss is little above that of a~", of_card(c.COUPLED, "coupled"), _into("coupled"), {}),
    sampled("S_1", "is the sum of the three sizes", Bound(_SUM, hyper.size), _sizes),
    apply("movement", "the first layer stays near its start", of_card(c.COUPLED, "movement"), _into("movement"), _SHORT),
    sampled("mean movement", "a mean is at most the most", Bound(moved, moved_most), _mean_and_most),
    combine("moved", "in S_1", Bound(hyper.B_1 * hyper.outer * moved, _MOVES), {"mean movement": hyper.B_1 * hyper.outer, "movement": hyper.B_1 * hyper.outer, "S_1": sp.E * hyper.B_1**2 * hyper.outer * hyper.length}),
    apply("slope", "the gradient stays small", of_card(c.COUPLED, "slope"), _into("slope"), _SHORT),
    combine("gradient", "in S_1", Bound(slope_most, _GRADIENT), {"slope": 1, "S_1": sp.E * hyper.B_1}),
    monotone("squared gradient", "squared", Bound(slope_most**2, _GRADIENT**2), "gradient", sp.Lambda(_y, _y**2)),
    sampled("mean gradient", "a mean of squares is at most the largest", Bound(slope_squared, slope_most**2), _mean_and_most),
    combine("stepped", "times eta/2", Bound(hyper.step / 2 * slope_squared, _STEPS), {"mean gradient": hyper.step / 2, "squared gradient": hyper.step / 2}),
    apply("triangle", "|a_1 - a~| is at most the sum", textbook.TRIANGLE.lemma, {textbook.both: apart, textbook.first: hyper.start, textbook.second: hyper.outer}, {}),
    monotone("squared distance", "squared", Bound(apart**2, (hyper.start + hyper.outer) ** 2), "triangle", sp.Lambda(_y, _y**2)),
    combine("apart", "(s + o)^2 <= 2 s^2 + 2 o^2", Bound(apart**2 / (2 * hyper.length), _FAR + _START), {"squared distance": 1 / (2 * hyper.length), REST: (hyper.start - hyper.outer) ** 2 / (2 * hyper.length)}),
    combine("what is left", "the four terms", Bound(e.mean_loss, other_loss + _ALL), {"R8.3": 1, "moved": 1, "stepped": 1, "apart": 1}),
    combine("a quarter each", "so epsilon in all", Bound(other_loss + _ALL, other_loss + hyper.epsilon), {f"{GIVEN}{name}": 1 for name in hyper.TERMS}),
    combine("represented", "and what features lose", Bound(other_loss + hyper.epsilon, e.BOUND), {"Lipschitz": 1, "R8.2": 1}),
    combine("together", "one after the other", _GOALS["loss"], {"what is left": 1, "a quarter each": 1, "represented": 1}),
    chain=("what is left", "a quarter each", "represented"), quantities=(_measure(other_loss, "loss of a~ on the first layer after the first step"),),
)  # fmt: skip


def _least_and_mean(seed: int) -> Mapping[sp.Symbol, float]:
    values = np.random.default_rng(seed).exponential(1, 1 + seed % 9)
    return {e.best_loss: values.min(), e.mean_loss: values.mean()}


def _signs(seed: int) -> Mapping[sp.Symbol, float]:
    """Margins of either sign, at 0 and far from it."""
    rng, rule = np.random.default_rng(seed), LOSSES[e.LOSSES[seed % 2]]
    margins = rng.choice([0.0, -1e-3, 1.0, 30.0, *rng.normal(0, 2, 3)], 1 + seed % 7)[:, None]
    ones = np.ones_like(margins)
    value = rule.value(margins, ones) / len(margins)
    return {
        e.at_zero: rule.value(np.zeros((1, 1)), np.ones((1, 1))),
        e.right: float(np.mean(margins > 0)),
        e.best_loss: value,
    }


def _own(label: str) -> tuple[Lemma, Mapping[sp.Symbol, sp.Expr], Mapping[str, str]]:
    """Return another claim of the card as a lemma, in its own symbols and with its own premises."""
    lemma = of_card(e.END_TO_END, label)
    known = lemma.goal.symbols.union(*(bound.symbols for bound in lemma.premises.values()))
    return lemma, {symbol: symbol for symbol in known}, {name: f"{GIVEN}{name}" for name in lemma.premises}


BEST = of_claim(
    e.END_TO_END, "best",
    apply("mean", "the mean loss is little", *_own("loss")),
    sampled("least", "the least of numbers is at most their mean", Bound(e.best_loss, e.mean_loss), _least_and_mean),
    combine("together", "so the least is", _GOALS["best"], {"least": 1, "mean": 1}),
)  # fmt: skip
MARKOV = of_claim(
    e.END_TO_END, "Markov",
    sampled("cost", "a wrong sign costs l(0) at least, a right one is not below 0", Bound(e.at_zero * (1 - e.right), e.best_loss), _signs),
    combine("share", "over l(0)", _GOALS["Markov"], {"cost": 1 / e.at_zero}),
)  # fmt: skip
SIGNS = of_claim(
    e.END_TO_END, "signs",
    apply("best", "the least loss is little", *_own("best")),
    apply("Markov", "so few signs are wrong there", *_own("Markov")),
    combine("together", "one after the other", _GOALS["signs"], {"Markov": 1, "best": 1 / e.at_zero}),
)  # fmt: skip
PROOFS: tuple[Proof, ...] = (LOSS, BEST, MARKOV, SIGNS)
