"""Gaussian means of products of activations against Hermite functions, by Gauss-Legendre rules with a proved error.

With orthonormal ``h_k = He_k / sqrt(k!)`` and a standard normal x, all ``E[f(x) h_k(x)]``, k < count, come from one set
of nodes. Three bounds make them enclosures:

* Cauchy's estimate of ``e^(z t - t^2/2)`` on the circle ``|t| = sqrt(k)``, with ``k! <= e sqrt(k) (k/e)^k``, gives
  ``|h_k(x + iy)| <= sqrt(e) k^(1/4) exp(x^2/4 + sqrt(k) |y|)`` for k >= 1.
* A rule of n >= 2 nodes on [-1, 1] is off by at most ``64/15 M r^(-2n) / (1 - r^-2)`` if the integrand is analytic and at
  most M in the ellipse with foci -1, 1 and half axes ``(r +- 1/r)/2``: its Chebyshev coefficients are at most
  ``2 M r^-j``, and each even one from 2n on costs at most ``2 + 2/(j^2 - 1)`` (Trefethen, *Approximation Theory and
  Approximation Practice*, chapter 19). M is found by evaluating the factors on boxes that cover the ellipse, which
  also proves that they are analytic there: a pole or a branch cut makes a box infinite, and the panel is halved.
* Beyond ``|x| = T`` the factors are bounded as in :mod:`.constants_far`, and the integrand falls at a known rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise

import sympy as sp
from flint import acb, arb, ctx, fmpq

from theorycheck.constants_complex import on_box
from theorycheck.constants_far import Kind, NoBound, far
from theorycheck.constants_line import Piece, pieces
from theorycheck.enclose import ball, enclose, ends, evaluator
from theorycheck.symbolic.activations import Z

#: (s, q, sign): the function ``s(sign sqrt(q) x)``
Factor = tuple[sp.Expr, Fraction, int]

#: the error of a panel is to be below 2^-BITS, relative to the function at x = 1
BITS = 80
#: where the line may be cut
CUTS = (14, 17, 20, 26, 34, 44, 60, 90)
MOST_NODES, MOST_PANELS = 56, 4000
_RATIOS = (2, 3, 5)
_NO_MEAN = "the function grows too fast, or has no bound far out, for a Gaussian mean: use smaller variances"


def gaussian_means(factors: tuple[Factor, ...], count: int) -> list[arb]:
    """Enclose ``E[f(x) h_k(x)]`` for a standard normal x, ``f`` the product of the factors and k < count.

    Raises
    ------
    ValueError
        If a kink cannot be located, the functions grow too fast, or no panel can be made small enough.
    """
    bits = BITS + _smallness(factors)
    # the recurrence in balls widens like exp(x sqrt(k)), the density takes exp(-x^2/2) back: at most exp(k/2) is left
    with ctx.workprec(64 + bits + 3 * count // 4):
        cut, missed = _beyond(factors, count, bits)
        totals = [arb(0)] * count
        for left, right in pairwise(_edges(factors, cut)):
            for low, high, nodes, error in _panels(factors, (left, right), count, bits):
                missed += error
                _add(totals, factors, (low, high), nodes)
        factorial = arb(1)
        for k in range(count):
            factorial *= max(k, 1)
            totals[k] = totals[k] / factorial.sqrt() + arb(0, missed.upper())
    return totals


def _smallness(factors: tuple[Factor, ...]) -> int:
    """Return about how many bits the product of the factors at x = 1 or -1 lies below 1; it only steers the effort."""
    with ctx.workprec(128):
        sizes = []
        for side in (-1, 1):
            values = [evaluator({Z: side * _scale(factor)})(factor[0]) for factor in factors]
            sizes.append(ends(abs(math.prod(values, start=arb(1))))[1])
    largest = max(sizes)
    return math.ceil(-math.log2(largest)) if 0 < largest < 1 else 0


def _scale(factor: Factor) -> arb:
    return factor[2] * ball(factor[1]).sqrt()


@cache
def _pieces(expr: sp.Expr) -> list[Piece]:
    return pieces(expr)


@cache
def _breaks(expr: sp.Expr) -> list[sp.Expr]:
    return [piece.right.rewrite(sp.log) for piece in _pieces(expr)[:-1]]


def _edges(factors: tuple[Factor, ...], cut: arb) -> list[arb]:
    """Return -cut, the breakpoints of all factors inside, and cut, in increasing order."""
    # as exact numbers, so that a breakpoint shared by two factors is one
    points = {
        point * sign / sp.sqrt(sp.Rational(q.numerator, q.denominator))
        for expr, q, sign in factors
        for point in _breaks(expr)
    }
    inside = [edge for edge in map(evaluator({}), points) if not abs(edge) >= cut]
    edges = sorted(inside, key=lambda edge: float(edge.mid()))
    edges = [-cut, *edges, cut]
    if any(not left < right for left, right in pairwise(edges)):
        raise ValueError("two kinks are too near each other for a certified quadrature: use other variances")
    return edges


def _branch(factor: Factor, x: arb) -> sp.Expr:
    """Return the analytic expression of a factor on the panel with the midpoint x."""
    z = _scale(factor) * x
    found = [piece for piece in _pieces(factor[0]) if not z < _end(piece.left) and not z > _end(piece.right)]
    if len(found) != 1:
        raise ValueError(f"cannot tell on which side of a kink of {factor[0]} a panel lies: kinks too near each other")
    return found[0].expr


@cache
def _end(point: sp.Expr) -> arb:
    if point.is_infinite:
        return arb("inf") if point == sp.oo else -arb("inf")
    return enclose(point.rewrite(sp.log))


def _add(totals: list[arb], factors: tuple[Factor, ...], panel: tuple[arb, arb], nodes: int) -> None:
    """Add the panel's part of ``E[f He_k]`` to the totals."""
    centre, half = (panel[1] + panel[0]) / 2, (panel[1] - panel[0]) / 2
    parts = [(_branch(factor, centre.mid()), _scale(factor)) for factor in factors]
    density = 1 / (2 * arb.pi()).sqrt()
    for node, weight in _rule(nodes, ctx.prec):
        x = centre + half * node
        here = weight * half * density * (-x * x / 2).exp()
        for expr, scale in parts:
            here *= evaluator({Z: scale * x})(expr)
        before, now = arb(0), here
        totals[0] += now
        for k in range(1, len(totals)):
            before, now = now, x * now - (k - 1) * before
            totals[k] += now


