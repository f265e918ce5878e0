"""R8.4: the hyper-parameters of the end-to-end theorem as expressions, and its four terms (errata U1, U2, U11).

``alpha = b~ |a~|`` and ``beta = S/b~`` do not depend on the scale b~ of the biases, to which the first layer's start is
proportional; ``S`` is a bound on ``S_1 = |a_1| + |W_1|_F + |b|/B_1`` and ``h = eta T`` the length of the descent.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

alpha, beta = sp.symbols("alpha beta", positive=True)
epsilon, B_1, bias = sp.symbols("epsilon B_1 b", positive=True)
size, length, step = sp.symbols("S_1 h eta", positive=True)
outer, start = sp.symbols("|a~| |a_1|", nonnegative=True)

#: what R8.3 leaves of the mean loss, term by term: the first layer moves, a~ is far, the start is far, steps are not small
TERMS: Mapping[str, sp.Expr] = {
    "movement": sp.E * B_1**2 * outer * size * length,
    "distance": outer**2 / length,
    "start": start**2 / length,
    "step": step / 2 * (sp.E * B_1 * size) ** 2,
}
#: each may be this, and eta T B_1 at most 1
ALLOWED = epsilon / len(TERMS)
SHORT = length * B_1

_SIZE, _OUTER = beta * bias, alpha / bias


def _solved(term: str, unknown: sp.Symbol) -> sp.Expr:
    """Return the value of ``unknown`` for which a term, a multiple of a power of it, is all that is allowed."""
    _, power = TERMS[term].as_independent(unknown)[1].as_base_exp()
    return (unknown * (ALLOWED / TERMS[term]) ** (1 / power)).subs({size: _SIZE, outer: _OUTER})


#: h: as long as the first layer's movement allows
LENGTH = _solved("movement", length)
#: b~^2: so large that the distance to a~ is covered in that length
BIAS_SQUARED = (TERMS["distance"] * bias**2).subs({outer: _OUTER, length: LENGTH}) / ALLOWED
#: T, before it is rounded up: h over the largest step
STEPS = LENGTH / _solved("step", step)
#: |a_1|: as large as the term allows, and as a share of S
START = _solved("start", start).subs(length, LENGTH)
START_SHARE = sp.Rational(1, 100)
#: the least alpha beta for which eta T B_1 <= 1
LEAST = epsilon / (4 * sp.E * B_1)
