"""A certificate as a file: JSON with every number that is claimed, arrays beside it in NPZ when they are large.

What is in the file, and what each number means, is read by :mod:`theorycheck.recheck`, which shares no
code with this package. Doubles are written with their shortest exact decimal, and are meant exactly.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorycheck import __version__
from theorycheck.certify.layer import sha256
from theorycheck.certify.methods import method
from theorycheck.certify.problem import Problem
from theorycheck.certify.recipe import Attempt
from theorycheck.data import BadInput
from theorycheck.recheck.form import ACTIVATIONS
from theorycheck.symbolic.network import INNER, OUTPUT_WEIGHT

Array = NDArray[np.float64]

FORMAT = "theorycheck certificate 1"
#: arrays up to this many numbers stand in the JSON text itself
INLINE = 1024
#: uneven node scales are stored up to this many, rather than the law that gives them
STORED = 2**21


def document(attempt: Attempt, beside: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the certificate as plain JSON data, and the arrays that belong in the NPZ file ``beside``.

    Raises
    ------
    ValueError
        If the attempt did not succeed: there is nothing to write.
    """
    if not attempt.holds:
        raise ValueError(f"{attempt.recipe.label} could not be certified here, so there is no certificate to write")
    problem = attempt.problem
    both = OUTPUT_WEIGHT in problem.neuron.trained and INNER in problem.neuron.trained
    arrays: dict[str, Array] = {}
    how = {name: method(attempt.recipe.label, name) for name in attempt.found.evidence}
    made = {"flags": {}, "notes": list(problem.notes), **_plain(problem.made), "methods": how}
    return {
        "format": FORMAT,
        "program": f"theorycheck {__version__}",
        "theorem": attempt.recipe.label,
        "dynamics": attempt.dynamics,
        "model": {
            "neuron": problem.neuron.name,
            "activation": problem.activation.name,
            "n": problem.n,
            "d": problem.d,
            "m": problem.m,
            "rates": [float(rate) for rate in problem.rates] if both else [1.0, 0.0],
            "output_scale": float(problem.output_scale),
        },
        "data": _data(problem, beside, arrays),
        "choices": _plain(attempt.found.choices),
        "evidence": _plain(attempt.found.evidence),
        "conclusions": [
            {"name": one.name, "says": one.says, "side": one.side, "value": one.value} for one in attempt.conclusions
        ],
        "history": _plain(problem.history),
        "made": made,
    }, arrays


def _plain(value: Any) -> Any:
    """Return plain JSON data for numbers of NumPy, tuples and mappings."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _data(problem: Problem, beside: str, arrays: dict[str, Array]) -> dict[str, Any]:
    layer = problem.layer
    found = {
        name: _array(name, getattr(problem, name), sha256(getattr(problem, name)), beside, arrays)
        for name in ("inputs", "labels")
    }
    for name in ("weights", "signs", "scales"):
        shape = [problem.m, problem.d] if name == "weights" else [problem.m]
        law = _law(problem, name)
        if law is not None:
            found[name] = {"shape": shape, "sha256": layer.hashes[name], "drawn": _plain(law)}
        else:
            found[name] = _array(name, getattr(layer, name), layer.hashes[name], beside, arrays)
    return found


def _law(problem: Problem, name: str) -> Mapping[str, Any] | None:
    """Return how others can draw an array again, where that is shorter than the array."""
    scales = problem.layer.scales
    if name == "scales" and np.all(scales == scales[0]):
        return {"law": "constant", "value": float(scales[0])}
    # powers and sums of doubles may differ in the last bit from one machine to the next: written down while they are few
    return None if name == "scales" and problem.m <= STORED else problem.layer.laws.get(name)


def _array(name: str, array: Array, digest: str, beside: str, arrays: dict[str, Array]) -> dict[str, Any]:
    about: dict[str, Any] = {"shape": list(array.shape), "sha256": digest}
    if array.size <= INLINE:
        return about | {"values": array.ravel().tolist()}
    arrays[name] = np.asarray(array, "<f8")
    return about | {"file": beside, "key": name}


def files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return the JSON file and the file for arrays beside it; refuse to replace what is no certificate.

    Raises
    ------
    BadInput
        If the name ends in .npz, or a file of either name exists that no certificate has written.
    """
    target = Path(path)
    if not target.name or target.suffix == ".npz":
        raise BadInput(f"a certificate is a JSON file: name it something like cert.json, not {str(path)!r}")
    beside = target.with_name(target.stem + ".arrays.npz")
    ours = _is_certificate(target)
    for file, mine in ((target, ours), (beside, ours)):
        if file.exists() and not mine:
            raise BadInput(f"{file.name} exists and is no certificate: it is not replaced, so name another file")
    return target, beside


def _is_certificate(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as stream:
            return FORMAT in stream.read(200)
    except (OSError, ValueError):
        return False


def save(attempt: Attempt, path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write a certificate, and return the files: the JSON file, and the NPZ file if there is one.

    Each is written under another name and takes its place in one step; arrays first, so that a JSON file is
    never without them.

    Raises
    ------
    BadInput
        If the name will not do (see :func:`files`), or the recheck does not know the activation.
    ValueError
        If the attempt did not succeed.
    OSError
        If a file cannot be written.
    """
    rechecked(attempt.problem)
    target, beside = files(path)
    content, arrays = document(attempt, beside.name)
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    draft_beside = target.with_name(f".{beside.name}.{os.getpid()}.part")
    try:
        if arrays:
            with draft_beside.open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
        draft.write_text(text, encoding="utf-8")
        if arrays:
            os.replace(draft_beside, beside)
        os.replace(draft, target)
        if not arrays:
            beside.unlink(missing_ok=True)  # of a certificate that stood here before
    finally:
        draft.unlink(missing_ok=True)
        draft_beside.unlink(missing_ok=True)
    return (target, beside) if arrays else (target,)


def rechecked(problem: Problem) -> None:
    """Refuse activations that the recheck does not know: a certificate nobody can check is none.

    Raises
    ------
    BadInput
        If it does not.
    """
    if problem.activation.name not in ACTIVATIONS:
        raise BadInput(
            f"the recheck knows {', '.join(ACTIVATIONS)}, but not {problem.activation.name!r}: such a certificate is not written"
        )
