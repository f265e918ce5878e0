"""R5.2 and R5.3: a sparse parity of uniform signs. Every neuron of signs has its first gradient near the parity's direction.

The instance's rows are the whole cube {-1, 1}^n, its labels the product chi_A of the first k signs: what is measured is
enumerated, what is promised comes from the threshold's Fourier coefficients (R5.1). ``D_w = sum_{l in A} w_l e_l / sqrt k``,
``s = chi_A(w) (-1)^(k/2 - 1)`` (errata W5).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.symbolic.thresholds import majority_coefficient
from theorycheck.theorems._data import SYNTHETIC, keyword_example
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import cube, zigzag

#: coordinates outside and inside A
outside, k = sp.symbols("n_0 k", positive=True)
b = sp.Symbol("b", real=True)
xi, length, cosine, off, off_unsigned = sp.symbols("xi_k-1 |G| cos delta_D delta_+", nonnegative=True)
share, hinge, wrong, odd, even, mislabelled, not_signs = sp.symbols("P_hit L_f P_f odd even e_y e_w", nonnegative=True)
#: room for rounding in equalities
TAU = sp.Rational(1, 10**9)

#: xi_{k+1}/xi_{k-1} = -(k-1)/(n-k), so the part of G at right angles to D_w has this square, in units of xi_{k-1}^2
_ASIDE = (k - 1) ** 2 / outside
COSINE = 1 / sp.sqrt(1 + _ASIDE / k)
LENGTH = xi * sp.sqrt(k + _ASIDE)
#: the tangent of the angle, which is above the distance of the unit vectors
OFF = sp.sqrt(_ASIDE / k)
#: the network is sqrt(k)-Lipschitz and E|<v, x>| <= |v|
HINGE = sp.sqrt(k) * OFF
SHARE = 2 ** (1 - k)


# --- measures ------------------------------------------------------------------------------------------------


def _size(instance: Instance) -> int:
    return int(instance.parameters["k"])


@lru_cache(maxsize=8)
def _gradients(instance: Instance) -> s.Array:
    return s.empirical_gradients(instance)[0]


def _features(patterns: s.Array, size: int) -> s.Array:
    """Return D_w for each sign pattern."""
    return np.asarray(np.where(np.arange(patterns.shape[1]) < size, patterns, 0.0) / np.sqrt(size))


def _unit(gradients: s.Array) -> s.Array:
    with np.errstate(all="ignore"):
        return np.asarray(gradients / np.linalg.norm(gradients, axis=1)[:, None])


def _doubt(instance: Instance) -> float:
    # sums of signs are exact; what rounds are norms and square roots
    return 64 * instance.d * float(np.finfo(float).eps)


def _length(run: Run) -> Measured:
    value = np.linalg.norm(_gradients(run.instance), axis=1)
    return Measured(value, _doubt(run.instance) * value)


def _cosine(run: Run) -> Measured:
    own = run.instance
    return Measured(np.abs(np.sum(_unit(_gradients(own)) * _features(own.weights, _size(own)), axis=1)), _doubt(own))


def _signs(instance: Instance) -> s.Array:
    size = _size(instance)
    return np.asarray(np.prod(instance.weights[:, :size], axis=1) * (-1.0) ** (size // 2 - 1))


def _off(run: Run, signed: bool) -> Measured:
    own = run.instance
    factor = _signs(own) if signed else np.ones(own.m)
    gap = factor[:, None] * _unit(_gradients(own)) - _features(own.weights, _size(own))
    return Measured(np.linalg.norm(gap, axis=1), _doubt(own))


def _outputs(own: Instance) -> s.Array:
    """Return ``y f`` of the zig-zag network along each neuron's own gradient, over the whole cube, ``(2^n, m)``."""
    size = _size(own)
    along = own.inputs @ (_signs(own)[:, None] * _unit(_gradients(own))).T
    output = zigzag(size)(along) * np.prod(own.weights[:, :size], axis=1)
    return np.asarray(own.labels[:, None] * output)


def _hinge(run: Run) -> Measured:
    own = run.instance
    return Measured(np.mean(np.maximum(0.0, 1.0 - _outputs(own)), axis=0), 8 * _size(own) * _doubt(own))


def _wrong(run: Run) -> Measured:
    """Return the share of wrong signs; an output that is 0 up to rounding may be either."""
    signed, doubt = _outputs(run.instance), 8 * _size(run.instance) * _doubt(run.instance)
    return Measured.between(np.mean(signed < -doubt, axis=0), np.mean(signed <= doubt, axis=0))


