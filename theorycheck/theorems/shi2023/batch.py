"""R8.5: the first step on a batch of n fresh samples finds nearly the population's gradients (errata U3).

``E|G_n - G|^2 = (E[y^2 |x|^2 1{<w, x> > b}] - |G|^2)/n <= B_2/n``, so by Chebyshev all M neurons have ``|G_n - G| <= zeta B_G`` but with
chance ``M B_2/(n zeta^2 B_G^2)``; and a feature up to gamma is one up to ``(gamma^(1/2) + zeta)^2`` then. The population is finite, the
instance's rows; a draw takes n of them, with repetition. The same batch serves all neurons.
"""

from __future__ import annotations

import math
from dataclasses import replace
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
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.shi2023 import setting as s

neurons, n, zeta = sp.symbols("M n zeta", positive=True)
B_2, length, spread, worst = sp.symbols("B_2 B_G V delta_max", nonnegative=True)
gamma, off, gamma_n = sp.symbols("gamma zeta_i gamma_n", nonnegative=True)
TAU = sp.Rational(1, 10**12)

SPREAD = B_2 / n
#: how far gradients may be off, and by Chebyshev and the union over the neurons how likely one is farther
NEAR = zeta * length
FAILURE = neurons * SPREAD / NEAR**2
#: gamma' of errata U3: its root is the sum, as distances of unit vectors are
GAMMA = (sp.sqrt(gamma) + off) ** 2


@lru_cache(maxsize=16)
def _found(instance: Instance) -> dict[str, Any]:
    """Return G, G_n of this draw, the mean square of their distance, and the angles with D, the direction of the longest G."""
    given = instance.parameters
    gates = (instance.inputs @ instance.weights.T - s.biases_of(instance) > 0).astype(float)
    rows = instance.labels[:, None] * instance.inputs
    whole, count = gates.T @ rows / instance.n, int(given["samples"])
    drawn = np.random.default_rng([int(given["seed"]), int(given["draw"]), 127]).multinomial(count, np.full(instance.n, 1 / instance.n))  # fmt: skip
    batch = (gates * (drawn / count)[:, None]).T @ rows
    squares = np.sum(rows**2, axis=1)
    lengths, lengths_n = np.linalg.norm(whole, axis=1), np.linalg.norm(batch, axis=1)
    longest = int(np.argmax(lengths))
    direction = whole[longest] / (lengths[longest] or 1.0)
    kept = (lengths >= given["share"] * lengths[longest]) & (lengths_n > 0)
    with np.errstate(all="ignore"):
        units, units_n = whole[kept] / lengths[kept, None], batch[kept] / lengths_n[kept, None]
        off_by = np.linalg.norm(batch - whole, axis=1)
        # 1 - cos is half the squared distance of unit vectors, which loses no digits
        return {
            "spread": np.max(gates.T @ squares / instance.n - lengths**2) / count, "worst": float(off_by.max()),
            "length": given["share"] * float(lengths[longest]), "B_2": float(squares.mean()),
            "gamma": np.sum((units - direction) ** 2, axis=1) / 2, "gamma_n": np.sum((units_n - direction) ** 2, axis=1) / 2,
            "off": off_by[kept] / lengths[kept],
        }  # fmt: skip


def _read(name: str) -> measure.Measure:
    def read(run: Run) -> Measured:
        value = np.asarray(_found(run.instance)[name])
        return Measured(value, 1e-13 * (1 if name in ("gamma", "gamma_n", "off") else _found(run.instance)["B_2"] ** 0.5) + 1e-12 * np.abs(value))  # fmt: skip

    return read


