"""The state of an event-driven ReLU flow: opening a segment, meeting an event, and what is seen in between."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._events import PATH, SPEED, STAGE, Segment, advance
from theorycheck.flow._gates import EPS, ON, SLIDE, Watched, force, parts_of, set_levers, sliding_gram, sum_parts
from theorycheck.flow._screen import TABLE, forward, screen
from theorycheck.flow._sliding import settle
from theorycheck.flow.trajectory import FlowStalled

Array = NDArray[np.float64]
REBUILD = 256  # events between sums from scratch
FEW = 16  # up to this many sliding neurons, their actual slopes are looked at in every segment


@dataclass(frozen=True)
class Problem:
    """What does not change: data, initial network, and what is derived from them."""

    inputs: Array
    labels: Array
    weights: Array
    outer: Array
    inner: float
    leak: float
    times: Array
    screening: bool
    cross: Array
    operator: float  # |X|, spectral
    reach: Array  # (n,) |x_i| |X|


@dataclass
class Flow:
    """What changes: the moving state, and running ends of what is reported."""

    watched: Watched
    known: NDArray[np.bool_]  # (m,) is watched
    segment: Segment
    clocks: Array  # see _events
    state: Array  # (3, n): r, r', integral of r
    parts: Array  # (4, n, n): see _events.parts_of, summed over neurons
    resting: Array = field(default_factory=lambda: np.zeros(0))  # (n, n) share of the unwatched in parts[0]
    patterns: Array = field(default_factory=lambda: np.zeros((0, 0)))  # (p, n) their distinct slopes
    limit: float = np.inf
    error: float = 0.0
    gram_start: Array = field(default_factory=lambda: np.zeros(0))
    least: list[float] = field(default_factory=lambda: [np.inf, np.inf])
    change: list[float] = field(default_factory=lambda: [0.0, 0.0])
    change_now: float = 0.0  # upper end of the Gram's change in the present segment
    rounding: float = 0.0  # of eigenvalues
    sliding: set[int] = field(default_factory=set)  # slots with a sliding gate
    events: int = 0
    slides: int = 0


def start(problem: Problem) -> Flow:
    """Return the state at time 0, before any gate at its kink is settled."""
    n = len(problem.labels)
    output, size = forward(problem.inputs, problem.weights, problem.outer, problem.inner, problem.leak)
    state = np.zeros((3, n))
    state[0] = problem.labels - output
    empty = np.zeros((0, n))
    watched = Watched(
        np.zeros(0, np.int64),
        np.zeros(0),
        empty,
        empty,
        empty,
        np.zeros((0, n), np.int8),
        empty,
        empty,
        np.zeros(0),
        np.zeros(0),
        np.zeros(0),
        np.zeros(0),
        np.zeros(0, np.int64),
    )
    segment = Segment(np.zeros(n), np.eye(n), state[0].copy(), np.zeros(n), 0.0, 0)
    flow = Flow(watched, np.zeros(len(problem.outer), bool), segment, np.zeros(6), state, np.zeros((4, n, n)))
    flow.error = float(
        np.linalg.norm(4 * EPS * (size + np.abs(problem.labels)) + 2 * EPS * problem.inputs.shape[1] * size)
    )
    flow.limit = 0.0
    watch(problem, flow)
    open_segment(problem, flow)
    if problem.times[-1] > 0:
        # margins are shares of the path so far: begin with a hundredth of the distance over which anything changes
        with np.errstate(divide="ignore"):
            flow.clocks[PATH] = 0.01 * flow.clocks[SPEED] * min(problem.times[-1], 1 / flow.segment.rates[-1])
        watch(problem, flow, path_ahead(problem, flow, flow.state[0]))
        open_segment(problem, flow)
    flow.gram_start = gram(problem, flow)
    flow.least, flow.change = [np.inf, np.inf], [0.0, 0.0]
    see_segment(problem, flow)
    return flow


def path_ahead(problem: Problem, flow: Flow, residual: Array) -> float:
    """Return how long the path would be if no gate switched any more, with room to spare."""
    left = problem.times[-1] - flow.segment.start - float(flow.clocks[STAGE])
    amplitude, rates = flow.segment.basis.T @ residual, flow.segment.rates
    grid = left * np.concatenate([[0.0], np.geomspace(1e-8, 1.0, 400)])
    speeds = np.linalg.norm(amplitude * np.exp(-np.outer(grid, rates)), axis=1)
    return float(1.2 * np.sum(speeds[:-1] * np.diff(grid)))  # |r| decreases: the left ends bound the integral


def watch(problem: Problem, flow: Flow, ahead: float = 0.0) -> None:
    """Screen: watch every neuron that a path longer by ``ahead`` can bring to a kink, and tabulate the others."""
    n, m = len(problem.labels), len(problem.outer)
    # at least a few percent more than now, so that screening never calls itself at once
    flow.limit = float(flow.clocks[PATH]) + max(ahead, 0.05 * float(flow.clocks[PATH]))
    risk = np.zeros(m, dtype=bool)
    table, codes = np.zeros((2**n if n <= TABLE else 0, 2)), np.zeros(m if TABLE < n <= 62 else 0, np.int64)
    if problem.screening and n <= 62:
        screen(
            problem.inputs,
            problem.weights,
            problem.outer,
            problem.inner,
            problem.reach,
            flow.limit,
            flow.known,
            risk,
            codes,
            table,
        )
    else:
        risk = (problem.outer != 0) & ~flow.known
        flow.limit = np.inf
    if len(codes):
        found, inverse = np.unique(codes, return_inverse=True)
        weight = np.bincount(inverse, problem.outer**2, len(found))[found >= 0]
        found = found[found >= 0]
    else:
        found = np.flatnonzero(table[:, 1])
        weight = table[found, 0]
    bits = (found[:, None] >> np.arange(n)) & 1 if len(found) else np.zeros((0, n))
    flow.patterns = np.where(bits == 1, 1.0, problem.leak)
    flow.resting = (flow.patterns * weight[:, None]).T @ flow.patterns
    add_watched(problem, flow, np.flatnonzero(risk))
    rebuild(problem, flow)


def add_watched(problem: Problem, flow: Flow, index: NDArray[np.int64]) -> None:
    """Start to watch the neurons ``index``, which have kept their gates so far, and settle those that are at a kink."""
    q, n = len(index), len(problem.labels)
    height = problem.inner * (problem.weights[index] @ problem.inputs.T)
    modes = (height > 0).astype(np.int8)
    gain = problem.inner**2 * problem.outer[index]
    impulse = np.where(modes == ON, 1.0, problem.leak) * flow.state[2]
    touching = (height == 0) & (problem.reach > 0)
    height = height + gain[:, None] * (impulse @ problem.cross)
    fresh = Watched(
        index,
        gain,
        height,
        impulse,
        np.tile(flow.state[2], (q, 1)),
        modes,
        np.zeros((q, n)),
        np.zeros((q, n)),
        np.full(q, -np.inf),
        np.full(q, -np.inf),
        np.full(q, np.inf),
        np.full(q, np.inf),
        np.full(q, -1),
    )
    choices: dict[bytes, NDArray[np.int8]] = {}
    for slot in np.flatnonzero(touching.any(axis=1)):
        side = np.sign(gain[slot])
        key = modes[slot].tobytes() + touching[slot].tobytes() + side.tobytes()
        if key not in choices:
            choices[key] = settle(
                problem.cross, modes[slot], touching[slot], flow.state[0], leak=problem.leak, side=side
            )
        modes[slot] = choices[key]
        flow.slides += int(np.sum(modes[slot] == SLIDE))
    set_levers(problem.cross, fresh, 0, q, problem.leak)
    flow.watched = Watched(*(np.concatenate([old, new]) for old, new in zip(flow.watched, fresh, strict=True)))
    flow.known[index] = True


def rebuild(problem: Problem, flow: Flow) -> None:
    """Sum the neurons' shares from scratch, so that rounding does not pile up event by event."""
    flow.parts = sum_parts(problem.cross, flow.watched, problem.leak, problem.inner, problem.outer)
    flow.parts[0] += flow.resting
    flow.sliding = set(np.flatnonzero((flow.watched.modes == SLIDE).any(axis=1)).tolist())


