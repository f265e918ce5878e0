"""Certificates of wide networks: time and memory against the width, each width in a process of its own.

Run ``python tests/benchmarks/certify.py [widths]``; by default 1e5 and 1e6 neurons, and 1e7 if asked for.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

#: fifty orthogonal samples of fifty dimensions, labels a little off the initial output
SETTING = {"n": 50, "d": 50, "data": "orthogonal", "residual": 0.02}


def one(label: str, m: int) -> None:
    """Certify one network and print what it took."""
    from theorycheck.certify import certify
    from theorycheck.theorems import recipe

    started = time.perf_counter()
    problem = recipe(label).example(m=m, **SETTING)
    drawn = time.perf_counter()
    found = certify(recipe(label), problem)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer = "certified" if found.holds else f"missed by {found.missed[0].lhs / found.missed[0].rhs:.3g}"
    print(f"{label:<20} {m:>10} {drawn - started:>9.1f} {done - drawn:>9.1f} {peak:>9.0f}   {answer}", flush=True)


def main(widths: list[int]) -> None:
    """Print a table of widths, seconds to draw and to certify, and MiB."""
    print(f"{'theorem':<20} {'m':>10} {'draw, s':>9} {'certify, s':>9} {'MiB':>9}")
    for label in ("caron2023.r0", "razborov2022.r1"):
        for m in widths:
            subprocess.run([sys.executable, __file__, "--one", label, str(m)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], int(sys.argv[3]))
    else:
        main([int(float(word)) for word in sys.argv[1:]] or [100_000, 1_000_000])
