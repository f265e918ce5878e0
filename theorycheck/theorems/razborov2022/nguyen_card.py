"""Nguyen 2021, Theorem 2.2 for two layers, which razborov2022 improves on: both layers at one rate (section 3.6).

Restated through Theorem 7 of Cong, Ramezani and Mahdavi (graph operator norm 1); the rate 5/16 is derived here from the same
steps. Only the Gram of the last layer is used, and no gate is followed. (N1) is read at its best constants ``C_1`` and
``C_2``, where it is ``g < 1`` (errata B16); ``alpha_0`` is the n-th singular value of the features (errata B1).
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import State, descend
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.spectrum import least_eigenvalue, measured_least
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import meta
from theorycheck.theorems.razborov2022 import nguyen as f
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.certificates import guess
from theorycheck.theorems.razborov2022.examples import FLAGS, sized_data

LOOKED = (0, 1, 3, 30, 300)

least, now_1, now_2 = sp.symbols("sigma_k |W_1k| |W_2k|", nonnegative=True)
alpha_0, size_1, size_2 = f.alpha_0, f.first, f.second
_INTO = {f.loss: t.r_0**2 / 2, f.inputs_norm: o.X_F}

#: (N1) can be solved for C_1 and C_2 where this is below 1
G = f.g.xreplace(_INTO)
C_1, C_2 = (one.xreplace(_INTO) for one in f.BEST)
#: what the layers stay within
WITHIN_1, WITHIN_2 = size_1 + C_1, size_2 + C_2
TESTS = {name: expr.xreplace(_INTO) for name, expr in f.TESTS.items()}
#: (N4), times what stands below: the largest step
STEP = sp.Min(8 / alpha_0**2, WITHIN_2**2 / (o.X_F**2 * (WITHIN_1**2 + WITHIN_2**2) ** 2))

_ASSUMED = (
    s.RELU,
    Assumption("one rate", "both layers have the same rate", Bound(sp.Abs(t.eta_W - t.eta_a), sp.S.Zero)),
    Assumption("no scale", "the output has no scale of its own", Bound(sp.Abs(t.kappa - 1), sp.S.Zero)),
    Assumption("features definite", "as many features as samples", Bound(sp.S.Zero, alpha_0, strict=True)),
    Assumption("weights not all 0", "some initial weight is not 0", Bound(sp.S.Zero, size_1 + size_2, strict=True)),
    Assumption("N1", "the layers need not move far", Bound(TESTS["N1"], sp.S.One, strict=True)),
    Assumption("N2", "the features keep half of alpha_0", Bound(TESTS["N2"], sp.S.One)),
    Assumption("N3", "the first layer hardly disturbs the last", Bound(TESTS["N3"], sp.S.One)),
    Assumption("N4", "the step is small enough", Bound(t.eta_W, STEP)),
)  # fmt: skip
_GIVEN = tuple(part.label for part in _ASSUMED)
_NO_STEP = tuple(name for name in _GIVEN if name != "N4")
_GAIN = t.eta_W * alpha_0**2

_CLAIMS = (
    meta.contraction(_GAIN / 8, "eta alpha_0^2/8 (restated)", _GIVEN),
    Claim("derived", "and even 5/16 for that 1/8 (derived here, errata I6)", Bound(5 * _GAIN / 16, meta.TAKEN), _GIVEN),
    Claim("first", "the first layer's norm stays below |W_1| + C_1", Bound(now_1, WITHIN_1), _GIVEN),
    Claim("last", "the last layer's norm stays below |W_2| + C_2", Bound(now_2, WITHIN_2), _GIVEN),
    Claim("features", "the features keep half of their n-th singular value", Bound(alpha_0 / 2, least), _GIVEN),
)  # fmt: skip
_SABOTAGES = (
    Claim("contraction: times forty", "the limit's rate and more", Bound(5 * _GAIN, meta.TAKEN), _GIVEN, falsifies="contraction"),
    Claim("contraction: any step", "however large", _CLAIMS[0].bound, _NO_STEP, falsifies="contraction"),
    Claim("derived: times sixteen", "the limit's rate and more", Bound(5 * _GAIN, meta.TAKEN), _GIVEN, falsifies="derived"),
    Claim("first: stays", "it does not grow at all", Bound(now_1, size_1), _GIVEN, falsifies="first"),
    Claim("last: stays", "it does not grow at all", Bound(now_2, size_2), _GIVEN, falsifies="last"),
    Claim("features: all of it", "nothing is lost", Bound(alpha_0, least), _GIVEN, falsifies="features"),
)  # fmt: skip


# --- measures ------------------------------------------------------------------------------------------


def nth_singular(inputs: Array, weights: Array) -> Measured:
    """Return the n-th singular value of ``s(X W')`` ``(n, m)``: 0 if there are fewer neurons than samples (B1)."""
    features = np.maximum(inputs @ weights.T, 0.0)
    if len(weights) < len(inputs):
        return Measured(0.0)
    gram = features @ features.T
    if not np.all(np.isfinite(gram)):
        return Measured(np.nan)
    doubt = (16 + 4 * (inputs.shape[1] + len(weights))) * np.finfo(float).eps * float(np.trace(gram))
    found = measured_least(least_eigenvalue(gram, doubt))
    low, high = (max(float(found.value + sign * found.error), 0.0) for sign in (-1, 1))
    return Measured.between(math.sqrt(low), math.sqrt(high))


def _norm(matrix: Array) -> Measured:
    value = float(np.linalg.norm(matrix, 2)) if np.all(np.isfinite(matrix)) else math.nan
    return Measured(value, 1e-13 * abs(value))


def _seen(name: str) -> measure.Measure:
    def read(run: Run) -> Measured:
        """Return what was looked at after each step."""
        found = measure.descended(run).quantities[name]
        return Measured(found[1:, 0], found[1:, 1])

    return read


def _look(state: State) -> dict[str, Measured]:
    net = state.network
    return {"least": nth_singular(net.inputs, net.weights), "first": _norm(net.weights), "last": _norm(net.outer)}


def _entry(name: str) -> Any:
    def read(state: State) -> Array:
        found = _look(state)[name]
        return np.array([float(found.value), float(found.error)])

    return read


def simulate(instance: Instance) -> Run:
    """Descend by unit steps, looking after :data:`LOOKED` of them; the rates are the step sizes."""
    looks = {name: _entry(name) for name in ("least", "first", "last")}
    found = descend(instance, step=1.0, steps=LOOKED[-1], record=LOOKED, quantities=looks)
    return Run(instance, notes=(found.note,) if found.note else (), descent=found)


_QUANTITIES = (
    *(part for part in s.SHARED if part.symbol in (t.r_0, t.kappa, t.eta_W, t.eta_a, s.relu)),
    Quantity(o.X_F, "Frobenius norm of the inputs", i.input_size),
    Quantity(alpha_0, "n-th singular value of the features s(X W') at time 0", lambda run: nth_singular(run.instance.inputs, run.instance.weights)),
    Quantity(size_1, "spectral norm of the first layer at time 0", lambda run: _norm(run.instance.weights)),
    Quantity(size_2, "norm of the output weights at time 0", lambda run: _norm(run.instance.signs[:, None])),
    Quantity(meta.fallen, "log(L_0/L_k)/k", measure.fallen_per_step),
    Quantity(least, "n-th singular value of the features after k steps", _seen("least")),
    Quantity(now_1, "spectral norm of the first layer after k steps", _seen("first")),
    Quantity(now_2, "norm of the output weights after k steps", _seen("last")),
)  # fmt: skip


# --- the test on a draw ----------------------------------------------------------------------------------


def _sizes(inputs: Array, weights: Array, outer: Array) -> dict[sp.Symbol, float]:
    return {
        f.inputs_norm: float(np.linalg.norm(inputs)), alpha_0: float(nth_singular(inputs, weights).value),
        size_1: float(np.linalg.norm(weights, 2)), size_2: float(np.linalg.norm(outer)),
    }  # fmt: skip


def ratio(inputs: Array, weights: Array, outer: Array, residual: float) -> float:
    """Return by how much a draw fails (N1) to (N3), at most 1 where it passes: the condition that R2 is compared with.

    ``weights`` ``(m, d)`` and ``outer`` ``(m,)`` in the network's own size (LeCun: variances 1/d and 1/m), ``residual``
    ``|f_0 - y|``.
    """
    return f.ratio({f.loss: residual**2 / 2, **_sizes(inputs, weights, outer)})


def _placed(made: Instance, level: float, share: float, top: bool) -> Instance:
    """Put the labels at ``level`` times the residual that the draw allows, and the rates at that share of the largest step."""
    inputs, weights, outer = made.inputs, made.weights, made.signs
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = math.sqrt(max(low, 1e-12) * high)
        low, high = (middle, high) if ratio(inputs, weights, outer, middle) <= 1 else (low, middle)
    features = np.maximum(inputs @ weights.T, 0.0)
    towards = np.linalg.eigh(features @ features.T)[1][:, -1 if top else 0]
    return _stepped(made, features @ outer + level * (low or 1.0) * towards, share)


def _stepped(made: Instance, labels: Array, share: float) -> Instance:
    """Return the instance with these labels, and the rates at a share of the largest step that they allow."""
    inputs, weights, outer = made.inputs, made.weights, made.signs
    known = _sizes(inputs, weights, outer)
    residual = float(np.linalg.norm(np.maximum(inputs @ weights.T, 0.0) @ outer - labels))
    known |= {t.r_0: residual, o.X_F: known[f.inputs_norm]}
    step = share * guess(STEP, known) if known[alpha_0] > 0 else 1e-3
    step = step if math.isfinite(step) else 1e-3
    plain = {**vars_of(made), "rates": (step, step)}
    return Instance(**plain).with_labels(labels)


def vars_of(made: Instance) -> dict[str, Any]:
    """Return what an instance is made of, without its redraw: labels stay with these weights."""
    names = (
        "inputs",
        "labels",
        "weights",
        "signs",
        "scales",
        "neuron",
        "activation",
        "parameters",
        "description",
        "notes",
    )
    return {name: getattr(made, name) for name in names}


def _network(
    inputs: Array, m: int, last: float, seed: int, about: dict[str, Any], notes: tuple[str, ...] = ()
) -> Instance:
    d = inputs.shape[1]
    made = s.network(inputs, m, (1.0, 1.0), 1.0, seed, about)
    plain = vars_of(made) | {
        "weights": made.weights / math.sqrt(d),
        "signs": last * made.signs / math.sqrt(m),
        "notes": notes,
    }
    return Instance(**plain)


_FLAGS: dict[str, tuple[Any, Any]] = {
    **{name: part for name, part in FLAGS.items() if name not in ("scheme", "lazy", "step", "residual", "signs", "mirrored", "draw")},
    "m": (Annotated[int, "number of neurons"], 2000),
    "last": (Annotated[float, "size of the output weights: 1 for LeCun, near 0 for a network that starts at 0"], 0.1),
    "level": (Annotated[float, "labels at this share of the distance from the output that the test allows; 0 leaves them"], 0.9),
    "share": (Annotated[float, "the step, over the largest one"], 1.0),
}  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if flags["m"] < 1 or not flags["level"] >= 0 or not flags["share"] > 0:
        raise BadInput(
            "--m must be at least 1, --share positive, and --level positive, or 0 for the labels of the data"
        )
    inputs, labels, notes = sized_data(flags)
    made = _network(
        inputs, flags["m"], flags["last"], flags["seed"], {"data": flags["data"], "flags": dict(flags)}, notes
    )
    share = min(flags["share"], 1e6) * (1 - 1e-9)
    return _placed(made, flags["level"], share, False) if flags["level"] else _stepped(made, labels, share)


def _hard(kind: str, n: int, width: int, last: float, level: float, share: float, top: bool, seed: int) -> Instance:
    inputs = build_inputs(InputPlan(kind, n, n + 1, seed, 1)) * math.sqrt(n + 1)
    made = _network(inputs, width, last, seed, {"data": kind, "last": last, "level": level, "share": share})
    return _placed(made, level, share, top)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        kind=st.sampled_from(["orthogonal", "sphere", "near_parallel", "duplicate"]),
        n=st.integers(1, 3),
        width=st.sampled_from([300, 4]),
        last=st.sampled_from([0.1, 1e-3, 1.0, 0.0]),
        level=st.sampled_from([0.999, 0.3, 50.0]),
        share=st.sampled_from([1 - 1e-9, 0.1, 1e5]),
        top=st.booleans(),
        seed=st.integers(0, 10_000),
    )


NGUYEN = Theorem(
    label="razborov2022.nguyen",
    title="Both layers of a wide network at one rate: a test of the initial features, after Nguyen",
    reference=Reference(
        "razborov2022", "Nguyen 2021 (arXiv:2101.09612), Theorem 2.2 for two layers, section 3.6",
        "restated via Cong, Ramezani and Mahdavi, On Provable Benefits of Depth in Training GCNs, Theorem 7; the claim 'derived' is ours",
    ),
    standing=Standing.RESTATED,
    notation=(
        "n samples, f = s(X W_1) W_2 in the network's own size, both layers trained by gradient descent at one rate eta_W = eta_a; "
        "loss |f - y|^2/2. alpha_0: the n-th singular value of s(X W_1) at time 0; C_1, C_2 are the best constants of (N1)."
    ),
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, contraction=16.0, derived=6.4, first=1.0, last=4.5, features=2.0),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, _FLAGS, Instance),
    instances=_instances,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=({"n": 3, "d": 10}, {"data": "breast_cancer", "rows": 3, "m": 4000}),
)  # fmt: skip
