"""One method on one problem in a process of its own, so that it can be stopped and its memory measured."""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from _flow_peers import DENSE, METHODS, missing
from _flow_problems import PROBLEMS, condition, horizon, problem
from _flow_reference import reference

#: a process may grow to this share of the machine's memory
SHARE = 0.6
#: seconds that a process may take to come back after it was stopped
MAKING = 300.0


def _status(key: str, pid: int | str = "self") -> int:
    """Return a figure of the process's memory in bytes; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), 0)


def _serve(pipe: Connection, name: str, method: str, compare: bool) -> None:
    """Make the method, then solve whenever a tolerance comes through the pipe."""
    try:
        instance, until = problem(name), horizon(name)
        true = reference(instance, until).residual if compare else None
        solve = METHODS[method].make(instance, until)
        base = _status("VmRSS")
        pipe.send({"ready": True})
        while True:
            action, tolerance = pipe.recv()
            with np.errstate(all="ignore"):
                pipe.send(_prepare(solve, tolerance) if action == "prepare" else _run(solve, tolerance, true, base))
    except EOFError:
        return
    except Exception as trouble:
        pipe.send({"failed": f"{type(trouble).__name__}: {trouble}"[:300]})


def _prepare(solve: Callable, tolerance: float) -> dict:
    getattr(solve, "prepare", lambda _: None)(tolerance)
    return {"prepared": tolerance}


def _run(solve: Callable, tolerance: float, true: np.ndarray | None, base: int) -> dict:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # start a new peak
    cpu, start = time.process_time(), time.perf_counter()
    try:
        found = solve(tolerance)
    except Exception as trouble:
        return {"failed": f"{type(trouble).__name__}: {trouble}"[:300], "tolerance": tolerance}
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    error = None
    if true is not None:
        error = max(float(np.linalg.norm(found.residual - true) / np.linalg.norm(true)), found.own_error)
    return {
        "tolerance": tolerance,
        "error": error if error is None or np.isfinite(error) else np.inf,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "evaluations": found.evaluations,
        "memory_mib": max(_status("VmHWM") - base, 0) / 2**20,
        "fallen": float(np.linalg.norm(found.residual)),
        "note": found.note,
    }


def _describe(pipe: Connection, name: str) -> None:
    """Compute the reference and send what there is to know about the problem."""
    instance, until = problem(name), horizon(name)
    true = reference(instance, until)
    pipe.send(
        {
            "name": name,
            "activation": instance.activation.name,
            "n": instance.n,
            "d": instance.d,
            "m": instance.m,
            "states": min(instance.n, instance.d) * instance.m,
            "condition": condition(instance),
            "horizon": until,
            "loss_ratio": float(np.sum(true.residual**2) / np.sum(instance.start[0] ** 2)),
            "reference": {"method": true.method, "doubt": true.doubt},
        }
    )


class Worker:
    """The other end of the pipe: ``solve`` answers with a row, or with ``{"stopped": why}`` or ``{"failed": why}``."""

    def __init__(self, target: Callable, *arguments: object) -> None:
        self.target, self.arguments = target, arguments
        self._begin()

    def _begin(self) -> None:
        context = mp.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=self.target, args=(theirs, *self.arguments), daemon=True)
        self.process.start()
        theirs.close()

    def wait(self, limit: float) -> dict:
        """Return the next message, or end the process and say why there was none."""
        start, most = time.monotonic(), SHARE * _total()
        while not self.pipe.poll(min(0.5, limit)):
            spent = time.monotonic() - start
            if spent > limit:
                self.close()
                return {"stopped": f"not finished after {limit:.0f} s", "seconds": spent}
            if _status("VmRSS", self.process.pid or 0) > most:
                self.close()
                return {"stopped": "out of memory", "seconds": spent, "memory_mib": most / 2**20}
        try:
            return self.pipe.recv()
        except EOFError:
            self.close()
            return {"failed": f"the process ended with code {self.process.exitcode}"}

    def solve(self, tolerance: float, limit: float) -> dict:
        """Compile if the method does so for every tolerance, untimed, and run; begin again if the last run was stopped."""
        try:
            if not self.process.is_alive():
                self._begin()
                answer = self.wait(limit + MAKING)
                if "ready" not in answer:
                    return answer
            self.pipe.send(("prepare", tolerance))
            answer = self.wait(max(limit, MAKING))
            if "prepared" not in answer:
                return {**answer, "stopped": "does not compile: " + answer.get("stopped", answer.get("failed", ""))}
            self.pipe.send(("solve", tolerance))
            return self.wait(limit)
        except OSError:
            return {"failed": "the process has ended"}

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def _total() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return np.inf


def describe(name: str) -> dict:
    """Return the problem's description; the reference is computed if the cache does not have it."""
    worker = Worker(_describe, name)
    answer = worker.wait(np.inf)
    worker.close()
    if "failed" in answer:
        raise RuntimeError(f"no reference for {name}: {answer['failed']}")
    return answer


def start(name: str, method: str, limit: float, compare: bool = True) -> Worker | str:
    """Return a worker that is ready, or why there is none."""
    made = METHODS[method]
    if missing(made):
        return "not installed"
    sizes = PROBLEMS[name]
    if made.dense and min(sizes.n, sizes.d) * sizes.m > DENSE:
        return "does not fit"
    if not (made.kinked if sizes.activation == "relu" else made.smooth):
        return "not for this activation"
    worker = Worker(_serve, name, method, compare)
    answer = worker.wait(limit)
    if "ready" not in answer:
        worker.close()
        return "does not compile: " + answer.get("stopped", answer.get("failed", ""))
    return worker
