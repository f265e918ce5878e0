"""Textbook results that the proofs apply, with what can be derived of them. Run it: ``python proofs/textbook.py``."""

from __future__ import annotations

from theorycheck.report_proof import run
from theorycheck.textbook import PROOFS

if __name__ == "__main__":
    raise SystemExit(run(PROOFS))
