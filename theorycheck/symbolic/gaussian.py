"""Expectations of activations over Gaussians, derived and not typed in.

A function is expanded into terms ``coefficient * z^n * exp(a z + b z^2) * atom(z)``, where the atom is 1, a step, a
DiracDelta or an erf. The expectation of a product of two terms over a Gaussian pair follows from four rules:

1. *tilt*: a Gaussian factor is absorbed into the law (completion of the square);
2. *condition*: a DiracDelta fixes its variable;
3. *Stein*: ``E[u F] = E[u] E[F] + q_u E[F_u] + c E[F_v]`` lowers powers (Isserlis' theorem for polynomials);
4. *Price* (1958): ``d/dc E[s(u) t(v)] = E[s'(u) t'(v)]`` for two atoms, integrated from covariance c = 0.

What these rules do not reach (tanh, softplus, elu, ...) is None here, and a series in :mod:`.hermite`. They give Cho and
Saul's arc-cosine kernels (2009) and Williams' arc-sine kernel (1997).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import sympy
from sympy import Add, DiracDelta, Expr, Heaviside, I, Integer, Integral, Poly, Symbol, erf, exp, pi, sqrt

from theorycheck.statement import Derivation
from theorycheck.symbolic.canonical import Z
from theorycheck.symbolic.terms import ONE, RHO, Factor, NoRule, W, terms, tidy

Q = Symbol("q", positive=True)
QU, QV = Symbol("q_u", positive=True), Symbol("q_v", positive=True)
THETA = Symbol("theta", nonnegative=True)

#: means of a pair that is not centred
MU, MV = Symbol("m_u", real=True), Symbol("m_v", real=True)

_C, _DET = Symbol("c", real=True), Symbol("Delta", positive=True)


@dataclass(frozen=True)
class _Law:
    """A Gaussian pair (u, v); ``det = qu qv - c^2`` is carried along, because recomputing it would cancel."""

    mu: Expr
    mv: Expr
    qu: Expr
    qv: Expr
    c: Expr
    det: Expr


_PAIR = _Law(Integer(0), Integer(0), QU, QV, RHO * sqrt(QU) * sqrt(QV), QU * QV * W)

_SHIFTED = replace(_PAIR, mu=MU, mv=MV)


def mean(expr: Expr) -> Expr | None:
    """Return ``E[s(sqrt(q) g)]`` for a standard normal g as an expression in ``Q``, or None if no rule applies.

    Parameters
    ----------
    expr
        The function s, in :data:`~theorycheck.symbolic.canonical.Z`.
    """
    zero = Integer(0)
    return _expectation(expr, Integer(1), _Law(zero, zero, Q, zero, zero, zero))


def cross(left: Expr, right: Expr) -> Expr | None:
    """Return ``E[s(u) t(v)]`` in ``QU``, ``QV``, ``RHO`` for centred Gaussians, or None if no rule applies.

    Parameters
    ----------
    left, right
        The functions s and t, both in :data:`~theorycheck.symbolic.canonical.Z`.
    """
    return _expectation(left, right, _PAIR)


def cross_shifted(left: Expr, right: Expr) -> Expr | None:
    """Return ``E[s(u) t(v)]`` as :func:`cross` does, for Gaussians with means ``MU`` and ``MV``."""
    return _expectation(left, right, _SHIFTED)


def dual(expr: Expr, name: str) -> Derivation | None:
    """Return the dual of s, ``E[s(u) s(v)]``, with its definition, or None if no rule applies.

    (u, v) is a centred Gaussian pair with variances ``QU``, ``QV`` and correlation ``RHO`` in [-1, 1]. The definition
    is the double integral over two independent standard normals g1 and g2, with ``u = sqrt(q_u) g1`` and
    ``v = sqrt(q_v) (rho g1 + sqrt(1 - rho^2) g2)``. Take the dual of the slope for the tangent kernel.

    Parameters
    ----------
    expr
        The function s, in :data:`~theorycheck.symbolic.canonical.Z`.
    name
        What the derivation is called.
    """
    closed = cross(expr, expr)
    return None if closed is None else Derivation(name, (QU, QV, RHO), closed, definition(expr, expr))


def definition(left: Expr, right: Expr) -> Integral:
    """Return ``E[s(u) t(v)]`` as an unevaluated double integral over independent standard normals."""
    g1, g2 = Symbol("g_1", real=True), Symbol("g_2", real=True)
    u = sqrt(QU) * g1
    v = sqrt(QV) * (RHO * g1 + sqrt(1 - RHO**2) * g2)
    density = exp(-(g1**2 + g2**2) / 2) / (2 * pi)
    integrand = left.subs(Z, u) * right.subs(Z, v) * density
    return Integral(integrand, (g1, -sympy.oo, sympy.oo), (g2, -sympy.oo, sympy.oo))


def in_angle(expr: Expr) -> Expr:
    """Return an expression in ``RHO`` in terms of the angle ``THETA`` in [0, pi], with ``rho = cos(theta)``.

    ``acos(rho)`` becomes theta and ``sqrt(1 - rho^2)`` becomes sin(theta), so that a caller who knows the angle well
    (Kahan's formula) loses no digits near rho = 1.
    """
    radius = 1 - RHO**2
    turned = expr.replace(lambda e: e.is_Pow and e.base == radius, lambda e: sympy.sin(THETA) ** (2 * e.exp))
    return turned.xreplace({sympy.acos(RHO): THETA, radius: sympy.sin(THETA) ** 2}).xreplace({RHO: sympy.cos(THETA)})


@cache
def _expectation(left: Expr, right: Expr, law: _Law) -> Expr | None:
    try:
        pairs = list(product(terms(left), terms(right)))
        total = tidy(Add(*[p * r * _expect(f, g, law) for (p, f), (r, g) in pairs]))
    except NoRule:
        return None
    return None if total.has(I) else total


@cache
def _expect(f: Factor, g: Factor, law: _Law) -> Expr:
    """Return E[f(u) g(v)]."""
    if any((f.a, f.b, g.a, g.b)):
        return _tilt(f, g, law)
    if f.atom.func is DiracDelta:
        return _condition(f, g, law)
    if g.atom.func is DiracDelta:
        return _condition(g, f, _swapped(law))
    if f.n:
        return _stein(f, g, law)
    if g.n:
        return _stein(g, f, _swapped(law))
    if ONE in (f, g):
        return _single(f.atom, law.mu, law.qu) if g == ONE else _single(g.atom, law.mv, law.qv)
    if law.mu != 0 or law.mv != 0:
        raise NoRule
    known = {QU: law.qu, QV: law.qv, _C: law.c, _DET: law.det}
    return _price(f.atom, g.atom).xreplace(known)


def _swapped(law: _Law) -> _Law:
    return _Law(law.mv, law.mu, law.qv, law.qu, law.c, law.det)


def _tilt(f: Factor, g: Factor, law: _Law) -> Expr:
    """Absorb ``exp(a u + b u^2 + a' v + b' v^2)`` into the law; every sum below has terms of one sign for b, b' <= 0."""
    if not (f.b.is_nonpositive and g.b.is_nonpositive):
        raise NoRule
    lu, lv = f.a + 2 * f.b * law.mu, g.a + 2 * g.b * law.mv
    level = f.a * law.mu + f.b * law.mu**2 + g.a * law.mv + g.b * law.mv**2
    scale = sympy.factor(1 - 2 * f.b * law.qu - 2 * g.b * law.qv + 4 * f.b * g.b * law.det)
    qu, qv = sympy.factor((law.qu - 2 * g.b * law.det) / scale), sympy.factor((law.qv - 2 * f.b * law.det) / scale)
    c, det = law.c / scale, law.det / scale
    tilted = _Law(law.mu + qu * lu + c * lv, law.mv + c * lu + qv * lv, qu, qv, c, det)
    exponent = level + sympy.expand_mul(lu**2 * qu / 2 + lv**2 * qv / 2 + c * lu * lv)
    bare = [replace(h, a=Integer(0), b=Integer(0)) for h in (f, g)]
    return exp(exponent) / sqrt(scale) * _expect(bare[0], bare[1], tilted)


def _condition(f: Factor, g: Factor, law: _Law) -> Expr:
    """Return E[u^n DiracDelta(u) g(v)]: the density at u = 0 times the expectation of g given u = 0."""
    if f.n:
        return Integer(0)
    if law.qu == 0 or law.mu.has(I):
        raise NoRule
    zero = Integer(0)
    given = _Law(zero, law.mv - law.c * law.mu / law.qu, zero, law.det / law.qu, zero, zero)
    return exp(-(law.mu**2) / (2 * law.qu)) / sqrt(2 * pi * law.qu) * _expect(ONE, g, given)


def _stein(f: Factor, g: Factor, law: _Law) -> Expr:
    """Return E[u F] with F = u^(n-1) atom(u) g(v), by Stein's lemma."""
    rest = replace(f, n=f.n - 1)
    result = law.mu * _expect(rest, g, law)
    result += Add(*[law.qu * p * _expect(h, g, law) for p, h in _differentiated(rest)])
    return result + Add(*[law.c * p * _expect(rest, h, law) for p, h in _differentiated(g)])


def _differentiated(f: Factor) -> list[tuple[Expr, Factor]]:
    """Return the derivative of ``z^n atom(z)`` as terms."""
    powers = [(Integer(f.n), replace(f, n=f.n - 1))] if f.n else []
    return powers + [(p, replace(h, n=h.n + f.n)) for p, h in terms(f.atom.diff(Z))]


def _single(atom: Expr, mu: Expr, q: Expr) -> Expr:
    """Return E[atom(u)] for u ~ N(mu, q)."""
    if atom == 1:
        return Integer(1)
    if mu.has(I):
        raise NoRule
    if atom.func is Heaviside:
        return (1 + erf(mu / sqrt(2 * q))) / 2 if mu != 0 else sympy.Rational(1, 2)
    k = atom.args[0] / Z
    return erf(k * mu / sqrt(1 + 2 * k**2 * q))


@cache
def _price(left: Expr, right: Expr) -> Expr:
    """Return E[s(u) t(v)] for two atoms in QU, QV, the covariance and the determinant, by Price's theorem."""
    zero = Integer(0)
    law = _Law(zero, zero, QU, QV, _C, _DET)
    rate = Add(*[p * r * _expect(f, g, law) for (p, f), (r, g) in product(terms(left.diff(Z)), terms(right.diff(Z)))])
    return _single(left, zero, QU) * _single(right, zero, QV) + _integrated(rate)


def _integrated(rate: Expr) -> Expr:
    """Return the integral over the covariance from 0 of ``K / sqrt(A - B c^2)``: K/sqrt(B) times an arc-sine.

    As an arc-tangent of ``sqrt(B) c / sqrt(A - B c^2)`` it keeps its digits near correlation 1, where the arc-sine is
    steep. For two steps that quotient is infinite there, and the arc-sine is a right angle minus the angle acos(rho).
    """
    under = [power.base for power in rate.atoms(sympy.Pow) if power.exp == -sympy.S.Half and power.base.has(_DET)]
    if len(under) != 1:
        raise NoRule
    height = rate * sqrt(under[0])
    if height.has(_C, _DET):
        raise NoRule
    quadratic = Poly(under[0].xreplace({_DET: QU * QV - _C**2}), _C)
    a, slope, b = quadratic.nth(0), quadratic.nth(1), -quadratic.nth(2)
    if quadratic.degree() != 2 or slope != 0:
        raise NoRule
    if sympy.expand(a - b * QU * QV) == 0:
        return height / sqrt(b) * (pi / 2 - sympy.acos(_C / (sqrt(QU) * sqrt(QV))))
    return height / sqrt(b) * sympy.atan(sqrt(b) * _C / sqrt(under[0]))
