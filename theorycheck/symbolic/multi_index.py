"""The simplified gradient where x is standard Gaussian and the label a polynomial of x (shi2023, R7b).

With ``C_k = E grad^k h``, ``|u| = 1`` and ``c_k = E[He_k(g) 1{g > beta}]``, Stein's lemma in the Hermite series of the threshold
gives ``E[h x 1{<u, x> > beta}] = sum_k (c_k/k!) C_{k+1}[u^k] + u sum_k (c_{k+1}/k!) C_k[u^k]``: for a function of few
directions the first sum lies in their span. A polynomial's sums end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import sympy as sp

from theorycheck.symbolic.canonical import Z
from theorycheck.symbolic.gaussian import MU, MV, QU, QV, RHO, cross_shifted

#: the threshold over the length of the weights
BETA = sp.Symbol("beta", real=True)


@cache
def threshold_hermite(k: int) -> sp.Expr:
    """Return ``c_k = E[He_k(g) 1{g > beta}]`` for a standard normal g: ``pdf(beta) He_{k-1}(beta)`` for k > 0."""
    # v = g and u = g - beta are one variable
    found = cross_shifted(sp.Heaviside(Z), _hermite(k))
    assert found is not None
    return sp.expand(sp.simplify(found.subs({MU: -BETA, MV: 0, QU: 1, QV: 1, RHO: 1})))


def _hermite(k: int) -> sp.Expr:
    previous, current = sp.S.Zero, sp.S.One
    for j in range(k):
        previous, current = current, sp.expand(Z * current - j * previous)
    return current


def gaussian_mean(expr: sp.Expr, inputs: Sequence[sp.Symbol]) -> sp.Expr:
    """Return ``E expr`` for independent standard normal inputs; ``expr`` is a polynomial of them."""
    total = sp.S.Zero
    for powers, coefficient in sp.Poly(expr, *inputs).terms():
        if all(power % 2 == 0 for power in powers):
            total += coefficient * sp.prod([sp.factorial2(power - 1) if power else 1 for power in powers])
    return sp.expand(total)


def polynomial_gradient(label: sp.Expr, inputs: Sequence[sp.Symbol], direction: Sequence[sp.Symbol]) -> list[sp.Expr]:
    """Return ``E[h(x) x 1{<u, x> > beta}]`` by coordinates, in :data:`BETA` and the symbols of ``u``, a unit vector.

    Parameters
    ----------
    label
        The polynomial h of the inputs.
    """
    degree = sp.Poly(label, *inputs).total_degree()
    # along[k] = C_k[u^k], the mean of the k-th derivative along u
    along, derivative = [], label
    for _ in range(degree + 2):
        along.append(gaussian_mean(derivative, inputs))
        derivative = sp.expand(sum(u * sp.diff(derivative, x) for u, x in zip(direction, inputs, strict=True)))
    found = []
    for u in direction:
        # C_{k+1}[e_i, u^k] is the derivative of C_{k+1}[u^(k+1)] by u_i, over k + 1
        inside = sum(threshold_hermite(k) * sp.diff(along[k + 1], u) / sp.factorial(k + 1) for k in range(degree + 1))
        beside = sum(threshold_hermite(k + 1) * along[k] / sp.factorial(k) for k in range(degree + 1))
        found.append(sp.expand(inside + u * beside))
    return found
