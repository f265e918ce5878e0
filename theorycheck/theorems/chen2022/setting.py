"""What the cards of chen2022 share: quantities, assumptions, instances.

Model (section 1): ``f(x) = (1/m) sum_i c_i s(w_i . x/sqrt d)``, only ``w`` trained, loss
``|zeta|^2/(2n)`` with ``zeta = f - y``, mean-field time ``w_i' = -m dL/dw_i``. In the package's own
loss ``|r|^2/2`` that is a rate of ``m/n``, so the tangent Gram of a run is ``K/n``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Quantity
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import MEAN_FIELD
from theorycheck.theorems._data import DATA, data_of, keyword_example
from theorycheck.theorems.chen2022 import measures
from theorycheck.theorems.chen2022 import statements as t

NOTATION = (
    "n samples, d dimensions, m neurons. Loss |zeta|^2/(2n), zeta = f - y, time of the mean field: w_i' = -m dL/dw_i. "
    "G = X X'/d; lambda_min, G_max, g: its least eigenvalue, largest entry and largest column norm. h_ia = w_i . x_a/sqrt d."
)

Lam, G_min = sp.symbols("Lambda_max G_min", nonnegative=True)
m = sp.Symbol("m", positive=True)
rate = sp.Symbol("R_t", nonnegative=True)
moved = sp.Symbol("H_T", nonnegative=True)
moved_each = sp.Symbol("H_T/c", nonnegative=True)
moved_path = sp.Symbol("W_T", nonnegative=True)

SIZES = (
    Quantity(t.n, "number of samples", measure.constant(lambda run: run.instance.n)),
    Quantity(m, "number of neurons", measure.constant(lambda run: run.instance.m)),
)
GEOMETRY = (
    Quantity(t.lam, "least eigenvalue of G", partial(measures.geometry, "lam")),
    Quantity(Lam, "largest eigenvalue of G", partial(measures.geometry, "Lam")),
    Quantity(t.g, "largest column norm of G", partial(measures.geometry, "g")),
    Quantity(t.G_max, "largest diagonal entry of G", partial(measures.geometry, "G_max")),
    Quantity(G_min, "least diagonal entry of G", partial(measures.geometry, "G_min")),
)
STEEP = (
    Quantity(t.eta, "how far inside the interval neurons start", measure.parameter("eta")),
    Quantity(t.c_low, "least |c_i| that counts", measure.parameter("c_low")),
    Quantity(
        t.share, "least share of the neurons, over the samples, that start eta inside the interval", measures.share
    ),
    Quantity(t.steepness, "a number that |s'| does not fall below on the interval", measures.steepness),
)


def _largest_weight(run: Run) -> Measured:
    return Measured(float(np.abs(run.instance.signs).max()), 0.0, rigorous=True)


RESIDUAL = Quantity(t.zeta_0, "|zeta_0|", measure.initial_residual)
SLOPE = Quantity(t.slope, "sup |s'|", measure.slope_supremum)
C_HIGH = Quantity(t.c_high, "largest |c_i|", _largest_weight)
RATE = Quantity(rate, "log(L_0/L_t)/t", measure.decay_rate)
WINDOW = Quantity(moved, "largest movement of a preactivation at the end of the run", measures.window)
WINDOW_EACH = Quantity(moved_each, "the same, each over its |c_i|", measures.window_per_weight)
PATH = Quantity(moved_path, "root mean square movement of the weights at the end of the run", measures.path)


def assumptions(tests: t.Tests, words: Mapping[str, str]) -> tuple[Assumption, ...]:
    """Return a theorem's tests as assumptions of its card, with what they say."""
    return tuple(Assumption(label, words.get(label, label), bound) for label, bound in tests)


# --- instances -------------------------------------------------------------------------------

FLAGS: Mapping[str, tuple[Any, Any]] = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 3),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 6),
    "m": (Annotated[int, "number of neurons"], 400),
    "activation": (Annotated[str, "a name (tanh, softplus, ...) or an expression of z"], "tanh"),
    "kappa": (Annotated[float, "size |c_i| of the output weights"], 1.0),
    "nu": (Annotated[float, "standard deviation of the initial weights"], 1.0),
    "mirrored": (Annotated[bool, "neurons in pairs of opposite output weights: the initial output is 0"], True),
    "level": (Annotated[float, "labels at this share of the theorem's threshold; 0 leaves them"], 0.0),
}


def example(build: Callable[[dict[str, Any]], Instance], *own: str, **defaults: Any) -> Callable[..., Instance]:
    """Return a card's example from the flags of :data:`FLAGS` that it names, and those about data."""
    table = {name: (FLAGS[name][0], defaults.get(name, FLAGS[name][1])) for name in own}
    return keyword_example(build, {**table, **DATA}, Instance)


