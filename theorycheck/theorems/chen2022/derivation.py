"""The identities (3.1) to (3.7) of chen2022, derived from the neuron as an expression.

Left sides come from the neuron alone: every derivative is taken through every weight. Right sides
are the closed forms of the statement. With the activation ``s(z)``, an undefined function, equality
is proved for every differentiable activation at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from theorycheck.symbolic.activations import Activation, Z
from theorycheck.symbolic.network import DIMENSION, INNER, MEAN_FIELD, OUTPUT_WEIGHT, WIDTH

Sides = tuple[sp.Expr, sp.Expr]

LEVEL = sp.Symbol("level", real=True)


def _table(name: str, rows: int, columns: int) -> sp.Matrix:
    return sp.Matrix(rows, columns, lambda i, k: sp.Symbol(f"{name}_{i}_{k}", real=True))


@dataclass(frozen=True, eq=False)
class Network:
    """A mean-field network in symbols: ``n`` samples, ``m`` neurons, ``d`` dimensions, ``k`` outputs.

    For one output the names are those of :func:`theorycheck.symbolic.network.loss_derivative`.
    """

    activation: Activation
    n: int
    m: int
    d: int
    k: int = 1

    @cached_property
    def x(self) -> sp.Matrix:
        """Inputs ``(n, d)``."""
        return _table("x", self.n, self.d)

    @cached_property
    def w(self) -> sp.Matrix:
        """Weights ``(m, d)``."""
        return _table("w", self.m, self.d)

    @cached_property
    def c(self) -> sp.Matrix:
        """Output weights ``(m, k)``."""
        one = sp.Matrix([sp.Symbol(f"a_{i}", real=True) for i in range(self.m)])
        return one if self.k == 1 else _table("a", self.m, self.k)

    @cached_property
    def zeta(self) -> sp.Matrix:
        """Residuals ``f - y`` ``(n, k)``, from the neuron."""
        neuron = MEAN_FIELD.output(self.activation).subs({DIMENSION: self.d, WIDTH: self.m})
        meeting = self.x * self.w.T

        def entry(a: int, e: int) -> sp.Expr:
            parts = (neuron.subs({OUTPUT_WEIGHT: self.c[i, e], INNER: meeting[a, i]}) for i in range(self.m))
            return sum(parts, sp.S.Zero) - sp.Symbol(f"y_{a}_{e}", real=True)

        return sp.Matrix(self.n, self.k, entry)

    @cached_property
    def loss(self) -> sp.Expr:
        """``|zeta|^2/(2n)``."""
        return sum(z**2 for z in self.zeta) / (2 * self.n)

    @cached_property
    def speed(self) -> sp.Matrix:
        """``w_i' = -m dL/dw_i`` ``(m, d)``."""
        return self.w.applyfunc(lambda weight: -self.m * sp.diff(self.loss, weight))

    def by_time(self, value: sp.Expr) -> sp.Expr:
        """Return a value's time derivative, by the chain rule through every weight."""
        return sum((sp.diff(value, w) * v for w, v in zip(self.w, self.speed, strict=True)), sp.S.Zero)

    @cached_property
    def slope(self) -> sp.Matrix:
        """``s'(h_ia)`` ``(n, m)``."""
        h = self.x * self.w.T / sp.sqrt(self.d)
        return h.applyfunc(lambda value: self.activation.slope.subs(Z, value).doit())

    @cached_property
    def gram(self) -> sp.Matrix:
        """``G = X X'/d``."""
        return self.x * self.x.T / self.d

    @cached_property
    def tangent(self) -> sp.Matrix:
        """``K`` ``(n k, n k)``: m times the tangent Gram, because time of the mean field runs m times as fast."""
        p, q, meet, other = sp.symbols("p_1 p_2 product a_other", real=True)
        size = {DIMENSION: self.d, WIDTH: self.m}
        # of the two factors of the entry, each belongs to an output of its own
        left, right = (MEAN_FIELD.factor(self.activation).subs(size).subs(INNER, at) for at in (p, q))
        entry = left * right.subs(OUTPUT_WEIGHT, other) * meet
        meeting, product = self.x * self.w.T, self.x * self.x.T

        def at(row: int, column: int) -> sp.Expr:
            (a, e), (b, g) = divmod(row, self.k), divmod(column, self.k)
            total = sp.S.Zero
            for i in range(self.m):
                here = {p: meeting[a, i], q: meeting[b, i], meet: product[a, b]}
                total += entry.subs({**here, OUTPUT_WEIGHT: self.c[i, e], other: self.c[i, g]}, simultaneous=True)
            return self.m * total.doit()

        return sp.Matrix(self.n * self.k, self.n * self.k, at)


