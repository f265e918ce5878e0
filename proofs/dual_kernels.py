"""Proofs of every dual activation in closed form, from its definition as a double integral.

Let D_s(rho) = E s(u) s(v), where u and v are centred Gaussians with variances q_u, q_v and correlation rho. Price's theorem
(1958) is dD_s/drho = sqrt(q_u q_v) D_{s'}: so the dual of relu comes from that of a step, that of a step from that of
a DiracDelta, erf and gelu from Gaussians, sine from E cos(u - v), which is its own derivative. Each proof shows the
theorem again for its own s: the integrands of the two sides differ by a divergence. Run it: ``python proofs/dual_kernels.py``.
"""

from __future__ import annotations

import sympy as sp
from _dual_parts import DENSITY, PATH, RHO, SCALE, U, V, added, attacked, by_parts, changes, price

from theorycheck.proof import Proof, of_derivation
from theorycheck.proof_steps import apply, identity
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Derivation
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.canonical import Z
from theorycheck.symbolic.gaussian import QU, QV, Q, cross, definition, dual, mean

#: the step by which a proof takes over another one's dual
KNOWN = "known"


def derived(expr: sp.Expr, name: str) -> Derivation:
    """Return the dual that the rules derive."""
    found = dual(expr, name)
    assert found is not None
    return found


def at_zero(expr: sp.Expr) -> sp.Expr:
    """Return the product of the two means, which is the dual at rho = 0."""
    one = mean(expr)
    assert one is not None
    return one.xreplace({Q: QU}) * one.xreplace({Q: QV})


def name_of(name: str, slope: bool) -> str:
    return f"{name} slope" if slope else name


def directly(name: str, expr: sp.Expr) -> Proof:
    """Return the proof for a polynomial: SymPy integrates it."""
    found = derived(expr, name)
    step = identity("moments", "Gaussian moments, one variable after the other", found.definition, found.closed_form, "quadrature")
    return of_derivation(found, attacked(found), step)


def from_slope(name: str, expr: sp.Expr, slope: sp.Expr, known: Proof) -> Proof:
    """Return the proof that takes over the dual of the slope."""
    found = derived(expr, name)
    takes = apply(KNOWN, "the dual of the slope", known.lemma, {}, {})
    field = price(expr.xreplace({Z: U}) * slope.xreplace({Z: V}))
    return of_derivation(found, takes, *changes(found, field, {KNOWN: (SCALE, takes.bound)}, at_zero(expr)))


def from_delta(name: str, expr: sp.Expr) -> Proof:
    """Return the proof for ``a + b Heaviside``, whose slope is b times a DiracDelta."""
    found = derived(expr, name)
    jump = expr.coeff(sp.Heaviside(Z))
    takes = apply(KNOWN, "E delta(u) delta(v) is the density at the origin", DELTA.lemma, {}, {})
    field = price(expr.xreplace({Z: U}) * jump * sp.DiracDelta(V))
    return of_derivation(found, takes, *changes(found, field, {KNOWN: (jump**2 * SCALE, takes.bound)}, at_zero(expr)))


def by_itself(found: Derivation, by_v: sp.Expr, growth: sp.Expr, start: sp.Expr) -> Proof:
    """Return the proof of a dual whose derivative by rho is a multiple of itself."""
    return of_derivation(found, *changes(found, price(by_v), {}, start, growth))


def over_plane(name: str, function: sp.Expr, closed: sp.Expr) -> Derivation:
    """Return the expectation of a function of u and v that is not a product."""
    whole = definition(sp.S.One, sp.S.One)
    return Derivation(name, (QU, QV, RHO), closed, whole.func(function * DENSITY, *whole.limits))
    
_delta = derived(sp.DiracDelta(Z), "DiracDelta")
DELTA = of_derivation(
    Derivation("DiracDelta", (QU, QV, PATH.free_symbols.pop()), _delta.closed_form.xreplace({RHO: PATH}), _delta.definition.xreplace({RHO: PATH})),
    identity("density", "the density of (u, v) at 0, rho = kappa/sqrt(1 + kappa^2)", _delta.definition.xreplace({RHO: PATH}), _delta.closed_form.xreplace({RHO: PATH})),
)
