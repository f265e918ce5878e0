"""Proofs of chen2022's theorem D (section 4.6, errata W4): orthogonal samples decouple, and neurons that push stay useful.

Two samples along two axes and two neurons stand for any number. The chances are for each sample and each sign of its
residual: at time 0 that is the sign of f_0 - y, which depends on the weights, so that both are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

import _chen2022_steps as st
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.chen2022 import measures
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import orthogonal as d
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.chances import LEMMA, tail
from theorycheck.theorems.chen2022.derivation import Network

right, either = sp.symbols("p_right P_either", nonnegative=True)
entry, likely, own = sp.symbols("G_aa p_b p_a", positive=True)
wider, size, more_c, more_s, rest, lost = sp.symbols("e_G c e_c e_s rest |zeta_a|", nonnegative=True)
_far, _v = sp.Symbol("b_+", nonnegative=True), sp.Symbol("v", positive=True)
_y = sp.Symbol("y", real=True)

# --- what the flow does --------------------------------------------------------------------------------

NET = Network(st.ANY, 2, 2, 2)
AXES = {NET.x[0, 1]: 0, NET.x[1, 0]: 0}
_Q = [sum((NET.c[i] * NET.slope[a, i]) ** 2 for i in range(2)) / 2 for a in range(2)]
_ALONE = [NET.gram[a, a] * _Q[a] / NET.n for a in range(2)]
_MOVED = (NET.x * NET.speed.T / sp.sqrt(2))[0, 0]
_time = sp.Symbol("t", real=True)
_SPENT, _FIRST = sp.Function("Q")(_time), sp.Symbol("zeta_a(0)", real=True)
_KEEPS = _FIRST * sp.exp(-entry / t.n * _SPENT)
_PUSH = (t.steepness + more_s) * size * entry * lost / t.n
_counted = (right + st.over) * (t.c_low**2 + more_c) * (t.steepness**2 + more_s) + rest
FLOOR = t.c_low**2 * t.steepness**2 * right


def _pushed(seed: int) -> Mapping[sp.Symbol, float]:
    """Follow one sample with ReLU or softplus; labels near, or so far that all neurons of the wrong sign are lost."""
    rng = np.random.default_rng(seed)
    m, b = int(rng.integers(2, 12)), 0.0 if seed % 2 else rng.normal()
    c, h = (
        rng.choice([-1, 1], m) * rng.choice([1, rng.uniform(0.5, 1)], m),
        b + rng.standard_normal(m) * 10 ** rng.uniform(-2, 0.5),
    )
    if seed % 2:
        value, slope, steep = (lambda u: np.maximum(u, 0)), (lambda u: (u > 0) * 1.0), 1.0
    else:
        value, slope, steep = (lambda u: np.logaddexp(0, u)), (lambda u: 1 / (1 + np.exp(-u))), 1 / (1 + np.exp(-b))
    found = min(np.mean((c * sign > 0) & (h > b)) for sign in (1, -1))
    y, least = rng.standard_normal() * 10 ** rng.uniform(-2, 2), np.inf
    for _ in range(60):
        zeta = np.mean(c * value(h)) - y
        least = min(least, float(np.mean((c * slope(h)) ** 2)))
        h = h - 0.3 * c * slope(h) * zeta / np.mean(c**2)
    return {st.q: least, t.steepness: steep, t.c_low: np.abs(c).min(), right: found}


FLOW = (
    identity("decoupled", "(3.2) for orthogonal samples: zeta_a' = -(G_aa/n) q_a zeta_a, from the neuron, any activation", NET.by_time(NET.zeta[0]).subs(AXES), (-_ALONE[0] * NET.zeta[0]).subs(AXES), f"{GIVEN}orthogonal"),
    identity("sign", "which zeta_a(0) exp(-(G_aa/n) int q_a) solves: it keeps its sign", sp.diff(_KEEPS, _time), -entry / t.n * sp.diff(_SPENT, _time) * _KEEPS),
    identity("push", "(3.1): h_ia' = -(c_i/n) G_aa s'(h_ia) zeta_a", _MOVED.subs(AXES), (-NET.c[0] * NET.gram[0, 0] * NET.slope[0, 0] * NET.zeta[0] / NET.n).subs(AXES), f"{GIVEN}orthogonal"),
    combine("outward", "that is not negative beyond b where c_i zeta_a <= 0, as s' >= K there", Bound(t.steepness * size * entry * lost / t.n, _PUSH), {REST: more_s * size * entry * lost / t.n, f"{GIVEN}K positive": 0}),
    combine("counted neurons", "a share p_right + e has the right sign and started beyond b, where c_i^2 >= c_lo^2 and s'^2 >= K^2", Bound(FLOOR, _counted), {REST: sp.expand(_counted - FLOOR)}),
    sampled("kept", "they stay there for ever, so c_lo^2 K^2 p_right <= q_T", Bound(FLOOR, st.q), _pushed, "decoupled", "sign", "push", "outward", "counted neurons"),
)  # fmt: skip

# --- what is random --------------------------------------------------------------------------------------

_OWN = d.beyond(entry)
#: half of the neurons have the right sign, and half of what is expected is kept
KEPT = d.PER_SAMPLE * t.n / (t.c_low**2 * t.steepness**2)
EXPONENT, OWN_EXPONENT = (o.COST * s.m * chance / 2 for chance in (likely, own))


def _ends(seed: int) -> Mapping[sp.Symbol, float]:
    """Return a half line's end on either side of 0, and variances between two others."""
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.exponential(1, 2))
    return {
        d.b: rng.normal(),
        d.nu: rng.exponential(1),
        s.G_min: low,
        t.G_max: high,
        entry: rng.choice([low, high, rng.uniform(low, high)]),
    }


