"""Text to SymPy, safely: an expression typed by a user is read, never run.

The text is parsed to a syntax tree and rebuilt node by node from a short list of what is allowed: numbers, the given
variables, ``pi`` and ``e``, ``+ - * / **`` and calls of known functions. There is no ``eval``, no ``sympify`` of
text and no attribute access; sizes are limited before anything is computed, so ``9**9**9`` is an error and not a wait.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import sympy
from sympy import E, Expr, Heaviside, Max, Min, Pow, Rational, Symbol, pi

LONGEST_TEXT = 200
DEEPEST_NESTING = 60
LARGEST_EXPONENT = 64
LONGEST_NUMBER = 30
LARGEST_CONSTANT = 1e100
MOST_KINKS = 6

_CHARACTERS = re.compile(r"[A-Za-z0-9_+\-*/().,\s]*")
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")
_TWO = sympy.Integer(2)


def sigmoid(u: Expr) -> Expr:
    """Return ``1/(1 + exp(-u))`` as ``(1 + tanh(u/2))/2``, which overflows nowhere."""
    return (1 + sympy.tanh(u / 2)) / 2


def gelu(u: Expr) -> Expr:
    """Return ``u`` times the normal distribution function at ``u``, exactly (not the tanh approximation)."""
    return u * (1 + sympy.erf(u / sympy.sqrt(_TWO))) / 2


def softplus(u: Expr) -> Expr:
    """Return ``log(1 + exp(u))``; evaluators are expected to know this form and its stable evaluation."""
    return sympy.log(1 + sympy.exp(u))


def elu(u: Expr) -> Expr:
    """Return ``u`` on the right and ``exp(u) - 1`` on the left, without an exponential that can overflow."""
    return Max(0, u) + sympy.exp(u - Max(0, u)) - 1


_UNARY: dict[str, Callable[[Expr], Expr]] = {
    **{name: getattr(sympy, name) for name in ("exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "asinh")},
    **{name: getattr(sympy, name) for name in ("atan", "erf", "erfc", "sqrt", "sign")},
    "arctan": sympy.atan,
    "ln": sympy.log,
    "abs": sympy.Abs,
    "relu": lambda u: Max(0, u),
    "heaviside": Heaviside,
    "sigmoid": sigmoid,
    "logistic": sigmoid,
    "softplus": softplus,
    "gelu": gelu,
    "silu": lambda u: u * sigmoid(u),
    "swish": lambda u: u * sigmoid(u),
    "elu": elu,
}
FUNCTIONS: Mapping[str, Callable[..., Expr]] = MappingProxyType({**_UNARY, "max": Max, "min": Min})
_WITH_KINKS = {"max", "min", "abs", "sign", "relu", "heaviside", "elu"}
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}


def parse_expression(text: str, variables: tuple[str, ...] = ("z",)) -> Expr:
    """Read an expression in the given real variables.

    Parameters
    ----------
    text
        At most 200 characters, such as ``"max(0, z) + 0.1*sin(z)"``. Decimals are read exactly: ``0.1`` is 1/10.
    variables
        The names that may occur; they become ``Symbol(name, real=True)``.

    Raises
    ------
    ValueError
        If the text is anything else than such an expression, contains no variable, or is too large to be worth it.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"an activation is an expression in {_in_words(variables)}, such as 'max(0, z)': the text is empty"
        )
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"the expression has {len(text)} characters; write it with at most {LONGEST_TEXT}")
    if not _CHARACTERS.fullmatch(text):
        raise ValueError(f"{text!r} may contain only letters, digits and + - * / ** ( ) . , (a power is written **)")
    text = " ".join(text.split())
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(
            f"{text!r} is not an expression: check its brackets and operators, as in 'z*(1 + tanh(z))/2'"
        ) from None
    expr = _Reader(text, variables).build(tree.body, 0)
    if not expr.free_symbols:
        raise ValueError(
            f"{text!r} is the constant {expr}: an activation is an expression in {_in_words(variables)}, so use it"
        )
    return expr


