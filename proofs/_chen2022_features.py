"""Proofs about frozen random features (chen2022, section 4.11 (a), (b), (d), errata W7 and I4): they are linearly independent.

``Ghat = (1/M) sum_j v_j v_j'``, ``v_j = s(u_j)``, ``u_j ~ N(0, S)``; its mean has the least eigenvalue lambda_inf. Two or
three samples stand for any number.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theorycheck import measure, textbook
from theorycheck.constants import slope_bound
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import EVENT, GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems import core
from theorycheck.theorems.chen2022 import features as fe
from theorycheck.theorems.chen2022 import frozen
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import statements as t

chance = sp.Symbol("P_features", nonnegative=True)
LIMIT = f"{GIVEN}lambda_inf positive"
_y = sp.Symbol("y", real=True)
_v, _u = sp.symbols("v_1:4", real=True), sp.symbols("u_1:4", real=True)
_e = sp.symbols("e_1:4", nonnegative=True)


def lemma(name: str, premises: Mapping[str, Bound], *steps: Step, card: str = "features") -> Proof:
    """Return a lemma that no card states by itself."""
    goal = steps[-1].bound
    return Proof(f"chen2022.{card} {name}", goal, premises, goal.symbols, steps)


LAGRANGE = identity(
    "Cauchy and Schwarz", "u'vv'u = (v.u)^2 <= |v|^2 |u|^2: the difference is a sum of squares, so vv' <= |v|^2",
    sum(x**2 for x in _v) * sum(x**2 for x in _u) - sum(x * y for x, y in zip(_v, _u, strict=True)) ** 2,
    sum((_v[i] * _u[j] - _v[j] * _u[i]) ** 2 for i in range(3) for j in range(i)),
)  # fmt: skip


def wide_enough(exponent: sp.Expr, per: sp.Expr, width: str, mean: str) -> tuple[Step, ...]:
    """Return the steps from ``mean``, P <= n exp(-exponent), to P <= delta; ``exponent`` is ``per`` times the width."""
    return (
        combine("frozen width solved", "log(n/delta) is at most the exponent", Bound(sp.log(t.n / o.delta), exponent), {width: per, LIMIT: 0}),
        monotone("frozen width in the tail", "exp of both", Bound(sp.exp(-exponent), o.delta / t.n), "frozen width solved", sp.Lambda(_y, sp.exp(-_y)), LIMIT),
        combine("frozen failure", "n times that is at most delta", Bound(chance, o.delta), {mean: 1, "frozen width in the tail": t.n}),
    )  # fmt: skip


# --- (a): bounded features ---------------------------------------------------------------------------------

_TOP = t.n * fe.size**2
MEAN = fe.hidden * fe.limit / _TOP
KEPT = Event("features", Bound(MEAN / 2, fe.hidden * t.lam / _TOP), chance)
BOUNDED_STEPS = (
    LAGRANGE,
    combine("bounded summands", "|v|^2 = sum_a s(u_a)^2 <= n B^2, s(u_a)^2 = B^2 - e_a; three samples", Bound(3 * fe.size**2 - sum(_e), 3 * fe.size**2), {REST: sum(_e), f"{GIVEN}bounded": 0}),
    apply("Chernoff", "the summands vv'/(n B^2) are at most 1, their sum has the mean M Gamma/(n B^2)", textbook.MATRIX_CHERNOFF.lemma, {textbook.chance: chance, textbook.size: t.n, textbook.expected: MEAN}, {}, "Cauchy and Schwarz", "bounded summands", LIMIT),
    *wide_enough(MEAN / 8, fe.limit / (8 * _TOP), f"{GIVEN}frozen width", "Chernoff"),
)  # fmt: skip
HALF = combine(
    "half is kept", "on the event, over M/(n B^2)", Bound(fe.KEPT, t.lam), {f"{EVENT}features": _TOP / fe.hidden}
)

BOUNDED = of_claim(
    fe.FEATURES, "bounded", *BOUNDED_STEPS, HALF, events=(KEPT,), failure="frozen failure", chain=("half is kept",),
)  # fmt: skip

# --- (b): ReLU features ---------------------------------------------------------------------------------------

fourth, cut, lost, low = sp.symbols("F mu_cut E_cut lambda_cut", nonnegative=True)
_a, _b, _w = sp.symbols("a b w", nonnegative=True)
_l = sp.symbols("l_1:4", nonnegative=True)
_h, _g = sp.Symbol("h", real=True), sp.Symbol("g", real=True)
_DENSITY = sp.exp(-(_g**2) / 2) / sp.sqrt(2 * sp.pi)
_PAIRS = sum(_l[i] * _l[j] for i in range(3) for j in range(i))
FOURTH = 3 * fe.trace**2 / 2
#: features longer than this are cut off, which costs at most a quarter of lambda_inf
LONGEST = FOURTH / (fe.limit / 4)
CUT_MEAN = fe.hidden * cut / LONGEST
_EXPONENT = fe.hidden * sp.Rational(3, 4) * fe.limit / (18 * LONGEST)


def _spread(seed: int) -> Mapping[sp.Symbol, float]:
    """Return E|v|^4 of ReLU features exactly, by the kernel of squared ReLUs; sharp for one sample."""
    rng = np.random.default_rng(seed)
    n = 1 + seed % 4
    x = rng.standard_normal((n, n + 1)) * 10 ** rng.uniform(-1, 1, (n, 1))
    norms = np.linalg.norm(x, axis=1)
    cosine = np.clip(x @ x.T / np.outer(norms, norms), -1, 1)
    angle, sine = np.arccos(cosine), np.sqrt(1 - cosine**2)
    kernel = (3 * sine * cosine + (np.pi - angle) * (1 + 2 * cosine**2)) / (2 * np.pi)
    return {fourth: np.sum(np.outer(norms, norms) ** 2 * kernel), fe.trace: np.sum(norms**2)}


def _cut_off(seed: int) -> Mapping[sp.Symbol, float]:
    """Return a random law of vectors, cut off at a length: what is lost, and least eigenvalues before and after; or samples."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(1, 9))
    v, far = rng.standard_normal((m, n)) * rng.exponential(1, (m, 1)), rng.exponential(1) + 1e-3
    weights, square = rng.dirichlet(np.ones(m)), np.sum(v**2, axis=1)
    if seed % 2:  # two lengths: all that is lost is just beyond
        square[square > far] = far * (1 + 1e-9)
    least = [np.linalg.eigvalsh((v.T * (weights * kept)) @ v)[0] for kept in (np.ones(m), square <= far)]
    return {
        lost: weights @ (square * (square > far)), fourth: weights @ square**2, fe.limit: 6 / far, fe.trace: 1.0, t.lam: least[0] + 1e-12, low: least[1],
    }  # fmt: skip


