"""Theorems A, B and C of chen2022 as certificates, from the initial weights or from a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb, arb_mat, ctx

from theorycheck.certify import build
from theorycheck.certify.gram import residual_norm
from theorycheck.certify.layer import draw_layer
from theorycheck.certify.problem import Problem, Progress, input_gram
from theorycheck.certify.recipe import Conclusion, Dynamics, Found, Recipe, Tests, named
from theorycheck.certify.rounding import above, below
from theorycheck.certify.slopes import least_squares, slopes
from theorycheck.certify.sums import inner_of, preactivations, products, reach, start
from theorycheck.constants import slope_bound
from theorycheck.data import BadInput
from theorycheck.grams import Array
from theorycheck.spectrum import least_eigenvalue
from theorycheck.statement import Reference, Standing
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import MEAN_FIELD
from theorycheck.theorems._data import DATA, data_of, keyword_example
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.intervals import Intervals, candidates

Values = dict[sp.Symbol, float]


# --- evidence --------------------------------------------------------------------------------


def _shared(problem: Problem, progress: Progress) -> Values:
    """Return ``lambda_min(G)``, ``g``, ``G_max``, the residual and the bounds of slope and output weights."""
    if problem.neuron != MEAN_FIELD:
        raise BadInput("this theorem speaks of f = (1/m) sum_i c_i s(w_i . x / sqrt d) with the first layer trained")
    signs, m, d = problem.layer.signs, problem.m, problem.d
    sums = start(problem, signs / m, np.zeros(m), progress)
    with ctx.workprec(192):
        gram = input_gram(problem)
        scaled = arb_mat([[gram[i, k] / d for k in range(problem.n)] for i in range(problem.n)])
        rows = [sum((scaled[i, k] ** 2 for k in range(problem.n)), arb(0)).sqrt() for i in range(problem.n)]
        residual = residual_norm(problem, sums, problem.inner() if problem.activation.leak == 0.0 else arb(1))
        return {
            t.n: float(problem.n),
            t.lam: max(least_eigenvalue(scaled).lower, 0.0),
            t.g: max(above(row) for row in rows),
            t.G_max: max(above(scaled[i, i]) for i in range(problem.n)),
            t.zeta_0: residual,
            t.slope: slope_bound(problem.activation).upper,
            t.c_high: float(np.abs(signs).max()),
        }


def _chosen(values: Values, found: Intervals, score: Array, rate: Array) -> tuple[Values, dict[str, float | None]]:
    """Return evidence and choices of the interval with the best rate, or of the one that comes closest to passing."""
    if not len(score):
        return values | {t.eta: 1.0, t.c_low: 1.0, t.share: 0.0, t.steepness: 0.0}, {
            "low": 0.0,
            "high": None,
            "eta": 1.0,
            "c_low": 1.0,
        }
    k = int(np.argmax(rate) if rate.max() > 0 else np.argmax(score))
    low, high, eta, c_low = (float(column[k]) for column in (found.low, found.high, found.eta, found.c_low))
    values = values | {
        t.eta: eta,
        t.c_low: c_low,
        t.share: float(found.share[k]),
        t.steepness: float(found.steepness[k]),
    }
    return values, {"low": low, "high": high if math.isfinite(high) else None, "eta": eta, "c_low": c_low}


_NAMES_B = {"lam": t.lam, "G_max": t.G_max, "zeta_0": t.zeta_0, "steepness": t.steepness, "share": t.share}
_NAMES_A = {
    "lam": t.lam, "g": t.g, "zeta_0": t.zeta_0, "slope": t.slope, "steepness": t.steepness,
    "c_high": t.c_high, "share": t.share,
}  # fmt: skip


def search_a(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather the evidence of theorem A: no retained neuron leaves the interval where the slope is steep."""
    values = _shared(problem, progress)
    found = candidates(problem, progress)
    need = values[t.c_high] * values[t.slope] * values[t.g] * values[t.zeta_0] / max(values[t.lam], 1e-300)
    score = found.held * found.eta
    values, choices = _chosen(values, found, score, np.where(score > need * (1 + 1e-9), found.held, 0.0))
    return Found(choices, named(values, _NAMES_A), values)


