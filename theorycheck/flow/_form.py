"""The flow of a smooth network in the smaller of two coordinate systems, evaluated at stages.

Weights move only in the row space of the inputs. With at most as many samples as dimensions the
coordinates are the time integrals of what each sample sends back, ``u' = g`` (n, m), and the
pre-activations are ``h = base + first inner^2 X X' u``: one product for an evaluation. With more
samples, or nearly parallel ones, they are displacements in an orthonormal basis of the row space, ``u' = sqrt(first) inner
A' g`` (k, m) with ``X = A B``. The outer weights are ``outer + second gain^2 v``, ``v' = S' r``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dnrm2

from theorycheck.compiled import compile_block
from theorycheck.flow._loops import Gates, gates
from theorycheck.network import Network
from theorycheck.symbolic.activations import Z

Array = NDArray[np.float64]


def norm(array: Array) -> float:
    """Return the Euclidean norm of all entries without underflow: residuals fall far below 1e-162."""
    return float(dnrm2(np.ravel(array))) if array.size else 0.0


#: singular values of the inputs over the largest, below which X X' is not formed: it would lose their digits
ALIKE = 1e-2


@dataclass(frozen=True, eq=False)
class Form:
    """A network's flow in coordinates ``u`` (k, m), ``v`` (m, c) and the residual ``r`` (n, c).

    Attributes
    ----------
    left : (n, k)
        ``h = base + left u``.
    right : (k, n) or None
        ``u' = right g``; None is the identity.
    base : (n, m)
        Pre-activations at time 0.
    gain : (m,) or None
        ``second gain^2``; None where the outer weights are frozen.
    gates
        The fused evaluation for one output and frozen outer weights, or None.
    """

    network: Network
    labels: Array
    left: Array
    right: Array | None
    base: Array
    gain: Array | None
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    basis: Array
    gates: Gates | None = None

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Return ``(n, m, k, c)``."""
        return self.network.n, self.network.m, self.left.shape[1], self.network.outputs

    def block(self, neurons: slice) -> Form:
        """Return the form of some of the neurons; labels mean nothing there."""
        net = self.network
        part = replace(net, weights=net.weights[neurons], shift=net.shift[neurons], outer=net.outer[neurons])
        gain = None if self.gain is None else self.gain[neurons]
        return replace(self, network=replace(part, gain=net.gain[neurons]), base=self.base[:, neurons], gain=gain)

    @property
    def cross(self) -> Array:
        """``first inner^2 X X'``, shape ``(n, n)``."""
        return self.left if self.right is None else self.left @ self.right

    def displacement(self, u: Array) -> Array:
        """Return ``|w_j - w_0j|``, shape ``(m,)``."""
        if self.right is None:
            squares = self.network.first * np.einsum("kj,kj->j", u, self.left @ u)
        else:
            squares = self.network.first * np.einsum("kj,kj->j", u, u)
        return np.sqrt(np.maximum(squares, 0.0))

    def length(self, u: Array) -> float:
        """Norm of a displacement of the first layer over the root of its rate: there the flow is a plain gradient flow."""
        if self.right is not None:
            return norm(u)
        scale = float(np.max(np.abs(u), initial=0.0))
        if not 0 < scale < np.inf:
            return scale
        unit = u / scale
        return scale * float(np.sqrt(max(float(np.vdot(unit, self.left @ unit)), 0.0)))

    def weights(self, u: Array) -> Array:
        """Return the first layer ``(m, d)``."""
        scale = self.network.first * self.network.inner if self.right is None else np.sqrt(self.network.first)
        return self.network.weights + scale * (u.T @ self.basis)


def make_form(network: Network, labels: Array) -> Form:
    """Choose coordinates for a network; ``labels`` are ``(n, c)``."""
    inputs, scale = network.inputs, np.sqrt(network.first) * network.inner
    axes, singular, basis = np.linalg.svd(inputs, full_matrices=False)
    if network.n <= inputs.shape[1] and np.min(singular, initial=np.inf) > ALIKE * np.max(singular, initial=0.0):
        left, right, basis = scale**2 * (inputs @ inputs.T), None, inputs
    else:
        left = scale * (axes * singular)
        right = np.ascontiguousarray(left.T)
    return Form(
        network=network,
        labels=labels,
        left=np.ascontiguousarray(left),
        right=right,
        base=network.inner * (inputs @ network.weights.T) + network.shift,
        gain=network.second * network.gain**2 if network.second else None,
        value=compile_block((Z,), network.activation.expr),
        slope=compile_block((Z,), network.activation.slope),
        basis=basis,
        gates=gates(network.activation) if network.outputs == 1 and not network.second else None,
    )


