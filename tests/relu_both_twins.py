"""Problems, twins and invariants for the ReLU flow with both layers trained: other ways to the same numbers."""

from __future__ import annotations

from functools import cache

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

from theorycheck.flow.trajectory import Trajectory
from theorycheck.network import Network
from theorycheck.symbolic.activations import ACTIVATIONS, Activation, Z

TIMES = np.linspace(0, 8, 6)


@cache
def leaky(leak: float) -> Activation:
    return Activation(f"leaky {leak}", sp.Max(Z, sp.nsimplify(leak) * Z)) if leak else ACTIVATIONS["relu"]


def network(inputs, weights, outer, leak=0.0, *, inner=1.0, shift=None, gain=None, first=1.0, second=1.0) -> Network:
    inputs, weights, outer = (np.asarray(v, dtype=float) for v in (inputs, weights, outer))
    m = len(weights)
    shift, gain = np.zeros(m) if shift is None else np.asarray(shift), np.ones(m) if gain is None else np.asarray(gain)
    return Network(leaky(leak), inputs, weights, shift, outer.reshape(m, 1), inner, gain, first, second)


def small(seed: int, leak: float = 0.0, m: int = 6, **rest) -> tuple[Network, np.ndarray]:
    """A random small problem whose gates cross and slide, and whose outer weights change sign."""
    rng = np.random.default_rng(100 + seed)
    n, d = 3, 2
    inputs, labels = rng.standard_normal((n, d)), 2 * rng.standard_normal(n)
    weights, outer = 0.5 * rng.standard_normal((m, d)), 0.4 * rng.standard_normal(m)
    shift = 0.3 * rng.standard_normal(m) if seed % 2 else np.zeros(m)
    given = {"inner": 0.8, "shift": shift, "gain": rng.uniform(0.5, 1.5, m), "first": 1.3, "second": 0.7} | rest
    return network(inputs, weights, outer, leak, **given), labels


# A sliding neuron whose outer weight changes sign on the way: its gate is pulled to the kink, then pushed away.
TURNING = network([[1.0, 0.0], [-0.8, 0.6]], [[0.0, 2.0]], [0.6]), np.array([-2.0, -1.0])


def field(net: Network, labels: np.ndarray, leak: float, width: float):
    """The equations of motion with the gate's slope a ramp of the given half-width (0: a jump), on flat weights."""
    m, d = net.weights.shape

    def rate(_: float, flat: np.ndarray) -> np.ndarray:
        weights, outer = flat[: m * d].reshape(m, d), flat[m * d :]
        h = net.inner * weights @ net.inputs.T + net.shift[:, None]
        slope = np.where(h > 0, 1.0, leak)
        active = slope * h
        if width:
            slope = leak + (1 - leak) * np.clip((h + width) / (2 * width), 0, 1)
            inside = leak * h + (1 - leak) * (h + width) ** 2 / (4 * width)
            active = np.where(np.abs(h) < width, inside, active)
        r = labels - outer @ active
        moving = net.first * net.inner * outer[:, None] * ((slope * r) @ net.inputs)
        return np.concatenate([moving.ravel(), net.second * net.gain**2 * (active @ r)])

    return rate


def residual_of(net: Network, labels: np.ndarray, leak: float, flat: np.ndarray) -> np.ndarray:
    m, d = net.weights.shape
    h = net.inner * flat[: m * d].reshape(m, d) @ net.inputs.T + net.shift[:, None]
    return labels - flat[m * d :] @ np.where(h > 0, h, leak * h)


def smoothed(net: Network, labels: np.ndarray, leak: float, times: np.ndarray, width: float) -> np.ndarray:
    """The slow, obvious twin: a stiff solver on smoothed gates, converging like the width."""
    start = np.concatenate([net.weights.ravel(), net.outer[:, 0]])
    out = solve_ivp(field(net, labels, leak, width), (0, times[-1]), start, "LSODA", times, rtol=1e-9, atol=1e-12)
    assert out.success
    return np.array([residual_of(net, labels, leak, flat) for flat in out.y.T])


def restarted(net: Network, labels: np.ndarray, leak: float, times: np.ndarray) -> np.ndarray:
    """Another method, for flows whose gates only cross: DOP853 at 1e-13, restarted with new gates at every crossing."""
    m, d = net.weights.shape
    state, now, out = np.concatenate([net.weights.ravel(), net.outer[:, 0]]), 0.0, []

    def height(flat: np.ndarray) -> np.ndarray:
        return net.inner * flat[: m * d].reshape(m, d) @ net.inputs.T + net.shift[:, None]

    modes = height(state) > 0
    while len(out) < len(times):
        slope = np.where(modes, 1.0, leak)

        def rate(_: float, flat: np.ndarray, slope: np.ndarray = slope) -> np.ndarray:
            active = slope * height(flat)
            r = labels - flat[m * d :] @ active
            moving = net.first * net.inner * flat[m * d :, None] * ((slope * r) @ net.inputs)
            return np.concatenate([moving.ravel(), net.second * net.gain**2 * (active @ r)])

        def kink(_: float, flat: np.ndarray, modes: np.ndarray = modes) -> float:
            return float(np.where(modes, height(flat), -height(flat)).min()) + 1e-13

        kink.terminal, kink.direction = True, -1
        ahead = times[len(out) :]
        found = solve_ivp(
            rate, (now, times[-1]), state, "DOP853", ahead, events=kink, rtol=1e-13, atol=1e-15, max_step=0.05
        )
        out += [labels - flat[m * d :] @ (slope * height(flat)) for flat in np.transpose(found.y)]
        if found.status == 1:
            state, now = found.y_events[0][0], found.t_events[0][0]
            gate = np.unravel_index(np.argmin(np.where(modes, height(state), -height(state))), modes.shape)
            modes = modes.copy()
            modes[gate] = not modes[gate]
        else:
            break
    return np.array(out)


def conserved(net: Network, weights: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """``second gain^2 |w|^2 - first outer^2``: constant per neuron without a shift."""
    return net.second * net.gain**2 * np.sum(weights**2, axis=1) - net.first * outer[:, 0] ** 2


def check_invariants(net: Network, labels: np.ndarray, run: Trajectory, tolerance: float = 1e-10) -> None:
    size = 1 + np.max(np.abs(labels))
    assert run.drift <= tolerance * size
    norms = np.linalg.norm(run.residual, axis=1)
    assert np.all(np.diff(norms) <= 1e-11 * norms[0])
    outer = net.outer if run.final_outer is None else run.final_outer
    if not net.shift.any():
        before, after = conserved(net, net.weights, net.outer), conserved(net, run.final_weights, outer)
        scale = net.second * net.gain**2 * np.sum(run.final_weights**2, axis=1) + net.first * outer[:, 0] ** 2
        assert np.all(np.abs(after - before) <= tolerance * (1 + np.abs(before) + scale))
    for ends in (run.least, run.gram_change, run.displacement, run.outer_moved):
        if ends is not None:
            assert np.all(np.isfinite(ends))
            assert np.all(ends[:, 0] <= ends[:, 1])
    assert np.all(np.isfinite(run.residual_error))