def search_b(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather the evidence of theorem B: neurons may leave, but not many, because movement costs loss."""
    values = _shared(problem, progress)
    found = candidates(problem, progress)
    need = values[t.zeta_0] * math.sqrt(values[t.G_max] / max(values[t.lam], 1e-300))
    score = found.c_low * found.steepness * found.share * found.eta / 2
    splits = np.linspace(0, 1, 4097)
    paid = splits * np.sqrt(1 - splits**2) + np.arcsin(splits)
    with np.errstate(all="ignore"):
        split = np.interp(need / score, paid, splits, right=1.0)
    values, choices = _chosen(values, found, score, found.held * (1 - split**2))
    values[t.split] = t.least_split(t.TESTS_B[-1][1], values)
    return Found({**choices, "split": values[t.split]}, named(values, _NAMES_B), values)


def search_c(problem: Problem, dynamics: Dynamics, progress: Progress) -> Found:
    """Gather the evidence of theorem C: the window that the loss can pay for, by a lower sum of its integral."""
    values = _shared(problem, progress)
    with ctx.workprec(128):
        budget = (
            above(arb(values[t.slope]) * arb(values[t.g]) * arb(values[t.zeta_0]) / arb(values[t.lam]))
            if values[t.lam] > 0
            else math.inf
        )
    size = float(np.median(np.abs(problem.layer.signs))) or 1.0
    grid = np.arange(1, 49) / 12 / size * max(1.0, _spread(problem))
    best = None
    for _ in range(3):  # first to find how far, then finely up to there, twice
        floors = window_floors(problem, grid, progress)
        reached = np.flatnonzero(areas(grid, floors) > budget)
        if not len(reached):
            break
        best = (grid[: reached[0] + 1], floors[: reached[0] + 1])
        grid = float(best[0][-1]) * np.arange(1, 65) / 64
    return _window(values, *(best or (grid, floors)))


def _window(values: Values, grid: Array, floors: Array) -> Found:
    area = float(areas(grid, floors)[-1])
    values = values | {t.area: area, t.last: float(floors[-1]), t.window: float(grid[-1])}
    names = {"lam": t.lam, "g": t.g, "zeta_0": t.zeta_0, "slope": t.slope}
    return Found({"rho": grid.tolist()}, {**named(values, names), "Q": floors.tolist()}, values)


def _spread(problem: Problem) -> float:
    """Return about how large preactivations are."""
    _, weights = next(iter(problem.layer.blocks(problem.n)))
    return float(np.sqrt(np.mean((inner_of(problem) * (problem.inputs @ weights.T)) ** 2)))


def areas(grid: Array, floors: Array) -> Array:
    """Return lower bounds of ``int_0^rho_k Q``: Q falls, so each step counts with its right end."""
    with ctx.workprec(128):
        total, before, found = arb(0), arb(0), []
        for rho, floor in zip(grid.tolist(), floors.tolist(), strict=True):
            total += arb(floor) * (arb(rho) - before)
            before = arb(rho)
            found.append(below(total))
    return np.array(found)


def window_floors(problem: Problem, grid: Array, progress: Progress) -> Array:
    """Return lower bounds of ``Q(rho) = min_a (1/m) sum_i c_i^2 inf s'^2`` over windows ``|c_i| rho``, ``(k,)``."""
    inner, size = inner_of(problem), np.abs(problem.layer.signs)
    relu = problem.activation.leak == 0.0
    table = None if relu else slopes(problem.activation, min(reach(problem, inner), 256.0))
    total = np.zeros((len(grid), problem.n))
    for block in products(problem, progress, "windows"):
        h, spread = preactivations(block, inner)
        here = size[block.place]
        if table is None:
            clear = h - spread
            least = np.stack([(clear > here * (rho * (1 + 2.0**-50))).astype(float) for rho in grid])
        else:
            least = least_squares(table, h, spread, here, grid)
        total += least @ (here * here)
    return total.min(axis=1) * (1 - 2.0**-27) / problem.m


# --- examples --------------------------------------------------------------------------------

_OWN: Mapping[str, tuple[Any, Any]] = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 3),
    "d": (Annotated[int, "dimension of the inputs (synthetic data); at least n"], 6),
    "m": (Annotated[int, "number of neurons"], 4096),
    "activation": (Annotated[str, "relu, tanh, erf, sigmoid, softplus, gelu or silu"], "softplus"),
    "kappa": (Annotated[float, "size |c_i| of the output weights"], 1.0),
    "nu": (Annotated[float, "standard deviation of the initial weights"], 1.0),
    "residual": (Annotated[float, "labels this far from the initial output; 0 for labels of their own"], 0.0),
}
_REST: Mapping[str, tuple[Any, Any]] = {
    "mirrored": (Annotated[bool, "neurons in pairs of opposite output weights: the initial output is 0"], True),
    "draw": (Annotated[int, "which draw of the weights, from 0"], 0),
}


def _problem(flags: dict[str, Any]) -> Problem:
    for name in ("kappa", "nu"):
        if not 0 < flags[name] < math.inf:
            raise BadInput(f"--{name} must be positive, not {flags[name]:g}")
    if flags["m"] < 1:
        raise BadInput(f"--m must be at least 1, not {flags['m']}")
    inputs, labels, notes = data_of(flags)
    root = math.sqrt(inputs.shape[1])
    seed = [flags["seed"], flags["draw"]] if flags["draw"] else flags["seed"]
    layer = draw_layer(
        flags["m"], inputs.shape[1], seed,
        scale=flags["nu"], sign_scale=flags["kappa"], mirrored=flags["mirrored"],
    )  # fmt: skip
    problem = Problem(
        MEAN_FIELD, read_activation(flags["activation"]), inputs * root, labels, layer,
        made={"flags": flags}, notes=(*notes, "inputs multiplied by sqrt d: rows of norm sqrt d give G a unit diagonal"),
    )  # fmt: skip
    return build.near_output(problem, flags["residual"], layer.signs / layer.m)


_EXAMPLE = keyword_example(_problem, {**_OWN, **DATA, **_REST}, Problem)
_KNOBS = {"kappa": (1.0, 2.0, 4.0, 8.0, 16.0)}


def _recipe(
    name: str, title: str, place: str, tests: Tests, conclusions: tuple[Conclusion, ...], search: Any
) -> Recipe:
    return Recipe(
        f"chen2022.{name}", title, Reference("chen2022", place, "derived here; not quoted from the paper"),
        Standing.DERIVED, {"flow": tests}, {"flow": conclusions}, search, _EXAMPLE, _KNOBS,
    )  # fmt: skip


CERTIFICATES = (
    _recipe("a", "Mean-field networks: retained neurons stay in an interval", "Theorem A, section 4.1", t.TESTS_A, t.CONCLUSIONS_A, search_a),
    _recipe("b", "Mean-field networks: few neurons leave the interval", "Theorem B, section 4.2 and errata I1", t.TESTS_B, t.CONCLUSIONS_B, search_b),
    _recipe("c", "Mean-field networks: the window that the loss pays for", "Theorem C, section 4.3", t.TESTS_C, t.CONCLUSIONS_C, search_c),
)  # fmt: skip
