"""Chances over the initial weights: the probability that a neuron starts where its slope is steep, certified.

``p = min_a P(|c| >= c_lo) P(N(0, nu^2 G_aa) in I_eta)``; of M independent neurons at least half
of that share starts there, except with probability ``n exp(-M p/8)`` (section 4 of the theory).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import sympy as sp
from flint import arb, arb_mat, ctx
from scipy.special import ndtr

from theorycheck import measure
from theorycheck.enclose import ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.symbolic.activations import Activation
from theorycheck.symbolic.tails import EPSILON
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.intervals import steep_intervals

p = sp.Symbol("p", nonnegative=True)
delta = sp.Symbol("delta", positive=True)
nu = sp.Symbol("nu", positive=True)
draws = sp.Symbol("M", positive=True)
label_norm = sp.Symbol("Y", nonnegative=True)
mirrored = sp.Symbol("A_0", nonnegative=True)

#: the multiplicative Chernoff bound P(Bin <= (1 - eps) mean) <= exp(-eps^2 mean/2)
CHERNOFF = -(EPSILON**2) / 2
#: how much of the mean is kept, and the exponent that this costs per unit of the mean: 1/2 and 1/8
KEPT = sp.Rational(1, 2)
COST = -CHERNOFF.subs(EPSILON, 1 - KEPT)


def width(chance: sp.Expr) -> sp.Expr:
    """Return how many independent neurons keep half of ``chance`` for all samples: ``n exp(-M chance/8) <= delta``."""
    return sp.log(t.n / delta) / (COST * chance)


def hoeffding(number: sp.Expr) -> sp.Expr:
    """Return what may be lost of a share of ``number`` neurons: ``n exp(-2 number eps^2) <= delta``, solved for eps.

    The logarithm is positive for ``n >= 1 > delta``; Max makes the expression real everywhere.
    """
    return sp.sqrt(sp.Max(0, sp.log(t.n / delta)) / (2 * number))


# --- measures --------------------------------------------------------------------------------


def normal(low: float, high: float, spread: arb) -> arb:
    """Return ``P(low <= N(0, spread^2) <= high)``."""
    if not low < high:
        return arb(0)
    if spread.is_zero():
        return arb(float(low <= 0 <= high))
    scale = spread * arb(2).sqrt()
    above, below = (arb(1) if math.isinf(x) and x > 0 else arb(-1) if math.isinf(x) else (arb(x) / scale).erf() for x in (high, low))  # fmt: skip
    return ((above - below) / 2).max(arb(0))


@lru_cache(maxsize=256)
def _chance(data: bytes, shape: tuple[int, int], ends_at: tuple[float, float], spread: float) -> Measured:
    rows = np.frombuffer(data).reshape(shape)
    with ctx.workprec(128):
        found = []
        for row in rows.tolist():
            vector = arb_mat([row])
            size = (vector * vector.transpose())[0, 0] / shape[1]
            found.append(ends(normal(*ends_at, arb(spread) * size.sqrt())))
    return Measured.between(min(low for low, _ in found), min(high for _, high in found), True)


def chance(run: Run) -> Measured:
    """Return ``p``, the least chance over the samples that a neuron counts, by erf in balls.

    Output weights are ``+-kappa``, or ``kappa N(0, 1)`` where the parameter ``gaussian`` is 1.
    """
    instance = run.instance
    low, high, eta, c_low, spread = (float(instance.parameters[k]) for k in ("low", "high", "eta", "c_low", "nu"))
    # the sums are rounded: one double outward on the one side, inward on the other
    outer = (math.nextafter(low + eta, -math.inf), math.nextafter(high - eta, math.inf))
    inner = (math.nextafter(low + eta, math.inf), math.nextafter(high - eta, -math.inf))
    least, most = (_chance(instance.inputs.tobytes(), instance.inputs.shape, pair, spread) for pair in (inner, outer))
    kappa = float(instance.parameters["kappa"])
    with ctx.workprec(128):
        counts = (arb(c_low) / (arb(kappa) * arb(2).sqrt())).erfc() if instance.parameters.get("gaussian") else arb(float(c_low <= kappa))  # fmt: skip
        bottom, top = (ends(arb(float(part.value), float(part.error)) * counts) for part in (least, most))
    return Measured.between(max(bottom[0], 0.0), top[1], True)


def is_mirrored(instance: Instance) -> bool:
    """Whether neurons come in pairs of equal weights and opposite output weights."""
    signs, weights = instance.signs, instance.weights
    return bool(
        instance.m % 2 == 0 and np.array_equal(weights[::2], weights[1::2]) and np.array_equal(signs[::2], -signs[1::2])
    )


def _size(run: Run) -> Measured:
    sizes = np.abs(run.instance.signs)
    return Measured(float(sizes[0]), 0.0, rigorous=True) if np.all(sizes == sizes[0]) else Measured(np.nan)


CHANCE = Quantity(p, "least chance over the samples that a neuron starts eta inside the interval", chance)
DELTA = Quantity(delta, "allowed probability of failure", measure.parameter("delta"))
NU = Quantity(nu, "standard deviation of the initial weights", measure.parameter("nu"))
#: of mirrored neurons, only one of a pair is drawn (errata U2)
DRAWS = Quantity(
    draws, "number of neurons drawn independently",
    measure.constant(lambda run: run.instance.m / 2 if is_mirrored(run.instance) else run.instance.m),
)  # fmt: skip
LABEL_NORM = Quantity(label_norm, "|y|", measure.label_norm)
MIRRORED = Quantity(
    mirrored, "1 if neurons come in pairs of opposite output weights, else 0",
    measure.constant(lambda run: is_mirrored(run.instance)),
)  # fmt: skip
#: |c_i| where all output weights have one size
SIZE = Quantity(t.c_low, "|c_i|, the same for all neurons", _size)

IS_DELTA = Assumption(
    "delta below 1", "delta lies strictly between 0 and 1", Bound(sp.S.Zero, delta * (1 - delta), strict=True)
)
IS_MIRRORED = Assumption(
    "mirrored", "neurons in pairs, so that the initial output is 0 and zeta_0 = -y", Bound(sp.S.One, mirrored)
)


# --- choices that do not look at the weights ---------------------------------------------------


def population(
    activation: Activation, diagonal: Array, spread: float, power: int, far: float = 4.0
) -> tuple[float, float, float]:
    """Return the interval and margin with the largest ``K^power p eta``; ``diagonal`` is that of G."""
    low, high, steepness = steep_intervals(activation, far)
    roots = spread * np.sqrt(diagonal)[:, None]
    best, score = (0.0, math.inf, 1.0), -1.0
    for eta in np.arange(1, 33) / 16 * max(spread, 0.25):
        share = np.maximum(ndtr((high - eta) / roots) - ndtr((low + eta) / roots), 0.0).min(axis=0)
        found = steepness**power * share * eta
        k = int(np.argmax(found)) if len(found) else -1
        if k >= 0 and found[k] > score:
            best, score = (float(low[k]), float(high[k]), float(eta)), float(found[k])
    return best


def own_width(run: Run, chance_of: float | None = None) -> int:
    """Return the least even number of mirrored neurons that the theorem asks for, 2 where it asks for none.

    Rounded up once more than needed, so that the condition holds with room for rounding.
    """
    found = CHANCE.measure(run) if chance_of is None else Measured(chance_of)
    share, failure = float(found.value - found.error), run.instance.parameters["delta"]
    if not (share > 0 and 0 < failure < 1):
        return 2
    pairs = math.log(run.instance.n / failure) / (float(COST) * share) * (1 + 1e-9)
    return 2 * max(1, math.ceil(pairs)) if pairs < 1e6 else 2
