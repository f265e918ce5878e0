"""Time of the descent of caron2023's published experiment over that of its matrix products.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/published.py --json -

n = 100, d = 50, m = 2000, ReLU, full batch, in doubles. The peers make the two products of a step, nothing else, into kept
arrays: ``W X'`` and ``H X`` with a row for each node, as the descent has them, and ``X W'`` and ``X' H'`` with a row for each
sample, which BLAS does a little faster. The second is also timed in single precision. Runs are interleaved, processor time.
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
from theorycheck.theorems.caron2023 import published as pub


def by_node(inputs: np.ndarray, weights: np.ndarray, steps: int) -> None:
    """The products of that many steps, a row for each node."""
    columns, heights, change = (
        np.ascontiguousarray(inputs.T),
        np.empty((len(weights), len(inputs))),
        np.empty(weights.shape),
    )
    for _ in range(steps):
        np.dot(weights, columns, out=heights)
        np.dot(heights, inputs, out=change)


def by_sample(inputs: np.ndarray, weights: np.ndarray, steps: int) -> None:
    """The same, a row for each sample."""
    rows, columns = np.ascontiguousarray(weights.T), np.ascontiguousarray(inputs.T)
    heights, change = np.empty((len(inputs), len(weights)), rows.dtype), np.empty_like(rows)
    for _ in range(steps):
        np.dot(inputs, rows, out=heights)
        np.dot(columns, heights, out=change)


def seconds(function, *arguments, **options) -> float:
    """Processor time of one call."""
    start = time.process_time()
    function(*arguments, **options)
    return time.process_time() - start


def measure(name: str, steps: int, runs: int) -> dict:
    """Medians over interleaved runs of one configuration."""
    train = pub.simulated(0).train
    instance = pub.posed(train, name, 0)
    inputs, weights = np.array(instance.inputs), np.array(instance.weights)
    single = inputs.astype(np.float32), weights.astype(np.float32)
    options = {"step": pub.step_size(train), "record": [0]}
    descend(instance, steps=1, **options), by_node(inputs, weights, 1), by_sample(*single, 1)  # compile, warm up
    times = [
        (
            seconds(descend, instance, steps=steps, **options),
            seconds(by_node, inputs, weights, steps),
            seconds(by_sample, inputs, weights, steps),
            seconds(by_sample, *single, steps),
        )
        for _ in range(runs)
    ]
    ours, nodes, samples, low = (1e3 * statistics.median(column) / steps for column in zip(*times, strict=True))
    return {
        "milliseconds": ours, "products": nodes, "products_by_sample": samples, "products_single": low,
        "ratio": statistics.median(one[0] / one[1] for one in times),
        "ratio_by_sample": statistics.median(one[0] / one[2] for one in times),
        "minutes_of_a_run": ours * pub.STEPS / 6e4,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", default="-", help="where to write the result; - is standard output")
    parser.add_argument("--steps", type=int, default=500, help="steps of each run")
    parser.add_argument("--runs", type=int, default=7)
    flags = parser.parse_args()
    found = {name: measure(name, flags.steps, flags.runs) for name in pub.CONFIGURATIONS}
    text = json.dumps({"benchmark": "published", "python": platform.python_version(), "numpy": np.__version__, "runs": found}, indent=2) + "\n"  # fmt: skip
    if flags.json == "-":
        sys.stdout.write(text)
    else:
        Path(flags.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
