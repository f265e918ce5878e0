"""Execute the notebooks and write each as ``.ipynb`` beside its source: ``python notebooks/_build.py [NAME ...]``.

The ``.py`` files (jupytext's percent format) are the sources; the ``.ipynb`` files are what comes out, with figures. What
would change from one build to the next (ids, times, this machine's Python) is left out.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent
#: longest time for one cell, in seconds
TIMEOUT = 300
#: all that is kept of a notebook's metadata
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: where Jupyter, IPython and Matplotlib write, by variable
PLACES = ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def sources(folder: Path = FOLDER) -> list[Path]:
    """Return the notebooks; files whose names begin with ``_`` are none."""
    return sorted(folder.glob("[!_]*.py"))


def read(source: Path) -> NotebookNode:
    """Return a source as a notebook without outputs, with ids by place."""
    import jupytext

    notebook = jupytext.read(source)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    return _plain(notebook)


def _plain(notebook: NotebookNode) -> NotebookNode:
    """Take out what a machine, a clock or a tool has written into the metadata."""
    from nbformat import from_dict

    notebook.metadata = from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = from_dict({})
    return notebook


def execute(
    source: Path, folder: Path, extra: Mapping[str, str] | None = None, *, allow_errors: bool = False
) -> NotebookNode:
    """Return a source after a run in a fresh kernel of this Python.

    Parameters
    ----------
    folder
        Where the kernel runs, and where Jupyter and the kernel keep their own files.
    extra
        More variables for the kernel's environment.
    allow_errors
        Go on after a cell that fails.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails, unless that is allowed.
    """
    own = {name: str(folder / name.lower()) for name in PLACES} | dict.fromkeys(THREADS, "1")
    for name in PLACES:
        (folder / name.lower()).mkdir(parents=True, exist_ok=True)
    # fonts are looked for once in a new folder, and a note about it must not end up in a cell
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env={**os.environ, **own}, check=True)
    before = dict(os.environ)
    os.environ.update(own)  # for the client, which has places of its own
    try:
        from nbclient import NotebookClient

        client = NotebookClient(
            read(source), timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}},
            record_timing=False, coalesce_streams=True, allow_errors=allow_errors, extra_arguments=["--log-level=CRITICAL"],
        )  # fmt: skip
        asyncio.run(client.async_execute(env={**os.environ, **(extra or {})}))
    finally:
        os.environ.clear()
        os.environ.update(before)
    return _plain(client.nb)


def build(source: Path) -> Path:
    """Execute a source and write the ``.ipynb`` beside it."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        notebook = execute(source, Path(folder))
    target = source.with_suffix(".ipynb")
    nbformat.write(notebook, target)
    return target


def main(names: list[str]) -> int:
    """Build the notebooks that are named, or all."""
    for source in sources():
        if not names or source.stem in names:
            print(build(source).name, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
