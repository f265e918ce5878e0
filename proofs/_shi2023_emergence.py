"""Proofs of R8.1 and R8.2 (shi2023) on linear data: enough features emerge, and a small second layer on them is the truth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from _shi2023_window import LEAST, v
from scipy import stats

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_claim
from theorycheck.proof_steps import Draw, Step, apply, combine, monotone, sampled
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import emergence as e
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import setting as s

#: largest |c w - D_k| over features, c w of the truth's length; sum_k |a*_k b*_k|/sqrt(|S_k|), over b~
worst, spread = sp.symbols("W_off A_S", nonnegative=True)
#: of that feature: |c |w| - 1| and |w/|w| - D_k|
longer, turned = sp.symbols("W_len W_dir", nonnegative=True)
missed, fewer, promised = sp.symbols("P_missed P_one P_bin", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in e.EMERGENCE.claims}
_y = sp.Symbol("y", nonnegative=True)
_P, _SHARE, _EMERGED = (f"{GIVEN}{name}" for name in ("p positive", "a share", "emerged"))


def farthest(truth: f.Truth, weights: np.ndarray, sets: f.Sets, biases: np.ndarray) -> dict[sp.Symbol, float]:
    """Return the largest |c w - D_k| over the features, and how far the length of that one is from 1."""
    off, size = 0.0, 1.0
    for k, chosen in enumerate(sets):
        scaled = weights[chosen] * (abs(truth.biases[k]) / np.abs(biases[chosen]))[:, None]
        distances = np.linalg.norm(scaled - truth.directions[k], axis=1)
        if distances.max() > off:
            off, size = float(distances.max()), float(np.linalg.norm(scaled[np.argmax(distances)]))
    return {worst: off, longer: abs(size - 1)}


@lru_cache(maxsize=64)
def _found(instance: Instance) -> Mapping[sp.Symbol, float]:
    """The features after the first step: how far from the truth's directions they are, and their second layer."""
    weights, sets = e._stepped(instance)
    truth, biases = e.truth_of(instance), np.abs(s.biases_of(instance))
    if not all(len(one) for one in sets):
        return dict.fromkeys((worst, longer, spread, e.distance, e.outer_found, e.count), np.nan)
    sizes = np.sqrt([len(chosen) for chosen in sets])
    total = np.sum(np.abs(truth.outer * truth.biases) / sizes) / biases[0]
    run = Run(instance)
    read = {part.symbol: part.measure for part in e.EMERGENCE.quantities}
    return {**farthest(truth, weights, sets, biases), spread: float(total)} | {
        symbol: float(read[symbol](run).value) for symbol in read
    }


