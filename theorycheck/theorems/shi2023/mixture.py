"""R2 and R3: the simplified gradient of a Gaussian mixture, and neurons for which it is nearly one component's mean.

``alpha_i = (<w, mu_i> - b)/(sigma_i |w|)``; component j is the one with the largest, kappa the least of ``alpha_j`` and of all
other ``-alpha_i``. G is evaluated by its closed form and held against the integral that defines it; the lemma's right sides
know the sizes of the mixture only (errata U7, U8).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.gaussian import MU, QU
from theorycheck.symbolic.population import ACTIVE, DENSITY, GATE, GATED
from theorycheck.symbolic.quadrature import by_panels
from theorycheck.theorems._data import SYNTHETIC, keyword_example
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.gaussians import Mixture, isotropic, pair, simplified_gradient

kappa = sp.Symbol("kappa", real=True)
#: sum_i p_i |mu_i|, sum_i p_i sigma_i, and p_j |mu_j| of the component that is seen
mean_size, deviation, target = sp.symbols("mu_bar sigma_bar v", nonnegative=True)
off, length, cosine = sp.symbols("delta_G |G| cos", nonnegative=True)
whole, flat = sp.symbols("I_G F_G", real=True)
#: relative accuracy to which the integral is compared
TAU = sp.Rational(1, 10**9)
_EPS = float(np.finfo(float).eps)


def error_of(margin: sp.Expr) -> sp.Expr:
    """Return eps_kappa at ``kappa = margin``: the tail of the gates, and the density that they have at most (R3)."""
    tail, density = GATE.subs({MU: -margin, QU: 1}), DENSITY.subs({MU: margin, QU: 1})
    return tail * mean_size + density * deviation


ERROR = error_of(kappa)
LEAST_LENGTH = target - ERROR


def cosine_of(error: sp.Expr) -> sp.Expr:
    """Return the least cosine between v and a vector that is off by ``error < |v|`` (the angle lemma)."""
    return sp.sqrt(sp.Max(0, 1 - (error / target) ** 2))


# --- measures ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def law_of(instance: Instance) -> Mixture:
    """Return the mixture that an instance describes: its inputs are the means, its parameters chances and deviations."""
    sigmas = np.array([instance.parameters[f"sigma_{j}"] for j in range(instance.n)])
    chances = np.array([instance.parameters[f"chance_{j}"] for j in range(instance.n)])
    return isotropic(instance.inputs, sigmas, chances, instance.labels)


@lru_cache(maxsize=16)
def _seen(instance: Instance) -> dict[str, s.Array]:
    """Return kappa, v and what belongs to it for each neuron, ``(m,)`` or ``(m, d)``, with a bound on rounding."""
    law, norms = law_of(instance), np.linalg.norm(instance.weights, axis=1)
    sigmas = np.sqrt(law.covariances[:, 0, 0])
    with np.errstate(all="ignore"):
        alpha = (instance.weights @ law.means.T - s.biases_of(instance)[:, None]) / (norms[:, None] * sigmas)
        size = np.linalg.norm(law.means, axis=1).max() * norms + np.abs(s.biases_of(instance))
        doubt = 8 * (instance.d + 4) * _EPS * size / (norms * sigmas.min())
    which = np.argmax(alpha, axis=1)
    others = np.where(np.arange(instance.n) == which[:, None], np.inf, -alpha)
    gradient = simplified_gradient(law, instance.weights, s.biases_of(instance))
    mean = (law.chances * law.labels)[which, None] * law.means[which]
    sizes = law.chances @ (np.linalg.norm(law.means, axis=1) + sigmas)
    return {
        "kappa": np.minimum(alpha[np.arange(instance.m), which], others.min(axis=1)), "doubt": doubt,
        "gradient": gradient, "mean": mean, "rounding": sizes * _EPS * 16 * (instance.d + instance.n) + sizes * doubt,
    }  # fmt: skip


def _kappa(run: Run) -> Measured:
    found = _seen(run.instance)
    # R3 is about labels -1 and 1 (errata U7); of others nothing is said
    known = bool(np.all(np.abs(run.instance.labels) == 1))
    return Measured(found["kappa"] if known else np.full(run.instance.m, np.nan), found["doubt"])


def _norm(run: Run, what: str) -> Measured:
    found = _seen(run.instance)
    vector = found["gradient"] - found["mean"] if what == "off" else found[what]
    rounding = (
        found["rounding"] if what != "mean" else _EPS * 8 * run.instance.d * np.linalg.norm(found["mean"], axis=1)
    )
    return Measured(np.linalg.norm(vector, axis=1), rounding)


def _cosine(run: Run) -> Measured:
    found = _seen(run.instance)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(found["gradient"], axis=1), np.linalg.norm(found["mean"], axis=1)
        value = np.abs(np.sum(found["gradient"] * found["mean"], axis=1)) / lengths[0] / lengths[1]
        return Measured(value, 4 * found["rounding"] / np.minimum(*lengths))


def _sizes(run: Run, deviations: bool) -> Measured:
    law = law_of(run.instance)
    parts = np.sqrt(law.covariances[:, 0, 0]) if deviations else np.linalg.norm(law.means, axis=1)
    value = float(law.chances @ parts)
    return Measured(value, 16 * (run.instance.d + run.instance.n) * _EPS * value, rigorous=True)


def _along(run: Run, gate_only: bool) -> Measured:
    """Return the gradient along its own direction: the defining integral by quadrature, or its part ``mu_j P(u > 0)``."""
    own, law, found = run.instance, law_of(run.instance), _seen(run.instance)
    values = []
    for weight, bias, gradient in zip(own.weights, s.biases_of(own), found["gradient"], strict=True):
        size = float(np.linalg.norm(gradient))
        direction = gradient / size if size > 0 else np.eye(own.d)[0]
        at = [pair(law, j, weight, float(bias), direction) for j in range(own.n)]
        parts = [
            float(GATE.subs(one).evalf()) * (law.means[j] @ direction)
            if gate_only
            else by_panels(GATED.definition, one)
            for j, one in enumerate(at)
        ]
        values.append(float((law.chances * law.labels) @ parts))
    return Measured(values, 100 * found["rounding"])


_QUANTITIES = (
    Quantity(kappa, "least of alpha_j and of all -alpha_i, neuron by neuron", _kappa),
    Quantity(mean_size, "sum_i p_i |mu_i|", lambda run: _sizes(run, False)),
    Quantity(deviation, "sum_i p_i sigma_i", lambda run: _sizes(run, True)),
    Quantity(target, "p_j |mu_j| of the component that is seen", lambda run: _norm(run, "mean")),
    Quantity(off, "|G - p_j y_j mu_j|", lambda run: _norm(run, "off")),
    Quantity(length, "|G|, by the closed form", lambda run: _norm(run, "gradient")),
    Quantity(cosine, "|cos| of the angle between G and mu_j", _cosine),
    Quantity(whole, "E[y <G/|G|, x> 1{<w, x> > b}], by quadrature of its definition", lambda run: _along(run, False)),
    Quantity(flat, "the same without what the gate selects inside a component: no density of <w, x> at b", lambda run: _along(run, True)),
)  # fmt: skip
_SEEN = Assumption(
    "one component seen", "alpha_j >= kappa >= 0 and all other alpha_i <= -kappa", Bound(sp.S.Zero, kappa)
)
_CLEAR = Assumption("clear", "eps_kappa is below p_j |mu_j|", Bound(ERROR, target, strict=True))
_BOTH = (_SEEN.label, _CLEAR.label)
_CLAIMS = (
    Claim("definition", "the closed form is no longer than the integral that defines it", Bound((1 - TAU) * length, whole), ()),
    Claim("closed form", "nor shorter", Bound(whole, (1 + TAU) * length), ()),
    Claim("near", "G is p_j y_j mu_j up to eps_kappa", Bound(off, ERROR), (_SEEN.label,)),
    Claim("length", "so it is nearly as long", Bound(LEAST_LENGTH, length), _BOTH),
    Claim("cosine", "and points at mu_j", Bound(cosine_of(ERROR), cosine), _BOTH),
)  # fmt: skip
_SABOTAGES = (
    Claim("definition: no density", "as if the gate selected nothing inside a component", Bound((1 - TAU) * flat, whole), (), falsifies="definition"),
    Claim("closed form: no density", "as if the gate selected nothing inside a component", Bound(whole, (1 + TAU) * flat), (), falsifies="closed form"),
    Claim("near: no density", "as if the gate selected nothing inside a component", Bound(off, ERROR.subs(deviation, 0)), (_SEEN.label,), falsifies="near"),
    Claim("near: gate fixed", "as if the gates were sharp", Bound(off, ERROR.subs(mean_size, 0)), (_SEEN.label,), falsifies="near"),
    Claim("length: nothing lost", "as long as p_j |mu_j|", Bound(target, length), _BOTH, falsifies="length"),
    Claim("cosine: half the error", "half of eps_kappa", Bound(cosine_of(ERROR / 2), cosine), _BOTH, falsifies="cosine"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def components(chances: s.Array, sigmas: s.Array) -> dict[str, float]:
    """Return the parameters that describe chances and deviations of the components."""
    return {f"{name}_{j}": float(v) for name, values in (("chance", chances), ("sigma", sigmas)) for j, v in enumerate(values)}  # fmt: skip


def middle_bias(means: s.Array, sigmas: s.Array, weight: s.Array, margin: float) -> float:
    """Return the bias at which kappa is largest; for one component that at which it is ``margin``."""
    norm, towards = float(np.linalg.norm(weight)), means @ weight
    if len(means) == 1:
        return float(towards[0] - margin * sigmas[0] * norm)
    own = int(np.argmax(towards))
    # alpha_own = -alpha_i at the bias that divides the way between them as sigma_own to sigma_i
    cuts = [(towards[own] * sigmas[i] + towards[i] * sigmas[own]) / (sigmas[i] + sigmas[own]) for i in range(len(means)) if i != own]  # fmt: skip
    return float(max(cuts))


def fitted(inputs: s.Array, labels: s.Array) -> tuple[s.Array, s.Array, s.Array, s.Array]:
    """Return means, deviations, chances and labels of the isotropic mixture with one component for each class of the data."""
    signs = np.array([sign for sign in (-1.0, 1.0) if np.any(labels == sign)])
    groups = [inputs[labels == sign] for sign in signs]
    means = np.array([group.mean(axis=0) for group in groups])
    sigmas = np.array([math.sqrt(np.mean((group - group.mean(axis=0)) ** 2)) for group in groups])
    return means, sigmas, np.array([len(group) / len(inputs) for group in groups]), signs


def _instance(means: s.Array, sigmas: s.Array, chances: s.Array, labels: s.Array, weights: s.Array, margin: float, about: dict[str, Any], notes: tuple[str, ...] = ()) -> Instance:  # fmt: skip
    biases = np.array([middle_bias(means, sigmas, weight, margin) for weight in weights])
    return s.network(
        means, labels, weights, np.ones(len(weights)), biases,
        parameters=components(chances, sigmas), description=about, notes=notes,
    )  # fmt: skip


_FLAGS = {
    "n": (Annotated[int, "number of components (synthetic data); a data set has one for each class"], 3),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 5),
    "m": (Annotated[int, "number of neurons"], 3),
    "sigma": (Annotated[float, "deviation of the components over the length of their means (synthetic data)"], 0.15),
    "spread": (Annotated[float, "length of the noise on a neuron that points at a mean, over that of the mean"], 0.3),
}


def _build(flags: dict[str, Any]) -> Instance:
    if not (flags["sigma"] > 0 and flags["spread"] >= 0) or flags["m"] < 1:
        raise BadInput(f"--sigma must be positive, --spread at least 0 and --m at least 1, not {flags['sigma']:g}, {flags['spread']:g}, {flags['m']}")  # fmt: skip
    inputs, labels, notes = s.classes(flags)
    if flags["data"] in SYNTHETIC:
        size = len(inputs)
        law = inputs, np.full(size, flags["sigma"]), np.full(size, 1 / size), labels
    else:
        law = fitted(inputs, labels)
        if not np.all(law[1] > 0):
            raise BadInput("a class of these data has a single row, so no deviation: take more rows")
        notes = (*notes, "the inputs are an isotropic Gaussian for each class, with its mean and its mean squared deviation")  # fmt: skip
    generator, means = np.random.default_rng([flags["seed"], 29]), law[0]
    noise = generator.standard_normal((flags["m"], means.shape[1])) / math.sqrt(means.shape[1])
    aims = means[np.arange(flags["m"]) % len(means)]
    weights = aims + flags["spread"] * np.linalg.norm(aims, axis=1)[:, None] * noise
    return _instance(*law, weights, 1.0, {"data": flags["data"], "flags": dict(flags)}, notes)


def _hard(kind: str, size: int, place: tuple[str, float], sigma: tuple[float, float], seed: int) -> Instance:
    """Equal, opposite, orthogonal or any means; neurons that aim at one, at right angles to it, or anywhere."""
    generator = np.random.default_rng([seed, 31])
    means = generator.standard_normal((size, 3)) if kind == "any" else np.eye(3)[:size].copy()
    if kind == "opposite" and size > 1:
        means[1] = -means[0]
    if kind == "equal" and size > 1:
        means[1] = means[0] * (1 + 1e-9)
    aim, margin = place
    noise = generator.standard_normal(3)
    across = noise - means[0] * (noise @ means[0]) / (means[0] @ means[0])
    weight = {"mean": means[0], "across": across, "any": noise, "near": means[0] + 0.2 * noise}[aim]
    sigmas = sigma[0] * np.where(np.arange(size) % 2, sigma[1], 1.0)
    labels = generator.choice([-1.0, 1.0], size)
    about = {"kind": kind, "aim": aim, "margin": margin, "sigma": sigma, "seed": seed}
    return _instance(means, sigmas, np.full(size, 1 / size), labels, weight[None], margin, about)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "any", "opposite", "equal"]),
        st.sampled_from([1, 3, 2]),
        st.tuples(st.sampled_from(["across", "mean", "any", "near"]), st.sampled_from([1.0, 0.0, 3.0])),
        st.tuples(st.sampled_from([0.7, 0.1, 3.0]), st.sampled_from([1.0, 5.0, 0.1])),
        st.integers(0, 10_000),
    )


MIXTURE = Theorem(
    label="shi2023.mixture",
    title="Gaussian mixtures: a neuron that fires on one component only has that component's mean as its gradient",
    reference=Reference("shi2023", "R2 and R3, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " The population is a mixture of N(mu_i, sigma_i^2 I) with chances p_i and labels y_i: the instance's rows are the mu_i.",
    quantities=_QUANTITIES,
    assumptions=(_SEEN, _CLEAR),
    claims=with_looseness(_CLAIMS, definition=1.0, closed_form=1.0, near=1.5, length=1.1, cosine=1.0),
    derivations=(GATED, ACTIVE),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"data": "orthogonal"}, {"n": 1, "d": 3, "sigma": 0.5, "spread": 2.0}, {"data": "breast_cancer"}),
)
