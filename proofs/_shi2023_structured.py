"""Proofs of R6 (shi2023): a neuron that fires on one block of one sign, component by component."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import numpy as np
import sympy as sp
from _shi2023_angles import ANGLE, error
from scipy import stats

from theorycheck import textbook, textbook_tails
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023 import structured as r6
from theorycheck.theorems.shi2023.parities import block_labels, cube, margins

#: |E y x 1{wrong side}| of the block and of the rest, added over components; the same of the uniform part
block, rest, uniform = sp.symbols("E_block E_rest E_U", nonnegative=True)
#: the chances of the wrong side, and their roots, added over components; that of firing on the uniform part
wrong, roots, fires = sp.symbols("P_off P_off^(1/2) P_U", nonnegative=True)
#: one component: its chance and the margin over the noise; b over |w|
one, happens = sp.symbols("P_1 P_E", nonnegative=True)
ratio, tilt = sp.symbols("u_1 u_w", positive=True)
_CLAIMS = {claim.label: claim.bound for claim in r6.STRUCTURED.claims}
_POSITIVE, _FIRES, _SILENT, _SINGLE, _CLEAR, _WIDE = (f"{GIVEN}{part.label}" for part in r6.STRUCTURED.assumptions)
_ONE = (_POSITIVE, _FIRES, _SILENT, _SINGLE)
_y = sp.Symbol("y", nonnegative=True)


def _parts(own: Instance, i: int) -> Mapping[sp.Symbol, float]:
    """What one neuron does on each component, enumerated once more."""
    blocks, size, filled = r6._shape(own)
    weight, b = own.weights[i], s.biases_of(own)[i]
    heights, _ = margins(weight[None], blocks, size, np.array([b]), filled)
    target = int(np.argmax(heights[0]))
    sums = dict.fromkeys((block, rest, wrong, roots), 0.0)
    for index, (sign, j) in enumerate(product((1.0, -1.0), range(blocks))):
        inside = np.arange(own.d) // size == j
        free = ~inside if filled else np.arange(own.d) >= blocks * size
        points = np.zeros((2 ** int(free.sum()), own.d))
        points[:, free], points[:, inside] = cube(int(free.sum())), sign
        off = (points @ weight > b) != (index == target)
        moment = (block_labels(points, blocks, size) * off) @ points / len(points)
        sums[block] += float(np.linalg.norm(moment[inside]))
        sums[rest] += float(np.linalg.norm(moment[~inside]))
        sums[wrong] += float(np.mean(off))
        sums[roots] += float(np.sqrt(np.mean(off)))
    points = cube(own.d)
    gate = points @ weight > b
    moment = (block_labels(points, blocks, size) * gate) @ points / len(points)
    return {
        **sums,
        uniform: float(np.linalg.norm(moment)),
        fires: float(np.mean(gate)),
        tilt: float(b / np.linalg.norm(weight)),
    }


@lru_cache(maxsize=64)
def _neuron(seed: int) -> Mapping[sp.Symbol, float]:
    """One neuron for which the premises hold, or nothing is said."""
    rng = np.random.default_rng(seed)
    # the smaller of the card's shapes
    shape = ((1, 3, 3, False, 4, True), (1, 3, 4, True, 1, False), (3, 3, 0, True, 2, True), (1, 1, 4, False, 4, True))[seed % 4]  # fmt: skip
    made = r6._hard(shape, float(rng.choice([0.05, 0.2, 0.4])), float(rng.uniform(0.3, 0.95)), (0.3, 1.0, 1.0), seed)
    run = Run(made)
    read = {part.symbol: part.measure for part in r6.STRUCTURED.quantities if part.symbol not in (r6.rest, r6.seen)}
    found = {symbol: float(np.ravel(measure(run).value)[0]) for symbol, measure in read.items()}
    good = found[r6.own] > 0 > found[r6.other] and not found[r6.single]
    own = _parts(made, 0)
    return found | (dict(own) if good else dict.fromkeys(own, np.nan))


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = np.array([_parts(run.instance, i)[symbol] for i in range(run.instance.m)])
        return Measured(value, 1e-12 * value + 1e-15)

    return Quantity(symbol, says, read)


_SHARE = 1 - 2 * r6.r * r6.chance
_MOST = r6.chance * (block + rest) + _SHARE * uniform
NEAR = of_claim(
    r6.STRUCTURED, "near",
    sampled("components", "E y x is c_r 1_{A_j} where the neuron should fire; what is left is where it is on the wrong side", Bound(r6.off, _MOST), _neuron, *_ONE),
    sampled("block", "each of k coordinates is at most the chance", Bound(block, sp.sqrt(r6.k) * wrong), _neuron),
    sampled("Bessel", "the other coordinates are orthonormal or 0", Bound(rest, roots), _neuron),
    apply("Hoeffding", "of one component: signs weighted by w, margin over noise u", textbook_tails.SIGNS_ABOVE.lemma, {textbook.chance: one, textbook.excess: ratio}, {}),
    monotone("root of one", "its root", Bound(sp.sqrt(one), sp.exp(-(ratio**2) / 4)), "Hoeffding", sp.Lambda(_y, sp.sqrt(_y))),
    sampled("all components", "added, h = exp(-u^2/2)", Bound(wrong, r6.tails), _neuron, "Hoeffding"),
    sampled("all roots", "added", Bound(roots, r6.root_tails), _neuron, "root of one"),
    combine("decided", "together", Bound(r6.chance * (block + rest), r6.chance * (sp.sqrt(r6.k) * r6.tails + r6.root_tails)), {"block": r6.chance, "all components": r6.chance * sp.sqrt(r6.k), "Bessel": r6.chance, "all roots": r6.chance}),
    sampled("Bessel, uniform", "all coordinates are orthonormal", Bound(uniform**2, fires), _neuron),
    apply("Hoeffding, uniform", "of all signs, b over |w|", textbook_tails.SIGNS_ABOVE.lemma, {textbook.chance: fires, textbook.excess: tilt}, {}),
    sampled("h_U", "is this", Bound(sp.exp(-(tilt**2) / 2), r6.root_uniform**2), _neuron),
    combine("square", "together", Bound(uniform**2, r6.root_uniform**2), {"Bessel, uniform": 1, "Hoeffding, uniform": 1, "h_U": 1}),
    monotone("root", "its root", Bound(uniform, r6.root_uniform), "square", sp.Lambda(_y, sp.sqrt(_y))),
    sampled("chances", "add up to 1 at most", Bound(2 * r6.r * r6.chance, sp.S.One), _neuron),
    combine("bounded", "together", Bound(_MOST, r6.ERROR), {"decided": 1, "root": _SHARE, "chances": 0}),
    combine("together", "one after the other", _CLAIMS["near"], {"components": 1, "bounded": 1}),
    chain=("components", "bounded"),
    quantities=(_measure(block, "|E y x 1{wrong side}| of the block, over components"), _measure(rest, "the same of the rest"), _measure(uniform, "|E y x 1{fires}| on the uniform part")),
)  # fmt: skip
_NEAR = apply("near", "G is near p_A c_r 1_{A_j}", of_card(r6.STRUCTURED, "near"), {}, {name.removeprefix(GIVEN): name for name in _ONE})  # fmt: skip
LENGTH = of_claim(
    r6.STRUCTURED, "length", _NEAR,
    apply("triangle", "p_A c_r 1_{A_j} is G and what is off", textbook.TRIANGLE.lemma, {textbook.first: r6.length, textbook.second: r6.off, textbook.both: r6.TARGET}, {}),
    combine("together", "one after the other", _CLAIMS["length"], {"near": 1, "triangle": 1}),
    chain=("together",),
)  # fmt: skip
COSINE = of_claim(
    r6.STRUCTURED, "cosine", _NEAR,
    apply("together", "a vector that is off by less than its length", ANGLE.lemma, {error: r6.ERROR, x.target: r6.TARGET, x.off: r6.off, x.length: r6.length, x.cosine: r6.cosine}, {"near": "near", "clear": _CLEAR}),
    chain=("together",),
)  # fmt: skip


_EVENT = sp.lambdify((r6.kappa, r6.reach, r6.window, r6.k, r6.r), (r6.A, r6.C, r6.LEFT))


def _law(seed: int) -> Mapping[sp.Symbol, float]:
    """The chance that one of r projections is in +-[A, A + h], the others are at most C, and the rest is short."""
    rng = np.random.default_rng(seed)
    size, blocks, more = int(rng.choice([1, 3, 5, 9])), int(rng.choice([1, 3, 5])), int(rng.integers(1, 9))
    at = {r6.kappa: float(rng.choice([0, 0.1, 0.3])), r6.reach: float(rng.exponential(2)), r6.window: float(rng.exponential(1)), r6.k: size, r6.r: blocks}  # fmt: skip
    low, most, left = map(float, _EVENT(*at.values()))
    length = float(stats.chi2.cdf(left, more)) if left > 0 else 0.0
    inside = float(stats.norm.sf(low) - stats.norm.sf(low + at[r6.window]))
    others = (1 - 2 * float(stats.norm.sf(most))) ** (blocks - 1)
    return at | {r6.rest: length, happens: 2 * inside * others * length}


def _drawn(seed: int) -> Mapping[sp.Symbol, float]:
    """Under any law of w, here a few neurons: the shares for which the event holds, and what it is for."""
    rng = np.random.default_rng(seed)
    blocks, size, more, filled = (
        int(rng.choice([1, 3])),
        int(rng.choice([3, 5])),
        int(rng.integers(1, 4)),
        bool(seed % 2),
    )
    at = {r6.kappa: float(rng.choice([0.05, 0.3])), r6.reach: float(rng.uniform(1, 4)), r6.window: float(rng.uniform(0.3, 2)), r6.k: size, r6.r: blocks}  # fmt: skip
    low, most, left = map(float, _EVENT(*at.values()))
    weights = rng.standard_normal((400, blocks * size + more)) * 10 ** rng.uniform(-1, 0, (400, 1))
    along = weights[:, : blocks * size].reshape(400, blocks, size).sum(axis=2) / np.sqrt(size)
    rest_of = np.sum(weights**2, axis=1) - np.sum(along**2, axis=1)
    silent = np.abs(along[:, 1:]).max(axis=1, initial=0.0) <= most
    inside = (low < np.abs(along[:, 0])) & (np.abs(along[:, 0]) <= low + at[r6.window]) & silent & (rest_of <= left)
    b = 2 * at[r6.kappa] * at[r6.reach]
    heights, noise = margins(weights, blocks, size, np.full(400, b), filled)
    sharp = np.all(np.abs(heights) >= (1 - 1e-12) * at[r6.kappa] * noise, axis=1) & (
        b * (1 + 1e-12) >= 2 * at[r6.kappa] * np.linalg.norm(weights, axis=1)
    )
    return {happens: float(np.mean(inside)), r6.seen: float(np.mean(sharp & (np.sum(heights > 0, axis=1) == 1)))}


_BIAS = 2 * r6.kappa * r6.reach
EVENT_CHANCE = of_claim(
    r6.STRUCTURED, "event",
    identity("own margin", "at the end of the window, with the bias 2 kappa R_0", sp.sqrt(r6.k) * r6.A - _BIAS, r6.kappa * r6.reach),
    identity("other margins", "where the sum is at most C sqrt k", _BIAS - sp.sqrt(r6.k) * r6.C, r6.kappa * r6.reach),
    identity("length", "|w|^2 on the event", (r6.A + r6.window) ** 2 + (r6.r - 1) * r6.C**2 + r6.LEFT, r6.reach**2),
    sampled("independent", "sums over blocks, over sqrt k, and the rest of w are independent", Bound(r6.EVENT, happens), _law),
    sampled("inside", "there one component fires, and noise is at most |w| <= R_0", Bound(happens, r6.seen), _drawn, "own margin", "other margins", "length"),
    combine("together", "one after the other", _CLAIMS["event"], {"independent": 1, "inside": 1}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (NEAR, LENGTH, COSINE, EVENT_CHANCE)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
