"""Textbook results, each stated once in symbols of its own, for proofs to apply with other symbols put in.

What can be derived is derived: a citation is only what a machine cannot see here, and random cases try to break it. The
chances below are exact probabilities of random laws, or of small ones counted out.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck.proof import Proof
from theorycheck.proof_steps import Step, apply, cited, combine, enclosed, identity, monotone
from theorycheck.statement import Bound

x = sp.Symbol("x", real=True)
chance, mean, expected, angle = sp.symbols("P E mu theta", nonnegative=True)
level, lipschitz, excess, share, kept = sp.symbols("a L u p p_kept", positive=True)
count, size = sp.symbols("M n", positive=True)
first, second, both = sp.symbols("A B C", nonnegative=True)
root_mean, least_speed, speed = sp.symbols("E_T2 r_min R", nonnegative=True)
floor, seen, ever, moved, better, radius = sp.symbols("c v_w v m_w m_b rho", nonnegative=True)
_Y = sp.Symbol("y", real=True)
_B = sp.Symbol("b", nonnegative=True)

_LEVEL = {"level": Bound(sp.S.Zero, level, strict=True)}


def entry(name: str, premises: Mapping[str, Bound], *steps: Step) -> Proof:
    """Return a textbook result from its steps, in the symbols of this module."""
    goal = steps[-1].bound
    # what is measured cannot be a number or an expression: a chance, a mean, what is seen over time
    measured = frozenset({chance, mean, root_mean, seen, ever, moved})
    return Proof(f"textbook {name}", goal, premises, goal.symbols, steps, measured=measured & goal.symbols)


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _law(seed: int) -> Mapping[sp.Symbol, float]:
    """A random law on at most six nonnegative numbers."""
    rng = _rng(seed)
    values, weights = rng.exponential(1, 6) ** 3, rng.dirichlet(np.full(6, 0.4))
    bar = float(rng.choice(values)) * (1 if rng.random() < 0.5 else 0.7) + 1e-9
    return {chance: float(weights[values > bar].sum()), mean: float(weights @ values), level: bar}


MARKOV = entry(
    "Markov", _LEVEL,
    cited("Markov", "P(T > a) <= E T/a for T >= 0", Bound(chance, mean / level), "Boucheron, Lugosi, Massart, Concentration Inequalities (2013), section 2.1", _law, "level"),
)  # fmt: skip

EXPONENTIAL = entry(
    "exponential", {},
    cited("convex", "1 + x <= exp(x)", Bound(1 + x, sp.exp(x)), "Hardy, Littlewood, Polya, Inequalities (1934), section 4.2", lambda seed: {x: float(_rng(seed).normal(0, 3))}),
)  # fmt: skip


def _moments(seed: int) -> Mapping[sp.Symbol, float]:
    rng = _rng(seed)
    values, weights = rng.normal(0, 1, 5) ** 3, rng.dirichlet(np.full(5, 0.4))
    return {mean: float(weights @ np.abs(values)), root_mean: float(weights @ values**2)}


JENSEN = entry(
    "Jensen", {},
    cited("Jensen", "E |T| <= (E T^2)^(1/2)", Bound(mean, sp.sqrt(root_mean)), "Billingsley, Probability and Measure, equation 5.33", _moments),
)  # fmt: skip


def _pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = _rng(seed)
    k = rng.integers(1, 6)
    return rng.standard_normal(k), rng.standard_normal(k) * 10 ** rng.uniform(-3, 1)


def _norms(seed: int) -> Mapping[sp.Symbol, float]:
    a, b = _pair(seed)
    return {first: float(np.linalg.norm(a)), second: float(np.linalg.norm(b)), both: float(np.linalg.norm(a + b))}


TRIANGLE = entry(
    "triangle", {},
    cited("triangle", "|a + b| <= |a| + |b|", Bound(both, first + second), "Rudin, Principles of Mathematical Analysis, Theorem 1.37", _norms),
)  # fmt: skip


def _events(seed: int) -> Mapping[sp.Symbol, float]:
    rng = _rng(seed)
    weights = rng.dirichlet(np.full(8, 0.5))
    a, b = rng.random(8) < 0.5, rng.random(8) < 0.5
    return {first: float(weights[a].sum()), second: float(weights[b].sum()), both: float(weights[a | b].sum())}


UNION = entry(
    "union", {},
    cited("union", "the chance of either is at most the sum of the chances", Bound(both, first + second), "Boole; Billingsley, Probability and Measure, equation 2.10", _events),
)  # fmt: skip


def _decay(seed: int) -> Mapping[sp.Symbol, float]:
    """A loss that falls at a rate that jumps: its rate over all time is the mean."""
    rates = _rng(seed).exponential(1, 5) + _rng(seed).exponential(1)
    return {least_speed: float(rates.min()), speed: float(_rng(seed).dirichlet(np.ones(5)) @ rates)}


GROENWALL = entry(
    "Groenwall", {},
    cited("Groenwall", "-L'/L >= r_min at almost all times makes log(L_0/L_t)/t at least r_min", Bound(least_speed, speed), "T. H. Gronwall, Annals of Mathematics 20 (1919), 292-296; Teschl, ODEs and Dynamical Systems, Lemma 2.7", _decay),
)  # fmt: skip


def _feedback(seed: int) -> Mapping[sp.Symbol, float]:
    """|r|' = -mu(D) |r|, D' = |r| with mu falling: as long as D <= rho, mu stays above mu(rho) and D below |r_0|/mu(rho)."""
    rng = _rng(seed)
    bar, power, near = rng.uniform(0.5, 2), rng.uniform(0.5, 4), rng.uniform(0.3, 1 - 1e-9)
    least = (1 + bar) ** -power
    path, residual, step, lowest = 0.0, near * bar * least, 0.02, 1.0
    for _ in range(2000):
        speed_now = (1 + path) ** -power
        lowest = min(lowest, speed_now)
        path, residual = path + step * residual, residual * float(np.exp(-step * speed_now))
    return {floor: least, ever: lowest}


BOOTSTRAP = entry(
    "bootstrap", {"while": Bound(floor, seen), "better": Bound(moved, better), "room": Bound(better, radius, strict=True)},
    cited("bootstrap", "what holds while a continuous path stays within rho, if it then stays within less, holds for ever", Bound(floor, ever), "Tao, Nonlinear Dispersive Equations (2006), Proposition 1.21", _feedback, "while", "better", "room"),
)  # fmt: skip

# --- Chernoff -------------------------------------------------------------------------------------------


def _exponents(rate: sp.Expr, rounded: sp.Expr, times: sp.Expr) -> tuple[Step, ...]:
    """Steps to ``exp(times rate) <= exp(times rounded)`` from the enclosure ``rate < rounded``."""
    return (
        enclosed("exponent", "the exponent, rounded", Bound(rate, rounded), {}),
        combine("exponents", "times the mean", Bound(times * rate, times * rounded), {"exponent": times}),
        monotone("exponentials", "exp of both", Bound(sp.exp(times * rate), sp.exp(times * rounded)), "exponents", sp.Lambda(_Y, sp.exp(_Y))),
    )  # fmt: skip


def _matrices(seed: int) -> Mapping[sp.Symbol, float]:
    """The sum of M matrices e e', e uniform in the n axes and 0: its eigenvalues are counts, all cases added up."""
    rng = _rng(seed)
    n, m, part = int(rng.integers(1, 4)), int(rng.integers(1, 7)), float(rng.choice([1 / 3, 0.5, 2 / 3, rng.uniform()]))
    cases = list(product(range(n + 1), repeat=m))
    low = sum(min(case.count(k) for k in range(n)) <= part * m / (n + 1) for case in cases)
    return {chance: low / len(cases), size: n, expected: m / (n + 1), angle: float(rng.exponential(0.8)), kept: part}


