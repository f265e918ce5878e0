"""R7a: linearly separated data whose mean feature separates them. A short neuron with a negative bias is always on (errata W6).

``E[y x] = rho w*`` defines w*; the data need ``y <w*, x> >= beta > 0``. Where ``|w| < b~/B_x`` and ``b = -b~`` every sample
passes the gate, so ``G = rho w*`` exactly, and both (w*, -1) and (-w*, -1) are in S with any gamma, ``B_G = rho`` and
``p = P(chi_d < b~/(sigma_w B_x))``.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.stats import chi2

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import SYNTHETIC, keyword_example
from theorycheck.theorems.shi2023 import hits
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import Kinks

rho, beta = sp.Symbol("rho", nonnegative=True), sp.Symbol("beta", real=True)
bias, largest, short = sp.symbols("b B_x N_short", nonnegative=True)
along, length, along_longer, fitted = sp.symbols("g_w |G| g_w' z_f", real=True)
always, always_twice, seen = sp.symbols("p p_2 P_hit", nonnegative=True)
#: room for rounding in equalities
TAU = sp.Rational(1, 10**9)
_EPS = float(np.finfo(float).eps)


@lru_cache(maxsize=16)
def feature(instance: Instance) -> tuple[s.Array, float, float]:
    """Return w*, rho and beta of the instance's data; w* is 0 where ``E[y x]`` is."""
    mean = instance.labels @ instance.inputs / instance.n
    size = float(np.linalg.norm(mean))
    direction = mean / size if size > 0 else mean
    return direction, size, float(np.min(instance.labels * (instance.inputs @ direction)))


def largest_norm(instance: Instance) -> float:
    """Return B_x, the length of the longest input, rounded up."""
    return float(np.max(np.linalg.norm(instance.inputs, axis=1))) * (1 + 4 * instance.d * _EPS)


def truth(instance: Instance) -> tuple[s.Array, Kinks]:
    """Return w* and the two-neuron network ``<w*, x>/beta`` on the data, as a function of ``<w*, x>``, which may be folded."""
    direction, _, least = feature(instance)
    size = largest_norm(instance)
    return direction, Kinks(np.array([1.0, -1.0]) / (2 * least), np.array([-size, -size]))


def always_on(instance: Instance, times: float = 1.0) -> Measured:
    """Return ``P(chi_d < times b~/B_x)`` for ``w ~ N(0, I)``."""
    size = largest_norm(instance)
    reach = times * instance.parameters["b"] / size if size > 0 else math.inf
    value = float(chi2.cdf(reach**2, instance.d))
    return Measured(value, 1e-11 * value)


@lru_cache(maxsize=16)
def _gradients(instance: Instance) -> tuple[s.Array, s.Array]:
    return s.empirical_gradients(instance)[0], np.linalg.norm(instance.weights, axis=1)


def _short(instance: Instance, times: float = 1.0) -> s.Array:
    """Return which neurons are surely shorter than ``times b~/B_x``."""
    norms = _gradients(instance)[1] * (1 + 4 * instance.d * _EPS)
    return np.asarray(norms * largest_norm(instance) < times * instance.parameters["b"])


def _rounding(instance: Instance) -> float:
    return 8 * (instance.n + instance.d) * _EPS * largest_norm(instance)


def _along(run: Run, times: float, whole: bool) -> Measured:
    """Return the gradients of short neurons: the least length along w*, or the largest length; 0 where no neuron is short."""
    own = run.instance
    gradients = _gradients(own)[0][_short(own, times)]
    if not len(gradients):
        return Measured(0.0)
    found = np.max(np.linalg.norm(gradients, axis=1)) if whole else np.min(gradients @ feature(own)[0])
    return Measured(float(found), _rounding(own))


