"""Proofs of every dual activation in closed form, from its definition as a double integral.

Let D_s(rho) = E s(u) s(v), where u and v are centred Gaussians with variances q_u, q_v and correlation rho. Price's theorem
(1958) is dD_s/drho = sqrt(q_u q_v) D_{s'}. So the dual of relu comes from that of a step, and that of a step from the
density at the origin; erf and gelu come from Gaussians; sine from E cos(u - v) and E cos(u + v), which are multiples of
their own derivatives. Each proof shows the theorem for its own s: the two integrands differ by a divergence. Polynomials
SymPy integrates. Run it: ``python proofs/dual_kernels.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp
from _dual_parts import (
    DENSITY,
    PATH,
    SCALE,
    Fields,
    U,
    V,
    added,
    attacked,
    by_parts,
    changes,
    fixed,
    kappa,
    moved,
    price,
    reduced,
    u,
    v,
)

from theorycheck.proof import Proof, of_derivation
from theorycheck.proof_steps import apply, identity
from theorycheck.report_proof import run
from theorycheck.statement import Bound, Derivation
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.canonical import Z
from theorycheck.symbolic.gaussian import QU, QV, RHO, Q, definition, dual, mean

#: the label of the step that takes over what another proof has shown
KNOWN = "known"
DIRAC = sp.DiracDelta(Z)
WHOLE = definition(sp.S.One, sp.S.One)


def derived(expr: sp.Expr, name: str) -> Derivation:
    """Return the dual that the rules derive."""
    found = dual(expr, name)
    assert found is not None
    return found


def at_zero(expr: sp.Expr) -> sp.Expr:
    """Return the product of the two means, which is the dual at rho = 0."""
    one = mean(expr)
    assert one is not None
    return one.xreplace({Q: QU}) * one.xreplace({Q: QV})


def pair(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """Return ``s(u) t(v)``."""
    return left.xreplace({Z: U}) * right.xreplace({Z: V})


def directly(expr: sp.Expr, name: str) -> Proof:
    """Return the proof for a polynomial."""
    found = derived(expr, name)
    step = identity(
        "moments", "Gaussian moments, one variable after the other", found.definition, found.closed_form, "quadrature"
    )
    return of_derivation(found, attacked(found), step)


def from_slope(expr: sp.Expr, name: str, slope: sp.Expr, known: Proof) -> Proof:
    """Return the proof that takes over the dual of the slope."""
    found = derived(expr, name)
    takes = apply(KNOWN, "the dual of the slope", known.lemma, {}, {})
    steps = changes(found, moved(price(pair(expr, slope))), {KNOWN: (SCALE, takes.bound)}, at_zero(expr))
    return of_derivation(found, takes, *steps)


# --- steps, and what has a kink ----------------------------------------------------------------------------

_dirac = derived(DIRAC, "density at the origin")
ORIGIN = of_derivation(
    Derivation(_dirac.name, (QU, QV, kappa), _dirac.closed_form.xreplace({RHO: PATH}), _dirac.definition.xreplace({RHO: PATH})),
    identity(
        "density", "E delta(u) delta(v), the density of (u, v) at 0, for rho = kappa/sqrt(1 + kappa^2)",
        _dirac.definition.xreplace({RHO: PATH}), _dirac.closed_form.xreplace({RHO: PATH}),
    ),
)  # fmt: skip


def from_jump(expr: sp.Expr, name: str) -> Proof:
    """Return the proof for ``a + b Heaviside``, whose slope is b times a DiracDelta."""
    found, jump = derived(expr, name), expr.coeff(sp.Heaviside(Z))
    takes = apply(KNOWN, "E delta(u) delta(v)", ORIGIN.lemma, {}, {})
    known = {KNOWN: (jump**2 * SCALE, Bound(_dirac.definition, _dirac.closed_form))}
    return of_derivation(found, takes, *changes(found, moved(price(pair(expr, jump * DIRAC))), known, at_zero(expr)))


def with_kink(name: str) -> tuple[Proof, Proof]:
    """Return the proofs for the slope, which is a step, and for the activation."""
    s = ACTIVATIONS[name]
    slope = from_jump(s.slope, f"{name} slope")
    return slope, from_slope(s.expr, name, s.slope, slope)


# --- Gaussians, and what they are the slopes of ----------------------------------------------------------


def lowered(slope: sp.Expr, rate: sp.Expr) -> tuple[sp.Expr, sp.Expr, Fields]:
    """Return what is left by parts of ``s(u) s(v)`` for a polynomial times ``exp(-rate z^2)``: a multiple, and a field."""
    polynomial = sp.powsimp(sp.expand(slope * sp.exp(rate * Z**2)))
    return by_parts(polynomial.xreplace({Z: u}) * polynomial.xreplace({Z: v}), rate)


def times_all(factor: sp.Expr, fields: Fields) -> Fields:
    """Return a field times a factor."""
    return {g: sp.Add(*[factor * term for term in sp.Add.make_args(part)]) for g, part in fields.items()}


def erf_slope() -> Proof:
    """Return the proof for k exp(-z^2): E uv s(u) s(v) is a multiple of E s(u) s(v), by parts."""
    s = ACTIVATIONS["erf"].slope
    found, k = derived(s, "erf slope"), s.xreplace({Z: sp.S.Zero})
    times, multiple, rest = lowered(s.diff(Z), sp.S.One)
    fields = added(times_all(times, price(pair(s, s.diff(Z)))), times_all(SCALE, rest))
    return of_derivation(found, *changes(found, moved(fields, SCALE * multiple / k**2, times), {}, at_zero(s)))


def gelu_curvature(gaussian: Proof) -> Proof:
    """Return the proof for the slope of gelu's slope, a polynomial times exp(-z^2/2)."""
    s, k = ACTIVATIONS["gelu"].slope.diff(Z), ACTIVATIONS["erf"].slope.xreplace({Z: sp.S.Zero})
    found = derived(s, "gelu curvature")
    times, multiple, rest = lowered(s, sp.Rational(1, 2))
    takes = apply(KNOWN, "the dual of a Gaussian", gaussian.lemma, {QU: QU / 2, QV: QV / 2}, {})
    return of_derivation(found, takes, *reduced(found, fixed(rest, times), {KNOWN: (multiple / k**2, takes.bound)}))