_MASTER = size * sp.exp(angle * kept * expected + expected * (sp.exp(-angle) - 1))
_LAPLACE = entry(
    "matrix Laplace transform", {},
    cited("Laplace", "P(least eigenvalue of a sum <= p mu) <= n exp(theta p mu + mu (exp(-theta) - 1)), mu: that of its mean, summands at most 1", Bound(chance, _MASTER), "Tropp, User-friendly tail bounds for sums of random matrices (2012), Theorem 3.6 with Lemma 5.8", _matrices),
)  # fmt: skip


def _matrix_chernoff(words: str, share: sp.Expr, rounded: sp.Expr) -> Proof:
    """P(least eigenvalue <= share mu) <= n exp(rounded mu): theta = -log(share) is the best."""
    best = -sp.log(share)
    rate = sp.expand(best * share + share - 1)
    at = {angle: best, kept: share}
    return entry(
        f"matrix Chernoff, {words}", {},
        apply("theta", "theta = -log(share), which is the best one", _LAPLACE.lemma, at, {}),
        identity("value", "the exponent there", _MASTER.xreplace(at), size * sp.exp(expected * rate)),
        *_exponents(rate, rounded, expected),
        combine("together", "rounded", Bound(chance, size * sp.exp(expected * rounded)), {"theta": 1, "value": 1, "exponentials": size}),
    )  # fmt: skip


MATRIX_CHERNOFF = _matrix_chernoff("one half", sp.Rational(1, 2), sp.Rational(-1, 8))
MATRIX_CHERNOFF_TWO_THIRDS = _matrix_chernoff("two thirds", sp.Rational(2, 3), sp.Rational(-1, 18))


def _binomial(seed: int) -> Mapping[sp.Symbol, float]:
    rng = _rng(seed)
    m, p = int(rng.integers(1, 60)), float(rng.uniform(0, 1))
    return {chance: float(stats.binom.cdf(np.floor(m * p / 2), m, p)), count: m, share: p}


