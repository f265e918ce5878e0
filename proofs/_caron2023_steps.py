"""Lemmas of caron2023's proofs about gradient descent (section 4, R3 and R3'): one step, and all steps together.

A step takes r to r - eta A u with u = J'r, J the Jacobian at the step's start and A its mean over the step (smooth), or the
one with the slopes ``(s(z') - s(z))/(z' - z)`` (ReLU); either way the residual's change is exact. ``f = (A - J)'r``.
"""

from __future__ import annotations

from collections.abc import Mapping

import _caron2023_lemmas as of
import numpy as np
import sympy as sp

from theorycheck.proof import Proof
from theorycheck.proof_steps import combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.caron2023 import descents, r0, r2, r3
from theorycheck.theorems.caron2023 import setting as s

eta, level = descents.eta, of.level
jump = sp.Symbol("j_w", nonnegative=True)  # |A - J| over a step
g_w, g = sp.symbols("g_w g", nonnegative=True)  # least share of the loss that a step takes off
r_w, lengths = sp.symbols("r_w S_r", nonnegative=True)  # |r| at a step; sum of |r| over steps
moved = sp.Symbol("D_w", nonnegative=True)

# --- one step -----------------------------------------------------------------------------------------

_u, _f, _r, _c = (sp.symbols(f"{name}_1:3", real=True) for name in "ufrc")
_A = sp.Matrix(2, 2, sp.symbols("A_11 A_12 A_21 A_22", real=True))
_e = sp.symbols("e_1:3", nonnegative=True)
_x, _y = sp.symbols("x_1 y_1", nonnegative=True)


def _dot(a: tuple[sp.Expr, ...], b: tuple[sp.Expr, ...]) -> sp.Expr:
    return sum((one * other for one, other in zip(a, b, strict=True)), sp.S.Zero)


_AU = tuple(_A * sp.Matrix(_u))
_AFTER = tuple(one - eta * other for one, other in zip(_r, _AU, strict=True))
_WHOLE = tuple(2 * f + u / 2 for f, u in zip(_f, _u, strict=True))
_PARTS = (
    identity("expanded", "|r - eta A u|^2 = |r|^2 - 2 eta (A'r).u + eta^2 |A u|^2; n = 2", _dot(_AFTER, _AFTER), _dot(_r, _r) - 2 * eta * _dot(tuple(_A.T * sp.Matrix(_r)), _u) + eta**2 * _dot(_AU, _AU)),
    combine("product", "(u + f).u >= |u|^2 - 2 |f|^2 - |u|^2/8, by |2 f + u/2|^2 >= 0",
        Bound(_dot(_u, _u) - 2 * _dot(_f, _f) - _dot(_u, _u) / 8, _dot(_u, tuple(a + b for a, b in zip(_u, _f, strict=True)))), {REST: _dot(_WHOLE, _WHOLE) / 2}),
    combine("bracket", "with |u| = 1, |f|^2 = 1/16 - x, eta |A|^2 = 1/2 - y: 2 (u + f).u - eta |A u|^2 >= 1",
        Bound(sp.S.One, 2 * (sp.Rational(7, 8) - 2 * (sp.Rational(1, 16) - _x)) - (sp.Rational(1, 2) - _y)), {REST: 4 * _x + _y}),
    combine("Rayleigh", "|u|^2 = r'J J'r >= mu |r|^2, in the eigenbasis of J J' with eigenvalues mu + e_i",
        Bound(level * _dot(_c, _c), sum((level + e) * c**2 for e, c in zip(_e, _c, strict=True))), {REST: sum(e * c**2 for e, c in zip(_e, _c, strict=True))}),
)  # fmt: skip


def _step(seed: int) -> Mapping[sp.Symbol, float]:
    """Random J and A as far apart, and steps as large, as is allowed; often such as gain least."""
    rng = np.random.default_rng(seed)
    n, k = sorted(rng.integers(1, 5, 2))
    jacobian = rng.standard_normal((n, k)) * 10 ** rng.uniform(-0.5, 0.5, (n, 1))
    vectors, values, _ = np.linalg.svd(jacobian)
    residual = vectors[:, -1] if seed % 2 else rng.standard_normal(n)
    u = jacobian.T @ residual
    change = -np.outer(residual, u) if seed % 3 else rng.standard_normal((n, k))
    mean = jacobian + change * (values[-1] / 4 / np.linalg.norm(change, 2))
    largest = max(values[0], np.linalg.norm(mean, 2)) ** 2
    step = rng.choice([1.0, rng.random()]) / (2 * largest)
    left = np.linalg.norm(residual - step * mean @ u) / np.linalg.norm(residual)
    return {
        eta: step, level: values[-1] ** 2, g_w: max(1 - left**2, 0.0) if left < 1 else np.nan,
        jump: np.linalg.norm(mean - jacobian, 2), s.least: values[-1] ** 2, r0.slope: 1.0, s.s_X: largest, s.d: 1.0,
    }  # fmt: skip


_FEW = {
    "few changes": Bound(jump, sp.sqrt(level) / 4),
    "floor": Bound(level, s.least),
    "unit slope": Bound(r0.slope, sp.S.One),
    "stable step": descents.STABLE.bound,
}
GAIN = of.lemma(
    "one step", _FEW, *_PARTS,
    sampled("gain", "|r|^2 falls by eta (2 (u + f).u - eta |A u|^2) >= eta |u|^2: |f| <= sqrt(mu) |r|/4 <= |u|/4, and |A|^2 <= s_X/d (L1, slopes of A in size at most 1)",
        Bound(eta * level, g_w), _step, "expanded", "product", "bracket", "Rayleigh", *_FEW),
)  # fmt: skip

