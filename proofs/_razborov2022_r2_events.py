"""What R2 (razborov2022, section 3.3) needs of Gaussian weights: seven chances, and what holds on their events.

Each lemma is in symbols of its own: a chance that an event fails with, or a bound that the events give.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_chances as ch
import _razborov2022_flips as flips
import _razborov2022_shares as sh
import numpy as np
import sympy as sp

from theorycheck import textbook, textbook_tails
from theorycheck.proof import Proof
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import r2_setting as r
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w

P_W, P_a, P_F, P_o, P_N = ch.P_W, ch.P_a, ch.P_F, ch.P_o, flips.P_near
#: |a|^2 as drawn; bounds on it, on |Phi|_F and on the Grams' least eigenvalues; sqrt(2 log(1/p))
square_a, most_a, features, floor_W, floor_a, spread = sp.symbols("|a|^2 N_* F_* f_W f_a u_*", nonnegative=True)
#: a bound on max_j a_j^2, which need not be seen to be nonnegative
highest = sp.Symbol("A_*", real=True)
CHANCE, INPUT = ch._CHANCE, ch._INPUT
_P, _X = {CHANCE: i.IS_CHANCE.bound}, {INPUT: i.NONZERO.bound}
_y, _h = sp.Symbol("y", nonnegative=True), sp.Symbol("h_0", real=True)
_B = sh.many


def _lemma(
    name: str, premises: Mapping[str, Bound], *steps: Step, measured: frozenset[sp.Symbol] = frozenset()
) -> Proof:
    goal = steps[-1].bound
    known = frozenset().union(*(one.symbols for one in premises.values()), goal.symbols)
    return Proof(f"razborov2022 {name}", goal, premises, known, steps, measured=measured)


# --- chances ------------------------------------------------------------------------------------------------

CHANCE_FEATURES = _lemma("chance of large features", {**_P, **_X}, *ch._FEATURES[:2], measured=frozenset({P_F}))
CHANCE_OUTPUT = {
    "signs": _lemma("chance of a large output, signs", _P, *ch._deviation(textbook_tails.SIGN_NORM), measured=frozenset({P_o})),
    "normal": _lemma("chance of a large output, normal", _P, *ch._deviation(textbook.GAUSSIAN), measured=frozenset({P_o})),
}  # fmt: skip

#: how far gates are counted as near
_TAU = _B / (3 * o.m)
_MEAN = o.m * flips._C * _TAU
CHANCE_NEAR = _lemma(
    "chance of many near gates", {CHANCE: i.IS_CHANCE.bound, "logarithm": Bound(3 * o.ell_n / o.FLIP_RATE, _B)},
    *flips.BAND,
    apply("Laplace", "gates within tau = B/(3m), at most sqrt(2/pi) m tau in the mean; theta = log(2/sqrt(2/pi)), for one sample", textbook_tails.LAPLACE_ABOVE.lemma,
        {textbook.chance: flips.P_one, textbook.expected: _MEAN, textbook.first: 2 * o.m * _TAU, textbook.angle: flips._THETA}, {}, "band"),
    identity("exponent", "which is the exponent", sp.exp(_MEAN * (sp.exp(flips._THETA) - 1) - 2 * flips._THETA * o.m * _TAU), sp.exp(-o.FLIP_RATE * _B / 3)),
    monotone("exponentials", "at most p/n", Bound(sp.exp(-o.FLIP_RATE * _B / 3), sp.exp(-o.ell_n)), "logarithm", sp.Lambda(_h, sp.exp(-_h * o.FLIP_RATE / 3)), CHANCE),
    sampled("union", "over the samples", Bound(P_N, o.n * flips.P_one), flips._counts),
    combine("together", "one after the other", Bound(P_N, o.p), {"union": 1, "Laplace": o.n, "exponent": o.n, "exponentials": o.n}),
    measured=frozenset({P_N}),
)  # fmt: skip

# --- on the events ------------------------------------------------------------------------------------------

FEATURES = _lemma(
    "size of the features", {f"{ch.EVENT}features": ch._FEATURES_EVENT.bound, **_P, **_X}, *ch._FEATURES[2:]
)


def _grams(seed: int) -> Mapping[sp.Symbol, float]:
    """A network's tangent Gram at time 0, often of one sample or of one layer."""
    rng = np.random.default_rng(seed)
    inputs, gates, outer = ch._network(seed, True)
    values = np.maximum(rng.standard_normal(gates.shape), 0) * gates
    rates, kappa = rng.exponential(1, 2) * (rng.random(2) < 0.8), rng.exponential(1)
    gram = kappa**2 * (rates[0] * inputs @ inputs.T * ((gates * outer**2) @ gates.T) + rates[1] * values @ values.T)
    return {
        t.top: np.linalg.eigvalsh(gram)[-1], t.kappa: kappa, t.eta_W: rates[0], t.eta_a: rates[1],
        t.X_norm: np.linalg.norm(inputs, 2), square_a: outer @ outer, i.Phi: np.linalg.norm(values),
    }  # fmt: skip


