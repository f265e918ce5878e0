"""How wide R2 of razborov2022 asks a network to be: the least m at which its conditions hold, by search in doubles.

The conditions (:mod:`.width_conditions`) are implicit in m: the scale of the output, the rates, ``rho_0``, ``Lambda`` and
``A`` depend on it. What a card or a certificate says of a width is judged there, in balls; this is for choosing it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb_mat, ctx
from scipy.optimize import brentq

from theorycheck.certify.recipe import Dynamics
from theorycheck.data import BadInput
from theorycheck.data_angles import parallel_pairs
from theorycheck.evidence import Certificate
from theorycheck.grams import Array, dual_balls, dual_matrix, least_of_limit
from theorycheck.spectrum import BALL_SIZE, PRECISION, least_eigenvalue
from theorycheck.symbolic.activations import activation
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022.certificates import guess
from theorycheck.theorems.razborov2022.normal_form import normal_form

#: width and dimension -> output scale and the two rates up to a common factor, in normal form
Scheme = Callable[[int, int], tuple[float, float, float]]
#: no width beyond this is looked at
MOST = 10**40
#: beyond this nothing is truncated in doubles
FAR = 36.0
#: widths are first tried in these steps, then bisected
_STEP = 1.3
_SLIP, _SLACK = 1e-12, 1e-9


@dataclass(frozen=True)
class Data:
    """What R2 asks of the inputs: sizes, norms rounded up, least eigenvalues of the limit Grams rounded down (4.1)."""

    n: int
    d: int
    norm: float
    frobenius: float
    least_W: float
    least_a: float


@lru_cache(maxsize=64)
def _least_of_values(data: bytes, shape: tuple[int, int]) -> Certificate:
    inputs, expr = np.frombuffer(data).reshape(shape), activation("relu").expr
    zero = not np.all(np.any(inputs != 0, axis=1))
    if zero or (len(inputs) > 1 and any(sign > 0 for _, _, sign in parallel_pairs(inputs))):
        return Certificate("a null vector is known", "an input is 0, or two are parallel", 0.0, 0.0)
    if len(inputs) <= BALL_SIZE:
        with ctx.workprec(PRECISION):
            rows = arb_mat(inputs.tolist())
            exact = dual_balls(expr, rows * rows.transpose())
        assert exact is not None
        return least_eigenvalue(exact)
    found = dual_matrix(expr, inputs, 1.0)
    if not np.all(np.isfinite(found.matrix)):
        return Certificate("not finite", "none", -math.inf, math.inf)
    return least_eigenvalue(found.matrix, found.error)


def least_of_values(inputs: Array) -> Certificate:
    """Enclose ``lambda_a``, the least eigenvalue of ``E s(X w) s(X w)'``: proved for up to 64 inputs.

    Exactly 0 where a null vector is known: an input is 0, or two are parallel.
    """
    inputs = np.ascontiguousarray(inputs, float)
    return _least_of_values(inputs.tobytes(), inputs.shape)


def data_of(inputs: Array) -> Data:
    """Return what R2 asks of inputs ``(n, d)``; a singular limit Gram has least eigenvalue 0 (errata B8).

    Raises
    ------
    BadInput
        If the inputs are no finite matrix.
    """
    inputs = np.asarray(inputs, float)
    if inputs.ndim != 2 or not inputs.size or not np.all(np.isfinite(inputs)):
        raise BadInput(f"inputs must be a finite matrix with a row for each sample, not of shape {inputs.shape}")
    found, _ = least_of_limit(activation("relu"), inputs, sp.S.One)
    low = float(found.value - found.error)
    return Data(
        len(inputs), inputs.shape[1], float(np.linalg.norm(inputs, 2)) * (1 + _SLIP), float(np.linalg.norm(inputs)) * (1 + _SLIP),
        max(low, 0.0) if math.isfinite(low) else 0.0, max(least_of_values(inputs).lower, 0.0),
    )  # fmt: skip


def truncation(data: Data) -> float:
    """Return u_0, the least at which the truncated features keep three quarters of ``lambda_a``; inf if that is 0 (B9)."""
    return truncated_at(data.frobenius, data.least_a)


def truncated_at(frobenius: float, least_a: float) -> float:
    """Return the same for given ``|X|_F`` and ``lambda_a``."""
    if not (least_a > 0 and math.isfinite(frobenius)):
        return math.inf
    known = {o.X_F: frobenius, o.lam_a: least_a}

    def excess(u: float) -> float:
        tail, allowed = (guess(side, {**known, o.u_0: u}) for side in (o.TAIL, o.TAIL_ALLOWED))
        return math.log(max(tail, 1e-300) / allowed)

    # u^2 exp(-u^2/2) rises up to sqrt 2 and falls beyond it, and lambda_a <= |X|_F^2/(2 n) is too small for a root below
    low, high = math.sqrt(2.0), FAR
    return float(brentq(excess, low, high, xtol=1e-12)) * (1 + 1e-9) if excess(high) < 0 else math.inf


def values_at(
    data: Data,
    label_norm: float,
    m: int,
    *,
    scheme: str | Scheme = "lecun",
    law: str = "signs",
    p: float = 0.01,
    c: float = 0.2,
    s: float = 0.25,
    mirrored: bool = False,
    dynamics: Dynamics = "descent",
    lazy: float = 1.0,
    used: tuple[bool, bool] | None = None,
) -> dict[sp.Symbol, float]:
    """Return a double for every symbol of R2's conditions at one width, the step chosen so that (e) holds with ``s``.

    The rates are the scheme's times a common factor at which ``(sqrt Lambda_bar + c alpha_*)^2 = s``; P is the least one, a
    little more. Both are NaN where neither Gram's floor is used: ``used`` says which are, by default all those that hold
    with probability ``1 - p/7``.
    """
    found = w.conditions(o.LAWS[law], mirrored, dynamics)
    scale, first, second = normal_form(scheme, m, data.d) if isinstance(scheme, str) else scheme(m, data.d)
    u_0 = truncation(data)
    values = {
        o.n: float(data.n), o.m: float(m), t.X_norm: data.norm, o.X_F: data.frobenius, o.lam_W: data.least_W,
        o.lam_a: data.least_a, o.u_0: u_0 if math.isfinite(u_0) else 1.0, t.kappa: scale * lazy, t.eta_W: first, t.eta_a: second,
        t.c: c, w.Y: label_norm, w.delta: p, w.use_W: 1.0, w.use_a: 1.0,
    }  # fmt: skip
    fair = p / w.EVENTS
    fine = guess(found.chance_W, values) <= fair, guess(found.chance_a, values) <= fair
    take_W, take_a = fine if used is None else used
    values[w.use_W] = float(take_W and data.least_W > 0 and first > 0)
    values[w.use_a] = float(take_a and math.isfinite(u_0) and second > 0)
    whole = math.sqrt(guess(found.top, values)) + c * math.sqrt(guess(found.alpha_squared, values))
    factor = s / whole**2 if values[w.use_W] + values[w.use_a] else math.nan
    values |= {t.eta_W: first * factor, t.eta_a: second * factor}
    values[w.P] = guess(found.path, values) * (1 + _SLACK) if math.isfinite(factor) else math.nan
    return values


def chosen_at(data: Data, label_norm: float, m: int, **chosen: Any) -> dict[sp.Symbol, float]:
    """Return :func:`values_at` of these keywords; where neither floor holds both are counted all the same.

    A card then says which premise fails, instead of having no numbers to say it with.
    """
    found = values_at(data, label_norm, m, **chosen)
    return found if math.isfinite(found[w.P]) else values_at(data, label_norm, m, used=(True, True), **chosen)


def ratio(values: dict[sp.Symbol, float], found: w.Conditions, closed: bool = False) -> float:
    """Return the main condition's left side over its right one, or the largest of (I), (II), (III) over m; inf for NaN."""
    if not math.isfinite(values[w.P]):
        return math.inf
    if closed:
        return max(guess(width, values) for width in found.closed.values()) / values[o.m]
    return guess(found.width.lhs, values) / guess(found.width.rhs, values)


