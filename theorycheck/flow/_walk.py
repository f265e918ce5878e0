"""The moving weights of a descent, the rule by which they move, and what is said where they leave the floating range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from theorycheck.flow._batches import Batch, Loss
from theorycheck.flow.trajectory import FlowStalled
from theorycheck.network import Network, output_and_gram

Array = NDArray[np.float64]

# multiply-adds up to which the initial tangent Gram is formed to explain a divergence
CHEAP = 2**31


class Walk:
    """The moving weights, and the rule by which they move; ``size`` and ``decay`` are ``(steps, 2)``, layer by layer."""

    def __init__(self, start: Network, rule: Loss, mean: bool, size: Array, decay: Array) -> None:
        self.start, self.rule, self.mean, self.taken = start, rule, mean, 0
        self.weights, self.outer = np.array(start.weights, order="C"), np.array(start.outer, order="C")
        self.size, self.mass = size * np.array([start.first, start.second]), start.gain[:, None] ** 2
        shrink = 1.0 - self.size * decay
        # decay = 1 / step means to forget the weights, though in floats their product may miss 1
        self.shrink = np.where(np.abs(shrink) < 4 * np.finfo(float).eps, 0.0, shrink)

    def look(self, batch: Batch, labels: Array) -> tuple[Array, float]:
        """Return output and loss on a batch.

        Raises
        ------
        FlowStalled
            If the loss, or an output whose loss may yet be 0, is not finite.
        """
        slopes = self.taken < len(self.size) and self.size[self.taken, 0] > 0
        output = batch.forward(self.weights, self.outer, slopes=slopes)
        loss = self.rule.value(output, labels) / (len(labels) if self.mean else 1)
        if not (np.isfinite(loss) and np.all(np.isfinite(output))):
            raise self.diverged(batch.inputs)
        return output, loss

    def update(self, batch: Batch, output: Array, labels: Array) -> None:
        """Make one step of both layers, from the pass that found ``output``."""
        force = self.rule.force(output, labels)
        if self.mean:
            force /= len(labels)
        (first, second), shrink = self.size[self.taken], self.shrink[self.taken]
        change = batch.second(second * force) * self.mass if second else None
        if first:
            batch.move(self.weights, shrink[0], first * force, self.outer)
        if change is not None:
            self.outer = shrink[1] * self.outer + change
        self.taken += 1

    def network(self, *, view: bool) -> Network:
        """Return the present network, its weights read-only views or copies."""
        weights, outer = (part.view() if view else part.copy() for part in (self.weights, self.outer))
        weights.flags.writeable = outer.flags.writeable = not view
        return replace(self.start, weights=weights, outer=outer)

    def diverged(self, inputs: Array) -> FlowStalled:
        """Return the exception that says where loss or output ceased to be finite, why, and what helps."""
        said = f"gradient descent diverged: loss or output is not finite after {self.taken} of {len(self.size)} steps"
        done = self.size[: self.taken]
        if not done.any():
            return FlowStalled(f"{said}, where nothing has moved yet: rescale the inputs, labels or weights")
        rates = np.array([self.start.first, self.start.second])
        worst = done[np.argmax(done.max(axis=1))]
        step = float(np.max(np.divide(worst, rates, out=np.zeros(2), where=rates > 0)))
        said += f" of size up to {step:.6g}. "
        if np.any(np.abs(self.shrink[: self.taken]) > 1):
            return FlowStalled(said + "Step times decay is above 2, so the weights grow by themselves: lower the decay")
        if self.rule.curvature is None:
            return FlowStalled(f"{said}The step is probably too large for these weights: lower the step")
        limit = self._limit(worst / step, inputs)
        if limit is None:
            return FlowStalled(said + "The step is probably above 2/lambda_max of the tangent Gram: lower the step")
        about = "2/lambda_max" + (f" / {self.rule.curvature:g}" if self.rule.curvature != 1 else "")
        about += f"{' times n' if self.mean else ''} = {limit:.6g} of the initial tangent Gram"
        if step > limit:
            return FlowStalled(f"{said}The step is above {about}: lower it below that")
        return FlowStalled(f"{said}The Gram has grown on the way, for the step is below {about}: lower the step")

    def _limit(self, rates: Array, inputs: Array) -> float | None:
        """Return the largest step at which the linearised descent is stable, or None if that is costly or unknown."""
        size = len(inputs) * self.start.outputs
        if self.rule.curvature is None or size**2 * max(self.start.m, size) > CHEAP:
            return None
        _, gram = output_and_gram(replace(self.start, inputs=inputs, first=float(rates[0]), second=float(rates[1])))
        if not np.all(np.isfinite(gram)):
            return None
        largest = float(np.linalg.eigvalsh(gram)[-1]) * self.rule.curvature / (len(inputs) if self.mean else 1)
        return 2 / largest if largest > 0 else None
