"""Proofs of R5.2 and R5.3 (shi2023): a neuron of signs sees a sparse parity's coordinates, up to a tangent that is known exactly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.symbolic.thresholds import majority_coefficient
from theorycheck.theorems.shi2023 import parity as r5

#: lengths of G on A, along s D_w, and off A
on, aside = sp.symbols("|G_A| |G_off|", nonnegative=True)
#: the share of sign patterns that are constant on A
constant = sp.Symbol("P_const", nonnegative=True)
#: E|f*(<s G/|G|, x>) - f*(<D_w, x>)|, and mean and mean square of <s G/|G| - D_w, x>
apart, mean, square = sp.symbols("E_f E_v E_v^2", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in r5.PARITY.claims}
_GIVEN = [f"{GIVEN}{part.label}" for part in r5.PARITY.assumptions]
_OUTSIDE = f"{GIVEN}k below n"
_y = sp.Symbol("y", nonnegative=True)
k, n_0 = r5.k, r5.outside
_ASIDE = r5.OFF**2 * k


@lru_cache(maxsize=64)
def _found(own: Instance) -> Mapping[sp.Symbol, np.ndarray]:
    """What the steps speak of, one number for each neuron."""
    size, gradients = r5._size(own), r5._gradients(own)
    features = r5._features(own.weights, size)
    along = r5._signs(own) * np.sum(gradients * features, axis=1)
    gap = r5._signs(own)[:, None] * r5._unit(gradients) - features
    heights = own.inputs @ gap.T
    label = np.prod(own.weights[:, :size], axis=1)
    truth = own.labels[:, None] * label * r5.zigzag(size)(own.inputs @ features.T)
    return {
        on: along, aside: np.linalg.norm(gradients - along[:, None] * r5._signs(own)[:, None] * features, axis=1),
        apart: np.mean(np.abs(r5._outputs(own) - truth), axis=0), mean: np.mean(np.abs(heights), axis=0), square: np.mean(heights**2, axis=0),
    }  # fmt: skip


@lru_cache(maxsize=64)
def _neuron(seed: int) -> Mapping[sp.Symbol, float]:
    """One neuron of signs on the cube of one, three, five or seven coordinates beside A."""
    rng = np.random.default_rng(seed)
    size = int(rng.choice([2, 4, 6]))
    d = size + int(rng.choice([1, 3] if size > 2 else [1, 3, 5]))
    made = r5._made(rng.choice([-1.0, 1.0], (1, d)), size, float(rng.uniform(-1, 1)) * 0.999, {})
    run = Run(made)
    wanted = (r5.length, r5.cosine, r5.off, r5.hinge, r5.wrong, r5.xi, r5.share)
    read = {part.symbol: part.measure(run).value for part in r5.PARITY.quantities if part.symbol in wanted}
    points = np.array(list(product((1, -1), repeat=size)))
    found = {symbol: float(np.ravel(value)[0]) for symbol, value in {**read, **_found(made)}.items()}
    return found | {k: size, n_0: d - size, constant: float(np.mean(np.abs(points.sum(axis=1)) == size))}


def _ratio(seed: int) -> Mapping[sp.Symbol, float]:
    """The coefficient of k - 1 signs is a whole number over 2^n, and not 0."""
    size, outside = 2 * (1 + seed % 7), 1 + 2 * (seed // 7)
    return {r5.xi: float(majority_coefficient(size + outside, size)), k: size, n_0: outside}


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = _found(run.instance)[symbol]
        return Measured(value, 1e-12 * np.abs(value) + 1e-13)

    return Quantity(symbol, says, read)


_m = (n_0 + k - 1) / 2
_BINOMIALS = (_m - k / 2 + 1) / (k / 2) * k * (k - 1) / ((n_0 + k - (k - 1)) * (n_0 + k - k))
RATIO = identity(
    "coefficients", "|xi_(k+1)/xi_(k-1)|, by neighbouring binomials: C(m, k/2)/C(m, k/2 - 1) times C(n-1, k-2)/C(n-1, k), m = (n-1)/2, n = n_0 + k",
    _BINOMIALS, (k - 1) / n_0,
)  # fmt: skip
_ON_LOW = sampled("on A", "k coordinates of size |xi_(k-1)| each", Bound(r5.xi * sp.sqrt(k), on), _neuron)
_ON_HIGH = sampled("on A, at most", "the same", Bound(on, r5.xi * sp.sqrt(k)), _neuron)
_OFF_LOW = sampled(
    "off A", "n - k coordinates of size |xi_(k+1)| each", Bound(r5.xi * sp.sqrt(_ASIDE), aside), _neuron, RATIO.label
)
_OFF_HIGH = sampled(
    "off A, at most",
    "n - k coordinates of size |xi_(k+1)| each",
    Bound(aside, r5.xi * sp.sqrt(_ASIDE)),
    _neuron,
    RATIO.label,
)
_LOW = sampled("right angles", "G is the sum of both parts", Bound(on**2 + aside**2, r5.length**2), _neuron)
_HIGH = sampled("right angles, at most", "G is the sum of both parts", Bound(r5.length**2, on**2 + aside**2), _neuron)


def _squared(label: str, of: Step) -> Step:
    return monotone(label, "squared", Bound(of.bound.lhs**2, of.bound.rhs**2), of.label, sp.Lambda(_y, _y**2))


_SQUARE = 1 + _ASIDE / k
#: |G|^2 cos^2 <= |G_A|^2
_TURNED: tuple[Step, ...] = (
    RATIO, _ON_LOW, _OFF_HIGH, _HIGH, _squared("square on A", _ON_LOW), _squared("square off A", _OFF_HIGH),
    combine("length on A", "the part off A is a share of that on A", Bound(r5.length**2, on**2 * _SQUARE), {_HIGH.label: 1, "square off A": 1, "square on A": _ASIDE / k}),
)  # fmt: skip
_POSITIVE: tuple[Step, ...] = (
    sampled("whole number", "2^n xi is one, and not 0", Bound(2 ** (-k - n_0), r5.xi), _ratio),
    combine("G_A", "is not 0", Bound(sp.S.Zero, on, strict=True), {_ON_LOW.label: 1, "whole number": sp.sqrt(k), REST: sp.sqrt(k) * 2 ** (-k - n_0)}),
    _LOW,
    combine("part", "of it", Bound(on**2, r5.length**2), {_LOW.label: 1, REST: aside**2}),
    monotone("projection", "a part of G is no longer than G", Bound(on, r5.length), "part", sp.Lambda(_y, sp.sqrt(_y))),
    combine("G", "so G is not 0", Bound(sp.S.Zero, r5.length, strict=True), {"projection": 1, "G_A": 1}),
)  # fmt: skip
COSINE = of_claim(
    r5.PARITY, "cosine", *_TURNED, *_POSITIVE,
    combine("divided", "by that share", Bound(r5.length**2 * r5.COSINE**2, on**2), {"length on A": r5.COSINE**2}),
    monotone("root", "its root", Bound(r5.length * r5.COSINE, on), "divided", sp.Lambda(_y, sp.sqrt(_y))),
    sampled("angle", "D_w is a unit vector", Bound(on, r5.length * r5.cosine), _neuron),
    combine("by |G|", "divided", Bound(r5.COSINE, r5.cosine), {"root": 1 / r5.length, "angle": 1 / r5.length, "G": 0}),
    combine("together", "with room for rounding", _CLAIMS["cosine"], {"by |G|": 1, REST: r5.TAU * r5.COSINE}),
    chain=("together",),
)  # fmt: skip
LENGTH = of_claim(
    r5.PARITY, "length", RATIO, _ON_LOW, _OFF_LOW, _LOW, _squared("square on A", _ON_LOW), _squared("square off A", _OFF_LOW),
    combine("squares", "together", Bound(r5.LENGTH**2, r5.length**2), {"square on A": 1, "square off A": 1, _LOW.label: 1}),
    monotone("root", "its root", Bound(r5.LENGTH, r5.length), "squares", sp.Lambda(_y, sp.sqrt(_y))),
    combine("together", "with room for rounding", _CLAIMS["length"], {"root": 1, REST: r5.TAU * r5.LENGTH}),
    chain=("together",),
)  # fmt: skip
LONGEST = of_claim(
    r5.PARITY, "no longer", RATIO, _ON_HIGH, _OFF_HIGH, _HIGH, _squared("square on A", _ON_HIGH), _squared("square off A", _OFF_HIGH),
    combine("squares", "together", Bound(r5.length**2, r5.LENGTH**2), {"square on A": 1, "square off A": 1, _HIGH.label: 1}),
    monotone("root", "its root", Bound(r5.length, r5.LENGTH), "squares", sp.Lambda(_y, sp.sqrt(_y))),
    combine("together", "with room for rounding", _CLAIMS["no longer"], {"root": 1, REST: r5.TAU * r5.LENGTH}),
    chain=("together",),
)  # fmt: skip
_L, _D = r5.length, r5.off
DIRECTION = of_claim(
    r5.PARITY, "direction", *_TURNED, *_POSITIVE,
    sampled("unit vectors", "|u - v|^2 = 2 - 2 cos, and s G has |G_A| along D_w", Bound(_D**2 * _L, 2 * (_L - on)), _neuron),
    combine("tangent", "2 (1 - c) <= (1 - c^2)/c^2, times |G|^3 c^2, c = |G_A|/|G|", Bound(2 * (_L - on) * on**2, (_L**2 - on**2) * _L), {REST: (_L - on) ** 2 * (_L + 2 * on)}),
    combine("times |G| |G_A|^2", "together", Bound(_D**2 * _L * on**2, _ASIDE / k * on**2 * _L), {"unit vectors": on**2, "tangent": 1, "length on A": _L}),
    combine("square", "divided", Bound(_D**2, _ASIDE / k), {"times |G| |G_A|^2": 1 / (_L * on**2), "G": 0, "G_A": 0}),
    monotone("root", "its root", Bound(_D, sp.sqrt(_ASIDE / k)), "square", sp.Lambda(_y, sp.sqrt(_y))),
    combine("together", "which is the tangent", _CLAIMS["direction"], {"root": 1}),
    chain=("together",),
)  # fmt: skip
HIT = of_claim(
    r5.PARITY, "hit",
    sampled("patterns", "two patterns on A, any outside, of all", Bound(2 * 2**n_0 / 2 ** (n_0 + k), constant), _neuron),
    identity("count", "counted", 2 * 2**n_0 / 2 ** (n_0 + k), r5.SHARE),
    sampled("hits", "where w is constant on A, D_w is +-1_A/sqrt k, and the gradient's angle and length are those promised", Bound(constant, r5.share), _neuron),
    combine("at least", "one after the other", Bound(r5.SHARE, r5.share), {"patterns": 1, "count": -1, "hits": 1}),
    combine("together", "with room for rounding", _CLAIMS["hit"], {"at least": 1, REST: r5.TAU * r5.SHARE}),
    chain=("together",),
)  # fmt: skip
_v = sp.symbols("v_1:4", real=True)
OPT = of_claim(
    r5.PARITY, "OPT",
    sampled("truth", "f* along D_w has hinge loss 0, and the hinge is 1-Lipschitz", Bound(r5.hinge, apart), _neuron),
    sampled("Lipschitz", "the zig-zag has slopes +-sqrt k", Bound(apart, sp.sqrt(k) * mean), _neuron),
    identity("signs", "E <v, x>^2 = |v|^2 for uniform signs; three of them, all cases", sum((sum(a * b for a, b in zip(case, _v, strict=True))) ** 2 for case in product((-1, 1), repeat=3)) / 8, sum(a**2 for a in _v)),
    sampled("orthonormal", "so this is the square of the distance", Bound(square, r5.off**2), _neuron, "signs"),
    apply("Jensen", "E |T| <= (E T^2)^(1/2)", textbook.JENSEN.lemma, {textbook.mean: mean, textbook.root_mean: square}, {}),
    monotone("root", "its root", Bound(sp.sqrt(square), r5.off), "orthonormal", sp.Lambda(_y, sp.sqrt(_y))),
    apply("direction", "which is small", of_card(r5.PARITY, "direction"), {}, {name.removeprefix(GIVEN): name for name in _GIVEN}),
    combine("moved", "together", Bound(apart, r5.HINGE), {"Lipschitz": 1, "Jensen": sp.sqrt(k), "root": sp.sqrt(k), "direction": sp.sqrt(k)}),
    combine("together", "one after the other", _CLAIMS["OPT"], {"truth": 1, "moved": 1}),
    chain=("truth", "moved"), quantities=(_measure(apart, "E|f* along the gradient - f* along D_w|"),),
)  # fmt: skip
SIGNS = of_claim(
    r5.PARITY, "signs",
    sampled("sample by sample", "where y f <= 0 the hinge is at least 1", Bound(r5.wrong, r5.hinge), _neuron),
    combine("together", "with room for rounding", _CLAIMS["signs"], {"sample by sample": 1, REST: r5.TAU}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (COSINE, LENGTH, LONGEST, DIRECTION, HIT, OPT, SIGNS)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
