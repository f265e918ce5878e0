"""What ours alone costs: time and memory against width and sample count, and the first and second compilation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _flow_peers import METHODS
from _flow_problems import SAMPLES, WIDTHS
from _flow_worker import Worker, start

#: derivation and compilation: a first flow minus a second one in the same process
_COMPILE = """
import json, sys, time
begin = time.perf_counter()
import numpy as np
from theorycheck.flow import follow
from theorycheck.model import Instance, gaussian_weights, node_scales
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.network import ASYMMETRIC
imported = time.perf_counter() - begin

def run():
    weights, signs = gaussian_weights(32, 4, 0)
    inputs = np.random.default_rng(0).standard_normal((4, 4))
    instance = Instance(inputs, np.ones(4), weights, signs, node_scales(32, 1.0, 0.5), ASYMMETRIC, ACTIVATIONS[sys.argv[1]])
    begin = time.perf_counter()
    follow(instance, times=np.array([0.0, 1.0]))
    return time.perf_counter() - begin

first = run()
print(json.dumps({"import": imported, "compile": first - run()}))
"""


def compilation(names: list[str], say: Callable[[str], None]) -> dict:
    """Return, for each activation, seconds with empty caches and in the next process: import, and what compiling adds."""
    table = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            fresh = {"THEORYCHECK_CACHE_DIR": folder, "NUMBA_CACHE_DIR": str(Path(folder) / "numba")}
            runs = []
            for _ in range(2):
                done = subprocess.run(
                    [sys.executable, "-c", _COMPILE, name],
                    env={**os.environ, **fresh}, capture_output=True, text=True, check=False,
                )  # fmt: skip
                if done.returncode:
                    runs.append({"failed": done.stderr.strip().splitlines()[-1]})
                else:
                    runs.append(json.loads(done.stdout))
        table[name] = {"first": runs[0], "second": runs[1]}
        say(f"  {name}: first {runs[0]}, second {runs[1]}")
    return table


def scaling(kind: str, limit: float, most: int, say: Callable[[str], None]) -> dict:
    """Return times and memory against ``m`` or ``n`` up to ``most``, each the better of two runs, and fitted slopes."""
    sizes = [size for size in (WIDTHS if kind == "m" else SAMPLES) if size <= most]
    rows: list[dict] = []
    for size in sizes:
        worker = start(f"{kind}-{size}", "ours", limit, compare=False)
        if isinstance(worker, str):
            rows.append({kind: size, "stopped": worker})
            break
        row = _twice(worker, limit)
        worker.close()
        rows.append({kind: size, **row})
        say(
            f"  {kind} = {size}: {row.get('seconds', 0):.2f} s, {row.get('memory_mib', 0):.0f} MiB {row.get('stopped', '')}"
        )
        if "error" not in row:
            break
    return {"rows": rows, "slopes": _slopes(kind, [row for row in rows if "error" in row])}


def _twice(worker: Worker, limit: float) -> dict:
    first = worker.solve(METHODS["ours"].start, limit)
    if "error" not in first or first["seconds"] > limit / 4:
        return first
    second = worker.solve(METHODS["ours"].start, limit)
    if "error" not in second:
        return first
    return {**min(first, second, key=lambda row: row["seconds"]), "memory_mib": first["memory_mib"]}


def _slopes(kind: str, rows: list[dict]) -> dict:
    """Fit log-log slopes of time, time per evaluation and memory over the upper half of the sizes, and over all."""
    found = {}
    for name, part in (("all", rows), ("upper half", rows[len(rows) // 2 :])):
        if len(part) < 2:
            continue
        size = np.log([row[kind] for row in part])
        columns = {
            "time": [row["seconds"] for row in part],
            "time per evaluation": [row["seconds"] / max(row["evaluations"], 1) for row in part],
            "memory": [max(row["memory_mib"], 0.1) for row in part],
        }
        found[name] = {key: float(np.polyfit(size, np.log(values), 1)[0]) for key, values in columns.items()}
    return found
