"""Proofs of R7a (shi2023): a short neuron with a negative bias lets every sample pass, and its gradient is E[y x]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from scipy import special, stats

from theorycheck import textbook, textbook_tails
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import linear as r7

#: of the short neurons: the longest |w|, the least <w, x>, negated, and the largest share of samples that one stops
norm, against, stopped = sp.symbols("|w| h_neg s_off", nonnegative=True)
#: b~ - |w| B_x; the chance that a neuron is short; the largest |<w*, x>|
room = sp.Symbol("r_b", positive=True)
short, inside = sp.symbols("P_short t_x", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in r7.LINEAR.claims}
_SEPARATED, _SOME = (f"{GIVEN}{part.label}" for part in r7.LINEAR.assumptions)


@lru_cache(maxsize=128)
def _found(own: Instance, times: float) -> Mapping[sp.Symbol, float]:
    """What the steps say of the neurons shorter than ``times b~/B_x``, or of all if none is."""
    gradients, norms = r7._gradients(own)
    chosen = norms * r7.largest_norm(own) < times * own.parameters["b"]
    chosen = chosen if np.any(chosen) else np.ones(own.m, dtype=bool)
    heights = own.inputs @ own.weights[chosen].T
    direction, size, least = r7.feature(own)
    return {
        norm: float(norms[chosen].max()), against: max(float(-heights.min()), 0.0), stopped: float(np.max(np.mean(heights <= -own.parameters["b"], axis=0))),
        r7.bias: own.parameters["b"], r7.largest: r7.largest_norm(own), r7.rho: size, r7.beta: least, r7.along: float(np.min(gradients[chosen] @ direction)),
        r7.length: float(np.max(np.linalg.norm(gradients[chosen], axis=1))), inside: float(np.max(np.abs(own.inputs @ direction))),
    }  # fmt: skip


@lru_cache(maxsize=128)
def _instance(seed: int) -> Instance:
    rng = np.random.default_rng(seed)
    kind = ("antipodal", "sphere", "gaussian", "cluster", "duplicate")[seed % 5]
    inputs, labels = r7.hard_data(kind, int(rng.integers(2, 8)), int(rng.integers(1, 5)), seed)
    size = float(np.max(np.linalg.norm(inputs, axis=1))) or 1.0
    bias = float(10 ** rng.uniform(-0.5, 0.7)) * size * inputs.shape[1] ** 0.5
    return r7.drawn(inputs, labels, 30, bias, seed, 0, {}, ())


def _drawn(times: float) -> Callable[[int], Mapping[sp.Symbol, float]]:
    return lambda seed: _found(_instance(seed), times)


def _some_short(seed: int) -> Mapping[sp.Symbol, float]:
    """Only neurons that are short; without one nothing is said."""
    own = _instance(seed)
    return _found(own, 1.0) if np.any(r7._short(own)) else dict.fromkeys(_found(own, 1.0), np.nan)


def _measure(symbol: sp.Symbol, says: str) -> Quantity:
    def read(run: Run) -> Measured:
        value = _found(run.instance, 1.0)[symbol]
        return Measured(value, 1e-12 * abs(value))

    return Quantity(symbol, says, read)


#: that a short neuron stops no sample
_OPEN: tuple[Step, ...] = (
    sampled("short", "what short means", Bound(norm * r7.largest, r7.bias, strict=True), _some_short, _SOME),
    define("room", "what is left of the bias", room, r7.bias - norm * r7.largest, "short"),
    apply("Cauchy", "-<w, x> <= |w| |x|", textbook_tails.CAUCHY.lemma, {textbook.both: against, textbook.first: norm, textbook.second: r7.largest}, {}),
    sampled("gate", "a sample that is stopped has <w, x> <= -b~: times the share of such samples this is at most 0", Bound(stopped * (r7.bias - against), sp.S.Zero), _drawn(np.inf)),
    combine("below", "with more room", Bound(stopped * room, sp.S.Zero), {"gate": 1, "Cauchy": stopped, "room": stopped}),
    combine("open", "so no sample is stopped", Bound(stopped, sp.S.Zero), {"below": 1 / room}),
)  # fmt: skip
_LOST = r7.largest * stopped
_SHARE = (_measure(stopped, "largest share of samples that a short neuron stops"), _measure(r7.largest, "B_x, the length of the longest input"))  # fmt: skip
ALONG = of_claim(
    r7.LINEAR, "along", *_OPEN,
    sampled("gradient", "G is rho w* but for the samples that are stopped, |y x| <= B_x", Bound(r7.rho - _LOST, r7.along), _drawn(np.inf)),
    combine("nothing lost", "none is", Bound((1 - r7.TAU) * r7.rho, r7.rho - _LOST), {"open": r7.largest, REST: r7.TAU * r7.rho}),
    combine("together", "one after the other", _CLAIMS["along"], {"nothing lost": 1, "gradient": 1}),
    chain=("nothing lost", "gradient"), quantities=_SHARE,
)  # fmt: skip
WHOLE = of_claim(
    r7.LINEAR, "whole", *_OPEN,
    sampled("gradient", "G is rho w* but for the samples that are stopped, |y x| <= B_x", Bound(r7.length, r7.rho + _LOST), _drawn(np.inf)),
    combine("nothing added", "none is", Bound(r7.rho + _LOST, (1 + r7.TAU) * r7.rho), {"open": r7.largest, REST: r7.TAU * r7.rho}),
    combine("together", "one after the other", _CLAIMS["whole"], {"gradient": 1, "nothing added": 1}),
    chain=("gradient", "nothing added"), quantities=_SHARE,
)  # fmt: skip


def _law(seed: int) -> Mapping[sp.Symbol, float]:
    """P(|w| < reach) for w ~ N(0, I) in one, two or three dimensions, integrated by hand."""
    d, reach = 1 + seed % 3, float(10 ** np.random.default_rng(seed).uniform(-2, 1))
    ball = special.erf(reach / np.sqrt(2)), -np.expm1(-(reach**2) / 2)
    third = ball[0] - np.sqrt(2 / np.pi) * reach * np.exp(-(reach**2) / 2)
    return {r7.always: float(stats.chi2.cdf(reach**2, d)), short: float((*ball, third)[d - 1])}


def _hits(seed: int) -> Mapping[sp.Symbol, float]:
    """Under any law of w, here that of the neurons drawn: the shares of short ones and of those that point at +-w*."""
    own = _instance(seed)
    gradients, (direction, size, least) = r7._gradients(own)[0], r7.feature(own)
    lengths = np.linalg.norm(gradients, axis=1)
    found = (lengths >= size * (1 - 1e-9)) & (np.abs(gradients @ direction) >= (1 - 1e-9) * lengths)
    share = float(np.mean(r7._short(own)))
    return {short: share if least > 0 else np.nan, r7.seen: float(np.mean(found))}


_r, _g, _reach = sp.Symbol("r", nonnegative=True), sp.Symbol("g", real=True), sp.Symbol("R", positive=True)
HIT = of_claim(
    r7.LINEAR, "hit",
    identity("plane", "P(|w| < R) in two dimensions, where the length has the density r exp(-r^2/2)", sp.Integral(_r * sp.exp(-(_r**2) / 2), (_r, 0, _reach)), 1 - sp.exp(-(_reach**2) / 2)),
    identity("line", "and in one", sp.Integral(sp.exp(-(_g**2) / 2) / sp.sqrt(2 * sp.pi), (_g, -_reach, _reach)), sp.erf(_reach / sp.sqrt(2))),
    sampled("law", "the length of a normal vector has the chi law", Bound(r7.always, short), _law, "plane", "line"),
    sampled("hits", "a short neuron is a hit: its gradient is rho w*, as for the first two claims", Bound(short, r7.seen), _hits, _SEPARATED),
    combine("together", "one after the other", _CLAIMS["hit"], {"law": 1, "hits": 1}),
)  # fmt: skip

_t = sp.Symbol("t", real=True)


def _fits(seed: int) -> Mapping[sp.Symbol, float]:
    own = _instance(seed)
    if not r7.feature(own)[2] > 0:
        return dict.fromkeys((*_found(own, 1.0), r7.fitted), np.nan)
    return {**_found(own, 1.0), r7.fitted: float(r7._fitted(Run(own)).value)}


OPT = of_claim(
    r7.LINEAR, "OPT",
    apply("Cauchy", "|<w*, x>| <= |w*| |x|, |w*| = 1", textbook_tails.CAUCHY.lemma, {textbook.both: inside, textbook.first: sp.S.One, textbook.second: r7.largest}, {}),
    identity("two neurons", "both are active where |t| <= B_x, and their difference is 2 t", (_t + r7.largest) / (2 * r7.beta) - (r7.largest - _t) / (2 * r7.beta), _t / r7.beta, _SEPARATED),
    sampled("on the data", "so y f* = y <w*, x>/beta, at least 1", Bound(r7.beta, r7.beta * r7.fitted), _fits, "Cauchy", "two neurons", _SEPARATED),
    combine("divided", "by beta", Bound(sp.S.One, r7.fitted), {"on the data": 1 / r7.beta, _SEPARATED: 0}),
    combine("together", "with room for rounding", _CLAIMS["OPT"], {"divided": 1, REST: r7.TAU}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (ALONG, WHOLE, HIT, OPT)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
