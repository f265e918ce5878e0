"""R3, the chance: how many Gaussian neurons see one component only (errata U4, U7).

Means at right angles, ``w ~ N(0, I)``, bias ``b``. On ``g_j in [A, A + h]``, ``|g_i| <= B`` and the rest of ``|w|^2`` below
what remains of ``R_0^2``, ``|w| <= R_0`` and the neuron fires on component j only, with margin kappa. For unequal means or
deviations B is that of the largest, which only shrinks the event.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.stats import chi2

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.gaussian import MU, QU
from theorycheck.symbolic.population import GATE
from theorycheck.theorems._data import SYNTHETIC, keyword_example
from theorycheck.theorems.shi2023 import hits
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.gaussians import simplified_gradient

kappa = sp.Symbol("kappa", nonnegative=True)
bias, reach, window = sp.symbols("b R_0 h", positive=True)
#: |mu_j| and sigma_j of the target, the largest |mu_i| and sigma_i of the others, their number and d
own_mean, own_sigma, most_mean, most_sigma = sp.symbols("mu_j sigma_j mu_max sigma_max", positive=True)
r, d = sp.symbols("r d", positive=True)
#: F_{chi^2, d - r} at what is left of R_0^2
rest, crossing = sp.symbols("F_chi |cos(mu)|", nonnegative=True)
seen = sp.Symbol("P_hit", nonnegative=True)


def _below(z: sp.Expr) -> sp.Expr:
    return GATE.subs({MU: z, QU: 1})


A = (bias + kappa * own_sigma * reach) / own_mean
B = (bias - kappa * most_sigma * reach) / most_mean
WINDOW = _below(A + window) - _below(A)
OTHERS = (2 * _below(B) - 1) ** (r - 1)
#: what is left of R_0^2 for the coordinates at right angles to all means
LEFT = reach**2 - (A + window) ** 2 - (r - 1) * B**2
CHANCE = WINDOW * OTHERS * rest
_ERROR = x.error_of(kappa)
_ARGS = (kappa, bias, reach, window, own_mean, own_sigma, most_mean, most_sigma, r, d)
_chosen = sp.lambdify(_ARGS, (WINDOW * OTHERS, LEFT), ["scipy", "numpy"])


def _values(instance: Instance) -> dict[sp.Symbol, float]:
    law = x.law_of(instance)
    norms, sigmas = np.linalg.norm(law.means, axis=1), np.sqrt(law.covariances[:, 0, 0])
    given = {symbol: instance.parameters[str(symbol)] for symbol in (kappa, bias, reach, window)}
    # without other components their sizes do not matter
    others = (norms[1:], sigmas[1:]) if instance.n > 1 else (norms, sigmas)
    return {
        **given, own_mean: float(norms[0]), own_sigma: float(sigmas[0]),
        most_mean: float(others[0].max()), most_sigma: float(others[1].max()), r: float(instance.n), d: float(instance.d),
    }  # fmt: skip


def _value(symbol: sp.Symbol) -> measure.Measure:
    def read(run: Run) -> Measured:
        value = _values(run.instance)[symbol]
        return Measured(value, 8 * run.instance.d * np.finfo(float).eps * value if symbol in (own_mean, most_mean, own_sigma, most_sigma) else 0.0)  # fmt: skip

    return read


def _rest(run: Run) -> Measured:
    values = _values(run.instance)
    left = float(_chosen(*(values[symbol] for symbol in _ARGS))[1])
    degrees = values[d] - values[r]
    if degrees <= 0 or left <= 0:
        return Measured(0.0)
    value = float(chi2.cdf(left, degrees))
    return Measured(value, 1e-11 * value)


def _crossing(run: Run) -> Measured:
    products = run.instance.inputs @ run.instance.inputs.T
    # exactly 0 for rows without a common coordinate, where every product is 0
    return Measured(float(np.max(np.abs(products - np.diag(np.diag(products))))), 0.0)


@lru_cache(maxsize=16)
def _hit(instance: Instance) -> Measured:
    law = x.law_of(instance)
    sizes = {x.mean_size: float(law.chances @ np.linalg.norm(law.means, axis=1)), x.deviation: float(law.chances @ np.sqrt(law.covariances[:, 0, 0])), x.target: float(law.chances[0] * np.linalg.norm(law.means[0]))}  # fmt: skip
    error = float(_ERROR.subs({kappa: instance.parameters["kappa"], **sizes}))
    if not error < sizes[x.target]:
        return Measured(math.nan)
    gradients = simplified_gradient(law, instance.weights, s.biases_of(instance))
    least = math.sqrt(1 - (error / sizes[x.target]) ** 2)
    doubt = np.full(instance.m, 1e-12 * (sizes[x.mean_size] + sizes[x.deviation]))
    return hits.hit(gradients, law.means[0] / np.linalg.norm(law.means[0]), least, sizes[x.target] - error, doubt)


_SAYS = {
    kappa: "margin on every component", bias: "size of the bias over that of the weights", reach: "R_0, how long w may be",
    window: "h, width of the window", own_mean: "|mu_j|", own_sigma: "sigma_j", most_mean: "largest |mu_i| of the others",
    most_sigma: "largest sigma_i of the others", r: "number of components", d: "dimension of the inputs",
}  # fmt: skip
_QUANTITIES = (
    *(Quantity(symbol, says, _value(symbol)) for symbol, says in _SAYS.items()),
    *(part for part in x.MIXTURE.quantities if part.symbol in (x.mean_size, x.deviation)),
    Quantity(x.target, "p_j |mu_j|", lambda run: Measured(float(x.law_of(run.instance).chances[0] * np.linalg.norm(run.instance.inputs[0])), 1e-13)),
    Quantity(rest, "chance that a chi^2 with d - r degrees of freedom is below what is left of R_0^2", _rest),
    Quantity(crossing, "largest |<mu_i, mu_k>|", _crossing),
    Quantity(seen, "chance that |G| >= B_G and |cos(G, mu_j)| >= 1 - gamma, from drawn neurons: exact interval", lambda run: _hit(run.instance)),
)  # fmt: skip
_ASSUMED = (
    Assumption("right angles", "the means are orthogonal", Bound(crossing, sp.S.Zero)),
    Assumption("clear", "eps_kappa is below p_j |mu_j|", Bound(_ERROR, x.target, strict=True)),
    Assumption("room", "the other components can be silent", Bound(sp.S.Zero, B, strict=True)),
)
_GIVEN = tuple(part.label for part in _ASSUMED)
_CLAIMS = (Claim("hit", "(D_j, +1) is in S_{p, gamma, B_G} with R3's p, gamma and B_G", Bound(CHANCE, seen), _GIVEN),)
_SABOTAGES = (
    Claim("hit: any length", "however long the neuron is", Bound(WINDOW * OTHERS, seen), _GIVEN, falsifies="hit"),
    Claim("hit: one side", "as if all of a half line were the window", Bound((1 - _below(A / 2)) * rest, seen), _GIVEN, falsifies="hit"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _best(values: dict[sp.Symbol, float]) -> dict[str, float]:
    """Return the bias, R_0 and h of a grid for which the promised chance is largest."""
    best, most = {"b": 1.0, "R_0": 1.0, "h": 1.0}, -1.0
    degrees, norm = values[d] - values[r], values[own_mean]
    for length, share, wide in itertools.product(np.sqrt(values[d]) * np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4]), (1.05, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0), (0.3, 0.6, 1.0, 1.5, 2.0)):  # fmt: skip
        at = {
            **values,
            reach: length,
            window: wide,
            bias: share * max(values[kappa], 1e-3) * values[most_sigma] * length,
        }
        density, left = _chosen(*(at[symbol] for symbol in _ARGS))
        promised = float(density) * float(chi2.cdf(left, degrees)) if left > 0 and degrees > 0 and norm > 0 else 0.0
        if promised > most:
            best, most = {"b": float(at[bias]), "R_0": float(length), "h": wide}, promised
    return best


def _drawn(law: tuple[s.Array, s.Array, s.Array, s.Array], m: int, numbers: dict[str, float], seed: int, draw: int, about: dict[str, Any], notes: tuple[str, ...]) -> Instance:  # fmt: skip
    means, sigmas, chances, labels = law
    weights = np.random.default_rng([seed, draw, 37]).standard_normal((m, means.shape[1]))

    def redraw(again: Instance, draw: int) -> Instance:
        return _drawn(law, m, numbers, seed, draw, about, notes)

    return s.network(
        means, labels, weights, np.ones(m), np.full(m, numbers["b"]),
        parameters={**numbers, **x.components(chances, sigmas)}, description=about, notes=notes, redraw=redraw,
    )  # fmt: skip


def _made(law: tuple[s.Array, s.Array, s.Array, s.Array], m: int, margin: float, seed: int, about: dict[str, Any], own: dict[str, float] | None = None, notes: tuple[str, ...] = ()) -> Instance:  # fmt: skip
    dummy = {"kappa": margin, "b": 1.0, "R_0": 1.0, "h": 1.0}
    probe = _drawn(law, 1, dummy, seed, 0, about, notes)
    return _drawn(law, m, {**dummy, **(own or _best(_values(probe)))}, seed, 0, about, notes)


def _build(flags: dict[str, Any]) -> Instance:
    if not (flags["sigma"] > 0 and flags["kappa"] >= 0) or flags["m"] < 1:
        raise BadInput(f"--sigma must be positive, --kappa at least 0 and --m at least 1, not {flags['sigma']:g}, {flags['kappa']:g}, {flags['m']}")  # fmt: skip
    about = {"data": flags["data"], "flags": dict(flags)}
    if flags["data"] in SYNTHETIC:
        if not 1 <= flags["n"] < flags["d"]:
            raise BadInput(f"means at right angles, and a direction besides: --n {flags['n']} must be below --d {flags['d']}")  # fmt: skip
        n = flags["n"]
        labels = np.random.default_rng([flags["seed"], 1]).choice([-1.0, 1.0], n)
        law = np.eye(n, flags["d"]), np.full(n, flags["sigma"]), np.full(n, 1 / n), labels
        return _made(law, flags["m"], flags["kappa"], flags["seed"], about)
    inputs, labels, notes = s.classes(flags)
    means, _, chances, signs = x.fitted(inputs, labels)
    # columns that tell the classes apart go to one class or the other, in turn: the means have none in common
    turn = np.arange(means.shape[1])[None, :] % len(means) == np.arange(len(means))[:, None]
    told = "each class keeps the mean of every other column, 0 elsewhere, so that means are at right angles"
    means = np.where(turn, means, 0.0)
    shortest = float(np.linalg.norm(means, axis=1).min())
    if not shortest > 0:
        raise BadInput("a class of these data has mean 0 on the columns it keeps: take more columns or other rows")
    law = means, np.full(len(means), flags["sigma"] * shortest), chances, signs
    return _made(law, flags["m"], flags["kappa"], flags["seed"], about, None, (*notes, told))


def _hard(size: int, more: int, sigma: tuple[float, float], margin: float, own: tuple[float, float, float] | None, seed: int) -> Instance:  # fmt: skip
    means = np.eye(size, size + more) * np.array([[1.0], [0.5], [2.0]])[:size]
    sigmas = sigma[0] * np.array([1.0, sigma[1], 1.0])[:size]
    labels = np.random.default_rng([seed, 3]).choice([-1.0, 1.0], size)
    about = {"r": size, "d": size + more, "sigma": sigma, "kappa": margin, "own": own, "seed": seed}
    numbers = None if own is None else {"b": own[0] * margin * sigmas.max() * own[1], "R_0": own[1], "h": own[2]}
    return _made((means, sigmas, np.full(size, 1 / size), labels), 3000, margin, seed, about, numbers)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.integers(1, 3),
        st.sampled_from([1, 3, 8]),
        st.tuples(st.sampled_from([0.05, 0.3, 0.01]), st.sampled_from([1.0, 3.0])),
        st.sampled_from([2.0, 1.0, 3.0, 0.5]),
        st.sampled_from([(2.0, 0.2, 1.0), None, (1.2, 3.0, 3.0), (1.01, 1.0, 0.5)]),
        st.integers(0, 10_000),
    )


_FLAGS = {
    "n": (Annotated[int, "number of components (synthetic data); a data set has one for each class"], 2),
    "d": (Annotated[int, "dimension of the inputs (synthetic data)"], 6),
    "m": (Annotated[int, "number of neurons that are drawn"], 10_000),
    "sigma": (Annotated[float, "deviation of the components; over the shortest mean, for a data set"], 0.1),
    "kappa": (Annotated[float, "margin on every component"], 2.0),
}
MIXTURE_CHANCE = Theorem(
    label="shi2023.mixture_chance",
    title="Gaussian mixtures: with what chance a random neuron's gradient is one component's mean",
    reference=Reference("shi2023", "R3, hit probability, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " The population is a mixture of N(mu_i, sigma_i^2 I) with chances p_i: the instance's rows are the mu_i, its first one the target. "
    "w ~ N(0, I); each of the instance's neurons is one draw.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, hit=9.0),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"data": "breast_cancer", "columns": "0,1,2,3,4,5,6,7"}),
)
