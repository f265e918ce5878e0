"""R1: the first step of gradient descent from a symmetric start, with a decay that forgets the start, is the simplified gradient.

``w_i <- eta c_0 a_i G(w_i, b_i)`` and ``a_i <- eta c_0 E[y max(<w_i, x> - b_i, 0)]``. The step is made by the package's own
descent, from the loss of the whole network; the right sides know neither the other neurons nor the output.
"""

from __future__ import annotations

from functools import lru_cache
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
from theorycheck.flow.descent import descend
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.shi2023 import setting as s

eta, slope = sp.symbols("eta c_0", positive=True)
moved_along, moved_a_along = sp.symbols("P_W P_a", real=True)
moved, moved_a, size, size_a, unpaired, margin, forgotten = sp.symbols(
    "|W_1| |a_1| |aG| |E_s| U_0 h_0 s_lambda", nonnegative=True
)
#: relative accuracy to which equality is stated; that of floating point is ten times better at least
TAU = sp.Rational(1, 10**11)
LOSSES = tuple(s.LOSS)


@lru_cache(maxsize=8)
def _step(instance: Instance) -> tuple[s.Array, s.Array, s.Array, s.Array]:
    """Return first layer and output weights after the step, and what R1 says of them, without eta c_0."""
    rate = instance.parameters["eta"]
    after = descend(
        instance, step=rate, steps=1, loss=LOSSES[int(instance.parameters["loss"])], mean=True,
        decay=instance.parameters["forgotten"] / rate, record=[1],
    ).network  # fmt: skip
    gradient, active = s.empirical_gradients(instance)
    return after.weights, after.outer[:, 0], instance.signs[:, None] * gradient, active


def _doubt(instance: Instance) -> tuple[float, float]:
    """Return bounds on the rounding of the two vectors: of sums of this many terms of this size, and of the output."""
    terms = np.finfo(float).eps * (instance.n + instance.d + 16)
    norms, outer = np.linalg.norm(instance.inputs, axis=1), np.abs(instance.signs)
    lengths, biases = np.linalg.norm(instance.weights, axis=1), np.abs(s.biases_of(instance))
    active, force = _forces(instance, np.outer(norms, lengths) + biases)
    return (
        float(np.linalg.norm(outer)) * (terms * instance.d**0.5 * float(norms.mean()) + float(np.mean(force * norms))),
        terms * float(np.linalg.norm(norms.max() * lengths + biases))
        + float(np.linalg.norm(force @ active)) / instance.n,
    )


def _forces(instance: Instance, sizes: s.Array) -> tuple[s.Array, s.Array]:
    """Return what neurons put out, ``(n, m)``, and how far the forces ``(n,)`` are off: the output is 0, but for rounding.

    ``sizes`` are ``|w| |x| + |b|``, ``(n, m)``, of what is summed up to a neuron's output.
    """
    active = np.maximum(instance.inputs @ instance.weights.T - s.biases_of(instance), 0.0)
    rounded = (instance.m * active + instance.d * np.where(active > 0, sizes, 0.0)) @ np.abs(instance.signs)
    off = np.finfo(float).eps / 2 * rounded
    # the slope of the logistic loss is 1/4-Lipschitz, the hinge's is the same up to its kink
    logistic = LOSSES[int(instance.parameters["loss"])] == "logistic"
    return active, off / 4 if logistic else np.where(off < 1, 0.0, np.inf)


def _along(layer: int, run: Run) -> Measured:
    """Return the length of the step along the predicted direction; 0 if nothing is predicted."""
    found, predicted, doubt = _step(run.instance)[layer], _step(run.instance)[2 + layer], _doubt(run.instance)[layer]
    length = float(np.linalg.norm(predicted))
    value = float(np.sum(found * predicted)) / length if length > 0 else 0.0
    return Measured(value, 2 * run.instance.parameters["eta"] * doubt)


def _size(index: int, run: Run) -> Measured:
    scale = run.instance.parameters["eta"] if index < 2 else 1.0
    return Measured(float(np.linalg.norm(_step(run.instance)[index])), 2 * scale * _doubt(run.instance)[index % 2])


