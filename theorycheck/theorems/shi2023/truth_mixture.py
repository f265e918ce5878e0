"""R4: a network of one neuron for each component of a Gaussian mixture has little hinge loss (errata U9).

``f*(x) = c sum_j y_j max(<D_j, x> - h, 0)``, ``D_j = mu_j/|mu_j|``: the instance is this network, its rows are the means. On
component i the own neuron is at least 1/c above its bias, and those of other labels are below theirs, but for tails at kappa.
"""

from __future__ import annotations

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
from theorycheck.symbolic.gaussian import MU, QU
from theorycheck.symbolic.population import ACTIVE, GATE
from theorycheck.theorems._data import SYNTHETIC, keyword_example
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023 import setting as s

kappa, near, far = sp.symbols("kappa m_own m_other", real=True)
c, deviation, components, opposed = sp.symbols("c sigma_max r r_-", nonnegative=True)
hinge, wrong = sp.symbols("L_f P_f", nonnegative=True)

TAIL = GATE.subs({MU: -kappa, QU: 1})
#: E max(Z - kappa, 0): phi(kappa) - kappa (1 - Phi(kappa))
EXCESS = ACTIVE.closed_form.subs({MU: -kappa, QU: 1})
HINGE = TAIL + c * opposed * deviation * EXCESS
WRONG = components * TAIL
#: samples of the population, and how many standard errors its means may be off
SAMPLES, SIGMAS = 100_000, 6.0


def in_the_mean(values: s.Array) -> Measured:
    """Return the mean of what drawn samples show, ``(N,)``, with :data:`SIGMAS` standard errors and what one sample more would add.

    Where nothing was seen there may be something in one of some N samples: it is taken to be of size 1, that of a label.
    """
    largest, size = max(float(np.max(values)), 1.0), len(values)
    return Measured(float(np.mean(values)), SIGMAS * float(np.std(values)) / size**0.5 + SIGMAS**2 * largest / size)


@lru_cache(maxsize=8)
def _sampled(instance: Instance) -> tuple[Measured, Measured]:
    """Return hinge loss and share of wrong signs on drawn samples."""
    inputs, labels = x.law_of(instance).sample(SAMPLES, 71)
    signed = labels * (np.maximum(inputs @ instance.weights.T - s.biases_of(instance), 0.0) @ instance.signs)
    return in_the_mean(np.asarray(np.maximum(0.0, 1.0 - signed))), in_the_mean(np.where(signed <= 0, 1.0, 0.0))


def _margins(run: Run, own: bool) -> Measured:
    """Return the least room: of ``|mu_i|`` above ``h + 1/c + kappa sigma_i``, or of ``<D_j, mu_i>`` below ``h - kappa sigma_i``."""
    instance, law = run.instance, x.law_of(run.instance)
    sigmas, h = np.sqrt(law.covariances[:, 0, 0]), instance.parameters["h"]
    along = law.means @ instance.weights.T
    tails = instance.parameters["kappa"] * sigmas
    if own:
        room = np.diag(along) - h - 1 / instance.parameters["c"] - tails
    else:
        # components of one label do not harm each other (errata U9)
        others = np.where(law.labels[:, None] == law.labels, -np.inf, along).max(axis=1)
        room = h - tails - others
    scale = float(np.abs(along).max() + h + 1 / instance.parameters["c"] + np.abs(tails).max())
    least = float(np.min(room))
    return Measured(least if np.isfinite(least) else scale, 1e-14 * instance.d * scale)


def _opposed(run: Run) -> float:
    labels = run.instance.labels
    return float(max(np.sum(labels != sign) for sign in labels))


