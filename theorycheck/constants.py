"""Certified constants of an activation and of its Gaussian expectations; every answer is a certificate or an enclosure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

import sympy as sp
from flint import arb, ctx

from theorycheck.constants_gauss import gaussian_means
from theorycheck.constants_line import line_supremum
from theorycheck.enclose import PRECISIONS, ball, enclose, ends, evaluator
from theorycheck.evidence import Certificate
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.canonical import canonical
from theorycheck.symbolic.gaussian import QU, QV, RHO, dual

Number = float | Fraction

#: the longest Hermite series, and the relative error at which a shorter one is enough
MOST_TERMS = 512
_WANTED = 2.0**-42
_BITS = 256
_QUADRATURE = "Gauss-Legendre rules in balls, with proved errors of the panels and of the tails"


@cache
def value_bound(activation: Activation) -> Certificate:
    """Enclose ``sup |s|`` over the real line; see :func:`slope_bound` for the certificate."""
    return line_supremum(activation.expr, "sup |s|")


@cache
def slope_bound(activation: Activation) -> Certificate:
    """Enclose ``sup |s'|`` over the real line, that is the best Lipschitz constant of s.

    Returns
    -------
    Certificate
        An infinite upper end claims nothing; ``evidence["covers"]`` says whether the whole line was covered, or only
        ``|z| <= 2^64``.
    """
    return line_supremum(activation.slope, "sup |s'|")


@cache
def curvature_bound(activation: Activation) -> Certificate:
    """Enclose the best Lipschitz constant of ``s'``: ``sup |s''|`` over the real line, infinite at a kink.

    See :func:`slope_bound` for the certificate.
    """
    if activation.kinks:
        return Certificate(
            says=f"s' jumps at z = {activation.kinks[0]}: it has no Lipschitz constant",
            method="the two one-sided slopes",
            lower=math.inf,
            upper=math.inf,
            evidence={"kinks": str(activation.kinks), "covers": "the real line"},
        )
    return line_supremum(activation.curvature, "sup |s''|")


def hermite_coefficients_certified(expr: sp.Expr, variance: Number, count: int) -> tuple[Certificate, ...]:
    """Enclose ``c_k(q) = E[s(sqrt(q) g) He_k(g)] / sqrt(k!)`` for k < count and a standard normal g.

    Parameters
    ----------
    expr
        The function s, in the activation's variable Z.
    variance
        q >= 0; a float is taken exactly.
    count
        How many coefficients, at least 1.

    Raises
    ------
    ValueError
        If the variance is negative or not finite, ``count < 1``, or :mod:`.constants_gauss` has no bound for s.
    """
    q = _variance(variance)
    coefficients, _ = _series(canonical(sp.sympify(expr)), q, count)
    found = []
    for k, coefficient in enumerate(coefficients):
        low, high = ends(coefficient)
        says = f"{low!r} <= E[s(sqrt(q) g) He_{k}(g)]/sqrt({k}!) <= {high!r}, s = {expr}, q = {q}"
        found.append(Certificate(says, _QUADRATURE, low, high, {"expression": str(expr), "variance": str(q), "k": k}))
    return tuple(found)


def hermite_tail(expr: sp.Expr, variance: Number, count: int) -> Certificate:
    """Enclose ``sum_{k >= count} c_k(q)^2 = E[s(sqrt(q) g)^2] - sum_{k < count} c_k(q)^2``.

    See :func:`hermite_coefficients_certified` for the parameters and the errors raised.
    """
    q = _variance(variance)
    with ctx.workprec(_BITS):
        low, high = ends(_tail(*_series(canonical(sp.sympify(expr)), q, count)))
    return Certificate(
        says=f"{max(low, 0.0)!r} <= sum of c_k^2 over k >= {count} <= {high!r}, s = {expr}, q = {q}",
        method=f"second moment less the first {count} squares; {_QUADRATURE}",
        lower=max(low, 0.0),  # a sum of squares
        upper=high,
        evidence={"expression": str(expr), "variance": str(q), "count": count},
    )


def dual_value(expr: sp.Expr, variance_u: Number, variance_v: Number, correlation: Number) -> Certificate:
    """Enclose ``E[s(u) s(v)]`` for centred Gaussians u, v of these variances and this correlation.

    By the closed form of :mod:`.symbolic.gaussian` in balls where there is one; else by the Hermite series, whose terms
    from K on are at most ``sqrt(T_u T_v) |rho|^K`` (Cauchy and Schwarz); else, for ``|rho| = 1``, as an integral over
    one variable.

    Parameters
    ----------
    expr
        The function s, in the activation's variable Z.
    variance_u, variance_v, correlation
        Floats are taken exactly.

    Raises
    ------
    ValueError
        If a variance is negative, the correlation lies outside [-1, 1], or :mod:`.constants_gauss` has no bound for s.
    """
    s = canonical(sp.sympify(expr))
    law = _variance(variance_u), _variance(variance_v), _exactly(correlation, "a correlation")
    if abs(law[2]) > 1:
        raise ValueError(f"a correlation lies in [-1, 1], but {correlation} was given")
    with ctx.workprec(_BITS):
        value, method = _closed(s, law) or _by_series(s, law)
        low, high = ends(value)
    return Certificate(
        says=f"{low!r} <= E[s(u) s(v)] <= {high!r} for s = {expr}, variances {law[0]}, {law[1]}, correlation {law[2]}",
        method=method,
        lower=low,
        upper=high,
        evidence={"expression": str(expr), "variances": tuple(map(str, law[:2])), "correlation": str(law[2])},
    )


def inequality(bound: Bound, values: Mapping[sp.Symbol, Any] | None = None) -> Certificate:
    """Prove ``lhs <= rhs`` (``<`` if strict) between closed numbers, in balls of rising precision.

    Parameters
    ----------
    values
        A number for every free symbol: an int, Fraction or float (taken exactly), or a ball, for all of whose numbers
        the inequality is then proved.

    Returns
    -------
    Certificate
        It encloses the slack ``rhs - lhs``.

    Raises
    ------
    ValueError
        If the inequality is false, undefined, or not decided at the highest precision; the sentence says which.
    """
    given = dict(values or {})
    missing = ", ".join(sorted(str(symbol) for symbol in bound.symbols - set(given)))
    if missing:
        raise ValueError(f"no value for {missing}: a numeric inequality has none but numbers")
    text = f"{bound.lhs} {'<' if bound.strict else '<='} {bound.rhs}"
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            evaluate = evaluator({symbol: ball(value) for symbol, value in given.items()})
            left, right, slack = evaluate(bound.lhs), evaluate(bound.rhs), evaluate(bound.rhs - bound.lhs)
            low, high = ends(slack)
        if not slack.is_finite():
            continue
        if slack > 0 or (slack >= 0 and not bound.strict):
            method = f"ball arithmetic at {precision} bits"
            return Certificate(f"{text}: the slack is at least {low!r}", method, low, high, {"inequality": text})
        if slack < 0 or (slack <= 0 and bound.strict):
            raise ValueError(f"{text} is false: the left side is {left.str(15)}, the right side {right.str(15)}")
    if not slack.is_finite():
        raise ValueError(f"{text} is undefined: one side has no finite value")
    raise ValueError(f"{text} is not decided at {PRECISIONS[-1]} bits: the slack lies in [{low!r}, {high!r}]")


def _exactly(value: Number, what: str) -> Fraction:
    try:
        return Fraction(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{what} is a finite number, but {value} was given") from None


def _variance(value: Number) -> Fraction:
    q = _exactly(value, "a variance")
    if q < 0:
        raise ValueError(f"a variance is not negative, but {value} was given")
    return q


@lru_cache(maxsize=256)
def _series(expr: sp.Expr, q: Fraction, count: int) -> tuple[tuple[arb, ...], arb]:
    """Enclose the first Hermite coefficients, and the second moment."""
    if count < 1:
        raise ValueError(f"a series has at least one term, not {count}: raise count")
    if q == 0:
        with ctx.workprec(_BITS):
            value = evaluator({Z: arb(0)})(expr)
            return (value, *[arb(0)] * (count - 1)), value * value
    return tuple(gaussian_means(((expr, q, 1),), count)), _moment(expr, q, q, 1)


@lru_cache(maxsize=256)
def _moment(expr: sp.Expr, q: Fraction, r: Fraction, sign: int) -> arb:
    """Enclose ``E[s(sqrt(q) x) s(sign sqrt(r) x)]``."""
    return gaussian_means(((expr, q, 1), (expr, r, sign)), 1)[0]


def _tail(coefficients: tuple[arb, ...], moment: arb) -> arb:
    return moment - sum((c * c for c in coefficients), arb(0))


def _closed(expr: sp.Expr, law: tuple[Fraction, Fraction, Fraction]) -> tuple[arb, str] | None:
    """Evaluate the closed form, or return None if there is none or it is not sharp at this place."""
    derivation = dual(expr, "dual") if law[0] and law[1] else None
    if derivation is None:
        return None
    value = enclose(derivation.closed_form, dict(zip((QU, QV, RHO), law, strict=True)))
    sharp = value.is_finite() and (value.rel_accuracy_bits() >= 45 or value.rad() < 1e-60)
    return (value, f"closed form in balls: {derivation.closed_form}") if sharp else None


def _by_series(expr: sp.Expr, law: tuple[Fraction, Fraction, Fraction]) -> tuple[arb, str]:
    q, r, rho = law
    if abs(rho) == 1 and q and r:
        return _moment(expr, q, r, int(rho)), f"one-dimensional integral; {_QUADRATURE}"
    count = 32
    while True:
        (left, u), (right, v) = _series(expr, q, count), _series(expr, r, count)
        value, power = arb(0), arb(1)
        for a, b in zip(left, right, strict=True):
            value, power = value + a * b * power, power * ball(rho)
        tails = [_tail(*side).upper().max(arb(0)) for side in ((left, u), (right, v))]
        rest = ((tails[0] * tails[1]).sqrt() * abs(power)).upper()
        if count >= MOST_TERMS or rest <= abs(value) * _WANTED or rest <= (u * v).sqrt() * _WANTED * 2.0**-20:
            break
        count *= 2
    return value + arb(0, rest), f"Hermite series of {count} terms with a Cauchy-Schwarz tail; {_QUADRATURE}"
