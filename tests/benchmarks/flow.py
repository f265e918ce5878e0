"""Gradient flow against general ODE solvers: time, evaluations, memory and error on the same problems.

    python tests/benchmarks/flow.py --json -

Every method runs in a process of its own, ours and a peer in turn, at the loosest tolerance with which its residual at the
horizon is within 1e-9 of the reference, relative to that residual. Without ``--json`` a table is printed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path

QUICK = ("tanh-15", "small-1e3", "relu-sliding")
MAIN = (
    "tanh-15", "tanh-1e3", "tanh-1e5", "samples-200", "million", "softplus", "erf", "gelu", "relu-sliding", "small-1e3",
)  # fmt: skip
EXTRA = ("scaling-m", "scaling-n", "compile")
PACKAGES = ("theorycheck", "numpy", "scipy", "numba", "diffrax", "jax", "heyoka", "scikit-sundae")


def machine(threads: int) -> dict:
    """Describe the processor, the threads and the versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.system(),
        "python": platform.python_version(),
        "load_at_start": load,
        "versions": versions,
    }


def single(threads: int) -> None:
    """Give every library as many threads: small products are slowed by idle ones. Before any of them is imported."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def line(row: dict) -> str:
    """Return one problem's lines of the table."""
    shown = [f"| {row['name']} | condition {row['condition']:.3g} | ours | {_cells(row['ours'])} | |"]
    order = sorted(row["peers"], key=lambda name: row["peers"][name].get("ratio") or float("inf"))
    for name in order:
        peer = row["peers"][name]
        mark = " (best)" if name == row.get("best_peer") else ""
        ratio = "" if peer.get("ratio") is None else f"{'>= ' if peer['bound'] else ''}{peer['ratio']:.3g}"
        ratio += f" (processor time {peer['cpu_ratio']:.3g})" if "cpu_ratio" in peer else ""
        shown.append(f"| | | {name}{mark} | {_cells(peer)} | {ratio} |")
    return "\n".join(shown)


def _cells(found: dict) -> str:
    """Return time, evaluations, memory, error and tolerance, or why there are none."""
    if "seconds" not in found:
        return f"{found.get('why') or found.get('status')} | | | |"
    late = f" ({found['why']})" if "why" in found else ""
    if found.get("error") is None:
        return f">= {found['seconds']:.3g} s{late} | | | |"
    cells = (
        f"{found['seconds']:.3g} s{late}", f"{found['evaluations']}", f"{found['memory_mib']:.0f} MiB", f"{found['error']:.1e}",
        f"{found['tolerance']:.0e}",
    )  # fmt: skip
    return " | ".join(cells)


def table(result: dict) -> str:
    """Return the whole result as Markdown."""
    lines = []
    if result["problems"]:
        lines += ["| problem | | method | time | evaluations | memory | error | tolerance | time over ours |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
    for row in result["problems"]:
        lines.append(line(row))
    for kind, found in result["scaling"].items():
        lines += ["", f"cost against {kind}: {json.dumps(found['slopes'])}"]
        lines += [
            f"  {kind} = {row[kind]}: {row['seconds']:.3g} s, {row['evaluations']} evaluations, {row['memory_mib']:.0f} MiB"
            if "error" in row
            else f"  {kind} = {row[kind]}: {row.get('stopped') or row.get('failed')}"
            for row in found["rows"]
        ]
    if result["compile"]:
        lines += ["", f"import and compilation: {json.dumps(result['compile'])}"]
    made = result["machine"]
    lines += [
        "",
        f"Machine: {made['processor']}, {made['cores']} cores, {made['threads']} threads each, {made['versions']}",
    ]
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="where to write the result as JSON; - is standard output")
    parser.add_argument("--only", action="append", choices=(*MAIN, *EXTRA), help="only this; may be repeated")
    parser.add_argument("--peers", help="names of peers, separated by semicolons; 'none' for ours alone")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for one run")
    parser.add_argument("--pairs", type=int, default=5, help="how often a short pair is run")
    parser.add_argument("--threads", type=int, default=1, help="threads of every library")
    parser.add_argument("--quick", action="store_true", help="few problems, 30 seconds each, small sizes")
    flags = parser.parse_args()
    if flags.quick:
        flags.limit, flags.pairs = min(flags.limit, 30.0), min(flags.pairs, 3)
    return flags


def measure(flags: argparse.Namespace) -> dict:
    """Run what was asked for; progress goes to standard error."""
    from _flow_peers import METHODS
    from _flow_race import Rules, race
    from _flow_scaling import compilation, scaling

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    wanted = flags.only or ((*QUICK, *EXTRA) if flags.quick else (*MAIN, *EXTRA))
    peers = [name for name in METHODS if name != "ours"]
    if flags.peers is not None:
        chosen = [] if flags.peers == "none" else [name.strip() for name in flags.peers.split(";")]
        strangers = set(chosen) - set(peers)
        if strangers:
            sys.exit(f"no such peer: {', '.join(sorted(strangers))}; there are {'; '.join(peers)}")
        peers = chosen
    rules = Rules(limit=flags.limit, pairs=flags.pairs, say=say)
    result: dict = {
        "benchmark": "flow",
        "machine": machine(flags.threads),
        "limit": flags.limit,
        "target": rules.target,
    }
    result["problems"] = [race(name, peers, rules) for name in MAIN if name in wanted]
    most = {"m": 10_000, "n": 50} if flags.quick else {"m": 10**6, "n": 500}
    result["scaling"] = {
        kind: scaling(kind, flags.limit, most[kind], say) for kind in ("m", "n") if f"scaling-{kind}" in wanted
    }
    names = ["tanh", "softplus", "erf", "gelu", "relu"]
    result["compile"] = compilation(names, say) if "compile" in wanted else {}
    return result


def main() -> None:
    flags = arguments()
    single(flags.threads)
    result = measure(flags)
    text = table(result) if flags.json is None else json.dumps(result, indent=2, allow_nan=True) + "\n"
    if flags.json in (None, "-"):
        sys.stdout.write(text)
    else:
        Path(flags.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
