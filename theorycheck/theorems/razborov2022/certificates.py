"""R1, R0 (smooth activations) and R0''' of razborov2022 as certificates, for gradient descent and gradient flow."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, ctx

from theorycheck.certify.gram import Enclosed, residual_norm, with_inputs
from theorycheck.certify.problem import Problem, Progress, norms
from theorycheck.certify.recipe import Dynamics, Found, Recipe, evaluate, named, passes
from theorycheck.certify.rounding import above
from theorycheck.certify.sums import start
from theorycheck.constants import curvature_bound, slope_bound
from theorycheck.data import BadInput
from theorycheck.spectrum import spectral_norm
from theorycheck.statement import Reference, Standing
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import EXAMPLE, EXAMPLE_SMOOTH, KNOBS
from theorycheck.theorems.razborov2022.knapsack import Sample, estimate, flip_mass, sample

Values = dict[sp.Symbol, float]

#: splits that are tried
_SPLITS = {"descent": tuple(k / 50 for k in range(1, 21)), "flow": tuple(k / 50 for k in range(2, 49))}
#: room for what a sample of the neurons and rounding leave uncertain, when radii are chosen
_ROOM = 1 + 2.0**-10


# --- evidence --------------------------------------------------------------------------------


def grams(problem: Problem, progress: Progress) -> tuple[Enclosed, Enclosed, float]:
    """Return ``J_W J_W'`` and ``J_a J_a'`` at the start (without rates), and a bound on ``|y - f|``."""
    signs, kappa = problem.layer.signs, problem.output_scale
    sums = start(problem, signs, signs**2, progress, with_values=True)
    first = with_inputs(problem, sums.slopes, sums.slopes_radius).times(kappa * kappa)
    second = Enclosed(sums.values, sums.values_radius).times(kappa * kappa)
    with ctx.workprec(128):
        return first, second, residual_norm(problem, sums, arb(kappa))


def _shared(problem: Problem, progress: Progress) -> tuple[Values, Enclosed, Enclosed]:
    if problem.neuron != TWO_LAYER:
        raise BadInput("this theorem speaks of f = kappa sum_j a_j s(w_j . x) with both layers trained")
    if not np.all(norms(problem)[0] > 0):
        raise BadInput("an input is zero: nothing can be learned there, so remove that row")
    first, second, residual = grams(problem, progress)
    whole = first.times(problem.rates[0]).plus(second.times(problem.rates[1]))
    return (
        {
            t.kappa: problem.output_scale,
            t.eta_W: problem.rates[0],
            t.eta_a: problem.rates[1],
            t.alpha_squared: max(whole.least(), 0.0),
            t.top: whole.largest(),
            t.r_0: residual,
            t.X_norm: spectral_norm(problem.inputs).upper,
        },
        first,
        second,
    )


_NAMES = {"alpha_squared": t.alpha_squared, "top": t.top, "r_0": t.r_0, "X_norm": t.X_norm}


def _above(expr: sp.Expr, values: Values) -> float:
    with ctx.workprec(128):
        found = evaluate(expr, values)
        return above(found) if found.is_finite() else math.inf


def _ready(values: Values, dynamics: Dynamics, split: float) -> bool:
    """Whether the split leaves a path of finite length."""
    tried = values | {t.c: split}
    if not (values[t.alpha_squared] > 0 and math.isfinite(values[t.top]) and math.isfinite(values[t.r_0])):
        return False
    return dynamics == "flow" or passes((("q", t.TESTS_R1["descent"][2][1]),), tried)


def _best_split(values: Values, dynamics: Dynamics, excess: Callable[[float], float]) -> float:
    """Return the least split that passes with room (it gives the best rate), else the one that comes closest."""
    closest, least = _SPLITS[dynamics][0], math.inf
    for split in _SPLITS[dynamics]:
        if _ready(values, dynamics, split):
            ratio = excess(split)
            if ratio < 1 / _ROOM:
                return split
            if ratio < least:
                closest, least = split, ratio
    return closest


def search_r1(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather R1's evidence: the flips of each sample are bounded by a knapsack, by duality."""
    _only(problem, relu=True)
    values, _, _ = _shared(problem, progress)
    looked = sample(problem, progress)

    def excess(split: float) -> float:
        tried = values | {t.c: split}
        radius = math.sqrt(values[t.eta_W]) * guess(t.PATH[dynamics], tried)
        return _ratio(t.CHANGE_R1[dynamics], tried | {t.mass: estimate(looked, radius)})

    values[t.c] = _best_split(values, dynamics, excess)
    tau, mass = [0.0] * problem.n, math.inf
    if _ready(values, dynamics, values[t.c]):
        tau, mass = flip_mass(problem, _above(sp.sqrt(t.eta_W) * t.PATH[dynamics], values), progress)
    values[t.mass] = mass
    return Found({"c": values[t.c], "tau": tau}, named(values, _NAMES | {"mass": t.mass}), values)


def _ratio(change: sp.Expr, values: Values) -> float:
    return guess(change, values) / (values[t.c] * math.sqrt(values[t.alpha_squared]))


