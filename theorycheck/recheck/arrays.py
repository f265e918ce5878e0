"""The data arrays of a certificate: inline, in an NPZ file, or drawn again, always against their hash.

Rows come in chunks, so that weights of any width pass through little memory.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from theorycheck.recheck import drawn
from theorycheck.recheck.form import is_number, wrong_keys

Array = NDArray[np.float64]
_SOURCES = ("values", "file", "drawn")


class BadArray(ValueError):
    """An array that cannot be used; its text becomes a failed line."""


class Source(NamedTuple):
    """One array: its name, shape, hash, and a function that yields it in chunks of at most so many rows."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    chunks: Callable[[int], Iterator[Array]]
    drawn: bool


def source_of(name: str, described: Any, shape: tuple[int, ...], data: dict[str, Any], folder: Path) -> Source:
    """Check an array's description and return where to get it.

    Raises
    ------
    BadArray
        If the description is not one of the three forms, or its shape is not ``shape``.
    """
    if not isinstance(described, dict):
        raise BadArray(f"data {name} must be an object")
    kind = next((key for key in _SOURCES if key in described), "values")
    keys = {"shape", "sha256", kind} | ({"key"} if kind == "file" else set())
    problem = wrong_keys(described, keys, f"data {name}")
    if problem:
        raise BadArray(problem)
    found, digest = described["shape"], described["sha256"]
    if not (isinstance(found, list) and all(type(x) is int for x in found) and tuple(found) == shape):
        raise BadArray(f"data {name} must have the shape {list(shape)}")
    if not (isinstance(digest, str) and len(digest) == 64 and set(digest) <= set("0123456789abcdef")):
        raise BadArray(f"data {name} needs a sha256 of 64 lowercase hexadecimal digits")
    if kind == "drawn":
        problem = drawn.problem_of(name, described["drawn"], data, shape[0])
        if problem:
            raise BadArray(problem)
        return Source(name, shape, digest, lambda rows: drawn.chunks(described["drawn"], shape, data, rows), True)
    if kind == "file":
        return _in_file(name, shape, digest, described, folder)
    values = _inline(name, described["values"], shape)
    return Source(name, shape, digest, lambda rows: _cut(values, rows), False)


def rows_of(source: Source, rows: int) -> Iterator[Array]:
    """Yield an array in chunks of ``rows`` rows; after the last one, hold it against shape and hash.

    Raises
    ------
    BadArray
        If a number is not finite, or the hash or the number of rows differs.
    """
    digest, seen = hashlib.sha256(), 0
    for chunk in source.chunks(rows):
        if not np.all(np.isfinite(chunk)):
            raise BadArray(f"data {source.name} has numbers that are not finite")
        digest.update(np.ascontiguousarray(chunk, dtype="<f8").tobytes())
        seen += len(chunk)
        yield chunk
    if seen != source.shape[0]:
        raise BadArray(f"data {source.name} has {seen} rows, not {source.shape[0]}")
    if digest.hexdigest() != source.sha256:
        why = "this NumPy draws other numbers, or the certificate was altered"
        raise BadArray(f"data {source.name}: sha256 differs: {why if source.drawn else 'the numbers were altered'}")


def whole(source: Source) -> Array:
    """Return an array at once."""
    return np.concatenate(list(rows_of(source, max(1, 2**20 // max(1, math.prod(source.shape[1:]))))))


def _cut(values: Array, rows: int) -> Iterator[Array]:
    for start in range(0, len(values), rows):
        yield values[start : start + rows]


def _inline(name: str, values: Any, shape: tuple[int, ...]) -> Array:
    if not isinstance(values, list) or len(values) != math.prod(shape):
        raise BadArray(f"data {name} values must be a flat list of {math.prod(shape)} numbers")
    if not all(map(is_number, values)):
        raise BadArray(f"data {name} values must be finite numbers")
    return np.array(values, dtype=np.float64).reshape(shape)


def _in_file(name: str, shape: tuple[int, ...], digest: str, described: dict[str, Any], folder: Path) -> Source:
    file, key = described["file"], described["key"]
    if not (isinstance(file, str) and isinstance(key, str) and _is_plain(file) and _is_plain(key)):
        raise BadArray(f"data {name} must name a plain file in the certificate's folder, and a plain key")
    if not (folder / file).is_file():
        raise BadArray(f"data {name}: the file {file} is not beside the certificate: put it there")
    return Source(name, shape, digest, lambda rows: _npz_chunks(folder / file, key, name, shape, rows), False)


def _is_plain(name: str) -> bool:
    return bool(name) and name not in (".", "..") and not set(name) & set('/\\:\0"<>|?*')


def _npz_chunks(path: Path, key: str, name: str, shape: tuple[int, ...], rows: int) -> Iterator[Array]:
    """Read a member of an NPZ file by its header, never through pickles and never whole."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
            found, fortran, dtype = _header(member)
            if dtype.hasobject or dtype.str != "<f8" or fortran or tuple(found) != shape:
                raise BadArray(f"data {name}: {key} in {path.name} must be float64, in C order, of shape {list(shape)}")
            width = math.prod(shape[1:])
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                block = member.read(8 * count * width)
                if len(block) != 8 * count * width:
                    raise BadArray(f"data {name}: {key} in {path.name} is cut short")
                yield np.frombuffer(block, dtype="<f8").astype(np.float64).reshape(count, *shape[1:])
            if member.read(1):
                raise BadArray(f"data {name}: {key} in {path.name} goes on after its end")
    except BadArray:
        raise
    except Exception as problem:  # whatever a broken archive makes the standard library raise
        raise BadArray(f"data {name}: cannot read {key} from {path.name} ({problem})") from None


def _header(member: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(member)
    if version == (1, 0):
        return npy.read_array_header_1_0(member)
    if version == (2, 0):
        return npy.read_array_header_2_0(member)
    raise ValueError(f"unknown version {version} of an array file")
