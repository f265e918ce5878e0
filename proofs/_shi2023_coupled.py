"""Proofs of R8.3 (shi2023): online convex optimisation in the output weights, while the first layer moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import LOSSES, State, descend
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import apply, combine, monotone, sampled
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import coupled as c

#: mean loss of a~ on the moving first layer; mean of <grad_a, a_t - a~>; largest |a_t| + |W_t|_F + |b|/B_1
kept, largest = sp.symbols("L_kept S_max", nonnegative=True)
regret = sp.Symbol("regret", real=True)
_CLAIMS = {claim.label: claim.bound for claim in c.COUPLED.claims}
_SHORT = f"{GIVEN}short"
_FAR = c.apart**2 / (2 * c.eta * c.steps) + c.eta / 2 * c.slope_squared


@lru_cache(maxsize=256)
def _run(instance: Instance) -> Mapping[sp.Symbol, float]:
    """Everything that the steps speak of, along a descent."""
    given, other = instance.parameters, c.comparator(instance)
    rule, start = LOSSES[c.LOSSES[int(given["loss"])]], instance.network.weights
    b_1 = float(np.mean(np.linalg.norm(instance.inputs, axis=1)))
    shift = float(np.linalg.norm(instance.biases)) / b_1 if b_1 else 0.0  # type: ignore[arg-type]

    def heights(state: State) -> np.ndarray:
        return np.maximum(state.network.inputs @ state.network.weights.T + state.network.shift, 0.0)

    def with_other(state: State) -> float:
        return rule.value((heights(state) @ other)[:, None], instance.labels[:, None]) / instance.n

    def apart(state: State) -> float:
        gradient = -(heights(state).T @ state.residual)[:, 0] / instance.n
        return float(gradient @ (state.network.outer[:, 0] - other))

    def size(state: State) -> float:
        return float(np.linalg.norm(state.network.outer) + np.linalg.norm(state.network.weights)) + shift

    def away(state: State) -> float:
        return float(np.linalg.norm(state.network.weights - start))

    count = int(given["T"])
    found = descend(
        instance, step=given["eta"], steps=count - 1, loss=c.LOSSES[int(given["loss"])], mean=True, record=range(count),
        quantities={"kept": with_other, "apart": apart, "size": size, "away": away, "slope": c.gradient_of_outer},
    )  # fmt: skip
    seen = {name: np.asarray(values) for name, values in found.quantities.items()}
    loss, norm, distance = c._compared(instance)
    return {
        kept: seen["kept"].mean(), regret: seen["apart"].mean(), largest: seen["size"].max(), c.mean_loss: found.loss.mean(),
        c.moved: seen["away"].mean(), c.moved_most: seen["away"].max(), c.slope_squared: (seen["slope"] ** 2).mean(),
        c.slope_most: seen["slope"].max(), c.other_loss: loss, c.other: norm, c.apart: distance, c.B_1: b_1, c.eta: given["eta"],
        c.steps: given["T"], c.start: float(np.linalg.norm(instance.signs)), c.first_layer: float(np.linalg.norm(instance.weights)),
        c.biases: shift * b_1,
    }  # fmt: skip


@lru_cache(maxsize=64)
def _hard(seed: int) -> Mapping[sp.Symbol, float]:
    """Small networks, short and long steps, few and many of them; the trap of the card among them, and descents to a~ itself."""
    rng = np.random.default_rng(seed)
    plan = {
        "loss": ("hinge", "logistic")[seed % 2], "bias": float(rng.choice([0.0, -0.5, 0.5])), "comparator": seed % 3,
        "eta": float(10 ** rng.uniform(-4, 0.5)), "steps": int(rng.integers(1, 12)), "m": int(rng.integers(1, 6)),
        "first": float(10 ** rng.uniform(-2, 0.5)), "outer": float(10 ** rng.uniform(-1, 1.5)), "seed": seed,
    }  # fmt: skip
    if seed % 6 == 5:
        # one neuron, one sample with the label -1: the output weight falls from 1 to about 0, which is a~
        aimed = {**plan, "m": 1, "comparator": 1, "eta": 1 / plan["steps"], "bias": 0.0}
        made = c._made(np.ones((1, 1)), np.array([-1.0]), {**aimed, "kind": "aimed"})
        return _run(replace(made, weights=np.array([[float(rng.uniform(0.5, 1.5))]]), signs=np.ones(1)))
    return _run(c._hard(("sphere", "gaussian", "trap", "duplicate")[seed % 4], int(rng.integers(1, 6)), plan))


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = float(_run(run.instance)[symbol])
        return Measured(value, 1e-10 * abs(value) + 1e-12)

    return Quantity(symbol, says, read)


_QUANTITIES = (
    _measure(kept, "mean loss of a~ on the moving first layer"),
    _measure(regret, "mean of <grad_a L, a_t - a~>"),
    _measure(largest, "largest |a_t| + |W_t|_F + |b|/B_1"),
)

COUPLED = of_claim(
    c.COUPLED, "coupled",
    sampled("convex", "L is convex in a: L(a_t) - L(a~) <= <grad_a, a_t - a~>, on the moving first layer", Bound(c.mean_loss, kept + regret), _hard),
    sampled("Lipschitz", "l is 1-Lipschitz and so is max(., 0): |L(a~, W_t) - L(a~, W_1)| <= |a~| E|x| |W_t - W_1|_F", Bound(kept, c.other_loss + c.COUPLING), _hard),
    sampled("telescoped", "2 eta <grad_a, a_t - a~> = |a_t - a~|^2 - |a_(t+1) - a~|^2 + eta^2 |grad_a|^2, summed over t; the last square is dropped", Bound(regret, _FAR), _hard),
    combine("both", "added", Bound(kept + regret, c.BOUND), {"Lipschitz": 1, "telescoped": 1}),
    combine("together", "one after the other", _CLAIMS["coupled"], {"convex": 1, "both": 1}),
    chain=("convex", "both"), quantities=_QUANTITIES[:2],
)  # fmt: skip

_x, _y = sp.Symbol("x", positive=True), sp.Symbol("y", real=True)
_GROWN = (1 + c.eta * c.B_1) ** c.steps
_LONG = sp.exp(c.eta * c.B_1 * c.steps)
_GROWTH = (
    sampled("growth", "a step makes |a_t| + |W_t|_F + |b|/B_1 larger by a factor 1 + eta B_1 at most", Bound(largest, _GROWN * c.SIZE), _hard),
    apply("one step", "1 + eta B_1 <= exp(eta B_1)", textbook.EXPONENTIAL.lemma, {textbook.x: c.eta * c.B_1}, {}),
    monotone("all steps", "T times", Bound(_GROWN, _LONG), "one step", sp.Lambda(_x, _x**c.steps)),
    monotone("short time", "which is e at most", Bound(_LONG, sp.E), _SHORT, sp.Lambda(_y, sp.exp(_y))),
    combine("at most e", "together", Bound(largest, sp.E * c.SIZE), {"growth": 1, "all steps": c.SIZE, "short time": c.SIZE}),
)  # fmt: skip
_WALK = c.eta * c.steps * c.B_1
MOVEMENT = of_claim(
    c.COUPLED, "movement", *_GROWTH,
    sampled("steps", "each of at most T steps moves the first layer by eta B_1 |a_t| at most, for l and max(., 0) are 1-Lipschitz", Bound(c.moved_most, _WALK * largest), _hard),
    combine("grown", "times eta T B_1", Bound(_WALK * largest, c.MOVED), {"at most e": _WALK}),
    combine("together", "one after the other", _CLAIMS["movement"], {"steps": 1, "grown": 1}),
    chain=("steps", "grown"), quantities=_QUANTITIES[2:],
)  # fmt: skip
SLOPE = of_claim(
    c.COUPLED, "slope", *_GROWTH,
    sampled("gradient", "|grad_a| <= B_1 |W_t|_F + |b|", Bound(c.slope_most, c.B_1 * largest), _hard),
    combine("grown", "times B_1", Bound(c.B_1 * largest, c.SLOPE), {"at most e": c.B_1}),
    combine("together", "one after the other", _CLAIMS["slope"], {"gradient": 1, "grown": 1}),
    chain=("gradient", "grown"), quantities=_QUANTITIES[2:],
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (COUPLED, MOVEMENT, SLOPE)
