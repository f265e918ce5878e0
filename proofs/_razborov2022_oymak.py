"""R0'' of razborov2022, the form of Oymak and Soltanolkotabi, from R0 (section 3.1): its constants are q(1/6, 1/2) and rounded.

``alpha`` is half of ``sigma_min(J_0)``; J, without the rate, changes by at most ``alpha/3`` on the ball and ``eta |J|^2 <= 1/2``.
"""

from __future__ import annotations

import _razborov2022_flow as flow
import sympy as sp

from theorycheck.proof import Proof
from theorycheck.proof_steps import apply, combine, enclosed, monotone
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound
from theorycheck.theorems.razborov2022 import statements as t

_c, _S, _alpha, _r = sp.symbols("c_1 S alpha r_0", nonnegative=True)
_eta, _half, _q, _z = sp.symbols("eta a_1 q x", positive=True)
_LEAST = t.gain(t.OYMAK_C, t.OYMAK_S)
_PREMISES = {"slack": Bound(_c, t.OYMAK_C), "step": Bound(_S, t.OYMAK_S)}

Q = flow.lemma(
    "q(1/6, 1/2)", _PREMISES,
    combine("q falls with c and S", "q(c, S) - q(1/6, 1/2) = (1/2 - S)(1 + c)^2 + (1/6 - c)(5 + (5/2)(1/6 + c))", Bound(_LEAST, t.gain(_c, _S)), {"step": (1 + _c) ** 2, "slack": 5 + sp.Rational(5, 2) * (t.OYMAK_C + _c)}),
)  # fmt: skip
RATE = flow.lemma(
    "R0'' rate", _PREMISES,
    apply("q", "q is at least 43/72", Q.lemma, {}, {"slack": "slack", "step": "step"}),
    enclosed("rounded", "2.38 < 43/18", Bound(sp.Rational(238, 100), t.OYMAK_GAIN), {}),
    combine("rate", "R0's q (2 sqrt(eta) alpha)^2 is at least 2.38 eta alpha^2", Bound(sp.Rational(238, 100) * _eta * _alpha**2, t.gain(_c, _S) * (2 * sp.sqrt(_eta) * _alpha) ** 2), {"rounded": _eta * _alpha**2, "q": 4 * _eta * _alpha**2}),
    combine("half", "so at least half of eta alpha^2", Bound(_eta * _alpha**2 / 2, t.gain(_c, _S) * (2 * sp.sqrt(_eta) * _alpha) ** 2), {"rate": 1, REST: sp.Rational(188, 100) * _eta * _alpha**2}),
)  # fmt: skip
PATH = flow.lemma(
    "R0'' path", {"q": Bound(_LEAST, _q), "slack": _PREMISES["slack"]},
    monotone("at the least", "sqrt(eta) 2 (1 + c)|r_0|/(q 2 sqrt(eta) alpha), q at least 43/72", Bound((1 + _c) * _r / (_q * _half), (1 + _c) * _r / (_LEAST * _half)), "q", sp.Lambda(_z, (1 + _c) * _r / (_z * _half))),
    combine("at the largest c", "and c at most 1/6", Bound((1 + _c) * _r / (_LEAST * _half), t.OYMAK_PATH * _r / _half), {"slack": _r / (_LEAST * _half)}),
    enclosed("rounded", "84/43 < 1.96", Bound(t.OYMAK_PATH, sp.Rational(196, 100)), {}),
    combine("within the ball", "at most 1.96 |r_0|/alpha, inside the ball of radius 4 |r_0|/alpha", Bound((1 + _c) * _r / (_q * _half), sp.Rational(196, 100) * _r / _half), {"at the least": 1, "at the largest c": 1, "rounded": _r / _half}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (Q, RATE, PATH)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
