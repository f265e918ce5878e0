"""R-MoG up to the descent: after one step on a Gaussian mixture's own gradients, features stand for R4's network (R2, R4, R8.2).

The instance is the network at time 0, its rows are the means. The first step is the closed form of R2; the loss of the
representation is that of drawn samples, for the hinge loss of a network has none over a mixture.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023 import truth_mixture as t
from theorycheck.theorems.shi2023.gaussians import Mixture, simplified_gradient

hinge, apart, count = sp.symbols("L_f~ E_f N_S", nonnegative=True)
#: R4's loss, and what the features lose
BOUND = t.HINGE + f.DISTANCE
SAMPLES = 20_000


@lru_cache(maxsize=8)
def _truth(instance: Instance) -> tuple[Instance, f.Truth]:
    """Return R4's network for the instance's mixture, as an instance of that card and as a truth."""
    law, given = x.law_of(instance), instance.parameters
    own = t._made(law.means, np.sqrt(law.covariances[:, 0, 0]), law.chances, law.labels, given["kappa"], given["c"], {})
    return own, f.Truth(own.weights, own.signs, s.biases_of(own))


def first_layer(law: Mixture, truth: f.Truth, parts: s.Quadruples) -> s.Array:
    """Return the first layer after the first step, where ``eta_1 c_0 sigma_a = b~/(B_G B_eps)`` and B_G is the least p_j |mu_j|."""
    length = float(np.min(law.chances * np.linalg.norm(law.means, axis=1)))
    unit = abs(float(parts[2][0])) / (length * float(np.abs(truth.biases).min()))
    return np.asarray(unit * parts[1][:, None] * simplified_gradient(law, parts[0], parts[2]))


@lru_cache(maxsize=8)
def _stepped(instance: Instance) -> tuple[s.Array, f.Sets]:
    law, (_, truth), given = x.law_of(instance), _truth(instance), instance.parameters
    after = first_layer(law, truth, (instance.weights, instance.signs, s.biases_of(instance)))
    return after, f.members(truth, after, s.biases_of(instance), given["epsilon_1"], given["gamma"])


@lru_cache(maxsize=8)
def _sampled(instance: Instance) -> tuple[Measured, Measured]:
    """Return the representation's hinge loss and its mean distance from the truth, on drawn samples with R4's errors."""
    after, sets = _stepped(instance)
    if not min(map(len, sets)):
        return Measured(math.nan), Measured(math.nan)
    inputs, labels = x.law_of(instance).sample(SAMPLES, 73)
    outer, truth = f.second_layer(_truth(instance)[1], sets, s.biases_of(instance)), _truth(instance)[1](inputs)
    kept = outer != 0
    output = np.maximum(inputs @ after[kept].T - s.biases_of(instance)[kept], 0.0) @ outer[kept]
    return t.in_the_mean(np.maximum(0.0, 1.0 - labels * output)), t.in_the_mean(np.abs(output - truth))


def _first_moment(run: Run) -> Measured:
    """Return the root of the largest eigenvalue of ``E x x' = sum_j p_j (mu_j mu_j' + sigma_j^2 I)``."""
    law = x.law_of(run.instance)
    second = (law.means.T * law.chances) @ law.means + np.einsum("j,jkl->kl", law.chances, law.covariances)
    value = float(np.sqrt(np.linalg.eigvalsh(second)[-1]))
    return Measured(value, 1e-12 * run.instance.d * value)


def _outer_size(run: Run) -> Measured:
    value = float(np.abs(_truth(run.instance)[1].outer).sum())
    return Measured(value, 1e-12 * value)


def _of_truth(part: Quantity) -> Quantity:
    """Return R4's quantity, of the network that stands for it here."""
    return Quantity(part.symbol, part.says, lambda run: part.measure(Run(_truth(run.instance)[0])))


