"""What every integrator of gradient flow hands back: the saved times, what was seen there, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class FlowStalled(RuntimeError):
    """The flow could not be followed; the message says how far it got, the likely cause and the mend."""


@dataclass(frozen=True)
class Trajectory:
    """A network after simulation, at ``k`` saved times, with ``n`` samples, ``m`` neurons and ``d`` inputs.

    With ``c > 1`` outputs the residual has ``n c`` entries (samples first, then outputs) and the Grams fit it.

    Time is flow time: ``w' = -grad L`` with ``L = |r|^2 / 2``. For ReLU, lower and upper ends are proved up to
    rounding; for smooth activations what happens between saved times is proved and the error of the integration is an
    estimate.

    Attributes
    ----------
    times : (k,)
        Saved times, increasing, ``times[0] = 0``.
    residual : (k, n)
        ``r = y - f`` at each saved time, in the labels' unit.
    residual_error : (k,)
        Estimate of the absolute error of ``|r|``, in the labels' unit. For ReLU: rounding, which decays with the slowest
        rate; weights do not decay, so ``drift`` may exceed it once the residual is small.
    gram : (k, n, n)
        Tangent Gram at each saved time (one over time); ReLU: the true gates, sliding ones with their actual slope.
    least : (k, 2)
        ``[lower, upper]`` for the minimum over the interval ``(times[i-1], times[i]]`` of the least eigenvalue of the
        tangent Gram; row 0 is about ``t = 0``. ReLU: the lower end holds for every slope in ``[leak, 1]`` at gates that
        touch their kink, the upper end is with the actual slopes.
    gram_change : (k, 2)
        ``[lower, upper]`` for the supremum over ``s`` in ``[0, times[i]]`` of the spectral norm of
        ``gram(s) - gram(0)``. ReLU: the upper end holds for every slope at touching gates.
    displacement : (k, 2)
        ``[lower, upper]`` for the maximum over neurons with ``outer_j != 0`` and ``s`` in ``[0, times[i]]`` of
        ``|w_j(s) - w_j(0)| / |outer_j|`` (weights over outer weights) while the outer weights are frozen, and of
        ``|w_j(s) - w_j(0)|`` where they are trained. The lower end is seen at saved times; the upper end adds what
        the path length between them allows.
    final_weights : (m, d)
        First-layer weights at ``times[-1]``.
    drift : float
        ``max_i |r_i - (y_i - f_i(final_weights))|`` at ``times[-1]``: an invariant that is reported, not assumed.
    events, slides : int
        Kinks met, and how often a gate began to slide along one (both 0 for smooth activations).
    final_outer : (m, c) or None
        Outer weights at ``times[-1]``, where they are trained.
    outer_moved : (k, 2) or None
        ``[lower, upper]`` for the maximum over neurons and ``s`` in ``[0, times[i]]`` of ``|a_j(s) - a_j(0)|``, in the
        output weights' own unit, where they are trained.
    bound : (k, 2) or None
        Bounds of the errors of the residual's norm and of the weights (Euclidean, all of them), from the defect of the
        dense output and a logarithmic norm: rigorous up to the quadrature of the defect and rounding.
    note : str
        Empty, or why the run stopped before the last time that was asked for, with the time reached.
    """

    times: Array
    residual: Array
    residual_error: Array
    gram: Array
    least: Array
    gram_change: Array
    displacement: Array
    final_weights: Array
    drift: float
    events: int = 0
    slides: int = 0
    note: str = ""
    final_outer: Array | None = None
    outer_moved: Array | None = None
    bound: Array | None = None

    @property
    def log_loss(self) -> Array:
        """Return ``log(|r|^2 / 2)`` at every saved time, shape ``(k,)``; no underflow, ``-inf`` where ``r = 0``."""
        scale = np.max(np.abs(self.residual), axis=1, initial=0.0)
        shape = self.residual / np.where(scale > 0, scale, 1.0)[:, None]
        with np.errstate(divide="ignore"):
            return 2 * np.log(scale) + np.log(np.maximum(np.sum(shape**2, axis=1), 1.0)) - np.log(2.0)

    def least_over(self, start: float, stop: float) -> tuple[float, float]:
        """Return ``[lower, upper]`` for the minimum of the tangent Gram's least eigenvalue over ``[start, stop]``.

        Both ends hold between saved times too: intervals that the span touches count for the lower end, those that lie
        inside it for the upper.

        Raises
        ------
        ValueError
            If the span is empty, leaves the trajectory, or holds no whole interval.
        """
        begins = np.concatenate([self.times[:1], self.times[:-1]])
        touched = (self.times >= start) & (begins <= stop)
        whole = (begins >= start) & (self.times <= stop)
        if not self.times[0] <= start <= stop <= self.times[-1] or not whole.any():
            raise ValueError(
                f"[{start:g}, {stop:g}] must lie in [0, {self.times[-1]:g}] and hold two saved times, or be [0, 0]: ask follow for more times"
            )
        return float(np.min(self.least[touched, 0])), float(np.min(self.least[whole, 1]))
