"""A bound on the error of a computed flow, from its defect and a logarithmic norm.

Weights are measured in units of the root of their rate, where the flow is ``theta' = J' (y - f)``.
The computed ``theta~`` and ``r~`` satisfy it up to defects. The error of the weights grows no
faster than the largest eigenvalue of ``-J'J + sum_i r_i D^2 f_i`` on the way (Dahlquist's
logarithmic norm): the Gauss-Newton part is negative, and the rest is block diagonal, one block
``B_j = sum_i r_i outer_j s''(h_ij) inner^2 x_i x_i'`` for a neuron, below its Frobenius norm, in
which samples that pull against each other cancel. The error of the residual obeys
``e_r' = -G e_r - (G~ - G) r~ + defect``, so that it stays relative to the residual.

Rigorous up to sampling, and up to rounding, which is added as an estimate: defects, drift, the
norms of the blocks and the least eigenvalue are seen at three places of each step (the defect and
the pulls at its start too), and defects and norms count double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from theorycheck.compiled import compile_block
from theorycheck.flow._chunks import Step, combine
from theorycheck.flow._collocation import radau
from theorycheck.flow._form import Form, Stage, fall, gram, load, norm, pull
from theorycheck.symbolic.activations import Z

Array = NDArray[np.float64]

#: what the quadrature of a defect may miss, as a factor
QUADRATURE = 2.0
#: numbers up to which the places of a step are looked at together
TOGETHER = 2**15
#: rounding of one step, relative to what it moves
ROUNDING = 1e-15


@dataclass(frozen=True)
class Suprema:
    """``sup |s'|``, ``sup |s''|`` and ``sup |s'''|`` on the line, infinite if unbounded."""

    slope: float
    curvature: float
    third: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """The constants of the comparison equation of a flow whose first layer alone is trained.

    Attributes
    ----------
    squared : (n, n)
        The squares of the entries of ``first inner^2 X X'``.
    jacobian : float
        ``sup |J|`` over all weights.
    turning : float
        Lipschitz constant of ``J``, in the Frobenius norm.
    by_residual, by_weights : float
        How fast ``B_j`` grows with an error of the residual, and with one of the weights times the largest pull.
    longest : float
        An error of a displacement, as a trajectory measures it, over that of the weights.
    """

    squared: Array
    curvature: Callable[[Array], Array]
    jacobian: float
    turning: float
    by_residual: float
    by_weights: float
    longest: float

    @property
    def useful(self) -> bool:
        """Whether the suprema are finite: otherwise there is no bound."""
        return bool(np.isfinite([self.jacobian, self.turning, self.by_residual, self.by_weights]).all())


def comparison(form: Form, suprema: Suprema) -> Comparison:
    """Collect the constants for one network."""
    cross = form.cross
    outer = np.linalg.norm(form.network.outer, axis=1)
    top, diagonal, most = float(np.linalg.norm(cross, 2)), np.diag(cross), float(np.max(outer, initial=0.0))
    return Comparison(
        squared=cross**2,
        curvature=compile_block((Z,), form.network.activation.curvature),
        jacobian=np.sqrt(top) * suprema.slope * float(np.linalg.norm(outer)),
        turning=suprema.curvature * most * float(np.sqrt(np.sum(diagonal**2))),
        by_residual=top * suprema.curvature * most,
        by_weights=top * suprema.third * float(np.sqrt(np.max(diagonal))),
        longest=float(np.sqrt(form.network.first)) / float(np.min(outer[outer > 0], initial=np.inf)),
    )


def grow(form: Form, known: Comparison, step: Step, bounds: tuple[float, float]) -> tuple[float, float, float]:
    """Carry bounds of the errors of weights and residual over a step.

    Returns the bound for the weights on the whole step, that for the residual on the whole step, and that for the
    residual at its end. Infinite if the bound of the weights is so large that it would have to justify itself.
    """
    weights, residual = bounds
    seen = _look(form, known, step)
    size = norm(step.residual[0])
    leap = step.length * seen.weights_defect + ROUNDING * known.jacobian * size * step.length
    leap += step.length * known.jacobian * seen.drift
    # the logarithmic norm on the way from computed to true weights: first without, then with their distance
    reach = 2 * (weights + leap) * np.exp(min(seen.norm * step.length, 50.0))
    growth = (
        seen.norm + known.by_residual * (known.jacobian * reach + seen.drift) + known.by_weights * reach * seen.pull
    )
    exponent = growth * step.length
    after = (weights + leap) * np.exp(exponent) if exponent < 50 else np.inf
    if not after <= max(reach, 1e-300):
        return np.inf, np.inf, np.inf
    shift = 2 * known.jacobian * known.turning * after + (known.turning * after) ** 2
    rate = max(seen.least - shift, 0.0)
    passed = (1 - np.exp(-rate * step.length)) / rate if rate > 0 else step.length
    added = shift * size * passed + step.length * seen.residual_defect + ROUNDING * size
    return after, residual + added, residual * float(np.exp(-rate * step.length)) + added


@dataclass(frozen=True)
class _Look:
    """What is seen of a step: defects, drift, logarithmic norm, largest pull, least eigenvalue."""

    weights_defect: float
    residual_defect: float
    drift: float
    norm: float
    pull: float
    least: float


def _least(matrix: Array) -> float:
    """Return the least eigenvalue less its rounding, so that a singular Gram does not seem to contract."""
    return float(np.linalg.eigvalsh(matrix)[0]) - 1e-14 * float(np.trace(matrix))


@dataclass(frozen=True, eq=False)
class _Places:
    """Where a step is looked at, as rows for its stages; the same for every step, so they are made once."""

    integral: Array
    at: Array
    derivative: Array
    slope: Array
    start: Array
    share: float


@cache
def _places(stages: int) -> _Places:
    """Look between nodes, near both ends and in the middle of a step.

    A converged defect looks like the product of ``1 - x / c_i``, which is 1 at the start; ``share`` is its mean.
    """
    col = radau(stages)
    gaps = np.array([1, stages // 2, stages - 1])
    where = (col.nodes[gaps - 1] + col.nodes[gaps]) / 2
    share = float(np.mean(np.abs(col.shape(np.linspace(0, 1, 201)))))
    start = col.derivative(np.zeros(1))
    return _Places(col.integral(where), col.at(where), col.derivative(where), col.slope(where), start, share)


def _look(form: Form, known: Comparison, step: Step) -> _Look:
    """Evaluate the flow between nodes, and compare it with the collocation polynomial; the largest of each counts."""
    places = _places(len(step.speeds) - 1)
    count, (n, m, _, _) = len(places.at), form.sizes
    together = count if count * n * m <= TOGETHER else 1
    seen = [_look_at(form, known, step, places, slice(i, i + together)) for i in range(0, count, together)]
    start = combine(places.start, step.speeds[1:])[0] - step.speeds[0]
    inside = max(look.weights_defect for look in seen)
    return _Look(
        weights_defect=QUADRATURE * (places.share * form.length(start) + inside),
        residual_defect=QUADRATURE * max(look.residual_defect for look in seen),
        drift=max(look.drift for look in seen),
        norm=QUADRATURE * max(look.norm for look in seen),
        pull=max(*(look.pull for look in seen), float(np.max(np.abs(step.residual[0] @ form.network.outer.T)))),
        least=min(look.least for look in seen),
    )


def _look_at(form: Form, known: Comparison, step: Step, places: _Places, here: slice) -> _Look:
    rows = places.integral[here]
    u = step.u + step.length * combine(rows, step.speeds[1:])
    residual = combine(places.at[here], step.residual)
    stage, pulled = Stage.empty(form, len(rows)), np.empty_like(u)
    load(form, stage, u, step.v)
    pull(form, stage, residual, pulled)
    steep = combine(places.slope[here], step.residual) / step.length - fall(form, stage, pulled, None)
    np.subtract(combine(places.derivative[here], step.speeds[1:]), pulled, out=pulled)
    h = form.left @ u
    h += form.base
    drift = residual - (form.labels - form.value(h) @ form.network.outer)
    pulls = residual @ form.network.outer.T
    bends = known.curvature(h)
    bends *= pulls
    squares = np.einsum("sij,sij->sj", bends, known.squared @ bends)
    return _Look(
        weights_defect=max(form.length(part) for part in pulled),
        residual_defect=max(norm(part) for part in steep),
        drift=max(norm(part) for part in drift),
        norm=float(np.sqrt(np.max(squares, initial=0.0))),
        pull=float(np.max(np.abs(pulls), initial=0.0)),
        least=min(_least(gram(form, stage.part(i))) for i in range(len(rows))),
    )
