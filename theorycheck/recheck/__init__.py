"""Check a certificate without trusting the program that wrote it.

Nothing here imports the rest of theorycheck: every number is derived again from the data of the file, in balls (Arb).
"""

from __future__ import annotations

from theorycheck.recheck.main import recheck
from theorycheck.recheck.results import BadCertificate, Line, Rechecked

__all__ = ["BadCertificate", "Line", "Rechecked", "recheck"]