def evolution(problem: Problem, parts: Array) -> Array:
    """Return ``G`` with ``r' = -G r``, shape (n, n): at most the tangent Gram, whatever the slopes of touching gates."""
    return problem.inner**2 * problem.cross * parts[0] + parts[1]


def open_segment(problem: Problem, flow: Flow) -> None:
    """Diagonalise the present evolution and start a new segment here; look again where only this segment was known."""
    start = flow.segment.start + float(flow.clocks[STAGE])
    matrix = evolution(problem, flow.parts)
    if not np.isfinite(matrix).all() or not np.isfinite(flow.state).all():
        raise FlowStalled(
            f"a number overflowed at t = {start:.6g} after {flow.events} events: rescale the inputs, labels or weights"
        )
    flow.error = error_now(flow)
    rates, basis = np.linalg.eigh(matrix)
    rates, basis = rates.clip(0), np.ascontiguousarray(basis)
    amplitude = basis.T @ flow.state[0]
    flow.segment = Segment(rates, basis, amplitude, flow.state[2].copy(), start, flow.segment.number + 1)
    flow.clocks[STAGE] = 0.0
    flow.clocks[SPEED:] = [np.linalg.norm(amplitude * rates**power) for power in range(3)]
    flow.state[1] = -(basis @ (rates * amplitude))
    flow.watched.stage_key[:] = np.inf


