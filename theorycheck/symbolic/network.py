"""The neuron as one expression; what training needs is derived from it by differentiation.

A shallow network is ``f(x) = sum_j neuron(w_j . x, a_j, b_j, lambda_j)``. Its Jacobian
factors, the tangent-Gram entry, the flow and ``dL/dt = -r' G r`` follow from that one
expression. With the loss ``|r|^2 / 2`` and the residual ``r = y - f``, gradient flow is
``theta' = J' r`` and ``r' = -G r`` with the tangent Gram ``G = J J'``.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theorycheck.symbolic.activations import Activation, Z

#: w_j . x, the only place where weights and input meet
INNER = sp.Symbol("p", real=True)
OUTPUT_WEIGHT = sp.Symbol("a", real=True)
BIAS = sp.Symbol("b", real=True)
NODE_SCALE = sp.Symbol("lambda", nonnegative=True)
DIMENSION = sp.Symbol("d", positive=True)
WIDTH = sp.Symbol("m", positive=True)
OUTPUT_SCALE = sp.Symbol("kappa", positive=True)


@dataclass(frozen=True)
class Neuron:
    """One hidden node: ``outer * sigma(argument)``, and which of its parameters are trained.

    Parameters
    ----------
    name
        How the papers' models are told apart.
    outer
        The factor in front, in the output weight, the node scale and the sizes.
    argument
        The pre-activation, affine in :data:`INNER`.
    trained
        :data:`INNER` for the first layer, :data:`OUTPUT_WEIGHT` for the second, :data:`BIAS`.
    """

    name: str
    outer: sp.Expr
    argument: sp.Expr
    trained: tuple[sp.Symbol, ...] = (INNER,)

    def __post_init__(self) -> None:
        if sp.diff(self.argument, INNER, 2) != 0 or sp.diff(self.argument, INNER) == 0:
            raise ValueError(f"neuron {self.name!r}: its argument {self.argument} must be affine in {INNER}")

    def output(self, activation: Activation) -> sp.Expr:
        """Return the neuron's output as one expression."""
        return self.outer * activation.expr.subs(Z, self.argument)

    def factor(self, activation: Activation, parameter: sp.Symbol = INNER) -> sp.Expr:
        """Return the derivative of the output by ``parameter``.

        For the first layer the gradient by ``w_j`` is this factor times ``x``.
        """
        if parameter is INNER:
            # d/dp sigma(argument): by the chain rule, with the activation's own slope, which
            # says what happens at a kink.
            return self.outer * activation.slope.subs(Z, self.argument) * sp.diff(self.argument, INNER)
        return sp.diff(self.output(activation), parameter)

    def tangent_entry(self, activation: Activation, p: sp.Symbol, q: sp.Symbol, product: sp.Symbol) -> sp.Expr:
        """Return one neuron's part of the tangent Gram at two inputs.

        ``p`` and ``q`` are ``w . x`` and ``w . x'``, ``product`` is ``x . x'``.
        """
        entry = sp.S.Zero
        for parameter in self.trained:
            factor = self.factor(activation, parameter)
            meeting = product if parameter is INNER else sp.S.One
            entry += factor.subs(INNER, p) * factor.subs(INNER, q) * meeting
        return entry

    @property
    def inner(self) -> sp.Expr:
        """The scale of ``w . x`` inside the activation."""
        return sp.diff(self.argument, INNER)


#: f = sum_j sqrt(lambda_j) a_j sigma(w_j . x / sqrt d), first layer trained (caron2023, section 1)
ASYMMETRIC = Neuron("asymmetric", sp.sqrt(NODE_SCALE) * OUTPUT_WEIGHT, INNER / sp.sqrt(DIMENSION))
#: f = (1/m) sum_j c_j sigma(w_j . x / sqrt d), first layer trained (chen2022, section 1)
MEAN_FIELD = Neuron("mean_field", OUTPUT_WEIGHT / WIDTH, INNER / sp.sqrt(DIMENSION))
#: f = kappa sum_j a_j sigma(w_j . x), both layers trained (razborov2022, section 1)
TWO_LAYER = Neuron("two_layer", OUTPUT_SCALE * OUTPUT_WEIGHT, INNER, (INNER, OUTPUT_WEIGHT))
#: f = sum_j a_j sigma(w_j . x - b_j), both layers trained, biases frozen (shi2023, section 1.1)
BIASED = Neuron("biased", OUTPUT_WEIGHT, INNER - BIAS, (INNER, OUTPUT_WEIGHT))

NEURONS = (ASYMMETRIC, MEAN_FIELD, TWO_LAYER, BIASED)


def loss_derivative(neuron: Neuron, activation: Activation, n: int, m: int, d: int) -> tuple[sp.Expr, sp.Expr]:
    """Return ``dL/dt`` along the flow twice: by the chain rule through every weight, and as ``-r' G r``.

    Both are expressions in fresh symbols for inputs, weights, scales and residuals, for a
    network of the given small sizes; a proof step or test shows that they are the same.
    """
    inputs = sp.Matrix(n, d, lambda i, k: sp.Symbol(f"x_{i}_{k}", real=True))
    weights = sp.Matrix(m, d, lambda j, k: sp.Symbol(f"w_{j}_{k}", real=True))
    own = [
        {symbol: sp.Symbol(f"{symbol}_{j}", **symbol.assumptions0) for symbol in (OUTPUT_WEIGHT, BIAS, NODE_SCALE)}
        for j in range(m)
    ]
    residual = [sp.Symbol(f"r_{i}", real=True) for i in range(n)]
    product = inputs * inputs.T
    meeting = inputs * weights.T
    output = [
        sum((neuron.output(activation).subs(own[j]).subs(INNER, meeting[i, j]) for j in range(m)), sp.S.Zero)
        for i in range(n)
    ]
    trained = [weights[j, k] for j in range(m) for k in range(d)] if INNER in neuron.trained else []
    trained += [own[j][symbol] for symbol in neuron.trained if symbol is not INNER for j in range(m)]
    # L = |y - f|^2 / 2, so dL/dtheta = -sum_i r_i df_i/dtheta, and the flow is minus that.
    flow = [sum(residual[i] * sp.diff(output[i], theta) for i in range(n)) for theta in trained]
    by_chain_rule = -sum((speed**2 for speed in flow), sp.S.Zero)
    p, q, meet = sp.symbols("p q product", real=True)
    entry = neuron.tangent_entry(activation, p, q, meet)
    by_gram = sp.S.Zero
    for i in range(n):
        for k in range(n):
            gram = sum(
                entry.subs({p: meeting[i, j], q: meeting[k, j], meet: product[i, k]}, simultaneous=True).subs(own[j])
                for j in range(m)
            )
            by_gram -= residual[i] * gram * residual[k]
    return by_chain_rule, by_gram
