"""An activation is an expression; its slope, its kinks and its smoothness follow from it and are never typed in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from types import MappingProxyType

import numpy as np
import sympy
from scipy import special
from sympy import Expr, Heaviside, Max, Piecewise, Pow, Rational, sympify

from theorycheck.symbolic.canonical import Z, between, branch, breakpoints, canonical, derivative, sides
from theorycheck.symbolic.parsing import elu, gelu, parse_expression, sigmoid, softplus

__all__ = ["ACTIVATIONS", "Activation", "Z", "activation"]


@dataclass(frozen=True)
class Activation:
    """A continuous function of one real variable, as an expression in ``Z``.

    Parameters
    ----------
    name
        What it is called; for a function typed by the user, its text.
    expr
        The function; it is brought into canonical form (kinks as ``Max(0, u)``, logistics as tanh).

    Raises
    ------
    ValueError
        If ``expr`` contains another symbol than ``Z``.
    """

    name: str
    expr: Expr

    def __post_init__(self) -> None:
        expr = canonical(sympify(self.expr))
        if expr.free_symbols - {Z}:
            raise ValueError(
                f"activation {self.name!r} is an expression in theorycheck's symbol Z alone, not in {expr.free_symbols}"
            )
        object.__setattr__(self, "expr", expr)

    @cached_property
    def slope(self) -> Expr:
        """The derivative; at a kink the mean of its two sides, because SymPy's ``Heaviside(0)`` is 1/2."""
        return derivative(self.expr)

    @cached_property
    def curvature(self) -> Expr:
        """The second derivative away from kinks (no ``DiracDelta``); it bounds the slope's growth only if ``smooth``."""
        return derivative(self.slope)

    @cached_property
    def breakpoints(self) -> tuple[Expr, ...]:
        """Where the function is not analytic, in increasing order: its kinks, and points such as elu's 0."""
        return breakpoints(self.expr)

    @cached_property
    def kinks(self) -> tuple[Expr, ...]:
        """The points where the slope jumps, in increasing order: ``(0,)`` for relu, none for elu."""
        return tuple(point for point in self.breakpoints if _jumps(self.slope, point, self.breakpoints))

    @cached_property
    def smooth(self) -> bool:
        """Whether the slope is locally Lipschitz: no kink, and finite curvature on both sides of every breakpoint."""
        finite = all(
            _is_finite(side) for point in self.breakpoints for side in sides(self.curvature, point, self.breakpoints)
        )
        return finite and not self.kinks

    @cached_property
    def analytic(self) -> bool:
        """Whether the expression is one analytic formula on the whole line."""
        return not self.expr.has(Max, Heaviside, Piecewise) and not self.breakpoints

    @cached_property
    def affine(self) -> bool:
        """Whether the function is ``a + b z``."""
        return not self.kinks and all(_is_zero(piece.diff(Z)) for piece in self._slopes)

    @cached_property
    def leak(self) -> float | None:
        """The left slope if the function is ``max(z, leak z)`` with ``leak < 1``, else None; 0.0 for relu."""
        if self.kinks != (0,) or self.breakpoints != (0,):
            return None
        left, right = self._slopes
        constant = not left.has(Z) and not right.has(Z)
        if not constant or right != 1 or not left < 1 or not _is_zero(self.expr.subs(Z, 0)):
            return None
        return float(left)

    @cached_property
    def _slopes(self) -> tuple[Expr, ...]:
        """The slope on each interval between breakpoints, simplified."""
        ends = zip((-sympy.oo, *self.breakpoints), (*self.breakpoints, sympy.oo), strict=True)
        return tuple(sympy.expand(branch(self.slope, between(left, right))) for left, right in ends)


def _is_finite(value: Expr) -> bool:
    number = value.evalf(15)
    return bool(number.is_real and number.is_finite)


def _is_zero(value: Expr) -> bool:
    """Whether an exact expression vanishes; constants are judged by 30 digits of 60, because no algebra decides them all."""
    if value.has(Z):
        return _is_zero(value.subs(Z, Rational(355, 113))) and bool(sympy.simplify(value) == 0)
    return bool(value == 0 or abs(value.evalf(60)) < Rational(1, 10**30))


def _jumps(expr: Expr, point: Expr, others: tuple[Expr, ...]) -> bool:
    left, right = sides(expr, point, others)
    return not (_is_finite(left) and _is_finite(right) and _is_zero(right - left))


