"""Time of gradient descent over that of its matrix products, on the runs of shi2023's end-to-end theorem (R8.4).

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/descent.py --json -

The peers make the products of a step, nothing else, into kept arrays: ``W X'``, ``a' H``, ``H X`` and ``H R``, each as often as
the descent does: as NumPy calls, as calls of the same library in a compiled loop, and as compiled loops over neurons that are
next to each other. The descent records the loss of every step, as the theorem needs. Runs are interleaved, compilation is
excluded, the least processor time of a step is reported, and the ratio to the fastest of the three.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import numba as nb
import numpy as np

from theorycheck.flow.descent import descend
from theorycheck.theorems.shi2023.end_to_end import END_TO_END, LOSSES, first_step

RUNS = {
    "linear, ticket": {"data": "orthogonal", "d": 2, "n": 2},
    "linear, ticket, logistic": {"data": "orthogonal", "d": 2, "n": 2, "loss": "logistic"},
    "linear, whole": {"data": "orthogonal", "d": 2, "n": 2, "m": 0, "ticket": False},
    "linear, whole, logistic": {"data": "orthogonal", "d": 2, "n": 2, "m": 0, "ticket": False, "loss": "logistic"},
    "breast_cancer, ticket": {"data": "breast_cancer", "columns": "20,27", "rows": 30, "epsilon": 0.6, "excess": 0.35},
    "xor, ticket": {"task": "xor", "m": 0},
    "xor, ticket, logistic": {"task": "xor", "m": 0, "loss": "logistic"},
    "xor, whole": {"task": "xor", "m": 0, "ticket": False},
    "xor, whole, logistic": {"task": "xor", "m": 0, "ticket": False, "loss": "logistic"},
}


def as_calls(inputs: np.ndarray, weights: np.ndarray, outer: np.ndarray, steps: int) -> None:
    """The matrix products of that many steps, as NumPy calls."""
    (n, d), m = inputs.shape, len(weights)
    heights, output, force = np.empty((m, n)), np.empty((1, n)), np.ones((n, 1))
    slopes, change, columns, row = np.empty((m, d)), np.empty((m, 1)), np.ascontiguousarray(inputs.T), outer.T.copy()
    for _ in range(steps):
        np.dot(weights, columns, out=heights)
        np.dot(row, heights, out=output)
        np.dot(heights, inputs, out=slopes)
        np.dot(heights, force, out=change)


@nb.njit
def in_a_loop(inputs, weights, outer, steps):  # type: ignore[no-untyped-def]
    """The same calls in a compiled loop."""
    (n, d), m = inputs.shape, len(weights)
    heights, output, force = np.empty((m, n)), np.empty((1, n)), np.ones((n, 1))
    slopes, change, columns, row = np.empty((m, d)), np.empty((m, 1)), np.ascontiguousarray(inputs.T), outer.reshape(1, m)  # fmt: skip
    for _ in range(steps):
        np.dot(weights, columns, heights)
        np.dot(row, heights, output)
        np.dot(heights, inputs, slopes)
        np.dot(heights, force, change)
    return slopes[0, 0] + output[0, 0] + change[0, 0]


@nb.njit
def as_loops(inputs, weights, outer, steps):  # type: ignore[no-untyped-def]
    """The same products as loops, neurons next to each other in memory."""
    (n, d), m = inputs.shape, len(weights)
    first, own, heights, output = weights.T.copy(), outer[:, 0].copy(), np.zeros((n, m)), np.zeros(n)
    slopes, change = np.zeros((d, m)), np.zeros(m)
    for _ in range(steps):
        for i in range(n):
            for j in range(m):
                heights[i, j] = inputs[i, 0] * first[0, j]
            for e in range(1, d):
                for j in range(m):
                    heights[i, j] += inputs[i, e] * first[e, j]
            output[i] = np.dot(heights[i], own)
        slopes[:], change[:] = 0.0, 0.0
        for i in range(n):
            for j in range(m):
                change[j] += heights[i, j]
            for e in range(d):
                for j in range(m):
                    slopes[e, j] += inputs[i, e] * heights[i, j]
    return slopes[0, 0] + output[0] + change[0]


PEERS = {"calls": as_calls, "calls in a loop": in_a_loop, "loops": as_loops}


def measure(flags: dict, steps: int, runs: int) -> dict:
    """Least times over interleaved runs of one problem, in microseconds for a step."""
    instance = END_TO_END.example(**flags)
    net, given = first_step(instance), instance.parameters
    count = min(steps, int(given["T"]) - 1)
    work = (np.ascontiguousarray(net.inputs), np.array(net.weights), np.array(net.outer))

    def ours(steps: int) -> None:
        descend(net, instance.labels, step=given["eta"], steps=steps, loss=LOSSES[int(given["loss"])], mean=True, record=range(steps + 1))  # fmt: skip

    contestants = {"ours": ours} | {name: (lambda steps, peer=peer: peer(*work, steps)) for name, peer in PEERS.items()}
    least = dict.fromkeys(contestants, np.inf)
    for run in contestants.values():
        run(1)  # compile, warm up
    for _ in range(runs):
        for name, run in contestants.items():
            start = time.process_time()
            run(count)
            least[name] = min(least[name], 1e6 * (time.process_time() - start) / count)
    fastest = min(least[name] for name in PEERS)
    return {"n": instance.n, "m": instance.m, "d": instance.d, "T": int(given["T"]), "steps": count, **least, "ratio": least["ours"] / fastest}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", default="-", help="where to write the result; - is standard output")
    parser.add_argument("--steps", type=int, default=10_000, help="steps of each run, at most the theorem's")
    parser.add_argument("--runs", type=int, default=7)
    flags = parser.parse_args()
    found = {name: measure(run, flags.steps, flags.runs) for name, run in RUNS.items()}
    text = json.dumps({"benchmark": "descent", "python": platform.python_version(), "numpy": np.__version__, "runs": found}, indent=2) + "\n"  # fmt: skip
    if flags.json == "-":
        sys.stdout.write(text)
    else:
        Path(flags.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
