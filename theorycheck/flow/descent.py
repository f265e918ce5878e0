"""Gradient descent: full batch or fresh batches, squared, logistic or hinge loss, both layers at once.

With ``R_ic = -d loss / d f_ic`` (for the squared loss ``y - f``) one step from the weights at step ``t`` is

``w_j <- w_j - step first (grad_j + decay w_j)``, ``-grad_j = inner sum_i s'(h_ij) (sum_c R_ic outer_jc) x_i``,
``a_j <- a_j - step second (grad_j + decay a_j)``, ``-grad_j = gain_j sum_i R_ic s(h_ij)``,

both from the same old weights; ``first`` and ``second`` are the network's rates. The loss is a sum over samples
(``mean=True``: their mean). ``s'`` is the activation's own slope, at a kink the mean of its two sides: ReLU's
slope at 0 is 1/2 and so is the hinge's at margin 1; a step may land on a kink, where a gradient flow would slide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.data import BadInput
from theorycheck.flow import _small
from theorycheck.flow._batches import LOSSES, Batch, Batches, Draw, Loss, Pair, Schedule, feed, posed, schedule
from theorycheck.flow._record import stacked, wanted_steps
from theorycheck.flow.trajectory import FlowStalled
from theorycheck.model import Instance
from theorycheck.network import Network, output_and_gram

__all__ = ["LOSSES", "Descent", "State", "descend"]
Array = NDArray[np.float64]

# multiply-adds up to which the initial tangent Gram explains a divergence, and after which a compiled loop may be interrupted
CHEAP, PIECE = 2**31, 2**27


@dataclass(frozen=True, eq=False)
class State:
    """What a recorded quantity may look at after ``step`` updates, on the network's own inputs.

    Attributes
    ----------
    output, residual : (n, c)
        ``f``, and ``R = -d loss / d f`` of the summed loss: ``y - f`` for the squared loss.
    loss : float
        Summed over samples, or their mean if that is what is descended; without decay's penalty.
    network : Network
        The present weights as read-only views: copy what outlives the call.
    """

    step: int
    output: Array
    residual: Array
    loss: float
    network: Network

    @cached_property
    def gram(self) -> Array:
        """The present tangent Gram, rates included, ``(n c, n c)``: formed when first asked for."""
        return output_and_gram(self.network)[1]


@dataclass(frozen=True, eq=False)
class Descent:
    """A network after gradient descent, at ``k`` recorded steps; step ``t`` means after ``t`` updates.

    Attributes
    ----------
    steps, loss : (k,)
        Recorded steps, increasing, and the loss there, as in :class:`State`.
    residual, output : (k, n c)
        As in :class:`State`; samples first, then outputs.
    quantities
        What else was asked for, each ``(k, ...)``.
    network
        The final weights.
    taken : int
        Updates made.
    note : str
        Empty, or why the descent stopped before the last step, with the step reached.
    """

    steps: NDArray[np.int64]
    loss: Array
    residual: Array
    output: Array
    quantities: Mapping[str, Array]
    network: Network
    taken: int
    note: str = ""


Part = tuple[
    NDArray[np.int64], Array, Array, Array, State | None
]  # steps, losses, residuals, outputs, what is looked at


class _Walk:
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


def descend(
    problem: Instance | Network,
    labels: ArrayLike | None = None,
    *,
    step: Schedule | Pair,
    steps: int,
    loss: str = "squared",
    mean: bool = False,
    decay: Schedule | Pair = 0.0,
    batches: Batches | None = None,
    record: int | Iterable[int] = 100,
    quantities: Mapping[str, Callable[[State], ArrayLike]] | None = None,
    until: Callable[[State], object] | None = None,
    progress: Callable[[float], object] | None = None,
) -> Descent:
    """Descend a loss from the given weights by ``steps`` simultaneous updates of both layers.

    Parameters
    ----------
    problem
        An instance, or a network in normal form. Its inputs and labels are what is descended or, with ``batches``,
        only what is recorded on.
    labels : (n,) or (n, c)
        Needed for a network; by default the instance's own. -1 or 1 for the logistic and the hinge loss.
    step, decay
        A number, an array ``(steps,)`` or a function of the step's index; a tuple is a pair of these, for the first
        layer and for the output weights. A layer moves by ``step`` times its rate in the network (which may freeze
        it), its decay included; where that times ``decay`` is 1 the layer's old weights are forgotten exactly.
    loss
        ``"squared"`` (``|y - f|^2 / 2``), ``"logistic"`` (``log(1 + exp(-y f))``) or ``"hinge"`` (``max(0, 1 - y f)``).
    mean
        Divide the loss, and so its gradient, by the number of samples.
    batches
        ``batches(t)``, or an iterable's next item, is the pair ``(inputs, labels)`` of update ``t``: exactly
        ``steps`` are drawn. Inputs are the instance's; of a network, with the column of a trained bias.
    record
        How many steps to record, evenly from 0 to the last, or which: ``range(0, steps + 1, 1000)``.
    quantities
        Name to function of :class:`State`, evaluated at recorded steps.
    until
        Looked at at recorded steps: the descent stops, with a note, where it is true.
    progress
        Told the share that is done, about a hundred times.

    Raises
    ------
    BadInput
        If an argument cannot be used.
    FlowStalled
        If loss or output cease to be finite; the message says where, the likely cause and the mend.
    """
    if not isinstance(steps, int | np.integer) or steps < 0:
        raise BadInput(f"steps = {steps!r}: give a whole number of at least 0")
    network, targets, extra = posed(problem, labels, loss)
    walk = _Walk(network, LOSSES[loss], mean, schedule("step", step, steps), schedule("decay", decay, steps))
    draw = None if batches is None else feed(batches, loss, network, extra, steps)
    seen: list[tuple[NDArray[Any], ...]] = [(np.zeros(0, np.int64), np.zeros(0), *2 * (np.zeros((0, targets.size)),))]
    found: dict[str, list[Array]] = {name: [] for name in quantities or {}}
    with np.errstate(all="ignore"):  # what leaves the floating range is found in `look`
        looks, asked = bool(quantities) or until is not None, wanted_steps(record, steps)
        march = _strides(walk, targets, loss, asked, progress, looks) if draw is None and _small.fits(network) else _march(walk, targets, draw, asked, progress)  # fmt: skip
        for *part, state in march:
            seen.append(tuple(part))
            if state is None:
                continue
            for name, function in (quantities or {}).items():
                found[name].append(np.array(function(state)))
            if until is not None and until(state):
                break
        if not (np.all(np.isfinite(walk.weights)) and np.all(np.isfinite(walk.outer))):
            raise walk.diverged(network.inputs)
    at, losses, residuals, outputs = map(np.concatenate, zip(*seen, strict=True))
    return Descent(
        at, losses, residuals, outputs,
        {name: stacked(name, values) for name, values in found.items()}, walk.network(view=False), walk.taken,
        f"stopped after {walk.taken} of {steps} steps, where until(state) was true" * (walk.taken < steps),
    )  # fmt: skip


def _march(
    walk: _Walk, targets: Array, draw: Draw | None, wanted: frozenset[int], progress: Callable[[float], object] | None
) -> Iterator[Part]:
    """Make the steps, and yield those that are wanted, each with its state."""
    steps = len(walk.size)
    keep, every, output = bool(np.any(walk.size[:, 1] > 0)), max(1, steps // 100), targets
    own = Batch(walk.start, keep=keep and draw is None)  # the network's own inputs
    own.load(walk.start.inputs)
    batch, labels = (own if draw is None else Batch(walk.start, keep=keep)), targets
    for step in range(steps + 1):
        if step in wanted or draw is None:
            output, loss = walk.look(own, targets)
        if step in wanted:
            state = State(step, output, walk.rule.force(output, targets), loss, walk.network(view=True))
            yield np.array([step]), np.array([loss]), state.residual.reshape(1, -1), output.reshape(1, -1), state
        if step == steps:
            return
        if draw is not None:
            inputs, labels = draw(step)
            batch.load(inputs)
            output, _ = walk.look(batch, labels)
        walk.update(batch, output, labels)
        if progress is not None and ((step + 1) % every == 0 or step + 1 == steps):
            progress((step + 1) / steps)


def _strides(
    walk: _Walk, targets: Array, loss: str, wanted: frozenset[int], progress: Callable[[float], object] | None, looks: bool
) -> Iterator[Part]:  # fmt: skip
    """Do the same for a small network, in a compiled loop from stop to stop: where somebody looks, at every step that is wanted."""
    steps, net = len(walk.size), walk.start
    every = max(1, min(PIECE // _small.work(net), steps if progress is None else steps // 100))
    ends = sorted({*range(0, steps, every), steps, *(wanted if looks else ())})
    run = _small.strides(net, walk.weights, walk.outer, targets, loss, walk.mean, walk.size, walk.shrink, wanted, ends)
    for reached, found, outputs, losses in run:
        walk.taken = reached if reached >= 0 else -reached - 1
        if reached < 0:
            raise walk.diverged(net.inputs)
        if len(found):
            forces = walk.rule.force(outputs[:, :, None], targets)
            state = State(reached, outputs[-1][:, None], forces[-1], float(losses[-1]), walk.network(view=True))
            yield found, losses, forces[:, :, 0], outputs, state if looks and found[-1] == reached else None
        if progress is not None and reached and (reached % every == 0 or reached == steps):
            progress(reached / steps)
