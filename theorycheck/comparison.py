"""What one line of ``theorycheck compare`` is made from: a card, and how its network starts, as data.

A paper's module exports ``COMPARISONS``; nothing else has to be said for a card to appear in the table. Whether its width
is stated or found by a test of drawn networks is read off the card (:mod:`theorycheck.compare`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from theorycheck.model import Instance
from theorycheck.statement import Claim, Theorem


@dataclass(frozen=True)
class Comparison:
    """A theorem in the table of all papers.

    Parameters
    ----------
    theorem
        The card. Its ``example`` makes the network from the user's data.
    claim
        Label of the claim that promises a rate: ``rate <= log(L_0/L_t)/t``, or ``exp(-log(L_0/L_k)/k) <= contraction``.
    trains
        The layers that are trained, in words, and at the end whether by ``flow`` or ``descent``.
    start
        The initial weights, in words; ``{nu:.3g}`` and the like are parameters of the instance, ``{size:.3g}`` the largest
        output weight.
    unit
        What the rate is per: the loss and the unit of time.
    flags
        Values of the example's flags that differ from its defaults; what is not fixed here, the user's flags may set.
    multiple
        Widths are multiples of this: 2 for mirrored neurons.
    mends
        By label of a premise: the least change that would make it hold, where one is known. ``{ratio:.3g}`` is the left
        side over the right one.
    at
        ``at(instance)(m)``: on the data of an instance, doubles for symbols of the premises that are fixed before the weights
        but follow no power of m, at a width. What follows one is found without it.
    step
        The parameter that holds the step size, where a claim about descent is per step and the rates are not the steps.

    Raises
    ------
    ValueError
        If the card has no such claim.
    """

    theorem: Theorem
    claim: str
    trains: str
    start: str
    unit: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    multiple: int = 1
    mends: Mapping[str, str] = field(default_factory=dict)
    at: Callable[[Instance], Callable[[int], Mapping[sp.Symbol, float]]] | None = None
    step: str = ""

    def __post_init__(self) -> None:
        if self.claim not in {claim.label for claim in self.theorem.claims}:
            raise ValueError(f"{self.theorem.label} has no claim {self.claim!r}: name the one that promises a rate")

    @property
    def descends(self) -> bool:
        """Whether the claim is about gradient descent, which is followed much faster than flow."""
        return self.trains.endswith("descent")

    @property
    def promise(self) -> Claim:
        """The claim that promises a rate."""
        return next(claim for claim in self.theorem.claims if claim.label == self.claim)
