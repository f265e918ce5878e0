"""Every certified network, followed numerically, obeys what was proved: rates, movement, Grams; at the edge of the tests."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from certified_cases import KINDS, at_the_edge, conclusion

from theorycheck.certify import Attempt
from theorycheck.certify.checkpoint import instance_of
from theorycheck.flow import follow
from theorycheck.flow.descent import descend
from theorycheck.flow.trajectory import Trajectory

#: draws of each kind; 17 of 12 kinds are more than 200 networks
DRAWS = 17 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 5
STEPS = 300


def violations(found: Attempt) -> list[str]:
    """What a run of the certified network does that was proved impossible."""
    return _in_descent(found) if found.dynamics == "descent" else _in_flow(found)


def _in_flow(found: Attempt) -> list[str]:
    instance = instance_of(found.problem)
    run = follow(instance, count=50).trajectory
    size = np.maximum(np.linalg.norm(run.residual, axis=1) - run.residual_error, 0.0)
    with np.errstate(divide="ignore"):
        fallen = 2 * np.log(size / np.linalg.norm(run.residual[0]))
    broken = ["rate"] if np.any(fallen > -conclusion(found, "rate") * run.times + 1e-9) else []
    return broken + [name for name, seen in _seen(found, run).items() if not seen <= conclusion(found, name)]


def _seen(found: Attempt, run: Trajectory) -> dict[str, float]:
    """What was surely seen of each quantity that is bounded from above (``least`` with its sign turned)."""
    problem, names = found.problem, {one.name for one in found.conclusions}
    moved = run.final_weights - problem.layer.weights
    inner = float(problem.inner().mid())
    shift = np.abs(inner * problem.inputs @ moved.T)
    each = {
        "reach": lambda: float(run.displacement[:, 0].max()),
        "change": lambda: float(run.gram_change[:, 0].max()) * (1 - 1e-9),
        "window": lambda: float((shift / (np.abs(problem.layer.signs) if found.recipe.label == "chen2022.c" else 1)).max()),
        "path": lambda: float(np.sqrt(np.mean(np.sum(moved**2, axis=1)))),
        "weights_moved": lambda: float(np.linalg.norm(moved)),
        "outer_moved": lambda: float(np.linalg.norm(run.final_outer[:, 0] / problem.output_scale - problem.layer.signs)),
    }  # fmt: skip
    seen = {name: measure() for name, measure in each.items() if name in names}
    if "least" in names and not run.least[:, 1].min() >= conclusion(found, "least"):
        seen["least"] = np.inf
    return seen


def _in_descent(found: Attempt) -> list[str]:
    problem = found.problem
    weights, signs, scale = problem.layer.weights, problem.layer.signs, problem.output_scale
    run = descend(
        instance_of(problem), step=1.0, steps=STEPS, record=range(STEPS + 1),
        quantities={
            "weights_moved": lambda state: np.linalg.norm(state.network.weights - weights),
            "outer_moved": lambda state: np.linalg.norm(state.network.outer[:, 0] / scale - signs),
        },
    )  # fmt: skip
    broken = [
        name
        for name, seen in run.quantities.items()
        if not np.max(seen) <= conclusion(found, name) * (1 + 1e-12) + 1e-300
    ]
    above_rounding = run.loss > 1e-22 * max(float(np.sum(problem.labels**2)), run.loss[0])
    ratios = run.loss[1:][above_rounding[1:]] / run.loss[:-1][above_rounding[1:]]
    return broken + (["contraction"] if np.any(ratios > conclusion(found, "contraction") + 1e-9) else [])


@pytest.mark.parametrize("seed", range(DRAWS))
@pytest.mark.parametrize("kind", range(len(KINDS)), ids=lambda k: "-".join(KINDS[k][:2]) + f"-{k}")
def test_a_certified_run_obeys_what_was_proved(kind: int, seed: int):
    found = at_the_edge(kind, seed)
    assert found is not None  # some residual is small enough for every kind: a certifier that says no to all is caught
    assert violations(found) == []


@pytest.mark.parametrize("kind", [0, 2, 5, 6, 7, 10])
def test_false_conclusions_are_seen(kind: int):
    """The negative control: conclusions that are too strong are violated by the same runs."""
    found = at_the_edge(kind, 1)
    assert found is not None
    stronger = {"at least": 1e4, "at most": 1e-4}
    for one in found.conclusions:
        if one.name == "contraction":
            wrong = replace(one, value=1 - 1e3 * (1 - one.value))
        else:
            wrong = replace(one, value=one.value * stronger[one.side])
        if one.value > 0:
            others = tuple(wrong if each.name == one.name else each for each in found.conclusions)
            assert violations(replace(found, conclusions=others)) == [one.name]
