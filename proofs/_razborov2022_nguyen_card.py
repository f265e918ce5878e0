"""Proofs of the claims of Nguyen's theorem for two layers (razborov2022, section 3.6) from its lemmas.

``l_1`` and ``l_2`` stand for |W_1| + C_1 and |W_2| + C_2 with the best constants, which (N1) makes nonnegative (errata B16).
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_descent as descent
import _razborov2022_nguyen as of
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import meta
from theorycheck.theorems.razborov2022 import nguyen_card as c
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.certificates import guess

_g, _a, _b = sp.symbols("g_0 a_0 b_0", nonnegative=True)
_v = sp.Symbol("v_0", positive=True)
_PER = _g * (_b + _g * _a) / (1 + _g)
CONSTANTS = of.lemma(
    "best constants", {"N1": Bound(_g, sp.S.One, strict=True)},
    define("room", "1 - g is positive", _v, 1 - _g, "N1"),
    combine("together", "C = g (b + g a)/(1 - g^2), g < 1 (errata B16)", Bound(sp.S.Zero, _a + _g * (_b + _g * _a) / (1 - _g**2)),
        {REST: _a + _PER / _v, "room": -_PER / ((1 - _g) * _v), "N1": 0}),
)  # fmt: skip
_N1 = {"N1": f"{GIVEN}N1"}
#: l_2 as the card writes it, with the denominator of (N1)
_L_2 = c.size_2 + of.G * (c.size_1 + of.G * c.size_2) / ((1 - of.G) * (1 + of.G))


def _named(seed: int) -> Mapping[sp.Symbol, float]:
    """A step that N4 allows, the largest one or less, and the best constants."""
    rng = np.random.default_rng(seed)
    at = {of.A: rng.exponential(1) + 0.1, of.X: rng.exponential(1), c.size_1: rng.exponential(1), c.size_2: rng.exponential(1) * (rng.random() < 0.8)}  # fmt: skip
    at[t.r_0] = rng.random() * 0.99 * at[of.A] ** 2 / (16 * at[of.X])
    within, size = (guess(one, at) for one in (c.WITHIN_1, c.WITHIN_2)), guess(c.STEP, at)
    return {**at, **dict(zip((of.l_1, of.l_2), within, strict=True)), of.rate: size * rng.choice([1, rng.random()])}


_FIXED = (
    apply("constant of the first", "g < 1", CONSTANTS.lemma, {_g: of.G, _a: c.size_1, _b: c.size_2}, _N1),
    apply("constant of the last", "g < 1", CONSTANTS.lemma, {_g: of.G, _a: c.size_2, _b: c.size_1}, _N1),
    combine("|W_1| + C_1", "as the card writes it", Bound(sp.S.Zero, c.WITHIN_1), {"constant of the first": 1}),
    combine("|W_2| + C_2", "as the card writes it", Bound(sp.S.Zero, c.WITHIN_2), {"constant of the last": 1}),
    define("size of the first", "what the first layer stays within", of.l_1, c.WITHIN_1, "|W_1| + C_1"),
    define("size of the last", "what the last layer stays within", of.l_2, c.WITHIN_2, "|W_2| + C_2"),
    combine("l_1", "nonnegative", Bound(sp.S.Zero, of.l_1), {"|W_1| + C_1": 1, "size of the first": -1}),
    combine("l_2", "nonnegative", Bound(sp.S.Zero, of.l_2), {"|W_2| + C_2": 1, "size of the last": -1}),
    combine("first", "what C_1 is", Bound(c.size_1 + of.G * of.l_2, of.l_1), {"size of the first": -1, "size of the last": of.G}),
    combine("last", "what C_2 is", Bound(c.size_2 + of.G * of.l_1, of.l_2), {"size of the last": -1, "size of the first": of.G}),
    combine("N2", "with l_2", of.PREMISES["N2"], {f"{GIVEN}N2": 1, "size of the last": 32 * of.X**2 * t.r_0 / of.A**3}),
    combine("N3", "with l_2", of.PREMISES["N3"], {f"{GIVEN}N3": 1, "size of the last": 16 * of.X**2 * (_L_2 + of.l_2) / of.A**2, f"{GIVEN}N1": 0}),
    sampled("N4", "with l_1 and l_2 for what they stand for", of.PREMISES["N4"], _named, f"{GIVEN}N4", "size of the first", "size of the last"),
)  # fmt: skip
_USING = {name: f"{GIVEN}{name}" if name in of.MODEL else name for name in of.PREMISES}
_INTO = {of.s_1: c.size_1, of.s_2: c.size_2}


def _of(label: str, says: str, lemma: Proof, into: Mapping[sp.Symbol, sp.Expr], **using: str) -> Step:
    return apply(label, says, lemma.lemma, {**_INTO, **into}, {**_USING, **using})


_WHILE = (
    *_FIXED,
    _of("gain", "a step takes that share of the loss", of.STEP, {}),
    _of("fall", "and of the residual per length", of.FALL, {}, gain="gain"),
    _of("path", "so that the path is at most (2/5) g", of.LENGTH, {of.h: of.h_w, of.length: of.L_w}, fall="fall"),
    apply("inputs", "so that the path has a length", of.ENDS.lemma, {of.s_1: c.size_1}, {"ReLU": f"{GIVEN}ReLU"}),
    combine("room", "which leaves room", Bound(of.PATH, of.G + of.epsilon, strict=True), {REST: 3 * of.G / 5 + of.epsilon}),
)  # fmt: skip


def _ever(floor: sp.Expr, seen: sp.Symbol, ever: sp.Symbol, held: str) -> Step:
    return apply(
        "for ever", "so it is never longer, and what was said holds for ever", textbook.BOOTSTRAP.lemma,
        {textbook.floor: floor, textbook.seen: seen, textbook.ever: ever, textbook.moved: of.L_w, textbook.better: of.PATH, textbook.radius: of.G + of.epsilon},
        {"while": held, "better": "path", "room": "room"}, "inputs",
    )  # fmt: skip


DERIVED = of_claim(
    c.NGUYEN, "derived", *_WHILE, _ever(of.GAIN, of.g_w, of.g, "gain"),
    sampled("all steps", "the geometric mean of what steps leave is at most 1 - g", Bound(descent.g, meta.TAKEN), descent._falls),
    combine("together", "one after the other", Bound(of.GAIN, meta.TAKEN), {"for ever": 1, "all steps": 1}),
)  # fmt: skip
RESTATED = of_claim(
    c.NGUYEN, "contraction",
    apply("derived", "the better rate", of_card(c.NGUYEN, "derived"), {}, {part.label: f"{GIVEN}{part.label}" for part in c.NGUYEN.assumptions}),
    combine("slower", "1/8 is less than 5/16", Bound(of.rate * of.A**2 / 8, of.GAIN), {REST: 3 * of.rate * of.A**2 / 16}),
    combine("together", "one after the other", Bound(of.rate * of.A**2 / 8, meta.TAKEN), {"derived": 1, "slower": 1}),
    chain=("slower", "derived"),
)  # fmt: skip


def _claim(label: str, lemma: Proof, at: sp.Symbol, measured: sp.Symbol, *last: Step) -> Proof:
    return of_claim(
        c.NGUYEN, label, *_WHILE, _ever(of.SPEED, of.h_w, of.h, "fall"),
        _of("whole path", "a path of any number of steps", of.LENGTH, {}, fall="for ever"),
        _of("end", "at its end", lemma, {at: measured}, length="whole path"), *last,
    )  # fmt: skip


def _layer(label: str, lemma: Proof, at: sp.Symbol, measured: sp.Symbol, within: sp.Expr) -> Proof:
    name = combine("together", "which is what it stays within", Bound(measured, within), {"end": 1, f"size of the {label}": 1})  # fmt: skip
    return _claim(label, lemma, at, measured, name)


PROOFS: tuple[Proof, ...] = (
    *of.PROOFS, CONSTANTS, DERIVED, RESTATED,
    _layer("first", of.FIRST, of.n_1, c.now_1, c.WITHIN_1), _layer("last", of.LAST, of.n_2, c.now_2, c.WITHIN_2), _claim("features", of.FEATURES, of.k, c.least),
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
