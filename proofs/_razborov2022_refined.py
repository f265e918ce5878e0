"""Parts of Lemma F2's proof (razborov2022, section 3.4, errata I4): its constants 15 and sqrt(960), its exponent, its last sum.

T_j: the samples whose gate of neuron j flipped, t of them; D = max(t, d'); delta_j: how far neuron j moved. The union over
all T and over neurons is not written down as steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_flow as flow
import numpy as np
import sympy as sp

from theorycheck import textbook, textbook_tails
from theorycheck.proof import Proof
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import refined
from theorycheck.theorems.razborov2022 import statements as t

_t, _D, _E, _L = sp.symbols("t D E L", positive=True)
_l, _delta, _sum, _P = sp.symbols("l_t delta_j Sigma P_j", nonnegative=True)
_norm = sp.Symbol("|X_T|", nonnegative=True)
_y = sp.Symbol("y", nonnegative=True)
_OF = refined.UNION * _L

SUBMATRIX = flow.lemma(
    "F2 submatrix",
    {
        "norm": Bound(_norm, sp.sqrt(o.d) + sp.sqrt(_t) + sp.sqrt(2 * _t * _l + _E)), "dimension": Bound(o.d, _D), "count": Bound(_t, _D),
        "chance": Bound(_E, _D), "subsets": Bound(_l, _L), "logarithm": Bound(sp.S.One, _L),
    },
    monotone("squares", "|X_T|^2, by E |X_T| <= sqrt d + sqrt t and Gaussian concentration with u = t log(e n/t) + log(n/p)", Bound(_norm**2, (sp.sqrt(o.d) + sp.sqrt(_t) + sp.sqrt(2 * _t * _l + _E)) ** 2), "norm", sp.Lambda(_y, _y**2)),
    combine("three", "(a + b + c)^2 <= 3 (a^2 + b^2 + c^2)", Bound((sp.sqrt(o.d) + sp.sqrt(_t) + sp.sqrt(2 * _t * _l + _E)) ** 2, 3 * (o.d + _t + 2 * _t * _l + _E)),
        {REST: (sp.sqrt(o.d) - sp.sqrt(_t)) ** 2 + (sp.sqrt(o.d) - sp.sqrt(2 * _t * _l + _E)) ** 2 + (sp.sqrt(_t) - sp.sqrt(2 * _t * _l + _E)) ** 2}),
    combine("rounded", "E = 2 log(n/p), log(e n/t) <= L, each term at most D", Bound(3 * (o.d + _t + 2 * _t * _l + _E), _OF * _D),
        {"dimension": 3, "count": 3 + 6 * _L, "chance": 3, "subsets": 6 * _t, "logarithm": 9 * _D}),
    combine("together", "one after the other", Bound(_norm**2, _OF * _D), {"squares": 1, "three": 1, "rounded": 1}),
)  # fmt: skip
_FEW = 64 * _OF * o.n**2 * _delta**2 / o.d
SAMPLES = flow.lemma(
    "F2 samples of a neuron", {"products": Bound(o.d * _t**3 / (64 * o.n**2), _OF * _t * _delta**2)},
    combine("divided", "half of the t products are above |w_j| t/(4 n), |w_j|^2 >= d/2, and |X_T|^2 <= 15 L t", Bound(_t**2, _FEW), {"products": 64 * o.n**2 / (o.d * _t)}),
    monotone("few", "so that t is at most of the order n delta_j/sqrt d", Bound(_t, sp.sqrt(64 * _OF) * o.n * _delta / sp.sqrt(o.d)), "divided", sp.Lambda(_y, sp.sqrt(_y))),
)  # fmt: skip
_AT = {
    textbook.chance: _P, textbook.expected: refined.MEAN * _t, textbook.first: _t / 2, textbook.angle: sp.log(1 / (2 * refined.MEAN)),
}  # fmt: skip
_TAIL = textbook_tails.LAPLACE_ABOVE.goal.rhs.xreplace(_AT)
PRODUCTS = flow.lemma(
    "F2 small products", {},
    apply("Laplace", "n products |N(0, 1)|, each at most t/(4 n) with a chance of at most sqrt(2/pi) t/(4 n): t/2 of them", textbook_tails.LAPLACE_ABOVE.lemma, _AT, {}),
    identity("exponent", "which is t_0's", _TAIL, sp.exp(-refined.RATE * _t)),
    combine("together", "one after the other", Bound(_P, sp.exp(-refined.RATE * _t)), {"Laplace": 1, "exponent": 1}),
)  # fmt: skip


def _moves(seed: int) -> Mapping[sp.Symbol, float]:
    """How far S neurons moved, alike or not."""
    rng = np.random.default_rng(seed)
    lengths = rng.exponential(1, int(rng.integers(1, 9))) ** rng.choice([0, 1])
    return {_sum: lengths.sum(), refined.S: len(lengths), t.R_W: float(np.linalg.norm(lengths)) * (1 + 1e-15)}


_WHOLE, _PER = t.kappa**2 * t.a_max**2 * _OF, sp.sqrt(64 * _OF) * o.n / sp.sqrt(o.d)
SUM = flow.lemma(
    "F2 sum", {},
    sampled("Cauchy", "the S neurons that flip at a sample moved sqrt(S) R_W together", Bound(_sum, sp.sqrt(refined.S) * t.R_W), _moves),
    combine("together", "kappa^2 A^2 sum_j 15 L max(d', t_j), with D for d' and L for log(e n)", Bound(_WHOLE * (_D * refined.S + _PER * _sum), refined.CHANGE.xreplace({refined.D_PRIME: _D, refined.LOG: _L})), {"Cauchy": _WHOLE * _PER}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (SUBMATRIX, SAMPLES, PRODUCTS, SUM)

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
