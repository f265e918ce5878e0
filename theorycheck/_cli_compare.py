"""The work behind ``theorycheck compare``: the user's data once, every theorem's line on it, table, picture and JSON."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from theorycheck._cli_flags import UsageError, nearest, one_line

if TYPE_CHECKING:
    import inspect

    from theorycheck.compare import Line
    from theorycheck.comparison import Comparison
    from theorycheck.grams import Array

#: flags of the verb beside those about data: type, default, help, default as shown
OWN: Mapping[str, tuple[Any, Any, str, str | None]] = {
    "n": (int, 5, "Number of samples, for synthetic data.", "5"),
    "d": (int, 10, "Dimension of the inputs, for synthetic data.", "10"),
    "delta": (float | None, None, "Allowed probability of failure, where a theorem has one.", "each theorem's own"),
    "activation": (str | None, None, "Activation of the theorems that leave it open.", "each theorem's own"),
    "draws": (int, 3, "Networks that a test of the initial weights is tried on.", "3"),
    "cap": (int, 30_000, "The largest network that such a test is tried on.", "30000"),
    "widest": (int, 20_000, "A theorem's own width is simulated up to this one, ten times it for descent.", "20000"),
    "m": (int, 1000, "Width that is simulated where a theorem asks for more, its premise not met; 0 for none.", "1000"),
    "only": (str | None, None, "Papers and theorems to compare, separated by commas.", "all"),
    "picture": (str | None, None, "Draw the widths to this file: .svg, .png or .pdf.", None),
}
#: from this many theorems on, starting worker processes pays
MANY = 4
#: rows that differ by less than this share of their norm are one row
SAME = 1e-12


def signature() -> inspect.Signature:
    """Return the verb's flags: those about data, which all cards share, and its own."""
    import inspect
    from typing import get_args

    from theorycheck._cli_flags import JSON, keyword
    from theorycheck.theorems._data import DATA

    data = [
        keyword(name, get_args(said)[0], default, get_args(said)[1], str(default) or None)
        for name, (said, default) in DATA.items()
    ]
    own = [keyword(name, *spec[:3], spec[3]) for name, spec in OWN.items()]
    return inspect.Signature([*data, *own, keyword("json", str | None, None, JSON, None)])


def compare(given: dict[str, Any]) -> int:
    """Print the table, write the files; status 1 if something is refuted or broke."""
    from theorycheck._cli_experiment import picture_path
    from theorycheck._cli_output import json_writer, say
    from theorycheck.report_compare import comparison_document, comparison_table, draw, ordered, words_below

    own = {name: given.pop(name, spec[1]) for name, spec in OWN.items()}
    json = given.pop("json", None)
    _check_numbers(own)
    entries, path = _chosen(own["only"]), picture_path(own["picture"])
    write = json_writer(json)
    started = time.perf_counter()
    flags = {**given, **{name: own[name] for name in ("delta", "activation") if own[name] is not None}}
    limits = {"draws": own["draws"], "cap": own["cap"], "widest": own["widest"], "other": own["m"]}
    with _data_file(given, own["n"], own["d"]) as (data, inputs, notes):
        fixed = {**flags, **data}
        lines = _lines(entries, fixed, limits)
    rows = ordered(list(zip(entries, lines, strict=True)))
    seconds = time.perf_counter() - started
    if json != "-":
        about = f"{given.get('data', 'sphere')}: n = {len(inputs)} rows, d = {inputs.shape[1]}"
        say(
            [
                comparison_table(rows, about),
                *words_below(rows, own),
                *(f"data: {note}" for note in notes),
                f"{seconds:.1f} s",
            ]
        )
    if path is not None:
        draw(rows, path, own["cap"])
        if json != "-":
            say([f"picture: {path}"])
    asked = {**flags, **({} if "rows" in given or "data" in given else {"n": own["n"], "d": own["d"]})}
    write(comparison_document(rows, asked, notes, seconds))
    return 1 if any(line.broken or line.refuted for line in lines) else 0


def _check_numbers(own: Mapping[str, Any]) -> None:
    least = {"draws": 1, "cap": 2, "widest": 0, "m": 0}
    for name, low in least.items():
        if own[name] < low:
            raise UsageError(f"--{name} is {own[name]}: give a whole number of at least {low}")
    if own["delta"] is not None and not 0 < own["delta"] < 1:
        raise UsageError(f"--delta must lie in (0, 1), not {own['delta']:g}: it is the allowed probability of failure")
    if own["activation"] is not None:
        from theorycheck.symbolic.activations import activation

        try:
            activation(own["activation"])
        except ValueError as problem:
            raise UsageError(f"--activation: {one_line(problem)}") from None


