"""What was seen: measured numbers, judgements, certificates, verdicts, reports.

Every object here is frozen and checks itself when it is made. Nothing in this module
computes with networks: it only says what the words mean. The five outcomes come from
one truth table, :data:`OUTCOMES`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Truth(Enum):
    """Whether an inequality holds, as far as the error of its slack allows to say."""

    YES = "yes"
    UNSURE = "unsure"
    NO = "no"


class Outcome(Enum):
    """What an instance says about a claim; only ``REFUTED`` is a failure of a theorem."""

    CONFIRMED = "confirmed"
    OBSERVED = "observed"
    UNDECIDED = "undecided"
    VACUOUS = "vacuous"
    REFUTED = "refuted"


# (premises, conclusion) -> outcome. A conclusion seen without its premises is merely
# observed; one missed without them says nothing about the theorem.
OUTCOMES: Mapping[tuple[Truth, Truth], Outcome] = MappingProxyType(
    {
        (Truth.YES, Truth.YES): Outcome.CONFIRMED,
        (Truth.YES, Truth.UNSURE): Outcome.UNDECIDED,
        (Truth.YES, Truth.NO): Outcome.REFUTED,
        (Truth.UNSURE, Truth.YES): Outcome.OBSERVED,
        (Truth.UNSURE, Truth.UNSURE): Outcome.UNDECIDED,
        (Truth.UNSURE, Truth.NO): Outcome.UNDECIDED,
        (Truth.NO, Truth.YES): Outcome.OBSERVED,
        (Truth.NO, Truth.UNSURE): Outcome.VACUOUS,
        (Truth.NO, Truth.NO): Outcome.VACUOUS,
    }
)


@dataclass(frozen=True)
class Measured:
    """A number, or one number per saved time, with its error.

    Parameters
    ----------
    value, error
        Scalars or arrays of one shape ``()`` or ``(k,)``; the true number lies within
        ``error`` of ``value``. A missing (NaN) error counts as infinite.
    rigorous
        Whether the error is proved (balls, a-priori rounding bounds) or estimated.

    Raises
    ------
    ValueError
        If an error is negative or the shapes do not agree.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]
    rigorous: bool = False

    def __init__(self, value: ArrayLike, error: ArrayLike = 0.0, rigorous: bool = False) -> None:
        centre = np.array(value, dtype=float)  # a copy: freezing must not reach the caller's array
        if centre.ndim > 1:
            raise ValueError(
                f"a measured value is a number or one number per time, not an array of shape {centre.shape}: reduce it first"
            )
        radius = np.nan_to_num(np.asarray(error, dtype=float), nan=np.inf, posinf=np.inf)
        try:
            radius = np.broadcast_to(radius, centre.shape).copy()
        except ValueError:
            raise ValueError(
                f"the error has shape {radius.shape}, the value {centre.shape}: give one error, or one per value"
            ) from None
        if np.any(radius < 0):
            raise ValueError(f"an error is a distance and cannot be negative, but {radius.min():g} was given")
        for array in (centre, radius):
            array.flags.writeable = False
        object.__setattr__(self, "value", centre)
        object.__setattr__(self, "error", radius)
        object.__setattr__(self, "rigorous", bool(rigorous))

    @classmethod
    def between(cls, low: ArrayLike, high: ArrayLike, rigorous: bool = False) -> Measured:
        """Return the number known to lie between ``low`` and ``high``, ends included."""
        below, above = np.broadcast_arrays(np.asarray(low, float), np.asarray(high, float))
        if np.any(below > above):
            raise ValueError("the lower end lies above the upper end: swap them, or find out which is wrong")
        with np.errstate(all="ignore"):  # infinite ends: nothing is known, and the error says so
            centre = np.where(below == above, below, below / 2 + above / 2)
            radius = np.maximum(above - centre, centre - below)
            # the differences are rounded: one double outward covers both ends, whatever the centre
            return cls(centre, np.where(radius > 0, np.nextafter(radius, np.inf), radius), rigorous)


@dataclass(frozen=True)
class Certificate:
    """A rigorous statement with all that is needed to check it again.

    ``lower`` and ``upper`` enclose the number that ``says`` speaks of (an infinite end
    claims nothing); ``evidence`` holds the exact data and settings used.
    """

    says: str
    method: str
    lower: float
    upper: float
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise ValueError(
                f"a certificate encloses a number, but its lower end {self.lower!r} is not below its upper end {self.upper!r}"
            )
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))


@dataclass(frozen=True)
class Judgement:
    """One inequality ``lhs <= rhs`` (or ``<``), looked at where it is tightest.

    Parameters
    ----------
    label
        The name of the assumption or claim.
    slack, error
        ``rhs - lhs`` and how far it may be off.
    strict
        Whether the inequality is strict, which matters only at a slack of exactly 0.
    lhs, rhs
        The two sides where the slack was smallest, for display; not used for the truth.
    note
        Why the truth is unsure, or at which time the slack was smallest.
    tightest
        For a frequency: the judgement of the draw that came closest to failing.
    """

    label: str
    slack: float
    error: float
    strict: bool = False
    lhs: float = math.nan
    rhs: float = math.nan
    note: str = ""
    certificate: Certificate | None = None
    tightest: Judgement | None = None

    def __post_init__(self) -> None:
        for name in ("slack", "error", "lhs", "rhs"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.error < 0:
            raise ValueError(f"the error of a judgement cannot be negative, but {self.label!r} has {self.error:g}")

    @property
    def truth(self) -> Truth:
        """Yes, unsure or no, from slack and error alone; a non-finite number is unsure."""
        if not (math.isfinite(self.slack) and math.isfinite(self.error)):
            return Truth.UNSURE
        if self.slack > self.error or (self.slack == self.error and not self.strict):
            return Truth.YES
        if self.slack < -self.error or (self.slack == -self.error and self.strict):
            return Truth.NO
        return Truth.UNSURE


@dataclass(frozen=True)
class Verdict:
    """Premises and conclusion of one claim on one instance, hence one of five outcomes."""

    theorem: str
    claim: str
    premises: tuple[Judgement, ...]
    conclusion: Judgement

    @property
    def premises_truth(self) -> Truth:
        """The conjunction of the premises: no beats unsure beats yes."""
        truths = {judgement.truth for judgement in self.premises}
        return next((truth for truth in (Truth.NO, Truth.UNSURE) if truth in truths), Truth.YES)

    @property
    def outcome(self) -> Outcome:
        """The entry of the truth table :data:`OUTCOMES`."""
        return OUTCOMES[self.premises_truth, self.conclusion.truth]


@dataclass(frozen=True)
class Report:
    """The verdicts of one theorem on one instance, and what the instance was.

    ``instance`` is a plain description (flags, seed, sizes, scaling) that can be written
    as JSON; ``notes`` name the rows that break an assumption and everything that was
    cut short.
    """

    theorem: str
    instance: Mapping[str, Any]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def refuted(self) -> tuple[Verdict, ...]:
        """The verdicts that fail the theorem."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome is Outcome.REFUTED)
