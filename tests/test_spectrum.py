"""Certified least eigenvalues are never wrong: against 100-digit Sturm counts, on matrices made to hurt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from test_spectrum_many import decided, rotated

from theorycheck import spectrum, spectrum_cholesky
from theorycheck.spectrum import (
    least_eigenvalue,
    measured_least,
)


def is_positive(matrix: np.ndarray, shift: float) -> bool | None:
    """Whether ``matrix - shift I`` is positive definite; None if it is singular to 2000 bits."""
    return {1: True, -1: False, 0: None}[decided(lambda: arb_mat(matrix.tolist()), lambda: arb(float(shift)))]


def wrong(matrix: np.ndarray, lower: float, upper: float) -> bool:
    """Whether the ends contradict the inertia of the shifted matrix."""
    too_high = math.isfinite(lower) and is_positive(matrix, lower) is False
    return too_high or is_positive(matrix, upper) is True


def hard(seed: int) -> tuple[str, np.ndarray]:
    """A random symmetric matrix of one of six kinds, size 1 to 12 (now and then to 40), any scale."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 13)) if seed % 10 else int(rng.integers(13, 41))
    kind = ("conditioned", "indefinite", "gram", "singular", "duplicate", "integer")[seed % 6]
    if kind == "conditioned":
        matrix = rotated(np.geomspace(10.0 ** -rng.integers(0, 16), 1.0, n), rng)
    elif kind == "indefinite":
        matrix = rotated(rng.standard_normal(n), rng)
    elif kind == "integer":
        matrix = rng.integers(-3, 4, (n, n)).astype(float)
        matrix = matrix + matrix.T
    else:
        rows = rng.integers(-4, 5, (n, max(1, n // 2) if kind == "singular" else n + 2)).astype(float)
        if kind == "duplicate":
            rows[-1] = rows[0]
        matrix = rows @ rows.T
    scale = 2.0 ** int(rng.integers(-500, 500)) if seed % 4 == 0 else 1.0
    return kind, matrix * scale


def test_never_wrong_on_hard_matrices():
    failures = []
    for seed in range(240):
        kind, matrix = hard(seed)
        found = least_eigenvalue(matrix)
        if wrong(matrix, found.lower, found.upper) or not math.isfinite(found.lower):
            failures.append((seed, kind, len(matrix), found.lower, found.upper))
    assert not failures


@pytest.mark.parametrize("n", [2, 7, 25, 70, 130])
@pytest.mark.parametrize("condition", [1e1, 1e5, 1e9])
def test_tight_for_moderate_condition(n, condition):
    matrix = rotated(np.geomspace(1 / condition, 1.0, n), np.random.default_rng(n))
    found = least_eigenvalue(matrix)
    assert found.lower > 0
    # the floating Cholesky (n > 64) gives 1e-5 only as far as the rounding of its own sums allows
    allowed = 1e-9 if n <= spectrum.BALL_SIZE else 1e-5 + 100 * n * 2.0**-53 * np.trace(matrix) * condition
    assert found.upper - found.lower <= allowed * found.upper


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("kind", ["definite", "indefinite", "singular", "zero diagonal"])
def test_floating_cholesky_is_never_wrong(kind, scale):
    rng = np.random.default_rng(3)
    n = 66
    spectra = {
        "definite": np.geomspace(1e-12, 1, n),
        "indefinite": np.linspace(-1, 2, n),
        "singular": np.arange(n) / n,
        "zero diagonal": np.ones(n),
    }
    matrix = scale * rotated(spectra[kind], rng)
    if kind == "zero diagonal":
        np.fill_diagonal(matrix, 0.0)
        matrix[0, 1] = matrix[1, 0] = scale
    found = least_eigenvalue(matrix)
    assert "Cholesky" in found.method
    assert math.isfinite(found.lower)
    assert not wrong(matrix, found.lower, found.upper)
    assert found.upper - found.lower <= 1e-10 * scale * n


def test_the_two_methods_agree():
    for seed in range(30):
        _, matrix = hard(seed)
        with ctx.workprec(spectrum.PRECISION):
            balls = spectrum._by_balls(arb_mat(matrix.tolist()))[:2]
            floats = spectrum._by_floats(matrix, 0.0)[:2]
        assert floats[0] <= balls[1]
        assert balls[0] <= floats[1]


@pytest.mark.parametrize("n", [1, 64, 65, 80])
def test_zero_matrices_are_zero(n):
    found = least_eigenvalue(np.zeros((n, n)))
    assert -1e-290 < found.lower <= 0 <= found.upper < 1e-290


@pytest.mark.parametrize("n", [5, 70])
def test_the_radius_covers_every_matrix_within_it(n):
    rng, radius = np.random.default_rng(n), 1e-3
    matrix = rotated(np.linspace(1, 2, n), rng)
    found = least_eigenvalue(matrix, radius)
    sharp = least_eigenvalue(matrix)
    for sign in (np.ones((n, n)), -np.ones((n, n)), np.sign(rng.standard_normal((n, n)))):
        moved = matrix + radius * (np.triu(sign) + np.triu(sign, 1).T)
        value = np.linalg.eigvalsh(moved)[0]
        assert found.lower <= value <= found.upper
    vector = np.linalg.eigh(matrix)[1][:, 0]
    least = np.linalg.eigvalsh(matrix - radius * np.outer(np.sign(vector), np.sign(vector)))[0]
    assert least < sharp.lower  # what a certificate that ignored the radius would get wrong


@pytest.mark.parametrize("n", [3, 70])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_entries_prove_nothing(n, bad):
    matrix = np.eye(n)
    matrix[0, 1] = bad
    found = least_eigenvalue(matrix)
    assert (found.lower, found.upper) == (-math.inf, math.inf)
    assert math.isnan(float(measured_least(found).value))
    assert not math.isfinite(least_eigenvalue(np.eye(n), bad).lower)


@pytest.mark.parametrize("shape", [(0, 0), (2, 3), (3,)])
def test_only_square_matrices_have_eigenvalues(shape):
    with pytest.raises(ValueError, match="square"):
        least_eigenvalue(np.zeros(shape))


def test_only_the_upper_triangle_counts():
    for n in (4, 70):
        matrix = rotated(np.linspace(1, 2, n), np.random.default_rng(0))
        spoiled = np.triu(matrix) + 7 * np.tril(np.ones((n, n)), -1)
        assert least_eigenvalue(spoiled).lower == least_eigenvalue(matrix).lower


def test_extreme_balls_do_not_crash():
    with ctx.workprec(192):
        for power in (-3000, 3000):
            matrix = arb_mat([[arb(2), arb(1)], [arb(1), arb(2)]]) * (arb(2) ** power)
            found = least_eigenvalue(matrix)
            assert found.lower <= found.upper
            assert arb(found.lower) <= arb(2) ** power <= arb(found.upper)


def test_plain_eigvalsh_lies_upward_where_the_certificate_does_not():
    lies = 0
    for n in range(8, 20):
        hilbert = np.array([[1.0 / (i + k + 1) for k in range(n)] for i in range(n)])
        plain = float(np.linalg.eigvalsh(hilbert)[0])
        lies += is_positive(hilbert, plain) is False
        found = least_eigenvalue(hilbert)
        assert not wrong(hilbert, found.lower, found.upper)
    assert lies >= 2


def cholesky_without_offset(matrix: np.ndarray) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def test_without_the_rounding_offset_an_indefinite_matrix_is_accepted():
    fooled = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        matrix = rotated(np.concatenate([[-1e-17], np.linspace(0.5, 1, 5)]), rng)
        if is_positive(matrix, 0.0) is False:
            fooled += cholesky_without_offset(matrix)
            assert spectrum_cholesky.proved_factor(matrix, 0.0) is None
    assert fooled > 0


def test_rump_proves_what_is_clearly_definite_and_respects_shift_and_slack():
    matrix = rotated(np.linspace(1, 2, 20), np.random.default_rng(0))
    assert spectrum_cholesky.proved_factor(matrix, 1 - 1e-12) is not None
    assert spectrum_cholesky.proved_factor(matrix, 1 + 1e-12) is None
    assert spectrum_cholesky.proved_factor(matrix, 1 - 1e-3, 0.99e-3) is not None
    assert spectrum_cholesky.proved_factor(matrix, 1 - 1e-3, 1.01e-3) is None
    assert spectrum_cholesky.proved_factor(np.array([[1.0, 2.0], [2.0, 1.0]]), 0.0) is None
