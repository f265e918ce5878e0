"""The project's own promises: the README is current and its session runs, public names exist, --help is quick."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import theorycheck
from theorycheck.cli import main
from theorycheck.proof_files import unproved
from theorycheck.report_list import card_table_markdown
from theorycheck.theorems import cards, papers

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def between(start: str, text: str = README) -> str:
    return text.split(start)[1].split("<!-- end -->", maxsplit=1)[0].strip()


def test_the_readme_carries_the_table_of_cards():
    printed = card_table_markdown(cards(), papers(), unproved(cards())).strip()
    assert between("<!-- cards: theorycheck list --markdown -->") == printed
    assert printed.replace("derived", "abstract") != printed  # a card that claims more would differ


SESSIONS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize(("session", "said"), list(zip(SESSIONS, ["confirmed", "e-", "at least"], strict=True)))
def test_the_sessions_of_the_readme_run(tmp_path, session, said):
    script = tmp_path / "session.py"
    script.write_text(session, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


CERTIFIED = re.findall(r"^theorycheck (certify [^#\n]*|recheck [^#\n]*)", README, flags=re.MULTILINE)


def test_the_certificates_of_the_readme_are_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(CERTIFIED) == 5
    for line in CERTIFIED:
        assert (
            main(line.replace("--m 2000000", "--m 200000").replace("--residual 0.05", "--residual 0.01").split()) == 0
        )
    assert "valid: caron2023.r0" in capsys.readouterr().out


def test_ci_runs_the_test_command_of_the_readme():
    assert "pytest" in between("<!-- test command -->")
    assert "theorycheck check" in between("<!-- main command -->")
    assert "<!-- test command -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_public_names_exist():
    for name in theorycheck.__all__:
        assert getattr(theorycheck, name) is not None


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, theorycheck; sys.exit(any(m in sys.modules for m in ('sympy', 'numba', 'scipy', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_file_names_this_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:  # an unpacked release, not a checkout
        return
    for name in listed.stdout.split():
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        if name != "tests/test_project.py":
            assert "/root/" not in text
            assert "/work/" not in text
