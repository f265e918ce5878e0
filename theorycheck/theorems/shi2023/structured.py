"""R6: a parity of block parities, where some samples have one block all of one sign (errata U6, U13).

The instance's rows are the support, repeated where it is likelier, so G is enumerated. ``m_{j,s} = s sum_{A_j} w_l - b`` is the
margin of the component ``X_{j,s}``, ``nu_j`` the length of w where that component is noise; by Hoeffding the neuron is on the
wrong side of it with chance at most ``h = exp(-m^2/(2 nu^2))``. M is the identity here: G turns with it.
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
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.gaussian import MU, QU
from theorycheck.symbolic.population import GATE
from theorycheck.theorems._data import SYNTHETIC, keyword_example
from theorycheck.theorems.shi2023 import hits
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import margins, share, structured

k, r, d = sp.symbols("k r D", positive=True)
chance, part, bias = sp.symbols("p_A c_r b", positive=True)
#: sums over components of h and of sqrt(h), and sqrt(h_U)
tails, root_tails, root_uniform = sp.symbols("H H_2 h_U^(1/2)", nonnegative=True)
own, other = sp.symbols("m_1 m_2", real=True)
off, off_whole, length, cosine = sp.symbols("delta_G delta_1 |G| cos", nonnegative=True)
single = sp.Symbol("single", nonnegative=True)
kappa, reach, window, rest, seen = sp.symbols("kappa R_0 h F_chi P_event", nonnegative=True)

ERROR = chance * (sp.sqrt(k) * tails + root_tails) + (1 - 2 * r * chance) * root_uniform
TARGET = sp.sqrt(k) * chance * part
COSINE = sp.sqrt(sp.Max(0, 1 - (ERROR / TARGET) ** 2))

# --- the chance of such a neuron: w ~ N(0, I), bias 2 kappa R_0 -----------------------------------------------


def _below(z: sp.Expr) -> sp.Expr:
    return GATE.subs({MU: z, QU: 1})


A, C = 3 * kappa * reach / sp.sqrt(k), kappa * reach / sp.sqrt(k)
LEFT = reach**2 - (A + window) ** 2 - (r - 1) * C**2
EVENT = 2 * (_below(A + window) - _below(A)) * (2 * _below(C) - 1) ** (r - 1) * rest
_left = sp.lambdify((kappa, reach, window, k, r), LEFT)


# --- measures ------------------------------------------------------------------------------------------------


def _shape(instance: Instance) -> tuple[int, int, bool]:
    given = instance.parameters
    return int(given["blocks"]), int(given["size"]), bool(given["filled"])


@lru_cache(maxsize=16)
def _found(instance: Instance) -> dict[str, s.Array]:
    blocks, size, filled = _shape(instance)
    heights, noise = margins(instance.weights, blocks, size, s.biases_of(instance), filled)
    with np.errstate(all="ignore"):
        bad = np.where(noise > 0, np.exp(-(heights**2) / (2 * noise**2)), 0.0)
        norm = np.linalg.norm(instance.weights, axis=1)
        uniform = np.exp(-(s.biases_of(instance) ** 2) / (4 * norm**2))
    which, order = np.argmax(heights, axis=1) % blocks, np.sort(heights, axis=1)
    target = np.zeros_like(instance.weights)
    for i, j in enumerate(which):
        target[i, j * size : (j + 1) * size] = instance.parameters["chance"] * float(share(blocks, filled))
    return {
        "own": order[:, -1], "other": order[:, -2], "tails": bad.sum(axis=1), "root_tails": np.sqrt(bad).sum(axis=1),
        "uniform": uniform, "target": target, "gradient": s.empirical_gradients(instance)[0],
        "rounding": 1e-14 * (norm + np.abs(s.biases_of(instance))) * instance.d,
    }  # fmt: skip


def _read(name: str) -> measure.Measure:
    def read(run: Run) -> Measured:
        found = _found(run.instance)
        value = found[name]
        return Measured(value, found["rounding"] if name in ("own", "other") else 1e-11 * np.abs(value) + 1e-300)

    return read


#: what sums and norms of at most 2^16 points of entries up to 1 may round by
_ROUNDING = 1e-12


def _off(run: Run, whole: bool = False) -> Measured:
    found = _found(run.instance)
    blocks, _, filled = _shape(run.instance)
    target = found["target"] / (float(share(blocks, filled)) if whole else 1.0)
    return Measured(np.linalg.norm(found["gradient"] - target, axis=1), _ROUNDING)


def _length(run: Run) -> Measured:
    return Measured(np.linalg.norm(_found(run.instance)["gradient"], axis=1), _ROUNDING)


def _cosine(run: Run) -> Measured:
    gradient, target = _found(run.instance)["gradient"], _found(run.instance)["target"]
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(gradient, axis=1), np.linalg.norm(target, axis=1)
        return Measured(np.sum(gradient * target, axis=1) / lengths[0] / lengths[1], 4 * _ROUNDING / np.minimum(*lengths))  # fmt: skip


def _rest(run: Run) -> Measured:
    blocks, size, _ = _shape(run.instance)
    given = run.instance.parameters
    left = float(_left(given["kappa"], given["R_0"], given["h"], size, blocks))
    if left <= 0 or run.instance.d <= blocks:
        return Measured(0.0)
    value = float(chi2.cdf(left, run.instance.d - blocks))
    return Measured(value, 1e-11 * value)


def _event(run: Run) -> Measured:
    blocks, size, filled = _shape(run.instance)
    given = run.instance.parameters
    return hits.event_chance(blocks, size, run.instance.d, given["kappa"], given["R_0"], filled, int(given["seed"]))


def _chance(run: Run) -> Measured:
    value = run.instance.parameters["chance"]
    return Measured(value, np.spacing(value), rigorous=True)


_QUANTITIES = (
    Quantity(k, "size of a block", measure.parameter("size")),
    Quantity(r, "number of blocks", measure.parameter("blocks")),
    Quantity(d, "number of signs", measure.constant(lambda run: run.instance.d)),
    Quantity(chance, "p_A, chance of each component with a block all of one sign", _chance),
    Quantity(part, "c_r, share of the block in E[y x] given that it is all of one sign", measure.constant(lambda run: float(share(_shape(run.instance)[0], _shape(run.instance)[2])))),
    Quantity(single, "1 if blocks of one sign each are beside uniform ones, where c_r does not hold", measure.constant(lambda run: _shape(run.instance)[1] == 1 and _shape(run.instance)[2] and _shape(run.instance)[0] > 1)),
    Quantity(bias, "bias", measure.constant(lambda run: float(np.min(s.biases_of(run.instance))))),
    Quantity(tails, "sum of h over the components", _read("tails")),
    Quantity(root_tails, "sum of sqrt(h) over the components", _read("root_tails")),
    Quantity(root_uniform, "sqrt(h) of the uniform component", _read("uniform")),
    Quantity(own, "largest margin m_{j,s}", _read("own")),
    Quantity(other, "second largest margin", _read("other")),
    Quantity(off, "|G - p_A c_r 1_{A_j}|, enumerated", _off),
    Quantity(off_whole, "|G - p_A 1_{A_j}|", lambda run: _off(run, whole=True)),
    Quantity(length, "|G|, enumerated", _length),
    Quantity(cosine, "cos of the angle between G and 1_{A_j}", _cosine),
    Quantity(kappa, "margin over noise that an event asks for", measure.parameter("kappa")),
    Quantity(reach, "R_0, how long w may be", measure.parameter("R_0")),
    Quantity(window, "h, width of the window", measure.parameter("h")),
    Quantity(rest, "chance that a chi^2 with D - r degrees of freedom is below what is left of R_0^2", _rest),
    Quantity(seen, "chance that one component fires, all margins at least kappa nu and b at least 2 kappa |w|: exact interval", _event),
)  # fmt: skip
_ASSUMED = (
    Assumption("bias positive", "b > 0", Bound(sp.S.Zero, bias, strict=True)),
    Assumption("fires", "the neuron fires on one component", Bound(sp.S.Zero, own, strict=True)),
    Assumption("silent elsewhere", "and on no other", Bound(other, sp.S.Zero, strict=True)),
    # for the proof, which needs E[y x] = c_r 1_{A_j}: with k = 1 and r >= 3 beside uniform signs that fails. "near" holds there, for
    # another reason: x is uniform and P(<w, x> > b) <= 1/2, so |G - p_A c_r 1_{A_j}| <= root(1/2) + p_A/2 by Bessel, while
    # |w_i| < b < |w_j|, i not j, make eps >= 5/2 (r - 1) p_A + (1 - 2 r p_A) exp(-1/4) >= .77 + .3 p_A, and p_A <= 1/6. "length"
    # and "cosine" are empty there: eps is above p_A c_r
    Assumption("no single signs", "blocks of one sign stand alone or beside zeros", Bound(single, sp.S.Zero)),
    Assumption("clear", "eps is below sqrt(k) p_A c_r", Bound(ERROR, TARGET, strict=True)),
    Assumption("blocks wide", "k > 9 kappa^2: the event is not empty", Bound(9 * kappa**2, k, strict=True)),
)
_ONE = ("bias positive", "fires", "silent elsewhere", "no single signs")
_BOTH = (*_ONE, "clear")
_CLAIMS = (
    Claim("near", "G is p_A c_r 1_{A_j} up to eps", Bound(off, ERROR), _ONE),
    Claim("length", "so it is nearly as long: B_G", Bound(TARGET - ERROR, length), _BOTH),
    Claim("cosine", "and points at D_j: gamma", Bound(COSINE, cosine), _BOTH),
    Claim("event", "with what chance a Gaussian neuron has all exponents at least kappa^2/2: p", Bound(EVENT, seen), ("blocks wide",)),
)  # fmt: skip
_SABOTAGES = (
    Claim("near: no noise", "as if the uniform part were silent", Bound(off, ERROR.subs(root_uniform, 0)), _ONE, falsifies="near"),
    Claim("near: gates fixed", "as if every component were decided", Bound(off, ERROR.subs({tails: 0, root_tails: 0})), _ONE, falsifies="near"),
    Claim("near: c_r = 1", "as if other blocks never outvoted it", Bound(off_whole, ERROR), _ONE, falsifies="near"),
    Claim("length: nothing lost", "as long as its limit", Bound(TARGET, length), _BOTH, falsifies="length"),
    Claim("cosine: all of it", "nothing at right angles", Bound(1 - sp.Rational(1, 10**9), cosine), _BOTH, falsifies="cosine"),
    Claim("event: any length", "however long the neuron is", Bound(EVENT.subs(rest, 1), seen), ("blocks wide",), falsifies="event"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _made(shape: tuple[int, int, int, bool, int, bool], weights: s.Array, biases: s.Array, numbers: dict[str, float], about: dict[str, Any], notes: tuple[str, ...] = ()) -> Instance:  # fmt: skip
    blocks, size, noise, filled, copies, uniform = shape
    found = structured(blocks, size, noise, filled=filled, copies=copies, uniform=uniform)
    own = {"blocks": float(blocks), "size": float(size), "filled": float(filled), "chance": float(found.chance)}
    return s.network(
        found.points, found.labels, weights, np.ones(len(weights)), biases,
        parameters={**own, **numbers}, description=about, notes=notes,
    )  # fmt: skip


def _aimed(noise: s.Array, blocks: int, size: int, spread: float, level: float) -> tuple[s.Array, s.Array]:
    """Return neurons at +-D_j in turn plus noise, and biases at ``level`` of what the block's sum is."""
    weights = spread * noise
    for i in range(len(weights)):
        j = i % blocks
        weights[i, j * size : (j + 1) * size] += (-1) ** (i // blocks) / math.sqrt(size)
    return weights, np.full(len(weights), level * math.sqrt(size))


def _build(flags: dict[str, Any]) -> Instance:
    shape = (flags["blocks"], flags["size"], flags["noise"], flags["variant"] == "U", flags["copies"], True)
    if flags["variant"] not in ("U", "Z"):
        raise BadInput(f"--variant must be U (uniform) or Z (zeros), not {flags['variant']!r}")
    if not (flags["kappa"] > 0 and flags["spread"] >= 0 and flags["level"] > 0 and flags["m"] > 0):
        raise BadInput("--kappa, --level and --m must be positive and --spread at least 0")
    width = flags["blocks"] * flags["size"] + flags["noise"]
    if flags["data"] in SYNTHETIC:
        noise = np.random.default_rng([flags["seed"], 47]).standard_normal((flags["m"], width)) / math.sqrt(width)
        notes: tuple[str, ...] = ()
    else:
        inputs, told = s.rows(flags)
        if inputs.shape[1] < width or len(inputs) < flags["m"]:
            raise BadInput(f"the neurons take {flags['m']} rows and {width} columns of the data, which have {len(inputs)} and {inputs.shape[1]}")  # fmt: skip
        noise = inputs[: flags["m"], :width].copy()
        notes = (*told, f"the noise on the neurons is the data's rows in {width} columns; the inputs are the support")
    weights, biases = _aimed(noise, flags["blocks"], flags["size"], flags["spread"], flags["level"])
    length = 1.1 * math.sqrt(width)
    numbers = {"kappa": flags["kappa"], "R_0": length, "h": 1.0, "seed": float(flags["seed"])}
    return _made(shape, weights, biases, numbers, {"data": flags["data"], "flags": dict(flags)}, notes)


def _hard(shape: tuple[int, int, int, bool, int, bool], spread: float, level: float, event: tuple[float, float, float], seed: int) -> Instance:  # fmt: skip
    blocks, size, noise = shape[:3]
    width = blocks * size + noise
    draws = np.random.default_rng([seed, 53]).standard_normal((1, width))
    if size == 7:
        # the least support on which eps is so small that c_r is seen: little noise, and a bias just below the block's sum
        spread, level = min(spread, 0.05), 0.99
    if seed % 3 == 0:
        draws[:, : blocks * size] = 0.0
    weights, biases = _aimed(draws, blocks, size, spread, level)
    numbers = {"kappa": event[0], "R_0": event[1] * math.sqrt(width), "h": event[2], "seed": float(seed)}
    return _made(shape, weights, biases, numbers, {"shape": shape, "spread": spread, "level": level, "event": event, "seed": seed})  # fmt: skip


_SHAPES = (
    (1, 3, 3, False, 4, True), (3, 3, 0, True, 2, True), (1, 3, 4, True, 1, False), (3, 1, 3, True, 1, False),
    (1, 3, 3, False, 32, True), (1, 1, 4, False, 4, True), (3, 3, 1, False, 8, False), (1, 5, 2, True, 3, True),
    (3, 7, 0, True, 1, False),
)  # fmt: skip


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(_SHAPES),
        st.sampled_from([0.2, 0.3, 0.05, 1.0]),
        st.sampled_from([0.5, 0.9, 0.2]),
        st.sampled_from([(0.3, 1.0, 1.0), (0.1, 0.3, 1.0), (0.5, 1.3, 2.0), (0.7, 1.0, 0.5)]),
        st.integers(0, 10_000),
    )


