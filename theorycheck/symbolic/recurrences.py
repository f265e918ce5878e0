"""Taylor coefficients of a network's flow: the recurrences, derived from the activation.

Along a path ``z(t)`` an activation such as tanh obeys a polynomial differential equation
(``s' = (1 - s^2) z'``). :func:`polynomial_system` finds the functions that are needed to close
the system (``exp(-z^2)`` beside erf) by differentiating until nothing new appears;
coefficients of any order then follow from products of power series.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.canonical import derivative

#: functions after which the search is given up
MOST = 8


@dataclass(frozen=True)
class PolynomialSystem:
    """Functions ``y_i(z)`` whose derivatives, and the activation's slope, are polynomials in ``z`` and themselves.

    Attributes
    ----------
    symbols
        ``y_0, y_1, ...``
    functions
        What they stand for, in ``Z``.
    derivatives
        ``dy_i/dz``, polynomials in ``Z`` and the symbols.
    slope
        The activation's slope, a polynomial in ``Z`` and the symbols.
    """

    symbols: tuple[sp.Symbol, ...]
    functions: tuple[sp.Expr, ...]
    derivatives: tuple[sp.Expr, ...]
    slope: sp.Expr


def polynomial_system(activation: Activation) -> PolynomialSystem:
    """Return the polynomial system of an analytic activation.

    Raises
    ------
    ValueError
        If the activation is not analytic, or no system of at most :data:`MOST` functions closes.
    """
    if not activation.analytic:
        raise ValueError(f"{activation.name} is not analytic: it has no Taylor series through its breakpoints")
    found: dict[sp.Expr, sp.Symbol] = {}
    slope = _polynomial(activation.slope, found)
    derivatives: list[sp.Expr] = []
    while len(derivatives) < len(found):
        if len(found) > MOST:
            raise ValueError(f"{activation.name} obeys no polynomial equation in at most {MOST} functions")
        derivatives.append(_rule(list(found)[len(derivatives)], found))
    return PolynomialSystem(tuple(found.values()), tuple(found), tuple(derivatives), slope)


def _rule(function: sp.Expr, found: dict[sp.Expr, sp.Symbol]) -> sp.Expr:
    """Return a function's derivative as a polynomial; a power is written as itself over its base, so that it closes."""
    if not isinstance(function, sp.Pow):
        return _polynomial(derivative(function), found)
    inner = _polynomial(derivative(function.base), found)
    if function.exp == -1:
        return -inner * found[function] ** 2
    return function.exp * inner * found[function] * _polynomial(1 / function.base, found)


def _polynomial(expr: sp.Expr, found: dict[sp.Expr, sp.Symbol]) -> sp.Expr:
    """Replace what is not polynomial in ``Z`` by symbols, new ones where needed."""
    if not expr.has(Z) or expr == Z:
        return expr
    if expr.is_Add or expr.is_Mul:
        return expr.func(*(_polynomial(arg, found) for arg in expr.args))
    if expr.is_Pow and expr.exp.is_Integer:
        if expr.exp.is_positive:
            return _polynomial(expr.base, found) ** expr.exp
        if expr.exp != -1:
            return _polynomial(1 / expr.base, found) ** (-expr.exp)
    if expr not in found:
        found[expr] = sp.Symbol(f"y_{len(found)}", real=True)
    return found[expr]
