"""R8.4 and R11: a start of the whole network, or of its lottery ticket, with exactly the theorem's hyper-parameters.

Weights are drawn first, for biases of size b~/sigma_w; the sets S_k, alpha and beta do not depend on the scale. Then come the
scale b~, the length h, T and the steps, and last the step eta_1 of the first update, so small that ``|a_1|`` is (errata U2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from theorycheck.model import Instance
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import hyperparameters as hyper
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.problems import Problem

Array = NDArray[np.float64]
LOSSES = tuple(s.LOSS)
#: room for rounding where a hyper-parameter is exactly what is allowed
ROOM = 1e-7
#: |a_1| as a share of what is allowed: f is 0 at the start up to rounding only, and so is its first step what it should be
START_ROOM = 0.999


def share_of(problem: Problem, excess: float) -> float:
    """Return eps_1, the share by which a feature's length may be off, where this much excess loss is for it (R8.4 takes epsilon)."""
    return min(1.0, excess / (float(np.abs(problem.truth.outer).sum()) * f.first_moment(problem.inputs)))


def quadruples_for(problem: Problem, excess: float, delta: float) -> int:
    """Return the number of quadruples for which every S_k has half its expected number but with chance delta (R8.4)."""
    p = f.CHANCE.subs({f.chance: problem.chance, f.eps_1: share_of(problem, excess), f.ratio: 1})
    return math.ceil(8 / float(p) * math.log(len(problem.truth.outer) / delta))


def ticket(sets: f.Sets, quarter: int) -> NDArray[np.int64]:
    """Return the neurons of the smallest set that holds all S_k and, with a neuron, the one that differs in the sign of a (R11)."""
    chosen = np.unique(np.concatenate([np.asarray(one, dtype=int) for one in sets]))
    half, place = chosen // (2 * quarter), chosen % quarter
    first = np.unique(half * 2 * quarter + place)
    return np.sort(np.concatenate([first, first + quarter]))


def _drawn(problem: Problem, m: int, share: float, seeds: tuple[int, int]) -> tuple[s.Quadruples, Array, f.Sets]:
    """Return weights with biases of size b~/sigma_w, the first layer after the first step at that scale, and the sets S_k."""
    generator = np.random.default_rng([*seeds, 83])
    weights = generator.standard_normal((m, problem.inputs.shape[1]))
    if problem.signs:
        weights = np.where(weights > 0, 1.0, -1.0)
    parts = s.quadruples(weights, generator.standard_normal(m), problem.bias)
    unit = problem.bias / (problem.length * problem.size)
    first = unit * parts[1][:, None] * s.empirical_gradients(s.network(problem.inputs, problem.labels, *parts))[0]
    return parts, first, f.members(problem.truth, first, parts[2], share, problem.gamma)


def start(
    problem: Problem, *, m: int, loss: str, epsilon: float, excess: float, only_ticket: bool,
    steps_share: float = 1.0, more: Mapping[str, float] | None = None, seed: int = 0, draw: int = 0,
    description: Mapping[str, Any] | None = None, notes: tuple[str, ...] = (),
) -> Instance:  # fmt: skip
    """Return the network at time 0, with the theorem's hyper-parameters as its parameters; a redraw keeps the problem.

    Parameters
    ----------
    m
        Quadruples of neurons that are drawn; the ticket keeps some pairs of them.
    epsilon, excess
        Excess losses that the descent may leave, and that the features' lengths may.
    steps_share
        1 for the theorem's T, less for a descent that is too short.
    more
        Further parameters of the instance.
    """
    share = share_of(problem, excess)
    parts, first, sets = _drawn(problem, m, share, (seed, draw))
    kept = ticket(sets, m) if only_ticket and any(len(one) for one in sets) else np.arange(4 * m)
    at = _sizes(problem, parts, first[kept], sets, kept, epsilon)
    bias, length, wanted = at[hyper.bias], float(hyper.LENGTH.subs(at)) * (1 - ROOM), float(hyper.STEPS.subs(at))
    grown = bias / problem.bias
    weights, biases = parts[0][kept] * grown, parts[2][kept] * grown
    active = s.empirical_gradients(s.network(problem.inputs, problem.labels, weights, parts[1][kept], biases))[1]
    allowed = min(float(hyper.START.subs(at)), float(hyper.START_SHARE) * at[hyper.beta] * bias)
    slope, total = float(s.start_slope(loss)), float(np.linalg.norm(active))
    eta_1 = START_ROOM * allowed / (slope * total) if total > 0 else 1.0
    numbers = {
        "eta_1": eta_1, "eta": length / math.ceil(wanted), "T": float(max(1, math.ceil(steps_share * wanted))),
        "epsilon": epsilon, "epsilon_1": share, "gamma": problem.gamma, "b": bias, "loss": float(LOSSES.index(loss)), **(more or {}),
    }  # fmt: skip

    def redraw(again: Instance, draw: int) -> Instance:
        return start(
            problem, m=m, loss=loss, epsilon=epsilon, excess=excess, only_ticket=only_ticket,
            steps_share=steps_share, more=more, seed=seed, draw=draw, description=description, notes=notes,
        )  # fmt: skip

    sigma = bias / (problem.length * problem.size * slope * eta_1)
    return s.network(
        problem.inputs, problem.labels, weights, sigma * parts[1][kept], biases,
        parameters=numbers, description=description, notes=notes, redraw=redraw,
    )  # fmt: skip


def _sizes(
    problem: Problem, parts: s.Quadruples, first: Array, sets: f.Sets, kept: NDArray[np.int64], epsilon: float
) -> dict[sp.Symbol, float]:
    """Return alpha, beta, epsilon, B_1 and the least b~ that they allow."""
    b_1 = float(np.mean(np.linalg.norm(problem.inputs, axis=1)))
    size = float(np.linalg.norm(first) + np.linalg.norm(parts[2][kept]) / b_1)
    at = {hyper.beta: size / problem.bias / (1 - float(hyper.START_SHARE)), hyper.epsilon: epsilon, hyper.B_1: b_1}
    # where no neuron is a feature nothing is promised, and any alpha will do: the least that is allowed
    least = float(hyper.LEAST.subs(at)) / at[hyper.beta]
    at[hyper.alpha] = problem.bias * float(np.linalg.norm(f.second_layer(problem.truth, sets, parts[2]))) or least
    return {**at, hyper.bias: math.sqrt(float(hyper.BIAS_SQUARED.subs(at))) * (1 + ROOM)}


def expected(problem: Problem, excess: float, m: int) -> sp.Expr:
    """Return half the expected number of neurons in each S_k (R8.1)."""
    return m * f.CHANCE.subs({f.chance: problem.chance, f.eps_1: share_of(problem, excess), f.ratio: 1}) / 2
