"""Canonical forms in one real variable: every kink is a ``Max(0, u)``, every jump a ``Heaviside(u)``, every logistic a tanh.

Two reasons. A kink that is written in one way only can be differentiated, located and integrated by one rule; and a
logistic that is written through tanh overflows neither in floats nor in balls.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise

import sympy
from sympy import Abs, Add, DiracDelta, Expr, Heaviside, Integer, Max, Min, Mul, Piecewise, Poly, Pow, Rational, Symbol

Z = Symbol("z", real=True)

# Strictly increasing functions, with their inverses and the open range on which those are defined.
_INVERSES: dict[type, tuple[Callable[[Expr], Expr], Expr, Expr]] = {
    sympy.exp: (sympy.log, Integer(0), sympy.oo),
    sympy.log: (sympy.exp, -sympy.oo, sympy.oo),
    sympy.tanh: (sympy.atanh, Integer(-1), Integer(1)),
    sympy.erf: (sympy.erfinv, Integer(-1), Integer(1)),
    sympy.atan: (sympy.tan, -sympy.pi / 2, sympy.pi / 2),
    sympy.sinh: (sympy.asinh, -sympy.oo, sympy.oo),
    sympy.asinh: (sympy.sinh, -sympy.oo, sympy.oo),
}


def canonical(expr: Expr) -> Expr:
    """Return ``expr`` with kinks, jumps and logistics in canonical form, rewritten from the leaves up.

    ``Max``, ``Min`` and ``Abs`` become sums of ``Max(0, u)``, ``sign`` becomes ``Heaviside``, a linear ``u`` is made
    monic, and ``1/(1 + exp(u))`` becomes ``(1 - tanh(u/2))/2``. ``log(1 + exp(u))`` and ``Piecewise`` stay.
    """
    if not expr.args or isinstance(expr, Poly):
        return expr
    rebuilt = expr.func(*[canonical(arg) for arg in expr.args])
    match rebuilt:
        case Max():
            return reduce(
                lambda a, b: a + positive_part(b - a), sorted(rebuilt.args, key=lambda arg: not arg.is_number)
            )
        case Min():
            return -canonical(Max(*[-arg for arg in rebuilt.args]))
        case Abs():
            return 2 * positive_part(rebuilt.args[0]) - rebuilt.args[0]
        case sympy.sign():
            return 2 * _step(rebuilt.args[0]) - 1
        case Heaviside():
            return _step(rebuilt.args[0])
        case Pow():
            return _logistic(rebuilt)
        case Mul():
            return _tilted_logistic(rebuilt)
        case _:
            return rebuilt


def derivative(expr: Expr) -> Expr:
    """Return the canonical derivative away from jumps: ``DiracDelta`` terms are dropped.

    At a kink of ``expr`` it takes the value in the middle, because SymPy's ``Heaviside(0)`` is 1/2.
    """
    slope = expr.diff(Z)
    return canonical(slope.xreplace({delta: Integer(0) for delta in slope.atoms(DiracDelta)}))


def positive_part(u: Expr) -> Expr:
    """Return ``max(0, u)``; for piecewise linear ``u`` in terms of ``Max(0, z - c)`` alone."""
    scale, shifted = _monic(u)
    if shifted is None:
        flat = _flattened(u) if u.has(Max) else None
        return Max(0, u) if flat is None else flat
    return scale * Max(0, shifted) if scale.is_positive else -scale * (Max(0, shifted) - shifted)


def _flattened(u: Expr) -> Expr | None:
    """Return ``max(0, u)`` for a continuous piecewise linear ``u`` as a line plus one term for each kink, else None.

    Without it nested kinks would double the expression at every level.
    """
    try:
        points = tuple(sorted({*breakpoints(u), *zeros(u)}, key=float))
    except ValueError:
        return None
    tests = [between(*ends) for ends in zip((-sympy.oo, *points), (*points, sympy.oo), strict=True)]
    pieces = [branch(u, test) for test in tests]
    if u.has(Heaviside, Piecewise) or any(piece.diff(Z).has(Z) for piece in pieces):
        return None
    pieces = [piece if piece.subs(Z, test) > 0 else Integer(0) for piece, test in zip(pieces, tests, strict=True)]
    slopes = [piece.diff(Z) for piece in pieces]
    jumps = [after - before for before, after in pairwise(slopes)]
    return sympy.expand(pieces[0]) + Add(*[j * Max(0, Z - p) for j, p in zip(jumps, points, strict=True)])


def _step(u: Expr) -> Expr:
    scale, shifted = _monic(u)
    if shifted is None:
        return Heaviside(u)
    return Heaviside(shifted) if scale.is_positive else 1 - Heaviside(shifted)


def _monic(u: Expr) -> tuple[Expr, Expr | None]:
    """Return (a, z - c) if ``u = a (z - c)`` with a known sign of a, else (1, None)."""
    if not u.is_polynomial(Z):
        return Integer(1), None
    linear = Poly(u, Z)
    if linear.degree() != 1 or not (linear.LC().is_positive or linear.LC().is_negative):
        return Integer(1), None
    return linear.LC(), Z + linear.nth(0) / linear.LC()


def _logistic(power: Pow) -> Expr:
    """Return ``(1 + exp(u))**-n`` through tanh, any other power as it is."""
    base, exponent = power.as_base_exp()
    if base.is_Pow or not (base.is_Add and len(base.args) == 2 and exponent.is_negative and exponent.is_Integer):
        return power
    rest = base - 1
    return ((1 - sympy.tanh(rest.args[0] / 2)) / 2) ** (-exponent) if isinstance(rest, sympy.exp) else power


def _tilted_logistic(product: Mul) -> Expr:
    """Return the product with ``exp(u) (1 - tanh(u/2))`` replaced by ``1 + tanh(u/2)`` as often as it occurs."""
    for exponential in [arg for arg in product.args if isinstance(arg, sympy.exp)]:
        for factor in product.args:
            base, power = factor.as_base_exp()
            sign, argument = _one_minus_tanh(base)
            times = exponential.args[0] / (2 * sign * argument) if sign else Integer(0)
            if power.is_Integer and times.is_Integer and 0 < times <= power:
                mirrored = base.xreplace({sympy.tanh(argument): -sympy.tanh(argument)})
                rest = [arg for arg in product.args if arg not in (exponential, factor)]
                return canonical(Mul(*rest, base ** (power - times), mirrored**times))
    return product


def _one_minus_tanh(base: Expr) -> tuple[int, Expr]:
    """Return (s, x) if ``base = a (1 - s tanh(x))`` with s = 1 or -1, else (0, 0)."""
    if not (base.is_Add and len(base.args) == 2 and base.args[0].is_Rational):
        return 0, Integer(0)
    coefficient, function = base.args[1].as_coeff_Mul()
    ratio = -coefficient / base.args[0]
    return (int(ratio), function.args[0]) if isinstance(function, sympy.tanh) and abs(ratio) == 1 else (0, Integer(0))


def breakpoints(expr: Expr) -> tuple[Expr, ...]:
    """Return the points at which a canonical expression may fail to be analytic, in increasing order.

    Raises
    ------
    ValueError
        If they are not the roots of something that this module can solve.
    """
    found: set[Expr] = set()
    for part in expr.atoms(Max, Heaviside):
        found.update(zeros(part.args[0] if isinstance(part, Heaviside) else Add(*part.args)))
    for power in expr.atoms(Pow):
        if not power.exp.is_Integer and power.base.has(Z):
            found.update(zeros(power.base))
    for pieces in expr.atoms(Piecewise):
        for relation in pieces.atoms(sympy.core.relational.Relational):
            found.update(zeros(relation.lhs - relation.rhs))
    return tuple(sorted(found, key=float))


def zeros(u: Expr) -> tuple[Expr, ...]:
    """Return the real zeros of ``u(z)``: of polynomials, products, and increasing functions of such.

    Raises
    ------
    ValueError
        If ``u`` is none of these.
    """
    if u.is_positive or u.is_negative:
        return ()
    _, shifted = _monic(u)
    if shifted is not None:
        return (Z - shifted,)
    if u.has(Max, Heaviside):
        return _zeros_of_pieces(u)
    if u.is_Mul or (u.is_Pow and u.exp.is_positive):
        factors = [arg for arg in (u.args if u.is_Mul else (u.base,)) if arg.has(Z)]
        return tuple({zero for factor in factors for zero in zeros(factor)})
    if u.is_polynomial(Z):
        polynomial = Poly(u, Z)
        if polynomial.degree() <= 8 and all(value.is_Rational for value in polynomial.all_coeffs()):
            return tuple(sympy.real_roots(polynomial, multiple=True))
    constant, rest = u.as_independent(Z, as_Add=True)
    coefficient, function = rest.as_independent(Z, as_Add=False)
    if type(function) in _INVERSES:
        inverse, least, greatest = _INVERSES[type(function)]
        level = -constant / coefficient
        return zeros(function.args[0] - inverse(level)) if least < level < greatest else ()
    raise ValueError(
        f"the kink where {u} = 0 cannot be located: use max, abs and sign of polynomials, exp, tanh, atan or erf"
    )


def _zeros_of_pieces(u: Expr) -> tuple[Expr, ...]:
    """Return the zeros of a function with kinks: on each interval those of its branch there."""
    points = breakpoints(u)
    found = {point for point in points if u.subs(Z, point).equals(0)}
    for left, right in zip((-sympy.oo, *points), (*points, sympy.oo), strict=True):
        found.update(zero for zero in zeros(branch(u, between(left, right))) if left < zero < right)
    return tuple(found)


def between(left: Expr, right: Expr) -> Expr:
    """Return a rational number strictly between two points, of which one or both may be infinite."""
    if left.is_infinite or right.is_infinite:
        return (
            Rational(0)
            if left.is_infinite and right.is_infinite
            else (sympy.floor(left) + 1 if right.is_infinite else sympy.ceiling(right) - 1)
        )
    return (Rational(float(left)) + Rational(float(right))) / 2


def branch(expr: Expr, point: Expr) -> Expr:
    """Return the analytic expression that ``expr`` equals in the neighbourhood of ``point`` (which is no breakpoint)."""
    chosen: dict[Expr, Expr] = {}
    for part in sorted(expr.atoms(Max, Heaviside, Piecewise), key=sympy.count_ops):
        if isinstance(part, Piecewise):
            holds = [value for value, condition in part.args if condition.xreplace(chosen).subs(Z, point) == sympy.true]
            chosen[part] = holds[0].xreplace(chosen)
        else:
            u = (part.args[0] if isinstance(part, Heaviside) else Add(*part.args)).xreplace(chosen)
            positive = u.subs(Z, point).evalf(30) > 0
            chosen[part] = (Integer(1) if isinstance(part, Heaviside) else u) if positive else Integer(0)
    return canonical(expr.xreplace(chosen))


def sides(expr: Expr, point: Expr, others: tuple[Expr, ...]) -> tuple[Expr, Expr]:
    """Return the limits of ``expr`` from the left and from the right of ``point``, given all breakpoints."""
    gaps = [abs(float(other - point)) for other in others if other != point]
    step = Rational(min([1.0, *gaps])) / 2
    near = point if point.is_Rational else Rational(float(point))
    return tuple(branch(expr, near + side * step).subs(Z, point) for side in (-1, 1))
