"""Proofs of R8.5 (shi2023): the variance of a mean, and angles of gradients that are little off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import batch as b
from theorycheck.theorems.shi2023 import setting as s

#: largest E|g|^2 of one sample's gradient g; distances of unit vectors: G_n from D, G from D, G_n from G
square, far_n, far, apart = sp.symbols("g^2 u_n u_D u", nonnegative=True)
#: sum over the neurons of |G_n - G|^2, its mean, and the chance that it is large
total, mean_total, missed = sp.symbols("S_G E_S P_far", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in b.BATCH.claims}
_y = sp.Symbol("y", nonnegative=True)


def _square(own: Instance) -> float:
    gates = own.inputs @ own.weights.T - s.biases_of(own) > 0
    return float(np.max(gates.T.astype(float) @ np.sum((own.labels[:, None] * own.inputs) ** 2, axis=1) / own.n))


def _drawn(seed: int) -> Instance:
    rng = np.random.default_rng(seed)
    plan = {"zeta": 0.5, "share": float(rng.uniform(0.2, 1)), "samples": int(10 ** rng.uniform(0, 4)), "m": int(rng.integers(1, 8)), "seed": seed}  # fmt: skip
    return b._hard(("gaussian", "sphere", "antiparallel", "duplicate")[seed % 4], int(rng.integers(1, 5)), float(rng.choice([-100, 0, 0.3])), plan)  # fmt: skip


def _enumerated(own: Instance, count: int) -> float:
    """Largest E|G_n - G|^2 of a neuron, from all n-tuples of rows one by one: what the card's measure has a formula for."""
    gates = (own.inputs @ own.weights.T - s.biases_of(own) > 0).astype(float)
    each = gates[:, :, None] * (own.labels[:, None] * own.inputs)[:, None, :]
    batches = [each[list(chosen)].mean(axis=0) for chosen in product(range(own.n), repeat=count)]
    return float(np.max(np.mean([np.sum((one - each.mean(axis=0)) ** 2, axis=1) for one in batches], axis=0)))


def _sizes(seed: int) -> Mapping[sp.Symbol, float]:
    own, count = _drawn(seed), 1 + seed % 3
    return {b.spread: _enumerated(own, count), square: _square(own), b.B_2: b._found(own)["B_2"], b.n: count}


