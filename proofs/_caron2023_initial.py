"""Proofs about time 0 (caron2023, sections 2.4 and 3.1): the limit Gram, the variance around it, the random limit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import _caron2023_lemmas as of
import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import limit_gram
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.caron2023 import definite as df
from theorycheck.theorems.caron2023 import r4
from theorycheck.theorems.caron2023 import setting as s

# --- kappa_n ---------------------------------------------------------------------------------------------

_v = sp.symbols("v_1:3", real=True)
_x = sp.Matrix(2, 2, sp.symbols("x_1:5", real=True))
_slopes = sp.Matrix(2, 2, sp.symbols("s_1:5", real=True))  # outcome, sample
_p = sp.Symbol("p", nonnegative=True)
_LAW = (_p, 1 - _p)
_THETA = sp.Matrix(
    2, 2, lambda i, j: (_x[i, :] * _x[j, :].T)[0] * sum(_LAW[o] * _slopes[o, i] * _slopes[o, j] for o in range(2)) / s.d
)
_FORM = sum(_v[i] * _v[j] * _THETA[i, j] for i in range(2) for j in range(2))
_t = sp.symbols("t_1:3", real=True)
trace = sp.Symbol("tr_Theta", nonnegative=True)
_over = sp.symbols("e_1:4", nonnegative=True)


def _limit(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the least eigenvalue and the trace of the limit Gram of ReLU, which is closed, and what bounds them."""
    rng = np.random.default_rng(seed)
    n, d, _ = of.sizes(rng)
    inputs = of.inputs_of(rng, n, d if d > 1 or n == 1 else 2)
    n, d = inputs.shape
    norms = np.linalg.norm(inputs, axis=1)
    cosine = np.clip(inputs @ inputs.T / np.outer(norms, norms), -1, 1)
    np.fill_diagonal(cosine, 1.0)
    gram = inputs @ inputs.T / d * (np.pi - np.arccos(cosine)) / (2 * np.pi)
    return {
        s.kappa: np.linalg.eigvalsh(gram)[0],
        trace: np.trace(gram),
        s.n: n,
        s.d: d,
        df.slope: 1.0,
        df.trace: np.sum(norms**2),
    }


DEFINITE = of_claim(
    df.KAPPA, "definite",
    identity(
        "sum of squares", "v'Theta* v = E |sum_i v_i s'(g_i) x_i|^2/d, so Theta* is singular only if the sum is 0 for almost every w; n = d = 2, two outcomes",
        _FORM, sum(_LAW[o] * sum(sum(_v[i] * _slopes[o, i] * _x[i, c] for i in range(2)) ** 2 for c in range(2)) for o in range(2)) / s.d,
    ),
    identity(
        "jump", "ReLU: across {w.x_1 = 0}, away from the other hyperplanes, the sum jumps by v_1 x_1, so v_1 = 0",
        _v[0] * _x[0, 0] + _v[1] * _slopes[0, 1] * _x[1, 0] - (0 * _v[0] * _x[0, 0] + _v[1] * _slopes[0, 1] * _x[1, 0]), _v[0] * _x[0, 0],
    ),
    identity(
        "powers", "analytic: along a ray the sum is a series in v_i t_i^k, infinitely many k; two of these equations have this determinant, not 0 for |t_1| != |t_2|",
        sp.Matrix(2, 2, [_t[0], _t[1], _t[0] ** 3, _t[1] ** 3]).det(), _t[0] * _t[1] * (_t[1] - _t[0]) * (_t[1] + _t[0]),
    ),
    sampled("definite", "so Theta* is definite (Du et al. 2019, the same argument)", Bound(sp.S.Zero, s.kappa, strict=True), _limit,
        "sum of squares", "jump", "powers", *(f"{GIVEN}{name}" for name in ("nonzero inputs", "not parallel", "not affine"))),
    chain=("definite",),
)  # fmt: skip


def _trace_of_limit(run: Run) -> Measured:
    found = limit_gram(run.instance.activation, run.instance.inputs, run.instance.inner)
    value = float(np.trace(found.matrix))
    return Measured(value, run.instance.n * found.error + 1e-13 * value)


