"""What the cards of caron2023 share: symbols, quantities, assumptions, instances.

Model (section 1): ``f(x) = sum_j sqrt(lambda_j) a_j s(w_j . x / sqrt d)`` with node scales
``lambda_j = gamma/m + (1 - gamma) j^(-1/alpha)/H`` that sum to 1, first layer trained, signs
and scales fixed, ``w_j ~ N(0, I)``, ``a_j`` uniform on {-1, 1}; loss ``|y - f|^2 / 2``.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.gaussian import dual

NOTATION = (
    "n samples, d dimensions, m nodes. Loss |y - f|^2/2, residual r = y - f, G = X X', s_X = |X|^2. The paper's "
    "tangent Gram (NTG) is Theta_m = J J'. lambda_j: node scales, sum 1; Lambda_p = sum_j lambda_j^p. kappa_n: least "
    "eigenvalue of the limit Gram Theta* = E Theta_m. sigma_w = 1; runs with sigma_w = sqrt 2 need a rescaling first."
)

n, d, m = sp.symbols("n d m", positive=True)
gamma = sp.Symbol("gamma", nonnegative=True)
delta = sp.Symbol("delta", positive=True)
kappa = sp.Symbol("kappa_n", nonnegative=True)
s_X = sp.Symbol("s_X", positive=True)
largest_norm, least_norm = sp.symbols("N_max N_min", nonnegative=True)
sine = sp.Symbol("varsigma", nonnegative=True)
C = sp.Symbol("C", nonnegative=True)
label_norm, mean_norm, trace_sigma = sp.symbols("Y H_0 V", nonnegative=True)
Lambda_32, Lambda_2 = sp.symbols("Lambda_{3/2} Lambda_2", positive=True)
rate, moved, change = sp.symbols("R_t D_t Delta_t", nonnegative=True)
least = sp.Symbol("ell_t", real=True)
relu = sp.Symbol("A_0", nonnegative=True)


def power_sum(power: float) -> measure.Measure:
    """Return a measure of ``Lambda_p = sum_j lambda_j^p``."""

    def read(run: Run) -> Measured:
        scales = run.instance.scales
        return measure.rounded(float(np.sum(scales**power)), 8 * int(np.log2(len(scales)) + 2))

    return read


SIZES = (
    Quantity(n, "number of samples", measure.constant(lambda run: run.instance.n)),
    Quantity(d, "dimension of the inputs", measure.constant(lambda run: run.instance.d)),
    Quantity(m, "number of hidden nodes", measure.constant(lambda run: run.instance.m)),
    Quantity(gamma, "share of the node scale that is spread evenly", measure.parameter("gamma")),
)
CHANCE = Quantity(delta, "allowed probability of failure", measure.parameter("delta"))
DATA = (
    Quantity(largest_norm, "largest squared norm of an input", measure.largest_norm_squared),
    Quantity(least_norm, "least squared norm of an input", measure.least_norm_squared),
    Quantity(sine, "least sine of the angle between two inputs, as lines", measure.least_line_sine),
)
KAPPA = Quantity(kappa, "least eigenvalue of the limit Gram", measure.kappa)
SPECTRAL = Quantity(s_X, "squared spectral norm of the inputs", measure.spectral_square)
LABEL = Quantity(C, "largest |y_i|", measure.largest_label)
IS_RELU = Quantity(
    relu, "1 if the activation is max(0, z), else 0", measure.constant(lambda run: run.instance.activation.leak == 0.0)
)
POWER_32 = Quantity(Lambda_32, "sum_j lambda_j^(3/2)", power_sum(1.5))
POWER_2 = Quantity(Lambda_2, "sum_j lambda_j^2", power_sum(2.0))
RATE = Quantity(rate, "log(L_0/L_t)/t", measure.decay_rate)
LEAST = Quantity(least, "least eigenvalue of the tangent Gram at time t", measure.least_along)
MOVED = Quantity(moved, "max_j |w_tj - w_0j|/sqrt(lambda_j) up to time t", measure.displacement)
CHANGE = Quantity(change, "|Theta_t - Theta_0|_2 up to time t", measure.gram_change)
PATH = (RATE, LEAST, MOVED, CHANGE)

#: the dual activations of ReLU and of its slope, with the integrals that define them
RELU_DUALS = tuple(
    found
    for part, name in ((ACTIVATIONS["relu"].slope, "relu slope dual"), (ACTIVATIONS["relu"].expr, "relu dual"))
    if (found := dual(part, name)) is not None
)

NONZERO = Assumption("nonzero inputs", "no input is zero", Bound(sp.S.Zero, least_norm, strict=True))
UNIT_BALL = Assumption("unit ball", "every input has norm at most 1", Bound(largest_norm, sp.S.One))
NOT_PARALLEL = Assumption(
    "not parallel", "no two inputs lie on one line through 0", Bound(sp.S.Zero, sine, strict=True)
)
RELU = Assumption("ReLU", "the activation is max(0, z)", Bound(sp.S.One, relu))
GAMMA = Assumption("gamma positive", "some of the node scale is spread evenly", Bound(sp.S.Zero, gamma, strict=True))
DELTA = Assumption(
    "delta below 1", "delta lies strictly between 0 and 1", Bound(sp.S.Zero, delta * (1 - delta), strict=True)
)

#: the largest |Delta J|^2 that still leaves half of the least singular value squared: L5
_SHARE = (1 / sp.sqrt(2) - sp.Rational(1, 2)) ** 2
ALLOWED = _SHARE * kappa
#: 1/ALLOWED, written with 1 + sqrt 2 as in the paper's constants
PER_ALLOWED = sp.radsimp(1 / _SHARE) / kappa
#: the certified part of the tangent Gram: half the limit at time 0, half of that later (L3, L5)
FLOOR = gamma * kappa / 4


def uniform_part_width(samples: sp.Expr, failure: sp.Expr) -> sp.Expr:
    """Return the width at which the uniform part keeps half of kappa_n (L3, matrix Chernoff at 1/2).

    ``n exp(-eps^2 m d kappa_n / (2 s)) <= failure`` with eps = 1/2, solved for m; ``samples``
    stands for s_X or its bound n.
    """
    exponent_per_node = sp.Rational(1, 2) ** 2 * d * kappa / (2 * samples)
    return sp.log(n / failure) / exponent_per_node


def reach(spectral: sp.Expr, residual: sp.Expr) -> sp.Expr:
    """Return c in ``|w_tj - w_0j| <= c sqrt(lambda_j)``: ``sqrt(s_X/d) |r_0| / mu`` with ``mu`` the floor (L7)."""
    return sp.sqrt(spectral / d) * residual / FLOOR
