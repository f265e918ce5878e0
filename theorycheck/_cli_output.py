"""Where results go: standard output, or a JSON file that is whole or not there."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorycheck._cli_flags import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

PLAIN = str.maketrans({"±": "+/-", "≤": "<=", "≥": ">=", "–": "-", "…": "..."})


def has_unicode() -> bool:
    """Whether standard output can show the letters of mathematics."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def say(things: Iterable[RenderableType]) -> None:
    """Print to standard output: coloured on a terminal, readable in a file and in ASCII."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for thing in things:
            # a line of prose is one line in a file, so that it can be searched for
            console.print(thing, soft_wrap=isinstance(thing, str) and not console.is_terminal)
    # paragraphs are filled to the width of the terminal: nobody wants those spaces in a file
    say_text("\n".join(line.rstrip() for line in captured.get().splitlines()))


def say_text(text: str) -> None:
    """Write text to standard output as it is, without a letter that it cannot take."""
    if not has_unicode():
        encoding = sys.stdout.encoding
        text = text.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def width() -> int:
    """Return the columns of the terminal; 80 where there is none and COLUMNS is not set."""
    from rich.console import Console

    return Console().width


@contextmanager
def json_target(target: str | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yield a function that writes a document to ``target``; refuse an unwritable one at once.

    The text goes to a new file beside the target and takes its place in one step, so a run
    that fails or is interrupted leaves what was there before.
    """
    if target is None or target == "-":
        yield lambda document: say_text(_dumps(document)) if target else None
        return
    path = Path(target)
    try:
        # a link is followed, so that it is the file behind it that is replaced
        path = path.resolve()
        device = path.exists() and not stat.S_ISREG(path.stat().st_mode)
        if path.is_dir():
            raise IsADirectoryError(0, "it is a directory")
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(0, "it is read-only")
        draft = path if device else path.with_name(f".{path.name}.{os.getpid()}.part")
        # "a" opens a device without emptying anything; the draft must be new
        draft.open("a" if device else "x").close()
    except (OSError, ValueError, RuntimeError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise UsageError(f"--json {target!r} cannot be written ({why}): name a file in a folder that can") from None
    try:
        yield lambda document: _write(document, draft, path)
    finally:
        if not device:
            with suppress(FileNotFoundError):
                draft.unlink()


def _write(document: dict[str, Any], draft: Path, path: Path) -> None:
    draft.write_text(_dumps(document) + "\n", encoding="utf-8")
    if draft != path:
        if path.exists():
            draft.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(draft, path)


def _dumps(document: dict[str, Any]) -> str:
    from theorycheck.report_json import dumps

    return dumps(document)
