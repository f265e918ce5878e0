"""Execute the notebooks and write each as ``.ipynb`` beside its source: ``python notebooks/_build.py [NAME ...]``.

The ``.py`` files (jupytext's percent format) are the sources; the ``.ipynb`` files are what comes out, with figures. What
would change from one build to the next (ids, times, the machine's Python) is left out, so that equal outputs are equal files.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
#: longest time for one cell, in seconds
TIMEOUT = 300


def sources(folder: Path = FOLDER) -> list[Path]:
    """Return the notebooks; names that begin with ``_`` are not notebooks."""
    return sorted(folder.glob("[!_]*.py"))


def read(source: Path):
    """Return a source as a notebook without outputs, with ids by place."""
    import jupytext

    notebook = jupytext.read(source)
    # plain metadata: none of jupytext's, none of this machine's Python
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"], cell["metadata"] = f"cell-{number:02d}", {}
    return notebook


def environment(folder: Path) -> dict[str, str]:
    """Return what a kernel needs so that it writes into this folder and nowhere else, and uses this Python."""
    places = ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    for place in places:
        (folder / place.lower()).mkdir(parents=True, exist_ok=True)
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return {place: str(folder / place.lower()) for place in places} | {"PYTHONHASHSEED": "0"} | threads


def execute(source: Path, folder: Path, extra: Mapping[str, str] | None = None, timeout: int = TIMEOUT):
    """Return the notebook after a run in a fresh kernel of this Python.

    Parameters
    ----------
    folder
        Where the kernel runs and keeps its own files.
    extra
        More variables for the kernel's environment.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    settings = environment(folder) | dict(extra or {})
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)  # jupyter_client looks these up in its own process too
    try:
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient

        # a kernel of this very Python, whether or not one is installed
        manager = AsyncKernelManager(kernel_name="python3")
        manager._kernel_spec = KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )
        client = NotebookClient(
            read(source),
            km=manager,
            timeout=timeout,
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
        )
        asyncio.run(client.async_execute(cleanup_kc=True))
        asyncio.run(asyncio.sleep(0))
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return client.nb


def build(source: Path) -> Path:
    """Execute a source and write the ``.ipynb`` beside it."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        notebook = execute(source, Path(folder))
    # what the kernel said about itself
    notebook.metadata = read(source).metadata
    for cell in notebook.cells:
        cell["metadata"] = {}
    target = source.with_suffix(".ipynb")
    nbformat.write(notebook, target)
    return target


def main(names: list[str]) -> int:
    """Build the notebooks that are named, or all."""
    for source in sources():
        if not names or source.stem in names or source.name in names:
            print(build(source).name, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
