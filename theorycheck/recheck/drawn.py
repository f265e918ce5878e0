"""Arrays that a certificate describes by their law and seed: the same NumPy calls give the same numbers.

Signs go on with the generator that drew the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.recheck.form import is_number, wrong_keys

Array = NDArray[np.float64]
_SEEDED = {"law", "seed", "scale", "mirrored"}
_KEYS = {
    "gaussian": _SEEDED,
    "signs": _SEEDED,
    "normal signs": _SEEDED,
    "constant": {"law", "value"},
    "asymmetric": {"law", "gamma", "alpha"},
}
_FOR = {"weights": ("gaussian",), "signs": ("signs", "normal signs"), "scales": ("constant", "asymmetric")}
_LARGEST_SEED = 2**128
_DRAWN_AT_ONCE = 2**20  # numbers


def problem_of(name: str, law: Any, data: dict[str, Any], m: int) -> str:
    """Return what is wrong with a law; empty if nothing is."""
    if not isinstance(law, dict) or law.get("law") not in _FOR.get(name, ()):
        return f"data {name} cannot be drawn by this law"
    problem = wrong_keys(law, _KEYS[law["law"]], f"the law of {name}")
    if problem:
        return problem
    numbers = [law[key] for key in ("scale", "value", "gamma", "alpha") if key in law]
    if not all(map(is_number, numbers)):
        return f"the law of {name} must have finite numbers"
    if law["law"] == "asymmetric":
        proper = 0 < law["gamma"] <= 1 and law["alpha"] > 0
        return "" if proper else "the law asymmetric needs 0 < gamma <= 1 and alpha > 0"
    return _seed_problem(name, law, data, m) if "seed" in law else ""


def _seed_problem(name: str, law: dict[str, Any], data: dict[str, Any], m: int) -> str:
    seed = law["seed"] if isinstance(law["seed"], list) else [law["seed"], 0]
    if len(seed) != 2 or not all(type(x) is int and 0 <= x < _LARGEST_SEED for x in seed):
        return f"the seed of {name} must be an int >= 0, or two of them"
    if type(law["mirrored"]) is not bool or (law["mirrored"] and m % 2):
        return f"the law of {name} needs mirrored true or false, and an even m if true"
    if name == "signs":
        weights = data.get("weights")
        base = weights.get("drawn") if isinstance(weights, dict) else None
        base = base if isinstance(base, dict) else {}
        same = base.get("law") == "gaussian"
        if not (same and base.get("seed") == law["seed"] and base.get("mirrored") is law["mirrored"]):
            return "signs can be drawn only after gaussian weights of the same seed and mirrored"
        if not _is_layer(weights, data.get("inputs"), m):
            return "signs can be drawn only after weights whose shape is that of the model"
    return ""


def _is_layer(weights: Any, inputs: Any, m: int) -> bool:
    """Whether the weights to be drawn and thrown away are as many as the model has."""
    shapes: list[Any] = [part.get("shape") if isinstance(part, dict) else None for part in (weights, inputs)]
    proper = all(isinstance(x, list) and len(x) == 2 and all(type(k) is int for k in x) for x in shapes)
    return proper and shapes[0][0] == m and shapes[0][1] == shapes[1][1] and 1 <= shapes[0][1] <= 10**5


def chunks(law: dict[str, Any], shape: tuple[int, ...], data: dict[str, Any], rows: int) -> Iterator[Array]:
    """Yield the drawn array in chunks of at most about ``rows`` rows."""
    if law["law"] == "gaussian":
        yield from _gaussian(law, shape, rows, np.random.default_rng(law["seed"]))
        return
    m = shape[0]
    if law["law"] in ("signs", "normal signs"):
        width = data["weights"]["shape"][1]
        values = _signs(law, m, width)
    elif law["law"] == "constant":
        values = np.full(m, float(law["value"]))
    else:
        values = _asymmetric(m, law["gamma"], law["alpha"])
    for start in range(0, m, rows):
        yield values[start : start + rows]


def _gaussian(
    law: dict[str, Any], shape: tuple[int, ...], rows: int, generator: np.random.Generator
) -> Iterator[Array]:
    m, width = shape
    twice = 2 if law["mirrored"] else 1
    step = max(1, min(rows, m) // twice)
    for start in range(0, m // twice, step):
        block = generator.standard_normal((min(step, m // twice - start), width))
        if law["scale"] != 1:
            block = law["scale"] * block
        yield np.repeat(block, 2, axis=0) if twice == 2 else block


def _signs(law: dict[str, Any], m: int, width: int) -> Array:
    scale, mirrored = law["scale"], law["mirrored"]
    if law["law"] == "signs" and mirrored:
        values = np.where(np.arange(m) % 2 == 0, 1.0, -1.0)
    else:
        generator = np.random.default_rng(law["seed"])
        left = (m // 2 if mirrored else m) * width
        while left:  # the weights come first, and are thrown away here
            block = min(left, _DRAWN_AT_ONCE)
            generator.standard_normal(block)
            left -= block
        if law["law"] == "signs":
            values = generator.integers(0, 2, m) * 2.0 - 1.0
        else:
            values = generator.standard_normal(m // 2 if mirrored else m)
            values = np.stack([values, -values], axis=1).ravel() if mirrored else values
    return scale * values if scale != 1 else values


def _asymmetric(m: int, gamma: float, alpha: float) -> Array:
    even = np.full(m, gamma / m)
    if gamma == 1:
        return even
    uneven = np.arange(1, m + 1, dtype=float) ** (-1 / alpha)
    return even + (1 - gamma) * uneven / uneven.sum()
