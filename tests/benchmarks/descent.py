"""Time of gradient descent over that of its matrix products, on the runs of shi2023's end-to-end theorem (R8.4).

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/descent.py --json -

The peer makes the products of a step, nothing else, into kept arrays: ``W X'``, ``a' H``, ``H X`` and ``H R``, each as often as
the descent does. Runs are interleaved, compilation is excluded, medians of processor time are reported: of a descent that
records its last state, and of one that records the loss at every step, as the theorem needs.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from theorycheck.flow.descent import descend
from theorycheck.theorems.shi2023.end_to_end import END_TO_END, LOSSES, first_step

RUNS = {
    "linear, ticket": {"data": "orthogonal", "d": 2, "n": 2},
    "linear, ticket, logistic": {"data": "orthogonal", "d": 2, "n": 2, "loss": "logistic", "times": 2.0},
    "linear, whole": {"data": "orthogonal", "d": 2, "n": 2, "m": 400, "ticket": False, "epsilon": 0.9, "excess": 0.9},
    "breast_cancer, ticket": {"data": "breast_cancer", "columns": "20,27", "rows": 30, "epsilon": 0.6, "excess": 0.35},
    "xor, ticket": {"task": "xor", "m": 400, "epsilon": 0.9, "excess": 0.9},
    "xor, whole": {"task": "xor", "m": 400, "ticket": False, "epsilon": 0.9, "excess": 0.9},
}


def products(inputs: np.ndarray, weights: np.ndarray, outer: np.ndarray, steps: int) -> None:
    """The matrix products of that many steps."""
    (n, d), m = inputs.shape, len(weights)
    heights, output, force = np.empty((m, n)), np.empty((1, n)), np.ones((n, 1))
    slopes, change, columns, row = np.empty((m, d)), np.empty((m, 1)), np.ascontiguousarray(inputs.T), outer.T.copy()
    for _ in range(steps):
        np.dot(weights, columns, out=heights)
        np.dot(row, heights, out=output)
        np.dot(heights, inputs, out=slopes)
        np.dot(heights, force, out=change)


def seconds(function, *arguments, **options) -> float:
    """Processor time of one call."""
    start = time.process_time()
    function(*arguments, **options)
    return time.process_time() - start


def measure(flags: dict, steps: int, runs: int) -> dict:
    """Medians over interleaved runs of one problem."""
    instance = END_TO_END.example(**flags)
    net, given = first_step(instance), instance.parameters
    steps = min(steps, int(given["T"]) - 1)
    options = {"step": given["eta"], "steps": steps, "loss": LOSSES[int(given["loss"])], "mean": True}
    work = (np.ascontiguousarray(net.inputs), np.array(net.weights), np.array(net.outer), steps)
    descend(net, instance.labels, **{**options, "steps": 1}), products(*work[:3], 1)  # compile, warm up
    times = [
        (
            seconds(descend, net, instance.labels, record=[steps], **options),
            seconds(descend, net, instance.labels, record=range(steps + 1), **options),
            seconds(products, *work),
        )
        for _ in range(runs)
    ]
    last, every, peer = (1e6 * statistics.median(column) / steps for column in zip(*times, strict=True))
    return {
        "n": instance.n, "m": instance.m, "d": instance.d, "T": int(given["T"]), "steps": steps, "microseconds": last,
        "microseconds_recorded": every, "peer_microseconds": peer, "ratio": statistics.median(a / c for a, _, c in times),
        "ratio_recorded": statistics.median(b / c for _, b, c in times),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", default="-", help="where to write the result; - is standard output")
    parser.add_argument("--steps", type=int, default=3000, help="steps of each run, at most the theorem's")
    parser.add_argument("--runs", type=int, default=5)
    flags = parser.parse_args()
    found = {name: measure(run, flags.steps, flags.runs) for name, run in RUNS.items()}
    text = json.dumps({"benchmark": "descent", "python": platform.python_version(), "numpy": np.__version__, "runs": found}, indent=2) + "\n"  # fmt: skip
    if flags.json == "-":
        sys.stdout.write(text)
    else:
        Path(flags.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