_FLAGS = {
    "blocks": (Annotated[int, "r, number of blocks, odd"], 1),
    "size": (Annotated[int, "k, signs in a block, odd"], 3),
    "noise": (Annotated[int, "signs beside the blocks"], 5),
    "variant": (Annotated[str, "the other blocks of a sample are U (uniform signs) or Z (zeros)"], "Z"),
    "copies": (Annotated[int, "how often each sample with a block all of one sign counts: p_A grows with it"], 8),
    "m": (Annotated[int, "number of neurons"], 4),
    "spread": (Annotated[float, "length of the noise on a neuron that points at D_j"], 0.2),
    "level": (Annotated[float, "bias over the block's sum"], 0.5),
    "kappa": (Annotated[float, "margin over noise that an event asks for"], 0.3),
}
STRUCTURED = Theorem(
    label="shi2023.structured",
    title="Structured parities: a neuron that fires on one block of one sign has that block as its gradient",
    reference=Reference("shi2023", "R6, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " x in {-1, 0, 1}^D with blocks A_1 ... A_r of k signs, y the sign of the sum of their products: with chance p_A each, block j is "
    "all +1 or all -1, the others are zeros (Z) or uniform (U); else x is uniform. The instance's rows are the support, equally likely.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, near=3.7, length=2.1, cosine=1.13, event=8.4),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"blocks": 3, "noise": 0, "variant": "U", "copies": 2, "spread": 0.05}, {"data": "breast_cancer"}),
)
