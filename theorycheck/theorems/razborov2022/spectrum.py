"""Least eigenvalues of the limit Grams (razborov2022, Lemmas E1 and E2): power series of the arc-cosine kernels, by Gershgorin.

``X X' o Theta^0`` and ``Theta^1`` are, per pair of norms, power series in the cosine with nonnegative coefficients. Their
coefficients and tails are derived from the kernels' closed forms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.spectrum import least_eigenvalue, measured_least
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.gaussian import QU, QV, RHO, dual
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022.examples import FLAGS

_RELU = activation("relu")
#: the even degrees that are looked at one by one; of those beyond LAST only the sum of coefficients is used
DEGREES, LAST = (2, 4, 6, 8), 10
x_min = sp.Symbol("min|x|^2", nonnegative=True)
R = {k: sp.Symbol(f"R_{k}", nonnegative=True) for k in DEGREES}
#: squared n-th singular values of the row-wise products X * Xbar * ... * Xbar, k factors in all (errata A4, B1)
products = {k: sp.Symbol(f"sigma_{k}", nonnegative=True) for k in (2, 4)}
thin = {k: sp.Symbol(f"s_{k}", nonnegative=True) for k in (2, 4)}

# --- the two kernels, per product of norms -----------------------------------------------------------


def _duals() -> tuple[sp.Expr, sp.Expr]:
    found = [dual(expr, "kernel") for expr in (_RELU.slope, _RELU.expr)]
    slopes, values = (one.closed_form.xreplace({QU: sp.S.One, QV: sp.S.One}) for one in found if one is not None)
    return slopes, values


_SLOPES, _VALUES = _duals()
KERNELS = {"W": RHO * _SLOPES, "a": _VALUES}


@lru_cache(maxsize=64)
def _derivative(layer: str, order: int) -> sp.Expr:
    """Return a derivative of the dual of the slope, or of ReLU; from the second on it is algebraic, so its own follow fast."""
    if order == 0:
        return _SLOPES if layer == "W" else _VALUES
    found = sp.diff(_derivative(layer, order - 1), RHO)
    return sp.simplify(found) if order <= 2 else found


@lru_cache(maxsize=64)
def coefficient(layer: str, degree: int) -> sp.Expr:
    """Return the coefficient of ``rho^degree`` of a kernel, ``"W"`` or ``"a"``."""
    order = degree - 1 if layer == "W" else degree
    if order < 0:
        return sp.S.Zero
    return sp.expand(_derivative(layer, order).subs(RHO, 0)) / sp.factorial(order)


@lru_cache(maxsize=64)
def tail(layer: str, degree: int) -> sp.Expr:
    """Return the sum of a kernel's coefficients from a degree on: its value at 1 less the lower ones (4.1)."""
    return sp.expand(KERNELS[layer].subs(RHO, 1) - sum(coefficient(layer, k) for k in range(degree)))


# --- measures -------------------------------------------------------------------------------------------


def _cosines(instance: Instance) -> Array:
    norms = np.linalg.norm(instance.inputs, axis=1)
    units = instance.inputs / np.where(norms > 0, norms, 1.0)[:, None]
    return np.clip(units @ units.T, -1, 1)


def row_sum(degree: int) -> measure.Measure:
    """Return a measure of ``R_k = max_i sum_(j != i) |rho_ij|^k``."""

    def read(run: Run) -> Measured:
        powers = np.abs(_cosines(run.instance)) ** degree
        np.fill_diagonal(powers, 0.0)
        value = float(powers.sum(axis=1).max())
        return Measured(value, 1e-15 * (run.instance.d + 8) * (degree * run.instance.n + value))

    return read


def _product_gram(instance: Instance, degree: int) -> Array:
    return instance.inputs @ instance.inputs.T * _cosines(instance) ** (degree - 1)


def product_square(degree: int) -> measure.Measure:
    """Return a measure of the squared n-th singular value of the row-wise product of ``degree`` factors, by its Gram."""

    def read(run: Run) -> Measured:
        gram = _product_gram(run.instance, degree)
        doubt = 4e-16 * (run.instance.d + 8) * degree * float(np.max(np.diag(gram)))
        found = measured_least(least_eigenvalue(gram, doubt))
        low = max(float(found.value - found.error), 0.0)
        return Measured.between(low, max(float(found.value + found.error), low))

    return read


def thin_square(degree: int) -> measure.Measure:
    """Return a measure of the last of the min(n, columns) singular values, squared: wrong where columns are few (B1)."""

    def read(run: Run) -> Measured:
        squares = np.sort(np.linalg.eigvalsh(_product_gram(run.instance, degree)))[::-1]
        columns = int(sp.binomial(run.instance.d + degree - 1, degree))
        value = float(squares[min(run.instance.n, columns) - 1])
        return Measured(max(value, 0.0), 1e-13 * float(squares[0]))

    return read


