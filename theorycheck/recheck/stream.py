"""The network of a certificate in balls, one chunk of neurons after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from theorycheck.recheck import counting
from theorycheck.recheck.activations import SMOOTH
from theorycheck.recheck.arrays import Source, rows_of
from theorycheck.recheck.balls import to_balls

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
_ENTRIES = 2**17  # of a chunk's tables: what bounds the memory


class Network(NamedTuple):
    """A certificate's network: inputs ``(n, d)``, labels ``(n,)``, signs and scales ``(m,)``; weights by chunks."""

    neuron: str
    activation: str
    inputs: Array
    labels: Array
    signs: Array
    scales: Array
    weights: Source
    kappa: float
    progress: Callable[[float], None]


class Chunk(NamedTuple):
    """Some neurons: weights ``(b, d)``, signs and scales ``(b,)``, products ``W X'`` in doubles and in balls."""

    weights: Array
    signs: Array
    scales: Array
    dots: Array
    errors: Array
    exact: arb_mat


def chunks(net: Network) -> Iterator[Chunk]:
    """Yield all neurons in order; the weights are held against their hash again at the end."""
    n, d = net.inputs.shape
    m, start = net.weights.shape[0], 0
    across = to_balls(net.inputs).transpose()
    for block in rows_of(net.weights, max(2, _ENTRIES // max(n, d))):
        part = slice(start, start + len(block))
        dots, errors = counting.products(block, net.inputs)
        yield Chunk(block, net.signs[part], net.scales[part], dots, errors, to_balls(block) * across)
        start += len(block)
        net.progress(start / m)


def is_scaled(net: Network) -> bool:
    """Tell whether preactivations are divided by sqrt(d)."""
    return net.neuron != "two_layer"


def relu_values(chunk: Chunk, opened: Mask) -> list[arb]:
    """Return ``max(0, w_j.x_i)`` in balls, a flat list in the order of ``(b, n)``."""
    nothing = arb(0)
    return [x if o else nothing for x, o in zip(chunk.exact.entries(), opened.ravel().tolist(), strict=True)]


def preactivations(net: Network, chunk: Chunk) -> list[arb]:
    """Return the preactivations, flat in the order of ``(b, n)``."""
    if not is_scaled(net):
        return list(chunk.exact.entries())
    root = arb(net.inputs.shape[1]).sqrt()
    return [x / root for x in chunk.exact.entries()]


def smooth_values(name: str, points: list[arb]) -> tuple[list[arb], list[arb]]:
    """Return s and s' at the preactivations."""
    both = SMOOTH[name]
    pairs = [both(z) for z in points]
    return [value for value, _ in pairs], [slope for _, slope in pairs]


def table(values: list[arb], n: int) -> arb_mat:
    """Return a flat list in the order of ``(b, n)`` as a matrix ``(b, n)``."""
    return arb_mat(len(values) // n, n, values)


def outer_weights(net: Network, chunk: Chunk) -> arb_mat:
    """Return each neuron's factor in the output, ``(b, 1)``, but for the factor common to all."""
    if net.neuron != "asymmetric":
        return to_balls(chunk.signs)
    pairs = zip(chunk.signs.tolist(), chunk.scales.tolist(), strict=True)
    return arb_mat(len(chunk.signs), 1, [sign * arb(scale).sqrt() for sign, scale in pairs])


def residual(net: Network, summed: arb_mat, values_scaled: bool) -> list[arb]:
    """Return ``f - y``.

    Parameters
    ----------
    net
        The network.
    summed
        ``(n, 1)``, the sum over neurons of outer weight times activation.
    values_scaled
        Whether the sum used preactivations divided by sqrt(d) already (ReLU sums did not).
    """
    factor = arb(1)
    if net.neuron == "two_layer":
        factor = arb(net.kappa)
    elif not values_scaled:
        factor = 1 / arb(net.inputs.shape[1]).sqrt()
    if net.neuron == "mean_field":
        factor /= net.weights.shape[0]
    return [factor * f - arb(y) for f, y in zip(summed.entries(), net.labels.tolist(), strict=True)]


def sup_of(values: Array) -> float:
    """Return the largest absolute value; comparisons of doubles are exact."""
    return float(np.max(np.abs(values)))


def as_balls(counts: Array) -> arb_mat:
    """Return a table of exact counts as balls."""
    return arb_mat(counts.shape[0], counts.shape[1], counts.ravel().tolist())
