"""Read a JSON file strictly: no duplicate keys, no NaN, nothing but an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from theorycheck.recheck.results import BadCertificate

FORMAT = "theorycheck certificate 1"
_LARGEST_FILE = 2**29  # bytes
_HEAD = "give the path of a certificate file that `theorycheck` wrote"


def read(path: Path) -> dict[str, Any]:
    """Return the certificate's JSON object.

    Raises
    ------
    BadCertificate
        If the file is missing, is not strict JSON, is not an object, or has another format version.
    """
    try:
        if not path.is_file():
            raise BadCertificate(f"there is no file {path.name}: {_HEAD}")
        if path.stat().st_size > _LARGEST_FILE:
            raise BadCertificate(f"{path.name} is larger than {_LARGEST_FILE} bytes: keep large arrays in an NPZ file")
        text = path.read_text(encoding="utf-8")
    except BadCertificate:
        raise
    except UnicodeDecodeError:
        raise BadCertificate(f"{path.name} is not UTF-8 text: {_HEAD}") from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "it is missing or too large"
        raise BadCertificate(f"cannot read {path.name} ({reason}): {_HEAD}") from None
    found = parsed(text, path.name)
    if not isinstance(found, dict):
        raise BadCertificate(f"{path.name} does not hold a JSON object: {_HEAD}")
    if found.get("format") != FORMAT:
        raise BadCertificate(f'{path.name} does not say "format": "{FORMAT}": write it again with this version')
    return found


def parsed(text: str, name: str) -> Any:
    """Parse JSON text, refusing what the standard refuses and Python lets through."""
    try:
        return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except BadCertificate:
        raise
    except RecursionError:
        raise BadCertificate(f"{name} is nested too deeply: {_HEAD}") from None
    except ValueError as problem:
        raise BadCertificate(f"{name} is not JSON ({problem}): {_HEAD}") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        twin = next(key for key in names if names.count(key) > 1)
        raise BadCertificate(f"the key {twin!r} stands twice in one object: keep one of them")
    return found


def _no_constant(token: str) -> Any:
    raise BadCertificate(f"the token {token} is not a number of JSON: write finite numbers only")
