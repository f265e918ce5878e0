"""Finite width (razborov2022, Lemmas C1 and C2): both Grams keep a share of their means, with high probability.

Matrix Chernoff needs bounded summands: Gaussian output weights are truncated at ``min(a^2, 4)`` and features at
``|s(X w)|^2 <= T``. For one sample the chance is known exactly, which shows what the truncation is for.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb, ctx, fmpz
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.enclose import ends, evaluator
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.chen2022.chances import binomial_tail
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS

one_signs, one_normal, one_half = sp.symbols("P_s P_n P_h", nonnegative=True)
#: the most neurons for which exact chances are summed
MOST = 600

# --- exact chances for one sample ------------------------------------------------------------------


@lru_cache(maxsize=256)
def gated_tail(number: int, kept: sp.Expr) -> Measured:
    """Enclose ``P(sum_j a_j^2 b_j < kept number/4)``: a_j normal, b_j the gate, open with chance 1/2.

    Given k open gates the sum is chi-squared with k degrees of freedom.
    """
    if number > MOST:
        return Measured(np.nan)
    with ctx.workprec(128):
        half = evaluator({})(kept) * number / 8
        below = {number + k: half.gamma_lower(arb(number + k) / 2, 1) for k in (1, 2)}
        for k in range(number, 0, -1):  # fewer degrees of freedom by parts: all terms are positive
            shape = arb(k) / 2
            below[k] = below[k + 2] + half**shape * (-half).exp() / (shape + 1).gamma()
        low, high = ends(
            (sum((fmpz(math.comb(number, k)) * below[k] for k in range(1, number + 1)), arb(1))) / arb(2) ** number
        )
    return Measured.between(max(low, 0.0), high, True)


def _drawn(run: Run) -> int:
    return int(run.instance.m // run.instance.parameters["copies"])


def _gates(run: Run) -> Measured:
    """Enclose ``P(Bin(number, 1/2) < number/4)``: random signs."""
    return binomial_tail(_drawn(run), 0.5, 0.5) if _drawn(run) <= MOST else Measured(np.nan)


def _one(law: o.OutputLaw) -> sp.Expr:
    """Return C1's chance for one sample, whose limit Gram is |x|^2/2."""
    return o.paired(sp.exp(-o.m * o.rate_W(law).xreplace({o.lam_W: t.X_norm**2 / 2})))


# --- statement ---------------------------------------------------------------------------------------

#: what the floors fail with, at most
CHANCE_W = {name: o.n * o.paired(sp.exp(-o.m * o.rate_W(law))) for name, law in o.LAWS.items()}
CHANCE_A = o.n * o.paired(sp.exp(-o.m * o.RATE_A))

_QUANTITIES = (
    *i.SIZES, i.SCALE, *i.INPUTS, *i.LIMITS,
    Quantity(o.u_0, "where |s(Xw)| is truncated, in multiples of |X| above its mean", i.truncation),
    Quantity(i.ell_W, "least eigenvalue of G_W at time 0", i.least_of(True)),
    Quantity(i.ell_a, "least eigenvalue of G_a at time 0", i.least_of(False)),
    Quantity(i.Phi, "Frobenius norm of the features s(X W')", i.features_size),
    Quantity(i.output, "Euclidean norm of the output at time 0", i.output_size),
    Quantity(one_signs, "exact chance that G_W of one sample is below its floor, random signs", _gates),
    Quantity(one_normal, "the same for normal output weights", lambda run: gated_tail(_drawn(run), o.NORMAL.kept)),
    Quantity(one_half, "exact chance that G_W of one sample is below half its mean, normal output weights", lambda run: gated_tail(_drawn(run), o.SIGNS.kept)),
)  # fmt: skip

