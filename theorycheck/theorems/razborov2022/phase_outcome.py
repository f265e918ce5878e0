"""How a run of the phase diagram ended, and what is recorded of it (razborov2022, section 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.network import output_and_gram
from theorycheck.theorems.razborov2022.phase import ASLEEP, ENOUGH, LOST, Walked, walk

NUMBERS: Mapping[str, str] = {
    "success": "share of runs with 2L/n at most 1e-4",
    "plateau": "share of runs that fitted all but their dead samples, to 1e-4: a plateau, and as low as it can be",
    "dead": "samples without an open gate in the last 1000 steps: their output stayed 0, their residual constant",
    "dead before": "samples without an open gate at the start", "killed": "dead at the end less dead at the start",
    "floor": "share of 2L/n that belongs to dead samples: k/n for k of them with labels +-1",
    "diverged": "share of runs whose loss left all bounds",
    "stuck": "share of the other failures where r'Kr/r'r is below 1e-6: no gradient, not slowness",
    "slow": "share of the rest: still on the way after the last step",
    "steps": "steps taken",
    "loss": "2L/n at the end",
    "loss at 10": "2L/n after 10 steps, or at the end if that came before",
    "loss at 100": "the same after 100", "loss at 1000": "after 1000", "loss at 10000": "after 10000",
    "rate": "-log(L)/2 per step, fitted over the last third of a successful run's steps",
    "least before": "least eigenvalue of K_0, steps included", "least after": "least eigenvalue of K_T",
    "rate over least": "fitted rate over the least eigenvalue of K_T",
    "gram moved": "|K_T - K_0|_F/|K_0|_F",
    "flipped": "share of gates that flipped",
    "chatter": "share of gates that flip in one more step, at the end of a successful run",
    "W moved": "|W_T - W_0|_F/|W_0|_F", "a moved": "|a_T - a_0|/|a_0|",
}  # fmt: skip
_STUCK = 1e-6


def outcome(walked: Walked, unit: float, asleep: int = ASLEEP) -> dict[str, float]:
    """Return how a descent ended, and the losses on its way, as shares of the loss ``unit`` of the output 0.

    A sample is *dead* where every gate was closed at each of the last ``asleep`` steps. Its output was 0 all that
    time, so its residual did not change. That it never will is not proved: the others' residuals, small where they are
    fitted, still move the weights a little.
    """
    loss, dead = walked.losses[-1] / unit, walked.sleep >= asleep
    return {
        "success": float(loss <= ENOUGH), "dead": float(dead.sum()), "diverged": float(not loss < LOST),
        "steps": float(len(walked.losses) - 1), "loss": float(loss),
        **{f"loss at {k}": float(walked.losses[min(k, len(walked.losses) - 1)] / unit) for k in (10, 100, 1000, 10_000)},
    }  # fmt: skip


def fitted_rate(losses: Array) -> float:
    """Return half the slope of ``-log L`` over the last third of the steps, NaN for fewer than 4 steps or a loss of 0."""
    last = losses[-max(2, len(losses) // 3) :]
    if len(losses) < 5 or not np.all(last > 0):
        return math.nan
    return float(-np.polyfit(np.arange(len(last)), np.log(last), 1)[0] / 2)


def observed(instance: Instance, steps: int) -> Mapping[str, float]:
    """Descend once and return NUMBERS."""
    walked, unit, network = walk(instance, steps), instance.n / 2, instance.network
    found = outcome(walked, unit)
    floor = float(np.sum(instance.labels[walked.sleep >= ASLEEP] ** 2) / 2 / unit)
    plateau = not found["success"] and found["loss"] - floor <= ENOUGH
    finite, push, moved = not found["diverged"], math.nan, dict.fromkeys(_MOVED, math.nan)
    if finite:
        output, gram = output_and_gram(replace(network, weights=walked.weights, outer=walked.outer[:, None]))
        push = _push(gram, instance.labels - output[:, 0], walked.sleep < ASLEEP)
        moved = _moved(instance, walked, gram, bool(found["success"]))
    failed = finite and not found["success"] and not plateau
    closed = ~np.any(network.inputs @ network.weights.T >= 0, axis=1)
    return {
        **found, "floor": floor, "dead before": float(closed.sum()),
        "killed": found["dead"] - float(closed.sum()), "plateau": float(plateau),
        "stuck": float(failed and push < _STUCK), "slow": float(failed and push >= _STUCK),
        **moved,
    }  # fmt: skip


def _push(gram: Array, residual: Array, living: NDArray[np.bool_]) -> float:
    """Return ``r'Kr/r'r`` over the living samples: the share of their loss, halved, that one small step takes."""
    left = np.where(living, residual, 0.0)
    size = float(left @ left)
    return float(left @ gram @ left) / size if size > 0 else 0.0


def _chatter(instance: Instance, walked: Walked) -> float:
    """Return the share of gates that one more step flips: gates at their kink are crossed to and fro."""
    signs = walked.outer / instance.output_scale
    after = walk(replace(instance, weights=walked.weights, signs=signs), 1, enough=0.0)
    gates = [instance.inputs @ one.weights.T > 0 for one in (walked, after)]
    return float(np.mean(gates[0] != gates[1]))


def _moved(instance: Instance, walked: Walked, gram: Array, success: bool) -> dict[str, float]:
    start, before = instance.network, instance.start[1]
    first, last = (float(np.linalg.eigvalsh(one)[0]) for one in (before, gram))
    rate = fitted_rate(walked.losses) if success else math.nan
    gates = [instance.inputs @ one.weights.T > 0 for one in (start, walked)]
    size, outer = float(np.linalg.norm(before)), start.outer[:, 0]
    return {
        "rate": rate, "least before": max(first, 0.0), "least after": max(last, 0.0),
        "rate over least": rate / last if last > 0 else math.nan,
        "gram moved": float(np.linalg.norm(gram - before)) / size if size > 0 else 0.0,
        "flipped": float(np.mean(gates[0] != gates[1])), "chatter": _chatter(instance, walked) if success else math.nan,
        "W moved": float(np.linalg.norm(walked.weights - start.weights) / np.linalg.norm(start.weights)),
        "a moved": float(np.linalg.norm(walked.outer - outer) / np.linalg.norm(outer)),
    }  # fmt: skip


_MOVED = (
    "rate",
    "least before",
    "least after",
    "rate over least",
    "gram moved",
    "flipped",
    "chatter",
    "W moved",
    "a moved",
)
