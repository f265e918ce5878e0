"""Concentration bounds: exact binomial intervals, and the Chernoff exponent of the cards."""

from __future__ import annotations

import math

import sympy as sp
from scipy.special import betaincinv

EPSILON = sp.Symbol("epsilon", positive=True)

#: log of the matrix Chernoff factor e^(-eps) / (1 - eps)^(1 - eps) (Tropp 2012, Theorem 1.1)
CHERNOFF_EXPONENT = -EPSILON - (1 - EPSILON) * sp.log(1 - EPSILON)


def clopper_pearson(surely: int, possibly: int, draws: int, low_level: float, high_level: float) -> tuple[float, float]:
    """Return an exact confidence interval for a probability.

    Parameters
    ----------
    surely, possibly
        How many draws surely succeeded, and how many may have.
    low_level, high_level
        The chances that the lower (upper) end lies above (below) the true probability.

    Returns
    -------
    tuple
        Lower end from ``surely``, upper end from ``possibly`` (Clopper and Pearson 1934).

    Raises
    ------
    ValueError
        Unless ``0 <= surely <= possibly <= draws`` and ``draws >= 1``.
    """
    if not (0 <= surely <= possibly <= draws and draws >= 1):
        raise ValueError(f"cannot count {surely} to {possibly} successes among {draws} draws")
    low = 0.0 if surely == 0 else float(betaincinv(surely, draws - surely + 1, low_level))
    high = 1.0 if possibly == draws else float(betaincinv(possibly + 1, draws - possibly, 1 - high_level))
    return low, high


def draws_to_confirm(probability: float, level: float) -> int:
    """Return how many draws, all successful, put the lower end of the interval above ``probability``."""
    if probability <= 0:
        return 1
    if probability >= 1:
        raise ValueError(
            "no number of draws shows that something is certain: state it with probability 1 on each instance"
        )
    return max(1, math.ceil(math.log(level) / math.log(probability) + 1e-9))
