"""The work behind ``theorycheck recheck``; it imports nothing that derives or compiles, so that it starts at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from theorycheck.recheck import Line, Rechecked


def recheck(path: str, target: str | None) -> int:
    """Recheck a certificate file; print every line, what it is about, and whether it is valid."""
    from theorycheck._cli_output import json_writer, say
    from theorycheck.recheck import BadCertificate
    from theorycheck.recheck import recheck as again

    write = json_writer(target)
    started = time.perf_counter()
    try:
        if Path(path).is_dir():
            raise UsageError(f"{path!r} is a folder: name the JSON file of a certificate")
        with bar() as progress:
            found = again(path, progress=lambda fraction: progress(fraction, "rechecking"))
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (BadCertificate, OSError) as problem:
        raise UsageError(one_line(problem)) from None
    if target != "-":
        say(lines(found, content, time.perf_counter() - started))
    rows = [{"name": line.name, "ok": line.ok, "says": line.says} for line in found.lines]
    write({"theorem": found.theorem, "valid": found.valid, "lines": rows})
    return 0 if found.valid else 1


def lines(found: Rechecked, content: dict[str, Any], seconds: float) -> Iterator[RenderableType]:
    """Yield every line of a recheck, what the certificate is about, and the answer."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_header=False)
    for name, ratio in (("", None), ("name", None), ("says", 1)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for ok, name, says in _collapsed(found.lines):
        table.add_row("ok" if ok else "FAILS", name, says)
    yield table
    if found.valid:
        model = content["model"]
        yield (
            f"network: {model['neuron']}, {model['activation']}, n = {model['n']}, d = {model['d']}, m = {model['m']}, "
            f"gradient {content['dynamics']}, rates {model['rates']}"
        )
        for one in content["conclusions"]:
            yield f"proved {one['side']} {one['value']:.10g}: {one['says']}"
    history = content.get("history")
    if history:
        yield f"not checked, as the file tells it: {json.dumps(history)}"
    yield "not checked: where data and weights come from (history, made); the hashes bind the numbers, not their origin"
    failed = [line.name for line in found.lines if not line.ok]
    yield (
        f"valid: {found.theorem}, every number derived again ({seconds:.1f} s)"
        if found.valid
        else f"NOT valid: {', '.join(failed)} ({seconds:.1f} s)"
    )


def _collapsed(rows: tuple[Line, ...]) -> Iterator[tuple[bool, str, str]]:
    """Yield the lines, with the many values of Q on one line where all of them hold."""
    many = [line for line in rows if line.name.startswith("evidence Q_")]
    whole = bool(many) and all(line.ok for line in many)
    for line in rows:
        if not (whole and line in many):
            yield line.ok, line.name, line.says
        elif line is many[0]:
            yield True, "evidence Q", f"Q at {len(many)} windows: proved"


@contextmanager
def bar() -> Iterator[Callable[[float, str], None]]:
    """Yield ``progress(fraction, stage)``; nothing is shown unless standard error is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as shown:
        task = shown.add_task("", total=1.0)
        yield lambda fraction, stage: shown.update(task, completed=fraction, description=stage)
