"""Certified eigenvalues and singular values are never wrong: thousands of matrices against exact inertia.

A few hundred by default; all 10 000 with ``HYPOTHESIS_PROFILE=nightly``. The check shares nothing with the code: an
end is wrong if the matrix shifted by it has the wrong inertia, and that is decided by elimination in balls of 400 bits,
and of 2000 where 400 cannot tell.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from theorycheck import spectrum, spectrum_balls, spectrum_cholesky
from theorycheck.evidence import Certificate
from theorycheck.spectrum import largest_eigenvalue, least_eigenvalue, least_singular_value, spectral_norm

COUNT = 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 208
CHUNKS = 8
BLOCK = 10
KINDS = (
    "conditioned", "indefinite", "gram", "singular", "duplicate", "integer", "clustered", "cluster of small ones",
    "shifted", "wide", "graded", "diagonal", "arrow",
)  # fmt: skip


def inertia(matrix: arb_mat, shift: arb) -> int:
    """1 if ``matrix - shift I`` is positive definite, -1 if it has a negative eigenvalue, 0 if the bits do not tell.

    Block elimination as long as the leading blocks are definite, to be fast; then entry by entry.
    """
    n = matrix.nrows()
    rows = [[matrix[i, k] - shift if i == k else matrix[i, k] for k in range(n)] for i in range(n)]
    while len(rows) > BLOCK:
        corner = [row[:BLOCK] for row in rows[:BLOCK]]
        sign = eliminated(corner)
        if sign < 0:
            return -1
        if sign == 0:
            break
        side, rest = arb_mat([row[BLOCK:] for row in rows[:BLOCK]]), arb_mat([row[BLOCK:] for row in rows[BLOCK:]])
        try:
            rows = (rest - side.transpose() * arb_mat(corner).solve(side)).tolist()
        except ZeroDivisionError:  # definite, but too nearly singular for this solver at these bits
            break
    return eliminated(rows)


def eliminated(matrix: list[list[arb]]) -> int:
    """The same for a matrix given by rows, entry by entry.

    Another pivot is taken where the next is not positive, so that an indefinite matrix shows itself even if a leading
    minor is exactly singular.
    """
    rows = [row[i:] for i, row in enumerate(matrix)]
    while rows:
        if any(row[0] < 0 for row in rows):
            return -1
        if not rows[0][0] > 0:
            pivot = max(range(len(rows)), key=lambda i: rows[i][0].mid())
            if not rows[pivot][0] > 0:
                minors = (row[0] * rows[i + k][0] - x**2 for i, row in enumerate(rows) for k, x in enumerate(row) if k)
                return -1 if any(minor < 0 for minor in minors) else 0
            rows = exchanged(rows, pivot)
        head = rows[0]
        factors = [x / head[0] for x in head]
        rows = [[x - factors[a] * y for x, y in zip(row, head[a:], strict=True)] for a, row in enumerate(rows[1:], 1)]
    return 1


def exchanged(rows: list[list[arb]], k: int) -> list[list[arb]]:
    """The upper triangle after row and column ``k`` have changed places with the first."""
    order = list(range(len(rows)))
    order[0], order[k] = k, 0
    return [[rows[min(i, j)][abs(i - j)] for j in order[a:]] for a, i in enumerate(order)]


def decided(matrix: Callable[[], arb_mat], shift: Callable[[], arb]) -> int:
    """The inertia with as many bits as it takes."""
    for bits in (400, 2000):
        with ctx.workprec(bits):
            sign = inertia(matrix(), shift())
        if sign:
            return sign
    return 0


def wrong_ends(matrix: Callable[[], arb_mat], low: Callable[[], arb], high: Callable[[], arb]) -> list[str]:
    """Which ends do not enclose the least eigenvalue of an exact symmetric matrix."""
    found = ["lower"] if low().is_finite() and decided(matrix, low) < 0 else []
    return found + (["upper"] if high().is_finite() and decided(matrix, high) > 0 else [])


def wrong_eigenvalue(matrix: np.ndarray, found: Certificate, sign: int) -> list[str]:
    """Which ends are wrong for the least (1) or largest (-1) eigenvalue."""
    low, high = (found.lower, found.upper) if sign > 0 else (-found.upper, -found.lower)
    return wrong_ends(lambda: arb_mat((sign * matrix).tolist()), lambda: arb(low), lambda: arb(high))


def wrong_singular(matrix: np.ndarray, found: Certificate, sign: int) -> list[str]:
    """Which ends are wrong for the n-th (1) or the largest (-1) singular value of ``(n, N)``, by those of ``A A'``."""
    rows = (matrix if sign > 0 or matrix.shape[0] < matrix.shape[1] else matrix.T).tolist()
    low, high = (found.lower, found.upper) if sign > 0 else (found.upper, found.lower)

    def gram() -> arb_mat:
        return arb_mat(rows) * arb_mat(rows).transpose() * sign

    return wrong_ends(gram, lambda: sign * arb(low) ** 2, lambda: sign * arb(high) ** 2)