CHANCES = (
    define("entry", "a sample's own G_aa = G_min + e", entry, s.G_min + wider, f"{GIVEN}G_min positive"),
    combine("from below", "G_min <= G_aa", Bound(s.G_min, entry), {"entry": -1, REST: wider}),
    sampled("from above", "G_aa <= G_max", Bound(entry, t.G_max), _ends),
    combine("G_max positive", "so 0 < G_max", Bound(sp.S.Zero, t.G_max, strict=True), {"from above": 1, REST: entry}),
    monotone("b >= 0", "P(N(0, nu^2 v) > b) rises with v then: it is least at G_min", Bound(d.beyond(s.G_min).subs(d.b, _far), _OWN.subs(d.b, _far)), "from below", sp.Lambda(_v, d.beyond(_v).subs(d.b, _far)), f"{GIVEN}G_min positive"),
    monotone("b <= 0", "and falls with v then: it is least at G_max", Bound(d.beyond(t.G_max).subs(d.b, -_far), _OWN.subs(d.b, -_far)), "from above", sp.Lambda(_v, d.beyond(_v).subs(d.b, -_far)), "G_max positive"),
    sampled("least chance", "so p_b is the least of both", Bound(d.P_B, _OWN), _ends, "b >= 0", "b <= 0"),
    sampled("some chance", "a Gaussian is beyond any number with some chance", Bound(sp.S.Zero, d.P_B, strict=True), _ends, f"{GIVEN}G_min positive", "G_max positive"),
    define("p_b", "for all samples", likely, d.P_B, "some chance"),
    combine("own chance", "the sample's is no smaller", Bound(sp.S.Zero, _OWN, strict=True), {"some chance": 1, "least chance": 1}),
    define("p_a", "the sample's own", own, _OWN, "own chance"),
    combine("counts", "a neuron counts with half of that", Bound(sp.S.Zero, own / 2, strict=True), {REST: own / 2}),
    apply("tail", "fewer than m p_b/4 that count are fewer than half of the mean: Chernoff", of_card(LEMMA, "tail"), {tail: st.one_sample + st.between, o.p: own / 2, o.draws: s.m}, {"p positive": "counts"}),
    combine("exponent", "m p_b/16 is at most the exponent", Bound(EXPONENT, OWN_EXPONENT), {"least chance": o.COST * s.m / 2, "p_b": o.COST * s.m / 2, "p_a": -o.COST * s.m / 2}),
    monotone("smaller tail", "exp of both", Bound(sp.exp(-OWN_EXPONENT), sp.exp(-EXPONENT)), "exponent", sp.Lambda(_y, sp.exp(-_y))),
    st.UNION,
    apply("both signs", "one sign or the other", textbook.UNION.lemma, {textbook.both: either, textbook.first: st.any_sample, textbook.second: st.any_sample}, {}),
    combine("width solved", "log(2n/delta) <= m p_b/16", Bound(sp.log(2 * t.n / d.delta), EXPONENT), {f"{GIVEN}width": o.COST * likely / 2, "p_b": -sp.log(2 * t.n / d.delta) / d.P_B, "some chance": 0, f"{GIVEN}G_min positive": 0, "G_max positive": 0, f"{GIVEN}delta below 1": 0}),
    monotone("width in the tail", "exp(-m p_b/16) <= delta/(2n)", Bound(sp.exp(-EXPONENT), d.delta / (2 * t.n)), "width solved", sp.Lambda(_y, sp.exp(-_y))),
    combine("failure", "2n times that is at most delta", Bound(either, d.delta), {"both signs": 1, "union over samples": 2, "tail": 2 * t.n, REST: 2 * t.n * st.between, "smaller tail": 2 * t.n, "width in the tail": 2 * t.n, f"{GIVEN}delta below 1": 0}),
)  # fmt: skip
RIGHT = Event("right", Bound(KEPT, right), either)


