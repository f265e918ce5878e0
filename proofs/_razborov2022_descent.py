"""Proofs of R0 for gradient descent (razborov2022, section 3.1), and of R1 with it.

With u = J_0'r, v = J'r = u + e and w = Jm'r = u + f (Jm: the mean of J over a step) a step takes r to r - Jm v. Descent runs
along a polygon, a continuous path; ``D_w``, ``g_w``, ``h_w`` are what is seen while it is no longer than the theorem says.
"""

from __future__ import annotations

from collections.abc import Mapping

import _razborov2022_flow as flow
import numpy as np
import sympy as sp

from theorycheck import measure, textbook
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Quantity, Theorem
from theorycheck.theorems.razborov2022 import jacobians, meta
from theorycheck.theorems.razborov2022 import r1_descent as gd
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t

q = sp.Symbol("q", positive=True)
g, g_w, h, h_w = sp.symbols("g g_w h h_w", nonnegative=True)
D_w, L_w, length, epsilon = flow.D_w, flow.L_w, flow.length, flow.epsilon

_TESTS = dict(t.TESTS_R1["descent"])
RANGE, STEP, DEFINITE = "c in (0, sqrt 2 - 1)", "step size", "K_0 definite"
#: the path with q for Q, which no engine needs to see the sign of
PATH = 2 * (1 + t.c) * t.r_0 / (q * t.alpha)
#: what a step takes off the residual per length
SPEED = q * t.alpha / (2 * (1 + t.c))
_LARGEST = sp.sqrt(2) - 1
SIGNS = ("c positive", "c below", DEFINITE)


def signs(given: str = "", named: str = RANGE) -> tuple[Step, ...]:
    """Return the steps that say the sign of c: c k = c^2 + c (k - c) and (k - c) k = (k - c)^2 + c (k - c), k = sqrt 2 - 1."""
    known = f"{given}{named}"
    return (
        combine("c positive", "a product of two numbers whose sum is positive", Bound(sp.S.Zero, t.c, strict=True), {known: 1 / _LARGEST, REST: t.c**2 / _LARGEST}),
        combine("c below", "the other one", Bound(t.c, _LARGEST, strict=True), {known: 1 / _LARGEST, REST: (_LARGEST - t.c) ** 2 / _LARGEST}),
    )  # fmt: skip


SIGNED = signs()

# --- one step -----------------------------------------------------------------------------------------

_u, _e, _f, _r = (sp.symbols(f"{name}_1:3", real=True) for name in "uefr")
_A = sp.Matrix(2, 2, sp.symbols("A_11 A_12 A_21 A_22", real=True))
_S, _x, _y = sp.Symbol("S", nonnegative=True), sp.Symbol("x_1", nonnegative=True), sp.Symbol("y_1", nonnegative=True)


def _dot(a: tuple[sp.Expr, ...], b: tuple[sp.Expr, ...]) -> sp.Expr:
    return sum((one * other for one, other in zip(a, b, strict=True)), sp.S.Zero)


