"""Proofs of R1 (shi2023): the first step, with what a start that misses its symmetry and a decay that is not 1/eta would add."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import numpy as np
import sympy as sp

from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import first_step as r1
from theorycheck.theorems.shi2023 import setting as s

#: |W_0|, |a_0|, largest |f| at the start, and how fast the two gradients change with f
before, before_a, output, rate, rate_a = sp.symbols("|W_0| |a_0| f_0 K_W K_a", nonnegative=True)
#: what |f| is at most, over the start's asymmetry
asymmetry = sp.Symbol("K_0", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in r1.FIRST_STEP.claims}
_SYMMETRIC, _FORGETS, _NO_MORE, _KINK = (f"{GIVEN}{part.label}" for part in r1.FIRST_STEP.assumptions)
_TYPES = [(neuron, kind) for neuron in range(4) for kind in ("a", "h")]


@lru_cache(maxsize=128)
def _found(own: Instance) -> Mapping[sp.Symbol, float]:
    """Everything that the steps speak of, for any start."""
    heights = np.maximum(own.inputs @ own.weights.T - s.biases_of(own), 0.0)
    norms, values = np.linalg.norm(own.inputs, axis=1), np.abs(heights @ own.signs)
    quarter = own.m // 4
    longest = float(norms.max())
    tall = float(heights.sum(axis=1).max())
    run = Run(own)
    read = {part.symbol: float(part.measure(run).value) for part in r1.FIRST_STEP.quantities}
    return read | {
        before: float(np.linalg.norm(own.weights)), before_a: float(np.linalg.norm(own.signs)), output: float(values.max()),
        rate: float(np.linalg.norm(own.signs) * norms.mean()), rate_a: float(np.mean(np.linalg.norm(heights, axis=1))),
        # an entry off by U_0 moves a height by (|x|_1 + 1) U_0 <= (sqrt d |x| + 1) U_0
        asymmetry: tall + 2 * float(np.abs(own.signs[:quarter]).sum()) * (own.d**0.5 * longest + 1),
    }  # fmt: skip


@lru_cache(maxsize=128)
def _any_start(seed: int) -> Mapping[sp.Symbol, float]:
    """A start that may miss its symmetry, by little or by much, and a decay that may be above 1/eta."""
    rng = np.random.default_rng(seed)
    plan = {"loss": r1.LOSSES[seed % 2], "bias": float(rng.choice([0.3, 0, 3, -0.5])), "eta": float(10 ** rng.uniform(-2, 1)), "m": int(rng.integers(1, 4)), "seed": seed, "forgotten": 1.0 + float(rng.exponential(1)) * (seed % 3 == 0)}  # fmt: skip
    inputs = rng.standard_normal((int(rng.integers(1, 6)), int(rng.integers(1, 4)))) * 10 ** rng.uniform(-1, 1)
    made = r1._made(inputs, rng.choice([-1.0, 1.0], len(inputs)), plan, {})
    size = float(10 ** rng.uniform(-4, 0.5))

    def shaken(values: np.ndarray) -> np.ndarray:
        return np.asarray(values + size * rng.uniform(-1, 1, values.shape))

    parts = shaken(made.weights), shaken(made.signs), shaken(s.biases_of(made))
    return _found(s.network(inputs, made.labels, *parts, parameters=made.parameters))


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = _found(run.instance)[symbol]
        return Measured(value, 1e-12 * abs(value))

    return Quantity(symbol, says, read)


def _signs() -> Step:
    """The output of four neurons, of which three miss the pattern: what is left is what they miss it by."""
    (a, h), missed = sp.symbols("a h", real=True), dict(zip(_TYPES, sp.symbols("e_1:9", real=True), strict=True))
    down = sp.Symbol("h_m", real=True)
    parts = ((a, h), (-a, h), (-a, down), (a, down))
    whole = sum((value + missed[i, "a"]) * (height + missed[i, "h"]) for i, (value, height) in enumerate(parts))
    left = sum(value * missed[i, "h"] + missed[i, "a"] * (height + missed[i, "h"]) for i, (value, height) in enumerate(parts))  # fmt: skip
    return identity("quadruple", "a neuron and its three copies, off by e_i in output weights and heights, add up to what is linear in e_i", whole, left)  # fmt: skip


#: the logistic loss has slopes in [-1, 0], -1/2 at 0, and they change no faster than z
_z = sp.Symbol("z", real=True)
_LOGISTIC = s.LOSS["logistic"].subs(dict.fromkeys(s.LOSS["logistic"].free_symbols, _z))
_QUADRUPLE = _signs()
_SLOPES = (
    identity("slope", "of the logistic loss: -c_0 = -1/2 at output 0, at most 1 in size", sp.diff(_LOGISTIC, _z), -1 / (1 + sp.exp(_z))),
    combine("slopes", "and it changes by at most |z|", Bound(sp.exp(_z) / (1 + sp.exp(_z)) ** 2, sp.S.One), {REST: (1 + sp.exp(_z) + sp.exp(2 * _z)) / (1 + sp.exp(_z)) ** 2}),
)  # fmt: skip
_NAMES = tuple(step.label for step in _SLOPES)


def _proof(label: str, along: bool, outer: bool) -> Proof:
    """One of the four claims: what is moved is eta c_0 times the prediction, up to what the premises say is 0."""
    size, start, change = (r1.size_a, before_a, rate_a) if outer else (r1.size, before, rate)
    predicted = r1.eta * r1.slope * size
    stray = (r1.forgotten - 1) * start + r1.eta * change * output
    moved = {(True, False): r1.moved_along, (False, False): r1.moved, (True, True): r1.moved_a_along, (False, True): r1.moved_a}[along, outer]  # fmt: skip
    step = Bound(predicted - stray, moved) if along else Bound(moved, predicted + stray)
    sides = (_CLAIMS[label].lhs, step.lhs) if along else (step.rhs, _CLAIMS[label].rhs)
    names = (_NAMES, ("bounded", "step")) if along else (_NAMES, ("step", "bounded"))
    return of_claim(
        r1.FIRST_STEP, label, _QUADRUPLE, *_SLOPES,
        sampled("output", "so the output is at most this much off 0", Bound(output, asymmetry * r1.unpaired), _any_start, _QUADRUPLE.label),
        combine("silent", "and a symmetric start is silent", Bound(output, sp.S.Zero), {"output": 1, _SYMMETRIC: asymmetry}),
        sampled("step", "w - eta (grad + lambda w), where y l'(y f) is -c_0 y up to |f| (l' is 1-Lipschitz where |f| < 1, and at most 1)", step, _any_start, _FORGETS, _KINK, *_NAMES),
        combine("forgotten", "nothing of the start is left", Bound(stray, sp.S.Zero), {_NO_MORE: start, "silent": r1.eta * change}),
        combine("bounded", "so that is all", Bound(*sides), {"forgotten": 1, REST: r1.TAU * predicted}),
        combine("together", "one after the other", _CLAIMS[label], dict.fromkeys(names[1], 1)),
        chain=names[1], quantities=(_measure(start, "norm of the layer at the start"), _measure(output, "largest |f| at the start"), _measure(change, "change of the gradient with f")),
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = tuple(
    _proof(f"{'outer ' * outer}{'along' if along else 'whole'}", along, outer)
    for outer, along in product((False, True), (True, False))
)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
