"""Lemmas L3, L4 and L6 of caron2023's proofs (section 4): what is random at time 0, with its chances."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import _caron2023_lemmas as of
import numpy as np
import sympy as sp
from scipy import special

from theorycheck import textbook
from theorycheck.proof import Proof
from theorycheck.proof_steps import apply, combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import r0
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.r2 import start

P_uniform, P_residual, P_flips, P_heavy = sp.symbols("P_1 P_2 P_3 P_4", nonnegative=True)
mean_square = sp.Symbol("E_r", nonnegative=True)  # E |r_0|^2
mass, mean_mass = sp.symbols("T_1 E_T", nonnegative=True)  # flip mass with weights 1/m, and its mean
heavy, mean_heavy = sp.symbols("T_lambda E_lambda", nonnegative=True)  # with weights lambda_j
near = sp.Symbol("c_0", nonnegative=True)  # a smaller radius
_real = sp.Symbol("g", real=True)
_DENSITY = sp.exp(-(_real**2) / 2) / sp.sqrt(2 * sp.pi)

# --- L4: the initial residual ---------------------------------------------------------------------------

_y, _s1, _s2 = sp.symbols("y s_1 s_2", real=True)
_l1, _l2 = sp.symbols("lambda_1 lambda_2", nonnegative=True)
SIGNS = identity(
    "random signs", "the mean over signs a_j of (y - sum_j sqrt(lambda_j) a_j s_j)^2 is y^2 + sum_j lambda_j s_j^2; m = 2, all cases",
    sum((_y - a * sp.sqrt(_l1) * _s1 - b * sp.sqrt(_l2) * _s2) ** 2 for a, b in product((-1, 1), repeat=2)) / 4, _y**2 + _l1 * _s1**2 + _l2 * _s2**2,
)  # fmt: skip
_q = sp.Symbol("q", positive=True)
HALF = identity(
    "half a Gaussian",
    "E max(0, g)^2 = q/2 for g ~ N(0, q)",
    sp.Integral(_q * _real**2 * _DENSITY, (_real, 0, sp.oo)),
    _q / 2,
)
LIPSCHITZ = identity(
    "second moment",
    "E (s_0 + |g|/sqrt d)^2, s_0 = |s(0)|, by Minkowski at most (s_0 + 1/sqrt d)^2",
    sp.Integral(_real**2 * _DENSITY, (_real, -sp.oo, sp.oo)),
    sp.S.One,
)


def _start(seed: int, smooth: bool) -> Mapping[sp.Symbol, float]:
    """Return E |r_0|^2 = |y|^2 + tr Sigma of a network on the unit ball: ReLU exactly, or softplus by quadrature."""
    rng = np.random.default_rng(seed)
    n, d, _ = of.sizes(rng)
    inputs = rng.standard_normal((n, d))
    inputs /= np.maximum(np.linalg.norm(inputs, axis=1), rng.choice([1e-9, 1.0]))[:, None]
    norms, labels = np.linalg.norm(inputs, axis=1), rng.choice([-1, 1, 0.3], n) * rng.exponential(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    value = np.logaddexp(0, norms[:, None] * nodes / np.sqrt(d)) ** 2 @ weights / weights.sum()
    trace = float(np.sum(value)) if smooth else float(np.sum(norms**2)) / (2 * d)
    return {
        mean_square: labels @ labels + trace, s.n: n, s.d: d, s.C: np.abs(labels).max(), start: np.log(2.0), s.largest_norm: norms.max() ** 2,
        s.label_norm: np.linalg.norm(labels), s.trace_sigma: trace,
    }  # fmt: skip


_BALL = {"unit ball": Bound(s.largest_norm, sp.S.One)}
_EACH = sp.symbols("c_1:3", nonnegative=True)


def _l4(name: str, each: sp.Expr, moment: object, smooth: bool) -> Proof:
    """E |r_0|^2 <= n (C^2 + each): every sample has y_i^2 <= C^2 and a second moment of at most ``each``."""
    worst = 2 * (s.C**2 + each)
    return of.lemma(
        name, _BALL, SIGNS, moment,
        combine("samples", "summed over two samples that stay below by c_1, c_2", Bound(worst - sum(_EACH), worst), {REST: sum(_EACH)}),
        sampled("mean square", "so E |r_0|^2 = |y|^2 + tr Sigma <= n D^2", Bound(mean_square, s.n * (s.C**2 + each)), lambda seed: _start(seed, smooth), "random signs", moment.label, "samples", "unit ball"),
    )  # fmt: skip


L4 = _l4("L4 for ReLU", 1 / (2 * s.d), HALF, False)
L4_SMOOTH = _l4("L4 for smooth activations", (start + 1 / sp.sqrt(s.d)) ** 2, LIPSCHITZ, True)
L4_DATA = of.lemma(
    "L4 on the data", {}, SIGNS,
    sampled("mean square", "E |r_0|^2 = |y|^2 + tr Sigma", Bound(mean_square, s.label_norm**2 + s.trace_sigma), lambda seed: _start(seed, True), "random signs"),
)  # fmt: skip

sign_sum, given_signs, variance = sp.symbols(
    "beta E_a q", nonnegative=True
)  # |sum_j sqrt(lambda_j) a_j|, E [|r_0| | a]


def _given(seed: int) -> Mapping[sp.Symbol, float]:
    """Return E [|r_0| | a], at most the root of the mean square given the signs: one sample, ReLU, all exact."""
    rng = np.random.default_rng(seed)
    m, far = int(rng.integers(1, 6)), rng.exponential(1)
    scales, signs, label = rng.dirichlet(np.ones(m)), rng.choice([-1, 1], m), rng.normal()
    beta, mean, second = float(np.sqrt(scales) @ signs), far / np.sqrt(2 * np.pi), far**2 / 2
    return {
        given_signs: np.sqrt((label - beta * mean) ** 2 + second - mean**2), sign_sum: abs(beta), s.label_norm: abs(label),
        s.mean_norm: mean, s.trace_sigma: second,
    }  # fmt: skip


_A, _B = sp.symbols("s_1 s_2", real=True)
_M1, _M2 = sp.symbols("h p", real=True)
_SQUARE = sp.expand((_y - sp.sqrt(_l1) * _A - sp.sqrt(_l2) * _B) ** 2)
# means put in for two independent nodes with mean h and second moment p
_TAKEN = _SQUARE.xreplace({_A**2: _M2, _B**2: _M2}).xreplace({_A * _B: _M1**2}).subs({_A: _M1, _B: _M1})
GIVEN_SIGNS = of.lemma(
    "L4', given the signs", {},
    identity("means", "E (y - sum_j sqrt(lambda_j) s_j)^2 = (y - beta h)^2 + sum_j lambda_j (p - h^2), beta = sum_j sqrt(lambda_j); m = 2", _TAKEN, (_y - (sp.sqrt(_l1) + sp.sqrt(_l2)) * _M1) ** 2 + (_l1 + _l2) * (_M2 - _M1**2)),
    sampled("root", "E |r_0| <= (E |r_0|^2)^(1/2), and |y - beta h| <= |y| + |beta| |h|", Bound(given_signs, sp.sqrt((s.label_norm + sign_sum * s.mean_norm) ** 2 + s.trace_sigma - s.mean_norm**2)), _given, "means"),
)  # fmt: skip
VARIANCE = of.lemma("variance", {}, sampled("Jensen", "|h|^2 = sum_i (E s(g_i))^2 <= sum_i E s(g_i)^2 = tr Sigma", Bound(s.mean_norm**2, s.trace_sigma), _given))  # fmt: skip

# --- L6: the flip mass ------------------------------------------------------------------------------------

_rho = sp.Symbol("rho", nonnegative=True)
_BAND = sp.sqrt(2 / sp.pi) * _rho - sp.erf(_rho / sp.sqrt(2))
_h = sp.Symbol("h", real=True)
_root = sp.symbols("b_1:4", nonnegative=True)
_SPREAD = sum((_root[i] - _root[j]) ** 2 for i in range(3) for j in range(i))
BAND = (
    combine("radius", "rho is nonnegative", Bound(sp.S.Zero, _rho**2 / 2), {REST: _rho**2 / 2}),
    monotone("density", "exp(-rho^2/2) <= 1", Bound(sp.exp(-(_rho**2) / 2), sp.S.One), "radius", sp.Lambda(_h, sp.exp(-_h))),
    combine("slope", "times sqrt(2/pi)", Bound(sp.S.Zero, sp.diff(_BAND, _rho)), {"density": sp.sqrt(2 / sp.pi)}),
    combine("from 0", "rho is nonnegative", Bound(sp.S.Zero, _rho), {REST: _rho}),
    monotone("band", "P(|N| <= rho) = erf(rho/sqrt 2) <= sqrt(2/pi) rho: the difference rises from 0", Bound(sp.S.Zero, _BAND), "from 0", sp.Lambda(_rho, _BAND), "slope"),
    combine("scales", "((1/m) sum_j sqrt(lambda_j))^2 <= (1/m) sum_j lambda_j, sqrt(lambda_j) = b_j; m = 3", Bound(sum(_root) ** 2 / 9, sum(x**2 for x in _root) / 3), {REST: _SPREAD / 9}),
)  # fmt: skip


def _flip_mass(seed: int) -> Mapping[sp.Symbol, float]:
    """Return the mean flip masses, exactly, for inputs in the unit ball and rho_j = c sqrt(lambda_j)."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    norms = np.minimum(1, rng.exponential(1, n))
    scales, far = rng.dirichlet(np.full(m, rng.choice([0.2, 50]))), 10 ** rng.uniform(-3, 1)
    chances = special.erf(far * np.sqrt(scales) / np.sqrt(2))
    weight = np.sum(norms**2) / d
    return {
        mean_mass: weight * chances.mean(), mean_heavy: weight * scales @ chances, of.reach: far, s.n: n, s.d: d, s.m: m,
        s.Lambda_32: np.sum(scales**1.5),
    }  # fmt: skip