_QUANTITIES = (
    s.UNSIGNED,
    Quantity(kappa, "margin on every component", measure.parameter("kappa")),
    Quantity(c, "size of the output weights", measure.parameter("c")),
    Quantity(deviation, "largest sigma_i", measure.constant(lambda run: float(np.sqrt(x.law_of(run.instance).covariances.max())))),
    Quantity(components, "number of components", measure.constant(lambda run: run.instance.n)),
    Quantity(opposed, "most components of the other label", measure.constant(_opposed)),
    Quantity(near, "least room of |mu_i| above h + 1/c + kappa sigma_i", lambda run: _margins(run, True)),
    Quantity(far, "least room of <D_j, mu_i> below h - kappa sigma_i, y_j not y_i", lambda run: _margins(run, False)),
    Quantity(hinge, "hinge loss of f*, on drawn samples", lambda run: _sampled(run.instance)[0]),
    Quantity(wrong, "P(y f* <= 0), on drawn samples", lambda run: _sampled(run.instance)[1]),
)  # fmt: skip
_ASSUMED = (
    s.SIGNS,
    Assumption("own neuron fires", "|mu_i| >= h + 1/c + kappa sigma_i", Bound(sp.S.Zero, near)),
    Assumption("others silent", "<D_j, mu_i> <= h - kappa sigma_i", Bound(sp.S.Zero, far)),
)
_GIVEN = tuple(part.label for part in _ASSUMED)
_CLAIMS = (
    Claim("hinge", "OPT is at most this hinge loss", Bound(hinge, HINGE), _GIVEN),
    Claim("signs", "and few signs are wrong", Bound(wrong, WRONG), _GIVEN),
)
_SABOTAGES = (
    Claim("hinge: others silent", "as if the others never fired", Bound(hinge, TAIL), _GIVEN, falsifies="hinge"),
    Claim("hinge: margin dropped", "however small |mu_i| is", Bound(hinge, HINGE), ("labels", "others silent"), falsifies="hinge"),
    Claim("signs: margin twice", "tails at 2 kappa", Bound(wrong, components * TAIL.subs(kappa, 2 * kappa)), _GIVEN, falsifies="signs"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _made(means: s.Array, sigmas: s.Array, chances: s.Array, labels: s.Array, margin: float, c: float, about: dict[str, Any], notes: tuple[str, ...] = ()) -> Instance:  # fmt: skip
    """Return f* with the least h for which the others are silent, and ``c`` or, if that is 0, the least c for which the own neuron fires."""
    norms = np.linalg.norm(means, axis=1)
    directions = means / norms[:, None]
    along = np.where(labels[:, None] == labels, -np.inf, means @ directions.T).max(axis=1)
    lowest = np.where(np.isfinite(along), along, 0.0) + margin * sigmas
    h = float(np.max(lowest)) * (1 + 1e-12) + 1e-12
    room = float(np.min(norms - margin * sigmas)) - h
    chosen = c or (1 / room * (1 + 1e-9) if room > 0 else 1 / float(norms.min()))
    numbers = {"kappa": margin, "h": h, "c": chosen, **x.components(chances, sigmas)}
    return s.network(
        means, labels, directions, chosen * labels, np.full(len(means), h),
        parameters=numbers, description=about, notes=notes,
    )  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if not (flags["sigma"] > 0 and np.isfinite(flags["kappa"]) and flags["c"] >= 0):
        raise BadInput(f"--sigma must be positive, --kappa finite and --c at least 0, not {flags['sigma']:g}, {flags['kappa']:g}, {flags['c']:g}")  # fmt: skip
    inputs, labels, notes = s.classes(flags)
    if flags["data"] in SYNTHETIC:
        size = len(inputs)
        law = inputs, np.full(size, flags["sigma"]), np.full(size, 1 / size), labels
    else:
        law = x.fitted(inputs, labels)
        notes = (*notes, "the inputs are an isotropic Gaussian for each class, with its mean and its mean squared deviation")  # fmt: skip
    if not np.all(np.linalg.norm(law[0], axis=1) > 0):
        raise BadInput("a component has mean 0 and so no direction: take other data")
    return _made(*law, flags["kappa"], flags["c"], {"data": flags["data"], "flags": dict(flags)}, notes)


def _hard(kind: str, size: int, sigma: tuple[float, float], margin: float, c: float, seed: int) -> Instance:
    generator = np.random.default_rng([seed, 73])
    means = np.eye(4)[:size] * 4.0 if kind != "any" else generator.standard_normal((size, 4))
    if kind == "opposite" and size > 1:
        means[1] = -means[0]
    labels = generator.choice([-1.0, 1.0], size)
    sigmas = sigma[0] * np.where(np.arange(size) % 2, sigma[1], 1.0)
    about = {"kind": kind, "r": size, "sigma": sigma, "kappa": margin, "c": c, "seed": seed}
    return _made(means, sigmas, np.full(size, 1 / size), labels, margin, c, about)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "opposite", "any"]),
        st.sampled_from([4, 2, 1, 3]),
        st.tuples(st.sampled_from([1.9, 0.7, 0.1]), st.sampled_from([1.0, 0.2])),
        st.sampled_from([1.0, 0.0, -0.5, 2.5]),
        st.sampled_from([0.0, 10.0]),
        st.integers(0, 10_000),
    )


_FLAGS = {
    "n": (Annotated[int, "number of components (synthetic data); a data set has one for each class"], 4),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 6),
    "sigma": (Annotated[float, "deviation of the components (synthetic data)"], 0.3),
    "kappa": (Annotated[float, "margin on every component, in deviations"], 1.5),
    "c": (Annotated[float, "size of the output weights; 0 for the least that the theorem allows"], 0.0),
}
TRUTH_MIXTURE = Theorem(
    label="shi2023.truth_mixture",
    title="Gaussian mixtures: one neuron for each component has little hinge loss",
    reference=Reference("shi2023", "R4, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " The population is a mixture of N(mu_i, sigma_i^2 I): the instance's rows are the mu_i, its network is f*.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, hinge=3.4, signs=6.6),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"data": "orthogonal"}, {"data": "breast_cancer", "kappa": 2.5}),
)  # fmt: skip
