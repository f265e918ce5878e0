"""Prop R0 as a certificate: the card's test and conclusions, with every number of one network proved.

Where the card asks for ``sup |s'| <= 1`` and node scales that sum to 1, the certificate takes the
network's own numbers: a slope of at most L moves nodes as a residual L times as large would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb, ctx

from theorycheck.certify import build
from theorycheck.certify.gram import Enclosed, residual_norm, sum_above, with_inputs
from theorycheck.certify.layer import draw_layer
from theorycheck.certify.problem import Problem, Progress, norms, squared_spectral_norm
from theorycheck.certify.recipe import Conclusion, Dynamics, Found, Recipe, evaluate, named, passes
from theorycheck.certify.rounding import OUTWARD, UNIT, above, below
from theorycheck.certify.sums import Sums, products, start
from theorycheck.constants import curvature_bound, slope_bound
from theorycheck.data import BadInput
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import ASYMMETRIC
from theorycheck.theorems._data import data_of, keyword_example
from theorycheck.theorems.caron2023 import r0
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.instances import DATA, FLAGS

#: values of theta that are tried first, then as many around the largest that passes: it gives the best rate (errata W2)
THETAS = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.3, 0.2)
_FINE = 8

_LIMIT = r0.mass * s.s_X / s.d
_SLOPED = {r0.r_0: r0.slope * r0.r_0}
REACH_SMOOTH = r0.REACH.subs(_SLOPED)
SPREAD_SMOOTH = r0.SPREAD_SMOOTH.subs(_SLOPED)


def _tests(test: sp.Expr) -> tuple[tuple[str, Bound], ...]:
    given = {one.label: one.bound for one in r0.R0.assumptions}
    names = ("gamma positive", "theta in (0, 1)", "uniform Gram definite")
    return (*((name, given[name]) for name in names), ("test", Bound(test, r0.TEST_RIGHT)))


def _conclusions(reach: sp.Expr, change: sp.Expr) -> tuple[Conclusion, ...]:
    return (
        Conclusion("least", "the least eigenvalue of the tangent Gram, at all times t >= 0", "at least", r0.MU),
        Conclusion("rate", "rate: loss(t) <= exp(-rate t) loss(0) for all t >= 0", "at least", 2 * r0.MU),
        Conclusion("reach", "reach: |w_j(t) - w_j(0)| <= reach sqrt(lambda_j) for all j and t >= 0", "at most", reach),
        Conclusion(
            "change", "the spectral norm of the tangent Gram's change, at all times t >= 0", "at most", change
        ),
    )  # fmt: skip


# --- evidence --------------------------------------------------------------------------------


def _shared(problem: Problem, sums: Sums) -> dict[sp.Symbol, float]:
    """Return the evidence that both versions need, as doubles on the safe side."""
    scales, m, d = problem.layer.scales, problem.m, problem.d
    uniform = with_inputs(problem, sums.slopes, sums.slopes_radius).times(1 / (m * d))
    with ctx.workprec(128):
        evenly = below(arb(m) * arb(float(scales.min())))
        residual = residual_norm(problem, sums, problem.inner() if problem.activation.leak == 0.0 else arb(1))
    return {
        s.n: float(problem.n),
        s.d: float(d),
        s.m: float(m),
        s.gamma: evenly,
        r0.kappa_hat: max(uniform.least(), 0.0),
        r0.r_0: residual,
        s.s_X: squared_spectral_norm(problem),
        r0.mass: sum_above(scales),
    }


def _start(problem: Problem, progress: Progress) -> Sums:
    if problem.neuron != ASYMMETRIC:
        raise BadInput("this theorem speaks of f = sum_j sqrt(lambda_j) a_j s(w_j . x / sqrt d)")
    if not np.all(np.abs(problem.layer.signs) == 1) or not np.all(problem.layer.scales > 0):
        raise BadInput("output weights must be 1 or -1 and node scales positive")
    return start(problem, np.sqrt(problem.layer.scales) * problem.layer.signs, np.ones(problem.m), progress)


#: names of the evidence in a certificate's file
_SHARED = {"gamma": s.gamma, "kappa_hat": r0.kappa_hat, "r_0": r0.r_0, "s_X": s.s_X, "mass": r0.mass}
_RELU = _SHARED | {"flips": r0.flips, "heavy_flips": r0.heavy_flips}
_SMOOTH = _SHARED | {"mass_2": s.Lambda_2, "fourth": r0.fourth, "slope": r0.slope, "curvature": r0.M}


def search_relu(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather R0's evidence for ReLU; of the thetas that pass, the largest is taken."""
    if problem.activation.leak != 0.0:
        raise BadInput(f"caron2023.r0 is about ReLU; for {problem.activation.name} take caron2023.r0_smooth")
    values = _shared(problem, _start(problem, progress))
    given = problem.fixed.get("theta", 0.0)
    best = values | {r0.theta: given or 0.5, r0.flips: math.inf, r0.heavy_flips: math.inf}
    if values[r0.kappa_hat] > 0 and values[s.gamma] > 0 and math.isfinite(values[r0.r_0]):
        thetas = (given,) if given else THETAS
        best = _best_theta(problem, values, thetas, best, progress)
        if not given and passes(R0.tests["flow"], best):
            step = (min((one for one in (*THETAS, 1.0) if one > best[r0.theta]), default=1.0) - best[r0.theta]) / _FINE
            finer = tuple(best[r0.theta] + k * step for k in range(_FINE - 1, 0, -1))
            best = _best_theta(problem, values, finer, best, progress)
    return Found({"theta": best[r0.theta]}, named(best, _RELU), best)


