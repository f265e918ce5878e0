"""SymPy -> Numba: scalar kernels from expressions, cached on disk as readable source.

``compile_kernel`` prints an expression with SymPy's own printer (common subexpressions
shared), writes it to a module file named by the hash of its content, and lets Numba cache
the machine code beside it. ``specialise`` binds kernels to a blocked loop, so that the loop
is compiled once per kernel and cached too. With ``NUMBA_DISABLE_JIT=1`` everything runs as
plain Python.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import math
import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
import sympy as sp

import theorycheck
from theorycheck.compiled_printers import BlockPrinter, ScalarPrinter

# Printed into every module: the delicate places, each one line of mathematics.
_PRELUDE = '''
@njit(error_model="numpy")
def _softplus(u):
    """log(1 + exp(u)) without overflow."""
    return max(u, 0.0) + math.log1p(math.exp(-abs(u)))


@njit(error_model="numpy")
def _acos(x):
    """acos, where rounding may have pushed the cosine of an angle past 1."""
    return math.acos(min(1.0, max(-1.0, x)))


@njit(error_model="numpy")
def _asin(x):
    """asin, where rounding may have pushed a sine past 1."""
    return math.asin(min(1.0, max(-1.0, x)))


@njit(error_model="numpy")
def _exp(u):
    """exp that ends in inf, as the other languages do, where math.exp would raise."""
    return math.exp(u) if u < 709.0 else (math.exp(0.5 * u) * math.exp(0.5 * u) if u < 1400.0 else math.inf)


@njit(error_model="numpy")
def _heaviside(x):
    """The slope of max(0, x); one half at the kink, as in SymPy."""
    return 1.0 if x > 0 else (0.0 if x < 0 else 0.5)
'''


@dataclass(frozen=True)
class Kernel:
    """A compiled scalar function of doubles, the expression it came from and its source.

    ``function`` is a Numba dispatcher (a plain function under ``NUMBA_DISABLE_JIT=1``),
    ``path`` the readable module file.
    """

    name: str
    args: tuple[sp.Symbol, ...]
    expr: sp.Expr
    source: str
    path: Path
    function: Callable[..., float]

    def __call__(self, *values: float) -> float:
        """Evaluate at doubles; overflow gives inf or NaN, never an exception."""
        try:
            return float(self.function(*map(float, values)))
        except (OverflowError, ZeroDivisionError, ValueError):  # only without the JIT
            return math.nan


def cache_folder() -> Path:
    """Return the folder of the kernels: ``$THEORYCHECK_CACHE_DIR`` or the user's cache folder."""
    chosen = os.environ.get("THEORYCHECK_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "theorycheck"


def _removable(expr: sp.Expr, args: tuple[sp.Symbol, ...]) -> sp.Expr:
    """Fill a removable singularity at 0 (sin(z)/z) by its limit, for functions of one variable."""
    if len(args) != 1 or not expr.has(args[0]):
        return expr
    (variable,) = args
    at_zero = expr.subs(variable, 0)
    if at_zero is not sp.nan:
        return expr
    limit = sp.limit(expr, variable, 0)
    return sp.Piecewise((limit, sp.Eq(variable, 0)), (expr, True)) if limit.is_finite else expr


def _body(printer: Any, expr: sp.Expr) -> tuple[list[str], str]:
    # order="none": a deterministic numbering, and linear time on large expressions
    shared, (result,) = sp.cse(expr, symbols=sp.numbered_symbols("t_"), order="none")
    return [f"{symbol} = {printer.doprint(value)}" for symbol, value in shared], printer.doprint(result)


def scalar_source(name: str, args: tuple[sp.Symbol, ...], expr: sp.Expr) -> str:
    """Return the Numba source of one scalar function, without its module's prelude."""
    strangers = expr.free_symbols - set(args)
    if strangers:
        raise ValueError(f"kernel {name!r} uses {', '.join(sorted(map(str, strangers)))}, which its args do not list")
    safe = {arg: sp.Symbol(f"x_{k}", real=True) for k, arg in enumerate(args)}
    printer = ScalarPrinter()
    try:
        lines, result = _body(printer, _removable(sp.sympify(expr), args).xreplace(safe))
    except NotImplementedError as trouble:
        raise ValueError(f"kernel {name!r}: no code for a function of {expr}") from trouble
    header = f"def {name}({', '.join(str(symbol) for symbol in safe.values())}):"
    note = ", ".join(f"{new} = {old}" for old, new in safe.items())
    doc = f'    """{sp.sstr(expr)}, with {note}."""'.replace("\\", "\\\\")
    body = [f"    {line}" for line in [*lines, f"return 1.0 * ({result})"]]
    return "\n".join(['@njit(cache=True, error_model="numpy")', header, doc, *body]) + "\n"


@cache
def compile_kernel(name: str, args: tuple[sp.Symbol, ...], expr: sp.Expr) -> Kernel:
    """Compile an expression to a scalar Numba function of doubles.

    Parameters
    ----------
    name
        A Python identifier.
    args
        The order of the arguments; must cover the expression's symbols.
    expr
        A real expression.

    Raises
    ------
    ValueError
        If the name is no identifier, a symbol is missing, or a function cannot be printed.
    """
    if not name.isidentifier():
        raise ValueError(f"a kernel's name must be a Python identifier, not {name!r}")
    source = scalar_source(name, args, expr)
    module, path = _load(source)
    return Kernel(name, args, expr, source, path, getattr(module, name))


@cache
def compile_block(args: tuple[sp.Symbol, ...], expr: sp.Expr) -> Callable[..., Any]:
    """Compile an expression to NumPy ufuncs on arrays: for tanh, exp and erf far faster than Numba.

    The function broadcasts its arguments and never warns: overflow ends in inf or NaN.
    """
    safe = {arg: sp.Symbol(f"x_{k}", real=True) for k, arg in enumerate(args)}
    lines, result = _body(BlockPrinter(), _removable(sp.sympify(expr), args).xreplace(safe))
    names = ", ".join(str(symbol) for symbol in safe.values())
    body = [f"    {line}" for line in [*lines, f"return 1.0 * numpy.broadcast_arrays({result}, {names})[0]"]]
    source = "\n".join([f"def block({names}):", *body]) + "\n"
    module, _ = _load("import functools\n\nimport numpy\nfrom scipy import special\n\n\n" + source, prelude=False)
    return np.errstate(all="ignore")(module.block)


def specialise(loop: Callable[..., Any], kernels: Mapping[str, Kernel], *, parallel: bool = True) -> Callable[..., Any]:
    """Bind scalar kernels to a loop written in plain Python and compile the whole.

    Parameters
    ----------
    loop
        A module-level function whose parameters named in ``kernels`` are scalar functions;
        it may use ``np``, ``math`` and ``prange``.
    kernels
        The kernel for each such parameter.

    Returns
    -------
    Callable
        The loop as a function of its other parameters, in their order.
    """
    return _specialise(loop, tuple(sorted(kernels.items())), parallel)


@cache
def _specialise(
    loop: Callable[..., Any], kernels: tuple[tuple[str, Kernel], ...], parallel: bool
) -> Callable[..., Any]:
    # The kernels become globals of the generated module and leave the parameter list: a
    # function passed as an argument would make Numba's cache miss in every new process.
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(loop))).body
    assert isinstance(definition, ast.FunctionDef)
    roles = {role for role, _ in kernels}
    definition.args.args = [argument for argument in definition.args.args if argument.arg not in roles]
    definition.decorator_list, definition.returns = [], None
    for argument in definition.args.args:
        argument.annotation = None
    parts = [scalar_source(role, kernel.args, kernel.expr) for role, kernel in kernels]
    options = f'cache=True, error_model="numpy", nogil=True, parallel={parallel}'
    parts.append(f"@njit({options})\n{ast.unparse(definition)}\n")
    module, _ = _load("\n\n".join(parts))
    return getattr(module, definition.name)