def drawn(
    inputs: Array,
    labels: Array,
    *,
    width: int,
    activation: str,
    kappa: float = 1.0,
    nu: float = 1.0,
    mirrored: bool = True,
    seed: int = 0,
    draw: int = 0,
    parameters: Mapping[str, float] | None = None,
    description: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Instance:
    """Return an instance with weights N(0, nu^2) and output weights +-kappa; its ``redraw`` keeps data and labels.

    Raises
    ------
    BadInput
        If a size, kappa or nu is out of range.
    """
    for name, value in (("kappa", kappa), ("nu", nu)):
        if not 0 < value < math.inf:
            raise BadInput(f"--{name} must be positive, not {value:g}")
    if width < 1 or (mirrored and width % 2):
        raise BadInput(f"--m must be at least 1, and even (2 at least) for mirrored neurons, not {width}")
    generator = np.random.default_rng([seed, draw])
    weights = nu * generator.standard_normal((width // 2 if mirrored else width, inputs.shape[1]))
    signs = np.asarray(generator.integers(0, 2, width) * 2.0 - 1.0, float)
    if mirrored:
        weights, signs = np.repeat(weights, 2, axis=0), np.tile([1.0, -1.0], width // 2)

    def redraw(instance: Instance, draw: int) -> Instance:
        return drawn(
            inputs, labels, width=width, activation=activation, kappa=kappa, nu=nu, mirrored=mirrored,
            seed=seed, draw=draw, parameters=parameters, description=description, notes=notes,
        )  # fmt: skip

    about = {"n": len(inputs), "d": inputs.shape[1], "m": width, "seed": seed, **(description or {})}
    about["m"] = width  # a description may come from a probe of another width
    return Instance(
        inputs, labels, weights, kappa * signs, np.ones(width), MEAN_FIELD, read_activation(activation),
        dict(parameters or {}), about, notes, redraw, rates=(width / len(inputs), 0.0),
    )  # fmt: skip


def build(flags: Mapping[str, Any]) -> Instance:
    """Build an instance from flags; inputs of norm at most 1 are multiplied by sqrt d, so that G has a unit diagonal."""
    inputs, labels, notes = data_of(dict(flags))
    return drawn(
        inputs * math.sqrt(inputs.shape[1]), labels, width=int(flags["m"]), activation=flags["activation"],
        kappa=flags["kappa"], nu=flags["nu"], mirrored=flags["mirrored"], seed=flags["seed"],
        description={"data": flags["data"], "flags": dict(flags)},
        notes=(*notes, "inputs multiplied by sqrt d: unit rows give G a unit diagonal"),
    )  # fmt: skip


def not_negative(flags: Mapping[str, Any], name: str, why: str = "it is a share of the threshold") -> None:
    """Refuse a flag that is negative, infinite or NaN.

    Raises
    ------
    BadInput
        One sentence with the flag, its value and the reason.
    """
    if not 0 <= flags[name] < math.inf:
        raise BadInput(f"--{name} must be a finite number of at least 0, not {flags[name]:g}: {why}")


def interval_of(flags: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return ``--low``, ``--high`` and ``--eta``; an ``eta`` of 0 asks for interval and margin to be chosen.

    Raises
    ------
    BadInput
        If ``eta`` is negative, the interval is empty, or one of the three is given without the others.
    """
    low, high, eta = (float(flags[name]) for name in ("low", "high", "eta"))
    if not eta >= 0:
        raise BadInput(f"--eta must be at least 0, not {eta:g}: it is how far inside the interval neurons start")
    if eta == 0 and (low, high) != (0.0, 0.0):
        raise BadInput("--low and --high need --eta as well: how far inside the interval neurons must start")
    if eta > 0 and (low, high) == (0.0, 0.0):
        raise BadInput("--eta needs --low and --high as well: the interval that it is a margin of")
    if eta > 0 and not low < high:
        raise BadInput(f"--low {low:g} must be below --high {high:g}: the interval is empty")
    return low, high, eta


def left_as_they_are(level: float, allowed: float) -> tuple[str, ...]:
    """Return a note where ``--level`` could not place the labels, because no labels at all are allowed here."""
    if level and not allowed > 0:
        return ("labels are left as they are: the theorem allows none here, so that --level has no meaning",)
    return ()


def with_residual(instance: Instance, size: float) -> Instance:
    """Return the instance with labels moved along the residual until it has that norm."""
    residual = instance.start[0]
    length = float(np.linalg.norm(residual))
    direction = residual / length if length > 0 else np.full(instance.n, instance.n**-0.5)
    return instance.with_labels(instance.labels - residual + size * direction)


@np.errstate(all="ignore")  # what overflows is measured as unknown, and said so
def hard(
    kind: str, n: int, extra: int, width: int, name: str, weak: bool, seed: int, kappa: float,
    description: Mapping[str, Any],
) -> Instance:  # fmt: skip
    """Return a small network on hard inputs, with the residual in the weakest (or strongest) direction of its Gram."""
    inputs = build_inputs(InputPlan(kind, n, n + extra, seed, 1)) * math.sqrt(n + extra)
    instance = drawn(
        inputs, np.zeros(n), width=width, activation=name, kappa=kappa, seed=seed,
        mirrored=width > 1 and seed % 2 == 0, description={"data": kind, "activation": name, **description},
    )  # fmt: skip
    residual, gram = instance.start
    if not np.all(np.isfinite(gram)):
        return instance
    return instance.with_labels(instance.labels - residual + np.linalg.eigh(gram)[1][:, 0 if weak else -1])
