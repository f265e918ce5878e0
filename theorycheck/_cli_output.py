"""Where results go: standard output, or a JSON file that is whole or not there."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable
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


def json_writer(target: str | None) -> Callable[[dict[str, Any]], None]:
    """Return a function that writes a document to ``target``; refuse an unwritable one at once.

    The text goes to a new file beside the target and takes its place in one step, so a run
    that fails or is interrupted leaves what was there before.
    """
    if target is None:
        return lambda document: None
    if target == "-":
        return lambda document: say_text(_dumps(document))
    path = writable(target, "--json")
    return lambda document: _write(document, path)


def writable(target: str, flag: str) -> Path:
    """Return the file behind ``target`` after writing an empty draft beside it and taking it away."""
    try:
        path = Path(target).resolve()
        if path.is_dir():
            raise IsADirectoryError(0, "it is a directory")
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(0, "it is read-only")
        if _is_file(path):
            _draft(path).open("x").close()
            _draft(path).unlink()
    except (OSError, ValueError, RuntimeError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise UsageError(f"{flag} {target!r} cannot be written ({why}): name a file in a folder that can") from None
    return path


def _is_file(path: Path) -> bool:
    """Whether the path is a plain file, or will be one; a device such as /dev/null must not be replaced."""
    return not path.exists() or stat.S_ISREG(path.stat().st_mode)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _write(document: dict[str, Any], path: Path) -> None:
    text = _dumps(document) + "\n"
    if not _is_file(path):
        path.write_text(text, encoding="utf-8")
        return
    draft = _draft(path)
    try:
        draft.write_text(text, encoding="utf-8")
        if path.exists():
            draft.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(draft, path)
    except OSError as problem:
        raise UsageError(f"--json {str(path)!r} could not be written ({problem.strerror}): make room for it") from None
    finally:
        draft.unlink(missing_ok=True)


def _dumps(document: dict[str, Any]) -> str:
    from theorycheck.report_json import dumps

    return dumps(document)