def rotated(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = len(values)
    turn = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return mirrored((turn * values) @ turn.T)


def mirrored(matrix: np.ndarray) -> np.ndarray:
    return np.triu(matrix) + np.triu(matrix, 1).T


def integers(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Integer matrices: exactly singular, with equal rows, exactly shifted, or of any sign."""
    if kind == "integer":
        return mirrored(rng.integers(-3, 4, (n, n)).astype(float))
    columns = {"singular": max(1, n // 2), "shifted": max(1, n - 1)}.get(kind, n + 2)
    rows = rng.integers(-4, 5, (n, columns)).astype(float)
    if kind == "duplicate":
        rows[-1] = rows[0]
    # the least eigenvalue of the shifted ones is exactly the shift (for n > 1), and simple
    return rows @ rows.T + (float(rng.integers(1, 100)) * np.eye(n) if kind == "shifted" else 0.0)


def arrow(n: int, rng: np.random.Generator) -> np.ndarray:
    """A diagonal with one full row: rounding errors of its equal entries add up, and one small eigenvalue feels them."""
    side, tip = rng.uniform(0.5, 1, 2)
    least = min(side, tip) * 10.0 ** -rng.uniform(2, 5)
    matrix = side * np.eye(n)
    matrix[-1] = matrix[:, -1] = math.sqrt((side - least) * (tip - least) / max(1, n - 1))
    matrix[-1, -1] = tip
    return matrix


def symmetric(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """A random symmetric matrix of one of the kinds, size ``n``."""
    small = 10.0 ** -rng.uniform(0, 15)
    if kind == "conditioned":
        return rotated(np.geomspace(small, 1.0, n), rng)
    if kind == "indefinite":
        return rotated(rng.standard_normal(n) * np.geomspace(small, 1.0, n), rng)
    if kind == "clustered":
        return rotated(rng.choice([-1.0, 1.0]) * (1 + small * rng.standard_normal(n)), rng)
    if kind == "cluster of small ones":
        values = np.where(rng.random(n) < 0.5, 1.0, small * (1 + 1e-8 * rng.standard_normal(n)))
        return rotated(values, rng)
    if kind == "wide":
        return mirrored(rng.choice([-1.0, 1.0], (n, n)) * 10.0 ** rng.uniform(-150, 150, (n, n)))
    if kind == "graded":
        scale = 10.0 ** rng.uniform(-75, 75, n)
        return mirrored(scale[:, None] * rotated(np.linspace(0.5, 1, n), rng) * scale)
    if kind == "diagonal":
        return np.diag(rng.standard_normal(n) * 10.0 ** rng.uniform(-150, 150, n))
    return arrow(n, rng) if kind == "arrow" else integers(kind, n, rng)


def case(seed: int) -> tuple[str, np.ndarray, np.ndarray]:
    """A kind, a symmetric matrix of size 1 to 60 and a rectangular one, entries from 1e-150 to 1e150."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    n = int(rng.integers(1, 61))
    matrix = symmetric(kind, n, rng)
    if kind not in ("wide", "graded", "diagonal") and seed % 5 == 0:
        matrix = matrix * 10.0 ** rng.uniform(-145, 145)
    rectangle = matrix[:, : int(rng.integers(1, n + 1))]
    return kind, matrix, rectangle if rng.random() < 0.5 else rectangle.T


def condition(matrix: np.ndarray) -> float:
    """The ratio of the largest to the n-th singular value, in floats: to tell 1e10 from 1e12."""
    if matrix.shape[1] < matrix.shape[0]:
        return math.inf
    values = np.linalg.svd(matrix / np.max(np.abs(matrix), initial=1e-300), compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else math.inf


def relative(found: Certificate) -> float:
    return (found.upper - found.lower) / max(min(abs(found.lower), abs(found.upper)), 1e-320)


def look(seed: int) -> tuple[list[tuple], float]:
    """The wrong ends of one case, and its worst relative width where the condition number is below 1e10."""
    kind, matrix, rectangle = case(seed)
    square = [(least_eigenvalue(matrix), 1), (largest_eigenvalue(matrix), -1)]
    other = [(least_singular_value(rectangle), 1), (spectral_norm(rectangle), -1)]
    bad = [(seed, kind, len(matrix), sign, end) for c, sign in square for end in wrong_eigenvalue(matrix, c, sign)]
    bad += [(seed, kind, rectangle.shape, s, end) for c, s in other for end in wrong_singular(rectangle, c, s)]
    bad += [(seed, kind, c.says, "nothing proved") for c, _ in square + other if math.isinf(c.upper - c.lower)]
    worst = max(relative(c) for c, _ in square) if condition(matrix) < 1e10 else 0.0
    if condition(rectangle) < 1e10:
        worst = max(worst, *(relative(c) for c, _ in other))
    return bad, worst


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_bound_is_wrong_and_well_conditioned_ones_are_tight(chunk):
    for seed in range(chunk, COUNT, CHUNKS):
        bad, worst = look(seed)
        assert bad == []
        assert worst <= 1e-5, seed


def violations(kind: str, count: int) -> list[str]:
    """The wrong ends that the same check finds for the least eigenvalues of some matrices of one kind."""
    rngs = [np.random.default_rng(seed) for seed in range(count)]
    matrices = [symmetric(kind, int(rng.integers(2, 31)), rng) for rng in rngs]
    return [end for matrix in matrices for end in wrong_eigenvalue(matrix, least_eigenvalue(matrix), 1)]


def test_without_rumps_offset_the_test_fails(monkeypatch):
    assert violations("arrow", 100) == []
    monkeypatch.setattr(spectrum_cholesky, "RUMP", 0.0)
    assert "lower" in violations("arrow", 100)


def test_without_the_bounds_of_rounding_the_test_fails(monkeypatch):
    monkeypatch.setattr(spectrum_cholesky, "gamma", lambda k: 0.0)
    assert {"lower", "upper"} <= set(violations("arrow", 100))


def test_without_the_radii_of_the_balls_the_test_fails(monkeypatch):
    # at 40 bits the rounding of the balls is within sight of a double; the bounds are wider, and true
    monkeypatch.setattr(spectrum, "PRECISION", 40)
    assert violations("conditioned", 60) == []
    exact = spectrum_balls._floats
    monkeypatch.setattr(spectrum_balls, "_floats", lambda matrix: (exact(matrix)[0], np.zeros(matrix.nrows())))
    assert "lower" in violations("conditioned", 60)


def test_the_check_itself_sees_wrong_ends_of_every_sort():
    matrix = rotated(np.linspace(1, 2, 7), np.random.default_rng(0))
    for function, sign, check in (
        (least_eigenvalue, 1, wrong_eigenvalue),
        (largest_eigenvalue, -1, wrong_eigenvalue),
        (least_singular_value, 1, wrong_singular),
        (spectral_norm, -1, wrong_singular),
    ):
        found = function(matrix)
        assert check(matrix, found, sign) == []
        for lower, upper in ((found.upper, 3.0), (0.5, found.lower)):
            moved = Certificate("", "", lower + (lower > 0.5) * 1e-13, upper - (upper < 3) * 1e-13)
            assert check(matrix, moved, sign) != []


def test_the_check_sees_an_indefinite_matrix_with_zero_diagonal():
    swap = arb_mat([[0, 1], [1, 0]])
    assert inertia(swap, arb(0)) == -1
    assert inertia(swap, arb(-1)) == 0
    assert inertia(swap, arb(-2)) == 1
