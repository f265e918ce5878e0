"""Theorem R0''' of razborov2022 (section 3.1): a radius for each layer of a ReLU network, for flow and descent.

A layer moves at most sqrt(its rate) times the path, and at most its rate times ``|J_W|`` times the integral of ``|r|``: a pair of
radii is enough if each is at least the smaller of the two (errata B15: beta and epsilon are those without rates; errata I7).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.certify.recipe import Dynamics
from theorycheck.evidence import Measured
from theorycheck.flow import Run, follow
from theorycheck.model import Instance, with_parameters
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import meta, r1, r1_descent
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.certificates import guess, with_radii
from theorycheck.theorems.razborov2022.examples import FLAGS

SAYS = {
    "test": "flips and moved output weights change the Jacobian by at most c alpha, on the product of the balls",
    "radius of W": "the first layer cannot leave its ball",
    "radius of a": "the output weights cannot leave their ball",
}


def jacobian_norm(instance: Instance, first: bool) -> Measured:
    """Return ``|J_W|`` or ``|J_a|`` at time 0, without rates (errata B15)."""
    gram = replace(instance, rates=(1.0, 0.0) if first else (0.0, 1.0)).start[1]
    value = math.sqrt(max(float(np.linalg.eigvalsh(gram)[-1]), 0.0))
    return Measured(value, 1e-11 * (1 + value))


def radii(instance: Instance, dynamics: Dynamics, size: float) -> tuple[float, float]:
    """Return the least pair of radii, a little larger, that R0''' would need for a residual of this size."""
    run = Run(instance)
    values = {
        t.alpha_squared: float(s.alpha_squared(run).value), t.top: float(s.largest(run).value), t.r_0: size, t.c: instance.parameters["c"],
        t.X_norm: float(s.input_norm(run).value), t.kappa: instance.output_scale, t.eta_W: instance.rates[0], t.eta_a: instance.rates[1],
        t.beta_W: float(jacobian_norm(instance, True).value), t.beta_a: float(jacobian_norm(instance, False).value),
    }  # fmt: skip
    if not all(map(math.isfinite, values.values())) or not values[t.alpha_squared] > 0:
        return 0.0, 0.0
    if dynamics == "descent" and not guess(t.Q, values) > 0:
        return 0.0, 0.0
    found = with_radii(values, dynamics, s.neurons(instance))
    return found[t.R_W], found[t.R_a]


def mass_within(run: Run) -> Measured:
    """Return M at the radius of the first layer."""
    if s.neurons(run.instance).share < 1:
        return Measured(np.nan)
    radius = run.instance.parameters["R_W"]
    low, high = (s.flip_mass(run.instance, radius * (1 + sign * 1e-9)) * (1 + sign * 1e-9) for sign in (-1, 1))
    return Measured.between(low, high)


_QUANTITIES = (
    Quantity(t.mass, "largest sum of a_j^2 over gates of a sample that can flip within R_W", mass_within),
    Quantity(t.R_W, "radius of the first layer", measure.parameter("R_W")),
    Quantity(t.R_a, "radius of the output weights", measure.parameter("R_a")),
    Quantity(t.beta_W, "|J_W| at time 0, without rates", lambda run: jacobian_norm(run.instance, True)),
    Quantity(t.beta_a, "|J_a| at time 0, without rates", lambda run: jacobian_norm(run.instance, False)),
)


def ready(instance: Instance, dynamics: Dynamics, share: float = 1.0) -> Instance:
    """Return the instance with a share of the radii that its residual needs."""
    found = radii(instance, dynamics, float(np.linalg.norm(instance.start[0])))
    return with_parameters(instance, R_W=share * found[0], R_a=share * found[1])


def _build(flags: dict[str, Any], dynamics: Dynamics) -> Instance:
    return ready(s.build(flags, dynamics), dynamics)


def _hard(dynamics: Dynamics, share: float, drawn: dict[str, Any]) -> Instance:
    made = r1.hard(**drawn) if dynamics == "flow" else r1_descent.hard(**drawn)
    with np.errstate(all="ignore"):
        return ready(made, dynamics, share)


def _instances(dynamics: Dynamics) -> SearchStrategy[Instance]:
    drawn: dict[str, Any] = {
        "kind": st.sampled_from(["orthogonal", "sphere", "near_parallel", "cluster"]),
        "n": st.integers(1, 2),
        "width": st.sampled_from([4, 10]),
        "scheme": st.integers(0, 3),
        "lazy": st.sampled_from([1.0, 30.0]),
        "c": st.sampled_from([0.2, 0.02, 0.35]),
        "level": st.sampled_from([0.5, 0.1, 20.0]),
        "weak": st.booleans(),
        "seed": st.integers(0, 10_000),
    }
    if dynamics == "descent":
        drawn["share"] = st.sampled_from([0.2, 0.8, 0.02, 2.5])
    return st.builds(_hard, st.just(dynamics), st.sampled_from([1.0, 1.0, 1.5, 0.3]), st.fixed_dictionaries(drawn))


def _moved(given: tuple[str, ...]) -> tuple[Claim, ...]:
    return (
        Claim("weights", "the first layer stays in its ball", Bound(s.moved_W, t.R_W), given),
        Claim("outer", "the output weights stay in theirs", Bound(s.moved_a, t.R_a), given),
    )


def _false_moved(given: tuple[str, ...]) -> tuple[Claim, ...]:
    bare = tuple(name for name in given if not name.startswith("radius"))
    return (
        Claim("weights: a tenth", "a ball of a tenth", Bound(s.moved_W, t.R_W / 10), given, falsifies="weights"),
        Claim("weights: any radius", "whatever the radius", Bound(s.moved_W, t.R_W), bare, falsifies="weights"),
        Claim("outer: a tenth", "a ball of a tenth", Bound(s.moved_a, t.R_a / 10), given, falsifies="outer"),
    )


def _card(
    label: str, dynamics: Dynamics, notation: str, quantities: tuple[Quantity, ...], simulate: Any, **looseness: float
) -> Theorem:
    assumed = (s.RELU, *meta.premises(t.TESTS_RADII[dynamics], SAYS))
    given = tuple(part.label for part in assumed)
    untested = tuple(name for name in given if name not in ("test", "step size", "radius of W", "radius of a"))
    return Theorem(
        label=f"razborov2022.{label}",
        title=f"Both layers of a ReLU network trained by gradient {dynamics} at different rates: a radius for each layer",
        reference=Reference("razborov2022", "Theorem R0''', section 3.1", "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=notation,
        quantities=(*s.SHARED, *_QUANTITIES, *quantities),
        assumptions=assumed,
        claims=with_looseness((*meta.speed(dynamics, given), *_moved(given)), **looseness),
        derivations=(),
        order=("data", "weights", "labels"),
        example=keyword_example(partial(_build, dynamics=dynamics), {**FLAGS, **r1.OWN}, Instance),
        instances=partial(_instances, dynamics),
        simulate=simulate,
        sabotages=(*meta.false_speed(dynamics, given, untested), *_false_moved(given)),
        showcase=(
            {"n": 3, "d": 10, "m": 2000, "level": 0.5},
            {"data": "breast_cancer", "rows": 4, "m": 4000, "level": 0.5},
        ),
    )


RADII = _card("r0_radii", "flow", s.NOTATION, s.FLOW, partial(follow, count=40), gram=1.55, rate=1.56, weights=3.65, outer=1.26)  # fmt: skip
RADII_DESCENT = _card("r0_radii_descent", "descent", s.NOTATION + r1_descent.STEP, r1_descent.DESCENT, r1_descent.simulate, contraction=2.25, weights=5.47, outer=2.86)  # fmt: skip