# --- statement ---------------------------------------------------------------------------------------------


def left(degree: int) -> sp.Expr:
    """Return what Gershgorin leaves of a power: ``(1 - R_k)_+``."""
    return sp.Max(0, 1 - R[degree])


def by_power(layer: str, degree: int) -> sp.Expr:
    """Return E1's floor from one even degree."""
    return x_min * tail(layer, degree) * left(degree)


def by_all(layer: str) -> sp.Expr:
    """Return the floor from every even degree; those from LAST on lose no more than the one before."""
    terms = (coefficient(layer, k) * left(k) for k in DEGREES)
    return x_min * (sum(terms, sp.S.Zero) + tail(layer, LAST) * left(DEGREES[-1]))


_LEAST = {"W": o.lam_W, "a": o.lam_a}


def _of(layer: str) -> tuple[Claim, ...]:
    low = _LEAST[layer]
    return (
        Claim(f"{layer}, K = 4", "the tail from degree 4, by Gershgorin", Bound(by_power(layer, 4), low), ()),
        Claim(f"{layer}, all degrees", "every even degree by Gershgorin", Bound(by_all(layer), low), ()),
        *(Claim(f"{layer}, product {k}", f"the n-th singular value of row-wise products of {k} factors", Bound(coefficient(layer, k) * products[k], low), ()) for k in products),
    )  # fmt: skip


def _wrong(layer: str) -> tuple[Claim, ...]:
    low = _LEAST[layer]
    whole = x_min * KERNELS[layer].subs(RHO, 1)
    return (
        Claim(f"{layer}, K = 4: lower degrees counted", "the whole series", Bound(whole * left(4), low), (), falsifies=f"{layer}, K = 4"),
        Claim(f"{layer}, all degrees: nothing lost", "as if inputs were orthogonal", Bound(x_min * tail(layer, 2), low), (), falsifies=f"{layer}, all degrees"),
        *(Claim(f"{layer}, product {k}: fewer columns than rows", "the last singular value there is", Bound(coefficient(layer, k) * thin[k], low), (), falsifies=f"{layer}, product {k}") for k in thin),
    )  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    return i.build({**flags, "m": 2})


def _hard(kind: str, n: int, d: int, exponent: int, seed: int) -> Instance:
    """Samples that repeat, are parallel, opposite, zero, or more than dimensions; norms of many sizes."""
    return i.drawn(build_inputs(InputPlan(kind, n, d, seed, exponent)), 2, seed=seed, description={"data": kind})


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["sphere", "gaussian", "duplicate", "antiparallel", "near_parallel", "zero_row", "low_rank", "lattice"]),
        st.sampled_from([3, 1, 2, 6]),
        st.sampled_from([2, 1, 4, 30]),
        st.integers(0, 3),
        st.integers(0, 10_000),
    )  # fmt: skip


_NAMES = ("n", "d", "scheme", "lazy", "signs", "mirrored", "draw", "label", "data", "rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")  # fmt: skip
SPECTRUM = Theorem(
    label="razborov2022.spectrum",
    title="Least eigenvalues of the limit Grams of a ReLU network, for any data",
    reference=Reference("razborov2022", "Lemmas E1 and E2, section 4.2, with errata A4, B1 and I5", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation="x_i: inputs, rho_ij their cosines, R_k = max_i sum_(j != i) |rho_ij|^k. lambda_W, lambda_a: least eigenvalues of "
    "X X' o Theta^0 and Theta^1, the means of the Grams of both layers. sigma_k: the squared n-th singular value of the matrix "
    "with rows x_i (x) xbar_i (x) ... (x) xbar_i, k factors in all, xbar = x/|x|; 0 if it has fewer columns than rows.",
    quantities=(
        *i.LIMITS,
        Quantity(x_min, "least squared norm of an input", measure.least_norm_squared),
        *(Quantity(symbol, f"largest row sum of |rho|^{k} off the diagonal", row_sum(k)) for k, symbol in R.items()),
        *(Quantity(symbol, f"squared n-th singular value of row-wise products of {k} factors", product_square(k)) for k, symbol in products.items()),
        *(Quantity(symbol, f"the last of the singular values of row-wise products of {k} factors, squared", thin_square(k)) for k, symbol in thin.items()),
    ),
    assumptions=(),
    claims=with_looseness((*_of("W"), *_of("a")), **{
        "W,_K_=_4": 3.82, "W,_all_degrees": 2.0, "W,_product_2": 3.08, "W,_product_4": 10.2,
        "a,_K_=_4": 12.9, "a,_all_degrees": 3.85, "a,_product_2": 2.76, "a,_product_4": 17.1,
    }),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {name: FLAGS[name] for name in _NAMES}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=(*_wrong("W"), *_wrong("a")),
    showcase=({"n": 4, "d": 40}, {"data": "digits", "rows": 3}, {"data": "breast_cancer", "rows": 3}),
)  # fmt: skip
