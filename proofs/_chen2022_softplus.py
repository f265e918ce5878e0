"""Proofs that softplus obeys (H) of chen2022's theorem E (section 4.7, errata I8), with alpha = 2 log 2 and beta = 1.

(H): ``|s(u)| <= |s'(u)| (alpha + beta |u|)``. On either half line ``x = exp(-|u|)`` runs through (0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from theorycheck import textbook
from theorycheck.proof import Proof
from theorycheck.proof_steps import Step, apply, combine, identity, monotone
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound

_x = sp.Symbol("x", positive=True)
_over = sp.Symbol("w", nonnegative=True)
_z = sp.Symbol("z", real=True)


def lemma(name: str, premises: Mapping[str, Bound], *steps: Step) -> Proof:
    """Return a lemma that no card states by itself."""
    goal = steps[-1].bound
    return Proof(f"chen2022.e {name}", goal, premises, goal.symbols, steps)


_SOFTPLUS = sp.log(1 + sp.exp(_z))
_RATIO = _SOFTPLUS / sp.diff(_SOFTPLUS, _z)
_IN = 1 / (1 + _over)
_FAR = (1 + _x) * sp.log(1 + _x) - _x * sp.log(_x)
_NEAR = (1 + 1 / _x) * sp.log(1 + _x)
INSIDE = combine("up to 1", "x = 1/(1 + w) is any number in (0, 1]", Bound(_IN, sp.S.One), {REST: _over / (1 + _over)})

RIGHT = lemma(
    "softplus, right half line", {}, INSIDE,
    identity("ratio", "s/s' at u = -log x is u + g(x), g(x) = (1 + x) log(1 + x) - x log x", _RATIO.subs(_z, -sp.log(_x)), -sp.log(_x) + _FAR),
    combine("one more", "x <= 1 + x", Bound(_x, 1 + _x), {REST: 1}),
    monotone("logarithms", "log of both", Bound(sp.log(_x), sp.log(1 + _x)), "one more", sp.Lambda(_x, sp.log(_x))),
    combine("slope", "g'(x) = log(1 + x) - log x", Bound(sp.S.Zero, sp.diff(_FAR, _x)), {"logarithms": 1}),
    monotone("largest at 1", "so g rises to g(1) = 2 log 2", Bound(_FAR.subs(_x, _IN), 2 * sp.log(2)), "up to 1", sp.Lambda(_x, _FAR), "slope"),
    combine("(H)", "s <= s' (2 log 2 + u) for u >= 0", Bound(-sp.log(_IN) + _FAR.subs(_x, _IN), 2 * sp.log(2) - sp.log(_IN)), {"largest at 1": 1, "ratio": 0}),
)  # fmt: skip

LEFT = lemma(
    "softplus, left half line", {}, INSIDE,
    identity("ratio", "s/s' at u = log x is (1 + 1/x) log(1 + x)", _RATIO.subs(_z, sp.log(_x)), _NEAR),
    apply("convex", "1 + x <= exp(x)", textbook.EXPONENTIAL.lemma, {textbook.x: _x}, {}),
    monotone("logarithms", "log of both", Bound(sp.log(1 + _x), _x), "convex", sp.Lambda(_x, sp.log(_x))),
    combine("slope", "the derivative is (x - log(1 + x))/x^2", Bound(sp.S.Zero, sp.diff(_NEAR, _x)), {"logarithms": 1 / _x**2}),
    monotone("(H)", "so s <= 2 log 2 s' for u <= 0", Bound(_NEAR.subs(_x, _IN), 2 * sp.log(2)), "up to 1", sp.Lambda(_x, _NEAR), "slope", "ratio"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (RIGHT, LEFT)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
