"""Measures of the sandwich (3.4) and (3.7): the tangent Gram K relative to its block diagonal, in balls.

``K - lam diag(q)`` is positive semidefinite exactly where the least eigenvalue of K relative to
``diag(q)`` is at least ``lam``; that number shows how much of the bound is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from flint import arb, arb_mat, ctx

from theorycheck.enclose import evaluator
from theorycheck.evidence import Certificate, Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.spectrum import PRECISION, largest_eigenvalue, least_eigenvalue, measured_least
from theorycheck.symbolic.activations import Z


@dataclass(frozen=True, eq=False)
class Gaps:
    """What (3.4) and (3.7) speak of at time 0, enclosed.

    ``low`` and ``high`` are the extreme eigenvalues of K relative to ``diag(Q_a)``; ``least``
    is K's least eigenvalue; ``steep`` and ``steepest`` are the extreme eigenvalues over all ``Q_a``.
    """

    low: Measured
    high: Measured
    least: Measured
    steep: Measured
    steepest: Measured


_UNKNOWN = Measured(np.nan)


def _slopes(instance: Instance) -> arb_mat:
    """Return ``s'(h_ia)`` ``(n, m)``; at a kink every value of Clarke's derivative."""
    inner = evaluator({})(instance.inner_expr)
    h = arb_mat(instance.inputs.tolist()) * arb_mat(instance.weights.T.tolist())
    slope = instance.activation.slope
    return arb_mat([[evaluator({Z: inner * h[a, i]})(slope) for i in range(instance.m)] for a in range(instance.n)])


def _parts(instance: Instance) -> list[list[arb_mat]]:
    """Return ``(1/m) sum_i c_ie c_ig s'_ia s'_ib`` as ``(n, n)`` matrices, one for each pair of outputs."""
    slopes = _slopes(instance)
    signs = instance.signs.reshape(instance.m, -1).tolist()
    outputs = range(len(signs[0]))

    def weighted(e: int, g: int) -> arb_mat:
        scaled = [[arb(row[e]) * row[g] * slopes[a, i] for i, row in enumerate(signs)] for a in range(instance.n)]
        return arb_mat(scaled) * slopes.transpose() / instance.m

    found = [[weighted(e, g) for g in range(e + 1)] for e in outputs]
    return [[found[max(e, g)][min(e, g)] for g in outputs] for e in outputs]


def _root(block: arb_mat) -> arb_mat | None:
    """Return the inverse of the Cholesky factor; None unless the block is surely positive definite."""
    size = block.nrows()
    factor = arb_mat(size, size)
    for j in range(size):
        pivot = block[j, j] - sum((factor[j, k] ** 2 for k in range(j)), arb(0))
        if not pivot > 0:
            return None
        factor[j, j] = pivot.sqrt()
        for i in range(j + 1, size):
            factor[i, j] = (block[i, j] - sum((factor[i, k] * factor[j, k] for k in range(j)), arb(0))) / factor[j, j]
    return factor.inv()


def _place(blocks: dict[tuple[int, int], arb_mat], samples: list[int], size: int) -> arb_mat:
    """Return the matrix of the blocks, samples first, then outputs."""
    entries = [
        [blocks[a, b][e, g] if a <= b else blocks[b, a][g, e] for b in samples for g in range(size)]
        for a in samples
        for e in range(size)
    ]
    return arb_mat(entries)


def _ends(certificates: list[Certificate], last: bool) -> Measured:
    pick = max if last else min
    low, high = pick(c.lower for c in certificates), pick(c.upper for c in certificates)
    return Measured.between(low, high, True) if np.isfinite(low) and np.isfinite(high) else _UNKNOWN


@lru_cache(maxsize=8)
def gaps(instance: Instance) -> Gaps:
    """Return the enclosed eigenvalues; samples that no neuron answers to (``Q_a = 0``) are left out of the relative ones."""
    if not (np.all(np.isfinite(instance.inputs @ instance.inputs.T)) and np.all(np.isfinite(instance.weights))):
        return Gaps(*[_UNKNOWN] * 5)
    with ctx.workprec(PRECISION):
        parts = _parts(instance)
        rows = arb_mat(instance.inputs.tolist())
        gram = rows * rows.transpose() / instance.d
        size, samples = len(parts), list(range(instance.n))
        pairs = [(a, b) for a in samples for b in samples if a <= b]
        # G is taken out of the blocks on the diagonal: what is left there is Q_a
        slopes = {(a, b): arb_mat([[parts[e][g][a, b] for g in range(size)] for e in range(size)]) for a, b in pairs}
        blocks = {(a, b): gram[a, b] * slopes[a, b] for a, b in pairs}
        diagonal = {a: slopes[a, a] for a in samples}
        kept = [a for a in samples if any(not diagonal[a][e, e].is_zero() for e in range(size))]
        found = {a: _root(diagonal[a]) for a in kept}
        roots = {a: root for a, root in found.items() if root is not None}
        low = high = _UNKNOWN
        if kept and len(roots) == len(kept):
            own = [(a, b) for a, b in pairs if a in roots and b in roots]
            relative = _place({(a, b): roots[a] * blocks[a, b] * roots[b].transpose() for a, b in own}, kept, size)
            low, high = _ends([least_eigenvalue(relative)], False), _ends([largest_eigenvalue(relative)], True)
        return Gaps(
            low, high, measured_least(least_eigenvalue(_place(blocks, samples, size))),
            _ends([least_eigenvalue(block) for block in diagonal.values()], False),
            _ends([largest_eigenvalue(block) for block in diagonal.values()], True),
        )  # fmt: skip


def gap(name: str, run: Run) -> Measured:
    """Return one of the numbers of :class:`Gaps` at time 0."""
    found = getattr(gaps(run.instance), name)
    assert isinstance(found, Measured)
    return found