def identities(activation: Activation, n: int, m: int, d: int, k: int = 1) -> dict[str, tuple[Sides, ...]]:
    """Return both sides of (3.1) to (3.7), entry by entry; (3.7) is (3.4) with ``k > 1``."""
    net = Network(activation, n, m, d, k)
    # what drives neuron i through sample a: -(1/n) s'(h_ia) sum_e c_ie zeta_ae
    force = sp.Matrix(n, m, lambda a, i: -net.slope[a, i] * (net.c[i, :] * net.zeta[a, :].T)[0] / n)
    moved = net.x * net.speed.T / sp.sqrt(d)
    zeta = net.zeta.reshape(n * k, 1)
    fallen = -(zeta.T * net.tangent * zeta)[0] / n**2
    return {
        "3.1": _pairs(moved, net.gram * force),
        "3.2": _pairs(zeta.applyfunc(net.by_time), -net.tangent * zeta / n),
        "3.3": ((net.by_time(net.loss), fallen), (fallen, -sum(v**2 for v in net.speed) / m)),
        "3.4" if k == 1 else "3.7": _sandwich(net),
        "3.5": (*_cauchy_schwarz(net, moved, force), _root_of_loss()),
        # w_i' = X' u_i'/sqrt d, so u = G^-1 h moves by the force: each sample drives its own coordinate
        "3.6": _pairs(net.speed, force.T * net.x / sp.sqrt(d)),
    }


def _sandwich(net: Network) -> tuple[Sides, ...]:
    """Return ``K - level diag(Q_a) = (1/m) sum_i D_i (G - level) D_i (x) c_i c_i'``: positive where ``G >= level``."""
    n, m, k = net.n, net.m, net.k
    total, diagonal = sp.zeros(n * k), sp.zeros(n * k)
    for i in range(m):
        steep, weight = sp.diag(*net.slope[:, i]), net.c[i, :].T * net.c[i, :]
        total += sp.kronecker_product(steep * (net.gram - LEVEL * sp.eye(n)) * steep, weight) / m
        diagonal += sp.kronecker_product(steep * steep, weight) / m
    return _pairs(net.tangent - LEVEL * diagonal, total)


def _cauchy_schwarz(net: Network, moved: sp.Matrix, force: sp.Matrix) -> tuple[Sides, ...]:
    """Return Lagrange's identity for ``|h_ia'|^2 <= G_aa |w_i'|^2`` and ``|h_ia'| <= |G e_a| |force_i|``."""

    def slack(u: list[sp.Expr], v: list[sp.Expr]) -> sp.Expr:
        places = range(len(u))
        return sum(((u[j] * v[k] - u[k] * v[j]) ** 2 for j in places for k in places if j < k), sp.S.Zero)

    found = []
    for a in range(net.n):
        for i in range(net.m):
            x, v = list(net.x[a, :] / sp.sqrt(net.d)), list(net.speed[i, :])
            row, own = list(net.gram[a, :]), list(force[:, i])
            squares = net.gram[a, a] * sum(part**2 for part in v)
            found.append((squares - moved[a, i] ** 2, slack(x, v)))
            squares = sum(part**2 for part in row) * sum(part**2 for part in own)
            found.append((squares - moved[a, i] ** 2, slack(row, own)))
    return tuple(found)


def _root_of_loss() -> Sides:
    """Return ``-(2/sqrt r) (sqrt L)' = -L'/sqrt(r L)``, which is at least ``sqrt(-L')`` where ``-L' >= r L``."""
    time, rate = sp.Symbol("t", real=True), sp.Symbol("r", positive=True)
    loss = sp.Function("L", positive=True)(time)
    return -2 / sp.sqrt(rate) * sp.diff(sp.sqrt(loss), time), -sp.diff(loss, time) / sp.sqrt(rate * loss)


def _pairs(left: sp.Matrix, right: sp.Matrix) -> tuple[Sides, ...]:
    return tuple(zip(left, right, strict=True))