Values = dict[sp.Symbol, float]


def _best_theta(problem: Problem, values: Values, thetas: Sequence[float], best: Values, progress: Progress) -> Values:
    """Return the evidence with the largest of these thetas that passes, or else what comes closest."""
    masses = flip_masses(problem, [_reach(values, theta) for theta in thetas], progress)
    for theta, (uniform, heavy) in zip(thetas, masses, strict=True):
        tried = values | {
            r0.theta: theta,
            r0.flips: float(np.linalg.eigvalsh(uniform.matrix)[-1]),
            r0.heavy_flips: math.inf,
        }
        if tried[r0.flips] <= (1 - theta) ** 2 * values[r0.kappa_hat]:  # worth a proof
            tried |= {r0.flips: _positive(uniform), r0.heavy_flips: _positive(heavy)}
            if passes(R0.tests["flow"], tried):
                return tried
        if not passes(R0.tests["flow"], best):
            best = min(best, tried, key=_excess)
    return best


def _positive(matrix: Enclosed) -> float:
    return max(matrix.largest(), 2.0**-1000)


def _excess(values: dict[sp.Symbol, float]) -> float:
    return values[r0.flips] / (1 - values[r0.theta]) ** 2


def _reach(values: dict[sp.Symbol, float], theta: float) -> float:
    with ctx.workprec(128):
        return above(evaluate(r0.REACH, values | {r0.theta: theta}))


def flip_masses(problem: Problem, reaches: Sequence[float], progress: Progress) -> list[tuple[Enclosed, Enclosed]]:
    """Return M_F with weights 1/m and with weights lambda_j for each reach, in one pass.

    A gate is counted as soon as rounding cannot exclude that it flips.
    """
    n, d, m = problem.n, problem.d, problem.m
    even, heavy = np.zeros((len(reaches), n, n)), np.zeros((len(reaches), n, n))
    upper = norms(problem)[1][:, None]
    bounds = np.asarray(reaches) * (1 + 4 * UNIT)
    for block in products(problem, progress, "gates that can flip"):
        scales = problem.layer.scales[block.place]
        nearest = np.maximum(np.abs(block.products) - block.error, 0.0) / (upper * np.sqrt(scales)) * (1 - 16 * UNIT)
        hit = nearest.min(axis=0) <= bounds.max(initial=0.0)
        nearest, scales = nearest[:, hit], scales[hit]
        for k, bound in enumerate(bounds):
            touched = (nearest <= bound).astype(float)
            even[k] += touched @ touched.T  # counts: exact
            heavy[k] += (touched * scales) @ touched.T
    return [
        (
            with_inputs(problem, even[k], 0.0, absolute=True).times(1 / (m * d)),
            with_inputs(problem, heavy[k] * OUTWARD, float(heavy[k].max()) * 2.0**-27, absolute=True).times(1 / d),
        )
        for k in range(len(reaches))
    ]


