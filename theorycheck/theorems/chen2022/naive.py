"""What the abstract must not be taken to say (section 4.9): enough random neurons fit any labels. FALSE, with counterexamples.

The card is theorem A with random weights (``random_init``) without its condition on the labels: everything else that
A asks for is kept, so that nothing else can be to blame. Two readings of "the loss decays to 0": at A's own rate; and
the weakest that a run can see, that some time or other the loss is small: ten times later than the rate promises.
The adversary draws inputs, labels, scales and activations at random and is not told what goes wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, LabelPlan, build_inputs, build_labels
from theorycheck.certify.slopes import least_slope
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.grams import Array
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing
from theorycheck.symbolic.activations import activation as read_activation
from theorycheck.theorems._data import DATA, keyword_example
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import random_init as r
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep_everywhere import briefly

fallen = sp.Symbol("F_T", real=True)

_A = next(claim for claim in r.A_RANDOM.claims if claim.label == "rate")
#: theorem A's rate with half the expected share
RATE = _A.bound.lhs
#: "small", and how many times later than promised
SHARE, LEEWAY = sp.Rational(1, 10**4), 10
ASKED = -sp.log(SHARE)
#: a loss is followed until it has surely fallen that far, which is a little more than asked
COUNTED = 1.01 * float(ASKED)
#: evaluations or events of one flow: a search must not spend its minutes on one stiff instance
BUDGET = 2000


# --- measures --------------------------------------------------------------------------------


def _fallen(run: Run) -> tuple[float, float]:
    """Return numbers between which ``log(L_0/L_T)`` lies at the end of the run."""
    path = run.trajectory
    if path is None:
        raise NoTrajectory("the loss at the end belongs to a flow: simulate the instance first")
    if not np.any(path.residual[0]):
        return math.inf, math.inf  # the loss is 0 from the start
    size, doubt = np.linalg.norm(path.residual[[0, -1]], axis=1), path.residual_error[[0, -1]]
    with np.errstate(all="ignore"):
        low = 2 * (np.log(max(size[0] - doubt[0], 0.0)) - np.log(size[1] + doubt[1]))
        high = 2 * (np.log(size[0] + doubt[0]) - np.log(max(size[1] - doubt[1], 0.0)))
    return float(low), float(high)


def how_far(run: Run) -> Measured:
    """Return ``log(L_0/L_T)`` counted up to :data:`COUNTED`, beyond which no run is followed."""
    low, high = _fallen(run)
    if math.isnan(low) or math.isnan(high):
        return Measured(np.nan)
    found = Measured.between(min(low, COUNTED), min(high, COUNTED))
    return Measured(found.value, found.error + 1e-12 * COUNTED)


def promised(instance: Instance) -> float:
    """Return the rate that the statement promises; 0 where it promises none."""
    run = Run(instance)
    values = {part.symbol: float(part.measure(run).value) for part in r.QUANTITIES if part.symbol in RATE.free_symbols}
    rate = float(RATE.subs(values)) if all(map(math.isfinite, values.values())) else 0.0
    return max(rate, 0.0)


def simulate(instance: Instance) -> Run:
    """Follow the flow until the loss is surely small, at longest :data:`LEEWAY` times as long as the rate needs.

    A loss never grows, so that one which is small early is small at the end.
    """
    rate, early = promised(instance), briefly(instance, 2000.0)
    last = LEEWAY * float(ASKED) / rate if rate > 0 else early
    run = follow(instance, min(early, last), count=10, tolerance=1e-6, budget=BUDGET)
    if last <= early or _fallen(run)[0] > COUNTED:
        return run
    return follow(instance, last, count=10, tolerance=1e-6, budget=BUDGET)


FALLEN = Quantity(
    fallen, f"log(L_0/L_T), counted up to {COUNTED:.3g}; T is {LEEWAY} times as long as the rate needs for {ASKED}", how_far
)  # fmt: skip

# --- the statement -----------------------------------------------------------------------------

_ASSUMED = tuple(part for part in r.A_RANDOM.assumptions if part.label != "test")
_GIVEN = tuple(part.label for part in _ASSUMED)
_FEW = tuple(name for name in _GIVEN if name != "width")
_SURE = _A.probability
_TO_0 = Bound(ASKED, fallen)

_CLAIMS = (
    Claim("to 0", f"some time or other the loss is {SHARE} of what it was: {LEEWAY} times later than the rate says", _TO_0, _GIVEN, _SURE),
    Claim("rate", "the loss decays at theorem A's rate for all time", _A.bound, _GIVEN, _SURE),
)  # fmt: skip
_SABOTAGES = (
    Claim("to 0: width dropped", "falser still: however few neurons", _TO_0, _FEW, _SURE, falsifies="to 0"),
    Claim("rate: width dropped", "falser still: however few neurons", _A.bound, _FEW, _SURE, falsifies="rate"),
    Claim("rate: lambda_min dropped", "falser still: as if the inputs were orthogonal", Bound(RATE / t.lam, s.rate), _GIVEN, _SURE, falsifies="rate"),
)  # fmt: skip


# --- instances -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Control:
    """Inputs ``(n, d)`` with norms for which G has a unit diagonal, labels and an activation: section 4.9."""

    inputs: Array
    labels: Array
    activation: str


def _control(rows: Any, labels: Any, activation: str) -> Control:
    inputs = np.array(rows, float)
    return Control(math.sqrt(inputs.shape[1]) * inputs, np.array(labels, float), activation)


CHAIN_GRAM = np.array([[1.0, 0.5, -0.4], [0.5, 1.0, 0.5], [-0.4, 0.5, 1.0]])
CONTROLS: Mapping[str, Control] = {
    # three inputs in a plane: what of the residual lies in ker G stays for ever; lambda_min = 0, hence vacuous
    "kernel": _control([[1, 0], [0, 1], [0.5**0.5, 0.5**0.5]], [1, 1, -1], "identity"),
    # |f| <= kappa for tanh: the loss stays above (2 - kappa)^2/(2n)
    "out of reach": _control(np.eye(3), [2, 0.1, -0.1], "tanh"),
    # neurons that datum 1 switches on are switched off on it by datum 3, if they start near 0
    "chain": _control(np.linalg.cholesky(CHAIN_GRAM), [0.1, 1, 5], "relu"),
}


def interval(activation: str, inputs: Array, nu: float) -> tuple[float, float, float]:
    """Return an interval and a margin of ``nu/16``: of a half line and two windows, the one that promises most.

    No label is asked to fit into the margin, so a small one serves best.
    """
    read, eta = read_activation(activation), nu / 16
    roots = nu * np.sqrt(np.maximum(np.sum(inputs**2, axis=1), 1e-300) / inputs.shape[1])

    def worth(low: float, high: float) -> float:
        inside = o.ndtr((high - eta) / roots) - o.ndtr((low + eta) / roots)
        return float(least_slope(read, low, high) ** 2 * max(inside.min(), 0.0))

    low, high = max(((0.0, math.inf), (-1.0, 1.0), (-2 * nu, 2 * nu)), key=lambda pair: worth(*pair))
    return low, high, eta


def place(
    inputs: Array, labels: Array, activation: str, numbers: Mapping[str, float], level: float = 0.0, **more: Any
) -> Instance:
    """Return an instance of mirrored neurons, as many as the statement asks for unless ``width`` is given."""
    chosen = dict(zip(("low", "high", "eta"), interval(activation, inputs, numbers["nu"]), strict=True))
    return r.place(inputs, labels, {**chosen, **numbers}, activation, level, b=False, **{"width": 0, **more})


_TABLE: Mapping[str, tuple[Any, Any]] = {
    **{name: s.FLAGS[name] for name in ("n", "d", "activation", "kappa")},
    "nu": (s.FLAGS["nu"][0], 0.003),
    **{name: r.FLAGS[name] for name in ("m", "delta")},
    "control": (Annotated[str, f"{', '.join(CONTROLS)}: data and activation of section 4.9; empty for --data"], ""),
    **DATA,
}


def _build(flags: dict[str, Any]) -> Instance:
    if flags["control"] and flags["control"] not in CONTROLS:
        raise BadInput(f"--control must be one of {', '.join(CONTROLS)} or empty, not {flags['control']!r}")
    # refuses what is out of range
    data = s.build({**flags, "m": 2, "mirrored": True})
    case, notes = Control(data.inputs, data.labels, flags["activation"]), data.notes
    if flags["control"]:
        case, notes = CONTROLS[flags["control"]], ()
    about = {"data": flags["control"] or flags["data"], "flags": {**flags, "activation": case.activation}}
    return place(
        case.inputs, case.labels, case.activation, {name: float(flags[name]) for name in ("delta", "kappa", "nu")},
        width=flags["m"], seed=flags["seed"], description=about, notes=notes,
    )  # fmt: skip


_KINDS = ("gaussian", "sphere", "orthogonal", "near_parallel", "cluster")
_LABELS = ("least", "top", "signs", "spike", "equal", "gaussian")
_NAMES = ("relu", "tanh", "softplus", "sigmoid", "leaky_relu", "identity")


def adversarial(number: int, level: float = 0.0) -> Instance:
    """Return the instance of this number: small data of every kind, labels and weights of every size.

    With a ``level``, labels are brought to that share of what theorem A allows.

    One number decides it all, for the reason that ``random_init.by_number`` gives.
    """
    rng = np.random.default_rng(number)
    kind, name, label = (str(rng.choice(names)) for names in (_KINDS, _NAMES, _LABELS))
    n = int(rng.integers(2 if kind in ("near_parallel", "cluster") else 1, 4))
    d = n + int(rng.integers(3))
    size, spread, output = int(rng.integers(-2, 4)), int(rng.integers(-3, 1)), int(rng.integers(-1, 2))
    inputs = build_inputs(InputPlan(kind, n, d, number, 1))
    labels = build_labels(LabelPlan(label, size, number), inputs, inputs @ inputs.T)
    numbers = {"delta": 0.5, "kappa": 10.0**output, "nu": 10.0**spread}
    about = {"data": kind, "labels": f"{label} 1e{size}", "activation": name, "number": number}
    return place(
        inputs * math.sqrt(d), labels, name, numbers, level=level, seed=number, description={**about, **numbers}
    )


def _strategy() -> SearchStrategy[Instance]:
    return st.builds(adversarial, st.integers(0, 2**31 - 1))


_CLAIMED = r.symbols_of((*_CLAIMS, *_SABOTAGES), _ASSUMED)

NAIVE = replace(
    r.A_RANDOM,
    label="chen2022.naive",
    title="FALSE, kept for its counterexamples: enough random neurons fit any labels",
    reference=Reference(
        "chen2022", "section 4.9, negative controls",
        "a misreading of the abstract, not the paper's claim: theorem A without its condition on the labels; refuted",
    ),
    standing=Standing.DERIVED,
    quantities=tuple(part for part in (*r.QUANTITIES, FALLEN) if part.symbol in _CLAIMED),
    assumptions=_ASSUMED,
    claims=_CLAIMS,
    example=keyword_example(_build, _TABLE, Instance),
    instances=_strategy,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=(
        *({"control": name} for name in CONTROLS), {"control": "chain", "nu": 1.0},
        {"data": "diabetes", "rows": 3, "activation": "tanh", "labels_scale": "none"},
    ),
)  # fmt: skip
