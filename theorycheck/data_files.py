"""Where data comes from: bundled scikit-learn sets and .csv, .tsv, .npy, .npz files.

Nothing is downloaded, evaluated or unpickled. Whatever is wrong with a file is said in one
sentence by :class:`BadInput`; nothing is dropped or repaired silently.
"""

from __future__ import annotations

import csv
import difflib
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SETS = ("diabetes", "wine", "breast_cancer", "digits", "iris", "linnerud")
FORMATS = (".csv", ".tsv", ".npy", ".npz")
LIMIT = 2**31  # bytes of floats that are still read


class BadInput(ValueError):
    """Data that cannot be used; the message names the argument at fault and the mend."""


class Table(NamedTuple):
    """Numbers as they stand in their source: inputs (n, d), labels (n,), d column names."""

    name: str
    inputs: NDArray[np.float64]
    labels: NDArray[np.float64]
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def read(source: str | PathLike[str], columns: str | None = None, label_column: str | None = None) -> Table:
    """Read a bundled set by name, or a file by its extension; all entries are finite.

    Parameters
    ----------
    source
        One of :data:`SETS` or a path that ends in one of :data:`FORMATS`.
    columns
        Input columns to keep, names or indices separated by commas.
    label_column
        Name or index of the label; by default the target of a bundled set, the last column of a file.

    Raises
    ------
    BadInput
        For anything that cannot be used.
    """
    if source in SETS:
        return _bundled(str(source), columns, label_column)
    try:
        path = _existing(source)
        reader = {".csv": _read_text, ".tsv": _read_text, ".npy": _read_npy, ".npz": _read_npz}[path.suffix.lower()]
        table = reader(path, columns, label_column)
    except BadInput:
        raise
    except (OSError, MemoryError) as problem:
        raise BadInput(f"source {str(source)!r} cannot be read ({problem}): check its permissions and its size") from None
    if not len(table.labels):
        raise BadInput(f"source {path.name!r} holds no rows: give a file with at least one row of numbers")
    return table


def nearest(word: str, choices: Sequence[str], most: int = 12) -> str:
    """List ``choices`` for an error message (at most ``most``), the one closest to ``word`` named at the end."""
    listed = ", ".join(choices[:most]) + (f" and {len(choices) - most} more" if len(choices) > most else "")
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"{listed} (did you mean {close[0]!r}?)" if close else listed


def _existing(source: str | PathLike[str]) -> Path:
    """Return the path of a regular file with a known extension, or say what is there instead."""
    try:
        text = fspath(source)
        path = Path(text).expanduser()
        there, folder, regular = path.exists(), path.is_dir(), path.is_file()
    except (OSError, ValueError, TypeError, RuntimeError) as problem:
        raise BadInput(f"source {source!r} is neither a set nor a path ({problem}): the sets are {', '.join(SETS)}") from None
    if not text:
        raise BadInput(f"source is empty: name one of {', '.join(SETS)} or a file")
    if folder:
        raise BadInput(f"source {text!r} is a directory: name one file in it")
    known = path.suffix.lower() in FORMATS
    if there and not known:
        raise BadInput(f"source {text!r} has the extension {path.suffix!r}: convert it to one of {', '.join(FORMATS)}")
    if there and not regular:
        raise BadInput(f"source {text!r} is not a regular file: copy its content to one")
    if not there and known:
        raise BadInput(f"source {text!r} does not exist: check the path (from {Path.cwd()})")
    if not there:
        raise BadInput(f"source {text!r} is unknown: give a file ({', '.join(FORMATS)}) or one of {nearest(text, SETS)}")
    return path


def _bundled(name: str, columns: str | None, label_column: str | None) -> Table:
    """Return a set that comes with scikit-learn; integer classes become regression targets."""
    from sklearn import datasets  # slow to import, and not needed for files

    bunch = getattr(datasets, f"load_{name}")()
    target = np.asarray(bunch.target, dtype=float).reshape(len(bunch.data), -1)
    titles = list(bunch.target_names) if name == "linnerud" else ["target"]
    names = [str(each) for each in bunch.feature_names] + titles
    targets = range(bunch.data.shape[1], len(names))
    kept, label = _choose(names, columns, label_column, targets)
    notes = []
    if name == "linnerud" and label == targets[0]:
        notes.append(f"labels are the first of three targets, {titles[0]!r}; {titles[1]!r} and {titles[2]!r} are left out")
    elif label not in targets or name == "linnerud":
        notes.append(f"labels are the column {names[label]!r}; the target is left out of the inputs")
    elif name != "diabetes":
        notes.append(f"labels are the {len(np.unique(target))} integer classes, used as regression targets")
    whole = np.hstack([np.asarray(bunch.data, dtype=float), target])
    return _table(name, whole, names, kept, label, notes)


