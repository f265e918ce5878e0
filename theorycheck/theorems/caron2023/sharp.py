"""Theorems R1 and R2 of caron2023 with constants of the data: the widths of their proofs, rung by rung.

Every rung is a proof of claims (a) and (b) of the theorem, with its rate, floor and probability; weights then stay within the
rung's own radius, which is not always that of claim (c). What is replaced:

* a norm that stands for a bound (n for s_X and for sum_i |x_i|^2, n D^2 for |y|^2 + tr Sigma) by the data's own;
* four events of equal probability by the three that (a) and (b) need, with the best split of delta;
* Markov's inequality for |r_0| by Gaussian concentration (L4'), and for the flip mass by Chernoff's bound with the exact
  probability of a band (relative entropy; equal scales are the worst case, because the band's probability is concave in
  the radius);
* the trace of the flip mass by its largest row sum, where two gates of one node flip together with probability O(1/m);
* one half of kappa_n at time 0 by the best share of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from scipy import optimize, special

from theorycheck import measure
from theorycheck.certify.recipe import Attempt
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.sharpen import Rung, Sharpening
from theorycheck.statement import Theorem
from theorycheck.theorems.caron2023 import r0, r1, r2
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.certificates import CERTIFICATES


@dataclass(frozen=True)
class Data:
    """What the proofs need of the data: the Gram, kappa_n, s_X, |y|, |h|, tr Sigma, gamma, delta; d; sup |s''|."""

    gram: Array
    kappa: float
    spectral: float
    labels: float
    mean: float
    variance: float
    gamma: float
    delta: float
    d: int
    bend: float

    @property
    def squares(self) -> float:
        """``sum_i |x_i|^2``."""
        return float(np.trace(self.gram))


def data_of(instance: Instance) -> Data:
    """Return the numbers of an instance's data, each at the safe end of its error."""
    run = Run(instance)

    def upper(found: measure.Measured) -> float:
        return float(found.value + found.error)

    kappa = measure.kappa(run)
    return Data(
        instance.inputs @ instance.inputs.T, float(kappa.value - kappa.error), upper(measure.spectral_square(run)),
        upper(measure.label_norm(run)), upper(measure.mean_norm(run)), upper(measure.output_variance(run)),
        instance.parameters["gamma"], instance.parameters["delta"], instance.d,
        upper(measure.curvature_supremum(run)) if instance.activation.leak is None else math.inf,
    )  # fmt: skip


#: how a proof bounds what it needs: shares of delta and of kappa_n -> a number
Split = tuple[float, float, float]


@dataclass(frozen=True)
class Means:
    """The means of one rung: bounds of |r_0|, of the flip mass, and of the uniform part's width."""

    residual: Callable[[Data, float], float]
    flips: Callable[[Data, float, float, float], float]
    uniform: Callable[[Data, float, float], float]


def markov_residual(data: Data, failure: float) -> float:
    """Return the level that |r_0| exceeds with probability at most ``failure``, by Markov (L4)."""
    return math.sqrt((data.labels**2 + data.variance) / failure)


def gaussian_residual(data: Data, failure: float) -> float:
    """The same by Gaussian concentration given the signs (L4'), with the best split between signs and weights."""

    def level(share: float) -> float:
        signs = math.sqrt(2 * math.log(2 / (share * failure)))
        spread = math.sqrt(2 * data.spectral * math.log(1 / ((1 - share) * failure)) / data.d)
        return math.sqrt((data.labels + signs * data.mean) ** 2 + data.variance - data.mean**2) + spread

    found = optimize.minimize_scalar(level, bounds=(1e-6, 1 - 1e-6), method="bounded")
    return min(float(found.fun), markov_residual(data, failure))


def half_uniform(data: Data, kept: float, failure: float) -> float:
    """Return the width at which the uniform part keeps half of kappa_n, by the rounded matrix Chernoff bound (L3)."""
    return 8 * data.spectral * math.log(len(data.gram) / failure) / (data.d * data.kappa) if kept <= 0.5 else math.inf