_MOST = df.slope**2 * df.trace / s.d
MEAN = of_claim(
    df.KAPPA, "at most the mean",
    combine("mean of eigenvalues", "the least one is at most their mean; n = 3", Bound(s.kappa, (3 * s.kappa + sum(_over)) / 3), {REST: sum(_over) / 3}),
    sampled("trace", "so n kappa_n is at most the trace", Bound(s.kappa, trace / s.n), _limit, "mean of eigenvalues"),
    sampled("slopes", "tr Theta* = sum_i |x_i|^2 E s'(g_i)^2/d, slopes at most sigma_1", Bound(trace, _MOST), _limit),
    combine("per sample", "over n", Bound(trace / s.n, _MOST / s.n), {"slopes": 1 / s.n}),
    combine("together", "one after the other", df.KAPPA.claims[1].bound, {"trace": 1, "per sample": 1}),
    chain=("trace", "per sample"), quantities=(Quantity(trace, "trace of the limit Gram", _trace_of_limit),),
)  # fmt: skip

# --- R4 (i) ----------------------------------------------------------------------------------------------

_a, _b = sp.symbols("a b", real=True)
_lam = sp.symbols("lambda_1:3", nonnegative=True)
_m1 = _p * _a + (1 - _p) * _b
_INDEPENDENT = identity(
    "independent nodes", "E (sum_j lambda_j (A_j - E A))^2 = sum_j lambda_j^2 Var A: cross terms vanish; m = 2, two values",
    sum(pu * pv * (_lam[0] * (u - _m1) + _lam[1] * (v - _m1)) ** 2 for (u, pu), (v, pv) in product(((_a, _p), (_b, 1 - _p)), repeat=2)),
    (_lam[0] ** 2 + _lam[1] ** 2) * _p * (1 - _p) * (_a - _b) ** 2,
)  # fmt: skip


def _variance(seed: int) -> Mapping[sp.Symbol, float]:
    """Gates on two orthogonal inputs, every draw of up to three nodes: the variance is counted out."""
    rng = np.random.default_rng(seed)
    m, squares = int(rng.integers(1, 4)), rng.exponential(1, 2)
    scales = rng.dirichlet(np.full(m, 0.4))
    total = 0.0
    for gates in product((0.0, 1.0), repeat=2 * m):
        diagonal = squares * (scales @ np.array(gates).reshape(m, 2))
        total += np.sum((diagonal - squares / 2) ** 2) / 4.0**m
    return {r4.deviation: total, r4.C_0: np.sum(squares**2) / 4, s.Lambda_2: scales @ scales, s.m: m}


_EXACT = r4.C_0 * s.Lambda_2
_HIGH, _LOW = (claim.bound for claim in r4.R4_VARIANCE.claims)
AT_MOST = of_claim(
    r4.R4_VARIANCE, "at most", _INDEPENDENT,
    sampled("variance", "entry by entry: E |Theta_m - Theta*|^2 = C_0 Lambda_2", Bound(r4.deviation, _EXACT), _variance, "independent nodes"),
    combine("resolution", "less than any resolution", Bound(_EXACT, _HIGH.rhs), {REST: r4.epsilon * _EXACT}),
    combine("together", "one after the other", _HIGH, {"variance": 1, "resolution": 1}), chain=("variance", "resolution"),
)  # fmt: skip
AT_LEAST = of_claim(
    r4.R4_VARIANCE, "at least", _INDEPENDENT,
    sampled("variance", "entry by entry: E |Theta_m - Theta*|^2 = C_0 Lambda_2", Bound(_EXACT, r4.deviation), _variance, "independent nodes"),
    combine("resolution", "less than any resolution", Bound(_LOW.lhs, _EXACT), {REST: r4.epsilon * _EXACT}),
    combine("together", "one after the other", _LOW, {"resolution": 1, "variance": 1}), chain=("resolution", "variance"),
)  # fmt: skip

# --- R4 (ii) ---------------------------------------------------------------------------------------------

