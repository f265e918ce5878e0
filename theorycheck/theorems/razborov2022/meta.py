"""What the cards of R0' (flow) and R0 (descent) share, whatever keeps the Jacobian near its start (razborov2022, 3.1)."""

from __future__ import annotations

import sympy as sp

from theorycheck.certify.recipe import Dynamics, Tests
from theorycheck.statement import Assumption, Bound, Claim
from theorycheck.theorems.razborov2022 import setting as s
from theorycheck.theorems.razborov2022 import statements as t

fallen = sp.Symbol("rho_k", real=True)
#: the certificate's rate of the loss; the Gram's floor is half of it
RATE = t.CONCLUSIONS["flow"][0].expr
FLOOR = RATE / 2
#: the share of the loss that a step takes off: 1 less the certificate's contraction
GAIN = 1 - t.CONCLUSIONS["descent"][0].expr
TAKEN = 1 - sp.exp(-fallen)

_SAYS = {
    "K_0 definite": "the tangent Gram at time 0 is definite",
    "c in (0, 1)": "the Jacobian may move, but keeps some of alpha",
    "c in (0, sqrt 2 - 1)": "the Jacobian may move, but descent still gains",
    "step size": "the step is stable for every Jacobian on the way",
}


def premises(tests: Tests, says: dict[str, str]) -> tuple[Assumption, ...]:
    """Return a certificate's tests as assumptions; ``says`` explains those that are its own."""
    return tuple(Assumption(name, (_SAYS | says)[name], bound) for name, bound in tests)


def moved(path: sp.Expr, given: tuple[str, ...]) -> tuple[Claim, ...]:
    """Return the claims that a layer moves at most the square root of its rate times the path."""
    return (
        Claim("weights", "the first layer moves at most sqrt(eta_W) times the path", Bound(s.moved_W, sp.sqrt(t.eta_W) * path), given),
        Claim("outer", "the output weights move at most sqrt(eta_a) times the path", Bound(s.moved_a, sp.sqrt(t.eta_a) * path), given),
    )  # fmt: skip


def contraction(gain: sp.Expr, words: str, given: tuple[str, ...]) -> Claim:
    """Return the claim of how much a step of descent takes off the loss."""
    says = f"a step takes off at least {words} of the loss, 1 - (L_k/L_0)^(1/k)"
    return Claim("contraction", says, Bound(gain, TAKEN), given)


def speed(dynamics: Dynamics, given: tuple[str, ...]) -> tuple[Claim, ...]:
    """Return the claims about how fast the loss falls."""
    if dynamics == "descent":
        return (contraction(GAIN, "q alpha^2", given),)
    return (
        Claim("gram", "the tangent Gram stays above (1 - c)^2 alpha^2", Bound(FLOOR, s.least), given),
        Claim("rate", "the loss decays at least at that rate", Bound(RATE, s.rate), given),
    )


def false_speed(
    dynamics: Dynamics, given: tuple[str, ...], untested: tuple[str, ...], gain: sp.Expr = GAIN
) -> tuple[Claim, ...]:
    """Return sabotages of :func:`speed`; ``untested`` are the premises without the test (nor the step size)."""
    if dynamics == "descent":
        return (
            Claim("contraction: twice the flow's", "a step takes off twice what the flow would", Bound(4 * t.alpha_squared, TAKEN), given, falsifies="contraction"),
            Claim("contraction: any step", "every step size contracts", Bound(gain, TAKEN), untested, falsifies="contraction"),
        )  # fmt: skip
    return (
        Claim("gram: nothing lost", "as if the Gram grew", Bound(t.alpha_squared * (1 + t.c), s.least), given, falsifies="gram"),
        Claim("rate: of the loss for the residual", "twice the rate", Bound(4 * t.alpha_squared, s.rate), given, falsifies="rate"),
        Claim("rate: test dropped", "any labels are fitted", Bound(RATE, s.rate), untested, falsifies="rate"),
    )  # fmt: skip


def false_moved(path: sp.Expr, given: tuple[str, ...], part: int) -> tuple[Claim, ...]:
    """Return sabotages of :func:`moved`: a part of the path."""
    path, says = path / part, "the path is far shorter"
    return (
        Claim(f"weights: a part of 1/{part}", says, Bound(s.moved_W, sp.sqrt(t.eta_W) * path), given, falsifies="weights"),
        Claim(f"outer: a part of 1/{part}", says, Bound(s.moved_a, sp.sqrt(t.eta_a) * path), given, falsifies="outer"),
    )  # fmt: skip