def _fitted(run: Run) -> Measured:
    """Return the least ``y f*(x)`` of the two-neuron network, evaluated neuron by neuron."""
    own = run.instance
    if not feature(own)[2] > 0:
        return Measured(math.nan)  # w* does not separate the data, so there is no f*
    direction, network = truth(own)
    heights = own.inputs @ direction
    # of its two neurons the second looks along -w*
    output = network.weights[0] * np.maximum(heights - network.biases[0], 0) + network.weights[1] * np.maximum(-heights - network.biases[1], 0)  # fmt: skip
    value = float(np.min(own.labels * output))
    return Measured(value, 4 * _rounding(own) / feature(own)[2])


def _hit(run: Run) -> Measured:
    own = run.instance
    direction, size, _ = feature(own)
    return hits.hit(_gradients(own)[0], direction, 1 - 1e-9, size * (1 - 1e-9), np.full(own.m, _rounding(own)))


_QUANTITIES = (
    Quantity(rho, "|E[y x]|", lambda run: Measured(feature(run.instance)[1], _rounding(run.instance))),
    Quantity(beta, "least y <w*, x>", lambda run: Measured(feature(run.instance)[2], _rounding(run.instance))),
    Quantity(short, "number of neurons shorter than b~/B_x", measure.constant(lambda run: int(np.sum(_short(run.instance))))),
    Quantity(along, "least <G, w*> of the short neurons", lambda run: _along(run, 1.0, False)),
    Quantity(length, "largest |G| of the short neurons", lambda run: _along(run, 1.0, True)),
    Quantity(along_longer, "least <G, w*> of neurons shorter than 3 b~/B_x", lambda run: _along(run, 3.0, False)),
    Quantity(fitted, "least y f*(x)", _fitted),
    Quantity(always, "P(chi_d < b~/B_x)", lambda run: always_on(run.instance)),
    Quantity(always_twice, "P(chi_d < 3 b~/B_x)", lambda run: always_on(run.instance, 3.0)),
    Quantity(seen, "chance that |G| >= rho and G points at w*, from drawn neurons: exact interval", _hit),
)  # fmt: skip
_ASSUMED = (
    Assumption("separated", "w* separates the data: beta > 0", Bound(sp.S.Zero, beta, strict=True)),
    Assumption("some are short", "a neuron is shorter than b~/B_x", Bound(sp.S.One, short)),
)
_SHORT = ("separated", "some are short")
_CLAIMS = (
    Claim("along", "short neurons have the gradient rho along w*", Bound((1 - TAU) * rho, along), _SHORT),
    Claim("whole", "and nothing beside it: gamma is arbitrarily small", Bound(length, (1 + TAU) * rho), _SHORT),
    Claim("hit", "(w*, -1) is in S with p = P(chi_d < b~/B_x)", Bound(always, seen), ("separated",)),
    Claim("OPT", "f* = <w*, x>/beta, two neurons, has no hinge loss", Bound(1 - TAU, fitted), ("separated",)),
)  # fmt: skip
_SABOTAGES = (
    Claim("along: longer", "neurons of three times the length, too", Bound((1 - TAU) * rho, along_longer), _SHORT, falsifies="along"),
    Claim("whole: beta", "as if |E[y x]| were the margin", Bound(length, (1 + TAU) * beta), _SHORT, falsifies="whole"),
    Claim("hit: three times the length", "of three times the length, too", Bound(always_twice, seen), ("separated",), falsifies="hit"),
    Claim("OPT: margin dropped", "1/rho for 1/beta", Bound((1 - TAU) * rho, fitted * beta), ("separated",), falsifies="OPT"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def drawn(inputs: s.Array, labels: s.Array, m: int, bias: float, seed: int, draw: int, about: dict[str, Any], notes: tuple[str, ...], numbers: dict[str, float] | None = None) -> Instance:  # fmt: skip
    """Return m neurons ``w ~ N(0, I)`` with bias ``-bias`` over the given data; a redraw keeps the data."""
    weights = np.random.default_rng([seed, draw, 59]).standard_normal((m, inputs.shape[1]))

    def redraw(again: Instance, draw: int) -> Instance:
        return drawn(inputs, labels, m, bias, seed, draw, about, notes, numbers)

    return s.network(
        inputs, labels, weights, np.ones(m), np.full(m, -bias),
        parameters={"b": bias, **(numbers or {})}, description=about, notes=notes, redraw=redraw,
    )  # fmt: skip


def separated(flags: dict[str, Any]) -> tuple[s.Array, s.Array, tuple[str, ...]]:
    """Return data with labels -1 and 1; of a data set only the rows that their own mean feature separates are kept, and said."""
    inputs, labels, notes = s.classes(flags)
    if flags["data"] in SYNTHETIC:
        return inputs, labels, notes
    kept = np.arange(len(inputs))
    while len(kept):
        mean = labels[kept] @ inputs[kept]
        good = labels[kept] * (inputs[kept] @ mean) > 0.05 * np.linalg.norm(mean)
        if np.all(good):
            break
        kept = kept[good]
    if not len(kept):
        raise BadInput("no row of these data is on the side of its label: take other rows or columns")
    told = f"{len(inputs) - len(kept)} of {len(inputs)} rows are not separated by the mean feature of the rest and were left out"  # fmt: skip
    return inputs[kept], labels[kept], (*notes, told)


def _build(flags: dict[str, Any]) -> Instance:
    if flags["m"] < 1 or not 0 < flags["bias"] < np.inf:
        raise BadInput(f"--m must be at least 1 and --bias positive, not {flags['m']} and {flags['bias']:g}")
    inputs, labels, notes = separated(flags)
    about = {"data": flags["data"], "flags": dict(flags)}
    size = float(np.max(np.linalg.norm(inputs, axis=1)))
    return drawn(inputs, labels, flags["m"], flags["bias"] * size * math.sqrt(inputs.shape[1]), flags["seed"], 0, about, notes)  # fmt: skip


def hard_data(kind: str, n: int, d: int, seed: int) -> tuple[s.Array, s.Array]:
    """Return data and labels that a mean feature may separate: antipodal points, or hard inputs with labels by a direction."""
    generator = np.random.default_rng([seed, 61])
    if kind == "antipodal":
        first = generator.standard_normal(d)
        return np.array([first, -first]), np.array([1.0, -1.0])
    inputs = build_inputs(InputPlan(kind, n, d, seed, 1))
    labels = np.where(inputs @ generator.standard_normal(d) > 0, 1.0, -1.0)
    return inputs, labels


def _hard(kind: str, n: int, d: int, bias: float, seed: int) -> Instance:
    inputs, labels = hard_data(kind, n, d, seed)
    size = float(np.max(np.linalg.norm(inputs, axis=1)))
    about = {"kind": kind, "n": n, "d": d, "bias": bias, "seed": seed}
    return drawn(inputs, labels, 300, bias * (size or 1.0) * math.sqrt(d), seed, 0, about, ())


def _instances() -> SearchStrategy[Instance]:
    kinds = st.sampled_from(["antipodal", "sphere", "gaussian", "cluster", "antiparallel", "duplicate"])
    return st.builds(_hard, kinds, st.sampled_from([4, 12, 30]), st.integers(1, 4), st.sampled_from([1.0, 0.5, 1.5, 0.2]), st.integers(0, 10_000))  # fmt: skip


FLAGS = {
    "n": (Annotated[int, "number of samples (synthetic data)"], 4),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 4),
    "m": (Annotated[int, "number of neurons that are drawn"], 4000),
    "bias": (Annotated[float, "size of the bias, over sqrt(d) times the longest input"], 1.0),
}
LINEAR = Theorem(
    label="shi2023.linear",
    title="Linearly separated data: short neurons with a negative bias have the separating direction as their gradient",
    reference=Reference("shi2023", "R7a, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " The instance's rows are the population; w* = E[y x]/rho, |x| <= B_x, b = -b~, w ~ N(0, I).",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, along=1.0, whole=1.0, hit=1.5, OPT=1.0),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(_build, {**FLAGS, **{**s.CLASS_DATA, "data": (s.CLASS_DATA["data"][0], "orthogonal")}}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"data": "orthogonal"}, {"data": "breast_cancer", "columns": "0,1,2,3,4,5,6,7"}),
)  # fmt: skip