def _right(run: Run) -> Measured:
    """Return ``p_right``: the least share of neurons beyond b with an output weight of one sign, over samples and signs."""
    h, doubt, b = measures.preactivations(run.instance), measures.rounding(run.instance), run.instance.parameters["b"]
    signs = [np.sign(run.instance.signs) == sign for sign in (1, -1)]
    low, high = (min(float(np.mean((h + side * doubt > b) & own, axis=1).min()) for own in signs) for side in (-1, 1))
    return Measured.between(low, high)


QUANTITIES = (
    Quantity(right, "least share of neurons beyond b with c_i of one sign, over samples and both signs", _right),
    st.Q,
)

# --- the two claims ----------------------------------------------------------------------------------------

_PER = t.c_low**2 * t.steepness**2 / t.n
PER_SAMPLE = of_claim(
    d.D, "per sample", *CHANCES, *FLOW,
    combine("right neurons", "half of those that were expected", Bound(d.PER_SAMPLE, FLOOR / t.n), {f"{EVENT}right": _PER}),
    combine("held", "over n", Bound(FLOOR / t.n, st.q / t.n), {"kept": 1 / t.n}),
    apply("Groenwall", "log |zeta_a| falls at G_aa q_a/n", textbook.GROENWALL.lemma, {textbook.least_speed: st.q / t.n, textbook.speed: d.slowest}, {}, "decoupled"),
    combine("together", "one after the other", Bound(d.PER_SAMPLE, d.slowest), {"right neurons": 1, "held": 1, "Groenwall": 1}),
    events=(RIGHT,), failure="failure", chain=("right neurons", "held", "Groenwall"), quantities=QUANTITIES,
)  # fmt: skip

_z = sp.symbols("z_1:3", real=True)
_g, _e = sp.symbols("g_1:3", nonnegative=True), sp.symbols("e_1:3", nonnegative=True)
_FALLS = sum((s.G_min + g) * (st.q + e) * z**2 for g, e, z in zip(_g, _e, _z, strict=True)) / t.n**2
_LOSS = sum(z**2 for z in _z) / (2 * t.n)
_LEAST = 2 * s.G_min * st.q / t.n
RATE = of_claim(
    d.D, "rate", *CHANCES, *FLOW,
    combine("right neurons", "half of those that were expected", Bound(d.RATE, 2 * s.G_min * FLOOR / t.n), {f"{EVENT}right": 2 * s.G_min * _PER}),
    combine("held", "times 2 G_min/n", Bound(2 * s.G_min * FLOOR / t.n, _LEAST), {"kept": 2 * s.G_min / t.n}),
    identity("loss along the flow", "(3.3) for orthogonal samples: L' = -(1/n^2) sum_a G_aa q_a zeta_a^2, from the neuron", NET.by_time(NET.loss).subs(AXES), -sum(part * z**2 for part, z in zip(_ALONE, NET.zeta, strict=True)).subs(AXES) / NET.n, f"{GIVEN}orthogonal"),
    combine("each sample", "with G_aa >= G_min and q_a >= q_T: -L' >= (2/n) G_min q_T L", Bound(_LEAST * _LOSS, _FALLS), {REST: sp.expand(_FALLS - _LEAST * _LOSS), "loss along the flow": 0}),
    apply("Groenwall", "at all times", textbook.GROENWALL.lemma, {textbook.least_speed: _LEAST, textbook.speed: s.rate}, {}, "each sample"),
    combine("together", "one after the other", Bound(d.RATE, s.rate), {"right neurons": 1, "held": 1, "Groenwall": 1}),
    events=(RIGHT,), failure="failure", chain=("right neurons", "held", "Groenwall"), quantities=QUANTITIES,
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (PER_SAMPLE, RATE)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
