"""Theorems A and B of chen2022 with high probability: labels first, mirrored random weights after them.

The lemma puts p/2 in place of the realised share, at ``m/2 >= (8/p) log(n/delta)`` mirrored pairs
(errata U2); ``zeta_0 = -y`` because the initial output is 0, so that nothing in the conditions is
random (errata U1). B is the errata's self-consistent form (I1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.flow import Run, follow
from theorycheck.grams import Array
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import DATA, keyword_example
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t

#: what the lemma puts in place of what is random in A and B; |c_i| has one size, which is c_lo and c_hi
LIKELY = {t.share: o.KEPT * o.p, t.zeta_0: o.label_norm, t.c_high: t.c_low}


def likely(expr: sp.Expr) -> sp.Expr:
    """Return a bound of theorem A or B with half the expected share, and the labels for the residual."""
    return expr.subs(LIKELY, simultaneous=True)


_SURE = 1 - o.delta


QUANTITIES = (
    *s.SIZES, *s.GEOMETRY, *(part for part in s.STEEP if part.symbol in (t.eta, t.steepness)),
    o.SIZE, o.CHANCE, o.DRAWS, o.DELTA, o.LABEL_NORM, o.MIRRORED, s.SLOPE, s.RATE, s.WINDOW, s.PATH,
    Quantity(t.split, "share of the margin that movement may use up", measure.parameter("split")),
)  # fmt: skip

_WORDS = {
    "lambda_min positive": "the inputs are linearly independent",
    "eta positive": "neurons start inside the interval",
    "c_lo positive": "the output weights are not 0",
    "K positive": "the slope is bounded away from 0 on the interval",
    "p_hat positive": "some neurons may start there, for every sample",
    "G_max positive": "the inputs are not all 0",
    "split in (0, 1)": "movement uses up part of the margin",
    "test": "the labels are small enough",
}
WIDTH = Assumption("width", "enough pairs of neurons are drawn", Bound(o.width(o.p), o.draws))


def _assumptions(tests: t.Tests) -> tuple[Assumption, ...]:
    own = (Assumption(label.replace("p_hat", "p"), _WORDS[label], Bound(likely(bound.lhs), likely(bound.rhs), bound.strict)) for label, bound in tests)  # fmt: skip
    return (o.IS_DELTA, o.IS_MIRRORED, *own, WIDTH)


def sabotages(rate: sp.Expr, given: tuple[str, ...], moved: Claim | None, chance: sp.Expr) -> tuple[Claim, ...]:
    """Return false versions of a rate (and of a bound on movement)."""
    parts = [
        ("rate: lambda_min dropped", "as if the inputs were orthogonal", rate / t.lam, given),
        ("rate: K^2 dropped", "as if the slope were 1 on the interval", rate / t.steepness**2, given),
        ("rate: labels anywhere", "any label is fitted", rate, tuple(name for name in given if name != "test")),
    ]
    found = [Claim(label, says, Bound(bound, s.rate), premises, chance, falsifies="rate") for label, says, bound, premises in parts]  # fmt: skip
    if moved is not None:
        lost = Bound(moved.bound.lhs, moved.bound.rhs / 1000)
        found.append(Claim(f"{moved.label}: far less", "almost no movement", lost, given, chance, falsifies=moved.label))  # fmt: skip
    return tuple(found)


def symbols_of(claims: tuple[Claim, ...], assumptions: tuple[Assumption, ...]) -> set[sp.Symbol]:
    """Return the symbols that a card needs quantities for."""
    found = {symbol for claim in claims for symbol in claim.bound.symbols | claim.probability.free_symbols}
    return found | {symbol for part in assumptions for symbol in part.bound.symbols}


# --- instances -------------------------------------------------------------------------------

FLAGS: Mapping[str, tuple[Any, Any]] = {
    "m": (Annotated[int, "number of neurons, in mirrored pairs; 0 for the theorem's own"], 0),
    "delta": (Annotated[float, "allowed probability of failure"], 0.5),
    "low": (Annotated[float, "lower end of the interval where the slope is steep"], 0.0),
    "high": (Annotated[float, "upper end of it; inf for a half line"], 0.0),
    "eta": (Annotated[float, "how far inside it neurons must start; 0 chooses interval and margin"], 0.0),
}
_OWN = ("n", "d", "activation", "kappa", "nu", "level")


def largest_label(values: Mapping[sp.Symbol, float], b: bool) -> float:
    """Return the |y| up to which the theorem speaks."""
    return float(likely(t.ALLOWED_B if b else t.ALLOWED_A).subs(values))


def _split(values: Mapping[sp.Symbol, float], size: float) -> float:
    """Return a split just above the least one at which B's test passes."""
    _, bound = t.TESTS_B[-1]
    test = Bound(likely(bound.lhs), likely(bound.rhs), bound.strict)
    return min(t.least_split(test, {**values, o.label_norm: size}) * (1 + 1e-6), 1 - 2.0**-20)


