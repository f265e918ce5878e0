"""What is said: a theorem as data.

A card is a frozen :class:`Theorem`. Its bounds are SymPy expressions, kept as pairs: the
same objects are rendered, compiled, enclosed and proved. Cards check themselves when they
are made, so a card that exists is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sympy import Expr, Integer, Symbol, sympify


class Standing(Enum):
    """Where a statement comes from; the program never claims more for a paper than this."""

    ABSTRACT = "abstract"
    DERIVED = "derived"
    RESTATED = "restated"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Reference:
    """Where a statement is to be found: the paper's key and the place in our derivation of it."""

    paper: str
    place: str
    note: str = ""


@dataclass(frozen=True)
class PaperClaim:
    """One sentence of a paper's abstract, and the labels of the theorems that realise it."""

    label: str
    says: str
    realised_by: tuple[str, ...]


@dataclass(frozen=True)
class Paper:
    """A paper and what its abstract claims."""

    key: str
    title: str
    authors: str
    year: int
    url: str
    claims: tuple[PaperClaim, ...] = ()


@dataclass(frozen=True)
class Quantity:
    """A symbol of the statement, what it means, and how to measure it on a run.

    ``measure(run)`` returns an :class:`~theorycheck.evidence.Measured`: one number, or
    one per saved time of the run.
    """

    symbol: Symbol
    says: str
    measure: Callable[[Any], Any]


@dataclass(frozen=True)
class Bound:
    """The inequality ``lhs <= rhs`` (``<`` if ``strict``) as a pair.

    SymPy's own relations can evaluate themselves away, so they are not used.
    """

    lhs: Expr
    rhs: Expr
    strict: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "lhs", sympify(self.lhs))
        object.__setattr__(self, "rhs", sympify(self.rhs))

    @property
    def symbols(self) -> frozenset[Symbol]:
        """The free symbols of both sides."""
        return frozenset(self.lhs.free_symbols | self.rhs.free_symbols)


@dataclass(frozen=True)
class Assumption:
    """A premise of a theorem, as an inequality that can be measured.

    ``looseness`` records, for a width condition, how far it may be relaxed before an
    instance refutes the theorem (a lower bound, as found by search).
    """

    label: str
    says: str
    bound: Bound
    looseness: float | None = None


@dataclass(frozen=True)
class Claim:
    """One inequality that a theorem promises under the assumptions named in ``given``.

    Parameters
    ----------
    probability
        The promised probability over the draw of the weights; 1 for a sure statement.
    beyond_reach
        Why no simulation can meet the premises, or empty. Such a claim has a
        data-dependent sibling that can be confirmed.
    falsifies
        For a sabotage only: the label of the claim that it is a false version of.
    looseness
        The smallest ratio ``rhs / lhs`` seen where the premises held: how far the
        constant may move in the theorem's favour before an instance refutes it.
    """

    label: str
    says: str
    bound: Bound
    given: tuple[str, ...]
    probability: Expr = Integer(1)
    beyond_reach: str = ""
    falsifies: str = ""
    looseness: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "probability", sympify(self.probability))


@dataclass(frozen=True)
class Derivation:
    """A closed form together with the definition that it comes from.

    ``definition`` stays unevaluated (an ``Integral`` or ``Sum``), so that a test can hold
    the closed form against it by high-precision quadrature.
    """

    name: str
    args: tuple[Symbol, ...]
    closed_form: Expr
    definition: Expr

    def __post_init__(self) -> None:
        strangers = (self.closed_form.free_symbols | self.definition.free_symbols) - set(self.args)
        if strangers:
            raise ValueError(f"derivation {self.name!r} uses {_names(strangers)}, which its args do not list: add them")


@dataclass(frozen=True)
class Theorem:
    """A theorem as data; everything else in the package is a function of such data.

    ``example`` makes an instance from keyword arguments, which become the command line's
    flags; ``showcase`` lists the flags of the instances that the main job runs, at least
    one synthetic and one on real data.

    Raises
    ------
    ValueError
        If a symbol has no quantity, a ``given`` names no assumption, labels repeat, or a
        claim has no sabotage.
    """

    label: str
    title: str
    reference: Reference
    standing: Standing
    notation: str
    quantities: tuple[Quantity, ...]
    assumptions: tuple[Assumption, ...]
    claims: tuple[Claim, ...]
    derivations: tuple[Derivation, ...]
    order: tuple[str, ...]
    example: Callable[..., Any]
    instances: Callable[[], Any]
    simulate: Callable[[Any], Any]
    sabotages: tuple[Claim, ...]
    showcase: tuple[Mapping[str, Any], ...] = ({},)

    def __post_init__(self) -> None:
        self._check_labels()
        self._check_symbols()
        self._check_given()
        self._check_sabotages()

    def _check_labels(self) -> None:
        for kind, labels in (
            ("quantities", [str(quantity.symbol) for quantity in self.quantities]),
            ("assumptions", [assumption.label for assumption in self.assumptions]),
            ("claims and sabotages", [claim.label for claim in self.claims + self.sabotages]),
        ):
            repeated = {label for label in labels if labels.count(label) > 1}
            if repeated:
                raise ValueError(f"{self.label}: {kind} share the label {_names(repeated)}: rename one")
        if not self.claims:
            raise ValueError(f"{self.label}: a theorem claims something: add a claim")
        if sorted(self.order) != ["data", "labels", "weights"]:
            raise ValueError(
                f"{self.label}: order must list 'data', 'labels' and 'weights' once each, not {self.order}"
            )

    def _check_symbols(self) -> None:
        known = {quantity.symbol for quantity in self.quantities}
        bounds = [(part.label, part.bound.symbols) for part in self.assumptions + self.claims + self.sabotages]
        bounds += [(claim.label, claim.probability.free_symbols) for claim in self.claims + self.sabotages]
        for label, symbols in bounds:
            strangers = set(symbols) - known
            if strangers:
                raise ValueError(
                    f"{self.label}: {label!r} uses {_names(strangers)}, for which there is no quantity: add one, with how to measure it"
                )

    def _check_given(self) -> None:
        known = {assumption.label for assumption in self.assumptions}
        for claim in self.claims + self.sabotages:
            strangers = set(claim.given) - known
            if strangers:
                raise ValueError(
                    f"{self.label}: {claim.label!r} is given {_names(strangers)}, which is no assumption of the card"
                )

    def _check_sabotages(self) -> None:
        claims = {claim.label for claim in self.claims}
        falsified = {sabotage.falsifies for sabotage in self.sabotages}
        if falsified - claims:
            raise ValueError(
                f"{self.label}: a sabotage must say in `falsifies` which claim it is a false version of; {_names(falsified - claims)} is none"
            )
        if claims - falsified:
            raise ValueError(
                f"{self.label}: claim {_names(claims - falsified)} has no sabotage: add a false version that must be refuted"
            )


def _names(things: Any) -> str:
    return ", ".join(sorted(repr(str(thing)) for thing in things))


def with_looseness(parts: tuple[Any, ...], **looseness: float) -> tuple[Any, ...]:
    """Return claims (or assumptions) with the looseness recorded for their labels; spaces in labels become ``_``.

    Raises
    ------
    ValueError
        If a name is no label.
    """
    labels = {part.label.replace(" ", "_") for part in parts}
    if set(looseness) - labels:
        raise ValueError(f"looseness is recorded for {_names(set(looseness) - labels)}, which is no label")
    return tuple(replace(part, looseness=looseness.get(part.label.replace(" ", "_"))) for part in parts)
