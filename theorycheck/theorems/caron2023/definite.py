"""Prop kappa (caron2023, section 2.4): the limit Gram is definite when no two inputs are parallel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.adversary import InputPlan, LabelPlan, input_plans
from theorycheck.evidence import Measured
from theorycheck.flow import Run, suprema
from theorycheck.model import Instance
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem
from theorycheck.theorems.caron2023 import instances as make
from theorycheck.theorems.caron2023 import setting as s
from theorycheck.theorems.caron2023.setting import d, kappa, n

slope = sp.Symbol("sigma_1", nonnegative=True)
curved = sp.Symbol("A", nonnegative=True)
trace = sp.Symbol("T", nonnegative=True)


def _curved(run: Run) -> Measured:
    """Return 1 for ReLU-like activations and for analytic ones that are not affine, else 0."""
    activation = run.instance.activation
    # a bounded slope that is a polynomial is constant, so a bounded slope rules polynomials out
    bounded = np.isfinite(suprema(activation)[0].value)
    bent = activation.leak is not None or (activation.analytic and not activation.affine and bounded)
    return Measured(float(bent), 0.0, rigorous=True)


def _build(flags: dict[str, object]) -> Instance:
    # the statement is about the data alone: one node carries the activation
    instance = make.build({**flags, "m": 1, "gamma": 1.0, "alpha": 0.5}, sp.S.One, ())
    return replace(instance, description={**instance.description, "flags": dict(flags)})


def _hard(plan: InputPlan, name: str) -> Instance:
    inputs, labels, about = make.adversarial(plan, LabelPlan("zero", 0, 0), name)
    return make.drawn(inputs, labels, width=1, gamma=1.0, alpha=0.5, activation=name, description=about)


def _instances() -> SearchStrategy[Instance]:
    names = st.sampled_from(["relu", "leaky_relu", "tanh", "softplus", "erf", "sine"])
    return st.builds(_hard, input_plans(sizes=(1, 6), dimensions=(1, 6)), names)


_GIVEN = ("nonzero inputs", "not parallel", "not affine")

KAPPA = Theorem(
    label="caron2023.kappa",
    title="The limit Gram is positive definite when no two inputs are parallel",
    reference=Reference("caron2023", "Prop kappa, section 2.4 (the argument of Du et al. 2019)", "derived here; not quoted from the paper"),
    standing=Standing.DERIVED,
    notation=s.NOTATION + " Parallel means on one line through 0; for ReLU a single antiparallel pair does no harm (errata W3).",
    quantities=(
        *s.SIZES[:2], *s.DATA, s.KAPPA,
        Quantity(curved, "1 if ReLU-like, or analytic and not affine; else 0", _curved),
        Quantity(slope, "sup |s'|", lambda run: suprema(run.instance.activation)[0]),
        Quantity(trace, "tr X X'", measure.trace_of_gram),
    ),
    assumptions=(
        s.NONZERO, s.NOT_PARALLEL,
        Assumption("not affine", "the slope is not a polynomial", Bound(sp.S.One, curved)),
    ),
    claims=(
        Claim("definite", "kappa_n is positive", Bound(sp.S.Zero, kappa, strict=True), _GIVEN),
        Claim("at most the mean", "kappa_n is at most the mean eigenvalue", Bound(kappa, slope**2 * trace / (d * n)), (), looseness=3.49),
    ),
    derivations=s.RELU_DUALS,
    order=("data", "labels", "weights"),
    example=make.example(_build, "n", "d", "activation"),
    instances=_instances,
    simulate=Run,
    sabotages=(
        Claim("definite: not parallel dropped", "any nonzero inputs do", Bound(sp.S.Zero, kappa, strict=True), ("nonzero inputs", "not affine"), falsifies="definite"),
        Claim("definite: a fixed gap", "kappa_n is at least 1/1000", Bound(sp.Rational(1, 1000), kappa), _GIVEN, falsifies="definite"),
        Claim("at most the mean: a quarter of it", "", Bound(kappa, slope**2 * trace / (4 * d * n)), (), falsifies="at most the mean"),
    ),
    showcase=(
        {"n": 6, "d": 4, "activation": "relu"},
        {"data": "diabetes", "rows": 20, "activation": "relu"},
        {"data": "wine", "rows": 12, "activation": "tanh"},
    ),
)  # fmt: skip