@dataclass(eq=False)
class Stage:
    """A network at one time, or at several (a leading axis), as buffers that are filled again and again.

    ``slopes`` (..., n, m) hold ``s'(h)``, with one output times ``outer``; ``values`` (..., n, m) hold ``s(h)`` where
    the outer weights ``outer`` (..., m, c) are trained.
    """

    slopes: Array
    values: Array | None
    outer: Array

    @staticmethod
    def empty(form: Form, *times: int) -> Stage:
        """Return a stage to be loaded, for as many times at once as given."""
        n, m, _, _ = form.sizes
        if form.gain is None:
            return Stage(np.empty((*times, n, m)), None, form.network.outer)
        outer = np.broadcast_to(form.network.outer, (*times, *form.network.outer.shape)).copy()
        return Stage(np.empty((*times, n, m)), np.empty((*times, n, m)), outer)

    def part(self, i: int) -> Stage:
        """Return one of several times."""
        outer = self.outer[i] if self.outer.ndim == 3 else self.outer
        return Stage(self.slopes[i], None if self.values is None else self.values[i], outer)


def load(form: Form, stage: Stage, u: Array, v: Array | None) -> None:
    """Evaluate the activation at coordinates ``u`` (..., k, m), ``v`` (..., m, c)."""
    h = form.left @ u
    h += form.base
    if v is not None and form.gain is not None:
        stage.outer[...] = form.network.outer + form.gain[:, None] * v
    if stage.values is not None:
        stage.values[...] = form.value(h)
    slopes = form.slope(h)
    if stage.outer.shape[-1] == 1:
        np.multiply(slopes, stage.outer.swapaxes(-1, -2), out=stage.slopes)
    else:
        stage.slopes[...] = slopes


def pull(form: Form, stage: Stage, residual: Array, out: Array, force_out: Array | None = None) -> Array | None:
    """Write ``u'`` for a residual ``(..., n, c)`` into ``out`` and return ``v'``: both are linear in the residual.

    ``force_out`` (..., n, m) is a buffer.
    """
    force = residual if residual.shape[-1] == 1 else residual @ stage.outer.swapaxes(-1, -2)
    if form.right is None:
        np.multiply(stage.slopes, force, out=out)
    else:
        np.matmul(form.right, np.multiply(stage.slopes, force, out=force_out), out=out)
    return None if stage.values is None else stage.values.swapaxes(-1, -2) @ residual


def fall(form: Form, stage: Stage, moving: Array, turning: Array | None, push_out: Array | None = None) -> Array:
    """Return ``r' = -(J_W u' + J_a v')``, shape ``(..., n, c)``; ``push_out`` (..., n, m) is a buffer."""
    push = np.matmul(form.left, moving, out=push_out)
    if stage.outer.shape[-1] == 1:
        fallen = -np.einsum("...ij,...ij->...i", stage.slopes, push)[..., None]
    else:
        push *= stage.slopes
        fallen = -(push @ stage.outer)
    if turning is not None and stage.values is not None and form.gain is not None:
        fallen -= stage.values @ (form.gain[:, None] * turning)
    return fallen


def gram(form: Form, stage: Stage) -> Array:
    """Return the tangent Gram ``(n c, n c)`` at one time, of all that is trained, rates included."""
    n, _, _, c = form.sizes
    found, cross = np.empty((n, c, n, c)), form.cross
    own = 0.0 if stage.values is None or form.gain is None else (stage.values * form.gain) @ stage.values.T
    for e in range(c):
        for g in range(e + 1):
            if c == 1:
                block = stage.slopes @ stage.slopes.T
            else:
                block = (stage.slopes * (stage.outer[:, e] * stage.outer[:, g])) @ stage.slopes.T
            found[:, e, :, g] = found[:, g, :, e] = cross * block
        found[:, e, :, e] += own
    return found.reshape(n * c, n * c)
