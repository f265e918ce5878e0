"""Proofs of R10 (shi2023): Bessel's inequality, and that a hinge is above its line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import sympy as sp

from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.proof import GIVEN, Proof, of_claim
from theorycheck.proof_steps import combine, identity, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Quantity
from theorycheck.theorems.shi2023 import fixed
from theorycheck.theorems.shi2023 import kernels as r10

#: what the best w gains on the uniform part, E_o y <w, Psi>; dimension of the features' span; mean over A of what it explains
gain = sp.Symbol("gain", real=True)
rank, explained = sp.symbols("rank explained", nonnegative=True)
_CLAIMS = {claim.label: claim.bound for claim in r10.KERNELS.claims}
_OF_SIZE, _HARDEST = f"{GIVEN}features of size 1", f"{GIVEN}the hardest"
_y = sp.Symbol("y", nonnegative=True)


@lru_cache(maxsize=64)
def _drawn(seed: int) -> Mapping[sp.Symbol, float]:
    """Features of all kinds, and any w within the ball: steps hold for each, so for the best."""
    rng = np.random.default_rng(seed)
    shape = [(5, 3, 3), (6, 3, 4), (4, 2, 7), (3, 1, 2)][seed % 4]
    own = r10._hard(shape, seed % 3, float(10 ** rng.uniform(-2, 1)), int(rng.integers(0, 4)), ("own", "any", "same", "zero")[seed // 3 % 4], seed)  # fmt: skip
    known, radius = r10.known(own), own.parameters["B"]
    direction = rng.standard_normal(own.m)
    w = radius * direction / np.linalg.norm(direction)
    if seed % 2:
        pull = own.labels @ known["rows"]
        w = radius * pull / (np.linalg.norm(pull) or 1.0)
    signed = own.labels * (known["rows"] @ w)
    cube = signed[: 2**own.d]
    transform, chosen = known["transform"], known["sets"]
    part = fixed.explained(transform, chosen)
    return {
        r10.hinge: float(np.mean(np.maximum(0, 1 - signed))), gain: round(float(cube.mean()), 13), r10.uniform: len(cube) / own.n,
        r10.correlation: float(np.sqrt(known["apart"].min())), r10.total: float(known["apart"].sum()), r10.size: known["size"],
        r10.B: radius, r10.N: own.m, r10.parities: len(chosen), rank: float(np.linalg.matrix_rank(transform)),
        explained: round(part / len(chosen), 13), r10.unexplained: _residual(transform, chosen),
        r10.fitted: float(r10._fitted(Run(own), 0).value),
    }  # fmt: skip


def _residual(transform: np.ndarray, chosen: np.ndarray) -> float:
    """Mean least squares residual, solved for one parity after another."""
    targets = np.eye(len(transform))[:, chosen]
    fit = np.linalg.lstsq(transform, targets, rcond=1e-10)[0]
    return round(float(np.mean(np.sum((targets - transform @ fit) ** 2, axis=0))), 13)


def _measured(symbol: sp.Symbol, says: str, read: object) -> Quantity:
    def found(run: Run) -> Measured:
        value = float(read(run))  # type: ignore[operator]
        return Measured(value, 1e-9 * (1 + abs(value)))

    return Quantity(symbol, says, found)


_RANK = _measured(
    rank, "dimension of the features' span", lambda run: np.linalg.matrix_rank(r10.known(run.instance)["transform"])
)
_EXPLAINED = _measured(explained, "mean over A of what the span explains", lambda run: fixed.explained(r10.known(run.instance)["transform"], r10.known(run.instance)["sets"]) / len(r10.known(run.instance)["sets"]))  # fmt: skip
_GAIN = _measured(gain, "E y <w, Psi> on the uniform part for the w along E chi_A Psi", lambda run: run.instance.parameters["B"] * np.sqrt(r10.known(run.instance)["apart"].min()))  # fmt: skip
_BESSEL = sampled(
    "orthonormal",
    "parities are orthonormal: Bessel's inequality for each feature, added",
    Bound(r10.total, r10.size),
    _drawn,
)
_SMALL = (
    _BESSEL,
    sampled("least", "the least of C(D, k) numbers is at most their mean", Bound(r10.correlation**2, r10.total / r10.parities), _drawn),
    combine("square", "together", Bound(r10.correlation**2, r10.SIZE / r10.parities), {"least": 1, "orthonormal": 1 / r10.parities, _OF_SIZE: 1 / r10.parities}),
    monotone("root", "its root", Bound(r10.correlation, r10.CORRELATION), "square", sp.Lambda(_y, sp.sqrt(_y))),
)  # fmt: skip
_LINE = (
    sampled("line", "the hinge is above 1 - z on the uniform part, and above 0 on the rest", Bound(r10.uniform * (1 - gain), r10.hinge), _drawn),
    sampled("Cauchy", "E y <w, Psi> = <w, E chi_A Psi> is at most |w| |E chi_A Psi|", Bound(gain, r10.B * r10.correlation), _drawn, _HARDEST),
)  # fmt: skip
_BESSEL_WHOLE = of_claim(
    r10.KERNELS, "Bessel", _BESSEL,
    combine("sized", "which is N", Bound(r10.size, r10.SIZE), {_OF_SIZE: 1}),
    combine("together", "one after the other", _CLAIMS["Bessel"], {"orthonormal": 1, "sized": 1}),
    chain=("orthonormal", "sized"),
)  # fmt: skip
_CORRELATION = of_claim(r10.KERNELS, "correlation", *_SMALL)
_THIS = of_claim(
    r10.KERNELS, "this parity", *_LINE,
    combine("gained", "of which the uniform part is a share", Bound(r10.uniform * gain, r10.uniform * r10.B * r10.correlation), {"Cauchy": r10.uniform}),
    combine("together", "one after the other", _CLAIMS["this parity"], {"line": 1, "gained": 1, REST: r10.ROOM}),
    quantities=(_GAIN,),
)  # fmt: skip
_HINGE = of_claim(
    r10.KERNELS, "hinge", *_LINE, *_SMALL,
    combine("gained", "of which the uniform part is a share", Bound(r10.uniform * gain, r10.uniform * r10.B * r10.CORRELATION), {"Cauchy": r10.uniform, "root": r10.uniform * r10.B}),
    combine("together", "one after the other", _CLAIMS["hinge"], {"line": 1, "gained": 1, REST: r10.ROOM}),
    quantities=(_GAIN,),
)  # fmt: skip
_AVERAGE = of_claim(
    r10.KERNELS, "average",
    sampled("Pythagoras", "what is not explained is the rest of |chi_A|^2 = 1", Bound(1 - explained, r10.unexplained), _drawn),
    sampled("Bessel", "an orthonormal basis of the span explains its dimension, at most, of all parities", Bound(explained, rank / r10.parities), _drawn),
    sampled("span", "N features span at most N dimensions", Bound(rank, r10.N), _drawn),
    combine("explained", "together", Bound(explained, r10.N / r10.parities), {"Bessel": 1, "span": 1 / r10.parities}),
    combine("together", "one after the other", _CLAIMS["average"], {"Pythagoras": 1, "explained": 1, REST: r10.TAU}),
    chain=(), quantities=(_RANK, _EXPLAINED),
)  # fmt: skip

_i, _j = sp.symbols("i j", integer=True, nonnegative=True)
_sign = sp.Symbol("s", real=True)
_HEIGHT = 1 / sp.sqrt(r10.k)
_NETWORK = of_claim(
    r10.KERNELS, "network",
    identity("left end", "at t = -k/sqrt k only the first neuron is on, with weight (-1)^k sqrt k and its kink at -(k + 1)/sqrt k", sp.sqrt(r10.k) * ((r10.k + 1) * _HEIGHT - r10.k * _HEIGHT), sp.S.One),
    identity("slopes", "between the i-th kink and the next, over (-1)^k sqrt k", 1 - 2 * sp.Sum((-1) ** _j, (_j, 0, _i)), -((-1) ** _i)),
    identity("to the next kink", "so the slope is -s sqrt k where s = (-1)^(k - i) is the value, and 2/sqrt k further that is -s", _sign - _sign * sp.sqrt(r10.k) * 2 * _HEIGHT, -_sign),
    sampled("on the data", "t = (2 i - k)/sqrt k for samples with k - i minus ones in A, whose parity is (-1)^(k - i)", Bound(sp.S.One, r10.fitted), _drawn, _HARDEST, "left end", "slopes", "to the next kink"),
    combine("together", "with room for rounding", _CLAIMS["network"], {"on the data": 1, REST: r10.TAU}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (_BESSEL_WHOLE, _CORRELATION, _THIS, _HINGE, _AVERAGE, _NETWORK)
