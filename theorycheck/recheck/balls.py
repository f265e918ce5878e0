"""Symmetric matrices in balls: Grams, and eigenvalue claims by LDL'."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from theorycheck.recheck.results import Line, judged, short, shown


def to_balls(array: NDArray[np.float64]) -> arb_mat:
    """Return an ``(a, b)`` array of doubles as a matrix of exact balls (a vector becomes a column)."""
    table = array.reshape(len(array), -1)
    return arb_mat(table.shape[0], table.shape[1], table.ravel().tolist())


def self_gram(inputs: NDArray[np.float64]) -> arb_mat:
    """Return ``X X'``, shape ``(n, n)``."""
    rows = to_balls(inputs)
    return rows * rows.transpose()


def combined(matrix: arb_mat, other: arb_mat, rule: Any) -> arb_mat:
    """Apply ``rule`` to two matrices entry by entry."""
    pairs = zip(matrix.entries(), other.entries(), strict=True)
    return arb_mat(matrix.nrows(), matrix.ncols(), [rule(x, y) for x, y in pairs])


def hadamard(matrix: arb_mat, other: arb_mat) -> arb_mat:
    """Return the entrywise product."""
    return combined(matrix, other, lambda x, y: x * y)


def is_semidefinite(matrix: arb_mat) -> bool:
    """Prove a symmetric matrix positive semidefinite by LDL' in balls; False proves nothing.

    Every pivot is proved positive, or it is proved non-negative and the rest of its row is exactly zero:
    then that row adds a non-negative square and nothing else. The last pivot has no rest.
    """
    n = matrix.nrows()
    rows = matrix.tolist()
    for k in range(n):
        pivot, rest = rows[k][k], rows[k][k + 1 :]
        if not pivot > 0:
            if pivot >= 0 and all(x.is_zero() for x in rest):
                continue
            return False
        for i in range(k + 1, n):
            if rows[k][i].is_zero():
                continue
            factor = rows[k][i] / pivot
            row, top = rows[i], rows[k]
            for j in range(i, n):  # only the upper triangle is read
                row[j] -= factor * top[j]
    return True


def eigenvalue_line(name: str, claimed: float, matrix: arb_mat, unit: arb, side: str, power: int = 1) -> Line:
    """Judge a claim on an extreme eigenvalue.

    Parameters
    ----------
    name
        Name of the line.
    claimed
        The number of the certificate.
    matrix
        ``(n, n)``; ``unit`` times the matrix of the claim.
    unit
        Positive ball. Multiplying the claim rather than dividing the matrix keeps both exact.
    side
        ``at least``: the least eigenvalue; ``at most``: the largest.
    power
        The claim's power that is the eigenvalue: 2 for a spectral norm (side ``at most``).
    """
    below = side == "at least"
    shift = unit * arb(claimed) ** power
    sign = 1 if below else -1
    # sign (A - x I) must be positive semidefinite
    proved = (power == 1 or claimed >= 0) and is_semidefinite(_shifted(matrix, shift, sign))
    quotient = _rayleigh(matrix, 0 if below else -1)
    refuted = bool(quotient < shift) if below else bool(quotient > shift)
    refuted = refuted or (power == 2 and claimed < 0)
    truth = quotient / unit if power == 1 else (quotient / unit).sqrt()
    what, relation = short(name), ">=" if below else "<="
    said = f"{what}: claimed {side} {claimed!r}, but it is {shown(truth, claimed)}"
    return judged(name, f"{what} {relation} {claimed!r}", proved, refuted and not proved, said)


def _shifted(matrix: arb_mat, shift: arb, sign: int) -> arb_mat:
    n = matrix.nrows()
    eye = arb_mat([[shift if i == k else arb(0) for k in range(n)] for i in range(n)])
    return (matrix - eye) * arb(sign)


def _rayleigh(matrix: arb_mat, which: int) -> arb:
    """Return a Rayleigh quotient near an extreme eigenvalue: it can refute a claim, never prove one."""
    n = matrix.nrows()
    size = sum((abs(x).mid() for x in matrix.entries()), arb(0)).mid()
    if not size > 0 or not size.is_finite():
        return arb(0) if size.is_zero() and all(x.is_zero() for x in matrix.entries()) else arb("nan")
    floats = np.array([float((x / size).mid()) for x in matrix.entries()]).reshape(n, n)
    try:
        values = np.linalg.eigh((floats + floats.T) / 2)[1][:, which]
    except np.linalg.LinAlgError:
        return arb("nan")
    vector = arb_mat(n, 1, values.tolist())
    row = vector.transpose()
    return (row * (matrix * vector))[0, 0] / (row * vector)[0, 0]


def squares(values: list[arb]) -> arb:
    """Return the sum of squares."""
    return sum((x * x for x in values), arb(0))


def precise(bits: int) -> Any:
    """Return a context in which balls have ``bits`` bits."""
    return ctx.workprec(bits)
