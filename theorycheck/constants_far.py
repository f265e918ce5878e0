"""Functions far out on the right: a polynomial plus a remainder with a proved bound.

Interval arithmetic on ``[R, oo)`` knows that ``z`` grows and that ``exp(-z)`` falls, but not which of the two wins in
their product. So an expression is carried as ``P(z) + E(z)`` with an exact polynomial P and ``|E| <= sum K z^a e^(-r z)``
for ``z >= R``; sums, products and the functions of the activations act on this form. The whole left half line is the
right one of the mirrored expression.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp
from flint import arb

from theorycheck.enclose import ball, ends, evaluator
from theorycheck.symbolic.activations import Z

#: (power a, rate r) of ``z^a exp(-r z)``; a negative rate is growth
Kind = tuple[Fraction, Fraction]


class NoBound(ValueError):
    """No rule bounds this expression far out."""


@dataclass(frozen=True)
class Far:
    """``|f(z) - polynomial(z)| <= sum of K z^a e^(-r z)`` for all ``z >= start``, where ``start >= 1``.

    Attributes
    ----------
    polynomial
        In the activation's variable Z, with exact real coefficients, expanded.
    rest
        K >= 0 for each (a, r).
    """

    polynomial: sp.Expr
    rest: Mapping[Kind, arb]
    start: float

    @property
    def coefficients(self) -> list[sp.Expr]:
        """c_0, c_1, ... of the polynomial; at least one."""
        return list(reversed(sp.Poly(self.polynomial, Z).all_coeffs()))

    @property
    def growth(self) -> dict[Kind, arb]:
        """The same bound for ``|f|`` itself."""
        powers = [(Fraction(k), Fraction(0), abs(number(c))) for k, c in enumerate(self.coefficients) if c != 0]
        return _collected([((a, r), size) for a, r, size in powers] + list(self.rest.items()))

    @property
    def vanishes(self) -> bool:
        """Whether the remainder tends to 0."""
        return all(r > 0 or (r == 0 and a < 0) for a, r in self.rest)

    def error(self, power: int = 0) -> arb:
        """Return an upper bound of ``|E(z)| / z^power`` on the half line, infinite if there is none."""
        return sum((k * _highest(a - power, r, self.start) for (a, r), k in self.rest.items()), arb(0))


def far(expr: sp.Expr, start: float) -> Far:
    """Bring an analytic expression in Z into the form above, for ``z >= start``.

    Raises
    ------
    NoBound
        If a part of the expression has no rule, or ``start`` is too small for the rule to hold.
    """
    if not expr.has(Z):
        return Far(expr, {}, start)
    if expr == Z:
        return Far(Z, {}, start)
    if isinstance(expr, sp.Add):
        parts = [far(part, start) for part in expr.args]
        rest = _collected(item for part in parts for item in part.rest.items())
        return Far(sp.expand(sum(part.polynomial for part in parts)), rest, start)
    if isinstance(expr, sp.Mul):
        product = far(expr.args[0], start)
        for part in expr.args[1:]:
            product = _times(product, far(part, start))
        return product
    if isinstance(expr, (sp.sinh, sp.cosh)):
        return far(expr.rewrite(sp.exp), start)
    if isinstance(expr, sp.log):
        return _log(expr.args[0], start)
    if isinstance(expr, sp.Pow):
        return _power(far(expr.base, start), expr.exp)
    if expr.func in _RULES:
        return _RULES[expr.func](far(expr.args[0], start))
    raise NoBound(f"no bound far out for {expr.func.__name__}")


def number(value: sp.Expr) -> arb:
    """Enclose an exact number at the current precision."""
    return evaluator({})(value)


def _collected(items: Iterable[tuple[Kind, arb]]) -> dict[Kind, arb]:
    found: dict[Kind, arb] = {}
    for kind, size in items:
        found[kind] = found.get(kind, arb(0)) + size
    return found


def _highest(a: Fraction, r: Fraction, start: float) -> arb:
    """Return the largest value of ``z^a e^(-r z)`` for z >= start: at the start or at a/r."""
    if r < 0 or (r == 0 and a > 0):
        return arb("inf")
    at = max(Fraction(start), a / r) if r > 0 else Fraction(start)
    return ball(at) ** ball(a) * (-ball(r) * ball(at)).exp()


def _times(left: Far, right: Far) -> Far:
    """``(P + E)(Q + F) = PQ + PF + QE + EF``."""
    bare = [Far(side.polynomial, {}, side.start).growth for side in (left, right)]
    pairs = ((bare[0], right.rest), (bare[1], left.rest), (left.rest, right.rest))
    items = [((a + b, r + s), k * m) for one, two in pairs for (a, r), k in one.items() for (b, s), m in two.items()]
    return Far(sp.expand(left.polynomial * right.polynomial), _collected(items), left.start)


def _scaled(f: Far, polynomial: sp.Expr, factor: arb) -> Far:
    return Far(polynomial, {kind: factor * size for kind, size in f.rest.items()}, f.start)


def _single(f: Far, polynomial: sp.Expr, size: arb, power: Fraction, rate: Fraction) -> Far:
    return Far(polynomial, {(power, rate): size}, f.start)


def _power(base: Far, exponent: sp.Expr) -> Far:
    """``f^e``: repeated products, or the mean value theorem near a constant, or the leading term from below."""
    if exponent.is_Integer and exponent > 0:
        result = base
        for _ in range(int(exponent) - 1):
            result = _times(result, base)
        return result
    if not exponent.is_Rational:
        raise NoBound("a power that is not rational")
    degree, leading = len(base.coefficients) - 1, base.coefficients[-1]
    if exponent > 0 and degree > 0:  # a root of something that grows: only its growth is known
        whole = int(sp.ceiling(exponent))
        return _times(_power(base, sp.Integer(whole)), _power(base, exponent - whole))
    if leading == 0 or not (exponent.is_Integer or number(leading) > 0):
        raise NoBound("a power of something that tends to 0 or to a negative number")
    if degree == 0:
        error, c = base.error(), abs(number(leading))
        low, high = (c - error).lower(), (c + error).upper()
        if not low > 0:
            raise NoBound("a power of something that may vanish")
        e = ball(exponent)
        return _scaled(base, leading**exponent, abs(e) * (low ** (e - 1)).max(high ** (e - 1)))
    return _single(base, sp.S.Zero, _least(base) ** ball(exponent), Fraction(int(exponent.p), int(exponent.q)) * degree, Fraction(0))  # fmt: skip


def _least(f: Far) -> arb:
    """Return a positive lower bound of ``|f(z)| / z^degree``."""
    *lower, leading = f.coefficients
    degree, start = len(lower), arb(f.start)
    taken = sum((abs(number(c)) * start ** (k - degree) for k, c in enumerate(lower)), arb(0))
    least = (abs(number(leading)) - taken - f.error(degree)).lower()
    if not least > 0:
        raise NoBound("the leading term does not rule yet")
    return least


def _line(f: Far) -> tuple[int, arb, arb]:
    """Return (sign, Q, b) with ``sign f(z) >= Q z + b`` for z >= start, Q > 0, for a growing f."""
    first, *inner, leading = f.coefficients if len(f.coefficients) > 1 else (sp.S.Zero, sp.S.Zero)
    if leading == 0:
        raise NoBound("a bounded function where a growing one is needed")
    sign = 1 if number(leading) > 0 else -1
    start, degree = arb(f.start), len(inner) + 1
    taken = sum((abs(number(c)) * start ** (k - degree) for k, c in enumerate(inner, 1)), arb(0))
    slope = ((abs(number(leading)) - taken) * start ** (degree - 1)).lower()
    level = (sign * number(first) - f.error()).lower()
    if not (slope > 0 and level.is_finite() and slope * start + level > 0):
        raise NoBound("the leading term does not rule yet")
    return sign, slope, level


def _rate(value: arb) -> Fraction:
    """Return a rate as a fraction, rounded towards slower decay."""
    low = ends(value)[0]
    if not math.isfinite(low):
        raise NoBound("a rate that is not finite")
    return Fraction(low)


def _grows(f: Far) -> bool:
    return len(f.coefficients) > 1


def _tanh(f: Far) -> Far:
    if not _grows(f):
        return _scaled(f, sp.tanh(f.polynomial), arb(1))
    sign, slope, level = _line(f)  # 1 - tanh(x) <= 2 exp(-2x)
    return _single(f, sp.Integer(sign), 2 * (-2 * level).exp(), Fraction(0), _rate(2 * slope))


def _erf(f: Far) -> Far:
    if not _grows(f):
        return _scaled(f, sp.erf(f.polynomial), 2 / arb.pi().sqrt())
    sign, slope, level = _line(f)  # erfc(x) <= exp(-x^2), and x^2 >= x (Q R + b)
    least = slope * arb(f.start) + level
    return _single(f, sp.Integer(sign), (-level * least).exp(), Fraction(0), _rate(slope * least))


def _erfc(f: Far) -> Far:
    opposite = _erf(f)
    return _scaled(opposite, 1 - opposite.polynomial, arb(1))


def _exp(f: Far) -> Far:
    if not _grows(f):
        error = f.error()
        if not error.is_finite():
            raise NoBound("an exponential of something unbounded")
        return _scaled(f, sp.exp(f.polynomial), (number(f.polynomial) + error).exp())
    leading = f.coefficients[-1]
    if number(leading) > 0:
        if len(f.coefficients) > 2 or not f.error().is_finite():
            raise NoBound("growth beyond an exponential")
        size = (number(f.coefficients[0]) + f.error()).exp()
        return _single(f, sp.S.Zero, size, Fraction(0), _rate(-number(leading)))
    _, slope, level = _line(f)
    return _single(f, sp.S.Zero, (-level).exp(), Fraction(0), _rate(slope))


def _atan(f: Far) -> Far:
    if not _grows(f):
        return _scaled(f, sp.atan(f.polynomial), arb(1))
    sign, slope, level = _line(f)  # pi/2 - atan(x) <= 1/x
    return _single(f, sign * sp.pi / 2, 1 / (slope + level.min(arb(0)) / f.start), Fraction(-1), Fraction(0))


def _asinh(f: Far) -> Far:
    return Far(sp.S.Zero, f.growth, f.start)  # |asinh(x)| <= |x|


def _wave(f: Far) -> Far:
    return _single(f, sp.S.Zero, arb(1), Fraction(0), Fraction(0))


def _log(argument: sp.Expr, start: float) -> Far:
    inner = argument - 1
    if isinstance(inner, sp.exp):  # log(1 + e^u) = max(u, 0) + log(1 + e^-|u|)
        u = far(inner.args[0], start)
        if _grows(u):
            sign, slope, level = _line(u)
            rest = _collected([((Fraction(0), _rate(slope)), (-level).exp()), *(u.rest.items() if sign > 0 else ())])
            return Far(u.polynomial if sign > 0 else sp.S.Zero, rest, start)
    f = far(argument, start)
    if _grows(f) and number(f.coefficients[-1]) > 0:  # k <= f, hence |log f| <= f + |log k|: only its growth is known
        least = abs((_least(f) * arb(start) ** (len(f.coefficients) - 1)).log())
        return Far(sp.S.Zero, _collected([*f.growth.items(), ((Fraction(0), Fraction(0)), least)]), start)
    if _grows(f) or not (number(f.polynomial) - f.error()).lower() > 0:
        raise NoBound("a logarithm of something that grows or may vanish")
    return _scaled(f, sp.log(f.polynomial), 1 / (number(f.polynomial) - f.error()).lower())


_RULES = {
    sp.tanh: _tanh,
    sp.erf: _erf,
    sp.erfc: _erfc,
    sp.exp: _exp,
    sp.atan: _atan,
    sp.asinh: _asinh,
    sp.sin: _wave,
    sp.cos: _wave,
}