LIGHT_MASS = (s.n / s.d) * sp.sqrt(2 / sp.pi) * of.reach / sp.sqrt(s.m)
HEAVY_MASS = (s.n / s.d) * sp.sqrt(2 / sp.pi) * of.reach * s.Lambda_32
L6 = of.lemma("L6", _BALL, *BAND, sampled("mean", "E T_1 <= (n/d) sqrt(2/pi) (1/m) sum_j rho_j, inputs in the unit ball", Bound(mean_mass, LIGHT_MASS), _flip_mass, "band", "scales", "unit ball"))  # fmt: skip
L6_HEAVY = of.lemma("L6 for weights lambda_j", _BALL, *BAND[:-1], sampled("mean", "E T_lambda <= (n/d) sqrt(2/pi) sum_j lambda_j rho_j", Bound(mean_heavy, HEAVY_MASS), _flip_mass, "band", "unit ball"))  # fmt: skip


def _dominated(seed: int) -> Mapping[sp.Symbol, float]:
    """Return M_F and B_F for some radii, and the traces of flip masses for radii that are no smaller."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs, weights, scales = of.inputs_of(rng, n, d), rng.standard_normal((m, d)), rng.dirichlet(np.full(m, 0.3))
    small = rng.exponential(1)
    large = small * rng.choice([1.0, 1.5])
    norms = np.linalg.norm(inputs, axis=1)
    found = {}
    for trace, top, share in ((mass, r0.flips, np.full(m, 1 / m)), (heavy, r0.heavy_flips, scales)):
        can = [np.abs(weights @ inputs.T) <= size * np.sqrt(scales)[:, None] * norms for size in (small, large)]
        gram = np.abs(inputs @ inputs.T) * ((can[0].T * share) @ can[0]) / d
        found |= {top: np.linalg.eigvalsh(gram)[-1], trace: float(share @ can[1] @ norms**2) / d}
    return found | {near: small, of.reach: large}


_RADII = {"radius": Bound(near, of.reach)}
TRACE = of.lemma("L5, trace", _RADII, sampled("trace", "M_F >= 0 entry by entry, so its largest eigenvalue is at most its trace; more flips with a larger radius", Bound(r0.flips, mass), _dominated, "radius"))  # fmt: skip
TRACE_HEAVY = of.lemma("L5, trace, weights lambda_j", _RADII, sampled("trace", "as for the uniform part", Bound(r0.heavy_flips, heavy), _dominated, "radius"))  # fmt: skip


# --- L3: the uniform part at time 0 -----------------------------------------------------------------------


def _summand(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    n, d, _ = of.sizes(rng)
    inputs = of.inputs_of(rng, n, d)
    one = of.tangent(inputs, rng.uniform(-1, 1, (1, n)), np.ones(1))
    return {of.b: np.linalg.eigvalsh(one)[-1], s.s_X: np.linalg.norm(inputs, 2) ** 2, s.d: d}


L3 = of.lemma(
    "L3", {},
    sampled("summands", "every A_j = D_j G D_j/d has norm at most s_X/d, and mean Theta*", Bound(of.b, s.s_X / s.d), _summand),
    apply("Chernoff", "P(kappa_hat <= kappa_n/2) <= n exp(-m d kappa_n/(8 s_X))", textbook.MATRIX_CHERNOFF.lemma, {textbook.chance: P_uniform, textbook.size: s.n, textbook.expected: s.m * s.d * s.kappa / s.s_X}, {}, "summands"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (
    L3, L4, L4_SMOOTH, L4_DATA, GIVEN_SIGNS, VARIANCE, L6, L6_HEAVY, TRACE, TRACE_HEAVY,
)  # fmt: skip

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
