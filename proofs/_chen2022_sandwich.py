"""Proofs of chen2022's sandwich, (3.4) and (3.7): K lies between lambda_min(G) and Lambda_max(G) times its block diagonal.

A direction v meets neuron i through ``z_i = D_i v``, ``z_ia = s'(h_ia) sum_e c_ie v_ae``: then ``v'Kv`` is the mean of
``z_i'G z_i`` and ``v'diag(Q)v`` that of ``|z_i|^2``, for one output as for several. Two samples and two neurons stand for
any number: a G with least eigenvalue lambda_min is ``lambda_min + p p'`` then, with as many such terms as there are more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp
from _chen2022_steps import ANY, SIDES
from scipy.linalg import eigh

from theorycheck.grams import Array
from theorycheck.proof import Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Theorem
from theorycheck.theorems.chen2022 import identities as ids
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.derivation import identities

p = sp.symbols("p_1 p_2", real=True)
#: of all z_ia one is not 0, and the sign of z_i does not matter
z = sp.Matrix([[sp.Symbol("z_11", positive=True), sp.Symbol("z_12", real=True)], sp.symbols("z_21 z_22", real=True)])
_MET = sum((part**2 for part in z), sp.S.Zero) / 2
_ALONG = sum(((p[0] * z[i, 0] + p[1] * z[i, 1]) ** 2 for i in range(2)), sp.S.Zero) / 2


def _contracted(pairs: tuple[tuple[sp.Expr, sp.Expr], ...]) -> tuple[sp.Expr, sp.Expr]:
    """Return ``v'Av`` for the entries of a matrix A, on both sides."""
    size = sp.sqrt(len(pairs))
    v = sp.symbols(f"v_1:{size + 1}", real=True)
    both = [(v[k // size] * v[k % size] * left, v[k // size] * v[k % size] * right) for k, (left, right) in enumerate(pairs)]  # fmt: skip
    return sum((left for left, _ in both), sp.S.Zero), sum((right for _, right in both), sp.S.Zero)


# --- random cases ---------------------------------------------------------------------------------------


def _tangent(rng: np.random.Generator, gram: Array, outputs: int) -> tuple[Array, Array, Callable[[Array], Array]]:
    """Return K, its block diagonal and ``v -> z`` of two neurons with random slopes; samples first, then outputs."""
    slopes, c = rng.choice([-1, 1], (2, 2)) * rng.uniform(0.1, 1, (2, 2)), rng.standard_normal((2, outputs))
    row = np.einsum("ia,ie->iae", slopes, c)
    full = np.einsum("iae,ibg->aebg", row, row) / 2
    blocks = full * np.eye(2)[:, None, :, None]
    size = 2 * outputs
    both = (full * gram[:, None, :, None]).reshape(size, size), blocks.reshape(size, size)
    return *both, lambda v: np.einsum("iae,ae->ia", row, v.reshape(2, outputs))


def _spectrum(rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the eigenvalues of a random G and its eigenvectors."""
    low = 10 ** rng.uniform(-3, 0)
    values = np.array([low, low + 10 ** rng.uniform(-4, 1)])
    angle = rng.uniform(0, 2 * np.pi)
    return values, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _relative(outputs: int, place: int) -> Callable[[int], dict[sp.Symbol, float]]:
    """Return cases of the least (``place`` 0) or largest (-1) eigenvalue of K relative to its block diagonal."""

    def draw(seed: int) -> dict[sp.Symbol, float]:
        rng = np.random.default_rng(seed)
        (low, high), vectors = _spectrum(rng)
        tangent, blocks, through = _tangent(rng, vectors @ np.diag([low, high]) @ vectors.T, outputs)
        values, directions = eigh(tangent, blocks)
        met = through(directions[:, place])
        met[0] *= np.sign(met[0, 0])
        part = np.sqrt(high - low) * vectors[:, 1 + place]
        return {
            **dict(zip(p, part, strict=True)), **dict(zip(z, met.flat, strict=True)),
            t.lam: low, s.Lam: high, ids.low: values[0], ids.high: values[-1],
        }  # fmt: skip

    return draw


# --- the three claims -----------------------------------------------------------------------------------

x, along = sp.symbols("x_11 x_12 x_21 x_22", real=True), sp.symbols("u_1 u_2", real=True)
_PULLED = ((along[0] * x[0] + along[1] * x[2]) ** 2 + (along[0] * x[1] + along[1] * x[3]) ** 2) / 2
angle, more_1, more_2, above = sp.Symbol("theta", real=True), *sp.symbols("e_1 e_2 gap", nonnegative=True)
_WEIGHTED = (ids.steep + more_1) * sp.cos(angle) ** 2 + (ids.steep + more_2) * sp.sin(angle) ** 2
_UNDER = ids.low * _WEIGHTED + above


def _gram(seed: int) -> dict[sp.Symbol, float]:
    """Inputs, and the direction in which they are shortest."""
    inputs = np.random.default_rng(seed).standard_normal((2, 2)) + np.eye(2)
    left, values, _ = np.linalg.svd(inputs)
    return {
        **dict(zip(x, inputs.flat, strict=True)),
        **dict(zip(along, left[:, -1], strict=True)),
        t.lam: values[-1] ** 2 / 2,
    }


def _least(outputs: int) -> Callable[[int], dict[sp.Symbol, float]]:
    """Return cases of K's least eigenvalue, as ``mu_min v'diag(Q)v`` and something more, v split between two samples."""

    def draw(seed: int) -> dict[sp.Symbol, float]:
        rng = np.random.default_rng(seed)
        values, vectors = _spectrum(rng)
        tangent, blocks, _ = _tangent(rng, vectors @ np.diag(values) @ vectors.T, outputs)
        low = eigh(tangent, blocks, eigvals_only=True)[0]
        least, directions = np.linalg.eigh(tangent)
        v, size = directions[:, 0], outputs
        parts = [(blocks[k : k + size, k : k + size], v[k : k + size]) for k in (0, size)]
        steep = min(float(np.linalg.eigvalsh(block)[0]) for block, _ in parts)
        more = [part @ block @ part / max(part @ part, 1e-300) - steep for block, part in parts]
        left = max(v @ tangent @ v - low * (v @ blocks @ v), 0.0)
        return {
            ids.low: low, ids.least: least[0], ids.steep: steep, more_1: more[0], more_2: more[1], above: left,
            angle: np.arctan2(np.linalg.norm(parts[1][1]), np.linalg.norm(parts[0][1])),
        }  # fmt: skip

    return draw


def _claims(card: Theorem, outputs: int, neurons: tuple[sp.Expr, sp.Expr]) -> tuple[Proof, ...]:
    """Return the proofs of a card's three claims; ``neurons`` are both sides of its identity."""
    place = "(3.4)" if outputs == 1 else "(3.7)"
    through = identity("through the neurons", f"{place}: v'(K - x diag(Q))v = (1/m) sum_i z_i'(G - x)z_i, from the neuron, any activation and x", *neurons)  # fmt: skip

    def one(label: str, says: str, spectrum: Bound, side: int, ratio: Bound) -> Proof:
        goal = next(claim.bound for claim in card.claims if claim.label == label)
        spectral = combine("spectrum of G", says, spectrum, {REST: _ALONG})
        attained = sampled("attained", "the relative eigenvalue is v'Kv over v'diag(Q)v for its eigenvector v", ratio, _relative(outputs, side), "through the neurons")  # fmt: skip
        last = combine("together", "divided by v'diag(Q)v", goal, {"spectrum of G": 1 / _MET, "attained": 1})
        return of_claim(card, label, through, spectral, attained, last, chain=("together",))

    below, top = t.lam * _MET + _ALONG, s.Lam * _MET - _ALONG
    return (
        one("lower", "z'Gz >= lambda_min |z|^2, as G - lambda_min = p p'", Bound(t.lam * _MET, below), 0, Bound(below / _MET, ids.low)),
        one("upper", "z'Gz <= Lambda_max |z|^2, as Lambda_max - G = p p'", Bound(top, s.Lam * _MET), -1, Bound(ids.high, top / _MET)),
        of_claim(card, "least", *_least_steps(card, outputs), chain=("lower, times q", "sample by sample")),
    )  # fmt: skip


def _least_steps(card: Theorem, outputs: int) -> tuple[Step, ...]:
    """Return the steps from the relative eigenvalue to K's own."""
    return (
        sampled("attained in G", "lambda_min = u'Gu = |X'u|^2/d for its eigenvector u", Bound(_PULLED, t.lam), _gram),
        combine("G is a Gram", "so it is not negative", Bound(sp.S.Zero, t.lam), {"attained in G": 1, REST: _PULLED}),
        apply("lower", "lambda_min <= mu_min", of_card(card, "lower"), {}, {}),
        combine("mu is not negative", "0 <= mu_min", Bound(sp.S.Zero, ids.low), {"lower": 1, "G is a Gram": 1}),
        combine("lower, times q", "lambda_min q_min <= mu_min q_min", Bound(t.lam * ids.steep, ids.low * ids.steep), {"lower": ids.steep}),
        combine("each sample", "v'Kv >= mu_min sum_a v_a'Q_a v_a >= mu_min q_min for |v| = 1", Bound(ids.low * ids.steep, _UNDER), {REST: ids.low * (more_1 * sp.cos(angle) ** 2 + more_2 * sp.sin(angle) ** 2) + above, "mu is not negative": 0}),
        sampled("attained", "K's least eigenvalue is v'Kv for its unit eigenvector v", Bound(_UNDER, ids.least), _least(outputs)),
        combine("sample by sample", "mu_min q_min <= lambda_min(K)", Bound(ids.low * ids.steep, ids.least), {"each sample": 1, "attained": 1}),
        combine("together", "one after the other", next(claim.bound for claim in card.claims if claim.label == "least"), {"lower, times q": 1, "sample by sample": 1}),
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = (
    *_claims(ids.SANDWICH, 1, _contracted(SIDES["3.4"])),
    *_claims(ids.OUTPUTS, 2, _contracted(identities(ANY, 2, 1, 1, 2)["3.7"])),
)
