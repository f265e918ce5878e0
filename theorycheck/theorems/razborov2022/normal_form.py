"""Lemma 1.1 of razborov2022: two rates are one rate and a rescaling, and what gradient flow conserves.

By homogeneity, ``w = s_W w~``, ``a = s_a a~`` makes the network with output scale kappa_0 and rates eta_1, eta_2 the one with
``kappa = kappa_0 s_W s_a``, ``eta_W = eta_1/s_W^2``, ``eta_a = eta_2/s_a^2`` and standard weights: every scheme is a point of
this normal form. Gradient flow conserves ``eta_a |w_j|^2 - eta_W a_j^2`` for each neuron, whatever gate a kink has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems._data import DATA, data_of, keyword_example
from theorycheck.theorems.razborov2022.statements import eta_a, eta_W, relu

m, d, n, eta, label_norm = sp.symbols("m d n eta |y|", positive=True)


@dataclass(frozen=True)
class Scheme:
    """An initialisation and its rates, as they are usually written.

    Parameters
    ----------
    first, second
        Standard deviations of the first layer's and the output weights' entries.
    scale
        Output scale kappa_0.
    rates
        Of the first layer and of the output weights.
    """

    first: sp.Expr
    second: sp.Expr
    scale: sp.Expr
    rates: tuple[sp.Expr, sp.Expr]

    @property
    def normal(self) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        """Return ``kappa, eta_W, eta_a`` of the normal form (Lemma 1.1)."""
        return self.scale * self.first * self.second, self.rates[0] / self.first**2, self.rates[1] / self.second**2

    @property
    def share(self) -> sp.Expr:
        """Return ``phi = eta_W/(eta_W + eta_a)`` (errata B19: some rate must be positive)."""
        _, inner, outer = self.normal
        return sp.simplify(inner / (inner + outer))


_ONE, _SMALL, _FROZEN = sp.S.One, 1 / sp.sqrt(m * d), sp.S.Zero
#: the dictionary of section 1; inputs have norm about sqrt d, but 1 for oymak (output weights of one size)
SCHEMES: Mapping[str, Scheme] = {
    "lecun": Scheme(1 / sp.sqrt(d), 1 / sp.sqrt(m), _ONE, (eta, eta)),
    "he": Scheme(sp.sqrt(2 / d), sp.sqrt(2 / m), _ONE, (eta, eta)),
    "ntk": Scheme(_ONE, _ONE, _SMALL, (eta, eta)),
    "ntk_unscaled": Scheme(_ONE, _ONE, 1 / sp.sqrt(m), (eta, eta)),
    "first": Scheme(_ONE, _ONE, _SMALL, (eta, _FROZEN)),
    "last": Scheme(_ONE, _ONE, _SMALL, (_FROZEN, eta)),
    "oymak": Scheme(_ONE, label_norm / sp.sqrt(m * n), _ONE, (eta, _FROZEN)),
}


def normal_form(name: str, width: int, dimension: int) -> tuple[float, float, float]:
    """Return kappa and the two rates of a scheme at eta = 1, as doubles.

    Raises
    ------
    BadInput
        If there is no such scheme, or it needs more than a width and a dimension.
    """
    known = [key for key, scheme in SCHEMES.items() if label_norm not in scheme.normal[0].free_symbols]
    if name not in known:
        raise BadInput(f"--scheme must be one of {', '.join(known)}, not {name!r}")
    kappa, first, second = (float(part.subs({m: width, d: dimension, eta: 1})) for part in SCHEMES[name].normal)
    return kappa, first, second


# --- what gradient flow conserves -------------------------------------------------------------------------

inner_0, inner_T, outer_0, outer_T = sp.symbols("u_0 u_T b_0 b_T", nonnegative=True)
#: of a neuron, at the start and at the last time
BEFORE, AFTER = eta_a * inner_0 - eta_W * outer_0, eta_a * inner_T - eta_W * outer_T


def squares(run: Run, inner: bool, end: bool) -> Measured:
    """Return ``|w_j|^2`` or ``a_j^2`` for each neuron, at the start or at the last time."""
    instance, path = run.instance, run.trajectory
    if path is None:
        raise NoTrajectory("this belongs to a flow: simulate the instance first")
    weights, outer = (path.final_weights, path.final_outer) if end else (instance.weights, None)
    signs = instance.signs if outer is None else outer[:, 0] / instance.output_scale
    value = np.sum(weights**2, axis=1) if inner else signs**2
    # the flow's own error: that of the weights where it is bounded, else what weights are good to
    scale = 1.0 if inner else 1 / instance.output_scale
    error = float(path.bound[-1, 1]) * scale if path.bound is not None else 0.0
    error += 1e-10 * (1 + float(np.sqrt(np.max(value)))) if end else 0.0
    return Measured(value, 2 * np.sqrt(value) * error + error**2 + 1e-15 * value)


def _quantity(symbol: sp.Symbol, says: str, inner: bool, end: bool) -> Quantity:
    return Quantity(symbol, says, partial(squares, inner=inner, end=end))


_OWN = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 3),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 5),
    "m": (Annotated[int, "number of neurons"], 30),
    "first": (Annotated[float, "rate of the first layer"], 1.0),
    "second": (Annotated[float, "rate of the output weights"], 1.0),
}


def _build(flags: dict[str, Any]) -> Instance:
    if flags["m"] < 1:
        raise BadInput(f"--m must be at least 1, not {flags['m']}")
    inputs, labels, notes = data_of(flags)
    made = _network(inputs, flags["m"], (flags["first"], flags["second"]), flags["seed"], {"data": flags["data"], "flags": dict(flags)})  # fmt: skip
    return replace(made.with_labels(labels), notes=notes)


def _network(inputs: Any, width: int, rates: tuple[float, float], seed: int, about: Mapping[str, Any]) -> Instance:
    rng = np.random.default_rng([seed, 7])
    weights, signs = rng.standard_normal((width, inputs.shape[1])), rng.standard_normal(width)
    return Instance(
        inputs, np.zeros(len(inputs)), weights, signs, np.ones(width), TWO_LAYER, activation("relu"), {}, about,
        rates=rates, output_scale=1 / np.sqrt(width),
    )  # fmt: skip


def _hard(size: int, width: int, rates: tuple[float, float], goal: float, seed: int) -> Instance:
    """Labels at a multiple of the output, of either sign: weights must shrink, grow or turn."""
    inputs = np.random.default_rng(seed).standard_normal((size, 2))
    made = _network(inputs, width, rates, seed, {"n": size, "m": width, "rates": list(rates), "goal": goal, "seed": seed})  # fmt: skip
    return made.with_labels(-goal * made.start[0])


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.integers(1, 2),
        st.sampled_from([1, 2, 5]),
        st.sampled_from([(1.0, 1.0), (1.0, 0.05), (0.05, 1.0), (4.0, 1.0)]),
        st.sampled_from([0.0, 0.2, -1.0, -5.0, 3.0]),
        st.integers(0, 10_000),
    )


_ASSUMED = (
    Assumption("ReLU", "the activation is max(0, z)", Bound(sp.S.One, relu)),
    Assumption("trained", "both layers move", Bound(sp.S.Zero, eta_W * eta_a, strict=True)),
)
_GIVEN = tuple(part.label for part in _ASSUMED)

CONSERVED = Theorem(
    label="razborov2022.conserved",
    title="Gradient flow at two rates conserves eta_a |w_j|^2 - eta_W a_j^2: neither layer of a neuron shrinks past the other's start",
    reference=Reference("razborov2022", "Lemma 1.1, the conserved quantity, section 1", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation="f = kappa sum_j a_j max(0, w_j . x), both layers trained, W at rate eta_W and a at rate eta_a; loss |f - y|^2/2. "
    "u and b: squares of a neuron's weights |w_j|^2 and a_j^2, at time 0 and at the last time T; one per neuron.",
    quantities=(
        _quantity(inner_0, "|w_0j|^2, one per neuron", inner=True, end=False),
        _quantity(inner_T, "|w_Tj|^2", inner=True, end=True),
        _quantity(outer_0, "a_0j^2", inner=False, end=False),
        _quantity(outer_T, "a_Tj^2", inner=False, end=True),
        Quantity(eta_W, "rate of the first layer", measure.constant(lambda run: run.instance.rates[0])),
        Quantity(eta_a, "rate of the output weights", measure.constant(lambda run: run.instance.rates[1])),
        Quantity(relu, "1 if the activation is max(0, z), else 0", measure.constant(lambda run: run.instance.activation.leak == 0.0)),
    ),
    assumptions=_ASSUMED,
    claims=with_looseness(
        (
            Claim("inner", "eta_a |w_Tj|^2 is at least eta_a |w_0j|^2 - eta_W a_0j^2", Bound(BEFORE, eta_a * inner_T), _GIVEN),
            Claim("outer", "eta_W a_Tj^2 is at least eta_W a_0j^2 - eta_a |w_0j|^2", Bound(-BEFORE, eta_W * outer_T), _GIVEN),
        ),
        inner=1.0, outer=1.0,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_OWN, **DATA}, Instance),
    instances=_instances,
    simulate=partial(follow, horizon=3.0, count=12),
    sabotages=(
        Claim("inner: never shrinks", "as if only output weights could shrink", Bound(eta_a * inner_0, eta_a * inner_T), _GIVEN, falsifies="inner"),
        Claim("inner: rates swapped", "eta_W |w|^2 - eta_a a^2", Bound(eta_W * inner_0 - eta_a * outer_0, eta_W * inner_T), _GIVEN, falsifies="inner"),
        Claim("outer: never shrinks", "as if only the first layer could shrink", Bound(eta_W * outer_0, eta_W * outer_T), _GIVEN, falsifies="outer"),
        Claim("outer: half the first layer", "as if |w|^2 counted half", Bound(eta_W * outer_0 - eta_a * inner_0 / 2, eta_W * outer_T), _GIVEN, falsifies="outer"),
    ),
    showcase=(
        {},
        {"second": 0.001},
        {"data": "breast_cancer", "rows": 3},
        {"data": "breast_cancer", "rows": 3, "second": 0.001},
    ),
)  # fmt: skip