_WEIGHT = t.kappa**2 * t.eta_W * t.X_norm**2
TOP = _lemma(
    "top of K_0", {"features": Bound(i.Phi, features), "total": Bound(square_a, most_a)},
    sampled("top", "X X' o D a a' D' is at most |X|^2 |a|^2, Phi Phi' at most |Phi|_F^2", Bound(t.top, t.kappa**2 * (t.eta_W * t.X_norm**2 * square_a + t.eta_a * i.Phi**2)), _grams),
    monotone("squares", "squared", Bound(i.Phi**2, features**2), "features", sp.Lambda(_y, _y**2)),
    combine("together", "each at its most", Bound(t.top, t.kappa**2 * (t.eta_W * t.X_norm**2 * most_a + t.eta_a * features**2)),
        {"top": 1, "squares": t.kappa**2 * t.eta_a, "total": _WEIGHT}),
)  # fmt: skip

RESIDUAL = _lemma(
    "residual at time 0", {"features": Bound(i.Phi, features), "output": Bound(i.output, ch.mean_f + t.kappa * spread * i.Phi), "labels": Bound(r.label_norm, w.Y)},
    apply("triangle", "|f_0 - y| <= |f_0| + |y|, whatever the labels", textbook.TRIANGLE.lemma, {textbook.both: t.r_0, textbook.first: i.output, textbook.second: r.label_norm}, {}),
    sampled("mean", "E |Phi a| <= |Phi|_F, as E a a' = I", Bound(ch.mean_f, t.kappa * i.Phi), ch._mean_output),
    combine("together", "each at its most", Bound(t.r_0, w.Y + t.kappa * (1 + spread) * features),
        {"triangle": 1, "labels": 1, "output": 1, "mean": 1, "features": t.kappa * (1 + spread)}),
)  # fmt: skip


def _sum(seed: int) -> Mapping[sp.Symbol, float]:
    """Two Grams, their rates and their sum."""
    rng = np.random.default_rng(seed)
    one, two = (part @ part.T for part in rng.standard_normal((2, 3, 4)))
    rates = rng.exponential(1, 2) * (rng.random(2) < 0.9)
    lows = [np.linalg.eigvalsh(part)[0] for part in (one, two, rates[0] * one + rates[1] * two)]
    return {i.ell_W: lows[0], i.ell_a: lows[1], t.alpha_squared: lows[2] + 1e-12, t.eta_W: rates[0], t.eta_a: rates[1]}


