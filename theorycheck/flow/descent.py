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
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.data import BadInput
from theorycheck.flow import _small
from theorycheck.flow._batches import LOSSES, Batch, Batches, Draw, Pair, Schedule, feed, posed, schedule
from theorycheck.flow._record import joined, stacked, wanted_steps
from theorycheck.flow._walk import Walk
from theorycheck.model import Instance
from theorycheck.network import Network, output_and_gram

__all__ = ["LOSSES", "Descent", "State", "descend"]

Array = NDArray[np.float64]

# multiply-adds after which a compiled loop may be interrupted
PIECE = 2**27


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
    walk = Walk(network, LOSSES[loss], mean, schedule("step", step, steps), schedule("decay", decay, steps))
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
    at, losses, residuals, outputs = map(joined, zip(*seen, strict=True))
    return Descent(
        at, losses, residuals, outputs,
        {name: stacked(name, values) for name, values in found.items()}, walk.network(view=False), walk.taken,
        f"stopped after {walk.taken} of {steps} steps, where until(state) was true" * (walk.taken < steps),
    )  # fmt: skip


def _march(
    walk: Walk,
    targets: Array,
    draw: Draw | None,
    wanted: NDArray[np.bool_],
    progress: Callable[[float], object] | None,
) -> Iterator[Part]:
    """Make the steps, and yield those that are wanted, each with its state."""
    steps = len(walk.size)
    keep, every, output = bool(np.any(walk.size[:, 1] > 0)), max(1, steps // 100), targets
    own = Batch(walk.start, keep=keep and draw is None)  # the network's own inputs
    own.load(walk.start.inputs)
    batch, labels = (own if draw is None else Batch(walk.start, keep=keep)), targets
    for step in range(steps + 1):
        if wanted[step] or draw is None:
            output, loss = walk.look(own, targets)
        if wanted[step]:
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
    walk: Walk, targets: Array, loss: str, wanted: NDArray[np.bool_], progress: Callable[[float], object] | None, looks: bool
) -> Iterator[Part]:  # fmt: skip
    """Do the same for a small network, in a compiled loop from stop to stop: where somebody looks, at every step that is wanted."""
    steps, net = len(walk.size), walk.start
    every = max(1, min(PIECE // _small.work(net), steps if progress is None else steps // 100))
    ends = sorted({*range(every, steps, every), steps, *(map(int, np.flatnonzero(wanted)) if looks else ())})
    run = _small.strides(net, walk.weights, walk.outer, targets, loss, walk.mean, walk.size, walk.shrink, wanted, ends)
    for reached, found, losses, forces, outputs in run:
        walk.taken = reached if reached >= 0 else -reached - 1
        if reached < 0:
            raise walk.diverged(net.inputs)
        if len(found):
            state = State(
                reached, outputs[-1][:, None], forces[-1][:, None], float(losses[-1]), walk.network(view=True)
            )
            yield found, losses, forces, outputs, state if looks and found[-1] == reached else None
        if progress is not None and reached and (reached % every == 0 or reached == steps):
            progress(reached / steps)
