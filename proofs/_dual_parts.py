"""What the proofs of the dual activations have in common: Price's theorem, Gaussian integration by parts, quadrature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import sympy as sp

from theorycheck.proof_integrals import ROLES
from theorycheck.proof_steps import Change, Draw, Step, identity, integrated, sampled
from theorycheck.statement import Bound, Derivation
from theorycheck.symbolic.canonical import Z
from theorycheck.symbolic.gaussian import QU, QV, RHO, definition

kappa = sp.Symbol("kappa", real=True)
#: every correlation in (-1, 1); at -1 and 1 both sides of a dual are continuous
PATH = kappa / sp.sqrt(1 + kappa**2)
#: what Price's theorem multiplies the dual of the slope with
SCALE = sp.sqrt(QU) * sp.sqrt(QV)

g1, g2 = (limit[0] for limit in definition(Z, Z).limits)
SINE = sp.sqrt(1 - RHO**2)
U, V = sp.sqrt(QU) * g1, sp.sqrt(QV) * (RHO * g1 + SINE * g2)
DENSITY = definition(sp.S.One, sp.S.One).function
#: u and v as the variables of a polynomial
u, v = sp.symbols("u v", real=True)

Fields = Mapping[sp.Symbol, sp.Expr]


def along_u(function: sp.Expr) -> Fields:
    """Return the field whose divergence is the derivative of a function by u while v stays."""
    return {g1: function / sp.sqrt(QU), g2: -RHO / SINE * function / sp.sqrt(QU)}


def along_v(function: sp.Expr) -> Fields:
    """Return the field whose divergence is the derivative of a function by v while u stays."""
    return {g1: sp.S.Zero, g2: function / (SINE * sp.sqrt(QV))}


def added(*fields: Fields) -> Fields:
    """Return the sum of fields."""
    return {g: sp.Add(*[one[g] for one in fields]) for g in (g1, g2)}


def price(by_v: sp.Expr) -> Fields:
    """Return the field of Price's theorem for a function h(u, v) of which the derivative by v is given.

    ``d/drho E h(u, v) = sqrt(q_u q_v) E h_uv(u, v)``: the integrands differ by the divergence of this field.
    """
    return along_u(-SCALE * by_v * DENSITY)


def by_parts(polynomial: sp.Expr, rate: sp.Expr) -> tuple[sp.Expr, sp.Expr, Fields]:
    """Return t, c and a field such that ``t p F = c F + divergence``, for a polynomial p in u and v and a Gaussian F.

    F is the density times ``exp(-rate (u^2 + v^2))``, whose covariance is S/d: Stein's
    ``d x_i p F = sum_j S_ij (p_j F - (p F)_j)`` lowers the degree until a constant is left. t is a power of d.
    """
    both = 2 * rate * QU * QV * (1 - RHO**2)
    d, inverse = 1 + 2 * rate * (QU + QV + both), sp.Symbol("1/d", positive=True)
    spread = {u: (QU + both, SCALE * RHO), v: (SCALE * RHO, QV + both)}
    rest, up, across = sp.Poly(polynomial, u, v), sp.S.Zero, sp.S.Zero
    while not rest.is_ground:
        (i, k), coefficient = rest.terms()[0]
        x = u if i else v
        lower = coefficient * u**i * v**k / x
        first, second = (inverse * entry for entry in spread[x])
        rest = rest - sp.Poly(lower * x, u, v) + sp.Poly(first * lower.diff(u) + second * lower.diff(v), u, v)
        up, across = up - first * lower, across - second * lower
    power = max(sp.degree(part, inverse) for part in (rest.as_expr(), up, across))
    constant, up, across = (_cleared(part, inverse, d, power) for part in (rest.as_expr(), up, across))
    weight = DENSITY * sp.exp(-rate * U**2) * sp.exp(-rate * V**2)
    inside = {u: U, v: V}
    return d**power, constant, added(along_u(up.xreplace(inside) * weight), along_v(across.xreplace(inside) * weight))


def _cleared(part: sp.Expr, inverse: sp.Symbol, d: sp.Expr, power: int) -> sp.Expr:
    """Return ``d^power part`` with ``inverse = 1/d``: a polynomial again."""
    return sp.Add(*[coefficient * d ** (power - k) for (k,), coefficient in sp.Poly(part, inverse).terms()])


# --- the steps that every proof has ----------------------------------------------------------------------


def changes(
    derivation: Derivation, change: Change, parts: Mapping[str, tuple[sp.Expr, Bound]], start: sp.Expr
) -> tuple[Step, ...]:
    """Return the steps from the derivative of a dual to the dual: its integrand's, the closed form's, and rho = 0.

    ``parts`` are the integrals in the derivative: labels with weights and what is known of them.
    """
    left, right = derivation.definition, derivation.closed_form
    says = "u and v are independent at rho = 0: a product of two integrals"
    # a statement x = 0 would hold for any multiple of x: 1 + x = 1 does not
    more, besides = (1, ", to which 1 is added") if start == 0 else (0, "")
    first = identity("start", says + besides, more + left.xreplace({RHO: sp.S.Zero}), more + start)
    told = (
        "Price: the integrand's derivative by rho, less the integrand of the slopes, is a divergence",
        "the closed form's derivative by rho is the closed form of the slopes",
        "the same derivative at -1 < rho < 1, the same value at 0",
    )
    return _alike(derivation, change, parts, told, sp.diff(left.function, RHO), sp.diff(right, RHO), first)


def reduced(derivation: Derivation, change: Change, parts: Mapping[str, tuple[sp.Expr, Bound]]) -> tuple[Step, ...]:
    """Return the steps from other integrals to a dual by integration by parts."""
    says = (
        "by parts: the integrand, less a multiple of the known one, is a divergence",
        "the closed form is that multiple",
        "the divergence integrates to 0",
    )
    return _alike(derivation, change, parts, says, derivation.definition.function, derivation.closed_form)


def _alike(
    derivation: Derivation, change: Change, parts: Mapping[str, tuple[sp.Expr, Bound]], says: tuple[str, str, str],
    inside: sp.Expr, outside: sp.Expr, *besides: Step,
) -> tuple[Step, ...]:  # fmt: skip
    left, right = derivation.definition, derivation.closed_form
    inner = sp.Add(*[weight * known.lhs.function for weight, known in parts.values()], change.growth * left.function)
    divergence = sp.Add(*[sp.diff(field, g) for g, field in change.fields.items()])
    outer = sp.Add(*[weight * known.rhs for weight, known in parts.values()], change.growth * right)
    # as one fraction each: SymPy is quicker then
    slope, outer = sp.together(change.times * outside), sp.together(outer)
    if slope == outer:  # nothing is left to see once it has been differentiated
        slope = change.times * sp.Derivative(right, RHO)
    roles = ROLES if change.start is not None else ROLES[:2]
    return (
        identity("closed form", says[1], slope, outer),
        identity("integrand", says[0], change.times * inside - inner, divergence),
        *besides,
        attacked(derivation),
        integrated("dual", says[2], left, right, change, {label: weight for label, (weight, _) in parts.items()}, {role: role for role in roles}, "quadrature"),
    )  # fmt: skip


def moved(fields: Fields, growth: sp.Expr = sp.S.Zero, times: sp.Expr = sp.S.One) -> Change:
    """Return how a dual changes with the correlation, from 0 on."""
    return Change(RHO, PATH, sp.S.Zero, fields, growth, times)


def fixed(fields: Fields, times: sp.Expr) -> Change:
    """Return by what an integrand differs from others at each correlation."""
    return Change(RHO, PATH, None, fields, times=times)


measured = sp.Symbol("D", real=True)
#: relative to 1 + |dual|
TOLERANCE = sp.Rational(1, 10**12)
_ANGLES, _ARCS = np.polynomial.legendre.leggauss(48)
_RADII, _RINGS = np.polynomial.legendre.leggauss(96)
REACH = 15.0


def quadrature(function: Callable[..., np.ndarray], qu: float, qv: float, rho: float) -> float:
    """Return the double integral of a definition in polar coordinates, cut at the lines u = 0 and v = 0."""
    turn = np.arccos(rho)
    cuts = np.sort(np.mod([np.pi / 2, 3 * np.pi / 2, turn + np.pi / 2, turn - np.pi / 2], 2 * np.pi))
    widths = np.diff([*cuts, cuts[0] + 2 * np.pi])
    angles = (cuts[:, None] + widths[:, None] * (1 + _ANGLES) / 2).ravel()[:, None]
    arcs = (widths[:, None] * _ARCS / 2).ravel()
    radii, rings = REACH * (1 + _RADII) / 2, REACH * _RINGS / 2
    values = function(radii * np.cos(angles), radii * np.sin(angles), qu, qv, rho)
    return float(arcs @ (np.broadcast_to(values, (arcs.size, radii.size)) @ (radii * rings)))


def _cases(derivation: Derivation) -> Draw:
    @cache
    def integrand() -> Callable[..., np.ndarray]:
        return sp.lambdify((g1, g2, QU, QV, RHO), derivation.definition.function, ["scipy", "numpy"])

    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        rng = np.random.default_rng(seed)
        qu, qv = 10 ** rng.uniform(-1.5, 0.5, 2)
        rho = rng.choice([-1, 1]) * (1 - 10 ** rng.uniform(-4, 0))
        return {measured: quadrature(integrand(), qu, qv, rho), QU: qu, QV: qv, RHO: rho}

    return draw


def attacked(derivation: Derivation) -> Step:
    """Return the step that the double integral, by quadrature, is the closed form to nine digits; also near rho = 1."""
    closed = derivation.closed_form
    close = Bound(sp.Abs(measured - closed), TOLERANCE * (1 + sp.Abs(closed)))
    return sampled("quadrature", "the integral is D, measured in polar coordinates", close, _cases(derivation))