_QUANTITIES = (
    s.UNSIGNED,
    Quantity(neurons, "number of neurons, all with their own weights", measure.constant(lambda run: run.instance.m)),
    Quantity(n, "size of the batch", measure.parameter("samples")),
    Quantity(zeta, "share of B_G that a gradient may be off", measure.parameter("zeta")),
    Quantity(B_2, "E|x|^2", _read("B_2")),
    Quantity(length, "B_G: a share of the longest G", _read("length")),
    Quantity(spread, "largest E|G_n - G|^2 of a neuron, over the batches", _read("spread")),
    Quantity(worst, "largest |G_n - G| of a neuron", _read("worst")),
    Quantity(gamma, "1 - cos(G, D) of neurons with |G| >= B_G, D the longest one's direction", _read("gamma")),
    Quantity(gamma_n, "1 - cos(G_n, D) of the same", _read("gamma_n")),
    Quantity(off, "|G_n - G|/|G| of the same", _read("off")),
)  # fmt: skip
_ASSUMED = (
    s.SIGNS,
    Assumption("a chance", "the batch is large enough to say something", Bound(FAILURE, sp.S.One, strict=True)),
    Assumption("some gradient", "B_G is positive", Bound(sp.S.Zero, length, strict=True)),
    Assumption("near", "gradients are off by less than their length", Bound(off, sp.S.One, strict=True)),
)
_SIGNS, _CHANCY, _SURE = ("labels",), ("labels", "some gradient", "a chance"), ("some gradient", "near")
_CLAIMS = (
    Claim("spread", "a gradient of a batch is little off, in the mean square", Bound(spread, SPREAD), _SIGNS),
    Claim("all near", "so all of them are little off, together", Bound(worst, NEAR), _CHANCY, 1 - FAILURE),
    Claim("direction", "and features stay features", Bound(gamma_n, GAMMA + TAU), _SURE),
)
_SABOTAGES = (
    Claim("spread: half", "half of it", Bound(spread, SPREAD / 2), _SIGNS, falsifies="spread"),
    Claim("all near: a sixteenth", "sixteen times as near", Bound(worst, NEAR / 16), _CHANCY, 1 - FAILURE, falsifies="all near"),
    Claim("direction: no batch", "as if the batch were the population", Bound(gamma_n, gamma + TAU), _SURE, falsifies="direction"),
    Claim("direction: squares", "as if what is off were at right angles", Bound(gamma_n, gamma + off**2 / 2 + TAU), _SURE, falsifies="direction"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _drawn(blank: Instance, draw: int) -> Instance:
    def redraw(again: Instance, draw: int) -> Instance:
        return _drawn(again, draw)

    return replace(blank, parameters={**blank.parameters, "draw": float(draw)}, redraw=redraw)


def _made(inputs: s.Array, labels: s.Array, weights: s.Array, bias: float, plan: dict[str, Any], about: dict[str, Any], notes: tuple[str, ...] = ()) -> Instance:  # fmt: skip
    """Return the instance; a size 0 of the batch stands for one that is good enough with chance 1/2."""
    numbers = {"samples": 1.0, "zeta": plan["zeta"], "share": plan["share"], "seed": float(plan["seed"])}
    made = _drawn(s.network(inputs, labels, weights, np.ones(len(weights)), np.full(len(weights), bias), parameters=numbers, description=about, notes=notes), 0)  # fmt: skip
    if not (count := plan["samples"]):
        at = _found(made)
        if not at["length"] > 0:
            raise BadInput("no neuron has a gradient on these data: take a smaller --bias")
        count = math.ceil(2 * float(FAILURE.subs({neurons: made.m, B_2: at["B_2"], n: 1, zeta: plan["zeta"], length: at["length"]})))  # fmt: skip
    return replace(made, parameters={**made.parameters, "samples": float(count)})


def _build(flags: dict[str, Any]) -> Instance:
    if not (0 < flags["zeta"] < 1 and 0 < flags["share"] <= 1 and 0 <= flags["samples"] < 2**53 and flags["m"] >= 1):
        raise BadInput(f"--zeta must lie in (0, 1), --share in (0, 1], --samples be at least 0 and --m at least 1, not {flags['zeta']:g}, {flags['share']:g}, {flags['samples']}, {flags['m']}")  # fmt: skip
    inputs, labels, notes = s.classes(flags)
    weights = np.random.default_rng([flags["seed"], 131]).standard_normal((flags["m"], inputs.shape[1]))
    return _made(inputs, labels, weights, flags["bias"], flags, {"data": flags["data"], "flags": dict(flags)}, notes)


def _hard(kind: str, rows: int, bias: float, plan: dict[str, Any]) -> Instance:
    generator = np.random.default_rng([plan["seed"], 137])
    if kind == "rare":  # a sample that is long and seldom seen
        inputs = np.ones((20, 2))
        inputs[0] = 30.0, -30.0
    else:
        inputs = build_inputs(InputPlan(kind, rows, 2, plan["seed"], 1))
    labels = generator.choice([-1.0, 1.0], len(inputs))
    labels[0] = 1.0
    weights = generator.standard_normal((plan["m"], 2))
    return _made(inputs, labels, weights, bias, plan, {"kind": kind, "rows": rows, "bias": bias, **plan})


def _instances() -> SearchStrategy[Instance]:
    plans = st.fixed_dictionaries(
        {
            "zeta": st.sampled_from([0.5, 0.2, 0.9]), "share": st.sampled_from([1.0, 0.3]), "samples": st.sampled_from([1, 5, 300, 10**5]),
            "m": st.sampled_from([1, 4, 20]), "seed": st.integers(0, 10_000),
        }
    )  # fmt: skip
    return st.builds(_hard, st.sampled_from(["gaussian", "sphere", "rare", "duplicate", "antiparallel"]), st.sampled_from([8, 2, 30]), st.sampled_from([-100.0, 0.0, 0.3]), plans)  # fmt: skip


_FLAGS = {
    **s.SIZES,
    "bias": (Annotated[float, "bias of every neuron"], -0.5),
    "zeta": (Annotated[float, "share of B_G that a gradient may be off, in (0, 1)"], 0.5),
    "share": (Annotated[float, "B_G as a share of the longest gradient"], 0.5),
    "samples": (Annotated[int, "size of the batch; 0 for one that is good enough with chance 1/2"], 0),
}
BATCH = Theorem(
    label="shi2023.batch",
    title="The first step on a batch: gradients, and so features, are nearly those of the population",
    reference=Reference("shi2023", "R8.5, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " The instance's rows are the population; G_n is G of a batch of n of them. B_2 = E|x|^2.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, spread=1.17, all_near=2.9, direction=2.16),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"data": "breast_cancer", "columns": "0,1,2,3,4", "rows": 100}),
)