class _Reader:
    """Rebuilds a syntax tree as a SymPy expression, refusing every node that is not on the list."""

    def __init__(self, text: str, variables: tuple[str, ...]) -> None:
        self.text = text
        self.variables = variables
        self.kinks = 0
        self.names = {"pi": pi, "e": E, "E": E} | {name: Symbol(name, real=True) for name in variables}

    def build(self, node: ast.AST, depth: int) -> Expr:
        if depth > DEEPEST_NESTING:
            raise ValueError(f"the expression is nested deeper than {DEEPEST_NESTING} levels; write it more simply")
        match node:
            case ast.Constant():
                result = self._number(node)
            case ast.Name(id=name):
                result = self.names[name] if name in self.names else self._unknown(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                inside = self.build(operand, depth + 1)
                result = -inside if isinstance(sign, ast.USub) else inside
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                result = _combine(operator, self.build(left, depth + 1), self.build(right, depth + 1))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                if name not in FUNCTIONS:
                    self._unknown(name)
                result = self._call(name, [self.build(argument, depth + 1) for argument in arguments])
            case _:
                raise ValueError(
                    f"{self.text!r} uses Python that is no formula: only numbers, + - * / **, {_in_words(self.variables)} and known functions are read"
                )
        return _checked(result)

    def _number(self, node: ast.Constant) -> Expr:
        written = ast.get_source_segment(self.text, node) or ""
        if not _NUMBER.fullmatch(written) or len(written) > LONGEST_NUMBER:
            raise ValueError(
                f"{written!r} is not a number that is read here: write a decimal of at most {LONGEST_NUMBER} characters, such as 0.01 or 1e-3"
            )
        return Rational(written)

    def _call(self, name: str, arguments: list[Expr]) -> Expr:
        needed = "at least two arguments" if name in ("max", "min") else "one argument"
        if len(arguments) < 2 if name in ("max", "min") else len(arguments) != 1:
            raise ValueError(f"{name} takes {needed}, not {len(arguments)}")
        self.kinks += max(1, len(arguments) - 1) * (name in _WITH_KINKS)
        if self.kinks > MOST_KINKS:
            raise ValueError(
                f"the expression has more than {MOST_KINKS} kinks ({', '.join(sorted(_WITH_KINKS))}); use fewer"
            )
        return FUNCTIONS[name](*arguments)

    def _unknown(self, name: str) -> Expr:
        near = difflib.get_close_matches(name, [*FUNCTIONS, *self.names], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"an activation is an expression in {_in_words(self.variables)} with known functions "
            f"({', '.join(sorted(FUNCTIONS))}); {name!r} is not one of them{hint}"
        )


def _combine(operator: ast.operator, left: Expr, right: Expr) -> Expr:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case _:
            return _power(left, right)


def _power(base: Expr, exponent: Expr) -> Expr:
    """Return a power whose size is known beforehand: the exponent is a small rational number."""
    if not exponent.is_Rational or abs(exponent) > LARGEST_EXPONENT:
        raise ValueError(
            f"an exponent must be a number between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}, not {exponent}; for other powers use exp and log"
        )
    if base.is_Rational and abs(exponent) * max(int(base.p).bit_length(), int(base.q).bit_length()) > 1024:
        raise ValueError("the power of two numbers is too large to be written out; use a smaller one")
    return Pow(base, exponent)


def _checked(expr: Expr) -> Expr:
    """Return ``expr`` if it is finite and small enough for everything that SymPy does with it unasked."""
    if expr.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
        raise ValueError(f"the expression is not finite and real ({expr}); check its divisions, roots and logarithms")
    if any(abs(power.exp) > LARGEST_EXPONENT for power in expr.atoms(Pow) if power.exp.is_Rational):
        raise ValueError(f"the expression contains a power above {LARGEST_EXPONENT}; use smaller ones")
    if not expr.free_symbols:
        value = expr.evalf(15)
        if not (value.is_real and abs(value) <= LARGEST_CONSTANT):
            raise ValueError(
                f"the constant {value} in the expression is not a real number up to {LARGEST_CONSTANT:.0e}; use a smaller one"
            )
    return expr


def _in_words(variables: tuple[str, ...]) -> str:
    return f"one variable {variables[0]}" if len(variables) == 1 else f"the variables {', '.join(variables)}"
