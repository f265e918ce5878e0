"""Proofs of razborov2022's Lemmas E1 and E2 (section 4.2): limit Grams as power series in the cosines, degree by degree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theorycheck.proof import Proof, of_claim
from theorycheck.proof_steps import Draw, Step, combine, enclosed, identity, sampled
from theorycheck.statement import Bound
from theorycheck.symbolic.gaussian import RHO
from theorycheck.theorems.razborov2022 import odds as o
from theorycheck.theorems.razborov2022 import spectrum as e

#: least eigenvalues of |x_i| |x_j| rho^k, and of the normalised rests of both series from degree 4 and from LAST on
POWERS = {k: sp.Symbol(f"mu_{k}", real=True) for k in e.DEGREES}
RESTS = {k: sp.Symbol(f"nu_{k}", real=True) for k in (4, e.LAST)}
_LEAST = {"W": o.lam_W, "a": o.lam_a}
_CLAIMS = {claim.label: claim.bound for claim in e.SPECTRUM.claims}


def _data(layer: str) -> Draw:
    kernel = sp.lambdify(RHO, e.KERNELS[layer], "numpy")

    def draw(seed: int) -> Mapping[sp.Symbol, float]:
        """Inputs of many sizes and directions, or two that repeat, and the spectra of powers of their cosines."""
        rng = np.random.default_rng(seed)
        n, d = rng.integers(1, 5, 2)
        inputs = rng.standard_normal((n, d)) * 10 ** rng.uniform(-0.5, 0.5, (n, 1))
        if seed % 5 == 0:
            inputs[-1] = -inputs[0]
        norms = np.linalg.norm(inputs, axis=1)
        sizes = np.outer(norms, norms)
        cosines = np.clip(inputs @ inputs.T / sizes, -1, 1)
        np.fill_diagonal(cosines, 1.0)
        room = 1e-12 * norms.max() ** 2

        def least(matrix: np.ndarray) -> float:
            return float(np.linalg.eigvalsh(sizes * matrix)[0])

        found = {_LEAST[layer]: least(kernel(cosines)) + room, e.x_min: norms.min() ** 2}
        off = np.abs(cosines) - np.eye(n)
        for k in e.DEGREES:
            found |= {POWERS[k]: least(cosines**k), e.R[k]: (off**k).sum(axis=1).max()}
        for k, symbol in RESTS.items():
            lower = sum(float(e.coefficient(layer, j)) * cosines**j for j in range(k))
            found[symbol] = least((kernel(cosines) - lower) / float(e.tail(layer, k)))
        # not below 0: what is measured is a square
        return found | {symbol: max(least(cosines**k), 0.0) for k, symbol in e.products.items()}

    return draw


def _shifted(layer: str) -> Draw:
    """The same with room for rounding in the eigenvalues of powers."""
    draw = _data(layer)

    def moved(seed: int) -> Mapping[sp.Symbol, float]:
        found = dict(draw(seed))
        room = 1e-11 * (1 + found[e.x_min])
        return found | {symbol: found[symbol] + room for symbol in (*POWERS.values(), *RESTS.values())}

    return moved


def _kernel(layer: str) -> Step:
    if layer == "W":
        return identity("kernel", "rho Theta^0 = rho/4 + rho arcsin(rho)/(2 pi): but for degree 1, even degrees only", e.KERNELS["W"], RHO / 4 + RHO * (sp.pi / 2 - sp.acos(RHO)) / (2 * sp.pi))  # fmt: skip
    return identity("kernel", "the derivative of Theta^1 is Theta^0, so its coefficients are those of rho Theta^0 over the degree", RHO * sp.Derivative(e.KERNELS["a"], RHO), e.KERNELS["W"])  # fmt: skip


def _positive(layer: str, degree: int) -> Step:
    return enclosed(f"tail {degree}", f"the coefficients from degree {degree} on add up to a positive number", Bound(sp.S.Zero, e.tail(layer, degree)), {})  # fmt: skip


def _gershgorin(layer: str, symbol: sp.Symbol, degree: int) -> Step:
    return sampled(f"Gershgorin {symbol}", "the diagonal less the row sum, which falls with the degree; and powers of a Gram are Grams (Schur)", Bound(e.x_min * e.left(degree), symbol), _shifted(layer))  # fmt: skip


def _of(layer: str) -> tuple[Proof, ...]:
    low, (all_degrees, power) = _LEAST[layer], (f"{layer}, all degrees", f"{layer}, K = 4")
    parts = {symbol: e.coefficient(layer, k) for k, symbol in POWERS.items()}
    parts[RESTS[e.LAST]] = e.tail(layer, e.LAST)
    whole = sum((factor * symbol for symbol, factor in parts.items()), sp.S.Zero)
    bounds = [_gershgorin(layer, symbol, k) for k, symbol in POWERS.items()]
    bounds.append(_gershgorin(layer, RESTS[e.LAST], e.DEGREES[-1]))
    factors = dict(zip((step.label for step in bounds), parts.values(), strict=True))
    kernel = _kernel(layer)
    return (
        of_claim(
            e.SPECTRUM, power, kernel, _positive(layer, 4),
            sampled("rest", "degrees below 4 are Grams as well", Bound(e.tail(layer, 4) * RESTS[4], low), _data(layer), "kernel", "tail 4"),
            _gershgorin(layer, RESTS[4], 4),
            combine("together", "one after the other", _CLAIMS[power], {"rest": 1, f"Gershgorin {RESTS[4]}": e.tail(layer, 4)}),
        ),
        of_claim(
            e.SPECTRUM, all_degrees, kernel, _positive(layer, e.LAST), *bounds,
            sampled("series", "a least eigenvalue of a sum is at least the sum of theirs; degrees 0 and 1 are Grams", Bound(whole, low), _data(layer), "kernel", f"tail {e.LAST}"),
            combine("together", "degree by degree", _CLAIMS[all_degrees], {"series": 1, **factors}), chain=("together",),
        ),
        *(
            of_claim(
                e.SPECTRUM, f"{layer}, product {k}", kernel,
                sampled("one degree", f"|x_i| |x_j| rho^{k} is the Gram of row-wise products of {k} factors, and all other degrees are Grams", Bound(e.coefficient(layer, k) * symbol, low), _data(layer), "kernel"),
                combine("together", "as said", _CLAIMS[f"{layer}, product {k}"], {"one degree": 1}),
            )
            for k, symbol in e.products.items()
        ),
    )  # fmt: skip


PROOFS: tuple[Proof, ...] = (*_of("W"), *_of("a"))

if __name__ == "__main__":
    from theorycheck.report_proof import run

    raise SystemExit(run(PROOFS))
