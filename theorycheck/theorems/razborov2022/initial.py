"""What the cards about Gaussian initial weights share: draws of them, and measures of the network at time 0.

``W_0`` has independent rows N(0, I), output weights are random signs or N(0, 1), each by itself or in pairs (w, a), (w, -a).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from theorycheck import measure
from theorycheck.certify.checkpoint import instance_of
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.spectrum import BALL_SIZE, measured_least
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022 import widths
from theorycheck.theorems.razborov2022.certificates import guess
from theorycheck.theorems.razborov2022.examples import problem, sized_data

_EPS = float(np.finfo(float).eps)

ell_W, ell_a = sp.symbols("ell_W ell_a", real=True)
Phi, output = sp.symbols("|Phi|_F |f_0|", nonnegative=True)
normal = sp.Symbol("N_a", nonnegative=True)

# --- draws -------------------------------------------------------------------------------------------


def drawn(
    inputs: Array, m: int, *, normal: bool = False, mirrored: bool = False, seed: int = 0, scale: float = 1.0,
    parameters: dict[str, float] | None = None, description: dict[str, Any] | None = None,
) -> Instance:  # fmt: skip
    """Return a ReLU network with Gaussian weights on inputs ``(n, d)``, labels 0, and fresh weights for every redraw.

    Raises
    ------
    BadInput
        If neurons come in pairs, but their number is odd.
    """
    if mirrored and m % 2:
        raise BadInput(f"neurons come in pairs (w, a), (w, -a), so their number must be even, not {m}")
    share = 2 if mirrored else 1
    shared = {**(parameters or {}), "copies": float(share), "normal": float(normal)}
    about = {"m": m, "normal": normal, "mirrored": mirrored, "seed": seed, **(description or {})}

    def at(draw: int) -> Instance:
        generator = np.random.default_rng([seed, draw, 7])
        weights = generator.standard_normal((m // share, inputs.shape[1]))
        outer = generator.standard_normal(m // share) if normal else generator.choice([-1.0, 1.0], m // share)
        if mirrored:
            weights, outer = np.tile(weights, (2, 1)), np.concatenate([outer, -outer])
        return Instance(
            inputs, np.zeros(len(inputs)), weights, outer, np.ones(m), TWO_LAYER, activation("relu"), shared, about,
            redraw=lambda again, draw: at(draw), output_scale=scale,
        )  # fmt: skip

    return at(0)


def drawn_with_data(
    n: int, d: int, m: int, *, draw: int = 0, seed: int = 0, notes: tuple[str, ...] = (), **more: Any
) -> Instance:
    """Return the same on Gaussian inputs ``(n, d)``, rows N(0, I), which every redraw draws again as well as the weights."""
    made = drawn(np.random.default_rng([seed, draw, 8]).standard_normal((n, d)), m, seed=seed, **more)
    if draw:
        assert made.redraw is not None
        made = made.redraw(made, draw)
    return replace(
        made,
        notes=notes,
        redraw=lambda again, draw: drawn_with_data(n, d, m, draw=draw, seed=seed, notes=notes, **more),
    )


def shape_of(flags: dict[str, Any]) -> tuple[int, int, tuple[str, ...]]:
    """Return n and d of an example whose data are drawn, and a note: of a data set only the shape is taken."""
    inputs = sized_data(flags)[0]
    n, d = inputs.shape
    if flags["data"] == "normal":
        return n, d, ()
    return n, d, (f"Gaussian data of the shape of {flags['data']}, {n} rows of {d}: of its own rows nothing is said",)


def build(flags: dict[str, Any], *names: str) -> Instance:
    """Return an example of the model with the flags ``names`` as parameters; a redraw is its next draw of the weights."""
    own = {name: value for name, value in flags.items() if name not in names}

    def at(draw: int) -> Instance:
        found = problem({**own, "draw": draw, "step": 0.0, "residual": 0.0})
        more = {name: float(flags[name]) for name in names}
        more |= {"copies": 2.0 if flags["mirrored"] else 1.0, "normal": float(flags["signs"] == "normal")}
        about = {"data": flags["data"], "flags": dict(flags)}
        return replace(
            instance_of(found), labels=np.zeros(found.n), parameters=more, description=about, notes=found.notes,
            redraw=lambda again, draw: at(flags["draw"] + draw),
        )  # fmt: skip

    return at(flags["draw"])


def least_width(chance: sp.Expr, values: dict[sp.Symbol, float], most: int, pairs: bool) -> int:
    """Return the least number of neurons for which a chance falls to p, at most ``most``; even for pairs."""

    def missed(count: float) -> float:
        return guess(chance, {**values, o.m: count}) / values[o.p] - 1

    low, high = 1.0, 2.0
    while missed(high) > 0 and high < most:
        low, high = high, 2 * high
    if missed(1.0) <= 0:
        found = 1
    elif missed(high) > 0:
        found = most
    else:
        found = min(most, math.ceil(brentq(missed, low, high) * (1 + 1e-9)))
    return found + found % 2 if pairs else found


# --- measures ------------------------------------------------------------------------------------------


def _gates_doubt(instance: Instance) -> float:
    """Return how far gates whose preactivation is 0 up to rounding can change the Gram of the first layer."""
    inputs, weights = instance.inputs, instance.weights
    sizes = np.outer(np.linalg.norm(inputs, axis=1), np.linalg.norm(weights, axis=1))
    open_ = np.abs(inputs @ weights.T) <= 4 * instance.d * _EPS * sizes
    moved = float(np.sum((inputs**2).sum(axis=1) @ (open_ * instance.signs**2)))
    whole = float(np.sum(inputs**2) * np.sum(instance.signs**2))
    return instance.output_scale**2 * (2 * math.sqrt(moved * whole) + moved)


def least_of(first: bool) -> measure.Measure:
    """Return a measure of the least eigenvalue of G_W, or of G_a."""

    def read(run: Run) -> Measured:
        instance = replace(run.instance, rates=(1.0, 0.0) if first else (0.0, 1.0))
        found, _ = s.extremes(instance)
        return Measured(found.value, found.error + (_gates_doubt(instance) if first else 0.0))

    return read


def limit_values(run: Run) -> Measured:
    """Return ``lambda_a``, the least eigenvalue of the limit ``E s(Xw) s(Xw)'``; exactly 0 where a null vector is known."""
    with np.errstate(all="ignore"):
        found = widths.least_of_values(run.instance.inputs)
    if not (math.isfinite(found.lower) and math.isfinite(found.upper)):
        return Measured(np.nan)
    # never below 0: it is a mean of Grams
    seen = measured_least(found)
    high = max(float(seen.value + seen.error), 0.0)
    return Measured.between(
        min(max(float(seen.value - seen.error), 0.0), high), high, len(run.instance.inputs) <= BALL_SIZE
    )


