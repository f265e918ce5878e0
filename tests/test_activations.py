"""Activations follow from their expressions, and text is read without being run."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Heaviside, Max, Rational, lambdify

from theorycheck.symbolic.activations import ACTIVATIONS, Activation, Z, activation
from theorycheck.symbolic.canonical import breakpoints, canonical, zeros
from theorycheck.symbolic.parsing import FUNCTIONS, parse_expression

POINTS = [Rational(k, 7) for k in (-40, -9, -3, -1, 1, 2, 5, 13, 50)]


def exact(expr: sympy.Expr, point: sympy.Expr, digits: int = 60) -> sympy.Expr:
    """The value by SymPy in many digits."""
    return expr.subs(Z, point).evalf(digits)


def is_derivative(slope: sympy.Expr, expr: sympy.Expr) -> bool:
    """Whether ``slope`` agrees with central differences of ``expr`` in 60 digits, away from 0."""
    h = Rational(1, 10**15)
    quotients = [(exact(expr, x + h) - exact(expr, x - h)) / (2 * h) for x in POINTS]
    return all(abs(exact(slope, x) - q) < 1e-20 * (1 + abs(q)) for x, q in zip(POINTS, quotients, strict=True))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_and_curvature_are_derivatives(name):
    s = ACTIVATIONS[name]
    assert is_derivative(s.slope, s.expr)
    assert is_derivative(s.curvature, s.slope)


def test_a_wrong_slope_is_noticed():
    tanh, relu = ACTIVATIONS["tanh"], ACTIVATIONS["relu"]
    assert not is_derivative(tanh.slope + Rational(1, 10**12), tanh.expr)
    assert not is_derivative(1 - Heaviside(Z), relu.expr)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_evaluation_overflows(name):
    s = ACTIVATIONS[name]
    grid = np.array([-700.0, -40.0, -1.0, 0.0, 1.0, 40.0, 700.0])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for expr in (s.expr, s.slope, s.curvature):
            values = np.broadcast_to(lambdify(Z, expr, ["scipy", "numpy"])(grid), grid.shape)
            assert np.isfinite(values).all()


def test_the_overflow_check_can_fail():
    naive = lambdify(Z, sympy.exp(2 * Z) / (1 + sympy.exp(2 * Z)), "numpy")
    with np.errstate(over="raise", invalid="raise"), pytest.raises(FloatingPointError):
        naive(np.array([700.0]))


TABLE = {  # kinks, smooth, analytic, affine, leak
    "relu": ((0,), False, False, False, 0.0),
    "leaky_relu": ((0,), False, False, False, 0.01),
    "abs": ((0,), False, False, False, -1.0),
    "elu": ((), True, False, False, None),
    "identity": ((), True, True, True, None),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derived_properties(name):
    s = ACTIVATIONS[name]
    assert (s.kinks, s.smooth, s.analytic, s.affine, s.leak) == TABLE.get(name, ((), True, True, False, None))


@pytest.mark.parametrize(
    ("text", "kinks", "smooth", "leak"),
    [
        ("max(z, 0.3*z)", (0,), False, 0.3),
        ("max(z, 2*z)", (0,), False, None),
        ("z - max(0, -z)", (0,), False, None),
        ("2*relu(z)", (0,), False, None),
        ("max(-1, min(1, z))", (-1, 1), False, None),
        ("abs(abs(z) - 1)", (-1, 0, 1), False, None),
        ("z*abs(z)", (), True, None),
        ("abs(z)**1.5", (), False, None),
        ("sqrt(abs(z))", (0,), False, None),
        ("max(0, z) + min(0, exp(z) - 1)", (), True, None),
        ("max(0, 2*exp(z) - 1)", (-sympy.log(2),), False, None),
        ("max(z, z**2)", (0, 1), False, None),
    ],
)
def test_kinks_of_typed_activations(text, kinks, smooth, leak):
    s = activation(text)
    assert (s.kinks, s.smooth, s.leak) == (kinks, smooth, leak)


def test_kinks_are_the_mean_of_both_sides():
    assert ACTIVATIONS["relu"].slope.subs(Z, 0) == Rational(1, 2)
    assert activation("max(z, -0.5*z)").slope.subs(Z, 0) == Rational(1, 4)
    assert ACTIVATIONS["elu"].slope.subs(Z, 0) == 1


def test_a_piecewise_expression_is_understood():
    huber = Activation("huber", sympy.Piecewise((Z**2 / 2, sympy.Abs(Z) <= 1), (sympy.Abs(Z) - Rational(1, 2), True)))
    assert huber.breakpoints == (-1, 0, 1)
    assert huber.kinks == ()
    assert huber.smooth
    assert not huber.analytic


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1/(1 + exp(-z))", "sigmoid"),
        ("exp(z)/(1 + exp(z))", "sigmoid"),
        ("log(1 + exp(z))", "softplus"),
        ("z/(1 + exp(-z))", "silu"),
        ("2/(1 + exp(-2*z)) - 1", "tanh"),
        ("0.5*z*(1 + erf(z/sqrt(2)))", "gelu"),
        ("(z + abs(z))/2", "relu"),
        ("max(0.01*z, z)", "leaky_relu"),
    ],
)
def test_user_written_forms_become_canonical(text, name):
    assert sympy.expand(activation(text).expr - ACTIVATIONS[name].expr) == 0
    assert not activation(text).slope.has(sympy.exp) or name == "gelu"


def test_canonical_is_idempotent_and_preserves_values():
    for text in ("max(z, z**3 - 1)", "abs(z - 0.5)*sign(z + 2)", "exp(3*z)/(1 + exp(z))**4", "min(tanh(z), abs(z))"):
        raw = parse_expression(text)
        once = canonical(raw)
        assert canonical(once) == once
        assert all(abs(exact(raw - once, point)) < 1e-40 for point in POINTS)


def test_zeros_are_found_or_refused():
    assert zeros(sympy.exp(2 * Z) - 3) == (sympy.log(3) / 2,)
    assert zeros(sympy.tanh(Z) - 2) == ()
    assert zeros(Z**2 + 1) == ()
    assert breakpoints(Max(0, Z**2 - 2)) == (-sympy.sqrt(2), sympy.sqrt(2))
    with pytest.raises(ValueError, match="cannot be located"):
        zeros(sympy.sin(Z) - Z / 2)


def test_names_are_forgiving_and_errors_are_helpful():
    assert activation("Leaky-ReLU") is ACTIVATIONS["leaky_relu"] is activation(" LEAKY_RELU ")
    assert activation("swish") is ACTIVATIONS["silu"]
    assert activation(ACTIVATIONS["tanh"]) is ACTIVATIONS["tanh"]
    assert activation("z").affine
    with pytest.raises(ValueError, match="did you mean relu"):
        activation("relo")
    with pytest.raises(ValueError, match=r"did you mean .*tanh"):
        parse_expression("tahn(z)")


REFUSED = [
    "__import__('os')",
    "__import__(os)",
    "z.real",
    "z.__class__",
    "().__class__",
    "lambda: 0",
    "lambda z",
    "9**9**9**9",
    "(((9**60)**60)**60)**60*z",
    "((z**60)**60)**60",
    "z**z",
    "2**z",
    "z**1e30",
    "z**65",
    "1e99**9*z",
    "z*1e999999999",
    "exp(exp(exp(exp(9))))*z",
    "z" * 201,
    "+z" * 95,
    "-" * 199 + "z",
    "(" * 150,
    "z+w",
    "z+x*y",
    "foo(z)",
    "print(z)",
    "relu(z, z)",
    "relu(z=z)",
    "relu(*z)",
    "max(z)",
    "z(z)",
    "[z]",
    "{z}",
    "z if z else z",
    "z == z",
    "z // 2",
    "z @ z",
    "1j*z",
    "0x10*z",
    "1_000*z",
    "'z'",
    "z; z",
    "z := 1",
    "z\0",
    "",
    "   ",
    "3 + 2",
    "z - z + 0",
    "max(z, z) - z",
    "1/0",
    "z/0",
    "sqrt(-1)*z",
    "log(0)*z",
    "sqrt(z)",
    "log(z)",
    "1/z",
    "1/(z - 0.1)",
    "tan(z)",
    "heaviside(z)",
    "sign(z) + z",
    "max(0, sin(z))",
    "abs(" * 7 + "z" + "-1)" * 7,
    "max(max(tanh(z),z),max(exp(z)-1,max(atan(z),sinh(z))))",
]


@pytest.mark.parametrize("text", REFUSED)
def test_attacks_and_mistakes_are_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"\w{3}"):
        activation(text)
    assert time.perf_counter() - start < 2


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="z019.+-*/()eE, mxanhip_'[]", max_size=25))
def test_any_text_is_read_or_refused(text):
    try:
        expr = parse_expression(text)
    except ValueError:
        return
    assert expr.free_symbols == {Z}


LEAVES = st.sampled_from(["z", "pi", "2", "0.1", "3.25e-1", "z*z"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: "({}{}{})".format(*parts)),
        st.tuples(st.sampled_from(["tanh", "sin", "atan", "erf", "abs"]), inner).map("{0[0]}({0[1]})".format),
        st.tuples(inner, st.sampled_from([2, 3])).map("({0[0]})**{0[1]}".format),
        inner.map("-{}".format),
    ),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None)
@given(TREES, st.integers(-20, 20))
def test_reading_agrees_with_python(text, tenths):
    names = {name: getattr(math, name) for name in ("tanh", "sin", "atan", "erf", "pi")}
    expected = eval(text, {"__builtins__": {}}, names | {"abs": abs, "z": tenths / 10})
    try:
        expr = parse_expression(text)
    except ValueError as refusal:
        assert "z" not in text or "is the constant" in str(refusal) or "above" in str(refusal)  # noqa: PT017
        return
    assert float(exact(expr, Rational(tenths, 10))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_decimals_are_exact_and_every_function_works():
    assert parse_expression("0.1*z") == Z / 10
    assert (
        parse_expression("x + 2*y", ("x", "y")).subs({"x": 1}).free_symbols
        <= parse_expression("x+y", ("x", "y")).free_symbols
    )
    for name in FUNCTIONS:
        argument = "z, 1" if name in ("max", "min") else "z"
        assert parse_expression(f"{name}({argument})").free_symbols == {Z}
