"""The notebooks: each is executed, runs without a warning, defines nothing, labels its axes and names no path.

The sources are ``notebooks/*.py``; ``python notebooks/_build.py [NAME ...]`` executes them and writes the ``.ipynb`` files
that are held against them here.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
_SPEC = importlib.util.spec_from_file_location("notebook_build", FOLDER / "_build.py")
build = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(build)

NOTEBOOKS = build.sources(FOLDER)
LARGEST = 400_000
#: every warning is an error in a cell; Jupyter's own, when the kernel is shut down, are not ours
STRICT = {"PYTHONWARNINGS": "error,ignore::PendingDeprecationWarning:ipykernel.kernelbase"}

each = pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)


def stored(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(notebook):
    """What comes out of each cell: streams, figures, formulas."""
    return [[(one.output_type, *sorted(one.get("data", ()))) for one in cell.outputs] for cell in code(notebook)]


# --- the checks: each returns what is wrong -----------------------------------------------------------


def stale(source):
    """Say where the executed notebook is not that of the source, was not run in order, or was left without outputs."""
    if not source.with_suffix(".ipynb").exists():
        return ["there is no .ipynb beside it"]
    wanted, found = build.read(source), stored(source)
    told = [(cell.cell_type, cell.source) for cell in wanted.cells]
    wrong = [] if told == [(cell.cell_type, cell.source) for cell in found.cells] else ["the cells differ"]
    counts = [cell.execution_count for cell in code(found)]
    wrong += [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts are {counts}"]
    wrong += [] if any(cell.outputs for cell in code(found)) else ["no cell has an output"]
    same = found.metadata == wanted.metadata and not any(cell.metadata for cell in found.cells)
    return wrong + ([] if same else ["metadata of a machine or a clock"])


def failed(notebook):
    """Return the errors, and what was written to standard error."""
    wrong = []
    for cell in code(notebook):
        for one in cell.outputs:
            if one.output_type == "error":
                wrong.append(f"{one.ename}: {one.evalue}")
            elif one.get("name") == "stderr":
                wrong.append(one.text)
    return wrong


def definitions(notebook):
    """Return what cells define: a notebook shows what the package does, and adds nothing to it."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [
        part.name for cell in code(notebook) for part in ast.walk(ast.parse(cell.source)) if isinstance(part, kinds)
    ]


def unlabelled(notebook):
    """Return the cells that show a figure and leave an axis without a name; rows of bars are named by their ticks."""
    wrong = []
    for cell in code(notebook):
        calls = [part for part in ast.walk(ast.parse(cell.source)) if isinstance(part, ast.Call)]
        named = {part.func.attr: part for part in calls if isinstance(part.func, ast.Attribute)}
        known = {word.arg for part in calls for word in part.keywords} | set(named)
        rows = "set_yticks" in named and len(named["set_yticks"].args) == 2
        if "show" in named and not (known & {"xlabel", "set_xlabel"} and (rows or known & {"ylabel", "set_ylabel"})):
            wrong.append(cell.source)
    return wrong


def paths(notebook):
    """Return the absolute paths in what can be read; pictures cannot."""
    texts = [cell.source for cell in notebook.cells]
    for cell in code(notebook):
        for one in cell.outputs:
            texts += [one.get("text", ""), *one.get("traceback", ())]
            texts += [text for kind, text in one.get("data", {}).items() if kind.startswith("text/")]
    absolute = re.compile(
        r"(?<![\w./:~])(?:/(?:home|root|tmp|usr|opt|var|mnt|work|Users|private|etc)/|[A-Z]:\\\\?\w)\S*"
    )
    return [match.group() for text in texts for match in absolute.finditer(text)]


# --- the notebooks ------------------------------------------------------------------------------------


def test_there_are_notebooks():
    assert [source.stem for source in NOTEBOOKS][:5] == [
        "00_tour", "01_chen2022", "02_caron2023", "03_certificates", "04_ledger",
    ]  # fmt: skip


@each
def test_it_is_executed_as_it_stands(source):
    assert not stale(source)
    assert source.with_suffix(".ipynb").stat().st_size < LARGEST


@each
def test_it_runs_in_a_clean_kernel_without_a_warning(source, tmp_path):
    notebook = build.execute(source, tmp_path, STRICT, allow_errors=True)
    assert not failed(notebook)
    assert kinds(notebook) == kinds(stored(source))


