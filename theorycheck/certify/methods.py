"""How each number of a certificate's evidence is proved, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SUMS = "sum in doubles, rounding bounded a priori"
_LEAST = "verified Cholesky or balls; entries enclosed"
_EXACT = "of the doubles as they are, rounded outward"

#: by the name of the evidence in the file
METHODS: Mapping[str, str] = MappingProxyType(
    {
        "gamma": _EXACT,
        "kappa_hat": _LEAST,
        "alpha_squared": _LEAST,
        "top": _LEAST,
        "beta_W": _LEAST,
        "beta_a": _LEAST,
        "lam": "LDL' in balls of the exact X X'/d",
        "g": "balls",
        "G_max": "balls",
        "r_0": f"{_SUMS}; norm in balls",
        "zeta_0": f"{_SUMS}; norm in balls",
        "s_X": "verified Cholesky or balls",
        "X_norm": "verified Cholesky or balls",
        "mass_2": _EXACT,
        "mass": _EXACT,
        "flips": "all gates counted that may flip; verified Cholesky or balls",
        "heavy_flips": "all gates counted that may flip; verified Cholesky or balls",
        "fourth": _EXACT,
        "slope": "supremum over the line, in balls",
        "curvature": "supremum over the line, in balls",
        "a_max": _EXACT,
        "x_max": "balls",
        "c_high": _EXACT,
        "steepness": "infimum on cells of the line, in balls",
        "share": "counted; none in doubt",
        "Q": "infima on cells of the line, in balls",
    }
)
#: for ReLU networks with both layers trained, `mass` is the knapsack's
KNAPSACK = "knapsack bounded by duality"


#: evidence that is bounded from below; the rest is bounded from above
AT_LEAST = frozenset({"gamma", "kappa_hat", "lam", "alpha_squared", "share", "steepness", "Q"})

_MEANING: Mapping[str, str] = MappingProxyType(
    {
        "gamma": "m times the least node scale",
        "kappa_hat": "least eigenvalue of the tangent Gram with equal node scales",
        "alpha_squared": "least eigenvalue of the tangent Gram, rates included",
        "top": "largest eigenvalue of it",
        "beta_W": "spectral norm of the first layer's Jacobian",
        "beta_a": "spectral norm of the output layer's Jacobian",
        "lam": "least eigenvalue of G = X X'/d",
        "g": "largest column norm of G",
        "G_max": "largest diagonal entry of G",
        "r_0": "norm of the residual at the start",
        "zeta_0": "norm of the residual at the start",
        "s_X": "squared spectral norm of the inputs",
        "X_norm": "spectral norm of the inputs",
        "mass": "sum of the node scales",
        "mass_2": "sum of their squares",
        "flips": "Gram mass of gates that can flip, equal node scales",
        "heavy_flips": "the same, with the node scales",
        "fourth": "sum of |x_i|^4",
        "slope": "largest slope of the activation",
        "curvature": "largest second derivative of it",
        "a_max": "largest output weight",
        "x_max": "largest norm of an input",
        "c_high": "largest output weight",
        "steepness": "least slope on the interval",
        "share": "share of the neurons well inside the interval",
        "Q": "mean squared slope left in each window",
    }
)


def meaning(theorem: str, name: str) -> str:
    """Return what the evidence of that name is, in that theorem."""
    return "mass of output weights whose gates can flip" if _is_knapsack(theorem, name) else _MEANING[name]


def _is_knapsack(theorem: str, name: str) -> bool:
    return name == "mass" and theorem.startswith("razborov2022")


def method(theorem: str, name: str) -> str:
    """Return how the evidence of that name is proved in that theorem."""
    return KNAPSACK if _is_knapsack(theorem, name) else METHODS[name]