@cache
def _rule(nodes: int, precision: int) -> list[tuple[arb, arb]]:
    with ctx.workprec(precision):
        return [arb.legendre_p_root(nodes, k, weight=True) for k in range(nodes)]


def _panels(
    factors: tuple[Factor, ...], interval: tuple[arb, arb], count: int, bits: int
) -> Iterator[tuple[arb, arb, int, arb]]:
    """Yield (left, right, nodes, error) for panels that fill an interval on which all factors are analytic."""
    waiting, made = [interval], 0
    while waiting:
        low, high = waiting.pop()
        made += 1
        if made > MOST_PANELS:
            raise ValueError("the function is too rough for a certified quadrature: use smaller variances")
        choices = [_plan(factors, (low, high), ratio, count, bits) for ratio in _RATIOS]
        nodes, error = min(choices, key=lambda choice: choice[0])
        if nodes <= MOST_NODES:
            yield low, high, nodes, error
            continue
        middle = (low + high).mid() / 2
        waiting += [(low, middle), (middle, high)]


def _plan(factors: tuple[Factor, ...], panel: tuple[arb, arb], ratio: int, count: int, bits: int) -> tuple[int, arb]:
    """Return how many nodes a panel needs with the ellipse of this ratio, and the error they leave (in every mean)."""
    low, high = panel
    with ctx.workprec(64):
        centre, half = (low + high) / 2, ((high - low) / 2).upper()
        wide, tall = half * (ratio + fmpq(1, ratio)) / 2, half * (ratio - fmpq(1, ratio)) / 2
        if tall > 12:  # far too large for any factor: do not ask
            return MOST_NODES + 1, arb("inf")
        most = _weight(centre, wide, tall, count)
        for factor in factors:
            most *= _largest(_branch(factor, centre.mid()), _scale(factor), (centre, wide, tall))
            if not most.is_finite():
                return MOST_NODES + 1, arb("inf")
        scaled = (most * half * 64 / 15 / (1 - arb(ratio) ** -2)).upper()
        if not scaled > 0:
            return 2, arb(0)
        wanted = (float(scaled.log().upper()) + bits * math.log(2)) / (2 * math.log(ratio))
        nodes = max(2, 4 * math.ceil(wanted / 4))
        return nodes, (scaled * arb(ratio) ** (-2 * nodes)).upper()


def _weight(centre: arb, wide: arb, tall: arb, count: int) -> arb:
    """Bound ``|h_k(z) density(z)|`` on the box around the ellipse, for all k < count."""
    inside = (abs(centre) - wide).lower().max(arb(0))
    share, grows, factor = _hermite(count)
    return factor * (-(inside**2) * share + tall**2 / 2 + grows * tall).exp() / (2 * arb.pi()).sqrt()