def best_uniform(data: Data, kept: float, failure: float) -> float:
    """The same for any share, by the unrounded bound ``n (exp(-e)/(1 - e)^(1 - e))^(m d kappa_n/s_X)``, e = 1 - kept."""
    rate = (1 - kept) + kept * math.log(kept)
    return data.spectral * math.log(len(data.gram) / failure) / (data.d * data.kappa * rate)


def markov_flips(data: Data, reach: float, allowed: float, failure: float) -> float:
    """Return the width at which the flip mass exceeds ``allowed`` with probability at most ``failure``: Markov (L6)."""
    return (math.sqrt(2 / math.pi) * data.squares / data.d * reach / (allowed * failure)) ** 2


def _entropy(high: float, mean: float) -> float:
    """Return the relative entropy of two coins, of which ``high`` is likelier to be 1."""
    return float(special.rel_entr(high, mean) + special.rel_entr(1 - high, 1 - mean))


def _least(holds: Callable[[float], bool]) -> float:
    """Return the least width at which a condition holds that then holds for ever, to a millionth."""
    low, high = 1.0, 2.0
    while not holds(high):
        low, high = high, 2 * high
        if high > 1e30:
            return math.inf
    while high > low * (1 + 1e-6):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def chernoff_flips(data: Data, reach: float, allowed: float, failure: float) -> float:
    """The same by Chernoff's bound with the band's exact probability, for the trace."""
    top = data.squares / data.d

    def holds(m: float) -> bool:
        band = float(special.erf(reach / math.sqrt(2 * m)))
        return allowed >= top or (allowed / top > band and m * _entropy(allowed / top, band) >= -math.log(failure))

    return _least(holds)


def row_flips(data: Data, reach: float, allowed: float, failure: float) -> float:
    """The same for the largest row sum: two gates of one node flip together with probability O(1/m)."""
    size = np.abs(data.gram) / data.d
    norms = np.sqrt(np.diag(data.gram))
    sine = np.sqrt(np.maximum(1 - (data.gram / np.outer(norms, norms)) ** 2, 0.0))
    top = size.sum(axis=1)

    def holds(m: float) -> bool:
        band = float(special.erf(reach / math.sqrt(2 * m)))
        with np.errstate(divide="ignore"):
            together = np.minimum(band, 2 / math.pi * reach**2 / m / sine)
        np.fill_diagonal(together, band)
        means = np.sum(size * together, axis=1) / top
        if any(allowed < row and allowed / row <= mean for row, mean in zip(top, means, strict=True)):
            return False
        chances = (
            math.exp(-m * _entropy(allowed / row, mean)) for row, mean in zip(top, means, strict=True) if allowed < row
        )
        return math.fsum(chances) <= failure

    return _least(holds)


def smooth_width(data: Data, reach: float, allowed: float, failure: float) -> float:
    """Return the width at which smooth slopes change by at most ``allowed`` (L5): no chance is involved."""
    return data.bend**2 * float(np.sum(np.diag(data.gram) ** 2)) * reach**2 / (data.d**2 * allowed)


# --- widths ------------------------------------------------------------------------------------------------


def width(data: Data, means: Means, split: Split, kept: float, smooth: bool) -> float:
    """Return the width of a proof: shares of delta for the uniform part, |r_0| and flips; the share of kappa_n kept.

    The floor gamma kappa_n/4 is reached if the singular value may fall from sqrt(kept) to 1/2.
    """
    uniform, residual, flips = (share * data.delta for share in split)
    reach = math.sqrt(data.spectral / data.d) * means.residual(data, residual) / (data.gamma * data.kappa / 4)
    allowed = (math.sqrt(kept) - 0.5) ** 2 * data.kappa
    return max(means.uniform(data, kept, uniform), means.flips(data, reach, allowed, 1.0 if smooth else flips))


