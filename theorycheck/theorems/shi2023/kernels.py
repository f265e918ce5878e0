"""R10: features that are fixed before the parity is chosen, a kernel's or random ones, fit none of them that is chosen then.

Of all parities of k among D signs one correlates with N features at most like the root of ``N/C(D, k)`` (Bessel), so that
every ``h = <w, Psi>`` with ``|w| <= B`` has hinge loss ``p_o (1 - B root(N/C(D, k)))`` at least, p_o the chance of the uniform
part of the data. The same data are no trouble for a network of k + 2 neurons (R5.3). All is enumerated: the instance's rows are
the support, its first layer the features, its labels chi_A of the hardest A.
"""

from __future__ import annotations

import math
from dataclasses import replace
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
from theorycheck.theorems._data import SYNTHETIC, keyword_example
from theorycheck.theorems.shi2023 import fixed
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.parities import Kinks, cube, zigzag

D, k = sp.symbols("D k", positive=True)
#: number of features, bound on |w|, chance of the uniform part, number of parities
N, B, uniform, parities = sp.symbols("N B p_o C_Dk", positive=True)
size, correlation, total = sp.symbols("Psi^2 E_A E_all", nonnegative=True)
hinge, unexplained, mislabelled = sp.symbols("L_fixed R_mean e_y", nonnegative=True)
fitted, fitted_less = sp.symbols("z_f z_f-", real=True)
TAU = sp.Rational(1, 10**9)

#: room for rounding where features are exactly of size 1
SIZE = (1 + TAU) * N
#: what the hardest parity's correlation with the features is at most
CORRELATION = sp.sqrt(SIZE / parities)
ROOM = uniform * (1 + B) * TAU
HINGE = uniform * (1 - B * CORRELATION) - ROOM


# --- measures ------------------------------------------------------------------------------------------------


def _size(instance: Instance) -> int:
    return int(instance.parameters["k"])


def _plain(instance: Instance, points: s.Array) -> s.Array:
    given = instance.parameters
    return fixed.features(int(given["kind"]), points, instance.weights, s.biases_of(instance), _size(instance), int(given["seed"]))  # fmt: skip


@lru_cache(maxsize=8)
def known(instance: Instance) -> dict[str, Any]:
    """Return the features, of mean square 1 on the cube, on the rows; their Walsh transform, the sets A, and the hardest one."""
    on_cube = _plain(instance, cube(instance.d))
    lengths = np.sqrt(np.mean(on_cube**2, axis=0))
    units = 1 / np.where(lengths > 0, lengths, 1.0)
    transform, chosen = fixed.walsh(on_cube * units), fixed.sets(instance.d, _size(instance))
    apart = np.sum(transform[chosen] ** 2, axis=1)
    return {
        "rows": _plain(instance, instance.inputs) * units, "transform": transform, "sets": chosen, "apart": apart,
        "hardest": int(chosen[np.argmin(apart)]), "size": float(np.sum((lengths * units) ** 2)),
    }  # fmt: skip


@lru_cache(maxsize=8)
def _least(instance: Instance) -> Measured:
    signed = instance.labels[:, None] * known(instance)["rows"]
    return fixed.least_hinge(signed, np.full(instance.n, 1 / instance.n), instance.parameters["B"])


def _fitted(run: Run, without: int) -> Measured:
    """Return the least ``y f*`` of the zig-zag network on the rows; ``without`` leaves out its first kinks."""
    own = run.instance
    width, index = own.d, known(own)["hardest"]
    inside = np.array([index >> (width - 1 - one) & 1 for one in range(width)], dtype=float)
    whole = zigzag(_size(own))
    net = Kinks(whole.weights[without:], whole.biases[without:])
    value = float(np.min(own.labels * net(own.inputs @ inside / math.sqrt(_size(own)))))
    return Measured(value, 1e-13 * _size(own) ** 2)


def _near(value: float) -> Measured:
    return Measured(value, 1e-11 * (1 + abs(value)))


def _unexplained(run: Run) -> Measured:
    found = known(run.instance)
    return _near(1 - fixed.explained(found["transform"], found["sets"]) / len(found["sets"]))


def _mislabelled(run: Run) -> float:
    """Return the largest error of a label; 1 more if the rows do not begin with the cube, so that p_o is another."""
    own, whole = run.instance, cube(run.instance.d)
    off = float(np.max(np.abs(own.labels - fixed.parity_of(own.inputs, known(own)["hardest"]))))
    return off + (not np.array_equal(own.inputs[: len(whole)], whole))


def _uniform(instance: Instance) -> Measured:
    # the rows that are not the cube come after it, in blocks of one sign
    value = 2**instance.d / instance.n
    return Measured(value, np.spacing(value), rigorous=True)


