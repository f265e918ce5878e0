"""Imports point down the list of DESIGN: a module knows only what stands below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "theorycheck"

# from the top; modules on one line do not know each other, except inside their own group
LAYERS = (
    {"cli"},
    {"report"},
    {"ledger", "compare"},
    {"theorems", "check"},
    {"sharpen", "comparison"},
    {"certify"},
    {"judge"},
    {"measure", "adversary", "experiment"},
    {"flow"},
    {"model", "proof"},
    {"network"},
    {"grams"},
    {"constants"},
    {"symbolic", "compiled", "enclose", "spectrum", "data"},
    {"statement"},
    {"evidence", "recheck"},
)
# a group of files that is one module of the list, split to stay readable
GROUPS = {
    "_cli_check": "cli", "_cli_flags": "cli", "_cli_output": "cli", "_cli_certify": "cli", "_cli_hunt": "cli", "_cli_experiment": "cli", "_cli_runs": "cli", "_cli_show": "cli", "_cli_prove": "cli", "_cli_ledger": "cli", "_cli_sharpen": "cli", "_cli_verbs": "cli", "_cli_recheck": "cli", "__main__": "cli", "flags": "report", "_cli_compare": "cli", "compare_widths": "compare",
    "report_json": "report", "report_certify": "report", "report_experiment": "report", "report_published": "report", "report_proof": "report", "report_graph": "report", "report_ledger": "report", "report_latex": "report", "report_list": "report", "report_table": "report", "report_compare": "report",
    "data_angles": "data", "proof_checks": "proof", "proof_steps": "proof", "proof_verify": "proof", "proof_files": "proof", "proof_integrals": "proof", "proof_signs": "proof", "textbook": "proof", "textbook_tails": "proof", "data_files": "data", "bounds": "enclose",
    "constants_complex": "constants", "constants_far": "constants", "constants_gauss": "constants",
    "constants_line": "constants",
    "compiled_printers": "compiled",
    "spectrum_balls": "spectrum", "spectrum_cholesky": "spectrum",
}  # fmt: skip


def group(module: str) -> str:
    """``theorycheck.flow.smooth`` belongs to ``flow``, ``theorycheck.data_files`` to ``data``."""
    parts = module.split(".")
    return GROUPS.get(parts[1], parts[1]) if len(parts) > 1 else ""


def level(name: str) -> int:
    found = [k for k, layer in enumerate(LAYERS) if name in layer]
    assert found, f"{name} stands in no layer: add it to LAYERS or GROUPS"
    return found[0]


def imported(source: str, names: set[str]) -> set[str]:
    """Every theorycheck module that a source imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("theorycheck.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "theorycheck":
            if node.module == "theorycheck":
                found |= {f"theorycheck.{alias.name}" for alias in node.names if alias.name in names}
            else:
                found.add(str(node.module))
    return found


def violations(own: str, source: str, names: set[str]) -> set[str]:
    """The imports that do not point down."""
    return {module for module in imported(source, names) if group(module) != own and level(group(module)) <= level(own)}


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
NAMES = {path.stem if path.parent == PACKAGE else path.parent.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    module = ".".join(["theorycheck", *path.relative_to(PACKAGE).with_suffix("").parts])
    assert violations(group(module), path.read_text(encoding="utf-8"), NAMES) == set()


@pytest.mark.parametrize(
    ("own", "source"),
    [
        ("evidence", "from theorycheck.statement import Bound"),
        ("symbolic", "def f():\n    import theorycheck.enclose"),
        ("flow", "from theorycheck import measure"),
        ("check", "from theorycheck.theorems.core import GROENWALL"),
        ("model", "from theorycheck.report_json import schema"),
    ],
)
def test_an_upward_import_is_seen(own, source):
    assert violations(own, source, NAMES)


def test_nothing_imports_the_tests_or_proofs():
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        roots = {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not roots & {"proofs", "tests", "notebooks"}