def search_smooth(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather R0's evidence for smooth activations; theta = 2/3 decides, the largest that passes is taken."""
    if problem.activation.leak is not None:
        raise BadInput("caron2023.r0_smooth is about smooth activations; for relu take caron2023.r0")
    values = _shared(problem, _start(problem, progress))
    upper = norms(problem)[1]
    values |= {
        s.Lambda_2: sum_above(problem.layer.scales, 2),
        r0.fourth: sum_above(upper, 4),
        r0.slope: slope_bound(problem.activation).upper,
        r0.M: max(curvature_bound(problem.activation).upper, 2.0**-1000),
    }
    theta = problem.fixed.get("theta", 0.0) or _largest(values)
    values[r0.theta] = theta
    return Found({"theta": theta}, named(values, _SMOOTH), values)


def _largest(values: dict[sp.Symbol, float]) -> float:
    """Return the largest theta that passes, by bisection beyond 2/3, where theta^2 (1 - theta) falls."""
    low, high = 2 / 3, 1.0
    if not passes(R0_SMOOTH.tests["flow"], values | {r0.theta: low}):
        return low
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if passes(R0_SMOOTH.tests["flow"], values | {r0.theta: middle}) else (low, middle)
    return low


# --- examples --------------------------------------------------------------------------------

_SIZE = (Annotated[int, "number of hidden nodes"], 4096)
_DRAW = (Annotated[int, "which draw of the weights, from 0"], 0)
_NAMES = ("n", "d", "gamma", "alpha", "theta", "residual")


def _problem(flags: dict[str, Any]) -> Problem:
    if flags["m"] < 1:
        raise BadInput(f"--m must be at least 1, not {flags['m']}: this theorem tests a given width")
    if not 0 <= flags["theta"] < 1:
        raise BadInput(f"--theta must lie in (0, 1), or be 0 to search the best, not {flags['theta']:g}")
    inputs, labels, notes = data_of(flags)
    nodes = {"law": "asymmetric", "gamma": flags["gamma"], "alpha": flags["alpha"]}
    seed = [flags["seed"], flags["draw"]] if flags["draw"] else flags["seed"]
    if not 0 <= flags["gamma"] <= 1:
        raise BadInput(f"gamma must lie in [0, 1], not {flags['gamma']:g}: it is the share that is spread evenly")
    problem = Problem(
        ASYMMETRIC, read_activation(flags.get("activation", "relu")), inputs, labels,
        draw_layer(flags["m"], inputs.shape[1], seed, nodes=nodes),
        fixed={"theta": flags["theta"]} if flags["theta"] else {}, made={"flags": flags}, notes=notes,
    )  # fmt: skip
    return build.near_output(problem, flags["residual"], np.sqrt(problem.layer.scales) * problem.layer.signs)


def _example(*own: str) -> Any:
    table = {"m": _SIZE, **{name: FLAGS[name] for name in (*_NAMES, *own)}, **DATA, "draw": _DRAW}
    return keyword_example(_problem, table, Problem)


_KNOBS = {"gamma": (1.0, 0.9, 0.7, 0.5, 0.3)}
_SPREAD = r0.heavy_flips

R0 = Recipe(
    label=r0.R0.label,
    title=r0.R0.title,
    reference=r0.R0.reference,
    standing=r0.R0.standing,
    tests={"flow": _tests(r0.flips)},
    conclusions={"flow": _conclusions(r0.REACH, sp.Min(_SPREAD + 2 * sp.sqrt(_SPREAD * _LIMIT), _LIMIT))},
    search=search_relu,
    example=_example(),
    knobs=_KNOBS,
)

R0_SMOOTH = Recipe(
    label=r0.R0_SMOOTH.label,
    title=r0.R0_SMOOTH.title,
    reference=r0.R0_SMOOTH.reference,
    standing=r0.R0_SMOOTH.standing,
    tests={"flow": _tests(r0.TEST_SMOOTH.subs(_SLOPED))},
    conclusions={"flow": _conclusions(REACH_SMOOTH, SPREAD_SMOOTH + 2 * r0.slope * sp.sqrt(SPREAD_SMOOTH * _LIMIT))},
    search=search_smooth,
    example=_example("activation"),
    knobs=_KNOBS,
)

CERTIFICATES: tuple[Recipe, ...] = (R0, R0_SMOOTH)