def best(data: Data, means: Means, smooth: bool, shares: bool) -> float:
    """Return the least width over splits of delta, and over the share of kappa_n if ``shares``."""
    # several starts: the valleys of a maximum stop a simplex
    starts = [
        np.array(point)
        for point in ((0.0, 0.0, 0.5), (-2.0, 0.0, 2.0), (-4.0, -1.0, 3.0), (-6.0, 1.0, 4.0), (0.0, -3.0, 3.0))
    ]

    def objective(point: Array) -> float:
        weights = np.exp(np.clip([point[0], point[1], -40.0 if smooth else 0.0], -12, 12))
        kept = 0.25 + 0.75 / (1 + math.exp(-float(np.clip(point[2], -12, 12)))) if shares else 0.5
        split = tuple(float(part) for part in weights / weights.sum())
        return math.log(width(data, means, split, min(kept, 1 - 1e-9), smooth))  # type: ignore[arg-type]

    options = {"xatol": 1e-3, "fatol": 1e-4, "maxiter": 400}
    found = [optimize.minimize(objective, start, method="Nelder-Mead", options=options).fun for start in starts]
    return math.exp(min(*map(float, found), *map(objective, starts)))


def _stated(instance: Instance, theorem: Theorem, width: sp.Expr, unrounded: sp.Expr) -> tuple[Rung, Rung]:
    """Return the card's own width, and the same without rounding."""
    needed = width.free_symbols | unrounded.free_symbols
    parts = [part for part in theorem.quantities if part.symbol in needed]
    values = {part.symbol: float(part.measure(Run(instance)).value) for part in parts}
    return (
        Rung("stated", "the theorem's width", float(width.subs(values))),
        Rung("rounding", "its constants before they were rounded", float(unrounded.subs(values))),
    )


def _ladder_relu(instance: Instance) -> tuple[Rung, ...]:
    data = data_of(instance)
    plain = Means(markov_residual, markov_flips, half_uniform)
    tails = replace(plain, residual=gaussian_residual)
    chernoff = replace(tails, flips=chernoff_flips)
    rows = replace(tails, flips=row_flips)
    free = replace(rows, uniform=best_uniform)
    quarter = (0.25, 0.25, 0.25)
    return (
        *_stated(instance, r1.R1, r1.WIDTH, sp.Max(s.uniform_part_width(s.n, s.delta / 4), r1.UNROUNDED)),
        Rung("norms", "the data's norms: s_X and sum |x_i|^2 in place of n, |y|^2 + tr Sigma in place of n D^2", width(data, plain, quarter, 0.5, False)),
        Rung("events", "three events in place of four, and the best split of delta", best(data, plain, False, False)),
        Rung("residual", "Gaussian concentration of |r_0| in place of Markov", best(data, tails, False, False)),
        Rung("flips", "Chernoff's bound of the flip mass, with exact bands, in place of Markov", best(data, chernoff, False, False)),
        Rung("rows", "the largest row sum of the flip mass in place of its trace", best(data, rows, False, False)),
        Rung("uniform part", "the best share of kappa_n at time 0 in place of one half", best(data, free, False, True)),
    )  # fmt: skip


def _ladder_smooth(instance: Instance) -> tuple[Rung, ...]:
    data = data_of(instance)
    plain = Means(markov_residual, smooth_width, half_uniform)
    tails = replace(plain, residual=gaussian_residual)
    half = (0.5, 0.5, 0.0)
    return (
        *_stated(instance, r2.R2, r2.WIDTH, sp.Max(s.uniform_part_width(s.n, s.delta / 2), r2.UNROUNDED)),
        Rung("norms", "the data's norms in place of n, |y|^2 + tr Sigma in place of n D_1^2", width(data, plain, half, 0.5, True)),
        Rung("events", "the best split of delta", best(data, plain, True, False)),
        Rung("residual", "Gaussian concentration of |r_0| in place of Markov", best(data, tails, True, False)),
        Rung("uniform part", "the best share of kappa_n at time 0 in place of one half", best(data, replace(tails, uniform=best_uniform), True, True)),
    )  # fmt: skip


def _enough(attempt: Attempt, instance: Instance) -> bool:
    """Whether a certificate's floor is at least the theorem's gamma kappa_n/4."""
    floor = instance.parameters["gamma"] * float(measure.kappa(Run(instance)).value) / 4
    return next(one.value for one in attempt.conclusions if one.name == "least") >= floor


_RELU, _SMOOTH = (next(one for one in CERTIFICATES if one.label == card.label) for card in (r0.R0, r0.R0_SMOOTH))
SHARPENINGS = (
    Sharpening(r1.R1, _ladder_relu, _RELU, _enough),
    Sharpening(r2.R2, _ladder_smooth, _SMOOTH, _enough),
)
