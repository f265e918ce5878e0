"""Proof of R3's hit probability (shi2023): on an event of independent projections every margin is at least kappa."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from scipy import stats

from theorycheck.proof import GIVEN, Proof, of_card, of_claim
from theorycheck.proof_steps import apply, combine, identity, sampled
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound
from theorycheck.theorems.shi2023 import mixture as x
from theorycheck.theorems.shi2023 import mixture_chance as mc
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.gaussians import simplified_gradient

#: the chance of the event; |w|, <w, D_j>, largest |<w, D_i>| and the squared length of the rest of w on it
happens, size, own, other, rest = sp.symbols("P_E |w| g_j g_max g_rest^2", nonnegative=True)
(_GOAL,) = (claim.bound for claim in mc.MIXTURE_CHANCE.claims)
_ANGLES, _CLEAR, _ROOM = (f"{GIVEN}{part.label}" for part in mc.MIXTURE_CHANCE.assumptions)
_SIZES = (mc.kappa, mc.bias, mc.reach, mc.window, mc.own_mean, mc.own_sigma, mc.most_mean, mc.most_sigma, mc.r)
_EVENT = sp.lambdify(_SIZES, (mc.A, mc.B, mc.LEFT))


def _event(seed: int) -> dict[sp.Symbol, float]:
    """Sizes for which the event is not empty, most of the time."""
    rng = np.random.default_rng(seed)
    kappa, reach, sigma = float(rng.choice([0.0, 0.5, 1.0])), float(rng.uniform(1.5, 4)), float(rng.uniform(0.02, 0.1))
    most = sigma * float(rng.choice([1.0, 2.0]))
    means, room = rng.uniform(0.7, 3, 2), float(rng.uniform(0.1, 1.5))
    values = kappa, kappa * most * reach + room, reach, float(rng.uniform(0.1, 1)), float(means[0]), sigma, float(means[1]), most, float(rng.integers(1, 4))  # fmt: skip
    return dict(zip(_SIZES, values, strict=True))


def _law(seed: int) -> Mapping[sp.Symbol, float]:
    at, more = _event(seed), 1 + seed % 6
    low, most, left = map(float, _EVENT(*at.values()))
    length = float(stats.chi2.cdf(left, more)) if left > 0 else 0.0
    inside = float(stats.norm.sf(low) - stats.norm.sf(low + at[mc.window]))
    others = (1 - 2 * float(stats.norm.sf(most))) ** (at[mc.r] - 1)
    return at | {mc.rest: length, happens: inside * others * length}


def _on_event(seed: int) -> Mapping[sp.Symbol, float]:
    """A neuron on the event, often at its edge."""
    at, rng = _event(seed), np.random.default_rng([seed, 1])
    low, most, left = map(float, _EVENT(*at.values()))
    count, share = int(at[mc.r]) - 1, 1 - rng.random(3) * (seed % 3 > 0)
    along, others, more = low + share[0] * at[mc.window], most * rng.uniform(0, 1, count) ** (seed % 2), share[1] * left
    largest = float(others.max(initial=0.0))
    good = left >= 0 and most > 0
    return at | {size: np.sqrt(along**2 + others @ others + more) if good else np.nan, own: along, other: largest}


def _drawn(seed: int) -> Mapping[sp.Symbol, float]:
    """Under any law of w, here a few neurons: the shares on the event and of hits."""
    at, rng = _event(seed), np.random.default_rng([seed, 2])
    low, most, left = map(float, _EVENT(*at.values()))
    count, more = int(at[mc.r]), 1 + seed % 3
    # the second component is the largest of the others
    shares = np.where(np.arange(1, count) == 1, 1.0, rng.uniform(0.3, 1, count - 1))
    means = np.eye(count, count + more) * np.append(at[mc.own_mean], at[mc.most_mean] * shares)[:, None]
    sigmas = np.append(at[mc.own_sigma], at[mc.most_sigma] * shares)
    numbers = {str(symbol): at[symbol] for symbol in (mc.kappa, mc.bias, mc.reach, mc.window)}
    made = mc._drawn((means, sigmas, np.full(count, 1 / count), rng.choice([-1.0, 1.0], count)), 300, numbers, seed, 0, {}, ())  # fmt: skip
    weights = made.weights * at[mc.reach] / 2
    law = x.law_of(made)
    sized = {x.mean_size: float(law.chances @ np.linalg.norm(means, axis=1)), x.deviation: float(law.chances @ sigmas)}
    wanted, lost = at[mc.own_mean] / count, float(_ERROR(at[mc.kappa], *sized.values()))
    if not (most > 0 and lost < wanted):
        return {happens: np.nan, mc.seen: np.nan}
    along = weights[:, :count]
    inside = (low <= along[:, 0]) & (along[:, 0] <= low + at[mc.window]) & (np.abs(along[:, 1:]).max(axis=1, initial=0.0) <= most)  # fmt: skip
    inside &= np.sum(weights[:, count:] ** 2, axis=1) <= left
    gradients = simplified_gradient(law, weights, s.biases_of(made))
    lengths = np.linalg.norm(gradients, axis=1)
    good = (np.abs(gradients[:, 0]) >= np.sqrt(1 - (lost / wanted) ** 2) * lengths - 1e-12) & (lengths >= wanted - lost - 1e-12)  # fmt: skip
    return {happens: float(np.mean(inside)), mc.seen: float(np.mean(good))}


_ERROR = sp.lambdify((mc.kappa, x.mean_size, x.deviation), x.error_of(mc.kappa), ["scipy", "numpy"])
_NOISE = mc.kappa * mc.own_sigma * size, mc.kappa * mc.most_sigma * size
_PREMISES = {"one component seen": "kappa", "clear": _CLEAR}
HIT = of_claim(
    mc.MIXTURE_CHANCE, "hit",
    identity("squares", "|w|^2 at the ends of the event", (mc.A + mc.window) ** 2 + (mc.r - 1) * mc.B**2 + mc.LEFT, mc.reach**2),
    sampled("length", "so |w| <= R_0 on it", Bound(size, mc.reach), _on_event, "squares"),
    sampled("window", "g_j >= A on it", Bound(mc.A, own), _on_event),
    combine("own margin", "so <w, mu_j> - b >= kappa sigma_j |w|", Bound(_NOISE[0], mc.own_mean * own - mc.bias), {"window": mc.own_mean, "length": mc.kappa * mc.own_sigma}),
    sampled("slab", "|g_i| <= B on it", Bound(other, mc.B), _on_event, _ROOM),
    combine("other margins", "so b - <w, mu_i> >= kappa sigma_i |w|, for the largest and so for all", Bound(_NOISE[1], mc.bias - mc.most_mean * other), {"slab": mc.most_mean, "length": mc.kappa * mc.most_sigma}),
    combine("kappa", "is not negative", Bound(sp.S.Zero, mc.kappa), {REST: mc.kappa}),
    apply("R3, length", "then G is long", of_card(x.MIXTURE, "length"), {x.kappa: mc.kappa}, _PREMISES, "own margin", "other margins"),
    apply("R3, angle", "and points at mu_j", of_card(x.MIXTURE, "cosine"), {x.kappa: mc.kappa}, _PREMISES, "own margin", "other margins"),
    sampled("hits", "so the event is a hit", Bound(happens, mc.seen), _drawn, "R3, length", "R3, angle", count=24),
    sampled("independent", "means at right angles have independent projections of w, independent of the rest", Bound(mc.CHANCE, happens), _law, _ANGLES),
    combine("together", "one after the other", _GOAL, {"independent": 1, "hits": 1}),
    chain=("together",),
)  # fmt: skip

PROOFS: tuple[Proof, ...] = (HIT,)

if __name__ == "__main__":
    from theorycheck.report_proof import run as _run

    raise SystemExit(_run(PROOFS))