def _table(name: str, whole: NDArray[Any], names: Sequence[str], kept: list[int], label: int, notes: list[str]) -> Table:
    """Cut the columns chosen out of a (n, k) array of finite numbers."""
    if len(kept) + 1 < len(names):
        notes = [*notes, f"{len(kept)} of {len(names)} columns are inputs, column {names[label]!r} is the label"]
    picked = tuple(names[j] for j in kept)
    return Table(name, np.array(whole[:, kept], dtype=float), np.array(whole[:, label], dtype=float), picked, tuple(notes))


def _column(wanted: str, names: Sequence[str], argument: str) -> int:
    """Return the index of a column given by name or, failing that, by index."""
    wanted = str(wanted).strip()
    if names.count(wanted) > 1:
        raise BadInput(f"{argument}: {names.count(wanted)} columns are called {wanted!r}, so give the index, 0 to {len(names) - 1}")
    if wanted in names:
        return names.index(wanted)
    # isascii: int() would also take digits of other scripts
    if wanted.removeprefix("-").isdigit() and wanted.isascii() and len(wanted) < 10 and -len(names) <= int(wanted) < len(names):
        return int(wanted) % len(names)
    raise BadInput(f"{argument}: no column {wanted!r}; give an index from 0 to {len(names) - 1} or one of {nearest(wanted, names)}")


def _choose(names: Sequence[str], columns: str | None, label_column: str | None, targets: range = range(0)) -> tuple[list[int], int]:
    """Return the indices of the input columns and of the label.

    ``targets`` are columns that never serve as inputs unless they are asked for.
    """
    label = targets[0] if targets else len(names) - 1
    if label_column is not None:
        label = _column(label_column, names, "label_column")
    if columns is None:
        kept = [j for j in range(len(names)) if j != label and j not in targets]
    else:
        kept = [_column(each, names, "columns") for each in str(columns).split(",")]
        if label in kept:
            raise BadInput(f"columns: {names[label]!r} is the label and cannot be an input too; leave it out or set label_column")
        if len(set(kept)) < len(kept):
            raise BadInput(f"columns: {columns!r} names a column twice; name each once")
    if not kept:
        raise BadInput(f"source has no input column beside the label {names[label]!r}: give at least two columns")
    return kept, label


def _read_text(path: Path, columns: str | None, label_column: str | None) -> Table:
    """Read a .csv or .tsv file, one float at a time and only the columns chosen."""
    with path.open("rb") as file:
        head = file.read(2**16)
    first_line = next((line for line in head.splitlines() if line.strip()), b"")
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    delimiter = ";" if usual == "," and b"," not in first_line and b";" in first_line else usual
    # cells per byte of the head times the size of the file; cells take two bytes or more
    cells = head.count(delimiter.encode()) + head.count(b"\n")
    size = path.stat().st_size
    if 4 * size > LIMIT:
        _refuse_giant(path, size * cells // max(len(head), 1))
    records = _records(path, delimiter)
    start = list(islice(records, 2))
    if not start:
        raise BadInput(f"source {path.name!r} is empty: give a file with at least one row of numbers")
    notes = ["columns are separated by semicolons"] if delimiter == ";" else []
    width = len(start[0][1])
    if _is_header(*(row for _, row in start)):
        names = start.pop(0)[1]
    else:
        names = [str(j) for j in range(width)]
        notes.append("the file has no header: its columns are called by their indices from 0")
    kept, label = _choose(names, columns, label_column)
    numbers = array("d")
    for line, row in chain(start, records):
        if len(row) != width:
            raise BadInput(f"source {path.name!r}, line {line}: {len(row)} cells where the first line has {width}; make the rows equally long")
        numbers.extend(_cell(row[j], f"source {path.name!r}, line {line}, column {names[j]!r}") for j in (*kept, label))
    whole = np.frombuffer(numbers, dtype=float).reshape(-1, len(kept) + 1)
    kept_names = tuple(names[j] for j in kept)
    if len(kept) + 1 < width:
        notes.append(f"{len(kept)} of {width} columns are inputs, column {names[label]!r} is the label")
    return Table(path.name, whole[:, :-1].copy(), whole[:, -1].copy(), kept_names, tuple(notes))


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, stripped cells) of every line that is not blank."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for row in reader:
                if len(row) > 1 or (row and row[0].strip()):
                    yield reader.line_num, [cell.strip() for cell in row]
        except UnicodeDecodeError:
            raise BadInput(f"source {path.name!r} is not UTF-8 text (after line {reader.line_num}): save it as UTF-8") from None
        except csv.Error as problem:
            raise BadInput(f"source {path.name!r}, line {reader.line_num}: {problem}; mend this line") from None