@lru_cache(maxsize=64)
def _start(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    kind, loss = ("antipodal", "sphere", "cluster")[seed % 3], e.LOSSES[seed % 2]
    made = e._hard(kind, (int(rng.integers(1, 4)), 12), float(rng.uniform(1, 4)), float(rng.uniform(0.2, 1)), float(10 ** rng.uniform(-2, 2)), loss, seed)  # fmt: skip
    return _found(made)


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = float(_found(run.instance)[symbol])
        return Measured(value, 1e-10 * abs(value) + 1e-13)

    return Quantity(symbol, says, read)


def _cone(seed: int) -> Mapping[sp.Symbol, float]:
    """A neuron at the edge of the cone around a direction."""
    rng = np.random.default_rng(seed)
    w, direction = rng.standard_normal((2, int(rng.integers(2, 5))))
    w += direction * float(rng.exponential(10)) * (seed % 2)
    units = w / np.linalg.norm(w), direction / np.linalg.norm(direction)
    return {turned: float(np.linalg.norm(units[0] - units[1])), f.gamma: float(1 - units[0] @ units[1])}


_OFF = sp.sqrt(2 * f.gamma) + f.eps_1


def representation(goal: Bound, draw: Draw, emerged: str) -> tuple[Step, ...]:
    """Return R8.2's steps to ``goal``, that E|f~ - f*| is at most |a*|_1 M_1 times how far a feature is off, for S_k that ``draw`` makes."""
    return (
        sampled("homogeneous", "c max(<w, x> - b, 0) = max(<c w, x> - b*, 0), max(., 0) is 1-Lipschitz and E|<v, x>| <= M_1 |v|", Bound(goal.lhs, f.outer_size * f.M_1 * worst), draw, emerged, count=10),
        sampled("length", "what it takes to be in S_k", Bound(longer, f.eps_1), draw, emerged, count=10),
        sampled("cone", "|w/|w| - D|^2 = 2 - 2 cos, and the cosine is at least 1 - gamma", Bound(turned**2, 2 * f.gamma), _cone, emerged),
        monotone("direction", "its root", Bound(turned, sp.sqrt(2 * f.gamma)), "cone", sp.Lambda(_y, sp.sqrt(_y))),
        apply("triangle", "from c w to D by way of w/|w|", textbook.TRIANGLE.lemma, {textbook.both: worst, textbook.first: longer, textbook.second: turned}, {}),
        combine("directions", "together", Bound(worst, _OFF), {"triangle": 1, "length": 1, "direction": 1}),
        combine("off", "times |a*|_1 M_1", Bound(f.outer_size * f.M_1 * worst, f.DISTANCE), {"directions": f.outer_size * f.M_1}),
        combine("together", "one after the other", goal, {"homogeneous": 1, "off": 1}),
    )  # fmt: skip


REPRESENTATION = of_claim(
    e.EMERGENCE, "representation", *representation(_CLAIMS["representation"], _start, _EMERGED),
    chain=("homogeneous", "off"), quantities=(_measure(worst, "largest |c w - D_k| over the features"),),
)  # fmt: skip
SECOND = of_claim(
    e.EMERGENCE, "second layer",
    sampled("triangle", "a sum over k of vectors with |S_k| equal entries each", Bound(e.outer_found, spread), _start, _EMERGED, count=10),
    sampled("smallest", "no S_k is smaller than the smallest", Bound(spread, e.OUTER), _start, _EMERGED, count=10),
    combine("together", "one after the other", _CLAIMS["second layer"], {"triangle": 1, "smallest": 1}),
    chain=("triangle", "smallest"), quantities=(_measure(spread, "sum_k |a*_k b*_k|/sqrt(|S_k|) over b~"),),
)  # fmt: skip


#: the chance that a quadruple puts a neuron into S_k
into = sp.Symbol("P_S", nonnegative=True)
_U, _WIDTH = sp.symbols("u width", positive=True)
_WINDOW, _LEAST = sp.lambdify((_U, _WIDTH), f.window(_U, _WIDTH), ["scipy", "numpy"]), float(f.WINDOW)


def _window(seed: int) -> Mapping[sp.Symbol, float]:
    """A law of hits with lengths that make u lie in [1, U]; the chances of too few features, with p' and with the true chance."""
    rng = np.random.default_rng(seed)
    p, share, count = rng.uniform(0.05, 1), float(rng.choice([1.0, rng.uniform(0.01, 1)])), int(rng.integers(1, 80))
    # lengths of hits, and of biases of the truth, over the least: U is the largest of both
    lengths, biases = 1 + rng.exponential(1, 3) * (seed % 2), 1 + rng.exponential(1) * (seed % 3 == 0)
    u = np.append(lengths, lengths.max() * biases) * (1 if seed % 5 else biases)
    exact = float(rng.dirichlet(np.ones(4)) @ [float(_WINDOW(one, share)) for one in u]) * p
    least = _LEAST * p * share / u.max()
    return {
        f.chance: p, f.eps_1: share, f.ratio: u.max(), into: exact, e.draws: count,
        fewer: stats.binom.cdf(np.ceil(count * least / 2) - 1, count, exact),
        promised: stats.binom.cdf(np.floor(count * least / 2), count, least),
    }  # fmt: skip


_CHERNOFF = sp.exp(-e.EXPECTED / 8)
EMERGENCE = of_claim(
    e.EMERGENCE, "emergence",
    sampled("ratio", "U is a product of two ratios of a size and its least value", Bound(sp.S.One, f.ratio), _window),
    combine("inverse", "by U", Bound(1 / f.ratio, sp.S.One), {"ratio": 1 / f.ratio}),
    apply("window", "the chance that U |g| is within eps_1 of 1", LEAST.lemma, {v: 1 / f.ratio}, {"share": _SHARE, "inverse": "inverse"}),
    sampled("quadruple", "of a neuron and its copies one has its output weight turned to D_k; given a hit it has length u |g|, 1 <= u <= U, and the window narrows with u", Bound(f.chance * f.window(f.ratio, f.eps_1), into), _window),
    combine("p'", "so a quadruple is in S_k with chance p' at least", Bound(f.CHANCE, into), {"window": f.chance, "quadruple": 1}),
    sampled("a chance", "is at most 1", Bound(into, sp.S.One), _window),
    combine("p' is a chance", "so p' is", Bound(f.CHANCE, sp.S.One), {"p'": 1, "a chance": 1}),
    apply("Chernoff", "at half the mean", textbook.CHERNOFF.lemma, {textbook.chance: promised, textbook.count: e.draws, textbook.share: f.CHANCE}, {"share": "p' is a chance"}, _P),
    sampled("more", "of independent quadruples at least as many are in S_k as with chance p'", Bound(fewer, promised), _window, "p'"),
    apply("union", "over two features", textbook.UNION.lemma, {textbook.both: missed, textbook.first: fewer, textbook.second: fewer}, {}),
    combine("failure", "so a feature is missed this often at most", Bound(missed, e.FEATURES * _CHERNOFF), {"union": 1, "more": 2, "Chernoff": 2}),
    combine("together", "on the event", _CLAIMS["emergence"], {f"{EVENT}features": 1}),
    chain=("together",), events=(Event("features", _CLAIMS["emergence"], missed),), failure="failure",
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (EMERGENCE, REPRESENTATION, SECOND)
