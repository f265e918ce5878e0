"""The compiled inner loops of the event-driven ReLU flow: what is exact between events, and when the next one comes.

Within a segment all modes are fixed, so ``r(s) = V exp(-L s) V^T r(0)``. A gate is watched through *clocks*: the path
``P = int |r|`` bounds how far any pre-activation can have moved, ``Q = int |r'|`` how far any sliding force can have.
A neuron is looked at when a clock says that it might have an event; the second time within one segment it is looked at
locally, with bounds on first and second derivatives, so that the root is approached from before it and never jumped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from theorycheck.flow._gates import EPS, LEAVE, ON, SLIDE, Watched, force

Array = NDArray[np.float64]
NOISE = 1e-14  # spectral coefficients below this share of their scale are zeros, up to rounding
STAGE, PATH, TURN, SPEED, RATE, BEND = 0, 1, 2, 3, 4, 5  # the clocks: stage s, P, Q and |r|, |r'|, |r''|
BLOCK = 64  # slots per block of the search for the next key


class Segment(NamedTuple):
    """One stretch of constant modes: spectrum, basis, ``V^T r`` at its start, and where it starts."""

    rates: Array  # (n,)
    basis: Array  # (n, n)
    amplitude: Array  # (n,)
    integral: Array  # (n,) integral of r up to the start
    start: float
    number: int


@njit(cache=True, error_model="numpy")
def grown(rate: float, time: float) -> float:
    """Return ``int_0^time exp(-rate s) ds``."""
    return time if rate < 1e-290 else -np.expm1(-rate * time) / rate


@njit(cache=True, error_model="numpy")
def move(segment: Segment, clocks: Array, stage: float, state: Array) -> None:
    """Go to ``stage`` of the segment: write ``r, r', integral of r`` into ``state`` (3, n) and advance the clocks.

    The clocks are upper bounds: the smaller of Cauchy-Schwarz over the step and the sum over spectral components.
    """
    size = segment.rates.size
    step = stage - clocks[STAGE]
    path_square = path_sum = turn_square = turn_sum = 0.0
    speed = rate = bend = 0.0
    state[:] = 0.0
    state[2] = segment.integral
    for wave in range(size):
        pace = segment.rates[wave]
        before = abs(segment.amplitude[wave]) * np.exp(-pace * clocks[STAGE])
        now = segment.amplitude[wave] * np.exp(-pace * stage)
        one, two = grown(pace, step), grown(2 * pace, step)
        path_square += before * before * two
        path_sum += before * one
        turn_square += pace * pace * before * before * two
        turn_sum += pace * before * one
        speed += now * now
        rate += pace * pace * now * now
        bend += pace**4 * now * now
        whole = segment.amplitude[wave] * grown(pace, stage)
        for i in range(size):
            state[0, i] += segment.basis[i, wave] * now
            state[1, i] -= segment.basis[i, wave] * pace * now
            state[2, i] += segment.basis[i, wave] * whole
    clocks[PATH] += min(path_sum, np.sqrt(step * path_square)) * (1 + 1e-12)
    clocks[TURN] += min(turn_sum, np.sqrt(step * turn_square)) * (1 + 1e-12)
    clocks[STAGE], clocks[SPEED], clocks[RATE], clocks[BEND] = stage, np.sqrt(speed), np.sqrt(rate), np.sqrt(bend)


@njit(cache=True, error_model="numpy")
def ratio(slack: float, pace: float) -> float:
    """Return how long ``slack`` lasts at ``pace >= 0``."""
    return slack / pace if pace > 0.0 else np.inf


@njit(cache=True, error_model="numpy")
def parabola(slack: float, slope: float, bend: float) -> float:
    """Return the first root of ``slack + slope s - bend s^2 / 2`` with ``slack, bend >= 0``."""
    if bend <= 0.0:
        return np.inf if slope >= 0.0 else -slack / slope
    root = np.sqrt(slope * slope + 2 * bend * slack)
    return (slope + root) / bend if slope > 0.0 else 2 * slack / (root - slope)


@njit(cache=True, error_model="numpy")
def spectral_step(
    cross: Array,
    watched: Watched,
    slot: int,
    gate: int,
    kind: int,
    leak: float,
    side: float,
    segment: Segment,
    clocks: Array,
    slack: float,
    slope: float,
    left: float,
) -> float:
    """Return a time for which one watched function surely stays positive, from its own spectral coefficients.

    ``kind`` 0: the height of a gate, times ``side``; 1: ``side (v - leak r)``; 2: ``side (r - v)`` of a sliding gate.
    """
    size = segment.rates.size
    modes = watched.modes[slot]
    out = np.empty(size)
    fall = bend = drop = 0.0
    for wave in range(size):
        pace = segment.rates[wave]
        now = segment.amplitude[wave] * np.exp(-pace * clocks[STAGE])
        column = np.ascontiguousarray(segment.basis[:, wave])
        force(cross, modes, leak, column, out)
        if kind == 0:
            share, scale = 0.0, 0.0
            for k in range(size):
                share += watched.gain[slot] * cross[gate, k] * out[k]
                scale += abs(watched.gain[slot] * cross[gate, k] * out[k])
        elif kind == 1:
            share, scale = out[gate] - leak * column[gate], 1.0 + watched.lever[slot, gate]
        else:
            share, scale = column[gate] - out[gate], 1.0 + watched.twin[slot, gate]
        if abs(share) <= NOISE * scale:
            continue
        share *= side * now
        if kind == 0 and share < 0.0:
            fall -= share
            drop -= share * grown(pace, left)
        elif kind == 0:
            bend += share * pace
        elif share > 0.0:
            fall += share * pace
        else:
            bend -= share * pace * pace
            drop -= share
    if drop == 0.0 or (kind == 0 and drop < slack):
        return left
    return max(ratio(slack, fall), parabola(slack, slope, bend))


@njit(cache=True, error_model="numpy")
def measure(
    cross: Array,
    reach: Array,
    watched: Watched,
    slot: int,
    leak: float,
    time: float,
    clocks: Array,
    state: Array,
    slack: Array,
    slope: Array,
) -> bool:
    """Write all watched functions of one neuron and their derivatives into ``slack, slope`` (3, n); is there an event?

    Rows: the distance of a gate's height from its kink, and that of a sliding force from either end of its interval.
    Thresholds lie beyond zero by a margin of rounding, so that leaving is never seen as arriving. ``reach`` (n,) is
    ``|x_i| |X|``, so that ``|gain| reach_i P`` bounds how far a gate has moved.
    """
    size = cross.shape[0]
    modes, gain = watched.modes[slot], watched.gain[slot]
    work = np.empty((3, size))
    force(cross, modes, leak, state[2] - watched.mark[slot], work[0])
    force(cross, modes, leak, state[0], work[1])
    force(cross, modes, leak, state[1], work[2])
    pull = -1.0 if gain > 0.0 else 1.0
    for i in range(size):
        if modes[i] != SLIDE and watched.lever[slot, i] > 0.0:
            height, pace, moved = watched.height[slot, i], 0.0, 0.0
            for k in range(size):
                moved += cross[i, k] * work[0, k]
                pace += cross[i, k] * work[1, k]
            side = 1.0 if modes[i] == ON else -1.0
            margin = 16 * EPS * (abs(height) + abs(gain) * reach[i] * clocks[PATH])
            slack[0, i], slope[0, i] = side * (height + gain * moved) + margin, side * gain * pace
            if slack[0, i] < 0.5 * margin:
                return True
        for kind in range(1, 3):
            lever = watched.lever[slot, i] if kind == 1 else watched.twin[slot, i]
            if modes[i] == SLIDE and lever > 0.0:
                value = work[1, i] - leak * state[0, i] if kind == 1 else state[0, i] - work[1, i]
                change = work[2, i] - leak * state[1, i] if kind == 1 else state[1, i] - work[2, i]
                margin = LEAVE * (1.0 + lever) * clocks[SPEED] + 8 * EPS * time * lever * clocks[RATE]
                slack[kind, i], slope[kind, i] = pull * value + margin, pull * change
                if slack[kind, i] < 0.5 * margin:
                    return True
    return False


@njit(cache=True, error_model="numpy")
def look(
    cross: Array,
    reach: Array,
    watched: Watched,
    slot: int,
    leak: float,
    segment: Segment,
    clocks: Array,
    state: Array,
    left: float,
) -> bool:
    """Look at one neuron now: return whether it has an event, else write when to look again."""
    size = cross.shape[0]
    time = segment.start + clocks[STAGE]
    slack, slope, steps = np.full((3, size), np.inf), np.zeros((3, size)), np.full((3, size), np.inf)
    if measure(cross, reach, watched, slot, leak, time, clocks, state, slack, slope):
        return True
    path_key = turn_key = time_key = np.inf
    for kind in range(3):
        for i in range(size):
            if slack[kind, i] == np.inf:
                continue
            lever = watched.twin[slot, i] if kind == 2 else watched.lever[slot, i]
            pace, bend = (clocks[SPEED], clocks[RATE]) if kind == 0 else (clocks[RATE], clocks[BEND])
            first, second = ratio(slack[kind, i], lever * pace), parabola(slack[kind, i], slope[kind, i], lever * bend)
            steps[kind, i] = max(first, second)
            if kind > 0:
                turn_key = min(turn_key, clocks[TURN] + slack[kind, i] / lever)
            elif first >= second or second > 1e300:
                path_key = min(path_key, clocks[PATH] + slack[kind, i] / lever)
            else:
                # until Q has grown by so much, z' falls by at most lever times that, whatever happens elsewhere
                turn_key = min(turn_key, clocks[TURN] + clocks[RATE] * second)
                time_key = min(time_key, time + ratio(slack[kind, i], lever * clocks[RATE] * second - slope[kind, i]))
    watched.path_key[slot], watched.turn_key[slot], watched.time_key[slot], watched.stage_key[slot] = (
        path_key,
        turn_key,
        time_key,
        np.inf,
    )
    if watched.looked[slot] == segment.number:
        pull = -1.0 if watched.gain[slot] > 0.0 else 1.0
        watched.stage_key[slot] = local_stage(
            cross, watched, slot, leak, pull, segment, clocks, slack, slope, steps, left
        )
    watched.looked[slot] = segment.number
    return False


@njit(cache=True, error_model="numpy")
def local_stage(
    cross: Array,
    watched: Watched,
    slot: int,
    leak: float,
    pull: float,
    segment: Segment,
    clocks: Array,
    slack: Array,
    slope: Array,
    steps: Array,
    left: float,
) -> float:
    """Return the stage up to which no watched function of this neuron has a root in this segment.

    Only the most pressing function is refined spectrally, until the most pressing one is refined.
    """
    size = cross.shape[0]
    refined = np.zeros((3, size), dtype=np.bool_)
    while True:
        kind, gate = 0, 0
        for a in range(3):
            for i in range(size):
                if steps[a, i] < steps[kind, gate]:
                    kind, gate = a, i
        if refined[kind, gate] or steps[kind, gate] >= left:
            break
        side = pull if kind > 0 else (1.0 if watched.modes[slot, gate] == ON else -1.0)
        step = spectral_step(
            cross, watched, slot, gate, kind, leak, side, segment, clocks, slack[kind, gate], slope[kind, gate], left
        )
        steps[kind, gate] = max(steps[kind, gate], step)
        refined[kind, gate] = True
    # at least a few units of the clock's rounding, which the margins cover
    return clocks[STAGE] + min(max(steps[kind, gate] * (1 - 1e-12), 2 * EPS * (segment.start + clocks[STAGE])), 1e300)


@njit(cache=True, error_model="numpy")
def sort_block(watched: Watched, block: int, heads: Array) -> None:
    """Write the earliest path, turn, stage and time keys of one block of slots into ``heads[block]``."""
    heads[block] = np.inf
    for slot in range(block * BLOCK, min((block + 1) * BLOCK, watched.gain.size)):
        if watched.stage_key[slot] < np.inf:
            heads[block, 2] = min(heads[block, 2], watched.stage_key[slot])
        else:
            heads[block, 0] = min(heads[block, 0], watched.path_key[slot])
            heads[block, 1] = min(heads[block, 1], watched.turn_key[slot])
            heads[block, 3] = min(heads[block, 3], watched.time_key[slot])


@njit(cache=True, error_model="numpy")
def next_slot(watched: Watched, clocks: Array, heads: Array, start: float, limit: float) -> tuple[float, int]:
    """Return the stage at which to look next, and at which slot; -2 stands for the screening's ``limit``."""
    when, slot = clocks[STAGE] + ratio(max(limit - clocks[PATH], 0.0), clocks[SPEED]), -2
    for kind in range(4):
        first = 0
        for block in range(heads.shape[0]):
            if heads[block, kind] < heads[first, kind]:
                first = block
        key = heads[first, kind]
        wake = key if kind == 2 else max(key - start, clocks[STAGE])
        if kind < 2:
            gap = key - (clocks[PATH] if kind == 0 else clocks[TURN])
            wake = clocks[STAGE] + (ratio(gap, clocks[SPEED] if kind == 0 else clocks[RATE]) if gap > 0.0 else 0.0)
        if not wake < when:
            continue
        when = wake
        keys = (
            watched.path_key
            if kind == 0
            else (watched.turn_key if kind == 1 else (watched.stage_key if kind == 2 else watched.time_key))
        )
        for candidate in range(first * BLOCK, min((first + 1) * BLOCK, keys.size)):
            if keys[candidate] == key and (kind == 2 or watched.stage_key[candidate] == np.inf):
                slot = candidate
    return when, slot


@njit(cache=True, error_model="numpy")
def advance(
    cross: Array,
    reach: Array,
    watched: Watched,
    leak: float,
    segment: Segment,
    clocks: Array,
    state: Array,
    stop: float,
    end: float,
    limit: float,
) -> int:
    """Follow the segment until an event, stage ``stop`` (at most ``end``), or until the path may exceed ``limit``.

    Returns the slot with an event, -1 at ``stop``, or -2 if the neurons must be screened again.
    """
    heads = np.empty(((watched.gain.size + BLOCK - 1) // BLOCK + 1, 4))
    for block in range(heads.shape[0]):
        sort_block(watched, block, heads)
    while True:
        when, slot = next_slot(watched, clocks, heads, segment.start, limit)
        if not when < stop:
            move(segment, clocks, stop, state)
            return -1
        move(segment, clocks, max(when, clocks[STAGE]), state)
        if slot == -2:
            if clocks[PATH] >= 0.99 * limit:
                return -2
        elif look(cross, reach, watched, slot, leak, segment, clocks, state, end - clocks[STAGE]):
            return slot
        else:
            sort_block(watched, slot // BLOCK, heads)
