"""The sandwich of chen2022, identities (3.4) and (3.7), as cards; ``derivation.py`` has all identities in symbols.

``K = (1/m) sum_i c_i^2 D_i G D_i`` with ``D_i = diag_a s'(h_ia)`` lies between ``lam diag(q)`` and
``Lam diag(q)``, because ``lam <= G <= Lam`` inside each ``D_i G D_i``: for each sample by itself
enough neurons must be steep, not for all samples at once. Every theorem of the paper rests on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck.adversary import InputPlan, build_inputs
from theorycheck.data import BadInput
from theorycheck.flow import Run
from theorycheck.grams import Array
from theorycheck.model import Instance
from theorycheck.statement import Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import DATA, SYNTHETIC, keyword_example
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.gaps import gap

# --- the sandwich ----------------------------------------------------------------------------

low, high = sp.symbols("mu_min mu_max", real=True)
least = sp.Symbol("ell_K", real=True)
steep, steepest = sp.symbols("q_min q_max", nonnegative=True)

_QUANTITIES = (
    *s.GEOMETRY,
    Quantity(low, "least eigenvalue of K relative to diag(q), over the samples with q > 0", partial(gap, "low")),
    Quantity(high, "largest eigenvalue of K relative to diag(q)", partial(gap, "high")),
    Quantity(least, "least eigenvalue of K", partial(gap, "least")),
    Quantity(steep, "least q_a, or least eigenvalue of a Q_a", partial(gap, "steep")),
    Quantity(steepest, "largest q_a, or largest eigenvalue of a Q_a", partial(gap, "steepest")),
)

_CLAIMS = (
    Claim("lower", "lambda_min(G) diag(q) <= K as matrices", Bound(t.lam, low), ()),
    Claim("upper", "K <= Lambda_max(G) diag(q) as matrices", Bound(high, s.Lam), ()),
    Claim("least", "K is as definite as G, if for each sample some neurons are steep", Bound(t.lam * steep, least), ()),
)
_SABOTAGES = (
    Claim("lower: twice", "the constant 1 is not sharp", Bound(2 * t.lam, low), (), falsifies="lower"),
    Claim("lower: the diagonal of G", "as if the inputs were orthogonal", Bound(s.G_min, low), (), falsifies="lower"),
    Claim("upper: half", "the constant 1 is not sharp", Bound(high, s.Lam / 2), (), falsifies="upper"),
    Claim("upper: the diagonal of G", "as if the inputs were orthogonal", Bound(high, t.G_max), (), falsifies="upper"),
    Claim("least: lambda_min dropped", "as if the inputs were orthogonal", Bound(steep, least), (), falsifies="least"),
    Claim("least: the steepest sample", "as if one sample spoke for all", Bound(t.lam * steepest, least), (), falsifies="least"),
)  # fmt: skip


# --- instances -------------------------------------------------------------------------------

_OUTPUTS = {"outputs": (Annotated[int, "number of outputs (synthetic data); data sets have one per class"], 2)}
_KINDS = ("orthogonal", "near_parallel", "sphere", "gaussian", "cluster", "low_rank", "duplicate", "antiparallel")
_NAMES = ("tanh", "relu", "softplus", "sigmoid", "gelu", "silu", "erf", "leaky_relu", "sine")


def _with_outputs(instance: Instance, labels: Array, kappa: float, seed: int) -> Instance:
    """Return the instance with vector labels ``(n, k)`` and Gaussian output weights ``(m, k)``."""
    generator = np.random.default_rng([seed, 77])
    signs = kappa * generator.standard_normal((instance.m, labels.shape[1]))
    return replace(instance, labels=labels, signs=signs, redraw=None)


def _build_outputs(flags: dict[str, Any]) -> Instance:
    instance = s.build(flags)
    if flags["data"] in SYNTHETIC:
        count = flags["outputs"]
        labels = np.eye(max(count, 1))[np.arange(instance.n) % max(count, 1)]
    else:
        classes = np.unique(instance.labels)
        count = len(classes)
        labels = (instance.labels[:, None] == classes).astype(float)
    if not 1 <= count <= 8:
        raise BadInput(f"this card is for 1 to 8 outputs, not {count}: choose --outputs, or fewer --rows of a data set")
    return _with_outputs(instance, labels, flags["kappa"], flags["seed"])


def _hard(kind: str, n: int, d: int, width: int, name: str, nu: float, seed: int, outputs: int) -> Instance:
    inputs = build_inputs(InputPlan(kind, n, d, seed, 1))
    about = {"data": kind, "activation": name, "nu": nu, "outputs": outputs}
    instance = s.drawn(
        inputs * d**0.5, np.ones(n), width=width, activation=name, nu=nu, mirrored=False, seed=seed, description=about
    )
    return _with_outputs(instance, np.ones((n, outputs)), 1.0, seed) if outputs else instance


def _strategy(outputs: tuple[int, ...]) -> SearchStrategy[Instance]:
    """Orthogonal inputs, where the sandwich is an equality; near-parallel ones; few neurons, saturated or inactive."""
    return st.builds(
        _hard,
        st.sampled_from(_KINDS),
        st.integers(1, 4),
        st.integers(4, 6),
        st.sampled_from([4, 1, 16, 64]),
        st.sampled_from(_NAMES),
        st.sampled_from([1.0, 0.01, 5.0]),
        st.integers(0, 10_000),
        st.sampled_from(outputs),
    )


_OWN = ("n", "d", "m", "activation", "kappa", "nu", "mirrored")


def _card(
    name: str, title: str, place: str, more: str, build: Callable[[dict[str, Any]], Instance],
    outputs: tuple[int, ...], showcase: tuple[dict[str, Any], ...], **looseness: float,
) -> Theorem:  # fmt: skip
    own = {key: s.FLAGS[key] for key in _OWN} | (_OUTPUTS if outputs != (0,) else {})
    return Theorem(
        label=f"chen2022.{name}",
        title=title,
        reference=Reference("chen2022", place, "derived here; not quoted from the paper"),
        standing=Standing.DERIVED,
        notation=f"{s.NOTATION} {more}",
        quantities=_QUANTITIES,
        assumptions=(),
        claims=with_looseness(_CLAIMS, **looseness),
        derivations=(),
        order=("data", "weights", "labels"),
        example=keyword_example(build, {**own, **DATA}, Instance),
        instances=partial(_strategy, outputs),
        simulate=Run,
        sabotages=_SABOTAGES,
        showcase=showcase,
    )


SANDWICH = _card(
    "sandwich", "The tangent Gram lies between lambda_min(G) diag(q) and Lambda_max(G) diag(q)", "identity (3.4), section 3",
    "K = (1/m) sum_i c_i^2 D_i G D_i, q_a = (1/m) sum_i c_i^2 s'(h_ia)^2.",
    s.build, (0,),
    ({"n": 3, "d": 6, "m": 200}, {"n": 4, "d": 4, "m": 50, "activation": "relu"}, {"data": "breast_cancer", "rows": 5, "m": 200, "activation": "softplus"}),
    lower=1.4, upper=1.03, least=1.5,
)  # fmt: skip
OUTPUTS = _card(
    "sandwich_outputs", "Several outputs: the tangent Gram is as definite as the inputs' Gram times each sample's own", "identity (3.7), section 3",
    "Outputs f in R^k: K = (1/m) sum_i D_i G D_i (x) c_i c_i', diag(q) = diag(Q_a), Q_a = (1/m) sum_i c_i c_i' s'(h_ia)^2.",
    _build_outputs, (2, 1, 3),
    ({"n": 3, "d": 6, "m": 200}, {"data": "digits", "rows": 3, "m": 200, "activation": "softplus"}),
    lower=1.24, upper=1.06, least=1.45,
)  # fmt: skip