def error_now(flow: Flow) -> float:
    """Return the present error estimate of ``|r|``: old errors decay with the slowest rate, rounding adds new ones."""
    stage, rates = float(flow.clocks[STAGE]), flow.segment.rates
    size = float(np.linalg.norm(flow.segment.amplitude))
    decay = float(np.exp(-rates[0] * stage))
    # an error eps |G| of the slowest rate acts for the whole stage; the other terms are one rotation there and back
    return decay * flow.error + 2 * EPS * (
        2 * float(flow.clocks[SPEED]) + size * decay * (1 + float(rates[-1]) * stage)
    )


def run_until(problem: Problem, flow: Flow, time: float, budget: int) -> bool:
    """Follow the flow to ``time``; return whether the budget of events allowed it."""
    while True:
        stop, end = time - flow.segment.start, problem.times[-1] - flow.segment.start
        slot = advance(
            problem.cross,
            problem.reach,
            flow.watched,
            problem.leak,
            flow.segment,
            flow.clocks,
            flow.state,
            stop,
            end,
            flow.limit,
        )
        if slot == -1:
            return True
        if slot == -2:
            watch(problem, flow, path_ahead(problem, flow, flow.state[0]))
            open_segment(problem, flow)
            continue
        if flow.events >= budget:
            return False
        meet(problem, flow, slot)


def meet(problem: Problem, flow: Flow, slot: int) -> None:
    """Let one neuron go through its event: anchor it, settle its touching gates, update the sums, open a segment."""
    watched, cross = flow.watched, problem.cross
    modes, residual = watched.modes[slot], flow.state[0]
    outer = float(problem.outer[watched.neuron[slot]])
    moved = np.empty(len(residual))
    force(cross, modes, problem.leak, flow.state[2] - watched.mark[slot], moved)
    margin = 32 * EPS * (np.abs(watched.height[slot]) + abs(watched.gain[slot]) * problem.reach * flow.clocks[PATH])
    # twice the margin of `look`, so that the gate that called is surely among them
    height = watched.height[slot] + watched.gain[slot] * (cross @ moved)
    touching = ((modes == SLIDE) | (np.abs(height) <= margin)) & (problem.reach > 0)
    watched.height[slot] = np.where(touching, 0.0, height)
    watched.impulse[slot] += moved
    watched.mark[slot] = flow.state[2]
    flow.error += abs(outer) * float(np.linalg.norm(np.where(touching & (modes != SLIDE), margin, 0.0)))
    old, between, new = np.empty((3, 4, *cross.shape))
    parts_of(cross, modes, problem.leak, problem.inner, outer, old)
    during = np.where(touching, np.int8(SLIDE), modes)
    parts_of(cross, during, problem.leak, problem.inner, outer, between)
    see_touch(problem, flow, old, between)
    settled = settle(cross, modes, touching, residual, leak=problem.leak, side=float(np.sign(outer)))
    flow.slides += int(np.sum((settled == SLIDE) & (modes != SLIDE)))
    flow.events += 1
    watched.modes[slot] = settled
    set_levers(cross, watched, slot, slot + 1, problem.leak)
    watched.path_key[slot] = watched.turn_key[slot] = -np.inf
    parts_of(cross, settled, problem.leak, problem.inner, outer, new)
    flow.parts += new - old
    (flow.sliding.add if (settled == SLIDE).any() else flow.sliding.discard)(slot)
    if flow.events % REBUILD == 0:
        rebuild(problem, flow)
    open_segment(problem, flow)
    see_segment(problem, flow)


