"""The window of R8.1 (shi2023, errata I1): ``P(u |g| in [1 - eps, 1 + eps]) >= (2 Phi(2) - 1) eps/u`` for ``u >= 1``, ``eps <= 1``.

With v = 1/u and x = eps v^2: the chance over eps falls in eps, for its slope has the sign of (1 + eps) exp(-x) - (1 - eps) exp(x) taken
the other way round; at eps = 1 it is 2 Phi(2 v) - 1, which over v falls in v.
"""

from __future__ import annotations

import sympy as sp
from _shi2023_angles import lemma

from theorycheck.proof import Proof
from theorycheck.proof_steps import combine, monotone
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.shi2023 import features as f

v = sp.Symbol("v", positive=True)
_e, _z = sp.symbols("e z", nonnegative=True)
_p = sp.Symbol("z_p", positive=True)
_y = sp.Symbol("y", real=True)

PREMISES = {"share": Bound(f.eps_1, sp.S.One), "inverse": Bound(v, sp.S.One)}
WINDOW = f.window(1 / v, f.eps_1)


def _over(eps: sp.Expr) -> sp.Expr:
    return WINDOW.subs(f.eps_1, eps)


def _bend(eps: sp.Expr) -> sp.Expr:
    """Return what makes the window concave in eps, but for a factor."""
    return (1 + eps) * sp.exp(-eps * v**2) - (1 - eps) * sp.exp(eps * v**2)


def _tangent(eps: sp.Expr) -> sp.Expr:
    """Return how far the tangent at eps is above 0 where it meets eps = 0."""
    return _over(_p).subs(_p, eps) - eps * sp.diff(_over(_p), _p).subs(_p, eps)


_WHOLE = f.window(1 / v, sp.S.One)
_FLAT = _WHOLE.subs(v, _p) - _p * sp.diff(_WHOLE.subs(v, _p), _p)
_FACTOR = sp.sqrt(2 / sp.pi) * _e * v**3 * sp.exp(-(1 + _e**2) * v**2 / 2)
_POWERS = sp.exp(_z * v**2) + sp.exp(-_z * v**2)
LEAST = lemma(
    "window", PREMISES,
    combine("exponents", "z v^2 is not negative", Bound(-_z * v**2, _z * v**2), {REST: 2 * _z * v**2}),
    monotone("exponentials", "exp of both", Bound(sp.exp(-_z * v**2), sp.exp(_z * v**2)), "exponents", sp.Lambda(_y, sp.exp(_y))),
    combine("rise", "(1 + z) exp(-z v^2) - (1 - z) exp(z v^2) rises, as v <= 1", Bound(sp.S.Zero, sp.diff(_bend(_z), _z)), {"exponentials": _z * v**2, REST: (1 - v**2) * _POWERS, "inverse": 0}),
    combine("from 0", "where it is 0", Bound(sp.S.Zero, _e), {REST: _e}),
    monotone("bend", "from 0", Bound(sp.S.Zero, _bend(_e)), "from 0", sp.Lambda(_z, _bend(_z)), "rise", "inverse"),
    combine("concave", "so the window is concave in eps", Bound(sp.S.Zero, sp.diff(_tangent(_e), _e)), {"bend": _FACTOR}),
    combine("above 0", "a positive number", Bound(sp.S.Zero, _p), {REST: _p}),
    monotone("tangent", "and its tangents meet eps = 0 above 0", Bound(sp.S.Zero, _tangent(_p)), "above 0", sp.Lambda(_e, _tangent(_e)), "concave"),
    combine("fall", "so the window over eps falls", Bound(sp.S.Zero, -sp.diff(_over(_p) / _p, _p)), {"tangent": 1 / _p**2}),
    monotone("wide", "to its value at eps = 1, which is 2 Phi(2 v) - 1", Bound(_WHOLE, WINDOW / f.eps_1), "share", sp.Lambda(_p, _over(_p) / _p), "fall"),
    monotone("concave in v", "2 Phi(2 v) - 1 is concave, too, from 0 on", Bound(sp.S.Zero, _FLAT), "above 0", sp.Lambda(_z, _FLAT.subs(_p, _z))),
    combine("fall in v", "so it falls over v", Bound(sp.S.Zero, -sp.diff(_WHOLE.subs(v, _p) / _p, _p)), {"concave in v": 1 / _p**2}),
    monotone("at v = 1", "to its value at v = 1", Bound(f.WINDOW, _WHOLE / v), "inverse", sp.Lambda(_p, _WHOLE.subs(v, _p) / _p), "fall in v"),
    combine("together", "times eps v", Bound(f.WINDOW * f.eps_1 * v, WINDOW), {"at v = 1": f.eps_1 * v, "wide": f.eps_1}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (LEAST,)

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
