"""Kernels equal SymPy to the last digits and never raise; the disk cache survives what happens to disks."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from theorycheck import compiled
from theorycheck.compiled import compile_block, compile_kernel, specialise
from theorycheck.symbolic.activations import ACTIVATIONS, Z

POINTS = [-40.0, -7.3, -1.0, -1e-3, -1e-9, 1e-300, 0.2, 1.0, 2.5, 6.1, 38.0]
EXTREMES = [-700.0, -745.0, 700.0, 709.0, -1e5, 1e5]
X = sp.Symbol("x", real=True)
ROOT = Path(compiled.__file__).parents[1]


def family(name: str) -> list[sp.Expr]:
    activation = ACTIVATIONS[name]
    return [activation.expr, activation.slope, activation.curvature]


def same(found: float, expr: sp.Expr, point: float) -> bool:
    """Equality with 60 digits: relative to the value, and to 1 where terms of size 1 cancel."""
    true = float(expr.subs(Z, sp.Rational(point)).evalf(60))
    return abs(found - true) <= 2e-14 * abs(true) + 2e-16 * (1 + abs(point))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_kernels_and_blocks_equal_sympy(name):
    for expr in family(name):
        scalar, block = compile_kernel("entry", (Z,), expr), compile_block((Z,), expr)
        found = block(np.array(POINTS))
        for point, from_block in zip(POINTS, found, strict=True):
            assert same(scalar(point), expr, point), (expr, point)
            assert same(from_block, expr, point), (expr, point)
            assert not same(scalar(point) + 1e-9 * (1 + abs(scalar(point))), expr, point)


@pytest.mark.parametrize("name", ["relu", "softplus", "tanh", "sigmoid", "silu", "gelu", "elu", "erf", "sine"])
def test_extremes_are_finite_and_right(name):
    for expr in family(name):
        scalar, block = compile_kernel("entry", (Z,), expr), compile_block((Z,), expr)
        for point in EXTREMES:
            found = scalar(point)
            assert math.isfinite(found)
            assert found == pytest.approx(float(block(np.array([point]))[0]), rel=1e-12, abs=1e-15 * (1 + abs(point)))
            if name not in ("sine", "gelu", "erf"):  # 60 digits of 1 + erf(-700) take minutes
                assert same(found, expr, point)


def test_overflow_ends_in_infinity():
    kernel = compile_kernel("entry", (X,), sp.exp(X))
    assert kernel(1e5) == math.inf
    assert kernel(-1e5) == 0.0
    assert kernel(709.5) == pytest.approx(math.exp(709.5), rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile_block((X,), sp.exp(X))(np.array([1e5]))[0] == math.inf
        assert math.isnan(compile_kernel("entry", (X,), sp.log(X))(-1.0))


def test_softplus_keeps_the_small_values():
    soft = sp.log(1 + sp.exp(X))
    for function in (compile_kernel("entry", (X,), soft), compile_block((X,), soft)):
        assert float(function(-40.0)) == pytest.approx(math.exp(-40), rel=1e-15)
    assert math.log(1 + math.exp(-40)) == 0.0  # the trap


def test_acos_past_its_domain_by_rounding():
    kernel = compile_kernel("entry", (X,), sp.acos(X))
    assert kernel(1.0 + 1e-15) == 0.0
    assert kernel(-1.0 - 1e-15) == pytest.approx(math.pi)
    assert kernel(1 - 1e-16) == pytest.approx(math.acos(1 - 1e-16))
    assert compile_kernel("entry", (X,), sp.asin(X))(1.0 + 1e-15) == pytest.approx(math.pi / 2)


def test_removable_singularities_are_filled():
    for expr, limit in ((sp.sin(X) / X, 1.0), ((1 - sp.cos(X)) / X**2, 0.5)):
        assert compile_kernel("entry", (X,), expr)(0.0) == limit
        assert float(compile_block((X,), expr)(np.array([0.0]))[0]) == limit
    assert not math.isfinite(compile_kernel("entry", (X,), 1 / X)(0.0))  # a pole is no removable singularity


@pytest.mark.parametrize("name", ["a b", "1x", "x-y"])
def test_names_are_identifiers(name):
    with pytest.raises(ValueError, match="identifier"):
        compile_kernel(name, (X,), X)


def test_missing_arguments_and_unknown_functions_are_refused():
    y = sp.Symbol("y", real=True)
    with pytest.raises(ValueError, match="'entry' uses y"):
        compile_kernel("entry", (X,), X + y)
    with pytest.raises(ValueError, match="no code for"):
        compile_kernel("entry", (X,), sp.Function("mystery")(X))


def _sum_loop(values, out, f, g):
    for i in range(len(values)):
        out[i] = f(values[i]) + 10.0 * g(values[i])


def test_specialise_binds_kernels_by_role():
    values, out = np.array([0.5, 2.0]), np.empty(2)
    one, two = compile_kernel("entry", (X,), X**2), compile_kernel("other", (X,), X + 1)
    specialise(_sum_loop, {"f": one, "g": two}, parallel=False)(values, out)
    assert np.allclose(out, values**2 + 10 * (values + 1))
    specialise(_sum_loop, {"f": two, "g": one}, parallel=False)(values, out)
    assert np.allclose(out, values + 1 + 10 * values**2)


# --- the disk cache ---------------------------------------------------------------------

SCRIPT = """
import sympy as sp
from theorycheck.compiled import compile_kernel
x = sp.Symbol("x", real=True)
kernel = compile_kernel("entry", (x,), sp.tanh(x) + x**3)
assert abs(kernel(0.5) - 0.5871171572600098) < 1e-15
print(kernel.path)
"""


def start(folder: Path, **extra: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "THEORYCHECK_CACHE_DIR": str(folder), **extra}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen) -> Path:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return Path(out.strip())


def machine_code(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.nb[ci]")}


def test_the_cache_is_reused_and_shared_between_processes(tmp_path):
    first, second = start(tmp_path), start(tmp_path)  # both compile at once
    path = finish(first)
    assert finish(second) == path
    (tmp_path / ".writing_killed.py").write_text("half a mod", encoding="utf-8")
    before, written = machine_code(tmp_path), path.stat().st_mtime_ns
    assert before
    assert finish(start(tmp_path)) == path
    assert machine_code(tmp_path) == before  # nothing was compiled again
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", [b"", b"import math\nthis is", b"\xff\xfe\x00 not text"])
def test_a_damaged_module_is_rewritten(damage, tmp_path):
    text = "answer = 42\n"
    path = compiled._write_once(tmp_path, "module.py", text)
    path.write_bytes(damage)
    assert compiled._write_once(tmp_path, "module.py", text) == path
    assert path.read_text(encoding="utf-8") == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["module.py"]


def test_an_intact_module_is_not_touched(tmp_path):
    path = compiled._write_once(tmp_path, "module.py", "answer = 42\n")
    os.utime(path, (1, 1))
    compiled._write_once(tmp_path, "module.py", "answer = 42\n")
    assert path.stat().st_mtime == 1


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")  # a folder below a file: refused even to root
    path = finish(start(tmp_path / "file" / "cache"))
    assert path.exists()
    assert tmp_path not in path.parents


def test_a_read_only_folder_is_no_obstacle(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    original = compiled.tempfile.mkstemp
    monkeypatch.setattr(
        compiled.tempfile, "mkstemp", lambda dir, **rest: refuse() if dir == tmp_path else original(dir=dir, **rest)
    )
    path = compiled._write_once(tmp_path, "module.py", "answer = 42\n")
    assert path.read_text(encoding="utf-8") == "answer = 42\n"
    assert path.parent != tmp_path


def test_everything_runs_without_the_compiler(tmp_path):
    assert finish(start(tmp_path, NUMBA_DISABLE_JIT="1")).exists()
    assert machine_code(tmp_path) == {}


def test_a_module_that_cannot_be_executed_leaves_no_ruin(monkeypatch, tmp_path):
    monkeypatch.setenv("THEORYCHECK_CACHE_DIR", str(tmp_path))
    before = set(sys.modules)
    for _ in range(2):  # the second time as well: a half-made module must not be found
        with pytest.raises(ZeroDivisionError):
            compiled._load("value = 1 / 0\n", prelude=False)
    assert not {name for name in set(sys.modules) - before if name.startswith("theorycheck_kernel_")}


@pytest.mark.parametrize("at_zero", [0, 1])
def test_a_step_that_is_not_in_the_middle_at_its_kink_is_refused(at_zero):
    """Kernels take 1/2 there, which they would have done silently."""
    x = sp.Symbol("x", real=True)
    assert compile_kernel("step", (x,), sp.Heaviside(x))(0.0) == 0.5
    for make in (lambda expr: compile_kernel("step", (x,), expr), lambda expr: compile_block((x,), expr)):
        with pytest.raises(ValueError, match="not 1/2 at 0"):
            make(sp.Heaviside(x, at_zero))