ERF_SLOPE = erf_slope()
GELU_CURVATURE = gelu_curvature(ERF_SLOPE)
GELU_SLOPE = from_slope(ACTIVATIONS["gelu"].slope, "gelu slope", ACTIVATIONS["gelu"].slope.diff(Z), GELU_CURVATURE)
ERF = from_slope(ACTIVATIONS["erf"].expr, "erf", ACTIVATIONS["erf"].slope, ERF_SLOPE)
GELU = from_slope(ACTIVATIONS["gelu"].expr, "gelu", ACTIVATIONS["gelu"].slope, GELU_SLOPE)

# --- what is a multiple of its own derivative ------------------------------------------------------------


def exponential(expr: sp.Expr, name: str) -> Proof:
    """Return the proof for the exponential, which is its own slope."""
    found = derived(expr, name)
    return of_derivation(found, *changes(found, moved(price(pair(expr, expr)), SCALE), {}, at_zero(expr)))


def cosine(sign: int) -> Proof:
    """Return the proof of E cos(u - sign v), a wave along the diagonal."""
    sine, cosines = sp.sin(Z), sp.cos(Z)
    function = pair(cosines, cosines) + sign * pair(sine, sine)
    by_v = sign * pair(sine, cosines) - pair(cosines, sine)
    name, even = ("difference", "sum")[sign < 0], sp.exp(-(QU + QV) / 2)
    found = Derivation(
        f"cosine of the {name}",
        (QU, QV, RHO),
        even * sp.exp(sign * SCALE * RHO),
        WHOLE.func(function * DENSITY, *WHOLE.limits),
    )
    return of_derivation(found, *changes(found, moved(price(by_v), sign * SCALE), {}, even))


WAVES = {1: cosine(1), -1: cosine(-1)}


def wave(name: str, expr: sp.Expr, slope: sp.Expr, sign: int) -> Proof:
    """Return the proof for a sine or cosine: the dual of its slope is half of both waves, the second with a sign."""
    found = derived(expr, name)
    takes = [apply(known.name, "of cosines", known.lemma, {}, {}) for known in WAVES.values()]
    parts = {step.label: (SCALE / 2 * times, step.bound) for step, times in zip(takes, (1, sign), strict=True)}
    return of_derivation(found, *takes, *changes(found, moved(price(pair(expr, slope))), parts, at_zero(expr)))


# --- means -------------------------------------------------------------------------------------------------

_g = sp.Symbol("g", real=True)


def means() -> Iterator[Proof]:
    """Yield the proofs of the means in one variable, except those of odd functions, which are 0."""
    for name, s in ACTIVATIONS.items():
        for expr, label in ((s.slope, f"{name} slope mean"), (s.expr, f"{name} mean")):
            closed = mean(expr)
            if closed is None or closed == 0:
                continue
            integral = sp.Integral(
                expr.xreplace({Z: sp.sqrt(Q) * _g}) * sp.exp(-(_g**2) / 2) / sp.sqrt(2 * sp.pi), (_g, -sp.oo, sp.oo)
            )
            step = identity("mean", "one integral in one variable", integral, closed)
            yield of_derivation(Derivation(label, (Q,), closed, integral), step)


def both(name: str, make: Callable[[sp.Expr, str], Proof]) -> tuple[Proof, Proof]:
    """Return the proofs for the slope of an activation and for itself."""
    s = ACTIVATIONS[name]
    return make(s.slope, f"{name} slope"), make(s.expr, name)


PROOFS: tuple[Proof, ...] = (
    *both("identity", directly), *both("square", directly),
    ORIGIN, *with_kink("relu"), *with_kink("leaky_relu"), *with_kink("abs"),
    ERF_SLOPE, ERF, GELU_CURVATURE, GELU_SLOPE, GELU, *both("exponential", exponential),
    *WAVES.values(),
    wave("sine slope", ACTIVATIONS["sine"].slope, ACTIVATIONS["sine"].slope.diff(Z), -1),
    wave("sine", ACTIVATIONS["sine"].expr, ACTIVATIONS["sine"].slope, 1),
    *means(),
)  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