def required(
    inputs: Array | Data,
    label_norm: float,
    *,
    scheme: str | Scheme = "lecun",
    law: str = "signs",
    p: float = 0.01,
    c: float = 0.2,
    s: float = 0.25,
    mirrored: bool = False,
    dynamics: Dynamics = "descent",
    closed: bool = False,
    lazy: float = 1.0,
) -> int:
    """Return the least width at which R2 promises convergence with probability ``1 - p``, for labels up to a norm.

    Parameters
    ----------
    inputs
        ``(n, d)``, or :func:`data_of` them.
    label_norm
        Y: the labels may be chosen after the weights, but their norm is at most this.
    scheme
        A name of :data:`~.normal_form.SCHEMES` (lecun, he, ntk, first, last ...), or ``(m, d) -> (kappa, eta_W, eta_a)`` in normal
        form; the rates matter up to a common factor, the step, which is chosen so that (e) holds with ``s``.
    law
        ``signs`` or ``normal``: the law of the output weights.
    c, s
        Share of alpha by which the Jacobian may move, and the bound on its squared norm (section 2; descent only).
    mirrored
        Neurons in pairs of equal rows and opposite output weights (the width is then even).
    closed
        The closed form (I), (II), (III) of errata A2 instead of the main condition.
    lazy
        Output scale times this, as for the certificates' examples.

    Returns
    -------
    int
        The least m of the first run of widths that pass, on a grid of ratio 1.3 refined by bisection.

    Raises
    ------
    BadInput
        If a parameter is out of range, or no width up to :data:`MOST` will do.

    Source: section 3.3 with errata A1, A2, B8, B9, I2 (joint ball), I3 (``S <= m``), I7 (flow).
    """
    _check_range(scheme, law, p, c, s, label_norm, dynamics)
    data = inputs if isinstance(inputs, Data) else data_of(inputs)
    found, pair = w.conditions(o.LAWS[law], mirrored, dynamics), 2 if mirrored else 1

    def passes(m: int) -> bool:
        at = values_at(
            data, label_norm, m, scheme=scheme, law=law, p=p, c=c, s=s, mirrored=mirrored, dynamics=dynamics, lazy=lazy
        )
        return ratio(at, found, closed) <= 1

    below, m = 0, 1
    while not passes(pair * m):
        below, m = m, math.ceil(m * _STEP)
        if m > MOST:
            raise BadInput(
                f"R2 asks for more than m = {MOST:.0e} neurons on these data: raise --delta or scale the labels down"
            )
    while m - below > 1:
        middle = (below + m) // 2
        below, m = (below, middle) if passes(pair * middle) else (middle, m)
    return pair * m


def _check_range(
    scheme: str | Scheme, law: str, p: float, c: float, s: float, label_norm: float, dynamics: Dynamics
) -> None:
    if isinstance(scheme, str):
        normal_form(scheme, 1, 1)  # says which there are
    if law not in o.LAWS:
        raise BadInput(f"the law of the output weights must be one of {', '.join(o.LAWS)}, not {law!r}")
    if not 0 < p < 1:
        raise BadInput(f"p must lie in (0, 1), not {p:g}: it is the allowed probability of failure")
    if not 0 <= label_norm < math.inf:
        raise BadInput(f"the labels' norm must be a finite number of at least 0, not {label_norm:g}")
    gain = 2 * (1 - 2 * c - c**2) - s * (1 + c) ** 2
    if not (0 < c < 1 and (dynamics == "flow" or (s > 0 and gain > 0))):
        raise BadInput(f"c = {c:g} and s = {s:g} leave a step no gain: take c in (0, 0.41) and a smaller s")