def place(
    inputs: Array, labels: Array, numbers: Mapping[str, float], activation: str, level: float, *,
    b: bool, width: int, seed: int, **more: Any,
) -> Instance:  # fmt: skip
    """Return an instance at ``level`` times the largest labels that the theorem allows (0: as they are).

    Everything but the weights is chosen before they are drawn: interval, labels and width.
    """
    if not 0 < numbers["delta"] < 1:
        raise BadInput(f"--delta must lie in (0, 1), not {numbers['delta']:g}: it is a probability")
    probe = s.drawn(inputs, labels, width=2, activation=activation, kappa=numbers["kappa"], nu=numbers["nu"])
    numbers = {**numbers, "c_low": numbers["kappa"]}
    if not numbers["eta"]:
        diagonal = np.maximum(np.sum(inputs**2, axis=1) / inputs.shape[1], 1e-300)
        chosen = o.population(probe.activation, diagonal, numbers["nu"], 1 if b else 2)
        numbers = {**numbers, **dict(zip(("low", "high", "eta"), chosen, strict=True))}
    run = Run(with_parameters(probe, **numbers, split=0.5))
    wanted = (likely(t.TESTS_B[-1][1].rhs).free_symbols | likely(t.TESTS_A[-1][1].rhs / t.slope / t.g).free_symbols)  # fmt: skip
    values = {part.symbol: float(part.measure(run).value) for part in QUANTITIES if part.symbol in wanted - {t.split}}
    most, size = largest_label(values, b), float(np.linalg.norm(labels))
    if level and most > 0 and size > 0:
        labels = labels * (level * most / size)
    split = _split(values, float(np.linalg.norm(labels))) if b else 0.5
    return s.drawn(
        inputs, labels, width=width or o.own_width(run), activation=activation, kappa=numbers["kappa"],
        nu=numbers["nu"], seed=seed, parameters={**numbers, "split": split}, **more,
    )  # fmt: skip


def _build(flags: dict[str, Any], *, b: bool) -> Instance:
    s.not_negative(flags, "level")
    s.interval_of(flags)
    data = s.build({**flags, "m": 2, "mirrored": True})
    numbers = {name: float(flags[name]) for name in ("delta", "low", "high", "eta", "kappa", "nu")}
    return place(
        data.inputs, data.labels, numbers, flags["activation"], flags["level"], b=b, width=flags["m"],
        seed=flags["seed"], description=dict(data.description), notes=data.notes,
    )  # fmt: skip


_PRESETS = ((0.0, 0.0, 0.0), (0.0, math.inf, 0.03125), (-3.0, 3.0, 0.25), (0.0, math.inf, 0.5))
_NAMES = ("relu", "tanh", "softplus", "sigmoid", "gelu")


def hard_inputs(kind: str, n: int, d: int, seed: int) -> Array:
    """Return inputs of norm at most 1; ``identity`` are orthogonal ones of norm 1."""
    return np.eye(n, d) if kind == "identity" else build_inputs(InputPlan(kind, n, d, seed, 1))


def _hard(case: tuple[str, int, int, str, int, float, float], weak: bool, seed: int, *, b: bool) -> Instance:
    """Return a small network with hard inputs and labels in the weakest (or strongest) direction of their Gram."""
    kind, n, width, name, preset, level, delta = case
    extra = 0 if kind == "identity" else seed % 3
    inputs = hard_inputs(kind, n, n + extra, seed) * math.sqrt(n + extra)
    with np.errstate(all="ignore"):
        labels = np.linalg.eigh(inputs @ inputs.T)[1][:, 0 if weak else -1] if kind != "identity" else np.ones(n)
        low, high, eta = _PRESETS[preset]
        numbers = {"delta": delta, "low": low, "high": high, "eta": eta, "kappa": 1.0, "nu": 1.0}
        return place(
            inputs, labels, numbers, name, level, b=b, width=width, seed=seed,
            description={"data": kind, "level": level, "preset": preset, "activation": name, "delta": delta},
        )  # fmt: skip


#: inputs, n, width (0: the theorem's own), activation, interval, level of the labels, delta
_CASES = (
    # a sample that neither of two neurons answers to; labels out of reach
    ("identity", 8, 2, "relu", 1, 0.05, 0.5),
    ("identity", 1, 0, "tanh", 0, 300.0, 0.5),
    ("identity", 1, 0, "sigmoid", 0, 300.0, 0.5),
    # a weak direction; a small slope
    ("near_parallel", 2, 0, "relu", 0, 0.9, 0.5),
    ("identity", 1, 0, "sigmoid", 0, 0.9, 0.5),
    # a half line with hardly a margin and tiny labels: the rate is the share of active neurons
    ("identity", 2, 0, "relu", 1, 0.05, 0.1),
)