_QUANTITIES = (
    Quantity(D, "number of signs", measure.constant(lambda run: run.instance.d)),
    Quantity(k, "size of A", measure.constant(lambda run: _size(run.instance))),
    Quantity(N, "number of features", measure.constant(lambda run: run.instance.m)),
    Quantity(B, "bound on |w|", measure.parameter("B")),
    Quantity(parities, "C(D, k), number of parities of k signs", measure.constant(lambda run: math.comb(run.instance.d, _size(run.instance)))),
    Quantity(uniform, "p_o, chance of the uniform part", lambda run: _uniform(run.instance)),
    Quantity(size, "sum of the E Psi_i^2 of the uniform part", lambda run: _near(known(run.instance)["size"])),
    Quantity(mislabelled, "largest |y - chi_A(x)|, A the parity of k signs that is hardest for these features; 1 more if the rows do not begin with the cube", measure.constant(_mislabelled)),
    Quantity(correlation, "|E chi_A Psi| on the uniform part, A the hardest", lambda run: _near(float(np.sqrt(known(run.instance)["apart"].min())))),
    Quantity(total, "sum of |E chi_A Psi|^2 over all A", lambda run: _near(float(known(run.instance)["apart"].sum()))),
    Quantity(hinge, "least hinge loss of <w, Psi> with |w| <= B: interval", lambda run: _least(run.instance)),
    Quantity(unexplained, "mean over A of the least E(chi_A - <w, Psi>)^2, any w", _unexplained),
    Quantity(fitted, "least y f* of the network of k + 2 neurons on the same data", lambda run: _fitted(run, 0)),
    Quantity(fitted_less, "the same without its first neuron but one", lambda run: _fitted(run, 2)),
)  # fmt: skip
_ASSUMED = (
    Assumption("features of size 1", "sum E Psi_i^2 <= N", Bound(size, SIZE)),
    Assumption("the hardest", "labels are those of the hardest parity", Bound(mislabelled, sp.S.Zero)),
)
_ONE, _BOTH = ("features of size 1",), ("features of size 1", "the hardest")
_HARDEST = ("the hardest",)
_CLAIMS = (
    Claim("Bessel", "features correlate with all parities together like their size", Bound(total, SIZE), _ONE),
    Claim("correlation", "so with one of them little", Bound(correlation, CORRELATION), _ONE),
    Claim("this parity", "no network on the features does better than its correlation", Bound(uniform * (1 - B * correlation) - ROOM, hinge), _HARDEST),
    Claim("hinge", "so on one parity no network on the features does well", Bound(HINGE, hinge), _BOTH),
    Claim("average", "however large w is, on average over the parities little is explained", Bound(1 - N / parities - TAU, unexplained), ()),
    Claim("network", "while k + 2 neurons that know A have no hinge loss on the same data", Bound(1 - TAU, fitted), _HARDEST),
)  # fmt: skip
_SABOTAGES = (
    Claim("Bessel: half", "half of it", Bound(total, SIZE / 2), _ONE, falsifies="Bessel"),
    Claim("correlation: no root", "like the ratio itself", Bound(correlation, (1 + TAU) * N / parities), _ONE, falsifies="correlation"),
    Claim("this parity: squared", "its square", Bound(uniform * (1 - B * correlation**2), hinge), _HARDEST, falsifies="this parity"),
    Claim("this parity: everywhere", "as if all data were uniform", Bound(1 - B * correlation, hinge), _HARDEST, falsifies="this parity"),
    Claim("hinge: no root", "without the root", Bound(uniform * (1 - B * N / parities), hinge), _BOTH, falsifies="hinge"),
    Claim("hinge: 4^k", "C(D, k) >= 16^k for any D", Bound(uniform * (1 - B * sp.sqrt(N) / 4**k), hinge), _BOTH, falsifies="hinge"),
    Claim("average: half", "half of it", Bound(1 - N / (2 * parities), unexplained), (), falsifies="average"),
    Claim("network: a kink less", "without its first neuron but one", Bound(1 - TAU, fitted_less), _HARDEST, falsifies="network"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _made(weights: s.Array, biases: s.Array, plan: dict[str, Any], about: dict[str, Any], notes: tuple[str, ...] = ()) -> Instance:  # fmt: skip
    """Return features over the cube and, ``copies`` times, over it with A all of one sign: A and so the labels are chosen last."""
    width = weights.shape[1]
    points = cube(width)
    numbers = {"k": float(plan["k"]), "B": plan["B"], "kind": float(plan["kind"]), "seed": float(plan["seed"])}
    blank = s.network(points, np.ones(len(points)), weights, np.ones(len(weights)), biases, parameters=numbers, description=about, notes=notes)  # fmt: skip
    index = known(blank)["hardest"]
    inside = [one for one in range(width) if index >> (width - 1 - one) & 1]
    one_sign = points[np.abs(points[:, inside].sum(axis=1)) == len(inside)]
    rows = np.vstack([points, *[one_sign] * plan["copies"]])
    return replace(blank, inputs=rows, labels=fixed.parity_of(rows, index))


def _build(flags: dict[str, Any]) -> Instance:
    if flags["features"] not in fixed.KINDS:
        raise BadInput(f"--features must be {', '.join(fixed.KINDS)}, not {flags['features']!r}")
    if not (0 < flags["B"] < math.inf and 1 <= flags["m"] <= 64 and 0 <= flags["copies"] <= 256):
        raise BadInput(f"--B must be positive, --m in 1, ..., 64 and --copies in 0, ..., 256, not {flags['B']:g}, {flags['m']} and {flags['copies']}")  # fmt: skip
    if not 1 <= flags["k"] <= flags["d"] <= 12:
        raise BadInput(f"--d must be at most 12 and --k in 1, ..., d, not {flags['d']} and {flags['k']}: all 2^d sign patterns are written out")  # fmt: skip
    notes: tuple[str, ...] = ()
    if flags["data"] in SYNTHETIC:
        weights = np.random.default_rng([flags["seed"], 101]).standard_normal((flags["m"], flags["d"]))
    else:
        inputs, told = s.rows(flags)
        if inputs.shape[0] < flags["m"] or inputs.shape[1] < flags["d"]:
            raise BadInput(f"the features take {flags['m']} rows and {flags['d']} columns of the data, which have {len(inputs)} and {inputs.shape[1]}")  # fmt: skip
        weights = inputs[: flags["m"], : flags["d"]].copy()
        notes = (*told, f"the features' weights are the data's rows in {flags['d']} columns; the inputs are the cube")
    plan = {**flags, "kind": fixed.KINDS.index(flags["features"])}
    return _made(weights, np.full(flags["m"], flags["bias"]), plan, {"data": flags["data"], "flags": dict(flags)}, notes)  # fmt: skip


def _hard(shape: tuple[int, int, int], kind: int, radius: float, copies: int, hard: str, seed: int) -> Instance:
    width, size, count = shape
    generator = np.random.default_rng([seed, 103])
    weights = generator.standard_normal((count, width))
    if hard == "same":
        weights[:] = weights[0]
    elif hard == "zero":
        weights[0] = 0.0
    elif hard == "own" and kind == 1:
        # different products of k signs: what a kernel of this size can do best, on average
        chosen = fixed.sets(width, size)
        some = chosen[generator.permutation(len(chosen))[:count]]
        weights = np.array([[1.0 if one >> (width - 1 - each) & 1 else -1.0 for each in range(width)] for one in some])
    elif hard == "own":
        weights = np.abs(weights)  # features that see blocks of one sign
    biases = np.full(len(weights), (0.0, 1.0, -0.5)[seed % 3])
    plan = {"k": size, "B": radius, "kind": kind, "copies": copies, "seed": seed}
    return _made(weights, biases, plan, {"shape": shape, **plan, "hard": hard})


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from([(6, 3, 3), (8, 4, 4), (5, 5, 2), (7, 3, 1), (4, 2, 9), (3, 1, 2), (8, 3, 6)]),
        st.sampled_from([2, 1, 0]),
        st.sampled_from([0.3, 1.0, 3.0, 1e-6, 30.0]),
        st.sampled_from([0, 3, 40]),
        st.sampled_from(["own", "any", "same", "zero"]),
        st.integers(0, 10_000),
    )


_FLAGS = {
    "d": (Annotated[int, "D, number of signs, at most 12"], 10),
    "k": (Annotated[int, "how many signs the label multiplies"], 5),
    "m": (Annotated[int, "N, number of features"], 8),
    "features": (Annotated[str, "relu (weights Gaussian, or the data's rows), parities (random ones) or spread (over all parities of k signs)"], "relu"),
    "bias": (Annotated[float, "bias of the relu features"], 0.5),
    "B": (Annotated[float, "bound on the weights' norm"], 3.0),
    "copies": (Annotated[int, "how often the samples with A all of one sign count beside the uniform ones"], 0),
}  # fmt: skip
KERNELS = Theorem(
    label="shi2023.kernels",
    title="Beyond kernels: features fixed before the parity is chosen do badly on one of them, a small network on none",
    reference=Reference("shi2023", "R10 with R5.3, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation="x in {-1, 1}^D, y = chi_A(x) the product of the signs in A, |A| = k; with chance p_o x is uniform, else A is all of one sign. "
    "Psi_1 ... Psi_N are the features, the first layer's values scaled to mean square 1 on uniform signs; A is the parity that correlates "
    "with them least. The instance's rows are the support. Where k <= D/16, C(D, k) >= 16^k.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, Bessel=1.0, correlation=1.0, this_parity=1.0, hinge=1.0, average=1.0, network=1.0),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, {**_FLAGS, **s.CLASS_DATA}, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({}, {"features": "spread", "B": 0.2, "d": 8, "k": 4}, {"data": "breast_cancer", "copies": 4}),
)  # fmt: skip
