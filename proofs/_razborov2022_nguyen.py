"""Proof of Nguyen's theorem for two layers (razborov2022, section 3.6, errata I6 and B16): both layers at one rate.

The path is measured in the norm max(|W_1|/l_2, |w_2|/l_1), l_1 and l_2 what the layers stay within. While it is no longer than
g, the layers stay there and features keep half of alpha_0; then a step takes (5/16) eta alpha_0^2 of the loss, and the path is
at most (2/5) g. Symbols with a ``w`` are about that while (a little more, by any epsilon).
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as descent
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems import core
from theorycheck.theorems.razborov2022 import nguyen_card as c
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.r1_descent import fallen

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
_MODEL = ("ReLU", "one rate", "no scale")
PREMISES: Mapping[str, Bound] = {
    **{name: _CARD[name] for name in _MODEL},
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
    far = max(np.linalg.norm(later - first) / within[1], np.linalg.norm(after - last) / within[0])
    return {
        rate: step, X: np.linalg.norm(inputs), n_1: within[0], n_2: within[1], e_1: np.sum((values.T @ residual) ** 2) / size**2,
        e_2: np.linalg.norm((moved - values) @ after) / size, e_3: np.linalg.norm(change) / size, g_w: taken,
        D: np.linalg.norm(moved - values, 2), x: np.linalg.norm(later - first),
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


def _lemma(name: str, premises: Mapping[str, Bound], *steps: Step) -> Proof:
    goal = steps[-1].bound
    known = frozenset().union(*(one.symbols for one in premises.values()), goal.symbols)
    return Proof(f"razborov2022 Nguyen, {name}", goal, premises, known, steps)


_WITHIN = {"l_1": Bound(sp.S.Zero, l_1), "l_2": Bound(sp.S.Zero, l_2)}
MOVED = {
    layer: _lemma(f"{name} layer moves", _WITHIN, sampled("polygon", "at most its size times the length", Bound(layer, size * length), _polygon, "l_1", "l_2"))
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
        sampled("features move", "|F - F_0| <= |X|_F |W_1 - W_10|: ReLU is 1-Lipschitz", Bound(D, X * x), _network, "ReLU"),
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
STEP = _lemma(
    "a step", PREMISES, *_INSIDE, *_POSITIVE, _STEP, *_kept(sp.S.One),
    monotone("half squared", "squared", Bound(A**2 / 4, k**2), "half", sp.Lambda(_y, _y**2)),
    sampled("gradient", "|F'r|^2 >= sigma_n(F)^2 |r|^2", Bound(k**2, e_1), _network),
    monotone("first squared", "squared", Bound(n_1**2, l_1**2), "first within", sp.Lambda(_y, _y**2), "l_1"),
    monotone("last squared", "squared", Bound(n_2**2, l_2**2), "last within", sp.Lambda(_y, _y**2), "l_2"),
    sampled("by the first layer", "(F_+ - F) w_+: eta |X|_F^2 |w_2| |w_2+| |r| at most", Bound(e_2, rate * X**2 * n_2**2), _network, *_MODEL),
    sampled("by both", "and F (w_+ - w): eta |F|^2 |r| at most, |F| <= |X|_F |W_1|", Bound(e_3, rate * X**2 * (n_1**2 + n_2**2)), _network, *_MODEL),
    combine("both", "within l_1 and l_2", Bound(e_3, rate * X**2 * _SIZE), {"by both": 1, "first squared": rate * X**2, "last squared": rate * X**2}),
    monotone("both squared", "squared", Bound(e_3**2, (rate * X**2 * _SIZE) ** 2), "both", sp.Lambda(_y, _y**2), "l_1", "l_2"),
    identity("expanded", "|r + d|^2 = |r|^2 + 2 r.d + |d|^2, d: what the output moves, r.d = -eta |F'r|^2 + r.(F_+ - F) w_+",
        sum((a + b) ** 2 for a, b in zip(_r, _d, strict=True)), sum(a**2 + 2 * a * b + b**2 for a, b in zip(_r, _d, strict=True))),
    sampled("loss", "so a step takes at least that share", Bound(2 * rate * e_1 - 2 * e_2 - e_3**2, g_w), _network, "expanded"),
    combine("together", "1/2 - 3/16 = 5/16, by N3", Bound(GAIN, g_w), {
        "loss": 1, "gradient": 2 * rate, "half squared": 2 * rate, "by the first layer": 2, "last squared": 2 * rate * X**2,
        "both squared": 1, "step": rate * X**4 * _SIZE**2, "N3": 3 * rate * A**2 / 16, **_SURE}),
)  # fmt: skip

FALL = _lemma(
    "fall", {**PREMISES, "gain": Bound(GAIN, g_w)}, *_INSIDE,
    sampled("fall", "|r| - |r_+| >= |r| g/2, and a step is at most eta |X|_F |r| long", Bound(SPEED, h_w), _network, "gain", "first within", "last within", *_MODEL),
)  # fmt: skip


ENDS = _lemma("neither inputs nor weights are 0", {"ReLU": _CARD["ReLU"]}, *_POSITIVE[:2])


def _travelled(seed: int) -> Mapping[sp.Symbol, float]:
    """Residuals that fall by at least as much per length as is said, often by no more; the last step in part."""
    rng = np.random.default_rng(seed)
    values = {X: rng.exponential(1), A: rng.exponential(1)}
    least = float(SPEED.subs(values))
    lengths = rng.exponential(1, 6)
    falls = lengths * least * (1 + rng.exponential(1, 6) * (rng.random(6) < 0.3))
    left = rng.choice([0.0, rng.exponential(1)])
    whole = lengths.sum() + left / least * rng.choice([1, rng.random()])
    return {**values, length: whole, h: (falls / lengths).min(), t.r_0: falls.sum() + left}


LENGTH = _lemma(
    "length", {**PREMISES, "fall": Bound(SPEED, h)}, *_POSITIVE, _STEP,
    combine("least", "alpha_0 <= |X|_F l_1", Bound(A, X * l_1), {"ends": 1, "first": X, REST: X * G * l_2, "l_2": 0}),
    monotone("least squared", "squared", Bound(A**2, X**2 * l_1**2), "least", sp.Lambda(_y, _y**2), "l_1"),
    combine("small step", "eta alpha_0^2 <= 1/4, by 4 l_1^2 l_2^2 <= (l_1^2 + l_2^2)^2", Bound(rate * A**2, sp.Rational(1, 4)), {
        "least squared": rate, "step": X**2 * l_1**2, REST: (l_1**2 - l_2**2) ** 2 / (4 * _SIZE**2), **_SURE}),
    combine("last step", "so a step is at most |r| over the speed", Bound(rate * X * SPEED, sp.S.One), {"small step": sp.Rational(5, 32), REST: 1 - sp.Rational(5, 128), **_SURE}),
    sampled("length", "all steps added up are at most (|r_0| - |r_t|)/h, and the one under way at most |r_t| over the speed", Bound(length, PATH), _travelled, "fall", "last step"),
)  # fmt: skip

_ENDS = {**PREMISES, "length": Bound(length, PATH)}
FIRST = _lemma("first layer", _ENDS, *_near(length)[::2], combine("together", "two fifths of what it may", Bound(n_1, l_1), {"norm of the first": 1, "first moves": 1, "length": l_2, "first": 1, REST: 3 * G * l_2 / 5, "l_2": 0}))  # fmt: skip
LAST = _lemma("last layer", _ENDS, *_near(length)[1::2], combine("together", "two fifths of what it may", Bound(n_2, l_2), {"norm of the last": 1, "last moves": 1, "length": l_1, "last": 1, REST: 3 * G * l_1 / 5, "l_1": 0}))  # fmt: skip
_SHORT = combine("shorter", "two fifths of g", Bound(x, PATH * l_2), {"first moves": 1, "length": l_2, "l_2": 0})
FEATURES = _lemma(
    "features", _ENDS, _near(length)[0], *_kept(sp.Rational(2, 5))[:2], _SHORT,
    combine("half", "more than half of alpha_0 is left (N2)", Bound(A / 2, k), {"Weyl": 1, "features move": 1, "shorter": X, "N2": A / 5, REST: 3 * A / 10}),
)  # fmt: skip

# --- the card ----------------------------------------------------------------------------------------------

_g, _a, _b = sp.symbols("g_0 a_0 b_0", nonnegative=True)
_v = sp.Symbol("v_0", positive=True)
_PER = _g * (_b + _g * _a) / (1 + _g)
CONSTANTS = _lemma(
    "best constants", {"N1": Bound(_g, sp.S.One, strict=True)},
    define("room", "1 - g is positive", _v, 1 - _g, "N1"),
    combine("together", "C = g (b + g a)/(1 - g^2), g < 1 (errata B16)", Bound(sp.S.Zero, _a + _g * (_b + _g * _a) / (1 - _g**2)),
        {REST: _a + _PER / _v, "room": -_PER / ((1 - _g) * _v), "N1": 0}),
)  # fmt: skip
_N1 = {"N1": f"{GIVEN}N1"}
#: l_2 as the card writes it, with the denominator of (N1)
_L_2 = c.size_2 + G * (c.size_1 + G * c.size_2) / ((1 - G) * (1 + G))


def _named(seed: int) -> Mapping[sp.Symbol, float]:
    """A step that N4 allows, the largest one or less, and the best constants."""
    rng = np.random.default_rng(seed)
    at = {A: rng.exponential(1) + 0.1, X: rng.exponential(1), c.size_1: rng.exponential(1), c.size_2: rng.exponential(1) * (rng.random() < 0.8)}  # fmt: skip
    at[t.r_0] = rng.random() * 0.99 * at[A] ** 2 / (16 * at[X])
    within, size = (float(one.subs(at)) for one in (c.WITHIN_1, c.WITHIN_2)), float(c.STEP.subs(at))
    return {**at, **dict(zip((l_1, l_2), within, strict=True)), rate: size * rng.choice([1, rng.random()])}


_FIXED = (
    apply("constant of the first", "g < 1", CONSTANTS.lemma, {_g: G, _a: c.size_1, _b: c.size_2}, _N1),
    apply("constant of the last", "g < 1", CONSTANTS.lemma, {_g: G, _a: c.size_2, _b: c.size_1}, _N1),
    combine("|W_1| + C_1", "as the card writes it", Bound(sp.S.Zero, c.WITHIN_1), {"constant of the first": 1}),
    combine("|W_2| + C_2", "as the card writes it", Bound(sp.S.Zero, c.WITHIN_2), {"constant of the last": 1}),
    define("size of the first", "what the first layer stays within", l_1, c.WITHIN_1, "|W_1| + C_1"),
    define("size of the last", "what the last layer stays within", l_2, c.WITHIN_2, "|W_2| + C_2"),
    combine("l_1", "nonnegative", Bound(sp.S.Zero, l_1), {"|W_1| + C_1": 1, "size of the first": -1}),
    combine("l_2", "nonnegative", Bound(sp.S.Zero, l_2), {"|W_2| + C_2": 1, "size of the last": -1}),
    combine("first", "what C_1 is", Bound(c.size_1 + G * l_2, l_1), {"size of the first": -1, "size of the last": G}),
    combine("last", "what C_2 is", Bound(c.size_2 + G * l_1, l_2), {"size of the last": -1, "size of the first": G}),
    combine("N2", "with l_2", PREMISES["N2"], {f"{GIVEN}N2": 1, "size of the last": 32 * X**2 * t.r_0 / A**3}),
    combine("N3", "with l_2", PREMISES["N3"], {f"{GIVEN}N3": 1, "size of the last": 16 * X**2 * (_L_2 + l_2) / A**2, f"{GIVEN}N1": 0}),
    sampled("N4", "with l_1 and l_2 for what they stand for", PREMISES["N4"], _named, f"{GIVEN}N4", "size of the first", "size of the last"),
)  # fmt: skip
_USING = {name: f"{GIVEN}{name}" if name in _MODEL else name for name in PREMISES}
_INTO = {s_1: c.size_1, s_2: c.size_2}


def _of(label: str, says: str, lemma: Proof, into: Mapping[sp.Symbol, sp.Expr], **using: str) -> Step:
    return apply(label, says, lemma.lemma, {**_INTO, **into}, {**_USING, **using})


_WHILE = (
    *_FIXED,
    _of("gain", "a step takes that share of the loss", STEP, {}),
    _of("fall", "and of the residual per length", FALL, {}, gain="gain"),
    _of("path", "so that the path is at most (2/5) g", LENGTH, {h: h_w, length: L_w}, fall="fall"),
    apply("inputs", "so that the path has a length", ENDS.lemma, {s_1: c.size_1}, {"ReLU": f"{GIVEN}ReLU"}),
    combine("room", "which leaves room", Bound(PATH, G + epsilon, strict=True), {REST: 3 * G / 5 + epsilon}),
)  # fmt: skip


def _ever(floor: sp.Expr, seen: sp.Symbol, ever: sp.Symbol, held: str) -> Step:
    return apply(
        "for ever", "so it is never longer, and what was said holds for ever", textbook.BOOTSTRAP.lemma,
        {textbook.floor: floor, textbook.seen: seen, textbook.ever: ever, textbook.moved: L_w, textbook.better: PATH, textbook.radius: G + epsilon},
        {"while": held, "better": "path", "room": "room"}, "inputs",
    )  # fmt: skip


_TAKEN = 1 - sp.exp(-fallen)
DERIVED = of_claim(
    c.NGUYEN, "derived", *_WHILE, _ever(GAIN, g_w, g, "gain"),
    sampled("all steps", "the geometric mean of what steps leave is at most 1 - g", Bound(descent.g, _TAKEN), descent._falls),
    combine("together", "one after the other", Bound(sp.exp(-fallen), 1 - GAIN), {"for ever": 1, "all steps": 1}),
)  # fmt: skip
RESTATED = of_claim(
    c.NGUYEN, "contraction",
    apply("derived", "the better rate", of_card(c.NGUYEN, "derived"), {}, {part.label: f"{GIVEN}{part.label}" for part in c.NGUYEN.assumptions}),
    combine("together", "1/8 is less than 5/16", Bound(sp.exp(-fallen), 1 - rate * A**2 / 8), {"derived": 1, REST: 3 * rate * A**2 / 16}),
)  # fmt: skip


def _claim(label: str, lemma: Proof, at: sp.Symbol, measured: sp.Symbol, *last: Step) -> Proof:
    return of_claim(
        c.NGUYEN, label, *_WHILE, _ever(SPEED, h_w, h, "fall"),
        _of("whole path", "a path of any number of steps", LENGTH, {}, fall="for ever"),
        _of("end", "at its end", lemma, {at: measured}, length="whole path"), *last,
    )  # fmt: skip


def _layer(label: str, lemma: Proof, at: sp.Symbol, measured: sp.Symbol, within: sp.Expr) -> Proof:
    name = combine("together", "which is what it stays within", Bound(measured, within), {"end": 1, f"size of the {label}": 1})  # fmt: skip
    return _claim(label, lemma, at, measured, name)


PROOFS: tuple[Proof, ...] = (
    *MOVED.values(), ENDS, STEP, FALL, LENGTH, FIRST, LAST, FEATURES, CONSTANTS, DERIVED, RESTATED,
    _layer("first", FIRST, n_1, c.now_1, c.WITHIN_1), _layer("last", LAST, n_2, c.now_2, c.WITHIN_2), _claim("features", FEATURES, k, c.least),
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