# --- all steps ------------------------------------------------------------------------------------------


def _shares(seed: int) -> Mapping[sp.Symbol, float]:
    """Residuals of steps that take off no less of the loss than is said, and how far nodes move with them."""
    rng = np.random.default_rng(seed)
    least, count = rng.choice([0.02, rng.random(), 1.0]), int(rng.integers(1, 40))
    falls = np.sqrt(1 - (least + (1 - least) * rng.random(count) * (rng.random(count) < 0.2)))
    sizes = rng.exponential(1) * np.concatenate([[1.0], np.cumprod(falls)])
    n, d, _ = of.sizes(rng)
    inputs, step = of.inputs_of(rng, n, d), rng.exponential(1)
    # every step moves a node by eta |X'D r|/sqrt d, over sqrt(lambda_j)
    path = sum((step * inputs.T @ (rng.uniform(0, 1, n) * _along(rng, inputs, size)) / np.sqrt(d) for size in sizes), np.zeros(d))  # fmt: skip
    return {
        g: least, r0.r_0: sizes[0], lengths: sizes.sum(), moved: np.linalg.norm(path), eta: step, s.d: d,
        s.s_X: np.linalg.norm(inputs, 2) ** 2,
    }  # fmt: skip


def _along(rng: np.random.Generator, inputs: np.ndarray, size: float) -> np.ndarray:
    """Return a residual of that size, along the inputs' first singular vector or any."""
    found = np.linalg.svd(inputs)[0][:, 0] if rng.random() < 0.5 else rng.standard_normal(len(inputs))
    return size * found / np.linalg.norm(found)


_ROOT = sp.sqrt(1 - g)
_SIGN = {"positive": 0, "share": 0}
_PATH = sp.sqrt(s.s_X / s.d)
PATH = of.lemma(
    "all steps", {"gain": Bound(eta * level, g), "share": Bound(g, sp.S.One)},
    combine("positive", "a step takes something off", Bound(sp.S.Zero, g, strict=True), {"gain": 1, REST: eta * level}),
    combine("root", "sqrt(1 - g) <= 1 - g/2, by (1 - sqrt(1 - g))^2 >= 0", Bound(_ROOT, 1 - g / 2), {REST: (1 - _ROOT) ** 2 / 2, **_SIGN}),
    sampled("geometric series", "|r_l| <= (1 - g)^(l/2) |r_0|, summed", Bound(lengths * (1 - _ROOT), r0.r_0), _shares, "positive", "share"),
    combine("sum", "so the sum is at most 2 |r_0|/g", Bound(lengths * g / 2, r0.r_0), {"geometric series": 1, "root": lengths}),
    combine("of mu", "and at most 2 |r_0|/(eta mu)", Bound(lengths * eta * level / 2, r0.r_0), {"sum": 1, "gain": lengths / 2}),
    sampled("nodes", "a step moves node j by at most eta sqrt(lambda_j s_X/d) |r| (L1)", Bound(moved, eta * _PATH * lengths), _shares),
    combine("together", "all steps, however many", Bound(moved, 2 * _PATH * r0.r_0 / level), {"nodes": 1, "of mu": 2 * _PATH / level}),
)  # fmt: skip

# --- how far the Jacobian moves over a step --------------------------------------------------------------


def _bent(seed: int) -> Mapping[sp.Symbol, float]:
    """A step of a tanh network on inputs in the unit ball: the mean Jacobian over it (midpoints) and the one at its start."""
    rng = np.random.default_rng(seed)
    n, d, m = of.sizes(rng)
    inputs, weights = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 10 ** rng.uniform(-1, 0.5)
    inputs /= np.maximum(np.linalg.norm(inputs, axis=1), 1)[:, None]
    outer = np.sqrt(rng.dirichlet(np.ones(m))) * rng.choice([-1, 1], m)
    residual, step = _along(rng, inputs, rng.exponential(1)), rng.exponential(1)

    def slopes(at: np.ndarray) -> np.ndarray:
        return 1 - np.tanh(inputs @ at.T / np.sqrt(d)) ** 2

    change = step * (slopes(weights) * outer).T @ (residual[:, None] * inputs) / np.sqrt(d)
    mean = np.mean([slopes(weights + (k + 0.5) / 40 * change) for k in range(40)], axis=0) - slopes(weights)
    gram = inputs @ inputs.T * ((mean * outer**2) @ mean.T) / d
    return {
        jump: np.sqrt(max(np.linalg.eigvalsh(gram)[-1], 0.0)), eta: step, r_w: np.linalg.norm(residual), r2.M: 4 / (3 * np.sqrt(3)),
        s.n: n, s.d: d, s.s_X: np.linalg.norm(inputs, 2) ** 2, s.Lambda_2: np.sum(outer**4),
    }  # fmt: skip


_half = sp.Symbol("t", real=True)
BEND = of.lemma(
    "a step of a smooth network", {"unit ball": Bound(s.largest_norm, sp.S.One), "unit slope": Bound(r0.slope, sp.S.One)},
    of.LAGRANGE,
    identity("mean", "the mean over a step of what grows with it is half of the whole", sp.Integral(_half, (_half, 0, 1)), sp.Rational(1, 2)),
    sampled("Lipschitz", "|J(W) - J(W')|^2 <= (n M^2/d^2) sum_j lambda_j |w_j - w'_j|^2, and a step moves node j by at most eta sqrt(lambda_j s_X/d) |r|",
        Bound(jump, eta * r3.BEND * r_w), _bent, "Cauchy and Schwarz", "mean", "unit ball", "unit slope"),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (GAIN, PATH, BEND)

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
