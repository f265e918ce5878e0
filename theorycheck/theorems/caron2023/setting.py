"""What the cards of caron2023 share: symbols, quantities, assumptions, instances.

Model (section 1): ``f(x) = sum_j sqrt(lambda_j) a_j s(w_j . x / sqrt d)`` with node scales
``lambda_j = gamma/m + (1 - gamma) j^(-1/alpha)/H`` that sum to 1, first layer trained, signs
and scales fixed, ``w_j ~ N(0, I)``, ``a_j`` uniform on {-1, 1}; loss ``|y - f|^2 / 2``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import sympy as sp

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, build_inputs, build_labels
from theorycheck.data import BadInput, load
from theorycheck.enclose import enclose, ends
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.grams import Array, limit_gram
from theorycheck.model import Instance, gaussian_weights, node_scales
from theorycheck.statement import Assumption, Bound, Quantity
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.symbolic.network import ASYMMETRIC

NOTATION = (
    "n samples, d dimensions, m nodes. Loss |y - f|^2/2, residual r = y - f, G = X X', s_X = |X|^2. The paper's "
    "tangent Gram (NTG) is Theta_m = J J'. lambda_j: node scales, sum 1; Lambda_p = sum_j lambda_j^p. kappa_n: least "
    "eigenvalue of the limit Gram Theta* = E Theta_m. sigma_w = 1; runs with sigma_w = sqrt 2 need a rescaling first."
)

n, d, m = sp.symbols("n d m", positive=True)
gamma = sp.Symbol("gamma", nonnegative=True)
delta = sp.Symbol("delta", positive=True)
kappa = sp.Symbol("kappa_n", nonnegative=True)
s_X = sp.Symbol("s_X", positive=True)
largest_norm, least_norm = sp.symbols("N_max N_min", nonnegative=True)
sine = sp.Symbol("varsigma", nonnegative=True)
C = sp.Symbol("C", nonnegative=True)
label_norm, mean_norm, trace_sigma = sp.symbols("Y H_0 V", nonnegative=True)
Lambda_32, Lambda_2 = sp.symbols("Lambda_{3/2} Lambda_2", positive=True)
rate, moved, change = sp.symbols("R_t D_t Delta_t", nonnegative=True)
least = sp.Symbol("ell_t", real=True)


def power_sum(power: float) -> measure.Measure:
    """Return a measure of ``Lambda_p = sum_j lambda_j^p``."""

    def read(run: Run) -> Measured:
        scales = run.instance.scales
        return measure.rounded(float(np.sum(scales**power)), 8 * int(np.log2(len(scales)) + 2))

    return read


SIZES = (
    Quantity(n, "number of samples", measure.constant(lambda run: run.instance.n)),
    Quantity(d, "dimension of the inputs", measure.constant(lambda run: run.instance.d)),
    Quantity(m, "number of hidden nodes", measure.constant(lambda run: run.instance.m)),
    Quantity(gamma, "share of the node scale that is spread evenly", measure.parameter("gamma")),
)
CHANCE = Quantity(delta, "allowed probability of failure", measure.parameter("delta"))
DATA = (
    Quantity(largest_norm, "largest squared norm of an input", measure.largest_norm_squared),
    Quantity(least_norm, "least squared norm of an input", measure.least_norm_squared),
    Quantity(sine, "least sine of the angle between two inputs, as lines", measure.least_line_sine),
)
KAPPA = Quantity(kappa, "least eigenvalue of the limit Gram", measure.kappa)
SPECTRAL = Quantity(s_X, "squared spectral norm of the inputs", measure.spectral_square)
LABEL = Quantity(C, "largest |y_i|", measure.largest_label)
POWER_32 = Quantity(Lambda_32, "sum_j lambda_j^(3/2)", power_sum(1.5))
POWER_2 = Quantity(Lambda_2, "sum_j lambda_j^2", power_sum(2.0))
RATE = Quantity(rate, "log(L_0/L_t)/t", measure.decay_rate)
LEAST = Quantity(least, "least eigenvalue of the tangent Gram at time t", measure.least_along)
MOVED = Quantity(moved, "max_j |w_tj - w_0j|/sqrt(lambda_j) up to time t", measure.displacement)
CHANGE = Quantity(change, "|Theta_t - Theta_0|_2 up to time t", measure.gram_change)
PATH = (RATE, LEAST, MOVED, CHANGE)

NONZERO = Assumption("nonzero inputs", "no input is zero", Bound(sp.S.Zero, least_norm, strict=True))
UNIT_BALL = Assumption("unit ball", "every input has norm at most 1", Bound(largest_norm, sp.S.One))
NOT_PARALLEL = Assumption(
    "not parallel", "no two inputs lie on one line through 0", Bound(sp.S.Zero, sine, strict=True)
)
GAMMA = Assumption("gamma positive", "some of the node scale is spread evenly", Bound(sp.S.Zero, gamma, strict=True))
DELTA = Assumption("delta below 1", "the probability of success is positive", Bound(delta, sp.S.One, strict=True))

#: the largest |Delta J|^2 that still leaves half of the least singular value squared: L5
_SHARE = (1 / sp.sqrt(2) - sp.Rational(1, 2)) ** 2
ALLOWED = _SHARE * kappa
#: 1/ALLOWED, written with 1 + sqrt 2 as in the paper's constants
PER_ALLOWED = sp.radsimp(1 / _SHARE) / kappa
#: the certified part of the tangent Gram: half the limit at time 0, half of that later (L3, L5)
FLOOR = gamma * kappa / 4


def uniform_part_width(samples: sp.Expr, failure: sp.Expr) -> sp.Expr:
    """Return the width at which the uniform part keeps half of kappa_n (L3, matrix Chernoff at 1/2).

    ``n exp(-eps^2 m d kappa_n / (2 s)) <= failure`` with eps = 1/2, solved for m; ``samples``
    stands for s_X or its bound n.
    """
    exponent_per_node = sp.Rational(1, 2) ** 2 * d * kappa / (2 * samples)
    return sp.log(n / failure) / exponent_per_node


def reach(spectral: sp.Expr, residual: sp.Expr) -> sp.Expr:
    """Return c in ``|w_tj - w_0j| <= c sqrt(lambda_j)``: ``sqrt(s_X/d) |r_0| / mu`` with ``mu`` the floor (L7)."""
    return sp.sqrt(spectral / d) * residual / FLOOR


# --- instances ---------------------------------------------------------------------------

SYNTHETIC = ("sphere", "gaussian", "orthogonal")

#: every flag of these cards: type and help, and default
FLAGS: Mapping[str, tuple[Any, Any]] = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 5),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 5),
    "m": (Annotated[int, "number of hidden nodes; 0 for the least width that the theorem asks for"], 4096),
    "gamma": (Annotated[float, "share of the node scale that is spread evenly, in [0, 1]"], 1.0),
    "alpha": (Annotated[float, "uneven node scales fall like j^(-1/alpha), alpha in (0, 1)"], 0.5),
    "delta": (Annotated[float, "allowed probability of failure, in (0, 1)"], 0.5),
    "theta": (Annotated[float, "split of the certificate, in (0, 1); 0 searches the best"], 0.0),
    "residual": (Annotated[float, "labels this far from the initial output; 0 for labels of their own"], 0.0),
    "resolution": (Annotated[float, "relative accuracy to which a mean is compared, in (0, 1)"], 0.1),
    "activation": (Annotated[str, "a name (tanh, softplus, ...) or an expression of z"], "tanh"),
    "label": (Annotated[float, "synthetic labels are uniform in [-label, label]"], 1.0),
    "data": (
        Annotated[
            str, "sphere, gaussian or orthogonal; a bundled set (diabetes, wine, ...); a .csv, .npy or .npz file"
        ],
        "sphere",
    ),
    "rows": (Annotated[int, "rows of a data set to use; 0 for all"], 0),
    "columns": (Annotated[str, "columns of a data set to use as inputs, separated by commas; all if empty"], ""),
    "label_column": (Annotated[str, "the column of a file that holds the labels; the last if empty"], ""),
    "inputs_scale": (Annotated[str, "rows (unit rows), max (largest norm 1) or none, for a data set"], "rows"),
    "labels_scale": (Annotated[str, "unit (mean 0, variance 1), norm (largest 1) or none, for a data set"], "unit"),
    "seed": (Annotated[int, "seed of data and weights"], 0),
}
_DATA_FLAGS = ("label", "data", "rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")


def example(build: Callable[[dict[str, Any]], Instance], *own: str) -> Callable[..., Instance]:
    """Return a card's example: keyword parameters from :data:`FLAGS`, the data's flags among them."""
    names = (*own, *_DATA_FLAGS)

    def make(**given: Any) -> Instance:
        strangers = set(given) - set(names)
        if strangers:
            raise TypeError(f"no such flag: {', '.join(sorted(strangers))}")
        return build({name: given.get(name, FLAGS[name][1]) for name in names})

    kind = inspect.Parameter.KEYWORD_ONLY
    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind, annotation=FLAGS[name][0], default=FLAGS[name][1]) for name in names]
    )
    make.__annotations__ = {name: FLAGS[name][0] for name in names} | {"return": Instance}
    return make


def data_of(flags: dict[str, Any]) -> tuple[Array, Array, tuple[str, ...]]:
    """Return inputs, labels and notes for the flags ``n d data rows columns label_column ... seed``.

    Raises
    ------
    BadInput
        If a number is out of range or the data cannot be read.
    """
    for name in ("n", "d"):
        if flags[name] < 1:
            raise BadInput(f"--{name} must be at least 1, not {flags[name]}")
    if flags["m"] < 0:
        raise BadInput(f"--m must be at least 1, or 0 for the width that the theorem asks for, not {flags['m']}")
    if flags["seed"] < 0:
        raise BadInput(f"--seed must not be negative, but {flags['seed']} was given")
    if flags["rows"] < 0:
        raise BadInput(f"--rows must be at least 1, or 0 for all rows, not {flags['rows']}")
    if flags["data"] in SYNTHETIC:
        return _synthetic(flags)
    found = load(
        flags["data"],
        rows=flags["rows"] or None,
        columns=flags["columns"] or None,
        label_column=flags["label_column"] or None,
        inputs_scale=flags["inputs_scale"],
        labels_scale=flags["labels_scale"],
    )
    return found.inputs, found.labels, found.notes


def _synthetic(flags: dict[str, Any]) -> tuple[Array, Array, tuple[str, ...]]:
    if flags["data"] == "orthogonal" and flags["n"] > flags["d"]:
        raise BadInput(f"--data orthogonal needs d >= n, but n = {flags['n']} and d = {flags['d']}")
    if flags["data"] == "orthogonal":
        inputs = np.eye(flags["n"], flags["d"])
    else:
        inputs = build_inputs(InputPlan(flags["data"], flags["n"], flags["d"], flags["seed"], 0))
    if not (np.isfinite(flags["label"]) and flags["label"] >= 0):
        raise BadInput(f"--label must be a finite number of at least 0, not {flags['label']:g}")
    generator = np.random.default_rng([flags["seed"], 1])
    return inputs, flags["label"] * generator.uniform(-1, 1, flags["n"]), ()


def drawn(
    inputs: Array,
    labels: Array,
    *,
    width: int,
    gamma: float,
    alpha: float,
    activation: str = "relu",
    seed: int = 0,
    parameters: dict[str, float] | None = None,
    description: dict[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Instance:
    """Return an instance with fresh Gaussian weights; its ``redraw`` keeps data and labels.

    Raises
    ------
    BadInput
        If gamma, alpha or delta is out of range or the weights would not fit in memory.
    """
    delta = (parameters or {}).get("delta", 0.5)
    if not 0 < delta < 1:
        raise BadInput(f"--delta must lie in (0, 1), not {delta:g}: it is the allowed probability of failure")
    if width < 1:
        raise BadInput(f"--m must be at least 1, not {width}")
    weights, signs = gaussian_weights(width, inputs.shape[1], seed)
    about = {"n": len(inputs), "d": inputs.shape[1], "m": width, "seed": seed, **(description or {})}

    def redraw(instance: Instance, draw: int) -> Instance:
        return drawn(
            inputs, labels, width=width, gamma=gamma, alpha=alpha, activation=activation,
            seed=seed + 7919 * draw, parameters=parameters, description=description, notes=notes,
        )  # fmt: skip

    return Instance(
        inputs,
        labels,
        weights,
        signs,
        node_scales(width, gamma, alpha),
        ASYMMETRIC,
        read_activation(activation),
        {"gamma": gamma, "alpha": alpha, **(parameters or {})},
        about,
        notes,
        redraw,
    )


def described(flags: dict[str, Any]) -> dict[str, Any]:
    """Return what a report says of the flags: the data's name and every flag."""
    return {"data": flags["data"], "flags": dict(flags)}


