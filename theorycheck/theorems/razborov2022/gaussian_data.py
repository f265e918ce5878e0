"""What Gaussian data are like (razborov2022, Lemma E3): angles, lengths, the norm of X, and what they leave of both Grams.

Here the data are drawn: a redraw draws them again. Of a real data set only the number of rows and columns is used, since
E3 says nothing about data that are not Gaussian.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import sympy as sp
from flint import arb, ctx
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.enclose import ends, evaluator
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.razborov2022 import initial as i
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import spectrum as e
from theorycheck.theorems.razborov2022 import statements as t
from theorycheck.theorems.razborov2022.examples import FLAGS

cosine, apart, odd = sp.symbols("rho_max P_rho P_x", nonnegative=True)

# --- measures ------------------------------------------------------------------------------------------


def _largest(run: Run) -> Measured:
    """Return ``max_(i != j) |rho_ij|``, 0 for one sample."""
    found = np.abs(e._cosines(run.instance))
    np.fill_diagonal(found, 0.0)
    return Measured(float(found.max()), 1e-15 * (run.instance.d + 8))


def _at(run: Run, expr: sp.Expr) -> arb:
    numbers = {o.n: run.instance.n, o.d: run.instance.d}
    return evaluator({symbol: arb(float(value)) for symbol, value in numbers.items()})(expr)


def _between(chance: arb) -> Measured:
    low, high = ends(chance)
    return Measured.between(max(low, 0.0), min(high, 1.0), True) if np.isfinite(high) else Measured(np.nan)


def _pair(run: Run) -> Measured:
    """Enclose ``P(|rho_12| > rho_0)``: ``rho^2`` is Beta(1/2, (d - 1)/2)."""
    with ctx.workprec(192):
        left = 1 - arb(run.instance.parameters["spread"]) ** 2
        if left < 0:
            return Measured(0.0, 0.0, rigorous=True)
        if run.instance.d == 1:
            return Measured(1.0, 0.0, rigorous=True) if left > 0 else Measured(np.nan)
        return _between(left.beta_lower(arb(run.instance.d - 1) / 2, arb(1) / 2, 1))


def _odd_length(run: Run) -> Measured:
    """Enclose the chance that some ``|x_i|^2``, chi-squared with d degrees of freedom, leaves its range."""
    low, high = o.LENGTHS
    with ctx.workprec(192):
        shape = arb(run.instance.d) / 2
        each = (_at(run, low) / 2).gamma_lower(shape, 1) + (_at(run, high) / 2).gamma_upper(shape, 1)
        return _between(-((run.instance.n * (-each).log1p()).expm1()))


# --- statement ---------------------------------------------------------------------------------------

_QUANTITIES = (
    Quantity(o.n, "number of samples", measure.constant(lambda run: run.instance.n)),
    Quantity(o.d, "dimension of the inputs", measure.constant(lambda run: run.instance.d)),
    Quantity(o.p, "chance that the norm may fail with", measure.parameter("p")),
    Quantity(o.spread, "bound on cosines", measure.parameter("spread")),
    i.INPUTS[0],
    *i.LIMITS,
    Quantity(cosine, "largest |cosine| of two different samples", _largest),
    Quantity(apart, "exact chance that |rho_12| is above rho_0", _pair),
    Quantity(odd, "exact chance that some |x_i|^2 is outside [d/2, 2 d]", _odd_length),
)  # fmt: skip
#: the degree from which powers of cosines are small
DEGREE = 4
_HALF = sp.Rational(1, 2)
_FEW = Assumption("few samples", "cosines to the power 4 add up to at most 1/2", Bound(o.n * o.spread**DEGREE, _HALF))
_CHANCE = (i.IS_CHANCE.label,)
_GIVEN = (_FEW.label,)
_SPREAD = 1 - o.LARGE_COSINE
_KEPT = {layer: _HALF * o.LENGTHS[0] * e.tail(layer, DEGREE) for layer in ("W", "a")}
_CLAIMS = (
    Claim("angles", "all cosines are small", Bound(cosine, o.spread), (), _SPREAD),
    Claim("one pair", "the exact chance of a large cosine is below that of two caps", Bound(apart, 2 * o.LARGE_COSINE / o.n**2), ()),
    Claim("lengths", "the exact chance that a sample is far too short or long", Bound(odd, o.ODD_LENGTH), ()),
    Claim("norm", "X is hardly larger than in the mean", Bound(t.X_norm, o.INPUT_NORM), _CHANCE, 1 - o.p),
    *(
        Claim(f"lambda_{layer}", "the tail from degree 4 keeps a share of d", Bound(_KEPT[layer], low), _GIVEN, _SPREAD - o.ODD_LENGTH)
        for layer, low in (("W", o.lam_W), ("a", o.lam_a))
    ),
)  # fmt: skip
_SURE = 1 - o.p
_SABOTAGES = (
    Claim("angles: half", "half of the bound", Bound(cosine, o.spread / 2), (), _SPREAD, falsifies="angles"),
    Claim("one pair: twice the exponent", "exp(-d delta^2)", Bound(apart, 2 * (o.LARGE_COSINE / o.n**2) ** 2), (), falsifies="one pair"),
    Claim("lengths: three times the exponent", "exp(-3 d/16)", Bound(odd, o.n * sp.exp(-3 * o.d / 16)), (), falsifies="lengths"),
    Claim("norm: of one sample", "as if samples were orthogonal", Bound(t.X_norm, o.INPUT_NORM - sp.sqrt(o.n)), _CHANCE, _SURE, falsifies="norm"),
    *(
        Claim(f"lambda_{layer}: times {factor}", "above the diagonal", Bound(factor * _KEPT[layer], low), _GIVEN, _SPREAD - o.ODD_LENGTH, falsifies=f"lambda_{layer}")
        for layer, low, factor in (("W", o.lam_W, 40), ("a", o.lam_a, 400))
    ),
)  # fmt: skip

# --- instances -----------------------------------------------------------------------------------------


def _drawn(n: int, d: int, p: float, spread: float, seed: int, **more: Any) -> Instance:
    """Return Gaussian data; ``spread`` is rho_0, chosen so that it fails with chance p where it is 0."""
    spread = spread or math.sqrt(2 * math.log(n**2 / p) / d)
    return i.drawn_with_data(n, d, 1, seed=seed, parameters={"p": p, "spread": spread}, **more)


def _build(flags: dict[str, Any]) -> Instance:
    if not 0 < flags["p"] < 1:
        raise BadInput(f"--p must lie in (0, 1), not {flags['p']:g}: it is a probability")
    if not 0 <= flags["spread"] < math.inf:
        raise BadInput(f"--spread must be a finite number of at least 0, not {flags['spread']:g}: it bounds cosines")
    n, d, notes = i.shape_of({**flags, "m": 1})
    about = {"data": flags["data"], "n": n, "d": d, "flags": dict(flags)}
    return _drawn(n, d, flags["p"], flags["spread"], flags["seed"], notes=notes, description=about)


def _hard(n: int, d: int, p: float, seed: int) -> Instance:
    return _drawn(n, d, p, 0.0, seed, description={"data": "normal", "n": n, "d": d, "p": p})


def _instances() -> SearchStrategy[Instance]:
    """One sample and many, on a line and in many dimensions; chances from nearly 1 to far below what draws can see."""
    return st.builds(
        _hard,
        st.sampled_from([2, 1, 3, 20]),
        st.sampled_from([1, 40, 2, 8, 300]),
        st.sampled_from([0.5, 0.1, 0.8, 1e-9]),
        st.integers(0, 10_000),
    )


GAUSSIAN_DATA = Theorem(
    label="razborov2022.gaussian_data",
    title="Gaussian data: angles, lengths, the norm of X and the least eigenvalues of the limit Grams",
    reference=Reference("razborov2022", "Lemma E3, section 4.2, with errata I5", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation="Inputs x_1 .. x_n are drawn from N(0, I) in d dimensions, rho_ij their cosines, X the matrix of them. rho_0: a bound on "
    "them that is chosen before. p: the chance that the bound on |X| may fail with. lambda_W, lambda_a: least eigenvalues of X X' o Theta^0 and Theta^1, the means of the Grams of both layers.",
    quantities=_QUANTITIES,
    assumptions=(i.IS_CHANCE, _FEW),
    claims=with_looseness(_CLAIMS, angles=1.39, one_pair=7.57, lengths=55.3, norm=1.1, lambda_W=14.5, lambda_a=75.3),
    derivations=(),
    order=("data", "weights", "labels"),
    example=keyword_example(
        _build,
        {
            **{name: FLAGS[name] for name in ("n", "d", "label")},
            "p": (Annotated[float, "chance that the norm of X, and the default of rho_0, may fail with"], 0.1),
            "spread": (Annotated[float, "bound rho_0 on cosines; 0 for the one that fails with chance p"], 0.0),
            "data": (Annotated[str, "normal, or a data set or file, of which only the number of rows and columns is used"], "normal"),
            **{name: FLAGS[name] for name in ("rows", "columns", "label_column", "inputs_scale", "labels_scale", "seed")},
        },
        Instance,
    ),
    instances=_instances,
    simulate=Run,
    sabotages=_SABOTAGES,
    showcase=({"n": 3, "d": 60}, {"n": 4, "d": 300, "p": 0.5}, {"data": "digits", "rows": 3}, {"data": "breast_cancer"}),
)  # fmt: skip