@lru_cache(maxsize=32)
def _share(d: int, size: int, bias: float) -> Measured:
    """Return the share of all sign patterns whose gradient is near ``+-1_A/sqrt k`` and long: both by enumeration."""
    points = cube(d)
    labels = np.prod(points[:, :size], axis=1)
    gradients = (labels[:, None] * (points @ points.T > bias)).T @ points / len(points)
    lengths, along = np.linalg.norm(gradients, axis=1), np.abs(gradients[:, :size].sum(axis=1)) / size**0.5
    # a hit has these lengths and cosines exactly (errata U10): room for rounding
    least = [float(one.subs({outside: d - size, k: size, xi: sp.Rational(majority_coefficient(d, size))})) * (1 - 1e-12) for one in (COSINE, LENGTH)]  # fmt: skip
    found = (along >= least[0] * lengths) & (lengths >= least[1])
    return Measured(float(np.mean(found)), 0.0, rigorous=True)


def _proper(instance: Instance) -> bool:
    size = _size(instance)
    return instance.d % 2 == 1 and size % 2 == 0 and 2 <= size < instance.d


def _xi(run: Run) -> Measured:
    if not _proper(run.instance):
        return Measured(np.nan)
    value = float(majority_coefficient(run.instance.d, _size(run.instance)))
    return Measured(value, np.spacing(value), rigorous=True)


def _share_of(run: Run) -> Measured:
    own = run.instance
    return _share(own.d, _size(own), own.parameters["b"]) if _proper(own) else Measured(np.nan)


def _mislabelled(run: Run) -> Measured:
    own = run.instance
    wanted = np.prod(own.inputs[:, : _size(own)], axis=1)
    whole = len(np.unique(own.inputs, axis=0)) == own.n == 2**own.d and bool(np.all(np.abs(own.inputs) == 1))
    return Measured(float(np.max(np.abs(own.labels - wanted))) + (not whole), 0.0, rigorous=True)