even, uneven, even_square = sp.symbols("U_m Z_m U_2", nonnegative=True)
_size, _root = sp.symbols("A_F z", nonnegative=True)
_tilde = sp.symbols("l_1:3", nonnegative=True)


def _parts(seed: int) -> Mapping[sp.Symbol, float]:
    """Five nodes stand for infinitely many, of which the network has m; distances of one draw from a made-up limit."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs = rng.standard_normal((n, d))
    inputs /= np.maximum(np.linalg.norm(inputs, axis=1), 1)[:, None]
    slopes, share, ideal = rng.uniform(-1, 1, (m + 3, n)), rng.uniform(0, 1), rng.dirichlet(np.full(m + 3, 0.3))
    mean = of.tangent(inputs, rng.uniform(-1, 1, (1, n)), np.ones(1))
    flat = of.tangent(inputs, slopes[:m], np.full(m, 1 / m)) - mean
    bent = of.tangent(inputs, slopes[:m], ideal[:m] / ideal[:m].sum()) - of.tangent(inputs, slopes, ideal)
    return {
        r4.coupling: np.linalg.norm(share * flat + (1 - share) * bent), s.gamma: share, even: np.linalg.norm(flat), uneven: np.linalg.norm(bent),
        r4.tail: ideal[m:].sum(), s.n: n, s.d: d, _size: np.linalg.norm(of.tangent(inputs, slopes[:1], np.ones(1))),
    }  # fmt: skip


def _even(seed: int) -> Mapping[sp.Symbol, float]:
    found = dict(_variance(seed))
    m = int(found[s.m])
    squares = np.random.default_rng(seed).exponential(1, 2)
    total = 0.0
    for gates in product((0.0, 1.0), repeat=2 * m):
        total += np.sum((squares * np.array(gates).reshape(m, 2).mean(axis=0) - squares / 2) ** 2) / 4.0**m
    return {even_square: total, r4.C_0: np.sum(squares**2) / 4, s.m: m}


DISTANCE = of_claim(
    r4.R4_COUPLING, "distance", _INDEPENDENT,
    sampled("triangle", "even and uneven scales one by one", Bound(r4.coupling, s.gamma * even + (1 - s.gamma) * uneven), _parts),
    sampled("share", "gamma is a share", Bound(s.gamma, sp.S.One), _parts),
    apply("Jensen", "the mean distance of the even part", textbook.JENSEN.lemma, {textbook.mean: even, textbook.root_mean: even_square}, {}),
    sampled("even part", "its variance is C_0 sum_j 1/m^2 = C_0/m", Bound(even_square, r4.C_0 / s.m), _even, "independent nodes"),
    monotone("its root", "", Bound(sp.sqrt(even_square), sp.sqrt(r4.C_0 / s.m)), "even part", sp.Lambda(_root, sp.sqrt(_root))),
    identity("scales", "sum_{j<=m} |lambda-bar_j - lambda~_j| + sum_{j>m} lambda~_j is twice the tail; m = 2, the tail 1 - l_1 - l_2", sum(x / sum(_tilde) - x for x in _tilde) + 1 - sum(_tilde), 2 * (1 - sum(_tilde))),
    sampled("size", "|A_j|_F <= n/d in the unit ball, slopes at most 1", Bound(_size, s.n / s.d), _parts, f"{GIVEN}unit ball", f"{GIVEN}slope at most 1"),
    sampled("uneven part", "so the uneven part is within twice the tail times n/d", Bound(uneven, 2 * (s.n / s.d) * r4.tail), _parts, "scales", "size"),
    combine("together", "one after the other", r4.R4_COUPLING.claims[0].bound, {"triangle": 1, "Jensen": s.gamma, "its root": s.gamma, "uneven part": 1 - s.gamma, "share": 0}),
)  # fmt: skip
FLOOR = of_claim(
    r4.R4_COUPLING, "floor",
    apply("sum of squares", "what is left of Theta_infinity is a sum of squares (L2, infinitely many nodes)", of.L2.lemma, {of.k: s.kappa, s.least: r4.limit_least}, {}),
    chain=("sum of squares",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (DEFINITE, MEAN, AT_MOST, AT_LEAST, DISTANCE, FLOOR)

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