def _hermite(count: int) -> tuple[fmpq, arb, arb]:
    """Return (share, c, C) with ``|h_k(x + iy)| e^(-x^2/2) <= C exp(-share x^2 + c |y|)`` for all k < count."""
    if count == 1:
        return fmpq(1, 2), arb(0), arb(1)
    top = arb(count)
    return fmpq(1, 4), top.sqrt(), (arb(1) / 2).exp() * top.sqrt().sqrt()


def _largest(expr: sp.Expr, scale: arb, box: tuple[arb, arb, arb]) -> arb:
    """Bound ``|s(scale x)|`` on a box, which also proves that s is analytic there, or return an infinite ball."""
    centre, wide, tall = box
    largest = arb(0)
    # s is real on the real line, so the upper half is enough
    for row in range(3):
        imaginary = tall * row / 3
        for column in range(8):
            real = centre + wide * fmpq(column - 4, 4)
            cell = acb(real.union(real + wide / 4), imaginary.union(imaginary + tall / 3))
            size = on_box(expr, scale * cell).abs_upper()
            if not size.is_finite():
                return arb("inf")
            largest = largest.max(size)
    return largest


def _beyond(factors: tuple[Factor, ...], count: int, bits: int) -> tuple[arb, arb]:
    """Return where to cut the line, and a bound of all means beyond."""
    share, _, factor = _hermite(count)
    missed = arb("inf")
    for cut in map(arb, CUTS):
        missed = sum((_one_side(factors, cut, side, share) for side in (-1, 1)), arb(0)) * factor
        if missed < arb(2) ** -bits:
            break
    if not missed.is_finite():
        raise ValueError(_NO_MEAN)
    return cut, missed


def _one_side(factors: tuple[Factor, ...], cut: arb, side: int, share: fmpq) -> arb:
    """Bound the integral of ``|f| exp(-share x^2)/sqrt(2 pi)`` beyond the cut."""
    product: dict[Kind, arb] = {(Fraction(0), Fraction(0)): arb(1)}
    for factor in factors:
        own = _growth(factor, cut, side)
        new: dict[Kind, arb] = {}
        for (a, r), k in product.items():
            for (b, s), size in own.items():
                new[a + b, r + s] = new.get((a + b, r + s), arb(0)) + k * size
        product = new
    total = arb(0)
    for (a, r), size in product.items():
        # log of the integrand x^a exp(-r x - share x^2) falls at least at this rate beyond the cut
        rate = 2 * share * cut + ball(r) - ball(max(a, Fraction(0))) / cut
        if not rate > 0:
            return arb("inf")
        total += size * cut ** ball(a) * (-ball(r) * cut - share * cut**2).exp() / rate.lower()
    return total / (2 * arb.pi()).sqrt()


def _growth(factor: Factor, cut: arb, side: int) -> dict[Kind, arb]:
    """Return K for kinds (a, r) with ``|s(sign sqrt(q) x)| <= sum K x^a e^(-r x)`` beyond the cut, on one side."""
    expr, _, sign = factor
    direction = side * sign
    root = abs(_scale(factor))
    ended = [abs(_end(point)) for point in _breaks(expr)]
    start = 2.0 ** math.ceil(math.log2(2 + 2 * max([0.0, *(ends(end)[1] for end in ended)])))
    outermost = _pieces(expr)[-1 if direction > 0 else 0].expr.subs(Z, direction * Z)
    bound, start = _first_bound(outermost, start)
    found = {(Fraction(0), Fraction(0)): _nearer(expr.subs(Z, direction * Z), root * cut, start)}
    for (a, r), size in bound.items():
        slower = Fraction(ends(ball(r) * root)[0])
        found[a, slower] = found.get((a, slower), arb(0)) + size * root ** ball(a)
    return found


def _first_bound(expr: sp.Expr, start: float) -> tuple[dict[Kind, arb], float]:
    """Return the growth of an expression far out, and the first start of a half line where it can be bounded."""
    for factor in (1, 4, 16, 64, 1024):
        try:
            return far(expr, factor * start).growth, factor * start
        except NoBound:
            continue
    raise ValueError(_NO_MEAN)


def _nearer(expr: sp.Expr, low: arb, start: float) -> arb:
    """Bound ``|expr|`` between the cut and the point where the bound from far out starts."""
    if low > start:
        return arb(0)
    steps = [low + (start - low) * fmpq(k, 16) for k in range(17)]
    sizes = [abs(evaluator({Z: left.union(right)})(expr)).upper() for left, right in pairwise(steps)]
    largest = arb(0)
    for size in sizes:
        largest = largest.max(size) if size.is_finite() else arb("inf")
    return largest
