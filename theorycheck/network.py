"""A shallow network in normal form: what every simulator integrates, whatever paper it comes from.

``f_ic = sum_j outer_jc s(h_ij)`` with ``h = inner X W' + shift``. Gradient flow of a loss with
``R_ic = -d loss / d f_ic`` (for the squared loss the residual ``y - f``) is

``w_j' = first inner sum_i s'(h_ij) (sum_c R_ic outer_jc) x_i``,
``outer_jc' = second gain_j^2 sum_i R_ic s(h_ij)``.

The rates ``first`` and ``second`` hold the papers' two learning rates and time scales
(mean-field time is ``first = m``); 0 freezes a layer. A trained bias is a column of the
inputs, and frozen earlier layers are part of the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theorycheck.compiled import compile_block
from theorycheck.grams import blocks, output_and_slopes
from theorycheck.symbolic.activations import Activation, Z

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network:
    """Weights of a shallow network with ``n`` samples, ``m`` neurons and ``c`` outputs, and how fast they are trained.

    Parameters
    ----------
    activation
        ``s``; its slope and curvature are derived from it.
    inputs : (n, d)
        Samples; a column more where biases are trained.
    weights : (m, d)
        First layer at the present time.
    shift : (m,)
        Frozen part of the pre-activation.
    outer : (m, c)
        Factors in front of the activations at the present time.
    inner : float
        Scale of ``w . x`` inside the activation.
    gain : (m,)
        ``d outer / d a`` for the output weight ``a``.
    first, second : float
        Rates of the first layer and of the output weights, 0 if frozen.
    """

    activation: Activation
    inputs: Array
    weights: Array
    shift: Array
    outer: Array
    inner: float
    gain: Array
    first: float = 1.0
    second: float = 0.0

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.inputs)

    @property
    def m(self) -> int:
        """Number of hidden nodes."""
        return len(self.weights)

    @property
    def outputs(self) -> int:
        """Number of outputs ``c``."""
        return int(self.outer.shape[1])


def output_and_gram(network: Network) -> tuple[Array, Array]:
    """Return the output ``(n, c)`` and the tangent Gram ``(n c, n c)``, rates included, in blocks of neurons.

    The Gram's rows run over samples first, then outputs: row ``i c + e`` belongs to output
    ``e`` of sample ``i``. It is ``first inner^2 (x_i . x_k) sum_j outer_je outer_jg s'_ij s'_kj``
    plus, where ``e = g``, ``second sum_j gain_j^2 s_ij s_kj``.
    """
    n, c = network.n, network.outputs
    with np.errstate(all="ignore"):
        cross = network.first * network.inner**2 * (network.inputs @ network.inputs.T)
        if c == 1 and not network.second and not network.shift.any():
            outer = network.outer[:, 0]
            output, slopes = output_and_slopes(
                network.activation, network.inputs, network.weights, outer, outer**2, network.inner
            )
            return output[:, None], cross * slopes
        value = compile_block((Z,), network.activation.expr)
        slope = compile_block((Z,), network.activation.slope)
        output = np.zeros((n, c))
        first, second = np.zeros((c, c, n, n)), np.zeros((n, n))
        for block in blocks(network.m, n):
            h = network.inner * (network.inputs @ network.weights[block].T) + network.shift[block]
            values, slopes, outer = value(h), slope(h), network.outer[block]
            output += values @ outer
            second += (values * network.gain[block] ** 2) @ values.T
            for e in range(c):
                for g in range(e + 1):
                    first[e, g] += (slopes * (outer[:, e] * outer[:, g])) @ slopes.T
        gram = np.empty((n, c, n, c))
        for e in range(c):
            for g in range(e + 1):
                gram[:, e, :, g] = gram[:, g, :, e] = cross * first[e, g]
            gram[:, e, :, e] += network.second * second
    return output, gram.reshape(n * c, n * c)