def _load(source: str, *, prelude: bool = True) -> tuple[ModuleType, Path]:
    """Write the module once, under a name that says what is in it, and import it."""
    header = "import math\n\nimport numpy as np\nfrom numba import njit, prange\n\n" + _PRELUDE + "\n\n"
    text = f'"""Generated by theorycheck {theorycheck.__version__}; remade when missing."""\n\n'
    text += (header if prelude else "") + source
    stamp = f"{text}|numba {numba.__version__}|python {sys.version_info[:2]}|{numba.config.DISABLE_JIT}"
    name = f"theorycheck_kernel_{hashlib.sha256(stamp.encode()).hexdigest()[:24]}"
    if name in sys.modules:
        module = sys.modules[name]
        return module, Path(str(module.__file__))
    path = _write_once(cache_folder(), f"{name}.py", text)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import the kernel {path}: delete it and run again")
    module = importlib.util.module_from_spec(spec)
    # registered under its name, because Numba's cache pickles functions by module name
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module, path


def _write_once(folder: Path, filename: str, text: str) -> Path:
    """Write a file atomically: a second process, or a kill half-way, never sees a part of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / filename
        if path.exists() and path.read_bytes() == text.encode():
            return path
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing_", suffix=".py")
    except OSError:
        # a read-only or missing home: kernels still work, only the next start is slower
        return _write_once(Path(tempfile.mkdtemp(prefix="theorycheck_")), filename, text)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
    os.replace(temporary, path)
    return path
