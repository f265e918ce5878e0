"""The runs of an experiment in a file: a line of JSON for each, added when it is made, so that a rerun goes on from there.

The first line says which experiment it is, with factors and protocol; each further line is
``{"point", "seed", "numbers", "check"}`` with a checksum of the rest. A line is written in one call, so that an
interruption costs at most the last one; a line that cannot be read is named, and its run made again.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, one_line

if TYPE_CHECKING:
    from theorycheck.experiment import Experiment, Point

SCHEMA = "theorycheck-runs/1"
Key = tuple[str, int]
Runs = dict[Key, Mapping[str, float]]
Keep = Callable[["Point", int, Mapping[str, float]], None]


def key(point: Point, seed: int) -> Key:
    """Return what tells one run from another."""
    return json.dumps(dict(point), sort_keys=True), seed


def kept(experiment: Experiment, target: str | None) -> tuple[Runs, Keep]:
    """Return the runs that a file holds, and a function that adds one; without a file none, and one that does nothing.

    Raises
    ------
    UsageError
        If the file cannot be written, or holds something else than runs of this experiment as it is today.
    """
    from theorycheck._cli_output import writable

    if target is None:
        return {}, lambda point, seed, numbers: None
    path = writable(target, "--resume")
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    except OSError as problem:
        raise UsageError(f"--resume {target!r} cannot be read ({problem.strerror})") from None
    if not text:
        _append(path, _dumps(_head(experiment)))
        return {}, _keeper(path)
    runs = _read(experiment, target, text)
    if not text.endswith("\n"):
        _append(path, "")  # what was cut off stays a line of its own
    return runs, _keeper(path)


def _keeper(path: Path) -> Keep:
    def keep(point: Point, seed: int, numbers: Mapping[str, float]) -> None:
        body = {"point": dict(point), "seed": seed, "numbers": dict(numbers)}
        _append(path, _dumps({**body, "check": _check(body)}))

    return keep


def _head(experiment: Experiment) -> dict[str, Any]:
    return {
        "schema": SCHEMA, "experiment": experiment.label, "protocol": experiment.protocol,
        "factors": {name: list(values) for name, values in experiment.factors.items()}, "numbers": sorted(experiment.numbers),
    }  # fmt: skip


def _dumps(document: Mapping[str, Any]) -> str:
    from theorycheck.report_json import plain

    return json.dumps(plain(document), ensure_ascii=False, allow_nan=False)


def _check(body: Mapping[str, Any]) -> str:
    from theorycheck.report_json import plain

    return f"{zlib.crc32(json.dumps(plain(body), sort_keys=True).encode()):08x}"


def _append(path: Path, line: str) -> None:
    """Write one line in one call, at the end, whoever else writes there."""
    content = f"{line}\n".encode()
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(file, content) != len(content):
                raise OSError(0, "no room left")
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as problem:
        raise UsageError(
            f"--resume {str(path)!r} could not be written ({problem.strerror}): make room for it"
        ) from None


def _read(experiment: Experiment, target: str, text: str) -> Runs:
    first, *lines = text.split("\n")
    try:
        head = json.loads(first)
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise UsageError(f"--resume {target!r} is not a file of runs: name another file, or one that does not exist")
    if head.get("experiment") != experiment.label:
        raise UsageError(f"--resume {target!r} holds runs of {head.get('experiment')}, not of {experiment.label}")
    if changed := [name for name, value in json.loads(_dumps(_head(experiment))).items() if head.get(name) != value]:
        raise UsageError(
            f"--resume {target!r} holds runs of another {experiment.label}: its {changed[0]} differ from today's"
        )
    runs: Runs = {}
    points = {key(point, 0)[0] for point in experiment.points()}
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        try:
            found, numbers = _run(experiment, line, points)
        except (ValueError, KeyError, TypeError) as problem:
            why = one_line(problem)
            sys.stderr.write(f"{target}, line {number} is damaged ({why}): it is left out, its run made again\n")
        else:
            runs.setdefault(found, numbers)
    return runs


def _run(experiment: Experiment, line: str, points: set[str]) -> tuple[Key, Mapping[str, float]]:
    """Return a line's run, or raise ValueError, KeyError or TypeError, which say what is wrong."""
    try:
        body = json.loads(line)
    except ValueError:
        raise ValueError("cut off, or not JSON") from None
    if not isinstance(body, dict) or set(body) != {"point", "seed", "numbers", "check"}:
        raise ValueError("not a run")
    if body.pop("check") != _check(body):
        raise ValueError("its checksum is another")
    found = key(body["point"], body["seed"])
    if found[0] not in points or not isinstance(body["seed"], int):
        raise ValueError("no point of the experiment")
    # what is not finite was written as "nan", "inf" or "-inf"
    return found, {name: float(body["numbers"][name]) for name in experiment.numbers}
