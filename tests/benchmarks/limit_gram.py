"""Time of the ReLU limit Gram over that of its two unavoidable operations in NumPy, with the errors of both.

    python tests/benchmarks/limit_gram.py --json -

The peer computes exactly ``X @ X.T`` and the elementwise ``np.arccos`` of the clipped cosines, nothing else: no code
that forms the Gram from angles does less. Runs are interleaved, compilation is excluded, the median is reported.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import mpmath
import numpy as np

from theorycheck.grams import limit_gram
from theorycheck.symbolic.activations import ACTIVATIONS


def data(n: int, d: int) -> np.ndarray:
    """Random unit rows, a few of them nearly parallel, which is where the peer loses digits."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n, d))
    rows[1::50] = rows[::50][: len(rows[1::50])] * (1 + 1e-6 * rng.standard_normal((len(rows[1::50]), d)))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def peer(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two operations: the Gram of the inputs, and the angles. Rows are of unit length."""
    product = inputs @ inputs.T
    return product, np.arccos(np.clip(product, -1.0, 1.0))


def truth(inputs: np.ndarray, i: int, k: int) -> float:
    """One entry of the limit Gram, ``x.x' (pi - angle) / (2 pi d)``, with 60 digits."""
    with mpmath.workdps(60):
        u, v = ([mpmath.mpf(float(x)) for x in inputs[row]] for row in (i, k))
        dot = mpmath.fdot(u, v)
        cosine = dot / mpmath.sqrt(mpmath.fdot(u, u) * mpmath.fdot(v, v))
        angle = mpmath.acos(min(mpmath.mpf(1), max(mpmath.mpf(-1), cosine)))
        return dot * (mpmath.pi - angle) / (2 * mpmath.pi * len(u))


def errors(inputs: np.ndarray, pairs: list[tuple[int, int]]) -> tuple[float, float]:
    """The largest errors over some pairs, ours and the peer's, relative to the largest entry 1 / (2 d)."""
    d = inputs.shape[1]
    ours = limit_gram(ACTIVATIONS["relu"], inputs, d**-0.5).matrix
    product, angles = peer(inputs)
    theirs = product * (np.pi - angles) / (2 * np.pi * d)
    exact = [truth(inputs, i, k) for i, k in pairs]
    return tuple(
        max(float(abs(mpmath.mpf(float(found[i, k])) - t)) for (i, k), t in zip(pairs, exact, strict=True)) * 2 * d
        for found in (ours, theirs)
    )


def seconds(function, *arguments) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def measure(n: int, d: int, runs: int) -> dict:
    """Interleaved medians and the spot check."""
    inputs, relu = data(n, d), ACTIVATIONS["relu"]
    limit_gram(relu, inputs, d**-0.5), peer(inputs)  # compile, warm up
    times = [(seconds(limit_gram, relu, inputs, d**-0.5), seconds(peer, inputs)) for _ in range(runs)]
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    pairs = [(50 * k + 1, 50 * k) for k in range(min(10, n // 50))] + [(7 * k, 3 * k + 1) for k in range(n // 10)][:40]
    our_error, their_error = errors(inputs, pairs)
    return {
        "benchmark": "limit_gram",
        "n": n,
        "d": d,
        "runs": runs,
        "seconds": ours,
        "peer_seconds": theirs,
        "ratio": statistics.median(a / b for a, b in times),
        "error": our_error,
        "peer_error": their_error,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", default="-", help="where to write the result; - is standard output")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--d", type=int, default=100)
    parser.add_argument("--runs", type=int, default=9)
    flags = parser.parse_args()
    text = json.dumps(measure(flags.n, flags.d, flags.runs), indent=2) + "\n"
    if flags.json == "-":
        sys.stdout.write(text)
    else:
        Path(flags.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
