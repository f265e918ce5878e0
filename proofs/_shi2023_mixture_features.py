"""Proofs of R-MoG up to the descent (shi2023): features of one step on a mixture represent R4's network, so they lose little more."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from _shi2023_emergence import farthest, longer, representation, worst

from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.model import Instance
from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, sampled
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023 import mixture_features as mf
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023 import truth_mixture as t

_CLAIMS = {claim.label: claim.bound for claim in mf.MIXTURE_FEATURES.claims}
_EMERGED = f"{GIVEN}emerged"


@lru_cache(maxsize=64)
def _found(own: Instance) -> Mapping[sp.Symbol, float]:
    """How far the features are from R4's directions; unknown where some S_k is empty."""
    after, sets = mf._stepped(own)
    if not all(len(one) for one in sets):
        return dict.fromkeys((worst, longer), np.nan)
    return farthest(mf._truth(own)[1], after, sets, s.biases_of(own))


@lru_cache(maxsize=64)
def _points(seed: int) -> Mapping[sp.Symbol, float]:
    """The inequalities hold under any law: here the uniform one on a few points, where nothing has to be drawn often."""
    rng = np.random.default_rng(seed)
    kind, size, scale = ("orthogonal", "opposite", "unequal")[seed % 3], 1 + seed % 2, (30.0, 1.0)[seed // 2 % 2]
    plan = {
        "m": 60, "bias": float(rng.uniform(0.3, 1)), "kappa": float(rng.uniform(1, 3)), "c": 0.0, "gamma": float(rng.uniform(0.05, 0.9)),
        "epsilon_1": float(rng.uniform(0.3, 1)), "seed": seed,
    }  # fmt: skip
    own = mf._hard(kind, size, scale, float(rng.uniform(0.02, 0.3)), plan)
    after, sets = mf._stepped(own)
    law, truth, biases = x.law_of(own), mf._truth(own)[1], s.biases_of(own)
    inputs, labels = law.sample(12, seed)
    output = np.maximum(inputs @ after.T - biases, 0.0) @ f.second_layer(truth, sets, biases)
    wanted = truth(inputs)
    return _found(own) | {
        mf.apart: float(np.mean(np.abs(output - wanted))), f.M_1: f.first_moment(inputs), f.outer_size: float(np.abs(truth.outer).sum()),
        f.eps_1: own.parameters["epsilon_1"],
        mf.hinge: float(np.mean(np.maximum(0, 1 - labels * output))), t.hinge: float(np.mean(np.maximum(0, 1 - labels * wanted))),
    }  # fmt: skip


def _worst(run: Run) -> Measured:
    value = _found(run.instance)[worst]
    return Measured(value, 1e-10 * value + 1e-13)


_FARTHEST = Quantity(worst, "largest |c w - D_k| over the features", _worst)
_TRUTH = Quantity(t.hinge, "hinge loss of R4's network, on drawn samples", lambda run: t._sampled(mf._truth(run.instance)[0])[0])  # fmt: skip
REPRESENTATION = of_claim(
    mf.MIXTURE_FEATURES, "representation", *representation(_CLAIMS["representation"], _points, _EMERGED),
    chain=("homogeneous", "off"), quantities=(_FARTHEST,),
)  # fmt: skip
LOSS = of_claim(
    mf.MIXTURE_FEATURES, "loss",
    sampled("Lipschitz", "the hinge changes by |f~ - f*| at most, as |y| = 1; in the mean", Bound(mf.hinge, t.hinge + mf.apart), _points, f"{GIVEN}labels", count=16),
    apply("R4", "the hinge loss of its network", of_card(t.TRUTH_MIXTURE, "hinge"), {}, {part.label: f"{GIVEN}{part.label}" for part in t.TRUTH_MIXTURE.assumptions}),
    apply("features", "which the S_k represent", of_card(mf.MIXTURE_FEATURES, "representation"), {}, {"emerged": _EMERGED}),
    combine("both", "added", Bound(t.hinge + mf.apart, mf.BOUND), {"R4": 1, "features": 1}),
    combine("together", "one after the other", _CLAIMS["loss"], {"Lipschitz": 1, "both": 1}),
    chain=("Lipschitz", "both"), quantities=(_TRUTH,),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (REPRESENTATION, LOSS)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