def _plus(a: tuple[sp.Expr, ...], b: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
    return tuple(one + other for one, other in zip(a, b, strict=True))


def _squares(a: tuple[sp.Expr, ...]) -> sp.Expr:
    return _dot(a, a)


_V, _W = _plus(_u, _e), _plus(_u, _f)
_moved = tuple(_A * sp.Matrix(_V))
EXPANDED = identity(
    "expanded", "|r - A v|^2 = |r|^2 - 2 (A'r).v + |A v|^2, A = Jm",
    _squares(tuple(one - other for one, other in zip(_r, _moved, strict=True))), _squares(_r) - 2 * _dot(tuple(_A.T * sp.Matrix(_r)), _V) + _squares(_moved),
)  # fmt: skip
_scaled = tuple(t.c * part for part in _u)
_UU, _EE, _FF = _squares(_u), _squares(_e), _squares(_f)
_INNER = _UU - t.c * _UU - (_EE + _FF) / (2 * t.c) - (_EE + _FF) / 2
PRODUCT = combine(
    "product", "v.w >= |u|^2 - c |u|^2 - (|e|^2 + |f|^2)(1 + 1/c)/2, by |c u + e|^2, |c u + f|^2, |e + f|^2 >= 0",
    Bound(_INNER, _dot(_V, _W)),
    {REST: _squares(_plus(_scaled, _e)) / (2 * t.c) + _squares(_plus(_scaled, _f)) / (2 * t.c) + _squares(_plus(_e, _f)) / 2, "c positive": 0},
)  # fmt: skip
_LONG = (1 + t.c) * _UU + (1 + 1 / t.c) * _EE
SIZE = combine(
    "size", "|v|^2 <= (1 + c)|u|^2 + (1 + 1/c)|e|^2, by |c u - e|^2 >= 0",
    Bound(_squares(_V), _LONG), {REST: _squares(tuple(a - b for a, b in zip(_scaled, _e, strict=True))) / t.c, "c positive": 0},
)  # fmt: skip
_LEAST = 2 * (1 - t.c - (t.c**2 - _x + t.c**2 - _y) * (1 + 1 / t.c) / 2) - _S * (
    1 + t.c + (1 + 1 / t.c) * (t.c**2 - _x)
)
TOGETHER = combine(
    "within c", "with |u| = 1, |e|^2 = c^2 - x, |f|^2 = c^2 - y: 2 v.w - S |v|^2 >= 2 (1 - 2c - c^2) - S (1 + c)^2",
    Bound(2 * (1 - 2 * t.c - t.c**2) - _S * (1 + t.c) ** 2, _LEAST), {REST: (1 + 1 / t.c) * (_x + _y + _S * _x), "c positive": 0},
)  # fmt: skip
_gap = sp.Symbol("R_0", positive=True)
RAYLEIGH = combine(
    "Rayleigh", "|u|^2 = r'K_0 r >= alpha^2 |r|^2, in K_0's eigenbasis with eigenvalues alpha^2 + e_i",
    Bound(t.alpha_squared * flow._SQUARE, t.alpha_squared * flow._SQUARE + flow._OVER), {REST: flow._OVER},
)  # fmt: skip
_LEFT = sp.Symbol("R_1", nonnegative=True)
NORMS = combine(
    "norms", "(|r|^2 - |r_1|^2)/(2 |r|) <= |r| - |r_1|, by (|r| - |r_1|)^2 >= 0",
    Bound((_gap**2 - _LEFT**2) / (2 * _gap), _gap - _LEFT), {REST: (_gap - _LEFT) ** 2 / (2 * _gap)},
)  # fmt: skip


def near(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Return J_0, J, Jm, r and c: random matrices within c alpha of J_0, or such as a step gains least with."""
    rng = np.random.default_rng(seed)
    n, k = (1, 1) if seed % 4 == 0 else sorted(rng.integers(1, 5, 2))
    start = rng.standard_normal((n, k)) * 10 ** rng.uniform(-0.3, 0.3, (n, 1))
    start *= rng.uniform(0.05, 1.2) / np.linalg.norm(start, 2)
    c, least = rng.uniform(0.01, 0.41), np.linalg.svd(start, compute_uv=False)[-1]
    residual = rng.standard_normal(n) if seed % 3 else np.linalg.svd(start)[0][:, -1]
    changes = [rng.standard_normal((n, k)) for _ in range(2)]
    if seed % 2 == 0:  # v shorter by all that is allowed, and Jm'r turned against it
        u = start.T @ residual
        changes = [-np.outer(residual, u), -np.outer(residual, u)]
    share = 1.0 if seed % 2 == 0 else rng.random()
    later = [start + c * least * share * change / np.linalg.norm(change, 2) for change in changes]
    return start, later[0], later[1], residual, c


def _one_step(seed: int) -> Mapping[sp.Symbol, float]:
    start, now, mean, residual, c = near(seed)
    values = np.linalg.svd(start, compute_uv=False)
    largest = (2 * (1 - 2 * c - c**2) - (values[0] + c * values[-1]) ** 2 * (1 + c) ** 2) * np.random.default_rng(seed).choice([1, 0.5])  # fmt: skip
    step = now.T @ residual
    after, before = np.linalg.norm(residual - mean @ step), np.linalg.norm(residual)
    if largest <= 0:  # the premise fails
        largest = np.nan
    return {
        t.alpha_squared: values[-1] ** 2, t.c: c, q: largest,
        g_w: 1 - (after / before) ** 2, h_w: (before - after) / np.linalg.norm(step),
    }  # fmt: skip


_CHANGED = {
    "little change": Bound(D_w, t.c * t.alpha),
    "q": Bound(q, t.Q),
    RANGE: _TESTS[RANGE],
    DEFINITE: _TESTS[DEFINITE],
}
_STANDS = ("expanded", "product", "size", "within c", "Rayleigh")
GAIN = flow.lemma(
    "one step, loss", _CHANGED, *SIGNED, EXPANDED, PRODUCT, SIZE, TOGETHER, RAYLEIGH,
    sampled("gain", "|r|^2 falls by 2 v.w - |Jm v|^2, |Jm|^2 <= S = (sqrt(Lambda_max) + c alpha)^2, at least q |u|^2; |e|, |f| <= c alpha |r| <= c |u|", Bound(q * t.alpha_squared, g_w), _one_step, *_STANDS, "c below", *_CHANGED),
)  # fmt: skip
FALL = flow.lemma(
    "one step, length", _CHANGED, *SIGNED, EXPANDED, PRODUCT, SIZE, TOGETHER, RAYLEIGH, NORMS,
    sampled("fall", "|r| falls by at least q |u|^2/(2 |r|), and the step |v| is at most (1 + c)|u|", Bound(SPEED, h_w), _one_step, *_STANDS, "norms", "c below", *_CHANGED),
)  # fmt: skip

# --- all steps ------------------------------------------------------------------------------------------

_ROOT = sp.sqrt(t.top) + t.c * t.alpha
_ABOVE = ((1 + t.c) * _ROOT**2 - 1) ** 2 + _ROOT**2 * (6 * t.c + 2 * t.c**2) + 1 + 2 * t.c


def _ends(seed: int) -> Mapping[sp.Symbol, float]:
    values = np.linalg.svd(near(seed)[0], compute_uv=False)
    return {t.alpha_squared: values[-1] ** 2, t.top: values[0] ** 2}


def _travelled(seed: int) -> Mapping[sp.Symbol, float]:
    """Residuals that fall by at least as much per length as is said, often by no more; the last step in part."""
    rng = np.random.default_rng(seed)
    values = {t.alpha_squared: rng.exponential(1), t.c: rng.uniform(0.01, 0.41), q: rng.uniform(0.01, 2)}
    least = float(SPEED.subs(values))
    lengths = rng.exponential(1, 6)
    falls = lengths * least * (1 + rng.exponential(1, 6) * (rng.random(6) < 0.3))
    left = rng.choice([0.0, rng.exponential(1)])
    return {
        **values,
        length: lengths.sum() + left / least * rng.choice([1, rng.random()]),
        h: (falls / lengths).min(),
        t.r_0: falls.sum() + left,
    }


LENGTH = flow.lemma(
    "polygon", {"fall": Bound(SPEED, h), "q": Bound(q, t.Q), RANGE: _TESTS[RANGE], DEFINITE: _TESTS[DEFINITE]}, *SIGNED,
    sampled("ends", "the least eigenvalue of K_0 is at most the largest", Bound(t.alpha, sp.sqrt(t.top)), _ends),
    combine("last step", "a step is at most R = sqrt(Lambda_max) + c alpha times |r|, which is no more than |r| allows: alpha q R <= q R^2 <= 2 (1 + c) (errata B5, I1: any q > 0)",
        Bound(t.alpha * q * _ROOT, 2 * (1 + t.c)), {"ends": q * _ROOT, "q": _ROOT**2, REST: q * _ROOT * t.c * t.alpha + _ABOVE, **dict.fromkeys(SIGNS, 0)}),
    sampled("length", "all steps added up are at most (|r_0| - |r_t|)/h, and the one under way at most |r_t| over the same", Bound(length, PATH), _travelled, "fall", "last step", "q"),
)  # fmt: skip

# --- R1, descent ----------------------------------------------------------------------------------------


def _falls(seed: int) -> Mapping[sp.Symbol, float]:
    """Shares that steps take off, none less than g, and what they take off on average."""
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0.01, 0.9) + rng.random(7) * 0.1 * (rng.random(7) < 0.7)
    return {g: shares.min(), gd.fallen: -np.log1p(-shares[: rng.integers(1, 8)]).mean()}


OF_CARD = signs(GIVEN)
DEFINED = define("q", "the gain", q, t.Q, f"{GIVEN}{STEP}")
_z = sp.Symbol("x", positive=True)
CARDS_PATH = monotone(
    "card's path", "with q for what it stands for", Bound(PATH, t.PATH["descent"]), "q",
    sp.Lambda(_z, PATH.xreplace({q: _z})), "c positive", "c below", f"{GIVEN}{DEFINITE}",
)  # fmt: skip
ROOM = combine("room", "which leaves room", Bound(PATH, PATH + epsilon, strict=True), {REST: epsilon, **dict.fromkeys(("c positive", "c below", f"{GIVEN}{DEFINITE}"), 0)})  # fmt: skip


def framed(test: str, change: sp.Expr, steps: tuple[Step, ...], *, gain: bool) -> tuple[Step, ...]:
    """Return the steps from a bound ``change`` of D_w, affine in ``length``, to what steps do while the path is short.

    ``steps`` end in one that is labelled ``change`` and says ``D_w <= change`` with :data:`PATH` for the length.
    """
    given = {name: f"{GIVEN}{name}" for name in (RANGE, DEFINITE)}
    little = {"little change": "little change", "q": "q", **given}
    return (
        *OF_CARD, DEFINED, CARDS_PATH, *steps,
        combine("little change", "by the test", Bound(D_w, t.c * t.alpha), {"change": 1, f"{GIVEN}{test}": 1, "card's path": sp.diff(change, length)}),
        *((apply("gain", "a step takes q alpha^2 of the loss", GAIN.lemma, {}, little),) if gain else ()),
        apply("fall", "and q alpha/(2 (1 + c)) of the residual per length", FALL.lemma, {}, little),
        apply("path", "so that the path is at most 2 (1 + c) |r_0|/(q alpha)", LENGTH.lemma, {h: h_w, length: L_w}, {"fall": "fall", "q": "q", **given}),
        ROOM,
    )  # fmt: skip


def for_ever(floor: sp.Expr, seen: sp.Symbol, ever: sp.Symbol, held: str) -> Step:
    """Return the step that what holds while the polygon stays in the ball holds for ever."""
    return apply(
        "for ever", "so it is never longer, and what was said holds for ever", textbook.BOOTSTRAP.lemma,
        {textbook.floor: floor, textbook.seen: seen, textbook.ever: ever, textbook.moved: L_w, textbook.better: PATH, textbook.radius: PATH + epsilon},
        {"while": held, "better": "path", "room": "room"}, "c positive", "c below", f"{GIVEN}{DEFINITE}",
    )  # fmt: skip


def contraction(card: Theorem, test: str, change: sp.Expr, *steps: Step) -> Proof:
    """Return the proof of the claim ``contraction`` of a card about descent."""
    return of_claim(
        card, "contraction", *framed(test, change, steps, gain=True), for_ever(q * t.alpha_squared, g_w, g, "gain"),
        combine("each step", "with q for what it stands for", Bound(gd.GAIN, g), {"for ever": 1, "q": -t.alpha_squared}),
        sampled("all steps", "1 - (L_k/L_0)^(1/k): the geometric mean of what steps leave is at most 1 - g", Bound(g, meta.TAKEN), _falls),
        combine("together", "one after the other", Bound(gd.GAIN, meta.TAKEN), {"each step": 1, "all steps": 1}),
        chain=("each step", "all steps"), quantities=(Quantity(g, "least share of the loss that a step takes off", least_gain),),
    )  # fmt: skip


def least_gain(run: Run) -> Measured:
    """Return the least ``1 - L_(k+1)/L_k`` over the steps that begin above rounding."""
    sizes = np.linalg.norm(measure.descended(run).residual, axis=1)
    doubt = 1e-13 * (float(np.linalg.norm(run.instance.labels)) + sizes[0]) / np.maximum(sizes, 1e-300)
    kept = doubt[:-1] < 1e-4
    left = (sizes[1:][kept] / sizes[:-1][kept]) ** 2
    k = int(np.argmax(left))
    return Measured(1 - left[k], 4 * doubt[:-1][kept][k])


def travelled(run: Run) -> Measured:
    """Return the length of the polygon in the rescaled parameters."""
    steps = run.descent.residual.shape[0] - 1 if run.descent else 0
    looked = jacobians.lengths(run.instance, steps)
    value = float(looked.sum())
    return Measured(value, 1e-9 * value)


def moved(
    card: Theorem, label: str, layer: sp.Symbol, rate: sp.Symbol, test: str, change: sp.Expr, *steps: Step
) -> Proof:
    """Return the proof of a claim that a layer moves at most sqrt(its rate) times the path."""
    path, given = t.PATH["descent"], {name: f"{GIVEN}{name}" for name in (RANGE, DEFINITE)}
    return of_claim(
        card, label, *framed(test, change, steps, gain=False), for_ever(SPEED, h_w, h, "fall"),
        apply("whole path", "a path of any number of steps", LENGTH.lemma, {}, {"fall": "for ever", "q": "q", **given}),
        sampled("layer", "a layer moves at most sqrt(its rate) times the path of the rescaled parameters", Bound(layer, sp.sqrt(rate) * length), flow._layer(layer, rate)),
        combine("scaled", "times sqrt(its rate)", Bound(sp.sqrt(rate) * length, sp.sqrt(rate) * path), {"whole path": sp.sqrt(rate), "card's path": sp.sqrt(rate)}),
        combine("together", "one after the other", Bound(layer, sp.sqrt(rate) * path), {"layer": 1, "scaled": 1}),
        chain=("layer", "scaled"), quantities=(Quantity(length, "length of the path of the rescaled parameters", travelled),),
    )  # fmt: skip


def of_descent(card: Theorem, change: Proof) -> tuple[Proof, ...]:
    """Return the proofs of a card about descent whose Jacobian changes as a lemma says, whose bound is affine in ``length``."""
    near_signs = ("c positive", "c below", f"{GIVEN}{DEFINITE}")
    step = apply("change", "while the path is no longer than that", change.lemma, {length: PATH}, {}, *near_signs)
    layers = (("weights", s.moved_W, t.eta_W), ("outer", s.moved_a, t.eta_a))
    bound = change.goal.rhs
    return (
        contraction(card, "test", bound, step),
        *(moved(card, *layer, "test", bound, step) for layer in layers),
    )


PROOFS: tuple[Proof, ...] = (GAIN, FALL, LENGTH, *of_descent(gd.R1_DESCENT, flow.CHANGE))

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
