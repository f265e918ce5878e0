"""The angle lemma of shi2023 (R3, R6): a vector that is off by less than its length turns by an angle of bounded sine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theorycheck import textbook
from theorycheck.proof import Proof
from theorycheck.proof_steps import Step, apply, combine, define, monotone, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.shi2023 import mixture as x

#: what |G - v| is at most
error = sp.Symbol("eps", real=True)
left = sp.Symbol("r_v", positive=True)
_y = sp.Symbol("y", nonnegative=True)


def lemma(name: str, premises: Mapping[str, Bound], *steps: Step) -> Proof:
    """Return a lemma of this paper that no card states by itself."""
    goal = steps[-1].bound
    return Proof(f"shi2023 {name}", goal, premises, goal.symbols, steps)


def _angle(seed: int) -> Mapping[sp.Symbol, float]:
    rng = np.random.default_rng(seed)
    vector, other = rng.standard_normal((2, 3)) * 10 ** rng.uniform(-2, 1, (2, 1))
    near = vector + other
    lengths = np.linalg.norm(near), np.linalg.norm(vector)
    return {
        x.length: float(lengths[0]), x.target: float(lengths[1]), x.off: float(np.linalg.norm(other)),
        x.cosine: float(near @ vector / lengths[0] / lengths[1]),
    }  # fmt: skip


def _clear(seed: int) -> Mapping[sp.Symbol, float]:
    """eps below |v|, often almost as large."""
    rng = np.random.default_rng(seed)
    size = rng.exponential(1)
    length = size * (1 + 10 ** rng.uniform(-4, 2))
    return {error: size, _T: length, left: (length - size) * (length + size)}


_L, _T, _OFF = x.length, x.target, x.off
_ROOT = x.cosine_of(error)
ANGLE = lemma(
    "angle", {"near": Bound(_OFF, error), "clear": Bound(error, _T, strict=True)},
    apply("triangle", "v is G and what is off", textbook.TRIANGLE.lemma, {textbook.first: _L, textbook.second: _OFF, textbook.both: _T}, {}),
    combine("v", "v is not 0", Bound(sp.S.Zero, _T, strict=True), {"clear": 1, "near": 1, REST: _OFF}),
    combine("G", "nor is G", Bound(sp.S.Zero, _L, strict=True), {"triangle": 1, "near": 1, "clear": 1}),
    combine("room", "as eps < |v|", Bound(sp.S.Zero, _T**2 - error**2, strict=True), {"clear": _T + _OFF, "near": _T - error, "v": 0}),
    define("right triangle", "the square of the other side, where eps is opposite to the angle and |v| to the right one", left, _T**2 - error**2, "room"),
    monotone("squares", "what is off, squared", Bound(_OFF**2, error**2), "near", sp.Lambda(_y, _y**2)),
    sampled("law of cosines", "of the triangle of G, v and what is off", Bound(_L**2 + _T**2 - _OFF**2, 2 * _L * _T * x.cosine), _angle),
    combine("means", "arithmetic and geometric", Bound(2 * _L * sp.sqrt(left), _L**2 + left), {REST: (_L - sp.sqrt(left)) ** 2}),
    combine("times 2 |G| |v|", "added", Bound(2 * _L * sp.sqrt(left), 2 * _L * _T * x.cosine), {"means": 1, "law of cosines": 1, "squares": 1, "right triangle": 1}),
    combine("divided", "by 2 |G| |v|", Bound(sp.sqrt(left) / _T, x.cosine), {"times 2 |G| |v|": 1 / (2 * _L * _T), "v": 0, "G": 0}),
    sampled("square", "1 - (eps/|v|)^2 is this over |v|^2, and not negative", Bound(_ROOT**2, left / _T**2), _clear, "clear", "right triangle"),
    monotone("root", "its root", Bound(_ROOT, sp.sqrt(left) / _T), "square", sp.Lambda(_y, sp.sqrt(_y)), "v"),
    combine("together", "which is what is promised", Bound(_ROOT, x.cosine), {"root": 1, "divided": 1}),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (ANGLE,)

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