#: theta = log 2 is best for half the mean: the exponent is (log 2 - 1)/2 there
_HALVED = (sp.log(2) - 1) / 2
_POWER = sp.exp(count * share * sp.log(2) / 2)
_BELOW = {"share": Bound(share, sp.S.One)}
CHERNOFF = entry(
    "Chernoff", _BELOW,
    cited("Markov for 2^-B", "P(B <= M p/2) <= 2^(M p/2) E 2^-B, B binomial", Bound(chance, _POWER * (1 - share / 2) ** count), "Boucheron, Lugosi, Massart, Concentration Inequalities (2013), section 2.2", _binomial, "share"),
    apply("convex", "1 - p/2 <= exp(-p/2)", EXPONENTIAL.lemma, {x: -share / 2}, {}),
    monotone("powers", "to the power M", Bound((1 - share / 2) ** count, sp.exp(-share / 2) ** count), "convex", sp.Lambda(_B, _B**count), "share"),
    identity("value", "the exponents together", _POWER * sp.exp(-share / 2) ** count, sp.exp(count * share * _HALVED)),
    *_exponents(_HALVED, sp.Rational(-1, 8), count * share),
    combine("together", "P <= exp(-M p/8)", Bound(chance, sp.exp(-count * share / 8)), {"Markov for 2^-B": 1, "powers": _POWER, "value": 1, "exponentials": 1}),
)  # fmt: skip


def _above(seed: int) -> Mapping[sp.Symbol, float]:
    rng = _rng(seed)
    m, p = int(rng.integers(1, 60)), float(rng.uniform(0, 0.5))
    return {chance: float(stats.binom.sf(np.ceil(2 * m * p) - 1, m, p)), expected: m * p}


_DOUBLED = 1 - 2 * sp.log(2)
CHERNOFF_ABOVE = entry(
    "Chernoff, twice the mean", {},
    cited("Chernoff", "P(S >= 2 mu) <= exp(mu (1 - 2 log 2)), S a sum of independent variables in [0, 1] with mean at most mu", Bound(chance, sp.exp(expected * _DOUBLED)), "Mitzenmacher, Upfal, Probability and Computing (2005), Theorem 4.4", _above),
    *_exponents(_DOUBLED, sp.Rational(-1, 3), expected),
    combine("together", "P <= exp(-mu/3)", Bound(chance, sp.exp(-expected / 3)), {"Chernoff": 1, "exponentials": 1}),
)  # fmt: skip


def _deviation(seed: int) -> Mapping[sp.Symbol, float]:
    rng = _rng(seed)
    m, p, below = int(rng.integers(1, 60)), float(rng.uniform(0, 1)), float(rng.uniform(0, 0.6))
    return {chance: float(stats.binom.cdf(np.ceil(m * (p - below)) - 1, m, p)), count: m, excess: below}


HOEFFDING = entry(
    "Hoeffding", {},
    cited("Hoeffding", "P(B/M < p - u) <= exp(-2 M u^2)", Bound(chance, sp.exp(-2 * count * excess**2)), "Hoeffding, JASA 58 (1963), Theorem 1", _deviation),
)  # fmt: skip


def _length(seed: int) -> Mapping[sp.Symbol, float]:
    """|g| for g standard normal in k dimensions, times L: a function with Lipschitz constant L."""
    rng = _rng(seed)
    k, factor, u = int(rng.integers(1, 30)), float(rng.exponential(1)), float(rng.exponential(1.5))
    return {chance: float(stats.chi.sf(stats.chi.mean(k) + u / factor, k)), lipschitz: factor, excess: u}


GAUSSIAN = entry(
    "Gaussian concentration", {},
    cited("Gaussian concentration", "P(F >= E F + u) <= exp(-u^2/(2 L^2)), F of Lipschitz constant L", Bound(chance, sp.exp(-(excess**2) / (2 * lipschitz**2))), "Boucheron, Lugosi, Massart, Concentration Inequalities (2013), Theorem 5.6", _length),
)  # fmt: skip


def _signs(seed: int) -> Mapping[sp.Symbol, float]:
    """A sum of random signs with squared weights that add up to 1: all cases counted."""
    rng = _rng(seed)
    weights = np.sqrt(rng.dirichlet(np.full(rng.integers(1, 9), 0.7)))
    sums = np.array(list(product((-1, 1), repeat=len(weights)))) @ weights
    bar = float(rng.choice([rng.exponential(1), np.abs(sums).max() - 1e-12]))
    return {chance: float(np.mean(np.abs(sums) >= bar)), excess: bar}


SIGNS = entry(
    "random signs", {},
    cited("Hoeffding", "P(|sum v_j a_j| >= u) <= 2 exp(-u^2/2), |v| = 1", Bound(chance, 2 * sp.exp(-(excess**2) / 2)), "Boucheron, Lugosi, Massart, Concentration Inequalities (2013), Theorem 2.8", _signs),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (
    MARKOV, EXPONENTIAL, JENSEN, TRIANGLE, UNION, GROENWALL, BOOTSTRAP, _LAPLACE, MATRIX_CHERNOFF, MATRIX_CHERNOFF_TWO_THIRDS, CHERNOFF, CHERNOFF_ABOVE, HOEFFDING, GAUSSIAN, SIGNS,
)  # fmt: skip
