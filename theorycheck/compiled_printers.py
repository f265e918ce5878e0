"""SymPy's own printers, with the delicate functions sent to stable forms."""

from __future__ import annotations

import sympy as sp
from sympy.printing.numpy import NumPyPrinter
from sympy.printing.pycode import PythonCodePrinter


def _middle(expr: sp.Expr) -> sp.Expr:
    """Return where a step steps; it must be in the middle there, as the kernels' steps are."""
    if isinstance(expr, sp.Heaviside) and expr.args[1] != sp.S.Half:
        raise ValueError(f"no code for {expr}, a step that is not 1/2 at 0")
    return expr.args[0]


class ScalarPrinter(PythonCodePrinter):
    """SymPy's Python printer with the delicate functions sent to the prelude."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": True, "allow_unknown_functions": False})

    def _print_Function(self, expr: sp.Expr) -> str:
        stable = {"exp": "_exp", "acos": "_acos", "asin": "_asin", "Heaviside": "_heaviside"}
        name = stable.get(type(expr).__name__)
        if name is None:
            return super()._print_Function(expr)
        return f"{name}({self._print(_middle(expr))})"

    _print_exp = _print_acos = _print_asin = _print_Heaviside = _print_Function

    def _print_log(self, expr: sp.Expr) -> str:
        inner = _softplus_argument(expr)
        return f"math.log({self._print(expr.args[0])})" if inner is None else f"_softplus({self._print(inner)})"


class BlockPrinter(NumPyPrinter):
    """SymPy's NumPy printer for blocks of pre-activations, stable where the scalar one is."""

    def _print_log(self, expr: sp.Expr) -> str:
        inner = _softplus_argument(expr)
        return (
            f"numpy.log({self._print(expr.args[0])})"
            if inner is None
            else f"numpy.logaddexp(0.0, {self._print(inner)})"
        )

    def _print_Heaviside(self, expr: sp.Expr) -> str:
        return f"numpy.heaviside({self._print(_middle(expr))}, 0.5)"

    def _print_erf(self, expr: sp.Expr) -> str:
        return f"special.erf({self._print(expr.args[0])})"

    def _print_erfc(self, expr: sp.Expr) -> str:
        return f"special.erfc({self._print(expr.args[0])})"


def _softplus_argument(expr: sp.Expr) -> sp.Expr | None:
    """Return u if ``expr`` is log(1 + exp(u)), else None."""
    inside = expr.args[0]
    if len(expr.args) == 1 and isinstance(inside, sp.Add) and len(inside.args) == 2 and sp.S.One in inside.args:
        other = inside - 1
        if isinstance(other, sp.exp):
            return other.args[0]
    return None