#: no simulation is wider than this by default: beyond it a run takes minutes
WIDEST = 60_000_000


def build(flags: dict[str, Any], asks: sp.Expr, quantities: tuple[Quantity, ...]) -> Instance:
    """Build an instance from flags; ``asks`` is the width condition, used when the flag m is 0.

    Raises
    ------
    BadInput
        If a flag is out of range, or the width asked for is beyond :data:`WIDEST`.
    """
    inputs, labels, notes = data_of(flags)
    common: dict[str, Any] = {
        "gamma": flags["gamma"],
        "alpha": flags["alpha"],
        "activation": flags.get("activation", "relu"),
        "seed": flags["seed"],
        "parameters": {name: flags[name] for name in ("delta", "resolution") if name in flags},
        "description": {"data": flags["data"], "flags": dict(flags)},
        "notes": notes,
    }
    width = int(flags["m"])
    if width == 0:
        probe = Run(drawn(inputs, labels, width=1, **common))
        values = {
            part.symbol: float(part.measure(probe).value) for part in quantities if part.symbol in asks.free_symbols
        }
        needed = ends(enclose(asks, values))[1]
        if not needed <= WIDEST:
            raise BadInput(
                f"the theorem asks for m = {needed:.3g} nodes on these data, more than can be simulated here: "
                "give --m, and the verdict will say what is missing"
            )
        width = int(np.ceil(needed * (1 + 1e-9)))
    return drawn(inputs, labels, width=width, **common)


def adversarial(plan: InputPlan, label_plan: LabelPlan, activation: str) -> tuple[Array, Array, dict[str, Any]]:
    """Build hard inputs, and labels that look at the data and the limit Gram but not at the weights."""
    inputs = build_inputs(plan)
    # the Gram of the directions: that of huge or tiny inputs would leave the doubles
    gram = limit_gram(read_activation(activation), inputs / (np.max(np.abs(inputs)) or 1.0), inputs.shape[1] ** -0.5).matrix
    labels = build_labels(label_plan, inputs, gram)
    return inputs, labels, {"data": plan.kind, "inputs": vars(plan).copy(), "labels": vars(label_plan).copy()}