def _named() -> dict[str, Expr]:
    return {
        "relu": Max(0, Z),
        "leaky_relu": Max(Z, Z / 100),
        "softplus": softplus(Z),
        "tanh": sympy.tanh(Z),
        "erf": sympy.erf(Z),
        "sigmoid": sigmoid(Z),
        "gelu": gelu(Z),
        "silu": Z * sigmoid(Z),
        "elu": elu(Z),
        "sine": sympy.sin(Z),
        "exponential": sympy.exp(Z),
        "square": Z**2,
        "abs": sympy.Abs(Z),
        "identity": Z,
    }


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {name: Activation(name, expr) for name, expr in _named().items()}
)
_ALIASES = {"logistic": "sigmoid", "swish": "silu", "sin": "sine", "exp": "exponential", "linear": "identity"}


def activation(text: str | Activation) -> Activation:
    """Return an activation by name, or read it as an expression in ``z``.

    Parameters
    ----------
    text
        A name in any case, with ``-`` or ``_`` (``"Leaky-ReLU"``), or an expression such as ``"z/(1 + exp(-z))"``.
        An :class:`Activation` is returned as it is.

    Raises
    ------
    ValueError
        If the name is unknown (the nearest names are listed), the text is no expression in ``z``, or the function is
        not real, finite and continuous on the line.
    """
    if isinstance(text, Activation):
        return text
    name = text.strip().lower().replace("-", "_") if isinstance(text, str) else ""
    name = _ALIASES.get(name, name)
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if re.fullmatch(r"[a-z]\w+", name) and name not in {"pi", "e_z", "z_e", "pi_z", "z_pi"}:
        near = difflib.get_close_matches(name, [*ACTIVATIONS, *_ALIASES], n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(
            f"no activation is called {text!r}: {hint}Take one of {', '.join(ACTIVATIONS)}, or write an expression in z such as 'max(0, z)'"
        )
    return _read(text)


@cache
def _read(text: str) -> Activation:
    """Return the activation that a text describes, if it is a real, finite and continuous function."""
    found = Activation(text, parse_expression(text))
    if not found.expr.has(Z):
        raise ValueError(f"{text!r} is the constant {found.expr}: an activation depends on z")
    _check_values(found)
    try:
        jumps = [point for point in found.breakpoints if _jumps(found.expr, point, found.breakpoints)]
    except (TypeError, ArithmeticError, NotImplementedError, RecursionError) as trouble:
        raise ValueError(f"the kinks of {text!r} are too intricate ({trouble}); write a simpler function") from trouble
    if jumps:
        raise ValueError(
            f"{text!r} jumps at z = {jumps[0]}: an activation is continuous, so repair it there (e.g. z*heaviside(z) for heaviside(z))"
        )
    return found


def _check_values(found: Activation) -> None:
    """Look at the function on a grid, and at the signs of what it divides by or takes tangents of.

    Raises
    ------
    ValueError
        If a value is not real and finite, or if a denominator changes its sign or vanishes: then there is a pole.
    """
    grid = np.linspace(-8, 8, 1025)
    divisors = [power.base for power in found.expr.atoms(Pow) if power.exp.is_negative]
    divisors += [sympy.cos(tangent.args[0]) for tangent in found.expr.atoms(sympy.tan)]
    with np.errstate(all="ignore"):
        for expr in [found.expr, *divisors]:
            values = np.broadcast_to(_evaluate(expr, grid), grid.shape)
            bad = ~np.isfinite(values)
            if expr is not found.expr:
                bad |= np.sign(values) != np.sign(values[0])
            if bad.any():
                raise ValueError(
                    f"{found.name!r} is not a finite real function near z = {grid[bad.argmax()]:.3g}: "
                    "an activation is defined and finite on the whole line"
                )


def _evaluate(expr: Expr, grid: np.ndarray) -> np.ndarray:
    """Return float values for a first look (``lambdify`` takes minutes for nested kinks, and knows no tilted log)."""
    if expr == Z:
        return grid
    if not expr.args:
        return np.asarray(float(expr))
    values = [_evaluate(arg, grid) for arg in expr.args]
    return _NUMPY[expr.func](*values)


_NUMPY: Mapping[type, Callable[..., np.ndarray]] = MappingProxyType(
    {
        **{getattr(sympy, name): getattr(np, name) for name in ("exp", "log", "sin", "cos", "tan", "tanh")},
        **{sympy.sinh: np.sinh, sympy.cosh: np.cosh, sympy.asinh: np.arcsinh, sympy.atan: np.arctan},
        **{sympy.erf: special.erf, sympy.erfc: special.erfc, Pow: np.power},
        sympy.Add: lambda *terms: sum(terms),
        sympy.Mul: lambda *factors: reduce(np.multiply, factors),
        Max: lambda *options: reduce(np.maximum, options),
        Heaviside: np.heaviside,
    }
)
