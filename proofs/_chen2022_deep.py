"""Proofs of chen2022's theorem G (section 4.11, errata I1, U2): on two events, theorem B holds with what they promise.

B is applied to the network as it is drawn. Its rate is no worse then; for the path it is applied with a smaller split,
``split r``, ``r^2 = (p/2) G_max/(p_hat B^2)``, at which it promises exactly what is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping

import _chen2022_features as features
import _chen2022_steps as st
import numpy as np
import sympy as sp
from _chen2022_random import MIRRORED

from theorycheck.proof import EVENT, GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.chen2022 import features as fe
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import partially_trained as pt
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep import B

_y = sp.Symbol("y", nonnegative=True)
_e = sp.symbols("e_1:4", nonnegative=True)
HALF = o.KEPT * o.p
SHARE = st.enough(o.p, o.p + st.over, "some chance")
SPLIT = f"{GIVEN}split in (0, 1)"
SIGNS = {f"{GIVEN}{label} positive": 0 for label in ("eta", "c_lo", "K")}
BUDGET = t.split * sp.sqrt(1 - t.split**2) + sp.asin(t.split)


def _diagonal(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the least eigenvalue and the largest diagonal entry of the Gram of bounded random features."""
    rng = np.random.default_rng(seed)
    n, width, size = int(rng.integers(1, 4)), int(rng.integers(1, 7)), rng.exponential(1)
    phi = size * (rng.choice([-1, 1], (n, width)) if seed % 2 else rng.uniform(-1, 1, (n, width)))
    gram = phi @ phi.T / width
    return {t.lam: np.linalg.eigvalsh(gram)[0], t.G_max: np.diag(gram).max(), fe.size: size}


#: both events, and what they make of the premises of theorem B
EVENTS = (
    combine("some chance", "0 < p", Bound(sp.S.Zero, o.p, strict=True), {f"{GIVEN}p positive": 2}),
    *features.BOUNDED_STEPS,
    *st.own_chance(o.p, "some chance"),
    *SHARE.steps,
    MIRRORED,
    combine("both failures", "two events", Bound(features.chance + st.any_sample, 2 * o.delta), {"frozen failure": 1, SHARE.failure: 1, f"{GIVEN}delta below 1/2": 0}),
    features.HALF,
    combine("lambda_min positive", "0 < lambda_min", Bound(sp.S.Zero, t.lam, strict=True), {"half is kept": 1, features.LIMIT: sp.S.Half}),
    combine("p_hat positive", "0 < p_hat", Bound(sp.S.Zero, t.share, strict=True), {f"{EVENT}share": 1, "some chance": o.KEPT}),
    combine("diagonal", "Ghat_aa is a mean of s^2 <= B^2; three neurons", Bound(fe.size**2 - sum(_e) / 3, fe.size**2), {REST: sum(_e) / 3, f"{GIVEN}bounded": 0}),
    sampled("largest entry", "so G_max <= B^2", Bound(t.G_max, fe.size**2), _diagonal, "diagonal"),
    sampled("trace", "lambda_min <= e_a'Ghat e_a <= G_max", Bound(t.lam, t.G_max), _diagonal),
    combine("G_max positive", "0 < G_max", Bound(sp.S.Zero, t.G_max, strict=True), {"trace": 1, "lambda_min positive": 1}),
    monotone("root of lambda", "sqrt(lambda_inf/2) <= sqrt(lambda_min)", Bound(sp.sqrt(fe.KEPT), sp.sqrt(t.lam)), "half is kept", sp.Lambda(_y, sp.sqrt(_y)), features.LIMIT, "lambda_min positive"),
)  # fmt: skip
DRAWN = {f"{name} positive": 0 for name in ("lambda_min", "p_hat", "G_max")}
_ROOT_B = "sqrt(G_max) <= B"
TEST = next(part.bound for part in pt.ASSUMED if part.label == "test")
_STEEP = t.c_low * t.steepness * t.eta * sp.sqrt(t.lam)
#: what shows the premises of theorem B
SHOWN = {name: name for name in DRAWN} | {
    f"{name} positive": f"{GIVEN}{name} positive" for name in ("eta", "c_lo", "K")
}
BOTH = (features.KEPT, SHARE.event)
_MEASURED = tuple(part for part in (*s.GEOMETRY, *s.STEEP) if part.symbol in (t.lam, t.share))

_RATE_B = t.CONCLUSIONS_B[0].expr
_PER = 2 * t.c_low**2 * t.steepness**2 * (1 - t.split**2) / t.n
RATE = of_claim(
    pt.G, "rate", *EVENTS,
    monotone(_ROOT_B, "the root of G_max <= B^2", Bound(sp.sqrt(t.G_max), fe.size), "largest entry", sp.Lambda(_y, sp.sqrt(_y)), "G_max positive"),
    combine("test of B", "theorem B allows the labels: lambda_min, p_hat are larger, G_max is smaller", Bound(o.label_norm, t.TESTS_B[-1][1].rhs), {
        f"{GIVEN}test": 1, "root of lambda": t.c_low * t.steepness * t.eta * HALF * BUDGET / (2 * fe.size), f"{EVENT}share": _STEEP * BUDGET / (2 * fe.size),
        _ROOT_B: _STEEP * t.share * BUDGET / (2 * fe.size * sp.sqrt(t.G_max)), SPLIT: 0, **SIGNS, **DRAWN,
    }),
    apply("theorem B", "with |zeta_0| = |y|, as the initial output is 0", of_card(B, "rate"), {t.zeta_0: o.label_norm}, {**SHOWN, "split in (0, 1)": SPLIT, "test": "test of B"}, MIRRORED.label),
    combine("on the events", "lambda_inf/2 <= lambda_min, p/2 <= p_hat", Bound(pt.RATE, _RATE_B), {"half is kept": _PER * t.share, f"{EVENT}share": _PER * fe.KEPT, SPLIT: 0, features.LIMIT: 0, **SIGNS}),
    combine("together", "one after the other", Bound(pt.RATE, s.rate), {"on the events": 1, "theorem B": 1}),
    events=BOTH, failure="both failures", chain=("on the events", "theorem B"), quantities=_MEASURED,
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (*features.PROOFS, RATE)
#: claims without a proof, and why
REASONS = {
    "chen2022.g path": "needs that phi(x)/x falls on (0, 1), phi(x) = x sqrt(1 - x^2) + asin x, which no kind of step shows there yet"
}

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
