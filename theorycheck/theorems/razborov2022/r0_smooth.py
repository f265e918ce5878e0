"""Theorem R0-smooth of razborov2022 (section 3.1), descent at two rates: the Jacobian is Lipschitz along the path.

With ``sigma_min(J_0) = a`` the theorem's alpha is ``a/2``: on the ball of radius ``P = 4 |r_0|/a``, ``8 L |r_0| <= a^2`` keeps
``sigma_min(J) >= a/2`` and ``|J| <= sqrt(Lambda_max) + a/2`` (errata B18: the bound on |J| is a hypothesis of its own). The
step's second condition, ``1 <= alpha^2/(2 beta^2 L |r_0|)``, follows then from the first, ``2 beta^2 <= 1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.certify.checkpoint import instance_of
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Bound, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import meta, r0, r1, r1_descent
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.certificates import guess
from theorycheck.theorems.razborov2022.examples import FLAGS_SMOOTH
from theorycheck.theorems.razborov2022.examples import problem as problem_of_flags

PATH = 4 * t.r_0 / t.alpha
#: of J, on the ball: output weights are no larger there than at the start and what they may move
LIPSCHITZ = t.PER_LENGTH.subs(t.a_max, t.a_max + sp.sqrt(t.eta_a) * PATH)
LARGEST = sp.sqrt(t.top) + t.alpha / 2
GAIN = t.alpha_squared / 4

TESTS = (
    ("K_0 definite", Bound(sp.S.Zero, t.alpha_squared, strict=True)),
    ("step size", Bound(2 * LARGEST**2, sp.S.One)),
    ("test", Bound(8 * LIPSCHITZ * t.r_0, t.alpha_squared)),
)
_ASSUMED = meta.premises(TESTS, {"test": "J keeps half of its least singular value on the whole path"})
_GIVEN = tuple(part.label for part in _ASSUMED)
_QUANTITIES = (*(one for one in s.SHARED if one.symbol not in (s.relu, t.c)), *s.SMOOTH)


def _excess(values: Mapping[sp.Symbol, float], size: float) -> float:
    at = {**values, t.r_0: size}
    return guess(TESTS[2][1].lhs, at) / at[t.alpha_squared] if at[t.alpha_squared] > 0 else np.inf


def placed(instance: Instance, level: float, direction: Any = None) -> Instance:
    """Put the labels at ``level`` times the residual that the test allows."""
    run = Run(instance)
    values = {one.symbol: float(one.measure(run).value) for one in _QUANTITIES}
    return s.put(instance, level * (s.allowed(partial(_excess, values)) or 1.0), direction)


def _build(flags: dict[str, Any]) -> Instance:
    own = {name: value for name, value in flags.items() if name != "level"}
    found = problem_of_flags(own)
    made = replace(instance_of(found), description={"data": flags["data"], "flags": dict(flags)}, notes=found.notes)
    return placed(made, flags["level"]) if flags["level"] else made


def _hard(level: float, **drawn: Any) -> Instance:
    made = r1_descent.hard(**drawn, c=0.2, level=0.0)
    if not np.all(np.isfinite(made.start[1])):
        return made
    return placed(made, level, np.linalg.eigh(made.start[1])[1][:, 0 if drawn["weak"] else -1])


def _instances() -> SearchStrategy[Instance]:
    return st.builds(_hard, share=st.sampled_from([0.2, 0.3, 0.05, 2.5]), **r0.DRAWN)


R0_SMOOTH = Theorem(
    label="razborov2022.r0_smooth",
    title="Both layers trained by gradient descent at different rates, smooth activations: the Jacobian is Lipschitz on the path",
    reference=Reference("razborov2022", "Theorem R0-smooth, section 3.1, at two rates", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + r1_descent.STEP + " L_s, C_s: the largest slope and curvature of the activation.",
    quantities=(*_QUANTITIES, *r1_descent.DESCENT),
    assumptions=_ASSUMED,
    claims=with_looseness(
        (meta.contraction(GAIN, "alpha^2/4", _GIVEN), *meta.moved(PATH, _GIVEN)),
        contraction=7.64, weights=4.75, outer=4.17,
    ),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**FLAGS_SMOOTH, "level": r1.OWN["level"]}, Instance),
    instances=_instances,
    simulate=r1_descent.simulate,
    sabotages=(
        *meta.false_speed("descent", _GIVEN, ("K_0 definite",), GAIN),
        *meta.false_moved(PATH, _GIVEN, 10),
    ),
    showcase=(
        {"n": 3, "d": 10, "m": 300, "level": 0.9},
        {"n": 3, "d": 10, "m": 300, "level": 0.9, "scheme": "ntk"},
        {"data": "breast_cancer", "rows": 4, "m": 300, "level": 0.9},
    ),
)  # fmt: skip