#: the steps of R2's claim about the floor, which has them in its chain
SUM = sampled("sum", "the least eigenvalue of K_0 = eta_W G_W + eta_a G_a", Bound(t.eta_W * i.ell_W + t.eta_a * i.ell_a, t.alpha_squared), _sum)  # fmt: skip
FLOOR = _lemma(
    "floor of K_0", {"W": Bound(floor_W, i.ell_W), "a": Bound(floor_a, i.ell_a)}, SUM,
    combine("together", "each above its floor", Bound(t.eta_W * floor_W + t.eta_a * floor_a, t.alpha_squared), {"sum": 1, "W": t.eta_W, "a": t.eta_a}),
)  # fmt: skip

_SQUARE = 9 * o.m**2 * t.eta_W * w.P**2
_LONG = 3 * (o.m * sp.sqrt(t.eta_W) * w.P) ** sp.Rational(2, 3)


def _smaller(seed: int) -> Mapping[sp.Symbol, float]:
    """Two numbers, one below a bound; one is often the number of neurons."""
    rng = np.random.default_rng(seed)
    bound, count = rng.exponential(10), float(rng.integers(1, 30))
    path, rate = 10 ** rng.uniform(-2, 1), rng.exponential(1)
    far = 9 * count**2 * rate * path**2 / bound**2
    near = (bound - far) * rng.choice([1.0, rng.random()]) if far <= bound else np.nan
    return {_B: bound, o.m: count, sh.near: near, t.eta_W: rate, w.P: path}


_MIN = sp.Min(sh.REACHED, o.m)
MASS = _lemma(
    "mass of flipped gates",
    {"largest": Bound(sh.largest, highest), "near": Bound(sh.near, 2 * _B / 3), "long": Bound(_LONG, _B), "some flips": Bound(sp.S.Zero, _B, strict=True)},
    monotone("cubes", "cubed", Bound(27 * o.m**2 * t.eta_W * w.P**2, _B**3), "long", sp.Lambda(_y, _y**3)),
    combine("reached", "near gates, and R_W^2/tau^2 <= m tau = B/3 others", Bound(sh.REACHED, _B), {"near": 1, "cubes": 1 / (3 * _B**2), "some flips": 0}),
    sampled("no more than all", "the smaller of two numbers grows with each", Bound(_MIN, sp.Min(_B, o.m)), _smaller, "reached"),
    combine("nonnegative A^2", "the bound on a_j^2 is nonnegative", Bound(sp.S.Zero, highest), {"largest": 1, REST: sh.largest}),
    combine("together", "times the largest a_j^2", Bound(sh.largest * _MIN, highest * sp.Min(_B, o.m)), {"largest": _MIN, "no more than all": highest, "some flips": 0, "nonnegative A^2": 0}),
)  # fmt: skip

#: there is a sample, so that log(7n/delta) is positive
SOME = _lemma(
    "some flips", {"delta below 1": Bound(sp.S.Zero, w.delta * (1 - w.delta), strict=True)},
    sampled("samples", "there is a sample", Bound(sp.S.One, o.n), lambda seed: {o.n: float(np.random.default_rng(seed).integers(1, 9))}),
    combine("ratio", "n/(delta/7) is at least 7", Bound(w.EVENTS, w.EVENTS * o.n / w.delta), {"samples": w.EVENTS / w.delta, REST: w.EVENTS / w.delta - w.EVENTS, "delta below 1": 0}),
    monotone("logarithms", "the logarithm", Bound(sp.log(w.EVENTS), sp.log(w.EVENTS * o.n / w.delta)), "ratio", sp.Lambda(sp.Symbol("x", positive=True), sp.log(sp.Symbol("x", positive=True)))),
    combine("together", "is positive", Bound(sp.S.Zero, sp.log(w.EVENTS * o.n / w.delta), strict=True), {"logarithms": 1, REST: sp.log(w.EVENTS)}),
)  # fmt: skip

#: chances that the output weights are large, for those that are normal
PROOFS: tuple[Proof, ...] = (
    CHANCE_FEATURES, *CHANCE_OUTPUT.values(), CHANCE_NEAR, FEATURES, TOP, RESIDUAL, FLOOR, MASS, SOME,
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