def _chosen(only: str | None) -> list[Comparison]:
    from theorycheck import theorems

    entries = list(theorems.comparisons())
    if only is None:
        return entries
    labels = [entry.theorem.label for entry in entries]
    known = {*labels, *(label.partition(".")[0] for label in labels)}
    wanted = [word.strip() for word in only.split(",")]
    for word in wanted:
        if word not in known:
            raise UsageError(f"--only {word!r} is no paper or theorem of the table: {nearest(word, sorted(known))}")
    return [
        entry for entry, label in zip(entries, labels, strict=True) if {label, label.partition(".")[0]} & set(wanted)
    ]


# --- the data --------------------------------------------------------------------------------------------


@contextmanager
def _data_file(given: Mapping[str, Any], n: int, d: int) -> Iterator[tuple[dict[str, Any], Array, tuple[str, ...]]]:
    """Yield flags that name a file of the data as scaled, the inputs and the notes.

    In a file the data are the same for every theorem and every seed, so that fresh seeds redraw the weights only.
    """
    from theorycheck.data import BadInput
    from theorycheck.theorems._data import DATA, SYNTHETIC, data_of

    flags = {**{name: default for name, (_, default) in DATA.items()}, **given, "n": n, "d": d, "m": 1}
    try:
        inputs, labels, notes = data_of(flags)
    except (BadInput, ValueError, OSError, MemoryError, OverflowError) as problem:
        name = repr(Path(str(flags["data"])).name)
        raise UsageError(("--data: " if name in one_line(problem) else "") + one_line(problem)) from None
    scaled = flags["data"] not in SYNTHETIC and flags["inputs_scale"] != "none"
    _refuse_degenerate(inputs, ", or try --inputs-scale none" if scaled else "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, X=inputs, y=labels)
        fixed = {
            "data": str(path),
            "rows": 0,
            "columns": "",
            "label_column": "",
            "inputs_scale": "none",
            "labels_scale": "none",
        }
        yield {**fixed, "seed": flags["seed"]}, inputs, notes


def _refuse_degenerate(inputs: Array, mend: str) -> None:
    """Refuse rows to which no theorem of any paper applies: a zero row, or two that are the same."""
    sizes = np.linalg.norm(inputs, axis=1)
    if not np.all(sizes > 0):
        row = int(np.argmin(sizes))
        raise UsageError(f"row {row} is zero once scaled, and no theorem speaks of that: leave it out{mend}")
    for i in range(len(inputs) - 1):
        apart = np.linalg.norm(inputs[i + 1 :] - inputs[i], axis=1)
        if np.any(same := apart <= SAME * sizes[i]):
            j = i + 1 + int(np.argmax(same))
            raise UsageError(
                f"rows {i} and {j} are the same once scaled, so that no network of any theorem can fit two labels there: "
                f"leave one out{mend}"
            )


# --- the lines -------------------------------------------------------------------------------------------


def _lines(entries: Sequence[Comparison], flags: dict[str, Any], limits: dict[str, int]) -> list[Line]:
    """Return the lines in the order of the entries, from several processes if there are many."""
    from theorycheck import theorems
    from theorycheck._cli_check import one_thread
    from theorycheck._cli_recheck import bar

    with bar() as progress:
        progress(0.0, "preparing")
        if len(entries) < MANY:
            found = []
            for k, entry in enumerate(entries):
                advance = partial(_advanced, progress, k, len(entries))
                found.append(_guarded(partial(_line, entry, flags, limits, advance)))
            return found
        known = list(theorems.comparisons())
        context = multiprocessing.get_context("spawn")  # a fork would inherit locks of BLAS threads
        with ProcessPoolExecutor(max(1, os.cpu_count() or 1), mp_context=context, initializer=one_thread) as pool:
            try:
                futures = [pool.submit(elsewhere, known.index(entry), flags, limits) for entry in entries]
                for done, future in enumerate(as_completed(futures), start=1):
                    progress(done / len(entries), entries[futures.index(future)].theorem.label)
                return [_guarded(future.result) for future in futures]
            finally:
                pool.shutdown(cancel_futures=True)


def _line(entry: Comparison, flags: Mapping[str, Any], limits: Mapping[str, int], progress: Any) -> Line:
    from theorycheck.compare import line, maker

    return line(entry, maker(entry, flags), progress=progress, **limits)


def _advanced(progress: Any, done: int, total: int, share: float, stage: str) -> None:
    progress((done + share) / total, stage)


def elsewhere(index: int, flags: dict[str, Any], limits: dict[str, int]) -> Line:
    """Return a line in a worker process, which finds the entry by its place: cards hold functions."""
    from theorycheck import theorems

    return _line(theorems.comparisons()[index], flags, limits, lambda share, stage: None)


def _guarded(found: Callable[[], Line]) -> Line:
    """Return a line, or what broke: the other theorems are still worth their lines."""
    from theorycheck.compare import Line

    try:
        return found()
    except Exception as problem:
        traceback.print_exception(problem, file=sys.stderr)
        return Line(None, why=f"broken: {type(problem).__name__}: {one_line(problem)}", broken=True)
