"""The recheck's own parts against plain computations, and what it may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import recheck_examples as ex
from flint import arb, arb_mat, ctx
from test_recheck import genuine

from theorycheck.recheck import activations, balls, counting

PACKAGE = Path(__file__).parents[1] / "theorycheck" / "recheck"
ALLOWED = {"numpy", "flint", *sys.stdlib_module_names}


@pytest.fixture(autouse=True)
def _bits():
    with ctx.workprec(192):
        yield


LINE = np.linspace(-12, 12, 240_001)


def _curvature(name, z):
    step = 1e-4
    return (ex.ACTIVATIONS[name][1](z + step) - ex.ACTIVATIONS[name][1](z - step)) / (2 * step)


@pytest.mark.parametrize("name", ex.SMOOTH)
def test_values_and_slopes_are_those_of_the_activation(name):
    s, ds, _, _ = ex.ACTIVATIONS[name]
    for z in (-30.0, -3.7, -1.0, -1e-9, 0.0, 0.3, 1.0, 2.5, 30.0):
        value, slope = activations.SMOOTH[name](arb(z))
        assert float(value.mid()) == pytest.approx(float(s(z)), abs=1e-13)
        assert float(slope.mid()) == pytest.approx(float(ds(np.float64(z))), abs=1e-13)
        assert activations.slope(name, arb(z)).overlaps(slope)
        assert value.rad() < 1e-40


@pytest.mark.parametrize("name", ex.SMOOTH)
def test_suprema_are_those_of_a_fine_grid(name):
    steepest = float(activations.steepest(name).mid())
    curved = float(activations.most_curved(name).mid())
    slopes, bends = np.abs(ex.ACTIVATIONS[name][1](LINE)), np.abs(_curvature(name, LINE))
    assert slopes.max() == pytest.approx(steepest, abs=1e-5)
    assert np.all(slopes <= steepest + 1e-13)
    assert bends.max() == pytest.approx(curved, abs=1e-5)
    assert activations.steepest(name).rad() < 1e-30


@pytest.mark.parametrize("name", ex.SMOOTH)
def test_the_flattest_place_of_a_window_is_that_of_a_fine_grid(name):
    rng = np.random.default_rng(0)
    zero, slope = activations.zero_of_slope(name), ex.ACTIVATIONS[name][1]
    for middle, radius in zip(rng.uniform(-5, 5, 120), rng.exponential(0.7, 120), strict=True):
        low, high = float(middle - radius), float(middle + radius)
        floor = float(activations.flattest(name, arb(low), arb(high), zero).mid())
        truth = np.abs(slope(np.linspace(low, high, 4001))).min()
        assert floor <= truth + 1e-12
        assert floor >= truth - 1e-3 * radius
        assert float(activations.flattest_open(name, low, high).mid()) == floor
    touching = activations.flattest(name, arb("nan"), arb(1), zero)
    assert name == "identity" or not touching > 0


@pytest.mark.parametrize("name", ex.ACTIVATIONS)
def test_the_flattest_place_of_a_half_line_is_that_of_a_long_grid(name):
    slope = ex.ACTIVATIONS[name][1]
    for low in (-2.0, -1.0, -0.3, 0.0, 0.5, 1.7, 4.0):
        floor = float(activations.flattest_open(name, low, None).mid())
        truth = np.abs(slope(np.linspace(low + 1e-9, 60, 200_001))).min()
        assert floor == pytest.approx(truth, abs=1e-3)
        assert floor <= truth + 1e-12
    assert float(activations.flattest_open(name, None, None).mid()) == (1.0 if name == "identity" else 0.0)
    assert float(activations.flattest_open(name, None, 1.0).mid()) == (1.0 if name == "identity" else 0.0)


def test_an_open_interval_of_relu_may_begin_at_the_kink():
    assert activations.flattest_open("relu", 0.0, None) == 1
    assert activations.flattest_open("relu", -1e-300, 1.0) == 0


def _exact(ball):
    mantissa, exponent = ball.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("spread", [0, 30, 300])
def test_weighted_counts_are_exact(power, spread):
    rng = np.random.default_rng(spread)
    left, right = rng.random((50, 3)) < 0.5, rng.random((50, 2)) < 0.5
    weights = rng.standard_normal(50) * 10.0 ** rng.uniform(-spread, spread, 50)
    weights[:3] = 0.0, 5e-324, -1.0
    with ctx.workprec(4000):
        found = counting.weighted(left, right, weights, power)
    for i in range(3):
        for k in range(2):
            both = left[:, i] & right[:, k]
            truth = sum((abs(Fraction(x)) ** power for x in weights[both].tolist()), Fraction(0))
            ball = found[i, k]
            with ctx.workprec(4000):
                assert abs(_exact(ball) - truth) <= _exact(arb(ball.rad()))
            assert truth == 0 or ball.rel_accuracy_bits() > 150 or truth < Fraction(10) ** (spread - 100)


def test_signs_are_exact_at_and_beside_the_kink():
    inputs = np.array([[1.0, 1.0, 1.0], [1e-300, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, -1.0, 0.0]])
    rows = [[1.0, -1.0, 0.0], [1.0, -1.0, 5e-324], [1e200, 1e-200, -1e200], [0.1, 0.1, 0.0], [0.0, 0.0, 0.0]]
    rows += [[1.0, 1e-320, -1.0], [1e308, 1e308, -1e308], [3.0, 1e-16, -3.0], [-1e308, -1e308, 1.5e308]]
    weights = np.array(rows + np.random.default_rng(0).integers(-2, 3, (200, 3)).astype(float).tolist())
    with np.errstate(all="ignore"):
        dots, errors = counting.products(weights, inputs)
        found = counting.gates(weights, inputs, dots, errors)
    for j, row in enumerate(weights.tolist()):
        for i, point in enumerate(inputs.tolist()):
            truth = sum((Fraction(x) * Fraction(y) for x, y in zip(row, point, strict=True)), Fraction(0))
            assert found[j, i] == (truth > 0)
            assert not np.isfinite(errors[j, i]) or abs(Fraction(dots[j, i]) - truth) <= Fraction(errors[j, i])


@pytest.mark.parametrize("scale", [1.0, 1e-170, 1e160, 1e-320])
def test_thresholds_are_decided_on_the_safe_side(scale):
    weights = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [2.0, 0.0]]) * scale
    inputs = np.eye(2)
    dots, errors = counting.products(weights, inputs)
    edges = counting.doubles([arb(scale), arb(scale)])
    asked = []

    def exact(j, i):
        asked.append((j, i))
        return counting.compared(counting.exact_dot(weights[j], inputs[i]), arb(scale))

    threshold = counting.bracket(np.ones(1), edges)
    for otherwise in (False, True):
        found = counting.exceeding(dots, errors, threshold, exact, otherwise)
        assert found.tolist() == [[False, False], [False, False], [False, False], [True, False]]
        never = counting.exceeding(dots, errors, threshold, lambda *_: None, otherwise)
        assert never[0, 0] == otherwise
    assert (0, 0) in asked


def test_semidefinite_matrices_are_told_from_others():
    proved = balls.is_semidefinite
    assert proved(arb_mat([[2, 1], [1, 2]]))
    assert proved(arb_mat([[0, 0], [0, 1]])), "an exact zero row"
    assert proved(arb_mat([[1, 1], [1, 1]])), "the last pivot may be zero"
    assert not proved(arb_mat([[0, 1], [1, 1]]))
    assert not proved(arb_mat([[1, 2], [2, 1]]))
    assert not proved(arb_mat([[1, 0], [0, -1]]))
    assert not proved(arb_mat([[arb("nan"), arb(0)], [arb(0), arb(1)]]))
    assert not proved(arb_mat([[arb(1), arb("nan")], [arb("nan"), arb(1)]]))
    assert not proved(arb_mat([[arb(0, 1e-50)]])), "a ball around zero proves nothing"


@pytest.mark.parametrize("seed", range(20))
def test_eigenvalue_claims_beside_the_truth(seed):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((5, 5))
    matrix = balls.to_balls(root @ root.T + (root @ root.T).T)
    values = np.linalg.eigvalsh((root @ root.T + (root @ root.T).T) / 3)
    for side, value in (("at least", values[0]), ("at most", values[-1])):
        for by in (-1e-9, 1e-9):
            line = balls.eigenvalue_line("evidence x", float(value + by), matrix, arb(3), side=side)
            assert line.ok == ((by < 0) == (side == "at least"))
            assert type(line).__name__ == "Line", "proved or refuted, not left open"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_nothing_of_the_program_is_imported(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            modules = [node.module]
        else:
            names = {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}
            assert not names & {"eval", "exec", "__import__", "importlib", "pickle", "marshal", "shelve"}
            continue
        for module in modules:
            assert module.startswith("theorycheck.recheck") or module.split(".")[0] in ALLOWED
            assert module.split(".")[0] not in {"pickle", "importlib", "ctypes", "marshal", "runpy", "subprocess"}


def test_it_works_where_the_program_cannot(tmp_path):
    path = ex.save(genuine("caron"), tmp_path)
    code = f"""
import sys
for name in ("numba", "scipy", "sympy", "sklearn"):
    sys.modules[name] = None
from theorycheck.recheck import recheck
assert recheck({str(path)!r}).valid
others = [x for x in sys.modules if x.startswith("theorycheck.") and not x.startswith("theorycheck.recheck")]
assert not others, others
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parents[1], timeout=120)
