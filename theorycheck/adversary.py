"""Strategies for data and labels that hurt.

A strategy draws a *plan*: a kind, sizes, a seed and one exponent. The arrays are built from the
plan alone, so a plan in a report (``dataclasses.asdict``) is all that is needed to see the case
again. Drawing raw float arrays would find nothing: the worst labels are eigenvectors, and the
worst inputs nearly parallel. Hypothesis spends four of five examples on variations of the one
before, so every kind is seen only in some hundreds of examples: to be sure of one, name it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.float64]
SHRINK = 1.0 - 2.0**-40  # room for rounding, so that no norm of floats is above 1


@dataclass(frozen=True)
class InputPlan:
    """How to build inputs (n, d); see :func:`build_inputs` for what ``exponent`` does to a kind.

    Raises
    ------
    ValueError
        If the kind is unknown, a size is below 1, or the seed or the exponent below 0.
    """

    kind: str = "gaussian"
    n: int = 1
    d: int = 1
    seed: int = 0
    exponent: int = 0

    def __post_init__(self) -> None:
        _known(self.kind, INPUT_KINDS)
        if self.n < 1 or self.d < 1:
            raise ValueError(f"n = {self.n} and d = {self.d}: give sizes of at least 1")
        if self.seed < 0 or not 0 <= self.exponent <= 300:
            raise ValueError(f"seed {self.seed}, exponent {self.exponent}: seed at least 0, exponent 0 to 300")


@dataclass(frozen=True)
class LabelPlan:
    """How to build labels (n,): a kind, a magnitude 10^size, and a seed.

    Raises
    ------
    ValueError
        If the kind is unknown, the size is not between -300 and 300, or the seed is below 0.
    """

    kind: str = "gaussian"
    size: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        _known(self.kind, LABEL_KINDS)
        if self.seed < 0 or abs(self.size) > 300:
            raise ValueError(f"seed {self.seed}, size {self.size}: seed at least 0, size -300 to 300")


def _known(kind: str, kinds: Sequence[str]) -> None:
    if kind not in kinds:
        raise ValueError(f"kind {kind!r} is unknown: choose one of {', '.join(kinds)}")


def _known_all(kinds: Sequence[str], known: Sequence[str]) -> None:
    if not kinds:
        raise ValueError(f"no kind to draw: give one or more of {', '.join(known)}")
    for kind in kinds:
        _known(kind, known)


def _sphere(rng: Generator, n: int, d: int) -> Array:
    """Rows of norm just below 1, uniform in direction."""
    rows = rng.normal(size=(n, d))
    return SHRINK * rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _gaussian(rng: Generator, plan: InputPlan) -> Array:
    rows = rng.normal(size=(plan.n, plan.d))
    return SHRINK * rows / np.linalg.norm(rows, axis=1).max()


def _near_parallel(rng: Generator, plan: InputPlan) -> Array:
    """Two rows, anywhere among the others, at the angle 10^-exponent."""
    rows = _sphere(rng, plan.n, plan.d)
    if min(plan.n, plan.d) > 1:
        i, k = rng.permutation(plan.n)[:2]
        aside = rows[k] - rows[i] * (rows[i] @ rows[k]) / (rows[i] @ rows[i])
        aside *= SHRINK / np.linalg.norm(aside)
        angle = 10.0**-plan.exponent
        rows[k] = np.cos(angle) * rows[i] + np.sin(angle) * aside
    return SHRINK * rows


def _antiparallel(rng: Generator, plan: InputPlan) -> Array:
    """Exact pairs x, -c x: one, or three in the plane for every second seed."""
    # 24 binary digits times a c of two digits are exact in 53
    rows = _sphere(rng, plan.n, plan.d).astype(np.float32).astype(float) / 2
    pairs = 3 if plan.d == 2 and plan.n >= 6 and plan.seed % 2 else 1
    order = rng.permutation(plan.n)
    for i, k in zip(order[:pairs], order[pairs : 2 * pairs], strict=False):
        rows[k] = -rng.choice([1.0, 0.5, 0.75, 1.5]) * rows[i]
    return rows


def _duplicate(rng: Generator, plan: InputPlan) -> Array:
    """One row is another times 2^-exponent, exactly."""
    rows = _sphere(rng, plan.n, plan.d)
    order = rng.permutation(plan.n)
    rows[order[-1]] = np.ldexp(rows[order[0]], -plan.exponent if plan.n > 1 else 0)
    return rows


def _zero_row(rng: Generator, plan: InputPlan) -> Array:
    rows = _sphere(rng, plan.n, plan.d)
    rows[rng.integers(plan.n)] = 0.0
    return rows


def _low_rank(rng: Generator, plan: InputPlan) -> Array:
    """Rows of a rank below n and d, with fewer distinct columns than either."""
    rank = int(rng.integers(1, min(plan.n, plan.d))) if min(plan.n, plan.d) > 1 else 1
    few = _sphere(rng, plan.n, rank)
    # a column copied up to sign and power of two is not rounded, so that the rank is exact
    source = np.concatenate([np.arange(rank), rng.integers(rank, size=plan.d - rank)])
    factor = np.where(np.arange(plan.d) < rank, 1.0, rng.choice([-1.0, -0.5, 0.5, 1.0], size=plan.d))
    rows = few[:, source] * factor
    return np.ldexp(rows, -int(np.ceil(np.log2(max(plan.d, 1)) / 2)))


def _cluster(rng: Generator, plan: InputPlan) -> Array:
    """One or two clusters of radius about 10^-exponent."""
    centres = _sphere(rng, int(rng.integers(1, 3)), plan.d)
    rows = centres[rng.integers(len(centres), size=plan.n)]
    rows = rows + 10.0**-plan.exponent * rng.normal(size=rows.shape) / np.sqrt(plan.d)
    return SHRINK * rows / max(1.0, np.linalg.norm(rows, axis=1).max())


def _lattice(rng: Generator, plan: InputPlan) -> Array:
    """Whole numbers up to 2^exponent over a power of two, so that neurons meet ties exactly."""
    top = 2 ** min(plan.exponent, 20)
    rows = rng.integers(-top, top + 1, size=(plan.n, plan.d)).astype(float)
    rows[~rows.any(axis=1), 0] = 1.0
    return rows / (top * 2.0 ** np.ceil(np.log2(plan.d) / 2))


def _orthogonal(rng: Generator, plan: InputPlan) -> Array:
    """Rows of the identity in any order, scaled by powers of two; they repeat when n > d."""
    columns = np.resize(rng.permutation(plan.d), plan.n)
    return np.eye(plan.d)[columns] * np.ldexp(1.0, -rng.integers(0, 3, size=(plan.n, 1)))


# kind -> (builder, least n, least d, range of the exponent)
_INPUTS: Mapping[str, tuple[Callable[[Generator, InputPlan], Array], int, int, tuple[int, int]]] = MappingProxyType(
    {
        "gaussian": (_gaussian, 1, 1, (0, 0)),
        "sphere": (lambda rng, plan: _sphere(rng, plan.n, plan.d), 1, 1, (0, 0)),
        "near_parallel": (_near_parallel, 2, 2, (1, 6)),
        "antiparallel": (_antiparallel, 2, 2, (0, 0)),
        "duplicate": (_duplicate, 2, 1, (0, 3)),
        "zero_row": (_zero_row, 1, 1, (0, 0)),
        "low_rank": (_low_rank, 2, 2, (0, 0)),
        "cluster": (_cluster, 2, 1, (1, 6)),
        "lattice": (_lattice, 1, 1, (0, 3)),
        "orthogonal": (_orthogonal, 1, 1, (0, 0)),
        "huge": (lambda rng, plan: _gaussian(rng, plan) * 10.0**plan.exponent, 1, 1, (150, 300)),
        "tiny": (lambda rng, plan: _gaussian(rng, plan) * 10.0**-plan.exponent, 1, 1, (150, 300)),
    }
)
INPUT_KINDS = tuple(_INPUTS)
LABEL_KINDS = ("least", "top", "signs", "spike", "equal", "zero", "huge", "gaussian")


def build_inputs(plan: InputPlan) -> Array:
    """Build the inputs (n, d) a plan describes; the same plan gives the same array.

    Norms lie in (0, 1], except for ``huge``, ``tiny`` and the row of ``zero_row``. The exponent
    k is an angle or radius 10^-k (near_parallel, cluster), a factor 2^-k (duplicate), a size of
    whole numbers 2^k (lattice), a scale 10^k or 10^-k (huge, tiny). A plan too small for its kind
    (a pair of one row) gives rows of the sphere. In two dimensions or more, rows can be parallel only
    for antiparallel, duplicate, zero_row, low_rank, lattice, and for orthogonal when n > d.
    """
    build = _INPUTS[plan.kind][0]
    return build(np.random.default_rng([plan.seed, plan.n, plan.d]), plan)


def build_labels(plan: LabelPlan, inputs: Array, gram: Array) -> Array:
    """Build labels (n,) for inputs (n, d) and a symmetric Gram matrix (n, n).

    ``least`` and ``top`` are unit eigenvectors of the extreme eigenvalues of ``gram``, with the
    first entry of more than half the largest size positive, times 10^size.

    Raises
    ------
    ValueError
        If an eigenvector is asked for and ``gram`` is not (n, n), finite and symmetric.
    """
    n = len(inputs)
    rng = np.random.default_rng([plan.seed, n])
    if plan.kind in ("least", "top"):
        labels = _eigenvector(np.asarray(gram, dtype=float), n, 0 if plan.kind == "least" else -1)
    elif plan.kind in ("signs", "huge"):
        labels = rng.choice([-1.0, 1.0], size=n)
    elif plan.kind == "spike":
        labels = (np.arange(n) == rng.integers(n)).astype(float)
    elif plan.kind == "gaussian":
        labels = rng.normal(size=n)
    else:
        labels = np.full(n, float(plan.kind == "equal"))
    return labels * 10.0**plan.size


def _eigenvector(gram: Array, n: int, place: int) -> Array:
    """Return the unit eigenvector (n,) at ``place`` in the order of the eigenvalues, its sign fixed."""
    if gram.shape != (n, n) or not np.isfinite(gram).all():
        raise ValueError(f"gram has shape {gram.shape} for {n} inputs: give a finite matrix of shape {(n, n)}")
    matrix = np.ldexp(gram, -int(np.frexp(np.abs(gram).max())[1]))
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-9):
        raise ValueError("gram is not symmetric: give the Gram matrix of the inputs, not a Jacobian")
    vector = np.linalg.eigh((matrix + matrix.T) / 2)[1][:, place]
    # not simply the largest entry: entries equal up to rounding would make the sign a matter of luck
    return vector * np.sign(vector[np.argmax(np.abs(vector) > np.abs(vector).max() / 2)])


def _simplest_first(kinds: Sequence[str]) -> list[str]:
    """Hypothesis shrinks towards the first element."""
    return sorted(kinds, key=lambda kind: kind != "gaussian")


def input_plans(
    *, sizes: tuple[int, int] = (1, 6), dimensions: tuple[int, int] = (1, 6), kinds: Sequence[str] = INPUT_KINDS
) -> SearchStrategy[InputPlan]:
    """Plans of inputs with n and d in the ranges given, ends included.

    Kinds that need more rows or columns than the ranges allow are left out; where only the
    lower end is too small, it is raised for that kind. Shrinks to one gaussian number.

    Raises
    ------
    ValueError
        If a range is empty, a kind is unknown, or no kind fits.
    """
    for low, high in (sizes, dimensions):
        if not 1 <= low <= high:
            raise ValueError(f"the range {(low, high)} is empty: give (low, high) with 1 <= low <= high")
    _known_all(kinds, INPUT_KINDS)
    fitting = [kind for kind in _simplest_first(kinds) if _fits(kind, sizes, dimensions)]
    if not fitting:
        raise ValueError(f"none of {', '.join(kinds)} fits n in {sizes} and d in {dimensions}: allow more")
    return _plans(fitting, sizes, dimensions)


def _fits(kind: str, sizes: tuple[int, int], dimensions: tuple[int, int]) -> bool:
    _, n, d, _ = _INPUTS[kind]
    return n <= sizes[1] and d <= dimensions[1] and (kind != "orthogonal" or sizes[0] <= dimensions[1])


@st.composite
def _plans(draw: st.DrawFn, kinds: list[str], sizes: tuple[int, int], dimensions: tuple[int, int]) -> InputPlan:
    kind = draw(st.sampled_from(kinds))
    _, least_n, least_d, exponents = _INPUTS[kind]
    orthogonal = kind == "orthogonal"  # in fewer dimensions than rows, rows would repeat
    n = draw(st.integers(max(least_n, sizes[0]), min(sizes[1], dimensions[1]) if orthogonal else sizes[1]))
    d = draw(st.integers(max(n if orthogonal else least_d, dimensions[0]), dimensions[1]))
    return InputPlan(kind, n, d, draw(st.integers(0, 2**31 - 1)), draw(st.integers(*exponents)))


def label_plans(*, kinds: Sequence[str] = LABEL_KINDS) -> SearchStrategy[LabelPlan]:
    """Plans of labels of magnitude 10^-3 to 10^3, or 10^100 to 10^300 for ``huge``.

    Raises
    ------
    ValueError
        If a kind is unknown, or there is none.
    """
    _known_all(kinds, LABEL_KINDS)

    def plans(kind: str) -> SearchStrategy[LabelPlan]:
        low, high = (100, 300) if kind == "huge" else (0, 0) if kind == "zero" else (-3, 3)
        return st.builds(LabelPlan, kind=st.just(kind), size=st.integers(low, high), seed=st.integers(0, 2**31 - 1))

    return st.sampled_from(_simplest_first(kinds)).flatmap(plans)


def data_sets(
    *, sizes: tuple[int, int] = (1, 6), dimensions: tuple[int, int] = (1, 6), kinds: Sequence[str] = INPUT_KINDS
) -> SearchStrategy[tuple[InputPlan, Array]]:
    """Plans of inputs together with the inputs they build; arguments as for :func:`input_plans`."""
    return input_plans(sizes=sizes, dimensions=dimensions, kinds=kinds).map(lambda plan: (plan, build_inputs(plan)))
