"""What one ReLU neuron sees of a Gaussian population: its gate's first moments, derived and kept beside their integrals.

For ``x ~ N(mu, Sigma)`` the pre-activation ``u = <w, x> - b`` and a coordinate ``v = <e, x>`` are a Gaussian pair with
means ``m_u``, ``m_v``, variances ``q_u``, ``q_v`` and correlation rho, so ``c = rho sqrt(q_u q_v) = <e, Sigma w>``. Then
``E[v 1{u > 0}] = m_v GATE + c DENSITY``: the part of the mean that passes the gate, and what the gate itself selects.
"""

from __future__ import annotations

import sympy as sp

from theorycheck.statement import Derivation
from theorycheck.symbolic.canonical import Z
from theorycheck.symbolic.gaussian import MU, MV, QU, QV, RHO, cross_shifted

_ARGS = (MU, MV, QU, QV, RHO)
_G1, _G2 = sp.symbols("g_1 g_2", real=True)


def _definition(value: sp.Expr) -> sp.Integral:
    """Return ``E[value 1{u > 0}]`` as an unevaluated integral; ``value`` is in Z for u and W for v."""
    u = MU + sp.sqrt(QU) * _G1
    v = MV + sp.sqrt(QV) * (RHO * _G1 + sp.sqrt(1 - RHO**2) * _G2)
    density = sp.exp(-(_G1**2 + _G2**2) / 2) / (2 * sp.pi)
    inside = value.xreplace({Z: u, _V: v}) * density
    return sp.Integral(inside, (_G1, -MU / sp.sqrt(QU), sp.oo), (_G2, -sp.oo, sp.oo))


_V = sp.Symbol("v", real=True)


def _derived(name: str, left: sp.Expr, right: sp.Expr, value: sp.Expr) -> Derivation:
    closed = cross_shifted(left, right)
    assert closed is not None
    return Derivation(name, _ARGS, closed, _definition(value))


#: E[v 1{u > 0}]: a coordinate of the simplified gradient (shi2023, R2)
GATED = _derived("gated coordinate", sp.Heaviside(Z), Z, _V)
#: E[max(u, 0)]: what the output weight's gradient sees (shi2023, R2)
ACTIVE = _derived("active output", sp.Max(0, Z), sp.Integer(1), Z)

#: P(u > 0), the factor of the mean
GATE: sp.Expr = sp.diff(GATED.closed_form, MV)
#: the density of u at 0, the factor of Cov(x, u): what is lost where the gradient is taken as if the gate were fixed
DENSITY: sp.Expr = sp.cancel(sp.expand(GATED.closed_form - MV * GATE) / (RHO * sp.sqrt(QU) * sp.sqrt(QV)))
