"""Suprema over the whole real line: exact, or branch and bound up to a point and a proved bound beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp
from flint import ctx

from theorycheck.bounds import REACH, supremum
from theorycheck.constants_far import Far, NoBound, far, number
from theorycheck.enclose import ball, enclose, ends, evaluator
from theorycheck.evidence import Certificate
from theorycheck.symbolic.activations import Z
from theorycheck.symbolic.canonical import between, branch, breakpoints
from theorycheck.symbolic.suprema import exact_supremum

_TOLERANCE, _PIECES = 1e-11, 8000
_BITS = 192
_LINE, _REACHED = "the real line", "|z| <= 2^64"


@dataclass(frozen=True)
class Piece:
    """One analytic expression between two neighbouring breakpoints (or infinities)."""

    left: sp.Expr
    right: sp.Expr
    expr: sp.Expr


def pieces(expr: sp.Expr) -> list[Piece]:
    """Split a canonical expression in Z at its breakpoints into analytic pieces, from left to right."""
    points = (-sp.oo, *breakpoints(expr), sp.oo)
    return [Piece(left, right, branch(expr, between(left, right))) for left, right in pairwise(points)]


def line_supremum(expr: sp.Expr, name: str) -> Certificate:
    """Enclose ``sup |expr|`` over the real line, breakpoints left out (their one-sided limits count).

    Parameters
    ----------
    expr
        A canonical expression in Z.
    name
        How the certificate calls it.

    Returns
    -------
    Certificate
        Its evidence says under ``covers`` whether the whole line is covered, or only ``|z| <= 2^64``.
    """
    exact = exact_supremum(expr)
    if exact is not None:
        lower, upper = ends(enclose(exact))
        return _certificate(name, expr, lower, upper, f"exact: {exact}", _LINE)
    try:
        parts = pieces(expr)
        found = [part for piece in parts for part in _on_piece(piece)]
    except ValueError:  # a breakpoint that cannot be located or enclosed
        plain = supremum(expr, Z, tolerance=_TOLERANCE, pieces=_PIECES)
        return _certificate(name, expr, plain.lower, plain.upper, plain.method, _REACHED)
    lower, upper = (max(values) for values in zip(*[part[:2] for part in found], strict=True))
    method = f"{len(parts)} analytic pieces; branch and bound in balls, and bounds of decay far out"
    covers = _LINE if all(part[2] for part in found) else _REACHED
    return _certificate(name, expr, lower, max(lower, upper), method, covers)


def _certificate(name: str, expr: sp.Expr, lower: float, upper: float, method: str, covers: str) -> Certificate:
    where = f"over {covers}" if covers == _LINE else f"over {covers} only"
    return Certificate(
        says=f"{lower!r} <= {name} <= {upper!r} {where}, for |{expr}|",
        method=method,
        lower=lower,
        upper=upper,
        evidence={"expression": str(expr), "covers": covers},
    )


def _on_piece(piece: Piece) -> Iterator[tuple[float, float, bool]]:
    """Enclose the supremum on parts of a piece; each with whether a half line was covered to its end."""
    if not piece.expr.has(Z):
        yield (*ends(abs(enclose(piece.expr))), True)
        return
    period = _period(piece.expr)
    if period is not None:
        found = supremum(piece.expr, Z, tolerance=_TOLERANCE, pieces=_PIECES, interval=(0.0, ends(enclose(period))[1]))
        yield found.lower, found.upper, True
        return
    known = [_double(end) for end in (piece.left, piece.right)]
    cuts = list(known)
    for k, side, end in ((0, -1, piece.left), (1, 1, piece.right)):
        if not end.is_infinite:
            continue
        start, bound = _half_line(piece.expr.subs(Z, side * Z), side * known[1 - k][0])
        cuts[k] = (side * start, side * start)
        yield bound
        if math.isinf(bound[1]):
            return  # nothing finite is known about this piece: no use in searching the rest of it
    (outer_left, inner_left), (inner_right, outer_right) = (sorted(cut) for cut in cuts)
    found = supremum(piece.expr, Z, tolerance=_TOLERANCE, pieces=_PIECES, interval=(inner_left, inner_right))
    yield found.lower, found.upper, True
    for low, high in ((outer_left, inner_left), (inner_right, outer_right)):
        if low < high:  # an irrational breakpoint: the gap counts for the upper end only
            yield 0.0, supremum(piece.expr, Z, pieces=1, interval=(low, high)).upper, True


def _period(expr: sp.Expr) -> sp.Expr | None:
    """Return a period of a function of sines and cosines of rational multiples of z, None for any other function."""
    waves = [wave for wave in expr.atoms(sp.sin, sp.cos) if wave.has(Z)]
    slopes = [wave.args[0].diff(Z) for wave in waves]
    others = expr.xreplace({wave: sp.Dummy() for wave in waves})
    if not waves or others.has(Z) or not all(slope.is_Rational for slope in slopes):
        return None
    return 2 * sp.pi * sp.ilcm(1, *(slope.q for slope in slopes)) / sp.igcd(0, *(slope.p for slope in slopes))


def _double(point: sp.Expr) -> tuple[float, float]:
    """Return the doubles around a breakpoint, (0, 0) for an infinite end."""
    return (0.0, 0.0) if point.is_infinite else ends(enclose(point.rewrite(sp.log)))


def _half_line(expr: sp.Expr, origin: float) -> tuple[float, tuple[float, float, bool]]:
    """Return where a half line to the right starts, and the enclosure of ``sup |expr|`` on it.

    The start is moved outward from the finite end ``origin`` of the piece (or 0), until nothing is lost against the
    limit, or against a value nearer by.
    """
    least = max(64.0, 2 * abs(origin))
    with ctx.workprec(_BITS):
        near = max(ends(abs(evaluator({Z: ball(origin + (least - origin) * k / 64)})(expr)))[0] for k in range(1, 64))
        best: tuple[float, tuple[float, float, bool]] | None = None
        for exponent in range(math.ceil(math.log2(least)), 65, 2):
            start = 2.0**exponent
            try:
                bound = _beyond(far(expr, start))
            except NoBound:
                continue
            if best is None or bound[1] < best[1][1] or math.isinf(bound[0]):
                best = start, (*bound, True)
            if bound[1] <= max(near, bound[0] * (1 + 1e-12)):
                break
        if best is None:
            return REACH, (ends(abs(evaluator({Z: ball(REACH)})(expr)))[0], 0.0, False)
        if math.isinf(best[1][1]) and best[1][0] < math.inf:
            large = [ends(abs(evaluator({Z: ball(2.0**k)})(expr)))[0] for k in range(6, 65)]
            best = best[0], (max(best[1][0], *large), math.inf, True)
        return best


def _beyond(f: Far) -> tuple[float, float]:
    """Enclose the supremum on the half line: the limit from below, limit plus remainder from above."""
    if len(f.coefficients) > 1:
        leads = f.vanishes and not number(f.coefficients[-1]).contains(0)
        return (math.inf if leads else 0.0), math.inf
    low, high = ends(abs(number(f.polynomial)))
    error = ends(f.error())[1]
    return (max(low, 0.0) if f.vanishes else 0.0), ends(ball(high) + ball(error))[1] if math.isfinite(
        error
    ) else math.inf
