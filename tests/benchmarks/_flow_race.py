"""The race on one problem: the loosest tolerance that reaches the target for each method, then pairs in turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from _flow_peers import METHODS
from _flow_problems import PROBLEMS
from _flow_worker import Worker, describe, start


@dataclass(frozen=True)
class Rules:
    """``limit`` in seconds for one run; ``target`` for the error relative to ``|r(T)|``; ``pairs`` of a short race."""

    limit: float = 600.0
    target: float = 1e-9
    pairs: int = 5
    say: Callable[[str], None] = print


#: what peers must reach where the flow has kinks: ours is asked for 1e-10
KINKED = {"ours": 1e-10, "peers": 1e-4}


def search(
    worker: Worker, first: float, tightest: float, target: float, rules: Rules
) -> tuple[dict | None, list[dict]]:
    """Return the run with the loosest tolerance that reaches the target, and all that were tried; one if first is tightest.

    Decades from the first tolerance: looser ones while the target is met, else tighter ones; then half a decade.
    """
    tried: list[dict] = []

    def run(tolerance: float, limit: float) -> dict:
        answer = worker.solve(tolerance, limit)
        answer.setdefault("tolerance", tolerance)
        tried.append(answer)
        error = answer.get("error")
        rules.say(f"    {tolerance:.0e}: {_said(answer)}")
        answer["met"] = error is not None and error <= target
        return answer

    best, tolerance = run(first, rules.limit), first
    while not best["met"] and "error" in best and tolerance > tightest * 1.01 and _spent(tried) < 2 * rules.limit:
        tolerance = max(tolerance / 10, tightest)
        best = run(tolerance, rules.limit)
    if not best["met"]:
        return None, tried
    if first == tightest:
        return best, tried
    for factor in (*[10] * 8, 10**0.5):
        if best["seconds"] > rules.limit / 4:
            break  # not worth the wait
        looser = best["tolerance"] * factor
        if looser > 1e-2 or any(abs(row["tolerance"] / looser - 1) < 0.01 for row in tried):
            continue
        answer = run(looser, rules.limit)
        best = answer if answer["met"] else best
    return best, tried


def _spent(tried: list[dict]) -> float:
    return sum(run.get("seconds", 0.0) for run in tried)


def _said(answer: dict) -> str:
    if "error" not in answer:
        return answer.get("stopped") or answer.get("failed", "?")
    shown = "" if answer["error"] is None else f"error {answer['error']:.1e}, "
    return f"{shown}{answer['seconds']:.2f} s, {answer['evaluations']} evaluations"


def race(name: str, methods: list[str], rules: Rules) -> dict:
    """Return the row of one problem."""
    rules.say(f"{name}: reference")
    row = describe(name)
    kinked = PROBLEMS[name].activation == "relu"
    target, peers_target = (KINKED["ours"], KINKED["peers"]) if kinked else (rules.target, rules.target)
    rules.say(
        f"  condition {row['condition']:.3g}, {row['states']} weights, doubt {row['reference']['doubt']:.1e}; ours"
    )
    ours, found = None, start(name, "ours", rules.limit)
    result: dict = {"status": found} if isinstance(found, str) else {}
    if isinstance(found, Worker):
        ours = found
        first = METHODS["ours"].start  # between events nothing depends on the tolerance
        best, tried = search(ours, first, first if kinked else METHODS["ours"].tightest, target, rules)
        result = _summary(best, tried)
    row |= {"target": target, "peers_target": peers_target, "ours": result, "peers": {}}
    for method in methods:
        rules.say(f"  {method}")
        row["peers"][method] = _peer(name, method, ours, row["ours"], peers_target, rules)
    if ours is not None:
        ours.close()
    return row | _ranking(row["peers"])


def _summary(best: dict | None, tried: list[dict]) -> dict:
    """Return the run that is shown for a method: the one that met the target, or how near it came and why it ended."""
    if best is not None:
        return {"status": "met", **best}
    ended = [run for run in tried if "error" in run]
    trouble = next((run for run in tried if "error" not in run), {})
    nearest = min(ended, key=lambda run: run["error"], default={})
    spent = max(run.get("seconds", 0.0) for run in tried)
    why = trouble.get("stopped") or trouble.get("failed") or "no tolerance reaches the target"
    return {**nearest, "status": "missed", "why": why, "seconds": spent, "met": False}


def _peer(name: str, method: str, ours: Worker | None, mine: dict, target: float, rules: Rules) -> dict:
    """Search the peer's tolerance, then run ours and the peer in turn; the ratio is a bound if the target is missed."""
    worker = start(name, method, rules.limit)
    if isinstance(worker, str):
        rules.say(f"    {worker}")
        return {"status": worker}
    made = METHODS[method]
    first = max(made.start, 1e-4) if target > 1e-5 else made.start
    best, tried = search(worker, first, made.tightest, target, rules)
    result = _summary(best, tried)
    comparable = ours is not None and mine.get("status") == "met"
    if comparable and best is not None:
        assert ours is not None
        result |= _pairs(ours, worker, mine, best, rules)
    elif comparable and not result["why"].startswith("does not compile"):
        result |= {"ratio": result["seconds"] / mine["seconds"], "bound": True}
    worker.close()
    return result


def _pairs(ours: Worker, peer: Worker, mine: dict, best: dict, rules: Rules) -> dict:
    """Run ours, peer, ours, peer; long runs fewer times, and very long ones are not repeated."""
    together = mine["seconds"] + best["seconds"]
    count = rules.pairs if together < 10 else 2 if together < 60 else 1
    times = []
    for _ in range(count):
        first = ours.solve(mine["tolerance"], rules.limit)
        second = peer.solve(best["tolerance"], rules.limit) if together < 60 else best
        if "error" in first and "error" in second:
            times.append([first["seconds"], second["seconds"], first["cpu_seconds"], second["cpu_seconds"]])
    if not times:
        return {"ratio": best["seconds"] / mine["seconds"], "bound": False, "pairs": 0}
    return {
        "ratio": statistics.median(b / a for a, b, _, _ in times),
        "cpu_ratio": statistics.median(b / max(a, 1e-9) for _, _, a, b in times),
        "bound": False,
        "pairs": len(times),
        "our_seconds": statistics.median(row[0] for row in times),
        "seconds": statistics.median(row[1] for row in times),
    }


def _ranking(peers: dict[str, dict]) -> dict:
    """Name the best peer; a bound counts only if nobody met the target. Say how near the nearest came to the reference."""
    met = {name: row for name, row in peers.items() if row.get("status") == "met"}
    rest = {name: row for name, row in peers.items() if row.get("ratio") is not None}
    pool = met or rest
    errors = [row["error"] for row in peers.values() if row.get("error") is not None]
    nearest = {"nearest_peer_error": min(errors, default=None)}
    if not pool:
        return nearest
    by = "ratio" if met and all("ratio" in row for row in met.values()) else "seconds" if met else "error"
    best = min(pool, key=lambda name: pool[name].get(by, float("inf")))
    return nearest | {"best_peer": best, "ratio": pool[best].get("ratio"), "bound": not met}