_QUANTITIES = (
    Quantity(outside, "n - k, number of signs outside A", measure.constant(lambda run: run.instance.d - _size(run.instance))),
    Quantity(k, "size of A", measure.constant(lambda run: _size(run.instance))),
    Quantity(b, "bias", measure.parameter("b")),
    Quantity(odd, "1 if n is odd, else 0", measure.constant(lambda run: run.instance.d % 2)),
    Quantity(even, "1 if k is even, else 0", measure.constant(lambda run: 1 - _size(run.instance) % 2)),
    Quantity(mislabelled, "largest error of a label; 1 more if the inputs are not the cube", _mislabelled),
    Quantity(not_signs, "largest ||w_l| - 1|", measure.constant(lambda run: float(np.max(np.abs(np.abs(run.instance.weights) - 1))))),
    Quantity(xi, "|xi_{k-1}|, by its product formula", _xi),
    Quantity(length, "|G(w, b)|, enumerated", _length),
    Quantity(cosine, "|cos| of the angle between G and D_w", _cosine),
    Quantity(off, "|s G/|G| - D_w|", lambda run: _off(run, True)),
    Quantity(off_unsigned, "|G/|G| - D_w|", lambda run: _off(run, False)),
    Quantity(share, "share of all sign patterns with |cos(G, 1_A)| >= 1 - gamma and |G| >= B_G, enumerated", _share_of),
    Quantity(hinge, "hinge loss of the zig-zag network along s G/|G|, enumerated", _hinge),
    Quantity(wrong, "its share of wrong signs, y f <= 0", _wrong),
)  # fmt: skip
_ASSUMED = (
    Assumption("the parity", "the labels are chi_A on the whole cube", Bound(mislabelled, sp.S.Zero)),
    Assumption("signs", "weights are signs", Bound(not_signs, sp.S.Zero)),
    Assumption("n odd", "n is odd", Bound(sp.S.One, odd)),
    Assumption("k even", "k is even", Bound(sp.S.One, even)),
    Assumption("k at least 2", "A is not empty", Bound(sp.Integer(2), k)),
    Assumption("k below n", "A is not everything", Bound(sp.S.Zero, outside, strict=True)),
    Assumption("small bias", "|b| < 1", Bound(b**2, sp.S.One, strict=True)),
)
_GIVEN = tuple(part.label for part in _ASSUMED)
_ANY_BIAS = tuple(name for name in _GIVEN if name != "small bias")
_CLAIMS = (
    Claim("cosine", "every neuron's gradient is this close to D_w: gamma", Bound((1 - TAU) * COSINE, cosine), _GIVEN),
    Claim("length", "and this long: B_G", Bound((1 - TAU) * LENGTH, length), _GIVEN),
    Claim("no longer", "and no longer", Bound(length, (1 + TAU) * LENGTH), _GIVEN),
    Claim("direction", "as unit vectors, with the right sign", Bound(off, OFF), _GIVEN),
    Claim("hit", "a share 2^(1-k) of all neurons points at +-1_A: (D, +-1) is in S_{p, gamma, B_G}", Bound((1 - TAU) * SHARE, share), _GIVEN),
    Claim("OPT", "the network of k + 2 neurons along one neuron's gradient has little hinge loss", Bound(hinge, HINGE), _GIVEN),
    Claim("signs", "so few of its signs are wrong: the hinge is at least 1 where one is", Bound(wrong, hinge + TAU), _GIVEN),
)  # fmt: skip
_SABOTAGES = (
    Claim("cosine: all of it", "nothing at right angles", Bound(1 - TAU, cosine), _GIVEN, falsifies="cosine"),
    Claim("cosine: any bias", "any threshold", Bound((1 - TAU) * COSINE, cosine), _ANY_BIAS, falsifies="cosine"),
    Claim("length: aside n - k times", "as if no coordinate shared", Bound((1 - TAU) * xi * sp.sqrt(k + (k - 1) ** 2), length), _GIVEN, falsifies="length"),
    Claim("no longer: on A only", "nothing at right angles", Bound(length, (1 + TAU) * xi * sp.sqrt(k)), _GIVEN, falsifies="no longer"),
    Claim("direction: sign dropped", "G/|G| itself", Bound(off_unsigned, OFF), _GIVEN, falsifies="direction"),
    Claim("hit: twice", "one pattern less", Bound(2 * SHARE, share), _GIVEN, falsifies="hit"),
    Claim("signs: a tenth", "a tenth of it", Bound(wrong, hinge / 10), _GIVEN, falsifies="signs"),
    Claim("OPT: a third", "a third of it", Bound(hinge, HINGE / 3), _GIVEN, falsifies="OPT"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _made(patterns: s.Array, size: int, bias: float, about: dict[str, Any], notes: tuple[str, ...] = ()) -> Instance:
    points = cube(patterns.shape[1])
    labels = np.prod(points[:, :size], axis=1)
    m = len(patterns)
    return s.network(
        points, labels, patterns, np.ones(m), np.full(m, bias),
        parameters={"k": float(size), "b": bias}, description=about, notes=notes,
    )  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if flags["data"] in SYNTHETIC:
        # a neuron's signs are drawn whatever the name of the inputs: these are the cube
        if not 2 <= flags["d"] <= 11:
            raise BadInput(f"--d must lie in 2, ..., 11, not {flags['d']}: all 2^d sign patterns are written out")
        patterns = np.random.default_rng([flags["seed"], 41]).choice([-1.0, 1.0], (max(flags["m"], 1), flags["d"]))
        notes: tuple[str, ...] = ()
    else:
        inputs, told = s.rows(flags)
        columns = min(inputs.shape[1] - 1 + inputs.shape[1] % 2, 9)
        patterns = np.where(inputs[: max(flags["m"], 1), :columns] > 0, 1.0, -1.0)
        notes = (*told, f"the neurons are the signs of the data's rows in {columns} columns; the inputs are the cube")
    if not 1 <= flags["k"] <= patterns.shape[1]:
        raise BadInput(f"--k must lie in 1, ..., {patterns.shape[1]}, not {flags['k']}")
    if not np.isfinite(flags["bias"]):
        raise BadInput(f"--bias must be finite, not {flags['bias']:g}")
    return _made(patterns, flags["k"], flags["bias"], {"data": flags["data"], "flags": dict(flags)}, notes)


def _hard(d: int, size: int, bias: float, seed: int) -> Instance:
    patterns = cube(d) if d <= 5 else np.random.default_rng(seed).choice([-1.0, 1.0], (8, d))
    return _made(patterns, min(size, d), bias, {"n": d, "k": size, "b": bias, "seed": seed})


def _instances() -> SearchStrategy[Instance]:
    biases = st.sampled_from([0.0, 0.5, -0.999, np.nextafter(1.0, 0.0), -0.25, 1.0, 0.75, -1.5])
    return st.builds(_hard, st.sampled_from([5, 3, 7, 9, 4, 7]), st.sampled_from([2, 4, 6, 2, 3, 8]), biases, st.integers(0, 10_000))  # fmt: skip


_FLAGS = {
    "d": (Annotated[int, "number of signs, odd (synthetic neurons); at most 9 columns of a data set"], 7),
    "k": (Annotated[int, "how many signs the label multiplies, even"], 2),
    "m": (Annotated[int, "number of neurons"], 6),
    "bias": (Annotated[float, "bias of every neuron, between -1 and 1"], 0.5),
}
PARITY = Theorem(
    label="shi2023.parity",
    title="A sparse parity of uniform signs: the first gradient of a neuron of signs points at the parity's coordinates",
    reference=Reference("shi2023", "R5.2 and R5.3, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " x is uniform on {-1, 1}^n (the instance's rows), y = chi_A(x) the product of the first k signs, w in {-1, 1}^n; "
    "xi_k(b) = E[x_1 ... x_k 1{sum_i x_i > b}].",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, cosine=1.0, length=1.0, no_longer=1.0, direction=1.0, hit=1.0, OPT=1.5, signs=2.25),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"d": 9, "k": 4, "bias": -0.5}, {"data": "breast_cancer", "rows": 5}),
)  # fmt: skip
