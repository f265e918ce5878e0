"""Time of a certified least eigenvalue over that of all eigenvalues without a certificate (`scipy.linalg.eigvalsh`).

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/spectrum.py --json -

Four matrices: a Wishart matrix, an indefinite Gaussian one, one of half rank, and a Gram matrix of ReLU features. Runs are
interleaved, with the same threads for both, the median is reported; `width` is that of the certificate over the largest
magnitude of an eigenvalue, and `outside` says how far the peer's value lies outside of it, in the same unit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import scipy.linalg

from theorycheck.spectrum import largest_eigenvalue, least_eigenvalue


def matrices(n: int) -> dict[str, np.ndarray]:
    """The four symmetric matrices ``(n, n)``."""
    rng = np.random.default_rng(0)
    rows, square, half = (rng.standard_normal((n, k)) for k in (n + n // 4, n, n // 2))
    units = rng.standard_normal((n, 20))
    units /= np.linalg.norm(units, axis=1)[:, None]
    cosines = np.clip(units @ units.T, -1.0, 1.0)
    found = {
        "Wishart": rows @ rows.T,
        "indefinite": square,
        "singular": half @ half.T,
        "ReLU Gram": cosines * (np.pi - np.arccos(cosines)) / (2 * np.pi),
    }
    return {name: (matrix + matrix.T) / 2 for name, matrix in found.items()}


def seconds(function, matrix: np.ndarray) -> tuple[float, object]:
    """Wall time of one call, and its result."""
    start = time.perf_counter()
    found = function(matrix)
    return time.perf_counter() - start, found


def measure(name: str, matrix: np.ndarray, runs: int) -> list[dict]:
    """Interleaved medians for the least and the largest eigenvalue of one matrix."""
    functions = {"least": least_eigenvalue, "largest": largest_eigenvalue, "peer": scipy.linalg.eigvalsh}
    rounds = [{key: seconds(function, matrix) for key, function in functions.items()} for _ in range(runs)]
    values = rounds[0]["peer"][1]
    size = float(np.max(np.abs(values)))
    out = []
    for key, plain in (("least", values[0]), ("largest", values[-1])):
        found = rounds[0][key][1]
        out.append(
            {
                "matrix": name,
                "eigenvalue": key,
                "seconds": statistics.median(r[key][0] for r in rounds),
                "peer_seconds": statistics.median(r["peer"][0] for r in rounds),
                "ratio": statistics.median(r[key][0] / r["peer"][0] for r in rounds),
                "width": (found.upper - found.lower) / size,
                "outside": max(0.0, found.lower - float(plain), float(plain) - found.upper) / size,
                "method": found.method,
            }
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", default="-", help="where to write the result; - is standard output")
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    flags = parser.parse_args()
    tables = [row for name, matrix in matrices(flags.n).items() for row in measure(name, matrix, flags.runs)]
    result = {
        "benchmark": "spectrum",
        "n": flags.n,
        "runs": flags.runs,
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", "default"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "results": tables,
    }
    text = json.dumps(result, indent=2) + "\n"
    if flags.json == "-":
        sys.stdout.write(text)
    else:
        Path(flags.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
