"""Where data comes from: bundled scikit-learn sets and .csv, .tsv, .npy, .npz files.

Nothing is downloaded, evaluated or unpickled. Whatever is wrong with a file is said in one
sentence by :class:`BadInput`; nothing is dropped or repaired silently.
"""

from __future__ import annotations

import csv
import difflib
import re
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Text = str | None

SETS = ("diabetes", "wine", "breast_cancer", "digits", "iris", "linnerud")
FORMATS = (".csv", ".tsv", ".npy", ".npz")
LIMIT = 2**31  # bytes of floats that are still read


class BadInput(ValueError):
    """Data that cannot be used; the message names the argument at fault and the mend."""


class Table(NamedTuple):
    """Numbers as they stand in their source: inputs (n, d), labels (n,), d column names."""

    name: str
    inputs: Array
    labels: Array
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def read(source: str | PathLike[str], columns: Text = None, label_column: Text = None) -> Table:
    """Read a bundled set by name, or a file by its extension; all entries are finite.

    Parameters
    ----------
    source, columns, label_column
        As for :func:`theorycheck.data.load`.

    Raises
    ------
    BadInput
        For anything that cannot be used.
    """
    path = Path(source) if isinstance(source, str) and source in SETS else _existing(source)
    readers = {"": _bundled, ".csv": _read_text, ".tsv": _read_text, ".npy": _read_npy, ".npz": _read_npz}
    try:
        table = readers[path.suffix.lower()](path, columns, label_column)
        if not len(table.labels):
            raise BadInput("there are no rows; give at least one row of numbers")
    except BadInput as problem:
        # names out of a file may hold line breaks
        raise BadInput(f"source {path.name!r}: {' '.join(str(problem).split())}") from None
    except (OSError, MemoryError) as problem:
        raise BadInput(f"source {path.name!r} cannot be read ({problem}): check permissions and size") from None
    return table


def nearest(word: str, choices: Sequence[str], most: int = 12) -> str:
    """List ``choices`` for an error message (at most ``most``), the one closest to ``word`` named at the end."""
    listed = ", ".join(choices[:most]) + (f" and {len(choices) - most} more" if len(choices) > most else "")
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"{listed} (did you mean {close[0]!r}?)" if close else listed


def _brief(problem: Exception) -> str:
    """What an exception says, in part of one line."""
    return " ".join(str(problem).split())[:80] or type(problem).__name__


def _existing(source: str | PathLike[str]) -> Path:
    """Return the path of a regular file with a known extension, or say what is there instead."""
    try:
        text = fspath(source)
        path = Path(text).expanduser()
        there, folder, regular = path.exists(), path.is_dir(), path.is_file()
    except (OSError, ValueError, TypeError, RuntimeError) as problem:
        raise BadInput(f"source {source!r} is not a path ({problem}): name a file, or a set such as diabetes") from None
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
        raise BadInput(f"source {text!r} is neither a {', '.join(FORMATS)} file nor one of {nearest(text, SETS)}")
    return path


def _bundled(path: Path, columns: Text, label_column: Text) -> Table:
    """Return a set that comes with scikit-learn; integer classes become regression targets."""
    from sklearn import datasets  # slow to import, and not needed for files

    name = path.name
    bunch = getattr(datasets, f"load_{name}")()
    target = np.asarray(bunch.target, dtype=float).reshape(len(bunch.data), -1)
    titles = list(bunch.target_names) if name == "linnerud" else ["target"]
    names = [str(each) for each in bunch.feature_names] + titles
    targets = range(bunch.data.shape[1], len(names))
    chosen = _choose(names, columns, label_column, targets)
    label = chosen[-1]
    notes = []
    if label not in targets or name == "linnerud":
        which = "first target" if label == targets[0] else "column"
        notes.append(f"labels are the {which} {names[label]!r}; other targets are left out of the inputs")
    elif name == "diabetes":
        notes.append("scikit-learn delivers these columns centred and scaled")
    else:
        notes.append(f"labels are the {len(np.unique(target))} integer classes, used as regression targets")
    whole = np.hstack([np.asarray(bunch.data, dtype=float), target])
    return _table(name, whole[:, chosen], names, chosen, notes)


def _table(name: str, cut: Array, names: Sequence[str], chosen: list[int], notes: Sequence[str] = ()) -> Table:
    """Make a table of the columns chosen, (n, d + 1) with the label last."""
    *kept, label = (names[j] for j in chosen)
    if len(chosen) < len(names):
        notes = [*notes, f"{len(kept)} of {len(names)} columns are inputs, column {label!r} is the label"]
    return Table(name, cut[:, :-1].copy(), cut[:, -1].copy(), tuple(kept), tuple(notes))


def _column(wanted: str, names: Sequence[str], argument: str) -> int:
    """Return the index of a column given by name or, failing that, by index."""
    wanted = str(wanted).strip()
    if names.count(wanted) > 1:
        raise BadInput(f"{argument} {wanted!r} names {names.count(wanted)} columns; give the index of one, from 0")
    if wanted in names:
        return names.index(wanted)
    if re.fullmatch("-?[0-9]{1,9}", wanted) and -len(names) <= int(wanted) < len(names):
        return int(wanted) % len(names)
    listed = nearest(wanted, names)
    raise BadInput(f"{argument} {wanted!r} is no column; give an index from 0 to {len(names) - 1} or one of {listed}")


