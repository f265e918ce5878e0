"""SymPy -> balls: the expressions of the cards, evaluated with a proved error.

A ball (Arb, through python-flint) is a midpoint and a radius; every operation rounds
outward, so the result surely contains the true value. ``enclose`` raises the precision by
itself until the radius stops improving.

Source of the method: F. Johansson, *Arb: efficient arbitrary-precision midpoint-radius
interval arithmetic*, IEEE Trans. Computers 66 (2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp
from flint import arb, ctx, fmpq

#: precisions (bits) that ``enclose`` tries in turn
PRECISIONS = (64, 128, 256, 512, 1024)


def ball(value: Any, error: float = 0.0) -> arb:
    """Return ``value`` (int, float, Fraction, SymPy rational or ball) as a ball of radius >= ``error``.

    A non-finite value or error gives the ball that contains everything.
    """
    if isinstance(value, arb):
        return value
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    if isinstance(value, sp.Rational):
        return arb(fmpq(int(value.p), int(value.q)))
    if isinstance(value, int):
        return arb(value)
    number = float(value)
    if not (math.isfinite(number) and math.isfinite(error)):
        return arb("nan")
    return arb(number, error) if error else arb(number)


def ends(x: arb) -> tuple[float, float]:
    """Return doubles below and above every number of the ball (infinite if it is not finite)."""
    if not x.is_finite():
        return -math.inf, math.inf
    low, high = float(x.lower()), float(x.upper())
    # float() rounds to nearest: step outward unless the double is exactly the end
    if not arb(low) <= x.lower():
        low = math.nextafter(low, -math.inf)
    if not arb(high) >= x.upper():
        high = math.nextafter(high, math.inf)
    return low, high


def _heaviside(x: arb, at_zero: arb = arb(0.5)) -> arb:  # noqa: B008
    if x > 0:
        return arb(1)
    if x < 0:
        return arb(0)
    # at the kink any value of the Clarke subdifferential may be meant
    return arb(0.5, 0.5).union(at_zero) if not x.is_zero() else at_zero


def _acos(x: arb) -> arb:
    # A real expression only ever asks for acos on [-1, 1]; a ball that pokes out of it by
    # rounding is cut back to the domain, else its square root of a negative is undefined.
    if not x.is_finite() or x > 1 or x < -1:
        return arb("nan")
    clipped = arb(1).min(arb(-1).max(x))
    result = clipped.acos()
    if result.is_finite():
        return result
    top = arb.pi() if not x > -1 else arb(x.lower()).max(arb(-1)).acos()
    bottom = arb(0) if not x < 1 else arb(x.upper()).acos()
    return bottom.union(top.max(bottom)) if top.is_finite() else arb(0).union(arb.pi())


def _sqrt(x: arb) -> arb:
    # As for acos: a nonnegative quantity whose ball reaches below 0 by its radius.
    if x >= 0 or x < 0:
        return x.sqrt()
    if not x.is_finite():
        return arb("nan")
    return arb(0).union(arb(x.upper()).sqrt())


_FUNCTIONS: Mapping[Any, Callable[..., arb]] = {
    sp.exp: arb.exp,
    sp.log: arb.log,
    sp.sin: arb.sin,
    sp.cos: arb.cos,
    sp.tan: arb.tan,
    sp.tanh: arb.tanh,
    sp.sinh: arb.sinh,
    sp.cosh: arb.cosh,
    sp.atan: arb.atan,
    sp.asin: lambda x: arb.pi() / 2 - _acos(x),
    sp.acos: _acos,
    sp.erf: arb.erf,
    sp.erfc: arb.erfc,
    sp.zeta: lambda s: s.zeta(),
    sp.Abs: abs,
    sp.Heaviside: _heaviside,
    sp.sign: lambda x: 2 * _heaviside(x) - 1,
}


def _integer_power(base: arb, exponent: int) -> arb:
    if exponent < 0:
        return 1 / _integer_power(base, -exponent)
    if base.is_zero() or not base.contains(0):
        return base**exponent
    # Arb's power is undefined on a ball around 0; an even one must not reach below 0
    bottom = arb(0) if exponent % 2 == 0 else base.lower() ** exponent
    return bottom.union((base.abs_upper() if exponent % 2 == 0 else base.upper()) ** exponent)


def _power(base: arb, exponent: sp.Expr, evaluate: Callable[[sp.Expr], arb]) -> arb:
    if exponent.is_Integer:
        return _integer_power(base, int(exponent))
    if exponent == sp.Rational(1, 2):
        return _sqrt(base)
    if exponent == -sp.Rational(1, 2):
        return 1 / _sqrt(base)
    if exponent.is_Rational and int(exponent.q) == 2:
        return _integer_power(_sqrt(base), int(exponent.p))
    return (evaluate(exponent) * base.log()).exp()


def _holds(relation: Any, evaluate: Callable[[sp.Expr], arb]) -> bool | None:
    """Return whether a relation holds on the whole ball, None if it depends on the point."""
    if relation in (sp.true, sp.false):
        return bool(relation)
    if isinstance(relation, sp.And):
        parts = [_holds(part, evaluate) for part in relation.args]
        return False if False in parts else (None if None in parts else True)
    if not isinstance(relation, sp.core.relational.Relational):
        raise ValueError(f"cannot enclose the condition {relation}: write it as an inequality")
    difference = evaluate(relation.lhs - relation.rhs)
    tests: Mapping[Any, tuple[Callable[[arb], bool], Callable[[arb], bool]]] = {
        sp.StrictGreaterThan: (lambda x: x > 0, lambda x: x <= 0),
        sp.GreaterThan: (lambda x: x >= 0, lambda x: x < 0),
        sp.StrictLessThan: (lambda x: x < 0, lambda x: x >= 0),
        sp.LessThan: (lambda x: x <= 0, lambda x: x > 0),
        sp.Equality: (lambda x: x.is_zero(), lambda x: not x.contains(0)),
        sp.Unequality: (lambda x: not x.contains(0), lambda x: x.is_zero()),
    }
    yes, no = tests[type(relation)]
    return True if yes(difference) else (False if no(difference) else None)


def _piecewise(expr: sp.Piecewise, evaluate: Callable[[sp.Expr], arb]) -> arb:
    possible: arb | None = None
    for value, condition in expr.args:
        truth = _holds(condition, evaluate)
        if truth is False:
            continue
        part = evaluate(value)
        possible = part if possible is None else possible.union(part)
        if truth is True:
            return possible
    # conditions that leave a gap leave the expression undefined in it
    covered = sp.Or(*(condition for _, condition in expr.args)) == sp.true
    return possible if covered and possible is not None else arb("nan")


def evaluator(values: Mapping[sp.Symbol, arb]) -> Callable[[sp.Expr], arb]:
    """Return a function that encloses expressions at the given balls, at the current precision."""
    seen: dict[sp.Expr, arb] = dict(values)

    def evaluate(expr: sp.Expr) -> arb:
        if expr not in seen:
            seen[expr] = compute(expr)
        return seen[expr]

    def compute(expr: sp.Expr) -> arb:
        if expr.is_Rational:
            return ball(expr)
        if expr.is_Float:
            return ball(Fraction(*map(int, sp.Rational(expr).as_numer_denom())))
        if expr is sp.pi:
            return arb.pi()
        if expr is sp.E:
            return arb(1).exp()
        if expr is sp.oo:
            return arb("inf")
        if isinstance(expr, sp.Add):
            return sum((evaluate(part) for part in expr.args), arb(0))
        if isinstance(expr, sp.Mul):
            return math.prod((evaluate(part) for part in expr.args), start=arb(1))
        if isinstance(expr, sp.Pow):
            return _power(evaluate(expr.base), expr.exp, evaluate)
        if isinstance(expr, (sp.Max, sp.Min)):
            pick = arb.max if isinstance(expr, sp.Max) else arb.min
            parts = [evaluate(part) for part in expr.args]
            result = parts[0]
            for part in parts[1:]:
                result = pick(result, part)
            return result
        if isinstance(expr, sp.Piecewise):
            return _piecewise(expr, evaluate)
        if expr.func in _FUNCTIONS:
            return _FUNCTIONS[expr.func](*(evaluate(part) for part in expr.args))
        raise ValueError(f"cannot enclose {expr}: no ball arithmetic for {expr.func.__name__}")

    return evaluate


def enclose(expr: sp.Expr, values: Mapping[sp.Symbol, Any] | None = None) -> arb:
    """Return a ball that surely contains ``expr`` at the given values.

    Parameters
    ----------
    expr
        A real SymPy expression.
    values
        A ball, float (taken exactly), int or Fraction for every free symbol.

    Returns
    -------
    arb
        The smallest of the balls found at rising precision: it stops as soon as 50 bits are
        right or doubling the precision no longer halves the radius. NaN where the expression
        is undefined.

    Raises
    ------
    ValueError
        If a symbol has no value or a function has no ball arithmetic.
    """
    given = dict(values or {})
    missing = expr.free_symbols - set(given)
    if missing:
        raise ValueError(
            f"no value for {', '.join(sorted(map(str, missing)))}: give one for every symbol of the expression"
        )
    best = None
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            result = evaluator({symbol: ball(value) for symbol, value in given.items()})(expr)
        if result.is_finite() and result.rel_accuracy_bits() >= 50:
            return result
        if best is not None and best.is_finite() and not result.rad() < best.rad() / 2:
            return best
        best = result if best is None or result.is_finite() else best
    return best