def _unpaired(run: Run) -> Measured:
    """Return by how much the start misses its symmetry; exact."""
    own = run.instance
    if own.m % 4:
        return Measured(1.0, 0.0, rigorous=True)
    quarter = own.m // 4
    pattern = s.quadruples(own.weights[:quarter], own.signs[:quarter], 0.0)
    biases = s.biases_of(own)[:quarter]
    gaps = (own.weights - pattern[0], own.signs - pattern[1], s.biases_of(own) - np.concatenate([biases, biases, -biases, -biases]))  # fmt: skip
    return Measured(max(float(np.max(np.abs(gap), initial=0.0)) for gap in gaps), 0.0, rigorous=True)


def _margin(run: Run) -> Measured:
    return s.gate_margin(run.instance.inputs, run.instance.weights, s.biases_of(run.instance))


def _slope(run: Run) -> float:
    return float(s.start_slope(LOSSES[int(run.instance.parameters["loss"])]))


_QUANTITIES = (
    Quantity(eta, "step size", measure.parameter("eta")),
    Quantity(slope, "c_0, minus the slope of the loss at output 0", measure.constant(_slope)),
    Quantity(moved, "Frobenius norm of the first layer after the step", lambda run: _size(0, run)),
    Quantity(moved_a, "norm of the output weights after the step", lambda run: _size(1, run)),
    Quantity(size, "norm of all a_i G(w_i, b_i)", lambda run: _size(2, run)),
    Quantity(size_a, "norm of all E[y max(<w_i, x> - b_i, 0)]", lambda run: _size(3, run)),
    Quantity(moved_along, "length of the first layer after the step along a_i G(w_i, b_i)", lambda run: _along(0, run)),
    Quantity(moved_a_along, "length of the output weights after the step along E[y max(<w_i, x> - b_i, 0)]", lambda run: _along(1, run)),
    Quantity(unpaired, "by how much the start misses its symmetry", _unpaired),
    Quantity(margin, "least |<w_i, x> - b_i|", _margin),
    Quantity(forgotten, "step times decay", measure.parameter("forgotten")),
)  # fmt: skip
_ASSUMED = (
    Assumption("symmetric start", "neurons come in quadruples, so the output is 0", Bound(unpaired, sp.S.Zero)),
    Assumption("forgets", "decay is at least 1/eta", Bound(sp.S.One, forgotten)),
    Assumption("no more", "decay is at most 1/eta", Bound(forgotten, sp.S.One)),
    Assumption("no kink", "no sample is on a kink", Bound(sp.S.Zero, margin, strict=True)),
)
_GIVEN = tuple(part.label for part in _ASSUMED)
_PREDICTED, _PREDICTED_A = eta * slope * size, eta * slope * size_a
_CLAIMS = (
    Claim("along", "the first layer has eta c_0 |aG| along a_i G(w_i, b_i)", Bound((1 - TAU) * _PREDICTED, moved_along), _GIVEN),
    Claim("whole", "and that is all of it", Bound(moved, (1 + TAU) * _PREDICTED), _GIVEN),
    Claim("outer along", "the same for the output weights", Bound((1 - TAU) * _PREDICTED_A, moved_a_along), _GIVEN),
    Claim("outer whole", "and that is all of them", Bound(moved_a, (1 + TAU) * _PREDICTED_A), _GIVEN),
)  # fmt: skip


def _without(name: str) -> tuple[str, ...]:
    return tuple(one for one in _GIVEN if one != name)


_SABOTAGES = (
    Claim("along: slope 1", "as if every loss had slope -1 at 0", Bound((1 - TAU) * eta * size, moved_along), _GIVEN, falsifies="along"),
    Claim("whole: half", "half of it", Bound(moved, _PREDICTED / 2), _GIVEN, falsifies="whole"),
    Claim("whole: little decay", "the start need not be forgotten", Bound(moved, (1 + TAU) * _PREDICTED), _without("forgets"), falsifies="whole"),
    Claim("along: any start", "the output may be anything", Bound((1 - TAU) * _PREDICTED, moved_along), _without("symmetric start"), falsifies="along"),
    Claim("outer along: slope 1", "as if every loss had slope -1 at 0", Bound((1 - TAU) * eta * size_a, moved_a_along), _GIVEN, falsifies="outer along"),
    Claim("outer whole: little decay", "the start need not be forgotten", Bound(moved_a, (1 + TAU) * _PREDICTED_A), _without("forgets"), falsifies="outer whole"),
)  # fmt: skip