def _choose(names: Sequence[str], columns: Text, label_column: Text, targets: range = range(0)) -> list[int]:
    """Return the indices of the input columns and, last, of the label.

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
            raise BadInput(f"columns holds the label {names[label]!r}; leave it out or set label_column")
        if len(set(kept)) < len(kept):
            raise BadInput(f"columns {columns!r} names a column twice; name each once")
    if not kept:
        raise BadInput(f"there is no input column beside the label {names[label]!r}; give at least two columns")
    return [*kept, label]


def _read_text(path: Path, columns: Text, label_column: Text) -> Table:
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
        _refuse_giant(size * cells // max(len(head), 1))
    records = _records(path, delimiter)
    start = list(islice(records, 1))
    if not start:
        raise BadInput("the file is empty; give at least one row of numbers")
    notes = ["columns are separated by semicolons"] if delimiter == ";" else []
    width = len(start[0][1])
    # a single number makes the line a row: a typing error must not turn a datum into a header
    if all(_number(cell) is None for cell in start[0][1]):
        names = start.pop()[1]
        notes.append("the first line is taken for the names of the columns")
    else:
        names = [str(j) for j in range(width)]
        notes.append("there is no header: columns are called by their indices from 0")
    chosen = _choose(names, columns, label_column)
    numbers = array("d")
    for line, row in chain(start, records):
        if len(row) != width:
            raise BadInput(f"line {line} has {len(row)} cells and the first {width}; make the rows equally long")
        numbers.extend(_cell(row[j], f"line {line}, column {names[j]!r}") for j in chosen)
    cut = np.array(numbers, dtype=float).reshape(-1, len(chosen))
    return _table(path.name, cut, names, chosen, notes)


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, stripped cells) of every line that is not blank."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for row in reader:
                if len(row) > 1 or (row and row[0].strip()):
                    yield reader.line_num, [cell.strip() for cell in row]
        except UnicodeDecodeError:
            raise BadInput(f"the file is not UTF-8 text after line {reader.line_num}; save it as UTF-8") from None
        except csv.Error as problem:
            raise BadInput(f"line {reader.line_num}: {problem}; mend this line") from None


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
        raise BadInput(f"{where}: {cell[:40]!r} is not a number; choose other columns or label_column, or code it")
    if not np.isfinite(value):
        raise BadInput(f"{where}: {cell[:40]!r} is not a finite number; correct the cell or remove the row")
    return value


def _refuse_giant(count: int) -> None:
    """Say that so many floats are too many before they are read."""
    if 8 * count > LIMIT:
        raise BadInput(f"about {count / 2**27:.1f} GiB of numbers exceed {LIMIT / 2**30:g} GiB; cut the file first")


def _numbers(values: NDArray[Any], what: str, columns: list[int]) -> Array:
    """Return some columns of a 2-D array of any real dtype as finite floats."""
    if values.dtype.kind not in "biuf":
        raise BadInput(f"{what} has dtype {values.dtype}, not real numbers; save it as floats")
    _refuse_giant(len(values) * len(columns))
    with np.errstate(over="ignore", invalid="ignore"):  # a long double may overflow; it is named below
        floats = np.array(values[:, columns], dtype=float)
    for i, j in np.argwhere(~np.isfinite(floats))[:1]:
        where = f"row {i}, column {columns[j]}"
        raise BadInput(f"{what} holds {floats[i, j]} at {where}; correct it or remove the row")
    return floats


def _read_npy(path: Path, columns: Text, label_column: Text) -> Table:
    """Read a 2-D array whose last column, or ``label_column``, is the label."""
    try:
        # mapped, so that shape and dtype are known before anything is read; an object array is refused
        mapped = np.lib.format.open_memmap(path, mode="r")
    except Exception as problem:  # whatever a damaged header provokes
        raise BadInput(f"no .npy file of numbers ({_brief(problem)}); write it with numpy.save") from None
    if mapped.ndim != 2 or not mapped.shape[1]:
        raise BadInput(f"the array has shape {mapped.shape}; give a 2-D array, one row for each datum")
    names = [str(j) for j in range(mapped.shape[1])]
    chosen = _choose(names, columns, label_column)
    return _table(path.name, _numbers(mapped, "the array", chosen), names, chosen)


def _read_npz(path: Path, columns: Text, label_column: Text) -> Table:
    """Read the arrays X (n, d) and y (n,) of an archive."""
    if label_column is not None:
        raise BadInput("label_column cannot be given for a .npz file, whose labels are its array y; leave it out")
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
        if {"X", "y"} <= set(sizes):
            _refuse_giant((sizes["X"] + sizes["y"]) // 8)
            with np.load(path, allow_pickle=False) as arrays:
                found = arrays["X"], arrays["y"]
    except BadInput:
        raise
    except Exception as problem:  # whatever a damaged archive provokes
        raise BadInput(f"no .npz file of numbers ({_brief(problem)}); write it with numpy.savez") from None
    if not {"X", "y"} <= set(sizes):
        raise BadInput(f"X and y are needed, but the arrays are {', '.join(sorted(sizes)) or 'none'}; rename them")
    inputs, labels = found
    if inputs.ndim != 2 or not inputs.shape[1]:
        raise BadInput(f"X has shape {inputs.shape}; give a 2-D array, one row for each datum")
    if labels.shape not in ((len(inputs),), (len(inputs), 1)):
        raise BadInput(f"y has shape {labels.shape} and X {inputs.shape}; give one label for each row of X")
    names = [*(str(j) for j in range(inputs.shape[1])), "y"]
    chosen = _choose(names, columns, None)
    cut = _numbers(inputs, "X", chosen[:-1]), _numbers(labels.reshape(-1, 1), "y", [0])
    return _table(path.name, np.hstack(cut), names, chosen)
