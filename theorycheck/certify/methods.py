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


def method(theorem: str, name: str) -> str:
    """Return how the evidence of that name is proved in that theorem."""
    return KNAPSACK if name == "mass" and theorem.startswith("razborov2022") else METHODS[name]
