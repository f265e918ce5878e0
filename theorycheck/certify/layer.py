"""The hidden layer of a network, in blocks of neurons: held in memory, or drawn again for every pass.

Ten million neurons of fifty inputs are four gigabytes; drawn anew from the seed, block by block,
they are the same numbers each time, and memory stays bounded. What a generator drew is told by
its seed and by the hash of its bytes, so that others can draw it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck.data import BadInput
from theorycheck.model import node_scales

Array = NDArray[np.float64]

#: doubles of weights or of pre-activations in one block
BLOCK = 2**20
#: between these sizes (or 0) no product or power that a certificate takes leaves the range of normal doubles
LEAST, LARGEST = 2.0**-100, 2.0**100
#: drawn weights are kept in memory up to this many doubles
HELD = 2**26
#: the widest layer; the recheck takes no wider one
MOST = 10**8


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights ``(m, d)``, output weights ``(m,)`` and node scales ``(m,)`` of a hidden layer.

    Parameters
    ----------
    m, d
        Neurons and inputs of each.
    signs, scales
        ``(m,)`` doubles, taken exactly.
    weights
        ``(m, d)`` doubles, or None where they are drawn again for every pass.
    laws
        How ``weights``, ``signs`` and ``scales`` were drawn, where they were; plain enough for JSON.
    """

    m: int
    d: int
    signs: Array
    scales: Array
    weights: Array | None = None
    laws: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {"signs": (self.m,), "scales": (self.m,), "weights": (self.m, self.d)}
        for name, shape in shapes.items():
            if getattr(self, name) is None:
                continue
            array = np.asarray(getattr(self, name), dtype=float)
            if array.shape != shape or not np.all(np.isfinite(array)):
                raise BadInput(f"{name} must be finite and of shape {shape}, not {array.shape}")
            object.__setattr__(self, name, array)
        within("output weights", self.signs)
        within("node scales", self.scales, least=LEAST**2)

    def blocks(self, samples: int) -> Iterator[tuple[slice, Array]]:
        """Yield ``(place, weights)`` for consecutive blocks of neurons, fit for that many samples."""
        rows = max(2, BLOCK // max(self.d, samples) // 2 * 2)
        if self.weights is None:
            yield from _drawn(self.laws["weights"], self.m, self.d, rows)
            return
        for start in range(0, self.m, rows):
            place = slice(start, min(start + rows, self.m))
            yield place, self.weights[place]

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the little-endian bytes of weights, signs and scales."""
        digest = hashlib.sha256()
        for _, weights in self.blocks(1):
            digest.update(np.ascontiguousarray(weights, "<f8").data)
        rest = {name: sha256(getattr(self, name)) for name in ("signs", "scales")}
        return {"weights": digest.hexdigest(), **rest}


def within(name: str, values: Array, *, least: float = LEAST) -> None:
    """Refuse sizes at which rounding bounds would have to count subnormal numbers.

    Raises
    ------
    BadInput
        If a nonzero entry lies outside ``[least, 2^100]``.
    """
    sizes = np.abs(values[values != 0])
    if sizes.size and not (sizes.min() >= least and sizes.max() <= LARGEST):
        raise BadInput(
            f"{name} are as small as {sizes.min():.3g} or as large as {sizes.max():.3g}: certificates need sizes between "
            f"{least:.3g} and {LARGEST:.3g}, so scale the data or the network"
        )


def sha256(array: Array) -> str:
    """Return SHA-256 of an array's little-endian doubles in C order."""
    return hashlib.sha256(np.ascontiguousarray(array, "<f8").data).hexdigest()


def _drawn(law: Mapping[str, Any], m: int, d: int, rows: int) -> Iterator[tuple[slice, Array]]:
    """Draw weights block by block: the same numbers as all at once."""
    yield from _with(np.random.default_rng(law["seed"]), law, m, d, rows)


def _with(
    generator: np.random.Generator, law: Mapping[str, Any], m: int, d: int, rows: int
) -> Iterator[tuple[slice, Array]]:
    pair = 2 if law["mirrored"] else 1
    for start in range(0, m, rows):
        stop = min(start + rows, m)
        drawn = generator.standard_normal(((stop - start) // pair, d))
        if law["scale"] != 1.0:
            drawn *= law["scale"]
        yield slice(start, stop), np.repeat(drawn, 2, axis=0) if law["mirrored"] else drawn


def draw_layer(
    m: int,
    d: int,
    seed: int | list[int],
    *,
    scale: float = 1.0,
    sign_law: str = "signs",
    sign_scale: float = 1.0,
    mirrored: bool = False,
    nodes: Mapping[str, Any] | None = None,
) -> Layer:
    """Return a layer with weights N(0, scale^2), output weights of size ``sign_scale`` and node scales.

    Parameters
    ----------
    sign_law
        ``signs`` (uniform on two values) or ``normal signs`` (Gaussian).
    mirrored
        Neurons come in pairs of equal weights and opposite output weights, so the output is 0.
    nodes
        ``{"law": "constant", "value": 1.0}`` or ``{"law": "asymmetric", "gamma": g, "alpha": a}``.

    Raises
    ------
    BadInput
        If the sizes do not fit.
    """
    if m < 1 or d < 1:
        raise BadInput(f"a layer has at least one neuron and one input, not m = {m} and d = {d}")
    if m > MOST:
        raise BadInput(f"m = {m} neurons are more than a certificate can have, which is {MOST}: lower m")
    if min(seed if isinstance(seed, list) else [seed]) < 0:
        raise BadInput(f"seeds and draws are whole numbers of at least 0, not {seed}")
    if mirrored and m % 2:
        raise BadInput(f"mirrored neurons come in pairs, so m must be even, not {m}")
    nodes = {"law": "constant", "value": 1.0} if nodes is None else dict(nodes)
    weights_law = {"law": "gaussian", "seed": seed, "scale": scale, "mirrored": mirrored}
    signs_law = {"law": sign_law, "seed": seed, "scale": sign_scale, "mirrored": mirrored}
    generator = np.random.default_rng(seed)
    held = np.empty((m, d)) if m * d <= HELD else None
    digest = hashlib.sha256()
    for place, block in _with(generator, weights_law, m, d, max(2, BLOCK // d // 2 * 2)):
        digest.update(np.ascontiguousarray(block, "<f8").data)
        if held is not None:
            held[place] = block
    layer = Layer(
        m, d, _signs(generator, signs_law, m), _scales(nodes, m), held,
        {"weights": weights_law, "signs": signs_law, "scales": nodes},
    )  # fmt: skip
    rest = {name: sha256(getattr(layer, name)) for name in ("signs", "scales")}
    layer.__dict__["hashes"] = {"weights": digest.hexdigest(), **rest}  # known from the pass that drew them
    return layer


def _signs(generator: np.random.Generator, law: Mapping[str, Any], m: int) -> Array:
    pairs = m // 2
    if law["law"] == "normal signs":
        found = np.asarray(generator.standard_normal(pairs if law["mirrored"] else m), float)
        found = np.column_stack([found, -found]).ravel() if law["mirrored"] else found
    elif law["mirrored"]:
        found = np.tile([1.0, -1.0], pairs)
    else:
        found = generator.integers(0, 2, m) * 2.0 - 1.0
    return np.asarray(found if law["scale"] == 1.0 else found * law["scale"], float)


def _scales(law: Mapping[str, Any], m: int) -> Array:
    if law["law"] == "constant":
        return np.broadcast_to(np.float64(law["value"]), (m,))
    return node_scales(m, law["gamma"], law["alpha"])
