"""One step of gradient descent, any network: the one-step inequality of R0 with its best constants (section 3.1).

With ``u = J_0'r``, ``v = J'r``, ``w = Jm'r`` (``Jm`` a mean of J over the step: ``F(next) - F = Jm step``), v and w within
``D |r|`` of u, ``|r_next|^2 = |r|^2 - 2 w.v + |Jm v|^2``. The theorem's ``q = 2 (1 - 2c - c^2) - S (1 + c)^2`` bounds both
parts one by one. Together, ``2 w.v - S |v|^2`` is at least ``(2 - S)(|u| - D)^2`` for ``|r| = 1``, which a single sample
attains; and ``(2 w.v - S |v|^2)/(2 |v|)`` is at least ``sqrt((1 - S)(|u|^2 - D^2)) - D``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.certify.checkpoint import instance_of
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.activations import activation
from theorycheck.symbolic.network import TWO_LAYER
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import jacobians
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS_SMOOTH
from theorycheck.theorems.razborov2022.examples import problem as problem_of_flags

STEPS = 20
change, norm_squared = sp.symbols("D_k S_k", nonnegative=True)
gain, fall = sp.symbols("g_k h_k", real=True)

#: the least of 2 w.v - S |v|^2 while it is least where |v| is
GAIN = (2 - norm_squared) * (t.alpha - change) ** 2
#: half the least of the same over |v|, at most (the mean of two numbers is at least their geometric one)
FALL = sp.sqrt(sp.Max(0, 1 - norm_squared) * sp.Max(0, t.alpha_squared - change**2)) - change

_ASSUMED = (
    Assumption("K_0 definite", "the tangent Gram at time 0 is definite", Bound(sp.S.Zero, t.alpha_squared, strict=True)),
    Assumption("in range", "J changes by less than half of alpha, and the step is stable: S (alpha - D) <= alpha - 2 D", Bound(norm_squared * (t.alpha - change), t.alpha - 2 * change)),
    Assumption("below alpha", "J changes by less than alpha", Bound(change, t.alpha, strict=True)),
    Assumption("below 1", "the mean of J over the step is at most 1", Bound(norm_squared, sp.S.One)),
)  # fmt: skip
_RANGE, _BELOW = ("K_0 definite", "in range", "below alpha"), ("K_0 definite", "below alpha", "below 1")


def build(flags: dict[str, Any]) -> Instance:
    found = problem_of_flags(flags)
    return replace(instance_of(found), description={"data": flags["data"], "flags": dict(flags)}, notes=found.notes)


def hard(n: int, width: int, size: float, share: float, goal: float, layers: int, name: str, seed: int) -> Instance:
    """Small networks whose output must shrink or grow, by steps small or large; one sample makes J shrink parallel to itself."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((n, n)) if n > 1 else np.ones((1, 1))
    weights, outer = (rng.standard_normal((width, n)), rng.choice([-1.0, 1.0], width)) if n > 1 else (np.ones((width, 1)), np.ones(width))  # fmt: skip
    about = {"n": n, "m": width, "size": size, "share": share, "goal": goal, "layers": layers, "activation": name, "seed": seed}  # fmt: skip
    rates = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0))[layers]
    made = Instance(
        inputs, np.zeros(n), weights * size, outer * size, np.ones(width), TWO_LAYER, activation(name), {}, about, rates=rates
    )  # fmt: skip
    top = float(np.linalg.eigvalsh(made.start[1])[-1])
    made = replace(made, rates=(rates[0] * share / top, rates[1] * share / top)) if top > 0 else made
    return made.with_labels(-goal * made.start[0])  # the residual is minus the output, while labels are 0


def instances() -> SearchStrategy[Instance]:
    return st.builds(
        hard,
        st.sampled_from([1, 1, 2, 3]),
        st.sampled_from([1, 4, 30]),
        st.sampled_from([1.0, 0.1, 3.0]),
        st.sampled_from([0.02, 0.3, 0.9, 1.7, 3.0]),
        st.sampled_from([0.9, 0.7, 0.5, 1.5, -2.0]),
        st.integers(0, 2),
        st.sampled_from(["relu", "tanh", "3*z", "softplus"]),
        st.integers(0, 10_000),
    )


def _false(claim: str, name: str, says: str, left: sp.Expr, given: tuple[str, ...]) -> Claim:
    return Claim(f"{claim}: {name}", says, Bound(left, gain if claim == "gain" else fall), given, falsifies=claim)


ONE_STEP = Theorem(
    label="razborov2022.one_step",
    title="One step of gradient descent at two rates, any network: what a Jacobian near a fixed one takes off the loss",
    reference=Reference("razborov2022", "the one-step inequality of Theorem R0, section 3.1, with its best constants", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " J: the Jacobian by (W/sqrt(eta_W), a/sqrt(eta_a)), so that K = J J' and a step has size 1; Jm: its "
    "mean over a step, F(next) - F = Jm step. q of R0 is never above (2 - S)(1 - c)^2, c = D/alpha.",
    quantities=(
        Quantity(t.alpha_squared, "least eigenvalue of the tangent Gram at time 0", s.alpha_squared),
        Quantity(change, "the larger of |J - J_0| and |Jm - J_0| at step k", jacobians.looked(0)),
        Quantity(norm_squared, "|Jm|^2 over step k", jacobians.looked(1)),
        Quantity(gain, "1 - L_(k+1)/L_k", jacobians.gain),
        Quantity(fall, "(|r_k| - |r_(k+1)|) over the length of step k", jacobians.fall),
    ),
    assumptions=_ASSUMED,
    claims=with_looseness(
        (
            Claim("gain", "a step takes off at least (2 - S)(alpha - D)^2 of the loss", Bound(GAIN, gain), _RANGE),
            Claim("fall", "the residual falls by that much per length of the step", Bound(FALL, fall), _BELOW),
        ),
        gain=1.18, fall=1.16,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(build, FLAGS_SMOOTH, Instance),
    instances=instances,
    simulate=partial(jacobians.walk, steps=STEPS),
    sabotages=(
        _false("gain", "J at rest", "as if J did not change", (2 - norm_squared) * t.alpha_squared, _RANGE),
        _false("gain", "one of two", "as if only one of J and Jm changed", (2 - norm_squared) * t.alpha * (t.alpha - change), _RANGE),
        _false("gain", "square dropped", "1 - c^2 for (1 - c)^2: q without its -2c", (2 - norm_squared) * (t.alpha_squared - change**2), _RANGE),
        _false("gain", "second order dropped", "as if |Jm v|^2 were 0", 2 * (t.alpha - change) ** 2, _RANGE),
        _false("gain", "any step", "every step size contracts", GAIN, ("K_0 definite", "below alpha")),
        _false("fall", "J at rest", "as if J did not change", t.alpha, _BELOW),
        _false("fall", "second change dropped", "as if only J changed, not its mean", FALL + change, _BELOW),
    ),
    showcase=({"n": 3, "d": 10, "m": 300, "label": 0.3}, {"data": "breast_cancer", "rows": 4, "m": 300, "residual": 0.1}),
)  # fmt: skip