def gram(problem: Problem, flow: Flow) -> Array:
    """Return the tangent Gram now, with the actual slopes of sliding gates, shape (n, n)."""
    slots = np.array(sorted(flow.sliding), dtype=np.int64)
    slid = sliding_gram(problem.cross, flow.watched, slots, problem.leak, problem.outer, flow.state[0])
    return problem.inner**2 * problem.cross * (flow.parts[0] + slid)


def spectral(matrix: Array) -> float:
    """Return the spectral norm of a symmetric matrix."""
    return float(np.abs(np.linalg.eigvalsh(matrix)[[0, -1]]).max())


def positive_norm(matrix: Array) -> float:
    """Return an upper bound on the spectral norm of a symmetric matrix with entries >= 0 (Collatz and Wielandt)."""
    vector = matrix.sum(axis=1)
    if not vector.any():
        return 0.0
    vector = matrix @ (matrix @ vector + 1e-3 * vector.max()) + 1e-3 * vector.max() ** 3
    return float(np.max(matrix @ vector / vector))


def middle_and_spread(problem: Problem, parts: Array) -> tuple[Array, float]:
    """Return the middle of the tangent Gram's range over the slopes of touching gates, and the range's radius."""
    middle = problem.inner**2 * problem.cross * (parts[0] + parts[2])
    return middle, positive_norm(problem.inner**2 * np.abs(problem.cross) * np.maximum(parts[3], 0.0))


def see_touch(problem: Problem, flow: Flow, old: Array, between: Array) -> None:
    """Look at the instant of an event, when the slopes of one neuron's touching gates may be anything.

    ``old`` and ``between`` (4, n, n) are its shares before and then. Weyl's inequality is enough where it costs nothing
    worth mentioning; else the spectrum is computed.
    """
    step = between - old
    moved = float(np.linalg.norm(evolution(problem, step)))
    least = float(flow.segment.rates[0]) - moved
    if least < flow.least[0] and moved > 1e-3 * flow.segment.rates[0]:
        least = float(np.linalg.eigvalsh(evolution(problem, flow.parts + step))[0])
    flow.least[0] = min(flow.least[0], max(least - flow.rounding, 0.0))
    moved = float(np.linalg.norm(problem.inner**2 * problem.cross * (step[0] + step[2])))
    moved += float(np.linalg.norm(problem.inner**2 * problem.cross * step[3]))
    upper = flow.change_now + moved
    if upper > flow.change[1] and moved > 1e-3 * flow.change_now:
        middle, radius = middle_and_spread(problem, flow.parts + step)
        upper = spectral(middle - flow.gram_start) + radius + flow.rounding
    flow.change[1] = max(flow.change[1], upper)


def see_segment(problem: Problem, flow: Flow, *, actual: bool = False) -> None:
    """Look at the segment that has begun; with ``actual``, or if few neurons slide, also at the actual slopes now."""
    flow.rounding = 4 * len(flow.segment.rates) * EPS * float(np.sum(flow.segment.rates) + np.trace(flow.gram_start))
    flow.least[0] = min(flow.least[0], max(float(flow.segment.rates[0]) - flow.rounding, 0.0))
    middle, radius = middle_and_spread(problem, flow.parts)
    size = spectral(middle - flow.gram_start)
    flow.change_now = size + radius + flow.rounding
    flow.change[1] = max(flow.change[1], flow.change_now)
    if not flow.sliding:
        flow.least[1] = min(flow.least[1], float(flow.segment.rates[0]))
        flow.change[0] = max(flow.change[0], size - flow.rounding)
    elif actual or len(flow.sliding) <= FEW:
        matrix = gram(problem, flow)
        flow.least[1] = min(flow.least[1], max(float(np.linalg.eigvalsh(matrix)[0]), 0.0))
        flow.change[0] = max(flow.change[0], spectral(matrix - flow.gram_start) - flow.rounding)