def _is_header(first: list[str], second: Sequence[str] = ()) -> bool:
    """Whether the first line names the columns: no cell is a number, or one is not but has a number below."""
    words = [j for j, cell in enumerate(first) if _number(cell) is None]
    return len(words) == len(first) or any(j < len(second) and _number(second[j]) is not None for j in words if first[j])


def _number(cell: str) -> float | None:
    """Return the number a cell holds, or None; ``1_000`` is a Python habit and not a number in a file."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _cell(cell: str, where: str) -> float:
    """Return a finite number, or say where there is none."""
    value = _number(cell)
    if not cell:
        raise BadInput(f"{where}: the cell is empty; fill it in or remove the row")
    if value is None:
        raise BadInput(f"{where}: {cell[:40]!r} is not a number; choose other columns or a label_column, or code the values as numbers")
    if not np.isfinite(value):
        raise BadInput(f"{where}: {cell[:40]!r} is not a finite number; correct the cell or remove the row")
    return value


def _refuse_giant(path: Path, count: int) -> None:
    """Say that a file is too big before it is read."""
    if 8 * count > LIMIT:
        raise BadInput(f"source {path.name!r} holds about {8 * count / 2**30:.1f} GiB of numbers, more than {LIMIT / 2**30:g} GiB: cut it first")


def _numbers(values: NDArray[Any], path: Path, what: str) -> NDArray[np.float64]:
    """Return an array of any real dtype as finite floats."""
    if values.dtype.kind not in "biuf":
        raise BadInput(f"source {path.name!r}: {what} has dtype {values.dtype}, not real numbers; save it as floats")
    _refuse_giant(path, values.size)
    with np.errstate(over="ignore", invalid="ignore"):  # a long double may overflow; it is named below
        floats = np.array(values, dtype=float)
    for place in np.argwhere(~np.isfinite(floats))[:1]:
        where = f"row {place[0]}" + (f", column {place[1]}" if len(place) > 1 else "") if len(place) else "its entry"
        raise BadInput(f"source {path.name!r}: {what} holds {floats[tuple(place)]} at {where}; correct it or remove the row")
    return floats


def _read_npy(path: Path, columns: str | None, label_column: str | None) -> Table:
    """Read a 2-D array whose last column, or ``label_column``, is the label."""
    try:
        # mapped, so that shape and dtype are known before anything is read; an object array is refused
        mapped = np.lib.format.open_memmap(path, mode="r")
    except Exception as problem:  # whatever a damaged header provokes
        raise BadInput(f"source {path.name!r} is not a .npy file of numbers ({problem}): write it with numpy.save, without objects") from None
    if mapped.ndim != 2:
        raise BadInput(f"source {path.name!r} holds an array of shape {mapped.shape}: give a 2-D array, one row for each datum")
    names = [str(j) for j in range(mapped.shape[1])]
    kept, label = _choose(names, columns, label_column)
    return _table(path.name, _numbers(mapped, path, "the array"), names, kept, label, [])


def _read_npz(path: Path, columns: str | None, label_column: str | None) -> Table:
    """Read the arrays X (n, d) and y (n,) of an archive."""
    if label_column is not None:
        raise BadInput("label_column: the labels of a .npz file are its array y; leave label_column out")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
        if {"X", "y"} <= set(sizes):
            _refuse_giant(path, (sizes["X"] + sizes["y"]) // 8)
            with np.load(path, allow_pickle=False) as arrays:
                found = arrays["X"], arrays["y"]
    except BadInput:
        raise
    except Exception as problem:  # whatever a damaged archive provokes
        raise BadInput(f"source {path.name!r} is not a .npz file of numbers ({problem}): write it with numpy.savez, without objects") from None
    if not {"X", "y"} <= set(sizes):
        raise BadInput(f"source {path.name!r} needs the arrays X and y, but holds {', '.join(sorted(sizes)) or 'none'}: rename them")
    inputs, labels = _numbers(found[0], path, "X"), _numbers(found[1], path, "y")
    if inputs.ndim != 2 or not inputs.shape[1]:
        raise BadInput(f"source {path.name!r}: X has shape {inputs.shape}; give a 2-D array, one row for each datum")
    if labels.shape not in ((len(inputs),), (len(inputs), 1)):
        raise BadInput(f"source {path.name!r}: y has shape {labels.shape} and X {inputs.shape}; give one label for each row of X")
    names = [*(str(j) for j in range(inputs.shape[1])), "y"]
    kept, label = _choose(names, columns, None)
    return _table(path.name, np.column_stack([inputs, labels.reshape(-1)]), names, kept, label, [])
