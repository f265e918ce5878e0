"""What widths the theorems of razborov2022 ask for: orders in n, draws, and R2 => R1 => observed (sections 3.2 to 3.6).

Widths of R2 come from :mod:`.widths`, R1's test from :mod:`.setting`; here they are read over many draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import sympy as sp

from theorycheck.experiment import Point
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import phase, setting, widths
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import width_conditions as w
from theorycheck.theorems.razborov2022.certificates import guess
from theorycheck.theorems.razborov2022.nguyen import streamed

SPLIT, SQUARE = 0.2, 0.25  # c and s, the defaults of section 2
LAWS = {"signs": "signs", "Gaussian": "normal"}


def _inputs(n: int, d: int, seed: int, stream: int) -> Array:
    return np.random.default_rng([seed, stream, n, d]).standard_normal((n, d))


# --- (a) R2's width along n = d -------------------------------------------------------------------


def along_the_diagonal(point: Point, seed: int) -> Mapping[str, float]:
    """Return the LeCun width that R2 asks for on Gaussian data with n = d, labels up to norm sqrt n, failure 1 %."""
    n, law = int(point["n"]), LAWS[str(point["output weights"])]
    data = widths.data_of(_inputs(n, n, seed, 31))
    exact, closed = (widths.required(data, math.sqrt(n), law=law, closed=form) for form in (False, True))
    return {"width": float(exact), "closed form": float(closed), "looser": closed / exact}


# --- (b) R1 and Nguyen's test on the same draws -----------------------------------------------------

#: widths that are looked at: a quarter of an octave apart
GRID = tuple(round(1000 * 2 ** (k / 4)) for k in range(57))


def _network(inputs: Array, target: Array, weights: Array, signs: Array) -> Instance:
    """Return a LeCun network in normal form, its step such that ``(sqrt Lambda_max + c alpha)^2 = s``."""
    m, d = weights.shape
    plain = Instance(
        inputs, target, weights, signs, np.ones(m), TWO_LAYER, activation("relu"), {}, {"m": m},
        rates=(float(d), float(m)), output_scale=1 / math.sqrt(m * d),
    )  # fmt: skip
    values = np.linalg.eigvalsh(plain.start[1])
    factor = SQUARE / (math.sqrt(values[-1]) + SPLIT * math.sqrt(max(values[0], 0.0))) ** 2
    return replace(plain, rates=(factor * d, factor * m))


def rows_of(d: int, seed: int) -> np.random.Generator:
    """Return the stream of a seed's neurons: each takes d + 1 numbers, so that wider networks begin with narrower ones."""
    return np.random.default_rng([seed, 33, d])


def certified_width(inputs: Array, target: Array, seed: int, grid: tuple[int, ...] = GRID) -> float:
    """Return the least width of the grid at which R1 certifies gradient descent at c = 1/5, s = 1/4; inf if none does."""
    generator, rows = rows_of(inputs.shape[1], seed), np.empty((0, inputs.shape[1] + 1))
    for m in grid:
        rows = np.concatenate([rows, generator.standard_normal((m - len(rows), rows.shape[1]))])
        instance = _network(inputs, target, np.ascontiguousarray(rows[:, 1:]), rows[:, 0].copy())
        size = float(np.linalg.norm(instance.start[0]))
        if setting.ratio(instance, "descent", SPLIT, size) <= 1:
            return float(m)
    return math.inf


def first_width(point: Point, seed: int, grid: tuple[int, ...] = GRID) -> Mapping[str, float]:
    """Return the least width at which R1 certifies, or Nguyen's test passes, for one draw of data, signs and weights."""
    n = int(point["n"])
    inputs = _inputs(n, n, seed, 32)
    target = np.random.default_rng([seed, 34, n]).choice([-1.0, 1.0], n)
    if point["test"] == "R1":
        found = certified_width(inputs, target, seed, grid)
    else:
        tests = streamed(inputs, target, rows_of(n, seed), grid)
        found = next((float(m) for m, ratio in tests if ratio <= 1), math.inf)
    at_least = min(found, float(grid[-1]))
    return {"width": at_least, "log10 width": math.log10(at_least), "not yet": float(math.isinf(found))}


# --- (c) R2 => R1 => observed -----------------------------------------------------------------------


def _contraction(values: Mapping[sp.Symbol, float]) -> float:
    """Return R0's bound on the loss that a step leaves, as a share."""
    return guess(t.CONCLUSIONS["descent"][0].expr, dict(values))


def chain(point: Point, seed: int, n: int = 8, d: int = 60, steps: int = 60) -> Mapping[str, float]:
    """Draw a LeCun network of the width that R2 asks for, and look at R1's test and at the loss of the first steps."""
    law, inputs = LAWS[str(point["output weights"])], _inputs(n, d, seed, 35)
    data = widths.data_of(inputs)
    m = widths.required(data, math.sqrt(n), law=law)
    at = widths.values_at(data, math.sqrt(n), m, law=law)
    found = w.conditions(o.LAWS[law], False, "descent")
    generator = np.random.default_rng([seed, 36, n, d])
    signs = generator.choice([-1.0, 1.0], m) if law == "signs" else generator.standard_normal(m)
    instance = Instance(
        inputs, np.zeros(n), generator.standard_normal((m, d)), signs, np.ones(m), TWO_LAYER, activation("relu"), {}, {"m": m},
        rates=(at[t.eta_W], at[t.eta_a]), output_scale=at[t.kappa],
    )  # fmt: skip
    if point["labels"] == "weakest":  # chosen after the weights, within the norm that R2 was promised
        target = math.sqrt(n) * np.linalg.eigh(instance.start[1])[1][:, 0]
    else:
        target = generator.choice([-1.0, 1.0], n)
    instance = instance.with_labels(target)
    run, size = Run(instance), float(np.linalg.norm(instance.start[0]))
    least, top = float(setting.alpha_squared(run).value), float(setting.largest(run).value)
    test = setting.ratio(instance, "descent", SPLIT, size)
    losses = phase.walk(instance, steps, enough=0.0).losses
    observed = float(np.max(losses[1:] / losses[:-1]))
    certified = _contraction({t.alpha_squared: least, t.top: top, t.c: SPLIT})
    promised = _contraction({t.alpha_squared: guess(found.alpha_squared, at), t.top: guess(found.top, at), t.c: SPLIT})
    return {
        "m": float(m), "R1": test, "observed": observed, "certified": certified, "promised": promised,
        "kept below": certified - observed, "certified below": promised - certified,
        "taken": 1 - observed, "taken, certified": 1 - certified, "taken, promised": 1 - promised,
        "in order": float(test <= 1 and observed <= certified <= promised),
    }  # fmt: skip