_R4 = {part.symbol: part for part in t.TRUTH_MIXTURE.quantities}
_QUANTITIES = (
    s.UNSIGNED,
    *(_of_truth(_R4[symbol]) for symbol in (t.kappa, t.c, t.deviation, t.opposed, t.near, t.far)),
    Quantity(f.eps_1, "eps_1, share by which a feature's length may be off", measure.parameter("epsilon_1")),
    Quantity(f.gamma, "gamma, 1 less the cosine that a feature has at least", measure.parameter("gamma")),
    Quantity(f.M_1, "root of the largest eigenvalue of E[x x'], at least M_1", _first_moment),
    Quantity(f.outer_size, "sum_k |a*_k|", _outer_size),
    Quantity(count, "neurons in the smallest S_k", measure.constant(lambda run: min(map(len, _stepped(run.instance)[1])))),
    Quantity(hinge, "hinge loss of the representation by the S_k, on drawn samples", lambda run: _sampled(run.instance)[0]),
    Quantity(apart, "E|f~ - f*|, on drawn samples", lambda run: _sampled(run.instance)[1]),
)  # fmt: skip
_ASSUMED = (*t.TRUTH_MIXTURE.assumptions, Assumption("emerged", "every S_k has a neuron", Bound(sp.S.One, count)))
_GIVEN = tuple(part.label for part in _ASSUMED)
_CLAIMS = (
    Claim("representation", "the S_k represent R4's network in the mean", Bound(apart, f.DISTANCE), ("emerged",)),
    Claim("loss", "so their hinge loss is R4's and little more", Bound(hinge, BOUND), _GIVEN),
)
_SABOTAGES = (
    Claim("representation: M_1 = 1", "as if inputs had variance 1", Bound(apart, f.DISTANCE.subs(f.M_1, 1)), ("emerged",), falsifies="representation"),
    Claim("loss: nothing lost", "R4's loss itself", Bound(hinge, t.HINGE), _GIVEN, falsifies="loss"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _made(law: tuple[s.Array, s.Array, s.Array, s.Array], plan: dict[str, Any], about: dict[str, Any], notes: tuple[str, ...] = (), draw: int = 0) -> Instance:  # fmt: skip
    means, sigmas, chances, labels = law
    generator = np.random.default_rng([plan["seed"], draw, 149])
    m, bias = plan["m"], plan["bias"] * float(np.linalg.norm(means, axis=1).mean())
    parts = s.quadruples(generator.standard_normal((m, means.shape[1])), generator.standard_normal(m), bias)
    numbers = {name: plan[name] for name in ("kappa", "c", "gamma", "epsilon_1")} | x.components(chances, sigmas)

    def redraw(again: Instance, draw: int) -> Instance:
        return _made(law, plan, about, notes, draw)

    return s.network(means, labels, *parts, parameters=numbers, description=about, notes=notes, redraw=redraw)


def _build(flags: dict[str, Any]) -> Instance:
    own = t.TRUTH_MIXTURE.example(**{name: flags[name] for name in (*t._FLAGS, *s.CLASS_DATA)})
    if not (
        flags["m"] >= 1 and 0 < flags["bias"] < math.inf and 0 < flags["gamma"] < 1 and 0 < flags["epsilon_1"] <= 1
    ):
        raise BadInput(f"--m must be at least 1, --bias positive, --gamma in (0, 1) and --epsilon-1 in (0, 1], not {flags['m']}, {flags['bias']:g}, {flags['gamma']:g}, {flags['epsilon_1']:g}")  # fmt: skip
    law = x.law_of(own)
    parts = law.means, np.sqrt(law.covariances[:, 0, 0]), law.chances, law.labels
    return _made(parts, flags, {"data": flags["data"], "flags": dict(flags)}, own.notes)


def _hard(kind: str, size: int, scale: float, sigma: float, plan: dict[str, Any]) -> Instance:
    means = np.eye(3)[:size] * scale
    if kind == "opposite" and size > 1:
        means[1] = -means[0]
    if kind == "unequal":
        means[0] *= 1.7
    labels = np.where(np.arange(size) % 2, -1.0, 1.0) if kind != "opposite" else np.array([1.0, 1.0, -1.0])[:size]
    about = {"kind": kind, "r": size, "scale": scale, "sigma": sigma, **plan}
    return _made((means, np.full(size, sigma * scale), np.full(size, 1 / size), labels), plan, about)


def _instances() -> SearchStrategy[Instance]:
    plans = st.fixed_dictionaries(
        {
            "m": st.sampled_from([60, 10, 3]), "bias": st.sampled_from([0.5, 1.0, 0.1]), "kappa": st.sampled_from([2.0, 1.0, 4.0]), "c": st.just(0.0),
            "gamma": st.sampled_from([0.02, 0.3, 0.9]), "epsilon_1": st.sampled_from([1.0, 0.3]), "seed": st.integers(0, 10_000),
        }
    )  # fmt: skip
    return st.builds(
        _hard, st.sampled_from(["orthogonal", "opposite", "unequal"]), st.sampled_from([2, 1, 3]), st.sampled_from([30.0, 1.0]),
        st.sampled_from([0.05, 0.2, 0.4]), plans,
    )  # fmt: skip


_FLAGS = {
    **t._FLAGS,
    "n": (t._FLAGS["n"][0], 3),
    "d": (t._FLAGS["d"][0], 3),
    "sigma": (t._FLAGS["sigma"][0], 0.05),
    "kappa": (t._FLAGS["kappa"][0], 2.5),
    "m": (Annotated[int, "quadruples of neurons that are drawn"], 400),
    "bias": (Annotated[float, "size of the bias, over the mean length of the means"], 0.6),
    "gamma": (Annotated[float, "1 less the cosine that a feature has at least, in (0, 1)"], 0.01),
    "epsilon_1": (Annotated[float, "share by which a feature's length may be off, in (0, 1]"], 0.1),
}
MIXTURE_FEATURES = Theorem(
    label="shi2023.mixture_features",
    title="Gaussian mixtures: the features of one step represent the network of one neuron for each component, with little hinge loss",
    reference=Reference("shi2023", "R-MoG: R2, R4 and R8.2, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " The population is a mixture of N(mu_i, sigma_i^2 I): the instance's rows are the mu_i. S_k: neurons that after the first step on the "
    "population's gradient point at mu_k up to gamma and have the length b~/h up to a share eps_1; f* is R4's network.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, representation=3.7, loss=5.7),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(_build, {**_FLAGS, **{**s.CLASS_DATA, "data": (s.CLASS_DATA["data"][0], "orthogonal")}}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=(
        {}, {"n": 2, "d": 2, "sigma": 0.2, "kappa": 1.0, "m": 40, "gamma": 0.1, "epsilon_1": 1.0, "seed": 1},
        {"data": "breast_cancer", "gamma": 0.1, "epsilon_1": 0.5},
    ),
)  # fmt: skip