def _angles(seed: int) -> Mapping[sp.Symbol, float]:
    """Any three vectors, the second within less than its length of the third."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 5))
    g, direction, error = rng.standard_normal((3, d))
    # small, or nearly the whole length, where the sine and the angle part
    near = float(rng.uniform(0, 1)) ** 2 if seed % 2 else 1 - float(rng.uniform(0, 1)) ** 6
    if seed % 3 == 0:
        error -= (error @ g) / (g @ g) * g + near * g * np.linalg.norm(error) / np.linalg.norm(g)  # towards the tangent
    error *= near * np.linalg.norm(g) / np.linalg.norm(error)
    one, two, three = ((v / np.linalg.norm(v)) for v in (g + error, g, direction))
    distances = [float(np.linalg.norm(v)) for v in (one - three, two - three, one - two)]
    return {
        far_n: distances[0], far: distances[1], apart: distances[2], b.off: near,
        b.gamma: distances[1] ** 2 / 2, b.gamma_n: distances[0] ** 2 / 2,
    }  # fmt: skip


def _measured(symbol: sp.Symbol, says: str, read: Callable[[Instance], float]) -> Quantity:
    def found(run: Run) -> Measured:
        value = read(run.instance)
        return Measured(value, 1e-10 * abs(value))

    return Quantity(symbol, says, found)


_SPREAD = of_claim(
    b.BATCH, "spread",
    sampled("variance", "the mean of n independent g has E|G_n - G|^2 = (E|g|^2 - |G|^2)/n", Bound(b.spread, square / b.n), _sizes),
    sampled("gate", "|g| is |x| or 0", Bound(square, b.B_2), _sizes, f"{GIVEN}labels"),
    combine("over n", "over the batch", Bound(square / b.n, b.SPREAD), {"gate": 1 / b.n}),
    combine("together", "one after the other", _CLAIMS["spread"], {"variance": 1, "over n": 1}),
    chain=("variance", "over n"), quantities=(_measured(square, "largest E|g|^2 of one sample's gradient g", _square),),
)  # fmt: skip
_SUM = sp.sqrt(2) * sp.sqrt(b.gamma) + sp.sqrt(2) * b.off
_DIRECTION = of_claim(
    b.BATCH, "direction",
    sampled("angle", "a vector that is off by zeta of its length turns by an angle whose sine is at most zeta", Bound(apart, sp.sqrt(2) * b.off), _angles, f"{GIVEN}near"),
    sampled("gamma", "|u - v|^2 = 2 (1 - cos) for unit vectors: G and D", Bound(far, sp.sqrt(2) * sp.sqrt(b.gamma)), _angles),
    apply("triangle", "from G_n to D by way of G", textbook.TRIANGLE.lemma, {textbook.both: far_n, textbook.first: far, textbook.second: apart}, {}),
    combine("distance", "added", Bound(far_n, _SUM), {"triangle": 1, "gamma": 1, "angle": 1}),
    monotone("squared", "squared", Bound(far_n**2, _SUM**2), "distance", sp.Lambda(_y, _y**2)),
    sampled("gamma_n", "the same for G_n and D", Bound(b.gamma_n, far_n**2 / 2), _angles),
    combine("together", "half of it", _CLAIMS["direction"], {"gamma_n": 1, "squared": sp.Rational(1, 2), REST: b.TAU}),
)  # fmt: skip


def _total(own: Instance) -> float:
    """Sum over the neurons of |G_n - G|^2, on the batch of this draw."""
    given = own.parameters
    gates = (own.inputs @ own.weights.T - s.biases_of(own) > 0).astype(float)
    rows = own.labels[:, None] * own.inputs
    drawn = np.random.default_rng([int(given["seed"]), int(given["draw"]), 127]).multinomial(int(given["samples"]), np.full(own.n, 1 / own.n))  # fmt: skip
    return float(np.sum((gates.T @ (rows * (drawn / given["samples"] - 1 / own.n)[:, None])) ** 2))


def _added(seed: int) -> Mapping[sp.Symbol, float]:
    """The mean of the sum of squares, neuron by neuron, and the sum itself on one batch."""
    own = _drawn(seed)
    found, rows = b._found(own), own.labels[:, None] * own.inputs
    gates = (own.inputs @ own.weights.T - s.biases_of(own) > 0).astype(float)
    spreads = gates.T @ np.sum(rows**2, axis=1) / own.n - np.sum((gates.T @ rows / own.n) ** 2, axis=1)
    return {
        mean_total: max(float(spreads.sum() / own.parameters["samples"]), 0.0), b.spread: max(found["spread"], 0.0), b.neurons: own.m,
        total: _total(own), b.worst: found["worst"],
    }  # fmt: skip


_LENGTH, _LEVEL = f"{GIVEN}some gradient", b.zeta**2 * b.length**2
_NEAR = of_claim(
    b.BATCH, "all near",
    combine("room", "the level is positive", Bound(sp.S.Zero, _LEVEL, strict=True), {_LENGTH: b.zeta**2 * b.length}),
    apply("Markov", "for the sum over the neurons of |G_n - G|^2, at (zeta B_G)^2", textbook.MARKOV.lemma, {textbook.chance: missed, textbook.mean: mean_total, textbook.level: _LEVEL}, {"level": "room"}, _LENGTH),
    sampled("neurons", "M terms, none larger than the largest in the mean", Bound(mean_total, b.neurons * b.spread), _added),
    apply("spread", "which is at most B_2/n", of_card(b.BATCH, "spread"), {}, {"labels": f"{GIVEN}labels"}),
    combine("failure", "so one of them is far off this often at most", Bound(missed, b.FAILURE), {"Markov": 1, "neurons": 1 / _LEVEL, "spread": b.neurons / _LEVEL, _LENGTH: 0}),
    sampled("one", "of the terms is at most their sum", Bound(b.worst**2, total), _added),
    combine("square", "on the event", Bound(b.worst**2, _LEVEL), {"one": 1, f"{EVENT}sum": 1}),
    monotone("together", "its root", _CLAIMS["all near"], "square", sp.Lambda(_y, sp.sqrt(_y))),
    chain=("together",), events=(Event("sum", Bound(total, _LEVEL), missed),), failure="failure",
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (_SPREAD, _NEAR, _DIRECTION)