_ASSUMED = (
    i.IS_CHANCE, i.NONZERO, i.SIGNS, i.NORMAL,
    Assumption("width, signs", "enough neurons for G_W, random signs", Bound(CHANCE_W["signs"], o.p)),
    Assumption("width, normal", "enough neurons for G_W, normal output weights", Bound(CHANCE_W["normal"], o.p)),
    Assumption("truncation", "what is cut off is at most a quarter of lambda_a", Bound(o.TAIL, o.TAIL_ALLOWED)),
    Assumption("beyond the mean", "u_0 is at least 1", Bound(sp.S.One, o.u_0)),
    Assumption("width, features", "enough neurons for G_a", Bound(CHANCE_A, o.p)),
)  # fmt: skip
_P, _X = "p a chance", "nonzero inputs"
_GIVEN_S, _GIVEN_N = (_P, _X, "signs", "width, signs"), (_P, _X, "normal", "width, normal")
_GIVEN_A = (_P, _X, "truncation", "beyond the mean", "width, features")
_SURE = 1 - o.p
_FLOORS = {name: o.floor_W(law) for name, law in o.LAWS.items()}
_OUTPUT = t.kappa * o.OUTPUT_PAIRED

_CLAIMS = (
    Claim("G_W, signs", "half of the mean is kept", Bound(_FLOORS["signs"], i.ell_W), _GIVEN_S, _SURE),
    Claim("G_W, normal", "half of the truncated mean is kept", Bound(_FLOORS["normal"], i.ell_W), _GIVEN_N, _SURE),
    Claim("G_a", "three eighths of the mean are kept", Bound(o.FLOOR_A, i.ell_a), _GIVEN_A, _SURE),
    Claim("features", "the features are hardly larger than in the mean", Bound(i.Phi, o.FEATURES_PAIRED), (_P, _X), _SURE),
    Claim("output, signs", "the output at time 0 is not much larger than the features", Bound(i.output, _OUTPUT), (_P, _X, "signs"), 1 - 2 * o.p),
    Claim("output, normal", "the same for normal output weights", Bound(i.output, _OUTPUT), (_P, _X, "normal"), 1 - 2 * o.p),
    Claim("one sample, signs", "the exact chance is below Chernoff's", Bound(one_signs, _one(o.SIGNS)), (_X,)),
    Claim("one sample, normal", "the exact chance is below that of truncated summands", Bound(one_normal, _one(o.NORMAL)), (_X,)),
)  # fmt: skip
_SABOTAGES = (
    Claim("G_W, signs: four times the floor", "twice the mean", Bound(4 * _FLOORS["signs"], i.ell_W), _GIVEN_S, _SURE, falsifies="G_W, signs"),
    Claim("G_W, signs: width dropped", "however few neurons", Bound(_FLOORS["signs"], i.ell_W), (_P, _X, "signs"), _SURE, falsifies="G_W, signs"),
    Claim("G_W, normal: four times the floor", "nearly twice the mean", Bound(4 * _FLOORS["normal"], i.ell_W), _GIVEN_N, _SURE, falsifies="G_W, normal"),
    Claim("G_a: four times the floor", "above the mean", Bound(4 * o.FLOOR_A, i.ell_a), _GIVEN_A, _SURE, falsifies="G_a"),
    Claim("features: a quarter", "a quarter of the bound", Bound(i.Phi, o.FEATURES_PAIRED / 4), (_P, _X), _SURE, falsifies="features"),
    Claim("output, signs: a fortieth", "far less", Bound(i.output, _OUTPUT / 40), (_P, _X, "signs"), 1 - 2 * o.p, falsifies="output, signs"),
    Claim("output, normal: a fortieth", "far less", Bound(i.output, _OUTPUT / 40), (_P, _X, "normal"), 1 - 2 * o.p, falsifies="output, normal"),
    Claim("one sample, signs: three times the exponent", "exp(-3 m/16)", Bound(one_signs, _one(o.SIGNS) ** 3), (_X,), falsifies="one sample, signs"),
    Claim("one sample, normal: not truncated", "as if a_j^2 were at most 1", Bound(one_half, _one(o.SIGNS)), (_X,), falsifies="one sample, normal"),
)  # fmt: skip

