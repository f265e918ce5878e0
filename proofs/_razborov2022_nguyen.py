"""Proof of Nguyen's theorem for two layers (razborov2022, section 3.6, errata I6 and B16): both layers at one rate.

The path is measured in the norm max(|W_1|/l_2, |w_2|/l_1), l_1 and l_2 what the layers stay within. While it is no longer than
g, the layers stay there and features keep half of alpha_0; then a step takes (5/16) eta alpha_0^2 of the loss, and the path is
at most (2/5) g. Symbols with a ``w`` are about that while (a little more, by any epsilon).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import Proof, of_card
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems import core
from theorycheck.theorems.razborov2022 import nguyen_card as c
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.certificates import guess

#: what the layers stay within, and their norms at time 0
l_1, l_2 = sp.symbols("l_1 l_2", real=True)
s_1, s_2 = sp.symbols("s_1 s_2", nonnegative=True)
#: how far the layers and the features are from their start, their norms, the n-th singular value of the features
x, z, D, n_1, n_2, k = sp.symbols("x_w z_w D_w n_1w n_2w k_w", nonnegative=True)
#: over |r|: |F'r|^2, the change of the output by the first layer, and all of it; what a step takes off, also per length
e_1, e_2, e_3, g, g_w, h, h_w, length, L_w = sp.symbols("e_1 e_2 e_3 g g_w h h_w L_T L_w", nonnegative=True)
epsilon = sp.Symbol("epsilon", positive=True)
_y = sp.Symbol("y", nonnegative=True)
A, X, rate = c.alpha_0, o.X_F, t.eta_W
G = c.G
GAIN, SPEED, PATH = 5 * rate * A**2 / 16, 5 * A**2 / (32 * X), 2 * G / 5
_SIZE = l_1**2 + l_2**2

_CARD = {part.label: part.bound for part in c.NGUYEN.assumptions}
_READ = {c.WITHIN_1: l_1, c.WITHIN_2: l_2}
MODEL = ("ReLU", "one rate", "no scale")
PREMISES: Mapping[str, Bound] = {
    **{name: _CARD[name] for name in MODEL},
    "l_1": Bound(sp.S.Zero, l_1), "l_2": Bound(sp.S.Zero, l_2), "first": Bound(s_1 + G * l_2, l_1), "last": Bound(s_2 + G * l_1, l_2),
    **{name: Bound(_CARD[name].lhs.subs(_READ), _CARD[name].rhs.subs(_READ)) for name in ("N2", "N3", "N4")},
}  # fmt: skip


def _network(seed: int) -> dict[sp.Symbol, float]:
    """One step of a random network, often of one neuron or one sample: what it was and what it became, over |r|."""
    rng = np.random.default_rng(seed)
    n, d, m = (1, 1, 1) if seed % 4 == 0 else rng.integers(1, 5, 3)
    inputs, first, last = rng.standard_normal((n, d)), rng.standard_normal((d, m)), rng.standard_normal(m)
    if seed % 2:
        last *= 1e-3
    step = 10 ** rng.uniform(-3, 0) / (np.linalg.norm(inputs) ** 2 * (np.linalg.norm(first, 2) ** 2 + last @ last))
    values, residual = np.maximum(inputs @ first, 0), rng.standard_normal(n)
    if seed % 3 == 0:  # a network with an output of its own: labels 0
        residual = values @ last
    later = first - step * inputs.T @ (np.outer(residual, last) * (inputs @ first > 0))
    after = last - step * values.T @ residual
    moved = np.maximum(inputs @ later, 0)
    size, change = np.linalg.norm(residual), moved @ after - values @ last
    if size == 0:
        size = np.nan
    within = [
        max(np.linalg.norm(one, 2), np.linalg.norm(two, 2))
        for one, two in ((first, later), (last[:, None], after[:, None]))
    ]
    left = np.linalg.norm(residual + change)
    taken = 1 - (left / size) ** 2
    far = max(np.linalg.norm(later - first, 2) / within[1], np.linalg.norm(after - last) / within[0])
    return {
        rate: step, X: np.linalg.norm(inputs), n_1: within[0], n_2: within[1], e_1: np.sum((values.T @ residual) ** 2) / size**2,
        e_2: np.linalg.norm((moved - values) @ after) / size, e_3: np.linalg.norm(change) / size, g_w: taken,
        D: np.linalg.norm(moved - values, 2), x: np.linalg.norm(later - first, 2),
        k: np.linalg.svd(values, compute_uv=False)[-1] if m >= n else 0.0, s_1: np.linalg.norm(first, 2),
        # a path of this step alone, where it takes something off
        h_w: (size - left) / far if taken > 0 < far else np.nan, A: np.sqrt(max(taken, 0) * 16 / (5 * step)) * rng.choice([1, 0.9]),
    }  # fmt: skip


def _singular(seed: int) -> Mapping[sp.Symbol, float]:
    found = _network(seed)
    return {A: found[k], X: found[X], s_1: found[s_1]}


def _polygon(seed: int) -> Mapping[sp.Symbol, float]:
    """Steps of two layers in the norm max(|W_1|/l_2, |w_2|/l_1)."""
    rng = np.random.default_rng(seed)
    within, steps = rng.exponential(1, 2), rng.standard_normal((2, 5, 3))
    if seed % 2:
        steps[:, 1:] = np.abs(rng.standard_normal((2, 4, 1))) * steps[:, :1]
    far = np.linalg.norm(steps, axis=2)
    return {
        l_1: within[0], l_2: within[1], length: np.maximum(far[0] / within[1], far[1] / within[0]).sum(),
        x: np.linalg.norm(steps[0].sum(axis=0)), z: np.linalg.norm(steps[1].sum(axis=0)),
    }  # fmt: skip


def lemma(name: str, premises: Mapping[str, Bound], *steps: Step) -> Proof:
    goal = steps[-1].bound
    known = frozenset().union(*(one.symbols for one in premises.values()), goal.symbols)
    return Proof(f"razborov2022 Nguyen, {name}", goal, premises, known, steps)


_WITHIN = {"l_1": Bound(sp.S.Zero, l_1), "l_2": Bound(sp.S.Zero, l_2)}
MOVED = {
    layer: lemma(f"{name} layer moves", _WITHIN, sampled("polygon", "at most its size times the length", Bound(layer, size * length), _polygon, "l_1", "l_2"))
    for layer, size, name in ((x, l_2, "first"), (z, l_1, "last"))
}  # fmt: skip


def _norm(label: str, at: sp.Symbol, start: sp.Symbol, moved: sp.Symbol) -> Step:
    return apply(label, "norms", textbook.TRIANGLE.lemma, {textbook.both: at, textbook.first: start, textbook.second: moved}, {})  # fmt: skip


def _near(at: sp.Expr) -> tuple[Step, ...]:
    """Steps to how far the layers are while the path is no longer than ``at``."""
    using = {"l_1": "l_1", "l_2": "l_2"}
    return (
        apply("first moves", "while the path is no longer than that", MOVED[x].lemma, {length: at}, using),
        apply("last moves", "the other layer", MOVED[z].lemma, {length: at}, using),
        _norm("norm of the first", n_1, s_1, x), _norm("norm of the last", n_2, s_2, z),
    )  # fmt: skip


def _kept(times: sp.Expr) -> tuple[Step, ...]:
    """Steps to ``alpha_0/2 <= k``, where the first layer moves ``times g l_2``."""
    return (
        sampled("features move", "|F - F_0|_F <= |X|_F |W_1 - W_10|: ReLU is 1-Lipschitz", Bound(D, X * x), _network, "ReLU"),
        apply("Weyl", "singular values move no further", of_card(core.WEYL, "singular value"), {core.least_start: A, core.least_end: k, core.jump: D}, {}),
        combine("half", "half of alpha_0 is left (N2)", Bound(A / 2, k), {"Weyl": 1, "features move": 1, "first moves": X, "N2": A * times / 2, REST: A * (1 - times) / 2}),
    )  # fmt: skip


#: X and l_1 are positive, and the second part of N4
_POSITIVE = (
    sampled("ends", "alpha_0 <= |F_0|_F <= |X|_F |W_10|", Bound(A, X * s_1), _singular, "ReLU"),
    combine("neither is 0", "as alpha_0 is not", Bound(sp.S.Zero, X * s_1, strict=True), {"ends": 1, REST: A}),
    combine("l_1 positive", "so l_1 is positive", Bound(sp.S.Zero, l_1, strict=True), {"neither is 0": 1 / X, "first": 1, REST: G * l_2, "l_2": 0}),
)  # fmt: skip
_SURE = {"neither is 0": 0, "l_1 positive": 0, "l_2": 0}
_STEP = combine(
    "step", "the second part of N4", Bound(rate, l_2**2 / (X**2 * _SIZE**2)), {"N4": 1, REST: l_2**2 / (X**2 * _SIZE**2) - PREMISES["N4"].rhs, **_SURE}
)  # fmt: skip
_r, _d = sp.symbols("r_1:3", real=True), sp.symbols("d_1:3", real=True)
_INSIDE = (
    *_near(G),
    combine("first within", "the first layer is within l_1", Bound(n_1, l_1), {"norm of the first": 1, "first moves": 1, "first": 1}),
    combine("last within", "the last layer is within l_2", Bound(n_2, l_2), {"norm of the last": 1, "last moves": 1, "last": 1}),
)  # fmt: skip
STEP = lemma(
    "a step", PREMISES, *_INSIDE, *_POSITIVE, _STEP, *_kept(sp.S.One),
    monotone("half squared", "squared", Bound(A**2 / 4, k**2), "half", sp.Lambda(_y, _y**2)),
    sampled("gradient", "|F'r|^2 >= sigma_n(F)^2 |r|^2", Bound(k**2, e_1), _network),
    monotone("first squared", "squared", Bound(n_1**2, l_1**2), "first within", sp.Lambda(_y, _y**2), "l_1"),
    monotone("last squared", "squared", Bound(n_2**2, l_2**2), "last within", sp.Lambda(_y, _y**2), "l_2"),
    sampled("by the first layer", "(F_+ - F) w_+: eta |X|_F^2 |w_2| |w_2+| |r| at most", Bound(e_2, rate * X**2 * n_2**2), _network, *MODEL),
    sampled("by both", "and F (w_+ - w): eta |F|^2 |r| at most, |F| <= |X|_F |W_1|", Bound(e_3, rate * X**2 * (n_1**2 + n_2**2)), _network, *MODEL),
    combine("both", "within l_1 and l_2", Bound(e_3, rate * X**2 * _SIZE), {"by both": 1, "first squared": rate * X**2, "last squared": rate * X**2}),
    monotone("both squared", "squared", Bound(e_3**2, (rate * X**2 * _SIZE) ** 2), "both", sp.Lambda(_y, _y**2), "l_1", "l_2"),
    identity("expanded", "|r + d|^2 = |r|^2 + 2 r.d + |d|^2, d: what the output moves, r.d = -eta |F'r|^2 + r.(F_+ - F) w_+",
        sum((a + b) ** 2 for a, b in zip(_r, _d, strict=True)), sum(a**2 + 2 * a * b + b**2 for a, b in zip(_r, _d, strict=True))),
    sampled("loss", "so a step takes at least that share", Bound(2 * rate * e_1 - 2 * e_2 - e_3**2, g_w), _network, "expanded"),
    combine("together", "1/2 - 3/16 = 5/16, by N3", Bound(GAIN, g_w), {
        "loss": 1, "gradient": 2 * rate, "half squared": 2 * rate, "by the first layer": 2, "last squared": 2 * rate * X**2,
        "both squared": 1, "step": rate * X**4 * _SIZE**2, "N3": 3 * rate * A**2 / 16, **_SURE}),
)  # fmt: skip

FALL = lemma(
    "fall", {**PREMISES, "gain": Bound(GAIN, g_w)}, *_INSIDE,
    sampled("fall", "|r| - |r_+| >= |r| g/2, and a step is at most eta |X|_F |r| long", Bound(SPEED, h_w), _network, "gain", "first within", "last within", *MODEL),
)  # fmt: skip


ENDS = lemma("neither inputs nor weights are 0", {"ReLU": _CARD["ReLU"]}, *_POSITIVE[:2])


def _travelled(seed: int) -> Mapping[sp.Symbol, float]:
    """Residuals that fall by at least as much per length as is said, often by no more; the last step in part."""
    rng = np.random.default_rng(seed)
    values = {X: rng.exponential(1), A: rng.exponential(1)}
    least = guess(SPEED, values)
    lengths = rng.exponential(1, 6)
    falls = lengths * least * (1 + rng.exponential(1, 6) * (rng.random(6) < 0.3))
    left = rng.choice([0.0, rng.exponential(1)])
    whole = lengths.sum() + left / least * rng.choice([1, rng.random()])
    return {**values, length: whole, h: (falls / lengths).min(), t.r_0: falls.sum() + left}


LENGTH = lemma(
    "length", {**PREMISES, "fall": Bound(SPEED, h)}, *_POSITIVE, _STEP,
    combine("least", "alpha_0 <= |X|_F l_1", Bound(A, X * l_1), {"ends": 1, "first": X, REST: X * G * l_2, "l_2": 0}),
    monotone("least squared", "squared", Bound(A**2, X**2 * l_1**2), "least", sp.Lambda(_y, _y**2), "l_1"),
    combine("small step", "eta alpha_0^2 <= 1/4, by 4 l_1^2 l_2^2 <= (l_1^2 + l_2^2)^2", Bound(rate * A**2, sp.Rational(1, 4)), {
        "least squared": rate, "step": X**2 * l_1**2, REST: (l_1**2 - l_2**2) ** 2 / (4 * _SIZE**2), **_SURE}),
    combine("last step", "so a step is at most |r| over the speed", Bound(rate * X * SPEED, sp.S.One), {"small step": sp.Rational(5, 32), REST: 1 - sp.Rational(5, 128), **_SURE}),
    sampled("length", "all steps added up are at most (|r_0| - |r_t|)/h, and the one under way at most |r_t| over the speed", Bound(length, PATH), _travelled, "fall", "last step"),
)  # fmt: skip

_ENDS = {**PREMISES, "length": Bound(length, PATH)}
FIRST = lemma("first layer", _ENDS, *_near(length)[::2], combine("together", "two fifths of what it may", Bound(n_1, l_1), {"norm of the first": 1, "first moves": 1, "length": l_2, "first": 1, REST: 3 * G * l_2 / 5, "l_2": 0}))  # fmt: skip
LAST = lemma("last layer", _ENDS, *_near(length)[1::2], combine("together", "two fifths of what it may", Bound(n_2, l_2), {"norm of the last": 1, "last moves": 1, "length": l_1, "last": 1, REST: 3 * G * l_1 / 5, "l_1": 0}))  # fmt: skip
_SHORT = combine("shorter", "two fifths of g", Bound(x, PATH * l_2), {"first moves": 1, "length": l_2, "l_2": 0})
FEATURES = lemma(
    "features", _ENDS, _near(length)[0], *_kept(sp.Rational(2, 5))[:2], _SHORT,
    combine("half", "more than half of alpha_0 is left (N2)", Bound(A / 2, k), {"Weyl": 1, "features move": 1, "shorter": X, "N2": A / 5, REST: 3 * A / 10}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (*MOVED.values(), ENDS, STEP, FALL, LENGTH, FIRST, LAST, FEATURES)

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