@lru_cache(maxsize=64)
def _function(expr: sp.Expr) -> tuple[tuple[sp.Symbol, ...], Callable[..., float]]:
    symbols = tuple(sorted(expr.free_symbols, key=str))
    return symbols, sp.lambdify(symbols, expr, "math")


def guess(expr: sp.Expr, values: Values) -> float:
    """Return a double near an expression, for choosing; what is chosen is proved afterwards, in balls."""
    symbols, function = _function(expr)
    try:
        return float(function(*(values[symbol] for symbol in symbols)))
    except (ZeroDivisionError, OverflowError, ValueError):
        return math.inf


def _only(problem: Problem, *, relu: bool) -> None:
    if relu != (problem.activation.leak == 0.0):
        other = "razborov2022.r0" if relu else "razborov2022.r1 or razborov2022.r0_radii"
        raise BadInput(f"this theorem does not speak of {problem.activation.name}: take {other}")


def search_r0(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather R0's evidence for smooth activations, whose slopes move by curvature."""
    _only(problem, relu=False)
    values, _, _ = _shared(problem, progress)
    values |= {
        t.slope: slope_bound(problem.activation).upper,
        t.curvature: max(curvature_bound(problem.activation).upper, 2.0**-1000),
        t.a_max: float(np.abs(problem.layer.signs).max()),
        t.x_max: float(norms(problem)[1].max()),
    }
    values[t.c] = _best_split(values, dynamics, lambda split: _ratio(t.CHANGE_SMOOTH[dynamics], values | {t.c: split}))
    more = {"slope": t.slope, "curvature": t.curvature, "a_max": t.a_max, "x_max": t.x_max}
    return Found({"c": values[t.c]}, named(values, _NAMES | more), values)


def search_radii(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather the evidence of R0''': the least pair of radii, by iteration from 0, made a little larger."""
    _only(problem, relu=True)
    values, first, second = _shared(problem, progress)
    with ctx.workprec(128):
        values[t.beta_W] = above(arb(first.largest()).sqrt())
        values[t.beta_a] = above(arb(second.largest()).sqrt())
    looked = sample(problem, progress)

    def excess(split: float) -> float:
        return _ratio(t.CHANGE_RADII, with_radii(values | {t.c: split}, dynamics, looked))

    split = _best_split(values, dynamics, excess)
    if not _ready(values, dynamics, split):
        values |= {t.c: split, t.R_W: 0.0, t.R_a: 0.0, t.mass: math.inf}
    else:
        values = with_radii(values | {t.c: split}, dynamics, looked)
    tau, mass = [0.0] * problem.n, math.inf
    if _ready(values, dynamics, split):
        tau, mass = flip_mass(problem, values[t.R_W], progress)
    values[t.mass] = mass
    more = {"mass": t.mass, "beta_W": t.beta_W, "beta_a": t.beta_a}
    choices = {"c": split, "tau": tau, "R_W": values[t.R_W], "R_a": values[t.R_a]}
    return Found(choices, named(values, _NAMES | more), values)


def with_radii(values: Values, dynamics: Dynamics, looked: Sample) -> Values:
    """Return the values with radii just above the least fixed point (errata B15)."""
    needed = t.RADII_NEEDED[dynamics]
    values = values | {t.R_W: 0.0, t.R_a: 0.0}
    for _ in range(40):
        values[t.mass] = estimate(looked, values[t.R_W])
        radii = [guess(one, values) for one in needed]
        settled = radii[0] <= values[t.R_W] * (1 + 1e-4) and radii[1] <= values[t.R_a] * (1 + 1e-4)
        values |= {t.R_W: radii[0], t.R_a: radii[1]}
        if settled:
            break
    values |= {t.R_W: values[t.R_W] * _ROOM**2, t.R_a: values[t.R_a] * _ROOM**2}
    values[t.mass] = estimate(looked, values[t.R_W])
    return values


def _recipe(name: str, title: str, place: str, tests: Any, conclusions: Any, search: Any, example: Any) -> Recipe:
    return Recipe(
        f"razborov2022.{name}", title, Reference("razborov2022", place, "derived here; not quoted from the paper"),
        Standing.DERIVED, tests, conclusions, search, example, KNOBS,
    )  # fmt: skip


CERTIFICATES = (
    _recipe("r0", "Both layers trained, smooth activations: the Jacobian moves little", "Theorems R0 and R0', section 3.1", t.TESTS_R0, t.CONCLUSIONS, search_r0, EXAMPLE_SMOOTH),
    _recipe("r0_radii", "Both layers of a ReLU network trained: a radius for each layer", "Theorem R0''', section 3.1", t.TESTS_RADII, t.CONCLUSIONS_RADII, search_radii, EXAMPLE),
    _recipe("r1", "Both layers of a ReLU network trained: a certificate for the instance", "Theorem R1, section 3.2", t.TESTS_R1, t.CONCLUSIONS, search_r1, EXAMPLE),
)  # fmt: skip