def by_number(
    make: Callable[..., Instance], cases: tuple[tuple[Any, ...], ...], *choices: tuple[Any, ...]
) -> SearchStrategy[Instance]:
    """Return instances of the cases, and of every combination of choices, as often.

    One number decides it all: a frequency takes many flows, and a search that varies the example
    before it in a single choice, as Hypothesis does, would look at one case again and again.
    """

    def build(number: int) -> Instance:
        rng = np.random.default_rng(number)
        known = cases[rng.integers(len(cases))]
        free = tuple(choice[rng.integers(len(choice))] for choice in choices)
        weak = bool(rng.integers(2))
        return make(known, True, number) if rng.random() < 2 / 3 else make(free, weak, number)

    return st.builds(build, st.integers(0, 2**31 - 1))


def _strategy(*, b: bool) -> SearchStrategy[Instance]:
    """The theorem's own width and far fewer; labels just below the threshold and far beyond, in hard directions."""
    kinds, presets = ("orthogonal", "near_parallel", "sphere"), tuple(range(len(_PRESETS)))
    return by_number(
        partial(_hard, b=b), _CASES, kinds, (1, 2, 3), (0, 2, 100), _NAMES, presets, (0.999, 0.05, 300.0), (0.8,)
    )


def _card(
    name: str, title: str, where: str, tests: t.Tests, decay: sp.Expr, moved: tuple[str, str, Bound],
    showcase: tuple[dict[str, Any], ...], **looseness: float,
) -> Theorem:  # fmt: skip
    assumptions, rate = _assumptions(tests), likely(decay)
    given = tuple(part.label for part in assumptions)
    label, says, bound = moved
    path = Claim(label, says, Bound(bound.lhs, likely(bound.rhs)), given, _SURE)
    claims = (Claim("rate", "the loss decays at that rate for all time", Bound(rate, s.rate), given, _SURE), path)
    few = tuple(part for part in given if part != "width")
    false = (
        *sabotages(rate, given, path, _SURE),
        Claim("rate: p for p/2", "twice the rate, as if no share were lost", Bound(2 * rate, s.rate), given, _SURE, falsifies="rate"),
        Claim("rate: width dropped", "however few neurons", Bound(rate, s.rate), few, _SURE, falsifies="rate"),
    )  # fmt: skip
    symbols = symbols_of((*claims, *false), assumptions)
    return Theorem(
        label=f"chen2022.{name}",
        title=title,
        reference=Reference("chen2022", where, "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=s.NOTATION + " p = min_a P(N(0, nu^2 G_aa) is eta inside the interval), |c_i| = c_lo, M = m/2 pairs.",
        quantities=tuple(part for part in QUANTITIES if part.symbol in symbols),
        assumptions=assumptions,
        claims=with_looseness(claims, **looseness),
        derivations=(),
        order=("data", "labels", "weights"),
        example=keyword_example(
            partial(_build, b=name[0] == "b"), {**{key: s.FLAGS[key] for key in _OWN}, **FLAGS, **DATA}, Instance
        ),
        instances=partial(_strategy, b=name[0] == "b"),
        simulate=partial(follow, count=60),
        sabotages=false,
        showcase=showcase,
    )


_SHOW = ({"level": 0.9}, {"n": 2, "d": 4, "activation": "relu", "data": "orthogonal", "level": 0.9}, {"data": "breast_cancer", "rows": 3, "activation": "softplus", "level": 0.9})  # fmt: skip

A_RANDOM = _card(
    "a_random", "Random mean-field networks: retained neurons stay where the slope is steep",
    "Theorem A with the probability lemma, sections 4 and 4.1", t.TESTS_A, t.CONCLUSIONS_A[0].expr,
    ("window", "no preactivation moves further", Bound(s.moved, t.WINDOW_A)), _SHOW, rate=4.4, window=4.5,
)  # fmt: skip
B_RANDOM = _card(
    "b_random", "Random mean-field networks: few neurons leave the interval",
    "Theorem B with the probability lemma, sections 4 and 4.2, errata I1", t.TESTS_B, t.CONCLUSIONS_B[0].expr,
    ("path", "the root mean square movement of the weights stays below", Bound(s.moved_path, t.CONCLUSIONS_B[1].expr)), _SHOW, rate=12.8, path=2.4,
)  # fmt: skip