def _cut_mean(run: Run) -> Measured:
    """Return mu_cut: lambda_inf less what is lost, ``E w 1{w > R} <= sqrt(2) R exp(-R/(4T'))`` for ``w = |v|^2``, ``R >= 4T'``.

    ``T' = sup s'^2 T``, so that ``w/(4T')`` is at most ``|u|^2/(4T)``, whose exponential has a mean of at most sqrt(2);
    ``x exp(-x/(4T'))`` falls from ``x = 4T'`` on. For s(0) = 0, as ReLU has it.
    """
    least, whole = fe.LIMIT.measure(run), frozen.trace(run)
    size, limit, doubt = float(whole.value + whole.error), float(least.value), float(least.error)
    far, slope = 6 * size**2 / (limit + doubt), slope_bound(frozen.last_activation(run)).upper
    rest = np.sqrt(2) * far * np.exp(-far / (4 * slope**2 * size)) if far >= 4 * slope**2 * size else np.inf
    return Measured.between(max(limit - doubt - rest, 0.0), limit + doubt)


RELU = of_claim(
    fe.FEATURES, "relu",
    identity("halves", "s(h)^2 + s(-h)^2 = h^2 for ReLU, s(h) = (h + |h|)/2", ((_h + sp.Abs(_h)) / 2) ** 2 + ((-_h + sp.Abs(_h)) / 2) ** 2, _h**2, f"{GIVEN}relu"),
    combine("both signs", "a = |s(u)|^2, b = |s(-u)|^2: as -u has u's law, E|s(u)|^4 = E (a^2 + b^2)/2 <= E (a + b)^2/2 = E|u|^4/2", Bound((_a**2 + _b**2) / 2, (_a + _b) ** 2 / 2), {REST: _a * _b, "halves": 0}),
    identity("fourth moment", "E g^4 = 3 for g ~ N(0, 1)", sp.Integral(_g**4 * _DENSITY, (_g, -sp.oo, sp.oo)), sp.Integer(3)),
    combine("norm", "|u|^2 = sum_k l_k g_k^2 in S's eigenbasis: E|u|^4 = 3 sum_k l_k^2 + 2 sum_(k<j) l_k l_j <= 3 (sum_k l_k)^2 = 3 T^2", Bound(3 * sum(x**2 for x in _l) + 2 * _PAIRS, 3 * sum(_l) ** 2), {REST: 4 * _PAIRS, "fourth moment": 0}),
    sampled("fourth", "so F = E|v|^4 <= 3 T^2/2", Bound(fourth, FOURTH), _spread, "both signs", "norm"),
    combine("beyond R", "|v|^2 = R + w beyond R = 6 T^2/lambda_inf, so R |v|^2 <= |v|^4 there", Bound(LONGEST * (LONGEST + _w), (LONGEST + _w) ** 2), {REST: _w * (LONGEST + _w), LIMIT: 0}),
    sampled("lost", "features beyond R are cut off: the mean loses at most E|v|^2 1{|v|^2 > R} <= F/R", Bound(lost, fourth / LONGEST), _cut_off, "beyond R"),
    combine("a quarter", "which is at most lambda_inf/4", Bound(lost, fe.limit / 4), {"lost": 1, "fourth": 1 / LONGEST, LIMIT: 0}),
    apply("Weyl", "the least eigenvalue of the mean of what is left is at least lambda_inf less that", of_card(core.WEYL, "singular value"), {core.least_start: fe.limit, core.least_end: cut, core.jump: lost}, {}, LIMIT),
    combine("three quarters", "are left", Bound(sp.Rational(3, 4) * fe.limit, cut), {"Weyl": 1, "a quarter": 1}),
    LAGRANGE,
    apply("Chernoff", "of the rest, summands vv'/R at most 1, two thirds are kept", textbook.MATRIX_CHERNOFF_TWO_THIRDS.lemma, {textbook.chance: chance, textbook.size: t.n, textbook.expected: CUT_MEAN}, {}, "Cauchy and Schwarz", LIMIT),
    combine("larger mean", "with three quarters of lambda_inf for the mean: M lambda_inf^2/(144 T^2)", Bound(_EXPONENT, CUT_MEAN / 18), {"three quarters": fe.hidden / (18 * LONGEST), LIMIT: 0}),
    monotone("larger tail", "exp of both", Bound(sp.exp(-CUT_MEAN / 18), sp.exp(-_EXPONENT)), "larger mean", sp.Lambda(_y, sp.exp(-_y)), LIMIT),
    combine("mean", "so P <= n exp(-M lambda_inf^2/(144 T^2))", Bound(chance, t.n * sp.exp(-_EXPONENT)), {"Chernoff": 1, "larger tail": t.n}),
    *wide_enough(_EXPONENT, _EXPONENT / fe.hidden, f"{GIVEN}frozen width (relu)", "mean"),
    combine("two thirds", "on the event, over M/R", Bound(2 * cut / 3, low), {f"{EVENT}cut features": LONGEST / fe.hidden, LIMIT: 0}),
    combine("more features", "those that were cut off only add squares (v.u)^2", Bound((_v[0] * _u[0]) ** 2, (_v[0] * _u[0]) ** 2 + (_v[1] * _u[1]) ** 2), {REST: (_v[1] * _u[1]) ** 2}),
    sampled("with all features", "so the least eigenvalue of Ghat is no smaller", Bound(low, t.lam), _cut_off, "more features"),
    combine("cut", "a half is two thirds of three quarters", Bound(fe.KEPT, 2 * cut / 3), {"three quarters": sp.Rational(2, 3)}),
    combine("kept", "of Ghat", Bound(2 * cut / 3, t.lam), {"two thirds": 1, "with all features": 1}),
    combine("together", "one after the other", Bound(fe.KEPT, t.lam), {"cut": 1, "kept": 1}),
    events=(Event("cut features", Bound(2 * CUT_MEAN / 3, fe.hidden * low / LONGEST), chance),), failure="frozen failure",
    chain=("cut", "kept"), quantities=(Quantity(cut, "least eigenvalue of the mean Gram of features cut off beyond R", _cut_mean),),
)  # fmt: skip