@each
def test_it_defines_nothing_labels_its_axes_and_names_no_path(source):
    notebook = stored(source)
    assert not definitions(notebook)
    assert not unlabelled(notebook)
    assert not paths(notebook)
    assert notebook.cells[0].source.startswith("# ")


# --- negative controls: a broken notebook is seen by each check -------------------------------------------

GOOD = "# %% [markdown]\n# # Title\n\n# %%\nprint(1)\n\n# %%\nx = 2\n"


def written(folder, text=GOOD, name="small"):
    source = folder / f"{name}.py"
    source.write_text(text, encoding="utf-8")
    return source


def executed(source):
    """Write what a run of the good one would be, without a kernel."""
    notebook = build.read(source)
    for number, cell in enumerate(code(notebook), 1):
        cell.execution_count = number
    code(notebook)[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    nbformat.write(notebook, source.with_suffix(".ipynb"))
    return notebook


def test_a_stale_notebook_is_seen(tmp_path):
    source = written(tmp_path)
    assert stale(source) == ["there is no .ipynb beside it"]
    notebook = executed(source)
    assert not stale(source)
    assert kinds(notebook) == [[("stream",)], []] != kinds(build.read(source))
    written(tmp_path, GOOD.replace("x = 2", "x = 3"))
    assert stale(source) == ["the cells differ"]
    written(tmp_path)
    breaks = {
        "execution counts": lambda cells: cells[0].update(execution_count=2),
        "no cell has an output": lambda cells: cells[0].update(outputs=[]),
        "metadata": lambda cells: cells[1].metadata.update(execution={"iopub.status.busy": "2020-01-01"}),
    }
    for says, change in breaks.items():
        notebook = executed(source)
        change(code(notebook))
        nbformat.write(notebook, source.with_suffix(".ipynb"))
        assert len(stale(source)) == 1, says
        assert stale(source)[0].startswith(says)


CELLS = (
    "print('fine')",
    "import warnings; warnings.warn('careful')",
    "import numpy; numpy.log(numpy.zeros(1))",
    "warnings.warn('old', DeprecationWarning)",
    "import sys; print('oh', file=sys.stderr)",
    "1 / 0",
    "import os; assert os.environ['IPYTHONDIR'].startswith(os.getcwd())",
)


def test_what_goes_wrong_in_a_kernel_is_seen(tmp_path):
    source = written(tmp_path, "\n".join(f"# %%\n{cell}\n" for cell in CELLS))
    (tmp_path / "kernel").mkdir()
    found = build.execute(source, tmp_path / "kernel", STRICT, allow_errors=True)
    fails = [bool(failed(nbformat.from_dict({"cells": [cell]}))) for cell in found.cells]
    assert fails == [False, True, True, True, True, True, False]
    # without the strict environment a warning is still told, on standard error
    assert any("careful" in text for text in failed(found))


def test_a_run_stops_at_an_error_where_none_is_allowed(tmp_path):
    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        build.execute(written(tmp_path, "# %%\n1 / 0\n"), tmp_path)


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (definitions, "def f():\n    pass", "f = 1"),
        (definitions, "if True:\n    class A:\n        pass", "x = 'class A: pass'"),
        (unlabelled, "axes.set(xlabel='t')\nplt.show()", "axes.set(xlabel='t', ylabel='L')\nplt.show()"),
        (unlabelled, "axes.set_yticks([1])\naxes.set_xlabel('m')\nplt.show()", "axes.set_yticks([1], ['a'])\naxes.set_xlabel('m')\nplt.show()"),
        (paths, "open('/home/me/data.csv')", "open('data.csv')"),
        (paths, r"open('C:\\data.csv')", "# 1/home/2, https://a.org/home/x"),
    ],
)  # fmt: skip
def test_a_broken_cell_is_seen(tmp_path, check, bad, good):
    assert check(build.read(written(tmp_path, f"# %%\n{bad}\n")))
    assert not check(build.read(written(tmp_path, f"# %%\n{good}\n")))


def test_a_path_in_an_output_is_seen(tmp_path):
    notebook = executed(written(tmp_path))
    assert not paths(notebook)
    code(notebook)[0].outputs[0].text = f"{sys.prefix}\n/usr/lib/x.py:1: warning\n"
    assert len(paths(notebook)) >= 1
    code(notebook)[0].outputs = [nbformat.v4.new_output("display_data", {"text/plain": "(/tmp/x)"})]
    assert paths(notebook) == ["/tmp/x)"]