_OWN = {
    "bias": (Annotated[float, "size of the biases"], 0.3),
    "eta": (Annotated[float, "step size"], 0.5),
    "loss": (Annotated[str, "hinge or logistic"], "logistic"),
}


def _made(inputs: s.Array, labels: s.Array, plan: dict[str, Any], about: dict[str, Any], notes: tuple[str, ...] = ()) -> Instance:  # fmt: skip
    generator = np.random.default_rng([plan["seed"], 23])
    weights = plan.get("scale", 1.0) * generator.standard_normal((plan["m"], inputs.shape[1]))
    parts = s.quadruples(weights, generator.standard_normal(plan["m"]), plan["bias"])
    if plan.get("odd"):
        parts = parts[0], parts[1] * np.linspace(1, 2, len(parts[1])), parts[2]
    numbers = {"eta": plan["eta"], "loss": float(LOSSES.index(plan["loss"])), "forgotten": plan.get("forgotten", 1.0)}
    return s.network(inputs, labels, *parts, parameters=numbers, description=about, notes=notes)


def _build(flags: dict[str, Any]) -> Instance:
    if flags["loss"] not in LOSSES:
        raise BadInput(f"--loss must be {' or '.join(LOSSES)}, not {flags['loss']!r}")
    if not 0 < flags["eta"] < np.inf or not np.isfinite(flags["bias"]):
        raise BadInput(f"--eta must be positive and --bias finite, not {flags['eta']:g} and {flags['bias']:g}")
    if flags["m"] < 1:
        raise BadInput(f"--m must be at least 1, not {flags['m']}")
    inputs, labels, notes = s.classes(flags)
    return _made(inputs, labels, flags, {"data": flags["data"], "flags": dict(flags)}, notes)


def _hard(kind: str, n: int, plan: dict[str, Any], about: tuple[float, bool, float, int]) -> Instance:
    forgotten, odd, scale, seed = about
    inputs = build_inputs(InputPlan(kind, n, 3, seed, 1))
    labels = np.random.default_rng([seed, 3]).choice([-1.0, 1.0], n)
    about_all = {**plan, "forgotten": forgotten, "odd": odd, "scale": scale, "m": 2, "seed": seed, "kind": kind}
    return _made(inputs, labels, about_all, {**about_all, "n": n})


def _instances() -> SearchStrategy[Instance]:
    plans = st.fixed_dictionaries(
        {"loss": st.sampled_from(LOSSES[::-1]), "bias": st.sampled_from([0.3, 0.0, 3.0, -0.5]), "eta": st.sampled_from([0.5, 1e-3, 300.0])}
    )  # fmt: skip
    about = st.tuples(st.sampled_from([1.0, 0.5]), st.booleans(), st.sampled_from([1.0, 0.01, 30.0, 1e8]), st.integers(0, 10_000))  # fmt: skip
    kinds = st.sampled_from(["sphere", "gaussian", "duplicate", "antiparallel", "zero_row", "near_parallel", "lattice"])
    return st.builds(_hard, kinds, st.sampled_from([4, 1, 2, 7]), plans, about)


FIRST_STEP = Theorem(
    label="shi2023.first_step",
    title="The first step of gradient descent from a symmetric start is the simplified gradient, neuron by neuron",
    reference=Reference("shi2023", "R1, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " Decay 1/eta in the first step; the loss is a mean over samples.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, along=1.0, whole=1.0, outer_along=1.0, outer_whole=1.0),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**s.SIZES, **_OWN, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"loss": "hinge", "bias": 0.0}, {"data": "breast_cancer", "rows": 40}),
)