# --- (d): Hermite coefficients ---------------------------------------------------------------------------------

samples, entries, least = (
    sp.Symbol("N", positive=True),
    sp.Symbol("r", nonnegative=True),
    sp.Symbol("l", nonnegative=True),
)
_V, _W = sp.Matrix(2, 2, sp.symbols("V_1:5", real=True)), sp.Matrix(2, 2, sp.symbols("W_1:5", real=True))
_S, _T = _V * _V.T, _W * _W.T
_SCHUR = sum(_u[a] * _u[b] * _S[a, b] * _T[a, b] for a in range(2) for b in range(2))
_SQUARES = sum(sum(_u[a] * _V[a, j] * _W[a, k] for a in range(2)) ** 2 for j in range(2) for k in range(2))
_ENTRY = entries / (1 + _w)


def correlations(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return a random correlation matrix."""
    x = rng.standard_normal((n, n + 1)) + rng.choice([0, 3]) * rng.standard_normal(n + 1)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x @ x.T, float)


def _power(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    n, k = 1 + seed % 4, int(rng.integers(0, 8))
    matrix = correlations(rng, n) ** k
    off = np.abs(matrix[~np.eye(n, dtype=bool)]).max(initial=0.0) if k else 1.0
    return {samples: n, entries: off, least: max(np.linalg.eigvalsh(matrix)[0], 0) + 1e-13}


HADAMARD = lemma(
    "Hadamard powers", {},
    identity("Schur", "x'(S o T) x = sum_jk (sum_a x_a V_aj W_ak)^2 for S = VV', T = WW': definite as both are; two samples", _SCHUR, _SQUARES),
    combine("Gershgorin", "an entry of size r/(1 + w) meets 2 x y, which is at least -r (x^2 + y^2); each x has n - 1 others", Bound(-entries * (_v[0] ** 2 + _v[1] ** 2), 2 * _ENTRY * _v[0] * _v[1]), {REST: _ENTRY * (_v[0] + _v[1]) ** 2 + _ENTRY * _w * (_v[0] ** 2 + _v[1] ** 2)}),
    sampled("least eigenvalue", "of a power of a correlation matrix, whose entries off the diagonal are at most r: at least 1 - (n - 1) r, and not negative", Bound(sp.Max(0, 1 - (samples - 1) * entries), least), _power, "Schur", "Gershgorin"),
)  # fmt: skip

POWERS = sp.symbols(f"ell_0:{fe.TERMS}", nonnegative=True)
_rho, _p, _q = sp.Symbol("rho_uv", real=True), sp.Symbol("p", real=True), sp.Symbol("q", real=True)
_HE = sp.symbols("a_0:4", real=True)


def _series(z: sp.Expr) -> sp.Expr:
    polynomials = (sp.S.One, z, z**2 - 1, z**3 - 3 * z)
    return sum(a * he / sp.sqrt(sp.factorial(k)) for k, (a, he) in enumerate(zip(_HE, polynomials, strict=True)))


def _expected(expr: sp.Expr) -> sp.Expr:
    """Return the mean of a polynomial in independent p, q ~ N(0, 1), by their moments (k - 1)!!."""
    terms = sp.Poly(sp.expand(expr), _p, _q).terms()
    return sum(c * sp.factorial2(i - 1) * sp.factorial2(j - 1) for (i, j), c in terms if i % 2 == j % 2 == 0)


_MET = _expected(_series(_p) * _series(_rho * _p + sp.sqrt(1 - _rho**2) * _q))
_EACH = sum(a**2 * ell for a, ell in zip(fe.HERMITE, POWERS, strict=True))


def _mehler(seed: int) -> Mapping[sp.Symbol, float]:
    """Return least eigenvalues of Hadamard powers, and of the limit Gram of a random polynomial activation."""
    rng = np.random.default_rng(seed)
    n, a = 1 + seed % 4, rng.standard_normal(12) * rng.random(12) ** 3
    if seed % 3 == 0:
        a[fe.TERMS :] = 0
    matrix = correlations(rng, n)
    gram = sum(a[k] ** 2 * matrix**k for k in range(12))
    least_each = {ell: np.linalg.eigvalsh(matrix**k)[0] for k, ell in enumerate(POWERS)}
    return {
        **dict(zip(fe.HERMITE, a[: fe.TERMS], strict=True)),
        **least_each,
        fe.limit_unit: np.linalg.eigvalsh(gram)[0] + 1e-12,
    }


def _least_power(k: int) -> measure.Measure:
    def read(run: Run) -> Measured:
        features = frozen.below(run)
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        return Measured(max(float(np.linalg.eigvalsh((unit @ unit.T) ** k)[0]), 0.0), 1e-13 * (k + 1) * len(features))

    return read


HERMITE = of_claim(
    fe.FEATURES, "hermite",
    *(apply(f"power {k}", f"least eigenvalue of S^(o {k}), at least 1 - (n - 1) rho^{k}", HADAMARD.lemma, {samples: t.n, entries: fe.cosine**k, least: ell}, {}) for k, ell in enumerate(POWERS)),
    combine("coefficients", "each a_k^2 times", Bound(fe.FROM_HERMITE, _EACH), {f"power {k}": a**2 for k, a in enumerate(fe.HERMITE)}),
    identity("Mehler", "E s(u) s(v) = sum_k a_k^2 rho^k for s = sum_k a_k He_k/sqrt(k!), v = rho u + sqrt(1 - rho^2) w; up to k = 3", _MET, sum(a**2 * _rho**k for k, a in enumerate(_HE))),
    sampled("sum", "so lambda_unit, of sum_k a_k^2 S^(o k), is at least the sum of least eigenvalues; what comes after them is not negative", Bound(_EACH, fe.limit_unit), _mehler, "Mehler"),
    combine("together", "one after the other", Bound(fe.FROM_HERMITE, fe.limit_unit), {"coefficients": 1, "sum": 1}),
    chain=("coefficients", "sum"), quantities=tuple(Quantity(ell, f"least eigenvalue of the Hadamard power {k}", _least_power(k)) for k, ell in enumerate(POWERS)),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (BOUNDED, RELU, HADAMARD, HERMITE)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