# --- instances -----------------------------------------------------------------------------------------


def _own(made: Instance, most: int) -> int:
    """Return the least width that passes every test of the instance's law, as far as ``most`` allows."""
    run, parameters = Run(made), made.parameters
    values = {part.symbol: float(part.measure(run).value) for part in (*i.SIZES, *i.INPUTS, *i.LIMITS, _QUANTITIES[10])}
    needs = [CHANCE_W["normal" if parameters["normal"] else "signs"]]
    if values[o.lam_a] > 0:
        needs.append(CHANCE_A)
    if not values[o.lam_W] > 0:
        return 2
    return max(i.least_width(need, values, most, parameters["copies"] == 2) for need in needs)


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 < flags["p"] < 1:
        raise BadInput(f"--p must lie in (0, 1), not {flags['p']:g}: it is a probability")
    if flags["m"] == 0:
        flags = {**flags, "m": _own(i.build({**flags, "m": 2}, "p"), 10**6)}
    return i.build(flags, "p")


def _hard(kind: str, n: int, width: int, normal: bool, mirrored: bool, p: float, seed: int) -> Instance:
    """Few and many neurons, weak directions, samples that repeat or are zero."""
    inputs = build_inputs(InputPlan(kind, n if width != 1 else 6, 4, seed, 1)) * 2
    given: dict[str, Any] = {
        "normal": normal, "mirrored": mirrored, "seed": seed, "scale": 0.5, "parameters": {"p": p}, "description": {"data": kind, "p": p},
    }  # fmt: skip
    if width == 0:
        width = _own(i.drawn(inputs, 2, **given), 1200)
    return i.drawn(inputs, width + width % 2 if mirrored else width, **given)


def _instances() -> SearchStrategy[Instance]:
    return st.builds(
        _hard,
        st.sampled_from(["orthogonal", "sphere", "near_parallel", "duplicate", "antiparallel", "zero_row"]),
        st.sampled_from([3, 1, 2]),
        st.sampled_from([0, 1, 2, 10, 256]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([0.3, 0.2]),
        st.integers(0, 10_000),
    )


_FLAGS = {
    **{name: FLAGS[name] for name in ("n", "d", "scheme", "lazy", "signs", "mirrored", "draw")},
    "m": (Annotated[int, "number of neurons, 0 for the least that passes every test"], 0),
    "p": (Annotated[float, "chance that each event may fail with"], 0.3),
    **{name: FLAGS[name] for name in ("label", "data", "rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")},
}  # fmt: skip
_REAL = {"data": "breast_cancer", "rows": 2}

CHERNOFF = Theorem(
    label="razborov2022.chernoff",
    title="Gaussian initial weights: both Grams keep a share of their means",
    reference=Reference("razborov2022", "Lemmas C1 and C2, section 4.3", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " G_W, G_a: the parts of the tangent Gram of W and of a, without rates. lambda_W, lambda_a: the least "
    "eigenvalues of their means over kappa^2 m. p: the chance that each statement may fail with.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, **{
        "G_W,_signs": 1.95, "G_W,_normal": 2.0, "G_a": 2.66, "features": 1.03, "output,_signs": 1.87, "output,_normal": 1.9, "one_sample,_signs": 34.6,
        "one_sample,_normal": 5.04,
    }),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(_build, _FLAGS, Instance),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=(
        {"n": 1, "d": 4, "m": 16}, {"n": 1, "d": 4, "m": 16, "signs": "normal"},
        {"n": 2, "d": 8},
        {"n": 2, "d": 8, "signs": "normal", "mirrored": True},
        {**_REAL, "rows": 1, "m": 16}, {**_REAL, "rows": 1, "m": 16, "signs": "normal"},
        _REAL,
        {**_REAL, "signs": "normal", "mirrored": True},
    ),
)  # fmt: skip