def input_size(run: Run) -> Measured:
    """Return ``|X|_F``."""
    found = measure.trace_of_gram(run)
    root = math.sqrt(float(found.value))
    return Measured(root, float(found.error) / root if root > 0 else math.sqrt(float(found.error)))


def truncation(run: Run) -> Measured:
    """Return the least ``u_0`` above sqrt 2 with TAIL <= TAIL_ALLOWED, rounded up (errata B9); a large one if lambda_a may be 0."""
    low, size = limit_values(run), float(input_size(run).value)
    found = widths.truncated_at(size * (1 + 1e-12), float(low.value - low.error))
    return Measured(min(found, widths.FAR), 0.0, rigorous=True)


def _features(run: Run) -> Array:
    return np.maximum(run.instance.inputs @ run.instance.weights.T, 0)


def features_size(run: Run) -> Measured:
    """Return ``|Phi|_F``, ``Phi = s(X W')``."""
    value = float(np.linalg.norm(_features(run)))
    size = float(np.linalg.norm(run.instance.inputs) * np.linalg.norm(run.instance.weights))
    return Measured(value, 4 * (run.instance.d + 8) * _EPS * size)


def output_size(run: Run) -> Measured:
    """Return ``|f_0|``."""
    instance = run.instance
    value = float(np.linalg.norm(instance.labels - instance.start[0]))
    rounding = (instance.d + instance.m + 8) * _EPS * instance.output_scale
    return Measured(value, 4 * rounding * float(np.linalg.norm(_features(run)) * np.linalg.norm(instance.signs)))


SIZES = (
    Quantity(o.n, "number of samples", measure.constant(lambda run: run.instance.n)),
    Quantity(o.m, "number of neurons", measure.constant(lambda run: run.instance.m)),
    Quantity(o.p, "chance that is allowed to fail", measure.parameter("p")),
    Quantity(o.copies, "neurons that share one draw: 2 for pairs (w, a), (w, -a), else 1", measure.parameter("copies")),
    Quantity(normal, "1 if output weights are N(0, 1), 0 if they are random signs", measure.parameter("normal")),
)  # fmt: skip
INPUTS = (
    Quantity(t.X_norm, "spectral norm of the inputs", s.input_norm),
    Quantity(o.X_F, "Frobenius norm of the inputs", input_size),
)
LIMITS = (
    Quantity(o.lam_W, "least eigenvalue of the limit Gram X X' o Theta^0", measure.kappa),
    Quantity(o.lam_a, "least eigenvalue of the limit Gram Theta^1", limit_values),
)
SCALE = next(part for part in s.SHARED if part.symbol == t.kappa)

IS_CHANCE = Assumption("p a chance", "p lies in (0, 1)", Bound(sp.S.Zero, o.p * (1 - o.p), strict=True))
NONZERO = Assumption("nonzero inputs", "some input is not zero", Bound(sp.S.Zero, t.X_norm, strict=True))
SIGNS = Assumption("signs", "output weights are random signs", Bound(normal, sp.S.Zero))
NORMAL = Assumption("normal", "output weights are N(0, 1)", Bound(sp.S.One, normal))
